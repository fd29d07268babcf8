import TestSupport
import Testing
import Values

@testable import Engine

/// Scopes, controllers, the codes of L.
@Suite struct HostTests {
    static let codes: [(ControllerError, String)] = [
        (.missingScopeID, "missing_effect_scope_id: effect scopes require non-empty stable ids"),
        (
            .wrongOutcome(expected: .llmCall, got: .sleep),
            "runtime_effect_wrong_outcome: expected llm_call outcome, got sleep"
        ),
        (
            .executorUnavailable(.toolCall),
            "runtime_effect_local_executor_unavailable: no local executor is available for tool_call"
        ),
        (
            .processExecutorUnavailable,
            "runtime_effect_local_executor_unavailable: no process executor is available for process command"
        ),
        (
            .processMismatch(.sleep),
            "runtime_effect_local_executor_mismatch: process executor cannot execute sleep command directly"
        ),
        (
            .mismatch("turn", .direct),
            "runtime_effect_local_executor_mismatch: local turn executor cannot execute direct command"
        ),
        (
            .mismatch("direct", .execCode),
            "runtime_effect_local_executor_mismatch: local direct executor cannot execute exec_code command"
        ),
        (
            .mismatch("sleep", .checkpoint),
            "runtime_effect_local_executor_mismatch: local sleep executor cannot execute checkpoint command"
        ),
        (
            .mismatch("event wait", .process),
            "runtime_effect_local_executor_mismatch: local event wait executor cannot execute process command"
        ),
        (.toolResultMissing("grep"), "tool_result_missing: tool `grep` completed without a result"),
        (.attachmentResolution("gone"), "attachment_resolution_failed: gone"),
        (.sleepCancelled, "runtime_effect_sleep_cancelled: runtime effect sleep was cancelled"),
        (
            .awaitEventKeyMismatch(expected: "a", got: "b"),
            "runtime_effect_await_event_key_mismatch: local event wait expected `a`, got `b`"
        ),
        (.awaitEventInvalidOrdinal, "runtime_effect_await_event_invalid_ordinal: event ordinal must be one-based"),
        (.awaitEventCancelled, "runtime_effect_await_event_cancelled: runtime effect event wait was cancelled"),
        (.processTaskJoin("boom"), "runtime_effect_process_task_join: inline process effect task failed: boom"),
        (.replayMismatch("x"), "runtime_effect_replay_mismatch: x"), (.plugin("p"), "plugin: p"),
        (.store("s"), "runtime_store: s"),
        (.unknownProcess("p1"), "plugin: unknown process `p1`"),
        (
            .unknownProcess("wacth", among: ["other", "watch"]),
            "plugin: unknown process `wacth`; did you mean `watch`?"
        ),
        (
            .processConflict("p", hasEnded: false),
            "process_conflict: there is a process `p` with another input, which has not ended; give the new one another id"
        ),
        (
            .processConflict("p", hasEnded: true),
            "process_conflict: there is a process `p` with another input, which has ended and is still kept; give the new one another id"
        ),
        (
            .processEnded("p", .failed, "takes no signal"),
            "process_ended: process `p` has ended (failed) and takes no signal"
        ),
        (
            .processEventLimit("p", 10),
            "process_event_limit: process `p` has 10 events, as many as one may have; let it end and start another"
        ),
        (
            .processLeaseLost(ProcessLease(process: "p", runner: "r", claim: 1)),
            "process_lease_lost: runner `r` does not hold the lease of process `p`"
        ),
        (
            .processNotGranted("p", "s"),
            "process_not_granted: session `s` has no process `p` to transfer; list what it has with :mode :all"
        ),
    ]

    @Test(arguments: 0..<HostTests.codes.count) func everyCodeHasItsText(index: Int) {  // L14–L41
        let (error, text) = HostTests.codes[index]
        #expect(error.description == text)
        // L15: it keeps its code, and nothing of these is retried by itself.
        #expect(error.effectError.code == error.code && !error.effectError.retryable)
    }

    @Test func everyCodeOfTheTableIsProved() {
        #expect(Set(HostTests.codes.map(\.0.code)) == Set(ControllerCode.allCases.map(\.rawValue)))
    }

    static let scopes: [(EffectScope, String, String, String?, String?)] = [
        (.turn(session: "s", turn: "t"), "turn", "t", "s", "t"), (.process("p"), "process", "p", nil, nil),
        (.queueDrain(session: "s", drain: "d"), "queue_drain", "d", "s", nil),
        (.sessionDelete(session: "s"), "session_delete", "s", "s", nil),
        (.runtimeOperation("o"), "runtime_operation", "o", nil, nil),
    ]

    @Test(arguments: 0..<HostTests.scopes.count) func aScopeIsItsIDsAndItsJSON(index: Int) throws {  // L1–L7
        let (scope, type, id, session, turn) = HostTests.scopes[index]
        #expect(scope.type == type && scope.id == id && scope.sessionID == session && scope.turnID == turn)
        #expect(scope.validatesTurnTraceID == (turn != nil))
        #expect(EffectScope(scope.value) == scope)
        #expect(try Trial.map(scope.value).find(.string("type"))?.stringValue == type)
        #expect(try ScopedController(InlineController(), scope).scopeID == id)
    }

    @Test(arguments: [
        EffectScope.turn(session: " ", turn: "t"), .turn(session: "s", turn: ""), .process("\t\n"),
        .queueDrain(session: "", drain: "d"),
        .queueDrain(session: "s", drain: " "), .sessionDelete(session: "\u{a0}"), .runtimeOperation(""),
    ])
    func aBlankIDIsRefusedWhenAControllerIsMade(scope: EffectScope) {  // L8
        #expect(throws: ControllerError.missingScopeID) { try InlineHost().scoped(scope) }
        #expect(throws: ControllerError.missingScopeID) { try InlineHost().scopedStatic(scope) }
    }

    @Test func anInlineHostIsNotDurableAndADurableOneNeedsAStore() throws {  // L9–L13
        let host = InlineHost()
        #expect(host.durability == .inline && !host.requiresDurableAttachmentStore)
        try host.check(storeTier: .inline)
        struct Durable: EffectHost {
            var durability: DurabilityTier { .local }
            func scoped(_ scope: EffectScope) throws(ControllerError) -> ScopedController {
                try ScopedController(InlineController(), scope)
            }
        }
        #expect(try Durable().scopedStatic(.process("p")) == nil)
        #expect(throws: ControllerError.self) { try Durable().check(storeTier: .inline) }
    }

    private func execute(_ kind: LocalExecutor.Kind, _ command: EffectCommand) -> String {
        let heard = DriverTests.Rig()
        let executor = LocalExecutor(kind)
        InlineController().execute(envelope(command), executor) { heard.hear(HostTests.text($0)) }
        return heard.all.joined(separator: " | ")
    }

    static func text(_ result: Result<EffectOutcome, ControllerError>) -> String {
        switch result {
        case .success(let outcome): "ok \(outcome.kind.rawValue)"
        case .failure(let error): error.code
        }
    }

    private func envelope(_ command: EffectCommand, key: String? = nil, ordinal: Int = 0) -> EffectEnvelope {
        EffectEnvelope(
            scope: .turn(session: "s", turn: "t"), identity: Identity(root: .run).child(.effect, ordinal: ordinal),
            command: command,
            idempotencyKey: key)
    }

    /// Records what it is given.
    struct Runner: LocalRunner {
        let name: String
        let commands: Set<CommandKind>
        func run(_ envelope: EffectEnvelope, _ answer: @escaping EffectAnswer) { answer(.success(.sleep)) }
    }

    static let every: [EffectCommand] = [
        .llmCall(request: .nil), .direct(request: .nil), .toolCall(name: "x", arguments: .nil), .process(.await("p")),
        .execCode("1"),
        .checkpoint(.nil), .syncExecutionSurface(updateMachine: true), .sleep(ms: 0), .awaitEvent(key: "k"),
    ]

    @Test func runnersTakeTheirCommandsAndNoOthers() {  // L17–L26
        let turn: Set<CommandKind> = [.llmCall, .toolCall, .execCode, .checkpoint, .syncExecutionSurface, .sleep]
        let direct: Set<CommandKind> = [.direct, .sleep]
        #expect(Set(HostTests.every.map(\.kind)) == Set(CommandKind.allCases))
        for command in HostTests.every where command.kind != .process {
            let asTurn = execute(.runner(Runner(name: "turn", commands: Runner.turnCommands)), command)
            #expect(asTurn == (turn.contains(command.kind) ? "ok sleep" : "runtime_effect_local_executor_mismatch"))
            let asDirect = execute(.runner(Runner(name: "direct", commands: Runner.directCommands)), command)
            #expect(asDirect == (direct.contains(command.kind) ? "ok sleep" : "runtime_effect_local_executor_mismatch"))
            #expect(execute(.unavailable, command) == "runtime_effect_local_executor_unavailable")
            #expect(execute(.process(Events()), command) == "runtime_effect_local_executor_mismatch")
        }
        #expect(execute(.unavailable, .process(.await("p"))) == "runtime_effect_local_executor_unavailable")
        #expect(execute(.process(Events()), .process(.await("p"))) == "ok process")
    }

    @Test func anExecutorIsUsedOnce() {
        let executor = LocalExecutor(.testing { _, answer in answer(.success(.sleep)) })
        let heard = DriverTests.Rig()
        for _ in 0..<2 { executor.execute(envelope(.sleep(ms: 1))) { heard.hear(HostTests.text($0)) } }
        #expect(heard.all == ["ok sleep", "runtime_effect_local_executor_unavailable"])
    }

    @Test func aSleepEndsByTheClockOrByCancellation() {
        let heard = DriverTests.Rig()
        for cancels in [false, true] {
            let (clock, token) = (VirtualClock(), CancelToken())
            LocalExecutor(.sleepOnly(clock, token)).execute(envelope(.sleep(ms: 10))) { heard.hear(HostTests.text($0)) }
            clock.advance(byMs: 9)
            if cancels { token.cancel(.requested) }
            clock.advance(byMs: 1)
        }
        #expect(heard.all == ["ok sleep", "runtime_effect_sleep_cancelled"])
        #expect(
            execute(.sleepOnly(VirtualClock(), CancelToken()), .execCode("x"))
                == "runtime_effect_local_executor_mismatch")
    }

    /// A registry that holds events of one process.
    final class Events: ProcessRegistry, @unchecked Sendable {
        // Sendable: used on one thread.
        var events: [ProcessEvent] = []
        var waiting: [(type: String, ordinal: Int, id: Int, done: Answer<ProcessEvent>)] = []
        var asked = 0
        var withdrawn = 0
        let durability = DurabilityTier.inline

        func execute(
            _ command: ProcessCommand, _ done: @escaping Answer<ProcessOutcome>
        ) -> @Sendable () -> Void {
            done(.success(.await(.done(output: .nil))))
            return { [self] in withdrawn += 1 }
        }

        func event(
            _ ordinal: Int, of process: String, type: String, _ done: @escaping Answer<ProcessEvent>
        ) -> @Sendable () -> Void {
            asked += 1
            let id = asked
            let found = events.filter { $0.type == type }
            if found.count >= ordinal {
                done(.success(found[ordinal - 1]))
            } else {
                waiting.append((type, ordinal, id, done))
            }
            return { [self] in waiting.removeAll { $0.id == id } }
        }

        func claim(_ runner: String, leaseMs: Int64, _ done: @escaping Answer<[ProcessWork]>) { done(.success([])) }
        func renew(_ lease: ProcessLease, leaseMs: Int64, _ done: @escaping Answer<Void>) {
            done(.failure(.processLeaseLost(lease)))
        }
        func finish(_ lease: ProcessLease, _ end: ProcessEnd, _ done: @escaping Answer<ProcessRecord>) {
            done(.failure(.processLeaseLost(lease)))
        }
        func onWork(_ body: @escaping @Sendable () -> Void) -> @Sendable () -> Void { {} }

        func append(_ type: String, _ payload: Int64) {
            let event = ProcessEvent(sequence: Int64(events.count + 1), type: type, payload: .int(payload))
            events.append(event)
            let ordinal = events.filter { $0.type == type }.count
            let due = waiting.filter { $0.type == type && $0.ordinal == ordinal }
            waiting.removeAll { $0.type == type && $0.ordinal == ordinal }
            for wait in due { wait.done(.success(event)) }
        }
    }

    @Test func theNthMatchingEventCountsPastOnesToo() {  // L27–L30
        let events = Events()
        events.append("a", 1)
        events.append("b", 2)
        let heard = DriverTests.Rig()
        let wait = LocalExecutor.EventWait(
            key: "k", registry: events, process: "p", type: "a", ordinal: 2, token: CancelToken())
        LocalExecutor(.awaitEvent(wait)).execute(envelope(.awaitEvent(key: "k"))) { result in
            if case .success(.awaitEvent(let payload)) = result { heard.hear(String(payload.intValue ?? 0)) }
        }
        events.append("b", 3)
        #expect(heard.all.isEmpty)
        events.append("a", 4)
        #expect(heard.all == ["4"])
    }

    @Test(arguments: [
        ("x", 0, false, "runtime_effect_await_event_key_mismatch"),
        ("k", 0, false, "runtime_effect_await_event_invalid_ordinal"),
        ("k", 1, true, "runtime_effect_await_event_cancelled"),
    ])
    // L27–L30: the key first
    func whatCanGoWrongWithAnEventWait(key: String, ordinal: Int, cancels: Bool, code: String) {
        let token = CancelToken()
        let heard = DriverTests.Rig()
        let wait = LocalExecutor.EventWait(
            key: "k", registry: Events(), process: "p", type: "a", ordinal: ordinal, token: token)
        LocalExecutor(.awaitEvent(wait)).execute(envelope(.awaitEvent(key: key))) { heard.hear(HostTests.text($0)) }
        if cancels { token.cancel(.requested) }
        #expect(heard.all == [code])
    }

    @Test func aCancelledWaitTakesItsQuestionBack() {  // L30
        let (events, heard, token) = (Events(), DriverTests.Rig(), CancelToken())
        events.append("a", 1)
        let wait = LocalExecutor.EventWait(
            key: "k", registry: events, process: "p", type: "a", ordinal: 2, token: token)
        LocalExecutor(.awaitEvent(wait)).execute(envelope(.awaitEvent(key: "k"))) { heard.hear(HostTests.text($0)) }
        #expect(events.waiting.count == 1)
        token.cancel(.requested)
        #expect(events.waiting.isEmpty && heard.all == ["runtime_effect_await_event_cancelled"])
        events.append("a", 2)
        #expect(heard.all.count == 1)
    }

    @Test func aProcessCommandIsWithdrawnByItsToken() {  // L38
        let (events, token) = (Events(), CancelToken())
        InlineController().execute(envelope(.process(.await("p"))), LocalExecutor(.process(events, token))) { _ in }
        #expect(events.withdrawn == 0)
        token.cancel(.requested)
        #expect(events.withdrawn == 1)
    }

    @Test func anOutcomeOfAnotherKindIsRefused() throws {  // L16
        #expect(throws: ControllerError.wrongOutcome(expected: .llmCall, got: .sleep)) {
            try EffectOutcome.sleep.expect(.llmCall)
        }
        _ = try EffectOutcome.sleep.expect(.sleep)
    }

    @Test func aReplayKeyIsStableIdentity() {  // L42
        #expect(envelope(.sleep(ms: 1)).replayKey == envelope(.sleep(ms: 2)).replayKey)
        #expect(envelope(.sleep(ms: 1)).replayKey != envelope(.sleep(ms: 1), ordinal: 1).replayKey)
        #expect(envelope(.sleep(ms: 1)).replayKey != envelope(.execCode("x")).replayKey)
        // An idempotency key stands for the ordinal.
        #expect(envelope(.sleep(ms: 1), key: "k").replayKey == envelope(.sleep(ms: 1), key: "k", ordinal: 5).replayKey)
    }
}
