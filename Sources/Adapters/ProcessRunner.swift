import CProcess
import Engine
import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A program to run.
package struct Program: Sendable {
    /// The most of each output that is kept unless told otherwise.
    package static let defaultMaxBytes = 16 << 20
    /// How long a program has to end after SIGTERM before it is killed.
    package static let graceMs: Int64 = 2_000

    /// The program, by path or by a name on PATH, and its arguments: no shell reads them.
    package var arguments: [String]
    package var input: [UInt8] = []
    /// Where it runs; nil for this process's directory.
    package var directory: String?
    package var environment = ProcessEnvironment()
    package var maxBytes = Program.defaultMaxBytes
    package var timeoutMs: Int64?
    package var graceMs = Program.graceMs
    /// What `timeoutMs` is measured on; the grace is the system's own time.
    package var clock: any Clock

    package init(_ arguments: [String], clock: any Clock) {
        self.arguments = arguments
        self.clock = clock
    }
}

/// How a program ended and what it said.
package struct ProgramResult: Equatable, Sendable {
    /// The exit code; 128 + the signal when a signal ended it, as shells have it.
    package var exit: Int
    package var signal: Int?
    package var out: Output
    package var err: Output

    package struct Output: Equatable, Sendable {
        package var bytes: [UInt8] = []
        /// More came than was kept.
        package var truncated = false
    }
}

/// Runs programs, each in a session of its own, so that it can be ended with everything it started.
///
/// A program is over when it itself has ended; what it left running keeps running, as under a shell, unless the run was
/// cancelled or timed out: then the whole group gets SIGTERM and, after a grace, SIGKILL.
package final class ProcessRunner: Sendable {
    /// Programs that run at once; each has a thread that mostly sleeps.
    package static let maxPrograms = 256

    private let pool = BlockingPool(limit: ProcessRunner.maxPrograms)
    private let live = LivePrograms()

    package init() {}

    /// Starts `program` and answers once, on another thread. The function returned cancels it; the answer then comes when
    /// the program is gone.
    package func start(
        _ program: Program, _ done: @escaping @Sendable (Result<ProgramResult, AdapterError>) -> Void
    ) -> @Sendable () -> Void {
        let wake: WakePipe
        do throws(AdapterError) {
            try ProcessRunner.validate(program)
            wake = try WakePipe()
            guard live.add(wake) else { throw .cancelled }
        } catch {
            let failure = error
            pool.submit { done(.failure(failure)) }
            return {}
        }
        pool.submit { [live] in
            defer { live.remove(wake) }
            do throws(AdapterError) {
                if wake.reason != nil { throw .cancelled }
                let timer = program.timeoutMs.map { ms in program.clock.after(ms: ms) { wake.raise(.timedOut) } }
                defer { timer?.cancel() }
                var run = try ProgramRun(program, wake)
                done(.success(try run.finish()))
            } catch {
                done(.failure(error))
            }
        }
        return { wake.raise(.cancelled) }
    }

    /// Ends every program, and waits until they are gone, for `endMs` at most; none is started after it.
    package func close() { live.close(within: ProcessRunner.endMs) }

    /// As long as a program may take to end after SIGTERM, and a little more.
    private static let endMs = Program.graceMs + 500

    static func validate(_ program: Program) throws(AdapterError) {
        guard let name = program.arguments.first, !name.isEmpty else {
            throw .parameter("there is no program to run; give a vector such as [\"git\" \"status\"]")
        }
        for argument in program.arguments where argument.utf8.contains(0) {
            throw .parameter("the argument \(quoted(argument)) contains a NUL character; programs cannot be given one")
        }
        for name in program.environment.names {
            if name.isEmpty || name.utf8.contains(UInt8(ascii: "=")) || name.utf8.contains(0)
                || program.environment.changes[name]??.utf8.contains(0) == true
            {
                throw .parameter(
                    "\(quoted(name)) cannot be an environment variable; use letters, digits and _ without NUL or =")
            }
        }
        if let directory = program.directory {
            try FileSystem.validate(directory)
            guard let status = try FileStatus.of(directory) else { throw .file("run a program in", directory, ENOENT) }
            if status.kind != .directory { throw .file("run a program in", directory, ENOTDIR) }
        }
    }
}

/// The programs that run or will.
private final class LivePrograms: @unchecked Sendable {
    // Sendable: `lock` guards what changes.
    private let lock = Lock()
    private let condition = Condition()
    private var wakes: [ObjectIdentifier: WakePipe] = [:]
    private var isClosed = false

    /// False when no more are to be started.
    func add(_ wake: WakePipe) -> Bool {
        lock.withLock {
            if !isClosed { wakes[ObjectIdentifier(wake)] = wake }
            return !isClosed
        }
    }

    func remove(_ wake: WakePipe) {
        lock.withLock {
            wakes[ObjectIdentifier(wake)] = nil
            if wakes.isEmpty { condition.broadcast() }
        }
    }

    func close(within milliseconds: Int64) {
        let left = lock.withLock {
            isClosed = true
            return Array(wakes.values)
        }
        for wake in left { wake.raise(.cancelled) }
        let deadline = MonotonicClock.now + milliseconds * 1_000_000
        lock.withLock {
            while !wakes.isEmpty, condition.wait(lock, until: deadline) {}
        }
    }
}

/// A reason to end that wakes a thread sleeping in `poll`; the first stays.
final class WakePipe: @unchecked Sendable {
    // Sendable: `lock` guards `first`; the rest is immutable.
    let descriptor: Int32
    private let writer: Int32
    private let lock = Lock()
    private var first: Reason?

    enum Reason { case cancelled, timedOut }

    init() throws(AdapterError) {
        var ends: [Int32] = [-1, -1]
        let failed = sluice_pipe(&ends)
        if failed != 0 {
            throw AdapterError(.tooManyOpen, "too many files are open; run fewer effects at once", retryable: true)
        }
        (descriptor, writer) = (ends[0], ends[1])
        for end in ends { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
    }

    deinit {
        close(descriptor)
        close(writer)
    }

    var reason: Reason? { lock.withLock { first } }

    func raise(_ reason: Reason) {
        lock.withLock { first = first ?? reason }
        wake()
    }

    /// Wakes the thread without a reason to end: for one that has other orders and drains the pipe.
    func wake() {
        var byte: UInt8 = 0
        write(writer, &byte, 1)
    }

    /// Takes what has woken, so that the next sleep is one.
    func drain() {
        var bytes = [UInt8](repeating: 0, count: 256)
        while read(descriptor, &bytes, bytes.count) == bytes.count {}
    }
}

/// One program while it runs; owned by one thread.
private struct ProgramRun: ~Copyable {
    let program: Program
    let wake: WakePipe
    var child: ChildProcess
    var written = 0
    var kept: [ProgramResult.Output] = [.init(), .init()]
    var ending: WakePipe.Reason?
    var killAt: Int64?

    init(_ program: Program, _ wake: WakePipe) throws(AdapterError) {
        self.program = program
        self.wake = wake
        child = try ChildProcess(program)
    }

    /// Talks with the program until it has ended, and reaps it whatever happens.
    mutating func finish() throws(AdapterError) -> ProgramResult {
        while !child.hasEnded {
            let now = MonotonicClock.nowMs
            endIfAsked(now)
            transfer(waitingUntil: nextLook(now))
        }
        // What it wrote before it ended is in the pipes still; what its own children may yet write is not waited for.
        read(.output)
        read(.error)
        if ending != nil { child.killGroup() }
        let (exit, signal) = child.reap()
        switch ending {
        case .cancelled: throw .cancelled
        case .timedOut:
            throw AdapterError(
                .timeout,
                "\(quoted(program.arguments[0])) ran longer than \(program.timeoutMs ?? 0) ms and was ended; allow more time"
            )
        case nil: return ProgramResult(exit: exit, signal: signal, out: kept[0], err: kept[1])
        }
    }

    private mutating func endIfAsked(_ now: Int64) {
        if ending == nil {
            ending = wake.reason
            guard ending != nil else { return }
            killAt = now + program.graceMs
            child.terminate()
        } else if let at = killAt, now >= at {
            killAt = nil
            child.killGroup()
        }
    }

    /// Milliseconds until something must be looked at without being woken; -1 for never.
    private func nextLook(_ now: Int64) -> Int32 {
        var next: Int64?
        if let killAt { next = killAt - now }
        if child.ended < 0 { next = min(next ?? .max, ChildProcess.lookMs) }
        return next.map { Int32(clamping: max(0, $0)) } ?? -1
    }

    private mutating func transfer(waitingUntil timeout: Int32) {
        if written == program.input.count { child.closeInput() }
        var polled = [
            pollfd(fd: child.outputs[0], events: Int16(POLLIN), revents: 0),
            pollfd(fd: child.outputs[1], events: Int16(POLLIN), revents: 0),
            pollfd(fd: child.input, events: Int16(POLLOUT), revents: 0),
            pollfd(fd: child.ended, events: Int16(POLLIN), revents: 0),
            // Once it has woken us there is nothing more to learn from it.
            pollfd(fd: ending == nil ? wake.descriptor : -1, events: Int16(POLLIN), revents: 0),
        ]
        guard poll(&polled, nfds_t(polled.count), timeout) > 0 else { return }
        if polled[0].revents != 0 { read(.output) }
        if polled[1].revents != 0 { read(.error) }
        if polled[2].revents != 0 { written += child.write(program.input, from: written) }
    }

    /// Keeps up to the limit and drops the rest, so that a talkative program is not held up.
    private mutating func read(_ stream: ChildProcess.Stream) {
        // Taken out meanwhile, so that what was kept is added to and not copied.
        var output = ProgramResult.Output()
        swap(&output, &kept[stream.rawValue])
        let most = program.maxBytes
        child.read(stream) { bytes in
            let room = max(0, most - output.bytes.count)
            output.bytes.append(contentsOf: bytes.prefix(room))
            if bytes.count > room { output.truncated = true }
        }
        kept[stream.rawValue] = output
    }
}
