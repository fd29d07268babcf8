import Engine
import Machine
import Testing
import Values

@testable import Runtime

@Suite struct PerformingTests {
    private let world: World
    private let engine: EngineDriver

    init() {
        world = World(.virtual(seed: 3))
        var configuration = EngineConfiguration()
        configuration.maxInflight = 1
        engine = EngineDriver(
            clock: world.runtime.clock, events: world.runtime.events, grants: Capabilities(workingDirectory: "/tmp"),
            configuration: configuration)
        world.runtime.attach(engine)
    }

    private func define(_ name: String, timeout: EffectType.DefaultTimeout = .none, _ handler: any EffectHandler) {
        engine.define(EffectType(name: world.instance.names.intern(name), timeout: timeout, handler: handler))
    }

    private func effect(_ type: String, _ value: Value = .nil) -> Value {
        .record((.effectSlashType, .keyword(world.instance.names.intern(type))), (.value, value))
    }

    private func data(_ result: Result<Value, Fault>, _ key: KnownName) -> Value? {
        guard case .failure(.thrown(let exception)) = result, case .map(let map) = exception.data else { return nil }
        return (try? map.find(.kw(key))) ?? nil
    }

    // P26
    @Test func theOutcomeResumesTheFiber() {
        define("test/double", ClosureHandler.immediate { .ok(.int(($0.effect[.value]?.intValue ?? 0) * 2)) })
        #expect(world.main(world.call("perform", effect("test/double", .int(21)))).int == 42)
    }

    @Test func anErrorIsAnExceptionWithItsCode() {
        define("test/fail", ClosureHandler.immediate { _ in .error(EffectError(code: "no_luck", "it did not work")) })
        let result = world.main(world.call("perform", effect("test/fail")))
        #expect(result.message == "it did not work")
        #expect(data(result, .code)?.stringValue == "no_luck")
        #expect(data(result, .effect) != nil)
    }

    // P22, in virtual time
    @Test func aTimeoutFails() {
        define("test/hang", timeout: .ms(300), ClosureHandler(isVirtual: true) { _ in })
        let result = world.main(world.call("perform", effect("test/hang")))
        #expect(result.message == "effect timeout after 300ms")
        #expect(world.runtime.scheduler.now() == 300_000_000)
    }

    @Test func aBatchKeepsItsOrder() throws {
        define(
            "test/echo",
            ClosureHandler { request in
                let value = request.effect[.value]!
                if value.intValue == 2 {
                    request.fail(EffectError(code: "two", "two"))
                } else {
                    request.succeed(value)
                }
            })
        let batch = Value.vector((1...3).map { effect("test/echo", .int($0)) })
        guard case .success(.vector(let outcomes)) = world.main(world.call("perform-all", batch)) else {
            Issue.record("no outcomes")
            return
        }
        #expect(outcomes[0].intValue == 1)
        #expect(outcomes[2].intValue == 3)
        guard case .map(let error) = outcomes[1] else {
            Issue.record("no error")
            return
        }
        #expect(try error.find(.kw(.error)) != nil)
    }

    /// A script's handler performs effects itself although only one may run at a time (P19).
    @Test func handlersThatPerformDoNotDeadlock() {
        define("test/leaf", ClosureHandler.immediate { _ in .ok(.int(5)) })
        let (perform, leaf) = (world.primitive("perform"), effect("test/leaf"))
        let body = Native("handler", 1, control: { (_, _) throws(Fault) in .call(perform, [leaf]) })
        define("test/outer", FunctionHandler(.native(body), world.runtime))
        #expect(world.main(world.call("perform", effect("test/outer"))).int == 5)
    }

    /// A cancelled fiber takes what it performs along.
    @Test func cancellingAFiberCancelsItsEffect() {
        let heard = Shared<CancelReason?>(nil)
        define(
            "test/hang",
            ClosureHandler(isVirtual: true) { request in
                request.onCancel { reason in heard.update { $0 = reason } }
            })
        let ended = Shared(false)
        let job = world.runtime.spawn(
            Actor([world.call("perform", effect("test/hang"))]).function(),
            completion: .call({ if case .failure(.cancelled(.requested)) = $0 { ended.update { $0 = true } } }))
        _ = world.main(world.call("sleep", .int(10)), Do.note { job.cancel(.requested) })
        #expect(world.runtime.runUntilIdle() == .idle)
        #expect(heard.value == .parent)
        #expect(ended.value)
    }

    /// Identities follow the program, so a journal can be replayed (L42).
    @Test func effectsAreNumberedInProgramOrder() {
        let paths = Shared<[String]>([])
        define(
            "test/note",
            ClosureHandler.immediate { request in
                paths.update { $0.append(request.effect.identity.path) }
                return .ok(.nil)
            })
        _ = world.main(world.call("perform", effect("test/note")), world.call("perform", effect("test/note")))
        #expect(paths.value == ["run/fiber:0/effect:0", "run/fiber:0/effect:1"])
    }
}
