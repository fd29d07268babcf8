import Engine
import Values

/// What is going on, as far as the events told: effects, not messages, whose failures a run reports by itself. Pure: events
/// and times in, lines out.
struct ProgressModel {
    /// Shorter work says nothing.
    static let quietMs: Int64 = 1000
    /// Work that begins after so long a rest is work of its own: a program that looks around once a second is never busy.
    private static let restMs: Int64 = 500

    private let startMs: Int64
    /// When the work in progress began, and when it was last seen.
    private var busyMs: ClosedRange<Int64>
    private var startedSinceLook = false
    /// How many effects of a type are under way.
    private var running: [Name: Int] = [:]
    private(set) var done = 0
    private(set) var failed = 0
    private(set) var other = 0
    private var lost = 0
    private var started: Set<Identity> = []

    init(startMs: Int64) {
        self.startMs = startMs
        busyMs = startMs...startMs
    }

    mutating func take(_ event: Event) {
        guard let type = event.effectType, !ProgressModel.isInput(type) else { return }
        switch event.type {
        case .effectStarted:
            startedSinceLook = true
            if started.insert(event.identity).inserted { running[type, default: 0] += 1 }
        case .effectRetrying: leave(event.identity, type)
        case .effectEnded:
            leave(event.identity, type)
            switch event.endStatus {
            case .done: done += 1
            case .failed: failed += 1
            default: other += 1
            }
        default: break
        }
    }

    /// How long somebody takes to type a line is nobody's progress, and must not disturb who types.
    private static func isInput(_ type: Name) -> Bool { type.namespace == "stdin" && type.name == "line" }

    /// Events came too fast to be seen, before those that are taken next: of what was under way nobody knows whether it still is.
    mutating func lose(_ count: Int) {
        guard count > 0 else { return }
        lost += count
        started = []
        running = [:]
    }

    private mutating func leave(_ effect: Identity, _ type: Name) {
        guard started.remove(effect) != nil else { return }
        let left = (running[type] ?? 1) - 1
        running[type] = left > 0 ? left : nil
    }

    var isBusy: Bool { !running.isEmpty }

    /// To be told the time after events were taken.
    mutating func look(_ nowMs: Int64) {
        guard isBusy || startedSinceLook else { return }
        startedSinceLook = false
        busyMs = (nowMs - busyMs.upperBound > ProgressModel.restMs ? nowMs : busyMs.lowerBound)...nowMs
    }

    /// Whether what goes on has taken long enough to be told.
    var isLong: Bool { isBusy && busyMs.upperBound - busyMs.lowerBound >= ProgressModel.quietMs }

    /// Whether there is something to say at the end.
    func isWorthTelling(_ nowMs: Int64) -> Bool {
        nowMs - startMs >= ProgressModel.quietMs && done + failed + other > 0
    }

    /// `12 s · llm/chat 2, fs/read · 14 done · 1 failed`.
    func line(_ nowMs: Int64) -> String {
        var parts = ["\((nowMs - startMs) / 1000) s"]
        if isBusy { parts.append(shownRunning) }
        parts.append("\(done) done")
        if failed > 0 { parts.append("\(failed) failed") }
        if other > 0 { parts.append("\(other) cancelled or skipped") }
        if lost > 0 { parts.append("\(lost) events not seen") }
        return parts.joined(separator: " · ")
    }

    /// The busiest three types; ties in alphabetical order.
    private var shownRunning: String {
        let sorted = running.map { (type: $0.key.description, count: $0.value) }
            .sorted { ($1.count, $0.type) < ($0.count, $1.type) }
        let shown = sorted.prefix(3).map { $0.count == 1 ? $0.type : "\($0.type) \($0.count)" }
        return shown.joined(separator: ", ") + (sorted.count > 3 ? " …" : "")
    }
}
