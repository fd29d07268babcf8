#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Finds bytes in bytes in linear time.
enum ByteSearch {
    /// The offset of the first `needle`, which is not empty.
    ///
    /// Jumps from one occurrence of the needle's first byte to the next as long as the comparisons there are cheap, which
    /// they almost always are; when they add up, Knuth-Morris-Pratt takes over.
    static func first(_ needle: UnsafeBufferPointer<UInt8>, in bytes: UnsafeBufferPointer<UInt8>) -> Int? {
        guard let haystack = bytes.baseAddress, let wanted = needle.baseAddress else { return nil }
        let last = bytes.count - needle.count
        var offset = 0
        var compared = 0
        while offset <= last {
            guard let hit = memchr(haystack + offset, Int32(wanted[0]), last - offset + 1) else { return nil }
            offset = UnsafeRawPointer(hit) - UnsafeRawPointer(haystack)
            var length = 1
            while length < needle.count, haystack[offset + length] == wanted[length] { length += 1 }
            if length == needle.count { return offset }
            compared += length
            offset += 1
            if compared > 4 * offset + 1024 {
                return knuthMorrisPratt(needle.count, bytes.count - offset) {
                    wanted[$0]
                } text: {
                    haystack[offset + $0]
                }.map { offset + $0 }
            }
        }
        return nil
    }

    /// The offset of the last `needle`, which is not empty.
    static func last(_ needle: UnsafeBufferPointer<UInt8>, in bytes: UnsafeBufferPointer<UInt8>) -> Int? {
        let needleEnd = needle.count - 1
        let end = bytes.count - 1
        let fromEnd = knuthMorrisPratt(needle.count, bytes.count) {
            needle[needleEnd - $0]
        } text: {
            bytes[end - $0]
        }
        return fromEnd.map { bytes.count - $0 - needle.count }
    }

    private static func knuthMorrisPratt(
        _ patternCount: Int, _ textCount: Int, pattern: (Int) -> UInt8, text: (Int) -> UInt8
    ) -> Int? {
        // borders[i]: how much of the pattern's start ends at i again.
        var borders = [Int](repeating: 0, count: patternCount)
        var matched = 0
        for index in 1..<max(1, patternCount) {
            while matched > 0, pattern(index) != pattern(matched) { matched = borders[matched - 1] }
            if pattern(index) == pattern(matched) { matched += 1 }
            borders[index] = matched
        }
        matched = 0
        for offset in 0..<max(0, textCount) {
            let byte = text(offset)
            while matched > 0, byte != pattern(matched) { matched = borders[matched - 1] }
            if byte == pattern(matched) { matched += 1 }
            if matched == patternCount { return offset - patternCount + 1 }
        }
        return nil
    }
}

extension StringProtocol {
    /// Whether `text`, which is not empty, stands in it, byte for byte.
    package func hasText(_ text: String) -> Bool { offset(ofText: text) != nil }

    /// Where `text`, which is not empty, stands first, byte for byte.
    package func rangeOfText(_ text: String) -> Range<Index>? {
        offset(ofText: text).map { offset in
            let start = utf8.index(startIndex, offsetBy: offset)
            return start..<utf8.index(start, offsetBy: text.utf8.count)
        }
    }

    /// By hand because the standard library's searches for a text bring its regular expressions into the program.
    private func offset(ofText text: String) -> Int? {
        var (own, needle) = (String(self), text)
        return own.withUTF8 { bytes in needle.withUTF8 { ByteSearch.first($0, in: bytes) } }
    }
}
