import Testing

@testable import Values

/// N2: the numeric tower.
@Suite struct NumbersTests {
    static func rows(_ table: String) -> [String] { table.split(separator: "\n").map(String.init) }

    private func number(_ literal: Substring) throws -> Value {
        switch literal {
        case "##NaN": return .double(.nan)
        case "##Inf": return .double(.infinity)
        case "##-Inf": return .double(-.infinity)
        default: break
        }
        let parsed = Array(literal.utf8).withUnsafeBufferPointer { Numbers.parse($0) }
        guard case .number(let value) = parsed else {
            Issue.record("\(literal) is not a number")
            return .nil
        }
        return value
    }

    /// The printed result, or `!` and the class of the exception.
    private func outcome(_ body: () throws(Fault) -> Value) -> String {
        do {
            return try Printer.readable(body())
        } catch {
            guard case Fault.thrown(let exception) = error else { return "another fault" }
            return "!" + exception.type.rawValue
        }
    }

    typealias Binary = @Sendable (Value, Value) throws(Fault) -> Value
    typealias Unary = @Sendable (Value) throws(Fault) -> Value

    static let binaryOperations: [String: Binary] = [
        "+": Numbers.add, "-": Numbers.subtract, "*": Numbers.multiply, "/": Numbers.divide, "+'": Numbers.addPromoting,
        "-'": Numbers.subtractPromoting, "*'": Numbers.multiplyPromoting, "quot": Numbers.quotient,
        "rem": Numbers.remainder, "mod": Numbers.modulo, "max": Numbers.maximum, "min": Numbers.minimum,
        "==": { (a, b) throws(Fault) in .bool(try Numbers.isEqual(a, b)) },
        "=": { (a, b) throws(Fault) in .bool(try a.equals(b)) },
        "<": { (a, b) throws(Fault) in .bool(try Numbers.less(a, b)) },
        "<=": { (a, b) throws(Fault) in .bool(try Numbers.lessOrEqual(a, b)) },
        "compare": { (a, b) throws(Fault) in .int(Int64(try Numbers.compare(a, b))) },
        "bit-and": Numbers.bitAnd, "bit-or": Numbers.bitOr, "bit-xor": Numbers.bitXor, "bit-and-not": Numbers.bitAndNot,
        "bit-shift-left": Numbers.shiftLeft, "bit-shift-right": Numbers.shiftRight,
        "unsigned-bit-shift-right": Numbers.unsignedShiftRight, "bit-set": Numbers.bitSet,
        "bit-clear": Numbers.bitClear,
        "bit-flip": Numbers.bitFlip, "bit-test": { (a, b) throws(Fault) in .bool(try Numbers.bitTest(a, b)) },
    ]

    static let unaryOperations: [String: Unary] = [
        "inc": Numbers.increment, "dec": Numbers.decrement, "inc'": Numbers.incrementPromoting,
        "dec'": Numbers.decrementPromoting, "-": Numbers.negate, "-'": Numbers.negatePromoting, "abs": Numbers.absolute,
        "bit-not": Numbers.bitNot, "rationalize": Numbers.rationalize, "numerator": Numbers.numerator,
        "denominator": Numbers.denominator, "bigint": Numbers.bigint, "bigdec": Numbers.bigdec,
        "even?": { (a) throws(Fault) in .bool(try Numbers.isEven(a)) },
        "odd?": { (a) throws(Fault) in .bool(try Numbers.isOdd(a)) },
        "pos?": { (a) throws(Fault) in .bool(try Numbers.isPositive(a)) },
        "neg?": { (a) throws(Fault) in .bool(try Numbers.isNegative(a)) },
        "zero?": { (a) throws(Fault) in .bool(try Numbers.isZero(a)) },
        "long": { (a) throws(Fault) in .int(try Numbers.long(a)) },
        "int": { (a) throws(Fault) in .int(try Numbers.int(a)) },
        "short": { (a) throws(Fault) in .int(try Numbers.short(a)) },
        "byte": { (a) throws(Fault) in .int(try Numbers.byte(a)) },
        "double": { (a) throws(Fault) in .double(try Numbers.double(a)) },
        "float": Numbers.float,
    ]

    @Test(arguments: rows(binaryNumberCases)) func binaryOperation(row: String) throws {
        let parts = row.split(separator: " ", maxSplits: 4)
        let operation = try #require(Self.binaryOperations[String(parts[0])])
        let (a, b) = (try number(parts[1]), try number(parts[2]))
        #expect(outcome { () throws(Fault) in try operation(a, b) } == parts[4])
    }

    @Test(arguments: rows(unaryNumberCases)) func unaryOperation(row: String) throws {
        let parts = row.split(separator: " ", maxSplits: 3)
        let operation = try #require(Self.unaryOperations[String(parts[0])])
        let a = try number(parts[1])
        #expect(outcome { () throws(Fault) in try operation(a) } == parts[3])
    }

    @Test(arguments: rows(literalNumberCases)) func literal(row: String) throws {
        let equals = try #require(row.firstRange(of: " = "))
        let (token, expected) = (row[..<equals.lowerBound], row[equals.upperBound...])
        switch Array(token.utf8).withUnsafeBufferPointer({ Numbers.parse($0) }) {
        case .number(let value): #expect(try Printer.readable(value) == expected)
        case .invalid(_, let message): #expect("!" + message == expected)
        }
    }

    /// Equal numbers hash alike, whatever their form.
    @Test func hashesFollowEquality() throws {
        let groups: [[Substring]] = [
            ["1", "1N"], ["-9223372036854775808", "-9223372036854775808N"], ["1.0M", "1.00M", "1M"],
            ["100M", "1E+2M", "1e2M"],
            ["0M", "0.00M", "0E+5M"], ["1/2", "2/4"], ["18446744073709551616", "18446744073709551616N"],
            ["0.0", "-0.0"],
        ]
        for group in groups {
            let values = try group.map(number)
            for value in values {
                #expect(try value.equals(values[0]))
                #expect(try value.hashCode() == values[0].hashCode())
            }
        }
        #expect(try number("18446744073709551617").hashCode() != number("18446744073709551616").hashCode())
        #expect(try number("1/2").hashCode() != number("1/3").hashCode())
    }

    /// N4: what was asked for and what was found.
    @Test func wrongTypesAreNamed() {
        let cases: [(String, () throws(Fault) -> Value)] = [
            (
                "+ expected a number, but found the string \"a\"",
                { () throws(Fault) in try Numbers.add(.int(1), .string("a")) }
            ),
            ("- expected a number, but found nil", { () throws(Fault) in try Numbers.negate(.nil) }),
            (
                "> expected a number, but found nil",
                { () throws(Fault) in .bool(try Numbers.less(.nil, .int(1), operation: ">")) }
            ),
            (
                "long expected a number, but found the string \"1\"",
                { () throws(Fault) in .int(try Numbers.long(.string("1"))) }
            ),
        ]
        for (message, body) in cases {
            #expect {
                _ = try body()
            } throws: { error in
                guard case Fault.thrown(let exception) = error else { return false }
                return exception.type == .classCast && exception.message == message
            }
        }
    }

    /// N6: no operation makes a number that takes minutes to work with.
    @Test func sizesAreBounded() throws {
        var value = try Numbers.bigint(.int(.max))
        var rounds = 0
        while rounds < 100, let next = try? Numbers.multiply(value, value) {
            value = next
            rounds += 1
        }
        // 63 bits doubled 14 times are the last to fit 2^20.
        #expect(rounds == 14)
        #expect(throws: Fault.self) { try Numbers.add(number("1e10000000M"), number("1M")) }
        #expect(throws: Fault.self) { try Numbers.rationalize(number("1e-10000000M")) }
        #expect(throws: Fault.self) { try Numbers.bigint(number("1e10000000M")) }
    }

    static let longs: [(String, Int64?)] = [
        ("+12", 12), ("-12", -12), ("9223372036854775807", .max), ("9223372036854775808", nil),
        ("-9223372036854775808", .min), ("1_0", nil), ("", nil), ("-", nil), (" 1", nil), ("1.0", nil), ("007", 7),
        ("1N", nil),
    ]

    @Test(arguments: longs) func parsesLongs(text: String, expected: Int64?) {
        #expect(Numbers.parseLong(Text(text)) == expected)
    }

    static let doubles: [(String, Double?)] = [
        ("1.5f", 1.5), ("1.5D", 1.5), (" 1e3 ", 1000), ("Infinity", .infinity), ("-Infinity", -.infinity), ("0x1p3", 8),
        ("1.", 1), (".5", 0.5), ("", nil), ("1e400", .infinity), ("-0", -0.0), ("inf", nil), ("nan", nil), ("1,5", nil),
        ("--1", nil), ("0x10", nil), (".", nil), ("1e", nil), ("e5", nil), ("+2.5e-1", 0.25), ("f", nil),
        ("4.9E-324", Double.leastNonzeroMagnitude), ("9007199254740993", 9_007_199_254_740_992), ("-", nil),
        ("+-1", nil), ("1ff", nil),
    ]

    @Test(arguments: doubles) func parsesDoubles(text: String, expected: Double?) {
        let parsed = Numbers.parseDouble(Text(text))
        #expect(parsed == expected)
        #expect(parsed?.sign == expected?.sign)
    }

    @Test func textsBecomeExactNumbers() throws {
        let digits = "-123456789012345678901234567890"
        #expect(try Printer.readable(Numbers.bigint(.string(digits))) == digits + "N")
        #expect(try Printer.readable(Numbers.bigdec(.string("1.50"))) == "1.50M")
        #expect(throws: Fault.self) { try Numbers.bigint(.string("1x")) }
        #expect(throws: Fault.self) { try Numbers.bigdec(.string("")) }
    }

    /// Sums and products of ratios and big integers obey the laws they obey on paper.
    @Test func lawsHold() throws {
        var random = SplitMix(seed: 5)
        func operand() throws -> Value {
            let top = random.bigInt(limbs: 3)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: return .int(Int64.random(in: -1000...1000, using: &random))
            case 1: return .object(BigInteger(top))
            case 2: return try Numbers.ratio(top, random.bigInt(limbs: 2).absolute + .one)
            default: return .object(Decimal(top, scale: Int.random(in: -20...20, using: &random)))
            }
        }
        // A decimal beside a ratio may have no end: those pairs are skipped.
        for _ in 0..<300 {
            let (a, b, c) = (try operand(), try operand(), try operand())
            guard let sum = try? Numbers.add(a, b), let product = try? Numbers.multiply(a, Numbers.add(b, c)),
                let expanded = try? Numbers.add(Numbers.multiply(a, b), Numbers.multiply(a, c))
            else { continue }
            #expect(try Numbers.isEqual(sum, Numbers.add(b, a)))
            #expect(try Numbers.isEqual(product, expanded))
            #expect(try Numbers.isEqual(Numbers.subtract(sum, b), a))
            #expect(try Numbers.compare(a, b) == -Numbers.compare(b, a))
            guard try !Numbers.isZero(b), let quotient = try? Numbers.divide(a, b) else { continue }
            #expect(try Numbers.isEqual(Numbers.multiply(quotient, b), a))
            let whole = try Numbers.multiply(Numbers.quotient(a, b), b)
            #expect(try Numbers.isEqual(Numbers.add(whole, Numbers.remainder(a, b)), a))
        }
    }

    /// The first numbers of Vigna's own program, for the seed 1234567.
    @Test func splitMixIsVignas() {
        var random = SplitMix(seed: 1_234_567)
        let expected: [UInt64] = [
            6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
            4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
        ]
        #expect(expected.map { _ in random.next() } == expected)
    }
}
