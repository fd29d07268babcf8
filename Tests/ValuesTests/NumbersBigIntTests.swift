import Testing

@testable import Values

extension SplitMix {
    /// Up to `limbs` limbs, many of them at the edges, where carries run.
    mutating func bigInt(limbs: Int) -> BigInt {
        let count = Int.random(in: 0...limbs, using: &self)
        let edges = Bool.random(using: &self)
        let magnitude = (0..<count).map { _ -> UInt64 in
            edges ? [0, 1, .max, 1 << 63, .max - 1, next()].randomElement(using: &self)! : next()
        }
        return BigInt(magnitude: Limbs.trimmed(magnitude), isNegative: Bool.random(using: &self))
    }
}

extension BigInt {
    /// From digits with an optional sign.
    init(_ text: some StringProtocol, radix: Int) throws {
        let isNegative = text.first == "-"
        let digits = Array(text.utf8.dropFirst(isNegative ? 1 : 0))
        self = try #require(digits.withUnsafeBufferPointer { BigInt(digits: $0, radix: radix, isNegative: isNegative) })
    }
}

/// N2: integers of any size.
@Suite struct NumbersBigIntTests {
    @Test func agreesWithPython() throws {
        var checked = 0
        for line in bigIntCases.split(separator: "\n") {
            let parts = line.split(separator: " ")
            let (x, y) = (try BigInt(parts[1], radix: 16), try BigInt(parts[2], radix: 16))
            let result: String =
                switch parts[0] {
                case "add": hex(x + y)
                case "sub": hex(x - y)
                case "mul": hex(x * y)
                case "quot": hex(x.divided(by: y).quotient)
                case "rem": hex(x.divided(by: y).remainder)
                case "gcd": hex(x.greatestCommonDivisor(y))
                case "pow": hex(x.power(Int(y.int64!)))
                case "double": String(x.double.bitPattern, radix: 16)
                case "ratio": String(Ratio(x, y).double.bitPattern, radix: 16)
                case "radix": String(decoding: x.text(radix: Int(y.int64!)), as: UTF8.self)
                default: "unknown operation"
                }
            #expect(result == parts[3], "\(line)")
            if parts[0] == "radix" { #expect(try BigInt(parts[3], radix: Int(y.int64!)) == x) }
            checked += 1
        }
        #expect(checked > 600)
    }

    private func hex(_ value: BigInt) -> String { String(decoding: value.text(radix: 16), as: UTF8.self) }

    /// The laws of a ring, and of division, over sizes on both sides of the Karatsuba threshold.
    @Test(arguments: [UInt64(1), 2, 3]) func lawsHold(seed: UInt64) {
        var random = SplitMix(seed: seed)
        for round in 0..<60 {
            let size = round % 3 == 0 ? 200 : 12
            let (a, b, c) = (random.bigInt(limbs: size), random.bigInt(limbs: size), random.bigInt(limbs: size))
            #expect(a + b == b + a)
            #expect((a + b) - b == a)
            #expect(a * b == b * a)
            #expect(a * (b + c) == a * b + a * c)
            #expect((a * b) * c == a * (b * c))
            #expect((a < b) == (b - a).signum.isPositive)
            guard !b.isZero else { continue }
            let (quotient, remainder) = a.divided(by: b)
            #expect(quotient * b + remainder == a)
            #expect(remainder.absolute < b.absolute)
            #expect(remainder.isZero || remainder.isNegative == a.isNegative)
            #expect((a * b).divided(by: b).quotient == a)
            #expect(a.shiftedLeft(77).shiftedRight(77) == a)
        }
    }

    @Test func divisorsAreGreatest() {
        var random = SplitMix(seed: 7)
        for _ in 0..<25 {
            let (a, b, factor) = (random.bigInt(limbs: 30), random.bigInt(limbs: 30), random.bigInt(limbs: 20))
            let divisor = (a * factor).greatestCommonDivisor(b * factor)
            #expect(divisor == a.greatestCommonDivisor(b) * factor.absolute)
            guard !divisor.isZero else { continue }
            #expect((a * factor).divided(by: divisor).remainder.isZero)
            #expect((b * factor).divided(by: divisor).remainder.isZero)
        }
        // Consecutive Fibonacci numbers take Euclid's algorithm the most steps.
        var (x, y) = (BigInt.one, BigInt.one)
        for _ in 0..<2000 { (x, y) = (y, x + y) }
        #expect(x.greatestCommonDivisor(y).isOne)
    }

    @Test func digitsSurviveARoundTrip() throws {
        var random = SplitMix(seed: 11)
        for radix in [2, 3, 10, 16, 27, 36] {
            for limbs in [1, 20, 60, 300] {
                let value = random.bigInt(limbs: limbs)
                let text = String(decoding: value.text(radix: radix), as: UTF8.self)
                #expect(try BigInt(text, radix: radix) == value)
            }
        }
        // Zeros in the middle are kept where the digits are split.
        let power = BigInt.powerOfTen(3000) + .one
        #expect(power.description == "1" + String(repeating: "0", count: 2999) + "1")
        #expect(try BigInt(power.description, radix: 10) == power)
    }

    @Test func badDigitsAreRefused() {
        for text in ["", "-", "12a", " 1", "1_000"] {
            #expect(Array(text.utf8).withUnsafeBufferPointer { BigInt(digits: $0) } == nil)
        }
        #expect(Array("12".utf8).withUnsafeBufferPointer { BigInt(digits: $0, radix: 2) } == nil)
        let huge = [UInt8](repeating: UInt8(ascii: "9"), count: 700_000)
        #expect(huge.withUnsafeBufferPointer { BigInt(digits: $0) } == nil)
    }
}

extension Int {
    fileprivate var isPositive: Bool { self > 0 }
}
