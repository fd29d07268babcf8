import Values

/// Runs fibers. Two implementations: `ThreadedScheduler` and `VirtualScheduler`.
package protocol Scheduler: AnyObject, Sendable {
    /// Puts a job that can go on in a run queue; the caller owns its fiber, and hands over both that and a reference.
    func ready(_ job: Unmanaged<Job>)

    /// The same of a job that is to run after those which are ready already.
    func readyInTurn(_ job: Unmanaged<Job>)

    /// The scheduler's clock: nanoseconds since a fixed point.
    func now() -> Int64

    /// Does `action` when the clock reads `deadline`.
    func schedule(at deadline: Int64, _ action: TimerAction)

    /// Lends the calling thread to the fibers until `isDone` says so, or until nothing can happen any more.
    ///
    /// The scheduler asks after each slice, and after `attend`. `first` is made ready, if possible on the calling thread.
    func run(_ first: Job?, until isDone: @escaping @Sendable () -> Bool) -> RunEnd

    /// Makes a thread that lends itself in `run` ask again whether it is done.
    func attend()

    /// Says that something outside may still make a fiber ready: an effect in flight, a live source.
    func hold()
    func release()
    /// An operation of a fiber, on its thread, has held that for so many more steps: somebody else has to look at the timers.
    func keepWatch(after steps: Int)

    /// Ends the threads after the slices they are in; fibers that are left run no more.
    func stop()
}

extension Scheduler {
    package func readyInTurn(_ job: Unmanaged<Job>) { ready(job) }

    package func ready(_ job: Job) { ready(Unmanaged.passRetained(job)) }
}

/// Why `Scheduler.run` came back.
package enum RunEnd: Sendable {
    case done
    /// No fiber is ready or running, no timer would resume one, nothing outside is held.
    case idle
    case stopped
}

/// Steps (calls and backward jumps) of one slice: some hundredths of a millisecond, for a fiber that is ready waits for a slice of
/// each of those before it. Much shorter ones would cost more than their switches are worth.
package let sliceFuel = 2_500
