import Engine
import Foundation
import Machine
import Reader
import Runtime
import Sluice
import Store
import Synchronization
import TestSupport
import Testing
import Values

/// Processes as scripts have them (L27–L41, P25), on threads and under virtual time.
@Suite struct ProcessScriptTests {
    private static let prelude = """
        (def log (atom []))
        (defn note [x] (swap! log conj x) x)
        (defmacro refusal [form]
          (list 'try form '(catch Exception e [(:code (ex-data e)) (ex-message e)])))
        (defn work [ms x] (time/sleep ms) x)
        (defn endless [name] (try (time/sleep 100000000) (finally (note [name :left]))))
        (defn id-of [run args] (:id (process/start run args)))
        """

    /// The readable value of a program, or the title of what ended it.
    private func value(_ program: String, seed: UInt64?) -> String {
        var options = SessionOptions(grants: Capabilities(workingDirectory: "/"))
        options.seed = seed
        let session = Session(options)
        defer { session.shutDown() }
        switch session.evaluate(Self.prelude + program).flatMap({ session.printed($0) }) {
        case .success(let text): return text
        case .failure(let fault): return Report.diagnostic(fault).title
        }
    }

    struct Case: CustomTestStringConvertible, Sendable {
        let name: String
        let program: String
        let value: String
        var testDescription: String { name }

        init(_ name: String, _ program: String, _ value: String) {
            (self.name, self.program, self.value) = (name, program, value)
        }
    }

    static let work: [Case] = [
        Case(
            "a symbol, a var and an effect type can be run",
            "(map process/await [(id-of 'clojure.core/+ [1 2]) (id-of #'work [1 :x]) (id-of :time/sleep [{:ms 1}])])",
            "(3 :x nil)"),
        Case(
            "what it is to run is data", "(:input (process/start #'work [1 #'work] {:id \"a\"}))",
            "{:run user/work, :args [1 user/work]}"),
        Case("an id is made when it is missing", "(count (distinct [(id-of #'work [1 1]) (id-of #'work [1 1])]))", "2"),
        Case(
            "starting again is not starting twice",
            """
            (defn once [] (note :once) (time/sleep 5))
            (process/start `once [] {:id "a"})
            (process/start `once [] {:id "a"})
            (process/await "a")
            [(:status (process/start `once [] {:id "a"})) @log]
            """, "[:done [:once]]"),
        Case(
            "an id with another input is an error",
            "(process/start #'work [1 1] {:id \"a\"}) (first (refusal (process/start #'work [1 2] {:id \"a\"})))",
            "\"process_conflict\""),
        Case(
            "everybody who awaits hears the same, once",
            """
            (def id (id-of #'work [20 :x]))
            (def all (mapv (fn [_] (future (note (process/await id)))) (range 3)))
            [(mapv deref all) (process/await id) @log]
            """, "[[:x :x :x] :x [:x :x :x]]"),
        Case(
            "a failure is an error with its own code",
            """
            (defn fails [data] (throw (ex-info "no luck" data)))
            [(refusal (process/await (id-of `fails [{:code "mine"}]))) (refusal (process/await (id-of `fails [{}])))]
            """, "[[\"mine\" \"no luck\"] [\"handler_failed\" \"no luck\"]]"),
        Case(
            "a row says what it came to",
            """
            (defn fails [] (throw (ex-info "no luck" {:code "mine"})))
            (process/start #'work [1 2] {:id "a"}) (process/start `fails [] {:id "b"})
            (process/start #'endless [1] {:id "c"}) (process/cancel "c" "enough")
            (run! #(refusal (process/await %)) ["a" "b" "c"])
            (map #(select-keys % [:id :status :output :error :reason]) (process/list nil :all))
            """,
            "({:id \"a\", :status :done, :output 2} {:id \"b\", :status :failed, :error {:code \"mine\", :message \"no luck\", :data {:code \"mine\"}}} {:id \"c\", :status :cancelled, :reason \"enough\"})"
        ),
        Case(
            "an error keeps its data",
            """
            (defn fails [data] (throw (ex-info "no luck" data)))
            (def id (id-of `fails [{:tries 3, :at {:page [1 2]}, "k" #{:a}}]))
            [(try (process/await id) (catch Exception e (:data (ex-data e))))
             (:error (first (process/list nil :all)))]
            """,
            """
            [{:tries 3, :at {:page [1 2]}, "k" #{:a}} \
            {:code "handler_failed", :message "no luck", :data {:tries 3, :at {:page [1 2]}, "k" #{:a}}}]
            """),
        Case(
            "what is no data in it is left out",
            """
            (defn fails [] (throw (ex-info "no luck" {:f inc, :n 1, :all (map inc (range)), :in [{:g (atom 1)}], :m nil})))
            (defn wholly [] (throw (ex-info "no luck" {:f inc})))
            [(try (process/await (id-of `fails [])) (catch Exception e (:data (ex-data e))))
             (try (process/await (id-of `wholly [])) (catch Exception e (contains? (ex-data e) :data)))]
            """, "[{:n 1, :m nil} false]"),
        Case(
            "and what would be too much",
            """
            (defn text [n] (apply str (repeat n \\x)))
            (defn fails [] (throw (ex-info "no luck" {:a (text 40000), :b (text 40000), :c (text 20000), :d 4})))
            (try (process/await (id-of `fails []))
                 (catch Exception e (update-vals (:data (ex-data e)) (fn [v] (if (string? v) (count v) v)))))
            """, "{:a 40000, :c 20000, :d 4}"),
        Case(
            "a result that is lazy is realised", "(defn lazy [] (map inc [1 2])) (process/await (id-of `lazy []))",
            "(2 3)"),
        Case(
            "a result that is no data fails",
            "(defn closes [] (fn [])) (first (refusal (process/await (id-of `closes []))))", "\"shape_mismatch\""),
        Case(
            "it knows its id, and so does what it starts",
            """
            (defn who [] [(process/self) @(future (process/self)) (perform (run (fn [_] (process/self))))])
            (process/start `who [] {:id "me"})
            [(process/await "me") (process/self)]
            """, "[[\"me\" \"me\" \"me\"] nil]"),
        Case(
            "what it has left behind ends with it",
            """
            (defn leaves [] (future (endless :child)) (time/sleep 1) :over)
            (def over (process/await (id-of `leaves [])))
            (loop [n 0] (when (and (empty? @log) (< n 2000)) (time/sleep 1) (recur (inc n))))
            [over @log]
            """, "[:over [[:child :left]]]"),
        Case(
            "a process that one starts is not its own",
            """
            (defn starts [] (process/start #'work [50 :late] {:id "late"}) :over)
            [(process/await (id-of `starts [])) (process/await "late")]
            """, "[:over :late]"),
    ]

    static let steering: [Case] = [
        Case(
            "cancelling while it runs runs its finally",  // L39
            """
            (def id (id-of #'endless [:a]))
            (time/sleep 5)
            (def row (process/cancel id "enough"))
            [(:status row) (refusal (process/await id)) @log (:status (process/cancel id))]
            """,
            "[:running [\"process_cancelled\" \"the process was cancelled: enough\"] [[:a :left]] :cancelled]"),
        Case(
            "a finally may wait",
            """
            (defn tidies [] (try (time/sleep 100000) (finally (time/sleep 5) (note @(future :tidy)))))
            (def id (id-of `tidies []))
            (time/sleep 1)
            (process/cancel id)
            [(refusal (process/await id)) @log]
            """, "[[\"process_cancelled\" \"the process was cancelled\"] [:tidy]]"),
        Case(
            "signals are events, which past ones are, too",  // L27–L30, L40
            """
            (defn asks [] [(process/event (process/self) :go) (process/event (process/self) :go 2)])
            (process/start `asks [] {:id "a"})
            (def sent [(process/signal "a" :go 1) (process/signal "a" "other") (process/signal "a" "go" {:n 2})])
            [(map :sequence sent) (:type (first sent)) (process/await "a")]
            """, "[(1 2 3) \"go\" [1 {:n 2}]]"),
        Case(
            "an event that no longer comes is an error",
            """
            (def id (id-of #'work [20 1]))
            [(refusal (process/event id :go)) (refusal (process/signal id :go))]
            """,
            "[[\"process_ended\" \"process `ID` has ended (done) and had 0 events of type `go`; none will follow\"] [\"process_ended\" \"process `ID` has ended (done) and takes no signal\"]]"
        ),
        Case(
            "a wait for an event can be cancelled",
            """
            (def id (id-of #'endless [1]))
            (def waits (submit! (effect :process/event {:id id :type :go})))
            (time/sleep 1)
            (cancel! {:id waits})
            (first (refusal (outcome waits)))
            """, "\"cancelled\""),
        Case(
            "waiting takes no slot and no time limit",  // P18, P19
            """
            (configure {:effects {:max-inflight 1 :timeout-ms 10}})
            (def id (id-of #'endless [1]))
            (def all (submit! (repeatedly 3 #(effect :process/await {:id id}))))
            (Thread/sleep 50)
            (def worked (perform (run inc 1)))
            (process/cancel id)
            [worked (map #(first (refusal (outcome %))) all)]
            """, "[2 (\"process_cancelled\" \"process_cancelled\" \"process_cancelled\")]"),
    ]

    static let sessions: [Case] = [
        Case(
            "a session lists what it was granted",  // L31–L34
            """
            (process/start #'work [50 1] {:id "a" :session "s" :descriptor {:why "x"}})
            (process/start #'work [0 2] {:id "b" :session "s"})
            (process/start #'work [50 3] {:id "c" :session "t"})
            (process/start #'work [50 4] {:id "d"})
            (process/await "b")
            (defn ids [& more] (map :id (apply process/list more)))
            [(ids "s") (ids "s" :all) (ids "t") (ids) (:descriptor (first (process/list "s")))]
            """, "[(\"a\") (\"a\" \"b\") (\"c\") (\"a\" \"c\" \"d\") {:why \"x\"}]"),
        Case(
            "a transfer moves all or nothing",  // L35
            """
            (process/start #'work [50 1] {:id "a" :session "s" :descriptor 1})
            (process/start #'work [50 2] {:id "b" :session "s"})
            (def wrong (first (refusal (process/transfer "s" "t" ["b" "c"]))))
            (process/transfer "s" "t" ["a"])
            [wrong (map :id (process/list "s")) (map (juxt :id :descriptor) (process/list "t"))
             (first (refusal (process/transfer "s" "t" ["a"])))]
            """, "[\"plugin\" (\"b\") ([\"a\" 1]) \"process_not_granted\"]"),
        Case(
            "deleting a session cancels what nobody else has",  // L36, L37
            """
            (process/start #'endless [:own] {:id "own" :session "s"})
            (process/start #'endless [:shared] {:id "shared" :session "s"})
            (process/start #'endless [:shared] {:id "shared" :session "t"})
            (process/start #'work [0 1] {:id "over" :session "s"})
            (process/await "over")
            (def report (process/delete-session "s"))
            [report (refusal (process/await "own")) @log (process/list "s" :all) (map :id (process/list "t"))]
            """,
            "[{:session \"s\", :released [\"own\" \"shared\" \"over\"], :cancelled [\"own\"]} [\"process_cancelled\" \"the process was cancelled: session `s` was deleted\"] [[:own :left]] [] (\"shared\")]"
        ),
        Case(
            "the effects take what the functions do",
            """
            [(:id (perform (effect :process/start {:run #'work :args [0 5] :id "a" :session "s"})))
             (perform (effect :process/await {:id "a"}))
             (map :id (perform (effect :process/list {:session "s" :mode :all})))
             (perform (effect :process/delete-session {:session "s"}))]
            """, "[\"a\" 5 (\"a\") {:session \"s\", :released [\"a\"], :cancelled []}]"),
    ]

    @Test(arguments: work + steering + sessions, [nil, 1, 2]) func scriptsHaveProcesses(_ one: Case, _ seed: UInt64?) {
        var found = value(one.program, seed: seed)
        if one.value.contains("`ID`") { found.replace(#/`[0-9a-f-]{36}`/#, with: "`ID`") }
        #expect(found == one.value)
    }

    /// Whoever does it wrong is told what is wrong and what to do (N4).
    static let mistakes: [(String, String)] = [
        ("(process/start 'user/wrok [1])", "invalid_effect: user has no function wrok (yet); did you mean user/work?"),
        (
            "(process/start 'usr/work [1])",
            "invalid_effect: there is no function usr/work, for no namespace usr was found; did you mean user/work?"
        ),
        (
            "(process/start 'work [1])",
            "invalid_effect: the :run of a process must name its namespace, but it is work; write `work or the var #'work"
        ),
        (
            "(process/start 'user/log [1])",
            "invalid_effect: the :run of a process must name a function, but user/log is #atom[[]]"
        ),
        (
            "(process/start work [1])",
            "invalid_effect: the :run of :process/start must be the qualified symbol or the var of a function, or an effect type, so that it outlives the run, but it is #<fn"
        ),
        (
            "(process/start :time/slep [{:ms 1}])",
            "invalid_effect: unknown effect type: :time/slep; did you mean :time/sleep?"
        ),
        (
            "(process/start #'work [1] {:sesion \"s\"})",
            "invalid_effect: :process/start has no parameter :sesion; did you mean :session?"
        ),
        (
            "(process/start #'work [1] {:bogus 1})",
            "invalid_effect: :process/start has no parameter :bogus; it takes :run :args :id :session :descriptor"
        ),
        ("(process/start #'work [inc])", "shape_mismatch: the arguments of a process must be data, but in it is #<fn"),
        (
            "(perform (effect :process/start {:run #'work :args [1 [inc]]}))",
            "invalid_effect: the :args of :process/start must be data, but in it is a function; name it by its qualified symbol"
        ),
        (
            "(perform (effect :process/start {:run #'work :args [(map inc [1])]}))",
            "invalid_effect: the :args of :process/start must be data, but in it is a lazy sequence; realise it with vec"
        ),
        (
            "(process/start #'work [1] {:id \" \"})",
            "missing_effect_scope_id: effect scopes require non-empty stable ids"
        ),
        ("(process/delete-session \"\")", "missing_effect_scope_id: effect scopes require non-empty stable ids"),
        (
            "(process/start #'work [1] {:session \"\"})",
            "invalid_effect: the :session of :process/start is blank; name a session"
        ),
        (
            "(process/list \"s\" :dead)",
            "invalid_effect: the :mode of :process/list must be :live or :all, but it is :dead"
        ),
        ("(process/await \"nobody\")", "plugin: unknown process `nobody`"),
        (
            "(process/start #'work [1 1] {:id \"mapper\"}) (process/cancel \"maper\")",
            "plugin: unknown process `maper`; did you mean `mapper`?"
        ),
        ("(process/signal \"nobody\" :go)", "plugin: unknown process `nobody`"),
        ("(process/event \"nobody\" :go)", "plugin: unknown process `nobody`"),
        (
            "(process/event (id-of #'work [1 1]) :go 0)",
            "runtime_effect_await_event_invalid_ordinal: event ordinal must be one-based"
        ),
        (
            "(process/signal (id-of #'work [1 1]) \"process.cancel_requested\")",
            "invalid_effect: events whose type begins with process. are the registry's own; use :process/cancel to end a process, or another type"
        ),
        (
            "(process/signal (id-of #'work [1 1]) 7)",
            "invalid_effect: the :type of :process/signal must be a keyword or a string, but it is 7"
        ),
        (
            "(process/signal (id-of #'work [1 1]) :go inc)",
            "invalid_effect: the :payload of :process/signal must be data, but in it is a function; name it by its qualified symbol"
        ),
        (
            "(process/transfer \"s\" \"t\" [1])",
            "invalid_effect: the :ids of :process/transfer must be the ids of processes, which are strings, but it is [1]"
        ),
        (
            "(process/await 7)",
            "invalid_effect: the parameter :id of :process/await must be a string, but it is 7"
        ),
    ]

    @Test(arguments: mistakes) func mistakesAreExplained(_ program: String, _ told: String) {
        let found = value("(let [[code text] (refusal (do \(program)))] (str code \": \" text))", seed: 1)
        #expect(found.hasPrefix("\"" + told.replacing("\"", with: "\\\"")), "\(found)")
    }

    // L39: one that nobody has begun is cancelled before its first step.
    @Test func cancelledBeforeItBegins() {
        let program = """
            (defn begins [] (note :begun))
            (process/cancel (:id (process/start `begins [] {:id "a"})) "never mind")
            [(refusal (process/await "a")) @log]
            """
        // On one thread, which the script holds from the start of the process to its cancellation.
        let expected = "[[\"process_cancelled\" \"the process was cancelled: never mind\"] []]"
        #expect((1...20).contains { value(program, seed: UInt64($0)) == expected })
    }

    // A wait that nothing can end is one, renewal or not (L41).
    @Test(arguments: [nil, 1] as [UInt64?]) func aLeaseKeepsNoWaitAlive(_ seed: UInt64?) {
        let program = "(defn waits [] (process/event (process/self) :go)) (process/await (id-of `waits []))"
        #expect(value(program, seed: seed).hasPrefix("waits for ever"))
    }

    // L41: a day is many leases, and its work is done once.
    @Test func aLongProcessKeepsItsLease() {
        let program = """
            (defn day [] (note :begun) (time/sleep 86400000) :over)
            [(process/await (id-of `day [])) @log]
            """
        #expect(value(program, seed: 1) == "[:over [:begun]]")
    }

    // L41: a runner whose machine slept finds its own rows left, and goes on with them rather than beginning again.
    @Test func aLateRunnerGoesOnWithItsOwn() throws {
        let (session, input) = try registered("(defn once [] (note :begun) (time/sleep 5) (note :over)) `once")
        defer { session.shutDown() }
        // The registry's time is the test's, while the scheduler's hardly passes.
        let clock = VirtualClock()
        let registry = MemoryProcessRegistry(clock: clock)
        let runner = runner(session, registry)
        registry.execute(.start(ProcessRegistration(id: "a", input: input), grant: nil)) { _ in }
        runner.begin()
        defer { runner.end() }
        _ = try session.evaluate("(time/sleep 1)").get()
        clock.advance(byMs: 1_000)
        registry.execute(.start(ProcessRegistration(id: "b", input: input), grant: nil)) { _ in }
        _ = try session.evaluate("(time/sleep 100)").get()
        #expect(try session.printed(session.evaluate("@log").get()).get() == "[:begun :begun :over :over]")
        let ended = Told<String>()
        registry.execute(.await("a")) { result in if case .success(.await(.done)) = result { ended.tell("done") } }
        #expect(ended.all == ["done"])
    }

    /// A session under virtual time, and the input of a process that calls the function which a program names.
    private func registered(_ program: String) throws -> (Session, Value) {
        var options = SessionOptions(grants: Capabilities(workingDirectory: "/"))
        options.seed = 1
        let session = Session(options)
        let text = "\(Self.prelude) (require 'sluice.process) sluice.process/execute {:run (do \(program)) :args []}"
        return (session, try session.evaluate(text).get())
    }

    /// A runner with short leases, which executes what is in the session already.
    private func runner(_ session: Session, _ registry: any ProcessRegistry) -> ProcessWorkRunner {
        let instance = session.instance
        return ProcessWorkRunner(session.runtime, registry, name: "own", leaseMs: 30) { (name) throws(Fault) in
            let space = instance.findNamespace(instance.names.intern(nil, name.namespace ?? ""))
            return .object(space!.find(instance.names.intern(nil, name.name))!)
        }
    }

    // L41: who has lost the lease stops.
    @Test func whoLosesTheLeaseStops() throws {
        let (session, input) = try registered("(defn stays [] (endless :slow)) `stays")
        defer { session.shutDown() }
        let registry = Faithless(MemoryProcessRegistry(clock: session.runtime.clock))
        let runner = runner(session, registry)
        registry.execute(.start(ProcessRegistration(id: "a", input: input), grant: nil)) { _ in }
        runner.begin()
        defer { runner.end() }
        _ = try session.evaluate("(time/sleep 9)").get()
        #expect(try session.printed(session.evaluate("@log").get()).get() == "[]")
        _ = try session.evaluate("(time/sleep 5)").get()
        #expect(try session.printed(session.evaluate("@log").get()).get() == "[[:slow :left]]")
    }

    // P1: as many as of effects.
    @Test func asManyAreKeptAsIsConfigured() {
        let program = """
            (configure {:effects {:retain-completed 2}})
            (run! #(process/await (id-of #'work [% %])) [1 2 3])
            (map :output (process/list nil :all))
            """
        #expect(value(program, seed: 1) == "(2 3)")
    }

    /// What a program leaves in the stream about processes: type, path and payload.
    private func told(_ program: String) throws -> [String] {
        var options = SessionOptions(grants: Capabilities(workingDirectory: "/"))
        options.seed = 1
        let session = Session(options)
        let reader = session.events.subscribe()
        _ = try session.evaluate(Self.prelude + program).get()
        session.shutDown()
        return try reader.take().events.compactMap { event -> String? in
            guard event.type.rawValue.hasPrefix("process.") else { return nil }
            var fields = HashMap()
            if case .map(let map) = event.payload { fields = map }
            // Ordinals of the fibers of top-level forms are of no interest here.
            for key in [KnownName.parent, .effectID] {
                guard let path = try fields.find(.kw(key))?.stringValue else { continue }
                let steps = path.split(separator: "/")
                try HashMap.set(&fields, .kw(key), .string("\(steps.dropLast().last ?? "") \(steps.last ?? "")"))
            }
            return "\(event.type.rawValue) \(event.identity.path) \(try Printer.readable(.map(fields)))"
                .replacingOccurrences(of: "fiber:[0-9]+", with: "fiber", options: .regularExpression)
        }
    }

    // What happens to a process is told as everything is: who began it, what it came to and who heard of that, in this order.
    @Test func processesAreInTheStream() throws {
        let cancelled = try told(
            """
            (process/start #'endless [1] {:id "a"}) (time/sleep 1)
            (process/cancel "a" "enough") (refusal (process/await "a"))
            """)
        #expect(
            cancelled == [
                "process.started run/process:a#0 {:id \"a\", :input {:run user/endless, :args [1]}, :parent \"fiber effect:0\"}",
                "process.ended run/process:a#0 {:id \"a\", :status :cancelled, :reason \"enough\"}",
                "process.awaited run/process:a#0 {:id \"a\", :effect-id \"fiber effect:0\"}",
            ])
        let handedOn = try told(
            """
            (defn fails [] (time/sleep 5) (throw (ex-info "no luck" {:n 1})))
            (defn starts [] (process/start `fails [] {:id "b" :session "ada"}) (refusal (process/await "b")) nil)
            (process/start `starts [] {:id "a"})
            (time/sleep 1)
            (refusal (process/transfer "ada" "bob" ["b" "c"]))
            (process/transfer "ada" "bob" ["b"])
            (process/await "a")
            """)
        #expect(
            handedOn == [
                "process.started run/process:a#0 {:id \"a\", :input {:run user/starts, :args []}, :parent \"fiber effect:0\"}",
                "process.started run/process:b#0 {:id \"b\", :input {:run user/fails, :args []}, :parent \"process:a#0 effect:0\"}",
                "process.transferred run/process:b#0 {:id \"b\", :from \"ada\", :to \"bob\"}",
                "process.ended run/process:b#0 {:id \"b\", :status :failed, :error {:code \"handler_failed\", :message \"no luck\", :data {:n 1}}}",
                "process.awaited run/process:b#0 {:id \"b\", :effect-id \"process:a#0 effect:1\"}",
                "process.ended run/process:a#0 {:id \"a\", :status :done}",
                "process.awaited run/process:a#0 {:id \"a\", :effect-id \"fiber effect:0\"}",
            ])
    }

    // P25, N4: what is known when a script is checked.
    @Test func theEffectsHaveTypes() {
        let session = Session(SessionOptions(grants: Capabilities(workingDirectory: "/")))
        defer { session.shutDown() }
        let types = session.engine.typeNames.map(\.description).filter { $0.hasPrefix("process/") }
        #expect(
            types == [
                "process/await", "process/cancel", "process/delete-session", "process/event", "process/list",
                "process/signal", "process/start", "process/transfer",
            ])
    }
}

/// A registry that gives every lease to somebody else before it is renewed.
private struct Faithless: ProcessRegistry {
    let base: any ProcessRegistry
    init(_ base: any ProcessRegistry) { self.base = base }
    var durability: DurabilityTier { base.durability }

    @discardableResult
    func execute(_ command: ProcessCommand, _ done: @escaping Answer<ProcessOutcome>) -> @Sendable () -> Void {
        base.execute(command, done)
    }
    func event(
        _ ordinal: Int, of process: String, type: String, _ done: @escaping Answer<ProcessEvent>
    ) -> @Sendable () -> Void {
        base.event(ordinal, of: process, type: type, done)
    }
    func claim(_ runner: String, leaseMs: Int64, _ done: @escaping Answer<[ProcessWork]>) {
        base.claim(runner, leaseMs: leaseMs, done)
    }
    func renew(_ lease: ProcessLease, leaseMs: Int64, _ done: @escaping Answer<Void>) {
        done(.failure(.processLeaseLost(lease)))
    }
    func finish(_ lease: ProcessLease, _ end: ProcessEnd, _ done: @escaping Answer<ProcessRecord>) {
        base.finish(lease, end, done)
    }
    func onWork(_ body: @escaping @Sendable () -> Void) -> @Sendable () -> Void { base.onWork(body) }
}
