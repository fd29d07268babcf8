import Foundation
import TestSupport
import Testing

/// A run on a terminal: what a person sees while it works. (U)
@Suite(.serialized, .enabled(if: PseudoTerminal.isAvailable, "this system gives no terminal devices"))
struct TerminalRunTests {
    private static let script = Repository.root.appending(path: "examples/notes-sentinel/sentinel.slu").path

    private static let summary = #"{"title": "T", "summary": "S.", "tags": []}"#

    /// A model that answers for a note only once the test allows it, so that what is shown does not hang on anybody's speed.
    private final class HeldModel: Sendable {
        private let allowed = (a: DispatchSemaphore(value: 0), b: DispatchSemaphore(value: 0))

        func reply(_ request: ServedRequest) -> FakeModelServer.Reply {
            let mine = request.text.contains("# a") ? allowed.a : allowed.b
            _ = mine.wait(timeout: .now() + 20)
            mine.signal()
            return .content(summary)
        }

        func allowA() { allowed.a.signal() }
        func allowB() { allowed.b.signal() }
    }

    /// One program on a wide terminal, one on a narrow one, one in a pipe, and one that tells of itself in JSON; at the same
    /// time, because each takes more than a second.
    @Test func progress() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let model = HeldModel()
        let server = FakeModelServer(model.reply)
        func start(_ name: String, flags: [String] = [], columns: Int = 80, output: URL? = nil) throws
            -> TerminalProgram
        {
            try scratch.write("\(name)/notes/a.md", "# a\n")
            try scratch.write("\(name)/notes/b.md", "# b\n")
            return try .sluice(
                ["run", "--once"] + flags + [TerminalRunTests.script, "notes"],
                environment: ["OPENAI_BASE_URL": server.baseURL, "NO_COLOR": "1"],
                folder: scratch.folder.appending(path: name), columns: columns, output: output)
        }
        let wide = try start("wide")
        let narrow = try start("narrow", columns: 20)
        let told = scratch.folder.appending(path: "told.jsonl")
        let json = try start("json", flags: ["--json"], output: told)

        // The line with both requests, and then, below what was logged meanwhile, with the one that is left.
        let both = wide.terminal.wait { $0.current.wholeMatch(of: /\d+ s · llm\/chat 2 · \d+ done/) != nil }
        #expect(both, "\(wide.lines)")
        // Cut before the last column.
        let cut = narrow.terminal.wait { $0.current.wholeMatch(of: /\d+ s · llm\/chat 2 ·.*/) != nil }
        #expect(cut, "\(narrow.lines)")
        model.allowA()
        let one = wide.terminal.wait {
            $0.lines.count == 2 && $0.current.wholeMatch(of: /\d+ s · llm\/chat · \d+ done/) != nil
        }
        #expect(one, "\(wide.lines)")
        model.allowB()
        #expect(wide.end() == 0)
        let summaries = ["[INFO] summarised notes/a.md", "[INFO] summarised notes/b.md"]
        #expect(Array(wide.lines.dropLast()) == summaries)
        #expect(wide.lines.last?.wholeMatch(of: /\d+ s · \d+ done/) != nil, "\(wide.lines)")

        #expect(narrow.end() == 0)
        // Nothing but what was logged is longer than a row.
        // In whichever order: on a busy machine this run may ask when both may be answered.
        let rows = Array(narrow.lines.dropLast())
        let (start, a, b) = ("[INFO] summarised no", "tes/a.md", "tes/b.md")
        #expect(rows == [start, a, start, b] || rows == [start, b, start, a])
        let shown = String(decoding: narrow.terminal.bytes, as: UTF8.self)
        let status = try #require(shown.firstMatch(of: /\d+ s · llm\/chat 2 ·[^\r]*\r/)).output
        #expect(status.count == 20, "nineteen columns and the return: the last column stays free")
        #expect(!shown.contains("\u{1b}[2m"), "NO_COLOR")

        #expect(json.end() == 0)
        #expect(json.lines.sorted() == summaries, "no progress, and no trace of one")
        #expect(!json.terminal.bytes.contains(0x1b))
        let objects = try String(contentsOf: told, encoding: .utf8).split(separator: "\n").map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
        #expect(objects.map { $0["seq"] as? Int } == Array(1...objects.count))
        #expect(objects.count { $0["type"] as? String == "effect.ended" } >= 4)
    }

    @Test func inAPipeItIsToldInLines() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try scratch.write("notes/a.md", "# a\n")
        let server = FakeModelServer { _ in .slow(ms: 1300, content: TerminalRunTests.summary) }
        var environment = ProcessInfo.processInfo.environment
        environment.merge(["OPENAI_BASE_URL": server.baseURL, "TERM": "xterm"]) { $1 }
        let result = try Repository.run(
            try Repository.program, ["run", "--once", TerminalRunTests.script, "notes"],
            environment: environment, folder: scratch.folder)
        #expect(result.code == 0 && result.output.isEmpty)
        let lines = result.error.split(separator: "\n")
        #expect(lines.first?.wholeMatch(of: /\d+ s · llm\/chat · \d+ done/) != nil, "\(result.error)")
        #expect(lines.filter { $0.wholeMatch(of: /\d+ s · .*\d+ done/) == nil } == ["[INFO] summarised notes/a.md"])
        #expect(result.error.utf8.allSatisfy { $0 >= 0x20 || $0 == 0x0a })
    }

    /// A second signal ends it even when nobody takes its output: here a terminal's other end that does not read.
    @Test func theSecondSignalAlwaysEndsIt() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try scratch.write("talk.slu", "(loop [i 0] (println i) (recur (inc i)))")
        let program = try TerminalProgram.sluice(["run", "talk.slu"], folder: scratch.folder)
        // Until the terminal's buffer is full, the program uses the processor.
        var spent = -1
        while case let now = ProcessStatus(program.identifier).cpuTicks, now != spent {
            spent = now
            usleep(50_000)
        }
        program.signal(SIGTERM)
        usleep(20_000)
        program.signal(SIGTERM)
        var code: Int32?
        for _ in 0..<2_000 where code == nil {
            usleep(10_000)
            code = program.ended()
        }
        #expect(code == 143)
    }
}
