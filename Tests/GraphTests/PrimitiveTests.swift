import Compiler
import Graph
import Machine
import Testing
import Values

/// The primitives, called from compiled code.
struct PrimitiveTests {
    private let instance = Instance()
    private let builder: GraphBuilder
    private let evaluator: Evaluator

    init() {
        let instance = self.instance
        builder = GraphBuilder(names: instance.names)
        evaluator = Evaluator(instance)
        let table = PrimitiveTable([GraphPrimitives.family(builder)])
        instance.namespace(instance.names.intern(nil, GraphPrimitives.namespace)).setLibrary(
            Namespace.Library(
                load: { space, name in
                    guard let native = table.find(namespace: space.name, name: name) else { return nil }
                    let variable = space.intern(name)
                    variable.bind(.native(native))
                    return variable
                }, names: { table.names(in: GraphPrimitives.namespace) }))
    }

    private func run(_ text: String) throws -> String {
        let space = instance.namespace(instance.names.intern(nil, "shop.main"))
        let source = Source(name: "shop.slu", bytes: Array(text.utf8))
        return try Printer.readable(evaluator.evaluate(source, in: space).value)
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
        } catch Fault.thrown(let exception) { #expect(exception.message.hasPrefix(message)) }
    }
}
