import Engine
import Values

/// A server of the Model Context Protocol as a script names it. Equal ones share a session.
package struct MCPServer: Hashable, Sendable {
    enum Way: Hashable, Sendable {
        /// Started by us, spoken to over its standard input and output.
        case program([String], directory: String?, ProcessEnvironment)
        /// Spoken to over Streamable HTTP.
        case address(String, headers: [Header])
    }

    struct Header: Hashable, Sendable {
        let name: String
        let value: String
    }

    let way: Way

    /// What `--allow mcp=` names: the program as the script wrote it, or the host of the address.
    let granted: String

    /// How messages call it.
    var shown: String { "the MCP server \(quoted(granted))" }

    private static let forms =
        "a URL, a map with :command or :url, or the keyword of a server in (configure {:mcp {:servers {…}}})"

    static var missing: AdapterError { .parameter("the parameter :server is missing; give \(forms)") }

    /// The server of a call. `:command` is a vector with a program and its arguments, `:env` and `:dir` are what `:env` and
    /// `:cwd` are for `:proc/run`; `:url` is the address of Streamable HTTP, with `:headers` for every request.
    ///
    /// - Parameter configured: the servers that a keyword may name.
    init(_ call: EffectCall, configured: HashMap) throws(AdapterError) {
        guard var value = call.params.value(.server) else { throw MCPServer.missing }
        if case .keyword(let name) = value {
            guard let found = try? configured.find(value), !found.isNil else {
                throw MCPServer.unknown(name, configured)
            }
            value = found
        }
        if let url = value.stringValue {
            try self.init(url, headers: [])
        } else if case .map(let map) = value {
            try self.init(map, call)
        } else {
            throw call.params.wrong(.server, MCPServer.forms, value)
        }
    }

    private static func unknown(_ name: Name, _ configured: HashMap) -> AdapterError {
        let known = configured.entries.compactMap { (key, _) in
            if case .keyword(let name) = key { name.description } else { nil }
        }
        let next =
            Nearest.name(to: name.description, among: known).map { "did you mean :\($0)?" }
            ?? "declare it with (configure {:mcp {:servers {:\(name.description) {:command […]}}}})"
        return .parameter("no MCP server :\(name.description) is configured; \(next)")
    }

    private init(_ url: String, headers: [Header]) throws(AdapterError) {
        self.init(.address(url, headers: headers), granted: try WebAddress(url).host)
    }

    private init(_ way: Way, granted: String) {
        self.way = way
        self.granted = granted
    }

    private init(_ map: HashMap, _ call: EffectCall) throws(AdapterError) {
        let params = Params(map)
        let keys: [KnownName] = [.command, .env, .dir, .url, .headers]
        for (key, _) in map.entries where !(key.knownKeyword.map(keys.contains) ?? false) {
            throw .parameter(
                "a server has no key \(ValueKey.shown(key)); its keys are \(keys.map { ":\($0.rawValue)" }.joined(separator: " "))"
            )
        }
        let (url, command) = (try params.string(.url), params.value(.command))
        switch (url, command) {
        case (nil, nil): throw .parameter("a server needs a :url, or a :command such as [\"npx\" \"server\"]")
        case (.some, .some): throw .parameter("a server has a :url or a :command, but this one has both; remove one")
        case (let url?, nil):
            let headers = try HTTPEffects.pairs(params, .headers).map { Header(name: $0.name, value: $0.value) }
            try self.init(url, headers: headers)
        case (nil, let command?):
            let arguments = try ProcessEffects.strings(params, .command, command)
            guard let program = arguments.first, !program.isEmpty else {
                throw params.wrong(.command, "a vector with a program and its arguments", command)
            }
            let directory = try params.string(.dir).map(call.place)
            self.init(
                .program(arguments, directory: directory, try ProcessEffects.environment(params)), granted: program)
        }
    }

    /// Asks for what using it touches: the server itself, and as for `:proc/run` the directory that it runs in and the variables
    /// that are passed on to it.
    func allow(_ call: EffectCall) throws(AdapterError) {
        try call.allow(.mcp(server: granted))
        guard case .program(_, let directory, let environment) = way else { return }
        for name in environment.inherited.sorted() where !ProcessEnvironment.isUsual(name) {
            try call.allow(.env(name))
        }
        if let directory { try call.allowRead(directory) }
    }
}
