import Synchronization

/// A persistent map; iterates in the order its keys were added (N3).
///
/// A change happens in place as far down as nothing is shared, and copies the path of the change elsewhere: O(log n).
/// `KeyTable` has the design.
public final class HashMap: @unchecked Sendable {
    // Sendable: changed only while uniquely referenced; exclusivity is unchecked as in `Vector`.
    @exclusivity(unchecked) private var table: KeyTable
    public let extra: Extra?
    /// 0 until computed; a race computes the same number twice.
    let cachedHash = Atomic<UInt32>(0)

    private static let footprint = 128

    public convenience init(extra: Extra? = nil) { self.init(KeyTable.map(), extra: extra) }

    private init(_ table: consuming KeyTable, extra: Extra?) {
        self.table = table
        self.extra = extra
        Meter.charge(HashMap.footprint)
    }

    deinit { Meter.credit(HashMap.footprint) }

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
        guard let table = try KeyTable.taking(entries, count, width: 1) else { return nil }
        return HashMap(table, extra: extra)
    }

    public static let empty = HashMap()

    public var count: Int { table.count }
    public var isEmpty: Bool { count == 0 }
    public var meta: HashMap? { extra?.meta }
    public var origin: Origin? { extra?.origin }

    public func with(_ extra: Extra?) -> HashMap { HashMap(table.fork(), extra: extra) }

    /// The value of `key`, or nil when it is absent.
    public func find(_ key: Value) throws(Fault) -> Value? {
        defer { withExtendedLifetime(self) {} }
        let slot = try table.find(key)
        return slot < 0 ? nil : table.entry(slot)[1]
    }

    /// Where the value of the key in a slot stands, or nil when it is absent: valid while the map is held unchanged. What most
    /// keys are is looked for here; `find` is for all.
    @inline(never) public func place(of key: UnsafePointer<Value>) throws(Fault) -> UnsafePointer<Value>? {
        if let word = KeyWord(at: key) { return table.entry(of: word).map { $0 + 1 } }
        if let int = Value.borrowedInt(key), let slot = table.slotInRun(int) { return table.entry(slot) + 1 }
        let slot = try slotOfAny(key.pointee)
        return slot < 0 ? nil : table.entry(slot) + 1
    }

    @inline(never) private func slotOfAny(_ key: Value) throws(Fault) -> Int { try table.find(key) }

    /// Gives the entry whose key is at `entry` the value behind it, and takes both out of their slots; this must be the only
    /// reference to the map. False, with nothing changed, unless there is such an entry and its key is a word.
    @inline(never) public func replace(taking entry: UnsafeMutablePointer<Value>) -> Bool {
        guard let word = KeyWord(at: entry) else { return false }
        let slot = table.findAgain(word)
        if slot < 0 { return false }
        table.replaceValue(slot, with: (entry + 1).move())
        (entry + 1).initialize(to: .nil)
        cachedHash.store(0, ordering: .relaxed)
        return true
    }

    /// The key as the map holds it, and its value.
    public func entry(_ key: Value) throws(Fault) -> (key: Value, value: Value)? {
        defer { withExtendedLifetime(self) {} }
        let slot = try table.find(key)
        return slot < 0 ? nil : (table.entry(slot)[0], table.entry(slot)[1])
    }

    public func contains(_ key: Value) throws(Fault) -> Bool { try table.find(key) >= 0 }

    /// Sets `key` to `value` (an equal key that is there stays): in place when `map` is the only reference.
    public static func set(_ map: inout HashMap, _ key: Value, _ value: consuming Value) throws(Fault) {
        let place = try map.table.place(key)
        if place.slot >= 0 {
            if !isKnownUniquelyReferenced(&map) { map = map.with(map.extra) }
            map.table.replaceValue(place.slot, with: value)
        } else {
            let index = try map.table.indexForGrowth(key)
            if !isKnownUniquelyReferenced(&map) { map = map.with(map.extra) }
            map.table.append(key, value, place, index)
        }
        map.cachedHash.store(0, ordering: .relaxed)
    }

    /// Removes `key` if it is there.
    public static func remove(_ map: inout HashMap, _ key: Value) throws(Fault) {
        let slot = try map.table.find(key)
        guard slot >= 0 else { return }
        if !isKnownUniquelyReferenced(&map) { map = map.with(map.extra) }
        map.table.remove(slot)
        map.cachedHash.store(0, ordering: .relaxed)
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
        defer { withExtendedLifetime(self) {} }
        var next = table.occupied(from: 0)
        while let slot = next {
            let entry = table.entry(slot)
            guard try body(entry[0], entry[1]) else { return }
            next = table.occupied(from: slot + 1)
        }
    }

    /// Visits the entries where they stand, key and value side by side; the map must be held meanwhile.
    @inline(__always) package func forEachInPlace(_ body: (UnsafePointer<Value>) -> Void) {
        var next = table.occupied(from: 0)
        while let slot = next {
            body(table.entry(slot))
            next = table.occupied(from: slot + 1)
        }
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

    /// A map of up to `room` entries that `fill` adds: at once, where `set` would make room step by step. Nil when two keys are
    /// equal.
    ///
    /// - Throws: what hashing or comparing a key throws; that it was a key of a small map says nothing, which hashes none.
    @inline(__always) package static func gathered(
        upTo room: Int, _ fill: (inout Gathering) -> Void
    ) throws(Fault) -> HashMap? {
        try withUnsafeTemporaryAllocation(of: Value.self, capacity: 2 * room) { buffer throws(Fault) in
            var gathering = Gathering(entries: buffer.baseAddress.unsafelyUnwrapped, room: room)
            fill(&gathering)
            do throws(Fault) {
                if let made = try taking(gathering.entries, count: gathering.filled) { return made }
            } catch {
                gathering.entries.deinitialize(count: 2 * gathering.filled)
                throw error
            }
            gathering.entries.deinitialize(count: 2 * gathering.filled)
            return nil
        }
    }

    /// A place in the map's order: stays good for as long as the map is held unchanged, costs nothing to keep.
    public struct Cursor: Equatable, Sendable {
        fileprivate let slot: Int
    }

    /// The place of the first entry; nil when there is none.
    public var startCursor: Cursor? { table.occupied(from: 0).map(Cursor.init) }

    /// The place after `cursor`; nil at the end.
    public func cursor(after cursor: Cursor) -> Cursor? { table.occupied(from: cursor.slot + 1).map(Cursor.init) }

    /// The entry at a place.
    public func entry(at cursor: Cursor) -> (key: Value, value: Value) {
        defer { withExtendedLifetime(self) {} }
        let entry = table.entry(cursor.slot)
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
