import Adapters
import Engine
import Graph
import Machine
import Runtime
import Reader
import Sluice
import Values

/// One `run` or `eval`: evaluates the script, starts the graph that it declared, and reports.
struct ScriptRun {
    private let request: RunRequest
    private let control: RunControl
    private var console: Console { control.console }

    init(_ request: RunRequest, _ control: RunControl) {
        self.request = request
        self.control = control
    }

    func perform() -> Int32 {
        switch source() {
        case .failure(let fault):
            _ = FaultReport.write(fault, console)
            return ExitCode.unusable.rawValue
        case .success(let (source, path)):
            do throws(Fault) {
                return run(
                    source, path, try request.trace.map { (file) throws(Fault) in try TraceWriter(file, console) })
            } catch {
                _ = FaultReport.write(error, console)
                return ExitCode.unusable.rawValue
            }
        }
    }

    /// The text to run, and its path when it is a file.
    private func source() -> Result<(Source, String?), Fault> {
        Result { () throws(Fault) in
            switch request.source {
            case .expression(let text): return (Source(name: "<eval>", bytes: Array(text.utf8)), nil)
            case .standardInput: return (try SourceFile.readStandardInput(), nil)
            case .file(let path): return try ScriptRun.file(path)
            case .none: return (Source(name: "<none>", bytes: []), nil)
            }
        }
    }

    /// A folder stands for the `main` file in it.
    static func file(_ path: String) throws(Fault) -> (Source, String?) {
        if Files.isDirectory(path) {
            for name in ["main.slu", "main.cljc", "main.clj", "main.edn"] {
                let full = path.hasSuffix("/") ? path + name : "\(path)/\(name)"
                if Files.exists(full) { return (try SourceFile.read(full), full) }
            }
            throw .of(.fileNotFound, "\(path) is a directory without a main.slu", hint: "name a script file")
        }
        return (try SourceFile.read(path), path)
    }

    private func run(_ source: Source, _ path: String?, _ trace: TraceWriter?) -> Int32 {
        // After the session, whose end is part of it.
        defer { trace?.finish() }
        let failures = FailureCount()
        var options = SessionMaking.options(request, console, path: path)
        options.input = LineReader()
        options.isOnce = request.once
        let report = options.uncaught
        options.uncaught = { fault, identity in
            // Told by what cut it off.
            if case .exhausted(.shutdown) = fault { return }
            // The run counts those of workers.
            if identity.kind != .worker { failures.add() }
            report(fault, identity)
        }
        let session = Session(options)
        let stopper = Stopper(session)
        // Once every fiber has told where it was.
        defer { stopper.finish(console) }
        defer { session.shutDown(finallyMs: stopper.shutDownMs) }
        trace?.follow(session.events)
        control.beforeEndingAtOnce { [weak session] in
            session?.killPrograms()
            trace?.finish(patiently: false)
        }
        let console = console
        session.instance.exitHandler.set { [weak session] code in
            session?.endPrograms()
            trace?.finish()
            console.close()
            Process.end(code)
        }
        let watch = Deadline(request.limits.seconds) { session.expire() }
        defer { watch.cancel() }
        control.attach(session.events) { stopper.stop() }
        let loaded =
            path?.hasSuffix(".edn") == true ? SessionMaking.load(path!, into: session) : session.evaluate(source)
        switch loaded {
        case .failure(let fault):
            if stopper.isStopped {
                stopper.runUntilIdle()
                return ExitCode.failed.rawValue
            }
            return FaultReport.tell(fault, console, exhaustedAt: session.instance.account.whereExhausted).rawValue
        case .success(let value):
            if case .expression = request.source, let code = show(value, session, of: source) { return code }
        }
        if stopper.isStopped {
            stopper.runUntilIdle()
            return ExitCode.failed.rawValue
        }
        guard session.hasGraph else {
            let errors = session.graphErrors
            guard errors.isEmpty else { return FindingReport.write(errors, console) }
            if let path, path.hasSuffix(".edn") {
                console.write("sluice: \(FindingReport.nothingRuns(path))\n", to: .error)
                return ExitCode.unusable.rawValue
            }
            if request.http != nil {
                console.write(
                    "sluice: --http serves the workers of a graph, but the script declares none\n", to: .error)
                return ExitCode.unusable.rawValue
            }
            // No world will ever see what sources bring.
            session.runtime.world.setSystems([])
            // What the script started (`go`, tickers of its own) may still be at work.
            stopper.runUntilIdle()
            tellUnheard(session, failures)
            return exitCode(session, failures: failures.count)
        }
        return runGraph(session, stopper, failures)
    }

    /// Prints the value of `eval`.
    private func show(_ value: Value, _ session: Session, of source: Source) -> Int32? {
        switch session.printed(value) {
        case .failure(let fault):
            // What is lazy in it failed, which may have been made in the library alone.
            let whole = SourceLabel(source, Span(0, source.bytes.count), "while its value was printed")
            return FaultReport.tell(fault, console, fallback: whole).rawValue
        case .success(let printed):
            if console.json {
                console.writeJSON(.jsonObject([("type", .string("value")), ("value", .string(printed))]))
            } else {
                console.write(printed + "\n", to: .output)
            }
            return nil
        }
    }

    private func runGraph(_ session: Session, _ stopper: Stopper, _ failures: FailureCount) -> Int32 {
        let run: Run
        do {
            run = try Run(session, once: request.once, http: request.http)
        } catch let refusal as SystemPlan.Refusal {
            return FindingReport.write(refusal.findings, console)
        } catch let fault as Fault {
            return FaultReport.write(fault, console)
        } catch let unserved as Run.Unserved {
            _ = FaultReport.write(unserved.fault, console)
            return ExitCode.unusable.rawValue
        } catch {
            return ExitCode.unusable.rawValue
        }
        let refused = run.refusals
        guard refused.isEmpty else {
            for error in refused {
                console.write("sluice: the script needs more than it is granted: \(error.message)\n", to: .error)
            }
            return ExitCode.unusable.rawValue
        }
        stopper.attach(run)
        run.run()
        tellUnheard(session, failures)
        let failed = failures.count + run.errorCount
        if failed > 0, !console.json {
            console.write("\(failed) \(failed == 1 ? "failure" : "failures")\n", to: .error)
            for line in run.handledFailures.lines { console.write("  \(console.redactor.masked(line))\n", to: .error) }
        }
        return exitCode(session, failures: failed)
    }

    private func tellUnheard(_ session: Session, _ failures: FailureCount) {
        let (lines, count) = session.unheardFailures()
        for line in lines { console.write("sluice: \(line)\n", to: .error) }
        failures.add(count)
    }

    private func exitCode(_ session: Session, failures: Int) -> Int32 {
        let code: ExitCode = session.exhaustion != nil ? .budget : failures > 0 ? .failed : .done
        return code.rawValue
    }
}

/// The rendered form of what is wrong with a graph, and the exit code that it stands for.
enum FindingReport {
    /// Of a graph as data, which is there for nothing else.
    static func nothingRuns(_ path: String) -> String {
        "\(path) declares nothing that runs; a graph needs a worker, a system or phases"
    }

    static func write(_ findings: [Finding], _ console: Console) -> Int32 {
        for finding in findings {
            var diagnostic = finding.diagnostic
            // A warning to whoever checks, such as a function that is not there yet, keeps a graph from starting.
            diagnostic.severity = .error
            if console.json {
                console.write(diagnostic.json() + "\n", to: .output)
            } else {
                console.write(diagnostic.rendered(color: console.terminal.usesColor(.error)), to: .error)
            }
        }
        return ExitCode.unusable.rawValue
    }
}

/// Counts faults that no code handled.
final class FailureCount: @unchecked Sendable {
    // Sendable: `lock` guards the count.
    private let lock = Lock()
    private var total = 0
    func add(_ count: Int = 1) { lock.withLock { total += count } }
    var count: Int { lock.withLock { total } }
}
