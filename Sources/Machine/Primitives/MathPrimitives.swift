import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// `Math/…` and `clojure.math`.
enum MathPrimitives {
    static let math = PrimitiveFamily("Math", shared + javaOnly)
    static let clojure = PrimitiveFamily("clojure.math", shared + clojureOnly)

    private static let shared: [Primitive] = [
        Primitive("sin", 1) { (a, _) throws(Fault) in .double(sin(try a.double(0, "sin"))) },
        Primitive("cos", 1) { (a, _) throws(Fault) in .double(cos(try a.double(0, "cos"))) },
        Primitive("tan", 1) { (a, _) throws(Fault) in .double(tan(try a.double(0, "tan"))) },
        Primitive("asin", 1) { (a, _) throws(Fault) in .double(asin(try a.double(0, "asin"))) },
        Primitive("acos", 1) { (a, _) throws(Fault) in .double(acos(try a.double(0, "acos"))) },
        Primitive("atan", 1) { (a, _) throws(Fault) in .double(atan(try a.double(0, "atan"))) },
        Primitive("atan2", 2) { (a, _) throws(Fault) in
            .double(atan2(try a.double(0, "atan2"), try a.double(1, "atan2")))
        },
        Primitive("sinh", 1) { (a, _) throws(Fault) in .double(sinh(try a.double(0, "sinh"))) },
        Primitive("cosh", 1) { (a, _) throws(Fault) in .double(cosh(try a.double(0, "cosh"))) },
        Primitive("tanh", 1) { (a, _) throws(Fault) in .double(tanh(try a.double(0, "tanh"))) },
        Primitive("exp", 1) { (a, _) throws(Fault) in .double(exp(try a.double(0, "exp"))) },
        Primitive("expm1", 1) { (a, _) throws(Fault) in .double(expm1(try a.double(0, "expm1"))) },
        Primitive("log", 1) { (a, _) throws(Fault) in .double(log(try a.double(0, "log"))) },
        Primitive("log10", 1) { (a, _) throws(Fault) in .double(log10(try a.double(0, "log10"))) },
        Primitive("log1p", 1) { (a, _) throws(Fault) in .double(log1p(try a.double(0, "log1p"))) },
        Primitive("sqrt", 1) { (a, _) throws(Fault) in .double(try a.double(0, "sqrt").squareRoot()) },
        Primitive("cbrt", 1) { (a, _) throws(Fault) in .double(cbrt(try a.double(0, "cbrt"))) },
        Primitive("pow", 2) { (a, _) throws(Fault) in .double(power(try a.double(0, "pow"), try a.double(1, "pow"))) },
        Primitive("hypot", 2) { (a, _) throws(Fault) in
            .double(hypot(try a.double(0, "hypot"), try a.double(1, "hypot")))
        },
        Primitive("floor", 1) { (a, _) throws(Fault) in .double(try a.double(0, "floor").rounded(.down)) },
        Primitive("ceil", 1) { (a, _) throws(Fault) in .double(try a.double(0, "ceil").rounded(.up)) },
        Primitive("rint", 1) { (a, _) throws(Fault) in .double(try a.double(0, "rint").rounded(.toNearestOrEven)) },
        Primitive("round", 1, round), Primitive("signum", 1, signum),
        Primitive("random", 0) { (_, fiber) in .double(fiber.instance.random.unit()) },
        Primitive("floorDiv", 2, floorDivide), Primitive("floorMod", 2, floorModulo),
    ]

    private static let javaOnly: [Primitive] = [
        Primitive("abs", 1) { (a, _) throws(Fault) in try Numbers.absolute(a[0]) },
        Primitive("max", 2) { (a, _) throws(Fault) in try Numbers.maximum(a[0], a[1]) },
        Primitive("min", 2) { (a, _) throws(Fault) in try Numbers.minimum(a[0], a[1]) },
        Primitive("toRadians", 1) { (a, _) throws(Fault) in .double(try a.double(0, "toRadians") * (.pi / 180)) },
        Primitive("toDegrees", 1) { (a, _) throws(Fault) in .double(try a.double(0, "toDegrees") * (180 / .pi)) },
        Primitive("addExact", 2) { (a, _) throws(Fault) in try Numbers.add(a[0], a[1]) },
        Primitive("multiplyExact", 2) { (a, _) throws(Fault) in try Numbers.multiply(a[0], a[1]) },
    ]

    private static let clojureOnly: [Primitive] = [
        Primitive("to-radians", 1) { (a, _) throws(Fault) in .double(try a.double(0, "to-radians") * (.pi / 180)) },
        Primitive("to-degrees", 1) { (a, _) throws(Fault) in .double(try a.double(0, "to-degrees") * (180 / .pi)) },
        Primitive("floor-div", 2, floorDivide), Primitive("floor-mod", 2, floorModulo),
    ]

    /// C's `pow` gives 1 for 1 to any power; Java's gives NaN for a NaN exponent and for 1 to an infinite one.
    private static func power(_ base: Double, _ exponent: Double) -> Double {
        if exponent.isNaN || (base.magnitude == 1 && exponent.isInfinite) { return .nan }
        return pow(base, exponent)
    }

    /// The nearest 64-bit integer, halves up; beyond the range its nearest end, and 0 for NaN.
    static func round(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        let value = try a.double(0, "round")
        guard !value.isNaN else { return .int(0) }
        guard value.magnitude < 0x1p52 else {
            return .int(value >= 0x1p63 ? .max : value <= -0x1p63 ? .min : Int64(value))
        }
        let below = value.rounded(.down)
        return .int(Int64(value - below >= 0.5 ? below + 1 : below))
    }

    static func signum(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        let value = try a.double(0, "signum")
        return .double(value > 0 ? 1 : value < 0 ? -1 : value)
    }

    static func floorDivide(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        let (x, y) = (try Numbers.long(a[0]), try Numbers.long(a[1]))
        guard y != 0 else { throw .arithmetic("division by zero") }
        let (quotient, overflow) = x.dividedReportingOverflow(by: y)
        if overflow { return .int(x) }
        return .int(x % y != 0 && (x < 0) != (y < 0) ? quotient - 1 : quotient)
    }

    static func floorModulo(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try Numbers.modulo(.int(try Numbers.long(a[0])), .int(try Numbers.long(a[1])))
    }
}
