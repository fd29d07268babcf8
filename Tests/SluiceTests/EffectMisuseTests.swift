import Engine
import Machine
import Reader
import Sluice
import Testing
import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Effects that cannot be right, as scripts make them: each is refused or ends with a sentence that says why, nothing runs that
/// should not, and nothing hangs or is lost (P14–P23, J1–J19, N6).
@Suite struct EffectMisuseTests {
    /// A program that fails, and how its message begins. `note` must not have been called.
    private static let refused: [(program: String, message: String)] = [
        // Meta, key by key (J1–J10).
        ("(run note 1 {:group (map inc [1])})", ":group must be data: a lazy sequence stands where data is needed"),
        ("(run note 1 {:order -1})", ":order must be a whole number of at least 0, but it is -1"),
        ("(run note 1 {:order 1.5})", ":order must be a whole number of at least 0, but it is 1.5"),
        ("(run note 1 {:mode :both})", ":mode must be :sequential or :parallel, but it is :both"),
        ("(run note 1 {:priority 101})", ":priority must be a whole number from 0 to 100, but it is 101"),
        ("(run note 1 {:priority -1})", ":priority must be a whole number from 0 to 100, but it is -1"),
        ("(run note 1 {:priority \"high\"})", ":priority must be a whole number from 0 to 100, but it is \"high\""),
        ("(run note 1 {:cancels [(map inc [1])]})", ":cancels must be data: a lazy sequence"),
        ("(run note 1 {:depends-on [(map inc [1])]})", ":depends-on must be data: a lazy sequence"),
        (
            "(run note 1 {:on-dep-failure :ignore})",
            ":on-dep-failure must be :error, :skip or :continue, but it is :ignore"
        ),
        ("(run note 1 {:idempotency-key (map inc [1])})", ":idempotency-key must be data: a lazy sequence"),
        ("(run note 1 {:dedup-strategy :never})", ":dedup-strategy must be :first, :last or :merge, but it is :never"),
        ("(run note 1 {:tags [(map inc [1])]})", ":tags must be data: a lazy sequence"),
        ("(run note 1 {:description 5})", ":description must be a string, but it is 5"),
        ("(run note 1 {:timeout-ms \"1s\"})", ":timeout-ms must be a whole number of milliseconds, or nil for none"),
        ("(run note 1 {:retry 3})", ":retry must be a map with :max, :backoff, :on, but it is 3"),
        ("(run note 1 {:retry {:max 1001}})", ":max must be a whole number from 0 to 1000, but it is 1001"),
        ("(run note 1 {:retry {:max -1}})", ":max must be a whole number from 0 to 1000, but it is -1"),
        ("(run note 1 {:retry {:times 3}})", ":retry has no key :times"),
        ("(run note 1 {:retry {:backoff 5}})", ":backoff must be a map with :base-ms, :factor, :jitter, but it is 5"),
        ("(run note 1 {:retry {:backoff {:base-ms -1}}})", ":base-ms must be a whole number from 0 to 86400000"),
        ("(run note 1 {:retry {:backoff {:factor 0.5}}})", ":factor must be a number of at least 1, but it is 0.5"),
        ("(run note 1 {:retry {:backoff {:jitter 1}}})", ":jitter must be true or false, but it is 1"),
        ("(run note 1 {:retry {:on [\"timeout\"]}})", ":on must be a vector of keywords, but it is [\"timeout\"]"),
        ("(run note 1 {:proirity 1})", "meta has no key :proirity"),
        ("(run note 1 5)", "meta must be a map, the name of a defmeta or a vector of these, but it is 5"),
        ("(run note 1 [{:order 1} 5])", "meta must be a map, the name of a defmeta or a vector of these, but it is 5"),
        ("(run note 1 :nobody)", "there is no defmeta :nobody"),
        // What is no effect.
        ("5", "an effect must be a map with :effect/type, but this is 5"),
        ("nil", "an effect must be a map with :effect/type, but this is nil"),
        ("{:type :run}", "an effect needs an :effect/type, a keyword such as :fs/read"),
        ("{:effect/type \"run\"}", "the :effect/type of an effect must be a keyword, but it is \"run\""),
        ("(assoc (run note 1) :effect/id (map inc [1]))", "an :effect/id must be data"),
        // P23
        ("(effect :fs/raed {:path \"x\"})", "unknown effect type: :fs/raed; did you mean :fs/read?"),
        ("(effect :t/nothing-like-it {})", "unknown effect type: :t/nothing-like-it"),
        // Dependencies that cannot be met (J19).
        ("(run note 1 {:group :a :depends-on [:a]})", "groups depend on each other in a circle: :a → :a"),
        ("(run note 1 {:depends-on [:nobody]})", ":depends-on names the group :nobody, which neither this batch nor"),
    ]

    @Test(arguments: refused.indices) func whatCannotBeIsRefused(_ index: Int) throws {
        let script = try EffectScript(seed: 1)
        let (program, message) = Self.refused[index]
        // By itself, without waiting, and beside one that is right: then neither runs, unless only its end shows what is wrong.
        #expect(script.printed("(print-str (failure (perform \(program))))").hasPrefix("\"\(message.escaped)"))
        #expect(script.printed("@log") == "[]")
        let isKnownLater = message.hasPrefix("unknown effect type")
        if isKnownLater { return }
        #expect(
            script.printed("(print-str (failure (submit! [(run note 0) \(program)])))").hasPrefix(
                "\"\(message.escaped)"))
        #expect(
            script.printed("(print-str (failure (perform-all [(run note 0) \(program)])))").hasPrefix(
                "\"\(message.escaped)"))
        #expect(script.printed("[@log (perform (run note 7)) @log]") == "[[] 7 [7]]")
    }

    /// One effect where several are asked for, and what is none at all.
    @Test func whatIsNoCollectionOfEffectsIsRefused() throws {
        let script = try EffectScript(seed: 1)
        let expected = "expected effects in a vector or another collection, but found"
        #expect(script.printed("(failure (perform-all (run note 1)))").contains("perform-all \(expected) a map"))
        #expect(script.printed("(failure (perform-all 5))").contains("perform-all \(expected) the number 5"))
        #expect(script.printed("(failure (submit! :a))").contains("submit! \(expected) the keyword :a"))
        #expect(script.printed("[@log (perform-all nil)]") == "[[] []]")
    }

    /// Parameters may have any keys: one that is yet to be computed is so when the map outgrows being looked through.
    @Test func parametersMayHaveStrangeKeys() throws {
        let script = try EffectScript(seed: 1)
        let eight = "(zipmap [(map inc [1]) 2 3 4 5 6 7 8] (range))"
        #expect(script.printed("(count (effect :x \(eight) {:priority 1}))") == "11")
        #expect(script.printed("(perform (run (fn [p] (get p (list 2))) \(eight)))") == "0")
        #expect(
            script.printed("(do (defeffect :odd [p] (count p)) (perform (effect :odd {(lazy-seq [1]) 1 [2] 2})))")
                == "2")
    }

    /// A key that joins the table needs its case above.
    @Test func everyKeyOfMetaHasItsMistake() {
        for row in EffectMeta.table + EffectMeta.retryTable + EffectMeta.backoffTable {
            #expect(Self.refused.contains { $0.program.contains(":\(row.key.rawValue) ") }, ":\(row.key.rawValue)")
        }
    }

    @Test func aCircleShowsItsPathAndNothingOfItRuns() throws {  // J19
        let script = try EffectScript(seed: 1)
        let batch = """
            [(run note 1 {:group :a :depends-on [:b]}) (run note 2 {:group :b :depends-on [:free :c]})
             (run note 3 {:group :c :depends-on [:a]}) (run note 4 {:group :free})]
            """
        let message = "groups depend on each other in a circle: :a → :b → :c → :a"
        #expect(script.printed("(failure (perform-all \(batch)))") == "\"\(message)\"")
        #expect(
            script.printed("(try (submit! \(batch)) (catch Exception e (select-keys (ex-data e) [:code :data])))")
                == "{:code \"dependency_cycle\", :data [:a :b :c :a]}")
        #expect(script.printed("@log") == "[]")
    }

    @Test func anUnknownGroupIsAnsweredWithTheNearest() throws {  // J19
        let script = try EffectScript(seed: 1)
        let batch = "[(run note 1 {:group :search}) (run note 2 {:group :show :depends-on [:serach]})]"
        let message =
            ":depends-on names the group :serach, which neither this batch nor an earlier one that is still retained has; did you mean :search?"
        #expect(script.printed("(failure (perform-all \(batch)))") == "\"\(message)\"")
        // Of an earlier batch as well.
        #expect(script.printed("(perform-all [(run note 1 {:group :search})])") == "[1]")
        #expect(script.printed("(failure (perform (run note 2 {:depends-on [:serach]})))") == "\"\(message)\"")
        #expect(script.printed("@log") == "[1]")
    }

    @Test func theFirstOfEqualIdsAnswersForAll() throws {  // P15, P16
        let script = try EffectScript(seed: 1)
        let twice = "[(assoc (run note 1) :effect/id :same) (assoc (run note 2) :effect/id :same)]"
        #expect(script.printed("(perform-all \(twice))") == "[1 1]")
        // It is retained, so it is not run again either.
        #expect(script.printed("[(perform (assoc (run note 3) :effect/id :same)) @log]") == "[1 [1]]")
    }

    // MARK: Handlers

    /// What a handler throws, and what is told of it.
    private static let thrown: [(program: String, code: String, message: String)] = [
        ("(throw 5)", "handler_failed", "throw expected an exception, but found the number 5"),
        ("(throw nil)", "handler_failed", "throw expected an exception, but found nil"),
        ("(throw :kw)", "handler_failed", "throw expected an exception, but found the keyword :kw"),
        ("(throw (clojure.core.async/chan))", "handler_failed", "throw expected an exception, but found a channel"),
        ("(throw (ex-info \"\" {}))", "handler_failed", ""),
        ("(throw (ex-info \"refused\" {:code \"no_luck\"}))", "no_luck", "refused"),
        // A code is a string.
        ("(throw (ex-info \"refused\" {:code 5}))", "handler_failed", "refused"),
        ("(throw (ex-info \"lazy\" {:all (range)}))", "handler_failed", "lazy"),
        ("(throw (ex-info \"closed over\" {:f inc :c (clojure.core.async/chan)}))", "handler_failed", "closed over"),
        ("(nth [] 3)", "handler_failed", "index 3 is out of bounds: there are no elements"),
        ("((fn f [n] (inc (f n))) 1)", "handler_failed", "the call stack is 100000 calls deep"),
    ]

    @Test(arguments: thrown.indices) func whatAHandlerThrowsIsItsError(_ index: Int) throws {  // P8–P12, P26
        let script = try EffectScript(seed: 1)
        let (program, code, message) = Self.thrown[index]
        let found = script.printed(
            """
            (require 'clojure.core.async)
            (defeffect :t/throws [_] \(program))
            (try (perform (effect :t/throws {})) (catch Exception e [(:code (ex-data e)) (ex-message e)]))
            """)
        #expect(found.hasPrefix("[\"\(code)\" \"\(message)"), "\(found)")
        // In a batch it is a value, and the others are not touched by it.
        let batch = """
            (let [[error one] (perform-all [(effect :t/throws {} {:mode :parallel}) (run inc 0 {:mode :parallel})])]
              [(:code (:error error)) one])
            """
        #expect(script.printed(batch) == "[\"\(code)\" 1]")
    }

    /// Results that are no data: they are handed on as they are, and what is lazy or endless is realised by nobody but who asks.
    @Test(
        arguments: [
            ("inc", "(RESULT 1)", "2"), ("(clojure.core.async/chan 1)", "(clojure.core.async/offer! RESULT 1)", "true"),
            ("(range)", "(take 3 RESULT)", "(0 1 2)"), ("(iterate inc 1)", "(take 3 RESULT)", "(1 2 3)"),
            ("(map (fn [n] (note n)) (range))", "[@log (first RESULT)]", "[[] 0]"),
            ("(map (fn [_] (throw (ex-info \"late\" {}))) [1])", "(failure (first RESULT))", "\"late\""),
            ("(cycle [1 2])", "(take 3 RESULT)", "(1 2 1)"),
            ("(reduce (fn [inner _] [inner]) nil (range 200000))", "(count RESULT)", "1"),
            ("(atom 1)", "@RESULT", "1"), ("nil", "RESULT", "nil"),
        ])
    func resultsNeedNotBeData(_ result: String, _ use: String, _ expected: String) throws {
        let script = try EffectScript()
        let program = """
            (require 'clojure.core.async)
            (defeffect :t/gives [_] \(result))
            (defeffect :t/asks [_] (perform (effect :t/gives {})))
            """
        _ = script.printed(program)
        for way in [
            "(perform (effect :t/gives {}))", "(perform (effect :t/asks {}))",
            "(first (perform-all [(effect :t/gives {})]))",
            "(outcome (submit! (effect :t/gives {})))",
            "(second (:x (:g (sluice.runtime/perform-groups [(effect :t/gives {:effect/id :x} {:group :g})] []))))",
        ] {
            let found = script.printed("(reset! log []) (let [result \(way)] \(use.replacing("RESULT", "result")))")
            #expect(found == expected, "\(way)")
        }
    }

    @Test func aHandlerOfTheHostThatAnswersTwiceIsHeardOnce() throws {  // P22: a late result emits nothing
        let script = try EffectScript { session in
            session.engine.define(
                EffectType(
                    name: session.instance.names.intern("t/twice"),
                    handler: ClosureHandler { request in
                        request.succeed(.int(1))
                        request.succeed(.int(2))
                        request.fail(EffectError(code: "late", "too late"))
                    }))
        }
        #expect(script.printed("[(perform (effect :t/twice {})) (perform-all [(effect :t/twice {})])]") == "[1 [1]]")
        let extra = script.session.events.recent().events.filter { $0.type == .effectExtraAnswer }
        #expect(extra.count == 4)
        #expect(script.session.engine.stats.done == 2 && script.session.engine.stats.failed == 0)
    }

    // MARK: Handlers that never return

    private static let endless = [
        "(loop [] (recur))", "(clojure.core.async/<! (clojure.core.async/chan))", "@(promise)", "(reduce + (range))",
        "(loop [] (try (clojure.core.async/<! (clojure.core.async/chan)) (finally nil)) (recur))",
    ]

    @Test(arguments: endless) func aHandlerThatNeverReturnsTimesOut(_ body: String) throws {  // P22
        let script = try EffectScript()
        let program = """
            (require 'clojure.core.async)
            (defeffect :t/endless [_] \(body))
            (failure (perform (effect :t/endless {} {:timeout-ms 100})))
            """
        #expect(script.printed(program) == "\"effect timeout after 100ms\"")
        // Its slot is free, and so is whoever comes next.
        let another =
            "(configure {:effects {:max-inflight 1}}) (failure (perform (effect :t/endless {} {:timeout-ms 50}))) (perform (run inc 1))"
        #expect(script.printed(another) == "2")
    }

    /// More of them than there are threads, none of which looks at anything else.
    @Test func handlersThatHoldEveryThreadTimeOut() throws {  // P22
        let script = try EffectScript()
        let program = """
            (configure {:effects {:max-inflight 64}})
            (defeffect :t/endless [_] (reduce + (range)))
            (map (fn [result] (:message (:error result)))
                 (perform-all (repeatedly 20 (fn [] (effect :t/endless {} {:mode :parallel :timeout-ms 100})))))
            """
        #expect(script.printed("(set (do \(program)))") == "#{\"effect timeout after 100ms\"}")
    }

    @Test(arguments: endless) func aHandlerThatNeverReturnsEndsWithTheRun(_ body: String) throws {  // D23
        let script = try EffectScript()
        _ = try script.session.evaluate(
            """
            (require 'clojure.core.async)
            (def begun (promise))
            (defeffect :t/endless [_] (deliver begun true) \(body))
            (defworker :slow {:kind :ticker :interval-ms 1} [_ _] (perform (effect :t/endless {} {:timeout-ms nil})))
            (defworker :ends {:kind :ticker :interval-ms 1} [_ _] @begun nil)
            """
        ).get()
        let run = try Run(script.session, once: false)
        let events = script.session.events.subscribe(capacity: 4096)
        _ = startThread {
            // Until the handler runs.
            while !events.take().events.contains(where: { $0.type == .effectStarted }) { sched_yield() }
            run.stop(graceMs: 50)
        }
        run.run()
        let engine = script.session.engine
        #expect(engine.stats.running == 0 && engine.stats.cancelled == 1, "\(engine.stats)")
    }

    /// Nothing is left that could end the wait: said instead of waited for. An engine with no time limit of its own.
    @Test func aHandlerThatNothingCanEndIsNotWaitedForForEver() throws {
        let script = try EffectScript(seed: 1)
        let program = """
            (configure {:effects {:timeout-ms nil}})
            (defeffect :t/stuck [_] @(promise))
            (failure (perform (effect :t/stuck {})))
            """
        #expect(script.printed(program).hasPrefix("\"waits for ever: no other fiber, timer, effect or source is left"))
    }

    // MARK: Very many

    @Test func aHundredThousandEffectsAtOnce() throws {  // N5, P20
        let script = try EffectScript()
        let program = """
            (configure {:effects {:max-inflight 100 :timeout-ms nil}})
            (let [results (perform-all (map (fn [n] (run inc n {:mode :parallel})) (range 100000)))]
              [(count results) (reduce + results)])
            """
        // The sum of 1…100,000.
        #expect(script.printed(program) == "[100000 5000050000]")
        let stats = script.session.engine.stats
        #expect(stats.submitted == 100_000 && stats.started == 100_000 && stats.done == 100_000)
        // P24
        #expect(script.session.engine.views().count <= 500)
    }

    @Test func aChainOfGroupsOfAnyLengthEndsInOrder() throws {  // J19, N5
        let script = try EffectScript(seed: 1)
        let program = """
            (configure {:effects {:timeout-ms nil}})
            (perform-all (map (fn [n] (run note n (if (zero? n) {:group 0} {:group n :depends-on [(dec n)]}))) (range 5000)))
            (= @log (range 5000))
            """
        #expect(script.printed(program) == "true")
    }

    /// Effects whose handlers submit effects, for ever: each handler ends, so the chain is no recursion.
    private static let breeding = """
        (def count-of (atom 0))
        (defeffect :t/breed [{:keys [n]}]
          (swap! count-of inc)
          (submit! (effect :t/breed {:n (inc n)} {:mode :parallel}))
          (perform (effect :t/breed {:n (inc n)} {:mode :parallel})))
        """

    @Test func effectsThatSubmitEffectsForEverEndWithTheMemoryBudget() throws {  // N6
        let script = try EffectScript(memory: 12 << 20)
        let found = script.printed(Self.breeding + "(perform (effect :t/breed {:n 0} {:timeout-ms nil}))")
        #expect(found == "the memory budget ran out")
    }

    @Test func effectsThatSubmitEffectsForEverCanBeStopped() throws {  // D23, N6
        let script = try EffectScript()
        _ = try script.session.evaluate(Self.breeding).get()
        let session = script.session
        _ = startThread {
            while session.engine.stats.started < 2_000 { sched_yield() }
            session.interrupt()
        }
        let result = session.evaluate("(perform (effect :t/breed {:n 0} {:timeout-ms nil}))")
        guard case .failure(.cancelled) = result else {
            Issue.record(
                "it was not interrupted: \(result.mapError { TitledFault(title: Report.diagnostic($0).title) })")
            return
        }
        // All of the family went with it.
        let deadline = MonotonicClock.nowMs + 60_000
        while session.engine.stats.running + session.engine.stats.queued > 0, MonotonicClock.nowMs < deadline {
            usleep(1_000)
        }
        let stats = session.engine.stats
        #expect(stats.running == 0 && stats.queued == 0)
        #expect(stats.submitted == stats.done + stats.failed + stats.cancelled + stats.skipped)
        #expect(script.printed("(perform (run inc 1))") == "2")
    }

    /// A world that asks for one more effect whenever one has ended: it goes on for as long as it may, in the memory that it began
    /// with.
    @Test func aChainWithoutEndTakesNoMemory() throws {  // P24
        let script = try EffectScript(seed: 1, memory: 48 << 20)
        let program = """
            (configure {:effects {:timeout-ms nil}})
            (defeffect :t/next [{:keys [n]}] n)
            (loop [n 0] (when (< n 6000) (perform (effect :t/next {:n n :text (format "%16000d" n)})) (recur (inc n))))
            """
        #expect(script.printed(program) == "nil")
        #expect(script.session.engine.views().count <= 500)
    }
}

extension String {
    /// As it is printed between quotes.
    fileprivate var escaped: String { replacing("\"", "\\\"") }

    fileprivate func replacing(_ part: String, _ other: String) -> String {
        split(separator: part, omittingEmptySubsequences: false).joined(separator: other)
    }
}

private struct TitledFault: Error { let title: String }
