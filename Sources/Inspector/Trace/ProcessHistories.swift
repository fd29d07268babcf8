import Engine
import Values

/// What one process went through, as far as a trace tells.
package struct ProcessHistory: Sendable {
    package struct Transfer: Sendable {
        package let ms: Int64
        package let from: String
        package let to: String
    }

    /// Somebody who awaited it was told of its end.
    package struct Hearing: Sendable {
        package let ms: Int64
        /// The id of the effect that awaited it.
        package let effect: Value
    }

    package struct End: Sendable {
        package let ms: Int64
        /// `done`, `failed` or `cancelled`.
        package let status: String
        /// Of its error.
        package let code: String?
        package let message: String?
        /// Why it was cancelled, when somebody said so.
        package let reason: String?
    }

    package let id: String
    package let identity: String
    /// Nil when the trace began later, or events are missing.
    package internal(set) var startedMs: Int64?
    /// What it runs, as it prints.
    package internal(set) var run: String?
    /// The path of the effect that started it; nil when another run did.
    package internal(set) var parent: String?
    package internal(set) var transfers: [Transfer] = []
    package internal(set) var hearings: [Hearing] = []
    package internal(set) var end: End?

    /// Where it stands when the trace ends, in one word.
    package var status: String { end?.status ?? "running" }

    /// How long it ran, if the trace has both ends.
    package var durationMs: Int64? {
        guard let startedMs, let end else { return nil }
        return end.ms - startedMs
    }
}

/// The fold of a run's events into what became of each process.
package struct ProcessHistories: Sendable {
    /// In the order of their first events.
    package private(set) var all: [ProcessHistory] = []
    private var byIdentity: [String: Int] = [:]

    mutating func take(_ record: TraceRecord) {
        let fields = record.fields
        func text(_ key: KnownName) -> String { fields[key]?.stringValue ?? "" }
        switch record.type {
        case .processStarted:
            // The id of one that has ended and is kept no more may be another's by now.
            byIdentity[record.identity] = nil
            change(record) {
                $0.startedMs = record.ts
                $0.run = Fields(fields[.input])[.run].map { ValueKey.shown($0) }
                $0.parent = fields[.parent]?.stringValue
            }
        case .processTransferred:
            change(record) {
                $0.transfers.append(ProcessHistory.Transfer(ms: record.ts, from: text(.from), to: text(.to)))
            }
        case .processAwaited:
            change(record) {
                $0.hearings.append(ProcessHistory.Hearing(ms: record.ts, effect: fields[.effectID] ?? .nil))
            }
        case .processEnded:
            let error = Fields(fields[.error])
            change(record) {
                $0.end = ProcessHistory.End(
                    ms: record.ts, status: fields[.status]?.knownKeyword?.rawValue ?? "done",
                    code: error[.code]?.stringValue, message: error[.message]?.stringValue,
                    reason: fields[.reason]?.stringValue)
            }
        default: break
        }
    }

    private mutating func change(_ record: TraceRecord, _ body: (inout ProcessHistory) -> Void) {
        let index = byIdentity[record.identity] ?? all.count
        if index == all.count {
            byIdentity[record.identity] = index
            let id = record.fields[.id]?.stringValue ?? record.identity
            all.append(ProcessHistory(id: id, identity: record.identity))
        }
        body(&all[index])
    }

    /// Whether the trace has something of a process at this path.
    func isProcess(_ identity: String) -> Bool { byIdentity[identity] != nil }

    /// The latest with an id, given as a person types it: bare, or as it prints.
    package func latest(withID text: String) -> ProcessHistory? {
        all.last { $0.id == text || ValueKey.shown(.string($0.id)) == text }
    }
}
