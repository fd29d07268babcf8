import Synchronization
import TestSupport
import Testing
import Values

@testable import Engine

/// The driver on a virtual clock: every waiter once, cancellation that arrives, handlers of every sort.
@Suite struct DriverTests {
    /// A driver, and what was heard of it.
    final class Rig: @unchecked Sendable {
        // Sendable: `lock` guards everything mutable.
        let clock = VirtualClock(epochMs: 1_000_000)
        let names = Names()
        let redactor = Redactor()
        let events: EventStream
        let driver: EngineDriver
        private let lock = Lock()
        private var heard: [String] = []
        private var ordinal = 0

        init(maxInflight: Int = 4) {
            let clock = clock
            events = EventStream(wallMs: { clock.wallMs }, redactor: redactor, keep: 100_000)
            var configuration = EngineConfiguration()
            configuration.maxInflight = maxInflight
            driver = EngineDriver(
                clock: clock, events: events, grants: Capabilities(workingDirectory: "/tmp"),
                configuration: configuration)
        }

        func define(
            _ type: String, params: [EffectType.Param] = [], holdsSlot: Bool = true,
            _ body: @escaping @Sendable (EffectRequest) -> Void
        ) {
            driver.define(
                EffectType(
                    name: names.intern(type), params: params, holdsSlot: holdsSlot, handler: ClosureHandler(body)))
        }

        func effect(
            _ type: String, _ params: [(KnownName, Value)] = [], meta: [(KnownName, Value)] = [],
            parent: Identity = Identity(root: .run)
        ) -> Effect {
            let name = names.intern(type)
            return Effect(
                type: name, fields: Trial.map(params + [(.effectSlashType, .keyword(name))]), meta: Trial.meta(meta),
                parent: parent,
                ordinal: lock.withLock {
                    ordinal += 1
                    return ordinal
                })
        }

        func hear(_ text: String) { lock.withLock { heard.append(text) } }
        var all: [String] { lock.withLock { heard } }

        func perform(_ effects: [Effect]) throws {
            try driver.submit(
                Submission(
                    effects,
                    waiter: { index, end in
                        switch end.outcome {
                        case .ok(let value): self.hear("\(index) ok \(ValueKey.shown(value))")
                        case .error(let error): self.hear("\(index) \(error.code): \(error.message)")
                        }
                    }))
        }
    }

    @Test func anOutcomeReachesItsWaiterAndTheListener() throws {  // P8, J25
        let rig = Rig()
        rig.define("test/add") { request in
            request.succeed(.int((request.effect[.value]?.intValue ?? 0) + 1))
        }
        rig.driver.onSignal { if case .effectCompleted(_, let end) = $0 { rig.hear("signal \(end.status)") } }
        try rig.perform([rig.effect("test/add", [(.value, number(41))])])
        #expect(rig.all == ["0 ok 42", "signal done"])
        let types = rig.events.recent().events.map(\.type)
        #expect(types == [.effectSubmitted, .effectStarted, .effectEnded])
    }

    @Test func manyEffectsThatEndAtOnceNeedNoStack() throws {  // N5
        let rig = Rig(maxInflight: 1)
        rig.define("test/now") { request in request.succeed(.nil) }
        let count = 20_000
        let answered = Atomic<Int>(0)
        let effects = (0..<count).map { _ in rig.effect("test/now") }
        try rig.driver.submit(Submission(effects, waiter: { _, _ in answered.add(1, ordering: .relaxed) }))
        #expect(answered.load(ordering: .relaxed) == count && rig.driver.stats.done == count)
    }

    @Test func aHandlerMaySubmitAndAwaitWithoutDeadlock() throws {  // P19
        let rig = Rig(maxInflight: 1)
        rig.define("test/leaf") { request in request.succeed(.int(1)) }
        rig.define("test/nest") { request in
            let depth = request.effect[.value]?.intValue ?? 0
            let child = depth == 0 ? "test/leaf" : "test/nest"
            request.park()
            let effect = rig.effect(child, [(.value, number(depth - 1))], parent: request.effect.identity)
            _ = try? rig.driver.submit(
                Submission(
                    [effect],
                    waiter: { _, end in
                        request.unpark { request.finish(end.outcome) }
                    }))
        }
        try rig.perform([rig.effect("test/nest", [(.value, number(50))])])
        #expect(rig.all == ["0 ok 1"] && rig.driver.stats.done == 52)
    }

    @Test func cancellationReachesTheHandlerOnce() throws {
        let rig = Rig()
        rig.define("test/hang") { request in
            request.onCancel { reason in
                rig.hear("stopped: \(reason.rawValue)")
                request.fail(EffectError(code: "late", "too late"))
            }
        }
        let effect = rig.effect("test/hang")
        try rig.perform([effect])
        rig.driver.cancel(.handle(try rig.driver.submit(Submission([effect]))[0]))
        rig.driver.cancel(.all)
        #expect(rig.all.sorted() == ["0 cancelled: effect cancelled: requested", "stopped: requested"])
    }

    @Test func aTimeoutRingsByTheClock() throws {  // P22
        let rig = Rig()
        rig.define("test/hang") { request in request.onCancel { _ in rig.hear("stopped") } }
        try rig.perform([rig.effect("test/hang", meta: [(.timeoutMs, number(30))])])
        rig.clock.advance(byMs: 29)
        #expect(rig.all.isEmpty)
        rig.clock.advance(byMs: 1)
        #expect(rig.all.sorted() == ["0 timeout: effect timeout after 30ms", "stopped"])
        #expect(rig.clock.nextCallMs == nil)
    }

    @Test func aSecondAnswerIsDroppedAndReported() throws {
        let rig = Rig()
        rig.define("test/twice") { request in
            request.succeed(.int(1))
            request.succeed(.int(2))
        }
        try rig.perform([rig.effect("test/twice")])
        #expect(rig.all == ["0 ok 1"])
        #expect(rig.events.recent().events.map(\.type).contains(.effectExtraAnswer))
    }

    @Test func parametersAreChecked() throws {
        let rig = Rig()
        let param = EffectType.Param(KnownName.path.name, .string, required: true)
        rig.define("test/read", params: [param]) { request in request.succeed(.nil) }
        try rig.perform([rig.effect("test/read")])
        try rig.perform([rig.effect("test/read", [(.path, number(1))])])
        #expect(rig.all[0] == "0 invalid_effect: :test/read needs the parameter :path, a string")
        #expect(
            rig.all[1].hasPrefix("0 invalid_effect: the parameter :path of :test/read must be a string, but it is "))
    }

    @Test func partsReachTheListenerAndTheStream() throws {  // P25: streaming
        let rig = Rig()
        rig.define("test/stream") { request in
            request.report(.string("a"))
            request.report(.string("b"))
            request.succeed(.string("ab"))
            request.report(.string("late"))
        }
        try rig.driver.submit(
            Submission(
                [rig.effect("test/stream")], progress: { index, part in rig.hear("\(index) \(part.stringValue ?? "")") }
            ))
        #expect(rig.all.prefix(2) == ["0 a", "0 b"])
        #expect(rig.events.recent().events.filter { $0.type == .effectProgress }.count >= 2)
    }

    @Test func aTypeThatMergesItselfIsGivenTheParts() throws {  // J21
        let rig = Rig(maxInflight: 1)
        rig.driver.define(
            EffectType(
                name: rig.names.intern("test/sum"),
                params: [EffectType.Param(KnownName.value.name, .int, required: true)],
                mergesItself: true,
                handler: ClosureHandler { request in
                    let values = ([request.effect] + request.parts).map { $0[.value]?.intValue ?? 0 }
                    let sum = values.reduce(0, +)
                    // More than 10 is a wrong parameter.
                    let merged = sum > 10 ? Trial.map([]) : Trial.map([(.value, number(sum))])
                    if let complaint = request.merge(merged) { return request.fail(complaint) }
                    request.succeed(request.effect[.value] ?? .nil)
                }))
        func sum(_ key: String, _ values: ClosedRange<Int64>) throws {
            let meta: [(KnownName, Value)] = [(.idempotencyKey, .string(key)), (.dedupStrategy, .kw(.merge))]
            try rig.perform(values.map { rig.effect("test/sum", [(.value, number($0))], meta: meta) })
        }
        try sum("few", 1...3)
        #expect(rig.all.sorted() == ["0 ok 6", "1 ok 6", "2 ok 6"])
        // Its end tells of the effect as it was done.
        let ended = try #require(rig.events.recent().events.last { $0.type == .effectEnded })
        let effect = try Trial.map(try #require(try Trial.map(ended.payload).find(.kw(.effect))))
        #expect(try effect.find(.kw(.value))?.intValue == 6)
        try sum("many", 4...7)
        #expect(rig.all.last?.hasSuffix("invalid_effect: :test/sum needs the parameter :value, an integer") == true)
    }

    @Test func secretsDoNotLeaveInErrors() throws {  // U
        let rig = Rig()
        rig.redactor.add("sk-verysecret")
        rig.define("test/leak") { request in request.fail(EffectError(code: "x", "key sk-verysecret refused"))
        }
        try rig.perform([rig.effect("test/leak")])
        #expect(rig.all == ["0 x: key #<secret> refused"])
    }

    /// What was thrown goes along as the cause: without the secret, where it has one, and as it is otherwise.
    @Test func secretsDoNotLeaveInCauses() throws {  // U
        let rig = Rig()
        rig.redactor.add("sk-verysecret")
        func cause(_ message: String, _ data: Value, of inner: Exception) throws -> (thrown: Exception, told: Exception)
        {
            let thrown = Exception(.illegalState, message, data: data, cause: .object(inner))
            thrown.trace = [TraceFrame(function: "f", source: nil, span: nil)]
            let masked = rig.redactor.forScript(EffectError.of(.thrown(thrown), code: .handlerFailed))
            return (thrown, try #require(masked.cause))
        }
        func inner(_ message: String) -> Exception { Exception(.info, message) }
        let clean = try cause("no", .vector([.string("a")]), of: inner("why"))
        #expect(clean.told === clean.thrown)
        let secret = Value.vector([.map(Trial.map([(.value, .string("key sk-verysecret"))]))])
        for (found, message, innermost) in [
            (try cause("sk-verysecret is bad", .nil, of: inner("why")), "#<secret> is bad", "why"),
            (try cause("no", secret, of: inner("why")), "no", "why"),
            (try cause("no", .nil, of: inner("sk-verysecret")), "no", "#<secret>"),
        ] {
            #expect(found.told.message == message && found.told.type == .illegalState)
            #expect(found.told.trace.count == 1)
            #expect(try !Printer.readable(.object(found.told)).contains("verysecret"))
            guard case .object(let object) = found.told.cause, let last = object as? Exception else {
                Issue.record("the cause is gone")
                continue
            }
            #expect(last.message == innermost)
        }
    }

    @Test func stopAnswersWhenEverythingHasEnded() throws {  // D23
        let rig = Rig()
        rig.define("test/hang") { _ in }
        try rig.perform([rig.effect("test/hang")])
        rig.driver.stop(graceMs: 100) { rig.hear("stopped") }
        #expect(rig.all.isEmpty)
        rig.clock.advance(byMs: 100)
        #expect(rig.all == ["0 cancelled: effect cancelled: the system was stopped", "stopped"])
        rig.driver.stop(graceMs: 0) { rig.hear("again") }
        #expect(rig.all.last == "again")
        #expect(throws: EffectError.self) { try rig.perform([rig.effect("test/hang")]) }
    }

    @Test func waitingForAnIDThatIsUnknownIsAnswered() {
        let rig = Rig()
        rig.driver.wait(forID: ValueKey(text: "nobody")) { outcome in
            if case .error(let error) = outcome { rig.hear(error.code) }
        }
        #expect(rig.all == ["unknown_effect"])
    }

    /// What an attempt on a thread of its own sets off there, at once or from elsewhere, is done before the attempt counts as over:
    /// else a run would end, with fibers that are about to be told.
    @Test func anOutsideAttemptIsOverWhenAllThatCameOfItIsDone() throws {
        let rig = Rig()
        let over = Signalled()
        rig.driver.onOutside(
            began: { rig.hear("began") },
            ended: {
                rig.hear("ended")
                if rig.all.count(where: { $0 == "ended" }) == rig.all.count(where: { $0 == "began" }) { over.signal() }
            })
        let isSubmitted = Signalled()
        rig.define("test/outside") { request in
            _ = startThread {
                // When the thread that submitted it attends to nothing any more.
                #expect(isSubmitted.wait(ms: 10_000))
                request.succeed(.nil)
            }
        }
        rig.driver.define(
            EffectType(
                name: rig.names.intern("test/inside"),
                handler: ClosureHandler(isVirtual: true) { request in request.succeed(.nil) }))
        let (inner, submitted) = (rig.effect("test/inside"), Signalled())
        try rig.driver.submit(
            Submission(
                [rig.effect("test/outside")],
                waiter: { _, _ in
                    // As a fiber does that was resumed on another thread, while this one is not done yet.
                    _ = startThread {
                        _ = try? rig.driver.submit(Submission([inner], waiter: { _, _ in rig.hear("inner") }))
                        submitted.signal()
                    }
                    #expect(submitted.wait(ms: 10_000))
                }))
        isSubmitted.signal()
        #expect(over.wait(ms: 10_000))
        #expect(rig.all == ["began", "began", "inner", "ended", "ended"])
    }

    @Test func manyThreadsEndTheirEffects() throws {
        // Real threads: every waiter is answered once, whoever ends what.
        let rig = Rig(maxInflight: 8)
        rig.define("test/thread") { request in
            #expect(startThread { request.succeed(.nil) })
        }
        let count = 400
        let done = Atomic<Int>(0)
        let all = Signalled()
        for _ in 0..<count {
            try rig.driver.submit(
                Submission(
                    [rig.effect("test/thread")],
                    waiter: { _, _ in
                        if done.add(1, ordering: .relaxed).newValue == count { all.signal() }
                    }))
        }
        #expect(all.wait(ms: 20_000))
        #expect(rig.driver.stats.done == count && rig.driver.stats.running == 0)
    }

    @Test func theVirtualClockMakesEachCallAtItsTime() {
        let clock = VirtualClock()
        let heard = Rig()
        for ms in [5, 3, 5, 9] { _ = clock.after(ms: Int64(ms)) { heard.hear("\(ms)@\(clock.nowMs)") } }
        _ = clock.after(ms: 3) { _ = clock.after(ms: 1) { heard.hear("nested@\(clock.nowMs)") } }
        clock.advance(toMs: 8)
        #expect(heard.all == ["3@3", "nested@4", "5@5", "5@5"] && clock.nowMs == 8 && clock.nextCallMs == 9)
    }
}
