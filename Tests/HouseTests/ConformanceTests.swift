import Foundation
import Testing

/// The runner of the conformance suite on a small suite of our own: it counts, judges, lists what was skipped, and nothing
/// that a namespace does stops it.
@Suite struct ConformanceTests {
    private static let files = [
        "good": "(deftest fine (is (= 1 1)) (is (= 2 (inc 1))))",
        "bad": "(deftest wrong (testing \"sums\" (is (= 5 (+ 2 2))) (is (= 4 (+ 2 2)))))",
        "throws": "(deftest broken (is (= 1 (throw (ex-info \"boom\" {})))) (is true))",
        "unreadable": "(deftest never (is (= 1 1))",
        "unresolved": "(deftest never (is (no-such-name)))",
        "endless": "(deftest never (is (loop [] (recur))))",
        "skipping_qmark": "(println \"SKIP -\" 'some-var) (deftest rest-of-it (is true))",
    ]

    /// What the runner prints and its exit code, with a list of expected failures.
    private func run(_ expected: String, _ chosen: [String]) throws -> Repository.Result {
        let scratch = try Scratch()
        defer { scratch.remove() }
        for name in chosen {
            let namespace = "clojure.own-test.\(name.replacing("_", with: "-"))"
            try scratch.write(
                "clojure/own_test/\(name).cljc",
                "(ns \(namespace) (:require [clojure.test :refer [deftest is testing]]))\n\(Self.files[name]!)\n")
        }
        try scratch.write("expected.edn", expected)
        let runner = Repository.root.appending(path: "Tests/conformance/run.slu").path
        return try Repository.run(
            try Repository.program, ["run", runner, "expected.edn", "1000"], folder: scratch.folder)
    }

    @Test func aCleanRunSucceeds() throws {
        let result = try run("[]", ["good", "skipping_qmark"])
        #expect(result.code == 0, "\(result.error)")
        #expect(result.output == "skipped vars: some-var\n3 passed, 0 failed, 1 skipped vars\n")
    }

    @Test func anUnexpectedFailureIsToldAndFails() throws {
        let result = try run("[]", ["bad", "good"])
        #expect(result.code == 1)
        let lines = result.output.split(separator: "\n")
        #expect(lines.contains { $0.split(separator: " ") == ["clojure.own-test.bad", "1", "0", "1"] })
        #expect(!result.output.contains("own-test.good"))
        #expect(lines.contains { $0.hasPrefix("clojure.own-test.bad ") && $0.hasSuffix(": sums") })
        #expect(lines.contains("  expected: (= 5 (+ 2 2))"))
        #expect(lines.contains("    actual: (not (= 5 4))"))
        #expect(lines.last == "3 passed, 1 failed, 0 skipped vars")
    }

    /// The fingerprint that a failure is printed with is the one that the list takes; the reason alone does not do.
    @Test func anExpectedFailureSucceeds() throws {
        let output = try run("[]", ["bad"]).output
        let told = try #require(
            output.split(separator: "\n").first { $0.hasPrefix("clojure.own-test.bad ") && $0.hasSuffix("sums") })
        let fingerprint = told.split(separator: " ")[1].dropLast()
        func entry(_ namespace: String, _ assertion: some StringProtocol) -> String {
            "{:namespace \(namespace), :assertion \"\(assertion)\", :because :decision, :reason \"Ours.\"}"
        }
        let expected = try run("[\(entry("clojure.own-test.bad", fingerprint))]", ["bad", "good"])
        #expect(expected.code == 0)
        #expect(expected.output.hasSuffix("\n3 passed, 1 failed, 0 skipped vars\n"))
        let elsewhere = try run("[\(entry("clojure.own-test.good", fingerprint))]", ["bad", "good"])
        #expect(elsewhere.code == 1)
        #expect(elsewhere.output.contains("no longer fails: clojure.own-test.good \(fingerprint), Ours."))
    }

    @Test func whatDoesNotRunCountsAsFailedAndStopsNothing() throws {
        let result = try run("[]", ["throws", "unreadable", "unresolved", "endless", "good"])
        #expect(result.code == 1)
        #expect(result.output.contains("ExceptionInfo: boom"))
        #expect(result.output.contains("clojure.own-test.unreadable load: "))
        #expect(result.output.contains("cannot resolve no-such-name"))
        #expect(result.output.contains("it took more than 1000 ms"))
        #expect(result.output.hasSuffix("\n3 passed, 4 failed, 0 skipped vars\n"))
    }

    @Test func aFolderWithoutTestsIsAMistake() throws {
        let result = try run("[]", [])
        #expect(result.code == 1)
        #expect(result.error.contains("SUITE"))
    }

    /// Every entry of the list says where, what and why.
    @Test func theListIsWellFormed() throws {
        let text = try Repository.text("Tests/conformance/expected.edn")
        let program = try Repository.program
        let check = """
            (let [entries (clojure.edn/read-string (slurp (first *command-line-args*)))]
              (remove (fn [{:keys [namespace assertion because reason]}]
                        (and (symbol? namespace) (re-matches #"[0-9a-f]{8}|load" assertion)
                             (#{:clojure :portable :decision} because) (clojure.string/ends-with? reason ".")))
                      entries))
            """
        let path = Repository.root.appending(path: "Tests/conformance/expected.edn").path
        let result = try Repository.run(program, ["eval", check, path])
        #expect(result.output == "()\n", "\(result.error)")
        #expect(text.contains(":assertion"))
    }
}
