import Values

/// An entry at a place where somebody waits. Small: there may be a million of them.
package struct Waiting: Party {
    package let waiter: Parkable
    /// epoch · 8 + style.
    private let tag: UInt64

    package var epoch: UInt64 { tag >> 3 }
    package var style: Style { Style(rawValue: UInt8(truncatingIfNeeded: tag & 7)).unsafelyUnwrapped }
    /// Whether its style is `.value`.
    @inline(__always) var isPlain: Bool { tag & 7 == 0 }

    /// What the waiter hears.
    package enum Style: UInt8, Sendable {
        /// The value.
        case value
        /// Which of several operations it was: `[value channel]`.
        case choice
        /// The same, with the right to add to a channel with a transducer: see `Channel.grantedChoice`.
        case grant
        /// The value that was chosen, in turn with those who can go on already.
        case chosen
        /// The same, and in the register behind it the channel.
        case chosenFrom
        /// Nil: it will look for itself.
        case signal
    }

    @inline(__always) package init(_ waiter: Parkable, _ epoch: UInt64, _ style: Style = .value) {
        self.waiter = waiter
        tag = epoch &<< 3 | UInt64(style.rawValue)
    }

    /// Resumes the claimed waiter with `value`.
    @inline(__always) package consuming func resume(_ value: consuming Value) {
        type(of: waiter).resume(Unmanaged.passRetained(waiter), with: value)
    }

    @inline(__always) package func claim() -> Bool { waiter.claim(epoch) }
    @inline(__always) package var isWaiting: Bool { waiter.isWaiting(epoch) }
    package func isSameWait(as other: Waiting) -> Bool { waiter === other.waiter && epoch == other.epoch }
}

/// A waiter that is Swift code: called once, on the thread of whoever resumes it, so it must be brief.
package final class Callback: Parkable, @unchecked Sendable {
    // Sendable: immutable.
    private let body: @Sendable (Result<Value, Fault>) -> Void

    package init(_ body: @escaping @Sendable (Result<Value, Fault>) -> Void) {
        self.body = body
        super.init()
    }

    /// An entry that waits for the one call.
    package static func waiting(_ body: @escaping @Sendable (Result<Value, Fault>) -> Void) -> Waiting {
        let callback = Callback(body)
        return Waiting(callback, callback.arm())
    }

    public override class func resume(_ waiter: Unmanaged<Parkable>, with value: consuming Value) {
        unsafeDowncast(waiter.takeRetainedValue(), to: Callback.self).body(.success(value))
    }

    public override func resume(throwing fault: Fault) { body(.failure(fault)) }
}
