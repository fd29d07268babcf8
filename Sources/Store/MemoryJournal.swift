//! Store: what is remembered beyond the moment. Records of effects come in from the engine; runs, outcomes and
//! unfinished work go out. The protocols are the engine's; every implementation here passes the same conformance suite.
//! Rows of processes with their events are kept here, too. In memory now; a file on this machine is the next.

import Engine
import Values

/// A journal that lives as long as the process: for tests, and for runs that need replay but no durability.
package final class MemoryJournal: Journal, @unchecked Sendable {
    // Sendable: `lock` guards everything mutable.
    private let lock = Lock()
    private var sequence: Int64 = 0
    private var isClosed = false
    private var order: [String] = []
    private var records: [String: [JournalRecord]] = [:]
    private var byKey: [String: JournalRecord] = [:]

    package init() {}

    package var durability: DurabilityTier { .inline }

    package func append(_ new: [JournalRecord]) throws(ControllerError) -> Int64 {
        try lock.withLock { () throws(ControllerError) in
            try checkOpen()
            for var record in new {
                sequence += 1
                record.sequence = sequence
                if records[record.run] == nil { order.append(record.run) }
                records[record.run, default: []].append(record)
                if record.kind == .ended, let key = record.idempotencyKey { byKey[key] = record }
            }
            return sequence
        }
    }

    package func read(run: String, after: Int64, limit: Int) throws(ControllerError) -> [JournalRecord] {
        try lock.withLock { () throws(ControllerError) in
            try checkOpen()
            let all = records[run] ?? []
            let start = firstIndex(in: all) { $0.sequence > after }
            return Array(all[start...].prefix(max(0, limit)))
        }
    }

    package func outcome(forKey key: String) throws(ControllerError) -> JournalRecord? {
        try lock.withLock { () throws(ControllerError) in
            try checkOpen()
            return byKey[key]
        }
    }

    package func unfinished(run: String) throws(ControllerError) -> [JournalRecord] {
        try lock.withLock { () throws(ControllerError) in
            try checkOpen()
            let all = records[run] ?? []
            let ended = Set(all.filter { $0.kind == .ended }.map(\.replayKey))
            var seen: Set<String> = []
            return all.filter {
                $0.kind == .started && !ended.contains($0.replayKey) && seen.insert($0.replayKey).inserted
            }
        }
    }

    package func runs() throws(ControllerError) -> [String] {
        try lock.withLock { () throws(ControllerError) in
            try checkOpen()
            return order
        }
    }

    package func compact(run: String, through: Int64) throws(ControllerError) -> Int {
        try lock.withLock { () throws(ControllerError) in
            try checkOpen()
            guard let all = records[run] else { return 0 }
            let ended = Set(all.filter { $0.kind == .ended && $0.sequence <= through }.map(\.replayKey))
            let kept = all.filter { $0.sequence > through || ($0.kind != .checkpoint && !ended.contains($0.replayKey)) }
            records[run] = kept
            return all.count - kept.count
        }
    }

    package func close() throws(ControllerError) {
        lock.withLock { isClosed = true }
    }

    private func checkOpen() throws(ControllerError) {
        if isClosed { throw .store("the journal is closed") }
    }

    /// The first index whose record satisfies `isAfter`, which holds from some index on.
    private func firstIndex(in all: [JournalRecord], _ isAfter: (JournalRecord) -> Bool) -> Int {
        var (low, high) = (0, all.count)
        while low < high {
            let middle = (low + high) / 2
            if isAfter(all[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
