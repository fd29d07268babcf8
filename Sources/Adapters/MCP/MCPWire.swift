import Values

/// Messages of JSON-RPC 2.0 as the Model Context Protocol uses them: written as bytes, read from decoded JSON.
///
/// https://modelcontextprotocol.io/specification, revisions 2024-11-05, 2025-03-26 and 2025-06-18.
struct MCPWire: Sendable {
    /// Revisions of the protocol that are spoken, newest first: the first is what a server is offered.
    static let versions = ["2025-06-18", "2025-03-26", "2024-11-05"]
    /// The one revision in which several messages may come as one array.
    static let batchingVersion = "2025-03-26"
    /// One message, either way. Contents such as pictures come within messages, so this is far more than a text needs.
    static let maxMessageBytes = 16 << 20

    /// Of JSON-RPC.
    static let methodNotFound = -32601
    /// What servers are told we are: the program's own version, which a test compares.
    static let clientVersion = "0.1.0"

    let json: JSONCodec
    let names: Names

    // MARK: Writing

    /// - Parameter params: an object of JSON.
    func request(_ id: Int, _ method: String, _ params: [UInt8]) -> [UInt8] {
        Array(#"{"jsonrpc":"2.0","id":\#(id),"method":"\#(method)","params":"#.utf8) + params + [UInt8(ascii: "}")]
    }

    func notification(_ method: String, _ params: [UInt8] = []) -> [UInt8] {
        var bytes = Array(#"{"jsonrpc":"2.0","method":"\#(method)""#.utf8)
        if !params.isEmpty { bytes += Array(#","params":"#.utf8) + params }
        return bytes + [UInt8(ascii: "}")]
    }

    /// The first request: which revision we speak, and that we offer a server nothing.
    func greeting(_ id: Int) -> [UInt8] {
        let client = #"{"name":"sluice","version":"\#(MCPWire.clientVersion)"}"#
        let params =
            #"{"protocolVersion":"\#(MCPWire.versions[0])","capabilities":{},"clientInfo":\#(client)}"#
        return request(id, "initialize", Array(params.utf8))
    }

    /// `tools/call`. The request's id is also the token of its progress.
    ///
    /// - Parameter params: an object of JSON with at least one member.
    func call(_ id: Int, _ params: [UInt8]) -> [UInt8] {
        let token = Array(#"{"_meta":{"progressToken":\#(id)},"#.utf8)
        return request(id, "tools/call", token + params.dropFirst())
    }

    /// The next page of `tools/list`; the first without a cursor.
    func list(_ id: Int, after cursor: String?) -> [UInt8] {
        guard let cursor else { return request(id, "tools/list", Array("{}".utf8)) }
        // A string can always be written.
        let text = (try? json.encode(.string(cursor))) ?? Array(#""""#.utf8)
        return request(id, "tools/list", Array(#"{"cursor":"#.utf8) + text + [UInt8(ascii: "}")])
    }

    func cancellation(of id: Int) -> [UInt8] {
        notification(
            "notifications/cancelled", Array(#"{"requestId":\#(id),"reason":"the caller no longer waits"}"#.utf8))
    }

    /// The answer to a server's request: to `ping` an empty result, to anything else that there is no such method. Nil when the
    /// id is none.
    func answer(to method: String, _ id: Value) -> [UInt8]? {
        guard id.intValue != nil || id.stringValue != nil, let id = try? json.encode(id) else { return nil }
        let body =
            method == "ping"
            ? #","result":{}}"# : #","error":{"code":\#(MCPWire.methodNotFound),"message":"Method not found"}}"#
        return Array(#"{"jsonrpc":"2.0","id":"#.utf8) + id + Array(body.utf8)
    }

    // MARK: Reading

    enum Message {
        case result(id: Value, Value)
        case error(id: Value, RPCError)
        case request(id: Value, method: String)
        case notification(method: String, params: Value)
    }

    /// What a peer calls an error.
    struct RPCError: Error, Sendable {
        let code: Int64
        let message: String
        let data: Value?
    }

    /// Nil for what is no message.
    static func read(_ value: Value) -> Message? {
        guard case .map = value else { return nil }
        let id = value.field("id")
        if let method = value.field("method") {
            guard let method = method.stringValue else { return nil }
            if let id { return .request(id: id, method: method) }
            return .notification(method: method, params: value.field("params") ?? .nil)
        }
        if let error = value.field("error") {
            guard let code = error.field("code")?.intValue, let message = error.field("message")?.stringValue else {
                return nil
            }
            return .error(id: id ?? .nil, RPCError(code: code, message: message, data: error.field("data")))
        }
        guard let id, let result = value.field("result"), case .map = result else { return nil }
        return .result(id: id, result)
    }
}

extension Names {
    /// Decoded JSON with keywords for keys, which keep their letters: `inputSchema` → `:inputSchema`.
    func keyworded(_ value: Value) -> Value { value.withKeys(keyworded(key:)) }

    /// What a script could not write as a keyword stays a string, and so does what is long: names are interned for the life of
    /// an instance, and a server must not fill it.
    private func keyworded(key: Value) -> Value {
        guard let text = key.textValue, text.byteCount <= ChatWire.maxKeyBytes, text.byteCount > 0,
            text.utf8.allSatisfy({
                (97...122).contains($0) || (65...90).contains($0) || (48...57).contains($0) || "_-.$".utf8.contains($0)
            })
        else { return key }
        return keyword(text.string)
    }
}
