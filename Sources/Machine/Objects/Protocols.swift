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
    // Sendable: immutable.
    let owner: Protocol
    let name: Name
    /// The name that metadata has when a value carries its own implementation.
    private let qualified: Name

    init(_ owner: Protocol, _ name: Name, qualified: Name) {
        self.owner = owner
        self.name = name
        self.qualified = qualified
    }

    override func write(to printer: inout Printer) throws(Fault) { printer.write("#<fn \(name.description)>") }

    override func callee(_ arguments: UnsafeBufferPointer<Value>) throws(Fault) -> Value? {
        guard let target = arguments.first else {
            throw .of(
                .arity, "\(name.description) takes 1 or more arguments, but was called with none",
                hint: "the first is what it is called on")
        }
        if owner.extendsViaMetadata, let found = try target.metadata?.find(.symbol(qualified)) { return found }
        if let found = try owner.implementation(for: target)?.find(.keyword(name)) { return found }
        throw Fault.of(
            .illegalArgument,
            "no implementation of \(name.description) of protocol \(owner.name) for \(target.briefly)",
            hint: "extend-protocol or extend-type adds one"
        ).blaming(target)
    }
}
