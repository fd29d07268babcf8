import Values

/// One entry of a table of primitives: what it is called within its namespace, how many arguments it takes, and its body.
///
/// Entries are static data; the `Native` is made when a var is first named, so that hundreds of primitives cost nothing at
/// start-up.
public struct Primitive: Sendable {
    let name: StaticString
    let arity: Native.Arity
    let blocks: Bool
    private let kind: Native.Kind
    private let spread: Native.SpreadBody?

    /// `spread` does for the elements of a vector what `body` does for arguments.
    public init(
        _ name: StaticString, _ arity: Native.Arity, blocks: Bool = false, spread: Native.SpreadBody? = nil,
        _ body: @escaping Native.Body
    ) {
        self.name = name
        self.arity = arity
        self.blocks = blocks
        self.spread = spread
        kind = .plain(body)
    }

    public init(
        _ name: StaticString, _ arity: Native.Arity, blocks: Bool = false, control body: @escaping Native.ControlBody
    ) {
        self.name = name
        self.arity = arity
        self.blocks = blocks
        spread = nil
        kind = .control(body)
    }

    /// The primitive as a value, called `name` in messages.
    func native(named name: String) -> Native {
        switch kind {
        case .plain(let body): Native(name, arity, blocks: blocks, spread: spread, body)
        case .control(let body): Native(name, arity, blocks: blocks, control: body)
        }
    }
}

/// The primitives of one namespace that one file defines.
public struct PrimitiveFamily: Sendable {
    let namespace: StaticString
    let primitives: [Primitive]

    public init(_ namespace: StaticString, _ primitives: [Primitive]) {
        self.namespace = namespace
        self.primitives = primitives
    }
}

/// Primitives by namespace and name. Each target that has some makes one table; a namespace's loader asks them in turn.
public struct PrimitiveTable: Sendable {
    private struct Place {
        var family: UInt16
        var index: UInt16
    }

    private let families: [PrimitiveFamily]
    private let places: [Place]
    /// Open addressing over `places`; -1 is empty.
    private let slots: [Int16]

    public init(_ families: [PrimitiveFamily]) {
        self.families = families
        let total = families.reduce(0) { $0 + $1.primitives.count }
        var size = 16
        while size < total * 2 { size *= 2 }
        var places: [Place] = []
        places.reserveCapacity(total)
        var slots = [Int16](repeating: -1, count: size)
        for (familyIndex, family) in families.enumerated() {
            for (index, primitive) in family.primitives.enumerated() {
                var slot = PrimitiveTable.hash(family.namespace.bytes, primitive.name.bytes) & (size - 1)
                while slots[slot] >= 0 { slot = (slot + 1) & (size - 1) }
                slots[slot] = Int16(places.count)
                places.append(Place(family: UInt16(familyIndex), index: UInt16(index)))
            }
        }
        self.places = places
        self.slots = slots
    }

    /// The primitive of this name, made anew; nil when there is none.
    public func find(namespace: Name, name: Name) -> Native? {
        find(namespace: namespace.nameBytes, name: name.nameBytes)
    }

    public func find(namespace: String, name: String) -> Native? {
        var namespace = namespace
        var name = name
        return namespace.withUTF8 { namespaceBytes in name.withUTF8 { find(namespace: namespaceBytes, name: $0) } }
    }

    private func find(namespace: UnsafeBufferPointer<UInt8>, name: UnsafeBufferPointer<UInt8>) -> Native? {
        var slot = PrimitiveTable.hash(namespace, name) & (slots.count - 1)
        while slots[slot] >= 0 {
            let place = places[Int(slots[slot])]
            let family = families[Int(place.family)]
            let primitive = family.primitives[Int(place.index)]
            if primitive.name.bytes.elementsEqual(name), family.namespace.bytes.elementsEqual(namespace) {
                let full =
                    "\(family.namespace)" == "clojure.core"
                    ? "\(primitive.name)" : "\(family.namespace)/\(primitive.name)"
                return primitive.native(named: full)
            }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    /// Every full name, in the tables' order.
    public var names: [String] {
        families.flatMap { family in family.primitives.map { "\(family.namespace)/\($0.name)" } }
    }

    /// The namespaces that have some, in the tables' order.
    public var namespaces: [String] { families.map { "\($0.namespace)" } }

    /// Whether a namespace has some.
    public func has(_ namespace: String) -> Bool {
        var namespace = namespace
        return namespace.withUTF8 { wanted in families.contains { $0.namespace.bytes.elementsEqual(wanted) } }
    }

    /// The names in one namespace, in the tables' order.
    public func names(in namespace: String) -> [String] {
        families.filter { "\($0.namespace)" == namespace }.flatMap { $0.primitives.map { "\($0.name)" } }
    }

    /// FNV-1a over `namespace/name`.
    private static func hash(_ namespace: UnsafeBufferPointer<UInt8>, _ name: UnsafeBufferPointer<UInt8>) -> Int {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in namespace { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        hash = (hash ^ 0x2f) &* 0x100_0000_01b3
        for byte in name { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return Int(truncatingIfNeeded: (hash ^ hash >> 32) & 0x7fff_ffff)
    }
}

extension StaticString {
    /// The text's bytes; every name in a table is longer than one scalar or is an ASCII literal, which has a pointer too.
    fileprivate var bytes: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: utf8Start, count: utf8CodeUnitCount)
    }
}

/// The machine's own primitives.
///
/// Clojure's names stand in Clojure's namespaces; `sluice.machine` has what the library in the language needs beside them;
/// `System`, `Math`, `Long` … are the static methods of the host classes that portable programs call.
public enum Primitives {
    public static let all = PrimitiveTable([
        NumberPrimitives.core, NumberPrimitives.machine, NumberPrimitives.bits, PredicatePrimitives.core,
        CollectionPrimitives.core,
        CollectionPrimitives.machine, TransientPrimitives.core, SequencePrimitives.core, SequencePrimitives.machine,
        ChunkPrimitives.machine,
        FormPrimitives.machine,
        StringPrimitives.core, StringPrimitives.string, StringPrimitives.machine, FormatPrimitives.core,
        RegexPrimitives.core, RegexPrimitives.machine, NamePrimitives.core,
        MetadataPrimitives.core, ReferencePrimitives.core, ReferencePrimitives.machine, RefPrimitives.machine,
        AgentPrimitives.core, AgentPrimitives.machine, VarPrimitives.core,
        VarPrimitives.machine, NamespacePrimitives.core, NamespacePrimitives.machine, ExceptionPrimitives.core,
        ExceptionPrimitives.machine, PrintPrimitives.core, PrintPrimitives.machine, PrettyPrimitives.machine,
        RandomPrimitives.core,
        TypePrimitives.core,
        TypePrimitives.machine, ArrayPrimitives.core, HostMethods.compiler, HostPrimitives.system, MathPrimitives.math,
        MathPrimitives.clojure,
        HostPrimitives.long, HostPrimitives.integer, HostPrimitives.double, HostPrimitives.boolean,
        HostPrimitives.character,
        HostPrimitives.stringClass, PrimitiveFamily("clojure.lang.PersistentQueue", []),
    ])

    /// The primitive of this name, made anew; nil when there is none.
    public static func find(namespace: Name, name: Name) -> Native? { all.find(namespace: namespace, name: name) }
    public static func find(namespace: String, name: String) -> Native? { all.find(namespace: namespace, name: name) }

    /// What is no function: the host classes (`String`) and their static fields (`Math/PI`, `Long/MAX_VALUE`).
    public static func constant(namespace: String, name: String) -> Value? {
        switch (namespace, name) {
        case ("Math", "PI"): .double(.pi)
        case ("Math", "E"): .double(2.718281828459045)
        case ("Long", "MAX_VALUE"): .int(.max)
        case ("Long", "MIN_VALUE"): .int(.min)
        case ("Integer", "MAX_VALUE"): .int(Int64(Int32.max))
        case ("Integer", "MIN_VALUE"): .int(Int64(Int32.min))
        case ("Double", "MAX_VALUE"): .double(.greatestFiniteMagnitude)
        case ("Double", "MIN_VALUE"): .double(.leastNonzeroMagnitude)
        case ("Double", "POSITIVE_INFINITY"): .double(.infinity)
        case ("Double", "NEGATIVE_INFINITY"): .double(-.infinity)
        case ("Double", "NaN"): .double(.nan)
        case ("Boolean", "TRUE"): .true
        case ("Boolean", "FALSE"): .false
        case ("clojure.lang.PersistentQueue", "EMPTY"): .object(Queue.empty)
        // `String`, `clojure.lang.Keyword`: classes of the host are seen everywhere.
        case ("clojure.core", _): HostClass.named(name).map { .object($0) }
        default: nil
        }
    }
}
