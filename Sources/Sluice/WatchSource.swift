import Adapters
import Engine
import Machine
import Runtime
import Values

/// Changes of files, on a channel: the watching thread waits until each has been put, so none is lost and few lie in memory.
///
/// It holds the run while it is live, for files may change at any time.
final class WatchSource: EventSource, @unchecked Sendable {
    // Sendable: `lock` guards what changes.
    /// Changes that nobody has taken yet.
    private static let buffer = 16

    let channel = Channel(.fixed(WatchSource.buffer))
    let shown: String?
    /// Closed once the watch stands or has ended, whichever is first.
    private let standing: Channel
    private unowned let session: Session
    private let lock = Lock()
    private let changed = Condition()
    private var watcher: TreeWatcher?
    private var isOver = false

    private init(_ pattern: String, _ standing: Channel, _ session: Session) {
        shown = pattern
        self.standing = standing
        self.session = session
    }

    /// - Parameter standing: closed once every change that follows will be told.
    /// - Throws: what is wrong with the pattern or the options, or that reading is not granted.
    static func begin(
        _ pattern: Value, _ options: Value, standing: Channel, _ session: Session
    ) throws(Fault) -> WatchSource {
        let call = EffectCall(
            params: Params(try params(pattern, options)), directory: session.options.grants.workingDirectory,
            allow: { [grants = session.options.grants] need throws(AdapterError) in
                if let refusal = grants.refusal(of: need) { throw AdapterError(.notAllowed, refusal.message) }
            }, clock: session.runtime.clock)
        let source = WatchSource(pattern.stringValue ?? "", standing, session)
        let isOnce = session.sources.isOnce
        session.runtime.scheduler.hold()
        do throws(AdapterError) {
            // Files have the time of the system, whatever the run's clock shows.
            let watcher = try FileEffects.watch(
                call, now: { MonotonicClock.nowMs }, tell: { source.tell($0) },
                looked: { standing.close() }, told: { if isOnce { source.end() } }, fail: { source.finish($0) })
            session.sources.add(source)
            source.isWatched(by: watcher)
        } catch {
            session.runtime.scheduler.release()
            throw WatchSource.fault(error)
        }
        return source
    }

    private static func params(_ pattern: Value, _ options: Value) throws(Fault) -> HashMap {
        var params = HashMap()
        switch options {
        case .map(let map): params = map
        case .nil: break
        default: throw .type("event/watch", expected: "a map of options", found: options)
        }
        for (key, _) in params.entries {
            switch key.knownKeyword {
            case .settleMs, .intervalMs, .isExisting: break
            default:
                throw .illegalArgument(
                    "event/watch takes the options :settle-ms, :interval-ms and :existing?, but found \(key.briefly)")
            }
        }
        try HashMap.set(&params, .kw(.pattern), pattern)
        return params
    }

    /// As an effect that fails is seen.
    private static func fault(_ error: AdapterError) -> Fault {
        let error = error.effectError
        return .of(.info, error.message, data: error.value)
    }

    private func isWatched(by watcher: TreeWatcher) {
        let isLate = lock.withLock {
            self.watcher = watcher
            return isOver
        }
        if isLate {
            watcher.stop()
            session.sources.remove(self)
        }
    }

    func end() { finish(nil) }

    /// Ends the watch, because of an error if there is one.
    private func finish(_ error: AdapterError?) {
        let (isFirst, watcher) = lock.withLock { () -> (Bool, TreeWatcher?) in
            defer { isOver = true }
            changed.broadcast()
            return (!isOver, self.watcher)
        }
        guard isFirst else { return }
        if let error { session.options.uncaught(WatchSource.fault(error), session.runtime.identity) }
        watcher?.stop()
        channel.close()
        standing.close()
        session.sources.remove(self)
        session.runtime.scheduler.release()
    }

    // On the watching thread

    private func tell(_ changes: [Value]) {
        for change in changes {
            guard put(change) else { return end() }
        }
    }

    /// Waits until there is room. False when the channel is closed, or the watch has ended meanwhile.
    private func put(_ change: Value) -> Bool {
        let passed = Passed()
        let entry = Callback.waiting { [self] _ in
            lock.withLock {
                passed.isSet = true
                changed.broadcast()
            }
        }
        // A change is not nil, and one thread puts: the channel can refuse neither.
        let accepted = (try? channel.put(change, entry)) ?? nil
        if let accepted { return accepted }
        lock.acquire()
        defer { lock.release() }
        while !passed.isSet, !isOver { changed.wait(lock) }
        return passed.isSet
    }

    private final class Passed: @unchecked Sendable {
        // Sendable: guarded by the source's lock.
        var isSet = false
    }
}
