import Foundation
import Sluice
import Testing

/// The language by example: each file of `cases` is one area, each line an expression and its value (N1, N2, N3).
///
/// The values are Clojure's, each checked against Clojure 1.11 when the line was written; lines that end in `;; ours` are
/// where Sluice decides otherwise (strings count by code point).
@Suite struct CaseTests {
    @Test(
        "language cases",
        arguments: [
            "numbers", "collections", "sequences", "control", "strings", "state", "references", "classes", "arrays",
            "printing", "data", "differential",
        ])
    func cases(name: String) throws {
        let text = try CaseTests.file("\(name).slu")
        let session = Expectation.session()
        defer { session.shutDown() }
        let expectations = Expectation.all(in: text, place: "\(name).slu")
        #expect(expectations.count > 20)
        for expectation in expectations {
            if let problem = expectation.problem(in: session) { Issue.record("\(problem)") }
        }
    }

    /// The harness finds a wrong value, a missing exception and a wrong message.
    @Test func findsWrongExpectations() {
        let session = Expectation.session()
        defer { session.shutDown() }
        let wrong = """
            (+ 1 1) ;=> 3
            (conj [1] 2) ;=> (2 1)
            (throw (ex-info "boom" {})) ;=> 1
            (inc 1) ;=!> boom
            (throw (ex-info "boom" {})) ;=!> bang
            """
        let expectations = Expectation.all(in: wrong, place: "wrong")
        #expect(expectations.count == 5)
        for expectation in expectations { #expect(expectation.problem(in: session) != nil, "\(expectation) passed") }
        let right = Expectation.all(in: "(+ 1 1) ;=> 2\n(throw (ex-info \"boom\" {})) ;=!> boom", place: "right")
        for expectation in right { #expect(expectation.problem(in: session) == nil) }
    }

    /// The text of a file of `cases`.
    static func file(_ name: String) throws -> String {
        try String(contentsOfFile: #filePath.dropLast("CaseTests.swift".count) + "cases/" + name, encoding: .utf8)
    }
}
