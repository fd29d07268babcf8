extension Value {
    /// A few words for an error message: the kind with its article, and the value when it is short.
    ///
    /// `the keyword :a`, `a string "once upon…"`, `nil`, `the number 42`, `a vector of 100 elements`. Runs no code: what is
    /// unrealised stays so.
    public var briefly: String {
        switch self {
        case .nil: "nil"
        case .bool(let bool): bool ? "true" : "false"
        case .int, .double: "the number \(shortForm() ?? "…")"
        case .char: "the character \(shortForm() ?? "…")"
        case .keyword: named("keyword")
        case .symbol: named("symbol")
        case .shortText(let short): Value.briefly(short.text)
        case .longText(let text): Value.briefly(text)
        case .vector(let vector): collection("vector", vector.count, "element")
        case .map(let map): collection("map", map.count, "entry")
        case .set(let set): collection("set", set.count, "element")
        case .list(let cell): cell.count < 0 ? "a list" : collection("list", cell.count, "element")
        case .lazy: "a lazy sequence"
        case .seq(let view): view.knownCount.map { collection("sequence", $0, "element") } ?? "a sequence"
        case .function(let closure):
            (closure.owner as? any FunctionPrototype)?.functionName.map { "the function \($0)" } ?? "a function"
        case .native(let callable): "the function \(callable.name)"
        case .object(let object): briefly(object)
        }
    }

    /// Bytes of a value that still count as short.
    private static let shortLimit = 40

    private func named(_ noun: String) -> String { shortForm().map { "the \(noun) \($0)" } ?? "a \(noun)" }

    private func collection(_ noun: String, _ count: Int, _ element: String) -> String {
        // Larger ones are not even visited.
        if count <= Value.shortLimit / 2, let short = shortForm() { return "the \(noun) \(short)" }
        return "a \(noun) of \(count) \(count == 1 ? element : element == "entry" ? "entries" : element + "s")"
    }

    private func briefly(_ object: Object) -> String {
        let noun = object.kind.rawValue
        switch object.kind {
        case .bigInteger, .ratio, .decimal, .float: return shortForm().map { "the number \($0)" } ?? "a large number"
        case .symbol: return named("symbol")
        default: return ("aeiou".contains(noun.first ?? " ") ? "an " : "a ") + noun
        }
    }

    private func shortForm() -> String? { readable(within: Value.shortLimit) }

    /// The readable form, or nil when it has more bytes than `limit` or cannot be had: for what may be as large as it likes.
    public func readable(within limit: Int) -> String? {
        var printer = Printer(readably: true)
        printer.byteLimit = limit
        printer.forces = false
        guard (try? printer.write(self)) != nil, printer.bytes.count <= limit else { return nil }
        return printer.string
    }

    /// The value as it is, if `fits` says that it is within so many bytes when it is written; otherwise with what is long in it told of
    /// in a few words, and, when it is a map, with a true `:cut` that says so. Small entries of maps, such as ids, stay. What is
    /// written for other programs may be as large as it likes, or have no end.
    public func cut(within limit: Int, fits: (Value, Int) -> Bool) -> Value {
        if fits(self, limit) { return self }
        guard case .map(var map) = shortened(within: limit, depth: 0, fits) else { return .string(briefly) }
        try? HashMap.set(&map, .kw(.cut), .true)
        return .map(map)
    }

    private func shortened(within limit: Int, depth: Int, _ fits: (Value, Int) -> Bool) -> Value {
        guard case .map(let map) = self, map.count <= 64, depth < 5 else { return .string(briefly) }
        var made = HashMap()
        let share = limit / (map.count + 1)
        map.forEach { (key, item) in
            try? HashMap.set(
                &made, key, fits(item, share) ? item : item.shortened(within: share, depth: depth + 1, fits))
            return true
        }
        return .map(made)
    }

    private static func briefly(_ text: Text) -> String {
        let value = Value.text(text)
        if let short = value.shortForm() { return "the string \(short)" }
        let start = Value.text(text.substring(0, min(text.count, 20)))
        guard var quoted = try? Printer.readable(start) else { return "a string" }
        quoted.removeLast()
        return "a string \(quoted)…\""
    }
}
