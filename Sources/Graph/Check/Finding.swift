import Values

/// One thing the checker has to tell about a graph (G2).
package struct Finding: Sendable {
    package var code: FindingCode
    package var severity: Severity { code.severity }
    /// One line, without a full stop.
    package var title: String
    /// Where; nil when the declaration was not written in a text.
    package var place: SourceLabel?
    /// Other places that matter, in the order to read them.
    package var related: [SourceLabel] = []
    /// Why it is so, in sentences.
    package var explanation: String?
    /// The next step.
    package var hint: String?

    /// Whether nothing can be started with it. What a script lacks when it is checked it may still bring; a graph as data
    /// brings nothing.
    package var preventsStart: Bool { severity == .error || code == .unresolvedFunction }

    package init(
        _ code: FindingCode, _ title: String, at place: SourceLabel?, related: [SourceLabel?] = [],
        because explanation: String? = nil,
        hint: String? = nil
    ) {
        self.code = code
        self.title = title
        self.place = place
        self.related = related.compactMap { $0 }
        self.explanation = explanation
        self.hint = hint
    }
}

/// Every kind of finding: the one table. The raw value is stable, for programs and for looking up.
package enum FindingCode: String, CaseIterable, Sendable {
    // what one declaration says
    case unknownKey = "graph/unknown-key"
    case wrongType = "graph/wrong-type"
    case outOfRange = "graph/out-of-range"
    case notAChoice = "graph/not-a-choice"
    case missingKey = "graph/missing-key"
    case misplacedKey = "graph/misplaced-key"
    case conflictingKeys = "graph/conflicting-keys"
    case unbufferedLoss = "graph/unbuffered-loss"
    case wrongArity = "graph/wrong-arity"
    // what it refers to
    case undeclaredChannel = "graph/undeclared-channel"
    case undeclaredMeta = "graph/undeclared-meta"
    case undeclaredPlan = "graph/undeclared-plan"
    case undeclaredGroup = "graph/undeclared-group"
    case undeclaredFunction = "graph/undeclared-function"
    case unloadableNamespace = "graph/unloadable-namespace"
    case unknownEffect = "graph/unknown-effect"
    case missingComponent = "graph/missing-component"
    case secondSystem = "graph/second-system"
    case cycle = "graph/cycle"
    // how messages flow
    case secondConsumer = "graph/second-consumer"
    case blockFromGo = "graph/block-from-go"
    case blockingCall = "graph/blocking-call"
    case unanswerable = "graph/unanswerable-request"
    // what may be meant so
    case declaredTwice = "graph/declared-twice"
    case unseenDeclaration = "graph/unseen-declaration"
    case unresolvedFunction = "graph/unresolved-function"
    case unusedChannel = "graph/unused-channel"
    case unreadChannel = "graph/unread-channel"
    case neverReceives = "graph/never-receives"
    case idleTicker = "graph/idle-ticker"
    case sharedEntry = "graph/shared-entry"
    case rendezvousCycle = "graph/rendezvous-cycle"
    case requestCycle = "graph/request-cycle"
    // advice
    case noIdempotencyKey = "graph/no-idempotency-key"
    case smallBatch = "graph/groups-in-small-batch"
    case manyGroups = "graph/many-groups"

    package var severity: Severity {
        switch self {
        case .declaredTwice, .unseenDeclaration, .unresolvedFunction, .unusedChannel, .unreadChannel, .neverReceives,
            .idleTicker,
            .sharedEntry,
            .rendezvousCycle, .requestCycle:
            .warning
        case .noIdempotencyKey, .smallBatch, .manyGroups: .lint
        default: .error
        }
    }
}
