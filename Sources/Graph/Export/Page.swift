import Values

/// The graph as one HTML file with a drawing, for any browser: no scripts, nothing fetched.
enum Page {
    private static let boxHeight = 42.0
    /// Of the label's type, in which every character is as wide.
    private static let characterWidth = 7.3
    private static let detailWidth = 6.1
    private static let margin = 24.0

    static func text(_ graph: Graph, title: String) -> String {
        let diagram = Diagram(graph)
        let layout = LayeredLayout(
            boxes: diagram.boxes.map { LayeredLayout.Size(width: width($0), height: boxHeight) },
            arrows: diagram.arrows.map { ($0.from, $0.to) })
        let counts = DeclarationKind.allCases.filter(\.isNamed).compactMap { kind -> String? in
            let count = graph.all(kind).count
            return count == 0 ? nil : "\(count) \(kind.section.rawValue)"
        }
        return """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width">
            <title>\(escaped(title))</title>
            <style>
            \(style)
            </style>
            </head>
            <body>
            <h1>\(escaped(title))</h1>
            <p>\(escaped(counts.isEmpty ? "Nothing is declared." : counts.joined(separator: ", ")))</p>
            \(legend(diagram))
            <div class="drawing">
            \(drawing(diagram, layout))
            </div>
            <details><summary>As data</summary><pre>\(escaped(data(graph)))</pre></details>
            </body>
            </html>

            """
    }

    /// One declaration a line.
    private static func data(_ graph: Graph) -> String {
        graph.nodes.map { "\($0.id) \(printed(.map($0.options)))" }.joined(separator: "\n")
    }

    private static func printed(_ value: Value) -> String { (try? Printer.readable(value)) ?? value.briefly }

    private static func width(_ box: Diagram.Box) -> Double {
        let label = Double(box.label.unicodeScalars.count) * characterWidth
        let detail = Double(box.detail.unicodeScalars.count) * detailWidth
        return max(90, max(label, detail) + 24)
    }

    private static func drawing(_ diagram: Diagram, _ layout: LayeredLayout) -> String {
        let width = number(layout.size.width + 2 * margin)
        let height = number(layout.size.height + 2 * margin)
        var lines = [
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"\(width)\" height=\"\(height)\" viewBox=\"\(number(-margin)) \(number(-margin)) \(width) \(height)\" role=\"img\">",
            "<defs>",
        ]
        for flow in Diagram.Flow.allCases {
            lines.append(
                "<marker id=\"to-\(flow.rawValue)\" class=\"\(flow.rawValue)\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\"/></marker>"
            )
        }
        lines.append("</defs>")
        for (arrow, route) in zip(diagram.arrows, layout.routes) {
            let names = "\(diagram.boxes[arrow.from].label) → \(diagram.boxes[arrow.to].label) (\(arrow.flow.rawValue))"
            lines.append(
                "<path class=\"arrow \(arrow.flow.rawValue)\" d=\"\(path(route, isLoop: arrow.from == arrow.to))\" marker-end=\"url(#to-\(arrow.flow.rawValue))\"><title>\(escaped(names))</title></path>"
            )
        }
        for (box, corner) in zip(diagram.boxes, layout.corners) { lines.append(drawing(box, at: corner)) }
        return (lines + ["</svg>"]).joined(separator: "\n")
    }

    private static func drawing(_ box: Diagram.Box, at corner: LayeredLayout.Point) -> String {
        let width = width(box)
        let radius = box.kind == .channel || box.kind == .missing ? boxHeight / 2 : 4
        let middle = number(width / 2)
        return """
            <g class="box \(box.kind.rawValue)" transform="translate(\(number(corner.x)) \(number(corner.y)))">\
            <title>\(escaped("\(box.kind.rawValue) \(box.label)\n\(box.detail)"))</title>\
            <rect width="\(number(width))" height="\(number(boxHeight))" rx="\(number(radius))"/>\
            <text x="\(middle)" y="18">\(escaped(box.label))</text>\
            <text class="detail" x="\(middle)" y="33">\(escaped(box.detail))</text></g>
            """
    }

    /// Curves that leave and reach their points horizontally.
    private static func path(_ route: [LayeredLayout.Point], isLoop: Bool) -> String {
        guard let first = route.first, let last = route.last else { return "" }
        let start = "M\(number(first.x)) \(number(first.y))"
        if isLoop {
            return start
                + "C\(number(first.x - 14)) \(number(first.y - 20)) \(number(last.x + 14)) \(number(last.y - 20)) \(number(last.x)) \(number(last.y))"
        }
        return zip(route, route.dropFirst()).reduce(start) { text, pair in
            let middle = (pair.0.x + pair.1.x) / 2
            return text
                + "C\(number(middle)) \(number(pair.0.y)) \(number(middle)) \(number(pair.1.y)) \(number(pair.1.x)) \(number(pair.1.y))"
        }
    }

    private static func legend(_ diagram: Diagram) -> String {
        let kinds = Diagram.Kind.allCases.filter { kind in diagram.boxes.contains { $0.kind == kind } }
        let flows = Diagram.Flow.allCases.filter { flow in diagram.arrows.contains { $0.flow == flow } }
        let words: [Diagram.Flow: String] = [
            .messages: "messages", .failures: "failures", .commands: "commands from outside", .order: "runs before",
        ]
        let boxes = kinds.map { kind in
            let word = kind == .entry ? "entry point" : kind == .missing ? "not declared" : kind.rawValue
            return "<span class=\"key \(kind.rawValue)\">\(word)</span>"
        }
        let lines = flows.map { "<span class=\"line \($0.rawValue)\">\(words[$0] ?? $0.rawValue)</span>" }
        return "<p class=\"legend\">\((boxes + lines).joined(separator: " "))</p>"
    }

    /// Halves of a pixel are fine enough, and the text stays short.
    private static func number(_ value: Double) -> String {
        let rounded = (value * 2).rounded() / 2
        return rounded == rounded.rounded() ? String(Int(rounded)) : String(rounded)
    }

    static func escaped(_ text: String) -> String {
        text.unicodeScalars.reduce(into: "") { result, scalar in
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            // Other control characters cannot stand in a page at all.
            case _ where scalar.value < 32 && scalar != "\n" && scalar != "\t": result += "\u{fffd}"
            default: result.unicodeScalars.append(scalar)
            }
        }
    }

    /// One rule for each kind of box.
    private static let colours = Diagram.Kind.allCases.map { kind in
        let (fill, stroke, _) = kind.colours
        let dash = kind == .missing ? " stroke-dasharray: 5 3;" : kind == .entry ? " stroke-dasharray: 3 2;" : ""
        let name = kind.rawValue
        return ".\(name) rect, .key.\(name) { fill: \(fill); background: \(fill); stroke: \(stroke);\(dash) }"
    }.joined(separator: "\n")

    private static let style = """
        :root { color-scheme: light dark; --ink: #1c2733; --page: #ffffff; --line: #5b6b7b; --failure: #c0392b; }
        body { font: 14px system-ui, sans-serif; color: var(--ink); background: var(--page); margin: 24px; }
        h1 { font-size: 18px; margin: 0 0 4px; }
        p { margin: 4px 0; }
        .drawing { overflow: auto; }
        .box rect { stroke-width: 1.3; }
        .box text { font: 12px ui-monospace, monospace; text-anchor: middle; fill: #1c2733; }
        .box text.detail { font-size: 10px; fill: #5b6b7b; }
        \(colours)
        .arrow { fill: none; stroke: var(--line); stroke-width: 1.3; }
        .arrow.failures { stroke: var(--failure); stroke-dasharray: 5 3; }
        .arrow.commands { stroke-width: 2.2; }
        .arrow.order { stroke-dasharray: 1 3; stroke-width: 2; }
        .arrow:hover { stroke-width: 3; }
        marker { fill: var(--line); }
        marker.failures { fill: var(--failure); }
        .legend { display: flex; flex-wrap: wrap; gap: 12px; margin: 8px 0 12px; font-size: 12px; }
        .key { color: #1c2733; padding: 1px 8px; border: 1px solid #99a5b1; border-radius: 4px; }
        .line::before { content: ""; display: inline-block; width: 22px; margin-right: 6px; border-top: 2px solid var(--line); vertical-align: middle; }
        .line.failures::before { border-top: 2px dashed var(--failure); }
        .line.order::before { border-top: 2px dotted var(--line); }
        pre { white-space: pre-wrap; }
        @media (prefers-color-scheme: dark) { :root { --ink: #d9e1ea; --page: #14191f; --line: #8c9bab; } }
        """
}
