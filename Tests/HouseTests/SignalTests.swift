import Foundation
import Testing

/// A run whose `finally` blocks would take for ever ends after one signal (D23).
@Suite struct SignalTests {
    @Test(.timeLimit(.minutes(2)), arguments: [(SIGTERM, Int32(143)), (SIGINT, Int32(130))])
    func oneSignalIsEnough(signal: Int32, code: Int32) throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try scratch.write(
            "slow.slu", "(try (spit \"ready\" \"yes\") (Thread/sleep 100000)\n  (finally (Thread/sleep 1000000)))")
        let result = try Repository.run(
            try Repository.program, ["run", "slow.slu"], folder: scratch.folder,
            meanwhile: { scratch.signal($0, signal) })
        #expect(result.code == code)
        #expect(
            result.error.split(separator: "\n").first
                == "sluice: cut off the script at slow.slu:2: its finally blocks were not done 5000 ms after it was cancelled"
        )
    }

    /// Work in flight that takes some hundred milliseconds more than the signal is early, in a script, in its `submit!`, and left by
    /// a system of the world; its own `finally` comes after it.
    private static let inFlight: [String] = [
        "(perform (run work))",
        "(submit! (run work))",
        "(do (submit! (run work)) (time/sleep 100000))",
        "(perform-all [(run work) (effect :event/await {:type :never})])",
        """
        (configure {:tick-ms 20})
        (defsystem :s [world dt] (if (:d world) world (assoc world :d 1 :effects [(run work)])))
        (event/publish! :go 1)
        """,
    ]

    @Test(.timeLimit(.minutes(2)), arguments: inFlight.indices, [(SIGTERM, Int32(143)), (SIGINT, Int32(130))])
    func effectsInFlightAreLetFinish(_ index: Int, _ ending: (signal: Int32, code: Int32)) throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try scratch.write(
            "work.slu",
            """
            (defn work [_] (try (spit "ready" "yes") (time/sleep 600) (println "done") (finally (println "finally"))))
            \(Self.inFlight[index])
            """)
        let began = Date()
        let result = try Repository.run(
            try Repository.program, ["run", "work.slu"], folder: scratch.folder,
            meanwhile: { scratch.signal($0, ending.signal) })
        #expect(result.code == ending.code, "\(result.error)")
        #expect(result.output == "done\nfinally\n", "\(result.error)")
        // Nobody waits for what only waits, nor for the deadline of ten seconds.
        #expect(Date().timeIntervalSince(began) < 9)
    }

    @Test(.timeLimit(.minutes(2)), arguments: inFlight.indices) func aSecondSignalEndsAtOnce(_ index: Int) throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try scratch.write(
            "work.slu",
            """
            (defn work [_] (try (spit "ready" "yes") (time/sleep 60000) (finally (println "finally"))))
            \(Self.inFlight[index])
            """)
        let result = try Repository.run(
            try Repository.program, ["run", "work.slu"], folder: scratch.folder,
            meanwhile: {
                scratch.signal($0, SIGTERM)
                usleep(200_000)
                scratch.signal($0, SIGTERM)
            })
        #expect(result.code == 143 && result.output == "")
    }

    /// A terminal that is closed takes the programs along that the script started.
    @Test(.timeLimit(.minutes(1)), arguments: [(SIGTERM, Int32(143)), (SIGHUP, Int32(129))])
    func childrenEndWithTheRun(signal: Int32, code: Int32) throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try scratch.write(
            "child.slu",
            "(perform (effect :proc/run {:args [\"sh\" \"-c\" \"echo $$ > child; mv child ready; exec sleep 1000\"]}))")
        let result = try Repository.run(
            try Repository.program, ["run", "child.slu", "--allow", "run=sh"], folder: scratch.folder,
            meanwhile: { scratch.signal($0, signal) })
        #expect(result.code == code, "\(result.error)")
        let text = try scratch.read("ready").split(separator: "\n").first
        let child = try #require(text.flatMap { pid_t($0) })
        #expect(kill(child, 0) != 0 && errno == ESRCH)
    }

    /// Output that is lost is no success.
    @Test(arguments: [["eval", "1"], ["eval", "1", "--json"], ["eval", "(println 1)"], ["version"], ["help"]])
    func lostOutputIsAFailure(_ arguments: [String]) throws {
        guard FileManager.default.fileExists(atPath: "/dev/full") else { return }
        let process = Process()
        process.executableURL = try Repository.program
        process.arguments = arguments
        let errors = Pipe()
        process.standardOutput = FileHandle(forWritingAtPath: "/dev/full")
        process.standardError = errors
        try process.run()
        let said = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 1)
        #expect(said == "sluice: standard output cannot be written: No space left on device\n")
    }

    /// What holds its thread is told to people, not in events alone (D16).
    @Test func aWorkerThatHoldsItsThreadIsNamed() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try scratch.write(
            "busy.slu",
            """
            (configure {:dev-guard? true :guard-ms 20})
            (defworker :busy {:kind :ticker}
              [_ n]
              (let [end (+ 60 (System/currentTimeMillis))]
                (while (< (System/currentTimeMillis) end))))
            """)
        let result = try Repository.run(
            try Repository.program, ["run", "busy.slu", "--once"], folder: scratch.folder)
        #expect(result.code == 0)
        let warnings = result.error.split(separator: "\n").filter { $0.hasPrefix("[WARN]") }
        #expect(warnings.count == 1, "\(result.error)")
        let line =
            /\[WARN\] worker :busy held its thread for (\d+) ms \(busy\.slu:[2-5]\); with :dispatch :thread it may/
        let held = warnings.first.flatMap { $0.wholeMatch(of: line) }.flatMap { Int($0.1) }
        #expect(held.map { $0 >= 20 } == true, "\(result.error)")
    }
}
