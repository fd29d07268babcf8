import Engine
import TestSupport
import Testing
import Values

@testable import Adapters

/// Servers at an address: what goes over HTTP is that of the specification's Streamable HTTP, revision 2025-06-18.
@Suite struct MCPAddressTests {
    let names = Names()
    let mcp: MCPEffects

    init() { mcp = MCPEffects(client: HTTPClient(), json: testJSON(names), names: names) }

    /// A server as the specification has it, which a test may have do otherwise.
    private final class Scripted: Sendable {
        let server: LoopbackServer
        /// `id` of each message of JSON-RPC that was read.
        private let json: JSONCodec

        /// - Parameters:
        ///   - isStream: answers are streams of events.
        ///   - session: what the session is called.
        ///   - tool: answers `tools/call` in another way; true when it has.
        init(
            _ names: Names, isStream: Bool = false, session: String? = "s-1",
            _ tool: @escaping @Sendable (Heard, ServerConnection) -> Bool = { _, _ in false }
        ) {
            let json = testJSON(names)
            self.json = json
            let sessions = Gathered<String>()
            server = LoopbackServer { request, connection in
                guard request.method == "POST" else { return connection.respond(200) }
                guard let value = try? json.decode(request.body, false) else { return connection.respond(400) }
                let heard = Heard(request, value)
                guard let id = heard.id else { return connection.respond(202) }
                if tool(heard, connection) { return }
                var headers: [(String, String)] = []
                let result: String
                if heard.method == "initialize" {
                    result =
                        #"{"protocolVersion":"2025-06-18","capabilities":{},"serverInfo":{"name":"s","version":"1"}}"#
                    if session != nil {
                        sessions.add("one more")
                        headers = [("Mcp-Session-Id", "s-\(sessions.all.count)")]
                    }
                } else {
                    result = #"{"content":[{"type":"text","text":"\#(heard.text)"}]}"#
                }
                Scripted.answer(connection, headers, #"{"jsonrpc":"2.0","id":\#(id),"result":\#(result)}"#, isStream)
            }
        }

        static func answer(
            _ connection: ServerConnection, _ headers: [(String, String)], _ message: String, _ isStream: Bool
        ) {
            guard isStream else {
                return connection.respond(200, headers + [("Content-Type", "application/json")], message)
            }
            connection.head(
                200, headers + [("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked")])
            // Servers may open with an event of no data, for the sake of its id.
            connection.chunk("id: 1\ndata: \n\n")
            connection.chunk("event: message\r\ndata: \(message)\r\n\r\n")
            connection.chunk("")
        }

        struct Heard: Sendable {
            let request: ServedRequest
            let method: String
            let id: Int64?
            let text: String

            init(_ request: ServedRequest, _ value: Value) {
                self.request = request
                method = value.field("method")?.stringValue ?? ""
                id = value.field("id")?.intValue
                text = value.field("params")?.field("arguments")?.field("text")?.stringValue ?? ""
            }
        }

        var heard: [Heard] {
            server.requests.map { Heard($0, (try? json.decode($0.body, false)) ?? .nil) }
        }
    }

    private func call(_ server: Value, _ text: String = "") async throws(AdapterError) -> Value {
        try await perform(
            mcp.all, "mcp/call",
            [.server: server, .tool: .string("echo"), .arguments: .map(map([.text: .string(text)]))])
    }

    private func error(_ server: Value) async -> AdapterError? {
        await failure { () async throws(AdapterError) in try await call(server) }
    }

    @Test(
        "P25: messages are posted, answered as JSON or as events, and the session is named", arguments: [false, true])
    func posts(_ isStream: Bool) async throws {
        let scripted = Scripted(names, isStream: isStream)
        let url = scripted.server.url + "/mcp"
        #expect(try await call(.string(url), "one")[.text].stringValue == "one")
        #expect(try await call(.string(url), "two")[.text].stringValue == "two")
        await mcp.end()
        let heard = scripted.heard
        #expect(
            heard.map { "\($0.request.method) \($0.method)" } == [
                "POST initialize", "POST notifications/initialized", "POST tools/call", "POST tools/call", "DELETE ",
            ])
        for (index, one) in heard.enumerated() {
            #expect(one.request.path == "/mcp")
            #expect(one.request.headers["mcp-session-id"] == (index == 0 ? nil : "s-1"))
            #expect(one.request.headers["mcp-protocol-version"] == (index == 0 ? nil : "2025-06-18"))
            guard one.request.method == "POST" else { continue }
            #expect(one.request.headers["accept"] == "application/json, text/event-stream")
            #expect(one.request.headers["content-type"] == "application/json")
        }
        #expect(mcp.count == 0)
    }

    @Test("A server without sessions gets no name and no DELETE; headers of the server's own go along") func stateless()
        async throws
    {
        let scripted = Scripted(names, session: nil)
        var server = MapBuilder()
        server.set(.url, .string(scripted.server.url))
        var headers = MapBuilder()
        headers.set(.string("Authorization"), .string("Bearer t"))
        headers.set(.string("accept"), .string("text/html"))
        server.set(.headers, headers.value)
        #expect(try await call(server.value, "x")[.text].stringValue == "x")
        await mcp.end()
        #expect(scripted.heard.map(\.method) == ["initialize", "notifications/initialized", "tools/call"])
        for one in scripted.heard {
            #expect(one.request.headers["authorization"] == "Bearer t")
            #expect(one.request.headers["accept"] == "application/json, text/event-stream")
            #expect(one.request.headers["mcp-session-id"] == nil)
        }
    }

    @Test("A session that is gone (404) is begun anew, once, and the call is made in the new one") func gone()
        async throws
    {
        let scripted = Scripted(names) { heard, connection in
            guard heard.request.headers["mcp-session-id"] == "s-1", heard.text == "late" else { return false }
            connection.respond(404)
            return true
        }
        let url = Value.string(scripted.server.url)
        #expect(try await call(url, "early")[.text].stringValue == "early")
        #expect(try await call(url, "late")[.text].stringValue == "late")
        let calls = scripted.heard.filter { $0.method != "" }.map {
            "\($0.method) \($0.request.headers["mcp-session-id"] ?? "-")"
        }
        #expect(
            calls == [
                "initialize -", "notifications/initialized s-1", "tools/call s-1", "tools/call s-1", "initialize -",
                "notifications/initialized s-2", "tools/call s-2",
            ])
    }

    @Test("A server that forgets every session is not asked for ever") func alwaysGone() async {
        let scripted = Scripted(names) { heard, connection in
            guard heard.method == "tools/call" else { return false }
            connection.respond(404)
            return true
        }
        let error = await error(.string(scripted.server.url))
        #expect(error?.code == .mcpServerEnded)
        #expect(scripted.heard.filter { $0.method == "initialize" }.count == MCPSessions.maxAttempts)
    }

    @Test("Within a stream a server may ask, tell and then answer") func asking() async throws {
        let answers = Gathered<String>()
        let scripted = Scripted(names, isStream: true) { heard, connection in
            guard heard.method == "tools/call", let id = heard.id else { return false }
            connection.head(200, [("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked")])
            connection.chunk(": a comment\n\n")
            connection.chunk("data: {\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"ping\"}\n\n")
            connection.chunk(
                "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\ndata: \"params\":{\"progressToken\":\(id),\"progress\":0.5}}\n\n"
            )
            connection.chunk("data: {\"jsonrpc\":\"2.0\",\"id\":\(id),\"result\":{\"content\":[]}}\n\n")
            // Left open: the answer counts when it is there.
            answers.add(connection.waitForClose(ms: 20_000) ? "closed" : "open")
            return true
        }
        let parts = Gathered<String>()
        let reply = try await perform(
            mcp.all, "mcp/call", [.server: .string(scripted.server.url), .tool: .string("echo")],
            progress: { parts.add((try? Printer.readable($0)) ?? "") })
        #expect(try Printer.readable(reply) == "{:content []}")
        #expect(parts.all == ["{:progress 0.5}"])
        // The answer to ping is a message of its own.
        #expect(
            await eventually {
                scripted.server.requests.contains { $0.text == #"{"jsonrpc":"2.0","id":7,"result":{}}"# }
            })
        await mcp.end()
        #expect(await answers.wait { !$0.isEmpty } == ["closed"])
    }

    @Test("Cancelling tells the server, lets go of the request and leaves the session") func cancelled() async throws {
        let dropped = Gathered<Bool>()
        let scripted = Scripted(names) { heard, connection in
            guard heard.text == "wait" else { return false }
            dropped.add(connection.waitForClose(ms: 20_000))
            return true
        }
        let answers = Gathered<AdapterCode?>()
        let params = [
            KnownName.server: Value.string(scripted.server.url), .tool: .string("echo"),
            .arguments: .map(map([.text: .string("wait")])),
        ]
        let cancel = mcp.all[0].start(EffectCall(params: Params(map(params)), clock: RealClock())) { result in
            if case .failure(let error) = result { answers.add(error.code) } else { answers.add(nil) }
        }
        #expect(await eventually { scripted.heard.contains { $0.text == "wait" } })
        cancel?()
        #expect(answers.all == [.cancelled])
        #expect(await dropped.wait { !$0.isEmpty } == [true])
        #expect(await eventually { scripted.heard.contains { $0.method == "notifications/cancelled" } })
        let notice = try #require(scripted.server.requests.first { $0.text.hasText("notifications/cancelled") })
        #expect(notice.text.hasText(#""params":{"requestId":2,"#))
        #expect(notice.headers["mcp-session-id"] == "s-1")
        #expect(try await call(.string(scripted.server.url), "on")[.text].stringValue == "on")
        #expect(scripted.heard.filter { $0.method == "initialize" }.count == 1)
    }

    private static func answering(_ status: Int, _ headers: [(String, String)] = [], _ body: String)
        -> @Sendable (
            ServerConnection
        ) -> Void
    {
        { $0.respond(status, headers, body) }
    }

    static let failures: [(String, @Sendable (ServerConnection) -> Void, AdapterCode, String)] = [
        ("401", answering(401, [], ""), .unauthorized, "check the credentials"),
        ("500", answering(500, [], "oops"), .unavailable, "could not answer (500)"),
        (
            "400 with a message",
            answering(400, [], #"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no session"}}"#), .http,
            "refused the request (400): no session"
        ),
        ("304", answering(304, [], ""), .http, "answered 304, which is none of the protocol's"),
        ("202", answering(202, [], ""), .mcpProtocol, "it answered 202 without a message"),
        ("text", answering(200, [("Content-Type", "text/html")], "<html>"), .mcpProtocol, "which is not JSON"),
        ("number", answering(200, [("Content-Type", "application/json")], "7"), .mcpProtocol, "no message of JSON-RPC"),
        (
            "another's answer",
            answering(200, [("Content-Type", "application/json")], #"{"jsonrpc":"2.0","id":1,"result":{}}"#),
            .mcpProtocol, "it ended its answer before the result came"
        ),
        (
            "stream without an answer",
            answering(200, [("Content-Type", "text/event-stream")], "data: {\"jsonrpc\":\"2.0\",\"method\":\"x\"}\n\n"),
            .mcpProtocol, "it ended its answer before the result came"
        ),
        ("reset", { $0.reset() }, .connectionDropped, "broke"),
    ]

    @Test("What a server answers instead is told in a sentence", arguments: failures.indices)
    func failing(_ index: Int) async {
        let (_, answer, code, words) = Self.failures[index]
        let scripted = Scripted(names) { heard, connection in
            if heard.method == "tools/call" { answer(connection) }
            return heard.method == "tools/call"
        }
        let error = await error(.string(scripted.server.url))
        #expect(error?.code == code, "\(error?.message ?? "")")
        #expect(error?.message.hasText(words) == true, "\(error?.message ?? "")")
    }

    @Test("Servers are bounded, and one that has ended makes room") func bounded() async throws {
        let scripted = Scripted(names, session: nil)
        for number in 1...MCPSessions.maxServers {
            _ = try await call(.string(scripted.server.url + "/\(number)"))
        }
        let error = await error(.string(scripted.server.url + "/more"))
        #expect(error?.code == .rateLimited)
        #expect(error?.message == "64 MCP servers are in use, which is the most; use fewer")
        #expect(try await call(.string(scripted.server.url + "/1"), "x")[.text].stringValue == "x")
        #expect(mcp.count == MCPSessions.maxServers)
    }

    @Test("An address without a server of the protocol is said to be one") func noServer() async {
        let server = LoopbackServer { _, connection in connection.respond(404) }
        let error = await error(.string(server.url))
        #expect(
            error?.message
                == "127.0.0.1:\(server.port) has no MCP server of Streamable HTTP there (404): check the address")
        let closed = await self.error(.string("http://127.0.0.1:\(LoopbackServer.closedPort())"))
        #expect(closed?.code == .connectionRefused)
    }

    @Test("The host is asked for, of the address and of where it redirects to") func granted() async {
        let target = Scripted(names)
        let server = LoopbackServer { [port = target.server.port] _, connection in
            connection.respond(307, [("Location", "http://localhost:\(port)/")])
        }
        let asked = Gathered<Need>()
        let error = await failure { () async throws(AdapterError) in
            try await perform(
                mcp.all, "mcp/call", [.server: .string(server.url), .tool: .string("echo")],
                allow: { need throws(AdapterError) in
                    asked.add(need)
                    if need == .mcp(server: "localhost") { throw AdapterError(.notAllowed, "no") }
                })
        }
        #expect(error?.code == .notAllowed)
        #expect(Set(asked.all.map { "\($0)" }) == ["mcp(server: \"127.0.0.1\")", "mcp(server: \"localhost\")"])
        #expect(target.heard.isEmpty)
    }
}
