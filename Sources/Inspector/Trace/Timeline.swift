import Engine
import Values

/// What happened in a run, in lines for people: effects and processes below those that began them, with when, how long and what
/// became of each, and beside them what went wrong.
package struct Timeline {
    private let histories: EffectHistories
    private let shortNames: [String: String]

    package init(_ histories: EffectHistories) {
        self.histories = histories
        shortNames = histories.shortNames()
    }

    /// `12 effects in 1.4 s: 9 done, 1 failed, 2 skipped`, and when there are any, `; 2 processes: 2 done`.
    package var summary: String {
        let count = histories.all.count
        let time = EffectSentence.duration(histories.lastMs - (histories.firstMs ?? histories.lastMs))
        let counts = Timeline.counted(statuses)
        var summary = "\(count) \(count == 1 ? "effect" : "effects") in \(time)\(counts.isEmpty ? "" : ": \(counts)")"
        let processes = histories.processes.all
        if !processes.isEmpty {
            let ends = Timeline.counted(Timeline.statuses(processes.map(\.status)))
            summary += "; \(processes.count) \(processes.count == 1 ? "process" : "processes"): \(ends)"
        }
        return summary
    }

    private static func counted(_ statuses: [(status: String, count: Int)]) -> String {
        statuses.map { "\($0.count) \($0.status)" }.joined(separator: ", ")
    }

    /// How many effects have each status, those without any left out.
    private var statuses: [(status: String, count: Int)] { Timeline.statuses(histories.all.map(\.status)) }

    private static func statuses(_ all: [String]) -> [(status: String, count: Int)] {
        var counts: [String: Int] = [:]
        for status in all { counts[status, default: 0] += 1 }
        return Timeline.order.compactMap { status in counts[status].map { (status, $0) } }
    }

    private static let order = [
        "done", "failed", "cancelled", "skipped", "deduplicated", "running", "retrying", "waiting",
    ]

    /// `{:type "summary" :effects n :done n … :processes n :duration-ms n :lost n}`, ready for JSON.
    package var summaryValue: Value {
        var map = HashMap()
        // Texts can always be keys.
        func set(_ key: String, _ value: Value) { try? HashMap.set(&map, .string(key), value) }
        set("type", .string("summary"))
        set("effects", .int(Int64(histories.all.count)))
        for (status, count) in statuses { set(status, .int(Int64(count))) }
        set("processes", .int(Int64(histories.processes.all.count)))
        set("duration-ms", .int(histories.lastMs - (histories.firstMs ?? histories.lastMs)))
        set("lost", .int(Int64(histories.lost)))
        return .map(map)
    }

    // MARK: Lines

    private enum Row {
        case effect(EffectHistory)
        case process(ProcessHistory)
        case notice(TraceNotice)

        /// The path of what may have begun something.
        var identity: String? {
            switch self {
            case .effect(let effect): effect.standsForIt == nil ? effect.identity : nil
            case .process(let process): process.identity
            case .notice: nil
            }
        }
    }

    /// Each path that began something, and below it, further in, what it began.
    package var lines: [String] {
        var below: [String: [Row]] = [:]
        var tops: [String] = []
        func add(_ row: Row, under path: String) {
            if below[path] == nil, !isRow(path) { tops.append(path) }
            below[path, default: []].append(row)
        }
        for effect in histories.all { add(.effect(effect), under: home(of: effect.identity)) }
        for process in histories.processes.all { add(.process(process), under: home(of: process)) }
        for notice in histories.notices { add(.notice(notice), under: notice.identity) }
        var lines: [String] = []
        for top in tops {
            lines.append(top)
            // Rows that are still to be written, the next one last: effects that began effects may nest deep.
            var pending = (below[top] ?? []).reversed().map { (row: $0, depth: 1) }
            while let (row, depth) = pending.popLast() {
                lines.append(line(row, depth))
                guard let identity = row.identity else { continue }
                // The same place may have had several effects over time: the rows are the first's.
                let inner = below.removeValue(forKey: identity) ?? []
                pending += inner.reversed().map { ($0, depth + 1) }
            }
        }
        return lines
    }

    private func isRow(_ path: String) -> Bool { histories.isEffect(path) || histories.processes.isProcess(path) }

    /// The effect that started a process: it stands there, for its own path tells nothing of where it comes from.
    private func home(of process: ProcessHistory) -> String {
        if let parent = process.parent, histories.isEffect(parent) { return parent }
        return Timeline.parent(of: process.identity) ?? process.identity
    }

    /// The effect or the process that something belongs to, or what stands above it in its path.
    private func home(of identity: String) -> String {
        let above = Timeline.parent(of: identity)
        var here = above
        while let path = here {
            if isRow(path) { return path }
            here = Timeline.parent(of: path)
        }
        return above ?? identity
    }

    /// A path without its last step; names in it have no slashes.
    private static func parent(of path: String) -> String? {
        path.lastIndex(of: "/").map { String(path[..<$0]) }
    }

    private func line(_ row: Row, _ depth: Int) -> String {
        let indent = String(repeating: "  ", count: depth)
        switch row {
        case .notice(let notice):
            return
                "\(indent)\(offset(notice.ms))  \(notice.type.rawValue)\(notice.text.isEmpty ? "" : ": \(notice.text)")"
        case .process(let process):
            let columns = [
                process.startedMs.map(offset) ?? Timeline.padded("", 9), Timeline.padded(process.status, 12),
                Timeline.padded(process.durationMs.map(EffectSentence.duration) ?? "", 8, right: true),
                "process \(ValueKey.shown(.string(process.id)))\(process.run.map { " of \($0)" } ?? "")",
            ]
            return indent + columns.joined(separator: "  ") + notes(process)
        case .effect(let effect):
            let duration = effect.end.flatMap { effect.attempts.isEmpty ? nil : $0.durationMs }
                .map(EffectSentence.duration)
            let columns = [
                offset(effect.submittedMs), Timeline.padded(effect.status, 12),
                Timeline.padded(duration ?? "", 8, right: true), subject(effect),
            ]
            return indent + columns.joined(separator: "  ") + notes(effect)
        }
    }

    private func offset(_ ms: Int64) -> String {
        Timeline.padded("+\(EffectSentence.duration(ms - (histories.firstMs ?? ms)))", 9, right: true)
    }

    private static func padded(_ text: String, _ width: Int, right: Bool = false) -> String {
        let padding = String(repeating: " ", count: max(0, width - text.count))
        return right ? padding + text : text + padding
    }

    private func subject(_ effect: EffectHistory) -> String {
        var parts = [effect.type ?? "an effect"]
        // An id that nobody gave is the path, whose last steps are enough to find it.
        if effect.id.stringValue == effect.identity {
            parts.append(shortNames[effect.identity] ?? effect.identity)
        } else {
            parts.append(ValueKey.shown(effect.id))
        }
        if let group = effect.group { parts.append("of \(ValueKey.shown(group))") }
        return parts.joined(separator: " ")
    }

    private func notes(_ process: ProcessHistory) -> String {
        var notes = ""
        for transfer in process.transfers { notes += ", handed on from \"\(transfer.from)\" to \"\(transfer.to)\"" }
        guard let end = process.end else { return notes }
        switch process.hearings.count {
        case 0: notes += ", not awaited"
        case 1: notes += ", awaited"
        case let count: notes += ", awaited by \(count)"
        }
        return notes + (ProcessStory.cause(end).map { ": \($0)" } ?? "")
    }

    private func notes(_ effect: EffectHistory) -> String {
        if let other = effect.standsForIt { return ", for which \(ValueKey.shown(other)) stands" }
        var notes = ""
        let waited = effect.waitedMs(until: histories.lastMs)
        if waited > 0 { notes += ", waited \(EffectSentence.duration(waited))" }
        if effect.attempts.count > 1 { notes += ", \(effect.attempts.count) attempts" }
        if let end = effect.end, let message = end.message {
            let cause = EffectSentence.cause(end.status, message: message, reason: end.reason, by: end.cancelledBy)
            notes += ": \(cause)"
        }
        return notes
    }
}
