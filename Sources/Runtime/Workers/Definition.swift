import Values

/// Reading a definition that a script hands to `start-workers` (D25): `{:channels {…} :workers {…}}`. The graph's checker says
/// more, with places; this refuses what cannot run.
extension SystemSpec {
    /// - Parameters:
    ///   - options: `{:dev-guard? :guard-ms}`, or nil.
    ///   - resolve: the function that a symbol or keyword names; a function is handed in as it is.
    ///   - schedule: when a ticker with this `:cron` ticks; nil when that is no cron expression.
    package init(
        definition: Value, options: Value, resolve: (Value) throws(Fault) -> Value,
        schedule: (String) -> WorkerSpec.Timing? = { _ in nil }
    ) throws(Fault) {
        let map = try DefinitionReader("a workers definition", definition)
        var channels: [ChannelSpec] = []
        try map.each(.channels) { (name, spec) throws(Fault) in channels.append(try ChannelSpec(name, spec)) }
        var workers: [WorkerSpec] = []
        try map.each(.workers) { (name, spec) throws(Fault) in
            workers.append(try WorkerSpec(name, spec, resolve, schedule))
        }
        let given = try DefinitionReader("the options of start-workers", options.isNil ? .map(HashMap()) : options)
        self.init(
            channels: channels, workers: workers, isGuarded: try given.value(.devGuard).isTruthy,
            guardMs: try given.whole(.guardMs, 1...Int64.max, else: 50))
        try checkNames()
    }

    /// Every channel named must be declared (D9).
    private func checkNames() throws(Fault) {
        let declared = channels.map(\.name)
        for worker in workers {
            var named: [(KnownName, Name)] = []
            if case .command(let input) = worker.kind { named.append((.in, input)) }
            if let output = worker.output { named.append((.outputChan, output)) }
            if let failures = worker.failures { named.append((.failChan, failures)) }
            for (key, name) in named where !declared.contains(name) {
                throw .illegalArgument(
                    "worker :\(worker.name.description) has \(key.rawValue) :\(name.description), which is no declared channel",
                    hint: "declare it under :channels; declared are \(DefinitionReader.list(declared))")
            }
        }
    }
}

extension ChannelSpec {
    init(_ name: Name, _ value: Value) throws(Fault) {
        let map = try DefinitionReader("channel :\(name.description)", value)
        let count = Int(try map.whole(.buffer, 0...ChannelPrimitives.largestBuffer, else: 0))
        let kind = try map.value(.bufferType)
        let mode: PutMode
        switch try map.choice(.putMode, [.async, .block, .drop], else: .async) {
        case .block: mode = .block
        case .drop: mode = .drop
        default: mode = .async
        }
        self.init(name, try ChannelPrimitives.buffering(kind.isNil ? .kw(.fixed) : kind, count), putMode: mode)
    }
}

extension WorkerSpec {
    init(
        _ name: Name, _ value: Value, _ resolve: (Value) throws(Fault) -> Value, _ schedule: (String) -> Timing?
    ) throws(Fault) {
        let map = try DefinitionReader("worker :\(name.description)", value)
        let isTicker = try map.choice(.kind, [.command, .ticker], else: .command) == .ticker
        let given = try map.value(.workerFn)
        if given.isNil, !isTicker { throw .illegalArgument("worker :\(name.description) needs a :worker-fn") }
        let kind: Kind
        let cron = try map.value(.cron)
        if isTicker, !cron.isNil {
            guard let timing = cron.stringValue.flatMap(schedule) else {
                throw .illegalArgument("worker :\(name.description): :cron must be a cron expression")
            }
            kind = .ticker(timing)
        } else if isTicker {
            kind = .ticker(.every(ms: try map.whole(.intervalMs, 1...Int64.max / 1_000_000, else: 1000)))
        } else {
            guard let input = try map.name(.in) else {
                throw .illegalArgument("worker :\(name.description) needs :in, the channel it takes messages from")
            }
            kind = .command(input: input)
        }
        var restart: Restart?
        let limits = try map.value(.restart)
        if !limits.isNil {
            let reader = try DefinitionReader(":restart of worker :\(name.description)", limits)
            restart = Restart(
                max: Int(try reader.whole(.max, 0...1_000_000, else: 5)),
                perMs: try reader.whole(.perMs, 1...86_400_000, else: 60_000),
                backoffMs: try reader.whole(.backoffMs, 0...86_400_000, else: 100))
        }
        self.init(
            name, kind, function: given.isNil ? .nil : try resolve(given), output: try map.name(.outputChan),
            failures: try map.name(.failChan), isExposed: try map.value(.exposed).isTruthy && !isTicker,
            dispatch: try map.choice(.dispatch, [.go, .thread], else: .go) == .thread ? .thread : .go,
            parallel: Int(try map.whole(.parallel, 1...10_000, else: 1)), restart: restart, meta: try map.value(.meta),
            isDurable: try map.value(.isDurable).isTruthy)
    }
}

/// What the graph knows of definitions.
package struct DefinitionReading: Sendable {
    /// Refuses one for what is wrong with it.
    let check: @Sendable (Value) throws(Fault) -> Void
    /// When a ticker with this `:cron` ticks; nil when that is no cron expression.
    let schedule: @Sendable (String) -> WorkerSpec.Timing?

    package init(
        check: @escaping @Sendable (Value) throws(Fault) -> Void,
        schedule: @escaping @Sendable (String) -> WorkerSpec.Timing?
    ) {
        self.check = check
        self.schedule = schedule
    }
}

/// Reads keys of one map, with messages that name it.
struct DefinitionReader {
    private let owner: String
    private let map: HashMap

    init(_ owner: String, _ value: Value) throws(Fault) {
        guard case .map(let map) = value else { throw .type(owner, expected: "a map", found: value) }
        self.owner = owner
        self.map = map
    }

    func value(_ key: KnownName) throws(Fault) -> Value { try map.find(.kw(key)) ?? .nil }

    func whole(_ key: KnownName, _ range: ClosedRange<Int64>, else usual: Int64) throws(Fault) -> Int64 {
        let found = try value(key)
        if found.isNil { return usual }
        guard let number = found.intValue, range.contains(number) else {
            throw .illegalArgument("\(owner): :\(key.rawValue) must be a whole number of at least \(range.lowerBound)")
        }
        return number
    }

    func name(_ key: KnownName) throws(Fault) -> Name? {
        switch try value(key) {
        case .nil: return nil
        case .keyword(let name): return name
        default: throw .illegalArgument("\(owner): :\(key.rawValue) must be the name of a channel, a keyword")
        }
    }

    func choice(_ key: KnownName, _ choices: [KnownName], else usual: KnownName) throws(Fault) -> KnownName {
        let found = try value(key)
        if found.isNil { return usual }
        guard let known = found.knownKeyword, choices.contains(known) else {
            throw .illegalArgument(
                "\(owner): :\(key.rawValue) must be \(DefinitionReader.list(choices.map(\.name), or: "or"))")
        }
        return known
    }

    func each(_ key: KnownName, _ body: (Name, Value) throws(Fault) -> Void) throws(Fault) {
        let found = try value(key)
        if found.isNil { return }
        guard case .map(let entries) = found else {
            throw .type("\(owner): :\(key.rawValue)", expected: "a map", found: found)
        }
        try entries.forEach { (name, spec) throws(Fault) in
            guard case .keyword(let name) = name else {
                throw .illegalArgument("\(owner): the names in :\(key.rawValue) must be keywords")
            }
            try body(name, spec)
            return true
        }
    }

    /// `:a, :b or :c`, for messages.
    static func list(_ names: [Name], or conjunction: String = "and") -> String {
        var texts = names.map { ":\($0.description)" }
        guard let last = texts.popLast() else { return "none" }
        return texts.isEmpty ? last : "\(texts.joined(separator: ", ")) \(conjunction) \(last)"
    }
}
