import Machine
import Values

/// Fibers on one thread, in the order of a `Schedule`, with a clock that jumps to the next timer when nothing is ready: the same
/// schedule gives the same run, and a test never sleeps.
///
/// Fibers run only while a thread lends itself in `run`. What happens outside (an effect's handler on another thread) may
/// make fibers ready at any time; while anything outside is held, the clock does not jump.
package final class VirtualScheduler: Scheduler, @unchecked Sendable {
    // Sendable: `shared` is guarded by `lock`.
    /// Steps that take a millisecond, while there are timers: one that spins must not keep time from passing, and one that
    /// computes must not be late by a minute because the next timer is so far away. About what a real core does.
    static let stepsPerMillisecond = 100_000

    /// Asked and told under `lock`.
    private let schedule: Schedule
    private let lock = Lock()
    private let changed = Condition()
    private let timers = TimerQueue()
    private let account: Account
    private let onExhaustion: @Sendable (Fault) -> Void
    private let shared: UnsafeMutablePointer<Shared>

    private struct Shared: ~Copyable {
        var ready = Ring<Unmanaged<Job>>()
        var clock: Int64 = 0
        /// Steps taken since the clock last moved.
        var steps = 0
        var held = 0
        var isRunning = false
        var isStopping = false
    }

    package init(_ schedule: Schedule, account: Account, onExhaustion: @escaping @Sendable (Fault) -> Void = { _ in }) {
        self.schedule = schedule
        self.account = account
        self.onExhaustion = onExhaustion
        shared = .allocate(capacity: 1)
        shared.initialize(to: Shared())
    }

    deinit {
        while let job = shared.pointee.ready.popFirst() { job.release() }
        shared.deinitialize(count: 1)
        shared.deallocate()
    }

    package func ready(_ job: Unmanaged<Job>) {
        account.bookMemory()
        lock.withLock {
            shared.pointee.ready.append(job)
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

    /// Time passes while an operation goes on, which may be one without end.
    package func keepWatch(after steps: Int) {
        let hasMoved = lock.withLock {
            shared.pointee.steps += steps
            return passTime()
        }
        if hasMoved { _ = timers.fire(now()) }
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
        if count > 0, passTime() { return .again }
        if count > 0 {
            let turn = schedule.next(of: count)
            // Whoever came first goes without disturbing the order of the others.
            let picked =
                turn.index == 0 ? shared.pointee.ready.popFirst()! : shared.pointee.ready.swapRemove(at: turn.index)
            let job = picked.takeRetainedValue()
            schedule.note(order: turn.index, of: job)
            return .job(job, fuel: turn.fuel)
        }
        if shared.pointee.held > 0 {
            changed.wait(lock)
            return .again
        }
        if timers.isDrained() { return .end(.idle) }
        _ = jump()
        return .again
    }

    /// Moves the clock when so many steps have been taken that it is time. Under the lock.
    private func passTime() -> Bool {
        shared.pointee.steps > VirtualScheduler.stepsPerMillisecond && shared.pointee.held == 0
            && jump(atMost: 1_000_000)
    }

    /// Moves the clock towards the next timer, by so many nanoseconds at most. False when there is none.
    private func jump(atMost limit: Int64 = .max) -> Bool {
        shared.pointee.steps = 0
        let next = timers.nextDeadline
        if next == .max { return false }
        let clock = shared.pointee.clock
        if next > clock { shared.pointee.clock = clock + min(next - clock, limit) }
        return true
    }

    private func turn(_ job: Job, _ fuel: Int) {
        var left = fuel
        let reference = Unmanaged.passRetained(job)
        let end = Job.turn(reference, &left)
        lock.withLock {
            shared.pointee.steps += fuel - max(0, left)
            // One that could not go on for want of fuel, rather than because it waits.
            if end == .ready { schedule.note(interruptionAfter: fuel, of: job) }
        }
        do throws(Fault) { try account.settle(steps: fuel - max(0, left)) } catch {
            if end == .ready { job.fail(error) } else { onExhaustion(error) }
        }
        switch end {
        case .parked, .finished: break
        case .ready: ready(reference)
        }
    }
}
