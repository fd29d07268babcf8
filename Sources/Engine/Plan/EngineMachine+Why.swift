import Values

/// What one effect looks like from outside (P14).
package struct EffectView: Sendable {
    package let effect: Effect
    package let status: EffectStatus
    package let attempt: Int
    // Milliseconds of the engine's clock.
    package let enqueuedAt: Int64
    package let startedAt: Int64?
    package let endedAt: Int64?
    package let end: EffectEnd?

    /// An entry of `:effects/pending`: its times are milliseconds since 1970, as those of events are, which `clock` knows.
    package func value(on clock: some Clock) -> Value {
        func time(_ ms: Int64?) -> Value { ms.map { .int(clock.wallMs(at: $0)) } ?? .nil }
        var error = Value.nil
        if case .error(let found)? = end?.outcome { error = found.value }
        return .record(
            (.status, .kw(status.name)), (.effect, effect.value), (.attempt, .int(Int64(attempt))),
            (.enqueuedTs, time(enqueuedAt)), (.startedTs, time(startedAt)), (.doneTs, time(endedAt)), (.error, error),
            dropNil: true)
    }
}

extension EngineMachine {
    package func view(_ id: ValueKey) -> EffectView? { known(id).map { view(slot: Int($0)) } }

    package func view(_ handle: EffectHandle) -> EffectView? { slot(handle).map { view(slot: $0) } }

    /// Everything that is known, in the order of submission; with a tag, what carries it (J33).
    package func views(tag: ValueKey? = nil) -> [EffectView] {
        entries.indices
            .filter { entries[$0].state != .free && (tag.map(entries[$0].effect.meta.tags.contains) ?? true) }
            .sorted { entries[$0].submission < entries[$1].submission }
            .map { view(slot: $0) }
    }

    private func view(slot: Int) -> EffectView {
        let entry = entries[slot]
        return EffectView(
            effect: entry.effect, status: entry.status, attempt: entry.attempt, enqueuedAt: entry.enqueuedAt,
            startedAt: entry.attempt > 0 ? entry.startedAt : nil, endedAt: entry.end == nil ? nil : entry.endedAt,
            end: entry.end)
    }

    /// A sentence that says why an effect stands where it stands, naming the others involved.
    package func why(_ id: ValueKey) -> String {
        guard let slot = known(id).map(Int.init) else { return unknownEffect(id).message }
        let entry = entries[slot]
        let isItself = entry.effect.id == id
        let name = isItself ? id.shown : "\(id.shown) \(EffectSentence.deduplicated(by: entry.effect.id.value)), and"
        switch entry.state {
        case .free: return unknownEffect(id).message
        case .ended: return "\(name) \(endSentence(entry))"
        case .running:
            let waits = entry.waiting > 0 ? ", and waits without holding a slot" : ""
            let running = EffectSentence.running(attempt: entry.attempt, sinceFirstMs: now - entry.startedAt)
            return "\(name) \(running)\(waits)"
        case .backingOff:
            let dueInMs = max(0, entry.deadline - now)
            return "\(name) \(EffectSentence.backingOff(dueInMs: dueInMs, attempt: entry.attempt + 1))"
        case .ready: return "\(name) \(EffectSentence.waiting(for: limit(of: slot), running: holders(of: entry.lane)))"
        case .held: return "\(name) \(EffectSentence.waiting(for: hold(of: slot)))"
        }
    }

    private func endSentence(_ entry: Entry) -> String {
        guard let end = entry.end else { return "has ended" }
        return EffectSentence.ended(
            end.status, durationMs: end.durationMs, attempts: entry.attempt,
            message: end.outcome.isOK ? nil : end.outcome.message, reason: end.reason, by: end.cancelledBy)
    }

    /// The ids of a few effects that hold slots which one of this lane could have: those of the lane, when its own limit is what is in
    /// the way, or any. Looks at all there are, for somebody who asks.
    private func holders(of lane: Int32) -> [Value] {
        let isOwnLimit = lanes[Int(lane)].running >= lanes[Int(lane)].limit
        return entries.indices.filter { slot in
            let other = entries[slot].lane
            return entries[slot].holdsSlot && (isOwnLimit ? other == lane : lanes[Int(other)].holdsSlot)
        }
        .sorted { entries[$0].submission < entries[$1].submission }
        .prefix(EffectWait.Others.shown).map { entries[$0].effect.id.value }
    }

    // MARK: What it waits for

    /// Says of those that this step submitted or let go on what they wait for, unless they have started.
    mutating func tellWaits() {
        guard !newlyWaiting.isEmpty else { return }
        tellings += 1
        // Those of one lane wait for the same limit, and those of one group for the same groups: a large batch is told of once.
        var limited: (lane: Int32, wait: ToldWait)?
        var held: (group: Int32, wait: ToldWait)?
        for handle in newlyWaiting {
            guard let slot = slot(handle) else { continue }
            switch entries[slot].state {
            case .ready:
                let lane = entries[slot].lane
                let wait = if let limited, limited.lane == lane { limited.wait } else { ToldWait(limit(of: slot)) }
                limited = (lane, wait)
                entries[slot].told = .limit
                emit(.effectQueued, .waiting(entries[slot].effect, wait, further: 0))
            case .held:
                let group = entries[slot].group
                if group < 0 || (!lonely.isEmpty && lonely[Int32(slot)] != nil) {
                    tellHold(slot, ToldWait(hold(of: slot)))
                } else if groups[Int(group)].isOpen {
                    tellTurn(slot, Int(group))
                } else {
                    if held?.group != group { held = (group, ToldWait(hold(of: slot))) }
                    if let held { tellHold(slot, held.wait) }
                }
            case .free, .running, .backingOff, .ended: continue
            }
        }
        newlyWaiting.empty()
    }

    private mutating func tellTurn(_ slot: Int, _ group: Int) {
        let wait: ToldWait
        if let told = groups[group].toldTurn, told.settling == tellings {
            wait = told.wait
        } else {
            wait = ToldWait(.turn(behind(group)))
            groups[group].toldTurn = (tellings, wait)
        }
        entries[slot].told = .turn
        emit(.effectHeld, .waiting(entries[slot].effect, wait, further: between(slot, group)))
    }

    private mutating func tellHold(_ slot: Int, _ wait: ToldWait) {
        let group = entries[slot].group
        if case .groups = wait.wait {
            entries[slot].told = .groups
            if group >= 0 { groups[Int(group)].hasTold = true }
        } else {
            entries[slot].told = .turn
        }
        emit(.effectHeld, .waiting(entries[slot].effect, wait, further: 0))
    }

    /// A group has what it waited for: its members wait for their turn now.
    mutating func tellTurns(_ group: Int32) {
        guard groups[Int(group)].hasTold else { return }
        for member in groups[Int(group)].members {
            let slot = Int(member.slot)
            guard entries[slot].group == group, entries[slot].state == .held, entries[slot].told == .groups else {
                continue
            }
            newlyWaiting.append(handle(member.slot))
        }
    }

    /// What keeps a ready effect from starting.
    private func limit(of slot: Int) -> EffectWait {
        let lane = Int(entries[slot].lane)
        let type = Value.keyword(entries[slot].effect.type)
        if lanes[lane].running >= lanes[lane].limit {
            return .limit(type: type, running: lanes[lane].running, max: lanes[lane].limit)
        }
        if let opens = lanes[lane].window?.opens(at: now), let rate = lanes[lane].window?.rate {
            return .rate(type: type, max: rate.max, perMs: rate.perMs, opensInMs: opens - now)
        }
        return .inflight(running: slotsInUse, max: configuration.maxInflight)
    }

    /// What holds an effect that its group has not let go, or that waits for groups itself.
    private func hold(of slot: Int) -> EffectWait {
        let group = Int(entries[slot].group)
        let lone = lonely[Int32(slot)]?.groups ?? []
        let waiting = (group < 0 ? lone : groups[group].wait.groups + lone).filter { !groups[Int($0)].isComplete }
        if !waiting.isEmpty {
            return .groups(
                waiting.prefix(EffectWait.Others.shown).map { index in
                    let other = groups[Int(index)]
                    return EffectWait.Others(
                        group: other.key?.value, count: other.remaining,
                        ids: unended(upTo: other.members.count, of: index))
                })
        }
        guard group >= 0 else { return .turn(EffectWait.Others(group: nil, count: 0, ids: [])) }
        return EffectWait.turn(behind(group)).behind(between(slot, group))
    }

    /// Those of a group that it has let go and that have not ended: what the next member waits for.
    private func behind(_ group: Int) -> EffectWait.Others {
        let ids = unended(upTo: groups[group].next, of: Int32(group))
        // Of those that the group has let go only a few run at once.
        return EffectWait.Others(
            group: groups[group].key?.value, count: max(ids.count, groups[group].inFlight), ids: ids)
    }

    /// How many members come next before this one.
    private func between(_ slot: Int, _ group: Int) -> Int {
        max(0, Int(entries[slot].position) - groups[group].next)
    }

    /// The ids of a few members that have not ended, of those before `end`.
    ///
    /// In a large group they are looked for where they are to be found, at its beginning and around what it lets go next, because
    /// this is told of each effect that waits, and may not look at all members each time.
    private func unended(upTo end: Int, of group: Int32) -> [Value] {
        let reach = 64
        let next = groups[Int(group)].next
        let beginning = 0..<min(reach, end)
        let around = min(max(beginning.upperBound, next - reach), end)..<min(max(reach, next + reach), end)
        let found = unended(in: beginning, of: group)
        return found.isEmpty ? unended(in: around, of: group) : found
    }

    private func unended(in places: Range<Int>, of group: Int32) -> [Value] {
        var found: [Value] = []
        // Not `lazy`, whose closures would hold a copy of the machine.
        for place in places {
            let slot = Int(groups[Int(group)].members[place].slot)
            guard entries[slot].group == group, entries[slot].state != .ended else { continue }
            found.append(entries[slot].effect.id.value)
            if found.count == EffectWait.Others.shown { break }
        }
        return found
    }
}
