import Reader
import Testing
import Values

/// Where forms stand (N4), and how deep they may (N5).
struct PlaceTests {
    private func forms(_ text: String, _ names: Names = testNames) throws -> [Form] {
        var reader = Reader(
            Source(name: "t", bytes: Array(text.utf8)), names: names, dialect: .code(testContext(names)))
        var forms: [Form] = []
        while let form = try reader.next() { forms.append(form) }
        return forms
    }

    private func text(_ text: String, _ span: Span) -> String {
        String(decoding: Array(text.utf8)[Int(span.start)..<Int(span.end)], as: UTF8.self)
    }

    @Test func topLevelFormsHaveSpans() throws {
        let code = "a  (b c) ; d\n'e ^:f g #(h %) \"é\" 12"
        #expect(try forms(code).map { text(code, $0.span) } == ["a", "(b c)", "'e", "^:f g", "#(h %)", "\"é\"", "12"])
    }

    @Test func collectionsKnowTheirElements() throws {
        let code = "(let [a 'b] {:k ^:m v} #{x})"
        guard case .list(let list)? = try forms(code).first?.value else { throw NotAList() }
        let origin = try #require(list.origin)
        #expect(text(code, origin.span) == code)
        #expect(origin.children.map { text(code, $0) } == ["let", "[a 'b]", "{:k ^:m v}", "#{x}"])
        let elements = try #require(list.elements)
        guard case .vector(let vector) = elements[1], case .map(let map) = elements[2], case .set(let set) = elements[3]
        else {
            throw NotAList()
        }
        #expect(vector.origin?.children.map { text(code, $0) } == ["a", "'b"])
        #expect(map.origin?.children.map { text(code, $0) } == [":k", "^:m v"])
        #expect(set.origin?.children.map { text(code, $0) } == ["x"])
        guard case .list(let quoted) = vector[1] else { throw NotAList() }
        #expect(quoted.origin?.children.map { text(code, $0) } == ["'", "b"])
    }

    @Test func splicedAndChosenFormsKeepTheirPlaces() throws {
        let code = "[#?@(:sluice [a b]) #?(:clj x :default y)]"
        guard case .vector(let vector)? = try forms(code).first?.value else { throw NotAList() }
        #expect(vector.origin?.children.map { text(code, $0) } == ["a", "b", "y"])
    }

    /// What a backquote makes points at the text it came from.
    @Test func expansionsHavePlaces() throws {
        let code = "`(a ~b)"
        guard case .list(let seq)? = try forms(code).first?.value, case .list(let concat)? = seq.elements?.last,
            case .list(let last)? = concat.elements?.last
        else { throw NotAList() }
        #expect(last.origin.map { text(code, $0.span) } == "~b")
    }

    @Test func dataHasNoOrigins() throws {
        guard case .vector(let vector)? = try readData("[1 [2]]", testNames) else { throw NotAList() }
        #expect(vector.extra == nil)
    }

    @Test(arguments: [
        ("", 0, 1, 1), ("ab", 1, 1, 2), ("a\nb", 2, 2, 1), ("a\r\nb", 3, 2, 1), ("a\rb", 2, 2, 1), ("é\tx", 3, 1, 3),
        ("日本\n語x", 10, 2, 2), ("a\n\n", 3, 3, 1), ("a", 99, 1, 2),
    ])
    func positionsCountCodePoints(_ text: String, _ offset: Int, _ line: Int, _ column: Int) {
        #expect(Source(name: "t", bytes: Array(text.utf8)).position(of: offset) == Position(line: line, column: column))
    }

    @Test(arguments: [
        "[", "(", "{:a ", "#{", "'", "@", "`", "~", "^", "#_", "##", "#?(:sluice ", "#'", "#a ", "#:a{:b ",
    ])
    func depthIsAnErrorNotACrash(_ opener: String) throws {
        let text = String(repeating: opener, count: 100_000)
        let error = try #require(throws: SyntaxError.self) { try readCode(text, testNames) }
        #expect(error.code == .nesting)
        #expect(Int(error.span.start) <= (Reader.nestingLimit + 1) * opener.utf8.count)
    }

    @Test func theLimitItselfIsAllowed() throws {
        let depth = Reader.nestingLimit
        let text = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        #expect(try readCode(text, testNames).count == 1)
        #expect(try readData(text, testNames) != nil)
    }

    /// Each backquote multiplies what the one inside it made.
    @Test func nestedBackquotesEnd() throws {
        let error = try #require(throws: SyntaxError.self) {
            try readCode(String(repeating: "`", count: 500) + "(a)", testNames)
        }
        #expect(error.code == .size)
    }

    @Test func afterAnErrorNothingIsRead() throws {
        let names = testNames
        var reader = Reader(Source(name: "t", bytes: Array("a ) b".utf8)), names: names, dialect: .edn(EDNOptions()))
        #expect(try reader.next()?.value.symbolName == names.intern("a"))
        #expect(throws: SyntaxError.self) { try reader.next() }
        #expect(try reader.next()?.value.isNil == nil)
    }

    @Test(
        arguments: [[0x80], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82], [0xff]]
            as [[UInt8]])
    func invalidUTF8HasAPlace(_ bad: [UInt8]) throws {
        var reader = Reader(
            Source(name: "t", bytes: Array("ab \"é".utf8) + bad), names: testNames, dialect: .edn(EDNOptions()))
        let error = try #require(throws: SyntaxError.self) { try reader.next() }
        #expect(error.code == .encoding)
        #expect(error.span.start == 6)
    }
}

struct NotAList: Error {}
