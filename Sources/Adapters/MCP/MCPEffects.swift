import Engine
import Values

/// `:mcp/call` and `:mcp/tools` (P25): the tools of servers of the Model Context Protocol.
///
/// A server is a URL (Streamable HTTP), `{:url "…" :headers {…}}`, `{:command ["prog" "arg"] :env … :dir "…"}` (its standard
/// input and output), or the keyword of one in `(configure {:mcp {:servers {…}}})`. Using it takes the capability `mcp` for its
/// program, as written, or for the host of its address: no name that a script gave it, because the script says what stands behind
/// that. Whoever grants `mcp=PROGRAM` lets the script run that program with arguments of its choice, which is what `run=PROGRAM`
/// grants, and no other program.
package struct MCPEffects: Sendable {
    private let sessions: MCPSessions
    private let json: JSONCodec

    package init(client: HTTPClient, json: JSONCodec, names: Names, programs: LivePrograms = LivePrograms()) {
        self.json = json
        sessions = MCPSessions(MCPWire(json: json, names: names), client, programs)
    }

    package var all: [AdapterEffect] { [call, tools] }

    /// Takes the servers that keywords name: a map from keywords to servers.
    package func configure(_ servers: HashMap) { sessions.configure(servers) }

    /// Ends every session and waits for the servers that were started, a few seconds at most. Calls fail from here on.
    package func close() { sessions.close() }

    /// Sessions whose servers have not been let go of.
    var count: Int { sessions.count }

    /// `{:server s :tool "name" :arguments {…}}` → `{:content [{:type "text" :text "…"} …] :text "…"? :structured {…}?}`; reports
    /// `{:progress n :total n? :message "…"?}` when the server does.
    ///
    /// The error of a tool has the code `mcp_tool_error` and its `:content`; of JSON-RPC, `mcp_error` and the server's `:code`,
    /// `:message` and `:data`; of a server that ended, `mcp_server_ended` with `:exit` and `:err`; of one that breaks the
    /// protocol, `mcp_protocol_error`.
    private var call: AdapterEffect {
        effect("mcp/call") { [json] call throws(AdapterError) in
            // What is missing is said in the order of the parameters.
            if call.params.value(.server) == nil { throw MCPServer.missing }
            let tool = try call.params.required(.tool)
            var params = MapBuilder()
            params.set(.string("name"), .string(tool))
            let arguments = call.params.value(.arguments) ?? .map(HashMap())
            guard case .map = arguments else { throw call.params.wrong(.arguments, "a map", arguments) }
            params.set(.string("arguments"), arguments)
            let bytes = try json.encoding(params.value, "the :arguments")
            guard bytes.count < MCPWire.maxMessageBytes else {
                throw AdapterError(
                    .tooLarge, "the :arguments have more than \(MCPWire.maxMessageBytes) bytes; send less")
            }
            return .call(tool: tool, params: bytes)
        }
    }

    /// `{:server s}` → `[{:name "…" :description "…" :input-schema {…} :title … :annotations {…}}]`: all pages of the list.
    private var tools: AdapterEffect {
        effect("mcp/tools") { _ throws(AdapterError) in .tools }
    }

    private func effect(
        _ type: String,
        _ operation: @escaping @Sendable (EffectCall) throws(AdapterError) -> MCPMachine.Operation
    ) -> AdapterEffect {
        AdapterEffect(type: type) { [sessions] call, answer in
            do throws(AdapterError) {
                return try sessions.start(call, try operation(call), answer)
            } catch {
                answer(.failure(error))
                return nil
            }
        }
    }
}
