// From one kind of number to another.
extension Numbers {
    /// `(long x)`: towards zero; the code point of a character.
    public static func long(_ value: Value) throws(Fault) -> Int64 { try integer(value, "long", Int64.min...Int64.max) }

    /// `(int x)`: as `long`, within 32 bits.
    public static func int(_ value: Value) throws(Fault) -> Int64 {
        try integer(value, "int", Int64(Int32.min)...Int64(Int32.max))
    }

    public static func short(_ value: Value) throws(Fault) -> Int64 {
        try integer(value, "short", Int64(Int16.min)...Int64(Int16.max))
    }

    public static func byte(_ value: Value) throws(Fault) -> Int64 {
        try integer(value, "byte", Int64(Int8.min)...Int64(Int8.max))
    }

    private static func integer(_ value: Value, _ kind: String, _ range: ClosedRange<Int64>) throws(Fault) -> Int64 {
        if case .char(let scalar) = value { return try within(Int64(scalar), value, kind, range) }
        switch try Operand(value, kind) {
        case .int(let int): return try within(int, value, kind, range)
        case .big(let big): return try within(big.int64, value, kind, range)
        case .ratio(let ratio):
            return try within(ratio.numerator.divided(by: ratio.denominator).quotient.int64, value, kind, range)
        case .decimal(let decimal): return try within(decimal.truncated().int64, value, kind, range)
        case .double(let double):
            // NaN gives 0, as on the Java machine; for the narrow kinds what is cut off must be in range too.
            if double.isNaN { return 0 }
            guard range.upperBound == .max || (double >= Double(range.lowerBound) && double <= Double(range.upperBound))
            else {
                return try within(nil, value, kind, range)
            }
            // The double nearest to the last integer is one more, and counts as it.
            if double == Double(Int64.max) { return try within(.max, value, kind, range) }
            return try within(Int64(exactly: double.rounded(.towardZero)), value, kind, range)
        }
    }

    private static func within(
        _ int: Int64?, _ value: Value, _ kind: String, _ range: ClosedRange<Int64>
    ) throws(Fault) -> Int64 {
        guard let int, range.contains(int) else {
            throw .illegalArgument("value out of range for \(kind): \(value.briefly)")
        }
        return int
    }

    /// `(unchecked-long x)`: the low 64 bits; of a double beyond them the last that fits.
    public static func wrapped(_ value: Value) throws(Fault) -> Int64 {
        switch try Operand(value, "unchecked-long") {
        case .int(let int): return int
        case .big(let big): return big.low64
        case .ratio(let ratio): return ratio.numerator.divided(by: ratio.denominator).quotient.low64
        case .decimal(let decimal): return try decimal.truncated().low64
        case .double(let double):
            if double.isNaN { return 0 }
            return Int64(exactly: double.rounded(.towardZero)) ?? (double < 0 ? .min : .max)
        }
    }

    /// `(double x)`: the nearest.
    public static func double(_ value: Value) throws(Fault) -> Double { try Operand(value, "double").double }

    /// `(float x)`: the nearest of single precision.
    public static func float(_ value: Value) throws(Fault) -> Value {
        let double = try Operand(value, "float").double
        guard double.isNaN || double.magnitude <= Double(Float.greatestFiniteMagnitude) else {
            throw .illegalArgument("value out of range for float: \(value.briefly)")
        }
        return .object(Single(Float(double)))
    }

    /// `(unchecked-float x)`: as `float`, but infinite beyond the range.
    public static func uncheckedFloat(_ value: Value) throws(Fault) -> Value {
        .object(Single(Float(try Operand(value, "unchecked-float").double)))
    }

    /// `(bigint x)`: towards zero; a double by its shortest digits; a text is parsed.
    public static func bigint(_ value: Value) throws(Fault) -> Value {
        if let text = value.textValue {
            try Attention.work(0)
            guard let parsed = integerText(text) else { throw notANumber(value) }
            return .object(BigInteger(parsed))
        }
        switch try Operand(value, "bigint") {
        case .int(let int): return .object(BigInteger(BigInt(int)))
        case .big: return value
        case .ratio(let ratio): return .object(BigInteger(ratio.numerator.divided(by: ratio.denominator).quotient))
        case .decimal(let decimal): return .object(BigInteger(try decimal.truncated()))
        case .double(let double):
            guard double.isFinite else { throw notFinite(value) }
            return .object(BigInteger(try Decimal(double).truncated()))
        }
    }

    /// `(bigdec x)`: exact, or an error when the digits of a ratio never end; a double by its shortest digits; a text is
    /// parsed.
    public static func bigdec(_ value: Value) throws(Fault) -> Value {
        if let text = value.textValue {
            try Attention.work(0)
            guard let parsed = decimalText(text) else { throw notANumber(value) }
            return .object(parsed)
        }
        let operand = try Operand(value, "bigdec")
        if case .decimal = operand { return value }
        if case .double(let double) = operand, !double.isFinite { throw notFinite(value) }
        return .object(try operand.decimal())
    }

    /// `(rationalize x)`: a double by its shortest digits, so that 0.1 gives 1/10.
    public static func rationalize(_ value: Value) throws(Fault) -> Value {
        if value.isNil { return .nil }
        let decimal: Decimal
        switch try Operand(value, "rationalize") {
        case .int, .big, .ratio: return value
        case .decimal(let found): decimal = found
        case .double(let double):
            guard double.isFinite else { throw notFinite(value) }
            decimal = Decimal(double)
        }
        let (numerator, denominator) = try decimal.fraction()
        return try ratio(numerator, denominator)
    }

    public static func numerator(_ value: Value) throws(Fault) -> Value {
        guard case .ratio(let ratio)? = Operand(value) else {
            throw .type("numerator", expected: "a ratio", found: value)
        }
        return integer(ratio.numerator)
    }

    public static func denominator(_ value: Value) throws(Fault) -> Value {
        guard case .ratio(let ratio)? = Operand(value) else {
            throw .type("denominator", expected: "a ratio", found: value)
        }
        return integer(ratio.denominator)
    }

    private static func notFinite(_ value: Value) -> Fault {
        .of(.numberFormat, "\(value.briefly) has no exact value")
    }

    private static func notANumber(_ value: Value) -> Fault {
        .of(.numberFormat, "expected the digits of a number, but found \(value.briefly)")
    }

    private static func integerText(_ text: Text) -> BigInt? {
        var digits = text.buffer
        let isNegative = digits.first == UInt8(ascii: "-")
        if isNegative || digits.first == UInt8(ascii: "+") {
            digits = UnsafeBufferPointer(rebasing: digits.dropFirst())
        }
        return BigInt(digits: digits, isNegative: isNegative)
    }

    /// The integers of any size as Swift values, for codecs: decimal digits with an optional minus sign.
    package static func integerDigits(_ value: Value) -> [UInt8]? {
        switch Operand(value) {
        case .int(let int)?: Array(String(int).utf8)
        case .big(let big)?: big.text()
        default: nil
        }
    }
}
