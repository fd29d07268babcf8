#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A thread that runs one function.
struct Thread: ~Copyable {
    private let handle: pthread_t

    init(_ body: @escaping @Sendable () -> Void) {
        final class Box: Sendable {
            let body: @Sendable () -> Void
            init(_ body: @escaping @Sendable () -> Void) { self.body = body }
        }
        let box = Unmanaged.passRetained(Box(body)).toOpaque()
        #if canImport(Glibc)
            var handle = pthread_t()
            let failed = pthread_create(
                &handle, nil, { given in Thread.run(given!, Box.self, \.body) }, box)
            precondition(failed == 0, "the system gives no more threads")
            self.handle = handle
        #else
            var handle: pthread_t?
            let failed = pthread_create(&handle, nil, { given in Thread.run(given, Box.self, \.body) }, box)
            precondition(failed == 0, "the system gives no more threads")
            self.handle = handle!
        #endif
    }

    private static func run<Box: AnyObject>(
        _ given: UnsafeMutableRawPointer, _ type: Box.Type, _ body: (Box) -> @Sendable () -> Void
    ) -> UnsafeMutableRawPointer? {
        let box = Unmanaged<Box>.fromOpaque(given).takeRetainedValue()
        body(box)()
        return nil
    }

    /// Waits for its end.
    consuming func join() { pthread_join(handle, nil) }

    /// Lets it end by itself.
    consuming func detach() { pthread_detach(handle) }
}
