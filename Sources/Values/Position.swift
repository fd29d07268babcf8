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
    /// The position of byte `offset`: the first time after one pass over the source, and then at once.
    package func position(of offset: Int) -> Position {
        let offset = min(offset, byteCount)
        let starts = lineStarts
        // The last line that starts at or before the offset.
        var (low, high) = (0, starts.count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if Int(starts[middle]) <= offset { low = middle } else { high = middle }
        }
        var column = 1
        withBytes { bytes in
            for byte in bytes[Int(starts[low])..<offset] where byte & 0xc0 != 0x80 { column += 1 }
        }
        return Position(line: firstLine + low, column: column)
    }

    /// The byte offset of a position, as `position(of:)` counts; the end for one beyond it.
    package func offset(of position: Position) -> Int {
        let starts = lineStarts
        let line = max(0, position.line - firstLine)
        return withBytes { bytes in
            guard line < starts.count else { return bytes.count }
            var at = Int(starts[line])
            var column = 1
            while column < position.column, at < bytes.count {
                at += 1
                while at < bytes.count, bytes[at] & 0xc0 == 0x80 { at += 1 }
                column += 1
            }
            return at
        }
    }

    package func lineStart(before offset: Int) -> Int {
        withBytes { bytes in
            var start = min(offset, bytes.count)
            while start > 0, !Source.isLineEnd(bytes, start - 1) { start -= 1 }
            return start
        }
    }

    package func lineEnd(after offset: Int) -> Int {
        withBytes { bytes in
            var end = min(offset, bytes.count)
            while end < bytes.count, bytes[end] != 0x0a, bytes[end] != 0x0d { end += 1 }
            return end
        }
    }
}
