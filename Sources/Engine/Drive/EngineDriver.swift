import Synchronization
import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Runs the engine's machine against the world: owns its lock, its alarm, the handlers and the running attempts.
///
/// What the runtime uses:
///
///     let handles = try driver.submit(Submission(effects, waiter: { index, end in … }))
///
/// takes a batch and returns one handle per effect, at once. `waiter` is called exactly once for each index, on any
/// thread, possibly before `submit` returns; it must return soon (mark a fiber runnable, nothing more). A thrown error
/// (a cycle, an unknown group, a stopped engine) means that nothing was taken and nobody will be called.
///
///     driver.wait(for: handle) { outcome in … }      // or wait(forID:): exactly once, perhaps at once
///     driver.cancel(.scope(identity), .parent)        // or .handle, .id, .group, .tag, .all
///
/// A fiber that performs an effect submits a batch of one with a waiter that resumes it, and parks. A fiber that is
/// itself the handler of an effect calls `request.park()` before it parks and `request.unpark { … }` to go on (P19).
/// When a fiber ends or is cancelled, cancelling `.scope` of its identity takes along everything it submitted.
///
/// Identities: `parent.child(.effect, ordinal: n)`, where the submitter counts `n` in the order of its own program
/// (`Effect.init(_:parent:ordinal:named:)` does it from a value).
///
/// How it works: every call takes one step of the machine under the lock and appends the events that step gave to the
/// stream, so the stream has the machine's order; all other actions go to a queue. Whoever finds the queue unattended
/// performs it outside the lock, one action after the other, so answers keep their order and a handler that answers at
/// once needs no stack. Handlers and waiters may call the driver freely.
package final class EngineDriver: @unchecked Sendable {
    // Sendable: `lock` guards everything mutable.
    package let clock: any Clock
    package let events: EventStream
    package let grants: Capabilities
    private let lock = Lock()
    private var machine: EngineMachine
    private var types: [Name: Known] = [:]
    /// The running attempts, by the slots of their effects.
    private var running: [EffectRequest?] = []
    private var queue: [Action] = []
    /// Of the step that is being taken.
    private var happened: [EventRecord] = []
    private var toDo: [Action] = []
    private let line: DriverLine
    private var isAttended = false
    /// The thread that attends the queue while somebody does.
    private var attender = pthread_self()
    private var alarm: ScheduledCall?
    private var alarmMs = Int64.max
    private var listener: (@Sendable (Signal) -> Void)?
    private var stopWaiters: [@Sendable () -> Void] = []
    private var outside: (began: @Sendable () -> Void, ended: @Sendable () -> Void)?
    /// How often `outside.ended` is to be called once the queue is empty: what came of an attempt that is over may still set off
    /// more, and until all of that is done nobody may think that nothing happens any more.
    private var owed = 0

    /// A type as a reference: it is looked up for every effect, and a copy would count a dozen references.
    private final class Known: Sendable {
        let type: EffectType
        let isOutside: Bool
        let merges: Bool

        init(_ type: EffectType) {
            self.type = type
            isOutside = !type.handler.isVirtual
            merges = type.mergesItself
        }
    }

    /// - Parameter seed: of the jitter of back-offs.
    package init(
        clock: any Clock, events: EventStream, grants: Capabilities,
        configuration: EngineConfiguration = EngineConfiguration(), seed: UInt64 = 0
    ) {
        self.clock = clock
        self.events = events
        self.grants = grants
        machine = EngineMachine(configuration: configuration, seed: seed)
        machine.tellsSignals = false
        line = DriverLine(clock, grants)
        line.driver = self
    }

    // Setting up.

    /// Adds an effect type, or replaces the one of this name: what runs goes on with the old handler.
    package func define(_ type: EffectType) {
        step(.define(type.name, type.traits)) { self.types[type.name] = Known(type) }
    }

    package var typeNames: [Name] { lock.withLock { types.keys.sorted { $0.description < $1.description } } }

    package func configure(_ configuration: EngineConfiguration) { step(.configure(configuration)) }
    package var configuration: EngineConfiguration { lock.withLock { machine.configuration } }

    /// Who hears every end (P8–P13, J25): one listener, called in order; it must return soon.
    package func onSignal(_ body: @escaping @Sendable (Signal) -> Void) {
        lock.withLock {
            listener = body
            machine.tellsSignals = true
        }
    }

    /// Who hears of each attempt that happens outside of fibers and the clock (`EffectHandler.isVirtual`): as it begins, and once
    /// when it is over, after all that came of it was done. Set once, before any work.
    package func onOutside(began: @escaping @Sendable () -> Void, ended: @escaping @Sendable () -> Void) {
        lock.withLock { outside = (began, ended) }
    }

    // Work.

    @discardableResult
    package func submit(_ submission: Submission) throws(EffectError) -> [EffectHandle] {
        var answer: Result<[EffectHandle], EffectError> = .success([])
        step(.submit(submission)) { actions in
            for action in actions {
                switch action {
                case .accepted(let handles): answer = .success(handles)
                case .rejected(let error): answer = .failure(self.events.redactor.forScript(error))
                default: continue
                }
            }
        }
        return try answer.get()
    }

    package func wait(for handle: EffectHandle, _ body: @escaping @Sendable (Outcome) -> Void) {
        step(.wait(handle) { (_, end) in body(end.outcome) })
    }

    package func wait(forID id: ValueKey, _ body: @escaping @Sendable (Outcome) -> Void) {
        step(.waitForID(id) { (_, end) in body(end.outcome) })
    }

    package func cancel(_ selector: CancelSelector, _ reason: CancelReason = .requested, by: Value? = nil) {
        step(.cancel(selector, reason, by: by))
    }

    /// Lets what is there finish for `graceMs`, then cancels it and takes nothing more. `body` is called when that is
    /// so. Call it again with 0 when there is nothing left to wait for.
    package func stop(graceMs: Int64, _ body: @escaping @Sendable () -> Void = {}) {
        let isOver = lock.withLock {
            if !machine.isStopped { stopWaiters.append(body) }
            return machine.isStopped
        }
        if isOver { return body() }
        step(.stop(deadline: clock.nowMs + max(0, graceMs)))
    }

    /// Calls `body` once what is running now has ended, with the attempts that may follow; at once when nothing is. Effects that only
    /// wait, and so hold no slot, do not count: nobody knows whether what they wait for will come.
    package func afterRunning(_ body: @escaping @Sendable () -> Void) {
        let handles = lock.withLock {
            running.compactMap { request in
                request.flatMap { types[$0.effect.type]?.type.holdsSlot ?? false ? $0.order.handle : nil }
            }
        }
        // One more than there are, so that it is called after all have been counted.
        let counted = Countdown(handles.count + 1, body)
        for handle in handles { wait(for: handle) { _ in counted.down() } }
        counted.down()
    }

    // Looking in.

    package var stats: EngineStats { lock.withLock { machine.stats } }
    package func view(_ id: ValueKey) -> EffectView? { lock.withLock { machine.view(id) } }
    package func views(tag: ValueKey? = nil) -> [EffectView] { lock.withLock { machine.views(tag: tag) } }
    package func views(_ ids: [ValueKey]) -> [EffectView?] { lock.withLock { ids.map { machine.view($0) } } }
    package func why(_ id: ValueKey) -> String { events.redactor.masked(lock.withLock { machine.why(id) }) }

    // For requests.

    func refusal(of waiting: AttemptHandle, toWaitFor id: ValueKey) -> EffectError? {
        lock.withLock { machine.refusal(of: waiting, toWaitFor: id) }
    }

    func park(_ handle: EffectHandle, _ attempt: Int) { step(.park(handle, attempt: attempt)) }

    func unpark(_ handle: EffectHandle, _ attempt: Int, _ resume: @escaping @Sendable () -> Void) {
        step(.unpark(handle, attempt: attempt, resume: resume))
    }

    // The machinery.

    private func step(_ input: Input, before: () -> Void = {}) {
        step(input, before: before) { _ in }
    }

    private func step(_ input: Input, before prepare: () -> Void = {}, _ look: ([Action]) -> Void) {
        lock.acquire()
        prepare()
        let before = queue.count
        let now = clock.nowMs
        machine.step(input, at: now, &happened, &toDo)
        look(toDo)
        let isAwaited = !happened.isEmpty && events.append(taking: &happened, at: clock.wallMs(at: now))
        happened.empty()
        if queue.isEmpty { swap(&queue, &toDo) } else { queue += toDo }
        toDo.empty()
        rearm()
        let attends = !isAttended && !(queue.isEmpty && owed == 0)
        if attends {
            isAttended = true
            attender = pthread_self()
        } else if queue.count > before, let outside, pthread_equal(attender, pthread_self()) == 0 {
            // Left to another thread.
            outside.began()
            owed += 1
        }
        lock.release()
        if isAwaited { events.wakeSubscribers() }
        if attends { attend() }
    }

    /// Performs the queue until it is empty. One thread at a time does.
    private func attend() {
        var actions: [Action] = []
        while true {
            actions.empty()
            lock.acquire()
            swap(&queue, &actions)
            let due = actions.isEmpty ? owed : 0
            if actions.isEmpty { (isAttended, owed) = (false, 0) }
            let outside = due > 0 ? outside : nil
            lock.release()
            for _ in 0..<due { outside?.ended() }
            if actions.isEmpty { return }
            // Taken out rather than copied, which would count its references.
            actions.reverse()
            while let action = actions.popLast() { perform(action) }
        }
    }

    private func perform(_ action: consuming Action) {
        switch consume action {
        case .start(let order): start(order)
        case .cancelRunning(let handle, _, let reason):
            guard let request = takeRunning(handle) else { return }
            request.cancel(reason)
            if request.isOutside { lock.withLock { owed += 1 } }
        case .answer(let waiter, let index, let end): waiter(index, masked(end))
        case .resume(let resume): resume()
        case .signal(let signal): lock.withLock { listener }?(signal)
        case .stopped:
            let waiters = lock.withLock {
                defer { stopWaiters = [] }
                return stopWaiters
            }
            for waiter in waiters { waiter() }
        case .accepted, .rejected: return
        }
    }

    private func masked(_ end: EffectEnd) -> EffectEnd {
        guard case .error(let error) = end.outcome else { return end }
        return end.with(.error(events.redactor.forScript(error)))
    }

    private func start(_ order: consuming StartOrder) {
        let request = EffectRequest(order, line)
        lock.acquire()
        setRunning(request)
        let known = types[request.order.effect.type]
        request.isOutside = known?.isOutside ?? false
        let outside = request.isOutside ? outside : nil
        lock.release()
        outside?.began()
        guard let known else {
            return request.finish(.error(.unknownType(request.effect.type, known: typeNames)))
        }
        // Parameters that are still to be merged are checked when they are.
        if !known.merges || request.parts.isEmpty, let complaint = known.type.complaint(about: request.effect) {
            return request.finish(.error(complaint))
        }
        known.type.handler.start(request)
    }

    /// The effect of an attempt is what its handler has made of it and of its parts. Gives what is wrong with its parameters.
    func merged(_ request: EffectRequest, _ effect: Effect) -> EffectError? {
        step(.merged(request.order.handle, attempt: request.attempt, effect))
        return lock.withLock { types[effect.type] }?.type.complaint(about: effect)
    }

    /// Under the lock.
    private func setRunning(_ request: EffectRequest) {
        let slot = Int(request.order.handle.slot)
        if running.count <= slot { running += repeatElement(nil, count: max(64, slot)) }
        running[slot] = request
    }

    /// The attempt at an effect that is under way, which no longer counts as such.
    private func takeRunning(_ handle: EffectHandle) -> EffectRequest? {
        lock.withLock {
            let slot = Int(handle.slot)
            guard slot < running.count, let request = running[slot], request.order.handle == handle else { return nil }
            running[slot] = nil
            return request
        }
    }

    func complete(_ request: EffectRequest, _ outcome: Outcome) {
        let (order, slot) = (request.order, Int(request.order.handle.slot))
        step(.outcome(order.handle, attempt: order.attempt, outcome)) {
            // A later attempt has a token of its own.
            guard running[slot] === request else { return }
            running[slot] = nil
            if request.isOutside { owed += 1 }
        }
    }

    /// One alarm serves every deadline of the machine. It is moved only to an earlier time; one that rings too early
    /// finds nothing due and is set anew. Without a deadline it is withdrawn, so that a run whose work is done does not
    /// wait for it. Called with the lock held.
    private func rearm() {
        guard let next = machine.nextWake else {
            alarm?.cancel()
            alarm = nil
            alarmMs = Int64.max
            return
        }
        guard next < alarmMs else { return }
        alarm?.cancel()
        alarmMs = next
        alarm = clock.schedule(atMs: next) { [weak self] in self?.ring() }
    }

    private func ring() {
        step(.wake) {
            alarmMs = Int64.max
            alarm = nil
        }
    }
}

/// Calls something when it has counted down to nothing.
private final class Countdown: Sendable {
    private let left: Atomic<Int>
    private let body: @Sendable () -> Void

    init(_ count: Int, _ body: @escaping @Sendable () -> Void) {
        left = Atomic(count)
        self.body = body
    }

    func down() { if left.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { body() } }
}
