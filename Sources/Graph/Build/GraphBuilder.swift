import Values

/// Collects the declarations of one instance; declaring again replaces (G3).
package final class GraphBuilder: @unchecked Sendable {
    // Sendable: `lock` guards what changes.
    package let names: Names
    private let lookup: FunctionLookup
    private let lock = Lock()
    private var current: Graph
    private var observer: Observer?
    private var configured: ComponentForm?

    /// Told of each change together with the graph it led to: how a running system replaces a node in place.
    package typealias Observer = @Sendable (GraphChange, Graph) -> Void

    /// - Parameter lookup: finds the function of a qualified name; without one, no namespace is known.
    package init(names: Names, lookup: @escaping FunctionLookup = { .unknownNamespace($0) }) {
        self.names = names
        self.lookup = lookup
        current = Graph(names: names)
    }

    package var graph: Graph { lock.withLock { current } }

    /// Calls `observer` after every change from now on, outside of any lock, on the thread that declared.
    package func observe(_ observer: Observer?) { lock.withLock { self.observer = observer } }

    /// Adds a declaration or replaces the one of its kind and name, and says what that changed.
    @discardableResult package func declare(_ declaration: Declaration) throws(Fault) -> GraphChange {
        // Functions are looked up before the lock is taken: that may load a namespace, which declares.
        let node = try declaration.node(names, lookup)
        return place(node)
    }

    /// Adds everything that a graph as data declares; the changes in its order. What is wrong with it is found by
    /// `check`.
    @discardableResult package func load(data: Value) throws(Fault) -> [GraphChange] {
        if case .map(let map) = data, ComponentForm.recognises(data) { return try load(ComponentForm(map)) }
        let read = try GraphData.read(data, names: names, lookup: lookup)
        lock.withLock { current.strays += read.strays }
        return read.nodes.map { place($0) }
    }

    /// The configuration of components that the graph was loaded with, if it was (D22).
    package var components: ComponentForm? { lock.withLock { configured } }

    private func load(_ form: ComponentForm) throws(Fault) -> [GraphChange] {
        lock.withLock {
            configured = form
            current.strays += form.findings
        }
        guard let system = form.systems.first else { return [] }
        return try load(data: system.definition)
    }

    /// Takes a declaration back; nil when there is none.
    @discardableResult package func remove(_ id: NodeID) -> GraphChange? {
        let (removed, graph, observer) = lock.withLock { (current.remove(id), current, self.observer) }
        guard let removed else { return nil }
        let change = GraphChange(before: removed, after: nil)
        observer?(change, graph)
        return change
    }

    private func place(_ node: Node) -> GraphChange {
        let (change, graph, observer) = lock.withLock {
            let before = current[node.id]
            let node = before.map { repeated(node, over: $0) } ?? node
            current.set(node)
            return (GraphChange(before: before, after: node), current, self.observer)
        }
        if change.kind != .unchanged { observer?(change, graph) }
        return change
    }

    /// A declaration that is repeated within one text is a mistake; in a text that is read again it is not.
    private func repeated(_ node: Node, over before: Node) -> Node {
        guard let here = node.site.whole, let there = before.site.whole, here.source === there.source,
            here.span != there.span
        else { return node }
        let finding = Finding(
            .declaredTwice, "\(node.id) is declared twice", at: node.site.whole,
            related: [SourceLabel(there.source, there.span, "first here")],
            because: "A later declaration replaces the one before it.",
            hint: "remove one of them, or give it another name")
        return Node(
            id: node.id, options: node.options, functions: node.functions, actions: node.actions, site: node.site,
            findings: node.findings + [finding])
    }
}
