import CProcess

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A program that was started, with our ends of its pipes; owned by one thread, which has to reap it.
///
/// It has a session of its own, so that it can be ended with everything it started (`ProcessTree`).
struct ChildProcess: ~Copyable {
    /// How often to look whether the program has ended, where the system cannot tell.
    static let lookMs: Int64 = 10

    enum Stream: Int { case output, error }

    let pid: pid_t
    /// Readable when the program has ended; -1 where there is no such thing.
    let ended: Int32
    /// Where its standard input is written; -1 once it is closed.
    private(set) var input: Int32
    /// Where its standard output and its errors are read; -1 once it has closed them.
    private(set) var outputs: [Int32]
    private let live: LivePrograms
    /// What has been asked to end.
    private var tree: ProcessTree?

    init(_ program: Program, _ live: LivePrograms) throws(AdapterError) {
        self.live = live
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
        let failed = live.start(&started) { ChildProcess.spawn(program, &$0, pipes[0][0], pipes[1][1], pipes[2][1]) }
        for theirs in [pipes[0][0], pipes[1][1], pipes[2][1]] { close(theirs) }
        let ours = [pipes[0][1], pipes[1][0], pipes[2][0]]
        if failed != 0 {
            for end in ours { close(end) }
            throw ChildProcess.error(program.arguments[0], failed)
        }
        for end in ours { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
        pid = started
        ended = sluice_process_descriptor(started)
        input = ours[0]
        outputs = [ours[1], ours[2]]
    }

    deinit {
        for descriptor in [ended, input] + outputs where descriptor >= 0 { close(descriptor) }
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
        case ECANCELED: .cancelled
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

    var hasEnded: Bool { sluice_has_ended(pid) != 0 }

    /// Asks it and everything it started to end.
    mutating func terminate() {
        let tree = ProcessTree(below: pid)
        tree.terminate()
        self.tree = tree
    }

    /// Ends it and everything it started.
    mutating func kill() {
        var tree = tree ?? ProcessTree(below: pid)
        tree.look()
        tree.kill()
    }

    /// Waits for it; its exit code, and the signal that ended it.
    func reap() -> (exit: Int, signal: Int?) {
        live.willReap(pid)
        var (exit, signal) = (Int32(0), Int32(0))
        sluice_reap(pid, &exit, &signal)
        return (Int(exit), signal == 0 ? nil : Int(signal))
    }

    mutating func closeInput() {
        if input >= 0 { close(input) }
        input = -1
    }

    /// Writes of `bytes` from `start` on what there is room for; how many. A program that does not want to read on, which is
    /// its right, has its input closed.
    mutating func write(_ bytes: [UInt8], from start: Int) -> Int {
        guard input >= 0 else { return 0 }
        let wrote = bytes.withUnsafeBytes {
            posixWrite(input, $0.baseAddress! + start, min($0.count - start, 64 << 10))
        }
        if wrote > 0 { return wrote }
        if errno != EAGAIN, errno != EINTR { closeInput() }
        return 0
    }

    /// Reads what is there and hands it on in pieces. Bounded, so that a program that never stops writing cannot keep its owner
    /// from anything else.
    mutating func read(_ stream: Stream, _ take: (ArraySlice<UInt8>) -> Void) {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        for _ in 0..<16 where outputs[stream.rawValue] >= 0 {
            let got = posixRead(outputs[stream.rawValue], &buffer, buffer.count)
            if got < 0 {
                if errno == EINTR { continue }
                if errno == EAGAIN { return }
            }
            if got <= 0 {
                close(outputs[stream.rawValue])
                outputs[stream.rawValue] = -1
                return
            }
            take(buffer[..<got])
        }
    }
}

// `read` and `write` are also names of methods here.
private func posixRead(_ descriptor: Int32, _ buffer: UnsafeMutableRawPointer, _ count: Int) -> Int {
    read(descriptor, buffer, count)
}
private func posixWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}
