import Foundation
import TestSupport
import Testing

/// The sentinel as it is meant to run: for days, over notes that change under it. (U)
@Suite(.serialized, .enabled(if: PseudoTerminal.isAvailable, "this system gives no terminal devices"))
struct WatchingTests {
    private static let script = "examples/notes-sentinel/sentinel.slu"

    /// The sentinel at work over `notes` in a folder of its own, with a model that answers at once.
    private struct Sentinel {
        let scratch: Scratch
        let server: FakeModelServer
        let program: TerminalProgram

        /// - Parameter intervalMs: how often it looks around; as often as the example does unless given.
        init(
            intervalMs: Int? = nil, notes: Int = 1,
            _ model: @escaping @Sendable (ServedRequest) -> FakeModelServer.Reply = { _ in
                .content(#"{"title": "T", "summary": "S.", "tags": []}"#)
            }
        ) throws {
            scratch = try Scratch()
            for index in 0..<notes { try scratch.write("notes/note\(index).md", "# Note \(index)\n") }
            var text = try Repository.text(WatchingTests.script)
            if let intervalMs {
                #expect(text.contains(":interval-ms 1000"))
                text = text.replacing(":interval-ms 1000", with: ":interval-ms \(intervalMs)")
            }
            try scratch.write("sentinel.slu", text)
            server = FakeModelServer(model)
            program = try .sluice(
                ["run", "sentinel.slu", "notes"], environment: ["OPENAI_BASE_URL": server.baseURL],
                folder: scratch.folder)
        }

        var notes: URL { scratch.folder.appending(path: "notes") }

        /// Whether there is a summary of the note as it is now.
        private func isSummarised(_ note: String) -> Bool {
            struct Summary: Decodable {
                struct Version: Decodable { let size: Int }
                let of: Version
            }
            let summary = notes.appending(path: note + ".summary.json")
            guard let data = try? Data(contentsOf: summary),
                let found = try? JSONDecoder().decode(Summary.self, from: data),
                let text = try? Data(contentsOf: notes.appending(path: note + ".md"))
            else { return false }
            return found.of.size == text.count
        }

        func summarises(_ notes: [String], _ place: SourceLocation = #_sourceLocation) {
            let isDone = program.terminal.wait { _ in notes.allSatisfy(isSummarised) }
            #expect(isDone, "\(notes.filter { !isSummarised($0) }) \(program.lines.suffix(5))", sourceLocation: place)
        }

        /// Ends it as the system does at shutdown. Gives what it wrote.
        func end(_ place: SourceLocation = #_sourceLocation) -> [String] {
            let asked = ContinuousClock.now
            program.signal(SIGTERM)
            #expect(program.end() == 143, sourceLocation: place)
            #expect(ContinuousClock.now - asked < .seconds(15), "before any deadline", sourceLocation: place)
            scratch.remove()
            return program.lines
        }
    }

    @Test func seesWhateverHappensToNotes() throws {
        let sentinel = try Sentinel(intervalMs: 100)
        let scratch = sentinel.scratch
        sentinel.summarises(["note0"])
        try scratch.write("notes/later.md", "# Later\n")
        sentinel.summarises(["later"])
        try scratch.write("notes/later.md", "# Later, changed\n")
        sentinel.summarises(["later"])
        let burst = (0..<50).map { "burst\($0)" }
        for note in burst { try scratch.write("notes/\(note).md", "# \(note)\n") }
        sentinel.summarises(burst)
        // As editors save: another file takes the note's name.
        try scratch.write("notes/.later.md.tmp", "# Later, saved by an editor\n")
        #expect(
            rename(
                sentinel.notes.appending(path: ".later.md.tmp").path, sentinel.notes.appending(path: "later.md").path)
                == 0)
        sentinel.summarises(["later"])
        try FileManager.default.removeItem(at: sentinel.notes)
        // It looks at what is not there, more than once.
        usleep(250_000)
        try scratch.write("notes/again/note.md", "# Again\n")
        sentinel.summarises(["again/note"])
        let lines = sentinel.end()
        #expect(!lines.contains { $0.contains("[ERROR]") }, "\(lines)")
        #expect(lines.filter { $0.hasPrefix("[INFO]") }.count == 55)
    }

    /// A note that is deleted while it waits or while the model reads it is no failure, and its summary does not come back.
    @Test func aNoteThatIsDeletedMeanwhile() throws {
        let sentinel = try Sentinel(intervalMs: 100, notes: 12) { _ in
            .slow(ms: 300, content: #"{"title": "T", "summary": "S.", "tags": []}"#)
        }
        // Two are with the model, the others wait.
        #expect(sentinel.program.terminal.wait { _ in sentinel.server.requests.count == 2 })
        try FileManager.default.removeItem(at: sentinel.notes)
        try sentinel.scratch.write("notes/last.md", "# Last\n")
        sentinel.summarises(["last"])
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: sentinel.notes.path).sorted() == [
                "last.md", "last.summary.json",
            ])
        let lines = sentinel.end()
        #expect(!lines.contains { $0.contains("[ERROR]") }, "\(lines)")
    }

    /// Looking at notes that do not change says nothing, and costs next to nothing.
    @Test(.enabled(if: ProcessStatus.isKnown, "the system does not say")) func isQuietWhileNothingHappens() throws {
        let sentinel = try Sentinel(notes: 3)
        sentinel.summarises(["note0", "note1", "note2"])
        #expect(sentinel.program.terminal.wait { $0.lines.count >= 3 })
        let shown = sentinel.program.terminal.bytes.count
        let status = ProcessStatus(sentinel.program.identifier)
        let spent = status.cpuTicks
        usleep(1_100_000)
        sentinel.program.terminal.look()
        #expect(status.cpuTicks - spent <= 10, "at most a tenth of a second of processor time in a second")
        #expect(sentinel.program.terminal.bytes.count == shown)
        _ = sentinel.end()
    }

    /// N: no growth with time. Fifty notes looked at as often as can be are thousands of events a second.
    @Test(.enabled(if: ProcessStatus.isKnown, "the system does not say")) func memoryDoesNotGrow() throws {
        let sentinel = try Sentinel(intervalMs: 10, notes: 50)
        sentinel.summarises((0..<50).map { "note\($0)" })
        let status = ProcessStatus(sentinel.program.identifier)
        // Work is measured in processor time, for the machine may be busy. What is still warming up has a few tries.
        var sizes: [Int] = []
        for _ in 0..<6 where sizes.count < 2 || sizes[sizes.count - 1] - sizes[sizes.count - 2] >= 1024 {
            let spent = status.cpuTicks
            for _ in 0..<400 where status.cpuTicks - spent <= 50 { usleep(50_000) }
            #expect(status.cpuTicks - spent > 50, "it was at work")
            sizes.append(status.residentKB)
        }
        #expect(sizes[0] > 0 && sizes[sizes.count - 1] - sizes[sizes.count - 2] < 1024, "\(sizes) KB")
        _ = sentinel.end()
    }
}
