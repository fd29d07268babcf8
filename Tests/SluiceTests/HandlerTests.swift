import Engine
import Machine
import Reader
import Sluice
import Testing
import Values

/// What happens in the handlers of a script's effects reaches whoever performs them, and nobody else: merging, errors with their
/// causes, whether they may pass, and handlers that would wait for themselves.
@Suite struct HandlerTests {
    struct Promise: Sendable {
        let name: String
        let program: String
        let expected: String
    }

    private func expect(_ promise: Promise) throws {
        let script = try EffectScript(seed: 1)
        #expect(script.printed(promise.program) == promise.expected, "\(promise.name)")
    }

    // MARK: Merging (J21)

    private static let merging = [
        Promise(
            name: "the time limit reaches a merge function, and nobody else waits for it",
            program: """
                (defeffect :t/endless {:merge (fn [a b] (loop [] (recur)))} [p] p)
                (let [ids (submit! (for [n [1 2]] (effect :t/endless {:n n}
                                                     {:timeout-ms 50 :idempotency-key :k :dedup-strategy :merge})))]
                  [(perform (run inc 1)) (mapv #(failure (outcome %)) ids)])
                """, expected: #"[2 ["effect timeout after 50ms" "effect timeout after 50ms"]]"#),
        Promise(
            name: "a cancellation reaches it",
            program: """
                (defeffect :t/endless {:merge (fn [a b] (loop [] (recur)))} [p] p)
                (let [ids (submit! (for [n [1 2]] (effect :t/endless {:n n}
                                                     {:group :g :idempotency-key :k :dedup-strategy :merge})))]
                  (perform (run inc 1))
                  (cancel! {:group :g})
                  (mapv #(failure (outcome %)) ids))
                """, expected: #"["effect cancelled: requested" "effect cancelled: requested"]"#),
        Promise(
            name: "it may not wait",
            program: """
                (defeffect :t/waits {:merge (fn [a b] (time/sleep 1) a)} [p] (note p))
                [(map (comp :code :error) (perform-all (for [n [1 2]] (effect :t/waits {:n n} {:idempotency-key :k :dedup-strategy :merge})))) @log]
                """, expected: #"[("merge_failed" "merge_failed") []]"#),
        Promise(
            name: "what it gives is checked like parameters that were given",
            program: """
                (defeffect :t/typed {:params {:n :int} :merge (fn [a b] {:n "many"})} [p] (note p))
                [(set (map (comp :message :error)
                           (perform-all (for [n [1 2]] (effect :t/typed {:n n} {:idempotency-key :k :dedup-strategy :merge})))))
                 @log]
                """, expected: ##"[#{"the parameter :n of :t/typed must be an integer, but it is \"many\""} []]"##),
        Promise(
            name: "what one attempt has merged another does not merge again, and what it could not it does",
            program: """
                (def merges (atom 0))
                (def calls (atom 0))
                (defeffect :t/sum {:merge (fn [a b]
                                            (when (= 1 (swap! merges inc)) (throw (ex-info "later" {})))
                                            {:n (+ (:n a) (:n b))})}
                  [{:keys [n]}]
                  (when (= 1 (swap! calls inc)) (throw (ex-info "again" {})))
                  n)
                [(perform-all (for [n [1 2 3]]
                                (effect :t/sum {:n n}
                                        {:idempotency-key :k :dedup-strategy :merge
                                         :retry {:max 2 :on [:merge-failed :handler-failed]}})))
                 @merges @calls]
                """, expected: "[[6 6 6] 3 2]"),
    ]

    @Test(arguments: merging.indices) func mergingIsWorkOfTheEffect(_ index: Int) throws {
        try expect(Self.merging[index])
    }

    // MARK: Errors

    private static let errors = [
        Promise(
            name: "what a handler threw is the cause",
            program: """
                (let [e (try (perform (run (fn [_] (throw (ex-info "deep" {:code "boom"}))) 1)) (catch Exception e e))
                      cause (ex-cause e)]
                  [(ex-message e) (:code (ex-data e)) (ex-message cause) (ex-data cause) (ex-cause cause)])
                """, expected: #"["deep" "boom" "deep" {:code "boom"} nil]"#),
        Promise(
            name: "also of a mistake, and of an effect that another effect performs",
            program: """
                (defeffect :t/inner [_] (/ 1 0))
                (defeffect :t/outer [_] (perform (effect :t/inner {})))
                (try (perform (effect :t/outer {}))
                     (catch Exception e (map (fn [e] (str (class e))) (take-while some? (iterate ex-cause e)))))
                """,
            expected:
                #"("class clojure.lang.ExceptionInfo" "class clojure.lang.ExceptionInfo" "class java.lang.ArithmeticException")"#
        ),
        Promise(
            name: "an outcome that is awaited, too; an error as a value is data alone",
            program: """
                (let [failing (run (fn [_] (throw (ex-info "no" {:a 1}))) 1)]
                  [(try (outcome (submit! failing)) (catch Exception e (ex-data (ex-cause e))))
                   (perform-all [failing])])
                """,
            expected: #"[{:a 1} [{:error {:code "handler_failed", :message "no", :data {:a 1}}}]]"#),
        Promise(
            name: "what no code of the script threw has no cause",
            program: """
                (map (fn [e] (try (perform e) (catch Exception x (ex-cause x))))
                     [(effect :fs/read {:path "nobody.txt"}) (effect :fs/read {})])
                """, expected: "(nil nil)"),
    ]

    @Test(arguments: errors.indices) func anErrorKeepsWhereItCameFrom(_ index: Int) throws {
        try expect(Self.errors[index])
    }

    // MARK: Errors that may pass (J: `:retry`)

    private static let prelude = """
        (def calls (atom 0))
        (defn attempts [failure n]
          (fn [_] (if (< (swap! calls inc) n) (failure) :done)))
        (defn try-again [f meta]
          (reset! calls 0)
          (let [start (now) result (try (perform (run f 1 {:retry meta})) (catch Exception e (ex-message e)))]
            [result @calls (- (now) start)]))
        (def soon {:max 3 :backoff {:base-ms 10 :factor 1 :jitter false}})
        """
    private static let retries = [
        Promise(
            name: "what a script throws may pass",
            program: "(try-again (attempts #(throw (ex-info \"flaky\" {})) 3) soon)", expected: "[:done 3 20]"),
        Promise(
            name: "unless it says that it does not",
            program: "(try-again (attempts #(throw (ex-info \"never\" {:retryable false})) 3) soon)",
            expected: "[\"never\" 1 0]"),
        Promise(
            name: "a mistake in the code does not",
            program: "(try-again (attempts #(subs \"abc\" 9) 3) soon)",
            expected: #"["subs from 9 to 3 is not within a string of 3 characters" 1 0]"#),
        Promise(
            name: "nor does what the engine or a built-in effect refuses",
            program: """
                [(second (try-again (attempts #(fs/read "nobody.txt") 3) soon))
                 (second (try-again (attempts #(perform (effect :t/nobody {})) 3) soon))
                 (second (try-again 'user/nobody soon))
                 (second (try-again (attempts #(eval '(no-such-name)) 3) soon))]
                """, expected: "[1 1 0 1]"),
        Promise(
            name: "codes that are listed count alone",
            program: """
                [(second (try-again (attempts #(throw (ex-info "busy" {:code "busy"})) 3) (assoc soon :on [:busy])))
                 (second (try-again (attempts #(throw (ex-info "busy" {:code "busy"})) 3) (assoc soon :on [:other])))]
                """, expected: "[3 1]"),
        Promise(
            name: "a wait that the error asks for is kept",
            program: "(try-again (attempts #(throw (ex-info \"busy\" {:retry-after-ms 3000})) 2) soon)",
            expected: "[:done 2 3000]"),
        Promise(
            name: "also through an effect that performs another",
            program: """
                (defeffect :t/ask [_]
                  (if (= 1 (swap! calls inc))
                    (throw (ex-info "busy" {:code "busy" :retryable true :retry-after-ms 2000}))
                    :answer))
                (defeffect :t/never [_] (swap! calls inc) (throw (ex-info "no" {:retryable false})))
                [(try-again (fn [_] (perform (effect :t/ask {}))) soon)
                 (try-again (fn [_] (perform (effect :t/never {}))) soon)]
                """, expected: "[[:answer 2 2000] [\"no\" 1 0]]"),
    ]

    @Test(arguments: retries.indices) func whatMayPassIsTriedAgain(_ index: Int) throws {
        let promise = Self.retries[index]
        let script = try EffectScript(seed: 1)
        _ = script.printed(Self.prelude)
        #expect(script.printed(promise.program) == promise.expected, "\(promise.name)")
    }

    // MARK: Handlers that wait for themselves

    private static let waiting = [
        Promise(
            name: "for its own outcome",
            program: "(failure (perform (assoc (run (fn [_] (outcome :me)) 1) :effect/id :me)))",
            expected:
                #""the handler of :me waits for its outcome, which is there only when the handler has returned; wait for it elsewhere""#
        ),
        Promise(
            name: "for an effect with its own idempotency key",
            program: """
                (defn f [n] (if (= n 0) :x (perform (run f (dec n) {:idempotency-key :k}))))
                (failure (perform (assoc (run f 1 {:idempotency-key :k}) :effect/id :me)))
                """,
            expected:
                #""the handler of :me performs an effect with the idempotency key :k, which is its own, so it would wait for itself; give it another""#
        ),
        Promise(
            name: "for an effect with its own id, also in a batch, of which nothing runs",
            program: """
                (defn f [_] (perform-all [(run note 1) (assoc (run note 2) :effect/id :me)]))
                [(failure (perform (assoc (run f 1) :effect/id :me))) @log]
                """,
            expected:
                #"["the handler of :me performs an effect with the id :me, which is its own, so it would wait for itself; give it another" []]"#
        ),
        Promise(
            name: "for its own group",
            program: """
                (defn f [_] (perform (run note 1 {:depends-on [:g]})))
                [(failure (perform (assoc (run f 1 {:group :g}) :effect/id :me))) @log]
                """,
            expected:
                #"["the handler of :me performs an effect that depends on the group :g, of which its own is a member, so it would wait for itself; submit it without waiting, or leave the group out" []]"#
        ),
        Promise(
            name: "what somebody else waits for is no such thing",
            program: """
                (defn f [_] (submit! (run note :after {:depends-on [:g]})) (future (note (outcome :me))) 5)
                [(perform (assoc (run f 1 {:group :g}) :effect/id :me)) (do (time/sleep 1) (sort (map str @log)))]
                """, expected: #"[5 ("5" ":after")]"#),
        Promise(
            name: "nor is a key that runs anew",
            program: """
                (defn f [n] (if (= n 0) :x (perform (run f (dec n) {:idempotency-key :k :dedup-strategy :last}))))
                (perform (run f 1 {:idempotency-key :k :dedup-strategy :last}))
                """, expected: ":x"),
    ]

    @Test(arguments: waiting.indices) func aHandlerDoesNotWaitForItself(_ index: Int) throws {
        try expect(Self.waiting[index])
    }

    // MARK: Parameters

    @Test func whatATypeDeclaresItDemands() throws {  // P26
        let script = try EffectScript(seed: 1)
        _ = script.printed("(defeffect :t/p {:params {:path :string :n :int}} [p] (note p))")
        #expect(
            script.printed("(failure (perform (effect :t/p {:path \"a\"})))")
                == "\":t/p needs the parameter :n, an integer\"")
        #expect(
            script.printed("(failure (perform (effect :t/p {:paht \"a\" :n 1})))")
                == "\":t/p needs the parameter :path, a string; :paht is none of its parameters\"")
        #expect(script.printed("@log") == "[]")
        #expect(
            script.printed("(perform (effect :t/p {:path \"a\" :n 1 :more 2}))") == "{:path \"a\", :n 1, :more 2}")
    }

    @Test(arguments: [
        (
            "(effect :time/sleep {:ms (range)})",
            "the parameter :ms of :time/sleep must be an integer, but it is (0 1 2 3"
        ),
        (
            "(effect :time/sleep {:ms [(range)]})",
            "the parameter :ms of :time/sleep must be an integer, but it is [(0 1 2"
        ),
        ("(run note 1 {:priority (range)})", ":priority must be a whole number from 0 to 100, but it is (0 1 2 3"),
        ("(run note 1 {:group (range)})", ":group must be data: (0 1 2 3"),
        ("(run note 1 {:idempotency-key [:a {:b (range)}]})", ":idempotency-key must be data: [:a {:b (0 1 2 3"),
        ("(assoc (run note 1) :effect/id (range))", "an :effect/id must be data"),
        ("(effect (range) {})", "the :effect/type of an effect must be a keyword, but it is (0 1 2 3"),
        ("(range)", "an effect must be a map with :effect/type, but this is (0 1 2 3"),
    ]) func whatHasNoEndIsRefused(_ program: String, _ message: String) throws {  // N4
        let script = try EffectScript(seed: 1)
        #expect(script.printed("(failure (perform \(program)))").hasPrefix("\"\(message)"))
        #expect(script.printed("@log") == "[]")
        #expect(script.printed("(perform (run inc 1 {:group (range 3)}))") == "2")
    }
}
