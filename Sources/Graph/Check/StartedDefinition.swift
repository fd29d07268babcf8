import Runtime
import Values

/// A definition that a script hands to `start-workers` while it runs (D17, D25): what a check of the same data calls an error
/// stops its start as well (G2).
package enum StartedDefinition {
    /// What the runtime asks before it starts one.
    package static func reading(_ names: Names, find: @escaping @Sendable (Name) -> Value?) -> DefinitionReading {
        DefinitionReading(
            check: { (definition) throws(Fault) in try check(definition, names, find: find) },
            schedule: { WorkerSpec.Timing(cron: $0) })
    }

    /// - Parameter find: the var of a qualified name, in a namespace that is loaded.
    /// - Throws: the first error, with the number of the others.
    private static func check(_ definition: Value, _ names: Names, find: @escaping @Sendable (Name) -> Value?)
        throws(Fault)
    {
        // No namespace is loaded for it: whoever resolves the functions says which are not there.
        let read = GraphData.read(definition, names: names) { name in
            find(name).map { .found(name, $0) } ?? .unknownNamespace(name)
        }
        var graph = Graph(names: names)
        graph.strays = read.strays
        for node in read.nodes { graph.set(node) }
        let errors = graph.check(CheckContext(facts: { CallGraph.facts($0) })).filter { finding in
            // The script's metas are in force, which it may declare at any time.
            finding.severity == .error && finding.code != .undeclaredMeta
        }
        guard let first = errors.first else { return }
        // Where there are no places to point at, the name of the declaration tells whose option it is.
        var owner = ""
        if let node = read.nodes.first(where: { OptionCheck.titles($0).contains(first.title) }) {
            owner = "\(node.id): "
        }
        let others = errors.count == 1 ? "" : " (and \(errors.count - 1) more)"
        let reason = first.explanation.map { ". \($0.hasSuffix(".") ? String($0.dropLast()) : $0)" } ?? ""
        throw .illegalArgument("start-workers: \(owner)\(first.title)\(others)\(reason)", hint: first.hint)
    }
}

extension OptionCheck {
    fileprivate static func titles(_ node: Node) -> [String] {
        var check = OptionCheck(node)
        check.run()
        return check.findings.map(\.title)
    }
}
