// Comparison.
extension Numbers {
    /// `<`; `operation` names the function in an error. False beside a NaN.
    public static func less(_ a: Value, _ b: Value, operation: String = "<") throws(Fault) -> Bool {
        switch try Pair(a, b, operation, exactly: true) {
        case .ints(let x, let y): x < y
        case .doubles(let x, let y): x < y
        case let others: order(others) < 0
        }
    }

    /// `<=`
    public static func lessOrEqual(_ a: Value, _ b: Value, operation: String = "<=") throws(Fault) -> Bool {
        switch try Pair(a, b, operation, exactly: true) {
        case .ints(let x, let y): x <= y
        case .doubles(let x, let y): x <= y
        case let others: order(others) <= 0
        }
    }

    /// `==`: by value across all kinds (`(== 1 1.0)`); `=` is `Value.equals`.
    public static func isEqual(_ a: Value, _ b: Value) throws(Fault) -> Bool {
        switch try Pair(a, b, "==", exactly: true) {
        case .ints(let x, let y): x == y
        case .doubles(let x, let y): x == y
        case let others: order(others) == 0
        }
    }

    /// -1, 0 or 1; a NaN is as large as anything, as in Clojure.
    public static func compare(_ a: Value, _ b: Value) throws(Fault) -> Int {
        switch try Pair(a, b, "compare", exactly: true) {
        case .ints(let x, let y): x < y ? -1 : x > y ? 1 : 0
        case .doubles(let x, let y): x < y ? -1 : x > y ? 1 : 0
        case let others: order(others).signum()
        }
    }

    private static func order(_ pair: Pair) -> Int {
        switch pair {
        case .bigs(let x, let y): x.compare(y)
        case .ratios(let x, let y): (x.numerator * y.denominator).compare(y.numerator * x.denominator)
        case .decimals(let x, let y): x.compare(y)
        case .ints(let x, let y): x < y ? -1 : x > y ? 1 : 0
        case .doubles(let x, let y): x < y ? -1 : x > y ? 1 : 0
        }
    }

    /// `max`: the second of equal ones; NaN when either is.
    public static func maximum(_ a: Value, _ b: Value) throws(Fault) -> Value {
        let less = try less(b, a, operation: "max")
        return isNaN(a) ? a : isNaN(b) ? b : less ? a : b
    }

    /// `min`: the second of equal ones; NaN when either is.
    public static func minimum(_ a: Value, _ b: Value) throws(Fault) -> Value {
        let less = try less(a, b, operation: "min")
        return isNaN(a) ? a : isNaN(b) ? b : less ? a : b
    }

    private static func isNaN(_ value: Value) -> Bool {
        if case .double(let double)? = Operand(value) { double.isNaN } else { false }
    }

    public static func isZero(_ a: Value) throws(Fault) -> Bool {
        switch try Operand(a, "zero?") {
        case .int(let int): int == 0
        case .double(let double): double == 0
        case .big(let big): big.isZero
        case .ratio: false
        case .decimal(let decimal): decimal.unscaled.isZero
        }
    }

    public static func isPositive(_ a: Value) throws(Fault) -> Bool { try signum(a, "pos?") > 0 }
    public static func isNegative(_ a: Value) throws(Fault) -> Bool { try signum(a, "neg?") < 0 }

    private static func signum(_ a: Value, _ operation: String) throws(Fault) -> Int {
        switch try Operand(a, operation) {
        case .int(let int): Int(int.signum())
        case .double(let double): double > 0 ? 1 : double < 0 ? -1 : 0
        case .big(let big): big.signum
        case .ratio(let ratio): ratio.numerator.signum
        case .decimal(let decimal): decimal.unscaled.signum
        }
    }

    /// `even?`, of integers only.
    public static func isEven(_ a: Value) throws(Fault) -> Bool { try !isOdd(a, "even?") }

    /// `odd?`, of integers only.
    public static func isOdd(_ a: Value) throws(Fault) -> Bool { try isOdd(a, "odd?") }

    private static func isOdd(_ a: Value, _ operation: String) throws(Fault) -> Bool {
        switch Operand(a) {
        case .int(let int)?: return int & 1 == 1
        case .big(let big)?: return big.isOdd
        default: throw .type(operation, expected: "an integer", found: a, as: .illegalArgument)
        }
    }
}

// The kinds, for predicates.
extension Numbers {
    public static func isNumber(_ value: Value) -> Bool { Operand(value) != nil }

    /// Of 64 bits or any size.
    public static func isInteger(_ value: Value) -> Bool {
        switch value {
        case .int: true
        case .object(let object): object.kind == .bigInteger
        default: false
        }
    }

    public static func isRatio(_ value: Value) -> Bool { isObject(value, .ratio) }
    public static func isDecimal(_ value: Value) -> Bool { isObject(value, .decimal) }

    private static func isObject(_ value: Value, _ kind: ObjectKind) -> Bool {
        if case .object(let object) = value { object.kind == kind } else { false }
    }
}
