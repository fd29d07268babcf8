import Engine
import Machine
import Synchronization
import Values

/// A worker of a running system: its channels, its counts, and the fibers that serve it.
final class RunningWorker: @unchecked Sendable {
    // Sendable: `lock` guards what changes; the rest is atomic, immutable or locks inside.

    /// What the worker is at present: replaced as a whole when it is declared again (G3).
    final class Role: Sendable {
        let spec: WorkerSpec
        let input: Channel?
        let output: Channel?
        let failures: Channel?

        init(_ spec: WorkerSpec, _ channels: [Name: Channel]) {
            self.spec = spec
            if case .command(let name) = spec.kind { input = channels[name] } else { input = nil }
            output = spec.output.flatMap { channels[$0] }
            failures = spec.failures.flatMap { channels[$0] }
        }
    }

    let name: Name
    let identity: Identity
    unowned let system: WorkerSystem
    /// Hold the worker's function and its context, so that its fibers find the new ones at their next message.
    let function: Var
    let context: Var
    private let lock = SpinLock()
    @exclusivity(unchecked) private var present: Role
    /// The fibers that are to serve it; those that were retired are no more among them.
    @exclusivity(unchecked) private var loops: [WorkerLoop] = []
    /// Fibers that have not ended, with those that were retired.
    private let running = Atomic<Int>(0)
    private let started = Atomic<Int>(0)
    private let invocations = Atomic<Int>(0)
    private let ticks = Atomic<Int64>(0)
    /// Failures that no channel took.
    private let untold = Atomic<Int>(0)

    init(_ spec: WorkerSpec, _ system: WorkerSystem, _ channels: [Name: Channel]) {
        name = spec.name
        self.system = system
        identity = system.identity.child(.worker, name: spec.name.description, ordinal: 0)
        present = Role(spec, channels)
        let names = system.runtime.instance.names
        let space = names.intern(nil, "sluice.workers")
        function = Var(namespace: space, name: names.intern(nil, "function"))
        context = Var(namespace: space, name: names.intern(nil, "context"))
    }

    var role: Role { lock.withLock { present } }
    var spec: WorkerSpec { role.spec }
    var input: Channel? { role.input }

    /// Starts the fibers.
    func start() {
        refresh()
        system.runtime.events.emit(.workerStarted, identity)
        serve(role.spec)
    }

    /// Makes the fibers of the present see what the worker is now.
    func refresh() {
        let spec = role.spec
        function.bind(spec.function.isNil ? .native(WorkerLoop.counting) : spec.function)
        context.bind(system.context(spec))
    }

    private func serve(_ spec: WorkerSpec) {
        let count = role.input == nil ? 1 : spec.parallel
        running.wrappingAdd(count, ordering: .relaxed)
        for _ in 0..<count {
            let meter = makeMeter()
            let loop = WorkerLoop(self, meter: meter)
            lock.withLock { loops.append(loop) }
            system.runtime.spawn(
                loop.function(), dispatch: spec.dispatch, scope: system.scope,
                lineage: Lineage(
                    identity.child(.fiber, ordinal: started.wrappingAdd(1, ordering: .relaxed).oldValue)),
                completion: .call({ loop.ended($0) }), holdMeter: meter, undelivered: { loop.lost($0) })
        }
    }

    /// Becomes what a new declaration says (G3). Its fibers go on and see that at their next message, unless they have to be
    /// others: then those of before finish the message at hand. What its channels hold stays there.
    func replace(_ spec: WorkerSpec, _ channels: [Name: Channel]) {
        let role = Role(spec, channels)
        let before = lock.withLock {
            defer { present = role }
            return present
        }
        refresh()
        guard
            before.input !== role.input || !spec.isServed(like: before.spec) || running.load(ordering: .acquiring) == 0
        else { return }
        // The new ones first: the worker is never without any.
        let old = takeLoops()
        serve(spec)
        for loop in old { loop.retire() }
    }

    /// Lets its fibers finish the message at hand, and end.
    func retire() {
        for loop in takeLoops() { loop.retire() }
    }

    private func takeLoops() -> [WorkerLoop] {
        lock.withLock {
            defer { loops = [] }
            return loops
        }
    }

    /// D16; a `:thread` worker may hold its thread.
    private func makeMeter() -> HoldMeter? {
        guard system.isGuarded, spec.dispatch == .go else { return nil }
        let scheduler = system.runtime.scheduler
        return HoldMeter(
            limit: system.guardMs * 1_000_000, clock: { scheduler.now() },
            report: { [weak self] held, trace in self?.reportHold(held / 1_000_000, trace) })
    }

    private func reportHold(_ milliseconds: Int64, _ trace: [TraceFrame]) {
        // The script's own line, whichever function of the library it was that took so long.
        let place = trace.first { $0.span != nil && !$0.isLibrary } ?? functionPlace
        let whereabouts = place.flatMap { place in place.line.map { " (\(place.source!.name):\($0))" } } ?? ""
        system.runtime.say(
            "WARN",
            "worker :\(spec.name.description) held its thread for \(milliseconds) ms\(whereabouts); "
                + "with :dispatch :thread it may")
        system.notify(
            .guardReport, .guardReport, identity,
            [
                (.workerID, .keyword(spec.name)), (.heldMs, .int(milliseconds)),
                (.file, place?.source.map { .string($0.name) } ?? .nil),
                (.line, place?.line.map { .int(Int64($0)) } ?? .nil),
            ])
    }

    /// Where the worker's function begins: for a report that comes when the function has returned.
    private var functionPlace: TraceFrame? {
        var function = spec.function
        if case .object(let object) = function, let variable = object as? Var { function = variable.root }
        guard case .function(let closure) = function, let prototype = closure.owner as? Prototype,
            let place = prototype.code(containing: closure.entry)?.places.first
        else { return nil }
        return TraceFrame(function: prototype.name, source: place.source, span: place.span)
    }

    // What the loop asks

    /// The next message of `loop`, `.nil` when it is to end.
    func next(_ fiber: Fiber, _ loop: WorkerLoop) throws(Fault) -> Control {
        if system.isStopping || loop.isRetired { return .value(.nil) }
        if let input { return try loop.take(input, fiber) }
        return try nextTick(loop, try Job.waiting(fiber))
    }

    private func nextTick(_ loop: WorkerLoop, _ job: Job) throws(Fault) -> Control {
        guard case .ticker(let timing) = spec.kind else { return .value(.nil) }
        let scheduler = system.runtime.scheduler
        let isFirst = loop.firstTick == nil
        let firstTick = loop.firstTick ?? scheduler.now()
        loop.firstTick = firstTick
        if isFirst, timing.beginsAtOnce || system.isOnce {
            return .value(.int(ticks.wrappingAdd(1, ordering: .relaxed).oldValue))
        }
        if system.isOnce { return .value(.nil) }
        let deadline: Int64
        switch timing {
        case .every(let interval):
            let passed = max(0, scheduler.now() - firstTick) / (interval * 1_000_000)
            deadline = firstTick + (passed + 1) * interval * 1_000_000
        case .schedule(let next):
            let clock = system.runtime.clock
            guard let at = next(clock.wallMs) else { return .value(.nil) }
            deadline = scheduler.now() + max(0, at - clock.wallMs) * 1_000_000
        }
        let entry = Waiting(job, job.arm())
        system.sleeps(entry)
        if loop.waits(entry) {
            let count = ticks.wrappingAdd(1, ordering: .relaxed).oldValue
            scheduler.schedule(at: deadline, .resume(entry, .int(count)))
        }
        return try job.parked(entry.epoch)
    }

    /// A message that was taken, or could still have been, is let go of: it counts as dropped, and whoever waits for an answer
    /// gets one.
    func dropInput(_ message: Value) {
        countInputDrop()
        guard case .object(let object) = message, let request = object as? Request else { return }
        request.answer(
            failure: "stopped", system.isStopping ? "the system has stopped" : "the worker has stopped")
    }

    /// A message does not arrive (D12).
    func countInputDrop() {
        if case .command(let channel) = spec.kind { system.drop(channel, .inputDrop, name, identity) }
    }

    func nextInvocation() -> Identity {
        identity.child(.invocation, ordinal: invocations.wrappingAdd(1, ordering: .relaxed).oldValue)
    }

    /// Offers a result to the output; nil is not delivered (D11).
    func deliver(_ result: Value) {
        let role = role
        guard let output = role.output, let channel = role.spec.output, !result.isNil else { return }
        switch output.offer(result) {
        case .full, .dropped, .displaced, .closed:
            system.drop(channel, role.input == nil ? .tickerOutputDrop : .outputDrop, name, identity)
        case .accepted: break
        }
    }

    /// Counts, announces and forwards a failure (D13–D15).
    ///
    /// - Parameters:
    ///   - isAsked: somebody waits for an answer, and is told.
    ///   - isCutOff: a stop ended it, of which the host knows.
    func report(_ exception: Exception, _ message: Value, isAsked: Bool, isCutOff: Bool = false) {
        system.countError(name)
        let role = role
        let spec = role.spec
        let isTold = role.failures == nil && !isAsked && !isCutOff && tell(exception)
        let fields: [(KnownName, Value)] = [
            (.workerID, .keyword(spec.name)), (.workerKind, .kw(spec.kindName)), (.message, .string(exception.message)),
            (.exData, exception.data), (.msg, message), (.failChan, spec.failures.map { .keyword($0) } ?? .nil),
        ]
        system.notify(.workerError, .workersError, identity, fields)
        var outcome: HandledFailure.Outcome = isAsked ? .answered : .unheard
        if let failures = role.failures, let channel = spec.failures {
            let event = WorkerSystem.record(fields + [(.error, .object(exception))])
            switch failures.offer(event) {
            case .full, .dropped, .displaced, .closed: system.drop(channel, .failChanFull, name, identity)
            case .accepted: outcome = .forwarded(channel)
            }
        }
        if !isTold { system.note(HandledFailure(name, exception, outcome)) }
    }

    /// The host hears of a failure that goes nowhere else, the first few times. Gives whether it did.
    private func tell(_ exception: Exception) -> Bool {
        let told = untold.wrappingAdd(1, ordering: .relaxed).oldValue
        guard told < RunningWorker.toldFailures else { return false }
        system.runtime.tellUncaught(.thrown(exception), identity)
        return true
    }

    private static let toldFailures = 3

    /// - Parameter reason: why the fiber has given up; nil when it was told to end.
    func ended(_ loop: WorkerLoop, reason: String?) {
        lock.withLock { loops.removeAll { $0 === loop } }
        let isLast = running.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue == 0
        if let reason {
            // Also where failures go to a channel: that there will be no more of them is for people to know.
            let who = "worker :\(name.description)"
            system.runtime.say("WARN", "\(isLast ? who : "one of the fibers of \(who)") has stopped: \(reason)")
        }
        guard isLast else { return }
        // Nobody serves the channel any more: who puts on it should know.
        if reason != nil { input?.close() }
        system.runtime.events.emit(
            .workerStopped, identity, reason.map { .value(.record((.reason, .string($0)))) } ?? .none)
        system.workerEnded(self)
    }
}

extension TraceFrame {
    /// The line of the place, from 1.
    var line: Int? {
        guard let source, let span else { return nil }
        return source.position(of: Int(span.start)).line
    }
}
