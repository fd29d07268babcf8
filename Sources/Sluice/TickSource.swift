import Engine
import Graph
import Machine
import Runtime
import Values

/// A channel of ticks, by interval or by a cron expression.
///
/// It holds the newest tick alone: who is slow finds the count gone on. Ticks are due at fixed moments from the first one on, so
/// lateness does not add up.
final class TickSource: EventSource, @unchecked Sendable {
    // Sendable: `lock` guards `token` and `isOver`; the rest is touched by one timer after the other.
    enum Timing {
        case every(ms: Int64)
        case schedule(CronSchedule)
    }

    /// A schedule is looked at anew so often: the clock on the wall may be set meanwhile, and who closed the channel instead of
    /// stopping the source is noticed.
    private static let longestWaitMs: Int64 = 60_000
    /// Ten years.
    private static let intervals: ClosedRange<Int64> = 1...315_360_000_000

    let channel = Channel(.sliding(1))
    let shown: String? = nil
    private let timing: Timing
    private unowned let runtime: FiberRuntime
    private unowned let sources: EventSources
    private let lock = Lock()
    private var token = TimerToken()
    private var isOver = false
    private var firstNs: Int64 = 0
    private var count: Int64 = 0
    private var dueMs: Int64?

    init(_ timing: Timing, _ runtime: FiberRuntime, _ sources: EventSources) {
        self.timing = timing
        self.runtime = runtime
        self.sources = sources
    }

    /// `{:interval-ms n}` or `{:cron "*/5 * * * *"}`.
    static func timing(_ options: Value) throws(Fault) -> Timing {
        guard case .map(let map) = options else {
            throw .type("event/ticks", expected: "a map with :interval-ms or :cron", found: options)
        }
        for (key, _) in map.entries where key.knownKeyword != .intervalMs && key.knownKeyword != .cron {
            throw .illegalArgument("event/ticks takes :interval-ms or :cron, but found \(key.briefly)")
        }
        let (interval, cron) = (try map.find(.kw(.intervalMs)) ?? .nil, try map.find(.kw(.cron)) ?? .nil)
        guard interval.isNil != cron.isNil else {
            throw .illegalArgument(
                "event/ticks takes either :interval-ms or :cron, but found \(interval.isNil ? "neither" : "both")")
        }
        if cron.isNil {
            guard case .int(let ms) = interval, intervals.contains(ms) else {
                throw .illegalArgument(
                    "the :interval-ms of event/ticks must be a whole number of milliseconds from \(intervals.lowerBound) to \(intervals.upperBound), but is \(interval.briefly)"
                )
            }
            return .every(ms: ms)
        }
        guard let schedule = cron.stringValue.flatMap({ CronSchedule($0) }) else {
            throw .illegalArgument(
                "the :cron of event/ticks must be a cron expression such as \"*/5 * * * *\" (minute, hour, day of the month, month, day of the week), but is \(cron.briefly)"
            )
        }
        return .schedule(schedule)
    }

    /// The first tick of an interval comes at once, that of a schedule when it is due.
    func begin() {
        firstNs = runtime.scheduler.now()
        switch timing {
        case .every: tick()
        // Who handles what is there has no time to wait for.
        case .schedule: if sources.isOnce { tick() } else { arm() }
        }
    }

    func end() {
        let isFirst = lock.withLock {
            defer { isOver = true }
            token.cancel()
            return !isOver
        }
        guard isFirst else { return }
        channel.close()
        sources.remove(self)
        // A run may wait for nothing but the timer.
        runtime.scheduler.attend()
    }

    private func tick() {
        if case .every(let ms) = timing { count = (runtime.scheduler.now() - firstNs) / (ms * 1_000_000) }
        let offer = channel.offer(.record((.n, .int(count)), (.ts, .int(runtime.clock.wallMs))))
        count += 1
        if sources.isOnce || !offer.isOpen { end() } else { arm() }
    }

    /// Sets the timer of the next tick, or of the next look at the clock.
    private func arm() {
        let now = runtime.scheduler.now()
        let deadline: Int64
        switch timing {
        case .every(let ms): deadline = firstNs + ((now - firstNs) / (ms * 1_000_000) + 1) * ms * 1_000_000
        case .schedule(let schedule):
            let wallMs = runtime.clock.wallMs
            guard let due = dueMs ?? schedule.next(after: wallMs) else { return end() }
            dueMs = due
            deadline = now + min(max(0, due - wallMs), TickSource.longestWaitMs) * 1_000_000
        }
        let token = TimerToken()
        let isLive = lock.withLock {
            self.token = token
            return !isOver
        }
        guard isLive else { return }
        runtime.scheduler.schedule(at: deadline, .call(token, { [self] in isDue() }))
    }

    private func isDue() {
        if channel.isClosed { return end() }
        if let due = dueMs {
            // A clock that was set back or forth has another next moment.
            guard runtime.clock.wallMs >= due else {
                dueMs = nil
                return arm()
            }
            dueMs = nil
        }
        tick()
    }
}
