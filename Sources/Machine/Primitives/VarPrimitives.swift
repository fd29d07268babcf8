import Values

/// Vars: reading, defining and binding them.
enum VarPrimitives {
    static let core = PrimitiveFamily(
        "clojure.core",
        [
            Primitive("var-get", 1) { (a, fiber) throws(Fault) in fiber.value(of: try a.variable(0, "var-get")) },
            Primitive("var-set", 2, setBinding), Primitive("bound?", .atLeast(0), isBound),
            Primitive("thread-bound?", .atLeast(0), isThreadBound), Primitive("find-var", 1, findVar),
            Primitive("get-thread-bindings", 0, threadBindings),
        ])

    static let machine = PrimitiveFamily(
        "sluice.machine",
        [
            Primitive("var-root", 1) { (a, _) throws(Fault) in try a.variable(0, "var-root").root },
            Primitive("bind-root!", 2, bindRoot), Primitive("exchange-root!", 3, exchangeRoot),
            Primitive("set-binding!", 2, setBinding), Primitive("push-bindings!", .atLeast(0), pushBindings),
            Primitive("push-binding-map!", 1, pushBindingMap), Primitive("pop-bindings!", 0, popBindings),
            Primitive("set-macro!", 1, setMacro), Primitive("set-dynamic!", 1, setDynamic),
            Primitive("macro?", 1) { (a, _) throws(Fault) in .bool(try a.variable(0, "macro?").isMacro) },
        ])

    static func bindRoot(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try a.variable(0, "def").bind(a[1])
        return a[0]
    }

    /// Sets the root to the third argument if it is still the second; for `alter-var-root`.
    static func exchangeRoot(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        .bool(try a.variable(0, "alter-var-root").exchange(a[1], a[2]))
    }

    static func setMacro(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try a.variable(0, "defmacro").setMacro(true)
        return a[0]
    }

    static func setDynamic(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try a.variable(0, "def").setDynamic(true)
        return a[0]
    }

    /// `(set! *v* x)`: changes the innermost binding.
    static func setBinding(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        let variable = try a.variable(0, "set!")
        guard let box = fiber.bindings?.find(variable) else {
            throw .of(
                .illegalState, "cannot set! \(variable.name.description): it has no binding here",
                hint: "binding gives a dynamic var one; alter-var-root changes its root")
        }
        box.value = a[1]
        return a[1]
    }

    private static func box(_ value: Value, _ bound: Value) throws(Fault) -> Bindings.Box {
        guard case .object(let object) = value, let variable = object as? Var else {
            throw .type("binding", expected: "a var", found: value)
        }
        guard variable.isDynamic else {
            throw .of(
                .illegalState, "cannot bind \(variable.fullName): it is not dynamic",
                hint: "declare it with (def ^:dynamic \(variable.name.description) …)")
        }
        return Bindings.Box(variable, bound)
    }

    static func pushBindings(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        var boxes: [Bindings.Box] = []
        for index in stride(from: 0, to: a.count - 1, by: 2) { boxes.append(try box(a[index], a[index + 1])) }
        fiber.bindings = Bindings(boxes, parent: fiber.bindings)
        return .nil
    }

    static func pushBindingMap(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        var boxes: [Bindings.Box] = []
        for (variable, value) in try a.map(0, "with-bindings").entries { boxes.append(try box(variable, value)) }
        fiber.bindings = Bindings(boxes, parent: fiber.bindings)
        return .nil
    }

    static func popBindings(_: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        fiber.bindings = fiber.bindings?.parent
        return .nil
    }

    static func threadBindings(_: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        var map = HashMap()
        var frame = fiber.bindings
        while let current = frame {
            for box in current.boxes where try map.find(.object(box.variable)) == nil {
                try HashMap.set(&map, .object(box.variable), box.value)
            }
            frame = current.parent
        }
        return .map(map)
    }

    static func isBound(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        for index in 0..<a.count {
            let variable = try a.variable(index, "bound?")
            guard variable.isBound || fiber.bindings?.find(variable) != nil else { return .false }
        }
        return .true
    }

    static func isThreadBound(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        for index in 0..<a.count where fiber.bindings?.find(try a.variable(index, "thread-bound?")) == nil {
            return .false
        }
        return .true
    }

    static func findVar(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        let name = try a.symbol(0, "find-var")
        guard let space = name.namespace else { throw .illegalArgument("find-var takes a symbol with a namespace") }
        let names = fiber.instance.names
        guard let namespace = fiber.instance.findNamespace(names.intern(nil, space)) else {
            throw .illegalArgument("there is no namespace \(space)")
        }
        return namespace.find(names.intern(nil, name.name)).map { .object($0) } ?? .nil
    }
}
