import Engine
import Machine
import Testing
import Values

@testable import Runtime

@Suite(.serialized) struct CancellationTests {
    /// Parked, queued and running fibers hear of it once, run their `finally` once, and end as cancelled.
    @Test(arguments: SchedulerKind.allCases)
    func reachesFibersInEveryState(_ kind: SchedulerKind) {
        let world = kind.world()
        let endings = Shared(0)
        let ends = Shared<[String]>([])
        let note: Native.Body = { (_, _) throws(Fault) in
            endings.update { $0 += 1 }
            return .nil
        }
        // All must have begun: one that has not never enters its `try`.
        let begun = Shared(0)
        let begin = Native("begin", 0) { (_, _) throws(Fault) in
            begun.update { $0 += 1 }
            return .nil
        }
        var spin = Assembly()
        spin.call(0, .native(begin), 0)
        spin.emit(Instruction(.jumpBack, 0, wide: -1))
        let spinning = guardedFunction(spin.function(registers: 2), note)
        let never = Channel(.fixed(0))
        func parked() -> Value {
            Actor { step, _ in step == 0 ? Do.call(begin) : Do.take(never) }.function(finally: note)
        }
        let scope = Scope(parent: world.runtime.root)
        let tell = JobCompletion.call { result in
            if case .failure(.cancelled(let reason)) = result { ends.update { $0.append(reason.rawValue) } }
        }
        for body in [spinning, parked(), spinning, parked()] {
            world.runtime.spawn(body, scope: scope, completion: tell)
        }
        let waiting = Actor { _, _ in begun.value < 4 ? world.call("sleep", .int(1)) : nil }
        _ = world.runtime.runMain(waiting.function())
        scope.cancel(.requested)
        #expect(world.runtime.runUntilIdle() == .idle)
        #expect(ends.value == Array(repeating: "requested", count: 4))
        #expect(endings.value == 4)
        #expect(scope.fiberCount == 0)
    }

    /// Where a fiber can be when it is cancelled.
    enum State: CaseIterable {
        case neverBegun, running, taking, putting, choosing, choosingATake, sleeping, awaiting, joining,
            queuedWithAValue, finalising
    }

    /// In each state: cancelled once however often it is asked, as `requested`, with its `finally` run to its end if it had
    /// begun, and nothing of it left in the scope.
    @Test(arguments: SchedulerKind.allCases, State.allCases)
    func reachesEveryState(_ kind: SchedulerKind, _ state: State) {
        let world = kind.world()
        let (never, gate) = (Channel(.fixed(0)), Channel(.fixed(0)))
        let (begun, finals, ends) = (Shared(0), Shared(0), Shared<[String]>([]))
        let begin = Do.note { begun.update { $0 += 1 } }
        var spin = Assembly()
        spin.call(
            0,
            .native(
                Native("begin", 0) { (_, _) throws(Fault) in
                    begun.update { $0 += 1 }
                    return .nil
                }), 0)
        spin.emit(Instruction(.jumpBack, 0, wide: -1))
        let inner = Scope(parent: world.runtime.root)
        if state == .joining { world.runtime.spawn(Actor([Do.take(never)]).function(), scope: inner) }
        let waits: [Actor.Operation] =
            switch state {
            case .taking: [begin, Do.take(never)]
            case .queuedWithAValue: [begin, Do.take(gate)]
            case .putting: [begin, Do.put(.true, never)]
            case .choosing: [begin, world.call("alts!", .vector([.object(never), .vector([.object(gate), .true])]))]
            case .choosingATake: [begin, world.choose(.vector([.object(never), .object(gate)]))]
            case .sleeping: [begin, world.call("sleep", .int(1_000_000))]
            case .awaiting: [begin, world.call("await", .object(Promise()))]
            case .joining: [begin, world.call("scope-join", .object(inner))]
            // It has been cancelled, and waits in its `finally` when it is asked again.
            case .finalising: [begin, Do.take(never)]
            case .neverBegun: [begin, Do.take(never)]
            case .running: []
            }
        let final = Actor([world.call("sleep", .int(2)), Do.note { finals.update { $0 += 1 } }]).function()
        let body = state == .running ? spin.function(registers: 2) : Actor(waits).function()
        let scope = Scope(parent: world.runtime.root)
        func start() -> Job {
            world.runtime.spawn(
                guardedFunction(body, ending: final), scope: scope,
                completion: .call { result in
                    if case .failure(.cancelled(let reason)) = result { ends.update { $0.append(reason.rawValue) } }
                })
        }
        if state == .neverBegun {
            // The main fiber starts and cancels it without letting it run: on one thread it cannot have begun.
            let main = Actor([Do.note { start().cancel(.requested) }])
            _ = world.runtime.runMain(main.function())
        } else {
            let job = start()
            let settle = Actor { _, _ in begun.value == 0 ? world.call("sleep", .int(1)) : nil }
            _ = world.runtime.runMain(settle.function())
            _ = world.runtime.runMain(Actor([world.call("sleep", .int(3))]).function())
            _ = world.runtime.runMain(
                Actor([
                    Do.note { if state == .queuedWithAValue { _ = gate.offer(.true) } },
                    Do.note { job.cancel(.requested) },
                    Do.note { job.cancel(.superseded) },
                ]).function())
            if state == .finalising {
                _ = world.runtime.runMain(
                    Actor([world.call("sleep", .int(1)), Do.note { scope.cancel(.stopped) }]).function())
            }
        }
        let left = Actor { _, _ in scope.fiberCount > 0 ? world.call("sleep", .int(1)) : nil }
        _ = world.runtime.runMain(left.function())
        // Handed a value on another thread, it may have gone on with that and ended before it was cancelled.
        if state == .queuedWithAValue, kind != .virtual, ends.value.isEmpty {
            #expect(finals.value == 1)
        } else {
            #expect(ends.value == ["requested"])
            #expect(finals.value == begun.value.signum())
        }
        inner.cancel(.requested)
        #expect(world.runtime.shutDown())
    }

    /// A fiber that is cancelled before its first slice never runs its body.
    @Test func aCancelledScopeStartsNothing() {
        let world = World(.virtual(seed: 1))
        let scope = Scope(parent: world.runtime.root)
        scope.cancel(.superseded)
        let ran = Shared(false)
        let ended = Shared<CancelReason?>(nil)
        world.runtime.spawn(
            Actor([Do.note { ran.update { $0 = true } }]).function(), scope: scope,
            completion: .call({ if case .failure(.cancelled(let reason)) = $0 { ended.update { $0 = reason } } }))
        world.runtime.runUntilIdle()
        #expect(!ran.value)
        #expect(ended.value == .superseded)
    }

    /// Inner scopes end as `parent`, and what a fiber starts belongs to its scope.
    @Test func cascadesToInnerScopes() {
        let world = World(.virtual(seed: 2))
        let outer = Scope(parent: world.runtime.root)
        let inner = Scope(parent: outer)
        let reasons = Shared<[CancelReason]>([])
        let tell = JobCompletion.call { result in
            if case .failure(.cancelled(let reason)) = result { reasons.update { $0.append(reason) } }
        }
        let never = Channel(.fixed(0))
        world.runtime.spawn(Actor([Do.take(never)]).function(), scope: outer, completion: tell)
        world.runtime.spawn(Actor([Do.take(never)]).function(), scope: inner, completion: tell)
        _ = world.main(world.call("sleep", .int(1)), Do.note { outer.cancel(.stopped) })
        world.runtime.runUntilIdle()
        #expect(Set(reasons.value) == [.stopped, .parent])
    }

    /// Waiting in `finally` after a cancellation works and is not disturbed again.
    @Test(arguments: SchedulerKind.allCases)
    func finallyMayWait(_ kind: SchedulerKind) {
        let world = kind.world()
        let never = Channel(.fixed(0))
        let gate = Channel(.fixed(0))
        let seen = Shared<Value>(.nil)
        // (try (<! never) (finally (<! gate))), with the wait in code, not in a plain primitive.
        let waiting = Actor { step, results in
            if step == 0 { return Do.take(gate) }
            seen.update { $0 = results[0] }
            return nil
        }.function()
        let job = world.runtime.spawn(finallyCalling(Actor([Do.take(never)]).function(), waiting))
        let result = world.main(
            world.call("sleep", .int(1)), Do.note { job.cancel(.requested) }, Do.note { job.cancel(.requested) },
            Do.put(.int(9), gate), world.call("sleep", .int(1)))
        if case .failure(let fault) = result { Issue.record("\(fault)") }
        world.runtime.runUntilIdle()
        #expect(seen.value.intValue == 9)
        #expect(world.runtime.root.fiberCount == 0)
    }

    /// `(try (f) (finally (g)))` where g may park.
    private func finallyCalling(_ function: Value, _ last: Value) -> Value {
        let count = 7
        func load(_ at: Int, _ register: Int, _ constant: Int) -> Instruction {
            Instruction(.loadConst, register, wide: Code.distance(from: at, toConstant: constant, count: count))
        }
        let body: [Instruction] = [
            load(0, 0, 0), Instruction(.call, 0, 0), Instruction(.ret, 0), load(3, 1, 1), Instruction(.call, 1, 0),
            Instruction(.drop, 1), Instruction(.rethrow, 2),
        ]
        let handler = Code.Handler(range: 0..<2, target: 3, register: 2, base: 0, kind: .finally)
        let code = Code(
            body, constants: [function, last], parameters: 0, isVariadic: false, registers: 4, handlers: [handler])
        let prototype = Prototype(name: nil, arities: [code], captureCount: 0)
        return .function(prototype.makeClosure())
    }

    /// A race between a value and a cancellation: every taker ends once, nobody takes what was not given, and none that was
    /// cancelled stays behind in the channel. (A fiber that is cancelled between being given a value and running on ends as
    /// cancelled, so fewer may be taken than given.)
    @Test(arguments: 1...3)
    func racesWithDelivery(_ round: Int) {
        let world = World(.threads(cores: 2))
        let channel = Channel(.fixed(0))
        let ends = Shared<(taken: Int, cancelled: Int)>((0, 0))
        var given = 0
        for _ in 0..<400 {
            let taker = world.runtime.spawn(
                Actor([Do.take(channel)]).function(),
                completion: .call({ result in
                    switch result {
                    case .success(.int): ends.update { $0.taken += 1 }
                    case .failure(.cancelled): ends.update { $0.cancelled += 1 }
                    default: Issue.record("\(result)")
                    }
                }))
            let canceller = Native("cancel", 0) { (_, _) throws(Fault) in
                taker.cancel(.requested)
                return .nil
            }
            world.runtime.spawn(Actor([Do.call(canceller)]).function())
            if !channel.offer(.int(1)).isFull { given += 1 }
            if case .success = world.main(Do.give(.nil)) {} else { Issue.record("main failed") }
        }
        world.runtime.runUntilIdle()
        #expect(world.runtime.root.fiberCount == 0)
        #expect(ends.value.taken + ends.value.cancelled == 400)
        #expect(ends.value.taken <= given)
        let nobodyWaits = channel.offer(.int(1)).isFull
        #expect(nobodyWaits)
    }

    @Test(arguments: SchedulerKind.allCases)
    func shutDownEndsEverything(_ kind: SchedulerKind) {
        let world = kind.world()
        let never = Channel(.fixed(0))
        for _ in 0..<50 { world.runtime.spawn(Actor([Do.take(never)]).function()) }
        for _ in 0..<3 { world.runtime.spawn(Actor { _, _ in world.call("sleep", .int(1)) }.function()) }
        #expect(world.runtime.shutDown())
        #expect(world.runtime.root.fiberCount == 0)
    }

    /// N6: a budget that runs out ends the fiber, uncatchably, and then the rest.
    @Test(arguments: [FiberRuntime.Mode.threads(cores: 2), .virtual(seed: 1)])
    func aBudgetEndsTheRun(_ mode: FiberRuntime.Mode) {
        let instance = Instance(limits: Limits(instructions: 200_000))
        let runtime = FiberRuntime(instance, mode)
        var spin = Assembly()
        spin.emit(Instruction(.jumpBack, 0, wide: -1))
        let result = runtime.runMain(spin.function(registers: 1))
        guard case .failure(.exhausted(.instructions)) = result else {
            Issue.record("not exhausted: \(result)")
            return
        }
        runtime.shutDown()
    }

    private static let modes = [FiberRuntime.Mode.threads(cores: 2), .virtual(seed: 1)]

    /// Two fibers that only ever wake each other.
    private func pingPong(_ runtime: FiberRuntime) {
        let (there, back) = (Channel(.fixed(0)), Channel(.fixed(0)))
        runtime.spawn(
            Actor { step, _ in step % 2 == 0 ? Do.put(.int(1), there) : Do.take(back) }.function())
        runtime.spawn(
            Actor { step, _ in step % 2 == 0 ? Do.take(there) : Do.put(.int(1), back) }.function())
    }

    /// N6: a budget that others use up ends a main fiber that waits, with that budget and not as a cancellation; its `finally`
    /// runs.
    @Test(arguments: modes, [true, false])
    func aBudgetEndsWhoWaits(_ mode: FiberRuntime.Mode, _ byParking: Bool) {
        let told = Shared(0)
        let world = World(
            mode, limits: Limits(instructions: 200_000), uncaught: { _, _ in told.update { $0 += 1 } })
        let runtime = world.runtime
        if byParking {
            pingPong(runtime)
        } else {
            var spin = Assembly()
            spin.emit(Instruction(.jumpBack, 0, wide: -1))
            runtime.spawn(spin.function(registers: 1))
        }
        let finally = Shared(0)
        let waiting = Actor([Do.take(Channel(.fixed(0)))]).function { (_, _) throws(Fault) in
            finally.update { $0 += 1 }
            return .nil
        }
        let result = runtime.runMain(waiting)
        guard case .failure(.exhausted(.instructions)) = result else {
            Issue.record("not exhausted: \(result)")
            return
        }
        #expect(finally.value == 1)
        #expect(runtime.exhaustion == .instructions)
        // The result tells of it, nobody else.
        #expect(told.value == 0)
        #expect(runtime.runUntilIdle() == .idle)
        #expect(runtime.root.fiberCount == 0)
        // The grace is for what comes after, too.
        if case .success = runtime.runMain(Actor([Do.give(.nil)]).function()) {} else { Issue.record("cannot go on") }
    }

    /// N6: without a main fiber the budget is told once, as such, and everything ends.
    @Test(arguments: modes) func aBudgetIsToldOnce(_ mode: FiberRuntime.Mode) {
        let told = Shared<[String]>([])
        let world = World(
            mode, limits: Limits(instructions: 200_000),
            uncaught: { fault, _ in told.update { $0.append("\(fault)") } })
        let runtime = world.runtime
        for _ in 0..<3 { pingPong(runtime) }
        runtime.spawn(Actor([Do.take(Channel(.fixed(0)))]).function())
        #expect(runtime.runUntilIdle() == .idle)
        #expect(told.value == ["exhausted(Values.Budget.instructions)"])
        #expect(runtime.root.fiberCount == 0)
    }

    /// N6: `finally` blocks that wait on and on end with the grace.
    @Test(arguments: modes) func theGraceEndsFinallyBlocksThatWait(_ mode: FiberRuntime.Mode) {
        let world = World(mode, limits: Limits(instructions: 200_000))
        let runtime = world.runtime
        let (there, back) = (Channel(.fixed(0)), Channel(.fixed(0)))
        let first = Actor { step, _ in step % 2 == 0 ? Do.put(.int(1), there) : Do.take(back) }
        let second = Actor { step, _ in step % 2 == 0 ? Do.take(there) : Do.put(.int(1), back) }
        for actor in [first, second] {
            let waiting = Actor([Do.take(Channel(.fixed(0)))]).function()
            runtime.spawn(guardedFunction(waiting, ending: actor.function()))
        }
        var spin = Assembly()
        spin.emit(Instruction(.jumpBack, 0, wide: -1))
        runtime.spawn(spin.function(registers: 1))
        #expect(runtime.runUntilIdle() == .idle)
        #expect(runtime.root.fiberCount == 0)
    }

    /// N6: steps may be booked, and find a budget used up, only when no fiber is left to run: the runtime is not idle before
    /// those have run that this ends.
    @Test(arguments: [1, 2]) func aBudgetFoundUsedUpAtRestEndsWhoWaits(_ cores: Int) {
        let world = World(.threads(cores: cores), limits: Limits(instructions: 100))
        let runtime = world.runtime
        _ = runtime.runMain(Actor { step, _ in step < 200 ? Do.give(.nil) : nil }.function())
        #expect(runtime.exhaustion == .instructions)
        world.instance.account.endGrace()
        runtime.spawn(Actor([Do.take(Channel(.fixed(0)))]).function())
        #expect(runtime.runUntilIdle() == .idle)
        #expect(runtime.root.fiberCount == 0)
    }

    /// N6: wall time that is up ends who waits.
    @Test(arguments: modes) func wallTimeEndsWhoWaits(_ mode: FiberRuntime.Mode) {
        let world = World(mode)
        let runtime = world.runtime
        let expire = Native("expire", 0) { (_, _) throws(Fault) in
            runtime.expire()
            return .nil
        }
        runtime.spawn(Actor([Do.call(expire)]).function())
        let result = runtime.runMain(Actor([Do.take(Channel(.fixed(0)))]).function())
        guard case .failure(.exhausted(.time)) = result else {
            Issue.record("not exhausted: \(result)")
            return
        }
        // Who begins to wait afterwards waits for nothing either, and hears why.
        let later = runtime.runMain(Actor([Do.take(Channel(.fixed(0)))]).function())
        guard case .failure(.exhausted(.time)) = later else {
            Issue.record("not exhausted: \(later)")
            return
        }
    }
}

@Suite(.serialized) struct ChoiceTests {
    private func pair(_ channel: Channel, _ value: Int64) -> Value { .vector([.object(channel), .int(value)]) }

    private func first(_ result: Result<Value, Fault>) -> Value? {
        if case .success(.vector(let pair)) = result, pair.count == 2 { pair[0] } else { nil }
    }

    // D26
    @Test(arguments: SchedulerKind.allCases)
    func takesWhatIsThere(_ kind: SchedulerKind) {
        let world = kind.world()
        let (a, b) = (Channel(.fixed(1)), Channel(.fixed(1)))
        _ = b.offer(.int(2))
        let both = Value.vector([.object(a), .object(b)])
        #expect(first(world.main(world.call("alts!", both)))?.intValue == 2)
        _ = a.offer(.int(1))
        _ = b.offer(.int(2))
        var priority = HashMap()
        try? HashMap.set(&priority, .kw(.priority), .true)
        #expect(first(world.main(world.call("alts!", both, .map(priority))))?.intValue == 1)
        _ = b.poll()
        var fallback = HashMap()
        try? HashMap.set(&fallback, .kw(.default), .int(7))
        #expect(first(world.main(world.call("alts!", both, .map(fallback))))?.intValue == 7)
        #expect(first(world.main(world.call("alts!", .vector([pair(a, 5), .object(b)]))))?.isTruthy == true)
        #expect(a.poll()?.intValue == 5)
    }

    @Test func aTimeoutEndsAChoice() {
        let world = World(.virtual(seed: 1))
        let never = Channel(.fixed(0))
        let result = world.runtime.runMain(
            Actor { step, results in
                switch step {
                case 0: world.call("timeout", .int(250))
                case 1: world.call("alts!", .vector([.object(never), results[0]]))
                default: nil
                }
            }.function())
        guard case .success(.vector(let pair)) = result else {
            Issue.record("no pair")
            return
        }
        #expect(pair[0].isNil)
        #expect(world.runtime.scheduler.now() == 250_000_000)
    }

    /// Every channel is as likely as any other to be the first, and to be the second when the first has nothing. The bounds
    /// are six standard deviations wide.
    @Test(arguments: [2, 3, 8, 16, 17, 40], [false, true])
    func choosesFairly(_ count: Int, _ byInstruction: Bool) {
        let world = World(.virtual(seed: 5))
        let channels = (0..<count).map { _ in Channel(.fixed(1)) }
        let all = Value.vector(channels.map { .object($0) })
        for empty in [nil, 0] as [Int?] {
            var chosen = [Int](repeating: 0, count: count)
            let full = channels.indices.filter { $0 != empty }
            for index in full { _ = channels[index].offer(.int(Int64(index))) }
            let rounds = 400 * count
            for _ in 0..<rounds {
                guard
                    let index = first(world.main(byInstruction ? world.choose(all) : world.call("alts!", all)))?
                        .intValue
                else {
                    Issue.record("nothing was chosen")
                    return
                }
                chosen[Int(index)] += 1
                _ = channels[Int(index)].offer(.int(index))
            }
            let mean = Double(rounds) / Double(full.count)
            for index in full {
                #expect(abs(Double(chosen[index]) - mean) < 6 * mean.squareRoot(), "\(index) of \(count): \(chosen)")
            }
            for channel in channels { _ = channel.poll() }
        }
    }

    /// Both operations of a pair never happen: whatever the schedule, what is put equals what is taken.
    @Test(arguments: 0..<40)
    func claimsAcrossChannelsAtomically(_ seed: Int) {
        let mode = seed < 36 ? FiberRuntime.Mode.virtual(seed: UInt64(seed)) : .threads(cores: 2)
        let world = World(mode)
        let channels = (0..<3).map { _ in Channel(.fixed(0)) }
        let (put, taken) = (Shared<[Int64]>([]), Shared<[Int64]>([]))
        let rounds: Int64 = 60
        for part in 0..<4 {
            let base = Int64(part) * 1000
            // Each round puts one value on any of two channels.
            let putting = Actor { step, _ in
                guard step < rounds else { return nil }
                let value = base + Int64(step)
                put.update { $0.append(value) }
                let operations = [channels[part % 3], channels[(part + 1) % 3]].map { self.pair($0, value) }
                return world.call("alts!", .vector(operations))
            }
            world.runtime.spawn(putting.function())
            let taking = Actor { step, results in
                if step > 0, case .vector(let pair) = results[step - 1] {
                    taken.update { $0.append(pair[0].intValue!) }
                }
                guard step < rounds else { return nil }
                let all = Value.vector(channels.map { .object($0) })
                return part % 2 == 0 ? world.call("alts!", all) : world.choose(all)
            }
            world.runtime.spawn(taking.function())
        }
        #expect(world.runtime.runUntilIdle() == .idle)
        #expect(world.runtime.root.fiberCount == 0)
        #expect(taken.value.sorted() == put.value.sorted())
    }
}

@Suite(.serialized) struct PromiseTests {
    // N3
    @Test(arguments: SchedulerKind.allCases)
    func deliversToAllWhoWait(_ kind: SchedulerKind) {
        let world = kind.world()
        let promise = Value.object(Promise())
        let sum = Shared<Int64>(0)
        for _ in 0..<5 {
            world.runtime.spawn(
                Actor([world.call("await", promise)]).function(),
                completion: .call({ result in sum.update { $0 += result.int ?? 0 } }))
        }
        _ = world.main(world.call("sleep", .int(1)), world.call("deliver", promise, .int(3)))
        world.runtime.runUntilIdle()
        #expect(sum.value == 15)
        #expect(world.main(world.call("deliver", promise, .int(4)), world.call("await", promise)).int == 3)
    }

    /// `deref` waits by making the machine ask again.
    @Test(arguments: SchedulerKind.allCases)
    func derefWaits(_ kind: SchedulerKind) {
        let world = kind.world()
        let promise = Promise()
        let deref = Native("deref", 0) { (_, _) throws(Fault) in try promise.current() }
        let delivering = Actor([world.call("sleep", .int(2)), world.call("deliver", .object(promise), .int(8))])
        world.runtime.spawn(delivering.function())
        #expect(world.main(Do.call(deref)).int == 8)
        #expect(world.main(Do.call(deref)).int == 8)
    }

    @Test func derefWithALimitGivesTheFallbackEachTime() {
        let world = World(.virtual(seed: 1))
        let promise = Promise()
        let deref = Native("deref", 0) { (_, _) throws(Fault) in try promise.current(within: 300, else: .int(1)) }
        #expect(world.main(Do.call(deref), Do.call(deref)).int == 1)
        #expect(world.runtime.scheduler.now() == 600_000_000)
    }

    @Test func aDeadlineGivesTheFallback() {
        let world = World(.virtual(seed: 1))
        let result = world.main(world.call("await", .object(Promise()), .int(500), .int(1)))
        #expect(result.int == 1)
        #expect(world.runtime.scheduler.now() == 500_000_000)
    }

    @Test(arguments: SchedulerKind.allCases)
    func aCancelledFutureThrowsForWhoWaits(_ kind: SchedulerKind) {
        let world = kind.world()
        let never = Channel(.fixed(0))
        let body = Actor([Do.take(never)]).function()
        let result = world.runtime.runMain(
            Actor { step, results in
                switch step {
                case 0: world.call("future-call", body)
                case 1: world.call("sleep", .int(1))
                case 2: world.call("future-cancel", results[0])
                case 3: world.call("await", results[0])
                default: nil
                }
            }.function())
        #expect(result.message == "the future was cancelled (requested)")
    }
}
