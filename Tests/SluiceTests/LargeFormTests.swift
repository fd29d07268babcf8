import Engine
import Machine
import Sluice
import Testing
import Values

/// Forms of thousands of parts are compiled in the steps that they have parts, rather than in their square.
@Suite struct LargeFormTests {
    @Test(arguments: [500, 2_000]) func caseOfThousandsOfClauses(_ clauses: Int) throws {
        var options = SessionOptions(grants: Capabilities(workingDirectory: "/"))
        // Twice what it takes; gone through anew for each clause, 2,000 took 40 million.
        options.limits.instructions = Int64(clauses * 3_000 + 1_000_000)
        let session = Session(options)
        defer { session.shutDown() }
        let pairs = (0..<clauses).map { "\($0) \($0 * 2)" }.joined(separator: " ")
        let result = session.evaluate(
            "(defn choose [x] (case x \(pairs) nil)) (pr-str [(choose 7) (choose \(clauses - 1)) (choose -1)])")
        #expect(try result.get().stringValue == "[14 \(2 * clauses - 2) nil]")
    }

    /// What a macro gives may have its sequences anywhere, and one that fails fails.
    @Test func sequencesOfAMacroAreRealisedWhereverTheyAre() throws {
        let session = Session(SessionOptions(grants: Capabilities(workingDirectory: "/")))
        defer { session.shutDown() }
        _ = try session.evaluate(
            """
            (defmacro spread [n]
              (let [items (map (fn [i] (map identity (list 'inc i))) (range n))]
                [(map identity (cons '+ items)) {:sum (cons '+ (map inc (range n)))} #{(map identity ['quote n])}]))
            """
        ).get()
        #expect(try session.evaluate("(pr-str (spread 100))").get().stringValue == "[5050 {:sum 5050} #{100}]")
        _ = try session.evaluate("(defmacro broken [] (list 'do (map (fn [x] (/ x 0)) [1])))").get()
        #expect(throws: (any Error).self) { try session.evaluate("(broken)").get() }
    }
}
