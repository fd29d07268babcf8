import Values

/// What a run can be allowed to touch: the one table of kinds. The raw value is what `--allow` and `:needs` call it.
package enum CapabilityKind: String, CaseIterable, Sendable {
    case read, write, net, run, env, code, mcp, all

    /// What `WHAT` in `--allow KIND=WHAT` is; nil when the kind takes none.
    package var what: String? {
        switch self {
        case .read, .write: "a file or folder"
        case .net: "a host, host:port or *.domain"
        case .run: "a program"
        case .env: "a variable, or a prefix with *"
        case .mcp: "a server's program or host"
        case .code, .all: nil
        }
    }

    package var doc: String {
        switch self {
        case .read: "read files in or below it"
        case .write: "create, change and delete files in or below it"
        case .net: "connect to it"
        case .run: "run it"
        case .env: "read it from the environment"
        case .code: "evaluate code made at run time"
        case .mcp: "use the tools of it"
        case .all: "everything"
        }
    }
}

/// Some of the kinds, as one byte.
package struct CapabilityKinds: ExpressibleByArrayLiteral, Equatable, Sendable {
    private var bits: UInt8 = 0

    package init(_ kinds: some Sequence<CapabilityKind>) { for kind in kinds { bits |= CapabilityKinds.bit(kind) } }
    package init(arrayLiteral kinds: CapabilityKind...) { self.init(kinds) }

    private static func bit(_ kind: CapabilityKind) -> UInt8 {
        switch kind {
        case .read: 1
        case .write: 2
        case .net: 4
        case .run: 8
        case .env: 16
        case .code: 32
        case .mcp: 64
        case .all: 128
        }
    }
}

/// One thing that is about to be touched.
package enum Need: Equatable, Sendable {
    case read(path: String)
    case write(path: String)
    /// Port 0 stands for any.
    case net(host: String, port: Int)
    case run(program: String)
    case env(String)
    case code
    /// A server of tools: its program as the script wrote it, or the host of its address.
    case mcp(server: String)

    package var kind: CapabilityKind {
        switch self {
        case .read: .read
        case .write: .write
        case .net: .net
        case .run: .run
        case .env: .env
        case .code: .code
        case .mcp: .mcp
        }
    }
}

extension Need {
    /// What using the server of tools at an address needs; nil for what is no address.
    package static func mcp(url: String) -> Need? { HostPattern(url: url).map { .mcp(server: $0.host) } }
}

/// What a run may touch. A value: a part of a program may be given less than the whole.
package struct Capabilities: Sendable {
    private var everything = false
    private var allOf: Set<CapabilityKind> = []
    /// Canonical paths: what they name and all below.
    private var readable: [String] = []
    private var writable: [String] = []
    private var hosts: [HostPattern] = []
    private var programs: Set<String> = []
    private var variables: [String] = []
    private var servers: Set<String> = []
    /// What relative paths are relative to: a canonical path.
    package let workingDirectory: String

    /// Nothing at all.
    package init(workingDirectory: String) {
        self.workingDirectory = CanonicalPath.of(workingDirectory, in: "/")
    }

    /// Everything: for hosts that trust the script.
    package static func unrestricted(workingDirectory: String) -> Capabilities {
        var made = Capabilities(workingDirectory: workingDirectory)
        made.everything = true
        return made
    }

    /// What is granted without asking: files below the working directory and the script's own, paths given as
    /// arguments, the configured model endpoint, and the variables `OPENAI_*`.
    ///
    /// - Parameters:
    /// - arguments: the script's; those that name something existing or stand below an existing folder count as paths.
    /// - modelEndpoint: the URL of the configured model server.
    package static func usual(
        workingDirectory: String, scriptDirectory: String?, arguments: [String] = [], modelEndpoint: String? = nil
    ) -> Capabilities {
        var made = Capabilities(workingDirectory: workingDirectory)
        let paths =
            [workingDirectory] + (scriptDirectory.map { [$0] } ?? [])
            + arguments.filter { CanonicalPath.looksLikePath($0, in: workingDirectory) }
        for path in paths {
            made.allow(.read(path: path))
            made.allow(.write(path: path))
        }
        if let modelEndpoint, let host = HostPattern(url: modelEndpoint) { made.hosts.append(host) }
        made.variables.append("OPENAI_*")
        return made
    }

    package mutating func allow(_ need: Need) {
        switch need {
        case .read(let path): readable.append(CanonicalPath.of(path, in: workingDirectory))
        case .write(let path): writable.append(CanonicalPath.of(path, in: workingDirectory))
        case .net(let host, let port): hosts.append(HostPattern(host: host, port: port))
        case .run(let program): programs.insert(program)
        case .env(let name): variables.append(name)
        case .code: allOf.insert(.code)
        case .mcp(let server): servers.insert(server)
        }
    }

    /// Everything of one kind.
    package mutating func allow(all kind: CapabilityKind) {
        if kind == .all { everything = true } else { allOf.insert(kind) }
    }

    /// Takes the argument of one `--allow`: `KIND` or `KIND=WHAT`.
    package mutating func allow(flag: String) throws(KeyError) {
        let parts = flag.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let kind = CapabilityKind(rawValue: parts[0]) else {
            let names = CapabilityKind.allCases.map(\.rawValue)
            let near = Nearest.name(to: parts[0], among: names).map { "did you mean \($0)?" }
            throw KeyError(
                path: [], message: "--allow does not know \"\(parts[0])\"",
                hint: near ?? "its kinds are \(names.joined(separator: " "))")
        }
        guard parts.count == 2 else { return allow(all: kind) }
        guard let what = kind.what else {
            throw KeyError(
                path: [], message: "--allow \(kind.rawValue) takes nothing after it",
                hint: "write --allow \(kind.rawValue)")
        }
        guard !parts[1].isEmpty else {
            throw KeyError(
                path: [], message: "--allow \(kind.rawValue)= names nothing",
                hint: "give \(what), or write --allow \(kind.rawValue) for all")
        }
        switch kind {
        case .read: allow(.read(path: parts[1]))
        case .write: allow(.write(path: parts[1]))
        case .net:
            guard let host = HostPattern(parts[1]) else {
                throw KeyError(
                    path: [], message: "--allow net=\(parts[1]) is not a host",
                    hint: "write host, host:port or *.domain")
            }
            hosts.append(host)
        case .run: allow(.run(program: parts[1]))
        case .env: allow(.env(parts[1]))
        case .mcp: allow(.mcp(server: parts[1]))
        case .code, .all: return
        }
    }

    /// Nil when it is granted, otherwise an error that names the flag that would allow it.
    package func refusal(of need: Need) -> EffectError? {
        if everything || allOf.contains(need.kind) { return nil }
        switch need {
        case .read(let path): return refusal(path, readable, "reading", .read)
        case .write(let path): return refusal(path, writable, "writing", .write)
        case .net(let host, let port):
            if hosts.contains(where: { $0.matches(host: host, port: port) }) { return nil }
            let shown = HostPattern(host: host, port: port).description
            return refused("connecting to \(shown)", "net=\(shown)")
        case .run(let program):
            // A name allows that name, not every file that happens to be called so.
            return programs.contains(program) ? nil : refused("running \"\(program)\"", "run=\(program)")
        case .env(let name):
            return variables.contains { Capabilities.matches($0, name) }
                ? nil : refused("reading the variable \(name)", "env=\(name)")
        case .code: return refused("evaluating code made at run time", "code")
        case .mcp(let server):
            return servers.contains(server) ? nil : refused("using the MCP server \(server)", "mcp=\(server)")
        }
    }

    private func refusal(_ path: String, _ roots: [String], _ doing: String, _ kind: CapabilityKind) -> EffectError? {
        let real = CanonicalPath.of(path, in: workingDirectory)
        if roots.contains(where: { CanonicalPath.contains($0, real) }) { return nil }
        return refused("\(doing) \"\(path)\"", "\(kind.rawValue)=\(real)")
    }

    private func refused(_ what: String, _ flag: String) -> EffectError {
        // A flag that a shell would take apart is shown in quotes.
        let plain = flag.utf8.allSatisfy { $0 > 32 && !"\"'\\$`*?[](){}<>|&;!#~".utf8.contains($0) }
        return EffectError(.notAllowed, "\(what) is not allowed; run with --allow \(plain ? flag : "'\(flag)'")")
    }

    private static func matches(_ pattern: String, _ name: String) -> Bool {
        pattern.last == "*" ? name.hasPrefix(pattern.dropLast()) : pattern == name
    }
}

/// `host`, `host:port`, `*.domain` or `*.domain:port`; without a port, any.
struct HostPattern: Equatable, Sendable, CustomStringConvertible {
    fileprivate var host: String
    private var port: Int

    init(host: String, port: Int) {
        self.host = HostPattern.normal(host)
        self.port = port
    }

    /// Nil for what is no host. IPv6 addresses stand in brackets when a port follows.
    init?(_ text: String) {
        var (host, port) = (text, 0)
        let isBareIPv6 = !text.hasPrefix("[") && text.utf8.filter { $0 == UInt8(ascii: ":") }.count > 1
        if !isBareIPv6, let colon = text.lastIndex(of: ":"), text[colon...].contains("]") == false {
            guard let number = Int(text[text.index(after: colon)...]), (1...65535).contains(number) else { return nil }
            (host, port) = (String(text[..<colon]), number)
        }
        guard !host.isEmpty, host.utf8.allSatisfy({ $0 > 32 && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "@") })
        else { return nil }
        guard !host.dropFirst().contains("*"), host.first != "*" || host.hasPrefix("*.") else { return nil }
        self.init(host: host, port: port)
    }

    /// The host and port of an http or https URL.
    init?(url: String) {
        guard let scheme = url.rangeOfText("://") else { return nil }
        var rest = url[scheme.upperBound...]
        rest = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        if let at = rest.lastIndex(of: "@") { rest = rest[rest.index(after: at)...] }
        guard let found = HostPattern(String(rest)), rest.first != "*" else { return nil }
        self = found
        if port == 0 { port = url.lowercased().hasPrefix("http://") ? 80 : 443 }
    }

    func matches(host other: String, port otherPort: Int) -> Bool {
        guard port == 0 || port == otherPort else { return false }
        let other = HostPattern.normal(other)
        // The domain itself is not one of its own subdomains.
        if host.hasPrefix("*.") { return other.hasSuffix(host.dropFirst()) && other.utf8.count > host.utf8.count - 1 }
        return host == other
    }

    var description: String {
        guard port != 0 else { return host }
        return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    private static func normal(_ host: String) -> String {
        var host = host.lowercased()
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        if host.hasSuffix("."), host.utf8.count > 1 { host.removeLast() }
        return host
    }
}
