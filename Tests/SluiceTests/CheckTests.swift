import Engine
import Testing
import Values

@testable import Sluice

@Suite struct CheckTests {
    private func faults(_ text: String) -> Int {
        let session = Session(SessionOptions(grants: Capabilities(workingDirectory: "/")))
        defer { session.shutDown() }
        return session.checkDefinitions(of: Source(name: "a.slu", bytes: Array(text.utf8))).faults.count
    }

    /// Each form is read in the namespace, and with the aliases, that those before it made: as when it runs.
    @Test func readsAsARunDoes() {
        #expect(faults("(ns a (:require [clojure.string :as s]))\n(def k ::s/x)") == 0)
        #expect(faults("(def k ::s/x)") == 1)
    }

    @Test func tellsWhatCameBeforeASyntaxError() {
        #expect(faults("(def a missing)\n(def b (inc 1)") == 2)
    }
}
