/// Finds what the groups of a short match hold: tries the paths in order, and never the same instruction at the same place
/// twice, so that the time is bounded by the program's size times the match's length.
final class RegexBacktracker {
    /// An instruction to go on with at a place, or (negative) a slot to put back.
    private typealias Task = (instruction: Int32, value: Int)

    private let program: RegexProgram
    private let slotCount: Int
    private let slots: UnsafeMutablePointer<Int>
    /// A bit for each instruction at each place.
    private let visited: UnsafeMutablePointer<UInt64>
    private var tasks: [Task] = []

    /// Bits of `visited`.
    private static let visitLimit = 1 << 16

    init(_ program: RegexProgram) {
        self.program = program
        slotCount = 2 * (program.groupCount + 1)
        slots = .allocate(capacity: slotCount)
        visited = .allocate(capacity: RegexBacktracker.visitLimit / 64)
        Meter.charge(RegexBacktracker.visitLimit / 8)
    }

    deinit {
        slots.deallocate()
        visited.deallocate()
        Meter.credit(RegexBacktracker.visitLimit / 8)
    }

    /// Whether a match of so many bytes is short enough.
    func suits(_ length: Int) -> Bool { program.instructionCount * (length + 1) <= RegexBacktracker.visitLimit }

    /// As `RegexThreads.run` without searching.
    func run(_ text: Text, from: Int, limit: Int, whole: Bool, lastLine: Int) throws(Fault) -> [Int]? {
        let places = limit - from + 1
        visited.initialize(repeating: 0, count: (program.instructionCount * places + 63) / 64)
        slots.initialize(repeating: -1, count: slotCount)
        tasks.removeAll(keepingCapacity: true)
        tasks.append((Int32(program.start), from))
        try Attention.work(1 + program.instructionCount * places / 64)
        while let task = tasks.popLast() {
            if task.instruction < 0 {
                slots[Int(~task.instruction)] = task.value
                continue
            }
            var at = Int(task.instruction)
            var place = task.value
            path: while true {
                let bit = at * places + place - from
                guard visited[bit >> 6] & 1 << UInt64(bit & 63) == 0 else { break }
                visited[bit >> 6] |= 1 << UInt64(bit & 63)
                let instruction = program.instructions[at]
                switch instruction.operation {
                case .set:
                    guard place < limit else { break path }
                    let symbol = program.symbol(Text.decode(text.bytes + place))
                    guard program.members[Int(instruction.a) * program.classCount + symbol] != 0 else { break path }
                    place += Text.width(text.bytes[place])
                    at += 1
                case .jump: at = Int(instruction.a)
                case .split:
                    tasks.append((instruction.b, place))
                    at = Int(instruction.a)
                case .save:
                    tasks.append((~instruction.a, slots[Int(instruction.a)]))
                    slots[Int(instruction.a)] = place
                    at += 1
                case .assert:
                    let left = program.side(before: place, in: text)
                    let right = program.side(after: place, in: text, lastLine: lastLine)
                    guard RegexAssertion(rawValue: UInt8(instruction.a))?.holds(left, right) == true else { break path }
                    at += 1
                case .match:
                    if whole, place != text.byteCount { break path }
                    return Array(UnsafeBufferPointer(start: slots, count: slotCount))
                }
            }
        }
        return nil
    }
}
