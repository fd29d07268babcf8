#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Runs `body` on a new detached thread. False when the system has no thread left.
///
/// The thread takes no signals: those are for the host's own threads, and a write to a closed pipe then fails with EPIPE
/// instead of ending the process.
///
/// - Parameter stack: bytes; nil for what the system gives.
package func startThread(stack: Int? = nil, _ body: @escaping @Sendable () -> Void) -> Bool {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    if let stack { pthread_attr_setstacksize(&attributes, stack) }
    // A thread inherits the mask of the one that makes it.
    var everything = sigset_t()
    var before = sigset_t()
    sigfillset(&everything)
    pthread_sigmask(SIG_SETMASK, &everything, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    let start = Unmanaged.passRetained(ThreadStart(body))
    #if canImport(Glibc)
        var thread = pthread_t()
        let code = pthread_create(&thread, &attributes, { ThreadStart.run($0!) }, start.toOpaque())
    #else
        var thread: pthread_t?
        let code = pthread_create(&thread, &attributes, { ThreadStart.run($0) }, start.toOpaque())
    #endif
    if code != 0 { start.release() }
    return code == 0
}

/// What a new thread is given.
private final class ThreadStart: Sendable {
    private let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }

    static func run(_ given: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
        Unmanaged<ThreadStart>.fromOpaque(given).takeRetainedValue().body()
        return nil
    }
}
