import Reader
import Testing
import Values

@testable import Command
@testable import Engine

@Suite struct ProgressTests {
    private let names = Names()
    private let stream = EventStream(wallMs: { 1_700_000_000_000 })

    private func effect(_ type: String, _ ordinal: Int) -> Effect {
        let name = names.intern(type)
        let fields = try? HashMap.of([(Value.kw(.effectSlashType), Value.keyword(name))])
        return Effect(
            type: name, fields: fields ?? .empty, parent: Identity(root: .run), ordinal: ordinal)
    }

    private func begin(_ effect: Effect) {
        stream.emit(.effectSubmitted, effect.identity, .effect(effect))
        stream.emit(.effectStarted, effect.identity, .started(effect, attempt: 1))
    }

    private func end(_ effect: Effect, _ status: EffectStatus) {
        stream.emit(
            .effectEnded, effect.identity, .ended(effect, EffectEnd(status: status, outcome: .ok(.nil), durationMs: 5)))
    }

    private func model(after events: () -> Void) -> ProgressModel {
        var model = ProgressModel(startMs: 1000)
        events()
        for event in stream.recent().events { model.take(event) }
        return model
    }

    /// The events that `body` causes.
    private func events(_ body: () -> Void) -> [Event] {
        let before = stream.latest
        body()
        return stream.recent(after: before).events
    }

    @Test func countsWhatRunsAndWhatEnded() {
        let model = model {
            let effects = (0..<5).map { effect($0 < 3 ? "llm/chat" : "fs/read", $0) }
            effects.forEach(begin)
            end(effects[0], .done)
            end(effects[4], .failed)
        }
        #expect(model.line(13_900) == "12 s · llm/chat 2, fs/read · 1 done · 1 failed")
    }

    /// What ended unseen does not stay on the line for the rest of the run.
    @Test func whoseEndWasNotSeenRunsNoMore() {
        let effects = (0..<3).map { effect("llm/chat", $0) }
        var model = model { effects.forEach(begin) }
        model.lose(0)
        #expect(model.line(1000) == "0 s · llm/chat 3 · 0 done")
        model.lose(70)
        let later = events {
            begin(effect("fs/read", 3))
            end(effects[2], .done)
        }
        for event in later { model.take(event) }
        #expect(model.line(1000) == "0 s · fs/read · 1 done · 70 events not seen")
    }

    @Test func whatNeverStartedEndsWithoutHavingRun() {
        let model = model {
            let one = effect("llm/chat", 0)
            stream.emit(.effectSubmitted, one.identity, .effect(one))
            end(one, .cancelled)
        }
        #expect(!model.isBusy)
        #expect(model.line(1000) == "0 s · 0 done · 1 cancelled or skipped")
    }

    @Test func aRetryRunsNothingMeanwhile() {
        let one = effect("llm/chat", 0)
        let waiting = model {
            begin(one)
            let error = EffectError(.timeout, "slow")
            stream.emit(.effectRetrying, one.identity, .retrying(one, attempt: 2, delayMs: 500, error))
        }
        #expect(!waiting.isBusy)
        let again = model { stream.emit(.effectStarted, one.identity, .started(one, attempt: 2)) }
        #expect(again.line(1000) == "0 s · llm/chat · 0 done")
    }

    /// Looks at the model ten times a second, as the display does.
    private func isLong(_ model: inout ProgressModel, from: Int64, to: Int64) -> Bool {
        for now in stride(from: from, through: to, by: 100) { model.look(now) }
        return model.isLong
    }

    @Test func shortWorkSaysNothing() {
        var model = model { begin(effect("fs/read", 0)) }
        #expect(!isLong(&model, from: 1000, to: 1900))
        #expect(isLong(&model, from: 2000, to: 2000))
        var idle = ProgressModel(startMs: 0)
        #expect(!isLong(&idle, from: 0, to: 5000))
    }

    /// Who waits for a line of input is not at work (P25).
    @Test func waitingForInputSaysNothing() {
        var model = model {
            end(effect("stdin/line", 0), .done)
            begin(effect("stdin/line", 1))
        }
        #expect(!isLong(&model, from: 1000, to: 9000))
        #expect(!model.isWorthTelling(9000))
        #expect(model.line(9000) == "8 s · 0 done")
    }

    /// A watcher that looks around once a second works for a moment each time.
    @Test func shortWorkAfterARestSaysNothing() {
        var model = ProgressModel(startMs: 0)
        for second in 0..<5 {
            for event in events({ begin(effect("fs/read", second)) }) { model.take(event) }
            #expect(!isLong(&model, from: Int64(second) * 1000, to: Int64(second) * 1000 + 200))
            for event in events({ end(effect("fs/read", second), .done) }) { model.take(event) }
            #expect(!isLong(&model, from: Int64(second) * 1000 + 300, to: Int64(second) * 1000 + 900))
        }
    }

    /// Steps that follow one another without a rest are one work.
    @Test func manyShortStepsAreOneWork() {
        var model = ProgressModel(startMs: 0)
        for step in 0..<20 {
            let now = Int64(step) * 100
            for event in events({ begin(effect("fs/read", step)) }) { model.take(event) }
            #expect(isLong(&model, from: now, to: now) == (now >= 1000))
            for event in events({ end(effect("fs/read", step), .done) }) { model.take(event) }
        }
    }

    @Test func theEndTellsOfWhatTookTime() {
        let one = effect("fs/read", 0)
        let model = model {
            begin(one)
            end(one, .done)
        }
        #expect(!model.isWorthTelling(1999))
        #expect(model.isWorthTelling(2000))
        #expect(!ProgressModel(startMs: 0).isWorthTelling(5000), "nothing was done")
    }

    @Test func namesTheThreeBusiestTypes() {
        let model = model {
            for (ordinal, type) in ["d/d", "c/c", "b/b", "a/a", "d/d"].enumerated() { begin(effect(type, ordinal)) }
        }
        #expect(model.line(1000) == "0 s · d/d 2, a/a, b/b … · 0 done")
    }

    @Test func withJSONEveryEventIsALine() throws {
        let screen = Screen()
        let display = ProgressDisplay(stream, screen.console(json: true))
        display.start()
        let one = effect("fs/read", 0)
        begin(one)
        end(one, .done)
        display.finish()
        let lines = screen.output.split(separator: "\n")
        #expect(lines.count == 3)
        #expect(lines[0].contains("\"effect/type\":\"fs/read\""))
        let types = try lines.map { line in
            let value = try JSON.read(Array(line.utf8))
            guard case .map(let map) = value else { return "no object" }
            return try map.find(.string("type"))?.stringValue ?? "no type"
        }
        #expect(types == ["effect.submitted", "effect.started", "effect.ended"])
    }
}
