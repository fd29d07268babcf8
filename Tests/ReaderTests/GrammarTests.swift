import Foundation
import Reader
import Testing
import Values

/// `grammar/grammar.ebnf` and the reader say the same (rule 13 of the house: the grammar is the syntax's single truth).
struct GrammarTests {
    static let folder = repository.appendingPathComponent("grammar")

    static func grammar() throws -> Grammar {
        try Grammar(parsing: String(contentsOf: folder.appendingPathComponent("grammar.ebnf"), encoding: .utf8))
    }

    static func corpus(_ name: String) throws -> [String] {
        let text = try String(contentsOf: folder.appendingPathComponent("corpus/\(name).txt"), encoding: .utf8)
        return text.split(separator: "\n").filter { !$0.hasPrefix("%%") }.map {
            $0.replacingOccurrences(of: "␤", with: "\n")
        }
    }

    /// What the grammar's opening comment lists as beyond it.
    static let contextRules: Set<SyntaxCode> = [
        .duplicateKey, .duplicateElement, .alias, .tag, .tagged, .regex, .metadata, .function, .argument, .conditional,
        .splice, .namespacedKey, .nesting, .size,
    ]

    /// The reader's error, or nil when it accepts.
    private static func error(_ text: String, _ rule: String) -> SyntaxError? {
        do {
            let dialect: Dialect = rule == "code" ? .code(testContext(testNames)) : .edn(EDNOptions(unknownTag: .keep))
            var reader = Reader(Source(name: "t", bytes: Array(text.utf8)), names: testNames, dialect: dialect)
            while try reader.next() != nil {}
            return nil
        } catch { return error }
    }

    @Test(arguments: ["code", "data"]) func acceptsTheCorpus(_ rule: String) throws {
        let recognizer = Recognizer(try Self.grammar())
        for text in try Self.corpus("\(rule)-accept") {
            #expect(recognizer.accepts(text, as: rule), "the grammar refuses \(text)")
            #expect(Self.error(text, rule) == nil, "the reader refuses \(text)")
        }
    }

    @Test(arguments: ["code", "data"]) func rejectsTheCorpus(_ rule: String) throws {
        let recognizer = Recognizer(try Self.grammar())
        for text in try Self.corpus("\(rule)-reject") {
            // `#foo 1` in data is refused only where nobody keeps unknown tags.
            let strict: Bool
            do {
                let dialect: Dialect = rule == "code" ? .code(testContext(testNames)) : .edn(EDNOptions())
                _ = try read(text, testNames, dialect)
                strict = false
            } catch let error as SyntaxError {
                strict = Self.contextRules.contains(error.code) || !recognizer.accepts(text, as: rule)
                #expect(strict, "the grammar accepts \(text), the reader says \(error.diagnostic.title)")
                continue
            }
            #expect(strict, "the reader accepts \(text)")
        }
    }

    /// The reader accepts what the grammar generates, and both agree about texts changed at random.
    @Test(arguments: ["code", "data"], [1, 2, 3] as [UInt64]) func agreeOnGeneratedText(_ rule: String, _ seed: UInt64)
        throws
    {
        let grammar = try Self.grammar()
        let recognizer = Recognizer(grammar)
        var generator = Generator(grammar, seed: seed)
        var accepted = 0
        for round in 0..<250 {
            let text = generator.text(rule, depth: 4 + round % 8)
            guard text.utf8.count < 200 else { continue }
            if compare(text, rule, recognizer) { accepted += 1 }
            for _ in 0..<3 { _ = compare(generator.changed(text), rule, recognizer) }
        }
        #expect(accepted > 60, "too few of the generated texts are in the language to prove anything: \(accepted)")
    }

    /// Tokens are where the rules are fiddly, so they get random text of their own.
    @Test(
        arguments: ["code", "data"], ["a1:/", "a1:/#'+-.", "01289.eE+-/rRxXNMaF", "\\uoa01d8newlin ", "\"\\u0d8cf9 a"])
    func agreeOnTokens(_ rule: String, _ alphabet: String) throws {
        let grammar = try Self.grammar()
        let recognizer = Recognizer(grammar)
        var generator = Generator(grammar, seed: 7)
        var accepted = 0
        for _ in 0..<1500 where compare(generator.word(Array(alphabet.unicodeScalars), 7), rule, recognizer) {
            accepted += 1
        }
        #expect((50...1450).contains(accepted), "texts of one verdict prove nothing: \(accepted) of 1500 were accepted")
    }

    /// Whether both accept `text`; records an issue when they differ.
    private func compare(_ text: String, _ rule: String, _ recognizer: Recognizer) -> Bool {
        let error = Self.error(text, rule)
        let inGrammar = recognizer.accepts(text, as: rule)
        if let error {
            if inGrammar, !Self.contextRules.contains(error.code), !isEmptyConditional(text, error) {
                Issue.record(
                    "\(rule): the grammar accepts \(text.debugDescription), the reader says: \(error.diagnostic.title)")
            }
            return false
        }
        // A conditional that leaves nothing, or splices, changes how many forms a map has.
        if !inGrammar, !text.contains("#?") {
            Issue.record("\(rule): the reader accepts \(text.debugDescription), the grammar does not")
        }
        return inGrammar
    }

    /// A form is missing because a conditional left nothing.
    private func isEmptyConditional(_ text: String, _ error: SyntaxError) -> Bool {
        text.contains("#?") && [.unfinished, .oddMap, .unclosed].contains(error.code)
    }
}
