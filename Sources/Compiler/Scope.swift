import Machine
import Values

/// What a name means within a function.
enum Reference {
    case local(Local)
    case capture(Int)
    case selfClosure
    case sibling(Int)

    var kind: Node.Kind {
        switch self {
        case .local(let local): .local(local)
        case .capture(let index): .capture(index)
        case .selfClosure: .selfClosure
        case .sibling(let index): .sibling(index)
        }
    }

    fileprivate func isSame(as other: Reference) -> Bool {
        switch (self, other) {
        case (.local(let a), .local(let b)): a === b
        case (.capture(let a), .capture(let b)): a == b
        case (.selfClosure, .selfClosure): true
        case (.sibling(let a), .sibling(let b)): a == b
        default: false
        }
    }
}

/// The names in scope while one arity of a function is analysed.
final class FunctionScope {
    let parent: FunctionScope?
    /// The function's own name, when it refers to itself by one.
    let selfName: Name?
    /// Values taken from the enclosing function; shared by the arities of a function and by the functions of a `letfn`.
    let captures: Captures
    /// Names of the functions of the enclosing `letfn*`, which this is one of.
    let siblings: [Name]
    private(set) var locals: [Local] = []
    private var visible: [(name: Name, local: Local)] = []
    /// What `recur` goes back to, innermost; nil where `recur` is not allowed.
    var loop: LoopTarget?

    final class Captures {
        fileprivate(set) var outer: [Reference] = []
        /// Captures that the machine puts first: the group of a `letfn`.
        let reserved: Int
        init(reserved: Int = 0) { self.reserved = reserved }
        var count: Int { reserved + outer.count }
    }

    init(parent: FunctionScope?, selfName: Name?, captures: Captures, siblings: [Name] = []) {
        self.parent = parent
        self.selfName = selfName
        self.captures = captures
        self.siblings = siblings
    }

    /// A local that is not visible by name.
    func makeLocal(_ name: Name?) -> Local {
        let local = Local(name, index: locals.count)
        locals.append(local)
        return local
    }

    func show(_ local: Local, as name: Name) { visible.append((name, local)) }

    /// Hides what was shown since the count was `mark`.
    var mark: Int { visible.count }
    func hide(to mark: Int) { visible.removeSubrange(mark...) }

    func lookup(_ name: Name) -> Reference? {
        for entry in visible.reversed() where entry.name == name { return .local(entry.local) }
        if let selfName, selfName == name { return .selfClosure }
        if let index = siblings.firstIndex(of: name) { return .sibling(index) }
        guard let outer = parent?.lookup(name) else { return nil }
        if let index = captures.outer.firstIndex(where: { $0.isSame(as: outer) }) {
            return .capture(captures.reserved + index)
        }
        captures.outer.append(outer)
        return .capture(captures.count - 1)
    }

    /// Every name that is visible here, innermost first.
    var visibleNames: [Name] {
        visible.reversed().map(\.name) + (selfName.map { [$0] } ?? []) + siblings + (parent?.visibleNames ?? [])
    }
}
