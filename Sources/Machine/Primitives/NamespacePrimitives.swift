import Values

/// Namespaces. `require` and `load` need the compiler, which adds them.
enum NamespacePrimitives {
    static let core = PrimitiveFamily(
        "clojure.core",
        [
            Primitive("find-ns", 1, findNamespace), Primitive("create-ns", 1, createNamespace),
            Primitive("the-ns", 1, theNamespace),
            Primitive("ns-name", 1) { (a, fiber) throws(Fault) in .symbol(try namespace(a[0], "ns-name", fiber).name) },
            Primitive("all-ns", 0) { (_, fiber) in .list(fiber.instance.allNamespaces.map { Value.object($0) }) },
            Primitive("remove-ns", 1, removeNamespace), Primitive("in-ns", 1, inNamespace),
            Primitive("ns-publics", 1, publics),
            Primitive("ns-interns", 1, interns), Primitive("ns-map", 1, everything), Primitive("ns-refers", 1, refers),
            Primitive("ns-aliases", 1, aliases), Primitive("alias", 2, alias), Primitive("ns-unalias", 2, removeAlias),
            Primitive("ns-unmap", 2, unmap), Primitive("intern", .between(2, 3), intern),
            Primitive("resolve", .between(1, 2), resolve),
            Primitive("ns-resolve", .between(2, 3), resolveIn),
        ])

    static let machine = PrimitiveFamily(
        "sluice.machine",
        [
            Primitive("refer-var!", 3, referVar), Primitive("exclude-core!", 2, excludeCore),
            Primitive("var-namespace", 1) { (a, _) throws(Fault) in .symbol(try a.variable(0, "meta").namespace) },
            Primitive("script-namespaces", 0) { (_, fiber) in
                .list(fiber.instance.allNamespaces.filter { !$0.isLibrary }.map { Value.object($0) })
            },
            Primitive("var-name", 1) { (a, _) throws(Fault) in .symbol(try a.variable(0, "meta").name) },
        ])

    /// The namespace that a symbol names or that the value is.
    private static func namespace(_ value: Value, _ operation: String, _ fiber: Fiber) throws(Fault) -> Namespace {
        if case .object(let object) = value, let space = object as? Namespace { return space }
        guard let name = value.symbolName else {
            throw .type(operation, expected: "a namespace or its name", found: value)
        }
        guard let space = fiber.instance.findNamespace(name) else {
            throw .of(.illegalArgument, "there is no namespace \(name.description)", hint: "require loads one")
        }
        return space
    }

    static func findNamespace(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        if case .object(let object) = a[0], object is Namespace { return a[0] }
        return fiber.instance.findNamespace(try a.symbol(0, "find-ns")).map { .object($0) } ?? .nil
    }
    static func createNamespace(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        .object(fiber.instance.namespace(try a.symbol(0, "create-ns")))
    }
    static func theNamespace(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        .object(try namespace(a[0], "the-ns", fiber))
    }
    static func removeNamespace(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        let name = try a.symbol(0, "remove-ns")
        let found = fiber.instance.findNamespace(name)
        fiber.instance.removeNamespace(name)
        return found.map { .object($0) } ?? .nil
    }

    static func inNamespace(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        let space = fiber.instance.namespace(try a.symbol(0, "in-ns"))
        fiber.enter(space)
        return .object(space)
    }

    private static func map(_ variables: [(Name, Var)]) throws(Fault) -> Value {
        .map(try HashMap.of(variables.map { (.symbol($0.0), .object($0.1)) }))
    }

    /// Every var that is defined there, made if need be.
    private static func variables(_ a: Arguments, _ operation: String, _ fiber: Fiber) throws(Fault) -> [(Name, Var)] {
        let space = try namespace(a[0], operation, fiber)
        var found: [(Name, Var)] = []
        for text in space.allNames {
            let name = fiber.instance.names.intern(nil, text)
            if let variable = space.find(name) { found.append((name, variable)) }
        }
        return found
    }

    static func interns(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        try map(try variables(a, "ns-interns", fiber))
    }

    static func publics(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        var found: [(Name, Var)] = []
        for entry in try variables(a, "ns-publics", fiber) {
            if let flag = try entry.1.metadata?.find(.kw(.private)), flag.isTruthy { continue }
            found.append(entry)
        }
        return try map(found)
    }

    static func refers(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        try map(try namespace(a[0], "ns-refers", fiber).allReferred)
    }
    static func everything(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        try map(try namespace(a[0], "ns-map", fiber).allReferred + (try variables(a, "ns-map", fiber)))
    }

    static func aliases(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        var map = HashMap()
        for (alias, name) in try namespace(a[0], "ns-aliases", fiber).allAliases {
            try HashMap.set(&map, .symbol(alias), .object(fiber.instance.namespace(name)))
        }
        return .map(map)
    }

    private static func current(_ fiber: Fiber) throws(Fault) -> Namespace {
        try namespace(fiber.value(of: fiber.instance.core.ns), "*ns*", fiber)
    }

    static func alias(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        try current(fiber).alias(try a.symbol(0, "alias"), to: try namespace(a[1], "alias", fiber).name)
        return .nil
    }
    static func removeAlias(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        try namespace(a[0], "ns-unalias", fiber).removeAlias(try a.symbol(1, "ns-unalias"))
        return .nil
    }
    static func unmap(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        try namespace(a[0], "ns-unmap", fiber).unmap(try a.symbol(1, "ns-unmap"))
        return .nil
    }

    static func intern(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        let variable = try namespace(a[0], "intern", fiber).intern(try a.symbol(1, "intern"))
        if let meta = a[1].metadata { variable.setMeta(meta) }
        if a.count == 3 { variable.bind(a[2]) }
        return .object(variable)
    }

    static func resolve(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        try resolve(try a.symbol(a.count - 1, "resolve"), in: try current(fiber), fiber)
    }

    static func resolveIn(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        try resolve(try a.symbol(a.count - 1, "ns-resolve"), in: try namespace(a[0], "ns-resolve", fiber), fiber)
    }

    private static func resolve(_ name: Name, in space: Namespace, _ fiber: Fiber) throws(Fault) -> Value {
        fiber.instance.variable(name, seenFrom: space).map { .object($0) } ?? .nil
    }

    /// `(refer-var! namespace symbol var)`.
    static func referVar(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        try namespace(a[0], "refer", fiber).refer(try a.symbol(1, "refer"), to: try a.variable(2, "refer"))
        return .nil
    }

    /// `(exclude-core! namespace symbol)`: the namespace does not see this name of `clojure.core`.
    static func excludeCore(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        try namespace(a[0], "refer-clojure", fiber).exclude(try a.symbol(1, "refer-clojure"))
        return .nil
    }
}

extension Fiber {
    /// Makes a namespace the current one, for the rest of what is being evaluated.
    public func enter(_ space: Namespace) {
        let current = instance.core.ns
        if let box = bindings?.find(current) { box.value = .object(space) } else { current.bind(.object(space)) }
    }
}
