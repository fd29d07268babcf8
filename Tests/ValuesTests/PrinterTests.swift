import Testing
import Values

/// Expected forms are Clojure 1.11's, but for objects, functions and exceptions, whose forms are ours.
@Suite struct PrinterTests {
    let names = Names()

    static let texts: [(String, String)] = [
        ("a\"b\\c\n\t\r\u{0c}\u{08} é", #""a\"b\\c\n\t\r\f\b é""#),
        ("", #""""#),
        ("plain", #""plain""#),
        ("\u{1b}[0m", "\"\u{1b}[0m\""),
    ]

    @Test(arguments: texts) func stringsAreQuotedReadably(text: String, expected: String) throws {
        #expect(try Printer.readable(.string(text)) == expected)
        #expect(try Printer.plain(.string(text)) == text)
    }

    static let characters: [(UInt32, String, String)] = [
        (0x61, #"\a"#, "a"), (0x0a, #"\newline"#, "\n"), (0x20, #"\space"#, " "), (0x09, #"\tab"#, "\t"),
        (0x0d, #"\return"#, "\r"), (0x08, #"\backspace"#, "\u{08}"), (0x0c, #"\formfeed"#, "\u{0c}"),
        (0xe9, #"\é"#, "é"), (0x2c, #"\,"#, ","), (0x22, #"\""#, "\""), (0x5c, #"\\"#, "\\"), (0x1f600, #"\😀"#, "😀"),
        (0, #"\u0000"#, "\0"), (0x1b, #"\u001b"#, "\u{1b}"), (0x85, #"\u0085"#, "\u{85}"),
    ]

    @Test(arguments: characters) func charactersByName(scalar: UInt32, readable: String, plain: String) throws {
        #expect(try Printer.readable(.char(scalar)) == readable)
        #expect(try Printer.plain(.char(scalar)) == plain)
    }

    static let doubles: [(Double, String)] = [
        (1.0, "1.0"), (1e7, "1.0E7"), (9999999.0, "9999999.0"), (1.0E10, "1.0E10"), (1e-3, "0.001"),
        (9.99e-4, "9.99E-4"),
        (1e-5, "1.0E-5"), (123456.789, "123456.789"), (1.2345678E7, "1.2345678E7"),
        (1.7976931348623157E308, "1.7976931348623157E308"), (0.001234, "0.001234"), (100.0, "100.0"), (-0.0, "-0.0"),
        (0.0, "0.0"), (12345678901234567890.0, "1.2345678901234567E19"), (1e21, "1.0E21"), (0.1, "0.1"),
        (1e22, "1.0E22"),
        (2e-3, "0.002"), (1.0 / 3, "0.3333333333333333"), (-12.5, "-12.5"), (.infinity, "##Inf"),
        (-.infinity, "##-Inf"),
        (.nan, "##NaN"), (1234567.5, "1234567.5"), (0.01, "0.01"), (0.012, "0.012"),
    ]

    @Test(arguments: doubles) func doublesAsJavaLaysThemOut(value: Double, expected: String) throws {
        #expect(try Printer.readable(.double(value)) == expected)
    }

    @Test func collectionsNestAndSeparate() throws {
        var map = HashMap.empty
        try HashMap.set(&map, names.keyword("a"), .int(1))
        try HashMap.set(&map, names.keyword("n/b"), .vector([.nil, .true, .false]))
        var set = HashSet.empty
        try HashSet.insert(&set, .int(1))
        let printed = try Printer.readable(
            .vector([
                .int(-5), .list([names.symbol("x/y"), .string("s")]), .map(map), .set(set), .list([]), .vector([]),
                .map(.empty), .set(.empty),
            ]))
        #expect(printed == "[-5 (x/y \"s\") {:a 1, :n/b [nil true false]} #{1} () [] {} #{}]")
        #expect(try Printer.plain(.vector([.string("a"), .char(98), .nil])) == "[a b nil]")
    }

    @Test func sequencesPrintTheirElements() throws {
        let vector = Vector([.int(1), .int(2), .int(3)])
        let views: [(SeqView.Source, String)] = [
            (.vector(vector, index: 1), "(2 3)"),
            (.text(Text("aé"), offset: 0, index: 0), "(\\a \\é)"),
            (.range(start: 5, step: -2, count: 3), "(5 3 1)"),
            (.chunk(vector, index: 2, more: .lazy(LazySeq(realized: .list([.int(9)])))), "(3 9)"),
        ]
        for (source, expected) in views { #expect(try Printer.readable(.seq(SeqView(source))) == expected) }
        #expect(try Printer.readable(.lazy(LazySeq(realized: .nil))) == "()")
    }

    @Test func unrealisedPartsAskToBeForced() throws {
        let pending = LazySeq(thunk: .nil)
        let list = Value.list(Cons(.int(1), .lazy(pending)))
        #expect {
            try Printer.readable(.vector([list]))
        } throws: { error in
            if case Fault.force(let asked) = error { asked === pending } else { false }
        }
        var printer = Printer()
        printer.forces = false
        try printer.write(.vector([list, .int(2)]))
        #expect(printer.string == "[(1 …) 2]")
        var limited = Printer()
        limited.maxLength = 0
        #expect(throws: Fault.self) { try limited.write(.lazy(pending)) }
    }

    /// `*print-length*` and `*print-level*`, as in Clojure 1.11.
    @Test func lengthAndLevel() throws {
        var map = HashMap.empty
        for (index, key) in ["a", "b", "c"].enumerated() {
            try HashMap.set(&map, names.keyword(key), .int(Int64(index + 1)))
        }
        func vector(_ elements: Value...) -> Value { .vector(elements) }
        let nested = vector(.int(1), vector(.int(2), vector(.int(3))))
        let cases: [(Int?, Int?, Value, String)] = [
            (0, nil, vector(.int(1)), "[...]"), (nil, 0, vector(.int(1)), "#"),
            (1, nil, vector(.int(1), .int(2)), "[1 ...]"),
            (2, nil, .map(map), "{:a 1, :b 2, ...}"), (2, nil, vector(.int(1), .int(2)), "[1 2]"),
            (nil, 1, nested, "[1 #]"), (nil, 2, nested, "[1 [2 #]]"), (0, nil, vector(), "[]"),
            (0, nil, .map(.empty), "{}"),
            (nil, 0, vector(), "#"), (1, 1, vector(vector(.int(1)), vector(.int(2))), "[# ...]"),
        ]
        for (length, level, value, expected) in cases {
            var printer = Printer()
            printer.maxLength = length
            printer.maxLevel = level
            try printer.write(value)
            #expect(printer.string == expected)
        }
    }

    @Test func metadataOnlyWhenAskedFor() throws {
        var meta = HashMap.empty
        try HashMap.set(&meta, names.keyword("a"), .int(1))
        var tag = HashMap.empty
        try HashMap.set(&tag, .kw(.tag), names.symbol("String"))
        let vector = Value.vector(Vector([.int(1)], extra: Extra(meta: meta, origin: nil)))
        let symbol = Value.object(SymbolObject(names.intern("x"), meta: tag))
        #expect(try Printer.readable(vector) == "[1]")
        var printer = Printer()
        printer.metadata = true
        try printer.write(.list([vector, symbol]))
        #expect(printer.string == "(^{:a 1} [1] ^String x)")
        var plain = Printer(readably: false)
        plain.metadata = true
        try plain.write(vector)
        #expect(plain.string == "[1]")
    }

    /// N5: depth is no crash.
    @Test func deepNestingPrints() throws {
        var value = Value.vector([])
        for _ in 0..<100_000 { value = .list(Cons(value, .nil)) }
        let printed = try Printer.readable(value)
        #expect(printed.utf8.count == 200_002)
        #expect(printed.hasPrefix("((((") && printed.hasSuffix("))))"))
    }

    private final class Box: Object, @unchecked Sendable {
        var content = Value.nil
        override func write(to printer: inout Printer) throws(Fault) {
            printer.write("#<box ")
            try printer.write(content)
            printer.write(">")
        }
    }

    /// N5: an object that contains itself is an error that says so.
    @Test func objectsThatContainThemselves() throws {
        let box = Box()
        box.content = .vector([.object(box)])
        defer { box.content = .nil }
        #expect {
            try Printer.readable(.object(box))
        } throws: { error in
            guard case Fault.thrown(let exception) = error else { return false }
            return exception.type == .stackOverflow && exception.message.contains("hold one another")
        }
        let outer = Box()
        outer.content = .vector([.object(Box()), .int(1)])
        #expect(try Printer.readable(.vector([.object(outer)])) == "[#<box [#<box nil> 1]>]")
    }

    /// N6: what prints exponentially larger than it is stops at the limit.
    @Test func outputIsBounded() throws {
        var value = Value.vector([.int(1)])
        for _ in 0..<60 { value = .vector([value, value]) }
        var printer = Printer()
        printer.byteLimit = 10_000
        #expect {
            try printer.write(value)
        } throws: { error in
            if case Fault.exhausted(.memory) = error { true } else { false }
        }
        #expect(printer.bytes.count < 10_100)
        var small = Printer()
        small.byteLimit = 100
        #expect(throws: Fault.self) { try small.write(.text(try Text("x").repeated(1000))) }
    }

    @Test func exceptionsPrintTheirChain() throws {
        var data = HashMap.empty
        try HashMap.set(&data, names.keyword("a"), .int(1))
        let inner = Exception(.io, "disk \"full\"")
        let outer = Exception(.info, "boom", data: .map(data), cause: .object(inner))
        #expect(
            try Printer.readable(.object(outer))
                == #"#error {:class ExceptionInfo, :message "boom", :data {:a 1}, :cause #error {:class IOException, :message "disk \"full\""}}"#
        )
        var printer = Printer()
        try printer.writeText(of: .object(outer))
        #expect(printer.string == "ExceptionInfo: boom {:a 1}")
    }

    /// `str`: Clojure's results.
    @Test func textOfValues() throws {
        let cases: [(Value, String)] = [
            (.nil, ""), (.string("a\"b"), "a\"b"), (.char(0x61), "a"), (.double(.infinity), "Infinity"),
            (.double(.nan), "NaN"), (.double(-.infinity), "-Infinity"), (names.keyword("a"), ":a"), (.int(-3), "-3"),
            (.vector([.string("x"), .char(0x79), .nil, .double(.infinity)]), #"["x" \y nil ##Inf]"#),
        ]
        for (value, expected) in cases {
            var printer = Printer(readably: false)
            try printer.writeText(of: value)
            #expect(printer.string == expected)
        }
    }

    /// N4: what was found, in a few words.
    @Test func brieflyForMessages() throws {
        let long = Value.vector((0..<100).map { .int($0) })
        let cases: [(Value, String)] = [
            (.nil, "nil"), (.true, "true"), (.int(42), "the number 42"), (names.keyword("a"), "the keyword :a"),
            (names.symbol("x"), "the symbol x"), (.string("abc"), "the string \"abc\""),
            (.char(0x0a), "the character \\newline"),
            (.string(String(repeating: "lorem ipsum ", count: 10)), "a string \"lorem ipsum lorem ip…\""),
            (.vector([.int(1)]), "the vector [1]"), (long, "a vector of 100 elements"), (.map(.empty), "the map {}"),
            (.lazy(LazySeq(thunk: .nil)), "a lazy sequence"), (.object(Object()), "an object"),
            (.object(Exception(.io, "x")), "an exception"),
            (.vector([.lazy(LazySeq(thunk: .nil))]), "the vector [(…)]"),
        ]
        for (value, expected) in cases { #expect(value.briefly == expected) }
    }
}
