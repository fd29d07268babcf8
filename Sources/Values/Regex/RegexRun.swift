/// A pattern that is one set of scalars, once or more, as `[a-z]+` or `\d+`: its matches are the runs of members, which a
/// table finds faster than the automaton does.
final class RegexRun: @unchecked Sendable {
    // Sendable: immutable after `init`.
    private let program: RegexProgram
    /// What is known of a scalar by its first byte.
    private let leads: UnsafeMutablePointer<Lead>
    /// Whether the scalars of a class are members.
    private let classes: UnsafeMutablePointer<Bool>

    private enum Lead: UInt8 {
        case outside
        case member
        /// The scalar's class tells.
        case either
    }

    init(_ set: ScalarSet, _ program: RegexProgram) {
        self.program = program
        classes = .allocate(capacity: program.classCount)
        classes.initialize(repeating: false, count: program.classCount)
        for (first, symbol) in program.classStarts where set.contains(first) { classes[symbol] = true }
        leads = .allocate(capacity: 256)
        for byte in 0..<128 { (leads + byte).initialize(to: set.contains(UInt32(byte)) ? .member : .outside) }
        // Where no other scalar is a member, the bytes of one are passed over like any others.
        (leads + 128).initialize(repeating: set.reaches(0x80) ? .either : .outside, count: 128)
    }

    deinit {
        classes.deallocate()
        leads.deallocate()
    }

    /// The first run at or after byte `from`, which must be at a code point.
    func range(in text: Text, from: Int) throws(Fault) -> Range<Int>? {
        let range = next(in: text.buffer, from: from)
        withExtendedLifetime(text) {}
        try Attention.work(1 + (range.upperBound - from) / RegexAutomaton.bytesPerStep)
        return range.isEmpty ? nil : range
    }

    /// The texts of the next runs, at most `limit` and a chunk of a sequence; none when there are no more. `next` goes behind them, and
    /// past the end when there are no more; `match` is the latest.
    func collect(
        in text: Text, from next: inout Int, upTo limit: Int, match: inout Range<Int>?
    ) throws(Fault) -> Vector {
        let utf8 = text.buffer
        guard next <= utf8.count else {
            match = nil
            return .empty
        }
        let start = next
        let limit = min(limit, 32)
        let (found, range) = withUnsafeTemporaryAllocation(of: Value.self, capacity: limit) { values in
            var range = start..<start
            var count = 0
            while count < limit {
                range = self.next(in: utf8, from: range.upperBound)
                if range.isEmpty { break }
                (values.baseAddress.unsafelyUnwrapped + count).initialize(to: .text(text, slice: range))
                count &+= 1
            }
            return (count == 0 ? .empty : Vector(taking: values.baseAddress.unsafelyUnwrapped, count: count), range)
        }
        match = range.isEmpty ? nil : range
        next = range.isEmpty ? utf8.count + 1 : range.upperBound
        try Attention.work(1 + (range.upperBound - start) / RegexAutomaton.bytesPerStep)
        return found
    }

    /// The next run; an empty range at the end when there is none.
    @inline(__always) private func next(in utf8: UnsafeBufferPointer<UInt8>, from: Int) -> Range<Int> {
        guard let bytes = utf8.baseAddress else { return from..<from }
        let leads = leads
        let count = utf8.count
        var low = from
        while low < count {
            switch leads[Int(bytes[low])] {
            case .outside: low &+= 1
            case .either where !isMember(bytes + low): low &+= Text.width(bytes[low])
            default: return low..<end(bytes, low, count)
            }
        }
        return count..<count
    }

    @inline(__always) private func end(_ bytes: UnsafePointer<UInt8>, _ low: Int, _ count: Int) -> Int {
        let leads = leads
        var at = low
        while at < count {
            switch leads[Int(bytes[at])] {
            case .member: at &+= 1
            case .either where isMember(bytes + at): at &+= Text.width(bytes[at])
            default: return at
            }
        }
        return at
    }

    @inline(never) private func isMember(_ scalar: UnsafePointer<UInt8>) -> Bool {
        classes[program.symbol(Text.decode(scalar))]
    }
}
