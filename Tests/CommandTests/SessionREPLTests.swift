import Foundation
import Testing

@testable import Command

/// The REPL over a real session.
@Suite struct SessionREPLTests {
    /// What a conversation over lines prints.
    private func converse(_ lines: [String], file: String? = nil) throws -> Screen {
        let screen = Screen()
        let request = RunRequest(file.map { .file($0) } ?? .none)
        guard case .opened(let session) = SessionDriver().openREPL(request, screen.console()) else {
            Issue.record("the REPL does not open: \(screen.error)")
            return screen
        }
        REPL(screen.console(), ScriptedLines(lines.map { .line($0) })).converse(session)
        session.close()
        return screen
    }

    /// As in Clojure's REPL, what explains things needs no `require`.
    @Test func conveniencesAreAtHand() throws {
        let screen = try converse([
            "(doc if)", "(defn f \"Mine.\" [x]", "  x)", "(source f)", "(apropos \"swap-vals\")",
            "(dir clojure.template)",
            "{:a 1}", "(pp)", "(pprint [1])",
        ])
        #expect(screen.error == "")
        #expect(
            screen.output.hasPrefix("-------------------------\nif\n  (if test then else?)\nSpecial Form\n"))
        #expect(
            screen.output.hasSuffix(
                """
                #'user/f
                (defn f "Mine." [x]
                  x)
                nil
                (clojure.core/swap-vals!)
                apply-template
                do-template
                nil
                {:a 1}
                {:a 1}
                nil
                [1]
                nil

                """))
    }

    /// A script's own names come first.
    @Test func aScriptsOwnNamesStay() throws {
        let folder = try ScratchFolder(["own.slu": "(ns own)\n(defn doc [x] [:mine x])\n"])
        let screen = try converse(["(doc 1)", "(dir own)"], file: folder.path("own.slu"))
        #expect(screen.output == "[:mine 1]\ndoc\nnil\n")
    }
}
