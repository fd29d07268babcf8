/// The arithmetic of the language: Clojure's numeric tower over `Value`s (N2).
///
/// The machine handles pairs of small integers and of doubles itself; everything else comes here. Integers of 64 bits
/// overflow with an error; a big integer, ratio or decimal makes the result one; a double makes it a double.
public enum Numbers {
    /// Two operands brought to the wider of their kinds.
    enum Pair {
        case ints(Int64, Int64)
        case bigs(BigInt, BigInt)
        case ratios(Fraction, Fraction)
        case decimals(Decimal, Decimal)
        case doubles(Double, Double)

        /// `exactly`: a ratio beside a decimal stays a ratio, for comparing.
        init(_ a: Value, _ b: Value, _ operation: String, exactly: Bool = false) throws(Fault) {
            let (x, y) = (try Operand(a, operation), try Operand(b, operation))
            switch max(x.rank, y.rank) {
            case .int: self = .ints(x.int, y.int)
            case .big: self = .bigs(x.big, y.big)
            case .ratio: self = .ratios(try x.fraction(), try y.fraction())
            case .decimal where exactly && min(x.rank, y.rank) == .ratio:
                self = .ratios(try x.fraction(), try y.fraction())
            case .decimal: self = .decimals(try x.decimal(), try y.decimal())
            case .double: self = .doubles(x.double, y.double)
            }
        }
    }

    /// Numerator and positive denominator.
    typealias Fraction = (numerator: BigInt, denominator: BigInt)

    /// A number, whatever its kind.
    enum Operand {
        case int(Int64)
        case big(BigInt)
        case ratio(Ratio)
        case decimal(Decimal)
        case double(Double)

        /// The kinds, each of which absorbs those before it.
        enum Rank: Int, Comparable {
            case int, big, ratio, decimal, double
            static func < (a: Rank, b: Rank) -> Bool { a.rawValue < b.rawValue }
        }

        init?(_ value: Value) {
            switch value {
            case .int(let int): self = .int(int)
            case .double(let double): self = .double(double)
            case .object(let object):
                switch object.kind {
                case .bigInteger: self = .big(unsafeDowncast(object, to: BigInteger.self).value)
                case .ratio: self = .ratio(unsafeDowncast(object, to: Ratio.self))
                case .decimal: self = .decimal(unsafeDowncast(object, to: Decimal.self))
                case .float: self = .double(Double(unsafeDowncast(object, to: Single.self).value))
                default: return nil
                }
            default: return nil
            }
        }

        init(_ value: Value, _ operation: String) throws(Fault) {
            guard let operand = Operand(value) else { throw .type(operation, expected: "a number", found: value) }
            self = operand
            // What was charged for large numbers since the last look is found before there are more.
            if case .object = value { try Attention.work(0) }
        }

        var rank: Rank {
            switch self {
            case .int: .int
            case .big: .big
            case .ratio: .ratio
            case .decimal: .decimal
            case .double: .double
            }
        }

        fileprivate var int: Int64 {
            if case .int(let int) = self { int } else { 0 }
        }

        fileprivate var big: BigInt {
            switch self {
            case .int(let int): BigInt(int)
            case .big(let big): big
            default: .zero
            }
        }

        func fraction() throws(Fault) -> Fraction {
            switch self {
            case .ratio(let ratio): (ratio.numerator, ratio.denominator)
            case .decimal(let decimal): try decimal.fraction()
            default: (big, .one)
            }
        }

        func decimal() throws(Fault) -> Decimal {
            switch self {
            case .ratio(let ratio): try .quotient(ratio.numerator, ratio.denominator, preferredScale: 0)
            case .decimal(let decimal): decimal
            case .double(let double): Decimal(double)
            default: Decimal(big, scale: 0)
            }
        }

        var double: Double {
            switch self {
            case .int(let int): Double(int)
            case .big(let big): big.double
            case .ratio(let ratio): ratio.double
            case .decimal(let decimal): decimal.double
            case .double(let double): double
            }
        }
    }
}

// Results and what stands in their way.
extension Numbers {
    static func overflow(_ promoting: String) -> Fault {
        .of(
            .arithmetic, "integer overflow",
            hint: "an integer has 64 bits; \(promoting)' gives a big integer when that is too few")
    }

    static var divisionByZero: Fault { Fault.arithmetic("divide by zero").blaming(.int(0)) }

    /// Refuses results of more than `BigInt.bitLimit` bits before they are computed.
    static func checkWidth(_ bits: Int) throws(Fault) {
        guard bits <= BigInt.bitLimit else {
            throw .arithmetic("number too large: the result would have some \(bits * 301 / 1000) digits")
        }
    }

    static func big(_ value: BigInt) throws(Fault) -> Value {
        try checkWidth(value.bitWidth)
        return .object(BigInteger(value))
    }

    /// An integer in the smaller form that holds it.
    static func integer(_ value: BigInt) -> Value { value.int64.map { .int($0) } ?? .object(BigInteger(value)) }

    /// A ratio in lowest terms; a big integer when nothing is left below the line.
    static func ratio(_ numerator: BigInt, _ denominator: BigInt) throws(Fault) -> Value {
        guard !denominator.isZero else { throw divisionByZero }
        let divisor = try commonDivisor(numerator, denominator)
        return try lowest(numerator.divided(by: divisor).quotient, denominator.divided(by: divisor).quotient)
    }

    /// The greatest common divisor, looking up now and then.
    static func commonDivisor(_ a: BigInt, _ b: BigInt) throws(Fault) -> BigInt {
        try a.greatestCommonDivisor(b) { () throws(Fault) in try Attention.work(0) }
    }

    /// The ratio of two integers without a common divisor.
    static func lowest(_ top: BigInt, _ bottom: BigInt) throws(Fault) -> Value {
        try checkWidth(max(top.bitWidth, bottom.bitWidth))
        if bottom.absolute.isOne { return .object(BigInteger(bottom.isNegative ? top.negated : top)) }
        return .object(bottom.isNegative ? Ratio(top.negated, bottom.negated) : Ratio(top, bottom))
    }
}

// Sums and products.
extension Numbers {
    public static func add(_ a: Value, _ b: Value) throws(Fault) -> Value {
        switch try Pair(a, b, "+") {
        case .ints(let x, let y):
            let (sum, overflows) = x.addingReportingOverflow(y)
            if overflows { throw overflow("+") }
            return .int(sum)
        case .bigs(let x, let y): return try big(x + y)
        case .ratios(let x, let y): return try addRatios(x, y)
        case .decimals(let x, let y): return .object(try x.plus(y))
        case .doubles(let x, let y): return .double(x + y)
        }
    }

    public static func subtract(_ a: Value, _ b: Value) throws(Fault) -> Value {
        switch try Pair(a, b, "-") {
        case .ints(let x, let y):
            let (difference, overflows) = x.subtractingReportingOverflow(y)
            if overflows { throw overflow("-") }
            return .int(difference)
        case .bigs(let x, let y): return try big(x - y)
        case .ratios(let x, let y): return try addRatios(x, (y.numerator.negated, y.denominator))
        case .decimals(let x, let y): return .object(try x.plus(y.negated))
        case .doubles(let x, let y): return .double(x - y)
        }
    }

    private static func addRatios(_ x: Fraction, _ y: Fraction) throws(Fault) -> Value {
        let width = max(
            x.numerator.bitWidth + y.denominator.bitWidth, y.numerator.bitWidth + x.denominator.bitWidth,
            x.denominator.bitWidth + y.denominator.bitWidth)
        try checkWidth(width)
        // Knuth 4.5.1: what can be left out of the sum divides the common divisor of the denominators, which is mostly small.
        let common = try commonDivisor(x.denominator, y.denominator)
        let (left, right) = (x.denominator.divided(by: common).quotient, y.denominator.divided(by: common).quotient)
        let sum = x.numerator * right + y.numerator * left
        let divisor = try commonDivisor(sum, common)
        return try lowest(sum.divided(by: divisor).quotient, left * y.denominator.divided(by: divisor).quotient)
    }

    public static func multiply(_ a: Value, _ b: Value) throws(Fault) -> Value {
        switch try Pair(a, b, "*") {
        case .ints(let x, let y):
            let (product, overflows) = x.multipliedReportingOverflow(by: y)
            if overflows { throw overflow("*") }
            return .int(product)
        case .bigs(let x, let y):
            try checkWidth(x.bitWidth + y.bitWidth - 1)
            return try big(x * y)
        case .ratios(let x, let y): return try multiplyRatios(x, y)
        case .decimals(let x, let y): return .object(try x.times(y))
        case .doubles(let x, let y): return .double(x * y)
        }
    }

    private static func multiplyRatios(_ x: Fraction, _ y: Fraction) throws(Fault) -> Value {
        try checkWidth(x.numerator.bitWidth + y.numerator.bitWidth)
        try checkWidth(x.denominator.bitWidth + y.denominator.bitWidth)
        return try ratio(x.numerator * y.numerator, x.denominator * y.denominator)
    }

    /// `+'`: overflow of 64 bits gives a big integer.
    public static func addPromoting(_ a: Value, _ b: Value) throws(Fault) -> Value {
        guard case (.int(let x), .int(let y)) = (a, b) else { return try add(a, b) }
        let (sum, overflows) = x.addingReportingOverflow(y)
        return overflows ? .object(BigInteger(BigInt(x) + BigInt(y))) : .int(sum)
    }

    /// `-'`
    public static func subtractPromoting(_ a: Value, _ b: Value) throws(Fault) -> Value {
        guard case (.int(let x), .int(let y)) = (a, b) else { return try subtract(a, b) }
        let (difference, overflows) = x.subtractingReportingOverflow(y)
        return overflows ? .object(BigInteger(BigInt(x) - BigInt(y))) : .int(difference)
    }

    /// `*'`
    public static func multiplyPromoting(_ a: Value, _ b: Value) throws(Fault) -> Value {
        guard case (.int(let x), .int(let y)) = (a, b) else { return try multiply(a, b) }
        let (product, overflows) = x.multipliedReportingOverflow(by: y)
        return overflows ? .object(BigInteger(BigInt(x) * BigInt(y))) : .int(product)
    }

    public static func increment(_ a: Value) throws(Fault) -> Value { try add(a, .int(1)) }
    public static func decrement(_ a: Value) throws(Fault) -> Value { try subtract(a, .int(1)) }
    public static func incrementPromoting(_ a: Value) throws(Fault) -> Value { try addPromoting(a, .int(1)) }
    public static func decrementPromoting(_ a: Value) throws(Fault) -> Value { try subtractPromoting(a, .int(1)) }

    /// `(- a)`
    public static func negate(_ a: Value) throws(Fault) -> Value {
        switch try Operand(a, "-") {
        case .int(let int):
            if int == .min { throw overflow("-") }
            return .int(-int)
        case .big(let big): return .object(BigInteger(big.negated))
        case .ratio(let ratio): return .object(Ratio(ratio.numerator.negated, ratio.denominator))
        case .decimal(let decimal): return .object(decimal.negated)
        case .double(let double): return .double(-double)
        }
    }

    /// `(-' a)`
    public static func negatePromoting(_ a: Value) throws(Fault) -> Value {
        if case .int(.min) = a { return .object(BigInteger(BigInt(.min).negated)) }
        return try negate(a)
    }

    /// `(abs a)`; the most negative 64-bit integer is its own, as Clojure documents.
    public static func absolute(_ a: Value) throws(Fault) -> Value {
        switch try Operand(a, "abs") {
        case .int(let int): .int(int < 0 ? 0 &- int : int)
        case .double(let double): .double(double.magnitude)
        case .big(let big): big.isNegative ? try negate(a) : a
        case .ratio(let ratio): ratio.numerator.isNegative ? try negate(a) : a
        case .decimal(let decimal): decimal.unscaled.isNegative ? try negate(a) : a
        }
    }
}
