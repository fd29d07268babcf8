/// A double-ended queue in a power-of-two buffer: what run queues and channels are made of.
///
/// Not an `Array`: taking from the front must be constant time, and an empty channel must not allocate.
package struct Ring<Element>: ~Copyable {
    private var base: UnsafeMutablePointer<Element>
    private var capacity = 0
    private var head = 0
    package private(set) var count = 0

    package init() {
        // Never read or written while `capacity` is 0.
        base = UnsafeMutablePointer(bitPattern: MemoryLayout<Element>.alignment)!
    }

    deinit {
        for index in 0..<count { (base + ((head &+ index) & (capacity &- 1))).deinitialize(count: 1) }
        if capacity > 0 { base.deallocate() }
    }

    @inline(__always) package var isEmpty: Bool { count == 0 }

    @inline(__always) package mutating func append(_ element: consuming Element) {
        if count == capacity { grow() }
        (base + ((head &+ count) & (capacity &- 1))).initialize(to: element)
        count &+= 1
    }

    @inline(__always) package mutating func popFirst() -> Element? {
        if count == 0 { return nil }
        let element = (base + head).move()
        head = (head &+ 1) & (capacity &- 1)
        count &-= 1
        return element
    }

    package mutating func popLast() -> Element? {
        if count == 0 { return nil }
        count &-= 1
        return (base + ((head &+ count) & (capacity &- 1))).move()
    }

    /// Element `index` from the front, which must be below `count`.
    package subscript(index: Int) -> Element { base[(head &+ index) & (capacity &- 1)] }

    /// Removes element `index`, which must be below `count`, and puts the last in its place: order is lost.
    package mutating func swapRemove(at index: Int) -> Element {
        let last = popLast()!
        guard index < count else { return last }
        let slot = base + ((head &+ index) & (capacity &- 1))
        let removed = slot.move()
        slot.initialize(to: last)
        return removed
    }

    /// Keeps, in order, what `isKept` says.
    package mutating func filter(_ isKept: (borrowing Element) -> Bool) {
        for _ in 0..<count {
            let element = popFirst()!
            if isKept(element) { append(element) }
        }
    }

    @inline(never) private mutating func grow() {
        let bigger = UnsafeMutablePointer<Element>.allocate(capacity: max(4, capacity * 2))
        for index in 0..<count {
            (bigger + index).moveInitialize(from: base + ((head &+ index) & (capacity &- 1)), count: 1)
        }
        if capacity > 0 { base.deallocate() }
        base = bigger
        head = 0
        capacity = max(4, capacity * 2)
    }
}
