/// Text in logical blocks, broken into lines that fit a margin: the layout behind `clojure.pprint`, as Waters' XP does it.
///
/// Text and conditional newlines come in one after the other. As long as what has come fits the line, it waits; once it does
/// not, the newlines before it are decided in order, each by whether the section that it begins fits. So no more than about a
/// line waits at any time, and text of any length can pass through.
public struct PrettyLayout {
    /// A conditional newline.
    public enum Newline: Sendable {
        /// All of a block's, or none.
        case linear
        /// Where what follows up to the next one does not fit.
        case fill
        /// As `linear`, but only near the right margin.
        case miser
        case mandatory
    }

    /// What an indentation is relative to.
    public enum Anchor: Sendable {
        /// The column after the block's prefix.
        case block
        case current
    }

    private final class Block {
        let parent: Block?
        let prefix: [UInt8]
        let linePrefix: [UInt8]
        let suffix: [UInt8]
        var start = 0
        var indentation = 0
        /// A newline in it, or in a block in it, became a line break.
        var isBroken = false
        /// A line was broken in a block in it since its own last line break.
        var isBrokenInside = false

        init(_ parent: Block?, prefix: [UInt8], linePrefix: [UInt8], suffix: [UInt8]) {
            self.parent = parent
            self.prefix = prefix
            self.linePrefix = linePrefix
            self.suffix = suffix
        }

        func isInside(_ other: Block) -> Bool {
            var above = parent
            while let block = above {
                if block === other { return true }
                above = block.parent
            }
            return false
        }
    }

    private enum Token {
        /// Text, and the blanks at its end, which a line break swallows.
        case text([UInt8], blanks: [UInt8], columns: Int)
        case begin(Block)
        case end(Block)
        case indent(Block, Anchor, Int)
        case newline(Newline, Block)

        var columns: Int {
            switch self {
            case .text(_, _, let columns): columns
            case .begin(let block): PrettyLayout.columns(block.prefix)
            case .end(let block): PrettyLayout.columns(block.suffix)
            case .indent, .newline: 0
            }
        }
    }

    /// What is finished, until it is taken.
    private var output: [UInt8] = []
    /// The column after what is finished, from 0.
    public private(set) var column = 0
    private let margin: Int?
    private let miserWidth: Int?
    private var block: Block
    private var waiting: [Token] = []
    private var waitingColumns = 0
    private var blanks: [UInt8] = []

    /// - Parameters:
    ///   - margin: columns of a line, the last of which stays free; nil for lines of any length.
    ///   - miserWidth: blocks that begin so near the margin are broken as `miser` newlines say; nil for none.
    public init(margin: Int?, miserWidth: Int?) {
        self.margin = margin
        self.miserWidth = miserWidth
        block = Block(nil, prefix: [], linePrefix: [], suffix: [])
    }

    /// Bytes that are finished since the last call.
    public mutating func take() -> [UInt8] {
        defer { output = [] }
        return output
    }

    /// Whether a block is open.
    public var isInBlock: Bool { block.parent != nil }

    // MARK: What comes in

    /// Text; a line break in it ends the line whatever the margin.
    public mutating func write(_ text: [UInt8]) {
        var rest = text[...]
        while let end = rest.firstIndex(of: 0x0a) {
            add(text: Array(rest[..<end]))
            finish()
            put([0x0a])
            column = 0
            put(block.linePrefix)
            rest = rest[(end + 1)...]
        }
        add(text: Array(rest))
    }

    /// - Parameters:
    ///   - linePrefix: what every line of the block but the first begins with.
    public mutating func begin(prefix: [UInt8], linePrefix: [UInt8], suffix: [UInt8]) {
        block = Block(block, prefix: prefix, linePrefix: linePrefix, suffix: suffix)
        add(.begin(block))
    }

    public mutating func end() {
        guard let parent = block.parent else { return }
        add(.end(block))
        block = parent
    }

    public mutating func newline(_ kind: Newline) { add(.newline(kind, block)) }

    /// Where the lines that follow begin.
    public mutating func indent(_ anchor: Anchor, _ columns: Int) { add(.indent(block, anchor, columns)) }

    /// Finishes what waits.
    public mutating func finish() {
        reduce()
        print(waiting[...], keepsBlanks: true)
        waiting = []
        waitingColumns = 0
    }

    private mutating func add(text: [UInt8]) {
        guard !text.isEmpty else { return }
        var solid = text.count
        while solid > 0, PrettyLayout.isBlank(text[solid - 1]) { solid -= 1 }
        add(.text(Array(text[..<solid]), blanks: Array(text[solid...]), columns: PrettyLayout.columns(text)))
    }

    private mutating func add(_ token: Token) {
        waiting.append(token)
        waitingColumns += token.columns
        if !fits(waitingColumns) { reduce() }
    }

    // MARK: Deciding

    private func fits(_ columns: Int) -> Bool { margin.map { column + columns < $0 } ?? true }

    private func fits(_ tokens: ArraySlice<Token>) -> Bool { fits(tokens.reduce(0) { $0 + $1.columns }) }

    /// Finishes lines until what waits fits.
    private mutating func reduce() {
        while !fits(waitingColumns) {
            let count = waiting.count
            let rest = finishSome(of: waiting[...])
            waiting = Array(rest)
            waitingColumns = waiting.reduce(0) { $0 + $1.columns }
            if rest.count == count { return }
        }
    }

    /// Finishes what stands before the first newline, decides that, and goes on while what follows does not fit; what is
    /// left.
    private mutating func finishSome(of tokens: ArraySlice<Token>) -> ArraySlice<Token> {
        guard let (at, kind, owner) = firstNewline(tokens) else {
            print(tokens, keepsBlanks: false)
            return []
        }
        print(tokens[..<at], keepsBlanks: false)
        let sectionEnd = end(ofSection: tokens, after: at) { $0.isInside($1) }
        let section = tokens[(at + 1)..<sectionEnd]
        var left = tokens[at...]
        if breaks(kind, owner, section, tokens, at) {
            breakLine(owner)
            left = tokens[(at + 1)...]
        }
        guard !fits(left) else { return left }
        guard firstNewline(section) != nil else {
            print(section, keepsBlanks: false)
            return tokens[sectionEnd...]
        }
        let rest = finishSome(of: section)
        if rest.count == section.count {
            print(section, keepsBlanks: false)
            return tokens[sectionEnd...]
        }
        return rest + tokens[sectionEnd...]
    }

    private func firstNewline(_ tokens: ArraySlice<Token>) -> (Int, Newline, Block)? {
        for index in tokens.indices {
            if case .newline(let kind, let block) = tokens[index] { return (index, kind, block) }
        }
        return nil
    }

    /// Where the section after the newline at `start` ends: at the next newline of a block around its own, or at one for
    /// which `stops` holds too.
    private func end(ofSection tokens: ArraySlice<Token>, after start: Int, _ stops: (Block, Block) -> Bool) -> Int {
        guard case .newline(_, let owner) = tokens[start] else { return tokens.endIndex }
        for index in (start + 1)..<tokens.endIndex {
            if case .newline(_, let other) = tokens[index], stops(owner, other) { return index }
        }
        return tokens.endIndex
    }

    private func breaks(
        _ kind: Newline, _ owner: Block, _ section: ArraySlice<Token>, _ tokens: ArraySlice<Token>, _ at: Int
    ) -> Bool {
        switch kind {
        case .mandatory: return true
        case .linear: return owner.isBroken || !fits(section)
        case .miser: return breaksAsMiser(owner, section)
        case .fill:
            let end = end(ofSection: tokens, after: at) { $0 === $1 || $0.isInside($1) }
            return owner.isBrokenInside || !fits(tokens[(at + 1)..<end]) || breaksAsMiser(owner, section)
        }
    }

    private func breaksAsMiser(_ owner: Block, _ section: ArraySlice<Token>) -> Bool {
        guard let margin, let miserWidth, owner.start >= margin - miserWidth else { return false }
        return owner.isBroken || !fits(section)
    }

    // MARK: What goes out

    private mutating func print(_ tokens: ArraySlice<Token>, keepsBlanks: Bool) {
        for token in tokens {
            if case .newline = token {} else { putBlanks() }
            print(token)
            if case .text(_, let after, _) = token { blanks = after } else { blanks = [] }
        }
        if keepsBlanks { putBlanks() }
    }

    private mutating func print(_ token: Token) {
        switch token {
        case .text(let text, _, _): put(text)
        case .begin(let block):
            put(block.prefix)
            block.start = column
            block.indentation = column
        case .end(let block): put(block.suffix)
        case .indent(let block, let anchor, let columns):
            block.indentation = (anchor == .block ? block.start : column) + columns
        case .newline(let kind, let owner):
            // It was not worth deciding, because everything fits; but a block is broken everywhere or nowhere.
            if case .mandatory = kind {
                breakLine(owner)
            } else if owner.isBroken, kind != .fill {
                breakLine(owner)
            } else {
                putBlanks()
            }
        }
    }

    private mutating func breakLine(_ owner: Block) {
        output.append(0x0a)
        column = 0
        blanks = []
        put(owner.linePrefix)
        put([UInt8](repeating: 0x20, count: max(0, owner.indentation - PrettyLayout.columns(owner.linePrefix))))
        owner.isBroken = true
        owner.isBrokenInside = false
        var above = owner.parent
        while let block = above {
            block.isBroken = true
            block.isBrokenInside = true
            above = block.parent
        }
    }

    private mutating func putBlanks() {
        put(blanks)
        blanks = []
    }

    private mutating func put(_ bytes: [UInt8]) {
        output.append(contentsOf: bytes)
        column += PrettyLayout.columns(bytes)
    }

    /// Code points.
    private static func columns(_ bytes: [UInt8]) -> Int { bytes.count { $0 & 0xc0 != 0x80 } }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) }
}
