/// A change of one file, as a watcher tells it.
package struct FileChange: Equatable, Sendable {
    package enum Kind: String, Sendable { case created, changed, deleted }

    package var kind: Kind
    package var path: String
    /// What the file is now; nil when it was deleted.
    package var status: FileStatus?
    /// True for a file that was there when the watch began.
    package var initial: Bool
}

/// Decides which changes are worth telling, and when: scans go in, changes come out. Knows no clock and no file.
///
/// A change is told once its file has been left alone for `settleMs`, so that a file being written is not read half; one
/// that never rests is told after `patienceMs` all the same.
struct TreeChanges {
    struct Settings: Sendable {
        var settleMs: Int64 = 50
        var patienceMs: Int64 = 2_000
    }

    private struct Pending {
        var status: FileStatus?
        var first: Int64
        var last: Int64
        /// The system said that the file was written: worth telling even when it looks as before.
        var touched: Bool
    }

    private let settings: Settings
    /// What listeners know.
    private var told: [String: FileStatus] = [:]
    private var pending: [String: Pending] = [:]

    init(_ settings: Settings) { self.settings = settings }

    /// Begins with what is there: told as created at once when `tell`, known silently otherwise.
    mutating func begin(_ scan: [String: FileStatus], tell: Bool) -> [FileChange] {
        told = scan
        guard tell else { return [] }
        return scan.keys.sorted(by: bytewise).map {
            FileChange(kind: .created, path: $0, status: scan[$0], initial: true)
        }
    }

    /// Takes in a scan: every watched file as it is at `now`, and the paths the system reported since the last one.
    mutating func observe(_ scan: [String: FileStatus], touched: Set<String> = [], now: Int64) {
        for (path, status) in scan where told[path] != status || pending[path] != nil || touched.contains(path) {
            note(path, status, touched.contains(path), now)
        }
        for path in told.keys where scan[path] == nil { note(path, nil, touched.contains(path), now) }
        for path in pending.keys where scan[path] == nil && told[path] == nil { pending[path] = nil }
    }

    private mutating func note(_ path: String, _ status: FileStatus?, _ touched: Bool, _ now: Int64) {
        guard var known = pending[path] else {
            pending[path] = Pending(status: status, first: now, last: now, touched: touched)
            return
        }
        if known.status != status || touched { known.last = now }
        known.status = status
        known.touched = known.touched || touched
        pending[path] = known.status == told[path] && !known.touched ? nil : known
    }

    /// The changes that have settled, in byte order of their paths.
    mutating func settled(now: Int64) -> [FileChange] {
        var changes: [FileChange] = []
        for path in pending.filter({ due($0.value) <= now }).keys.sorted(by: bytewise) {
            guard let entry = pending.removeValue(forKey: path) else { continue }
            let kind: FileChange.Kind = entry.status == nil ? .deleted : told[path] == nil ? .created : .changed
            told[path] = entry.status
            changes.append(FileChange(kind: kind, path: path, status: entry.status, initial: false))
        }
        return changes
    }

    /// When the next change settles; nil when none is waiting.
    var nextDue: Int64? { pending.values.map(due).min() }

    private func due(_ entry: Pending) -> Int64 {
        min(entry.last + settings.settleMs, entry.first + settings.patienceMs)
    }
}

/// The order of paths everywhere in this target.
func bytewise(_ left: String, _ right: String) -> Bool { left.utf8.lexicographicallyPrecedes(right.utf8) }
