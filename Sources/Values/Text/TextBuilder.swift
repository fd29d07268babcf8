/// Puts a text together without intermediate strings.
///
/// What is appended must be valid UTF-8 in total when `finish` is called; bytes are not checked again.
public struct TextBuilder: ~Copyable {
    private var bytes: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    /// Bytes so far.
    public private(set) var byteCount = 0
    /// Whether what was appended is known to be ASCII.
    private var isASCII = true
    private var growth = Attention.Growth()

    public init(capacity: Int = 64) {
        self.capacity = max(16, capacity)
        bytes = TextBuilder.allocate(self.capacity)
    }

    deinit { bytes.deallocate() }

    /// As raw memory of alignment 1, for which the runtime takes the fast way.
    private static func allocate(_ capacity: Int) -> UnsafeMutablePointer<UInt8> {
        UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 1).assumingMemoryBound(to: UInt8.self)
    }

    public mutating func append(_ text: Text) {
        isASCII = isASCII && text.isASCII
        copy(text.bytes, text.byteCount)
    }

    public mutating func append(_ text: BorrowedText) {
        isASCII = isASCII && text.isASCII
        copy(text.bytes, text.byteCount)
    }

    public mutating func append(_ text: ShortText) {
        isASCII = isASCII && text.isASCII
        text.withUTF8 { copy($0.baseAddress.unsafelyUnwrapped, $0.count) }
    }

    /// Bytes `range` of `text`.
    public mutating func append(_ text: Text, _ range: Range<Int>) {
        isASCII = isASCII && text.isASCII
        copy(text.bytes + range.lowerBound, range.count)
    }

    public mutating func append(_ utf8: UnsafeBufferPointer<UInt8>) {
        guard let base = utf8.baseAddress else { return }
        isASCII = false
        copy(base, utf8.count)
    }

    @inline(__always) private mutating func copy(_ from: UnsafePointer<UInt8>, _ count: Int) {
        reserve(count)
        (bytes + byteCount).update(from: from, count: count)
        byteCount += count
    }

    public mutating func append(_ string: String) {
        var string = string
        string.withUTF8 { append($0) }
    }

    public mutating func append(byte: UInt8) {
        reserve(1)
        if byte >= 0x80 { isASCII = false }
        bytes[byteCount] = byte
        byteCount += 1
    }

    public mutating func append(scalar: UInt32) {
        reserve(4)
        if scalar >= 0x80 { isASCII = false }
        let bytes = bytes
        var end = byteCount
        Text.encode(scalar) {
            bytes[end] = $0
            end += 1
        }
        byteCount = end
    }

    /// The decimal digits of `value`.
    public mutating func append(_ value: Int64) {
        let width = Numbers.decimalWidth(value)
        reserve(width)
        Numbers.writeDecimal(value, endingAt: bytes + byteCount + width)
        byteCount += width
    }

    /// For who appends in a loop: throws when the text has become too large, or larger than the budget allows.
    public mutating func checkSize() throws(Fault) {
        if byteCount > Text.byteLimit { throw .exhausted(.memory) }
        try growth.reached(byteCount)
    }

    /// The text.
    public consuming func finish() -> Text {
        let utf8 = UnsafeBufferPointer(start: bytes, count: byteCount)
        return isASCII ? Text(validated: utf8, count: utf8.count) : Text(validated: utf8)
    }

    /// The text as a value.
    public consuming func finishValue() -> Value {
        // There is room for 16 bytes at least.
        if let short = ShortText(from: bytes, count: byteCount) { return .shortText(short) }
        return .longText(finish())
    }

    private mutating func reserve(_ count: Int) {
        if byteCount + count > capacity { grow(byteCount + count) }
    }

    @inline(never) private mutating func grow(_ needed: Int) {
        capacity = max(needed, capacity * 2)
        let larger = TextBuilder.allocate(capacity)
        larger.update(from: bytes, count: byteCount)
        bytes.deallocate()
        bytes = larger
    }
}
