import Engine
import Values

/// What can be declared: the one table of kinds. The raw value is what the form and messages call it.
package enum DeclarationKind: String, CaseIterable, Sendable {
    case configure, needs, channel, effect, meta, worker, phases, system

    /// The section of the data form that holds it (G1).
    package var section: KnownName {
        switch self {
        case .configure: .runtime
        case .needs: .needs
        case .channel: .channels
        case .effect: .effects
        case .meta: .meta
        case .worker: .workers
        case .phases: .phases
        case .system: .systems
        }
    }

    /// `configure` and `needs` have no name of their own; several of them add up.
    package var isNamed: Bool { self != .configure && self != .needs }

    /// What messages call one: `phases` declares a plan.
    package var noun: String { self == .phases ? "plan" : rawValue }

    /// `a worker`, `an effect`, `configure`.
    package var withArticle: String { !isNamed ? noun : self == .effect ? "an effect" : "a \(noun)" }

    /// How a script declares it.
    package var form: String {
        switch self {
        case .configure, .needs: rawValue
        default: "def\(rawValue)"
        }
    }

    /// The keys its options may have.
    package var keys: [DeclarationKey] {
        switch self {
        case .configure: DeclarationKeys.configure
        case .needs: DeclarationKeys.needs
        case .channel: DeclarationKeys.channel
        case .effect: DeclarationKeys.effect
        case .meta: DeclarationKeys.meta
        case .worker: DeclarationKeys.worker
        case .phases: DeclarationKeys.phases
        case .system: DeclarationKeys.system
        }
    }

    /// The key under which the function of the form itself stands in the data form.
    package var functionKey: KnownName? {
        switch self {
        case .worker: .workerFn
        case .effect: .handler
        case .phases, .system: .fn
        case .configure, .needs, .channel, .meta: nil
        }
    }
}

/// One key of a declaration: the parser, the checker, the reference and the tests read this row.
package struct DeclarationKey: Sendable {
    package let key: KnownName
    package let shape: KeyShape
    /// What holds when it is absent, as a script would write it; empty for nothing.
    package let usual: String
    package let doc: String
    /// The requirement it comes from.
    package let requirement: String
    /// For workers: the `:kind` that may have it; nil for any.
    package let only: KnownName?

    init(
        _ key: KnownName, _ shape: KeyShape, usual: String = "", _ requirement: String, only: KnownName? = nil,
        _ doc: String
    ) {
        self.key = key
        self.shape = shape
        self.usual = usual
        self.requirement = requirement
        self.only = only
        self.doc = doc
    }

    /// A row of the engine's, which owns the keys of meta and of effect settings.
    init(_ row: KeyRow, _ requirement: String) {
        self.init(row.key, KeyShape(row.shape, requirement), usual: row.usual, requirement, row.doc)
    }
}

/// What the value of a key must be.
package indirect enum KeyShape: PlainShaped, Sendable {
    case plain(PlainShape)
    /// Keywords in a vector, list or set; only of these names unless the list is empty.
    case keywords([String])
    /// Strings in a vector, list or set; or `true`, for all.
    case grants
    case texts
    case map([DeclarationKey])
    /// Keywords to what the shape says.
    case byKeyword(KeyShape)
    /// Maps in a vector.
    case rows([DeclarationKey])
    /// The keyword of a declared channel.
    case channel
    /// A function: a value, or a qualified symbol or keyword that names one.
    case function
    /// A map of meta keys, the name of a `defmeta`, or a vector of these.
    case metaOrName
    /// Five or six fields of a cron expression.
    case cron

    init(_ shape: KeyRow.Shape, _ requirement: String) {
        switch shape {
        case .plain(let shape): self = .plain(shape)
        case .keywords: self = .keywords([])
        case .map(let rows): self = .map(rows.map { DeclarationKey($0, requirement) })
        case .byKeyword(let inner): self = .byKeyword(KeyShape(inner, requirement))
        }
    }

    /// What it must be, with its article, for messages and the reference.
    package var expected: String {
        switch self {
        case .plain(let shape): shape.expected
        case .keywords([]): "a vector or set of keywords"
        case .keywords(let names): "a vector or set of \(PlainShape.choices(names.map { ":\($0)" }))"
        case .grants: "a vector of strings, or true for all"
        case .texts: "a vector of strings"
        case .map: "a map"
        case .byKeyword: "a map whose keys are keywords"
        case .rows: "a vector of maps"
        case .channel: "the keyword of a declared channel"
        case .function: "a function, or the qualified name of one"
        case .metaOrName: "a map of meta, the name of a defmeta, or a vector of these"
        case .cron: "a cron expression, such as \"*/5 * * * *\""
        }
    }
}

/// The tables of keys, one for each kind of declaration.
package enum DeclarationKeys {
    package static let channel: [DeclarationKey] = [
        DeclarationKey(
            .buffer, .whole(0...16_777_216), usual: "0", "D1",
            "how many messages it holds; with 0, a put and a take meet"),
        DeclarationKey(
            .bufferType, .oneOf([.fixed, .dropping, .sliding]), usual: ":fixed", "D2",
            "what a full buffer does: makes putters wait, drops the new message, or drops the oldest"),
        DeclarationKey(
            .putMode, .oneOf([.async, .block, .drop]), usual: ":async", "D3",
            "how command! puts: without waiting, holding its thread, or as an offer that may drop"),
        DeclarationKey(.doc, .text, "G1", "for people"),
    ]

    package static let worker: [DeclarationKey] = [
        DeclarationKey(
            .kind, .oneOf([.command, .ticker]), usual: ":command", "D5",
            "a command worker takes from a channel, a ticker works by the clock"),
        DeclarationKey(.in, .channel, "D7", only: .command, "the channel it takes from"),
        DeclarationKey(.workerFn, .function, "D7", "called with the context and the message, or a ticker's count"),
        DeclarationKey(.outputChan, .channel, "D7", "where results are offered; one consumer"),
        DeclarationKey(.failChan, .channel, "D7", "where the event of a failure is offered"),
        DeclarationKey(
            .dispatch, .oneOf([.go, .thread]), usual: ":go", "D6",
            "shares the pool, where nothing may block; or has a thread of its own"),
        DeclarationKey(
            .exposed, .flag, usual: "false", "D7", only: .command, "whether command! and request! may reach it"),
        DeclarationKey(
            .parallel, .whole(1...10_000), usual: "1", "D7", only: .command, "messages it works on at once"),
        DeclarationKey(.meta, .metaOrName, "D7", "meta of the effects it performs"),
        DeclarationKey(.isDurable, .flag, usual: "false", "D7", "whether its messages survive a crash"),
        DeclarationKey(.restart, .map(restart), "D7", "how often it is started again after it died"),
        DeclarationKey(
            .intervalMs, .whole(1...31_536_000_000), usual: "1000", "D10", only: .ticker, "milliseconds between ticks"),
        DeclarationKey(.cron, .cron, "D10", only: .ticker, "when it ticks, instead of :interval-ms"),
        DeclarationKey(.doc, .text, "G1", "for people"),
    ]

    package static let restart: [DeclarationKey] = [
        DeclarationKey(.max, .whole(0...1_000_000), usual: "5", "D7", "how often it may be started again"),
        DeclarationKey(.perMs, .whole(1...86_400_000), usual: "60000", "D7", "within so many milliseconds"),
        DeclarationKey(
            .backoffMs, .whole(0...86_400_000), usual: "100", "D7",
            "milliseconds before it goes on after a failure, and twice as many after each further one"),
    ]

    package static let configure: [DeclarationKey] = [
        DeclarationKey(.tickMs, .whole(1...86_400_000), usual: "100", "P1", "milliseconds between ticks of the world"),
        DeclarationKey(
            .effects, .map(EngineConfiguration.table.map { DeclarationKey($0, "P1") }), "P1",
            "the effect engine's limits"),
        DeclarationKey(
            .devGuard, .flag, usual: "false", "D16", "reports :go workers that hold their thread too long"),
        DeclarationKey(.guardMs, .whole(1...86_400_000), usual: "50", "D16", "how long is too long"),
        DeclarationKey(
            .mcp, .map([DeclarationKey(.servers, .byKeyword(.map(server)), "P25", "by the keywords that name them")]),
            "P25", "servers of tools"),
        DeclarationKey(.paths, .texts, usual: "[]", "U", "folders that namespaces are looked for in"),
        DeclarationKey(.doc, .text, "G1", "for people"),
    ]

    /// A server of the Model Context Protocol: a program or an address.
    package static let server: [DeclarationKey] = [
        DeclarationKey(.command, .texts, "P25", "the program and its arguments"),
        DeclarationKey(.env, .data, "P25", "variables of the program, as for :proc/run"),
        DeclarationKey(.dir, .text, "P25", "the directory that the program runs in"),
        DeclarationKey(.url, .text, "P25", "the address, for Streamable HTTP"),
        DeclarationKey(.headers, .data, "P25", "headers of every request, names to values"),
    ]

    package static let needs: [DeclarationKey] = CapabilityKind.allCases.compactMap { kind in
        guard kind != .all, let key = KnownName(rawValue: kind.rawValue) else { return nil }
        return DeclarationKey(key, kind.what == nil ? .flag : .grants, "G2", kind.doc)
    }

    package static let meta: [DeclarationKey] = EffectMeta.table.map { DeclarationKey($0, "J1–J10") }

    package static let effect: [DeclarationKey] = [
        DeclarationKey(
            .params, .byKeyword(.oneOf(paramTypes)), "P26",
            "the parameters that it must be given, and their types; others are taken as they come"),
        DeclarationKey(
            .needs, .keywords(CapabilityKind.allCases.filter { $0 != .all }.map(\.rawValue)), usual: "#{}", "P26",
            "the capabilities it may use"),
        DeclarationKey(
            .recovery, .oneOf(EffectType.Recovery.allCases.compactMap { KnownName(rawValue: $0.rawValue) }),
            usual: ":fail", "P26",
            "what becomes of one that a crash cut short"),
        DeclarationKey(.merge, .function, "J21", "merges the parameters of two with one idempotency key"),
        DeclarationKey(.handler, .function, "P26", "called with the parameters; its value is the result"),
        DeclarationKey(.timeoutMs, .milliseconds, usual: "the engine's", "P22", "how long an attempt may take"),
        DeclarationKey(.doc, .text, "G1", "for people"),
    ]

    private static let paramTypes = EffectType.ParamType.allCases.compactMap { KnownName(rawValue: $0.rawValue) }

    package static let phases: [DeclarationKey] = [
        DeclarationKey(.phases, .rows(phase), "J32", "the phases in order, each depending on the one before"),
        DeclarationKey(.fn, .function, "J32", "makes the effects of the phases from the plan's arguments"),
        DeclarationKey(.doc, .text, "G1", "for people"),
    ]

    /// One phase: meta that its effects share, and the effects.
    package static let phase: [DeclarationKey] =
        meta + [DeclarationKey(.effects, .many, "J32", "effects as data, each with an :effect/type")]

    package static let system: [DeclarationKey] = [
        DeclarationKey(
            .fn, .function, "P3", "called each tick with the world and the elapsed milliseconds; the new world"),
        DeclarationKey(.doc, .text, "G1", "for people"),
    ]

    /// The component form (D22).
    package static let component: [DeclarationKey] = [
        DeclarationKey(.definition, .data, "D22", "the graph as data, or a reference to it"),
        DeclarationKey(.components, .data, usual: "{}", "D22", "what workers find under :components of their context"),
        DeclarationKey(
            .devGuard, .flag, usual: "false", "D16", "reports :go workers that hold their thread too long"),
        DeclarationKey(.guardMs, .whole(1...86_400_000), usual: "50", "D16", "how long is too long"),
    ]
}
