/// A pattern that is one set of scalars, once or more, as `[a-z]+` or `\d+`: its matches are the runs of members, which a
/// table finds faster than the automaton does.
final class RegexRun: @unchecked Sendable {
    // Sendable: immutable after `init`.
    private let program: RegexProgram
    /// Whether a byte is a member's first; for a byte that is not ASCII, whether its scalar is to be asked for.
    private let leads: UnsafeMutablePointer<Bool>
    /// Whether the scalars of a class are members.
    private let classes: UnsafeMutablePointer<Bool>

    init(_ set: ScalarSet, _ program: RegexProgram) {
        self.program = program
        classes = .allocate(capacity: program.classCount)
        classes.initialize(repeating: false, count: program.classCount)
        leads = .allocate(capacity: 256)
        leads.initialize(repeating: false, count: 256)
        for (first, symbol) in program.classStarts where set.contains(first) { classes[symbol] = true }
        for byte in 0..<128 { leads[byte] = set.contains(UInt32(byte)) }
        let reachesBeyondASCII = set.reaches(0x80)
        for byte in 128..<256 { leads[byte] = reachesBeyondASCII }
    }

    deinit {
        classes.deallocate()
        leads.deallocate()
    }

    /// The first run at or after byte `from`, which must be at a code point.
    func range(in text: Text, from: Int) throws(Fault) -> Range<Int>? {
        let low = end(in: text, from: from, ofMembers: false)
        let high = end(in: text, from: low, ofMembers: true)
        try Attention.work(1 + (high - from) / RegexAutomaton.bytesPerStep)
        return low < high ? low..<high : nil
    }

    /// The end of the scalars from byte `from` on that are members, or are not.
    @inline(__always) private func end(in text: Text, from: Int, ofMembers members: Bool) -> Int {
        let bytes = text.bytes
        let count = text.byteCount
        var at = from
        while at < count {
            let lead = bytes[at]
            if lead < 0x80 {
                guard leads[Int(lead)] == members else { break }
                at &+= 1
            } else {
                guard isMember(bytes + at) == members else { break }
                at &+= Text.width(lead)
            }
        }
        return at
    }

    private func isMember(_ scalar: UnsafePointer<UInt8>) -> Bool {
        leads[Int(scalar.pointee)] && classes[program.symbol(Text.decode(scalar))]
    }
}
