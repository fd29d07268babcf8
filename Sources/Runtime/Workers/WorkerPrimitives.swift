import Engine
import Machine
import Values

/// The calls of `sluice.workers` (D17–D18).
enum WorkerPrimitives {
    static func table(_ runtime: FiberRuntime) -> [RuntimePrimitive] {
        [
            // (start-workers definition components options): the system as a map.
            RuntimePrimitive(name: "start-workers", arity: .between(1, 3)) {
                [unowned runtime] (arguments, fiber) throws(Fault) in
                let spec = try SystemSpec(
                    definition: arguments[0], options: arguments.optional(2),
                    resolve: { (value) throws(Fault) in try resolve(value, runtime) },
                    schedule: { runtime.definitions?.schedule($0) })
                try runtime.definitions?.check(arguments[0])
                let system = try WorkerSystem(spec, components: arguments.optional(1), runtime)
                system.start()
                return .value(map(system))
            },
            RuntimePrimitive(name: "command!", arity: 3) { (arguments, fiber) throws(Fault) in
                try system(arguments[0], "command!").command(try name(arguments[1], "command!"), arguments[2], fiber)
            },
            // (request! system id message) or (… {:timeout-ms n}): a channel with the answer.
            RuntimePrimitive(name: "request!", arity: .between(3, 4)) { (arguments, _) throws(Fault) in
                var timeout: Int64 = 60_000
                if case .map(let options) = arguments.optional(3), let given = try options.find(.kw(.timeoutMs)) {
                    timeout = given.isNil ? 0 : try Argument.milliseconds(given, ":timeout-ms") / 1_000_000
                }
                let target = try system(arguments[0], "request!")
                return .value(
                    .object(try target.request(try name(arguments[1], "request!"), arguments[2], timeoutMs: timeout)))
            },
            RuntimePrimitive(name: "stats-snapshot", arity: 1) { (arguments, _) throws(Fault) in
                .value(try system(arguments[0], "stats-snapshot").stats)
            },
            // (running-system): the system of the declared graph, nil when none runs.
            RuntimePrimitive(name: "running-system", arity: 0) { [unowned runtime] (_, _) throws(Fault) in
                .value(runtime.running?.scriptValue ?? .nil)
            },
            RuntimePrimitive(name: "exposed-chan", arity: 2) { (arguments, _) throws(Fault) in
                let target = try system(arguments[0], "exposed-chan")
                return .value(.object(try target.exposedChannel(try name(arguments[1], "exposed-chan"))))
            },
        ]
    }

    /// A system as a script sees it: `:channels`, a callable `:stop!`, and the system itself.
    static func map(_ system: WorkerSystem) -> Value {
        let stop = Native(
            "stop!", .between(0, 1),
            control: { (arguments, fiber) throws(Fault) in
                let grace = arguments.count == 0 ? 10_000 : try Argument.milliseconds(arguments[0], "stop!") / 1_000_000
                return try system.stop(graceMs: grace, waiting: fiber)
            })
        return .record(
            (.channels, system.channelMap), (.stopBang, .native(stop)), (.workerSystem, .object(system)))
    }

    private static func system(_ value: Value, _ operation: String) throws(Fault) -> WorkerSystem {
        if case .map(let map) = value, case .object(let object)? = try map.find(.kw(.workerSystem)),
            let system = object as? WorkerSystem
        {
            return system
        }
        throw .type(operation, expected: "a system, as start-workers gives it", found: value)
    }

    private static func name(_ value: Value, _ operation: String) throws(Fault) -> Name {
        if case .keyword(let name) = value { return name }
        throw .type(operation, expected: "the name of a worker, a keyword", found: value)
    }

    /// A worker's function: itself, or the var that a qualified symbol or keyword names.
    private static func resolve(_ value: Value, _ runtime: FiberRuntime) throws(Fault) -> Value {
        let given: Name
        switch value {
        case .keyword(let name): given = name
        default:
            guard let symbol = value.symbolName else { return value }
            given = symbol
        }
        let names = runtime.instance.names
        guard let space = given.namespace, let found = runtime.instance.findNamespace(names.intern(space)),
            let variable = found.find(names.intern(nil, given.name))
        else {
            throw .illegalArgument(
                "the :worker-fn \(given.description) names no function",
                hint: "write a qualified name such as my.app/handle, of a namespace that is loaded")
        }
        return .object(variable)
    }
}
