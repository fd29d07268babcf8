import Values

/// Arithmetic, comparison of numbers, conversions and bits; the arithmetic itself is `Numbers`'.
enum NumberPrimitives {
    static let core = PrimitiveFamily(
        "clojure.core",
        [
            Primitive("+", .atLeast(0), add), Primitive("-", .atLeast(1), subtract), Primitive("*", .atLeast(0), multiply),
            Primitive("/", .atLeast(1), divide), Primitive("+'", .atLeast(0), addPromoting),
            Primitive("-'", .atLeast(1), subtractPromoting), Primitive("*'", .atLeast(0), multiplyPromoting),
            Primitive("quot", 2, quotient), Primitive("rem", 2, remainder), Primitive("mod", 2, modulo),
            Primitive("inc", 1, increment), Primitive("dec", 1, decrement), Primitive("inc'", 1, incrementPromoting),
            Primitive("dec'", 1, decrementPromoting), Primitive("<", .atLeast(1), less),
            Primitive("<=", .atLeast(1), lessOrEqual), Primitive(">", .atLeast(1), greater),
            Primitive(">=", .atLeast(1), greaterOrEqual), Primitive("==", .atLeast(1), equivalent),
            Primitive("max", .atLeast(1), maximum), Primitive("min", .atLeast(1), minimum), Primitive("abs", 1, absolute),
            Primitive("zero?", 1, isZero), Primitive("pos?", 1, isPositive), Primitive("neg?", 1, isNegative),
            Primitive("even?", 1, isEven), Primitive("odd?", 1, isOdd), Primitive("NaN?", 1, isNaN),
            Primitive("infinite?", 1, isInfinite), Primitive("long", 1, toLong), Primitive("int", 1, toInt),
            Primitive("short", 1, toShort), Primitive("byte", 1, toByte), Primitive("double", 1, toDouble),
            Primitive("float", 1, toFloat), Primitive("num", 1, toNumber), Primitive("bigint", 1, toBigInteger),
            Primitive("biginteger", 1, toBigInteger), Primitive("bigdec", 1, toDecimal),
            Primitive("rationalize", 1, rationalize), Primitive("numerator", 1, numerator),
            Primitive("denominator", 1, denominator), Primitive("unchecked-add", 2, uncheckedAdd),
            Primitive("unchecked-subtract", 2, uncheckedSubtract), Primitive("unchecked-multiply", 2, uncheckedMultiply),
            Primitive("unchecked-inc", 1, uncheckedIncrement), Primitive("unchecked-dec", 1, uncheckedDecrement),
            Primitive("unchecked-negate", 1, uncheckedNegate), Primitive("unchecked-int", 1, uncheckedInt),
            Primitive("unchecked-long", 1, toLong),
        ])

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

    @inline(__always) private static func fold(_ a: Arguments, from start: Value, _ operation: Operation) throws(Fault) -> Value {
        var result = start
        for index in 0..<a.count { result = try operation(result, a[index]) }
        return result
    }

    /// The first argument combined with each of the others, or `start` with it when it is alone.
    @inline(__always) private static func reduce(_ a: Arguments, from start: Value, _ operation: Operation) throws(Fault) -> Value {
        guard a.count > 1 else { return try operation(start, a[0]) }
        var result = a[0]
        for index in 1..<a.count { result = try operation(result, a[index]) }
        return result
    }

    static func add(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        if a.count == 2, case .int(let x) = a[0], case .int(let y) = a[1] {
            let (sum, overflow) = x.addingReportingOverflow(y)
            if !overflow { return .int(sum) }
        }
        return try fold(a, from: .int(0), Numbers.add)
    }
    static func subtract(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try reduce(a, from: .int(0), Numbers.subtract) }
    static func multiply(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try fold(a, from: .int(1), Numbers.multiply) }
    static func divide(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try reduce(a, from: .int(1), Numbers.divide) }
    static func addPromoting(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try fold(a, from: .int(0), Numbers.addPromoting) }
    static func subtractPromoting(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try reduce(a, from: .int(0), Numbers.subtractPromoting)
    }
    static func multiplyPromoting(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try fold(a, from: .int(1), Numbers.multiplyPromoting)
    }
    static func quotient(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try Numbers.quotient(a[0], a[1]) }
    static func remainder(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try Numbers.remainder(a[0], a[1]) }
    static func modulo(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try Numbers.modulo(a[0], a[1]) }
    static func increment(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        if case .int(let x) = a[0], x != .max { return .int(x + 1) }
        return try Numbers.add(a[0], .int(1))
    }
    static func decrement(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        if case .int(let x) = a[0], x != .min { return .int(x - 1) }
        return try Numbers.subtract(a[0], .int(1))
    }
    static func incrementPromoting(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try Numbers.addPromoting(a[0], .int(1)) }
    static func decrementPromoting(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try Numbers.subtractPromoting(a[0], .int(1))
    }

    static func maximum(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try extreme(a) { try Numbers.less($0, $1) } }
    static func minimum(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try extreme(a) { try Numbers.less($1, $0) } }

    /// The argument that no other beats; NaN when one is NaN.
    private static func extreme(_ a: Arguments, _ isBeatenBy: (Value, Value) throws(Fault) -> Bool) throws(Fault) -> Value {
        var best = a[0]
        if a.count == 1 { _ = try Numbers.toDouble(best) }
        for index in 1..<a.count {
            if case .double(let double) = a[index], double.isNaN { return a[index] }
            if case .double(let double) = best, double.isNaN { return best }
            if try isBeatenBy(best, a[index]) { best = a[index] }
        }
        return best
    }

    static func absolute(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        if case .double(let double) = a[0] { return .double(double.magnitude) }
        return try Numbers.less(a[0], .int(0)) ? try Numbers.subtract(.int(0), a[0]) : a[0]
    }
}

// Comparison.
extension NumberPrimitives {
    @inline(__always) private static func chain(_ a: Arguments, _ holds: (Value, Value) throws(Fault) -> Bool) throws(Fault) -> Value {
        for index in 1..<max(1, a.count) where try !holds(a[index - 1], a[index]) { return .false }
        return .true
    }

    static func less(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try chain(a) { try Numbers.less($0, $1) } }
    static func lessOrEqual(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try chain(a) { try Numbers.lessOrEqual($0, $1) } }
    static func greater(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try chain(a) { try Numbers.less($1, $0) } }
    static func greaterOrEqual(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try chain(a) { try Numbers.lessOrEqual($1, $0) }
    }
    static func equivalent(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try chain(a) { try Numbers.equivalent($0, $1) } }

    static func isZero(_ a: Arguments, _: Fiber) throws(Fault) -> Value { .bool(try Numbers.isZero(a[0])) }
    static func isPositive(_ a: Arguments, _: Fiber) throws(Fault) -> Value { .bool(try Numbers.less(.int(0), a[0])) }
    static func isNegative(_ a: Arguments, _: Fiber) throws(Fault) -> Value { .bool(try Numbers.less(a[0], .int(0))) }
    static func isEven(_ a: Arguments, _: Fiber) throws(Fault) -> Value { .bool(try parity(a[0], "even?")) }
    static func isOdd(_ a: Arguments, _: Fiber) throws(Fault) -> Value { .bool(try !parity(a[0], "odd?")) }

    private static func parity(_ value: Value, _ operation: String) throws(Fault) -> Bool {
        if case .int(let int) = value { return int & 1 == 0 }
        guard case .object(let object) = value, object.kind == .bigInteger else {
            throw .of(.illegalArgument, "\(operation) expected an integer, but found \(value.briefly)")
        }
        return try Numbers.isZero(Numbers.remainder(value, .int(2)))
    }

    static func isNaN(_ a: Arguments, _: Fiber) throws(Fault) -> Value { .bool(try a.double(0, "NaN?").isNaN) }
    static func isInfinite(_ a: Arguments, _: Fiber) throws(Fault) -> Value { .bool(try a.double(0, "infinite?").isInfinite) }
}

// Conversions.
extension NumberPrimitives {
    static func long(_ value: Value) throws(Fault) -> Int64 {
        switch value {
        case .int(let int): return int
        case .char(let scalar): return Int64(scalar)
        case .double(let double):
            guard double.magnitude < 0x1p63 else {
                throw .of(.illegalArgument, "\(double) is out of the range of 64-bit integers")
            }
            return Int64(double)
        default: return try Numbers.toInt(value)
        }
    }

    private static func narrow(_ value: Value, _ range: ClosedRange<Int64>, _ kind: String) throws(Fault) -> Value {
        let int = try long(value)
        guard range.contains(int) else { throw .of(.illegalArgument, "\(int) is out of range for \(kind)") }
        return .int(int)
    }

    static func toLong(_ a: Arguments, _: Fiber) throws(Fault) -> Value { .int(try long(a[0])) }
    static func toInt(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try narrow(a[0], Int64(Int32.min)...Int64(Int32.max), "int")
    }
    static func toShort(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try narrow(a[0], -32768...32767, "short") }
    static func toByte(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try narrow(a[0], -128...127, "byte") }
    static func toDouble(_ a: Arguments, _: Fiber) throws(Fault) -> Value { .double(try a.double(0, "double")) }
    static func toFloat(_ a: Arguments, _: Fiber) throws(Fault) -> Value { .double(Double(Float(try a.double(0, "float")))) }
    static func toNumber(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        guard a[0].isNumber else { throw .type("num", expected: "a number", found: a[0]) }
        return a[0]
    }
    static func toBigInteger(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try Numbers.toBigInteger(a[0]) }
    static func toDecimal(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try Numbers.toDecimal(a[0]) }
    static func rationalize(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try Numbers.rationalize(a[0]) }
    static func numerator(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try Numbers.numerator(a[0]) }
    static func denominator(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try Numbers.denominator(a[0]) }

    @inline(__always) private static func wrapping(
        _ a: Arguments, _ operation: String, _ ints: (Int64, Int64) -> Int64, _ other: Operation
    ) throws(Fault) -> Value {
        if case .int(let x) = a[0], case .int(let y) = a[1] { return .int(ints(x, y)) }
        return try other(a[0], a[1])
    }

    static func uncheckedAdd(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try wrapping(a, "unchecked-add", &+, Numbers.add) }
    static func uncheckedSubtract(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try wrapping(a, "unchecked-subtract", &-, Numbers.subtract)
    }
    static func uncheckedMultiply(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try wrapping(a, "unchecked-multiply", &*, Numbers.multiply)
    }
    static func uncheckedIncrement(_ a: Arguments, _: Fiber) throws(Fault) -> Value { .int(try long(a[0]) &+ 1) }
    static func uncheckedDecrement(_ a: Arguments, _: Fiber) throws(Fault) -> Value { .int(try long(a[0]) &- 1) }
    static func uncheckedNegate(_ a: Arguments, _: Fiber) throws(Fault) -> Value { .int(0 &- (try long(a[0]))) }
    static func uncheckedInt(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        .int(Int64(Int32(truncatingIfNeeded: try long(a[0]))))
    }
}

// Bits of 64-bit integers; shift distances wrap at 64, as Clojure's do.
extension NumberPrimitives {
    private static func bitFold(_ a: Arguments, _ operation: String, _ combine: (Int64, Int64) -> Int64) throws(Fault) -> Value {
        var result = try a.int(0, operation)
        for index in 1..<a.count { result = combine(result, try a.int(index, operation)) }
        return .int(result)
    }

    static func bitAnd(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try bitFold(a, "bit-and", &) }
    static func bitOr(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try bitFold(a, "bit-or", |) }
    static func bitXor(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try bitFold(a, "bit-xor", ^) }
    static func bitAndNot(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try bitFold(a, "bit-and-not") { $0 & ~$1 } }
    static func bitNot(_ a: Arguments, _: Fiber) throws(Fault) -> Value { .int(~(try a.int(0, "bit-not"))) }
    static func shiftLeft(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        .int(try a.int(0, "bit-shift-left") &<< (try a.int(1, "bit-shift-left")))
    }
    static func shiftRight(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        .int(try a.int(0, "bit-shift-right") &>> (try a.int(1, "bit-shift-right")))
    }
    static func unsignedShiftRight(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        let value = UInt64(bitPattern: try a.int(0, "unsigned-bit-shift-right"))
        return .int(Int64(bitPattern: value &>> UInt64(bitPattern: try a.int(1, "unsigned-bit-shift-right"))))
    }
    static func bitSet(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        .int(try a.int(0, "bit-set") | 1 &<< (try a.int(1, "bit-set")))
    }
    static func bitClear(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        .int(try a.int(0, "bit-clear") & ~(1 &<< (try a.int(1, "bit-clear"))))
    }
    static func bitFlip(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        .int(try a.int(0, "bit-flip") ^ (1 &<< (try a.int(1, "bit-flip"))))
    }
    static func bitTest(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        .bool((try a.int(0, "bit-test") &>> (try a.int(1, "bit-test"))) & 1 == 1)
    }
}
