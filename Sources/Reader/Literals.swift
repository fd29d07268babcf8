import Values

// Strings, regular expressions and characters.
extension Reader {
    /// The string whose opening quote is at the position.
    mutating func readString() throws(SyntaxError) -> Value {
        let start = position
        let (stop, isASCII) = PlainText.end(base, from: start + 1)
        if base[stop] == 0x22 {
            position = stop + 1
            return PlainText.value(base, start + 1, stop, isASCII)
        }
        return try readEscapedString(start, stop)
    }

    @inline(never) private mutating func readEscapedString(_ start: Int, _ stop: Int) throws(SyntaxError) -> Value {
        var text = Array(bytes(start + 1, stop))
        position = stop
        while true {
            let byte = base[position]
            switch byte {
            case 0x22:
                position += 1
                return text.withUnsafeBufferPointer { .text(validated: $0) }
            case 0x5c: try readEscape(into: &text, string: start)
            case 0:
                guard position < end else { throw unclosedStringFailure(start) }
                guard !isCode else { throw nulFailure(at: position) }
                text.append(0)
                position += 1
            default:
                let next = PlainText.end(base, from: position).offset
                text.append(contentsOf: bytes(position, next))
                position = next
            }
        }
    }

    private mutating func readEscape(into text: inout [UInt8], string start: Int) throws(SyntaxError) {
        let escape = position
        switch base[escape + 1] {
        case 0x74: text.append(0x09)
        case 0x72: text.append(0x0d)
        case 0x6e: text.append(0x0a)
        case 0x62: text.append(0x08)
        case 0x66: text.append(0x0c)
        case 0x22: text.append(0x22)
        case 0x5c: text.append(0x5c)
        case 0x75:
            try readUnicodeEscape(into: &text, string: start)
            return
        case 0x30...0x39:
            try readOctalEscape(into: &text)
            return
        default:
            guard escape + 1 < end else { throw unclosedStringFailure(start) }
            throw escapeFailure(Span(escape, escape + 1 + Text.width(base[escape + 1])))
        }
        position += 2
    }

    /// `\uXXXX`; two that are a surrogate pair make one code point.
    private mutating func readUnicodeEscape(into text: inout [UInt8], string start: Int) throws(SyntaxError) {
        let escape = position
        var unit = try readUnicodeUnit(string: start)
        if unit >> 10 == 0xd800 >> 10, base[position] == 0x5c, base[position + 1] == 0x75 {
            let low = try readUnicodeUnit(string: start)
            guard low >> 10 == 0xdc00 >> 10 else { throw surrogateFailure(Span(escape, escape + 6)) }
            unit = 0x10000 + (unit - 0xd800) << 10 + (low - 0xdc00)
        }
        guard let scalar = Unicode.Scalar(unit) else { throw surrogateFailure(Span(escape, position)) }
        text.append(contentsOf: UTF8.encode(scalar)!)
    }

    private mutating func readUnicodeUnit(string start: Int) throws(SyntaxError) -> UInt32 {
        let escape = position
        var unit: UInt32 = 0
        for index in 2..<6 {
            let digit = base[escape + index].digitValue
            guard digit < 16 else {
                guard escape + index < end else { throw unclosedStringFailure(start) }
                throw unicodeEscapeFailure(Span(escape, escape + index))
            }
            unit = unit << 4 | UInt32(digit)
        }
        position = escape + 6
        return unit
    }

    /// One to three octal digits, up to `\377`; white space or a bracket may end it early, another character not.
    private mutating func readOctalEscape(into text: inout [UInt8]) throws(SyntaxError) {
        let escape = position
        var at = escape + 1
        var unit: UInt32 = 0
        while at < escape + 4 {
            let byte = base[at]
            guard classes[Int(byte)].isDisjoint(with: [.space, .macro]) else { break }
            guard byte.digitValue < 8 else {
                if byte >= 0x80, isWideSpace(scalar(at: at)) { break }
                throw octalFailure(Span(escape, at + Text.width(byte)))
            }
            unit = unit << 3 | UInt32(byte.digitValue)
            at += 1
        }
        guard unit <= 0o377, let scalar = Unicode.Scalar(unit) else { throw octalFailure(Span(escape, at)) }
        text.append(contentsOf: UTF8.encode(scalar)!)
        position = at
    }

    /// `#"…"`: the text between the quotes as it stands; a backslash keeps its meaning for the expression.
    mutating func readRegex(_ context: CodeContext) throws(SyntaxError) -> Value {
        let start = position
        var at = PlainText.end(base, from: start + 2).offset
        while base[at] != 0x22 {
            if base[at] == 0 {
                guard at < end else { throw unclosedStringFailure(start) }
                throw nulFailure(at: at)
            }
            // The byte after a backslash is passed over, unless it is the end.
            at = PlainText.end(base, from: min(at + 2, end)).offset
        }
        position = at + 1
        if suppression > 0 { return .nil }
        do { return try context.regex(Text(validated: bytes(start + 2, at))) } catch {
            throw regexFailure(error, Span(start, position))
        }
    }

    /// `\a`, `\newline`, `\u0041`, `\o101`: the backslash is at the position.
    mutating func readCharacter() throws(SyntaxError) -> Value {
        let start = position
        guard start + 1 < end else { throw unfinishedFailure("\\", "a character", start) }
        guard !isCode || base[start + 1] != 0 else { throw nulFailure(at: start + 1) }
        let width = Text.width(base[start + 1])
        _ = try scanToken(from: start + 1 + width)
        if position == start + 1 + width { return .char(scalar(at: start + 1)) }
        let span = Span(start, position)
        if let named = CharacterNames.find(bytes(start + 1, position)) { return .char(named) }
        switch base[start + 1] {
        case 0x75:
            guard position - start == 6, let unit = digits(start + 2, position, radix: 16), Unicode.Scalar(unit) != nil
            else {
                throw characterFailure(span)
            }
            return .char(unit)
        case 0x6f:
            guard position - start <= 5, let unit = digits(start + 2, position, radix: 8), unit <= 0o377 else {
                throw characterFailure(span)
            }
            return .char(unit)
        default: throw characterFailure(span)
        }
    }

    private func digits(_ start: Int, _ end: Int, radix: UInt8) -> UInt32? {
        var number: UInt32 = 0
        for byte in bytes(start, end) {
            guard byte.digitValue < radix else { return nil }
            number = number * UInt32(radix) + UInt32(byte.digitValue)
        }
        return number
    }
}

/// The part of a string that stands for itself.
enum PlainText {
    /// The offset of the next quote, backslash or zero byte (or any control character), and whether all before it is ASCII.
    /// Behind the last byte there must be eight zeros.
    @inline(__always) static func end(
        _ base: UnsafePointer<UInt8>, from start: Int, orControl stopsAtControls: Bool = false
    ) -> (offset: Int, isASCII: Bool) {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        var at = start
        var seen: UInt64 = 0
        while true {
            let word = UInt64(littleEndian: UnsafeRawPointer(base + at).loadUnaligned(as: UInt64.self))
            let quotes = word ^ (ones &* 0x22)
            let slashes = word ^ (ones &* 0x5c)
            // The lowest byte that is zero in one of the three sets its high bit; higher ones may be false alarms. So does, with
            // controls, the lowest that is below 32.
            let low = stopsAtControls ? ones &* 0x20 : ones
            let found = ((quotes &- ones) & ~quotes | (slashes &- ones) & ~slashes | (word &- low) & ~word) & highs
            if found != 0 {
                // The bits below the lowest that was found: those of the bytes before it.
                seen |= word & (found ^ (found &- 1)) >> 8
                return (found.trailingZeroBitCount >> 3 &+ at, seen & highs == 0)
            }
            seen |= word
            at &+= 8
        }
    }

    /// The string from `start` to `end`, the text being as `end` wants it.
    @inline(__always) static func value(
        _ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int, _ isASCII: Bool
    ) -> Value {
        if let short = ShortText(from: base + start, count: end &- start) { return .shortText(short) }
        let bytes = UnsafeBufferPointer(start: base + start, count: end &- start)
        return .longText(isASCII ? Text(ascii: bytes) : Text(validated: bytes))
    }
}

/// The characters with names: the one table of them.
package enum CharacterNames {
    package static let all: [(name: StaticString, scalar: UInt32)] = [
        ("newline", 0x0a), ("space", 0x20), ("tab", 0x09), ("return", 0x0d), ("backspace", 0x08), ("formfeed", 0x0c),
    ]

    static func find(_ name: UnsafeBufferPointer<UInt8>) -> UInt32? {
        for known in all where known.name.utf8CodeUnitCount == name.count {
            if name.elementsEqual(UnsafeBufferPointer(start: known.name.utf8Start, count: name.count)) {
                return known.scalar
            }
        }
        return nil
    }
}
