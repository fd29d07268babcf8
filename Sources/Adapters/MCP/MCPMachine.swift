import Engine
import Values

/// One session with a server of the Model Context Protocol (P25): what is asked and what comes goes in, what is to be sent and
/// what became of each call comes out. Neither reads nor writes nor waits.
///
/// The first call opens the session: `initialize` goes out and everything else waits for its answer and for the notification
/// that follows it. From then on calls are under way at once, told apart by the ids of their requests.
struct MCPMachine: Sendable {
    /// Calls of one session that have not been answered: more are a loop that waits for nothing.
    static let maxCalls = 1_024
    /// Tools of one server, and pages of their list: a server that never ends one must not fill the memory.
    static let maxTools = 10_000
    static let maxPages = 1_000

    enum Operation: Sendable {
        /// - Parameter params: an object of JSON with the tool's name and its arguments.
        case call(tool: String, params: [UInt8])
        case tools
    }

    enum Input {
        /// A call, with a number that its submitter knows it by.
        case submit(Int, Operation)
        case cancel(Int)
        /// What `announce` asked for has reached the server.
        case announced
        /// One value of JSON from the server.
        case message(Value)
        /// The request with this id was not taken, or will have no answer.
        case refused(id: Int, MCPFailure)
        /// The server takes no new calls; those under way may end.
        case retire
        /// The server is gone, or does not speak the protocol.
        case failed(AdapterError)
        case close
    }

    enum Action {
        /// - Parameter id: of a request; nil for what is not answered.
        case send([UInt8], id: Int?)
        /// Send that the session is open, and say when it has been: `announced`.
        case announce([UInt8], version: String)
        /// Nobody waits for the answer to this request any more.
        case forget(id: Int)
        /// The request has its answer.
        case answered(id: Int)
        case progress(Int, Value)
        case settle(Int, Result<Value, MCPFailure>)
        /// Nothing more will be sent.
        case end
    }

    private enum Phase: Equatable {
        case new
        case greeting(id: Int)
        case announcing
        case open
        case closed
    }

    private struct Call {
        let operation: Operation
        /// The request under way.
        var id: Int?
        /// Of a list: what the pages so far had.
        var tools: [Value] = []
        var pages = 0
        var cursor: String?
    }

    private let wire: MCPWire
    /// How messages call the server: `the MCP server "npx"`.
    private let server: String
    private var phase = Phase.new
    private var isRetired = false
    private var nextID = 1
    private var calls: [Int: Call] = [:]
    /// The calls whose requests are under way, by request id.
    private var requests: [Int: Int] = [:]
    private var version: String?
    /// The names of the server's tools as it last told them.
    private var known: [String]?
    private var actions: [Action] = []

    init(_ wire: MCPWire, server: String) {
        self.wire = wire
        self.server = server
    }

    private var reply: MCPReply { MCPReply(server: server, names: wire.names, known: known) }

    mutating func step(_ input: Input) -> [Action] {
        actions = []
        switch input {
        case .submit(let number, let operation): submit(number, operation)
        case .cancel(let number): cancel(number)
        case .announced: if phase == .announcing { open() }
        case .message(let value): if phase != .closed { take(value) }
        case .refused(let id, let failure): refused(id, failure)
        case .retire: isRetired = true
        case .failed(let error): end(.error(error))
        case .close: end(.error(.cancelled))
        }
        if isRetired, calls.isEmpty { end(.gone) }
        return actions
    }

    // MARK: Calls

    private mutating func submit(_ number: Int, _ operation: Operation) {
        guard phase != .closed, !isRetired else { return settle(number, .failure(.gone)) }
        guard calls.count < MCPMachine.maxCalls else {
            return settle(
                number,
                .failure(
                    .error(
                        AdapterError(
                            .rateLimited,
                            "\(server) has \(MCPMachine.maxCalls) calls that it has not answered; make fewer at once",
                            retryable: true))))
        }
        calls[number] = Call(operation: operation)
        switch phase {
        case .new:
            let id = takeID()
            phase = .greeting(id: id)
            actions.append(.send(wire.greeting(id), id: id))
        case .open: send(number)
        default: return
        }
    }

    private mutating func takeID() -> Int {
        defer { nextID += 1 }
        return nextID
    }

    /// Sends the next request of a call.
    private mutating func send(_ number: Int) {
        guard let call = calls[number] else { return }
        let id = takeID()
        calls[number]?.id = id
        requests[id] = number
        switch call.operation {
        case .call(_, let params): actions.append(.send(wire.call(id, params), id: id))
        case .tools: actions.append(.send(wire.list(id, after: call.cursor), id: id))
        }
    }

    private mutating func cancel(_ number: Int) {
        guard let call = calls[number] else { return }
        if let id = call.id {
            requests[id] = nil
            actions.append(.send(wire.cancellation(of: id), id: nil))
            actions.append(.forget(id: id))
        }
        settle(number, .failure(.error(.cancelled)))
        // A server that has not even greeted may never do so, and nobody waits for it.
        if calls.isEmpty, phase != .open, phase != .closed { end(.gone) }
    }

    private mutating func settle(_ number: Int, _ result: Result<Value, MCPFailure>) {
        calls[number] = nil
        actions.append(.settle(number, result))
    }

    private mutating func end(_ why: MCPFailure) {
        guard phase != .closed else { return }
        phase = .closed
        requests = [:]
        for number in calls.keys.sorted() { settle(number, .failure(why)) }
        actions.append(.end)
    }

    private mutating func violated(_ what: String) {
        end(.error(AdapterError(.mcpProtocol, "\(server) does not speak the protocol: \(what)")))
    }

    // MARK: Messages

    private mutating func take(_ value: Value) {
        if case .vector(let batch) = value, version == MCPWire.batchingVersion {
            for element in batch.elements where phase != .closed { takeOne(element) }
        } else {
            takeOne(value)
        }
    }

    private mutating func takeOne(_ value: Value) {
        switch MCPWire.read(value) {
        case nil: violated("it sent \(value.briefly), which is no message of JSON-RPC")
        case .result(let id, let result): answered(id, .success(result))
        case .error(let id, let error): answered(id, .failure(error))
        case .request(let id, let method):
            if let answer = wire.answer(to: method, id) { actions.append(.send(answer, id: nil)) }
        case .notification("notifications/progress", let params):
            guard let token = params.field("progressToken")?.intValue, let number = requests[Int(token)],
                let progress = MCPReply.progress(params)
            else { return }
            actions.append(.progress(number, progress))
        case .notification("notifications/tools/list_changed", _): known = nil
        case .notification: return
        }
    }

    private mutating func answered(_ id: Value, _ result: Result<Value, MCPWire.RPCError>) {
        guard let number = id.intValue, number > 0, number < nextID else {
            if id.isNil, case .failure(let error) = result {
                return violated("it understood none of a message: \(error.message) (\(error.code))")
            }
            return violated("it answered a request that was never made, with the id \(ValueKey.shown(id))")
        }
        let id = Int(number)
        if phase == .greeting(id: id) { return greeted(result) }
        // An answer to what was cancelled meanwhile is late, and no mistake.
        guard let call = requests.removeValue(forKey: id) else { return }
        actions.append(.answered(id: id))
        switch (calls[call]?.operation, result) {
        case (.call(let tool, _), .success(let result)):
            settle(call, reply.result(of: tool, result).mapError { .error($0) })
        case (.call(let tool, _), .failure(let error)): settle(call, .failure(.error(reply.error(error, tool: tool))))
        case (.tools, .success(let page)): listed(call, page)
        case (.tools, .failure(let error)): settle(call, .failure(.error(reply.error(error, tool: nil))))
        case (nil, _): return
        }
    }

    private mutating func greeted(_ result: Result<Value, MCPWire.RPCError>) {
        switch result {
        case .failure(let error): end(.error(reply.error(error, tool: nil)))
        case .success(let result):
            guard let version = result.field("protocolVersion")?.stringValue else {
                return violated("its answer to initialize has no protocolVersion")
            }
            guard MCPWire.versions.contains(version) else {
                return end(
                    .error(
                        AdapterError(
                            .mcpProtocol,
                            "\(server) speaks the protocol's revision \(quoted(version)), but known are \(MCPWire.versions.joined(separator: ", ")); use another version of the server"
                        )))
            }
            self.version = version
            phase = .announcing
            actions.append(.announce(wire.notification("notifications/initialized"), version: version))
        }
    }

    private mutating func open() {
        phase = .open
        for number in calls.keys.sorted() { send(number) }
    }

    /// Takes a page of tools, and asks for the next.
    private mutating func listed(_ number: Int, _ page: Value) {
        guard var call = calls[number] else { return }
        func refuse(_ what: String) -> Result<Value, MCPFailure> {
            .failure(.error(AdapterError(.mcpProtocol, "\(server) does not speak the protocol: \(what)")))
        }
        guard let tools = page.field("tools")?.elementsIfVector else {
            return settle(number, refuse("its list has no tools"))
        }
        let read = tools.compactMap { reply.tool($0) }
        guard read.count == tools.count else { return settle(number, refuse("a tool of its list has no name")) }
        call.tools += read
        call.pages += 1
        let next = page.field("nextCursor")?.stringValue
        if let next {
            guard call.pages < MCPMachine.maxPages, call.tools.count <= MCPMachine.maxTools, next != call.cursor else {
                return settle(number, refuse("its list of tools does not end"))
            }
            call.cursor = next
            calls[number] = call
            return send(number)
        }
        known = call.tools.compactMap { Params($0.mapIfMap).value(.name)?.stringValue }
        settle(number, .success(.vector(call.tools)))
    }

    private mutating func refused(_ id: Int, _ failure: MCPFailure) {
        if phase == .greeting(id: id) { return end(failure) }
        guard let call = requests.removeValue(forKey: id) else { return }
        settle(call, .failure(failure))
    }
}

/// Why a call came to nothing.
enum MCPFailure: Error, Equatable, Sendable {
    /// The session had ended before the call reached the server: another session may take it.
    case gone
    case error(AdapterError)
}

extension Value {
    fileprivate var mapIfMap: HashMap { if case .map(let map) = self { map } else { HashMap() } }
}
