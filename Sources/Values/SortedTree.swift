/// A node of `SortedTree`: an AVL tree of entries, immutable once made.
final class SortedNode: @unchecked Sendable {
    // Sendable: immutable.
    private(set) var key: Value
    private(set) var value: Value
    let left: SortedNode?
    let right: SortedNode?
    let height: Int
    /// Entries in this subtree.
    let count: Int

    private static let footprint = 96

    init(_ key: Value, _ value: Value, _ left: SortedNode?, _ right: SortedNode?) {
        self.key = key
        self.value = value
        self.left = left
        self.right = right
        height = 1 + max(left?.height ?? 0, right?.height ?? 0)
        count = 1 + (left?.count ?? 0) + (right?.count ?? 0)
        Meter.charge(SortedNode.footprint)
    }

    deinit {
        Meter.credit(SortedNode.footprint)
        Release.field(&key)
        Release.field(&value)
    }
}

/// A persistent ordered tree of keys, each with a value: what sorted maps and sets are made of.
///
/// A change makes new nodes on its path, O(log n), so a comparison that throws leaves everything as it was.
struct SortedTree: @unchecked Sendable {
    // Sendable: immutable nodes; `compare` is the language's own, or a function value that may run anywhere.
    typealias Compare = (Value, Value) throws(Fault) -> Int

    private(set) var root: SortedNode?
    let compare: Compare

    init(compare: @escaping Compare) { self.compare = compare }

    private init(_ root: SortedNode?, _ compare: @escaping Compare) {
        self.root = root
        self.compare = compare
    }

    var count: Int { root?.count ?? 0 }
    var emptied: SortedTree { SortedTree(compare: compare) }

    func find(_ key: Value) throws(Fault) -> SortedNode? {
        var node = root
        while let here = node {
            let order = try compare(key, here.key)
            if order == 0 { return here }
            node = order < 0 ? here.left : here.right
        }
        return nil
    }

    /// A key that is there stays. `compare` is called on the first key too, so that one it does not accept is refused.
    func setting(_ key: Value, _ value: Value) throws(Fault) -> SortedTree {
        guard let root else {
            _ = try compare(key, key)
            return SortedTree(SortedNode(key, value, nil, nil), compare)
        }
        return SortedTree(try setting(root, key, value), compare)
    }

    private func setting(_ node: SortedNode?, _ key: Value, _ value: Value) throws(Fault) -> SortedNode {
        guard let node else { return SortedNode(key, value, nil, nil) }
        let order = try compare(key, node.key)
        if order == 0 { return SortedNode(node.key, value, node.left, node.right) }
        return order < 0
            ? SortedTree.balanced(node, try setting(node.left, key, value), node.right)
            : SortedTree.balanced(node, node.left, try setting(node.right, key, value))
    }

    func removing(_ key: Value) throws(Fault) -> SortedTree {
        guard try find(key) != nil else { return self }
        return SortedTree(try removing(root, key), compare)
    }

    private func removing(_ node: SortedNode?, _ key: Value) throws(Fault) -> SortedNode? {
        guard let node else { return nil }
        let order = try compare(key, node.key)
        if order < 0 { return SortedTree.balanced(node, try removing(node.left, key), node.right) }
        if order > 0 { return SortedTree.balanced(node, node.left, try removing(node.right, key)) }
        guard let left = node.left, let right = node.right else { return node.left ?? node.right }
        let (least, rest) = SortedTree.takingLeast(right)
        return SortedTree.balanced(least, left, rest)
    }

    private static func takingLeast(_ node: SortedNode) -> (SortedNode, SortedNode?) {
        guard let left = node.left else { return (node, node.right) }
        let (least, rest) = takingLeast(left)
        return (least, balanced(node, rest, node.right))
    }

    /// The entry of `node` above two subtrees whose heights differ by at most 2.
    private static func balanced(_ node: SortedNode, _ left: SortedNode?, _ right: SortedNode?) -> SortedNode {
        let difference = (left?.height ?? 0) - (right?.height ?? 0)
        if difference > 1, let left {
            if (left.left?.height ?? 0) >= (left.right?.height ?? 0) {
                return SortedNode(left.key, left.value, left.left, join(node, left.right, right))
            }
            guard let pivot = left.right else { return join(node, left, right) }
            return SortedNode(
                pivot.key, pivot.value, join(left, left.left, pivot.left), join(node, pivot.right, right))
        }
        if difference < -1, let right {
            if (right.right?.height ?? 0) >= (right.left?.height ?? 0) {
                return SortedNode(right.key, right.value, join(node, left, right.left), right.right)
            }
            guard let pivot = right.left else { return join(node, left, right) }
            return SortedNode(
                pivot.key, pivot.value, join(node, left, pivot.left), join(right, pivot.right, right.right))
        }
        return join(node, left, right)
    }

    private static func join(_ node: SortedNode, _ left: SortedNode?, _ right: SortedNode?) -> SortedNode {
        SortedNode(node.key, node.value, left, right)
    }
}

/// Walks the entries of a sorted collection in order, ascending or descending; each step costs O(1) on average.
public struct SortedEntries: Sequence, IteratorProtocol {
    /// The nodes still to visit, the next one last; the subtree on the far side of each comes after it.
    private var path: [SortedNode] = []
    private let ascending: Bool
    public private(set) var underestimatedCount: Int

    init(_ tree: SortedTree, ascending: Bool) {
        self.ascending = ascending
        underestimatedCount = tree.count
        descend(tree.root)
    }

    /// Starts at the first key not before `key` in the direction of the walk.
    init(_ tree: SortedTree, ascending: Bool, from key: Value) throws(Fault) {
        self.ascending = ascending
        underestimatedCount = 0
        var node = tree.root
        while let here = node {
            let order = try tree.compare(key, here.key)
            if order == 0 {
                path.append(here)
                return
            }
            if (order < 0) == ascending {
                path.append(here)
                node = ascending ? here.left : here.right
            } else {
                node = ascending ? here.right : here.left
            }
        }
    }

    private mutating func descend(_ start: SortedNode?) {
        var node = start
        while let here = node {
            path.append(here)
            node = ascending ? here.left : here.right
        }
    }

    public mutating func next() -> (key: Value, value: Value)? {
        guard let node = path.popLast() else { return nil }
        descend(ascending ? node.right : node.left)
        return (node.key, node.value)
    }
}
