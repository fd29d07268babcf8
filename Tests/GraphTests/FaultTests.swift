import Graph
import Machine
import Testing
import Values

/// One planted fault: a text, and what the checker must say about it.
struct PlantedFault: CustomTestStringConvertible, Sendable {
    enum Form: Sendable { case forms, data }

    let code: FindingCode
    let form: Form
    let text: String
    let title: String
    /// The text its caret stands under; nil when there is no place.
    let place: String?
    let hint: String?

    init(_ code: FindingCode, _ text: String, _ title: String, at place: String?, hint: String? = nil) {
        self.init(code, .forms, text, title, at: place, hint: hint)
    }

    init(_ code: FindingCode, _ form: Form, _ text: String, _ title: String, at place: String?, hint: String? = nil) {
        self.code = code
        self.form = form
        self.text = text
        self.title = title
        self.place = place
        self.hint = hint
    }

    var testDescription: String { "\(code.rawValue): \(text)" }
}

/// G2: every kind of fault is found where it stands, and nothing else is said.
struct FaultTests {
    /// Channels that make a worker complete: `:in` is written by commands, `:out` is read by another worker.
    private static let keys: [PlantedFault] = [
        PlantedFault(
            .unknownKey, "(defchannel :a {:bufer 8}) (go #{:a})", "a channel has no key `:bufer`", at: ":bufer",
            hint: "did you mean `:buffer`?"),
        PlantedFault(
            .unknownKey, "(defworker :w {:in :a :out-chan :a :expose? true} [ctx m] m) (defchannel :a)",
            "a worker has no key `:out-chan`", at: ":out-chan", hint: "did you mean `:output-chan`?"),
        PlantedFault(
            .unknownKey, "(configure {:effects {:max-infligt 4}})", "`:effects` has no key `:max-infligt`",
            at: ":max-infligt",
            hint: "did you mean `:max-inflight`?"),
        PlantedFault(
            .unknownKey, "(needs {:reed [\"a\"]})", "needs has no key `:reed`", at: ":reed",
            hint: "did you mean `:read`?"),
        PlantedFault(
            .unknownKey, "(defmeta :m {:retry {:backoff {:base 5}}})", "`:backoff` has no key `:base`", at: ":base"),
        PlantedFault(
            .unknownKey, "(defeffect :e {:parms {}} [p] p)", "an effect has no key `:parms`", at: ":parms",
            hint: "did you mean `:params`?"),
        PlantedFault(
            .unknownKey, .data, "{:chanels {}}", "a graph has no key `:chanels`", at: ":chanels",
            hint: "did you mean `:channels`?"),
        PlantedFault(
            .unknownKey, .data, "{:phases {:p [{:group :a :grup 1 :effects []}]}}", "a phase has no key `:grup`",
            at: ":grup",
            hint: "did you mean `:group`?"),
        PlantedFault(
            .wrongType, "(defchannel :a {:buffer \"8\"}) (go :a)",
            "`:buffer` must be a whole number from 0 to 16777216, but it is the string \"8\"", at: "\"8\""),
        PlantedFault(
            .wrongType, "(defworker :w {:in \"a\"} [ctx m] m)",
            "`:in` must be the keyword of a declared channel, but it is the string \"a\"", at: "\"a\""),
        PlantedFault(
            .wrongType, "(defworker :w {:in :a :expose? true :parallel 2.5} [c m] m) (defchannel :a)",
            "`:parallel` must be a whole number from 1 to 10000, but it is the number 2.5", at: "2.5"),
        PlantedFault(
            .wrongType, "(defworker :w {:in :a :expose? :yes} [c m] m) (defchannel :a)",
            "`:expose?` must be true or false, but it is the keyword :yes", at: ":yes"),
        PlantedFault(
            .wrongType, "(needs {:read \"notes\"})",
            "`:read` must be a vector of strings, or true for all, but it is the string \"notes\"", at: "\"notes\""),
        PlantedFault(
            .wrongType, "(needs {:env [\"HOME\" :path]})",
            "`:env` must be a vector of strings, or true for all, but one of them is the keyword :path", at: ":path"),
        PlantedFault(
            .wrongType, .data, "{:meta {:a 5}}", "the options of meta :a must be a map, but they are the number 5",
            at: "5"),
        PlantedFault(
            .wrongType, .data, "{:channels [:a]}", ":channels must be a map, but it is the vector [:a]", at: "[:a]"),
        PlantedFault(
            .wrongType, .data, "{:channels {\"a\" {}}}",
            "the name of a channel must be a keyword, but it is the string \"a\"", at: "\"a\""),
        PlantedFault(
            .wrongType, .data, "[:channels]", "a graph must be a map, but this is the vector [:channels]", at: nil),
        PlantedFault(
            .wrongType, .data, "{:phases {:p [{:group :a :effects [{:type :x}]}]}}",
            "an effect of plan :p must be a map with an `:effect/type`, but it is the map {:type :x}", at: "{:type :x}"),
        PlantedFault(
            .wrongType, "(defworker :w {:in :a :expose? true :worker-fn 42}) (defchannel :a)",
            "`:worker-fn` must be a function, or the qualified name of one, but it is the number 42", at: "42"),
        PlantedFault(
            .outOfRange, "(defchannel :a {:buffer -1}) (go :a)",
            "`:buffer` must be a whole number from 0 to 16777216, but it is the number -1", at: "-1"),
        PlantedFault(
            .outOfRange, "(defmeta :m {:priority 101})",
            "`:priority` must be a whole number from 0 to 100, but it is the number 101", at: "101"),  // J4
        PlantedFault(
            .outOfRange, "(defmeta :m {:order -1})",
            "`:order` must be a whole number of at least 0, but it is the number -1", at: "-1"),
        PlantedFault(
            .outOfRange, "(configure {:tick-ms 0})",
            "`:tick-ms` must be a whole number from 1 to 86400000, but it is the number 0", at: "0"),
        PlantedFault(
            .outOfRange, "(defworker :t {:kind :ticker :cron \"often\"} [c n] n)",
            "`:cron` must be a cron expression, such as \"*/5 * * * *\", but it is the string \"often\"",
            at: "\"often\""),
        PlantedFault(
            .notAChoice, "(defchannel :a {:buffer 4 :buffer-type :slidding}) (go :a)",
            "`:buffer-type` must be :fixed, :dropping or :sliding, but it is the keyword :slidding", at: ":slidding",
            hint: "did you mean `:sliding`?"),  // D2
        PlantedFault(
            .notAChoice, "(defchannel :a {:put-mode :blocking}) (go :a)",
            "`:put-mode` must be :async, :block or :drop, but it is the keyword :blocking", at: ":blocking"),  // D3
        PlantedFault(
            .notAChoice, "(defworker :w {:kind :comand :in :a :expose? true} [c m] m) (defchannel :a)",
            "`:kind` must be :command or :ticker, but it is the keyword :comand", at: ":comand",
            hint: "did you mean `:command`?"),  // D5
        PlantedFault(
            .notAChoice, "(defeffect :e {:needs #{:write :wrote}} [p] p)", "`:needs` has no use for the keyword :wrote",
            at: ":wrote", hint: "did you mean `:write`?"),
    ]

    private static let shape: [PlantedFault] = [
        PlantedFault(
            .missingKey, "(defworker :w [ctx m] m)",
            "worker :w has no `:in`: a command worker takes its messages from a channel", at: ":w"),
        PlantedFault(
            .missingKey, "(defworker :w {:in :a :expose? true}) (defchannel :a)",
            "worker :w has no `:worker-fn`: a worker needs a function", at: ":w"),
        PlantedFault(
            .missingKey, "(defphases :p {})", "plan :p has neither `:phases` nor `:fn`: nothing to run", at: ":p"),
        PlantedFault(
            .missingKey, .data, "{:systems [{:fn shop.main/greet}]}", "a system of :systems needs an :id, a keyword",
            at: "{:fn shop.main/greet}"),
        PlantedFault(
            .missingKey, .data, "{:effects {:e {:needs #{:net}}}}",
            "effect :e has no `:handler`: an effect needs a function that does it", at: ":e"),
        PlantedFault(
            .misplacedKey, "(defworker :t {:kind :ticker :expose? true} [c n] n)",
            "worker :t is a ticker, which has no use for `:expose?`", at: ":expose?"),  // D7
        PlantedFault(
            .misplacedKey, "(defworker :w {:in :a :expose? true :interval-ms 5} [c m] m) (defchannel :a)",
            "worker :w is a command worker, which has no use for `:interval-ms`", at: ":interval-ms"),
        PlantedFault(
            .conflictingKeys, "(defworker :t {:kind :ticker :interval-ms 5 :cron \"0 * * * *\"} [c n] n)",
            "worker :t has both `:interval-ms` and `:cron`", at: ":cron"),
        PlantedFault(
            .unbufferedLoss, "(defchannel :a {:buffer-type :dropping}) (go :a)",
            // D2
            "channel :a is dropping but has no buffer", at: ":dropping", hint: "give it a `:buffer` of at least 1"),
        PlantedFault(
            .unbufferedLoss, "(defchannel :a {:buffer 0 :buffer-type :sliding}) (go :a)",
            "channel :a is sliding but has no buffer", at: ":sliding"),
        PlantedFault(
            .notAChoice, "(defeffect :e {:params {:a :integerr}} [p] p)",
            "`:params :a` must be :any, :string, :int, :number, :bool, :keyword, :map, :vector or :function, "
                + "but it is the keyword :integerr", at: ":integerr", hint: "did you mean `:int`?"),
        PlantedFault(
            .wrongType, "(defmeta :m {:retry {:max 2 :on [:busy \"full\"]}})",
            "an element of `:on` must be a keyword, but it is the string \"full\"", at: "\"full\"",
            hint: "write :full"),
        PlantedFault(
            .wrongArity, "(defworker :w {:in :a :expose? true} [m] m) (defchannel :a)",
            "the function of worker :w must take 2 arguments", at: "[m]"),  // D20
        PlantedFault(
            .wrongArity, "(defeffect :e [a b] a)", "the function of effect :e must take 1 argument", at: "[a b]"),
        PlantedFault(
            .wrongArity, "(defsystem :s [world] world)", "the function of system :s must take 2 arguments",
            at: "[world]"),
        PlantedFault(
            .wrongArity, .data,
            "{:channels {:a {}} :workers {:w {:in :a :expose? true :worker-fn my-app.workers/one}}}",
            "the function of worker :w must take 2 arguments", at: "my-app.workers/one"),
        PlantedFault(
            .wrongType, .data,
            "{:channels {:a {}} :workers {:w {:in :a :expose? true :worker-fn my-app.workers/number}}}",
            "the function of worker :w must be a function, but number is the number 3", at: "my-app.workers/number"),
        PlantedFault(
            .wrongArity, .data, "{:systems [{:id :s :fn my-app.workers/one}]}",
            "the function of system :s must take 2 arguments", at: "my-app.workers/one"),
        PlantedFault(
            .declaredTwice, "(defchannel :a) (defchannel  :a {:buffer 1}) (go :a)", "channel :a is declared twice",
            at: ":a"),
    ]

    private static let references: [PlantedFault] = [
        PlantedFault(
            .undeclaredChannel,
            "(defchannel :notes/found {:buffer 1}) (defworker :w {:in :notes/fuond} [c m] m) (go :notes/found)",
            "worker :w takes from `:notes/fuond`, which is not declared", at: ":notes/fuond",
            hint: "did you mean `:notes/found`?"),  // D9
        PlantedFault(
            .undeclaredChannel, "(defworker :t {:kind :ticker :output-chan :ticks} [c n] n)",
            "worker :t puts its results on `:ticks`, which is not declared", at: ":ticks",
            hint: "declare it: (defchannel :ticks {…})"),
        PlantedFault(
            .undeclaredChannel, "(defworker :t {:kind :ticker :fail-chan :bad} [c n] n)",
            "worker :t reports its failures on `:bad`, which is not declared", at: ":bad"),
        PlantedFault(
            .undeclaredMeta, "(defmeta :urgent {:priority 90}) (defworker :t {:kind :ticker :meta :urgnt} [c n] n)",
            "worker :t names the meta `:urgnt`, which is not declared", at: ":urgnt", hint: "did you mean `:urgent`?"),
        PlantedFault(
            .undeclaredMeta, "(defworker :t {:kind :ticker :meta [{:priority 1} :slow]} [c n] n)",
            "worker :t names the meta `:slow`, which is not declared", at: ":slow"),
        PlantedFault(
            .undeclaredMeta, "(defworker :t {:kind :ticker} [c n] (llm/chat {:messages [] :meta :model}))",
            "worker :t names the meta `:model`, which is not declared", at: ":model"),
        PlantedFault(
            .undeclaredMeta, "(defmeta :model {}) (defworker :t {:kind :ticker} [c n] (effect :fs/read {} :modl))",
            "worker :t names the meta `:modl`, which is not declared", at: ":modl", hint: "did you mean `:model`?"),
        PlantedFault(
            .undeclaredMeta, "(defn f [] (effect :fs/read {} [{:priority 1} :slow]))",
            "the script names the meta `:slow`, which is not declared", at: ":slow"),
        PlantedFault(
            .undeclaredPlan, "(defworker :t {:kind :ticker} [c n] (perform-phases :checkout n))",
            "there is no plan :checkout", at: ":checkout", hint: "declare it: (defphases :checkout [] …)"),
        PlantedFault(
            .undeclaredPlan, "(defn f [n] (perform-phases :checkout n))", "there is no plan :checkout",
            at: ":checkout"),
        // What a tool takes may have a key of that name.
        PlantedFault(
            .undeclaredMeta,
            "(defworker :t {:kind :ticker} [c n] (mcp/call {:url \"x\"} \"t\" {:meta :page} {:meta :model}))",
            "worker :t names the meta `:model`, which is not declared", at: ":model"),
        PlantedFault(
            .undeclaredGroup, .data,
            """
            {:phases {:p [{:group :validate :effects [{:effect/type :a}{:effect/type :a}{:effect/type :a}]}
                          {:group :charge :depends-on [:valdate] :effects [{:effect/type :a}{:effect/type :a}]}]}}
            """, "plan :p depends on the group `:valdate`, which no plan and no meta declares", at: ":valdate",
            hint: "did you mean `:validate`?"),  // J19
        PlantedFault(
            .undeclaredFunction, .data, "{:systems [{:id :s :fn shop.main/gret}]}",
            "system :s names the function shop.main/gret, which does not exist", at: "shop.main/gret",
            hint: "did you mean `shop.main/greet`?"),
        PlantedFault(
            .undeclaredFunction, .data,
            "{:phases {:p [{:group :a :effects [{:effect/type :run :action shop.main/gret}]}]}}",
            "plan :p names the function shop.main/gret, which does not exist", at: "shop.main/gret",
            hint: "did you mean `shop.main/greet`?"),
        PlantedFault(
            .undeclaredFunction, .data, "{:systems [{:id :s :fn greet}]}",
            "`:fn` names the function greet without its namespace", at: "greet", hint: "write it as my.namespace/greet"),
        PlantedFault(
            .unresolvedFunction, .data, "{:systems [{:id :s :fn other.place/greet}]}",
            "the function other.place/greet was not looked for: its namespace is not there", at: "other.place/greet"),
        PlantedFault(
            .unloadableNamespace, .data, "{:systems [{:id :s :fn broken/greet}]}",
            "the function broken/greet cannot be had, for its namespace fails to load: it is unfinished",
            at: "broken/greet", hint: "finish it"),
        PlantedFault(
            .unknownEffect, "(configure {:effects {:limits {:llm/chatt 2}}})", "no effect type is called `:llm/chatt`",
            at: ":llm/chatt", hint: "did you mean `:llm/chat`?"),
        PlantedFault(
            .unknownEffect, "(defworker :t {:kind :ticker} [c n] (perform (effect :fs/reed {:path \"a\"})))",
            "no effect type is called `:fs/reed`", at: ":fs/reed", hint: "did you mean `:fs/read`?"),
        PlantedFault(
            .cycle, .data,
            """
            {:phases {:p [{:group :a :depends-on [:c] :effects [{:effect/type :a}{:effect/type :a}]}
                          {:group :b :effects [{:effect/type :a}{:effect/type :a}]}
                          {:group :c :effects [{:effect/type :a}]}]}}
            """, "the phases of plan :p wait for one another: :a → :c → :b → :a", at: "[:c]"),
        PlantedFault(
            .cycle, .data,
            """
            {:phases {:p [{:group :a :effects [{:effect/type :a}{:effect/type :a}]}
                          {:group :b :effects [{:effect/type :a}{:effect/type :a}]}
                          {:group  :a :effects [{:effect/type :a}]}]}}
            """, "two phases of plan :p are called :a, so that it waits for itself", at: ":a",
            hint: "give the second another name, or put its effects into the first"),
        PlantedFault(
            .cycle, "(defmeta :m {:group :g :depends-on [:h :g]})", "the group :g of meta :m depends on itself",
            at: ":g"),
    ]

    private static let flow: [PlantedFault] = [
        PlantedFault(
            .secondConsumer,
            """
            (defchannel :n {:buffer 1}) (defworker :t {:kind :ticker :output-chan :n})
            (defworker :a {:in :n} [c m] m) (defworker :b {:in  :n} [c m] m)
            """, "worker :b is a second consumer of channel :n, the output of worker :t", at: ":n"),  // D11
        PlantedFault(
            .blockFromGo,
            """
            (defchannel :n {:put-mode :block}) (defworker :t {:kind :ticker :output-chan :n} [c n] n) (go (<! (chan :n)))
            """, "worker :t puts on channel :n with `:put-mode :block` from a `:go` worker", at: ":n"),  // D4
        PlantedFault(
            .blockFromGo,
            """
            (defchannel :n {:put-mode :block}) (defworker :w {:in :n :expose? true} [c m] m)
            (defworker :t {:kind :ticker} [ctx n] (command! (:system ctx) :w n))
            """, "`command!` to worker :w puts on channel :n with `:put-mode :block` from a `:go` worker", at: ":w"),
        PlantedFault(
            .blockingCall, "(defworker :t {:kind :ticker} [ctx n] (let [v (<!! c)] v))",
            "worker :t is `:dispatch :go` and calls `<!!`, which blocks its thread", at: "<!!",
            hint: "use `<!`, which parks, or `:dispatch :thread`"),
        PlantedFault(
            .blockingCall, "(defworker :t {:kind :ticker :dispatch :go} [ctx n] #(async/alts!! [a b]))",
            "worker :t is `:dispatch :go` and calls `alts!!`, which blocks its thread", at: "async/alts!!"),
        PlantedFault(
            .unanswerable, "(defworker :t {:kind :ticker} [ctx n] (request! sys :nobody n))",
            "`request!` to worker :nobody, which is not declared", at: ":nobody"),
        PlantedFault(
            .unanswerable,
            """
            (defchannel :n {:buffer 1}) (defworker :w {:in :n} [c m] m) (go :n)
            (defworker :t {:kind :ticker} [ctx n] (request! sys  :w n))
            """, "`request!` to worker :w, which is not exposed", at: ":w"),  // D8
        PlantedFault(.unusedChannel, "(defchannel :a)", "nobody reads or writes channel :a", at: ":a"),
        PlantedFault(
            .unreadChannel, "(defchannel :ticks {:buffer 1}) (defworker :t {:kind :ticker :output-chan :ticks})",
            "nobody reads channel :ticks", at: ":ticks"),
        PlantedFault(
            .neverReceives, "(defchannel :n) (defworker :w {:in  :n} [c m] m)",
            "worker :w can never receive: nobody writes channel :n", at: ":n"),
        PlantedFault(
            .idleTicker, "(defworker :t {:kind :ticker})",
            "worker :t ticks for nobody: it has neither a function nor an `:output-chan`", at: ":t"),
        PlantedFault(
            .sharedEntry,
            "(defchannel :n) (defworker :a {:in :n :expose? true} [c m] m) (defworker :b {:in  :n} [c m] m)",
            "worker :b takes from channel :n too, so what is sent to worker :a may reach it instead", at: ":n"),
        PlantedFault(
            .rendezvousCycle,
            """
            (defchannel :x) (defchannel :y)
            (defworker :a {:in :x :output-chan :y} [c m] m) (defworker :b {:in :y :output-chan :x} [c m] m)
            """, "workers pass messages in a circle without a buffer: :a → :b → :a", at: ":y"),
        PlantedFault(
            .requestCycle,
            """
            (defchannel :x) (defchannel :y)
            (defworker :a {:in :x :expose? true} [c m] (<! (request! sys :b m)))
            (defworker :b {:in :y :expose? true} [c m] (<! (request! sys :a m)))
            """, "workers request of one another in a circle: :a → :b → :a", at: ":a"),
        PlantedFault(
            .noIdempotencyKey,
            "(defworker :t {:kind :ticker} [c n] (perform (effect :http/request {:method :post :url u})))",
            "`:http/request` acts on the outside without an idempotency key", at: ":http/request"),
        PlantedFault(
            .smallBatch, .data,
            "{:phases {:p [{:group :a :effects [{:effect/type :a}]} {:group :b :effects [{:effect/type :a}]}]}}",
            "plan :p has 2 groups for 2 effects", at: ":p"),
        PlantedFault(
            .manyGroups, .data,
            "{:phases {:p [\((1...6).map { "{:group :g\($0) :effects [{:effect/type :a}]}" }.joined(separator: " "))]}}",
            "plan :p has 6 groups", at: ":p"),
    ]

    static let all = keys + shape + references + flow

    @Test(arguments: all) func isFoundWhereItStands(_ fault: PlantedFault) throws {  // G2
        let lookup = lookup("shop.main/greet", "my-app.workers/one", "my-app.workers/number")
        let sample =
            try fault.form == .forms
            ? Sample(forms: fault.text, lookup: lookup) : Sample(data: fault.text, lookup: lookup)
        let types = ["llm/chat", "fs/read", "http/request", "run", "a"].map(sample.name)
        let forms = try fault.form == .forms ? readCode(sample.source, sample.names) : []
        let context = CheckContext(effectTypes: types).reading(forms)
        let findings = sample.graph.check(context)
        #expect(findings.map(\.code) == [fault.code])
        let finding = try #require(findings.first { $0.code == fault.code })
        #expect(finding.title == fault.title)
        #expect(sample.text(finding.place) == fault.place)
        if let hint = fault.hint { #expect(finding.hint == hint) }
    }

    /// Components have their own form, and what a check does not run takes a script; everything else is planted above.
    @Test func everyKindIsPlanted() {
        let planted = Set(Self.all.map(\.code)).union([.missingComponent, .secondSystem, .unseenDeclaration])
        #expect(Set(FindingCode.allCases).subtracting(planted) == [])
    }

    @Test func theLaterOfTwoIsShownWithTheFirst() throws {  // G2
        let sample = try Sample(forms: "(defchannel :a)\n(defchannel :a {:buffer 1}) (go :a)")
        let finding = try #require(sample.graph.check(CheckContext(mentioned: [sample.name("a")])).first)
        #expect(finding.place?.span == Span(28, 30))
        #expect(finding.related.map(\.span) == [Span(12, 14)])
    }

    @Test func severitiesAreAsRequired() {  // G2: what stops a start, and what does not
        let warnings: Set<FindingCode> = [
            .declaredTwice, .unseenDeclaration, .unresolvedFunction, .unusedChannel, .unreadChannel, .neverReceives,
            .idleTicker,
            .sharedEntry,
            .rendezvousCycle, .requestCycle,
        ]
        let lints: Set<FindingCode> = [.noIdempotencyKey, .smallBatch, .manyGroups]
        for code in FindingCode.allCases {
            #expect(
                code.severity == (warnings.contains(code) ? .warning : lints.contains(code) ? .lint : .error), "\(code)"
            )
        }
    }

    /// What the compiled code tells is told as well as what stands in the declaration, and once.
    @Test func factsOfFunctionsAreAsked() throws {  // G2
        let sample = try Sample(
            data: """
                {:channels {:n {}} :workers {:w {:in :n :expose? true :worker-fn shop.main/greet}
                                             :t {:in :n :worker-fn shop.main/greet :dispatch :thread}}}
                """, lookup: lookup("shop.main/greet"))
        let context = CheckContext(facts: { _ in
            [CodeFact(.blocks("slow-host-call"), at: nil, path: ["greet", "helper"])]
        })
        let findings = sample.graph.check(context).filter { $0.severity == .error }
        #expect(
            findings.map(\.title) == [
                "worker :w is `:dispatch :go` and calls `slow-host-call`, which blocks its thread, by way of greet → helper"
            ])
    }

    @Test func whatIsRightIsNotComplainedOf() throws {  // no false alarms
        let sample = try Sample(
            forms: """
                (configure {:tick-ms 50 :effects {:max-inflight 4 :timeout-ms nil :limits {:llm/chat 2}
                                                  :rate {:llm/chat {:max 30 :per-ms 60000}}} :dev-guard? true :guard-ms 50})
                (needs {:read ["notes"] :write true :env ["HOME"] :code true})
                (defmeta :call "Few." {:group :llm :mode :parallel :retry {:max 3 :backoff {:base-ms 500 :factor 2 :jitter true}
                                                                           :on [:rate-limited]}})
                (defchannel :found {:buffer 16 :buffer-type :sliding})
                (defchannel :done "Paths." {:buffer 4 :put-mode :block})
                (defeffect :publish {:params {:path :string} :needs #{:write} :recovery :retry :merge shop.main/greet}
                  [{:keys [path]}] path)
                (defworker :find {:kind :ticker :interval-ms 10 :output-chan :found} [ctx n] n)
                (defworker :sum {:in :found :output-chan :done :dispatch :thread :parallel 4 :durable? true :meta :call
                                 :restart {:max 5 :per-ms 60000}}
                  [ctx path] (do (<!! c) (llm/chat {:meta :call}) path))
                (defworker :tell {:in :done} [ctx path] (thread (<!! c)))
                (defworker :hourly {:kind :ticker :cron "0 * * * *"} [ctx n] (perform (effect :http/request {:method :get})))
                """, lookup: lookup("shop.main/greet"))
        #expect(sample.graph.check().map(\.title) == [])
    }
}
