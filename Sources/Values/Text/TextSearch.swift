#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

// Searching at the level of bytes: valid UTF-8 is found in valid UTF-8 only at code points.
extension Text {
    /// The byte offset of the first `needle` at or after byte `start`; in linear time.
    public func firstOffset(of needle: Text, from start: Int = 0) -> Int? {
        guard start + needle.byteCount <= byteCount else { return nil }
        guard needle.byteCount > 0 else { return start }
        let found = ByteSearch.first(
            needle.buffer, in: UnsafeBufferPointer(start: bytes + start, count: byteCount - start))
        return found.map { $0 + start }
    }

    /// The byte offset of the last `needle` that starts at or before byte `limit`; in linear time.
    public func lastOffset(of needle: Text, from limit: Int? = nil) -> Int? {
        guard needle.byteCount <= byteCount else { return nil }
        let last = min(limit ?? Int.max, byteCount - needle.byteCount)
        guard last >= 0 else { return nil }
        guard needle.byteCount > 0 else { return last }
        return ByteSearch.last(needle.buffer, in: UnsafeBufferPointer(start: bytes, count: last + needle.byteCount))
    }

    /// The code point index of the first `needle` at or after code point `start`, or nil. As in Clojure, a start before the
    /// text counts as its beginning.
    public func index(of needle: Text, from start: Int = 0) -> Int? {
        // Nothing is found at the end however far behind it the search starts, as in Java.
        guard start <= count else { return needle.isEmpty ? count : nil }
        return firstOffset(of: needle, from: byteOffset(max(0, start))).map(codePointIndex(ofByte:))
    }

    /// The code point index of the last `needle` that starts at or before code point `limit`.
    public func lastIndex(of needle: Text, from limit: Int? = nil) -> Int? {
        if let limit, limit < 0 { return nil }
        return lastOffset(of: needle, from: limit.map { byteOffset(min($0, count)) }).map(codePointIndex(ofByte:))
    }

    public func contains(_ needle: Text) -> Bool { firstOffset(of: needle) != nil }

    public func hasPrefix(_ prefix: Text) -> Bool {
        prefix.byteCount <= byteCount && memcmp(bytes, prefix.bytes, prefix.byteCount) == 0
    }

    public func hasSuffix(_ suffix: Text) -> Bool {
        suffix.byteCount <= byteCount
            && memcmp(bytes + (byteCount - suffix.byteCount), suffix.bytes, suffix.byteCount) == 0
    }

    /// Negative, zero or positive, by code points.
    public func compare(_ other: Text) -> Int {
        // The order of UTF-8 bytes is the order of code points.
        let common = Int(memcmp(bytes, other.bytes, min(byteCount, other.byteCount)))
        return common != 0 ? common : byteCount - other.byteCount
    }

    /// The pieces between the separators, all of them; an empty separator splits into code points.
    public func split(on separator: Text) -> [Text] {
        var pieces: [Text] = []
        guard !separator.isEmpty else {
            var offset = 0
            while offset < byteCount {
                let width = Text.width(bytes[offset])
                pieces.append(slice(offset..<offset + width))
                offset += width
            }
            return pieces
        }
        var start = 0
        while let found = firstOffset(of: separator, from: start) {
            pieces.append(slice(start..<found))
            start = found + separator.byteCount
        }
        pieces.append(slice(start..<byteCount))
        return pieces
    }

    /// The lines, without their `\n` or `\r\n`; empty lines at the end are left out, as Clojure's `split-lines` does.
    public func lines() -> [Text] {
        var lines: [Text] = []
        var start = 0
        while start < byteCount {
            let found = memchr(bytes + start, 0x0a, byteCount - start)
            let newline = found.map { UnsafeRawPointer($0) - UnsafeRawPointer(bytes) } ?? byteCount
            let carriage = newline < byteCount && newline > start && bytes[newline - 1] == 0x0d
            lines.append(slice(start..<(carriage ? newline - 1 : newline)))
            start = newline + 1
        }
        while lines.count > 1, lines.last?.isEmpty == true { lines.removeLast() }
        if lines.count == 1, lines[0].isEmpty, !isEmpty { lines.removeAll() }
        return lines.isEmpty && isEmpty ? [self] : lines
    }
}
