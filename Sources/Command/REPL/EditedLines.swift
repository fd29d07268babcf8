@preconcurrency import CEdit
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Lines edited on the terminal with libedit: history, search, Tab completion.
///
/// Everything but `interrupt` and `close` is called on the thread that made it.
final class EditedLines: LineSource, @unchecked Sendable {
    // Sendable: `interrupt` touches only the atomic and the thread's handle, `close` is guarded by an atomic too.
    private static let historyLimit: Int32 = 2000

    private let completions: (String) -> [String]
    private let screen: UnsafeMutablePointer<FILE>
    private let historyFile: String?
    private let edit: OpaquePointer?
    private let history: OpaquePointer?
    private let reader = pthread_self()
    private let isInterrupted = Atomic<Bool>(false)
    private let isClosed = Atomic<Bool>(false)
    /// libedit asks for it while it edits, so it must outlive the question.
    private var prompt: UnsafeMutablePointer<CChar>?

    /// - Parameters:
    ///   - historyFile: nil to keep nothing.
    ///   - completions: the names that begin with a text.
    ///   - input, screen: the two directions of a terminal.
    init(
        historyFile: String?, completions: @escaping (String) -> [String], input: UnsafeMutablePointer<FILE> = stdin,
        screen: UnsafeMutablePointer<FILE> = stdout
    ) {
        self.completions = completions
        self.screen = screen
        self.historyFile = historyFile
        // Without a locale, libedit takes UTF-8 for single bytes.
        setlocale(LC_CTYPE, "")
        if String(cString: nl_langinfo(Int32(CODESET))) != "UTF-8" { setlocale(LC_CTYPE, "C.UTF-8") }
        edit = el_init("sluice", input, screen, stderr)
        history = history_init()
        sluice_history_limit(history, EditedLines.historyLimit)
        if let historyFile { _ = sluice_history_load(history, historyFile) }
        EditedLines.makeWakeable()
        sluice_edit_set_up(edit, history, Unmanaged.passUnretained(self).toOpaque(), EditedLines.askPrompt)
        sluice_edit_bind_tab(edit, EditedLines.completeKey)
    }

    deinit {
        el_end(edit)
        history_end(history)
        free(prompt)
    }

    func next(_ text: String) -> LineEvent {
        free(prompt)
        prompt = strdup(text)
        el_resize(edit)
        var count: Int32 = 0
        guard let line = el_gets(edit, &count), count > 0 else {
            if isInterrupted.exchange(false, ordering: .acquiringAndReleasing) {
                show("^C\n")
                return .interrupted
            }
            show("\n")
            return .end
        }
        // A Ctrl-C that came with the line was meant for it no more.
        isInterrupted.store(false, ordering: .releasing)
        var typed = String(cString: line)
        if typed.last?.isNewline == true { typed.removeLast() }
        if !typed.allSatisfy(\.isWhitespace) { sluice_history_add(history, typed) }
        return .line(typed)
    }

    /// The editor waits in `read`; a signal without an effect makes that return.
    func interrupt() {
        isInterrupted.store(true, ordering: .releasing)
        pthread_kill(reader, SIGUSR2)
    }

    func close() {
        guard !isClosed.exchange(true, ordering: .acquiringAndReleasing), let historyFile else { return }
        _ = sluice_history_save(history, historyFile)
        chmod(historyFile, 0o600)
    }

    /// Gives SIGUSR2 a handler that does nothing and does not restart what it interrupts, and lets it reach this thread.
    private static func makeWakeable() {
        var action = sigaction()
        #if canImport(Glibc)
            action.__sigaction_handler.sa_handler = { _ in }
        #else
            action.__sigaction_u.__sa_handler = { _ in }
        #endif
        sigaction(SIGUSR2, &action, nil)
        var set = sigset_t()
        sigemptyset(&set)
        sigaddset(&set, SIGUSR2)
        pthread_sigmask(SIG_UNBLOCK, &set, nil)
    }

    private static let askPrompt: sluice_edit_prompt = { edit in EditedLines.of(edit)?.prompt }

    private static let completeKey: sluice_edit_key = { edit, _ in
        EditedLines.of(edit)?.complete() ?? UInt8(sluice_edit_error)
    }

    private static func of(_ edit: OpaquePointer?) -> EditedLines? {
        sluice_edit_data(edit).map { Unmanaged<EditedLines>.fromOpaque($0).takeUnretainedValue() }
    }

    private func show(_ text: String) {
        fputs(text, screen)
        fflush(screen)
    }

    /// Adds what all candidates share; shows them when they share no more.
    private func complete() -> UInt8 {
        guard let line = el_line(edit) else { return UInt8(sluice_edit_error) }
        let before = UnsafeRawBufferPointer(
            start: line.pointee.buffer, count: line.pointee.cursor - line.pointee.buffer)
        let word = Completion.word(endingAt: String(decoding: before, as: UTF8.self))
        switch Completion.of(word, among: completions(word)) {
        case .nothing: return UInt8(sluice_edit_error)
        case .insert(let text):
            el_insertstr(edit, text)
            return UInt8(sluice_edit_refresh)
        case .show(let names):
            show("\n" + Completion.table(names, width: Terminal.width()))
            return UInt8(sluice_edit_redisplay)
        }
    }
}
