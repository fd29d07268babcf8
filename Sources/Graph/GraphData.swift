import Values

/// The data form of the graph (G1): `{:runtime … :needs … :channels … :effects … :meta … :workers … :phases … :systems
/// …}`.
package enum GraphData {
    /// The keys of the data form, for messages.
    static let sections = DeclarationKind.allCases.map(\.section)

    /// Reads a graph as data. Whatever is wrong becomes a finding of the node it belongs to, or a stray one.
    package static func read<Failure>(
        _ data: Value, names: Names, lookup: (Name) throws(Failure) -> FunctionReference
    ) throws(Failure) -> (nodes: [Node], strays: [Finding]) {
        var reading = Reading(names: names)
        guard case .map(let map) = data else {
            let finding = Finding(
                .wrongType, "a graph must be a map, but this is \(data.briefly)", at: nil,
                hint: "write {:channels {…} :workers {…}}")
            return ([], [finding])
        }
        for (index, entry) in map.entries.enumerated() {
            let spans = Reading.spans(map.origin, index)
            guard let kind = DeclarationKind.allCases.first(where: { $0.section == entry.key.knownKeyword }) else {
                reading.unknownSection(entry.key, place: spans.key)
                continue
            }
            reading.read(kind, entry.value, spans)
        }
        var nodes: [Node] = []
        for (declaration, findings) in reading.declarations {
            nodes.append(try declaration.node(names, lookup, findings: findings))
        }
        return (nodes, reading.strays)
    }

    /// The state of reading one graph.
    private struct Reading {
        let names: Names
        var declarations: [(declaration: Declaration, findings: [Finding])] = []
        var strays: [Finding] = []

        typealias Spans = (key: SourceLabel?, value: SourceLabel?)

        init(names: Names) { self.names = names }

        /// The places of entry `index` of a map.
        static func spans(_ origin: Origin?, _ index: Int) -> Spans {
            guard let origin, 2 * index + 1 < origin.children.count else { return (nil, nil) }
            return (
                SourceLabel(origin.source, origin.children[2 * index]),
                SourceLabel(origin.source, origin.children[2 * index + 1])
            )
        }

        mutating func unknownSection(_ key: Value, place: SourceLabel?) {
            let known = sections.map { ":\($0.rawValue)" }
            strays.append(
                Finding(
                    .unknownKey, "a graph has no key `\(shown(key))`", at: place,
                    because: "The keys of a graph are \(known.joined(separator: " ")).",
                    hint: Nearest.hint(for: shown(key), among: known)))
        }

        mutating func read(_ kind: DeclarationKind, _ section: Value, _ spans: Spans) {
            if section.isNil { return }
            switch (kind, section) {
            case (.configure, .map(let options)), (.needs, .map(let options)):
                let name = names.intern(nil, spans.key?.source.name ?? "data")
                add(kind, name, .map(options), (spans.key, spans.value), owner: kind)
            case (.system, .vector(let systems)): readSystems(systems)
            case (.configure, _), (.needs, _), (_, .vector), (_, .nil): wrongSection(kind, section, spans)
            case (_, .map(let entries)):
                for (index, entry) in entries.entries.enumerated() {
                    let places = Reading.spans(entries.origin, index)
                    guard case .keyword(let name) = entry.key else {
                        strays.append(
                            Finding(
                                .wrongType,
                                "the name of \(kind.withArticle) must be a keyword, but it is \(entry.key.briefly)",
                                at: places.key))
                        continue
                    }
                    add(kind, name, entry.value, places, owner: kind)
                }
            default: wrongSection(kind, section, spans)
            }
        }

        private mutating func wrongSection(_ kind: DeclarationKind, _ section: Value, _ spans: Spans) {
            let expected = kind == .system ? "a vector of maps" : "a map"
            strays.append(
                Finding(
                    .wrongType, ":\(kind.section.rawValue) must be \(expected), but it is \(section.briefly)",
                    at: spans.value))
        }

        /// `[{:id :greeter :fn shop.main/greeter}]`, in the order they run.
        private mutating func readSystems(_ systems: Vector) {
            for (index, element) in systems.elements.enumerated() {
                let place = systems.origin.flatMap { origin in
                    index < origin.children.count ? SourceLabel(origin.source, origin.children[index]) : nil
                }
                guard case .map(var options) = element, case .keyword(let name)? = options.option(.id) else {
                    strays.append(
                        Finding(
                            .missingKey, "a system of :systems needs an :id, a keyword", at: place,
                            hint: "write {:id :greeter :fn shop.main/greeter}"))
                    continue
                }
                try? HashMap.remove(&options, .kw(.id))
                let site = Site(
                    source: place?.source, span: place?.span, nameSpan: nil, options: element, optionsSpan: place?.span)
                declarations.append((Declaration(.system, name, options: options, site: site), []))
            }
        }

        private mutating func add(
            _ kind: DeclarationKind, _ name: Name, _ value: Value, _ spans: Spans, owner: DeclarationKind
        ) {
            var form = value
            var findings: [Finding] = []
            if kind == .phases, case .vector = value { form = phases(value, spans) }
            var options = HashMap()
            if case .map(let map) = form {
                options = map
            } else if !value.isNil {
                let title = "the options of \(NodeID(kind, name)) must be a map, but they are \(value.briefly)"
                findings.append(Finding(.wrongType, title, at: spans.value))
            }
            let site = Site(
                source: spans.key?.source, span: spans.key?.span, nameSpan: spans.key?.span, options: form,
                optionsSpan: spans.value?.span)
            declarations.append((Declaration(kind, name, options: options, site: site), findings))
        }

        /// The vector of a plan's phases, as the options that `defphases` would give; its places go with it.
        private func phases(_ value: Value, _ spans: Spans) -> Value {
            var origin: Origin?
            if let key = spans.key, let place = spans.value {
                origin = Origin(source: place.source, span: place.span, children: [key.span, place.span])
            }
            let map = try? HashMap.of([(.kw(.phases), value)], extra: Extra.of(meta: nil, origin: origin))
            return map.map { .map($0) } ?? value
        }
    }
}

extension Graph {
    /// The graph as plain data: what `read` takes. Functions are qualified symbols.
    package var data: Value {
        var result = HashMap()
        for kind in DeclarationKind.allCases {
            let nodes = all(kind)
            guard !nodes.isEmpty else { continue }
            put(&result, kind.section, section(kind, nodes))
        }
        return .map(result)
    }

    private func section(_ kind: DeclarationKind, _ nodes: [Node]) -> Value {
        switch kind {
        case .configure: return .map(configuration)
        case .needs: return .map(needs)
        case .system:
            return .vector(
                nodes.map { node in
                    var options = HashMap()
                    put(&options, .id, .keyword(node.id.name))
                    for (key, value) in node.options.entries { try? HashMap.set(&options, key, value) }
                    return Value.map(options)
                })
        default:
            var section = HashMap()
            for node in nodes { try? HashMap.set(&section, .keyword(node.id.name), options(of: node)) }
            return .map(section)
        }
    }

    private func options(of node: Node) -> Value {
        // A plan that is nothing but its phases is written as their vector.
        if node.id.kind == .phases, node.options.count == 1, let phases = node[.phases] { return phases }
        return .map(node.options)
    }

    /// What all `configure` forms say together; where two give the same key, the later one holds.
    package var configuration: HashMap {
        all(.configure).reduce(HashMap()) { Graph.merge($0, $1.options) }
    }

    private static func merge(_ first: HashMap, _ second: HashMap) -> HashMap {
        var merged = first
        for (key, value) in second.entries {
            if case .map(let inner) = value, case .map(let outer)? = (try? merged.find(key)) ?? nil {
                try? HashMap.set(&merged, key, .map(merge(outer, inner)))
            } else {
                try? HashMap.set(&merged, key, value)
            }
        }
        return merged
    }

    /// What all `needs` forms ask for together.
    package var needs: HashMap {
        var result = HashMap()
        for node in all(.needs) {
            for (key, value) in node.options.entries {
                let before = (try? result.find(key)) ?? nil
                try? HashMap.set(&result, key, Graph.union(before, value))
            }
        }
        return result
    }

    private static func union(_ first: Value?, _ second: Value) -> Value {
        guard let first else { return second }
        // `true` stands for all of a kind.
        if case .bool = first { return first.isTruthy ? first : second }
        if case .bool = second { return second.isTruthy ? second : first }
        let old = elements(first)
        return .vector(old + elements(second).filter { new in !old.contains { (try? $0.equals(new)) ?? false } })
    }

    /// The elements of a vector, a list or a set; a value that is none of these stands for itself.
    static func elements(_ value: Value) -> [Value] {
        switch value {
        case .nil: []
        case .vector(let vector): vector.elements
        case .list(let list): list.elements ?? []
        case .set(let set): set.elementVector().elements
        default: [value]
        }
    }

    private func put(_ map: inout HashMap, _ key: KnownName, _ value: Value) { HashMap.put(&map, key, value) }
}

// Keywords are compared as words, so finding and setting one cannot fail.
extension HashMap {
    /// The value of an option; nil when it is absent.
    func option(_ key: KnownName) -> Value? { (try? find(.kw(key))) ?? nil }

    static func put(_ map: inout HashMap, _ key: KnownName, _ value: Value) { try? set(&map, .kw(key), value) }
}
