/// An integer of any size up to `bitLimit`.
package struct BigInt: Equatable, Comparable, Sendable {
    /// Least significant first, no zeros at the top; zero has none.
    let magnitude: [UInt64]
    let isNegative: Bool

    /// Results may have this many bits (some 315,000 decimal digits): one operation on larger numbers would run longer than
    /// a budget can be overdrawn (N6).
    package static let bitLimit = 1 << 20

    init(magnitude: [UInt64], isNegative: Bool) {
        self.magnitude = magnitude
        self.isNegative = isNegative && !magnitude.isEmpty
    }

    package init(_ value: Int64) {
        self.init(magnitude: value == 0 ? [] : [value.magnitude], isNegative: value < 0)
    }

    static let zero = BigInt(0)
    static let one = BigInt(1)

    package var isZero: Bool { magnitude.isEmpty }
    var isOne: Bool { !isNegative && magnitude == [1] }
    var isOdd: Bool { (magnitude.first ?? 0) & 1 == 1 }
    /// -1, 0 or 1.
    package var signum: Int { isNegative ? -1 : isZero ? 0 : 1 }
    /// Bits of the magnitude.
    package var bitWidth: Int { Limbs.bitWidth(magnitude) }

    /// The value, when it fits 64 bits.
    package var int64: Int64? {
        guard magnitude.count <= 1 else { return nil }
        let limb = magnitude.first ?? 0
        if isNegative { return limb <= 1 << 63 ? Int64(truncatingIfNeeded: 0 &- limb) : nil }
        return Int64(exactly: limb)
    }

    /// The low 64 bits of the two's complement.
    var low64: Int64 {
        let limb = magnitude.first ?? 0
        return Int64(truncatingIfNeeded: isNegative ? 0 &- limb : limb)
    }

    var negated: BigInt { BigInt(magnitude: magnitude, isNegative: !isNegative) }
    var absolute: BigInt { BigInt(magnitude: magnitude, isNegative: false) }

    package static func < (a: BigInt, b: BigInt) -> Bool { a.compare(b) < 0 }

    /// Negative, zero or positive.
    func compare(_ other: BigInt) -> Int {
        if isNegative != other.isNegative { return isNegative ? -1 : 1 }
        let byMagnitude = Limbs.compare(magnitude, other.magnitude)
        return isNegative ? -byMagnitude : byMagnitude
    }

    package static func + (a: BigInt, b: BigInt) -> BigInt {
        if a.isNegative == b.isNegative {
            return BigInt(magnitude: Limbs.add(a.magnitude, b.magnitude), isNegative: a.isNegative)
        }
        return Limbs.compare(a.magnitude, b.magnitude) >= 0
            ? BigInt(magnitude: Limbs.subtract(a.magnitude, b.magnitude), isNegative: a.isNegative)
            : BigInt(magnitude: Limbs.subtract(b.magnitude, a.magnitude), isNegative: b.isNegative)
    }

    package static func - (a: BigInt, b: BigInt) -> BigInt { a + b.negated }

    package static func * (a: BigInt, b: BigInt) -> BigInt {
        BigInt(magnitude: Limbs.multiply(a.magnitude, b.magnitude), isNegative: a.isNegative != b.isNegative)
    }

    /// Rounds the quotient towards zero; the remainder has the sign of `self`. `divisor` is not zero.
    package func divided(by divisor: BigInt) -> (quotient: BigInt, remainder: BigInt) {
        let (quotient, remainder) = Limbs.divide(magnitude, divisor.magnitude)
        return (
            BigInt(magnitude: quotient, isNegative: isNegative != divisor.isNegative),
            BigInt(magnitude: remainder, isNegative: isNegative)
        )
    }

    /// × 2^bits.
    func shiftedLeft(_ bits: Int) -> BigInt {
        BigInt(magnitude: Limbs.shiftLeft(magnitude, bits), isNegative: isNegative)
    }

    /// ÷ 2^bits, towards zero.
    func shiftedRight(_ bits: Int) -> BigInt {
        BigInt(magnitude: Limbs.shiftRight(magnitude, bits), isNegative: isNegative)
    }

    package func power(_ exponent: Int) -> BigInt {
        var result = BigInt.one
        var square = self
        var left = exponent
        while left > 0 {
            if left & 1 == 1 { result = result * square }
            left >>= 1
            if left > 0 { square = square * square }
        }
        return result
    }

    /// 10^exponent, as 5^exponent shifted.
    static func powerOfTen(_ exponent: Int) -> BigInt { BigInt(5).power(exponent).shiftedLeft(exponent) }

    /// Divides by `factor` as often as nothing is left over, `atMost` times; the count too. Not for zero.
    ///
    /// By powers of the factor that halve, so that many factors take few divisions.
    func removing(factor: BigInt, atMost limit: Int = .max) -> (BigInt, count: Int) {
        var (rest, count) = (self, 0)
        var step = 1
        while step <= limit / 2, factor.bitWidth * step <= rest.bitWidth { step *= 2 }
        while step > 0 {
            let fits = count + step <= limit
            let (quotient, remainder) = fits ? rest.divided(by: factor.power(step)) : (rest, .one)
            if remainder.isZero {
                (rest, count) = (quotient, count + step)
            } else {
                step /= 2
            }
        }
        return (rest, count)
    }

    /// Mixes all limbs; a value that fits 64 bits hashes as the small integer does.
    var hash: UInt32 {
        if let small = int64 { return Hashing.int(small) }
        var state: UInt64 = isNegative ? 0x5851_f42d_4c95_7f2d : 0x1405_7b7e_f767_814f
        for limb in magnitude { state = (state ^ limb) &* 0x9e37_79b9_7f4a_7c15 ^ state >> 29 }
        return Hashing.int(Int64(bitPattern: state))
    }
}

// The greatest common divisor.
extension BigInt {
    /// Never negative; 0 for two zeros.
    package func greatestCommonDivisor(_ other: BigInt) -> BigInt {
        greatestCommonDivisor(other) { () throws(Never) in }
    }

    /// The same, which takes long for large numbers: `look` is called now and then, and stops it by throwing.
    ///
    /// Lehmer's algorithm: most steps of Euclid's are done on the leading bits alone.
    func greatestCommonDivisor<Stop: Error>(_ other: BigInt, _ look: () throws(Stop) -> Void) throws(Stop) -> BigInt {
        var (a, b) = (magnitude, other.magnitude)
        if Limbs.compare(a, b) < 0 { swap(&a, &b) }
        while b.count > 1 {
            try look()
            guard let step = LehmerStep(a, b) else {
                (a, b) = (b, Limbs.divide(a, b).remainder)
                continue
            }
            step.apply(to: &a, &b)
            if Limbs.compare(a, b) < 0 { swap(&a, &b) }
        }
        guard !b.isEmpty else { return BigInt(magnitude: a, isNegative: false) }
        var (x, y) = (b[0], Limbs.divide(&a, by: b[0]))
        while y != 0 { (x, y) = (y, x % y) }
        return BigInt(magnitude: [x], isNegative: false)
    }

    /// Several steps of Euclid's algorithm as one matrix, as far as the leading 62 bits decide their quotients.
    private struct LehmerStep {
        private var (a, b, c, d): (Int64, Int64, Int64, Int64) = (1, 0, 0, 1)

        /// Nil when the leading bits decide not even one step.
        init?(_ large: [UInt64], _ small: [UInt64]) {
            let shift = Limbs.bitWidth(large) - 62
            var x = Int64(truncatingIfNeeded: Limbs.window(large, shift))
            var y = Int64(truncatingIfNeeded: Limbs.window(small, shift))
            while y + c != 0, y + d != 0 {
                let quotient = (x + a) / (y + c)
                guard quotient == (x + b) / (y + d) else { break }
                guard let nextC = LehmerStep.reduce(a, quotient, c), let nextD = LehmerStep.reduce(b, quotient, d)
                else { break }
                (a, b, c, d) = (c, d, nextC, nextD)
                (x, y) = (y, x - quotient * y)
            }
            if b == 0 { return nil }
        }

        private static func reduce(_ value: Int64, _ quotient: Int64, _ by: Int64) -> Int64? {
            let (product, overflow) = quotient.multipliedReportingOverflow(by: by)
            // Sums with the 62 leading bits must not overflow either.
            guard !overflow, product.magnitude < 1 << 61, value.magnitude < 1 << 61 else { return nil }
            return value - product
        }

        /// (x, y) becomes (a × x + b × y, c × x + d × y): remainders, which are not negative and no larger.
        func apply(to x: inout [UInt64], _ y: inout [UInt64]) {
            Limbs.charge(products: 4 * x.count)
            let width = y.count
            x.withUnsafeMutableBufferPointer { x in
                y.withUnsafeMutableBufferPointer { y in
                    var carries: (Int128, Int128) = (0, 0)
                    for index in x.indices {
                        let (large, small) = (Int128(x[index]), Int128(index < width ? y[index] : 0))
                        carries.0 += Int128(a) * large + Int128(b) * small
                        x[index] = UInt64(truncatingIfNeeded: carries.0)
                        carries.0 >>= 64
                        carries.1 += Int128(c) * large + Int128(d) * small
                        if index < width { y[index] = UInt64(truncatingIfNeeded: carries.1) }
                        carries.1 >>= 64
                    }
                }
            }
            Limbs.trim(&x)
            Limbs.trim(&y)
        }
    }
}

// Doubles.
extension BigInt {
    /// The nearest double, ties to even; infinite beyond the range.
    package var double: Double {
        let excess = bitWidth - 64
        guard excess > 0 else {
            let value = Double(magnitude.first ?? 0)
            return isNegative ? -value : value
        }
        guard excess <= 960 else { return isNegative ? -.infinity : .infinity }
        // A bit below the 64 leading ones stands for all that were dropped, so that the conversion rounds once.
        let lost = Limbs.trailingZeroBits(magnitude) < excess
        let leading = Limbs.shiftRight(magnitude, excess)[0] | (lost ? 1 : 0)
        let value = Double(sign: .plus, exponent: excess, significand: Double(leading))
        return isNegative ? -value : value
    }
}
