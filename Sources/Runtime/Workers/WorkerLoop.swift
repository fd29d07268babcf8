import Engine
import Machine
import Synchronization
import Values

/// One fiber of a worker: takes a message, calls the worker's function, delivers what came of it, and again.
///
/// The loop is code of the machine, so that the function is called in the fiber itself: it may park, be interrupted and be
/// cancelled like any code of the script. What the loop decides stands in primitives below.
final class WorkerLoop: @unchecked Sendable {
    // Sendable: its fiber alone touches the mutable fields, and the completion after it, but for what `lock` guards.
    private let worker: RunningWorker
    /// Keeps the system alive while its fibers run, whoever has let go of it.
    private let system: WorkerSystem
    private let meter: HoldMeter?
    /// When a ticker first ticked in this fiber; nil before.
    var firstTick: Int64?
    private let lock = SpinLock()
    /// Where the fiber waits, or waited, for its next message.
    @exclusivity(unchecked) private var waiting: Waiting?
    private let retired = Atomic<Bool>(false)
    private var request: Request?
    private var message = Value.nil
    /// A message is being taken, or was and has not begun.
    private var isTaking = false
    /// Times of the latest failures, for `:restart`.
    private var failures: [Int64] = []
    /// Why it takes no more messages, once it has failed more often than `:restart` allows.
    private var givenUp: String?

    init(_ worker: RunningWorker, meter: HoldMeter?) {
        self.worker = worker
        system = worker.system
        self.meter = meter
    }

    // Waiting for a message, and being told not to

    /// The fiber is to end when it next asks for a message.
    var isRetired: Bool { retired.load(ordering: .sequentiallyConsistent) }

    /// Ends the fiber after the message at hand; one that waits for a message ends now, and takes none any more.
    func retire() {
        retired.store(true, ordering: .sequentiallyConsistent)
        if let entry = lock.withLock({ waiting }), entry.claim() { entry.resume(.nil) }
    }

    /// Notes where the fiber is about to wait. False when it was retired meanwhile and goes on with nil: the wait is somebody's
    /// who has resumed it, or will.
    func waits(_ entry: Waiting) -> Bool {
        lock.withLock { waiting = entry }
        guard isRetired, entry.claim() else { return true }
        entry.resume(.nil)
        return false
    }

    /// The next message of a channel, nil when it is closed or the fiber retired.
    func take(_ input: Channel, _ fiber: Fiber) throws(Fault) -> Control {
        isTaking = true
        if let value = input.poll() { return .value(value) }
        while true {
            let job = try Job.waiting(fiber)
            let entry = Waiting(job, job.arm())
            guard waits(entry) else { return try job.parked(entry.epoch) }
            // Claims the wait before it takes: what was taken for one that has been retired would be lost.
            switch try input.choose(entry, putting: nil) {
            case .done(let value): return .value(value)
            case .waits, .lost: return try job.parked(entry.epoch)
            case .again, .granted: continue
            }
        }
    }

    /// The fiber ends with `value` in hand, which it has not begun: nobody loses a message without hearing of it.
    func lost(_ value: Value) {
        guard isTaking, !value.isNil else { return }
        isTaking = false
        worker.dropInput(value)
    }

    /// The function that the fiber runs.
    func function() -> Value {
        let next = Native("worker/next", 0, control: { (_, fiber) throws(Fault) in try self.worker.next(fiber, self) })
        let begin = Native("worker/begin", 1) { (arguments, fiber) throws(Fault) in self.begin(arguments.take(0), fiber)
        }
        let deliver = Native("worker/deliver", 1) { (arguments, fiber) throws(Fault) in
            self.meter?.check(fiber)
            self.finish(arguments.take(0))
            return .nil
        }
        let failed = Native(
            "worker/failed", 1, control: { (arguments, fiber) throws(Fault) in try self.fail(arguments[0], fiber) })
        func cell(_ variable: Var) -> Value { .int(Int64(Int(bitPattern: variable.cell))) }
        // Behind each cell stands its var, to keep it alive.
        return WorkerLoop.code([
            .native(next), .native(begin), cell(worker.function), .object(worker.function), cell(worker.context),
            .object(worker.context), .native(deliver), .native(failed),
        ])
    }

    /// What a ticker without a function does: its count is its value.
    static let counting = Native("worker/count", 2) { (arguments, _) throws(Fault) in arguments[1] }

    /// Constants: next, begin, the vars of function and context, deliver, failed.
    private static func code(_ constants: [Value]) -> Value {
        let count = 21
        func load(_ at: Int, _ register: Int, _ constant: Int, _ op: Opcode = .loadConst) -> Instruction {
            Instruction(op, register, wide: Code.distance(from: at, toConstant: constant, count: count))
        }
        // The message stays in the register that it was taken into until it has begun: `lost` finds it there.
        let body: [Instruction] = [
            load(0, 2, 0), Instruction(.call, 2, 0),  //                     0: message ← (next)
            Instruction(.jumpIfNil, 2, wide: 16),  //                        2: → 19
            load(3, 1, 1), Instruction(.call, 1, 1),  //                     3: message ← (begin message)
            // 5: result ← (f context message)
            Instruction(.move, 3, 1), load(6, 1, 2, .getVar), load(7, 2, 4, .getVar), Instruction(.call, 1, 2),
            Instruction(.move, 3, 1), load(10, 2, 6), Instruction(.call, 2, 1),  // 9: (deliver result)
            Instruction(.drop, 2), Instruction(.jumpBack, 0, wide: -14),  // 12: → 0
            load(14, 2, 7), Instruction(.move, 3, 4), Instruction(.call, 2, 1),  // 14: goes on ← (failed exception)
            Instruction(.jumpUnless, 2, wide: 1), Instruction(.jumpBack, 0, wide: -19),  // 17: → 19 or 0
            Instruction(.loadNil, 0), Instruction(.ret, 0),  // 19
        ]
        let handler = Code.Handler(range: 3..<12, target: 14, register: 4, base: 0, kind: .catch)
        let code = Code(body, constants: constants, parameters: 0, isVariadic: false, registers: 6, handlers: [handler])
        return .function(
            Prototype(name: nil, arities: [code], captureCount: 0).makeClosure())
    }

    private func begin(_ taken: Value, _ fiber: Fiber) -> Value {
        isTaking = false
        meter?.reset()
        Job.running(fiber)?.begin(worker.nextInvocation())
        if case .object(let object) = taken, let request = object as? Request {
            self.request = request
            message = request.message
        } else {
            message = taken
        }
        return message
    }

    private func finish(_ result: Value) {
        worker.deliver(result)
        request?.answer(result)
        request = nil
        message = .nil
    }

    /// True, perhaps after a pause, when the worker goes on.
    private func fail(_ value: Value, _ fiber: Fiber) throws(Fault) -> Control {
        guard case .object(let object) = value, let exception = object as? Exception else { return .value(.true) }
        worker.report(exception, message, isAsked: request != nil)
        request?.answer(failure: "worker_error", exception.message, data: exception.data)
        request = nil
        message = .nil
        guard let limit = worker.spec.restart else { return .value(.true) }
        let now = system.runtime.clock.nowMs
        failures.append(now)
        failures.removeAll { $0 < now - limit.perMs }
        guard failures.count <= limit.max else {
            let count = failures.count
            givenUp =
                "it failed \(count) \(count == 1 ? "time" : "times") in \(limit.perMs) ms, more than :restart allows"
            return .value(.false)
        }
        return try pause(limit.pauseMs(after: failures.count), fiber)
    }

    /// Goes on after so many milliseconds; a stop, or that the fiber is retired, ends it at once.
    private func pause(_ milliseconds: Int64, _ fiber: Fiber) throws(Fault) -> Control {
        if milliseconds == 0 { return .value(.true) }
        let job = try Job.waiting(fiber)
        let scheduler = system.runtime.scheduler
        let entry = Waiting(job, job.arm())
        system.sleeps(entry)
        if waits(entry) {
            scheduler.schedule(at: scheduler.now() + milliseconds * 1_000_000, .resume(entry, .true))
        }
        return try job.parked(entry.epoch)
    }

    /// The fiber has ended, perhaps in the middle of a message.
    func ended(_ result: Result<Value, Fault>) {
        // The entry holds the fiber, which holds this loop.
        lock.withLock { waiting = nil }
        switch result {
        case .success: request?.answer(failure: "stopped", "the worker has stopped")
        case .failure(let fault):
            let error = EffectError.of(fault, code: .handlerFailed)
            if case .cancelled = fault, !message.isNil {
                worker.report(
                    Exception(.runtime, error.message), message, isAsked: request != nil, isCutOff: true)
            }
            request?.answer(failure: error.code, error.message)
        }
        request = nil
        message = .nil
        worker.ended(self, reason: givenUp)
    }
}
