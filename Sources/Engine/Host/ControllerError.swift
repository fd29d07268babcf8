import Values

/// The codes of scoped effect execution (L1–L43): one table. Each factory of `ControllerError` writes the text of its
/// code.
package enum ControllerCode: String, CaseIterable, Sendable {
    case missingEffectScopeID = "missing_effect_scope_id"
    case wrongOutcome = "runtime_effect_wrong_outcome"
    case localExecutorUnavailable = "runtime_effect_local_executor_unavailable"
    case localExecutorMismatch = "runtime_effect_local_executor_mismatch"
    case toolResultMissing = "tool_result_missing"
    case attachmentResolutionFailed = "attachment_resolution_failed"
    case sleepCancelled = "runtime_effect_sleep_cancelled"
    case awaitEventKeyMismatch = "runtime_effect_await_event_key_mismatch"
    case awaitEventInvalidOrdinal = "runtime_effect_await_event_invalid_ordinal"
    case awaitEventCancelled = "runtime_effect_await_event_cancelled"
    case processTaskJoin = "runtime_effect_process_task_join"
    case processConflict = "process_conflict"
    case processEnded = "process_ended"
    case processEventLimit = "process_event_limit"
    case processLeaseLost = "process_lease_lost"
    case processNotGranted = "process_not_granted"
    case replayMismatch = "runtime_effect_replay_mismatch"
    case plugin
    case store = "runtime_store"
}

/// Why a controller did not execute an effect (L14–L16): prints `code: message`, and keeps its code through
/// conversions.
package struct ControllerError: Error, Equatable, Sendable, CustomStringConvertible {
    package let code: String
    package let message: String

    package init(code: String, message: String) {
        self.code = code
        self.message = message
    }

    private init(_ code: ControllerCode, _ message: String) { self.init(code: code.rawValue, message: message) }

    package var description: String { "\(code): \(message)" }

    /// As the outcome of an effect; nothing of this family is worth another try by itself.
    package var effectError: EffectError { EffectError(code: code, message) }

    // One factory per text.

    package static let missingScopeID = ControllerError(
        .missingEffectScopeID, "effect scopes require non-empty stable ids")

    package static func wrongOutcome(expected: CommandKind, got: CommandKind) -> ControllerError {
        ControllerError(.wrongOutcome, "expected \(expected.rawValue) outcome, got \(got.rawValue)")
    }

    package static func executorUnavailable(_ kind: CommandKind) -> ControllerError {
        ControllerError(.localExecutorUnavailable, "no local executor is available for \(kind.rawValue)")
    }

    package static let processExecutorUnavailable = ControllerError(
        .localExecutorUnavailable, "no process executor is available for process command")

    package static func processMismatch(_ kind: CommandKind) -> ControllerError {
        ControllerError(.localExecutorMismatch, "process executor cannot execute \(kind.rawValue) command directly")
    }

    /// - Parameter executor: `turn`, `direct`, `sleep` or `event wait`.
    package static func mismatch(_ executor: String, _ kind: CommandKind) -> ControllerError {
        ControllerError(.localExecutorMismatch, "local \(executor) executor cannot execute \(kind.rawValue) command")
    }

    package static func toolResultMissing(_ tool: String) -> ControllerError {
        ControllerError(.toolResultMissing, "tool `\(tool)` completed without a result")
    }

    package static func attachmentResolution(_ message: String) -> ControllerError {
        ControllerError(.attachmentResolutionFailed, message)
    }

    package static let sleepCancelled = ControllerError(.sleepCancelled, "runtime effect sleep was cancelled")

    package static func awaitEventKeyMismatch(expected: String, got: String) -> ControllerError {
        ControllerError(.awaitEventKeyMismatch, "local event wait expected `\(expected)`, got `\(got)`")
    }

    package static let awaitEventInvalidOrdinal = ControllerError(
        .awaitEventInvalidOrdinal, "event ordinal must be one-based")

    package static let awaitEventCancelled = ControllerError(
        .awaitEventCancelled, "runtime effect event wait was cancelled")

    package static func processTaskJoin(_ message: String) -> ControllerError {
        ControllerError(.processTaskJoin, "inline process effect task failed: \(message)")
    }

    package static func replayMismatch(_ difference: String) -> ControllerError {
        ControllerError(.replayMismatch, difference)
    }

    package static func plugin(_ message: String) -> ControllerError { ControllerError(.plugin, message) }
    package static func store(_ message: String) -> ControllerError { ControllerError(.store, message) }

    /// - Parameter known: ids that may have been meant.
    package static func unknownProcess(_ id: String, among known: some Sequence<String> = []) -> ControllerError {
        plugin("unknown process `\(id)`\(Nearest.hint(for: id, among: known).map { "; \($0)" } ?? "")")
    }

    // Beyond the seed: what it has no text for.

    package static func processConflict(_ id: String, hasEnded: Bool) -> ControllerError {
        let state = hasEnded ? "has ended and is still kept" : "has not ended"
        return ControllerError(
            .processConflict,
            "there is a process `\(id)` with another input, which \(state); give the new one another id")
    }

    /// - Parameter asked: what it can no longer do, as `takes no signal`.
    package static func processEnded(_ id: String, _ status: ProcessStatus, _ asked: String) -> ControllerError {
        ControllerError(.processEnded, "process `\(id)` has ended (\(status.rawValue)) and \(asked)")
    }

    package static func processEventLimit(_ id: String, _ limit: Int) -> ControllerError {
        ControllerError(
            .processEventLimit,
            "process `\(id)` has \(limit) events, as many as one may have; let it end and start another")
    }

    package static func processLeaseLost(_ lease: ProcessLease) -> ControllerError {
        ControllerError(
            .processLeaseLost, "runner `\(lease.runner)` does not hold the lease of process `\(lease.process)`")
    }

    package static func processNotGranted(_ id: String, _ session: String) -> ControllerError {
        ControllerError(
            .processNotGranted,
            "session `\(session)` has no process `\(id)` to transfer; list what it has with :mode :all")
    }
}
