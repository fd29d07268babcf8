import Engine

/// Help, made from the tables.
package enum HelpText {
    /// What `sluice --help` prints.
    package static func program() -> String {
        let rows = CommandName.allCases.map { ("\($0.rawValue) \($0.row.operands)", $0.row.doc) }
        let codes = ExitCode.documented.map { ("\($0.rawValue)", $0.doc) }
        return """
            Sluice runs scripts of channels, workers and effects.

            usage: sluice COMMAND …
                   sluice FILE [ARGS]

            \(columns(rows))

            `sluice COMMAND --help` lists its flags. Exit codes:

            \(columns(codes))

            """
    }

    /// What `sluice COMMAND --help` prints.
    package static func command(_ command: CommandName) -> String {
        let row = command.row
        let words = [row.flags.isEmpty ? "" : "[FLAGS]", row.operands].filter { !$0.isEmpty }
        var text = "sluice \(([command.rawValue] + words).joined(separator: " "))\n  \(wrapped(row.doc, indent: 2))\n"
        if !row.flags.isEmpty { text += "\n" + columns(row.flags.map { (spelled($0), $0.doc) }) + "\n" }
        if row.flags.contains(.allow) {
            let kinds = CapabilityKind.allCases.map { kind in
                ("\(kind.rawValue)\(kind.what.map { "[=\($0)]" } ?? "")", kind.doc)
            }
            text += "\nKIND[=WHAT] is one of\n\n" + columns(kinds) + "\n\n" + wrapped(usualGrants) + "\n"
        }
        if !row.more.isEmpty { text += "\n" + wrapped(row.more) + "\n" }
        return text
    }

    private static let usualGrants = """
        Granted anyway: files below the working directory and the script's own, paths given as arguments, the configured \
        model server, variables that begin with OPENAI_.
        """

    private static func spelled(_ flag: Flag) -> String {
        flag.argument.map { "\(flag.spelling) \($0)" } ?? flag.spelling
    }

    private static func columns(_ rows: [(String, String)]) -> String {
        let width = (rows.map(\.0.count).max() ?? 0) + 4
        return rows.map { left, right in
            "  " + left + String(repeating: " ", count: width - 2 - left.count) + wrapped(right, indent: width)
        }.joined(separator: "\n")
    }

    /// A text in lines that fit a terminal, all but the first indented.
    private static func wrapped(_ text: String, indent: Int = 0) -> String {
        let limit = 80
        var (wrapped, column) = ("", indent)
        for word in text.split(whereSeparator: \.isWhitespace) {
            if column > indent, column + 1 + word.count > limit {
                wrapped += "\n" + String(repeating: " ", count: indent)
                column = indent
            } else if column > indent {
                wrapped += " "
                column += 1
            }
            wrapped += word
            column += word.count
        }
        return wrapped
    }
}
