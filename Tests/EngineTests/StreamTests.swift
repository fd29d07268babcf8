import Synchronization
import Testing
import Values

@testable import Engine

/// The event stream and what is kept out of it.
@Suite struct StreamTests {
    private func stream(keep: Int = 4, redactor: Redactor = Redactor()) -> EventStream {
        EventStream(wallMs: { 1000 }, redactor: redactor, keep: keep)
    }
    private let run = Identity(root: .run)

    @Test func eventsAreNumberedAndTheNewestAreKept() {
        let events = stream()
        for index in 1...6 { events.emit(.log, run, .value(.int(Int64(index)))) }
        let (recent, lost) = events.recent()
        #expect(recent.map(\.sequence) == [3, 4, 5, 6] && lost == 2)
        #expect(recent.map { $0.payload.intValue } == [3, 4, 5, 6])
        #expect(events.recent(after: 5).events.map(\.sequence) == [6])
        #expect(events.recent(after: 6).events.isEmpty && events.latest == 6)
    }

    /// However deep something stands, what it is called stays short, its own, and the same from run to run.
    @Test func pathsAreOfBoundedLength() {
        func walk(_ turn: Int) -> Identity {
            (0..<10_000).reduce(run) { here, step in here.child(.effect, ordinal: step == turn ? 1 : 0) }
        }
        let (straight, again, turned) = (walk(-1), walk(-1), walk(3))
        #expect(straight == again && straight.path == again.path && straight.hashValue == again.hashValue)
        #expect(straight != turned && straight.path != turned.path)
        #expect(straight.path.utf8.count < 1_000 && straight.isWithin(run))
        #expect(sequence(first: straight, next: \.parent).prefix(100).reduce(0) { count, _ in count + 1 } <= 33)
        let near = (0..<20).reduce(run) { here, _ in here.child(.fiber, ordinal: 0) }
        #expect(near.path == "run" + String(repeating: "/fiber:0", count: 20))
    }

    @Test func aSlowSubscriberLosesTheOldestAndIsTold() {
        let events = stream()
        let woken = Atomic<Int>(0)
        let subscription = events.subscribe(capacity: 3) { woken.add(1, ordering: .relaxed) }
        for _ in 0..<5 { events.emit(.log, run) }
        var (taken, lost) = subscription.take()
        #expect(taken.map(\.sequence) == [3, 4, 5] && lost == 2)
        // Woken when there was something to take after there was nothing.
        #expect(woken.load(ordering: .relaxed) == 1)
        events.emit(.log, run)
        (taken, lost) = subscription.take()
        #expect(taken.count == 1 && lost == 0 && woken.load(ordering: .relaxed) == 2)
        events.unsubscribe(subscription)
        events.emit(.log, run)
        #expect(subscription.take().events.isEmpty)
    }

    /// Of a step with more events than anybody may still read, the newest are there, as if they had come one by one.
    @Test(arguments: [0, 1, 4, 5, 9, 30]) func aLargeStepKeepsTheNewest(count: Int) {
        let (whole, single) = (stream(), stream())
        let subscriptions = [whole, single].map { $0.subscribe(capacity: 6) }
        for events in [whole, single] { for _ in 0..<3 { events.emit(.log, run, .value(.int(0))) } }
        var step = (0..<count).map { EventRecord(.log, run, .value(.int(Int64($0 + 1)))) }
        #expect(!whole.append(taking: &step, at: 1000), "nobody has read everything before")
        for number in 0..<count { single.emit(.log, run, .value(.int(Int64(number + 1)))) }
        #expect(whole.latest == UInt64(count + 3))
        let (recent, lost) = whole.recent()
        #expect(recent.map(\.sequence) == (1...UInt64(count + 3)).suffix(4))
        #expect(lost == UInt64(max(0, count - 1)))
        let (taken, missed) = subscriptions[0].take()
        #expect(taken.map { $0.payload.intValue } == subscriptions[1].take().events.map { $0.payload.intValue })
        #expect(missed == max(0, count - 3) && taken.count == min(6, count + 3))
    }

    /// What everybody has read holds nothing, but for the newest that stay readable; what one has not read waits for it.
    @Test func eventsThatWereReadAreLetGo() {
        final class Seen {
            weak var effect: Effect?
            init(_ effect: Effect) { self.effect = effect }
        }
        let events = stream(keep: 2)
        let (quick, slow) = (events.subscribe(capacity: 100), events.subscribe(capacity: 50))
        var seen: [Seen] = []
        let name = Names().intern("test/work")
        func emit(_ count: Int) {
            for _ in 0..<count {
                let effect = Effect(type: name, fields: .empty, parent: run, ordinal: seen.count)
                seen.append(Seen(effect))
                events.emit(.effectSubmitted, effect.identity, .effect(effect))
            }
        }
        func alive() -> [Int] { seen.indices.filter { seen[$0].effect != nil } }
        emit(40)
        #expect(quick.take().events.map(\.sequence) == Array(1...40))
        #expect(alive() == Array(0..<40))
        #expect(slow.take().events.count == 40)
        #expect(alive() == [38, 39])
        emit(3)
        // Neither has read these three, and the two before are no longer among the newest.
        #expect(alive() == Array(40..<43) && events.recent().events.map(\.sequence) == [42, 43])
        emit(60)
        do {
            let (late, lost) = slow.take()
            #expect(late.map(\.sequence) == Array(54...103) && lost == 13)
        }
        // The other has room for a hundred and has left 63.
        #expect(alive() == Array(40..<103))
        events.unsubscribe(slow)
        #expect(quick.take().events.map(\.sequence) == Array(41...103))
        #expect(alive() == [101, 102])
        events.unsubscribe(quick)
        emit(1)
        #expect(alive() == [102, 103] && quick.take().events.isEmpty)
    }

    @Test func anEventIsData() throws {
        let events = stream()
        events.emit(.workerDrop, run.child(.worker, name: "w", ordinal: 0), .value(.int(1)))
        let map = try Trial.map(events.recent().events[0].value)
        #expect(try map.find(.kw(.sequenceNumber))?.intValue == 1 && map.find(.kw(.ts))?.intValue == 1000)
        #expect(try map.find(.kw(.type))?.stringValue == "workers.drop")
        #expect(try map.find(.kw(.identity))?.stringValue == "run/worker:w#0")
    }

    @Test func secretsNeverShow() throws {  // U
        let redactor = Redactor()
        redactor.add("sk-12345")
        redactor.add("sk-12345-long")
        redactor.add("abc")  // too short to be one
        let events = stream(redactor: redactor)
        let nested = Value.vector([.string("key sk-12345-long!"), .map(Trial.map([(.path, .string("abc sk-12345"))]))])
        events.emit(.log, run.child(.worker, name: "sk-12345", ordinal: 0), .value(nested))
        let event = events.recent().events[0]
        guard case .vector(let shown) = event.payload, case .map(let map) = shown[1] else {
            Issue.record("not masked in place")
            return
        }
        #expect(shown[0].stringValue == "key #<secret>!")
        #expect(try map.find(.kw(.path))?.stringValue == "abc #<secret>")
        #expect(try Trial.map(event.value).find(.kw(.identity))?.stringValue == "run/worker:#<secret>#0")
        let error = redactor.forScript(EffectError(code: "x", "token sk-12345 refused", data: .string("sk-12345")))
        #expect(error.message == "token #<secret> refused" && error.data.stringValue == "#<secret>")
    }

    // U: what a key says is a secret, in data of any shape.
    @Test(arguments: [
        ("Authorization", true), ("proxy-authorization", true), ("Set-Cookie", true), ("x-api-key", true),
        ("API_KEY", true), ("apiKey", true), ("db-password", true), ("passwd", true), ("client_secret", true),
        ("access-token", true), ("refresh_token", true), ("token", true), ("max-tokens", false), ("key", false),
        ("idempotency-key", false), ("secretary", false), ("path", false), ("", false), ("-", false),
    ]) func aKeyTellsOfASecret(_ name: String, _ isSecret: Bool) throws {
        let names = Names()
        let redactor = Redactor()
        for key in [Value.string(name), .keyword(names.intern("a", name))] {
            let inner = HashMap.of(key, .string("hidden"))
            for value in [Value.map(inner), .vector([.int(1), .map(inner)]), .list([.map(inner)])] {
                let shown = try Printer.readable(redactor.masked(value))
                #expect(shown.contains("hidden") != isSecret && shown.contains("#<secret>") == isSecret, "\(shown)")
            }
        }
        let nothing = Value.map(HashMap.of(.string("token"), .nil))
        #expect(try Printer.readable(redactor.masked(nothing)) == #"{"token" nil}"#)
    }

    @Test(arguments: [
        ("https://ada:pw@host/a", "https://ada:#<secret>@host/a"), ("https://ada@host/a", "https://ada@host/a"),
        ("ftp://a:p@w@host", "ftp://a:#<secret>@host"), ("http://host:80/a@b", "http://host:80/a@b"),
        (
            "no such host http://a:b@c, twice http://d:e@f!",
            "no such host http://a:#<secret>@c, twice http://d:#<secret>@f!"
        ),
        ("/a?x=1&api_key=k&y=2", "/a?x=1&api_key=#<secret>&y=2"),
        ("\"/a?token=k\" failed", "\"/a?token=#<secret>\" failed"),
        ("/cb#access_token=k&state=1", "/cb#access_token=#<secret>&state=1"), ("/a?token=", "/a?token="),
        ("a? b=c & token = d", "a? b=c & token = d"), ("://", "://"), ("?", "?"), ("ü?Token=ü", "ü?Token=#<secret>"),
    ]) func anAddressTellsOfASecret(_ text: String, _ shown: String) {
        #expect(Redactor().masked(text) == shown)
    }

    @Test(arguments: [
        ("OPENAI_API_KEY", true), ("DEPLOY_KEY", true), ("GITHUB_PAT", true), ("AWS_SECRET_ACCESS_KEY", true),
        ("DB_PASSWORD", true), ("my_token", true), ("PATH", false), ("KEYBOARD", false), ("HOME", false), ("", false),
    ]) func aVariableIsASecret(_ name: String, _ isSecret: Bool) {
        #expect(SecretName.isSecret(variable: name) == isSecret)
    }

    /// The script gets what it asked for; only what the host alone knows is kept from it.
    @Test func theScriptGetsItsOwnSecrets() throws {
        let redactor = Redactor()
        redactor.add("host-secret")
        redactor.note("script-secret")
        let data = Value.map(HashMap.of(.string("token"), .string("t host-secret script-secret http://a:b@c")))
        let error = redactor.forScript(EffectError(code: "x", "host-secret script-secret ?token=1", data: data))
        #expect(error.message == "#<secret> script-secret ?token=1")
        #expect(try Printer.readable(error.data) == #"{"token" "t #<secret> script-secret http://a:b@c"}"#)
        #expect(redactor.masked(error.message) == "#<secret> #<secret> ?token=#<secret>")
    }

    /// A sequence shows what is there of it, and is not realised for that.
    @Test func whatIsUnrealisedStaysSo() throws {
        let redactor = Redactor()
        redactor.note("script-secret")
        let lazy = LazySeq(thunk: .nil)
        let done = LazySeq(realized: .list([.string("a script-secret")]))
        let shown = redactor.masked(.vector([.lazy(lazy), .lazy(done)]))
        guard case .vector(let vector) = shown, case .lazy(let same) = vector[0] else {
            Issue.record("\(shown)")
            return
        }
        #expect(same === lazy && !lazy.isRealized)
        #expect(try Printer.readable(vector[1]) == #"("a #<secret>")"#)
    }

    @Test func deepDataIsMaskedWholeRatherThanSearchedWithoutEnd() {
        let redactor = Redactor()
        redactor.add("secret-key")
        var value = Value.string("secret-key")
        for _ in 0..<100_000 { value = .vector([value]) }
        var shown = redactor.masked(value)
        var depth = 0
        while case .vector(let vector) = shown {
            shown = vector[0]
            depth += 1
        }
        #expect(shown.stringValue == Redactor.mask && depth == 200)
    }
}

extension HashMap {
    fileprivate static func of(_ key: Value, _ value: Value) -> HashMap {
        var map = HashMap()
        // Texts and keywords can always be keys.
        try? HashMap.set(&map, key, value)
        return map
    }
}
