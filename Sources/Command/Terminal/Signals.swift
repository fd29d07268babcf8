import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Why the process is asked to end.
package enum StopSignal: Int32, CaseIterable, Sendable {
    /// The terminal is gone.
    case hangUp = 1
    case interrupt = 2
    /// Nobody reads standard output any more.
    case brokenPipe = 13
    case terminate = 15

    /// As a shell sees a process that a signal ended.
    package var exitCode: ExitCode {
        switch self {
        case .hangUp: .hungUp
        case .interrupt: .interrupted
        case .brokenPipe: .brokenPipe
        case .terminate: .terminated
        }
    }
}

/// SIGINT, SIGTERM and SIGHUP as calls on a thread of their own. SIGQUIT is left to the system: it is asked for to have a core.
///
/// The signals are blocked and waited for, so no code runs inside a signal handler and nothing of it is global but the mask,
/// which threads made later inherit; children are started with an empty one.
enum Signals {
    /// Begins to watch. To be called before other threads are made.
    ///
    /// - Parameters:
    ///   - others: signals that do not stop the program.
    ///   - receivedOther, received: called for each signal, one at a time, on the watching thread.
    static func watch(
        also others: [Int32] = [], _ receivedOther: @escaping @Sendable (Int32) -> Void = { _ in },
        _ received: @escaping @Sendable (StopSignal) -> Void
    ) {
        // A reader that went away is an error of the write, which the console reports.
        signal(SIGPIPE, SIG_IGN)
        let numbers = ([StopSignal.interrupt, .terminate, .hangUp].map(\.rawValue) + others).filter { !isIgnored($0) }
        guard !numbers.isEmpty else { return }
        var set = Signals.set(numbers)
        pthread_sigmask(SIG_BLOCK, &set, nil)
        let began = startThread {
            var set = Signals.set(numbers)
            var number: Int32 = 0
            while sigwait(&set, &number) == 0 {
                if let stop = StopSignal(rawValue: number) { received(stop) } else { receivedOther(number) }
            }
        }
        precondition(began, "the system gives no more threads")
    }

    /// Lets a watched signal do what it does by itself, and returns if that was not to end the process. On the watching thread.
    static func obey(_ number: Int32) {
        var set = Signals.set([number])
        pthread_sigmask(SIG_UNBLOCK, &set, nil)
        pthread_kill(pthread_self(), number)
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// Whoever started the process in the background may have decided that Ctrl-C is not meant for it.
    private static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        guard sigaction(number, nil, &action) == 0 else { return false }
        #if canImport(Glibc)
            return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1
        #else
            return unsafeBitCast(action.__sigaction_u.__sa_handler, to: Int.self) == 1
        #endif
    }

    private static func set(_ numbers: [Int32]) -> sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for number in numbers { sigaddset(&set, number) }
        return set
    }
}
