import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Lets a test wait for another thread.
final class Signalled: @unchecked Sendable {
    // Sendable: `lock` guards `isSet`; the condition is made to be shared.
    private let lock = Lock()
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var isSet = false

    init() {
        condition.initialize(to: pthread_cond_t())
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        condition.deallocate()
    }

    func signal() {
        lock.withLock {
            isSet = true
            pthread_cond_broadcast(condition)
        }
    }

    /// False when nobody signalled in time.
    func wait(ms: Int) -> Bool {
        lock.withLock {
            var until = timespec()
            clock_gettime(CLOCK_REALTIME, &until)
            until.tv_sec += ms / 1000 + 1
            while !isSet {
                if pthread_cond_timedwait(condition, lock.handle, &until) != 0 { return isSet }
            }
            return true
        }
    }
}
