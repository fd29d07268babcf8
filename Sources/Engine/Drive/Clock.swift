import Values

/// Time, injected: a scheduler's, real or virtual, or moved by a test.
package protocol Clock: Sendable {
    /// Milliseconds on a clock that never goes back; from an arbitrary start.
    var nowMs: Int64 { get }
    /// Milliseconds since 1970 at the moment at which `nowMs` gives this.
    func wallMs(at nowMs: Int64) -> Int64
    /// Calls `body` once, on a thread of the clock, when `nowMs` has reached `atMs`. It must return soon.
    func schedule(atMs: Int64, _ body: @escaping @Sendable () -> Void) -> ScheduledCall
}

extension Clock {
    /// Milliseconds since 1970.
    package var wallMs: Int64 { wallMs(at: nowMs) }

    package func after(ms: Int64, _ body: @escaping @Sendable () -> Void) -> ScheduledCall {
        let (at, overflow) = nowMs.addingReportingOverflow(max(0, ms))
        return schedule(atMs: overflow ? Int64.max : at, body)
    }
}

/// A call that a clock owes.
package final class ScheduledCall: @unchecked Sendable {
    // Sendable: `lock` guards `body`; the rest is immutable.
    private let lock = SpinLock()
    private var body: (@Sendable () -> Void)?
    private let withdrawn: @Sendable () -> Void

    /// - Parameter withdrawn: called when the call was cancelled in time.
    package init(_ body: @escaping @Sendable () -> Void, withdrawn: @escaping @Sendable () -> Void) {
        self.body = body
        self.withdrawn = withdrawn
    }

    /// Whether it came in time: false when the call was made or is being made.
    @discardableResult
    package func cancel() -> Bool {
        guard take() != nil else { return false }
        withdrawn()
        return true
    }

    /// The body, for the clock that is about to call it; nil when it was taken or cancelled.
    package func take() -> (@Sendable () -> Void)? {
        lock.withLock {
            defer { body = nil }
            return body
        }
    }
}
