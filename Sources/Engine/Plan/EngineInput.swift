import Values

/// One effect that the machine knows; stays valid, and stays this effect's, for ever.
package struct EffectHandle: Hashable, Sendable {
    let slot: Int32
    /// Tells the effects that used the slot one after another apart.
    let generation: UInt32
}

/// One attempt at an effect.
package struct AttemptHandle: Hashable, Sendable {
    let effect: EffectHandle
    /// From 1.
    let number: Int
}

/// Who is told how an effect ended: `index` is the effect's position in its batch, or 0. The machine keeps it and hands it
/// back in exactly one action; it never calls it.
package typealias Waiter = @Sendable (_ index: Int, _ end: EffectEnd) -> Void

/// Hears what a running effect reports before it ends. Kept and handed back like a waiter.
package typealias ProgressListener = @Sendable (_ index: Int, _ part: Value) -> Void

/// A batch on its way in; a single effect is a batch of one.
package struct Submission: Sendable {
    package var effects: [Effect]
    /// Groups that count as complete although the batch has no effect in them: the empty phases (J19).
    package var declaredGroups: [ValueKey]
    /// Outcomes that a durable journal has for idempotency keys of the batch (J21).
    package var recorded: [ValueKey: Value]
    package var waiter: Waiter?
    package var progress: ProgressListener?
    /// The attempt whose handler does nothing else until all of the batch has ended.
    package var waiting: AttemptHandle?

    package init(
        _ effects: [Effect], declaredGroups: [ValueKey] = [], recorded: [ValueKey: Value] = [:],
        waiter: Waiter? = nil, progress: ProgressListener? = nil, waiting: AttemptHandle? = nil
    ) {
        self.effects = effects
        self.declaredGroups = declaredGroups
        self.recorded = recorded
        self.waiter = waiter
        self.progress = progress
        self.waiting = waiting
    }
}

/// Which effects to cancel.
package enum CancelSelector: Sendable {
    case id(ValueKey)
    case handle(EffectHandle)
    case group(ValueKey)
    case tag(ValueKey)
    /// Everything submitted by this identity or by anything below it.
    case scope(Identity)
    case all
}

/// What can happen to the machine.
package enum Input: Sendable {
    case submit(Submission)
    /// Tell `waiter` how an effect ended, now or when it has.
    case wait(EffectHandle, Waiter)
    case waitForID(ValueKey, Waiter)
    /// An attempt came to an end. Ignored when the effect has ended already (P22).
    case outcome(EffectHandle, attempt: Int, Outcome)
    /// The handler merged the parts it was given.
    case merged(EffectHandle, attempt: Int, Effect)
    /// The handler waits for effects, events, time or people: its slot is free for others (P19).
    case park(EffectHandle, attempt: Int)
    /// It wants to go on; `resume` is handed back when it has a slot again.
    case unpark(EffectHandle, attempt: Int, resume: @Sendable () -> Void)
    case cancel(CancelSelector, CancelReason, by: Value?)
    case define(Name, EffectTraits)
    case configure(EngineConfiguration)
    /// Finish what is there until `deadline`, then cancel the rest and take nothing more.
    case stop(deadline: Int64)
    /// Time passed: `nextWake` is due.
    case wake
}

/// An attempt to run an effect.
package struct StartOrder: Sendable {
    package let handle: EffectHandle
    package internal(set) var effect: Effect
    /// From 1.
    package let attempt: Int
    private let extra: Extra?

    /// What few effects have.
    private final class Extra: Sendable {
        let parts: [Effect]
        let progress: (listener: ProgressListener, index: Int)?

        init(_ parts: [Effect], _ progress: (listener: ProgressListener, index: Int)?) {
            self.parts = parts
            self.progress = progress
        }
    }

    init(
        handle: EffectHandle, effect: Effect, attempt: Int, parts: [Effect],
        progress: (listener: ProgressListener, index: Int)?
    ) {
        self.handle = handle
        self.effect = effect
        self.attempt = attempt
        extra = parts.isEmpty && progress == nil ? nil : Extra(parts, progress)
    }

    /// Effects whose parameters the handler merges into this one's first.
    package var parts: [Effect] { extra?.parts ?? [] }

    /// Tells who submitted the effect of a part of its result.
    func tellProgress(_ part: Value) {
        guard let progress = extra?.progress else { return }
        progress.listener(progress.index, part)
    }
}

/// What the world is told of an end (J25–J27, P8–P12).
package enum Signal: Sendable {
    /// Done, failed or skipped.
    case effectCompleted(Effect, EffectEnd)
    case effectCancelled(Effect, EffectEnd)
    case groupCompleted(ValueKey, [GroupMember])

    /// What each is called.
    package var type: String {
        switch self {
        case .effectCompleted: "effect-completed"
        case .effectCancelled: "effect-cancelled"
        case .groupCompleted: "group-completed"
        }
    }

    package static let types: Set<String> = ["effect-completed", "effect-cancelled", "group-completed"]

    /// `{:effect-id :effect :status :duration-ms :result|:error :group :reason :cancelled-by}` or `{:group g :results {id [:ok v]}}`.
    package var payload: Value {
        switch self {
        case .effectCompleted(let effect, let end), .effectCancelled(let effect, let end): end.value(of: effect)
        case .groupCompleted(let group, let members): GroupMember.payload(group.value, members)
        }
    }
}

/// What the machine wants done, in order.
package enum Action: Sendable {
    /// The answer to `.submit`: one handle for each effect, in order; those that were deduplicated share one.
    case accepted([EffectHandle])
    /// The answer to `.submit`: nothing of the batch was taken, and no waiter will be told anything.
    indirect case rejected(EffectError)
    case start(StartOrder)
    /// A running attempt is no longer wanted. A timeout comes as `.requested`.
    case cancelRunning(EffectHandle, attempt: Int, CancelReason)
    case answer(Waiter, index: Int, EffectEnd)
    case resume(@Sendable () -> Void)
    case signal(Signal)
    /// Everything has ended and nothing more is taken.
    case stopped
}

/// Counts since the start, and how many there are now (P20).
package struct EngineStats: Equatable, Sendable {
    package var submitted = 0
    package var deduped = 0
    package var started = 0
    package var retried = 0
    package var done = 0
    package var failed = 0
    package var cancelled = 0
    package var skipped = 0
    /// Now.
    package var queued = 0
    package var running = 0

    package var value: Value {
        func number(_ count: Int) -> Value { .int(Int64(count)) }
        return .record(
            (.submitted, number(submitted)), (.deduped, number(deduped)), (.started, number(started)),
            (.retried, number(retried)), (.done, number(done)), (.failed, number(failed)),
            (.cancelled, number(cancelled)), (.skipped, number(skipped)), (.queued, number(queued)),
            (.running, number(running)))
    }
}
