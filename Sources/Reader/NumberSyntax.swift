import Values

/// A number as written, before it is a value.
struct NumberLiteral {
    enum Kind: Equatable {
        /// `big`: an `N` asked for arbitrary precision.
        case integer(radix: Int, big: Bool)
        case ratio
        case decimal
        case double
    }

    var kind: Kind
    var isNegative: Bool
    /// The digits: without sign, radix prefix and suffix. A ratio's, decimal's or double's are all that follows the sign,
    /// without `M`.
    var digits: ArraySlice<UInt8>

    /// What Clojure's patterns for integers, ratios and floats accept, and nothing else.
    init?(_ token: [UInt8]) {
        var rest = token[...]
        isNegative = rest.first == UInt8(ascii: "-")
        if isNegative || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
        guard let first = rest.first, first.isDecimalDigit else { return nil }
        if let (kind, digits) = NumberLiteral.integer(rest) {
            self.kind = kind
            self.digits = digits
            return
        }
        // `08` looks like an octal number and is none; `08/1`, `08.0` and `08M` are decimal.
        if rest.allSatisfy({ $0.isDecimalDigit || $0 == UInt8(ascii: "N") }) { return nil }
        if let slash = rest.firstIndex(of: UInt8(ascii: "/")) {
            guard slash + 1 < rest.endIndex, rest[..<slash].allSatisfy(\.isDecimalDigit),
                rest[(slash + 1)...].allSatisfy(\.isDecimalDigit)
            else { return nil }
            kind = .ratio
            digits = rest
            return
        }
        let isDecimal = rest.last == UInt8(ascii: "M")
        if isDecimal { rest.removeLast() }
        guard NumberLiteral.isFloat(rest) else { return nil }
        kind = isDecimal ? .decimal : .double
        digits = rest
    }

    private static func integer(_ written: ArraySlice<UInt8>) -> (Kind, ArraySlice<UInt8>)? {
        let start = written.startIndex
        if written.count > 2, written[start] == 0x30, written[start + 1] | 0x20 == UInt8(ascii: "x") {
            var digits = written[(start + 2)...]
            let big = digits.last == UInt8(ascii: "N")
            if big { digits.removeLast() }
            return !digits.isEmpty && digits.allSatisfy { $0.digitValue < 16 }
                ? (.integer(radix: 16, big: big), digits) : nil
        }
        if written[start] != 0x30, let mark = written.prefix(3).firstIndex(where: { $0 | 0x20 == UInt8(ascii: "r") }),
            written[..<mark].allSatisfy(\.isDecimalDigit)
        {
            let radix = written[..<mark].reduce(0) { $0 * 10 + Int($1 - 0x30) }
            let digits = written[(mark + 1)...]
            return !digits.isEmpty && digits.allSatisfy { $0.digitValue < 36 }
                ? (.integer(radix: radix, big: false), digits) : nil
        }
        var digits = written
        let big = digits.last == UInt8(ascii: "N")
        if big { digits.removeLast() }
        guard !digits.isEmpty, digits.allSatisfy(\.isDecimalDigit) else { return nil }
        guard digits.count > 1, digits[start] == 0x30 else { return (.integer(radix: 10, big: big), digits) }
        return digits.allSatisfy { $0 < 0x38 } ? (.integer(radix: 8, big: big), digits.dropFirst()) : nil
    }

    /// `digits [. digits*] [e [sign] digits]`
    static func isFloat(_ written: ArraySlice<UInt8>) -> Bool {
        var rest = written.drop(while: \.isDecimalDigit)
        guard rest.startIndex > written.startIndex else { return false }
        if rest.first == UInt8(ascii: ".") { rest = rest.dropFirst().drop(while: \.isDecimalDigit) }
        guard let exponent = rest.first else { return true }
        guard exponent | 0x20 == UInt8(ascii: "e") else { return false }
        rest = rest.dropFirst()
        if rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
        return !rest.isEmpty && rest.allSatisfy(\.isDecimalDigit)
    }
}

extension UInt8 {
    var isDecimalDigit: Bool { self &- 0x30 < 10 }

    /// The value as a digit of some radix up to 36; 255 when it is none.
    var digitValue: UInt8 {
        switch self {
        case 0x30...0x39: self - 0x30
        case 0x41...0x5a: self - 0x41 + 10
        case 0x61...0x7a: self - 0x61 + 10
        default: 255
        }
    }
}

/// Why a well-formed number has no value.
enum NumberProblem: Error {
    case radix(Int)
    case digit(UInt8, radix: Int)
    case zeroDenominator
    case fault(Fault)
}

extension NumberLiteral {
    /// The value.
    func value() throws(NumberProblem) -> Value {
        switch kind {
        case .integer(let radix, let big):
            guard (2...36).contains(radix) else { throw .radix(radix) }
            if let bad = digits.first(where: { $0.digitValue >= radix }) { throw .digit(bad, radix: radix) }
            if !big, let small = smallInteger(radix) { return .int(small) }
            return try largeValue()
        case .ratio:
            let slash = digits.firstIndex(of: UInt8(ascii: "/"))!
            guard digits[(slash + 1)...].contains(where: { $0 != 0x30 }) else { throw .zeroDenominator }
            return try largeValue()
        case .decimal: return try largeValue()
        case .double:
            // The standard library's parser does not look at the locale.
            let magnitude = Double(String(decoding: normalizedFloat, as: UTF8.self)) ?? .nan
            return .double(isNegative ? -magnitude : magnitude)
        }
    }

    /// `1.` and `1.e5` are no numbers to Swift: the point goes.
    private var normalizedFloat: [UInt8] {
        guard let point = digits.firstIndex(of: UInt8(ascii: ".")) else { return Array(digits) }
        let isBare = point + 1 == digits.endIndex || !digits[point + 1].isDecimalDigit
        return isBare ? Array(digits[..<point]) + Array(digits[(point + 1)...]) : Array(digits)
    }

    private func smallInteger(_ radix: Int) -> Int64? {
        var number: Int64 = 0
        for digit in digits {
            let (shifted, overflow) = number.multipliedReportingOverflow(by: Int64(radix))
            // Downwards, because the least integer has no positive counterpart.
            let (next, overflows) = shifted.subtractingReportingOverflow(Int64(digit.digitValue))
            guard !overflow, !overflows else { return nil }
            number = next
        }
        return isNegative ? number : (number == .min ? nil : -number)
    }

    /// The numbers that are objects. The one place that knows how those are made.
    private func largeValue() throws(NumberProblem) -> Value {
        .object(WrittenNumber(isNegative: isNegative, kind: kind, digits: Array(digits)))
    }
}

/// Stands for an integer beyond 64 bits, a ratio or a decimal until those exist.
final class WrittenNumber: Object, @unchecked Sendable {
    // Sendable: immutable.
    let isNegative: Bool
    let type: NumberLiteral.Kind
    let digits: [UInt8]

    init(isNegative: Bool, kind: NumberLiteral.Kind, digits: [UInt8]) {
        self.isNegative = isNegative
        type = kind
        self.digits = digits
    }
}

extension Reader {
    mutating func readNumber() throws(SyntaxError) -> Value {
        if let quick = readQuickNumber() { return quick }
        let start = position
        scanNumber()
        let span = Span(start, position)
        guard let literal = NumberLiteral(Array(bytes(start, position))) else { throw numberFailure(span) }
        do { return try literal.value() } catch { throw numberFailure(span, error) }
    }

    /// Moves to the end of the number: the next white space or bracket, or other macro character.
    private mutating func scanNumber() {
        let stops: ByteClass = [.space, .macro]
        while classes[Int(base[position])].isDisjoint(with: stops) {
            if base[position] >= 0x80 {
                if isWideSpace(scalar(at: position)) { return }
                position += Text.width(base[position])
            } else {
                position += 1
            }
        }
    }

    /// Plain decimal integers and fractions of up to 18 digits, whose value needs no rounding; nil for all else.
    @inline(__always) private mutating func readQuickNumber() -> Value? {
        var at = position
        let isNegative = base[at] == 0x2d
        if isNegative || base[at] == 0x2b { at &+= 1 }
        let first = at
        var mantissa: Int64 = 0
        while base[at] &- 0x30 < 10, at &- first < 18 {
            mantissa = mantissa &* 10 &+ Int64(base[at] &- 0x30)
            at &+= 1
        }
        let stops: ByteClass = [.space, .macro]
        if !classes[Int(base[at])].isDisjoint(with: stops) {
            guard base[first] != 0x30 || at == first + 1 else { return nil }
            position = at
            return .int(isNegative ? -mantissa : mantissa)
        }
        guard base[at] == 0x2e else { return nil }
        at &+= 1
        let point = at
        while base[at] &- 0x30 < 10, at &- first < 18 {
            mantissa = mantissa &* 10 &+ Int64(base[at] &- 0x30)
            at &+= 1
        }
        // Both operands are exact below 2^53 and up to 10^22, so the one division rounds correctly.
        guard !classes[Int(base[at])].isDisjoint(with: stops), mantissa < 1 << 53 else { return nil }
        position = at
        let magnitude = Double(mantissa) / Reader.powersOfTen[at - point]
        return .double(isNegative ? -magnitude : magnitude)
    }

    private static let powersOfTen: [Double] = [
        1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    ]
}
