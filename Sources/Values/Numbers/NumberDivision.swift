// Quotients and remainders.
extension Numbers {
    /// `/`: exact, a ratio when integers leave a remainder; doubles follow IEEE 754.
    public static func divide(_ a: Value, _ b: Value) throws(Fault) -> Value {
        switch try Pair(a, b, "/") {
        case .ints(let x, let y): return try divide(x, y)
        case .bigs(let x, let y): return try ratio(x, y)
        case .ratios(let x, let y):
            guard !y.numerator.isZero else { throw divisionByZero }
            try checkWidth(x.numerator.bitWidth + y.denominator.bitWidth)
            try checkWidth(x.denominator.bitWidth + y.numerator.bitWidth)
            return try ratio(x.numerator * y.denominator, x.denominator * y.numerator)
        case .decimals(let x, let y): return .object(try x.divided(by: y))
        case .doubles(let x, let y): return .double(x / y)
        }
    }

    private static func divide(_ x: Int64, _ y: Int64) throws(Fault) -> Value {
        guard y != 0 else { throw divisionByZero }
        let (quotient, remainder) = x.quotientAndRemainder(dividingBy: y == -1 ? 1 : y)
        if remainder == 0 {
            guard y == -1 else { return .int(quotient) }
            if x == .min { throw .arithmetic("integer overflow") }
            return .int(-x)
        }
        return try ratio(BigInt(x), BigInt(y))
    }

    /// `quot`: towards zero.
    public static func quotient(_ a: Value, _ b: Value) throws(Fault) -> Value {
        switch try Pair(a, b, "quot") {
        case .ints(let x, let y):
            guard y != 0 else { throw divisionByZero }
            let (quotient, overflows) = x.dividedReportingOverflow(by: y)
            if overflows { throw .arithmetic("integer overflow") }
            return .int(quotient)
        case .bigs(let x, let y):
            guard !y.isZero else { throw divisionByZero }
            return .object(BigInteger(x.divided(by: y).quotient))
        case .ratios(let x, let y): return .object(BigInteger(try quotient(x, y)))
        case .decimals(let x, let y): return .object(try x.integralQuotient(y))
        case .doubles(let x, let y): return .double(try quotient(x, y))
        }
    }

    private static func quotient(_ x: Fraction, _ y: Fraction) throws(Fault) -> BigInt {
        guard !y.numerator.isZero else { throw divisionByZero }
        try checkWidth(x.numerator.bitWidth + y.denominator.bitWidth)
        try checkWidth(x.denominator.bitWidth + y.numerator.bitWidth)
        return (x.numerator * y.denominator).divided(by: x.denominator * y.numerator).quotient
    }

    private static func quotient(_ x: Double, _ y: Double) throws(Fault) -> Double {
        guard y != 0 else { throw divisionByZero }
        let quotient = x / y
        guard quotient.isFinite else { throw .of(.numberFormat, "the quotient is infinite or not a number") }
        // A zero loses its sign, for it stands for an integer.
        return quotient.rounded(.towardZero) + 0.0
    }

    /// `rem`: what `quot` leaves, with the sign of `a`.
    public static func remainder(_ a: Value, _ b: Value) throws(Fault) -> Value {
        switch try Pair(a, b, "rem") {
        case .ints(let x, let y):
            guard y != 0 else { throw divisionByZero }
            return .int(x.remainderReportingOverflow(dividingBy: y).partialValue)
        case .bigs(let x, let y):
            guard !y.isZero else { throw divisionByZero }
            return .object(BigInteger(x.divided(by: y).remainder))
        case .ratios(let x, let y): return try subtract(a, multiply(.object(BigInteger(try quotient(x, y))), b))
        case .decimals(let x, let y): return .object(try x.remainder(y))
        case .doubles(let x, let y): return .double(x - (try quotient(x, y)) * y)
        }
    }

    /// `mod`: as `rem`, with the sign of `b`.
    public static func modulo(_ a: Value, _ b: Value) throws(Fault) -> Value {
        if case (.int(let x), .int(let y)) = (a, b) {
            guard y != 0 else { throw divisionByZero }
            let remainder = x.remainderReportingOverflow(dividingBy: y).partialValue
            return .int(remainder != 0 && (remainder < 0) != (y < 0) ? remainder + y : remainder)
        }
        let remainder = try remainder(a, b)
        if try isZero(remainder) { return remainder }
        let sameSign = try isPositive(a) == isPositive(b)
        return sameSign ? remainder : try add(remainder, b)
    }
}
