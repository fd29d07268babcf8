/// What sorted maps and sets have in common: a tree in the order of a comparator, and metadata.
public class SortedCollection: Object, @unchecked Sendable {
    // Sendable: immutable.
    /// Of a set: the elements as keys; the values are nil.
    final let tree: SortedTree
    final let meta: HashMap?

    required init(_ tree: SortedTree, meta: HashMap?) {
        self.tree = tree
        self.meta = meta
    }

    /// An empty one ordered by `compare`: negative, zero or positive; it must be consistent.
    package convenience init(
        compare: @escaping (Value, Value) throws(Fault) -> Int = Value.compare, meta: HashMap? = nil
    ) {
        self.init(SortedTree(compare: compare), meta: meta)
    }

    package final var compare: (Value, Value) throws(Fault) -> Int { tree.compare }
    public final var count: Int { tree.count }

    /// The node of `key`; a key that the comparator refuses is not there.
    final func nodeIfComparable(_ key: Value) throws(Fault) -> SortedNode? {
        do throws(Fault) {
            return try tree.find(key)
        } catch .thrown(let exception) where exception.type == .classCast {
            return nil
        }
    }

    // MARK: what objects support

    public override var metadata: HashMap? { meta }
    public override func withMetadata(_ metadata: HashMap?) -> Value? {
        .object(type(of: self).init(tree, meta: metadata))
    }
    public override var elementCount: Int? { count }
    public override var isLookup: Bool { true }
    public override var emptied: Value? { .object(type(of: self).init(tree.emptied, meta: meta)) }
}
