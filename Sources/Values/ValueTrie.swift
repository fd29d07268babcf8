/// A persistent array of values: a 32-way radix trie of full leaves, and a tail of 1...32 values (none when empty).
///
/// The storage of vectors, and of the entries of maps and sets. A copy of the struct shares every node; a change copies the
/// nodes on its path that are shared and changes the others in place, so a holder of the only copy pays for no copying.
/// Up to 32 values live in the tail alone, which grows by doubling: small collections are one flat buffer.
@usableFromInline struct ValueTrie {
    @usableFromInline var count = 0
    /// Where the tail starts: how many values are in the trie, a multiple of 32.
    @usableFromInline var tailStart = 0
    /// How far an index is shifted to get its child in the root: 5 when the root's children are leaves.
    @usableFromInline var shift = 5
    @usableFromInline var root: TrieBranch?
    @usableFromInline var tail: TrieLeaf

    init() { tail = TrieLeaf.empty }

    /// The leaf that holds `index`, which must be within `0..<count`; the value is at `index & 31`. Valid while this trie
    /// is held unchanged.
    @inlinable @inline(__always) func leaf(holding index: Int) -> UnsafeMutablePointer<Value> {
        if index >= tailStart { return tail.values }
        var node = Unmanaged.passUnretained(root.unsafelyUnwrapped)
        var level = shift
        while level > 5 {
            node = node._withUnsafeGuaranteedRef { $0.children[(index &>> level) & 31].branch }
            level &-= 5
        }
        return node._withUnsafeGuaranteedRef {
            $0.children[(index &>> 5) & 31].leaf._withUnsafeGuaranteedRef { $0.values }
        }
    }

    @inlinable @inline(__always) subscript(index: Int) -> Value {
        let value = leaf(holding: index)[index & 31]
        withExtendedLifetime(self) {}
        return value
    }

    // MARK: changes

    @inlinable @inline(__always) mutating func append(_ value: consuming Value) {
        if !isKnownUniquelyReferenced(&tail) || !tail.hasRoom { makeRoom() }
        let used = tail.count
        (tail.values + used).initialize(to: value)
        tail.count = used &+ 1
        count &+= 1
    }

    /// Leaves a tail that is uniquely referenced and has room for one more value.
    @inline(never) @usableFromInline mutating func makeRoom() {
        let used = tail.count
        if used == TrieLeaf.width {
            pushTail()
            tail = TrieLeaf.make(capacity: TrieLeaf.width)
        } else {
            let capacity = root == nil ? TrieLeaf.capacity(for: used + 1) : TrieLeaf.width
            tail =
                isKnownUniquelyReferenced(&tail)
                ? tail.moved(capacity: capacity) : tail.copy(count: used, capacity: capacity)
        }
    }

    /// Makes the full tail the last leaf of the trie; the caller sets another tail.
    private mutating func pushTail() {
        let index = tailStart
        tailStart += TrieLeaf.width
        guard let grown = root else {
            let made = TrieBranch.make()
            made.append(tail)
            root = made
            shift = 5
            return
        }
        if index &>> (shift + 5) > 0 {
            let made = TrieBranch.make()
            made.append(grown)
            root = made
            shift += 5
        }
        var node = uniqueRoot()
        var level = shift
        while level > 5 {
            let at = (index &>> level) & 31
            node = node._withUnsafeGuaranteedRef { branch in
                if at == branch.header { branch.append(TrieBranch.make()) }
                return (branch.children + at).uniqueBranch()
            }
            level -= 5
        }
        node._withUnsafeGuaranteedRef { $0.append(tail) }
    }

    private mutating func uniqueRoot() -> Unmanaged<TrieBranch> {
        withUnsafeMutablePointer(to: &root) { slot in
            slot.withMemoryRebound(to: TrieBranch.self, capacity: 1) { root in
                if !isKnownUniquelyReferenced(&root.pointee) {
                    root.pointee = root.pointee.copy(count: root.pointee.header)
                }
                return Unmanaged.passUnretained(root.pointee)
            }
        }
    }

    /// Replaces the value at `index`, within `0..<count`.
    mutating func replace(at index: Int, with value: consuming Value) {
        (uniqueLeaf(holding: index) + (index & 31)).pointee = value
    }

    /// The leaf that holds `index`, made ours alone.
    private mutating func uniqueLeaf(holding index: Int) -> UnsafeMutablePointer<Value> {
        if index >= tailStart {
            if !isKnownUniquelyReferenced(&tail) {
                tail = tail.copy(count: tail.count, capacity: Int(tail.header.capacity))
            }
            return tail.values
        }
        var node = uniqueRoot()
        var level = shift
        while level > 5 {
            node = node._withUnsafeGuaranteedRef { ($0.children + ((index &>> level) & 31)).uniqueBranch() }
            level -= 5
        }
        let leaf = node._withUnsafeGuaranteedRef { ($0.children + ((index &>> 5) & 31)).uniqueLeaf() }
        return leaf._withUnsafeGuaranteedRef { $0.values }
    }

    /// Removes the last value; there must be one.
    mutating func removeLast() {
        let kept = tail.count - 1
        count -= 1
        if isKnownUniquelyReferenced(&tail) {
            tail.count = kept
            (tail.values + kept).deinitialize(count: 1)
        } else if kept > 0 {
            tail = tail.copy(count: kept, capacity: Int(tail.header.capacity))
        }
        if kept == 0 { takeLastLeaf() }
    }

    /// Makes the trie's last leaf the tail; an empty leaf when there is none.
    private mutating func takeLastLeaf() {
        guard tailStart > 0 else {
            tail = TrieLeaf.empty
            return
        }
        let last = count - 1
        // Held before the path is cut, so that the cut does not free it.
        tail = leafObject(holding: last)
        trimTrie(to: last & ~31)
    }

    private func leafObject(holding index: Int) -> TrieLeaf {
        if index >= tailStart { return tail }
        var node = Unmanaged.passUnretained(root.unsafelyUnwrapped)
        var level = shift
        while level > 5 {
            node = node._withUnsafeGuaranteedRef { $0.children[(index &>> level) & 31].branch }
            level -= 5
        }
        return node._withUnsafeGuaranteedRef { $0.children[(index &>> 5) & 31].leaf.takeUnretainedValue() }
    }

    /// Drops the trie's leaves from value `start` on, a multiple of 32 below `tailStart`, and levels that became needless.
    private mutating func trimTrie(to start: Int) {
        tailStart = start
        guard start > 0 else {
            root = nil
            shift = 5
            return
        }
        let last = start - 1
        while shift > 5, last &>> shift == 0 {
            root = root.unsafelyUnwrapped.children[0].branch.takeUnretainedValue()
            shift -= 5
        }
        var node = uniqueRoot()
        var level = shift
        while true {
            let kept = ((last &>> level) & 31) + 1
            node._withUnsafeGuaranteedRef { branch in
                while branch.header > kept {
                    branch.header -= 1
                    branch.children[branch.header].release()
                }
            }
            if level == 5 { return }
            node = node._withUnsafeGuaranteedRef { ($0.children + (kept - 1)).uniqueBranch() }
            level -= 5
        }
    }

    /// Keeps the first `kept` values, fewer than there are, in O(log count).
    mutating func truncate(to kept: Int) {
        guard kept > 0 else {
            self = ValueTrie()
            return
        }
        let start = (kept - 1) & ~31
        let used = kept - start
        tail = leafObject(holding: kept - 1).copy(count: used, capacity: start == 0 ? TrieLeaf.capacity(for: used) : 32)
        if start < tailStart { trimTrie(to: start) }
        count = kept
    }

    /// Appends `values`, leaf by leaf.
    mutating func append(contentsOf values: UnsafeBufferPointer<Value>) {
        var at = 0
        if root == nil, count == 0, !values.isEmpty {
            tail = TrieLeaf.make(capacity: TrieLeaf.capacity(for: values.count))
        }
        while at < values.count {
            if !isKnownUniquelyReferenced(&tail) || !tail.hasRoom { makeRoom() }
            let used = tail.count
            let taken = min(Int(tail.header.capacity) - used, values.count - at)
            (tail.values + used).initialize(from: values.baseAddress! + at, count: taken)
            tail.count = used + taken
            count += taken
            at += taken
        }
    }
}
