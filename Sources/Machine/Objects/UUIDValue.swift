import Values

/// A universally unique identifier.
public final class UUIDValue: Object, Ordering.Comparable, @unchecked Sendable {
    // Sendable: immutable.
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A random one (version 4) from 128 random bits.
    public convenience init(random high: UInt64, _ low: UInt64) {
        self.init(high: high & ~0xf000 | 0x4000, low: low & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000)
    }

    /// From the 36 characters of its text, or nil.
    public convenience init?(_ text: String) {
        let groups = text.split(separator: "-", omittingEmptySubsequences: false)
        guard groups.map(\.utf8.count) == [8, 4, 4, 4, 12], let high = UInt64(groups[0] + groups[1] + groups[2], radix: 16),
            let low = UInt64(groups[3] + groups[4], radix: 16), !text.contains("+")
        else { return nil }
        self.init(high: high, low: low)
    }

    public var string: String {
        let digits = UUIDValue.hex(high) + UUIDValue.hex(low)
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index == 8 || index == 12 || index == 16 || index == 20 { text.append("-") }
            text.append(digit)
        }
        return text
    }

    private static func hex(_ word: UInt64) -> String {
        let digits = String(word, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    public override var kind: ObjectKind { .uuid }
    public override func equals(_ other: Value) throws(Fault) -> Bool {
        guard case .object(let object) = other, let uuid = object as? UUIDValue else { return false }
        return uuid.high == high && uuid.low == low
    }
    public override func hashCode() throws(Fault) -> UInt32 { Hashing.int(Int64(bitPattern: high ^ low)) }
    public override func write(to printer: inout Printer) throws(Fault) { printer.write("#uuid \"\(string)\"") }
    public override func writeText(to printer: inout Printer) throws(Fault) { printer.write(string) }

    func order(_ other: Object) throws(Fault) -> Int? {
        guard let uuid = other as? UUIDValue else { return nil }
        // As Java orders them: both halves signed.
        let mine = (Int64(bitPattern: high), Int64(bitPattern: low))
        let theirs = (Int64(bitPattern: uuid.high), Int64(bitPattern: uuid.low))
        return mine < theirs ? -1 : mine > theirs ? 1 : 0
    }
}
