import Machine
import Values

/// A local that a pattern makes, and what it is bound to.
struct Bound {
    var local: Local
    /// For the value of a choice: the local of the channel it came from.
    var channel: Local?
    var value: Node

    init(_ local: Local, channel: Local? = nil, _ value: Node) {
        self.local = local
        self.channel = channel
        self.value = value
    }
}

/// Patterns in `let`, `loop` and `fn`: vectors, maps, and what they nest.
extension Analyzer {
    /// Binds what `pattern` names to parts of `value`, in order.
    mutating func bind(_ pattern: Value, to value: Node, _ made: inout [Bound]) throws(Fault) {
        if let name = pattern.symbolName {
            guard !name.hasNamespace else {
                throw fault("a local has no namespace, but found \(name.description)", at: pattern)
            }
            // Another name for what has one already, as many macros give: locals never change, so none is made.
            if case .local(let known) = value.kind { return function.show(known, as: name) }
            let local = function.makeLocal(name)
            made.append(Bound(local, value))
            function.show(local, as: name)
            return
        }
        switch pattern {
        case .vector(let vector):
            let outer = place
            defer { place = outer }
            // What cannot be taken apart is shown at the pattern.
            place = ownPlace(pattern)
            if isPairOfNames(vector), Operation.isChoice(value) {
                // What was taken and where it came from go into two locals: no pair is made.
                let taken = function.makeLocal(vector[0].symbolName)
                let channel = function.makeLocal(vector[1].symbolName)
                made.append(Bound(taken, channel: channel, value))
                try bind(vector[0], to: Node(.local(taken), place), &made)
                return try bind(vector[1], to: Node(.local(channel), place), &made)
            }
            try bind(vector, pattern, to: whole(value, &made), &made)
        case .map(let map):
            let converted = Node(.call(try internalFunction("as-map"), [value]), place)
            try bind(map, pattern, to: whole(converted, &made), &made)
        default:
            throw refusePattern(pattern)
        }
    }

    private func isPairOfNames(_ vector: Vector) -> Bool {
        vector.count == 2
            && vector.elements.allSatisfy { $0.symbolName.map { !$0.hasNamespace && $0.known != .ampersand } ?? false }
    }

    /// The local that holds the value being taken apart.
    private func whole(_ value: Node, _ made: inout [Bound]) -> Local {
        if case .local(let local) = value.kind { return local }
        let local = function.makeLocal(nil)
        made.append(Bound(local, value))
        return local
    }

    private mutating func bind(_ vector: Vector, _ pattern: Value, to whole: Local, _ made: inout [Bound])
        throws(Fault)
    {
        var parts = whole
        if vector.elements.contains(where: { $0.symbolName?.known == .ampersand }) {
            // With a rest, what has no positions is taken apart as a sequence.
            parts = function.makeLocal(nil)
            made.append(
                Bound(parts, Node(.call(try internalFunction("as-sequence"), [Node(.local(whole), place)]), place)))
        }
        var position = 0
        var index = 0
        while index < vector.count {
            let part = vector[index]
            if part.symbolName?.known == .ampersand {
                guard index + 1 < vector.count else { throw fault("& is followed by a name", at: pattern) }
                let rest = try core(
                    "nthnext", [Node(.local(parts), place), Node(.constant(.int(Int64(position))), place)])
                try bind(vector[index + 1], to: rest, &made)
                index += 2
            } else if part.knownKeyword == .as {
                guard index + 1 < vector.count else { throw fault(":as is followed by a name", at: pattern) }
                try bind(vector[index + 1], to: Node(.local(whole), place), &made)
                index += 2
            } else {
                guard position < 65_535 else { throw fault("too many names in one vector", at: pattern) }
                try bind(part, to: Node(.element(Node(.local(parts), place), position), place), &made)
                position += 1
                index += 1
            }
        }
    }

    private mutating func bind(_ map: HashMap, _ pattern: Value, to whole: Local, _ made: inout [Bound])
        throws(Fault)
    {
        var defaults = HashMap()
        if let given = try map.find(.kw(.or)) {
            guard case .map(let values) = given else {
                throw fault(":or takes a map of names and defaults", at: pattern)
            }
            defaults = values
        }
        var entries: [(Value, Value)] = []
        map.forEach { (key, value) in
            entries.append((key, value))
            return true
        }
        // `:as` first, so that defaults can use it.
        if let name = try map.find(.kw(.as)) { try bind(name, to: Node(.local(whole), place), &made) }
        for (key, value) in entries {
            if case .keyword(let name) = key {
                if name.known == .or || name.known == .as { continue }
                if let kind = KeyKind(name) {
                    guard case .vector(let names) = value else {
                        throw refuseNames(name, value, pattern)
                    }
                    for part in names.elements {
                        try bindKey(part, kind, name.namespace, defaults, whole, pattern, &made)
                    }
                    continue
                }
            }
            if case .keyword(let keyword) = key {
                throw refusePatternKey(keyword, pattern)
            }
            try bind(key, to: try get(whole, try analyze(value), default: key.symbolName, defaults), &made)
        }
    }

    private enum KeyKind {
        case keywords, strings, symbols
        init?(_ name: Name) {
            switch name.name {
            case "keys": self = .keywords
            case "strs" where !name.hasNamespace: self = .strings
            case "syms": self = .symbols
            default: return nil
            }
        }
    }

    /// One name of `:keys`, `:strs` or `:syms`.
    private mutating func bindKey(
        _ part: Value, _ kind: KeyKind, _ namespace: String?, _ defaults: HashMap, _ whole: Local, _ pattern: Value,
        _ made: inout [Bound]
    ) throws(Fault) {
        let name: Name
        if case .keyword(let keyword) = part {
            name = keyword
        } else if let symbol = part.symbolName {
            name = symbol
        } else {
            throw fault("expected a name, but found \(part.briefly)", at: pattern)
        }
        let qualified = instance.names.intern(name.namespace ?? namespace, name.name)
        let key: Value =
            switch kind {
            case .keywords: .keyword(qualified)
            case .strings: .string(name.name)
            case .symbols: .symbol(qualified)
            }
        let plain = instance.names.intern(nil, name.name)
        let found = try get(whole, Node(.constant(key), place), default: plain, defaults)
        try bind(.symbol(plain), to: found, &made)
    }

    private mutating func get(_ whole: Local, _ key: Node, default name: Name?, _ defaults: HashMap) throws(Fault)
        -> Node
    {
        let collection = Node(.local(whole), place)
        if let name, let fallback = try defaults.find(.symbol(name)) {
            return try core("get", [collection, key, try analyze(fallback)])
        }
        if case .constant(let constant) = key.kind, case .keyword = constant {
            return Node(.keywordGet(constant, collection), place)
        }
        return Node(.operation(.get, [collection, key]), place)
    }
}
