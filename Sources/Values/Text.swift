/// A string: UTF-8 bytes, counted and indexed by code point (N2).
///
/// An all-ASCII text indexes in constant time; another finds a code point by scanning.
public final class Text: @unchecked Sendable {
    // Sendable: immutable, but for the cached hash, which is idempotent.
    public let bytes: UnsafePointer<UInt8>
    public let byteCount: Int
    /// Code points.
    public let count: Int
    /// 0 until computed; a race computes the same number twice.
    @usableFromInline var cachedHash: UInt32 = 0

    @inlinable public var isASCII: Bool { count == byteCount }
    @inlinable public var utf8: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: bytes, count: byteCount) }
    public var string: String { String(decoding: utf8, as: UTF8.self) }

    /// Takes ownership of `bytes`, which must be valid UTF-8 and allocated with room for `byteCount`.
    public init(owning bytes: UnsafeMutablePointer<UInt8>, byteCount: Int) {
        self.bytes = UnsafePointer(bytes)
        self.byteCount = byteCount
        var continuation = 0
        for index in 0..<byteCount where bytes[index] & 0xc0 == 0x80 { continuation &+= 1 }
        count = byteCount - continuation
        Meter.charge(Text.footprint(byteCount))
    }

    deinit {
        Meter.credit(Text.footprint(byteCount))
        bytes.deallocate()
    }

    @inline(__always) static func footprint(_ byteCount: Int) -> Int { 64 + byteCount }

    /// Copies bytes that are known to be valid UTF-8.
    public convenience init(validated utf8: UnsafeBufferPointer<UInt8>) {
        let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, utf8.count))
        if let base = utf8.baseAddress { copy.update(from: base, count: utf8.count) }
        self.init(owning: copy, byteCount: utf8.count)
    }

    public convenience init(_ string: String) {
        var string = string
        let copied: (UnsafeMutablePointer<UInt8>, Int) = string.withUTF8 { utf8 in
            let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, utf8.count))
            if let base = utf8.baseAddress { copy.update(from: base, count: utf8.count) }
            return (copy, utf8.count)
        }
        self.init(owning: copied.0, byteCount: copied.1)
    }

    /// Copies bytes, with U+FFFD for what is not valid UTF-8.
    public convenience init(repairing bytes: some Collection<UInt8>) {
        self.init(String(decoding: bytes, as: UTF8.self))
    }

    public static let empty = Text("")

    /// The byte offset of code point `index`; `index` may equal `count`.
    public func byteOffset(_ index: Int) -> Int {
        if isASCII { return index }
        var offset = 0
        var left = index
        while left > 0 {
            offset += Text.width(bytes[offset])
            left -= 1
        }
        return offset
    }

    /// The code point at `index`, which must be within `0..<count`.
    public func scalar(at index: Int) -> UInt32 { Text.decode(bytes + byteOffset(index)) }

    /// Code points `start..<end`, which must be within the text.
    public func substring(_ start: Int, _ end: Int) -> Text {
        let from = byteOffset(start)
        let to = isASCII ? end : from + (Text.offset(bytes + from, end - start))
        return Text(validated: UnsafeBufferPointer(start: bytes + from, count: to - from))
    }

    private static func offset(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Int {
        var offset = 0
        for _ in 0..<count { offset += width(bytes[offset]) }
        return offset
    }

    /// Bytes of the code point that starts with `lead`.
    @inlinable @inline(__always) public static func width(_ lead: UInt8) -> Int {
        lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
    }

    /// Decodes the code point at `at`, which must be valid UTF-8.
    @inlinable @inline(__always) public static func decode(_ at: UnsafePointer<UInt8>) -> UInt32 {
        let lead = at[0]
        if lead < 0x80 { return UInt32(lead) }
        if lead < 0xe0 { return UInt32(lead & 0x1f) << 6 | UInt32(at[1] & 0x3f) }
        if lead < 0xf0 { return UInt32(lead & 0x0f) << 12 | UInt32(at[1] & 0x3f) << 6 | UInt32(at[2] & 0x3f) }
        return UInt32(lead & 0x07) << 18 | UInt32(at[1] & 0x3f) << 12 | UInt32(at[2] & 0x3f) << 6 | UInt32(at[3] & 0x3f)
    }

    public static func == (left: Text, right: Text) -> Bool {
        left === right || (left.byteCount == right.byteCount && left.utf8.elementsEqual(right.utf8))
    }
}
