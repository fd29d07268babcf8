import Foundation
import Testing

/// A trace of a run that a signal ends.
@Suite struct TracedRunTests {
    /// What began is in it, and how it ended.
    @Test(arguments: [(SIGTERM, Int32(143)), (SIGINT, Int32(130))])
    func aSignalLeavesAWholeTrace(signal: Int32, code: Int32) throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try scratch.write(
            "tick.slu",
            """
            (defworker :tick {:kind :ticker :interval-ms 5} [ctx n]
              (spit "ready" "yes")
              (perform (assoc (effect :time/sleep {:ms 1}) :effect/id n)))
            """)
        let result = try Repository.run(
            try Repository.program, ["run", "tick.slu", "--trace", "tick.trace"], folder: scratch.folder,
            meanwhile: { scratch.signal($0, signal) })
        #expect(result.code == code)
        #expect(try scratch.read("tick.trace").hasSuffix("}\n"))
        let told = try Repository.run(try Repository.program, ["trace", "tick.trace", "0"], folder: scratch.folder)
        #expect(told.code == 0 && told.error == "", "\(told.error)")
        #expect(told.output.hasPrefix("0 (:time/sleep) is done, after "), "\(told.output)")
        // Nothing is left open: a run that is asked to stop lets what is in flight finish.
        let all = try Repository.run(try Repository.program, ["trace", "tick.trace"], folder: scratch.folder)
        #expect(all.code == 0 && all.output.contains("done") && !all.output.contains(" running"), "\(all.output)")
    }

    /// A script may end the process itself.
    @Test func anExitLeavesAWholeTrace() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let text = "(do (perform (assoc (effect :time/sleep {:ms 1}) :effect/id :nap)) (System/exit 3))"
        let run = try Repository.run(try Repository.program, ["eval", text, "--trace", "t"], folder: scratch.folder)
        #expect(run.code == 3, "\(run.error)")
        let told = try Repository.run(try Repository.program, ["trace", "t", ":nap"], folder: scratch.folder)
        #expect(told.code == 0 && told.output.hasPrefix(":nap (:time/sleep) is done, after "), "\(told.error)")
    }
}

/// Values that have no end, or share their parts and are larger than anybody could write, in effects and log lines (N6).
@Suite struct EndlessValueTests {
    /// Each event is one short object that says that it was cut, and the run ends as it would without.
    @Test(
        .timeLimit(.minutes(1)),
        arguments: [
            ("(count (take 3 (perform (run (fn [_] (range))))))", "3", 1),
            ("(perform (emit :x (range)))", nil, 2),
            ("(perform (emit :x [1 {:r (cons 1 (range))}]))", nil, 2),
            ("(perform (emit :x (nth (iterate (fn [a] [a a]) 1) 60)))", nil, 2),
            ("(log/info \"x\" {:r (range)})", "nil", 2),
        ]) func areToldInAFewWords(_ text: String, _ value: String?, _ cut: Int) throws
    {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let result = try Repository.run(
            try Repository.program, ["eval", text, "--json", "--trace", "t"], folder: scratch.folder)
        #expect(result.code == 0, "\(result.error)")
        let lines = try result.output.split(separator: "\n").map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
        #expect(lines.filter { $0["type"] as? String == "effect.ended" }.count == 1)
        #expect(lines.filter { $0["cut"] as? Bool == true }.count == cut)
        if let value { #expect(lines.contains { $0["value"] as? String == value }) }
        #expect(result.output.utf8.count < 5_000, "\(result.output.utf8.count)")
        #expect(try scratch.read("t").split(separator: "\n").filter { $0.hasSuffix(", :cut true}") }.count == cut)
    }

    @Test(.timeLimit(.minutes(1))) func areShownByTheirBeginningInALogLine() throws {
        let result = try Repository.run(
            try Repository.program, ["eval", "(do (log/info \"x\" {:r (range) :a 1}) (log/warn (range)))"])
        #expect(result.code == 0)
        let endless = "(\((0..<1000).map(String.init).joined(separator: " ")) ...)"
        // Long work is told of in between.
        let lines = result.error.split(separator: "\n").filter { $0.hasPrefix("[") }
        #expect(lines == ["[INFO] x {:r \(endless), :a 1}", "[WARN] \(endless)"])
    }
}
