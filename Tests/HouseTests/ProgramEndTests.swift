import Foundation
import Testing

/// No program that an effect started outlives the run, however that ends, also when it ignores what asks it to end.
@Suite struct ProgramEndTests {
    /// How a run ends, in a script after `start`, which starts the program and leaves it running.
    private static let ends: [(text: String, flags: [String], signals: [Int32], code: Int32)] = [
        // By itself, with an effect whose time is up.
        ("(perform-all [(assoc program :meta {:timeout-ms 500})])", [], [], 0),
        ("(let [id (submit! program)] (ready) (cancel! {:id id}))", [], [], 0),
        ("(do (submit! program) (ready) (System/exit 4))", [], [], 4),
        ("(do (submit! program) (ready) (throw (ex-info \"no\" {})))", [], [], 1),
        ("(perform program)", ["--max-seconds", "1"], [], 3),
        ("(perform program)", [], [SIGTERM], 143),
        ("(perform program)", [], [SIGINT, SIGINT], 130),
    ]

    @Test(.timeLimit(.minutes(2)), arguments: ends.indices) func nothingOutlivesTheRun(_ index: Int) throws {
        let (text, flags, signals, code) = Self.ends[index]
        let scratch = try Scratch()
        defer { scratch.remove() }
        // It and a child in a session of its own ignore what they are asked, and say who they are.
        let child = "trap '' TERM INT HUP; echo $$ >>pids; touch ready; sleep 60; sleep 60"
        try scratch.write("child.sh", child)
        try scratch.write(
            "run.slu",
            """
            (def program (effect :proc/run {:args ["sh" "-c" "trap '' TERM INT; echo $$ >>pids; setsid sh child.sh"]}))
            (defn ready [] (when-not (seq (fs/glob "ready")) (time/sleep 10) (recur)))
            \(text)
            """)
        let result = try Repository.run(
            try Repository.program, ["run", "run.slu", "--allow", "run=sh"] + flags, folder: scratch.folder,
            meanwhile: { process in
                for (number, signal) in signals.enumerated() {
                    if number > 0 { usleep(300_000) }
                    scratch.signal(process, signal)
                }
            })
        #expect(result.code == code, "\(result.error)")
        let pids = try scratch.read("pids").split(separator: "\n").compactMap { Int32($0) }
        #expect(pids.count == 2)
        // What was killed may have yet to be reaped by who inherited it.
        let deadline = Date().addingTimeInterval(10)
        while pids.contains(where: Self.isAlive), Date() < deadline { usleep(10_000) }
        for pid in pids where Self.isAlive(pid) {
            Issue.record("\(pid) outlived the run")
            kill(pid, SIGKILL)
        }
    }

    /// Neither gone nor ended.
    private static func isAlive(_ pid: Int32) -> Bool {
        guard kill(pid, 0) == 0 else { return false }
        guard let line = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else { return true }
        return !line.contains(") Z ")
    }
}
