import Machine
import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Threads for `:thread` fibers: each runs one fiber at a time and may be blocked by it. They grow on demand and end when
/// they have been idle for a while.
final class BlockingThreads: @unchecked Sendable {
    // Sendable: guarded by the scheduler's lock.
    /// More threads than this are not started; further fibers wait for one.
    static let limit = 256
    /// Nanoseconds after which an idle thread ends.
    static let patience: Int64 = 1_000_000_000

    private let lock: Lock
    private let condition = Condition()
    private let queue: UnsafeMutablePointer<Ring<Unmanaged<Job>>>
    private var threads = 0
    private var resting = 0
    /// Jobs that are queued here or run.
    private(set) var active = 0

    init(lock: Lock) {
        self.lock = lock
        queue = .allocate(capacity: 1)
        queue.initialize(to: Ring())
    }

    deinit {
        while let job = queue.pointee.popFirst() { job.release() }
        queue.deinitialize(count: 1)
        queue.deallocate()
    }

    func submit(_ job: Unmanaged<Job>, _ scheduler: ThreadedScheduler) {
        lock.withLock {
            active += 1
            queue.pointee.append(job)
            if resting >= queue.pointee.count {
                condition.signal()
            } else if threads < BlockingThreads.limit {
                // Without a thread the job waits for one that exists.
                if startThread(stack: ThreadedScheduler.stackSize, { self.loop(scheduler) }) { threads += 1 }
            }
        }
    }

    func wakeAll() { condition.broadcast() }

    private func loop(_ scheduler: ThreadedScheduler) {
        _ = ThreadSlot.pointer
        while let job = take(scheduler) {
            run(job, scheduler)
            lock.withLock {
                active -= 1
                if active == 0 { scheduler.noticeIdleness() }
            }
        }
        ThreadSlot.free()
    }

    /// The next job, or nil when the thread is to end.
    private func take(_ scheduler: ThreadedScheduler) -> Job? {
        lock.acquire()
        defer { lock.release() }
        while true {
            if scheduler.isStopping { break }
            if let job = queue.pointee.popFirst() { return job.takeRetainedValue() }
            resting += 1
            let signalled = condition.wait(lock, until: scheduler.now() + BlockingThreads.patience)
            resting -= 1
            if !signalled, queue.pointee.isEmpty { break }
        }
        threads -= 1
        return nil
    }

    /// Runs the job until it parks or ends.
    private func run(_ job: Job, _ scheduler: ThreadedScheduler) {
        while true {
            var fuel = sliceFuel
            let reference = Unmanaged.passRetained(job)
            let end = Job.turn(reference, &fuel)
            if end == .ready { reference.release() }
            scheduler.settleElsewhere(sliceFuel - max(0, fuel), end == .ready ? job : nil)
            switch end {
            case .parked, .finished: return
            case .ready: if scheduler.isStopping { return }
            }
        }
    }
}
