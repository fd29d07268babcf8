import Values

/// One thing to tell a person about a text: what is wrong, where, why, and what to do next (N4).
package struct Diagnostic: Sendable {
    package enum Severity: String, Sendable {
        case error, warning, lint
    }

    /// A place in a source, with a few words to stand beside its caret.
    package struct Label: Sendable {
        package var source: Source
        package var span: Span
        package var text: String?

        package init(_ source: Source, _ span: Span, _ text: String? = nil) {
            self.source = source
            self.span = span
            self.text = text
        }
    }

    package var severity: Severity
    /// Stable, for programs and for looking up: `syntax/unclosed`.
    package var code: String
    /// One line, without a full stop.
    package var title: String
    /// Where; nil when there is no text to point at.
    package var primary: Label?
    /// Other places that matter, in the order to read them.
    package var related: [Label] = []
    package var expected: String?
    package var found: String?
    /// Why it is so, in sentences.
    package var explanation: String?
    /// The next step.
    package var hint: String?
    /// The script's own call stack, innermost first.
    package var trace: [TraceFrame] = []

    package init(_ severity: Severity = .error, code: String, title: String, at primary: Label? = nil) {
        self.severity = severity
        self.code = code
        self.title = title
        self.primary = primary
    }
}

/// A line and a column as people count them: from 1, in code points.
package struct Position: Equatable, Sendable {
    package var line: Int
    package var column: Int

    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }
}

extension Source {
    /// The position of byte `offset`, in time linear in it: for messages, not for loops.
    package func position(of offset: Int) -> Position {
        let offset = min(offset, bytes.count)
        let start = lineStart(before: offset)
        var line = firstLine
        var at = 0
        while at < start {
            if isLineEnd(at) { line += 1 }
            at += 1
        }
        var column = 1
        for byte in bytes[start..<offset] where byte & 0xc0 != 0x80 { column += 1 }
        return Position(line: line, column: column)
    }

    /// The byte offset of a position, as `position(of:)` counts; the end for one beyond it.
    package func offset(of position: Position) -> Int {
        var line = firstLine
        var at = 0
        while line < position.line, at < bytes.count {
            if isLineEnd(at) { line += 1 }
            at += 1
        }
        var column = 1
        while column < position.column, at < bytes.count {
            at += 1
            while at < bytes.count, bytes[at] & 0xc0 == 0x80 { at += 1 }
            column += 1
        }
        return at
    }

    /// A line ends at `\n`, and at a `\r` that no `\n` follows.
    private func isLineEnd(_ at: Int) -> Bool {
        bytes[at] == 0x0a || (bytes[at] == 0x0d && (at + 1 == bytes.count || bytes[at + 1] != 0x0a))
    }

    func lineStart(before offset: Int) -> Int {
        var start = min(offset, bytes.count)
        while start > 0, !isLineEnd(start - 1) { start -= 1 }
        return start
    }

    func lineEnd(after offset: Int) -> Int {
        var end = min(offset, bytes.count)
        while end < bytes.count, bytes[end] != 0x0a, bytes[end] != 0x0d { end += 1 }
        return end
    }
}
