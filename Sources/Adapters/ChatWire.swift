import Values

/// Between the language's names (`:tool-choice`) and the protocol's (`tool_choice`).
struct ChatWire: Sendable {
    /// Deeper data than this is a mistake, and would cost stack.
    static let maxDepth = 128
    /// Longer keys than this stay strings: names are interned for the life of an instance, and a server must not fill it.
    static let maxKeyBytes = 64

    let names: Names

    /// The parameters that are passed on, and nothing else (P25).
    static let chatParameters: [KnownName] = [
        .model, .messages, .tools, .toolChoice, .temperature, .maxTokens, .responseFormat,
    ]
    static let embedParameters: [KnownName] = [.model, .input, .dimensions]

    static func wireName(_ name: String) -> String { String(name.map { $0 == "-" ? "_" : $0 }) }

    /// The request body: the parameters given, under the protocol's names.
    func body(_ params: Params, _ passed: [KnownName], defaults: [KnownName: Value]) throws(AdapterError) -> MapBuilder
    {
        var body = MapBuilder()
        for key in passed {
            guard let value = params.value(key) ?? defaults[key] else { continue }
            body.set(.string(ChatWire.wireName(key.rawValue)), try outgoing(value, 0))
        }
        return body
    }

    /// Keyword keys become the protocol's, down to where a JSON schema begins, whose names are the script's own.
    private func outgoing(_ value: Value, _ depth: Int) throws(AdapterError) -> Value {
        guard depth < ChatWire.maxDepth else {
            throw .parameter("the messages or tools are nested more than \(ChatWire.maxDepth) deep; flatten them")
        }
        switch value {
        case .map(let map):
            var out = MapBuilder()
            try map.forEach { (key, value) throws(AdapterError) in
                guard case .keyword(let name) = key else {
                    out.set(key, value)
                    return true
                }
                let isSchema = name.known == .parameters || name.known == .schema
                out.set(.string(ChatWire.wireName(name.name)), isSchema ? value : try outgoing(value, depth + 1))
                return true
            }
            return out.value
        case .vector, .list, .lazy, .seq:
            guard let elements = value.realizedElements else {
                throw .parameter(
                    "a lazy sequence stands where messages or tools are needed; realise it with vec or doall")
            }
            var out: [Value] = []
            for element in elements { out.append(try outgoing(element, depth + 1)) }
            return .vector(out)
        default: return value
        }
    }

    /// String keys become the language's keywords: `tool_calls` → `:tool-calls`.
    func incoming(_ value: Value) -> Value { value.withKeys(keyword) }

    private func keyword(_ key: Value) -> Value {
        guard let text = key.textValue, text.byteCount <= ChatWire.maxKeyBytes, text.byteCount > 0,
            text.utf8.allSatisfy({
                (97...122).contains($0) || (65...90).contains($0) || (48...57).contains($0) || $0 == 95
            })
        else { return key }
        return names.keyword(String(text.string.map { $0 == "_" ? "-" : $0 }))
    }
}

extension Value {
    /// The value of a string key of a decoded object.
    func field(_ name: String) -> Value? {
        guard case .map(let map) = self, let found = try? map.find(.string(name)), !found.isNil else { return nil }
        return found
    }

    var elementsIfVector: [Value]? {
        if case .vector(let vector) = self { vector.elements } else { nil }
    }
}
