import Values

/// What a declaration changed in the graph (G3), and one entry of a difference between two graphs.
package struct GraphChange: Sendable {
    package enum Kind: String, Sendable { case added, changed, removed, unchanged }

    package let id: NodeID
    package let before: Node?
    package let after: Node?
    /// Options that differ, in the order of the new declaration; then those that are gone.
    package let options: [OptionChange]
    /// Keys whose function is another one under the same name.
    package let functions: [KnownName]

    package struct OptionChange: Sendable {
        package let key: Value
        package let before: Value?
        package let after: Value?
    }

    /// One of `before` and `after` must be there, and both of one id.
    init(before: Node?, after: Node?) {
        guard let id = (after ?? before)?.id else { preconditionFailure("a change without a node") }
        self.id = id
        self.before = before
        self.after = after
        guard let before, let after else {
            (options, functions) = ([], [])
            return
        }
        options = GraphChange.options(before.options, after.options)
        functions = after.functions.keys.sorted { $0.rawValue < $1.rawValue }.filter { key in
            guard let new = after.functions[key]?.value, let old = before.functions[key]?.value else { return false }
            return !((try? new.equals(old)) ?? false)
        }
    }

    package var kind: Kind {
        if before == nil { return .added }
        if after == nil { return .removed }
        return options.isEmpty && functions.isEmpty ? .unchanged : .changed
    }

    private static func options(_ before: HashMap, _ after: HashMap) -> [OptionChange] {
        var found: [OptionChange] = []
        for (key, value) in after.entries {
            let old = (try? before.find(key)) ?? nil
            if let old, (try? old.equals(value)) ?? false { continue }
            found.append(OptionChange(key: key, before: old, after: value))
        }
        for (key, value) in before.entries where !((try? after.contains(key)) ?? false) {
            found.append(OptionChange(key: key, before: value, after: nil))
        }
        return found
    }

    /// `channel :notes/found: :buffer 8 → 16`, for the REPL and the log.
    package var sentence: String {
        switch kind {
        case .added: return "\(id) is new"
        case .removed: return "\(id) is removed"
        case .unchanged: return "\(id) is unchanged"
        case .changed:
            var parts = options.map { change in
                let key = shown(change.key)
                guard let before = change.before else { return "\(key) \(shown(change.after)) added" }
                return change.after == nil ? "\(key) removed" : "\(key) \(shown(before)) → \(shown(change.after))"
            }
            parts += functions.map { "the function of :\($0.rawValue) is new" }
            return "\(id): \(parts.joined(separator: ", "))"
        }
    }
}

extension Graph {
    /// What turns this graph into `other`, in the order of `other`; removed nodes last.
    package func changes(to other: Graph) -> [GraphChange] {
        var changes = other.nodes.map { GraphChange(before: self[$0.id], after: $0) }
        changes += nodes.filter { other[$0.id] == nil }.map { GraphChange(before: $0, after: nil) }
        return changes.filter { $0.kind != .unchanged }
    }

    /// The difference as data: `{:added {:channels {:a {…}}} :removed {…} :changed {:channels {:b {:buffer [8 16]}}}}`.
    package func difference(to other: Graph) throws(Fault) -> Value {
        var result = HashMap()
        for change in changes(to: other) {
            let outer: Value
            let content: Value
            switch change.kind {
            case .added: (outer, content) = (.kw(.added), .map(change.after?.options ?? HashMap()))
            case .removed: (outer, content) = (.kw(.removed), .map(change.before?.options ?? HashMap()))
            default:
                var options = HashMap()
                for option in change.options {
                    try HashMap.set(&options, option.key, .vector([option.before ?? .nil, option.after ?? .nil]))
                }
                for key in change.functions { try HashMap.set(&options, .kw(key), .kw(.changed)) }
                (outer, content) = (.kw(.changed), .map(options))
            }
            try Graph.set(&result, [outer, .kw(change.id.kind.section), .keyword(change.id.name)], content)
        }
        return .map(result)
    }

    /// Sets what a path of keys leads to, making the maps on the way.
    private static func set(_ map: inout HashMap, _ path: [Value], _ value: Value) throws(Fault) {
        guard path.count > 1 else { return try HashMap.set(&map, path[0], value) }
        var inner = HashMap()
        if case .map(let found)? = try map.find(path[0]) { inner = found }
        try set(&inner, Array(path.dropFirst()), value)
        try HashMap.set(&map, path[0], .map(inner))
    }
}

/// A value as a message shows it: readable and not longer than a line.
func shown(_ value: Value?) -> String {
    guard let value else { return "nil" }
    guard let text = try? Printer.readable(value), text.unicodeScalars.count <= 80 else { return value.briefly }
    return text
}
