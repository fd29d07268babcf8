import Synchronization
import Values

/// A protocol: names of methods, and who implements them.
public final class Protocol: Object, @unchecked Sendable {
    // Sendable: guarded by `lock`.
    /// `user/Shape`.
    let name: String
    let methods: [Name]
    let extendsViaMetadata: Bool
    private let lock = Lock()
    /// By the name of the class or type; "nil" for nil.
    private var implementations: [String: HashMap] = [:]
    /// What the lineage of a class led to; emptied by every extension.
    private var resolved: [String: HashMap?] = [:]
    /// Counts the extensions: what was found before one is to be looked for again.
    private let extensions = Atomic<Int>(0)
    var version: Int { extensions.load(ordering: .acquiring) }

    init(_ name: String, methods: [Name], extendsViaMetadata: Bool) {
        self.name = name
        self.methods = methods
        self.extendsViaMetadata = extendsViaMetadata
    }

    public override var kind: ObjectKind { .protocol }
    public override func write(to printer: inout Printer) throws(Fault) { printer.write("#<protocol \(name)>") }

    /// The name of the interface that stands for the protocol among the classes: `my_app.shapes.Shape`.
    var interfaceName: String { Protocol.typeName(name) }

    /// The interface itself, as a class.
    public var interface: Value { .object(HostClass.existing(interfaceName)) }

    /// What `ns/Name` is called as a class: packages have underscores where namespaces have hyphens.
    static func typeName(_ name: String) -> String {
        let parts = name.split(separator: "/", maxSplits: 1)
        guard parts.count == 2 else { return name }
        return String(parts[0].map { $0 == "-" ? "_" : $0 }) + "." + parts[1]
    }

    static let nilKey = "nil"

    /// The key of a type value: nil, a host class or a script's type.
    static func key(ofType type: Value) -> String? {
        switch type {
        case .nil: return nilKey
        case .object(let object):
            if let host = object as? HostClass { return host.name }
            return (object as? RecordType)?.name
        default: return nil
        }
    }

    func extend(_ key: String, _ methods: HashMap) throws(Fault) {
        try lock.withLock { () throws(Fault) in
            var all = implementations[key] ?? HashMap()
            try HashMap.merge(&all, methods)
            implementations[key] = all
            resolved = [:]
            _ = extensions.wrappingAdd(1, ordering: .releasing)
        }
    }

    /// The names of the types that implement it.
    var extenders: [String] { lock.withLock { implementations.keys.sorted() } }

    /// The methods for a value, or nil when it implements none.
    func implementation(for value: Value) -> HashMap? {
        let key: String
        let record: RecordType?
        if case .object(let object) = value {
            if let reified = object as? Reified {
                return reified.implementations[name] ?? lookup(HostClass.object, nil)
            }
            record = (object as? RecordObject)?.type
            key = record?.name ?? HostClass.name(of: value) ?? HostClass.object
        } else {
            record = nil
            key = HostClass.name(of: value) ?? Protocol.nilKey
        }
        return lookup(key, record)
    }

    private func lookup(_ key: String, _ record: RecordType?) -> HashMap? {
        lock.withLock {
            if let known = resolved[key] { return known }
            let lineage = key == Protocol.nilKey ? [key] : record?.lineage ?? HostClass.lineage(key)
            var found: HashMap?
            for name in lineage where found == nil { found = implementations[name] }
            resolved[key] = .some(found)
            return found
        }
    }
}

/// A method of a protocol: a function that is whatever its first argument's type says.
final class ProtocolMethod: Object, @unchecked Sendable {
    // Sendable: immutable, but for `recent`, which locks inside.
    let owner: Protocol
    let name: Name
    /// The name that metadata has when a value carries its own implementation.
    private let qualified: Name
    private let recent = RecentMethods()

    init(_ owner: Protocol, _ name: Name, qualified: Name) {
        self.owner = owner
        self.name = name
        self.qualified = qualified
    }

    override func write(to printer: inout Printer) throws(Fault) { printer.write("#<fn \(name.description)>") }

    override func callee(_ arguments: UnsafeBufferPointer<Value>) throws(Fault) -> Value? {
        guard let target = arguments.baseAddress, arguments.count > 0 else {
            throw .of(
                .arity, "\(name.description) takes 1 or more arguments, but was called with none",
                hint: "the first is what it is called on")
        }
        if owner.extendsViaMetadata {
            if let found = try target.pointee.metadata?.find(.symbol(qualified)) { return found }
            return try implementation(target.pointee)
        }
        let version = owner.version
        guard let type = TypeWord(target) else { return try implementation(target.pointee) }
        if let found = recent.find(type, version) { return found }
        let found = try implementation(target.pointee)
        recent.add(type, of: target.pointee, found, version)
        return found
    }

    private func implementation(_ target: Value) throws(Fault) -> Value {
        if let found = try owner.implementation(for: target)?.find(.keyword(name)) { return found }
        throw Fault.of(
            .illegalArgument,
            "no implementation of \(name.description) of protocol \(owner.name) for \(target.briefly)",
            hint: "extend-protocol or extend-type adds one"
        ).blaming(target)
    }
}

/// The type of a value as one word, for the kinds that protocols are mostly extended to: an instance's type by its address,
/// or a small number.
private struct TypeWord: Equatable {
    private let word: UInt

    init?(_ slot: UnsafePointer<Value>) {
        if let record = RecordObject.borrowed(slot) {
            word = record._withUnsafeGuaranteedRef { UInt(bitPattern: ObjectIdentifier($0.type)) }
            return
        }
        switch slot.pointee {
        case .nil: word = 1
        case .bool: word = 2
        case .int: word = 3
        case .double: word = 4
        case .char: word = 5
        case .keyword: word = 6
        case .symbol: word = 7
        case .shortText, .longText: word = 8
        case .vector(let vector): word = vector.isEntry ? 9 : 10
        case .map(let map): word = map.count <= 8 ? 11 : 12
        case .set: word = 13
        default: return nil
        }
    }
}

/// What a method was lately, for a few types: looking up a class by its name takes several times as long.
private final class RecentMethods: @unchecked Sendable {
    // Sendable: guarded by `lock`.
    private struct Entry {
        let type: TypeWord
        let method: Value
        /// Keeps the address of an instance's type its own.
        let record: RecordType?
    }

    private static let capacity = 8
    private let lock = SpinLock()
    private let entries = UnsafeMutablePointer<Entry>.allocate(capacity: capacity)
    @exclusivity(unchecked) private var count = 0
    @exclusivity(unchecked) private var version = 0

    deinit {
        entries.deinitialize(count: count)
        entries.deallocate()
    }

    func find(_ type: TypeWord, _ version: Int) -> Value? {
        lock.withLock {
            guard version == self.version else { return nil }
            var index = 0
            while index < count {
                if entries[index].type == type { return entries[index].method }
                index &+= 1
            }
            return nil
        }
    }

    func add(_ type: TypeWord, of value: Value, _ method: Value, _ version: Int) {
        var record: RecordType?
        if case .object(let object) = value { record = (object as? RecordObject)?.type }
        lock.withLock {
            // A method of very many types begins anew.
            if version != self.version || count == RecentMethods.capacity {
                entries.deinitialize(count: count)
                count = 0
                self.version = version
            }
            (entries + count).initialize(to: Entry(type: type, method: method, record: record))
            count += 1
        }
    }
}
