import Compiler
import Engine
import Graph
import Machine
import Reader
import Values

/// What people see of a fault (N4): its diagnostic, with the script's own stack and never the host's.
package enum Report {
    /// - Parameters:
    ///   - fallback: is shown when nothing in the script is to be found at fault.
    ///   - calls: what was under way when a budget ran out.
    ///   - redactor: masks what must not be seen.
    package static func diagnostic(
        _ fault: Fault, fallback: SourceLabel? = nil, exhaustedAt calls: [TraceFrame] = [],
        redactor: Redactor = Redactor()
    ) -> Diagnostic {
        switch fault {
        case .thrown(let exception):
            var found = throughEffects(exception, redactor)
            found.mask(redactor)
            if found.primary == nil { found.primary = fallback }
            return found
        case .exhausted(let budget):
            var found = Diagnostic(code: "budget/\(budget.code)", title: "the \(budget.rawValue) budget ran out")
            found.hint = budget.hint
            let place = calls.first { $0.span != nil && $0.source != nil && !$0.isLibrary }
            if let source = place?.source, let span = place?.span {
                found.primary = SourceLabel(source, span, "it was here")
                found.trace = calls
            }
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

    /// What an effect's handler threw is told where it was thrown, with the calls that led there from whoever performed the effect.
    private static func throughEffects(_ exception: Exception, _ redactor: Redactor) -> Diagnostic {
        let chain = exception.throughEffects
        // Swift code of ours may have thrown it, of which the script has no place.
        let inner = chain.lastIndex { $0.site != nil } ?? 0
        var found = diagnostic(chain[inner], redactor)
        for (index, outer) in chain[..<inner].enumerated().reversed() {
            let isLeftOut = index > 0 && index < inner - effectLimit
            if isLeftOut, index == 1 { found.trace.append(TraceFrame(skipped: inner - effectLimit - 1)) }
            if isLeftOut { continue }
            found.trace += outer.trace
            guard let label = CallSite(outer).label,
                !found.related.contains(where: { $0.source === label.source && $0.span == label.span })
            else { continue }
            found.related.append(SourceLabel(label.source, label.span, "performed here"))
        }
        return found
    }

    /// Effects whose handlers perform effects may be as deep as a script likes: so many are told, and the outermost.
    private static let effectLimit = 20

    private static func diagnostic(_ exception: Exception, _ redactor: Redactor) -> Diagnostic {
        if case .object(let object) = exception.cause, let problem = object as? SyntaxProblem {
            return problem.error.diagnostic
        }
        let lines = title(exception).split(separator: "\n").map(String.init)
        var found = Diagnostic(code: code(exception), title: lines.first ?? "", at: nil)
        found.hint = Advice.hint(forCallIn: exception) ?? exception.hint ?? Advice.hint(for: exception)
        let parts = found.title.split(separator: ";", maxSplits: 1)
        if case .map(let data) = exception.data, isOfEngine(data), parts.count == 2, parts[1].first == " " {
            // What to do about it stands behind what went wrong.
            found.hint = found.hint ?? String(parts[1].dropFirst())
            found.title = String(parts[0])
        }
        found.explanation = explanation(exception, moreOfTitle: lines.dropFirst(), redactor)
        found.expected = exception.mismatch?.expected
        found.found = exception.mismatch.map { redactor.masked($0.found).briefly }
        CallSite(exception).point(&found)
        if let cause = cause(of: exception) {
            if let label = CallSite(cause).label {
                found.related.append(.init(label.source, label.span, "caused by: \(cause.message)"))
            } else {
                found.explanation = [found.explanation, "Caused by: \(cause.message)"].compactMap { $0 }.joined(
                    separator: "\n  ")
            }
        }
        if exception.type == .compiler, case .object(let object) = exception.cause, let inner = object as? Exception,
            let label = CallSite(inner).label
        {
            found.related.append(.init(label.source, label.span, "where the macro failed"))
        }
        found.trace = exception.trace
        return found
    }

    /// The innermost exception that led to this one; nil when none did. One that a macro or the compiler wrapped is told by
    /// what wraps it.
    private static func cause(of exception: Exception) -> Exception? {
        guard exception.type != .compiler, !exception.isOfEffect else { return nil }
        var cause: Exception?
        var current = exception
        // A chain may be as long as a script likes.
        for _ in 0..<100 {
            guard case .object(let object) = current.cause, let next = object as? Exception else { break }
            cause = next
            current = next
        }
        return cause
    }

    private static func explanation(
        _ exception: Exception, moreOfTitle: ArraySlice<String>, _ redactor: Redactor
    ) -> String? {
        var parts = Array(moreOfTitle)
        if let usage = Usage.sentence(for: exception) { parts.append(usage) }
        if case .map(let data) = exception.data, !data.isEmpty, !isOfEngine(data), exception.type != .compiler {
            parts.append("data: " + shown(redactor.masked(exception.data)))
        }
        return parts.isEmpty ? nil : parts.joined(separator: "\n  ")
    }

    /// What the engine says of an effect that failed is all in its message.
    private static func isOfEngine(_ data: HashMap) -> Bool {
        var keys: Set<String> = []
        data.forEach { (key, _) in
            if case .keyword(let name) = key { keys.insert(name.description) }
            return true
        }
        return keys.isSuperset(of: ["code", "message", "effect"])
    }

    /// Bytes of `ex-data` that are shown, and that are printed to find out: nobody's budget pays for this.
    private static let (dataLimit, printedLimit) = (600, 100_000)

    private static func shown(_ data: Value) -> String {
        var printer = Printer()
        printer.byteLimit = printedLimit
        do throws(Fault) { try printer.write(data) } catch { return "…" }
        let text = printer.string
        return text.utf8.count <= dataLimit ? text : text.prefix(dataLimit) + "…"
    }

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

extension Diagnostic {
    /// Masks what must not be seen in all that it says; the lines of the source stay as they are.
    fileprivate mutating func mask(_ redactor: Redactor) {
        func masked(_ text: String?) -> String? { text.map { redactor.masked($0) } }
        title = redactor.masked(title)
        (expected, found, explanation, hint) = (masked(expected), masked(found), masked(explanation), masked(hint))
        if let text = primary?.text { primary?.text = redactor.masked(text) }
        for index in related.indices { related[index].text = masked(related[index].text) }
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
        case .shutdown: "finally blocks have a few seconds once a run was stopped"
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
