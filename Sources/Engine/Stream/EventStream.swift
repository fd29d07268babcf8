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
        log = EventLog(redactor, keep: self.keep)
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
        var record = EventRecord(type, identity, content)
        return log.lock.withLock {
            note(1)
            log.add(&record, at: ts)
            return log.sequence
        }
    }

    /// Adds the events of one step, all at the time `ts`, without waking anyone: takes them out of `records`, and leaves there
    /// what nobody is to read any more. Gives whether somebody wants to be woken.
    func append(taking records: inout [EventRecord], at ts: Int64) -> Bool {
        log.lock.acquire()
        let isAwaited = note(records.count)
        let first = log.pass(records.count)
        for index in first..<records.count { log.add(&records[index], at: ts) }
        log.lock.release()
        return isAwaited
    }

    /// Says to those who have read everything that there is something again. Gives whether anybody is to be woken. Under the lock.
    @discardableResult
    private func note(_ added: Int) -> Bool {
        guard added > 0 else { return false }
        var isAwaited = false
        for subscription in subscriptions where subscription.seen == log.sequence {
            subscription.wantsWake = true
            isAwaited = true
        }
        return isAwaited
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
            let made = EventSubscription(self, log, capacity: max(1, capacity), wake: wake)
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
    fileprivate func fitLog() {
        log.fit(
            capacity: subscriptions.reduce(keep) { max($0, $1.capacity) },
            seen: subscriptions.reduce(UInt64.max) { min($0, $1.seen) })
    }
}

/// One reader of the stream: a place in its log.
package final class EventSubscription: @unchecked Sendable {
    // Sendable: the log's lock guards everything mutable.
    private let log: EventLog
    /// Holds this one; gone when there are no more events.
    private weak let stream: EventStream?
    fileprivate let capacity: Int
    /// The number of the newest event that it has taken, or that was there before it.
    fileprivate private(set) var seen: UInt64
    /// The number of the last event that is for it, once it has ended.
    fileprivate var end: UInt64?
    /// There is something to take again.
    fileprivate var wantsWake = false
    fileprivate let wake: @Sendable () -> Void

    fileprivate init(_ stream: EventStream, _ log: EventLog, capacity: Int, wake: @escaping @Sendable () -> Void) {
        self.stream = stream
        self.log = log
        self.capacity = capacity
        self.wake = wake
        seen = log.sequence
    }

    /// Everything unread, oldest first, and how many events were lost before them because nobody took them in time.
    package func take() -> (events: [Event], lost: Int) {
        let stream = stream
        let (events, lost) = log.read {
            let (after, last) = (seen, end ?? log.sequence)
            seen = last
            return (after, last, capacity)
        } then: {
            stream?.fitLog()
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
    /// A ring with room for a power of two; what lies outside of the newest `count` is `EventRecord.nothing`.
    private var slots: [Kept] = []
    private var start = 0
    private var count = 0
    /// How many stay, whoever has read them.
    private let keep: Int
    /// How many stay for those who have not read them yet, and up to which number everybody has.
    private var capacity: Int
    private var seen = UInt64.max

    init(_ redactor: Redactor, keep: Int) {
        self.redactor = redactor
        self.keep = keep
        capacity = keep
    }

    private struct Kept {
        var record = EventRecord.nothing
        var ts: Int64 = 0
    }

    /// Takes a record in, and leaves in its place one that it drives out: no reference is counted, and what goes is freed by the
    /// caller, when the lock is free again.
    func add(_ record: inout EventRecord, at ts: Int64) {
        if count > 0, count >= capacity || (count >= keep && oldest <= seen) {
            // In a full ring that is where the new one comes to lie.
            if count < slots.count { dropOldest() } else { forgetOldest() }
        }
        sequence += 1
        guard capacity > 0 else { return }
        if count == slots.count { move(into: max(16, slots.count * 2)) }
        let at = (start + count) & (slots.count - 1)
        swap(&slots[at].record, &record)
        slots[at].ts = ts
        count += 1
    }

    /// Counts those of the next `added` records that the ones behind them would drive out at once, as most of a large batch would,
    /// without taking them in. Gives how many.
    func pass(_ added: Int) -> Int {
        let passed = added - capacity
        guard passed > 0 else { return 0 }
        while count > 0 { dropOldest() }
        sequence += UInt64(passed)
        return passed
    }

    /// Lets go what nobody is to read any more: readers came, went or read.
    func fit(capacity: Int, seen: UInt64) {
        (self.capacity, self.seen) = (capacity, seen)
        while count > capacity || (count > keep && oldest <= seen) { dropOldest() }
        if slots.count > 64, count < slots.count / 4 { move(into: slots.count / 2) }
    }

    private var oldest: UInt64 { sequence - UInt64(count) + 1 }

    private func dropOldest() {
        slots[start].record = .nothing
        forgetOldest()
    }

    /// Its record stays where it lies.
    private func forgetOldest() {
        start = (start + 1) & (slots.count - 1)
        count -= 1
    }

    private func move(into room: Int) {
        var moved: [Kept] = []
        moved.reserveCapacity(room)
        for index in 0..<count { moved.append(slots[(start + index) & (slots.count - 1)]) }
        moved += repeatElement(Kept(), count: room - count)
        (slots, start) = (moved, 0)
    }

    /// The newest of the events after `after` and up to `last`, at most `limit`, oldest first, and how many of them are missing;
    /// `range` says so under the lock, under which `then` is called.
    func read(
        _ range: () -> (after: UInt64, last: UInt64, limit: Int), then: () -> Void = {}
    ) -> (events: [Event], lost: UInt64) {
        lock.withLock {
            defer { then() }
            let (after, last, limit) = range()
            guard after < last else { return ([], 0) }
            let from = max(after + 1, oldest, last < UInt64(limit) ? 1 : last - UInt64(limit) + 1)
            let lost = min(from, last + 1) - after - 1
            guard from <= last else { return ([], lost) }
            let events = (from...last).map { number in
                let at = (start + Int(number - oldest)) & (slots.count - 1)
                return Event(sequence: number, ts: slots[at].ts, slots[at].record, redactor: redactor)
            }
            return (events, lost)
        }
    }
}
