import Machine
import Values

/// A value that arrives once; whoever waits for it parks. Also the completion of a future (N3).
package class Promise: Reference, @unchecked Sendable {
    // Sendable: guarded by `lock`.
    fileprivate let lock = Lock()
    fileprivate var result: Result<Value, Fault>?
    private var waiting: [Waiting] = []
    /// When the waits end of jobs that asked for the value within a time.
    private var deadlines: [ObjectIdentifier: Int64] = [:]

    package override init() {}

    package override var kind: ObjectKind { .promise }
    package override func write(to printer: inout Printer) throws(Fault) {
        printer.write("#<\(kind.rawValue) \(isRealized ? "delivered" : "pending")>")
    }

    package override var isPending: Bool { true }
    package override var isRealized: Bool { lock.withLock { result != nil } }
    package var outcome: Result<Value, Fault>? { lock.withLock { result } }

    /// Delivers; false when something was delivered before, which stays.
    @discardableResult package func complete(_ outcome: Result<Value, Fault>) -> Bool {
        let resumed: [Waiting]? = lock.withLock {
            guard result == nil else { return nil }
            result = outcome
            defer { waiting = [] }
            return waiting
        }
        guard let resumed else { return false }
        let seen = outcome.mapError { Promise.seen($0) }
        for waiter in resumed where waiter.claim() {
            // Others ask once more.
            if case .failure = outcome, waiter.style != .signal { wasHeard() }
            waiter.resume(seen)
        }
        return true
    }

    /// Somebody who asked has been given that it failed.
    fileprivate func wasHeard() {}

    /// What a fiber that asks for the outcome gets: a cancelled future throws, rather than cancelling who asks.
    fileprivate func delivered(_ outcome: Result<Value, Fault>) throws(Fault) -> Value {
        switch outcome {
        case .success(let value): return value
        case .failure(let fault):
            wasHeard()
            throw Promise.seen(fault)
        }
    }

    /// The value when it is there; nil before.
    func valueIfThere() throws(Fault) -> Value? {
        guard let outcome else { return nil }
        return try delivered(outcome)
    }

    /// `deref`: the value, or the machine makes the fiber wait and asks again.
    package override func current() throws(Fault) -> Value {
        if let outcome { return try delivered(outcome) }
        throw waitThenAsk { (promise, job) throws(Fault) in try promise.park(job, .signal) { _ in } }
    }

    /// `deref` with a time limit.
    package override func current(within milliseconds: Int64, else fallback: Value) throws(Fault) -> Value {
        // The deadline outlives the first asking, for the machine asks again after each wait.
        let asker = ThreadSlot.current.map { ($0.runtime.scheduler, ObjectIdentifier($0)) }
        if let outcome {
            if let asker { lock.withLock { deadlines[asker.1] = nil } }
            return try delivered(outcome)
        }
        guard let (scheduler, key) = asker else { return fallback }
        let limit = min(max(0, milliseconds), 1 << 43) * 1_000_000
        let isOver = lock.withLock {
            let deadline = deadlines[key] ?? scheduler.now() + limit
            deadlines[key] = deadline <= scheduler.now() ? nil : deadline
            return deadline <= scheduler.now()
        }
        if isOver { return fallback }
        throw waitThenAsk { (promise, job) throws(Fault) in
            let deadline = promise.lock.withLock { promise.deadlines[key] } ?? scheduler.now()
            return try promise.park(job, .signal) { entry in scheduler.schedule(at: deadline, .resume(entry, .nil)) }
        }
    }

    /// A fault that makes the machine run `wait` in the fiber, and then what asked once more.
    private func waitThenAsk(_ wait: @escaping @Sendable (Promise, Job) throws(Fault) -> Control) -> Fault {
        let thunk = Native(
            "deref", 0,
            control: { (_, fiber) throws(Fault) in
                let job = try Job.waiting(fiber)
                if self.isRealized { return .value(.nil) }
                return try wait(self, job)
            })
        return .force(LazySeq(thunk: .native(thunk)))
    }

    /// The value, or the running job waits for it.
    func wait(_ job: Job) throws(Fault) -> Control { try park(job, .value) { _ in } }

    /// The value, or the running job waits until `deadline` for it and then gets `fallback`.
    func wait(_ job: Job, until deadline: Int64, else fallback: Value) throws(Fault) -> Control {
        try park(job, .value) { entry in job.runtime.scheduler.schedule(at: deadline, .resume(entry, fallback)) }
    }

    private func park(_ job: Job, _ style: Waiting.Style, race: (Waiting) -> Void) throws(Fault) -> Control {
        lock.acquire()
        if let result {
            lock.release()
            return .value(style == .signal ? .nil : try delivered(result))
        }
        let entry = Waiting(job, job.arm(), style)
        // Entries of waits that timed out are swept when there are many.
        if waiting.count >= 32, waiting.count & (waiting.count - 1) == 0 { waiting.removeAll { !$0.isWaiting } }
        waiting.append(entry)
        lock.release()
        race(entry)
        return try job.parked(entry.epoch)
    }

    /// A fault as those see it who wait for a promise: a cancelled fiber must not look as if they had been cancelled.
    static func seen(_ fault: Fault) -> Fault {
        if case .cancelled(let reason) = fault {
            return .of(.interrupted, "the future was cancelled (\(reason.rawValue))")
        }
        return fault
    }

    /// Adds an entry that is resumed with the outcome; at once if it is there.
    package func notify(_ entry: Waiting) {
        let outcome = lock.withLock {
            if result == nil { waiting.append(entry) }
            return result
        }
        guard let outcome, entry.claim() else { return }
        if case .failure = outcome { wasHeard() }
        entry.resume(outcome)
    }
}

/// A promise that a fiber delivers, and that can cancel it.
package final class Future: Promise, @unchecked Sendable {
    // Sendable: guarded by the promise's lock.
    private var job: Job?
    private var cancelled = false
    /// Where it is noted that it failed.
    private var note: (book: UnheardFailures, number: Int)?

    package override var kind: ObjectKind { .future }

    func attach(_ job: Job) {
        lock.withLock { self.job = job }
    }

    @discardableResult package override func complete(_ outcome: Result<Value, Fault>) -> Bool {
        lock.withLock {
            // The fiber is done: its stack need not live as long as the result.
            defer { job = nil }
            guard result == nil, case .failure(.thrown(let exception)) = outcome, let job else { return }
            let book = job.runtime.unheard
            note = (book, book.add(exception))
        }
        return super.complete(outcome)
    }

    fileprivate override func wasHeard() {
        let note = lock.withLock {
            defer { self.note = nil }
            return self.note
        }
        if let note { note.book.heard(note.number) }
    }

    /// Cancels the fiber; false when it is done already. Who waits learns it at once, not when the fiber has noticed.
    package func cancel() -> Bool {
        let target: Job? = lock.withLock {
            if job != nil { cancelled = true }
            return job
        }
        guard let target else { return false }
        target.cancel(.requested)
        super.complete(.failure(.cancelled(.requested)))
        return true
    }

    package var isCancelled: Bool { lock.withLock { cancelled } }
}

extension Waiting {
    /// Resumes the claimed waiter with a value or a fault.
    package func resume(_ outcome: Result<Value, Fault>) {
        switch outcome {
        case _ where style == .signal: resume(.nil)
        case .success(let value): resume(value)
        case .failure(let fault): waiter.resume(throwing: fault)
        }
    }
}
