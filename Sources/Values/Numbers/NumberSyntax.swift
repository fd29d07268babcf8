// Numbers from text: the reader's literals, and the parsing functions of scripts.
extension Numbers {
    /// What a token that starts as a number is.
    public enum Literal {
        case number(Value)
        /// The class and message Clojure would report with.
        case invalid(ExceptionClass, String)
    }

    /// Reads a whole token as a number literal: `12`, `-7`, `+3`, `0x1F`, `017`, `2r101`, `36rZZ`, `1N`, `1.5`, `1e3`, `1.5M`,
    /// `3/4`. The token starts with a digit, or a sign and a digit.
    public static func parse(_ token: UnsafeBufferPointer<UInt8>) -> Literal {
        var digits = token
        let isNegative = digits.first == UInt8(ascii: "-")
        if isNegative || digits.first == UInt8(ascii: "+") {
            digits = UnsafeBufferPointer(rebasing: digits.dropFirst())
        }
        let literal =
            smallInteger(digits, isNegative).map { Literal.number(.int($0)) }
            ?? integerLiteral(digits, isNegative)
            ?? ratioLiteral(digits, isNegative)
            ?? floatLiteral(token, digits)
        return literal ?? invalid(token)
    }

    private static func invalid(_ token: UnsafeBufferPointer<UInt8>) -> Literal {
        let shown = String(decoding: token.prefix(40), as: UTF8.self) + (token.count > 40 ? "…" : "")
        return .invalid(.numberFormat, "Invalid number: \(shown)")
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    /// The common case: up to 18 decimal digits, no leading zero.
    private static func smallInteger(_ digits: UnsafeBufferPointer<UInt8>, _ isNegative: Bool) -> Int64? {
        guard (1...18).contains(digits.count), digits[0] != 0x30 || digits.count == 1 else { return nil }
        var value: Int64 = 0
        for byte in digits {
            guard isDigit(byte) else { return nil }
            value = value &* 10 &+ Int64(byte &- 0x30)
        }
        return isNegative ? 0 &- value : value
    }

    /// Decimal, `0x…`, `0…` and `…r…`; all but the last with an optional `N`.
    private static func integerLiteral(_ token: UnsafeBufferPointer<UInt8>, _ isNegative: Bool) -> Literal? {
        if let mark = token.prefix(3).firstIndex(where: { $0 == UInt8(ascii: "r") || $0 == UInt8(ascii: "R") }) {
            return radixLiteral(token, mark, isNegative)
        }
        let hexadecimal = token.count > 2 && token[0] == 0x30 && token[1] | 0x20 == UInt8(ascii: "x")
        let isBig = token.last == UInt8(ascii: "N")
        var digits = isBig ? UnsafeBufferPointer(rebasing: token.dropLast()) : token
        var radix = 10
        if hexadecimal {
            (digits, radix) = (UnsafeBufferPointer(rebasing: digits.dropFirst(2)), 16)
        } else if digits.count > 1, digits[0] == 0x30 {
            (digits, radix) = (UnsafeBufferPointer(rebasing: digits.dropFirst()), 8)
        }
        guard let value = BigInt(digits: digits, radix: radix, isNegative: isNegative) else { return nil }
        return .number(isBig ? .object(BigInteger(value)) : integer(value))
    }

    private static func radixLiteral(_ token: UnsafeBufferPointer<UInt8>, _ mark: Int, _ isNegative: Bool) -> Literal? {
        guard mark > 0, token[0] != 0x30, token[..<mark].allSatisfy(isDigit), token.count > mark + 1 else { return nil }
        let radix = token[..<mark].reduce(0) { $0 * 10 + Int($1 - 0x30) }
        guard (2...36).contains(radix) else {
            return .invalid(.numberFormat, "Radix out of range: \(radix) is not between 2 and 36")
        }
        let digits = UnsafeBufferPointer(rebasing: token[(mark + 1)...])
        return BigInt(digits: digits, radix: radix, isNegative: isNegative).map { .number(integer($0)) }
    }

    private static func ratioLiteral(_ token: UnsafeBufferPointer<UInt8>, _ isNegative: Bool) -> Literal? {
        guard let slash = token.firstIndex(of: UInt8(ascii: "/")) else { return nil }
        guard let top = BigInt(digits: UnsafeBufferPointer(rebasing: token[..<slash]), isNegative: isNegative),
            let bottom = BigInt(digits: UnsafeBufferPointer(rebasing: token[(slash + 1)...]))
        else { return nil }
        guard !bottom.isZero else { return .invalid(.arithmetic, "divide by zero") }
        let divisor = top.greatestCommonDivisor(bottom)
        guard let reduced = try? lowest(top.divided(by: divisor).quotient, bottom.divided(by: divisor).quotient)
        else { return nil }
        // A ratio that comes out even is a plain integer here, unlike in arithmetic.
        if case .big(let whole)? = Operand(reduced) { return .number(integer(whole)) }
        return .number(reduced)
    }

    private static func floatLiteral(
        _ token: UnsafeBufferPointer<UInt8>, _ digits: UnsafeBufferPointer<UInt8>
    ) -> Literal? {
        let isDecimal = token.last == UInt8(ascii: "M")
        let body = isDecimal ? UnsafeBufferPointer(rebasing: token.dropLast()) : token
        guard digits.first.map(isDigit) == true, let shape = FloatShape(body) else { return nil }
        if isDecimal { return shape.decimal.map { .number(.object($0)) } }
        // What is neither integer nor float is an octal with a digit too large, or an integer too long.
        return shape.isInteger ? nil : Double(shape.normalized).map { .number(.double($0)) }
    }

    /// The parts of `-12.34e5`: digits with an optional point and exponent; nil when it is anything else.
    private struct FloatShape {
        private var isNegative = false
        /// Before and after the point.
        private var whole: Slice<UnsafeBufferPointer<UInt8>>
        private var fraction: Slice<UnsafeBufferPointer<UInt8>>
        /// Beyond any range it stays just outside.
        private var exponent = 0
        /// Neither point nor exponent.
        private(set) var isInteger = true

        init?(_ text: UnsafeBufferPointer<UInt8>) {
            var rest = text[...]
            func isSign(_ byte: UInt8?) -> Bool { byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+") }
            isNegative = rest.first == UInt8(ascii: "-")
            if isSign(rest.first) { rest = rest.dropFirst() }
            whole = rest.prefix(while: Numbers.isDigit)
            rest = rest[whole.endIndex...]
            fraction = rest.prefix(0)
            if rest.first == UInt8(ascii: ".") {
                isInteger = false
                fraction = rest.dropFirst().prefix(while: Numbers.isDigit)
                rest = rest[fraction.endIndex...]
            }
            guard !whole.isEmpty || !fraction.isEmpty else { return nil }
            guard let mark = rest.first else { return }
            guard mark | 0x20 == UInt8(ascii: "e") else { return nil }
            isInteger = false
            rest = rest.dropFirst()
            let negativeExponent = rest.first == UInt8(ascii: "-")
            if isSign(rest.first) { rest = rest.dropFirst() }
            guard !rest.isEmpty, rest.allSatisfy(Numbers.isDigit) else { return nil }
            for byte in rest { exponent = min(exponent * 10 + Int(byte - 0x30), 10_000_000_000) }
            if negativeExponent { exponent = -exponent }
        }

        /// In a form that every float parser takes.
        var normalized: String {
            let zero = "0"
            return (isNegative ? "-" : "") + (whole.isEmpty ? zero : String(decoding: whole, as: UTF8.self)) + "."
                + (fraction.isEmpty ? zero : String(decoding: fraction, as: UTF8.self)) + "e\(exponent)"
        }

        /// Nil when the exponent is out of range or there are too many digits.
        var decimal: Decimal? {
            let digits = Array(whole) + Array(fraction)
            let scale = fraction.count - exponent
            guard Decimal.scales.contains(scale),
                let unscaled = digits.withUnsafeBufferPointer({ BigInt(digits: $0, isNegative: isNegative) })
            else { return nil }
            return Decimal(unscaled, scale: scale)
        }
    }

    static func decimalText(_ text: Text) -> Decimal? { text.withUTF8 { FloatShape($0)?.decimal } }

    /// `(parse-long s)`: decimal digits with an optional sign; nil for anything else, and beyond 64 bits.
    public static func parseLong(_ text: Text, radix: Int = 10) -> Int64? {
        var digits = text.buffer
        let isNegative = digits.first == UInt8(ascii: "-")
        if isNegative || digits.first == UInt8(ascii: "+") {
            digits = UnsafeBufferPointer(rebasing: digits.dropFirst())
        }
        // What has more significant digits than there are bits need not be read.
        guard digits.drop(while: { $0 == UInt8(ascii: "0") }).count <= 64 else { return nil }
        return BigInt(digits: digits, radix: radix, isNegative: isNegative)?.int64
    }

    /// `(parse-double s)`: what Java takes — white space around, a sign, digits with point and exponent, `NaN`, `Infinity`,
    /// hexadecimal with `p`, a suffix `d` or `f`; nil for anything else.
    public static func parseDouble(_ text: Text) -> Double? {
        let trimmed = text.trimmed { $0 <= 0x20 }
        let isNegative = trimmed.utf8.first == UInt8(ascii: "-")
        let signed = isNegative || trimmed.utf8.first == UInt8(ascii: "+")
        let unsigned = signed ? trimmed.slice(1..<trimmed.byteCount) : trimmed
        switch unsigned.string {
        case "NaN": return .nan
        case "Infinity": return isNegative ? -.infinity : .infinity
        default: break
        }
        var body = unsigned
        if let last = body.utf8.last, [0x64, 0x44, 0x66, 0x46].contains(last) {
            body = body.slice(0..<body.byteCount - 1)
        }
        let magnitude: Double?
        if body.byteCount > 2, body.utf8[0] == 0x30, body.utf8[1] | 0x20 == UInt8(ascii: "x") {
            // A trailing d or f is a digit unless an exponent stands before it.
            let lower = body.lowercased().string
            magnitude = lower.contains("p") ? Double(lower) : nil
        } else {
            guard body.utf8.first.map({ isDigit($0) || $0 == UInt8(ascii: ".") }) == true else { return nil }
            magnitude = body.withUTF8 { FloatShape($0).flatMap { Double($0.normalized) } }
        }
        return magnitude.map { isNegative ? -$0 : $0 }
    }
}
