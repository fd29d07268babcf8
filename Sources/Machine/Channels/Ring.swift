/// A double-ended queue in a power-of-two buffer: what run queues and channels are made of.
///
/// Not an `Array`: taking from the front must be constant time, and an empty channel must not allocate.
///
/// Small: there may be a million channels.
public struct Ring<Element>: ~Copyable {
    @usableFromInline var base: UnsafeMutablePointer<Element>
    @usableFromInline var capacity: UInt32 = 0
    @usableFromInline var head: UInt32 = 0
    @usableFromInline var length: UInt32 = 0

    @inlinable public var count: Int { Int(length) }

    /// Where element `index` from the front is.
    @inlinable @inline(__always) func place(_ index: UInt32) -> UnsafeMutablePointer<Element> {
        base + Int((head &+ index) & (capacity &- 1))
    }

    @inlinable public init() {
        // Never read or written while `capacity` is 0.
        base = UnsafeMutablePointer(bitPattern: MemoryLayout<Element>.alignment)!
    }

    deinit {
        for index in 0..<length { place(index).deinitialize(count: 1) }
        if capacity > 0 { base.deallocate() }
    }

    @inlinable @inline(__always) public var isEmpty: Bool { length == 0 }

    @inlinable @inline(__always) public mutating func append(_ element: consuming Element) {
        if _slowPath(length == capacity) { grow() }
        appendInRoom(element)
    }

    /// As `append`, where one more goes in without making room.
    @inlinable @inline(__always) mutating func appendInRoom(_ element: consuming Element) {
        place(length).initialize(to: element)
        length &+= 1
    }

    @inlinable @inline(__always) public mutating func popFirst() -> Element? {
        if length == 0 { return nil }
        return takeFirst()
    }

    /// Takes the first element of a ring that is not empty.
    @inlinable @inline(__always) public mutating func takeFirst() -> Element {
        let element = (base + Int(head)).move()
        head = (head &+ 1) & (capacity &- 1)
        length &-= 1
        return element
    }

    @inlinable public mutating func popLast() -> Element? {
        if length == 0 { return nil }
        length &-= 1
        return place(length).move()
    }

    /// Element `index` from the front, which must be below `count`.
    @inlinable public subscript(index: Int) -> Element { place(UInt32(index)).pointee }

    /// Removes element `index`, which must be below `count`, and puts the last in its place: order is lost.
    @inlinable public mutating func swapRemove(at index: Int) -> Element {
        let last = popLast()!
        guard index < count else { return last }
        let slot = place(UInt32(index))
        let removed = slot.move()
        slot.initialize(to: last)
        return removed
    }

    /// Keeps, in order, what `isKept` says.
    @inlinable public mutating func filter(_ isKept: (borrowing Element) -> Bool) {
        for _ in 0..<length {
            let element = takeFirst()
            if isKept(element) { append(element) }
        }
    }

    @inlinable @inline(never) mutating func grow() {
        let bigger = UnsafeMutablePointer<Element>.allocate(capacity: max(4, Int(capacity) * 2))
        for index in 0..<length { (bigger + Int(index)).moveInitialize(from: place(index), count: 1) }
        if capacity > 0 { base.deallocate() }
        base = bigger
        head = 0
        capacity = max(4, capacity * 2)
    }
}
