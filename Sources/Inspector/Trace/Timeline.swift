import Engine
import Values

/// What happened in a run, in lines for people: effects below those that began them, with when, how long and what became of
/// each, and beside them what went wrong.
package struct Timeline {
    private let histories: EffectHistories
    private let shortNames: [String: String]

    package init(_ histories: EffectHistories) {
        self.histories = histories
        shortNames = histories.shortNames()
    }

    /// `12 effects in 1.4 s: 9 done, 1 failed, 2 skipped`.
    package var summary: String {
        let count = histories.all.count
        let time = EffectSentence.duration(histories.lastMs - (histories.firstMs ?? histories.lastMs))
        let counts = statuses.map { "\($0.count) \($0.status)" }.joined(separator: ", ")
        return "\(count) \(count == 1 ? "effect" : "effects") in \(time)\(counts.isEmpty ? "" : ": \(counts)")"
    }

    /// How many have each status, those without any left out.
    private var statuses: [(status: String, count: Int)] {
        var counts: [String: Int] = [:]
        for effect in histories.all { counts[effect.status, default: 0] += 1 }
        return Timeline.order.compactMap { status in counts[status].map { (status, $0) } }
    }

    private static let order = [
        "done", "failed", "cancelled", "skipped", "deduplicated", "running", "retrying", "waiting",
    ]

    /// `{:type "summary" :effects n :done n … :ms n}`, ready for JSON.
    package var summaryValue: Value {
        var map = HashMap()
        // Texts can always be keys.
        func set(_ key: String, _ value: Value) { try? HashMap.set(&map, .string(key), value) }
        set("type", .string("summary"))
        set("effects", .int(Int64(histories.all.count)))
        for (status, count) in statuses { set(status, .int(Int64(count))) }
        set("duration-ms", .int(histories.lastMs - (histories.firstMs ?? histories.lastMs)))
        set("lost", .int(Int64(histories.lost)))
        return .map(map)
    }

    // MARK: Lines

    private enum Row {
        case effect(EffectHistory)
        case notice(TraceNotice)
    }

    /// Each path that began something, and below it, further in, what it began.
    package var lines: [String] {
        var below: [String: [Row]] = [:]
        var tops: [String] = []
        func add(_ row: Row, under path: String) {
            if below[path] == nil, !histories.isEffect(path) { tops.append(path) }
            below[path, default: []].append(row)
        }
        for effect in histories.all { add(.effect(effect), under: home(of: effect.identity)) }
        for notice in histories.notices { add(.notice(notice), under: notice.identity) }
        var lines: [String] = []
        for top in tops {
            lines.append(top)
            // Rows that are still to be written, the next one last: effects that began effects may nest deep.
            var pending = (below[top] ?? []).reversed().map { (row: $0, depth: 1) }
            while let (row, depth) = pending.popLast() {
                lines.append(line(row, depth))
                guard case .effect(let effect) = row, effect.standsForIt == nil else { continue }
                // The same place may have had several effects over time: the rows are the first's.
                let inner = below.removeValue(forKey: effect.identity) ?? []
                pending += inner.reversed().map { ($0, depth + 1) }
            }
        }
        return lines
    }

    /// The effect that something belongs to, or what stands above it in its path.
    private func home(of identity: String) -> String {
        let above = Timeline.parent(of: identity)
        var here = above
        while let path = here {
            if histories.isEffect(path) { return path }
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
