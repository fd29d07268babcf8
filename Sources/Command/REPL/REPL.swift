import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Reads forms, has them evaluated, prints their values.
///
/// A form may span lines: while the text ends inside one, the next line is asked for with another prompt.
struct REPL {
    private let console: Console
    private let lines: any LineSource
    private let stage: Stage

    /// A conversation on the process's own streams: with an editor when both ends are a terminal that can redraw.
    init(_ console: Console) {
        let terminal = console.terminal
        let stage = Stage()
        let isTalking = terminal.input && terminal.output
        let edited =
            isTalking && terminal.canRedraw
            ? EditedLines(
                historyFile: Files.history(), completions: { stage.session?.completions(of: $0) ?? [] })
            : nil
        self.init(console, edited ?? PlainLines(isTalking: isTalking), stage)
    }

    init(_ console: Console, _ lines: any LineSource, _ stage: Stage = Stage()) {
        self.console = console
        self.lines = lines
        self.stage = stage
    }

    /// Converses until the input ends. Gives the exit code.
    ///
    /// - Parameter open: loads what the conversation is about, with signals on: Ctrl-C ends the process.
    func run(_ open: () -> REPLStart) -> Int32 {
        console.divert { [lines] in lines.write($0, $1) }
        console.whenLost { [lines] number in
            if number == EPIPE { leave(.brokenPipe) }
            lines.close()
            exitAtOnce(CommandLineTool.ended(ExitCode.failed.rawValue, console))
        }
        Signals.watch(also: lines.signals, { [lines] in lines.receive($0) }) { receive($0) }
        defer { lines.close() }
        switch open() {
        case .failed(let code): return code
        case .opened(let session):
            session.whenExiting { [lines] code in
                lines.close()
                exitAtOnce(code)
            }
            converse(session)
            stage.finish(session)
            return ExitCode.done.rawValue
        }
    }

    private func receive(_ signal: StopSignal) {
        guard signal == .interrupt, let session = stage.session else { leave(signal) }
        if stage.isEvaluating { session.interrupt() } else { lines.interrupt() }
    }

    private func leave(_ signal: StopSignal) -> Never {
        // A reader that went away is found by whoever writes, who may be anywhere.
        if signal != .brokenPipe, let session = stage.session {
            let late = Deadline(REPL.farewell) { [lines] in
                lines.close()
                exitAtOnce(signal.exitCode.rawValue)
            }
            // Programs that the conversation has started end with it.
            stage.finish(session)
            late.cancel()
        }
        lines.close()
        exitAtOnce(signal.exitCode.rawValue)
    }

    /// Seconds that what the conversation has started may take to end once a signal asks the process to.
    private static let farewell = 5.0

    func converse(_ session: any REPLSession) {
        stage.session = session
        var text = ""
        while true {
            let prompt = session.prompt
            switch lines.next(text.isEmpty ? prompt : REPL.continuation(of: prompt)) {
            case .interrupted: text = ""
            case .end:
                if !text.isEmpty { _ = evaluate(text, session, atEnd: true) }
                return
            case .line(let line):
                text += text.isEmpty ? line : "\n" + line
                if text.allSatisfy(\.isWhitespace) || evaluate(text, session, atEnd: false) { text = "" }
            }
        }
    }

    /// False when the text ends inside a form.
    private func evaluate(_ text: String, _ session: any REPLSession, atEnd: Bool) -> Bool {
        stage.isEvaluating = true
        defer { stage.isEvaluating = false }
        switch session.submit(text, atEnd: atEnd, print: { console.write($0 + "\n", to: .output) }) {
        case .incomplete: return false
        case .done: break
        case .interrupted: console.write("interrupted\n", to: .error)
        case .cutOff: console.write("interrupted; its finally blocks took too long and were cut off\n", to: .error)
        case .failed(let text): console.write(text, to: .error)
        }
        return true
    }

    /// As wide as the prompt, so that what is typed stays aligned.
    static func continuation(of prompt: String) -> String {
        let width = prompt.count
        return width < 4 ? String(repeating: ".", count: width) : String(repeating: " ", count: width - 4) + "... "
    }
}

/// How far a conversation is: what a signal and the editor have to know.
final class Stage: @unchecked Sendable {
    // Sendable: `lock` guards what changes.
    private let lock = Lock()
    private var opened: (any REPLSession)?
    private var evaluating = false
    private var isFinishing = false

    /// Ends the conversation, once: who comes second waits for the end of the process that the first brings about.
    func finish(_ session: any REPLSession) {
        let isFirst = lock.withLock { () -> Bool in
            defer { isFinishing = true }
            return !isFinishing
        }
        guard isFirst else { while true { pause() } }
        session.close()
    }

    /// Nil while it is being loaded.
    var session: (any REPLSession)? {
        get { lock.withLock { opened } }
        set { lock.withLock { opened = newValue } }
    }

    var isEvaluating: Bool {
        get { lock.withLock { evaluating } }
        set { lock.withLock { evaluating = newValue } }
    }
}
