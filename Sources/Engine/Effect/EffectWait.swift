import Values

/// What an effect waits for before it may start: content of events, and the one place of the words for it.
package enum EffectWait: Sendable {
    /// Effects that come first.
    package struct Others: Sendable {
        /// Nil for a batch, which has no name.
        package let group: Value?
        /// How many there are.
        package let count: Int
        /// The ids of a few of them, `shown` at most.
        package let ids: [Value]

        package static let shown = 3

        package init(group: Value?, count: Int, ids: [Value]) {
            self.group = group
            self.count = count
            self.ids = ids
        }
    }

    /// Groups that it depends on, in a few of which something is still to be done.
    case groups([Others])
    /// Those before it in its own group.
    case turn(Others)
    /// So many of its type run, which is the limit of the type.
    case limit(type: Value, running: Int, max: Int)
    /// So many of its type have started within `perMs`, and the next may in `opensInMs`.
    case rate(type: Value, max: Int, perMs: Int64, opensInMs: Int64)
    /// So many effects run, which is all that may at once.
    case inflight(running: Int, max: Int)

    /// The same for one that so many more of its group are before.
    func behind(_ further: Int) -> EffectWait {
        guard further > 0, case .turn(let others) = self else { return self }
        return .turn(Others(group: others.group, count: others.count + further, ids: others.ids))
    }

    // MARK: For people

    package enum Tense: Sendable { case present, past }

    /// What follows "waits for".
    ///
    /// - Parameter running: the ids of those that hold what it waits for, where the teller knows them; the event does not.
    package func phrase(_ tense: Tense = .present, running others: [Value] = []) -> String {
        let isPast = tense == .past
        let named = others.isEmpty ? "" : " (\(EffectWait.list(others)))"
        func ran(_ count: Int) -> String { isPast ? "ran" : count == 1 ? "runs" : "run" }
        switch self {
        case .groups(let groups):
            return groups.map { other in
                let name = other.group.map(ValueKey.shown) ?? "without a name"
                return "the group \(name) (\(other.count) to go\(other.ids.isEmpty ? "" : ": \(other.list)"))"
            }.joined(separator: " and ")
        case .turn(let others):
            let place = others.group.map { "the group \(ValueKey.shown($0))" } ?? "its batch"
            guard others.count > 0 else { return "its turn in \(place)" }
            return "its turn in \(place), behind \(others.list)"
        case .limit(let type, let running, let max):
            return
                "a free slot: \(running) of \(ValueKey.shown(type)) \(ran(running))\(named), and its limit \(isPast ? "was" : "is") \(max)"
        case .rate(let type, let max, let perMs, let opensInMs):
            return
                "a free slot: the rate of \(ValueKey.shown(type)) \(isPast ? "was" : "is") \(max) per \(perMs) ms; the next \(isPast ? "could" : "may") start in \(opensInMs) ms"
        case .inflight(let running, let max):
            return
                "a free slot: \(running) \(running == 1 ? "effect" : "effects") \(ran(running))\(named), and :max-inflight \(isPast ? "was" : "is") \(max)"
        }
    }

    /// Ids as a sentence names them; the first few of many.
    package static func list(_ ids: [Value], of count: Int? = nil) -> String {
        let shown = ids.prefix(Others.shown).map(ValueKey.shown)
        let rest = (count ?? ids.count) - shown.count
        return shown.joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
    }

    // MARK: As data

    /// `{:kind :groups :groups [{:group g :count n :ids […]} …]}`, `{:kind :turn :group g :count n :ids […]}`,
    /// `{:kind :limit :type t :running n :max n}`, `{:kind :rate :type t :max n :per-ms n :ms n}` or
    /// `{:kind :max-inflight :running n :max n}`.
    package var value: Value {
        switch self {
        case .groups(let groups): .record((.kind, .kw(.groups)), (.groups, .vector(groups.map { .map($0.entries) })))
        case .turn(let others):
            .map(
                EffectWait.with(others.entries, .kind, .kw(.turn)))
        case .limit(let type, let running, let max):
            .record(
                (.kind, .kw(.limit)), (.type, type), (.running, .int(Int64(running))), (.max, .int(Int64(max))))
        case .rate(let type, let max, let perMs, let opensInMs):
            .record(
                (.kind, .kw(.rate)), (.type, type), (.max, .int(Int64(max))), (.perMs, .int(perMs)),
                (.ms, .int(opensInMs)))
        case .inflight(let running, let max):
            .record((.kind, .kw(.maxInflight)), (.running, .int(Int64(running))), (.max, .int(Int64(max))))
        }
    }

    /// Reads what `value` wrote; nil for anything else.
    package init?(_ value: Value) {
        guard case .map(let map) = value else { return nil }
        func field(_ key: KnownName) -> Value? { (try? map.find(.kw(key))) ?? nil }
        func whole(_ key: KnownName) -> Int64? { field(key)?.intValue }
        switch field(.kind)?.knownKeyword {
        case .groups:
            guard let groups = field(.groups)?.dataElements else { return nil }
            self = .groups(groups.compactMap(Others.init))
        case .turn:
            guard let others = Others(value) else { return nil }
            self = .turn(others)
        case .limit:
            guard let type = field(.type), let running = whole(.running), let max = whole(.max) else { return nil }
            self = .limit(type: type, running: Int(running), max: Int(max))
        case .rate:
            guard let type = field(.type), let max = whole(.max), let perMs = whole(.perMs), let ms = whole(.ms) else {
                return nil
            }
            self = .rate(type: type, max: Int(max), perMs: perMs, opensInMs: ms)
        case .maxInflight:
            guard let running = whole(.running), let max = whole(.max) else { return nil }
            self = .inflight(running: Int(running), max: Int(max))
        default: return nil
        }
    }

    fileprivate static func with(_ map: HashMap, _ key: KnownName, _ value: Value) -> HashMap {
        var map = map
        // A keyword always has a hash.
        try? HashMap.set(&map, .kw(key), value)
        return map
    }
}

extension EffectWait.Others {
    fileprivate var list: String { EffectWait.list(ids, of: count) }

    fileprivate var entries: HashMap {
        var map = HashMap()
        if let group { map = EffectWait.with(map, .group, group) }
        map = EffectWait.with(map, .count, .int(Int64(count)))
        return EffectWait.with(map, .ids, .vector(ids))
    }

    fileprivate init?(_ value: Value) {
        guard case .map(let map) = value, let ids = (try? map.find(.kw(.ids)))??.dataElements,
            let count = (try? map.find(.kw(.count)))??.intValue
        else { return nil }
        self.init(group: (try? map.find(.kw(.group))) ?? nil, count: Int(count), ids: ids)
    }
}
