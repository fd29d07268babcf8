import Values

/// One key of a map that a script writes: the parser, the checker and the reference all read this row.
package struct KeyRow: Sendable {
    package enum Shape: PlainShaped, Sendable {
        case plain(PlainShape)
        /// Keywords in a vector, list or set.
        case keywords
        case map([KeyRow])
        /// Keywords (of effect types) to what the row says.
        indirect case byKeyword(Shape)
    }

    package let key: KnownName
    package let shape: Shape
    /// What holds when it is absent, as a script would write it; empty for nothing.
    package let usual: String
    package let doc: String

    package init(_ key: KnownName, _ shape: Shape, usual: String = "", _ doc: String) {
        self.key = key
        self.shape = shape
        self.usual = usual
        self.doc = doc
    }
}

/// What is wrong with a map, and where in it: the checker turns the path into a place in the source.
package struct KeyError: Error, Sendable {
    /// Keys from the outermost map inwards.
    package var path: [Value]
    package var message: String
    package var hint: String?

    package init(path: [Value], message: String, hint: String? = nil) {
        self.path = path
        self.message = message
        self.hint = hint
    }

    package var fault: Fault {
        .illegalArgument(message, hint: hint)
    }

    package var effectError: EffectError {
        EffectError(.invalidEffect, hint.map { "\(message); \($0)" } ?? message)
    }
}

/// Checks maps against tables of keys.
package enum KeyTable {
    /// The values of the keys that are there (nil values count as absent), each as its row demands.
    ///
    /// - Parameter owner: what the map is, for messages: `meta`, `:retry`.
    package static func read(
        _ map: HashMap, _ table: [KeyRow], owner: String
    ) throws(KeyError) -> [(key: KnownName, value: Value)] {
        var found: [(KnownName, Value)] = []
        try map.forEach { (key, value) throws(KeyError) in
            guard let known = key.knownKeyword, let row = table.first(where: { $0.key == known }) else {
                throw unknown(key, table, owner)
            }
            if value.isNil { return true }
            if case .plain(let plain) = row.shape, plain.mismatch(value) == nil {
                found.append((known, value))
                return true
            }
            try check(value, row.shape, name: ":\(known.rawValue)", path: [key])
            found.append((known, value))
            return true
        }
        return found
    }

    private static func unknown(_ key: Value, _ table: [KeyRow], _ owner: String) -> KeyError {
        let names = table.map { ":\($0.key.rawValue)" }
        let hint =
            Nearest.name(to: ValueKey.shown(key), among: names).map { "did you mean \($0)?" }
            ?? "its keys are \(names.joined(separator: " "))"
        return KeyError(path: [key], message: "\(owner) has no key \(ValueKey.shown(key))", hint: hint)
    }

    private static func check(
        _ value: Value, _ shape: KeyRow.Shape, name: String, path: [Value]
    ) throws(KeyError) {
        func wrong(_ expected: String) -> KeyError {
            KeyError(path: path, message: "\(name) must be \(expected), but it is \(ValueKey.shown(value))")
        }
        switch shape {
        case .plain(let plain): if plain.mismatch(value) != nil { throw wrong(plain.expected) }
        case .keywords:
            guard let elements = value.dataElements,
                elements.allSatisfy({ if case .keyword = $0 { true } else { false } })
            else { throw wrong("a vector of keywords") }
        case .map(let rows):
            guard case .map(let map) = value else { throw wrong("a map with \(keys(rows))") }
            do {
                _ = try read(map, rows, owner: name)
            } catch {
                throw KeyError(path: path + error.path, message: error.message, hint: error.hint)
            }
        case .byKeyword(let inner):
            guard case .map(let map) = value else { throw wrong("a map from effect types") }
            try map.forEach { (key, item) throws(KeyError) in
                guard case .keyword = key else {
                    throw KeyError(
                        path: path + [key],
                        message: "the keys of \(name) are effect types such as :llm/chat, not \(ValueKey.shown(key))")
                }
                try check(item, inner, name: "\(name) \(ValueKey.shown(key))", path: path + [key])
                return true
            }
        }
    }

    private static func keys(_ rows: [KeyRow]) -> String { rows.map { ":\($0.key.rawValue)" }.joined(separator: ", ") }
}

extension Value {
    /// The elements of a vector, a proper list or a set; nil for anything else.
    package var dataElements: [Value]? {
        switch self {
        case .vector(let vector): vector.elements
        case .list(let list): list.elements
        case .set(let set): set.elementVector().elements
        default: nil
        }
    }

    /// An integer or a double.
    package var number: Double? {
        switch self {
        case .int(let int): Double(int)
        case .double(let double): double
        default: nil
        }
    }
}
