//! Reader: text to values.
//!
//! Comes in: the bytes of a `Source`. Goes out: forms (values with a place), the data of EDN and JSON, and diagnostics for
//! what is wrong with them. A reader makes one pass over raw UTF-8: a 256-entry table (`ByteClass`) says what each byte can
//! be, finished values wait on one stack, and open brackets and prefixes (`'`, `^`, `#_` …) on another, so nesting costs no
//! native stack (N5). What a form stood for depends on the code around it (aliases, macros' names), so those questions are
//! closures in `CodeContext`.
//!
//! Reading order: `Lexical` (classes of bytes), `Reader` (the loop), `Frames` (what is open, and how it completes), `Tokens`,
//! `NumberSyntax`, `Literals` (strings, characters), `Dispatch` (what follows `#`), `SyntaxQuote`; then `Diagnostic` and how
//! it is shown, JSON, and `Format/`, which lays a text out anew.

import Values

/// A value, and where in its source it stood.
package struct Form: Sendable {
    package var value: Value
    package var span: Span

    package init(_ value: Value, _ span: Span) {
        self.value = value
        self.span = span
    }
}

/// Reads the forms of a source one after another (N1).
package struct Reader {
    /// How many brackets and prefixes may be open at once. Far beyond what people write, and small enough that whoever walks
    /// a form by recursion fits the smallest thread's stack (N5).
    package static let nestingLimit = 1_000

    let source: Source
    let names: Names
    let dialect: Dialect
    let isCode: Bool
    /// Whether `spans` is kept: always for code; for data only while looking for the place of an error.
    var keepsPlaces: Bool

    private let buffer: SentinelBuffer
    let base: UnsafePointer<UInt8>
    let end: Int
    let classes: UnsafePointer<ByteClass>
    var position = 0
    private var isValidated = false

    /// Finished values of the open frames; each frame's start at its `base`.
    var values = ValueStack()
    /// Names met before.
    let known: TokenCache<Name>
    /// As many as `values`, when places are kept.
    var spans: [Span] = []
    var frames: [Frame] = []
    /// Inside `#()`: the arguments met so far.
    var arguments: FunctionArguments?
    /// How many branches of reader conditionals that are not taken surround what is being read.
    var suppression = 0

    package init(_ source: Source, names: Names, dialect: Dialect) {
        self.source = source
        self.names = names
        self.dialect = dialect
        buffer = SentinelBuffer(source)
        base = buffer.base
        end = buffer.count
        known = TokenCache(base: base, count: end)
        switch dialect {
        case .code:
            isCode = true
            keepsPlaces = true
            classes = ByteClass.code.classes
        case .edn(let options):
            isCode = false
            keepsPlaces = options.places
            classes = ByteClass.edn.classes
        }
        // A byte order mark says nothing in UTF-8.
        if end >= 3, base[0] == 0xef, base[1] == 0xbb, base[2] == 0xbf { position = 3 }
    }

    /// Where the next form will be looked for: a byte offset.
    package var offset: Int { position }

    /// The next form, or nil at the end of the source.
    package mutating func next() throws(SyntaxError) -> Form? {
        if !isValidated {
            if let bad = buffer.firstInvalidByte() { throw encodingFailure(at: bad) }
            isValidated = true
        }
        do {
            return try readForm()
        } catch {
            // Nothing is read after an error: the brackets no longer say where a form begins.
            position = end
            frames.removeAll()
            values.truncate(to: 0)
            spans.removeAll()
            throw error
        }
    }

    mutating func readForm() throws(SyntaxError) -> Form? {
        while true {
            skipSpace()
            let start = position
            let byte = base[start]
            let value: Value
            switch byte {
            case 0x22: value = try readString()
            case 0x30...0x39: value = try readNumber()
            case 0x3a: value = try readKeyword()
            case 0x28:
                try open(.list)
                continue
            case 0x5b:
                try open(.vector)
                continue
            case 0x7b:
                try open(.map)
                continue
            case 0x29, 0x5d, 0x7d:
                if let form = try close(byte) { return form }
                continue
            case 0x23:
                guard let found = try readDispatch() else { continue }
                value = found
            case 0x5c: value = try readCharacter()
            case 0x5e:
                try push(.meta, width: 1)
                continue
            case 0x2b, 0x2d:
                value = classes[Int(base[start + 1])].contains(.digit) ? try readNumber() : try readSymbol()
            case 0:
                guard start == end else { throw nulFailure(at: start) }
                guard frames.isEmpty else { throw unclosedFailure() }
                return nil
            default:
                guard let found = try readOther(byte) else { continue }
                value = found
            }
            if let form = try accept(value, Span(start, position)) { return form }
        }
    }

    /// Code's own prefixes, and symbols.
    private mutating func readOther(_ byte: UInt8) throws(SyntaxError) -> Value? {
        guard isCode else {
            if classes[Int(byte)].contains(.refused) { throw leadingFailure(byte) }
            if byte >= 0x80, isWideDigit(scalar(at: position)) { return try readNumber() }
            return try readSymbol()
        }
        switch byte {
        case 0x27: try push(.quote, width: 1)
        case 0x40: try push(.deref, width: 1)
        case 0x60: try push(.syntaxQuote, width: 1)
        case 0x7e:
            if base[position + 1] == 0x40 {
                try push(.unquoteSplicing, width: 2)
            } else {
                try push(.unquote, width: 1)
            }
        case 0x25:
            if arguments != nil, suppression == 0 { return try readArgument() }
            return try readSymbol()
        default:
            if byte >= 0x80, isWideDigit(scalar(at: position)) { return try readNumber() }
            return try readSymbol()
        }
        return nil
    }

    /// Skips white space and comments.
    @inline(__always) mutating func skipSpace() {
        while true {
            let byte = base[position]
            if classes[Int(byte)].contains(.space) {
                position &+= 1
            } else if byte == 0x3b {
                skipLine()
            } else if byte >= 0x80, isWideSpace(scalar(at: position)) {
                position &+= Text.width(byte)
            } else {
                return
            }
        }
    }

    /// Skips white space, but no comments.
    mutating func skipBlanks() {
        while true {
            if classes[Int(base[position])].contains(.space) {
                position += 1
            } else if base[position] >= 0x80, isWideSpace(scalar(at: position)) {
                position += Text.width(base[position])
            } else {
                return
            }
        }
    }

    /// Skips to the end of the line.
    mutating func skipLine() {
        while base[position] != 0x0a, base[position] != 0x0d, position < end { position &+= 1 }
    }

    func scalar(at offset: Int) -> UInt32 { Text.decode(base + offset) }

    /// A decimal digit beyond ASCII starts a number on the JVM, and no such number is valid.
    private func isWideDigit(_ scalar: UInt32) -> Bool {
        scalar <= 0xffff && Unicode.Scalar(scalar)?.properties.generalCategory == .decimalNumber
    }

    func bytes(_ start: Int, _ end: Int) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: base + start, count: end - start)
    }

    func string(_ start: Int, _ end: Int) -> String { String(decoding: bytes(start, end), as: UTF8.self) }
}
