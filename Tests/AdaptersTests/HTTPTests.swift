import Engine
import TestSupport
import Testing
import Values

@testable import Adapters

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

@Suite struct HTTPTests {
    let client = HTTPClient()
    let names = Names()
    var effects: [AdapterEffect] { HTTPEffects(client: client, json: testJSON(names)).all }

    private func get(_ url: String, _ more: [KnownName: Value] = [:]) async throws(AdapterError) -> Value {
        var params = more
        params[.url] = .string(url)
        return try await perform(effects, "http/request", params)
    }

    private func error(_ url: String, _ more: [KnownName: Value] = [:]) async -> AdapterError? {
        await failure { () async throws(AdapterError) in try await get(url, more) }
    }

    @Test("P25: a request with method, headers, query and body; an answer with status, headers and body")
    func roundTrip() async throws {
        let server = LoopbackServer { request, connection in
            connection.respond(201, [("X-Answer", "yes"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")], "grüße")
        }
        let reply = try await get(
            server.url + "/path?a=1",
            [
                .method: names.keyword("post"), .headers: .map(map([.kind: .string("x")])), .body: .string("sent"),
                .query: .map(map([.text: .string("a b&ü"), .size: .int(2)])),
            ])
        #expect(reply[.status].intValue == 201)
        #expect(reply[.headers]["x-answer"].stringValue == "yes")
        #expect(reply[.headers]["set-cookie"].stringValue == "a=1\nb=2")
        #expect(reply[.body].stringValue == "grüße")
        let request = try #require(server.requests.first)
        #expect(request.method == "POST")
        #expect(request.path == "/path?a=1&size=2&text=a%20b%26%C3%BC")
        #expect(request.headers["kind"] == "x")
        #expect(request.text == "sent")
        #expect(request.headers["content-type"] == nil)
        #expect(request.headers["expect"] == nil)
    }

    @Test(
        "Methods reach the server as they are", arguments: ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"])
    func methods(_ method: String) async throws {
        let server = LoopbackServer { _, connection in connection.respond(204) }
        #expect(try await get(server.url, [.method: .string(method.lowercased())])[.status].intValue == 204)
        #expect(server.requests.first?.method == method)
    }

    @Test("Data is sent as JSON and read as JSON, with keyword keys") func json() async throws {
        let server = LoopbackServer { request, connection in connection.respond(200, [], request.text) }
        let reply = try await get(
            server.url, [.method: .string("post"), .body: .map(map([.kind: .string("k")])), .as: .kw(.json)])
        #expect(reply[.body][.kind].stringValue == "k")
        #expect(server.requests.first?.headers["content-type"] == "application/json")
    }

    @Test("JSON that is cut short is told from what is no JSON") func badJSON() async {
        let server = LoopbackServer { request, connection in
            connection.respond(200, [], request.path == "/cut" ? #"{"a": [1, "b"# : "<html>")
        }
        let cut = await error(server.url + "/cut", [.as: .kw(.json)])
        #expect(cut?.code == .truncatedJSON && cut?.retryable == true)
        let wrong = await error(server.url + "/wrong", [.as: .kw(.json)])
        #expect(wrong?.code == .invalidJSON && wrong?.retryable == false)
    }

    @Test(
        "Redirects: followed, bounded, with the method that HTTP says",
        arguments: [
            (301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST"),
        ]) func redirects(_ status: Int, _ method: String) async throws
    {
        let server = LoopbackServer { request, connection in
            if request.path == "/there" { return connection.respond(200, [], "arrived") }
            connection.respond(status, [("Location", "/there")], "ignored")
        }
        let reply = try await get(server.url + "/here", [.method: .string("post"), .body: .string("b")])
        #expect(reply[.body].stringValue == "arrived")
        #expect(reply[.url].stringValue == server.url + "/there")
        #expect(server.requests.last?.method == method)
        #expect(server.requests.last?.text == (method == "POST" ? "b" : ""))
    }

    @Test("A circle of redirects ends") func circle() async {
        let server = LoopbackServer { _, connection in connection.respond(302, [("Location", "/again")]) }
        #expect(await error(server.url, [.maxRedirects: .int(3)])?.code == .tooManyRedirects)
        #expect(server.requests.count == 4)
    }

    @Test("Each host is asked for before it is called, and credentials do not follow to another") func redirectNeeds()
        async throws
    {
        let second = LoopbackServer { _, connection in connection.respond(200, [], "second") }
        let first = LoopbackServer { _, connection in connection.respond(302, [("Location", second.url + "/x")]) }
        var headers = MapBuilder()
        headers.set(Value.string("Authorization"), .string("Bearer secret"))
        headers.set(Value.string("X-Kept"), .string("1"))
        _ = try await get(first.url, [.headers: headers.value])
        #expect(first.requests.first?.headers["authorization"] == "Bearer secret")
        #expect(second.requests.first?.headers["authorization"] == nil)
        #expect(second.requests.first?.headers["x-kept"] == "1")
        let asked = Gathered<Need>()
        let refused = await failure { () async throws(AdapterError) in
            try await perform(
                effects, "http/request", [.url: .string(first.url)],
                allow: { need throws(AdapterError) in
                    asked.add(need)
                    if case .net(_, let port) = need, port == second.port {
                        throw AdapterError(.permissionDenied, "no")
                    }
                })
        }
        #expect(refused?.code == .permissionDenied)
        #expect(second.requests.count == 1)
        #expect(asked.all == [.net(host: "127.0.0.1", port: first.port), .net(host: "127.0.0.1", port: second.port)])
    }

    @Test("A redirect to a file or another protocol is refused") func otherProtocols() async {
        let server = LoopbackServer { _, connection in connection.respond(302, [("Location", "file:///etc/passwd")]) }
        #expect(await error(server.url)?.code == .invalidURL)
    }

    @Test("An answer larger than allowed is stopped") func tooLarge() async {
        let server = LoopbackServer { _, connection in
            connection.head(200, [("Transfer-Encoding", "chunked")])
            for _ in 0..<1_000 { connection.chunk(String(repeating: "x", count: 1_000)) }
            connection.chunk("")
        }
        #expect(await error(server.url, [.maxBytes: .int(10_000)])?.code == .tooLarge)
    }

    @Test("A dropped connection is typed; repeated only where that is safe") func dropped() async {
        let server = LoopbackServer { request, connection in
            if request.path == "/reset" { return connection.reset() }
            connection.head(200, [("Content-Length", "1000")])
            connection.send("half")
            connection.close()
        }
        for (path, method, retryable) in [("/half", "get", true), ("/reset", "get", true), ("/half", "post", false)] {
            let found = await error(server.url + path, [.method: .string(method)])
            #expect(found?.code == .connectionDropped, "\(path)")
            #expect(found?.retryable == retryable)
        }
    }

    @Test("Nobody there: refused, and worth another try") func refused() async {
        let found = await error("http://127.0.0.1:\(LoopbackServer.closedPort())/")
        #expect(found?.code == .connectionRefused)
        #expect(found?.retryable == true)
        #expect(found?.message.contains("check that it runs") == true)
    }

    @Test("Without libcurl, what to install") func missingLibrary() async {
        let client = HTTPClient(certificates: Certificates(), library: { nil })
        let answers = Gathered<AdapterError?>()
        client.start(HTTPRequest("GET", "http://127.0.0.1/", clock: RealClock())) { result in
            if case .failure(let error) = result { answers.add(error) } else { answers.add(nil) }
        }
        #expect(answers.all.first??.code == .libraryMissing)
        #expect(answers.all.first??.message.contains("install") == true)
    }

    @Test("A name that cannot be") func unresolved() async {
        #expect(await error("http://no-such-host.invalid/")?.code == .couldNotResolve)
    }

    @Test(
        "TLS is verified: a certificate nobody vouches for is refused, one of a named authority is taken",
        .enabled(if: hasOpenSSL))
    func tls() async throws {
        let directory = TemporaryDirectory()
        let make = try await perform(
            ProcessEffects().all, "proc/run",
            [
                .args: .vector(
                    [
                        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                        "/CN=localhost", "-addext",
                        "subjectAltName=IP:127.0.0.1", "-keyout", directory("key.pem"), "-out", directory("cert.pem"),
                    ].map { .string($0) }), .isCheck: .true,
            ])
        #expect(make[.exit].intValue == 0)
        let port = LoopbackServer.closedPort()
        var program = Program(
            [
                "openssl", "s_server", "-www", "-accept", "127.0.0.1:\(port)", "-key", directory("key.pem"), "-cert",
                directory("cert.pem"),
            ], clock: RealClock())
        program.graceMs = 100
        let runner = ProcessRunner()
        let stop = runner.start(program) { _ in }
        defer { stop() }
        var found: AdapterError?
        for _ in 0..<200 {
            found = await error("https://127.0.0.1:\(port)/", [.timeoutMs: .int(5_000)])
            if found?.code != .connectionRefused { break }
            try await Task.sleep(nanoseconds: 10_000_000)
        }
        #expect(found?.code == .tlsFailed)
        #expect(found?.message.contains("SSL_CERT_FILE") == true)
        let trusting = HTTPClient(certificates: Certificates(file: directory("cert.pem")))
        let answers = Gathered<Int?>()
        trusting.start(HTTPRequest("GET", "https://127.0.0.1:\(port)/", clock: RealClock())) {
            answers.add(try? $0.get().status)
        }
        #expect(await answers.wait { !$0.isEmpty } == [200])
    }

    static let hasOpenSSL = ["/usr/bin/openssl", "/opt/homebrew/bin/openssl"].contains { (path: String) in
        access(path, X_OK) == 0
    }

    @Test("The certificates are those of the environment") func certificates() {
        let both = Certificates.fromEnvironment {
            ["CURL_CA_BUNDLE": "a", "SSL_CERT_FILE": "b", "SSL_CERT_DIR": "d"][$0]
        }
        #expect(both.file == "a" && both.directory == "d")
        #expect(Certificates.fromEnvironment { ["SSL_CERT_FILE": "b"][$0] }.file == "b")
        #expect(Certificates.fromEnvironment { _ in nil }.file == nil)
    }

    @Test("Too slow in all, or silent too long") func timeouts() async {
        let server = LoopbackServer { request, connection in
            connection.head(200, [("Transfer-Encoding", "chunked")])
            let drip = request.path == "/drip"
            while !connection.waitForClose(ms: drip ? 30 : 20_000) {
                if !drip { return connection.close() }
                connection.chunk("x")
            }
            connection.close()
        }
        let whole = await error(server.url + "/drip", [.timeoutMs: .int(200), .idleMs: .int(150)])
        #expect(whole?.code == .timeout && whole?.message.contains("within 200 ms") == true)
        let silent = await error(server.url + "/silent", [.timeoutMs: .nil, .idleMs: .int(150)])
        #expect(silent?.code == .timeout && silent?.message.contains("nothing came for 150 ms") == true)
    }

    /// A request whose limits are an hour on a clock that a test turns.
    private func timed(_ url: String, _ clock: VirtualClock, _ answers: Gathered<AdapterError?>) -> HTTPRequest {
        var request = HTTPRequest("GET", url, clock: clock)
        request.timeoutMs = 3_600_000
        request.idleMs = nil
        client.start(request) { result in
            if case .failure(let error) = result { answers.add(error) } else { answers.add(nil) }
        }
        return request
    }

    @Test("The limits of a request are measured on the run's clock, which stands while virtual time does")
    func virtualTotal() async throws {
        let goesOn = Gathered<Bool>()
        let server = LoopbackServer { _, connection in
            while goesOn.all.isEmpty, !connection.waitForClose(ms: 5) {}
            connection.respond(200, [], "late")
        }
        let clock = VirtualClock()
        let (late, slow) = (Gathered<AdapterError?>(), Gathered<AdapterError?>())
        _ = timed(server.url + "/late", clock, late)
        for _ in 0..<1_000 where server.requests.isEmpty { try await Task.sleep(nanoseconds: 5_000_000) }
        clock.advance(byMs: 3_599_999)
        // Measured from its own start: an hour from now.
        _ = timed(server.url + "/slow", clock, slow)
        for _ in 0..<1_000 where server.requests.count < 2 { try await Task.sleep(nanoseconds: 5_000_000) }
        #expect(late.all.isEmpty)
        clock.advance(byMs: 1)
        let error = await late.wait { !$0.isEmpty }.first
        #expect(error??.code == .timeout && error??.message.contains("within 3600000 ms") == true)
        goesOn.add(true)
        #expect(await slow.wait { !$0.isEmpty } == [nil])
    }

    @Test("Silence is measured on the run's clock, from the last piece that came") func virtualIdle() async throws {
        let pieces = Gathered<Int>()
        let server = LoopbackServer { _, connection in
            connection.head(200, [("Transfer-Encoding", "chunked")])
            for count in 1...2 {
                connection.chunk("x")
                while pieces.all.count < count, !connection.waitForClose(ms: 5) {}
            }
            while !connection.waitForClose(ms: 1_000) {}
            connection.close()
        }
        let clock = VirtualClock()
        let answers = Gathered<AdapterError?>()
        var request = HTTPRequest("GET", server.url, clock: clock)
        request.timeoutMs = nil
        request.idleMs = 60_000
        let came = Gathered<Int>()
        request.onChunk = { _, bytes in came.add(bytes.count) }
        client.start(request) { result in
            if case .failure(let error) = result { answers.add(error) } else { answers.add(nil) }
        }
        #expect(await came.wait { $0.count == 1 }.count == 1)
        clock.advance(byMs: 59_000)
        pieces.add(1)
        #expect(await came.wait { $0.count == 2 }.count == 2)
        pieces.add(2)
        clock.advance(byMs: 59_000)
        #expect(answers.all.isEmpty)
        clock.advance(byMs: 2_000)
        #expect(await answers.wait { !$0.isEmpty }.first??.code == .timeout)
    }

    @Test("Cancelling stops the transfer: the server sees it go") func cancel() async throws {
        let noticed = Gathered<Bool>()
        let server = LoopbackServer { _, connection in
            connection.head(200, [("Content-Length", "10")])
            noticed.add(connection.waitForClose(ms: 8_000))
            connection.close()
        }
        let answers = Gathered<AdapterError?>()
        let stop = client.start(HTTPRequest("GET", server.url, clock: RealClock())) { result in
            if case .failure(let error) = result { answers.add(error) } else { answers.add(nil) }
        }
        #expect(await eventually { !server.requests.isEmpty })
        stop()
        stop()
        #expect(await answers.wait { !$0.isEmpty } == [.cancelled])
        #expect(await noticed.wait { !$0.isEmpty } == [true])
    }

    @Test("A client that is dropped answers what is under way") func droppedClient() async throws {
        let server = LoopbackServer { _, connection in
            _ = connection.waitForClose(ms: 8_000)
            connection.close()
        }
        let answers = Gathered<AdapterError?>()
        do {
            let client = HTTPClient()
            client.start(HTTPRequest("GET", server.url, clock: RealClock())) { result in
                if case .failure(let error) = result { answers.add(error) } else { answers.add(nil) }
            }
            #expect(await eventually { !server.requests.isEmpty })
        }
        #expect(await answers.wait { !$0.isEmpty } == [.cancelled])
    }

    @Test("Requests run side by side on one thread") func concurrent() async throws {
        let asked = Gathered<String>()
        let server = LoopbackServer { request, connection in
            asked.add(request.path)
            // Nobody is answered before all have asked.
            for _ in 0..<2_000 where asked.all.count < 30 {
                if connection.waitForClose(ms: 10) { return connection.close() }
            }
            connection.respond(200, [], asked.all.count == 30 ? "together" : "one after another")
        }
        await withTaskGroup(of: String?.self) { group in
            for _ in 0..<30 { group.addTask { try? await get(server.url)[.body].stringValue } }
            for await body in group { #expect(body == "together") }
        }
    }

    /// More than there may be connections: held back until as many as may be have asked, or answered.
    @Test("Requests beyond the limit wait for a connection, in order, and are answered all the same") func limit() async
    {
        let (asked, most) = (Gathered<String>(), HTTPClient.maxConnections)
        let server = LoopbackServer { request, connection in
            asked.add(request.path)
            while asked.all.count < most, !connection.waitForClose(ms: 20) {}
            connection.respond(200, [], request.path)
        }
        let answers = Gathered<String?>()
        for number in 0..<(most * 3) {
            client.start(HTTPRequest("GET", "\(server.url)/\(number)", clock: RealClock())) { result in
                answers.add((try? result.get()).map { String(decoding: $0.body, as: UTF8.self) })
            }
        }
        let all = await answers.wait { $0.count == most * 3 }
        #expect(Set(all.compactMap(\.self)) == Set((0..<(most * 3)).map { "/\($0)" }))
        #expect(server.connections <= most)
        #expect(Set(asked.all.prefix(most)) == Set((0..<most).map { "/\($0)" }))
    }

    @Test("One that waits for a connection is cancelled, or runs out of time, and is not silent meanwhile")
    func waiting()
        async throws
    {
        let goesOn = Gathered<Bool>()
        let server = LoopbackServer { request, connection in
            while goesOn.all.isEmpty, !connection.waitForClose(ms: 20) {}
            connection.respond(200, [], request.path)
        }
        let clock = VirtualClock()
        let answers = Gathered<String>()
        func ask(_ path: String, timeoutMs: Int64? = nil, idleMs: Int64? = nil) -> @Sendable () -> Void {
            var request = HTTPRequest("GET", server.url + path, clock: clock)
            (request.timeoutMs, request.idleMs) = (timeoutMs, idleMs)
            return client.start(request) { result in
                switch result {
                case .success(let response): answers.add("\(path) \(response.status)")
                case .failure(let error): answers.add("\(path) \(error.code.rawValue)")
                }
            }
        }
        for _ in 0..<HTTPClient.maxConnections { _ = ask("/first") }
        #expect(await eventually { server.requests.count == HTTPClient.maxConnections })
        let cancel = ask("/cancelled")
        _ = ask("/late", timeoutMs: 1_000)
        _ = ask("/patient", timeoutMs: 100_000, idleMs: 500)
        cancel()
        #expect(await answers.wait { $0.count == 1 } == ["/cancelled cancelled"])
        clock.advance(byMs: 2_000)
        #expect(await answers.wait { $0.count == 2 }.last == "/late timeout")
        #expect(server.requests.count == HTTPClient.maxConnections)
        goesOn.add(true)
        let all = await answers.wait { $0.count == HTTPClient.maxConnections + 3 }
        #expect(all.filter { $0 == "/patient 200" }.count == 1 && server.requests.last?.path == "/patient")
    }

    @Test("A streamed body is reported in pieces and answered whole") func streamed() async throws {
        let server = LoopbackServer { _, connection in
            connection.head(200, [("Transfer-Encoding", "chunked")])
            for piece in ["one ", "two ", "three"] {
                connection.chunk(piece)
                _ = connection.waitForClose(ms: 30)
            }
            connection.chunk("")
        }
        let pieces = Gathered<String>()
        let reply = try await perform(
            effects, "http/request", [.url: .string(server.url), .isStream: .true],
            progress: { pieces.add($0.stringValue ?? "") })
        #expect(reply[.body].stringValue == "one two three")
        #expect(pieces.all.count > 1)
        #expect(pieces.all.joined() == "one two three")
    }

    @Test("gzip is asked for and undone") func gzip() async throws {
        // `printf squeezed | gzip -n`
        let squeezed: [UInt8] = [
            0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x2b, 0x2e, 0x2c, 0x4d, 0x4d, 0xad, 0x4a, 0x4d, 1, 0, 0xde, 0x26, 0x14,
            0, 8, 0, 0, 0,
        ]
        let server = LoopbackServer { _, connection in
            connection.head(200, [("Content-Encoding", "gzip"), ("Content-Length", String(squeezed.count))])
            connection.send(squeezed)
        }
        let reply = try await get(server.url)
        #expect(server.requests.first?.headers["accept-encoding"]?.contains("gzip") == true)
        #expect(reply[.body].stringValue == "squeezed")
    }

    @Test(
        "With :check? a status becomes an error with its wait",
        arguments: [
            (429, AdapterCode.rateLimited, true), (503, .unavailable, true), (500, .unavailable, true),
            (404, .notFound, false),
            (401, .unauthorized, false), (400, .http, false),
        ]) func checked(_ status: Int, _ code: AdapterCode, _ retryable: Bool) async throws
    {
        let server = LoopbackServer { _, connection in connection.respond(status, [("Retry-After", "3")], "why") }
        #expect(try await get(server.url)[.status].intValue == Int64(status))
        let found = await error(server.url, [.isCheck: .true])
        #expect(found?.code == code)
        #expect(found?.retryable == retryable)
        #expect(found?.retryAfterMs == (retryable ? 3_000 : nil))
        #expect(found?.data.contains(.status(status)) == true)
    }

    @Test("What could smuggle in another header or request is refused before anything is sent") func smuggling() async {
        let server = LoopbackServer { _, connection in connection.respond(200) }
        var headers = MapBuilder()
        headers.set(Value.string("X"), .string("secret\r\nInjected: 1"))
        let header = await error(server.url, [.headers: headers.value])
        #expect(header?.code == .invalidParameter)
        #expect(header?.message.contains("secret") == false)
        #expect(await error(server.url, [.method: .string("GET / HTTP/1.1\r\nX: y")])?.code == .invalidParameter)
        #expect(await error(server.url + "/a b")?.code == .invalidURL)
        #expect(server.requests.isEmpty)
    }
}

@Suite struct WebAddressTests {
    @Test(
        "The host is read as libcurl reads it, or refused",
        arguments: [
            ("http://a.example", "a.example", 80), ("HTTPS://A.Example/x?y#z", "a.example", 443),
            ("http://a:8080/", "a", 8080),
            ("http://user:pass@b.example:81/@c", "b.example", 81), ("http://x@y@c.example", "c.example", 80),
            ("http://[::1]:90/", "::1", 90), ("https://a?@evil", "a", 443), ("http://a#@evil", "a", 80),
        ]) func hosts(_ text: String, _ host: String, _ port: Int) throws
    {
        let address = try WebAddress(text)
        #expect(address.host == host)
        #expect(address.port == port)
    }

    @Test(
        "Refused",
        arguments: [
            "", "a", "ftp://a", "http://", "http://a:0", "http://a:99999", "http://a:x", "http://a b",
            "http://a\\@evil", "http://a%2eb",
            "http://[::1", "http://[::1]x", "file:///etc/passwd", "http://a\n", "http://:80",
        ]) func refused(_ text: String)
    {
        #expect(failure { () throws(AdapterError) in try WebAddress(text) }?.code == .invalidURL)
    }

    @Test("Messages show no credentials and no query") func secrets() {
        #expect(WebAddress.withoutSecrets("https://u:p@h/x?key=1#f") == "https://h/x")
        #expect(
            failure { () throws(AdapterError) in try WebAddress("http://u:hunter2@a b?key=k") }?.message.contains(
                "hunter2") == false)
    }

    @Test("Queries are added before the fragment") func query() {
        #expect(WebAddress.adding([("a", "1 2")], to: "http://h") == "http://h?a=1%202")
        #expect(WebAddress.adding([("a", "&")], to: "http://h/?b=1#f") == "http://h/?b=1&a=%26#f")
    }

    /// The date is RFC 9110's own example, its seconds `date -d`'s.
    @Test("Retry-After as seconds or as a date") func retryAfter() {
        #expect(HTTPDate.seconds("Sun, 06 Nov 1994 08:49:37 GMT") == 784_111_777)
        #expect(HTTPDate.seconds("Thu, 29 Feb 2024 12:00:00 GMT") == 1_709_208_000)
        #expect(HTTPDate.seconds("yesterday") == nil)
        let response = { HTTPResponse(status: 429, headers: [("retry-after", $0)], body: [], url: "") }
        #expect(response("7").retryAfterMs() == 7_000)
        #expect(response("Sun, 06 Nov 1994 08:49:37 GMT").retryAfterMs(now: 784_111_700) == 77_000)
        #expect(response("Sun, 06 Nov 1994 08:49:37 GMT").retryAfterMs(now: 784_111_999) == 0)
        #expect(response("soon").retryAfterMs() == nil)
    }
}
