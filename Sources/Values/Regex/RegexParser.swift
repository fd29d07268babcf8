/// Parses the syntax of Java's regular expressions, but for what cannot be matched in linear time: back-references,
/// look-around, possessive quantifiers and atomic groups are refused with their place.
struct RegexParser {
    /// Groups may nest this deep: parser and compiler recurse.
    static let nestingLimit = 100
    /// The largest number in `{n,m}`.
    static let repetitionLimit = 1000

    /// `(?i)` and its kin.
    struct Flags {
        var ignoresCase = false
        var unicodeCase = false
        var multiline = false
        var dotMatchesAll = false
        var comments = false
    }

    let pattern: Text
    let scalars: [UInt32]
    var position = 0
    var flags = Flags()
    var groupCount = 0
    /// Name and index, in the order of the pattern.
    var names: [(name: String, index: Int)] = []
    private var depth = 0
    /// Alternatives, groups with a number, and what is no group, so far.
    private var parts = 0
    /// Between `\Q` and `\E`.
    private var quoting = false

    init(_ pattern: Text) throws(Fault) {
        self.pattern = pattern
        try Attention.check(steps: pattern.byteCount / 8, holding: pattern.count * MemoryLayout<UInt32>.stride)
        var scalars: [UInt32] = []
        scalars.reserveCapacity(pattern.count)
        var offset = 0
        while offset < pattern.byteCount {
            scalars.append(Text.decode(pattern.bytes + offset))
            offset += Text.width(pattern.bytes[offset])
        }
        self.scalars = scalars
    }

    mutating func parse() throws(Fault) -> RegexNode {
        let node = try choice()
        if position < scalars.count { throw error("a closing parenthesis without an opening one", at: position) }
        return node
    }

    /// `what` is a noun phrase or a sentence; the place is a code point index.
    func error(_ what: String, at place: Int, hint: String? = nil) -> Fault {
        let shown = pattern.count <= 60 ? pattern : pattern.substring(0, 60)
        let suffix = pattern.count <= 60 ? "" : "…"
        let exception = Exception(
            .illegalArgument,
            "invalid regular expression \"\(shown.string)\(suffix)\" at position \(place): \(what)", hint: hint)
        let start = pattern.substring(0, min(place, pattern.count)).byteCount
        exception.related = [
            SourceLabel(
                Source(name: "the pattern", bytes: Array(pattern.string.utf8)), Span(start, start + 1), what)
        ]
        return .thrown(exception)
    }

    var tooLarge: Fault {
        error(
            "the pattern is too large: more than \(RegexProgram.instructionLimit) parts, its repetitions written out",
            at: 0,
            hint: "repeat less often, use * and +, or look for the parts one by one")
    }

    func unsupported(_ what: String, at place: Int) -> Fault {
        error(
            "\(what) not supported, because patterns match in linear time", at: place,
            hint: "match a wider pattern with groups, then check the rest in code")
    }
}

// Reading scalars.
extension RegexParser {
    /// The scalar `ahead` places on; nil past the end.
    func peek(_ ahead: Int = 0) -> UInt32? {
        position + ahead < scalars.count ? scalars[position + ahead] : nil
    }

    func peekCharacter(_ ahead: Int = 0) -> Unicode.Scalar? { peek(ahead).flatMap { Unicode.Scalar($0) } }

    func peeks(_ text: String) -> Bool { scalars[position...].starts(with: text.unicodeScalars.lazy.map(\.value)) }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard peek() == character.value else { return false }
        position += 1
        return true
    }

    mutating func take(_ text: String) -> Bool {
        guard peeks(text) else { return false }
        position += text.unicodeScalars.count
        return true
    }

    /// Under `(?x)`, passes white space and comments.
    mutating func skipComments() {
        guard flags.comments else { return }
        while let scalar = peek() {
            if scalar == 0x23 {
                while let next = peek(), next != 0x0a { position += 1 }
            } else if ScalarSet.space.contains(scalar) {
                position += 1
            } else {
                return
            }
        }
    }
}

// Structure.
extension RegexParser {
    private mutating func choice() throws(Fault) -> RegexNode {
        var branches = [try sequence()]
        while take("|") {
            try count()
            branches.append(try sequence())
        }
        return branches.count == 1 ? branches[0] : .choice(branches)
    }

    private mutating func sequence() throws(Fault) -> RegexNode {
        var nodes: [RegexNode] = []
        while true {
            if !quoting { skipComments() }
            guard let next = peekCharacter() else { break }
            if quoting {
                if take("\\E") {
                    quoting = false
                    continue
                }
            } else if next == "|" || next == ")" {
                break
            } else if take("\\Q") {
                quoting = true
                continue
            } else if take("\\E") {
                continue
            }
            let start = position
            try Attention.step()
            if quoting || next != "(" { try count() }
            guard let atom = quoting ? try literal() : try atom() else { continue }
            // The quantifier after `\E` belongs to the last quoted scalar.
            if quoting, take("\\E") { quoting = false }
            let node = quoting ? atom : try quantified(atom, at: start)
            if !node.isNothing { nodes.append(node) }
        }
        return .inSequence(nodes)
    }

    /// Each of these becomes an instruction at least (unless it is repeated no times), so what has too many is refused before
    /// it has taken much memory.
    private mutating func count() throws(Fault) {
        parts += 1
        if parts > RegexProgram.instructionLimit { throw tooLarge }
    }

    private mutating func literal() throws(Fault) -> RegexNode {
        position += 1
        return .set(try cased(ScalarSet(scalars[position - 1])))
    }

    /// With the other cases, under `(?i)`.
    func cased(_ set: ScalarSet) throws(Fault) -> ScalarSet {
        guard flags.ignoresCase else { return set }
        // Sets that large hold both cases of nearly everything, and walking them would take long.
        return flags.unicodeCase && set.count <= 10_000
            ? try set.ignoringCase().ignoringASCIICase : set.ignoringASCIICase
    }

    /// One atom; nil for flags that have no width.
    private mutating func atom() throws(Fault) -> RegexNode? {
        let start = position
        switch peekCharacter() {
        case "(": return try group()
        case "[":
            position += 1
            return .set(try characterClass(from: start))
        case ".":
            position += 1
            return .set(flags.dotMatchesAll ? .all : ScalarSet.lineTerminators.inverted)
        case "^":
            position += 1
            return .assertion(flags.multiline ? .lineStart : .textStart)
        case "$":
            position += 1
            return .assertion(flags.multiline ? .lineEnd : .lastLineEnd)
        case "\\": return try escape()
        case "*", "+", "?", "{":
            throw error(
                "nothing stands before the quantifier", at: start,
                hint: "write \\\(shown(start)) for the character itself")
        default: return try literal()
        }
    }

    private func shown(_ place: Int) -> String { Unicode.Scalar(scalars[place]).map { String(Character($0)) } ?? "" }

    private mutating func group() throws(Fault) -> RegexNode? {
        let start = position
        guard depth < RegexParser.nestingLimit else {
            throw error("groups nest more than \(RegexParser.nestingLimit) deep", at: start)
        }
        depth += 1
        defer { depth -= 1 }
        position += 1
        let outer = flags
        var index: Int?
        if take("?") {
            switch peekCharacter() {
            case "=", "!": throw unsupported("look-ahead is", at: start)
            case ">": throw unsupported("atomic groups are", at: start)
            case "<":
                if let next = peek(1), next == 0x3d || next == 0x21 { throw unsupported("look-behind is", at: start) }
                position += 1
                index = try namedGroup()
            case ":": position += 1
            default:
                if try inlineFlags() { return nil }
            }
        } else {
            groupCount += 1
            index = groupCount
        }
        if index != nil { try count() }
        let body = try choice()
        guard !quoting, take(")") else { throw error("the group that starts here is not closed", at: start) }
        flags = outer
        return index.map { .group(body, index: $0) } ?? body
    }

    private mutating func namedGroup() throws(Fault) -> Int {
        let start = position
        var name = ""
        while let scalar = peekCharacter(), scalar != ">" {
            guard scalar.isASCII,
                scalar.properties.isAlphabetic || (!name.isEmpty && ScalarSet.digits.contains(scalar.value))
            else { throw error("a group's name is made of letters and digits and starts with a letter", at: position) }
            name.unicodeScalars.append(scalar)
            position += 1
        }
        guard !name.isEmpty, take(">") else { throw error("a group's name ends with >", at: position) }
        guard !names.contains(where: { $0.name == name }) else {
            throw error("there is a group named \(name) already", at: start)
        }
        groupCount += 1
        names.append((name, groupCount))
        return groupCount
    }

    /// After `(?`. True when the flags stand alone, `(?i)`; they hold until the enclosing group ends.
    private mutating func inlineFlags() throws(Fault) -> Bool {
        var on = true
        while let scalar = peekCharacter() {
            position += 1
            switch scalar {
            case "-": on = false
            case "i": flags.ignoresCase = on
            case "u": flags.unicodeCase = on
            case "m": flags.multiline = on
            case "s": flags.dotMatchesAll = on
            case "x": flags.comments = on
            case ")": return true
            case ":": return false
            default:
                throw error("there is no flag \(scalar)", at: position - 1, hint: "the flags are i, m, s, u and x")
            }
        }
        throw error("the group is not closed", at: position)
    }
}

// Quantifiers.
extension RegexParser {
    private mutating func quantified(_ atom: RegexNode, at start: Int) throws(Fault) -> RegexNode {
        skipComments()
        let place = position
        var minimum = 0
        var maximum: Int?
        switch peekCharacter() {
        case "*": position += 1
        case "+":
            position += 1
            minimum = 1
        case "?":
            position += 1
            maximum = 1
        case "{":
            position += 1
            (minimum, maximum) = try bounds(place)
        default: return atom
        }
        let greedy = !take("?")
        if greedy, peek() == 0x2b { throw unsupported("possessive quantifiers are", at: place) }
        skipComments()
        if let next = peekCharacter(), ["*", "+", "?", "{"].contains(next) {
            throw error("a quantifier follows another", at: position, hint: "put the repeated part in a group (?:…)")
        }
        return .repeating(atom, minimum: minimum, maximum: maximum, greedy: greedy)
    }

    /// After `{`: `n}`, `n,}` or `n,m}`.
    private mutating func bounds(_ place: Int) throws(Fault) -> (Int, Int?) {
        skipComments()
        let minimum = try bound(place)
        var maximum: Int? = minimum
        if take(",") {
            skipComments()
            maximum = peek() == 0x7d ? nil : try bound(place)
        }
        guard take("}") else {
            throw error(
                "expected a quantifier such as {2}, {2,} or {2,5}", at: place, hint: "write \\{ for the character")
        }
        if let maximum, maximum < minimum {
            throw error("the quantifier's maximum is less than its minimum", at: place)
        }
        return (minimum, maximum)
    }

    private mutating func bound(_ place: Int) throws(Fault) -> Int {
        var value = 0
        let start = position
        while let scalar = peek(), ScalarSet.digits.contains(scalar) {
            value = min(value * 10 + Int(scalar - 0x30), 1_000_000)
            position += 1
        }
        guard position > start else {
            throw error(
                "expected a quantifier such as {2}, {2,} or {2,5}", at: place, hint: "write \\{ for the character")
        }
        guard value <= RegexParser.repetitionLimit else {
            throw error("a part may be repeated at most \(RegexParser.repetitionLimit) times", at: place)
        }
        skipComments()
        return value
    }
}
