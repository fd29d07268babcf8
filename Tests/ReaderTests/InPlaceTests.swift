import Testing
import Values

@testable import Reader

/// A long text is read where it stands, and tokens met before are known again.
@Suite struct InPlaceTests {
    private func read(_ string: String, _ names: Names) throws -> Value? {
        var reader = Reader(Source(name: "text", text: Text(string)), names: names, dialect: .edn(EDNOptions()))
        return try reader.next()?.value
    }

    @Test func readsAsFromBytes() throws {
        let names = Names()
        let text =
            "[" + (0..<500).map { "{:id \($0), :née \"é\($0)\", :x/y [\($0).5 nil]}" }.joined(separator: "\n") + "]"
        let value = try #require(try read(text, names))
        #expect(try value.equals(try #require(try EDN.read(Array(text.utf8), names: names))))
        guard case .vector(let vector) = value else { return #expect(Bool(false)) }
        #expect(vector.count == 500)
    }

    @Test func placesErrorsAsFromBytes() throws {
        let text = "[" + String(repeating: ":some/keyword \"text\"\n", count: 100) + "{:a 1 :b 2 :a 3}]"
        var titles: [String] = []
        for source in [Source(name: "s", text: Text(text)), Source(name: "s", bytes: Array(text.utf8))] {
            do {
                var reader = Reader(source, names: Names(), dialect: .edn(EDNOptions()))
                _ = try reader.next()
                Issue.record("a key twice must not be read")
            } catch {
                titles.append("\(error.diagnostic.title) \(String(describing: error.diagnostic.primary?.span))")
            }
        }
        #expect(titles.count == 2 && titles[0] == titles[1])
    }

    /// Names that share their first or last eight bytes, their length, or a slot of the cache.
    @Test func tellsTokensApart() throws {
        let names = Names()
        var tokens: [String] = []
        for length in 1...40 {
            for letter in ["a", "b"] {
                tokens.append(String(repeating: "a", count: length - 1) + letter)
                tokens.append(letter + String(repeating: "a", count: length - 1))
                let half = length / 2
                tokens.append(
                    String(repeating: "a", count: half) + letter + String(repeating: "a", count: length - 1 - half))
                tokens.append("n/" + String(repeating: letter, count: length))
            }
        }
        tokens += (0..<3000).map { "k\($0)" }
        let order = tokens + tokens.reversed() + tokens
        let text = "[" + order.map { ":\($0) \($0)" }.joined(separator: " ") + "]"
        guard case .vector(let vector)? = try read(text, names) else { return #expect(Bool(false)) }
        for (index, token) in order.enumerated() {
            let name = names.intern(token)
            guard case .keyword(name) = vector[2 * index], case .symbol(name) = vector[2 * index + 1] else {
                Issue.record("\(token) was read as \(vector[2 * index].briefly) \(vector[2 * index + 1].briefly)")
                return
            }
        }
    }

    /// A keyword's text is not always a symbol's, and what is wrong stays wrong when it comes again.
    @Test func knowsOnlyWhatIsValid() throws {
        let names = Names()
        for bad in [":a/", ":a:/b", "::a", ":/a", ":a::b"] {
            #expect(throws: SyntaxError.self) { _ = try read("[:a :b/c \(bad)]", names) }
            #expect(throws: SyntaxError.self) { _ = try read("[:a :b/c a b/c \(bad) \(bad)]", names) }
        }
        #expect(throws: SyntaxError.self) { _ = try read("[:1a 1a]", names) }
    }

    @Test func jsonKeysAreSharedAndRight() throws {
        let text =
            "["
            + (0..<300).map { "{\"id\": \($0), \"née\": 1, \"\\u0061\": 2, \"a b\": \($0 % 7)}" }.joined(separator: ",")
            + "]"
        let value = try JSON.read(Source(name: "json", text: Text(text)))
        guard case .vector(let vector) = value, case .map(let last) = vector[299] else { return #expect(Bool(false)) }
        #expect(last.entries.map { $0.key.stringValue } == ["id", "née", "a", "a b"])
        #expect(try last.find(.string("id"))?.intValue == 299)
    }
}
