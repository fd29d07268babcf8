import Values

/// Time, injected: real, or moved by a test or a seeded scheduler.
package protocol Clock: Sendable {
    /// Milliseconds on a clock that never goes back; from an arbitrary start.
    var nowMs: Int64 { get }
    /// Milliseconds since 1970.
    var wallMs: Int64 { get }
    /// Calls `body` once, on a thread of the clock, when `nowMs` has reached `atMs`. It must return soon.
    func schedule(atMs: Int64, _ body: @escaping @Sendable () -> Void) -> ScheduledCall
}

extension Clock {
    package func after(ms: Int64, _ body: @escaping @Sendable () -> Void) -> ScheduledCall {
        let (at, overflow) = nowMs.addingReportingOverflow(max(0, ms))
        return schedule(atMs: overflow ? Int64.max : at, body)
    }
}

/// A call that a clock owes.
package final class ScheduledCall: @unchecked Sendable {
    // Sendable: `lock` guards `body`; the rest is immutable.
    private let lock = Lock()
    private var body: (@Sendable () -> Void)?
    let atMs: Int64
    private let withdrawn: @Sendable () -> Void

    /// - Parameter withdrawn: called when the call was cancelled in time.
    package init(atMs: Int64, _ body: @escaping @Sendable () -> Void, withdrawn: @escaping @Sendable () -> Void) {
        self.atMs = atMs
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

    var isPending: Bool { lock.withLock { body != nil } }
}

/// Calls in the order of their time, equal times in the order they were made. Withdrawn ones are swept when they are
/// the greater part.
struct CallHeap {
    private var items: [(atMs: Int64, order: Int, call: ScheduledCall)] = []
    private var made = 0
    var withdrawn = 0

    var count: Int { items.count }
    var firstTime: Int64? { items.first?.atMs }

    mutating func push(_ call: ScheduledCall) {
        made += 1
        items.append((call.atMs, made, call))
        siftUp(items.count - 1)
    }

    mutating func popDue(_ now: Int64) -> ScheduledCall? {
        guard let first = items.first, first.atMs <= now else { return nil }
        let last = items.removeLast()
        if !items.isEmpty {
            items[0] = last
            siftDown(0)
        }
        return first.call
    }

    mutating func sweepIfMostlyWithdrawn() {
        guard withdrawn > 256, withdrawn * 2 > items.count else { return }
        items.removeAll { !$0.call.isPending }
        withdrawn = 0
        for index in stride(from: items.count / 2, through: 0, by: -1) { siftDown(index) }
    }

    private func isEarlier(_ left: Int, _ right: Int) -> Bool {
        (items[left].atMs, items[left].order) < (items[right].atMs, items[right].order)
    }

    private mutating func siftUp(_ index: Int) {
        var at = index
        while at > 0, isEarlier(at, (at - 1) / 2) {
            items.swapAt(at, (at - 1) / 2)
            at = (at - 1) / 2
        }
    }

    private mutating func siftDown(_ index: Int) {
        var at = index
        while true {
            var least = at
            for child in [2 * at + 1, 2 * at + 2] where child < items.count && isEarlier(child, least) { least = child }
            if least == at { return }
            items.swapAt(at, least)
            at = least
        }
    }
}

/// A clock that stands until it is moved.
package final class VirtualClock: Clock, @unchecked Sendable {
    // Sendable: `lock` guards everything mutable.
    private let lock = Lock()
    private var now: Int64
    private let epoch: Int64
    private var calls = CallHeap()

    /// - Parameter epochMs: what the wall clock shows at time 0.
    package init(epochMs: Int64 = 0) {
        now = 0
        epoch = epochMs
    }

    package var nowMs: Int64 { lock.withLock { now } }
    package var wallMs: Int64 { lock.withLock { now + epoch } }

    package func schedule(atMs: Int64, _ body: @escaping @Sendable () -> Void) -> ScheduledCall {
        let call = ScheduledCall(atMs: atMs, body) { [weak self] in self?.withdraw() }
        lock.withLock { calls.push(call) }
        return call
    }

    private func withdraw() {
        lock.withLock {
            calls.withdrawn += 1
            calls.sweepIfMostlyWithdrawn()
        }
    }

    /// The time of the next call, or nil when none is owed: where a scheduler with nothing to run may jump to.
    package var nextCallMs: Int64? { lock.withLock { calls.firstTime } }

    /// Moves on to `ms`, making each call at its own time.
    package func advance(toMs ms: Int64) {
        while true {
            let due: ScheduledCall? = lock.withLock {
                guard let call = calls.popDue(ms) else {
                    now = max(now, ms)
                    return nil
                }
                now = max(now, call.atMs)
                return call
            }
            guard let due else { return }
            due.take()?()
        }
    }

    package func advance(byMs ms: Int64) { advance(toMs: nowMs + ms) }
}
