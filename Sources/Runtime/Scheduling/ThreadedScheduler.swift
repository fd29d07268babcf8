import CThread
import Machine
import Synchronization
import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Fibers on threads, with the real clock.
///
/// The pool has one worker per core, and one more for a thread that lends itself (`run`), of which at most as many as there
/// are cores are awake. A job that becomes ready on a worker takes its hand-off slot and runs next there; the job that was in
/// the slot goes to the worker's queue. Another worker is woken only when that pays: when a slice was used up, by one
/// fiber or by a few, or a queue has grown (`backlog`), for waking costs more than most fibers run. One idle worker, the sentry, sleeps only until the next
/// timer, and looks around for work every few milliseconds while others run, which bounds what a fiber that holds its thread
/// can delay. Fibers dispatched to `:thread` have threads of their own (`BlockingThreads`).
package final class ThreadedScheduler: Scheduler, @unchecked Sendable {
    // Sendable: `shared` is guarded by `lock`; the rest is immutable or locks inside.
    /// Enough for the interpreter's frames and nested releases, with room for primitives that recurse.
    static let stackSize = 1 << 20
    /// Queued jobs from which another worker is woken although no slice has ended. So many because fibers that talk to each
    /// other are faster on one thread than on two, and those that compute end a slice soon.
    static let backlog = 64
    /// Turns within the steps of a slice up to which fibers are taken to compute, rather than to talk.
    static let turnsOfWork = 6
    /// How many looks an idle worker takes around before it parks, and the pauses between two of them: a microsecond or so, for
    /// who looks at a queue takes its line of cache away from who uses it.
    static let spins = (looks: 32, pauses: 32)
    /// How often the sentry looks around while others run, in nanoseconds: from the first to the last of a doubling.
    static let patrol: (first: Int64, last: Int64) = (1_000_000, 16_000_000)
    /// Picks between looks at the shared queue and the timers.
    static let lookInterval: UInt32 = 64

    let lock = Lock()
    private let timers = TimerQueue()
    private let workers: [Worker]
    private let cores: Int
    private let account: Account
    private let onExhaustion: @Sendable (Fault) -> Void
    private let blocking: BlockingThreads
    private let shared: UnsafeMutablePointer<Shared>
    private let stopping = Atomic<Bool>(false)
    /// Jobs in the shared queue, for looks without the lock.
    private let sharedCount = Atomic<Int>(0)
    private let parkedCount = Atomic<Int>(0)

    private struct Shared: ~Copyable {
        var queue = Ring<Unmanaged<Job>>()
        var idle: [Worker] = []
        var sentry: Worker?
        /// Pool threads that exist.
        var started = 0
        /// Workers that are awake, the lent one included.
        var awake = 0
        /// Workers that run fibers on top of one that waits for another.
        var nested = 0
        /// Whether a thread lends itself as worker 0.
        var isLent = false
        /// What outside may still make a fiber ready.
        var held = 0
        /// A thread that is no worker sees to the timers.
        var isWatched = false
    }

    /// Signalled when the scheduler is idle, stops, or a waiting `run` should look again.
    private let outsiders = Condition()

    /// - Parameters:
    ///   - cores: workers awake at a time; at least 1.
    ///   - onExhaustion: hears of a budget that ran out while a fiber parked, so that no fiber could be told.
    package init(
        cores: Int = ThreadedScheduler.coreCount, account: Account, seed: UInt64 = 0,
        onExhaustion: @escaping @Sendable (Fault) -> Void = { _ in }
    ) {
        self.cores = max(1, cores)
        self.account = account
        self.onExhaustion = onExhaustion
        workers = (0...max(1, cores)).map { Worker(index: $0, seed: seed) }
        shared = .allocate(capacity: 1)
        shared.initialize(to: Shared())
        blocking = BlockingThreads(lock: lock)
    }

    deinit {
        while let job = shared.pointee.queue.popFirst() { job.release() }
        shared.deinitialize(count: 1)
        shared.deallocate()
    }

    package static var coreCount: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

    package func now() -> Int64 { MonotonicClock.now }

    // Making ready

    package func ready(_ job: Unmanaged<Job>) {
        if job._withUnsafeGuaranteedRef({ $0.dispatch == .thread }) {
            blocking.submit(job, self)
        } else if !ThreadedScheduler.readyHere(job, Unmanaged.passUnretained(self).toOpaque()) {
            readyElsewhere(job)
        }
    }

    package func readyInTurn(_ job: Unmanaged<Job>) {
        let slot = ThreadSlot.pointer
        guard job._withUnsafeGuaranteedRef({ $0.dispatch == .go }),
            slot.pointee.home == Unmanaged.passUnretained(self).toOpaque(), let worker = slot.pointee.worker
        else { return ready(job) }
        worker._withUnsafeGuaranteedRef { enqueue(job, $0) }
    }

    /// Puts a job of the pool in the hand-off slot of this thread's worker, if the thread belongs to the scheduler `home`, which
    /// is compared as a word: a wake-up counts no references. The job that was there goes to the queue.
    @inline(__always) static func readyHere(_ job: Unmanaged<Job>, _ home: UnsafeMutableRawPointer?) -> Bool {
        let slot = ThreadSlot.pointer
        guard slot.pointee.home == home, let owned = slot.pointee.owned else { return false }
        let older = owned.pointee.handoff
        owned.pointee.handoff = job
        if let older { enqueueHere(older, slot) }
        return true
    }

    @inline(never) private static func enqueueHere(_ job: Unmanaged<Job>, _ slot: UnsafeMutablePointer<ThreadSlot>) {
        guard let home = slot.pointee.home, let worker = slot.pointee.worker else { return }
        // Only threads of this class have one.
        Unmanaged<ThreadedScheduler>.fromOpaque(home)._withUnsafeGuaranteedRef { scheduler in
            worker._withUnsafeGuaranteedRef { scheduler.enqueue(job, $0) }
        }
    }

    private func enqueue(_ job: Unmanaged<Job>, _ worker: Worker) {
        let length = worker.push(job)
        // The first queued job brings the pool's first thread to life, which then keeps watch as the sentry.
        if length >= ThreadedScheduler.backlog || (length == 1 && shouldStartFirst) { wakeOne() }
    }

    private var shouldStartFirst: Bool { !hasStarted.load(ordering: .relaxed) }
    private let hasStarted = Atomic<Bool>(false)

    private func readyElsewhere(_ job: Unmanaged<Job>) {
        account.bookMemory()
        lock.withLock {
            shared.pointee.queue.append(job)
            sharedCount.store(shared.pointee.queue.count, ordering: .relaxed)
            wakeLocked()
        }
    }

    /// Wakes or starts a worker if a core is free for another than the caller's.
    private func wakeOne() {
        if cores == 1 { return }
        if parkedCount.load(ordering: .relaxed) == 0, hasStarted.load(ordering: .relaxed) { return }
        lock.withLock { wakeLocked() }
    }

    private func wakeLocked() {
        if shared.pointee.awake >= cores || stopping.load(ordering: .relaxed) { return }
        if let worker = shared.pointee.idle.last {
            unpark(worker)
            worker.condition.signal()
        } else if shared.pointee.started < cores {
            startThread()
        }
    }

    private func startThread() {
        let worker = workers[shared.pointee.started + 1]
        // The first thread of the pool is there to keep watch; each further one is started because there is work for it.
        worker.owned.pointee.runsShort = shared.pointee.started == 0
        hasStarted.store(true, ordering: .relaxed)
        let began = Values.startThread(stack: ThreadedScheduler.stackSize) { [self] in
            ThreadSlot.enter(worker, self)
            _ = loop(worker, isOfPool: true, until: { false })
            ThreadSlot.leave()
            ThreadSlot.free()
            lock.withLock {
                shared.pointee.started -= 1
                outsiders.broadcast()
            }
        }
        // Without a thread the lent one does all the work.
        guard began else { return }
        shared.pointee.started += 1
        shared.pointee.awake += 1
    }

    /// Takes the worker out of the idle list: it is awake from here on.
    private func unpark(_ worker: Worker) {
        shared.pointee.idle.removeAll { $0 === worker }
        parkedCount.store(shared.pointee.idle.count, ordering: .relaxed)
        worker.isParked = false
        shared.pointee.awake += 1
        guard shared.pointee.sentry === worker else { return }
        shared.pointee.sentry = nil
        // Somebody else keeps watch.
        shared.pointee.idle.last?.condition.signal()
    }

    // Timers

    package func schedule(at deadline: Int64, _ action: TimerAction) {
        guard timers.add(deadline, action) else { return }
        lock.withLock {
            // Whoever sleeps until a later timer must sleep anew; with nobody asleep, the awake ones look at the timers.
            if let sentry = shared.pointee.sentry {
                sentry.condition.signal()
            } else if let worker = shared.pointee.idle.last {
                worker.condition.signal()
            } else if shared.pointee.awake == 0, !shared.pointee.isLent {
                wakeLocked()
            }
        }
    }

    /// The fiber that this one woke would wait for the end of its operation, and nobody may be asleep who would see to the timers,
    /// when every thread is in such an operation.
    package func keepWatch(after steps: Int) {
        shareHandoff()
        if timers.nextDeadline == .max { return }
        lock.withLock {
            guard shared.pointee.idle.isEmpty, !shared.pointee.isWatched, !stopping.load(ordering: .relaxed) else {
                return
            }
            shared.pointee.isWatched = Values.startThread(stack: ThreadedScheduler.stackSize) { [self] in watch() }
        }
    }

    /// Puts the job in this thread's hand-off slot, which only this thread can take, where others can.
    private func shareHandoff() {
        let slot = ThreadSlot.pointer
        guard slot.pointee.home == Unmanaged.passUnretained(self).toOpaque(), let owned = slot.pointee.owned,
            let worker = slot.pointee.worker, let job = owned.pointee.handoff
        else { return }
        owned.pointee.handoff = nil
        _ = worker._withUnsafeGuaranteedRef { $0.push(job) }
        wakeOne()
    }

    /// Sees to the timers, on a thread that takes no jobs, for as long as no worker is asleep that would.
    private func watch() {
        lock.acquire()
        while shared.pointee.idle.isEmpty, timers.nextDeadline != .max, !stopping.load(ordering: .relaxed) {
            guard timers.nextDeadline <= now() else {
                outsiders.wait(lock, until: min(timers.nextDeadline, now() + ThreadedScheduler.patrol.last))
                continue
            }
            // What a timer brings about is not there yet when it is taken out.
            shared.pointee.held += 1
            lock.release()
            _ = timers.fire(now())
            lock.acquire()
            shared.pointee.held -= 1
            noticeIdleness()
        }
        shared.pointee.isWatched = false
        outsiders.broadcast()
        lock.release()
    }

    // The worker's loop

    /// Runs jobs until `isDone`, idleness or the end; those of the pool know no idleness.
    private func loop(_ worker: Worker, isOfPool: Bool = false, until isDone: () -> Bool) -> RunEnd {
        while true {
            if isDone() { return .done }
            if stopping.load(ordering: .relaxed) { return .stopped }
            if let job = next(worker) {
                execute(job, worker)
            } else if let end = rest(worker, isOfPool, until: isDone) {
                return end
            }
        }
    }

    @inline(__always) private func next(_ worker: Worker) -> Unmanaged<Job>? {
        let owned = worker.owned
        owned.pointee.picks &+= 1
        if owned.pointee.picks % ThreadedScheduler.lookInterval == 0, let job = look(worker) { return job }
        if let job = owned.pointee.handoff {
            owned.pointee.handoff = nil
            if owned.pointee.fuel > 0 { return job }
            // Jobs that wake each other in turn have had their slice together: the others come first.
            if worker.queued > 0 || sharedCount.load(ordering: .relaxed) > 0 {
                _ = worker.push(job)
            } else {
                owned.pointee.fuel = sliceFuel
                return job
            }
        }
        owned.pointee.fuel = sliceFuel
        return worker.pop() ?? takeShared(worker) ?? steal(worker)
    }

    /// Fires timers, and now and then prefers the shared queue, so that neither waits for a pool that is never out of work.
    @inline(never) private func look(_ worker: Worker) -> Unmanaged<Job>? {
        if timers.nextDeadline != .max { _ = timers.fire(now()) }
        guard sharedCount.load(ordering: .relaxed) > 0, let job = takeShared(worker) else { return nil }
        worker.owned.pointee.fuel = sliceFuel
        return job
    }

    private func takeShared(_ worker: Worker) -> Unmanaged<Job>? {
        if sharedCount.load(ordering: .relaxed) == 0 { return nil }
        return lock.withLock {
            let job = shared.pointee.queue.popFirst()
            sharedCount.store(shared.pointee.queue.count, ordering: .relaxed)
            return job
        }
    }

    private func steal(_ worker: Worker) -> Unmanaged<Job>? {
        worker.measureTurns()
        let least = worker.leastWorthStealing
        let start = Int(truncatingIfNeeded: worker.owned.pointee.random.next() >> 33) % workers.count
        for offset in workers.indices {
            let victim = workers[(start + offset) % workers.count]
            if victim !== worker, victim.queued >= least, let job = worker.steal(from: victim) { return job }
        }
        return nil
    }

    @inline(__always) private func execute(_ reference: Unmanaged<Job>, _ worker: Worker) {
        let owned = worker.owned
        let before = owned.pointee.fuel
        var fuel = before
        let end = Job.turn(reference, &fuel)
        // A turn costs at least one step, so that fibers which only wake each other use their slice up too.
        let taken = max(1, before &- max(0, fuel))
        owned.pointee.fuel = before &- taken
        owned.pointee.unsettled &+= taken
        owned.pointee.turns &+= 1
        if _slowPath(owned.pointee.unsettled >= sliceFuel) {
            // Few turns took a slice's steps: these fibers compute, though they wait for each other before their slices end.
            let computes = owned.pointee.turns <= ThreadedScheduler.turnsOfWork
            if computes, worker.queued > 0 { wakeOne() }
            settle(worker, end == .ready ? reference.takeUnretainedValue() : nil)
        }
        switch end {
        case .parked, .finished: break
        case .ready:
            let length = worker.push(reference)
            // The fiber computes, unless it only got what others had left of their slice: then what is left in the queue has
            // waited long enough for another core.
            if taken >= sliceFuel / 2, length > 1 || owned.pointee.handoff != nil { wakeOne() }
            if timers.nextDeadline != .max { _ = timers.fire(now()) }
        }
    }

    /// Books steps and bytes. A budget that ran out fails the job at hand, or is told to the runtime.
    @inline(never) private func settle(_ worker: Worker, _ job: Job?) {
        let steps = worker.owned.pointee.unsettled
        worker.measureTurns()
        worker.owned.pointee.unsettled = 0
        worker.owned.pointee.turns = 0
        do throws(Fault) { try account.settle(steps: steps) } catch {
            if let job { job.fail(error) } else { onExhaustion(error) }
        }
    }

    // Resting

    /// Waits for work. Gives an end when the loop is to end.
    private func rest(_ worker: Worker, _ isOfPool: Bool, until isDone: () -> Bool) -> RunEnd? {
        settle(worker, nil)
        // A budget that ran out with these steps has made those ready here that it ends.
        if worker.owned.pointee.handoff != nil { return nil }
        if timers.nextDeadline != .max, timers.fire(now()) { return nil }
        if spin(worker) { return nil }
        lock.acquire()
        defer { lock.release() }
        if !shared.pointee.queue.isEmpty || canSteal(worker) || stopping.load(ordering: .relaxed) { return nil }
        if isDone() { return .done }
        worker.isParked = true
        shared.pointee.idle.append(worker)
        parkedCount.store(shared.pointee.idle.count, ordering: .relaxed)
        shared.pointee.awake -= 1
        noticeIdleness()
        var patrol = ThreadedScheduler.patrol.first
        while worker.isParked {
            if !isOfPool, isDone() || isIdle {
                unpark(worker)
                return isDone() ? .done : .idle
            }
            if stopping.load(ordering: .relaxed) {
                unpark(worker)
                return .stopped
            }
            patrol = sleep(worker, patrol)
        }
        // It was woken because taking pays.
        worker.owned.pointee.runsShort = false
        return nil
    }

    /// One sleep of a parked worker, under the lock. Gives the next patrol interval.
    private func sleep(_ worker: Worker, _ patrol: Int64) -> Int64 {
        if shared.pointee.sentry == nil { shared.pointee.sentry = worker }
        guard shared.pointee.sentry === worker else {
            worker.condition.wait(lock)
            return patrol
        }
        var deadline = timers.nextDeadline
        if shared.pointee.awake > 0 { deadline = min(deadline, now() + patrol) }
        if deadline == .max {
            worker.condition.wait(lock)
            return patrol
        }
        worker.condition.wait(lock, until: deadline)
        guard worker.isParked else { return patrol }
        if timers.nextDeadline <= now() || !shared.pointee.queue.isEmpty || seesHeldQueue(worker) {
            unpark(worker)
            return patrol
        }
        // The last timers may have been of waits that had ended.
        noticeIdleness()
        return min(patrol * 2, ThreadedScheduler.patrol.last)
    }

    /// Whether jobs wait at a worker that has begun none since the last look: a fiber holds its thread. Where jobs come and go,
    /// the queue is short-lived, and taking from it would cost more than it brings. Under the lock.
    private func seesHeldQueue(_ sentry: Worker) -> Bool {
        var isHeld = false
        for worker in workers where worker !== sentry {
            let begun = worker.begun
            if worker.queued > 0, begun == worker.begunAtLook { isHeld = true }
            worker.begunAtLook = begun
        }
        return isHeld
    }

    private func canSteal(_ worker: Worker) -> Bool {
        let least = worker.leastWorthStealing
        return workers.contains { $0 !== worker && $0.queued >= least }
    }

    /// Looks around for some microseconds, because work often comes soon and a sleep costs more. True when there is some.
    private func spin(_ worker: Worker) -> Bool {
        if lock.withLock({ shared.pointee.awake }) <= 1 { return false }
        for _ in 0..<ThreadedScheduler.spins.looks {
            if sharedCount.load(ordering: .relaxed) > 0 || canSteal(worker) { return true }
            if timers.nextDeadline != .max, timers.nextDeadline <= now() { return true }
            for _ in 0..<ThreadedScheduler.spins.pauses { sluice_pause() }
        }
        return false
    }

    // Idleness

    /// Whether nothing can happen any more. Under the lock.
    private var isIdle: Bool {
        shared.pointee.awake == 0 && shared.pointee.queue.isEmpty && shared.pointee.held == 0 && blocking.active == 0
            && timers.isDrained()
            // Who waits for its run to end, and has not woken yet, goes on when it is over.
            && !workers.contains { $0.runs.last?() ?? false }
    }

    /// Tells those who wait for idleness. Under the lock.
    func noticeIdleness() {
        guard isIdle else { return }
        signalRuns()
    }

    package func hold() { lock.withLock { shared.pointee.held += 1 } }

    package func release() {
        lock.withLock {
            shared.pointee.held -= 1
            noticeIdleness()
        }
    }

    // Lending threads

    package func run(_ first: Job?, until isDone: @escaping @Sendable () -> Bool) -> RunEnd {
        if let worker = ThreadSlot.worker, worker === workers[worker.index] {
            return runNested(first, worker, until: isDone)
        }
        let lent: Bool = lock.withLock {
            if shared.pointee.isLent { return false }
            shared.pointee.isLent = true
            shared.pointee.awake += 1
            workers[0].runs.append(isDone)
            return true
        }
        guard lent else {
            if let first { ready(first) }
            return waitOutside(until: isDone)
        }
        ThreadSlot.enter(workers[0], self)
        if let first { ready(first) }
        let end = loop(workers[0], until: isDone)
        ThreadSlot.leave()
        settle(workers[0], nil)
        giveBack()
        return end
    }

    /// A fiber of this worker waits, in a primitive, for another to end, as `require` does for the forms of a file: the worker
    /// goes on with other fibers meanwhile, on top of it.
    private func runNested(_ first: Job?, _ worker: Worker, until isDone: @escaping @Sendable () -> Bool) -> RunEnd {
        lock.withLock {
            shared.pointee.nested += 1
            worker.runs.append(isDone)
        }
        defer {
            lock.withLock {
                shared.pointee.nested -= 1
                worker.runs.removeLast()
            }
        }
        if let first { ready(first) }
        return loop(worker, until: isDone)
    }

    /// Leaves what worker 0 still has to the pool.
    private func giveBack() {
        let worker = workers[0]
        var left: [Unmanaged<Job>] = []
        if let job = worker.owned.pointee.handoff { left.append(job) }
        worker.owned.pointee.handoff = nil
        while let job = worker.pop() { left.append(job) }
        lock.withLock {
            shared.pointee.isLent = false
            shared.pointee.awake -= 1
            workers[0].runs.removeLast()
            for job in left { shared.pointee.queue.append(job) }
            sharedCount.store(shared.pointee.queue.count, ordering: .relaxed)
            if !shared.pointee.queue.isEmpty || timers.nextDeadline != .max { wakeLocked() }
            outsiders.broadcast()
        }
    }

    /// A second thread that wants to lend itself waits instead.
    private func waitOutside(until isDone: @Sendable () -> Bool) -> RunEnd {
        lock.acquire()
        defer { lock.release() }
        wakeLocked()
        while true {
            if isDone() { return .done }
            if stopping.load(ordering: .relaxed) { return .stopped }
            if isIdle, !shared.pointee.isLent { return .idle }
            outsiders.wait(lock)
        }
    }

    package func attend() { lock.withLock { signalRuns() } }

    /// Makes every `run` look again whether it is over. Under the lock.
    private func signalRuns() {
        workers[0].condition.signal()
        if shared.pointee.nested > 0 { for worker in shared.pointee.idle { worker.condition.signal() } }
        outsiders.broadcast()
    }

    package func stop() {
        lock.acquire()
        stopping.store(true, ordering: .releasing)
        for worker in shared.pointee.idle { worker.condition.signal() }
        blocking.wakeAll()
        outsiders.broadcast()
        let own = ThreadSlot.worker != nil ? 1 : 0
        // Slices are short; a thread that a primitive blocks is left to itself.
        let deadline = now() + 1_000_000_000
        while shared.pointee.started > own || shared.pointee.isLent || shared.pointee.isWatched, now() < deadline {
            outsiders.wait(lock, until: deadline)
        }
        lock.release()
        timers.removeAll()
    }

    var isStopping: Bool { stopping.load(ordering: .relaxed) }

    /// Steps taken on a thread that is no worker.
    func settleElsewhere(_ steps: Int, _ job: Job?) {
        do throws(Fault) { try account.settle(steps: steps) } catch {
            if let job { job.fail(error) } else { onExhaustion(error) }
        }
    }
}
