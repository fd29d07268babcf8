extension Value {
    /// `=`: numbers by value within a category (1 = 1N, 1 ≠ 1.0), sequential collections by elements whatever their kind,
    /// maps and sets by content. Throws `.force` when a part that matters is not realised.
    public func equals(_ other: Value) throws(Fault) -> Bool {
        switch (self, other) {
        case (.nil, .nil): return true
        case (.bool(let a), .bool(let b)): return a == b
        case (.int(let a), .int(let b)): return a == b
        case (.double(let a), .double(let b)): return a == b
        case (.char(let a), .char(let b)): return a == b
        case (.keyword(let a), .keyword(let b)): return a == b
        case (.symbol(let a), .symbol(let b)): return a == b
        case (.shortText(let a), .shortText(let b)): return a == b
        case (.longText(let a), .longText(let b)):
            if _slowPath(a.byteCount > Attention.stride) { try Attention.work(a.byteCount / 64) }
            return a == b
        default: return try equalsSlowly(other)
        }
    }

    @inline(never) func equalsSlowly(_ other: Value) throws(Fault) -> Bool {
        switch (self, other) {
        case (.function(let a), .function(let b)): return a === b
        case (.native(let a), .native(let b)): return a === b
        case (.vector, _), (.list, _), (.lazy, _), (.seq, _), (.map, _), (.set, _), (.object, _), (_, .object):
            try Nesting.enter()
            defer { Nesting.leave() }
            return try DeepEquality.run(self, other)
        default: return false
        }
    }

    /// Vectors, lists and sequences: what equals any other of them with equal elements.
    var isSequential: Bool {
        switch self {
        case .vector, .list, .lazy, .seq: true
        default: false
        }
    }
}

/// Compares nested collections with a stack of its own instead of the thread's.
private struct DeepEquality {
    /// Two collections in the middle of being compared.
    private enum Frame {
        case vectors(Vector, Vector, next: Int)
        case sequences(SeqCursor, SeqCursor)
        /// The entries of the first from `next` on are to be found in the second, which has as many.
        case maps(HashMap, next: HashMap.Cursor?, HashMap)
    }

    private enum Step {
        /// Two values that must be equal.
        case pair(Value, Value)
        case end
        case differ
    }

    private var stack: [Frame] = []

    static func run(_ left: Value, _ right: Value) throws(Fault) -> Bool {
        var comparison = DeepEquality()
        guard try comparison.start(left, right) else { return false }
        while let frame = comparison.stack.popLast() {
            guard try comparison.proceed(frame) else { return false }
        }
        return true
    }

    /// Compares two values; collections of values are put on the stack. False when they differ.
    private mutating func start(_ left: Value, _ right: Value) throws(Fault) -> Bool {
        switch (left, right) {
        case (.vector(let a), .vector(let b)):
            if a === b { return true }
            guard a.count == b.count else { return false }
            stack.append(.vectors(a, b, next: 0))
            return true
        case (.map(let a), .map(let b)):
            if HashMap.areSame(a, b) { return true }
            guard a.count == b.count else { return false }
            stack.append(.maps(a, next: a.startCursor, b))
            return true
        case (.set(let a), .set(let b)):
            if a === b { return true }
            guard a.count == b.count else { return false }
            for element in a.elements {
                try Attention.step()
                guard try b.contains(element) else { return false }
            }
            return true
        case (.list(let a), .list(let b)) where a === b: return true
        case (.lazy(let a), .lazy(let b)) where a === b: return true
        case (.seq(let a), .seq(let b)) where a === b: return true
        case (.function(let a), .function(let b)): return a === b
        case (.native(let a), .native(let b)): return a === b
        case (.object(let a), .object(let b)) where a === b: return true
        case (.object(let a), _): return try a.equals(right)
        case (_, .object(let b)): return try b.equals(left)
        default:
            guard left.isSequential, right.isSequential else { return false }
            stack.append(.sequences(SeqCursor(left), SeqCursor(right)))
            return true
        }
    }

    /// Compares what is left in `frame`, up to the first pair of nested collections.
    private mutating func proceed(_ frame: Frame) throws(Fault) -> Bool {
        var frame = frame
        while true {
            try Attention.step()
            switch try DeepEquality.next(&frame) {
            case .end: return true
            case .differ: return false
            case .pair(let a, let b):
                if a.isWordOrText || b.isWordOrText {
                    guard try a.equals(b) else { return false }
                } else {
                    stack.append(frame)
                    return try start(a, b)
                }
            }
        }
    }

    private static func next(_ frame: inout Frame) throws(Fault) -> Step {
        switch frame {
        case .vectors(let a, let b, let index):
            guard index < a.count else { return .end }
            frame = .vectors(a, b, next: index + 1)
            return .pair(a[index], b[index])
        case .sequences(var a, var b):
            let (x, y) = (try a.next(), try b.next())
            frame = .sequences(a, b)
            switch (x, y) {
            case (nil, nil): return .end
            case (let x?, let y?): return .pair(x, y)
            default: return .differ
            }
        case .maps(let a, let next, let b):
            guard let cursor = next else { return .end }
            let entry = a.entry(at: cursor)
            guard let other = try b.find(entry.key) else { return .differ }
            frame = .maps(a, next: a.cursor(after: cursor), b)
            return .pair(entry.value, other)
        }
    }
}

extension Value {
    fileprivate var isWordOrText: Bool {
        switch self {
        case .nil, .bool, .int, .double, .char, .keyword, .symbol, .shortText, .longText: true
        default: false
        }
    }
}
