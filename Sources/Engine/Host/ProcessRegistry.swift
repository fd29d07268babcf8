import Values

/// Long-running work with a row of its own (L31–L41). A row that has not ended is the work queue; only a runner that
/// holds its lease executes it.
package enum ProcessCommand: Sendable {
    case start(ProcessRegistration, grant: ProcessGrant?)
    case list(session: String, mode: ListMode)
    case transfer(from: String, to: String, ids: [String])
    case deleteSession(String)
    case await(String)
    case cancel(String, reason: String?)
    case signal(String, ProcessEvent)

    package enum ListMode: String, Sendable { case live, all }
}

package struct ProcessRegistration: Sendable {
    package var id: String
    package var input: Value
    package init(id: String, input: Value) {
        self.id = id
        self.input = input
    }
}

/// Lets a session see and steer a process.
package struct ProcessGrant: Sendable {
    package var session: String
    package var descriptor: Value
    package init(session: String, descriptor: Value) {
        self.session = session
        self.descriptor = descriptor
    }
}

package struct ProcessEvent: Sendable {
    /// One-based position among the process's events; 0 before it was appended.
    package var sequence: Int64
    package var type: String
    package var payload: Value
    package init(sequence: Int64 = 0, type: String, payload: Value) {
        self.sequence = sequence
        self.type = type
        self.payload = payload
    }
}

package enum ProcessOutcome: Sendable {
    case start(record: Value)
    case list(entries: [Value])
    case transfer
    case deleteSession(report: Value)
    case await(output: Value)
    case cancel(record: Value)
    case signal(ProcessEvent)
}

/// Where processes and their events are kept. `Store` has the implementations; each passes the same conformance suite
/// (L43).
package protocol ProcessRegistry: Sendable {
    /// Executes a command and answers `done` once, on any thread.
    func execute(
        _ command: ProcessCommand, _ done: @escaping @Sendable (Result<ProcessOutcome, ControllerError>) -> Void)

    /// Answers the first event of this type after `sequence`, now or when it is appended. The returned closure
    /// withdraws the question: `done` is not called after it.
    func nextEvent(
        of process: String, type: String, after sequence: Int64,
        _ done: @escaping @Sendable (Result<ProcessEvent, ControllerError>) -> Void
    ) -> @Sendable () -> Void
}
