import Foundation
import TestSupport
import Testing

/// The REPL as a person at a terminal has it: the program as built, on a terminal device.
@Suite(.serialized, .enabled(if: PseudoTerminal.isAvailable, "this system gives no terminal devices"))
struct ConversationTests {
    /// Converses in a folder of its own, which is also the home of the history.
    private func converse(
        _ arguments: [String] = [], files: [String: String] = [:], environment: [String: String] = [:],
        columns: Int = 80, prompt: String = "user=>", _ body: (TerminalProgram, Scratch) throws -> Void
    ) throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        for (name, text) in files { try scratch.write(name, text) }
        let program = try TerminalProgram.sluice(
            ["repl"] + arguments, environment: environment, folder: scratch.folder, columns: columns)
        program.shows(prompt)
        try body(program, scratch)
        #expect(program.terminal.screen.unknown.isEmpty)
    }

    /// Enters a line and waits for the next prompt.
    private func enter(_ program: TerminalProgram, _ line: String, _ place: SourceLocation = #_sourceLocation) {
        let before = program.lines.count
        program.type(line + "\r")
        let isAnswered = program.terminal.wait { $0.lines.count > before && $0.current == "user=>" }
        #expect(isAnswered, "\(program.lines.suffix(12))", sourceLocation: place)
    }

    @Test func formsValuesAndErrors() throws {
        try converse { program, _ in
            for line in ["(defn f [x]", "(inc x))"] { program.type(line + "\r") }
            enter(program, "")
            for line in ["(f 1)", "(f 2)", "[*1 *2 *3]", "(f :a)", "(ex-message *e)", "(str \"größe 日本 🎉\")"] {
                enter(program, line)
            }
            program.type("\u{4}")
            #expect(program.end() == 0)
            #expect(
                program.lines == [
                    "user=> (defn f [x]", "   ... (inc x))", "#'user/f", "user=>", "user=> (f 1)", "2", "user=> (f 2)",
                    "3", "user=> [*1 *2 *3]", "[3 2 #'user/f]", "user=> (f :a)",
                    "<repl 1>:2:6: error: inc expected a number, but found the keyword :a", "  2 | (inc x))",
                    "    |      ^ this is the keyword :a", "  call stack:", "    f          <repl 1>:2:1",
                    "    top level  <repl 5>:1:1",
                    "user=> (ex-message *e)", "\"inc expected a number, but found the keyword :a\"",
                    "user=> (str \"größe 日本 🎉\")", "\"größe 日本 🎉\"", "user=> ^D",
                ])
        }
    }

    @Test func keysEditTheLine() throws {
        try converse { program, _ in
            // Left, delete, the beginning of the line; history upwards; completion.
            program.type("nc 41)\u{1}(ix\u{7f}\r")
            program.showed("42")
            program.type("\u{1b}[A")
            program.shows("user=> (inc 41)")
            program.type("\u{1b}[D\u{7f}3\r")
            program.showed("44")
            program.type("(clojure.string/jo\t[1 2])\r")
            program.showed("\"12\"")
        }
    }

    /// P: the file that `sluice repl --help` names. Each line is kept at once, so a terminal that goes away loses none.
    @Test func historyOutlivesTheConversation() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let first = try TerminalProgram.sluice(["repl"], folder: scratch.folder)
        first.shows("user=>")
        let second = try TerminalProgram.sluice(["repl"], folder: scratch.folder)
        second.shows("user=>")
        enter(first, "(+ 1 10)")
        enter(second, "(+ 2 20)")
        first.signal(SIGHUP)
        #expect(first.end() == 129)
        second.type("\u{4}")
        #expect(second.end() == 0)
        #expect(try scratch.read(".local/state/sluice/history") == "(+ 1 10)\n(+ 2 20)\n")
        let elsewhere = ["XDG_STATE_HOME": scratch.folder.appending(path: ".local/state").path, "HOME": "/nonexistent"]
        let third = try TerminalProgram.sluice(["repl"], environment: elsewhere, folder: scratch.folder)
        third.shows("user=>")
        third.type("\u{1b}[A")
        third.shows("user=> (+ 2 20)")
        third.type("\u{1b}[A")
        third.shows("user=> (+ 1 10)")
    }

    /// Whatever it is that does not end, and what was defined stays.
    @Test func controlCEndsAnEvaluationAndKeepsDefinitions() throws {
        try converse { program, _ in
            enter(program, "(def kept 7)")
            enter(program, "(defmacro endless [] (loop [] (recur)))")
            let endless = [
                "(loop [] (recur))", "(Thread/sleep 100000)", "(range)", "(hash (range))", "(reduce + (range))",
                "(endless)",
                "(sorted-set-by (fn [a b] (loop [] (recur))) 1 2)",
            ]
            for (index, form) in endless.enumerated() {
                program.type(form + "\r")
                program.shows("")
                // It may not have begun: then Ctrl-C gives up a line that is empty, and has to be pressed again.
                let isEnded = program.terminal.wait { screen in
                    program.type("\u{3}")
                    usleep(20_000)
                    return screen.lines.count { $0 == "interrupted" } > index
                }
                #expect(isEnded, "\(form)")
                program.shows("user=>")
            }
            // The terminal drops what it has not handed on when Ctrl-C is pressed.
            program.type("(abc")
            program.shows("user=> (abc")
            program.type("\u{3}")
            program.shows("user=>")
            #expect(program.lines.suffix(2) == ["user=> (abc^C", "user=>"])
            program.type("(abc\r")
            program.shows("   ...")
            program.type("\u{3}")
            program.shows("user=>")
            program.type("kept\r")
            program.showed("7")
            program.shows("user=>")
            program.type("\u{4}")
            #expect(program.end() == 0)
        }
    }

    @Test func outputOfOthersGoesAboveTheLine() throws {
        try converse(columns: 40) { program, _ in
            enter(program, "(require '[clojure.core.async :refer :all])")
            enter(program, "(go (dotimes [i 2] (<! (timeout 150)) (println \"tick\" i)))")
            // A line of two rows, the cursor in its first.
            program.type("(count \"日本 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\")")
            program.type(String(repeating: "\u{1b}[D", count: 40))
            let line = ["user=> (count \"日本 aaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaaaaaa\")"]
            let expected = ["tick 0", "tick 1"] + line
            #expect(program.terminal.wait { $0.lines.suffix(4) == expected && $0.current == line[0] })
            program.type("\r")
            program.showed("47")
        }
    }

    @Test func pastedTextOfAnyLength() throws {
        try converse { program, _ in
            let long = String(repeating: "x", count: 20_000)
            program.type(
                "(defn g [a\n         b]\n  ; (\n  (+ a\n     b))\n(g 1 2)\n(Thread/sleep 200)\n(count \"\(long)\")\n[:done\n]\n"
            )
            program.showed("[:done]")
            #expect(program.lines.contains("3") && program.lines.contains("20000"))
            #expect(
                program.lines.prefix(6) == [
                    "user=> (defn g [a", "   ...          b]", "   ...   ; (", "   ...   (+ a", "   ...      b))",
                    "#'user/g",
                ])
        }
    }

    @Test func leavesTheTerminalAsItWas() throws {
        try converse { program, _ in
            #expect(program.terminal.isRaw && !program.terminal.echoes)
            program.type("(+ 1")
            program.shows("user=> (+ 1")
            program.signal(SIGTERM)
            #expect(program.end() == 143)
            #expect(!program.terminal.isRaw && program.terminal.echoes)
        }
        try converse { program, _ in
            program.type("(System/exit 5)\r")
            #expect(program.end() == 5)
            #expect(!program.terminal.isRaw && program.terminal.echoes)
        }
    }

    /// A window that is closed takes the programs along that the conversation has started, whether it waits for them or not.
    @Test(.timeLimit(.minutes(1)), arguments: [(SIGHUP, Int32(129)), (SIGTERM, Int32(143))], ["", "(future "])
    func childrenEndWithTheConversation(_ end: (signal: Int32, code: Int32), _ around: String) throws {
        try converse(["--allow", "run=sh"]) { program, scratch in
            let text = "echo $$ > child; mv child ready; exec sleep 1000"
            let close = around.isEmpty ? "" : ")"
            program.type("\(around)(perform (effect :proc/run {:args [\"sh\" \"-c\" \"\(text)\"]}))\(close)\r")
            #expect(program.terminal.wait { _ in (try? scratch.read("ready")) != nil })
            let child = try #require(try scratch.read("ready").split(separator: "\n").first.flatMap { pid_t($0) })
            program.signal(end.signal)
            #expect(program.end() == end.code)
            #expect(kill(child, 0) != 0 && errno == ESRCH)
            #expect(!program.terminal.isRaw && program.terminal.echoes)
        }
    }

    /// The shell here leaves the terminal as the stopped program does.
    @Test func stopsAndGoesOn() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let shell = try TerminalProgram(
            "/bin/sh", ["-i"], environment: ["PS1": "$ ", "ENV": ""], folder: scratch.folder)
        shell.shows("$")
        shell.type("\(try Repository.program.path) repl\n")
        shell.shows("user=>")
        shell.type("(+ 1")
        shell.shows("user=> (+ 1")
        shell.type("\u{1a}")
        shell.shows("$")
        #expect(!shell.terminal.isRaw && shell.terminal.echoes)
        shell.type("fg\n")
        shell.shows("user=> (+ 1")
        shell.type("00\u{7f} 1)\r")
        shell.showed("11")
        shell.shows("user=>")
        shell.type("(do (println :sleeping) (Thread/sleep 300000))\r")
        shell.showed(":sleeping")
        shell.type("\u{1a}")
        shell.shows("$")
        #expect(!shell.terminal.isRaw && shell.terminal.echoes)
        shell.type("fg\n")
        #expect(shell.terminal.wait { _ in shell.terminal.isRaw && !shell.terminal.echoes })
        shell.type("\u{3}")
        shell.showed("interrupted")
        shell.shows("user=>")
        shell.type("\u{4}")
        shell.shows("$")
        shell.type("exit\n")
        #expect(shell.end() == 0)
    }

    @Test func aFileIsLoadedFirst() throws {
        let going =
            "(ns a.b (:require [clojure.core.async :refer [go <! timeout]]))\n(def x 5)\n(go (<! (timeout 1)))\n"
        try converse(["a.slu"], files: ["a.slu": going], prompt: "a.b=>") { program, _ in
            program.type("\u{3}")
            program.showed("a.b=> ^C")
            program.shows("a.b=>")
            program.type("x\r")
            program.showed("5")
        }
        let scratch = try Scratch()
        defer { scratch.remove() }
        try scratch.write("endless.slu", "(println :loading) (loop [] (recur))")
        let loading = try TerminalProgram.sluice(["repl", "endless.slu"], folder: scratch.folder)
        loading.showed(":loading")
        loading.type("\u{3}")
        #expect(loading.end() == 130)
    }

    /// A terminal that cannot move its cursor, such as an editor's window, has a prompt and no more.
    @Test func aDumbTerminal() throws {
        try converse(environment: ["TERM": "dumb"]) { program, _ in
            program.type("(+ 1\n")
            program.shows("   ...")
            program.type("\u{3}")
            program.showed("   ... ^C")
            program.shows("")
            program.type("(+ 20 3)\n")
            program.showed("23")
            program.shows("user=>")
            #expect(!program.terminal.bytes.contains(0x1b))
            program.type("\u{4}")
            #expect(program.end() == 0)
        }
    }
}

/// The REPL at the end of a pipe: values and errors, nothing else.
@Suite struct PipedConversationTests {
    private func converse(_ text: String, _ flags: [String] = []) throws -> Repository.Result {
        try Repository.run(try Repository.program, ["repl"] + flags, input: text)
    }

    @Test(arguments: [
        ("(+ 1 2)\n", "3\n"), ("(+ 1\n 2)", "3\n"), ("1 2\n\n; nothing\n#_3\n", "1\n2\n"), ("", ""),
        // Each form is read in the namespace that the one before it left.
        ("(ns a) ::b\n", "nil\n:a/b\n"), ("(require '[clojure.string :as s]) ::s/x", "nil\n:clojure.string/x\n"),
        ("\"größe 日本 🎉\"\n", "\"größe 日本 🎉\"\n"),
    ]) func valuesAlone(text: String, printed: String) throws {
        let result = try converse(text)
        #expect(result.output == printed)
        #expect(result.error == "" && result.code == 0)
    }

    @Test func whatCameBeforeAnErrorIsPrinted() throws {
        let result = try converse("1 (+ 1 :a) 2\n3\n(")
        #expect(result.output == "1\n3\n")
        #expect(
            result.error.contains("<repl 1>:1:8: error: + expected a number") && result.error.contains("<repl 3>:1:1"))
        #expect(!result.error.contains("\u{1b}"))
    }

    /// A budget ends the evaluation that used it up, and the next one has all of its own.
    @Test(arguments: [
        (["--max-steps", "300000"], "(loop [] (recur))"), (["--max-steps", "300000"], "(reduce + (range))"),
        (["--max-seconds", "0.1"], "(loop [] (recur))"), (["--max-seconds", "0.1"], "(reduce + (range))"),
        (["--max-memory", "30M"], "(vec (range 3000000))"), (["--max-memory", "30M"], "(into [] (range))"),
    ]) func budgetsAreForEachEvaluation(flags: [String], endless: String) throws {
        let fits = "(reduce + (range 1000))\n"
        let result = try converse(fits + endless + "\n" + fits + endless + "\n" + fits, flags)
        #expect(result.output == "499500\n499500\n499500\n")
        #expect(result.error.split(separator: "\n").count { $0.contains("budget ran out") } == 2)
    }

    @Test func aReaderThatLeftEndsIt() throws {
        let program = try Repository.program.path
        let result = try Repository.run(
            URL(filePath: "/bin/sh"), ["-c", "yes 1 | ( '\(program)' repl; echo $? >&2 ) | head -n 1"])
        #expect(result.output == "1\n")
        #expect(result.error == "141\n")
    }
}
