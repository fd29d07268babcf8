import Engine
import Reader
import Sluice
import Synchronization
import Testing
import Values

/// `:channel/put` and `:code/eval` as scripts see them (P25), on threads and under virtual time.
@Suite struct BuiltInEffectTests {
    /// The readable value of a script, or what its failure is called.
    private func value(_ script: String, seed: UInt64? = nil) -> String {
        var grants = Capabilities(workingDirectory: "/")
        try? grants.allow(flag: "read=/tmp")
        var options = SessionOptions(grants: grants)
        options.seed = seed
        let session = Session(options)
        defer { session.shutDown() }
        let script = "(require '[clojure.core.async :as async])\n" + script
        switch session.evaluate(script).flatMap({ session.printed($0) }) {
        case .success(let text): return text
        case .failure(let fault): return Report.diagnostic(fault).title
        }
    }

    struct Case: CustomTestStringConvertible, Sendable {
        let script: String
        let value: String
        var testDescription: String { script }

        init(_ script: String, _ value: String) { (self.script, self.value) = (script, value) }
    }

    /// P27: a line of the log prints its data, also what is lazy in it, up to a thousand elements.
    @Test(arguments: [
        (#"(log/info "x" {:l (map inc [1 2])})"#, "[INFO] x {:l (2 3)}"),
        (#"(log/warn (map inc [1 2]))"#, "[WARN] (2 3)"),
        (#"(log/error "x" [(lazy-seq nil) (range 2)])"#, "[ERROR] x [() (0 1)]"),
        (#"(log/info "x" (map inc (range)))"#, "[INFO] x (\((1...1000).map(String.init).joined(separator: " ")) ...)"),
        (#"(log/info "x" (range))"#, "[INFO] x (\((0..<1000).map(String.init).joined(separator: " ")) ...)"),
    ]) func logsWhatIsLazy(_ script: String, _ line: String) throws {
        let said = Mutex("")
        var options = SessionOptions(grants: Capabilities(workingDirectory: "/"))
        options.errorOutput = { bytes in said.withLock { $0 += String(decoding: bytes, as: UTF8.self) } }
        let session = Session(options)
        defer { session.shutDown() }
        _ = try session.evaluate(script).get()
        #expect(said.withLock { $0 } == line + "\n")
    }

    /// Every built-in type of effect has its function, where a script finds it without `require`.
    @Test func everyTypeHasItsFunction() throws {
        let session = Session(SessionOptions(grants: Capabilities(workingDirectory: "/")))
        defer { session.shutDown() }
        #expect(session.engine.typeNames.count > 25)
        for type in session.engine.typeNames {
            let found = session.evaluate(
                "(let [found \(type.description)] [(fn? found) (:doc (meta (var \(type.description))))])")
            guard case .success(let value) = found else {
                Issue.record("\(type.description): there is no such function")
                continue
            }
            #expect(try session.printed(value).get().hasPrefix("[true"), "\(type.description)")
        }
        for name in ["with-scope", "fs/watch", "event/watch"] {
            #expect(
                try session.printed(session.evaluate("(some? (resolve '\(name)))").get()).get() == "true", "\(name)")
        }
    }

    /// A script's own namespace is meant by its name, also where that is a short name of the library's.
    @Test func shortNamesGiveWay() throws {
        let session = Session(SessionOptions(grants: Capabilities(workingDirectory: "/")))
        defer { session.shutDown() }
        func printed(_ text: String) throws -> String { try session.printed(session.evaluate(text).get()).get() }
        #expect(try printed("(code/eval \"1\")") == "1")
        _ = try session.evaluate("(ns code)\n(def table [1 2])").get()
        #expect(try printed("(ns main (:require [code]))\ncode/table") == "[1 2]")
    }

    static let puts: [Case] = [
        Case(
            "(let [c (async/chan 1)] [(perform (effect :channel/put {:channel c :value 7})) (async/<!! c)])",
            "[true 7]"),
        // It waits for room: the second is taken once the first was.
        Case(
            """
            (let [c (async/chan)
                  ids (submit! [(effect :channel/put {:channel c :value 1} {:group :g})
                                (effect :channel/put {:channel c :value 2} {:group :g})])
                  taken [(async/<!! c) (async/<!! c)]]
              [taken (map outcome ids)])
            """, "[[1 2] (true true)]"),
        Case(
            "(let [c (async/chan 1)] (async/close! c) (perform (effect :channel/put {:channel c :value 7})))", "false"),
        // One that waits when the channel closes is still there to be taken, as for `>!`.
        Case(
            """
            (let [c (async/chan)
                  id (submit! (effect :channel/put {:channel c :value 1}))]
              (time/sleep 20)
              (async/close! c)
              [(async/<!! c) (outcome id) (async/<!! c)])
            """, "[1 true nil]"),
        // Cancelling takes the put back: nobody finds it.
        Case(
            """
            (let [c (async/chan)
                  id (submit! (effect :channel/put {:channel c :value 1}))]
              (time/sleep 20)
              (cancel! {:id id})
              [(try (outcome id) (catch Exception e (:code (ex-data e)))) (async/poll! c)])
            """, "[\"cancelled\" nil]"),
        // Any number may wait, for they hold no slot.
        Case(
            """
            (configure {:effects {:max-inflight 1}})
            (let [c (async/chan)
                  ids (submit! (mapv #(effect :channel/put {:channel c :value %} {:mode :parallel}) (range 10)))]
              (perform (run inc 1))
              [(sort (repeatedly 10 #(async/<!! c))) (every? true? (map outcome ids))])
            """, "[(0 1 2 3 4 5 6 7 8 9) true]"),
        Case(
            "(let [c (async/chan 2 (map inc))] (perform (effect :channel/put {:channel c :value 7})) (async/<!! c))",
            "8"),
        Case(
            "(perform (effect :channel/put {:channel (async/chan 1) :value nil}))",
            "the :value of :channel/put is nil, which no channel carries"),
        Case(
            "(perform (effect :channel/put {:channel 7 :value 1}))",
            "the :channel of :channel/put must be a channel or the name of one, but it is 7"),
        Case(
            "(perform (effect :channel/put {:channel :results :value 1}))",
            "no graph runs that could have the channel :results"),
    ]

    @Test(arguments: puts) func aPut(_ one: Case) {
        #expect(value(one.script) == one.value)
        #expect(value(one.script, seed: 3) == one.value)
    }

    static let evaluations: [Case] = [
        Case("(perform (effect :code/eval {:code \"(def side 3) (map inc [side])\"}))", "(4)"),
        Case("(perform (effect :code/eval {:code \"\"}))", "nil"),
        // What a script defines is there, and what the code defines is there for the script.
        Case(
            "(def base 40) (perform (effect :code/eval {:code \"(def more (+ base 2))\"})) @(resolve 'more)", "42"),
        Case(
            "(ns shop) (def price 5) (perform (effect :code/eval {:code \"[price (ns-name *ns*)]\" :ns 'shop}))",
            "[5 shop]"),
        // A namespace that the code enters is its own affair.
        Case(
            """
            (do (perform (effect :code/eval {:code "(ns other) (def a 1)"}))
                (perform (effect :code/eval {:code "[(ns-name *ns*) other/a]"})))
            """, "[user 1]"),
        // It may wait, and perform effects.
        Case("(perform (effect :code/eval {:code \"(time/sleep 5) (perform (run inc 1))\"}))", "2"),
        Case(
            """
            (let [id (submit! (effect :code/eval {:code "(loop [] (recur))"}))]
              (time/sleep 20)
              (cancel! {:id id})
              (try (outcome id) (catch Exception e (:code (ex-data e)))))
            """, "\"cancelled\""),
        Case(
            "(perform (effect :code/eval {:code \"(loop [] (recur))\"} {:timeout-ms 20}))", "effect timeout after 20ms"),
        Case(
            "(perform (effect :code/eval {:code \"[1 inc]\"}))",
            "the value of the code must be data, but in it is #<fn inc>"),
        Case(
            "(perform (effect :code/eval {:code \"1\" :ns 'nowhere}))",
            "there is no namespace nowhere"),
    ]

    @Test(arguments: evaluations) func anEvaluation(_ one: Case) {
        // Time stands while a loop computes, so what ends one by the clock needs a real one.
        #expect(value(one.script) == one.value)
        if !one.script.contains("recur") { #expect(value(one.script, seed: 3) == one.value) }
    }

    @Test(arguments: [
        ("(+ 1", "invalid_effect"), ("(nonesuch 1)", "invalid_effect"), ("(/ 1 0)", "handler_failed"),
        ("(throw (ex-info \\\"no\\\" {:code \\\"mine\\\"}))", "mine"), ("inc", "shape_mismatch"),
    ]) func anErrorHasACode(_ code: String, _ expected: String) {
        let script =
            "(try (perform (effect :code/eval {:code \"\(code)\"})) (catch Exception e (:code (ex-data e))))"
        #expect(value(script) == "\"\(expected)\"")
    }

    /// No more than the script may do itself.
    @Test func codeIsGrantedNoMoreThanTheScript() {
        let script =
            "(try (perform (effect :code/eval {:code \"(fs/read \\\"/etc/hostname\\\")\"})) (catch Exception e (:code (ex-data e))))"
        #expect(value(script) == "\"not_allowed\"")
    }

    /// In a running graph, a channel's name does.
    @Test func aPutFindsChannelsOfTheGraphByName() throws {
        let output = Mutex<[UInt8]>([])
        var options = SessionOptions(grants: Capabilities(workingDirectory: "/"))
        options.seed = 1
        options.output = { bytes in output.withLock { $0 += bytes } }
        let session = Session(options)
        defer { session.shutDown() }
        let script = """
            (defchannel :found {:buffer 4})
            (defworker :say {:in :found} [ctx n] (println "found" n))
            (defworker :look {:kind :ticker :interval-ms 10} [ctx n]
              (when (= n 0)
                (perform (effect :channel/put {:channel :found :value 7}))
                (println (try (perform (effect :channel/put {:channel :fuond :value 7}))
                              (catch Exception e (ex-message e))))))
            """
        _ = try session.evaluate(script).get()
        try Run(session, once: true).run()
        let lines = Set(output.withLock { String(decoding: $0, as: UTF8.self) }.split(separator: "\n").map(String.init))
        #expect(lines == ["found 7", "there is no channel :fuond; did you mean :found?"])
    }

    /// A fiber that goes on after a file and performs what is done at once does not look as if nothing could happen any more.
    @Test func whatFollowsAFileIsWaitedFor() {
        #expect(value("(dotimes [i 400] (fs/stat \"/tmp\") (perform (set-state [:n] i))) :done") == ":done")
        #expect(value("(dotimes [i 400] (fs/stat \"/tmp\") (perform (emit \"x\" i))) :done") == ":done")
    }
}
