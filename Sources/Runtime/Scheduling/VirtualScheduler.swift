import Machine
import Values

/// Fibers on one thread, in an order drawn from a seed, with a clock that jumps to the next timer when nothing is ready: the
/// same seed gives the same run, and a test never sleeps.
///
/// Fibers run only while a thread lends itself in `run`. What happens outside (an effect's handler on another thread) may
/// make fibers ready at any time; while anything outside is held, the clock does not jump.
package final class VirtualScheduler: Scheduler, @unchecked Sendable {
    // Sendable: `shared` is guarded by `lock`.
    /// Slices are drawn from 1 to this many steps, so that schedules differ in where fibers are interrupted, too.
    static let longestSlice = 256

    /// Steps after which the clock jumps although fibers are ready: one that spins must not keep time from passing.
    static let stepsPerJump = 100_000

    package let seed: UInt64
    private let lock = Lock()
    private let changed = Condition()
    private let timers = TimerQueue()
    private let account: Account
    private let onExhaustion: @Sendable (Fault) -> Void
    private let shared: UnsafeMutablePointer<Shared>

    private struct Shared: ~Copyable {
        var ready = Ring<Unmanaged<Job>>()
        var random: SplitMix
        var clock: Int64 = 0
        /// Steps taken since the clock last moved.
        var steps = 0
        var held = 0
        var isRunning = false
        var isStopping = false
    }

    package init(seed: UInt64, account: Account, onExhaustion: @escaping @Sendable (Fault) -> Void = { _ in }) {
        self.seed = seed
        self.account = account
        self.onExhaustion = onExhaustion
        shared = .allocate(capacity: 1)
        shared.initialize(to: Shared(random: SplitMix(seed: seed)))
    }

    deinit {
        while let job = shared.pointee.ready.popFirst() { job.release() }
        shared.deinitialize(count: 1)
        shared.deallocate()
    }

    package func ready(_ job: Job) {
        lock.withLock {
            shared.pointee.ready.append(Unmanaged.passRetained(job))
            changed.signal()
        }
    }

    package func now() -> Int64 { lock.withLock { shared.pointee.clock } }

    package func schedule(at deadline: Int64, _ action: TimerAction) {
        _ = timers.add(deadline, action)
        lock.withLock { changed.signal() }
    }

    package func hold() { lock.withLock { shared.pointee.held += 1 } }

    package func release() {
        lock.withLock {
            shared.pointee.held -= 1
            changed.broadcast()
        }
    }

    package func attend() { lock.withLock { changed.broadcast() } }

    package func stop() {
        lock.withLock {
            shared.pointee.isStopping = true
            changed.broadcast()
        }
        timers.removeAll()
    }

    package func run(_ first: Job?, until isDone: @escaping @Sendable () -> Bool) -> RunEnd {
        if let first { ready(first) }
        // A primitive of a running fiber waits for another fiber, as `require` does for the forms of a file.
        if let current = ThreadSlot.current, current.runtime.scheduler === self { return loop(until: isDone) }
        lock.acquire()
        // One at a time: a second thread waits for its turn.
        while shared.pointee.isRunning { changed.wait(lock) }
        shared.pointee.isRunning = true
        lock.release()
        defer {
            lock.withLock {
                shared.pointee.isRunning = false
                changed.broadcast()
            }
        }
        return loop(until: isDone)
    }

    private func loop(until isDone: @Sendable () -> Bool) -> RunEnd {
        while true {
            if isDone() { return .done }
            _ = timers.fire(now())
            switch pick() {
            case .job(let job, let fuel): turn(job, fuel)
            case .again: continue
            case .end(let end): return end
            }
        }
    }

    private enum Pick {
        case job(Job, fuel: Int)
        case again
        case end(RunEnd)
    }

    private func pick() -> Pick {
        lock.acquire()
        defer { lock.release() }
        if shared.pointee.isStopping { return .end(.stopped) }
        let count = shared.pointee.ready.count
        if count > 0, shared.pointee.steps > VirtualScheduler.stepsPerJump, shared.pointee.held == 0, jump() {
            return .again
        }
        if count > 0 {
            let index = Int(shared.pointee.random.next() % UInt64(count))
            let fuel = 1 + Int(shared.pointee.random.next() % UInt64(VirtualScheduler.longestSlice))
            return .job(shared.pointee.ready.swapRemove(at: index).takeRetainedValue(), fuel: fuel)
        }
        if shared.pointee.held > 0 {
            changed.wait(lock)
            return .again
        }
        if timers.isDrained() { return .end(.idle) }
        _ = jump()
        return .again
    }

    /// Moves the clock to the next timer. False when there is none.
    private func jump() -> Bool {
        shared.pointee.steps = 0
        let next = timers.nextDeadline
        if next == .max { return false }
        shared.pointee.clock = max(shared.pointee.clock, next)
        return true
    }

    private func turn(_ job: Job, _ fuel: Int) {
        var left = fuel
        let reference = Unmanaged.passRetained(job)
        let end = Job.turn(reference, &left)
        lock.withLock { shared.pointee.steps += fuel - max(0, left) }
        do throws(Fault) { try account.settle(steps: fuel - max(0, left)) } catch {
            if end == .ready { job.fiber.fail(error) } else { onExhaustion(error) }
        }
        switch end {
        case .parked, .finished: break
        case .ready: ready(reference.takeRetainedValue())
        }
    }
}
