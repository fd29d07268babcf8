import Values

/// Agents; what runs their actions is in the library.
enum AgentPrimitives {
    static let machine = PrimitiveFamily(
        "sluice.machine",
        [
            Primitive("agent", 3) { (a, _) throws(Fault) in
                .object(Agent(a.take(0), mode: try mode(a, 1), handler: a[2]))
            },
            Primitive("agent-add!", 2) { (a, _) throws(Fault) in .bool(try agent(a, "send").add(a[1])) },
            Primitive("agent-take!", 1) { (a, _) throws(Fault) in try agent(a, "send").take() ?? .nil },
            Primitive("agent-rest!", 1) { (a, _) throws(Fault) in
                try agent(a, "send").rest()
                return .nil
            },
            Primitive("agent-set!", 2) { (a, _) throws(Fault) in try agent(a, "send").set(a[1]) },
            Primitive("agent-fail!", 2) { (a, _) throws(Fault) in
                try agent(a, "send").fail(try a.object(1, "send", "an exception", as: Exception.self))
                return .nil
            },
            Primitive("agent-restart!", 3) { (a, _) throws(Fault) in
                .bool(try agent(a, "restart-agent").restart(a[1], clearing: a[2].isTruthy))
            },
        ])

    static let core = PrimitiveFamily(
        "clojure.core",
        [
            Primitive("agent-error", 1) { (a, _) throws(Fault) in
                try agent(a, "agent-error").error.map { .object($0) } ?? .nil
            },
            Primitive("error-handler", 1) { (a, _) throws(Fault) in try agent(a, "error-handler").handler },
            Primitive("set-error-handler!", 2) { (a, _) throws(Fault) in
                try agent(a, "set-error-handler!").handler = a[1]
                return .nil
            },
            Primitive("error-mode", 1) { (a, _) throws(Fault) in try agent(a, "error-mode").mode },
            Primitive("set-error-mode!", 2) { (a, _) throws(Fault) in
                try agent(a, "set-error-mode!").mode = try mode(a, 1)
                return .nil
            },
        ])

    private static func agent(_ a: Arguments, _ operation: String) throws(Fault) -> Agent {
        try a.object(0, operation, "an agent", as: Agent.self)
    }

    private static func mode(_ a: Arguments, _ index: Int) throws(Fault) -> Value {
        guard case .keyword(let name) = a[index], name.name == "continue" || name.name == "fail" else {
            throw .illegalArgument("an agent's error mode is :continue or :fail, but found \(a[index].briefly)")
        }
        return a[index]
    }
}
