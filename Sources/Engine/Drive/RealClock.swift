import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The machine's own time, and one thread that makes the calls it owes. The thread starts with the first call.
package final class RealClock: Clock, @unchecked Sendable {
    // Sendable: `service` locks inside.
    private let service = TimerService()

    package init() {}

    deinit { service.stop() }

    package var nowMs: Int64 { RealClock.read(CLOCK_MONOTONIC) / 1_000_000 }
    package var wallMs: Int64 { RealClock.read(CLOCK_REALTIME) / 1_000_000 }

    package func schedule(atMs: Int64, _ body: @escaping @Sendable () -> Void) -> ScheduledCall {
        let call = ScheduledCall(atMs: atMs, body) { [weak service] in service?.withdraw() }
        service.add(call)
        return call
    }

    /// Nanoseconds.
    static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

/// The thread of a real clock. It owns a reference to this, not to the clock, so that the clock can end it.
final class TimerService: @unchecked Sendable {
    // Sendable: `lock` guards everything mutable; the condition is made to be shared.
    private let lock = Lock()
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var calls = CallHeap()
    private var isRunning = false
    private var isStopped = false

    init() {
        condition = .allocate(capacity: 1)
        condition.initialize(to: pthread_cond_t())
        #if canImport(Glibc)
            var attributes = pthread_condattr_t()
            pthread_condattr_init(&attributes)
            // A wait must not end early or late because somebody sets the wall clock.
            pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
            pthread_cond_init(condition, &attributes)
            pthread_condattr_destroy(&attributes)
        #else
            pthread_cond_init(condition, nil)
        #endif
    }

    deinit {
        pthread_cond_destroy(condition)
        condition.deallocate()
    }

    func add(_ call: ScheduledCall) {
        lock.withLock {
            let first = calls.firstTime
            calls.push(call)
            if !isRunning {
                isRunning = true
                startThread()
            } else if first.map({ call.atMs < $0 }) ?? true {
                pthread_cond_signal(condition)
            }
        }
    }

    func withdraw() {
        lock.withLock {
            calls.withdrawn += 1
            calls.sweepIfMostlyWithdrawn()
        }
    }

    func stop() {
        lock.withLock {
            isStopped = true
            pthread_cond_signal(condition)
        }
    }

    private func startThread() {
        let context = Unmanaged.passRetained(self).toOpaque()
        #if canImport(Glibc)
            var thread = pthread_t()
        #else
            var thread: pthread_t?
        #endif
        let failed = pthread_create(&thread, nil, TimerService.entry, context)
        precondition(failed == 0, "the system has no thread left for timers")
        #if canImport(Glibc)
            pthread_detach(thread)
        #else
            if let thread { pthread_detach(thread) }
        #endif
    }

    #if canImport(Glibc)
        private static let entry: @Sendable @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = {
            context in
            if let context { Unmanaged<TimerService>.fromOpaque(context).takeRetainedValue().run() }
            return nil
        }
    #else
        private static let entry: @Sendable @convention(c) (UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? = {
            context in
            Unmanaged<TimerService>.fromOpaque(context).takeRetainedValue().run()
            return nil
        }
    #endif

    private func run() {
        var due: [ScheduledCall] = []
        while true {
            let goesOn = lock.withLock {
                while due.isEmpty {
                    if isStopped { return false }
                    let now = RealClock.read(CLOCK_MONOTONIC) / 1_000_000
                    while let call = calls.popDue(now) { due.append(call) }
                    if due.isEmpty { waitForNext(now) }
                }
                return true
            }
            guard goesOn else { return }
            for call in due { call.take()?() }
            due.removeAll(keepingCapacity: due.count < 1024)
        }
    }

    /// Called with the lock held; returns when there may be something to do.
    private func waitForNext(_ now: Int64) {
        guard let next = calls.firstTime else {
            pthread_cond_wait(condition, lock.handle)
            return
        }
        // A day at most: what is further off is looked at again then, and no time overflows.
        let wait = min(next - now, 86_400_000)
        #if canImport(Glibc)
            let until = now + wait
        #else
            let until = RealClock.read(CLOCK_REALTIME) / 1_000_000 + wait
        #endif
        var time = timespec(tv_sec: Int(until / 1000), tv_nsec: Int(until % 1000) * 1_000_000)
        pthread_cond_timedwait(condition, lock.handle, &time)
    }
}
