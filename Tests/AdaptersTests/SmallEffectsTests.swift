import Engine
import TestSupport
import Testing
import Values

@testable import Adapters

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

@Suite struct SmallEffectsTests {
    let clock = VirtualClock()
    let lines = Gathered<String>()

    private var effects: [AdapterEffect] { SmallEffects(log: { [lines] in lines.add($0) }).all }

    private func start(_ type: String, _ params: [KnownName: Value], _ answers: Gathered<AdapterError?>) -> (
        @Sendable () -> Void
    )? {
        let call = EffectCall(
            params: Params(map(params)), clock: clock)
        return effects.first { $0.type == type }!.start(call) { result in
            if case .failure(let error) = result { answers.add(error) } else { answers.add(nil) }
        }
    }

    @Test("P25: sleep waits on the run's own clock, for as long as told") func sleep() {
        let answers = Gathered<AdapterError?>()
        _ = start("time/sleep", [.ms: .int(250)], answers)
        #expect(answers.all.isEmpty)
        clock.advance(byMs: 249)
        #expect(answers.all.isEmpty)
        clock.advance(byMs: 1)
        #expect(answers.all == [nil])
        _ = start("time/sleep", [.ms: .int(0)], answers)
        #expect(answers.all == [nil, nil])
        _ = start("time/sleep", [:], answers)
        #expect(answers.all.last??.code == .invalidParameter)
    }

    @Test("A cancelled sleep answers once, whatever its timer does") func cancelledSleep() {
        let answers = Gathered<AdapterError?>()
        let cancel = start("time/sleep", [.ms: .int(250)], answers)
        cancel?()
        clock.advance(byMs: 250)
        #expect(answers.all == [.cancelled])
    }

    @Test("P27: log lines have their level, the message and its data") func log() async throws {
        _ = try await perform(effects, "log/info", [.message: .string("started")])
        _ = try await perform(effects, "log/warn", [.message: .string("slow"), .data: .int(7)])
        _ = try await perform(effects, "log/error", [.message: .string("gone")])
        #expect(lines.all == ["[INFO] started", "[WARN] slow 7", "[ERROR] gone"])
    }

    @Test("P27: what is not realised or has no end takes up little of a line") func longLog() async throws {
        let unrealised = Value.lazy(LazySeq(thunk: .nil))
        _ = try await perform(effects, "log/info", [.message: .string("x"), .data: .vector([.int(1), unrealised])])
        let many = Value.vector((0..<1001).map { .int($0) })
        _ = try await perform(effects, "log/info", [.message: .string("y"), .data: many])
        #expect(lines.all.first == "[INFO] x [1 (…)]")
        #expect(lines.all.last?.hasSuffix(" 998 999 ...]") == true)
    }

    @Test("U: what a variable of a secret's name holds is a secret from then on") func secretVariables() async throws {
        let redactor = Redactor()
        let effects = SmallEffects(log: { [lines] in lines.add($0) }, secrets: redactor).all
        setenv("SLUICE_TEST_PASSWORD", "opensesame", 1)
        setenv("SLUICE_TEST_PLACE", "a cave", 1)
        for name in ["SLUICE_TEST_PASSWORD", "SLUICE_TEST_PLACE"] {
            let read = try await perform(effects, "env/get", [.name: .string(name)])
            #expect(read.stringValue == (name == "SLUICE_TEST_PLACE" ? "a cave" : "opensesame"))
        }
        let data = Value.vector([.string("opensesame"), .map(map([.url: .string("http://h/?token=1")]))])
        _ = try await perform(effects, "log/info", [.message: .string("opensesame in a cave"), .data: data])
        #expect(lines.all == [##"[INFO] #<secret> in a cave ["#<secret>" {:url "http://h/?token=#<secret>"}]"##])
    }

    @Test("Variables: asked for by name, nil when unset") func environment() async throws {
        setenv("SLUICE_TEST_VARIABLE", "v", 1)
        #expect(try await perform(effects, "env/get", [.name: .string("SLUICE_TEST_VARIABLE")]).stringValue == "v")
        #expect(try await perform(effects, "env/get", [.name: .string("SLUICE_TEST_NONE")]).isNil)
        let refused = await failure { () async throws(AdapterError) in
            try await perform(
                effects, "env/get", [.name: .string("PATH")],
                allow: { need throws(AdapterError) in
                    #expect(need == .env("PATH"))
                    throw AdapterError(.permissionDenied, "no")
                })
        }
        #expect(refused?.code == .permissionDenied)
    }
}
