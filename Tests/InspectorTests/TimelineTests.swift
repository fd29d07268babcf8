import Engine
import Testing
import Values

@testable import Inspector

@Suite struct TimelineTests {
    @Test func effectsStandBelowWhatBeganThem() {
        var trace = HandTrace()
        trace.submit(0, "\"p\"", at: "run/fiber:1/effect:0", "{:group :g}")
        trace.start(0, "\"p\"", at: "run/fiber:1/effect:0")
        trace.submit(2, "\"run/fiber:1/effect:0/effect:0\"", at: "run/fiber:1/effect:0/effect:0")
        trace.start(12, "\"run/fiber:1/effect:0/effect:0\"", at: "run/fiber:1/effect:0/effect:0")
        trace.event(13, .workerError, "run/worker:w#0", "{:message \"no such page\"}")
        trace.end(14, "\"x\"", at: "run/fiber:1/effect:0/effect:0", "done", durationMs: 2)
        trace.end(
            1500, "\"p\"", at: "run/fiber:1/effect:0", "cancelled", durationMs: 1500,
            ":reason :requested :error {:code \"cancelled\" :message \"effect cancelled: requested\"}")
        #expect(
            Timeline(trace.histories).lines == [
                "run/fiber:1",
                "      +0 ms  cancelled        1.5 s  :run \"p\" of :g: requested",
                "        +2 ms  done              2 ms  :run effect:0/effect:0",
                "run/worker:w#0",
                "     +13 ms  workers.error: no such page",
            ])
        #expect(Timeline(trace.histories).summary == "2 effects in 1.5 s: 1 done, 1 cancelled")
    }

    /// What a line calls an effect without an id is enough to find it, and no longer than that takes.
    @Test func whatIsShownIsFound() {
        var trace = HandTrace()
        let paths = [
            "run/fiber:3/effect:0", "run/fiber:3/effect:0/fiber:0/effect:0", "run/fiber:3/effect:0/fiber:1/effect:0",
            "run/fiber:3/effect:1/fiber:0/effect:0", "run/worker:w#0/effect:7",
        ]
        for path in paths { trace.submit(0, "\"\(path)\"", at: path) }
        trace.submit(0, "\"effect:7\"", at: "run/fiber:9/effect:2")
        let shown = Timeline(trace.histories).lines.compactMap { $0.split(separator: " ").last.map(String.init) }
        for name in [
            "fiber:3/effect:0", "effect:0/fiber:0/effect:0", "fiber:1/effect:0", "effect:1/fiber:0/effect:0",
            "worker:w#0/effect:7",
        ] {
            #expect(shown.contains(name), "\(name) in \(shown)")
        }
        for path in paths {
            let name = trace.histories.shortNames()[path]!
            #expect(trace.histories.effects(withID: name).map(\.identity) == [path])
        }
        #expect(
            EffectStory.candidates(of: trace.histories.effects(withID: "fiber:0/effect:0")) == [paths[1], paths[3]])
        #expect(trace.histories.effects(withID: "effect:7").map(\.identity) == ["run/fiber:9/effect:2"])
    }

    @Test func nestingNeedsNoStack() {
        var trace = HandTrace()
        var path = "run"
        for depth in 0..<2_000 {
            path += "/e"
            trace.submit(Int64(depth), "\(depth)", at: path)
        }
        #expect(Timeline(trace.histories).lines.count == 2_001)
    }

    @Test(arguments: [
        (0, "0 ms"), (999, "999 ms"), (1_000, "1 s"), (1_099, "1 s"), (1_100, "1.1 s"), (59_999, "59.9 s"),
        (60_000, "1 min"), (125_400, "2 min 5 s"), (3_600_000, "1 h"), (12_000_000, "3 h 20 min"),
    ]) func durations(_ ms: Int64, _ text: String) {
        #expect(EffectSentence.duration(ms) == text)
    }
}
