/// A set of Unicode scalars as sorted, disjoint, non-adjacent ranges.
struct ScalarSet: Hashable {
    struct Span: Hashable {
        var low: UInt32
        var high: UInt32
    }

    private(set) var spans: [Span] = []

    static let empty = ScalarSet()
    static let all = ScalarSet(0...0x10ffff)

    init() {}

    init(_ ranges: ClosedRange<UInt32>...) { self.init(ranges: ranges) }

    init(ranges: [ClosedRange<UInt32>]) {
        spans = ScalarSet.normalized(ranges.map { Span(low: $0.lowerBound, high: $0.upperBound) })
    }

    init(_ scalar: UInt32) { spans = [Span(low: scalar, high: scalar)] }

    init(scalars: [UInt32]) { spans = ScalarSet.normalized(scalars.map { Span(low: $0, high: $0) }) }

    var isEmpty: Bool { spans.isEmpty }
    /// How many scalars there are.
    var count: Int { spans.reduce(0) { $0 + Int($1.high - $1.low) + 1 } }
    /// The only scalar, when there is one.
    var single: UInt32? { spans.count == 1 && spans[0].low == spans[0].high ? spans[0].low : nil }

    func contains(_ scalar: UInt32) -> Bool { spans.contains { $0.low <= scalar && scalar <= $0.high } }

    /// Whether a member is `scalar` or comes after it.
    func reaches(_ scalar: UInt32) -> Bool { spans.last.map { $0.high >= scalar } ?? false }

    private static func normalized(_ spans: [Span]) -> [Span] {
        var merged: [Span] = []
        for span in spans.sorted(by: { $0.low < $1.low }) {
            if let last = merged.last, span.low <= last.high &+ 1 {
                merged[merged.count - 1].high = max(last.high, span.high)
            } else {
                merged.append(span)
            }
        }
        return merged
    }

    func union(_ other: ScalarSet) -> ScalarSet {
        var set = ScalarSet()
        set.spans = ScalarSet.normalized(spans + other.spans)
        return set
    }

    /// A union of many sets. It is put in order each time that it has doubled, because doing so for each of them would take
    /// quadratic time.
    struct Union {
        private var spans: [Span] = []
        private var settled = 0

        mutating func add(_ set: ScalarSet) throws(Fault) {
            try Attention.work(1 + set.spans.count / 8)
            spans += set.spans
            if spans.count > 64 + 2 * settled { settle() }
        }

        private mutating func settle() {
            spans = ScalarSet.normalized(spans)
            settled = spans.count
        }

        /// What was added so far.
        var set: ScalarSet {
            var set = ScalarSet()
            set.spans = ScalarSet.normalized(spans)
            return set
        }
    }

    var inverted: ScalarSet {
        var set = ScalarSet()
        var next: UInt32 = 0
        for span in spans {
            if span.low > next { set.spans.append(Span(low: next, high: span.low - 1)) }
            next = span.high + 1
        }
        if next <= 0x10ffff { set.spans.append(Span(low: next, high: 0x10ffff)) }
        return set
    }

    func intersection(_ other: ScalarSet) -> ScalarSet { inverted.union(other.inverted).inverted }

    /// With the other case of every ASCII letter.
    var ignoringASCIICase: ScalarSet {
        var more: [Span] = []
        for span in spans {
            for (from, to, distance) in [(0x41, 0x5a, 32), (0x61, 0x7a, -32)] as [(UInt32, UInt32, Int32)] {
                let (low, high) = (max(span.low, from), min(span.high, to))
                guard low <= high else { continue }
                more.append(
                    Span(low: UInt32(Int32(low) + distance), high: UInt32(Int32(high) + distance)))
            }
        }
        var set = ScalarSet()
        set.spans = ScalarSet.normalized(spans + more)
        return set
    }

    /// With every scalar that Unicode's simple upper and lower case mappings lead to.
    func ignoringCase() throws(Fault) -> ScalarSet {
        var more: [UInt32] = []
        func add(_ mapping: String) {
            guard let scalar = mapping.unicodeScalars.first, mapping.unicodeScalars.count == 1 else { return }
            more.append(scalar.value)
        }
        for span in spans {
            for value in span.low...span.high {
                try Attention.step()
                guard let properties = Unicode.Scalar(value)?.properties else { continue }
                add(properties.lowercaseMapping)
                add(properties.uppercaseMapping)
                add(properties.titlecaseMapping)
            }
        }
        return union(ScalarSet(scalars: more))
    }
}

// The named sets of regular expressions; the letters are ASCII's alone, as in Java.
extension ScalarSet {
    static let digits = ScalarSet(0x30...0x39)
    static let word = ScalarSet(0x30...0x39, 0x41...0x5a, 0x5f...0x5f, 0x61...0x7a)
    static let space = ScalarSet(0x09...0x0d, 0x20...0x20)
    static let horizontalSpace = ScalarSet(
        0x09...0x09, 0x20...0x20, 0xa0...0xa0, 0x1680...0x1680, 0x180e...0x180e, 0x2000...0x200a, 0x202f...0x202f,
        0x205f...0x205f, 0x3000...0x3000)
    static let verticalSpace = ScalarSet(0x0a...0x0d, 0x85...0x85, 0x2028...0x2029)
    /// What `.` does not match.
    static let lineTerminators = ScalarSet(0x0a...0x0a, 0x0d...0x0d, 0x85...0x85, 0x2028...0x2029)

    /// `\p{Alpha}` and its kin.
    static let posix: [String: ScalarSet] = [
        "Lower": ScalarSet(0x61...0x7a), "Upper": ScalarSet(0x41...0x5a), "ASCII": ScalarSet(0...0x7f),
        "Alpha": ScalarSet(0x41...0x5a, 0x61...0x7a), "Digit": digits,
        "Alnum": ScalarSet(0x30...0x39, 0x41...0x5a, 0x61...0x7a),
        "Punct": ScalarSet(0x21...0x2f, 0x3a...0x40, 0x5b...0x60, 0x7b...0x7e), "Graph": ScalarSet(0x21...0x7e),
        "Print": ScalarSet(0x20...0x7e), "Blank": ScalarSet(0x09...0x09, 0x20...0x20),
        "Cntrl": ScalarSet(0...0x1f, 0x7f...0x7f), "XDigit": ScalarSet(0x30...0x39, 0x41...0x46, 0x61...0x66),
        "Space": space,
    ]
}
