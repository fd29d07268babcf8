import Engine
import Machine
import Testing
import Values

@testable import Runtime

@Suite struct WorkerTests {
    private let world = World(.virtual(seed: 5))
    private var names: Names { world.instance.names }
    private func name(_ text: String) -> Name { names.intern(text) }

    private func function(_ body: @escaping @Sendable (Value) throws(Fault) -> Value) -> Value {
        .native(Native("work", 2) { (arguments, _) throws(Fault) in try body(arguments[1]) })
    }

    private func system(
        _ channels: [ChannelSpec], _ workers: [WorkerSpec], components: Value = .nil, guarded: Bool = false
    ) throws -> WorkerSystem {
        let spec = SystemSpec(channels: channels, workers: workers, isGuarded: guarded, guardMs: 50)
        let system = try WorkerSystem(spec, components: components, world.runtime)
        system.start()
        return system
    }

    private func field(_ value: Value?, _ key: KnownName) -> Value? {
        guard case .map(let map)? = value else { return nil }
        return (try? map.find(.kw(key))) ?? nil
    }

    private func drops(_ system: WorkerSystem, _ channel: String) -> Int64? {
        guard case .map(let drops)? = field(system.stats, .drops) else { return nil }
        return ((try? drops.find(.keyword(name(channel)))) ?? nil)?.intValue
    }

    private func events(_ type: EventType) -> [Value] {
        world.runtime.events.recent().events.filter { $0.type == type }.map(\.payload)
    }

    // D7, D11
    @Test func commandFlowsToTheOutput() throws {
        let system = try system(
            [ChannelSpec(name("in"), .fixed(4)), ChannelSpec(name("out"), .fixed(4))],
            [
                WorkerSpec(
                    name("w"), .command(input: name("in")), function: function { .int($0.intValue! * 2) },
                    output: name("out"), isExposed: true)
            ])
        #expect(try system.command(name("w"), .int(4)))
        #expect(try system.command(name("w"), .int(5)))
        world.runtime.runUntilIdle()
        #expect(system.channel(name("out"))?.poll()?.intValue == 8)
        #expect(system.channel(name("out"))?.poll()?.intValue == 10)
    }

    // D8
    @Test func commandToAHiddenWorkerNamesTheExposed() throws {
        let system = try system(
            [ChannelSpec(name("in"))],
            [
                WorkerSpec(name("open"), .command(input: name("in")), function: function { $0 }, isExposed: true),
                WorkerSpec(name("hidden"), .command(input: name("in")), function: function { $0 }),
            ])
        var message = ""
        do throws(Fault) { try system.command(name("hidden"), .int(1)) } catch {
            if case .thrown(let exception) = error { message = exception.message }
        }
        #expect(message == "worker :hidden is not exposed; exposed are :open")
    }

    // D12
    @Test func dropsAreCountedAndAnnounced() throws {
        let system = try system(
            [ChannelSpec(name("in"), .fixed(1), putMode: .drop), ChannelSpec(name("out"), .fixed(1))],
            [
                WorkerSpec(
                    name("w"), .command(input: name("in")), function: function { $0 }, output: name("out"),
                    isExposed: true)
            ])
        let first = try system.command(name("w"), .int(1))
        let second = try system.command(name("w"), .int(2))
        #expect(first && !second)
        world.runtime.runUntilIdle()
        try system.command(name("w"), .int(3))
        world.runtime.runUntilIdle()
        let reasons = events(.workerDrop).map { field($0, .reason)?.knownKeyword }
        #expect(reasons == [.inputDrop, .outputDrop])
        let dropped = events(.workerDrop).map { event in
            if case .keyword(let channel)? = field(event, .channel) { channel.description } else { "" }
        }
        #expect(dropped == ["in", "out"])
        guard case .map(let drops)? = field(system.stats, .drops) else {
            Issue.record("no drops")
            return
        }
        #expect(try drops.find(.keyword(name("in")))?.intValue == 1)
        #expect(try drops.find(.keyword(name("out")))?.intValue == 1)
    }

    // D13, D14, D15, D21
    @Test func aThrowingWorkerGoesOn() throws {
        let heard = Shared<[Value]>([])
        let emit = Value.native(
            Native("emit", 1) { (arguments, _) throws(Fault) in
                let event = arguments[0]
                heard.update { $0.append(event) }
                return .nil
            })
        let system = try system(
            [
                ChannelSpec(name("in"), .fixed(4)), ChannelSpec(name("bad"), .fixed(1)),
                ChannelSpec(name("out"), .fixed(4)),
            ],
            [
                WorkerSpec(
                    name("w"), .command(input: name("in")),
                    function: function { (value) throws(Fault) in
                        if value.intValue! < 3 { throw .of(.info, "odd \(value.intValue!)", data: .map(HashMap())) }
                        return value
                    }, output: name("out"), failures: name("bad"), isExposed: true)
            ], components: .record((.obs, .record((.emit, emit)))))
        for value in 1...3 { try system.command(name("w"), .int(Int64(value))) }
        world.runtime.runUntilIdle()
        #expect(system.channel(name("out"))?.poll()?.intValue == 3)
        let event = system.channel(name("bad"))?.poll()
        #expect(field(event, .message)?.stringValue == "odd 1")
        #expect(field(event, .msg)?.intValue == 1)
        #expect(field(event, .workerKind)?.knownKeyword == .command)
        #expect(field(event, .error) != nil)
        #expect(field(events(.workerError).first, .error) == nil)
        #expect(field(events(.workerDrop).first, .reason)?.knownKeyword == .failChanFull)
        guard case .map(let errors)? = field(system.stats, .errors) else {
            Issue.record("no errors")
            return
        }
        #expect(try errors.find(.keyword(name("w")))?.intValue == 2)
        #expect(heard.value.filter { field($0, .event)?.knownKeyword == .workersError }.count == 2)
    }

    // D19
    @Test func everyRequestEnds() throws {
        let never = Channel(.fixed(0))
        let stuck = Native("stuck", 2, control: { (_, fiber) throws(Fault) in try never.take(fiber).control() })
        let system = try system(
            [
                ChannelSpec(name("a"), .fixed(1)), ChannelSpec(name("b"), .fixed(0)),
                ChannelSpec(name("c"), .sliding(1)),
            ],
            [
                WorkerSpec(
                    name("good"), .command(input: name("a")),
                    function: function { (value) throws(Fault) in
                        guard let number = value.intValue else { throw .illegalState("no number") }
                        return .int(number + 1)
                    }, isExposed: true),
                WorkerSpec(name("stuck"), .command(input: name("b")), function: .native(stuck), isExposed: true),
                WorkerSpec(name("slow"), .command(input: name("c")), function: .native(stuck), isExposed: true),
            ])
        func answer(_ channel: Channel) -> Value? { channel.poll() }
        func code(_ channel: Channel) -> String? { field(field(channel.poll(), .error), .code)?.stringValue }
        let value = try system.request(name("good"), .int(1))
        world.runtime.runUntilIdle(or: { value.count > 0 })
        #expect(answer(value)?.intValue == 2)
        let failed = try system.request(name("good"), .true)
        let late = try system.request(name("stuck"), .int(1), timeoutMs: 100)
        let taken = try system.request(name("slow"), .int(1), timeoutMs: 0)
        world.runtime.runUntilIdle()
        #expect(code(failed) == "worker_error")
        #expect(code(late) == "timeout")
        let displaced = try system.request(name("slow"), .int(2), timeoutMs: 0)
        let waiting = try system.request(name("slow"), .int(3), timeoutMs: 0)
        #expect(code(displaced) == "dropped")
        let ended = Shared(false)
        system.stop(graceMs: 20) { ended.update { $0 = true } }
        world.runtime.runUntilIdle()
        #expect(ended.value)
        #expect(code(taken) == "cancelled")
        #expect(code(waiting) == "stopped")
        #expect(code(try system.request(name("good"), .int(1))) == "stopped")
    }

    /// A ticker with a schedule has no tick that is not on it.
    @Test func aScheduleSaysWhenTheFirstTickComes() throws {  // D10
        let clock = world.runtime.scheduler
        let (began, wallMs) = (clock.now(), world.runtime.clock.wallMs)
        let ticked = Shared<[Int64]>([])
        // At 1,000 ms and 3,000 ms by the wall, and never again.
        _ = try system(
            [],
            [
                WorkerSpec(
                    name("t"), .ticker(.schedule { now in [wallMs + 1_000, wallMs + 3_000].first { $0 > now } }),
                    function: function { n in
                        ticked.update { $0 += [n.intValue!, (clock.now() - began) / 1_000_000] }
                        return .nil
                    })
            ])
        world.runtime.runUntilIdle()
        #expect(ticked.value == [0, 1_000, 1, 3_000])
    }

    // D10
    @Test func tickersCountAndStop() throws {
        let system = try system(
            [ChannelSpec(name("out"), .fixed(2))],
            [WorkerSpec(name("t"), .ticker(.every(ms: 1000)), function: .nil, output: name("out"))])
        let clock = world.runtime.scheduler
        world.runtime.runUntilIdle(or: { clock.now() >= 3_500_000_000 })
        let out = system.channel(name("out"))!
        #expect(out.poll()?.intValue == 0)
        #expect(out.poll()?.intValue == 1)
        #expect(events(.workerDrop).allSatisfy { field($0, .reason)?.knownKeyword == .tickerOutputDrop })
        #expect(events(.workerDrop).count >= 2)
        system.stop(graceMs: 0)
        #expect(world.runtime.runUntilIdle() == .idle)
        #expect(world.runtime.root.fiberCount == 0)
    }

    // D23
    @Test func stopLetsTakenMessagesFinish() throws {
        let done = Shared<[Int64]>([])
        let sleep = world.primitive("sleep")
        let work = Native(
            "work", 2,
            control: { (arguments, _) throws(Fault) in
                let value = arguments[1].intValue!
                done.update { $0.append(value) }
                return .call(sleep, [.int(100)])
            })
        let system = try system(
            [ChannelSpec(name("in"), .fixed(8))],
            [WorkerSpec(name("w"), .command(input: name("in")), function: .native(work), isExposed: true, parallel: 2)])
        for value in 1...6 { try system.command(name("w"), .int(Int64(value))) }
        let clock = world.runtime.scheduler
        world.runtime.runUntilIdle(or: { clock.now() >= 50_000_000 || done.value.count == 2 })
        let ended = Shared<Int64>(-1)
        system.stop(graceMs: 1000) { ended.update { $0 = clock.now() / 1_000_000 } }
        world.runtime.runUntilIdle()
        #expect(done.value.sorted() == [1, 2])
        #expect(ended.value == 100)
    }

    // D5: a worker that fails too often is given up.
    @Test func restartLimitsFailures() throws {
        let calls = Shared(0)
        let system = try system(
            [ChannelSpec(name("in"), .fixed(16))],
            [
                WorkerSpec(
                    name("w"), .command(input: name("in")),
                    function: function { (_) throws(Fault) in
                        calls.update { $0 += 1 }
                        throw .illegalState("always")
                    }, isExposed: true, restart: .init(max: 2, perMs: 1000))
            ])
        for value in 1...10 { try system.command(name("w"), .int(Int64(value))) }
        world.runtime.runUntilIdle()
        #expect(calls.value == 3)
        #expect(
            events(.workerStopped).map { field($0, .reason)?.stringValue } == [
                "it failed 3 times in 1000 ms, more than :restart allows"
            ])
    }

    /// Each of its fibers gives up by itself; with the last one the worker has stopped, and its channel is closed.
    @Test func aWorkerOfSeveralFibersStopsOnce() throws {
        let system = try system(
            [ChannelSpec(name("in"), .fixed(16))],
            [
                WorkerSpec(
                    name("w"), .command(input: name("in")),
                    function: function { (_) throws(Fault) in throw .illegalState("always") }, isExposed: true,
                    parallel: 3, restart: .init(max: 0, perMs: 1000))
            ])
        for value in 1...4 { try system.command(name("w"), .int(Int64(value))) }
        world.runtime.runUntilIdle()
        #expect(events(.workerStopped).count == 1)
        #expect(system.channel(name("in"))?.isClosed == true)
        #expect(drops(system, "in") == 1)
    }

    /// D12, D19, D23: what a stop lets go of is counted and told, whether or not somebody waits for an answer.
    @Test(arguments: [false, true]) func whatAStopLetsGoOfIsCounted(isAsked: Bool) throws {
        let never = Channel(.fixed(0))
        let stuck = Native("stuck", 2, control: { (_, fiber) throws(Fault) in try never.take(fiber).control() })
        let system = try system(
            [ChannelSpec(name("in"))],
            [WorkerSpec(name("w"), .command(input: name("in")), function: .native(stuck), isExposed: true)])
        var replies: [Channel] = []
        for value in 1...3 {
            if isAsked {
                replies.append(try system.request(name("w"), .int(Int64(value)), timeoutMs: 0))
            } else {
                try system.command(name("w"), .int(Int64(value)))
            }
            world.runtime.runUntilIdle()
        }
        system.stop(graceMs: 20)
        world.runtime.runUntilIdle()
        #expect(drops(system, "in") == 2)
        #expect(events(.workerDrop).map { field($0, .reason)?.knownKeyword } == [.inputDrop, .inputDrop])
        let codes = replies.map { field(field($0.poll(), .error), .code)?.stringValue }
        #expect(codes == (isAsked ? ["cancelled", "stopped", "stopped"] : []))
    }

    /// D3, D19: where as many messages wait as may, a further one is refused as by a full channel, and counted.
    @Test func aCrowdedChannelIsFull() throws {
        let never = Channel(.fixed(0))
        let stuck = Native("stuck", 2, control: { (_, fiber) throws(Fault) in try never.take(fiber).control() })
        let system = try system(
            [ChannelSpec(name("in"))],
            [WorkerSpec(name("w"), .command(input: name("in")), function: .native(stuck), isExposed: true)])
        try system.command(name("w"), .int(0))
        world.runtime.runUntilIdle()
        for value in 1...1024 { #expect(try system.command(name("w"), .int(Int64(value)))) }
        let isAccepted = try system.command(name("w"), .int(1025))
        #expect(!isAccepted)
        let reply = try system.request(name("w"), .int(1026))
        #expect(field(field(reply.poll(), .error), .code)?.stringValue == "dropped")
        #expect(drops(system, "in") == 2)
    }

    /// Failures of which nothing is printed are remembered by kind: what was to be heard of them elsewhere, and how often.
    @Test func handledFailuresAreRemembered() throws {
        let system = try system(
            [
                ChannelSpec(name("in"), .fixed(64)), ChannelSpec(name("bad"), .fixed(3)),
                ChannelSpec(name("loud"), .fixed(9)),
            ],
            [
                WorkerSpec(
                    name("w"), .command(input: name("in")),
                    function: function { (value) throws(Fault) in throw .illegalState("odd \(value.intValue! % 12)") },
                    failures: name("bad"), isExposed: true),
                WorkerSpec(
                    name("t"), .command(input: name("loud")),
                    function: function { (_) throws(Fault) in throw .illegalState("always") }, isExposed: true),
            ])
        for value in [1, 1, 2] as [Int64] { try system.command(name("w"), .int(value)) }
        // The channel of failures is full from here on.
        _ = try system.request(name("w"), .int(1))
        for value in 0..<12 { try system.command(name("w"), .int(Int64(value))) }
        for value in 0..<5 { try system.command(name("t"), .int(Int64(value))) }
        world.runtime.runUntilIdle()
        let found = system.handledFailures
        let kinds = found.kinds.map { "\($0.worker.description) \($0.message) \($0.count) \($0.outcome)" }
        #expect(kinds.contains("w odd 1 2 \(HandledFailure.Outcome.forwarded(name("bad")))"))
        #expect(kinds.contains("w odd 2 1 \(HandledFailure.Outcome.forwarded(name("bad")))"))
        #expect(kinds.contains("w odd 1 1 answered"))
        #expect(found.kinds.count == 10)
        // Three of the five were told, and each other failure of the 21 counts once.
        #expect(found.kinds.reduce(found.others) { $0 + $1.count } == 18)
    }

    // D7: a pause after each failure, twice as long each time; those that are a while ago do not count.
    @Test func restartBacksOff() throws {
        let calls = Shared<[Int64]>([])
        let runtime = world.runtime
        let system = try system(
            [ChannelSpec(name("in"), .fixed(16))],
            [
                WorkerSpec(
                    name("w"), .command(input: name("in")),
                    function: function { (value) throws(Fault) in
                        calls.update { $0.append(runtime.clock.nowMs) }
                        if value.intValue != 4 { throw .illegalState("unlucky") }
                        return .nil
                    }, isExposed: true, restart: .init(max: 9, perMs: 1000, backoffMs: 100))
            ])
        for value in 1...6 { try system.command(name("w"), .int(Int64(value))) }
        runtime.runUntilIdle()
        // Pauses of 100, 200 and 400; the fourth message goes well, and the fifth is the fourth failure: 800.
        #expect(calls.value == [0, 100, 300, 700, 700, 1500])
    }

    // A worker that pauses is no hindrance to a stop.
    @Test func aStopEndsAPause() throws {
        let system = try system(
            [ChannelSpec(name("in"), .fixed(16))],
            [
                WorkerSpec(
                    name("w"), .command(input: name("in")),
                    function: function { (_) throws(Fault) in throw .illegalState("always") }, isExposed: true,
                    restart: .init(max: 9, perMs: 1000, backoffMs: 60_000))
            ])
        try system.command(name("w"), .int(1))
        let ended = Shared<Int64>(-1)
        let runtime = world.runtime
        let timer = TimerToken()
        runtime.scheduler.schedule(
            at: 5_000_000, .call(timer, { system.stop { ended.update { $0 = runtime.clock.nowMs } } }))
        runtime.runUntilIdle()
        #expect(ended.value == 5)
    }

    /// L42: an invocation's identity is its place, whatever the schedule.
    @Test func invocationsHaveStableIdentities() throws {
        let seen = Shared<[String]>([])
        let work = Native("work", 2) { (_, fiber) throws(Fault) in
            seen.update { $0.append(Job.running(fiber)!.lineage.identity.path) }
            return .nil
        }
        let system = try system(
            [ChannelSpec(name("in"), .fixed(8))],
            [WorkerSpec(name("w"), .command(input: name("in")), function: .native(work), isExposed: true)])
        for value in 1...2 { try system.command(name("w"), .int(Int64(value))) }
        world.runtime.runUntilIdle()
        #expect(seen.value == ["run/system:0/worker:w#0/invocation:0", "run/system:0/worker:w#0/invocation:1"])
    }
}

/// D16 needs a clock that moves while code runs.
@Suite struct GuardTests {
    @Test func reportsAWorkerThatHoldsItsThread() throws {
        let said = Shared("")
        let world = World(
            .threads(cores: 1), errorOutput: { bytes in said.update { $0 += String(decoding: bytes, as: UTF8.self) } })
        let names = world.instance.names
        let hold = Native("hold", 2) { (arguments, _) throws(Fault) in
            let until = MonotonicClock.now + (arguments[1].intValue ?? 0) * 1_000_000
            while MonotonicClock.now < until {}
            return .nil
        }
        let (channel, worker) = (names.intern("in"), names.intern("w"))
        let spec = SystemSpec(
            channels: [ChannelSpec(channel, .fixed(4))],
            workers: [WorkerSpec(worker, .command(input: channel), function: .native(hold), isExposed: true)],
            isGuarded: true, guardMs: 20)
        let system = try WorkerSystem(spec, world.runtime)
        system.start()
        try system.command(worker, .int(60))
        try system.command(worker, .int(0))
        world.runtime.runUntilIdle()
        let reports = world.runtime.events.recent().events.filter { $0.type == .guardReport }
        #expect(reports.count == 1)
        // As often as there are events, and for people.
        let lines = said.value.split(separator: "\n")
        #expect(lines.count == 1)
        #expect(lines.first?.hasPrefix("[WARN] worker :w held its thread for ") == true, "\(said.value)")
    }
}

@Suite struct DefinitionTests {
    private func parse(_ definition: Value) -> String? {
        do throws(Fault) {
            _ = try SystemSpec(definition: definition, options: .nil, resolve: { $0 })
            return nil
        } catch {
            if case .thrown(let exception) = error { return exception.message }
            return "\(error)"
        }
    }

    private func map(_ name: Name, _ value: Value) -> Value {
        var map = HashMap()
        try? HashMap.set(&map, .keyword(name), value)
        return .map(map)
    }

    // D2, D9
    @Test func refusesWhatCannotRun() {
        let names = Names()
        let (input, worker) = (names.intern("images/in"), names.intern("store"))
        let function = Value.native(Native("f", 2) { (_, _) throws(Fault) in .nil })
        let noRoom = Value.record((.channels, map(input, .record((.bufferType, .kw(.dropping))))))
        #expect(parse(noRoom) == "a dropping or sliding buffer needs room for at least one value, but its size is 0")
        let undeclared = Value.record(
            (.workers, map(worker, .record((.in, .keyword(input)), (.workerFn, function)))))
        #expect(parse(undeclared) == "worker :store has in :images/in, which is no declared channel")
        let good = Value.record(
            (.channels, map(input, .record((.buffer, .int(8))))),
            (.workers, map(worker, .record((.in, .keyword(input)), (.workerFn, function), (.exposed, .true)))))
        #expect(parse(good) == nil)
    }
}
