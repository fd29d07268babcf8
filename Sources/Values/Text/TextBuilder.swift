/// Puts a text together without intermediate strings.
///
/// What is appended must be valid UTF-8 in total when `finish` is called; bytes are not checked again.
public struct TextBuilder: ~Copyable {
    private var bytes: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    /// Bytes so far.
    public private(set) var byteCount = 0
    private var growth = Attention.Growth()

    public init(capacity: Int = 64) {
        self.capacity = max(16, capacity)
        bytes = .allocate(capacity: self.capacity)
    }

    deinit { bytes.deallocate() }

    public mutating func append(_ text: Text) { append(text.utf8) }

    /// Bytes `range` of `text`.
    public mutating func append(_ text: Text, _ range: Range<Int>) {
        append(UnsafeBufferPointer(start: text.bytes + range.lowerBound, count: range.count))
    }

    public mutating func append(_ utf8: UnsafeBufferPointer<UInt8>) {
        guard let base = utf8.baseAddress else { return }
        reserve(utf8.count)
        (bytes + byteCount).update(from: base, count: utf8.count)
        byteCount += utf8.count
    }

    public mutating func append(_ string: String) {
        var string = string
        string.withUTF8 { append($0) }
    }

    public mutating func append(byte: UInt8) {
        reserve(1)
        bytes[byteCount] = byte
        byteCount += 1
    }

    public mutating func append(scalar: UInt32) {
        reserve(4)
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
        reserve(20)
        if value < 0 { append(byte: UInt8(ascii: "-")) }
        let start = byteCount
        var magnitude = value.magnitude
        repeat {
            append(byte: 48 + UInt8(truncatingIfNeeded: magnitude % 10))
            magnitude /= 10
        } while magnitude > 0
        var digits = UnsafeMutableBufferPointer(start: bytes + start, count: byteCount - start)
        digits.reverse()
    }

    /// For who appends in a loop: throws when the text has become too large, or larger than the budget allows.
    public mutating func checkSize() throws(Fault) {
        if byteCount > Text.byteLimit { throw .exhausted(.memory) }
        try growth.reached(byteCount)
    }

    /// The text; gives the memory over.
    public consuming func finish() -> Text {
        let bytes = bytes
        let count = byteCount
        let capacity = capacity
        discard self
        guard capacity > count + count / 4 + 32 else { return Text(owning: bytes, byteCount: count) }
        // What is much too large would be held, uncharged, as long as the text lives.
        defer { bytes.deallocate() }
        return Text(validated: UnsafeBufferPointer(start: bytes, count: count))
    }

    private mutating func reserve(_ count: Int) {
        if byteCount + count > capacity { grow(byteCount + count) }
    }

    @inline(never) private mutating func grow(_ needed: Int) {
        capacity = max(needed, capacity * 2)
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
        larger.update(from: bytes, count: byteCount)
        bytes.deallocate()
        bytes = larger
    }
}
