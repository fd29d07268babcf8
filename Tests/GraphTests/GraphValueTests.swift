import Engine
import Graph
import Machine
import Runtime
import Synchronization
import Testing
import Values

/// The graph as a value: data and back, differences, redefinition.
struct GraphValueTests {
    /// Every section of the data form.
    static let whole = """
        {:runtime {:tick-ms 100, :effects {:max-inflight 4}}, :needs {:read ["notes"]}, \
        :channels {:notes/found {:buffer 16, :buffer-type :sliding}, :notes/done {:buffer 4}}, \
        :effects {:notes/publish {:handler shop.main/publish, :needs #{:write}}}, \
        :meta {:model-call {:group :llm, :priority 10}}, \
        :workers {:summarise {:kind :command, :in :notes/found, :worker-fn shop.main/summarise, :output-chan :notes/done}}, \
        :phases {:checkout [{:group :validate, :mode :parallel, :effects [{:effect/type :run, :action shop.main/check-user}]}]}, \
        :systems [{:id :greeter, :fn shop.main/greeter}]}
        """

    @Test func isDataThatReadsBack() throws {  // G1
        let sample = try Sample(data: Self.whole)
        #expect(try Printer.readable(sample.graph.data) == Self.whole)
    }

    @Test func formsAndDataMakeOneGraph() throws {  // G1
        let forms = try Sample(
            forms: """
                (configure {:tick-ms 100 :effects {:max-inflight 4}})
                (needs {:read ["notes"]})
                (defchannel :notes/found {:buffer 16 :buffer-type :sliding})
                (defchannel :notes/done {:buffer 4})
                (defeffect :notes/publish {:needs #{:write}} [params] nil)
                (defmeta :model-call {:group :llm :priority 10})
                (defworker :summarise {:kind :command :in :notes/found :output-chan :notes/done} [ctx path] path)
                (defphases :checkout {:phases [{:group :validate :mode :parallel
                                                :effects [{:effect/type :run :action shop.main/check-user}]}]})
                (defsystem :greeter [world dt] world)
                """)
        let data = try Sample(data: Self.whole)
        // Names are interned per instance, so both are read again into one.
        let names = Names()
        let difference = try reread(forms, names).difference(to: reread(data, names))
        #expect(try Printer.readable(difference) == "{}")
    }

    private func reread(_ sample: Sample, _ names: Names) throws -> Graph {
        let source = Source(name: "x.edn", bytes: Array(try Printer.readable(sample.graph.data).utf8))
        let builder = GraphBuilder(names: names)
        try builder.load(data: try #require(try readEDN(source, names)))
        return builder.graph
    }

    @Test func functionsShowAsQualifiedSymbols() throws {  // G1
        let names = Names()
        let builder = GraphBuilder(names: names)
        let variable = Var(namespace: names.intern(nil, "my.app"), name: names.intern(nil, "handle"))
        let native = Native("clojure.string/upper-case", 1) { (_, _) in .nil }
        func shown(_ function: Value) throws -> String {
            try builder.declare(Declaration(.worker, names.intern("a/w"), function: function, namespace: "shop.main"))
            let node = try #require(builder.graph[.worker, names.intern("a/w")])
            return try Printer.readable(node[.workerFn] ?? .nil)
        }
        #expect(try shown(.object(variable)) == "my.app/handle")
        #expect(try shown(.native(native)) == "clojure.string/upper-case")
        #expect(try shown(.native(Native("println", 1) { (_, _) in .nil })) == "clojure.core/println")
    }

    @Test func severalConfiguresAndNeedsAddUp() throws {  // G1
        let sample = try Sample(
            forms: "(configure {:tick-ms 5 :effects {:max-inflight 2}}) (needs {:read [\"a\"] :net [\"x\"]})")
        let builder = sample.builder
        let names = sample.names
        for text in ["{:runtime {:guard-ms 7 :effects {:timeout-ms 9}} :needs {:read [\"a\" \"b\"] :net true}}"] {
            let source = Source(name: "lib.edn", bytes: Array(text.utf8))
            try builder.load(data: try #require(try readEDN(source, names)))
        }
        #expect(
            try Printer.readable(.map(builder.graph.configuration))
                == "{:tick-ms 5, :effects {:max-inflight 2, :timeout-ms 9}, :guard-ms 7}")
        let asked = builder.graph.capabilities
        #expect(asked == [CapabilityRequest(kind: .read, what: ["a", "b"]), CapabilityRequest(kind: .net, what: nil)])
    }

    @Test func effectTypesAskForWhatTheyNeed() throws {  // G2: check lists every capability
        let sample = try Sample(
            forms: "(defeffect :e {:needs #{:run :write}} [p] p) (needs {:run [\"git\"] :code true})")
        #expect(
            sample.graph.capabilities == [
                CapabilityRequest(kind: .write, what: nil), CapabilityRequest(kind: .run, what: ["git"]),
                CapabilityRequest(kind: .code, what: nil),
            ])
    }

    @Test func configuredServersAskForTheirProgramOrHost() throws {  // P25, G2
        let servers =
            "{:files {:command [\"npx\" \"files\"]} :web {:url \"https://Example.com:8443/mcp\"} :more {:command [\"npx\"]}}"
        let sample = try Sample(forms: "(configure {:mcp {:servers \(servers)}})")
        #expect(sample.graph.check().isEmpty)
        #expect(sample.graph.capabilities == [CapabilityRequest(kind: .mcp, what: ["npx", "example.com"])])
        let asking = try Sample(forms: "(configure {:mcp {:servers \(servers)}}) (needs {:mcp [\"uvx\" \"npx\"]})")
        #expect(asking.graph.capabilities == [CapabilityRequest(kind: .mcp, what: ["uvx", "npx", "example.com"])])
        let all = try Sample(forms: "(configure {:mcp {:servers \(servers)}}) (needs {:mcp true})")
        #expect(all.graph.capabilities == [CapabilityRequest(kind: .mcp, what: nil)])
    }

    @Test func redefinitionReplacesInPlaceAndSaysWhatChanged() throws {  // G3
        let sample = try Sample(
            forms: "(defchannel :a {:buffer 8 :doc \"x\"}) (defchannel :b) (defworker :w {:in :a} [c m] m)")
        let heard = Mutex<[String]>([])
        sample.builder.observe { change, graph in
            heard.withLock { $0.append("\(change.sentence) of \(graph.nodes.count)") }
        }
        let again = Source(
            name: "shop.slu",
            bytes: Array(
                "(defchannel :a {:buffer 16 :put-mode :drop}) (defchannel :b) (defworker :w {:in :a} [c m] 2)".utf8))
        try sample.declare(again)
        #expect(sample.graph.nodes.map(\.id.description) == ["channel :a", "channel :b", "worker :w"])
        sample.builder.remove(NodeID(.channel, sample.name("b")))
        #expect(
            heard.withLock { $0 } == [
                "channel :a: :buffer 8 → 16, :put-mode :drop added, :doc removed of 3",
                "worker :w: the function of :worker-fn is new of 3", "channel :b is removed of 2",
            ])
        // A text that is read again repeats nothing.
        #expect(!sample.graph.check().contains { $0.code == .declaredTwice })
    }

    @Test func differencesAreData() throws {  // G1
        let names = Names()
        func graph(_ text: String) throws -> Graph {
            let builder = GraphBuilder(names: names)
            try builder.load(data: try #require(try readEDN(Source(name: "a", bytes: Array(text.utf8)), names)))
            return builder.graph
        }
        let before = try graph("{:channels {:a {:buffer 8} :b {}} :meta {:m {:priority 1}}}")
        let after = try graph("{:channels {:a {:buffer 16 :doc \"d\"} :c {:buffer 1}} :meta {:m {:priority 1}}}")
        #expect(
            try Printer.readable(before.difference(to: after))
                == "{:changed {:channels {:a {:buffer [8 16], :doc [nil \"d\"]}}}, :added {:channels {:c {:buffer 1}}}, :removed {:channels {:b {}}}}"
        )
        #expect(try Printer.readable(before.difference(to: before)) == "{}")
    }

    @Test func manyThreadsMayDeclare() async throws {
        let names = Names()
        let builder = GraphBuilder(names: names)
        try await withThrowingTaskGroup { group in
            for thread in 0..<8 {
                group.addTask {
                    for index in 0..<100 {
                        try builder.declare(Declaration(.channel, names.intern("c\(thread)/n\(index)")))
                        try builder.declare(Declaration(.channel, names.intern("shared/n\(index)")))
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(builder.graph.nodes.count == 900)
    }
}

/// What is started, with its defaults (P1, D1–D10).
struct PlanTests {
    private func plan(_ text: String) throws -> (SystemPlan, Sample) {
        let sample = try Sample(forms: text)
        return (try SystemPlan(sample.graph), sample)
    }

    @Test func defaultsAreThoseOfTheRequirements() throws {
        let (plan, _) = try plan(
            "(defchannel :c) (defworker :w {:in :c :expose? true} [a b] b) (defworker :t {:kind :ticker} [c n] n)")
        #expect(plan.settings.tickMs == 100)  // P1
        #expect(plan.settings.engine.maxInflight == 4)
        #expect(plan.settings.engine.timeoutMs == 60_000)
        #expect(plan.settings.engine.retainCompleted == 500)
        #expect(!plan.settings.isDevGuarded && plan.settings.guardMs == 50)  // D16
        let channel = try #require(plan.workers.channels.first)
        #expect(channel.buffering == .fixed(0) && channel.putMode == .async)  // D1–D3
        let worker = plan.workers.workers[0]
        #expect(worker.dispatch == .go && !worker.isDurable && worker.restart == nil)  // D6
        #expect(worker.isExposed && worker.parallel == 1)
        guard case .command = worker.kind else {
            Issue.record("not a command worker")
            return
        }
        guard case .ticker(.every(1000)) = plan.workers.workers[1].kind else {
            Issue.record("not every second")
            return
        }  // D10
    }

    /// The table's words for defaults are what a plan does (one table per closed set).
    @Test func theTableSaysTheDefaults() throws {
        func usual(_ keys: [DeclarationKey], _ key: KnownName) -> String? { keys.first { $0.key == key }?.usual }
        #expect(usual(DeclarationKeys.channel, .buffer) == "0")
        #expect(usual(DeclarationKeys.channel, .bufferType) == ":fixed")
        #expect(usual(DeclarationKeys.channel, .putMode) == ":async")
        #expect(usual(DeclarationKeys.worker, .dispatch) == ":go")
        #expect(usual(DeclarationKeys.worker, .intervalMs) == "1000")
        #expect(usual(DeclarationKeys.configure, .tickMs) == "100")
        #expect(usual(DeclarationKeys.configure, .guardMs) == "50")
    }

    @Test func everyRowIsComplete() {
        for kind in DeclarationKind.allCases {
            #expect(Set(kind.keys.map(\.key)).count == kind.keys.count, "\(kind) has a key twice")
            for row in kind.keys {
                #expect(!row.doc.isEmpty && !row.requirement.isEmpty, "\(kind) :\(row.key.rawValue)")
                #expect(!row.shape.expected.isEmpty)
            }
        }
        // Names that are written elsewhere as text must all have become rows.
        #expect(DeclarationKeys.needs.map(\.key.rawValue) == ["read", "write", "net", "run", "env", "code", "mcp"])
        guard
            case .byKeyword(.plain(.oneOf(let types)))? = DeclarationKeys.effect.first(where: { $0.key == .params })?
                .shape
        else {
            Issue.record("no types of parameters")
            return
        }
        #expect(
            types.map(\.rawValue) == ["any", "string", "int", "number", "bool", "keyword", "map", "vector", "function"])
    }

    @Test func metaIsFollowedAndMerged() throws {
        let (plan, sample) = try plan(
            "(defmeta :slow {:priority 1 :group :g}) (defworker :t {:kind :ticker :meta [:slow {:priority 5}]} [c n] n)"
        )
        #expect(try Printer.readable(plan.workers.workers[0].meta) == "{:priority 5, :group :g}")
        #expect(plan.metas[sample.name("slow")] != nil)
    }

    @Test func effectsCarryTheirTypes() throws {  // P26
        let (plan, _) = try plan(
            "(defeffect :e \"Does.\" {:params {:path :string} :needs #{:write} :recovery :retry :timeout-ms nil :doc \"Does.\"} [p] p)"
        )
        let effect = try #require(plan.effects.first)
        #expect(
            effect.doc == "Does." && effect.needs == [.write] && effect.recovery == .retry && effect.timeout == .none)
        #expect(effect.params.map(\.key.description) == ["path"] && effect.params.map(\.type) == [.string])
    }

    @Test func tickersAndRestarts() throws {
        let (plan, _) = try plan(
            "(defworker :t {:kind :ticker :cron \"0 * * * *\" :restart {:max 2}} [c n] n)")
        guard case .ticker(.schedule(let next)) = plan.workers.workers[0].kind else {
            Issue.record("no schedule")
            return
        }
        // The next full hour of a clock that is some whole quarters of an hour off.
        #expect(try #require(next(1_000_000)) % 900_000 == 0)
        let restart = try #require(plan.workers.workers[0].restart)
        #expect(restart.max == 2 && restart.perMs == 60_000)
    }

    @Test func phasesWithoutAGroupAreNumbered() throws {  // J32
        let sample = try Sample(data: "{:phases {:p [{:effects []} {:group :b :effects []}]}}")
        let rows = PhasesPlan(sample.graph.nodes[0]).rows
        #expect(try rows.map { try Printer.readable($0.find(.kw(.group)) ?? .nil) } == ["[:phase 1]", ":b"])
    }
}
