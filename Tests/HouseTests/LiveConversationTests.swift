import Foundation
import Testing

/// A conversation about a file whose graph runs meanwhile (G3).
@Suite struct LiveConversationTests {
    private func converse(_ file: String, _ lines: [String]) throws -> Repository.Result {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try scratch.write("live.slu", file)
        return try Repository.run(
            try Repository.program, ["repl", "live.slu"], environment: Repository.offlineEnvironment,
            folder: scratch.folder, input: lines.joined(separator: "\n") + "\n")
    }

    private static let file = """
        (ns live (:require [clojure.core.async :as a] [sluice.workers :as w]))
        (defchannel :in {:buffer 4})
        (defn answer [_ x] (* 2 x))
        (defworker :double {:in :in :worker-fn answer :expose? true})
        (defn ask [x] (a/<!! (w/request! (w/running) :double x)))
        """

    @Test func whatIsDefinedAgainChangesWhatRuns() throws {
        let result = try converse(
            Self.file,
            [
                "(ask 21)", "(defn answer [_ x] (* 3 x))", "(ask 21)",
                "(defworker :double {:in :in :worker-fn (fn [_ x] [:new x]) :expose? true :parallel 2})", "(ask 21)",
                "(count (set (mapv (fn [i] (ask i)) (range 100))))",
                // What would not start is not applied.
                "(defworker :double {:in :nowhere :worker-fn answer :expose? true})", "(ask 1)",
                "(w/stats-snapshot (w/running))",
            ])
        #expect(
            result.output == """
                42
                #'live/answer
                63
                :double
                [:new 21]
                100
                :double
                [:new 1]
                {:drops {}, :errors {}}

                """)
        #expect(
            result.error == """
                [INFO] worker :double: :worker-fn live/answer → live/double, :parallel 2 added, the function of :worker-fn is new
                [WARN] not changed yet: worker :double takes from `:nowhere`, which is not declared

                """)
        #expect(result.code == 0)
    }

    @Test func aGraphThatIsWrongIsRefused() throws {
        let result = try converse("(defworker :w {:in :nowhere :worker-fn (fn [_ x] x)})", ["1"])
        #expect(result.code == 2 && result.output.isEmpty, "\(result.output)")
        #expect(result.error.contains(":nowhere"), "\(result.error)")
    }

    /// What is under way when the conversation ends is finished, or cancelled in time.
    @Test func theGraphEndsWithTheConversation() throws {
        let result = try converse(
            """
            (ns live (:require [clojure.core.async :as a] [sluice.workers :as w]))
            (defchannel :in {:buffer 4})
            (defworker :slow {:in :in :expose? true} [_ ms] (try (a/<! (a/timeout ms)) (println "done" ms) (finally (println "over" ms))))
            """, ["(w/command! (w/running) :slow 60)", "(a/<!! (a/timeout 20))"])
        #expect(result.output == "true\nnil\ndone 60\nover 60\n")
        #expect(result.code == 0, "\(result.error)")
    }

    @Test func withoutAGraphNothingRuns() throws {
        let result = try converse("(ns live (:require [sluice.workers :as w]))", ["(w/running)"])
        #expect(result.output == "nil\n" && result.code == 0, "\(result.error)")
    }
}
