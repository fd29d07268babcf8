/// A deterministic automaton built while it runs: finds where a match ends, one table lookup per scalar.
///
/// A state is the ordered list of instructions that are alive, and what assertions need to know of the scalar passed last.
/// Assertions look one scalar ahead, so a transition first follows the instructions that consume nothing and then takes its
/// scalar; a match is therefore noticed one scalar late, at the place before it. States are kept up to a memory bound; then
/// all are forgotten and building begins anew, which costs time proportional to the text at worst.
final class RegexAutomaton {
    /// Whether the leftmost-first match is wanted, or any match at each place (for whole texts, and for the longest one).
    enum Mode: Int32 {
        case first = 0
        case all = 1
    }

    private let program: RegexProgram
    private let reversed: Bool
    /// Entries of a row: one per class, and one for the end.
    private let stride: Int
    private let endSymbol: Int
    /// state × symbol: the next state's row and whether there was a match before the scalar, or 0 when not computed yet.
    private var table: UnsafeMutablePointer<UInt32>
    private var capacity = 16
    /// Row 0 is no state, row 1 the dead one.
    private var states: [State] = []
    private var rows: [State: Int] = [:]
    /// The rows of starting states, by side, mode and where they start; 0 when not made yet.
    private let starts: UnsafeMutablePointer<Int>
    private static let startCount = 128
    private var stateBytes = 0
    private let dead: Int

    // Scratch, as large as the program: raw because it is touched for each instruction of each new state.
    private let threads: UnsafeMutablePointer<Int32>
    private let pending: UnsafeMutablePointer<Int32>
    private let marks: UnsafeMutablePointer<UInt32>
    private var generation: UInt32 = 0

    /// Instructions in order of right, then the side passed last and the mode as one number.
    private struct State: Hashable {
        let list: [Int32]
        private let digest: Int

        init(_ list: [Int32]) {
            self.list = list
            var digest: UInt64 = 0xcbf2_9ce4_8422_2325
            for element in list { digest = (digest ^ UInt64(UInt32(bitPattern: element))) &* 0x9e37_79b9_7f4a_7c15 }
            self.digest = Int(truncatingIfNeeded: digest ^ digest >> 32)
        }

        func hash(into hasher: inout Hasher) { hasher.combine(digest) }

        static func == (a: State, b: State) -> Bool { a.digest == b.digest && a.list == b.list }
    }

    /// Bytes of states and table that are kept.
    private static let memoryLimit = 2 << 20

    init(_ program: RegexProgram, reversed: Bool) {
        self.program = program
        self.reversed = reversed
        stride = program.classCount + 1
        endSymbol = program.classCount
        dead = stride
        table = .allocate(capacity: capacity * stride)
        table.initialize(repeating: 0, count: capacity * stride)
        starts = .allocate(capacity: RegexAutomaton.startCount)
        starts.initialize(repeating: 0, count: RegexAutomaton.startCount)
        let size = program.instructionCount
        threads = .allocate(capacity: size)
        pending = .allocate(capacity: 2 * size + 1)
        marks = .allocate(capacity: size)
        marks.initialize(repeating: 0, count: size)
        states = [State([]), State([])]
        Meter.charge(capacity * stride * 4 + size * 16)
    }

    deinit {
        for scratch in [threads, pending] { scratch.deallocate() }
        marks.deallocate()
        starts.deallocate()
        table.deallocate()
        Meter.credit(capacity * stride * 4 + stateBytes + program.instructionCount * 16)
    }

    /// Runs forwards from byte `from`; `searching` skips scalars in front of a match. Gives the end of the match, and how
    /// far the automaton had to read.
    func run(
        _ text: Text, from: Int, searching: Bool, mode: Mode, lastLine: Int
    ) throws(Fault) -> (end: Int?, read: Int) {
        let bytes = text.bytes
        let end = text.byteCount
        var state = start(
            searching ? program.searchStart : program.start, side: program.side(before: from, in: text), mode)
        var at = from
        var match = -1
        var booked = from
        // Before the line terminator that ends the text, a transition is like no other.
        var limit = program.asksForLastLine && lastLine >= from && lastLine < end ? lastLine : end
        var table = table
        let symbols = program.table
        while true {
            while at < limit {
                let pause = min(limit, at &+ RegexAutomaton.bytesBetweenLooks)
                while at < pause {
                    let lead = bytes[at]
                    // Sums that cannot overflow are not checked: this is all that happens for most bytes of a text.
                    let symbol = lead < 0x80 ? Int(symbols[Int(lead)]) : program.symbol(Text.decode(bytes + at))
                    var entry = table[state &+ symbol]
                    if _slowPath(entry == 0) {
                        entry = try transition(state, symbol)
                        table = self.table
                    }
                    if entry & 1 != 0 { match = at }
                    state = Int(truncatingIfNeeded: entry &>> 1)
                    if state == dead {
                        try book(at - booked)
                        return (match < 0 ? nil : match, at)
                    }
                    at &+= lead < 0x80 ? 1 : Text.width(lead)
                }
                try book(at - booked)
                booked = at
            }
            guard at < end else { break }
            limit = end
            let entry = try transition(state, program.symbol(Text.decode(bytes + at)), ahead: .lastTerminator)
            table = self.table
            if entry & 1 != 0 { match = at }
            state = Int(entry >> 1)
            if state == dead { return (match < 0 ? nil : match, at) }
            at += Text.width(bytes[at])
        }
        var entry = table[state + endSymbol]
        if entry == 0 { entry = try transition(state, endSymbol) }
        if entry & 1 != 0 { match = end }
        return (match < 0 ? nil : match, end)
    }

    /// Runs backwards from byte `from` to `low`; gives the first place where a match that ends at `from` starts.
    func runBackwards(_ text: Text, from: Int, low: Int) throws(Fault) -> Int? {
        let bytes = text.bytes
        var state = start(program.start, side: program.side(after: from, in: text, lastLine: text.byteCount), .all)
        var at = from
        var match = -1
        var booked = from
        while at > low {
            if booked - at >= RegexAutomaton.bytesBetweenLooks {
                try book(booked - at)
                booked = at
            }
            var previous = at - 1
            while bytes[previous] & 0xc0 == 0x80 { previous -= 1 }
            let entry = try entry(state, program.symbol(Text.decode(bytes + previous)))
            if entry & 1 != 0 { match = at }
            state = Int(entry >> 1)
            if state == dead { break }
            at = previous
        }
        try book(booked - at)
        guard state != dead else { return match < 0 ? nil : match }
        var symbol = endSymbol
        if low > 0 {
            var previous = low - 1
            while bytes[previous] & 0xc0 == 0x80 { previous -= 1 }
            symbol = program.symbol(Text.decode(bytes + previous))
        }
        if try entry(state, symbol) & 1 != 0 { match = low }
        return match < 0 ? nil : match
    }

    private func entry(_ state: Int, _ symbol: Int) throws(Fault) -> UInt32 {
        let known = table[state + symbol]
        return known != 0 ? known : try transition(state, symbol)
    }

    /// So many bytes, one lookup each, take about as long as a step of the machine.
    static let bytesPerStep = 16
    private static let bytesBetweenLooks = 1 << 18

    @inline(__always) private func book(_ bytes: Int) throws(Fault) {
        try Attention.work(1 + bytes / RegexAutomaton.bytesPerStep)
    }
}

// Building.
extension RegexAutomaton {
    private func start(_ instruction: Int, side: RegexAssertion.Side, _ mode: Mode) -> Int {
        let side = program.asserts ? side : []
        let slot = Int(side.rawValue) * 4 + Int(mode.rawValue) * 2 + (instruction == program.start ? 0 : 1)
        if starts[slot] != 0 { return starts[slot] }
        let row = row(of: State([Int32(instruction), Int32(side.rawValue) << 1 | mode.rawValue]))
        starts[slot] = row
        return row
    }

    /// Computes a table entry. `ahead` adds to what is known of the scalar; such a transition is not kept.
    @inline(never) private func transition(_ row: Int, _ symbol: Int, ahead: RegexAssertion.Side = []) throws(Fault)
        -> UInt32
    {
        let state = states[row / stride]
        let flags = state.list[state.list.count - 1]
        let mode = Mode(rawValue: flags & 1) ?? .first
        let behind = RegexAssertion.Side(rawValue: UInt8(flags >> 1))
        let side = symbol == endSymbol ? .edge : program.sides[symbol]
        let (count, matched) = follow(state.list, behind: behind, ahead: side.union(ahead), mode)
        // What was followed without waiting for a scalar is several times that at most.
        try Attention.work(1 + (count + state.list.count) / 4)
        var next = dead
        if symbol != endSymbol {
            var successors: [Int32] = []
            successors.reserveCapacity(count + 1)
            for index in 0..<count {
                // Distinct instructions have distinct successors.
                let set = Int(program.instructions[Int(threads[index])].a)
                if program.members[set * program.classCount + symbol] != 0 { successors.append(threads[index] + 1) }
            }
            if !successors.isEmpty {
                successors.append(Int32((program.asserts ? side : []).rawValue) << 1 | mode.rawValue)
                next = self.row(of: State(successors))
            }
        }
        let entry = UInt32(next) << 1 | (matched ? 1 : 0)
        // Unless making the row forgot the states.
        if ahead.isEmpty, row / stride < states.count, states[row / stride] == state { table[row + symbol] = entry }
        return entry
    }

    /// Fills `threads` with the instructions that wait for a scalar, in order, and gives their number; true when a match was
    /// met. What comes after a match has less right than it and is dropped, unless all matches count.
    private func follow(
        _ list: [Int32], behind: RegexAssertion.Side, ahead: RegexAssertion.Side, _ mode: Mode
    ) -> (count: Int, matched: Bool) {
        let (threads, pending, marks, instructions) = (threads, pending, marks, program.instructions)
        let (left, right) = reversed ? (ahead, behind) : (behind, ahead)
        generation &+= 1
        let generation = generation
        var count = 0
        var matched = false
        for index in 0..<list.count - 1 {
            pending[0] = list[index]
            var depth = 1
            while depth > 0 {
                depth -= 1
                let at = pending[depth]
                guard marks[Int(at)] != generation else { continue }
                marks[Int(at)] = generation
                let instruction = instructions[Int(at)]
                switch instruction.operation {
                case .set:
                    threads[count] = at
                    count += 1
                case .jump:
                    pending[depth] = instruction.a
                    depth += 1
                case .split:
                    pending[depth] = instruction.b
                    pending[depth + 1] = instruction.a
                    depth += 2
                case .save:
                    pending[depth] = at + 1
                    depth += 1
                case .assert:
                    guard RegexAssertion(rawValue: UInt8(instruction.a))?.holds(left, right) == true else { continue }
                    pending[depth] = at + 1
                    depth += 1
                case .match:
                    matched = true
                    if mode == .first { return (count, true) }
                }
            }
        }
        return (count, matched)
    }

    private func row(of state: State) -> Int {
        if let known = rows[state] { return known }
        if stateBytes + capacity * stride * 4 > RegexAutomaton.memoryLimit, states.count > 2 { forget() }
        if states.count == capacity { grow() }
        let row = states.count * stride
        states.append(state)
        rows[state] = row
        let size = 160 + state.list.count * 4
        stateBytes += size
        Meter.charge(size)
        return row
    }

    private func grow() {
        let larger = UnsafeMutablePointer<UInt32>.allocate(capacity: capacity * 2 * stride)
        larger.update(from: table, count: capacity * stride)
        (larger + capacity * stride).initialize(repeating: 0, count: capacity * stride)
        table.deallocate()
        table = larger
        Meter.charge(capacity * stride * 4)
        capacity *= 2
    }

    private func forget() {
        Meter.credit(stateBytes)
        stateBytes = 0
        states.removeLast(states.count - 2)
        rows.removeAll(keepingCapacity: true)
        table.update(repeating: 0, count: capacity * stride)
        starts.update(repeating: 0, count: RegexAutomaton.startCount)
    }
}

// What stands beside a place.
extension RegexProgram {
    func side(before offset: Int, in text: Text) -> RegexAssertion.Side {
        guard asserts else { return [] }
        guard offset > 0 else { return .edge }
        var previous = offset - 1
        while text.bytes[previous] & 0xc0 == 0x80 { previous -= 1 }
        return sides[symbol(Text.decode(text.bytes + previous))]
    }

    func side(after offset: Int, in text: Text, lastLine: Int) -> RegexAssertion.Side {
        guard asserts else { return [] }
        guard offset < text.byteCount else { return .edge }
        let side = sides[symbol(Text.decode(text.bytes + offset))]
        return offset == lastLine ? side.union(.lastTerminator) : side
    }
}
