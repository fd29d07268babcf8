import Engine
import Testing
import Values

/// What every journal must do (L43): the tests of each implementation run all of these.
struct JournalConformance {
    let make: () throws -> any Journal

    private func record(
        _ kind: JournalRecord.Kind, _ replayKey: String, run: String = "r", key: String? = nil, _ payload: Int64 = 0
    ) -> JournalRecord {
        JournalRecord(run: run, kind: kind, replayKey: replayKey, idempotencyKey: key, ts: 5, payload: .int(payload))
    }

    func appendsInOrder() throws {
        let journal = try make()
        #expect(try journal.append([]) == 0)
        #expect(try journal.append([record(.started, "a"), record(.ended, "a", 1)]) == 2)
        #expect(try journal.append([record(.started, "b", run: "other")]) == 3)
        let read = try journal.read(run: "r", after: 0, limit: 10)
        #expect(read.map(\.sequence) == [1, 2] && read.map(\.kind) == [.started, .ended])
        #expect(read[1].payload.intValue == 1 && read[1].ts == 5 && read[1].replayKey == "a" && read[1].run == "r")
        #expect(try journal.runs() == ["r", "other"])
    }

    func readsInPages() throws {
        let journal = try make()
        _ = try journal.append((0..<10).map { record(.checkpoint, "c\($0)", Int64($0)) })
        #expect(try journal.read(run: "r", after: 3, limit: 4).map(\.sequence) == [4, 5, 6, 7])
        #expect(try journal.read(run: "r", after: 10, limit: 4).isEmpty)
        #expect(try journal.read(run: "r", after: 0, limit: 0).isEmpty)
        #expect(try journal.read(run: "nobody", after: 0, limit: 9).isEmpty)
    }

    func answersTheLatestEndOfAKeyForEver() throws {  // P17
        let journal = try make()
        _ = try journal.append([record(.started, "a", key: "k")])
        #expect(try journal.outcome(forKey: "k") == nil)
        _ = try journal.append([record(.ended, "a", key: "k", 1), record(.ended, "b", run: "other", key: "k", 2)])
        #expect(try journal.outcome(forKey: "k")?.payload.intValue == 2)
        _ = try journal.compact(run: "other", through: 3)
        #expect(try journal.outcome(forKey: "k")?.payload.intValue == 2)
        #expect(try journal.outcome(forKey: "") == nil)
    }

    func knowsWhatWasStartedAndNeverEnded() throws {
        let journal = try make()
        _ = try journal.append([
            record(.started, "a"), record(.started, "b"), record(.ended, "a"), record(.started, "c"),
            record(.started, "b"),
            record(.started, "c", run: "other"),
        ])
        // Once each, however often it was begun, in order.
        #expect(try journal.unfinished(run: "r").map(\.replayKey) == ["b", "c"])
    }

    func compactsWhatHasEndedAndKeepsTheRest() throws {
        let journal = try make()
        _ = try journal.append([
            record(.started, "a"), record(.started, "b"), record(.ended, "a"), record(.checkpoint, "x"),
            record(.ended, "b"),
        ])
        #expect(try journal.compact(run: "r", through: 4) == 3)
        #expect(try journal.read(run: "r", after: 0, limit: 9).map(\.sequence) == [2, 5])
        #expect(try journal.unfinished(run: "r").isEmpty)
        #expect(try journal.compact(run: "nobody", through: 4) == 0)
        // Sequences go on.
        #expect(try journal.append([record(.started, "d")]) == 6)
    }

    func takesNothingOnceClosed() throws {
        let journal = try make()
        try journal.close()
        #expect(throws: ControllerError.self) { try journal.append([record(.started, "a")]) }
        #expect(throws: ControllerError.self) { try journal.runs() }
    }
}
