import Values

/// Why a fiber has to leave its code: no `catch` sees it, `finally` blocks run.
package enum Ending: Equatable, Sendable {
    case cancelled(CancelReason)
    /// A budget ran out, whoever used it up (N6).
    case exhausted(Budget)
    /// Its `finally` blocks have had their time: those that are left get as far as their next call or turn.
    case cutOff

    /// Every ending; a job keeps its own as one more than the position here.
    static let all: [Ending] =
        [.cancelled(.superseded), .cancelled(.requested), .cancelled(.stopped), .cancelled(.parent)]
        + [.instructions, .memory, .depth, .time, .shutdown].map { .exhausted($0) } + [.cutOff]

    var fault: Fault {
        switch self {
        case .cancelled(let reason): .cancelled(reason)
        case .exhausted(let budget): .exhausted(budget)
        case .cutOff: .exhausted(.shutdown)
        }
    }

    /// Whether it reaches what was cancelled before, and is no news to anybody when the fiber has ended with it.
    var isExhaustion: Bool { if case .cancelled = self { false } else { true } }

    /// What scopes within hear of it.
    var forInner: Ending { isExhaustion ? self : .cancelled(.parent) }
}
