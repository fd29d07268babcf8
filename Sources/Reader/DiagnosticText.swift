import Values

// How a diagnostic is shown to a person:
//
//     shop.slu:3:5: error: unclosed vector
//       3 |     [x 1
//         |     ^ opened here
//       7 | )
//         | - expected `]`
//       Why it is so.
//       hint: close it with `]`
//       call stack:
//         total      shop.slu:3:5
//         top level  shop.slu:9:1
extension Diagnostic {
    /// The whole text, ending in a line break; `color` adds ANSI sequences.
    package func rendered(color: Bool = false) -> String {
        var page = Page(style: Style(color: color))
        page.header(self)
        page.excerpts(self)
        if let explanation { page.paragraph(explanation) }
        if let hint { page.paragraph("\(page.style.paint("hint:", .hint)) \(hint)") }
        page.stack(trace)
        return page.text
    }
}

/// Colours, or none.
private struct Style {
    enum Role: String {
        case title = "1"
        case error = "1;31"
        case warning = "1;33"
        case lint = "1;36"
        case gutter = "34"
        case related = "36"
        case hint = "32"
    }

    var color: Bool

    func paint(_ text: String, _ role: Role) -> String {
        color ? "\u{1b}[\(role.rawValue)m\(text)\u{1b}[0m" : text
    }
}

private struct Page {
    /// Frames of a call stack beyond these are counted, not listed.
    static let firstFrames = 16
    static let lastFrames = 4

    let style: Style
    var text = ""

    init(style: Style) { self.style = style }

    mutating func header(_ diagnostic: Diagnostic) {
        if let label = diagnostic.primary { text += "\(Page.place(label.source, label.span)): " }
        let role: Style.Role =
            switch diagnostic.severity {
            case .error: .error
            case .warning: .warning
            case .lint: .lint
            }
        text += "\(style.paint("\(diagnostic.severity.rawValue):", role)) \(style.paint(diagnostic.title, .title))\n"
    }

    static func place(_ source: Source, _ span: Span) -> String {
        let position = source.position(of: Int(span.start))
        return "\(source.name):\(position.line):\(position.column)"
    }

    mutating func paragraph(_ paragraph: String) { text += "  \(paragraph)\n" }

    /// A marked place on a line.
    private struct Mark {
        var start: Int
        var width: Int
        var text: String?
        var isPrimary: Bool
    }

    /// The lines that the labels are on, those of the primary label's source first, each once and in order.
    mutating func excerpts(_ diagnostic: Diagnostic) {
        guard let primary = diagnostic.primary else { return }
        var sources: [Source] = []
        for label in [primary] + diagnostic.related where !sources.contains(where: { $0 === label.source }) {
            sources.append(label.source)
        }
        var lines: [(source: Source, line: SourceLine, marks: [Mark])] = []
        for (index, label) in ([primary] + diagnostic.related).enumerated() {
            let line = SourceLine(label.source, containing: Int(label.span.start))
            let (start, width) = line.columns(of: label.span)
            let mark = Mark(start: start, width: width, text: label.text, isPrimary: index == 0)
            if let known = lines.firstIndex(where: { $0.source === label.source && $0.line.number == line.number }) {
                lines[known].marks.append(mark)
            } else {
                lines.append((label.source, line, [mark]))
            }
        }
        let gutter = lines.map { String($0.line.number).count }.max() ?? 1
        for source in sources {
            if source !== primary.source { text += "  \(style.paint("in \(source.name)", .gutter))\n" }
            for entry in lines.filter({ $0.source === source }).sorted(by: { $0.line.number < $1.line.number }) {
                excerpt(entry.line, entry.marks, gutter)
            }
        }
    }

    private mutating func excerpt(_ line: SourceLine, _ marks: [Mark], _ gutter: Int) {
        let focus = marks.first { $0.isPrimary } ?? marks[0]
        let (shown, skipped) = line.window(around: focus.start)
        let number = String(line.number)
        let padding = String(repeating: " ", count: gutter - number.count)
        append("  \(style.paint("\(padding)\(number) |", .gutter)) \(shown)")
        let blank = "  \(style.paint("\(String(repeating: " ", count: gutter)) |", .gutter)) "
        for mark in marks.sorted(by: { $0.isPrimary && !$1.isPrimary }) {
            let start = mark.start - skipped
            // A mark outside the window is on the same long line, but too far away to show.
            guard start >= 0, start <= SourceLine.widest + 1 else { continue }
            let width = min(mark.width, SourceLine.widest + 2 - start)
            var drawn = String(repeating: mark.isPrimary ? "^" : "-", count: max(1, width))
            if let text = mark.text { drawn += " \(text)" }
            append(
                blank + String(repeating: " ", count: start) + style.paint(drawn, mark.isPrimary ? .error : .related))
        }
    }

    private mutating func append(_ line: String) {
        var line = Substring(line)
        while line.last == " " { line.removeLast() }
        text += "\(line)\n"
    }

    mutating func stack(_ frames: [TraceFrame]) {
        let lines = StackLine.lines(of: frames)
        // The innermost place alone is shown already.
        guard lines.count > 1 || (lines.count == 1 && lines[0].place == nil) else { return }
        paragraph("call stack:")
        let listed = lines.count > Page.firstFrames + Page.lastFrames + 1
        let shown =
            listed
            ? Array(0..<Page.firstFrames) + Array((lines.count - Page.lastFrames)..<lines.count)
            : Array(lines.indices)
        let widest = shown.map { lines[$0].place == nil ? 0 : lines[$0].name.count }.max() ?? 0
        for index in shown {
            if listed, index == lines.count - Page.lastFrames {
                let hidden = lines[Page.firstFrames..<(lines.count - Page.lastFrames)]
                paragraph("  … \(hidden.reduce(0) { $0 + $1.levels }) more")
            }
            let line = lines[index]
            guard let place = line.place else {
                paragraph("  \(line.name)")
                continue
            }
            let padding = String(repeating: " ", count: widest - line.name.count)
            paragraph("  \(line.name)\(padding)  \(place)")
        }
    }
}
