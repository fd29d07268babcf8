/// `(sorted-set …)`: a persistent set in the order of its comparator.
public final class SortedSet: Object, @unchecked Sendable {
    // Sendable: immutable.
    /// Elements as keys; the values are nil.
    private let tree: SortedTree
    private let meta: HashMap?

    private init(_ tree: SortedTree, meta: HashMap?) {
        self.tree = tree
        self.meta = meta
    }

    /// An empty set ordered by `compare`: negative, zero or positive; it must be consistent.
    package convenience init(
        compare: @escaping (Value, Value) throws(Fault) -> Int = Value.compare, meta: HashMap? = nil
    ) {
        self.init(SortedTree(compare: compare), meta: meta)
    }

    package var compare: (Value, Value) throws(Fault) -> Int { tree.compare }
    public var count: Int { tree.count }

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
    public override var metadata: HashMap? { meta }
    public override func withMetadata(_ metadata: HashMap?) -> Value? { .object(SortedSet(tree, meta: metadata)) }
    public override var elementCount: Int? { count }
    public override var isLookup: Bool { true }
    public override func lookup(_ key: Value) throws(Fault) -> Value? { try find(key) }
    public override var emptied: Value? { .object(SortedSet(tree.emptied, meta: meta)) }
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
                guard try set.holds(element) else { return false }
            }
            return true
        default: return false
        }
    }

    /// An element that the comparator refuses is not there.
    private func holds(_ element: Value) throws(Fault) -> Bool {
        do throws(Fault) {
            return try contains(element)
        } catch .thrown(let exception) where exception.type == .classCast {
            return false
        }
    }

    public override func hashCode() throws(Fault) -> UInt32 {
        var sum: UInt32 = 0
        for element in elements() { sum = sum &+ (try element.hashCode()) }
        return max(1, Hashing.finishSet(sum, count: count))
    }

    public override func write(to printer: inout Printer) throws(Fault) {
        printer.write("#{")
        var separator = ""
        for element in elements() {
            printer.write(separator)
            try printer.write(element)
            separator = " "
        }
        printer.write("}")
    }
}
