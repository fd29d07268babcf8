import Testing

@testable import Values

/// One allocation holds a text's header and bytes, and short texts are compared and hashed by words that begin before the bytes.
@Suite struct TextStorageTests {
    private let samples: [String] = {
        let ascii = "abcdefghijklmnopqrstuvwxyz"
        let wide = "aé→😀zéé→abcdef"
        return (0...20).flatMap { length -> [String] in
            let plain = String(ascii.prefix(length))
            return [plain, String(plain.dropLast()) + "!", "!" + plain.dropFirst(), String(wide.prefix(length))]
        }
    }()

    /// Swift's strings say what is equal; these have one form each.
    @Test func equalityIsThatOfTheBytes() {
        for a in samples {
            for b in samples {
                #expect((Text(a) == Text(b)) == (Array(a.utf8) == Array(b.utf8)), "\(a) \(b)")
                if Array(a.utf8) == Array(b.utf8) { #expect(Text(a).hash == Text(b).hash) }
            }
        }
    }

    @Test func hashesTellShortTextsApart() {
        let hashes = Set(Set(samples).map { Text($0).hash })
        #expect(hashes.count == Set(samples).count)
    }

    @Test func aLongTextHasZerosBehindIt() {
        for string in [String(repeating: "x", count: 1024), String(repeating: "é", count: 700)] {
            let text = Text(string)
            #expect(text.string == string)
            for index in 0..<Text.sentinel { #expect(text.bytes[text.byteCount + index] == 0) }
        }
    }

    @Test func aBuilderKnowsWhatIsNotASCII() {
        var builder = TextBuilder(capacity: 1)
        builder.append(Text("ab"))
        builder.append(Int64(-12))
        builder.append(scalar: 0x7f)
        let plain = builder.finish()
        #expect(plain.isASCII && plain == Text("ab-12\u{7f}"))
        var wide = TextBuilder(capacity: 1)
        wide.append(Text("ab"))
        wide.append(Text("xé→"), 1..<3)
        wide.append(scalar: 0x1f600)
        wide.append(byte: 0x63)
        #expect(wide.finish() == Text("abé😀c"))
    }

    @Test(arguments: [
        0, 1, 9, 10, 11, 99, 100, 101, 999, 1000, 9_999, 10_000, 12_345, 99_999, 100_000, 1_000_001, 123_456_789,
        Int64.max, Int64.min,
    ])
    func decimalDigits(_ number: Int64) {
        for value in [number, 0 &- number] {
            var builder = TextBuilder()
            builder.append(value)
            #expect(builder.finish().string == value.description)
            #expect(Numbers.decimalWidth(value) == value.description.utf8.count)
        }
    }

    /// Asserted for the sake of memory: 28 bytes and the text.
    @Test func aHeaderTakesTwelveBytes() {
        #expect(MemoryLayout<TextHeader>.size == 12)
        #expect(MemoryLayout<WideHeader>.size == 16)
        #expect(MemoryLayout<Text>.size == 8)
    }
}
