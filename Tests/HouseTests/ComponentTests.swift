import Foundation
import Testing

/// A configuration of components as built (D22, D25): started in the order of their references, stopped the other way round.
@Suite struct ComponentTests {
    private static let workers = """
        (ns shop.workers)
        (defn greet [ctx name]
          (println "greets" name "with" (:words (:store (:components ctx))) (sort (keys (:components ctx))))
          nil)
        """
    private static let parts = """
        (ns shop.parts)
        (defn pool [options] (println "pool starts" options) (assoc options :stop! (fn [] (println "pool stops"))))
        (defn store [options]
          (println "store starts on" (:size (:pool options)))
          {:words ((:f options) "words") :stop! (fn [] (println "store stops") (throw (ex-info "stuck" {})))})
        (defn shout [text] (str text "!"))
        (defn broken [_] (throw (ex-info "no disk" {})))
        """

    private func run(_ configuration: String, _ arguments: [String] = ["run", "--once"]) throws -> Repository.Result {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try scratch.write("shop/workers.slu", Self.workers)
        try scratch.write("shop/parts.slu", Self.parts)
        try scratch.write("shop/unreadable.slu", "(ns shop.unreadable")
        try scratch.write("app.edn", configuration)
        return try Repository.run(
            try Repository.program, arguments + ["app.edn"], environment: Repository.offlineEnvironment,
            folder: scratch.folder)
    }

    private func configuration(_ components: String, _ rest: String) -> String {
        """
        {:shop/definition
         {:channels {:names {:buffer 4}}
          :workers {:greet {:in :names :worker-fn shop.workers/greet :expose? true}
                    :names {:kind :ticker :interval-ms 5 :output-chan :names}}}
         :d-core.core.workers/system
         {:definition #ig/ref :shop/definition :components \(components) :dev-guard? true :guard-ms 50}
         \(rest)}
        """
    }

    @Test func componentsStartAndStopInOrder() throws {
        let result = try run(
            configuration(
                "{:store #ig/ref :shop.parts/store :plain {:kept #ig/ref :shop/plain}}",
                """
                :shop.parts/store {:pool #ig/ref :shop.parts/pool :f shop.parts/shout}
                :shop.parts/pool {:size 3}
                :shop/plain [1 2]
                """))
        #expect(
            result.output == """
                pool starts {:size 3}
                store starts on 3
                greets 0 with words! (:plain :store)
                store stops
                pool stops

                """)
        // One that cannot be stopped is told of, and keeps no other from being stopped.
        #expect(result.error.hasPrefix("shop/parts.slu:5:72: error: stuck") && result.code == 1, "\(result.error)")
    }

    @Test func whatWasStartedIsStoppedWhenAnotherCannotBe() throws {
        let result = try run(
            configuration(
                "{:broken #ig/ref :shop.parts/broken}",
                ":shop.parts/broken {:pool #ig/ref :shop.parts/pool} :shop.parts/pool {:size 1}"))
        #expect(result.output == "pool starts {:size 1}\npool stops\n")
        #expect(result.error.hasPrefix("shop/parts.slu:7:18: error: no disk") && result.code == 1, "\(result.error)")
    }

    @Test(arguments: [
        (
            "{:a #ig/ref :shop/nothing}", "",
            ":d-core.core.workers/system refers to `:shop/nothing`, which is not configured"
        ),
        ("{}", ":shop/second {:definition {}}", ":shop/second is a second system beside :d-core.core.workers/system"),
        (
            "{:a #ig/ref :shop/a}", ":shop/a {:b #ig/ref :shop/b} :shop/b {:a #ig/ref :shop/a}",
            "refer to one another in a circle"
        ),
    ]) func mistakesAreFoundBeforeAnythingStarts(_ components: String, _ rest: String, _ message: String) throws {
        for command in [["run", "--once"], ["check"]] {
            let result = try run(configuration(components, rest), command)
            #expect((result.error + result.output).contains(message), "\(result.error)")
            #expect(result.code == 2, "\(result.error)")
            #expect(!result.output.contains("starts"))
        }
    }

    @Test func aFileThatCannotBeReadIsNotTakenForNoFile() throws {
        let result = try run(configuration("{:a #ig/ref :shop.unreadable/a}", ":shop.unreadable/a {}"))
        #expect(result.code != 0 && result.error.contains("unclosed"), "\(result.error)")
    }

    /// What is wrong with a graph as data is shown where it stands (G2), and what is wrong with the file of a namespace that it
    /// names, there.
    @Test(arguments: [
        (
            "{:channels {:in {:buffer 2}}\n :workers {:w {:in :im :expose? true :worker-fn shop.workers/greet}}}",
            [
                "app.edn:2:20: error: worker :w takes from `:im`, which is not declared", "hint: did you mean `:in`?",
            ]
        ),
        (
            "{:channels {:in {:buffer 2}}\n :workers {:w {:in :in :expose? true :worker-fn shop.unreadable/greet}}}",
            [
                "app.edn:2:49: error: the function shop.unreadable/greet cannot be had, for its namespace fails to load: unclosed list",
                "(ns shop.unreadable", "hint: close it with `)`",
            ]
        ),
    ])
    func mistakesAreShownWhereTheyStand(_ configuration: String, _ shown: [String]) throws {
        for command in [["check"], ["run", "--once"]] {
            let result = try run(configuration, command)
            #expect(result.code == 2, "\(result.error)")
            for text in shown { #expect((result.error + result.output).contains(text), "\(result.error)") }
        }
    }

    /// A configuration that starts nothing says why.
    @Test(arguments: [
        ("{:chanels {:in {}}}", "app.edn:1:2: error: a graph has no key `:chanels`"),
        ("[1 2]", "error: a graph must be a map, but this is the vector [1 2]"),
        ("", "error: a graph must be a map, but the file is empty"),
        (
            "{:channels {:in {:buffer 1}}}",
            "app.edn declares nothing that runs; a graph needs a worker, a system or phases"
        ),
    ])
    func nothingIsRunInSilence(_ configuration: String, _ message: String) throws {
        let result = try run(configuration)
        #expect(result.error.contains(message) && result.code == 2, "\(result.error)")
    }
}
