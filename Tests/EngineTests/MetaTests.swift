import Testing
import Values

@testable import Engine

/// Meta, effects and configuration as data: J1–J11, J21, P1, P26.
@Suite struct MetaTests {
    let names = Names()

    private func complaint(_ pairs: [(KnownName, Value)]) -> KeyError? {
        do {
            _ = try EffectMeta.read(Trial.map(pairs))
            return nil
        } catch { return error }
    }

    @Test func noMetaIsSequentialWithPriorityZero() {  // J11
        let meta = EffectMeta.none
        #expect(meta.mode == .sequential && meta.priority == 0 && meta.order == 0 && meta.group == nil)
        #expect(meta.onDependencyFailure == .error && meta.dedupStrategy == .first && meta.retry == nil)
        #expect(meta.timeout == .usual && meta.cancels.isEmpty && meta.dependsOn.isEmpty && meta.tags.isEmpty)
    }

    @Test func everyKeyIsRead() throws {  // J1–J10
        let meta = try EffectMeta.read(
            Trial.map([
                (.group, vector(.string("phase"), number(1))), (.order, number(3)), (.mode, .kw(.parallel)),
                (.priority, number(100)), (.cancels, vector(.string("old"))),
                (.dependsOn, vector(number(1), number(1), number(2))),
                (.onDepFailure, .kw(.continue)), (.idempotencyKey, .string("k")), (.dedupStrategy, .kw(.merge)),
                (.tags, vector(.kw(.path))), (.description, .string("d")), (.timeoutMs, number(5)),
                (.retry, .map(Trial.map([(.max, number(1)), (.on, vector(names.keyword("rate-limited")))]))),
            ]))
        #expect(
            meta.group?.shown == "[\"phase\" 1]" && meta.order == 3 && meta.mode == .parallel && meta.priority == 100)
        #expect(meta.dependsOn.map(\.shown).sorted() == ["1", "2"])
        #expect(meta.onDependencyFailure == .proceed && meta.dedupStrategy == .merge && meta.timeout == .ms(5))
        #expect(meta.retry?.max == 1 && meta.retry?.on == ["rate_limited"] && meta.retry?.baseMs == 500)
    }

    static let wrong: [([(KnownName, Value)], String, String?)] = [
        ([(.priority, number(101))], ":priority must be a whole number from 0 to 100", nil),  // J4
        ([(.priority, number(-1))], ":priority must be a whole number from 0 to 100", nil),
        ([(.order, number(-1))], ":order must be a whole number of at least 0", nil),
        ([(.mode, .kw(.first))], ":mode must be :sequential or :parallel", nil),
        ([(.onDepFailure, .kw(.ok))], ":on-dep-failure must be :error, :skip or :continue", nil),
        ([(.dedupStrategy, .string("last"))], ":dedup-strategy must be :first, :last or :merge", nil),
        ([(.description, number(1))], ":description must be a string", nil),
        ([(.timeoutMs, .string("1s"))], ":timeout-ms must be a whole number of milliseconds", nil),
        ([(.retry, .map(Trial.map([(.max, number(-1))])))], ":max must be a whole number from 0 to 1000", nil),
        (
            [(.retry, .map(Trial.map([(.backoff, .map(Trial.map([(.factor, .double(0.5))])))])))],
            ":factor must be a number of at least 1", nil
        ),
        ([(.retry, .map(Trial.map([(.on, vector(number(1)))])))], ":on must be a vector of keywords", nil),
        ([(.tag, .string("x"))], "meta has no key :tag", "did you mean :tags?"),
        ([(.arglists, .string("x"))], "meta has no key :arglists", "its keys are :group :order"),
    ]

    @Test(arguments: 0..<MetaTests.wrong.count) func mistakesAreExplained(index: Int) {
        let (pairs, message, hint) = MetaTests.wrong[index]
        let error = complaint(pairs)
        #expect(error?.message.hasPrefix(message) == true, "\(error?.message ?? "accepted")")
        if let hint { #expect(error?.hint?.hasPrefix(hint) == true) }
    }

    @Test func aMistakeInsideSaysWhere() {
        let error = complaint([(.retry, .map(Trial.map([(.backoff, .map(Trial.map([(.baseMs, number(-1))])))])))])
        #expect(error?.path.map { ValueKey.shown($0) } == [":retry", ":backoff", ":base-ms"])
    }

    @Test func anEffectIsDataBothWays() throws {
        var fields = Trial.map([(.path, .string("a")), (.meta, .map(Trial.map([(.priority, number(7))])))])
        try HashMap.set(&fields, .kw(.effectSlashType), .kw(.fsRead))
        let parent = Identity(root: .run).child(.worker, name: "summarise", ordinal: 0).child(.invocation, ordinal: 12)
        let effect = try Effect(.map(fields), parent: parent, ordinal: 3)
        #expect(effect.identity.path == "run/worker:summarise#0/invocation:12/effect:3")
        // The id is made of the identity when there is none, and shown.
        #expect(effect.id.value.stringValue == effect.identity.path)
        #expect(try Trial.map(effect.value).find(.kw(.effectSlashID))?.stringValue == effect.identity.path)
        #expect(effect.meta.priority == 7 && effect[.path]?.stringValue == "a")
        let params = effect.params
        #expect(params.count == 1)
        let again = try Effect(effect.value, parent: parent, ordinal: 9)
        #expect(again.id == effect.id && again.type == effect.type)
    }

    @Test func metaCanBeANameOrAVectorOfBoth() throws {
        var fields = Trial.map([(.effectSlashType, .kw(.fsRead))])
        let named = names.intern("model-call")
        let given = vector(.keyword(named), .map(Trial.map([(.priority, number(2))])))
        try HashMap.set(&fields, .kw(.meta), given)
        let run = Identity(root: .run)
        let effect = try Effect(.map(fields), parent: run, ordinal: 0) { name in
            name == named ? Trial.map([(.priority, number(1)), (.mode, .kw(.parallel))]) : nil
        }
        #expect(effect.meta.priority == 2 && effect.meta.mode == .parallel)
        #expect(throws: KeyError.self) { try Effect(.map(fields), parent: run, ordinal: 0) }
    }

    @Test(arguments: [
        (Value.int(1), "an effect must be a map with :effect/type"),
        (.map(Trial.map([])), "an effect needs an :effect/type"),
        (.map(Trial.map([(.effectSlashType, .string("fs/read"))])), "the :effect/type of an effect must be a keyword"),
        (.map(Trial.map([(.effectSlashType, .kw(.fsRead)), (.meta, .int(1))])), "meta must be a map"),
    ])
    func whatIsNoEffectIsExplained(value: Value, message: String) {
        do {
            _ = try Effect(value, parent: Identity(root: .run), ordinal: 0)
            Issue.record("accepted")
        } catch {
            #expect(error.message.hasPrefix(message))
        }
    }

    @Test func theDefaultsOfTheEngine() {  // P1
        let usual = EngineConfiguration()
        #expect(usual.maxInflight == 4 && usual.timeoutMs == 60_000 && usual.retainCompleted == 500)
    }

    @Test func configurationIsReadAndChecked() throws {
        let chat = names.keyword("llm/chat")
        var limits = HashMap()
        try HashMap.set(&limits, chat, number(2))
        var rates = HashMap()
        try HashMap.set(&rates, chat, .map(Trial.map([(.max, number(30)), (.perMs, number(60_000))])))
        let read = try EngineConfiguration(
            Trial.map([(.maxInflight, number(9)), (.limits, .map(limits)), (.rate, .map(rates)), (.timeoutMs, .nil)]))
        #expect(read.maxInflight == 9 && read.timeoutMs == nil)
        #expect(read.limits[names.intern("llm/chat")] == 2)
        #expect(read.rates[names.intern("llm/chat")] == .init(max: 30, perMs: 60_000))
        do {
            try HashMap.set(&limits, chat, number(0))
            _ = try EngineConfiguration(Trial.map([(.limits, .map(limits))]))
            Issue.record("accepted")
        } catch let error as KeyError {
            #expect(error.message.hasPrefix(":limits :llm/chat must be a whole number from 1"))
        }
    }

    @Test func tablesHaveNoKeyTwiceAndSayWhatEachIs() {
        for table in [EffectMeta.table, EffectMeta.retryTable, EffectMeta.backoffTable, EngineConfiguration.table] {
            #expect(Set(table.map(\.key)).count == table.count)
            #expect(table.allSatisfy { !$0.doc.isEmpty })
        }
        #expect(Set(EffectCode.allCases.map(\.rawValue)).count == EffectCode.allCases.count)
    }

    @Test(arguments: [
        ("a/b#c:d %", "run/worker:a%2Fb%23c%3Ad%20%25#0"), ("plain-name", "run/worker:plain-name#0"),
        ("日本", "run/worker:日本#0"),
    ])
    func pathsAreUnambiguous(name: String, path: String) {
        #expect(Identity(root: .run).child(.worker, name: name, ordinal: 0).path == path)
    }

    @Test func anIdentityKnowsWhatItStandsIn() {
        let run = Identity(root: .run)
        let worker = run.child(.worker, name: "w", ordinal: 1)
        let effect = worker.child(.effect, ordinal: 10)
        #expect(effect.isWithin(worker) && effect.isWithin(run) && effect.isWithin(effect))
        // A path that begins alike is not above it.
        #expect(!effect.isWithin(run.child(.worker, name: "w", ordinal: 10)))
        #expect(!worker.isWithin(effect))
    }
}
