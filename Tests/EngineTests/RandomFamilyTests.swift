import TestSupport
import Testing
import Values

@testable import Engine

/// Handlers that perform effects themselves, at random, through the driver on a virtual clock (P19): no limit is passed, nobody
/// waits for ever, and all that was asked is answered once, whatever is cancelled or runs out of time meanwhile.
@Suite struct RandomFamilyTests {
    @Test(arguments: 0..<100) func familiesOfEffectsEnd(seed: Int) throws {  // P19–P22, J25–J27
        let family = RandomFamily(seed: UInt64(seed))
        try family.play()
    }
}

/// A tree of effects that grows while it runs. All of it happens on the test's thread, in the order that the seed draws.
private final class RandomFamily: @unchecked Sendable {
    // Sendable: used on one thread; the driver's callbacks come on it too.
    private let clock = VirtualClock()
    private let names = Names()
    private let driver: EngineDriver
    private var random: SplitMix
    private let (maxInflight, few): (Int, Int)
    private var made = 0
    private let mostMade: Int

    /// Attempts that hold a slot, by type: parked ones do not.
    private var holding: [String: Int] = [:]
    private var begun: Set<String> = []
    private var answers: [String: Int] = [:]
    private var signals: [String: Int] = [:]
    private var submitted: [String] = []
    /// Attempts whose handler may answer now.
    private var open: [Open] = []
    /// Of attempts that were cancelled or ran out of time: their handlers may answer still, which is to mean nothing (P22).
    private var late: [EffectRequest] = []

    private final class Open: @unchecked Sendable {
        // Sendable: used on one thread.
        let id: String
        let type: String
        let request: EffectRequest
        var isParked = false
        var isOver = false

        init(_ id: String, _ type: String, _ request: EffectRequest) {
            (self.id, self.type, self.request) = (id, type, request)
        }
    }

    init(seed: UInt64) {
        random = SplitMix(seed: seed)
        (maxInflight, few) = (Int(random.next() % 4) + 1, Int(random.next() % 2) + 1)
        mostMade = 20 + Int(random.next() % 480)
        var configuration = EngineConfiguration()
        configuration.maxInflight = maxInflight
        configuration.limits[names.intern("t/few")] = few
        configuration.retainCompleted = Int(random.next() % 10)
        driver = EngineDriver(
            clock: clock, events: EventStream(wallMs: { 0 }), grants: Capabilities(workingDirectory: "/tmp"),
            configuration: configuration)
        for type in ["t/any", "t/few"] {
            driver.define(
                EffectType(
                    name: names.intern(type),
                    handler: ClosureHandler(isVirtual: true) { [unowned self] request in
                        begin(type, request)
                    }))
        }
        driver.onSignal { [unowned self] signal in
            switch signal {
            case .effectCompleted(let effect, _), .effectCancelled(let effect, _):
                signals[effect.id.value.stringValue!, default: 0] += 1
            case .groupCompleted: break
            }
        }
    }

    private func pick(_ below: Int) -> Int { Int(random.next() % UInt64(below)) }
    private func chance(_ percent: Int) -> Bool { pick(100) < percent }

    private func begin(_ type: String, _ request: EffectRequest) {
        let attempt = Open(request.effect.id.value.stringValue!, type, request)
        begun.insert(attempt.id)
        take(attempt)
        open.append(attempt)
        request.onCancel { [unowned self] _ in
            leave(attempt)
            late.append(request)
        }
    }

    private func take(_ attempt: Open) {
        holding[attempt.type, default: 0] += 1
        // P19: limits hold at every moment.
        #expect(holding.values.reduce(0, +) <= maxInflight && holding["t/few", default: 0] <= few)
    }

    private func leave(_ attempt: Open) {
        if attempt.isOver { return }
        attempt.isOver = true
        if !attempt.isParked { holding[attempt.type, default: 0] -= 1 }
    }

    /// A batch of effects submitted by an identity; `answered` is called when all of it is.
    private func submit(by parent: Identity, _ answered: @escaping @Sendable () -> Void) throws {
        let count = min(1 + pick(5), mostMade - made)
        guard count > 0 else { return answered() }
        let ids = (0..<count).map { "e\(made + $0)" }
        let effects = ids.enumerated().map { (index, id) in
            let type = names.intern(chance(50) ? "t/few" : "t/any")
            var meta: [(KnownName, Value)] = []
            if chance(60) { meta.append((.mode, .kw(.parallel))) }
            if chance(40) { meta.append((.group, names.keyword("g\(pick(3))"))) }
            if chance(20) { meta.append((.priority, number(Int64(pick(101))))) }
            if chance(15) { meta.append((.timeoutMs, number(Int64(1 + pick(60))))) }
            if chance(25) {
                let backoff = Trial.map([(.baseMs, number(Int64(pick(20))))])
                let on = vector(names.keyword("timeout"), names.keyword("broken"))
                meta.append((.retry, .map(Trial.map([(.max, number(2)), (.on, on), (.backoff, .map(backoff))]))))
            }
            return Effect(
                type: type, fields: Trial.map([(.effectSlashType, .keyword(type))]), meta: Trial.meta(meta),
                id: ValueKey(text: id), parent: parent, ordinal: made + index)
        }
        made += count
        submitted += ids
        let left = Left(count)
        try driver.submit(
            Submission(
                effects,
                waiter: { [unowned self] index, _ in
                    answers[ids[index], default: 0] += 1
                    if left.less() { answered() }
                }))
    }

    private final class Left: @unchecked Sendable {
        // Sendable: used on one thread.
        private var count: Int
        init(_ count: Int) { self.count = count }
        func less() -> Bool {
            count -= 1
            return count == 0
        }
    }

    /// One thing happens: a handler answers, performs effects, or something is cancelled; time passes.
    private func happen() throws {
        open.removeAll { $0.isOver }
        if !late.isEmpty, chance(20) { late.remove(at: pick(late.count)).succeed(.nil) }
        let able = open.filter { !$0.isParked }
        if able.isEmpty || chance(10) {
            clock.advance(byMs: Int64(1 + pick(30)))
            return
        }
        let attempt = able[pick(able.count)]
        switch pick(100) {
        case 0..<40 where made < mostMade:
            // Waits for a batch of its own, without its slot.
            attempt.isParked = true
            holding[attempt.type, default: 0] -= 1
            attempt.request.park()
            try submit(by: attempt.request.effect.identity) { [unowned self] in
                attempt.request.unpark { [unowned self] in
                    guard !attempt.isOver else { return }
                    attempt.isParked = false
                    take(attempt)
                }
            }
        case 40..<43: driver.cancel(.id(ValueKey(text: attempt.id)))
        case 43..<44: driver.cancel(.group(ValueKey(keyword: names.intern("g\(pick(3))"))))
        case 44..<45: driver.cancel(.scope(attempt.request.effect.identity), .parent)
        case 45..<60:
            leave(attempt)
            attempt.request.fail(EffectError(code: "broken", "it broke", retryable: chance(50)))
        default:
            leave(attempt)
            attempt.request.succeed(.nil)
            // Now and then a handler answers twice.
            if chance(5) { attempt.request.succeed(.int(2)) }
        }
    }

    func play() throws {
        let roots = 1 + pick(4)
        for root in 0..<roots { try submit(by: Identity(root: .run).child(.fiber, ordinal: root)) {} }
        var patience = 60_000
        while driver.stats.queued + driver.stats.running > 0, patience > 0 {
            try happen()
            patience -= 1
        }
        #expect(patience > 0, "somebody waits for ever")
        judgeTheEnd()
    }

    private func judgeTheEnd() {
        let stats = driver.stats
        #expect(submitted.count == stats.submitted && stats.deduped == 0)
        #expect(stats.submitted == stats.done + stats.failed + stats.cancelled + stats.skipped)
        // P20: each that began is counted once, however many attempts it took.
        #expect(stats.started == begun.count)
        for id in submitted { #expect(answers[id] == 1 && signals[id] == 1, "\(id)") }
        #expect(holding.values.allSatisfy { $0 == 0 })
        #expect(driver.views().count <= driver.configuration.retainCompleted)
        // Nothing is owed any more: no alarm stands.
        #expect(clock.nextCallMs == nil)
    }
}
