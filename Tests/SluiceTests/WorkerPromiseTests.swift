import Testing

/// What channels and workers promise, number by number, as a script sees it: on threads and simulated. What the checker says of
/// declarations stands in GraphTests, core.async's operations (D26) in LanguageTests.
@Suite struct WorkerPromiseTests {
    private func evaluate(_ text: String, seed: UInt64? = nil) throws -> String {
        let program = """
            (require '[clojure.core.async :as a] '[sluice.workers :as w])
            (defn settled [] (a/<!! (a/timeout 100)))
            (defn message [f] (try (f) (catch Exception e (ex-message e))))
            (defn says? [pattern f] (boolean (re-find pattern (str (message f)))))
            (defn system
              ([channels workers] (system channels workers {}))
              ([channels workers components] (w/start-workers {:channels channels :workers workers} components)))
            (defn offered [c & xs] (doseq [x xs] (a/offer! c x)) (a/close! c)
              (loop [held []] (if-some [x (a/poll! c)] (recur (conj held x)) held)))
            (pr-str \(text))
            """
        return WorkerScript.value(of: program, seed: seed)
    }

    struct Promise: CustomTestStringConvertible, Sendable {
        let number: String
        let text: String
        let expected: String
        init(_ number: String, _ text: String, _ expected: String) {
            (self.number, self.text, self.expected) = (number, text, expected)
        }
        var testDescription: String { "\(number): \(text)" }
    }

    private static let promises: [Promise] = [
        // Without a buffer nothing lies ready: a put meets a take.
        Promise("D1", "(let [c (:n (:channels (system {:n {}} {})))] [(a/offer! c 1) (a/poll! c)])", "[nil nil]"),
        Promise("D1", "(let [c (:n (:channels (system {:n {:buffer 2}} {})))] (offered c 1 2 3))", "[1 2]"),
        Promise(
            "D2", "(offered (:n (:channels (system {:n {:buffer 2 :buffer-type :dropping}} {}))) 1 2 3 4)", "[1 2]"),
        Promise("D2", "(offered (:n (:channels (system {:n {:buffer 2 :buffer-type :sliding}} {}))) 1 2 3 4)", "[3 4]"),
        Promise("D2", "(says? #\"room\" (fn [] (system {:n {:buffer-type :sliding}} {})))", "true"),
        // The worker has the first; the buffer holds the second; the third is dropped, and counted.
        Promise(
            "D3",
            """
            (let [gate (a/chan)
                  s (system {:n {:buffer 1 :put-mode :drop}} {:w {:in :n :expose? true :worker-fn (fn [_ x] (a/<! gate) x)}})
                  first-one (w/command! s :w 1)
                  _ (settled)
                  others [(w/command! s :w 2) (w/command! s :w 3)]
                  before (:drops (w/stats-snapshot s))]
              (a/close! gate) (w/stop! s)
              [first-one others before])
            """, "[true [true false] {:n 1}]"),
        Promise(
            "D3",
            """
            (let [gate (a/chan) got (atom [])
                  s (system {:n {:buffer 1}} {:w {:in :n :expose? true :worker-fn (fn [_ x] (a/<! gate) (swap! got conj x) nil)}})
                  sent (mapv (fn [x] (w/command! s :w x)) (range 5))]
              (a/close! gate) (settled) (w/stop! s)
              [sent @got])
            """, "[[true true true true true] [0 1 2 3 4]]"),
        Promise(
            "D6",
            """
            (let [s (system {:n {:buffer 1}} {:w {:in :n :expose? true :dispatch :thread :worker-fn (fn [ctx x] (Thread/sleep 2) [x (:dispatch (:worker ctx))])}})
                  r (a/<!! (w/request! s :w 1))]
              (w/stop! s) r)
            """, "[1 :thread]"),
        // As many at once as it says, and no more.
        Promise(
            "D7",
            """
            (let [gate (a/chan) now (atom 0) most (atom 0)
                  s (system {:n {:buffer 8}} {:w {:in :n :expose? true :parallel 3 :meta {:tags [:x]}
                                                  :worker-fn (fn [ctx _] (swap! most max (swap! now inc)) (a/<! gate) (swap! now dec) (:meta (:worker ctx)))}})
                  replies (mapv (fn [x] (w/request! s :w x)) (range 6))]
              (settled) (a/close! gate)
              (let [answers (mapv a/<!! replies)] (w/stop! s) [@most (set answers)]))
            """, "[3 #{{:tags [:x]}}]"),
        Promise(
            "D8",
            """
            (let [s (system {:n {} :m {}} {:shown {:in :n :expose? true :worker-fn (fn [_ x] x)} :hidden {:in :m :worker-fn (fn [_ x] x)}})
                  r [(says? #"hidden.*not exposed.*:shown" (fn [] (w/command! s :hidden 1))) (says? #"none.*does not exist.*:shown" (fn [] (w/command! s :none 1)))]]
              (w/stop! s) r)
            """, "[true true]"),
        Promise("D9", "(says? #\":n\" (fn [] (system {} {:w {:in :n :worker-fn (fn [_ x] x)}})))", "true"),
        Promise(
            "D10",
            """
            (let [s (system {:out {:buffer 8}} {:t {:kind :ticker :interval-ms 2 :output-chan :out}})
                  out (:out (:channels s))
                  r [(a/<!! out) (a/<!! out) (a/<!! out)]]
              (w/stop! s) r)
            """, "[0 1 2]"),
        Promise(
            "D10",
            """
            (let [s (system {:out {:buffer 8}} {:t {:kind :ticker :interval-ms 2 :output-chan :out :worker-fn (fn [_ n] (* 10 n))}})
                  out (:out (:channels s))
                  r [(a/<!! out) (a/<!! out) (a/<!! out)]]
              (w/stop! s)
              [r (loop [] (if (some? (a/<!! out)) (recur) :stopped))])
            """, "[[0 10 20] :stopped]"),
        // What it gives is offered, and nil is not delivered.
        Promise(
            "D11",
            """
            (let [s (system {:n {:buffer 8} :out {:buffer 2}} {:w {:in :n :expose? true :output-chan :out :worker-fn (fn [_ x] (when (odd? x) x))}})]
              (doseq [x (range 8)] (w/command! s :w x))
              (settled) (w/stop! s)
              [(offered (:out (:channels s))) (:drops (w/stats-snapshot s))])
            """, "[[1 3] {:out 2}]"),
        // Every drop is told of with its reason.
        Promise(
            "D12",
            """
            (let [seen (atom []) gate (a/chan)
                  s (system {:n {:buffer 1 :put-mode :drop} :out {:buffer 1} :failed {:buffer 1} :ticks {:buffer 1} :m {:buffer 8}}
                            {:w {:in :n :expose? true :worker-fn (fn [_ x] (a/<! gate) nil)}
                             :v {:in :m :expose? true :output-chan :out :fail-chan :failed :worker-fn (fn [_ x] (if (= :bad x) (throw (ex-info "no" {})) x))}
                             :t {:kind :ticker :interval-ms 3 :output-chan :ticks}}
                            {:logger (fn [e] (when (= :workers.drop (:event e)) (swap! seen conj (dissoc e :event))))})]
              (w/command! s :w 1) (settled) (w/command! s :w 2) (w/command! s :w 3)
              (doseq [x [1 2 :bad :bad]] (w/command! s :v x))
              (settled) (a/close! gate) (w/stop! s) (settled)
              (sort-by str (set @seen)))
            """,
            "({:worker-id :t, :channel :ticks, :reason :ticker-output-drop} {:worker-id :v, :channel :failed, :reason :fail-chan-full} {:worker-id :v, :channel :out, :reason :output-drop} {:worker-id :w, :channel :n, :reason :input-drop})"
        ),
        // A failure is told of, counted, and the worker goes on.
        Promise(
            "D13",
            """
            (let [seen (atom [])
                  s (system {:n {:buffer 8}} {:w {:in :n :expose? true :worker-fn (fn [_ x] (/ 6 x))}} {:logger (fn [e] (swap! seen conj (:event e)))})
                  r (mapv (fn [x] (let [v (a/<!! (w/request! s :w x))] (if (map? v) (:code (:error v)) v))) [3 0 2])]
              (w/stop! s) (settled)
              [r (:errors (w/stats-snapshot s)) @seen])
            """, "[[2 \"worker_error\" 3] {:w 1} [:workers.error]]"),
        Promise(
            "D14",
            """
            (let [emitted (atom nil)
                  s (system {:n {:buffer 8} :failed {:buffer 2}}
                            {:w {:in :n :expose? true :fail-chan :failed :worker-fn (fn [_ x] (throw (ex-info "no" {:at x})))}}
                            {:logger (fn [e] (reset! emitted e))})]
              (w/command! s :w 7)
              (let [e (a/<!! (:failed (:channels s)))]
                (w/stop! s) (settled)
                [(dissoc e :error) (ex-message (:error e)) (sort (keys @emitted))]))
            """,
            "[{:worker-id :w, :worker-kind :command, :message \"no\", :ex-data {:at 7}, :msg 7, :fail-chan :failed} \"no\" (:event :ex-data :fail-chan :message :msg :worker-id :worker-kind)]"
        ),
        Promise(
            "D15",
            """
            (let [s (system {:n {:buffer 8} :failed {:buffer 1}} {:w {:in :n :expose? true :fail-chan :failed :worker-fn (fn [_ x] (throw (ex-info "no" {})))}})]
              (dotimes [n 3] (w/command! s :w n))
              (settled) (w/stop! s)
              (w/stats-snapshot s))
            """, "{:drops {:failed 2}, :errors {:w 3}}"),
        Promise(
            "D17",
            """
            (let [s (system {:n {:buffer 1}} {:w {:in :n :expose? true :worker-fn (fn [_ x] (inc x))}})
                  r [(w/command! s :w 1) (a/<!! (w/request! s :w 1)) (fn? (:stop! s)) (boolean ((:stop! s)))]]
              r)
            """, "[true 2 true false]"),
        Promise(
            "D18",
            """
            (let [s (system {:n {:buffer 1}} {:w {:in :n :expose? true :worker-fn (fn [_ x] x)}})
                  r [(w/stats-snapshot s) (identical? (w/exposed-chan s :w) (:n (:channels s))) (says? #"no.*exposed are" (fn [] (w/exposed-chan s :no)))]]
              (w/stop! s) r)
            """, "[{:drops {}, :errors {}} true true]"),
        // However a request goes, it ends: and any value may be one.
        Promise(
            "D19",
            """
            (let [gate (a/chan)
                  s (system {:n {:buffer 8} :m {:buffer 1} :full {:buffer 1 :put-mode :drop}}
                            {:w {:in :n :expose? true :worker-fn (fn [_ x] (if (= x :bad) (throw (ex-info "no" {})) [x]))}
                             :stuck {:in :m :expose? true :worker-fn (fn [_ x] (a/<! gate) x)}
                             :busy {:in :full :expose? true :worker-fn (fn [_ x] (a/<! gate) x)}})
                  code (fn [c] (:code (:error (a/<!! c))))
                  values (mapv (fn [x] (a/<!! (w/request! s :w x))) [1 "two" :three [4] {:five 5} #{6}])
                  failed (code (w/request! s :w :bad))
                  late (code (w/request! s :stuck 1 {:timeout-ms 5}))
                  _ (do (w/command! s :busy 1) (settled) (w/command! s :busy 2))
                  dropped (code (w/request! s :busy 3))
                  waiting (w/request! s :stuck 2)]
              (w/stop! s 5)
              [values failed late dropped (code waiting) (code (w/request! s :w 1))])
            """,
            "[[[1] [\"two\"] [:three] [[4]] [{:five 5}] [#{6}]] \"worker_error\" \"timeout\" \"dropped\" \"stopped\" \"stopped\"]"
        ),
        Promise(
            "D20",
            """
            (let [s (system {:n {:buffer 1}}
                            {:w {:in :n :expose? true :worker-fn (fn [ctx x] [(sort (keys ctx)) (:db (:components ctx)) (keys (:channels ctx)) (:id (:worker ctx)) (:kind (:worker ctx)) ((:stats ctx)) (fn? (:emit ctx))])}}
                            {:db :connection :logger (fn [_])})
                  r (a/<!! (w/request! s :w 1))]
              (w/stop! s) r)
            """,
            "[(:channels :components :emit :stats :worker) :connection (:n) :w :command {:drops {}, :errors {}} true]"),
        // The first of :observability, :obs and :logger; a function, or the :emit or :log of a map.
        Promise(
            "D21",
            """
            (for [components [{:observability (fn [_] :a)} {:obs {:emit (fn [_] :a)}} {:logger {:log (fn [_] :a)}}
                              {:logger (fn [_] :c) :obs (fn [_] :b) :observability (fn [_] :a)} {:obs {:log (fn [_] :b) :emit (fn [_] :a)}}]]
              (let [heard (a/chan 8)
                    tell (fn [f] (fn [e] (a/put! heard [(f e) (:event e)])))
                    wrapped (clojure.walk/postwalk (fn [x] (if (fn? x) (tell x) x)) components)
                    s (system {:n {:buffer 1}} {:w {:in :n :expose? true :worker-fn (fn [_ x] (throw (ex-info "no" {})))}} wrapped)]
                (w/command! s :w 1)
                (let [r (a/<!! heard)] (w/stop! s) r)))
            """,
            "([:a :workers.error] [:a :workers.error] [:a :workers.error] [:a :workers.error] [:a :workers.error])"),
        // Taken messages finish; what takes longer than the grace is cancelled, and its `finally` runs.
        Promise(
            "D23",
            """
            (let [done (atom [])
                  s (system {:n {:buffer 8} :m {:buffer 8}}
                            {:quick {:in :n :expose? true :worker-fn (fn [_ x] (a/<! (a/timeout 5)) (swap! done conj x) nil)}
                             :endless {:in :m :expose? true :worker-fn (fn [_ x] (try (a/<! (a/chan)) (finally (swap! done conj :ended))))}})]
              (w/command! s :quick 1) (w/command! s :endless 1) (settled) (w/command! s :quick 2) (a/<!! (a/timeout 1))
              (w/stop! s 60)
              [(sort-by str @done) (a/>!! (:n (:channels s)) 3) (a/<!! (:m (:channels s)))])
            """, "[(1 2 :ended) false nil]"),
        Promise(
            "D24",
            """
            (let [s (system {:a/in {:buffer 1} :b {:buffer 1}} {})
                  cs (:channels s)]
              (a/>!! (:a/in cs) 1)
              (let [r [(keys cs) (a/<!! (:a/in cs)) (:c cs)]] (w/stop! s) r))
            """, "[(:a/in :b) 1 nil]"),
    ]

    @Test(arguments: promises) func isKept(_ promise: Promise) throws {
        #expect(try evaluate(promise.text) == promise.expected)
        #expect(try evaluate(promise.text, seed: 7) == promise.expected)
    }

    /// However a system ends, while its fibers wait, compute, fail or clean up, each message that was accepted is delivered,
    /// failed, or dropped and counted: none is missing.
    @Test(arguments: [nil, 1, 2, 3, 4, 5, 6, 7, 8] as [UInt64?]) func everyMessageIsAccountedFor(_ seed: UInt64?) throws
    {
        let text = """
            (for [n (range 40)
                  :let [delivered (atom 0)
                        s (system {:in {:buffer 100} :out {:buffer (mod n 5)} :failed {:buffer (mod n 3)}}
                                  {:w {:in :in :expose? true :parallel (inc (mod n 4)) :output-chan :out :fail-chan :failed
                                       :worker-fn (fn [_ x]
                                                    (case (mod x 5)
                                                      0 (throw (ex-info "no" {}))
                                                      1 (do (a/<! (a/timeout (mod x 3))) x)
                                                      2 (try (a/<! (a/timeout 20)) x (finally (a/<! (a/timeout 1))))
                                                      3 (do (dotimes [_ 2000]) x)
                                                      x))}})
                        taken (a/go-loop [] (when (a/<! (:out (:channels s))) (swap! delivered inc) (recur)))
                        sent (count (filter true? (mapv (fn [x] (w/command! s :w x)) (range 60))))]]
              (do
                (a/<!! (a/timeout (mod n 7)))
                (w/stop! s (mod n 3))
                (a/<!! taken)
                (let [{:keys [drops errors]} (w/stats-snapshot s)
                      found (+ @delivered (:out drops 0) (:in drops 0) (:w errors 0))]
                  (when (not= sent found) [n sent found @delivered drops errors]))))
            """
        #expect(try evaluate("(remove nil? \(text))", seed: seed) == "()")
    }
}
