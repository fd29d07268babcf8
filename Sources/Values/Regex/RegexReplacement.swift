/// The text that replaces a match, `$1` and `${name}` standing for groups and a backslash for the scalar after it.
public struct RegexReplacement {
    private enum Part {
        case text(Text)
        case group(Int)
    }

    private var parts: [Part] = []

    /// Parses `template` for `regex`, whose groups it may name.
    public init(_ template: Text, for regex: Regex) throws(Fault) {
        let bytes = template.buffer
        var literal = TextBuilder()
        var at = 0
        while at < bytes.count {
            switch bytes[at] {
            case UInt8(ascii: "\\"):
                guard at + 1 < bytes.count else {
                    throw .illegalArgument("the replacement ends with a backslash", hint: "write \\\\ for a backslash")
                }
                let width = Text.width(bytes[at + 1])
                literal.append(template, at + 1..<at + 1 + width)
                at += 1 + width
            case UInt8(ascii: "$"):
                let (group, next) = try RegexReplacement.group(template, at + 1, regex)
                if literal.byteCount > 0 {
                    parts.append(.text(literal.finish()))
                    literal = TextBuilder()
                }
                parts.append(.group(group))
                at = next
            default:
                literal.append(byte: bytes[at])
                at += 1
            }
        }
        if literal.byteCount > 0 { parts.append(.text(literal.finish())) }
    }

    /// After `$`: the group and where the template goes on. As many digits count as still name a group.
    private static func group(_ template: Text, _ start: Int, _ regex: Regex) throws(Fault) -> (Int, Int) {
        let bytes = template.buffer
        guard start < bytes.count else {
            throw .illegalArgument(
                "the replacement ends with $, after which a group is expected", hint: "write \\$ for a dollar sign")
        }
        if bytes[start] == UInt8(ascii: "{") {
            guard let end = bytes[start...].firstIndex(of: UInt8(ascii: "}")) else {
                throw .illegalArgument("the group's name in the replacement is not closed with }")
            }
            let name = String(decoding: bytes[(start + 1)..<end], as: UTF8.self)
            guard let index = regex.groupIndex(named: name) else {
                throw .illegalArgument("the pattern has no group named \(name)")
            }
            return (index, end + 1)
        }
        guard (0x30...0x39).contains(bytes[start]) else {
            throw .illegalArgument(
                "after $ the replacement needs a group's number or {name}", hint: "write \\$ for a dollar sign")
        }
        var index = Int(bytes[start] - 0x30)
        guard index <= regex.groupCount else {
            throw .of(.indexOutOfBounds, "the replacement uses group \(index), but the pattern has \(regex.groupCount)")
        }
        var at = start + 1
        while at < bytes.count, (0x30...0x39).contains(bytes[at]),
            index * 10 + Int(bytes[at] - 0x30) <= regex.groupCount
        {
            index = index * 10 + Int(bytes[at] - 0x30)
            at += 1
        }
        return (index, at)
    }

    func append(to builder: inout TextBuilder, _ ranges: [Range<Int>?], _ text: Text) {
        for part in parts {
            switch part {
            case .text(let literal): builder.append(literal)
            case .group(let index): if let range = ranges[index] { builder.append(text, range) }
            }
        }
    }
}

extension Regex {
    /// The text with every match, or the first alone, replaced as the template says. Throws
    /// `.exhausted(.memory)` when the result would exceed `Text.byteLimit`.
    public func replacing(in text: Text, with template: Text, onlyFirst: Bool = false) throws(Fault) -> Text {
        let matcher = Matcher(self, text)
        guard var match = try matcher.find() else { return text }
        // A template that nothing is replaced with may be wrong, as in Java.
        let replacement = try RegexReplacement(template, for: self)
        var builder = TextBuilder(capacity: text.byteCount)
        var copied = 0
        while true {
            builder.append(text, copied..<match.lowerBound)
            replacement.append(to: &builder, try matcher.ranges() ?? [], text)
            copied = match.upperBound
            try builder.checkSize()
            try Attention.step()
            guard !onlyFirst, let next = try matcher.find() else { break }
            match = next
        }
        builder.append(text, copied..<text.byteCount)
        return builder.finish()
    }

    /// The pieces between the matches, as Java splits: at most `limit` when that is positive; empty ones at the end are left
    /// out when it is zero; an empty match at the very start splits nothing off.
    public func split(_ text: Text, limit: Int = 0) throws(Fault) -> [Text] {
        var pieces: [Text] = []
        var start = 0
        let matcher = Matcher(self, text)
        while limit <= 0 || pieces.count < limit - 1, let match = try matcher.find() {
            try Attention.step()
            if match.upperBound == 0 { continue }
            pieces.append(text.slice(start..<match.lowerBound))
            start = match.upperBound
        }
        if start == 0, pieces.isEmpty { return [text] }
        pieces.append(text.slice(start..<text.byteCount))
        if limit == 0 { while pieces.last?.isEmpty == true { pieces.removeLast() } }
        return pieces
    }
}
