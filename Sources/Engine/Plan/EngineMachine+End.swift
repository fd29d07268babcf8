import Values

extension EngineMachine {
    /// An attempt ended by itself. Nothing is made of the outcome of an effect that has ended (P22).
    mutating func take(_ outcome: Outcome, of handle: EffectHandle, _ attempt: Int) {
        guard let slot = running(handle, attempt) else { return }
        switch outcome {
        case .ok: finish(slot, .done, outcome)
        case .error(let error):
            // The fiber of a handler ends with the run, or with the scope it was started in.
            guard let reason = error.cancellation else { return fail(slot, error) }
            let effect = entries[slot].effect
            finish(slot, .cancelled, outcome, reason: reason)
            cancelChildren(of: effect)
        }
    }

    /// Tries again when the meta says so, or ends it.
    private mutating func fail(_ slot: Int, _ error: EffectError) {
        let effect = entries[slot].effect
        guard let retry = effect.meta.retry, entries[slot].attempt <= retry.max, retry.covers(error) else {
            return finish(slot, .failed, .error(error))
        }
        let next = entries[slot].attempt + 1
        // The other side knows best when it can be asked again.
        let delay = max(retry.delayMs(next: next, fraction: random.unit()), error.retryAfterMs ?? 0)
        leaveSlot(slot)
        clearDeadline(slot)
        entries[slot].state = .backingOff
        stats.running -= 1
        stats.queued += 1
        stats.retried += 1
        setDeadline(slot, saturating: delay)
        emit(.effectRetrying, .retrying(effect, attempt: next, delayMs: delay, error))
        if entries[slot].heapIndex < 0 { finish(slot, .failed, .error(error)) }
    }

    /// A timeout, or the next attempt.
    mutating func deadlinePassed(_ slot: Int) {
        if entries[slot].state == .backingOff {
            makeReady(slot)
            return
        }
        guard entries[slot].state == .running, let traits = traits[entries[slot].effect.type] else { return }
        let handle = handle(Int32(slot))
        let attempt = entries[slot].attempt
        actions.append(.cancelRunning(handle, attempt: attempt, .requested))
        fail(slot, .timeout(limit(entries[slot].effect, traits)))
        if entries[slot].state == .ended { cancelChildren(of: entries[slot].effect) }
    }

    private func limit(_ effect: Effect, _ traits: EffectTraits) -> Int64 {
        if case .ms(let ms) = effect.meta.timeout { return ms }
        if case .ms(let ms) = traits.timeout { return ms }
        return configuration.timeoutMs ?? 0
    }

    /// Ends an effect, once: every end of every effect passes here.
    mutating func finish(
        _ slot: Int, _ status: EffectStatus, _ outcome: Outcome, reason: CancelReason? = nil, by: Value? = nil
    ) {
        let before = entries[slot].state
        guard before != .ended, before != .free else { return }
        let started = entries[slot].attempt > 0
        let end = EffectEnd(
            status: status, outcome: outcome, durationMs: started ? now - entries[slot].startedAt : 0, reason: reason,
            cancelledBy: by)
        if before == .running { leaveSlot(slot) }
        entries[slot].state = .ended
        entries[slot].end = end
        entries[slot].endedAt = now
        if before == .ready { leaveQueue(slot) }
        clearDeadline(slot)
        count(status, wasRunning: before == .running)
        leaveIndexes(slot)
        if !lonely.isEmpty { lonely[Int32(slot)] = nil }
        let effect = entries[slot].effect
        if status != .done, let key = effect.meta.idempotencyKey { byKey.remove(key.code, Int32(slot)) }
        tell(slot, effect, end)
        if entries[slot].group >= 0 { memberEnded(entries[slot].group, slot, end) }
        for group in entries[slot].adoptedBy { memberEnded(group, slot, end) }
        entries[slot].parts = []
        completed.append(handle(Int32(slot)))
    }

    private mutating func count(_ status: EffectStatus, wasRunning: Bool) {
        live -= 1
        if wasRunning { stats.running -= 1 } else { stats.queued -= 1 }
        switch status {
        case .done: stats.done += 1
        case .failed: stats.failed += 1
        case .cancelled: stats.cancelled += 1
        case .skipped: stats.skipped += 1
        case .queued, .running: break
        }
    }

    private mutating func tell(_ slot: Int, _ effect: Effect, _ end: EffectEnd) {
        emit(.effectEnded, .ended(effect, end))
        entries[slot].takeWaiters { actions.append(.answer($0, index: $1, end)) }
        entries[slot].progress = nil
        guard tellsSignals else { return }
        actions.append(
            .signal(end.status == .cancelled ? .effectCancelled(effect, end) : .effectCompleted(effect, end)))
    }

    /// No longer found by group, tag or scope.
    mutating func leaveIndexes(_ slot: Int) {
        let effect = entries[slot].effect
        // It must already count as ended when the indexes are swept.
        let state = entries[slot].state
        entries[slot].state = .ended
        if let group = effect.meta.group { EngineMachine.leave(&liveByGroup, group, entries) }
        for tag in effect.meta.tags { EngineMachine.leave(&liveByTag, tag, entries) }
        leaveScope(slot)
        entries[slot].state = state
    }

    private static func leave(_ index: inout [ValueKey: LiveHandles], _ key: ValueKey, _ entries: borrowing Slab<Entry>)
    {
        guard let at = index.index(forKey: key) else { return }
        if index.values[at].removeOne() { sweep(&index.values[at], entries) }
        if index.values[at].live == 0 { index.remove(at: at) }
    }

    /// Leaves the live ones.
    static func sweep(_ handles: inout LiveHandles, _ entries: borrowing Slab<Entry>) {
        handles.sweep { isLive($0, entries) }
    }

    /// P24: all that is queued or running stays, all that something still depends on, and the newest `retainCompleted`.
    mutating func prune() {
        for handle in forgettable { forget(handle) }
        forgettable = []
        while completed.count > configuration.retainCompleted, let oldest = completed.popFirst() {
            guard let slot = slot(oldest) else { continue }
            if let pinning = pinningGroup(slot) {
                groups[Int(pinning)].kept.append(oldest)
            } else {
                forget(oldest)
            }
        }
        while emptyGroups.count > configuration.retainCompleted, let oldest = emptyGroups.popFirst() {
            groups[Int(oldest)].isEmptyPhase = false
            releaseGroup(oldest)
        }
    }

    /// A group that the effect belongs to and that something depends on.
    private func pinningGroup(_ slot: Int) -> Int32? {
        let own = entries[slot].group
        if own >= 0, groups[Int(own)].hasDependents { return own }
        return entries[slot].adoptedBy.first { groups[Int($0)].hasDependents }
    }

    private mutating func forget(_ handle: EffectHandle) {
        guard let slot = slot(handle), entries[slot].state == .ended else { return }
        let effect = entries[slot].effect
        byID.remove(effect.id.code, handle.slot)
        for alias in entries[slot].aliases { byID.remove(alias.code, handle.slot) }
        if let key = effect.meta.idempotencyKey { byKey.remove(key.code, handle.slot) }
        if entries[slot].group >= 0 { leaveGroup(entries[slot].group) }
        for group in entries[slot].adoptedBy { leaveGroup(group) }
        entries[slot].vacate(EngineMachine.nobody)
        freeSlots.append(handle.slot)
    }

    private mutating func leaveGroup(_ group: Int32) {
        groups[Int(group)].retained -= 1
        releaseGroup(group)
    }

    /// Stands in free slots, so that they keep nothing alive.
    private static let nobody = Effect(
        type: KnownName.effect.name, fields: .empty, parent: Identity(root: .engine), ordinal: 0)
}
