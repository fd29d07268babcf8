import Values

/// A chat server that plays a script: one answer for each request, the last one for all further requests.
package final class FakeModelServer: Sendable {
    package enum Reply: Sendable {
        /// A completed answer with this content.
        case content(String, finishReason: String = "stop")
        /// The pieces of an answer as server-sent events.
        case stream([String])
        /// Pieces, and then the connection ends.
        case brokenStream([String])
        case toolCall(name: String, arguments: String)
        case status(Int, headers: [(String, String)] = [], body: String = "")
        /// An OpenAI error object.
        case error(Int, code: String, message: String)
        /// The announced length does not come.
        case droppedMidBody
        /// A complete HTTP answer whose JSON is not.
        case truncatedJSON
        case invalidJSON
        /// An answer that comes after so many milliseconds.
        case slow(ms: Int, content: String)
        case embeddings([[Double]])
    }

    private let server: LoopbackServer

    /// What `OPENAI_BASE_URL` is to be.
    package var baseURL: String { server.url + "/v1" }
    package var requests: [ServedRequest] { server.requests }

    package init(_ replies: [Reply]) {
        let script = Script(replies)
        server = LoopbackServer { request, connection in
            FakeModelServer.play(script.next(), connection)
        }
    }

    /// Answers with what `reply` makes of each request.
    package init(_ reply: @escaping @Sendable (ServedRequest) -> Reply) {
        server = LoopbackServer { request, connection in FakeModelServer.play(reply(request), connection) }
    }

    private final class Script: @unchecked Sendable {
        // Sendable: `lock` guards `left`.
        private let lock = Lock()
        private var left: [Reply]
        init(_ replies: [Reply]) { left = replies.reversed() }
        func next() -> Reply { lock.withLock { left.count > 1 ? left.removeLast() : left[0] } }
    }

    private static func play(_ reply: Reply, _ connection: ServerConnection) {
        let json = [("Content-Type", "application/json")]
        switch reply {
        case .content(let text, let reason): connection.respond(200, json, completion(text, reason))
        case .stream(let pieces): stream(pieces, connection, whole: true)
        case .brokenStream(let pieces): stream(pieces, connection, whole: false)
        case .toolCall(let name, let arguments):
            let call =
                #"{"id":"call_1","type":"function","function":{"name":\#(quote(name)),"arguments":\#(quote(arguments))}}"#
            connection.respond(
                200, json,
                #"{"id":"c","model":"fake","choices":[{"index":0,"finish_reason":"tool_calls","message":{"role":"assistant","content":null,"tool_calls":[\#(call)]}}]}"#
            )
        case .status(let status, let headers, let body): connection.respond(status, headers, body)
        case .error(let status, let code, let message):
            connection.respond(
                status, json,
                #"{"error":{"message":\#(quote(message)),"type":"invalid_request_error","code":\#(quote(code))}}"#)
        case .droppedMidBody:
            connection.head(200, json + [("Content-Length", "100000")])
            connection.send(#"{"id":"c","choices":[{"#)
            connection.close()
        case .truncatedJSON: connection.respond(200, json, #"{"id":"c","choices":[{"message":{"content":"half"#)
        case .invalidJSON: connection.respond(200, json, "<html>not what you asked for</html>")
        case .slow(let ms, let content):
            if connection.waitForClose(ms: Int32(ms)) { return connection.close() }
            connection.respond(200, json, completion(content, "stop"))
        case .embeddings(let vectors):
            let rows = vectors.enumerated().map { #"{"index":\#($0.offset),"embedding":\#($0.element)}"# }
            connection.respond(
                200, json,
                #"{"model":"fake-embed","data":[\#(rows.joined(separator: ","))],"usage":{"total_tokens":3}}"#)
        }
    }

    private static func completion(_ text: String, _ reason: String) -> String {
        #"{"id":"c","object":"chat.completion","model":"fake","choices":[{"index":0,"finish_reason":\#(quote(reason)),"message":{"role":"assistant","content":\#(quote(text))}}],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}"#
    }

    private static func stream(_ pieces: [String], _ connection: ServerConnection, whole: Bool) {
        connection.head(200, [("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked")])
        for piece in pieces {
            connection.chunk(
                #"data: {"id":"c","model":"fake","choices":[{"index":0,"delta":{"role":"assistant","content":\#(quote(piece))}}]}"#
                    + "\n\n")
        }
        guard whole else { return connection.close() }
        connection.chunk(
            #"data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"# + "\n\ndata: [DONE]\n\n")
        connection.chunk("")
    }

    /// A JSON string.
    package static func quote(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case _ where scalar.value < 32:
                let hex = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
