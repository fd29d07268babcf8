import Synchronization

/// Reads forms, has them evaluated, prints their values.
///
/// A form may span lines: while the text ends inside one, the next line is asked for with another prompt.
struct REPL {
    private let session: any REPLSession
    private let console: Console
    private let lines: any LineSource
    private let isEvaluating = Flagged()

    /// A conversation on the process's own streams: with an editor when both ends are a terminal.
    init(_ session: any REPLSession, _ console: Console, _ terminal: Terminal) {
        let lines: any LineSource =
            terminal.input && terminal.output && terminal.canRedraw
            ? EditedLines(historyFile: Files.history(), completions: { session.completions(of: $0) }) : PlainLines()
        self.init(session, console, lines)
    }

    init(_ session: any REPLSession, _ console: Console, _ lines: any LineSource) {
        self.session = session
        self.console = console
        self.lines = lines
    }

    /// Converses until the input ends. Gives the exit code.
    func run() -> Int32 {
        Signals.watch { [session, console, lines, isEvaluating] signal in
            if signal == .terminate {
                lines.close()
                console.close()
                exitAtOnce(signal.exitCode.rawValue)
            } else if isEvaluating.value {
                session.interrupt()
            } else {
                lines.interrupt()
            }
        }
        let code = converse()
        lines.close()
        session.close()
        return code
    }

    func converse() -> Int32 {
        var text = ""
        while true {
            let prompt = session.prompt
            switch lines.next(text.isEmpty ? prompt : REPL.continuation(of: prompt)) {
            case .interrupted: text = ""
            case .end:
                guard !text.isEmpty else { return ExitCode.done.rawValue }
                let code = answer(text, atEnd: true)
                return code ?? ExitCode.done.rawValue
            case .line(let line):
                text += text.isEmpty ? line : "\n" + line
                if text.allSatisfy(\.isWhitespace) {
                    text = ""
                    continue
                }
                switch evaluate(text, atEnd: false) {
                case .incomplete: continue
                case let reply:
                    text = ""
                    if let code = show(reply) { return code }
                }
            }
        }
    }

    private func answer(_ text: String, atEnd: Bool) -> Int32? { show(evaluate(text, atEnd: atEnd)) }

    private func evaluate(_ text: String, atEnd: Bool) -> REPLReply {
        isEvaluating.value = true
        defer { isEvaluating.value = false }
        return session.submit(text, atEnd: atEnd)
    }

    /// Prints a reply; an exit code when it ends the conversation.
    private func show(_ reply: REPLReply) -> Int32? {
        switch reply {
        case .incomplete: return nil
        case .values(let values):
            for value in values { console.write(value + "\n", to: .output) }
            return nil
        case .failed(let text):
            console.write(text, to: .error)
            return nil
        case .exit(let code): return code
        }
    }

    /// As wide as the prompt, so that what is typed stays aligned.
    static func continuation(of prompt: String) -> String {
        let width = prompt.count
        return width < 4 ? String(repeating: ".", count: width) : String(repeating: " ", count: width - 4) + "... "
    }
}

/// A flag that two threads share.
final class Flagged: Sendable {
    private let flag = Atomic<Bool>(false)

    var value: Bool {
        get { flag.load(ordering: .acquiring) }
        set { flag.store(newValue, ordering: .releasing) }
    }
}
