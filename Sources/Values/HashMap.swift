import Synchronization

/// A persistent map; iterates in the order its keys were added (N3).
///
/// A change happens in place as far down as nothing is shared, and copies the path of the change elsewhere: a small map, or
/// O(log n) of a larger one. `MapNode` and `KeyTable` have the design. A value of one reference.
public struct HashMap: @unchecked Sendable {
    // Sendable: a node is changed only while it is uniquely referenced.
    package private(set) var node: MapNode

    public init(extra: Extra? = nil) { node = MapNode.make(capacity: TrieLeaf.capacity(for: 0), extra: extra) }

    private init(_ node: MapNode) { self.node = node }

    /// A map of `entries`; the last of those with equal keys gives the value.
    public static func of(_ entries: some Sequence<(Value, Value)>, extra: Extra? = nil) throws(Fault) -> HashMap {
        var map = HashMap(extra: extra)
        for (key, value) in entries { try set(&map, key, value) }
        return map
    }

    /// A map of the `count` entries at `entries`, key and value in turn, which are uninitialised afterwards. Nil when two keys
    /// are equal; then, and when it throws, nothing was taken.
    package static func taking(
        _ entries: UnsafeMutablePointer<Value>, count: Int, extra: Extra? = nil
    ) throws(Fault) -> HashMap? {
        guard let areDistinct = try KeyTable.areDistinct(entries, count, width: 1) else {
            guard let table = try KeyTable.taking(entries, count, width: 1) else { return nil }
            return HashMap(MapNode.make(table, extra: extra))
        }
        guard areDistinct else { return nil }
        let node = MapNode.make(capacity: count, extra: extra)
        node.take(entries, count: count)
        return HashMap(node)
    }

    public static let empty = HashMap(MapNode.make(capacity: 0, extra: nil))

    public var count: Int { node.table.map { $0.pointee.count } ?? node.ownCount }
    public var isEmpty: Bool { count == 0 }
    public var extra: Extra? { node.extra }
    public var meta: HashMap? { extra?.meta }
    public var origin: Origin? { extra?.origin }
    var cachedHash: UnsafePointer<Atomic<UInt32>> { node.cachedHash }

    /// Whether both are one and the same map, not only equal ones.
    public static func areSame(_ left: HashMap?, _ right: HashMap?) -> Bool { left?.node === right?.node }

    public func with(_ extra: Extra?) -> HashMap { HashMap(node.copy(extra: extra)) }

    /// The value of `key`, or nil when it is absent.
    public func find(_ key: Value) throws(Fault) -> Value? {
        defer { withExtendedLifetime(node) {} }
        return try node.entry(of: key).map { $0[1] }
    }

    /// The node, when this is the only reference to it.
    public var uniqueNode: Unmanaged<MapNode>? {
        @inline(__always) mutating get {
            isKnownUniquelyReferenced(&node) ? Unmanaged.passUnretained(node) : nil
        }
    }

    /// The key as the map holds it, and its value.
    public func entry(_ key: Value) throws(Fault) -> (key: Value, value: Value)? {
        defer { withExtendedLifetime(node) {} }
        return try node.entry(of: key).map { ($0[0], $0[1]) }
    }

    public func contains(_ key: Value) throws(Fault) -> Bool {
        defer { withExtendedLifetime(node) {} }
        return try node.entry(of: key) != nil
    }

    /// Sets `key` to `value` (an equal key that is there stays): in place when `map` is the only reference.
    public static func set(_ map: inout HashMap, _ key: Value, _ value: consuming Value) throws(Fault) {
        guard map.node.table == nil else { return try setInTable(&map, key, value) }
        let at = try map.node.scan(key)
        if at >= 0 {
            map.makeUnique(room: map.node.ownCount)
            (map.node.values + at + 1).pointee = value
        } else if map.node.staysSmall(adding: key) {
            map.makeUnique(room: map.node.ownCount + 1)
            map.node.append(key, value)
        } else {
            var grown = HashMap(map.node.enlarged())
            try setInTable(&grown, key, value)
            map = grown
            return
        }
        map.node.forgetHash()
    }

    /// Leaves a small map with a node of its own, and room for so many entries.
    @inline(__always) private mutating func makeUnique(room: Int) {
        let isUnique = isKnownUniquelyReferenced(&node)
        if isUnique, room <= node.room { return }
        let capacity = TrieLeaf.capacity(for: room)
        node = isUnique ? node.moved(capacity: capacity) : node.copy(capacity: capacity, extra: extra)
    }

    private static func setInTable(_ map: inout HashMap, _ key: Value, _ value: consuming Value) throws(Fault) {
        let table = map.node.table.unsafelyUnwrapped
        let place = try table.pointee.place(key)
        if place.slot >= 0 {
            if !isKnownUniquelyReferenced(&map.node) { map = map.with(map.extra) }
            map.node.table.unsafelyUnwrapped.pointee.replaceValue(place.slot, with: value)
        } else {
            let index = try table.pointee.indexForGrowth(key)
            if !isKnownUniquelyReferenced(&map.node) { map = map.with(map.extra) }
            map.node.table.unsafelyUnwrapped.pointee.append(key, value, place, index)
        }
        map.node.forgetHash()
    }

    /// Removes `key` if it is there.
    public static func remove(_ map: inout HashMap, _ key: Value) throws(Fault) {
        if let table = map.node.table {
            let slot = try table.pointee.find(key)
            guard slot >= 0 else { return }
            if !isKnownUniquelyReferenced(&map.node) { map = map.with(map.extra) }
            map.node.table.unsafelyUnwrapped.pointee.remove(slot)
        } else {
            let at = try map.node.scan(key)
            guard at >= 0 else { return }
            map.makeUnique(room: map.node.ownCount)
            map.node.removeEntry(at)
        }
        map.node.forgetHash()
    }

    /// Sets every entry of `other`. Nothing has changed if it throws.
    public static func merge(_ map: inout HashMap, _ other: HashMap) throws(Fault) {
        if map.isEmpty, map.extra == nil {
            map = other.extra == nil ? other : other.with(nil)
            return
        }
        // Whatever may throw has not yet changed a map that others see: the merged map is a fork until it is complete.
        var merged = map.with(map.extra)
        for (key, value) in other.entries { try set(&merged, key, value) }
        map = merged
    }

    /// Visits the entries in the map's order; stops when `body` returns false.
    public func forEach<Failure: Error>(_ body: (Value, Value) throws(Failure) -> Bool) throws(Failure) {
        defer { withExtendedLifetime(node) {} }
        var next = firstSlot
        while let slot = next {
            let entry = place(slot)
            guard try body(entry[0], entry[1]) else { return }
            next = self.slot(from: slot + 1)
        }
    }

    /// Visits the entries where they stand, key and value side by side; the map must be held meanwhile.
    @inline(__always) package func forEachInPlace(_ body: (UnsafePointer<Value>) -> Void) {
        guard let table = node.table else {
            let values = UnsafePointer(node.values)
            for slot in 0..<node.ownCount { body(values + 2 * slot) }
            return
        }
        var next = table.pointee.occupied(from: 0)
        while let slot = next {
            body(table.pointee.entry(slot))
            next = table.pointee.occupied(from: slot + 1)
        }
    }

    // Entries by slots: of a small map their numbers, of another those of its table.

    private var firstSlot: Int? { slot(from: 0) }

    @inline(__always) private func slot(from slot: Int) -> Int? {
        if let table = node.table { return table.pointee.occupied(from: slot) }
        return slot < node.ownCount ? slot : nil
    }

    /// Valid while the map is held unchanged.
    @inline(__always) private func place(_ slot: Int) -> UnsafePointer<Value> {
        node.table.map { $0.pointee.entry(slot) } ?? UnsafePointer(node.values + 2 * slot)
    }

    /// The entries as a vector, in the map's order.
    public func entryVector() -> Vector { Vector(entries.lazy.map { .vector(.entry($0.key, $0.value)) }) }
}

extension HashMap {
    /// Entries of a map that is about to be made, in order.
    package struct Gathering {
        fileprivate let entries: UnsafeMutablePointer<Value>
        fileprivate let room: Int
        fileprivate var filled = 0

        @inline(__always) package mutating func add(_ key: Value, _ value: Value) {
            precondition(filled < room)
            (entries + 2 * filled).initialize(to: key)
            (entries + 2 * filled + 1).initialize(to: value)
            filled += 1
        }

        /// Adds what a map has, but for these keywords.
        @inline(__always) package mutating func add(_ map: HashMap, leavingOut isLeftOut: (KnownName) -> Bool) {
            defer { withExtendedLifetime(map) {} }
            map.forEachInPlace { entry in
                if let known = Value.knownKeyword(at: entry), isLeftOut(known) { return }
                precondition(filled < room)
                (entries + 2 * filled).initialize(from: entry, count: 2)
                filled += 1
            }
        }
    }

    /// A map of up to `room` entries that `fill` adds, whose keys must differ: at once, where `set` would look for each key and
    /// make room step by step.
    ///
    /// - Throws: what hashing a key throws; that it was a key of a small map says nothing, which hashes none.
    @inline(__always) package static func gathered(
        upTo room: Int, _ fill: (inout Gathering) -> Void
    ) throws(Fault) -> HashMap {
        if _slowPath(room > KeyTable.scanned) { return try gatheredWide(upTo: room, fill) }
        let node = MapNode.make(capacity: room, extra: nil)
        var gathering = Gathering(entries: node.values, room: room)
        fill(&gathering)
        node.adopt(gathering.filled)
        return HashMap(node)
    }

    /// The same for more entries than any map is looked through for.
    @inline(never) private static func gatheredWide(
        upTo room: Int, _ fill: (inout Gathering) -> Void
    ) throws(Fault) -> HashMap {
        try withUnsafeTemporaryAllocation(of: Value.self, capacity: 2 * room) { buffer throws(Fault) in
            var gathering = Gathering(entries: buffer.baseAddress.unsafelyUnwrapped, room: room)
            fill(&gathering)
            do throws(Fault) {
                if let made = try taking(gathering.entries, count: gathering.filled) { return made }
            } catch {
                gathering.entries.deinitialize(count: 2 * gathering.filled)
                throw error
            }
            preconditionFailure("two of the keys that a map was gathered of are equal")
        }
    }

    /// A place in the map's order: stays good for as long as the map is held unchanged, costs nothing to keep.
    public struct Cursor: Equatable, Sendable {
        fileprivate let slot: Int
    }

    /// The place of the first entry; nil when there is none.
    public var startCursor: Cursor? { firstSlot.map(Cursor.init) }

    /// The place after `cursor`; nil at the end.
    public func cursor(after cursor: Cursor) -> Cursor? { slot(from: cursor.slot + 1).map(Cursor.init) }

    /// The entry at a place.
    public func entry(at cursor: Cursor) -> (key: Value, value: Value) {
        defer { withExtendedLifetime(node) {} }
        let entry = place(cursor.slot)
        return (entry[0], entry[1])
    }

    /// The entries in the map's order.
    public struct Entries: Sequence, IteratorProtocol {
        private let map: HashMap
        private var upcoming: Cursor?

        fileprivate init(_ map: HashMap) {
            self.map = map
            upcoming = map.startCursor
        }

        public mutating func next() -> (key: Value, value: Value)? {
            guard let cursor = upcoming else { return nil }
            upcoming = map.cursor(after: cursor)
            return map.entry(at: cursor)
        }

        public var underestimatedCount: Int { map.count }
    }

    public var entries: Entries { Entries(self) }
}
