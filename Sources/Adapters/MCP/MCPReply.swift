import Engine
import Values

/// What servers' results and errors mean to a script.
struct MCPReply {
    /// How messages call the server: `the MCP server "npx"`.
    let server: String
    let names: Names
    /// The names of its tools, when it has been asked for them.
    let known: [String]?

    /// The result of `tools/call` as `{:content [{:type "text" :text "…"}] :text "…"? :structured {…}?}`, or the error that the
    /// tool says it is.
    func result(of tool: String, _ result: Value) -> Result<Value, AdapterError> {
        let blocks = result.field("content")?.elementsIfVector ?? []
        let text = text(of: blocks)
        let content = names.keyworded(.vector(blocks))
        let structured = result.field("structuredContent").map { names.keyworded($0) }
        if result.field("isError")?.isTruthy == true {
            let said = text.flatMap { $0.isEmpty ? nil : $0 } ?? "the tool \(quoted(tool)) failed without saying why"
            let data: [AdapterError.Detail?] = [.given(.content, content), .given(.structured, structured)]
            return .failure(AdapterError(.mcpToolError, said + hint(tool), data: data.compactMap { $0 }))
        }
        var map = MapBuilder()
        map.set(.content, content)
        map.set(.text, text.map { .string($0) })
        map.set(.structured, structured)
        return .success(map.value)
    }

    /// The text blocks, one after the other on lines of their own; nil when there are none.
    private func text(of blocks: [Value]) -> String? {
        let texts = blocks.compactMap { block in
            block.field("type")?.stringValue == "text" ? block.field("text")?.stringValue : nil
        }
        return texts.isEmpty ? nil : texts.joined(separator: "\n")
    }

    /// An error of JSON-RPC, which the server answered instead of a result.
    func error(_ error: MCPWire.RPCError, tool: String?) -> AdapterError {
        let data: [AdapterError.Detail?] = [
            .given(.code, .int(error.code)), .given(.message, .string(error.message)),
            .given(.data, error.data.map { names.keyworded($0) }),
        ]
        return AdapterError(
            .mcpError, "\(server) refused: \(error.message) (\(error.code))\(tool.map(hint) ?? "")",
            data: data.compactMap { $0 })
    }

    /// Which tool was meant, when the server is known to have none of that name.
    private func hint(_ tool: String) -> String {
        guard let known, !known.contains(tool) else { return "" }
        if let near = Nearest.hint(for: tool, among: known) { return "; \(near)" }
        if known.isEmpty { return "; it has no tools" }
        return "; its tools are \(known.prefix(10).joined(separator: ", "))\(known.count > 10 ? ", …" : "")"
    }

    /// A tool of `tools/list` as `{:name :description :input-schema}`, and what else the server told of it.
    func tool(_ tool: Value) -> Value? {
        guard let name = tool.field("name")?.stringValue else { return nil }
        var map = MapBuilder()
        map.set(.name, .string(name))
        map.set(.title, tool.field("title"))
        map.set(.description, tool.field("description"))
        map.set(.inputSchema, tool.field("inputSchema").map { names.keyworded($0) })
        map.set(.outputSchema, tool.field("outputSchema").map { names.keyworded($0) })
        map.set(.annotations, tool.field("annotations").map { names.keyworded($0) })
        return map.value
    }

    /// `{:progress 1 :total 3 :message "…"}` of a notification of progress; nil when it says nothing.
    static func progress(_ params: Value) -> Value? {
        guard let progress = params.field("progress"), progress.number != nil else { return nil }
        var map = MapBuilder()
        map.set(.progress, progress)
        map.set(.total, params.field("total").flatMap { $0.number == nil ? nil : $0 })
        map.set(.message, params.field("message").flatMap { $0.isText ? $0 : nil })
        return map.value
    }
}
