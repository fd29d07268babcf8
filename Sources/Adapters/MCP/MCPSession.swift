import Engine
import Values

/// Carries the messages of one session.
protocol MCPTransport: AnyObject, Sendable {
    /// Begins to carry. Whatever comes is given to the session.
    func open(_ session: MCPSession)
    /// - Parameter id: of a request, which will be answered; nil for anything else.
    func send(_ message: [UInt8], id: Int?, _ session: MCPSession)
    /// Sends that the session is open, and tells the session when that has arrived.
    func announce(_ message: [UInt8], version: String, _ session: MCPSession)
    /// Nobody waits for the answer to this request any more.
    func forget(_ id: Int)
    /// The request has been answered.
    func answered(_ id: Int)
    /// Lets go of the server, and tells the session when it has.
    func end(_ session: MCPSession)
}

/// A session with one server: the machine under its lock, the transport, and who waits for what.
final class MCPSession: @unchecked Sendable {
    // Sendable: `lock` guards what changes.
    let server: MCPServer
    private let json: JSONCodec
    private let transport: any MCPTransport
    private let lock = Lock()
    private var machine: MCPMachine
    private var waiting: [Int: Waiting] = [:]
    private var nextNumber = 0
    /// What the machine wants done. One thread at a time does it, outside the lock, so that messages leave in the machine's
    /// order; whoever wants more done meanwhile leaves it here.
    private var actions = Fifo<MCPMachine.Action>()
    private var isPerforming = false
    private var onEnd: (@Sendable () -> Void)?

    private struct Waiting {
        let progress: @Sendable (Value) -> Void
        let answer: @Sendable (Result<Value, MCPFailure>) -> Void
    }

    /// - Parameter onEnd: called once, when the server has been let go of.
    init(
        _ server: MCPServer, _ transport: any MCPTransport, _ wire: MCPWire, onEnd: @escaping @Sendable () -> Void
    ) {
        self.server = server
        self.transport = transport
        self.onEnd = onEnd
        json = wire.json
        machine = MCPMachine(wire, server: server.shown)
    }

    func open() { transport.open(self) }

    /// A number for a call that is about to be submitted.
    func number() -> Int {
        lock.withLock {
            nextNumber += 1
            return nextNumber
        }
    }

    func submit(
        _ number: Int, _ operation: MCPMachine.Operation, progress: @escaping @Sendable (Value) -> Void,
        _ answer: @escaping @Sendable (Result<Value, MCPFailure>) -> Void
    ) {
        lock.withLock { waiting[number] = Waiting(progress: progress, answer: answer) }
        take(.submit(number, operation))
    }

    func cancel(_ number: Int) { take(.cancel(number)) }
    func close() { take(.close) }

    /// One message as the server wrote it. What is no JSON ends the session.
    func receive(_ bytes: [UInt8]) {
        switch read(bytes) {
        case .success(let value): take(.message(value))
        case .failure(let error): take(.failed(error))
        }
    }

    /// What a message says.
    func read(_ bytes: [UInt8]) -> Result<Value, AdapterError> {
        do throws(Fault) {
            return .success(try json.decode(bytes, false))
        } catch {
            let start = quoted(String(decoding: bytes.prefix(120), as: UTF8.self))
            return .failure(
                AdapterError(
                    .mcpProtocol,
                    "\(server.shown) does not speak the protocol: it sent \(start), which is not JSON: \(JSONCodec.words(error))"
                ))
        }
    }

    func take(_ input: MCPMachine.Input) {
        let isMine = lock.withLock { () -> Bool in
            for action in machine.step(input) { actions.append(action) }
            if isPerforming { return false }
            isPerforming = true
            return true
        }
        if isMine { perform() }
    }

    private func perform() {
        while let action = next() {
            switch action {
            case .send(let message, let id): transport.send(message, id: id, self)
            case .announce(let message, let version): transport.announce(message, version: version, self)
            case .forget(let id): transport.forget(id)
            case .answered(let id): transport.answered(id)
            case .progress(let number, let value): lock.withLock { waiting[number] }?.progress(value)
            case .settle(let number, let result):
                lock.withLock { waiting.removeValue(forKey: number) }?.answer(result)
            case .end: transport.end(self)
            }
        }
    }

    private func next() -> MCPMachine.Action? {
        lock.withLock {
            let action = actions.popFirst()
            if action == nil { isPerforming = false }
            return action
        }
    }

    /// The transport has let go of the server.
    func ended() {
        let told = lock.withLock { () -> (@Sendable () -> Void)? in
            defer { onEnd = nil }
            return onEnd
        }
        told?()
    }
}
