import Values

/// A persistent AVL tree from keys to values, in the order of a comparator.
struct SortedTree: @unchecked Sendable {
    // Sendable: nodes are immutable.
    final class Node {
        private(set) var key: Value
        private(set) var value: Value
        let left: Node?
        let right: Node?
        let height: Int
        let count: Int

        init(_ key: Value, _ value: Value, _ left: Node?, _ right: Node?) {
            self.key = key
            self.value = value
            self.left = left
            self.right = right
            height = max(left?.height ?? 0, right?.height ?? 0) + 1
            count = (left?.count ?? 0) + (right?.count ?? 0) + 1
            Meter.charge(96)
        }

        deinit {
            Meter.credit(96)
            Release.field(&key)
            Release.field(&value)
        }
    }

    let comparator: Comparator
    private let root: Node?

    init(_ comparator: Comparator) { self.init(comparator, nil) }
    private init(_ comparator: Comparator, _ root: Node?) {
        self.comparator = comparator
        self.root = root
    }

    var count: Int { root?.count ?? 0 }

    func find(_ key: Value) throws(Fault) -> (key: Value, value: Value)? {
        var node = root
        while let current = node {
            let order = try comparator.compare(key, current.key)
            if order == 0 { return (current.key, current.value) }
            node = order < 0 ? current.left : current.right
        }
        return nil
    }

    func setting(_ key: Value, _ value: Value) throws(Fault) -> SortedTree {
        // The first key, too, must be one that can be compared.
        if root == nil { _ = try comparator.compare(key, key) }
        return SortedTree(comparator, try set(root, key, value))
    }

    func removing(_ key: Value) throws(Fault) -> SortedTree {
        guard try find(key) != nil else { return self }
        return SortedTree(comparator, try remove(root, key))
    }

    /// In order.
    var entries: [(key: Value, value: Value)] {
        var found: [(key: Value, value: Value)] = []
        found.reserveCapacity(count)
        var path: [Node] = []
        var node = root
        while node != nil || !path.isEmpty {
            while let current = node {
                path.append(current)
                node = current.left
            }
            let current = path.removeLast()
            found.append((current.key, current.value))
            node = current.right
        }
        return found
    }

    // Recursion below is as deep as the tree is high: 1.44 log₂ of the count.

    private func set(_ node: Node?, _ key: Value, _ value: Value) throws(Fault) -> Node {
        guard let node else { return Node(key, value, nil, nil) }
        let order = try comparator.compare(key, node.key)
        if order == 0 { return Node(node.key, value, node.left, node.right) }
        if order < 0 { return SortedTree.balanced(node.key, node.value, try set(node.left, key, value), node.right) }
        return SortedTree.balanced(node.key, node.value, node.left, try set(node.right, key, value))
    }

    private func remove(_ node: Node?, _ key: Value) throws(Fault) -> Node? {
        guard let node else { return nil }
        let order = try comparator.compare(key, node.key)
        if order < 0 { return SortedTree.balanced(node.key, node.value, try remove(node.left, key), node.right) }
        if order > 0 { return SortedTree.balanced(node.key, node.value, node.left, try remove(node.right, key)) }
        guard let left = node.left else { return node.right }
        guard let right = node.right else { return left }
        var next = right
        while let lower = next.left { next = lower }
        return SortedTree.balanced(next.key, next.value, left, SortedTree.withoutFirst(right))
    }

    private static func withoutFirst(_ node: Node) -> Node? {
        guard let left = node.left else { return node.right }
        return balanced(node.key, node.value, withoutFirst(left), node.right)
    }

    private static func balanced(_ key: Value, _ value: Value, _ left: Node?, _ right: Node?) -> Node {
        let difference = (left?.height ?? 0) - (right?.height ?? 0)
        if difference > 1, let left {
            if (left.left?.height ?? 0) >= (left.right?.height ?? 0) {
                return Node(left.key, left.value, left.left, Node(key, value, left.right, right))
            }
            let middle = left.right!
            return Node(
                middle.key, middle.value, Node(left.key, left.value, left.left, middle.left), Node(key, value, middle.right, right))
        }
        if difference < -1, let right {
            if (right.right?.height ?? 0) >= (right.left?.height ?? 0) {
                return Node(right.key, right.value, Node(key, value, left, right.left), right.right)
            }
            let middle = right.left!
            return Node(
                middle.key, middle.value, Node(key, value, left, middle.left),
                Node(right.key, right.value, middle.right, right.right))
        }
        return Node(key, value, left, right)
    }
}

/// `sorted-map`: equal to a hash map with the same entries.
final class SortedMap: Object, @unchecked Sendable {
    // Sendable: immutable.
    let tree: SortedTree
    private let meta: HashMap?

    init(_ tree: SortedTree, meta: HashMap?) {
        self.tree = tree
        self.meta = meta
    }

    override var kind: ObjectKind { .sortedMap }
    override var metadata: HashMap? { meta }
    override func withMetadata(_ metadata: HashMap?) -> Value? { .object(SortedMap(tree, meta: metadata)) }
    override var elementCount: Int? { tree.count }
    override var isLookup: Bool { true }
    override func lookup(_ key: Value) throws(Fault) -> Value? { try tree.find(key)?.value }
    override func associating(_ key: Value, _ value: Value) throws(Fault) -> Value? {
        .object(SortedMap(try tree.setting(key, value), meta: meta))
    }
    override func removing(_ key: Value) throws(Fault) -> Value? { .object(SortedMap(try tree.removing(key), meta: meta)) }
    override var emptied: Value? { .object(SortedMap(SortedTree(tree.comparator), meta: meta)) }

    override func conjoining(_ element: Value) throws(Fault) -> Value? {
        var tree = tree
        switch element {
        case .nil: break
        case .vector(let pair) where pair.count == 2: tree = try tree.setting(pair[0], pair[1])
        case .map, .object, .list, .lazy, .seq:
            try Sequences.forEach(element) { (entry) throws(Fault) in
                guard case .vector(let pair) = entry, pair.count == 2 else {
                    throw .type("conj on a map", expected: "entries of key and value", found: entry)
                }
                tree = try tree.setting(pair[0], pair[1])
            }
        default: throw .type("conj on a map", expected: "a pair of key and value", found: element)
        }
        return .object(SortedMap(tree, meta: meta))
    }

    override func seq() throws(Fault) -> Value? {
        guard tree.count > 0 else { return .nil }
        return .seq(SeqView(.vector(Vector(tree.entries.map { Value.vector([$0.key, $0.value]) }), index: 0)))
    }

    override func equals(_ other: Value) throws(Fault) -> Bool {
        switch other {
        case .map(let map):
            guard map.count == tree.count else { return false }
            for entry in tree.entries {
                guard let value = try map.find(entry.key), try value.equals(entry.value) else { return false }
            }
            return true
        case .object(let object):
            guard let map = object as? SortedMap, map.tree.count == tree.count else { return false }
            for (mine, theirs) in zip(tree.entries, map.tree.entries) {
                guard try mine.key.equals(theirs.key), try mine.value.equals(theirs.value) else { return false }
            }
            return true
        default: return false
        }
    }

    override func hashCode() throws(Fault) -> UInt32 {
        try Value.map(try HashMap.of(tree.entries.lazy.map { ($0.key, $0.value) })).hashCode()
    }

    override func write(to printer: inout Printer) throws(Fault) {
        try printer.write(entries: tree.entries.flatMap { [$0.key, $0.value] })
    }
}

/// `sorted-set`: equal to a hash set with the same elements.
final class SortedSet: Object, @unchecked Sendable {
    // Sendable: immutable.
    let tree: SortedTree
    private let meta: HashMap?

    init(_ tree: SortedTree, meta: HashMap?) {
        self.tree = tree
        self.meta = meta
    }

    override var kind: ObjectKind { .sortedSet }
    override var metadata: HashMap? { meta }
    override func withMetadata(_ metadata: HashMap?) -> Value? { .object(SortedSet(tree, meta: metadata)) }
    override var elementCount: Int? { tree.count }
    override var isLookup: Bool { true }
    override func lookup(_ key: Value) throws(Fault) -> Value? { try tree.find(key)?.key }
    override func conjoining(_ element: Value) throws(Fault) -> Value? {
        if try tree.find(element) != nil { return .object(self) }
        return .object(SortedSet(try tree.setting(element, .nil), meta: meta))
    }
    override var emptied: Value? { .object(SortedSet(SortedTree(tree.comparator), meta: meta)) }

    override func seq() throws(Fault) -> Value? {
        guard tree.count > 0 else { return .nil }
        return .seq(SeqView(.vector(Vector(tree.entries.map(\.key)), index: 0)))
    }

    override func equals(_ other: Value) throws(Fault) -> Bool {
        switch other {
        case .set(let set):
            guard set.count == tree.count else { return false }
            for entry in tree.entries where try !set.contains(entry.key) { return false }
            return true
        case .object(let object):
            guard let set = object as? SortedSet, set.tree.count == tree.count else { return false }
            for (mine, theirs) in zip(tree.entries, set.tree.entries) where try !mine.key.equals(theirs.key) { return false }
            return true
        default: return false
        }
    }

    override func hashCode() throws(Fault) -> UInt32 { try Value.set(try HashSet.of(tree.entries.map(\.key))).hashCode() }

    override func write(to printer: inout Printer) throws(Fault) {
        try printer.write(elements: SeqCursor(.vector(Vector(tree.entries.map(\.key)))), open: "#{", close: "}")
    }
}
