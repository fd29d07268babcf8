import Values

extension EngineMachine {
    /// The lane of a type: its own when it has a limit or a rate, otherwise a common one.
    mutating func lane(_ type: Name) -> Int32 {
        if let known = laneByType[type] { return known }
        let holdsSlot = traits[type]?.holdsSlot ?? true
        var lane = holdsSlot ? Lane.ordinary : Lane.waiting
        if configuration.limits[type] != nil || configuration.rates[type] != nil {
            lane = Int32(lanes.count)
            lanes.append(
                Lane(
                    limit: configuration.limits[type] ?? Int.max, holdsSlot: holdsSlot,
                    window: configuration.rates[type].map(RateWindow.init)))
        }
        laneByType[type] = lane
        return lane
    }

    /// Limits or types changed: everything that is ready or running moves to the lane it now belongs to. Rare, so it
    /// may look at all there is.
    mutating func rebuildLanes() {
        let windows = laneByType.compactMap { (type, lane) in lanes[Int(lane)].window.map { (type, $0) } }
        lanes = Lane.standard
        laneByType = [:]
        (slotsInUse, resuming) = (0, 0)
        for (type, window) in windows where configuration.rates[type] == window.rate {
            lanes[Int(lane(type))].window = window
        }
        for slot in entries.indices.sorted(by: { entries[$0].submission < entries[$1].submission }) {
            guard entries[slot].state != .free, entries[slot].state != .ended else { continue }
            entries[slot].lane = lane(entries[slot].effect.type)
            let lane = Int(entries[slot].lane)
            if entries[slot].holdsSlot { occupy(lane) }
            if entries[slot].resume != nil { wantToGoOn(slot) }
            if entries[slot].state == .ready { enqueue(slot) }
        }
    }

    private mutating func enqueue(_ slot: Int) {
        lanes[Int(entries[slot].lane)].ready.push(
            slot: Int32(slot), order: entries[slot].submission, priority: Int(entries[slot].priority))
    }

    private mutating func occupy(_ lane: Int) {
        lanes[lane].running += 1
        if lanes[lane].holdsSlot { slotsInUse += 1 }
    }

    private mutating func vacate(_ lane: Int) {
        lanes[lane].running -= 1
        if lanes[lane].holdsSlot { slotsInUse -= 1 }
    }

    /// Only a limit holds it back now.
    mutating func makeReady(_ slot: Int) {
        entries[slot].state = .ready
        enqueue(slot)
        // One that has just been submitted is looked at anyway.
        if entries[slot].told != .nothing || entries[slot].attempt > 0 {
            entries[slot].told = .nothing
            newlyWaiting.append(handle(Int32(slot)))
        }
    }

    private func hasRoom(_ lane: Int) -> Bool {
        lanes[lane].running < lanes[lane].limit && (!lanes[lane].holdsSlot || slotsInUse < configuration.maxInflight)
    }

    /// Starts what the limits allow, in order (P18, P19): those that want to go on first, because they hold work up.
    mutating func startReady() {
        resumeParked()
        while let next = nextReady() {
            lanes[next.lane].ready.removeFirst()
            start(Int(next.slot), next.lane)
        }
    }

    /// The effect that comes first in the open lanes. There are as many lanes as types with limits, so looking at each is cheap
    /// whatever the number of effects.
    private mutating func nextReady() -> (lane: Int, slot: Int32)? {
        var best: (lane: Int, slot: Int32, priority: Int, order: Int)?
        for lane in lanes.indices where lanes[lane].ready.count > 0 && hasRoom(lane) {
            guard let first = firstReady(lane), lanes[lane].window?.opens(at: now) == nil else { continue }
            if let best, (best.priority, -best.order) > (first.priority, -first.item.order) { continue }
            best = (lane, first.item.slot, first.priority, first.item.order)
        }
        return best.map { ($0.lane, $0.slot) }
    }

    /// The first of a lane that still waits there; those before it are dropped.
    private mutating func firstReady(_ lane: Int) -> (priority: Int, item: ReadyQueue.Item)? {
        while let first = lanes[lane].ready.first {
            if isReady(first.item, lane) { return first }
            lanes[lane].ready.removeFirst()
            lanes[lane].ready.stale -= 1
        }
        return nil
    }

    private func isReady(_ item: ReadyQueue.Item, _ lane: Int) -> Bool { EngineMachine.isReady(item, lane, entries) }

    private static func isReady(_ item: ReadyQueue.Item, _ lane: Int, _ entries: borrowing Slab<Entry>) -> Bool {
        let slot = Int(item.slot)
        return entries[slot].state == .ready && entries[slot].submission == item.order
            && entries[slot].lane == Int32(lane)
    }

    /// A ready effect ended in the queue.
    mutating func leaveQueue(_ slot: Int) {
        let lane = Int(entries[slot].lane)
        lanes[lane].ready.stale += 1
        guard lanes[lane].ready.mostlyStale else { return }
        EngineMachine.sweep(&lanes[lane].ready, lane, entries)
    }

    private static func sweep(_ ready: inout ReadyQueue, _ lane: Int, _ entries: borrowing Slab<Entry>) {
        ready.sweep { isReady($0, lane, entries) }
    }

    /// An effect that has not started took over another type with its parameters.
    mutating func changeLane(_ slot: Int) {
        let lane = lane(entries[slot].effect.type)
        guard lane != entries[slot].lane else { return }
        let old = entries[slot].lane
        entries[slot].lane = lane
        guard entries[slot].state == .ready else { return }
        lanes[Int(old)].ready.stale += 1
        enqueue(slot)
    }

    private mutating func start(_ slot: Int, _ lane: Int) {
        let effect = entries[slot].effect
        occupy(lane)
        lanes[lane].window?.record(now)
        entries[slot].state = .running
        entries[slot].attempt += 1
        if entries[slot].attempt == 1 {
            entries[slot].startedAt = now
            stats.started += 1
            stats.queued -= 1
            stats.running += 1
            memberStarted(slot)
        } else {
            stats.queued -= 1
            stats.running += 1
        }
        let attempt = entries[slot].attempt
        emit(.effectStarted, .started(effect, attempt: attempt))
        guard let traits = traits[effect.type] else {
            return finish(slot, .failed, .error(.unknownType(effect.type, known: traits.keys)))
        }
        if let limit = timeout(effect, traits) { setDeadline(slot, saturating: limit) }
        let order = StartOrder(
            handle: handle(Int32(slot)), effect: effect, attempt: attempt,
            parts: entries[slot].parts, progress: entries[slot].progress)
        actions.append(.start(order))
    }

    /// P22: the meta's, or the type's, or the engine's.
    private func timeout(_ effect: Effect, _ traits: EffectTraits) -> Int64? {
        switch effect.meta.timeout {
        case .ms(let ms): return ms
        case .none: return nil
        case .usual:
            switch traits.timeout {
            case .ms(let ms): return ms > 0 ? ms : nil
            case .none: return nil
            case .engine: return configuration.timeoutMs
            }
        }
    }

    // Waiting without a slot (P19). Several fibers of one handler may wait: those it has started count as well, or it would wait for
    // them, and they for its slot.

    mutating func park(_ handle: EffectHandle, _ attempt: Int) {
        guard let slot = running(handle, attempt) else { return }
        if entries[slot].holdsSlot { vacate(Int(entries[slot].lane)) }
        entries[slot].waiting += 1
        // What another fiber of it wants a slot for, it does without one as long as any waits.
        goOn(slot)
    }

    mutating func unpark(_ handle: EffectHandle, _ attempt: Int, _ resume: @escaping @Sendable () -> Void) {
        // One that has ended goes on at once: it is only cleaning up.
        guard let slot = running(handle, attempt), entries[slot].waiting > 0 else {
            actions.append(.resume(resume))
            return
        }
        entries[slot].waiting -= 1
        if entries[slot].waiting > 0 {
            actions.append(.resume(resume))
        } else {
            entries[slot].resume = resume
            wantToGoOn(slot)
        }
    }

    private mutating func wantToGoOn(_ slot: Int) {
        wishes += 1
        lanes[Int(entries[slot].lane)].resuming.append((wishes, handle(Int32(slot))))
        resuming += 1
    }

    /// Lets a fiber go on that waits for a slot to do so, if there is one.
    private mutating func goOn(_ slot: Int) {
        guard let resume = entries[slot].resume else { return }
        entries[slot].resume = nil
        actions.append(.resume(resume))
    }

    /// In the order in which they wanted to; of a lane without room none, which holds nobody else up.
    private mutating func resumeParked() {
        while resuming > 0, let lane = nextResuming(), let next = lanes[lane].resuming.popFirst() {
            resuming -= 1
            // It may have ended, or have gone on without one.
            guard let slot = slot(next.handle), entries[slot].resume != nil else { continue }
            occupy(lane)
            goOn(slot)
        }
    }

    private func nextResuming() -> Int? {
        var best: (lane: Int, number: Int)?
        for lane in lanes.indices where hasRoom(lane) {
            guard let first = lanes[lane].resuming.first else { continue }
            if let best, best.number < first.number { continue }
            best = (lane, first.number)
        }
        return best?.lane
    }

    /// The attempt no longer runs: its slot is free.
    mutating func leaveSlot(_ slot: Int) {
        if entries[slot].holdsSlot { vacate(Int(entries[slot].lane)) }
        entries[slot].waiting = 0
        goOn(slot)
    }

    // Deadlines: a binary heap of slots; each entry knows its place in it, so that a deadline can be taken back.

    mutating func setDeadline(_ slot: Int, saturating wait: Int64) {
        let (at, overflow) = now.addingReportingOverflow(wait)
        clearDeadline(slot)
        guard !overflow else { return }
        entries[slot].deadline = at
        entries[slot].heapIndex = Int32(deadlines.count)
        deadlines.append(Int32(slot))
        siftUp(deadlines.count - 1)
    }

    mutating func clearDeadline(_ slot: Int) {
        let at = Int(entries[slot].heapIndex)
        entries[slot].deadline = Int64.max
        entries[slot].heapIndex = -1
        guard at >= 0 else { return }
        let last = deadlines.removeLast()
        guard at < deadlines.count else { return }
        place(last, at)
        siftUp(at)
        siftDown(Int(entries[Int(last)].heapIndex))
    }

    private mutating func place(_ slot: Int32, _ at: Int) {
        deadlines[at] = slot
        entries[Int(slot)].heapIndex = Int32(at)
    }

    /// By time, and among equal times by submission.
    private func isEarlier(_ left: Int32, _ right: Int32) -> Bool {
        let (a, b) = (Int(left), Int(right))
        if entries[a].deadline != entries[b].deadline { return entries[a].deadline < entries[b].deadline }
        return entries[a].submission < entries[b].submission
    }

    private mutating func siftUp(_ index: Int) {
        var at = index
        while at > 0, isEarlier(deadlines[at], deadlines[(at - 1) / 2]) {
            let (child, parent) = (deadlines[at], deadlines[(at - 1) / 2])
            place(parent, at)
            at = (at - 1) / 2
            place(child, at)
        }
    }

    private mutating func siftDown(_ index: Int) {
        var at = index
        while true {
            var least = at
            for child in [2 * at + 1, 2 * at + 2]
            where child < deadlines.count && isEarlier(deadlines[child], deadlines[least]) {
                least = child
            }
            if least == at { return }
            let (parent, child) = (deadlines[at], deadlines[least])
            place(child, at)
            place(parent, least)
            at = least
        }
    }
}
