import Values

/// What an effect came to.
package enum Outcome: Sendable {
    case ok(Value)
    /// Indirect, so that the outcomes of what goes well are small.
    indirect case error(EffectError)

    package var isOK: Bool { if case .ok = self { true } else { false } }
}

/// Where an effect stands (P14); it ends in exactly one of the last four.
package enum EffectStatus: String, CaseIterable, Sendable {
    case queued, running, done, failed, cancelled, skipped

    package var isEnd: Bool { self != .queued && self != .running }

    package var name: KnownName {
        switch self {
        case .queued: .queued
        case .running: .running
        case .done: .done
        case .failed: .failed
        case .cancelled: .cancelled
        case .skipped: .skipped
        }
    }
}

/// How an effect ended. A reference: its entry, its event, its signal and each who waited hold it.
package final class EffectEnd: Sendable {
    /// One of the four ends.
    package let status: EffectStatus
    package let outcome: Outcome
    /// From the first start to the end; 0 when it never started.
    package let durationMs: Int64
    /// For a cancelled one.
    package let reason: CancelReason?
    package let cancelledBy: Value?

    package init(
        status: EffectStatus, outcome: Outcome, durationMs: Int64, reason: CancelReason? = nil,
        cancelledBy: Value? = nil
    ) {
        self.status = status
        self.outcome = outcome
        self.durationMs = durationMs
        self.reason = reason
        self.cancelledBy = cancelledBy
    }

    /// The answer to who waits for an effect that nobody knows.
    static func unknown(_ error: EffectError) -> EffectEnd {
        EffectEnd(status: .failed, outcome: .error(error), durationMs: 0)
    }

    /// The same end with another outcome.
    func with(_ outcome: Outcome) -> EffectEnd {
        EffectEnd(
            status: status, outcome: outcome, durationMs: durationMs, reason: reason, cancelledBy: cancelledBy)
    }

    /// `[:ok v]`, `[:error e]`, `[:cancelled r]` or `[:skipped r]`: an entry of a group's results (J25–J27).
    package var pair: Value {
        switch (status, outcome) {
        case (.done, .ok(let value)): .vector([.kw(.ok), value])
        case (.cancelled, _): .vector([.kw(.cancelled), .kw((reason ?? .requested).name)])
        case (.skipped, .error(let error)): .vector([.kw(.skipped), .string(error.message)])
        case (_, .error(let error)): .vector([.kw(.error), error.value])
        case (_, .ok(let value)): .vector([.kw(.ok), value])
        }
    }

    /// The payload of the event and of the signal.
    package func value(of effect: Effect) -> Value {
        var result = Value.nil
        var error = Value.nil
        switch outcome {
        case .ok(let value): result = value
        case .error(let found): error = found.told
        }
        return .record(
            (.effectID, effect.id.value), (.effect, effect.value), (.status, .kw(status.name)),
            (.durationMs, .int(durationMs)), (.result, result), (.error, error),
            (.group, effect.meta.group?.value ?? .nil), (.reason, reason.map { .kw($0.name) } ?? .nil),
            (.cancelledBy, cancelledBy ?? .nil), dropNil: true)
    }
}

/// One member of a group and how it ended.
package struct GroupMember: Sendable {
    package let id: Value
    package let end: EffectEnd

    /// `{:group g :results {id [:ok v] …}}`.
    static func payload(_ group: Value, _ members: [GroupMember]) -> Value {
        var results = HashMap()
        // Ids were keys before, so they can be hashed.
        for member in members { try? HashMap.set(&results, member.id, member.end.pair) }
        return .record((.group, group), (.results, .map(results)))
    }
}
