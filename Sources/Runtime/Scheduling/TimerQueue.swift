import Machine
import Synchronization
import Values

/// What a timer does when its time has come.
package enum TimerAction: @unchecked Sendable {
    // Sendable: its payloads are.
    /// Resumes whoever still waits with the value.
    case resume(Waiting, Value)
    /// Closes the channel: `timeout`.
    case close(Channel)
    /// Calls Swift code, which must be brief, unless it was cancelled.
    case call(TimerToken, @Sendable () -> Void)
}

/// Cancels a timer that calls Swift code.
package final class TimerToken: Sendable {
    private let cancelled = Atomic<Bool>(false)
    /// Whether the timer only keeps up what is there, as the renewal of a lease does: no run goes on for its sake.
    let isUpkeep: Bool
    package init(isUpkeep: Bool = false) { self.isUpkeep = isUpkeep }
    package func cancel() { cancelled.store(true, ordering: .relaxed) }
    var isCancelled: Bool { cancelled.load(ordering: .relaxed) }
}

/// The timers of one scheduler, by deadline and then in the order they were set.
///
/// A timer of a wait that has ended otherwise is not removed at once: such stale timers are swept when the heap has doubled.
package final class TimerQueue: @unchecked Sendable {
    // Sendable: `lock` guards everything but `earliest`, which is atomic.
    private let lock = Lock()
    private var heap: [Entry] = []
    /// What the entries of the heap do, in their slots: the heap moves words alone.
    private var actions: [TimerAction] = []
    private var freeSlots: [Int32] = []
    private var sequence: UInt64 = 0
    private var sweepAt = 64
    /// The earliest deadline, or `Int64.max`; read without the lock.
    private let earliest = Atomic<Int64>(.max)

    private struct Entry {
        let deadline: Int64
        let sequence: UInt64
        let slot: Int32

        @inline(__always) func isBefore(_ other: Entry) -> Bool {
            deadline != other.deadline ? deadline < other.deadline : sequence < other.sequence
        }
    }

    package init() {}

    package var nextDeadline: Int64 { earliest.load(ordering: .acquiring) }

    /// Adds a timer. True when it is now the earliest.
    package func add(_ deadline: Int64, _ action: TimerAction) -> Bool {
        lock.withLock {
            if heap.count >= sweepAt { sweep() }
            sequence += 1
            heap.append(Entry(deadline: deadline, sequence: sequence, slot: keep(action)))
            siftUp(heap.count - 1)
            publish()
            return heap[0].sequence == sequence
        }
    }

    /// Runs what is due at `now`, outside the lock. True when there was something.
    package func fire(_ now: Int64) -> Bool {
        guard nextDeadline <= now else { return false }
        var due: [TimerAction] = []
        lock.withLock {
            while let first = heap.first, first.deadline <= now {
                removeFirst()
                due.append(leave(first.slot))
            }
            if heap.isEmpty, actions.count > TimerQueue.usual { (actions, freeSlots) = ([], []) }
            publish()
        }
        for action in due { TimerQueue.perform(action) }
        return !due.isEmpty
    }

    private static func perform(_ action: TimerAction) {
        switch action {
        case .resume(let waiting, let value): if waiting.claim() { waiting.resume(value) }
        case .close(let channel): channel.close()
        case .call(let token, let body): if !token.isCancelled { body() }
        }
    }

    /// Whether no timer that is left would resume anybody.
    package func isDrained() -> Bool {
        if nextDeadline == .max { return true }
        return lock.withLock {
            heap.allSatisfy { entry in
                switch actions[Int(entry.slot)] {
                case .resume(let waiting, _): !waiting.isWaiting
                case .close(let channel): !channel.isWaitedFor
                case .call(let token, _): token.isCancelled || token.isUpkeep
                }
            }
        }
    }

    package func removeAll() {
        // Freed outside of the lock: an action may hold the last reference to much.
        var old: [TimerAction] = []
        lock.withLock {
            swap(&old, &actions)
            heap = []
            freeSlots = []
            publish()
        }
    }

    /// Room for more than so many timers is not kept when there are none.
    private static let usual = 1024

    private func keep(_ action: TimerAction) -> Int32 {
        if let slot = freeSlots.popLast() {
            actions[Int(slot)] = action
            return slot
        }
        actions.append(action)
        return Int32(actions.count - 1)
    }

    /// Stands in slots that are free.
    private static let nothing = TimerAction.call(TimerToken(), {})

    /// What was in a slot, which is free now.
    private func leave(_ slot: Int32) -> TimerAction {
        freeSlots.append(slot)
        var action = TimerQueue.nothing
        swap(&action, &actions[Int(slot)])
        return action
    }

    private func publish() { earliest.store(heap.first?.deadline ?? .max, ordering: .releasing) }

    /// Drops timers that would do nothing now or later.
    private func sweep() {
        var live: [Entry] = []
        for entry in heap {
            if isLive(&actions[Int(entry.slot)]) { live.append(entry) } else { _ = leave(entry.slot) }
        }
        heap = live.sorted { $0.isBefore($1) }
        sweepAt = max(64, heap.count * 2)
    }

    private func isLive(_ action: inout TimerAction) -> Bool {
        switch action {
        case .resume(let waiting, _): return waiting.isWaiting
        case .call(let token, _): return !token.isCancelled
        case .close(var channel):
            // Moved out of the heap, so that a channel which the program has let go is uniquely referenced.
            action = TimerQueue.nothing
            defer { action = .close(channel) }
            return !isKnownUniquelyReferenced(&channel) || channel.isWaitedFor
        }
    }

    private func removeFirst() {
        let last = heap.removeLast()
        if heap.isEmpty { return }
        heap[0] = last
        siftDown()
    }

    private func siftUp(_ start: Int) {
        var index = start
        while index > 0 {
            let parent = (index - 1) / 2
            guard heap[index].isBefore(heap[parent]) else { return }
            heap.swapAt(index, parent)
            index = parent
        }
    }

    private func siftDown() {
        let moved = heap[0]
        var index = 0
        while true {
            var least = 2 * index + 1
            guard least < heap.count else { break }
            if least + 1 < heap.count, heap[least + 1].isBefore(heap[least]) { least += 1 }
            guard heap[least].isBefore(moved) else { break }
            heap[index] = heap[least]
            index = least
        }
        heap[index] = moved
    }
}
