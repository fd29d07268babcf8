import Values

/// What the value of a key may be when it is no collection of further keys: one set for the engine's tables and for those of
/// declarations, with one wording.
package enum PlainShape: Sendable {
    /// Any data.
    case data
    case whole(ClosedRange<Int64>)
    /// A number of at least this.
    case number(min: Double)
    /// A whole number of milliseconds, or nil; nil and what is not positive mean none.
    case milliseconds
    case flag
    case text
    case oneOf([KnownName])
    /// A vector, list or set of any data; one that is none of these stands for a collection of itself.
    case many

    /// How a value does not fit.
    package enum Mismatch: Sendable { case type, range, choice }

    /// Nil when the value fits.
    package func mismatch(_ value: Value) -> Mismatch? {
        switch self {
        case .data, .many: return nil
        case .whole(let range):
            guard let number = value.intValue else { return .type }
            return range.contains(number) ? nil : .range
        case .number(let least):
            guard let number = value.number else { return .type }
            return number >= least && number.isFinite ? nil : .range
        case .milliseconds: return value.intValue == nil ? .type : nil
        case .flag: if case .bool = value { return nil } else { return .type }
        case .text: return value.isText ? nil : .type
        case .oneOf(let names):
            guard case .keyword(let name) = value else { return .type }
            return name.known.map(names.contains) ?? false ? nil : .choice
        }
    }

    /// What it must be, with its article, for messages and the reference.
    package var expected: String {
        switch self {
        case .data: "any data"
        case .whole(let range):
            range.upperBound == Int64.max
                ? "a whole number of at least \(range.lowerBound)"
                : "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .number(let least):
            "a number of at least \(least == least.rounded() ? String(Int64(least)) : String(least))"
        case .milliseconds: "a whole number of milliseconds, or nil for none"
        case .flag: "true or false"
        case .text: "a string"
        case .oneOf(let names): PlainShape.choices(names.map { ":\($0.rawValue)" })
        case .many: "a vector"
        }
    }

    /// `:a, :b or :c`.
    package static func choices(_ names: [String]) -> String {
        guard names.count > 1, let last = names.last else { return names.first ?? "" }
        return "\(names.dropLast().joined(separator: ", ")) or \(last)"
    }
}

/// A set of shapes that has the plain ones among it, so that its tables may say `.flag` or `.whole(0...9)`.
package protocol PlainShaped {
    static func plain(_ shape: PlainShape) -> Self
}

extension PlainShaped {
    package static var data: Self { .plain(.data) }
    package static func whole(_ range: ClosedRange<Int64>) -> Self { .plain(.whole(range)) }
    package static func number(min least: Double) -> Self { .plain(.number(min: least)) }
    package static var milliseconds: Self { .plain(.milliseconds) }
    package static var flag: Self { .plain(.flag) }
    package static var text: Self { .plain(.text) }
    package static func oneOf(_ names: [KnownName]) -> Self { .plain(.oneOf(names)) }
    package static var many: Self { .plain(.many) }
}
