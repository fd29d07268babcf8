import Machine
import Testing
import Values

@testable import Runtime

extension Result<Value, Fault> {
    var int: Int64? { if case .success(let value) = self { value.intValue } else { nil } }
    var message: String? { if case .failure(.thrown(let exception)) = self { exception.message } else { nil } }
}

/// Both schedulers keep the same promises.
enum SchedulerKind: CaseIterable {
    case oneThread, threads, virtual

    func world(seed: UInt64 = 1) -> World {
        switch self {
        case .oneThread: World(.threads(cores: 1))
        case .threads: World(.threads(cores: 2))
        case .virtual: World(.virtual(seed: seed))
        }
    }
}

@Suite(.serialized) struct FiberTests {
    /// Puts 0..<count on `channel`, then closes it.
    static func producer(_ channel: Channel, _ count: Int) -> Value {
        Actor { step, _ in
            if step < count { return Do.put(.int(Int64(step)), channel) }
            return step == count ? Do.close(channel) : nil
        }.function()
    }

    /// Takes until the end; `into` gets the values.
    static func consumer(_ channel: Channel, _ into: Shared<[Int64]>) -> Value {
        Actor { step, results in
            if step > 0 {
                guard let value = results[step - 1].intValue else { return nil }
                into.update { $0.append(value) }
            }
            return Do.take(channel)
        }.function()
    }

    // D1, D26
    @Test(arguments: SchedulerKind.allCases, [0, 1, 64])
    func channelKeepsOrder(_ kind: SchedulerKind, _ buffer: Int) {
        let world = kind.world()
        let channel = Channel(.fixed(buffer))
        let seen = Shared<[Int64]>([])
        world.runtime.spawn(Self.producer(channel, 2000))
        world.runtime.spawn(Self.consumer(channel, seen))
        #expect(world.runtime.runUntilIdle() == .idle)
        #expect(seen.value == (0..<2000).map(Int64.init))
    }

    @Test(arguments: SchedulerKind.allCases)
    func everyValueOfManyProducersArrivesOnce(_ kind: SchedulerKind) {
        let world = kind.world()
        let channel = Channel(.fixed(4))
        let seen = Shared<[Int64]>([])
        for part in 0..<8 {
            let actor = Actor { step, _ in
                step < 300 ? Do.put(.int(Int64(part * 1000 + step)), channel) : nil
            }
            world.runtime.spawn(actor.function())
        }
        for _ in 0..<4 { world.runtime.spawn(Self.consumer(channel, seen)) }
        #expect(world.runtime.runUntilIdle() == .idle)
        #expect(Set(seen.value).count == 2400)
        #expect(seen.value.count == 2400)
    }

    @Test(arguments: SchedulerKind.allCases)
    func mainGetsTheResultOfAGoBlock(_ kind: SchedulerKind) {
        let world = kind.world()
        let body = Actor([world.call("sleep", .int(5)), Do.give(.int(42))]).function()
        let result = world.runtime.runMain(
            Actor { step, results in
                switch step {
                case 0: world.call("spawn", body, .kw(.go))
                case 1: world.call("<!!", results[0])
                default: nil
                }
            }.function())
        #expect(result.int == 42)
    }

    /// A wait that nothing can end is an error at the place that waits, not a hang.
    @Test(arguments: SchedulerKind.allCases)
    func waitingForNothingIsAnError(_ kind: SchedulerKind) {
        let world = kind.world()
        let result = world.main(world.call("<!", .object(Channel(.fixed(0)))))
        #expect(result.message?.hasPrefix("waits for ever") == true)
    }

    /// N: a fiber that never parks does not starve the others.
    @Test(arguments: SchedulerKind.allCases)
    func aSpinningFiberDoesNotStarveOthers(_ kind: SchedulerKind) {
        let world = kind.world()
        var spin = Assembly()
        spin.emit(Instruction(.jumpBack, 0, wide: -1))
        let spinner = spin.function(registers: 1)
        let spinners = (0..<3).map { _ in world.runtime.spawn(spinner) }
        let channel = Channel(.fixed(0))
        world.runtime.spawn(Self.producer(channel, 100))
        let result = world.main(
            world.call("<!", .object(channel)), world.call("<!", .object(channel)), world.call("<!", .object(channel)))
        #expect(result.int == 2)
        for job in spinners { job.cancel(.requested) }
        #expect(world.runtime.runUntilIdle() == .idle)
        // The producer waits for ever.
        #expect(world.runtime.root.fiberCount == 1)
    }

    @Test(arguments: SchedulerKind.allCases.filter { $0 != .virtual })
    func threadFibersMayBlockTheirThreads(_ kind: SchedulerKind) {
        let world = kind.world()
        let gate = Channel(.fixed(0))
        // Each blocks its thread for real until the last has started.
        let started = Shared(0)
        let blocking = Native("block", 0) { (_, _) throws(Fault) in
            started.update { $0 += 1 }
            let deadline = MonotonicClock.now + 5_000_000_000
            while started.value < 4, MonotonicClock.now < deadline {}
            return .bool(started.value == 4)
        }
        for _ in 0..<4 {
            let body = Actor { step, results in
                switch step {
                case 0: Do.call(blocking)
                case 1: Do.put(results[0], gate)
                default: nil
                }
            }
            world.runtime.spawn(body.function(), dispatch: .thread)
        }
        let taking = Actor { step, _ in step < 4 ? world.call("<!", .object(gate)) : nil }
        _ = world.runtime.runMain(taking.function())
        let met = taking.results.filter(\.isTruthy).count
        #expect(met == 4)
    }

    @Test func sameSeedSameOrder() {
        func trace(_ seed: UInt64) -> [Int64] {
            let world = World(.virtual(seed: seed))
            let seen = Shared<[Int64]>([])
            for part in 0..<6 {
                let actor = Actor { step, _ in
                    guard step < 40 else { return nil }
                    if step % 2 == 0 { return Do.note { seen.update { $0.append(Int64(part)) } } }
                    return world.call("sleep", .int(Int64(step % 3)))
                }
                world.runtime.spawn(actor.function())
            }
            world.runtime.runUntilIdle()
            return seen.value
        }
        #expect(trace(3) == trace(3))
        #expect(trace(3) != trace(4))
        #expect(trace(3).count == 120)
    }

    /// A run does not go on for a timeout that lost the choice.
    @Test(arguments: SchedulerKind.allCases)
    func aTimeoutThatWasNotChosenKeepsNothingGoing(_ kind: SchedulerKind) {
        let world = kind.world()
        let channel = Channel(.fixed(0))
        let chosen = Shared<[Value]>([])
        let chooser = Actor { step, results in
            switch step {
            case 0: world.call("timeout", .int(3_600_000))
            case 1: world.choose(.vector([.object(channel), results[0]]))
            case 2: Do.note { chosen.update { $0 = [results[1]] } }
            default: nil
            }
        }
        world.runtime.spawn(chooser.function())
        world.runtime.spawn(Actor([world.call("sleep", .int(20)), Do.put(.int(1), channel)]).function())
        let began = world.runtime.scheduler.now()
        #expect(world.runtime.runUntilIdle() == .idle)
        #expect(world.runtime.scheduler.now() - began < 600_000_000_000)
        #expect(chosen.value.count == 1)
    }

    /// A fiber that was woken runs on another core when the one that woke it goes on in one operation for long.
    @Test func whoIsWokenDoesNotWaitForALongOperation() {
        let world = World(.threads(cores: 2))
        let channel = Channel(.fixed(0))
        let hasRun = Shared(false)
        world.runtime.spawn(Actor([Do.take(channel), Do.note { hasRun.update { $0 = true } }]).function())
        let walk: Actor.Operation = { job throws(Fault) in
            let end = MonotonicClock.now + 10_000_000_000
            while !hasRun.value, MonotonicClock.now < end { try job.book(steps: 1, holding: 0) }
            return .value(.bool(hasRun.value))
        }
        // The taker waits before the put, so that this wakes it.
        let result = world.main(world.call("sleep", .int(5)), Do.put(.int(1), channel), walk)
        if case .success(.bool(true)) = result {} else { Issue.record("it waited for the end of the operation") }
    }

    /// An hour passes without waiting for it.
    @Test func virtualTimeJumps() {
        let world = World(.virtual(seed: 1))
        let began = MonotonicClock.now
        _ = world.main(world.call("sleep", .int(3_600_000)))
        #expect(world.runtime.scheduler.now() == 3_600_000_000_000)
        #expect(MonotonicClock.now - began < 2_000_000_000)
    }

    @Test(arguments: SchedulerKind.allCases)
    func uncaughtFaultsAreReportedOnce(_ kind: SchedulerKind) {
        let reports = Shared<[String]>([])
        let mode: FiberRuntime.Mode = kind == .virtual ? .virtual(seed: 1) : .threads(cores: 2)
        let world = World(mode) { fault, _ in
            if case .thrown(let exception) = fault { reports.update { $0.append(exception.message) } }
        }
        let body = Actor([Do.fail(.illegalState("boom"))]).function()
        let result = world.runtime.runMain(
            Actor { step, results in
                switch step {
                case 0: world.call("spawn", body, .kw(.go))
                case 1: world.call("<!", results[0])
                default: nil
                }
            }.function())
        if case .success(.nil) = result {} else { Issue.record("the channel of a failed go block was not closed") }
        #expect(reports.value == ["boom"])
    }
}
