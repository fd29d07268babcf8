import CThread
import Engine
import Machine
import Synchronization
import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Where a fiber may run.
package enum Dispatch: Sendable {
    /// On the pool, one thread per core: it must not block its thread.
    case go
    /// On a thread of its own for as long as it runs: it may block it.
    case thread
}

/// What happens with a fiber's result.
package enum JobCompletion: @unchecked Sendable {
    // Sendable: its payloads are.
    /// The value is dropped, a fault is reported.
    case none
    /// The value is put on the channel unless it is nil, then the channel is closed; a fault is reported and closes it.
    case channel(Channel)
    /// Whoever waits for the promise gets the value or the fault.
    case promise(Promise)
    /// It is the answer to an effect, whose handler the fiber is.
    case effect(EffectRequest)
    /// Swift code is told, on the thread that ran the fiber.
    indirect case call(@Sendable (Result<Value, Fault>) -> Void)
}

/// A fiber with what the runtime knows of it: its scope, its identity and who is told of its end.
package final class Job: Fiber, CancelListener, @unchecked Sendable {
    // Sendable: what changes belongs to whoever owns the fiber, its links to the scope's lock; the rest is immutable. Small, for
    // there may be a million: the first three lie in what the superclass leaves of a word.
    package let dispatch: Dispatch
    /// Which of `Ending.all` ended the fiber, counted from 1; 0 while none did.
    private let ending = Atomic<UInt8>(0)
    /// How many fibers this one has started: the next one's ordinal.
    @exclusivity(unchecked) private var fibers: UInt32 = 0
    package let scope: Scope
    @exclusivity(unchecked) private var rest: Rest
    /// Neighbours in the scope's list; guarded by the scope's lock.
    @exclusivity(unchecked) var previous: Unmanaged<Job>?
    @exclusivity(unchecked) var next: Unmanaged<Job>?
    /// Where this fiber comes from; only its owner asks.
    @exclusivity(unchecked) package private(set) var lineage: Lineage

    /// What becomes of the result, and what few fibers need.
    private enum Rest {
        case none
        case channel(Channel)
        case effect(EffectRequest)
        case extra(Extra)
    }

    private final class Extra {
        /// What becomes of the result.
        let completion: JobCompletion
        /// Counts the time the fiber holds its thread, where somebody wants to know.
        let holdMeter: HoldMeter?
        /// How many effects the fiber has submitted.
        var effects = 0
        /// The effect that this fiber works for, where `completion` does not say so.
        var request: EffectRequest?
        /// The scope that this fiber's own children start in, when it is inside `with-scope`.
        var inner: Scope?
        /// Gets what the fiber's last operation gave it, when an ending keeps it from going on with that.
        let undelivered: (@Sendable (Value) -> Void)?

        init(
            _ completion: JobCompletion, holdMeter: HoldMeter? = nil, undelivered: (@Sendable (Value) -> Void)? = nil
        ) {
            self.completion = completion
            self.holdMeter = holdMeter
            self.undelivered = undelivered
        }
    }

    /// Moves the function that it will call out of where it stands, and leaves nil.
    init(
        calling function: UnsafeMutablePointer<Value>, count: Int, bindings: __owned Bindings?, scope: __owned Scope,
        lineage: __owned Lineage, dispatch: Dispatch, completion: __owned JobCompletion, holdMeter: HoldMeter? = nil,
        undelivered: (@Sendable (Value) -> Void)? = nil
    ) {
        let start = Instance.start(arguments: count) ?? scope.runtime.instance.start(manyArguments: count)
        self.scope = scope
        self.dispatch = dispatch
        self.lineage = lineage
        rest =
            switch completion {
            case .none where holdMeter == nil && undelivered == nil: .none
            case .channel(let channel) where holdMeter == nil && undelivered == nil: .channel(channel)
            case .effect(let request) where holdMeter == nil && undelivered == nil: .effect(request)
            default: .extra(Extra(completion, holdMeter: holdMeter, undelivered: undelivered))
            }
        super.init(start, calling: function, count: count, bindings: bindings)
    }

    /// Its scope's.
    package var runtime: FiberRuntime { scope.runtime }
    public override var instance: Instance { runtime.instance }

    private var extra: Extra? { if case .extra(let extra) = rest { extra } else { nil } }

    @inline(__always) private var hasExtra: Bool { if case .extra = rest { true } else { false } }

    private var completion: JobCompletion {
        switch rest {
        case .none: .none
        case .channel(let channel): .channel(channel)
        case .effect(let request): .effect(request)
        case .extra(let extra): extra.completion
        }
    }

    private func makeExtra() -> Extra {
        if let extra { return extra }
        let made = Extra(completion)
        rest = .extra(made)
        return made
    }

    package var holdMeter: HoldMeter? { extra?.holdMeter }

    /// The scope that fibers started by this one belong to; only the running fiber asks.
    package var innerScope: Scope {
        get { extra?.inner ?? scope }
        set { makeExtra().inner = newValue === scope ? nil : newValue }
    }

    /// A stable lineage for the next fiber that this one starts; only the running fiber asks.
    package func nextLineage() -> Lineage {
        defer { fibers &+= 1 }
        return lineage.child(Int(fibers))
    }

    /// The ordinal of the next effect that this fiber submits; only the running fiber asks.
    func nextEffect() -> Int {
        let extra = makeExtra()
        defer { extra.effects += 1 }
        return extra.effects
    }

    /// Who the effects are from that the fiber submits; only the running fiber asks.
    func submitter() -> Identity { lineage.submitter() }

    /// From here on the fiber does something with an identity of its own, such as the next message of a worker.
    func begin(_ identity: Identity) {
        lineage = Lineage(identity)
        fibers = 0
        extra?.effects = 0
    }

    /// Where a fiber stood before it began something with an identity of its own.
    struct Standing {
        fileprivate let lineage: Lineage
        fileprivate let fibers: UInt32
        fileprivate let effects: Int
    }

    /// What `goBack` needs once the fiber has done what it begins now.
    var standing: Standing { Standing(lineage: lineage, fibers: fibers, effects: extra?.effects ?? 0) }

    /// Goes on where the fiber stood, and counts on from there: no two of what it starts have one identity.
    func goBack(to standing: Standing) {
        lineage = standing.lineage
        fibers = standing.fibers
        extra?.effects = standing.effects
    }

    /// The effect that this fiber works for: whose handler it is, or was started by; only its owner asks.
    var request: EffectRequest? {
        switch rest {
        case .none, .channel: nil
        case .effect(let request): request
        case .extra(let extra): if case .effect(let request) = extra.completion { request } else { extra.request }
        }
    }

    /// Says which effect a fiber works for that is about to begin, and whose result goes elsewhere, or elsewhere first.
    func works(for request: EffectRequest) { makeExtra().request = request }

    /// Starts a fiber for this one, which runs, and moves what it calls and what that is given out of where they stand: what
    /// `FiberRuntime.spawn` does with the fewest questions and counts of references, for there may be a million.
    func start(
        _ function: UnsafeMutablePointer<Value>, _ arguments: UnsafeMutablePointer<Value>, _ count: Int,
        _ dispatch: Dispatch, _ completion: __owned JobCompletion
    ) {
        let child = Unmanaged.passRetained(
            Job(
                calling: function, count: count, bindings: bindings, scope: innerScope, lineage: nextLineage(),
                dispatch: dispatch, completion: completion))
        let home = child._withUnsafeGuaranteedRef { child in
            if let request { child.works(for: request) }
            child.moveArguments(from: arguments, count)
            Unmanaged.passUnretained(child.scope)._withUnsafeGuaranteedRef { $0.add(Unmanaged.passUnretained(child)) }
            return child.home
        }
        if !ThreadedScheduler.readyHere(child, home) { Job.readyElsewhere(child) }
    }

    public override func start(
        _ function: UnsafeMutablePointer<Value>, _ arguments: UnsafeMutablePointer<Value>, _ count: Int, _ isRead: Bool
    ) -> Value? {
        guard isRead else {
            start(function, arguments, count, .go, .none)
            return .nil
        }
        let channel = Channel(.fixed(1))
        start(function, arguments, count, .go, .channel(channel))
        return .object(channel)
    }

    // Waiting

    /// The job of the running `fiber`, which is about to wait. Throws where it cannot: in code that Swift called.
    @inline(__always) static func waiting(_ fiber: Fiber) throws(Fault) -> Job {
        if let current = ThreadSlot.current, current === fiber, fiber.cannotPark == 0 {
            if _slowPath(current.hasExtra) { current.holdMeter?.check(fiber) }
            return current
        }
        throw Fiber.cannotWait
    }

    public override func beginWait() throws(Fault) -> UInt64 {
        // Compared as words: a wait counts no references.
        let running = ThreadSlot.pointer.pointee.current.map { $0.toOpaque() }
        guard running == Unmanaged.passUnretained(self).toOpaque(), cannotPark == 0 else { throw Fiber.cannotWait }
        if _slowPath(hasExtra) { holdMeter?.check(self) }
        let epoch = arm()
        if _slowPath(interrupt.load(ordering: .sequentiallyConsistent) != 0), claim(epoch) {
            throw takeCancellation()
        }
        return epoch
    }

    public override func drawBits() -> UInt64 {
        Unmanaged.passUnretained(runtime)._withUnsafeGuaranteedRef { $0.drawBits() }
    }

    /// The job that runs `fiber` now, if the runtime runs it.
    package static func running(_ fiber: Fiber) -> Job? {
        // No class inherits from it.
        type(of: fiber) == Job.self ? unsafeDowncast(fiber, to: Job.self) : nil
    }

    /// The last step of a wait, after entries were left: a cancellation that came meanwhile ends it. From here on the fiber
    /// belongs to whoever claims the wait.
    @inline(__always) func parked(_ epoch: UInt64) throws(Fault) -> Control {
        if _slowPath(interrupt.load(ordering: .sequentiallyConsistent) != 0), claim(epoch) {
            throw takeCancellation()
        }
        return .parked
    }

    /// For a job of the pool, its scheduler as a bare word, to compare with a thread's own.
    @inline(__always) private var home: UnsafeMutableRawPointer? {
        dispatch == .go ? scope.withRuntime { $0.home } : nil
    }

    public override class func resume(_ waiter: Unmanaged<Parkable>, with value: consuming Value) {
        let reference = Unmanaged<Job>.fromOpaque(waiter.toOpaque())
        let (result, home) = reference._withUnsafeGuaranteedRef { ($0.resultSlot, $0.home) }
        result.initialize(to: value)
        if !ThreadedScheduler.readyHere(reference, home) { readyElsewhere(reference) }
    }

    @inline(never) private static func readyElsewhere(_ job: Unmanaged<Job>) {
        // Whoever runs the job may end it and its runtime before this thread is back.
        let scheduler = job._withUnsafeGuaranteedRef { $0.runtime.scheduler }
        scheduler.ready(job)
    }

    public override class func resumeInTurn(_ waiter: Unmanaged<Parkable>, with value: consuming Value) {
        let job = Unmanaged<Job>.fromOpaque(waiter.toOpaque())
        let (result, scheduler) = job._withUnsafeGuaranteedRef { ($0.resultSlot, $0.runtime.scheduler) }
        result.initialize(to: value)
        scheduler.readyInTurn(job)
    }

    public override func resume(throwing fault: Fault) {
        fail(fault)
        runtime.scheduler.ready(self)
    }

    // Cancellation

    package override func walksFar(_ steps: Int) { runtime.scheduler.keepWatch(after: steps) }

    /// Cancels the fiber, once: it leaves its code with `Fault.cancelled` and runs its `finally` blocks, which may wait again
    /// undisturbed.
    package func cancel(_ why: CancelReason) { end(.cancelled(why)) }

    /// Ends the fiber, once: it leaves its code with the ending's fault. A queued or running fiber notices at the start or end
    /// of a slice, a parked one is resumed.
    func end(_ why: Ending) {
        let code = UInt8(Ending.all.firstIndex(of: why)! + 1)
        if why == .cutOff || why.isExhaustion && instance.account.isGraceOver {
            // What `finally` blocks may use is used up as well: those that are under way end, too.
            ending.store(code, ordering: .releasing)
        } else if !ending.compareExchange(expected: 0, desired: code, ordering: .acquiringAndReleasing).exchanged {
            return
        }
        interrupt.store(1, ordering: .sequentiallyConsistent)
        // The flag is the right to deliver the cancellation. Held while the wait is claimed, so that it cannot be delivered
        // twice; given back when the fiber was not parked after all.
        // Nor may anybody think meanwhile that nothing happens any more: on a thread that is not the scheduler's, cancelling what
        // the fiber has submitted can take its time.
        while let epoch = currentWait {
            runtime.scheduler.hold()
            defer { runtime.scheduler.release() }
            guard interrupt.exchange(0, ordering: .sequentiallyConsistent) == 1 else { return }
            if claim(epoch) {
                resume(throwing: leaving())
                return
            }
            interrupt.store(1, ordering: .sequentiallyConsistent)
        }
    }

    package var isCancelled: Bool { ending.load(ordering: .acquiring) != 0 }

    /// The pending cancellation, taken by the fiber's owner. A canceller may hold it for a moment and then gives it back.
    private func takeCancellation() -> Fault {
        while interrupt.exchange(0, ordering: .sequentiallyConsistent) == 0 { sched_yield() }
        return leaving()
    }

    /// The fault of an ending that is being delivered by the fiber's owner. What the fiber has submitted is cancelled first,
    /// so that effects which its `finally` performs are left alone.
    private func leaving() -> Fault {
        if let extra, extra.effects > 0 { runtime.engine?.cancel(.scope(lineage.identity), .parent) }
        let why = Ending.all[Int(ending.load(ordering: .acquiring)) - 1]
        // Nothing waits any more once the grace of a budget is over, so that no chain of `finally` blocks does.
        if why == .cutOff || why.isExhaustion && instance.account.isGraceOver { cannotPark += 1 }
        // Each of them may loop.
        if why == .cutOff { interrupt.store(1, ordering: .sequentiallyConsistent) }
        return why.fault
    }

    // Running

    enum TurnEnd { case parked, ready, finished }

    /// Runs one slice of a job on this thread. The reference stays the caller's when the job is ready to go on; otherwise it
    /// is used up. After `.parked` the fiber is somebody else's.
    static func turn(_ reference: Unmanaged<Job>, _ fuel: inout Int) -> TurnEnd {
        let slot = ThreadSlot.pointer
        let thread = sluice_thread()!
        let outer = slot.pointee.current
        while true {
            slot.pointee.current = reference
            let exit = reference._withUnsafeGuaranteedRef { $0.slice(&fuel) }
            let isPassedOn = thread.pointee.handed_over != 0
            thread.pointee.handed_over = 0
            slot.pointee.current = outer
            let result: Result<Value, Fault>
            switch exit {
            case .parked:
                if !isPassedOn { reference.release() }
                return .parked
            case .preempted:
                guard fuel >= 0, let lazy = reference._withUnsafeGuaranteedRef({ $0.awaited }) else {
                    return .ready
                }
                guard reference._withUnsafeGuaranteedRef({ $0.wait(for: lazy) }) else { continue }
                reference.release()
                return .parked
            case .done(let value): result = .success(value)
            case .failed(let fault): result = .failure(fault)
            }
            reference.takeRetainedValue().finish(result)
            return .finished
        }
    }

    /// Waits until another fiber has realised `lazy` or given it up. False when this one goes on at once; after true it is
    /// somebody else's.
    private func wait(for lazy: LazySeq) -> Bool {
        let epoch = arm()
        switch runtime.sequenceWaits.add(self, epoch, lazy) {
        case .waits:
            guard interrupt.load(ordering: .sequentiallyConsistent) != 0, claim(epoch) else { return true }
            fail(takeCancellation())
        case .isOver: return !claim(epoch)
        case .isCircular:
            guard claim(epoch) else { return true }
            fail(
                .illegalState(
                    "lazy sequences need each other's elements to compute their own: the fibers that realise them would wait for each other for ever"
                ))
        }
        return false
    }

    /// Once the fiber has parked, neither the job nor the fiber is touched: their last reference may be elsewhere.
    @inline(__always) private func slice(_ fuel: inout Int) -> Exit {
        if interrupt.load(ordering: .relaxed) != 0,
            interrupt.exchange(0, ordering: .sequentiallyConsistent) == 1
        {
            // One that is cut off may be leaving already.
            if state.pointee.pendingFault == nil { extra?.undelivered?(resultSlot.pointee) }
            fail(leaving())
        }
        return hasExtra ? runMetered(&fuel) : run(spending: &fuel)
    }

    private func runMetered(_ fuel: inout Int) -> Exit {
        guard let meter = holdMeter else { return run(spending: &fuel) }
        let scheduler = runtime.scheduler
        meter.begin(scheduler.now())
        let exit = run(spending: &fuel)
        meter.end(scheduler.now())
        if case .preempted = exit { meter.check(self) }
        return exit
    }

    private func finish(_ result: Result<Value, Fault>) {
        if case .failure(.exhausted(let budget)) = result {
            if budget == .shutdown { runtime.noteCutOff(lineage.identity) }
            if !wasExhausted {
                runtime.exhaust(budget, lineage.identity)
            } else if instance.account.isGraceOver {
                // Whoever's `finally` waits for this one's would wait for ever.
                runtime.root.endContents(.exhausted(budget))
            }
        }
        let completion = completion
        rest = .none
        switch completion {
        case .none: report(result)
        case .channel(let channel):
            report(result)
            if case .success(let value) = result, !value.isNil { channel.deposit(value) }
            channel.close()
        case .promise(let promise): promise.complete(result)
        case .effect(let request): request.finish(FunctionHandler.outcome(result))
        case .call(let body): body(result)
        }
        scope.remove(self)
    }

    /// Whether the fiber was ended by a budget, rather than having used it up.
    private var wasExhausted: Bool {
        let code = ending.load(ordering: .acquiring)
        return code > 0 && Ending.all[Int(code) - 1].isExhaustion
    }

    private func report(_ result: Result<Value, Fault>) {
        // Budgets are told of once, for all that they end.
        guard case .failure(let fault) = result, case .thrown = fault else { return }
        runtime.report(fault, lineage.identity)
    }
}
