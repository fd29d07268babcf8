import Machine
import Values

/// Owns fibers and inner scopes: they end before it does, and its cancellation reaches all of them.
package final class Scope: Object, @unchecked Sendable {
    // Sendable: guarded by `lock`; the list links of jobs too.
    package let parent: Scope?
    private let lock = Lock()
    private var first: Unmanaged<Job>?
    private var jobs = 0
    private var inner: [Int: Scope] = [:]
    private var innerOrdinals = 0
    /// Position among the parent's scopes; written once, under the parent's lock.
    private var ordinal = 0
    private var ending: Ending?
    private var joiners: [Waiting] = []
    private var endings: [@Sendable () -> Void] = []

    package init(parent: Scope?) {
        self.parent = parent
        super.init()
        parent?.adopt(self)
    }

    package override func write(to printer: inout Printer) throws(Fault) { printer.write("#<scope>") }

    package var fiberCount: Int { lock.withLock { jobs } }

    private func adopt(_ child: Scope) {
        let ended = lock.withLock {
            innerOrdinals += 1
            child.ordinal = innerOrdinals
            inner[innerOrdinals] = child
            return ending
        }
        if let ended { child.end(ended.forInner) }
    }

    /// Takes the job in; a job that starts in a cancelled scope is cancelled before it runs.
    func add(_ job: Job) {
        let ended = lock.withLock {
            let link = Unmanaged.passRetained(job)
            job.state.pointee.next = first
            first?.takeUnretainedValue().state.pointee.previous = link
            first = link
            jobs += 1
            return ending
        }
        if let ended { job.end(ended) }
    }

    func remove(_ job: Job) {
        let ended = lock.withLock {
            let next = job.state.pointee.next
            let previous = job.state.pointee.previous
            if let previous { previous.takeUnretainedValue().state.pointee.next = next } else { first = next }
            next?.takeUnretainedValue().state.pointee.previous = previous
            job.state.pointee.next = nil
            job.state.pointee.previous = nil
            jobs -= 1
            return takeEnded()
        }
        Unmanaged.passUnretained(job).release()
        ended?()
    }

    /// Cancels every fiber and scope within; what starts here later is cancelled at once.
    package func cancel(_ why: CancelReason) { end(.cancelled(why)) }

    private func end(_ why: Ending) {
        let isFirst = lock.withLock {
            defer { ending = ending ?? why }
            return ending == nil
        }
        // A budget that ran out reaches those, too, who were cancelled before.
        if isFirst || why.isExhaustion { endContents(why) }
    }

    /// Ends every fiber and scope within; what starts here later runs.
    func endContents(_ why: Ending) {
        let (victims, scopes): ([Job], [Scope]) = lock.withLock {
            var victims: [Job] = []
            var link = first
            while let job = link?.takeUnretainedValue() {
                victims.append(job)
                link = job.state.pointee.next
            }
            // The list has the newest first; fibers are ended in the order they were started.
            return (victims.reversed(), inner.sorted { $0.key < $1.key }.map(\.value))
        }
        for job in victims { job.end(why) }
        for scope in scopes { scope.end(why.forInner) }
    }

    /// Leaves the parent; the scope must be empty.
    package func close() {
        guard let parent else { return }
        let ended = parent.lock.withLock {
            parent.inner[ordinal] = nil
            return parent.takeEnded()
        }
        ended?()
    }

    /// Parks the running job until every fiber and scope within has ended.
    func join(_ job: Job) throws(Fault) -> Control {
        lock.acquire()
        if isEmpty {
            lock.release()
            return .value(.nil)
        }
        let epoch = job.arm()
        joiners.append(Waiting(job, epoch))
        lock.release()
        return try job.parked(epoch)
    }

    /// Calls `body` once everything within has ended; at once if it has.
    package func whenEmpty(_ body: @escaping @Sendable () -> Void) {
        let now = lock.withLock {
            if isEmpty { return true }
            endings.append(body)
            return false
        }
        if now { body() }
    }

    private var isEmpty: Bool { jobs == 0 && inner.isEmpty }

    /// What is to be done because the scope has just become empty. Under the lock.
    private func takeEnded() -> (() -> Void)? {
        guard isEmpty, !joiners.isEmpty || !endings.isEmpty else { return nil }
        let (waiting, bodies) = (joiners, endings)
        joiners = []
        endings = []
        return {
            for joiner in waiting where joiner.claim() { joiner.resume(.nil) }
            for body in bodies { body() }
        }
    }
}
