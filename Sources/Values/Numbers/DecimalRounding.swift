/// How decimal arithmetic rounds its results, as `with-precision` says.
public final class MathContext: Object, @unchecked Sendable {
    // Sendable: immutable.
    /// Which of the two neighbours a result becomes that has more digits than are kept.
    public enum Rounding: String, CaseIterable, Sendable {
        case up = "UP"
        case down = "DOWN"
        case ceiling = "CEILING"
        case floor = "FLOOR"
        case halfUp = "HALF_UP"
        case halfDown = "HALF_DOWN"
        case halfEven = "HALF_EVEN"
        /// An inexact result is an error.
        case unnecessary = "UNNECESSARY"
    }

    /// Significant digits; 0 for as many as it takes.
    let precision: Int
    let rounding: Rounding

    public init(precision: Int, rounding: Rounding) {
        self.precision = precision
        self.rounding = rounding
    }

    public override func write(to printer: inout Printer) throws(Fault) {
        printer.write("#<precision \(precision) \(rounding.rawValue)>")
    }

    /// A number with no more digits than are kept; anything but a decimal as it is.
    public func rounded(_ value: Value) throws(Fault) -> Value {
        guard case .object(let object) = value, let decimal = object as? Decimal else { return value }
        return .object(try decimal.rounded(self))
    }

    /// `a / b`; when one is a decimal and none a double, to as many digits as are kept.
    public func divide(_ a: Value, _ b: Value) throws(Fault) -> Value {
        guard precision > 0, case .decimals(let x, let y) = try Numbers.Pair(a, b, "/") else {
            return try rounded(Numbers.divide(a, b))
        }
        return .object(try x.divided(by: y, self))
    }

    /// Whether a magnitude is rounded away from zero whose last kept digit is odd or even, and of which a part is cut off
    /// that compares to one half as `half` says: negative, zero or positive.
    fileprivate func roundsUp(isNegative: Bool, isOdd: Bool, half: Int) throws(Fault) -> Bool {
        switch rounding {
        case .up: true
        case .down: false
        case .ceiling: !isNegative
        case .floor: isNegative
        case .halfUp: half >= 0
        case .halfDown: half > 0
        case .halfEven: half > 0 || (half == 0 && isOdd)
        case .unnecessary: throw .arithmetic("rounding is necessary, but UNNECESSARY was given")
        }
    }
}

extension Decimal {
    private var digits: Int { unscaled.absolute.text().count }

    func rounded(_ context: MathContext) throws(Fault) -> Decimal {
        try Attention.work(0)
        let excess = digits - context.precision
        guard context.precision > 0, excess > 0, !unscaled.isZero else { return self }
        let unit = BigInt.powerOfTen(excess)
        let (kept, cut) = unscaled.absolute.divided(by: unit)
        var magnitude = kept
        if !cut.isZero,
            try context.roundsUp(
                isNegative: unscaled.isNegative, isOdd: kept.isOdd, half: (cut + cut).compare(unit))
        {
            magnitude = kept + .one
        }
        let rounded = Decimal(unscaled.isNegative ? magnitude.negated : magnitude, scale: scale - excess)
        // All nines have become a one with zeros, one digit more.
        return try rounded.rounded(context)
    }

    /// The quotient to as many digits as are kept; one that needs fewer has the scale that is nearest to the preferred one.
    func divided(by other: Decimal, _ context: MathContext) throws(Fault) -> Decimal {
        guard !other.unscaled.isZero else { throw Numbers.divisionByZero }
        let preferred = scale - other.scale
        guard !unscaled.isZero else { return try divided(by: other) }
        // Three more digits than are kept, and one that tells of a remainder, decide every rounding.
        let places = max(0, context.precision + 3 + other.digits - digits)
        try Numbers.checkWidth(unscaled.bitWidth + places * 3322 / 1000)
        let (quotient, remainder) = (unscaled.absolute * .powerOfTen(places)).divided(by: other.unscaled.absolute)
        let sticky = quotient * .powerOfTen(1) + (remainder.isZero ? .zero : .one)
        let isNegative = unscaled.isNegative != other.unscaled.isNegative
        let unrounded = Decimal(isNegative ? sticky.negated : sticky, scale: preferred + places + 1)
        let rounded = try unrounded.rounded(context)
        return remainder.isZero && rounded.compare(unrounded) == 0 ? rounded.stripped(to: preferred) : rounded
    }
}
