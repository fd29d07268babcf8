#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A condition variable that goes with a `Lock`, with deadlines on the monotonic clock.
package final class Condition: @unchecked Sendable {
    // Sendable: a condition variable is made to be shared.
    private let condition: UnsafeMutablePointer<pthread_cond_t>

    package init() {
        condition = .allocate(capacity: 1)
        condition.initialize(to: pthread_cond_t())
        #if canImport(Glibc)
            var attributes = pthread_condattr_t()
            pthread_condattr_init(&attributes)
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

    package func signal() { pthread_cond_signal(condition) }
    package func broadcast() { pthread_cond_broadcast(condition) }

    package func wait(_ lock: Lock) { pthread_cond_wait(condition, lock.handle) }

    /// Waits until signalled or until the clock reads `deadline` nanoseconds. False when the time came.
    @discardableResult package func wait(_ lock: Lock, until deadline: Int64) -> Bool {
        #if canImport(Glibc)
            var time = timespec(tv_sec: Int(deadline / 1_000_000_000), tv_nsec: Int(deadline % 1_000_000_000))
            return pthread_cond_timedwait(condition, lock.handle, &time) == 0
        #else
            let left = max(0, deadline - MonotonicClock.now)
            var time = timespec(tv_sec: Int(left / 1_000_000_000), tv_nsec: Int(left % 1_000_000_000))
            return pthread_cond_timedwait_relative_np(condition, lock.handle, &time) == 0
        #endif
    }
}
