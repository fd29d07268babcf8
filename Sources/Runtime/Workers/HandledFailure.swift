import Values

/// A failure of a worker that counts though nothing was printed of it: what a run says in its end, so that its exit code has a
/// reason.
package struct HandledFailure: Sendable {
    package let worker: Name
    package let message: String
    /// `shop.slu:3:5`, when the script's own code is on the stack.
    package let place: String?
    /// What became of it instead.
    package let outcome: Outcome
    /// How often the worker failed like that.
    package fileprivate(set) var count = 1

    package enum Outcome: Equatable, Sendable {
        /// Its `:fail-chan` has it.
        case forwarded(Name)
        /// Whoever asked was told.
        case answered
        /// Nobody was told: others of the worker were, or it was cut off by a stop.
        case unheard
    }

    init(_ worker: Name, _ exception: Exception, _ outcome: Outcome) {
        self.worker = worker
        message = exception.message
        place = exception.site?.place
        self.outcome = outcome
    }

    fileprivate func isLike(_ other: HandledFailure) -> Bool {
        worker == other.worker && outcome == other.outcome && place == other.place && message == other.message
    }
}

/// The first few kinds of failure, each with how often it came.
package struct HandledFailures: Sendable {
    /// Kinds that are told apart.
    private static let limit = 10

    package private(set) var kinds: [HandledFailure] = []
    /// Failures of further kinds.
    package private(set) var others = 0

    mutating func add(_ failure: HandledFailure) {
        if let known = kinds.firstIndex(where: failure.isLike) {
            kinds[known].count += 1
        } else if kinds.count < HandledFailures.limit {
            kinds.append(failure)
        } else {
            others += 1
        }
    }
}
