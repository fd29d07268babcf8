import Compiler
import Graph
import Machine
import Reader
import Values

/// What people see of a fault (N4): its diagnostic, with the script's own stack and never the host's.
package enum Report {
    package static func diagnostic(_ fault: Fault) -> Diagnostic {
        switch fault {
        case .thrown(let exception): return diagnostic(exception)
        case .exhausted(let budget):
            var found = Diagnostic(code: "budget/\(budget.code)", title: "the \(budget.rawValue) budget ran out")
            found.hint = budget.hint
            return found
        case .cancelled(let reason): return Diagnostic(code: "cancelled", title: "cancelled: \(reason.rawValue)")
        case .force: return Diagnostic(code: "internal", title: "an unrealised sequence reached the host")
        }
    }

    /// The text ended inside a form: more of it may make it right.
    package static func isIncomplete(_ fault: Fault) -> Bool {
        guard case .thrown(let exception) = fault, case .object(let object) = exception.cause else { return false }
        return (object as? SyntaxProblem)?.error.isIncomplete ?? false
    }

    private static func diagnostic(_ exception: Exception) -> Diagnostic {
        if case .object(let object) = exception.cause, let problem = object as? SyntaxProblem {
            return problem.error.diagnostic
        }
        let placed = exception.trace.filter { $0.span != nil }
        let first = placed.first { $0.source?.isLibrary == false } ?? placed.first
        let label = first.flatMap { frame in
            frame.source.flatMap { source in frame.span.map { SourceLabel(source, $0) } }
        }
        var found = Diagnostic(code: code(exception), title: title(exception), at: label)
        found.hint = exception.hint
        if case .map(let data) = exception.data, !data.isEmpty {
            found.explanation = "data: " + shown(exception.data)
        }
        // The innermost frame is the place itself.
        found.trace = exception.trace.count > 1 ? exception.trace : []
        return found
    }

    /// What data prints as, unless it is too much to look at: nobody's budget pays for this.
    private static func shown(_ data: Value) -> String {
        var printer = Printer()
        printer.byteLimit = dataLimit
        do throws(Fault) { try printer.write(data) } catch { return "…" }
        return printer.string
    }

    /// Bytes.
    private static let dataLimit = 100_000

    private static func title(_ exception: Exception) -> String {
        exception.message.isEmpty ? exception.type.rawValue : exception.message
    }

    /// `error/arity`, `error/class-cast` …: the class in kebab case, without its ending.
    private static func code(_ exception: Exception) -> String {
        var name = exception.type.rawValue
        for ending in ["Exception", "Error"] where name.hasSuffix(ending) && name != ending {
            name.removeLast(ending.count)
        }
        var kebab = ""
        for character in name {
            if character.isUppercase, !kebab.isEmpty { kebab += "-" }
            kebab += character.lowercased()
        }
        return "error/\(kebab)"
    }
}

extension Budget {
    fileprivate var code: String { String(rawValue.map { $0 == " " ? "-" : $0 }) }

    fileprivate var hint: String {
        switch self {
        case .instructions: "allow more with --max-steps"
        case .memory: "allow more with --max-memory"
        case .depth: "a function calls itself without end"
        case .time: "allow more with --max-seconds"
        }
    }
}

extension Finding {
    /// The finding as a diagnostic of the checker.
    package var diagnostic: Diagnostic {
        var made = Diagnostic(severity, code: code.rawValue, title: title, at: place)
        made.related = related
        made.explanation = explanation
        made.hint = hint
        return made
    }
}
