import Reader
import Values

/// What a graph can be written as (G4).
package enum ExportFormat: String, CaseIterable, Sendable {
    case mermaid, dot, html, json
}

extension Graph {
    /// The graph in a format for other programs or for eyes.
    ///
    /// - Parameter title: what a page is called; a file name, for instance.
    package func export(_ format: ExportFormat, title: String = "graph") -> String {
        switch format {
        case .mermaid: Mermaid.text(Diagram(self))
        case .dot: DOT.text(Diagram(self), title: title)
        case .html: Page.text(self, title: title)
        case .json: GraphJSON.text(self)
        }
    }
}

/// https://mermaid.js.org flowcharts.
enum Mermaid {
    static func text(_ diagram: Diagram) -> String {
        var lines = ["flowchart LR"]
        for (index, box) in diagram.boxes.enumerated() {
            let (open, close) = shape(box.kind)
            lines.append(
                "    n\(index)\(open)\"\(escaped(box.label))<br/><small>\(escaped(box.detail))</small>\"\(close):::\(box.kind.rawValue)"
            )
        }
        for arrow in diagram.arrows {
            let line =
                switch arrow.flow {
                case .messages: "-->"
                case .failures: "-. fail .->"
                case .commands: "==>"
                case .order: "--o"
                }
            lines.append("    n\(arrow.from) \(line) n\(arrow.to)")
        }
        for kind in Diagram.Kind.allCases {
            let (fill, stroke, ink) = kind.colours
            let dash = kind == .missing ? ",stroke-dasharray:4" : ""
            lines.append("    classDef \(kind.rawValue) fill:\(fill),stroke:\(stroke),color:\(ink)\(dash)")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func shape(_ kind: Diagram.Kind) -> (String, String) {
        switch kind {
        case .channel, .missing: ("([", "])")
        case .worker, .phase, .system: ("[", "]")
        case .ticker: ("{{", "}}")
        case .entry: (">", "]")
        }
    }

    /// Quotes, brackets and the like as numbered entities: inside quotes the rest is text.
    private static func escaped(_ text: String) -> String {
        text.unicodeScalars.reduce(into: "") { result, scalar in
            switch scalar {
            case "\"", "<", ">", "&", "#", "`", ";", "\\", "*", "_": result += "#\(scalar.value);"
            case _ where scalar.value < 32: result += " "
            default: result.unicodeScalars.append(scalar)
            }
        }
    }
}

/// Graphviz.
enum DOT {
    static func text(_ diagram: Diagram, title: String) -> String {
        var lines = [
            "digraph \"\(escaped(title))\" {", "    rankdir=LR;", "    node [fontname=\"Helvetica\", fontsize=11];",
            "    edge [fontname=\"Helvetica\", fontsize=9];",
        ]
        for (index, box) in diagram.boxes.enumerated() {
            lines.append(
                "    n\(index) [label=\"\(escaped(box.label))\\n\(escaped(box.detail))\", \(shape(box.kind))];")
        }
        for arrow in diagram.arrows {
            let style =
                switch arrow.flow {
                case .messages: ""
                case .failures: " [style=dashed, color=\"#c0392b\", label=\"fail\"]"
                case .commands: " [style=bold]"
                case .order: " [arrowhead=empty]"
                }
            lines.append("    n\(arrow.from) -> n\(arrow.to)\(style);")
        }
        return (lines + ["}"]).joined(separator: "\n") + "\n"
    }

    private static func shape(_ kind: Diagram.Kind) -> String {
        let (fill, stroke, _) = kind.colours
        return switch kind {
        case .channel: "shape=box, style=\"rounded,filled\", fillcolor=\"\(fill)\""
        case .worker, .phase, .system: "shape=box, style=filled, fillcolor=\"\(fill)\""
        case .ticker: "shape=hexagon, style=filled, fillcolor=\"\(fill)\""
        case .entry: "shape=cds, style=filled, fillcolor=\"\(fill)\""
        case .missing: "shape=box, style=\"rounded,dashed\", color=\"\(stroke)\""
        }
    }

    private static func escaped(_ text: String) -> String {
        text.unicodeScalars.reduce(into: "") { result, scalar in
            switch scalar {
            case "\"", "\\": result += "\\" + String(scalar)
            case _ where scalar.value < 32: result += " "
            default: result.unicodeScalars.append(scalar)
            }
        }
    }
}

/// The graph as data with its arrows, in JSON; keywords and symbols as their names.
enum GraphJSON {
    static func text(_ graph: Graph) -> String {
        let diagram = Diagram(graph)
        let nodes = diagram.boxes.enumerated().map { index, box in
            Value.jsonObject([
                ("id", .int(Int64(index))), ("kind", .string(box.kind.rawValue)), ("label", .string(box.label)),
                ("detail", .string(box.detail)),
            ])
        }
        let edges = diagram.arrows.map { arrow in
            Value.jsonObject([
                ("from", .int(Int64(arrow.from))), ("to", .int(Int64(arrow.to))),
                ("kind", .string(arrow.flow.rawValue)),
            ])
        }
        // Options are as they were evaluated, and may be anything.
        return JSON.shown(
            .jsonObject([("graph", graph.data), ("nodes", .vector(nodes)), ("edges", .vector(edges))]), within: 1 << 24)
            + "\n"
    }
}
