/// `(sorted-set …)`: a persistent set in the order of its comparator.
public final class SortedSet: SortedCollection, @unchecked Sendable {
    // Sendable: immutable.
    /// The element as the set holds it; throws what the comparator throws.
    public func find(_ element: Value) throws(Fault) -> Value? { try tree.find(element)?.key }
    public func contains(_ element: Value) throws(Fault) -> Bool { try tree.find(element) != nil }

    /// A set with `element`; an equal one that is there stays.
    public func inserting(_ element: Value) throws(Fault) -> SortedSet {
        try contains(element) ? self : SortedSet(try tree.setting(element, .nil), meta: meta)
    }

    public func without(_ element: Value) throws(Fault) -> SortedSet {
        SortedSet(try tree.removing(element), meta: meta)
    }

    /// The elements in ascending or descending order.
    public func elements(ascending: Bool = true) -> some Sequence<Value> {
        SortedEntries(tree, ascending: ascending).lazy.map(\.key)
    }

    /// The elements from the first not before `element` in the direction of the walk: what `subseq` and `rsubseq` start at.
    public func elements(ascending: Bool = true, from element: Value) throws(Fault) -> some Sequence<Value> {
        try SortedEntries(tree, ascending: ascending, from: element).lazy.map(\.key)
    }

    public func elementVector(ascending: Bool = true) -> Vector { Vector(elements(ascending: ascending)) }

    // MARK: what objects support

    public override var kind: ObjectKind { .sortedSet }
    public override func lookup(_ key: Value) throws(Fault) -> Value? { try find(key) }
    public override func conjoining(_ element: Value) throws(Fault) -> Value? { .object(try inserting(element)) }

    public override func seq() throws(Fault) -> Value? {
        count == 0 ? .nil : .seq(SeqView(.vector(elementVector(), index: 0)))
    }

    public override func equals(_ other: Value) throws(Fault) -> Bool {
        switch other {
        case .set(let set):
            guard set.count == count else { return false }
            for element in elements() {
                guard try set.contains(element) else { return false }
            }
            return true
        case .object(let set as SortedSet):
            guard set.count == count else { return false }
            for element in elements() {
                guard try set.nodeIfComparable(element) != nil else { return false }
            }
            return true
        default: return false
        }
    }

    public override func hashCode() throws(Fault) -> UInt32 {
        var sum: UInt32 = 0
        for element in elements() { sum = sum &+ (try element.hashCode()) }
        return max(1, Hashing.finishSet(sum, count: count))
    }

    public override func write(to printer: inout Printer) throws(Fault) {
        try printer.write(elements: SeqCursor(.vector(elementVector())), open: "#{", close: "}")
    }
}
