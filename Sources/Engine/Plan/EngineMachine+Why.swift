import Values

/// What one effect looks like from outside (P14).
package struct EffectView: Sendable {
    package let effect: Effect
    package let status: EffectStatus
    package let attempt: Int
    package let enqueuedAt: Int64
    package let startedAt: Int64?
    package let endedAt: Int64?
    package let end: EffectEnd?

    /// An entry of `:effects/pending`.
    package var value: Value {
        var error = Value.nil
        if case .error(let found)? = end?.outcome { error = found.value }
        return .record(
            (.status, .kw(status.name)), (.effect, effect.value), (.attempt, .int(Int64(attempt))),
            (.enqueuedTs, .int(enqueuedAt)), (.startedTs, startedAt.map { .int($0) } ?? .nil),
            (.doneTs, endedAt.map { .int($0) } ?? .nil), (.error, error), dropNil: true)
    }
}

extension EngineMachine {
    package func view(_ id: ValueKey) -> EffectView? { byID[id].map { view(slot: Int($0)) } }

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
        guard let slot = byID[id].map(Int.init) else { return unknownEffect(id).message }
        let entry = entries[slot]
        let name =
            entry.effect.id == id
            ? id.shown : "\(id.shown) was deduplicated: \(entry.effect.id.shown) stands for it, and"
        switch entry.state {
        case .free: return unknownEffect(id).message
        case .ended: return "\(name) \(endSentence(entry))"
        case .running:
            let waits = entry.isParked ? ", and waits without holding a slot" : ""
            return "\(name) is running: attempt \(entry.attempt), since \(now - entry.startedAt) ms\(waits)"
        case .backingOff:
            return
                "\(name) failed and will be tried again in \(max(0, entry.deadline - now)) ms (attempt \(entry.attempt + 1))"
        case .ready: return "\(name) waits for a free slot: \(limitSentence(entry))"
        case .held: return "\(name) waits for \(holdSentence(slot))"
        }
    }

    private func endSentence(_ entry: Entry) -> String {
        guard let end = entry.end else { return "has ended" }
        switch end.outcome {
        case .ok:
            return "is done, after \(end.durationMs) ms and \(entry.attempt) attempt\(entry.attempt == 1 ? "" : "s")"
        case .error(let error):
            return "\(end.status == .failed ? "failed" : "was \(end.status.rawValue)"): \(error.message)"
        }
    }

    private func limitSentence(_ entry: Entry) -> String {
        let lane = lanes[Int(entry.lane)]
        let type = ":\(entry.effect.type.description)"
        if lane.running >= lane.limit { return "\(lane.running) of \(type) run, and its limit is \(lane.limit)" }
        if let opens = lane.window?.opens(at: now), let rate = lane.window?.rate {
            return "the rate of \(type) is \(rate.max) per \(rate.perMs) ms; the next may start in \(opens - now) ms"
        }
        return "\(slotsInUse) effects run, and :max-inflight is \(configuration.maxInflight)"
    }

    private func holdSentence(_ slot: Int) -> String {
        let group = Int(entries[slot].group)
        let lone = lonely[Int32(slot)]?.groups ?? []
        let waiting = (group < 0 ? lone : groups[group].wait.groups + lone).filter { !groups[Int($0)].isComplete }
        if !waiting.isEmpty {
            let parts = waiting.prefix(3).map { index in
                let other = groups[Int(index)]
                let ids = unended(other.members[...], of: index)
                return "the group \(other.key?.shown ?? "without a name") (\(other.remaining) to go: \(ids))"
            }
            return parts.joined(separator: " and ")
        }
        guard group >= 0 else { return "its turn" }
        let ids = unended(groups[group].members.prefix(groups[group].next), of: Int32(group))
        return "its turn in \(groups[group].key.map { "the group \($0.shown)" } ?? "its batch"), behind \(ids)"
    }

    /// The ids of the first few members that have not ended.
    private func unended(_ members: ArraySlice<Group.Member>, of group: Int32) -> String {
        members.lazy.map { Int($0.slot) }
            .filter { entries[$0].group == group && entries[$0].state != .ended }
            .prefix(3).map { entries[$0].effect.id.shown }.joined(separator: ", ")
    }
}
