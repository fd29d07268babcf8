import Foundation
import Reader
import Testing
import Values

/// `sluice fmt`: the layout that Clojure's community writes, and nothing but white space changed.
struct FormatTests {
    /// The formatted text.
    private static func format(_ text: String, isData: Bool = false, width: Int = SourceFormatter.width) throws
        -> String
    {
        let source = Source(name: "t", bytes: Array(text.utf8))
        return String(decoding: try SourceFormatter.format(source, isData: isData, width: width), as: UTF8.self)
    }

    struct Case: CustomTestStringConvertible, Sendable {
        var name: String
        var text: String
        var expected: String
        var width = SourceFormatter.width
        var testDescription: String { name }

        init(_ name: String, _ text: String, _ expected: String, width: Int = SourceFormatter.width) {
            self.name = name
            self.text = text
            self.expected = expected
            self.width = width
        }
    }

    static let indentation = [
        Case("arguments stand under the first", "(foo a\nb\n  c)", "(foo a\n     b\n     c)"),
        Case("a call without arguments on its line", "(foo\na\n    b)", "(foo\n a\n b)"),
        Case("a body", "(defn f\n\"doc\"\n[x]\n(inc x))", "(defn f\n  \"doc\"\n  [x]\n  (inc x))"),
        Case("several arities", "(defn f\n([x] x)\n([x y]\n(+ x y)))", "(defn f\n  ([x] x)\n  ([x y]\n   (+ x y)))"),
        Case("whatever defines", "(defworker :w\n{:in :a}\n[ctx m]\nm)", "(defworker :w\n  {:in :a}\n  [ctx m]\n  m)"),
        Case("a word that begins like a definition", "(default a\nb)", "(default a\n         b)"),
        Case("a namespace is not part of the name", "(t/deftest x\n(t/is y))", "(t/deftest x\n  (t/is y))"),
        Case("let", "(let [a 1\nbc 2]\na\nb)", "(let [a 1\n      bc 2]\n  a\n  b)"),
        Case("a block's arguments on their own lines", "(when\na\nb)", "(when\n    a\n  b)"),
        Case("a body that begins on the head's line", "(do a\nb)", "(do a\n    b)"),
        Case("a body that begins a line", "(do\na\nb)", "(do\n  a\n  b)"),
        Case("if", "(if a\nb\nc)", "(if a\n  b\n  c)"),
        Case("if that goes on", "(if a b\nc)", "(if a b\n    c)"),
        Case("cond", "(cond\na b\n:else c)", "(cond\n  a b\n  :else c)"),
        Case("cond on one line with its head", "(cond a b\n:else c)", "(cond a b\n      :else c)"),
        Case("cond with results below", "(cond\na\nb)", "(cond\n  a\n  b)"),
        Case("case", "(case x\n:a 1\n2)", "(case x\n  :a 1\n  2)"),
        Case("condp", "(condp = x\n1 :a\n:b)", "(condp = x\n  1 :a\n  :b)"),
        Case("threads", "(-> x\n(f a)\ng)", "(-> x\n    (f a)\n    g)"),
        Case(
            "try", "(try\n(f)\n(catch Exception e\n(g e))\n(finally\n(h)))",
            "(try\n  (f)\n  (catch Exception e\n    (g e))\n  (finally\n    (h)))"),
        Case(
            "a function in an argument", "(reduce (fn [a b]\n(+ a b))\n0\nxs)",
            "(reduce (fn [a b]\n          (+ a b))\n        0\n        xs)"),
        Case("a short function", "#(let [a %]\n(f a))", "#(let [a %]\n   (f a))"),
        Case("a short function's arguments", "(map #(f a\n%) b)", "(map #(f a\n         %) b)"),
        Case(
            "letfn", "(letfn [(f [x]\n(g x))\n(g [x]\nx)]\n(f 1))",
            "(letfn [(f [x]\n          (g x))\n        (g [x]\n          x)]\n  (f 1))"),
        Case("methods", "(defrecord R [a]\nP\n(m [this]\na))", "(defrecord R [a]\n  P\n  (m [this]\n    a))"),
        Case("methods of reify", "(reify P\n(let [this]\n1))", "(reify P\n  (let [this]\n    1))"),
        Case("extend-type", "(extend-type T\nP\n(m [this]\n1))", "(extend-type T\n  P\n  (m [this]\n    1))"),
        Case(
            "ns", "(ns a.b\n\"Doc.\"\n(:require [c :as d]\n[e :as f])\n(:import\nG))",
            "(ns a.b\n  \"Doc.\"\n  (:require [c :as d]\n            [e :as f])\n  (:import\n   G))"),
        Case("a vector and a map", "[1\n2 {:a 1\n:b\n2}]", "[1\n 2 {:a 1\n    :b\n    2}]"),
        Case("a set", "#{1\n2}", "#{1\n  2}"),
        Case("a map with a namespace", "#:a{:b 1\n:c 2}", "#:a{:b 1\n    :c 2}"),
        Case("data in a list", "'(1 2\n3)", "'(1 2\n  3)"),
        Case("a keyword is called", "(:a m\nd)", "(:a m\n    d)"),
        Case("a reader conditional", "#?(:clj a\n:cljs (f x\ny))", "#?(:clj a\n   :cljs (f x\n            y))"),
        Case("metadata on its own line", "(def ^{:a 1}\nx\n1)", "(def ^{:a 1}\n     x\n  1)"),
        Case("syntax-quote", "`(let [a# ~b]\n~@c)", "`(let [a# ~b]\n   ~@c)"),
        Case("macro that begins with with-", "(with-thing [a]\nb)", "(with-thing [a]\n  b)"),
        Case("with-meta is a function", "(with-meta a\nb)", "(with-meta a\n           b)"),
        Case("wide characters", "(f \"日本\" (g a\nb))", "(f \"日本\" (g a\n             b))"),
        Case("go", "(a/go\n(f))", "(a/go\n  (f))"),
        Case("hidden forms are no arguments", "(when #_a b\nc)", "(when #_a b\n  c)"),
    ]

    static let blanks = [
        Case("blanks inside brackets", "( f  [ a ] { :a 1 } )", "(f  [a] {:a 1})"),
        Case("missing blanks", "(f(g)[h]\"i\"j);k", "(f (g) [h] \"i\" j) ;k"),
        Case("what the author aligned", "{:a   1\n:bcd 2}", "{:a   1\n :bcd 2}"),
        Case("commas", "{:a 1,:b 2,\n,:c 3 ,}", "{:a 1,:b 2,\n :c 3}"),
        Case("trailing white space", "(f)   \n\t\n(g)\t", "(f)\n\n(g)\n"),
        Case("blank lines", "\n\n(f)\n\n\n(g\n\n a)\n\n", "(f)\n\n\n(g\n\n a)\n"),
        Case("line endings", "(f\r\na)\r(g)", "(f\n a)\n(g)"),
        Case("nothing", " \n", ""),
        Case("tabs", "(f\ta)", "(f a)"),
        Case("closing brackets of their own", "(f a\n)", "(f a\n   )"),
        Case("a blank that is a character", "(f \\ )", "(f \\ )"),
        Case("a blank character at the end of a line", "(f \\ \n a)", "(f \\ \n   a)"),
        Case("no-break characters", "\u{3000}(f\u{2003}a)", "(f a)"),
        Case("a byte order mark", "\u{feff}a", "a"),
        Case("a name that would be a byte order mark", " \u{feff}a", "\u{feff}\u{feff}a"),
        Case("a byte order mark and such a name", "\u{feff}\u{feff}  ", "\u{feff}\u{feff}"),
    ]

    static let comments = [
        Case(
            "on their own lines", ";; a\n(let [a 1 ; one\n;; two\nb 2]\n;; body\na)",
            ";; a\n(let [a 1 ; one\n      ;; two\n      b 2]\n  ;; body\n  a)"),
        Case("after the head", "(foo ; why\na\nb)", "(foo ; why\n a\n b)"),
        Case("before a bracket", "(foo a ; why\n)", "(foo a ; why\n     )"),
        Case("their trailing white space", "a ; b  \n", "a ; b\n"),
        Case("a first line for the shell", "#!/usr/bin/env sluice\n(f)", "#!/usr/bin/env sluice\n(f)"),
        Case("hidden forms", "[#_(f a\nb) c]", "[#_(f a\n      b) c]"),
    ]

    static let verbatim = [
        Case("strings", "(def a\n\"x\n   y  \\\"  \n\")", "(def a\n  \"x\n   y  \\\"  \n\")"),
        Case("regular expressions", "#\"a  (?=b)\\\"\"", "#\"a  (?=b)\\\"\""),
        Case(
            "prefixes", "['a `b ~c ~@d @e #'f ^:g h #^i j #_ k #inst \"2024\" ##Inf #:a {:b 1} #::c{:d 1}]",
            "['a `b ~c ~@d @e #'f ^:g h #^i j #_ k #inst \"2024\" ##Inf #:a {:b 1} #::c{:d 1}]"),
        Case("characters", "[\\a \\( \\; \\\" \\newline \\u0041]", "[\\a \\( \\; \\\" \\newline \\u0041]"),
        Case("numbers that nothing separates", "[1'a 1#_b]", "[1 'a 1 #_b]"),
        Case(
            "names", "[a'b a# %1 %& -a +a - .b C. ::d ::e/f a/b //]".replacingOccurrences(of: " //", with: ""),
            "[a'b a# %1 %& -a +a - .b C. ::d ::e/f a/b]"),
    ]

    static let longLines = [
        Case(
            "a call", "(function argument another third)", "(function argument\n          another\n          third)",
            width: 20),
        Case(
            "a definition", "(defn f [a b] (call a b) (call b a))", "(defn f [a b]\n  (call a b)\n  (call b a))",
            width: 24),
        Case(
            "let", "(let [alpha 1 beta 2] (+ alpha beta))", "(let [alpha 1\n      beta 2]\n  (+ alpha beta))", width: 20
        ),
        Case("cond", "(cond (a x) 1 (b x) 2 :else 3)", "(cond\n  (a x) 1\n  (b x) 2\n  :else 3)", width: 20),
        Case("a map", "{:alpha 1, :beta 2, :gamma 3}", "{:alpha 1,\n :beta 2,\n :gamma 3}", width: 20),
        Case("a vector is filled", "[100 200 300 400 500]", "[100 200\n 300 400\n 500]", width: 9),
        Case("only where it helps", "(f \"a string that is long\")", "(f \"a string that is long\")", width: 10),
        Case(
            "the value of a pair", "(cond\n  (first-test x) (first-result x))",
            "(cond\n  (first-test x)\n  (first-result x))",
            width: 24),
        Case("a line that fits", "(function argument)", "(function argument)", width: 19),
        Case("the brackets count", "(a (function argument it))", "(a (function argument\n             it))", width: 25),
        Case("not a comment", "(f a) ; a long comment", "(f a) ; a long comment", width: 10),
    ]

    @Test("layout", arguments: indentation + blanks + comments + verbatim + longLines) func layout(_ example: Case)
        throws
    {
        let found = try Self.format(example.text, width: example.width)
        let expected =
            example.expected.isEmpty || example.expected.hasSuffix("\n") ? example.expected : example.expected + "\n"
        #expect(found == expected)
        #expect(try Self.format(found, width: example.width) == found)
    }

    /// Data has other tokens: a quote is part of a name, and tags are kept.
    @Test func data() throws {
        #expect(try Self.format("{ :a 'b\n:c #x/y [1\n2] }", isData: true) == "{:a 'b\n :c #x/y [1\n          2]}\n")
        #expect(throws: SyntaxError.self) { try Self.format("@a", isData: true) }
    }

    @Test(arguments: [
        ("(f", "unclosed", 0), ("(f]", "mismatched", 2), ("\n )", "unmatched", 2), ("\"a", "unclosed-string", 0),
    ])
    func refusesWhatCannotBeRead(_ text: String, _ code: String, _ offset: Int) throws {
        let error = #expect(throws: SyntaxError.self) { try Self.format(text) }
        #expect(error?.code.rawValue == "syntax/\(code)")
        #expect(error?.span.start == UInt32(offset))
    }

    /// What depends on other code is no error: the file may be right where it belongs.
    @Test(arguments: [
        "::nobody/knows", "#unknown {:a 1}", "#\"(?=a)\"", "#{#a 1 #b 1}", "{::a/x 1 ::b/x 2}", "#::q{:a 1}",
    ])
    func knowsNothingOfOtherCode(_ text: String) throws { #expect(try Self.format(text) == text + "\n") }
}

/// Whatever the text: the same forms, the same bytes but for white space, and nothing left to format.
struct FormatPropertyTests {
    private static let widths = [12, 30, 120]

    private func check(_ text: String, width: Int, comparesForms: Bool = true) throws {
        let source = Source(name: "t", bytes: Array(text.utf8))
        let formatted = try SourceFormatter.format(source, width: width)
        let again = try SourceFormatter.format(Source(name: "t", bytes: formatted), width: width)
        let output = String(decoding: formatted, as: UTF8.self)
        #expect(String(decoding: again, as: UTF8.self) == output, "not stable at \(width): \(text.debugDescription)")
        #expect(Self.solid(output) == Self.solid(text), "\(text.debugDescription)")
        guard comparesForms else { return }
        // Printed, because a NaN equals nothing.
        let before = try readCode(text, testNames).map { try Printer.readable($0) }
        let after = try readCode(output, testNames).map { try Printer.readable($0) }
        #expect(before == after, "\(text.debugDescription)")
        #expect(Self.tidy(output), "\(output.debugDescription)")
    }

    /// What is no white space. Inside strings it may not change either, which the forms show.
    private static func solid(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.filter { !isBlank($0) }))
    }

    private static func isBlank(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isWhitespace || scalar == "," || scalar == "\u{feff}" || (0x1c...0x1f).contains(scalar.value)
    }

    /// Ends with one line break.
    private static func tidy(_ text: String) -> Bool {
        text.isEmpty || (text.hasSuffix("\n") && text != "\n")
    }

    private static func files() throws -> [URL] {
        var found: [URL] = []
        for folder in ["stdlib", "examples", "Tests", "Benchmarks"] {
            let all = FileManager.default.enumerator(
                at: repository.appendingPathComponent(folder), includingPropertiesForKeys: nil)
            while let file = all?.nextObject() as? URL { if file.pathExtension == "slu" { found.append(file) } }
        }
        return found
    }

    @Test func everySourceOfTheRepository() throws {
        let files = try Self.files()
        #expect(files.count > 25)
        for file in files {
            let text = try String(contentsOf: file, encoding: .utf8)
            // Their aliases are unknown here, so only the bytes are compared.
            for width in Self.widths { try check(text, width: width, comparesForms: false) }
        }
    }

    @Test func theGrammarsCorpus() throws {
        for text in try GrammarTests.corpus("code-accept") {
            for width in Self.widths { try check(text, width: width) }
        }
    }

    @Test func theReadersSample() throws {
        for width in Self.widths {
            try check(FuzzTests.sample.split(separator: "\n").dropLast().joined(separator: "\n"), width: width)
        }
    }

    @Test(arguments: 1...12 as ClosedRange<UInt64>) func generatedText(_ seed: UInt64) throws {
        var generator = Generator(try GrammarTests.grammar(), seed: seed)
        var checked = 0
        for round in 0..<150 {
            let text = generator.text("code", depth: 5 + round % 10)
            guard text.utf8.count < 4000, (try? readCode(text, testNames)) != nil else { continue }
            for width in Self.widths { try check(text, width: width) }
            checked += 1
        }
        #expect(checked > 40, "too few of the generated texts are code to prove anything: \(checked)")
    }

    /// Text made of what layout decides by: heads of every kind of list, line breaks anywhere, comments.
    @Test(arguments: 1...20 as ClosedRange<UInt64>) func generatedLayout(_ seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        for _ in 0..<25 {
            var text = ""
            for _ in 0..<Int.random(in: 1...3, using: &random) { text += Self.form(4, &random) + Self.gap(&random) }
            for width in Self.widths { try check(text, width: width) }
        }
    }

    private static let heads = [
        "let", "defn", "fn", "cond", "case", "condp", "when", "if", "do", "foo", "->", "try", "catch", "letfn", "reify",
        "defrecord", "ns", ":key", "1", "[x]", "with-x", "cond->", "as->", "(f x)", "'q", "are",
    ]

    private static func gap(_ random: inout SplitMix) -> String {
        let gaps = [" ", " ", " ", " ", "\n", "\n  ", "  ", ", ", ",\n", "\n\n", " ; why\n", "\n;; note\n", "\t"]
        return gaps.randomElement(using: &random)!
    }

    private static func form(_ depth: Int, _ random: inout SplitMix) -> String {
        guard depth > 0, Int.random(in: 0..<10, using: &random) < 6 else {
            return ["a", "bcd", ":e", "12", "\"s t\"", "\"u\nv\"", "'w", "@x", "^:m y", "#_z a", "日本", "\\ "]
                .randomElement(using: &random)!
        }
        let count = Int.random(in: 0...5, using: &random)
        func body(_ count: Int, _ random: inout SplitMix) -> String {
            var text = ""
            for index in 0..<count { text += (index > 0 ? gap(&random) : "") + form(depth - 1, &random) }
            return text
        }
        let edge = Int.random(in: 0..<6, using: &random) == 0 ? "\n" : ""
        switch Int.random(in: 0..<9, using: &random) {
        case 0: return "[\(edge)\(body(count, &random))\(edge)]"
        case 1:
            return "{\(edge)"
                + (0..<count).map { ":k\($0)\(gap(&random))\(form(depth - 1, &random))" }.joined(
                    separator: gap(&random)) + "}"
        case 2: return "'(\(body(count, &random)))"
        case 3: return "^:m [\(body(count, &random))]"
        case 4: return "#?(:sluice\(gap(&random))\(form(depth - 1, &random)))"
        default:
            return "(" + edge + heads.randomElement(using: &random)! + (count > 0 ? gap(&random) : "")
                + body(count, &random)
                + edge + ")"
        }
    }
}
