/// Effects that only a limit holds back, in start order: priority (100 first), then submission (P18).
///
/// One level per priority. Effects mostly become ready in the order they were submitted, so a level is a queue; those
/// that come out of order (held by a dependency, tried again) go to a heap beside it. Entries of effects that ended
/// meanwhile are skipped when met, and swept when they are the greater part.
struct ReadyQueue: Sendable {
    struct Item: Sendable {
        /// Submission order.
        var order: Int
        var slot: Int32
    }

    private struct Level: Sendable {
        var queue = Fifo<Item>()
        var heap = BinaryHeap()

        var first: Item? {
            guard let queued = queue.first else { return heap.first }
            guard let heaped = heap.first, heaped.order < queued.order else { return queued }
            return heaped
        }

        mutating func append(_ item: Item) {
            if let last = queue.last, last.order > item.order {
                heap.push(item)
            } else {
                queue.append(item)
            }
        }

        mutating func removeFirst() {
            guard let queued = queue.first else { return heap.pop() }
            if let heaped = heap.first, heaped.order < queued.order { return heap.pop() }
            _ = queue.popFirst()
        }

        var isEmpty: Bool { queue.isEmpty && heap.items.isEmpty }

        var items: [Item] { Array(queue.elements) + heap.items }
    }

    private var levels = Array(repeating: Level(), count: 101)
    /// The levels that have items, as bits.
    private var occupied: (low: UInt64, high: UInt64) = (0, 0)
    private(set) var count = 0
    /// How many of `count` ended while they were here; the machine says so.
    var stale = 0

    private var highest: Int? {
        if occupied.high != 0 { return 127 - occupied.high.leadingZeroBitCount }
        return occupied.low == 0 ? nil : 63 - occupied.low.leadingZeroBitCount
    }

    /// Priority and submission order of the first; nil when empty.
    var first: (priority: Int, item: Item)? {
        guard let highest, let item = levels[highest].first else { return nil }
        return (highest, item)
    }

    mutating func push(slot: Int32, order: Int, priority: Int) {
        mark(priority, true)
        levels[priority].append(Item(order: order, slot: slot))
        count += 1
    }

    mutating func removeFirst() {
        guard let highest else { return }
        levels[highest].removeFirst()
        count -= 1
        if levels[highest].isEmpty { mark(highest, false) }
    }

    var mostlyStale: Bool { stale > 64 && stale * 2 > count }

    /// Keeps only what `isLive` says still waits.
    mutating func sweep(_ isLive: (Item) -> Bool) {
        let old = levels
        self = ReadyQueue()
        for (priority, level) in old.enumerated() {
            for item in level.items.sorted(by: { $0.order < $1.order }) where isLive(item) {
                push(slot: item.slot, order: item.order, priority: priority)
            }
        }
    }

    private mutating func mark(_ level: Int, _ on: Bool) {
        let bit = UInt64(1) << UInt64(level & 63)
        switch (level < 64, on) {
        case (true, true): occupied.low |= bit
        case (true, false): occupied.low &= ~bit
        case (false, true): occupied.high |= bit
        case (false, false): occupied.high &= ~bit
        }
    }
}

/// A binary heap of ready items by submission order.
struct BinaryHeap: Sendable {
    private(set) var items: [ReadyQueue.Item] = []

    var first: ReadyQueue.Item? { items.first }

    mutating func push(_ item: ReadyQueue.Item) {
        items.append(item)
        var at = items.count - 1
        while at > 0, items[(at - 1) / 2].order > items[at].order {
            items.swapAt(at, (at - 1) / 2)
            at = (at - 1) / 2
        }
    }

    mutating func pop() {
        guard let last = items.popLast() else { return }
        // What a large heap took is given back.
        if items.isEmpty { return items.empty() }
        items[0] = last
        var at = 0
        while true {
            var least = at
            for child in [2 * at + 1, 2 * at + 2] where child < items.count && items[child].order < items[least].order {
                least = child
            }
            if least == at { return }
            items.swapAt(at, least)
            at = least
        }
    }
}

/// The starts of the last `perMs` milliseconds of one type, at most `max` of them.
struct RateWindow: Sendable {
    let rate: EngineConfiguration.Rate
    private var starts: [Int64] = []
    private var oldest = 0

    init(_ rate: EngineConfiguration.Rate) { self.rate = rate }

    /// Nil when another may start at `now`, otherwise when the next may.
    func opens(at now: Int64) -> Int64? {
        guard starts.count == rate.max else { return nil }
        let free = starts[oldest] + rate.perMs
        return free <= now ? nil : free
    }

    mutating func record(_ now: Int64) {
        if starts.count < rate.max {
            starts.append(now)
        } else {
            starts[oldest] = now
            oldest = (oldest + 1) % starts.count
        }
    }
}

/// Handles with something in common (a group, a tag, a scope), for finding them all; ended ones are swept as they
/// become the greater part, so adding and removing cost the same whatever the number.
struct LiveHandles: Sendable {
    private(set) var handles: [EffectHandle] = []
    private(set) var live = 0

    mutating func add(_ handle: EffectHandle) {
        handles.append(handle)
        live += 1
    }

    /// One of them ended. Gives whether it is time for a sweep.
    mutating func removeOne() -> Bool {
        live -= 1
        return handles.count > 32 && handles.count > live * 2
    }

    /// Drops those that have ended; `isLive` tells of any.
    mutating func sweep(_ isLive: (EffectHandle) -> Bool) { handles.removeAll { !isLive($0) } }
}
