import Engine
import Machine
import Values

/// Performing effects: the fiber parks, the engine works, the outcome resumes the fiber.
enum EffectPrimitives {
    static func table(_ runtime: FiberRuntime) -> [RuntimePrimitive] {
        [
            // (effect type params meta): an effect as data, with an id; meta is left out when it is nil.
            RuntimePrimitive(
                name: "effect", arity: 3,
                plain: { (arguments, fiber) throws(Fault) in
                    try .map(EffectPrimitives.effect(arguments[0], arguments[1], arguments[2], fiber))
                }),
            // (perform effect): the value; an error throws ex-info with {:code … :message … :effect …}.
            RuntimePrimitive(name: "perform", arity: 1) { [unowned runtime] (arguments, fiber) throws(Fault) in
                try runtime.perform(arguments[0], try Job.waiting(fiber))
            },
            // (perform-all effects): outcomes in the order given; an error is {:error {:code … :message …}}.
            RuntimePrimitive(name: "perform-all", arity: 1) { [unowned runtime] (arguments, fiber) throws(Fault) in
                let given = try elements(arguments[0], "perform-all")
                return try runtime.performAll(given, try Job.waiting(fiber))
            },
            // (perform-groups effects groups): one batch, in which the groups are there even without effects (J19);
            // {group {effect-id [:ok v]}} with each of them.
            RuntimePrimitive(name: "perform-groups", arity: 2) { [unowned runtime] (arguments, fiber) throws(Fault) in
                let given = try elements(arguments[0], "perform-groups")
                let groups = try elements(arguments[1], "perform-groups")
                return try runtime.performGroups(given, groups, try Job.waiting(fiber))
            },
            // (submit! effects): ids in the order given, without waiting. One effect or a collection of them.
            RuntimePrimitive(name: "submit!", arity: 1) { [unowned runtime] (arguments, fiber) throws(Fault) in
                let isOne = if case .map = arguments[0] { true } else { false }
                let given = isOne ? [arguments[0]] : try elements(arguments[0], "submit!")
                let effects = try runtime.read(given, try Job.waiting(fiber))
                let (unheard, position) = (runtime.unheard, fiber.position)
                try runtime.submit(effects) { index, end in
                    guard end.status == .failed, case .error(let error) = end.outcome else { return }
                    unheard.add(effects[index], error, .submitted(effects[index], at: position))
                }
                return .value(isOne ? effects[0].id.value : .vector(effects.map { $0.id.value }))
            },
            // (outcome id): waits for an effect by id; errors throw as they do in perform.
            RuntimePrimitive(name: "outcome", arity: 1) { [unowned runtime] (arguments, fiber) throws(Fault) in
                let engine = try runtime.theEngine
                let key = try ValueKey(arguments[0])
                let given = arguments[0]
                let job = try Job.waiting(fiber)
                if let refusal = job.request?.refusal(toWaitFor: key) {
                    throw FiberRuntime.fault(refusal, effect: given)
                }
                return try runtime.waitForEngine(job) { (entry) throws(Fault) in
                    engine.wait(forID: key) { outcome in
                        if case .error = outcome { runtime.unheard.heard(key) }
                        runtime.answer(entry, outcome, id: given)
                    }
                }
            },
            // (cancel! {:id …}), :group or :tag: reason :requested.
            RuntimePrimitive(name: "cancel!", arity: 1) { [unowned runtime] (arguments, _) throws(Fault) in
                try runtime.theEngine.cancel(try selector(arguments[0]), .requested)
                return .value(.nil)
            },
            RuntimePrimitive(name: "why", arity: 1) { [unowned runtime] (arguments, _) throws(Fault) in
                .value(.string(try runtime.theEngine.why(try ValueKey(arguments[0]))))
            },
        ]
    }

    private static func effect(_ type: Value, _ params: Value, _ meta: Value, _ fiber: Fiber) throws(Fault) -> HashMap {
        let given: HashMap
        switch params {
        case .map(let map): given = map
        case .nil: given = .empty
        default: throw .type("effect", expected: "a map of parameters", found: params)
        }
        let found = try given.find(.kw(.effectSlashID))
        var id = found ?? .nil
        if id.isNil { id = .string(fiber.instance.random.uuid().description) }
        return try HashMap.gathered(upTo: given.count + (found == nil ? 2 : 1) + (meta.isNil ? 0 : 1)) { entries in
            entries.add(.kw(.effectSlashID), id)
            entries.add(.kw(.effectSlashType), type)
            entries.add(given) { $0 == .effectSlashID || $0 == .effectSlashType || ($0 == .meta && !meta.isNil) }
            if !meta.isNil { entries.add(.kw(.meta), meta) }
        }
    }

    private static func elements(_ value: Value, _ operation: String) throws(Fault) -> [Value] {
        switch value {
        case .nil, .vector, .list, .lazy, .seq, .set, .object: break
        default: throw .type(operation, expected: "effects in a vector or another collection", found: value)
        }
        var found: [Value] = []
        try Sequences.forEach(value) { (element) throws(Fault) in found.append(element) }
        return found
    }

    private static func selector(_ value: Value) throws(Fault) -> CancelSelector {
        if case .map(let map) = value {
            if let id = try map.find(.kw(.id)) { return .id(try ValueKey(id)) }
            if let group = try map.find(.kw(.group)) { return .group(try ValueKey(group)) }
            if let tag = try map.find(.kw(.tag)) { return .tag(try ValueKey(tag)) }
        }
        throw .type("cancel!", expected: "a map with :id, :group or :tag", found: value)
    }
}

extension FiberRuntime {
    var theEngine: EngineDriver {
        get throws(Fault) {
            if let engine { return engine }
            throw .illegalState("no engine is attached: effects can be performed only in a run")
        }
    }

    /// Reads effects that the running job submits; ordinals follow the order of its program.
    func read(_ given: [Value], _ job: Job) throws(Fault) -> [Effect] {
        let parent = job.submitter()
        var effects: [Effect] = []
        effects.reserveCapacity(given.count)
        let named = { (name: Name) in self.meta(name) }
        for value in given {
            do throws(KeyError) {
                effects.append(
                    try Effect(
                        value, parent: parent, ordinal: job.nextEffect(), like: effects.last, named: named))
            } catch {
                throw error.fault
            }
        }
        return effects
    }

    /// Submits a batch for a script, which gets an exception when nothing of it is taken.
    ///
    /// - Parameter request: whose handler waits for all of it.
    func submit(
        _ effects: [Effect], groups: [ValueKey] = [], waiting request: EffectRequest? = nil, _ body: @escaping Waiter
    ) throws(Fault) {
        let engine = try theEngine
        do throws(EffectError) {
            try engine.submit(Submission(effects, declaredGroups: groups, waiter: body, waiting: request?.handle))
        } catch {
            throw FiberRuntime.fault(error, effect: effects.count == 1 ? effects[0].value : .nil)
        }
    }

    /// Parks the job until the engine answers `ask`'s entry. A fiber that is itself an effect's handler gives its slot to
    /// others meanwhile (P19).
    func waitForEngine(_ job: Job, _ ask: (Waiting) throws(Fault) -> Void) throws(Fault) -> Control {
        job.request?.park()
        let entry = Waiting(job, job.arm())
        do throws(Fault) { try ask(entry) } catch {
            guard job.claim(entry.epoch) else { return .parked }
            job.request?.unpark {}
            throw error
        }
        return try job.parked(entry.epoch)
    }

    func perform(_ value: Value, _ job: Job) throws(Fault) -> Control {
        let effects = try read([value], job)
        let request = job.request
        return try waitForEngine(job) { (entry) throws(Fault) in
            try submit(effects, waiting: request) { _, end in
                FiberRuntime.goOn(request) { self.answer(entry, end.outcome, effect: effects[0]) }
            }
        }
    }

    func performAll(_ values: [Value], _ job: Job) throws(Fault) -> Control {
        if values.isEmpty { return .value(.vector([])) }
        let effects = try read(values, job)
        return try performBatch(effects, [], job) { end in
            switch end.outcome {
            case .ok(let value): value
            case .error(let error): .record((.error, error.value))
            }
        } answer: {
            .vector($0)
        }
    }

    func performGroups(_ values: [Value], _ groups: [Value], _ job: Job) throws(Fault) -> Control {
        let effects = try read(values, job)
        var declared: [ValueKey] = []
        for group in groups { declared.append(try ValueKey(group)) }
        let order = declared
        if effects.isEmpty {
            // Later batches may wait for these groups.
            try submit([], groups: order) { _, _ in }
            return .value(FiberRuntime.results(effects, order, []))
        }
        return try performBatch(effects, order, job) {
            $0
        } answer: {
            FiberRuntime.results(effects, order, $0)
        }
    }

    /// Submits a batch and parks the job until all of it has ended. `take` says what is kept of each end until then, and `answer`
    /// makes of that what the job goes on with.
    private func performBatch<Taken: Sendable>(
        _ effects: [Effect], _ groups: [ValueKey], _ job: Job, _ take: @escaping @Sendable (EffectEnd) -> Taken,
        answer: @escaping @Sendable ([Taken]) -> Value
    ) throws(Fault) -> Control {
        let request = job.request
        let gathered = Gathered<Taken>(effects.count)
        return try waitForEngine(job) { (entry) throws(Fault) in
            try submit(effects, groups: groups, waiting: request) { index, end in
                guard let all = gathered.set(index, take(end)) else { return }
                FiberRuntime.goOn(request) { if entry.claim() { entry.resume(answer(all)) } }
            }
        }
    }

    /// `{group {effect-id [:ok v]}}`: the declared groups first, in their order.
    private static func results(_ effects: [Effect], _ declared: [ValueKey], _ ends: [EffectEnd]) -> Value {
        var order = declared
        var members: [ValueKey: HashMap] = [:]
        for (effect, end) in zip(effects, ends) {
            guard let group = effect.meta.group else { continue }
            if members[group] == nil, !declared.contains(group) { order.append(group) }
            // Groups and ids were keys before, so they can be hashed.
            try? HashMap.set(&members[group, default: HashMap()], effect.id.value, end.pair)
        }
        var results = HashMap()
        for group in order { try? HashMap.set(&results, group.value, .map(members[group] ?? HashMap())) }
        return .map(results)
    }

    private static func goOn(_ request: EffectRequest?, _ body: @escaping @Sendable () -> Void) {
        if let request { request.unpark(body) } else { body() }
    }

    func answer(_ entry: Waiting, _ outcome: Outcome, effect: Effect? = nil, id: Value = .nil) {
        guard entry.claim() else { return }
        switch outcome {
        case .ok(let value): entry.resume(value)
        case .error(let error):
            // What ended with a budget has not failed by itself, and is not for the script to catch (N6).
            let fault = exhaustion.map { Fault.exhausted($0) }
            entry.waiter.resume(throwing: fault ?? FiberRuntime.fault(error, effect: effect?.value ?? id))
        }
    }

    /// The exception that a script sees: its data has `:code`, `:message`, `:effect` and what the handler added; its cause is what a
    /// handler threw.
    static func fault(_ error: EffectError, effect: Value) -> Fault {
        var data = HashMap()
        if case .map(let given) = error.value { data = given }
        try? HashMap.set(&data, .kw(.effect), effect)
        return .thrown(
            Exception(
                ofEffect: error.message, data: .map(data), thrown: error.cause, mayPass: error.retryable))
    }
}

/// What is kept of the ends of a batch, as they come.
private final class Gathered<Taken: Sendable>: @unchecked Sendable {
    // Sendable: guarded by `lock`.
    private let lock = Lock()
    private var ends: [Taken?]
    private var missing: Int

    init(_ count: Int) {
        ends = Array(repeating: nil, count: count)
        missing = count
    }

    /// Everything, in order, once the last has come.
    func set(_ index: Int, _ end: Taken) -> [Taken]? {
        lock.withLock {
            ends[index] = end
            missing -= 1
            return missing == 0 ? ends.compactMap(\.self) : nil
        }
    }
}

/// An effect type whose handler is a function of the script (`defeffect`): one fiber for each attempt, called with the
/// effect's parameters (P26). It may park, perform effects and be cancelled.
package struct FunctionHandler: EffectHandler {
    private let function: Value
    private let merge: Value?
    private unowned let runtime: FiberRuntime

    /// - Parameter merge: makes one of the parameters of two (J21); nil where the engine does.
    package init(_ function: Value, merge: Value? = nil, _ runtime: FiberRuntime) {
        self.function = function
        self.merge = merge
        self.runtime = runtime
    }

    package var isVirtual: Bool { true }

    package func start(_ request: EffectRequest) {
        if let merge, !request.parts.isEmpty {
            return merging(request, merge, request.effect.params, request.parts[...])
        }
        call(request)
    }

    private func call(_ request: EffectRequest) {
        runtime.handle(request, function, argument: .map(request.effect.params))
    }

    /// Merges one part after the other, each in a fiber of its own, which may not wait: budgets, the time limit and a cancellation
    /// reach it like the handler's, and nobody else waits for it.
    private func merging(_ request: EffectRequest, _ merge: Value, _ params: HashMap, _ parts: ArraySlice<Effect>) {
        guard let part = parts.first else {
            if let complaint = request.merge(params) { return request.fail(complaint) }
            return call(request)
        }
        let job = runtime.spawn(
            merge, [.map(params), .map(part.params)], scope: runtime.root, lineage: Lineage(of: request),
            completion: .call { result in
                switch result {
                case .success(.map(let merged)): merging(request, merge, merged, parts.dropFirst())
                case .success(let other):
                    let fault = Fault.type(
                        "the :merge of :\(request.effect.type.description)",
                        expected: "a map of parameters as its result", found: other)
                    request.fail(.of(fault, code: .mergeFailed))
                case .failure(let fault): request.fail(.of(fault, code: .mergeFailed))
                }
            }, mayWait: false)
        request.onCancel(job)
    }

    /// What the end of a handler's fiber makes of its effect.
    static func outcome(
        _ result: Result<Value, Fault>, _ error: (Fault) -> EffectError = FunctionHandler.error
    ) -> Outcome {
        switch result {
        case .success(let value): .ok(value)
        case .failure(let fault): .error(error(fault))
        }
    }

    /// An exception whose data has a `:code` or `:retry-after-ms` keeps it. What an effect failed with that the handler performed may
    /// pass when that may; what a script throws by itself may, unless its data says `:retryable false`; mistakes in code do not.
    static func error(_ fault: Fault) -> EffectError {
        var error = EffectError.of(fault, code: .handlerFailed)
        guard case .thrown(let exception) = fault else { return error }
        error.retryable = exception.isOfEffect ? exception.mayPass : exception.type.mayPass
        guard case .map(let data) = error.data else { return error }
        func given(_ key: KnownName) -> Value? { (try? data.find(.kw(key))) ?? nil }
        if let code = given(.code)?.stringValue { error.code = code }
        if case .bool(let retryable)? = given(.retryable) { error.retryable = retryable }
        if let ms = given(.retryAfterMs)?.intValue, ms > 0 { error.retryAfterMs = ms }
        return error
    }
}

extension ExceptionClass {
    /// Whether it tells of something that may be otherwise the next time, rather than of a mistake in the code.
    fileprivate var mayPass: Bool {
        switch self {
        case .info, .exception, .runtime, .io, .interrupted, .timeout: true
        default: false
        }
    }
}
