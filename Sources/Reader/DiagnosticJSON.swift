import Values

// How a diagnostic is given to a program: one JSON object on one line.
extension Diagnostic {
    /// Keys that have no value are left out; lines and columns count from 1, columns in code points; `endLine` and
    /// `endColumn` are just past the last code point.
    package func json() -> String {
        var members: [(String, Value?)] = [
            ("severity", .string(severity.rawValue)), ("code", .string(code)), ("title", .string(title)),
        ]
        if let primary { members += primary.source.members(primary.span) }
        members += [
            ("label", text(primary?.text)), ("expected", text(expected)), ("found", text(found)),
            ("explanation", text(explanation)), ("hint", text(hint)),
            ("related", list(related) { $0.source.members($0.span) + [("label", text($0.text))] }),
            (
                "trace",
                list(trace.filter { $0.skipped == 0 }) { frame in
                    var members: [(String, Value?)] = [("function", text(frame.function))]
                    if let source = frame.source, let span = frame.span { members += source.members(span) }
                    return members
                }
            ),
        ]
        return JSON.shown(.jsonObject(members))
    }

    private func text(_ text: String?) -> Value? { text.map { .string($0) } }

    /// An array of objects; nil when it is empty.
    private func list<Element>(_ elements: [Element], _ members: (Element) -> [(String, Value?)]) -> Value? {
        elements.isEmpty ? nil : .vector(elements.map { .jsonObject(members($0)) })
    }
}

extension Source {
    /// Where a span of it begins and ends.
    fileprivate func members(_ span: Span) -> [(String, Value?)] {
        let start = position(of: Int(span.start))
        let end = position(of: Int(span.end))
        return [
            ("file", .string(name)), ("line", .int(Int64(start.line))), ("column", .int(Int64(start.column))),
            ("endLine", .int(Int64(end.line))), ("endColumn", .int(Int64(end.column))),
        ]
    }
}
