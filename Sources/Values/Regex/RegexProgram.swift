/// A regular expression as instructions over classes of scalars, for both machines that run it.
///
/// Scalars that no set of the pattern tells apart form one class, so that the machines deal with a handful of symbols; a
/// table gives the class of the first 2,048 scalars, a binary search those of the others.
final class RegexProgram: @unchecked Sendable {
    // Sendable: immutable after `init`.
    struct Instruction {
        enum Operation: UInt8 {
            /// Goes on with the next instruction when the scalar's class is in set `a`.
            case set
            /// Goes on at `a`, and at `b` with less right.
            case split
            /// Goes on at `a`.
            case jump
            /// Stores the place in slot `a`.
            case save
            /// Goes on when assertion `a` holds.
            case assert
            case match
        }

        let operation: Operation
        var a: Int32 = 0
        var b: Int32 = 0
    }

    /// A pattern of more instructions than this is refused: enough for a choice between a thousand words, and little enough
    /// that the states of the automaton stay small.
    static let instructionLimit = 10_000

    let instructions: UnsafePointer<Instruction>
    let instructionCount: Int
    /// Where a search starts that may skip scalars first; an anchored one starts at `start`.
    let searchStart: Int
    let start: Int
    let groupCount: Int
    /// Whether any assertion looks at the scalars beside a place.
    let asserts: Bool
    /// Whether `$` or `\Z` occurs, so that the last line terminator matters.
    let asksForLastLine: Bool

    let classCount: Int
    /// set × class: 1 for a member.
    let members: UnsafeMutablePointer<UInt8>
    private let memberCount: Int
    /// The class of each scalar below `tableSize`.
    let table: UnsafeMutablePointer<UInt16>
    static let tableSize = 0x800
    /// Where a new class starts, and which, from the first scalar on.
    private let boundaries: [UInt32]
    private let boundaryClasses: [UInt16]
    /// What assertions ask about each class.
    let sides: [RegexAssertion.Side]
    let footprint: Int

    /// `reversed` matches texts read backwards, for finding where a match that ends somewhere starts.
    init(_ node: RegexNode, groupCount: Int, reversed: Bool, parser: RegexParser) throws(Fault) {
        var emitter = RegexEmitter(reversed: reversed, parser: parser)
        try emitter.emitWhole(node)
        let emitted = emitter.instructions
        let code = UnsafeMutablePointer<Instruction>.allocate(capacity: emitted.count)
        code.initialize(from: emitted, count: emitted.count)
        (instructions, instructionCount) = (UnsafePointer(code), emitted.count)
        (start, searchStart) = (emitter.start, emitter.searchStart)
        self.groupCount = groupCount
        asserts = emitted.contains { $0.operation == .assert }
        asksForLastLine = emitted.contains {
            $0.operation == .assert && $0.a == Int32(RegexAssertion.lastLineEnd.rawValue)
        }
        // The sets that assertions ask about are told apart like the pattern's own.
        let sideSets: [ScalarSet] = asserts ? [.word, ScalarSet(0x0a), ScalarSet(0x0d)] : []
        let partition = try RegexPartition(emitter.sets + sideSets, parser: parser)
        classCount = partition.classCount
        (boundaries, boundaryClasses) = (partition.boundaries, partition.classes)
        memberCount = max(1, emitter.sets.count * classCount)
        members = .allocate(capacity: memberCount)
        members.initialize(repeating: 0, count: memberCount)
        for set in emitter.sets.indices {
            for symbol in 0..<classCount where partition.contains(symbol, set) {
                members[set * classCount + symbol] = 1
            }
        }
        let firstSide = emitter.sets.count
        sides = (0..<classCount).map { symbol in
            guard !sideSets.isEmpty else { return [] }
            var side: RegexAssertion.Side = []
            for (index, flag) in [RegexAssertion.Side.word, .lineFeed, .carriageReturn].enumerated()
            where partition.contains(symbol, firstSide + index) { side.insert(flag) }
            return side
        }
        table = .allocate(capacity: RegexProgram.tableSize)
        var segment = 0
        for scalar in 0..<RegexProgram.tableSize {
            while segment + 1 < boundaries.count, boundaries[segment + 1] <= scalar { segment += 1 }
            (table + scalar).initialize(to: boundaryClasses[segment])
        }
        footprint =
            emitted.count * 12 + memberCount + RegexProgram.tableSize * 2 + boundaries.count * 6 + classCount + 400
        Meter.charge(footprint)
    }

    deinit {
        instructions.deallocate()
        members.deallocate()
        table.deallocate()
        Meter.credit(footprint)
    }

    /// Where classes start, and which.
    var classStarts: some Sequence<(first: UInt32, symbol: Int)> {
        boundaries.indices.lazy.map { (self.boundaries[$0], Int(self.boundaryClasses[$0])) }
    }

    /// The class of a scalar.
    @inline(__always) func symbol(_ scalar: UInt32) -> Int {
        scalar < RegexProgram.tableSize ? Int(table[Int(scalar)]) : searchSymbol(scalar)
    }

    @inline(never) private func searchSymbol(_ scalar: UInt32) -> Int {
        var low = 0
        var high = boundaries.count - 1
        while low < high {
            let middle = (low + high + 1) / 2
            if boundaries[middle] <= scalar { low = middle } else { high = middle - 1 }
        }
        return Int(boundaryClasses[low])
    }

    /// The bytes that a match can start with; nil when one can be empty or stand on an assertion alone.
    func firstBytes() -> [Bool]? {
        var bytes = [Bool](repeating: false, count: 256)
        var seen = Set<Int>()
        var pending = [start]
        while let at = pending.popLast() {
            guard seen.insert(at).inserted else { continue }
            let instruction = instructions[at]
            switch instruction.operation {
            case .match: return nil
            case .jump: pending.append(Int(instruction.a))
            case .split: pending += [Int(instruction.a), Int(instruction.b)]
            case .save, .assert: pending.append(at + 1)
            case .set:
                let row = members + Int(instruction.a) * classCount
                for byte in 0..<128 where row[Int(table[byte])] != 0 { bytes[byte] = true }
                let beyond = boundaries.indices.contains { index in
                    let next = index + 1 < boundaries.count ? boundaries[index + 1] : .max
                    return next > 0x80 && row[Int(boundaryClasses[index])] != 0
                }
                if beyond { for byte in 0xc2...0xf4 { bytes[byte] = true } }
            }
        }
        return bytes
    }
}

/// Divides all scalars into classes that the given sets do not tell apart.
struct RegexPartition {
    /// Tables have a column for each class.
    static let classLimit = 4_096

    private(set) var boundaries: [UInt32] = []
    private(set) var classes: [UInt16] = []
    private(set) var classCount = 0
    /// Of each class, which sets it is in, a bit for each.
    private var signatures: [[UInt64]] = []

    init(_ sets: [ScalarSet], parser: RegexParser) throws(Fault) {
        let spans = sets.reduce(0) { $0 + $1.spans.count }
        try Attention.check(steps: spans / 4, holding: spans * 2 * MemoryLayout<(UInt32, Int)>.stride)
        // Where a set starts or ends, something changes: which, in order.
        var events: [(at: UInt32, set: Int)] = [(0, -1)]
        for (index, set) in sets.enumerated() {
            for span in set.spans {
                events.append((span.low, index))
                if span.high < 0x10ffff { events.append((span.high + 1, index)) }
            }
        }
        events.sort { $0.at < $1.at }
        var known: [[UInt64]: UInt16] = [:]
        var signature = [UInt64](repeating: 0, count: (sets.count + 63) / 64)
        var next = 0
        while next < events.count {
            let at = events[next].at
            while next < events.count, events[next].at == at {
                let set = events[next].set
                if set >= 0 { signature[set / 64] ^= 1 << UInt64(set % 64) }
                next += 1
            }
            try Attention.work(signature.count)
            let symbol = known[signature] ?? UInt16(signatures.count)
            if symbol == signatures.count {
                guard symbol < RegexPartition.classLimit else {
                    throw parser.error(
                        "the pattern tells more than \(RegexPartition.classLimit) kinds of characters apart", at: 0,
                        hint: "use fewer or simpler character classes")
                }
                known[signature] = symbol
                signatures.append(signature)
            }
            boundaries.append(at)
            classes.append(symbol)
        }
        classCount = signatures.count
    }

    func contains(_ symbol: Int, _ set: Int) -> Bool { signatures[symbol][set / 64] >> UInt64(set % 64) & 1 == 1 }
}

/// Turns a tree into instructions.
struct RegexEmitter {
    private(set) var instructions: [RegexProgram.Instruction] = []
    private(set) var sets: [ScalarSet] = []
    private var numbers: [ScalarSet: Int32] = [:]
    private(set) var start = 0
    private(set) var searchStart = 0
    private let reversed: Bool
    private let parser: RegexParser

    init(reversed: Bool, parser: RegexParser) {
        self.reversed = reversed
        self.parser = parser
    }

    /// A loop that skips scalars, with less right than the pattern itself, then the pattern between the slots of group 0.
    mutating func emitWhole(_ node: RegexNode) throws(Fault) {
        searchStart = 0
        try add(.split, 3, 1)
        try add(.set, set(.all))
        try add(.jump, 0)
        start = 3
        try emit(.group(node, index: 0))
        try add(.match)
    }

    private mutating func set(_ set: ScalarSet) -> Int32 {
        if let known = numbers[set] { return known }
        let number = Int32(sets.count)
        numbers[set] = number
        sets.append(set)
        return number
    }

    private var here: Int32 { Int32(instructions.count) }

    private mutating func add(_ operation: RegexProgram.Instruction.Operation, _ a: Int32 = 0, _ b: Int32 = 0)
        throws(Fault)
    {
        guard instructions.count < RegexProgram.instructionLimit else { throw parser.tooLarge }
        instructions.append(RegexProgram.Instruction(operation: operation, a: a, b: b))
    }

    private mutating func emit(_ node: RegexNode) throws(Fault) {
        switch node {
        case .empty: break
        case .set(let scalars): try add(.set, set(scalars))
        case .sequence(let nodes): for node in reversed ? nodes.reversed() : nodes { try emit(node) }
        case .choice(let nodes): try emitChoice(nodes[...])
        case .assertion(let kind): try add(.assert, Int32(kind.rawValue))
        case .group(let node, let index):
            try add(.save, Int32(index * 2 + (reversed ? 1 : 0)))
            try emit(node)
            try add(.save, Int32(index * 2 + (reversed ? 0 : 1)))
        case .repetition(let node, let minimum, let maximum, let greedy):
            try emitRepetition(node, minimum, maximum, greedy)
        }
    }

    private mutating func emitChoice(_ nodes: ArraySlice<RegexNode>) throws(Fault) {
        var exits: [Int] = []
        for (index, node) in nodes.enumerated() {
            let isLast = index == nodes.count - 1
            let split = instructions.count
            if !isLast { try add(.split, here + 1) }
            try emit(node)
            guard !isLast else { continue }
            exits.append(instructions.count)
            try add(.jump)
            instructions[split].b = here
        }
        for exit in exits { instructions[exit].a = here }
    }

    private mutating func emitRepetition(_ node: RegexNode, _ minimum: Int, _ maximum: Int?, _ greedy: Bool)
        throws(Fault)
    {
        guard let maximum else { return try emitUnbounded(node, minimum, greedy) }
        for _ in 0..<minimum { try emit(node) }
        // (x(x(x)?)?)?: each further one only after the one before.
        var splits: [Int] = []
        for _ in minimum..<max(minimum, maximum) {
            splits.append(instructions.count)
            try add(.split)
            try emit(node)
        }
        for split in splits { setSplit(split, body: Int32(split + 1), exit: here, greedy) }
    }

    private mutating func emitUnbounded(_ node: RegexNode, _ minimum: Int, _ greedy: Bool) throws(Fault) {
        for _ in 0..<max(0, minimum - 1) { try emit(node) }
        if minimum == 0, !node.isNullable {
            let split = instructions.count
            try add(.split)
            try emit(node)
            try add(.jump, Int32(split))
            return setSplit(split, body: Int32(split + 1), exit: here, greedy)
        }
        // What can be empty loops as (x+)?, so that an empty round sets its groups once and then leaves.
        let entry = instructions.count
        if minimum == 0 { try add(.split) }
        let body = here
        try emit(node)
        let split = instructions.count
        try add(.split)
        setSplit(split, body: body, exit: here, greedy)
        if minimum == 0 { setSplit(entry, body: body, exit: here, greedy) }
    }

    private mutating func setSplit(_ at: Int, body: Int32, exit: Int32, _ greedy: Bool) {
        instructions[at].a = greedy ? body : exit
        instructions[at].b = greedy ? exit : body
    }
}
