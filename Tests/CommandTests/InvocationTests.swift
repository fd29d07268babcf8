import Testing

@testable import Command

/// Arguments → what they ask for.
@Suite struct InvocationTests {
    private func read(_ line: String) throws(UsageError) -> Invocation {
        try Invocation(line.split(separator: " ").map(String.init), isFile: { $0 == "notes" })
    }

    private func request(_ source: RunRequest.Source, _ change: (inout RunRequest) -> Void = { _ in }) -> Invocation {
        var request = RunRequest(source)
        change(&request)
        return .run(request)
    }

    @Test func aScriptTakesItsArgumentsAndSluiceItsFlagsOnBothSides() throws {
        let expected = request(.file("a.slu")) {
            $0.arguments = ["x", "-5"]
            $0.once = true
            $0.json = true
        }
        #expect(try read("run --once a.slu x --json -5") == expected)
    }

    @Test func aTraceIsWrittenToAFile() throws {
        #expect(
            try read("run a.slu --trace t x") == request(.file("a.slu")) { ($0.arguments, $0.trace) = (["x"], "t") })
        #expect(try read("eval --trace=t 1") == request(.expression("1")) { $0.trace = "t" })
        #expect(throws: UsageError.self) { try read("run a.slu --trace") }
    }

    @Test func afterTwoDashesEverythingIsTheScripts() throws {
        #expect(try read("run a.slu -- --once -x") == request(.file("a.slu")) { $0.arguments = ["--once", "-x"] })
        #expect(try read("run -- -odd.slu --once") == request(.file("-odd.slu")) { $0.arguments = ["--once"] })
    }

    @Test func aPathInPlaceOfACommandIsRunWithAllThatFollows() throws {
        // What the kernel makes of `#!/usr/bin/env sluice`.
        #expect(try read("./a.slu --json --help") == request(.file("./a.slu")) { $0.arguments = ["--json", "--help"] })
        #expect(try read("notes") == request(.file("notes")))
        #expect(try read("-") == request(.standardInput))
        #expect(try read("run -") == request(.standardInput))
    }

    @Test func budgetsAndSimulation() throws {
        let expected = request(.expression("x")) {
            $0.limits = RunRequest.Limits(steps: 1000, memory: 64 << 20, seconds: 1.5)
            $0.allow = ["read=/tmp", "net"]
        }
        #expect(
            try read("eval --max-steps 1000 --max-memory=64M --max-seconds 1.5 --allow read=/tmp x --allow net")
                == expected)
        #expect(
            try read("run --virtual-time --seed 7 a.slu") == request(.file("a.slu")) { $0.schedule = .virtual(seed: 7) }
        )
        #expect(try read("run --virtual-time a.slu") == request(.file("a.slu")) { $0.schedule = .virtual(seed: 0) })
    }

    @Test func theOtherCommands() throws {
        #expect(try read("check a.slu --json") == .check(path: "a.slu", json: true))
        #expect(try read("graph a.slu") == .graph(path: "a.slu", .mermaid))
        #expect(try read("graph --format=dot a.slu") == .graph(path: "a.slu", .dot))
        #expect(try read("fmt a.slu - --check b") == .format(paths: ["a.slu", "-", "b"], checkOnly: true))
        #expect(try read("trace a.trace") == .trace(TraceRequest(path: "a.trace")))
        #expect(try read("trace --json a.trace :b") == .trace(TraceRequest(path: "a.trace", id: ":b", json: true)))
        #expect(try read("fmt -- -a.slu") == .format(paths: ["-a.slu"], checkOnly: false))
        #expect(try read("repl") == .repl(RunRequest(.none)))
        #expect(try read("repl a.slu") == .repl(RunRequest(.file("a.slu"))))
        #expect(try read("version") == .version(json: false))
        #expect(try read("") == .help(nil))
        #expect(try read("help run") == .help(.run))
    }

    @Test func testsAreRunAsScriptsAre() throws {
        var request = TestRequest(paths: ["a_test.slu", "test"])
        request.only = TestRequest.Selection(namespace: "a.b-test", test: "adds")
        request.settings.allow = ["read=/tmp"]
        request.settings.json = true
        request.settings.schedule = .virtual(seed: 3)
        request.settings.limits.steps = 9
        #expect(
            try read(
                "test a_test.slu --only a.b-test/adds --allow read=/tmp test --json --virtual-time --seed 3 --max-steps 9"
            ) == .test(request))
        request = TestRequest(paths: ["a"])
        request.only = TestRequest.Selection(namespace: "a")
        #expect(try read("test --only=a a") == .test(request))
    }

    @Test(arguments: CommandName.allCases) func everyCommandExplainsItself(_ command: CommandName) throws {
        #expect(try read("\(command.rawValue) --help") == .help(command))
        #expect(try read("\(command.rawValue) -h") == .help(command))
        let text = HelpText.command(command)
        for flag in command.row.flags { #expect(text.contains(flag.spelling)) }
        #expect(HelpText.program().contains(command.rawValue))
        for line in (text + HelpText.program()).split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
    }

    @Test(arguments: [
        ("rnu a.slu", "there is no command or file \"rnu\"", "did you mean `run`?"),
        ("--once", "there is no flag --once before a command", nil),
        ("run", "`run` needs FILE|-|DIR", nil),
        ("run --onec a.slu", "`run` has no flag --onec", "did you mean `--once`?"),
        ("run a.slu --verbose", "`run` has no flag --verbose", "write `--` before flags that are the script's own"),
        ("run --seed 3 a.slu", "--seed orders a simulation; it needs --virtual-time beside it", nil),
        ("run --virtual-time --seed -3 a.slu", "--seed needs a whole number of at least 0, not \"-3\"", nil),
        ("run --seed", "--seed needs a value: --seed N", nil),
        ("run --once=yes a.slu", "--once takes no value, but \"yes\" was given", nil),
        ("run --http 99999 a.slu", "--http needs a whole number from 0 to 65535, not \"99999\"", nil),
        ("run --max-steps 0 a.slu", "--max-steps needs a whole number of at least 1, not \"0\"", nil),
        ("run --max-steps 1 --max-steps 2 a.slu", "--max-steps is given twice", nil),
        (
            "run --max-memory 9999999999G a.slu",
            "--max-memory needs a number of bytes such as 64M, not \"9999999999G\"", nil
        ),
        ("run --max-seconds inf a.slu", "--max-seconds needs a positive number, not \"inf\"", nil),
        ("run --allow raed=x a.slu", "--allow does not know \"raed\"", "did you mean read?"),
        ("check a.slu b.slu", "`check` does not take \"b.slu\" too", nil),
        ("check a.slu --once", "`check` has no flag --once", nil),
        ("graph a.slu --format dto", "--format does not know \"dto\"", "did you mean `dot`?"),
        ("test", "`test` needs FILE|DIR", nil),
        ("fmt", "`fmt` needs FILE|-|DIR", nil),
        ("fmt a --chek", "`fmt` has no flag --chek", "did you mean `--check`?"),
        ("test a --only a/", "--only needs a namespace, or a namespace/test, not \"a/\"", nil),
        ("help rnu", "there is no command or file \"rnu\"", "did you mean `run`?"),
    ])
    func mistakesAreExplained(_ line: String, _ message: String, _ hint: String?) {
        do throws(UsageError) {
            Issue.record("taken as \(try read(line))")
        } catch {
            #expect(error.message == message)
            #expect(error.hint == hint)
        }
    }

    /// Exit codes: 0 done, 1 failed, 2 unusable, 3 budget, 130 and 143 by signal.
    @Test func exitCodes() {
        #expect(ExitCode.documented.map(\.rawValue) == [0, 1, 2, 3, 129, 130, 143])
        #expect(StopSignal.allCases.allSatisfy { $0.exitCode.rawValue == 128 + $0.rawValue })
    }
}
