import Engine
import Graph
import Machine
import Reader
import Sluice
import Values

/// `check`: reads and compiles a script, evaluates its definitions and declarations alone, and tells what is wrong and what
/// it needs, before anything runs.
struct ScriptCheck {
    private let path: String
    private let json: Bool
    private let console: Console

    init(_ path: String, json: Bool, _ console: Console) {
        self.path = path
        self.json = json
        self.console = console
    }

    func perform() -> Int32 {
        let session = Session(SessionMaking.options(RunRequest(.file(path)), console, path: path))
        defer { session.shutDown() }
        var diagnostics: [Diagnostic] = []
        var script = CheckedScript()
        if path.hasSuffix(".edn") {
            if case .failure(let fault) = SessionMaking.load(path, into: session) {
                diagnostics.append(Report.diagnostic(fault))
            }
        } else {
            let source: Source
            do throws(Fault) { source = try SourceFile.read(path) } catch {
                _ = FaultReport.write(error, console)
                return ExitCode.unusable.rawValue
            }
            script = session.checkDefinitions(of: source)
            diagnostics = script.faults.map { Report.diagnostic($0) }
        }
        if diagnostics.isEmpty {
            let isData = path.hasSuffix(".edn")
            diagnostics = session.builder.graph.check(session.checkContext(of: script)).map { finding in
                var diagnostic = finding.diagnostic
                // Nothing else could bring what a start needs.
                if isData, finding.preventsStart { diagnostic.severity = .error }
                return diagnostic
            }
            if isData, !session.hasGraph, !diagnostics.contains(where: { $0.severity == .error }) {
                diagnostics.append(Diagnostic(code: "graph/nothing-runs", title: FindingReport.nothingRuns(path)))
            }
        }
        return write(diagnostics, session.builder.graph.capabilities)
    }

    private func write(_ diagnostics: [Diagnostic], _ needs: [CapabilityRequest]) -> Int32 {
        for diagnostic in diagnostics {
            console.write(
                json ? diagnostic.json() + "\n" : diagnostic.rendered(color: console.terminal.usesColor(.output)),
                to: .output)
        }
        let errors = diagnostics.filter { $0.severity == .error }.count
        if !json {
            for need in needs {
                console.write(
                    "needs \(need.kind.rawValue)\(need.what.map { " " + $0.joined(separator: ", ") } ?? "")\n",
                    to: .output)
            }
            let others = diagnostics.count - errors
            console.write(
                errors == 0
                    ? "\(path): no errors\(others > 0 ? ", \(others) to look at" : "")\n"
                    : "\(path): \(errors) \(errors == 1 ? "error" : "errors")\n",
                to: .output)
        }
        return errors == 0 ? ExitCode.done.rawValue : ExitCode.unusable.rawValue
    }
}
