import Values

/// An answer of a chat model, whole or put together from a stream.
struct ChatReply {
    var message: Value
    var finishReason: String?
    var usage: Value?
    var model: String?

    /// Reads the body of a completed answer.
    init(_ body: Value, _ host: String) throws(AdapterError) {
        guard let choice = body.field("choices")?.elementsIfVector?.first, let message = choice.field("message") else {
            throw AdapterError(
                .invalidJSON,
                "the answer of \(host) has no choices[0].message: is it an OpenAI-compatible server? check OPENAI_BASE_URL",
                data: [.host(host)])
        }
        self.message = message
        finishReason = choice.field("finish_reason")?.stringValue
        usage = body.field("usage")
        model = body.field("model")?.stringValue
    }

    init(message: Value, finishReason: String?, usage: Value?, model: String?) {
        self.message = message
        self.finishReason = finishReason
        self.usage = usage
        self.model = model
    }

    /// `{:content :message :finish-reason :usage :model}`.
    func value(_ wire: ChatWire) -> Value {
        var map = MapBuilder()
        map.set(Value.kw(.content), message.field("content") ?? .nil)
        map.set(.message, wire.incoming(message))
        map.set(.finishReason, finishReason.map { .string($0) })
        map.set(.usage, usage.map { wire.incoming($0) })
        map.set(.model, model.map { .string($0) })
        return map.value
    }

    /// Refuses what must not pass for an answer.
    func check(wantsJSON: Bool) throws(AdapterError) {
        if finishReason == "content_filter" { throw ChatFailure.filtered() }
        if finishReason == "length", wantsJSON {
            throw AdapterError(
                .truncatedJSON, "the model reached its limit in the middle of its JSON: raise :max-tokens",
                data: [.body(String((message.field("content")?.stringValue ?? "").prefix(200)))])
        }
    }
}

/// Puts a streamed answer together from its pieces.
struct ChatStream {
    private var events = ServerSentEvents()
    private var content = ""
    private var hasContent = false
    private var role = "assistant"
    private var calls: [(id: String, name: String, arguments: String)] = []
    private var finishReason: String?
    private var usage: Value?
    private var model: String?
    private var ended = false
    private(set) var failure: AdapterError?
    /// At least one event came, so the server does stream.
    private(set) var isStream = false
    /// Something of the answer was shown: repeating the request would show it twice.
    private(set) var begun = false

    /// The texts that `bytes` add to the answer.
    mutating func feed(_ bytes: [UInt8], _ endpoint: ChatEndpoint, _ json: JSONCodec) -> [String] {
        var added: [String] = []
        for event in events.feed(bytes) where failure == nil && !ended {
            isStream = true
            if event.elementsEqual("[DONE]".utf8) {
                ended = true
                break
            }
            do throws(AdapterError) {
                let piece = try json.decoding(event, keywords: false, "a piece of the answer of \(endpoint.host)")
                if let error = piece.field("error") {
                    failure = ChatFailure.inStream(error, endpoint, begun: begun)
                } else if let text = take(piece) {
                    added.append(text)
                }
            } catch {
                failure = error
                // A complete event that is cut short will be so again.
                failure?.retryable = false
            }
        }
        return added
    }

    private mutating func take(_ piece: Value) -> String? {
        if let usage = piece.field("usage") { self.usage = usage }
        if let model = piece.field("model")?.stringValue { self.model = model }
        guard let choice = piece.field("choices")?.elementsIfVector?.first else { return nil }
        if let reason = choice.field("finish_reason")?.stringValue { finishReason = reason }
        guard let delta = choice.field("delta") else { return nil }
        if let role = delta.field("role")?.stringValue { self.role = role }
        for call in delta.field("tool_calls")?.elementsIfVector ?? [] { take(call: call) }
        guard let text = delta.field("content")?.stringValue else { return nil }
        hasContent = true
        if text.isEmpty { return nil }
        content += text
        begun = true
        return text
    }

    private mutating func take(call: Value) {
        // Bounded: the index is the server's.
        guard let index = call.field("index")?.intValue ?? Int64(exactly: calls.count), (0..<256).contains(index) else {
            return
        }
        while calls.count <= Int(index) { calls.append(("", "", "")) }
        begun = true
        if let id = call.field("id")?.stringValue { calls[Int(index)].id = id }
        if let name = call.field("function")?.field("name")?.stringValue { calls[Int(index)].name += name }
        if let more = call.field("function")?.field("arguments")?.stringValue { calls[Int(index)].arguments += more }
    }

    /// The whole answer, once the connection has ended.
    func finish(_ host: String) throws(AdapterError) -> ChatReply {
        if let failure { throw failure }
        guard ended || finishReason != nil else {
            throw AdapterError(
                .connectionDropped, "\(host) ended its answer in the middle: try again", retryable: !begun,
                data: [.host(host)])
        }
        var message = MapBuilder()
        message.set(Value.string("role"), .string(role))
        message.set(Value.string("content"), hasContent ? .string(content) : .nil)
        if !calls.isEmpty {
            message.set(
                Value.string("tool_calls"),
                .vector(
                    calls.map { call in
                        var function = MapBuilder()
                        function.set(Value.string("name"), .string(call.name))
                        function.set(Value.string("arguments"), .string(call.arguments))
                        var map = MapBuilder()
                        map.set(Value.string("id"), .string(call.id))
                        map.set(Value.string("type"), .string("function"))
                        map.set(Value.string("function"), function.value)
                        return map.value
                    }))
        }
        return ChatReply(message: message.value, finishReason: finishReason, usage: usage, model: model)
    }
}
