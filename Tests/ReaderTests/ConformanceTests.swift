import Foundation
import Reader
import Testing
import Values

/// The texts of `Conformance/edn.txt`, with what `clojure.edn` makes of each (N1).
struct ConformanceTests {
    private struct Case {
        enum Verdict {
            case value(String)
            case error
            /// No form at all.
            case nothing
        }

        let input: String
        let verdict: Verdict

        /// `INPUT ;=> VALUE`, `INPUT ;=!>` or `INPUT ;=.`.
        init?(_ line: Substring) {
            guard let match = line.firstMatch(of: /^(.*) ;=(?:> (.*)|(!>)|\.)$/) else { return nil }
            input = match.1.replacingOccurrences(of: "␤", with: "\n")
            if let value = match.2 {
                verdict = .value(value.replacingOccurrences(of: "␤", with: "\n"))
            } else {
                verdict = match.3 == nil ? .nothing : .error
            }
        }
    }

    @Test func readsAsClojureDoes() throws {
        let file = repository.appendingPathComponent("Tests/ReaderTests/Conformance/edn.txt")
        let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").filter { !$0.hasPrefix("%%") }
        #expect(lines.count > 300)
        for line in lines {
            let item = try #require(Case(line), "\(line)")
            if let problem = problem(item) { Issue.record("\(item.input.debugDescription): \(problem)") }
        }
    }

    private func problem(_ item: Case) -> String? {
        let names = testNames
        let options = EDNOptions(unknownTag: .keep)
        let found: Value?
        do { found = try readData(item.input, names, options) } catch {
            if case .error = item.verdict { return nil }
            return "expected \(item.verdict), but refused: \(error)"
        }
        switch item.verdict {
        case .error: return "accepted, expected an error"
        case .nothing: return found == nil ? nil : "found a value"
        case .value(let text):
            guard let found else { return "found nothing" }
            do {
                guard let expected = try readData(text, names, options) else { return "the expectation is empty" }
                let (shown, wanted) = (try Printer.readable(found), try Printer.readable(expected))
                // Equality takes 1 for 1N, which are printed apart; a set's elements have no order to be printed in.
                let same = try shown == wanted || (found.equals(expected) && found.isCollection)
                return same ? nil : "expected \(text), found \(shown)"
            } catch { return "the expectation \(text) cannot be read: \(error)" }
        }
    }
}

extension Value {
    fileprivate var isCollection: Bool {
        switch self {
        case .map, .set, .vector, .list: true
        default: false
        }
    }
}
