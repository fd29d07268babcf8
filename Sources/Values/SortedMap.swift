/// `(sorted-map …)`: a persistent map in the order of its comparator.
public final class SortedMap: Object, @unchecked Sendable {
    // Sendable: immutable.
    private let tree: SortedTree
    private let meta: HashMap?

    private init(_ tree: SortedTree, meta: HashMap?) {
        self.tree = tree
        self.meta = meta
    }

    /// An empty map ordered by `compare`: negative, zero or positive; it must be consistent.
    package convenience init(
        compare: @escaping (Value, Value) throws(Fault) -> Int = Value.compare, meta: HashMap? = nil
    ) {
        self.init(SortedTree(compare: compare), meta: meta)
    }

    package var compare: (Value, Value) throws(Fault) -> Int { tree.compare }
    public var count: Int { tree.count }

    /// The value of `key`, or nil when it is absent; throws what the comparator throws.
    public func find(_ key: Value) throws(Fault) -> Value? { try tree.find(key)?.value }

    /// The key as the map holds it, and its value.
    public func entry(_ key: Value) throws(Fault) -> (key: Value, value: Value)? {
        try tree.find(key).map { ($0.key, $0.value) }
    }

    /// A map with `key` set to `value`; an equal key that is there stays.
    public func setting(_ key: Value, _ value: Value) throws(Fault) -> SortedMap {
        SortedMap(try tree.setting(key, value), meta: meta)
    }

    public func without(_ key: Value) throws(Fault) -> SortedMap { SortedMap(try tree.removing(key), meta: meta) }

    /// The entries in ascending or descending order.
    public func entries(ascending: Bool = true) -> SortedEntries { SortedEntries(tree, ascending: ascending) }

    /// The entries from the first key not before `key` in the direction of the walk: what `subseq` and `rsubseq` start at.
    public func entries(ascending: Bool = true, from key: Value) throws(Fault) -> SortedEntries {
        try SortedEntries(tree, ascending: ascending, from: key)
    }

    /// The entries as a vector.
    public func entryVector(ascending: Bool = true) -> Vector {
        Vector(entries(ascending: ascending).lazy.map { .vector(.entry($0.key, $0.value)) })
    }

    // MARK: what objects support

    public override var kind: ObjectKind { .sortedMap }
    public override var metadata: HashMap? { meta }
    public override func withMetadata(_ metadata: HashMap?) -> Value? { .object(SortedMap(tree, meta: metadata)) }
    public override var elementCount: Int? { count }
    public override var isLookup: Bool { true }
    public override func lookup(_ key: Value) throws(Fault) -> Value? { try find(key) }
    public override var emptied: Value? { .object(SortedMap(tree.emptied, meta: meta)) }

    public override func seq() throws(Fault) -> Value? {
        count == 0 ? .nil : .seq(SeqView(.vector(entryVector(), index: 0)))
    }

    public override func associating(_ key: Value, _ value: Value) throws(Fault) -> Value? {
        .object(try setting(key, value))
    }
    public override func removing(_ key: Value) throws(Fault) -> Value? { .object(try without(key)) }

    public override func conjoining(_ element: Value) throws(Fault) -> Value? {
        switch element {
        case .nil: return .object(self)
        case .vector(let pair) where pair.count == 2: return .object(try setting(pair[0], pair[1]))
        case .map(let map):
            var made = self
            for (key, value) in map.entries { made = try made.setting(key, value) }
            return .object(made)
        case .object(let other as SortedMap):
            var made = self
            for (key, value) in other.entries() { made = try made.setting(key, value) }
            return .object(made)
        default: throw .type("conj on a sorted map", expected: "an entry of key and value", found: element)
        }
    }

    public override func equals(_ other: Value) throws(Fault) -> Bool {
        let otherCount: Int
        switch other {
        case .map(let map): otherCount = map.count
        case .object(let map as SortedMap): otherCount = map.count
        default: return false
        }
        guard count == otherCount else { return false }
        for (key, value) in entries() {
            guard let found = try SortedMap.find(key, in: other) else { return false }
            guard try value.equals(found) else { return false }
        }
        return true
    }

    /// A key that the other map cannot compare with its own is not in it.
    private static func find(_ key: Value, in map: Value) throws(Fault) -> Value? {
        do throws(Fault) {
            return try Collections.get(map, key)
        } catch .thrown(let exception) where exception.type == .classCast {
            return nil
        }
    }

    public override func hashCode() throws(Fault) -> UInt32 {
        var sum: UInt32 = 0
        for (key, value) in entries() { sum = sum &+ Hashing.entry(try key.hashCode(), try value.hashCode()) }
        return max(1, Hashing.finishMap(sum, count: count))
    }

    public override func write(to printer: inout Printer) throws(Fault) {
        printer.write("{")
        var separator = ""
        for (key, value) in entries() {
            printer.write(separator)
            try printer.write(key)
            printer.write(" ")
            try printer.write(value)
            separator = ", "
        }
        printer.write("}")
    }
}
