import Reader
import Testing
import Values

/// Whatever the bytes, reading ends in values or in an error that can be shown (N4, N5); each finding becomes a case.
struct FuzzTests {
    private func survive(_ bytes: [UInt8]) throws {
        let source = Source(name: "fuzz", bytes: bytes)
        for dialect in [Dialect.edn(EDNOptions(unknownTag: .keep)), .code(testContext(testNames))] {
            var reader = Reader(source, names: testNames, dialect: dialect)
            do { while try reader.next() != nil {} } catch { check(error, source) }
        }
        do { _ = try JSON.read(source) } catch { check(error, source) }
    }

    private func check(_ error: SyntaxError, _ source: Source) {
        #expect(Int(error.span.start) <= source.bytes.count)
        #expect(error.span.start <= error.span.end)
        #expect(error.diagnostic.rendered().hasPrefix("fuzz:"))
        #expect(!error.diagnostic.title.contains("\n"))
        #expect(error.diagnostic.json().hasPrefix("{"))
    }

    @Test(arguments: [1, 2, 3] as [UInt64]) func randomBytes(_ seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        let syntax = Array("()[]{}\"\\;^@`~#'%/:a1N._+- ,\n?!&uoxeE\u{e9}\u{65e5}".utf8)
        for _ in 0..<600 {
            let length = Int.random(in: 0...40, using: &random)
            let wild = Bool.random(using: &random)
            try survive(
                (0..<length).map { _ in
                    wild ? UInt8.random(in: 0...255, using: &random) : syntax.randomElement(using: &random)!
                })
        }
    }

    static let sample = """
        ; a comment
        (ns a.b (:require [c :as d]))
        (defn f "doc \\" \\u00e9" [{:keys [x] :as m} & more]
          `(let [y# ~x] (+ y# ~@more)) #(%1 %&) #"re\\"gex" \\newline #{1 2N 3/4 -5.0M 0xFF}
          ^{:m "é"} [#_ skip @at #'var #?(:sluice 1 :default 2) #inst "2024-01-01" #:n{:k ##Inf}] "日本")
        {"json": [1, -2.5e3, true, null, "\\ud83d\\ude00"]}
        """

    /// Every text cut off at every byte: no crash, and code that ends inside a form says so.
    @Test func truncatedText() throws {
        let bytes = Array(Self.sample.utf8)
        for end in 0...bytes.count { try survive(Array(bytes[..<end])) }
    }

    @Test func everyByteReplaced() throws {
        let bytes = Array(Self.sample.utf8)
        for (index, replacement) in zip(
            bytes.indices, [0x00, 0x22, 0x29, 0x5c, 0xff, 0x23, 0x7d].repeated(bytes.count))
        {
            var changed = bytes
            changed[index] = replacement
            try survive(changed)
        }
    }
}

extension [UInt8] {
    fileprivate func repeated(_ count: Int) -> [UInt8] { (0..<count).map { self[$0 % self.count] } }
}
