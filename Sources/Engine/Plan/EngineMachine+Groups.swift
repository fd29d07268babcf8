import Values

/// One batch's group in the machine (J18–J20, J26).
///
/// Members go in segments: a sequential one is a segment of its own, neighbouring parallel ones share one. A segment
/// starts when the one before has ended; within a parallel segment an effect of higher `:order` is let go when those of
/// lower order have started.
struct Group: Sendable {
    struct Member: Sendable {
        let slot: Int32
        /// Known here because the slot may be another's by the time the group comes to it.
        let isSequential: Bool
        /// Its meta has an `:order` other than 0.
        let hasOrder: Bool
    }

    var key: ValueKey?
    var isFree = false
    var members: [Member] = []
    /// The next member to let go.
    var next = 0
    /// Members of the current segment that were let go and have not ended, and those of them that have not started.
    var inFlight = 0
    var notStarted = 0
    var segmentIsParallel = false
    var currentOrder: Int64 = 0
    /// What it waited for is there.
    var isOpen = false
    /// Its completion has been told.
    var isDone = false
    /// Members have been told to wait for other groups.
    var hasTold = false
    /// What members that wait for their turn are told in the settling of this number.
    var toldTurn: (settling: Int, wait: ToldWait)?
    /// Has no effects: it is kept by a queue of its own, since nothing is retained in its place.
    var isEmptyPhase = false
    /// Members, adopted ones too, that have not ended.
    var remaining = 0
    /// Members that are still known.
    var retained = 0
    var wait = Wait()
    var failure: DependencyFailure?
    /// Groups and lone effects that wait for this one.
    var dependentGroups: [Int32] = []
    var dependentEffects: [EffectHandle] = []
    var results: [(position: Int32, member: GroupMember)] = []
    /// Ended members past the retention, kept because something depends on this group (P24).
    var kept: [EffectHandle] = []

    var isComplete: Bool { remaining == 0 }
    var hasDependents: Bool { !dependentGroups.isEmpty || !dependentEffects.isEmpty }
}

extension EngineMachine {
    /// Makes the plan's groups. Gives those that can open.
    mutating func enterGroups(_ plan: BatchPlan, _ slots: [Int32]) -> [Int32] {
        let made = plan.groups.map { newGroup($0, plan, slots) }
        var ready: [Int32] = []
        for (at, planned) in plan.groups.enumerated() {
            let group = Int(made[at])
            for target in planned.local.map({ made[$0] }) + planned.earlier { depend(group: group, on: target) }
            for index in planned.members where planned.key == nil && plan.standing[index].asks.contains(.dependencies) {
                for key in plan.standing[index].effect.meta.dependsOn {
                    let target = plan.localGroup(key).map { made[$0] } ?? latestGroup[key]
                    if let target { depend(effect: slots[index], on: target) }
                }
            }
            if groups[group].wait.unmet == 0 { ready.append(made[at]) }
        }
        for (at, planned) in plan.groups.enumerated() {
            guard let key = planned.key else { continue }
            let before = latestGroup.updateValue(made[at], forKey: key)
            if let before { releaseGroup(before) }
        }
        return ready
    }

    private mutating func newGroup(
        _ planned: BatchPlan.PlannedGroup, _ plan: BatchPlan, _ slots: [Int32]
    ) -> Int32 {
        let index = freeGroups.popLast() ?? Int32(groups.count)
        if Int(index) == groups.count { groups.append(Group()) }
        var group = Group()
        group.key = planned.key
        group.members = planned.members.map { index in
            let asks = plan.standing[index].asks
            return Group.Member(
                slot: slots[index], isSequential: asks.contains(.sequence), hasOrder: asks.contains(.order))
        }
        group.remaining = planned.members.count
        group.retained = planned.members.count
        groups[Int(index)] = group
        for (position, member) in groups[Int(index)].members.enumerated() {
            entries[Int(member.slot)].group = index
            entries[Int(member.slot)].position = Int32(position)
        }
        for slot in planned.adopted + planned.answeredBy.map({ slots[$0] }) { adopt(slot, by: index) }
        if groups[Int(index)].members.isEmpty && planned.adopted.isEmpty && planned.answeredBy.isEmpty {
            groups[Int(index)].isEmptyPhase = true
            emptyGroups.append(index)
        }
        return index
    }

    /// A known effect answers for a member of a later batch's group: the group waits for it too.
    private mutating func adopt(_ slot: Int32, by group: Int32) {
        let at = Int(slot)
        guard !entries[at].adoptedBy.contains(group) else { return }
        entries[at].adoptedBy.append(group)
        groups[Int(group)].retained += 1
        groups[Int(group)].remaining += 1
        if let end = entries[at].end { recordEnd(group, at, end) }
    }

    private mutating func depend(group: Int, on target: Int32) {
        guard groups[Int(target)].isComplete else {
            groups[Int(target)].dependentGroups.append(Int32(group))
            groups[group].wait.groups.append(target)
            groups[group].wait.unmet += 1
            return
        }
        if groups[group].wait.failure == nil { groups[group].wait.failure = groups[Int(target)].failure }
    }

    private mutating func depend(effect slot: Int32, on target: Int32) {
        var wait = lonely[slot] ?? Wait()
        if groups[Int(target)].isComplete {
            if wait.failure == nil { wait.failure = groups[Int(target)].failure }
        } else {
            groups[Int(target)].dependentEffects.append(handle(slot))
            wait.groups.append(target)
            wait.unmet += 1
        }
        lonely[slot] = wait
    }

    mutating func perform(_ item: Work) {
        switch item {
        case .advance(let group): advance(Int(group))
        case .open(let group):
            groups[Int(group)].isOpen = true
            if groups[Int(group)].isComplete {
                completeGroup(group)
            } else {
                advance(Int(group))
                tellTurns(group)
            }
            releaseGroup(group)
        case .admit(let slot): admit(Int(slot))
        case .cancel(let handle, let reason, let by): cancelOne(handle, reason, by: by)
        }
    }

    /// Lets go what the order of the group allows.
    private mutating func advance(_ at: Int) {
        guard !groups[at].isFree, groups[at].isOpen else { return }
        while groups[at].next < groups[at].members.count {
            let member = groups[at].members[groups[at].next]
            let slot = Int(member.slot)
            guard entries[slot].group == Int32(at), entries[slot].state == .held, !entries[slot].isReleased else {
                // Cancelled before its turn, and perhaps forgotten: what stood on its two sides stays apart.
                if member.isSequential, groups[at].inFlight > 0 { return }
                groups[at].next += 1
                continue
            }
            let order = member.hasOrder ? entries[slot].effect.meta.order : 0
            if groups[at].inFlight > 0 {
                guard groups[at].segmentIsParallel, !member.isSequential else { return }
                guard order == groups[at].currentOrder || groups[at].notStarted == 0 else { return }
            } else {
                groups[at].segmentIsParallel = !member.isSequential
            }
            groups[at].currentOrder = order
            groups[at].next += 1
            groups[at].inFlight += 1
            groups[at].notStarted += 1
            entries[slot].isReleased = true
            admit(slot)
        }
    }

    /// A released effect goes to the queue, once what it depends on is there; or ends by its `:on-dep-failure` (J22).
    private mutating func admit(_ slot: Int) {
        guard entries[slot].state == .held, entries[slot].isReleased else { return }
        let group = Int(entries[slot].group)
        var failure = group < 0 ? nil : groups[group].wait.failure
        if !lonely.isEmpty, let wait = lonely[Int32(slot)] {
            guard wait.unmet == 0 else { return }
            failure = wait.failure
            lonely[Int32(slot)] = nil
        }
        guard let failure else { return makeReady(slot) }
        entries[slot].cause = failure
        switch entries[slot].effect.meta.onDependencyFailure {
        case .proceed: makeReady(slot)
        case .skip:
            finish(
                slot, .skipped,
                .error(EffectError(.skipped, DependencyFailure.skipped + failure.sentence, data: failure.data)))
        case .error:
            finish(
                slot, .failed,
                .error(EffectError(.dependencyFailed, "dependency failed: \(failure.sentence)", data: failure.data)))
        }
    }

    /// The first attempt of a member began: the next order of its segment may follow.
    mutating func memberStarted(_ slot: Int) {
        let group = Int(entries[slot].group)
        guard group >= 0 else { return }
        groups[group].notStarted -= 1
        if groups[group].notStarted == 0 { work.append(.advance(Int32(group))) }
    }

    /// The end of a member, or of an effect that answers for one.
    mutating func memberEnded(_ index: Int32, _ slot: Int, _ end: EffectEnd) {
        recordEnd(index, slot, end)
        let at = Int(index)
        if entries[slot].group == index, entries[slot].isReleased {
            groups[at].inFlight -= 1
            if entries[slot].attempt == 0 { groups[at].notStarted -= 1 }
        }
        if groups[at].isComplete { completeGroup(index) } else { work.append(.advance(index)) }
    }

    private mutating func recordEnd(_ index: Int32, _ slot: Int, _ end: EffectEnd) {
        let at = Int(index)
        let id = entries[slot].effect.id.value
        groups[at].remaining -= 1
        guard let key = groups[at].key else { return }
        if end.status != .done, groups[at].failure == nil {
            // What failed first is named all the way down, rather than each link of the chain in the next.
            groups[at].failure =
                entries[slot].cause
                ?? DependencyFailure(group: key.value, id: id, status: end.status, message: end.outcome.message)
        }
        let position = entries[slot].group == index ? entries[slot].position : Int32.max
        groups[at].results.append((position, GroupMember(id: id, end: end)))
    }

    /// Tells the world and those who waited (J26).
    private mutating func completeGroup(_ index: Int32) {
        let at = Int(index)
        // A group may lose all its members before what it waits for is there: it is complete then.
        guard !groups[at].isFree, !groups[at].isDone else { return }
        groups[at].isDone = true
        if let key = groups[at].key, !groups[at].results.isEmpty {
            let sorted = groups[at].results.sorted { $0.position < $1.position }.map(\.member)
            emit(.groupCompleted, Identity(root: .engine), .group(key.value, sorted))
            if tellsSignals { actions.append(.signal(.groupCompleted(key, sorted))) }
        }
        groups[at].results = []
        groups[at].members = []
        let failure = groups[at].failure
        for dependent in groups[at].dependentGroups {
            let other = Int(dependent)
            groups[other].wait.unmet -= 1
            if groups[other].wait.failure == nil { groups[other].wait.failure = failure }
            if groups[other].wait.unmet == 0 { work.append(.open(dependent)) }
        }
        for dependent in groups[at].dependentEffects {
            guard isLive(dependent) else { continue }
            lonely[dependent.slot]?.unmet -= 1
            if lonely[dependent.slot]?.failure == nil { lonely[dependent.slot]?.failure = failure }
            if lonely[dependent.slot]?.unmet == 0 { work.append(.admit(dependent.slot)) }
        }
        groups[at].dependentGroups = []
        groups[at].dependentEffects = []
        // Not now: somebody may be about to depend on this group.
        forgettable += groups[at].kept
        groups[at].kept = []
    }

    /// Forgets a group that is complete and of whom nothing is known any more.
    mutating func releaseGroup(_ index: Int32) {
        let at = Int(index)
        // Asked of each effect that is forgotten, and mostly answered by the first: a copy of the group would cost more.
        guard groups[at].retained == 0, !groups[at].isFree, groups[at].isDone else { return }
        // While it waits for something, that holds its index.
        guard groups[at].wait.unmet == 0, !groups[at].hasDependents else { return }
        if let key = groups[at].key, latestGroup[key] == index {
            if groups[at].isEmptyPhase { return }
            latestGroup[key] = nil
        }
        groups[at] = Group()
        groups[at].isFree = true
        freeGroups.append(index)
    }
}

extension DependencyFailure {
    /// What the message of a skipped effect begins with.
    static let skipped = "effect skipped: "

    var sentence: String {
        let what =
            switch status {
            case .failed: "failed"
            case .cancelled: "was cancelled"
            case .skipped: "was skipped"
            default: "did not succeed"
            }
        return "\(ValueKey.shown(id)) of the group \(ValueKey.shown(group)) \(what) (\(message))"
    }

    var data: Value { .record((.group, group), (.effectID, id)) }
}

extension Outcome {
    var message: String {
        switch self {
        case .ok: "done"
        case .error(let error): error.message
        }
    }
}
