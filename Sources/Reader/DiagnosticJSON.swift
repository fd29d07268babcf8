import Values

// How a diagnostic is given to a program: one JSON object on one line.
extension Diagnostic {
    /// Keys that have no value are left out; lines and columns count from 1, columns in code points; `endLine` and
    /// `endColumn` are just past the last code point.
    package func json() -> String {
        var object = JSONObject()
        object.add("severity", severity.rawValue)
        object.add("code", code)
        object.add("title", title)
        if let primary { object.addPlace(primary.source, primary.span) }
        object.add("label", primary?.text)
        object.add("expected", expected)
        object.add("found", found)
        object.add("explanation", explanation)
        object.add("hint", hint)
        object.add(
            "related",
            related.map { label in
                var related = JSONObject()
                related.addPlace(label.source, label.span)
                related.add("label", label.text)
                return related
            })
        object.add(
            "trace",
            trace.map { frame in
                var place = JSONObject()
                place.add("function", frame.function)
                if let source = frame.source, let span = frame.span { place.addPlace(source, span) }
                return place
            })
        return object.text
    }
}

/// The members of an object, in the order they were added.
private struct JSONObject {
    private var members: [String] = []

    var text: String { "{\(members.joined(separator: ","))}" }

    mutating func add(_ key: String, _ value: String?) {
        guard let value else { return }
        var bytes: [UInt8] = []
        JSONWriter.quote(Array(value.utf8), into: &bytes)
        members.append("\"\(key)\":\(String(decoding: bytes, as: UTF8.self))")
    }

    mutating func add(_ key: String, _ objects: [JSONObject]) {
        guard !objects.isEmpty else { return }
        members.append("\"\(key)\":[\(objects.map(\.text).joined(separator: ","))]")
    }

    mutating func addPlace(_ source: Source, _ span: Span) {
        add("file", source.name)
        let start = source.position(of: Int(span.start))
        let end = source.position(of: Int(span.end))
        for (key, number) in [
            ("line", start.line), ("column", start.column), ("endLine", end.line), ("endColumn", end.column),
        ] { members.append("\"\(key)\":\(number)") }
    }
}
