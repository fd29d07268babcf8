import Values

/// Forms as the compiler takes them: macros give lazy sequences, which have to be realised, by the machine, before they are
/// compiled.
package enum FormPrimitives {
    static let machine = PrimitiveFamily(
        "sluice.machine",
        [
            Primitive("form", 1) { (a, _) throws(Fault) in try form(a[0]) },
            Primitive("disassembly", 1, disassembly),
        ])

    /// What a function is compiled to, as text.
    static func disassembly(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        switch a[0] {
        case .function(let closure):
            // The machine makes closures of its own prototypes alone.
            return .string(Disassembler.text(of: unsafeDowncast(closure.owner, to: Prototype.self)))
        case .native(let native):
            throw .of(.illegalArgument, "\(native.name) is written in Swift: there are no instructions to show")
        default: throw .type("disassemble", expected: "a function", found: a[0])
        }
    }

    /// The same form with every sequence in it a list. What is such a form already stays the same object, places included.
    package static func form(_ value: Value) throws(Fault) -> Value { try isForm(value, 0) ? value : try listed(value) }

    /// Forms nested deeper than this are refused, as the reader refuses them.
    private static let maximumDepth = 1_000

    /// Whether no sequence but lists is in it; throws `.force` at the first that is not realised, before anything is built.
    private static func isForm(_ value: Value, _ depth: Int) throws(Fault) -> Bool {
        guard depth < maximumDepth else {
            throw .of(.runtime, "a macro gave a form that is nested more than \(maximumDepth) levels deep")
        }
        // What shares its parts is exponentially larger than it is stored.
        try Attention.step()
        switch value {
        case .lazy, .seq:
            try Sequences.forEach(value) { (element) throws(Fault) in _ = try isForm(element, depth + 1) }
            return false
        case .list(let list):
            var isProper = list.count >= 0
            try Sequences.forEach(value) { (element) throws(Fault) in
                if try !isForm(element, depth + 1) { isProper = false }
            }
            return isProper
        case .vector(let vector):
            var all = true
            for element in vector where try !isForm(element, depth + 1) { all = false }
            return all
        case .map(let map):
            var all = true
            for (key, value) in map.entries {
                let keyIsForm = try isForm(key, depth + 1)
                let valueIsForm = try isForm(value, depth + 1)
                all = all && keyIsForm && valueIsForm
            }
            return all
        case .set(let set):
            var all = true
            for element in set.elements where try !isForm(element, depth + 1) { all = false }
            return all
        case .object(let symbol as SymbolObject):
            // `def` and `defn` read a name's metadata.
            return try symbol.metadata.map { (meta) throws(Fault) in try isForm(.map(meta), depth + 1) } ?? true
        default: return true
        }
    }

    private static func listed(_ value: Value) throws(Fault) -> Value {
        switch value {
        case .lazy, .seq, .list:
            var elements: [Value] = []
            try Sequences.forEach(value) { (element) throws(Fault) in elements.append(try form(element)) }
            let extra: Extra? = if case .list(let list) = value, list.count >= 0 { list.extra } else { nil }
            return .list(Cons.list(elements, extra: extra ?? Extra.of(meta: value.metadata, origin: nil)))
        case .vector(let vector):
            var elements: [Value] = []
            for element in vector { elements.append(try form(element)) }
            return .vector(Vector(elements, extra: vector.extra))
        case .map(let map):
            var entries: [(Value, Value)] = []
            for (key, value) in map.entries { entries.append((try form(key), try form(value))) }
            return .map(try HashMap.of(entries, extra: map.extra))
        case .set(let set):
            var elements: [Value] = []
            for element in set.elements { elements.append(try form(element)) }
            return .set(try HashSet.of(elements, extra: set.extra))
        case .object(let symbol as SymbolObject):
            guard let meta = symbol.metadata, case .map(let listed) = try form(.map(meta)) else { return value }
            return .object(SymbolObject(symbol.name, meta: listed))
        default: return value
        }
    }
}
