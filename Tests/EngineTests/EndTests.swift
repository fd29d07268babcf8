import Testing
import Values

@testable import Engine

/// Limits, timeouts, retries, cancellation, signals, retention: P14–P24, J23–J27, J33.
@Suite struct EndTests {
    @Test func neverMoreThanMaxInflightRun() {  // P19
        let trial = Trial(maxInflight: 2)
        for id in ["a", "b", "c", "d"] { trial.submit([trial.effect(id)]) }
        #expect(trial.runningIDs == ["a", "b"])
        #expect(trial.machine.stats.running == 2 && trial.machine.stats.queued == 2)
    }

    @Test func aTypeHasALimitOfItsOwnAndDoesNotHoldUpOthers() {  // P19
        let trial = Trial { $0.limits[$1.intern("llm/chat")] = 1 }
        trial.step(.define(trial.type("llm/chat"), EffectTraits()))
        for id in ["c1", "c2"] { trial.submit([trial.effect(id, [(.priority, number(9))], type: "llm/chat")]) }
        trial.submit([trial.effect("w")])
        #expect(trial.runningIDs == ["c1", "w"])
        trial.end("c1")
        #expect(trial.runningIDs == ["w", "c2"])
    }

    @Test func aRateSpreadsStarts() {  // :rate {:max 2 :per-ms 1000}
        let trial = Trial(maxInflight: 10) { $0.rates[$1.intern("test/work")] = .init(max: 2, perMs: 1000) }
        for id in ["a", "b", "c", "d", "e"] { trial.submit([trial.effect(id)]) }
        #expect(trial.runningIDs == ["a", "b"])
        trial.advance(999)
        #expect(trial.runningIDs == ["a", "b"])
        trial.advance(1)
        #expect(trial.runningIDs == ["a", "b", "c", "d"])
        trial.advance(1000)
        #expect(trial.starts.count == 5)
    }

    @Test func effectsThatOnlyWaitHoldNoSlotAndHaveNoTimeout() {  // P19
        let trial = Trial(maxInflight: 1)
        for id in ["w1", "w2", "a"] { trial.submit([trial.effect(id, type: id == "a" ? "test/work" : "test/wait")]) }
        #expect(trial.runningIDs == ["w1", "w2", "a"])
        trial.advance(3_600_000)
        #expect(trial.runningIDs == ["w1", "w2"])
    }

    @Test func aHandlerThatWaitsLendsItsSlot() {  // P19: handlers that perform effects cannot deadlock the limit
        let trial = Trial(maxInflight: 1)
        trial.submit([trial.effect("outer")])
        let outer = trial.running[0]
        trial.submit([trial.effect("inner", parent: outer.effect.identity), trial.effect("other")])
        #expect(trial.runningIDs == ["outer"])
        trial.step(.park(outer.handle, attempt: 1))
        #expect(trial.runningIDs == ["outer", "inner"])
        let answers = trial.answers
        trial.step(.unpark(outer.handle, attempt: 1) { answers.resumed.append("outer") })
        #expect(trial.answers.resumed.isEmpty)
        // The one that goes on comes before the one that is new.
        trial.end("inner")
        #expect(trial.answers.resumed == ["outer"] && trial.runningIDs == ["outer"])
        trial.end("outer")
        #expect(trial.runningIDs == ["other"])
    }

    /// Its fibers wait one by one: it has its slot back when none does, and what one wants a slot for is done without while another
    /// waits.
    @Test func severalFibersOfAHandlerLendItsSlotOnce() {  // P19
        let trial = Trial(maxInflight: 1)
        trial.submit([trial.effect("outer")])
        let outer = trial.running[0].handle
        trial.submit([trial.effect("other")])
        let answers = trial.answers
        func unpark(_ name: String) { trial.step(.unpark(outer, attempt: 1) { answers.resumed.append(name) }) }
        trial.step(.park(outer, attempt: 1))
        trial.step(.park(outer, attempt: 1))
        #expect(trial.runningIDs == ["outer", "other"] && trial.machine.slotsInUse == 1)
        unpark("first")
        #expect(trial.answers.resumed == ["first"] && trial.machine.slotsInUse == 1)
        unpark("second")
        #expect(trial.answers.resumed == ["first"])
        trial.step(.park(outer, attempt: 1))
        #expect(trial.answers.resumed == ["first", "second"] && trial.machine.slotsInUse == 1)
        unpark("third")
        trial.end("other")
        #expect(trial.answers.resumed == ["first", "second", "third"] && trial.machine.slotsInUse == 1)
        trial.end("outer")
        #expect(trial.machine.slotsInUse == 0)
    }

    @Test func whoWaitsForTheSlotOfItsTypeHoldsNoOtherTypeUp() {  // P19
        let trial = Trial(maxInflight: 10) { $0.limits[$1.intern("t/a")] = 1 }
        trial.step(.define(trial.type("t/a"), EffectTraits()))
        trial.submit([trial.effect("a1", type: "t/a")])
        let first = trial.running[0].handle
        trial.step(.park(first, attempt: 1))
        trial.submit([trial.effect("a2", type: "t/a")])
        trial.submit([trial.effect("b")])
        let second = trial.running.first { $0.effect.id.shown == "\"b\"" }!.handle
        trial.step(.park(second, attempt: 1))
        let answers = trial.answers
        // a2 has the slot that a1 wants.
        trial.step(.unpark(first, attempt: 1) { answers.resumed.append("a1") })
        trial.step(.unpark(second, attempt: 1) { answers.resumed.append("b") })
        #expect(trial.answers.resumed == ["b"])
        trial.end("a2")
        #expect(trial.answers.resumed == ["b", "a1"])
    }

    @Test func aParkedHandlerThatIsCancelledGoesOnAtOnce() {  // P19
        let trial = Trial(maxInflight: 1)
        trial.submit([trial.effect("outer")])
        let outer = trial.running[0]
        trial.step(.park(outer.handle, attempt: 1))
        trial.submit([trial.effect("busy")])
        let answers = trial.answers
        trial.step(.unpark(outer.handle, attempt: 1) { answers.resumed.append("outer") })
        trial.step(.cancel(.handle(outer.handle), .requested, by: nil))
        #expect(trial.answers.resumed == ["outer"] && trial.runningIDs == ["busy"])
        trial.end("busy")
        #expect(trial.machine.slotsInUse == 0)
    }

    @Test func aTimeoutFailsCancelsTheWorkAndIgnoresALateResult() {  // P22
        let trial = Trial()
        trial.submit([trial.effect("a", [(.timeoutMs, number(50))])])
        let order = trial.running[0]
        trial.advance(49)
        #expect(trial.status("a") == .running)
        trial.advance(1)
        #expect(trial.answer("a") == "timeout: effect timeout after 50ms")
        #expect(trial.cancelled.map(\.id) == ["a"])
        let before = trial.signals.count
        trial.step(.outcome(order.handle, attempt: 1, .ok(.int(1))))
        #expect(trial.signals.count == before && trial.status("a") == .failed)
    }

    @Test(arguments: [Value.nil, number(0), number(-5)])
    func noTimeoutMeansNone(value: Value) {  // P22
        let trial = Trial(timeoutMs: 10)
        trial.submit([trial.effect("a", [(.timeoutMs, value)])])
        trial.advance(1_000_000)
        #expect(trial.status("a") == .running)
    }

    @Test func theEnginesTimeoutHoldsWhereNothingElseIsSaid() {  // P1
        let trial = Trial()
        trial.submit([trial.effect("a")])
        trial.advance(59_999)
        #expect(trial.status("a") == .running)
        trial.advance(1)
        #expect(trial.answer("a") == "timeout: effect timeout after 60000ms")
    }

    @Test func anUnknownTypeFailsAndNamesTheNearest() {  // P23
        let trial = Trial()
        trial.submit([trial.effect("a", type: "test/wrok")])
        #expect(trial.answer("a") == "unknown_effect_type: unknown effect type: :test/wrok; did you mean :test/work?")
        #expect(trial.machine.stats.started == 1 && trial.machine.stats.failed == 1)
    }

    private func retry(_ backoff: [(KnownName, Value)], max: Int64 = 3, on: [Value]? = nil) -> [(KnownName, Value)] {
        let map: [(KnownName, Value)] = [(.max, number(max)), (.backoff, .map(Trial.map(backoff)))]
        return [(.retry, .map(Trial.map(map + (on.map { [(.on, .vector($0))] } ?? []))))]
    }

    @Test func aRetryableErrorIsTriedAgainWithGrowingWaits() {  // :retry
        let trial = Trial()
        let meta = retry([(.baseMs, number(100)), (.factor, number(2)), (.jitter, .false)], max: 2)
        trial.submit([trial.effect("a", meta)])
        trial.fail("a", retryable: true)
        #expect(trial.status("a") == .queued)
        trial.advance(99)
        #expect(trial.starts.count == 1)
        trial.advance(1)
        #expect(trial.starts.count == 2 && trial.starts[1].attempt == 2)
        trial.fail("a", retryable: true)
        trial.advance(199)
        #expect(trial.starts.count == 2)
        trial.advance(1)
        trial.fail("a", retryable: true)
        #expect(trial.answer("a") == "broken: it broke" && trial.starts.count == 3)
        // One effect, however many attempts (P20, P21).
        #expect(trial.machine.stats.started == 1 && trial.machine.stats.failed == 1 && trial.machine.stats.retried == 2)
    }

    @Test func retryAfterIsHonoured() {
        let trial = Trial()
        trial.submit([trial.effect("a", retry([(.baseMs, number(100)), (.jitter, .false)]))])
        trial.fail("a", retryable: true, retryAfterMs: 5000)
        trial.advance(4999)
        #expect(trial.starts.count == 1)
        trial.advance(1)
        #expect(trial.starts.count == 2)
    }

    @Test func jitterShortensAWaitByAtMostHalf() {
        let retry = EffectMeta.Retry(max: 9, baseMs: 1000, factor: 2, jitter: true, on: [])
        #expect(retry.delayMs(next: 2, fraction: 0) == 500)
        #expect(retry.delayMs(next: 3, fraction: 0.5) == 1500)
        #expect(retry.delayMs(next: 900, fraction: 0) == EffectMeta.Retry.longestBackoffMs / 2)
    }

    @Test func onlyTheNamedCodesAreTriedAgain() {  // :on
        let trial = Trial()
        let meta = retry([(.baseMs, number(0))], on: [trial.names.keyword("rate-limited"), .kw(.timeoutMs)])
        trial.submit([trial.effect("a", meta), trial.effect("b", meta)])
        trial.fail("a", code: "rate_limited")
        trial.advance(0)
        #expect(trial.runningIDs == ["a"])
        trial.fail("a", code: "invalid_json", retryable: true)
        #expect(trial.status("a") == .failed)
    }

    @Test func anErrorThatIsNotRetryableEndsIt() {
        let trial = Trial()
        trial.submit([trial.effect("a", retry([(.baseMs, number(0))]))])
        trial.fail("a")
        #expect(trial.status("a") == .failed)
    }

    @Test func anEffectThatWaitsForItsNextAttemptHoldsNoSlot() {  // P19
        let trial = Trial(maxInflight: 1)
        trial.submit([trial.effect("a", retry([(.baseMs, number(1000)), (.jitter, .false)]))])
        trial.submit([trial.effect("b")])
        trial.fail("a", retryable: true)
        #expect(trial.runningIDs == ["b"])
        trial.step(.cancel(.id(ValueKey(text: "a")), .requested, by: nil))
        #expect(trial.status("a") == .cancelled)
        trial.advance(5000)
        #expect(trial.starts.count == 2)
    }

    @Test func aLaterAttemptIsNotSaidToRunSinceTheFirst() {
        let trial = Trial()
        trial.submit([trial.effect("a", retry([(.baseMs, number(1000)), (.jitter, .false)]))])
        trial.advance(500)
        trial.fail("a", retryable: true)
        trial.advance(1000)
        #expect(
            trial.machine.why(ValueKey(text: "a")) == "\"a\" is running: attempt 2; the first began 1.5 s ago")
    }

    @Test func cancelsReachesWhatCameBeforeItsBatchQueuedOrRunning() {  // J23
        let trial = Trial(maxInflight: 1)
        let search = trial.group("search")
        trial.submit([trial.effect("running", [(.group, search)])])
        trial.submit([trial.effect("queued", [(.group, search)])])
        trial.submit([
            trial.effect("sibling", [(.group, search)]),
            trial.effect("new", [(.group, search), (.cancels, vector(search))]),
        ])
        #expect(trial.status("running") == .cancelled && trial.status("queued") == .cancelled)
        #expect(trial.cancelled.map(\.id) == ["running"])
        // Never itself, nor its own batch.
        #expect(trial.runningIDs == ["sibling"] && trial.status("new") == .queued)
        #expect(trial.answer("queued") == "cancelled: effect cancelled: superseded by \"new\"")
        guard case .effectCancelled(_, let end)? = trial.signals.first else {
            Issue.record("no signal")
            return
        }
        #expect(end.reason == .superseded && end.cancelledBy?.stringValue == "new")
    }

    @Test func aHandlerThatOthersEndedIsCancelledAndHasNotFailed() {  // J25
        let trial = Trial(maxInflight: 10)
        trial.submit([trial.effect("a", retry([(.baseMs, number(0))], on: [.kw(.cancelled)]))])
        let child = trial.effect("child", parent: trial.running[0].effect.identity)
        trial.submit([child])
        trial.end("a", .error(.of(.cancelled(.stopped), code: .handlerFailed)))
        #expect(trial.status("a") == .cancelled && trial.status("child") == .cancelled)
        #expect(trial.machine.stats.cancelled == 2 && trial.machine.stats.failed == 0)
        #expect(trial.machine.stats.retried == 0 && trial.runningIDs.isEmpty)
        guard case .effectCancelled(_, let end)? = trial.signals.first else {
            Issue.record("no signal")
            return
        }
        #expect(end.reason == .stopped)
    }

    @Test func effectsAreCancelledByTagAndByGroup() {  // J33
        let trial = Trial(maxInflight: 10)
        let tag = trial.group("slow")
        trial.submit([
            trial.effect("a", [(.tags, vector(tag)), (.mode, .kw(.parallel))]),
            trial.effect("b", [(.mode, .kw(.parallel))]),
        ])
        #expect(trial.machine.views(tag: try! ValueKey(tag)).map { $0.effect.id.shown } == ["\"a\""])
        trial.step(.cancel(.tag(try! ValueKey(tag)), .requested, by: nil))
        #expect(trial.runningIDs == ["b"])
    }

    @Test func whatEndsTakesAlongWhatItSubmitted() {  // structured cancellation
        let trial = Trial(maxInflight: 10)
        let worker = trial.run.child(.worker, name: "w", ordinal: 0)
        let call = worker.child(.invocation, ordinal: 3)
        trial.submit([trial.effect("outer", parent: call)])
        trial.submit([trial.effect("inner", parent: trial.running[0].effect.identity)])
        trial.submit([trial.effect("other", parent: trial.run.child(.worker, name: "v", ordinal: 0))])
        trial.step(.cancel(.scope(worker), .parent, by: nil))
        #expect(trial.runningIDs == ["other"])
        #expect(trial.machine.scopeByIdentity.count == 2)  // the run's and the other worker's
    }

    @Test func childrenOfATimedOutEffectAreCancelled() {  // P22
        let trial = Trial(maxInflight: 10)
        trial.submit([trial.effect("outer", [(.timeoutMs, number(10))])])
        trial.submit([trial.effect("inner", type: "test/wait", parent: trial.running[0].effect.identity)])
        trial.advance(10)
        #expect(trial.status("inner") == .cancelled)
        #expect(trial.answer("inner") == "cancelled: effect cancelled: what it belonged to ended by \"outer\"")
    }

    @Test func aGroupCompletesOnceWithAllItsResults() {  // J25, J26
        let trial = Trial()
        let group = (KnownName.group, trial.group("g"))
        let parallel = (KnownName.mode, Value.kw(.parallel))
        trial.submit(["a", "b", "c"].map { trial.effect($0, [group, parallel]) })
        trial.end("c")
        trial.fail("a")
        trial.step(.cancel(.id(ValueKey(text: "b")), .requested, by: nil))
        let completions = trial.signals.compactMap { signal -> [String]? in
            guard case .groupCompleted(_, let members) = signal else { return nil }
            return members.map { "\($0.id.stringValue!) \($0.end.status.rawValue)" }
        }
        #expect(completions == [["a failed", "b cancelled", "c done"]])
        let ends = trial.signals.filter { if case .groupCompleted = $0 { false } else { true } }
        #expect(ends.count == 3)
    }

    @Test func anEndedEffectTellsHowLongItTook() {  // J25
        let trial = Trial()
        trial.submit([trial.effect("a")])
        trial.advance(150)
        trial.end("a")
        #expect(trial.machine.view(ValueKey(text: "a"))?.end?.durationMs == 150)
    }

    @Test func theNewestStayAndWhatIsDependedOnStays() {  // P24
        let trial = Trial(maxInflight: 10, retain: 2)
        let g = trial.group("g")
        let parallel = (KnownName.mode, Value.kw(.parallel))
        trial.submit((1...4).map { trial.effect("g\($0)", [(.group, g), parallel]) })
        trial.submit([trial.effect("after", [(.dependsOn, vector(g))])])
        for id in ["g1", "g2", "g3"] { trial.end(id) }
        // "after" still depends on all of them.
        #expect(["g1", "g2", "g3"].allSatisfy { trial.status($0) == .done })
        trial.end("g4")
        #expect(trial.status("g1") == nil && trial.status("g2") == nil)
        #expect(trial.status("g3") == .done && trial.status("g4") == .done)
        trial.end("after")
        #expect(trial.status("g3") == nil)
    }

    @Test func nothingGrowsWithTime() {
        let trial = Trial(retain: 10)
        for round in 0..<2000 {
            let g = trial.group("g\(round % 7)")
            let unique = Value.vector([.string("only"), number(Int64(round))])
            trial.submit(
                [
                    trial.effect(
                        "a\(round)", [(.group, g), (.idempotencyKey, .string("k\(round)")), (.tags, vector(unique))]),
                    trial.effect(
                        "b\(round)", [(.group, .string("u\(round)")), (.dependsOn, vector(g))],
                        parent: trial.run.child(.invocation, ordinal: round)),
                ], declared: ["e\(round)"])
            trial.end("a\(round)")
            trial.end("b\(round)")
        }
        #expect(trial.machine.entries.count < 20 && trial.machine.byID.count <= 10 && trial.machine.byKey.count <= 10)
        #expect(trial.machine.groups.count < 50 && trial.machine.latestGroup.count < 40)
        #expect(trial.machine.liveByGroup.isEmpty && trial.machine.liveByTag.isEmpty && trial.machine.scopes.count < 10)
        #expect(trial.machine.lonely.isEmpty && trial.machine.deadlines.isEmpty)
    }

    /// Each performed by the one before: gone through once, not anew from every link. (Else this takes an hour.)
    @Test(.timeLimit(.minutes(1))) func aLongChainOfEffectsIsCancelledAtOnce() {  // N5, J25
        let trial = Trial()
        let count = 20_000
        var parent = trial.run
        // Past the trial, whose own books spell out where each effect stands.
        for number in 0..<count {
            let effect = trial.effect("e\(number)", type: "test/wait", parent: parent)
            _ = trial.machine.step(.submit(Submission([effect], waiter: { _, _ in })), at: 0)
            parent = effect.identity
        }
        var messages: [String] = []
        for action in trial.machine.step(.cancel(.id(ValueKey(text: "e0")), .requested, by: nil), at: 0).actions {
            if case .answer(_, _, let end) = action { messages.append(end.outcome.message) }
        }
        #expect(trial.machine.stats.cancelled == count && messages.count == count)
        #expect(messages.first == "effect cancelled: requested")
        // By the one that performed it, or, where identities are cut short, one further above.
        #expect(messages.dropFirst().allSatisfy { $0.hasPrefix("effect cancelled: what it belonged to ended by \"e") })
    }

    @Test func stopLetsFinishThenCancelsTheRest() {  // D23
        let trial = Trial(maxInflight: 1)
        trial.submit([trial.effect("a")])
        trial.submit([trial.effect("b")])
        trial.step(.stop(deadline: 100))
        trial.end("a")
        #expect(trial.runningIDs == ["b"] && !trial.isStopped)
        trial.advance(100)
        #expect(trial.answer("b") == "cancelled: effect cancelled: the system was stopped" && trial.isStopped)
        guard case .failure(let error) = trial.submit([trial.effect("c")]) else {
            Issue.record("accepted")
            return
        }
        #expect(error.code == "engine_stopped")
    }

    @Test func limitsCanChangeWhileEffectsRun() {
        let trial = Trial(maxInflight: 1)
        for id in ["a", "b", "c"] { trial.submit([trial.effect(id)]) }
        var wider = trial.machine.configuration
        wider.maxInflight = 10
        wider.limits[trial.type("test/work")] = 2
        trial.step(.configure(wider))
        #expect(trial.runningIDs == ["a", "b"])
        trial.end("a")
        #expect(trial.runningIDs == ["b", "c"])
    }

    @Test func whySaysWhatAnEffectWaitsFor() {
        let trial = Trial(maxInflight: 1)
        let g = trial.group("g")
        trial.submit([trial.effect("a", [(.group, g)]), trial.effect("b", [(.group, g)])])
        trial.submit([trial.effect("c", [(.dependsOn, vector(g))])])
        trial.submit([trial.effect("d")])
        let why = { (id: String) in trial.machine.why(ValueKey(text: id)) }
        #expect(why("a") == "\"a\" is running: attempt 1, since 0 ms")
        #expect(why("b") == "\"b\" waits for its turn in the group :g, behind \"a\"")
        #expect(why("c") == "\"c\" waits for the group :g (2 to go: \"a\", \"b\")")
        #expect(why("d") == "\"d\" waits for a free slot: 1 effect runs (\"a\"), and :max-inflight is 1")
        trial.fail("a")
        #expect(why("a") == "\"a\" failed: it broke")
        #expect(why("zzz").hasPrefix("no effect with the id \"zzz\" is known"))
    }

    /// Events say what an effect waits for as soon as it does, so that a reader of them needs no engine to ask.
    @Test func eventsTellWhatEffectsWaitFor() throws {
        let trial = Trial(maxInflight: 2)
        func told(_ input: Input) -> [String] {
            var texts: [String] = []
            for event in trial.machine.step(input, at: trial.now).events {
                guard case .waiting(let effect, let told, let further) = event.content else { continue }
                // As a reader of the trace has it.
                let read = EffectWait(told.wait.behind(further).value)
                texts.append("\(event.type.rawValue) \(effect.id.shown): \(read?.phrase() ?? "unreadable")")
            }
            return texts
        }
        func submit(_ effects: [Effect]) -> [String] { told(.submit(Submission(effects))) }
        let (g, h) = (trial.group("g"), trial.group("h"))
        #expect(
            submit([
                trial.effect("a", [(.group, g)]), trial.effect("b", [(.group, g)]), trial.effect("c", [(.group, g)]),
            ])
                == [
                    "effect.held \"b\": its turn in the group :g, behind \"a\"",
                    "effect.held \"c\": its turn in the group :g, behind \"a\" and 1 more",
                ])
        let dependent: [(KnownName, Value)] = [(.group, h), (.dependsOn, vector(g)), (.onDepFailure, .kw(.continue))]
        let waits = "the group :g (3 to go: \"a\", \"b\", \"c\")"
        #expect(
            submit([trial.effect("d", dependent), trial.effect("e", dependent)])
                == ["effect.held \"d\": \(waits)", "effect.held \"e\": \(waits)"])
        // Of a batch that comes at once only those that are still not started wait.
        let parallel: [(KnownName, Value)] = [(.mode, .kw(.parallel))]
        #expect(
            submit([trial.effect("f", parallel), trial.effect("h", parallel)])
                == ["effect.queued \"h\": a free slot: 2 effects run, and :max-inflight is 2"])
        // "d" was submitted before "h", so the slot that is free now is its.
        #expect(
            told(.cancel(.group(ValueKey(keyword: trial.names.intern("g"))), .requested, by: nil))
                == ["effect.held \"e\": its turn in the group :h, behind \"d\""])
    }

    /// A large group is not looked through for each that waits for it, and still somebody is named.
    @Test func ofALargeGroupSomebodyIsNamed() {
        let trial = Trial(maxInflight: 1)
        let parallel: [(KnownName, Value)] = [(.group, trial.group("g")), (.mode, .kw(.parallel))]
        trial.submit((0..<300).map { trial.effect("\($0)", parallel) })
        for id in 0..<290 { trial.end("\(id)") }
        trial.submit([trial.effect("after", [(.dependsOn, vector(trial.group("g")))])])
        #expect(
            trial.machine.why(ValueKey(text: "after"))
                == "\"after\" waits for the group :g (10 to go: \"290\", \"291\", \"292\" and 7 more)")
    }
}
