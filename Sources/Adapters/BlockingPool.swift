import Engine
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
        let work = Work(work)
        state.submit(work)
        return Ticket(work: work, state: state)
    }

    /// Threads alive now.
    package var threads: Int { state.threadCount }

    package struct Ticket: Sendable {
        fileprivate let work: Work
        fileprivate let state: PoolState

        /// True when the work had not begun and now never will.
        @discardableResult
        package func withdraw() -> Bool { state.take(work) != nil }
    }
}

/// A call that was submitted: nil once a thread has begun it or its owner has withdrawn it.
private final class Work: @unchecked Sendable {
    // Sendable: guarded by the pool's lock.
    var body: (@Sendable () -> Void)?
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}

/// What the threads of a pool share. Apart from `BlockingPool`, so that dropping the pool ends its idle threads.
private final class PoolState: @unchecked Sendable {
    // Sendable: `lock` guards every mutable field.
    private let lock = Lock()
    private let condition = Condition()
    private let limit: Int
    private let idleMs: Int64
    /// What was withdrawn stays until its turn comes.
    private var queue = Fifo<Work>()
    /// How many in the queue have neither begun nor been withdrawn.
    private var waiting = 0
    private var threads = 0
    private var idle = 0
    private var closed = false

    init(limit: Int, idleMs: Int64) {
        self.limit = limit
        self.idleMs = idleMs
    }

    var threadCount: Int { lock.withLock { threads } }

    func submit(_ work: Work) {
        let grow = lock.withLock {
            queue.append(work)
            waiting += 1
            let grow = waiting > idle && threads < limit
            if grow { threads += 1 } else { condition.signal() }
            return grow
        }
        if grow { addThread() }
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

    /// The call, for whoever asks first.
    func take(_ work: Work) -> (@Sendable () -> Void)? { lock.withLock { taken(work) } }

    private func taken(_ work: Work) -> (@Sendable () -> Void)? {
        guard let body = work.body else { return nil }
        work.body = nil
        waiting -= 1
        return body
    }

    func close() {
        lock.withLock {
            closed = true
            condition.broadcast()
        }
    }

    private func takeNext() -> (@Sendable () -> Void)? {
        while let work = queue.popFirst() {
            if let body = taken(work) { return body }
        }
        return nil
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
        while waiting == 0, !closed {
            if !condition.wait(lock, until: deadline) { return waiting > 0 }
        }
        return true
    }
}
