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
public struct Text: @unchecked Sendable {
    // Sendable: see `TextStorage`.
    @usableFromInline let storage: TextStorage

    @inlinable @inline(__always) init(_ storage: TextStorage) { self.storage = storage }

    /// Valid while the text is referenced, which a local is only until its last use: for who is given a text, or holds it.
    @inlinable @inline(__always) public var bytes: UnsafePointer<UInt8> { UnsafePointer(storage.bytes) }
    @inlinable @inline(__always) public var byteCount: Int { storage.info.pointee.byteCount }
    /// Code points.
    @inlinable @inline(__always) public var count: Int { isASCII ? byteCount : storage.wide.pointee.count }
    @inlinable @inline(__always) public var isASCII: Bool { storage.info.pointee.isASCII }
    @inlinable @inline(__always) public var isEmpty: Bool { byteCount == 0 }
    /// As `bytes`.
    @inlinable @inline(__always) var buffer: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: bytes, count: byteCount)
    }
    public var string: String { withUTF8 { String(decoding: $0, as: UTF8.self) } }

    /// The bytes, with the text held as long as they are looked at.
    @inlinable @inline(__always) public func withUTF8<Result, Failure: Error>(
        _ body: (UnsafeBufferPointer<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        defer { withExtendedLifetime(storage) {} }
        return try body(buffer)
    }

    /// The bytes as a collection that holds the text.
    public var utf8: UTF8View { UTF8View(text: self) }

    public struct UTF8View: RandomAccessCollection {
        let text: Text

        public var startIndex: Int { 0 }
        public var endIndex: Int { text.byteCount }
        public subscript(index: Int) -> UInt8 {
            precondition(index >= 0 && index < text.byteCount)
            return text.withUTF8 { $0[index] }
        }

        public func withContiguousStorageIfAvailable<Result>(
            _ body: (UnsafeBufferPointer<UInt8>) throws -> Result
        ) rethrows -> Result? { try text.withUTF8(body) }
    }

    /// Copies bytes that are known to be valid UTF-8.
    public init(validated utf8: UnsafeBufferPointer<UInt8>) {
        self.init(validated: utf8, count: UTF8Scan.countScalars(utf8))
    }

    /// Copies bytes that are known to be valid UTF-8 of `count` code points.
    @inline(__always) init(validated utf8: UnsafeBufferPointer<UInt8>, count: Int) {
        self.init(TextStorage.make(byteCount: utf8.count, count: count))
        if let base = utf8.baseAddress { storage.bytes.update(from: base, count: utf8.count) }
    }

    /// Copies bytes that are known to be ASCII.
    public init(ascii bytes: UnsafeBufferPointer<UInt8>) { self.init(validated: bytes, count: bytes.count) }

    public init(_ string: String) {
        var string = string
        self = string.withUTF8 { Text(validated: $0) }
    }

    /// Copies bytes, with U+FFFD for what is not valid UTF-8.
    public init(repairing bytes: some Collection<UInt8>) {
        self.init(String(decoding: bytes, as: UTF8.self))
    }

    /// A text of `byteCount` ASCII bytes, all of which `fill` writes.
    @inlinable @inline(__always) public static func ascii(
        _ byteCount: Int, _ fill: (UnsafeMutablePointer<UInt8>) -> Void
    ) -> Text {
        let made = TextStorage.make(byteCount: byteCount, count: byteCount)
        fill(made.bytes)
        return Text(made)
    }

    public static let empty = Text("")

    /// No operation makes a longer text than this: one call must not take all memory before the account is looked at (N6).
    public static let byteLimit = 1 << 28

    /// A text of at least this many bytes has `sentinel` zeros behind them, so that a reader can go through it in place.
    @inlinable public static var sentinelMinimum: Int { 1024 }
    @inlinable public static var sentinel: Int { 16 }

    @inline(__always) public static func == (left: Text, right: Text) -> Bool {
        left.storage === right.storage || Text.areSame(left.bytes, left.byteCount, right.bytes, right.byteCount)
    }

    @inline(__always) static func == (left: Text, right: BorrowedText) -> Bool {
        left.bytes == right.bytes || Text.areSame(left.bytes, left.byteCount, right.bytes, right.byteCount)
    }

    /// Whether both are one text in memory.
    public func isIdentical(to other: Text) -> Bool { storage === other.storage }

    /// Whether the bytes of two texts are the same.
    private static func areSame(
        _ bytes: UnsafePointer<UInt8>, _ count: Int, _ other: UnsafePointer<UInt8>, _ otherCount: Int
    ) -> Bool {
        guard count == otherCount else { return false }
        guard count <= 16 else { return memcmp(bytes, other, count) == 0 }
        // What stands before the bytes belongs to the same allocation, so a word that ends with them may be read whole.
        let mine = UnsafeRawPointer(bytes)
        let theirs = UnsafeRawPointer(other)
        let last =
            mine.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
            ^ theirs.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
        if count >= 8 {
            return last | (mine.loadUnaligned(as: UInt64.self) ^ theirs.loadUnaligned(as: UInt64.self)) == 0
        }
        return UInt64(littleEndian: last) >> UInt64(64 - 8 * count) == 0
    }
}

/// What a `TextStorage` begins with: 12 bytes, in this order so that the 8 before the bytes never change.
@usableFromInline struct TextHeader {
    /// 0 until computed; a race computes the same number twice.
    @usableFromInline var cachedHash: UInt32 = 0
    @usableFromInline let low: UInt32
    @usableFromInline let high: UInt32

    @inlinable @inline(__always) init(byteCount: Int, isASCII: Bool) {
        let word = UInt(bitPattern: byteCount) << 1 | (isASCII ? 0 : 1)
        low = UInt32(truncatingIfNeeded: word)
        high = UInt32(truncatingIfNeeded: word >> 32)
    }

    /// Bytes, doubled, plus 1 when one of them is not ASCII.
    @inlinable @inline(__always) var word: UInt { UInt(low) | UInt(high) << 32 }
    @inlinable @inline(__always) var byteCount: Int { Int(bitPattern: word >> 1) }
    @inlinable @inline(__always) var isASCII: Bool { low & 1 == 0 }
}

/// What stands before the bytes of a text that is not all ASCII.
@usableFromInline struct WideHeader {
    @usableFromInline let count: Int
    /// Published once.
    var breadcrumbs: UnsafePointer<Int>?
}

/// The one allocation of a text: header, bytes, and for a long one some zeros.
@usableFromInline final class TextStorage: ManagedBuffer<TextHeader, UInt8> {
    /// Where the bytes of a text that is not all ASCII start among the elements: behind a `WideHeader`, which is aligned.
    @inlinable static var wideOffset: Int { 20 }

    @inlinable @inline(__always) var info: UnsafeMutablePointer<TextHeader> { withUnsafeMutablePointerToHeader { $0 } }

    @inlinable @inline(__always) var bytes: UnsafeMutablePointer<UInt8> {
        withUnsafeMutablePointers { header, elements in
            elements + Int(truncatingIfNeeded: header.pointee.low & 1) &* TextStorage.wideOffset
        }
    }

    /// Only for a text that is not all ASCII.
    @inlinable @inline(__always) var wide: UnsafeMutablePointer<WideHeader> {
        withUnsafeMutablePointerToElements {
            UnsafeMutableRawPointer($0 + (TextStorage.wideOffset - 16)).assumingMemoryBound(to: WideHeader.self)
        }
    }

    /// Room for `byteCount` bytes of `count` code points, which the caller writes before anybody reads them.
    @inlinable static func make(byteCount: Int, count: Int) -> TextStorage {
        let isASCII = byteCount == count
        let sentinel = byteCount >= Text.sentinelMinimum ? Text.sentinel : 0
        let made = unsafeDowncast(
            TextStorage.create(minimumCapacity: byteCount &+ (isASCII ? 0 : wideOffset) &+ sentinel) { _ in
                TextHeader(byteCount: byteCount, isASCII: isASCII)
            }, to: TextStorage.self)
        if !isASCII { made.setWide(count) }
        if sentinel > 0 { made.setSentinel() }
        Meter.charge(TextStorage.footprint(byteCount))
        return made
    }

    @inline(never) @usableFromInline func setWide(_ count: Int) {
        wide.initialize(to: WideHeader(count: count, breadcrumbs: nil))
    }

    @inline(never) @usableFromInline func setSentinel() {
        (bytes + info.pointee.byteCount).initialize(repeating: 0, count: Text.sentinel)
    }

    deinit {
        Meter.credit(TextStorage.footprint(info.pointee.byteCount))
        if !info.pointee.isASCII, let crumbs = wide.pointee.breadcrumbs {
            Meter.credit(Text.crumbCount(of: wide.pointee.count) * MemoryLayout<Int>.stride)
            crumbs.deallocate()
        }
    }

    @inlinable @inline(__always) static func footprint(_ byteCount: Int) -> Int { 56 &+ byteCount }
}

extension Text {
    /// The cached hash, reached as the atomic it is for all who share the text: an `Atomic` has the layout of its value.
    @inline(__always) var cachedHash: UnsafePointer<Atomic<UInt32>> {
        UnsafeRawPointer(storage.info).assumingMemoryBound(to: Atomic<UInt32>.self)
    }

    /// Only of a text that is not all ASCII; as `cachedHash`.
    private var breadcrumbs: UnsafePointer<Atomic<UnsafePointer<Int>?>> {
        UnsafeRawPointer(storage.wide).advanced(by: 8).assumingMemoryBound(to: Atomic<UnsafePointer<Int>?>.self)
    }
}

// Code points and where they are.
extension Text {
    /// Code points between breadcrumbs.
    private static let crumbStride = 64
    private var crumbCount: Int { Text.crumbCount(of: count) }
    fileprivate static func crumbCount(of count: Int) -> Int { count / crumbStride + 1 }

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
        let piece = UnsafeBufferPointer(start: bytes + range.lowerBound, count: range.count)
        return isASCII ? Text(validated: piece, count: range.count) : Text(validated: piece)
    }

    /// The offsets of code points 0, 64, 128 …
    private func crumbs() -> UnsafePointer<Int> {
        if let made = breadcrumbs.pointee.load(ordering: .acquiring) { return made }
        let made = UnsafeMutablePointer<Int>.allocate(capacity: crumbCount)
        var offset = 0
        for index in 0..<count {
            if index % Text.crumbStride == 0 { made[index / Text.crumbStride] = offset }
            offset += Text.width(bytes[offset])
        }
        if count % Text.crumbStride == 0 { made[count / Text.crumbStride] = byteCount }
        let (exchanged, original) = breadcrumbs.pointee.compareExchange(
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
