import Foundation
import Sluice
import Testing

/// N2: the numeric tower against Python's integers, fractions and floats. `Fixtures/number_cases.py` made the cases.
@Suite struct NumberModelTests {
    struct Row: Sendable {
        let expression: String
        let expected: String

        /// The same operation called as a function, for `(+ 1 2)` is an instruction of its own.
        var applied: String? {
            guard expression.hasPrefix("("), let space = expression.firstIndex(of: " ") else { return nil }
            let operation = expression[expression.index(after: expression.startIndex)..<space]
            return "(apply \(operation) [\(expression[space...].dropLast())])"
        }
    }

    static let rows: [Row] = {
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
        let text = try? String(contentsOf: folder.appending(path: "Fixtures/number_cases.txt"), encoding: .utf8)
        return (text ?? "").split(separator: "\n").compactMap { line in
            line.range(of: " => ").map {
                Row(expression: String(line[..<$0.lowerBound]), expected: String(line[$0.upperBound...]))
            }
        }
    }()

    /// `(t e)`: how the value of `e` prints, or `!` and the class of its exception.
    static let prelude = """
        (defmacro t [form]
          `(try (pr-str ~form)
             (catch ArithmeticException e# "!ArithmeticException")
             (catch NumberFormatException e# "!NumberFormatException")
             (catch IllegalArgumentException e# "!IllegalArgumentException")))
        """

    @Test func thereAreCases() { #expect(Self.rows.count >= 4_000) }

    @Test(arguments: 0..<20) func agreesWithPython(_ part: Int) throws {
        let instance = try ScriptInstance()
        _ = try instance.evaluate(Self.prelude)
        for row in Self.rows.enumerated().filter({ $0.offset % 20 == part }).map(\.element) {
            for expression in [row.expression, row.applied].compactMap(\.self) {
                let found = try instance.evaluate("(t \(expression))")
                #expect(found == .string(row.expected), "\(expression)")
            }
        }
    }
}
