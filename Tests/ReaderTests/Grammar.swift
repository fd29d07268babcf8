import Values

/// A grammar in the notation of `grammar/grammar.ebnf`, as data.
indirect enum Expression {
    case rule(String)
    case text([UInt32])
    case set([ClosedRange<UInt32>], negated: Bool)
    case sequence([Expression])
    case choice([Expression])
    case `repeat`(Expression, atLeast: Int, atMost: Int?)
    case ahead(Expression, wanted: Bool)
}

struct Grammar {
    private(set) var rules: [String: Expression] = [:]

    struct Malformed: Error, CustomStringConvertible {
        var description: String
    }

    init(parsing text: String) throws {
        var parser = Parser(text)
        while let (name, expression) = try parser.rule() {
            guard rules.updateValue(expression, forKey: name) == nil else {
                throw Malformed(description: "\(name) is defined twice")
            }
        }
        for (name, expression) in rules {
            for used in Grammar.names(in: expression) where rules[used] == nil {
                throw Malformed(description: "\(name) uses \(used), which is not defined")
            }
        }
    }

    static func names(in expression: Expression) -> [String] {
        switch expression {
        case .rule(let name): [name]
        case .text, .set: []
        case .sequence(let parts), .choice(let parts): parts.flatMap(names(in:))
        case .repeat(let part, _, _), .ahead(let part, _): names(in: part)
        }
    }
}

extension Grammar {
    /// Reads the notation; its own grammar is the comment that opens the file.
    private struct Parser {
        let scalars: [Unicode.Scalar]
        var at = 0

        init(_ text: String) { scalars = Array(text.unicodeScalars) }

        var next: Unicode.Scalar? { at < scalars.count ? scalars[at] : nil }

        mutating func skip() {
            while let scalar = next {
                if scalar.properties.isWhitespace {
                    at += 1
                } else if scalar == "/", scalars[at + 1] == "*" {
                    while !(scalars[at] == "*" && scalars[at + 1] == "/") { at += 1 }
                    at += 2
                } else {
                    return
                }
            }
        }

        mutating func take(_ text: String) -> Bool {
            skip()
            let wanted = Array(text.unicodeScalars)
            guard at + wanted.count <= scalars.count, Array(scalars[at..<at + wanted.count]) == wanted else {
                return false
            }
            at += wanted.count
            return true
        }

        func malformed(_ what: String) -> Malformed {
            let line = scalars[..<at].filter { $0 == "\n" }.count + 1
            return Malformed(description: "grammar line \(line): \(what)")
        }

        mutating func name() -> String? {
            skip()
            let start = at
            while let scalar = next, scalar.properties.isAlphabetic || scalar == "-" || ("0"..."9").contains(scalar) {
                at += 1
            }
            return at > start ? String(String.UnicodeScalarView(scalars[start..<at])) : nil
        }

        mutating func rule() throws -> (String, Expression)? {
            skip()
            guard next != nil else { return nil }
            guard let name = name(), take("::=") else { throw malformed("a rule begins with `name ::=`") }
            return (name, try choice())
        }

        mutating func choice() throws -> Expression {
            var options = [try sequence()]
            while take("|") { options.append(try sequence()) }
            return options.count == 1 ? options[0] : .choice(options)
        }

        mutating func sequence() throws -> Expression {
            var parts: [Expression] = []
            while let part = try item() { parts.append(part) }
            guard !parts.isEmpty else { throw malformed("nothing between two bars") }
            return parts.count == 1 ? parts[0] : .sequence(parts)
        }

        mutating func item() throws -> Expression? {
            if take("!") || take("&") {
                let wanted = scalars[at - 1] == "&"
                guard let part = try item() else { throw malformed("nothing to look ahead for") }
                return .ahead(part, wanted: wanted)
            }
            guard let part = try primary() else { return nil }
            switch next {
            case "*":
                at += 1
                return .repeat(part, atLeast: 0, atMost: nil)
            case "+":
                at += 1
                return .repeat(part, atLeast: 1, atMost: nil)
            case "?":
                at += 1
                return .repeat(part, atLeast: 0, atMost: 1)
            default: return part
            }
        }

        mutating func primary() throws -> Expression? {
            skip()
            switch next {
            case "(":
                at += 1
                let inner = try choice()
                guard take(")") else { throw malformed("`)` is missing") }
                return inner
            case "\"", "'":
                let quote = scalars[at]
                at += 1
                let start = at
                while scalars[at] != quote { at += 1 }
                at += 1
                return .text(scalars[start..<(at - 1)].map(\.value))
            case "[": return try set()
            case "#": return .text([try scalar()])
            default:
                let start = at
                guard let name = name() else { return nil }
                // The next rule begins here.
                if take("::=") {
                    at = start
                    return nil
                }
                return .rule(name)
            }
        }

        mutating func set() throws -> Expression {
            at += 1
            let negated = scalars[at] == "^"
            if negated { at += 1 }
            var ranges: [ClosedRange<UInt32>] = []
            while scalars[at] != "]" {
                let low = try scalar()
                guard scalars[at] == "-" else {
                    ranges.append(low...low)
                    continue
                }
                at += 1
                ranges.append(low...(try scalar()))
            }
            at += 1
            return .set(ranges, negated: negated)
        }

        /// A code point as it stands, or `#xNN`.
        mutating func scalar() throws -> UInt32 {
            guard scalars[at] == "#", scalars[at + 1] == "x" else {
                at += 1
                return scalars[at - 1].value
            }
            at += 2
            let start = at
            while let scalar = next, scalar.properties.isASCIIHexDigit { at += 1 }
            guard let value = UInt32(String(String.UnicodeScalarView(scalars[start..<at])), radix: 16) else {
                throw malformed("`#x` needs a number")
            }
            return value
        }
    }
}

/// Says whether a text belongs to a grammar, trying every way to match: each expression gives all the places it can end.
final class Recognizer {
    private let grammar: Grammar
    private var text: [UInt32] = []
    private var known: [String: [Int: Set<Int>]] = [:]

    init(_ grammar: Grammar) { self.grammar = grammar }

    func accepts(_ string: String, as rule: String) -> Bool {
        text = string.unicodeScalars.map(\.value)
        known = [:]
        return ends(.rule(rule), 0).contains(text.count)
    }

    private func ends(_ expression: Expression, _ start: Int) -> Set<Int> {
        switch expression {
        case .rule(let name):
            if let found = known[name]?[start] { return found }
            let found = ends(grammar.rules[name]!, start)
            known[name, default: [:]][start] = found
            return found
        case .text(let wanted):
            return text[start...].starts(with: wanted) ? [start + wanted.count] : []
        case .set(let ranges, let negated):
            guard start < text.count else { return [] }
            return ranges.contains { $0.contains(text[start]) } != negated ? [start + 1] : []
        case .sequence(let parts):
            var reached: Set<Int> = [start]
            for part in parts {
                reached = reached.reduce(into: []) { $0.formUnion(ends(part, $1)) }
                if reached.isEmpty { break }
            }
            return reached
        case .choice(let options): return options.reduce(into: []) { $0.formUnion(ends($1, start)) }
        case .repeat(let part, let atLeast, let atMost):
            var reached: Set<Int> = atLeast == 0 ? [start] : []
            var fresh: Set<Int> = [start]
            var round = 0
            while !fresh.isEmpty, round < atMost ?? .max {
                round += 1
                let next = fresh.reduce(into: Set<Int>()) { $0.formUnion(ends(part, $1)) }
                fresh = next.subtracting(reached)
                if round >= atLeast { reached.formUnion(next) }
            }
            return reached
        case .ahead(let part, let wanted): return ends(part, start).isEmpty != wanted ? [start] : []
        }
    }
}

/// Makes texts from a grammar. Lookaheads are not obeyed, so a text may have to be thrown away.
struct Generator {
    private let grammar: Grammar
    private var random: SplitMix
    /// How many rules deep the shortest text of a rule is.
    private let heights: [String: Int]

    init(_ grammar: Grammar, seed: UInt64) {
        self.grammar = grammar
        random = SplitMix(seed: seed)
        var heights: [String: Int] = [:]
        var changed = true
        while changed {
            changed = false
            for (name, expression) in grammar.rules {
                guard let height = Generator.height(expression, heights), height + 1 < heights[name] ?? .max else {
                    continue
                }
                heights[name] = height + 1
                changed = true
            }
        }
        self.heights = heights
    }

    private static func height(_ expression: Expression, _ heights: [String: Int]) -> Int? {
        switch expression {
        case .rule(let name): return heights[name]
        case .text, .set, .ahead: return 0
        case .sequence(let parts):
            let all = parts.map { height($0, heights) }
            return all.contains { $0 == nil } ? nil : all.compactMap { $0 }.max()
        case .choice(let options): return options.compactMap { height($0, heights) }.min()
        case .repeat(let part, let atLeast, _): return atLeast == 0 ? 0 : height(part, heights)
        }
    }

    mutating func text(_ rule: String, depth: Int) -> String {
        var scalars: [UInt32] = []
        append(.rule(rule), depth, &scalars)
        return String(String.UnicodeScalarView(scalars.compactMap(Unicode.Scalar.init)))
    }

    private mutating func append(_ expression: Expression, _ depth: Int, _ scalars: inout [UInt32]) {
        switch expression {
        case .rule(let name): append(grammar.rules[name]!, depth - 1, &scalars)
        case .text(let text): scalars += text
        case .set(let ranges, let negated): scalars.append(negated ? outside(ranges) : inside(ranges))
        case .sequence(let parts): for part in parts { append(part, depth, &scalars) }
        case .choice(let options):
            let fitting = options.filter { Generator.height($0, heights)! < depth }
            let lowest = options.min { Generator.height($0, heights)! < Generator.height($1, heights)! }!
            append(fitting.randomElement(using: &random) ?? lowest, depth, &scalars)
        case .repeat(let part, let atLeast, let atMost):
            let extra = Generator.height(part, heights)! < depth ? Int.random(in: 0...3, using: &random) : 0
            for _ in 0..<min(atMost ?? .max, max(atLeast, extra)) { append(part, depth, &scalars) }
        case .ahead: break
        }
    }

    private mutating func inside(_ ranges: [ClosedRange<UInt32>]) -> UInt32 {
        UInt32.random(in: ranges.randomElement(using: &random)!, using: &random)
    }

    private mutating func outside(_ ranges: [ClosedRange<UInt32>]) -> UInt32 {
        while true {
            let scalar =
                UInt32.random(in: 0...9, using: &random) == 0
                ? [0xe9, 0x3bb, 0x65e5, 0x1f600].randomElement(using: &random)!
                : UInt32.random(in: 0x20...0x7e, using: &random)
            if !ranges.contains(where: { $0.contains(scalar) }) { return scalar }
        }
    }

    /// `text` with one code point taken out, put in, or doubled.
    mutating func changed(_ text: String) -> String {
        var scalars = Array(text.unicodeScalars)
        let at = Int.random(in: 0...scalars.count, using: &random)
        let inserted = Array("()[]{}\"\\;^@`~#'%/:aN1._+- ,\n?!&<=rxuo0".unicodeScalars).randomElement(using: &random)!
        switch Int.random(in: 0...2, using: &random) {
        case 0 where at < scalars.count: scalars.remove(at: at)
        case 1 where at < scalars.count: scalars[at] = inserted
        default: scalars.insert(inserted, at: at)
        }
        return String(String.UnicodeScalarView(scalars))
    }

    /// Up to `length` code points out of `alphabet`.
    mutating func word(_ alphabet: [Unicode.Scalar], _ length: Int) -> String {
        let count = Int.random(in: 1...length, using: &random)
        return String(String.UnicodeScalarView((0..<count).map { _ in alphabet.randomElement(using: &random)! }))
    }
}
