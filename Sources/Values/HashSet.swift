import Synchronization

/// A persistent set; iterates in the order its elements were added (N3). As `HashMap`, without values.
public final class HashSet: @unchecked Sendable {
    // Sendable: changed only while uniquely referenced; exclusivity is unchecked as in `Vector`.
    @exclusivity(unchecked) private var table: KeyTable
    public let extra: Extra?
    /// 0 until computed; a race computes the same number twice.
    let cachedHash = Atomic<UInt32>(0)

    private static let footprint = 128

    public convenience init(extra: Extra? = nil) { self.init(KeyTable.set(), extra: extra) }

    private init(_ table: consuming KeyTable, extra: Extra?) {
        self.table = table
        self.extra = extra
        Meter.charge(HashSet.footprint)
    }

    deinit { Meter.credit(HashSet.footprint) }

    /// The set of `elements`; the first of equal ones is kept.
    public static func of(_ elements: some Sequence<Value>, extra: Extra? = nil) throws(Fault) -> HashSet {
        var set = HashSet(extra: extra)
        for element in elements { try insert(&set, element) }
        return set
    }

    /// A set of the `count` values at `elements`, which are uninitialised afterwards. Nil when two are equal; then, and when it
    /// throws, nothing was taken.
    package static func taking(
        _ elements: UnsafeMutablePointer<Value>, count: Int, extra: Extra? = nil
    ) throws(Fault) -> HashSet? {
        guard let table = try KeyTable.taking(elements, count, width: 0) else { return nil }
        return HashSet(table, extra: extra)
    }

    public static let empty = HashSet()

    public var count: Int { table.count }
    public var isEmpty: Bool { count == 0 }
    public var meta: HashMap? { extra?.meta }
    public var origin: Origin? { extra?.origin }
    public func with(_ extra: Extra?) -> HashSet { HashSet(table.fork(), extra: extra) }

    public func contains(_ element: Value) throws(Fault) -> Bool { try table.find(element) >= 0 }

    /// The element as the set holds it.
    public func find(_ element: Value) throws(Fault) -> Value? {
        defer { withExtendedLifetime(self) {} }
        let slot = try table.find(element)
        return slot < 0 ? nil : table.entry(slot).pointee
    }

    /// Adds `element` unless an equal one is there: in place when `set` is the only reference.
    public static func insert(_ set: inout HashSet, _ element: Value) throws(Fault) {
        let place = try set.table.place(element)
        guard place.slot < 0 else { return }
        let index = try set.table.indexForGrowth(element)
        if !isKnownUniquelyReferenced(&set) { set = set.with(set.extra) }
        set.table.append(element, .nil, place, index)
        set.cachedHash.store(0, ordering: .relaxed)
    }

    /// Removes `element` if it is there.
    public static func remove(_ set: inout HashSet, _ element: Value) throws(Fault) {
        let slot = try set.table.find(element)
        guard slot >= 0 else { return }
        if !isKnownUniquelyReferenced(&set) { set = set.with(set.extra) }
        set.table.remove(slot)
        set.cachedHash.store(0, ordering: .relaxed)
    }

    /// The elements as a vector, in the set's order.
    public func elementVector() -> Vector { Vector(elements) }
}

extension HashSet {
    /// A place in the set's order: stays good for as long as the set is held unchanged, costs nothing to keep.
    public struct Cursor: Equatable, Sendable {
        fileprivate let slot: Int
    }

    /// The place of the first element; nil when there is none.
    public var startCursor: Cursor? { table.occupied(from: 0).map(Cursor.init) }

    /// The place after `cursor`; nil at the end.
    public func cursor(after cursor: Cursor) -> Cursor? { table.occupied(from: cursor.slot + 1).map(Cursor.init) }

    /// The element at a place.
    public func element(at cursor: Cursor) -> Value {
        defer { withExtendedLifetime(self) {} }
        return table.entry(cursor.slot).pointee
    }

    /// The elements in the set's order.
    public struct Elements: Sequence, IteratorProtocol {
        private let owner: HashSet
        private var upcoming: Cursor?

        fileprivate init(_ set: HashSet) {
            owner = set
            upcoming = set.startCursor
        }

        public mutating func next() -> Value? {
            guard let cursor = upcoming else { return nil }
            upcoming = owner.cursor(after: cursor)
            return owner.element(at: cursor)
        }

        public var underestimatedCount: Int { owner.count }
    }

    public var elements: Elements { Elements(self) }
}
