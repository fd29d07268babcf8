import Values

/// What a byte can be in a token: the one table of the syntax's character classes.
///
/// `grammar/grammar.ebnf` says the same in prose that a test interprets.
struct ByteClass: OptionSet {
    let rawValue: UInt8

    /// White space: separates tokens. A comma is white space.
    static let space = ByteClass(rawValue: 1)
    /// Starts a form of its own and ends a number.
    static let macro = ByteClass(rawValue: 2)
    /// Ends a symbol, a keyword or a character name.
    static let endsToken = ByteClass(rawValue: 4)
    static let digit = ByteClass(rawValue: 8)
    static let slash = ByteClass(rawValue: 16)
    static let colon = ByteClass(rawValue: 32)
    /// Part of a code point beyond ASCII, which may be white space.
    static let wide = ByteClass(rawValue: 64)
    /// May not stand in a token at all.
    static let refused = ByteClass(rawValue: 128)

    /// 256 classes; immutable and never freed, so a reader may keep the pointer.
    struct Table: @unchecked Sendable {
        // Sendable: written before it is published, never after.
        let classes: UnsafePointer<ByteClass>

        init(macros: String, insideTokens: String, refused: String) {
            let classes = UnsafeMutablePointer<ByteClass>.allocate(capacity: 256)
            classes.initialize(repeating: [], count: 256)
            for byte in Table.spaces { classes[Int(byte)] = [.space, .endsToken] }
            for byte in macros.utf8 { classes[Int(byte)] = [.macro, .endsToken] }
            for byte in insideTokens.utf8 { classes[Int(byte)].remove(.endsToken) }
            for byte in UInt8(ascii: "0")...UInt8(ascii: "9") { classes[Int(byte)] = .digit }
            classes[Int(UInt8(ascii: "/"))] = .slash
            classes[Int(UInt8(ascii: ":"))] = .colon
            for byte in 0x80...0xff { classes[byte] = .wide }
            for byte in refused.utf8 { classes[Int(byte)].insert(.refused) }
            // Also the sentinel after the last byte, so that no scan needs to compare positions.
            classes[0] = [.endsToken, .macro, .refused]
            self.classes = UnsafePointer(classes)
        }

        private static let spaces: [UInt8] = [
            0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x1c, 0x1d, 0x1e, 0x1f, 0x20, UInt8(ascii: ","),
        ]
    }

    static let edn = Table(macros: "\"\\;^()[]{}#", insideTokens: "#", refused: "@`~")
    static let code = Table(macros: "\"\\;^()[]{}#'@`~%", insideTokens: "#'%", refused: "")
}

/// Unicode white space beyond ASCII, as the JVM has it: not the no-break spaces.
func isWideSpace(_ scalar: UInt32) -> Bool {
    switch scalar {
    case 0x1680, 0x2000...0x2006, 0x2008...0x200a, 0x2028, 0x2029, 0x205f, 0x3000: true
    default: false
    }
}

/// A source's bytes with zeros after the end, so that scans stop without comparing positions and may read a word at a time:
/// a copy, or a long text itself.
final class SentinelBuffer: @unchecked Sendable {
    // Sendable: immutable.
    let base: UnsafePointer<UInt8>
    let count: Int
    /// What is read in place.
    private let text: Text?

    init(_ source: Source) {
        if let text = source.text, text.byteCount >= Text.sentinelMinimum {
            (base, count, self.text) = (text.bytes, text.byteCount, text)
            return
        }
        let bytes = source.bytes
        let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: bytes.count + 16)
        bytes.withUnsafeBufferPointer { bytes in
            if let base = bytes.baseAddress { copy.initialize(from: base, count: bytes.count) }
        }
        (copy + bytes.count).initialize(repeating: 0, count: 16)
        base = UnsafePointer(copy)
        count = bytes.count
        text = nil
    }

    deinit { if text == nil { base.deallocate() } }

    /// The offset of the first byte that is not part of valid UTF-8, or nil.
    func firstInvalidByte() -> Int? {
        if text != nil { return nil }
        var at = 0
        while at < count {
            if UnsafeRawPointer(base + at).loadUnaligned(as: UInt64.self) & 0x8080_8080_8080_8080 == 0 {
                at += 8
                continue
            }
            if base[at] < 0x80 {
                at += 1
                continue
            }
            let width = SentinelBuffer.validWidth(base + at)
            guard width > 0 else { return at }
            at += width
        }
        return nil
    }

    /// The length of the well-formed sequence of two to four bytes at `at`, or 0.
    private static func validWidth(_ at: UnsafePointer<UInt8>) -> Int {
        func continues(_ index: Int) -> Bool { at[index] & 0xc0 == 0x80 }
        switch at[0] {
        case 0xc2...0xdf: return continues(1) ? 2 : 0
        case 0xe0: return at[1] >= 0xa0 && continues(1) && continues(2) ? 3 : 0
        case 0xed: return at[1] < 0xa0 && continues(1) && continues(2) ? 3 : 0
        case 0xe1...0xef: return continues(1) && continues(2) ? 3 : 0
        case 0xf0: return at[1] >= 0x90 && continues(1) && continues(2) && continues(3) ? 4 : 0
        case 0xf1...0xf3: return continues(1) && continues(2) && continues(3) ? 4 : 0
        case 0xf4: return at[1] < 0x90 && continues(1) && continues(2) && continues(3) ? 4 : 0
        default: return 0
        }
    }
}
