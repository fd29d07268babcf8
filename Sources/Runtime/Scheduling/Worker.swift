import Machine
import Synchronization
import Values

/// One thread's share of the pool: a slot for the job just woken, and a queue that others may steal from.
final class Worker: @unchecked Sendable {
    // Sendable: `owned` belongs to the worker's thread, `queue` is guarded by `queueLock`, `parked` by the scheduler's lock.
    let index: Int
    /// Signalled, under the scheduler's lock, when there is a reason to wake.
    let condition = Condition()
    private let queueLock = SpinLock()
    @exclusivity(unchecked) private var queue = Ring<Unmanaged<Job>>()
    /// Length of `queue`, for thieves who look before they lock.
    private let length = Atomic<Int>(0)
    let owned: UnsafeMutablePointer<Owned>
    /// Jobs taken from `queue`, by anybody: whoever looks twice sees whether it moves.
    private let takenCount = Atomic<Int>(0)
    /// `begun` as the sentry last saw it; guarded by the scheduler's lock.
    var begunAtLook = 0
    /// Whether the worker stands in the idle list; guarded by the scheduler's lock.
    var isParked = false
    /// What ends the runs that stand on the thread's stack, the innermost last; guarded by the scheduler's lock.
    var runs: [@Sendable () -> Bool] = []

    /// What only the worker's thread touches.
    struct Owned {
        /// The job woken last: it runs next, on what is left of the present slice, while its data is warm.
        var handoff: Unmanaged<Job>?
        /// Steps left of the present slice.
        var fuel = 0
        /// Steps taken since the account was settled.
        var unsettled = 0
        /// Turns since the account was settled.
        var turns = 0
        /// Whether the turns of late were short; until some were long, they are taken to be.
        var runsShort = true
        var picks: UInt32 = 0
        var random: SplitMix
    }

    init(index: Int, seed: UInt64) {
        self.index = index
        owned = .allocate(capacity: 1)
        owned.initialize(to: Owned(random: SplitMix(seed: SplitMix.mix(seed &+ UInt64(index)))))
    }

    deinit {
        while let job = queue.popFirst() { job.release() }
        owned.pointee.handoff?.release()
        owned.deinitialize(count: 1)
        owned.deallocate()
    }

    var begun: Int { takenCount.load(ordering: .relaxed) }
    var queued: Int { length.load(ordering: .relaxed) }

    /// Jobs that another's queue must hold for this one to take of them. One, unless what this one ran lately were short turns:
    /// then two threads mostly wait for each other's lines of cache and memory, and those that are left run soon where they
    /// are. For the worker's thread.
    var leastWorthStealing: Int { owned.pointee.runsShort ? Worker.manyShortTurns : 1 }

    /// Notes whether the turns since the account was settled were short.
    func measureTurns() {
        if owned.pointee.turns > 0 {
            owned.pointee.runsShort = owned.pointee.unsettled < owned.pointee.turns * Worker.shortTurn
        }
    }

    /// Adds to the queue's end. Gives the new length.
    func push(_ job: Unmanaged<Job>) -> Int {
        queueLock.withLock {
            queue.append(job)
            length.store(queue.count, ordering: .relaxed)
            return queue.count
        }
    }

    func pop() -> Unmanaged<Job>? {
        if queued == 0 { return nil }
        return queueLock.withLock {
            defer { length.store(queue.count, ordering: .relaxed) }
            takenCount.store(takenCount.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
            return queue.popFirst()
        }
    }

    /// Most jobs that are taken from another's queue at once, so that its lock is held for a short time.
    private static let haul = 64
    /// As many short turns as take some tenths of a millisecond.
    private static let manyShortTurns = 1024
    /// Steps that a turn takes on average below which turns are short.
    private static let shortTurn = 100

    /// Moves the older half of another's queue here, or as many as one may at once, and gives the first.
    func steal(from victim: Worker) -> Unmanaged<Job>? {
        if victim.queued == 0 { return nil }
        return withUnsafeTemporaryAllocation(of: Unmanaged<Job>.self, capacity: Worker.haul) { stolen in
            let share = victim.queueLock.withLock {
                let share = min((victim.queue.count + 1) / 2, Worker.haul)
                for index in 0..<share { stolen.initializeElement(at: index, to: victim.queue.takeFirst()) }
                victim.length.store(victim.queue.count, ordering: .relaxed)
                victim.takenCount.store(victim.begun &+ share, ordering: .relaxed)
                return share
            }
            if share == 0 { return nil }
            for index in 1..<share { _ = push(stolen[index]) }
            return stolen[0]
        }
    }
}
