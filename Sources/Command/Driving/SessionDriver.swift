#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
import Adapters
import Compiler
import Engine
import Graph
import Machine
import Reader
import Sluice
import Values

/// Carries the commands out with sessions.
package struct SessionDriver: ScriptDriver {
    package init() {}

    package func run(_ request: RunRequest, _ control: RunControl) -> Int32 { ScriptRun(request, control).perform() }

    package func check(_ path: String, json: Bool, _ console: Console) -> Int32 {
        ScriptCheck(path, json: json, console).perform()
    }

    package func graph(_ path: String, _ format: GraphFormat, _ console: Console) -> Int32 {
        var options = SessionMaking.options(RunRequest(.file(path)), console, path: path)
        // Standard output is for the graph alone.
        options.output = options.errorOutput
        let session = Session(options)
        defer { session.shutDown() }
        switch SessionMaking.load(path, into: session) {
        case .failure(let fault): return FaultReport.write(fault, console)
        case .success:
            let format = ExportFormat(rawValue: format.rawValue) ?? .mermaid
            console.write(session.builder.graph.export(format, title: path), to: .output)
            return ExitCode.done.rawValue
        }
    }

    package func test(_ request: TestRequest, _ control: RunControl) -> Int32 {
        TestRun(request, control).perform()
    }

    package func format(_ paths: [String], checkOnly: Bool, _ console: Console) -> Int32 {
        FormatRun(paths, checkOnly: checkOnly, console).perform()
    }

    package func trace(_ request: TraceRequest, _ console: Console) -> Int32 {
        TraceShow(request, console).perform()
    }

    package func openREPL(_ request: RunRequest, _ console: Console) -> REPLStart {
        var path: String?
        if case .file(let file) = request.source { path = file }
        let session = Session(SessionMaking.options(request, console, path: path))
        if let path, case .failure(let fault) = SessionMaking.load(path, into: session) {
            return .failed(FaultReport.write(fault, console))
        }
        let conversation = SessionREPL(session, console, seconds: request.limits.seconds)
        do { try conversation.start() } catch let refusal as SystemPlan.Refusal {
            return .failed(FindingReport.write(refusal.findings, console))
        } catch {
            return .failed((error as? Fault).map { FaultReport.write($0, console) } ?? ExitCode.unusable.rawValue)
        }
        return .opened(conversation)
    }
}

/// Making sessions for commands.
enum SessionMaking {
    static func options(_ request: RunRequest, _ console: Console, path: String?) -> SessionOptions {
        var grants = Capabilities.usual(
            workingDirectory: WorkingDirectory.path, scriptDirectory: path.map { WorkingDirectory.folder(of: $0) },
            arguments: request.arguments, modelEndpoint: ChatEndpoint.fromEnvironment()?.baseURL)
        // The table of commands has seen that they make sense.
        for flag in request.allow { try? grants.allow(flag: flag) }
        var options = SessionOptions(grants: grants)
        options.redactor = console.redactor
        options.arguments = request.arguments
        options.sourcePaths = path.map { [WorkingDirectory.folder(of: $0), "."] } ?? ["."]
        options.script = path
        if case .virtual(let seed) = request.schedule { options.seed = seed }
        if let steps = request.limits.steps { options.limits.instructions = steps }
        if let memory = request.limits.memory { options.limits.memory = memory }
        options.output = { console.write(Array($0), to: .output) }
        options.errorOutput = { console.write(Array($0), to: .error) }
        options.uncaught = { fault, identity in
            console.write(FaultReport.text(fault, console, within: identity), to: .error)
        }
        return options
    }

    /// Evaluates a file: code, or, for `.edn`, a graph as data.
    static func load(_ path: String, into session: Session) -> Result<Value, Fault> {
        Result { () throws(Fault) in
            let source = try SourceFile.read(path)
            guard path.hasSuffix(".edn") else { return try session.evaluate(source).get() }
            try session.builder.load(data: try graph(in: source, session.instance.names))
            return .nil
        }
    }

    /// The one map that a graph as data is.
    private static func graph(in source: Source, _ names: Names) throws(Fault) -> Value {
        func refusal(_ title: String, at span: Span, _ hint: String) -> Fault {
            let exception = Exception(.syntax, title, hint: hint)
            exception.trace = [TraceFrame(function: nil, source: source, span: span)]
            return .thrown(exception)
        }
        let hint = "write {:channels {…} :workers {…}}"
        // With places, so that what is wrong with it is shown where it stands.
        var reader = Reader(source, names: names, dialect: .edn(EDNOptions(unknownTag: .keep, places: true)))
        let (first, second): (Form?, Form?)
        do throws(SyntaxError) {
            first = try reader.next()
            second = try reader.next()
        } catch {
            throw error.located
        }
        guard let first else { throw refusal("a graph must be a map, but the file is empty", at: Span(0, 0), hint) }
        guard case .map = first.value else {
            throw refusal("a graph must be a map, but this is \(first.value.briefly)", at: first.span, hint)
        }
        if let second {
            throw refusal(
                "a graph is one map, but here begins another value", at: second.span,
                "write all of it into the first map, or into a file of its own")
        }
        return first.value
    }
}

/// The rendered form of faults, and the exit code that each stands for.
enum FaultReport {
    static func text(
        _ fault: Fault, _ console: Console, fallback: SourceLabel? = nil, exhaustedAt calls: [TraceFrame] = []
    ) -> String {
        shown(
            Report.diagnostic(fault, fallback: fallback, exhaustedAt: calls, redactor: console.redactor), console)
    }

    /// Of a fault that ended work which nobody waits for.
    static func text(_ fault: Fault, _ console: Console, within identity: Identity) -> String {
        var found = Report.diagnostic(fault, redactor: console.redactor)
        if fault.isCatchable {
            found.explanation = [found.explanation, Whereabouts.sentence(identity)].compactMap { $0 }.joined(
                separator: "\n  ")
        }
        return shown(found, console)
    }

    /// The lines of the source that it quotes may have a secret, too.
    private static func shown(_ diagnostic: Diagnostic, _ console: Console) -> String {
        console.redactor.masked(diagnostic.rendered(color: console.terminal.usesColor(.error)))
    }

    static func write(_ fault: Fault, _ console: Console) -> Int32 { tell(fault, console).rawValue }

    static func tell(
        _ fault: Fault, _ console: Console, fallback: SourceLabel? = nil, exhaustedAt calls: [TraceFrame] = []
    ) -> ExitCode {
        if console.json {
            let found = Report.diagnostic(
                fault, fallback: fallback, exhaustedAt: calls, redactor: console.redactor)
            console.write(found.json() + "\n", to: .error)
        } else {
            console.write(text(fault, console, fallback: fallback, exhaustedAt: calls), to: .error)
        }
        return code(fault)
    }

    /// 2 for what could not be read or means nothing, 3 for budgets, 1 for what failed while it ran.
    static func code(_ fault: Fault) -> ExitCode {
        switch fault {
        case .exhausted: .budget
        case .thrown(let exception):
            exception.isOfForm || exception.type.isKind(of: .syntax) || exception.type.isKind(of: .compiler)
                ? .unusable : .failed
        case .cancelled, .force: .failed
        }
    }
}

/// Where the process stands.
enum WorkingDirectory {
    static var path: String {
        guard let found = getcwd(nil, 0) else { return "/" }
        defer { free(found) }
        return String(cString: found)
    }

    /// The folder that a file is in.
    static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}

enum Process {
    /// Ends the process at once, as a script asked.
    static func end(_ code: Int32) -> Never { exit(code) }
}

/// Calls once when so many seconds have passed, unless it is cancelled first.
final class Deadline: @unchecked Sendable {
    // Sendable: `bell` wakes the one thread; the flag is guarded by `lock`.
    private let lock = Lock()
    private var isCancelled = false
    private let bell = Bell()

    init(_ seconds: Double?, _ body: @escaping @Sendable () -> Void) {
        guard let seconds else { return }
        let milliseconds = Int32(min(max(0, seconds * 1000), Double(Int32.max)))
        let began = startThread { [self] in
            bell.wait(milliseconds)
            if !lock.withLock({ isCancelled }) { body() }
        }
        precondition(began, "the system gives no more threads")
    }

    func cancel() {
        lock.withLock { isCancelled = true }
        bell.ring()
    }
}
