import Machine
import Values

/// The fibers of one runtime that wait for a lazy sequence which another fiber realises.
///
/// A sequence has no room for who waits; it carries a mark that somebody does, and whoever realises it, or gives it up, tells
/// the runtime then. Each waiting fiber stands here once, and so do the few that were ended while they waited, until the
/// next sweep.
final class SequenceWaits: @unchecked Sendable {
    // Sendable: guarded by `lock`.
    private let lock = Lock()
    /// By sequence, in the order they came.
    private var waits: [ObjectIdentifier: [Wait]] = [:]
    /// By the fiber that waits, as claims name it.
    private var awaited: [UInt: Wait] = [:]
    private var sweepAt = 64

    private struct Wait {
        let job: Job
        let epoch: UInt64
        /// Held, so that its identity stays its own.
        let lazy: LazySeq
    }

    enum Outcome {
        case waits
        /// Nobody realises it any more.
        case isOver
        /// Who realises it waits for the one that asks, directly or through others.
        case isCircular
    }

    /// Adds the armed wait of a job.
    func add(_ job: Job, _ epoch: UInt64, _ lazy: LazySeq) -> Outcome {
        lock.withLock {
            guard let claimant = lazy.markAwaited() else { return .isOver }
            let own = job.claimant
            if leads(from: claimant, to: own) { return .isCircular }
            if awaited.count >= sweepAt { sweep() }
            let wait = Wait(job: job, epoch: epoch, lazy: lazy)
            waits[ObjectIdentifier(lazy), default: []].append(wait)
            awaited[own] = wait
            return .waits
        }
    }

    /// Whether the fiber that claims as `start` waits for `end`. Ends, because no circle is ever let in.
    private func leads(from start: UInt, to end: UInt) -> Bool {
        var at = start
        while let wait = awaited[at], wait.job.isWaiting(wait.epoch), let next = wait.lazy.claimant {
            if next == end { return true }
            at = next
        }
        return false
    }

    /// The sequence was realised or given up: whoever waits for it goes on and looks for itself.
    func end(_ lazy: LazySeq) {
        let ended: [Wait] = lock.withLock {
            let found = waits.removeValue(forKey: ObjectIdentifier(lazy)) ?? []
            for wait in found where awaited[wait.job.claimant]?.epoch == wait.epoch {
                awaited[wait.job.claimant] = nil
            }
            return found
        }
        // Nothing is delivered: the fiber stands before the instruction that asks.
        for wait in ended where wait.job.claim(wait.epoch) { wait.job.runtime.scheduler.ready(wait.job) }
    }

    /// Drops waits that ended otherwise.
    private func sweep() {
        awaited = awaited.filter { $0.value.job.isWaiting($0.value.epoch) }
        waits = waits.compactMapValues { list in
            let live = list.filter { $0.job.isWaiting($0.epoch) }
            return live.isEmpty ? nil : live
        }
        sweepAt = max(64, awaited.count * 2)
    }
}
