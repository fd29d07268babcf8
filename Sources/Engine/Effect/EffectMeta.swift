import Values

/// How the engine is to treat an effect (J1–J11). Binding, not advisory.
package final class EffectMeta: Sendable {
    package enum Mode: Sendable { case sequential, parallel }
    package enum OnDependencyFailure: Sendable { case error, skip, proceed }
    package enum DedupStrategy: Sendable { case first, last, merge }

    package let group: ValueKey?
    package let mode: Mode
    package let onDependencyFailure: OnDependencyFailure
    package let dedupStrategy: DedupStrategy
    package let priority: Int
    package let order: Int64
    package let idempotencyKey: ValueKey?
    package let timeout: Timeout
    /// The map it was read from; nil for none.
    package let source: HashMap?
    private let rare: Rare?

    package var cancels: [ValueKey] { rare?.cancels ?? [] }
    package var dependsOn: [ValueKey] { rare?.dependsOn ?? [] }
    package var tags: [ValueKey] { rare?.tags ?? [] }
    package var description: String? { rare?.description }
    package var retry: Retry? { rare?.retry }

    /// What few effects have.
    private final class Rare: Sendable {
        let cancels: [ValueKey]
        let dependsOn: [ValueKey]
        let tags: [ValueKey]
        let description: String?
        let retry: Retry?

        init(_ fields: Fields) {
            (cancels, dependsOn, tags) = (fields.cancels, fields.dependsOn, fields.tags)
            (description, retry) = (fields.description, fields.retry)
        }
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
        /// Codes that are worth another attempt; empty means those the handler calls retryable.
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

    private init() {
        (group, order, mode, priority) = (nil, 0, .sequential, 0)
        (onDependencyFailure, idempotencyKey, dedupStrategy) = (.error, nil, .first)
        (timeout, source, rare) = (.usual, nil, nil)
    }

    /// Reads and checks a meta map.
    package init(_ map: HashMap) throws(KeyError) {
        var fields = Fields()
        if !fields.take(map) {
            fields = Fields(isRare: true)
            for (key, value) in try KeyTable.read(map, EffectMeta.table, owner: "meta") {
                do {
                    try fields.set(key, value)
                } catch {
                    throw KeyError(
                        path: [.kw(key)],
                        message: "\(key.rawValue) must be data: \(EffectError.of(error, code: .invalidEffect).message)")
                }
            }
            // A nil timeout is a decision, not an absent key.
            if let given = try? map.find(.kw(.timeoutMs)), given.isNil { fields.timeout = .none }
        }
        (group, order, mode, priority) = (fields.group, fields.order, fields.mode, fields.priority)
        (onDependencyFailure, dedupStrategy) = (fields.onDependencyFailure, fields.dedupStrategy)
        (idempotencyKey, timeout, source) = (fields.idempotencyKey, fields.timeout, map)
        rare = fields.isRare ? Rare(fields) : nil
    }

    /// The same meta, waiting for these groups as well: for effects that were merged.
    func alsoDepending(on groups: [ValueKey]) -> EffectMeta {
        let added = groups.filter { !dependsOn.contains($0) }
        guard !added.isEmpty else { return self }
        var map = source ?? HashMap()
        try? HashMap.set(&map, .kw(.dependsOn), .vector((dependsOn + added).map(\.value)))
        return (try? EffectMeta(map)) ?? self
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
        KeyRow(.retry, .map(retryTable), "tries again after errors that may pass"),
    ]

    package static let retryTable: [KeyRow] = [
        KeyRow(.max, .whole(0...1000), usual: "3", "attempts after the first"),
        KeyRow(.backoff, .map(backoffTable), "how long to wait between attempts; a longer Retry-After is honoured"),
        KeyRow(.on, .keywords, usual: "what the handler calls retryable", "codes worth another attempt, as keywords"),
    ]

    package static let backoffTable: [KeyRow] = [
        KeyRow(.baseMs, .whole(0...86_400_000), usual: "500", "the wait before the second attempt"),
        KeyRow(.factor, .number(min: 1), usual: "2", "each wait is this many times the one before"),
        KeyRow(.jitter, .flag, usual: "true", "shortens each wait by up to half, at random"),
    ]
}

extension EffectMeta {
    /// Collects checked values.
    fileprivate struct Fields {
        /// Some of it was read by the table.
        var isRare = false
        var group: ValueKey?
        var order: Int64 = 0
        var mode = Mode.sequential
        var priority = 0
        var cancels: [ValueKey] = []
        var dependsOn: [ValueKey] = []
        var onDependencyFailure = OnDependencyFailure.error
        var idempotencyKey: ValueKey?
        var dedupStrategy = DedupStrategy.first
        var tags: [ValueKey] = []
        var description: String?
        var timeout = Timeout.usual
        var retry: Retry?

        /// Takes the keys that most effects have, where nothing is wrong with them: a million effects are not read by the table.
        /// False when there is more to it.
        mutating func take(_ map: HashMap) -> Bool {
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
                    priority = Int(number)
                default: isTaken = false
                }
            }
            return isTaken
        }

        mutating func set(_ key: KnownName, _ value: Value) throws(Fault) {
            switch key {
            case .group: group = try ValueKey(value)
            case .order: order = value.intValue ?? 0
            case .mode: mode = value.knownKeyword == .parallel ? .parallel : .sequential
            case .priority: priority = Int(value.intValue ?? 0)
            case .cancels: cancels = try Fields.keys(value)
            case .dependsOn: dependsOn = try Fields.keys(value)
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
            case .tags: tags = try Fields.keys(value)
            case .description: description = value.stringValue
            case .timeoutMs: timeout = (value.intValue ?? 0) > 0 ? .ms(value.intValue ?? 0) : .none
            case .retry: retry = try Fields.retry(value)
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
}
