import Foundation
import Testing

@testable import Command

/// `sluice graph`, and graphs as data.
@Suite struct GraphRunTests {
    private static let quiet = "(defchannel :a)"
    private static let loud = """
        (println "starting")
        (defchannel :a)
        (binding [*out* *err*] (println "declared"))
        (future (println "later"))
        """

    /// The document is what a script without output gives; what the script prints is on the other stream.
    @Test(arguments: GraphFormat.allCases) func theScriptsOutputIsNoPartOfTheDocument(_ format: GraphFormat) throws {
        let folder = try ScratchFolder(["a/same.slu": Self.quiet, "b/same.slu": Self.loud])
        func graph(_ path: String) -> (code: Int32, screen: Screen) {
            let screen = Screen()
            return (SessionDriver().graph(folder.path(path), format, screen.console()), screen)
        }
        let (quiet, loud) = (graph("a/same.slu"), graph("b/same.slu"))
        #expect(quiet.code == 0 && loud.code == 0)
        // The title of a page is the path.
        let expected = quiet.screen.output.replacingOccurrences(of: "/a/same", with: "/b/same")
        #expect(!expected.isEmpty && loud.screen.output == expected)
        #expect(loud.screen.error.hasPrefix("starting\ndeclared\n"))
    }

    /// What cannot be compiled is as unusable as what cannot be read.
    @Test func aFunctionThatIsTooLargeCannotBeUsed() {
        let screen = Screen()
        let code = SessionDriver().run(
            RunRequest(.expression("[\(String(repeating: "(inc 1) ", count: 40_000))]")), RunControl(screen.console()))
        #expect(code == 2)
        #expect(screen.error.contains("error: a function is too large"), "\(screen.error.prefix(300))")
    }

    // MARK: Graphs as data

    private func told(_ text: String, _ command: (SessionDriver, String, Console) -> Int32) throws -> (
        code: Int32, text: String
    ) {
        let folder = try ScratchFolder(["x.edn": text])
        let screen = Screen()
        let console = screen.console()
        let code = command(SessionDriver(), folder.path("x.edn"), console)
        console.close()
        return (code, screen.all.replacingOccurrences(of: folder.path("x.edn"), with: "x.edn"))
    }

    private static let commands: [@Sendable (SessionDriver, String, Console) -> Int32] = [
        { $0.check($1, json: false, $2) }, { $0.run(RunRequest(.file($1)), RunControl($2)) },
        { $0.graph($1, .json, $2) },
    ]

    /// What is no graph is an error, with its place, of every command that reads one.
    @Test(arguments: [
        ("[1 2 3]", "x.edn:1:1: error: a graph must be a map, but this is the vector [1 2 3]\n"),
        ("\n 5", "x.edn:2:2: error: a graph must be a map, but this is the number 5\n"),
        ("", "x.edn:1:1: error: a graph must be a map, but the file is empty\n"),
        ("; nothing\n", "x.edn:1:1: error: a graph must be a map, but the file is empty\n"),
        ("{:channels {:a {}}}\n {:b 2}", "x.edn:2:2: error: a graph is one map, but here begins another value\n"),
        ("{:channels {:a {}}}\n]", "x.edn:2:1: error: "),
    ]) func whatIsNoGraphIsAnError(_ text: String, _ expected: String) throws {
        for command in Self.commands {
            let found = try told(text, command)
            #expect(found.code == 2)
            #expect(found.text.hasPrefix(expected), "\(found.text)")
        }
    }

    /// What keeps a graph as data from starting is an error of the check, too: nothing else could bring it.
    @Test func aMissingNamespaceIsAnError() throws {
        let text = "{:workers {:w {:kind :ticker :worker-fn nope.core/go}}}"
        let title = "the function nope.core/go was not looked for: its namespace is not there\n"
        let checked = try told(text, Self.commands[0])
        #expect(checked.code == 2 && checked.text.hasPrefix("x.edn:1:41: error: \(title)"), "\(checked.text)")
        let run = try told(text, Self.commands[1])
        #expect(run.code == 2 && run.text.hasPrefix("x.edn:1:41: error: \(title)"), "\(run.text)")
    }

    /// Neither command takes a graph as data that has nothing to run.
    @Test(arguments: ["{}", "{:channels {:a {}}}"]) func nothingThatRuns(_ text: String) throws {
        for command in Self.commands.prefix(2) {
            let found = try told(text, command)
            #expect(found.code == 2)
            #expect(found.text.contains(": x.edn declares nothing that runs; a graph needs a worker"), "\(found.text)")
        }
    }
}
