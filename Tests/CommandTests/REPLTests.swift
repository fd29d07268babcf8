import TestSupport
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
    func submit(_ text: String, atEnd: Bool, print: (String) -> Void) -> REPLReply {
        let open = text.count { $0 == "(" } - text.count { $0 == ")" }
        if open > 0 { return atEnd ? .failed("not closed\n") : .incomplete }
        if open < 0 { return .failed("too many\n") }
        if text == "stopped" { return .interrupted }
        print(text.filter { !$0.isNewline })
        return .done
    }

    func completions(of prefix: String) -> [String] { ["mapcat", "mapv"].filter { $0.hasPrefix(prefix) } }
    func interrupt() {}
    func whenExiting(_ body: @escaping @Sendable (Int32) -> Void) {}
    func close() {}
}

final class ScriptedLines: LineSource, @unchecked Sendable {
    // Sendable: one thread uses it.
    private var events: [LineEvent]
    private(set) var prompts: [String] = []

    init(_ events: [LineEvent]) { self.events = events }

    func next(_ prompt: String) -> LineEvent {
        prompts.append(prompt)
        return events.isEmpty ? .end : events.removeFirst()
    }

    func interrupt() {}
    func write(_ stream: Console.Stream, _ bytes: [UInt8]) -> Int32? { nil }
    var signals: [Int32] { [] }
    func receive(_ signal: Int32) {}
    func close() {}
}

@Suite struct REPLTests {
    private func converse(_ events: LineEvent...) -> (screen: Screen, prompts: [String]) {
        let screen = Screen()
        let lines = ScriptedLines(events)
        REPL(screen.console(), lines).converse(CountingSession())
        return (screen, lines.prompts)
    }

    @Test func aFormMaySpanLines() {
        let found = converse(.line("(a"), .line("b)"), .line("c"))
        #expect(found.screen.output == "(ab)\nc\n")
        #expect(found.prompts == ["user=> ", "   ... ", "user=> ", "user=> "])
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
    }

    @Test func anUnclosedFormAtTheEndIsAnError() {
        #expect(converse(.line("(a")).screen.error == "not closed\n")
    }

    @Test func blankLinesAskAgain() {
        #expect(converse(.line(""), .line("  ")).screen.all == "")
    }

    @Test func anInterruptedEvaluationSaysSo() {
        let found = converse(.line("stopped"), .line("a"))
        #expect(found.screen.all == "interrupted\na\n")
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

/// The editor on a terminal device, in this process.
@Suite(.serialized, .enabled(if: PseudoTerminal.isAvailable, "this system gives no terminal devices"))
struct EditedLinesTests {
    private func withEditor(history: String? = nil, _ body: (PseudoTerminal, EditedLines) throws -> Void) throws {
        let terminal = try PseudoTerminal()
        let device = open(terminal.path, O_RDWR | O_NOCTTY)
        let input = try #require(fdopen(device, "r"))
        let screen = try #require(fdopen(dup(device), "w"))
        let session = CountingSession()
        let lines = try #require(
            EditedLines(
                historyFile: history, completions: { session.completions(of: $0) }, input: input, screen: screen))
        try body(terminal, lines)
        lines.close()
        #expect(!terminal.isRaw && terminal.echoes)
        fclose(input)
        fclose(screen)
    }

    @Test func keysEditTheLine() throws {
        try withEditor { terminal, lines in
            terminal.type("né!\u{7f}x\n")
            #expect(lines.next("> ") == .line("néx"))
            terminal.type("b\u{1}a\n")
            #expect(lines.next("> ") == .line("ab"))
            terminal.type("\u{1b}[A\n")
            #expect(lines.next("> ") == .line("ab"))
        }
    }

    @Test func tabCompletes() throws {
        try withEditor { terminal, lines in
            terminal.type("(ma\tv\t1)\n")
            #expect(lines.next("> ") == .line("(mapv 1)"))
        }
    }

    @Test func controlDLeaves() throws {
        try withEditor { terminal, lines in
            terminal.type("\u{4}")
            #expect(lines.next("> ") == .end)
        }
    }

    /// However early it comes, it is not lost.
    @Test func anInterruptGivesUpTheLine() throws {
        try withEditor { terminal, lines in
            lines.interrupt()
            #expect(lines.next("> ") == .interrupted)
            terminal.type("d\n")
            #expect(lines.next("> ") == .line("d"))
        }
    }

    @Test func bytesThatAreNoCharacters() throws {
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        let bytes: [UInt8] = [0x61, 0xff, 0xc3, 0xa9, 0xf0, 0x9f, 0x8e, 0x89, 0xe9, 0x0a, 0xc3]
        #expect(write(ends[1], bytes, bytes.count) == bytes.count)
        close(ends[1])
        var read: [Unicode.Scalar] = []
        var keyboard = Keyboard(ends[0])
        while let scalar = keyboard.next() { read.append(scalar) }
        close(ends[0])
        #expect(read == ["a", "\u{fffd}", "é", "🎉", "\u{fffd}", "\n", "\u{fffd}"])
    }
}

@Suite struct LineHistoryTests {
    @Test func keepsLinesForItsOwnerAlone() throws {
        let file = "/tmp/sluice-history-\(getpid())"
        defer { unlink(file) }
        let (one, other) = (LineHistory(file), LineHistory(file))
        #expect(one.load().isEmpty)
        one.add("(a)")
        other.add("(ü \"x  y\")")
        one.add("(c)")
        #expect(one.load() == ["(a)", "(ü \"x  y\")", "(c)"])
        var status = stat()
        #expect(stat(file, &status) == 0 && status.st_mode & 0o777 == 0o600)
    }

    @Test func aLongFileIsCutBack() throws {
        let file = "/tmp/sluice-history-long-\(getpid())"
        defer { unlink(file) }
        let history = LineHistory(file)
        for number in 0..<(2 * LineHistory.limit) { history.add("\(number)") }
        #expect(history.load().first == "\(LineHistory.limit)")
        history.add("last")
        #expect(history.load().count == LineHistory.limit)
        let kept = try #require(fopen(file, "r"))
        fseek(kept, 0, SEEK_END)
        // Four digits and a line break each, and "last".
        #expect(ftell(kept) == LineHistory.limit * 5)
        fclose(kept)
        #expect(history.load().last == "last")
    }

    @Test func withoutAPlaceNothingIsKept() {
        LineHistory(nil).add("a")
        LineHistory("/nonexistent/history").add("a")
        #expect(LineHistory("/nonexistent/history").load().isEmpty)
    }
}
