import Sluice
import Stdlib
import Testing
import Values

/// Every example in the docstrings of the library holds, and every definition compiles (N1, N3).
@Suite struct LibraryTests {
    /// The namespaces whose examples need nothing but the language. They are evaluated in the namespace itself.
    static let namespaces = [
        "clojure.core", "clojure.core.async", "clojure.data", "clojure.data.json", "clojure.edn", "clojure.pprint",
        "clojure.repl", "clojure.set", "clojure.string",
        "clojure.template",
        "clojure.test", "clojure.walk", "sluice.batch", "sluice.channel", "sluice.code", "sluice.core", "sluice.mcp",
        "sluice.process",
        "sluice.meta", "sluice.shape",
    ]

    @Test("docstring examples", arguments: namespaces) func examples(namespace: String) {
        let session = Expectation.session()
        defer { session.shutDown() }
        if namespace != "clojure.core" { _ = session.evaluate("(require '\(namespace)) (in-ns '\(namespace))") }
        var count = 0
        for name in Stdlib.names(in: namespace) {
            let doc = session.evaluate("(:doc (meta (var \(namespace)/\(name))))")
            guard case .success(let found) = doc, let text = found.stringValue else { continue }
            for expectation in Expectation.all(in: text, place: "\(namespace)/\(name)") {
                count += 1
                if let problem = expectation.problem(in: session) { Issue.record("\(problem)") }
            }
        }
        // A test that reads no examples would prove nothing.
        #expect(count >= 2)
    }

    @Test(
        "every definition compiles",
        arguments: namespaces + ["sluice.event", "sluice.fs", "sluice.llm", "sluice.log", "sluice.testing"])
    func compiles(
        namespace: String
    ) {
        let session = Expectation.session()
        defer { session.shutDown() }
        for name in Stdlib.names(in: namespace) {
            if case .failure(let fault) = session.evaluate("(var \(namespace)/\(name))") {
                Issue.record("\(namespace)/\(name): \(Expectation.text(fault))")
            }
        }
    }
}
