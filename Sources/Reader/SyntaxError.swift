import Values

/// A text is not what the grammar allows. A class, because it is thrown rarely and through hot code.
package final class SyntaxError: Error, Sendable {
    package let code: SyntaxCode
    package let diagnostic: Diagnostic
    /// The text ended inside a form, so that more of it could make it right: a REPL asks for another line.
    package let isIncomplete: Bool
    /// What ended the reading though the text may be right: a budget, or whoever asked to stop.
    package let end: Fault?

    init(_ code: SyntaxCode, _ diagnostic: Diagnostic, isIncomplete: Bool = false, end: Fault? = nil) {
        self.code = code
        self.diagnostic = diagnostic
        self.isIncomplete = isIncomplete
        self.end = end
    }

    package var span: Span { diagnostic.primary?.span ?? Span(0, 0) }

    /// The error as an exception that a script can catch: what `read-string` throws.
    package var fault: Fault {
        if let end { return end }
        guard let label = diagnostic.primary else { return .of(.runtime, diagnostic.title, hint: diagnostic.hint) }
        let position = label.source.position(of: Int(label.span.start))
        let place = "\(label.source.name):\(position.line):\(position.column)"
        let exception = Exception(.runtime, "\(diagnostic.title) (\(place))", hint: diagnostic.hint)
        exception.related = [SourceLabel(label.source, label.span, label.text ?? "here")]
        return .thrown(exception)
    }
}

/// Every way in which a text can be wrong; the raw value is the diagnostic's stable code.
package enum SyntaxCode: String, CaseIterable, Sendable {
    case encoding = "syntax/encoding"
    case nul = "syntax/nul"
    case unclosed = "syntax/unclosed"
    case unclosedString = "syntax/unclosed-string"
    case unfinished = "syntax/unfinished"
    case mismatched = "syntax/mismatched"
    case unmatched = "syntax/unmatched"
    case oddMap = "syntax/odd-map"
    case duplicateKey = "syntax/duplicate-key"
    case duplicateElement = "syntax/duplicate-element"
    case escape = "syntax/escape"
    case number = "syntax/number"
    case character = "syntax/character"
    case token = "syntax/token"
    case keyword = "syntax/keyword"
    case alias = "syntax/alias"
    case dispatch = "syntax/dispatch"
    case tag = "syntax/tag"
    case tagged = "syntax/tagged"
    case symbolic = "syntax/symbolic"
    case metadata = "syntax/metadata"
    case namespacedMap = "syntax/namespaced-map"
    case namespacedKey = "syntax/namespaced-key"
    case conditional = "syntax/conditional"
    case function = "syntax/function"
    case argument = "syntax/argument"
    case splice = "syntax/splice"
    case regex = "syntax/regex"
    case evaluation = "syntax/read-eval"
    case nesting = "syntax/nesting"
    case size = "syntax/size"
    case json = "syntax/json"
}
