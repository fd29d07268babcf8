#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The one lock type of the project: a `pthread_mutex`.
///
/// Not `Synchronization.Mutex`, because the thread sanitizer reports a false race for each of those; as fast, and
/// allocated once so that its address never moves.
public final class Lock: @unchecked Sendable {
    // Sendable: a mutex is made to be shared.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>

    public init() {
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    @inline(__always) public func acquire() { pthread_mutex_lock(mutex) }
    /// Takes it unless somebody has it; false then.
    public func tryAcquire() -> Bool { pthread_mutex_trylock(mutex) == 0 }
    @inline(__always) public func release() { pthread_mutex_unlock(mutex) }

    @inline(__always) public func withLock<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure)
        -> Result
    {
        acquire()
        defer { release() }
        return try body()
    }

    /// The mutex itself, for waiting on a condition variable.
    public var handle: UnsafeMutablePointer<pthread_mutex_t> { mutex }
}
