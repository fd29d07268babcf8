/// A decimal number: an integer × 10^-scale; prints `1.5M`. Trailing zeros are kept, and do not matter to `=`.
public final class Decimal: Object, @unchecked Sendable {
    // Sendable: immutable.
    package let unscaled: BigInt
    /// Digits after the point; negative for zeros before it.
    package let scale: Int

    /// Scales are 32 bits wide.
    static let scales = Int(Int32.min)...Int(Int32.max)

    package init(_ unscaled: BigInt, scale: Int) {
        self.unscaled = unscaled
        self.scale = scale
        super.init()
        Meter.charge(56 + unscaled.magnitude.count * 8)
    }

    deinit { Meter.credit(56 + unscaled.magnitude.count * 8) }

    public override var kind: ObjectKind { .decimal }

    public override func equals(_ other: Value) throws(Fault) -> Bool {
        guard case .object(let object) = other, let other = object as? Decimal else { return false }
        try Attention.work(0)
        return compare(other) == 0
    }

    /// The same for equal numbers, whatever their zeros.
    public override func hashCode() throws(Fault) -> UInt32 {
        try Attention.work(0)
        let plain = stripped(to: Decimal.scales.lowerBound)
        return Hashing.int(Int64(plain.unscaled.hash) << 32 ^ Int64(plain.unscaled.isZero ? 0 : plain.scale))
    }

    public override func write(to printer: inout Printer) throws(Fault) {
        try writeText(to: &printer)
        printer.write("M")
    }

    /// Plain unless the scale is negative or there are more than five zeros after the point; then `1.2E+11`, as Java does.
    public override func writeText(to printer: inout Printer) throws(Fault) {
        let point = UInt8(ascii: ".")
        let zero = UInt8(ascii: "0")
        try Attention.work(0)
        let digits = unscaled.absolute.text()
        if unscaled.isNegative { printer.write("-") }
        let adjusted = digits.count - 1 - scale
        if scale == 0 {
            printer.bytes.append(contentsOf: digits)
        } else if scale > 0, adjusted >= -6 {
            if digits.count > scale {
                printer.bytes.append(contentsOf: digits.dropLast(scale))
                printer.bytes.append(point)
                printer.bytes.append(contentsOf: digits.suffix(scale))
            } else {
                printer.bytes.append(contentsOf: [zero, point])
                printer.bytes.append(contentsOf: repeatElement(zero, count: scale - digits.count))
                printer.bytes.append(contentsOf: digits)
            }
        } else {
            printer.bytes.append(digits[0])
            if digits.count > 1 {
                printer.bytes.append(point)
                printer.bytes.append(contentsOf: digits.dropFirst())
            }
            if adjusted != 0 { printer.write("E\(adjusted > 0 ? "+" : "")\(adjusted)") }
        }
    }
}

extension Decimal {
    /// From a finite double, digit by digit as it prints: 0.1 gives 0.1M, 1.0E10 gives 1.0E+10M.
    convenience init(_ value: Double) {
        let shortest = Numbers.ShortestDigits(value)
        let unscaled = shortest.digits.withUnsafeBufferPointer { BigInt(digits: $0, isNegative: shortest.negative) }
        let scale = shortest.digits.count - shortest.exponent
        // Where the printed form has a zero after the point, so has the decimal.
        let printed = (-2...7).contains(shortest.exponent) ? max(1, scale) : max(scale, 2 - shortest.exponent)
        self.init((unscaled ?? .zero) * .powerOfTen(unscaled == nil ? 0 : printed - scale), scale: printed)
    }

    /// `unscaled` as it would be with a scale larger by `places`.
    private func lifted(_ places: Int) throws(Fault) -> BigInt {
        guard places > 0, !unscaled.isZero else { return unscaled }
        try Numbers.checkWidth(unscaled.bitWidth + places * 3322 / 1000)
        return unscaled * .powerOfTen(places)
    }

    private static func make(_ unscaled: BigInt, scale: Int) throws(Fault) -> Decimal {
        guard scales.contains(scale) else { throw .arithmetic("the exponent of a decimal number is out of range") }
        try Numbers.checkWidth(unscaled.bitWidth)
        return Decimal(unscaled, scale: scale)
    }

    func plus(_ other: Decimal) throws(Fault) -> Decimal {
        let scale = max(scale, other.scale)
        return try .make(lifted(scale - self.scale) + other.lifted(scale - other.scale), scale: scale)
    }

    var negated: Decimal { Decimal(unscaled.negated, scale: scale) }

    func times(_ other: Decimal) throws(Fault) -> Decimal {
        try Numbers.checkWidth(unscaled.bitWidth + other.unscaled.bitWidth)
        return try .make(unscaled * other.unscaled, scale: scale + other.scale)
    }

    /// Exactly; the scale is as near to the difference of both as the digits allow.
    func divided(by other: Decimal) throws(Fault) -> Decimal {
        guard !other.unscaled.isZero else { throw Numbers.divisionByZero }
        let preferred = scale - other.scale
        if unscaled.isZero {
            return Decimal(.zero, scale: Swift.min(Swift.max(preferred, Int(Int32.min)), Int(Int32.max)))
        }
        return try .quotient(unscaled, other.unscaled, preferredScale: preferred)
    }

    /// (`numerator` ÷ `denominator`) × 10^-`preferredScale` with the fewest further digits, or an error when they never end.
    static func quotient(_ numerator: BigInt, _ denominator: BigInt, preferredScale: Int) throws(Fault) -> Decimal {
        let divisor = try Numbers.commonDivisor(numerator, denominator)
        var rest = denominator.divided(by: divisor).quotient.absolute
        // Only tenths' prime factors may be left: k digits take k twos and k fives.
        let twos = Limbs.trailingZeroBits(rest.magnitude)
        rest = rest.shiftedRight(twos)
        let fives: Int
        (rest, fives) = rest.removing(factor: BigInt(5))
        guard rest.isOne else {
            throw .of(
                .arithmetic, "the decimal expansion of the quotient does not end",
                hint: "divide ratios or doubles, or round first")
        }
        let digits = Swift.max(twos, fives)
        try Numbers.checkWidth(numerator.bitWidth + digits * 3322 / 1000)
        let reduced = numerator.divided(by: divisor).quotient
        let factor = BigInt(5).power(digits - fives).shiftedLeft(digits - twos)
        let unscaled = reduced * factor
        return try .make(denominator.isNegative ? unscaled.negated : unscaled, scale: preferredScale + digits)
    }

    /// The quotient's integer part, towards zero.
    func integralQuotient(_ other: Decimal) throws(Fault) -> Decimal {
        guard !other.unscaled.isZero else { throw Numbers.divisionByZero }
        let preferred = scale - other.scale
        if unscaled.isZero || absolute.compare(other.absolute) < 0 { return try .make(.zero, scale: preferred) }
        let quotient = try lifted(-preferred).divided(by: other.lifted(preferred)).quotient
        let whole = Decimal(quotient, scale: 0)
        return preferred < 0 ? whole.stripped(to: preferred) : try .make(whole.lifted(preferred), scale: preferred)
    }

    func remainder(_ other: Decimal) throws(Fault) -> Decimal {
        try plus(integralQuotient(other).times(other).negated)
    }

    var absolute: Decimal { unscaled.isNegative ? negated : self }

    /// Negative, zero or positive. Never expands an exponent that decides by itself.
    func compare(_ other: Decimal) -> Int {
        let sign = unscaled.signum
        guard sign == other.unscaled.signum, sign != 0 else { return sign - other.unscaled.signum }
        if scale == other.scale { return unscaled.compare(other.unscaled) }
        let (mine, theirs) = (exponentBounds, other.exponentBounds)
        if mine.upperBound < theirs.lowerBound { return -sign }
        if theirs.upperBound < mine.lowerBound { return sign }
        // The exponents agree within a digit, so that the scales differ by no more than the digits do.
        let scale = Swift.max(scale, other.scale)
        return (unscaled * .powerOfTen(scale - self.scale)).compare(other.unscaled * .powerOfTen(scale - other.scale))
    }

    /// Between which powers of ten the magnitude lies, from its bits.
    private var exponentBounds: ClosedRange<Int> {
        let bits = unscaled.bitWidth
        // log₁₀ 2 lies between these fractions.
        return (bits - 1) * 30102 / 100_000 - 1 - scale...bits * 30103 / 100_000 + 1 - scale
    }

    /// Without trailing zeros, as long as the scale stays at least `lowest`.
    func stripped(to lowest: Int) -> Decimal {
        guard !unscaled.isZero else { return Decimal(.zero, scale: Swift.max(lowest, Swift.min(scale, 0))) }
        let (digits, zeros) = unscaled.removing(factor: BigInt(10), atMost: scale - lowest)
        return Decimal(digits, scale: scale - zeros)
    }

    /// The integer part, towards zero.
    func truncated() throws(Fault) -> BigInt {
        if scale <= 0 { return try lifted(-scale) }
        // More places than digits leave nothing.
        guard scale <= unscaled.bitWidth * 30103 / 100_000 + 1 else { return .zero }
        return unscaled.divided(by: .powerOfTen(scale)).quotient
    }

    /// Numerator and denominator, not reduced.
    func fraction() throws(Fault) -> (BigInt, BigInt) {
        guard scale > 0 else { return (try lifted(-scale), .one) }
        try Numbers.checkWidth(scale * 3322 / 1000)
        return (unscaled, .powerOfTen(scale))
    }

    /// The nearest double.
    package var double: Double {
        var digits = String(decoding: unscaled.text(), as: UTF8.self)
        digits += "e\(-scale)"
        return Double(digits) ?? .nan
    }
}
