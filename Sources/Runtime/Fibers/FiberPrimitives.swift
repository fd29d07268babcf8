import Engine
import Machine
import Values

/// Starting fibers and letting time pass.
enum FiberPrimitives {
    static func table(_ runtime: FiberRuntime) -> [RuntimePrimitive] {
        [
            // (spawn f dispatch & arguments): a channel that receives the result of (f arguments…), then closes.
            RuntimePrimitive(
                name: "spawn", arity: .atLeast(1),
                plain: { [unowned runtime] (arguments, fiber) throws(Fault) in
                    let channel = Channel(.fixed(1))
                    if try !start(arguments, fiber, .channel(channel)) {
                        try runtime.start(arguments, fiber, .channel(channel))
                    }
                    return .object(channel)
                },
                unread: { [unowned runtime] (arguments, fiber) throws(Fault) in
                    // A reference that does not hold costs as much as the rest: the runtime is asked for where no job runs.
                    if try !start(arguments, fiber, .none) { try runtime.start(arguments, fiber, .none) }
                    return .nil
                }),
            // (future-call f): a future of the result of (f).
            RuntimePrimitive(name: "future-call", arity: 1) { [unowned runtime] (arguments, fiber) throws(Fault) in
                let future = Future()
                runtime.spawn(
                    arguments[0], dispatch: .go, from: Job.running(fiber), bindings: fiber.bindings,
                    completion: .promise(future))
                return .value(.object(future))
            },
            RuntimePrimitive(name: "sleep", arity: 1) { (arguments, fiber) throws(Fault) in
                let delay = try Argument.milliseconds(arguments[0], "sleep")
                let job = try Job.waiting(fiber)
                let entry = Waiting(job, job.arm())
                job.runtime.scheduler.schedule(at: job.runtime.scheduler.now() + delay, .resume(entry, .nil))
                return try job.parked(entry.epoch)
            },
            // (yield): others that are ready run first.
            RuntimePrimitive(name: "yield", arity: 0) { (_, fiber) throws(Fault) in
                let job = try Job.waiting(fiber)
                let entry = Waiting(job, job.arm())
                job.runtime.scheduler.schedule(at: job.runtime.scheduler.now(), .resume(entry, .nil))
                return try job.parked(entry.epoch)
            },
            // Nanoseconds of the scheduler's clock: virtual under the virtual scheduler.
            RuntimePrimitive(
                name: "nano-time", arity: 0,
                plain: { [unowned runtime] (_, _) throws(Fault) in
                    .int(runtime.scheduler.now())
                }),
            // (here): where the script is, for `called-from`.
            RuntimePrimitive(name: "here", arity: 0) { (_, fiber) throws(Fault) in
                .value(.object(CallPlace(fiber.whereabouts)))
            },
            // (called-from here exception): the exception, which names that place where it names none of the script's.
            RuntimePrimitive(name: "called-from", arity: 2) { (arguments, _) throws(Fault) in
                if case .object(let here) = arguments[0], case .object(let thrown) = arguments[1],
                    let frame = (here as? CallPlace)?.frame, let exception = thrown as? Exception,
                    exception.site == nil
                {
                    exception.trace.append(frame)
                }
                return .value(arguments[1])
            },
            RuntimePrimitive(name: "identity", arity: 0) { (_, fiber) throws(Fault) in
                .value(Job.running(fiber).map { .string($0.lineage.identity.path) } ?? .nil)
            },
            // The id of the process that the running code belongs to; nil outside of one.
            RuntimePrimitive(name: "process-id", arity: 0) { (_, fiber) throws(Fault) in
                var identity = Job.running(fiber)?.lineage.identity
                while let here = identity, here.kind != .process { identity = here.parent }
                return .value(identity?.name.map { .string($0) } ?? .nil)
            },
        ]
    }
}

/// Where a function of the library was called that goes on in a fiber of its own.
private final class CallPlace: Object, @unchecked Sendable {
    // Sendable: immutable.
    let frame: TraceFrame?

    init(_ frame: TraceFrame?) { self.frame = frame }

    override func write(to printer: inout Printer) throws(Fault) { printer.write("#<place>") }
}

extension FiberPrimitives {
    /// Starts a fiber for the running job; false when none runs.
    private static func start(
        _ arguments: Arguments, _ fiber: Fiber, _ completion: __owned JobCompletion
    ) throws(Fault) -> Bool {
        let dispatch = try dispatch(arguments)
        guard let job = Job.running(fiber) else { return false }
        Unmanaged.passUnretained(job)._withUnsafeGuaranteedRef {
            $0.start(arguments.slot(0), arguments.slot(2), max(0, arguments.count - 2), dispatch, completion)
        }
        return true
    }

    fileprivate static func dispatch(_ arguments: Arguments) throws(Fault) -> Dispatch {
        arguments.count > 1 ? try Argument.dispatch(arguments.place(1)) : .go
    }
}

extension FiberRuntime {
    /// The same in code that Swift called.
    fileprivate func start(
        _ arguments: Arguments, _ fiber: Fiber, _ completion: JobCompletion
    ) throws(Fault) {
        spawn(
            arguments[0], Array(arguments.all.dropFirst(2)), dispatch: try FiberPrimitives.dispatch(arguments),
            bindings: fiber.bindings, completion: completion)
    }
}

/// Promises and futures (N3).
enum PromisePrimitives {
    static func table(_ runtime: FiberRuntime) -> [RuntimePrimitive] {
        [
            RuntimePrimitive(name: "promise", arity: 0, plain: { (_, _) throws(Fault) in .object(Promise()) }),
            // (deliver p value): p, or nil when something was delivered before.
            RuntimePrimitive(
                name: "deliver", arity: 2,
                plain: { (arguments, _) throws(Fault) in
                    let promise = try promise(arguments[0], "deliver")
                    if promise is Future { throw .type("deliver", expected: "a promise", found: arguments[0]) }
                    return promise.complete(.success(arguments[1])) ? arguments[0] : .nil
                }),
            // (await p) and (await p ms else): what deref does for promises and futures.
            RuntimePrimitive(name: "await", arity: .between(1, 3)) { (arguments, fiber) throws(Fault) in
                try awaiting(arguments, fiber)
            },
            RuntimePrimitive(
                name: "promise?", arity: 1,
                plain: { (arguments, _) throws(Fault) in
                    if case .object(let object) = arguments[0] { return .bool(object is Promise) }
                    return .false
                }),
            RuntimePrimitive(
                name: "future?", arity: 1,
                plain: { (arguments, _) throws(Fault) in
                    if case .object(let object) = arguments[0] { return .bool(object is Future) }
                    return .false
                }),
            RuntimePrimitive(
                name: "realized?", arity: 1,
                plain: { (arguments, _) throws(Fault) in
                    .bool(try promise(arguments[0], "realized?").isRealized)
                }),
            RuntimePrimitive(
                name: "future-cancel", arity: 1,
                plain: { (arguments, _) throws(Fault) in
                    .bool(try future(arguments[0], "future-cancel").cancel())
                }),
            RuntimePrimitive(
                name: "future-cancelled?", arity: 1,
                plain: { (arguments, _) throws(Fault) in
                    .bool(try future(arguments[0], "future-cancelled?").isCancelled)
                }),
        ]
    }

    private static func awaiting(_ arguments: Arguments, _ fiber: Fiber) throws(Fault) -> Control {
        let promise = try promise(arguments[0], "deref")
        if let value = try promise.valueIfThere() { return .value(value) }
        let job = try Job.waiting(fiber)
        guard arguments.count > 1 else { return try promise.wait(job) }
        let delay = try Argument.milliseconds(arguments[1], "deref")
        return try promise.wait(job, until: job.runtime.scheduler.now() + delay, else: arguments.optional(2))
    }

    private static func promise(_ value: Value, _ operation: String) throws(Fault) -> Promise {
        if case .object(let object) = value, let promise = object as? Promise { return promise }
        throw .type(operation, expected: "a promise or a future", found: value)
    }

    private static func future(_ value: Value, _ operation: String) throws(Fault) -> Future {
        if case .object(let object) = value, let future = object as? Future { return future }
        throw .type(operation, expected: "a future", found: value)
    }
}

/// Work that has a name in the identities of what it starts: tests.
enum TestPrimitives {
    /// Where a fiber stood before it began a test.
    private final class Place: Object, @unchecked Sendable {
        // Sendable: immutable.
        let standing: Job.Standing
        init(_ standing: Job.Standing) { self.standing = standing }
    }

    static func table() -> [RuntimePrimitive] {
        [
            // (test-enter name n): from here on the fiber runs the test of this name for the nth time, counted from 0. Gives what
            // to leave it with.
            RuntimePrimitive(name: "test-enter", arity: 2) { (arguments, fiber) throws(Fault) in
                guard let job = Job.running(fiber), let name = arguments[0].stringValue else { return .value(.nil) }
                let place = Place(job.standing)
                let ordinal = Int(arguments[1].intValue ?? 0)
                job.begin(job.lineage.identity.child(.test, name: name, ordinal: ordinal))
                return .value(.object(place))
            },
            // (test-leave place): back to where the fiber stood.
            RuntimePrimitive(name: "test-leave", arity: 1) { (arguments, fiber) throws(Fault) in
                if case .object(let object) = arguments[0], let place = object as? Place {
                    Job.running(fiber)?.goBack(to: place.standing)
                }
                return .value(.nil)
            },
        ]
    }
}

/// Structured scopes.
enum ScopePrimitives {
    static func table(_ runtime: FiberRuntime) -> [RuntimePrimitive] {
        [
            // (scope-enter): a new scope inside the present one; fibers started from here on belong to it.
            RuntimePrimitive(name: "scope-enter", arity: 0) { (_, fiber) throws(Fault) in
                let job = try Job.waiting(fiber)
                let scope = Scope(parent: job.innerScope)
                job.innerScope = scope
                return .value(.object(scope))
            },
            // (scope-leave scope): back to the scope around it. Join it first.
            RuntimePrimitive(name: "scope-leave", arity: 1) { (arguments, fiber) throws(Fault) in
                let scope = try scope(arguments[0], "scope-leave")
                if let job = Job.running(fiber), job.innerScope === scope, let parent = scope.parent {
                    job.innerScope = parent
                }
                scope.close()
                return .value(.nil)
            },
            // (scope-join scope): waits until every fiber in it has ended.
            RuntimePrimitive(name: "scope-join", arity: 1) { (arguments, fiber) throws(Fault) in
                try scope(arguments[0], "scope-join").join(try Job.waiting(fiber))
            },
            RuntimePrimitive(name: "scope-cancel", arity: 1) { (arguments, _) throws(Fault) in
                try scope(arguments[0], "scope-cancel").cancel(.requested)
                return .value(.nil)
            },
        ]
    }

    private static func scope(_ value: Value, _ operation: String) throws(Fault) -> Scope {
        if case .object(let object) = value, let scope = object as? Scope { return scope }
        throw .type(operation, expected: "a scope", found: value)
    }
}
