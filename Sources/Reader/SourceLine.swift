import Values

/// One line of a source as a terminal shows it: tabs expanded, control characters visible, and how wide everything is.
struct SourceLine {
    /// What a terminal draws for one code point (or one byte that is no UTF-8).
    struct Cell {
        var text: String
        /// Terminal columns: 0 for combining marks, 2 for wide characters.
        var width: Int
        /// Offset in the source of its first byte.
        var offset: Int
    }

    /// Longer lines are shown in part, around what matters.
    static let widest = 96
    private static let tabStop = 4

    private(set) var cells: [Cell] = []
    let number: Int
    /// Offset of the line's end, without the line break.
    let end: Int

    init(_ source: Source, containing offset: Int) {
        let start = source.lineStart(before: offset)
        end = source.lineEnd(after: start)
        number = source.position(of: start).line
        var at = start
        var column = 0
        // A byte order mark takes no room.
        if start == 0, source.bytes.starts(with: [0xef, 0xbb, 0xbf]) { at = 3 }
        while at < end {
            let (cell, length) = SourceLine.cell(source.bytes, at, end, column)
            cells.append(cell)
            column += cell.width
            at += length
        }
    }

    private static func cell(_ bytes: [UInt8], _ at: Int, _ end: Int, _ column: Int) -> (Cell, Int) {
        var decoder = UTF8()
        var iterator = bytes[at..<end].makeIterator()
        guard case .scalarValue(let scalar) = decoder.decode(&iterator) else {
            return (Cell(text: "\u{fffd}", width: 1, offset: at), 1)
        }
        let length = UTF8.width(scalar)
        switch scalar.value {
        case 0x09:
            let width = tabStop - column % tabStop
            return (Cell(text: String(repeating: " ", count: width), width: width, offset: at), length)
        case 0x00..<0x20:
            return (Cell(text: String(UnicodeScalar(0x2400 + scalar.value)!), width: 1, offset: at), length)
        case 0x7f: return (Cell(text: "\u{2421}", width: 1, offset: at), length)
        case 0x20..<0x7f: return (Cell(text: String(scalar), width: 1, offset: at), length)
        default: break
        }
        switch scalar.properties.generalCategory {
        // Invisible characters could make the line read as something else than it is.
        case .control, .format, .lineSeparator, .paragraphSeparator:
            return scalar.value == 0x200d
                ? (Cell(text: String(scalar), width: 0, offset: at), length)
                : (Cell(text: "\u{fffd}", width: 1, offset: at), length)
        case .nonspacingMark, .enclosingMark: return (Cell(text: String(scalar), width: 0, offset: at), length)
        default: return (Cell(text: String(scalar), width: isWide(scalar.value) ? 2 : 1, offset: at), length)
        }
    }

    /// Terminal columns of a code point in text: 0 for combining marks, 2 for wide characters.
    static func width(of scalar: Unicode.Scalar) -> Int {
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark: 0
        default: scalar.value == 0x200d ? 0 : isWide(scalar.value) ? 2 : 1
        }
    }

    /// East Asian wide and fullwidth characters, and emoji.
    private static func isWide(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x1100...0x115f, 0x2e80...0x303e, 0x3041...0x33ff, 0x3400...0x4dbf, 0x4e00...0x9fff, 0xa000...0xa4cf,
            0xa960...0xa97c, 0xac00...0xd7a3, 0xf900...0xfaff, 0xfe30...0xfe6f, 0xff00...0xff60, 0xffe0...0xffe6,
            0x1f300...0x1f64f, 0x1f680...0x1f6ff, 0x1f900...0x1f9ff, 0x1fa70...0x1faff, 0x20000...0x3fffd:
            true
        default: false
        }
    }

    /// Terminal columns of a span within this line: where it starts (from 0) and how many, at least one.
    func columns(of span: Span) -> (start: Int, width: Int) {
        var start: Int?
        var column = 0
        var stop = 0
        for cell in cells {
            if cell.offset >= Int(span.start), start == nil { start = column }
            column += cell.width
            if cell.offset < Int(span.end) { stop = column }
        }
        let first = start ?? column
        return (first, max(1, min(stop, column) - first))
    }

    /// The part of the line to show so that `focus` is in it, and how many columns were left out before it.
    func window(around focus: Int) -> (text: String, skipped: Int) {
        let whole = cells.reduce(0) { $0 + $1.width }
        guard whole > SourceLine.widest else { return (cells.map(\.text).joined(), 0) }
        let first = max(0, min(focus - SourceLine.widest / 3, whole - SourceLine.widest))
        var text = ""
        var column = 0
        var skipped: Int?
        var shown = 0
        for cell in cells {
            if column >= first, shown + cell.width <= SourceLine.widest {
                if skipped == nil { skipped = column }
                text += cell.text
                shown += cell.width
            } else if column >= first {
                break
            }
            column += cell.width
        }
        let before = skipped ?? 0
        // The mark takes one column itself.
        let left = before > 0 ? "…" : ""
        let right = before + shown < whole ? "…" : ""
        return (left + text + right, before - left.count)
    }
}

extension UTF8 {
    fileprivate static func width(_ scalar: Unicode.Scalar) -> Int {
        scalar.value < 0x80 ? 1 : scalar.value < 0x800 ? 2 : scalar.value < 0x10000 ? 3 : 4
    }
}
