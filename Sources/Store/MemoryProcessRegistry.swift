import Engine
import Values

/// Processes that live as long as the run: the table with a lock, a clock, and who is to be answered.
package final class MemoryProcessRegistry: ProcessRegistry, @unchecked Sendable {
    // Sendable: `lock` guards everything mutable.
    private let lock = Lock()
    private let clock: any Clock
    private var table: ProcessTable
    private var asked = 0
    private var questions: [ProcessTable.Waiter: Question] = [:]
    /// Who hears of work, in the order in which they asked to.
    private var listeners: [(id: Int, body: @Sendable () -> Void)] = []

    /// What somebody waits for.
    private enum Question {
        case end(Answer<ProcessOutcome>)
        case event(Answer<ProcessEvent>)

        func fail(_ error: ControllerError) {
            switch self {
            case .end(let answer): answer(.failure(error))
            case .event(let answer): answer(.failure(error))
            }
        }
    }

    /// - Parameter clock: its wall time is what rows and leases show.
    package init(clock: any Clock, limits: ProcessTable.Limits = ProcessTable.Limits()) {
        self.clock = clock
        table = ProcessTable(limits: limits)
    }

    package var durability: DurabilityTier { .inline }

    /// Keeps so many rows that have ended, from here on.
    package func retain(_ count: Int) { _ = step { $0.retain(count) } }

    /// How many rows there are, and who waits: for tests of what is kept.
    package var counts: (rows: Int, sessions: Int, waiters: Int) { lock.withLock { table.counts } }

    /// Takes a step of the table, and says outside the lock what is to be said of it.
    ///
    /// - Parameter first: hears of the result before those who are to be answered.
    private func step<Result>(
        _ body: (inout ProcessTable) throws(ControllerError) -> Result, first: Answer<Result> = { _ in }
    ) -> Swift.Result<Result, ControllerError> {
        lock.acquire()
        let result: Swift.Result<Result, ControllerError>
        do throws(ControllerError) { result = .success(try body(&table)) } catch { result = .failure(error) }
        let replies = table.replies
        table.replies = []
        let calls = replies.compactMap { call($0) }
        lock.release()
        first(result)
        for call in calls { call() }
        return result
    }

    /// Under the lock.
    private func call(_ reply: ProcessTable.Reply) -> (() -> Void)? {
        switch reply {
        case .ended(let waiter, let end):
            guard case .end(let answer)? = questions.removeValue(forKey: waiter) else { return nil }
            return { answer(.success(.await(end))) }
        case .event(let waiter, let event):
            guard case .event(let answer)? = questions.removeValue(forKey: waiter) else { return nil }
            return { answer(.success(event)) }
        case .failed(let waiter, let error):
            return questions.removeValue(forKey: waiter).map { question in { question.fail(error) } }
        }
    }

    /// Asks the table something that it may answer later. The closure withdraws the question.
    private func ask(
        _ question: Question, _ body: (inout ProcessTable, ProcessTable.Waiter) throws(ControllerError) -> Void
    ) -> @Sendable () -> Void {
        var waiter = 0
        let result = step { (table) throws(ControllerError) in
            asked += 1
            waiter = asked
            questions[waiter] = question
            do throws(ControllerError) { try body(&table, waiter) } catch {
                questions[waiter] = nil
                throw error
            }
        }
        if case .failure(let error) = result {
            question.fail(error)
            return {}
        }
        let mine = waiter
        return { [weak self] in self?.withdraw(mine) }
    }

    private func withdraw(_ waiter: ProcessTable.Waiter) {
        // Freed outside the lock: what it holds may be anything.
        let question = lock.withLock {
            table.withdraw(waiter)
            return questions.removeValue(forKey: waiter)
        }
        _ = question
    }

    @discardableResult
    package func execute(
        _ command: ProcessCommand, _ done: @escaping Answer<ProcessOutcome>
    ) -> @Sendable () -> Void {
        if case .await(let id) = command {
            return ask(.end(done)) { (table, waiter) throws(ControllerError) in try table.await(id, waiter) }
        }
        let result = step { (table) throws(ControllerError) in
            try MemoryProcessRegistry.execute(command, &table, at: clock.wallMs)
        }
        if case .start = command, case .success = result { tellOfWork() }
        done(result)
        return {}
    }

    private static func execute(_ command: ProcessCommand, _ table: inout ProcessTable, at now: Int64)
        throws(ControllerError) -> ProcessOutcome
    {
        switch command {
        case .start(let registration, let grant):
            return .start(record: try table.start(registration, grant: grant, at: now))
        case .list(let session, let mode): return .list(entries: table.list(session: session, mode: mode))
        case .transfer(let from, let to, let ids):
            try table.transfer(from: from, to: to, ids: ids)
            return .transfer
        case .deleteSession(let session): return .deleteSession(report: table.deleteSession(session, at: now))
        case .cancel(let id, let reason): return .cancel(record: try table.cancel(id, reason: reason, at: now))
        case .signal(let id, let event):
            return .signal(try table.signal(id, type: event.type, payload: event.payload))
        case .await: preconditionFailure("a question, which the table may answer later")
        }
    }

    package func event(
        _ ordinal: Int, of process: String, type: String, _ done: @escaping Answer<ProcessEvent>
    ) -> @Sendable () -> Void {
        ask(.event(done)) { (table, waiter) throws(ControllerError) in
            try table.event(ordinal, of: process, type: type, waiter)
        }
    }

    // MARK: For those who execute

    package func claim(_ runner: String, leaseMs: Int64, _ done: @escaping Answer<[ProcessWork]>) {
        done(step { $0.claim(runner, leaseMs: leaseMs, at: clock.wallMs) })
    }

    package func renew(_ lease: ProcessLease, leaseMs: Int64, _ done: @escaping Answer<Void>) {
        done(
            step { (table) throws(ControllerError) in try table.renew(lease, leaseMs: leaseMs, at: clock.wallMs) })
    }

    package func finish(_ lease: ProcessLease, _ end: ProcessEnd, _ done: @escaping Answer<ProcessRecord>) {
        _ = step({ (table) throws(ControllerError) in try table.finish(lease, end, at: clock.wallMs) }, first: done)
    }

    package func onWork(_ body: @escaping @Sendable () -> Void) -> @Sendable () -> Void {
        let id = lock.withLock {
            asked += 1
            listeners.append((asked, body))
            return asked
        }
        return { [weak self] in self?.stopTelling(id) }
    }

    private func stopTelling(_ id: Int) { lock.withLock { listeners.removeAll { $0.id == id } } }

    private func tellOfWork() {
        for listener in lock.withLock({ listeners }) { listener.body() }
    }
}
