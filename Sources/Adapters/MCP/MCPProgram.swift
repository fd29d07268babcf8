import Engine
import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A server that is a program of ours: messages are lines on its standard input and output. One thread reads, writes and, in the
/// end, reaps.
final class MCPProgram: MCPTransport, @unchecked Sendable {
    // Sendable: `lock` guards what changes.
    /// Milliseconds that a server has to end once its input is closed, before it gets SIGTERM.
    static let closeMs: Int64 = 2_000
    /// Bytes that wait to be written: beyond this the server reads nothing.
    static let maxWaitingBytes = 4 * MCPWire.maxMessageBytes
    /// How much of what it says on its error output is kept, from the end.
    static let maxErrorBytes = 8 << 10

    private let program: Program
    private let live: LivePrograms
    private let shown: String
    private let lock = Lock()
    private var outbox: [UInt8] = []
    private var isEnding = false
    /// Wakes the thread; nil before there is one.
    private var wake: WakePipe?

    init(_ program: Program, _ live: LivePrograms, shown: String) {
        self.program = program
        self.live = live
        self.shown = shown
    }

    func open(_ session: MCPSession) {
        do throws(AdapterError) {
            try ProcessRunner.validate(program)
            let wake = try WakePipe()
            lock.withLock { self.wake = wake }
            if startThread({ [self] in serve(session, wake) }) { return }
            throw AdapterError(
                .unavailable, "the system has no thread left for \(shown); try again later", retryable: true)
        } catch {
            session.take(.failed(error))
            session.ended()
        }
    }

    private func serve(_ session: MCPSession, _ wake: WakePipe) {
        defer { session.ended() }
        do throws(AdapterError) {
            var run = try MCPProgramRun(program, live, self, session, wake)
            run.serve(shown)
        } catch {
            session.take(.failed(error))
        }
    }

    func send(_ message: [UInt8], id: Int?, _ session: MCPSession) {
        let (waiting, wake) = lock.withLock { () -> (Int, WakePipe?) in
            outbox += message
            outbox.append(UInt8(ascii: "\n"))
            return (outbox.count, self.wake)
        }
        if waiting > MCPProgram.maxWaitingBytes {
            session.take(.failed(AdapterError(.mcpProtocol, "\(shown) does not read: \(waiting) bytes wait for it")))
        }
        wake?.wake()
    }

    func announce(_ message: [UInt8], version: String, _ session: MCPSession) {
        send(message, id: nil, session)
        // What is sent after it arrives after it.
        session.take(.announced)
    }

    func forget(_ id: Int) {}
    func answered(_ id: Int) {}

    func end(_ session: MCPSession) {
        let wake = lock.withLock { () -> WakePipe? in
            isEnding = true
            return self.wake
        }
        wake?.wake()
    }

    /// What is to be written next, and whether the server is to end after it.
    ///
    /// - Parameter isBusy: there is something to write still; what waits goes on waiting, so that it is counted.
    fileprivate func takeOrders(isBusy: Bool) -> (bytes: [UInt8], isEnding: Bool) {
        lock.withLock {
            if isBusy { return ([], isEnding) }
            defer { outbox = [] }
            return (outbox, isEnding)
        }
    }
}

/// The program while it runs; owned by one thread.
private struct MCPProgramRun: ~Copyable {
    private enum Ending {
        case not
        /// Its input is closed, or will be when it is written; SIGTERM comes then.
        case closing(terminateAt: Int64)
        case terminated(killAt: Int64)
        case killed
    }

    private let orders: MCPProgram
    private let session: MCPSession
    private let wake: WakePipe
    private let graceMs: Int64
    private var child: ChildProcess
    private var lines = MCPLines()
    private var errors: [UInt8] = []
    private var writing: [UInt8] = []
    private var written = 0
    private var ending = Ending.not
    private var isGivenUp = false

    init(
        _ program: Program, _ live: LivePrograms, _ orders: MCPProgram, _ session: MCPSession, _ wake: WakePipe
    ) throws(AdapterError) {
        self.orders = orders
        self.session = session
        self.wake = wake
        graceMs = program.graceMs
        child = try ChildProcess(program, live)
    }

    /// Talks with the program until it has ended, and reaps it.
    mutating func serve(_ shown: String) {
        while !child.hasEnded {
            takeOrders()
            advance(MonotonicClock.nowMs)
            transfer(waitingFor: nextLook(MonotonicClock.nowMs))
            if isDeaf, !isGivenUp { giveUp(shown) }
        }
        // What it wrote before it ended is in the pipes still.
        readOutput()
        readErrors()
        // What it started has nobody left to serve.
        child.kill()
        let (exit, signal) = child.reap()
        let how = signal.map { "was ended by signal \($0)" } ?? "ended with exit code \(exit)"
        session.take(.failed(failure("\(shown) \(how)", exit)))
    }

    private func failure(_ what: String, _ exit: Int?) -> AdapterError {
        let said = String(decoding: errors, as: UTF8.self)
        let last = said.split(whereSeparator: \.isNewline).last.map { ": \($0.prefix(300))" }
        return AdapterError(
            .mcpServerEnded, what + (last ?? "; it said nothing on its error output"),
            data: (exit.map { [.exit($0)] } ?? []) + [.err(said)])
    }

    /// It has closed one of its ends although nobody asked it to.
    private var isDeaf: Bool {
        guard case .not = ending else { return false }
        return child.outputs[0] < 0 || child.input < 0
    }

    /// Waits a moment, for one that is ending says by its exit code why.
    private mutating func giveUp(_ shown: String) {
        isGivenUp = true
        var polled = pollfd(fd: child.ended, events: Int16(POLLIN), revents: 0)
        if !child.hasEnded { _ = poll(&polled, 1, child.ended < 0 ? Int32(ChildProcess.lookMs) : 200) }
        if !child.hasEnded {
            session.take(.failed(failure("\(shown) has closed its input or output, but still runs", nil)))
        }
    }

    private mutating func takeOrders() {
        let isBusy = written < writing.count
        let (bytes, isEnding) = orders.takeOrders(isBusy: isBusy)
        if !isBusy { (writing, written) = (bytes, 0) }
        if isEnding, case .not = ending { ending = .closing(terminateAt: MonotonicClock.nowMs + MCPProgram.closeMs) }
    }

    private mutating func advance(_ now: Int64) {
        switch ending {
        case .closing(let at):
            if written == writing.count { child.closeInput() }
            guard now >= at else { return }
            child.closeInput()
            child.terminate()
            ending = .terminated(killAt: now + graceMs)
        case .terminated(let at):
            guard now >= at else { return }
            child.kill()
            ending = .killed
        case .not, .killed: return
        }
    }

    /// Milliseconds until something must be looked at without being woken; -1 for never.
    private func nextLook(_ now: Int64) -> Int32 {
        var next: Int64?
        switch ending {
        case .closing(let at), .terminated(let at): next = at - now
        case .not, .killed: next = nil
        }
        if child.ended < 0 { next = min(next ?? .max, ChildProcess.lookMs) }
        return next.map { Int32(clamping: max(0, $0)) } ?? -1
    }

    private mutating func transfer(waitingFor timeout: Int32) {
        var polled = [
            pollfd(fd: child.outputs[0], events: Int16(POLLIN), revents: 0),
            pollfd(fd: child.outputs[1], events: Int16(POLLIN), revents: 0),
            pollfd(fd: written < writing.count ? child.input : -1, events: Int16(POLLOUT), revents: 0),
            pollfd(fd: child.ended, events: Int16(POLLIN), revents: 0),
            pollfd(fd: wake.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        guard poll(&polled, nfds_t(polled.count), timeout) > 0 else { return }
        if polled[4].revents != 0 { wake.drain() }
        if polled[0].revents != 0 { readOutput() }
        if polled[1].revents != 0 { readErrors() }
        if polled[2].revents != 0 { write() }
    }

    private mutating func write() {
        written += child.write(writing, from: written)
        // What cannot be written any more waits for nobody.
        if child.input < 0 || written == writing.count { (writing, written) = ([], 0) }
    }

    private mutating func readOutput() {
        var found: [[UInt8]] = []
        var reader = MCPLines()
        swap(&reader, &lines)
        child.read(.output) { reader.feed($0, &found) }
        lines = reader
        for line in found { session.receive(line) }
        if lines.isTooLong {
            session.take(
                .failed(
                    AdapterError(
                        .tooLarge,
                        "\(session.server.shown) sent a message of more than \(MCPWire.maxMessageBytes) bytes; ask for less"
                    )))
        }
    }

    private mutating func readErrors() {
        var kept: [UInt8] = []
        swap(&kept, &errors)
        child.read(.error) { bytes in
            kept += bytes
            if kept.count > MCPProgram.maxErrorBytes { kept.removeFirst(kept.count - MCPProgram.maxErrorBytes) }
        }
        errors = kept
    }
}

/// Bytes in whatever pieces they come → lines.
struct MCPLines {
    private var line: [UInt8] = []
    /// A line was longer than a message may be. Nothing is read from then on.
    private(set) var isTooLong = false

    /// Adds the lines that `bytes` complete to `found`, without their breaks; empty ones are none.
    mutating func feed(_ bytes: ArraySlice<UInt8>, _ found: inout [[UInt8]]) {
        var rest = bytes
        while !isTooLong, let end = MCPLines.firstBreak(in: rest) {
            add(rest[..<end])
            rest = rest[(end + 1)...]
            if line.last == UInt8(ascii: "\r") { line.removeLast() }
            if !line.isEmpty, !isTooLong { found.append(line) }
            line = []
        }
        if !isTooLong { add(rest) }
    }

    /// By the system's search, because a message may be large.
    private static func firstBreak(in bytes: ArraySlice<UInt8>) -> Int? {
        bytes.withUnsafeBytes { raw in
            guard let start = raw.baseAddress, let found = memchr(start, 10, raw.count) else { return nil }
            return bytes.startIndex + (UnsafeRawPointer(found) - start)
        }
    }

    private mutating func add(_ bytes: ArraySlice<UInt8>) {
        if line.count + bytes.count > MCPWire.maxMessageBytes {
            isTooLong = true
            line = []
        } else {
            line += bytes
        }
    }
}
