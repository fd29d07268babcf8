import Values

/// Lets a test wait for another thread.
final class Signalled: @unchecked Sendable {
    // Sendable: `lock` guards `isSet`; the condition is made to be shared.
    private let lock = Lock()
    private let condition = Condition()
    private var isSet = false

    func signal() {
        lock.withLock {
            isSet = true
            condition.broadcast()
        }
    }

    /// False when nobody signalled in time.
    func wait(ms: Int64) -> Bool {
        let deadline = MonotonicClock.now + ms * 1_000_000
        return lock.withLock {
            while !isSet, condition.wait(lock, until: deadline) {}
            return isSet
        }
    }
}
