import Testing
import Values

@testable import Adapters

/// The protocol without anything that carries it. Messages are those of the specification, revision 2025-06-18.
@Suite struct MCPMachineTests {
    /// A machine, and what it did as text: messages without spaces, as they are sent.
    struct Trial {
        var machine: MCPMachine
        let json: JSONCodec

        init() {
            let names = Names()
            json = testJSON(names)
            machine = MCPMachine(MCPWire(json: json, names: names), server: "the server")
        }

        mutating func step(_ input: MCPMachine.Input) -> [String] { machine.step(input).map(Trial.shown) }

        mutating func hear(_ text: String) throws -> [String] {
            step(.message(try json.decode(Array(text.utf8), false)))
        }

        mutating func call(_ number: Int, _ tool: String = "add") -> [String] {
            step(.submit(number, .call(tool: tool, params: Array(#"{"name":"\#(tool)","arguments":{}}"#.utf8))))
        }

        /// As far as a session that is open, with the calls 1 to `calls` under way as the requests 2, 3, …
        mutating func open(calls: Int = 1, version: String = "2025-06-18") throws {
            for number in 1...calls { _ = call(number) }
            _ = try hear(Trial.greeting(version))
            _ = step(.announced)
        }

        static func greeting(_ version: String) -> String {
            #"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"\#(version)","capabilities":{},"serverInfo":{"name":"s","version":"1"}}}"#
        }

        private static func shown(_ action: MCPMachine.Action) -> String {
            switch action {
            case .send(let bytes, let id):
                "send \(id.map { "\($0) " } ?? "")" + String(decoding: bytes, as: UTF8.self)
            case .announce(let bytes, let version): "announce \(version) " + String(decoding: bytes, as: UTF8.self)
            case .forget(let id): "forget \(id)"
            case .answered(let id): "answered \(id)"
            case .progress(let number, let value): "progress \(number) " + readable(value)
            case .settle(let number, .success(let value)): "\(number) " + readable(value)
            case .settle(let number, .failure(.gone)): "\(number) gone"
            case .settle(let number, .failure(.error(let error))): "\(number) \(error.code.rawValue): \(error.message)"
            case .end: "end"
            }
        }

        private static func readable(_ value: Value) -> String { (try? Printer.readable(value)) ?? "?" }
    }

    @Test("P25: a session opens with initialize, its answer and initialized; nothing goes before") func handshake()
        throws
    {
        var trial = Trial()
        #expect(
            trial.call(1) == [
                #"send 1 {"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"sluice","version":"0.1.0"}}}"#
            ])
        #expect(trial.call(2, "sub") == [])
        #expect(
            try trial.hear(Trial.greeting("2024-11-05")) == [
                #"announce 2024-11-05 {"jsonrpc":"2.0","method":"notifications/initialized"}"#
            ])
        #expect(trial.call(3) == [])
        func request(_ id: Int, _ tool: String) -> String {
            #"send \#(id) {"jsonrpc":"2.0","id":\#(id),"method":"tools/call","params":{"_meta":{"progressToken":\#(id)},"name":"\#(tool)","arguments":{}}}"#
        }
        #expect(trial.step(.announced) == [request(2, "add"), request(3, "sub"), request(4, "add")])
        #expect(trial.call(4) == [request(5, "add")])
    }

    @Test("Answers in any order find their calls; one that comes twice or too late does nothing") func order() throws {
        var trial = Trial()
        try trial.open(calls: 3)
        func answer(_ id: Int) -> String { #"{"jsonrpc":"2.0","id":\#(id),"result":{"content":[]}}"# }
        #expect(try trial.hear(answer(4)) == ["answered 4", "3 {:content []}"])
        #expect(
            trial.step(.cancel(1)) == [
                #"send {"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2,"reason":"the caller no longer waits"}}"#,
                "forget 2", "1 cancelled: the work was cancelled",
            ])
        #expect(try trial.hear(answer(2)) == [])
        #expect(try trial.hear(answer(4)) == [])
        #expect(try trial.hear(answer(3)) == ["answered 3", "2 {:content []}"])
    }

    @Test("What servers ask: ping is answered, anything else there is no method for; notifications go by")
    func requests() throws {
        var trial = Trial()
        try trial.open()
        #expect(
            try trial.hear(#"{"jsonrpc":"2.0","id":"a","method":"ping"}"#) == [
                #"send {"jsonrpc":"2.0","id":"a","result":{}}"#
            ])
        for method in ["sampling/createMessage", "roots/list", "elicitation/create"] {
            #expect(
                try trial.hear(#"{"jsonrpc":"2.0","id":7,"method":"\#(method)","params":{}}"#) == [
                    #"send {"jsonrpc":"2.0","id":7,"error":{"code":-32601,"message":"Method not found"}}"#
                ])
        }
        #expect(try trial.hear(#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info"}}"#) == [])
        #expect(
            try trial.hear(
                #"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":2,"progress":1,"total":4}}"#
            ) == ["progress 1 {:progress 1, :total 4}"])
        #expect(
            try trial.hear(
                #"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":9,"progress":1}}"#)
                == [])
    }

    @Test("Revisions that are spoken, and those that are not", arguments: ["2024-11-05", "2025-03-26", "2025-06-18"])
    func versions(_ version: String) throws {
        var trial = Trial()
        _ = trial.call(1)
        #expect(try trial.hear(Trial.greeting(version)).count == 1)
        var other = Trial()
        _ = other.call(1)
        let refused = try other.hear(Trial.greeting("1999-01-01"))
        #expect(
            refused == [
                "1 mcp_protocol_error: the server speaks the protocol's revision \"1999-01-01\", but known are 2025-06-18, 2025-03-26, 2024-11-05; use another version of the server",
                "end",
            ])
        #expect(other.call(2) == ["2 gone"])
    }

    @Test("A server may refuse to begin") func refusedGreeting() throws {
        var trial = Trial()
        _ = trial.call(1)
        let error = #"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"Unsupported protocol version"}}"#
        #expect(
            try trial.hear(error) == [
                "1 mcp_error: the server refused: Unsupported protocol version (-32602)", "end",
            ])
    }

    @Test("Batches are of one revision alone") func batches() throws {
        let batch =
            #"[{"jsonrpc":"2.0","id":3,"result":{"content":[]}},{"jsonrpc":"2.0","id":2,"result":{"content":[]}}]"#
        var trial = Trial()
        try trial.open(calls: 2, version: "2025-03-26")
        #expect(try trial.hear(batch) == ["answered 3", "2 {:content []}", "answered 2", "1 {:content []}"])
        var other = Trial()
        try other.open(calls: 1)
        #expect(try other.hear(batch).last == "end")
    }

    @Test("Pages of tools are followed to the last, and a list without an end is left") func pages() throws {
        var trial = Trial()
        _ = trial.step(.submit(1, .tools))
        _ = try trial.hear(Trial.greeting("2025-06-18"))
        #expect(
            trial.step(.announced) == [#"send 2 {"jsonrpc":"2.0","id":2,"method":"tools/list","params":{}}"#])
        #expect(
            try trial.hear(
                #"{"jsonrpc":"2.0","id":2,"result":{"tools":[{"name":"add","inputSchema":{"type":"object"}}],"nextCursor":"a\"b"}}"#
            ) == [
                "answered 2",
                #"send 3 {"jsonrpc":"2.0","id":3,"method":"tools/list","params":{"cursor":"a\"b"}}"#,
            ])
        #expect(
            try trial.hear(
                #"{"jsonrpc":"2.0","id":3,"result":{"tools":[{"name":"sub","description":"takes away","title":"Less","inputSchema":{},"annotations":{"readOnlyHint":true}}]}}"#
            ) == [
                "answered 3",
                #"1 [{:name "add", :input-schema {:type "object"}} {:name "sub", :title "Less", :description "takes away", :input-schema {}, :annotations {:readOnlyHint true}}]"#,
            ])
        _ = trial.step(.submit(2, .tools))
        let same = #"{"jsonrpc":"2.0","id":"ID","result":{"tools":[],"nextCursor":"x"}}"#
        #expect(try trial.hear(same.replacingID(4)).count == 2)
        #expect(
            try trial.hear(same.replacingID(5)).last
                == "2 mcp_protocol_error: the server does not speak the protocol: its list of tools does not end")
    }

    @Test("A tool that does not exist is told with those that do, once they are known") func unknownTool() throws {
        var trial = Trial()
        try trial.open()
        let error = #"{"jsonrpc":"2.0","id":"ID","error":{"code":-32602,"message":"Unknown tool: ad"}}"#
        #expect(
            try trial.hear(error.replacingID(2)).last
                == "1 mcp_error: the server refused: Unknown tool: ad (-32602)")
        _ = trial.step(.submit(2, .tools))
        _ = try trial.hear(#"{"jsonrpc":"2.0","id":3,"result":{"tools":[{"name":"add"},{"name":"sub"}]}}"#)
        func failure(_ tool: String, _ id: Int) throws -> String? {
            _ = trial.call(id, tool)
            return try trial.hear(error.replacingID(id)).last
        }
        #expect(
            try failure("ad", 4)
                == "4 mcp_error: the server refused: Unknown tool: ad (-32602); did you mean `add`?")
        #expect(
            try failure("multiply", 5)
                == "5 mcp_error: the server refused: Unknown tool: ad (-32602); its tools are add, sub")
        #expect(try failure("add", 6) == "6 mcp_error: the server refused: Unknown tool: ad (-32602)")
        _ = try trial.hear(#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#)
        #expect(try failure("ad", 7) == "7 mcp_error: the server refused: Unknown tool: ad (-32602)")
    }

    static let noMessages = [
        ("[1]", "it sent the vector [1], which is no message of JSON-RPC"),
        ("7", "it sent the number 7, which is no message of JSON-RPC"),
        ("{}", "it sent the map {}, which is no message of JSON-RPC"),
        (#"{"jsonrpc":"2.0","id":2}"#, #"it sent the map {"jsonrpc" "2.0", "id" 2}, which is no message of JSON-RPC"#),
        (
            #"{"jsonrpc":"2.0","id":2,"result":3}"#,
            #"it sent the map {"jsonrpc" "2.0", "id" 2, "result" 3}, which is no message of JSON-RPC"#
        ),
        (
            #"{"jsonrpc":"2.0","id":2,"method":5}"#,
            #"it sent the map {"jsonrpc" "2.0", "id" 2, "method" 5}, which is no message of JSON-RPC"#
        ),
        (
            #"{"jsonrpc":"2.0","id":3,"result":{}}"#,
            "it answered a request that was never made, with the id 3"
        ),
        (
            #"{"jsonrpc":"2.0","id":"2","result":{}}"#,
            "it answered a request that was never made, with the id \"2\""
        ),
        (
            #"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}"#,
            "it understood none of a message: Parse error (-32700)"
        ),
    ]

    @Test("What is no message ends the session, and the calls with it", arguments: noMessages)
    func nonsense(_ text: String, _ why: String) throws {
        var trial = Trial()
        try trial.open()
        #expect(
            try trial.hear(text) == ["1 mcp_protocol_error: the server does not speak the protocol: \(why)", "end"])
        #expect(try trial.hear(text) == [])
    }

    @Test("Whoever waits for a server to begin may stop waiting; then the server is let go of") func impatience() {
        var trial = Trial()
        _ = trial.call(1)
        _ = trial.call(2)
        #expect(trial.step(.cancel(1)) == ["1 cancelled: the work was cancelled"])
        #expect(trial.step(.cancel(2)) == ["2 cancelled: the work was cancelled", "end"])
        #expect(trial.call(3) == ["3 gone"])
    }

    @Test("Calls that are not answered are bounded") func bounded() throws {
        var trial = Trial()
        try trial.open(calls: MCPMachine.maxCalls)
        #expect(
            trial.call(MCPMachine.maxCalls + 1) == [
                "1025 rate_limited: the server has 1024 calls that it has not answered; make fewer at once"
            ])
        _ = trial.step(.cancel(1))
        #expect(trial.call(MCPMachine.maxCalls + 2).count == 1)
    }

    @Test("A session that takes no more calls ends with those it has") func retired() throws {
        var trial = Trial()
        try trial.open(calls: 2)
        #expect(trial.step(.retire) == [])
        #expect(trial.call(3) == ["3 gone"])
        #expect(trial.step(.refused(id: 2, .gone)) == ["1 gone"])
        #expect(
            try trial.hear(#"{"jsonrpc":"2.0","id":3,"result":{"content":[]}}"#) == [
                "answered 3", "2 {:content []}", "end",
            ])
    }

    @Test("Lines, however they are cut") func lines() {
        let text = Array("one\n\r\ntwo\r\n\nthree\nrest".utf8)
        for size in 1...text.count {
            var lines = MCPLines()
            var found: [[UInt8]] = []
            for start in stride(from: 0, to: text.count, by: size) {
                lines.feed(text[start..<min(start + size, text.count)], &found)
            }
            #expect(found.map { String(decoding: $0, as: UTF8.self) } == ["one", "two", "three"])
        }
        var long = MCPLines()
        var found: [[UInt8]] = []
        let piece = [UInt8](repeating: 120, count: MCPWire.maxMessageBytes)
        long.feed(piece[...], &found)
        #expect(!long.isTooLong)
        long.feed([120, 10, 121, 10], &found)
        #expect(long.isTooLong && found.isEmpty)
    }
}

extension String {
    fileprivate func replacingID(_ id: Int) -> String {
        split(separator: #""ID""#, omittingEmptySubsequences: false).joined(separator: String(id))
    }
}
