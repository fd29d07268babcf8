/// An integer beyond 64 bits, or one that came of such; prints `123N`.
public final class BigInteger: Object, @unchecked Sendable {
    // Sendable: immutable.
    package let value: BigInt

    package init(_ value: BigInt) {
        self.value = value
        super.init()
        Meter.charge(48 + value.magnitude.count * 8)
    }

    deinit { Meter.credit(48 + value.magnitude.count * 8) }

    public override var kind: ObjectKind { .bigInteger }

    public override func equals(_ other: Value) throws(Fault) -> Bool {
        switch other {
        case .int(let int): value.int64 == int
        case .object(let object): (object as? BigInteger)?.value == value
        default: false
        }
    }

    public override func hashCode() throws(Fault) -> UInt32 { value.hash }

    public override func write(to printer: inout Printer) throws(Fault) {
        try writeText(to: &printer)
        printer.write("N")
    }

    public override func writeText(to printer: inout Printer) throws(Fault) {
        try Attention.work(0)
        printer.bytes.append(contentsOf: value.text())
    }
}

/// A quotient of integers in lowest terms, its denominator greater than one; prints `1/3`.
public final class Ratio: Object, @unchecked Sendable {
    // Sendable: immutable.
    package let numerator: BigInt
    package let denominator: BigInt

    /// The arguments must be in lowest terms.
    package init(_ numerator: BigInt, _ denominator: BigInt) {
        self.numerator = numerator
        self.denominator = denominator
        super.init()
        Meter.charge(footprint)
    }

    deinit { Meter.credit(footprint) }

    private var footprint: Int { 96 + (numerator.magnitude.count + denominator.magnitude.count) * 8 }

    public override var kind: ObjectKind { .ratio }

    public override func equals(_ other: Value) throws(Fault) -> Bool {
        guard case .object(let object) = other, let other = object as? Ratio else { return false }
        return numerator == other.numerator && denominator == other.denominator
    }

    public override func hashCode() throws(Fault) -> UInt32 {
        Hashing.int(Int64(numerator.hash) << 32 | Int64(denominator.hash))
    }

    public override func write(to printer: inout Printer) throws(Fault) {
        try Attention.work(0)
        printer.bytes.append(contentsOf: numerator.text())
        printer.write("/")
        printer.bytes.append(contentsOf: denominator.text())
    }

    /// The nearest double, ties to even.
    package var double: Double {
        // A quotient of at least 64 bits, with a bit for what is left, rounds once.
        let shift = max(0, 66 - numerator.bitWidth + denominator.bitWidth)
        let (quotient, remainder) = numerator.absolute.shiftedLeft(shift).divided(by: denominator)
        let sticky = BigInt(magnitude: quotient.shiftedLeft(1).magnitude, isNegative: false)
        let exact = remainder.isZero ? sticky : sticky + .one
        // In two steps when one would leave the range of exponents before rounding; subnormal results round here.
        let value = Ratio.scale(exact, by: -(shift + 1))
        return numerator.isNegative ? -value : value
    }

    /// `integer` × 2^exponent, rounded once.
    private static func scale(_ integer: BigInt, by exponent: Int) -> Double {
        let width = integer.bitWidth
        // The weight of the last bit a double of this size has.
        let lowest = max(width + exponent - 53, -1074)
        let drop = lowest - exponent
        guard drop > 0 else { return Double(sign: .plus, exponent: exponent, significand: integer.double) }
        let half = BigInt.one.shiftedLeft(drop - 1)
        let kept = integer.shiftedRight(drop)
        let lost = integer - kept.shiftedLeft(drop)
        let order = lost.compare(half)
        let rounded = order > 0 || (order == 0 && kept.isOdd) ? kept + .one : kept
        guard width + exponent <= 1025 else { return .infinity }
        return rounded.double * Double(sign: .plus, exponent: max(lowest, -1074), significand: 1)
    }
}
