import Synchronization
import Values

/// Whoever can wait at channels, timers and promises, and be resumed.
///
/// The word holds an epoch and whether the waiter is waiting. To wait, its owner arms it, which begins an epoch, and leaves
/// `Waiting` entries behind, at one place or at many. To resume it, one claims the epoch: a compare-and-set that exactly one
/// succeeds in. Entries of an epoch that is over are stale; whoever meets one drops it. So a choice among channels, a timeout
/// and a cancellation are all the same race, and no entry ever has to be removed in time.
package class Parkable: @unchecked Sendable {
    // Sendable: the word is atomic; subclasses say what guards their fields.
    /// epoch · 2 + 1 while waiting, epoch · 2 otherwise.
    private let word = Atomic<UInt64>(0)

    /// Begins to wait; only the owner calls it. The order is total, so that a canceller and a waiter cannot miss each other.
    @inline(__always) package final func arm() -> UInt64 {
        let armed = (word.load(ordering: .relaxed) &+ 2) | 1
        word.store(armed, ordering: .sequentiallyConsistent)
        return armed
    }

    /// Takes the right, and the duty, to resume this waiter from the wait `epoch`.
    @inline(__always) package final func claim(_ epoch: UInt64) -> Bool {
        word.compareExchange(expected: epoch, desired: epoch & ~1, ordering: .sequentiallyConsistent).exchanged
    }

    @inline(__always) package final func isWaiting(_ epoch: UInt64) -> Bool { word.load(ordering: .acquiring) == epoch }

    /// The present wait, if there is one.
    final var currentWait: UInt64? {
        let now = word.load(ordering: .sequentiallyConsistent)
        return now & 1 == 1 ? now : nil
    }

    /// Makes `waiter` go on with `value`; the caller has claimed it, and hands its reference over: a job takes it along to
    /// the run queue, so that a wake-up counts no references.
    package class func resume(_ waiter: Unmanaged<Parkable>, with value: consuming Value) { waiter.release() }

    /// The same, after those who can go on already.
    package class func resumeInTurn(_ waiter: Unmanaged<Parkable>, with value: consuming Value) {
        resume(waiter, with: value)
    }

    /// Goes on by throwing `fault`; the caller has claimed the waiter.
    package func resume(throwing fault: Fault) {}
}

/// An entry at a place where somebody waits.
package struct Waiting: Party {
    package let waiter: Parkable
    package let epoch: UInt64
    package let style: Style

    /// What the waiter hears.
    package enum Style: Sendable {
        /// The value.
        case value
        /// Which of several operations it was: `[value channel]`.
        case choice
        /// The same, with the right to add to a channel with a transducer: see `Channel.grantedChoice`.
        case grant
        /// Nil: it will look for itself.
        case signal
    }

    @inline(__always) package init(_ waiter: Parkable, _ epoch: UInt64, _ style: Style = .value) {
        self.waiter = waiter
        self.epoch = epoch
        self.style = style
    }

    /// Resumes the claimed waiter with `value`.
    @inline(__always) package consuming func resume(_ value: consuming Value) {
        type(of: waiter).resume(Unmanaged.passRetained(waiter), with: value)
    }

    @inline(__always) package func claim() -> Bool { waiter.claim(epoch) }
    @inline(__always) package var isWaiting: Bool { waiter.isWaiting(epoch) }
}

/// A waiter that is Swift code: called once, on the thread of whoever resumes it, so it must be brief.
package final class Callback: Parkable, @unchecked Sendable {
    // Sendable: immutable.
    private let body: @Sendable (Result<Value, Fault>) -> Void

    package init(_ body: @escaping @Sendable (Result<Value, Fault>) -> Void) { self.body = body }

    /// An entry that waits for the one call.
    package static func waiting(_ body: @escaping @Sendable (Result<Value, Fault>) -> Void) -> Waiting {
        let callback = Callback(body)
        return Waiting(callback, callback.arm())
    }

    package override class func resume(_ waiter: Unmanaged<Parkable>, with value: consuming Value) {
        unsafeDowncast(waiter.takeRetainedValue(), to: Callback.self).body(.success(value))
    }

    package override func resume(throwing fault: Fault) { body(.failure(fault)) }
}
