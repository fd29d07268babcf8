import Reader

/// What can be asked of the program: the one table of commands. The raw value is what the user types. Help, the parser,
/// suggestions and the README's table come from it; a command stands here once it works.
package enum CommandName: String, CaseIterable, Sendable {
    case run, eval, check, graph, test, trace, fmt, repl, version, help

    package struct Row: Sendable {
        /// Operands that must be there, then those that may be, as help shows them.
        package let required: [String]
        package let optional: [String]
        /// Whether the last of the required operands may be given more than once.
        package let repeats: Bool
        /// Whether what follows the operands is handed to the script.
        package let takesScriptArguments: Bool
        package let flags: [Flag]
        /// One line.
        package let doc: String
        /// What help adds, in sentences.
        package let more: String

        init(
            _ required: [String] = [], optional: [String] = [], repeats: Bool = false, arguments: Bool = false,
            flags: [Flag] = [],
            _ doc: String,
            more: String = ""
        ) {
            self.required = required
            self.optional = optional
            self.repeats = repeats
            takesScriptArguments = arguments
            self.flags = flags
            self.doc = doc
            self.more = more
        }

        /// `FILE|-|DIR [ARGS]`; `FILE...` for one that may be repeated.
        package var operands: String {
            (required.dropLast() + required.suffix(1).map { repeats ? "\($0)..." : $0 }
                + optional.map { "[\($0)]" } + (takesScriptArguments ? ["[ARGS]"] : [])).joined(separator: " ")
        }
    }

    package var row: Row {
        switch self {
        case .run:
            Row(
                ["FILE|-|DIR"], arguments: true,
                flags: [
                    .once, .http, .allow, .json, .trace, .virtualTime, .seed, .maxSteps, .maxMemory, .maxSeconds,
                ],
                "runs a script, and the graph that it declares",
                more: """
                    `-` reads the script from standard input; a folder is run by its main.slu. The script sees ARGS as
                    *command-line-args*. A graph runs until nothing can happen any more, or until Ctrl-C. Flags of sluice may
                    stand after FILE too; write `--` before flags that are the script's own. `sluice FILE ARGS`, as a #! line
                    gives it, hands everything after FILE to the script.
                    """)
        case .eval:
            Row(
                ["EXPR"], arguments: true, flags: [.allow, .json, .trace, .maxSteps, .maxMemory, .maxSeconds],
                "evaluates an expression and prints its value", more: "The expression sees ARGS as *command-line-args*."
            )
        case .check:
            Row(
                ["FILE"], flags: [.json], "finds mistakes without running, and lists what the script needs",
                more: "Exit code 2 when something must be mended before it can run.")
        case .graph:
            Row(
                ["FILE"], flags: [.format], "prints the graph that a script declares",
                more: """
                    FILE is evaluated, for its code may declare, but what it declares is not started. What the script prints
                    goes to standard error, so that standard output is the graph alone.
                    """)
        case .test:
            Row(
                ["FILE|DIR"], repeats: true,
                flags: [
                    .only, .allow, .json, .virtualTime, .seed, .schedules, .maxSteps, .maxMemory, .maxSeconds,
                ],
                "runs the tests of files, or of all test files of folders",
                more: """
                    Test files of a folder are those called *_test.slu, *_test.cljc or *_test.clj, and all others with a
                    deftest. Each is loaded by itself, and the tests that it defines are run. Namespaces are looked for beside
                    the file, in the folder, in the working directory, and below the folder that the file's ns implies. Budgets of
                    steps and memory are each file's own. What a test starts and nobody waits for, a fiber or a process, fails
                    the run when it fails, as an error of its own, with the name of the test.
                    With --schedules, a file is simulated under the seeds from --seed on until a test fails; the seed is
                    printed, and the fewest turns found that have to be out of the ordinary for the failure. Exit code 1 when
                    a test failed, 2 when a file could not be loaded or there are no tests.
                    """)
        case .trace:
            Row(
                ["TRACE"], optional: ["ID"], flags: [.json],
                "shows what happened in a run, or tells why the effect or process with an id waited, failed or did not run",
                more: """
                    TRACE is what `sluice run FILE --trace TRACE` wrote. ID is written as the trace shows it; the quotation
                    marks of a text may be left out. Of several effects with one id the latest counts. A trace that a crash
                    cut is read as far as it goes. An id that is an effect's and a process's means the effect. Exit code 2 when
                    it is neither's.
                    """)
        case .fmt:
            Row(
                ["FILE|-|DIR"], repeats: true, flags: [.checkOnly], "formats source files in place",
                more: """
                    Only white space between forms changes: lines are indented, and those longer than \(SourceFormatter.width)
                    columns broken where that helps. A folder stands for the source files in it. `-` formats standard input
                    to standard output. A file that cannot be read as code is left alone: exit code 2.
                    """)
        case .repl:
            Row(
                optional: ["FILE"], flags: [.allow, .maxSteps, .maxMemory, .maxSeconds],
                "reads forms, evaluates them and prints their values; inside FILE's namespace when one is given",
                more: """
                    The graph that FILE declares runs meanwhile: what is defined or declared again changes it as it runs, and
                    (sluice.workers/running) is what commands and requests go to.
                    Tab completes names, Ctrl-C gives up the line or the evaluation, and once more its finally blocks,
                    which end by themselves after five seconds; Ctrl-D leaves. A budget counts for each evaluation anew, and
                    ends that alone. The history is kept in $XDG_STATE_HOME/sluice/history, or
                    ~/.local/state/sluice/history.
                    """)
        case .version: Row(flags: [.json], "prints the version")
        case .help: Row(optional: ["COMMAND"], "explains a command")
        }
    }

    /// The flags it takes; every command explains itself.
    package var flags: [Flag] { row.flags + [.help] }
}

/// The one table of flags. The raw value is what stands after `--`.
package enum Flag: String, CaseIterable, Sendable {
    case once
    case http
    case allow
    case json
    case trace
    case format
    case virtualTime = "virtual-time"
    case seed
    case schedules
    case only
    case checkOnly = "check"
    case maxSteps = "max-steps"
    case maxMemory = "max-memory"
    case maxSeconds = "max-seconds"
    case help

    /// What it is called in messages and help.
    package var spelling: String { "--\(rawValue)" }

    /// What follows it; nil when nothing does.
    package var argument: String? {
        switch self {
        case .once, .json, .virtualTime, .checkOnly, .help: nil
        case .http: "PORT"
        case .trace: "TRACE"
        case .allow: "KIND[=WHAT]"
        case .format: GraphFormat.allCases.map(\.rawValue).joined(separator: "|")
        case .seed, .schedules, .maxSteps: "N"
        case .only: "NAMESPACE[/TEST]"
        case .maxMemory: "BYTES"
        case .maxSeconds: "S"
        }
    }

    package var doc: String {
        switch self {
        case .once: "handle what is there, finish what is in flight, and end"
        case .http:
            "serve exposed workers at POST /commands/ID of this port of 127.0.0.1, and take events at POST /events/TYPE; 0 for a free one"
        case .allow: "grant more than the usual; may be repeated"
        case .json: "one JSON object a line on standard output"
        case .trace: "write everything that happens to the file TRACE, for `sluice trace`"
        case .format: "how to print it; mermaid unless given"
        case .virtualTime: "simulate: one thread, a clock that jumps, an order that the seed decides"
        case .seed: "the seed of --virtual-time; 0 unless given"
        case .schedules: "look for a failure in the schedules of so many seeds; implies --virtual-time"
        case .only: "run the tests of this namespace, or this test, alone"
        case .checkOnly: "change nothing; exit code 1 and the names of the files that would change"
        case .maxSteps: "stop with code 3 after so many instructions"
        case .maxMemory: "stop with code 3 when values need more; K, M and G may follow the number"
        case .maxSeconds: "stop with code 3 after so long"
        case .help: "explain the command"
        }
    }
}

/// How `graph` prints.
package enum GraphFormat: String, CaseIterable, Sendable {
    case mermaid, dot, html, json
}
