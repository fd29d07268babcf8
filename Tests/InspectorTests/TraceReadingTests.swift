import Engine
import Testing
import Values

@testable import Inspector

/// Lines in, and what is wrong with them.
@Suite struct TraceReadingTests {
    private static let submitted =
        "{:seq 1 :ts 5 :type \"effect.submitted\" :identity \"run/effect:0\" :payload {:effect {:effect/id 1 :effect/type :run}}}\n"

    private func reading(_ text: String) throws -> TraceReading {
        var reading = TraceReading(names: Names())
        // In pieces that end inside lines.
        for byte in text.utf8 { try reading.take([byte]) }
        try reading.finish()
        return reading
    }

    private func refusal(_ text: String) -> TraceReading.Refusal? {
        do {
            _ = try reading(text)
            return nil
        } catch {
            return error as? TraceReading.Refusal
        }
    }

    @Test func aWholeTraceHasNoRemarks() throws {
        let read = try reading("{:sluice/trace 1}\n" + Self.submitted)
        #expect(read.remarks.isEmpty && read.histories.all.map(\.id.intValue) == [1])
    }

    @Test func keysAndTypesOfLaterVersionsDoNotDisturb() throws {
        let later = "{:seq 2 :ts 6 :type \"effect.admired\" :identity \"run\" :payload nil}\n"
        let read = try reading(
            "{:sluice/trace 1 :made-by \"a later one\"}\n"
                + Self.submitted.replacing("{:seq 1", with: "{:colour :red :seq 1") + later)
        #expect(read.histories.all.count == 1)
        #expect(read.remarks == ["1 event is of types that this Sluice does not know: effect.admired"])
    }

    @Test func aCutLastLineIsToldAndTheRestUsed() throws {
        let read = try reading("{:sluice/trace 1}\n" + Self.submitted + Self.submitted.prefix(60))
        #expect(read.histories.all.count == 1)
        #expect(read.remarks == ["the last line is cut off, as by a crash, and is left out"])
        // Only the line break is missing.
        #expect(try reading("{:sluice/trace 1}\n" + Self.submitted.dropLast()).remarks.isEmpty)
    }

    @Test func aBadLineInTheMiddleIsLeftOut() throws {
        let read = try reading("{:sluice/trace 1}\n(oops\n" + Self.submitted)
        #expect(read.histories.all.count == 1)
        #expect(read.remarks == ["line 2 is none of a trace and is left out"])
    }

    @Test func missingEventsAreTold() throws {
        let read = try reading("{:sluice/trace 1}\n{:type \"events.lost\" :count 12}\n" + Self.submitted)
        #expect(read.remarks == ["12 events are missing: they came faster than they could be written"])
    }

    @Test func whatIsNoTraceIsRefused() {
        #expect(refusal("")?.message == "it is empty")
        #expect(refusal("(println 1)\n")?.message == "it is not a trace")
        #expect(refusal("\u{0}\u{1}\u{fe}")?.message == "it is not a trace")
        #expect(refusal("{\"seq\":1}\n")?.hint?.hasPrefix("it looks like the output of --json") == true)
        #expect(
            refusal("{:sluice/trace 99}\n")?.message
                == "it is a trace of version 99, and this Sluice reads version \(TraceLine.version)")
    }

    /// What the writer makes of values that have no form in EDN, the reader reads.
    @Test(arguments: ["Content Type", "a\nb", "a,b", ""]) func oddNamesAndControlsSurvive(_ odd: String) throws {
        let names = Names()
        let stream = EventStream(wallMs: { 5 })
        var map = HashMap()
        try HashMap.set(&map, .keyword(names.intern(nil, odd)), .string("a\u{0}b\u{1b}\n"))
        try HashMap.set(&map, names.keyword("n"), .int(1))
        stream.emit(.log, Identity(root: .run), .value(.map(map)))
        let line = TraceLine.line(stream.recent().events[0])
        #expect(line.last == 0x0a && line.dropLast().allSatisfy { $0 >= 0x20 })
        guard case .event(let record)? = TraceLine.read(Array(line.dropLast()), names: names),
            case .map(let read) = record.payload
        else {
            Issue.record("\(String(decoding: line, as: UTF8.self)) is no event")
            return
        }
        #expect(record.sequence == 1 && record.type == .log && record.identity == "run")
        #expect(try read.find(.string(odd))?.stringValue == "a\u{0}b\u{1b}\n")
        #expect(try read.find(names.keyword("n"))?.intValue == 1)
    }

    /// What is too long for a line is left out, and not what the line is about.
    @Test func aLongPayloadKeepsWhatIsShort() throws {
        let names = Names()
        let stream = EventStream(wallMs: { 5 })
        let long = Value.string(String(repeating: "x", count: 2 << 20))
        var params = HashMap()
        try HashMap.set(&params, .kw(.effectSlashType), .kw(.run))
        try HashMap.set(&params, .kw(.content), long)
        let effect = Effect(
            type: KnownName.run.name, fields: params, id: ValueKey(text: "a"), parent: Identity(root: .run), ordinal: 0)
        stream.emit(
            .effectEnded, effect.identity,
            .ended(effect, EffectEnd(status: .done, outcome: .ok(long), durationMs: 7)))
        let line = TraceLine.line(stream.recent().events[0])
        #expect(line.count < 1 << 20)
        var histories = EffectHistories()
        guard case .event(let record)? = TraceLine.read(Array(line.dropLast()), names: names) else {
            Issue.record("no event")
            return
        }
        histories.take(record)
        #expect(histories.effects(withID: "a").first?.end?.durationMs == 7)
        #expect(histories.effects(withID: "a").first?.type == ":run")
    }
}
