import Engine
import Values

/// A server at an address: each message is a request of HTTP, answered by a message or by a stream of events that has them
/// (Streamable HTTP, revisions 2025-03-26 and 2025-06-18).
///
/// The stream that a server may be asked to open for messages of its own is not: there is nothing that we offer a server.
final class MCPAddress: MCPTransport, @unchecked Sendable {
    // Sendable: `lock` guards what changes.
    /// Bytes of one answer, which may be a stream of many messages.
    static let maxAnswerBytes = 4 * MCPWire.maxMessageBytes
    /// Streams that stay open although what was asked has been answered: servers are to close them, and some do not.
    static let maxLingering = 8

    private let url: String
    private let headers: [MCPServer.Header]
    private let client: HTTPClient
    private let clock: any Clock
    private let permit: @Sendable (WebAddress) throws(AdapterError) -> Void
    private let lock = Lock()
    /// What the server calls the session; nil when it does not.
    private var sessionID: String?
    private var version: String?
    private var posts: [Int: MCPPost] = [:]
    private var lingering = Fifo<MCPPost>()
    private var isEnded = false

    init(_ url: String, _ headers: [MCPServer.Header], _ client: HTTPClient, _ call: EffectCall) {
        self.url = url
        self.headers = headers
        self.client = client
        clock = call.clock
        let allow = call.allow
        // A redirect leads to another server, which has to be granted as well.
        permit = { address throws(AdapterError) in try allow(.mcp(server: address.host)) }
    }

    func open(_ session: MCPSession) {}

    func send(_ message: [UInt8], id: Int?, _ session: MCPSession) {
        var request = request("POST")
        request.body = message
        guard let id else {
            // A server that does not take a notification has nothing to do with it.
            client.start(request) { _ in }
            return
        }
        let post = MCPPost(id, hasSession: request.headers.contains { $0.name == MCPAddress.sessionHeader }, session)
        let isLate = lock.withLock {
            if !isEnded { posts[id] = post }
            return isEnded
        }
        if isLate { return }
        request.onHead = { [self] status, headers in
            if (200..<300).contains(status) { learn(headers) }
            post.begin(status, headers)
        }
        request.onChunk = { _, bytes in post.take(bytes) }
        post.start(
            client.start(request) { [self] result in
                lock.withLock { posts[id] === post ? posts[id] = nil : () }
                // Only the first answer may name the session, and it may have no body.
                if case .success(let response) = result, (200..<300).contains(response.status) {
                    learn(response.headers)
                }
                post.end(result)
            })
    }

    func announce(_ message: [UInt8], version: String, _ session: MCPSession) {
        lock.withLock { self.version = version }
        var request = request("POST")
        request.body = message
        client.start(request) { result in
            switch result {
            case .failure(let error): session.take(.failed(error))
            case .success(let response):
                if let error = response.failure(isSafe: false) {
                    session.take(.failed(error))
                } else {
                    session.take(.announced)
                }
            }
        }
    }

    func forget(_ id: Int) { lock.withLock { posts.removeValue(forKey: id) }?.cancel() }

    func answered(_ id: Int) {
        let dropped = lock.withLock { () -> MCPPost? in
            guard let post = posts.removeValue(forKey: id) else { return nil }
            lingering.append(post)
            return lingering.count > MCPAddress.maxLingering ? lingering.popFirst() : nil
        }
        dropped?.cancel()
    }

    func end(_ session: MCPSession) {
        let (open, named) = lock.withLock { () -> ([MCPPost], Bool) in
            isEnded = true
            defer { (posts, lingering) = ([:], Fifo()) }
            return (posts.sorted { $0.key < $1.key }.map(\.value) + lingering.elements, sessionID != nil)
        }
        for post in open { post.cancel() }
        guard named else { return session.ended() }
        // A server may refuse (405), which leaves the session to it.
        client.start(request("DELETE")) { _ in session.ended() }
    }

    // MARK: Requests

    static let sessionHeader = "Mcp-Session-Id"

    private func request(_ method: String) -> HTTPRequest {
        let (sessionID, version) = lock.withLock { (self.sessionID, self.version) }
        var request = HTTPRequest(method, url, clock: clock)
        let own = ["accept", "content-type", "mcp-session-id", "mcp-protocol-version"]
        request.headers = headers.filter { !own.contains($0.name.lowercased()) }.map { ($0.name, $0.value) }
        if method == "POST" {
            request.headers += [
                ("Accept", "application/json, text/event-stream"), ("Content-Type", "application/json"),
            ]
        }
        if let sessionID { request.headers.append((MCPAddress.sessionHeader, sessionID)) }
        if let version { request.headers.append(("MCP-Protocol-Version", version)) }
        // A tool may take its time: how long is for the effect's own limit to say.
        (request.timeoutMs, request.idleMs) = (nil, nil)
        request.maxBytes = MCPAddress.maxAnswerBytes
        request.permit = permit
        return request
    }

    private func learn(_ headers: [(name: String, value: String)]) {
        guard let id = headers.first(where: { $0.name == "mcp-session-id" })?.value else { return }
        lock.withLock { if sessionID == nil { sessionID = id } }
    }
}

/// One request of a session on its way over HTTP, and its answer as it comes.
final class MCPPost: @unchecked Sendable {
    // Sendable: `lock` guards what changes; the answer comes on the client's one thread.
    private let id: Int
    private let session: MCPSession
    /// It said which session it belongs to.
    private let hasSession: Bool
    private let lock = Lock()
    private var stop: (@Sendable () -> Void)?
    private var isStopped = false
    private var events: ServerSentEvents?

    init(_ id: Int, hasSession: Bool, _ session: MCPSession) {
        self.id = id
        self.hasSession = hasSession
        self.session = session
    }

    func start(_ stop: @escaping @Sendable () -> Void) {
        let isLate = lock.withLock {
            self.stop = stop
            return isStopped
        }
        if isLate { stop() }
    }

    func cancel() {
        let stop = lock.withLock {
            isStopped = true
            return self.stop
        }
        stop?()
    }

    func begin(_ status: Int, _ headers: [(name: String, value: String)]) {
        guard (200..<300).contains(status), MCPPost.isStream(headers) else { return }
        lock.withLock { events = ServerSentEvents(maxEventBytes: MCPWire.maxMessageBytes) }
    }

    func take(_ bytes: [UInt8]) {
        let (found, isCut) = lock.withLock { () -> ([[UInt8]], Bool) in
            let found = events?.feed(bytes) ?? []
            return (found, events?.isCut ?? false)
        }
        if isCut {
            refuse(
                AdapterError(
                    .tooLarge,
                    "\(session.server.shown) sent a message of more than \(MCPWire.maxMessageBytes) bytes; ask for less"
                ))
            return cancel()
        }
        // An event without data only keeps the connection alive.
        for event in found where !event.isEmpty { read(event) }
    }

    func end(_ result: Result<HTTPResponse, AdapterError>) {
        switch result {
        case .failure(let error): refuse(error)
        case .success(let response) where response.status == 404 && hasSession:
            session.take(.retire)
            session.take(.refused(id: id, .gone))
        case .success(let response) where response.status >= 300: refuse(failure(response))
        case .success(let response):
            if !MCPPost.isStream(response.headers) {
                guard !response.body.isEmpty else {
                    return refuse(unanswered("it answered \(response.status) without a message"))
                }
                read(response.body)
            }
            // Nothing is made of this when the answer was among what came.
            refuse(unanswered("it ended its answer before the result came"))
        }
    }

    private static func isStream(_ headers: [(name: String, value: String)]) -> Bool {
        headers.contains { $0.name == "content-type" && $0.value.lowercased().hasPrefix("text/event-stream") }
    }

    private func read(_ bytes: [UInt8]) {
        switch session.read(bytes) {
        case .success(let value): session.take(.message(value))
        case .failure(let error): refuse(error)
        }
    }

    private func refuse(_ error: AdapterError) { session.take(.refused(id: id, .error(error))) }

    private func unanswered(_ what: String) -> AdapterError {
        AdapterError(.mcpProtocol, "\(session.server.shown) does not speak the protocol: \(what)")
    }

    /// What a status other than success means: in the server's own words, when it has some.
    private func failure(_ response: HTTPResponse) -> AdapterError {
        let host = (try? WebAddress(response.url).authority) ?? session.server.granted
        var error =
            response.failure(isSafe: false)
            ?? AdapterError(
                .http, "\(host) answered \(response.status), which is none of the protocol's: check the address",
                data: [.status(response.status)])
        if response.status == 405 || response.status == 404 {
            error.message = "\(host) has no MCP server of Streamable HTTP there (\(response.status)): check the address"
        }
        if case .success(let body) = session.read(response.body),
            case .error(_, let said)? = MCPWire.read(body)
        {
            error.message = "\(host) refused the request (\(response.status)): \(said.message)"
        }
        return error
    }
}
