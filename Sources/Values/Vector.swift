/// A persistent vector.
public final class Vector: @unchecked Sendable {
    // Sendable: changed only while uniquely referenced.
    private var storage: [Value]
    public let extra: Extra?

    public init(_ elements: some Sequence<Value>, extra: Extra? = nil) {
        storage = Array(elements)
        self.extra = extra
    }

    public static let empty = Vector([])

    public var count: Int { storage.count }
    public var isEmpty: Bool { count == 0 }
    public var meta: HashMap? { extra?.meta }
    public var origin: Origin? { extra?.origin }

    /// The element at `index`, which must be within `0..<count`.
    public subscript(index: Int) -> Value { storage[index] }

    /// The same elements with another extra.
    public func with(_ extra: Extra?) -> Vector { Vector(storage, extra: extra) }

    /// Adds an element: in place when `vector` is the only reference.
    public static func append(_ vector: inout Vector, _ element: consuming Value) {
        if isKnownUniquelyReferenced(&vector) {
            vector.storage.append(element)
        } else {
            vector = Vector(vector.storage + [element], extra: vector.extra)
        }
    }

    /// Replaces the element at `index`, within `0..<count`.
    public static func replace(_ vector: inout Vector, at index: Int, with element: consuming Value) {
        if !isKnownUniquelyReferenced(&vector) { vector = Vector(vector.storage, extra: vector.extra) }
        vector.storage[index] = element
    }

    /// Removes the last element; there must be one.
    public static func removeLast(_ vector: inout Vector) {
        if !isKnownUniquelyReferenced(&vector) { vector = Vector(vector.storage, extra: vector.extra) }
        vector.storage.removeLast()
    }

    /// Elements `start..<end`, which must be within the vector; keeps no reference to the rest.
    public func slice(_ start: Int, _ end: Int) -> Vector { Vector(storage[start..<end]) }

    public var elements: [Value] { storage }
}
