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

/// The handlers under the real engine.
@Suite struct AdaptersInEngineTests {
    let directory = TemporaryDirectory()
    let names = Names()
    let lines = Gathered<String>()
    let clock = VirtualClock()
    /// Counts submissions: effects with the same identity would be one.
    let submitted = Gathered<String>()

    private func engine(_ grants: (inout Capabilities) -> Void = { $0.allow(all: .all) }, endpoint: ChatEndpoint? = nil)
        -> EngineDriver
    {
        var capabilities = Capabilities(workingDirectory: directory.path)
        grants(&capabilities)
        let redactor = Redactor()
        let events = EventStream(wallMs: { 0 }, redactor: redactor)
        let driver = EngineDriver(clock: clock, events: events, grants: capabilities)
        let set = AdapterSet(
            json: testJSON(names), names: names, endpoint: endpoint, secrets: redactor,
            log: { [lines] in lines.add($0) })
        for type in set.types { driver.define(type) }
        return driver
    }

    private func submit(
        _ driver: EngineDriver, _ type: String, _ params: [KnownName: Value], _ outcomes: Gathered<Outcome>,
        progress: ProgressListener? = nil
    ) throws -> EffectHandle {
        var fields = MapBuilder()
        for (key, value) in params.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            fields.set(Value.kw(key), value)
        }
        fields.set(Value.kw(.effectSlashType), names.keyword(type))
        let effect = try Effect(fields.value, parent: Identity(), ordinal: submitted.all.count)
        submitted.add(type)
        let handle = try driver.submit(Submission([effect], progress: progress))[0]
        driver.wait(for: handle) { outcomes.add($0) }
        return handle
    }

    private func run(_ driver: EngineDriver, _ type: String, _ params: [KnownName: Value]) async throws -> Outcome {
        let outcomes = Gathered<Outcome>()
        _ = try submit(driver, type, params, outcomes)
        return try #require(await outcomes.wait { !$0.isEmpty }.first)
    }

    private func value(_ outcome: Outcome) -> Value { if case .ok(let value) = outcome { value } else { .nil } }
    private func error(_ outcome: Outcome) -> EffectError? {
        if case .error(let error) = outcome { error } else { nil }
    }

    @Test("P25: written, read and logged through the engine, relative to the run's directory") func files() async throws
    {
        let driver = engine()
        #expect(
            value(try await run(driver, "fs/write", [.path: .string("a.txt"), .content: .string("hi")])).stringValue
                == "a.txt")
        #expect(value(try await run(driver, "fs/read", [.path: .string("a.txt")])).stringValue == "hi")
        #expect(try directory.text("a.txt") == "hi")
        _ = try await run(driver, "log/info", [.message: .string("done")])
        #expect(lines.all == ["[INFO] done"])
    }

    @Test(
        "What was not granted is refused with the flag that would allow it",
        arguments: [
            ("fs/read", [.path: .string("/etc/passwd")], "--allow read=/etc/passwd"),
            ("fs/write", [.path: .string("../x"), .content: .string("")], "--allow write="),
            ("http/request", [.url: .string("http://127.0.0.1:9/")], "--allow net=127.0.0.1:9"),
            ("proc/run", [.args: .vector([.string("true")])], "--allow run=true"),
            ("env/get", [.name: .string("HOME")], "--allow env=HOME"),
        ] as [(String, [KnownName: Value], String)]) func refused(
            _ type: String, _ params: [KnownName: Value], _ flag: String
        ) async throws
    {
        let driver = engine { [directory] grants in
            grants.allow(.read(path: directory.path))
            grants.allow(.write(path: directory.path))
        }
        let found = error(try await run(driver, type, params))
        #expect(found?.code == "not_allowed")
        #expect(found?.message.contains(flag) == true, "\(found?.message ?? "")")
    }

    @Test("A granted directory does not reach beyond itself through a link") func link() async throws {
        let other = TemporaryDirectory()
        try other.file("secret", "x")
        symlink(other.path, directory("way"))
        let driver = engine { [directory] grants in grants.allow(.read(path: directory.path)) }
        #expect(error(try await run(driver, "fs/read", [.path: .string("way/secret")]))?.code == "not_allowed")
    }

    @Test("A redirect to a host that was not granted is refused") func redirect() async throws {
        let second = LoopbackServer { _, connection in connection.respond(200, [], "secret") }
        let first = LoopbackServer { _, connection in connection.respond(302, [("Location", second.url)]) }
        let driver = engine { grants in grants.allow(.net(host: "127.0.0.1", port: first.port)) }
        let found = error(try await run(driver, "http/request", [.url: .string(first.url)]))
        #expect(found?.code == "not_allowed")
        #expect(second.requests.isEmpty)
    }

    @Test("Errors keep their code, data and wait") func errors() async throws {
        let server = FakeModelServer([.status(429, headers: [("Retry-After", "2")])])
        let driver = engine(endpoint: ChatEndpoint(baseURL: server.baseURL, key: APIKey("sk-abcdef")))
        let message = Value.map(map([.role: .string("user"), .content: .string("x")]))
        let found = error(try await run(driver, "llm/chat", [.messages: .vector([message])]))
        #expect(found?.code == "rate_limited")
        #expect(found?.retryable == true)
        #expect(found?.retryAfterMs == 2_000)
        #expect(found?.data[.status].intValue == 429)
        #expect(driver.events.redactor.masked("key sk-abcdef") == "key #<secret>")
        #expect(
            error(try await run(driver, "fs/read", [.path: .string("none")]))?.data[.path].stringValue
                == directory("none").canonical)
    }

    @Test("Streaming is progress") func progress() async throws {
        let server = FakeModelServer([.stream(["a", "b"])])
        let driver = engine(endpoint: ChatEndpoint(baseURL: server.baseURL, key: nil))
        let (outcomes, parts) = (Gathered<Outcome>(), Gathered<String>())
        let message = Value.map(map([.role: .string("user"), .content: .string("x")]))
        _ = try submit(
            driver, "llm/chat", [.messages: .vector([message]), .isStream: .true], outcomes,
            progress: { _, part in parts.add(part[.delta].stringValue ?? "") })
        #expect(value(try #require(await outcomes.wait { !$0.isEmpty }.first))[.content].stringValue == "ab")
        #expect(parts.all == ["a", "b"])
    }

    @Test("Sleep is on the run's clock and holds no slot") func sleep() async throws {
        let driver = engine()
        let outcomes = Gathered<Outcome>()
        for _ in 0..<20 { _ = try submit(driver, "time/sleep", [.ms: .int(3_600_000)], outcomes) }
        #expect(value(try await run(driver, "fs/stat", [.path: .string(".")]))[.kind].stringValue == "directory")
        #expect(outcomes.all.isEmpty)
        clock.advance(byMs: 3_600_000)
        #expect(await outcomes.wait { $0.count == 20 }.count == 20)
    }

    @Test("Cancelling reaches the world: the server sees the request go") func cancel() async throws {
        let noticed = Gathered<Bool>()
        let server = LoopbackServer { _, connection in
            noticed.add(connection.waitForClose(ms: 8_000))
            connection.close()
        }
        let driver = engine()
        let outcomes = Gathered<Outcome>()
        let handle = try submit(driver, "http/request", [.url: .string(server.url)], outcomes)
        #expect(await eventually { !server.requests.isEmpty })
        driver.cancel(.handle(handle))
        #expect(await noticed.wait { !$0.isEmpty } == [true])
        #expect(error(try #require(await outcomes.wait { !$0.isEmpty }.first))?.code == "cancelled")
    }
}

extension String {
    fileprivate var canonical: String { FileSystem.canonical(self) }
}
