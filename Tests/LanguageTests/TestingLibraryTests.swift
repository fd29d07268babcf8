import Engine
import Machine
import Sluice
import Testing
import Values

/// clojure.test, from its documentation.
@Suite struct TestingLibraryTests {
    static let tables = [
        LibraryCases(
            name: "clojure.test",
            prelude: """
                (ns cases (:require [clojure.test :as t]))
                (defmacro events [& body] `(let [seen# (atom [])] (binding [t/report (fn [e#] (swap! seen# conj e#))] ~@body) @seen#))
                (t/deftest good (t/is (= 1 1)) (t/is true))
                (t/deftest bad (t/testing "outer" (t/testing "inner" (t/is (= 1 2) "why"))))
                (t/deftest broken (throw (ex-info "oops" {})))
                (defmethod t/assert-expr 'near? [message [_ a b]] `(t/do-report {:type (if (< (abs (- ~a ~b)) 1) :pass :fail)}))
                """,
            text: """
                (map :type (events (t/is (= 1 1)) (t/is (= 1 2)) (t/is nil) (t/is false) (t/is :yes))) ;=> (:pass :fail :fail :fail :pass)
                (select-keys (first (events (t/is (= 3 (+ 1 1)) "sum"))) [:type :message :expected :actual]) ;=> {:type :fail :message "sum" :expected (= 3 (+ 1 1)) :actual (not (= 3 2))}
                (t/is (+ 1 2)) ;=> 3
                (map :type (events (t/is (throw (ex-info "x" {}))))) ;=> (:error)
                (map :type (events (t/is (thrown? ArithmeticException (/ 1 0))))) ;=> (:pass)
                (map :type (events (t/is (thrown? ArithmeticException 1)))) ;=> (:fail)
                (map :type (events (t/is (thrown? ArithmeticException (throw (ex-info "other" {})))))) ;=> (:error)
                (map :type (events (t/is (thrown-with-msg? Exception #"o+ps" (throw (ex-info "ooops" {})))))) ;=> (:pass)
                (map :type (events (t/is (thrown-with-msg? Exception #"no" (throw (ex-info "ooops" {})))))) ;=> (:fail)
                (map :type (events (t/is (instance? String "a")) (t/is (instance? String 1)))) ;=> (:pass :fail)
                (map :type (events (t/is (near? 1 1.5)) (t/is (near? 1 3)))) ;=> (:pass :fail)
                (map :type (events (t/are [x y] (= x (* y y)) 1 1 4 2 5 2))) ;=> (:pass :pass :fail)
                (macroexpand-1 '(clojure.test/are [x y] (= x y) 1)) ;=!> groups of 2
                (t/testing "a" (t/testing "b" (t/testing-contexts-str))) ;=> "a b"
                (map :type (events (t/test-var #'good))) ;=> (:begin-test-var :pass :pass :end-test-var)
                (map :type (events (t/test-var #'broken))) ;=> (:begin-test-var :error :end-test-var)
                (select-keys (with-redefs [println (fn [& _])] (t/run-tests 'cases)) [:test :pass :fail :error :type]) ;=> {:test 3 :pass 2 :fail 1 :error 1 :type :summary}
                (map t/successful? [{:fail 0 :error 0} {:fail 1 :error 0} {:fail 0 :error 1} {}]) ;=> (true false false true)
                (clojure.string/includes? (with-out-str (t/test-var #'bad)) "FAIL in (bad) (") ;=> true
                (clojure.string/includes? (with-out-str (t/test-var #'bad)) "outer inner\\nwhy\\nexpected: (= 1 2)\\n  actual: (not (= 1 2))") ;=> true
                (clojure.string/includes? (with-out-str (t/run-test bad)) "Ran 1 tests containing 1 assertions.\\n1 failures, 0 errors.") ;=> true
                (let [log (atom [])] (t/use-fixtures :once (fn [f] (swap! log conj :once) (f))) (t/use-fixtures :each (fn [f] (swap! log conj :each) (f))) (with-out-str (t/run-test good)) (t/use-fixtures :once) (t/use-fixtures :each) @log) ;=> [:once :each]
                (t/use-fixtures :sometimes inc) ;=!> :each or :once
                [(t/function? 'inc) (t/function? 'when) (t/function? inc) (t/function? 'nothing-here)] ;=> [true false true false]
                """)
    ]

    @Test("clojure.test", arguments: tables) func testing(table: LibraryCases) { table.check() }
}

/// `llm/chat` and its kin over an effect whose answers a script of the test gives.
@Suite struct ModelLibraryTests {
    /// Answers `:llm/chat` with these contents in turn and records what was asked.
    private final class Model: @unchecked Sendable {
        // Sendable: `lock` guards both. What was asked is kept as text, for names end with their session.
        private let lock = Lock()
        private var contents: [String]
        private(set) var asked: [String] = []

        init(_ contents: [String]) { self.contents = contents }

        func answer(_ params: HashMap) -> Value {
            lock.withLock {
                asked.append((try? Printer.readable(.map(params))) ?? "")
                return .record((.content, .string(contents.count > 1 ? contents.removeFirst() : contents[0])))
            }
        }
    }

    private func evaluate(_ text: String, _ contents: [String]) throws -> (text: String, model: Model) {
        let session = Expectation.session()
        defer { session.shutDown() }
        let model = Model(contents)
        session.engine.define(
            EffectType(
                name: session.instance.names.intern("llm/chat"),
                handler: ClosureHandler.immediate { .ok(model.answer($0.effect.params)) }))
        let outcome = session.evaluate("(pr-str \(text))")
        switch outcome {
        case .success(let value): return (value.stringValue ?? "", model)
        case .failure(let fault): return (Expectation.text(fault), model)
        }
    }

    @Test("without a shape the answer is given as it is") func plain() throws {
        let (text, model) = try evaluate(
            #"(:content (llm/chat {:messages [{:role "user" :content "hi"}] :temperature 0}))"#, ["hello"])
        #expect(text == "\"hello\"")
        #expect(model.asked[0].contains(":temperature 0"))
    }

    @Test("a string is what the user says") func string() throws {
        let (_, model) = try evaluate(#"(llm/chat "hi" {:model "m"})"#, ["hello"])
        #expect(model.asked[0].contains(#"[{:role "user", :content "hi"}]"#))
    }

    @Test("with a shape the data is given, and the server is asked for JSON") func shaped() throws {
        let (text, model) = try evaluate(
            #"(llm/chat {:messages [] :shape {:n :int :tags [:vector :keyword]}})"#,
            ["```json\n{\"n\": 2.0, \"tags\": [\"a\"]}\n```"])
        #expect(text == "{:n 2, :tags [:a]}")
        let asked = model.asked[0]
        #expect(
            asked.contains(#":type "json_schema""#) && asked.contains(#""n" {:type "integer"}"#)
                && !asked.contains(":shape"))
    }

    @Test("a bad answer goes back with the complaint") func repaired() throws {
        let (text, model) = try evaluate(
            #"(llm/chat {:messages [] :shape {:n :int}})"#, ["{\"n\": \"x\"}", "no JSON", "{\"n\": 3}"])
        #expect(text == "{:n 3}")
        #expect(model.asked.count == 3)
        let second = model.asked[1]
        #expect(second.contains("at [:n]: expected an integer, found") && second.contains(#":role "assistant""#))
        #expect(model.asked[2].contains("not JSON"))
    }

    @Test("after the last attempt an error says what is wrong", arguments: [("", 3), (":attempts 0", 1)])
    func refused(options: String, asked: Int) throws {
        let (text, model) = try evaluate(
            "(try (llm/chat {:messages [] :shape {:n :int} \(options)}) (catch Exception e [(:code (ex-data e)) (map :path (:problems (ex-data e)))]))",
            ["{}"])
        #expect(text == #"["bad_shape" ([:n])]"#)
        #expect(model.asked.count == asked)
    }

    @Test("a response format of the caller stays, and the shape is told") func format() throws {
        let (_, model) = try evaluate(
            #"(llm/chat {:messages [{:role "user" :content "hi"}] :shape {:n :int} :response-format {:type "json_object"}})"#,
            ["{\"n\": 1}"])
        let asked = model.asked[0]
        #expect(
            asked.contains(#":response-format {:type "json_object"}"#) && asked.contains("JSON schema")
                && asked.contains(":role \"system\""))
    }

    /// A log line takes its data as they are, not as parameters by name (P27).
    @Test(
        "effects as functions",
        arguments: [
            (#"(log/info "found" {:path "a"})"#, "log/info", #":message "found", :data {:path "a"}"#),
            (#"(log/warn "slow")"#, "log/warn", #":message "slow""#),
            (#"(log/error "failed" 3)"#, "log/error", #":message "failed", :data 3"#),
            (#"(time/sleep 5)"#, "time/sleep", ":ms 5"),
            (#"(llm/embed "text" {:model "m"})"#, "llm/embed", #":model "m", :input "text""#),
        ])
    func effects(call: String, type: String, params: String) throws {
        let session = Expectation.session()
        defer { session.shutDown() }
        session.engine.define(
            EffectType(
                name: session.instance.names.intern(type),
                handler: ClosureHandler.immediate {
                    .ok(.string((try? Printer.readable(.map($0.effect.params))) ?? "?"))
                }))
        guard case .success(let found) = session.evaluate(call) else { return #expect(Bool(false), "\(call) fails") }
        #expect(found.stringValue?.contains(params) == true, "\(found.stringValue ?? "no text")")
    }
}
