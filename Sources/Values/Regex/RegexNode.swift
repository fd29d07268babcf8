/// A regular expression as its parser understands it.
indirect enum RegexNode {
    case empty
    /// One scalar of a set.
    case set(ScalarSet)
    case sequence([RegexNode])
    /// The first that leads to a match wins.
    case choice([RegexNode])
    case repetition(RegexNode, minimum: Int, maximum: Int?, greedy: Bool)
    case group(RegexNode, index: Int)
    case assertion(RegexAssertion)

    /// A sequence of parts of which none is nothing.
    static func inSequence(_ parts: [RegexNode]) -> RegexNode {
        parts.isEmpty ? .empty : parts.count == 1 ? parts[0] : .sequence(parts)
    }

    /// Nothing, however often, stays nothing: so no other node becomes no instruction, and the limit of instructions is one of
    /// the work of emitting them.
    static func repeating(_ node: RegexNode, minimum: Int, maximum: Int?, greedy: Bool) -> RegexNode {
        maximum == 0 || node.isNothing
            ? .empty : .repetition(node, minimum: minimum, maximum: maximum, greedy: greedy)
    }

    var isNothing: Bool { if case .empty = self { true } else { false } }

    /// Whether this can match without consuming anything.
    var isNullable: Bool {
        switch self {
        case .empty, .assertion: true
        case .set: false
        case .sequence(let nodes): nodes.allSatisfy(\.isNullable)
        case .choice(let nodes): nodes.contains(where: \.isNullable)
        case .repetition(let node, let minimum, _, _): minimum == 0 || node.isNullable
        case .group(let node, _): node.isNullable
        }
    }

    /// Whether every match starts at the start of the text.
    var isAnchored: Bool {
        switch self {
        case .assertion(.textStart): true
        case .sequence(let nodes): nodes.first?.isAnchored ?? false
        case .choice(let nodes): nodes.allSatisfy(\.isAnchored)
        case .repetition(let node, let minimum, _, _): minimum > 0 && node.isAnchored
        case .group(let node, _): node.isAnchored
        default: false
        }
    }

    /// The set of which every match is a run, as long as can be.
    var runSet: ScalarSet? {
        if case .repetition(.set(let set), minimum: 1, maximum: nil, greedy: true) = self { set } else { nil }
    }

    /// The scalars that every match starts with, and whether they are all that it consists of.
    var literalPrefix: (scalars: [UInt32], complete: Bool) {
        switch self {
        case .empty: return ([], true)
        case .set(let set): return set.single.map { ([$0], true) } ?? ([], false)
        case .group(let node, _): return node.literalPrefix
        case .repetition(let node, let minimum, let maximum, _):
            guard minimum > 0 else { return ([], false) }
            let (scalars, complete) = node.literalPrefix
            return (scalars, complete && minimum == 1 && maximum == 1)
        case .sequence(let nodes):
            var prefix: [UInt32] = []
            for node in nodes {
                let (scalars, complete) = node.literalPrefix
                prefix += scalars
                if !complete { return (prefix, false) }
            }
            return (prefix, true)
        case .choice, .assertion: return ([], false)
        }
    }
}

/// What holds at a place between two scalars.
enum RegexAssertion: UInt8 {
    /// `\A`, and `^` without `(?m)`.
    case textStart
    /// `\z`
    case textEnd
    /// `\Z`, and `$` without `(?m)`: at the end, or before the line terminator that ends the text.
    case lastLineEnd
    /// `^` under `(?m)`
    case lineStart
    /// `$` under `(?m)`
    case lineEnd
    case wordBoundary
    case notWordBoundary

    /// What an assertion asks about the scalar on one side of a place.
    struct Side: OptionSet, Hashable {
        let rawValue: UInt8
        init(rawValue: UInt8) { self.rawValue = rawValue }
        /// There is none.
        static let edge = Side(rawValue: 1)
        static let word = Side(rawValue: 2)
        static let lineFeed = Side(rawValue: 4)
        static let carriageReturn = Side(rawValue: 8)
        /// On the right: the line terminator that ends the text starts here.
        static let lastTerminator = Side(rawValue: 16)
    }

    func holds(_ left: Side, _ right: Side) -> Bool {
        switch self {
        case .textStart: left.contains(.edge)
        case .textEnd: right.contains(.edge)
        case .lastLineEnd: !right.isDisjoint(with: [.edge, .lastTerminator])
        case .lineStart:
            // Not at the very end, as in Perl and Java.
            !right.contains(.edge)
                && (!left.isDisjoint(with: [.edge, .lineFeed])
                    || (left.contains(.carriageReturn) && !right.contains(.lineFeed)))
        case .lineEnd:
            !right.isDisjoint(with: [.edge, .carriageReturn])
                || (right.contains(.lineFeed) && !left.contains(.carriageReturn))
        case .wordBoundary: left.contains(.word) != right.contains(.word)
        case .notWordBoundary: left.contains(.word) == right.contains(.word)
        }
    }
}
