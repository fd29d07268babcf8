import Values

/// Metadata: maps beside values that do not take part in equality.
enum MetadataPrimitives {
    static let core = PrimitiveFamily(
        "clojure.core",
        [
            Primitive("meta", 1) { (a, fiber) throws(Fault) in
                let found: HashMap? =
                    if case .object(let variable as Var) = a[0] {
                        try variable.metadata(in: fiber.instance)
                    } else {
                        a[0].metadata
                    }
                return found.map { .map($0) } ?? .nil
            },
            Primitive("with-meta", 2, withMeta), Primitive("reset-meta!", 2, resetMeta),
        ])

    /// The map of a metadata argument; an empty one is none.
    private static func metadata(_ a: Arguments, _ operation: String) throws(Fault) -> HashMap? {
        a[1].isNil ? nil : try Conversion.map(a[1], operation + " of metadata")
    }

    static func withMeta(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        let meta = try metadata(a, "with-meta")
        func extra(_ old: Extra?) -> Extra? { Extra.of(meta: meta, origin: old?.origin) }
        switch a[0] {
        case .vector(let vector): return .vector(vector.with(extra(vector.extra)))
        case .map(let map): return .map(map.with(extra(map.extra)))
        case .set(let set): return .set(set.with(extra(set.extra)))
        case .list(let list): return .list(list.with(extra(list.extra)))
        case .seq(let view): return .seq(SeqView(view.source, meta: meta))
        case .lazy(let lazy): return .lazy(LazySeq(realized: try lazy.seq(), meta: meta))
        case .symbol(let name): return meta.map { .object(SymbolObject(name, meta: $0)) } ?? a[0]
        case .function(let closure):
            // Every closure is made by `Prototype.makeClosure`.
            let prototype = unsafeDowncast(closure.owner, to: Prototype.self)
            let made = prototype.makeClosure(meta: meta)
            made.captures.initialize(from: closure.captures, count: closure.captureCount)
            return .function(made)
        case .object(let object):
            if let changed = object.withMetadata(meta) { return changed }
            throw .type("with-meta", expected: "a collection, a symbol or a function", found: a[0])
        default: throw .type("with-meta", expected: "a collection, a symbol or a function", found: a[0])
        }
    }

    static func resetMeta(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        let meta = try metadata(a, "reset-meta!")
        switch a[0] {
        case .object(let variable as Var): try variable.resetMeta(meta)
        case .object(let space as Namespace): space.setMeta(meta)
        case .object(let reference as Reference): reference.setMeta(meta)
        default: throw .type("reset-meta!", expected: "a var, an atom or a namespace", found: a[0])
        }
        return a[1]
    }
}
