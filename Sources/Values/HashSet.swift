/// A persistent set: a map from each element to itself.
public final class HashSet: @unchecked Sendable {
    // Sendable: changed only while uniquely referenced.
    private var map: HashMap
    public let extra: Extra?

    public init(extra: Extra? = nil) {
        map = HashMap()
        self.extra = extra
    }

    private init(map: HashMap, extra: Extra?) {
        self.map = map
        self.extra = extra
    }

    public static let empty = HashSet()

    public var count: Int { map.count }
    public var isEmpty: Bool { count == 0 }
    public var meta: HashMap? { extra?.meta }
    public var origin: Origin? { extra?.origin }
    public func with(_ extra: Extra?) -> HashSet { HashSet(map: map, extra: extra) }

    public func contains(_ element: Value) throws(Fault) -> Bool { try map.find(element) != nil }

    /// The element as the set holds it.
    public func find(_ element: Value) throws(Fault) -> Value? { try map.find(element) }

    public static func insert(_ set: inout HashSet, _ element: Value) throws(Fault) {
        if !isKnownUniquelyReferenced(&set) { set = HashSet(map: set.map, extra: set.extra) }
        if try set.map.find(element) == nil { try HashMap.set(&set.map, element, element) }
    }

    public static func remove(_ set: inout HashSet, _ element: Value) throws(Fault) {
        if !isKnownUniquelyReferenced(&set) { set = HashSet(map: set.map, extra: set.extra) }
        try HashMap.remove(&set.map, element)
    }

    /// The elements as a vector, in the set's order.
    public func elementVector() -> Vector {
        var elements: [Value] = []
        map.forEach { (key, _) in
            elements.append(key)
            return true
        }
        return Vector(elements)
    }
}
