import Engine
import Machine
import Sluice
import Stdlib
import Values

/// An expression and what it should give: a line `expression ;=> value` of a case file or a docstring.
///
/// After `;=>` stands an expression too, so that the comparison is `=` of the language; `;=!> text` expects an exception
/// whose message contains the text.
struct Expectation: CustomStringConvertible, Sendable {
    var place: String
    var expression: String
    var expected: String
    var throwsMessage: Bool

    var description: String { "\(place) \(expression)" }

    /// The expectations in a text, one a line; `place` names the text.
    static func all(in text: String, place: String, firstLine: Int = 1) -> [Expectation] {
        var found: [Expectation] = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            for (mark, throwsMessage) in [(" ;=> ", false), (" ;=!> ", true)] {
                let line = line.range(of: " ;; ours").map { line[..<$0.lowerBound] } ?? line
                guard let range = line.range(of: mark) else { continue }
                found.append(
                    Expectation(
                        place: "\(place):\(firstLine + index)", expression: line[..<range.lowerBound].trimmed,
                        expected: line[range.upperBound...].trimmed, throwsMessage: throwsMessage))
            }
        }
        return found
    }

    /// What is wrong, or nil when it holds.
    func problem(in session: Session) -> String? {
        let outcome = session.evaluate(expression, name: place)
        if throwsMessage {
            guard case .failure(.thrown(let exception)) = outcome else {
                return "\(self): expected an exception, but found \(outcome)"
            }
            return exception.message.contains(expected) ? nil : "\(self): the message is \(exception.message)"
        }
        switch outcome {
        case .failure(let fault): return "\(self): \(Expectation.text(fault))"
        case .success: break
        }
        // Printed by the language itself, so that lazy sequences are realised; quoted, so that (1 2) reads as data.
        let wanted = session.evaluate("(def expected (quote \(expected)))", name: place)
        if case .failure(let fault) = wanted { return "\(self): the expectation fails: \(Expectation.text(fault))" }
        let same = session.evaluate(
            "(let [found \(expression)] (if (or (= found expected) (and (number? found) (number? expected) (not= found found) (not= expected expected))) nil (pr-str found)))",
            name: place)
        switch same {
        case .success(.nil): return nil
        case .success(let found): return "\(self): expected \(expected), but found \(found.stringValue ?? "?")"
        case .failure(let fault): return "\(self): \(Expectation.text(fault))"
        }
    }

    static func text(_ fault: Fault) -> String {
        if case .thrown(let exception) = fault {
            return "\(exception.type.rawValue): \(exception.message)" + (exception.hint.map { " (\($0))" } ?? "")
        }
        return "\(fault)"
    }

    /// A session that evaluates on this thread alone, in an order that a seed fixes.
    static func session() -> Session {
        var options = SessionOptions(grants: Capabilities(workingDirectory: "/"))
        options.seed = 1
        // What never ends is a failure of its line, and of those after it, not of the run.
        options.limits.instructions = 300_000_000
        return Session(options)
    }
}

extension Substring {
    fileprivate var trimmed: String {
        var slice = self[...]
        while slice.first == " " { slice.removeFirst() }
        while slice.last == " " { slice.removeLast() }
        return String(slice)
    }

    /// The first place of a text.
    fileprivate func range(of text: String) -> Range<Index>? { firstRange(of: text) }
}
