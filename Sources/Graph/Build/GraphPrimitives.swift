import Engine
import Machine
import Values

/// Namespace `sluice.graph`: what declaring forms expand to, and the graph seen from the language.
package enum GraphPrimitives {
    package static let namespace = "sluice.graph"

    /// The primitives over one instance's builder, which they keep alive.
    package static func family(_ builder: GraphBuilder) -> PrimitiveFamily {
        PrimitiveFamily(
            "sluice.graph",
            [
                // (declare! kind name options function place): the name, or nil for `configure` and `needs`.
                Primitive("declare!", .between(3, 5)) { (arguments, fiber) throws(Fault) in
                    try declare(arguments, fiber, builder)
                },
                // (declare-all! data): a graph as data; a sentence for each change.
                Primitive("declare-all!", 1) { (arguments, _) throws(Fault) in
                    .vector(try builder.load(data: arguments[0]).map { .string($0.sentence) })
                },
                // (remove! kind name): whether it was there.
                Primitive("remove!", 2) { (arguments, _) throws(Fault) in
                    let kind = try kind(arguments[0])
                    return .bool(builder.remove(NodeID(kind, try name(arguments[1], kind, nil, builder))) != nil)
                },
                // (plan name): the plan as it is declared now, {:name :phases :fn}; :fn is nil when its effects are data.
                Primitive("plan", 1) { (arguments, _) throws(Fault) in try plan(arguments[0], builder) },
                // (batch plan made): {:effects [...] :groups [...]} of what the plan's :fn gave, if it has one.
                Primitive("batch", 2) { (arguments, _) throws(Fault) in
                    guard case .map(let given) = arguments[0] else {
                        throw .type("batch", expected: "a plan", found: arguments[0])
                    }
                    let graph = builder.graph
                    let batch = try PhaseBatch(PhasesPlan(given), arguments[1]) { graph[.meta, $0]?.options }
                    return .record((.effects, .vector(batch.effects)), (.groups, .vector(batch.groups)))
                },
                // (meta-map meta): the map that an effect's meta comes to by now, with the names of defmetas followed; one that
                // is not declared counts as empty until the effect is performed.
                Primitive("meta-map", 1) { (arguments, _) throws(Fault) in
                    let graph = builder.graph
                    do throws(KeyError) {
                        return .map(try Effect.metaMap(arguments[0]) { graph[.meta, $0]?.options ?? .empty })
                    } catch {
                        throw error.fault
                    }
                },
                // (graph): the whole graph as data.
                Primitive("graph", 0) { (_, _) throws(Fault) in builder.graph.data },
                // (check): the findings as maps.
                Primitive("check", 0) { (_, _) throws(Fault) in try .vector(findings(builder)) },
                // (diff before after): what differs between two graphs as data.
                Primitive("diff", 2) { (arguments, _) throws(Fault) in
                    try graph(arguments[0], builder).difference(to: graph(arguments[1], builder))
                },
            ])
    }

    private static func declare(_ arguments: Arguments, _ fiber: Fiber, _ builder: GraphBuilder) throws(Fault) -> Value
    {
        let kind = try kind(arguments[0])
        var site = Site.unknown
        if case .object(let object) = arguments.optional(4), let place = object as? FormPlace {
            site = Site(form: place.form)
        }
        let name = try name(arguments[1], kind, site.source, builder)
        let options: HashMap
        switch arguments[2] {
        case .map(let map): options = map
        case .nil: options = HashMap()
        default:
            throw .type(
                kind.isNamed ? "\(kind.form) :\(name.description)" : kind.form, expected: "a map of options",
                found: arguments[2])
        }
        let function = arguments.optional(3)
        try builder.declare(
            Declaration(
                kind, name, options: options, function: function.isNil ? nil : function, site: site,
                namespace: currentNamespace(fiber)))
        return arguments[1]
    }

    private static func plan(_ value: Value, _ builder: GraphBuilder) throws(Fault) -> Value {
        guard case .keyword(let name) = value else {
            throw .type("a plan", expected: "the name of a plan, a keyword", found: value)
        }
        let graph = builder.graph
        guard let node = graph[.phases, name] else {
            let known = graph.names(of: .phases).map { ":\($0.description)" }
            let next =
                Nearest.name(to: ":\(name.description)", among: known).map { "did you mean \($0)?" }
                ?? (known.isEmpty
                    ? "declare it: (defphases :\(name.description) [] …)" : "there are \(known.joined(separator: " "))")
            throw .illegalArgument("there is no plan :\(name.description); \(next)")
        }
        let plan = PhasesPlan(node)
        if plan.function == nil, let missing = node.functions[.fn] {
            throw .illegalArgument("the function \(missing.symbol.description) of \(node.id) was not found")
        }
        return plan.value
    }

    private static func kind(_ value: Value) throws(Fault) -> DeclarationKind {
        if case .keyword(let name) = value, let kind = DeclarationKind(rawValue: name.description) { return kind }
        let known = DeclarationKind.allCases.map { ":\($0.rawValue)" }.joined(separator: " ")
        throw .illegalArgument("there is no kind of declaration \(value.briefly); the kinds are \(known)")
    }

    private static func name(
        _ value: Value, _ kind: DeclarationKind, _ source: Source?, _ builder: GraphBuilder
    ) throws(Fault) -> Name {
        if case .keyword(let name) = value { return name }
        guard !kind.isNamed else {
            throw .illegalArgument(
                "\(kind.form) takes a keyword as the name, but found \(value.briefly)",
                hint: value.symbolName.map { "write :\($0.description)" } ?? value.stringValue.map { "write :\($0)" })
        }
        return builder.names.intern(nil, source?.name ?? "<none>")
    }

    /// What `*ns*` is bound to: functions without a name of their own are shown in it.
    private static func currentNamespace(_ fiber: Fiber) -> String {
        let names = fiber.instance.names
        let variable = fiber.instance.namespace(names.intern(nil, "clojure.core")).intern(names.intern(nil, "*ns*"))
        guard case .object(let object)? = fiber.bindings?.find(variable)?.value, let space = object as? Namespace else {
            return "user"
        }
        return space.name.description
    }

    private static func graph(_ data: Value, _ builder: GraphBuilder) throws(Fault) -> Graph {
        var graph = Graph(names: builder.names)
        let read = GraphData.read(data, names: builder.names) { .unknownNamespace($0) }
        if let stray = read.strays.first { throw .illegalArgument(stray.title, hint: stray.hint) }
        for node in read.nodes { graph.set(node) }
        return graph
    }

    private static func findings(_ builder: GraphBuilder) throws(Fault) -> [Value] {
        var result: [Value] = []
        for finding in builder.graph.check(CheckContext(facts: { CallGraph.facts($0) })) {
            result.append(try finding.data(builder.names))
        }
        return result
    }
}

extension Finding {
    /// `{:severity :error :code :graph/unknown-key :title "…" :source "a.slu" :start 12 :end 15 :hint "…"}`; the
    /// offsets are bytes.
    package func data(_ names: Names) throws(Fault) -> Value {
        var entries: [(Value, Value)] = [
            (names.keyword("severity"), names.keyword(severity.rawValue)),
            (names.keyword("code"), names.keyword(code.rawValue)),
            (names.keyword("title"), .string(title)),
        ]
        if let place {
            entries.append((names.keyword("source"), .string(place.source.name)))
            entries.append((names.keyword("start"), .int(Int64(place.span.start))))
            entries.append((names.keyword("end"), .int(Int64(place.span.end))))
        }
        if let explanation { entries.append((names.keyword("explanation"), .string(explanation))) }
        if let hint { entries.append((names.keyword("hint"), .string(hint))) }
        return .map(try HashMap.of(entries))
    }
}
