import Foundation
import Sluice
import Testing
import Values

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

    /// What an evaluation does that was interrupted once it has said that its `finally` block goes on.
    private func interrupted(_ text: String, finallyMs: Int64, times: Int) throws -> (reply: REPLReply, next: String) {
        let screen = Screen()
        let console = screen.console()
        let session = Session(SessionMaking.options(RunRequest(.none), console, path: nil))
        let conversation = SessionREPL(session, console, seconds: nil, finallyMs: finallyMs)
        defer { conversation.close() }
        let began = startThread {
            for count in 0..<times {
                let sign = count == 0 ? "began" : "leaving"
                while !screen.output.contains(sign) { usleep(1_000) }
                conversation.interrupt()
            }
        }
        #expect(began)
        let reply = conversation.submit(text, atEnd: true) { _ in }
        var next = ""
        #expect(conversation.submit("(+ 1 2)", atEnd: true) { next = $0 } == .done)
        return (reply, next)
    }

    private static let stubborn = [
        "(Thread/sleep 1000000)", "(loop [] (recur))",
        "(while true (try (Thread/sleep 1000) (catch Throwable e)))",
        "(try (loop [] (recur)) (finally (loop [] (recur))))",
        "(try (Thread/sleep 1000000) (finally (try (loop [] (recur)) (finally (Thread/sleep 1000000)))))",
    ]

    /// The second Ctrl-C ends what the first left to `finally` blocks, and the conversation goes on.
    @Test(.timeLimit(.minutes(1)), arguments: stubborn) func theSecondInterruptCutsOff(_ rest: String) throws {
        let found = try interrupted(
            "(try (println :began) (Thread/sleep 1000000) (finally (println :leaving) \(rest)))", finallyMs: 1_000_000,
            times: 2)
        #expect(found.reply == .interrupted && found.next == "3")
    }

    /// So does the end of the grace.
    @Test(.timeLimit(.minutes(1)), arguments: stubborn) func theEndOfTheGraceCutsOff(_ rest: String) throws {
        let found = try interrupted(
            "(try (println :began) (loop [] (recur)) (finally \(rest)))", finallyMs: 20, times: 1)
        #expect(found.reply == .cutOff && found.next == "3")
    }

    /// What other evaluations started goes on.
    @Test(.timeLimit(.minutes(1))) func onlyTheEvaluationIsCutOff() throws {
        let screen = Screen()
        let console = screen.console()
        let session = Session(SessionMaking.options(RunRequest(.none), console, path: nil))
        let conversation = SessionREPL(session, console, seconds: nil, finallyMs: 1)
        defer { conversation.close() }
        #expect(conversation.submit("(def go? (promise)) (def f (future @go? :kept))", atEnd: true) { _ in } == .done)
        let began = startThread {
            while !screen.output.contains("began") { usleep(1_000) }
            conversation.interrupt()
        }
        #expect(began)
        #expect(
            conversation.submit("(try (println :began) (loop [] (recur)) (finally (loop [] (recur))))", atEnd: true) {
                _ in
            }
                == .cutOff)
        var kept = ""
        #expect(conversation.submit("(deliver go? 1) @f", atEnd: true) { kept = $0 } == .done)
        #expect(kept == ":kept")
    }
}
