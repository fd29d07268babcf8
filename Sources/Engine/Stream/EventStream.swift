import Values

/// The one ordered stream of everything that happens in an instance.
///
/// The journal, the inspector, the trace and the progress display all read it. The newest `keep` events stay readable;
/// a subscriber has a buffer of its own and, when it is too slow, loses the oldest and is told how many.
package final class EventStream: @unchecked Sendable {
    // Sendable: `lock` guards everything mutable.
    private let lock = Lock()
    private let wallMs: @Sendable () -> Int64
    package let redactor: Redactor
    private var sequence: UInt64 = 0
    private var kept: EventRing
    private var subscriptions: [EventSubscription] = []
    /// What the events' keywords are made of: a reader may come after the instance has ended.
    private let names: Names?

    /// - Parameters:
    ///   - wallMs: the instance's clock, in milliseconds since the epoch.
    ///   - names: the instance's, kept for as long as its events can be read.
    ///   - keep: how many of the newest events stay readable; at least 0.
    package init(
        wallMs: @escaping @Sendable () -> Int64, redactor: Redactor = Redactor(), names: Names? = nil, keep: Int = 4096
    ) {
        self.wallMs = wallMs
        self.names = names
        self.redactor = redactor
        kept = EventRing(capacity: max(0, keep))
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
        return lock.withLock { add(type, identity, content, at: ts) }
    }

    /// Adds the events among the actions of one step, all at one time, without waking anyone.
    func append(of actions: [Action]) {
        let ts = wallMs()
        lock.acquire()
        defer { lock.release() }
        for action in actions {
            if case .event(let type, let identity, let content) = action { add(type, identity, content, at: ts) }
        }
    }

    /// Under the lock.
    @discardableResult
    private func add(_ type: EventType, _ identity: Identity, _ content: EventContent, at ts: Int64) -> UInt64 {
        sequence += 1
        let event = Event(
            sequence: sequence, ts: ts, type: type, identity: identity, content: content, redactor: redactor)
        kept.append(event)
        for subscription in subscriptions { subscription.push(event) }
        return sequence
    }

    package func wakeSubscribers() {
        lock.acquire()
        let waiting = subscriptions.contains { $0.wantsWake } ? subscriptions.filter { $0.takeWake() } : []
        lock.release()
        for subscription in waiting { subscription.wake() }
    }

    /// The number of the newest event; 0 before the first.
    package var latest: UInt64 { lock.withLock { sequence } }

    /// The kept events after `after`, oldest first, and how many after it are kept no more.
    package func recent(after: UInt64 = 0) -> (events: [Event], lost: UInt64) {
        lock.withLock {
            let oldest = sequence - UInt64(kept.count) + 1
            let from = max(after + 1, oldest)
            guard from <= sequence else { return ([], 0) }
            return (kept.newest(Int(sequence - from + 1)), from - after - 1)
        }
    }

    /// Starts a subscription that sees every event from now on.
    ///
    /// - Parameters:
    ///   - capacity: events it may leave unread; at least 1.
    ///   - wake: called on any thread when there is something to take again after there was nothing; must not block.
    package func subscribe(capacity: Int = 1024, wake: @escaping @Sendable () -> Void = {}) -> EventSubscription {
        let made = EventSubscription(lock: lock, capacity: max(1, capacity), wake: wake)
        lock.withLock { subscriptions.append(made) }
        return made
    }

    package func unsubscribe(_ subscription: EventSubscription) {
        lock.withLock { subscriptions.removeAll { $0 === subscription } }
    }
}

/// One reader of the stream.
package final class EventSubscription: @unchecked Sendable {
    // Sendable: the stream's lock guards everything mutable.
    private let lock: Lock
    private var buffer: EventRing
    private var lost = 0
    /// There is something to take again; guarded by the stream's lock.
    fileprivate private(set) var wantsWake = false
    let wake: @Sendable () -> Void

    init(lock: Lock, capacity: Int, wake: @escaping @Sendable () -> Void) {
        self.lock = lock
        buffer = EventRing(capacity: capacity)
        self.wake = wake
    }

    /// Called by the stream, under its lock.
    func push(_ event: Event) {
        if buffer.count == 0 { wantsWake = true }
        if buffer.append(event) { lost += 1 }
    }

    /// Called by the stream, under its lock.
    func takeWake() -> Bool {
        defer { wantsWake = false }
        return wantsWake
    }

    /// Everything unread, oldest first, and how many events were lost before them because nobody took them in time.
    package func take() -> (events: [Event], lost: Int) {
        lock.withLock {
            defer {
                buffer.removeAll()
                lost = 0
            }
            return (buffer.newest(buffer.count), lost)
        }
    }
}

/// The newest events, up to a capacity.
struct EventRing {
    private let capacity: Int
    private var storage: [Event] = []
    private var start = 0

    init(capacity: Int) { self.capacity = capacity }

    var count: Int { storage.count }

    /// True when that pushed the oldest out.
    @discardableResult
    mutating func append(_ event: Event) -> Bool {
        guard storage.count == capacity else {
            storage.append(event)
            return false
        }
        guard capacity > 0 else { return true }
        storage[start] = event
        start = start + 1 == capacity ? 0 : start + 1
        return true
    }

    /// The newest `number`, oldest first; `number` is at most `count`.
    func newest(_ number: Int) -> [Event] {
        (storage.count - number..<storage.count).map { storage[(start + $0) % storage.count] }
    }

    mutating func removeAll() {
        storage.removeAll(keepingCapacity: storage.count <= 64)
        start = 0
    }
}
