import Testing
import Values

/// N4: an error says where, what and what to try.
@Suite struct DiagnosticTests {
    /// The text under the first frame's span.
    func marked(_ text: String) -> String? {
        guard let frame = World().exception(text)?.trace.first, let source = frame.source, let span = frame.span else {
            return nil
        }
        return String(decoding: source.bytes[Int(span.start)..<Int(span.end)], as: UTF8.self)
    }

    @Test(arguments: [
        "foox", "(foox 1)", "(inc foox)", "(let [a 1] foox)", "(fn [a] foox)", "(fn name [a] foox)", "(fn ([a] foox))",
        "(defn f [a] foox)", "(defn f \"doc\" [a] foox)", "[1 foox]", "{:a foox}", "#{1 foox}", "(if foox 1 2)",
        "(cond 1 2 foox 4)",
        "(loop [x foox] x)", "(letfn [(f [] foox)] 1)", "(try foox)", "(try 1 (catch Exception e foox))",
        "(try 1 (finally foox))",
        "(unless foox 1)", "(unless 1 {:a [foox]})", "(unless 1 (inc foox))", "(-> 1 foox)", "(-> 1 (foox 2))",
        "(->> 1 (+ foox))",
        "(lazy-seq foox)", "(when 1 2 foox)", "(and 1 foox)", "(def x foox)", "(throw foox)", "(set! foox 1)",
        "(var foox)",
    ]) func unknownSymbolsAreMarked(_ text: String) {
        #expect(marked(text) == "foox", "\(text)")
    }

    @Test func suggestions() {
        #expect(World().exception("(defn total [] 1)(totel)")?.hint?.contains("total") == true)
        #expect(World().exception("(let [number 1] (inc numbr))")?.hint?.contains("number") == true)
    }

    @Test func tracesAreInnermostFirstWithTheirLines() {
        let text =
            "(defn inner [x]\n  (+ x\n     nil))\n(defn middle [x]\n  (inc\n   (inner x)))\n(defn outer []\n  (inc (middle 1)))\n(outer)"
        let trace = World().exception(text)?.trace ?? []
        #expect(trace.map { $0.function ?? "top" } == ["inner", "middle", "outer", "top"])
        let lines = trace.map { frame in frame.source!.bytes.prefix(Int(frame.span!.start)).count { $0 == 0x0a } + 1 }
        #expect(lines == [2, 6, 8, 9])
    }

    // A piece of a file counts lines from where it stands in the file, and columns in code points.
    @Test func stackCountsFromTheFirstLine() throws {
        let world = World()
        let text =
            "(defn f []\n  (throw (ex-info \"é\" {})))\n(try [\"é\" (f)] (catch Exception e (sluice.machine/stack e)))"
        guard case .vector(let stack) = try world.evaluate(text, firstLine: 40) else { throw NoStack() }
        let frames = try (0..<stack.count).map { try Printer.readable(stack[$0]) }
        #expect(frames == [#"["f" "test.slu" 41 3]"#, #"[nil "test.slu" 42 11]"#])
    }

    private struct NoStack: Error {}

    @Test func errorsOfMacrosStandAtTheirCalls() {
        #expect(marked("(defmacro m [x] (inc nil))\n(do 1 (m 5))") == "(m 5)")
        #expect(marked("(defmacro m [x] x)\n(m 1 2)") == "(m 1 2)")
    }
}
