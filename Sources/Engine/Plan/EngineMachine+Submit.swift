import Values

extension EngineMachine {
    /// J16: dedup → cancel → dependency graph → order. All of the batch is taken, or nothing.
    mutating func submit(_ submission: Submission) {
        guard !isStopped else {
            actions.append(.rejected(EffectError(.engineStopped, "the system was stopped; nothing more is taken")))
            return
        }
        var plan = BatchPlan()
        deduplicate(submission, &plan)
        plan.formGroups(submission)
        do throws(EffectError) {
            try resolveDependencies(&plan)
            if let waiting = submission.waiting, let own = running(waiting.effect, waiting.number) {
                try refuseWaiting(for: own, submission, plan)
            }
        } catch {
            for effect in submission.effects.prefix(1) { emit(.batchRejected, effect.identity, .error(error)) }
            actions.append(.rejected(error))
            return
        }
        takeOver(&plan)
        stats.submitted += submission.effects.count
        cancelFor(plan)
        let slots = enter(plan, submission)
        enterRecorded(&plan, submission)
        if plan.isOneAlone {
            entries[Int(slots[0])].isReleased = true
            work.append(.admit(slots[0]))
        } else {
            for group in enterGroups(plan, slots) { work.append(.open(group)) }
        }
        answerPlaces(plan, slots, submission)
    }

    // What follows is in the order of `submit`.

    /// By id among the known and in the batch (P15, P16), by idempotency key in the batch and against what is known
    /// (J21).
    private func deduplicate(_ submission: Submission, _ plan: inout BatchPlan) {
        let isSingle = submission.effects.count == 1
        // Of those that stand or were combined with one that does: ids by positions, keys by indices into `plan.standing`.
        var ids = SlotIndex()
        var keys = SlotIndex()
        plan.places.reserveCapacity(submission.effects.count)
        if !isSingle { ids.reserve(submission.effects.count) }
        for (position, effect) in submission.effects.enumerated() {
            if let slot = known(effect.id) {
                plan.places.append(.known(slot))
                continue
            }
            if !isSingle, let same = ids.find(effect.id.code, { submission.effects[Int($0)].id == effect.id }) {
                plan.places.append(plan.places[Int(same)])
                continue
            }
            if let key = effect.meta.idempotencyKey {
                if let place = answer(for: key, submission, &plan) {
                    plan.places.append(place)
                    continue
                }
                let other = keys.find(key.code) { plan.standing[Int($0)].effect.meta.idempotencyKey == key }
                if let standing = other.map(Int.init) {
                    combine(effect, position, &plan.standing[standing])
                    plan.places.append(.standing(standing))
                    ids.insert(effect.id.code, Int32(position))
                    continue
                }
                if !isSingle { keys.insert(key.code, Int32(plan.standing.count)) }
            }
            if !isSingle { ids.insert(effect.id.code, Int32(position)) }
            plan.places.append(.standing(plan.standing.count))
            plan.standing.append(
                BatchPlan.Standing(effect: effect, position: position))
        }
        guard
            plan.standing.indices.dropFirst().contains(where: {
                plan.standing[$0].position < plan.standing[$0 - 1].position
            })
        else { return }
        sortStanding(&plan)
    }

    /// What is known already answers `:first`; the other strategies are looked at when the batch has its order.
    private func answer(
        for key: ValueKey, _ submission: Submission, _ plan: inout BatchPlan
    ) -> BatchPlan.Place? {
        if let slot = known(key: key) {
            if entries[Int(slot)].effect.meta.dedupStrategy == .first { return .known(slot) }
            plan.mayTakeOver = true
            return nil
        }
        return submission.recorded[key].map { .recorded($0) }
    }

    /// Two of the batch with one key: the first's strategy counts.
    private func combine(_ later: Effect, _ position: Int, _ standing: inout BatchPlan.Standing) {
        let first = standing.effect
        switch standing.strategy {
        case .first: standing.aliases.append(later.id)
        case .last:
            // The last stands where it stood, with its own meta.
            standing.aliases.append(first.id)
            standing.effect = later
            standing.position = position
        case .merge:
            standing.aliases.append(later.id)
            let meta = first.meta.alsoDepending(on: later.meta.dependsOn)
            if traits[first.type]?.mergesItself == true {
                standing.parts.append(later)
            } else {
                standing.effect = first.mergingParameters(of: later, meta: meta)
            }
        }
    }

    private func sortStanding(_ plan: inout BatchPlan) {
        let order = plan.standing.indices.sorted { plan.standing[$0].position < plan.standing[$1].position }
        var moved = Array(repeating: 0, count: order.count)
        for (new, old) in order.enumerated() { moved[old] = new }
        plan.standing = order.map { plan.standing[$0] }
        for index in plan.places.indices {
            if case .standing(let old) = plan.places[index] { plan.places[index] = .standing(moved[old]) }
        }
    }

    /// A name means the batch's group, or else the latest earlier batch's (J19).
    private func resolveDependencies(_ plan: inout BatchPlan) throws(EffectError) {
        for at in plan.groups.indices {
            for key in plan.groups[at].dependencies {
                if let local = plan.localGroup(key) {
                    plan.groups[at].local.append(local)
                } else {
                    plan.groups[at].earlier.append(try earlierGroup(key, plan))
                }
            }
        }
        for index in plan.standing.indices {
            let asks = plan.standing[index].asks
            guard asks.contains(.dependencies), !asks.contains(.group) else { continue }
            for key in plan.standing[index].effect.meta.dependsOn where plan.localGroup(key) == nil {
                _ = try earlierGroup(key, plan)
            }
        }
        guard let cycle = plan.cycle() else { return }
        let path = cycle.map(\.shown).joined(separator: " → ")
        throw EffectError(
            .dependencyCycle, "groups depend on each other in a circle: \(path)",
            data: .vector(cycle.map(\.value)))
    }

    private func earlierGroup(_ key: ValueKey, _ plan: BatchPlan) throws(EffectError) -> Int32 {
        if let found = latestGroup[key] { return found }
        let names = (plan.groupNames + latestGroup.keys).map(\.shown)
        let hint =
            Nearest.name(to: key.shown, among: names).map { "; did you mean \($0)?" }
            ?? (plan.groupNames.isEmpty ? "" : "; the batch has \(plan.groupNames.map(\.shown).joined(separator: " "))")
        throw EffectError(
            .unknownGroup,
            ":depends-on names the group \(key.shown), which neither this batch nor an earlier one that is still retained has\(hint)",
            data: .vector([key.value]))
    }

    /// Gives parameters to known effects of the same key that have not started, where nothing of this batch comes
    /// before. (One that this batch is about to cancel takes nothing: the newer would be lost with it.)
    private func takeOver(_ plan: inout BatchPlan) {
        guard plan.mayTakeOver else { return }
        var taken: [Int: (slot: Int32, merge: Bool)] = [:]
        var cancelled: Set<ValueKey> = []
        for standing in plan.standing { cancelled.formUnion(standing.effect.meta.cancels) }
        for index in plan.standing.indices {
            guard let key = plan.standing[index].effect.meta.idempotencyKey, let slot = known(key: key) else {
                continue
            }
            let state = entries[Int(slot)].state
            let meta = entries[Int(slot)].effect.meta
            guard state == .held || state == .ready, entries[Int(slot)].attempt == 0, meta.dedupStrategy != .first,
                plan.isUnconstrained(index), !(meta.group.map { cancelled.contains($0) } ?? false)
            else { continue }
            taken[index] = (slot, meta.dedupStrategy == .merge)
        }
        guard !taken.isEmpty else { return }
        for place in plan.places.indices {
            guard case .standing(let index) = plan.places[place], let into = taken[index] else { continue }
            plan.places[place] = .takenOver(index, into.slot, merge: into.merge)
        }
        for at in plan.groups.indices {
            for index in plan.groups[at].members {
                if let into = taken[index], plan.groups[at].key != nil { plan.groups[at].adopted.append(into.slot) }
            }
            plan.groups[at].members.removeAll { taken[$0] != nil }
            plan.groups[at].adopted += plan.groups[at].answeredBy.compactMap { taken[$0]?.slot }
            plan.groups[at].answeredBy.removeAll { taken[$0] != nil }
        }
    }

    /// J23: what was submitted before this batch, in the named groups, wherever it stands.
    private mutating func cancelFor(_ plan: BatchPlan) {
        for at in plan.groups.indices {
            for index in plan.groups[at].members where plan.standing[index].asks.contains(.cancellation) {
                let effect = plan.standing[index].effect
                for group in effect.meta.cancels { cancel(.group(group), .superseded, by: effect.id.value) }
            }
        }
        // Now, so that what follows meets them ended.
        while let item = work.popFirst() { perform(item) }
    }

    /// Makes entries of the standing effects. Gives the slot of each, -1 for those that were taken over.
    private mutating func enter(_ plan: BatchPlan, _ submission: Submission) -> [Int32] {
        var slots = Array(repeating: Int32(-1), count: plan.standing.count)
        var members: [Int] = []
        for group in plan.groups { members += group.members }
        members.sort()
        // A large batch would have them grow, and hash everything anew, a dozen times.
        if members.count >= EngineMachine.largeBatch {
            byID.reserve(members.count)
            entries.reserve(entries.count + members.count - freeSlots.count)
        }
        for index in members {
            let slot = newEntry(plan.standing[index].effect)
            slots[index] = slot
            if let progress = submission.progress {
                entries[Int(slot)].progress = (progress, plan.standing[index].position)
            }
            if plan.standing[index].parts.isEmpty, plan.standing[index].aliases.isEmpty { continue }
            entries[Int(slot)].parts = plan.standing[index].parts
            for alias in plan.standing[index].aliases { addAlias(alias, Int(slot)) }
        }
        return slots
    }

    private static let largeBatch = 1_000

    private mutating func newEntry(_ effect: Effect) -> Int32 {
        let slot: Int32
        submissions += 1
        if let free = freeSlots.popLast() {
            slot = free
            entries[Int(slot)].state = .held
            entries[Int(slot)].effect = effect
            entries[Int(slot)].submission = submissions
            entries[Int(slot)].enqueuedAt = now
        } else {
            slot = Int32(entries.count)
            entries.append(Entry(effect: effect, submission: submissions, enqueuedAt: now, state: .held))
        }
        let at = Int(slot)
        live += 1
        stats.queued += 1
        entries[at].lane = lane(effect.type)
        byID.insert(effect.id.code, slot)
        let meta = effect.meta
        entries[at].priority = meta.priority
        if let key = meta.idempotencyKey {
            if let before = known(key: key) { byKey.remove(key.code, before) }
            byKey.insert(key.code, slot)
        }
        let handle = handle(slot)
        if let group = meta.group { liveByGroup[group, default: LiveHandles()].add(handle) }
        for tag in meta.tags { liveByTag[tag, default: LiveHandles()].add(handle) }
        enterScope(at)
        emit(.effectSubmitted, .submitted(effect))
        newlyWaiting.append(handle)
        return slot
    }

    /// Ids that were deduplicated are known by the effect that stands for them: all until it has ended, as if they were effects
    /// that have not, and then about as many as of effects that have (P24).
    mutating func addAlias(_ id: ValueKey, _ slot: Int) {
        guard known(id) == nil else { return }
        entries[slot].addAlias(id)
        byAlias[id] = Int32(slot)
        guard entries[slot].state == .ended else { return }
        // In bulk, for each time moves all that stay.
        let limit = configuration.retainCompleted
        if entries[slot].aliases.count > limit * 2 { dropAliases(slot, over: limit) }
    }

    /// Forgets the oldest ids that an effect stands for, so that no more than `limit` are left.
    mutating func dropAliases(_ slot: Int, over limit: Int) {
        let excess = entries[slot].aliases.count - limit
        guard excess > 0 else { return }
        for alias in entries[slot].aliases.prefix(excess) { byAlias[alias] = nil }
        entries[slot].removeAliases(excess)
    }

    /// Tells every effect of the batch's caller who answers for it.
    private mutating func answerPlaces(_ plan: BatchPlan, _ slots: [Int32], _ submission: Submission) {
        var handles: [EffectHandle] = []
        handles.reserveCapacity(plan.places.count)
        for (index, place) in plan.places.enumerated() {
            let slot: Int
            switch place {
            case .standing(let standing):
                slot = Int(slots[standing])
                if plan.standing[standing].position != index { deduped(submission.effects[index], by: slot) }
            case .known(let known):
                slot = Int(known)
                deduped(submission.effects[index], by: slot)
                addAlias(submission.effects[index].id, slot)
            case .takenOver(let standing, let known, let merge):
                slot = Int(known)
                if plan.standing[standing].position == index { takeOver(plan.standing[standing], slot, merge) }
                deduped(submission.effects[index], by: slot)
                addAlias(submission.effects[index].id, slot)
            case .replayed(let entered):
                slot = Int(entered)
                deduped(submission.effects[index], by: slot)
            case .recorded: continue
            }
            handles.append(handle(Int32(slot)))
            if let waiter = submission.waiter { attach(waiter, index: index, to: slot) }
        }
        actions.append(.accepted(handles))
    }

    private mutating func deduped(_ effect: Effect, by slot: Int) {
        stats.deduped += 1
        emit(.effectDeduped, .deduped(effect, by: entries[slot].effect.id.value))
    }

    private mutating func takeOver(_ standing: BatchPlan.Standing, _ slot: Int, _ merge: Bool) {
        let known = entries[slot].effect
        let effect = standing.effect
        if !merge {
            entries[slot].effect = known.replacing(type: effect.type, fields: effect.fields, meta: known.meta)
            entries[slot].parts = []
            changeLane(slot)
        } else if traits[known.type]?.mergesItself == true {
            entries[slot].parts += [effect] + standing.parts
        } else {
            entries[slot].effect = known.mergingParameters(of: effect, meta: known.meta)
        }
    }

    /// Outcomes from the journal: known like any other that is done, but they never ran here.
    private mutating func enterRecorded(_ plan: inout BatchPlan, _ submission: Submission) {
        for position in plan.places.indices {
            guard case .recorded(let value) = plan.places[position] else { continue }
            let effect = submission.effects[position]
            let slot = newEntry(effect)
            leaveIndexes(Int(slot))
            live -= 1
            stats.queued -= 1
            entries[Int(slot)].state = .ended
            entries[Int(slot)].endedAt = now
            entries[Int(slot)].end = EffectEnd(status: .done, outcome: .ok(value), durationMs: 0)
            completed.append(handle(slot))
            plan.places[position] = .replayed(slot)
            if let key = effect.meta.group { plan.groups[plan.group(key)].adopted.append(slot) }
        }
    }
}
