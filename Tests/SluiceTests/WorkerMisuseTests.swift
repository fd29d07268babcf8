import Testing

/// What people do to channels and workers that these are not made for: each ends in a value or an error that says so, and
/// nothing hangs or grows.
@Suite struct WorkerMisuseTests {
    private func evaluate(_ text: String, seed: UInt64? = nil) throws -> String {
        let program = """
            (require '[clojure.core.async :as a] '[sluice.workers :as w])
            (defn start [worker & [channel]]
              (w/start-workers {:channels {:in (or channel {:buffer 4}) :out {:buffer 4} :failed {:buffer 4}}
                                :workers {:it (merge {:in :in :expose? true :worker-fn (fn [_ x] x)} worker)}}))
            (defn message [f] (try (f) (catch Exception e (ex-message e))))
            (pr-str \(text))
            """
        return WorkerScript.value(of: program, seed: seed)
    }

    @Test(arguments: [
        // A channel that is closed, a system that has stopped (D23, D26).
        (
            "(let [c (a/chan 1)] (a/close! c) [(a/>!! c 1) (a/offer! c 1) (a/<!! c) (a/put! c 2)])",
            "[false false nil false]"
        ),
        (
            "(let [s (start {})] (w/stop! s) [(w/command! s :it 1) (:code (:error (a/<!! (w/request! s :it 1)))) (w/stop! s)])",
            "[false \"stopped\" nil]"
        ),
        // Nil is no message (D11, D26).
        (
            "(let [s (start {}) told (message (fn [] (w/command! s :it nil)))] (w/stop! s) (boolean (re-find #\"nil cannot be put\" told)))",
            "true"
        ),
        (
            "(let [s (start {:worker-fn (fn [_ _] nil) :output-chan :out}) r (a/<!! (w/request! s :it 1)) o (a/poll! (:out (:channels s)))] (w/stop! s) [r o])",
            "[nil nil]"
        ),
        // A function that turns out to take other arguments: told at its first message (D13, D14).
        (
            "(let [s (start {:worker-fn (partial (fn [x] x) 1) :fail-chan :failed})] (w/command! s :it 1) (let [e (a/<!! (:failed (:channels s)))] (w/stop! s) [(:worker-id e) (:msg e) (boolean (re-find #\"takes 1 argument\" (:message e)))]))",
            "[:it 1 true]"
        ),
        (
            "(let [s (start {}) e (message (fn [] (w/command! s :other 1)))] (w/stop! s) e)",
            "\"worker :other does not exist; exposed are :it\""
        ),
        // A worker whose failures nobody takes goes on, and they are counted (D15).
        (
            "(let [s (start {:worker-fn (fn [_ _] (throw (ex-info \"x\" {}))) :fail-chan :failed} {:buffer 20})] (dotimes [n 9] (a/>!! (:in (:channels s)) n)) (a/<!! (w/request! s :it 10)) (let [c (w/stats-snapshot s)] (w/stop! s) c))",
            "{:drops {:failed 6}, :errors {:it 10}}"
        ),
    ]) func endsInAnAnswer(_ text: String, _ expected: String) throws {
        #expect(try evaluate(text) == expected)
        #expect(try evaluate(text, seed: 7) == expected)
    }

    // What a check of the data form calls an error stops this start, too (D4, G2).
    @Test(arguments: [
        (
            "{:channels {:i {:put-mode :block :buffer 1} :a {}} :workers {:w {:in :a :output-chan :i :worker-fn f}}}",
            "worker :w puts on channel :i with `:put-mode :block` from a `:go` worker"
        ),
        ("{:channels {:i {:bufer 1}}}", "channel :i: a channel has no key `:bufer`"),
        ("{:chanels {}}", "a graph has no key `:chanels`"),
        ("{:channels {:a {}} :workers {:w {:in :a :worker-fn 3}}}", "worker :w: `:worker-fn` must be a function"),
        ("{:channels {:a {}} :workers {:w {:in :a :worker-fn one}}}", "must take 2 arguments"),
        ("{:channels {:a {}} :workers {:w {:in :a :worker-fn (var one)}}}", "must take 2 arguments"),
        ("{:channels {:a {}} :workers {:w {:in :a :worker-fn 'user/one}}}", "must take 2 arguments"),
        ("{:channels {:a {}} :workers {:w {:in :b :worker-fn f}}}", ":b, which is no declared channel"),
        (
            "{:channels {:a {}} :workers {:w {:in :a :worker-fn (fn [c m] (a/<!! m))}}}",
            "worker :w is `:dispatch :go` and calls `<!!`, which blocks its thread"
        ),
    ]) func wrongDefinitionsDoNotStart(_ definition: String, _ problem: String) throws {
        let text = "(do (defn f [c m] m) (defn one [m] m) (message (fn [] (w/start-workers \(definition)))))"
        let told = try evaluate(text)
        #expect(told.contains(problem), "\(told)")
    }

    // A ticker by a cron expression (D10) goes by that, not by the second: it has no tick before the thirtieth of February.
    @Test func tickersByCron() throws {
        let text = """
            (let [n (atom 0)
                  s (w/start-workers {:workers {:t {:kind :ticker :cron "0 0 30 2 *" :worker-fn (fn [c i] (swap! n inc))}}})]
              (a/<!! (a/timeout 5000)) (w/stop! s) @n)
            """
        #expect(try evaluate(text, seed: 3) == "0")
        let wrong =
            "(message (fn [] (w/start-workers {:workers {:t {:kind :ticker :cron \"daily\" :output-chan :o}} :channels {:o {}}})))"
        #expect(try evaluate(wrong).contains(":cron must be a cron expression"))
    }

    // Warnings do not, and the metas of the script need not be there yet.
    @Test func whatIsOddStarts() throws {
        let text = """
            (let [s (w/start-workers {:channels {:a {} :unread {}}
                                      :workers {:w {:in :a :output-chan :unread :meta :later :worker-fn (fn [c m] m)}}})]
              (w/stop! s) (set (keys (:channels s))))
            """
        #expect(try ["#{:a :unread}", "#{:unread :a}"].contains(evaluate(text)))
    }

    // D3, D4: a put that blocks waits for room; in a fiber it parks, and the others go on. (The checker refuses it in workers
    // that say they do not block.)
    @Test(arguments: [nil, 4] as [UInt64?]) func aBlockingPutParks(_ seed: UInt64?) throws {
        let text = """
            (let [s (start {:worker-fn (fn [_ x] (a/<! (a/timeout 1)) x)} {:buffer 1 :put-mode :block})
                  senders (doall (for [_ (range 20)] (a/go (mapv (fn [x] (w/command! s :it x)) (range 3)))))
                  taken (frequencies (mapcat a/<!! senders))]
              (w/stop! s)
              taken)
            """
        #expect(try evaluate(text, seed: seed) == "{true 60}")
    }

    // A million messages into each kind of buffer while nobody takes: only what fits is held, and every other is told.
    @Test(arguments: [
        ("{:buffer 10}", "[10 10]"), ("{:buffer 10 :buffer-type :dropping}", "[10 10]"),
        ("{:buffer 10 :buffer-type :sliding}", "[10 10]"), ("{}", "[0 0]"),
    ]) func aBurstHoldsWhatFits(_ options: String, _ expected: String) throws {
        let text = """
            (let [s (w/start-workers {:channels {:in \(options)} :workers {}})
                  c (:in (:channels s))]
              (dotimes [n 1000000] (a/offer! c n))
              (a/close! c)
              (let [held (loop [held []] (if-some [x (a/poll! c)] (recur (conj held x)) held))]
                (w/stop! s)
                [(count held) (count (filter (fn [x] (if \(options.contains("sliding")) (>= x 999990) (< x 10))) held))]))
            """
        #expect(try evaluate(text) == expected)
    }

    // Stopped while it starts, from several sides at once: every stop returns, and nothing is left running.
    @Test(arguments: [nil, 1, 2, 3] as [UInt64?]) func stopsWhileItStarts(_ seed: UInt64?) throws {
        let text = """
            (let [results (for [n (range 50)]
                            (let [s (start {:parallel 4 :worker-fn (fn [_ x] (a/<! (a/timeout 1)) x)})
                                  replies (doall (for [x (range 3)] (w/request! s :it x)))
                                  stops (doall (for [_ (range 3)] (a/go (w/stop! s 5) :stopped)))]
                              [(mapv a/<!! stops) (every? some? (map (fn [c] (let [[v] (a/alts!! [c (a/timeout 5000)])] v)) replies))]))]
              [(count (filter (fn [[stops _]] (= stops [:stopped :stopped :stopped])) results)) (every? second results)])
            """
        #expect(try evaluate(text, seed: seed) == "[50 true]")
    }
}
