import Engine
import Machine
import Synchronization
import Values

/// The runtime of one instance: makes fibers, knows their scheduler, and ends them.
///
/// The instance and whoever made the runtime keep it alive; fibers, scopes and primitives refer to it without holding it, so
/// `shutDown` must come before it goes.
package final class FiberRuntime: @unchecked Sendable {
    // Sendable: `random` is atomic, the rest is set once.
    package unowned(unsafe) let instance: Instance
    package let scheduler: any Scheduler
    /// The scheduler as a bare word, to compare with a thread's own.
    let home: UnsafeMutableRawPointer
    /// Owns every fiber.
    package let root: Scope
    /// The one stream of everything that happens; its clock is the scheduler's.
    package let events: EventStream
    /// What the run is called.
    package let identity: Identity
    /// Events that `emit` and sources bring.
    package let bus = EventBus()
    let signals = EventBus()
    /// What systems change tick by tick.
    package private(set) var world: World!
    private let uncaught: @Sendable (Fault, Identity) -> Void
    private let attachedEngine = Atomic<UnsafeMutableRawPointer?>(nil)
    private let names = Lock()
    private var metas: HashMap?
    private weak var runningSystem: WorkerSystem?
    private var definitionReading: DefinitionReading?
    private var cut: [Identity] = []
    private let random: Atomic<UInt64>
    private let starts = Atomic<Int>(0)
    private let exhaustions = Exhaustions()
    let sequenceWaits = SequenceWaits()
    /// Failures that nobody has asked for.
    package let unheard = UnheardFailures()

    /// How fibers are scheduled.
    package enum Mode: Sendable {
        /// On threads, at most so many of the pool at a time.
        case threads(cores: Int)
        /// On the thread that lends itself, with virtual time; chance is drawn from the seed, and the order too, unless it is
        /// given.
        case virtual(seed: UInt64, Schedule? = nil)
    }

    /// - Parameters:
    ///   - wallStart: what the wall clock shows when the scheduler's clock shows 0, in milliseconds; by default the real one,
    ///     and 0 under virtual time.
    ///   - uncaught: hears of faults that no code of the script handles, except cancellations; they are events, too.
    package init(
        _ instance: Instance, _ mode: Mode = .threads(cores: ThreadedScheduler.coreCount),
        identity: Identity = Identity(root: .run), redactor: Redactor = Redactor(), wallStart: Int64? = nil,
        uncaught: @escaping @Sendable (Fault, Identity) -> Void = { _, _ in }
    ) {
        self.instance = instance
        self.identity = identity
        self.uncaught = uncaught
        root = Scope(parent: nil)
        let exhaustions = exhaustions
        let exhausted: @Sendable (Fault) -> Void = { fault in
            if case .exhausted(let budget) = fault { exhaustions.runtime?.exhaust(budget, identity) }
        }
        switch mode {
        case .threads(let cores):
            random = Atomic(UInt64(bitPattern: MonotonicClock.now))
            scheduler = ThreadedScheduler(
                cores: cores, account: instance.account, seed: UInt64(bitPattern: MonotonicClock.now),
                onExhaustion: exhausted)
        case .virtual(let seed, let schedule):
            random = Atomic(seed ^ 0x5bf0_3635_dcf5_9e15)
            scheduler = VirtualScheduler(
                schedule ?? Schedule(seed: seed), account: instance.account, onExhaustion: exhausted)
        }
        home = Unmanaged.passUnretained(scheduler as AnyObject).toOpaque()
        let real = if case .threads = mode { WallClock.nowMs - MonotonicClock.nowMs } else { Int64(0) }
        let clock = SchedulerClock(scheduler, wallStart: wallStart ?? real)
        self.clock = clock
        events = EventStream(wallMs: { clock.wallMs }, redactor: redactor, names: instance.names)
        world = World(self)
        exhaustions.runtime = self
        root.belong(to: self)
        // Not kept by the instance: the fibers in there hold it.
        instance.sequenceReleased.set { [weak sequenceWaits] in sequenceWaits?.end($0) }
    }

    deinit {
        if let engine = attachedEngine.load(ordering: .acquiring) {
            Unmanaged<EngineDriver>.fromOpaque(engine).release()
        }
    }

    /// The scheduler's time, for the engine.
    package let clock: SchedulerClock

    /// The system of the graph that the script declared, while it runs.
    package var running: WorkerSystem? {
        get { names.withLock { runningSystem } }
        set { names.withLock { runningSystem = newValue } }
    }

    /// Asked before `start-workers` starts anything.
    package var definitions: DefinitionReading? {
        get { names.withLock { definitionReading } }
        set { names.withLock { definitionReading = newValue } }
    }

    /// The engine that performs effects, once attached.
    package var engine: EngineDriver? {
        attachedEngine.load(ordering: .acquiring).map { Unmanaged<EngineDriver>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Attaches the engine, once, before any fiber performs an effect.
    package func attach(_ engine: EngineDriver) {
        let old = attachedEngine.exchange(Unmanaged.passRetained(engine).toOpaque(), ordering: .acquiringAndReleasing)
        precondition(old == nil, "a runtime has one engine")
        // While something happens outside, the run does not end and a virtual clock stands. While an effect waits for its turn, its
        // next attempt or others, it goes on: that may be what the effect waits for.
        let (scheduler, account) = (scheduler, instance.account)
        engine.onOutside(
            began: { scheduler.hold() },
            ended: {
                account.bookMemory()
                scheduler.release()
            })
    }

    /// `defmeta` names and their maps, for effects that name one.
    package func setMetas(_ metas: HashMap?) { names.withLock { self.metas = metas } }

    func meta(_ name: Name) -> HashMap? {
        guard let metas = names.withLock({ metas }), case .map(let map)? = try? metas.find(.keyword(name)) else {
            return nil
        }
        return map
    }

    /// Passes on a fault of which an event tells already.
    func tellUncaught(_ fault: Fault, _ identity: Identity) { uncaught(fault, identity) }

    /// A line for people, as `log/info` and its kin write them.
    package func say(_ level: String, _ text: String) {
        FiberRuntime.say(level, text, to: instance.errorOutput)
    }

    package static func say(_ level: String, _ text: String, to output: Instance.OutputSink) {
        Array("[\(level)] \(text)\n".utf8).withUnsafeBufferPointer { output($0) }
    }

    /// Tells of a fault that no code of the script handles.
    ///
    /// - Parameter toldAs: its identity below that of who started it, where the two are apart.
    func report(_ fault: Fault, _ identity: Identity, toldAs: Identity? = nil) {
        events.emit(.fiberFailed, identity, .error(.of(fault, code: .handlerFailed)))
        uncaught(fault, toldAs ?? identity)
    }

    // Budgets

    /// The budget that ran out, if one has.
    package var exhaustion: Budget? { exhaustions.last }

    /// A budget ran out: it ends everything, whoever used it up (N6). What is in the foreground fails with it, whatever came
    /// of it; when nothing is, `uncaught` hears of it. What is started later, as the next form at a REPL, has what is left.
    func exhaust(_ budget: Budget, _ identity: Identity) {
        let (isNew, isUntold) = exhaustions.note(budget)
        let fault = Fault.exhausted(budget)
        if isNew { events.emit(.fiberFailed, identity, .error(.of(fault, code: .handlerFailed))) }
        if isUntold { uncaught(fault, identity) }
        root.endContents(.exhausted(budget))
        if isNew { endGrace(budget) }
        scheduler.attend()
    }

    /// `finally` blocks may wait a while, but not for ever.
    private func endGrace(_ budget: Budget) {
        let timer = TimerToken()
        exhaustions.keep(timer)
        scheduler.schedule(
            at: scheduler.now() + FiberRuntime.grace,
            .call(
                timer,
                { [weak self] in
                    // A conversation has gone on when the budget is no longer exhausted.
                    guard let self, instance.account.isExhausted, root.hasFibers else { return }
                    instance.account.endGrace()
                    root.endContents(.exhausted(budget))
                    scheduler.attend()
                }))
        // Nobody waits for the end of a grace that nobody needs any more.
        root.whenEmpty { [weak scheduler] in
            timer.cancel()
            scheduler?.attend()
        }
    }

    /// Nanoseconds that `finally` blocks may wait once a budget ran out.
    private static let grace: Int64 = 1_000_000_000

    /// Wall time is up: ends what runs and what waits. On any thread.
    package func expire() {
        instance.account.expire()
        // The budget is that of time, or of what ran out at the same moment.
        try? settle()
    }

    /// Counts what a thread that runs no fiber has made for the script, as of a request; a budget that this used up ends
    /// everything, as one that a fiber used up does. On any thread.
    package func settle() throws(Fault) {
        do throws(Fault) { try instance.account.settle(steps: 0) } catch {
            if case .exhausted(let budget) = error { exhaust(budget, identity) }
            throw error
        }
    }

    /// Whose fibers `cutOff` has ended so far: the first thousand.
    package var wereCutOff: [Identity] { names.withLock { cut } }

    /// A fiber says so of itself as it ends: while it runs, nobody else may ask what it is.
    func noteCutOff(_ identity: Identity) { names.withLock { if cut.count < 1_000 { cut.append(identity) } } }

    /// Ends what is left of a run that was stopped, `finally` blocks included. On any thread.
    package func cutOff() {
        instance.account.cutOff()
        exhaust(.shutdown, identity)
    }

    /// Starts a fiber that calls `function` with `arguments`.
    ///
    /// - Parameters:
    ///   - parent: the running job that starts it, whose scope, dynamic bindings and lineage it inherits, and which effect it
    ///     works for.
    ///   - scope: the scope it belongs to instead.
    ///   - undelivered: gets the result of its last operation when an ending keeps it from going on with that.
    ///   - mayWait: whether it may wait; an operation that would throws otherwise.
    @discardableResult
    package func spawn(
        _ function: Value, _ arguments: [Value] = [], dispatch: Dispatch = .go, from parent: Job? = nil,
        scope: Scope? = nil,
        lineage: Lineage? = nil, bindings: Bindings? = nil, completion: JobCompletion = .none,
        holdMeter: HoldMeter? = nil, undelivered: (@Sendable (Value) -> Void)? = nil, mayWait: Bool = true
    ) -> Job {
        let job = make(
            function, arguments, dispatch: dispatch, from: parent, scope: scope, lineage: lineage, bindings: bindings,
            completion: completion, holdMeter: holdMeter, undelivered: undelivered)
        if !mayWait { job.cannotPark += 1 }
        scheduler.ready(job)
        return job
    }

    /// A fiber that somebody makes ready later.
    func make(
        _ function: Value, _ arguments: [Value], dispatch: Dispatch, from parent: Job?, scope: Scope?,
        lineage: Lineage?,
        bindings: Bindings?, completion: JobCompletion, holdMeter: HoldMeter?,
        undelivered: (@Sendable (Value) -> Void)? = nil
    ) -> Job {
        let owner = scope ?? parent?.innerScope ?? root
        let line =
            lineage ?? parent?.nextLineage()
            ?? Lineage(identity.child(.fiber, ordinal: starts.wrappingAdd(1, ordering: .relaxed).oldValue))
        var callee = function
        let job = Job(
            calling: &callee, count: arguments.count, bindings: bindings ?? parent?.bindings, scope: owner,
            lineage: line, dispatch: dispatch, completion: completion, holdMeter: holdMeter, undelivered: undelivered)
        for index in arguments.indices { job.argument(index).initialize(to: arguments[index]) }
        if let request = parent?.request { job.works(for: request) }
        if case .promise(let promise) = completion, let future = promise as? Future { future.attach(job) }
        owner.add(Unmanaged.passUnretained(job))
        return job
    }

    /// Does an effect by a function of one argument or none: a fiber for the attempt, which may park, perform effects and be
    /// cancelled.
    ///
    /// - Parameter error: what a fault of the function is to whoever waits for the effect; the usual unless given.
    func handle(
        _ request: EffectRequest, _ function: Value, argument: Value? = nil,
        _ error: (@Sendable (Fault) -> EffectError)? = nil
    ) {
        var callee = function
        let job = Job(
            calling: &callee, count: argument == nil ? 0 : 1, bindings: nil, scope: root,
            lineage: Lineage(of: request), dispatch: .go,
            completion: error.map { error in .call { request.finish(FunctionHandler.outcome($0, error)) } }
                ?? .effect(request))
        if error != nil { job.works(for: request) }
        if let argument { job.argument(0).initialize(to: argument) }
        root.add(Unmanaged.passUnretained(job))
        request.onCancel(job)
        scheduler.ready(job)
    }

    // Lending the calling thread

    /// Runs `function` as the main fiber to its end, while other fibers run too. The calling thread works along.
    ///
    /// When the fiber waits for something that can never happen, the wait throws where it stands. When a budget runs out
    /// meanwhile, anywhere in the runtime, that is the result.
    ///
    /// - Parameter scope: what it and the fibers it starts belong to; the runtime's root unless given.
    package func runMain(
        _ function: Value, _ arguments: [Value] = [], bindings: Bindings? = nil, scope: Scope? = nil
    ) -> Result<Value, Fault> {
        inForeground { main(function, arguments, bindings, scope) }
    }

    /// Does what somebody waits for, on the calling thread, with fibers or without, as macros are run. When a budget runs out
    /// meanwhile, anywhere in the runtime, that is the result.
    package func inForeground(_ body: () -> Result<Value, Fault>) -> Result<Value, Fault> {
        let seen = exhaustions.enter()
        let result = body()
        return exhaustions.leave(seen).map { .failure(.exhausted($0)) } ?? result
    }

    private func main(_ function: Value, _ arguments: [Value], _ bindings: Bindings?, _ scope: Scope?)
        -> Result<Value, Fault>
    {
        let end = MainEnd()
        let completion = JobCompletion.call { [scheduler] result in
            end.set(result)
            scheduler.attend()
        }
        let job = make(
            function, arguments, dispatch: .go, from: nil, scope: scope, lineage: nil, bindings: bindings,
            completion: completion, holdMeter: nil)
        var first: Job? = job
        while true {
            let isOver = scheduler.run(first, until: { end.isSet })
            first = nil
            switch isOver {
            case .done: return end.result!
            case .stopped: return end.result ?? .failure(.cancelled(.stopped))
            case .idle:
                guard let epoch = job.currentWait, job.claim(epoch) else {
                    return end.result ?? .failure(FiberRuntime.deadlock)
                }
                job.resume(throwing: unreachable())
            }
        }
    }

    /// Why the main fiber waits for what nothing can bring any more. A budget that had run out before it began to wait has
    /// ended those that would have.
    private func unreachable() -> Fault {
        instance.account.exhausted.map { .exhausted($0) } ?? FiberRuntime.deadlock
    }

    static var deadlock: Fault {
        .of(
            .illegalState,
            "waits for ever: no other fiber, timer, effect or source is left that could end this wait",
            hint: "start what puts or delivers before waiting for it, or wait with a timeout")
    }

    /// Lends the calling thread until nothing can happen any more, or until `isDone`.
    @discardableResult package func runUntilIdle(or isDone: @escaping @Sendable () -> Bool = { false }) -> RunEnd {
        scheduler.run(nil, until: isDone)
    }

    /// Gives the fibers that are left `nanoseconds` to end by themselves, or until `isDone`. Only from a thread that runs no fiber.
    package func linger(for nanoseconds: Int64, or isDone: @escaping @Sendable () -> Bool = { false }) {
        // A timer would bring threads to life that most scripts never needed.
        guard root.hasFibers else { return }
        let late = TimerToken()
        let expired = Flag()
        scheduler.schedule(
            at: scheduler.now() + nanoseconds,
            .call(
                late,
                { [scheduler] in
                    expired.raise()
                    scheduler.attend()
                }))
        let root = root
        _ = scheduler.run(nil, until: { !root.hasFibers || expired.isRaised || isDone() })
        late.cancel()
    }

    /// Cancels every fiber, runs their `finally` blocks until `deadline` nanoseconds from now, and ends the threads. Gives
    /// whether all of them ended. Only from a thread that runs no fiber.
    @discardableResult package func shutDown(within nanoseconds: Int64 = 1_000_000_000) -> Bool {
        root.cancel(.stopped)
        linger(for: nanoseconds)
        scheduler.stop()
        return !root.hasFibers
    }

    /// 64 bits of chance, for fair choices: of the seeded sequence, and on threads, whose order is chance anyway, of the thread's own.
    func drawBits() -> UInt64 {
        let slot = ThreadSlot.pointer
        if slot.pointee.home == home, let owned = slot.pointee.owned { return owned.pointee.random.next() }
        return SplitMix.mix(random.wrappingAdd(SplitMix.step, ordering: .relaxed).newValue)
    }
}

/// A flag that is raised once.
final class Flag: Sendable {
    private let raised = Atomic<Bool>(false)
    func raise() { raised.store(true, ordering: .releasing) }
    var isRaised: Bool { raised.load(ordering: .acquiring) }
}

/// The result of a main fiber, set by the thread that ran its last slice.
private final class MainEnd: @unchecked Sendable {
    // Sendable: `stored` is written before `flag` is raised and read after.
    private var stored: Result<Value, Fault>?
    private let flag = Flag()

    func set(_ result: Result<Value, Fault>) {
        stored = result
        flag.raise()
    }

    var isSet: Bool { flag.isRaised }
    var result: Result<Value, Fault>? { flag.isRaised ? stored : nil }
}
