import Values

/// Symbols and keywords: making them and taking them apart.
enum NamePrimitives {
    static let core = PrimitiveFamily(
        "clojure.core",
        [
            Primitive("name", 1, name), Primitive("namespace", 1, namespace),
            Primitive("keyword", .between(1, 2), keyword),
            Primitive("symbol", .between(1, 2), symbol), Primitive("find-keyword", .between(1, 2), keyword),
            Primitive("gensym", .between(0, 1), gensym), Primitive("munge", 1, munge),
            Primitive("tagged-literal", 2) { (a, _) throws(Fault) in
                .object(TaggedLiteral(tag: try a.symbol(0, "tagged-literal"), form: a[1]))
            },
        ])

    static func name(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        if a[0].isText { return a[0] }
        guard let name = PredicatePrimitives.identName(a[0]) else {
            throw .type("name", expected: "a keyword, a symbol or a string", found: a[0])
        }
        return .text(validated: name.nameBytes)
    }

    static func namespace(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        guard let name = PredicatePrimitives.identName(a[0]) else {
            throw .type("namespace", expected: "a keyword or a symbol", found: a[0])
        }
        return name.namespaceBytes.map { .text(validated: $0) } ?? .nil
    }

    static func keyword(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        if a.count == 2 { return .keyword(try joined(a, "keyword", fiber)) }
        switch a[0] {
        case .nil, .keyword: return a[0]
        default:
            if let text = a[0].stringValue { return fiber.instance.names.keyword(text) }
            guard let name = a[0].symbolName else { return .nil }
            return .keyword(name)
        }
    }

    static func symbol(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        if a.count == 2 { return .symbol(try joined(a, "symbol", fiber)) }
        switch a[0] {
        case .symbol: return a[0]
        case .keyword(let name): return .symbol(name)
        case .object(let variable as Var):
            return .symbol(fiber.instance.names.intern(variable.namespace.description, variable.name.name))
        default:
            if let text = a[0].stringValue { return fiber.instance.names.symbol(text) }
            if a[0].symbolName != nil { return a[0] }
            throw .type("symbol", expected: "a string, a keyword, a symbol or a var", found: a[0])
        }
    }

    private static func joined(_ a: Arguments, _ operation: String, _ fiber: Fiber) throws(Fault) -> Name {
        let name = try a.string(1, operation)
        return fiber.instance.names.intern(a[0].isNil ? nil : try a.string(0, operation), name)
    }

    /// The words that stand for what Java's names cannot have.
    private static let munged: [Character: String] = [
        "-": "_", ":": "_COLON_", "+": "_PLUS_", ">": "_GT_", "<": "_LT_", "=": "_EQ_", "~": "_TILDE_", "!": "_BANG_",
        "@": "_CIRCA_", "#": "_SHARP_", "'": "_SINGLEQUOTE_", "\"": "_DOUBLEQUOTE_", "%": "_PERCENT_", "^": "_CARET_",
        "&": "_AMPERSAND_", "*": "_STAR_", "|": "_BAR_", "{": "_LBRACE_", "}": "_RBRACE_", "[": "_LBRACK_",
        "]": "_RBRACK_", "/": "_SLASH_", "\\": "_BSLASH_", "?": "_QMARK_",
    ]

    static func munge(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        let name = try Printing.text(of: a[0]).string.map { munged[$0] ?? String($0) }.joined()
        return a[0].symbolName == nil ? .string(name) : fiber.instance.names.symbol(name)
    }

    static func gensym(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        let prefix = a.count == 1 ? try Printing.text(of: a[0]).string : "G__"
        return .symbol(fiber.instance.names.intern(nil, prefix + String(fiber.instance.nextSerial())))
    }
}
