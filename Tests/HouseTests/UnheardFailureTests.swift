import Foundation
import Testing

/// Failures that nobody asked for are told at the end, and the exit code says so (U: exit code 1 when some of the work failed).
@Suite struct UnheardFailureTests {
    private static let world = """
        (configure {:tick-ms 20})
        (defn lose [_] (throw (ex-info "lost" {})))
        (event/publish! :go 1)

        """

    /// A script, and the lines that tell, without what comes before them. None is told of what was handled.
    private static let cases: [(script: String, told: [String])] = [
        (
            "(submit! (assoc (run (fn [_] (throw (ex-info \"lost\" {})))) :effect/id :a))",
            [
                "sluice: the effect :a (:run) failed, and nobody asked for its outcome: lost; it was submitted at x.slu:1:1"
            ]
        ),
        (
            "(submit! [(effect :no/such {:effect/id 1})\n  (effect :time/sleep {:effect/id 2 :ms 1})])",
            [
                "sluice: the effect 1 (:no/such) failed, and nobody asked for its outcome: unknown effect type: :no/such; it was submitted at x.slu:1:1"
            ]
        ),
        ("(try (outcome (submit! (run (fn [_] (throw (ex-info \"lost\" {})))))) (catch Exception e 1))", []),
        (
            "(let [i (submit! (run (fn [_] (throw (ex-info \"lost\" {})))))] (time/sleep 20) (try (outcome i) (catch Exception e 1)))",
            []
        ),
        ("(cancel! {:id (submit! (effect :time/sleep {:ms 10000}))})", []),
        ("(perform-all [(run (fn [_] (throw (ex-info \"told\" {}))))])", []),
        (
            "(future (throw (ex-info \"lost\" {})))",
            ["sluice: a future failed, and nobody asked for its value: lost; at x.slu:1:9"]
        ),
        ("(let [f (future (throw (ex-info \"lost\" {})))] (time/sleep 20) (try @f (catch Exception e 1)))", []),
        ("(let [f (future (time/sleep 20) (throw (ex-info \"lost\" {})))] (try @f (catch Exception e 1)))", []),
        ("(let [f (future (throw (ex-info \"lost\" {})))] (try (deref f 1000 1) (catch Exception e 1)))", []),
        ("(let [f (future (time/sleep 10000))] (future-cancel f))", []),
        ("(future 1)", []),
        // Elements ahead of the one whose failure was handled.
        ("(try (doall (pmap (fn [x] (throw (ex-info \"lost\" {}))) [1 2 3])) (catch Exception e 1))", []),
        (
            world + "(defsystem :s [w dt] (if (:d w) w (assoc w :d 1 :effects [(run lose)])))",
            [
                "sluice: the effect \"run/system:s#0/effect:0\" (:run), which a system left, failed, and no system reads :events/in: lost",
                "1 failure",
            ]
        ),
        (world + "(defsystem :s [w dt] (count (:events/in w)) (if (:d w) w (assoc w :d 1 :effects [(run lose)])))", []),
        (
            world + "(defn seen [{:events/keys [in]}] in)\n"
                + "(defsystem :s [w dt] (seen w) (if (:d w) w (assoc w :d 1 :effects [(run lose)])))", []
        ),
        (
            world
                + "(defsystem :s [w dt] (get-in w [:effects/pending 1]) (if (:d w) w (assoc w :d 1 :effects [(run lose)])))",
            []
        ),
    ]

    @Test(.timeLimit(.minutes(1)), arguments: cases.indices) func areTold(_ index: Int) throws {
        let (script, told) = Self.cases[index]
        let (code, lines) = try run(script)
        #expect(lines == told)
        #expect(code == (told.isEmpty ? 0 : 1))
    }

    @Test(.timeLimit(.minutes(1))) func areNotMoreThanAPersonReads() throws {
        let (code, lines) = try run("(dotimes [i 1000] (submit! (run (fn [_] (throw (ex-info \"lost\" {}))))))")
        #expect(code == 1)
        #expect(lines.count == 11 && lines.last == "sluice: 990 more failures that nobody asked for", "\(lines)")
    }

    /// Processes are told as fibers are, by their names.
    @Test(.timeLimit(.minutes(1))) func aProcessIsNamed() throws {
        let (code, lines) = try run(
            "(defn lose [] (throw (ex-info \"lost\" {})))\n(process/start `lose [] {:id \"p\"}) (time/sleep 20)")
        #expect(code == 1)
        #expect(lines.contains("  Process `p` failed, and nobody awaited it."), "\(lines)")
    }

    private func run(_ script: String) throws -> (code: Int32, lines: [String]) {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try scratch.write("x.slu", script)
        let result = try Repository.run(try Repository.program, ["run", "x.slu"], folder: scratch.folder)
        let lines = result.error.split(separator: "\n").map(String.init)
        // Progress, and how the world ticks, are told as well.
        return (result.code, lines.filter { !$0.hasPrefix("[INFO]") && !$0.contains(" s · ") })
    }
}
