import Engine
import Machine
import Values

/// A system: a function of the world and the milliseconds since the last tick that returns the new world (P3–P6).
package struct WorldSystem: Sendable {
    package let name: Name
    package let function: Value
    /// Where it is declared.
    let place: TraceFrame?

    package init(name: Name, function: Value, place: TraceFrame? = nil) {
        self.name = name
        self.function = function
        self.place = place
    }
}

/// Drives the world: its clock, its systems' calls, its effects.
///
/// A tick calls the systems one after the other, each on a fiber of its own that may not wait, and submits what they left as
/// one batch. What an effect comes to is an event of a later tick (P8–P13), so no tick waits for one (P7). A tick that found
/// nothing to do is the last until something happens: an idle world has no timer, and does not keep a run alive.
package final class World: @unchecked Sendable {
    // Sendable: `lock` guards everything mutable.
    private unowned let runtime: FiberRuntime
    private let lock = Lock()
    private var machine = WorldMachine()
    private var running: Running?
    private var systems: [WorldSystem] = []
    private var hearing = Hearing.undecided
    /// Number of the bus.
    private var subscription: Int?
    /// Events that nobody looked at.
    private var lost = 0
    /// Ends the doubt whether there will be a system.
    private var doubt: TimerToken?
    /// Fibers that wait for the world to catch up.
    private var patient: [Waiting] = []
    private var stage = Stage.resting
    /// Something happened while a tick was scheduled or under way.
    private var isWoken = false
    /// Nil before the first tick.
    private var tickBeganNs: Int64?
    /// Milliseconds between the tick at hand and the one before.
    private var elapsedMs: Int64 = 0
    /// Ids of effects that this world waits for.
    private var awaited: Set<ValueKey> = []
    /// Ids of its effects that the engine knew at the last tick, or was given since, in the order of submission.
    private var known: [ValueKey] = []
    /// How many effects each system has left.
    private var left: [Name: Int] = [:]
    /// What each system was told off for in the last tick and in the one at hand: what goes on is told once.
    private var complaints: (before: [Name: Set<String>], now: [Name: Set<String>]) = ([:], [:])

    /// A world without systems would gather what nobody looks at. Until a script has been evaluated, nobody knows whether it
    /// declares one: so long a few events are kept, and sources wait.
    private enum Hearing { case undecided, listening, nobody }

    private enum Stage {
        case resting
        case scheduled(TimerToken)
        /// The systems of this tick, and which of them runs.
        case ticking([WorldSystem], Int)
    }

    /// How it runs.
    package struct Running: Sendable {
        package let tickMs: Int64
        /// `(f system-function world dt)` calls a system and makes plain data of what it left.
        package let step: Value
        /// Tells a person: a level and a text.
        package let say: @Sendable (String, String) -> Void

        package init(tickMs: Int64, step: Value, say: @escaping @Sendable (String, String) -> Void) {
            self.tickMs = tickMs
            self.step = step
            self.say = say
        }
    }

    init(_ runtime: FiberRuntime) {
        self.runtime = runtime
        subscribe()
    }

    /// The functions of its systems, in order.
    package var systemFunctions: [Value] { lock.withLock { systems.map(\.function) } }

    /// The world as it is now, its `:effects/stats` too; `:effects/pending` is what the last tick found.
    package var value: Value {
        let stats = runtime.engine?.stats.value
        return lock.withLock { machine.world(stats: stats) }
    }

    // Changing it

    /// The systems of the ticks that begin from here on, in order.
    package func setSystems(_ systems: [WorldSystem]) {
        if systems.isEmpty { ignore() } else { listen() }
        lock.withLock {
            self.systems = systems
            wake()
        }
    }

    /// A system was declared: what happens from here on waits for the first tick.
    package func listen() {
        let (isNew, timer) = lock.withLock { () -> (Bool, TimerToken?) in
            defer {
                hearing = .listening
                doubt = nil
            }
            return (hearing == .nobody, doubt)
        }
        timer?.cancel()
        if isNew { subscribe() }
        tellLost()
    }

    /// There is no system that an event would be for.
    private func ignore(ifUndecided: Bool = false) {
        let (left, timer) = lock.withLock { () -> (Int?, TimerToken?) in
            if ifUndecided, hearing != .undecided { return (nil, nil) }
            hearing = .nobody
            lost += machine.forgetArrived()
            defer { (subscription, doubt) = (nil, nil) }
            return (subscription, doubt)
        }
        timer?.cancel()
        if let left { runtime.bus.unsubscribe(left) }
        caughtUp()
    }

    private func subscribe() {
        let id = runtime.bus.subscribe { [weak self] in self?.push($0) }
        lock.withLock { subscription = id }
    }

    /// Nothing is lost in silence.
    private func tellLost() {
        let (count, running) = lock.withLock { () -> (Int, Running?) in
            guard hearing == .listening, let current = self.running else { return (0, nil) }
            defer { lost = 0 }
            return (lost, current)
        }
        guard count > 0 else { return }
        running?.say(
            "WARN", "the world missed \(count) \(count == 1 ? "event" : "events") that came before its first system")
    }

    /// Begins to tick: the first time at once.
    package func start(_ running: Running) {
        if lock.withLock({ !systems.isEmpty }) { listen() }
        lock.withLock {
            self.running = running
            wake()
        }
        tellLost()
    }

    /// Ends with the tick at hand, if there is one.
    package func stop() {
        let id = lock.withLock { () -> Int? in
            running = nil
            hearing = .nobody
            defer { subscription = nil }
            if case .scheduled(let token) = stage {
                token.cancel()
                stage = .resting
            }
            return subscription
        }
        if let id { runtime.bus.unsubscribe(id) }
    }

    /// Brings an event to the next tick. On any thread.
    package func push(_ event: Value) {
        lock.withLock {
            if hearing == .undecided, machine.backlog >= World.patience {
                lost += 1
                return
            }
            machine.push(event)
            wake()
        }
    }

    // How far it is behind

    /// Events that no tick has brought yet at which sources wait: a tick at most brings so many of them, and so many lie in
    /// memory.
    package static let patience = 1_000

    /// Events that no tick has brought yet.
    package var backlog: Int { lock.withLock { machine.backlog } }

    /// Whether sources are to wait.
    package var isBehind: Bool { lock.withLock { isFarBehind } }

    /// Under the lock.
    private var isFarBehind: Bool { hearing != .nobody && machine.backlog >= World.patience }

    /// Resumes who waits for the world to catch up: at once, or when the next tick begins.
    func catchUp(_ entry: Waiting) {
        let isBehind = lock.withLock {
            guard isFarBehind else { return false }
            patient.append(entry)
            if hearing == .undecided, doubt == nil { beginDoubt() }
            return true
        }
        if !isBehind, entry.claim() { entry.resume(.nil) }
    }

    /// A script that waits, before its end, for what a source is to bring need not have a system. Under the lock.
    private func beginDoubt() {
        let token = TimerToken()
        doubt = token
        runtime.scheduler.schedule(
            at: runtime.scheduler.now() + World.patienceMs * 1_000_000,
            .call(token, { [weak self] in self?.ignore(ifUndecided: true) }))
    }

    private func caughtUp() {
        let entries = lock.withLock {
            defer { patient = [] }
            return patient
        }
        for entry in entries where entry.claim() { entry.resume(.nil) }
    }

    /// What `set-state` does.
    package func set(_ path: [Value], _ value: Value) throws(Fault) {
        try lock.withLock { () throws(Fault) in
            try machine.set(path, value)
            wake()
        }
    }

    /// A world at rest ticks again, no sooner than a tick after the last. Under the lock.
    private func wake() {
        guard case .resting = stage else {
            isWoken = true
            return
        }
        guard let running, !systems.isEmpty else { return }
        let now = runtime.scheduler.now()
        schedule(at: tickBeganNs.map { max(now, $0 + running.tickMs * 1_000_000) } ?? now)
    }

    private func schedule(at deadline: Int64) {
        let token = TimerToken()
        stage = .scheduled(token)
        runtime.scheduler.schedule(at: deadline, .call(token, { [weak self] in self?.begin(token) }))
    }

    // A tick

    private func begin(_ token: TimerToken) {
        let isDue = lock.withLock {
            guard case .scheduled(let current) = stage, current === token, running != nil else { return false }
            let now = runtime.scheduler.now()
            tickBeganNs = now
            let (pending, stats) = standing()
            elapsedMs = machine.begin(at: now / 1_000_000, pending: pending, stats: stats)
            stage = .ticking(systems, -1)
            isWoken = false
            return true
        }
        guard isDue else { return }
        caughtUp()
        next()
    }

    /// `:effects/pending` and `:effects/stats` (P14, P20): no older than the events that the tick brings. The former holds what the
    /// engine still knows of the effects that the world left. Under the lock, which the engine never waits for.
    private func standing() -> (pending: Value, stats: Value) {
        guard let engine = runtime.engine else { return (.map(HashMap()), .map(HashMap())) }
        var pending = HashMap()
        var left: [ValueKey] = []
        for (id, view) in zip(known, engine.views(known)) {
            guard let view else { continue }
            left.append(id)
            try? HashMap.set(&pending, id.value, view.value(on: runtime.clock))
        }
        known = left
        return (.map(pending), engine.stats.value)
    }

    /// Calls the next system, or ends the tick.
    private func next() {
        let call = lock.withLock { () -> (system: WorldSystem, at: Int, running: Running, world: Value, dt: Int64)? in
            guard case .ticking(let all, let index) = stage, let running, index + 1 < all.count else { return nil }
            stage = .ticking(all, index + 1)
            return (all[index + 1], index + 1, running, machine.current, elapsedMs)
        }
        guard let call else { return end() }
        let began = runtime.scheduler.now()
        let watch = watchOver(call.system, call.running)
        runtime.spawn(
            call.running.step, [call.system.function, call.world, .int(call.dt)],
            lineage: Lineage(place(call.system.name)),
            completion: .call { [weak self] result in
                watch.cancel()
                guard let self else { return }
                ended(call.system, call.at, call.running, result, took: runtime.scheduler.now() - began)
            }, mayWait: false)
    }

    private func place(_ system: Name) -> Identity {
        runtime.identity.child(.system, name: system.description, ordinal: 0)
    }

    private func ended(
        _ system: WorldSystem, _ at: Int, _ running: Running, _ result: Result<Value, Fault>, took: Int64
    ) {
        switch result {
        case .success(let world):
            if let complaint = lock.withLock({ machine.accept(world, by: at) }) {
                failed(system, .of(.illegalState, complaint))
            } else if took > running.tickMs * 1_000_000 {
                slow(system, running, "took \(took / 1_000_000) ms, longer than a tick of \(running.tickMs) ms")
            }
        case .failure(.cancelled), .failure(.exhausted): stop()
        case .failure(let fault): failed(system, fault)
        }
        next()
    }

    /// What the system did in this tick is lost, or some of it; the others go on (its events are theirs as well).
    ///
    /// - Parameter error: what went wrong, where it is more than the fault says.
    private func failed(_ system: WorldSystem, _ fault: Fault, _ error: EffectError? = nil) {
        // What it returned or left came from no call that could be blamed.
        if case .thrown(let exception) = fault, exception.trace.isEmpty, let place = system.place {
            exception.trace = [place]
        }
        let error = error ?? .of(fault, code: .handlerFailed)
        runtime.events.emit(.systemFailed, place(system.name), .error(error))
        if isNews(system.name, error.message) { runtime.tellUncaught(fault, place(system.name)) }
    }

    private func slow(_ system: WorldSystem, _ running: Running, _ what: String) {
        runtime.events.emit(.systemSlow, place(system.name), .value(.string(what)))
        if isNews(system.name, "slow") { running.say("WARN", "system :\(system.name.description) \(what)") }
    }

    /// Whether a person has not been told of a complaint already, in this tick or the last.
    private func isNews(_ system: Name, _ complaint: String) -> Bool {
        lock.withLock {
            complaints.now[system, default: []].insert(complaint).inserted
                && !(complaints.before[system]?.contains(complaint) ?? false)
        }
    }

    /// Says so when a system does not come back.
    private func watchOver(_ system: WorldSystem, _ running: Running) -> TimerToken {
        let token = TimerToken()
        let patience = max(running.tickMs, World.patienceMs)
        runtime.scheduler.schedule(
            at: runtime.scheduler.now() + patience * 1_000_000,
            .call(
                token,
                { [weak self] in
                    self?.slow(system, running, "has been running for \(patience) ms: no tick comes before it returns")
                }))
        return token
    }

    /// A system that runs so long is told of while it does.
    private static let patienceMs: Int64 = 1_000

    private func end() {
        let (left, isQuiet) = lock.withLock { () -> ([Left], Bool) in
            let (effects, authors, isQuiet) = machine.end()
            guard case .ticking(let all, _) = stage else { return ([], isQuiet) }
            return (zip(effects, authors).map { Left(value: $0, system: all[$1]) }, isQuiet)
        }
        submit(left)
        lock.withLock {
            complaints = (complaints.now, [:])
            stage = .resting
            if !isQuiet || isWoken { wake() }
            isWoken = false
        }
    }

    // Effects

    /// What a system left among `:effects`.
    private struct Left {
        let value: Value
        let system: WorldSystem
    }

    /// The same, once it is known to be one.
    private struct Batched {
        let effect: Effect
        let system: WorldSystem
    }

    /// Hands over what the systems of a tick left, as one batch. Where the engine takes none of it because of what some of them
    /// left, the others' effects are the batch.
    private func submit(_ left: [Left]) {
        var batch = read(left)
        while !batch.isEmpty {
            guard let error = handOver(batch) else { return }
            let guilty = World.guilty(of: error, batch)
            // Nothing of the batch was taken, and nobody shall wait for ever.
            if guilty.isEmpty {
                for one in batch {
                    note(one.effect, .error(error))
                    settle(one.effect, .error(error))
                }
                return
            }
            for system in guilty { refuse(system, batch, error) }
            batch.removeAll { one in guilty.contains { $0.name == one.system.name } }
        }
    }

    /// Submits a batch. Gives why nothing of it was taken.
    private func handOver(_ batch: [Batched]) -> EffectError? {
        // Of equal ids the first wins, as does one that is known; the engine counts the others (P15, P16).
        let isNew = batch.map { one in
            runtime.engine?.view(one.effect.id) == nil && lock.withLock { awaited.insert(one.effect.id).inserted }
        }
        let new = zip(batch, isNew).filter(\.1).map(\.0.effect.id)
        do throws(EffectError) {
            guard let engine = runtime.engine else { throw EffectError(.engineStopped, "there is no engine") }
            try engine.submit(
                Submission(batch.map(\.effect)) { [weak self] index, end in
                    guard isNew[index], let self else { return }
                    if end.status == .failed { note(batch[index].effect, end.outcome) }
                    settle(batch[index].effect, end.outcome)
                })
            lock.withLock { known += new }
            return nil
        } catch {
            lock.withLock { awaited.subtract(new) }
            return error
        }
    }

    /// The systems that left what the engine refuses a batch for, in order: those that name the unknown group, or whose effects
    /// close the circle (J19). Empty when it was refused for another reason.
    private static func guilty(of error: EffectError, _ batch: [Batched]) -> [WorldSystem] {
        guard case .vector(let named) = error.data,
            error.code == EffectCode.unknownGroup.rawValue || error.code == EffectCode.dependencyCycle.rawValue
        else { return [] }
        let groups = Set(named.elements.compactMap { try? ValueKey($0) })
        let isCycle = error.code == EffectCode.dependencyCycle.rawValue
        var systems: [WorldSystem] = []
        for one in batch where !systems.contains(where: { $0.name == one.system.name }) {
            let meta = one.effect.meta
            guard meta.dependsOn.contains(where: groups.contains),
                !isCycle || meta.group.map(groups.contains) ?? false
            else { continue }
            systems.append(one.system)
        }
        if !systems.isEmpty { return systems }
        // A circle by way of effects that answer for others.
        for one in batch where !systems.contains(where: { $0.name == one.system.name }) { systems.append(one.system) }
        return systems
    }

    /// What a system leaves in a tick is taken as a whole or not at all, as any batch is.
    private func refuse(_ system: WorldSystem, _ batch: [Batched], _ error: EffectError) {
        var error = error
        error.message = "nothing that system :\(system.name.description) left in this tick is taken: \(error.message)"
        let own = batch.filter { $0.system.name == system.name }.map(\.effect)
        failed(system, FiberRuntime.fault(error, effect: own.first?.value ?? .nil), error)
        var settled: Set<ValueKey> = []
        for effect in own where settled.insert(effect.id).inserted { settle(effect, .error(error)) }
    }

    /// Notes a failure, which its event alone would tell.
    private func note(_ effect: Effect, _ outcome: Outcome) {
        if case .error(let error) = outcome { runtime.unheard.add(effect, error, .world(effect)) }
    }

    /// What is no effect is told of, and left out; one with an id has failed, and whoever waits for that hears it.
    private func read(_ left: [Left]) -> [Batched] {
        left.compactMap { one in
            let ordinal = lock.withLock {
                defer { self.left[one.system.name, default: 0] += 1 }
                return self.left[one.system.name, default: 0]
            }
            let parent = place(one.system.name)
            do throws(KeyError) {
                let effect = try Effect(
                    one.value, parent: parent, ordinal: ordinal, named: { [runtime] in runtime.meta($0) })
                return Batched(effect: effect, system: one.system)
            } catch {
                failed(one.system, error.fault)
                if let effect = Effect(unread: one.value, parent: parent, ordinal: ordinal) {
                    settle(effect, .error(.of(error.fault, code: .invalidEffect)))
                }
                return nil
            }
        }
    }

    /// P8–P12.
    private func settle(_ effect: Effect, _ outcome: Outcome) {
        let names = runtime.instance.names
        let (isError, part): (Bool, (KnownName, Value)) =
            switch outcome {
            case .ok(let value): (false, (.result, value))
            case .error(let error): (true, (.error, error.value))
            }
        let type = EffectEvent.type(of: effect.type, isError: isError, names)
        let event = runtime.event(
            .keyword(type), source: .record((.kind, .kw(.effects)), (.effectID, effect.id.value)),
            payload: .record((.effectID, effect.id.value), (.effect, effect.value), part))
        lock.withLock {
            awaited.remove(effect.id)
            machine.push(event)
            wake()
        }
    }
}
