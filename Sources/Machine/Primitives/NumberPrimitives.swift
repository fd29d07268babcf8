import Values

/// Arithmetic, comparison of numbers, conversions and bits; the arithmetic itself is `Numbers`'.
enum NumberPrimitives {
    static let core = PrimitiveFamily(
        "clojure.core",
        [
            Primitive("+", .atLeast(0), add), Primitive("-", .atLeast(1), subtract),
            Primitive("*", .atLeast(0), multiply),
            Primitive("/", .atLeast(1), divide), Primitive("+'", .atLeast(0), addPromoting),
            Primitive("-'", .atLeast(1), subtractPromoting), Primitive("*'", .atLeast(0), multiplyPromoting),
            Primitive("quot", 2, quotient), Primitive("rem", 2, remainder), Primitive("mod", 2, modulo),
            Primitive("inc", 1, increment), Primitive("dec", 1, decrement), Primitive("inc'", 1, incrementPromoting),
            Primitive("dec'", 1, decrementPromoting), Primitive("<", .atLeast(1), less),
            Primitive("<=", .atLeast(1), lessOrEqual), Primitive(">", .atLeast(1), greater),
            Primitive(">=", .atLeast(1), greaterOrEqual), Primitive("==", .atLeast(1), equivalent),
            Primitive("max", .atLeast(1), maximum), Primitive("min", .atLeast(1), minimum),
            Primitive("abs", 1, absolute),
            Primitive("zero?", 1, isZero), Primitive("pos?", 1, isPositive), Primitive("neg?", 1, isNegative),
            Primitive("even?", 1, isEven), Primitive("odd?", 1, isOdd), Primitive("NaN?", 1, isNaN),
            Primitive("infinite?", 1, isInfinite), Primitive("long", 1, toLong), Primitive("int", 1, toInt),
            Primitive("short", 1, toShort), Primitive("byte", 1, toByte), Primitive("double", 1, toDouble),
            Primitive("float", 1, toFloat), Primitive("num", 1, toNumber), Primitive("bigint", 1, toBigInteger),
            Primitive("biginteger", 1, toBigInteger), Primitive("bigdec", 1, toDecimal),
            Primitive("rationalize", 1, rationalize), Primitive("numerator", 1, numerator),
            Primitive("denominator", 1, denominator), Primitive("unchecked-add", 2, uncheckedAdd),
            Primitive("unchecked-subtract", 2, uncheckedSubtract),
            Primitive("unchecked-multiply", 2, uncheckedMultiply),
            Primitive("unchecked-inc", 1, uncheckedIncrement), Primitive("unchecked-dec", 1, uncheckedDecrement),
            Primitive("unchecked-negate", 1, uncheckedNegate),
            Primitive("unchecked-int", 1) { (a, _) throws(Fault) in .int(Int64(try narrow(a[0], Int32.self))) },
            Primitive("unchecked-short", 1) { (a, _) throws(Fault) in .int(Int64(try narrow(a[0], Int16.self))) },
            Primitive("unchecked-byte", 1) { (a, _) throws(Fault) in .int(Int64(try narrow(a[0], Int8.self))) },
            Primitive("unchecked-add-int", 2) { (a, _) throws(Fault) in try ints(a) { $0 &+ $1 } },
            Primitive("unchecked-subtract-int", 2) { (a, _) throws(Fault) in try ints(a) { $0 &- $1 } },
            Primitive("unchecked-multiply-int", 2) { (a, _) throws(Fault) in try ints(a) { $0 &* $1 } },
            Primitive("unchecked-inc-int", 1) { (a, _) throws(Fault) in
                .int(Int64(try narrow(a[0], Int32.self) &+ 1))
            },
            Primitive("unchecked-dec-int", 1) { (a, _) throws(Fault) in
                .int(Int64(try narrow(a[0], Int32.self) &- 1))
            },
            Primitive("unchecked-negate-int", 1) { (a, _) throws(Fault) in
                .int(Int64(0 &- (try narrow(a[0], Int32.self))))
            },
            Primitive("unchecked-long", 1) { (a, _) throws(Fault) in .int(try Numbers.wrapped(a[0])) },
            Primitive("unchecked-float", 1) { (a, _) throws(Fault) in try Numbers.uncheckedFloat(a[0]) },
            Primitive("unchecked-double", 1, toDouble),
        ])

    static let machine = PrimitiveFamily("sluice.machine", [Primitive("math-context", 2, mathContext)])

    static let bits = PrimitiveFamily(
        "clojure.core",
        [
            Primitive("bit-and", .atLeast(2), bitAnd), Primitive("bit-or", .atLeast(2), bitOr),
            Primitive("bit-xor", .atLeast(2), bitXor), Primitive("bit-not", 1, bitNot),
            Primitive("bit-and-not", .atLeast(2), bitAndNot), Primitive("bit-shift-left", 2, shiftLeft),
            Primitive("bit-shift-right", 2, shiftRight), Primitive("unsigned-bit-shift-right", 2, unsignedShiftRight),
            Primitive("bit-set", 2, bitSet), Primitive("bit-clear", 2, bitClear), Primitive("bit-flip", 2, bitFlip),
            Primitive("bit-test", 2, bitTest),
        ])
}

// Arithmetic.
extension NumberPrimitives {
    typealias Operation = (Value, Value) throws(Fault) -> Value

    /// `start` alone for no arguments. A single one stays as it is (a decimal's scale, the sign of a zero), but has to be a
    /// number, which `operation` sees to.
    @inline(__always) private static func fold(
        _ a: Arguments, from start: Value, _ operation: Operation, _ fiber: Fiber
    ) throws(Fault) -> Value {
        if a.count == 1 { _ = try operation(start, a[0]) }
        var result = a.count == 0 ? start : a[0]
        for index in 1..<max(1, a.count) { result = try fiber.rounded(operation(result, a[index])) }
        return result
    }

    /// The first argument combined with each of the others; `alone` makes the result when there is but one.
    @inline(__always) private static func reduce(
        _ a: Arguments, alone: (Value) throws(Fault) -> Value, _ operation: Operation, _ fiber: Fiber
    ) throws(Fault) -> Value {
        guard a.count > 1 else { return try fiber.rounded(alone(a[0])) }
        var result = a[0]
        for index in 1..<a.count { result = try fiber.rounded(operation(result, a[index])) }
        return result
    }

    static func add(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        if a.count == 2, case .int(let x) = a[0], case .int(let y) = a[1] {
            let (sum, overflow) = x.addingReportingOverflow(y)
            if !overflow { return .int(sum) }
        }
        if a.count == 1 { return try toNumber(a, fiber) }
        return try fold(a, from: .int(0), Numbers.add, fiber)
    }
    static func subtract(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        try reduce(a, alone: Numbers.negate, Numbers.subtract, fiber)
    }
    static func multiply(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        if a.count == 1 { return try toNumber(a, fiber) }
        return try fold(a, from: .int(1), Numbers.multiply, fiber)
    }
    static func divide(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        // Without the precision a quotient may not exist, so it cannot be rounded afterwards.
        if let context = fiber.mathContext {
            return try reduce(
                a, alone: { (x) throws(Fault) in try context.divide(.int(1), x) }, context.divide, fiber)
        }
        return try reduce(a, alone: { (x) throws(Fault) in try Numbers.divide(.int(1), x) }, Numbers.divide, fiber)
    }
    static func addPromoting(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        if a.count == 1 { return try toNumber(a, fiber) }
        return try fold(a, from: .int(0), Numbers.addPromoting, fiber)
    }
    static func subtractPromoting(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        try reduce(a, alone: Numbers.negatePromoting, Numbers.subtractPromoting, fiber)
    }
    static func multiplyPromoting(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        if a.count == 1 { return try toNumber(a, fiber) }
        return try fold(a, from: .int(1), Numbers.multiplyPromoting, fiber)
    }
    static func quotient(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        try fiber.rounded(Numbers.quotient(a[0], a[1]))
    }
    static func remainder(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        try fiber.rounded(Numbers.remainder(a[0], a[1]))
    }
    static func modulo(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        try fiber.rounded(Numbers.modulo(a[0], a[1]))
    }
    static func increment(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        if case .int(let x) = a[0], x != .max { return .int(x + 1) }
        return try fiber.rounded(Numbers.add(a[0], .int(1)))
    }
    static func decrement(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        if case .int(let x) = a[0], x != .min { return .int(x - 1) }
        return try fiber.rounded(Numbers.subtract(a[0], .int(1)))
    }
    static func incrementPromoting(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        try fiber.rounded(Numbers.addPromoting(a[0], .int(1)))
    }
    static func decrementPromoting(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        try fiber.rounded(Numbers.subtractPromoting(a[0], .int(1)))
    }

    static func maximum(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try extreme(a, Numbers.maximum) }
    static func minimum(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try extreme(a, Numbers.minimum) }

    private static func extreme(_ a: Arguments, _ better: Operation) throws(Fault) -> Value {
        // Alone, anything is the greatest and the least.
        var best = a[0]
        for index in 1..<a.count { best = try better(best, a[index]) }
        return best
    }

    static func absolute(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try Numbers.absolute(a[0]) }
}

// The precision that `with-precision` gives.
extension Fiber {
    /// How decimals are rounded at the moment; nil for not at all.
    var mathContext: MathContext? {
        guard case .object(let object) = value(of: instance.core.mathContext) else { return nil }
        return object as? MathContext
    }

    /// The result of arithmetic, rounded when it is a decimal and a precision was given.
    @inline(__always) func rounded(_ result: Value) throws(Fault) -> Value {
        guard case .object(let object) = result, object.kind == .decimal, let context = mathContext else {
            return result
        }
        return try context.rounded(result)
    }
}

extension NumberPrimitives {
    /// `(math-context precision rounding)`: the rounding is a symbol such as `HALF_UP`.
    static func mathContext(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        let precision = try a.count(0, "with-precision")
        let name = a[1].symbolName?.name ?? a[1].briefly
        guard let rounding = MathContext.Rounding(rawValue: name) else {
            let names = MathContext.Rounding.allCases.map(\.rawValue).joined(separator: ", ")
            throw .illegalArgument("with-precision knows no rounding \(name)", hint: "it is one of \(names)")
        }
        guard precision >= 0 else { throw .illegalArgument("a precision is at least 0, but found \(precision)") }
        return .object(MathContext(precision: precision, rounding: rounding))
    }
}

// Comparison.
extension NumberPrimitives {
    @inline(__always) private static func chain(_ a: Arguments, _ holds: (Value, Value) throws(Fault) -> Bool)
        throws(Fault) -> Value
    {
        for index in 1..<max(1, a.count) where try !holds(a[index - 1], a[index]) { return .false }
        return .true
    }

    static func less(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try chain(a) { (x, y) throws(Fault) in try Numbers.less(x, y) }
    }
    static func lessOrEqual(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try chain(a) { (x, y) throws(Fault) in try Numbers.lessOrEqual(x, y) }
    }
    static func greater(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try chain(a) { (x, y) throws(Fault) in try Numbers.less(y, x) }
    }
    static func greaterOrEqual(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try chain(a) { (x, y) throws(Fault) in try Numbers.lessOrEqual(y, x) }
    }
    static func equivalent(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try chain(a) { (x, y) throws(Fault) in try Numbers.isEqual(x, y) }
    }

    static func isZero(_ a: Arguments, _: Fiber) throws(Fault) -> Value { .bool(try Numbers.isZero(a[0])) }
    static func isPositive(_ a: Arguments, _: Fiber) throws(Fault) -> Value { .bool(try Numbers.isPositive(a[0])) }
    static func isNegative(_ a: Arguments, _: Fiber) throws(Fault) -> Value { .bool(try Numbers.isNegative(a[0])) }
    static func isEven(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        if let int = Value.borrowedInt(a.base) { return .bool(int & 1 == 0) }
        return .bool(try Numbers.isEven(a[0]))
    }
    static func isOdd(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        if let int = Value.borrowedInt(a.base) { return .bool(int & 1 == 1) }
        return .bool(try Numbers.isOdd(a[0]))
    }

    static func isNaN(_ a: Arguments, _: Fiber) throws(Fault) -> Value { .bool(try a.double(0, "NaN?").isNaN) }
    static func isInfinite(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        .bool(try a.double(0, "infinite?").isInfinite)
    }
}

// Conversions.
extension NumberPrimitives {
    static func toLong(_ a: Arguments, _: Fiber) throws(Fault) -> Value { .int(try Numbers.long(a[0])) }
    static func toInt(_ a: Arguments, _: Fiber) throws(Fault) -> Value { .int(try Numbers.int(a[0])) }
    static func toShort(_ a: Arguments, _: Fiber) throws(Fault) -> Value { .int(try Numbers.short(a[0])) }
    static func toByte(_ a: Arguments, _: Fiber) throws(Fault) -> Value { .int(try Numbers.byte(a[0])) }
    static func toDouble(_ a: Arguments, _: Fiber) throws(Fault) -> Value { .double(try Numbers.double(a[0])) }
    static func toFloat(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try Numbers.float(a[0]) }
    static func toNumber(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        guard a[0].isNil || Numbers.isNumber(a[0]) else { throw .type("num", expected: "a number", found: a[0]) }
        return a[0]
    }
    static func toBigInteger(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try Numbers.bigint(a[0]) }
    static func toDecimal(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try Numbers.bigdec(a[0]) }
    static func rationalize(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try Numbers.rationalize(a[0]) }
    static func numerator(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try Numbers.numerator(a[0]) }
    static func denominator(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try Numbers.denominator(a[0]) }

    @inline(__always) private static func wrapping(
        _ a: Arguments, _ operation: String, _ ints: (Int64, Int64) -> Int64, _ other: Operation
    ) throws(Fault) -> Value {
        if case .int(let x) = a[0], case .int(let y) = a[1] { return .int(ints(x, y)) }
        return try other(a[0], a[1])
    }

    static func uncheckedAdd(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try wrapping(a, "unchecked-add", &+, Numbers.add)
    }
    static func uncheckedSubtract(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try wrapping(a, "unchecked-subtract", &-, Numbers.subtract)
    }
    static func uncheckedMultiply(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try wrapping(a, "unchecked-multiply", &*, Numbers.multiply)
    }
    static func uncheckedIncrement(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        if case .int(let x) = a[0] { return .int(x &+ 1) }
        return try Numbers.add(a[0], .int(1))
    }
    static func uncheckedDecrement(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        if case .int(let x) = a[0] { return .int(x &- 1) }
        return try Numbers.subtract(a[0], .int(1))
    }
    static func uncheckedNegate(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        if case .int(let x) = a[0] { return .int(0 &- x) }
        return try Numbers.negate(a[0])
    }

    /// The low bits of an integer; a double goes by way of 32 bits, and a ratio by way of a double, as on the Java machine.
    private static func narrow<Narrow: FixedWidthInteger>(_ value: Value, _: Narrow.Type) throws(Fault) -> Narrow {
        if case .char(let scalar) = value, Narrow.self == Int32.self { return Narrow(truncatingIfNeeded: scalar) }
        if value.objectKind == .ratio { return try narrow(.double(try Numbers.double(value)), Narrow.self) }
        let long = try Numbers.wrapped(value)
        if case .double = value { return Narrow(truncatingIfNeeded: Int32(clamping: long)) }
        return Narrow(truncatingIfNeeded: long)
    }

    /// 32-bit arithmetic that wraps around; the operands have to fit.
    private static func ints(_ a: Arguments, _ operation: (Int32, Int32) -> Int32) throws(Fault) -> Value {
        .int(Int64(operation(Int32(try Numbers.int(a[0])), Int32(try Numbers.int(a[1])))))
    }
}

// Bits of 64-bit integers.
extension NumberPrimitives {
    private static func bitFold(_ a: Arguments, _ combine: Operation) throws(Fault) -> Value {
        var result = a[0]
        for index in 1..<a.count { result = try combine(result, a[index]) }
        return result
    }

    static func bitAnd(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try bitFold(a, Numbers.bitAnd) }
    static func bitOr(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try bitFold(a, Numbers.bitOr) }
    static func bitXor(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try bitFold(a, Numbers.bitXor) }
    static func bitAndNot(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try bitFold(a, Numbers.bitAndNot) }
    static func bitNot(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try Numbers.bitNot(a[0]) }
    static func shiftLeft(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try Numbers.shiftLeft(a[0], a[1]) }
    static func shiftRight(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try Numbers.shiftRight(a[0], a[1]) }
    static func unsignedShiftRight(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try Numbers.unsignedShiftRight(a[0], a[1])
    }
    static func bitSet(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try Numbers.bitSet(a[0], a[1]) }
    static func bitClear(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try Numbers.bitClear(a[0], a[1]) }
    static func bitFlip(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try Numbers.bitFlip(a[0], a[1]) }
    static func bitTest(_ a: Arguments, _: Fiber) throws(Fault) -> Value { .bool(try Numbers.bitTest(a[0], a[1])) }
}
