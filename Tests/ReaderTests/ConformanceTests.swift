import Foundation
import Reader
import Testing
import Values

/// The cases recorded from `clojure.edn` that stand beside the checkout; the test is skipped where they are missing.
struct ConformanceTests {
    struct Case: Decodable {
        let id: String
        let input: String
        let verdict: String
        let value: String?
    }

    static let file = repository.deletingLastPathComponent().appendingPathComponent(
        "../shared/conformance/edn-given.jsonl")

    static var cases: [Case] {
        guard let text = try? String(contentsOf: file, encoding: .utf8) else { return [] }
        return text.split(separator: "\n").compactMap { try? JSONDecoder().decode(Case.self, from: Data($0.utf8)) }
    }

    @Test(.enabled(if: !cases.isEmpty, "the recorded cases are not beside this checkout"))
    func readsAsClojureDoes() throws {  // N1
        var failures: [String] = []
        for item in Self.cases {
            if let problem = problem(item) { failures.append("\(item.id) \(item.input.debugDescription): \(problem)") }
        }
        #expect(
            failures.isEmpty,
            "\(failures.count) of \(Self.cases.count):\n\(failures.prefix(60).joined(separator: "\n"))")
    }

    private func problem(_ item: Case) -> String? {
        let names = testNames
        let options = EDNOptions(unknownTag: .keep)
        let found: Value?
        do { found = try readData(item.input, names, options) } catch {
            return item.verdict == "ERR" ? nil : "expected \(item.verdict) \(item.value ?? ""), but refused: \(error)"
        }
        switch item.verdict {
        case "ERR": return "accepted, expected \(item.value ?? "an error")"
        case "EMPTY": return found == nil ? nil : "found a value"
        default:
            guard let found, let text = item.value else { return "found nothing" }
            do {
                guard let expected = try readData(text, names, options) else { return "the expectation is empty" }
                return try found.equals(expected) || isNaN(found)
                    ? nil : "expected \(text), found \(try Printer.readable(found))"
            } catch { return "the expectation \(text) cannot be read: \(error)" }
        }
    }

    /// The one value that is not equal to itself.
    private func isNaN(_ value: Value) -> Bool {
        if case .double(let double) = value { double.isNaN } else { false }
    }
}
