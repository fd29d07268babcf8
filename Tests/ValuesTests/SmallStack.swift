import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Runs `body` on a thread with 512 KB of stack, the smallest that scripts run on.
///
/// The caller is suspended meanwhile instead of blocked: the other tests share few threads.
func onSmallStack(_ body: @escaping @Sendable () throws -> Void) async throws {
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
        start(Job(body: body, continuation: continuation))
    }
}

private final class Job: Sendable {
    let body: @Sendable () throws -> Void
    let continuation: CheckedContinuation<Void, any Error>

    init(body: @escaping @Sendable () throws -> Void, continuation: CheckedContinuation<Void, any Error>) {
        self.body = body
        self.continuation = continuation
    }

    func run() { continuation.resume(with: Result(catching: body)) }
}

private func start(_ job: Job) {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setstacksize(&attributes, 512 << 10)
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    let argument = Unmanaged.passRetained(job).toOpaque()
    #if canImport(Glibc)
        var thread = pthread_t()
        let run: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = {
            Unmanaged<Job>.fromOpaque($0!).takeRetainedValue().run()
            return nil
        }
    #else
        var thread: pthread_t?
        let run: @convention(c) (UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? = {
            Unmanaged<Job>.fromOpaque($0).takeRetainedValue().run()
            return nil
        }
    #endif
    pthread_create(&thread, &attributes, run, argument)
    pthread_attr_destroy(&attributes)
}
