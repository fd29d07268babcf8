import TestSupport
import Testing
import Values

@testable import Adapters

@Suite struct ChatTests {
    let client = HTTPClient()
    let names = Names()
    static let key = "sk-very-secret-0123456789"

    private func effects(_ server: FakeModelServer) -> [AdapterEffect] {
        let endpoint = ChatEndpoint(baseURL: server.baseURL, key: APIKey(ChatTests.key), model: "usual-model")
        return ChatEffects(client: client, endpoint: endpoint, json: testJSON(names), names: names).all
    }

    private func say(_ text: String, role: String = "user") -> Value {
        .map(map([.role: .string(role), .content: .string(text)]))
    }

    private func chat(
        _ server: FakeModelServer, _ more: [KnownName: Value] = [:],
        progress: @escaping @Sendable (Value) -> Void = { _ in }
    ) async throws(AdapterError) -> Value {
        var params = more
        if params[.messages] == nil { params[.messages] = .vector([say("hello")]) }
        return try await perform(effects(server), "llm/chat", params, progress: progress)
    }

    private func error(_ reply: FakeModelServer.Reply, _ more: [KnownName: Value] = [:]) async -> AdapterError? {
        let server = FakeModelServer([reply])
        return await failure { () async throws(AdapterError) in try await chat(server, more) }
    }

    @Test("P25: an answer with its parts, asked with key and model") func answer() async throws {
        let server = FakeModelServer([.content("hi there")])
        let reply = try await chat(server)
        #expect(reply[.content].stringValue == "hi there")
        #expect(reply[.message][.role].stringValue == "assistant")
        #expect(reply[.finishReason].stringValue == "stop")
        #expect(reply[.usage][.promptTokens].intValue == 7)
        #expect(reply[.model].stringValue == "fake")
        let request = try #require(server.requests.first)
        #expect(request.path == "/v1/chat/completions")
        #expect(request.headers["authorization"] == "Bearer " + ChatTests.key)
        #expect(request.text == #"{"model":"usual-model","messages":[{"content":"hello","role":"user"}]}"#)
    }

    @Test("P25: the parameters are passed on under the protocol's names, and nothing else") func parameters()
        async throws
    {
        let server = FakeModelServer([.content("x")])
        let schema = map([.type: .string("object"), .maxTokens: .string("the script's own name")])
        let function = map([.name: .string("f"), .parameters: .map(schema)])
        _ = try await chat(
            server,
            [
                .model: .string("m"), .temperature: .double(0.5), .maxTokens: .int(9), .toolChoice: .string("auto"),
                .tools: .vector([.map(map([.type: .string("function"), .function: .map(function)]))]),
                .responseFormat: .map(map([.type: .kw(.text)])), .path: .string("not passed on"),
                .timeoutMs: .int(5_000),
            ])
        let expected =
            #"{"model":"m","messages":[{"content":"hello","role":"user"}],"#
            + #""tools":[{"function":{"name":"f","parameters":{"max-tokens":"the script's own name","type":"object"}},"type":"function"}],"#
            + #""tool_choice":"auto","temperature":0.5,"max_tokens":9,"response_format":{"type":"text"}}"#
        #expect(server.requests.first?.text == expected)
    }

    @Test("A tool call comes back with the language's names and can be sent back as it is") func tools() async throws {
        let server = FakeModelServer([.toolCall(name: "look", arguments: #"{"q":1}"#), .content("done")])
        let reply = try await chat(server)
        #expect(reply[.content].isNil)
        #expect(reply[.finishReason].stringValue == "tool_calls")
        let call = try #require(try reply[.message].mapValue.find(names.keyword("tool-calls"))?.elementsIfVector?.first)
        #expect(call[.function][.name].stringValue == "look")
        _ = try await chat(server, [.messages: .vector([say("hello"), reply[.message]])])
        #expect(server.requests.last?.text.contains(#""tool_calls":[{"id":"call_1""#) == true)
    }

    @Test("Streaming reports the pieces and answers with the whole") func stream() async throws {
        let server = FakeModelServer([.stream(["Hel", "lo ", "wörld"])])
        let pieces = Gathered<String>()
        let reply = try await chat(server, [.isStream: .true], progress: { pieces.add($0[.delta].stringValue ?? "") })
        #expect(reply[.content].stringValue == "Hello wörld")
        #expect(reply[.finishReason].stringValue == "stop")
        #expect(pieces.all == ["Hel", "lo ", "wörld"])
        #expect(server.requests.first?.text.hasSuffix(#""stream":true}"#) == true)
    }

    @Test("A server that does not stream is understood too") func unstreamed() async throws {
        #expect(
            try await chat(FakeModelServer([.content("whole")]), [.isStream: .true])[.content].stringValue == "whole")
    }

    @Test(
        "Refusals are typed, and worth another try only where that helps",
        arguments: [
            (
                .error(401, code: "invalid_api_key", message: "Incorrect API key provided: \(key)"), .unauthorized,
                false, nil
            ),
            (.status(403), .unauthorized, false, nil), (.status(404), .modelNotFound, false, nil),
            (.status(429, headers: [("Retry-After", "2")]), .rateLimited, true, 2_000),
            (.status(429), .rateLimited, true, nil),
            (.error(429, code: "insufficient_quota", message: "m"), .quotaExceeded, false, nil),
            (.status(500), .unavailable, true, nil),
            (.status(503, headers: [("Retry-After", "1")]), .unavailable, true, 1_000),
            (.error(400, code: "context_length_exceeded", message: "m"), .contextLength, false, nil),
            (
                .error(400, code: "", message: "This model's maximum context length is 8 tokens"), .contextLength,
                false, nil
            ),
            (.error(400, code: "content_filter", message: "m"), .contentFilter, false, nil),
            (.error(400, code: "other", message: "bad \(key)"), .badRequest, false, nil),
            (.content("", finishReason: "content_filter"), .contentFilter, false, nil),
            (.droppedMidBody, .connectionDropped, true, nil), (.truncatedJSON, .truncatedJSON, true, nil),
            (.invalidJSON, .invalidJSON, false, nil), (.status(200, body: "{}"), .invalidJSON, false, nil),
        ] as [(FakeModelServer.Reply, AdapterCode, Bool, Int64?)])
    func refusals(_ reply: FakeModelServer.Reply, _ code: AdapterCode, _ retryable: Bool, _ wait: Int64?) async {
        for more in [[:], [.isStream: .true]] as [[KnownName: Value]] {
            // A stream that is one JSON text in pieces is a server's whole answer.
            let found = await error(reply, more)
            #expect(found?.code == code, "\(found?.message ?? "")")
            #expect(found?.retryable == retryable)
            #expect(found?.retryAfterMs == wait)
            #expect(found.map { "\($0)".contains(ChatTests.key) } == false, "the key shows")
        }
    }

    @Test("A stream that breaks off is an error, repeatable only before anything was shown") func brokenStream() async {
        let before = await error(.brokenStream([]), [.isStream: .true])
        #expect(before?.code == .connectionDropped && before?.retryable == true)
        let after = await error(.brokenStream(["some"]), [.isStream: .true])
        #expect(after?.code == .connectionDropped && after?.retryable == false)
    }

    @Test("JSON that the model could not finish is no answer") func unfinishedJSON() async {
        let format: [KnownName: Value] = [.responseFormat: .map(map([.type: .string("json_object")]))]
        let found = await error(.content(#"{"a":"#, finishReason: "length"), format)
        #expect(found?.code == .truncatedJSON)
        #expect(found?.message.contains(":max-tokens") == true)
    }

    @Test("Messages may be any realised sequence") func sequences() async throws {
        let server = FakeModelServer([.content("x")])
        _ = try await chat(server, [.messages: .list([say("a"), say("b", role: "assistant")])])
        let expected = #""messages":[{"content":"a","role":"user"},{"content":"b","role":"assistant"}]"#
        #expect(server.requests.first?.text.contains(expected) == true)
    }

    @Test("Too slow") func slow() async throws {
        let found = await error(.slow(ms: 8_000, content: "late"), [.timeoutMs: .int(100)])
        #expect(found?.code == .timeout)
    }

    @Test("The server is asked for first; missing messages are said") func needs() async {
        let server = FakeModelServer([.content("x")])
        let refused = await failure { () async throws(AdapterError) in
            try await perform(
                effects(server), "llm/chat", [.messages: .vector([say("x")])],
                allow: { _ throws(AdapterError) in throw AdapterError(.permissionDenied, "no") })
        }
        #expect(refused?.code == .permissionDenied)
        #expect(server.requests.isEmpty)
        let missing = await failure { () async throws(AdapterError) in
            try await perform(effects(server), "llm/chat", [:])
        }
        #expect(missing?.message.contains(":messages is missing") == true)
    }

    @Test("P25: embeddings") func embed() async throws {
        let server = FakeModelServer([.embeddings([[0.5, 1], [0.25, 2]])])
        let reply = try await perform(effects(server), "llm/embed", [.input: .vector([.string("a"), .string("b")])])
        let rows = reply[.embeddings].elementsIfVector ?? []
        #expect(rows.count == 2)
        if case .double(let number)? = rows.last?.elementsIfVector?.first {
            #expect(number == 0.25)
        } else {
            Issue.record("no number")
        }
        #expect(server.requests.first?.path == "/v1/embeddings")
        #expect(server.requests.first?.text == #"{"model":"text-embedding-3-small","input":["a","b"]}"#)
    }

    @Test(
        "P2: the environment configures; without any of it, offline",
        arguments: [
            ([:], nil, nil), (["OPENAI_API_KEY": "k"], "https://api.openai.com/v1", "gpt-4o-mini"),
            (["OPENAI_BASE_URL": "http://h/v1", "OPENAI_MODEL": "m"], "http://h/v1", "m"),
            (["OPENAI_MODEL": "m"], nil, nil),
        ] as [([String: String], String?, String?)]) func environment(
            _ set: [String: String], _ url: String?, _ model: String?
        )
    {
        let endpoint = ChatEndpoint.fromEnvironment { set[$0] }
        #expect(endpoint?.baseURL == url)
        #expect(endpoint?.model == model)
    }

    @Test("A key never shows") func secret() {
        let endpoint = ChatEndpoint(baseURL: "http://h", key: APIKey("hidden-key"))
        var dumped = ""
        dump(endpoint, to: &dumped)
        #expect(
            !"\(endpoint)".contains("hidden-key") && !String(reflecting: endpoint).contains("hidden-key")
                && !dumped.contains("hidden-key"))
        #expect(APIKey("hidden-key").hidden(in: "a hidden-key b hidden-key") == "a #<secret> b #<secret>")
    }
}

@Suite struct ServerSentEventsTests {
    /// The first two are the examples of the standard.
    @Test(
        "Events are read as the standard says, in whatever pieces they come",
        arguments: [
            ("data: YHOO\ndata: +2\ndata: 10\n\n", ["YHOO\n+2\n10"]),
            (
                ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
                ["first event", "second event", " third event"]
            ),
            ("data\n\ndata\ndata\n\ndata:", ["", "\n"]), ("data: a\r\n\r\ndata: b\r\rdata: c\n\n", ["a", "b", "c"]),
            ("\u{feff}data: bom\n\n", ["bom"]), ("event: x\n\n", []), ("data: ü{\"a\":1}\n\n", ["ü{\"a\":1}"]),
        ]) func standard(_ text: String, _ expected: [String])
    {
        for size in [1, 2, 3, 1_000] {
            var events = ServerSentEvents()
            var found: [String] = []
            var rest = Array(text.utf8)[...]
            while !rest.isEmpty {
                found += events.feed(Array(rest.prefix(size))).map { String(decoding: $0, as: UTF8.self) }
                rest = rest.dropFirst(size)
            }
            #expect(found == expected)
        }
    }
}

@Suite struct OfflineChatTests {
    let names = Names()
    static let note = """
        # Rivers of *Norway*

        The Glomma is the longest river of Norway. It flows south through the valley. Salmon come back each summer.

        Salmon need cold rivers; rivers need snow.
        """

    private func ask(_ messages: [(String, String)], _ more: [KnownName: Value] = [:]) async throws(AdapterError)
        -> Value
    {
        var params = more
        params[.messages] = .vector(messages.map { .map(map([.role: .string($0.0), .content: .string($0.1)])) })
        let effects = ChatEffects(client: HTTPClient(), endpoint: nil, json: testJSON(names), names: names).all
        return try await perform(effects, "llm/chat", params)
    }

    private func json(_ reply: Value) throws -> Value {
        try testJSON(names).decode(Array((reply[.content].stringValue ?? "").utf8), false)
    }

    @Test("P2: without a key or an address the answer is extracted, marked, and the same each time") func extracted()
        async throws
    {
        let reply = try await ask([("system", "Answer with JSON."), ("user", OfflineChatTests.note)])
        #expect(reply[.model].stringValue == "offline-extractive")
        #expect(reply[.finishReason].stringValue == "stop")
        let answer = try json(reply)
        #expect(answer["title"].stringValue == "Rivers of Norway")
        #expect(
            answer["summary"].stringValue
                == "The Glomma is the longest river of Norway. It flows south through the valley.")
        #expect(answer["tags"].strings == ["rivers", "norway", "salmon", "glomma", "longest"])
        #expect(answer["offline"].isTruthy)
        let again = try await ask([
            ("system", "Answer with JSON."), ("user", OfflineChatTests.note), ("user", "That was wrong."),
        ])
        #expect(again[.content].stringValue == reply[.content].stringValue)
    }

    @Test("Without JSON asked for, text") func text() async throws {
        let reply = try await ask([("user", "One sentence. Two of them! Three?")])
        #expect(reply[.content].stringValue == "One sentence. Two of them! Three?\n\nOne sentence. Two of them!")
    }

    @Test("A schema is filled by names and types") func schema() async throws {
        var properties = MapBuilder()
        let types: [(String, KnownName)] = [("headline", .text), ("abstract", .text)]
        for (name, _) in types { properties.set(names.keyword(name), .map(map([.type: .string("string")]))) }
        properties.set(names.keyword("score"), .map(map([.type: .string("integer")])))
        properties.set(names.keyword("labels"), .map(map([.type: .string("array")])))
        var shape = MapBuilder()
        shape.set(names.keyword("properties"), properties.value)
        var wrapped = MapBuilder()
        wrapped.set(Value.kw(.schema), shape.value)
        var format = MapBuilder()
        format.set(Value.kw(.type), .string("json_schema"))
        format.set(names.keyword("json-schema"), wrapped.value)
        let answer = try json(try await ask([("user", OfflineChatTests.note)], [.responseFormat: format.value]))
        #expect(answer["headline"].stringValue == "Rivers of Norway")
        #expect(answer["abstract"].stringValue?.hasPrefix("The Glomma") == true)
        #expect(answer["score"].intValue == 0)
        #expect(answer["labels"].strings.first == "rivers")
        #expect(answer["offline"].isTruthy)
    }

    @Test("Nothing to extract is no error", arguments: ["", "\n\n", "###", "…"]) func empty(_ text: String) async throws
    {
        #expect(
            try await ask([("user", text)], [.responseFormat: .map(map([.type: .string("json_object")]))])[.model]
                .stringValue == OfflineChat.model)
    }

    @Test("Embeddings offline: of length one, equal for equal texts, near for near ones") func embed() async throws {
        let effects = ChatEffects(client: HTTPClient(), endpoint: nil, json: testJSON(names), names: names).all
        let texts = ["salmon in cold rivers", "cold rivers, salmon", "a tax form"]
        let reply = try await perform(effects, "llm/embed", [.input: .vector(texts.map { .string($0) })])
        let vectors = (reply[.embeddings].elementsIfVector ?? []).map { row in
            (row.elementsIfVector ?? []).map { if case .double(let number) = $0 { number } else { Double.nan } }
        }
        let product = { (a: Int, b: Int) in zip(vectors[a], vectors[b]).reduce(0) { $0 + $1.0 * $1.1 } }
        #expect(abs(product(0, 0) - 1) < 1e-9)
        #expect(product(0, 1) > 0.7)
        #expect(product(0, 2) < product(0, 1))
    }
}
