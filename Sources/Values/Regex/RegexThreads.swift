/// Runs a program on all its paths at once, in step with the text, and remembers for each path what its groups matched:
/// Pike's machine. The slowest of the three, so it only sees matches that are known to be there and are long.
final class RegexThreads {
    /// The paths at one place, by right.
    private struct Paths {
        var instructions: [Int32] = []
        /// As many slots for each path.
        var slots: [Int] = []

        mutating func clear() {
            instructions.removeAll(keepingCapacity: true)
            slots.removeAll(keepingCapacity: true)
        }
    }

    private enum Task {
        case follow(Int32)
        case restore(slot: Int, to: Int)
    }

    private let program: RegexProgram
    private let slotCount: Int
    private var current = Paths()
    private var upcoming = Paths()
    private var tasks: [Task] = []
    private var work: [Int]
    private var marks: [UInt32]
    private var generation: UInt32 = 0
    private var charged = 0

    init(_ program: RegexProgram) {
        self.program = program
        slotCount = 2 * (program.groupCount + 1)
        work = Array(repeating: -1, count: slotCount)
        marks = Array(repeating: 0, count: program.instructionCount)
    }

    deinit { Meter.credit(charged) }

    /// Matches at byte `from`, or when `searching` at the first place from there on, and reads no further than `limit`.
    /// `whole`: only a match that ends at the end of the text counts. Gives two slots for each group, -1 where it took no
    /// part.
    func run(
        _ text: Text, from: Int, limit: Int, searching: Bool, whole: Bool, lastLine: Int
    ) throws(Fault) -> [Int]? {
        defer { account() }
        var matched: [Int]?
        var at = from
        current.clear()
        while true {
            let right = program.side(after: at, in: text, lastLine: lastLine)
            if at == from || (searching && matched == nil) {
                if at == from { generation &+= 1 }
                for slot in work.indices { work[slot] = -1 }
                follow(program.start, into: &current, at, program.side(before: at, in: text), right)
            }
            if current.instructions.isEmpty, !searching || matched != nil { break }
            try Attention.work(1 + current.slots.count / 8)
            let atEnd = at == text.byteCount
            let symbol = at < limit ? program.symbol(Text.decode(text.bytes + at)) : -1
            let next = at < limit ? at + Text.width(text.bytes[at]) : at
            upcoming.clear()
            generation &+= 1
            let nextRight = program.side(after: next, in: text, lastLine: lastLine)
            let nextLeft = symbol >= 0 ? program.sides[symbol] : []
            path: for (index, instruction) in current.instructions.enumerated() {
                let decoded = program.instructions[Int(instruction)]
                let slots = index * slotCount..<(index + 1) * slotCount
                if decoded.operation == .match {
                    if whole, !atEnd { continue path }
                    matched = Array(current.slots[slots])
                    break path
                }
                guard symbol >= 0, program.members[Int(decoded.a) * program.classCount + symbol] != 0 else {
                    continue path
                }
                for (slot, value) in zip(work.indices, slots) { work[slot] = current.slots[value] }
                follow(Int(instruction) + 1, into: &upcoming, next, nextLeft, nextRight)
            }
            swap(&current, &upcoming)
            if symbol < 0 { break }
            at = next
        }
        return matched
    }

    /// Adds the paths that lead from `start` without a scalar, in order of right, unless they are there with more right.
    private func follow(
        _ start: Int, into paths: inout Paths, _ at: Int, _ left: RegexAssertion.Side, _ right: RegexAssertion.Side
    ) {
        tasks.append(.follow(Int32(start)))
        while let task = tasks.popLast() {
            guard case .follow(let instruction) = task else {
                if case .restore(let slot, let value) = task { work[slot] = value }
                continue
            }
            guard marks[Int(instruction)] != generation else { continue }
            marks[Int(instruction)] = generation
            let decoded = program.instructions[Int(instruction)]
            switch decoded.operation {
            case .set, .match:
                paths.instructions.append(instruction)
                paths.slots.append(contentsOf: work)
            case .jump: tasks.append(.follow(decoded.a))
            case .split:
                tasks.append(.follow(decoded.b))
                tasks.append(.follow(decoded.a))
            case .save:
                tasks.append(.restore(slot: Int(decoded.a), to: work[Int(decoded.a)]))
                work[Int(decoded.a)] = at
                tasks.append(.follow(instruction + 1))
            case .assert:
                let kind = RegexAssertion(rawValue: UInt8(decoded.a))
                if kind?.holds(left, right) == true { tasks.append(.follow(instruction + 1)) }
            }
        }
    }

    private func account() {
        let slots = current.slots.capacity + upcoming.slots.capacity
        let size = marks.count * 4 + slots * 8 + (current.instructions.capacity + upcoming.instructions.capacity) * 4
        Meter.charge(size - charged)
        charged = size
    }
}
