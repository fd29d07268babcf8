import Values

/// A class of the host as portable programs name it: what `class` gives and `instance?` and `extend-protocol` take.
///
/// There is no such class behind it: the name stands for a kind of value. Two of the same name are equal.
final class HostClass: Object, @unchecked Sendable {
    // Sendable: immutable.
    let name: String

    private init(_ name: String) { self.name = name }

    /// The class of this name, full or short; nil when there is none.
    static func named(_ name: String) -> HostClass? {
        // Nearly every name that is asked for is a function's: those need no table.
        guard name.first?.isUppercase == true || name.utf8.contains(UInt8(ascii: ".")) || name.hasPrefix("[") else {
            return nil
        }
        if isKnown(name) { return HostClass(name) }
        if let full = HostClassTable.imported[name] { return HostClass(full) }
        // Only `java.lang` is imported everywhere.
        if isKnown("java.lang." + name) { return HostClass("java.lang." + name) }
        return ExceptionClass(rawValue: name).map { HostClass(fullName($0)) }
    }

    /// The interface that a protocol stands for, or any class that is known to exist by its full name.
    static func existing(_ name: String) -> HostClass { HostClass(name) }

    private static func isKnown(_ name: String) -> Bool {
        HostClassTable.classes[name] != nil || HostClassTable.interfaces[name] != nil
    }

    static func == (left: HostClass, right: HostClass) -> Bool { left.name == right.name }

    override var kind: ObjectKind { .type }
    override func equals(_ other: Value) throws(Fault) -> Bool {
        if case .object(let object) = other, let other = object as? HostClass { other.name == name } else { false }
    }
    override func hashCode() throws(Fault) -> UInt32 { try Value.string(name).hashCode() }
    override func write(to printer: inout Printer) throws(Fault) { printer.write(name) }
    override func writeText(to printer: inout Printer) throws(Fault) {
        printer.write((HostClass.isInterface(name) ? "interface " : "class ") + name)
    }

    /// What is no class of the table is a protocol's interface.
    private static func isInterface(_ name: String) -> Bool { HostClassTable.classes[name] == nil }

    /// What a class is derived from directly: its superclass first, then interfaces.
    static func bases(_ name: String) -> [String] {
        HostClassTable.classes[name] ?? HostClassTable.interfaces[name] ?? []
    }

    /// All that these classes are or are derived from, nearest first, `java.lang.Object` last.
    static func lineage(of names: [String]) -> [String] {
        var found = names
        var index = 0
        while index < found.count {
            for base in bases(found[index]) where !found.contains(base) { found.append(base) }
            index += 1
        }
        found.removeAll { $0 == object }
        return found + [object]
    }

    static func lineage(_ name: String) -> [String] { lineage(of: [name]) }

    /// Whether a class is another or derived from it.
    static func isDerived(_ name: String, from ancestor: String) -> Bool {
        name == ancestor || ancestor == object || bases(name).contains { isDerived($0, from: ancestor) }
    }

    static let object = "java.lang.Object"

    static func fullName(_ type: ExceptionClass) -> String {
        switch type {
        case .info: "clojure.lang.ExceptionInfo"
        case .arity: "clojure.lang.ArityException"
        case .io, .fileNotFound: "java.io.\(type.rawValue)"
        case .timeout: "java.util.concurrent.TimeoutException"
        default: "java.lang.\(type.rawValue)"
        }
    }

    /// The class of a value; nil for nil and for instances of a script's types.
    static func name(of value: Value) -> String? {
        switch value {
        case .nil: nil
        case .bool: "java.lang.Boolean"
        case .int: "java.lang.Long"
        case .double: "java.lang.Double"
        case .char: "java.lang.Character"
        case .keyword: "clojure.lang.Keyword"
        case .symbol: "clojure.lang.Symbol"
        case .shortText, .longText: "java.lang.String"
        case .vector(let vector): vector.isEntry ? "clojure.lang.MapEntry" : "clojure.lang.PersistentVector"
        case .map(let map): map.count <= 8 ? "clojure.lang.PersistentArrayMap" : "clojure.lang.PersistentHashMap"
        case .set: "clojure.lang.PersistentHashSet"
        case .list(let list):
            list.isEmpty
                ? "clojure.lang.PersistentList$EmptyList"
                : list.isList ? "clojure.lang.PersistentList" : "clojure.lang.Cons"
        case .lazy: "clojure.lang.LazySeq"
        case .seq(let view): name(of: view)
        case .function, .native: "clojure.lang.AFunction"
        case .object(let object): name(of: object)
        }
    }

    private static func transientName(_ transient: Transient) -> String {
        switch transient.shape {
        case .vector: "clojure.lang.PersistentVector$TransientVector"
        case .map: "clojure.lang.PersistentHashMap$TransientHashMap"
        case .set: "clojure.lang.PersistentHashSet$TransientHashSet"
        }
    }

    private static func name(of view: SeqView) -> String {
        switch view.source {
        case .range: "clojure.lang.LongRange"
        case .text: "clojure.lang.StringSeq"
        case .vector: "clojure.lang.PersistentVector$ChunkedSeq"
        case .chunk: "clojure.lang.ChunkedCons"
        }
    }

    private static func name(of object: Object) -> String? {
        switch object.kind {
        case .symbol: return "clojure.lang.Symbol"
        case .bigInteger: return "clojure.lang.BigInt"
        case .ratio: return "clojure.lang.Ratio"
        case .decimal: return "java.math.BigDecimal"
        case .float: return "java.lang.Float"
        case .sortedMap: return "clojure.lang.PersistentTreeMap"
        case .sortedSet: return "clojure.lang.PersistentTreeSet"
        case .queue: return "clojure.lang.PersistentQueue"
        case .atom: return "clojure.lang.Atom"
        case .var: return "clojure.lang.Var"
        case .volatile: return "clojure.lang.Volatile"
        case .delay: return "clojure.lang.Delay"
        case .promise: return "clojure.core$promise"
        case .future: return "clojure.core$future"
        case .ref: return "clojure.lang.Ref"
        case .agent: return "clojure.lang.Agent"
        case .array: return (object as? ArrayObject)?.element.className ?? HostClass.object
        case .transient: return (object as? Transient).map(transientName)
        case .regex: return "java.util.regex.Pattern"
        case .matcher: return "java.util.regex.Matcher"
        case .reduced: return "clojure.lang.Reduced"
        case .namespace: return "clojure.lang.Namespace"
        case .multimethod: return "clojure.lang.MultiFn"
        case .uuid: return "java.util.UUID"
        case .instant: return "java.util.Date"
        case .type: return "java.lang.Class"
        case .taggedLiteral: return "clojure.lang.TaggedLiteral"
        case .exception: return (object as? Exception).map { fullName($0.type) }
        case .record: return nil
        // An instance of a `deftype` is opaque.
        default: return object is RecordObject ? nil : HostClass.object
        }
    }
}

extension Exception {
    /// The full name of its class, as `class` gives it.
    package var className: String { HostClass.fullName(type) }
}
