import Values

/// Threads for calls that block: grows on demand up to a limit, and idle threads end.
///
/// Work is taken in the order it came. The pool may be dropped while work runs: its threads finish what was submitted.
package final class BlockingPool: Sendable {
    /// Files: a disk serves no more at once, and a stuck network mount must not eat the process's threads.
    package static let fileThreads = 8
    /// How long a thread waits for work before it ends.
    package static let idleMs: Int64 = 5_000

    private let state: PoolState

    package init(limit: Int = BlockingPool.fileThreads, idleMs: Int64 = BlockingPool.idleMs) {
        state = PoolState(limit: max(1, limit), idleMs: idleMs)
    }

    deinit { state.close() }

    /// Queues `work`. The ticket withdraws it while it has not begun.
    @discardableResult
    package func submit(_ work: @escaping @Sendable () -> Void) -> Ticket {
        Ticket(number: state.submit(work), state: state)
    }

    /// Threads alive now.
    package var threads: Int { state.threadCount }

    package struct Ticket: Sendable {
        let number: UInt64
        fileprivate let state: PoolState

        /// True when the work had not begun and now never will.
        @discardableResult
        package func withdraw() -> Bool { state.withdraw(number) }
    }
}

/// What the threads of a pool share. Apart from `BlockingPool`, so that dropping the pool ends its idle threads.
private final class PoolState: @unchecked Sendable {
    // Sendable: `lock` guards every mutable field.
    private let lock = Lock()
    private let condition = Condition()
    private let limit: Int
    private let idleMs: Int64
    private var queue: [(number: UInt64, work: @Sendable () -> Void)] = []
    /// The first element of `queue` that is still there; taken elements are dropped in bulk.
    private var head = 0
    private var nextNumber: UInt64 = 1
    private var threads = 0
    private var idle = 0
    private var closed = false

    init(limit: Int, idleMs: Int64) {
        self.limit = limit
        self.idleMs = idleMs
    }

    var threadCount: Int { lock.withLock { threads } }

    func submit(_ work: @escaping @Sendable () -> Void) -> UInt64 {
        let (number, grow) = lock.withLock { () -> (UInt64, Bool) in
            let number = nextNumber
            nextNumber += 1
            queue.append((number, work))
            let grow = queue.count - head > idle && threads < limit
            if grow { threads += 1 } else { condition.signal() }
            return (number, grow)
        }
        if grow { addThread() }
        return number
    }

    /// Starts a thread, already counted. Without one the work waits for those that run; with none at all it runs here,
    /// because blocking the caller is better than never answering.
    private func addThread() {
        if startThread({ self.serve() }) { return }
        let alone = lock.withLock { () -> Bool in
            threads -= 1
            return threads == 0
        }
        while alone, let work = lock.withLock({ takeNext() }) { work() }
    }

    func withdraw(_ number: UInt64) -> Bool {
        lock.withLock {
            guard let index = queue[head...].firstIndex(where: { $0.number == number }) else { return false }
            queue.remove(at: index)
            return true
        }
    }

    func close() {
        lock.withLock {
            closed = true
            condition.broadcast()
        }
    }

    private func takeNext() -> (@Sendable () -> Void)? {
        guard head < queue.count else { return nil }
        let work = queue[head].work
        queue[head].work = {}  // lets go of what the work holds before the array is compacted
        head += 1
        if head > 64, head * 2 > queue.count {
            queue.removeFirst(head)
            head = 0
        } else if head == queue.count {
            queue.removeAll(keepingCapacity: true)
            head = 0
        }
        return work
    }

    private func serve() {
        while let work = nextOrEnd() { work() }
    }

    /// The next work; nil when the thread should end, which is then no longer counted.
    private func nextOrEnd() -> (@Sendable () -> Void)? {
        lock.withLock {
            while true {
                if let work = takeNext() { return work }
                if closed || !waitForWork() {
                    threads -= 1
                    return nil
                }
            }
        }
    }

    /// Waits under the lock; false when nothing came for `idleMs`.
    private func waitForWork() -> Bool {
        let deadline = MonotonicClock.now + idleMs * 1_000_000
        idle += 1
        defer { idle -= 1 }
        while head >= queue.count, !closed {
            if !condition.wait(lock, until: deadline) { return head < queue.count }
        }
        return true
    }
}
