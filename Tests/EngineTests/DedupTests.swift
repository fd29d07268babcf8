import Testing
import Values

@testable import Engine

/// Ids and idempotency keys: P15–P17, J16, J21.
@Suite struct DedupTests {
    private func key(_ text: String, _ strategy: KnownName = .first) -> [(KnownName, Value)] {
        [(.idempotencyKey, .string(text)), (.dedupStrategy, .kw(strategy)), (.mode, .kw(.parallel))]
    }

    @Test func anIDThatIsRetainedIsNotEnqueuedAgain() {  // P15
        let trial = Trial()
        trial.submit([trial.effect("a")])
        trial.submit([trial.effect("a")])
        #expect(trial.runningIDs == ["a"])
        trial.end("a", .ok(.int(7)))
        // Both of those who submitted it are answered.
        #expect(trial.answers.byID["a"]?.count == 2)
        trial.submit([trial.effect("a")])
        #expect(trial.starts.count == 1 && trial.answers.byID["a"]?.count == 3)
        #expect(trial.machine.stats.deduped == 2 && trial.machine.stats.done == 1)
    }

    @Test func theFirstOfTwoEqualIDsInABatchWins() {  // P16
        let trial = Trial()
        trial.submit([trial.effect("a", value: .int(1)), trial.effect("a", value: .int(2))])
        #expect(trial.starts.count == 1)
        #expect(trial.starts[0].effect[.value]?.intValue == 1)
        #expect(trial.machine.stats.deduped == 1)
        trial.end("a")
        #expect(trial.answers.byID["a"]?.count == 2)
    }

    @Test func anIDMayRunAgainOncePruned() {  // P17
        let trial = Trial(retain: 1)
        for id in ["a", "b"] {
            trial.submit([trial.effect(id)])
            trial.end(id)
        }
        #expect(trial.status("a") == nil && trial.status("b") == .done)
        trial.submit([trial.effect("a")])
        #expect(trial.runningIDs == ["a"])
    }

    @Test func firstIsAnsweredWithTheRecordedSuccess() {  // J21
        let trial = Trial()
        trial.submit([trial.effect("a", key("k"))])
        trial.submit([trial.effect("b", key("k"))])
        #expect(trial.runningIDs == ["a"])
        trial.end("a", .ok(.int(7)))
        #expect(trial.answer("a") == "ok 7" && trial.answer("b") == "ok 7")
        trial.submit([trial.effect("c", key("k"))])
        #expect(trial.answer("c") == "ok 7")
        #expect(trial.starts.count == 1 && trial.machine.stats.deduped == 2)
        // An id that was deduplicated is known by what stands for it.
        #expect(trial.status("c") == .done)
    }

    @Test func aFailureIsNotAnAnswerForLater() {  // J21: successful outcomes only
        let trial = Trial()
        trial.submit([trial.effect("a", key("k"))])
        trial.fail("a")
        trial.submit([trial.effect("b", key("k"))])
        #expect(trial.runningIDs == ["b"])
    }

    @Test func theJournalAnswersForAKey() {  // J21, P17
        let trial = Trial()
        trial.submit([trial.effect("a", key("k"))], recorded: ["k": .int(9)])
        #expect(trial.answer("a") == "ok 9" && trial.starts.isEmpty)
        #expect(trial.machine.stats.deduped == 1 && trial.machine.stats.done == 0)
    }

    @Test(arguments: [(KnownName.first, Int64(1)), (KnownName.last, Int64(3))])
    func oneOfABatchStands(strategy: KnownName, value: Int64) {  // J21
        let trial = Trial()
        let effects = (1...3).map { trial.effect("e\($0)", key("k", strategy), value: .int(Int64($0))) }
        trial.submit(effects)
        #expect(trial.starts.count == 1)
        #expect(trial.starts[0].effect[.value]?.intValue == value)
        trial.end("e\(value)", .ok(.int(5)))
        for id in ["e1", "e2", "e3"] { #expect(trial.answer(id) == "ok 5") }
    }

    @Test func mergeMergesTheParameters() {  // J21: default map merge
        let trial = Trial()
        var first = trial.effect("a", key("k", .merge), value: .int(1))
        var fields = first.fields
        try? HashMap.set(&fields, .kw(.path), .string("p"))
        first = Effect(
            type: first.type, fields: fields, meta: first.meta, id: first.id, parent: first.parent,
            ordinal: first.ordinal)
        trial.submit([first, trial.effect("b", key("k", .merge), value: .int(2))])
        #expect(trial.runningIDs == ["a"])
        #expect(trial.starts[0].effect[.value]?.intValue == 2)
        #expect(trial.starts[0].effect[.path]?.stringValue == "p")
    }

    @Test func mixedStrategiesUseTheFirsts() {  // J21
        let trial = Trial()
        trial.submit([
            trial.effect("a", key("k", .first), value: .int(1)), trial.effect("b", key("k", .last), value: .int(2)),
        ])
        #expect(trial.starts[0].effect[.value]?.intValue == 1)
    }

    @Test func lastReplacesWhatHasNotStarted() {  // J21
        let trial = Trial(maxInflight: 1)
        trial.submit([trial.effect("busy")])
        trial.submit([trial.effect("a", key("k", .last), value: .int(1))])
        trial.submit([trial.effect("b", key("k", .last), value: .int(2))])
        trial.end("busy")
        #expect(trial.starts.count == 2 && trial.starts[1].effect[.value]?.intValue == 2)
        // It has started: the next runs by itself.
        trial.submit([trial.effect("c", key("k", .last), value: .int(3))])
        trial.end("a", .ok(.int(5)))
        #expect(trial.answer("a") == "ok 5" && trial.answer("b") == "ok 5" && trial.answer("c") == nil)
        #expect(trial.runningIDs == ["c"])
    }

    @Test func aReplacementOfAnotherTypeIsHeldByTheLimitsOfThatType() {  // P19, J21
        let trial = Trial(maxInflight: 1)
        trial.submit([trial.effect("busy")])
        trial.submit([trial.effect("a", key("k", .last))])
        trial.submit([trial.effect("b", key("k", .last), type: "test/wait")])
        // It only waits now, and needs no slot.
        #expect(trial.runningIDs == ["busy", "a"])
        trial.submit([trial.effect("c")])
        trial.end("a")
        #expect(trial.runningIDs == ["busy"])
        trial.end("busy")
        #expect(trial.runningIDs == ["c"])
    }

    @Test func whatIsMergedRunsWithTheTypesOwnMerge() {  // J21: parts are handed to whoever starts it
        let trial = Trial(maxInflight: 1)
        trial.step(.define(trial.type("test/add"), EffectTraits(mergesItself: true)))
        trial.submit([trial.effect("busy")])
        for (id, value) in [("a", 1), ("b", 2), ("c", 3)] {
            trial.submit([trial.effect(id, key("k", .merge), type: "test/add", value: .int(Int64(value)))])
        }
        trial.end("busy")
        #expect(trial.starts[1].parts.compactMap { $0[.value]?.intValue } == [2, 3])
    }

    @Test func aReplacementThatMustWaitForOthersDoesNotRunInAnEarlierPlace() {  // J16, J21
        let trial = Trial(maxInflight: 1)
        let gate = trial.group("gate")
        trial.submit([trial.effect("gate", [(.group, gate)])])
        trial.submit([trial.effect("a", key("k", .last), value: .int(1))])
        trial.submit([trial.effect("b", key("k", .last) + [(.dependsOn, vector(gate))], value: .int(2))])
        trial.end("gate")
        #expect(trial.starts[1].effect[.value]?.intValue == 1)
        trial.end("a")
        #expect(trial.starts[2].effect[.value]?.intValue == 2)
    }

    @Test func aGroupWaitsForTheEffectThatAnswersForItsMember() {  // J19, J21
        let trial = Trial()
        let g = trial.group("g")
        trial.submit([trial.effect("a", key("k"))])
        trial.submit([
            trial.effect("dup", key("k") + [(.group, g)]),
            trial.effect("after", [(.group, trial.group("h")), (.dependsOn, vector(g))]),
        ])
        #expect(trial.runningIDs == ["a"])
        trial.fail("a")
        #expect(trial.status("after") == .failed)
        #expect(trial.answer("dup") == "broken: it broke")
    }

    // J16, J19: a group that has lost all its members to another of the batch is there, and complete when that one has ended
    @Test(arguments: [KnownName.first, .last]) func aGroupWaitsForWhatAnswersInTheSameBatch(_ strategy: KnownName) {
        let trial = Trial(maxInflight: 10)
        let (x, y) = (trial.group("x"), trial.group("y"))
        let emptied = strategy == .first ? y : x
        trial.submit([
            trial.effect("a", key("k", strategy) + [(.group, x)]),
            trial.effect("b", key("k", strategy) + [(.group, y)]),
            trial.effect("after", [(.group, trial.group("z")), (.dependsOn, vector(emptied))]),
        ])
        let standing = strategy == .first ? "a" : "b"
        #expect(trial.runningIDs == [standing] && trial.status("after") == .queued)
        trial.fail(standing)
        // What failed for it failed for whoever waits.
        #expect(trial.status("after") == .failed && trial.answers.byID.count == 3)
    }

    /// An effect that would wait for the group that it answers for would wait for itself.
    @Test(arguments: [true, false]) func whatAnswersForAGroupCannotWaitForIt(_ hasGroup: Bool) {
        let trial = Trial()
        let y = trial.group("y")
        let own: [(KnownName, Value)] = hasGroup ? [(.group, trial.group("x"))] : []
        let result = trial.submit([
            trial.effect("a", key("k") + own + [(.dependsOn, vector(y))]), trial.effect("b", key("k") + [(.group, y)]),
        ])
        guard case .failure(let error) = result else {
            Issue.record("taken")
            return
        }
        #expect(error.code == EffectCode.dependencyCycle.rawValue)
    }

    // J21, J23: a replacement must not be cancelled with what it cancels
    @Test func theNewestSearchTakesItsOwnPlace() {
        let trial = Trial(maxInflight: 1)
        let search = trial.group("search")
        let meta = key("q", .last) + [(.group, search), (.cancels, vector(search))]
        trial.submit([trial.effect("busy")])
        trial.submit([trial.effect("old", meta)])
        trial.submit([trial.effect("new", meta)])
        #expect(trial.status("old") == .cancelled && trial.status("new") == .queued)
        trial.end("busy")
        #expect(trial.runningIDs == ["new"])
    }
}
