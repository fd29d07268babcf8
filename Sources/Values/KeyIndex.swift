/// A persistent hash index: from the 32-bit hash of a key to the slots where entries with that hash stand.
///
/// A radix trie over the top bits of the hash, 32 ways a level, whose leaves are pages: open-addressing tables of up to 128
/// cells. A page that is full splits in two on the next bit of the hash, so nothing is ever rebuilt as a whole and every
/// insertion costs a bounded amount of work: several neighbouring children of a branch are one page until it has split
/// (extendible hashing, once per level). Slots are only added; a slot whose entry has gone is simply passed over.
///
/// Not copyable, as `ValueTrie`.
struct KeyIndex: ~Copyable {
    private(set) var root: Unmanaged<KeyIndexNode>?

    init() {}

    private init(forking root: Unmanaged<KeyIndexNode>?) { self.root = root?.retain() }

    deinit { root?.release() }

    /// Another index over the same nodes.
    func fork() -> KeyIndex { KeyIndex(forking: root) }

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
        var node = root.unsafelyUnwrapped
        var shift: UInt32 = 27
        while true {
            let (cells, mask) = (node.cells, node.info.pointee.mask)
            if mask >= 0 { return Probe(cells: cells, mask: mask, at: Int(hash), hash: hash) }
            node = KeyIndexNode.child(cells[Int(hash &>> shift) & 31])
            shift &-= 5
        }
    }

    /// Adds a slot.
    mutating func insert(_ slot: Int, hash: UInt32) {
        let cell = UInt64(hash) << 32 | UInt64(UInt32(truncatingIfNeeded: slot))
        if root == nil { root = Unmanaged.passRetained(KeyIndexNode.page(capacity: 16, depth: 0)) }
        while !insert(cell, hash: hash) {}
    }

    /// Adds the cell, or makes room for it where it belongs and returns false.
    @inline(__always) private mutating func insert(_ cell: UInt64, hash: UInt32) -> Bool {
        withUnsafeMutablePointer(to: &root) { slot in
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
                    root.replace(with: node._withUnsafeGuaranteedRef { $0.grown() }.alone(depth: 0))
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
        let made = make(capacity, KeyIndexHeader(mask: capacity - 1, used: 0, depth: depth))
        made.cells.initialize(repeating: emptyCell, count: capacity)
        return made
    }

    private static func make(_ capacity: Int, _ header: KeyIndexHeader) -> KeyIndexNode {
        Meter.charge(footprint(capacity))
        return unsafeDowncast(KeyIndexNode.create(minimumCapacity: capacity) { _ in header }, to: KeyIndexNode.self)
    }

    deinit {
        Meter.credit(KeyIndexNode.footprint(cellCount))
        guard isBranch else { return }
        forEachChild { child, _ in child.release() }
    }

    private static func footprint(_ capacity: Int) -> Int { 48 + capacity * 8 }

    /// By address because `header` would be checked for exclusivity at every access.
    @inline(__always) var info: UnsafeMutablePointer<KeyIndexHeader> { withUnsafeMutablePointerToHeader { $0 } }
    @inline(__always) var cells: UnsafeMutablePointer<UInt64> { withUnsafeMutablePointerToElements { $0 } }
    private var isBranch: Bool { info.pointee.mask < 0 }
    private var cellCount: Int { isBranch ? 32 : info.pointee.mask + 1 }

    @inline(__always) static func child(_ cell: UInt64) -> Unmanaged<KeyIndexNode> {
        Unmanaged.fromOpaque(UnsafeRawPointer(bitPattern: UInt(cell)).unsafelyUnwrapped)
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
        // The cell is the branch's reference, read as what it is: nothing is retained.
        let unique = (cells + at).withMemoryRebound(to: KeyIndexNode.self, capacity: 1) {
            isKnownUniquelyReferenced(&$0.pointee)
        }
        return unique ? child(cells[at]) : replaceShared(child(cells[at]), of: cells, at: at, shift: shift)
    }

    @inline(never) private static func replaceShared(
        _ shared: Unmanaged<KeyIndexNode>, of cells: UnsafeMutablePointer<UInt64>, at: Int, shift: UInt32
    ) -> Unmanaged<KeyIndexNode> {
        let copy = Unmanaged.passRetained(shared._withUnsafeGuaranteedRef { $0.copy() })
        let span = 1 << max(0, 32 - Int(shift) - Int(copy._withUnsafeGuaranteedRef { $0.info.pointee.depth }))
        let first = at & ~(span - 1)
        let word = UInt64(UInt(bitPattern: copy.toOpaque()))
        for index in first..<(first + span) { cells[index] = word }
        shared.release()
        return copy
    }

    /// Puts a cell into this page; false when it is as full as it may be.
    @inline(__always) func add(_ cell: UInt64, hash: UInt32) -> Bool {
        let mask = info.pointee.mask
        guard Int(info.pointee.used) &* 4 < (mask &+ 1) &* 3 else { return false }
        let cells = cells
        var at = Int(hash) & mask
        while cells[at] != KeyIndexNode.emptyCell { at = (at &+ 1) & mask }
        cells[at] = cell
        info.pointee.used &+= 1
        return true
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
            let page = KeyIndexNode.page(capacity: capacity * 2, depth: depth)
            forEachCell { slot, hash in _ = page.add(UInt64(hash) << 32 | UInt64(slot), hash: hash) }
            return .one(page)
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
        let made = make(32, KeyIndexHeader(mask: -1, used: 0, depth: depth))
        made.cells.initialize(repeating: word(taking: low), count: 16)
        (made.cells + 16).initialize(repeating: word(taking: high), count: 16)
        return made
    }

    private static func word(taking node: KeyIndexNode) -> UInt64 {
        UInt64(UInt(bitPattern: Unmanaged.passRetained(node).toOpaque()))
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
