import Testing
import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

@Suite struct ThreadTests {
    /// Whether a new thread would be given this signal.
    private func takes(_ signal: Int32) async -> Bool {
        await withCheckedContinuation { continuation in
            let began = startThread {
                var mask = sigset_t()
                pthread_sigmask(SIG_BLOCK, nil, &mask)
                continuation.resume(returning: sigismember(&mask, signal) == 0)
            }
            precondition(began)
        }
    }

    @Test(arguments: [SIGINT, SIGTERM, SIGPIPE]) func aNewThreadTakesNoSignals(_ signal: Int32) async {
        #expect(await !takes(signal))
    }

    @Test func theMakerKeepsItsSignals() {
        var (before, after) = (sigset_t(), sigset_t())
        pthread_sigmask(SIG_BLOCK, nil, &before)
        #expect(startThread {})
        pthread_sigmask(SIG_BLOCK, nil, &after)
        for signal in [SIGINT, SIGTERM, SIGPIPE] {
            #expect(sigismember(&before, signal) == sigismember(&after, signal))
        }
    }

    @Test func aWaitEndsAtItsDeadline() {
        let (lock, condition) = (Lock(), Condition())
        let deadline = MonotonicClock.now + 1_000_000
        // The system may wake a waiter for no reason.
        lock.withLock { while condition.wait(lock, until: deadline) {} }
        #expect(MonotonicClock.now >= deadline)
    }

    @Test func aSignalEndsAWaitBeforeItsDeadline() {
        let (lock, condition) = (Lock(), Condition())
        let flag = Flag()
        let deadline = MonotonicClock.now + 20_000_000_000
        lock.withLock {
            let began = startThread {
                lock.withLock {
                    flag.isSet = true
                    condition.signal()
                }
            }
            #expect(began)
            while !flag.isSet, condition.wait(lock, until: deadline) {}
        }
        #expect(MonotonicClock.now < deadline)
    }

    private final class Flag: @unchecked Sendable {
        // Sendable: guarded by the test's lock.
        var isSet = false
    }
}
