#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Where the REPL's lines come from.
protocol LineSource: AnyObject, Sendable {
    func next(_ prompt: String) -> LineEvent
    /// Gives up the line being read. Called on another thread.
    func interrupt()
    /// Keeps what is worth keeping.
    func close()
}

enum LineEvent: Equatable {
    case line(String)
    /// Ctrl-C.
    case interrupted
    case end
}

/// Standard input that is no terminal: no prompt, no history.
final class PlainLines: LineSource {
    func next(_ prompt: String) -> LineEvent { readLine().map { .line($0) } ?? .end }

    /// Nobody is there to go on: an interrupt ends the conversation.
    func interrupt() { exitAtOnce(ExitCode.interrupted.rawValue) }

    func close() {}
}

/// Ends the process without running what other threads still use.
func exitAtOnce(_ code: Int32) -> Never { _exit(code) }
