import Reader
import Testing
import Values

/// How diagnostics look beyond what a syntax error shows (N4); `Snapshots` has those.
struct DiagnosticTests {
    private let source = Source(name: "shop.slu", bytes: Array("(defn total [x]\n  (reduse + x))\n(total 1)\n".utf8))

    @Test func showsTheScriptsCallStack() {
        var diagnostic = Diagnostic(
            code: "compile/unknown", title: "unknown name `reduse`", at: .init(source, Span(19, 25), "not defined"))
        diagnostic.hint = Nearest.hint(for: "reduse", among: ["reduce", "reset!", "map"])
        diagnostic.trace = [
            TraceFrame(function: "shop/total", source: source, span: Span(18, 30)),
            TraceFrame(function: nil, source: source, span: Span(32, 41)),
            TraceFrame(function: "native", source: nil, span: nil),
        ]
        #expect(
            diagnostic.rendered() == """
                shop.slu:2:4: error: unknown name `reduse`
                  2 |   (reduse + x))
                    |    ^^^^^^ not defined
                  hint: did you mean `reduce`?
                  call stack:
                    shop/total  shop.slu:2:3
                    top level   shop.slu:3:1
                    native

                """)
    }

    @Test func countsTheMiddleOfALongStack() {
        var diagnostic = Diagnostic(code: "run/depth", title: "too deep")
        diagnostic.trace = (0..<1000).map { TraceFrame(function: "f\($0)", source: nil, span: nil) }
        let lines = diagnostic.rendered().split(separator: "\n").map(String.init)
        #expect(lines.count == 1 + 1 + 16 + 1 + 4)
        #expect(lines[17] == "    f15")
        #expect(lines[18] == "    … 980 more")
        #expect(lines[19] == "    f996")
    }

    @Test func placesInSeveralSources() {
        let other = Source(name: "lib.slu", bytes: Array("(defchannel :a {})".utf8))
        var diagnostic = Diagnostic(
            .warning, code: "graph/twice", title: "`:a` is declared twice", at: .init(source, Span(0, 5)))
        diagnostic.related = [.init(other, Span(12, 14), "first here")]
        #expect(
            diagnostic.rendered() == """
                shop.slu:1:1: warning: `:a` is declared twice
                  1 | (defn total [x]
                    | ^^^^^
                  in lib.slu
                  1 | (defchannel :a {})
                    |             -- first here

                """)
    }

    @Test func colorOnlyWhenAsked() {
        let diagnostic = Diagnostic(.lint, code: "x", title: "t", at: .init(source, Span(0, 5)))
        #expect(!diagnostic.rendered().contains("\u{1b}"))
        let colored = diagnostic.rendered(color: true)
        #expect(colored.contains("\u{1b}[1;36mlint:\u{1b}[0m"))
        #expect(colored.contains("\u{1b}[1;31m^^^^^\u{1b}[0m"))
    }

    /// A span over several lines is marked on its first.
    @Test func marksEndWithTheLine() {
        let diagnostic = Diagnostic(code: "x", title: "t", at: .init(source, Span(6, 30)))
        #expect(diagnostic.rendered().contains("\n    |       ^^^^^^^^^\n"))
    }

    @Test(arguments: [
        ("reduse", ["reduce"]), ("pritnln", ["println"]), ("mpa", ["map"]), ("x", []), ("frequency", []),
        ("rset!", ["reset!"]),
        ("map", []), ("Map", ["map"]),
    ])
    func suggestsTheNearest(_ name: String, _ expected: [String]) {
        #expect(Nearest.names(to: name, among: ["reduce", "println", "map", "reset!", "frequencies-of"]) == expected)
    }

    @Test func hintsReadAsSentences() {
        #expect(Nearest.hint(for: "aab", among: ["aac"]) == "did you mean `aac`?")
        #expect(Nearest.hint(for: "aab", among: ["aad", "aac", "zzz"]) == "did you mean `aac` or `aad`?")
        #expect(Nearest.hint(for: "aab", among: ["zzz"]) == nil)
    }

    /// Each way to be wrong has a code of its own, and none is forgotten here or there.
    @Test func codesAreDistinct() {
        #expect(Set(SyntaxCode.allCases.map(\.rawValue)).count == SyntaxCode.allCases.count)
        #expect(SyntaxCode.allCases.allSatisfy { $0.rawValue.hasPrefix("syntax/") })
    }
}
