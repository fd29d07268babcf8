import Synchronization

/// A persistent vector: up to 32 elements in one flat buffer, more in a 32-way trie (N3).
///
/// A change happens in place as far down as nothing is shared, and copies the path of the change elsewhere: O(log32 n).
public final class Vector: @unchecked Sendable {
    // Sendable: changed only while uniquely referenced. Exclusivity is not checked at run time for the same reason, and
    // because the check would cost more than the append it guards.
    @exclusivity(unchecked) @usableFromInline var trie: ValueTrie
    /// Where the first element stands in `trie`: greater than 0 in a slice, which leaves its predecessors in place.
    @usableFromInline let offset: Int
    public let extra: Extra?
    /// 0 until computed; a race computes the same number twice.
    let cachedHash = Atomic<UInt32>(0)
    /// Whether this is the entry of a map, as `key`, `val` and `map-entry?` ask: until it changes.
    @exclusivity(unchecked) public private(set) var isEntry = false

    private static let footprint = 96

    init(_ trie: consuming ValueTrie, offset: Int = 0, extra: Extra? = nil) {
        self.trie = trie
        self.offset = offset
        self.extra = extra
        Meter.charge(Vector.footprint)
    }

    public convenience init(_ elements: some Sequence<Value>, extra: Extra? = nil) {
        var trie = ValueTrie()
        let contiguous: Void? = elements.withContiguousStorageIfAvailable { trie.append(contentsOf: $0) }
        if contiguous == nil {
            for element in elements { trie.append(element) }
        }
        self.init(trie, extra: extra)
    }

    /// Takes over the `count` values at `values`, which are uninitialised afterwards.
    package convenience init(taking values: UnsafeMutablePointer<Value>, count: Int, extra: Extra? = nil) {
        self.init(ValueTrie(taking: values, count: count), extra: extra)
    }

    deinit { Meter.credit(Vector.footprint) }

    public static let empty = Vector([])

    /// A key and its value: a vector of two elements that is the entry of a map.
    public static func entry(_ key: Value, _ value: Value) -> Vector {
        let entry = pair(key, value)
        entry.isEntry = true
        return entry
    }

    /// A vector of two elements, in one buffer of their size.
    public static func pair(_ first: Value, _ second: Value) -> Vector {
        withUnsafeTemporaryAllocation(of: Value.self, capacity: 2) { values in
            let base = values.baseAddress.unsafelyUnwrapped
            base.initialize(to: first)
            (base + 1).initialize(to: second)
            return Vector(taking: base, count: 2)
        }
    }

    @inlinable @inline(__always) public var count: Int { trie.count &- offset }
    @inlinable @inline(__always) public var isEmpty: Bool { count == 0 }
    public var meta: HashMap? { extra?.meta }
    public var origin: Origin? { extra?.origin }

    /// The element at `index`, which must be within `0..<count`.
    @inlinable public subscript(index: Int) -> Value {
        @inline(__always) get {
            let position = index &+ offset
            defer { withExtendedLifetime(self) {} }
            return trie.leaf(holding: position)[position & 31]
        }
    }

    /// Where the element at `index` stands, or nil out of bounds: valid while the vector is held unchanged.
    @inlinable @inline(__always) public func place(of index: Int64) -> UnsafePointer<Value>? {
        guard UInt64(bitPattern: index) < UInt64(bitPattern: Int64(trie.count &- offset)) else { return nil }
        let position = Int(index) &+ offset
        return UnsafePointer(trie.leaf(holding: position) + (position & 31))
    }

    /// The elements where they stand, when they are few enough to lie together, and else none: valid while the vector is held
    /// unchanged.
    @inlinable @inline(__always) public var leaf: UnsafeBufferPointer<Value> {
        let last = trie.count &- 1
        guard last >= offset, offset &>> 5 == last &>> 5 else { return UnsafeBufferPointer(start: nil, count: 0) }
        return UnsafeBufferPointer(start: trie.leaf(holding: last) + (offset & 31), count: trie.count &- offset)
    }

    /// The same elements with another extra.
    public func with(_ extra: Extra?) -> Vector { Vector(trie.fork(), offset: offset, extra: extra) }

    /// Adds an element: in place when `vector` is the only reference.
    @inlinable @inline(__always) public static func append(_ vector: inout Vector, _ element: consuming Value) {
        if !isKnownUniquelyReferenced(&vector) { vector = vector.copied() }
        vector.trie.append(element)
        vector.forgetHash()
    }

    /// Replaces the element at `index`, within `0..<count`.
    public static func replace(_ vector: inout Vector, at index: Int, with element: consuming Value) {
        if !isKnownUniquelyReferenced(&vector) { vector = vector.copied() }
        vector.trie.replace(at: index + vector.offset, with: element)
        vector.forgetHash()
    }

    /// Removes the last element; there must be one.
    public static func removeLast(_ vector: inout Vector) {
        if vector.count == 1 {
            vector = Vector(ValueTrie(), extra: vector.extra)
            return
        }
        if !isKnownUniquelyReferenced(&vector) { vector = vector.copied() }
        vector.trie.removeLast()
        vector.forgetHash()
    }

    /// Another vector over the same nodes.
    @inline(never) @usableFromInline func copied() -> Vector { Vector(trie.fork(), offset: offset, extra: extra) }

    /// What was found out about the elements before they changed.
    @inline(__always) @usableFromInline func forgetHash() {
        cachedHash.store(0, ordering: .relaxed)
        isEntry = false
    }

    /// Elements `start..<end`, which must be within the vector.
    ///
    /// A large slice shares the nodes in O(log n). It copies instead when what it shows is less than half of what it would
    /// keep, so repeated slicing costs O(1) amortised an element, and a slice starts out with at most as much hidden as shown.
    public func slice(_ start: Int, _ end: Int) -> Vector {
        let from = start + offset
        let to = end + offset
        if end - start <= 2 * TrieLeaf.width || end - start < from {
            var kept = ValueTrie()
            var at = start
            while at < end {
                withChunk(at: at) { chunk in
                    let taken = Swift.min(chunk.count, end - at)
                    kept.append(contentsOf: UnsafeBufferPointer(rebasing: chunk[..<taken]))
                    at += taken
                }
            }
            return Vector(kept)
        }
        var kept = trie.fork()
        if to < kept.count { kept.truncate(to: to) }
        return Vector(kept, offset: from)
    }

    /// Shows `body` the elements from `index` (within `0..<count`) to the end of the leaf that holds it: at least one, at
    /// most 32. The buffer must not outlive the call.
    @inlinable @inline(__always) public func withChunk<Result, Failure: Error>(
        at index: Int, _ body: (UnsafeBufferPointer<Value>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        defer { withExtendedLifetime(self) {} }
        let position = index &+ offset
        let within = position & 31
        let length = Swift.min(32 &- within, trie.count &- position)
        return try body(UnsafeBufferPointer(start: trie.leaf(holding: position) + within, count: length))
    }

    public var elements: [Value] {
        // The standard library writes to its one empty array, which the thread sanitizer takes for a race.
        if isEmpty { return [] }
        return Array(unsafeUninitializedCapacity: count) { buffer, used in
            while used < count {
                withChunk(at: used) { chunk in
                    (buffer.baseAddress! + used).initialize(from: chunk.baseAddress!, count: chunk.count)
                    used += chunk.count
                }
            }
        }
    }
}

extension Vector: Sequence {
    /// Walks the elements leaf by leaf.
    public struct Iterator: IteratorProtocol {
        @usableFromInline let vector: Vector
        @usableFromInline var index = 0
        /// What is left of the current leaf; `vector` keeps it alive.
        @usableFromInline var current: UnsafePointer<Value>?
        @usableFromInline var left = 0

        @usableFromInline init(_ vector: Vector) { self.vector = vector }

        @inlinable public mutating func next() -> Value? {
            if left == 0 {
                guard index < vector.count else { return nil }
                (current, left) = vector.withChunk(at: index) { ($0.baseAddress, $0.count) }
                index &+= left
            }
            defer { withExtendedLifetime(vector) {} }
            let at = current.unsafelyUnwrapped
            current = at + 1
            left &-= 1
            return at.pointee
        }
    }

    @inlinable public func makeIterator() -> Iterator { Iterator(self) }
    @inlinable public var underestimatedCount: Int { count }
}
