import Engine
import TestSupport
import Testing
import Values

/// What every registry of processes must do (L31–L41, L43): the tests of each implementation run all of these.
///
/// Answers are waited for by a registry that gives them on other threads; one that gives them at once costs no wait.
struct ProcessConformance: Sendable {
    /// A registry with this clock that keeps so many rows that have ended, and so many events of each process.
    let make: @Sendable (VirtualClock, _ retained: Int, _ events: Int) throws -> any ProcessRegistry

    private static let leaseMs: Int64 = 1000

    /// A registry with its clock, and what it is asked.
    struct Trial {
        let clock: VirtualClock
        let registry: any ProcessRegistry

        init(clock: VirtualClock = VirtualClock(), registry: any ProcessRegistry) {
            self.clock = clock
            self.registry = registry
        }

        private func wait<Result: Sendable>(_ ask: (@escaping @Sendable (Result) -> Void) -> Void) throws -> Result {
            let heard = Heard<Result>()
            ask { heard.hear($0) }
            return try #require(heard.wait(count: 1).first)
        }

        @discardableResult func run(_ command: ProcessCommand) throws -> ProcessOutcome {
            try wait { registry.execute(command, $0) }.get()
        }

        @discardableResult func start(_ id: String, _ input: Int64 = 0, session: String? = nil, note: Int64 = 0) throws
            -> ProcessRecord
        {
            let grant = session.map { ProcessGrant(session: $0, descriptor: .int(note)) }
            let outcome = try run(.start(ProcessRegistration(id: id, input: .int(input)), grant: grant))
            guard case .start(let record) = outcome else { throw Wrong(outcome: outcome) }
            return record
        }

        /// `id status descriptor` of each.
        func list(_ session: String?, _ mode: ProcessCommand.ListMode = .live) throws -> [String] {
            let outcome = try run(.list(session: session, mode: mode))
            guard case .list(let entries) = outcome else { throw Wrong(outcome: outcome) }
            return entries.map { entry in
                let note = entry.descriptor.intValue.map { " \($0)" } ?? ""
                return "\(entry.record.id) \(entry.record.status.rawValue)\(note)"
            }
        }

        @discardableResult func cancel(_ id: String, _ reason: String? = nil) throws -> ProcessRecord {
            let outcome = try run(.cancel(id, reason: reason))
            guard case .cancel(let record) = outcome else { throw Wrong(outcome: outcome) }
            return record
        }

        @discardableResult func signal(_ id: String, _ type: String, _ payload: Int64 = 0) throws -> Int64 {
            let outcome = try run(.signal(id, ProcessEvent(type: type, payload: .int(payload))))
            guard case .signal(let event) = outcome else { throw Wrong(outcome: outcome) }
            return event.sequence
        }

        func deleteSession(_ session: String) throws -> ProcessSessionReport {
            let outcome = try run(.deleteSession(session))
            guard case .deleteSession(let report) = outcome else { throw Wrong(outcome: outcome) }
            return report
        }

        func claim(_ runner: String = "r") throws -> [ProcessWork] {
            try wait { registry.claim(runner, leaseMs: ProcessConformance.leaseMs, $0) }.get()
        }

        func renew(_ lease: ProcessLease) throws {
            try wait { registry.renew(lease, leaseMs: ProcessConformance.leaseMs, $0) }.get()
        }

        @discardableResult func finish(_ lease: ProcessLease, _ end: ProcessEnd = .done(output: .nil)) throws
            -> ProcessRecord
        {
            try wait { registry.finish(lease, end, $0) }.get()
        }

        /// The text of what it comes to is told to `heard`.
        func await(_ id: String, _ heard: Heard<String>) -> @Sendable () -> Void {
            registry.execute(.await(id)) { result in
                switch result {
                case .success(.await(let end)): heard.hear(ProcessConformance.text(end))
                case .success(let other): heard.hear("\(other)")
                case .failure(let error): heard.hear(error.description)
                }
            }
        }

        func event(_ id: String, _ type: String, _ ordinal: Int, _ heard: Heard<String>) -> @Sendable () -> Void {
            registry.event(ordinal, of: id, type: type) { result in
                switch result {
                case .success(let event): heard.hear("\(event.sequence) \(event.type) \(ValueKey.shown(event.payload))")
                case .failure(let error): heard.hear(error.description)
                }
            }
        }

        struct Wrong: Error { let outcome: ProcessOutcome }
    }

    static func text(_ end: ProcessEnd) -> String {
        switch end {
        case .done(let output): "done \(ValueKey.shown(output))"
        case .failed(let code, let message, let data): "failed \(code): \(message) \(ValueKey.shown(data))"
        case .cancelled(let reason): "cancelled \(reason ?? "-")"
        }
    }

    private func trial(retained: Int = 500, events: Int = 10_000) throws -> Trial {
        let clock = VirtualClock()
        return Trial(clock: clock, registry: try make(clock, retained, events))
    }

    private func refusal(_ body: () throws -> some Any) -> String {
        do {
            _ = try body()
            return "none"
        } catch let error as ControllerError {
            return error.code
        } catch {
            return "\(error)"
        }
    }

    // MARK: Starting (L31, L32)

    func startsAreIdempotent() throws {
        let trial = try trial()
        let record = try trial.start("a", 1)
        #expect(record.status == .pending && record.createdTs == trial.clock.wallMs && record.startedTs == nil)
        trial.clock.advance(byMs: 5)
        #expect(try trial.start("a", 1).createdTs == record.createdTs)
        #expect(refusal { try trial.start("a", 2) } == "process_conflict")
        #expect(try trial.claim().count == 1)
        #expect(try trial.start("a", 1).status == .running)
        #expect(try trial.claim().isEmpty)
        #expect(try trial.list(nil) == ["a running"])
    }

    func anEndedRowAnswersWhileItIsKept() throws {  // as P15 and P17 have it for effects
        let trial = try trial(retained: 1)
        try trial.start("a", 1)
        try trial.finish(trial.claim()[0].lease, .done(output: .int(7)))
        #expect(try trial.start("a", 1).status == .done)
        #expect(refusal { try trial.start("a", 2) } == "process_conflict")
        #expect(try trial.claim().isEmpty)
        try trial.start("b")
        try trial.finish(trial.claim()[0].lease)
        #expect(try trial.start("a", 2).status == .pending)
    }

    // MARK: Listing and sessions (L33–L36)

    func listsWhatASessionHas() throws {
        let trial = try trial()
        try trial.start("b", session: "s", note: 1)
        try trial.start("a", session: "s", note: 2)
        try trial.start("c", session: "t", note: 3)
        try trial.start("d")
        // A start that is repeated for another session grants it, too.
        try trial.start("c", session: "s", note: 4)
        #expect(try trial.list("s") == ["b pending 1", "a pending 2", "c pending 4"])
        #expect(try trial.list("t") == ["c pending 3"])
        #expect(try trial.list("nobody").isEmpty)
        #expect(try trial.list(nil) == ["b pending", "a pending", "c pending", "d pending"])
        let work = try trial.claim()
        #expect(work.map(\.lease.process) == ["b", "a", "c", "d"])
        try trial.finish(work[0].lease)
        #expect(try trial.list("s") == ["a running 2", "c running 4"])
        #expect(try trial.list("s", .all) == ["b done 1", "a running 2", "c running 4"])
    }

    func transfersMoveGrants() throws {
        let trial = try trial()
        try trial.start("a", session: "s", note: 1)
        try trial.start("b", session: "s", note: 2)
        try trial.run(.transfer(from: "s", to: "t", ids: ["a"]))
        #expect(try trial.list("s") == ["b pending 2"])
        #expect(try trial.list("t") == ["a pending 1"])
        // All of them or none.
        #expect(refusal { try trial.run(.transfer(from: "s", to: "t", ids: ["b", "a"])) } == "process_not_granted")
        #expect(refusal { try trial.run(.transfer(from: "s", to: "t", ids: ["b", "zz"])) } == "plugin")
        #expect(try trial.list("s") == ["b pending 2"])
        try trial.run(.transfer(from: "s", to: "t", ids: []))
        try trial.run(.transfer(from: "s", to: "s", ids: ["b"]))
        #expect(try trial.list("s") == ["b pending 2"])
    }

    func deletingASessionReportsWhatItDid() throws {
        let trial = try trial()
        for id in ["own", "shared", "ended", "running"] { try trial.start(id, session: "s") }
        try trial.start("shared", session: "t")
        let work = try trial.claim()
        try trial.finish(work[2].lease)
        try trial.start("fresh", session: "s")
        let report = try trial.deleteSession("s")
        #expect(report.session == "s")
        #expect(report.released == ["own", "shared", "ended", "running", "fresh"])
        #expect(report.cancelled == ["own", "running", "fresh"])
        #expect(try trial.list("s", .all).isEmpty)
        #expect(try trial.list("t") == ["shared running 0"])
        // Who executes it sees the event; what nobody executes ends at once.
        #expect(try trial.list(nil, .all).contains("own running"))
        #expect(try trial.list(nil, .all).contains("fresh cancelled"))
        let heard = Heard<String>()
        _ = trial.event("own", ProcessEvent.cancelRequested, 1, heard)
        #expect(heard.wait(count: 1).count == 1)
        let again = try trial.deleteSession("s")
        #expect(again.released.isEmpty && again.cancelled.isEmpty)
    }

    // MARK: Awaiting (L38)

    func everyAwaitIsAnsweredOnce() throws {
        let trial = try trial()
        try trial.start("a")
        let heard = Heard<String>()
        _ = trial.await("a", heard)
        _ = trial.await("a", heard)
        let lease = try trial.claim()[0].lease
        #expect(heard.all.isEmpty)
        trial.clock.advance(byMs: 3)
        let record = try trial.finish(lease, .done(output: .int(7)))
        #expect(record.status == .done && record.startedTs == 0 && record.endedTs == 3)
        _ = trial.await("a", heard)
        #expect(heard.wait(count: 3) == ["done 7", "done 7", "done 7"])
    }

    func everyKindOfEndIsTold() throws {
        let trial = try trial()
        let heard = Heard<String>()
        let ends: [ProcessEnd] = [
            .done(output: .nil), .failed(code: "c", message: "m"), .cancelled(reason: "r"), .cancelled(reason: nil),
            .failed(code: "c", message: "m", data: .record((.n, .int(1)))),
        ]
        for (index, end) in ends.enumerated() {
            try trial.start("p\(index)")
            let record = try trial.finish(trial.claim()[0].lease, end)
            #expect(record.status == end.status && record.status.isEnd)
            _ = trial.await("p\(index)", heard)
        }
        #expect(
            heard.wait(count: 5) == ["done nil", "failed c: m nil", "cancelled r", "cancelled -", "failed c: m {:n 1}"])
    }

    func whoEndsItHearsBeforeWhoAwaitsIt() throws {
        let trial = try trial()
        try trial.start("a")
        let heard = Heard<String>()
        _ = trial.await("a", heard)
        _ = trial.event("a", "x", 1, heard)
        trial.registry.finish(try trial.claim()[0].lease, .done(output: .int(1))) { _ in heard.hear("ended") }
        #expect(heard.wait(count: 3).first == "ended")
    }

    func aWithdrawnAwaitIsNotAnswered() throws {
        let trial = try trial()
        try trial.start("a")
        let (heard, others) = (Heard<String>(), Heard<String>())
        let withdraw = trial.await("a", heard)
        _ = trial.await("a", others)
        withdraw()
        withdraw()
        try trial.finish(trial.claim()[0].lease)
        #expect(others.wait(count: 1) == ["done nil"] && heard.all.isEmpty)
    }

    // MARK: Cancelling (L39)

    func cancellingIsADurableEvent() throws {
        let trial = try trial()
        try trial.start("a")
        let lease = try trial.claim()[0].lease
        #expect(try trial.cancel("a", "enough").status == .running)
        #expect(try trial.cancel("a", "again").events == 1)
        let heard = Heard<String>()
        _ = trial.event("a", ProcessEvent.cancelRequested, 1, heard)
        #expect(heard.wait(count: 1) == ["1 process.cancel_requested {:reason \"enough\"}"])
        // Whoever executes it says what came of it.
        #expect(try trial.finish(lease, .cancelled(reason: nil)).status == .cancelled)
        #expect(try trial.cancel("a").status == .cancelled)
        let ends = Heard<String>()
        _ = trial.await("a", ends)
        #expect(ends.wait(count: 1) == ["cancelled enough"])
    }

    func whatNobodyExecutesIsCancelledAtOnce() throws {
        let trial = try trial()
        let heard = Heard<String>()
        try trial.start("a")
        _ = trial.await("a", heard)
        #expect(try trial.cancel("a", "no").status == .cancelled)
        #expect(heard.wait(count: 1) == ["cancelled no"])
        #expect(try trial.claim().isEmpty)
        // One whose runner is gone.
        try trial.start("b")
        _ = try trial.claim("gone")
        trial.clock.advance(byMs: Self.leaseMs)
        #expect(try trial.cancel("b").status == .cancelled)
        // One whose runner went after it was asked.
        try trial.start("c")
        _ = try trial.claim("gone")
        #expect(try trial.cancel("c", "late").status == .running)
        trial.clock.advance(byMs: Self.leaseMs)
        #expect(try trial.claim().isEmpty)
        _ = trial.await("c", heard)
        #expect(heard.wait(count: 2).last == "cancelled late")
    }

    // MARK: Signals and events (L27–L30, L40)

    func signalsAreEventsWithPositions() throws {
        let trial = try trial()
        try trial.start("a")
        let heard = Heard<String>()
        _ = trial.event("a", "x", 1, heard)
        _ = trial.event("a", "x", 2, heard)
        #expect(try trial.signal("a", "y", 1) == 1)
        #expect(heard.all.isEmpty)
        #expect(try trial.signal("a", "x", 2) == 2)
        #expect(heard.wait(count: 1) == ["2 x 2"])
        #expect(try trial.signal("a", "x", 3) == 3)
        #expect(heard.wait(count: 2) == ["2 x 2", "3 x 3"])
        // Past events count.
        _ = trial.event("a", "x", 1, heard)
        _ = trial.event("a", "x", 2, heard)
        #expect(heard.wait(count: 4)[2...] == ["2 x 2", "3 x 3"])
        _ = trial.event("a", "x", 0, heard)
        #expect(
            heard.wait(count: 5).last == "runtime_effect_await_event_invalid_ordinal: event ordinal must be one-based")
    }

    func aWithdrawnQuestionIsNotAnswered() throws {
        let trial = try trial()
        try trial.start("a")
        let (heard, others) = (Heard<String>(), Heard<String>())
        let withdraw = trial.event("a", "x", 1, heard)
        _ = trial.event("a", "x", 1, others)
        withdraw()
        try trial.signal("a", "x", 1)
        #expect(others.wait(count: 1) == ["1 x 1"] && heard.all.isEmpty)
    }

    func nobodyWaitsForAnEventOfWhatHasEnded() throws {
        let trial = try trial()
        try trial.start("a")
        try trial.signal("a", "x", 1)
        let heard = Heard<String>()
        _ = trial.event("a", "x", 2, heard)
        try trial.finish(trial.claim()[0].lease)
        let told = "process_ended: process `a` has ended (done) and had 1 event of type `x`; none will follow"
        #expect(heard.wait(count: 1) == [told])
        _ = trial.event("a", "x", 2, heard)
        _ = trial.event("a", "x", 1, heard)
        #expect(heard.wait(count: 3) == [told, told, "1 x 1"])
        #expect(refusal { try trial.signal("a", "x") } == "process_ended")
    }

    func eventsAreBounded() throws {
        let trial = try trial(events: 3)
        try trial.start("a")
        _ = try trial.claim()
        for position in 1...3 { #expect(try trial.signal("a", "x") == Int64(position)) }
        #expect(refusal { try trial.signal("a", "x") } == "process_event_limit")
        // It can still be cancelled.
        #expect(try trial.cancel("a").events == 4)
    }

    // MARK: Executing (L41)

    func oneRunnerHasARowAtATime() throws {
        let trial = try trial()
        try trial.start("a", 5)
        let work = try trial.claim("one")
        #expect(work.map(\.lease.process) == ["a"] && work[0].input.intValue == 5)
        #expect(work[0].lease.runner == "one")
        #expect(try trial.claim("two").isEmpty)
        trial.clock.advance(byMs: Self.leaseMs - 1)
        #expect(try trial.claim("two").isEmpty)
        try trial.renew(work[0].lease)
        trial.clock.advance(byMs: Self.leaseMs - 1)
        #expect(try trial.claim("two").isEmpty)
        trial.clock.advance(byMs: 1)
        let other = try trial.claim("two")
        #expect(other.count == 1 && other[0].input.intValue == 5)
        // The one before comes too late for anything.
        #expect(refusal { try trial.renew(work[0].lease) } == "process_lease_lost")
        #expect(refusal { try trial.finish(work[0].lease) } == "process_lease_lost")
        #expect(try trial.finish(other[0].lease, .done(output: .int(2))).status == .done)
        #expect(refusal { try trial.finish(other[0].lease) } == "process_lease_lost")
    }

    func anEarlierLeaseOfTheSameRunnerIsAnother() throws {
        let trial = try trial()
        try trial.start("a")
        let first = try trial.claim()[0].lease
        trial.clock.advance(byMs: Self.leaseMs)
        let second = try trial.claim()[0].lease
        #expect(first != second)
        #expect(refusal { try trial.finish(first) } == "process_lease_lost")
        try trial.finish(second)
    }

    /// Nor is one of another process that had the id before.
    func aLeaseOfAnEarlierRowIsAnother() throws {
        let trial = try trial(retained: 0)
        try trial.start("a")
        let first = try trial.claim()[0].lease
        trial.clock.advance(byMs: Self.leaseMs)
        try trial.cancel("a")
        try trial.start("a")
        let second = try trial.claim()[0].lease
        #expect(refusal { try trial.finish(first) } == "process_lease_lost")
        #expect(try trial.finish(second).status == .done)
    }

    /// A machine that slept finds its work where it left it, unless somebody else has taken it over.
    func aLeaseThatNobodyTookIsStillHeld() throws {
        let trial = try trial()
        try trial.start("a")
        let lease = try trial.claim()[0].lease
        trial.clock.advance(byMs: 10 * Self.leaseMs)
        try trial.renew(lease)
        #expect(try trial.claim("two").isEmpty)
        trial.clock.advance(byMs: 10 * Self.leaseMs)
        #expect(try trial.finish(lease).status == .done)
    }

    func whoExecutesHearsOfWork() throws {
        let trial = try trial()
        let heard = Heard<String>()
        let stop = trial.registry.onWork { heard.hear("work") }
        try trial.start("a")
        #expect(heard.wait(count: 1) == ["work"])
        stop()
        try trial.start("b")
        #expect(heard.all.count == 1)
    }

    // MARK: Unknown processes, and what is kept

    func unknownProcessesAreNamed() throws {
        let trial = try trial()
        try trial.start("watcher")
        let heard = Heard<String>()
        _ = trial.await("wacther", heard)
        _ = trial.event("nothing", "x", 1, heard)
        #expect(
            heard.wait(count: 2) == [
                "plugin: unknown process `wacther`; did you mean `watcher`?", "plugin: unknown process `nothing`",
            ])
        #expect(refusal { try trial.cancel("nothing") } == "plugin")
        #expect(refusal { try trial.signal("nothing", "x") } == "plugin")
        #expect(refusal { try trial.run(.transfer(from: "s", to: "t", ids: ["nothing"])) } == "plugin")
        #expect(
            refusal { try trial.finish(ProcessLease(process: "nothing", runner: "r", claim: 1)) }
                == "process_lease_lost")
    }

    func theNewestThatHaveEndedAreKept() throws {
        let trial = try trial(retained: 2)
        for id in ["a", "b", "c", "d"] { try trial.start(id, session: "s") }
        let work = try trial.claim()
        for index in [2, 0, 1] { try trial.finish(work[index].lease) }
        #expect(try trial.list("s", .all) == ["a done 0", "b done 0", "d running 0"])
        #expect(try trial.list(nil, .all) == ["a done", "b done", "d running"])
        #expect(refusal { try trial.cancel("c") } == "plugin")
    }
}

/// What several threads tell a test, in the order in which they do.
final class Heard<Item: Sendable>: @unchecked Sendable {
    // Sendable: `lock` guards `items`; the condition is made to be shared.
    private let lock = Lock()
    private let condition = Condition()
    private var items: [Item] = []

    var all: [Item] { lock.withLock { items } }

    func hear(_ item: Item) {
        lock.withLock {
            items.append(item)
            condition.broadcast()
        }
    }

    /// All that was heard once there are `count`, or by the time that patience ends.
    func wait(count: Int) -> [Item] {
        let deadline = MonotonicClock.now + 20_000_000_000
        return lock.withLock {
            while items.count < count, condition.wait(lock, until: deadline) {}
            return items
        }
    }
}
