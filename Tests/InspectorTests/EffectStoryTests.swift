import Engine
import Testing
import Values

@testable import Inspector

/// Events in, sentences out: why an effect waited, was deduplicated, skipped, cancelled or failed, naming the others.
@Suite struct EffectStoryTests {
    @Test func oneThatWaitedForADependency() {  // J10
        var trace = HandTrace()
        trace.submit(0, "\"a\"", "{:group :fetch}")
        trace.submit(0, "\"b\"", "{:group :fetch :mode :parallel}")
        trace.submit(0, "\"c\"", "{:group :store :depends-on [:fetch]}")
        trace.start(0, "\"a\"")
        trace.start(0, "\"b\"")
        trace.event(
            0, .effectHeld, "run/\"c\"",
            "{:effect-id \"c\" :waits-for {:kind :groups :groups [{:group :fetch :count 2 :ids [\"a\" \"b\"]}]}}")
        trace.end(30, "\"b\"", "done", durationMs: 30)
        trace.end(1500, "\"a\"", "done", durationMs: 1500, ":group :fetch")
        trace.start(1500, "\"c\"")
        trace.end(1507, "\"c\"", "done", durationMs: 7)
        #expect(
            trace.sentences("c") == [
                "\"c\" (:run in the group :store) is done, after 7 ms and 1 attempt.",
                "It waited 1.5 s for the group :fetch (2 to go: \"a\", \"b\"); the last of them to end was \"a\", done after 1.5 s.",
            ])
    }

    @Test func oneThatWasSkippedAndOneThatFailedByAFailedDependency() {  // J22
        var trace = HandTrace()
        trace.submit(0, ":a", "{:group :fetch}")
        for (id, then) in [(":b", "skip"), (":c", "error")] {
            trace.submit(0, id, "{:group \(id)s :depends-on [:fetch] :on-dep-failure :\(then)}")
            trace.event(
                0, .effectHeld, "run/\(id)",
                "{:effect-id \(id) :waits-for {:kind :groups :groups [{:group :fetch :count 1 :ids [:a]}]}}")
        }
        trace.start(0, ":a")
        trace.end(20, ":a", "failed", durationMs: 20, ":group :fetch :error {:code \"http_status\" :message \"503\"}")
        trace.end(
            20, ":b", "skipped",
            ":error {:code \"skipped\" :message \"effect skipped: :a of the group :fetch failed (503)\" :data {:group :fetch :effect-id :a}}"
        )
        trace.end(
            20, ":c", "failed",
            ":error {:code \"dependency_failed\" :message \"dependency failed: :a of the group :fetch failed (503)\" :data {:group :fetch :effect-id :a}}"
        )
        #expect(
            trace.sentences(":b") == [
                ":b (:run in the group :bs) was skipped: :a of the group :fetch failed (503).",
                "It waited 20 ms for the group :fetch (1 to go: :a).",
                ":a (:run in the group :fetch) failed: 503.",
            ])
        #expect(
            trace.sentences(":c").first
                == ":c (:run in the group :cs) failed: dependency failed: :a of the group :fetch failed (503).")
    }

    @Test func oneThatWasDeduplicatedByKeyOrByID() {  // J21, P15
        var trace = HandTrace()
        trace.submit(0, "\"a\"", "{:idempotency-key [:charge 7] :dedup-strategy :merge}")
        trace.event(
            0, .effectDeduped, "run/2",
            "{:effect-id \"a\" :effect {:effect/id \"b\" :effect/type :run :meta {:idempotency-key [:charge 7] :dedup-strategy :merge}}}"
        )
        trace.event(
            5, .effectDeduped, "run/3", "{:effect-id \"a\" :effect {:effect/id \"a\" :effect/type :run}}")
        trace.start(0, "\"a\"")
        trace.end(9, "\"a\"", "done", durationMs: 9)
        #expect(
            trace.sentences("b") == [
                "\"b\" (:run) was deduplicated: \"a\" stands for it, which has the same idempotency key [:charge 7] (:dedup-strategy :merge).",
                "\"a\" (:run) is done, after 9 ms and 1 attempt.",
            ])
        // The one that was taken is meant, not the one that was not.
        #expect(
            trace.sentences("a") == [
                "\"a\" (:run) is done, after 9 ms and 1 attempt.",
                "It stands for \"b\" too, which was deduplicated.",
                "1 later effect with the same id was deduplicated: this one stands for it.",
            ])
        #expect(trace.histories.all.map(\.status) == ["done", "deduplicated", "deduplicated"])
    }

    @Test func oneThatALaterBatchCancelled() {  // J23, J27
        var trace = HandTrace()
        trace.submit(0, "[:search 1]", "{:group :search}")
        trace.start(0, "[:search 1]")
        trace.end(
            2300, "[:search 1]", "cancelled", durationMs: 2300,
            ":group :search :reason :superseded :cancelled-by [:search 2] :error {:code \"cancelled\" :message \"effect cancelled: superseded by [:search 2]\"}"
        )
        trace.submit(2300, "[:search 2]", "{:group :next :cancels [:search]}")
        #expect(
            trace.sentences("[:search 1]") == [
                "[:search 1] (:run in the group :search) was cancelled: superseded by [:search 2].",
                "It had been running for 2.3 s.",
                "[:search 2] (:run in the group :next) names the group :search in its :cancels.",
            ])
    }

    @Test func oneThatWasCancelledWhileItWaited() {
        var trace = HandTrace()
        trace.submit(0, "1")
        trace.event(
            0, .effectHeld, "run/1",
            "{:effect-id 1 :waits-for {:kind :turn :group :g :count 3 :ids [\"x\" \"y\"]}}")
        trace.end(
            40, "1", "cancelled",
            ":reason :requested :error {:code \"cancelled\" :message \"effect cancelled: requested\"}")
        #expect(
            trace.sentences("1") == [
                "1 (:run) was cancelled: requested.",
                "It waited 40 ms for its turn in the group :g, behind \"x\", \"y\" and 1 more.",
                "It had not started.",
            ])
    }

    @Test func oneThatFailedAfterRetries() {
        var trace = HandTrace()
        trace.submit(0, "\"a\"")
        for attempt in 1...5 {
            trace.start(Int64(attempt) * 100, "\"a\"", attempt: attempt)
            guard attempt < 5 else { break }
            trace.event(
                Int64(attempt) * 100 + 10, .effectRetrying, "run/\"a\"",
                "{:effect-id \"a\" :attempt \(attempt + 1) :retry-after-ms 90 :error {:code \"timeout\" :message \"effect timeout after 10ms\"}}"
            )
        }
        let attempts = (1...3).map {
            "Attempt \($0) failed after 10 ms: effect timeout after 10ms (timeout); the next was put off by 90 ms."
        }
        #expect(trace.sentences("a").first == "When the trace ends, \"a\" (:run) is running: attempt 5, since 0 ms.")
        trace.end(
            510, "\"a\"", "failed", durationMs: 410, ":error {:code \"timeout\" :message \"effect timeout after 10ms\"}"
        )
        #expect(
            trace.sentences("a")
                == ["\"a\" (:run) failed after 5 attempts: effect timeout after 10ms."] + attempts
                + ["So did 1 more."])
    }

    @Test func oneThatALimitHeld() {  // P19
        var trace = HandTrace()
        for (index, id) in ["\"a\"", "\"b\""].enumerated() {
            trace.submit(Int64(index), id)
            trace.start(Int64(index), id)
        }
        trace.submit(5, "\"c\"")
        let waits = "{:effect-id \"c\" :waits-for {:kind :limit :type :run :running 2 :max 2}}"
        trace.event(5, .effectQueued, "run/\"c\"", waits)
        #expect(
            trace.sentences("c") == [
                "When the trace ends, \"c\" (:run) waits for a free slot: 2 of :run run, and its limit is 2, since 0 ms."
            ])
        trace.end(125, "\"b\"", "done", durationMs: 124)
        trace.start(125, "\"c\"")
        trace.end(126, "\"c\"", "done", durationMs: 1)
        #expect(
            trace.sentences("c") == [
                "\"c\" (:run) is done, after 1 ms and 1 attempt.",
                "It waited 120 ms for a free slot: 2 of :run ran (\"a\", \"b\"), and its limit was 2.",
            ])
    }

    /// Some may wait without holding a slot, so their names would be wrong.
    @Test func whoHeldTheSlotsIsNotSaidWhenTheCountsDiffer() {
        var trace = HandTrace()
        trace.submit(0, "1")
        trace.start(0, "1")
        trace.submit(0, "2")
        trace.event(0, .effectQueued, "run/2", "{:effect-id 2 :waits-for {:kind :max-inflight :running 4 :max 4}}")
        trace.start(7, "2")
        #expect(trace.sentences("2").last == "It waited 7 ms for a free slot: 4 effects ran, and :max-inflight was 4.")
    }

    @Test func oneWhoseIDWasUsedBefore() {
        var trace = HandTrace()
        trace.submit(0, "7", at: "run/1")
        trace.start(0, "7", at: "run/1")
        trace.end(3, "7", at: "run/1", "failed", durationMs: 3, ":error {:code \"io\" :message \"no\"}")
        trace.submit(10, "7", at: "run/2")
        trace.start(10, "7", at: "run/2")
        trace.end(11, "7", at: "run/2", "done", durationMs: 1)
        #expect(
            trace.sentences("7") == [
                "7 (:run) is done, after 1 ms and 1 attempt.", "Its id was used 2 times; this is the latest.",
            ])
    }

    @Test func oneThatEndedWithItsParent() {
        var trace = HandTrace()
        trace.submit(0, "\"p\"", at: "run/effect:0")
        trace.start(0, "\"p\"", at: "run/effect:0")
        trace.submit(1, "\"c\"", at: "run/effect:0/effect:0")
        trace.start(1, "\"c\"", at: "run/effect:0/effect:0")
        trace.end(
            50, "\"p\"", at: "run/effect:0", "failed", durationMs: 50,
            ":error {:code \"timeout\" :message \"effect timeout after 50ms\"}")
        trace.end(
            50, "\"c\"", at: "run/effect:0/effect:0", "cancelled", durationMs: 49, ":reason :parent :cancelled-by \"p\""
        )
        #expect(
            trace.sentences("c") == [
                "\"c\" (:run) was cancelled: what it belonged to ended by \"p\".", "It had been running for 49 ms.",
                "\"p\" (:run) failed: effect timeout after 50ms.",
            ])
    }

    /// When a trace begins late or events are missing, what is there is still told.
    @Test func anEffectWhoseBeginningIsMissing() {
        var trace = HandTrace()
        trace.start(0, "3")
        trace.end(2, "3", "done", durationMs: 2, ":group :g :effect {:effect/id 3 :effect/type :run}")
        #expect(trace.sentences("3") == ["3 (:run in the group :g) is done, after 2 ms and 1 attempt."])
    }

    @Test func theNearestIDIsSuggested() {
        var trace = HandTrace()
        trace.submit(0, "\"pages\"")
        trace.submit(0, ":store")
        #expect(trace.histories.hint(forID: "pagse") == "did you mean `pages`?")
        #expect(trace.histories.hint(forID: ":stor") == "did you mean `:store`?")
        #expect(trace.histories.hint(forID: "nothing like it") == nil)
    }
}
