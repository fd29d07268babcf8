// New texts from old: replacing, trimming, case, reversal.
extension Text {
    /// Every `needle` replaced, from left to right; an empty one stands before each code point and at the end.
    /// Throws `.exhausted(.memory)` when the result would exceed `byteLimit`.
    public func replacing(_ needle: Text, with replacement: Text) throws(Fault) -> Text {
        guard !needle.isEmpty else { return try interspersed(with: replacement) }
        guard var found = firstOffset(of: needle) else { return self }
        var builder = TextBuilder(capacity: byteCount)
        var start = 0
        while true {
            builder.append(self, start..<found)
            builder.append(replacement)
            start = found + needle.byteCount
            try builder.checkSize()
            guard let next = firstOffset(of: needle, from: start) else { break }
            found = next
        }
        builder.append(self, start..<byteCount)
        return builder.finish()
    }

    /// The first `needle` replaced.
    public func replacingFirst(_ needle: Text, with replacement: Text) -> Text {
        guard let found = firstOffset(of: needle) else { return self }
        var builder = TextBuilder(capacity: byteCount + replacement.byteCount)
        builder.append(self, 0..<found)
        builder.append(replacement)
        builder.append(self, found + needle.byteCount..<byteCount)
        return builder.finish()
    }

    private func interspersed(with replacement: Text) throws(Fault) -> Text {
        guard (count + 1).multipliedReportingOverflow(by: replacement.byteCount).partialValue <= Text.byteLimit else {
            throw .exhausted(.memory)
        }
        try Attention.check(steps: 0, holding: byteCount + (count + 1) * replacement.byteCount)
        var builder = TextBuilder(capacity: byteCount + (count + 1) * replacement.byteCount)
        builder.append(replacement)
        var offset = 0
        while offset < byteCount {
            let width = Text.width(bytes[offset])
            builder.append(self, offset..<offset + width)
            builder.append(replacement)
            offset += width
        }
        return builder.finish()
    }

    /// The ends that `trimmed` cuts at.
    public struct TrimEdges: OptionSet, Sendable {
        public let rawValue: Int
        public init(rawValue: Int) { self.rawValue = rawValue }
        public static let start = TrimEdges(rawValue: 1)
        public static let end = TrimEdges(rawValue: 2)
        public static let both: TrimEdges = [.start, .end]
    }

    /// Without white space at the given ends.
    public func trimmed(_ edges: TrimEdges = .both, where drop: (UInt32) -> Bool = Text.isWhitespace) -> Text {
        var start = 0
        var end = byteCount
        if edges.contains(.start) {
            while start < end, drop(Text.decode(bytes + start)) { start += Text.width(bytes[start]) }
        }
        if edges.contains(.end) {
            while end > start {
                var last = end - 1
                while bytes[last] & 0xc0 == 0x80 { last -= 1 }
                guard drop(Text.decode(bytes + last)) else { break }
                end = last
            }
        }
        return slice(start..<end)
    }

    /// Without line breaks at the end.
    public func trimmedNewlines() -> Text { trimmed(.end) { $0 == 0x0a || $0 == 0x0d } }

    /// White space as Java means it: separators that may break, and the controls that move the cursor.
    public static func isWhitespace(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x09...0x0d, 0x1c...0x20: true
        case 0..<0x80, 0xa0, 0x2007, 0x202f: false
        case 0x1680, 0x2000...0x200a, 0x2028, 0x2029, 0x205f, 0x3000: true
        default: false
        }
    }

    /// Whether there is nothing but white space.
    public var isBlank: Bool {
        var offset = 0
        while offset < byteCount {
            guard Text.isWhitespace(Text.decode(bytes + offset)) else { return false }
            offset += Text.width(bytes[offset])
        }
        return true
    }

    /// Upper case by Unicode's full mapping: `ß` gives `SS`.
    public func uppercased() -> Text {
        mapped(lettersFrom: UInt8(ascii: "a"), other: \.uppercaseMapping)
    }

    /// Lower case by Unicode's full mapping.
    public func lowercased() -> Text {
        mapped(lettersFrom: UInt8(ascii: "A"), other: \.lowercaseMapping)
    }

    /// The first code point in upper case, the rest in lower case.
    public func capitalized() -> Text {
        guard !isEmpty else { return self }
        let first = Text.width(bytes[0])
        var builder = TextBuilder(capacity: byteCount + 8)
        builder.append(slice(0..<first).uppercased())
        builder.append(slice(first..<byteCount).lowercased())
        return builder.finish()
    }

    /// With the other case for the 26 ASCII letters from `first` on, and what the mapping says beyond ASCII.
    private func mapped(lettersFrom first: UInt8, other: KeyPath<Unicode.Scalar.Properties, String>) -> Text {
        @inline(__always) func flipped(_ byte: UInt8) -> UInt8 { byte &- first < 26 ? byte ^ 0x20 : byte }
        if isASCII {
            let (bytes, count) = (bytes, byteCount)
            return Text.ascii(count) { made in
                for index in 0..<count { made[index] = flipped(bytes[index]) }
            }
        }
        var builder = TextBuilder(capacity: byteCount + 8)
        var offset = 0
        while offset < byteCount {
            let lead = bytes[offset]
            if lead < 0x80 {
                builder.append(byte: flipped(lead))
                offset += 1
                continue
            }
            if let scalar = Unicode.Scalar(Text.decode(bytes + offset)) {
                builder.append(scalar.properties[keyPath: other])
            }
            offset += Text.width(lead)
        }
        return builder.finish()
    }

    /// The code points from last to first.
    public func reversed() -> Text {
        if isASCII {
            let (bytes, count) = (bytes, byteCount)
            return Text.ascii(count) { made in
                for index in 0..<count { made[index] = bytes[count &- 1 &- index] }
            }
        }
        var builder = TextBuilder(capacity: byteCount)
        var end = byteCount
        while end > 0 {
            var start = end - 1
            while bytes[start] & 0xc0 == 0x80 { start -= 1 }
            builder.append(self, start..<end)
            end = start
        }
        return builder.finish()
    }

    /// The text `times` over; `times` is at least 0. Throws `.exhausted(.memory)` when that would exceed `byteLimit`.
    public func repeated(_ times: Int) throws(Fault) -> Text {
        let (size, overflows) = byteCount.multipliedReportingOverflow(by: times)
        guard !overflows, size <= Text.byteLimit else { throw .exhausted(.memory) }
        try Attention.check(steps: 0, holding: size)
        var builder = TextBuilder(capacity: size)
        if size > 0 { for _ in 0..<times { builder.append(self) } }
        return builder.finish()
    }
}
