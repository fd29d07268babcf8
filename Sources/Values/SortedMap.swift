/// `(sorted-map …)`: a persistent map in the order of its comparator.
public final class SortedMap: SortedCollection, @unchecked Sendable {
    // Sendable: immutable.
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
    public override func lookup(_ key: Value) throws(Fault) -> Value? { try find(key) }

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
        case .vector: throw .illegalArgument("conj on a map takes pairs of key and value, but found \(element.briefly)")
        default:
            var made = self
            try Collections.forEachEntry(element, "conj on a sorted map") { (key, value) throws(Fault) in
                made = try made.setting(key, value)
            }
            return .object(made)
        }
    }

    public override func equals(_ other: Value) throws(Fault) -> Bool {
        switch other {
        case .map(let map):
            guard map.count == count else { return false }
            for (key, value) in entries() {
                guard let found = try map.find(key), try value.equals(found) else { return false }
            }
            return true
        case .object(let map as SortedMap):
            guard map.count == count else { return false }
            for (key, value) in entries() {
                guard let found = try map.nodeIfComparable(key), try value.equals(found.value) else { return false }
            }
            return true
        default: return false
        }
    }

    public override func hashCode() throws(Fault) -> UInt32 {
        var sum: UInt32 = 0
        for (key, value) in entries() { sum = sum &+ Hashing.entry(try key.hashCode(), try value.hashCode()) }
        return max(1, Hashing.finishMap(sum, count: count))
    }

    public override func write(to printer: inout Printer) throws(Fault) {
        try printer.write(entries: entries().flatMap { [$0.key, $0.value] })
    }
}
