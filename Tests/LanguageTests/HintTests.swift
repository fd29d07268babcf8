import Engine
import Machine
import Reader
import Sluice
import Testing
import Values

/// Hints name what exists: whoever follows one must not meet the next error.
@Suite struct HintTests {
    /// The sentences of every table of hints.
    private static var sentences: [String] {
        let tables = [Unoffered.core, Unoffered.namespaces, Unoffered.classes, Unoffered.words]
        return Set(tables.flatMap(\.values)).sorted() + [hint(for: "(System/getenv \"X\")")]
    }

    private static func hint(for text: String) -> String {
        let session = Session(SessionOptions(grants: Capabilities(workingDirectory: "/")))
        defer { session.shutDown() }
        guard case .failure(let fault) = session.evaluate(text) else { return "(none)" }
        return Report.diagnostic(fault).hint ?? "(none)"
    }

    /// Placeholders of the sentences.
    private static let made: Set<String> = ["f", "ns", "catch", "name", "x"]

    /// What a sentence calls, and what it names by namespace.
    private static func names(in sentence: String) -> Set<String> {
        let calls = sentence.matches(of: /\(([a-z*][^\s()\[\]…"]*)[\s)]/).map { String($0.1) }
        let qualified = sentence.matches(of: /(?:^|[\s(])([a-z][a-z.-]*\/[a-z][a-z0-9!?*<>-]*)/).map { String($0.1) }
        return Set(calls + qualified).subtracting(made)
    }

    @Test func everyHintNamesWhatExists() throws {
        let session = Session(SessionOptions(grants: Capabilities(workingDirectory: "/")))
        defer { session.shutDown() }
        var count = 0
        for sentence in Self.sentences {
            for name in Self.names(in: sentence).sorted() {
                count += 1
                let found = session.evaluate(
                    "(some? (or (special-symbol? '\(name)) (resolve '\(name)) (when (qualified-symbol? '\(name)) (requiring-resolve '\(name)))))"
                )
                #expect((try? found.get())?.isTruthy == true, "\(name), in: \(sentence)")
            }
        }
        #expect(count > 30)
    }

    @Test func theEnvironmentIsRead() {
        #expect(Self.hint(for: "(System/getenv \"HOME\")") == "use (env/get \"NAME\")")
    }
}
