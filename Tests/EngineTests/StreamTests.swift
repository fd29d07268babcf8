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

    @Test func anEventIsData() throws {
        let events = stream()
        events.emit(.workerDrop, run.child(.worker, name: "w", ordinal: 0), .value(.int(1)))
        let map = try Trial.map(events.recent().events[0].value)
        #expect(try map.find(.kw(.seq))?.intValue == 1 && map.find(.kw(.ts))?.intValue == 1000)
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
        let error = redactor.masked(EffectError(code: "x", "token sk-12345 refused", data: .string("sk-12345")))
        #expect(error.message == "token #<secret> refused" && error.data.stringValue == "#<secret>")
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
