/// The bookkeeping of a leaf: how many of its value slots are initialised, and how many there are.
@usableFromInline struct TrieLeafHeader {
    @usableFromInline var count: Int32
    @usableFromInline let capacity: Int32
}

/// Up to 32 values in one allocation: a leaf of `ValueTrie`, or its tail.
@usableFromInline final class TrieLeaf: ManagedBuffer<TrieLeafHeader, Value> {
    @usableFromInline static let width = 32

    /// The leaf of everything empty. `nonisolated(unsafe)` because a managed buffer cannot be Sendable: having no slots, it
    /// is never written to.
    @usableFromInline nonisolated(unsafe) static let empty: TrieLeaf = {
        // It belongs to no instance, so whoever meets it first is not to pay for it.
        defer { Meter.credit(footprint(0)) }
        return make(capacity: 0)
    }()

    static func make(capacity: Int) -> TrieLeaf {
        let made = TrieLeaf.create(minimumCapacity: capacity) { _ in
            TrieLeafHeader(count: 0, capacity: Int32(truncatingIfNeeded: capacity))
        }
        Meter.charge(footprint(capacity))
        return unsafeDowncast(made, to: TrieLeaf.self)
    }

    deinit {
        withUnsafeMutablePointers { header, values in
            Meter.credit(TrieLeaf.footprint(Int(header.pointee.capacity)))
            Release.contents(of: values, count: Int(header.pointee.count))
        }
    }

    private static func footprint(_ capacity: Int) -> Int { 32 + capacity * MemoryLayout<Value>.stride }

    /// The smallest of the sizes a tail grows through that holds `count` values; a small map grows through them, too, by entries.
    static func capacity(for count: Int) -> Int {
        switch count {
        case ...2: 2
        case ...4: 4
        case ...8: 8
        case ...16: 16
        default: width
        }
    }

    /// The bookkeeping, reached by address because `header` would be checked for exclusivity at every access.
    @inlinable @inline(__always) var info: UnsafeMutablePointer<TrieLeafHeader> {
        withUnsafeMutablePointerToHeader { $0 }
    }

    /// Valid while the leaf is referenced.
    @inlinable @inline(__always) var values: UnsafeMutablePointer<Value> {
        withUnsafeMutablePointerToElements { $0 }
    }

    /// A leaf with the first `count` values and room for `capacity`.
    func copy(count: Int, capacity: Int) -> TrieLeaf {
        let made = TrieLeaf.make(capacity: capacity)
        made.values.initialize(from: values, count: count)
        made.info.pointee.count = Int32(truncatingIfNeeded: count)
        return made
    }

    /// A leaf without room to spare that takes over the `count` values at `values`.
    static func taking(_ values: UnsafeMutablePointer<Value>, count: Int) -> TrieLeaf {
        let made = TrieLeaf.make(capacity: count)
        made.values.moveInitialize(from: values, count: count)
        made.info.pointee.count = Int32(truncatingIfNeeded: count)
        return made
    }

    /// Takes the values over into a leaf with room for `capacity`; this one must be uniquely referenced.
    func moved(capacity: Int) -> TrieLeaf {
        let made = TrieLeaf.make(capacity: capacity)
        made.values.moveInitialize(from: values, count: Int(info.pointee.count))
        made.info.pointee.count = info.pointee.count
        info.pointee.count = 0
        return made
    }
}

/// An inner node of `ValueTrie`: up to 32 children, each a branch or, on the lowest level, a full leaf.
///
/// Children are unmanaged so that a walk down retains nothing; a branch owns one reference to each.
@usableFromInline final class TrieBranch: ManagedBuffer<Int, Unmanaged<AnyObject>> {
    @usableFromInline typealias Child = Unmanaged<AnyObject>

    private static let footprint = 32 + TrieLeaf.width * MemoryLayout<Child>.stride

    static func make() -> TrieBranch {
        Meter.charge(footprint)
        return unsafeDowncast(TrieBranch.create(minimumCapacity: TrieLeaf.width) { _ in 0 }, to: TrieBranch.self)
    }

    deinit {
        Meter.credit(TrieBranch.footprint)
        withUnsafeMutablePointers { count, children in
            for index in 0..<count.pointee { children[index].release() }
        }
    }

    /// How many children there are; by address, as in `TrieLeaf`.
    @inlinable @inline(__always) var info: UnsafeMutablePointer<Int> {
        withUnsafeMutablePointerToHeader { $0 }
    }

    @inlinable @inline(__always) var children: UnsafeMutablePointer<Child> {
        withUnsafeMutablePointerToElements { $0 }
    }

    /// A branch with the same children.
    func copy() -> TrieBranch {
        let made = TrieBranch.make()
        let count = info.pointee
        let from = children
        let to = made.children
        for index in 0..<count { (to + index).initialize(to: from[index].retain()) }
        made.info.pointee = count
        return made
    }

    /// Adds a child, taking over a reference to it.
    func append(_ child: AnyObject) {
        (children + info.pointee).initialize(to: Unmanaged.passRetained(child))
        info.pointee += 1
    }
}

extension Unmanaged where Instance == AnyObject {
    /// This child as a branch or a leaf; nothing is retained, the parent keeps it alive.
    @inlinable @inline(__always) var branch: Unmanaged<TrieBranch> { Unmanaged<TrieBranch>.fromOpaque(toOpaque()) }
    @inlinable @inline(__always) var leaf: Unmanaged<TrieLeaf> { Unmanaged<TrieLeaf>.fromOpaque(toOpaque()) }
}

extension Unmanaged<TrieLeaf> {
    /// Valid while the leaf is referenced; nothing is retained.
    @inlinable @inline(__always) var values: UnsafeMutablePointer<Value> { _withUnsafeGuaranteedRef { $0.values } }
    @inlinable @inline(__always) var info: UnsafeMutablePointer<TrieLeafHeader> { _withUnsafeGuaranteedRef { $0.info } }
    @inline(__always) var count: Int { Int(info.pointee.count) }
    @inline(__always) var capacity: Int { Int(info.pointee.capacity) }
}

extension Unmanaged<TrieBranch> {
    @inlinable @inline(__always) var children: UnsafeMutablePointer<TrieBranch.Child> {
        _withUnsafeGuaranteedRef { $0.children }
    }
    @inline(__always) var info: UnsafeMutablePointer<Int> { _withUnsafeGuaranteedRef { $0.info } }
}

extension UnsafeMutablePointer<Unmanaged<AnyObject>> {
    /// The branch in this slot, copied first when somebody else holds it too.
    func uniqueBranch() -> Unmanaged<TrieBranch> {
        withMemoryRebound(to: Unmanaged<TrieBranch>.self, capacity: 1) { slot in
            if !slot.isUnique() { slot.replace(with: slot.pointee._withUnsafeGuaranteedRef { $0.copy() }) }
            return slot.pointee
        }
    }

    /// The leaf in this slot, copied first when somebody else holds it too.
    func uniqueLeaf() -> Unmanaged<TrieLeaf> {
        withMemoryRebound(to: Unmanaged<TrieLeaf>.self, capacity: 1) { slot in
            if !slot.isUnique() {
                slot.replace(
                    with: slot.pointee._withUnsafeGuaranteedRef {
                        $0.copy(count: TrieLeaf.width, capacity: TrieLeaf.width)
                    })
            }
            return slot.pointee
        }
    }
}

extension UnsafeMutablePointer {
    /// Whether this slot's reference is the only one to its node; the slot owns that reference.
    @inlinable @inline(__always) func isUnique<Node: AnyObject>() -> Bool where Pointee == Unmanaged<Node> {
        withMemoryRebound(to: Node.self, capacity: 1) { isKnownUniquelyReferenced(&$0.pointee) }
    }

    /// Puts `node` in this slot and releases what was there.
    @inline(__always) func replace<Node: AnyObject>(with node: Node) where Pointee == Unmanaged<Node> {
        let old = pointee
        pointee = Unmanaged.passRetained(node)
        old.release()
    }
}
