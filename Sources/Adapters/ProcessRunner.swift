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
        } catch {
            let failure = error
            pool.submit { done(.failure(failure)) }
            return {}
        }
        pool.submit {
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

    private static func validate(_ program: Program) throws(AdapterError) {
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
        var byte: UInt8 = 0
        write(writer, &byte, 1)
    }
}

/// One program while it runs; owned by one thread.
private struct ProgramRun: ~Copyable {
    /// How often to look whether the program has ended, where the system cannot tell.
    static let lookMs: Int64 = 10

    let program: Program
    let wake: WakePipe
    let pid: pid_t
    /// Readable when the program has ended; -1 where there is no such thing.
    let ended: Int32
    var input: Int32
    var written = 0
    var outputs: [(descriptor: Int32, kept: ProgramResult.Output)]
    var ending: WakePipe.Reason?
    var killAt: Int64?

    init(_ program: Program, _ wake: WakePipe) throws(AdapterError) {
        self.program = program
        self.wake = wake
        var pipes: [[Int32]] = []
        for _ in 0..<3 {
            var ends: [Int32] = [-1, -1]
            if sluice_pipe(&ends) != 0 {
                for end in pipes.joined() { close(end) }
                throw AdapterError(.tooManyOpen, "too many files are open; run fewer effects at once", retryable: true)
            }
            pipes.append(ends)
        }
        var started: pid_t = 0
        let failed = ProgramRun.spawn(program, &started, pipes[0][0], pipes[1][1], pipes[2][1])
        for theirs in [pipes[0][0], pipes[1][1], pipes[2][1]] { close(theirs) }
        let ours = [pipes[0][1], pipes[1][0], pipes[2][0]]
        if failed != 0 {
            for end in ours { close(end) }
            throw ProgramRun.error(program.arguments[0], failed)
        }
        for end in ours { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
        pid = started
        ended = sluice_process_descriptor(started)
        input = ours[0]
        outputs = [(ours[1], .init()), (ours[2], .init())]
    }

    deinit {
        for descriptor in [ended, input, outputs[0].descriptor, outputs[1].descriptor] where descriptor >= 0 {
            close(descriptor)
        }
    }

    private static func error(_ name: String, _ number: Int32) -> AdapterError {
        switch number {
        case ENOENT:
            AdapterError(
                .programNotFound,
                "could not run \(quoted(name)): there is no such program; install it, or give its path")
        case EACCES:
            AdapterError(
                .permissionDenied, "could not run \(quoted(name)): it may not be executed; check its mode (chmod +x)")
        case E2BIG:
            AdapterError(.tooLarge, "could not run \(quoted(name)): its arguments are too long; pass them on its input")
        case EAGAIN, ENOMEM:
            AdapterError(
                .couldNotStart,
                "could not run \(quoted(name)): the system has no room for another process; try again later",
                retryable: true)
        default:
            AdapterError(
                .couldNotStart, "could not run \(quoted(name)): \(String(cString: strerror(number))); is it a program?")
        }
    }

    private static func spawn(_ program: Program, _ pid: inout pid_t, _ input: Int32, _ output: Int32, _ error: Int32)
        -> Int32
    {
        var arguments = program.arguments.map { strdup($0) } + [nil]
        var variables = program.environment.entries(of: ProcessEnvironment.own).map { strdup($0) } + [nil]
        defer { for text in arguments + variables { free(text) } }
        return sluice_spawn(&pid, program.arguments[0], &arguments, &variables, program.directory, input, output, error)
    }

    /// Talks with the program until it has ended, and reaps it whatever happens.
    mutating func finish() throws(AdapterError) -> ProgramResult {
        while sluice_has_ended(pid) == 0 {
            let now = MonotonicClock.nowMs
            endIfAsked(now)
            transfer(waitingUntil: nextLook(now))
        }
        // What it wrote before it ended is in the pipes still; what its own children may yet write is not waited for.
        for index in 0..<2 { read(index) }
        // Not reaped yet, so its group's number cannot have been given to another.
        if ending != nil { kill(-pid, SIGKILL) }
        var (exit, signal) = (Int32(0), Int32(0))
        sluice_reap(pid, &exit, &signal)
        switch ending {
        case .cancelled: throw .cancelled
        case .timedOut:
            throw AdapterError(
                .timeout,
                "\(quoted(program.arguments[0])) ran longer than \(program.timeoutMs ?? 0) ms and was ended; allow more time"
            )
        case nil:
            return ProgramResult(
                exit: Int(exit), signal: signal == 0 ? nil : Int(signal), out: outputs[0].kept, err: outputs[1].kept)
        }
    }

    private mutating func endIfAsked(_ now: Int64) {
        if ending == nil {
            ending = wake.reason
            guard ending != nil else { return }
            killAt = now + program.graceMs
            kill(-pid, SIGTERM)
            kill(-pid, SIGCONT)  // a stopped program does not see the first
        } else if let at = killAt, now >= at {
            killAt = nil
            kill(-pid, SIGKILL)
        }
    }

    /// Milliseconds until something must be looked at without being woken; -1 for never.
    private func nextLook(_ now: Int64) -> Int32 {
        var next: Int64?
        if let killAt { next = killAt - now }
        if ended < 0 { next = min(next ?? .max, ProgramRun.lookMs) }
        return next.map { Int32(clamping: max(0, $0)) } ?? -1
    }

    private mutating func transfer(waitingUntil timeout: Int32) {
        if input >= 0, written == program.input.count { closeInput() }
        var polled = [
            pollfd(fd: outputs[0].descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: outputs[1].descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: input, events: Int16(POLLOUT), revents: 0),
            pollfd(fd: ended, events: Int16(POLLIN), revents: 0),
            // Once it has woken us there is nothing more to learn from it.
            pollfd(fd: ending == nil ? wake.descriptor : -1, events: Int16(POLLIN), revents: 0),
        ]
        guard poll(&polled, nfds_t(polled.count), timeout) > 0 else { return }
        for index in 0..<2 where polled[index].revents != 0 { read(index) }
        if polled[2].revents != 0 { writeInput() }
    }

    private mutating func closeInput() {
        close(input)
        input = -1
    }

    private mutating func writeInput() {
        let wrote = program.input.withUnsafeBytes {
            write(input, $0.baseAddress! + written, min($0.count - written, 64 << 10))
        }
        if wrote > 0 {
            written += wrote
        } else if errno != EAGAIN, errno != EINTR {
            closeInput()  // the program does not want to read on, which is its right
        }
    }

    /// Reads what is there, keeps up to the limit and drops the rest, so that a talkative program is not held up.
    private mutating func read(_ index: Int) {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        // Bounded, so that a program that never stops writing cannot keep us from seeing a cancellation.
        for _ in 0..<16 where outputs[index].descriptor >= 0 {
            #if canImport(Glibc)
                let got = Glibc.read(outputs[index].descriptor, &buffer, buffer.count)
            #else
                let got = Darwin.read(outputs[index].descriptor, &buffer, buffer.count)
            #endif
            if got < 0 {
                if errno == EINTR { continue }
                if errno == EAGAIN { return }
            }
            if got <= 0 {
                close(outputs[index].descriptor)
                outputs[index].descriptor = -1
                return
            }
            let room = program.maxBytes - outputs[index].kept.bytes.count
            outputs[index].kept.bytes.append(contentsOf: buffer[..<min(got, max(0, room))])
            if got > room { outputs[index].kept.truncated = true }
        }
    }
}
