import CProcess
import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Watches the files that match a glob and tells what becomes of them, from a thread of its own, until stopped.
///
/// Notices of the system say when to look; where there are none (macOS, network mounts, too many directories) the tree is
/// looked at each interval. No change of a watched file is lost: each look compares everything, and directories are watched
/// before they are read.
package final class TreeWatcher: @unchecked Sendable {
    // Sendable: `lock` guards `stopped`; everything else that changes is touched by the watching thread alone.
    package struct Settings: Sendable {
        /// How long a file must rest before its change is told.
        package var settleMs: Int64 = 50
        /// How often to look where the system gives no notice.
        package var intervalMs: Int64 = 500
        /// Whether the files there at the start are told as created.
        package var tellExisting = true
        /// False to look at intervals only.
        package var usingSystem = true
        package init() {}
    }

    private let glob: Glob
    private let settings: Settings
    private let now: @Sendable () -> Int64
    private let tell: @Sendable ([FileChange]) -> Void
    private let looked: @Sendable () -> Void
    private let told: @Sendable () -> Void
    private let fail: @Sendable (AdapterError) -> Void
    private let cancel = CancelFlag()
    private let lock = Lock()
    private var stopped = false
    private var wake: (read: Int32, write: Int32) = (-1, -1)

    /// - Parameters:
    ///   - now: the clock that settling is measured by, in milliseconds.
    ///   - tell: gets the changes that settled together, never an empty list; called on the watching thread.
    ///   - looked: called once, when what is there at the start is known: whatever happens from here on is told as a change.
    ///   - told: called once, when what was there at the start has been told.
    ///   - fail: gets the error that ended the watch, at most once.
    package init(
        _ glob: Glob, _ settings: Settings = Settings(),
        now: @escaping @Sendable () -> Int64 = { MonotonicClock.nowMs },
        tell: @escaping @Sendable ([FileChange]) -> Void, looked: @escaping @Sendable () -> Void = {},
        told: @escaping @Sendable () -> Void = {}, fail: @escaping @Sendable (AdapterError) -> Void = { _ in }
    ) throws(AdapterError) {
        self.glob = glob
        self.settings = settings
        self.now = now
        self.tell = tell
        self.looked = looked
        self.told = told
        self.fail = fail
        var ends: [Int32] = [-1, -1]
        let failed = sluice_pipe(&ends)
        if failed != 0 { throw .file("watch", glob.text, failed) }
        wake = (ends[0], ends[1])
        guard startThread({ self.run() }) else {
            close(ends[0])
            close(ends[1])
            throw AdapterError(
                .tooManyOpen, "could not watch \(quoted(glob.text)): the system has no thread left; try again later")
        }
    }

    /// Ends the watch; nothing new is told afterwards, but for what is being told at this moment.
    package func stop() {
        cancel.raise()
        lock.withLock {
            if stopped { return }
            stopped = true
            var byte: UInt8 = 0
            write(wake.write, &byte, 1)
        }
    }

    private func run() {
        defer {
            lock.withLock {
                stopped = true
                close(wake.read)
                close(wake.write)
            }
        }
        var notices = ChangeNotices(usingSystem: settings.usingSystem)
        var changes = TreeChanges(TreeChanges.Settings(settleMs: settings.settleMs, patienceMs: settings.settleMs * 40))
        do throws(AdapterError) {
            let first = changes.begin(try scan(&notices), tell: settings.tellExisting)
            looked()
            if !first.isEmpty { tell(first) }
            told()
            while true {
                wait(notices, until: changes.nextDue)
                rest()
                try cancel.check()
                let touched = notices.take()
                changes.observe(try scan(&notices), touched: touched, now: now())
                let settled = changes.settled(now: now())
                if !settled.isEmpty { tell(settled) }
            }
        } catch {
            if error.code != .cancelled { fail(error) }
        }
    }

    /// Sleeps until a notice, the interval, the next change to settle, or `stop`.
    private func wait(_ notices: borrowing ChangeNotices, until due: Int64?) {
        var limit: Int64 = notices.incomplete ? settings.intervalMs : -1
        if let due {
            let rest = max(1, due - now())
            limit = limit < 0 ? rest : min(limit, rest)
        }
        var polled = [
            pollfd(fd: wake.read, events: Int16(POLLIN), revents: 0),
            pollfd(fd: notices.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        poll(&polled, 2, Int32(clamping: limit))
    }

    /// A file being written causes a notice at each write: one look for many of them.
    private func rest() {
        var polled = pollfd(fd: wake.read, events: Int16(POLLIN), revents: 0)
        poll(&polled, 1, Int32(clamping: settings.settleMs / 5))
    }

    private func scan(_ notices: inout ChangeNotices) throws(AdapterError) -> [String: FileStatus] {
        notices.beginScan()
        let paths = try glob.expand(cancel: cancel) { notices.watch($0) }
        var found: [String: FileStatus] = [:]
        for path in paths {
            if let status = try FileStatus.of(path), status.kind != .directory { found[path] = status }
        }
        return found
    }
}
