import Engine
import Reader
import Values

@testable import Inspector

/// A trace written by hand: each event at a millisecond, about an effect whose identity is `run/NAME` of its id.
struct HandTrace {
    let names = Names()
    private(set) var histories = EffectHistories()
    private var sequence: Int64 = 0

    func value(_ edn: String) -> Value {
        (try? EDN.read(Array(edn.utf8), names: names)) ?? .nil
    }

    mutating func event(_ ms: Int64, _ type: EventType, _ identity: String, _ payload: String = "nil") {
        sequence += 1
        histories.take(
            TraceRecord(sequence: sequence, ts: 1000 + ms, type: type, identity: identity, payload: value(payload)))
    }

    /// An effect of type `:run` with an id as EDN.
    mutating func submit(_ ms: Int64, _ id: String, at identity: String? = nil, _ meta: String = "{}") {
        event(
            ms, .effectSubmitted, identity ?? "run/\(id)",
            "{:effect {:effect/id \(id) :effect/type :run :meta \(meta)}}")
    }

    mutating func start(_ ms: Int64, _ id: String, at identity: String? = nil, attempt: Int = 1) {
        event(ms, .effectStarted, identity ?? "run/\(id)", "{:effect-id \(id) :attempt \(attempt)}")
    }

    mutating func end(
        _ ms: Int64, _ id: String, at identity: String? = nil, _ status: String, durationMs: Int64 = 0,
        _ rest: String = ""
    ) {
        event(
            ms, .effectEnded, identity ?? "run/\(id)",
            "{:effect-id \(id) :status :\(status) :duration-ms \(durationMs) \(rest)}")
    }

    func sentences(_ id: String) -> [String] {
        guard let effect = EffectStory.meant(of: histories.effects(withID: id)) else { return [] }
        return EffectStory(histories).sentences(of: effect)
    }
}
