import Values

/// Reads a loop's captures once, before the loop: a captured value that every round uses is then borrowed from a register,
/// where reading the closure anew would count a reference each time.
enum Hoisting {
    /// `loop`, whose captures it reads are locals bound around it; `makeLocal` gives new ones.
    static func hoist(_ loop: Node, makeLocal: () -> Local) -> Node {
        var locals: [(capture: Int, local: Local)] = []
        func replace(_ node: Node) {
            guard case .capture(let index) = node.kind else {
                for child in node.children { replace(child) }
                return
            }
            if let known = locals.first(where: { $0.capture == index }) {
                node.kind = .local(known.local)
            } else {
                let local = makeLocal()
                locals.append((index, local))
                node.kind = .local(local)
            }
        }
        guard case .loop(let parts) = loop.kind else { return loop }
        replace(parts.body)
        return locals.reversed().reduce(loop) { inner, hoisted in
            let value = Node(.capture(hoisted.capture), loop.place)
            return Node(.binding(Node.Binding(hoisted.local, value, inner)), loop.place)
        }
    }
}
