import Engine
import Testing
import Values

@testable import Inspector

/// What a trace tells of processes.
@Suite struct ProcessStoryTests {
    /// An effect starts a process, which performs one, is handed on and fails; it is awaited at once and later.
    private var trace: HandTrace {
        var trace = HandTrace()
        let (start, process) = ("run/fiber:1/effect:0", "run/process:crawl#0")
        trace.submit(0, "\"s\"", at: start)
        trace.start(0, "\"s\"", at: start)
        trace.event(
            2, .processStarted, process,
            "{:id \"crawl\" :input {:run shop/crawl :args [1]} :parent \"\(start)\"}")
        trace.end(2, "\"s\"", at: start, "done", durationMs: 2)
        trace.submit(3, "\"page\"", at: "\(process)/effect:0")
        trace.start(3, "\"page\"", at: "\(process)/effect:0")
        trace.event(5, .processTransferred, process, "{:id \"crawl\" :from \"ada\" :to \"bob\"}")
        trace.end(40, "\"page\"", at: "\(process)/effect:0", "done", durationMs: 37)
        trace.event(
            42, .processEnded, process,
            "{:id \"crawl\" :status :failed :error {:code \"gone\" :message \"no such page\" :data {:n 1}}}")
        return trace
    }

    @Test func standsBelowTheEffectThatStartedIt() {
        var trace = trace
        trace.event(43, .fiberFailed, "run/process:crawl#0", "{:error {:code \"gone\" :message \"no such page\"}}")
        #expect(
            Timeline(trace.histories).lines == [
                "run/fiber:1",
                "      +0 ms  done              2 ms  :run \"s\"",
                "        +2 ms  failed           40 ms  process \"crawl\" of shop/crawl, handed on from \"ada\" to \"bob\", not awaited: no such page",
                "          +3 ms  done             37 ms  :run \"page\"",
                "         +43 ms  fiber.failed: no such page",
            ])
        #expect(Timeline(trace.histories).summary == "2 effects in 43 ms: 2 done; 1 process: 1 failed")
    }

    @Test func tellsItsLife() throws {
        var trace = trace
        let alone = try #require(trace.histories.processes.latest(withID: "crawl"))
        let told = [
            "The process \"crawl\" (shop/crawl) failed after 40 ms: no such page.", "\"s\" (:run) started it.",
            "The session \"ada\" handed it on to \"bob\", after 3 ms.",
        ]
        #expect(ProcessStory(trace.histories).sentences(of: alone) == told + ["Nobody awaited it."])
        trace.event(42, .processAwaited, "run/process:crawl#0", "{:id \"crawl\" :effect-id \"w\"}")
        trace.event(50, .processAwaited, "run/process:crawl#0", "{:id \"crawl\" :effect-id [:late 1]}")
        let heard = try #require(trace.histories.processes.latest(withID: "\"crawl\""))
        #expect(
            ProcessStory(trace.histories).sentences(of: heard) == told + ["It was awaited by \"w\", [:late 1]."])
        #expect(trace.histories.processes.latest(withID: "craw") == nil)
        #expect(trace.histories.hint(forID: "craw") == "did you mean `crawl`?")
    }

    @Test func asData() throws {
        let process = try #require(trace.histories.processes.latest(withID: "crawl"))
        #expect(
            try Printer.readable(ProcessStory(trace.histories).value(of: process)) == """
                {:type "process", :id "crawl", :run "shop/crawl", :identity "run/process:crawl#0", \
                :parent "run/fiber:1/effect:0", :status "failed", :started-ts 1002, :ended-ts 1042, :duration-ms 40, \
                :events [{:type "process.transferred", :ts 1005, :from "ada", :to "bob"}], \
                :error {:code "gone", :message "no such page"}}
                """)
    }

    @Test(arguments: [
        ("{:id \"p\" :status :done}", "The process \"p\" (f/g) is done, after 4 ms."),
        (
            "{:id \"p\" :status :cancelled :reason \"enough\"}",
            "The process \"p\" (f/g) was cancelled after 4 ms: enough."
        ),
        ("{:id \"p\" :status :cancelled}", "The process \"p\" (f/g) was cancelled after 4 ms."),
    ]) func ends(_ payload: String, _ sentence: String) throws {
        var trace = HandTrace()
        trace.event(1, .processStarted, "run/process:p#0", "{:id \"p\" :input {:run f/g :args []}}")
        let open = try #require(trace.histories.processes.all.first)
        trace.event(3, .log, "run", "nil")
        #expect(
            ProcessStory(trace.histories).sentences(of: open) == [
                "When the trace ends, the process \"p\" (f/g) is running, since 2 ms."
            ])
        trace.event(5, .processEnded, "run/process:p#0", payload)
        let ended = try #require(trace.histories.processes.all.first)
        #expect(ProcessStory(trace.histories).sentences(of: ended) == [sentence, "Nobody awaited it."])
        // Started by another run, or by what the trace does not have.
        #expect(Timeline(trace.histories).lines.first == "run")
    }

    /// The beginning may be missing, and an id may be given again.
    @Test func partsAndRepetitions() {
        var trace = HandTrace()
        trace.event(5, .processEnded, "run/process:a#0", "{:id \"a\" :status :done}")
        trace.event(6, .processStarted, "run/process:a#0", "{:id \"a\" :input {:run f/g :args []}}")
        trace.event(8, .processEnded, "run/process:a#0", "{:id \"a\" :status :done}")
        #expect(trace.histories.processes.all.map(\.durationMs) == [nil, 2])
        #expect(Timeline(trace.histories).summary == "0 effects in 3 ms; 2 processes: 2 done")
        let lines = Timeline(trace.histories).lines
        #expect(lines.count == 3 && lines[1].hasSuffix("  process \"a\", not awaited"))
    }
}
