import Engine
import Machine
import Reader
import Sluice
import Testing
import Values

/// What scripts see of effects, their meta and plans, under virtual time (J1–J33).
@Suite struct PhasesTests {
    /// A program, and what its last form gives, printed, or what its failure is called.
    private struct Promise: Sendable {
        let name: String
        let program: String
        let expected: String
    }

    /// What the programs have at hand: `log` hears of everything, `spend` takes some milliseconds and notes when it began.
    private static let prelude = """
        (def log (atom []))
        (def starts (atom (sorted-map)))
        (def calls (atom 0))
        (defn now [] (quot (sluice.runtime/nano-time) 1000000))
        (defn note [x] (swap! log conj x) x)
        (defn spend [[what ms]] (swap! starts assoc what (now)) (note what) (time/sleep ms) what)
        (defn fail [x] (note x) (throw (ex-info (str x " broke") {:code "broke"})))
        (defn group [name & {:as more}] (merge {:group name} more))
        (defn together [name & {:as more}] (merge {:group name :mode :parallel} more))
        (defn code [result] (or (:code (:error result)) result))
        (defmacro failure [form] (list 'try form '(catch Exception e (ex-message e))))
        """

    private static func session(seed: UInt64 = 1) -> Session {
        var options = SessionOptions(grants: Capabilities(workingDirectory: "/"))
        options.seed = seed
        return Session(options)
    }

    private static func printed(_ form: String, in session: Session) -> String {
        switch session.evaluate("(pr-str \(form))") {
        case .success(let value): return value.stringValue ?? ""
        case .failure(let fault): return Report.diagnostic(fault).title
        }
    }

    private func value(of program: String, seed: UInt64 = 1) -> String {
        let session = Self.session(seed: seed)
        defer { session.shutDown() }
        if case .failure(let fault) = session.evaluate(Self.prelude) { return Report.diagnostic(fault).title }
        return Self.printed("(do \(program))", in: session)
    }

    private func expect(_ promise: Promise) {
        #expect(value(of: promise.program) == promise.expected, "\(promise.name)")
    }

    // MARK: run

    private static let running = [
        Promise(
            name: "is data, in the order of the language's description",  // J13
            program: "[(run 'shop/charge {:id 1}) (run 'shop/charge {:id 1} {:priority 2})]",
            expected:
                "[{:effect/type :run, :action shop/charge, :params {:id 1}, :context {}, :opts []} "
                + "{:effect/type :run, :action shop/charge, :params {:id 1}, :context {}, :opts [], :meta {:priority 2}}]"
        ),
        Promise(
            name: "calls a function, a var or what a qualified name means",  // J13
            program: "(perform-all [(run note 1) (run #'note 2) (run 'user/note 3) (run :user/note 4)])",
            expected: "[1 2 3 4]"),
        Promise(
            name: "takes what a var holds when it starts",
            program: "(defn f [x] :old) (def e (run #'f 1)) (defn f [x] :new) (perform e)", expected: ":new"),
        Promise(
            name: "loads the namespace of a name", program: "(perform (run 'clojure.string/upper-case \"a\"))",
            expected: #""A""#),
        Promise(
            name: "gives the context to those who take two arguments and not one",  // J13
            program: """
                (perform-all (for [f [(fn [p c] [p c]) (fn [p] [p]) (fn ([p] [p]) ([p c] [p c])) (fn [& all] (vec all))]]
                               (assoc (run f 1) :context {:user 2})))
                """, expected: "[[1 {:user 2}] [1] [1] [1]]"),
        Promise(
            name: "has empty params and context without any",  // J13
            program: "(perform (effect :run {:action (fn [p c] [p c])}))", expected: "[{} {}]"),
        Promise(
            name: "fails for a name that nothing has, with the nearest",
            program: "[(failure (perform (run 'user/noet 1))) (failure (perform (run 'usr/note 1)))]",
            expected:
                #"["user has no function noet (yet); did you mean user/note?" "#
                + #""there is no function usr/note, for no namespace usr was found; did you mean user/note?"]"#),
        Promise(
            name: "refuses what is no function",
            program: "(map (fn [action] (code (first (perform-all [(run action)])))) [5 'note nil {:a 1}])",
            expected: #"("invalid_effect" "invalid_effect" "invalid_effect" "invalid_effect")"#),
        Promise(
            name: "keeps the code of what its function throws",
            program: "(try (perform (run fail :a)) (catch Exception e [(ex-message e) (:code (ex-data e))]))",
            expected: #"[":a broke" "broke"]"#),
        Promise(
            name: "may perform effects although only one may run at a time",  // P19
            program: """
                (configure {:effects {:max-inflight 1}})
                (defn down [n] (if (zero? n) [:end] (conj (perform (run #'down (dec n))) n)))
                (perform (run down 5))
                """, expected: "[:end 1 2 3 4 5]"),
        Promise(
            name: "is cancelled like any other, and its finally runs",
            program: """
                (defn hang [_] (try (time/sleep 60000) (finally (note :cleaned))))
                (let [id (submit! (run hang 1))]
                  (time/sleep 5)
                  (cancel! {:id id})
                  [(failure (outcome id)) (do (time/sleep 1) @log) (now)])
                """, expected: #"["effect cancelled: requested" [:cleaned] 6]"#),
        Promise(
            name: "has the engine's timeout, or its own",  // P22
            program: "(failure (perform (run spend [:a 100] {:timeout-ms 30})))",
            expected: #""effect timeout after 30ms""#),
        Promise(
            name: "gives way to a script's own run, and run! is another",
            program: "(run! note [1 2]) (defn run [x] [:mine x]) [(run 1) @log]", expected: "[[:mine 1] [1 2]]"),
    ]

    @Test(arguments: running.indices) func runCallsAFunction(_ index: Int) { expect(Self.running[index]) }

    // MARK: Order, modes, dependencies

    private static let ordering = [
        Promise(
            name: "no meta is one after the other",  // J11, J18
            program: "(perform-all [(run spend [:a 30]) (run spend [:b 10])]) [@starts (now)]",
            expected: "[{:a 0, :b 30} 40]"),
        Promise(
            name: "parallel effects of a group overlap",  // J18
            program:
                "(perform-all [(run spend [:a 30] (together :g)) (run spend [:b 10] (together :g))]) [@starts (now)]",
            expected: "[{:a 0, :b 0} 30]"),
        Promise(
            name: "groups do not wait for one another",  // J18
            program: "(perform-all [(run spend [:a 30] (group :g)) (run spend [:b 10] (group :h))]) (now)",
            expected: "30"),
        Promise(
            name: "a sequential effect is a barrier on both sides",  // J20
            program: """
                (perform-all (concat (for [[what ms] [[:a 10] [:b 20]]] (run spend [what ms] (together :g)))
                                     [(run spend [:c 5] (group :g))]
                                     (for [[what ms] [[:d 10] [:e 40]]] (run spend [what ms] (together :g)))))
                [@starts (now)]
                """, expected: "[{:a 0, :b 0, :c 20, :d 25, :e 25} 65]"),
        Promise(
            name: "order within a group comes before the place in the batch, and before priority",  // J17, P18
            program: """
                (configure {:effects {:max-inflight 1}})
                (perform-all [(run note :c (group :g :order 2 :priority 90)) (run note :a (group :g)) (run note :b (group :g :order 1))])
                @log
                """, expected: "[:a :b :c]"),
        Promise(
            name: "under a limit of one the highest priority starts first, equal ones in their order",  // J17, P18
            program: """
                (configure {:effects {:limits {:run 1}}})
                (perform-all (for [[what priority] [[:a 0] [:b 50] [:c 100] [:d 50] [:e 0]]]
                               (run note what {:mode :parallel :priority priority})))
                @log
                """, expected: "[:c :b :d :a :e]"),
        Promise(
            name: "a group depends on what any of its members depends on",  // J19
            program: """
                (perform-all [(run spend [:a 20] (group :g)) (run spend [:b 10] (together :h))
                              (run spend [:c 10] (together :h :depends-on [:g]))])
                @starts
                """, expected: "{:a 0, :b 20, :c 20}"),
        Promise(
            name: "a name that the batch lacks means the latest earlier batch",  // J19
            program: """
                (submit! (run spend [:a 20] (group :g)))
                (perform (run spend [:b 1] (group :h :depends-on [:g])))
                @starts
                """, expected: "{:a 0, :b 20}"),
        Promise(
            name: "an unknown group is refused with a suggestion, and nothing of the batch runs",  // J19
            program: """
                [(failure (perform-all [(run note :a (group :payment)) (run note :b (group :mail :depends-on [:paymnet]))])) @log]
                """,
            expected:
                #"[":depends-on names the group :paymnet, which neither this batch nor an earlier one that is still retained has; did you mean :payment?" []]"#
        ),
        Promise(
            name: "a cycle is refused and shows its path",  // J19
            program: """
                (try (perform-all [(run note 1 (group :a :depends-on [:c])) (run note 2 (group :b :depends-on [:a]))
                                   (run note 3 (group :c :depends-on [:b]))])
                     (catch Exception e [(ex-message e) (:data (ex-data e)) @log]))
                """,
            expected: #"["groups depend on each other in a circle: :a → :c → :b → :a" [:a :c :b :a] []]"#),
        Promise(
            name: "what depends on a failure fails, is skipped or runs",  // J22
            program: """
                (map code (perform-all (cons (run fail :a (group :g))
                                             (for [choice [:error :skip :continue]]
                                               (run note choice (group choice :depends-on [:g] :on-dep-failure choice))))))
                """, expected: #"("broke" "dependency_failed" "skipped" :continue)"#),
        Promise(
            name: ":error is the default",  // J22
            program: "(map code (perform-all [(run fail :a (group :g)) (run note :b (group :h :depends-on [:g]))]))",
            expected: #"("broke" "dependency_failed")"#),
    ]

    @Test(arguments: ordering.indices) func effectsKeepTheirOrder(_ index: Int) { expect(Self.ordering[index]) }

    // MARK: Cancelling, deduplication, tags

    private static let dedup = [
        Promise(
            name: ":cancels takes what was submitted before, queued or running, and never its own batch",  // J23
            program: """
                (let [ids (submit! [(assoc (run spend [:a 1000] (group :s)) :effect/id :running)
                                    (assoc (run spend [:b 1000] (group :s)) :effect/id :queued)])]
                  (time/sleep 5)
                  [(perform-all [(assoc (run note :c (group :s :cancels [:s])) :effect/id :new) (run note :d (group :s))])
                   (map (fn [id] (failure (outcome id))) ids)
                   @log])
                """,
            expected:
                #"[[:c :d] ("effect cancelled: superseded by :new" "effect cancelled: superseded by :new") [:a :c :d]]"#
        ),
        Promise(
            name: "effects are cancelled by tag",  // J33
            program: """
                (let [[a b] (submit! [(run spend [:a 50] {:mode :parallel :tags [:slow]}) (run spend [:b 50] {:mode :parallel})])]
                  (time/sleep 5)
                  (cancel! {:tag :slow})
                  [(failure (outcome a)) (outcome b)])
                """, expected: #"["effect cancelled: requested" :b]"#),
        Promise(
            name: ":first answers with the outcome of the first, in the batch and later",  // J21
            program: """
                (defn count-up [_] (swap! calls inc))
                (def e (run count-up 1 {:idempotency-key [:charge 7]}))
                [(perform-all [e e]) (perform e) (perform (run count-up 1 {:idempotency-key [:charge 8]}))]
                """, expected: "[[1 1] 1 2]"),
        Promise(
            name: "a failure is no answer for later",  // J21
            program: """
                (defn second-time [_] (if (= 1 (swap! calls inc)) (throw (ex-info "no" {:code "no"})) :yes))
                (def e (run second-time 1 {:idempotency-key :k}))
                [(failure (perform e)) (perform e)]
                """, expected: #"["no" :yes]"#),
        Promise(
            name: ":last replaces what has not started",  // J21
            program: """
                (configure {:effects {:max-inflight 1}})
                (submit! (run spend [:busy 20]))
                (let [ids (mapv (fn [n] (submit! (run note n {:idempotency-key :status :dedup-strategy :last}))) [1 2 3])]
                  [(mapv outcome ids) @log])
                """, expected: "[[3 3 3] [:busy 3]]"),
        Promise(
            name: ":last runs when nothing is left to replace",  // J21
            program: """
                (mapv (fn [n] (perform (run note n {:idempotency-key :status :dedup-strategy :last}))) [1 2])
                """, expected: "[1 2]"),
        Promise(
            name: ":merge merges the parameters, later ones winning",  // J21
            program: """
                (defeffect :t/merged [params] params)
                (perform-all (for [params [{:a 1 :b 1} {:b 2 :c 2}]]
                               (effect :t/merged params {:idempotency-key :k :dedup-strategy :merge})))
                """, expected: "[{:a 1, :b 2, :c 2} {:a 1, :b 2, :c 2}]"),
        Promise(
            name: ":merge uses the type's own function",  // J21
            program: """
                (defeffect :t/sum {:merge (fn [a b] {:n (+ (:n a) (:n b))})} [{:keys [n]}] (note n))
                [(perform-all (for [n [1 2 3]] (effect :t/sum {:n n} {:idempotency-key :k :dedup-strategy :merge}))) @log]
                """, expected: "[[6 6 6] [6]]"),
        Promise(
            name: "a merge function that throws or gives no map fails the effect",  // J21
            program: """
                (defeffect :t/odd {:merge (fn [a b] (throw (ex-info "no way" {})))} [_] (note 1))
                (defeffect :t/vague {:merge (fn [a b] 5)} [_] (note 1))
                [(for [type [:t/odd :t/vague]]
                   (map code (perform-all (repeatedly 2 #(effect type {} {:idempotency-key type :dedup-strategy :merge}))))) @log]
                """, expected: #"[(("merge_failed" "merge_failed") ("merge_failed" "merge_failed")) []]"#),
        Promise(
            name: "mixed strategies use the first's",  // J21
            program: """
                [(perform-all [(run note 1 {:idempotency-key :k :dedup-strategy :first})
                               (run note 2 {:idempotency-key :k :dedup-strategy :last})]) @log]
                """, expected: "[[1 1] [1]]"),
    ]

    @Test(arguments: dedup.indices) func effectsAreDoneOnceOrNotAtAll(_ index: Int) { expect(Self.dedup[index]) }

    // MARK: Meta

    private static let meta: [(meta: String, message: String)] = [
        ("{:priority 101}", ":priority must be a whole number from 0 to 100, but it is 101"),
        ("{:priority -1}", ":priority must be a whole number from 0 to 100, but it is -1"),
        ("{:priority 1.5}", ":priority must be a whole number from 0 to 100, but it is 1.5"),
        ("{:order -1}", ":order must be a whole number of at least 0, but it is -1"),
        ("{:mode :both}", ":mode must be :sequential or :parallel, but it is :both"),
        ("{:on-dep-failure :stop}", ":on-dep-failure must be :error, :skip or :continue, but it is :stop"),
        ("{:dedup-strategy :none}", ":dedup-strategy must be :first, :last or :merge, but it is :none"),
        ("{:prioritty 1}", "meta has no key :prioritty"),
        (":unknown", "there is no defmeta :unknown"),
        (
            "[:urgent [:urgent]]",
            "meta must be a map, the name of a defmeta or a vector of these, but it is [:urgent [:urgent]]"
        ),
        ("5", "meta must be a map, the name of a defmeta or a vector of these, but it is 5"),
    ]

    @Test(arguments: meta.indices) func metaIsChecked(_ index: Int) {  // J1–J10
        let (given, message) = Self.meta[index]
        #expect(
            value(of: "(defmeta :urgent {:priority 90}) (failure (perform (run note 1 \(given))))") == "\"\(message)\"")
    }

    @Test func metaCanBeNamedWhereItIsDeclared() {  // J15
        let program = """
            (configure {:effects {:max-inflight 1}})
            (defmeta :urgent {:priority 90 :mode :parallel})
            (perform-all [(run note :a {:mode :parallel}) (run note :b [:urgent {:priority 95}]) (run note :c :urgent)])
            (defmeta :urgent {:priority 99 :mode :parallel})
            (perform-all [(run note :d [:urgent {:priority 95}]) (run note :e :urgent)])
            @log
            """
        #expect(value(of: program) == "[:b :c :a :e :d]")
    }

    @Test func whoListensHearsOfEffectsAndGroups() throws {  // J25, J26
        let session = Self.session()
        defer { session.shutDown() }
        _ = try session.evaluate(Self.prelude).get()
        let program = """
            (perform-all [(assoc (run spend [:a 30] (group :g)) :effect/id "a") (assoc (run fail :b (group :g)) :effect/id "b")])
            """
        _ = try session.evaluate(program).get()
        let events = session.events.recent().events
        func payload(_ type: EventType, _ keys: [KnownName]) throws -> [String] {
            try events.filter { $0.type == type }.map { event in
                guard case .map(let map) = event.payload else { return "" }
                return try keys.map { try Printer.readable(try map.find(.kw($0)) ?? .nil) }.joined(separator: " ")
            }
        }
        let error = #"{:code "broke", :message ":b broke", :data {:code "broke"}}"#
        // The sleep within the first is an effect of its own.
        let ended = try payload(.effectEnded, [.effectID, .group, .status, .durationMs, .result, .error])
        let place = #", :place "<eval>:7:25"}"#
        #expect(
            ended.dropFirst() == [#""a" :g :done 30 :a nil"#, #""b" :g :failed 0 nil \#(error.dropLast() + place)"#])
        #expect(
            try payload(.groupCompleted, [.group, .results]) == [#":g {"a" [:ok :a], "b" [:error \#(error)]}"#])
    }
}
