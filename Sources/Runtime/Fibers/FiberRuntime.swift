import Machine
import Synchronization
import Values

/// The runtime of one instance: makes fibers, knows their scheduler, and ends them.
///
/// The instance and whoever made the runtime keep it alive; fibers, scopes and primitives refer to it without holding it, so
/// `shutDown` must come before it goes.
package final class FiberRuntime: @unchecked Sendable {
    // Sendable: `random` is atomic, the rest is set once.
    package unowned let instance: Instance
    package let scheduler: any Scheduler
    /// Owns every fiber.
    package let root: Scope
    /// Hears of faults that no code of the script handles, except cancellations.
    let uncaught: @Sendable (Fault, Lineage) -> Void
    private let random: Atomic<UInt64>
    private let starts = Atomic<Int>(0)
    private let main = Atomic<Int>(0)

    /// How fibers are scheduled.
    package enum Mode: Sendable {
        /// On threads, at most so many of the pool at a time.
        case threads(cores: Int)
        /// On the thread that lends itself, in an order drawn from the seed, with virtual time.
        case virtual(seed: UInt64)
    }

    package init(
        _ instance: Instance, _ mode: Mode = .threads(cores: ThreadedScheduler.coreCount),
        uncaught: @escaping @Sendable (Fault, Lineage) -> Void = { _, _ in }
    ) {
        self.instance = instance
        self.uncaught = uncaught
        root = Scope(parent: nil)
        let root = root
        // A budget that ran out ends everything, whoever used it up (N6).
        let exhausted: @Sendable (Fault) -> Void = { _ in root.cancel(.stopped) }
        switch mode {
        case .threads(let cores):
            random = Atomic(UInt64(bitPattern: MonotonicClock.now))
            scheduler = ThreadedScheduler(cores: cores, account: instance.account, onExhaustion: exhausted)
        case .virtual(let seed):
            random = Atomic(seed ^ 0x5bf0_3635_dcf5_9e15)
            scheduler = VirtualScheduler(seed: seed, account: instance.account, onExhaustion: exhausted)
        }
    }

    /// Starts a fiber that calls `function` with `arguments`.
    ///
    /// - Parameters:
    ///   - parent: the running job that starts it, whose scope, dynamic bindings and lineage it inherits.
    ///   - scope: the scope it belongs to instead.
    @discardableResult
    package func spawn(
        _ function: Value, _ arguments: [Value] = [], dispatch: Dispatch = .go, from parent: Job? = nil, scope: Scope? = nil,
        lineage: Lineage? = nil, bindings: Bindings? = nil, completion: Completion = .none, holdMeter: HoldMeter? = nil
    ) -> Job {
        let job = make(
            function, arguments, dispatch: dispatch, from: parent, scope: scope, lineage: lineage, bindings: bindings,
            completion: completion, holdMeter: holdMeter)
        scheduler.ready(job)
        return job
    }

    private func make(
        _ function: Value, _ arguments: [Value], dispatch: Dispatch, from parent: Job?, scope: Scope?, lineage: Lineage?,
        bindings: Bindings?, completion: Completion, holdMeter: HoldMeter?
    ) -> Job {
        let fiber = Fiber(instance, calling: function, arguments, bindings: bindings ?? parent?.fiber.bindings)
        let owner = scope ?? parent?.innerScope ?? root
        let line = lineage ?? parent?.nextLineage() ?? Lineage.root.child(starts.add(1, ordering: .relaxed).newValue)
        let job = Job(
            fiber, runtime: self, scope: owner, lineage: line, dispatch: dispatch, completion: completion, holdMeter: holdMeter)
        if case .promise(let promise) = completion, let future = promise as? Future { future.attach(job) }
        owner.add(job)
        return job
    }

    // Lending the calling thread

    /// Runs `function` as the main fiber to its end, while other fibers run too. The calling thread works along.
    ///
    /// When the fiber waits for something that can never happen, the wait throws where it stands.
    package func runMain(_ function: Value, _ arguments: [Value] = [], bindings: Bindings? = nil) -> Result<Value, Fault> {
        let end = MainEnd()
        let completion = Completion.call { [scheduler] result in
            end.set(result)
            scheduler.attend()
        }
        let job = make(
            function, arguments, dispatch: .go, from: nil, scope: nil, lineage: nil, bindings: bindings, completion: completion,
            holdMeter: nil)
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
                job.resume(throwing: FiberRuntime.deadlock)
            }
        }
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

    /// Cancels every fiber, runs their `finally` blocks until `deadline` nanoseconds from now, and ends the threads. Gives
    /// whether all of them ended. Only from a thread that runs no fiber.
    @discardableResult package func shutDown(within nanoseconds: Int64 = 1_000_000_000) -> Bool {
        root.cancel(.stopped)
        let late = TimerToken()
        let expired = Flag()
        scheduler.schedule(at: scheduler.now() + nanoseconds, .call(late, { [scheduler] in
            expired.raise()
            scheduler.attend()
        }))
        let root = root
        _ = scheduler.run(nil, until: { root.fiberCount == 0 || expired.isRaised })
        late.cancel()
        scheduler.stop()
        return root.fiberCount == 0
    }

    /// A number below `bound`, from the runtime's seeded sequence: for fair choices.
    func draw(below bound: Int) -> Int {
        let state = random.wrappingAdd(0x9e37_79b9_7f4a_7c15, ordering: .relaxed).newValue
        return Int(SplitMix.mix(state) % UInt64(bound))
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
