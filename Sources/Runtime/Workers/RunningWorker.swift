import Engine
import Machine
import Synchronization
import Values

/// A worker of a running system: its channels, its counts, and the fibers that serve it.
final class RunningWorker: @unchecked Sendable {
    // Sendable: atomics and what locks inside; ticks are touched by the ticker's one fiber.
    let spec: WorkerSpec
    let identity: Identity
    unowned let system: WorkerSystem
    let input: Channel?
    private let output: Channel?
    private let failures: Channel?
    private let invocations = Atomic<Int>(0)
    private let loops = Atomic<Int>(0)
    /// Failures that no channel took.
    private let untold = Atomic<Int>(0)
    private var tick: Int64 = 0
    private var firstTick: Int64 = 0

    init(_ spec: WorkerSpec, _ system: WorkerSystem, _ channels: [Name: Channel]) {
        self.spec = spec
        self.system = system
        identity = system.identity.child(.worker, name: spec.name.description, ordinal: 0)
        if case .command(let name) = spec.kind { input = channels[name] } else { input = nil }
        output = spec.output.flatMap { channels[$0] }
        failures = spec.failures.flatMap { channels[$0] }
    }

    /// Starts the fibers.
    func start() {
        system.runtime.events.emit(.workerStarted, identity)
        let count = input == nil ? 1 : spec.parallel
        loops.store(count, ordering: .relaxed)
        for index in 0..<count {
            let meter = makeMeter()
            let loop = WorkerLoop(self, index: index, meter: meter)
            system.runtime.spawn(
                loop.function(system.context(spec)), dispatch: spec.dispatch, scope: system.scope,
                lineage: Lineage(identity.child(.fiber, ordinal: index)), completion: .call({ loop.ended($0) }),
                holdMeter: meter)
        }
    }

    /// D16; a `:thread` worker may hold its thread.
    private func makeMeter() -> HoldMeter? {
        guard system.spec.isGuarded, spec.dispatch == .go else { return nil }
        let scheduler = system.runtime.scheduler
        return HoldMeter(
            limit: system.spec.guardMs * 1_000_000, clock: { scheduler.now() },
            report: { [weak self] held, trace in self?.reportHold(held / 1_000_000, trace) })
    }

    private func reportHold(_ milliseconds: Int64, _ trace: [TraceFrame]) {
        let place = trace.first { $0.source != nil } ?? functionPlace
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

    /// The next message, `.nil` when the worker is to end.
    func next(_ fiber: Fiber) throws(Fault) -> Control {
        if system.isStopping { return .value(.nil) }
        if let input { return try input.take(fiber).control() }
        return try nextTick(try Job.waiting(fiber))
    }

    private func nextTick(_ job: Job) throws(Fault) -> Control {
        guard case .ticker(let timing) = spec.kind else { return .value(.nil) }
        let scheduler = system.runtime.scheduler
        let count = tick
        tick += 1
        if count == 0 {
            firstTick = scheduler.now()
            return .value(.int(0))
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
        scheduler.schedule(at: deadline, .resume(entry, .int(count)))
        return try job.parked(entry.epoch)
    }

    func nextInvocation() -> Identity {
        identity.child(.invocation, ordinal: invocations.wrappingAdd(1, ordering: .relaxed).oldValue)
    }

    /// Offers a result to the output; nil is not delivered (D11).
    func deliver(_ result: Value) {
        guard let output, let name = spec.output, !result.isNil else { return }
        switch output.offer(result) {
        case .full, .dropped, .displaced:
            system.drop(name, input == nil ? .tickerOutputDrop : .outputDrop, spec.name, identity)
        case .accepted, .closed: break
        }
    }

    /// Counts, announces and forwards a failure (D13–D15).
    ///
    /// - Parameter isAnswered: somebody waits for the answer to the message, and hears of the failure.
    func report(_ exception: Exception, _ message: Value, isAnswered: Bool) {
        system.countError(spec.name)
        if failures == nil, !isAnswered { tell(exception) }
        let fields: [(KnownName, Value)] = [
            (.workerID, .keyword(spec.name)), (.workerKind, .kw(spec.kindName)), (.message, .string(exception.message)),
            (.exData, exception.data), (.msg, message), (.failChan, spec.failures.map { .keyword($0) } ?? .nil),
        ]
        system.notify(.workerError, .workersError, identity, fields)
        guard let failures, let name = spec.failures else { return }
        let event = WorkerSystem.record(fields + [(.error, .object(exception))])
        switch failures.offer(event) {
        case .full, .dropped, .displaced: system.drop(name, .failChanFull, spec.name, identity)
        case .accepted, .closed: break
        }
    }

    /// A failure that goes nowhere else is told, the first few times.
    private func tell(_ exception: Exception) {
        let told = untold.wrappingAdd(1, ordering: .relaxed).oldValue
        if told < RunningWorker.toldFailures { system.runtime.tellUncaught(.thrown(exception), identity) }
    }

    private static let toldFailures = 3

    func giveUp(after count: Int) {
        system.runtime.events.emit(
            .workerStopped, identity,
            .value(
                .record(
                    (
                        .reason,
                        .string("it failed \(count) times in \(spec.restart?.perMs ?? 0)ms, more than :restart allows")
                    ))))
        // Nobody serves the channel any more, unless fibers of this worker are left: who puts on it should know.
        if loops.load(ordering: .acquiring) == 1 { input?.close() }
    }

    func loopEnded() {
        if loops.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue == 0 {
            system.runtime.events.emit(.workerStopped, identity)
            system.workerEnded(self)
        }
    }
}

extension TraceFrame {
    /// The line of the place, from 1.
    var line: Int? {
        guard let source, let span else { return nil }
        return source.position(of: Int(span.start)).line
    }
}
