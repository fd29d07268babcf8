import Values

// Meta, groups, phases and effect types.
extension GraphChecker {
    /// A map, a name, or a vector of these; `path` leads to it from the options.
    mutating func checkMetaNames(_ meta: Value, _ node: Node, path: [Value]) {
        switch meta {
        case .keyword(let name): checkMetaName(name, node, at: node.site.place(of: path))
        case .map(let map): checkGroups(of: map, node, path: path)
        case .vector(let parts):
            for (index, part) in parts.elements.enumerated() {
                if case .vector = part { continue }
                checkMetaNames(part, node, path: path + [.int(Int64(index))])
            }
        default: return
        }
    }

    /// - Parameter node: nil for code outside of declarations.
    mutating func checkMetaName(_ name: Name, _ node: Node?, at place: SourceLabel?) {
        guard graph[.meta, name] == nil else { return }
        undeclared(
            .undeclaredMeta, NodeID(.meta, name),
            "\(node.map { "\($0.id)" } ?? "the script") names the meta `:\(name.description)`, which is not declared",
            at: place)
    }

    /// A group that waits for itself never starts.
    mutating func checkGroups(of meta: HashMap, _ node: Node, path: [Value]) {
        guard let group = meta.option(.group), let waits = meta.option(.dependsOn) else { return }
        for (index, other) in Graph.elements(waits).enumerated() where GraphChecker.isSame(group, other) {
            add(
                .cycle, "the group \(shown(group)) of \(node.id) depends on itself",
                at: node.site.place(of: path + [.kw(.dependsOn), .int(Int64(index))]),
                related: [node.site.place(of: path + [.kw(.group)])], hint: "remove it from `:depends-on`")
        }
    }

    static func isSame(_ left: Value, _ right: Value) -> Bool { (try? left.equals(right)) ?? false }

    mutating func checkEffectType(_ type: Name, at place: SourceLabel?) {
        guard !context.effectTypes.isEmpty else { return }
        let known = context.effectTypes + graph.names(of: .effect)
        guard !known.contains(type) else { return }
        undeclared(
            .unknownEffect, NodeID(.effect, type), "no effect type is called `:\(type.description)`", at: place,
            hint: GraphChecker.nearest(type, among: known) ?? "declare it: (defeffect :\(type.description) …)")
    }

    /// Limits and rates are for effect types that exist.
    mutating func checkLimits(_ node: Node) {
        guard case .map(let effects)? = node[.effects] else { return }
        for key in [KnownName.limits, .rate] {
            guard case .map(let types)? = effects.option(key) else { continue }
            for (type, _) in types.entries {
                guard case .keyword(let name) = type else { continue }
                checkEffectType(name, at: node.site.place(of: [.kw(.effects), .kw(key), type], .key))
            }
        }
    }

    /// One phase of a plan.
    private struct Phase {
        let group: Value
        let map: HashMap
        let effects: [Value]
        let path: [Value]
    }

    private func phases(of node: Node) -> [Phase] {
        guard case .vector(let rows)? = node[.phases] else { return [] }
        return rows.elements.enumerated().compactMap { index, row in
            guard case .map(let map) = row else { return nil }
            let usual = Value.vector([.kw(.phase), .int(Int64(index + 1))])
            return Phase(
                group: map.option(.group) ?? usual, map: map, effects: map.option(.effects).map(Graph.elements) ?? [],
                path: [.kw(.phases), .int(Int64(index))])
        }
    }

    mutating func checkPhases(_ node: Node) {
        if node[.phases] == nil, node[.fn] == nil {
            add(.missingKey, "\(node.id) has neither `:phases` nor `:fn`: nothing to run", at: node.site.whole)
        }
        let phases = phases(of: node)
        // A group is all phases of its name, and counts as the first of them.
        let first = phases.map { phase in phases.firstIndex { GraphChecker.isSame($0.group, phase.group) } ?? 0 }
        let repeated = Dictionary(
            zip(first, phases.indices).filter { $0 != $1 }, uniquingKeysWith: { earlier, _ in earlier })
        let edges = waits(node, phases, first)
        for phase in phases { checkEffects(of: phase, node) }
        for cycle in Cycles.find(count: phases.count, edges) {
            if let index = cycle.first(where: { repeated[$0] != nil }), let later = repeated[index] {
                repeatedGroup(node, phases[index], phases[later])
                continue
            }
            // Phases wait for the one before, so a cycle reads best from its first phase.
            let first = cycle.firstIndex(of: cycle.min() ?? 0) ?? 0
            let turned = Array(cycle[first...] + cycle[..<first])
            let path = (turned + [turned[0]]).map { shown(phases[$0].group) }.joined(separator: " → ")
            add(
                .cycle, "the phases of \(node.id) wait for one another: \(path)",
                at: node.site.place(of: phases[turned[0]].path + [.kw(.dependsOn)]),
                because: "A phase without a `:depends-on` of its own depends on the one before it.")
        }
        lint(node, phases)
    }

    /// What each group waits for: all that any of its phases does.
    private mutating func waits(_ node: Node, _ phases: [Phase], _ first: [Int]) -> [Int: [Int]] {
        var edges: [Int: [Int]] = [:]
        for (index, phase) in phases.enumerated() {
            if index > 0, phase.map.option(.dependsOn) == nil {
                edges[first[index], default: []].append(first[index - 1])
            }
            for (position, other) in Graph.elements(phase.map.option(.dependsOn) ?? .nil).enumerated() {
                if let found = phases.firstIndex(where: { GraphChecker.isSame($0.group, other) }) {
                    edges[first[index], default: []].append(found)
                } else {
                    checkGroup(
                        other, node, phases,
                        at: node.site.place(of: phase.path + [.kw(.dependsOn), .int(Int64(position))]))
                }
            }
        }
        return edges
    }

    /// Phases of one name make one group, which waits for what comes between them and so for itself.
    private mutating func repeatedGroup(_ node: Node, _ first: Phase, _ second: Phase) {
        add(
            .cycle, "two phases of \(node.id) are called \(shown(second.group)), so that it waits for itself",
            at: node.site.place(of: second.path + [.kw(.group)]),
            related: [node.site.place(of: first.path + [.kw(.group)])],
            because: "Effects of one group belong together, and a phase waits for the one before it.",
            hint: "give the second another name, or put its effects into the first")
    }

    /// J19: a name that the plan lacks means an earlier batch's, so some declaration must have it.
    private mutating func checkGroup(_ group: Value, _ node: Node, _ phases: [Phase], at place: SourceLabel?) {
        var known = phases.map(\.group)
        for other in graph.all(.phases) where other.id != node.id { known += self.phases(of: other).map(\.group) }
        known += graph.all(.meta).compactMap { $0[.group] }
        guard !known.contains(where: { GraphChecker.isSame($0, group) }) else { return }
        undeclared(
            .undeclaredGroup, "\(node.id) depends on the group `\(shown(group))`, which no plan and no meta declares",
            at: place,
            hint: Nearest.hint(for: shown(group), among: known.map { shown($0) })
                ?? "its own groups are \(phases.map { shown($0.group) }.joined(separator: " "))"
        ) { other in
            // The phases of a plan that was not run are not known.
            other.id.kind == .phases
                || other.id.kind == .meta && other[.group].map { GraphChecker.isSame($0, group) } ?? false
        }
    }

    private mutating func checkEffects(of phase: Phase, _ node: Node) {
        for (index, effect) in phase.effects.enumerated() {
            let path = phase.path + [.kw(.effects), .int(Int64(index))]
            guard case .map(let map) = effect, case .keyword(let type)? = map.option(.effectSlashType) else {
                add(
                    .wrongType,
                    "an effect of \(node.id) must be a map with an `:effect/type`, but it is \(effect.briefly)",
                    at: node.site.place(of: path))
                continue
            }
            checkEffectType(type, at: node.site.place(of: path + [.kw(.effectSlashType)]))
            var meta = phase.map
            if let own = map.option(.meta) {
                checkMetaNames(own, node, path: path + [.kw(.meta)])
                if case .map(let own) = own {
                    for (key, value) in own.entries { try? HashMap.set(&meta, key, value) }
                    var check = OptionCheck(node)
                    check.check(own, DeclarationKeys.meta, owner: "meta", path + [.kw(.meta)])
                    findings += check.findings
                }
            }
            if meta.option(.idempotencyKey) == nil, changesTheOutside(type, effect) {
                unkeyed(type, at: node.site.place(of: path + [.kw(.effectSlashType)]))
            }
        }
    }

    /// A script's own type acts on the outside when it needs the net, programs or tools.
    private func changesTheOutside(_ type: Name, _ params: Value) -> Bool {
        guard let own = graph[.effect, type] else { return Effects.changesTheOutside(type, params) }
        return Graph.elements(own[.needs] ?? .nil).contains { need in
            switch need.knownKeyword {
            case .net, .run, .mcp: true
            default: false
            }
        }
    }

    private mutating func lint(_ node: Node, _ phases: [Phase]) {
        let effects = phases.reduce(0) { $0 + $1.effects.count }
        if node[.fn] == nil, phases.count > 1, effects < 5 {
            add(
                .smallBatch, "\(node.id) has \(phases.count) groups for \(effects) effects", at: node.site.whole,
                because: "Groups pay off in batches of five effects or more.",
                hint: "perform them one after the other in a worker")
        }
        if phases.count > 5 {
            add(
                .manyGroups, "\(node.id) has \(phases.count) groups", at: node.site.whole,
                because: "More than five are hard to follow.", hint: "split the plan")
        }
    }
}
