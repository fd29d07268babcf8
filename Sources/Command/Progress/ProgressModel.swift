import Engine
import Values

/// What is going on, as far as the events told: effects, not messages, whose failures a run reports by itself. Pure: events
/// and times in, lines out.
struct ProgressModel {
    /// Shorter work says nothing.
    static let quietMs: Int64 = 1000

    private let startMs: Int64
    /// The types of effects that have not ended, by identity.
    private var types: [String: String] = [:]
    private var running: [String: Int] = [:]
    private(set) var done = 0
    private(set) var failed = 0
    private(set) var other = 0
    private var lost = 0
    private var startedPaths: Set<String> = []

    init(startMs: Int64) { self.startMs = startMs }

    mutating func take(_ event: Event) {
        let path = event.identity.path
        switch event.type {
        case .effectSubmitted: types[path] = ProgressModel.type(event.payload)
        case .effectStarted:
            if startedPaths.insert(path).inserted { running[types[path] ?? "effect", default: 0] += 1 }
        case .effectRetrying: leave(path)
        case .effectEnded:
            leave(path)
            types[path] = nil
            count(event.payload)
        default: break
        }
    }

    /// Events that came too fast to be seen.
    mutating func lose(_ count: Int) { lost += count }

    private mutating func leave(_ path: String) {
        guard startedPaths.remove(path) != nil else { return }
        let type = types[path] ?? "effect"
        let left = (running[type] ?? 1) - 1
        running[type] = left > 0 ? left : nil
    }

    private mutating func count(_ payload: Value) {
        switch ProgressModel.field(payload, .status)?.knownKeyword {
        case .done: done += 1
        case .failed: failed += 1
        default: other += 1
        }
    }

    private static func type(_ payload: Value) -> String? {
        guard case .keyword(let name)? = field(field(payload, .effect), .effectSlashType) else { return nil }
        return name.description
    }

    private static func field(_ value: Value?, _ key: KnownName) -> Value? {
        guard case .map(let map)? = value else { return nil }
        return (try? map.find(.kw(key))) ?? nil
    }

    var isBusy: Bool { !running.isEmpty }

    /// Whether there is anything to tell yet.
    func isWorthShowing(_ nowMs: Int64) -> Bool {
        nowMs - startMs >= ProgressModel.quietMs && (isBusy || done + failed + other > 0)
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
        let sorted = running.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        let shown = sorted.prefix(3).map { $0.value == 1 ? $0.key : "\($0.key) \($0.value)" }
        return shown.joined(separator: ", ") + (sorted.count > 3 ? " …" : "")
    }
}
