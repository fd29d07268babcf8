import Values

/// A configuration of components that refer to one another (D22): worker systems among them, in the order they start.
///
/// ```
/// {:app/definition {:channels … :workers …}
///  :d-core.core.workers/system {:definition #ig/ref :app/definition :components {:obs #ig/ref :app/obs}}}
/// ```
package struct ComponentForm: Sendable {
    /// One entry that makes a running system.
    package struct System: Sendable {
        package let key: Name
        /// The graph as data, found where the reference leads.
        package let definition: Value
        /// Where the reference leads.
        package let definitionKey: Name?
        /// What workers find under `:components`: its name there, and a value with references in it.
        package let components: HashMap
        package let isDevGuarded: Bool
        package let guardMs: Int64
    }

    /// Every key, dependencies first; stop in reverse.
    package private(set) var order: [Name] = []
    package private(set) var systems: [System] = []
    package private(set) var findings: [Finding] = []
    private let map: HashMap

    /// Whether data is meant as this form: some entry has a `:definition`, and no section of a graph stands beside it.
    package static func recognises(_ data: Value) -> Bool {
        guard case .map(let map) = data, !GraphData.sections.contains(where: { map.option($0) != nil }) else {
            return false
        }
        return map.entries.contains { entry in
            guard case .map(let options) = entry.value else { return false }
            return options.option(.definition) != nil
        }
    }

    /// Reads the form; what is wrong with it is in `findings`.
    package init(_ map: HashMap) {
        self.map = map
        let keys: [Name] = map.entries.compactMap { if case .keyword(let name) = $0.key { name } else { nil } }
        sort(keys)
        for key in order {
            guard case .map(let options)? = value(key), let definition = options.option(.definition) else { continue }
            addSystem(key, options, definition)
        }
        for more in systems.dropFirst() {
            findings.append(
                Finding(
                    .secondSystem, ":\(more.key.description) is a second system beside :\(systems[0].key.description)",
                    at: site(more.key).whole, hint: "a run has one: give it the channels and workers of both"))
        }
    }

    /// What a key is configured with.
    package func value(_ key: Name) -> Value? { (try? map.find(.keyword(key))) ?? nil }

    /// The key that `#ig/ref :key` refers to; nil for any other value.
    package static func reference(_ value: Value) -> Name? {
        guard case .object(let object) = value, let literal = object as? TaggedLiteral,
            literal.tag == KnownName.igRef.name,
            case .keyword(let name) = literal.form
        else { return nil }
        return name
    }

    private mutating func addSystem(_ key: Name, _ options: HashMap, _ definition: Value) {
        let node = Node(id: NodeID(.configure, key), options: options, site: site(key))
        var check = OptionCheck(node)
        check.check(options, DeclarationKeys.component, owner: ":\(key.description)", [])
        findings += check.findings
        var components = HashMap()
        if case .map(let given)? = options.option(.components) { components = given }
        systems.append(
            System(
                key: key, definition: ComponentForm.reference(definition).flatMap { value($0) } ?? definition,
                definitionKey: ComponentForm.reference(definition),
                components: components, isDevGuarded: node.flag(.devGuard), guardMs: node.whole(.guardMs, 50)))
    }

    private func site(_ key: Name) -> Site {
        guard let index = map.entries.enumerated().first(where: { $0.element.key.isKeyword(key) })?.offset,
            let origin = map.origin, 2 * index + 1 < origin.children.count
        else { return .unknown }
        return Site(
            source: origin.source, span: origin.children[2 * index], nameSpan: origin.children[2 * index],
            options: value(key) ?? .nil, optionsSpan: origin.children[2 * index + 1])
    }

    /// Every reference within a value, with the path to it.
    private static func references(_ value: Value) -> [(path: [Value], key: Name)] {
        var found: [(path: [Value], key: Name)] = []
        var pending: [(path: [Value], value: Value)] = [([], value)]
        while let (path, value) = pending.popLast() {
            if let key = reference(value) {
                found.append((path, key))
                continue
            }
            switch value {
            case .map(let map):
                for (key, inner) in map.entries.reversed() { pending.append((path + [key], inner)) }
            case .vector, .list, .set:
                for (index, inner) in Graph.elements(value).enumerated().reversed() {
                    pending.append((path + [.int(Int64(index))], inner))
                }
            default: continue
            }
        }
        return found
    }

    /// Dependencies first, else in the order written; a cycle is a finding with its path.
    private mutating func sort(_ keys: [Name]) {
        var edges: [Int: [Int]] = [:]
        for (index, key) in keys.enumerated() {
            for (path, target) in ComponentForm.references(value(key) ?? .nil) {
                if let found = keys.firstIndex(of: target) {
                    edges[index, default: []].append(found)
                } else {
                    findings.append(
                        Finding(
                            .missingComponent,
                            ":\(key.description) refers to `:\(target.description)`, which is not configured",
                            at: site(key).place(of: path), hint: GraphChecker.nearest(target, among: keys)))
                }
            }
        }
        for cycle in Cycles.find(count: keys.count, edges) {
            let path = (cycle + [cycle[0]]).map { ":\(keys[$0].description)" }.joined(separator: " → ")
            findings.append(
                Finding(.cycle, "components refer to one another in a circle: \(path)", at: site(keys[cycle[0]]).whole))
        }
        var state = [Int](repeating: 0, count: keys.count)
        for start in keys.indices where state[start] == 0 {
            var path = [(node: start, next: 0)]
            state[start] = 1
            while let (node, next) = path.last {
                let targets = edges[node] ?? []
                if next < targets.count {
                    path[path.count - 1].next += 1
                    if state[targets[next]] == 0 {
                        state[targets[next]] = 1
                        path.append((targets[next], 0))
                    }
                } else {
                    order.append(keys[node])
                    path.removeLast()
                }
            }
        }
    }
}

extension Value {
    fileprivate func isKeyword(_ name: Name) -> Bool {
        if case .keyword(let own) = self { own == name } else { false }
    }
}
