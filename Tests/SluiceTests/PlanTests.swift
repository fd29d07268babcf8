import Engine
import Graph
import Reader
import Sluice
import Testing
import Values

/// `defphases` and `perform-phases`, as scripts see them, under virtual time (J19, J22, J30).
@Suite struct PlanTests {
    private static let prelude = """
        (def log (atom []))
        (def starts (atom (sorted-map)))
        (defn note [x] (swap! log conj x) x)
        (defn fail [x] (note x) (throw (ex-info (str x " broke") {:code "broke"})))
        (defn spend [[what ms]]
          (swap! starts assoc what (quot (sluice.runtime/nano-time) 1000000))
          (time/sleep ms)
          what)
        (defn id [id effect] (assoc effect :effect/id id))
        (defmacro failure [form] (list 'try form '(catch Exception e (ex-message e))))
        """

    private func session() throws -> Session {
        var options = SessionOptions(grants: Capabilities(workingDirectory: "/"))
        options.seed = 1
        let session = Session(options)
        _ = try session.evaluate(Self.prelude).get()
        return session
    }

    private func printed(_ program: String, in session: Session) -> String {
        switch session.evaluate("(pr-str (do \(program)))") {
        case .success(let value): return value.stringValue ?? ""
        case .failure(let fault): return Report.diagnostic(fault).title
        }
    }

    private static let plans: [(name: String, program: String, expected: String)] = [
        (
            "gives every phase with how its effects ended",
            """
            (defphases :p [x]
              [:a {:mode :parallel} (id 1 (run note x)) (id 2 (run note x))]
              [:b (id 3 (run fail x)) (id 4 (run note x))]
              [:none]
              [:c {:on-dep-failure :skip} (id 5 (run note x))]
              [:d (id 6 (run note x)) ])
            (let [result (perform-phases :p 0)]
              [(keys result) (:a result) (update (:b result) 3 update 1 :code) (:none result) (get-in result [:c 5 0])
               (update-in (:d result) [6 1] :code)])
            """,
            "[(:a :b :none :c :d) {1 [:ok 0], 2 [:ok 0]} {3 [:error \"broke\"], 4 [:ok 0]} {} :skipped {6 [:error \"dependency_failed\"]}]"
        ),
        (
            "starts a phase when the one before is complete, also over an empty one",  // J19
            """
            (defphases :p []
              [:a {:mode :parallel} (run spend [:a1 10]) (run spend [:a2 30])]
              [:b]
              [:c (run spend [:c1 5]) (run spend [:c2 5])])
            (perform-phases :p)
            @starts
            """, "{:a1 0, :a2 0, :c1 30, :c2 35}"
        ),
        (
            "lets a phase say itself what it waits for",
            """
            (defphases :p []
              [:a (run spend [:a 30])] [:b {:depends-on []} (run spend [:b 10])] [:c {:depends-on [:b]} (run spend [:c 5])]
              [:d {:depends-on [:a :c]} (run spend [:d 5])])
            (perform-phases :p)
            @starts
            """, "{:a 0, :b 0, :c 10, :d 30}"
        ),
        (
            "lets an effect's own meta win, but for the phase it is in",
            """
            (defmeta :urgent {:priority 90 :group :elsewhere :depends-on [:zero]})
            (defphases :p []
              [:zero]
              [:a {:mode :parallel :priority 5 :tags [:t]} (run note 1 {:priority 7}) (run note 2 :urgent)
                  (run note 3 [:urgent {:mode :sequential}]) (run note 4)])
            (map :meta (phases-of :p))
            """,
            "({:mode :parallel, :priority 7, :tags [:t], :group :a, :depends-on [:zero]} "
                + "{:mode :parallel, :priority 90, :tags [:t], :group :a, :depends-on [:zero]} "
                + "{:mode :sequential, :priority 90, :tags [:t], :group :a, :depends-on [:zero]} "
                + "{:mode :parallel, :priority 5, :tags [:t], :group :a, :depends-on [:zero]})"
        ),
        (
            "numbers phases without a group from one",  // J30
            """
            (defphases :p [n] [(run note n)] [{:mode :parallel} (mapv (fn [x] (run note x)) (range n))])
            (map (fn [[group results]] [group (map second (vals results))]) (perform-phases :p 2))
            """, "([[:phase 1] (2)] [[:phase 2] (0 1)])"
        ),
        (
            "is the plan that was declared last",
            """
            (defphases :p [x] [:a (id :one (run note [:old x]))])
            (perform-phases :p 1)
            (defphases :p [x] [:a (id :two (run note [:new x]))] [:b])
            [(perform-phases :p 2) @log]
            """, "[{:a {:two [:ok [:new 2]]}, :b {}} [[:old 1] [:new 2]]]"
        ),
        (
            "takes effects that are data",
            """
            (sluice.graph/declare-all!
              '{:phases {:p [{:mode :parallel :effects [{:effect/id 1 :effect/type :run :action user/note :params 1}]}
                             {:group :b :effects [{:effect/id 2 :effect/type :run :action user/note}]}]}})
            [(perform-phases :p) (failure (perform-phases :p 1))]
            """,
            #"[{[:phase 1] {1 [:ok 1]}, :b {2 [:ok {}]}} "the effects of :p are data, so it takes no arguments, but found 1"]"#
        ),
        (
            "tells of what was cancelled, and why",  // J23, J25
            """
            (defphases :p [] [:a {:mode :parallel} (id 1 (run spend [:a 100] {:tags [:t]})) (id 2 (run spend [:b 10]))])
            (let [result (future (perform-phases :p))]
              (time/sleep 5)
              (cancel! {:tag :t})
              @result)
            """, "{:a {1 [:cancelled :requested], 2 [:ok :b]}}"
        ),
        (
            "an error that only looks like a cancellation is an error",
            """
            (defn wait-for-other [_] (let [id (submit! (run spend [:a 100]))] (time/sleep 5) (cancel! {:id id}) (outcome id)))
            (defphases :p [] [:a (id 1 (run wait-for-other))])
            (get-in (perform-phases :p) [:a 1 0])
            """, ":error"
        ),
        (
            "counts the last of a key, which answers for all",  // J21
            """
            (def status {:idempotency-key :status :dedup-strategy :last})
            (defphases :p [] [:a (id 1 (run note :x status)) (id 2 (run note :y status))])
            [(perform-phases :p) @log]
            """, "[{:a {1 [:ok :y], 2 [:ok :y]}} [:y]]"
        ),
        (
            "runs in the function of an effect",  // P19
            """
            (configure {:effects {:max-inflight 1}})
            (defphases :inner [x] [:a (id [:in x] (run note x))])
            (defeffect :t/outer [{:keys [x]}] (perform-phases :inner x))
            (defphases :outer [] [:a (id 1 (effect :t/outer {:x 7})) (id 2 (run (fn [x] (perform-phases :inner x)) 8))])
            (perform-phases :outer)
            """, "{:a {1 [:ok {:a {[:in 7] [:ok 7]}}], 2 [:ok {:a {[:in 8] [:ok 8]}}]}}"
        ),
        (
            "a group is there for later batches, without effects too",  // J19
            """
            (defphases :p [] [:a] [:b])
            [(perform-phases :p) (perform (run note 1 {:depends-on [:b]}))]
            """, "[{:a {}, :b {}} 1]"
        ),
    ]

    @Test(arguments: plans.indices) func aPlan(_ index: Int) throws {
        let (name, program, expected) = Self.plans[index]
        let session = try session()
        defer { session.shutDown() }
        #expect(printed(program, in: session) == expected, "\(name)")
    }

    private static let mistakes: [(program: String, message: String)] = [
        ("(perform-phases :p)", "there is no plan :p; declare it: (defphases :p [] …)"),
        (
            "(defphases :checkout [] [:a]) (perform-phases :chekout)",
            "there is no plan :chekout; did you mean :checkout?"
        ),
        ("(perform-phases 'p)", "perform-phases expected the name of a plan, a keyword, but found the symbol p"),
        ("(defphases :p [x] [:a (run note x)]) (perform-phases :p)", ":p takes 1 argument, but was called with none"),
        (
            "(defphases :p [] [:a (run note 1)] [:b (run note 2) nil]) (perform-phases :p)",
            "the effect at index 1 of phase :b of :p: an effect must be a map with an :effect/type, but this is nil"
        ),
        (
            "(defphases :p [] [:a {:mode :parallel} {:type :x}]) (perform-phases :p)",
            "the effect at index 0 of phase :a of :p: an effect must be a map with an :effect/type, but this is {:type :x}"
        ),
        (
            "(defphases :p [] [:a (run note 1 {:priority 101})]) (perform-phases :p)",
            "the effect at index 0 of phase :a of :p: :priority must be a whole number from 0 to 100, but it is 101"
        ),
        (
            "(defphases :p [] [:a {:mode :both} (run note 1)]) (perform-phases :p)",
            "the effect at index 0 of phase :a of :p: :mode must be :sequential or :parallel, but it is :both"
        ),
        (
            "(defphases :p [] [:a (run note 1 :nobody)]) (perform-phases :p)",
            "the effect at index 0 of phase :a of :p: there is no defmeta :nobody"
        ),
        (
            "(defphases :p [] [:a (run note 1)] [:b {:depends-on [:c]} (run note 2)] [:c (run note 3)]) (perform-phases :p)",
            "groups depend on each other in a circle: :b → :c → :b"
        ),
        (
            "(defphases :p [] [:pay (run note 1)] [:mail {:depends-on [:pya]} (run note 2)]) (perform-phases :p)",
            ":depends-on names the group :pya, which neither this batch nor an earlier one that is still retained has; did you mean :pay?"
        ),
        (
            "(sluice.graph/declare! :phases :p {:fn (fn [] 5)}) (perform-phases :p)",
            "what the function of :p gives must be a vector, but it is 5"
        ),
        (
            "(sluice.graph/declare! :phases :p {:fn 'user/noet}) (perform-phases :p)",
            "the function user/noet of plan :p was not found"
        ),
    ]

    @Test(arguments: mistakes.indices) func aMistakeIsNamed(_ index: Int) throws {
        let (program, message) = Self.mistakes[index]
        let session = try session()
        defer { session.shutDown() }
        let found = printed("(failure (do \(program))) ", in: session)
        #expect(found.hasPrefix("\"\(message)"), "\(found)")
        #expect(printed("@log", in: session) == "[]")
    }

    /// What a phase says that it waits for counts instead of the phase before: to the checker as well.
    @Test func phasesMayBeDeclaredInAnyOrder() throws {
        let session = try session()
        defer { session.shutDown() }
        let plan = "(defphases :p [] [:a {:depends-on [:b]} (run note 1)] [:b {:depends-on []} (run note 2)])"
        #expect(printed("\(plan) (perform-phases :p) @log", in: session) == "[2 1]")
        #expect(session.graphErrors.isEmpty)
        _ = try session.evaluate("(defphases :p [] [:a {:depends-on [:b]} (run note 1)] [:b (run note 2)])").get()
        #expect(session.graphErrors.map(\.title) == ["the phases of plan :p wait for one another: :a → :b → :a"])
    }

    /// A conversation: each text is evaluated by itself.
    @Test func oneFormAfterTheOther() throws {
        let session = try session()
        defer { session.shutDown() }
        #expect(printed("(defphases :p [x] [:a (id x (run note x))])", in: session) == ":p")
        #expect(printed("(perform-phases :p 1)", in: session) == "{:a {1 [:ok 1]}}")
        #expect(printed("(perform-phases :q 1)", in: session) == "there is no plan :q; did you mean :p?")
        #expect(printed("(defphases :p [x] [:b (id [x] (run note [x]))])", in: session) == ":p")
        #expect(printed("(perform-phases :p 2)", in: session) == "{:b {[2] [:ok [2]]}}")
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>) func inWorkersToo(_ seed: UInt64) throws {
        var options = SessionOptions(grants: Capabilities(workingDirectory: "/"))
        options.seed = seed
        let session = Session(options)
        defer { session.shutDown() }
        let text =
            Self.prelude + """
                (require 'clojure.core.async)
                (def results (atom {}))
                (defmeta :last {:priority 1})
                (defphases :p [x]
                  [:a {:mode :parallel} (run spend [[:a x] 10]) (run spend [[:b x] 20])]
                  [:c (run spend [[:c x] 5] :last)])
                (defchannel :in {:buffer 4})
                (defworker :orders {:in :in :parallel 2}
                  [_ x]
                  (swap! results assoc x (update-vals (perform-phases :p x) (fn [found] (map second (vals found)))))
                  nil)
                (defworker :source {:kind :ticker} [{:keys [channels]} _]
                  (run! (fn [n] (clojure.core.async/>! (:in channels) n)) (range 3)))
                """
        _ = try session.evaluate(Source(name: "orders.slu", bytes: Array(text.utf8))).get()
        let run = try Run(session, once: true)
        run.run()
        #expect(run.errorCount == 0)
        #expect(
            printed("(into (sorted-map) @results)", in: session)
                == "{0 {:a ([:a 0] [:b 0]), :c ([:c 0])}, 1 {:a ([:a 1] [:b 1]), :c ([:c 1])}, 2 {:a ([:a 2] [:b 2]), :c ([:c 2])}}"
        )
    }
}
