import Values

/// The budgets of one runtime that ran out, and who tells of it: what is in the foreground by failing, or, when nothing is,
/// `uncaught`.
final class Exhaustions: @unchecked Sendable {
    // Sendable: guarded by `lock`, but for `runtime`, which is set once, before the first fiber.
    weak var runtime: FiberRuntime?
    private let lock = Lock()
    /// What is in the foreground: the main fiber, and the evaluation around it.
    private var mains = 0
    private var count = 0
    private var latest: Budget?
    private var isTold = false
    /// The timer that ends the grace.
    private var graceEnd: TimerToken?

    /// The budget that ran out last.
    var last: Budget? { lock.withLock { latest } }

    /// Something begins in the foreground. Gives what `leave` wants.
    func enter() -> Int {
        lock.withLock {
            if mains == 0 { isTold = false }
            mains += 1
            return count
        }
    }

    /// It has ended. Gives the budget that ran out meanwhile.
    func leave(_ seen: Int) -> Budget? {
        lock.withLock {
            mains -= 1
            // What is left has been ended; whoever comes next has the grace that is left.
            if mains == 0 { graceEnd?.cancel() }
            return count > seen ? latest : nil
        }
    }

    /// Keeps the timer that ends the grace for as long as a main fiber may still need it.
    func keep(_ timer: TimerToken) { lock.withLock { graceEnd = timer } }

    /// Notes that a budget ran out. Whether this is news, and whether nobody else will tell.
    func note(_ budget: Budget) -> (isNew: Bool, isUntold: Bool) {
        lock.withLock {
            count += 1
            latest = budget
            defer { isTold = true }
            return (!isTold, !isTold && mains == 0)
        }
    }
}
