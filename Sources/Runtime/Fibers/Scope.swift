import Machine
import Values

/// Owns fibers and inner scopes: they end before it does, and its cancellation reaches all of them.
package final class Scope: Object, @unchecked Sendable {
    // Sendable: guarded by `lock`; the list links of jobs and of inner scopes too.
    package let parent: Scope?
    /// Whose fibers are in here, which lives as long: the parent's, and what the runtime says of its root.
    @exclusivity(unchecked) private var owner: Unmanaged<FiberRuntime>?
    private let lock = Lock()
    private var first: Unmanaged<Job>?
    private var jobs = 0
    /// The newest of the inner scopes, each of which is held by the list.
    private var inner: Unmanaged<Scope>?
    /// The list of the parent's scopes, under the parent's lock: the next older one and the next newer one.
    private var older: Unmanaged<Scope>?
    private var newer: Unmanaged<Scope>?
    private var isAdopted = false
    /// It has left its parent; it comes back for as long as something starts in it again.
    private var isClosed = false
    private var ending: Ending?
    private var joiners: [Waiting] = []
    private var endings: [@Sendable () -> Void] = []

    package init(parent: Scope?) {
        self.parent = parent
        owner = parent?.owner
        super.init()
        parent?.adopt(self)
    }

    /// The outermost scope of a runtime, which then says so with `belong`.
    func belong(to runtime: FiberRuntime) { owner = Unmanaged.passUnretained(runtime) }

    var runtime: FiberRuntime { owner.unsafelyUnwrapped.takeUnretainedValue() }

    /// Counts no reference to the runtime.
    @inline(__always) func withRuntime<Result>(_ body: (FiberRuntime) -> Result) -> Result {
        owner.unsafelyUnwrapped._withUnsafeGuaranteedRef(body)
    }

    package override func write(to printer: inout Printer) throws(Fault) { printer.write("#<scope>") }

    /// Fibers right inside, those of inner scopes not counted.
    package var fiberCount: Int { lock.withLock { jobs } }

    /// Whether a fiber is left in here or in a scope within.
    package var hasFibers: Bool {
        var unseen: [Scope] = [self]
        while let scope = unseen.popLast() {
            let (count, scopes) = scope.lock.withLock { (scope.jobs, scope.innerScopes) }
            if count > 0 { return true }
            unseen += scopes
        }
        return false
    }

    /// The scopes within, the newest first. Under the lock.
    private var innerScopes: [Scope] {
        var scopes: [Scope] = []
        var link = inner
        while let scope = link?.takeUnretainedValue() {
            scopes.append(scope)
            link = scope.older
        }
        return scopes
    }

    private func adopt(_ child: Scope) {
        let (ended, wasClosed) = lock.withLock {
            if child.isAdopted { return (ending, false) }
            let link = Unmanaged.passRetained(child)
            child.isAdopted = true
            child.older = inner
            inner?.takeUnretainedValue().newer = link
            inner = link
            return (ending, open())
        }
        if wasClosed { rejoin() }
        if let ended { child.end(ended.forInner) }
    }

    /// Gives whether it had been closed. Under the lock.
    private func open() -> Bool {
        defer { isClosed = false }
        return isClosed
    }

    /// Back to the parent, until everything that a callback has started in here is over.
    private func rejoin() {
        parent?.adopt(self)
        close()
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
    func add(_ job: Unmanaged<Job>) {
        _ = job.retain()
        lock.acquire()
        job._withUnsafeGuaranteedRef { $0.next = first }
        first?._withUnsafeGuaranteedRef { $0.previous = job }
        first = job
        jobs += 1
        let (ended, wasClosed) = (ending, open())
        lock.release()
        if wasClosed { rejoin() }
        if let ended { job._withUnsafeGuaranteedRef { $0.end(ended) } }
    }

    func remove(_ job: Job) {
        let ended = lock.withLock {
            let next = job.next
            let previous = job.previous
            if let previous { previous.takeUnretainedValue().next = next } else { first = next }
            next?.takeUnretainedValue().previous = previous
            job.next = nil
            job.previous = nil
            jobs -= 1
            return takeEnded()
        }
        Unmanaged.passUnretained(job).release()
        ended?()
    }

    /// Cancels every fiber and scope within; what starts here later is cancelled at once.
    package func cancel(_ why: CancelReason) { end(.cancelled(why)) }

    /// Ends what is left of it once it was cancelled, `finally` blocks included.
    package func cutOff() { end(.cutOff) }

    private func end(_ why: Ending) {
        if begin(why) { endContents(why) }
    }

    /// Notes why it ends; false when its contents have heard of an end already. A budget that ran out reaches those, too, who
    /// were cancelled before.
    private func begin(_ why: Ending) -> Bool {
        lock.withLock {
            defer { ending = ending ?? why }
            return ending == nil || why.isExhaustion
        }
    }

    /// Ends every fiber and scope within; what starts here later runs. The lists have the newest first, and what was started
    /// first is ended first. Scopes may lie within each other as deep as calls do.
    func endContents(_ why: Ending) {
        var unseen: [Scope] = []
        var (scope, why) = (self, why)
        while true {
            let (victims, scopes) = scope.lock.withLock { (scope.allJobs, scope.innerScopes) }
            for job in victims.reversed() { job.end(why) }
            why = why.forInner
            unseen += scopes
            repeat {
                guard let next = unseen.popLast() else { return }
                scope = next
            } while !scope.begin(why)
        }
    }

    /// The fibers right inside, the newest first. Under the lock.
    private var allJobs: [Job] {
        var all: [Job] = []
        var link = first
        while let job = link?.takeUnretainedValue() {
            all.append(job)
            link = job.next
        }
        return all
    }

    /// Leaves the parent once everything within has ended; at once if it has. Nothing changes for what starts in it later: it
    /// comes back for that.
    package func close() {
        guard let parent else { return }
        let left: (wasInside: Bool, ended: (() -> Void)?)? = parent.lock.withLock {
            guard lock.withLock({ markClosed() }) else { return nil }
            return (parent.disown(self), parent.takeEnded())
        }
        guard let left else { return whenEmpty { [self] in close() } }
        if left.wasInside { Unmanaged.passUnretained(self).release() }
        left.ended?()
    }

    /// False, with nothing changed, when something is left within. Under the lock.
    private func markClosed() -> Bool {
        if isEmpty { isClosed = true }
        return isEmpty
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
