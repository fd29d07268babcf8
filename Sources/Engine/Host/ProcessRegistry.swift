import Values

/// Long-running work with a row of its own (L31–L41). A row that has not ended is the work queue; only a runner that
/// holds its lease executes it.
package enum ProcessCommand: Sendable {
    case start(ProcessRegistration, grant: ProcessGrant?)
    /// The rows granted to a session, or all there are when none is named, for those without a grant would be seen by nobody.
    case list(session: String?, mode: ListMode)
    case transfer(from: String, to: String, ids: [String])
    case deleteSession(String)
    case await(String)
    case cancel(String, reason: String?)
    case signal(String, ProcessEvent)

    /// Those that have not ended, or those that are still kept as well.
    package enum ListMode: String, CaseIterable, Sendable { case live, all }
}

package struct ProcessRegistration: Sendable {
    package var id: String
    /// What is to be done, as data that outlives the run: `{:run name :args […]}`.
    package var input: Value
    package init(id: String, input: Value) {
        self.id = id
        self.input = input
    }
}

/// Lets a session see and steer a process.
package struct ProcessGrant: Sendable {
    package var session: String
    /// What the session notes of it: any data.
    package var descriptor: Value
    package init(session: String, descriptor: Value) {
        self.session = session
        self.descriptor = descriptor
    }
}

package struct ProcessEvent: Sendable {
    /// One-based position among the process's events; 0 before it was appended.
    package var sequence: Int64
    package var type: String
    package var payload: Value
    package init(sequence: Int64 = 0, type: String, payload: Value) {
        self.sequence = sequence
        self.type = type
        self.payload = payload
    }

    /// Types that begin so are the registry's own: nobody signals them.
    package static let reserved = "process."
    /// Says to whoever executes a process that it is to end; the payload is `{:reason …}`, or nil without one (L39).
    package static let cancelRequested = "process.cancel_requested"
}

/// Where a process stands; it ends in exactly one of the last three.
package enum ProcessStatus: String, CaseIterable, Sendable {
    case pending, running, done, failed, cancelled

    package var isEnd: Bool { self != .pending && self != .running }

    package var name: KnownName {
        switch self {
        case .pending: .pending
        case .running: .running
        case .done: .done
        case .failed: .failed
        case .cancelled: .cancelled
        }
    }
}

/// What a process came to.
package enum ProcessEnd: Sendable {
    case done(output: Value)
    /// - `data`: what else the error says: a map of data, or nil.
    case failed(code: String, message: String, data: Value = .nil)
    case cancelled(reason: String?)

    package var status: ProcessStatus {
        switch self {
        case .done: .done
        case .failed: .failed
        case .cancelled: .cancelled
        }
    }
}

/// A row as others see it.
package struct ProcessRecord: Sendable {
    package var id: String
    package var input: Value
    package var status = ProcessStatus.pending
    /// Milliseconds since 1970, as the others.
    package var createdTs: Int64
    package var startedTs: Int64?
    package var endedTs: Int64?
    /// Set when it has ended.
    package var end: ProcessEnd?
    /// How many events it has.
    package var events: Int64 = 0

    package init(id: String, input: Value, createdTs: Int64) {
        self.id = id
        self.input = input
        self.createdTs = createdTs
    }
}

/// A row of a list; with the session's descriptor when it is a session's list.
package struct ProcessEntry: Sendable {
    package var record: ProcessRecord
    package var descriptor: Value
    package init(_ record: ProcessRecord, descriptor: Value) {
        self.record = record
        self.descriptor = descriptor
    }
}

/// What deleting a session did, by the ids of processes in the order in which they were started.
package struct ProcessSessionReport: Sendable {
    package var session: String
    /// Those that the session had a grant of.
    package var released: [String]
    /// Those of them that nobody else had one of and that had not ended: they are asked to.
    package var cancelled: [String]
    package init(session: String, released: [String], cancelled: [String]) {
        self.session = session
        self.released = released
        self.cancelled = cancelled
    }
}

package enum ProcessOutcome: Sendable {
    case start(record: ProcessRecord)
    case list(entries: [ProcessEntry])
    case transfer
    case deleteSession(report: ProcessSessionReport)
    case await(ProcessEnd)
    case cancel(record: ProcessRecord)
    case signal(ProcessEvent)
}

/// The right to execute a process, for a time. Who does not renew it may lose it to another; until that has claimed the row, it is
/// still theirs.
package struct ProcessLease: Sendable, Hashable {
    package let process: String
    package let runner: String
    /// Counts what was claimed of the registry: tells this lease from an earlier one of the same runner, also of another process that
    /// had the id before.
    package let claim: Int64
    package init(process: String, runner: String, claim: Int64) {
        self.process = process
        self.runner = runner
        self.claim = claim
    }
}

/// Work that a runner has to do.
package struct ProcessWork: Sendable {
    package let lease: ProcessLease
    package let input: Value
    package init(lease: ProcessLease, input: Value) {
        self.lease = lease
        self.input = input
    }
}

/// Where processes and their events are kept. `Store` has the implementations; each passes the same conformance suite
/// (L43).
///
/// Every answer comes once, on any thread, perhaps before the call returns, and never under a lock of the registry's.
package protocol ProcessRegistry: Sendable {
    typealias Answer<Result> = @Sendable (Swift.Result<Result, ControllerError>) -> Void

    var durability: DurabilityTier { get }

    /// Executes a command. The returned closure withdraws it where it waits, which only `await` does: `done` is not called after
    /// it.
    @discardableResult
    func execute(_ command: ProcessCommand, _ done: @escaping Answer<ProcessOutcome>) -> @Sendable () -> Void

    /// Answers the nth event of this type, one-based, now or when it is appended; fails when the process ends without having had so
    /// many. The returned closure withdraws the question: `done` is not called after it.
    ///
    /// The registry counts, rather than whoever asks, so that going through the events of a process takes one step for each and not
    /// one for each before it as well.
    func event(
        _ ordinal: Int, of process: String, type: String, _ done: @escaping Answer<ProcessEvent>
    ) -> @Sendable () -> Void

    // For those who execute.

    /// Takes every row that has not ended and that nobody has a live lease of, in the order in which they were started. Rows that
    /// are to be cancelled and that nobody executes are ended instead.
    func claim(_ runner: String, leaseMs: Int64, _ done: @escaping Answer<[ProcessWork]>)

    /// Keeps a lease for `leaseMs` from now; fails with `process_lease_lost` when another has the row, or nobody, for it has ended.
    func renew(_ lease: ProcessLease, leaseMs: Int64, _ done: @escaping Answer<Void>)

    /// Ends the row, and says so: first to who has ended it, so that what others make of it comes after whatever is told of it, then
    /// to everybody who awaits it. Fails as `renew` does, and then changes nothing. A cancellation without
    /// a reason of its own gets the one that was asked for.
    func finish(_ lease: ProcessLease, _ end: ProcessEnd, _ done: @escaping Answer<ProcessRecord>)

    /// Calls `body` whenever there may be something to claim, until the returned closure is called.
    func onWork(_ body: @escaping @Sendable () -> Void) -> @Sendable () -> Void
}
