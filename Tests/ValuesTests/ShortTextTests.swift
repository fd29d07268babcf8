import Testing

@testable import Values

/// A text of at most eight bytes is a value's own word, and nothing else tells it from a longer one.
@Suite struct ShortTextTests {
    /// Every length on both sides of the limit, with scalars of every width at every place, and zeros.
    private static let samples: [String] = {
        let wide = ["", "é", "→", "😀", "\0", "\u{7f}", "\u{80}"]
        return (0...10).flatMap { length -> [String] in
            let plain = String("abcdefghij".prefix(length))
            return wide.flatMap { [plain + $0, $0 + plain, String(plain.dropLast()) + $0 + "z"] }
        }
    }()

    private static func fits(_ string: String) -> Bool { string.utf8.count <= 8 && !string.utf8.contains(0) }

    @Test func aTextThatFitsIsShortHoweverItIsMade() throws {
        for string in ShortTextTests.samples {
            let text = Text(string)
            let surrounded = Text("<12345678" + string + ">")
            var builder = TextBuilder()
            builder.append(string)
            let made =
                [
                    .string(string), .text(text), text.withUTF8 { .text(validated: $0) }, builder.finishValue(),
                    .text(surrounded, slice: 9..<9 + text.byteCount),
                ] as [Value]
            for value in made {
                if case .shortText = value {
                    #expect(ShortTextTests.fits(string), "\(string)")
                } else {
                    #expect(!ShortTextTests.fits(string), "\(string)")
                }
                #expect(value.isText && value.stringValue == string && value.textValue.map { $0 == text } == true)
                #expect(try value.equals(made[0]) && value.hashCode() == made[0].hashCode(), "\(string)")
                #expect(try Sequences.count(value) == string.unicodeScalars.count, "\(string)")
            }
        }
    }

    /// Swift's scalars say which code points there are.
    @Test func itsCodePointsAreThoseOfTheText() throws {
        for string in ShortTextTests.samples {
            let value = Value.string(string)
            let scalars = string.unicodeScalars.map(\.value)
            for index in 0...scalars.count {
                let expected = index < scalars.count ? scalars[index] : nil
                for found in [try Collections.nth(value, index), try Collections.get(value, .int(Int64(index)))] {
                    if case .char(let scalar)? = found { #expect(scalar == expected) } else { #expect(expected == nil) }
                }
                #expect(try Collections.contains(value, .int(Int64(index))) == (expected != nil))
            }
            var cursor = SeqCursor(value)
            var walked: [UInt32] = []
            while case .char(let scalar)? = try cursor.next() { walked.append(scalar) }
            #expect(walked == scalars)
            #expect(try Sequences.seq(value).isNil == scalars.isEmpty)
        }
    }

    /// Texts of both kinds among themselves: equal and ordered as their bytes are.
    @Test func equalityAndOrderAreThoseOfTheBytes() throws {
        for a in ShortTextTests.samples {
            for b in ShortTextTests.samples {
                let (x, y) = (Value.string(a), Value.string(b))
                let same = Array(a.utf8) == Array(b.utf8)
                #expect(try x.equals(y) == same)
                let order = same ? 0 : a.utf8.lexicographicallyPrecedes(b.utf8) ? -1 : 1
                #expect(try Value.compare(x, y).signum() == order, "\(a) \(b)")
                #expect(try Value.comparison(x, y).signum() == order, "\(a) \(b)")
            }
        }
    }

    @Test func sortingIsByTheBytes() throws {
        for samples in [ShortTextTests.samples, ShortTextTests.samples.filter(ShortTextTests.fits)] {
            var values = samples.map { Value.string($0) }
            try Value.sort(&values)
            let expected = samples.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            #expect(values.map(\.stringValue) == expected)
        }
    }

    @Test func keysOfBothKindsAreFound() throws {
        let samples = Array(Set(ShortTextTests.samples.map { Array($0.utf8) })).map {
            String(decoding: $0, as: UTF8.self)
        }
        var map = HashMap()
        for (index, key) in samples.enumerated() { try HashMap.set(&map, .string(key), .int(Int64(index))) }
        for (index, key) in samples.enumerated() {
            #expect(try map.find(.string(key))?.intValue == Int64(index))
            #expect(try map.find(.string(key + "-")) == nil || samples.contains(key + "-"))
        }
        #expect(map.count == samples.count)
    }

    @Test func itPrintsAsAText() throws {
        for string in ShortTextTests.samples {
            var printer = Printer(readably: true)
            try printer.write(.string(string))
            var long = Printer(readably: true)
            try long.writeQuoted(Text(string))
            #expect(printer.bytes == long.bytes)
            #expect(try Printer.plain(.string(string)) == string)
        }
    }
}
