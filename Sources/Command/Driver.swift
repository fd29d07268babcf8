import Engine

/// What a command ends with: the one table of exit codes.
package enum ExitCode: Int32, CaseIterable, Sendable {
    case done = 0
    case failed = 1
    /// Could not be read, checked or found; or the arguments do not make sense.
    case unusable = 2
    case budget = 3
    case hungUp = 129
    case interrupted = 130
    case brokenPipe = 141
    case terminated = 143

    package var doc: String {
        switch self {
        case .done: "done"
        case .failed: "the script, or some of its work, failed"
        case .unusable: "it could not be read, checked or found"
        case .budget: "a budget ran out"
        case .hungUp: "the terminal is gone"
        case .interrupted: "Ctrl-C"
        case .brokenPipe: "nobody reads the output"
        case .terminated: "terminated"
        }
    }

    /// What help lists: a broken pipe is the shell's business.
    static let documented: [ExitCode] = allCases.filter { $0 != .brokenPipe }
}

/// What is to be run, and how.
package struct RunRequest: Equatable, Sendable {
    package enum Source: Equatable, Sendable {
        /// A file or a folder.
        case file(String)
        case standardInput
        /// The text of forms; the value of the last one is printed.
        case expression(String)
        /// A REPL without a file.
        case none
    }

    package enum Schedule: Equatable, Sendable {
        case threads
        case virtual(seed: UInt64)
    }

    /// Nil for no limit (N6).
    package struct Limits: Equatable, Sendable {
        package var steps: Int64?
        /// Bytes.
        package var memory: Int64?
        package var seconds: Double?
    }

    package var source: Source
    /// `*command-line-args*`.
    package var arguments: [String]
    package var once = false
    /// The loopback port on which exposed workers are served.
    package var http: UInt16?
    package var json = false
    /// The file that everything that happens is written to.
    package var trace: String?
    /// The arguments of `--allow`, already found to make sense.
    package var allow: [String] = []
    package var schedule = Schedule.threads
    package var limits = Limits()

    package init(_ source: Source, arguments: [String] = []) {
        self.source = source
        self.arguments = arguments
    }
}

/// Which tests are to be run, and how.
package struct TestRequest: Equatable, Sendable {
    package struct Selection: Equatable, Sendable {
        package var namespace: String
        /// Nil for all of the namespace.
        package var test: String?
    }

    /// Files and folders.
    package var paths: [String]
    package var only: Selection?
    /// Under how many simulated schedules each file is tested; nil for one, as the settings say.
    package var schedules: Int?
    /// Grants, budgets, schedule and `--json`.
    package var settings: RunRequest

    package init(paths: [String], settings: RunRequest = RunRequest(.none)) {
        self.paths = paths
        self.settings = settings
    }
}

/// Which trace is to be shown, and what of it.
package struct TraceRequest: Equatable, Sendable {
    package var path: String
    /// Of the effect that is asked about; nil for all of the trace.
    package var id: String?
    package var json = false

    package init(path: String, id: String? = nil, json: Bool = false) {
        self.path = path
        self.id = id
        self.json = json
    }
}

/// What the commands need of the rest of Sluice: one method for each. Each writes to the console and answers the exit code.
package protocol ScriptDriver: Sendable {
    /// Runs a script or an expression. Once it can be stopped, it tells `control` how.
    func run(_ request: RunRequest, _ control: RunControl) -> Int32
    func check(_ path: String, json: Bool, _ console: Console) -> Int32
    func graph(_ path: String, _ format: GraphFormat, _ console: Console) -> Int32
    func test(_ request: TestRequest, _ control: RunControl) -> Int32
    /// Formats files in place, or says which ones would change.
    func format(_ paths: [String], checkOnly: Bool, _ console: Console) -> Int32
    /// Loads what `request` names; a failure is written to the console and answered as its exit code.
    func openREPL(_ request: RunRequest, _ console: Console) -> REPLStart
    /// Shows what a run wrote with `--trace`.
    func trace(_ request: TraceRequest, _ console: Console) -> Int32
}

package enum REPLStart {
    case opened(any REPLSession)
    case failed(Int32)
}

/// One conversation.
package protocol REPLSession: AnyObject, Sendable {
    /// `user=> `, by the namespace it is in.
    var prompt: String { get }
    /// Evaluates `text`: one or more forms.
    ///
    /// - Parameters:
    ///   - atEnd: nothing more will come, so a form that is not closed is an error and not `incomplete`.
    ///   - print: is given the readable value of each form, as soon as it has one.
    func submit(_ text: String, atEnd: Bool, print: (String) -> Void) -> REPLReply
    /// The names that begin with `prefix`, in order.
    func completions(of prefix: String) -> [String]
    /// Ends the evaluation in progress, if there is one. Called on another thread.
    func interrupt()
    /// Sets what happens when the script asks the process to end. Called on any thread.
    func whenExiting(_ body: @escaping @Sendable (Int32) -> Void)
    /// Ends what the conversation started.
    func close()
}

package enum REPLReply: Equatable, Sendable {
    /// The text ends inside a form.
    case incomplete
    /// Each form had a value.
    case done
    /// `interrupt` ended it.
    case interrupted
    /// It was interrupted, and what its `finally` blocks still did some seconds later was cut off.
    case cutOff
    /// The rendered diagnostic, with its line break.
    case failed(String)
}
