import Synchronization
import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Where the REPL's lines come from, and what shares the screen with them. Everything but `next` is called on any thread.
protocol LineSource: AnyObject, Sendable {
    func next(_ prompt: String) -> LineEvent
    /// Gives up the line being read.
    func interrupt()
    /// Writes output; gives the system's error number when it could not.
    func write(_ stream: Console.Stream, _ bytes: [UInt8]) -> Int32?
    /// The signals, beside those that stop the program, that concern it.
    var signals: [Int32] { get }
    func receive(_ signal: Int32)
    /// Leaves everything as it was found, whatever goes on. The process ends after it.
    func close()
}

enum LineEvent: Equatable {
    case line(String)
    /// Ctrl-C.
    case interrupted
    case end
}

/// Standard input without an editor: a pipe, which sees no prompt, or a terminal that cannot move its cursor, which does.
final class PlainLines: LineSource, @unchecked Sendable {
    // Sendable: `ahead` belongs to the reading thread.
    private let isTalking: Bool
    private let isInterrupted = Atomic<Bool>(false)
    /// Read, and to be given after the line before it was given up.
    private var ahead: String??

    init(isTalking: Bool) { self.isTalking = isTalking }

    func next(_ prompt: String) -> LineEvent {
        if let ahead {
            self.ahead = nil
            return event(ahead)
        }
        if isTalking { _ = write(.output, Array(prompt.utf8)) }
        let line = readLine()
        if isInterrupted.exchange(false, ordering: .acquiringAndReleasing) {
            ahead = .some(line)
            return .interrupted
        }
        return event(line)
    }

    private func event(_ line: String?) -> LineEvent { line.map { .line($0) } ?? .end }

    /// The terminal itself forgets what was typed. Where nobody talks, nobody goes on: the conversation ends.
    func interrupt() {
        guard isTalking else { exitAtOnce(ExitCode.interrupted.rawValue) }
        isInterrupted.store(true, ordering: .releasing)
        _ = write(.output, Array("\n".utf8))
    }

    func write(_ stream: Console.Stream, _ bytes: [UInt8]) -> Int32? { Console.writeAll(stream, bytes) }

    var signals: [Int32] { [] }
    func receive(_ signal: Int32) {}
    func close() {}
}

/// Ends the process without running what other threads still use.
func exitAtOnce(_ code: Int32) -> Never { _exit(code) }
