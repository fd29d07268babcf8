import Synchronization

/// A hash index: from the 32-bit hash of a key to the slots where entries with that hash stand.
///
/// It has two forms. While its table changes in place it is one *page*, an open-addressing table that doubles: the fastest to
/// build and to look up, but dear to copy. A fork of a page of more than 128 cells is a *trie* over the top bits of the hash,
/// 32 ways a level, whose leaves are pages of at most 128 cells; it copies only the path of a change. A leaf that is full
/// splits in two on the next bit of the hash, so a trie is never rebuilt as a whole; several neighbouring children of a branch
/// are one leaf until it has split (extendible hashing, once per level). A page remembers the trie made from it, so however
/// many forks one version has, it pays for the trie once.
///
/// Slots are only added; a slot whose entry has gone is simply passed over. Not copyable, as `ValueTrie`.
struct KeyIndex: ~Copyable {
    private(set) var root: Unmanaged<KeyIndexNode>?
    /// Whether a full root page splits, as in a trie, instead of doubling.
    private var splits = false

    init() {}

    private init(forking root: Unmanaged<KeyIndexNode>?) { self.root = root?.retain() }

    deinit { root?.release() }

    /// Another index of the same keys, cheap to change a little.
    func fork() -> KeyIndex {
        guard let root, let twin = root.info.pointee.twin else { return KeyIndex(forking: root) }
        if let made = KeyIndex.node(twin.pointee.load(ordering: .acquiring)) { return KeyIndex(forking: made) }
        var trie = KeyIndex()
        trie.splits = true
        forEachCell { slot, hash in trie.insert(slot, hash: hash) }
        let made = trie.root.unsafelyUnwrapped
        // Published for the forks to come; when somebody else was faster, theirs serves as well.
        let word = UInt(bitPattern: made.toOpaque())
        let (published, winner) = twin.pointee.compareExchange(
            expected: 0, desired: word, ordering: .acquiringAndReleasing)
        if published { _ = made.retain() }
        return KeyIndex(forking: published ? made : KeyIndex.node(winner))
    }

    private static func node(_ word: UInt) -> Unmanaged<KeyIndexNode>? {
        UnsafeRawPointer(bitPattern: word).map(Unmanaged.fromOpaque)
    }

    /// The cells to look at for one hash, in order; valid while the index is held unchanged.
    struct Probe {
        fileprivate let cells: UnsafePointer<UInt64>
        fileprivate let mask: Int
        fileprivate var at: Int
        fileprivate let hash: UInt32

        /// The next slot with this hash, or nil.
        @inline(__always) mutating func next() -> Int? {
            while true {
                let cell = cells[at & mask]
                if cell == KeyIndexNode.emptyCell { return nil }
                at &+= 1
                if UInt32(truncatingIfNeeded: cell &>> 32) == hash { return Int(cell & 0xffff_ffff) }
            }
        }
    }

    /// The index must not be empty.
    @inline(__always) func probe(_ hash: UInt32) -> Probe {
        let root = root.unsafelyUnwrapped
        let mask = root.info.pointee.mask
        if mask >= 0 { return Probe(cells: root.cells, mask: mask, at: Int(hash), hash: hash) }
        var word = root.cells[Int(hash &>> 27)]
        var shift: UInt32 = 22
        while true {
            let cells = KeyIndexNode.child(word).cells
            if let mask = KeyIndexNode.pageMask(word) {
                return Probe(cells: cells, mask: mask, at: Int(hash), hash: hash)
            }
            word = cells[Int(hash &>> shift) & 31]
            shift &-= 5
        }
    }

    /// Adds a slot.
    @inline(__always) mutating func insert(_ slot: Int, hash: UInt32) {
        let cell = UInt64(hash) << 32 | UInt64(UInt32(truncatingIfNeeded: slot))
        if root == nil { root = Unmanaged.passRetained(KeyIndexNode.page(capacity: 16, depth: 0)) }
        while !insert(cell, hash: hash) {}
    }

    /// Adds the cell, or makes room for it where it belongs and returns false.
    @inline(__always) private mutating func insert(_ cell: UInt64, hash: UInt32) -> Bool {
        let splits = splits
        return withUnsafeMutablePointer(to: &root) { slot in
            slot.withMemoryRebound(to: Unmanaged<KeyIndexNode>.self, capacity: 1) { root in
                if !root.isUnique() { root.replace(with: root.pointee._withUnsafeGuaranteedRef { $0.copy() }) }
                var node = root.pointee
                var parent: Unmanaged<KeyIndexNode>?
                var shift: UInt32 = 27
                while true {
                    let (cells, mask) = (node.cells, node.info.pointee.mask)
                    if mask >= 0 { break }
                    parent = node
                    node = KeyIndexNode.uniqueChild(of: cells, at: Int(hash &>> shift) & 31, shift: shift)
                    shift &-= 5
                }
                let done = node._withUnsafeGuaranteedRef { $0.add(cell, hash: hash) }
                if done { return true }
                if let parent {
                    let grown = node._withUnsafeGuaranteedRef { $0.grown() }
                    parent._withUnsafeGuaranteedRef {
                        $0.replaceChild(at: Int(hash &>> (shift &+ 5)) & 31, with: grown)
                    }
                } else {
                    root.replace(
                        with: node._withUnsafeGuaranteedRef { splits ? $0.grown().alone(depth: 0) : $0.doubled() })
                }
                return false
            }
        }
    }

    /// Visits every cell, in no order that means anything.
    func forEachCell(_ body: (_ slot: Int, _ hash: UInt32) -> Void) {
        root?._withUnsafeGuaranteedRef { $0.forEachCell(body) }
    }
}

struct KeyIndexHeader {
    /// Cells of a page, a power of two, less one; -1 for a branch.
    var mask: Int
    /// Cells in use.
    var used: Int32
    /// How many top bits of the hash all keys below share.
    var depth: Int32
    /// For a page too large to be shared: holds a reference to the trie made from it, or 0.
    var twin: UnsafeMutablePointer<Atomic<UInt>>?
}

/// A page of cells (hash in the high half, slot in the low one), or a branch whose 32 cells are references to children.
///
/// A child that stands for several neighbouring cells is referenced by the first of them alone; the others repeat the word.
final class KeyIndexNode: ManagedBuffer<KeyIndexHeader, UInt64> {
    static let emptyCell = UInt64.max
    private static let largestPage = 128
    /// Bits of the hash that branches may consume: below that a page of equal hashes grows instead of splitting.
    private static let deepest: Int32 = 30

    static func page(capacity: Int, depth: Int32) -> KeyIndexNode {
        let made = make(capacity, KeyIndexHeader(mask: capacity - 1, used: 0, depth: depth, twin: nil))
        made.cells.initialize(repeating: emptyCell, count: capacity)
        return made
    }

    private static func make(_ capacity: Int, _ header: KeyIndexHeader) -> KeyIndexNode {
        Meter.charge(footprint(capacity))
        return unsafeDowncast(KeyIndexNode.create(minimumCapacity: capacity) { _ in header }, to: KeyIndexNode.self)
    }

    deinit {
        Meter.credit(KeyIndexNode.footprint(cellCount))
        if isBranch { forEachChild { child, _ in child.release() } }
        if let twin = info.pointee.twin {
            forgetTwin()
            twin.deallocate()
        }
    }

    /// Lets go of the trie made from this page, which is about to differ from it.
    private func forgetTwin() {
        guard let twin = info.pointee.twin, twin.pointee.load(ordering: .relaxed) != 0 else { return }
        let word = twin.pointee.exchange(0, ordering: .acquiring)
        guard let pointer = UnsafeRawPointer(bitPattern: word) else { return }
        Unmanaged<KeyIndexNode>.fromOpaque(pointer).release()
    }

    private static func footprint(_ capacity: Int) -> Int { 48 + capacity * 8 }

    /// By address because `header` would be checked for exclusivity at every access.
    @inline(__always) var info: UnsafeMutablePointer<KeyIndexHeader> { withUnsafeMutablePointerToHeader { $0 } }
    @inline(__always) var cells: UnsafeMutablePointer<UInt64> { withUnsafeMutablePointerToElements { $0 } }
    private var isBranch: Bool { info.pointee.mask < 0 }
    private var cellCount: Int { isBranch ? 32 : info.pointee.mask + 1 }

    @inline(__always) static func child(_ cell: UInt64) -> Unmanaged<KeyIndexNode> {
        Unmanaged.fromOpaque(UnsafeRawPointer(bitPattern: UInt(cell & ~15)).unsafelyUnwrapped)
    }

    /// The mask of the page that a branch's cell refers to; nil when it is a branch.
    ///
    /// The low four bits of the cell, free because objects are aligned to 16 bytes, hold log2 of the page's size: a lookup
    /// need not fetch the page's header, which is on another cache line than the cell it is after.
    @inline(__always) static func pageMask(_ cell: UInt64) -> Int? {
        switch cell & 15 {
        case 0: nil
        case 15: child(cell).info.pointee.mask
        case let bits: (1 &<< Int(bits)) &- 1
        }
    }

    /// How many neighbouring cells of this branch stand for `child`.
    private func span(of child: Unmanaged<KeyIndexNode>) -> Int {
        1 << max(0, Int(info.pointee.depth) + 5 - Int(child._withUnsafeGuaranteedRef { $0.info.pointee.depth }))
    }

    /// Visits each child once, with the first of its cells.
    private func forEachChild(_ body: (Unmanaged<KeyIndexNode>, Int) -> Void) {
        var at = 0
        while at < 32 {
            let child = KeyIndexNode.child(cells[at])
            let next = at + span(of: child)
            body(child, at)
            at = next
        }
    }

    func copy() -> KeyIndexNode {
        let made = KeyIndexNode.make(cellCount, info.pointee)
        made.cells.initialize(from: cells, count: cellCount)
        if isBranch { forEachChild { child, _ in _ = child.retain() } }
        return made
    }

    /// The child that cell `at` of a branch stands for, copied first when another branch holds it too.
    @inline(__always) static func uniqueChild(
        of cells: UnsafeMutablePointer<UInt64>, at: Int, shift: UInt32
    ) -> Unmanaged<KeyIndexNode> {
        // A copy of the branch's reference, not retained.
        var held = child(cells[at])
        let unique = withUnsafeMutablePointer(to: &held) { $0.isUnique() }
        return unique ? child(cells[at]) : replaceShared(child(cells[at]), of: cells, at: at, shift: shift)
    }

    @inline(never) private static func replaceShared(
        _ shared: Unmanaged<KeyIndexNode>, of cells: UnsafeMutablePointer<UInt64>, at: Int, shift: UInt32
    ) -> Unmanaged<KeyIndexNode> {
        let word = word(taking: shared._withUnsafeGuaranteedRef { $0.copy() })
        let copy = child(word)
        let span = 1 << max(0, 32 - Int(shift) - Int(copy._withUnsafeGuaranteedRef { $0.info.pointee.depth }))
        let first = at & ~(span - 1)
        for index in first..<(first + span) { cells[index] = word }
        shared.release()
        return copy
    }

    /// Puts a cell into this page; false when it is as full as it may be.
    @inline(__always) func add(_ cell: UInt64, hash: UInt32) -> Bool {
        let mask = info.pointee.mask
        guard Int(info.pointee.used) &* 4 < (mask &+ 1) &* 3 else { return false }
        if info.pointee.twin != nil { forgetTwin() }
        let cells = cells
        var at = Int(hash) & mask
        while cells[at] != KeyIndexNode.emptyCell { at = (at &+ 1) & mask }
        cells[at] = cell
        info.pointee.used &+= 1
        return true
    }

    /// A page of twice the size with the same cells.
    func doubled() -> KeyIndexNode {
        let capacity = (info.pointee.mask + 1) * 2
        let page = KeyIndexNode.page(capacity: capacity, depth: info.pointee.depth)
        forEachCell { slot, hash in _ = page.add(UInt64(hash) << 32 | UInt64(slot), hash: hash) }
        if capacity > KeyIndexNode.largestPage, info.pointee.depth == 0 {
            let twin = UnsafeMutablePointer<Atomic<UInt>>.allocate(capacity: 1)
            twin.initialize(to: Atomic(0))
            page.info.pointee.twin = twin
        }
        return page
    }

    /// What takes the place of a full page: one of twice its size, or its two halves.
    enum Grown {
        case one(KeyIndexNode)
        case two(KeyIndexNode, KeyIndexNode)

        /// A single node of the given depth: the halves get a branch above them.
        func alone(depth: Int32) -> KeyIndexNode {
            switch self {
            case .one(let page): page
            case .two(let low, let high): KeyIndexNode.branch(low, high, depth: depth)
            }
        }
    }

    func grown() -> Grown {
        let capacity = info.pointee.mask + 1
        let depth = info.pointee.depth
        if capacity < KeyIndexNode.largestPage || depth >= KeyIndexNode.deepest {
            return .one(doubled())
        }
        let low = KeyIndexNode.page(capacity: capacity, depth: depth + 1)
        let high = KeyIndexNode.page(capacity: capacity, depth: depth + 1)
        let bit = UInt32(1) << (31 - UInt32(depth))
        forEachCell { slot, hash in
            _ = (hash & bit == 0 ? low : high).add(UInt64(hash) << 32 | UInt64(slot), hash: hash)
        }
        return .two(low, high)
    }

    private static func branch(_ low: KeyIndexNode, _ high: KeyIndexNode, depth: Int32) -> KeyIndexNode {
        let made = make(32, KeyIndexHeader(mask: -1, used: 0, depth: depth, twin: nil))
        made.cells.initialize(repeating: word(taking: low), count: 16)
        (made.cells + 16).initialize(repeating: word(taking: high), count: 16)
        return made
    }

    /// A branch's cell for `node`, owning a reference to it.
    private static func word(taking node: KeyIndexNode) -> UInt64 {
        let mask = node.info.pointee.mask
        let bits = mask < 0 ? 0 : min(15, (mask + 1).trailingZeroBitCount)
        return UInt64(UInt(bitPattern: Unmanaged.passRetained(node).toOpaque())) | UInt64(bits)
    }

    /// Puts what a child has grown to in its place.
    func replaceChild(at: Int, with grown: Grown) {
        let old = KeyIndexNode.child(cells[at])
        let span = span(of: old)
        let first = at & ~(span - 1)
        switch grown {
        case .two(let low, let high) where span > 1:
            let half = span / 2
            (cells + first).update(repeating: KeyIndexNode.word(taking: low), count: half)
            (cells + first + half).update(repeating: KeyIndexNode.word(taking: high), count: half)
        default:
            (cells + first).update(
                repeating: KeyIndexNode.word(taking: grown.alone(depth: info.pointee.depth + 5)), count: span)
        }
        old.release()
    }

    func forEachCell(_ body: (_ slot: Int, _ hash: UInt32) -> Void) {
        if isBranch {
            forEachChild { child, _ in child._withUnsafeGuaranteedRef { $0.forEachCell(body) } }
            return
        }
        for at in 0...info.pointee.mask where cells[at] != KeyIndexNode.emptyCell {
            body(Int(cells[at] & 0xffff_ffff), UInt32(truncatingIfNeeded: cells[at] >> 32))
        }
    }
}

extension Unmanaged<KeyIndexNode> {
    /// Valid while the node is referenced; nothing is retained.
    @inline(__always) var cells: UnsafeMutablePointer<UInt64> { _withUnsafeGuaranteedRef { $0.cells } }
    @inline(__always) var info: UnsafeMutablePointer<KeyIndexHeader> { _withUnsafeGuaranteedRef { $0.info } }
}
