import Machine
import Reader
import Values

/// Binding forms: `let`, `loop`, `fn`, `letfn`, `lazy-seq`, `def`, `defn`, `defmacro`.
extension Analyzer {
    mutating func letNode(_ elements: [Value], _ form: Value) throws(Fault) -> Node {
        let bindings = try bindingVector(elements, form)
        let mark = function.mark
        defer { function.hide(to: mark) }
        var made: [Bound] = []
        let loop = function.loop
        function.loop = nil
        for index in stride(from: 0, to: bindings.count, by: 2) {
            try checkPattern(bindings[index], child: index, of: elements[1])
            try bind(bindings[index], to: try analyze(bindings[index + 1], child: index + 1, of: elements[1]), &made)
        }
        function.loop = loop
        let inner = try nested(made.count) { (analyzer) throws(Fault) in try analyzer.body(elements, from: 2, form) }
        return wrap(made, inner)
    }

    /// Nests bindings around a body.
    func wrap(_ bindings: [Bound], _ body: Node) -> Node {
        bindings.reversed().reduce(body) { inner, bound in
            Node(.binding(Node.Binding(bound.local, channel: bound.channel, bound.value, inner)), place)
        }
    }

    private func bindingVector(_ elements: [Value], _ form: Value) throws(Fault) -> [Value] {
        let name = elements[0].symbolName?.name.replacing("*") ?? "let"
        guard elements.count >= 2, case .vector(let vector) = elements[1] else {
            throw refuseBindings(name, elements, form)
        }
        guard vector.count % 2 == 0 else {
            throw refuseOddBindings(name, vector, elements[1])
        }
        return vector.elements
    }

    mutating func loopNode(_ elements: [Value], _ form: Value) throws(Fault) -> Node {
        let bindings = try bindingVector(elements, form)
        let mark = function.mark
        defer { function.hide(to: mark) }
        let outer = function.loop
        function.loop = nil
        var locals: [Local] = []
        var values: [Node] = []
        // With destructuring, each value is bound outside first, so that later ones can use its parts.
        let destructures = bindings.indices.contains { $0 % 2 == 0 && bindings[$0].symbolName == nil }
        var outside: [Bound] = []
        for index in stride(from: 0, to: bindings.count, by: 2) {
            try checkPattern(bindings[index], child: index, of: elements[1])
            var value = try analyze(bindings[index + 1], child: index + 1, of: elements[1])
            if destructures {
                let local = function.makeLocal(nil)
                outside.append(Bound(local, value))
                try bind(bindings[index], to: Node(.local(local), place), &outside)
                value = Node(.local(local), place)
            }
            let local = function.makeLocal(bindings[index].symbolName)
            if !destructures { function.show(local, as: bindings[index].symbolName!) }
            locals.append(local)
            values.append(value)
        }
        let target = LoopTarget(locals)
        var inside: [Bound] = []
        if destructures {
            function.hide(to: mark)
            for (position, local) in locals.enumerated() {
                let pattern = bindings[position * 2]
                if let name = pattern.symbolName {
                    function.show(local, as: name)
                } else {
                    try bind(pattern, to: Node(.local(local), place), &inside)
                }
            }
        }
        function.loop = target
        let inner = wrap(
            inside,
            try nested(inside.count + outside.count) { (analyzer) throws(Fault) in
                try analyzer.body(elements, from: 2, form)
            })
        function.loop = outer
        target.planCounters(values, inner)
        let loop = Hoisting.hoist(Node(.loop(Node.Loop(target, values, inner)), place)) { function.makeLocal(nil) }
        return wrap(outside, loop)
    }

    // MARK: Functions

    mutating func functionNode(_ elements: [Value], _ form: Value) throws(Fault) -> Node {
        var rest = Array(elements.dropFirst())
        var offset = 1
        var name: Name?
        if let symbol = rest.first?.symbolName {
            name = symbol
            rest.removeFirst()
            offset += 1
        }
        let function = try self.function(
            named: name?.name, selfName: name, rest, offset: offset, form, captures: FunctionScope.Captures(),
            siblings: [])
        let node = Node(.function(function), place)
        guard let meta = form.metadata else { return node }
        return try core("with-meta", [node, try analyze(.map(meta))])
    }

    /// Analyses the arities of a function: `[params] body…` or `([params] body…)…`.
    mutating func function(
        named name: String?, selfName: Name?, _ forms: [Value], offset: Int, _ form: Value,
        captures: FunctionScope.Captures, siblings: [Name], hidden: [Name] = []
    ) throws(Fault) -> Node.Function {
        var arities: [Arity] = []
        let single: Bool
        if case .vector? = forms.first { single = true } else { single = false }
        let clauses: [(elements: [Value], form: Value, offset: Int)]
        if single {
            clauses = [(forms, form, offset)]
        } else {
            var found: [(elements: [Value], form: Value, offset: Int)] = []
            for (index, clause) in forms.enumerated() {
                guard case .list(let list) = clause, let parts = list.elements, case .vector? = parts.first else {
                    throw refuseParameters(clause, child: index + offset, of: form, rest: forms.count - index)
                }
                found.append((parts, clause, 0))
            }
            clauses = found
        }
        guard !clauses.isEmpty else { throw refuseNoParameters(form) }
        for clause in clauses {
            let scope = FunctionScope(parent: function, selfName: selfName, captures: captures, siblings: siblings)
            let saved = (function, place)
            function = scope
            defer { (function, place) = saved }
            place = ownPlace(clause.form)
            arities.append(try arity(clause.elements, clause.form, offset: clause.offset, hidden: hidden))
        }
        try check(arities, offset: offset, form)
        let nodes = captures.outer.map { Node($0.kind, place) }
        let own = ownPlace(form)
        return Node.Function(
            name: name, arities: arities, captures: nodes,
            origin: Prototype.Origin(
                definition: definition, source: own?.source, span: own?.span, hidden: hidden.count))
    }

    /// `offset` is how many elements of `form` come before the arities.
    private func check(_ arities: [Arity], offset: Int, _ form: Value) throws(Fault) {
        let variadic = arities.filter(\.isVariadic)
        guard variadic.count <= 1 else { throw fault("a function has at most one arity with &", at: form) }
        var seen: Set<Int> = []
        for (index, arity) in arities.enumerated() where !arity.isVariadic {
            let count = arity.parameters.count
            guard seen.insert(count).inserted else {
                throw refuseSameArity(count, child: index + offset, of: form)
            }
        }
        if let variadic = variadic.first, let most = seen.max(), most > variadic.parameters.count - 1 {
            throw fault("an arity with more parameters than the one with & could never be chosen", at: form)
        }
    }

    /// Analyses one arity within its own scope.
    private mutating func arity(_ elements: [Value], _ form: Value, offset: Int, hidden: [Name]) throws(Fault) -> Arity
    {
        guard case .vector(let parameters) = elements[0] else {
            throw fault("a function takes a vector of parameters", at: form)
        }
        var locals: [Local] = []
        var patterns: [(Value, Local)] = []
        var isVariadic = false
        for name in hidden { locals.append(parameter(.symbol(name))) }
        var index = 0
        let forms = parameters.elements
        while index < forms.count {
            if forms[index].symbolName?.known == .ampersand {
                guard index + 2 == forms.count else {
                    throw refuseRest(elements[0], after: index, count: forms.count)
                }
                isVariadic = true
                index += 1
            }
            try checkPattern(forms[index], child: index, of: elements[0])
            let local = parameter(forms[index])
            locals.append(local)
            if forms[index].symbolName == nil { patterns.append((forms[index], local)) }
            index += 1
        }
        guard locals.count < 250 else { throw fault("a function takes at most 250 parameters", at: elements[0]) }
        let target = LoopTarget(locals)
        var bindings: [Bound] = []
        for (pattern, local) in patterns { try bind(pattern, to: Node(.local(local), place), &bindings) }
        function.loop = target
        let inner = wrap(
            bindings,
            try nested(bindings.count + Analyzer.functionLevels) { (analyzer) throws(Fault) in
                try analyzer.guarded(elements, form, offset: offset)
            })
        function.loop = nil
        let arity = Arity(
            parameters: locals, isVariadic: isVariadic, body: inner, target: target, locals: function.locals)
        Liveness.analyze(arity)
        return arity
    }

    private func parameter(_ form: Value) -> Local {
        let local = function.makeLocal(form.symbolName)
        if let name = form.symbolName { function.show(local, as: name) }
        return local
    }

    /// A body, with the `:pre` and `:post` conditions that a leading map of several forms gives.
    private mutating func guarded(_ elements: [Value], _ form: Value, offset: Int) throws(Fault) -> Node {
        guard elements.count > 2, case .map(let conditions) = elements[1],
            let pre = try Optional(conditions.find(instance.names.keyword("pre"))),
            let post = try Optional(conditions.find(instance.names.keyword("post"))), pre != nil || post != nil
        else { return try body(elements, from: 1, form, offset: offset) }
        func asserts(_ value: Value?) -> [Value] {
            guard case .vector(let tests)? = value else { return [] }
            return tests.elements.map { test in
                // A condition that does not hold is shown where it is written.
                let origin = test.origin.map { Origin(source: $0.source, span: $0.span, children: [$0.span, $0.span]) }
                let elements = [Value.symbol(instance.names.intern("clojure.core/assert")), test]
                return .list(Cons.list(elements, extra: Extra.of(meta: nil, origin: origin)))
            }
        }
        let result = Value.symbol(instance.names.intern("%"))
        var inner: Value = .list([.sym(.do)] + elements.dropFirst(2))
        if post != nil { inner = .list([.sym(.letStar), .vector([result, inner])] + asserts(post) + [result]) }
        return try analyze(.list([.sym(.do)] + asserts(pre) + [inner]))
    }

    mutating func letfnNode(_ elements: [Value], _ form: Value) throws(Fault) -> Node {
        guard elements.count >= 2, case .vector(let vector) = elements[1] else {
            throw refuseLetfn(form)
        }
        var definitions: [(name: Name, forms: [Value], form: Value)] = []
        for definition in vector.elements {
            guard case .list(let list) = definition, let parts = list.elements, let name = parts.first?.symbolName
            else {
                throw refuseLetfnFunction(definition, definitions.count, elements[1])
            }
            definitions.append((name, Array(parts.dropFirst()), definition))
        }
        let captures = FunctionScope.Captures(reserved: 1)
        let siblings = definitions.map(\.name)
        var functions: [Node.Function] = []
        for definition in definitions {
            functions.append(
                try function(
                    named: definition.name.name, selfName: nil, definition.forms, offset: 1, definition.form,
                    captures: captures,
                    siblings: siblings))
        }
        let mark = function.mark
        defer { function.hide(to: mark) }
        let locals = definitions.map { function.makeLocal($0.name) }
        for (local, definition) in zip(locals, definitions) { function.show(local, as: definition.name) }
        let nodes = captures.outer.map { Node($0.kind, place) }
        let inner = try body(elements, from: 2, form)
        return Node(
            .functions(Node.Functions(locals: locals, functions: functions, captures: nodes, body: inner)), place)
    }

    mutating func lazyNode(_ elements: [Value], _ form: Value) throws(Fault) -> Node {
        let forms = [Value.vector([])] + elements.dropFirst()
        let function = try function(
            named: nil, selfName: nil, forms, offset: 0, form, captures: FunctionScope.Captures(), siblings: [])
        return Node(.lazy(function), place)
    }

    // MARK: Definitions

    mutating func def(_ elements: [Value], _ form: Value) throws(Fault) -> Node {
        guard elements.count >= 2, elements.count <= 4, let name = elements[1].symbolName else {
            throw refuseDef(elements, form)
        }
        var meta = elements[1].metadata ?? HashMap()
        if elements.count == 4 {
            guard elements[2].isText else { throw refuseDef(elements, form) }
            try HashMap.set(&meta, .kw(.doc), elements[2])
        }
        let variable = try declare(name, meta, form)
        let outer = definition
        defer { definition = outer }
        definition = try definition(of: variable, meta)
        let value =
            elements.count > 2 ? try value(elements[elements.count - 1], child: elements.count - 1, of: form) : nil
        return try definition(of: variable, value, meta, form)
    }

    /// The var that a definition in this namespace makes; dynamic before the value is compiled, which may name it.
    private func declare(_ name: Name, _ meta: HashMap, _ form: Value) throws(Fault) -> Var {
        if let qualifier = name.namespace, qualifier != namespace.name.description {
            throw refuseForeignName(qualifier, form)
        }
        let variable = namespace.intern(instance.names.intern(nil, name.name))
        if let dynamic = try meta.find(.kw(.dynamic)), dynamic.isTruthy { variable.setDynamic(true) }
        return variable
    }

    private func definition(of variable: Var, _ meta: HashMap) throws(Fault) -> Definition {
        Definition(
            namespace: variable.namespace.description, name: variable.name.name,
            isPrivate: try meta.find(.kw(.private))?.isTruthy ?? false)
    }

    /// A call that binds the var and gives it its metadata when it runs.
    private mutating func definition(of variable: Var, _ value: Node?, _ meta: HashMap, _ form: Value) throws(Fault)
        -> Node
    {
        var meta = meta
        if let place = ownPlace(form) {
            let position = place.source.position(of: Int(place.span.start))
            try HashMap.set(&meta, .kw(.file), .string(place.source.name))
            try HashMap.set(&meta, .kw(.line), .int(Int64(position.line)))
            try HashMap.set(&meta, .kw(.column), .int(Int64(position.column)))
        }
        var arguments = [Node(.constant(.object(variable)), place), try analyze(.map(meta))]
        if let value { arguments.append(value) }
        return Node(.call(try internalFunction("define"), arguments), place)
    }

    /// `defn`, `defn-`, `defmacro`: name, docstring, attributes, then arities.
    mutating func define(_ special: SpecialForm, _ elements: [Value], _ form: Value) throws(Fault) -> Node {
        guard elements.count >= 2, let name = elements[1].symbolName else {
            throw refuseDefinition(special, elements, form)
        }
        var rest = Array(elements.dropFirst(2))
        var meta = elements[1].metadata ?? HashMap()
        if rest.count > 1, rest[0].isText { try HashMap.set(&meta, .kw(.doc), rest.removeFirst()) }
        if case .map(let attributes)? = rest.first, rest.count > 1 {
            rest.removeFirst()
            try attributes.forEach { (key, value) throws(Fault) in
                try HashMap.set(&meta, key, value)
                return true
            }
        }
        if case .map? = rest.last, rest.count > 1, case .list? = rest.first { rest.removeLast() }
        try HashMap.set(&meta, .kw(.arglists), .list([.sym(.quote), .list(Analyzer.parameterLists(rest))]))
        if special == .defnPrivate { try HashMap.set(&meta, .kw(.private), .true) }
        let variable = try declare(name, meta, form)
        if special == .defmacro {
            try HashMap.set(&meta, .kw(.macro), .true)
            variable.setMacro(true)
        }
        let outer = definition
        defer { definition = outer }
        definition = try definition(of: variable, meta)
        let hidden = special == .defmacro ? [KnownName.ampForm.name, KnownName.ampEnv.name] : []
        let function = try function(
            named: name.name, selfName: nil, rest, offset: elements.count - rest.count, form,
            captures: FunctionScope.Captures(), siblings: [], hidden: hidden)
        return try definition(of: variable, Node(.function(function), place), meta, form)
    }

    private static func parameterLists(_ forms: [Value]) -> [Value] {
        if case .vector? = forms.first { return [withoutOrigins(forms[0])] }
        return forms.compactMap { form in
            guard case .list(let list) = form, case .vector = list.first else { return nil }
            return withoutOrigins(list.first)
        }
    }
}

extension String {
    /// Without a character that ends some internal names.
    fileprivate func replacing(_ suffix: Character) -> String { last == suffix ? String(dropLast()) : self }
}
