import Engine
import Values

/// Tells of one effect, in sentences: how it ended or where it stands, what held it back and for how long, what became of its
/// attempts, and who else was involved.
package struct EffectStory {
    private let histories: EffectHistories

    package init(_ histories: EffectHistories) { self.histories = histories }

    /// The paths of the effects that an id may mean, where it is the end of several.
    package static func candidates(of found: [EffectHistory]) -> [String] {
        var paths: [String] = []
        let ids = found.map { ValueKey.shown($0.id) }
        // One id that was used again is one thing to ask for.
        guard Set(ids).count > 1 else { return [] }
        for effect in found where !paths.contains(effect.identity) { paths.append(effect.identity) }
        return paths
    }

    /// The effect that an id means: the latest that was taken, or else the latest.
    package static func meant(of found: [EffectHistory]) -> EffectHistory? {
        found.last { $0.standsForIt == nil } ?? found.last
    }

    /// One sentence each.
    package func sentences(of effect: EffectHistory) -> [String] {
        if let other = effect.standsForIt { return deduplicated(effect, by: other) }
        var told = ended(effect)
        told += waits(effect)
        told += attempts(effect)
        told += cancellation(effect)
        told += cause(effect)
        told += others(effect)
        return told
    }

    /// `"a" (:run in the group :g)`.
    private func name(_ effect: EffectHistory) -> String {
        let parts = [effect.type, effect.group.map { "in the group \(ValueKey.shown($0))" }].compactMap { $0 }
        let name = ValueKey.shown(effect.id)
        return parts.isEmpty ? name : "\(name) (\(parts.joined(separator: " ")))"
    }

    /// How it ended, and where it was thrown that it failed.
    private func ended(_ effect: EffectHistory) -> [String] {
        [ending(effect)] + (effect.end?.place.map { ["It was thrown at \($0)."] } ?? [])
    }

    private func ending(_ effect: EffectHistory) -> String {
        let name = name(effect)
        if let end = effect.end {
            let sentence = EffectSentence.ended(
                end.status, durationMs: end.durationMs, attempts: effect.attempts.count, message: end.message,
                reason: end.reason, by: end.cancelledBy)
            return "\(name) \(sentence)."
        }
        let now = histories.lastMs
        if let last = effect.attempts.last {
            let sentence =
                last.endedMs.map {
                    EffectSentence.backingOff(
                        dueInMs: max(0, $0 + (last.delayMs ?? 0) - now), attempt: last.number + 1)
                } ?? EffectSentence.running(attempt: last.number, sinceMs: now - last.startedMs)
            return "When the trace ends, \(name) \(sentence)."
        }
        guard let wait = effect.waits.last, wait.untilMs == nil else {
            return "When the trace ends, \(name) has not started."
        }
        let since = EffectSentence.duration(now - wait.fromMs)
        return "When the trace ends, \(name) \(EffectSentence.waiting(for: wait.what)), since \(since)."
    }

    private func waits(_ effect: EffectHistory) -> [String] {
        effect.waits.compactMap { wait in
            // The wait that has not ended is told first of all.
            guard let until = wait.untilMs else { return nil }
            // One that passed at once explains nothing, unless it is where the effect ended.
            if until == wait.fromMs, !effect.attempts.isEmpty { return nil }
            var sentence = "It \(EffectSentence.waited(until - wait.fromMs, for: wait.what, running: wait.running))"
            // Of one alone there is no more to say than its name.
            if case .groups(let groups) = wait.what, groups.contains(where: { $0.count > 1 }) || groups.count > 1,
                let last = last(of: groups, until: until, from: wait.fromMs),
                let end = last.end
            {
                let ended = end.status == .done ? "done" : end.status.rawValue
                sentence += "; the last of them to end was \(ValueKey.shown(last.id)), \(ended)"
                if !last.attempts.isEmpty { sentence += " after \(EffectSentence.duration(end.durationMs))" }
            }
            return sentence + "."
        }
    }

    /// The member of the groups that ended last while they were waited for.
    private func last(of groups: [EffectWait.Others], until: Int64, from: Int64) -> EffectHistory? {
        let names = groups.compactMap { $0.group.flatMap { try? ValueKey($0) } }
        var found: EffectHistory?
        for history in histories.all {
            guard let end = history.end, (from...until).contains(end.ms), let group = history.group,
                let key = try? ValueKey(group), names.contains(key), end.ms >= found?.end?.ms ?? from
            else { continue }
            found = history
        }
        return found
    }

    /// Attempts that were followed by another: the first few of many.
    private func attempts(_ effect: EffectHistory) -> [String] {
        let shown = 3
        let failed = effect.attempts.filter { $0.delayMs != nil }
        var told = failed.prefix(shown).map { attempt in
            let ran = EffectSentence.duration((attempt.endedMs ?? attempt.startedMs) - attempt.startedMs)
            let code = attempt.code.map { " (\($0))" } ?? ""
            let next = EffectSentence.duration(attempt.delayMs ?? 0)
            return
                "Attempt \(attempt.number) failed after \(ran): \(attempt.message ?? "nobody said why")\(code); the next was put off by \(next)."
        }
        if failed.count > shown { told.append("So did \(failed.count - shown) more.") }
        return told
    }

    private func cancellation(_ effect: EffectHistory) -> [String] {
        guard let end = effect.end, end.status == .cancelled else { return [] }
        var told = [
            effect.attempts.isEmpty
                ? "It had not started." : "It had been running for \(EffectSentence.duration(end.durationMs))."
        ]
        guard let by = end.cancelledBy, let other = histories.effects(withID: by).last else { return told }
        if end.reason == .superseded, let group = effect.group {
            told.append("\(name(other)) names the group \(ValueKey.shown(group)) in its :cancels.")
        } else if end.reason == .parent {
            told.append(ending(other))
        }
        return told
    }

    /// What it depended on, when that is why it did not run.
    private func cause(_ effect: EffectHistory) -> [String] {
        guard let end = effect.end, end.status == .skipped || end.code == EffectCode.dependencyFailed.rawValue,
            let cause = end.causedBy, let other = EffectStory.meant(of: histories.effects(withID: cause))
        else { return [] }
        return ended(other) + attempts(other)
    }

    /// Who else has to do with it.
    private func others(_ effect: EffectHistory) -> [String] {
        var told: [String] = []
        let same = histories.effects(withID: effect.id)
        let taken = same.filter { $0.standsForIt == nil }.count
        if taken > 1 { told.append("Its id was used \(taken) times; this is the latest.") }
        let replaced = histories.all.filter { other in
            guard let by = other.standsForIt, other.submittedMs >= effect.submittedMs else { return false }
            return (try? by.equals(effect.id)) ?? false
        }
        let others = replaced.map(\.id).filter { !((try? $0.equals(effect.id)) ?? false) }
        if !others.isEmpty {
            let were = others.count == 1 ? "was" : "were"
            told.append("It stands for \(EffectWait.list(others)) too, which \(were) deduplicated.")
        }
        let repeated = replaced.count - others.count
        if repeated > 0 {
            let were = repeated == 1 ? "effect with the same id was" : "effects with the same id were"
            told.append("\(repeated) later \(were) deduplicated: this one stands for \(repeated == 1 ? "it" : "them").")
        }
        return told
    }

    private func deduplicated(_ effect: EffectHistory, by other: Value) -> [String] {
        var sentence = "\(name(effect)) \(EffectSentence.deduplicated(by: other))"
        if (try? other.equals(effect.id)) ?? false {
            sentence += ", an earlier effect with the same id"
        } else if let key = effect.key {
            sentence += ", which has the same idempotency key \(ValueKey.shown(key))"
            if let strategy = effect.strategy { sentence += " (:dedup-strategy :\(strategy.rawValue))" }
        }
        guard let standing = EffectStory.meant(of: histories.effects(withID: other)), standing.standsForIt == nil
        else { return [sentence + "."] }
        return [sentence + "."] + ended(standing) + waits(standing) + attempts(standing)
    }

    // MARK: As data

    /// `{:type "effect" …}`, ready for JSON; with `:why` the sentences, as one text.
    package func value(of effect: EffectHistory, withWhy: Bool = false) -> Value {
        let end = effect.end
        func number(_ count: Int64?) -> Value { count.map { .int($0) } ?? .nil }
        let error: Value =
            end?.message.map {
                .record(
                    (.code, end?.code.map { .string($0) } ?? .nil), (.message, .string($0)),
                    (.place, end?.place.map { .string($0) } ?? .nil), dropNil: true)
            } ?? .nil
        let waits = effect.waits.map { wait in
            Value.record(
                (.waitsFor, wait.what.value), (.running, .vector(wait.running)),
                (.ms, .int((wait.untilMs ?? histories.lastMs) - wait.fromMs)))
        }
        return .record(
            (.type, .string("effect")), (.effectID, effect.id),
            (.effectSlashType, effect.type.map { .string(String($0.dropFirst())) } ?? .nil),
            (.group, effect.group ?? .nil), (.identity, .string(effect.identity)), (.status, .string(effect.status)),
            (.enqueuedTs, .int(effect.submittedMs)), (.startedTs, number(effect.attempts.first?.startedMs)),
            (.doneTs, number(end?.ms)), (.durationMs, number(end?.durationMs)),
            (.attempt, .int(Int64(effect.attempts.count))), (.waits, waits.isEmpty ? .nil : .vector(waits)),
            (.error, error), (.reason, end?.reason.map { .kw($0.name) } ?? .nil),
            (.cancelledBy, end?.cancelledBy ?? .nil), (.deduped, effect.standsForIt ?? .nil),
            (.why, withWhy ? .string(sentences(of: effect).joined(separator: " ")) : .nil), dropNil: true)
    }
}
