import Sluice
import Stdlib
import Testing

/// Every example in the docstrings of the library holds, and every definition compiles (N1, N3).
@Suite struct LibraryTests {
    /// The namespaces whose examples need nothing but the language.
    static let namespaces = ["clojure.core", "clojure.string"]

    @Test("docstring examples", arguments: namespaces) func examples(namespace: String) {
        let session = Expectation.session()
        defer { session.shutDown() }
        var count = 0
        for name in Stdlib.names(in: namespace) {
            guard let entry = Stdlib.find(namespace: namespace, name: name) else { continue }
            // Within a docstring, quotes and backslashes are escaped.
            let source = String(decoding: entry.source, as: UTF8.self)
                .replacing("\\\\", with: "\u{1}").replacing("\\\"", with: "\"").replacing("\u{1}", with: "\\")
            for expectation in Expectation.all(in: source, place: "\(entry.file)", firstLine: entry.line) {
                count += 1
                if let problem = expectation.problem(in: session) { Issue.record("\(problem)") }
            }
        }
        #expect(count > 10)
    }

    @Test("every definition compiles", arguments: namespaces) func compiles(namespace: String) {
        let session = Expectation.session()
        defer { session.shutDown() }
        for name in Stdlib.names(in: namespace) {
            if case .failure(let fault) = session.evaluate("(var \(namespace)/\(name))") {
                Issue.record("\(namespace)/\(name): \(Expectation.text(fault))")
            }
        }
    }
}
