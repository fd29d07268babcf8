import Engine
import Testing

@testable import Store

@Suite struct MemoryJournalTests {
    let suite = JournalConformance { MemoryJournal() }

    @Test func appendsInOrder() throws { try suite.appendsInOrder() }
    @Test func readsInPages() throws { try suite.readsInPages() }
    @Test func answersTheLatestEndOfAKeyForEver() throws { try suite.answersTheLatestEndOfAKeyForEver() }
    @Test func knowsWhatWasStartedAndNeverEnded() throws { try suite.knowsWhatWasStartedAndNeverEnded() }
    @Test func compactsWhatHasEndedAndKeepsTheRest() throws { try suite.compactsWhatHasEndedAndKeepsTheRest() }
    @Test func takesNothingOnceClosed() throws { try suite.takesNothingOnceClosed() }

    @Test func itIsNotDurable() { #expect(MemoryJournal().durability == .inline) }
}
