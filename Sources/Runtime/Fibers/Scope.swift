import Machine
import Values

/// Owns fibers and inner scopes: they end before it does, and its cancellation reaches all of them.
package final class Scope: Object, @unchecked Sendable {
    // Sendable: guarded by `lock`; the list links of jobs and of inner scopes too.
    package let parent: Scope?
    private let lock = Lock()
    private var first: Unmanaged<Job>?
    private var jobs = 0
    /// The newest of the inner scopes, each of which is held by the list.
    private var inner: Unmanaged<Scope>?
    /// The list of the parent's scopes, under the parent's lock: the next older one and the next newer one.
    private var older: Unmanaged<Scope>?
    private var newer: Unmanaged<Scope>?
    private var isAdopted = false
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
            let link = Unmanaged.passRetained(child)
            child.isAdopted = true
            child.older = inner
            inner?.takeUnretainedValue().newer = link
            inner = link
            return ending
        }
        if let ended { child.end(ended.forInner) }
    }

    /// Takes a scope out of the list, under the lock; false when it is out already.
    private func disown(_ child: Scope) -> Bool {
        guard child.isAdopted else { return false }
        child.isAdopted = false
        if let newer = child.newer { newer.takeUnretainedValue().older = child.older } else { inner = child.older }
        child.older?.takeUnretainedValue().newer = child.newer
        child.older = nil
        child.newer = nil
        return true
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
            var scopes: [Scope] = []
            var within = inner
            while let scope = within?.takeUnretainedValue() {
                scopes.append(scope)
                within = scope.older
            }
            // The lists have the newest first; what was started first is ended first.
            return (victims.reversed(), scopes.reversed())
        }
        for job in victims { job.end(why) }
        for scope in scopes { scope.end(why.forInner) }
    }

    /// Leaves the parent; the scope must be empty.
    package func close() {
        guard let parent else { return }
        let (wasInside, ended) = parent.lock.withLock { (parent.disown(self), parent.takeEnded()) }
        if wasInside { Unmanaged.passUnretained(self).release() }
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

    private var isEmpty: Bool { jobs == 0 && inner == nil }

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
