import Values

/// Runs `body` on a thread with 512 KB of stack, the smallest that scripts run on.
///
/// The caller is suspended meanwhile instead of blocked: the other tests share few threads.
func onSmallStack(_ body: @escaping @Sendable () throws -> Void) async throws {
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
        let began = startThread(stack: 512 << 10) { continuation.resume(with: Result(catching: body)) }
        precondition(began, "the system gives no more threads")
    }
}
