import Values

/// The one ordered stream of everything that happens in an instance.
///
/// The journal, the inspector, the trace and the progress display all read it. The newest `keep` events stay readable;
/// a subscriber may leave a number of events unread and, when it is too slow, loses the oldest and is told how many.
package final class EventStream: @unchecked Sendable {
    // Sendable: the log's lock guards everything mutable.
    private let log: EventLog
    private let wallMs: @Sendable () -> Int64
    private let keep: Int
    private var subscriptions: [EventSubscription] = []
    /// What the events' keywords are made of: a reader may come after the instance has ended.
    private let names: Names?

    package var redactor: Redactor { log.redactor }

    /// - Parameters:
    ///   - wallMs: the instance's clock, in milliseconds since the epoch.
    ///   - names: the instance's, kept for as long as its events can be read.
    ///   - keep: how many of the newest events stay readable; at least 0.
    package init(
        wallMs: @escaping @Sendable () -> Int64, redactor: Redactor = Redactor(), names: Names? = nil, keep: Int = 4096
    ) {
        self.wallMs = wallMs
        self.names = names
        self.keep = max(0, keep)
        log = EventLog(redactor, capacity: self.keep)
    }

    /// Adds an event and wakes the subscribers. Gives its sequence number.
    @discardableResult
    package func emit(_ type: EventType, _ identity: Identity, _ content: EventContent = .none) -> UInt64 {
        let number = append(type, identity, content)
        wakeSubscribers()
        return number
    }

    /// Adds an event without waking anyone: for callers that hold a lock, who call `wakeSubscribers` when they no
    /// longer do.
    @discardableResult
    package func append(_ type: EventType, _ identity: Identity, _ content: EventContent) -> UInt64 {
        let ts = wallMs()
        return log.lock.withLock {
            note(1)
            log.add(EventRecord(type, identity, content), at: ts)
            return log.sequence
        }
    }

    /// Adds the events of one step, all at one time, without waking anyone.
    func append(_ records: [EventRecord]) {
        let ts = wallMs()
        log.lock.acquire()
        note(records.count)
        for record in records { log.add(record, at: ts) }
        log.lock.release()
    }

    /// Says to those who have read everything that there is something again. Under the lock.
    private func note(_ added: Int) {
        guard added > 0 else { return }
        for subscription in subscriptions where subscription.seen == log.sequence { subscription.wantsWake = true }
    }

    package func wakeSubscribers() {
        log.lock.acquire()
        let waiting = subscriptions.contains { $0.wantsWake } ? subscriptions.filter { $0.wantsWake } : []
        for subscription in waiting { subscription.wantsWake = false }
        log.lock.release()
        for subscription in waiting { subscription.wake() }
    }

    /// The number of the newest event; 0 before the first.
    package var latest: UInt64 { log.lock.withLock { log.sequence } }

    /// The kept events after `after`, oldest first, and how many after it are kept no more.
    package func recent(after: UInt64 = 0) -> (events: [Event], lost: UInt64) {
        log.read { (after, log.sequence, keep) }
    }

    /// Starts a subscription that sees every event from now on.
    ///
    /// - Parameters:
    ///   - capacity: events it may leave unread; at least 1.
    ///   - wake: called on any thread when there is something to take again after there was nothing; must not block.
    package func subscribe(capacity: Int = 1024, wake: @escaping @Sendable () -> Void = {}) -> EventSubscription {
        log.lock.withLock {
            let made = EventSubscription(log, capacity: max(1, capacity), wake: wake)
            subscriptions.append(made)
            fitLog()
            return made
        }
    }

    /// Ends a subscription: what it has not read by now it may still take.
    package func unsubscribe(_ subscription: EventSubscription) {
        log.lock.withLock {
            subscription.end = log.sequence
            subscriptions.removeAll { $0 === subscription }
            fitLog()
        }
    }

    /// The log holds what any reader may still read. Under the lock.
    private func fitLog() { log.capacity = subscriptions.reduce(keep) { max($0, $1.capacity) } }
}

/// One reader of the stream: a place in its log.
package final class EventSubscription: @unchecked Sendable {
    // Sendable: the log's lock guards everything mutable.
    private let log: EventLog
    fileprivate let capacity: Int
    /// The number of the newest event that it has taken, or that was there before it.
    fileprivate private(set) var seen: UInt64
    /// The number of the last event that is for it, once it has ended.
    fileprivate var end: UInt64?
    /// There is something to take again.
    fileprivate var wantsWake = false
    fileprivate let wake: @Sendable () -> Void

    fileprivate init(_ log: EventLog, capacity: Int, wake: @escaping @Sendable () -> Void) {
        self.log = log
        self.capacity = capacity
        self.wake = wake
        seen = log.sequence
    }

    /// Everything unread, oldest first, and how many events were lost before them because nobody took them in time.
    package func take() -> (events: [Event], lost: Int) {
        let (events, lost) = log.read {
            let (after, last) = (seen, end ?? log.sequence)
            seen = last
            return (after, last, capacity)
        }
        return (events, Int(lost))
    }
}

/// The newest events, and how many there were.
private final class EventLog {
    let lock = Lock()
    let redactor: Redactor
    /// The number of the newest event; 0 before the first.
    private(set) var sequence: UInt64 = 0
    /// A ring once it is full: the oldest is at `start`.
    private var kept: [(record: EventRecord, ts: Int64)] = []
    private var start = 0

    init(_ redactor: Redactor, capacity: Int) {
        self.redactor = redactor
        self.capacity = capacity
    }

    /// How many events are kept.
    var capacity: Int {
        didSet {
            guard capacity != oldValue else { return }
            kept = Array(kept[start...] + kept[..<start]).suffix(capacity)
            start = 0
        }
    }

    func add(_ record: EventRecord, at ts: Int64) {
        sequence += 1
        guard kept.count == capacity else { return kept.append((record, ts)) }
        guard capacity > 0 else { return }
        kept[start] = (record, ts)
        start = start + 1 == capacity ? 0 : start + 1
    }

    /// The newest of the events after `after` and up to `last`, at most `limit`, oldest first, and how many of them are missing;
    /// `range` says so under the lock. What readers get is made when it is held no more.
    func read(_ range: () -> (after: UInt64, last: UInt64, limit: Int)) -> (events: [Event], lost: UInt64) {
        var from: UInt64 = 0
        var lost: UInt64 = 0
        let found = lock.withLock { () -> [(record: EventRecord, ts: Int64)] in
            let (after, last, limit) = range()
            guard after < last else { return [] }
            let oldest = sequence - UInt64(kept.count) + 1
            from = max(after + 1, oldest, last < UInt64(limit) ? 1 : last - UInt64(limit) + 1)
            lost = min(from, last + 1) - after - 1
            return from > last ? [] : (from...last).map { kept[(start + Int($0 - oldest)) % kept.count] }
        }
        let events = found.enumerated().map { index, event in
            Event(sequence: from + UInt64(index), ts: event.ts, event.record, redactor: redactor)
        }
        return (events, lost)
    }
}
