import Testing
import Values

/// N1, N6: Java's regular expressions, in linear time.
@Suite struct RegexTests {
    /// The escapes of a printed string.
    private static func unescaped(_ printed: some StringProtocol) -> String {
        var text = String.UnicodeScalarView()
        var rest = Array(printed.unicodeScalars.dropFirst().dropLast())[...]
        while let scalar = rest.popFirst() {
            guard scalar == "\\", let escape = rest.popFirst() else {
                text.append(scalar)
                continue
            }
            switch escape {
            case "n": text.append("\n")
            case "r": text.append("\r")
            case "t": text.append("\t")
            case "f": text.append("\u{0c}")
            case "b": text.append("\u{08}")
            case "u":
                let digits = String(String.UnicodeScalarView(rest.prefix(4)))
                text.append(UInt32(digits, radix: 16).flatMap(Unicode.Scalar.init) ?? "?")
                rest = rest.dropFirst(4)
            default: text.append(escape)
            }
        }
        return String(text)
    }

    private func outcome(_ pattern: String, _ input: String) throws -> String {
        guard let regex = try? Regex(Text(pattern)) else { return "error" }
        let text = Text(input)
        let matcher = Matcher(regex, text)
        var found: [Value] = []
        while let range = try matcher.find() {
            found.append(try #require(try matcher.value()))
            #expect(try matcher.ranges()?.first == range)
        }
        let whole = try regex.matchWhole(text).map { Regex.value(of: $0, in: text) } ?? .nil
        return try Printer.readable(.vector([.vector(found), whole]))
    }

    @Test func agreesWithJava() throws {
        var checked = 0
        for row in regexCases.split(separator: "\n") {
            let parts = row.split(separator: "  =>  ", omittingEmptySubsequences: false)
            let (pattern, input) = (Self.unescaped(parts[0]), Self.unescaped(parts[1]))
            // The expected form may have escapes that our printer does not use.
            let expected = Self.unescaped("\"" + parts[2].replacing("\\\"", with: "\u{1}") + "\"")
            let ours = try Self.unescaped("\"" + outcome(pattern, input).replacing("\\\"", with: "\u{1}") + "\"")
            #expect(ours == expected, "\(row)")
            checked += 1
        }
        #expect(checked > 350)
    }

    /// N4: where and what, and what to do instead.
    static let refusals: [(String, String)] = [
        ("a(?=b)", "at position 1: look-ahead is not supported"), ("(?!a)", "at position 0: look-ahead is not"),
        ("a(?<=b)", "at position 1: look-behind is not"), ("(?<!a)", "look-behind is not"),
        ("(a)\\1", "at position 3: back-references are not"),
        ("(?<n>a)\\k<n>", "at position 7: back-references are not"),
        ("a++", "at position 1: possessive quantifiers are not"), ("(?>a)", "atomic groups are not"),
        ("é(", "at position 1: the group that starts here is not closed"),
        ("a)", "at position 1: a closing parenthesis"),
        ("[a", "at position 0: the class that starts here is not closed"),
        ("*a", "at position 0: nothing stands before"),
        ("a**", "a quantifier follows another"), ("a{2}{3}", "a quantifier follows another"),
        ("a{x}", "expected a quantifier"),
        ("a{2,1}", "maximum is less"), ("a{1001}", "at most 1000 times"), ("\\y", "there is no escape \\y"),
        ("\\p{Foo}", "no character property named Foo"), ("[z-a]", "the range runs backwards"),
        ("a\\", "a backslash stands at the end"),
        ("(?<n>a)(?<n>b)", "a group named n already"), ("(?z)", "there is no flag z"),
        ("(a{1,100}){1,100}", "too large"),
        (String(repeating: "(", count: 100_000), "nest more than 100 deep"),
        (String(repeating: "[", count: 100_000), "nest more than 100 deep"), ("\\uD800", "half of a surrogate pair"),
        ("\\x{110000}", "expected a code point"), ("[\\b]", "there is no escape \\b"),
        ("[a-\\d]", "a range ends with one character"),
    ]

    @Test(arguments: refusals) func refusalsSayWhere(pattern: String, message: String) {
        #expect {
            _ = try Regex(Text(pattern))
        } throws: { error in
            guard case Fault.thrown(let exception) = error else { return false }
            return exception.type == .illegalArgument && exception.message.contains(message)
                && exception.message.utf8.count < 400
        }
    }

    /// N6: no pattern takes more than linear time. Backtracking would need longer than the universe for most of these.
    static let hostile: [(String, String, Bool)] = [
        ("(a*)*b", "a", false), ("(a|aa)+$", "a", true), ("(x+x+)+y", "x", false), ("(a|a)*c", "a", false),
        ("(a?){50}a{50}b", "a", false), ("(.*)(.*)(.*)(.*)(.*)[^a]", "a", false), ("((a*)*)*$", "a", true),
        ("^(\\w+\\s?)*!$", "word ", false), ("(?:a|ab)*(?:bc|c)*d?[^abcd]", "abc", false), ("(.+)+\\n.", "a", false),
        ("a*?a*?a*?a*?a*?[bc]", "a", false), ("(a|b)*a(a|b){200}[^ab]", "abbab", false), ("\\b(a+)+\\b!", "a", false),
    ]

    @Test(arguments: hostile) func hostilePatternsAreFast(pattern: String, unit: String, expected: Bool) throws {
        // Where each scalar makes a new state of hundreds of instructions, less text shows the same.
        let size = pattern.contains("{200}") ? 10_000 : 100_000
        let text = try Text(unit).repeated(size / unit.utf8.count)
        let regex = try Regex(Text(pattern))
        let clock = ContinuousClock()
        var found: [Range<Int>?]?
        let time = try clock.measure { found = try regex.find(in: text) }
        #expect((found != nil) == expected)
        if expected { #expect(found?[0] == 0..<text.byteCount) }
        // Unoptimised code on a busy machine takes up to a few seconds; the point is that it ends.
        #expect(time < .seconds(60))
    }

    /// What matches nothing however often would be written out 10¹² times and leave no instruction to count.
    @Test(
        arguments: [
            ("(?:(?:(?:(?:){1000}){1000}){1000}){1000}", "", [0..<0]),
            ("(?:(?:(?:(?:^){0}){1000}){1000}){1000}", "", [0..<0]),
            (String(repeating: "(?:", count: 99) + "(?:)|a" + String(repeating: "){1}", count: 99), "a", [0..<0]),
            (
                String(repeating: "(?:", count: 99) + "(?x: )" + String(repeating: "){1000}", count: 99) + "b", "b",
                [0..<1]
            ),
            ("(a){0}b(c)", "bc", [0..<2, nil, 1..<2]), ("a{0}b*", "ab", [0..<0]),
        ] as [(String, String, [Range<Int>?])])
    func nothingIsRepeatedOnce(pattern: String, text: String, expected: [Range<Int>?]) throws {
        #expect(try Regex(Text(pattern)).find(in: Text(text)) == expected)
    }

    /// Each of 13 classes takes half of 8,192 characters, so that no two of those are alike.
    @Test func manyKindsOfCharactersAreRefused() throws {
        let pattern = (0..<13).map { bit in
            let members = (0x4000..<0x6000 as Range<UInt32>).filter { $0 >> bit & 1 == 1 }
            return "[" + String(String.UnicodeScalarView(members.compactMap(Unicode.Scalar.init))) + "]"
        }
        #expect(throws: Fault.self) { try Regex(Text(pattern.joined())) }
        #expect(try Regex(Text(pattern[0] + pattern[12])).find(in: Text("\u{4001}\u{5000}")) == [0..<6])
    }

    /// Ends what runs at a certain look.
    private final class Impatient: Interruptible, @unchecked Sendable {
        // Sendable: a test's thread alone uses it.
        private var looks = 0
        private let last: Int
        init(atLook last: Int) { self.last = last }
        override var isAsked: Bool { looks >= last }
        override func book(steps: Int, holding bytes: Int) throws(Fault) { looks += 1 }
    }

    /// A search that is interrupted is made again, so the matches passed before must not be lost.
    @Test func interruptedSearchesBeginAgain() throws {
        let text = Text("x" + String(repeating: "a", count: 1 << 22))
        for (pattern, look) in [("x|a*b", 2), ("(x)|(a*)b", 2), ("a+", 1)] {
            let matcher = Matcher(try Regex(Text(pattern)), text)
            let impatient = Impatient(atLook: look)
            let outer = Attention.begin(impatient)
            #expect { try matcher.values(upTo: 2) } throws: { error in
                guard case Fault.force(let sequence) = error else { return false }
                return sequence === Attention.pause
            }
            Attention.end(outer)
            #expect(try matcher.values(upTo: 2).count == 1)
            #expect(try matcher.values(upTo: 2).isEmpty)
        }
    }

    /// A run of one set is searched for by a table, and with a group around it by the automaton: both find the same.
    @Test(arguments: ["[a-z]+", "\\d+", "\\w+", "[^,]+", "\\S+", "\\s+", ".+", "é+", "[^é]+", "\\p{L}+", "[é→]+", "a+"])
    func runsAreFoundAsGroupsAre(pattern: String) throws {
        var random = SplitMix(seed: 11)
        let alphabet = ["a", "b", "z", "0", "9", ",", " ", "\n", "é", "è", "→", "😀", "A", "_"]
        for _ in 0..<200 {
            let text = Text((0..<random.below(40)).map { _ in alphabet[random.below(alphabet.count)] }.joined())
            let run = Matcher(try Regex(Text(pattern)), text)
            let group = Matcher(try Regex(Text("(\(pattern))")), text)
            let byOne = Matcher(try Regex(Text(pattern)), text)
            var found: [String?] = []
            while case let values = try run.values(upTo: 3), !values.isEmpty {
                found += values.map(\.stringValue)
                #expect(try run.ranges() != nil || values.count < 3)
            }
            var expected: [String] = []
            while let range = try group.find() {
                expected.append(text.slice(range).string)
                #expect(try byOne.find() == range)
            }
            #expect(try byOne.find() == nil)
            #expect(found == expected, "\(pattern) in \(text.string)")
        }
    }

    @Test func aChoiceBetweenAThousandWords() throws {
        let words = (0..<1_000).map { "word\($0 * 7_919 % 10_000)" }
        let text = Text("no word, then " + words[998] + ", then more")
        let found = try Regex(Text(words.joined(separator: "|"))).find(in: text)
        #expect(found == [14..<14 + words[998].utf8.count])
    }

    /// Random patterns and texts give the same whether the search walks place by place or gives up on that.
    @Test func searchingFarFindsTheSame() throws {
        let filler = try Text("word ").repeated(2000)
        let cases =
            [("\\w+@\\w+", "joe@example"), ("(\\w+)-(\\d+)", "abc-12"), ("[a-z ]*Z\\d", nil), ("é+", "é")]
            as [(String, String?)]
        for (pattern, needle) in cases {
            var builder = TextBuilder()
            builder.append(filler)
            builder.append(needle ?? "Z1")
            builder.append(" tail of the text\n")
            let text = builder.finish()
            let found = try #require(try Regex(Text(pattern)).find(in: text)?[0])
            let start = needle == nil ? 0 : filler.byteCount
            #expect(found == start..<filler.byteCount + (needle ?? "Z1").utf8.count, "\(pattern)")
        }
    }

    /// A line terminator at the end is behind `$`, wherever the search comes from.
    @Test func searchesFarForTheLastLine() throws {
        let filler = try Text("word ").repeated(2000)
        let text = Text(filler.string + "last one\n")
        #expect(try Regex(Text("\\w+e$")).find(in: text) == [filler.byteCount + 5..<filler.byteCount + 8])
        #expect(try Regex(Text("\\w+e$\n")).find(in: text) == [filler.byteCount + 5..<filler.byteCount + 9])
        #expect(try Regex(Text("\\w+d$")).find(in: text) == nil)
    }

    @Test func cutShortStatesAreRebuilt() throws {
        // The states of this pattern do not fit the automaton's memory: it forgets them again and again.
        var random = SplitMix(seed: 3)
        var bytes = (0..<20_000).map { _ in Bool.random(using: &random) ? UInt8(ascii: "a") : UInt8(ascii: "b") }
        bytes += Array("c".utf8)
        let place = try #require(bytes[..<19_900].lastIndex(of: UInt8(ascii: "a")))
        bytes = Array(bytes[...(place + 60)]) + Array("c".utf8)
        let text = Text(repairing: bytes)
        let found = try Regex(Text("a[ab]{60}c")).find(in: text)
        #expect(found == [place..<place + 62])
    }

    @Test func groupsHaveNames() throws {
        let regex = try Regex(Text("(?<year>\\d+)-(\\d+)-(?<day>\\d+)"))
        #expect(regex.groupCount == 3)
        #expect(regex.groupNames.map(\.name) == ["year", "day"])
        #expect(regex.groupIndex(named: "day") == 3)
        #expect(regex.groupIndex(named: "none") == nil)
        #expect(try regex.find(in: Text("on 2024-05-06"), from: 3) == [3..<13, 3..<7, 8..<10, 11..<13])
    }

    @Test func printsSoThatItReadsBack() throws {
        let cases = [
            ("a\"b", "#\"a\\\"b\""), ("a\\\"b\\d/", "#\"a\\\"b\\d/\""), ("\\Q\"\\E", "#\"\\Q\\E\\\"\\Q\\E\""),
            ("a/b", "#\"a/b\""),
        ]
        for (pattern, printed) in cases {
            let regex = Value.object(try Regex(Text(pattern)))
            #expect(try Printer.readable(regex) == printed)
            var printer = Printer()
            try printer.writeText(of: regex)
            #expect(printer.string == pattern)
        }
    }

    /// Clojure's `replace`.
    static let replacements: [(String, String, String, String)] = [
        ("abc", "b", "[$0]", "a[b]c"), ("abc", "(b)(c)", "$2$1", "acb"), ("a.b", "\\.", "\\$", "a$b"),
        ("abc", "x*", "-", "-a-b-c-"),
        ("abc", "(?<n>b)", "<${n}>", "a<b>c"), ("abc", "(b)(x)?", "$1$2", "abc"), ("abc", "(b)", "$12", "ab2c"),
        ("abc", "z", "$9", "abc"), ("abc", "b", "$1", "!IndexOutOfBoundsException"),
        ("abc", "b", "$", "!IllegalArgumentException"), ("abc", "b", "\\", "!IllegalArgumentException"),
        ("abc", "b", "${n}", "!IllegalArgumentException"), ("é1ü2", "\\d", "\\é", "ééüé"),
    ]

    @Test(arguments: replacements) func replaces(text: String, pattern: String, template: String, expected: String)
        throws
    {
        let regex = try Regex(Text(pattern))
        do {
            #expect(try regex.replacing(in: Text(text), with: Text(template)).string == expected)
        } catch Fault.thrown(let exception) {
            #expect("!" + exception.type.rawValue == expected)
        }
    }

    @Test func replacesTheFirstAlone() throws {
        #expect(try Regex(Text("a")).replacing(in: Text("aaa"), with: Text("b"), onlyFirst: true).string == "baa")
    }

    /// Clojure's `split`.
    static let splits: [(String, String, Int, [String])] = [
        ("a,b,,c,,", ",", 0, ["a", "b", "", "c"]), ("a,b,,c,,", ",", -1, ["a", "b", "", "c", "", ""]),
        ("a,b,c", ",", 2, ["a", "b,c"]), ("", ",", 0, [""]), (",a", ",", 0, ["", "a"]),
        ("abc", "", 0, ["a", "b", "c"]),
        ("aXbXc", "(X)", 0, ["a", "b", "c"]), (",,,", ",", 0, []), ("abc", "x*", 0, ["a", "b", "c"]),
        ("a b  c", "\\s+", 0, ["a", "b", "c"]), ("abc", "x*", -1, ["a", "b", "c", ""]), ("abc", ",", 1, ["abc"]),
    ]

    @Test(arguments: splits) func splitsBetweenMatches(text: String, pattern: String, limit: Int, expected: [String])
        throws
    {
        #expect(try Regex(Text(pattern)).split(Text(text), limit: limit).map(\.string) == expected)
    }

    /// Several threads may use one pattern.
    @Test func oneRegexOnManyTasks() async throws {
        let regex = try Regex(Text("(\\w)(\\d+)"))
        let text = try Text("a1 b22 c333 ").repeated(200)
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    let matcher = Matcher(regex, text)
                    var count = 0
                    while try matcher.find() != nil { count += try matcher.ranges()?.count ?? 0 }
                    return count
                }
            }
            for try await count in group { #expect(count == 1800) }
        }
    }
}
