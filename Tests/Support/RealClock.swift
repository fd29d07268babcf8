import Engine
import Foundation
import Values

/// The machine's own time, for tests that talk to real servers and programs: each call it owes has a thread that sleeps.
package struct RealClock: Clock {
    package init() {}

    package var nowMs: Int64 { MonotonicClock.nowMs }
    package func wallMs(at nowMs: Int64) -> Int64 { WallClock.nowMs + nowMs - self.nowMs }

    package func schedule(atMs: Int64, _ body: @escaping @Sendable () -> Void) -> ScheduledCall {
        let call = ScheduledCall(body, withdrawn: {})
        Foundation.Thread.detachNewThread {
            Foundation.Thread.sleep(forTimeInterval: Double(max(0, atMs - MonotonicClock.nowMs)) / 1000)
            call.take()?()
        }
        return call
    }
}
