import Engine
import Testing

@testable import Command

/// What is told of an error that an effect's handler threw: where that was, by which calls, and who performed the effect (N4).
@Suite struct HandlerErrorTests {
    private func error(_ script: String) throws -> String {
        let folder = try ScratchFolder(["job.slu": script])
        let screen = Screen()
        var request = RunRequest(.file(folder.path("job.slu")))
        request.schedule = .virtual(seed: 0)
        #expect(SessionDriver().run(request, RunControl(screen.console(json: false))) == 1)
        return screen.error.replacing(folder.path("job.slu"), with: "job.slu")
    }

    @Test func theCallsLeadFromThePerformerToThePlace() throws {
        let told = try error(
            """
            (defn helper [x]
              (throw (ex-info "deep" {:code "boom"})))
            (defn handler [x]
              (inc (helper x)))
            (perform (run handler 1))
            """)
        #expect(
            told.hasPrefix(
                """
                job.slu:2:3: error: deep
                  2 |   (throw (ex-info "deep" {:code "boom"})))
                    |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
                  5 | (perform (run handler 1))
                    | ------------------------- performed here
                  data: {:code "boom"}
                  call stack:
                    helper     job.slu:2:3
                    handler    job.slu:4:8
                    top level  job.slu:5:1

                """), "\(told)")
    }

    @Test func alsoThroughSeveralEffectsAndOfAMistake() throws {
        let told = try error(
            """
            (defeffect :t/inner [{:keys [n]}]
              (+ n "1"))
            (defeffect :t/outer [_]
              (perform (effect :t/inner {:n 1})))
            (defn main []
              (perform (effect :t/outer {})))
            (main)
            """)
        #expect(
            told.hasPrefix(
                """
                job.slu:2:8: error: + expected a number, but found the string "1"
                  2 |   (+ n "1"))
                    |        ^^^
                  4 |   (perform (effect :t/inner {:n 1})))
                    |   ---------------------------------- performed here
                  6 |   (perform (effect :t/outer {})))
                    |   ------------------------------ performed here

                """), "\(told)")
        #expect(
            told.contains(
                """
                  call stack:
                    :inner     job.slu:2:3
                    :outer     job.slu:4:3
                    main       job.slu:6:3
                    top level  job.slu:7:1

                """), "\(told)")
    }

    /// What no line of the script threw is told where the effect was performed.
    @Test func whatTheHostRefusesIsToldOfThePerformer() throws {
        let told = try error("(perform (run 'clojure.core/nobody-at-all 1))")
        #expect(told.hasPrefix("job.slu:1:1: error: clojure.core has no function nobody-at-all"), "\(told)")
        #expect(!told.contains("performed here"))
    }
}
