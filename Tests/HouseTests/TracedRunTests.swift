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
