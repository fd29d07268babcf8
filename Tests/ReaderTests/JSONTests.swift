import Foundation
import Reader
import Testing
import Values

/// JSON as RFC 8259 has it, and nothing more.
struct JSONTests {
    private func parse(_ text: String) throws -> Value { try JSON.read(Source(name: "j", bytes: Array(text.utf8))) }

    private func write(_ edn: String, _ style: JSON.Style = JSON.Style()) throws -> String {
        String(decoding: try JSON.write(try #require(try readData(edn, testNames)), style: style), as: UTF8.self)
    }

    /// JSON, and the same value as EDN.
    static let accepted: [(String, String)] = [
        ("null", "nil"), ("true", "true"), (" false ", "false"), ("0", "0"), ("-0", "0"), ("-12", "-12"),
        ("1.5", "1.5"),
        ("-0.0", "-0.0"), ("1e3", "1000.0"), ("1E+2", "100.0"), ("2.5e-1", "0.25"), ("0.1", "0.1"), ("0e1", "0.0"),
        ("[1e400, -1e400]", "[##Inf ##-Inf]"),
        ("9223372036854775807", "9223372036854775807"), ("-9223372036854775808", "-9223372036854775808"),
        ("123456789.123456789123456789", "123456789.123456789123456789"),
        ("\"\"", "\"\""), (#""a\"\\\/\b\f\n\r\t""#, #""a\"\\/\b\f\n\r\t""#), (#""\u00e9\u65E5""#, "\"é日\""),
        (#""\ud83d\ude00""#, "\"😀\""), (#""\u0000""#, #""\u0000""#), ("\"é\u{7f}\"", "\"é\u{7f}\""),
        ("[]", "[]"), ("[ ]", "[]"), ("[1,[2,[]],\"a\"]", "[1 [2 []] \"a\"]"), ("{}", "{}"), ("{ }", "{}"),
        (#"{"a":1,"b":{"c":[null]}}"#, #"{"a" 1 "b" {"c" [nil]}}"#), (#"{"a":1,"a":2}"#, #"{"a" 2}"#),
        ("\t\r\n [1 ,\n2 ]\n", "[1 2]"), ("\u{feff}1", "1"), (#"{"":0}"#, #"{"" 0}"#),
    ]
    @Test(arguments: accepted) func reads(_ json: String, _ edn: String) throws {
        let expected = try #require(try readData(edn, testNames))
        let found = try parse(json)
        let shown = try Printer.readable(found)
        #expect(try found.equals(expected), "found \(shown)")
    }

    static let refused = [
        "", " ", "nul", "nulll", "True", "[1,]", "[,1]", "[1 2]", "[", "[1", "{", "{\"a\"", "{\"a\":", "{\"a\":1",
        "{\"a\":1,}", "{a:1}",
        "{'a':1}", "{\"a\" 1}", "{1:2}", "]", "}", "[1}", "{\"a\":1]", "01", "-", "+1", "1.", ".5", "1.e3", "1e", "1e+",
        "-01", "00", "0x1",
        "1N", "1.5M", "1/2", "2r1", "1_0", "--1", "Infinity", "NaN", "\"", "\"a", "\"\\\"", "\"\\x\"", "\"\\u12\"",
        "\"\\ud800\"",
        "\"\\udc00\\ud800\"", "\"a\nb\"", "\"\t\"", "\"\0\"", "1 2", "[] []", "// a\n1", "/* a */ 1", "1\u{a0}",
        "\u{3000}1", "1\0", "\u{feff}",
    ]
    @Test(arguments: refused) func refuses(_ json: String) { #expect(throws: SyntaxError.self) { try parse(json) } }

    @Test(arguments: [[0x22, 0xff, 0x22], [0x22, 0xc0, 0x80, 0x22], [0x22, 0xed, 0xa0, 0x80, 0x22]] as [[UInt8]])
    func refusesInvalidUTF8(_ bytes: [UInt8]) {
        #expect(throws: SyntaxError.self) { try JSON.read(Source(name: "j", bytes: bytes)) }
    }

    @Test func keysCanBeKeywords() throws {
        let names = testNames
        let text = #"{"id":1,"order/total":2,"a b":3,"/":4,"esc\u0061pe":5,"a/":6}"#
        guard case .map(let map) = try JSON.read(Source(name: "j", bytes: Array(text.utf8)), keys: .keywords(names))
        else {
            throw NotAList()
        }
        let keys =
            [(nil, "id"), ("order", "total"), (nil, "a b"), (nil, "/"), (nil, "escape"), (nil, "a/")]
            as [(String?, String)]
        for (index, key) in keys.enumerated() {
            #expect(try map.find(.keyword(names.intern(key.0, key.1)))?.intValue == Int64(index + 1))
        }
    }

    /// N5
    @Test(arguments: ["[", "{\"a\":", "[{\"a\":"]) func depthIsAnError(_ opener: String) throws {
        let error = try #require(throws: SyntaxError.self) { try parse(String(repeating: opener, count: 100_000)) }
        #expect(error.code == .nesting)
    }

    static let written: [(String, String)] = [
        ("nil", "null"), ("[true false]", "[true,false]"), ("-7", "-7"), ("1.5", "1.5"), ("1.0", "1.0"),
        ("1e300", "1e+300"),
        ("\"a\\\"\\\\\\n\\t\\u0001é😀\"", #""a\"\\\n\t\u0001é😀""#), (":a", "\"a\""), (":a/b", "\"b\""),
        ("sym", "\"sym\""), ("\\x", "\"x\""),
        ("()", "[]"), ("(1 2)", "[1,2]"), ("#{1}", "[1]"), ("{}", "{}"), ("[]", "[]"),
        ("{:b 1 :a 2 \"c\" 3 4 5}", #"{"b":1,"a":2,"c":3,"4":5}"#),
        ("#inst \"2024-01-31T12:00:00.5Z\"", "\"2024-01-31T12:00:00.500Z\""),
        ("#uuid \"f81d4fae-7dec-11d0-a765-00a0c91e6bf6\"", "\"f81d4fae-7dec-11d0-a765-00a0c91e6bf6\""),
        ("^{:a 1} [x]", "[\"x\"]"),
    ]
    @Test(arguments: written) func writes(_ edn: String, _ json: String) throws { #expect(try write(edn) == json) }

    @Test func writesPrettily() throws {
        var style = JSON.Style()
        style.pretty = true
        let expected = """
            {
              "a": [
                1,
                {}
              ],
              "b": []
            }
            """
        #expect(try write("{:a [1 {}] :b []}", style) == expected)
    }

    @Test func escapesOnRequest() throws {
        var style = JSON.Style()
        style.escapesSlash = true
        style.escapesUnicode = true
        style.qualifiedNames = true
        #expect(try write("{:a/b \"</é😀\"}", style) == #"{"a\/b":"<\/\u00e9\ud83d\ude00"}"#)
    }

    @Test(arguments: [
        ("##NaN", "NaN"), ("[1 ##Inf]", "at 1"), ("{:a {:b [0 #x 1]}}", ":a :b 1"), ("{nil 1}", "nil key"),
    ])
    func refusesToWrite(_ edn: String, _ part: String) throws {
        let value = try #require(try readData(edn, testNames, EDNOptions(unknownTag: .keep)))
        let fault = try #require(throws: Fault.self) { try JSON.write(value) }
        guard case .thrown(let exception) = fault else { throw NotAList() }
        #expect((exception.message + (exception.hint ?? "")).contains(part))
    }

    /// A message to another program must not get lost: what JSON has no form for is told as text.
    @Test(arguments: [
        ("{:a/b [##NaN 1/2] nil 1}", ###"{"a/b":["##NaN",0.5],"nil":1}"###), ("#x 1", ##""#x 1""##),
        ("[a/b \\c]", #"["a/b","c"]"#),
    ])
    func showsAnything(_ edn: String, _ json: String) throws {
        let value = try #require(try readData(edn, testNames, EDNOptions(unknownTag: .keep)))
        #expect(JSON.shown(value) == json)
    }

    /// What has no end, or shares its parts and is larger than it is stored, is told of in a few words; what is short stays.
    @Test func showsNoMoreThanALimit() throws {
        func map(_ entries: [(KnownName, Value)]) -> Value {
            var map = HashMap()
            for (key, value) in entries { try? HashMap.set(&map, .kw(key), value) }
            return .map(map)
        }
        let endless = Value.seq(SeqView(.range(start: 0, step: 1, count: .max)))
        let shared = (0..<60).reduce(Value.int(1)) { inner, _ in .vector([inner, inner]) }
        for large in [endless, shared, .list([endless]), .string(String(repeating: "x", count: 2_000))] {
            let value = map([(.id, .int(7)), (.payload, map([(.result, large), (.ok, .true)]))])
            let told = JSON.shown(.string(large.briefly))
            #expect(
                JSON.shown(value, within: 1_000) == #"{"id":7,"payload":{"result":\#(told),"ok":true},"cut":true}"#)
            #expect(JSON.shown(large, within: 1_000) == told)
        }
        // Not a byte is missing of what is within the limit.
        let many = Value.vector(Array(repeating: .int(10), count: 100))
        #expect(JSON.shown(many, within: 301) == "[\(Array(repeating: "10", count: 100).joined(separator: ","))]")
        #expect(JSON.shown(many, within: 300) == "\"a vector of 100 elements\"")
        #expect(throws: Fault.self) { try JSON.write(endless, within: 1_000) }
    }

    @Test func showsWhatIsDeepOrNotRealised() {
        let deep = (0..<5_000).reduce(Value.nil) { inner, _ in .vector([inner]) }
        #expect(
            JSON.shown(deep) == String(repeating: "[", count: 5_000) + "null" + String(repeating: "]", count: 5_000))
        let lazy = Value.lazy(LazySeq(thunk: .nil))
        #expect(JSON.shown(.vector([lazy, .int(1)])) == "[\"\(lazy.briefly)\",1]")
    }

    /// What a diagnostic says as JSON is JSON, and says the same.
    @Test func diagnosticsAreJSON() throws {
        let error = try #require(throws: SyntaxError.self) { try readCode("(a\n  \"é\" [1)", testNames) }
        var diagnostic = error.diagnostic
        diagnostic.trace = [TraceFrame(function: "f\"", source: diagnostic.primary?.source, span: Span(0, 1))]
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(diagnostic.json().utf8)) as? [String: Any])
        #expect(object["severity"] as? String == "error")
        #expect(object["code"] as? String == "syntax/mismatched")
        #expect(object["file"] as? String == "test")
        #expect(object["line"] as? Int == 2)
        #expect(object["column"] as? Int == 9)
        #expect(object["endColumn"] as? Int == 10)
        #expect((object["related"] as? [[String: Any]])?.first?["column"] as? Int == 7)
        #expect((object["trace"] as? [[String: Any]])?.first?["function"] as? String == "f\"")
        #expect(object["explanation"] == nil)
    }
}
