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

    package func lineStart(before offset: Int) -> Int {
        var start = min(offset, bytes.count)
        while start > 0, !isLineEnd(start - 1) { start -= 1 }
        return start
    }

    package func lineEnd(after offset: Int) -> Int {
        var end = min(offset, bytes.count)
        while end < bytes.count, bytes[end] != 0x0a, bytes[end] != 0x0d { end += 1 }
        return end
    }
}
