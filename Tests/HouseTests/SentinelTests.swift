import Foundation
import TestSupport
import Testing

/// The main job (issue: the notes sentinel) end to end: the program as built, real files, a real HTTP server on loopback,
/// real signals. (P29, U)
@Suite(.serialized) struct SentinelTests {
    private static let script = Repository.root.appending(path: "examples/notes-sentinel/sentinel.slu").path

    private func notes(_ scratch: Scratch, _ count: Int = 2) throws {
        for index in 1...count {
            try scratch.write("notes/note\(index).md", "# Note \(index)\n\nThe cat sat on the mat. It slept.\n")
        }
    }

    private func environment(_ more: [String: String] = [:]) -> [String: String] {
        Repository.offlineEnvironment.merging(more) { $1 }
    }

    private func run(_ scratch: Scratch, _ environment: [String: String]) throws -> Repository.Result {
        try Repository.run(
            try Repository.program, ["run", "--once", SentinelTests.script, "notes"],
            environment: environment,
            folder: scratch.folder)
    }

    private func summaries(_ scratch: Scratch) -> [String] {
        let folder = scratch.folder.appending(path: "notes").path
        return ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter { !$0.hasSuffix(".md") }
            .sorted()
    }

    @Test func summarisesOfflineAndSkipsWhatIsUpToDate() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try notes(scratch)
        let first = try run(scratch, environment())
        #expect(first.code == 0, "\(first.error)")
        #expect(summaries(scratch) == ["note1.summary.json", "note2.summary.json"])
        let summary = try scratch.read("notes/note1.summary.json")
        #expect(summary.contains(#""title":"Note 1""#))
        #expect(summary.contains(#""offline":true"#))
        let second = try run(scratch, environment())
        #expect(second.code == 0)
        #expect(!second.error.contains("summarised"))
        try scratch.write("notes/note2.md", "# Changed\n\nIt is longer than it was before.\n")
        let third = try run(scratch, environment())
        #expect(third.error.contains("summarised notes/note2.md"))
        #expect(!third.error.contains("note1.md"))
    }

    @Test func asksAgainWithTheComplaint() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try notes(scratch, 1)
        let server = FakeModelServer([
            .content(#"{"title": "No tags", "summary": "s"}"#),
            .content(#"{"title": "T", "summary": "S.", "tags": ["a"]}"#),
        ])
        let result = try run(
            scratch, environment(["OPENAI_BASE_URL": server.baseURL, "OPENAI_API_KEY": "sk-secret-1"]))
        #expect(result.code == 0, "\(result.error)")
        #expect(server.requests.count == 2)
        #expect(String(decoding: server.requests[1].body, as: UTF8.self).contains("tags"))
        #expect(try scratch.read("notes/note1.summary.json").contains(#""title":"T""#))
    }

    @Test func failuresEndInAReportAndExitCodeOne() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try notes(scratch)
        let server = FakeModelServer([.error(401, code: "invalid_api_key", message: "Incorrect API key: sk-secret-2")])
        let result = try run(
            scratch, environment(["OPENAI_BASE_URL": server.baseURL, "OPENAI_API_KEY": "sk-secret-2"]))
        #expect(result.code == 1)
        #expect(result.error.contains("2 failures"))
        #expect(result.error.contains("notes/note1.md"))
        #expect(!result.error.contains("sk-secret-2"), "secrets are never printed")
        #expect(summaries(scratch).isEmpty)
    }

    @Test(arguments: [(SIGTERM, Int32(143)), (SIGINT, Int32(130))])
    func aSignalEndsItWithoutHalfFiles(signal: Int32, code: Int32) throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try notes(scratch)
        let server = FakeModelServer([.slow(ms: 300, content: #"{"title": "T", "summary": "S.", "tags": []}"#)])
        let process = Process()
        process.executableURL = try Repository.program
        process.arguments = ["run", SentinelTests.script, "notes"]
        process.environment = environment(["OPENAI_BASE_URL": server.baseURL])
        process.currentDirectoryURL = scratch.folder
        process.standardError = FileHandle.nullDevice
        try process.run()
        // Once the server has been asked, work is in flight.
        let deadline = Date().addingTimeInterval(20)
        while server.requests.isEmpty, Date() < deadline { usleep(5_000) }
        kill(process.processIdentifier, signal)
        process.waitUntilExit()
        #expect(process.terminationStatus == code)
        for name in summaries(scratch) {
            let text = try scratch.read("notes/\(name)")
            #expect(name.hasSuffix(".summary.json") && text.hasSuffix("}"), "\(name) is whole")
        }
    }
}

/// Bad input through the front door: the exit code, a clear message at the right place, and never a trace of the host.
@Suite struct BadInputTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let text: String
        let code: Int32
        let says: [String]
        var testDescription: String { String(text.prefix(40)) }
    }

    static let cases: [Case] = [
        Case(text: "(println 1", code: 2, says: ["bad.slu:1:1", "("]),
        Case(text: "(println 1]", code: 2, says: ["bad.slu:1:11"]),
        Case(text: ")", code: 2, says: ["bad.slu:1:1"]),
        Case(text: "(def a 1)\n(inc b)", code: 2, says: ["bad.slu:2:6", "cannot resolve b"]),
        Case(text: "(prinltn 1)", code: 2, says: ["bad.slu:1:2", "println"]),
        Case(text: "{:a 1 :a 2}", code: 2, says: ["bad.slu:1:7", "duplicate"]),
        Case(text: "{:a}", code: 2, says: ["bad.slu:1"]),
        Case(text: "\"abc", code: 2, says: ["bad.slu:1:1"]),
        Case(text: "08", code: 2, says: ["bad.slu:1:1"]),
        Case(text: "(let [a] a)", code: 2, says: ["bad.slu:1:7:", "no value"]),
        Case(text: "(if)", code: 2, says: ["bad.slu:1:1", "if takes"]),
        Case(text: "(fn [a a &] a)", code: 2, says: ["bad.slu:1:10:"]),
        Case(text: "(recur)\n(+ 1 (recur 1))", code: 2, says: ["bad.slu"]),
        Case(text: "(require '[no.such.lib :as x])", code: 1, says: ["no.such.lib"]),
        Case(text: "(1 2)", code: 2, says: ["cannot call", "bad.slu:1:2:"]),
        Case(text: "((fn [x] x))", code: 1, says: ["takes 1 argument", "bad.slu:1"]),
        Case(text: "(/ 1 0)", code: 1, says: ["divide by zero", "bad.slu:1:6:"]),
        Case(text: "(nth [1] 5)", code: 1, says: ["index 5", "bad.slu:1:10:"]),
        Case(text: "(+ 1 \"a\")", code: 1, says: ["number", "bad.slu:1:6:"]),
        Case(text: "(throw (ex-info \"boom\" {:a 1}))", code: 1, says: ["boom", ":a 1"]),
        Case(text: "(defn f [x] (+ 1 (f x)))\n(f 1)", code: 1, says: ["call stack"]),
        Case(text: String(repeating: "[", count: 100_000), code: 2, says: ["bad.slu:1"]),
        Case(text: "(println \u{0} 1)", code: 2, says: ["bad.slu:1:10"]),
        Case(
            text: "(defchannel :c {:bufer 1})\n(defworker :w {:in :c} [ctx m] m)", code: 2,
            says: ["bad.slu:1:17", ":buffer"]),
        Case(text: "(defworker :w {:in :nowhere} [ctx m] m)", code: 2, says: ["bad.slu:1:20", ":nowhere"]),
        Case(text: "(fs/read \"/etc/hostname\")", code: 1, says: ["--allow read=/etc/hostname"]),
    ]

    private func run(_ scratch: Scratch, _ arguments: [String]) throws -> Repository.Result {
        try Repository.run(try Repository.program, arguments, folder: scratch.folder)
    }

    @Test(arguments: cases) func isExplained(_ bad: Case) throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try scratch.write("bad.slu", bad.text)
        let result = try run(scratch, ["run", "bad.slu"])
        #expect(result.code == bad.code, "\(result.error.prefix(400))")
        for part in bad.says { #expect(result.error.contains(part), "\(part) in \(result.error.prefix(400))") }
        #expect(!result.error.contains("Fatal error") && !result.error.contains(".swift"))
    }

    @Test func filesThatCannotBeRead() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try scratch.write("empty.slu", "")
        try scratch.write("folder/x.txt", "")
        try Data([0x28, 0xff, 0xfe, 0x29]).write(to: scratch.folder.appending(path: "latin.slu"))
        let missing = try run(scratch, ["run", "none.slu"])
        #expect(missing.code == 2 && missing.error.contains("there is no file none.slu"))
        let folder = try run(scratch, ["run", "folder"])
        #expect(folder.code == 2 && folder.error.contains("is a directory"))
        let empty = try run(scratch, ["run", "empty.slu"])
        #expect(empty.code == 0 && empty.output.isEmpty && empty.error.isEmpty)
        let latin = try run(scratch, ["run", "latin.slu"])
        #expect(latin.code == 2 && latin.error.contains("latin.slu:1:2"))
    }

    static let waiting = "(require '[clojure.core.async :refer [chan go <! >! <!! timeout]])"
    static let pingPong =
        "(let [a (chan) b (chan)] (go (loop [] (>! a 1) (<! b) (recur))) (go (loop [] (<! a) (>! b 1) (recur))))"

    /// U: what a script runs gets no key that the run was started with, unless it is asked for.
    @Test(
        arguments: [
            ("(proc/run [\"env\"])", [], false), ("(proc/run [\"env\"] {:env [\"OPENAI_API_KEY\"]})", [], true),
            ("(proc/run [\"env\"] {:env {\"OPENAI_API_KEY\" :inherit}})", [], true),
            ("(proc/run [\"sh\" \"-c\" \"env\"] {:env {\"A\" \"1\"}})", ["--allow", "run"], false),
        ] as [(String, [String], Bool)]) func programsGetNoSecrets(_ call: String, _ more: [String], _ isSeen: Bool)
        throws
    {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try scratch.write("env.slu", "(print (:out \(call)))")
        var environment = ProcessInfo.processInfo.environment
        environment["OPENAI_API_KEY"] = "sk-secret-key"
        environment["DATABASE_PASSWORD"] = "hunter2"
        let result = try Repository.run(
            try Repository.program, ["run", "--allow", "run=env"] + more + ["env.slu"],
            environment: environment, folder: scratch.folder)
        #expect(result.code == 0, "\(result.error)")
        let names = result.output.split(separator: "\n").map { $0.prefix { $0 != "=" } }
        #expect(names.contains("PATH") && names.contains("HOME"))
        #expect(names.contains("OPENAI_API_KEY") == isSeen)
        #expect(!names.contains("DATABASE_PASSWORD"))
        let refused = try Repository.run(
            try Repository.program,
            ["eval", "--allow", "run=env", "(proc/run [\"env\"] {:env [\"DATABASE_PASSWORD\"]})"],
            environment: environment, folder: scratch.folder)
        #expect(refused.code == 1 && refused.error.contains("--allow env=DATABASE_PASSWORD"))
    }

    /// N6: nothing in the script catches a budget, and it ends whatever waits.
    @Test(arguments: [
        (["--max-steps", "1000000"], "(try (loop [] (recur)) (catch Throwable e 1))"),
        (["--max-memory", "50000000"], "(loop [s \"aaaaaaaa\"] (recur (str s s)))"),
        (["--max-memory", "50000000"], "(sort (range))"),
        // Data that shares its parts is walked within the budget, by what Swift does alone too.
        (
            ["--max-seconds", "0.3"],
            "(let [f (fn [] (loop [v [1] i 0] (if (< i 64) (recur [v v] (inc i)) v)))] (= (f) (f)))"
        ),
        (["--max-seconds", "0.3"], "(loop [] (recur))"),
        // A slice is so many steps, and each of these takes long.
        (
            ["--max-seconds", "0.3"],
            "(def s (loop [s \"é\" i 0] (if (< i 20) (recur (str s s) (inc i)) s))) (loop [] (.toUpperCase s) (recur))"
        ),
        // Within a macro, with nobody else and with one who waits; while code is read.
        (["--max-seconds", "0.3"], "(defmacro m [] (loop [] (recur))) (m)"),
        (["--max-seconds", "0.3"], waiting + "(defmacro m [] (loop [] (recur))) (go (<! (timeout 60000))) (m)"),
        (["--max-steps", "500000"], waiting + "(defmacro m [] (loop [] (recur))) (go (<! (timeout 60000))) (m)"),
        (["--max-steps", "500000"], "#\"\(String(repeating: "(?iu)[\u{100}-\u{27ff}]", count: 100))\""),
        // Used up by others while the main fiber waits, by fibers that wait themselves, and after the main fiber's end.
        (["--max-steps", "500000"], waiting + "(go (loop [] (recur))) (<!! (timeout 60000))"),
        (["--max-steps", "500000"], waiting + pingPong + "(<!! (timeout 60000))"),
        (["--max-steps", "500000"], waiting + pingPong),
        (["--max-seconds", "0.3"], waiting + "(<!! (timeout 60000))"),
        (["--max-seconds", "0.3"], waiting + "(go (<! (timeout 60000)))"),
        (
            ["--max-steps", "500000"],
            "(defchannel :in {:buffer 1}) (defworker :w {:kind :ticker :interval-ms 1 :output-chan :in} [ctx n] (loop [] (recur)))"
                + "(defworker :v {:in :in} [ctx m] m)"
        ),
    ]) func budgetsEndIt(flags: [String], text: String) throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try scratch.write("endless.slu", text)
        let result = try run(scratch, ["run"] + flags + ["endless.slu"])
        #expect(result.code == 3, "\(result.error)")
        #expect(result.error.split(separator: "\n").count { $0.contains("budget ran out") } == 1, "\(result.error)")
    }
}
