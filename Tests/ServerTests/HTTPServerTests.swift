import Server
import Synchronization
import TestSupport
import Testing
import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The server against real connections on loopback.
@Suite(.serialized) struct HTTPServerTests {
    private static let text = [("Content-Type", "text/plain")]

    private final class Kept: @unchecked Sendable {
        // Sendable: guarded by `lock`.
        private let lock = Lock()
        private var list: [Exchange] = []
        func add(_ exchange: Exchange) { lock.withLock { list.append(exchange) } }
        var all: [Exchange] { lock.withLock { list } }
    }

    private func waitUntil(_ condition: () -> Bool) {
        let deadline = MonotonicClock.now + 10_000_000_000
        while !condition(), MonotonicClock.now < deadline { usleep(1_000) }
        #expect(condition())
    }

    @Test func aRequestArrivesWholeAndIsAnswered() throws {
        let server = try HTTPServer(port: 0) { exchange in
            let told = [
                exchange.method, exchange.path, exchange.header("Content-Type") ?? "-",
                exchange.header("Accept") ?? "-",
            ]
            exchange.answer(201, [("X-Mark", "1")], Array(told.joined(separator: " ").utf8) + [32] + exchange.body)
        }
        defer { server.stop() }
        let body = [UInt8](repeating: 97, count: 300_000)
        let answer = PlainHTTP.send(server.port, "POST", "/a/b%20c?d=1", [("Content-Type", "x/y")], body: body)
        #expect(answer?.status == 201 && answer?.headers["x-mark"] == "1")
        #expect(answer?.body == "POST /a/b c x/y - " + String(repeating: "a", count: 300_000))
    }

    /// A path does not end where NUL stands, and what is no code stays as it is.
    @Test(arguments: [
        ("/a%00", "/a%00"), ("/a%00/b", "/a%00/b"), ("/%C3%A9%2f%3F", "/é/?"), ("/a%", "/a%"), ("/a%4", "/a%4"),
        ("/%zz%41", "/%zzA"),
    ])
    func pathsAreDecodedWhole(_ path: String, _ expected: String) throws {
        let server = try HTTPServer(port: 0) { $0.answer(200, Self.text, Array($0.path.utf8)) }
        defer { server.stop() }
        #expect(PlainHTTP.send(server.port, "GET", path)?.body == expected)
    }

    @Test func answersMayComeLateAndFromAnyThread() throws {
        let server = try HTTPServer(port: 0) { exchange in
            let started = startThread {
                usleep(20_000)
                exchange.answer(200, Self.text, exchange.body)
                // It has been answered: nothing happens.
                exchange.answer(500, Self.text, [])
            }
            #expect(started)
        }
        defer { server.stop() }
        let (ended, wrong) = (Counter(), Counter())
        for index in 0..<50 {
            let port = server.port
            let started = startThread {
                let text = "message \(index)"
                let answer = PlainHTTP.send(port, "POST", "/", body: Array(text.utf8))
                if answer?.status != 200 || answer?.body != text { wrong.add() }
                ended.add()
            }
            #expect(started)
        }
        waitUntil { ended.count == 50 }
        #expect(wrong.count == 0)
    }

    private final class Counter: Sendable {
        private let value = Atomic<Int>(0)
        func add() { value.add(1, ordering: .sequentiallyConsistent) }
        var count: Int { value.load(ordering: .sequentiallyConsistent) }
    }

    @Test func aBodyBeyondTheLimitIsRefused() throws {
        let handled = Counter()
        let server = try HTTPServer(port: 0) { exchange in
            handled.add()
            exchange.answer(200, Self.text, Array("\(exchange.body.count)".utf8))
        }
        defer { server.stop() }
        let most = [UInt8](repeating: 0, count: HTTPServer.bodyLimit)
        #expect(PlainHTTP.send(server.port, "POST", "/", body: most)?.body == "\(HTTPServer.bodyLimit)")
        let refused = PlainHTTP.send(server.port, "POST", "/", body: most + [0])
        #expect(refused?.status == 413)
        #expect(refused?.headers["content-type"] == "application/json")
        let limit = HTTPServer.bodyLimit
        #expect(
            refused?.body == "{\"error\":{\"code\":\"too-large\",\"message\":\"a body may have \(limit) bytes\"}}\n")
        #expect(handled.count == 1)
    }

    /// A refusal is JSON whatever its message holds.
    @Test func aRefusalIsJSON() throws {
        let server = try HTTPServer(port: 0) { $0.refuse(503, "late", #"say "when" \o/"# + "\n\tö") }
        defer { server.stop() }
        let refused = PlainHTTP.send(server.port, "GET", "/")
        #expect(refused?.body == #"{"error":{"code":"late","message":"say \"when\" \\o/  ö"}}"# + "\n")
    }

    /// Who waits is told, what comes later finds nobody, and the end does not wait for idle connections for long.
    @Test func stoppingAnswersWhoWaits() throws {
        let kept = Kept()
        let server = try HTTPServer(port: 0) { kept.add($0) }
        let port = server.port
        let (told, ended) = (Counter(), Counter())
        for _ in 0..<3 {
            let started = startThread {
                if PlainHTTP.send(port, "GET", "/")?.status == 503 { told.add() }
                ended.add()
            }
            #expect(started)
        }
        waitUntil { kept.all.count == 3 }
        #expect(!server.isQuiet)
        let before = MonotonicClock.now
        server.stop()
        #expect(MonotonicClock.now - before < 5_000_000_000)
        waitUntil { ended.count == 3 }
        #expect(told.count == 3)
        for exchange in kept.all { exchange.answer(200, Self.text, []) }
        #expect(PlainHTTP.send(port, "GET", "/") == nil)
        server.stop()
    }

    @Test func aPortThatIsTakenIsRefused() throws {
        let server = try HTTPServer(port: 0) { $0.answer(200, Self.text, []) }
        defer { server.stop() }
        let port = server.port
        #expect(throws: HTTPServer.Refusal.port(port, errno: EADDRINUSE)) {
            try HTTPServer(port: port) { $0.answer(200, Self.text, []) }
        }
    }

    /// What is no HTTP, or comes to nothing, takes nobody along.
    @Test func nonsenseIsSurvived() throws {
        let server = try HTTPServer(port: 0) { $0.answer(200, Self.text, Array("here".utf8)) }
        defer { server.stop() }
        #expect(PlainHTTP.send(server.port, "\u{1}\u{2}", "\r\n\r\n") != nil)
        #expect(PlainHTTP.send(server.port, "POST", "/", [("Content-Length", "-1")])?.status != 200)
        #expect(PlainHTTP.send(server.port, "GET", "/" + String(repeating: "a", count: 100_000))?.status != 200)
        #expect(PlainHTTP.send(server.port, "GET", "/")?.body == "here")
    }
}
