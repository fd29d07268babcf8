import Values

/// How the engine is to treat an effect (J1–J11). Binding, not advisory. It lies in its effect: what few effects have is a
/// reference.
package struct EffectMeta: Sendable {
    package enum Mode: Sendable { case sequential, parallel }
    package enum OnDependencyFailure: Sendable { case error, skip, proceed }
    package enum DedupStrategy: Sendable { case first, last, merge }

    package private(set) var group: ValueKey?
    package private(set) var idempotencyKey: ValueKey?
    /// The map it was read from; nil for none.
    package private(set) var source: HashMap?
    private var rare: Rare?
    package private(set) var mode = Mode.sequential
    package private(set) var onDependencyFailure = OnDependencyFailure.error
    package private(set) var dedupStrategy = DedupStrategy.first
    /// From 0 to 100.
    package private(set) var priority: Int8 = 0

    package var order: Int64 { rare?.fields.order ?? 0 }
    package var timeout: Timeout { rare?.fields.timeout ?? .usual }
    package var cancels: [ValueKey] { rare?.fields.cancels ?? [] }
    package var dependsOn: [ValueKey] { rare?.fields.dependsOn ?? [] }
    package var tags: [ValueKey] { rare?.fields.tags ?? [] }
    package var description: String? { rare?.fields.description }
    package var retry: Retry? { rare?.fields.retry }

    /// What few effects have.
    private final class Rare: Sendable {
        let fields: RareFields
        init(_ fields: RareFields) { self.fields = fields }
    }

    private struct RareFields: Sendable {
        var order: Int64 = 0
        var timeout = Timeout.usual
        var cancels: [ValueKey] = []
        var dependsOn: [ValueKey] = []
        var tags: [ValueKey] = []
        var description: String?
        var retry: Retry?
    }

    package enum Timeout: Equatable, Sendable {
        /// The type's, or the engine's.
        case usual
        case none
        case ms(Int64)
    }

    package struct Retry: Sendable {
        /// How often it may be tried again after the first attempt.
        package var max: Int
        package var baseMs: Int64
        package var factor: Double
        package var jitter: Bool
        /// Codes that are worth another attempt; empty means errors that may pass (`EffectError.retryable`).
        package var on: [String]

        /// However long the back-off grows, nobody waits longer than this for the next attempt by it.
        static let longestBackoffMs: Int64 = 3_600_000

        func covers(_ error: EffectError) -> Bool { on.isEmpty ? error.retryable : on.contains(error.code) }

        /// The wait before attempt `next` (2 for the first retry). `fraction` is random in 0..<1.
        func delayMs(next: Int, fraction: Double) -> Int64 {
            var delay = Double(baseMs)
            var step = 2
            while step < next, delay < Double(Retry.longestBackoffMs) {
                delay *= factor
                step += 1
            }
            delay = Swift.min(delay, Double(Retry.longestBackoffMs))
            // Half fixed, half random: spreads those who failed together, and never hurries.
            if jitter { delay *= 0.5 + fraction / 2 }
            return Int64(delay)
        }
    }

    /// J11: sequential, priority 0, nothing else.
    package static let none = EffectMeta()

    private init() {}

    /// Reads and checks a meta map.
    package static func read(_ map: HashMap) throws(KeyError) -> EffectMeta {
        var meta = EffectMeta()
        if !meta.take(map) {
            meta = EffectMeta()
            var rare = RareFields()
            for (key, value) in try KeyTable.read(map, table, owner: "meta") {
                do {
                    try meta.set(key, value, &rare)
                } catch {
                    throw KeyError(
                        path: [.kw(key)],
                        message: ":\(key.rawValue) must be data: \(EffectError.of(error, code: .invalidEffect).message)"
                    )
                }
            }
            // A nil timeout is a decision, not an absent key.
            if let given = try? map.find(.kw(.timeoutMs)), given.isNil { rare.timeout = .none }
            meta.rare = Rare(rare)
        }
        meta.source = map
        return meta
    }

    /// The same meta, waiting for these groups as well: for effects that were merged.
    func alsoDepending(on groups: [ValueKey]) -> EffectMeta {
        let added = groups.filter { !dependsOn.contains($0) }
        guard !added.isEmpty else { return self }
        var map = source ?? HashMap()
        try? HashMap.set(&map, .kw(.dependsOn), .vector((dependsOn + added).map(\.value)))
        return (try? EffectMeta.read(map)) ?? self
    }

    /// The one table of meta keys.
    package static let table: [KeyRow] = [
        KeyRow(.group, .data, "the group it belongs to in its batch: any value"),
        KeyRow(.order, .whole(0...Int64.max), usual: "0", "its place in the group; lower starts earlier"),
        KeyRow(
            .mode, .oneOf([.sequential, .parallel]), usual: ":sequential",
            ":sequential waits for the previous effect of its group, :parallel may overlap its neighbours"),
        KeyRow(.priority, .whole(0...100), usual: "0", "100 starts first"),
        KeyRow(.cancels, .many, usual: "[]", "groups whose earlier effects it cancels, queued or running"),
        KeyRow(.dependsOn, .many, usual: "[]", "groups that must be complete before its own group starts"),
        KeyRow(
            .onDepFailure, .oneOf([.error, .skip, .continue]), usual: ":error",
            "what becomes of it when one of those did not succeed"),
        KeyRow(.idempotencyKey, .data, "effects with the same key are done once"),
        KeyRow(
            .dedupStrategy, .oneOf([.first, .last, .merge]), usual: ":first",
            "which of several with the same key counts; :merge merges their parameters"),
        KeyRow(.tags, .many, usual: "[]", "for filtering and cancelling"),
        KeyRow(.description, .text, "for people"),
        KeyRow(.timeoutMs, .milliseconds, usual: "the type's", "how long one attempt may take; nil or 0 for no limit"),
        KeyRow(
            .retry, .map(retryTable),
            "tries again after errors that may pass: those that built-in effects call so, such as :rate-limited or :unavailable, and what a script throws by itself, unless its ex-data says :retryable false"
        ),
    ]

    package static let retryTable: [KeyRow] = [
        KeyRow(.max, .whole(0...1000), usual: "3", "attempts after the first"),
        KeyRow(
            .backoff, .map(backoffTable),
            "how long to wait between attempts; a longer :retry-after-ms of the error is honoured"),
        KeyRow(.on, .keywords, usual: "errors that may pass", "codes worth another attempt, as keywords"),
    ]

    package static let backoffTable: [KeyRow] = [
        KeyRow(.baseMs, .whole(0...86_400_000), usual: "500", "the wait before the second attempt"),
        KeyRow(.factor, .number(min: 1), usual: "2", "each wait is this many times the one before"),
        KeyRow(.jitter, .flag, usual: "true", "shortens each wait by up to half, at random"),
    ]
}

extension EffectMeta {
    /// Takes the keys that most effects have, where nothing is wrong with them: a million effects are not read by the table.
    /// False when there is more to it.
    private mutating func take(_ map: HashMap) -> Bool {
        var isTaken = true
        map.forEachInPlace { entry in
            switch Value.knownKeyword(at: entry) {
            case .group:
                group = ValueKey(plain: entry[1])
                isTaken = isTaken && group != nil
            case .idempotencyKey:
                idempotencyKey = ValueKey(plain: entry[1])
                isTaken = isTaken && idempotencyKey != nil
            case .mode:
                switch Value.knownKeyword(at: entry + 1) {
                case .parallel: mode = .parallel
                case .sequential: mode = .sequential
                default: isTaken = false
                }
            case .priority:
                let number = Value.borrowedInt(entry + 1) ?? -1
                isTaken = isTaken && (0...100).contains(number)
                priority = Int8(clamping: number)
            default: isTaken = false
            }
        }
        return isTaken
    }

    /// Takes a value that the table has found right.
    private mutating func set(_ key: KnownName, _ value: Value, _ rare: inout RareFields) throws(Fault) {
        switch key {
        case .group: group = try ValueKey(value)
        case .order: rare.order = value.intValue ?? 0
        case .mode: mode = value.knownKeyword == .parallel ? .parallel : .sequential
        case .priority: priority = Int8(clamping: value.intValue ?? 0)
        case .cancels: rare.cancels = try EffectMeta.keys(value)
        case .dependsOn: rare.dependsOn = try EffectMeta.keys(value)
        case .onDepFailure:
            switch value.knownKeyword {
            case .skip: onDependencyFailure = .skip
            case .continue: onDependencyFailure = .proceed
            default: onDependencyFailure = .error
            }
        case .idempotencyKey: idempotencyKey = try ValueKey(value)
        case .dedupStrategy:
            switch value.knownKeyword {
            case .last: dedupStrategy = .last
            case .merge: dedupStrategy = .merge
            default: dedupStrategy = .first
            }
        case .tags: rare.tags = try EffectMeta.keys(value)
        case .description: rare.description = value.stringValue
        case .timeoutMs: rare.timeout = (value.intValue ?? 0) > 0 ? .ms(value.intValue ?? 0) : .none
        case .retry: rare.retry = try EffectMeta.retry(value)
        default: break
        }
    }

    /// Distinct keys in the order given.
    private static func keys(_ value: Value) throws(Fault) -> [ValueKey] {
        var keys: [ValueKey] = []
        for element in value.dataElements ?? [value] {
            let key = try ValueKey(element)
            if !keys.contains(key) { keys.append(key) }
        }
        return keys
    }

    private static func retry(_ value: Value) throws(Fault) -> Retry {
        var retry = Retry(max: 3, baseMs: 500, factor: 2, jitter: true, on: [])
        guard case .map(let map) = value else { return retry }
        if let max = try map.find(.kw(.max))?.intValue { retry.max = Int(max) }
        for case .keyword(let name)? in try map.find(.kw(.on))?.dataElements?.map(Optional.some) ?? [] {
            // Codes are snake_case; a script writes them as keywords.
            retry.on.append(String(name.name.map { $0 == "-" ? "_" : $0 }))
        }
        guard case .map(let backoff)? = try map.find(.kw(.backoff)) else { return retry }
        if let base = try backoff.find(.kw(.baseMs))?.intValue { retry.baseMs = base }
        if let factor = try backoff.find(.kw(.factor))?.number { retry.factor = factor }
        if case .bool(let jitter)? = try backoff.find(.kw(.jitter)) { retry.jitter = jitter }
        return retry
    }
}
