import Values

/// JSON text to values and back.
///
/// Our own, because the toolchain's is Foundation's, which costs milliseconds of start-up and does not know our values; the
/// core has none of it. Strict RFC 8259: no comments, no trailing commas, no leading zeros, no lone surrogates.
package enum JSON {
    /// How many arrays and objects may be open at once (N5).
    package static let nestingLimit = 1_000

    /// What an object's keys become.
    package enum Keys {
        case strings
        /// `"a/b"` becomes `:a/b`.
        case keywords(Names)
    }

    /// Reads the one value that `source` holds; the error has its place.
    package static func read(_ source: Source, keys: Keys = .strings) throws(SyntaxError) -> Value {
        var reader = JSONReader(source, keys: keys)
        return try reader.readDocument()
    }

    /// Reads the one value that `bytes` hold; the fault tells line and column.
    package static func read(_ bytes: [UInt8], keys: Keys = .strings) throws(Fault) -> Value {
        do { return try read(Source(name: "JSON", bytes: bytes), keys: keys) } catch { throw error.fault }
    }

    /// How values are written.
    package struct Style: Sendable {
        /// Two spaces a level, one member a line.
        package var pretty = false
        /// A keyword or symbol with its namespace (`a/b`) instead of its name alone.
        package var qualifiedNames = false
        /// `/` as `\/`, so that the text may stand in HTML.
        package var escapesSlash = false
        /// ASCII only: everything else as `\uXXXX`.
        package var escapesUnicode = false

        package init() {}
    }

    /// Writes `value`: maps in their order, keywords and symbols by their names, sequences and sets as arrays. Throws for what
    /// JSON has no form for (functions, NaN, …), naming the path to it, and `.force` at an unrealised sequence.
    ///
    /// - Parameter limit: bytes; beyond it `.exhausted(.memory)` is thrown. For where no budget pays.
    package static func write(
        _ value: Value, style: Style = Style(), within limit: Int = .max
    ) throws(Fault) -> [UInt8] {
        var writer = JSONWriter(style: style, within: limit)
        try writer.write(value)
        return writer.bytes
    }

    /// `value` as one line of JSON for other programs, whatever it holds: what JSON has no form for (functions, NaN, what is not
    /// realised, …) stands as the string that prints it. Names keep their namespaces: `:fs/read` is not `:http/read`.
    ///
    /// - Parameter limit: bytes. What makes it longer is told of in a few words, and an object says so by a true `cut`
    ///   (`Value.cut`).
    package static func shown(_ value: Value, within limit: Int = JSON.largest) -> String {
        let bytes =
            written(value, within: limit)
            ?? written(value.cut(within: limit) { written($0, within: $1) != nil }, within: limit)
        return String(decoding: bytes ?? Array("null".utf8), as: UTF8.self)
    }

    /// Bytes of what has no limit of its own. A text of the script's is never so long.
    package static let largest = Text.byteLimit * 2

    /// Nil when it has more bytes than `limit`, or a key that cannot be printed, which what was cut has not.
    private static func written(_ value: Value, within limit: Int) -> [UInt8]? {
        var style = Style()
        style.qualifiedNames = true
        var writer = JSONWriter(style: style, total: limit)
        do throws(Fault) { try writer.write(value) } catch { return nil }
        return writer.bytes
    }
}

/// One pass over UTF-8, with the open arrays and objects on a stack of its own.
struct JSONReader {
    private let source: Source
    private let keys: JSON.Keys
    private let buffer: SentinelBuffer
    private let base: UnsafePointer<UInt8>
    private let end: Int
    private var position = 0
    private let values = ValueStack()
    private var frames: [Frame] = []
    /// The keys met before: shared, they take no memory each and remember their hash.
    private let known: TokenCache<Value>

    private struct Frame {
        var isObject: Bool
        let base: Int
        let start: Int
    }

    init(_ source: Source, keys: JSON.Keys) {
        self.source = source
        self.keys = keys
        buffer = SentinelBuffer(source)
        base = buffer.base
        end = buffer.count
        known = TokenCache(base: base, count: end)
        if end >= 3, base[0] == 0xef, base[1] == 0xbb, base[2] == 0xbf { position = 3 }
    }

    mutating func readDocument() throws(SyntaxError) -> Value {
        if let bad = buffer.firstInvalidByte() {
            throw failure("this is not UTF-8 text", Span(bad, bad + 1), code: .encoding)
        }
        var value = try readValue()
        while let found = value {
            if frames.isEmpty {
                skipSpace()
                guard position == end else { throw unexpected("the end of the text", hint: "one text holds one value") }
                return found
            }
            values.append(found)
            value = try afterElement()
        }
        throw unexpected("a value")
    }

    /// After an element of an array or a member of an object: its end, or the next one's value.
    private mutating func afterElement() throws(SyntaxError) -> Value? {
        skipSpace()
        let top = frames[frames.count - 1]
        switch base[position] {
        case 0x2c:
            position += 1
            skipSpace()
            if top.isObject { try readKey(expected: "a key in quotes") }
            return try readValue()
        case 0x5d where !top.isObject, 0x7d where top.isObject: return try close(top)
        default: throw unexpected(top.isObject ? "`,` or `}`" : "`,` or `]`")
        }
    }

    private mutating func close(_ top: Frame) throws(SyntaxError) -> Value {
        position += 1
        frames.removeLast()
        let value: Value
        if top.isObject {
            do { value = .map(try makeMap(from: top.base)) } catch { throw unexpected("a key") }
        } else {
            value = .vector(Vector(taking: values.base + top.base, count: values.count - top.base))
            values.forget(from: top.base)
        }
        return value
    }

    private func makeMap(from start: Int) throws(Fault) -> HashMap {
        if let map = try HashMap.taking(values.base + start, count: (values.count - start) / 2) {
            values.forget(from: start)
            return map
        }
        // Of members with one name the last counts, as in every JSON library.
        var map = HashMap()
        for index in stride(from: start, to: values.count, by: 2) {
            try HashMap.set(&map, values[index], values[index + 1])
        }
        values.truncate(to: start)
        return map
    }

    /// A scalar or an empty container, after opening as many containers as stand before the first such.
    private mutating func readValue() throws(SyntaxError) -> Value? {
        while true {
            skipSpace()
            switch base[position] {
            case 0x22: return try readString()
            case 0x2d, 0x30...0x39: return try readNumber()
            case 0x7b:
                let top = try open(isObject: true)
                if base[position] == 0x7d { return try close(top) }
                try readKey(expected: "a key in quotes, or `}`")
            case 0x5b:
                let top = try open(isObject: false)
                if base[position] == 0x5d { return try close(top) }
            case 0x74 where take("true"): return .true
            case 0x66 where take("false"): return .false
            case 0x6e where take("null"): return .nil
            default: throw unexpected("a value")
            }
        }
    }

    private mutating func open(isObject: Bool) throws(SyntaxError) -> Frame {
        guard frames.count < JSON.nestingLimit else {
            throw failure(
                "values nest more than \(JSON.nestingLimit) deep", Span(position, position + 1), code: .nesting,
                hint: "store deep data flat")
        }
        let frame = Frame(isObject: isObject, base: values.count, start: position)
        frames.append(frame)
        position += 1
        skipSpace()
        return frame
    }

    private mutating func readKey(expected: String) throws(SyntaxError) {
        guard base[position] == 0x22 else {
            throw unexpected(expected, hint: base[position] == 0x7d ? "remove the comma before it" : nil)
        }
        let start = position + 1
        let (stop, isASCII) = PlainText.end(base, from: start, orControl: true)
        if base[stop] == 0x22, stop > start {
            values.append(
                known.value(start, stop) {
                    switch keys {
                    case .strings: PlainText.value(base, start, stop, isASCII)
                    case .keywords(let names):
                        .keyword(
                            JSONReader.intern(UnsafeBufferPointer(start: base + start, count: stop - start), names))
                    }
                })
            position = stop + 1
        } else {
            let key = try readString()
            switch keys {
            case .strings: values.append(key)
            case .keywords(let names):
                values.append(key.withUTF8 { .keyword(JSONReader.intern($0, names)) } ?? key)
            }
        }
        skipSpace()
        guard base[position] == 0x3a else { throw unexpected("`:` after the key") }
        position += 1
    }

    private static func intern(_ text: UnsafeBufferPointer<UInt8>, _ names: Names) -> Name {
        guard text.count > 1, let slash = text.firstIndex(of: 0x2f), slash > 0, slash + 1 < text.count else {
            return names.intern(namespace: nil, name: text)
        }
        return names.intern(
            namespace: UnsafeBufferPointer(rebasing: text[..<slash]),
            name: UnsafeBufferPointer(rebasing: text[(slash + 1)...]))
    }

    @inline(__always) private mutating func skipSpace() {
        while true {
            switch base[position] {
            case 0x20, 0x0a, 0x0d, 0x09: position &+= 1
            default: return
            }
        }
    }

    private mutating func take(_ word: StaticString) -> Bool {
        for index in 0..<word.utf8CodeUnitCount where base[position + index] != word.utf8Start[index] { return false }
        let after = base[position + word.utf8CodeUnitCount]
        guard after.digitValue == 255, after < 0x80, after != 0x5f else { return false }
        position += word.utf8CodeUnitCount
        return true
    }

    // Numbers.

    private mutating func readNumber() throws(SyntaxError) -> Value {
        let start = position
        if let (value, stop) = QuickNumber.read(base, start), !JSONReader.continuesNumber(base[stop]),
            base[stop - 1] != 0x2e
        {
            let first = base[start] == 0x2d ? start + 1 : start
            if base[first] != 0x30 || base[first + 1] == 0x2e || stop == first + 1 {
                position = stop
                return value
            }
        }
        var at = base[start] == 0x2d ? start + 1 : start
        while JSONReader.continuesNumber(base[at]) || base[at] == 0x2b || base[at] == 0x2d { at += 1 }
        position = at
        let token = UnsafeBufferPointer(start: base + start, count: at - start)
        guard JSONReader.isNumber(token), case .number(let value) = Numbers.parse(token) else {
            throw failure(
                "invalid number", Span(start, at),
                because: "JSON numbers look like 0, -12, 1.5 or 2e10: no leading zeros, no bare point.")
        }
        return value
    }

    private static func continuesNumber(_ byte: UInt8) -> Bool { byte.digitValue < 255 || byte == 0x2e }

    /// JSON's own rule, which is narrower than the language's.
    private static func isNumber(_ token: UnsafeBufferPointer<UInt8>) -> Bool {
        var rest = token.first == 0x2d ? token.dropFirst() : token[...]
        let whole = rest.prefix(while: \.isDecimalDigit)
        guard whole.count == 1 || (whole.count > 1 && whole.first != 0x30) else { return false }
        rest = rest[whole.endIndex...]
        if rest.first == 0x2e {
            let fraction = rest.dropFirst().prefix(while: \.isDecimalDigit)
            guard !fraction.isEmpty else { return false }
            rest = rest[fraction.endIndex...]
        }
        guard let mark = rest.first else { return true }
        guard mark | 0x20 == UInt8(ascii: "e") else { return false }
        rest = rest.dropFirst()
        if rest.first == 0x2b || rest.first == 0x2d { rest = rest.dropFirst() }
        return !rest.isEmpty && rest.allSatisfy(\.isDecimalDigit)
    }

    // Strings.

    private mutating func readString() throws(SyntaxError) -> Value {
        let start = position
        let (at, isASCII) = PlainText.end(base, from: start + 1, orControl: true)
        if base[at] == 0x22 {
            position = at + 1
            return PlainText.value(base, start + 1, at, isASCII)
        }
        var text = Array(UnsafeBufferPointer(start: base + start + 1, count: at - start - 1))
        position = at
        while base[position] != 0x22 {
            switch base[position] {
            case 0x5c: try readEscape(into: &text)
            case 0x00..<0x20:
                guard position < end else {
                    throw failure(
                        "unclosed string", Span(start, start + 1), hint: "close it with `\"`", isIncomplete: true)
                }
                throw failure(
                    "a control character in a string", Span(position, position + 1),
                    because: "JSON strings hold no line breaks, tabs or other control characters as they are.",
                    hint: "write \\n, \\t or \\u00XX")
            default:
                let next = PlainText.end(base, from: position, orControl: true).offset
                text.append(contentsOf: UnsafeBufferPointer(start: base + position, count: next - position))
                position = next
            }
        }
        position += 1
        return text.withUnsafeBufferPointer { .text(validated: $0) }
    }

    private mutating func readEscape(into text: inout [UInt8]) throws(SyntaxError) {
        let escape = position
        switch base[escape + 1] {
        case 0x22, 0x5c, 0x2f: text.append(base[escape + 1])
        case 0x62: text.append(0x08)
        case 0x66: text.append(0x0c)
        case 0x6e: text.append(0x0a)
        case 0x72: text.append(0x0d)
        case 0x74: text.append(0x09)
        case 0x75: return text.append(contentsOf: UTF8.encode(try readUnicodeEscape())!)
        default:
            throw failure(
                "unknown escape in a string", Span(escape, min(end, escape + 2)),
                because: "JSON knows \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\uXXXX.")
        }
        position = escape + 2
    }

    private mutating func readUnicodeEscape() throws(SyntaxError) -> Unicode.Scalar {
        let escape = position
        var unit = try readUnicodeUnit()
        if unit >> 10 == 0xd800 >> 10, base[position] == 0x5c, base[position + 1] == 0x75 {
            let low = try readUnicodeUnit()
            unit = low >> 10 == 0xdc00 >> 10 ? 0x10000 + (unit - 0xd800) << 10 + (low - 0xdc00) : 0xd800
        }
        guard let scalar = Unicode.Scalar(unit) else {
            throw failure("half of a surrogate pair is no character", Span(escape, position))
        }
        return scalar
    }

    private mutating func readUnicodeUnit() throws(SyntaxError) -> UInt32 {
        let escape = position
        var unit: UInt32 = 0
        for index in 2..<6 {
            let digit = base[escape + index].digitValue
            guard digit < 16 else { throw failure("`\\u` needs four hexadecimal digits", Span(escape, escape + index)) }
            unit = unit << 4 | UInt32(digit)
        }
        position = escape + 6
        return unit
    }

    // Errors.

    private func unexpected(_ expected: String, hint: String? = nil) -> SyntaxError {
        guard position < end else {
            let place = frames.last.map { Span($0.start, $0.start + 1) } ?? Span(end, end)
            let title = frames.last.map { $0.isObject ? "unclosed object" : "unclosed array" }
            let closing = frames.reversed().prefix(40).map { $0.isObject ? "}" : "]" }.joined()
            return failure(
                title ?? "the text ends where a value should be", place, expected: expected,
                found: "the end of the text",
                hint: closing.isEmpty ? hint : "close it with `\(closing)`", isIncomplete: true)
        }
        let width = Text.width(base[position])
        let found = "`\(String(decoding: UnsafeBufferPointer(start: base + position, count: width), as: UTF8.self))`"
        return failure(
            "expected \(expected), found \(base[position] < 0x20 ? "a control character" : found)",
            Span(position, position + width), expected: expected, found: found, hint: hint ?? wordHint())
    }

    /// Words that other languages write where JSON has none.
    private func wordHint() -> String? {
        switch base[position] {
        case 0x27: "JSON strings stand in double quotes"
        case 0x2f, 0x23: "JSON has no comments"
        case 0x2c, 0x5d, 0x7d: "remove the comma before it"
        case 0x2b, 0x2e: "a number begins with a digit or `-`"
        case 0x41...0x5a, 0x5f, 0x61...0x7a: "the only words are true, false and null; all else stands in quotes"
        default: nil
        }
    }

    private func failure(
        _ title: String, _ span: Span, code: SyntaxCode = .json, because explanation: String? = nil,
        expected: String? = nil, found: String? = nil, hint: String? = nil, isIncomplete: Bool = false
    ) -> SyntaxError {
        var diagnostic = Diagnostic(code: code.rawValue, title: title, at: .init(source, span))
        diagnostic.explanation = explanation
        diagnostic.expected = expected
        diagnostic.found = found
        diagnostic.hint = hint
        return SyntaxError(code, diagnostic, isIncomplete: isIncomplete)
    }
}
