import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A string: UTF-8 bytes, counted and indexed by code point (N2).
///
/// An all-ASCII text indexes in constant time. Another remembers the offset of every 64th code point when it is first
/// indexed (its breadcrumbs), and walks from the nearest.
public final class Text: @unchecked Sendable {
    // Sendable: immutable, but for the cached hash, which is idempotent, and the breadcrumbs, which are published once.
    public let bytes: UnsafePointer<UInt8>
    public let byteCount: Int
    /// Code points.
    public let count: Int
    /// 0 until computed; a race computes the same number twice.
    let cachedHash = Atomic<UInt32>(0)
    private let breadcrumbs = Atomic<UnsafePointer<Int>?>(nil)

    @inlinable public var isASCII: Bool { count == byteCount }
    @inlinable public var isEmpty: Bool { byteCount == 0 }
    @inlinable public var utf8: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: bytes, count: byteCount) }
    public var string: String { String(decoding: utf8, as: UTF8.self) }

    /// Takes ownership of `bytes`, which must be valid UTF-8 and allocated with room for `byteCount`.
    public init(owning bytes: UnsafeMutablePointer<UInt8>, byteCount: Int) {
        self.bytes = UnsafePointer(bytes)
        self.byteCount = byteCount
        count = UTF8Scan.countScalars(UnsafeBufferPointer(start: bytes, count: byteCount))
        Meter.charge(Text.footprint(byteCount))
    }

    deinit {
        Meter.credit(Text.footprint(byteCount))
        bytes.deallocate()
        if let crumbs = breadcrumbs.load(ordering: .relaxed) {
            Meter.credit(crumbCount * MemoryLayout<Int>.stride)
            crumbs.deallocate()
        }
    }

    @inline(__always) static func footprint(_ byteCount: Int) -> Int { 72 + byteCount }

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

    /// No operation makes a longer text than this: one call must not take all memory before the account is looked at (N6).
    public static let byteLimit = 1 << 28

    public static func == (left: Text, right: Text) -> Bool {
        left === right || (left.byteCount == right.byteCount && memcmp(left.bytes, right.bytes, left.byteCount) == 0)
    }
}

// Code points and where they are.
extension Text {
    /// Code points between breadcrumbs.
    private static let crumbStride = 64
    private var crumbCount: Int { count / Text.crumbStride + 1 }

    /// The byte offset of code point `index`; `index` may equal `count`.
    public func byteOffset(_ index: Int) -> Int {
        if isASCII { return index }
        if index == count { return byteCount }
        var offset = index < Text.crumbStride ? 0 : crumbs()[index / Text.crumbStride]
        for _ in 0..<index % Text.crumbStride { offset += Text.width(bytes[offset]) }
        return offset
    }

    /// The index of the code point that starts at byte `offset`; `offset` may equal `byteCount`.
    public func codePointIndex(ofByte offset: Int) -> Int {
        if isASCII { return offset }
        if offset == byteCount { return count }
        guard offset >= Text.crumbStride else {
            return UTF8Scan.countScalars(UnsafeBufferPointer(start: bytes, count: offset))
        }
        let crumbs = crumbs()
        var low = 0
        var high = crumbCount - 1
        while low < high {
            let middle = (low + high + 1) / 2
            if crumbs[middle] <= offset { low = middle } else { high = middle - 1 }
        }
        let between = UnsafeBufferPointer(start: bytes + crumbs[low], count: offset - crumbs[low])
        return low * Text.crumbStride + UTF8Scan.countScalars(between)
    }

    /// The code point at `index`, which must be within `0..<count`.
    public func scalar(at index: Int) -> UInt32 { Text.decode(bytes + byteOffset(index)) }

    /// Code points `start..<end`, which must be within the text.
    public func substring(_ start: Int, _ end: Int) -> Text {
        let from = byteOffset(start)
        return slice(from..<byteOffset(end))
    }

    /// A copy of a byte range, both ends of which must be at code points.
    public func slice(_ range: Range<Int>) -> Text {
        if range.count == byteCount { return self }
        return Text(validated: UnsafeBufferPointer(start: bytes + range.lowerBound, count: range.count))
    }

    /// The offsets of code points 0, 64, 128 …
    private func crumbs() -> UnsafePointer<Int> {
        if let made = breadcrumbs.load(ordering: .acquiring) { return made }
        let made = UnsafeMutablePointer<Int>.allocate(capacity: crumbCount)
        var offset = 0
        for index in 0..<count {
            if index % Text.crumbStride == 0 { made[index / Text.crumbStride] = offset }
            offset += Text.width(bytes[offset])
        }
        if count % Text.crumbStride == 0 { made[count / Text.crumbStride] = byteCount }
        let (exchanged, original) = breadcrumbs.compareExchange(
            expected: nil, desired: UnsafePointer(made), ordering: .acquiringAndReleasing)
        guard exchanged else {
            // Another thread was faster.
            made.deallocate()
            return original!
        }
        Meter.charge(crumbCount * MemoryLayout<Int>.stride)
        return UnsafePointer(made)
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

    /// Gives the UTF-8 bytes of a scalar, one after the other.
    @inlinable @inline(__always) public static func encode(_ scalar: UInt32, _ put: (UInt8) -> Void) {
        if scalar < 0x80 { return put(UInt8(truncatingIfNeeded: scalar)) }
        if scalar < 0x800 {
            put(UInt8(truncatingIfNeeded: 0xc0 | scalar >> 6))
        } else {
            if scalar < 0x10000 {
                put(UInt8(truncatingIfNeeded: 0xe0 | scalar >> 12))
            } else {
                put(UInt8(truncatingIfNeeded: 0xf0 | scalar >> 18))
                put(UInt8(truncatingIfNeeded: 0x80 | (scalar >> 12 & 0x3f)))
            }
            put(UInt8(truncatingIfNeeded: 0x80 | (scalar >> 6 & 0x3f)))
        }
        put(UInt8(truncatingIfNeeded: 0x80 | (scalar & 0x3f)))
    }
}
