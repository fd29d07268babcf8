import Engine
import Values

/// What becomes of processes (L31–L41): a pure state machine without a clock or a lock. Time comes in as milliseconds since 1970;
/// who waits is a number, and what is to be said to whom goes out as `replies`.
///
/// A row stands until it has ended, and then for as long as it is among the newest that have. A row that has not ended is the work
/// queue: `claim` gives it to one runner at a time, for as long as that renews its lease, and only that one ends it.
package struct ProcessTable: Sendable {
    package struct Limits: Sendable {
        /// Rows that are kept once they have ended: the newest ones, as the engine keeps its effects (P1).
        package var retainedEnded = 500
        /// Events of one process, so that one which is signalled without end says so rather than filling the memory. What the
        /// registry itself appends comes on top.
        package var events = 10_000
        package init() {}
    }

    /// Who waits for something.
    package typealias Waiter = Int

    package enum Reply: Sendable {
        case ended(Waiter, ProcessEnd)
        case event(Waiter, ProcessEvent)
        case failed(Waiter, ControllerError)
    }

    private struct Row {
        var record: ProcessRecord
        /// Position among all rows, in the order in which they were started.
        let ordinal: Int
        var events: [ProcessEvent] = []
        /// The descriptor of each session that has a grant.
        var grants: [String: Value] = [:]
        var lease: ProcessLease?
        /// Until when it is live, in milliseconds.
        var expiresMs: Int64 = 0
        /// Somebody has asked for its end, perhaps with a reason.
        var cancel: (isAsked: Bool, reason: String?) = (false, nil)
        var awaiting: Set<Waiter> = []
        var listening: [Waiter: (type: String, ordinal: Int)] = [:]
        /// Where the events of each type stand among all.
        var places: [String: [Int]] = [:]

        var id: String { record.id }
        func isHeld(at now: Int64) -> Bool { lease != nil && now < expiresMs }
    }

    package private(set) var limits: Limits
    /// What is to be said, in order; whoever drives the table takes it away.
    package var replies: [Reply] = []
    private var rows: [String: Row] = [:]
    private var started = 0
    private var claims: Int64 = 0
    /// Rows that nobody has claimed yet; some may have ended since.
    private var pending = Fifo<String>()
    /// The rows of leases.
    private var leased: Set<String> = []
    /// No lease runs out before.
    private var firstExpiryMs = Int64.max
    /// In the order in which they ended.
    private var ended = Fifo<String>()
    /// The rows of which a session has a grant.
    private var sessions: [String: Set<String>] = [:]
    /// What each waiter waits for.
    private var waiters: [Waiter: String] = [:]

    package init(limits: Limits = Limits()) { self.limits = limits }

    /// How many rows there are, and who waits: for tests of what is kept.
    package var counts: (rows: Int, sessions: Int, waiters: Int) { (rows.count, sessions.count, waiters.count) }

    // MARK: Starting and listing

    /// Makes a row. One of the same id and with an equal input is answered as it stands, whether it has ended or not, so that a
    /// start may be repeated; with another input it is an error.
    package mutating func start(_ registration: ProcessRegistration, grant: ProcessGrant?, at now: Int64)
        throws(ControllerError) -> ProcessRecord
    {
        let id = registration.id
        if let row = rows[id] {
            guard (try? row.record.input.equals(registration.input)) ?? false else {
                throw .processConflict(id, hasEnded: row.record.status.isEnd)
            }
        } else {
            started += 1
            rows[id] = Row(
                record: ProcessRecord(id: id, input: registration.input, createdTs: now), ordinal: started)
            pending.append(id)
        }
        if let grant { self.grant(id, grant.session, grant.descriptor) }
        return rows[id]!.record
    }

    /// In the order in which they were started.
    package func list(session: String?, mode: ProcessCommand.ListMode) -> [ProcessEntry] {
        let ids: any Sequence<String> = session.map { sessions[$0] ?? [] } ?? Set(rows.keys)
        return inOrder(ids.compactMap { rows[$0] }.filter { mode == .all || !$0.record.status.isEnd }).map { row in
            ProcessEntry(row.record, descriptor: session.flatMap { row.grants[$0] } ?? .nil)
        }
    }

    private func inOrder(_ rows: [Row]) -> [Row] { rows.sorted { $0.ordinal < $1.ordinal } }

    private func row(_ id: String) throws(ControllerError) -> Row {
        guard let row = rows[id] else { throw .unknownProcess(id, among: namesToSuggest) }
        return row
    }

    /// For those who change the row: a copy of all of it would have its events copied with the change.
    private func record(_ id: String) throws(ControllerError) -> ProcessRecord {
        guard let record = rows[id]?.record else { throw .unknownProcess(id, among: namesToSuggest) }
        return record
    }

    /// What a person may have meant by an id that is none: of very many, most were made by a program, and looking at all of them
    /// for each that is missing would cost more than it tells.
    private var namesToSuggest: [String] {
        rows.count <= ProcessTable.suggestionLimit ? Array(rows.keys) : []
    }

    private static let suggestionLimit = 100

    // MARK: Sessions

    private mutating func grant(_ id: String, _ session: String, _ descriptor: Value) {
        rows[id]?.grants[session] = descriptor
        sessions[session, default: []].insert(id)
    }

    private mutating func revoke(_ id: String, _ session: String) {
        rows[id]?.grants[session] = nil
        sessions[session]?.remove(id)
        if sessions[session]?.isEmpty ?? false { sessions[session] = nil }
    }

    /// Moves the grants of one session to another, with their descriptors: all of them or none.
    package mutating func transfer(from: String, to: String, ids: [String]) throws(ControllerError) {
        var moved: [(String, Value)] = []
        for id in ids {
            guard let descriptor = try row(id).grants[from] else { throw .processNotGranted(id, from) }
            moved.append((id, descriptor))
        }
        for (id, descriptor) in moved {
            revoke(id, from)
            grant(id, to, descriptor)
        }
    }

    /// Takes the grants of a session away, and asks those processes to end that no other session has a grant of. An unknown
    /// session has none.
    package mutating func deleteSession(_ session: String, at now: Int64) -> ProcessSessionReport {
        let held = inOrder((sessions[session] ?? []).compactMap { rows[$0] })
        var cancelled: [String] = []
        for row in held {
            revoke(row.id, session)
            guard row.grants.count == 1, !row.record.status.isEnd else { continue }
            cancelled.append(row.id)
            requestCancel(row.id, "session `\(session)` was deleted", at: now)
        }
        return ProcessSessionReport(session: session, released: held.map(\.id), cancelled: cancelled)
    }

    // MARK: Events

    /// Appends an event that somebody sends.
    package mutating func signal(_ id: String, type: String, payload: Value) throws(ControllerError) -> ProcessEvent {
        let record = try record(id)
        guard !record.status.isEnd else { throw .processEnded(id, record.status, "takes no signal") }
        guard record.events < limits.events else { throw .processEventLimit(id, limits.events) }
        return append(id, type, payload)
    }

    private mutating func append(_ id: String, _ type: String, _ payload: Value) -> ProcessEvent {
        // In place: a copy of the row would be one of all its events.
        let event = ProcessEvent(sequence: rows[id]!.record.events + 1, type: type, payload: payload)
        rows[id]!.events.append(event)
        rows[id]!.record.events = event.sequence
        rows[id]!.places[type, default: []].append(Int(event.sequence) - 1)
        let ordinal = rows[id]!.places[type]!.count
        let listening = rows[id]!.listening.filter { $0.value.type == type && $0.value.ordinal == ordinal }
        for waiter in listening.keys.sorted() {
            rows[id]!.listening[waiter] = nil
            waiters[waiter] = nil
            replies.append(.event(waiter, event))
        }
        return event
    }

    /// Answers with the nth event of a type, one-based: now, or when it comes.
    package mutating func event(_ ordinal: Int, of id: String, type: String, _ waiter: Waiter) throws(ControllerError) {
        guard ordinal > 0 else { throw .awaitEventInvalidOrdinal }
        let row = try row(id)
        let places = row.places[type] ?? []
        if ordinal <= places.count {
            replies.append(.event(waiter, row.events[places[ordinal - 1]]))
        } else if row.record.status.isEnd {
            throw noFurtherEvent(row, type)
        } else {
            waiters[waiter] = id
            rows[id]!.listening[waiter] = (type, ordinal)
        }
    }

    private func noFurtherEvent(_ row: Row, _ type: String) -> ControllerError {
        let count = row.places[type]?.count ?? 0
        let events = count == 1 ? "1 event" : "\(count) events"
        return .processEnded(row.id, row.record.status, "had \(events) of type `\(type)`; none will follow")
    }

    // MARK: Ends

    /// Answers with the end: now, or when it comes.
    package mutating func await(_ id: String, _ waiter: Waiter) throws(ControllerError) {
        if let end = try record(id).end {
            replies.append(.ended(waiter, end))
        } else {
            waiters[waiter] = id
            rows[id]!.awaiting.insert(waiter)
        }
    }

    /// The waiter is not answered any more; nothing happens when it was.
    package mutating func withdraw(_ waiter: Waiter) {
        guard let id = waiters.removeValue(forKey: waiter) else { return }
        rows[id]?.awaiting.remove(waiter)
        rows[id]?.listening[waiter] = nil
    }

    /// Asks for the end of a process, by an event that whoever executes it sees (L39). Where nobody does it ends at once. Asking
    /// again, or for the end of one that has ended, changes nothing.
    package mutating func cancel(_ id: String, reason: String?, at now: Int64) throws(ControllerError) -> ProcessRecord
    {
        let record = try record(id)
        return record.status.isEnd ? record : requestCancel(id, reason, at: now)
    }

    @discardableResult
    private mutating func requestCancel(_ id: String, _ reason: String?, at now: Int64) -> ProcessRecord {
        if rows[id]!.cancel.isAsked { return rows[id]!.record }
        rows[id]!.cancel = (true, reason)
        let payload = reason.map { Value.record((.reason, .string($0))) } ?? .nil
        _ = append(id, ProcessEvent.cancelRequested, payload)
        return rows[id]!.isHeld(at: now) ? rows[id]!.record : end(id, .cancelled(reason: reason), at: now)
    }

    @discardableResult
    private mutating func end(_ id: String, _ end: ProcessEnd, at now: Int64) -> ProcessRecord {
        var row = rows[id]!
        row.record.status = end.status
        row.record.end = end
        row.record.endedTs = now
        row.lease = nil
        leased.remove(id)
        for waiter in row.awaiting.sorted() {
            waiters[waiter] = nil
            replies.append(.ended(waiter, end))
        }
        for (waiter, wanted) in row.listening.sorted(by: { $0.key < $1.key }) {
            waiters[waiter] = nil
            replies.append(.failed(waiter, noFurtherEvent(row, wanted.type)))
        }
        row.awaiting = []
        row.listening = [:]
        rows[id] = row
        ended.append(id)
        forgetOldest()
        return row.record
    }

    /// Keeps so many rows that have ended, from here on.
    package mutating func retain(_ count: Int) {
        limits.retainedEnded = count
        forgetOldest()
    }

    private mutating func forgetOldest() {
        while ended.count > limits.retainedEnded, let oldest = ended.popFirst() { forget(oldest) }
    }

    /// Nobody waits for a row that has ended, so nobody can be left waiting.
    private mutating func forget(_ id: String) {
        for session in rows[id]?.grants.keys.sorted() ?? [] { revoke(id, session) }
        rows[id] = nil
    }

    // MARK: Executing

    /// Gives a runner every row that has not ended and that nobody has a live lease of. Where somebody has asked for the end, and
    /// nobody executes it, there is nothing to execute: it ends.
    package mutating func claim(_ runner: String, leaseMs: Int64, at now: Int64) -> [ProcessWork] {
        var free: [Row] = []
        while let id = pending.popFirst() {
            if let row = rows[id], row.record.status == .pending, row.lease == nil { free.append(row) }
        }
        if firstExpiryMs <= now {
            let held = leased.compactMap { rows[$0] }
            free += held.filter { !$0.isHeld(at: now) }
            firstExpiryMs = held.reduce(.max) { $1.isHeld(at: now) ? min($0, $1.expiresMs) : $0 }
        }
        var work: [ProcessWork] = []
        for row in inOrder(free) {
            if row.cancel.isAsked {
                end(row.id, .cancelled(reason: row.cancel.reason), at: now)
            } else {
                work.append(ProcessWork(lease: lease(row.id, runner, leaseMs, at: now), input: row.record.input))
            }
        }
        return work
    }

    private mutating func lease(_ id: String, _ runner: String, _ leaseMs: Int64, at now: Int64) -> ProcessLease {
        var row = rows[id]!
        claims += 1
        let lease = ProcessLease(process: id, runner: runner, claim: claims)
        row.lease = lease
        row.expiresMs = ProcessTable.expiry(leaseMs, now)
        row.record.status = .running
        row.record.startedTs = row.record.startedTs ?? now
        rows[id] = row
        leased.insert(id)
        firstExpiryMs = min(firstExpiryMs, row.expiresMs)
        return lease
    }

    private static func expiry(_ leaseMs: Int64, _ now: Int64) -> Int64 {
        let (at, overflow) = now.addingReportingOverflow(max(0, leaseMs))
        return overflow ? Int64.max : at
    }

    private func held(_ lease: ProcessLease) throws(ControllerError) {
        guard rows[lease.process]?.lease == lease else { throw .processLeaseLost(lease) }
    }

    package mutating func renew(_ lease: ProcessLease, leaseMs: Int64, at now: Int64) throws(ControllerError) {
        try held(lease)
        let expiresMs = ProcessTable.expiry(leaseMs, now)
        rows[lease.process]!.expiresMs = expiresMs
        firstExpiryMs = min(firstExpiryMs, expiresMs)
    }

    package mutating func finish(_ lease: ProcessLease, _ end: ProcessEnd, at now: Int64) throws(ControllerError)
        -> ProcessRecord
    {
        try held(lease)
        if case .cancelled(nil) = end {
            return self.end(lease.process, .cancelled(reason: rows[lease.process]!.cancel.reason), at: now)
        }
        return self.end(lease.process, end, at: now)
    }
}
