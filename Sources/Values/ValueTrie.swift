/// A persistent array of values: a 32-way radix trie of full leaves, and a tail of 1...32 values (none when empty).
///
/// The storage of vectors, and of the entries of maps and sets. A fork shares every node; a change copies the nodes on its
/// path that are shared and changes the others in place, so a holder of the only copy pays for no copying. Up to 32 values
/// live in the tail alone, which grows by doubling: small collections are one flat buffer.
///
/// Not copyable, so that reading it where it is stored never retains anything; the nodes are unmanaged for the same reason.
@usableFromInline struct ValueTrie: ~Copyable {
    @usableFromInline var count: Int
    /// Where the tail starts: how many values are in the trie, a multiple of 32.
    @usableFromInline var tailStart: Int
    /// How far an index is shifted to get its child in the root: 5 when the root's children are leaves.
    @usableFromInline var shift: Int
    @usableFromInline var root: Unmanaged<TrieBranch>?
    @usableFromInline var tail: Unmanaged<TrieLeaf>

    init() {
        count = 0
        tailStart = 0
        shift = 5
        tail = Unmanaged.passRetained(TrieLeaf.empty)
    }

    /// Takes over the `taken` values at `values`, which are uninitialised afterwards; leaves no room to spare.
    init(taking values: UnsafeMutablePointer<Value>, count taken: Int) {
        count = min(taken, TrieLeaf.width)
        tailStart = 0
        shift = 5
        // Most are of few values; the one empty leaf, which all cores would count references to, is left alone.
        tail = Unmanaged.passRetained(taken == 0 ? TrieLeaf.empty : TrieLeaf.taking(values, count: count))
        while count < taken {
            let more = min(taken - count, TrieLeaf.width)
            pushTail()
            replaceTail(with: TrieLeaf.taking(values + count, count: more))
            count += more
        }
    }

    private init(forking other: borrowing ValueTrie) {
        count = other.count
        tailStart = other.tailStart
        shift = other.shift
        root = other.root?.retain()
        tail = other.tail.retain()
    }

    // Inlinable because the setter of an inlinable stored property inlines it.
    @inlinable deinit {
        root?.release()
        tail.release()
    }

    /// Another trie over the same nodes.
    func fork() -> ValueTrie { ValueTrie(forking: self) }

    /// The leaf that holds `index`, which must be within `0..<count`; the value is at `index & 31`. Valid while this trie
    /// is held unchanged.
    @inlinable @inline(__always) func leaf(holding index: Int) -> UnsafeMutablePointer<Value> {
        if index >= tailStart { return tail.values }
        var node = root.unsafelyUnwrapped
        // Written out up to a million values: a loop would be unrolled, and cost more than these steps.
        if shift > 5 {
            if shift > 10 {
                if shift > 15 { node = ValueTrie.branch(holding: index, below: node, shift) }
                node = node.children[(index &>> 15) & 31].branch
            }
            node = node.children[(index &>> 10) & 31].branch
        }
        return node.children[(index &>> 5) & 31].leaf.values
    }

    /// The branch that holds `index` and whose children's children are branches of leaves.
    @inline(never) @usableFromInline static func branch(
        holding index: Int, below root: Unmanaged<TrieBranch>, _ shift: Int
    ) -> Unmanaged<TrieBranch> {
        var node = root
        var level = shift
        while level > 15 {
            node = node.children[(index &>> level) & 31].branch
            level &-= 5
        }
        return node
    }

    // MARK: changes

    @inlinable @inline(__always) mutating func append(_ value: consuming Value) {
        let used = count &- tailStart
        if used == Int(tail.info.pointee.capacity) || !isTailUnique() { makeRoom() }
        let at = count &- tailStart
        (tail.values + at).initialize(to: value)
        tail.info.pointee.count = Int32(truncatingIfNeeded: at &+ 1)
        count &+= 1
    }

    @inlinable @inline(__always) mutating func isTailUnique() -> Bool {
        withUnsafeMutablePointer(to: &tail) { $0.isUnique() }
    }

    private mutating func replaceTail(with leaf: TrieLeaf) {
        withUnsafeMutablePointer(to: &tail) { $0.replace(with: leaf) }
    }

    /// Leaves a tail that is uniquely referenced and has room for one more value.
    @inline(never) @usableFromInline mutating func makeRoom() {
        let used = tail.count
        if used == TrieLeaf.width {
            pushTail()
            replaceTail(with: TrieLeaf.make(capacity: TrieLeaf.width))
            return
        }
        let capacity = root == nil ? TrieLeaf.capacity(for: used + 1) : TrieLeaf.width
        let unique = isTailUnique()
        replaceTail(
            with: tail._withUnsafeGuaranteedRef {
                unique ? $0.moved(capacity: capacity) : $0.copy(count: used, capacity: capacity)
            })
    }

    /// Makes the full tail the last leaf of the trie; the caller sets another tail.
    private mutating func pushTail() {
        let index = tailStart
        tailStart += TrieLeaf.width
        let pushed = tail.takeUnretainedValue()
        guard let root else {
            setRoot(TrieBranch.make())
            shift = 5
            self.root.unsafelyUnwrapped._withUnsafeGuaranteedRef { $0.append(pushed) }
            return
        }
        if index &>> (shift + 5) > 0 {
            let made = TrieBranch.make()
            made.append(root.takeUnretainedValue())
            setRoot(made)
            shift += 5
        }
        var node = uniqueRoot()
        var level = shift
        while level > 5 {
            let at = (index &>> level) & 31
            if at == node.info.pointee { node._withUnsafeGuaranteedRef { $0.append(TrieBranch.make()) } }
            node = (node.children + at).uniqueBranch()
            level -= 5
        }
        node._withUnsafeGuaranteedRef { $0.append(pushed) }
    }

    private mutating func setRoot(_ branch: TrieBranch?) {
        let old = root
        root = branch.map(Unmanaged.passRetained)
        old?.release()
    }

    private mutating func uniqueRoot() -> Unmanaged<TrieBranch> {
        withUnsafeMutablePointer(to: &root) { slot in
            slot.withMemoryRebound(to: Unmanaged<AnyObject>.self, capacity: 1) { $0.uniqueBranch() }
        }
    }

    /// Replaces the value at `index`, within `0..<count`.
    @inline(__always) mutating func replace(at index: Int, with value: consuming Value) {
        (uniqueLeaf(holding: index) + (index & 31)).pointee = value
    }

    /// The leaf that holds `index`, made ours alone.
    private mutating func uniqueLeaf(holding index: Int) -> UnsafeMutablePointer<Value> {
        if index >= tailStart {
            if !isTailUnique() {
                replaceTail(with: tail._withUnsafeGuaranteedRef { $0.copy(count: tail.count, capacity: tail.capacity) })
            }
            return tail.values
        }
        var node = uniqueRoot()
        var level = shift
        while level > 5 {
            node = (node.children + ((index &>> level) & 31)).uniqueBranch()
            level -= 5
        }
        return (node.children + ((index &>> 5) & 31)).uniqueLeaf().values
    }

    /// Removes the last value; there must be one.
    mutating func removeLast() {
        let kept = tail.count - 1
        count -= 1
        if isTailUnique() {
            tail.info.pointee.count = Int32(truncatingIfNeeded: kept)
            (tail.values + kept).deinitialize(count: 1)
        } else if kept > 0 {
            replaceTail(with: tail._withUnsafeGuaranteedRef { $0.copy(count: kept, capacity: tail.capacity) })
        }
        if kept == 0 { takeLastLeaf() }
    }

    /// Makes the trie's last leaf the tail; an empty leaf when there is none.
    private mutating func takeLastLeaf() {
        guard tailStart > 0 else {
            replaceTail(with: TrieLeaf.empty)
            return
        }
        // Held by the tail before the path is cut, so that the cut does not free it.
        replaceTail(with: leafObject(holding: count - 1))
        trim(to: (count - 1) & ~31)
    }

    private func leafObject(holding index: Int) -> TrieLeaf {
        if index >= tailStart { return tail.takeUnretainedValue() }
        var node = root.unsafelyUnwrapped
        var level = shift
        while level > 5 {
            node = node.children[(index &>> level) & 31].branch
            level -= 5
        }
        return node.children[(index &>> 5) & 31].leaf.takeUnretainedValue()
    }

    /// Drops the trie's leaves from value `start` on, a multiple of 32 below `tailStart`, and levels that became needless.
    private mutating func trim(to start: Int) {
        tailStart = start
        guard start > 0 else {
            setRoot(nil)
            shift = 5
            return
        }
        let last = start - 1
        while shift > 5, last &>> shift == 0 {
            setRoot(root.unsafelyUnwrapped.children[0].branch.takeUnretainedValue())
            shift -= 5
        }
        var node = uniqueRoot()
        var level = shift
        while true {
            let kept = ((last &>> level) & 31) + 1
            while node.info.pointee > kept {
                node.info.pointee -= 1
                node.children[node.info.pointee].release()
            }
            if level == 5 { return }
            node = (node.children + (kept - 1)).uniqueBranch()
            level -= 5
        }
    }

    /// Keeps the first `kept` values, fewer than there are and at least one, in O(log count).
    mutating func truncate(to kept: Int) {
        let start = (kept - 1) & ~31
        let used = kept - start
        let capacity = start == 0 ? TrieLeaf.capacity(for: used) : TrieLeaf.width
        replaceTail(with: leafObject(holding: kept - 1).copy(count: used, capacity: capacity))
        if start < tailStart { trim(to: start) }
        count = kept
    }

    /// Appends `values`, leaf by leaf.
    mutating func append(contentsOf values: UnsafeBufferPointer<Value>) {
        var at = 0
        if count == 0, !values.isEmpty {
            replaceTail(with: TrieLeaf.make(capacity: TrieLeaf.capacity(for: values.count)))
        }
        while at < values.count {
            if tail.count == tail.capacity || !isTailUnique() { makeRoom() }
            let used = tail.count
            let taken = min(tail.capacity - used, values.count - at)
            (tail.values + used).initialize(from: values.baseAddress! + at, count: taken)
            tail.info.pointee.count = Int32(truncatingIfNeeded: used + taken)
            count += taken
            at += taken
        }
    }
}
