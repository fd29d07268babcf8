import Values

/// What a scoped effect can be (L17–L26); the raw value is its name in messages and journals.
package enum CommandKind: String, CaseIterable, Sendable {
    case llmCall = "llm_call"
    case direct
    case toolCall = "tool_call"
    case process
    case execCode = "exec_code"
    case checkpoint
    case syncExecutionSurface = "sync_execution_surface"
    case sleep
    case awaitEvent = "await_event"
}

/// A scoped effect.
package enum EffectCommand: Sendable {
    case llmCall(request: Value)
    /// A model call outside any turn.
    case direct(request: Value)
    case toolCall(name: String, arguments: Value)
    case process(ProcessCommand)
    case execCode(String)
    case checkpoint(Value)
    case syncExecutionSurface(updateMachine: Bool)
    case sleep(ms: Int64)
    case awaitEvent(key: String)

    package var kind: CommandKind {
        switch self {
        case .llmCall: .llmCall
        case .direct: .direct
        case .toolCall: .toolCall
        case .process: .process
        case .execCode: .execCode
        case .checkpoint: .checkpoint
        case .syncExecutionSurface: .syncExecutionSurface
        case .sleep: .sleep
        case .awaitEvent: .awaitEvent
        }
    }
}

/// A command with what makes it the same command when it is replayed (L42).
package struct EffectEnvelope: Sendable {
    package let scope: EffectScope
    package let identity: Identity
    package let command: EffectCommand
    /// Stands for the ordinal when there is one.
    package let idempotencyKey: String?

    package init(scope: EffectScope, identity: Identity, command: EffectCommand, idempotencyKey: String? = nil) {
        self.scope = scope
        self.identity = identity
        self.command = command
        self.idempotencyKey = idempotencyKey
    }

    /// Made of stable identity alone, never of timing or the order in which things ended.
    package var replayKey: String {
        let place =
            idempotencyKey.map { "\(identity.parent?.path ?? "")/key:\($0.utf8.count):\($0)" } ?? identity.path
        return "\(scope.type):\(scope.id.utf8.count):\(scope.id)/\(place)/\(command.kind.rawValue)"
    }
}

/// The result of a command, of the same kind.
package enum EffectOutcome: Sendable {
    case llmCall(result: Value, textStreamed: Bool)
    case direct(result: Value)
    case toolCall(result: Value, hostEvents: [Value])
    case process(ProcessOutcome)
    case execCode(result: Value)
    case checkpoint(result: Value)
    case syncExecutionSurface(result: Value)
    case sleep
    case awaitEvent(payload: Value)

    package var kind: CommandKind {
        switch self {
        case .llmCall: .llmCall
        case .direct: .direct
        case .toolCall: .toolCall
        case .process: .process
        case .execCode: .execCode
        case .checkpoint: .checkpoint
        case .syncExecutionSurface: .syncExecutionSurface
        case .sleep: .sleep
        case .awaitEvent: .awaitEvent
        }
    }

    /// This outcome, when it is of the kind that was asked for (L16).
    package func expect(_ kind: CommandKind) throws(ControllerError) -> EffectOutcome {
        guard self.kind == kind else { throw .wrongOutcome(expected: kind, got: self.kind) }
        return self
    }
}
