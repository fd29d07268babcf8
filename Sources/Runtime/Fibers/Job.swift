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
    /// Swift code is told, on the thread that ran the fiber.
    case call(@Sendable (Result<Value, Fault>) -> Void)
}

/// One fiber with what the runtime knows of it: its scope, its identity and who is told of its end.
package final class Job: Parkable, @unchecked Sendable {
    // Sendable: `state` belongs to whoever owns the fiber, its links to the scope's lock; the rest is immutable.
    package let fiber: Fiber
    package let scope: Scope
    package let dispatch: Dispatch
    /// Lives as long as its runtime; unowned because the jobs it holds must not hold it.
    package unowned(unsafe) let runtime: FiberRuntime
    /// Counts the time the fiber holds its thread, where somebody wants to know.
    package let holdMeter: HoldMeter?
    private let completion: JobCompletion
    /// For a job of the pool, its scheduler as a bare word, to compare with a thread's own.
    private let poolHome: UnsafeMutableRawPointer?
    /// Which of `Ending.all` ended the fiber, counted from 1; 0 while none did.
    private let ending = Atomic<UInt8>(0)
    let state: UnsafeMutablePointer<JobState>

    struct JobState {
        /// Neighbours in the scope's list; guarded by the scope's lock.
        var previous: Unmanaged<Job>?
        var next: Unmanaged<Job>?
        var lineage: Lineage
        /// How many fibers this one has started: the next one's ordinal.
        var fibers: UInt32 = 0
        /// How many effects it has submitted.
        var effects: UInt32 = 0
        /// The effect whose handler this fiber is.
        var request: EffectRequest?
        /// The scope that this fiber's own children start in, when it is inside `with-scope`.
        var inner: Scope?
    }

    init(
        _ fiber: Fiber, runtime: FiberRuntime, scope: Scope, lineage: Lineage, dispatch: Dispatch,
        completion: JobCompletion,
        holdMeter: HoldMeter?
    ) {
        self.fiber = fiber
        self.runtime = runtime
        self.scope = scope
        self.dispatch = dispatch
        self.completion = completion
        poolHome = dispatch == .go ? Unmanaged.passUnretained(runtime.scheduler as AnyObject).toOpaque() : nil
        self.holdMeter = holdMeter
        state = .allocate(capacity: 1)
        state.initialize(to: JobState(lineage: lineage))
        super.init()
        fiber.owner = self
    }

    deinit {
        state.deinitialize(count: 1)
        state.deallocate()
    }

    /// The scope that fibers started by this one belong to; only the running fiber asks.
    package var innerScope: Scope {
        get { state.pointee.inner ?? scope }
        set { state.pointee.inner = newValue === scope ? nil : newValue }
    }

    /// Where this fiber comes from; only its owner asks.
    package var lineage: Lineage { state.pointee.lineage }

    /// A stable lineage for the next fiber that this one starts; only the running fiber asks.
    package func nextLineage() -> Lineage {
        defer { state.pointee.fibers += 1 }
        return state.pointee.lineage.child(Int(state.pointee.fibers))
    }

    /// The ordinal of the next effect that this fiber submits; only the running fiber asks.
    func nextEffect() -> Int {
        defer { state.pointee.effects += 1 }
        return Int(state.pointee.effects)
    }

    /// From here on the fiber does something with an identity of its own, such as the next message of a worker.
    func begin(_ identity: Identity) {
        state.pointee.lineage = Lineage(identity)
        state.pointee.fibers = 0
        state.pointee.effects = 0
    }

    /// The effect whose handler this fiber is; only its owner asks.
    var request: EffectRequest? {
        get { state.pointee.request }
        set { state.pointee.request = newValue }
    }

    // Waiting

    /// The job of the running `fiber`, which is about to wait. Throws where it cannot: in code that Swift called.
    @inline(__always) static func waiting(_ fiber: Fiber) throws(Fault) -> Job {
        if let current = ThreadSlot.current, current.fiber === fiber, fiber.cannotPark == 0 {
            if _slowPath(current.holdMeter != nil) { current.holdMeter?.check(fiber) }
            return current
        }
        throw .illegalState(
            "cannot wait here: inside a macro, a comparator or a callback; start a go block, or use offer! or poll!")
    }

    /// The job that runs `fiber` now, if the runtime runs it.
    package static func running(_ fiber: Fiber) -> Job? {
        if let current = ThreadSlot.current, current.fiber === fiber { return current }
        return fiber.owner as? Job
    }

    /// The last step of a wait, after entries were left: a cancellation that came meanwhile ends it. From here on the fiber
    /// belongs to whoever claims the wait.
    @inline(__always) func parked(_ epoch: UInt64) throws(Fault) -> Control {
        if _slowPath(fiber.interrupt.load(ordering: .sequentiallyConsistent) != 0), claim(epoch) {
            throw takeCancellation()
        }
        return .parked
    }

    /// Ends a wait that nobody else has claimed, for a caller that changed its mind.
    func disarm(_ epoch: UInt64) -> Bool { claim(epoch) }

    package override class func resume(_ waiter: Unmanaged<Parkable>, with value: consuming Value) {
        let reference = Unmanaged<Job>.fromOpaque(waiter.toOpaque())
        let (result, home) = reference._withUnsafeGuaranteedRef { ($0.fiber.resultSlot, $0.poolHome) }
        result.initialize(to: value)
        let slot = ThreadSlot.pointer
        // Most wake-ups find the hand-off slot of their own thread's worker free.
        if slot.pointee.home == home, let owned = slot.pointee.owned, owned.pointee.handoff == nil {
            owned.pointee.handoff = reference
        } else {
            let job = reference.takeRetainedValue()
            job.runtime.scheduler.ready(job)
        }
    }

    package override class func resumeInTurn(_ waiter: Unmanaged<Parkable>, with value: consuming Value) {
        let job = Unmanaged<Job>.fromOpaque(waiter.toOpaque()).takeRetainedValue()
        job.fiber.deliver(value)
        job.runtime.scheduler.readyInTurn(job)
    }

    package override func resume(throwing fault: Fault) {
        fiber.fail(fault)
        runtime.scheduler.ready(self)
    }

    // Cancellation

    /// Cancels the fiber, once: it leaves its code with `Fault.cancelled` and runs its `finally` blocks, which may wait again
    /// undisturbed.
    package func cancel(_ why: CancelReason) { end(.cancelled(why)) }

    /// Ends the fiber, once: it leaves its code with the ending's fault. A queued or running fiber notices at the start or end
    /// of a slice, a parked one is resumed.
    func end(_ why: Ending) {
        let code = UInt8(Ending.all.firstIndex(of: why)! + 1)
        if why.isExhaustion, fiber.instance.account.isGraceOver {
            // What `finally` blocks may use is used up as well: those that are under way end, too.
            ending.store(code, ordering: .releasing)
        } else if !ending.compareExchange(expected: 0, desired: code, ordering: .acquiringAndReleasing).exchanged {
            return
        }
        fiber.interrupt.store(1, ordering: .sequentiallyConsistent)
        // The flag is the right to deliver the cancellation. Held while the wait is claimed, so that it cannot be delivered
        // twice; given back when the fiber was not parked after all.
        while let epoch = currentWait {
            guard fiber.interrupt.exchange(0, ordering: .sequentiallyConsistent) == 1 else { return }
            if claim(epoch) {
                resume(throwing: leaving())
                return
            }
            fiber.interrupt.store(1, ordering: .sequentiallyConsistent)
        }
    }

    package var isCancelled: Bool { ending.load(ordering: .acquiring) != 0 }

    /// The pending cancellation, taken by the fiber's owner. A canceller may hold it for a moment and then gives it back.
    fileprivate func takeCancellation() -> Fault {
        while fiber.interrupt.exchange(0, ordering: .sequentiallyConsistent) == 0 { sched_yield() }
        return leaving()
    }

    /// The fault of an ending that is being delivered by the fiber's owner. What the fiber has submitted is cancelled first,
    /// so that effects which its `finally` performs are left alone.
    private func leaving() -> Fault {
        if state.pointee.effects > 0 { runtime.engine?.cancel(.scope(state.pointee.lineage.identity), .parent) }
        let why = Ending.all[Int(ending.load(ordering: .acquiring)) - 1]
        // Nothing waits any more once the grace of a budget is over, so that no chain of `finally` blocks does.
        if why.isExhaustion, fiber.instance.account.isGraceOver { fiber.cannotPark += 1 }
        return why.fault
    }

    // Running

    enum TurnEnd { case parked, ready, finished }

    /// Runs one slice of a job on this thread. The reference stays the caller's when the job is ready to go on; otherwise it
    /// is used up. After `.parked` the fiber is somebody else's.
    static func turn(_ reference: Unmanaged<Job>, _ fuel: inout Int) -> TurnEnd {
        let slot = ThreadSlot.pointer
        let outer = slot.pointee.current
        while true {
            slot.pointee.current = reference
            let exit = reference._withUnsafeGuaranteedRef { $0.slice(&fuel) }
            let isPassedOn = slot.pointee.current == nil
            slot.pointee.current = outer
            let result: Result<Value, Fault>
            switch exit {
            case .parked:
                if !isPassedOn { reference.release() }
                return .parked
            case .preempted:
                guard fuel >= 0, let lazy = reference._withUnsafeGuaranteedRef({ $0.fiber.awaited }) else {
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
            guard fiber.interrupt.load(ordering: .sequentiallyConsistent) != 0, claim(epoch) else { return true }
            fiber.fail(takeCancellation())
        case .isOver: return !disarm(epoch)
        case .isCircular:
            guard disarm(epoch) else { return true }
            fiber.fail(
                .illegalState(
                    "lazy sequences need each other's elements to compute their own: the fibers that realise them would wait for each other for ever"
                ))
        }
        return false
    }

    /// Once the fiber has parked, neither the job nor the fiber is touched: their last reference may be elsewhere.
    @inline(__always) private func slice(_ fuel: inout Int) -> Exit {
        if fiber.interrupt.load(ordering: .relaxed) != 0,
            fiber.interrupt.exchange(0, ordering: .sequentiallyConsistent) == 1
        {
            fiber.fail(leaving())
        }
        return holdMeter == nil ? fiber.run(spending: &fuel) : runMetered(&fuel)
    }

    private func runMetered(_ fuel: inout Int) -> Exit {
        let meter = holdMeter!
        let scheduler = runtime.scheduler
        meter.begin(scheduler.now())
        let exit = fiber.run(spending: &fuel)
        meter.end(scheduler.now())
        if case .preempted = exit { meter.check(fiber) }
        return exit
    }

    private func finish(_ result: Result<Value, Fault>) {
        if case .failure(.exhausted(let budget)) = result {
            if !wasExhausted {
                runtime.exhaust(budget, lineage.identity)
            } else if fiber.instance.account.isGraceOver {
                // Whoever's `finally` waits for this one's would wait for ever.
                runtime.root.endContents(.exhausted(budget))
            }
        }
        fiber.owner = nil
        state.pointee.inner = nil
        state.pointee.request = nil
        switch completion {
        case .none: report(result)
        case .channel(let channel):
            report(result)
            if case .success(let value) = result, !value.isNil { channel.deposit(value) }
            channel.close()
        case .promise(let promise): promise.complete(result)
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

/// The running job on its way to wait at one place.
///
/// For the waits that must be cheap: the entry takes over the thread's own reference to the job.
struct Parking: ~Copyable {
    private let slot: UnsafeMutablePointer<ThreadSlot>
    private let job: Unmanaged<Job>
    private let epoch: UInt64

    private init(_ slot: UnsafeMutablePointer<ThreadSlot>, _ job: Unmanaged<Job>, _ epoch: UInt64) {
        self.slot = slot
        self.job = job
        self.epoch = epoch
    }

    /// Throws where `fiber` cannot wait, and when a cancellation was due. One that comes later finds the job waiting.
    @inline(__always) static func begin(_ fiber: Fiber) throws(Fault) -> Parking {
        let slot = ThreadSlot.pointer
        var job = slot.pointee.current
        if _slowPath(job.map { $0._withUnsafeGuaranteedRef { $0.fiber !== fiber || $0.holdMeter != nil } } ?? true)
            || fiber.cannotPark > 0
        {
            job = Unmanaged.passUnretained(try Job.waiting(fiber))
        }
        let epoch = job.unsafelyUnwrapped._withUnsafeGuaranteedRef { $0.arm() }
        if _slowPath(fiber.interrupt.load(ordering: .sequentiallyConsistent) != 0),
            let fault = job.unsafelyUnwrapped._withUnsafeGuaranteedRef({ $0.claim(epoch) ? $0.takeCancellation() : nil }
            )
        {
            throw fault
        }
        return Parking(slot, job.unsafelyUnwrapped, epoch)
    }

    /// The entry to leave behind, before anybody else can know of the wait. From then on the job may end at any time.
    @inline(__always) consuming func leave() -> Waiting {
        slot.pointee.current = nil
        return Waiting(job.takeRetainedValue(), epoch)
    }
}
