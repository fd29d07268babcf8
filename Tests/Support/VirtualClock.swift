import Engine
import Values

/// A clock that stands until a test moves it.
package final class VirtualClock: Clock, @unchecked Sendable {
    // Sendable: `lock` guards everything mutable.
    private let lock = Lock()
    private var now: Int64 = 0
    private let epochMs: Int64
    /// By time, and those of one time in the order they were made.
    private var calls: [(atMs: Int64, number: Int, call: ScheduledCall)] = []
    private var made = 0

    /// - Parameter epochMs: what the wall clock shows at time 0.
    package init(epochMs: Int64 = 0) { self.epochMs = epochMs }

    package var nowMs: Int64 { lock.withLock { now } }
    package func wallMs(at nowMs: Int64) -> Int64 { nowMs + epochMs }

    package func schedule(atMs: Int64, _ body: @escaping @Sendable () -> Void) -> ScheduledCall {
        lock.withLock {
            made += 1
            let call = ScheduledCall(body) { [weak self, number = made] in self?.withdraw(number) }
            let place = calls.firstIndex { $0.atMs > atMs } ?? calls.endIndex
            calls.insert((atMs, made, call), at: place)
            return call
        }
    }

    private func withdraw(_ number: Int) { lock.withLock { calls.removeAll { $0.number == number } } }

    /// The time of the next call, or nil when none is owed.
    package var nextCallMs: Int64? { lock.withLock { calls.first?.atMs } }

    /// Moves on to `ms`, making each call at its own time.
    package func advance(toMs ms: Int64) {
        while let due = takeDue(ms) { due.take()?() }
    }

    package func advance(byMs ms: Int64) { advance(toMs: nowMs + ms) }

    private func takeDue(_ ms: Int64) -> ScheduledCall? {
        lock.withLock {
            guard let first = calls.first, first.atMs <= ms else {
                now = max(now, ms)
                return nil
            }
            now = max(now, first.atMs)
            return calls.removeFirst().call
        }
    }
}
