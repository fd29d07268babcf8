import Engine
import TestSupport
import Testing

@testable import Store

@Suite struct MemoryProcessTests {
    let suite = ProcessConformance { clock, retained, events in
        var limits = ProcessTable.Limits()
        (limits.retainedEnded, limits.events) = (retained, events)
        return MemoryProcessRegistry(clock: clock, limits: limits)
    }

    @Test func startsAreIdempotent() throws { try suite.startsAreIdempotent() }
    @Test func anEndedRowAnswersWhileItIsKept() throws { try suite.anEndedRowAnswersWhileItIsKept() }
    @Test func listsWhatASessionHas() throws { try suite.listsWhatASessionHas() }
    @Test func transfersMoveGrants() throws { try suite.transfersMoveGrants() }
    @Test func deletingASessionReportsWhatItDid() throws { try suite.deletingASessionReportsWhatItDid() }
    @Test func everyAwaitIsAnsweredOnce() throws { try suite.everyAwaitIsAnsweredOnce() }
    @Test func whoEndsItHearsBeforeWhoAwaitsIt() throws { try suite.whoEndsItHearsBeforeWhoAwaitsIt() }
    @Test func everyKindOfEndIsTold() throws { try suite.everyKindOfEndIsTold() }
    @Test func aWithdrawnAwaitIsNotAnswered() throws { try suite.aWithdrawnAwaitIsNotAnswered() }
    @Test func cancellingIsADurableEvent() throws { try suite.cancellingIsADurableEvent() }
    @Test func whatNobodyExecutesIsCancelledAtOnce() throws { try suite.whatNobodyExecutesIsCancelledAtOnce() }
    @Test func signalsAreEventsWithPositions() throws { try suite.signalsAreEventsWithPositions() }
    @Test func aWithdrawnQuestionIsNotAnswered() throws { try suite.aWithdrawnQuestionIsNotAnswered() }
    @Test func nobodyWaitsForAnEventOfWhatHasEnded() throws { try suite.nobodyWaitsForAnEventOfWhatHasEnded() }
    @Test func eventsAreBounded() throws { try suite.eventsAreBounded() }
    @Test func oneRunnerHasARowAtATime() throws { try suite.oneRunnerHasARowAtATime() }
    @Test func anEarlierLeaseOfTheSameRunnerIsAnother() throws { try suite.anEarlierLeaseOfTheSameRunnerIsAnother() }
    @Test func aLeaseOfAnEarlierRowIsAnother() throws { try suite.aLeaseOfAnEarlierRowIsAnother() }
    @Test func aLeaseThatNobodyTookIsStillHeld() throws { try suite.aLeaseThatNobodyTookIsStillHeld() }
    @Test func whoExecutesHearsOfWork() throws { try suite.whoExecutesHearsOfWork() }
    @Test func unknownProcessesAreNamed() throws { try suite.unknownProcessesAreNamed() }
    @Test func theNewestThatHaveEndedAreKept() throws { try suite.theNewestThatHaveEndedAreKept() }

    @Test func itIsNotDurable() {
        #expect(MemoryProcessRegistry(clock: VirtualClock()).durability == .inline)
    }

    @Test func fewerAreKeptFromHereOn() throws {
        let registry = MemoryProcessRegistry(clock: VirtualClock())
        let trial = ProcessConformance.Trial(registry: registry)
        for id in ["a", "b", "c"] { try trial.start(id) }
        for work in try trial.claim() { try trial.finish(work.lease) }
        registry.retain(1)
        #expect(try trial.list(nil, .all) == ["c done"])
    }

    /// Rows, grants and questions go: nothing grows with time (U).
    @Test func nothingIsLeftOfWhatIsOver() throws {
        var limits = ProcessTable.Limits()
        limits.retainedEnded = 10
        let registry = MemoryProcessRegistry(clock: VirtualClock(), limits: limits)
        let trial = ProcessConformance.Trial(registry: registry)
        let heard = Heard<String>()
        for index in 0..<200 {
            let id = "p\(index)"
            try trial.start(id, session: "s\(index)")
            let withdrawals = [trial.await(id, heard), trial.event(id, "x", 1, heard)]
            for withdraw in withdrawals where index % 2 == 0 { withdraw() }
            try trial.finish(trial.claim()[0].lease)
        }
        let counts = registry.counts
        #expect(counts.rows == 10 && counts.sessions == 10 && counts.waiters == 0)
        #expect(heard.all.count == 200)
    }
}
