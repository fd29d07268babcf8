import CThread
import Synchronization

/// What stands before the entries of a `MapNode`: in this order, so that the hash can be reached as an atomic.
public struct MapHeader {
    /// 0 until computed; a race computes the same number twice.
    fileprivate var cachedHash: UInt32 = 0
    /// Entries in the node itself, and the room for them.
    fileprivate var count: UInt16 = 0
    fileprivate let capacity: UInt16
    /// The entries of a map that has outgrown looking through. Boxed, so that small maps do without.
    fileprivate let table: UnsafeMutablePointer<KeyTable>?
    fileprivate let extra: Extra?
}

/// Where the entries of a map stand: most maps are small, and theirs stand in the node itself, key and value in turn, in the order
/// in which they were added. It is then one allocation. The entries of larger ones are a `KeyTable`.
public final class MapNode: ManagedBuffer<MapHeader, Value> {
    /// A small map without entries, with room for so many.
    static func make(capacity: Int, extra: Extra?) -> MapNode { make(capacity: capacity, table: nil, extra: extra) }

    /// A map that has outgrown being small.
    static func make(_ table: consuming KeyTable, extra: Extra?) -> MapNode {
        let box = UnsafeMutablePointer<KeyTable>.allocate(capacity: 1)
        box.initialize(to: table)
        return make(capacity: 0, table: box, extra: extra)
    }

    private static func make(capacity: Int, table: UnsafeMutablePointer<KeyTable>?, extra: Extra?) -> MapNode {
        Meter.charge(footprint(capacity, table != nil))
        let made = MapNode.create(minimumCapacity: 2 * capacity) { _ in
            MapHeader(capacity: UInt16(truncatingIfNeeded: capacity), table: table, extra: extra)
        }
        sluice_reached(Unmanaged.passUnretained(made).toOpaque())
        return unsafeDowncast(made, to: MapNode.self)
    }

    deinit {
        withUnsafeMutablePointers { header, values in
            Meter.credit(MapNode.footprint(Int(header.pointee.capacity), header.pointee.table != nil))
            Release.contents(of: values, count: 2 * Int(header.pointee.count))
            guard let table = header.pointee.table else { return }
            table.deinitialize(count: 1)
            table.deallocate()
        }
    }

    private static func footprint(_ capacity: Int, _ hasTable: Bool) -> Int {
        48 + 2 * capacity * MemoryLayout<Value>.stride + (hasTable ? MemoryLayout<KeyTable>.stride : 0)
    }

    /// By address because `header` would be checked for exclusivity at every access.
    @inline(__always) private var info: UnsafeMutablePointer<MapHeader> { withUnsafeMutablePointerToHeader { $0 } }

    /// The entries of a small map; valid while the node is held unchanged.
    @inline(__always) var values: UnsafeMutablePointer<Value> { withUnsafeMutablePointerToElements { $0 } }
    /// How many entries stand in the node itself.
    @inline(__always) var ownCount: Int { Int(info.pointee.count) }
    @inline(__always) var room: Int { Int(info.pointee.capacity) }
    @inline(__always) var table: UnsafeMutablePointer<KeyTable>? { info.pointee.table }
    @inline(__always) var extra: Extra? { info.pointee.extra }

    /// The cached hash, reached as the atomic it is for all who share the node: an `Atomic` has the layout of its value.
    @inline(__always) var cachedHash: UnsafePointer<Atomic<UInt32>> {
        UnsafeRawPointer(info).assumingMemoryBound(to: Atomic<UInt32>.self)
    }

    @inline(__always) func forgetHash() { cachedHash.pointee.store(0, ordering: .relaxed) }

    // Reading

    /// The entry of a key, or nil when it is absent; valid while the node is held unchanged.
    @inline(__always) func entry(of key: Value) throws(Fault) -> UnsafePointer<Value>? {
        if let table {
            let slot = try table.pointee.find(key)
            return slot < 0 ? nil : table.pointee.entry(slot)
        }
        let at = try scan(key)
        return at < 0 ? nil : UnsafePointer(values + at)
    }

    @inline(__always) private func entry(of word: KeyWord) -> UnsafePointer<Value>? {
        if let table { return table.pointee.entry(of: word) }
        let at = KeyTable.scan(word, values, 2 * ownCount, step: 2)
        return at < 0 ? nil : UnsafePointer(values + at)
    }

    /// Where the entry of a key begins among the values of a small map; -1 when it is absent.
    @inline(__always) func scan(_ key: Value) throws(Fault) -> Int {
        try KeyTable.scan(key, values, 2 * ownCount, step: 2)
    }

    /// Where the value of the key in a slot stands, or nil when it is absent: valid while the map is held unchanged. What most
    /// keys are is looked for here; `find` is for all.
    @inline(never) public func place(of key: UnsafePointer<Value>) throws(Fault) -> UnsafePointer<Value>? {
        if let word = KeyWord(at: key) { return entry(of: word).map { $0 + 1 } }
        if let int = Value.borrowedInt(key), let table, let slot = table.pointee.slotInRun(int) {
            return table.pointee.entry(slot) + 1
        }
        return try entryOfAny(key.pointee).map { $0 + 1 }
    }

    @inline(never) private func entryOfAny(_ key: Value) throws(Fault) -> UnsafePointer<Value>? { try entry(of: key) }

    // Changing: of a node that nobody else holds

    /// Gives the entry whose key is at `entry` the value behind it, and takes both out of their slots; this must be the only
    /// reference to the node. False, with nothing changed, unless there is such an entry and its key is a word.
    @inline(never) public func replace(taking entry: UnsafeMutablePointer<Value>) -> Bool {
        guard let word = KeyWord(at: entry) else { return false }
        if let table {
            let slot = table.pointee.findAgain(word)
            if slot < 0 { return false }
            table.pointee.replaceValue(slot, with: (entry + 1).move())
        } else {
            let at = KeyTable.scan(word, values, 2 * ownCount, step: 2)
            if at < 0 { return false }
            (values + at + 1).pointee = (entry + 1).move()
        }
        (entry + 1).initialize(to: .nil)
        forgetHash()
        return true
    }

    /// Whether a map of these entries is looked through: up to 8, or 16 when all keys are keywords.
    @inline(__always) func staysSmall(adding key: Value) -> Bool {
        if ownCount < KeyTable.scanned { return true }
        return ownCount < KeyTable.scannedKeywords && key.isKeyword
            && KeyTable.hasOnlyKeywords(values, ownCount, 1)
    }

    /// Adds an entry whose key is absent, where there is room.
    @inline(__always) func append(_ key: consuming Value, _ value: consuming Value) {
        let end = values + 2 * ownCount
        end.initialize(to: key)
        (end + 1).initialize(to: value)
        info.pointee.count &+= 1
    }

    /// Takes the entry that begins at `at` out of a small map.
    func removeEntry(_ at: Int) {
        let (key, value) = ((values + at).move(), (values + at + 1).move())
        info.pointee.count &-= 1
        (values + at).moveInitialize(from: values + at + 2, count: 2 * ownCount - at)
        _ = (key, value)
    }

    /// Takes over the entries at `entries`, where there is room for them.
    func take(_ entries: UnsafeMutablePointer<Value>, count: Int) {
        (values + 2 * ownCount).moveInitialize(from: entries, count: 2 * count)
        info.pointee.count &+= UInt16(truncatingIfNeeded: count)
    }

    /// Counts the first `count` entries as its own, which were written where there is room.
    @inline(__always) func adopt(_ count: Int) { info.pointee.count = UInt16(truncatingIfNeeded: count) }

    // Making others

    /// Another node with the same entries.
    func copy(extra: Extra?) -> MapNode {
        if let table { return MapNode.make(table.pointee.fork(), extra: extra) }
        return copy(capacity: ownCount, extra: extra)
    }

    /// Another small node with the same entries and room for `capacity`.
    func copy(capacity: Int, extra: Extra?) -> MapNode {
        let made = MapNode.make(capacity: capacity, extra: extra)
        made.values.initialize(from: values, count: 2 * ownCount)
        made.info.pointee.count = info.pointee.count
        return made
    }

    /// The entries in a node with more room; this one, which nobody else holds, is left without.
    func moved(capacity: Int) -> MapNode {
        let made = MapNode.make(capacity: capacity, extra: extra)
        made.take(values, count: ownCount)
        info.pointee.count = 0
        return made
    }

    /// The entries of a small map as a table, which can grow.
    func enlarged() -> MapNode { MapNode.make(KeyTable.map(copying: values, ownCount), extra: extra) }
}
