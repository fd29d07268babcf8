import Values

/// Classes, records, protocols and multimethods: the parts of their macros that need Swift.
enum TypePrimitives {
    static let core = PrimitiveFamily(
        "clojure.core",
        [
            Primitive("class", 1) { (a, _) in classOf(a[0]) }, Primitive("instance?", 2, isInstance),
            Primitive("class?", 1) { (a, _) in .bool(a[0].objectKind == .type) }, Primitive("bases", 1, bases),
            Primitive("satisfies?", 2, satisfies),
            Primitive("extends?", 2, extends), Primitive("extend", .atLeast(1), extend),
            Primitive("methods", 1, methods),
            Primitive("get-method", 2, getMethod), Primitive("remove-method", 2, removeMethod),
            Primitive("remove-all-methods", 1, removeAllMethods), Primitive("prefer-method", 3, preferMethod),
            Primitive("prefers", 1) { (a, _) throws(Fault) in .map(try multimethod(a, "prefers").preferred) },
        ])

    static let machine = PrimitiveFamily(
        "sluice.machine",
        [
            Primitive("host-class", 1, hostClass), Primitive("record-type", 4, recordType),
            Primitive("record", .atLeast(1), record),
            Primitive("record-from-map", 2, recordFromMap), Primitive("protocol", 3, makeProtocol),
            Primitive("protocol-method", 3, protocolMethod), Primitive("reify", .atLeast(0), reify),
            Primitive("isa?", 3, isA), Primitive("method-table", 3, makeTable),
            Primitive("multimethod", 3, makeMultimethod),
            Primitive("multimethod?", 1) { (a, _) in .bool(a[0].objectKind == .multimethod) },
            Primitive("select-method", 2) { (a, _) throws(Fault) in
                try a.object(0, "a multimethod", "a method table", as: MethodTable.self).select(a[1])
            },
            Primitive("field", 2, field),
            Primitive("add-method!", 3, addMethod),
        ])

    static func classOf(_ value: Value) -> Value {
        if case .nil = value { return .nil }
        if case .object(let record as RecordObject) = value { return .object(record.type) }
        return HostClass.named(HostClass.name(of: value) ?? HostClass.object).map { .object($0) } ?? .nil
    }

    static func isInstance(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        switch a[0] {
        case .object(let type as HostClass):
            if case .nil = a[1] { return .false }
            if case .object(let record as RecordObject) = a[1] { return .bool(record.type.isDerived(from: type.name)) }
            if case .object(let reified as Reified) = a[1] {
                return .bool(
                    type.name == HostClass.object
                        || reified.interfaces.contains { HostClass.isDerived($0, from: type.name) })
            }
            return .bool(HostClass.isDerived(HostClass.name(of: a[1]) ?? HostClass.object, from: type.name))
        case .object(let type as RecordType):
            if case .object(let record as RecordObject) = a[1] { return .bool(record.type.name == type.name) }
            return .false
        case .object(let type as Protocol): return .bool(type.implementation(for: a[1]) != nil)
        default: throw .type("instance?", expected: "a class", found: a[0])
        }
    }

    static func hostClass(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        let name = try a.string(0, "class")
        guard let found = HostClass.named(name) else { throw .illegalArgument("there is no class \(name)") }
        return .object(found)
    }

    /// `bases`: the classes from which a class is derived directly, its superclass first; nil when there are none.
    static func bases(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        switch a[0] {
        case .nil: return .nil
        case .object(let type as HostClass): return classes(HostClass.bases(type.name))
        case .object(let type as RecordType): return classes(type.bases)
        default: throw .type("bases", expected: "a class", found: a[0])
        }
    }

    private static func classes(_ names: [String]) -> Value {
        names.isEmpty ? .nil : .list(names.map { Value.object(HostClass.existing($0)) })
    }

    /// The interfaces of what a type is defined with: protocols, and classes of the host.
    private static func interfaces(_ value: Value, _ operation: String) throws(Fault) -> [String] {
        var names: [String] = []
        try Sequences.forEach(value) { (each) throws(Fault) in
            switch each {
            case .object(let target as Protocol): names.append(target.interfaceName)
            case .object(let type as HostClass): if type.name != HostClass.object { names.append(type.name) }
            default: throw .type(operation, expected: "a protocol", found: each)
            }
        }
        return names
    }
}

// Records.
extension TypePrimitives {
    /// `(record-type "ns/Name" [:a :b] record? [protocol …])`.
    static func recordType(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        let fields = try names(a[1], "defrecord", "field names")
        return .object(
            RecordType(
                Protocol.typeName(try a.string(0, "defrecord")), fields: fields, isRecord: a[2].isTruthy,
                interfaces: try interfaces(a[3], "defrecord")))
    }

    /// The names that a sequence of keywords stands for.
    private static func names(_ keywords: Value, _ operation: String, _ expected: String) throws(Fault) -> [Name] {
        var names: [Name] = []
        try Sequences.forEach(keywords) { (keyword) throws(Fault) in
            guard case .keyword(let name) = keyword else {
                throw .type(operation, expected: expected, found: keyword)
            }
            names.append(name)
        }
        return names
    }

    /// `(record type value…)`, one value for each field.
    static func record(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        let type = try a.object(0, "new", "a type", as: RecordType.self)
        guard a.count - 1 == type.fields.count else {
            throw .of(
                .arity, "\(type.name) takes \(type.fields.count) values, one for each field, but found \(a.count - 1)")
        }
        return .object(RecordObject(type, a.base + 1))
    }

    /// `(field object :name)`: a field of an instance, also of an opaque one; for the methods of its type.
    static func field(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        let record = try a.object(0, "a field", "an instance", as: RecordObject.self)
        guard case .keyword(let name) = a[1], let value = record.field(name) else {
            throw .illegalArgument("\(record.type.name) has no field \(a[1].briefly)")
        }
        return value
    }

    /// `(record-from-map type map)`: missing fields are nil, other keys stay.
    static func recordFromMap(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        let type = try a.object(0, "new", "a type", as: RecordType.self)
        var values: [Value] = []
        var rest = a[1].isNil ? HashMap() : try Conversion.map(a[1], "a record")
        for field in type.fields {
            values.append(try rest.find(.keyword(field)) ?? .nil)
            try HashMap.remove(&rest, .keyword(field))
        }
        return values.withUnsafeBufferPointer { values in
            // A type without fields has no values, and reads none.
            .object(RecordObject(type, values.baseAddress ?? UnsafePointer(a.base), extra: rest))
        }
    }
}

/// Conversions between kinds of collections.
enum Conversion {
    /// A hash map of a map of any kind.
    static func map(_ value: Value, _ operation: String) throws(Fault) -> HashMap {
        switch value {
        case .map(let map): return map
        case .object(let record as RecordObject): return try record.asMap()
        case .object(let sorted as SortedMap): return try HashMap.of(sorted.entries().lazy.map { ($0.key, $0.value) })
        default: throw .type(operation, expected: "a map", found: value)
        }
    }
}

// Protocols.
extension TypePrimitives {
    /// `(protocol "ns/Name" [:method …] extend-via-metadata?)`.
    static func makeProtocol(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        let methods = try names(a[1], "defprotocol", "method names")
        return .object(Protocol(try a.string(0, "defprotocol"), methods: methods, extendsViaMetadata: a[2].isTruthy))
    }

    /// `(protocol-method protocol :name 'ns/name)`.
    static func protocolMethod(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        guard case .keyword(let name) = a[1] else { throw .type("defprotocol", expected: "a method name", found: a[1]) }
        let owner = try a.object(0, "defprotocol", "a protocol", as: Protocol.self)
        return .object(ProtocolMethod(owner, name, qualified: try a.symbol(2, "defprotocol")))
    }

    /// `(extend type protocol {:method f …} …)`.
    static func extend(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        guard let key = Protocol.key(ofType: a[0]) else {
            throw .type("extend", expected: "a type, a class or nil", found: a[0])
        }
        guard a.count % 2 == 1 else { throw .illegalArgument("extend takes protocols and maps of methods in pairs") }
        for index in stride(from: 1, to: a.count, by: 2) {
            let target = try a.object(index, "extend", "a protocol", as: Protocol.self)
            let methods = try Conversion.map(a[index + 1], "extend")
            for (method, _) in methods.entries {
                guard case .keyword(let name) = method, target.methods.contains(name) else {
                    let said = if case .keyword(let name) = method { name.description } else { method.briefly }
                    let known = target.methods.map(\.name).joined(separator: ", ")
                    throw .of(
                        .illegalArgument,
                        "protocol \(target.name) has no method \(said)",
                        hint: known.isEmpty ? nil : "it has \(known)")
                }
            }
            try target.extend(key, methods)
        }
        return .nil
    }

    /// `(reify protocol {:method f …} …)`; what is no protocol is a host's interface and left aside.
    static func reify(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        var implementations: [String: HashMap] = [:]
        for index in stride(from: 0, to: a.count - 1, by: 2) {
            if case .object(let target as Protocol) = a[index] {
                implementations[target.name] = try a.map(index + 1, "reify")
            }
        }
        let specs = Value.vector(stride(from: 0, to: a.count - 1, by: 2).map { a[$0] })
        return .object(Reified(implementations, interfaces: try interfaces(specs, "reify")))
    }

    static func satisfies(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        .bool(try a.object(0, "satisfies?", "a protocol", as: Protocol.self).implementation(for: a[1]) != nil)
    }

    static func extends(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        guard let key = Protocol.key(ofType: a[1]) else {
            throw .type("extends?", expected: "a type, a class or nil", found: a[1])
        }
        return .bool(try a.object(0, "extends?", "a protocol", as: Protocol.self).extenders.contains(key))
    }
}

// Multimethods.
extension TypePrimitives {
    static func isA(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        .bool(try Hierarchy.isA(a[0], a[1], a[2], fiber.instance.names.keyword("ancestors")))
    }

    /// `(method-table "name" default-value hierarchy-var)`.
    static func makeTable(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        .object(
            MethodTable(
                try a.string(0, "defmulti"), fallback: a[1], hierarchy: try a.variable(2, "defmulti"),
                ancestorsKey: fiber.instance.names.keyword("ancestors")))
    }

    /// `(multimethod table dispatcher dispatch-function)`.
    static func makeMultimethod(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        let table = try a.object(0, "defmulti", "a method table", as: MethodTable.self)
        return .object(Multimethod(table, dispatcher: a[1], by: a[2]))
    }

    private static func multimethod(_ a: Arguments, _ operation: String) throws(Fault) -> MethodTable {
        try a.object(0, operation, "a multimethod", as: Multimethod.self).table
    }

    static func addMethod(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try multimethod(a, "defmethod").add(a[1], a[2])
        return a[0]
    }
    static func methods(_ a: Arguments, _: Fiber) throws(Fault) -> Value { .map(try multimethod(a, "methods").methods) }
    static func getMethod(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try multimethod(a, "get-method").find(a[1]) ?? .nil
    }
    static func removeMethod(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try multimethod(a, "remove-method").remove(a[1])
        return a[0]
    }
    static func removeAllMethods(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try multimethod(a, "remove-all-methods").removeAll()
        return a[0]
    }
    static func preferMethod(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try multimethod(a, "prefer-method").prefer(a[1], over: a[2])
        return a[0]
    }
}
