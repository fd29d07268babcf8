import Reader
import Testing
import Values

/// What code's syntax reads as, written as the EDN of the form (N1).
struct CodeTests {
    /// Code, and all its forms as EDN.
    struct Pair: CustomTestStringConvertible {
        let code: String
        let forms: String
        init(_ code: String, _ forms: String) {
            self.code = code
            self.forms = forms
        }
        var testDescription: String { code.debugDescription }
    }

    private func expect(_ pair: Pair, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let names = testNames
        let found = try readCode(pair.code, names)
        let expected = try read(pair.forms, names, .edn(EDNOptions(unknownTag: .keep)))
        let isEqual = try Value.vector(found).equals(.vector(expected))
        let shown = try Printer.readable(.vector(found))
        #expect(isEqual, "\(pair.code) gave \(shown)", sourceLocation: sourceLocation)
    }

    static let prefixes = [
        Pair("'a", "(quote a)"),
        Pair("''a", "(quote (quote a))"),
        Pair("@a", "(clojure.core/deref a)"),
        Pair("#'a", "(var a)"),
        Pair("#'str/join", "(var str/join)"),
        Pair("~a ~@b", "(clojure.core/unquote a) (clojure.core/unquote-splicing b)"),
        Pair("~ @b", "(clojure.core/unquote (clojure.core/deref b))"),
        Pair("' ; what\n a", "(quote a)"),
        Pair("'#_b a", "(quote a)"),
        Pair("a@b", "a (clojure.core/deref b)"),
        Pair("a'b a' 'a'", "a'b a' (quote a')"),
        Pair("#!/usr/bin/env sluice\n1 #! and here\n2", "1 2"),
        Pair("#_ #_ a b c", "c"),
        Pair("[1 #_(2 #_3) 4 #_ 5]", "[1 4]"),
        Pair("(#_a)", "()"),
    ]
    @Test(arguments: prefixes) func prefix(_ pair: Pair) throws { try expect(pair) }

    static let atoms = [
        Pair(
            "/ + - -> ->x a.b/c foo/bar clojure.core// .5 +a -a a# a#b %a",
            "/ + - -> ->x a.b/c foo/bar clojure.core// .5 +a -a a# a#b %a"),
        Pair(".method Class. a:b *x* !? <= & | $", ".method Class. a:b *x* !? <= & | $"),
        Pair("nil true false nilly", "nil true false nilly"),
        Pair(":a :a/b :1 :a.b/c :+ ::a ::str/b", ":a :a/b :1 :a.b/c :+ :user/a :clojure.string/b"),
        Pair("0x2a 052 2r101 36rZ -16rff +7", "42 42 5 35 -255 7"),
        Pair("9223372036854775807 -9223372036854775808", "9223372036854775807 -9223372036854775808"),
        Pair(
            "1.5 1. -0.25 1e3 1.5E-3 123456789012345678901234.0",
            "1.5 1.0 -0.25 1000.0 0.0015 1.23456789012345678901234e23"),
        Pair(
            #"\a \newline \space \tab \return \backspace \formfeed \u0041 \o101 \( \\ \é \日"#,
            #"\a \u000a \u0020 \u0009 \u000d \u0008 \u000c \A \A \( \\ \u00e9 \u65e5"#),
        Pair(#""a\n\t\r\b\f\"\\\u00e9\101\0""#, #""a\u000a\u0009\u000d\u0008\u000c\u0022\u005c\u00e9A\u0000""#),
        Pair(#""\ud83d\ude00""#, #""😀""#),
        Pair("\"two\nlines\"", #""two\nlines""#),
        Pair("##Inf ##-Inf [##Inf]", "##Inf ##-Inf [##Inf]"),
        Pair("1,2,,3", "1 2 3"),
        Pair("1\u{2003}2\u{3000}3\u{2028}4", "1 2 3 4"),
        Pair("\u{feff}1", "1"),
        Pair(#"#"a\"b\d""#, ##"#regex "a\\\"b\\d""##),
        Pair(
            "#inst \"2024\" #uuid \"0-0-0-0-1\"",
            "#inst \"2024-01-01T00:00:00.000Z\" #uuid \"00000000-0000-0000-0000-000000000001\""),
    ]
    @Test(arguments: atoms) func atom(_ pair: Pair) throws { try expect(pair) }

    static let collections = [
        Pair("() [] {} #{}", "() [] {} #{}"),
        Pair("(a [b {c #{d}}])", "(a [b {c #{d}}])"),
        Pair("#:a{:b 1 :_/c 2 d/e 3 f 4 \"g\" 5}", "{:a/b 1 :c 2 d/e 3 a/f 4 \"g\" 5}"),
        Pair("#::{:b 1} #::str{:b 1} #:a {:b 1}", "{:user/b 1} {:clojure.string/b 1} {:a/b 1}"),
    ]
    @Test(arguments: collections) func collection(_ pair: Pair) throws { try expect(pair) }

    static let functions = [
        Pair("#(inc %)", "(fn* [p1__1#] (inc p1__1#))"),
        Pair("#(f)", "(fn* [] (f))"),
        Pair("#(f %2 %1)", "(fn* [p1__2# p2__1#] (f p2__1# p1__2#))"),
        Pair("#(f %3)", "(fn* [p1__2# p2__3# p3__1#] (f p3__1#))"),
        Pair("#(f % %1 %&)", "(fn* [p1__1# & rest__2#] (f p1__1# p1__1# rest__2#))"),
        Pair("#(f %&)", "(fn* [& rest__1#] (f rest__1#))"),
        Pair("#(do [% {:a %}])", "(fn* [p1__1#] (do [p1__1# {:a p1__1#}]))"),
        Pair("[#(a %) #(b %)]", "[(fn* [p1__1#] (a p1__1#)) (fn* [p1__2#] (b p1__2#))]"),
        Pair("%", "%"),
    ]
    @Test(arguments: functions) func function(_ pair: Pair) throws { try expect(pair) }

    static let conditionals = [
        Pair("#?(:clj 1 :sluice 2 :default 3)", "2"),
        Pair("#?(:clj 1 :default 3)", "3"),
        Pair("#?(:default 3 :sluice 2)", "3"),
        Pair("#?(:clj 1)", ""),
        Pair("[1 #?(:clj 2) 3]", "[1 3]"),
        Pair("[#?@(:sluice [1 2] :clj [3]) 4]", "[1 2 4]"),
        Pair("(f #?@(:sluice (1 2)))", "(f 1 2)"),
        Pair("[#?@(:sluice [])]", "[]"),
        Pair("#? (:sluice 1)", "1"),
        Pair("#?(:clj #unknown x :sluice 1)", "1"),
        Pair("#?(:clj ::nope/x :sluice 1)", "1"),
        Pair("#?(:clj #(%1 %2) :sluice 1)", "1"),
        Pair("#_#?(:clj 1) 2 3", "3"),
        Pair("#?(:sluice #?(:clj 1 :default 2) :default 3)", "2"),
        Pair("#?(:clj #?(:sluice 1) :default 3)", "3"),
        Pair("'#?(:sluice a)", "(quote a)"),
    ]
    @Test(arguments: conditionals) func conditional(_ pair: Pair) throws { try expect(pair) }

    static let syntaxQuotes = [
        Pair("`a", "(quote user/a)"),
        Pair("`map", "(quote clojure.core/map)"),
        Pair("`str/join", "(quote clojure.string/join)"),
        Pair("`if", "(quote if)"),
        Pair("`&", "(quote &)"),
        Pair("`.foo", "(quote .foo)"),
        Pair("`Foo.", "(quote user/Foo.)"),
        Pair("`:a `1 `\"a\" `\\a `nil", ":a 1 \"a\" \\a nil"),
        Pair("`x#", "(quote x__1__auto__)"),
        Pair("`~a", "a"),
        Pair("`()", "(clojure.core/list)"),
        Pair("`(a)", "(clojure.core/seq (clojure.core/concat (clojure.core/list (quote user/a))))"),
        Pair("`(~a ~@b)", "(clojure.core/seq (clojure.core/concat (clojure.core/list a) b))"),
        Pair(
            "`[x# x#]",
            "(clojure.core/apply clojure.core/vector (clojure.core/seq (clojure.core/concat (clojure.core/list (quote x__1__auto__)) (clojure.core/list (quote x__1__auto__)))))"
        ),
        Pair(
            "`{:a ~b}",
            "(clojure.core/apply clojure.core/hash-map (clojure.core/seq (clojure.core/concat (clojure.core/list :a) (clojure.core/list b))))"
        ),
        Pair(
            "`#{~a}",
            "(clojure.core/apply clojure.core/hash-set (clojure.core/seq (clojure.core/concat (clojure.core/list a))))"),
        Pair(
            "`(a (b ~c))",
            "(clojure.core/seq (clojure.core/concat (clojure.core/list (quote user/a)) (clojure.core/list (clojure.core/seq (clojure.core/concat (clojure.core/list (quote user/b)) (clojure.core/list c))))))"
        ),
        Pair(
            "`'~a", "(clojure.core/seq (clojure.core/concat (clojure.core/list (quote quote)) (clojure.core/list a)))"),
        Pair(
            "``a",
            "(clojure.core/seq (clojure.core/concat (clojure.core/list (quote quote)) (clojure.core/list (quote user/a))))"
        ),
        Pair(
            "`^:m [a]",
            "(clojure.core/with-meta (clojure.core/apply clojure.core/vector (clojure.core/seq (clojure.core/concat (clojure.core/list (quote user/a))))) (clojure.core/apply clojure.core/hash-map (clojure.core/seq (clojure.core/concat (clojure.core/list :m) (clojure.core/list true)))))"
        ),
    ]
    @Test(arguments: syntaxQuotes) func syntaxQuote(_ pair: Pair) throws { try expect(pair) }

    /// Each backquote has its own names.
    @Test func gensymsAreNotShared() throws {
        try expect(Pair("[`x# `x#]", "[(quote x__1__auto__) (quote x__2__auto__)]"))
    }

    static let metadata = [
        Pair("^:a x", "{:a true}"), Pair("^T x", "{:tag T}"), Pair("^\"T\" x", "{:tag \"T\"}"),
        Pair("^{:a 1 :b 2} x", "{:a 1 :b 2}"), Pair("^:a ^:b x", "{:a true :b true}"),
        Pair("^{:a 1} ^{:a 2 :c 3} x", "{:a 1 :c 3}"), Pair("#^:a x", "{:a true}"), Pair("^[T] x", "{:param-tags [T]}"),
        Pair("^:a []", "{:a true}"), Pair("^:a {}", "{:a true}"), Pair("^:a #{}", "{:a true}"),
        Pair("^:a (f)", "{:a true}"),
        Pair("^:a ()", "{:a true}"), Pair("^:a 'x", "{:a true}"), Pair("^:a #(f)", "{:a true}"),
    ]
    @Test(arguments: metadata) func attachesMetadata(_ pair: Pair) throws {
        let names = testNames
        let found: HashMap?
        switch try #require(try readCode(pair.code, names).first) {
        case .vector(let vector): found = vector.meta
        case .map(let map): found = map.meta
        case .set(let set): found = set.meta
        case .list(let list): found = list.meta
        case .object(let object): found = object.metadata
        default: found = nil
        }
        let expected = try #require(try readData(pair.forms, names))
        #expect(try Value.map(try #require(found)).equals(expected))
    }

    /// A symbol with metadata is equal to the symbol.
    @Test func metadataDoesNotChangeEquality() throws { try expect(Pair("^:a x ^:b [1]", "x [1]")) }

    static let refused = [
        "::nope/a", "#(#())", "#(%0)", "#(%21)", "#(%x)", "#=(+ 1 2)", "#<x>", "#?(1 2)", "#?(:a)", "#?@(:sluice [1])",
        "[#?@(:sluice 1)]", "#?:a", "#foo 1", "#::nope{}", "#:a[]", "#:a/b{}", "#:: a", "^1 x", "^:a 1", "^:a :b",
        "`~@a", "'", "@", "`",
        "(')", "#'", "a/", "/a", "a::b", ":", "::", ":a/", "1a", "08", "0x", "2r2", "37r0", "1/0", "\"\\q\"", "\\abc",
        "\\ud800",
        "\\o400", "\"\\400\"", "\"\\ud800\"", "{1}", "{1 2 1 3}", "#{1 1}", ")", "(]", "a\0b", "\"a\0b\"", "#inst 1",
        "#inst \"x\"", "#\"(\"",
    ]
    @Test(arguments: refused) func refuses(_ code: String) {
        #expect(throws: SyntaxError.self) { try readCode(code, testNames) }
    }

    /// A REPL asks for another line exactly when one could help.
    @Test(arguments: [
        ("(", true), ("(a [b", true), ("\"a", true), ("#\"a", true), ("'", true), ("#_", true), ("^:a", true),
        ("#?(:a", true),
        ("#?", true), ("#:a", true), ("#", true), ("\\", true), ("{:a", true), ("(a \"b\\", true), ("#inst", true),
        (")", false), ("(]", false), ("1a", false), ("{:a}", false), ("\"\\q", false), ("#(#(", false),
    ])
    func tellsIncompleteFromWrong(_ code: String, _ incomplete: Bool) throws {
        let error = try #require(throws: SyntaxError.self) { try readCode(code, testNames) }
        #expect(error.isIncomplete == incomplete)
    }
}
