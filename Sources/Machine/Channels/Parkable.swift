import Synchronization
import Values

/// Whoever can wait at channels, timers and promises, and be resumed.
///
/// The word holds an epoch and whether the waiter is waiting. To wait, its owner arms it, which begins an epoch, and leaves
/// entries behind, at one place or at many. To resume it, one claims the epoch: a compare-and-set that exactly one
/// succeeds in. Entries of an epoch that is over are stale; whoever meets one drops it. So a choice among channels, a timeout
/// and a cancellation are all the same race, and no entry ever has to be removed in time.
open class Parkable: Interruptible, @unchecked Sendable {
    // Sendable: the word is atomic; subclasses say what guards their fields.
    /// epoch · 2 + 1 while waiting, epoch · 2 otherwise.
    @usableFromInline let word = Atomic<UInt64>(0)

    /// Begins to wait; only the owner calls it. The order is total, so that a canceller and a waiter cannot miss each other.
    @inlinable @inline(__always) public final func arm() -> UInt64 {
        let armed = (word.load(ordering: .relaxed) &+ 2) | 1
        word.store(armed, ordering: .sequentiallyConsistent)
        return armed
    }

    /// Takes the right, and the duty, to resume this waiter from the wait `epoch`.
    @inlinable @inline(__always) public final func claim(_ epoch: UInt64) -> Bool {
        word.compareExchange(expected: epoch, desired: epoch & ~1, ordering: .sequentiallyConsistent).exchanged
    }

    @inlinable @inline(__always) public final func isWaiting(_ epoch: UInt64) -> Bool {
        word.load(ordering: .acquiring) == epoch
    }

    /// The present wait, if there is one.
    package final var currentWait: UInt64? {
        let now = word.load(ordering: .sequentiallyConsistent)
        return now & 1 == 1 ? now : nil
    }

    /// Makes `waiter` go on with `value`; the caller has claimed it, and hands its reference over: a job takes it along to
    /// the run queue, so that a wake-up counts no references.
    open class func resume(_ waiter: Unmanaged<Parkable>, with value: consuming Value) { waiter.release() }

    /// The same, after those who can go on already.
    open class func resumeInTurn(_ waiter: Unmanaged<Parkable>, with value: consuming Value) {
        resume(waiter, with: value)
    }

    /// Goes on by throwing `fault`; the caller has claimed the waiter.
    open func resume(throwing fault: Fault) {}
}
