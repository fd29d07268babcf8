import Engine
import Values

/// What one effect went through, as far as a trace tells.
package struct EffectHistory: Sendable {
    package struct Wait: Sendable {
        package let what: EffectWait
        /// Ids of those that held the slots it waited for; empty when the trace does not tell which did.
        package let running: [Value]
        package let fromMs: Int64
        package internal(set) var untilMs: Int64?
    }

    package struct Attempt: Sendable {
        package let number: Int
        package let startedMs: Int64
        package internal(set) var endedMs: Int64?
        /// Of one that failed and was followed by another, or is to be.
        package internal(set) var message: String?
        package internal(set) var code: String?
        package internal(set) var delayMs: Int64?
    }

    package struct End: Sendable {
        package let status: EffectStatus
        package let ms: Int64
        package let durationMs: Int64
        package let message: String?
        package let code: String?
        /// Where a script threw it: `shop.slu:3:5`.
        package let place: String?
        /// The effect that it depended on and that did not succeed.
        package let causedBy: Value?
        package let reason: CancelReason?
        package let cancelledBy: Value?
    }

    package let id: Value
    package let identity: String
    package let submittedMs: Int64
    /// Nil when the trace began later, or events are missing.
    package internal(set) var type: String?
    package internal(set) var group: Value?
    package internal(set) var key: Value?
    package internal(set) var strategy: KnownName?
    package internal(set) var cancels: [Value] = []
    package internal(set) var waits: [Wait] = []
    package internal(set) var attempts: [Attempt] = []
    package internal(set) var end: End?
    /// The id of the effect that stands for this one, which was never taken.
    package internal(set) var standsForIt: Value?

    init(id: Value, identity: String, submittedMs: Int64) {
        self.id = id
        self.identity = identity
        self.submittedMs = submittedMs
    }

    /// Takes over what the effect says of itself.
    mutating func describe(_ effect: Value?) {
        let fields = Fields(effect)
        if case .keyword(let name)? = fields[.effectSlashType] { type = ":\(name.description)" }
        let meta = Fields(fields[.meta])
        group = meta[.group] ?? group
        key = meta[.idempotencyKey]
        strategy = meta[.dedupStrategy]?.knownKeyword
        cancels = meta[.cancels].map { $0.dataElements ?? [$0] } ?? []
    }

    /// Where it stands when the trace ends, in one word.
    package var status: String {
        if standsForIt != nil { return "deduplicated" }
        if let end { return end.status.rawValue }
        if let last = attempts.last { return last.endedMs == nil ? "running" : "retrying" }
        return "waiting"
    }

    /// How long it was held back in all, until `ms` if it still is.
    package func waitedMs(until ms: Int64) -> Int64 {
        waits.reduce(0) { $0 + max(0, ($1.untilMs ?? ms) - $1.fromMs) }
    }
}

/// Something that happened and is not about an effect that was taken: what went wrong, and changes of the graph.
package struct TraceNotice: Sendable {
    package let ms: Int64
    package let type: EventType
    package let identity: String
    package let text: String
}

/// The fold of a run's events into what became of each effect, and of each process. Pure: events in, histories out.
package struct EffectHistories: Sendable {
    /// In the order of their first events.
    package private(set) var all: [EffectHistory] = []
    package private(set) var processes = ProcessHistories()
    package private(set) var notices: [TraceNotice] = []
    /// Events that the trace says are missing.
    package private(set) var lost = 0
    package private(set) var firstMs: Int64?
    package private(set) var lastMs: Int64 = 0
    private var byIdentity: [String: Int] = [:]
    /// Those that run, each with the number of its start.
    private var running: [Int: Int] = [:] {
        didSet { named = [:] }
    }
    private var starts = 0
    /// The ids of those that run, of a type or, with no type, of all: a whole batch waits for the same, and shares them.
    private var named: [String: [Value]] = [:]

    package init() {}

    package mutating func lose(_ count: Int) { lost += count }

    package mutating func take(_ record: TraceRecord) {
        firstMs = firstMs ?? record.ts
        lastMs = max(lastMs, record.ts)
        let fields = record.fields
        switch record.type {
        case .effectSubmitted:
            let effect = fields[.effect]
            let id = Fields(effect)[.effectSlashID] ?? .string(record.identity)
            add(EffectHistory(id: id, identity: record.identity, submittedMs: record.ts), effect)
        case .effectDeduped:
            let effect = fields[.effect]
            let id = Fields(effect)[.effectSlashID] ?? .string(record.identity)
            var history = EffectHistory(id: id, identity: record.identity, submittedMs: record.ts)
            history.standsForIt = fields[.effectID]
            add(history, effect)
        case .effectHeld, .effectQueued:
            guard let what = EffectWait(fields[.waitsFor] ?? .nil) else { return }
            let holders = holders(of: what)
            change(record) {
                $0.endWait(record.ts)
                $0.waits.append(
                    EffectHistory.Wait(what: what, running: holders, fromMs: record.ts, untilMs: nil))
            }
        case .effectStarted:
            let number = Int(fields[.attempt]?.intValue ?? 1)
            let index = change(record) {
                $0.endWait(record.ts)
                $0.attempts.append(EffectHistory.Attempt(number: number, startedMs: record.ts))
            }
            starts += 1
            running[index] = starts
        case .effectRetrying:
            let error = Fields(fields[.error])
            let index = change(record) {
                $0.endAttempt(record.ts)
                guard let last = $0.attempts.indices.last else { return }
                $0.attempts[last].message = error[.message]?.stringValue
                $0.attempts[last].code = error[.code]?.stringValue
                $0.attempts[last].delayMs = fields[.retryAfterMs]?.intValue
            }
            running[index] = nil
        case .effectEnded: end(record, fields)
        case .workerError, .workerDrop, .fiberFailed, .systemFailed, .systemSlow, .graphChanged, .guardReport,
            .batchRejected:
            notices.append(
                TraceNotice(
                    ms: record.ts, type: record.type, identity: record.identity,
                    text: EffectHistories.text(record.payload)))
        case .runStarted, .runEnded, .effectProgress, .effectExtraAnswer, .groupCompleted, .scopeOpened, .scopeClosed,
            .workerStarted, .workerStopped, .channelOpened, .channelClosed, .log, .engineStopping, .engineStopped:
            break
        case .processStarted, .processEnded, .processTransferred, .processAwaited: processes.take(record)
        }
    }

    private mutating func add(_ history: EffectHistory, _ effect: Value?) {
        var history = history
        history.describe(effect)
        byIdentity[history.identity] = all.count
        all.append(history)
    }

    /// Changes the history that an event is about, which may be its first here.
    @discardableResult
    private mutating func change(_ record: TraceRecord, _ body: (inout EffectHistory) -> Void) -> Int {
        let index: Int
        if let known = byIdentity[record.identity] {
            index = known
        } else {
            index = all.count
            let id = record.fields[.effectID] ?? .string(record.identity)
            add(EffectHistory(id: id, identity: record.identity, submittedMs: record.ts), nil)
        }
        body(&all[index])
        return index
    }

    private mutating func end(_ record: TraceRecord, _ fields: Fields) {
        let error = Fields(fields[.error])
        let reason = fields[.reason]?.knownKeyword.flatMap { name in
            [CancelReason.superseded, .requested, .stopped, .parent].first { $0.name == name }
        }
        let status = fields[.status]?.knownKeyword.flatMap { name in
            EffectStatus.allCases.first { $0.name == name }
        }
        let end = EffectHistory.End(
            status: status ?? .done, ms: record.ts, durationMs: fields[.durationMs]?.intValue ?? 0,
            message: error[.message]?.stringValue, code: error[.code]?.stringValue,
            place: error[.place]?.stringValue, causedBy: Fields(error[.data])[.effectID], reason: reason,
            cancelledBy: fields[.cancelledBy])
        let index = change(record) {
            if $0.type == nil { $0.describe(fields[.effect]) }
            $0.group = $0.group ?? fields[.group]
            $0.endWait(record.ts)
            $0.endAttempt(record.ts)
            $0.end = end
        }
        running[index] = nil
    }

    /// Who runs that a ready effect waits for; nobody when the counts differ, as when some wait without holding a slot.
    private mutating func holders(of wait: EffectWait) -> [Value] {
        let (count, type): (Int, String)
        switch wait {
        case .limit(let name, let number, _): (count, type) = (number, ValueKey.shown(name))
        case .inflight(let number, _): (count, type) = (number, "")
        case .groups, .turn, .rate: return []
        }
        let ids = named[type] ?? ids(running: type)
        named[type] = ids
        return ids.count == count ? ids : []
    }

    /// In the order of their starts.
    private func ids(running type: String) -> [Value] {
        running.filter { type.isEmpty || all[$0.key].type == type }.sorted { $0.value < $1.value }.map {
            all[$0.key].id
        }
    }

    /// A few words of a payload.
    private static func text(_ payload: Value) -> String {
        let fields = Fields(payload)
        if let text = payload.stringValue { return text }
        if let message = Fields(fields[.error])[.message]?.stringValue ?? fields[.message]?.stringValue {
            return message
        }
        return payload.isNil ? "" : ValueKey.shown(payload)
    }

    // MARK: Looking up

    /// Whether the trace has something of an effect at this path.
    func isEffect(_ identity: String) -> Bool { byIdentity[identity] != nil }

    /// The effect at a path: the latest, where there were several over time.
    func effect(at identity: String) -> EffectHistory? { byIdentity[identity].map { all[$0] } }

    /// Those with an id, in order, given as a person types it: bare text for a text, or as it prints; or else those whose path
    /// ends in what is given, as the timeline writes it.
    package func effects(withID text: String) -> [EffectHistory] {
        let found = all.filter { $0.id.stringValue == text || ValueKey.shown($0.id) == text }
        return found.isEmpty ? all.filter { $0.identity == text || $0.identity.hasSuffix("/" + text) } : found
    }

    /// What to call each effect that nobody gave an id: as many of the last steps of its path as no other has.
    func shortNames() -> [String: String] {
        var counts: [Substring: Int] = [:]
        // A text that is somebody's id is taken for that.
        for history in all where history.id.stringValue != history.identity {
            if let id = history.id.stringValue { counts[id[...], default: 0] += 1 }
        }
        let paths = Set(all.map(\.identity))
        for path in paths { for ending in EffectHistories.endings(of: path) { counts[ending, default: 0] += 1 } }
        var names: [String: String] = [:]
        for path in paths {
            names[path] = EffectHistories.endings(of: path).first { counts[$0] == 1 }.map(String.init) ?? path
        }
        return names
    }

    /// The last step of a path, the last two, and so on, up to `mostSteps`: what is longer says no more than the whole path.
    private static func endings(of path: String) -> [Substring] {
        var endings: [Substring] = []
        var rest = path[...]
        while endings.count < mostSteps, let slash = rest.lastIndex(of: "/") {
            endings.append(path[path.index(after: slash)...])
            rest = path[..<slash]
        }
        return endings
    }

    private static let mostSteps = 8

    func effects(withID id: Value) -> [EffectHistory] {
        all.filter { (try? $0.id.equals(id)) ?? false }
    }

    /// `did you mean …?` for an id that is not there, or nil.
    package func hint(forID text: String) -> String? {
        Nearest.hint(
            for: text, among: all.map { $0.id.stringValue ?? ValueKey.shown($0.id) } + processes.all.map(\.id))
    }
}

extension EffectHistory {
    fileprivate mutating func endWait(_ ms: Int64) {
        guard let last = waits.indices.last, waits[last].untilMs == nil else { return }
        waits[last].untilMs = ms
    }

    fileprivate mutating func endAttempt(_ ms: Int64) {
        guard let last = attempts.indices.last, attempts[last].endedMs == nil else { return }
        attempts[last].endedMs = ms
    }
}
