import Values

/// What is remembered of one effect, in the order in which it was written.
package struct JournalRecord: Sendable {
    package enum Kind: String, CaseIterable, Sendable {
        /// Written before the effect starts.
        case started
        /// Written when it ended.
        case ended
        /// The script's own note.
        case checkpoint
    }

    /// From 1 without gaps; given by the journal, 0 before.
    package var sequence: Int64
    /// Of which run: a journal holds many.
    package var run: String
    package var kind: Kind
    /// Stable identity (L42).
    package var replayKey: String
    /// The idempotency key as the journal stores it, or nil.
    package var idempotencyKey: String?
    package var ts: Int64
    /// The effect, or its end: data that can be encoded.
    package var payload: Value

    package init(
        sequence: Int64 = 0, run: String, kind: Kind, replayKey: String, idempotencyKey: String? = nil, ts: Int64,
        payload: Value
    ) {
        self.sequence = sequence
        self.run = run
        self.kind = kind
        self.replayKey = replayKey
        self.idempotencyKey = idempotencyKey
        self.ts = ts
        self.payload = payload
    }
}

/// Where what happened is kept, so that a recorded outcome is answered and never run again.
///
/// `Store` has the implementations; each passes the same conformance suite (L43). Every method may be called from any
/// thread and may block: callers use a thread that may.
package protocol Journal: Sendable {
    var durability: DurabilityTier { get }

    /// Appends all of `records`, in order, or none; they are safe when this returns. Gives the last one's sequence.
    func append(_ records: [JournalRecord]) throws(ControllerError) -> Int64

    /// Up to `limit` records of a run after `sequence`, in order.
    func read(run: String, after sequence: Int64, limit: Int) throws(ControllerError) -> [JournalRecord]

    /// The latest end recorded for an idempotency key, of any run: it outlives compaction (P17).
    func outcome(forKey key: String) throws(ControllerError) -> JournalRecord?

    /// Records of `run` that were started and never ended.
    func unfinished(run: String) throws(ControllerError) -> [JournalRecord]

    /// The runs, in the order of their first record.
    func runs() throws(ControllerError) -> [String]

    /// Forgets the records of a run up to `sequence` whose effect has ended; ends that carry an idempotency key stay
    /// answerable. Gives how many were forgotten.
    func compact(run: String, through sequence: Int64) throws(ControllerError) -> Int

    /// Nothing is accepted afterwards.
    func close() throws(ControllerError)
}
