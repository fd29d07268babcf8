import Engine
import Graph
import Machine
import Reader
import Sluice
import Testing
import Values

/// What `check` sees through the functions of a script (G2).
@Suite struct CheckTests {
    /// A finding as a line: what, where, and where else.
    private func findings(_ body: String, dispatch: String = ":go", prelude: String = "") throws -> [String] {
        let text = """
            (ns app (:require [clojure.core.async :as a :refer [<! <!! >!! alt!! thread chan go]]))
            (def c (chan 1))
            \(prelude)
            (defworker :w {:kind :ticker :dispatch \(dispatch)} [ctx n] \(body))
            """
        var options = SessionOptions(grants: Capabilities(workingDirectory: "/"))
        options.seed = 1
        let session = Session(options)
        defer { session.shutDown() }
        let source = Source(name: "app.slu", bytes: Array(text.utf8))
        let checked = session.checkDefinitions(of: source)
        #expect(checked.faults.isEmpty, "\(checked.faults.map { Report.diagnostic($0).rendered() })")
        func marked(_ place: SourceLabel) -> String {
            String(decoding: place.source.bytes[Int(place.span.start)..<Int(place.span.end)], as: UTF8.self)
        }
        return session.builder.graph.check(session.checkContext(of: checked)).filter {
            $0.code == .blockingCall
        }.map { finding in
            let title = finding.title.dropFirst("worker :w is `:dispatch :go` and calls ".count)
            return "\(title) @ \(finding.place.map(marked) ?? "?")"
                + finding.related.map { " < \(marked($0))" }.joined()
        }
    }

    // The worker's own code, through whatever it makes on the way.
    @Test(arguments: [
        ("(<!! c)", "`<!!`, which blocks its thread @ <!!"),
        ("(let [f (fn [] (a/<!! c))] (f))", "`<!!`, which blocks its thread @ a/<!!"),
        ("(mapv #(>!! c %) [1 2])", "`>!!`, which blocks its thread @ >!!"),
        ("(mapv <!! [c])", "`<!!`, which blocks its thread @ <!!"),
        ("(go (<!! c))", "`<!!`, which blocks its thread @ <!!"),
        ("(alt!! c ([v] v))", "`alts!!`, which blocks its thread @ alt!!"),
        ("(-> c <!!)", "`<!!`, which blocks its thread @ <!!"),
    ]) func ownCode(_ body: String, _ expected: String) throws {
        #expect(try findings(body) == [expected])
    }

    // Functions of the script, with the way there; the nearest blocking call is told.
    @Test(arguments: [
        (
            "(defn fetch [c] (<!! c))", "(fetch c)",
            "`<!!`, which blocks its thread, by way of fetch @ fetch < <!!"
        ),
        (
            "(defn get-it [c] (let [v (<!! c)] v)) (defn fetch [c] (inc (get-it c)))", "(str (fetch c))",
            "`<!!`, which blocks its thread, by way of fetch → get-it @ fetch < <!!"
        ),
        (
            "(defn fetch [c] (<!! c))", "(mapv fetch [c])",
            "`<!!`, which blocks its thread, by way of fetch @ fetch < <!!"
        ),
        (
            "(defn fetch ([] (fetch c)) ([c] (first (map (fn [_] (a/alts!! [c])) [1]))))", "(fetch)",
            "`alts!!`, which blocks its thread, by way of fetch @ fetch < a/alts!!"
        ),
        (
            "(def fetch (partial <!! c))", "(fetch)", "`<!!`, which blocks its thread, by way of fetch @ fetch"
        ),
        (
            "(declare odd) (defn even [n] (if (= n 0) (<!! c) (odd (dec n)))) (defn odd [n] (even (dec n)))", "(odd 3)",
            "`<!!`, which blocks its thread, by way of odd → even @ odd < <!!"
        ),
        (
            "(defmacro wait [c] `(<!! ~c)) (defn fetch [c] (wait c))", "(fetch c)",
            "`<!!`, which blocks its thread, by way of fetch @ fetch < wait"
        ),
        (
            "(def ^:dynamic *fetch* (fn [c] (<!! c)))", "(*fetch* c)",
            "`<!!`, which blocks its thread, by way of *fetch* @ *fetch* < <!!"
        ),
    ]) func followsCalls(_ prelude: String, _ body: String, _ expected: String) throws {
        #expect(try findings(body, prelude: prelude) == [expected])
    }

    // One for each place where a way begins.
    @Test func tellsEveryPlaceOnce() throws {
        let found = try findings("[(fetch c) (<!! c) (fetch c)]", prelude: "(defn fetch [c] (<!! c) (<!! c))")
        #expect(
            found == [
                "`<!!`, which blocks its thread, by way of fetch @ fetch < <!!", "`<!!`, which blocks its thread @ <!!",
                "`<!!`, which blocks its thread, by way of fetch @ fetch < <!!",
            ])
    }

    // What parks, what other threads do, what is quoted, and workers with threads of their own.
    @Test(arguments: [
        ("", "(<! c)"), ("", "(thread (<!! c))"), ("", "@(future (<!! c))"), ("", "(a/thread-call (fn [] (<!! c)))"),
        ("", "'(<!! c)"), ("", "(comment (<!! c))"), ("(defn fetch [c] (<!! c))", "(thread (fetch c))"),
        ("(defn fetch [] (<!! c))", "(a/thread-call fetch)"),
        ("(defn fetch [] (<!! c))", "(let [f fetch] (a/thread-call f))"),
        ("(defn apart [f] (a/thread-call f))", "(<! (apart (fn [] (<!! c))))"),
        ("(defn apart [f x] (thread (f x)))", "(<! (apart <!! c))"),
        ("(defn twice [f] (f)) (defn apart [f] (a/thread-call f)) (defn further [f] (apart f))", "(further #(<!! c))"),
        ("(defn fetch [c] (<! c))", "(fetch c)"), ("(defn unused [c] (<!! c))", "n"),
        ("(def other (partial <!! c)) (def mine (partial <! c))", "(mine)"),
        ("", "(a/onto-chan! c [1])"), ("", "(a/pipeline-blocking 2 c (map inc) c)"), ("", "(Thread/sleep 1)"),
    ]) func noFalseAlarms(_ prelude: String, _ body: String) throws {
        #expect(try findings(body, prelude: prelude) == [])
    }

    @Test func workersWithThreadsMayBlock() throws {
        #expect(try findings("(fetch c)", dispatch: ":thread", prelude: "(defn fetch [c] (<!! c))") == [])
    }

    // A chain of functions as long as a script can make it is followed without recursion.
    @Test func longChains() throws {
        let chain = (1...2000).map { "(defn f\($0) [c] (f\($0 - 1) c))" }.joined(separator: "\n")
        let found = try findings("(f2000 c)", prelude: "(defn f0 [c] (<!! c))\n" + chain)
        #expect(found.count == 1 && found[0].contains("by way of f2000 → f1999 → "))
    }

    // Each form is read in the namespace, and with the aliases, that those before it made: as when it runs.
    @Test(arguments: [("(ns a (:require [clojure.string :as s]))\n(def k ::s/x)", 0), ("(def k ::s/x)", 1)])
    func readsAsARunDoes(_ text: String, _ faults: Int) {
        let session = Session(SessionOptions(grants: Capabilities(workingDirectory: "/")))
        defer { session.shutDown() }
        #expect(session.checkDefinitions(of: Source(name: "a.slu", bytes: Array(text.utf8))).faults.count == faults)
    }
}
