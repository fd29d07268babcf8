import Compiler
import Graph
import Machine
import Stdlib
import Testing
import Values

/// A library of the embedded definitions, the machine's primitives and the graph's.
private struct GraphLibraries: LibrarySource {
    let own: PrimitiveTable

    var aliases: [(String, String)] { [] }
    var namespaces: [String] { Stdlib.namespaces + Primitives.all.namespaces + [GraphPrimitives.namespace] }
    func has(_ namespace: String) -> Bool { namespaces.contains(namespace) }
    func names(in namespace: String) -> [String] {
        namespace == GraphPrimitives.namespace
            ? own.names(in: namespace) : Stdlib.names(in: namespace) + Primitives.all.names(in: namespace)
    }
    func primitive(_ namespace: Name, _ name: Name) -> Value? {
        if namespace.description == GraphPrimitives.namespace {
            return own.find(namespace: namespace, name: name).map { .native($0) }
        }
        return Primitives.find(namespace: namespace, name: name).map { .native($0) }
            ?? Primitives.constant(namespace: namespace.description, name: name.name)
    }
    func definition(_ namespace: String, _ name: String) -> Source? {
        Stdlib.find(namespace: namespace, name: name).map {
            Source(name: $0.file, bytes: Array($0.source), firstLine: $0.line)
        }
    }
    func file(of namespace: String) -> Source? { nil }
}

/// The primitives and the forms, called from compiled code.
struct PrimitiveTests {
    private let instance = Instance()
    private let builder: GraphBuilder
    private let evaluator: Evaluator

    init() {
        builder = GraphBuilder(names: instance.names)
        evaluator = Evaluator(
            instance, libraries: GraphLibraries(own: PrimitiveTable([GraphPrimitives.family(builder)])))
    }

    /// What a script threw.
    private struct Mistake: Error, CustomStringConvertible {
        let description: String
    }

    private func run(_ text: String) throws -> String {
        let source = Source(name: "shop.slu", bytes: Array(text.utf8))
        do {
            return try Printer.readable(evaluator.evaluate(source, in: evaluator.scriptNamespace("shop.main")).value)
        } catch Fault.thrown(let exception) { throw Mistake(description: exception.message) }
    }

    @Test func declaringAddsANode() throws {
        #expect(
            try run(
                """
                (sluice.graph/declare! :channel :a {:buffer 8} nil nil)
                (sluice.graph/declare! :worker :w {:in :a :expose? true} (fn* w [ctx m] m) nil)
                (sluice.graph/graph)
                """)
                == "{:channels {:a {:buffer 8}}, :workers {:w {:in :a, :expose? true, :worker-fn shop.main/w}}}")
        #expect(try run("(sluice.graph/check)") == "[]")
    }

    @Test func closuresOfTheWrongArityAreFound() throws {  // D20
        _ = try run(
            """
            (sluice.graph/declare! :channel :a {:buffer 8} nil nil)
            (sluice.graph/declare! :worker :w {:in :a :expose? true} (fn* [m] m) nil)
            """)
        let finding = try #require(builder.graph.check().first)
        #expect(finding.title == "the function of worker :w must take 2 arguments")
        #expect(finding.explanation == "It is called with the context and the message, but w takes 1 argument.")
    }

    @Test func dataIsDeclaredWhole() throws {
        let text = "(sluice.graph/declare-all! '{:channels {:a {:buffer 1} :b {}}})"
        #expect(try run(text) == "[\"channel :a is new\" \"channel :b is new\"]")
        #expect(try run("(sluice.graph/remove! :channel :b)") == "true")
        #expect(try run("(sluice.graph/remove! :channel :b)") == "false")
        #expect(
            try run("(sluice.graph/check)")
                == """
                [{:severity :warning, :code :graph/unused-channel, :title "nobody reads or writes channel :a", \
                :source "shop.slu", :start 40, :end 42}]
                """)
        #expect(
            try run("(sluice.graph/diff (sluice.graph/graph) '{:channels {:a {:buffer 2}}})")
                == "{:changed {:channels {:a {:buffer [1 2]}}}}")
    }

    @Test(arguments: [
        ("(sluice.graph/declare! :chanel :a {})", "there is no kind of declaration the keyword :chanel"),
        ("(sluice.graph/declare! :channel 'a {})", "defchannel takes a keyword as the name, but found the symbol a"),
        (
            "(sluice.graph/declare! :channel :a [1])",
            "defchannel :a expected a map of options, but found the vector [1]"
        ),
    ]) func mistakesAreExplained(_ text: String, _ message: String) throws {
        do {
            _ = try run(text)
            Issue.record("it passed")
        } catch let mistake as Mistake { #expect(mistake.description.hasPrefix(message)) }
    }

    // The forms.

    @Test func everyFormDeclares() throws {
        let text = """
            (configure {:tick-ms 50})
            (needs {:read ["notes"]})
            (defmeta :call "Few at a time." {:group :llm})
            (defchannel :found "Paths." {:buffer 16})
            (defchannel :bare)
            (def size 4)
            (defchannel :done {:buffer size})
            (defeffect :notes/publish {:params {:path :string}} [{:keys [path]}] path)
            (defworker :find "Finds." {:kind :ticker :output-chan :found} [ctx n] (get {:n n} :n))
            (defworker :sum {:in :found :output-chan :done :meta :call} [ctx path] path)
            (defsystem :idle [world dt] world)
            (defphases :checkout [order] [:validate {:mode :parallel} [:check order]] [:charge [:pay order]])
            (sluice.graph/graph)
            """
        #expect(
            try run(text) == """
                {:runtime {:tick-ms 50}, :needs {:read ["notes"]}, :channels {:found {:buffer 16, :doc "Paths."}, :bare {}, \
                :done {:buffer 4}}, :effects {:notes/publish {:params {:path :string}, :handler shop.main/publish}}, \
                :meta {:call {:group :llm, :description "Few at a time."}}, \
                :workers {:find {:kind :ticker, :output-chan :found, :doc "Finds.", :worker-fn shop.main/find}, \
                :sum {:in :found, :output-chan :done, :meta :call, :worker-fn shop.main/sum}}, \
                :phases {:checkout {:phases [{:mode :parallel, :group :validate} {:group :charge}], :fn shop.main/checkout}}, \
                :systems [{:id :idle, :fn shop.main/idle}]}
                """)
        #expect(
            builder.graph.check().map(\.title) == [
                "nobody reads or writes channel :bare", "nobody reads channel :done",
            ])
    }

    /// A worker named like a function of the library must not hide it.
    @Test func theNameOfAWorkerHidesNothing() throws {
        let function = try #require(
            try {
                _ = try run("(defworker :get {:kind :ticker} [ctx n] (get {:a 7} :a))")
                return builder.graph[.worker, instance.names.intern("get")]?.functions[.workerFn]?.value
            }())
        let fiber = LoneFiber(instance, calling: function, [.nil, .int(0)])
        #expect(try Printer.readable(fiber.runWithoutWaiting()) == "7")
    }

    @Test(arguments: [
        ("(defchannel :a\n  {:bufer 8})", FindingCode.unknownKey, ":bufer"),
        ("(defworker :w \"Doc.\" {:kind :ticker :interval-ms \"1\"} [ctx n] n)", .wrongType, "\"1\""),
        ("(defworker :w {:kind :ticker} [n] n)", .wrongArity, "[n]"),
        ("(configure {:effects {:retain 5}})", .unknownKey, ":retain"),
    ]) func faultsOfFormsPointIntoTheForm(_ text: String, _ code: FindingCode, _ place: String) throws {  // N4
        _ = try run(text)
        let finding = try #require(builder.graph.check().first { $0.code == code })
        let found = try #require(finding.place)
        #expect(String(decoding: Array(text.utf8)[Int(found.span.start)..<Int(found.span.end)], as: UTF8.self) == place)
    }

    @Test(arguments: [
        ("(defchannel a {})", "defchannel: the name must be a keyword, but found a"),
        (
            "(defworker :w {:kind :ticker} (println 1))",
            "defworker: :w needs its parameters, [ctx message], before the body, but found (println 1)"
        ),
        ("(defchannel :a {} {})", "defchannel: :a takes a docstring and a map of options, but found {} after them"),
        (
            "(defphases :p [o] :validate)",
            "defphases: :p takes phases, vectors that start with a group, but found :validate"
        ),
    ]) func mistakesInFormsAreExplained(_ text: String, _ message: String) throws {
        do {
            _ = try run(text)
            Issue.record("it passed")
        } catch let mistake as Mistake { #expect(mistake.description == message) }
    }
}
