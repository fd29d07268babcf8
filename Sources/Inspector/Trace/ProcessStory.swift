import Engine
import Values

/// Tells of one process: how it ended or where it stands, who started it, whose it was, and who heard of its end.
package struct ProcessStory {
    private let histories: EffectHistories

    package init(_ histories: EffectHistories) { self.histories = histories }

    /// One sentence each.
    package func sentences(of process: ProcessHistory) -> [String] {
        var told = [ending(process)]
        if let parent = process.parent, let effect = histories.effect(at: parent) {
            told.append("\(ValueKey.shown(effect.id))\(effect.type.map { " (\($0))" } ?? "") started it.")
        }
        for transfer in process.transfers {
            let when = process.startedMs.map { ", after \(EffectSentence.duration(transfer.ms - $0))" } ?? ""
            told.append("The session \"\(transfer.from)\" handed it on to \"\(transfer.to)\"\(when).")
        }
        guard process.end != nil else { return told }
        let listeners = process.hearings.map { ValueKey.shown($0.effect) }
        told.append(
            listeners.isEmpty ? "Nobody awaited it." : "It was awaited by \(listeners.joined(separator: ", ")).")
        return told
    }

    private func ending(_ process: ProcessHistory) -> String {
        let name = "\(ValueKey.shown(.string(process.id)))\(process.run.map { " (\($0))" } ?? "")"
        guard let end = process.end else {
            let since = process.startedMs.map { ", since \(EffectSentence.duration(histories.lastMs - $0))" } ?? ""
            return "When the trace ends, the process \(name) is running\(since)."
        }
        let after = process.durationMs.map { " after \(EffectSentence.duration($0))" } ?? ""
        let cause = ProcessStory.cause(end).map { ": \($0)" } ?? ""
        switch end.status {
        case "failed": return "The process \(name) failed\(after)\(cause)."
        case "cancelled": return "The process \(name) was cancelled\(after)\(cause)."
        default: return "The process \(name) is done\(after.isEmpty ? "" : "," + after)."
        }
    }

    /// Why it is not done, if the trace says so.
    static func cause(_ end: ProcessHistory.End) -> String? { end.message ?? end.reason }

    // MARK: As data

    /// `{:type "process" …}`, ready for JSON; with `:why` the sentences, as one text.
    package func value(of process: ProcessHistory, withWhy: Bool = false) -> Value {
        func text(_ text: String?) -> Value { text.map { .string($0) } ?? .nil }
        func number(_ count: Int64?) -> Value { count.map { .int($0) } ?? .nil }
        let error: Value =
            process.end?.message.map { .record((.code, text(process.end?.code)), (.message, .string($0))) } ?? .nil
        let events =
            process.transfers.map { transfer in
                Value.record(
                    (.type, .string(EventType.processTransferred.rawValue)), (.ts, .int(transfer.ms)),
                    (.from, .string(transfer.from)), (.to, .string(transfer.to)))
            }
            + process.hearings.map { hearing in
                Value.record(
                    (.type, .string(EventType.processAwaited.rawValue)), (.ts, .int(hearing.ms)),
                    (.effectID, hearing.effect))
            }
        return .record(
            (.type, .string("process")), (.id, .string(process.id)), (.run, text(process.run)),
            (.identity, .string(process.identity)), (.parent, text(process.parent)), (.status, .string(process.status)),
            (.startedTs, number(process.startedMs)), (.endedTs, number(process.end?.ms)),
            (.durationMs, number(process.durationMs)), (.events, events.isEmpty ? .nil : .vector(Vector(events))),
            (.error, error), (.reason, text(process.end?.reason)),
            (.why, withWhy ? .string(sentences(of: process).joined(separator: " ")) : .nil), dropNil: true)
    }
}
