import Values

/// Chat completions and embeddings of any OpenAI-compatible server.
package final class ChatClient: Sendable {
    private let client: HTTPClient
    private let endpoint: ChatEndpoint
    private let json: JSONCodec
    private let wire: ChatWire

    package init(client: HTTPClient, endpoint: ChatEndpoint, json: JSONCodec, names: Names) {
        self.client = client
        self.endpoint = endpoint
        self.json = json
        wire = ChatWire(names: names)
    }

    /// Answers with `{:content :message :finish-reason :usage :model}`; reports `{:delta "…"}` while it streams.
    func chat(_ call: EffectCall, _ answer: @escaping Answer) -> (@Sendable () -> Void)? {
        do throws(AdapterError) {
            let params = call.params
            guard params.value(.messages) != nil else {
                throw .parameter("the parameter :messages is missing; give [{:role \"user\" :content \"…\"}]")
            }
            var body = try wire.body(params, ChatWire.chatParameters, defaults: [.model: .string(endpoint.model)])
            let wantsJSON = ChatClient.wantsJSON(params)
            if !params.flag(.isStream) {
                return send("chat/completions", body, call) { [endpoint, wire] result in
                    answer(
                        result.flatMap { body in
                            Result { () throws(AdapterError) in
                                let reply = try ChatReply(body, endpoint.host)
                                try reply.check(wantsJSON: wantsJSON)
                                return reply.value(wire)
                            }
                        })
                }
            }
            body.set(Value.string("stream"), .true)
            return stream(body, call, wantsJSON, answer)
        } catch {
            answer(.failure(error))
            return nil
        }
    }

    /// Answers with `{:embeddings [[…] …] :model :usage}`: one vector for each text of `:input`.
    func embed(_ call: EffectCall, _ answer: @escaping Answer) -> (@Sendable () -> Void)? {
        do throws(AdapterError) {
            guard call.params.value(.input) != nil else {
                throw .parameter("the parameter :input is missing; give a string or a vector of strings")
            }
            let body = try wire.body(
                call.params, ChatWire.embedParameters, defaults: [.model: .string(ChatEndpoint.publicEmbeddingModel)])
            return send("embeddings", body, call) { [endpoint, wire] result in
                answer(
                    result.flatMap { body in
                        Result { () throws(AdapterError) in try ChatClient.embeddings(body, endpoint, wire) }
                    })
            }
        } catch {
            answer(.failure(error))
            return nil
        }
    }

    private static func embeddings(_ body: Value, _ endpoint: ChatEndpoint, _ wire: ChatWire) throws(AdapterError)
        -> Value
    {
        let rows = body.field("data")?.elementsIfVector ?? []
        let vectors = rows.compactMap { $0.field("embedding") }
        guard !rows.isEmpty, vectors.count == rows.count else {
            throw AdapterError(
                .invalidJSON, "the answer of \(endpoint.host) has no data[].embedding: check OPENAI_BASE_URL",
                data: [.host(endpoint.host)])
        }
        var map = MapBuilder()
        map.set(.embeddings, .vector(vectors))
        map.set(.model, body.field("model"))
        map.set(.usage, body.field("usage").map { wire.incoming($0) })
        return map.value
    }

    static func wantsJSON(_ params: Params) -> Bool {
        guard case .map(let map)? = params.value(.responseFormat) else { return false }
        let type = (try? map.find(.kw(.type))) ?? (try? map.find(.string("type")))
        if case .keyword(let name)? = type { return name.name.hasPrefix("json") }
        return type?.stringValue?.hasPrefix("json") ?? false
    }

    private func request(_ path: String, _ body: MapBuilder, _ call: EffectCall) throws(AdapterError) -> HTTPRequest {
        var request = HTTPRequest("POST", endpoint.url(path), clock: call.clock)
        request.headers = [("Content-Type", "application/json")]
        if let key = endpoint.key { request.headers.append(("Authorization", "Bearer " + key.text)) }
        request.body = try json.encoding(body.value, "the request to the model")
        request.timeoutMs = try call.params.milliseconds(.timeoutMs, default: ChatEndpoint.timeoutMs)
        request.idleMs = ChatEndpoint.idleMs
        request.permit = { address throws(AdapterError) in try call.allow(address) }
        // Asking a model twice costs, but changes nothing.
        request.repeatable = true
        return request
    }

    private func send(
        _ path: String, _ body: MapBuilder, _ call: EffectCall,
        _ done: @escaping @Sendable (Result<Value, AdapterError>) -> Void
    ) -> (@Sendable () -> Void)? {
        do throws(AdapterError) {
            return client.start(try request(path, body, call)) { [endpoint, json] result in
                done(
                    result.flatMap { response in
                        Result { () throws(AdapterError) in
                            if !(200..<300).contains(response.status) {
                                throw ChatFailure.error(response, endpoint, json)
                            }
                            return try json.decoding(response.body, keywords: false, "the answer of \(endpoint.host)")
                        }
                    })
            }
        } catch {
            done(.failure(error))
            return nil
        }
    }

    private func stream(
        _ body: MapBuilder, _ call: EffectCall, _ wantsJSON: Bool, _ answer: @escaping Answer
    ) -> (@Sendable () -> Void)? {
        let pieces = Pieces()
        do throws(AdapterError) {
            var request = try request("chat/completions", body, call)
            request.headers.append(("Accept", "text/event-stream"))
            request.onChunk = { [endpoint, json] status, bytes in
                guard (200..<300).contains(status) else { return }
                for text in pieces.feed(bytes, endpoint, json) {
                    var map = MapBuilder()
                    map.set(.delta, .string(text))
                    call.progress(map.value)
                }
            }
            return client.start(request) { [endpoint, json, wire] result in
                answer(
                    Result { () throws(AdapterError) in
                        try ChatClient.finish(result, pieces, wantsJSON, endpoint, json).value(wire)
                    })
            }
        } catch {
            answer(.failure(error))
            return nil
        }
    }

    private static func finish(
        _ result: Result<HTTPResponse, AdapterError>, _ pieces: Pieces, _ wantsJSON: Bool, _ endpoint: ChatEndpoint,
        _ json: JSONCodec
    ) throws(AdapterError) -> ChatReply {
        let response: HTTPResponse
        switch result {
        case .success(let whole): response = whole
        case .failure(var error):
            if pieces.begun { error.retryable = false }
            throw error
        }
        if !(200..<300).contains(response.status) { throw ChatFailure.error(response, endpoint, json) }
        // Some servers answer a streaming request at once and whole.
        if !pieces.isStream, response.header("content-type")?.hasPrefix("text/event-stream") != true {
            let reply = try ChatReply(
                json.decoding(response.body, keywords: false, "the answer of \(endpoint.host)"), endpoint.host)
            try reply.check(wantsJSON: wantsJSON)
            return reply
        }
        let reply = try pieces.finish(endpoint.host)
        try reply.check(wantsJSON: wantsJSON)
        return reply
    }

    /// The stream's state, fed on the client's thread.
    private final class Pieces: @unchecked Sendable {
        // Sendable: `lock` guards `stream`.
        private let lock = Lock()
        private var stream = ChatStream()

        func feed(_ bytes: [UInt8], _ endpoint: ChatEndpoint, _ json: JSONCodec) -> [String] {
            lock.withLock { stream.feed(bytes, endpoint, json) }
        }

        var begun: Bool { lock.withLock { stream.begun } }
        var isStream: Bool { lock.withLock { stream.isStream } }

        func finish(_ host: String) throws(AdapterError) -> ChatReply {
            try lock.withLock { () throws(AdapterError) in try stream.finish(host) }
        }
    }
}
