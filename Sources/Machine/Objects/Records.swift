import Values

/// A type that a script defined: `defrecord` or `deftype`.
public final class RecordType: Object, @unchecked Sendable {
    // Sendable: immutable.
    /// `user.Point`.
    public let name: String
    public let fields: [Name]
    /// A record is a map of its fields; a type is opaque.
    let isRecord: Bool
    /// The interfaces that it implements where it is defined: those of protocols, and classes of the host.
    private let interfaces: [String]

    init(_ name: String, fields: [Name], isRecord: Bool, interfaces: [String] = []) {
        self.name = name
        self.fields = fields
        self.isRecord = isRecord
        self.interfaces = interfaces
    }

    public override var kind: ObjectKind { .type }
    public override func equals(_ other: Value) throws(Fault) -> Bool {
        if case .object(let object) = other, let type = object as? RecordType { type.name == name } else { false }
    }
    public override func hashCode() throws(Fault) -> UInt32 { try Value.string(name).hashCode() }
    public override func write(to printer: inout Printer) throws(Fault) { printer.write(name) }
    public override func writeText(to printer: inout Printer) throws(Fault) { printer.write("class \(name)") }

    func index(of key: Value) -> Int? {
        guard case .keyword(let name) = key else { return nil }
        return index(of: name)
    }

    /// By hand, for fields are few, and a generic search takes longer than the comparisons.
    @inline(__always) func index(of name: Name) -> Int? {
        fields.withUnsafeBufferPointer { fields in
            var index = 0
            while index < fields.count {
                if fields[index] == name { return index }
                index &+= 1
            }
            return nil
        }
    }

    /// What it is derived from directly, its superclass first.
    var bases: [String] {
        let kinds =
            isRecord
            ? [
                "clojure.lang.IRecord", "clojure.lang.IHashEq", "clojure.lang.IObj", "clojure.lang.ILookup",
                "clojure.lang.IPersistentMap", "java.util.Map",
            ]
            : ["clojure.lang.IType"]
        return [HostClass.object] + interfaces + kinds
    }

    /// The type and all that it is derived from, nearest first, `java.lang.Object` last.
    var lineage: [String] { [name] + HostClass.lineage(of: bases) }

    func isDerived(from ancestor: String) -> Bool { bases.contains { HostClass.isDerived($0, from: ancestor) } }
}

/// An instance of a script's type: the fields' values, and for a record whatever else was associated.
public final class RecordObject: Object, @unchecked Sendable {
    // Sendable: immutable after `init`.
    public let type: RecordType
    /// One for each field.
    private let values: UnsafeMutablePointer<Value>
    private let extension_: HashMap?
    private let meta: HashMap?

    /// Copies the fields' values, as many as the type has fields.
    init(_ type: RecordType, _ fields: UnsafePointer<Value>, extra: HashMap? = nil, meta: HashMap? = nil) {
        self.type = type
        values = .allocate(capacity: max(1, type.fields.count))
        values.initialize(from: fields, count: type.fields.count)
        extension_ = extra.flatMap { $0.isEmpty ? nil : $0 }
        self.meta = meta
        Meter.charge(RecordObject.footprint(type))
    }

    deinit {
        Meter.credit(RecordObject.footprint(type))
        Release.buffer(values, count: type.fields.count)
    }

    private static func footprint(_ type: RecordType) -> Int { 80 + type.fields.count * MemoryLayout<Value>.stride }

    /// The instance in a slot, if that is what it holds: valid as long as the slot is not changed.
    @inline(__always) static func borrowed(_ slot: UnsafePointer<Value>) -> Unmanaged<RecordObject>? {
        guard let object = Value.borrowedObject(slot),
            object._withUnsafeGuaranteedRef({ Swift.type(of: $0) == RecordObject.self })
        else { return nil }
        return Unmanaged.fromOpaque(object.toOpaque())
    }

    /// Where the value of a field of this name stands, if there is one.
    @inline(__always) func place(of name: Name) -> UnsafePointer<Value>? {
        type.index(of: name).map { UnsafePointer(values + $0) }
    }

    private var count: Int { type.fields.count }
    private var elements: Vector { Vector(UnsafeBufferPointer(start: values, count: count)) }

    public override var kind: ObjectKind { type.isRecord ? .record : .opaque }
    public override var metadata: HashMap? { meta }
    public override func withMetadata(_ metadata: HashMap?) -> Value? {
        .object(RecordObject(type, values, extra: extension_, meta: metadata))
    }
    public override var elementCount: Int? { type.isRecord ? count + (extension_?.count ?? 0) : nil }
    public override var isLookup: Bool { type.isRecord }
    public override var isCallable: Bool { false }

    /// The value of a field of this name.
    public func field(_ name: Name) -> Value? { type.index(of: name).map { values[$0] } }

    public override func lookup(_ key: Value) throws(Fault) -> Value? {
        guard type.isRecord else { return nil }
        if let index = type.index(of: key) { return values[index] }
        return try extension_?.find(key)
    }

    public override func associating(_ key: Value, _ value: Value) throws(Fault) -> Value? {
        guard type.isRecord else { return nil }
        if let index = type.index(of: key) {
            let changed = RecordObject(type, values, extra: extension_, meta: meta)
            // Nobody has seen it yet.
            changed.values[index] = value
            return .object(changed)
        }
        var more = extension_ ?? HashMap()
        try HashMap.set(&more, key, value)
        return .object(RecordObject(type, values, extra: more, meta: meta))
    }

    /// Without one of its fields a record is a plain map.
    public override func removing(_ key: Value) throws(Fault) -> Value? {
        guard type.isRecord else { return nil }
        if type.index(of: key) != nil {
            var map = try asMap()
            try HashMap.remove(&map, key)
            return .map(map)
        }
        guard var more = extension_ else { return .object(self) }
        try HashMap.remove(&more, key)
        return .object(RecordObject(type, values, extra: more, meta: meta))
    }

    public override func conjoining(_ element: Value) throws(Fault) -> Value? {
        guard type.isRecord else { return nil }
        var result = Value.object(self)
        switch element {
        case .nil: return result
        case .vector(let pair) where pair.count == 2: return try associating(pair[0], pair[1])
        default:
            if case .vector = element {
                throw .illegalArgument("conj on a record takes pairs of key and value, but found \(element.briefly)")
            }
            try Collections.forEachEntry(element, "conj on a record") { (key, value) throws(Fault) in
                try Collections.assoc(&result, key, value)
            }
            return result
        }
    }

    /// Fields in their order, then what else was associated.
    private var entries: [(Value, Value)] {
        var found: [(Value, Value)] = []
        for (index, field) in type.fields.enumerated() { found.append((.keyword(field), values[index])) }
        extension_?.forEach { (key, value) in
            found.append((key, value))
            return true
        }
        return found
    }

    func asMap() throws(Fault) -> HashMap { try HashMap.of(entries) }

    public override func seq() throws(Fault) -> Value? {
        guard type.isRecord else { return nil }
        let entries = entries
        return entries.isEmpty
            ? .nil : .seq(SeqView(.vector(Vector(entries.map { Value.vector(.entry($0.0, $0.1)) }), index: 0)))
    }

    public override func equals(_ other: Value) throws(Fault) -> Bool {
        guard case .object(let object) = other, let record = object as? RecordObject, record.type.name == type.name
        else { return false }
        if self === record { return true }
        guard type.isRecord else { return false }
        guard try Value.vector(elements).equals(.vector(record.elements)) else { return false }
        switch (extension_, record.extension_) {
        case (nil, nil): return true
        case (let a?, let b?): return try Value.map(a).equals(.map(b))
        default: return false
        }
    }

    public override func hashCode() throws(Fault) -> UInt32 {
        guard type.isRecord else { return try super.hashCode() }
        return try Value.map(try asMap()).hashCode() ^ (try type.hashCode())
    }

    public override func write(to printer: inout Printer) throws(Fault) {
        guard type.isRecord else { return printer.write("#<\(type.name)>") }
        printer.write("#\(type.name)")
        try printer.write(entries: entries.flatMap { [$0.0, $0.1] })
    }
}

/// What `reify` makes: implementations of protocols, by method name.
final class Reified: Object, @unchecked Sendable {
    // Sendable: immutable.
    /// Protocol name → map of method keyword → function.
    let implementations: [String: HashMap]
    /// The interfaces that it implements: those of its protocols, and classes of the host.
    let interfaces: [String]
    private let meta: HashMap?

    init(_ implementations: [String: HashMap], interfaces: [String], meta: HashMap? = nil) {
        self.implementations = implementations
        self.interfaces = interfaces
        self.meta = meta
    }

    override var metadata: HashMap? { meta }
    override func withMetadata(_ metadata: HashMap?) -> Value? {
        .object(Reified(implementations, interfaces: interfaces, meta: metadata))
    }
    override func write(to printer: inout Printer) throws(Fault) { printer.write("#<reify>") }
}
