/// A search through one text, match after match: what `re-matcher` gives, and what `re-seq`, `replace` and `split` use.
///
/// Keeps the pattern's machines to itself while it lives.
public final class Matcher: Object, @unchecked Sendable {
    // Sendable: `lock` guards the search, which is why exclusivity need not be checked again.
    public let regex: Regex
    public let text: Text
    private let lock = Lock()
    private let machines: Regex.Machines
    private let lastLine: Int
    /// Where the next search starts; past the end when there is none.
    @exclusivity(unchecked) private var next = 0
    @exclusivity(unchecked) private var match: Range<Int>?
    @exclusivity(unchecked) private var groups: [Range<Int>?]?

    public init(_ regex: Regex, _ text: Text) {
        self.regex = regex
        self.text = text
        machines = regex.takeMachines()
        lastLine = regex.lastLine(of: text)
    }

    deinit { regex.giveBack(machines) }

    public override var kind: ObjectKind { .matcher }

    /// `(nth matcher n)`: group n of the latest match, 0 being the whole.
    public override var isIndexed: Bool { true }
    public override func element(at index: Int) throws(Fault) -> Value? {
        guard let ranges = try ranges() else { throw .illegalState("no match was found yet, so there are no groups") }
        guard index < ranges.count else { return nil }
        return ranges[index].map { .text(text, slice: $0) } ?? .nil
    }

    /// Goes to the next match; gives its byte range, or nil when there is none any more.
    public func find() throws(Fault) -> Range<Int>? {
        try lock.withLock { () throws(Fault) in try step() }
    }

    /// The same, with what `value` gives of it. Throws with the matcher where it was.
    public func findValue() throws(Fault) -> (range: Range<Int>, value: Value)? {
        try lock.withLock { () throws(Fault) in
            try orStay { () throws(Fault) in
                guard let match = try step() else { return nil }
                return (match, try value(of: match))
            }
        }
    }

    /// What `value` gives of the next matches, at most `limit`; none when there are no more.
    public func values(upTo limit: Int) throws(Fault) -> Vector {
        try lock.withLock { () throws(Fault) in
            try orStay { () throws(Fault) in
                if let run = regex.run {
                    groups = nil
                    return try run.collect(in: text, from: &next, upTo: limit, match: &match)
                }
                var found = Vector([])
                for _ in 0..<limit {
                    guard let match = try step() else { break }
                    Vector.append(&found, try value(of: match))
                }
                return found
            }
        }
    }

    /// Does what may throw midway, and then be done again: the matches passed until then must not be lost.
    private func orStay<Result>(_ body: () throws(Fault) -> Result) throws(Fault) -> Result {
        let before = (next, match, groups)
        do throws(Fault) { return try body() } catch {
            (next, match, groups) = before
            throw error
        }
    }

    private func value(of match: Range<Int>) throws(Fault) -> Value {
        regex.groupCount == 0
            ? .text(text, slice: match)
            : Regex.value(of: try regex.groups(in: text, match, machines, lastLine), in: text)
    }

    /// Goes to the next match; the lock is held.
    private func step() throws(Fault) -> Range<Int>? {
        match = next <= text.byteCount ? try regex.range(in: text, from: next, machines, lastLine) : nil
        groups = nil
        guard let match else {
            next = text.byteCount + 1
            return nil
        }
        // After an empty match, the search goes on one scalar further.
        next = match.upperBound
        if match.isEmpty { next += next < text.byteCount ? Text.width(text.bytes[next]) : 1 }
        return match
    }

    /// The byte ranges of the latest match and its groups (nil for one that took no part), or nil without a match.
    public func ranges() throws(Fault) -> [Range<Int>?]? {
        try lock.withLock { () throws(Fault) in
            guard let match else { return nil }
            if groups == nil { groups = try regex.groups(in: text, match, machines, lastLine) }
            return groups
        }
    }

    /// What `re-groups` gives of the latest match: its text, or with groups a vector of the texts, nil for one that took no
    /// part; nil without a match.
    public func value() throws(Fault) -> Value? {
        if regex.groupCount == 0 { return lock.withLock { match.map { .text(text, slice: $0) } } }
        return try ranges().map { Regex.value(of: $0, in: text) }
    }
}

extension Regex {
    /// The text of a match, or with groups a vector of it and theirs.
    public static func value(of ranges: [Range<Int>?], in text: Text) -> Value {
        func piece(_ range: Range<Int>?) -> Value { range.map { .text(text, slice: $0) } ?? .nil }
        return ranges.count == 1 ? piece(ranges[0]) : .vector(Vector(ranges.map(piece)))
    }
}
