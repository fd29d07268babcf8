@preconcurrency import CEdit
import Synchronization
import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Lines edited on the terminal with libedit: history, search, Tab completion. Output that comes while a line is typed goes
/// above it.
///
/// Whoever holds `lock` may use the editor. The reading thread holds it but while it waits for a key, so what comes meanwhile
/// (output, a new width, Ctrl-Z) finds prompt and line whole, and leaves them so.
final class EditedLines: LineSource, @unchecked Sendable {
    // Sendable: `lock` guards what changes, but for the atomic and the keyboard; `close` touches constants alone.
    private let completions: (String) -> [String]
    private let screen: UnsafeMutablePointer<FILE>
    private let input: Int32
    /// The reading thread's own.
    private var keyboard: Keyboard
    private let kept: LineHistory
    private let edit: OpaquePointer?
    private let history: OpaquePointer?
    /// The terminal as it was found.
    private var found = termios()
    private let errorsShareScreen: Bool

    private let lock = Lock()
    private var isEditing = false
    /// Output did not end its line: the prompt may not stand behind it.
    private var isMidLine = false
    /// libedit asks for it while it edits, so it must outlive the question.
    private var prompt: UnsafeMutablePointer<CChar>?
    private let isInterrupted = Atomic<Bool>(false)
    /// Wakes the reading thread.
    private let bell = Bell()

    /// - Parameters:
    ///   - historyFile: nil to keep nothing.
    ///   - completions: the names that begin with a text.
    ///   - input, screen: the two directions of a terminal.
    ///
    /// Nil when libedit is not there.
    init?(
        historyFile: String?, completions: @escaping (String) -> [String], input: UnsafeMutablePointer<FILE> = stdin,
        screen: UnsafeMutablePointer<FILE> = stdout
    ) {
        guard sluice_edit_open() != 0 else { return nil }
        self.completions = completions
        self.screen = screen
        self.input = fileno(input)
        keyboard = Keyboard(self.input)
        kept = LineHistory(historyFile)
        errorsShareScreen = isatty(STDERR_FILENO) == 1
        tcgetattr(self.input, &found)
        // Without a locale, libedit takes UTF-8 for single bytes.
        setlocale(LC_CTYPE, "")
        if String(cString: nl_langinfo(Int32(CODESET))) != "UTF-8" { setlocale(LC_CTYPE, "C.UTF-8") }
        edit = sluice_edit_begin("sluice", input, screen, stderr)
        history = sluice_history_begin(Int32(LineHistory.limit))
        for line in kept.load() { sluice_history_add(history, line) }
        sluice_edit_set_up(edit, history, Unmanaged.passUnretained(self).toOpaque(), EditedLines.askPrompt)
        sluice_edit_bind_tab(edit, EditedLines.completeKey)
        sluice_edit_read_by(edit, EditedLines.readKey)
    }

    deinit {
        sluice_edit_end(edit)
        sluice_history_end(history)
        free(prompt)
    }

    func next(_ text: String) -> LineEvent {
        lock.acquire()
        defer { lock.release() }
        free(prompt)
        prompt = strdup(text)
        if isMidLine { show("\n") }
        isMidLine = false
        // Before the prompt shows, so that what is typed at the sight of it finds the editor.
        sluice_edit_prepare(edit, 1)
        isEditing = true
        defer { isEditing = false }
        var count: Int32 = 0
        guard let line = sluice_edit_line(edit, &count), count > 0 else {
            let wasInterrupted = isInterrupted.exchange(false, ordering: .acquiringAndReleasing)
            show(wasInterrupted ? "^C\n" : "\n")
            return wasInterrupted ? .interrupted : .end
        }
        // A Ctrl-C that came with the line was meant for it no more.
        isInterrupted.store(false, ordering: .releasing)
        var typed = String(cString: line)
        if typed.last?.isNewline == true { typed.removeLast() }
        if !typed.allSatisfy(\.isWhitespace) {
            sluice_history_add(history, typed)
            kept.add(typed)
        }
        return .line(typed)
    }

    func interrupt() {
        isInterrupted.store(true, ordering: .releasing)
        bell.ring()
    }

    func write(_ stream: Console.Stream, _ bytes: [UInt8]) -> Int32? {
        guard stream == .output || errorsShareScreen else { return Console.writeAll(stream, bytes) }
        return lock.withLock {
            let endsLine = bytes.last == UInt8(ascii: "\n")
            guard isEditing else {
                isMidLine = !endsLine
                return Console.writeAll(stream, bytes)
            }
            eraseLine()
            let loss = Console.writeAll(stream, endsLine ? bytes : bytes + [UInt8(ascii: "\n")])
            sluice_edit_show(edit)
            return loss
        }
    }

    func close() { tcsetattr(input, TCSANOW, &found) }

    // MARK: Signals

    var signals: [Int32] { [SIGWINCH, SIGTSTP, SIGQUIT] }

    func receive(_ signal: Int32) {
        if signal == SIGWINCH { resize() } else { step(aside: signal) }
    }

    private func resize() {
        lock.withLock {
            // Between two lines there is nothing to draw, and the editor asks for the width by itself.
            guard isEditing else { return }
            eraseLine()
            sluice_edit_resize(edit)
            sluice_edit_show(edit)
        }
    }

    /// Does what the signal does to a program that knows nothing of it, with the terminal as it was found. Goes on when the
    /// process is continued.
    private func step(aside signal: Int32) {
        lock.withLock {
            sluice_edit_prepare(edit, 0)
            tcsetattr(input, TCSANOW, &found)
            Signals.obey(signal)
            sluice_edit_prepare(edit, 1)
            if isEditing { sluice_edit_show(edit) } else { sluice_edit_prepare(edit, 0) }
        }
    }

    // MARK: What libedit calls, on the reading thread

    private static let askPrompt: sluice_edit_prompt = { edit in EditedLines.of(edit)?.prompt }

    private static let completeKey: sluice_edit_key = { edit, _ in
        EditedLines.of(edit)?.complete() ?? sluice_edit_error
    }

    private static let readKey: sluice_edit_read = { edit, key in EditedLines.of(edit)?.read(key) ?? 0 }

    private static func of(_ edit: OpaquePointer?) -> EditedLines? {
        sluice_edit_data(edit).map { Unmanaged<EditedLines>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Waits for a key: 1, 0 at the end, -1 when the line is given up.
    private func read(_ key: UnsafeMutablePointer<wchar_t>?) -> Int32 {
        lock.release()
        defer { lock.acquire() }
        while true {
            let isTyped = keyboard.isAhead || bell.wait(orFor: input)
            if isInterrupted.load(ordering: .acquiring) { return -1 }
            guard isTyped else { continue }
            guard let scalar = keyboard.next() else { return 0 }
            key?.pointee = wchar_t(bitPattern: scalar.value)
            return 1
        }
    }

    /// Adds what all candidates share; shows them when they share no more.
    private func complete() -> UInt8 {
        let word = Completion.word(endingAt: textBeforeCursor)
        // Finding names may load some, which may say something.
        lock.release()
        let completion = Completion.of(word, among: completions(word))
        lock.acquire()
        switch completion {
        case .nothing: return sluice_edit_error
        case .insert(let text):
            sluice_edit_insert(edit, text)
            return sluice_edit_refresh
        case .show(let names):
            show("\n" + Completion.table(names, width: Terminal.width(.output)))
            return sluice_edit_redisplay
        }
    }

    // MARK: The screen

    private func show(_ text: String) {
        fputs(text, screen)
        fflush(screen)
    }

    private var textBeforeCursor: String {
        var start: UnsafePointer<CChar>?
        let count = sluice_edit_before_cursor(edit, &start)
        return String(decoding: UnsafeRawBufferPointer(start: start, count: count), as: UTF8.self)
    }

    /// Takes prompt and line off the screen, however many rows they have, and leaves the cursor where they began.
    private func eraseLine() {
        let before = prompt.map { String(cString: $0) } ?? ""
        let rows = Keyboard.columns(of: before + textBeforeCursor) / Terminal.width(.output)
        show("\r" + (rows > 0 ? "\u{1b}[\(rows)A" : "") + "\u{1b}[J")
    }
}
