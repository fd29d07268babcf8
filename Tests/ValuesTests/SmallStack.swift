import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Runs `body` on a thread with 512 KB of stack, the smallest that scripts run on, and waits for it.
func onSmallStack(_ body: @escaping @Sendable () throws -> Void) throws {
    final class Job: @unchecked Sendable {
        // Sendable: the join orders the accesses.
        let body: @Sendable () throws -> Void
        var failure: (any Error)?
        init(_ body: @escaping @Sendable () throws -> Void) { self.body = body }
    }
    let job = Job(body)
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setstacksize(&attributes, 512 << 10)
    #if canImport(Glibc)
        var thread = pthread_t()
        pthread_create(
            &thread, &attributes,
            { argument in
                let job = Unmanaged<Job>.fromOpaque(argument!).takeRetainedValue()
                do { try job.body() } catch { job.failure = error }
                return nil
            }, Unmanaged.passRetained(job).toOpaque())
        pthread_join(thread, nil)
    #else
        var thread: pthread_t?
        pthread_create(
            &thread, &attributes,
            { argument in
                let job = Unmanaged<Job>.fromOpaque(argument).takeRetainedValue()
                do { try job.body() } catch { job.failure = error }
                return nil
            }, Unmanaged.passRetained(job).toOpaque())
        pthread_join(thread!, nil)
    #endif
    pthread_attr_destroy(&attributes)
    if let failure = job.failure { throw failure }
}
