import Engine
import Sluice
import Testing
import Values

@testable import Command

/// D23: a run that is stopped ends, whatever its `finally` blocks do.
@Suite struct StopperTests {
    /// Blocks that have not done when the run was cancelled: that wait, compute, and wait for an effect, each of which would
    /// take longer than the test may.
    private static let endless = [
        "(Thread/sleep 1000000)", "(while true)", "(time/sleep 3000000)",
        "(try (time/sleep 3000000) (finally (time/sleep 3000000)))",
    ]

    /// Calls `body` with a session whose script has told that it is under way, and stops it then. What was said of it.
    private func stopped(_ script: String, _ body: (Session, Stopper) throws -> Void) throws -> String {
        let screen = Screen()
        let console = screen.console()
        var options = SessionOptions(grants: Capabilities(workingDirectory: "/"))
        let begun = Bell()
        options.output = { _ in begun.ring() }
        let session = Session(options)
        let stopper = Stopper(session, graceMs: 50, finallyMs: 100)
        _ = startThread {
            begun.wait(20_000)
            stopper.stop()
        }
        do {
            defer { session.shutDown() }
            try body(session, stopper)
        }
        stopper.finish(console)
        console.close()
        return screen.error
    }

    @Test(.timeLimit(.minutes(1)), arguments: endless) func endsAScript(_ block: String) throws {
        let script = "\n(try (println 1) (Thread/sleep 100000) (finally \(block)))"
        let said = try stopped(script) { session, _ in
            guard case .failure = session.evaluate(script, name: "slow.slu") else {
                Issue.record("it was not ended")
                return
            }
        }
        #expect(
            said
                == "sluice: cut off the script at slow.slu:2: its finally blocks were not done 100 ms after it was cancelled\n"
        )
    }

    @Test(.timeLimit(.minutes(1)), arguments: endless) func endsAGraph(_ block: String) throws {
        let script = """
            (defworker :slow {:kind :ticker :interval-ms 10}
              [_ n]
              (try (when (= n 0) (println 1)) (time/sleep 100000) (finally \(block))))
            """
        let said = try stopped(script) { session, stopper in
            _ = try session.evaluate(script, name: "slow.slu").get()
            let run = try Run(session, once: false)
            stopper.attach(run)
            run.run()
        }
        #expect(
            said
                == "sluice: cut off worker :slow at slow.slu:3: its finally blocks were not done 100 ms after it was cancelled\n"
        )
    }

    /// An effect in flight has the grace, and no more: then it is cancelled, and what waits for it with it.
    @Test(.timeLimit(.minutes(1))) func cancelsWhatIsLeftOfEffects() throws {
        let script = """
            (def done (atom []))
            (defn work [_] (try (println 1) (time/sleep 100000) (finally (swap! done conj :effect))))
            (try (perform (run work)) (finally (time/sleep 20) (swap! done conj :script)))
            """
        let said = try stopped(script) { session, _ in
            _ = session.evaluate(script)
            let done = try session.evaluate("(pr-str (sort @done))").get()
            #expect(done.stringValue == "(:effect :script)")
        }
        #expect(said == "")
    }

    /// Blocks that are done in time are let do it.
    @Test func waitsForBlocksThatEnd() throws {
        let script =
            "(def done (atom 0)) (try (println 1) (Thread/sleep 100000) (finally (time/sleep 5) (reset! done 7)))"
        let said = try stopped(script) { session, _ in
            _ = session.evaluate(script)
            let done = try session.evaluate("@done").get()
            #expect(done.intValue == 7)
        }
        #expect(said == "")
    }
}
