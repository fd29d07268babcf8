extension Value {
    /// `=`: numbers by value within a category (1 = 1N, 1 ≠ 1.0), sequential collections by elements, maps and sets by content.
    public func equals(_ other: Value) throws(Fault) -> Bool {
        switch (self, other) {
        case (.nil, .nil): return true
        case (.bool(let a), .bool(let b)): return a == b
        case (.int(let a), .int(let b)): return a == b
        case (.double(let a), .double(let b)): return a == b
        case (.char(let a), .char(let b)): return a == b
        case (.keyword(let a), .keyword(let b)): return a == b
        case (.symbol(let a), .symbol(let b)): return a == b
        case (.text(let a), .text(let b)): return a == b
        default: return try equalsSlowly(other)
        }
    }

    func equalsSlowly(_ other: Value) throws(Fault) -> Bool {
        switch (self, other) {
        case (.vector(let a), .vector(let b)):
            guard a.count == b.count else { return false }
            for index in 0..<a.count where try !a[index].equals(b[index]) { return false }
            return true
        case (.object(let a), _): return try a.equals(other)
        case (_, .object(let b)): return try b.equals(self)
        default: return false
        }
    }

    /// Consistent with `equals`.
    public func hashCode() throws(Fault) -> UInt32 { quickHash }

    /// The hash of a value that is a word.
    public var quickHash: UInt32 {
        switch self {
        case .keyword(let name): name.textHash &+ 0x9e37_79b9
        case .symbol(let name): name.textHash
        default: 0
        }
    }
}
