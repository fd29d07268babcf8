/// What a terminal shows of the bytes that were written to it: as much of one as line editors and progress lines need.
package struct TerminalScreen {
    private let columns: Int
    private let rows: Int
    /// What has left the screen at the top, then the screen. A cell is nil where a wide character before it reaches in.
    private var cells: [[Character?]]
    /// How many rows have left the screen.
    private var scrolled = 0
    private var row = 0
    private var column = 0
    /// The last column was written: the next character goes to the next row.
    private var isWrapping = false
    private var pending: [UInt8] = []
    /// Sequences that are not understood here, so that a test does not pass for want of understanding.
    package private(set) var unknown: [String] = []

    package init(columns: Int, rows: Int) {
        self.columns = columns
        self.rows = rows
        cells = [[]]
    }

    /// Every row so far, without trailing blanks and blank rows at the end.
    package var lines: [String] {
        var lines = cells.map { row in
            var text = String(row.compactMap { $0 })
            while text.last == " " { text.removeLast() }
            return text
        }
        while lines.last == "" { lines.removeLast() }
        return lines
    }

    /// The row that the cursor is in.
    package var current: String { row < lines.count ? lines[row] : "" }

    package mutating func take(_ bytes: some Sequence<UInt8>) {
        for byte in bytes {
            pending.append(byte)
            if isWhole(pending) {
                show(pending)
                pending = []
            }
        }
    }

    private func isWhole(_ bytes: [UInt8]) -> Bool {
        if bytes[0] == 0x1b {
            guard bytes.count > 1 else { return false }
            return bytes[1] != UInt8(ascii: "[") || bytes.count > 2 && (0x40...0x7e).contains(bytes.last!)
        }
        return bytes.count == (bytes[0] < 0xc0 ? 1 : bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : 4)
    }

    private mutating func show(_ bytes: [UInt8]) {
        switch bytes[0] {
        case 0x07: break
        case 0x08: column = max(0, column - 1)
        case 0x0a: move(to: row + 1)
        case 0x0d: column = 0
        case 0x1b where bytes.count > 2: control(bytes)
        case 0..<0x20: unknown.append("\(bytes)")
        default:
            if bytes[0] == 0x1b { return unknown.append("\(bytes)") }
            return put(Character(String(decoding: bytes, as: UTF8.self)))
        }
        isWrapping = false
    }

    private mutating func control(_ bytes: [UInt8]) {
        let text = String(decoding: bytes[2..<(bytes.count - 1)], as: UTF8.self)
        let count = max(1, Int(text) ?? 1)
        switch Character(Unicode.Scalar(bytes.last!)) {
        case "m": break
        case "A": row = max(scrolled, row - count)
        case "B": row = min(scrolled + rows - 1, row + count)
        case "C": column = min(columns - 1, column + count)
        case "D": column = max(0, column - count)
        case "G": column = min(columns, count) - 1
        case "K" where text.isEmpty: cells[row].removeLast(max(0, cells[row].count - column))
        case "J" where text.isEmpty:
            cells[row].removeLast(max(0, cells[row].count - column))
            cells.removeLast(cells.count - row - 1)
        case "@":
            pad()
            cells[row].insert(contentsOf: Array(repeating: " ", count: count), at: column)
            cells[row] = Array(cells[row].prefix(columns))
        case "P": cells[row].removeSubrange(min(column, cells[row].count)..<min(column + count, cells[row].count))
        default: unknown.append("\(bytes)")
        }
        while cells.count <= row { cells.append([]) }
    }

    private mutating func move(to next: Int) {
        row = next
        while cells.count <= row { cells.append([]) }
        scrolled = max(scrolled, row - rows + 1)
    }

    private mutating func pad() {
        while cells[row].count < column { cells[row].append(" ") }
    }

    private mutating func put(_ character: Character) {
        let width = TerminalScreen.width(character)
        if width == 0, column > 0, let before = cells[row][column - 1] {
            cells[row][column - 1] = Character(String(before) + String(character))
            return
        }
        if isWrapping || column + width > columns {
            move(to: row + 1)
            column = 0
        }
        pad()
        for offset in 0..<width {
            let cell: Character? = offset == 0 ? character : nil
            if column < cells[row].count { cells[row][column] = cell } else { cells[row].append(cell) }
            column += 1
        }
        isWrapping = column == columns
        if isWrapping { column -= 1 }
    }

    private static func width(_ character: Character) -> Int {
        switch character.unicodeScalars.first!.value {
        case 0x300...0x36f: 0
        case 0x1100...0x115f, 0x2e80...0xa4cf, 0xac00...0xd7a3, 0xf900...0xfaff, 0xfe30...0xfe6f, 0xff00...0xff60,
            0x1f300...0x1faff:
            2
        default: 1
        }
    }
}
