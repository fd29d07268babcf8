import Synchronization
import Testing
import Values

@testable import Command

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Knows only how many parentheses are open.
private final class CountingSession: REPLSession {
    let prompt = "user=> "
    let interrupts = Atomic<Int>(0)

    func submit(_ text: String, atEnd: Bool) -> REPLReply {
        let open = text.count { $0 == "(" } - text.count { $0 == ")" }
        if open > 0 { return atEnd ? .failed("not closed\n") : .incomplete }
        if open < 0 { return .failed("too many\n") }
        return text == "(exit)" ? .exit(7) : .values([text.filter { !$0.isNewline }])
    }

    func completions(of prefix: String) -> [String] { ["mapcat", "mapv"].filter { $0.hasPrefix(prefix) } }
    func interrupt() { interrupts.add(1, ordering: .relaxed) }
    func close() {}
}

private final class ScriptedLines: LineSource, @unchecked Sendable {
    // Sendable: one thread uses it.
    private var events: [LineEvent]
    private(set) var prompts: [String] = []

    init(_ events: [LineEvent]) { self.events = events }

    func next(_ prompt: String) -> LineEvent {
        prompts.append(prompt)
        return events.isEmpty ? .end : events.removeFirst()
    }

    func interrupt() {}
    func close() {}
}

@Suite struct REPLTests {
    private func converse(_ events: LineEvent...) -> (code: Int32, screen: Screen, prompts: [String]) {
        let screen = Screen()
        let lines = ScriptedLines(events)
        let code = REPL(CountingSession(), screen.console(), lines).converse()
        return (code, screen, lines.prompts)
    }

    @Test func aFormMaySpanLines() {
        let found = converse(.line("(a"), .line("b)"), .line("c"))
        #expect(found.screen.output == "(ab)\nc\n")
        #expect(found.prompts == ["user=> ", "   ... ", "user=> ", "user=> "])
        #expect(found.code == 0)
    }

    @Test func interruptingGivesUpWhatWasTyped() {
        let found = converse(.line("(a"), .interrupted, .line("b"))
        #expect(found.screen.output == "b\n")
        #expect(found.prompts == ["user=> ", "   ... ", "user=> ", "user=> "])
    }

    @Test func anErrorIsShownAndTheConversationGoesOn() {
        let found = converse(.line(")"), .line("a"))
        #expect(found.screen.error == "too many\n")
        #expect(found.screen.output == "a\n")
        #expect(found.code == 0)
    }

    @Test func anUnclosedFormAtTheEndIsAnError() {
        #expect(converse(.line("(a")).screen.error == "not closed\n")
    }

    @Test func blankLinesAskAgain() {
        #expect(converse(.line(""), .line("  ")).screen.all == "")
    }

    @Test func theScriptMayEndTheProcess() {
        let found = converse(.line("(exit)"), .line("a"))
        #expect(found.code == 7)
        #expect(found.screen.output == "")
    }

    @Test(arguments: [
        ("(map", "map"), ("(str/jo", "str/jo"), ("[:a @sta", "sta"), ("", ""), ("(f ", ""), ("\"té", "té"),
    ])
    func theWordBeforeTheCursor(_ text: String, _ word: String) {
        #expect(Completion.word(endingAt: text) == word)
    }

    @Test func completionAddsWhatAllShare() {
        #expect(Completion.of("ma", among: ["mapcat", "mapv"]) == .insert("p"))
        #expect(Completion.of("map", among: ["mapcat", "mapv"]) == .show(["mapcat", "mapv"]))
        #expect(Completion.of("mapv", among: ["mapv"]) == .insert(" "))
        #expect(Completion.of("q", among: []) == .nothing)
        #expect(Completion.table(["a", "b", "ccc"], width: 12) == "a    ccc\nb\n")
    }
}

/// The editor on a real terminal device, in this process.
@Suite(.serialized) struct EditedLinesTests {
    private struct Device: @unchecked Sendable {
        // Sendable: the two files are used by the editor alone.
        let keyboard: Int32
        let input: UnsafeMutablePointer<FILE>
        let screen: UnsafeMutablePointer<FILE>

        init() throws {
            #if canImport(Glibc)
                keyboard = open("/dev/ptmx", O_RDWR | O_NOCTTY)
                // The library's `unlockpt` and `ptsname` are hidden behind a macro; these are TIOCSPTLCK and TIOCGPTN.
                var (locked, number): (Int32, Int32) = (0, 0)
                #expect(ioctl(keyboard, 0x4004_5431, &locked) == 0)
                #expect(ioctl(keyboard, 0x8004_5430, &number) == 0)
                let name = "/dev/pts/\(number)"
            #else
                keyboard = posix_openpt(O_RDWR | O_NOCTTY)
                try #require(keyboard >= 0 && grantpt(keyboard) == 0 && unlockpt(keyboard) == 0)
                let name = String(cString: try #require(ptsname(keyboard)))
            #endif
            let other = open(name, O_RDWR | O_NOCTTY)
            input = try #require(fdopen(other, "r"))
            screen = try #require(fdopen(dup(other), "w"))
        }

        /// Types once the editor has taken the device over: before, it would take Ctrl-D and the like for itself.
        func type(_ keys: String, then body: @escaping @Sendable () -> Void = {}) {
            let began = startThread { [keyboard] in
                var shown = ""
                var bytes = [UInt8](repeating: 0, count: 256)
                while !shown.contains("> ") {
                    let count = read(keyboard, &bytes, bytes.count)
                    guard count > 0 else { return }
                    shown += String(decoding: bytes[..<count], as: UTF8.self)
                }
                var mode = termios()
                while tcgetattr(keyboard, &mode) == 0, mode.c_lflag & tcflag_t(ICANON) != 0 { EditedLinesTests.rest() }
                _ = keys.withCString { write(keyboard, $0, strlen($0)) }
                body()
            }
            #expect(began)
        }

        func end() {
            fclose(input)
            fclose(screen)
            close(keyboard)
        }
    }

    private static func rest() {
        var time = timespec(tv_sec: 0, tv_nsec: 2_000_000)
        nanosleep(&time, nil)
    }

    private func withEditor(history: String? = nil, _ body: (Device, EditedLines) throws -> Void) throws {
        let device = try Device()
        let session = CountingSession()
        let lines = EditedLines(
            historyFile: history, completions: { session.completions(of: $0) }, input: device.input,
            screen: device.screen)
        try body(device, lines)
        lines.close()
        device.end()
    }

    @Test func keysEditTheLine() throws {
        try withEditor { device, lines in
            device.type("né!\u{7f}x\n")
            #expect(lines.next("> ") == .line("néx"))
            device.type("b\u{1}a\n")
            #expect(lines.next("> ") == .line("ab"))
            device.type("\u{1b}[A\n")
            #expect(lines.next("> ") == .line("ab"))
        }
    }

    @Test func tabCompletes() throws {
        try withEditor { device, lines in
            device.type("(ma\tv\t1)\n")
            #expect(lines.next("> ") == .line("(mapv 1)"))
        }
    }

    @Test func controlDLeaves() throws {
        try withEditor { device, lines in
            device.type("\u{4}")
            #expect(lines.next("> ") == .end)
        }
    }

    @Test func anInterruptGivesUpTheLine() throws {
        try withEditor { device, lines in
            let isRead = Flagged()
            device.type("abc") {
                // A signal that comes before the editor waits is lost, as a key pressed too early would be: press again.
                while !isRead.value {
                    lines.interrupt()
                    EditedLinesTests.rest()
                }
                device.type("d\n")
            }
            #expect(lines.next("> ") == .interrupted)
            isRead.value = true
            var next = lines.next("> ")
            if next == .interrupted { next = lines.next("> ") }
            #expect(next == .line("d"))
        }
    }

    @Test func historyOutlivesTheConversation() throws {
        let file = "/tmp/sluice-history-\(getpid())"
        defer { unlink(file) }
        try withEditor(history: file) { device, lines in
            device.type("(kept)\n")
            #expect(lines.next("> ") == .line("(kept)"))
        }
        var status = stat()
        #expect(stat(file, &status) == 0 && status.st_mode & 0o777 == 0o600)
        try withEditor(history: file) { device, lines in
            device.type("\u{1b}[A\n")
            #expect(lines.next("> ") == .line("(kept)"))
        }
    }
}
