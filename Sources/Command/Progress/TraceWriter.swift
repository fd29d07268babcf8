import Engine
import Inspector
import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Writes a run's events to a file, on a thread of its own, so that whoever works is not held up by a disk.
///
/// Events go out as soon as the thread comes to them: a process that is killed loses the last few at most. One that is told to
/// end calls `finish`.
final class TraceWriter: @unchecked Sendable {
    // Sendable: `writing` guards what changes but `isEnding`, which is guarded by `lock`.

    /// Events that may wait to be written: a large batch brings some hundred thousand at once.
    static let capacity = 1 << 18
    /// Bytes that are handed over to the system at once.
    private static let chunk = 1 << 18
    /// How long who ends the process at once waits for the thread.
    private static let patienceMs = 1000

    private let descriptor: Int32
    private let path: String
    private let console: Console
    private let bell = Bell()
    private let lock = Lock()
    private var isEnding = false

    /// Held while events are taken and written, so that they keep their order.
    private let writing = Lock()
    private var stream: EventStream?
    private var subscription: EventSubscription?
    /// The newest event that was written: those before it are in the file, or counted as lost.
    private var written: UInt64 = 0
    private var isBroken = false

    /// Opens the file and begins it anew.
    ///
    /// - Throws: a fault that says why it cannot be written. What is there and is no trace is left alone: a file that is named by
    ///   mistake, a script perhaps, must not be lost.
    init(_ path: String, _ console: Console) throws(Fault) {
        let opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        // A pipe or a device may be for writing alone.
        descriptor = opened >= 0 || errno != EACCES ? opened : open(path, O_WRONLY | O_CLOEXEC)
        self.path = path
        self.console = console
        guard descriptor >= 0 else { throw TraceWriter.unwritable(path, errno) }
        var info = stat()
        if fstat(descriptor, &info) == 0, info.st_mode & S_IFMT == S_IFREG {
            if info.st_size > 0, !TraceWriter.beginsAsTrace(descriptor) {
                close(descriptor)
                throw .of(
                    .io, "\(path) is there and is not a trace, so it is left alone",
                    hint: "name a new file after --trace, or remove this one")
            }
            guard ftruncate(descriptor, 0) == 0 else { throw TraceWriter.unwritable(path, errno) }
        }
        if let error = Descriptor.writeAll(descriptor, TraceLine.header) { throw TraceWriter.unwritable(path, error) }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    private static func unwritable(_ path: String, _ error: Int32) -> Fault {
        .of(.io, "the trace \(path) cannot be written: \(String(cString: strerror(error)))")
    }

    private static func beginsAsTrace(_ descriptor: Int32) -> Bool {
        let beginning = Array("{:sluice/trace ".utf8)
        var bytes = [UInt8](repeating: 0, count: beginning.count)
        return pread(descriptor, &bytes, bytes.count, 0) == bytes.count && bytes == beginning
    }

    /// Writes what has happened already and what will.
    func follow(_ events: EventStream, capacity: Int = TraceWriter.capacity) {
        let bell = bell
        writing.withLock {
            stream = events
            subscription = events.subscribe(capacity: capacity) { bell.ring() }
            let (recent, lost) = events.recent()
            emit(recent, lost: Int(lost))
        }
        let began = startThread { [self] in
            while !lock.withLock({ isEnding }) {
                bell.wait(-1)
                writing.withLock { drain() }
            }
        }
        precondition(began, "the system gives no more threads")
    }

    /// Writes what is left and takes no more. On any thread, and more than once.
    ///
    /// - Parameter patiently: false when the process ends at once, whoever is stuck writing.
    func finish(patiently: Bool = true) {
        lock.withLock { isEnding = true }
        bell.ring()
        if patiently {
            writing.acquire()
        } else {
            var waitedMs = 0
            while !writing.tryAcquire() {
                guard waitedMs < TraceWriter.patienceMs else { return }
                usleep(5000)
                waitedMs += 5
            }
        }
        defer { writing.release() }
        drain()
        guard let stream, let subscription else { return }
        stream.unsubscribe(subscription)
        self.subscription = nil
    }

    // What follows is called with `writing` held.

    private func drain() {
        guard let subscription else { return }
        let (events, lost) = subscription.take()
        emit(events, lost: lost)
    }

    private func emit(_ events: [Event], lost: Int) {
        guard !isBroken, !events.isEmpty || lost > 0 else { return }
        var bytes = lost > 0 ? TraceLine.lost(lost) : []
        for event in events where event.sequence > written {
            written = event.sequence
            bytes += TraceLine.line(event)
            if bytes.count >= TraceWriter.chunk {
                deliver(bytes)
                bytes.removeAll(keepingCapacity: true)
            }
        }
        deliver(bytes)
    }

    private func deliver(_ bytes: [UInt8]) {
        guard !isBroken, let error = Descriptor.writeAll(descriptor, bytes) else { return }
        isBroken = true
        console.write(
            "sluice: the trace \(path) ends here: \(String(cString: strerror(error)))\n", to: .error)
    }
}
