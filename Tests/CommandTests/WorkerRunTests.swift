import Testing

@testable import Command

/// What a run tells of its workers.
@Suite struct WorkerRunTests {
    private func run(_ script: String, json: Bool = false) throws -> (code: Int32, screen: Screen) {
        let folder = try ScratchFolder(["x.slu": script])
        let screen = Screen()
        let console = screen.console(json: json)
        var request = RunRequest(.file(folder.path("x.slu")))
        request.once = true
        let code = SessionDriver().run(request, RunControl(console))
        console.close()
        return (code, screen)
    }

    private func feeding(_ worker: String) -> String {
        """
        (defchannel :in {:buffer 4})
        (defchannel :bad {:buffer 4})
        (defworker :t {:kind :ticker :output-chan :in} [c n] n)
        \(worker)
        """
    }

    /// A worker that is given up has stopped, also where its failures go to a channel; the report of one does not say otherwise.
    @Test(arguments: ["", ":fail-chan :bad"]) func tellsThatAWorkerHasStopped(_ keys: String) throws {
        let script = feeding("(defworker :w {:in :in :restart {:max 0} \(keys)} [c m] (/ 1 m))")
        let (code, screen) = try run(script)
        #expect(code == 1)
        let line = "[WARN] worker :w has stopped: it failed 1 time in 60000 ms, more than :restart allows\n"
        #expect(screen.error.contains(line), "\(screen.error)")
        #expect(!screen.error.contains("goes on"))
        let events = try run(script, json: true).screen.output.split(separator: "\n")
        let stops = events.filter { $0.contains("worker.stopped") && $0.contains("worker:w") }
        #expect(stops.count == 1)
        #expect(stops.first?.contains("more than :restart allows") == true, "\(stops)")
    }

    /// The exit code has a reason that people see, a line for each kind of failure of which nothing else was printed.
    @Test func tellsOfFailuresThatAChannelTook() throws {
        let (code, screen) = try run(feeding("(defworker :w {:in :in :fail-chan :bad}\n  [c m]\n  (/ 1 m))"))
        #expect(code == 1)
        let lines = screen.error.split(separator: "\n")
        try #require(lines.count == 2, "\(screen.error)")
        #expect(lines[0] == "1 failure")
        let told = "x.slu:6:3: worker :w failed: divide by zero (its :fail-chan :bad has it)"
        #expect(lines[1].hasPrefix("  ") && lines[1].hasSuffix(told))
    }

    /// D16, N4: the line is the script's own, though the thread was held in the library.
    @Test func theGuardNamesALineOfTheScript() throws {
        let (_, screen) = try run(
            """
            (configure {:dev-guard? true :guard-ms 5})
            (defworker :t {:kind :ticker}
              [c n]
              (run! identity (range 1000000)))
            """)
        let line = try #require(screen.error.split(separator: "\n").first)
        #expect(line.hasPrefix("[WARN] worker :t held its thread for "), "\(screen.error)")
        #expect(line.contains("x.slu:4)"), "\(screen.error)")
    }
}
