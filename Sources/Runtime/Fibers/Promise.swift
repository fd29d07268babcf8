import Machine
import Values

/// A value that arrives once; whoever waits for it parks. Also the completion of a future (N3).
package class Promise: Object, @unchecked Sendable {
    // Sendable: guarded by `lock`.
    fileprivate let lock = Lock()
    private var result: Result<Value, Fault>?
    private var waiting: [Waiting] = []

    package override init() {}

    package override var kind: ObjectKind { .promise }
    package override func write(to printer: inout Printer) throws(Fault) {
        printer.write("#<\(kind.rawValue) \(isRealized ? "delivered" : "pending")>")
    }

    package var isRealized: Bool { lock.withLock { result != nil } }
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
        for waiter in resumed where waiter.claim() { waiter.resume(seen) }
        return true
    }

    /// The value, or the running job waits for it.
    func wait(_ job: Job) throws(Fault) -> Control { try wait(job) { _ in } }

    /// The value, or the running job waits until `deadline` for it and then gets `fallback`.
    func wait(_ job: Job, until deadline: Int64, else fallback: Value) throws(Fault) -> Control {
        try wait(job) { entry in job.runtime.scheduler.schedule(at: deadline, .resume(entry, fallback)) }
    }

    private func wait(_ job: Job, race: (Waiting) -> Void) throws(Fault) -> Control {
        lock.acquire()
        if let result {
            lock.release()
            return .value(try PromisePrimitives.value(of: result))
        }
        let entry = Waiting(job, job.arm())
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
        if let outcome, entry.claim() { entry.resume(outcome) }
    }
}

/// A promise that a fiber delivers, and that can cancel it.
package final class Future: Promise, @unchecked Sendable {
    // Sendable: guarded by the promise's lock.
    private var job: Job?
    private var cancelled = false

    package override var kind: ObjectKind { .future }

    func attach(_ job: Job) {
        lock.withLock { self.job = job }
    }

    @discardableResult package override func complete(_ outcome: Result<Value, Fault>) -> Bool {
        // The fiber is done: its stack need not live as long as the result.
        lock.withLock { job = nil }
        return super.complete(outcome)
    }

    /// Cancels the fiber; false when it is done already.
    package func cancel() -> Bool {
        let target: Job? = lock.withLock {
            if job != nil { cancelled = true }
            return job
        }
        target?.cancel(.requested)
        return target != nil
    }

    package var isCancelled: Bool { lock.withLock { cancelled } }
}

extension Waiting {
    /// Resumes the claimed waiter with a value or a fault.
    package func resume(_ outcome: Result<Value, Fault>) {
        switch outcome {
        case .success(let value): waiter.resume(value)
        case .failure(let fault): waiter.resume(throwing: fault)
        }
    }

    /// Resumes the claimed waiter with `value`.
    package func resume(_ value: consuming Value) { waiter.resume(value) }
}
