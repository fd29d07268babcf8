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
    package static func form(_ value: Value) throws(Fault) -> Value { try FormWalk(value).form() }

    /// The form with its sequences as lists, or nil where it is one already. What is in it is realised.
    fileprivate static func rebuilt(_ value: Value) throws(Fault) -> Value? {
        switch value {
        case .lazy, .seq:
            if let made = try list(of: value) { return .list(made) }
            return .list(Cons.list(try elements(of: value), extra: extra(of: value)))
        case .list(let list):
            if let made = try FormPrimitives.list(of: value) { return .list(made) }
            return list.count >= 0 ? nil : .list(Cons.list(try elements(of: value), extra: extra(of: value)))
        case .vector(let vector): return try rebuilt(vector.elements).map { .vector(Vector($0, extra: vector.extra)) }
        case .map(let map):
            guard let parts = try rebuilt(map.entries.flatMap { [$0.key, $0.value] }) else { return nil }
            let entries = stride(from: 0, to: parts.count, by: 2).map { (parts[$0], parts[$0 + 1]) }
            return .map(try HashMap.of(entries, extra: map.extra))
        case .set(let set):
            guard let elements = try rebuilt(Array(set.elements)) else { return nil }
            return .set(try HashSet.of(elements, extra: set.extra))
        case .object(let symbol as SymbolObject):
            // `def` and `defn` read a name's metadata.
            guard let meta = symbol.metadata, case .map(let made)? = try rebuilt(.map(meta)) else { return nil }
            return .object(SymbolObject(symbol.name, meta: made))
        default: return nil
        }
    }

    /// A list of the elements of a sequence, if one of them has to be rebuilt.
    private static func list(of sequence: Value) throws(Fault) -> Cons? {
        try rebuilt(elements(of: sequence)).map { Cons.list($0, extra: extra(of: sequence)) }
    }

    private static func extra(of sequence: Value) -> Extra? {
        if case .list(let list) = sequence, list.count >= 0, let extra = list.extra { return extra }
        return Extra.of(meta: sequence.metadata, origin: nil)
    }

    private static func rebuilt(_ elements: [Value]) throws(Fault) -> [Value]? {
        var made: [Value]?
        for (index, element) in elements.enumerated() {
            // What shares its parts is exponentially larger than it is stored.
            try Attention.step()
            guard let changed = try rebuilt(element) else { continue }
            if made == nil { made = elements }
            made?[index] = changed
        }
        return made
    }

    private static func elements(of sequence: Value) throws(Fault) -> [Value] {
        var elements: [Value] = []
        try Sequences.forEach(sequence) { (element) throws(Fault) in elements.append(element) }
        return elements
    }

    /// What has to be looked at in a part of a form.
    fileprivate static func parts(of value: Value) throws(Fault) -> [Value] {
        switch value {
        case .lazy, .seq, .list: try elements(of: value)
        case .vector(let vector): vector.elements
        case .map(let map): map.entries.flatMap { [$0.key, $0.value] }
        case .set(let set): Array(set.elements)
        case .object(let symbol as SymbolObject): symbol.metadata.map { [.map($0)] } ?? []
        default: []
        }
    }
}

/// A walk through what a macro gave, which realises the sequences in it. It goes on where it stopped for one that had to be realised,
/// for a form may have thousands.
package final class FormWalk: @unchecked Sendable {
    // Sendable: of one fiber.
    private let whole: Value
    private var unseen: [(part: Value, depth: Int)]

    /// Forms nested deeper than this are refused, as the reader refuses them.
    private static let maximumDepth = 1_000

    package init(_ whole: Value) {
        self.whole = whole
        unseen = [(whole, 0)]
    }

    /// The form with every sequence in it a list; throws `.force` at the next that is not realised, and is to be called again when it
    /// is.
    package func form() throws(Fault) -> Value {
        while let (part, depth) = unseen.last {
            // What shares its parts is exponentially larger than it is stored.
            try Attention.step()
            let parts = try FormPrimitives.parts(of: part)
            unseen.removeLast()
            if parts.isEmpty { continue }
            guard depth < FormWalk.maximumDepth else {
                throw .of(
                    .runtime, "a macro gave a form that is nested more than \(FormWalk.maximumDepth) levels deep")
            }
            for inner in parts.reversed() { unseen.append((inner, depth + 1)) }
        }
        return try FormPrimitives.rebuilt(whole) ?? whole
    }
}
