import Values

/// Writers that break lines: `clojure.pprint` is made of these.
enum PrettyPrimitives {
    static let machine = PrimitiveFamily(
        "sluice.machine",
        [
            Primitive("pretty-writer", 3, make),
            Primitive("pretty-writer?", 1) { (a, _) in .bool(a.prettyWriter(0) != nil) },
            Primitive("pretty-column", 1) { (a, _) throws(Fault) in .int(Int64(try writer(a).column ?? 0)) },
            Primitive("pretty-begin", 4, begin),
            Primitive("pretty-end", 1) { (a, _) throws(Fault) in
                try writer(a).layOut { $0.end() }
                return .nil
            },
            Primitive("pretty-newline", 2, newline), Primitive("pretty-indent", 3, indent),
            Primitive("pretty-finish", 1) { (a, _) throws(Fault) in
                try writer(a).layOut { $0.finish() }
                return .nil
            },
        ])

    private static func writer(_ a: Arguments) throws(Fault) -> Writer {
        if let writer = a.prettyWriter(0) { return writer }
        throw .of(
            .illegalState, "*out* is no pretty writer here", hint: "this belongs inside pprint or pprint-logical-block")
    }

    /// `(pretty-writer target margin miser-width)`
    private static func make(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        let target = try a.object(0, "pprint", "a writer", as: Writer.self)
        let layout = PrettyLayout(margin: try width(a, 1), miserWidth: try width(a, 2))
        return .object(Writer(layout, to: target))
    }

    private static func width(_ a: Arguments, _ index: Int) throws(Fault) -> Int? {
        if case .nil = a[index] { return nil }
        return try a.count(index, "pprint")
    }

    /// `(pretty-begin writer prefix line-prefix suffix)`
    private static func begin(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        func bytes(_ index: Int) throws(Fault) -> [UInt8] {
            if case .nil = a[index] { return [] }
            return Array(try a.text(index, "pprint-logical-block").utf8)
        }
        let (prefix, linePrefix, suffix) = (try bytes(1), try bytes(2), try bytes(3))
        try writer(a).layOut { $0.begin(prefix: prefix, linePrefix: linePrefix, suffix: suffix) }
        return .nil
    }

    /// `(pretty-newline writer kind)`
    private static func newline(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        let kind: PrettyLayout.Newline
        switch keyword(a[1]) {
        case "linear": kind = .linear
        case "fill": kind = .fill
        case "miser": kind = .miser
        case "mandatory": kind = .mandatory
        default:
            throw .of(
                .illegalArgument, "pprint-newline takes :linear, :fill, :miser or :mandatory, but found \(a[1].briefly)"
            )
        }
        try writer(a).layOut { $0.newline(kind) }
        return .nil
    }

    /// `(pretty-indent writer relative-to columns)`
    private static func indent(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        let anchor: PrettyLayout.Anchor
        switch keyword(a[1]) {
        case "block": anchor = .block
        case "current": anchor = .current
        default:
            throw .of(.illegalArgument, "pprint-indent takes :block or :current, but found \(a[1].briefly)")
        }
        let columns = try a.count(2, "pprint-indent")
        try writer(a).layOut { $0.indent(anchor, columns) }
        return .nil
    }

    private static func keyword(_ value: Value) -> String? {
        if case .keyword(let name) = value { return name.description }
        return nil
    }
}

extension Arguments {
    /// A writer that lays out what it is given.
    fileprivate func prettyWriter(_ index: Int) -> Writer? {
        guard case .object(let object) = self[index], let writer = object as? Writer, writer.column != nil else {
            return nil
        }
        return writer
    }
}
