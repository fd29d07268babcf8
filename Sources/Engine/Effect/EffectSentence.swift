import Values

/// What is said of an effect, by `why` of one that the engine knows and by whoever reads its events later. The subject of each
/// is the effect, whose id stands before it.
package enum EffectSentence {
    package static func deduplicated(by other: Value) -> String {
        "was deduplicated: \(ValueKey.shown(other)) stands for it"
    }

    package static func waiting(for wait: EffectWait, running: [Value] = []) -> String {
        "waits for \(wait.phrase(running: running))"
    }

    package static func waited(_ ms: Int64, for wait: EffectWait, running: [Value] = []) -> String {
        "waited \(duration(ms)) for \(wait.phrase(.past, running: running))"
    }

    /// - Parameter sinceMs: since this attempt began.
    package static func running(attempt: Int, sinceMs: Int64) -> String {
        "is running: attempt \(attempt), since \(duration(sinceMs))"
    }

    /// The same where only the beginning of the first attempt is known.
    package static func running(attempt: Int, sinceFirstMs: Int64) -> String {
        attempt == 1
            ? running(attempt: 1, sinceMs: sinceFirstMs)
            : "is running: attempt \(attempt); the first began \(duration(sinceFirstMs)) ago"
    }

    package static func backingOff(dueInMs: Int64, attempt: Int) -> String {
        "failed and will be tried again in \(duration(dueInMs)) (attempt \(attempt))"
    }

    /// - Parameters:
    ///   - message: of the error; nil for one that is done.
    ///   - reason: why it was cancelled.
    ///   - by: the id of what cancelled it.
    package static func ended(
        _ status: EffectStatus, durationMs: Int64, attempts: Int, message: String? = nil, reason: CancelReason? = nil,
        by: Value? = nil
    ) -> String {
        let cause = cause(status, message: message, reason: reason, by: by)
        switch status {
        case .failed: return "failed\(attempts > 1 ? " after \(attempts) attempts" : ""): \(cause)"
        case .cancelled: return "was cancelled: \(cause)"
        case .skipped: return "was skipped: \(cause)"
        case .done, .queued, .running:
            return "is done, after \(duration(durationMs)) and \(attempts) attempt\(attempts == 1 ? "" : "s")"
        }
    }

    /// Why it was not done, beside a word that says whether it failed, was cancelled or was skipped.
    package static func cause(
        _ status: EffectStatus, message: String?, reason: CancelReason? = nil, by: Value? = nil
    ) -> String {
        let message = message ?? "nobody said why"
        switch status {
        case .cancelled: return reason.map { $0.sentence(by: by) } ?? message.without(CancelReason.cancelled)
        case .skipped: return message.without(DependencyFailure.skipped)
        case .failed, .done, .queued, .running: return message
        }
    }

    /// `340 ms`, `1.2 s`, `2 min 5 s`, `3 h 20 min`.
    package static func duration(_ ms: Int64) -> String {
        let seconds = ms / 1000
        switch ms {
        case ..<1000: return "\(ms) ms"
        case ..<60_000: return ms % 1000 < 100 ? "\(seconds) s" : "\(seconds).\(ms % 1000 / 100) s"
        case ..<3_600_000: return seconds % 60 == 0 ? "\(seconds / 60) min" : "\(seconds / 60) min \(seconds % 60) s"
        default:
            let minutes = seconds / 60 % 60
            return minutes == 0 ? "\(seconds / 3600) h" : "\(seconds / 3600) h \(minutes) min"
        }
    }
}

extension CancelReason {
    /// What the message of a cancelled effect begins with.
    static let cancelled = "effect cancelled: "

    /// - Parameter id: of what cancelled it.
    func sentence(by id: Value?) -> String {
        let who = id.map { " by \(ValueKey.shown($0))" } ?? ""
        switch self {
        case .superseded: return "superseded\(who)"
        case .requested: return "requested"
        case .stopped: return "the system was stopped"
        case .parent: return "what it belonged to ended\(who)"
        }
    }
}

extension String {
    fileprivate func without(_ beginning: String) -> String {
        hasPrefix(beginning) ? String(dropFirst(beginning.count)) : self
    }
}
