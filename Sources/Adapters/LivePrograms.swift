import CProcess
import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The programs of one instance that were started and not yet reaped, so that none outlives it.
package final class LivePrograms: @unchecked Sendable {
    // Sendable: `lock` guards everything mutable.
    private let lock = Lock()
    private var running: Set<pid_t> = []
    private var isOver = false

    package init() {}

    /// Starts one, and says with which errno that failed. None is started once all were killed.
    func start(_ pid: inout pid_t, _ spawn: (inout pid_t) -> Int32) -> Int32 {
        // Under the lock, so that none is started that nobody knows of.
        lock.withLock {
            if isOver { return ECANCELED }
            let failed = spawn(&pid)
            if failed == 0 { running.insert(pid) }
            return failed
        }
    }

    /// One has ended and is about to be reaped: its number may be another's then.
    func willReap(_ pid: pid_t) { lock.withLock { _ = running.remove(pid) } }

    /// Kills what still runs, with what it started, and lets nothing start any more. On any thread, also when the process is about to
    /// end: it waits for nothing.
    package func killAll() {
        lock.withLock {
            isOver = true
            for pid in running.sorted() { ProcessTree(below: pid).kill() }
        }
    }
}

/// A program and what descends from it, also what left its group for one of its own, as `setsid` does. What has lost its parent, as
/// a daemon means to, is no descendant any more; and where the system does not list processes, only the group is found.
struct ProcessTree {
    private let root: pid_t
    private var strays: [sluice_process] = []

    private static let most: Int32 = 4096

    init(below root: pid_t) {
        self.root = root
        look()
    }

    /// Takes in what descends from it now; what was seen before stays, wherever its parent is by now.
    mutating func look() {
        let found = [sluice_process](unsafeUninitializedCapacity: Int(ProcessTree.most)) { room, count in
            count = Int(sluice_descendants(root, room.baseAddress, ProcessTree.most))
        }
        for process in found where getpgid(process.pid) != root {
            if !strays.contains(where: { $0.pid == process.pid && $0.started == process.started }) {
                strays.append(process)
            }
        }
    }

    /// Asks it to end.
    func terminate() {
        for signal in [SIGTERM, SIGCONT] {  // A stopped program does not see the first alone.
            send(signal)
        }
    }

    func kill() { send(SIGKILL) }

    /// The group's number is its own until the program is reaped; a number that is another's by now is left alone.
    private func send(_ signal: Int32) {
        posixKill(-root, signal)
        for process in strays where sluice_is_same(process) != 0 { posixKill(process.pid, signal) }
    }

    private func posixKill(_ pid: pid_t, _ signal: Int32) {
        #if canImport(Glibc)
            _ = Glibc.kill(pid, signal)
        #else
            _ = Darwin.kill(pid, signal)
        #endif
    }
}
