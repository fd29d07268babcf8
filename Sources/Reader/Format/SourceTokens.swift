import Values

/// A piece of a source that formatting keeps as it is, and the blank before it.
struct SourceToken {
    enum Kind {
        case atom, comment, open, close
        /// `'`, `^`, `#_`, `#tag` …: stands before so many forms.
        case prefix(forms: Int)
    }

    var kind: Kind
    /// Byte offsets.
    var bytes: Range<Int>
    /// The blank between the token before and this one.
    var blank: Range<Int>
    /// How many lines end in that blank.
    var lineBreaks: Int
}

/// The reader as a scanner: the tokens of a source with its comments, and no values.
///
/// The source has been read before and found right, so nothing is checked here.
extension Reader {
    /// The next token; nil at the end of the source.
    mutating func nextToken() throws(SyntaxError) -> SourceToken? {
        let blankStart = position
        let lineBreaks = skipBlank()
        let start = position
        guard start < end else { return nil }
        let kind = try skipToken()
        return SourceToken(kind: kind, bytes: start..<position, blank: blankStart..<start, lineBreaks: lineBreaks)
    }

    /// Moves over white space; says how many lines end in it.
    private mutating func skipBlank() -> Int {
        var lines = 0
        while true {
            let byte = base[position]
            if byte == 0x0a || (byte == 0x0d && base[position + 1] != 0x0a) { lines += 1 }
            if classes[Int(byte)].contains(.space) {
                position += 1
            } else if byte >= 0x80, isWideSpace(scalar(at: position)) {
                position += Text.width(byte)
            } else {
                return lines
            }
        }
    }

    private mutating func skipToken() throws(SyntaxError) -> SourceToken.Kind {
        let byte = base[position]
        switch byte {
        case UInt8(ascii: ";"):
            skipLine()
            return .comment
        case UInt8(ascii: "("), UInt8(ascii: "["), UInt8(ascii: "{"): return take(1, .open)
        case UInt8(ascii: ")"), UInt8(ascii: "]"), UInt8(ascii: "}"): return take(1, .close)
        case UInt8(ascii: "^"): return take(1, .prefix(forms: 2))
        case UInt8(ascii: "#"): return try skipDispatch()
        case UInt8(ascii: "\""): skipString(from: position + 1)
        case UInt8(ascii: "\\"): _ = try scanToken(from: position + 1 + Text.width(base[position + 1]))
        case UInt8(ascii: "'") where isCode, UInt8(ascii: "@"), UInt8(ascii: "`"): return take(1, .prefix(forms: 1))
        case UInt8(ascii: "~"): return take(base[position + 1] == UInt8(ascii: "@") ? 2 : 1, .prefix(forms: 1))
        case UInt8(ascii: "0")...UInt8(ascii: "9"): scanNumber()
        case UInt8(ascii: "+"), UInt8(ascii: "-"):
            if base[position + 1].isDecimalDigit { scanNumber() } else { _ = try scanToken(from: position) }
        default: _ = try scanToken(from: position)
        }
        return .atom
    }

    /// What begins with `#`.
    private mutating func skipDispatch() throws(SyntaxError) -> SourceToken.Kind {
        switch base[position + 1] {
        case UInt8(ascii: "{"), UInt8(ascii: "("): return take(2, .open)
        case UInt8(ascii: "_"), UInt8(ascii: "#"), UInt8(ascii: "'"): return take(2, .prefix(forms: 1))
        case UInt8(ascii: "^"): return take(2, .prefix(forms: 2))
        case UInt8(ascii: "?"):
            return take(base[position + 2] == UInt8(ascii: "@") ? 3 : 2, .prefix(forms: 1))
        case UInt8(ascii: ":"):
            guard isCode, base[position + 2] == UInt8(ascii: ":") else { return take(2, .prefix(forms: 2)) }
            _ = try scanToken(from: position + 3)
            return .prefix(forms: 1)
        case UInt8(ascii: "!"):
            skipLine()
            return .comment
        case UInt8(ascii: "\""):
            skipString(from: position + 2)
            return .atom
        default:
            _ = try scanToken(from: position + 1)
            return .prefix(forms: 1)
        }
    }

    private mutating func take(_ count: Int, _ kind: SourceToken.Kind) -> SourceToken.Kind {
        position += count
        return kind
    }

    /// Moves past the quote that ends a string or a regular expression.
    private mutating func skipString(from start: Int) {
        var at = start
        while at < end, base[at] != UInt8(ascii: "\"") { at += base[at] == UInt8(ascii: "\\") ? 2 : 1 }
        position = min(at + 1, end)
    }
}
