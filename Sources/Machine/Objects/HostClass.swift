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
        if parents[name] != nil { return HostClass(name) }
        if let full = shortNames[name] { return HostClass(full) }
        if let type = ExceptionClass(rawValue: name) { return HostClass(fullName(type)) }
        return nil
    }

    static func == (left: HostClass, right: HostClass) -> Bool { left.name == right.name }

    override var kind: ObjectKind { .type }
    override func equals(_ other: Value) throws(Fault) -> Bool {
        if case .object(let object) = other, let other = object as? HostClass { other.name == name } else { false }
    }
    override func hashCode() throws(Fault) -> UInt32 { try Value.string(name).hashCode() }
    override func write(to printer: inout Printer) throws(Fault) { printer.write(name) }
    override func writeText(to printer: inout Printer) throws(Fault) {
        printer.write((HostClass.interfaces.contains(name) ? "interface " : "class ") + name)
    }

    /// The class and all its ancestors, nearest first, `java.lang.Object` last.
    static func lineage(_ name: String) -> [String] {
        var found = [name]
        var index = 0
        while index < found.count {
            for parent in parents[found[index]] ?? [] where !found.contains(parent) { found.append(parent) }
            index += 1
        }
        found.removeAll { $0 == object }
        return found + [object]
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
        case .text: "java.lang.String"
        case .vector: "clojure.lang.PersistentVector"
        case .map(let map): map.count <= 8 ? "clojure.lang.PersistentArrayMap" : "clojure.lang.PersistentHashMap"
        case .set: "clojure.lang.PersistentHashSet"
        case .list(let list):
            list.isEmpty
                ? "clojure.lang.PersistentList$EmptyList"
                : list.count >= 0 ? "clojure.lang.PersistentList" : "clojure.lang.Cons"
        case .lazy: "clojure.lang.LazySeq"
        case .seq(let view): name(of: view)
        case .function, .native: "clojure.lang.AFunction"
        case .object(let object): name(of: object)
        }
    }

    private static func name(of view: SeqView) -> String {
        switch view.source {
        case .range: "clojure.lang.LongRange"
        case .text: "clojure.lang.StringSeq"
        default: "clojure.lang.ChunkedCons"
        }
    }

    private static func name(of object: Object) -> String? {
        switch object.kind {
        case .symbol: return "clojure.lang.Symbol"
        case .bigInteger: return "clojure.lang.BigInt"
        case .ratio: return "clojure.lang.Ratio"
        case .decimal: return "java.math.BigDecimal"
        case .sortedMap: return "clojure.lang.PersistentTreeMap"
        case .sortedSet: return "clojure.lang.PersistentTreeSet"
        case .queue: return "clojure.lang.PersistentQueue"
        case .atom: return "clojure.lang.Atom"
        case .var: return "clojure.lang.Var"
        case .volatile: return "clojure.lang.Volatile"
        case .delay: return "clojure.lang.Delay"
        case .promise, .future: return "clojure.lang.IDeref"
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

    private static let interfaces: Set<String> = [
        "java.lang.CharSequence", "java.lang.Comparable", "clojure.lang.IFn", "clojure.lang.Fn", "clojure.lang.ISeq",
        "clojure.lang.IPersistentCollection", "clojure.lang.IPersistentMap", "clojure.lang.IPersistentVector",
        "clojure.lang.IPersistentSet", "clojure.lang.IPersistentList", "clojure.lang.Sequential",
        "clojure.lang.Associative",
        "clojure.lang.Seqable", "clojure.lang.Counted", "clojure.lang.Indexed", "clojure.lang.ILookup",
        "clojure.lang.IDeref",
        "clojure.lang.Named", "clojure.lang.IObj", "clojure.lang.IRecord", "clojure.lang.IType", "clojure.lang.IAtom",
    ]

    /// Direct ancestors. Every class that can be named is a key.
    private static let parents: [String: [String]] = {
        let map = ["clojure.lang.IPersistentMap", "clojure.lang.IFn", "clojure.lang.IObj"]
        let seq = ["clojure.lang.ISeq", "clojure.lang.Sequential", "clojure.lang.IObj"]
        var table: [String: [String]] = [
            "java.lang.Object": [], "java.lang.Boolean": ["java.lang.Comparable"], "java.lang.Number": [],
            "java.lang.Long": ["java.lang.Number", "java.lang.Comparable"], "java.lang.Integer": ["java.lang.Number"],
            "java.lang.Short": ["java.lang.Number"], "java.lang.Byte": ["java.lang.Number"],
            "java.lang.Float": ["java.lang.Number"], "java.lang.Double": ["java.lang.Number", "java.lang.Comparable"],
            "java.math.BigInteger": ["java.lang.Number"],
            "java.math.BigDecimal": ["java.lang.Number", "java.lang.Comparable"],
            "clojure.lang.BigInt": ["java.lang.Number", "java.lang.Comparable"],
            "clojure.lang.Ratio": ["java.lang.Number", "java.lang.Comparable"],
            "java.lang.Character": ["java.lang.Comparable"], "java.lang.CharSequence": [], "java.lang.Comparable": [],
            "java.lang.String": ["java.lang.CharSequence", "java.lang.Comparable"], "java.lang.Class": [],
            "clojure.lang.Named": [], "clojure.lang.IObj": [], "clojure.lang.IDeref": [], "clojure.lang.IAtom": [],
            "clojure.lang.Keyword": ["clojure.lang.Named", "clojure.lang.IFn", "java.lang.Comparable"],
            "clojure.lang.Symbol": [
                "clojure.lang.Named", "clojure.lang.IFn", "clojure.lang.IObj", "java.lang.Comparable",
            ],
            "clojure.lang.IFn": [], "clojure.lang.Fn": ["clojure.lang.IFn"],
            "clojure.lang.AFunction": ["clojure.lang.Fn", "clojure.lang.IObj"],
            "clojure.lang.MultiFn": ["clojure.lang.IFn"],
            "clojure.lang.Seqable": [], "clojure.lang.Sequential": [], "clojure.lang.Counted": [],
            "clojure.lang.Indexed": [],
            "clojure.lang.ILookup": [], "clojure.lang.IRecord": [], "clojure.lang.IType": [],
            "clojure.lang.IPersistentCollection": ["clojure.lang.Seqable"],
            "clojure.lang.Associative": ["clojure.lang.IPersistentCollection", "clojure.lang.ILookup"],
            "clojure.lang.IPersistentMap": ["clojure.lang.Associative", "clojure.lang.Counted"],
            "clojure.lang.IPersistentVector": [
                "clojure.lang.Associative", "clojure.lang.Sequential", "clojure.lang.Indexed", "clojure.lang.Counted",
            ],
            "clojure.lang.IPersistentSet": ["clojure.lang.IPersistentCollection", "clojure.lang.Counted"],
            "clojure.lang.IPersistentList": ["clojure.lang.Sequential", "clojure.lang.IPersistentCollection"],
            "clojure.lang.ISeq": ["clojure.lang.IPersistentCollection"],
            "clojure.lang.MapEntry": ["clojure.lang.IPersistentVector"],
            "clojure.lang.APersistentMap": map,
            "clojure.lang.APersistentVector": ["clojure.lang.IPersistentVector", "clojure.lang.IFn"],
            "clojure.lang.PersistentVector": ["clojure.lang.APersistentVector", "clojure.lang.IObj"],
            "clojure.lang.PersistentArrayMap": ["clojure.lang.APersistentMap"],
            "clojure.lang.PersistentHashMap": ["clojure.lang.APersistentMap"],
            "clojure.lang.PersistentTreeMap": ["clojure.lang.APersistentMap"],
            "clojure.lang.PersistentHashSet": ["clojure.lang.IPersistentSet", "clojure.lang.IFn", "clojure.lang.IObj"],
            "clojure.lang.PersistentTreeSet": ["clojure.lang.IPersistentSet", "clojure.lang.IFn", "clojure.lang.IObj"],
            "clojure.lang.PersistentList": ["clojure.lang.IPersistentList"] + seq,
            "clojure.lang.PersistentList$EmptyList": ["clojure.lang.IPersistentList"] + seq,
            "clojure.lang.PersistentQueue": ["clojure.lang.IPersistentList", "clojure.lang.Counted"],
            "clojure.lang.Cons": seq, "clojure.lang.LazySeq": seq,
            "clojure.lang.LongRange": seq + ["clojure.lang.Counted"],
            "clojure.lang.StringSeq": seq, "clojure.lang.ChunkedCons": seq,
            "clojure.lang.Atom": ["clojure.lang.IAtom", "clojure.lang.IDeref"],
            "clojure.lang.Var": ["clojure.lang.IDeref", "clojure.lang.IFn"],
            "clojure.lang.Volatile": ["clojure.lang.IDeref"],
            "clojure.lang.Delay": ["clojure.lang.IDeref"], "clojure.lang.Reduced": ["clojure.lang.IDeref"],
            "clojure.lang.Namespace": [], "clojure.lang.TaggedLiteral": [], "java.util.regex.Pattern": [],
            "java.util.regex.Matcher": [], "java.util.UUID": ["java.lang.Comparable"],
            "java.util.Date": ["java.lang.Comparable"],
        ]
        for type in ExceptionClass.allCases { table[fullName(type)] = type.parent.map { [fullName($0)] } ?? [] }
        return table
    }()

    private static let shortNames: [String: String] = {
        var table: [String: String] = [:]
        for full in parents.keys {
            let short = full.split(separator: ".").last.map(String.init) ?? full
            // Only `java.lang` is imported everywhere.
            if full.hasPrefix("java.lang.") { table[short] = full }
        }
        table["BigDecimal"] = "java.math.BigDecimal"
        table["BigInteger"] = "java.math.BigInteger"
        table["Callable"] = "clojure.lang.IFn"
        return table
    }()
}
