import Reader
import Testing
import Values

/// What the printer writes, the reader reads back as an equal value; what JSON writes too, for values JSON has.
struct RoundTripTests {
    /// Makes values out of a seed.
    struct Maker {
        var random: SplitMix
        /// Only what JSON keeps apart: no keywords, no sets, keys are strings.
        var isJSON = false

        mutating func value(_ depth: Int) throws -> Value {
            let kinds = depth > 0 ? 14 : 9
            switch Int.random(in: 0..<kinds, using: &random) {
            case 0: return .nil
            case 1: return .bool(Bool.random(using: &random))
            case 2: return .int(Int64.random(in: -100...100, using: &random))
            case 3: return .int(Int64(bitPattern: random.next()))
            case 4:
                let double = Double(bitPattern: random.next())
                return .double(double.isNaN || (isJSON && !double.isFinite) ? 0.1 : double)
            case 5: return .double(Double(Int.random(in: -100_000...100_000, using: &random)) / 100)
            case 6, 7: return .string(string())
            case 8: return isJSON ? .nil : try atom()
            case 9, 10: return .vector(try elements(depth))
            case 11: return isJSON ? .vector([]) : .list(try elements(depth))
            case 12: return try isJSON ? .vector([]) : set(depth)
            default: return try map(depth)
            }
        }

        private mutating func string() -> String {
            let alphabet = Array("ab \"\\\n\t\r\u{8}\u{c}\u{1}\u{7f}é日😀/;#".unicodeScalars)
            let count = Int.random(in: 0...12, using: &random)
            return String(String.UnicodeScalarView((0..<count).map { _ in alphabet.randomElement(using: &random)! }))
        }

        private mutating func atom() throws -> Value {
            let words = ["a", "b.c/d", "+", "/", "->x", "é", "a'", "k#", "clojure.core//", "x/y/z"]
            let word = words.randomElement(using: &random)!
            let numbers = [
                "7N", "-123456789012345678901234567890", "22/7", "-1/3", "1.50M", "-1E+30M", "0.000001M", "0M",
            ]
            switch Int.random(in: 0..<6, using: &random) {
            case 5: return try #require(try readData(numbers.randomElement(using: &random)!, testNames))
            case 0: return .keyword(testNames.intern(word))
            case 1: return .symbol(testNames.intern(word))
            case 2: return .char([0x61, 0x0a, 0x20, 0xe9, 0x65e5, 0x1f600, 0x22, 0x5c].randomElement(using: &random)!)
            case 3:
                return .object(
                    Instant(milliseconds: Int64.random(in: -60_000_000_000_000...250_000_000_000_000, using: &random)))
            default: return .object(UUIDValue(high: random.next(), low: random.next()))
            }
        }

        private mutating func elements(_ depth: Int) throws -> [Value] {
            try (0..<Int.random(in: 0...5, using: &random)).map { _ in try value(depth - 1) }
        }

        private mutating func set(_ depth: Int) throws -> Value {
            var set = HashSet()
            for element in try elements(depth) { try HashSet.insert(&set, element) }
            return .set(set)
        }

        private mutating func map(_ depth: Int) throws -> Value {
            var map = HashMap()
            for element in try elements(depth) {
                try HashMap.set(&map, isJSON ? .string(string()) : value(depth - 1), element)
            }
            return .map(map)
        }
    }

    @Test(arguments: 1...40 as ClosedRange<UInt64>) func edn(_ seed: UInt64) throws {
        var maker = Maker(random: SplitMix(seed: seed))
        for _ in 0..<10 {
            let value = try maker.value(4)
            let text = try Printer.readable(value)
            let back = try #require(try readData(text, testNames), "\(text)")
            #expect(try back.equals(value), "\(text)")
            #expect(try back.hashCode() == value.hashCode(), "\(text)")
        }
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>, [false, true]) func json(_ seed: UInt64, _ pretty: Bool) throws {
        var maker = Maker(random: SplitMix(seed: seed), isJSON: true)
        var style = JSON.Style()
        style.pretty = pretty
        style.escapesUnicode = seed % 2 == 0
        for _ in 0..<10 {
            let value = try maker.value(4)
            let bytes = try JSON.write(value, style: style)
            let back = try JSON.read(Source(name: "j", bytes: bytes))
            #expect(try back.equals(value), "\(String(decoding: bytes, as: UTF8.self))")
        }
    }

    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000-00:00"), (-1, "1969-12-31T23:59:59.999-00:00"),
            (951_782_400_000, "2000-02-29T00:00:00.000-00:00"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999-00:00"),
            (-62_135_596_800_000, "0001-01-01T00:00:00.000-00:00"),
            (1_706_702_400_500, "2024-01-31T12:00:00.500-00:00"),
        ] as [(Int64, String)])
    func instants(_ milliseconds: Int64, _ text: String) throws {
        #expect(Instant(milliseconds: milliseconds).description == text)
        #expect(Instant(parsing: text.utf8)?.milliseconds == milliseconds)
    }

    @Test(
        arguments: [
            ("2024", 1_704_067_200_000), ("2024-02", 1_706_745_600_000), ("2024-02-29T01", 1_709_168_400_000),
            ("2024-01-01T00:00:00.1234567890Z", 1_704_067_200_123), ("2024-01-01T00:00:00+01:30", 1_704_061_800_000),
            ("2016-12-31T23:59:60Z", 1_483_228_800_000),
        ] as [(String, Int64)])
    func partsOfInstants(_ text: String, _ milliseconds: Int64) {
        #expect(Instant(parsing: text.utf8)?.milliseconds == milliseconds)
    }

    @Test(arguments: [
        "", "24", "2024-13", "2024-00", "2023-02-29", "2024-01-01T24", "2024-01-01T00:60", "2024-01-01T00:00:60",
        "2024-01-01 00:00",
        "2024-01-01T00:00:00.", "2024-01-01T00:00:00+1", "2024-01-01T00:00:00+24:00", "2024-01-01T00:00:00z", "2024x",
        "-2024",
    ])
    func refusesInstants(_ text: String) { #expect(Instant(parsing: text.utf8) == nil) }
}
