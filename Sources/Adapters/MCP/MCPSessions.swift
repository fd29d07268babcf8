import Engine
import Values

/// The sessions of one instance: one for each server, opened by the first call and kept until the end.
final class MCPSessions: @unchecked Sendable {
    // Sendable: `lock` guards what changes.
    /// Servers that one instance talks to, those that are still ending among them.
    static let maxServers = 64
    /// How often a call is begun anew because its session had just ended: a server that always says so would go on for ever.
    static let maxAttempts = 3
    /// How long the end of a run waits for servers: for all that a program is given, and a moment for it to be reaped.
    static let endMs = MCPProgram.closeMs + Program.graceMs + 1_000

    private let wire: MCPWire
    private let client: HTTPClient
    private let programs: LivePrograms
    private let lock = Lock()
    private let condition = Condition()
    private var sessions: [MCPServer: MCPSession] = [:]
    /// Those that have not let go of their servers, by the order in which they were opened.
    private var live: [Int: MCPSession] = [:]
    private var opened = 0
    private var isClosed = false
    private var configured = HashMap()

    init(_ wire: MCPWire, _ client: HTTPClient, _ programs: LivePrograms) {
        self.wire = wire
        self.programs = programs
        self.client = client
    }

    deinit { for session in live.values { session.close() } }

    /// Threads and connections that are not yet let go of.
    var count: Int { lock.withLock { live.count } }

    /// Takes the servers that keywords name from here on: a map of them.
    func configure(_ servers: HashMap) { lock.withLock { configured = servers } }

    /// Asks a server; the function returned cancels that.
    func start(
        _ call: EffectCall, _ operation: MCPMachine.Operation, _ answer: @escaping Answer
    ) throws(AdapterError) -> @Sendable () -> Void {
        let server = try MCPServer(call, configured: lock.withLock { configured })
        try server.allow(call)
        let asking = MCPAsking(self, server, operation, call, answer)
        asking.begin()
        return { asking.cancel() }
    }

    fileprivate func session(_ server: MCPServer, _ call: EffectCall) throws(AdapterError) -> MCPSession {
        let (session, isNew) = try lock.withLock { () throws(AdapterError) -> (MCPSession, Bool) in
            if isClosed { throw .cancelled }
            if let session = sessions[server] { return (session, false) }
            guard live.count < MCPSessions.maxServers else {
                throw AdapterError(
                    .rateLimited, "\(MCPSessions.maxServers) MCP servers are in use, which is the most; use fewer")
            }
            opened += 1
            let number = opened
            let session = MCPSession(server, transport(server, call), wire) { [weak self] in self?.ended(number) }
            sessions[server] = session
            live[number] = session
            return (session, true)
        }
        if isNew { session.open() }
        return session
    }

    private func transport(_ server: MCPServer, _ call: EffectCall) -> any MCPTransport {
        switch server.way {
        case .address(let url, let headers): return MCPAddress(url, headers, client, call)
        case .program(let arguments, let directory, let environment):
            var program = Program(arguments, clock: call.clock)
            program.directory = directory ?? call.directory
            program.environment = environment
            return MCPProgram(program, programs, shown: server.shown)
        }
    }

    /// The session takes no calls any more: the next one opens another.
    fileprivate func discard(_ session: MCPSession) {
        lock.withLock { if sessions[session.server] === session { sessions[session.server] = nil } }
    }

    private func ended(_ number: Int) {
        let session = lock.withLock { () -> MCPSession? in
            let session = live.removeValue(forKey: number)
            if let session, sessions[session.server] === session { sessions[session.server] = nil }
            condition.broadcast()
            return session
        }
        // Freed outside the lock.
        _ = session
    }

    /// Ends every session, and waits until the servers are gone, for `endMs` at most.
    func close() {
        let open = lock.withLock {
            isClosed = true
            return live.sorted { $0.key < $1.key }.map(\.value)
        }
        for session in open { session.close() }
        let deadline = MonotonicClock.now + MCPSessions.endMs * 1_000_000
        lock.withLock {
            while !live.isEmpty, condition.wait(lock, until: deadline) {}
        }
    }
}

/// One call on its way: through a session, and through the next when that one had just ended.
private final class MCPAsking: @unchecked Sendable {
    // Sendable: `lock` guards what changes.
    private let sessions: MCPSessions
    private let server: MCPServer
    private let operation: MCPMachine.Operation
    private let call: EffectCall
    private let answer: Answer
    private let lock = Lock()
    private var under: (session: MCPSession, number: Int)?
    private var attempts = 0
    private var isCancelled = false

    init(
        _ sessions: MCPSessions, _ server: MCPServer, _ operation: MCPMachine.Operation, _ call: EffectCall,
        _ answer: @escaping Answer
    ) {
        self.sessions = sessions
        self.server = server
        self.operation = operation
        self.call = call
        self.answer = answer
    }

    func begin() {
        do throws(AdapterError) {
            let session = try sessions.session(server, call)
            let number = session.number()
            lock.withLock {
                under = (session, number)
                attempts += 1
            }
            session.submit(number, operation, progress: call.progress) { [self] in finished($0, session) }
            // Whoever cancelled before it was submitted found nothing to cancel.
            if lock.withLock({ isCancelled }) { session.cancel(number) }
        } catch {
            answer(.failure(error))
        }
    }

    func cancel() {
        let current = lock.withLock { () -> (session: MCPSession, number: Int)? in
            isCancelled = true
            return under
        }
        if let current { current.session.cancel(current.number) }
    }

    private func finished(_ result: Result<Value, MCPFailure>, _ session: MCPSession) {
        switch result {
        case .success(let value): answer(.success(value))
        case .failure(.error(let error)): answer(.failure(error))
        case .failure(.gone):
            sessions.discard(session)
            if lock.withLock({ isCancelled }) { return answer(.failure(.cancelled)) }
            guard lock.withLock({ attempts }) < MCPSessions.maxAttempts else {
                return answer(
                    .failure(
                        AdapterError(
                            .mcpServerEnded, "\(server.shown) ended every session before it took a call; check it")))
            }
            begin()
        }
    }
}
