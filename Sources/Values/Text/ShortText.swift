/// A text of at most 8 bytes, held in the word that would point to it: most keys, words and numbers in texts are that short,
/// and are then neither allocated nor counted.
///
/// The bytes stand in their order in memory, with zeros behind them; a text with a zero among its bytes is a `Text`, however
/// short. So two short texts are equal when their words are, and none equals a `Text` that a value holds.
@frozen public struct ShortText: Equatable, Sendable {
    /// The first byte lowest.
    @usableFromInline let word: UInt64

    @inlinable @inline(__always) init(word: UInt64) { self.word = word }

    public static let byteLimit = 8
    @inlinable public static var empty: ShortText { ShortText(word: 0) }

    /// The `count` bytes at `bytes`, valid UTF-8, in front of which 8 may be read; nil when they are too many or one is zero.
    @inlinable @inline(__always) init?(within bytes: UnsafePointer<UInt8>, count: Int) {
        guard UInt(bitPattern: count &- 1) < 8 else {
            guard count == 0 else { return nil }
            self = .empty
            return
        }
        let last = UnsafeRawPointer(bytes).loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
        self.init(checking: UInt64(littleEndian: last) &>> UInt64(64 &- 8 &* count), count)
    }

    /// The same of bytes, valid UTF-8, from which on 8 may be read.
    @inlinable @inline(__always) public init?(from bytes: UnsafePointer<UInt8>, count: Int) {
        guard count <= 8 else { return nil }
        let first = UInt64(littleEndian: UnsafeRawPointer(bytes).loadUnaligned(as: UInt64.self))
        self.init(checking: first & ~ShortText.behind(count), count)
    }

    /// The same of bytes that stand anywhere.
    @inlinable init?(_ utf8: UnsafeBufferPointer<UInt8>) {
        guard utf8.count <= 8 else { return nil }
        var word: UInt64 = 0
        for (index, byte) in utf8.enumerated() { word |= UInt64(byte) &<< UInt64(8 &* index) }
        self.init(checking: word, utf8.count)
    }

    @inlinable @inline(__always) init?(checking word: UInt64, _ count: Int) {
        // Beyond the bytes, ones: no zero to be found.
        let full = word | ShortText.behind(count)
        guard (full &- 0x0101_0101_0101_0101) & ~full & 0x8080_8080_8080_8080 == 0 else { return nil }
        self.word = word
    }

    /// Ones behind the first `count` bytes, 0...8.
    @inlinable @inline(__always) static func behind(_ count: Int) -> UInt64 {
        // In two steps, because a shift goes by the count modulo 64.
        let half = UInt64(4 &* count)
        return (UInt64.max &<< half) &<< half
    }

    @inlinable @inline(__always) public var byteCount: Int { 8 &- word.leadingZeroBitCount &>> 3 }
    @inlinable @inline(__always) public var isASCII: Bool { word & 0x8080_8080_8080_8080 == 0 }
    /// Code points: the bytes that do not go on with one.
    @inlinable @inline(__always) public var count: Int {
        isASCII ? byteCount : byteCount &- (word & ~(word &<< 1) & 0x8080_8080_8080_8080).nonzeroBitCount
    }

    /// The code point at an index that is not negative; nil beyond the end.
    func scalar(at index: Int) -> UInt32? {
        guard index < count else { return nil }
        if isASCII { return UInt32(truncatingIfNeeded: word >> UInt64(8 * index)) & 0xff }
        return withUTF8 { utf8 in
            var at = 0
            for _ in 0..<index { at += Text.width(utf8[at]) }
            return Text.decode(utf8.baseAddress.unsafelyUnwrapped + at)
        }
    }

    /// The same text as an object.
    public var text: Text { withUTF8 { Text(validated: $0) } }

    @inlinable @inline(__always) public func withUTF8<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result
    {
        withUnsafeBytes(of: word.littleEndian) {
            $0.withMemoryRebound(to: UInt8.self) { body(UnsafeBufferPointer(rebasing: $0[..<byteCount])) }
        }
    }

    @inline(__always) var hash: UInt32 { Hashing.short(word) }
}

extension Value {
    /// A string value.
    @inlinable @inline(__always) public static func text(_ text: Text) -> Value {
        if _slowPath(text.byteCount <= ShortText.byteLimit) { return short(text) }
        return .longText(text)
    }

    @inlinable @inline(never) static func short(_ text: Text) -> Value {
        ShortText(within: text.bytes, count: text.byteCount).map { .shortText($0) } ?? .longText(text)
    }

    /// A string value of bytes that are known to be valid UTF-8.
    public static func text(validated utf8: UnsafeBufferPointer<UInt8>) -> Value {
        ShortText(utf8).map { .shortText($0) } ?? .longText(Text(validated: utf8))
    }

    /// A string value of a byte range of a text, both ends of which are at code points.
    @inline(__always) public static func text(_ text: Text, slice range: Range<Int>) -> Value {
        if let short = ShortText(within: text.bytes + range.lowerBound, count: range.count) { return .shortText(short) }
        return .longText(text.slice(range))
    }

    /// A string value holding `string`.
    public static func string(_ string: String) -> Value {
        var string = string
        return string.withUTF8 { text(validated: $0) }
    }

    /// The text of a string value; for a short one, an object made for the asking.
    public var textValue: Text? {
        switch self {
        case .longText(let text): text
        case .shortText(let short): short.text
        default: nil
        }
    }

    /// The text of a string value.
    public var stringValue: String? {
        switch self {
        case .longText(let text): text.string
        case .shortText(let short): short.withUTF8 { String(decoding: $0, as: UTF8.self) }
        default: nil
        }
    }

    /// What `body` gives for the bytes of a string value; nil for any other value.
    @inlinable @inline(__always) public func withUTF8<Result>(
        _ body: (UnsafeBufferPointer<UInt8>) -> Result
    ) -> Result? {
        switch self {
        case .shortText(let short): return short.withUTF8(body)
        case .longText(let text): return text.withUTF8(body)
        default: return nil
        }
    }

    @inlinable @inline(__always) public var isText: Bool {
        switch self {
        case .shortText, .longText: true
        default: false
        }
    }
}
