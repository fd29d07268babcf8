import Synchronization
import Testing
import Values

@testable import Engine

/// Drives a machine by hand: what it starts stands in `running` until the test ends it; all it says is kept.
final class Trial {
    var machine: EngineMachine
    var now: Int64 = 0
    let names = Names()
    let run = Identity(root: .run)
    private var ordinal = 0
    /// Started and not ended by the test, in start order.
    private(set) var running: [StartOrder] = []
    private(set) var starts: [StartOrder] = []
    private(set) var cancelled: [(id: String, reason: CancelReason)] = []
    private(set) var signals: [Signal] = []
    private(set) var events: [(type: EventType, path: String)] = []
    private(set) var isStopped = false
    /// The place of each effect's first start and of its end among all actions.
    private(set) var startPlace: [String: Int] = [:]
    private(set) var endPlace: [String: Int] = [:]
    private var actionCount = 0
    let answers = Answers()

    /// Answers by the id of the effect that was submitted.
    final class Answers: @unchecked Sendable {
        // Sendable: used on one thread.
        var byID: [String: [Outcome]] = [:]
        var resumed: [String] = []
    }

    init(
        maxInflight: Int = 4, retain: Int = 500, timeoutMs: Int64? = 60_000,
        _ change: (inout EngineConfiguration, Names) -> Void = { _, _ in }
    ) {
        var configuration = EngineConfiguration()
        configuration.maxInflight = maxInflight
        configuration.retainCompleted = retain
        configuration.timeoutMs = timeoutMs
        change(&configuration, names)
        machine = EngineMachine(configuration: configuration, seed: 1)
        step(.define(type("test/work"), EffectTraits()))
        step(.define(type("test/wait"), EffectTraits(timeout: .none, holdsSlot: false)))
    }

    func type(_ text: String) -> Name { names.intern(text) }

    /// An effect with the id `id` and a parameter `:value`.
    func effect(
        _ id: String, _ meta: [(KnownName, Value)] = [], type text: String = "test/work", value: Value = .nil,
        parent: Identity? = nil
    ) -> Effect {
        var fields = HashMap()
        try? HashMap.set(&fields, .kw(.effectSlashType), .keyword(type(text)))
        try? HashMap.set(&fields, .kw(.value), value)
        ordinal += 1
        return Effect(
            type: type(text), fields: fields, meta: Trial.meta(meta), id: ValueKey(text: id),
            parent: parent ?? run, ordinal: ordinal)
    }

    static func meta(_ pairs: [(KnownName, Value)]) -> EffectMeta {
        guard !pairs.isEmpty else { return .none }
        do {
            return try EffectMeta.read(map(pairs))
        } catch {
            Issue.record("\(error)")
            return .none
        }
    }

    static func map(_ pairs: [(KnownName, Value)]) -> HashMap {
        var map = HashMap()
        for (key, value) in pairs { try? HashMap.set(&map, .kw(key), value) }
        return map
    }

    /// The map that a value is; nothing else will do.
    static func map(_ value: Value) throws -> HashMap {
        let map: HashMap? = if case .map(let map) = value { map } else { nil }
        return try #require(map, "\(value.briefly) is no map")
    }

    func group(_ text: String) -> Value { names.keyword(text) }

    @discardableResult
    func submit(
        _ effects: [Effect], declared: [String] = [], recorded: [String: Value] = [:]
    ) -> Result<[EffectHandle], EffectError> {
        let ids = effects.map(\.id.value.stringValue!)
        let answers = answers
        let waiter: Waiter = { index, end in answers.byID[ids[index], default: []].append(end.outcome) }
        let keys = Dictionary(uniqueKeysWithValues: recorded.map { (ValueKey(text: $0.key), $0.value) })
        var result: Result<[EffectHandle], EffectError>?
        step(
            .submit(
                Submission(
                    effects, declaredGroups: declared.map { ValueKey(keyword: names.intern($0)) }, recorded: keys,
                    waiter: waiter))
        ) { action in
            switch action {
            case .accepted(let handles): result = .success(handles)
            case .rejected(let error): result = .failure(error)
            default: break
            }
        }
        return result!
    }

    func step(_ input: Input, _ look: (Action) -> Void = { _ in }) {
        let result = machine.step(input, at: now)
        events += result.events.map { ($0.type, $0.identity.path) }
        for action in result.actions {
            look(action)
            actionCount += 1
            switch action {
            case .start(let order):
                let id = order.effect.id.value.stringValue!
                if startPlace[id] == nil { startPlace[id] = actionCount }
                running.append(order)
                starts.append(order)
            case .cancelRunning(let handle, _, let reason):
                let index = running.firstIndex { $0.handle == handle }!
                cancelled.append((running[index].effect.id.value.stringValue!, reason))
                running.remove(at: index)
            case .answer(let waiter, let index, let end): waiter(index, end)
            case .resume(let resume): resume()
            case .signal(let signal):
                signals.append(signal)
                switch signal {
                case .effectCompleted(let effect, _), .effectCancelled(let effect, _):
                    endPlace[effect.id.value.stringValue!] = actionCount
                case .groupCompleted: break
                }
            case .stopped: isStopped = true
            case .accepted, .rejected: break
            }
        }
    }

    func end(_ id: String, _ outcome: Outcome = .ok(.int(1))) {
        guard let index = running.firstIndex(where: { $0.effect.id.value.stringValue == id }) else {
            Issue.record("\(id) does not run")
            return
        }
        let order = running.remove(at: index)
        step(.outcome(order.handle, attempt: order.attempt, outcome))
    }

    func fail(_ id: String, code: String = "broken", retryable: Bool = false, retryAfterMs: Int64? = nil) {
        end(id, .error(EffectError(code: code, "it broke", retryable: retryable, retryAfterMs: retryAfterMs)))
    }

    /// Moves the clock, ringing as the machine asks for it.
    func advance(_ ms: Int64) {
        let target = now + ms
        while let next = machine.nextWake, next <= target {
            now = max(now, next)
            step(.wake)
        }
        now = target
        step(.wake)
    }

    /// The ids that run, in start order.
    var runningIDs: [String] { running.map { $0.effect.id.value.stringValue! } }
    var startedIDs: [String] { starts.map { $0.effect.id.value.stringValue! } }

    func status(_ id: String) -> EffectStatus? { machine.view(ValueKey(text: id))?.status }

    /// The one answer to an id: `ok 1`, `error code: message`.
    func answer(_ id: String) -> String? {
        guard let found = answers.byID[id] else { return nil }
        #expect(found.count == 1, "\(id) was answered \(found.count) times")
        switch found[0] {
        case .ok(let value): return "ok \(ValueKey.shown(value))"
        case .error(let error): return "\(error.code): \(error.message)"
        }
    }
}

func number(_ int: Int64) -> Value { .int(int) }
func vector(_ values: Value...) -> Value { .vector(values) }
