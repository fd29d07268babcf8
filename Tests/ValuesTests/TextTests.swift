import Testing

@testable import Values

/// N2: texts count and index by code point.
@Suite struct TextTests {
    /// Long enough for several breadcrumbs, with code points of every width.
    private let mixed = String(repeating: "aé→😀z", count: 100)

    @Test func indexesByCodePoint() {
        let scalars = Array(mixed.unicodeScalars)
        let text = Text(mixed)
        #expect(text.count == scalars.count)
        for index in stride(from: 0, to: scalars.count, by: 7) {
            #expect(text.scalar(at: index) == scalars[index].value)
            let offset = text.byteOffset(index)
            #expect(String(decoding: text.utf8[..<offset], as: UTF8.self).unicodeScalars.count == index)
            #expect(text.codePointIndex(ofByte: offset) == index)
        }
        #expect(text.byteOffset(text.count) == text.byteCount)
        #expect(text.codePointIndex(ofByte: text.byteCount) == text.count)
        #expect(text.substring(62, 65).string == "→😀z")
        #expect(text.substring(64, 64).isEmpty)
    }

    /// A count that is a multiple of the breadcrumbs' distance.
    @Test func breadcrumbsAtTheEnd() {
        let text = Text(String(repeating: "é", count: 128))
        #expect(text.byteOffset(128) == 256)
        #expect(text.byteOffset(127) == 254)
        #expect(text.codePointIndex(ofByte: 254) == 127)
    }

    @Test func countsCodePointsAtEveryAlignment() {
        for length in 0..<70 {
            let string = String(mixed.unicodeScalars.prefix(length))
            #expect(Text(string).count == length)
        }
        let long = Text(String(repeating: "→", count: 5000))
        #expect(long.count == 5000)
    }

    @Test func breadcrumbsOnManyTasks() async {
        let text = Text(mixed)
        await withTaskGroup(of: UInt32.self) { group in
            for _ in 0..<8 { group.addTask { text.scalar(at: 303) } }
            for await scalar in group { #expect(scalar == 0x1f600) }
        }
    }

    /// The table of well-formed byte sequences in the Unicode standard (3.9), its edges and what lies beyond.
    static let sequences: [([UInt8], Int?)] = [
        ([], nil), ([0x41], nil), ([0xc3, 0xa9], nil), ([0x80], 0), ([0xc0, 0x80], 0), ([0xc1, 0xbf], 0), ([0xc2], 0),
        ([0x41, 0xc2, 0x41], 1), ([0xe0, 0xa0, 0x80], nil), ([0xe0, 0x9f, 0xbf], 0), ([0xed, 0x9f, 0xbf], nil),
        ([0xed, 0xa0, 0x80], 0), ([0xef, 0xbf, 0xbf], nil), ([0xf0, 0x90, 0x80, 0x80], nil),
        ([0xf0, 0x8f, 0xbf, 0xbf], 0),
        ([0xf4, 0x8f, 0xbf, 0xbf], nil), ([0xf4, 0x90, 0x80, 0x80], 0), ([0xf5, 0x80, 0x80, 0x80], 0), ([0xff], 0),
        ([0xe2, 0x82], 0), ([0xf0, 0x9f, 0x98], 0), ([0x61, 0x62, 0xe2, 0x82, 0xac, 0xfe], 5), ([0, 0x7f], nil),
        ([UInt8](repeating: 0x61, count: 40) + [0xbf], 40),
    ]

    @Test(arguments: sequences) func findsTheFirstInvalidByte(bytes: [UInt8], offset: Int?) {
        #expect(bytes.withUnsafeBufferPointer { UTF8Scan.firstInvalidByte($0) } == offset)
    }

    @Test func buildsTexts() {
        var builder = TextBuilder(capacity: 1)
        builder.append(Text("é"))
        builder.append("abc")
        builder.append(byte: 0x2d)
        builder.append(scalar: 0x1f600)
        builder.append(Int64.min)
        builder.append(Int64(0))
        builder.append(Text("0123456789"), 3..<5)
        let text = builder.finish()
        #expect(text.string == "éabc-😀-9223372036854775808034")
        #expect(TextBuilder().finish().isEmpty)
        // A builder that is given up frees its memory.
        _ = TextBuilder(capacity: 1000)
    }

    @Test func searches() {
        let text = Text("abcéabc")
        #expect(text.index(of: Text("abc")) == 0)
        #expect(text.index(of: Text("abc"), from: 1) == 4)
        #expect(text.index(of: Text("abc"), from: 5) == nil)
        #expect(text.index(of: Text("c"), from: -5) == 2)
        #expect(text.index(of: Text(""), from: 7) == 7)
        #expect(text.index(of: Text(""), from: 8) == 7)
        #expect(text.lastIndex(of: Text("abc")) == 4)
        #expect(text.lastIndex(of: Text("abc"), from: 3) == 0)
        #expect(text.lastIndex(of: Text("")) == 7)
        #expect(text.lastIndex(of: Text("x")) == nil)
        #expect(text.lastIndex(of: Text("a"), from: -1) == nil)
        #expect(text.contains(Text("éa")) && !text.contains(Text("ea")))
        #expect(text.hasPrefix(Text("ab")) && text.hasPrefix(Text("")) && !text.hasPrefix(Text("abcéabcd")))
        #expect(text.hasSuffix(Text("bc")) && !text.hasSuffix(Text("b")))
        #expect(
            Text("a").compare(Text("é")) < 0 && Text("b").compare(Text("ab")) > 0 && Text("a").compare(Text("a")) == 0)
        #expect(Text("a").compare(Text("ab")) < 0)
    }

    /// Needles that overlap themselves, where naive searching takes quadratic time.
    @Test func searchesRepetitiveTexts() throws {
        let text = try Text(Text("a").repeated(200_000).string + "b")
        let needle = try Text(Text("a").repeated(100_000).string + "b")
        #expect(text.firstOffset(of: needle) == 100_000)
        let backwards = try Text("b" + Text("a").repeated(200_000).string)
        let backNeedle = try Text("b" + Text("a").repeated(100_000).string)
        #expect(backwards.lastOffset(of: backNeedle) == 0)
        #expect(text.firstOffset(of: Text("aba")) == nil)
        let random = try Text("abababaab").repeated(30)
        for needle in ["aab", "baab", "abab", "aabab", "bb"] {
            let expected = random.string.ranges(of: needle).map { $0.lowerBound.utf16Offset(in: random.string) }
            #expect(random.firstOffset(of: Text(needle)) == expected.first)
            if needle != "abab" { #expect(random.lastOffset(of: Text(needle)) == expected.last) }
        }
    }

    /// Expected values are those of `clojure.string` 1.11.
    @Test func transforms() throws {
        #expect(try Text("abc").replacing(Text(""), with: Text("-")).string == "-a-b-c-")
        #expect(try Text("aXbX").replacing(Text("X"), with: Text("--")).string == "a--b--")
        #expect(try Text("aaa").replacing(Text("aa"), with: Text("b")).string == "ba")
        #expect(Text("aaa").replacingFirst(Text("a"), with: Text("")).string == "aa")
        #expect(Text(" \t\u{2003}a b\u{a0} \n").trimmed().string == "a b\u{a0}")
        #expect(Text("  a ").trimmed(.start).string == "a ")
        #expect(Text("  a ").trimmed(.end).string == "  a")
        #expect(Text("   ").trimmed().isEmpty)
        #expect(Text("a\r\n\n").trimmedNewlines().string == "a")
        #expect(Text("straße é").uppercased().string == "STRASSE É")
        #expect(Text("ÀBC").lowercased().string == "àbc")
        #expect(Text("hELLO").capitalized().string == "Hello")
        #expect(Text("éCOLE").capitalized().string == "École")
        #expect(try Text("aé").repeated(3).string == "aéaéaé")
        #expect(try Text("a").repeated(0).isEmpty && Text("").repeated(.max).isEmpty)
        #expect(Text("aé😀").reversed().string == "😀éa")
        #expect(Text(" \n").isBlank && Text("").isBlank && !Text(" x").isBlank && !Text("\u{a0}").isBlank)
    }

    /// N6: a small script must not make a text that takes all memory.
    @Test func resultsAreBounded() throws {
        let long = try Text("a").repeated(100_000)
        #expect(throws: Fault.self) { try long.repeated(.max) }
        #expect(throws: Fault.self) { try long.repeated(10_000) }
        #expect(throws: Fault.self) { try long.replacing(Text(""), with: long) }
        #expect(throws: Fault.self) { try long.replacing(Text("a"), with: long) }
        #expect(throws: Fault.self) { try Regex(Text("a")).replacing(in: long, with: long) }
    }

    @Test func splits() {
        #expect(Text("a,b,,").split(on: Text(",")).map(\.string) == ["a", "b", "", ""])
        #expect(Text("aé").split(on: Text("")).map(\.string) == ["a", "é"])
        #expect(Text("").split(on: Text(",")).map(\.string) == [""])
        let lines: [(String, [String])] = [
            ("a\n\nb\r\nc\n\n", ["a", "", "b", "c"]), ("", [""]), ("\n\n", []), ("a\rb", ["a\rb"]), ("a", ["a"]),
            ("\na", ["", "a"]),
        ]
        for (text, expected) in lines { #expect(Text(text).lines().map(\.string) == expected) }
    }

    /// What is taken from the memory account comes back.
    @Test func memoryIsAccountedFor() {
        _ = Meter.settle()
        do {
            let text = Text(mixed)
            _ = text.scalar(at: 200)
            #expect(Meter.unsettled > Int64(text.byteCount))
        }
        #expect(Meter.settle() == 0)
    }
}
