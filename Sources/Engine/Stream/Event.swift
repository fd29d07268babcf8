import Values

/// Everything that can happen, in one closed table. The raw value is the name in journals, traces and subscriptions.
package enum EventType: String, CaseIterable, Sendable {
    case runStarted = "run.started"
    case runEnded = "run.ended"
    /// An effect entered the engine.
    case effectSubmitted = "effect.submitted"
    /// It waits for groups, or for its turn in its own.
    case effectHeld = "effect.held"
    /// Nothing holds it back any more but a limit.
    case effectQueued = "effect.queued"
    case effectStarted = "effect.started"
    case effectProgress = "effect.progress"
    /// It failed, and will be tried again.
    case effectRetrying = "effect.retrying"
    /// It was answered by, replaced by or merged with another (J21, P15).
    case effectDeduped = "effect.deduped"
    /// Done, failed, cancelled or skipped.
    case effectEnded = "effect.ended"
    /// A handler answered a second time; the answer was dropped.
    case effectExtraAnswer = "effect.extra-answer"
    case groupCompleted = "group.completed"
    /// A cycle or an unknown group: nothing of the batch was taken.
    case batchRejected = "batch.rejected"
    case scopeOpened = "scope.opened"
    case scopeClosed = "scope.closed"
    case workerStarted = "worker.started"
    case workerStopped = "worker.stopped"
    case workerError = "workers.error"
    case workerDrop = "workers.drop"
    /// Somebody began to execute it, and what it came to.
    case processStarted = "process.started"
    case processEnded = "process.ended"
    /// One session handed it on to another.
    case processTransferred = "process.transferred"
    /// Somebody who awaited it was told of its end.
    case processAwaited = "process.awaited"
    case channelOpened = "channel.opened"
    case channelClosed = "channel.closed"
    case fiberFailed = "fiber.failed"
    case systemFailed = "system.failed"
    case systemSlow = "system.slow"
    case graphChanged = "graph.changed"
    case guardReport = "guard.report"
    case log
    case engineStopping = "engine.stopping"
    case engineStopped = "engine.stopped"
}

/// What an event tells beyond its type. Kept as the engine has it, and made a value only when somebody reads it.
package enum EventContent: Sendable {
    case none
    case value(Value)
    case effect(Effect)
    case submitted(Effect)
    /// What it waits for by now: a reference, because a whole batch may wait for the same. `further` are before it in its group
    /// that the reference does not count.
    case waiting(Effect, ToldWait, further: Int)
    case started(Effect, attempt: Int)
    case progress(Effect, Value)
    indirect case retrying(Effect, attempt: Int, delayMs: Int64, EffectError)
    /// `by` is the id of the effect that stands for it.
    case deduped(Effect, by: Value)
    case ended(Effect, EffectEnd)
    case group(Value, [GroupMember])
    indirect case error(EffectError)

    /// The effect that it tells of, if it does of one.
    var effect: Effect? {
        switch self {
        case .effect(let effect), .submitted(let effect), .waiting(let effect, _, _), .started(let effect, _),
            .progress(let effect, _), .retrying(let effect, _, _, _), .deduped(let effect, _), .ended(let effect, _):
            effect
        case .none, .value, .group, .error: nil
        }
    }

    package var value: Value {
        switch self {
        case .none: .nil
        case .value(let value): value
        case .effect(let effect): .record((.effect, effect.value))
        case .submitted(let effect): .record((.effect, effect.valueWithMeta))
        case .waiting(let effect, let told, let further):
            .record((.effectID, effect.id.value), (.waitsFor, told.wait.behind(further).value))
        case .started(let effect, let attempt): .record((.effectID, effect.id.value), (.attempt, .int(Int64(attempt))))
        case .progress(let effect, let value): .record((.effectID, effect.id.value), (.value, value))
        case .retrying(let effect, let attempt, let delay, let error):
            .record(
                (.effectID, effect.id.value), (.attempt, .int(Int64(attempt))), (.retryAfterMs, .int(delay)),
                (.error, error.told))
        case .deduped(let effect, let by): .record((.effect, effect.valueWithMeta), (.effectID, by))
        case .ended(let effect, let end): end.value(of: effect)
        case .group(let group, let members): GroupMember.payload(group, members)
        case .error(let error): .record((.error, error.told))
        }
    }
}

/// What effects wait for, as events tell it.
package final class ToldWait: Sendable {
    package let wait: EffectWait
    init(_ wait: EffectWait) { self.wait = wait }
}

/// One thing that happened, before it has its place in the stream.
package struct EventRecord: Sendable {
    package let type: EventType
    let content: EventContent
    /// Nil of an event that tells of an effect, which has it.
    private let own: Identity?

    /// An event of an effect, which the content has.
    init(_ type: EventType, _ content: EventContent) {
        self.type = type
        self.content = content
        own = nil
    }

    init(_ type: EventType, _ identity: Identity, _ content: EventContent) {
        self.type = type
        self.content = content
        own = identity
    }

    /// Where none is.
    static var nothing: EventRecord { EventRecord(.log, .none) }

    package var identity: Identity { own ?? content.effect?.identity ?? EventRecord.engine }

    private static let engine = Identity(root: .engine)
}

/// One thing that happened, as a reader sees it.
package struct Event: Sendable {
    /// Position in the instance's stream, from 1, without gaps.
    package let sequence: UInt64
    /// Milliseconds since the epoch, by the instance's clock.
    package let ts: Int64
    package var type: EventType { record.type }
    package var identity: Identity { record.identity }
    /// Private, because only what the redactor has seen may be read.
    private let record: EventRecord
    private let redactor: Redactor
    private var content: EventContent { record.content }

    init(sequence: UInt64, ts: Int64, _ record: EventRecord, redactor: Redactor) {
        self.sequence = sequence
        self.ts = ts
        self.record = record
        self.redactor = redactor
    }

    /// The type of the effect that it tells of, if it does of one: for readers who count, and need no payload.
    package var effectType: Name? { content.effect?.type }

    /// How the effect ended that it tells the end of.
    package var endStatus: EffectStatus? { if case .ended(_, let end) = content { end.status } else { nil } }

    /// The payload without secrets: nil or a map.
    package var payload: Value { redactor.masked(content.value) }

    /// `{:seq :ts :type :identity :payload}`, with the type and the identity as strings: ready for JSON.
    package var value: Value {
        .record(
            (.sequenceNumber, .int(Int64(clamping: sequence))), (.ts, .int(ts)), (.type, .string(type.rawValue)),
            (.identity, .string(redactor.masked(identity.path))), (.payload, payload))
    }
}

extension Value {
    /// A map with keyword keys; entries whose value is nil stay out when `dropNil`.
    package static func record(_ entries: (KnownName, Value)..., dropNil: Bool = false) -> Value {
        let made = try? HashMap.gathered(upTo: entries.count) { map in
            for (key, value) in entries where !(dropNil && value.isNil) { map.add(.kw(key), value) }
        }
        // Keywords can always be hashed.
        return .map(made ?? .empty)
    }
}
