import CThread
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The lock of the project: a `pthread_mutex`. (`SpinLock` is for the few places where its price counts.)
///
/// Not `Synchronization.Mutex`, because the thread sanitizer reports a false race for each of those; as fast, and
/// allocated once so that its address never moves.
public final class Lock: @unchecked Sendable {
    // Sendable: a mutex is made to be shared.
    @usableFromInline let mutex: UnsafeMutablePointer<pthread_mutex_t>

    public init() {
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    @inlinable @inline(__always) public func acquire() { pthread_mutex_lock(mutex) }
    /// Takes it unless somebody has it; false then.
    public func tryAcquire() -> Bool { pthread_mutex_trylock(mutex) == 0 }
    @inlinable @inline(__always) public func release() { pthread_mutex_unlock(mutex) }

    @inlinable @inline(__always) public func withLock<Result, Failure: Error>(_ body: () throws(Failure) -> Result)
        throws(Failure)
        -> Result
    {
        acquire()
        defer { release() }
        return try body()
    }

    /// The mutex itself, for waiting on a condition variable.
    var handle: UnsafeMutablePointer<pthread_mutex_t> { mutex }
}

/// A lock of one byte for sections of a few dozen instructions that call nothing out: a channel's, a run queue's.
///
/// Half the price of a mutex, because giving it back is a plain store, and nothing to allocate. Who finds it taken looks
/// again for a while, and then yields the core, for the holder may have lost its own.
public struct SpinLock: ~Copyable, Sendable {
    @usableFromInline let isTaken = Atomic<Bool>(false)

    @inlinable public init() {}

    @inlinable @inline(__always) public borrowing func acquire() {
        if _slowPath(isTaken.exchange(true, ordering: .acquiring)) { contend() }
    }

    /// Takes it if nobody has it: for code that does without registers of its own as long as it need not wait.
    @inlinable @inline(__always) public borrowing func tryAcquire() -> Bool {
        !isTaken.exchange(true, ordering: .acquiring)
    }

    @inlinable @inline(__always) public borrowing func release() {
        // What is read under the lock is retained under it.
        sluice_keep_order()
        isTaken.store(false, ordering: .releasing)
    }

    @inlinable @inline(__always) public borrowing func withLock<Result, Failure: Error>(
        _ body: () throws(Failure) -> Result
    )
        throws(Failure) -> Result
    {
        acquire()
        defer { release() }
        return try body()
    }

    /// Looks before it yields.
    private static var looks: Int { 64 }

    @inline(never) @usableFromInline borrowing func contend() {
        var looked = 0
        repeat {
            while isTaken.load(ordering: .relaxed) {
                looked += 1
                if looked > SpinLock.looks { sched_yield() }
            }
        } while isTaken.exchange(true, ordering: .acquiring)
    }
}
