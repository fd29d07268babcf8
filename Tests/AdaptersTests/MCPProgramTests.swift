import Engine
import TestSupport
import Testing
import Values

@testable import Adapters

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Servers that are programs, with one that is written from the specification (`tool_server.py`). One after the other, because
/// two dozen programs that start at once would hold up the tests beside them.
@Suite(.serialized) struct MCPProgramTests {
    let directory = TemporaryDirectory()
    let names = Names()
    let mcp: MCPEffects

    init() { mcp = MCPEffects(client: HTTPClient(), json: testJSON(names), names: names) }

    private var log: String { directory("log") }

    private func server(_ flags: String...) -> Value {
        var map = MapBuilder()
        let command = ToolServer.command("--log", log) + flags
        map.set(.command, .vector(command.map { .string($0) }))
        return map.value
    }

    private func call(_ server: Value, _ tool: String, _ text: String = "", _ more: [KnownName: Value] = [:])
        async throws(AdapterError) -> Value
    {
        var params = more
        params[.server] = server
        params[.tool] = .string(tool)
        var arguments = MapBuilder()
        arguments.set(.text, .string(text))
        params[.arguments] = arguments.value
        return try await perform(mcp.all, "mcp/call", params)
    }

    private func error(_ server: Value, _ tool: String, _ text: String = "") async -> AdapterError? {
        await failure { () async throws(AdapterError) in try await call(server, tool, text) }
    }

    /// The messages that the server read, without its pid.
    private func heard() throws -> [String] {
        try directory.text("log").split(separator: "\n").map(String.init).filter { $0.hasPrefix("{") }
    }

    private func pids(_ kind: String) throws -> [pid_t] {
        try directory.text("log").split(separator: "\n").filter { $0.hasPrefix(kind + " ") }.compactMap {
            pid_t($0.dropFirst(kind.count + 1))
        }
    }

    private func methods() throws -> [String] {
        let json = testJSON(names)
        return try heard().map { try json.decode(Array($0.utf8), false).field("method")?.stringValue ?? "" }
    }

    @Test("P25: a call reaches the tool, after the handshake, and its result is a map") func result() async throws {
        let reply = try await call(server(), "echo", "grüße\n")
        #expect(reply[.text].stringValue == "grüße\n")
        #expect(try Printer.readable(reply[.content]) == #"[{:type "text", :text "grüße\n"}]"#)
        #expect(reply[.structured].isNil)
        #expect(try methods() == ["initialize", "notifications/initialized", "tools/call"])
        let picture = try await call(server(), "picture")
        #expect(picture[.text].stringValue == "one\ntwo")
        #expect(
            try Printer.readable(picture[.content])
                == #"[{:type "text", :text "one"} {:type "image", :data "aGk=", :mimeType "image/png"} {:type "text", :text "two"}]"#
        )
        let structured = try await call(server(), "structured")
        // A name with a space is no keyword.
        #expect(try Printer.readable(structured[.structured]) == #"{:sum 3, "by name" {"Ada L." 1}}"#)
        #expect(try pids("pid").count == 1, "the session is shared")
    }

    @Test("A tool's own error and one of the protocol are told apart") func errors() async throws {
        let own = await error(server(), "fail")
        #expect(own?.code == .mcpToolError)
        #expect(own?.message == "no such city\ntry another")
        #expect(
            try Printer.readable(try #require(own).effectError.data)
                == #"{:content [{:type "text", :text "no such city"} {:type "text", :text "try another"}]}"#)
        let refused = await error(server(), "refuse")
        #expect(refused?.code == .mcpError)
        #expect(refused?.message == "the MCP server \"python3\" refused: busy (-32000)")
        #expect(
            try Printer.readable(try #require(refused).effectError.data)
                == #"{:code -32000, :message "busy", :data {:waitMs 5}}"#)
        _ = try await perform(mcp.all, "mcp/tools", [.server: server()])
        #expect(
            await error(server(), "ecko")?.message.hasSuffix("Unknown tool: ecko (-32602); did you mean `echo`?")
                == true)
    }

    @Test("P25: tools are listed over all pages", arguments: [1, 3, 14]) func tools(_ pages: Int) async throws {
        let tools = try await perform(mcp.all, "mcp/tools", [.server: server("--pages", String(pages))])
        let all = try #require(tools.elementsIfVector)
        #expect(all.count == 14)
        #expect(
            all.map { $0[.name].stringValue } == all.map { $0[.name].stringValue }.sorted { ($0 ?? "") < ($1 ?? "") })
        #expect(
            try Printer.readable(all[2])
                == #"{:name "echo", :title "Echo", :description "does echo", :input-schema {:type "object", :properties {:text {:type "string"}}, :required ["text"]}, :annotations {:readOnlyHint true}}"#
        )
        #expect(try methods().filter { $0 == "tools/list" }.count == pages)
    }

    @Test("Calls at once share a session, and are answered in the server's order") func concurrent() async throws {
        let order = Gathered<String>()
        let server = server()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for name in ["a", "b"] {
                group.addTask { order.add(try await call(server, "hold", name)[.text].stringValue ?? "") }
            }
            // Both are held before either is let go.
            #expect(await eventually { ((try? heard()) ?? []).filter { $0.hasText("\"hold\"") }.count == 2 })
            for name in ["b", "a"] {
                #expect(try await call(server, "release", name)[.text].stringValue == "released " + name)
                #expect(await eventually { order.all.last == "held " + name })
            }
            try await group.waitForAll()
        }
        #expect(order.all == ["held b", "held a"])
        #expect(try pids("pid").count == 1)
    }

    @Test("A server that dies fails the calls in flight with its last words, and the next call starts it anew")
    func death() async throws {
        let server = server("--chatty")
        async let waiting = error(server, "silent")
        #expect(await eventually { ((try? heard()) ?? []).contains { $0.hasText("\"silent\"") } })
        let died = await error(server, "die")
        for error in [died, await waiting] {
            #expect(error?.code == .mcpServerEnded)
            #expect(
                error?.message == "the MCP server \"python3\" ended with exit code 3: fatal: the disk is full")
            #expect(error?.data == [.exit(3), .err("starting\nopening the store\nfatal: the disk is full\n")])
        }
        #expect(try await call(server, "echo", "again")[.text].stringValue == "again")
        #expect(try pids("pid").count == 2)
        #expect(mcp.count == 1)
    }

    @Test("A server that ended while nobody called is started anew") func deathUnnoticed() async throws {
        _ = try await call(server(), "echo")
        let pid = try #require(try pids("pid").first)
        kill(pid, SIGKILL)
        #expect(await eventually { mcp.count == 0 })
        #expect(try await call(server(), "echo", "again")[.text].stringValue == "again")
    }

    static let garbage = [
        ("text", "sent \"Listening on port 80\", which is not JSON"),
        ("list", "sent the vector [1 2], which is no message"),
        ("id", "answered a request that was never made, with the id 4711"),
        ("name", "answered a request that was never made, with the id \"2\""),
        ("neither", "sent the map {\"jsonrpc\" \"2.0\", \"id\" 2}, which"),
        ("unknown", "understood none of a message: Parse error (-32700)"),
        ("latin", "which is not JSON: "), ("huge", "more than 16777216 bytes"), ("endless", "more than 16777216 bytes"),
    ]

    @Test(
        "Whatever a server writes, the call ends with a sentence, and the next call gets a new server",
        arguments: garbage)
    func nonsense(_ kind: String, _ words: String) async throws {
        let error = await error(server(), "garbage", kind)
        #expect([.mcpProtocol, .tooLarge].contains(error?.code))
        #expect(error?.message.hasPrefix("the MCP server \"python3\" ") == true)
        #expect(error?.message.hasText(words) == true, "\(error?.message ?? "")")
        #expect(try await call(server(), "echo", "again")[.text].stringValue == "again")
    }

    @Test("A revision of the protocol that nobody here speaks is refused by name") func version() async throws {
        let old = await error(server("--version", "2023-01-01"), "echo")
        #expect(old?.code == .mcpProtocol)
        #expect(
            old?.message.hasText("revision \"2023-01-01\", but known are 2025-06-18, 2025-03-26, 2024-11-05") == true)
        #expect(try await call(server("--version", "2024-11-05"), "echo", "x")[.text].stringValue == "x")
    }

    @Test("A cancelled call tells the server which, and the session goes on") func cancelled() async throws {
        let answers = Gathered<AdapterCode?>()
        let cancel = start("silent", server()) { answers.add($0) }
        #expect(await eventually { ((try? heard()) ?? []).contains { $0.hasText("\"silent\"") } })
        cancel?()
        #expect(answers.all == [.cancelled], "at once")
        #expect(try await call(server(), "echo", "on")[.text].stringValue == "on")
        // The first request is initialize.
        let notice = try #require(try heard().first { $0.hasText("notifications/cancelled") })
        #expect(notice.hasText(#""params":{"requestId":2,"#))
        #expect(try pids("pid").count == 1)
    }

    /// Starts a call without waiting.
    private func start(_ tool: String, _ server: Value, _ done: @escaping @Sendable (AdapterCode?) -> Void)
        -> (@Sendable () -> Void)?
    {
        let call = EffectCall(params: Params(map([.server: server, .tool: .string(tool)])), clock: RealClock())
        return mcp.all[0].start(call) { result in
            if case .failure(let error) = result { done(error.code) } else { done(nil) }
        }
    }

    @Test("A server that does not even greet is let go of with the last who waited") func mute() async throws {
        let answers = Gathered<AdapterCode?>()
        let cancel = start("echo", server("--mute")) { answers.add($0) }
        #expect(await eventually { ((try? methods()) ?? []) == ["initialize"] })
        cancel?()
        #expect(answers.all == [.cancelled])
        #expect(await eventually { mcp.count == 0 })
        #expect(kill(try #require(try pids("pid").first), 0) != 0)
    }

    @Test("What a server asks: ping is answered, the rest is not there; its progress is reported") func asked()
        async throws
    {
        #expect(try await call(server(), "ask", "ping")[.text].stringValue == "{}")
        #expect(try await call(server(), "ask", "sampling/createMessage")[.text].stringValue == "-32601")
        let parts = Gathered<String>()
        let reply = try await perform(
            mcp.all, "mcp/call", [.server: server(), .tool: .string("progress")],
            progress: { parts.add((try? Printer.readable($0)) ?? "") })
        #expect(reply[.text].stringValue == "done")
        #expect(
            parts.all == [
                #"{:progress 1, :total 2, :message "step 1"}"#, #"{:progress 2, :total 2, :message "step 2"}"#,
            ])
    }

    @Test(
        "At the end the server and what it started are gone, even one that does not listen", arguments: [false, true])
    func end(_ deaf: Bool) async throws {
        let server = deaf ? server("--child", "--deaf") : server("--child")
        _ = try await call(server, "echo")
        let started = try pids("pid") + pids("child")
        #expect(started.count == 2)
        let waiting = Gathered<AdapterCode?>()
        _ = start("silent", server) { waiting.add($0) }
        await mcp.end()
        #expect(waiting.all == [.cancelled])
        #expect(mcp.count == 0)
        // Reaped by us, and its child by whoever takes orphans.
        #expect(kill(started[0], 0) != 0)
        #expect(await eventually { kill(started[1], 0) != 0 || isZombie(started[1]) })
        let late = await error(server, "echo")
        #expect(late?.code == .cancelled)
    }

    private func isZombie(_ pid: pid_t) -> Bool {
        guard let bytes = try? FileSystem().read("/proc/\(pid)/stat", cancel: CancelFlag()) else { return false }
        return String(decoding: bytes, as: UTF8.self).hasText(") Z ")
    }

    @Test("Its variables and its folder are those that were given, as for :proc/run") func surroundings() async throws {
        setenv("SLUICE_TEST_KEY", "hidden", 1)
        #expect(try await call(server(), "environment", "SLUICE_TEST_KEY")[.text].stringValue == "none")
        func with(_ key: KnownName, _ value: Value) throws -> Value {
            var map = server().mapValue
            try HashMap.set(&map, .kw(key), value)
            return .map(map)
        }
        let passed = try with(.env, .vector([.string("SLUICE_TEST_KEY")]))
        let asked = Gathered<Need>()
        let reply = try await perform(
            mcp.all, "mcp/call",
            [
                .server: passed, .tool: .string("environment"),
                .arguments: .map(map([.text: .string("SLUICE_TEST_KEY")])),
            ],
            allow: { need throws(AdapterError) in asked.add(need) })
        #expect(reply[.text].stringValue == "hidden")
        #expect(asked.all == [.mcp(server: "python3"), .env("SLUICE_TEST_KEY")])
        let elsewhere = try with(.dir, .string(directory.path))
        #expect(try await call(elsewhere, "folder")[.text].stringValue == FileSystem.canonical(directory.path))
        #expect(mcp.count == 3, "other surroundings, another server")
    }

    @Test(
        "What cannot be a server says why",
        arguments: [
            (["no-such-program-x"], AdapterCode.programNotFound, "there is no such program"),
            (["true"], .mcpServerEnded, "\"true\" ended with exit code 0; it said nothing"),
            (["sh", "-c", "exec 1>&-; sleep 60"], .mcpServerEnded, "has closed its input or output, but still runs"),
            (["sh", "-c", "kill -9 $$"], .mcpServerEnded, "was ended by signal 9"),
        ]) func unusable(_ command: [String], _ code: AdapterCode, _ words: String) async
    {
        var map = MapBuilder()
        map.set(.command, .vector(command.map { .string($0) }))
        let error = await error(map.value, "echo")
        #expect(error?.code == code)
        #expect(error?.message.hasText(words) == true, "\(error?.message ?? "")")
    }

    @Test("Parameters that make no sense are refused before anything is started") func parameters() async {
        let cases: [([KnownName: Value], String)] = [
            ([.tool: .string("x")], "the parameter :server is missing"),
            ([.server: server()], "the parameter :tool is missing"),
            ([.server: .int(1), .tool: .string("x")], "the parameter :server must be a URL"),
            ([.server: .string("ftp://x"), .tool: .string("x")], "it must start with http"),
            ([.server: .map(map([:])), .tool: .string("x")], "a server needs a :url, or a :command"),
            (
                [.server: .map(map([.url: .string("http://x"), .command: .vector([])])), .tool: .string("x")],
                "has both"
            ),
            ([.server: .map(map([.command: .vector([])])), .tool: .string("x")], ":command must be a vector"),
            ([.server: .map(map([.path: .string("x")])), .tool: .string("x")], "a server has no key :path"),
            ([.server: names.keyword("files"), .tool: .string("x")], "no MCP server :files is configured"),
            ([.server: server(), .tool: .string("x"), .arguments: .int(1)], ":arguments must be a map"),
            (
                [.server: server(), .tool: .string("x"), .arguments: .map(map([.text: .double(.nan)]))],
                "the :arguments cannot be written as JSON"
            ),
        ]
        for (params, words) in cases {
            let error = await failure { () async throws(AdapterError) in
                try await perform(mcp.all, "mcp/call", params)
            }
            #expect(error?.message.hasText(words) == true, "\(error?.message ?? "")")
        }
        #expect(mcp.count == 0)
    }

    @Test("A server is asked for before it is started") func refused() async {
        let error = await failure { () async throws(AdapterError) in
            try await perform(
                mcp.all, "mcp/call", [.server: server(), .tool: .string("echo")],
                allow: { need throws(AdapterError) in
                    #expect(need == .mcp(server: "python3"))
                    throw AdapterError(.notAllowed, "no")
                })
        }
        #expect(error?.code == .notAllowed)
        #expect(mcp.count == 0)
        #expect(access(log, F_OK) != 0)
    }

    @Test("A keyword names a server that was configured") func configured() async throws {
        var servers = MapBuilder()
        servers.set(names.keyword("files"), server())
        mcp.configure(servers.hashMap)
        #expect(try await call(names.keyword("files"), "echo", "x")[.text].stringValue == "x")
        let error = await error(names.keyword("filles"), "echo")
        #expect(error?.message == "no MCP server :filles is configured; did you mean :files?")
    }
}

extension MCPEffects {
    /// `close`, without holding up the thread of a test. Tests that do not look at the end leave it to the last reference.
    func end() async {
        await withCheckedContinuation { continuation in
            _ = startThread {
                close()
                continuation.resume()
            }
        }
    }
}
