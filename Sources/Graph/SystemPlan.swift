import Engine
import Machine
import Runtime
import Values

/// A graph with every default filled in, every name followed and every function found: what is started.
///
/// The one place that turns declarations into what the runtime and the engine take; a node that is declared again is
/// planned again by the same initialisers (G3).
package struct SystemPlan: Sendable {
    /// What it was made from, which keeps its names.
    package let graph: Graph
    package let settings: Settings
    /// Channels and workers as the runtime takes them.
    package let workers: SystemSpec
    package let effects: [EffectPlan]
    /// With where each is declared.
    package let systems: [(name: Name, function: Value, place: SourceLabel?)]
    package let phases: [PhasesPlan]
    /// The maps that `defmeta` names.
    package let metas: [Name: HashMap]
    package let needs: [CapabilityRequest]

    /// What `configure` says, P1's defaults for the rest.
    package struct Settings: Sendable {
        package let tickMs: Int64
        package let engine: EngineConfiguration
        package let isDevGuarded: Bool
        package let guardMs: Int64
        package let paths: [String]
        /// Servers of tools by their keywords, as they were declared.
        package let servers: HashMap
    }

    /// The findings that stop a start: errors, and functions that nobody has found.
    package struct Refusal: Error, Sendable {
        package let findings: [Finding]
    }

    package init(_ graph: Graph, _ context: CheckContext = CheckContext()) throws(Refusal) {
        let stopping = graph.check(context).filter(\.preventsStart)
        guard stopping.isEmpty else { throw Refusal(findings: stopping) }
        self.graph = graph
        settings = Settings(graph.configuration)
        workers = SystemSpec(
            channels: graph.all(.channel).map { ChannelSpec($0) },
            workers: graph.all(.worker).map { WorkerSpec($0, in: graph) }, isGuarded: settings.isDevGuarded,
            guardMs: settings.guardMs)
        effects = graph.all(.effect).compactMap { EffectPlan($0) }
        systems = graph.all(.system).compactMap { node in
            node.functions[.fn]?.value.map { (node.id.name, $0, node.site.whole) }
        }
        phases = graph.all(.phases).map { PhasesPlan($0) }
        metas = graph.metas
        needs = graph.capabilities
    }
}

extension SystemPlan.Settings {
    package init(_ map: HashMap) {
        tickMs = map.option(.tickMs)?.intValue ?? 100
        isDevGuarded = map.option(.devGuard)?.isTruthy ?? false
        guardMs = map.option(.guardMs)?.intValue ?? 50
        paths = Graph.elements(map.option(.paths) ?? .nil).compactMap(\.stringValue)
        servers = map.servers
        if case .map(let effects)? = map.option(.effects), let read = try? EngineConfiguration(effects) {
            engine = read
        } else {
            engine = EngineConfiguration()
        }
    }
}

extension ChannelSpec {
    /// A declared channel (D1–D3).
    package init(_ node: Node) {
        let count = Int(node.whole(.buffer, 0))
        let buffering: Buffering =
            switch node.choice(.bufferType, .fixed) {
            case .dropping: .dropping(count)
            case .sliding: .sliding(count)
            default: .fixed(count)
            }
        let putMode: PutMode =
            switch node.choice(.putMode, .async) {
            case .block: .block
            case .drop: .drop
            default: .async
            }
        self.init(node.id.name, buffering, putMode: putMode)
    }
}

extension WorkerSpec {
    /// A declared worker (D5–D10); names of meta are followed, and vectors of it merged.
    package init(_ node: Node, in graph: Graph) {
        var restart: Restart?
        if case .map(let map)? = node[.restart] {
            restart = Restart(
                max: Int(map.option(.max)?.intValue ?? 5), perMs: map.option(.perMs)?.intValue ?? 60_000,
                backoffMs: map.option(.backoffMs)?.intValue ?? 100)
        }
        self.init(
            node.id.name, WorkerSpec.kind(of: node), function: node.functions[.workerFn]?.value ?? .nil,
            output: node.keyword(.outputChan), failures: node.keyword(.failChan), isExposed: node.flag(.exposed),
            dispatch: node.choice(.dispatch, .go) == .thread ? .thread : .go, parallel: Int(node.whole(.parallel, 1)),
            restart: restart, meta: node[.meta].map { .map(graph.meta($0)) } ?? .nil, isDurable: node.flag(.isDurable))
    }

    private static func kind(of node: Node) -> Kind {
        // The checker has seen that a command worker has its channel.
        guard node.choice(.kind, .command) == .ticker else { return .command(input: node.keyword(.in) ?? node.id.name) }
        return .ticker(
            node[.cron]?.stringValue.flatMap { Timing(cron: $0) } ?? .every(ms: node.whole(.intervalMs, 1000)))
    }
}

extension WorkerSpec.Timing {
    /// Nil when the text is no cron expression.
    init?(cron text: String) {
        guard let schedule = CronSchedule(text) else { return nil }
        self = .schedule { schedule.next(after: $0) }
    }
}

/// An effect type of the script (P26).
package struct EffectPlan: Sendable {
    package let name: Name
    package let doc: String
    package let params: [EffectType.Param]
    package let needs: CapabilityKinds
    package let recovery: EffectType.Recovery
    package let merge: Value?
    package let handler: Value
    package let timeout: EffectType.DefaultTimeout

    /// Nil when its handler was not found.
    package init?(_ node: Node) {
        guard let handler = node.functions[.handler]?.value else { return nil }
        self.handler = handler
        name = node.id.name
        doc = node[.doc]?.stringValue ?? ""
        merge = node.functions[.merge]?.value
        recovery = EffectType.Recovery(rawValue: node.choice(.recovery, .fail).rawValue) ?? .fail
        needs = CapabilityKinds(
            Graph.elements(node[.needs] ?? .nil).compactMap {
                $0.knownKeyword.flatMap { CapabilityKind(rawValue: $0.rawValue) }
            })
        if let given = node.options.option(.timeoutMs) {
            timeout = given.intValue.flatMap { $0 > 0 ? .ms($0) : nil } ?? .none
        } else {
            timeout = .engine
        }
        var params: [EffectType.Param] = []
        if case .map(let map)? = node[.params] {
            for case (.keyword(let key), .keyword(let type)) in map.entries {
                params.append(EffectType.Param(key, EffectType.ParamType(rawValue: type.name) ?? .any, required: true))
            }
        }
        self.params = params
    }
}

/// A named plan of phases (J32).
package struct PhasesPlan: Sendable {
    package let name: Name
    /// The meta of each phase in order, its group filled in, and its effects when they are data.
    package let rows: [HashMap]
    /// Called with the plan's arguments; a vector of effects for each phase. Nil when the effects are data.
    package let function: Value?

    package init(_ node: Node) {
        name = node.id.name
        function = node.functions[.fn]?.value
        rows = Graph.elements(node[.phases] ?? .nil).enumerated().compactMap { index, row in
            guard case .map(let map) = row else { return nil }
            return PhasesPlan.row(map, at: index)
        }
    }

    /// The plan as the language passes it on: `{:name :phases :fn}`.
    var value: Value {
        .record((.name, .keyword(name)), (.phases, .vector(rows.map { .map($0) })), (.fn, function ?? .nil))
    }

    /// Reads what `value` gives.
    init(_ map: HashMap) {
        if case .keyword(let name)? = map.option(.name) { self.name = name } else { name = KnownName.phases.name }
        rows = Graph.elements(map.option(.phases) ?? .nil).compactMap {
            if case .map(let row) = $0 { row } else { nil }
        }
        function = map.option(.fn).flatMap { $0.isNil ? nil : $0 }
    }

    /// The meta of the phase at `index`, counted from 0, with its group.
    static func row(_ given: HashMap, at index: Int) -> HashMap {
        var row = given
        if row.option(.group) == nil { HashMap.put(&row, .group, .vector([.kw(.phase), .int(Int64(index + 1))])) }
        return row
    }
}

/// One kind of capability that the script asks for.
package struct CapabilityRequest: Sendable, Equatable {
    package let kind: CapabilityKind
    /// Paths, hosts, programs …; nil for all of the kind.
    package let what: [String]?

    package init(kind: CapabilityKind, what: [String]?) {
        self.kind = kind
        self.what = what
    }
}

extension Graph {
    /// The maps that `defmeta` names.
    package var metas: [Name: HashMap] {
        Dictionary(all(.meta).map { ($0.id.name, $0.options) }, uniquingKeysWith: { $1 })
    }

    /// A map, the name of a `defmeta` or a vector of these, as one map: later ones win.
    package func meta(_ value: Value) -> HashMap {
        switch value {
        case .map(let map): return map
        case .keyword(let name): return self[.meta, name]?.options ?? HashMap()
        case .vector(let parts):
            var merged = HashMap()
            for part in parts.elements {
                if case .vector = part { continue }
                for (key, value) in meta(part).entries { try? HashMap.set(&merged, key, value) }
            }
            return merged
        default: return HashMap()
        }
    }

    /// What using the configured servers needs, each once.
    private var grantedServers: [String] {
        var found: [String] = []
        for (_, server) in configuration.servers.entries {
            if let what = Graph.granted(server), !found.contains(what) { found.append(what) }
        }
        return found
    }

    /// What using a configured server needs: its program, or the host of its address.
    private static func granted(_ server: Value) -> String? {
        guard case .map(let map) = server else { return nil }
        if let program = elements(map.option(.command) ?? .nil).first?.stringValue { return program }
        guard let url = map.option(.url)?.stringValue, case .mcp(let host)? = Need.mcp(url: url) else { return nil }
        return host
    }

    /// Every capability the script asks for, in the order of the table: what `check` lists and a run must grant. A kind
    /// that only an effect type needs is asked for whole.
    package var capabilities: [CapabilityRequest] {
        let needs = self.needs
        let servers = grantedServers
        let ofEffects = all(.effect).flatMap { Graph.elements($0[.needs] ?? .nil) }.compactMap(\.knownKeyword)
        return CapabilityKind.allCases.compactMap { kind in
            guard let key = KnownName(rawValue: kind.rawValue) else { return nil }
            if let asked = needs.option(key) {
                if case .bool(let all) = asked { return all ? CapabilityRequest(kind: kind, what: nil) : nil }
                let named = Graph.elements(asked).compactMap(\.stringValue)
                let others = kind == .mcp ? servers.filter { !named.contains($0) } : []
                return CapabilityRequest(kind: kind, what: named + others)
            }
            if kind == .mcp, !servers.isEmpty, !ofEffects.contains(key) {
                return CapabilityRequest(kind: kind, what: servers)
            }
            return ofEffects.contains(key) ? CapabilityRequest(kind: kind, what: nil) : nil
        }
    }
}

extension HashMap {
    /// The servers of tools that a configuration declares, by their keywords.
    fileprivate var servers: HashMap {
        guard case .map(let mcp)? = option(.mcp), case .map(let servers)? = mcp.option(.servers) else {
            return HashMap()
        }
        return servers
    }
}
