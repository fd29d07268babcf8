import Values

/// The codes the engine itself fails effects with. Handlers add their own (each family of adapters has its table; a
/// script's are what it throws); no code means two things.
package enum EffectCode: String, CaseIterable, Sendable {
    case unknownEffectType = "unknown_effect_type"
    case invalidEffect = "invalid_effect"
    case timeout
    case cancelled
    case skipped
    case dependencyFailed = "dependency_failed"
    case dependencyCycle = "dependency_cycle"
    case waitsForItself = "waits_for_itself"
    case unknownGroup = "unknown_group"
    case notAllowed = "not_allowed"
    case engineStopped = "engine_stopped"
    case unknownEffect = "unknown_effect"
    case mergeFailed = "merge_failed"
    case handlerFailed = "handler_failed"
    case shapeMismatch = "shape_mismatch"

    /// One sentence for the reference.
    package var doc: String {
        switch self {
        case .unknownEffectType: "nothing handles effects of this type"
        case .invalidEffect: "the effect's parameters or meta are not what its type declares"
        case .timeout: "it took longer than its :timeout-ms"
        case .cancelled: "it was cancelled; :reason is superseded, requested, stopped or parent"
        case .skipped: "a group it depends on did not succeed, and its :on-dep-failure is :skip"
        case .dependencyFailed: "a group it depends on did not succeed"
        case .dependencyCycle: "groups of the batch depend on each other in a circle; :data has its groups"
        case .waitsForItself: "a handler would wait for the end of its own effect"
        case .unknownGroup: ":depends-on names a group that no batch has which is still retained; :data has it"
        case .notAllowed: "the run was not granted this; the message names the flag that would"
        case .engineStopped: "the system was stopped before this was submitted"
        case .unknownEffect: "no effect with this id is known: it never was, or it is no longer retained"
        case .mergeFailed: "the type's :merge function threw"
        case .handlerFailed: "the handler threw something that is not an effect error"
        case .shapeMismatch: "the answer does not have the declared shape"
        }
    }
}

/// Why an effect did not succeed.
package struct EffectError: Error, Sendable {
    /// From `EffectCode` or a handler's own table; snake_case.
    package var code: String
    package var message: String
    /// What else a script may want to know: a map, or nil.
    package var data: Value
    /// Whether the same effect may succeed later and can be repeated without doing anything twice.
    package var retryable: Bool
    /// How long the other side asked to be left alone.
    package var retryAfterMs: Int64?
    /// What a script threw that this came of; whoever performed the effect gets it as the cause of the exception.
    package internal(set) var cause: Exception?
    /// Set where the work did not fail, but was ended by somebody who is not the engine.
    private(set) var cancellation: CancelReason?

    package init(
        code: String, _ message: String, data: Value = .nil, retryable: Bool = false, retryAfterMs: Int64? = nil
    ) {
        self.code = code
        self.message = message
        self.data = data
        self.retryable = retryable
        self.retryAfterMs = retryAfterMs
    }

    package init(_ code: EffectCode, _ message: String, data: Value = .nil, retryable: Bool = false) {
        self.init(code: code.rawValue, message, data: data, retryable: retryable)
    }

    /// `{:code :message}`, with `:data` and `:retry-after-ms` when there are any (P8–P14).
    package var value: Value { record() }

    /// The same for events: with the `:place` in a script where it was thrown first.
    var told: Value { record(place: cause?.throughEffects.last { $0.site != nil }?.site?.place) }

    private func record(place: String? = nil) -> Value {
        .record(
            (.code, .string(code)), (.message, .string(message)), (.data, data),
            (.retryAfterMs, retryAfterMs.map { .int($0) } ?? .nil),
            (.place, place.map { .string($0) } ?? .nil), dropNil: true)
    }

    /// P22
    static func timeout(_ ms: Int64) -> EffectError { EffectError(.timeout, "effect timeout after \(ms)ms") }

    static func cancelled(_ reason: CancelReason, by id: Value?) -> EffectError {
        var error = EffectError(
            .cancelled, CancelReason.cancelled + reason.sentence(by: id),
            data: .record((.reason, .kw(reason.name)), (.cancelledBy, id ?? .nil), dropNil: true))
        error.cancellation = reason
        return error
    }

    /// P23
    package static func unknownType(_ type: Name, known: some Sequence<Name>) -> EffectError {
        let nearest = Nearest.name(to: type.description, among: known.map(\.description))
        let hint = nearest.map { "; did you mean :\($0)?" } ?? ""
        return EffectError(.unknownEffectType, "unknown effect type: :\(type.description)\(hint)")
    }

    /// A fault that reached the engine, as the error of the effect that caused it.
    package static func of(_ fault: Fault, code: EffectCode) -> EffectError {
        switch fault {
        case .thrown(let exception):
            var error = EffectError(code, exception.message, data: exception.data)
            error.cause = exception
            return error
        case .force:
            return EffectError(code, "a lazy sequence stands where data is needed; realise it with doall or vec")
        case .exhausted(let budget): return EffectError(code, "the budget for \(budget.rawValue) ran out")
        case .cancelled(let reason): return EffectError.cancelled(reason, by: nil)
        }
    }
}

extension CancelReason {
    /// Its keyword.
    package var name: KnownName {
        switch self {
        case .superseded: .superseded
        case .requested: .requested
        case .stopped: .stopped
        case .parent: .parent
        }
    }
}
