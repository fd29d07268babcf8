import Values

/// For whom effects are executed (L1–L8): chosen before any work is planned, stable, the same for every host.
package enum EffectScope: Equatable, Sendable {
    case turn(session: String, turn: String)
    case process(String)
    case queueDrain(session: String, drain: String)
    case sessionDelete(session: String)
    case runtimeOperation(String)

    /// The discriminator in JSON.
    package var type: String {
        switch self {
        case .turn: "turn"
        case .process: "process"
        case .queueDrain: "queue_drain"
        case .sessionDelete: "session_delete"
        case .runtimeOperation: "runtime_operation"
        }
    }

    package var id: String {
        switch self {
        case .turn(_, let id), .process(let id), .queueDrain(_, let id), .sessionDelete(let id),
            .runtimeOperation(let id):
            id
        }
    }

    package var sessionID: String? {
        switch self {
        case .turn(let session, _), .queueDrain(let session, _), .sessionDelete(let session): session
        case .process, .runtimeOperation: nil
        }
    }

    package var turnID: String? { if case .turn(_, let id) = self { id } else { nil } }

    /// Only a turn's trace id is checked against the scope.
    package var validatesTurnTraceID: Bool { turnID != nil }

    package func validate() throws(ControllerError) {
        for (_, text) in fields where EffectScope.isBlank(text) { throw .missingScopeID }
    }

    /// `{"type" "turn", "session_id" …, "turn_id" …}`: string keys, as JSON has them.
    package var value: Value { .jsonObject(([("type", type)] + fields).map { ($0, .string($1)) }) }

    /// What `value` gave; nil for anything else.
    package init?(_ value: Value) {
        guard case .map(let map) = value else { return nil }
        func field(_ key: String) -> String? { ((try? map.find(.string(key))) ?? nil)?.stringValue }
        switch field("type") {
        case "turn":
            guard let session = field("session_id"), let turn = field("turn_id") else { return nil }
            self = .turn(session: session, turn: turn)
        case "process":
            guard let process = field("process_id") else { return nil }
            self = .process(process)
        case "queue_drain":
            guard let session = field("session_id"), let drain = field("drain_id") else { return nil }
            self = .queueDrain(session: session, drain: drain)
        case "session_delete":
            guard let session = field("session_id") else { return nil }
            self = .sessionDelete(session: session)
        case "runtime_operation":
            guard let operation = field("operation_id") else { return nil }
            self = .runtimeOperation(operation)
        default: return nil
        }
    }

    private var fields: [(String, String)] {
        switch self {
        case .turn(let session, let turn): [("session_id", session), ("turn_id", turn)]
        case .process(let id): [("process_id", id)]
        case .queueDrain(let session, let drain): [("session_id", session), ("drain_id", drain)]
        case .sessionDelete(let session): [("session_id", session)]
        case .runtimeOperation(let id): [("operation_id", id)]
        }
    }

    private static func isBlank(_ text: String) -> Bool { text.unicodeScalars.allSatisfy(\.properties.isWhitespace) }
}
