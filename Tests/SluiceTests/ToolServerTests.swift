import Engine
import Foundation
import Sluice
import TestSupport
import Testing
import Values

/// `sluice.mcp` as scripts see it (P25): a real server, which keeps a log of what it read. One after the other,
/// because each starts programs.
@Suite(.serialized) struct ToolServerTests {
    /// The server as a form, with its log in the script's folder.
    private static func form(_ flags: [String] = []) -> String {
        let command = ToolServer.command("--log", "log") + flags
        return "{:command [\(command.map { "\"\($0)\"" }.joined(separator: " "))]}"
    }

    private func script(seed: UInt64? = nil, grants: [String] = ["mcp=python3"], _ flags: String...) throws
        -> EffectScript
    {
        let script = try EffectScript(seed: seed, grants: grants)
        _ = try script.session.evaluate("(def server \(Self.form(flags)))").get()
        return script
    }

    private func log(_ script: EffectScript) -> [String] {
        let text = (try? String(contentsOf: script.folder.appending(path: "log"), encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map(String.init)
    }

    /// Waits, ten seconds at most, until the server has read a message with `text` in it.
    private func hears(_ text: String, _ script: EffectScript) -> Bool {
        for _ in 0..<2_000 where !log(script).contains(where: { $0.contains(text) }) {
            Thread.sleep(forTimeInterval: 0.005)
        }
        return log(script).contains { $0.contains(text) }
    }

    @Test(arguments: [nil, 5] as [UInt64?]) func aScriptUsesTools(_ seed: UInt64?) throws {
        let script = try script(seed: seed)
        #expect(
            script.printed("(mcp/call server \"echo\" {:text \"hi\"})")
                == #"{:content [{:type "text", :text "hi"}], :text "hi"}"#)
        #expect(
            script.printed("(:text (perform (effect :mcp/call {:server server :tool \"structured\"})))")
                == #""{\"sum\": 3}""#)
        #expect(script.printed("(count (mcp/tools server))") == "14")
        #expect(
            script.printed(
                "(mapv :text (perform-all (mapv #(effect :mcp/call {:server server :tool \"echo\" :arguments {:text %}}) [\"a\" \"b\" \"c\"])))"
            )
                == #"["a" "b" "c"]"#)
        #expect(log(script).filter { $0.hasPrefix("pid ") }.count == 1)
    }

    @Test func errorsHaveCodeAndData() throws {
        let script = try script()
        _ = try script.session.evaluate(
            """
            (defn told [tool]
              (try (mcp/call server tool) (catch Exception e [(:code (ex-data e)) (ex-message e) (:data (ex-data e))])))
            """
        ).get()
        #expect(
            script.printed("(told \"fail\")")
                == #"["mcp_tool_error" "no such city\ntry another" {:content [{:type "text", :text "no such city"} {:type "text", :text "try another"}]}]"#
        )
        #expect(
            script.printed("(told \"refuse\")")
                == #"["mcp_error" "the MCP server \"python3\" refused: busy (-32000)" {:code -32000, :message "busy", :data {:waitMs 5}}]"#
        )
        #expect(
            script.printed("(told \"die\")")
                == #"["mcp_server_ended" "the MCP server \"python3\" ended with exit code 3: fatal: the disk is full" {:exit 3, :err "opening the store\nfatal: the disk is full\n"}]"#
        )
        #expect(script.printed("(:text (mcp/call server \"echo\" {:text \"anew\"}))") == "\"anew\"")
    }

    // P22
    @Test func aTimeLimitTellsTheServer() throws {
        let script = try script()
        #expect(
            script.printed("(failure (mcp/call server \"silent\" {} {:meta {:timeout-ms 2000}}))")
                == "\"effect timeout after 2000ms\"")
        #expect(hears(#""method":"notifications/cancelled","params":{"requestId":2"#, script))
        #expect(script.printed("(:text (mcp/call server \"echo\" {:text \"on\"}))") == "\"on\"")
        #expect(log(script).filter { $0.hasPrefix("pid ") }.count == 1)
    }

    @Test func aCancelledCallTellsTheServer() throws {
        let script = try script()
        _ = try script.session.evaluate(
            "(def id (submit! (effect :mcp/call {:server server :tool \"silent\"})))"
        ).get()
        #expect(hears("\"silent\"", script))
        #expect(
            script.printed("(do (cancel! {:id id}) (try (outcome id) (catch Exception e (:code (ex-data e)))))")
                == "\"cancelled\"")
        #expect(hears("notifications/cancelled", script))
    }

    @Test func theEndOfARunLeavesNoServer() throws {
        let script = try script("--child")
        #expect(script.printed("(:text (mcp/call server \"echo\" {:text \"x\"}))") == "\"x\"")
        let pid = try #require(log(script).first.flatMap { pid_t($0.dropFirst(4)) })
        let child = try #require(log(script).first { $0.hasPrefix("child ") }.flatMap { pid_t($0.dropFirst(6)) })
        #expect(kill(pid, 0) == 0 && kill(child, 0) == 0)
        script.session.shutDown()
        // Gone and reaped when the session has ended; an orphan is reaped by whoever takes it in.
        #expect(kill(pid, 0) != 0)
        #expect(!isRunning(child))
    }

    private func isRunning(_ pid: pid_t) -> Bool {
        for _ in 0..<2_000 {
            let stat = (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)) ?? ""
            if kill(pid, 0) != 0 || stat.contains(") Z ") { return false }
            Thread.sleep(forTimeInterval: 0.005)
        }
        return true
    }

    @Test(
        arguments: [
            ([], "using the MCP server python3 is not allowed; run with --allow mcp=python3"),
            (["run=python3"], "using the MCP server python3 is not allowed; run with --allow mcp=python3"),
            (["mcp=python", "mcp=other"], "using the MCP server python3 is not allowed; run with --allow mcp=python3"),
        ] as [([String], String)]) func aServerIsGranted(_ grants: [String], _ refusal: String) throws
    {
        let script = try script(grants: grants)
        #expect(script.printed("(failure (mcp/tools server))") == "\"\(refusal)\"")
        #expect(log(script).isEmpty)
    }

    /// The name that a script gives a server grants nothing, because the script says what stands behind it.
    @Test func aConfiguredNameGrantsNothing() throws {
        let script = try EffectScript(grants: ["mcp=tools"])
        let configure = "(configure {:mcp {:servers {:tools \(Self.form())}}})"
        #expect(
            script.printed("\(configure) (failure (mcp/tools :tools))")
                == "\"using the MCP server python3 is not allowed; run with --allow mcp=python3\"")
    }

    @Test func serversAreConfiguredByName() throws {
        let script = try script()
        _ = try script.session.evaluate("(configure {:mcp {:servers {:tools \(Self.form())}}})").get()
        #expect(script.printed("(:text (mcp/call :tools \"echo\" {:text \"x\"}))") == "\"x\"")
        #expect(
            script.printed("(failure (mcp/call :tool \"echo\"))")
                == "\"no MCP server :tool is configured; did you mean :tools?\"")
        // The same server under its name and as it stands is one.
        #expect(script.printed("(:text (mcp/call server \"echo\" {:text \"y\"}))") == "\"y\"")
        #expect(log(script).filter { $0.hasPrefix("pid ") }.count == 1)
    }

    @Test func aHostIsGranted() throws {
        let server = LoopbackServer { _, connection in connection.respond(404) }
        let refused = try EffectScript(grants: ["net=127.0.0.1"])
        #expect(
            refused.printed("(failure (mcp/tools \"\(server.url)/mcp\"))")
                == "\"using the MCP server 127.0.0.1 is not allowed; run with --allow mcp=127.0.0.1\"")
        #expect(server.requests.isEmpty)
        let granted = try EffectScript(grants: ["mcp=127.0.0.1"])
        #expect(
            granted.printed("(failure (mcp/tools {:url \"\(server.url)/mcp\"}))")
                == "\"127.0.0.1:\(server.port) has no MCP server of Streamable HTTP there (404): check the address\"")
    }
}
