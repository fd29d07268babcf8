import Values

/// One line of a call stack as it is shown. The library's own functions are named, but what happens inside them is left out;
/// what repeats is counted.
struct StackLine: Equatable {
    var name: String
    /// `shop.slu:3:5`, the namespace of a function of the library, or nil.
    var place: String?
    /// Levels of the stack that it stands for.
    var levels = 1
    var isLibrary = false

    static func lines(of frames: [TraceFrame]) -> [StackLine] {
        var lines: [StackLine] = []
        var inner: StackLine?
        for frame in frames {
            // Functions of the library that call each other are one step of the script's: the one that it called, or that
            // made the lazy sequence.
            if frame.demands || !frame.isLibrary, let step = inner {
                lines.append(step)
                inner = nil
            }
            guard let line = StackLine(frame) else { continue }
            if frame.isLibrary { inner = line } else { lines.append(line) }
        }
        if let inner { lines.append(inner) }
        return repeated(joined(lines))
    }

    /// Steps of the library one after the other by the same function, as when it asks for what it made itself, are one.
    private static func joined(_ lines: [StackLine]) -> [StackLine] {
        lines.reduce(into: []) { kept, line in
            if let last = kept.last, line.isLibrary, last == line { return }
            kept.append(line)
        }
    }

    private init(name: String, place: String?, levels: Int) {
        self.name = name
        self.place = place
        self.levels = levels
    }

    /// Nil for what is no business of the script's.
    private init?(_ frame: TraceFrame) {
        guard frame.skipped == 0 else {
            self.init(name: "… \(StackLine.grouped(frame.skipped)) more", place: nil, levels: frame.skipped)
            return
        }
        if frame.isLibrary, let definition = frame.definition {
            guard !definition.isPrivate else { return nil }
            self.init(name: definition.name, place: definition.namespace, levels: 1)
            isLibrary = true
            return
        }
        self.init(name: frame.function ?? "top level", place: frame.place, levels: 1)
    }

    /// A run of this many lines that is shown once when it comes again and again.
    private static let longestCycle = 4
    /// As often a run has to come before it is counted instead of listed.
    private static let fewestRounds = 3

    /// Recursion takes a line for each function that takes part in it, and says how often.
    private static func repeated(_ lines: [StackLine]) -> [StackLine] {
        if let deep = overGap(lines) { return deep }
        var found: [StackLine] = []
        var at = 0
        while at < lines.count {
            guard let (length, rounds) = cycle(in: lines, at) else {
                found.append(lines[at])
                at += 1
                continue
            }
            found += lines[at..<at + length]
            found.append(again(length, rounds - 1))
            at += length * rounds
        }
        return found
    }

    /// A recursion so deep that levels within it were left out: what repeats before them goes on after them.
    private static func overGap(_ lines: [StackLine]) -> [StackLine]? {
        guard let gap = lines.firstIndex(where: \.isGap) else { return nil }
        for length in 1...longestCycle where gap >= length * fewestRounds {
            let cycle = Set(lines[gap - length..<gap].map { "\($0.name) \($0.place ?? "")" })
            func belongs(_ line: StackLine) -> Bool { cycle.contains("\(line.name) \(line.place ?? "")") }
            guard lines[gap - length..<gap].elementsEqual(lines[gap - 2 * length..<gap - length]) else { continue }
            var start = gap
            while start > 0, belongs(lines[start - 1]) { start -= 1 }
            var end = gap + 1
            while end < lines.count, belongs(lines[end]) { end += 1 }
            let levels = lines[start..<end].reduce(0) { $0 + $1.levels }
            return repeated(Array(lines[..<start])) + lines[start..<start + length]
                + [again(length, levels / length - 1)] + repeated(Array(lines[end...]))
        }
        return nil
    }

    private var isGap: Bool { place == nil && name.hasPrefix("… ") }

    private static func again(_ length: Int, _ times: Int) -> StackLine {
        let count = grouped(times)
        return StackLine(
            name: length == 1 ? "… \(count) times more" : "… these \(length), \(count) times more", place: nil,
            levels: length * times)
    }

    /// `99,956`.
    private static func grouped(_ number: Int) -> String {
        var text = ""
        for (index, digit) in String(number).reversed().enumerated() {
            if index > 0, index % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return String(text.reversed())
    }

    /// The shortest run from `start` on that repeats often enough, and how often it does.
    private static func cycle(in lines: [StackLine], _ start: Int) -> (length: Int, rounds: Int)? {
        for length in 1...longestCycle {
            var rounds = 1
            while start + (rounds + 1) * length <= lines.count,
                lines[start..<start + length] == lines[start + rounds * length..<start + (rounds + 1) * length]
            {
                rounds += 1
            }
            if rounds >= fewestRounds { return (length, rounds) }
        }
        return nil
    }
}
