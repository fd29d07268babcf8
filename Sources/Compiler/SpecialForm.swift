import Machine
import Values

/// The forms that the compiler itself knows: Clojure's special forms, and the most common macros, so that a script's start
/// does not wait for them to be loaded and run.
enum SpecialForm: String, CaseIterable {
    // special forms: these names cannot be redefined
    case def, `if`, `do`, quote, `var`, `try`, `throw`, recur, new
    case fnStar = "fn*"
    case letStar = "let*"
    case loopStar = "loop*"
    case letfnStar = "letfn*"
    case set = "set!"
    case dot = "."
    // macros of clojure.core; a namespace may define its own
    case fn, `let`, loop, letfn, defn, defmacro, when, and, or, cond
    case defnPrivate = "defn-"
    case whenNot = "when-not"
    case ifNot = "if-not"
    case thread = "->"
    case threadLast = "->>"
    case lazySeq = "lazy-seq"

    private static let table: [String: SpecialForm] = Dictionary(
        uniqueKeysWithValues: allCases.map { ($0.rawValue, $0) })
    static let names = allCases.map(\.rawValue)

    /// What stands beside the special forms: the words inside them, and forms of Clojure's that have no meaning here, so that
    /// they are not taken for names.
    private static let reserved: Set<String> = [
        "&", "catch", "finally", "monitor-enter", "monitor-exit", "case*", "reify*", "deftype*",
    ]

    /// Whether the compiler alone knows it; the others are macros of `clojure.core` too.
    var isSyntax: Bool {
        switch self {
        case .def, .if, .do, .quote, .var, .try, .throw, .recur, .new, .fnStar, .letStar, .loopStar, .letfnStar, .set,
            .dot:
            true
        default: false
        }
    }

    /// The form that the head of a list names, unless the namespace means something else by it.
    static func of(_ name: Name, in namespace: Namespace) -> SpecialForm? {
        guard let form = table[name.name] else { return nil }
        if name.hasNamespace { return name.namespace == Resolver.coreName ? form : nil }
        if form.isSyntax { return form }
        if namespace.excludes(name) { return nil }
        if let own = namespace.definedOrReferred(name), own.namespace.description != Resolver.coreName { return nil }
        return form
    }

    /// Whether the symbol never names a var (`special-symbol?`), so that syntax-quote leaves it alone.
    static func isSyntax(_ name: Name) -> Bool {
        guard !name.hasNamespace else { return false }
        return table[name.name]?.isSyntax ?? reserved.contains(name.name)
    }

    static func isNative(_ name: Name) -> Bool { table[name.name] != nil }
}

extension Analyzer {
    mutating func special(_ special: SpecialForm, _ elements: [Value], _ form: Value) throws(Fault) -> Node {
        switch special {
        case .def: return try def(elements, form)
        case .if, .ifNot: return try conditional(elements, form, negated: special == .ifNot)
        case .do: return try body(elements, from: 1, form)
        case .quote:
            guard elements.count == 2 else { throw refuseQuote(elements, form) }
            return Node(.constant(Analyzer.withoutOrigins(elements[1])), place)
        case .var: return try theVar(elements, form)
        case .try: return try attempt(elements, form)
        case .throw:
            guard elements.count == 2 else { throw refuseThrow(elements, form) }
            return Node(.raise(try analyze(elements[1], child: 1, of: form)), place)
        case .recur: return try recur(elements, form)
        case .new:
            guard elements.count >= 2, let name = elements[1].symbolName else {
                throw fault("new takes a class name", at: form)
            }
            return try construct(name.description, try arguments(elements, from: 2, form))
        case .dot: return try dot(elements, form)
        case .set: return try assign(elements, form)
        case .fn, .fnStar: return try functionNode(elements, form)
        case .let, .letStar: return try letNode(elements, form)
        case .loop, .loopStar: return try loopNode(elements, form)
        case .letfn, .letfnStar: return try letfnNode(elements, form)
        case .defn, .defnPrivate, .defmacro: return try define(special, elements, form)
        case .when, .whenNot:
            guard elements.count >= 2 else { throw refuseWhen(special, form) }
            let test = try analyze(elements[1], child: 1, of: form)
            let then = try body(elements, from: 2, form)
            let nothing = Node(.constant(.nil), place)
            return Node(
                .branch(special == .when ? Node.Branch(test, then, nothing) : Node.Branch(test, nothing, then)), place)
        case .and, .or:
            if elements.count == 1 { return Node(.constant(special == .and ? .true : .nil), place) }
            if elements.count == 2 { return try analyze(elements[1], child: 1, of: form) }
            let loop = function.loop
            function.loop = nil
            var nodes: [Node] = []
            for index in 1..<elements.count - 1 { nodes.append(try analyze(elements[index], child: index, of: form)) }
            function.loop = loop
            let last = try nested(elements.count - 1) { (analyzer) throws(Fault) in
                try analyzer.analyze(elements[elements.count - 1], child: elements.count - 1, of: form)
            }
            return try chain(special, nodes, last)
        case .cond: return try condNode(elements, form)
        case .thread, .threadLast: return try threaded(special, elements, form)
        case .lazySeq: return try lazyNode(elements, form)
        }
    }

    /// `and`/`or`; when the last operand may `recur`, as nested branches, whose tail it is.
    private func chain(_ special: SpecialForm, _ nodes: [Node], _ last: Node) throws(Fault) -> Node {
        guard last.containsRecur else {
            let chain = Node.Chain(nodes + [last])
            return Node(special == .and ? .and(chain) : .or(chain), place)
        }
        var result = last
        for node in nodes.reversed() {
            let local = function.makeLocal(nil)
            let value = Node(.local(local), place)
            let again = Node(.local(local), place)
            let branch = special == .and ? Node.Branch(value, result, again) : Node.Branch(value, again, result)
            result = Node(.binding(Node.Binding(local, node, Node(.branch(branch), place))), place)
        }
        return result
    }

    /// The forms from `start` on, one after the other; the last one's value counts. `offset` is how many more elements of
    /// `form` come before them.
    mutating func body(_ elements: [Value], from start: Int, _ form: Value, offset: Int = 0) throws(Fault) -> Node {
        guard start < elements.count else { return Node(.constant(.nil), place) }
        var nodes: [Node] = []
        let loop = function.loop
        function.loop = nil
        for index in start..<elements.count - 1 {
            nodes.append(try analyze(elements[index], child: index + offset, of: form))
        }
        function.loop = loop
        let last = try analyze(elements[elements.count - 1], child: elements.count - 1 + offset, of: form)
        return nodes.isEmpty ? last : Node(.sequence(nodes + [last]), place)
    }

    /// Analyses a form whose value is used, so that it cannot be a `recur`.
    mutating func value(_ form: Value, child index: Int, of parent: Value) throws(Fault) -> Node {
        let loop = function.loop
        defer { function.loop = loop }
        function.loop = nil
        return try analyze(form, child: index, of: parent)
    }

    private mutating func conditional(_ elements: [Value], _ form: Value, negated: Bool) throws(Fault) -> Node {
        guard elements.count == 3 || elements.count == 4 else {
            throw refuseIf(elements, form, negated: negated)
        }
        let test = try value(elements[1], child: 1, of: form)
        let then = try analyze(elements[2], child: 2, of: form)
        let otherwise =
            elements.count == 4 ? try analyze(elements[3], child: 3, of: form) : Node(.constant(.nil), place)
        return Node(.branch(negated ? Node.Branch(test, otherwise, then) : Node.Branch(test, then, otherwise)), place)
    }

    private mutating func condNode(_ elements: [Value], _ form: Value) throws(Fault) -> Node {
        guard elements.count % 2 == 1 else {
            throw refuseCond(elements, form)
        }
        var clauses: [(Node, Node)] = []
        for index in stride(from: 1, to: elements.count, by: 2) {
            // Each clause stands in the branch of the one before.
            let clause = try nested(index / 2) { (analyzer) throws(Fault) in
                (
                    try analyzer.value(elements[index], child: index, of: form),
                    try analyzer.analyze(elements[index + 1], child: index + 1, of: form)
                )
            }
            clauses.append(clause)
        }
        return clauses.reversed().reduce(Node(.constant(.nil), place)) { rest, clause in
            if case .constant(let test) = clause.0.kind, test.isTruthy { return clause.1 }
            return Node(.branch(Node.Branch(clause.0, clause.1, rest)), clause.0.place)
        }
    }

    private mutating func threaded(_ special: SpecialForm, _ elements: [Value], _ form: Value) throws(Fault) -> Node {
        guard elements.count >= 2 else { throw fault("\(special.rawValue) takes at least one form", at: form) }
        var result = elements[1]
        for (index, step) in elements.enumerated().dropFirst(2) {
            guard case .list(let list) = step, !list.isEmpty, let parts = list.elements else {
                let origin = form.origin.flatMap { origin in
                    index < origin.children.count
                        ? Origin(
                            source: origin.source, span: origin.children[index],
                            children: [origin.children[index], result.origin?.span ?? origin.children[1]]) : nil
                }
                result = .list(Cons.list([step, result], extra: Extra.of(meta: nil, origin: origin)))
                continue
            }
            let threadedParts = special == .thread ? [parts[0], result] + parts.dropFirst() : parts + [result]
            var children = list.origin?.children ?? []
            if !children.isEmpty {
                let inserted = result.origin?.span ?? list.origin!.span
                children.insert(inserted, at: special == .thread ? 1 : children.count)
            }
            let origin = list.origin.map { Origin(source: $0.source, span: $0.span, children: children) }
            result = .list(Cons.list(threadedParts, extra: Extra.of(meta: list.meta, origin: origin)))
        }
        return try analyze(result)
    }

    private mutating func theVar(_ elements: [Value], _ form: Value) throws(Fault) -> Node {
        guard elements.count == 2, let name = elements[1].symbolName else {
            throw fault("var takes a symbol", at: form)
        }
        // Whoever asks for the var gets one that is private too.
        guard let variable = Resolver(instance: instance, namespace: namespace).resolve(name) else {
            if let origin = form.origin, origin.children.count > 1 {
                place = Node.Place(source: origin.source, span: origin.children[1])
            }
            throw unresolved(name)
        }
        return Node(.constant(.object(variable)), place)
    }

    private mutating func assign(_ elements: [Value], _ form: Value) throws(Fault) -> Node {
        guard elements.count == 3, let name = elements[1].symbolName else {
            throw refuseSet(form)
        }
        guard function.lookup(name) == nil || name.hasNamespace else {
            throw refuseSetOfLocal(name, form)
        }
        guard let variable = try resolve(name, elements[1]) else {
            if let origin = form.origin, origin.children.count > 1 {
                place = Node.Place(source: origin.source, span: origin.children[1])
            }
            throw unresolved(name)
        }
        let assigner = try internalFunction("set-var!")
        return Node(
            .call(assigner, [Node(.constant(.object(variable)), place), try value(elements[2], child: 2, of: form)]),
            place)
    }

    /// `(. target method argument…)`.
    private mutating func dot(_ elements: [Value], _ form: Value) throws(Fault) -> Node {
        guard elements.count >= 3 else { throw fault("the dot form takes a target and a method", at: form) }
        if case .list(let call) = elements[2], let parts = call.elements, let name = parts.first?.symbolName {
            let target = try value(elements[1], child: 1, of: form)
            return try hostCall("call", name.name, [target] + (try arguments(parts, from: 1, elements[2])))
        }
        guard let name = elements[2].symbolName else { throw fault("the dot form takes a method name", at: form) }
        let target = try value(elements[1], child: 1, of: form)
        return try hostCall("call", name.name, [target] + (try arguments(elements, from: 3, form)))
    }

    /// `(.method target argument…)` and `(Class. argument…)`.
    mutating func interop(_ name: Name, _ elements: [Value], _ form: Value) throws(Fault) -> Node? {
        let text = name.description
        guard text.utf8.count > 1, text != ".." else { return nil }
        if text.hasPrefix(".") {
            guard elements.count >= 2 else { throw fault("\(text) is a method: it takes a target", at: form) }
            let member = text.hasPrefix(".-") ? text.dropFirst(2) : text.dropFirst()
            return try hostCall("call", String(member), try arguments(elements, from: 1, form))
        }
        if text.hasSuffix(".") {
            return try construct(String(text.dropLast()), try arguments(elements, from: 1, form))
        }
        return nil
    }

    /// Makes an instance of a script's type, by its function `->Type`, or of a class of the host.
    private func construct(_ type: String, _ arguments: [Node]) throws(Fault) -> Node {
        let (qualifier, name) = Names.split(type)
        let resolver = Resolver(instance: instance, namespace: namespace)
        let factory = instance.names.intern(qualifier, "->" + name)
        if let variable = resolver.resolve(factory) ?? resolver.member(ofClass: type, prefix: "->") {
            return Node(.call(Node(.global(variable), place), arguments), place)
        }
        return try hostCall("new", type, arguments)
    }

    /// Calls a shim of the host: `operation` is `call` or `new`.
    private func hostCall(_ operation: String, _ member: String, _ arguments: [Node]) throws(Fault) -> Node {
        Node(
            .call(try internalFunction("host-\(operation)"), [Node(.constant(.string(member)), place)] + arguments),
            place)
    }

    /// A function of the compiler's own namespace.
    func internalFunction(_ name: String) throws(Fault) -> Node {
        let space = instance.namespace(instance.names.intern(nil, "sluice.compiler"))
        guard let variable = space.find(instance.names.intern(nil, name)) else {
            throw fault("sluice.compiler/\(name) is missing")
        }
        return Node(.global(variable), place)
    }

    private mutating func attempt(_ elements: [Value], _ form: Value) throws(Fault) -> Node {
        let loop = function.loop
        defer { function.loop = loop }
        function.loop = nil
        var bodyEnd = elements.count
        var catches: [(type: ExceptionClass, local: Local, body: Node)] = []
        var finally: (normal: Node, exceptional: Node)?
        for (index, element) in elements.enumerated() where index > 0 {
            guard case .list(let list) = element, let parts = list.elements, let head = parts.first?.symbolName else {
                continue
            }
            if head.known == .catch {
                bodyEnd = min(bodyEnd, index)
                catches.append(try catchClause(parts, element))
            } else if head.known == .finally {
                bodyEnd = min(bodyEnd, index)
                guard index == elements.count - 1 else { throw refuseLateFinally(element) }
                let saved = place
                place = ownPlace(element)
                finally = (try body(parts, from: 1, element), try body(parts, from: 1, element))
                place = saved
            } else if bodyEnd < elements.count {
                throw refuseLateBody(element)
            }
        }
        let node = try body(Array(elements[..<bodyEnd]), from: 1, form)
        if catches.isEmpty, finally == nil { return node }
        return Node(.attempt(Node.Attempt(body: node, catches: catches, finally: finally)), place)
    }

    private mutating func catchClause(_ parts: [Value], _ form: Value) throws(Fault) -> (
        type: ExceptionClass, local: Local, body: Node
    ) {
        guard parts.count >= 3, let name = parts[2].symbolName else {
            throw refuseCatch(parts, form)
        }
        let type: ExceptionClass
        if case .keyword(let keyword) = parts[1], keyword.known == .default {
            type = .throwable
        } else if let symbol = parts[1].symbolName {
            let short = symbol.name.split(separator: ".").last.map(String.init) ?? symbol.name
            guard let known = ExceptionClass(rawValue: short) else {
                throw refuseCatchClass(parts, form)
            }
            type = known
        } else {
            throw refuseCatchClass(parts, form)
        }
        let local = function.makeLocal(name)
        let mark = function.mark
        function.show(local, as: name)
        defer { function.hide(to: mark) }
        return (type, local, try body(parts, from: 3, form))
    }

    private mutating func recur(_ elements: [Value], _ form: Value) throws(Fault) -> Node {
        guard let target = function.loop else {
            throw fault(
                "recur is not in tail position of a loop or function", at: form,
                hint: "recur must be the last thing that happens, outside of try")
        }
        guard elements.count - 1 == target.locals.count else {
            throw refuseRecur(elements, target, form)
        }
        var nodes: [Node] = []
        for index in 1..<max(1, elements.count) { nodes.append(try value(elements[index], child: index, of: form)) }
        return Node(.recur(Node.Recur(target, nodes)), place)
    }

    /// A quoted form without the places it was read from.
    static func withoutOrigins(_ form: Value) -> Value {
        switch form {
        // What no text had, such as a form that a macro made, has no places, and may nest deeper than one goes here.
        case .list(let list) where list.origin != nil:
            guard let elements = list.elements else { return form }
            return .list(Cons.list(elements.map(withoutOrigins), extra: Extra.of(meta: list.meta, origin: nil)))
        case .vector(let vector) where vector.origin != nil:
            return .vector(Vector(vector.elements.map(withoutOrigins), extra: Extra.of(meta: vector.meta, origin: nil)))
        case .map(let map) where map.origin != nil: return .map(map.with(Extra.of(meta: map.meta, origin: nil)))
        case .set(let set) where set.origin != nil: return .set(set.with(Extra.of(meta: set.meta, origin: nil)))
        default: return form
        }
    }
}

extension Node {
    var containsRecur: Bool {
        switch kind {
        case .recur: true
        case .branch(let branch): branch.then.containsRecur || branch.otherwise.containsRecur
        case .sequence(let nodes): nodes.last?.containsRecur ?? false
        case .binding(let binding): binding.body.containsRecur
        case .functions(let functions): functions.body.containsRecur
        default: false
        }
    }
}
