import Engine
import Reader
import Sluice
import TestSupport
import Testing
import Values

/// A run under virtual time: what waits takes no time, and what is outside takes as long as it takes (P22).
@Suite struct VirtualTimeTests {
    private func evaluate(_ text: String, seed: UInt64 = 1, grants: [String] = []) throws -> String {
        var capabilities = Capabilities(workingDirectory: "/")
        for grant in grants { try capabilities.allow(flag: grant) }
        var options = SessionOptions(grants: capabilities)
        options.seed = seed
        let session = Session(options)
        defer { session.shutDown() }
        switch session.evaluate("(pr-str \(text))") {
        case .success(let value): return value.stringValue ?? ""
        case .failure(let fault): return Report.diagnostic(fault).title
        }
    }

    // A day passes at once, on the run's clock.
    @Test func sleepTakesNoTime() throws {
        #expect(
            try evaluate(
                "(do (require 'sluice.time) [(time/sleep 86400000) (quot (sluice.runtime/nano-time) 1000000000)])")
                == "[nil 86400]")
    }

    // Computing takes about the time that it would: not a minute because the next timer is the time limit of an effect (P22).
    @Test func computingIsNotLate() throws {
        let sum = "(reduce + (map inc (range 200000)))"
        // 1 + … + 200,000
        #expect(try evaluate("(perform (run (fn [_] \(sum))))") == "20000100000")
    }

    // Nor does one that spins keep the time from passing for which it waits.
    @Test func spinningEnds() throws {
        let program = """
            (let [done (atom false)]
              (future (Thread/sleep 20) (reset! done true))
              (while (not @done))
              (quot (sluice.runtime/nano-time) 1000000))
            """
        #expect(try evaluate(program) == "20")
    }

    // Nor does one operation without end, which is no step of the machine's.
    @Test(arguments: ["(= (range) (range))", "(hash (iterate inc 1))", "(reduce + (range))"])
    func aHandlerInOneEndlessOperationTimesOut(_ body: String) throws {  // P22
        let program =
            "(map (fn [end] (:message (:error end))) (perform-all [(run (fn [_] \(body)) nil {:timeout-ms 20})]))"
        #expect(try evaluate("(vec \(program))") == #"["effect timeout after 20ms"]"#)
    }

    // What scripts see of time and chance is the simulation's: a run is its seed.
    @Test func theSeedIsTheRun() throws {
        let text = "[(System/currentTimeMillis) (do (Thread/sleep 1500) (System/currentTimeMillis)) (System/nanoTime)]"
        #expect(try evaluate(text) == "[0 1500 1500000000]")
        let chances = "(vec (repeatedly 5 (fn [] (rand-int 1000000))))"
        #expect(try evaluate(chances, seed: 7) == evaluate(chances, seed: 7))
        #expect(try evaluate(chances, seed: 7) != evaluate(chances, seed: 8))
    }

    // Limits far below what the server and the program take: time stands while they are asked.
    @Test func whatIsOutsideIsNeverTooSlow() throws {
        let server = LoopbackServer { _, connection in
            _ = connection.waitForClose(ms: 60)
            connection.head(200, [("Content-Length", "4")])
            _ = connection.waitForClose(ms: 60)
            connection.send("late")
        }
        #expect(
            try evaluate(
                #"(:body (http/request {:url "\#(server.url)/" :timeout-ms 5 :idle-ms 5}))"#, grants: ["net=127.0.0.1"])
                == #""late""#)
        #expect(
            try evaluate(#"(:out (proc/run ["sh" "-c" "sleep 0.1; echo late"] {:timeout-ms 5}))"#, grants: ["run=sh"])
                == #""late\n""#)
    }
}
