/// What Tab does with the word before the cursor.
enum Completion: Equatable {
    case nothing
    case insert(String)
    case show([String])

    /// What separates names of the language.
    private static let delimiters: Set<Character> = [
        "(", ")", "[", "]", "{", "}", "\"", "'", "`", "@", "^", "~", ",", ";", "#",
    ]

    static func word(endingAt text: String) -> String {
        String(text.reversed().prefix { !$0.isWhitespace && !delimiters.contains($0) }.reversed())
    }

    /// - Parameter names: all that begin with `word`.
    static func of(_ word: String, among names: [String]) -> Completion {
        guard let first = names.first else { return .nothing }
        let shared = names.dropFirst().reduce(first) { shared, name in
            String(zip(shared, name).prefix { $0 == $1 }.map(\.0))
        }
        if names.count == 1 { return .insert(String(first.dropFirst(word.count)) + " ") }
        return shared.count > word.count ? .insert(String(shared.dropFirst(word.count))) : .show(names)
    }

    /// Columns, read downwards; many names are cut short.
    static func table(_ names: [String], width: Int) -> String {
        let limit = 200
        let shown = Array(names.prefix(limit))
        let column = (shown.map(\.count).max() ?? 0) + 2
        let columns = max(1, width / column)
        let rows = (shown.count + columns - 1) / columns
        var text = ""
        for row in 0..<rows {
            let cells = stride(from: row, to: shown.count, by: rows).map { shown[$0] }
            text +=
                cells.enumerated().map { index, cell in
                    index == cells.count - 1 ? cell : cell + String(repeating: " ", count: column - cell.count)
                }.joined() + "\n"
        }
        return names.count > limit ? text + "… and \(names.count - limit) more\n" : text
    }
}
