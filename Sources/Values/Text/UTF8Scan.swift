/// Questions about UTF-8 bytes that are asked of every text that comes in.
public enum UTF8Scan {
    private static let highBits: UInt64 = 0x8080_8080_8080_8080
    private static let lowBits: UInt64 = 0x0101_0101_0101_0101

    /// Code points in valid UTF-8: the bytes that do not continue one.
    static func countScalars(_ utf8: UnsafeBufferPointer<UInt8>) -> Int {
        guard let base = utf8.baseAddress else { return 0 }
        let raw = UnsafeRawPointer(base)
        var continuations = 0
        var offset = 0
        // Eight bytes at a time; each byte of `lanes` counts to at most 255 before it is summed up.
        while offset + 8 <= utf8.count {
            var lanes: UInt64 = 0
            let end = min(utf8.count - 7, offset + 255 * 8)
            while offset < end {
                let word = raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                lanes &+= (word & ~(word << 1) & highBits) >> 7
                offset += 8
            }
            let pairs = (lanes & 0x00ff_00ff_00ff_00ff) &+ (lanes >> 8 & 0x00ff_00ff_00ff_00ff)
            continuations &+= Int((pairs &* 0x0001_0001_0001_0001) >> 48)
        }
        while offset < utf8.count {
            if base[offset] & 0xc0 == 0x80 { continuations &+= 1 }
            offset += 1
        }
        return utf8.count - continuations
    }

    /// The offset of the first byte that does not belong to well-formed UTF-8 (overlong forms, surrogates and cut-off
    /// sequences do not), or nil when all do.
    public static func firstInvalidByte(_ utf8: UnsafeBufferPointer<UInt8>) -> Int? {
        guard let base = utf8.baseAddress else { return nil }
        let raw = UnsafeRawPointer(base)
        var offset = 0
        while offset < utf8.count {
            if base[offset] < 0x80 {
                offset += 1
                while offset + 8 <= utf8.count,
                    raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self) & highBits == 0
                {
                    offset += 8
                }
                continue
            }
            guard let width = wellFormedWidth(base + offset, available: utf8.count - offset) else { return offset }
            offset += width
        }
        return nil
    }

    /// The width of the multi-byte sequence at `at`, or nil when it is ill-formed.
    private static func wellFormedWidth(_ at: UnsafePointer<UInt8>, available: Int) -> Int? {
        let width: Int
        let second: ClosedRange<UInt8>
        switch at[0] {
        case 0xc2...0xdf: (width, second) = (2, 0x80...0xbf)
        case 0xe0: (width, second) = (3, 0xa0...0xbf)
        case 0xed: (width, second) = (3, 0x80...0x9f)
        case 0xe1...0xef: (width, second) = (3, 0x80...0xbf)
        case 0xf0: (width, second) = (4, 0x90...0xbf)
        case 0xf1...0xf3: (width, second) = (4, 0x80...0xbf)
        case 0xf4: (width, second) = (4, 0x80...0x8f)
        default: return nil
        }
        guard available >= width, second.contains(at[1]) else { return nil }
        for index in 2..<max(2, width) where at[index] & 0xc0 != 0x80 { return nil }
        return width
    }
}
