/// A regular expression in Java's syntax that matches in time linear in the text, whatever the pattern (N6).
///
/// A pattern that is a run of one set is searched for by `RegexRun`. For another, a search looks for a literal or a first byte that every match starts with, tries the automaton there, and gives up on
/// trying place by place once that costs more than it advances: then one run of the automaton over the rest finds where the
/// first match ends, and one run backwards where it starts. Groups are filled in last, by the slower machine, between two
/// places that are known. All of it counts against the budgets, and can be interrupted. As in Java, the leftmost match wins and alternatives count in their order; `\w`, `\d`, `\s`, `\b`
/// and `(?i)` go by ASCII, `(?iu)` by Unicode.
public final class Regex: Object, @unchecked Sendable {
    // Sendable: immutable, but for `idle`, which `lock` guards.
    public let pattern: Text
    public let groupCount: Int
    /// The named groups in the order of the pattern.
    public let groupNames: [(name: String, index: Int)]

    let program: RegexProgram
    private let backwards: RegexProgram
    private let isAnchored: Bool
    /// What every match starts with; empty when nothing is certain.
    private let prefix: Text
    private let firstBytes: UnsafeMutablePointer<Bool>?
    /// Set when the pattern is a run of one set, which needs no other machine to be searched for.
    let run: RegexRun?

    private let lock = Lock()
    private var idle: [Machines] = []

    /// The machines of one search at a time; they keep what they learned about the pattern.
    final class Machines {
        let forwards: RegexAutomaton
        let backwards: RegexAutomaton
        let backtracker: RegexBacktracker
        let threads: RegexThreads

        init(_ program: RegexProgram, _ backwards: RegexProgram) {
            forwards = RegexAutomaton(program, reversed: false)
            self.backwards = RegexAutomaton(backwards, reversed: true)
            backtracker = RegexBacktracker(program)
            threads = RegexThreads(program)
        }

        /// The slots of a match that starts at `range` and reads no further.
        func slots(_ text: Text, _ range: Range<Int>, whole: Bool, lastLine: Int) throws(Fault) -> [Int]? {
            if backtracker.suits(range.count) {
                return try backtracker.run(
                    text, from: range.lowerBound, limit: range.upperBound, whole: whole, lastLine: lastLine)
            }
            return try threads.run(
                text, from: range.lowerBound, limit: range.upperBound, searching: false, whole: whole,
                lastLine: lastLine)
        }
    }

    /// Compiles `pattern`, or throws an `IllegalArgumentException` that says what is wrong where.
    public init(_ pattern: Text) throws(Fault) {
        var parser = try RegexParser(pattern)
        let node = try parser.parse()
        self.pattern = pattern
        groupCount = parser.groupCount
        groupNames = parser.names
        program = try RegexProgram(node, groupCount: groupCount, reversed: false, parser: parser)
        backwards = try RegexProgram(node, groupCount: groupCount, reversed: true, parser: parser)
        isAnchored = node.isAnchored
        run = node.runSet.map { [program] in RegexRun($0, program) }
        var builder = TextBuilder()
        for scalar in node.literalPrefix.scalars { builder.append(scalar: scalar) }
        prefix = builder.finish()
        if prefix.isEmpty, let bytes = program.firstBytes() {
            let table = UnsafeMutablePointer<Bool>.allocate(capacity: 256)
            for byte in 0..<256 { (table + byte).initialize(to: bytes[byte]) }
            firstBytes = table
        } else {
            firstBytes = nil
        }
        super.init()
    }

    deinit { firstBytes?.deallocate() }

    public override var kind: ObjectKind { .regex }

    /// `#"…"`, so that it reads back: a quote in the pattern is escaped.
    public override func write(to printer: inout Printer) throws(Fault) {
        printer.write("#\"")
        var quoting = false
        var index = 0
        let bytes = pattern.buffer
        while index < bytes.count {
            let pair = index + 1 < bytes.count && bytes[index] == 0x5c
            if pair, !quoting || bytes[index + 1] == UInt8(ascii: "E") {
                quoting = bytes[index + 1] == UInt8(ascii: "Q")
                printer.bytes.append(contentsOf: bytes[index..<index + 2])
                index += 2
                continue
            }
            if bytes[index] == 0x22 {
                printer.write(quoting ? "\\E\\\"\\Q" : "\\\"")
            } else {
                printer.bytes.append(bytes[index])
            }
            index += 1
        }
        printer.write("\"")
    }

    /// The pattern itself.
    public override func writeText(to printer: inout Printer) throws(Fault) {
        printer.bytes.append(contentsOf: pattern.buffer)
    }

    /// The index of a named group.
    public func groupIndex(named name: String) -> Int? { groupNames.first { $0.name == name }?.index }
}

// Matching.
extension Regex {
    /// The byte ranges of the whole match and of each group (nil for one that took no part), or nil when the text as a
    /// whole does not match.
    public func matchWhole(_ text: Text) throws(Fault) -> [Range<Int>?]? {
        try withMachines { (machines) throws(Fault) in
            let lastLine = lastLine(of: text)
            let run = try machines.forwards.run(text, from: 0, searching: false, mode: .all, lastLine: lastLine)
            guard run.end == text.byteCount else { return nil }
            guard groupCount > 0 else { return [0..<text.byteCount] }
            return try machines.slots(text, 0..<text.byteCount, whole: true, lastLine: lastLine).map(Regex.ranges)
        }
    }

    /// The first match at or after byte `from`, which must be at a code point.
    public func find(in text: Text, from: Int = 0) throws(Fault) -> [Range<Int>?]? {
        try withMachines { (machines) throws(Fault) in
            let lastLine = lastLine(of: text)
            guard let range = try range(in: text, from: from, machines, lastLine) else { return nil }
            return try groups(in: text, range, machines, lastLine)
        }
    }

    func withMachines<Result>(_ body: (Machines) throws(Fault) -> Result) throws(Fault) -> Result {
        let machines = takeMachines()
        defer { giveBack(machines) }
        return try body(machines)
    }

    func takeMachines() -> Machines {
        lock.withLock { idle.popLast() } ?? Machines(program, backwards)
    }

    func giveBack(_ machines: Machines) {
        // A few for the threads that use the pattern at once.
        lock.withLock { if idle.count < 4 { idle.append(machines) } }
    }

    /// The byte offset of the line terminator that ends the text, or the text's end.
    func lastLine(of text: Text) -> Int {
        guard program.asksForLastLine, !text.isEmpty else { return text.byteCount }
        let bytes = text.buffer
        let count = bytes.count
        switch bytes[count - 1] {
        case 0x0a: return count > 1 && bytes[count - 2] == 0x0d ? count - 2 : count - 1
        case 0x0d: return count - 1
        case 0x85: return count > 1 && bytes[count - 2] == 0xc2 ? count - 2 : count
        case 0xa8, 0xa9: return count > 2 && bytes[count - 3] == 0xe2 && bytes[count - 2] == 0x80 ? count - 3 : count
        default: return count
        }
    }

    /// The first match at or after `from`.
    func range(in text: Text, from: Int, _ machines: Machines, _ lastLine: Int) throws(Fault) -> Range<Int>? {
        if let run { return try run.range(in: text, from: from) }
        var at = from
        var wasted = 0
        while true {
            guard !isAnchored || at == 0, let candidate = try candidate(in: text, from: at) else { return nil }
            at = candidate
            let (end, read) = try machines.forwards.run(
                text, from: at, searching: false, mode: .first, lastLine: lastLine)
            if let end { return at..<end }
            guard at < text.byteCount else { return nil }
            wasted += read - at
            at += Text.width(text.bytes[at])
            if wasted > 4 * (at - from) + 1024 { break }
        }
        guard !isAnchored else { return nil }
        let (found, _) = try machines.forwards.run(text, from: at, searching: true, mode: .first, lastLine: lastLine)
        guard let end = found else { return nil }
        if end <= lastLine || !program.asksForLastLine,
            let start = try backwardsStart(text, at, end, machines, lastLine)
        {
            return start..<end
        }
        let slots = try machines.threads.run(
            text, from: at, limit: end, searching: true, whole: false, lastLine: lastLine)
        return slots.map { $0[0]..<$0[1] }
    }

    private func backwardsStart(
        _ text: Text, _ low: Int, _ end: Int, _ machines: Machines, _ lastLine: Int
    ) throws(Fault) -> Int? {
        // The machine does not know of the last line terminator behind its start.
        guard !program.asksForLastLine || lastLine == text.byteCount else { return nil }
        return try machines.backwards.runBackwards(text, from: end, low: low)
    }

    /// The groups of a match that is known.
    func groups(
        in text: Text, _ range: Range<Int>, _ machines: Machines, _ lastLine: Int
    ) throws(Fault) -> [Range<Int>?] {
        guard groupCount > 0 else { return [range] }
        return try machines.slots(text, range, whole: false, lastLine: lastLine).map(Regex.ranges) ?? [range]
    }

    private static func ranges(_ slots: [Int]) -> [Range<Int>?] {
        stride(from: 0, to: slots.count, by: 2).map {
            slots[$0] < 0 || slots[$0 + 1] < 0 ? nil : slots[$0]..<slots[$0 + 1]
        }
    }

    /// The next place where a match can start, as far as its first bytes tell.
    private func candidate(in text: Text, from: Int) throws(Fault) -> Int? {
        let found = scan(text, from: from)
        try Attention.work(((found ?? text.byteCount) - from) / RegexAutomaton.bytesPerStep)
        return found
    }

    private func scan(_ text: Text, from: Int) -> Int? {
        if !prefix.isEmpty { return text.firstOffset(of: prefix, from: from) }
        guard let firstBytes else { return from <= text.byteCount ? from : nil }
        var at = from
        let bytes = text.bytes
        let count = text.byteCount
        while at < count {
            if firstBytes[Int(bytes[at])] { return at }
            at += 1
        }
        return nil
    }
}
