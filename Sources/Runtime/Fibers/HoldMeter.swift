import Machine
import Synchronization
import Values

/// Adds up how long a fiber has held its thread since the last `reset` (D16): slices count, time parked does not.
package final class HoldMeter: @unchecked Sendable {
    // Sendable: atomics; slices of one fiber follow each other.
    private let limit: Int64
    private let clock: @Sendable () -> Int64
    private let report: @Sendable (_ heldNanoseconds: Int64, _ trace: [TraceFrame]) -> Void
    private let held = Atomic<Int64>(0)
    private let since = Atomic<Int64>(0)
    private let reported = Atomic<Bool>(false)

    /// `report` hears once between two resets, when more than `limit` nanoseconds were held.
    package init(
        limit: Int64, clock: @escaping @Sendable () -> Int64,
        report: @escaping @Sendable (_ heldNanoseconds: Int64, _ trace: [TraceFrame]) -> Void
    ) {
        self.limit = limit
        self.clock = clock
        self.report = report
    }

    func begin(_ now: Int64) { since.store(now, ordering: .relaxed) }

    func end(_ now: Int64) { held.add(now - since.load(ordering: .relaxed), ordering: .relaxed) }

    /// Begins to count anew: the fiber has taken its next message.
    package func reset() {
        held.store(0, ordering: .relaxed)
        since.store(clock(), ordering: .relaxed)
        reported.store(false, ordering: .relaxed)
    }

    /// Looks at the count; the caller owns `fiber`, whose stack names the place.
    package func check(_ fiber: Fiber) {
        let running = ThreadSlot.current === fiber ? clock() - since.load(ordering: .relaxed) : 0
        let total = held.load(ordering: .relaxed) + running
        if total > limit, !reported.exchange(true, ordering: .relaxed) { report(total, fiber.trace()) }
    }
}
