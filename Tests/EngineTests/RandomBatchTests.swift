import Testing
import Values

@testable import Engine

/// Random batches on a virtual clock, judged by rules written from the requirements alone: the judge keeps its own
/// books of what was submitted and what started and ended when, and knows nothing of the machine's inside.
@Suite struct RandomBatchTests {
    @Test(arguments: 0..<200) func rulesHoldForRandomBatches(seed: Int) {  // P14–P24, J11, J16–J23, J25–J27
        var world = RandomWorld(seed: UInt64(seed))
        world.play()
    }
}

/// One effect in the judge's books.
private struct Booked {
    let effect: Effect
    let batch: Int
    let position: Int
    var startedAt: Int?
    var endedAt: Int?
    var status: EffectStatus?
}

private struct RandomWorld {
    let trial: Trial
    var random: SplitMix
    var books: [String: Booked] = [:]
    /// Ids of each batch in order, without those that were deduplicated.
    var batches: [[String]] = []
    /// Logical time: one tick per step.
    var tick = 0
    var accepted = 0
    var seenSignals = 0
    var seenStarts = 0
    /// How often each group of each batch was told to be complete, by its name and its members.
    var completions: [String: Int] = [:]
    let maxInflight: Int
    let typeLimit: Int
    let retain: Int
    let expected: Expected
    /// Batches of which every effect stands for itself, and the groups of every accepted batch.
    var pure: Set<Int> = []
    var groupsOf: [Int: Set<ValueKey>] = [:]

    /// Waits for effects that were asked for at some moment, and how often each was answered.
    let waits = Waits()

    final class Expected { var waiters: [String: Int] = [:] }
    final class Waits: @unchecked Sendable {
        // Sendable: used on one thread.
        var answers: [Int] = []
    }

    init(seed: UInt64) {
        random = SplitMix(seed: seed)
        let limits = (Int(random.next() % 5) + 1, Int(random.next() % 3) + 1, Int(random.next() % 20))
        (maxInflight, typeLimit, retain) = limits
        trial = Trial(maxInflight: limits.0, retain: limits.2) { $0.limits[$1.intern("test/few")] = limits.1 }
        trial.step(.define(trial.type("test/few"), EffectTraits()))
        expected = Expected()
    }

    mutating func pick(_ below: Int) -> Int { Int(random.next() % UInt64(below)) }
    mutating func chance(_ percent: Int) -> Bool { pick(100) < percent }

    mutating func play() {
        for _ in 0..<(2 + pick(5)) {
            submitBatch()
            for _ in 0..<pick(40) { happen() }
        }
        // Everything comes to an end by itself once the world does its part.
        var patience = 100_000
        while trial.machine.stats.queued + trial.machine.stats.running > 0, patience > 0 {
            happen()
            patience -= 1
        }
        #expect(patience > 0, "the engine hangs")
        judgeTheEnd()
    }

    mutating func submitBatch() {
        let batch = batches.count
        // One in four stands for itself; some are large.
        let count = chance(25) ? 1 : 1 + pick(chance(4) ? 500 : chance(20) ? 100 : 12)
        var effects: [Effect] = []
        for position in 0..<count {
            // Some ids come twice.
            let id = chance(4) && position > 0 ? "b\(batch).\(pick(position))" : "b\(batch).\(position)"
            effects.append(trial.effect(id, randomMeta(), type: ["test/work", "test/few", "test/wait"][pick(3)]))
        }
        let known = Dictionary(
            uniqueKeysWithValues: effects.map { ($0.id, trial.machine.view($0.id) != nil) }.uniqued())
        let result = trial.submit(effects)
        tick += 1
        guard case .success(let handles) = result else {
            batches.append([])
            return
        }
        accepted += effects.count
        var mine: [String] = []
        for (position, effect) in effects.enumerated() {
            let id = effect.id.value.stringValue!
            expected.waiters[id, default: 0] += 1
            guard known[effect.id] == false, books[id] == nil, stands(effect, handles[position]) else { continue }
            books[id] = Booked(effect: effect, batch: batch, position: position)
            mine.append(id)
        }
        batches.append(mine)
        if mine.count == effects.count { pure.insert(batch) }
        groupsOf[batch] = Set(effects.compactMap(\.meta.group))
        observe()
    }

    /// Whether the machine took this effect, rather than answering for it with another.
    func stands(_ effect: Effect, _ handle: EffectHandle) -> Bool {
        guard let view = trial.machine.view(handle) else {
            // It ended in the same step and is retained no more.
            return trial.signals[seenSignals...].contains { signal in
                switch signal {
                case .effectCompleted(let ended, _), .effectCancelled(let ended, _): ended.id == effect.id
                case .groupCompleted: false
                }
            }
        }
        return view.effect.id == effect.id
    }

    mutating func randomMeta() -> [(KnownName, Value)] {
        var meta: [(KnownName, Value)] = []
        // Dependencies point from later letters to earlier ones, so most batches have no cycle; a few have.
        let group = pick(5)
        if chance(75) { meta.append((.group, trial.group("g\(group)"))) }
        if chance(50) { meta.append((.mode, .kw(.parallel))) }
        if chance(25) { meta.append((.order, .int(Int64(pick(4))))) }
        if chance(30) { meta.append((.priority, .int(Int64(pick(101))))) }
        if group > 0, chance(15) {
            let below = (0..<(1 + pick(2))).map { _ in trial.group("g\(pick(group))") }
            meta.append((.dependsOn, .vector(chance(2) ? below + [trial.group("g4")] : below)))
        }
        if chance(40) { meta.append((.onDepFailure, .kw([KnownName.error, .skip, .continue][pick(3)]))) }
        if chance(4) { meta.append((.cancels, vector(trial.group("g\(pick(5))")))) }
        if chance(10) {
            meta.append((.idempotencyKey, .string("k\(pick(6))")))
            meta.append((.dedupStrategy, .kw([KnownName.first, .last, .merge][pick(3)])))
        }
        if chance(10) { meta.append((.tags, vector(trial.group("t\(pick(3))")))) }
        if chance(20) { meta.append((.timeoutMs, .int(Int64(1 + pick(30))))) }
        if chance(15) {
            let backoff = Trial.map([(.baseMs, .int(Int64(pick(20))))])
            meta.append((.retry, .map(Trial.map([(.max, .int(Int64(pick(3)))), (.backoff, .map(backoff))]))))
        }
        return meta
    }

    /// One thing happens in the world: an effect ends, time passes, something is cancelled.
    mutating func happen() {
        tick += 1
        switch pick(10) {
        case 0: trial.advance(Int64(pick(25)))
        case 1 where chance(15): cancelSomething()
        case 2 where chance(15):
            // Somebody asks how an effect ends that was submitted long ago, or never.
            let number = waits.answers.count
            waits.answers.append(0)
            trial.step(.waitForID(ValueKey(text: someID() ?? "nobody"), { [waits] _, _ in waits.answers[number] += 1 }))
        default:
            let running = trial.runningIDs
            guard !running.isEmpty else { return trial.advance(Int64(1 + pick(50))) }
            let id = running[pick(running.count)]
            if chance(70) { trial.end(id) } else { trial.fail(id, retryable: chance(50)) }
        }
        observe()
    }

    mutating func someID() -> String? {
        let batch = batches.isEmpty ? [] : batches[pick(batches.count)]
        return batch.isEmpty ? nil : batch[pick(batch.count)]
    }

    mutating func cancelSomething() {
        switch pick(20) {
        case 0: trial.step(.cancel(.all, .stopped, by: nil))
        case 1..<4:
            trial.step(.cancel(.group(ValueKey(keyword: trial.names.intern("g\(pick(5))"))), .requested, by: nil))
        case 4..<7: trial.step(.cancel(.tag(ValueKey(keyword: trial.names.intern("t\(pick(3))"))), .requested, by: nil))
        default:
            guard let id = someID() else { return }
            trial.step(.cancel(.id(ValueKey(text: id)), .requested, by: nil))
        }
    }

    /// Books what the last step did, and judges it.
    mutating func observe() {
        for order in trial.starts[seenStarts...] { judgeStart(order) }
        seenStarts = trial.starts.count
        for signal in trial.signals[seenSignals...] {
            switch signal {
            case .effectCompleted(let effect, let end), .effectCancelled(let effect, let end):
                let id = effect.id.value.stringValue!
                guard books[id] != nil else { continue }
                // P14: it ends once.
                #expect(books[id]?.status == nil, "\(id) ended twice")
                books[id]?.status = end.status
                books[id]?.endedAt = tick
            case .groupCompleted(let key, let members):
                completions[completion(key, members.map { $0.id.stringValue! }), default: 0] += 1
            }
        }
        seenSignals = trial.signals.count
        judgeLimits()
        let stats = trial.machine.stats
        let ended = stats.done + stats.failed + stats.cancelled + stats.skipped
        #expect(stats.submitted == accepted)
        #expect(stats.submitted == stats.deduped + ended + stats.queued + stats.running)
    }

    func completion(_ group: ValueKey, _ members: [String]) -> String {
        "\(group.shown): \(members.sorted().joined(separator: " "))"
    }

    /// P19.
    func judgeLimits() {
        let slots = trial.running.filter { $0.effect.type != trial.type("test/wait") }.count
        let few = trial.running.filter { $0.effect.type == trial.type("test/few") }.count
        #expect(slots <= maxInflight && few <= typeLimit)
        #expect(trial.running.count == trial.machine.stats.running)
    }

    /// Nothing before its dependencies, its turn or its barriers (J18–J20, J22).
    mutating func judgeStart(_ order: StartOrder) {
        let id = order.effect.id.value.stringValue!
        guard let own = books[id] else { return }
        if order.attempt == 1 { #expect(own.startedAt == nil, "\(id) started twice") }
        books[id]?.startedAt = own.startedAt ?? tick
        guard own.startedAt == nil else { return }
        judgePriority(id, own)
        // J11: those without a group have one of their own, but for what they depend on.
        let group = order.effect.meta.group
        let batch = batches.indices.contains(own.batch) ? batches[own.batch] : []
        let members = batch.compactMap { books[$0] }.filter { $0.effect.meta.group == group }
            .sorted { ($0.effect.meta.order, $0.position) < ($1.effect.meta.order, $1.position) }
        guard let place = members.firstIndex(where: { $0.effect.id == order.effect.id }) else { return }
        judgeTurn(id, members, place)
        let depends = Set(group == nil ? own.effect.meta.dependsOn : members.flatMap { $0.effect.meta.dependsOn })
        judgeEarlierBatches(id, own, depends)
        for other in batch.compactMap({ books[$0] }) {
            guard let key = other.effect.meta.group, depends.contains(key) else { continue }
            #expect(hasEnded(other, before: id), "\(id) started before its dependency \(other.effect.id.shown) ended")
            if endStatus(other) != .done, let status = endStatus(other) {
                #expect(
                    order.effect.meta.onDependencyFailure == .proceed,
                    "\(id) started although \(other.effect.id.shown) \(status)")
            }
        }
    }

    /// P18: of those that only a limit holds back, the most urgent starts first, then the earliest. Judged by what was submitted
    /// alone, waits for nothing, and has the same limits.
    func judgePriority(_ id: String, _ own: Booked) {
        for (batch, ids) in batches.enumerated() where ids.count == 1 && pure.contains(batch) && batch != own.batch {
            guard let other = books[ids[0]], other.effect.type == own.effect.type, other.effect.meta.dependsOn.isEmpty,
                other.effect.meta.idempotencyKey == nil,
                trial.startPlace[ids[0]].map({ $0 > trial.startPlace[id]! }) ?? true,
                trial.endPlace[ids[0]].map({ $0 > trial.startPlace[id]! }) ?? true
            else { continue }
            #expect(
                (-other.effect.meta.priority, other.batch) > (-own.effect.meta.priority, own.batch),
                "\(id) started before \(ids[0])")
        }
    }

    /// A dependency that the batch lacks is the latest earlier batch's (J19). Batches with deduplicated effects are
    /// left out: whether they have a group depends on who answered for whom.
    func judgeEarlierBatches(_ id: String, _ own: Booked, _ depends: Set<ValueKey>) {
        guard pure.contains(own.batch) else { return }
        let here = Set(batches[own.batch].compactMap { books[$0]?.effect.meta.group })
        for key in depends where !here.contains(key) {
            let earlier = (0..<own.batch).reversed()
            guard let batch = earlier.first(where: { groupsOf[$0]?.contains(key) ?? false }), pure.contains(batch)
            else { continue }
            for other in batches[batch].compactMap({ books[$0] }) where other.effect.meta.group == key {
                #expect(
                    hasEnded(other, before: id),
                    "\(id) started before \(other.effect.id.shown) of an earlier batch ended")
            }
        }
    }

    func judgeTurn(_ id: String, _ members: [Booked], _ place: Int) {
        let mode = members[place].effect.meta.mode
        // Going back over parallel neighbours, everything before a sequential one must have ended.
        var crossed = mode == .sequential
        for other in members[..<place].reversed() {
            if other.effect.meta.mode == .sequential { crossed = true }
            if crossed {
                #expect(
                    hasEnded(other, before: id), "\(id) started before \(other.effect.id.shown) ended, across a barrier"
                )
            }
            if !crossed, other.effect.meta.order < members[place].effect.meta.order {
                let name = other.effect.id.value.stringValue!
                let began = trial.startPlace[name].map { $0 < trial.startPlace[id]! } ?? false
                #expect(began || hasEnded(other, before: id), "\(id) started before \(name) of lower order")
            }
        }
    }

    func hasEnded(_ other: Booked, before id: String) -> Bool {
        trial.endPlace[other.effect.id.value.stringValue!].map { $0 < trial.startPlace[id]! } ?? false
    }

    /// Looks into the signals of this very step too.
    func endStatus(_ other: Booked) -> EffectStatus? {
        if let status = other.status { return status }
        for signal in trial.signals[seenSignals...] {
            switch signal {
            case .effectCompleted(let effect, let end), .effectCancelled(let effect, let end):
                if effect.id == other.effect.id { return end.status }
            case .groupCompleted: continue
            }
        }
        return nil
    }

    func judgeTheEnd() {
        for (id, booked) in books { #expect(booked.status != nil, "\(id) never ended") }
        // Every waiter was answered, once for each time the id was submitted.
        for (id, count) in expected.waiters { #expect(trial.answers.byID[id]?.count == count, "\(id)") }
        #expect(waits.answers.allSatisfy { $0 == 1 })
        // P20, P21: what is counted is what was told.
        let stats = trial.machine.stats
        var told: [EffectStatus: Int] = [:]
        for case .effectCompleted(_, let end) in trial.signals { told[end.status, default: 0] += 1 }
        for case .effectCancelled(_, let end) in trial.signals { told[end.status, default: 0] += 1 }
        let counted: [(EffectStatus, Int)] = [
            (.done, stats.done), (.failed, stats.failed), (.cancelled, stats.cancelled), (.skipped, stats.skipped),
        ]
        for (status, count) in counted { #expect(told[status, default: 0] == count, "\(status)") }
        #expect(stats.started == trial.startPlace.count && stats.queued == 0 && stats.running == 0)
        // J26: each group of each batch was told of once, with all of its members. A later batch may have a group of the same name
        // of which an effect of this one is all, because that answers for its members.
        for batch in pure {
            let members = Dictionary(grouping: batches[batch].filter { books[$0]?.effect.meta.group != nil }) {
                books[$0]!.effect.meta.group!
            }
            for (group, ids) in members {
                let others = groupsOf.filter { $0.key > batch && !pure.contains($0.key) && $0.value.contains(group) }
                    .count
                let told = completions[completion(group, ids), default: 0]
                #expect(told >= 1 && told <= 1 + others, "\(group.shown) of \(batch): \(told)")
            }
        }
        // P24: nothing is retained beyond the newest.
        #expect(trial.machine.views().count <= retain)
        #expect(trial.machine.entries.indices.filter { trial.machine.entries[$0].state != .free }.count <= retain)
        #expect(trial.machine.byKey.count <= retain && trial.machine.lonely.isEmpty && trial.machine.liveByTag.isEmpty)
        #expect(trial.machine.slotsInUse == 0 && trial.machine.deadlines.isEmpty && trial.machine.liveByGroup.isEmpty)
        #expect(trial.machine.scopeByIdentity.isEmpty)
    }
}

extension Array {
    /// The first entry of each key.
    fileprivate func uniqued<Key: Hashable, Item>() -> [Element] where Element == (Key, Item) {
        var seen: Set<Key> = []
        return filter { seen.insert($0.0).inserted }
    }
}
