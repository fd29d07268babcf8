import Engine
import Values

/// The engine's clock on a scheduler's timers: real or virtual as the scheduler is, and one heap of timers for both.
package final class SchedulerClock: Clock {
    private let scheduler: any Scheduler
    private let wallStart: Int64

    init(_ scheduler: any Scheduler, wallStart: Int64) {
        self.scheduler = scheduler
        self.wallStart = wallStart
    }

    package var nowMs: Int64 { scheduler.now() / 1_000_000 }
    package func wallMs(at nowMs: Int64) -> Int64 { wallStart + nowMs }

    package func schedule(atMs: Int64, _ body: @escaping @Sendable () -> Void) -> ScheduledCall {
        let token = TimerToken()
        let call = ScheduledCall(body) { token.cancel() }
        let limit = Int64.max / 1_000_000 - 1
        scheduler.schedule(at: min(max(0, atMs), limit) * 1_000_000, .call(token, { call.take()?() }))
        return call
    }
}
