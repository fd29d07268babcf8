/// A persistent map.
public final class HashMap: @unchecked Sendable {
    // Sendable: changed only while uniquely referenced.
    private var entries: [(key: Value, value: Value)]
    public let extra: Extra?

    public init(extra: Extra? = nil) {
        entries = []
        self.extra = extra
    }

    private init(entries: [(key: Value, value: Value)], extra: Extra?) {
        self.entries = entries
        self.extra = extra
    }

    public static let empty = HashMap()

    public var count: Int { entries.count }
    public var isEmpty: Bool { count == 0 }
    public var meta: HashMap? { extra?.meta }
    public var origin: Origin? { extra?.origin }

    public func with(_ extra: Extra?) -> HashMap { HashMap(entries: entries, extra: extra) }

    /// The value of `key`, or nil when it is absent.
    public func find(_ key: Value) throws(Fault) -> Value? {
        for entry in entries where try entry.key.equals(key) { return entry.value }
        return nil
    }

    /// The key as the map holds it, and its value.
    public func entry(_ key: Value) throws(Fault) -> (key: Value, value: Value)? {
        for entry in entries where try entry.key.equals(key) { return entry }
        return nil
    }

    /// Sets `key` to `value` (an equal key that is there stays): in place when `map` is the only reference.
    public static func set(_ map: inout HashMap, _ key: Value, _ value: consuming Value) throws(Fault) {
        if !isKnownUniquelyReferenced(&map) { map = HashMap(entries: map.entries, extra: map.extra) }
        for index in map.entries.indices where try map.entries[index].key.equals(key) {
            map.entries[index].value = value
            return
        }
        map.entries.append((key, value))
    }

    /// Removes `key` if it is there.
    public static func remove(_ map: inout HashMap, _ key: Value) throws(Fault) {
        guard try map.find(key) != nil else { return }
        var kept: [(key: Value, value: Value)] = []
        for entry in map.entries where try !entry.key.equals(key) { kept.append(entry) }
        map = HashMap(entries: kept, extra: map.extra)
    }

    /// Visits the entries in the map's order; stops when `body` returns false.
    public func forEach<Failure: Error>(_ body: (Value, Value) throws(Failure) -> Bool) throws(Failure) {
        for entry in entries where try !body(entry.key, entry.value) { return }
    }

    /// The entries as a vector of two-element vectors, in the map's order.
    public func entryVector() -> Vector { Vector(entries.map { .vector([$0.key, $0.value]) }) }
}
