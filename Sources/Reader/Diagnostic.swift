import Values

/// One thing to tell a person about a text: what is wrong, where, why, and what to do next (N4).
package struct Diagnostic: Sendable {
    package var severity: Severity
    /// Stable, for programs and for looking up: `syntax/unclosed`.
    package var code: String
    /// One line, without a full stop.
    package var title: String
    /// Where; nil when there is no text to point at.
    package var primary: SourceLabel?
    /// Other places that matter, in the order to read them.
    package var related: [SourceLabel] = []
    package var expected: String?
    package var found: String?
    /// Why it is so, in sentences.
    package var explanation: String?
    /// The next step.
    package var hint: String?
    /// The script's own call stack, innermost first.
    package var trace: [TraceFrame] = []

    package init(_ severity: Severity = .error, code: String, title: String, at primary: SourceLabel? = nil) {
        self.severity = severity
        self.code = code
        self.title = title
        self.primary = primary
    }
}
