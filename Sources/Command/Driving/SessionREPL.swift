import Compiler
import Engine
import Machine
import Reader
import Sluice
import Values

/// A conversation over a session: `*1`, `*2`, `*3` and `*e` hold the last values and the last exception.
final class SessionREPL: REPLSession, @unchecked Sendable {
    // Sendable: used by one thread, but for `interrupt`, which the session takes from any.
    private let session: Session
    private let console: Console
    /// Wall time for one text.
    private let seconds: Double?
    private var count = 0
    /// The graph of the file that the conversation is about, while it runs on a thread of its own.
    private var run: Run?
    private let ended = Condition()
    private let lock = Lock()
    private var hasEnded = true
    private let interruption: Interruption

    /// - Parameter finallyMs: how long `finally` blocks may take once an evaluation was interrupted.
    init(_ session: Session, _ console: Console, seconds: Double?, finallyMs: Int64 = Run.finallyMs) {
        interruption = Interruption(session, finallyMs)
        self.session = session
        self.console = console
        self.seconds = seconds
        session.referConveniences()
    }

    /// Starts the graph that was declared, if there is one; what is evaluated from here on changes it while it runs (G3).
    func start() throws {
        guard session.hasGraph else { return }
        let run = try Run(session, once: false)
        if let refusal = run.refusals.first {
            throw Fault.of(.illegalState, "the script needs more than it is granted: \(refusal.message)")
        }
        hasEnded = false
        let began = startThread(stack: SessionREPL.stack) { [self] in
            run.run(isKept: true)
            lock.withLock {
                hasEnded = true
                ended.broadcast()
            }
        }
        guard began else { return hasEnded = true }
        self.run = run
    }

    private static let stack = 1 << 20

    /// Stops the graph and waits for its end.
    private func stop() {
        run?.stop(graceMs: SessionREPL.graceMs)
        lock.acquire()
        while !hasEnded { ended.wait(lock) }
        lock.release()
        run = nil
    }

    /// How long messages that were taken may take once the conversation is over.
    private static let graceMs: Int64 = 1_000

    var prompt: String { "\(session.namespace.name.description)=> " }

    func submit(_ text: String, atEnd: Bool, print: (String) -> Void) -> REPLReply {
        let source = Source(name: "<repl \(count + 1)>", bytes: Array(text.utf8))
        if !atEnd, isIncomplete(source) { return .incomplete }
        count += 1
        session.instance.account.renew()
        let deadline = Deadline(seconds) { [session] in session.expire() }
        defer { deadline.cancel() }
        interruption.begin()
        defer { interruption.end() }
        var forms = session.forms(of: source)
        do throws(Fault) {
            while let form = try forms.next() {
                let value = try session.evaluate(form, of: source).get()
                session.remember(value)
                print(try session.printed(value).get())
            }
            return .done
        } catch {
            return failed(error)
        }
    }

    private func isIncomplete(_ source: Source) -> Bool {
        var forms = session.forms(of: source)
        do throws(Fault) {
            while try forms.next() != nil {}
            return false
        } catch {
            return Report.isIncomplete(error)
        }
    }

    private func failed(_ fault: Fault) -> REPLReply {
        switch fault {
        case .cancelled: return .interrupted
        case .thrown(let exception): session.remember(exception)
        case .exhausted(.shutdown): return interruption.wasPatient ? .cutOff : .interrupted
        case .exhausted, .force: break
        }
        return .failed(
            FaultReport.text(fault, console, exhaustedAt: session.instance.account.whereExhausted))
    }

    func completions(of prefix: String) -> [String] { session.completions(of: prefix) }
    func interrupt() { interruption.interrupt() }
    func whenExiting(_ body: @escaping @Sendable (Int32) -> Void) { session.instance.exitHandler.set(body) }
    func close() {
        stop()
        session.shutDown()
    }
}

/// What Ctrl-C does to the evaluation at hand: the first cancels it, and the next, or the end of a grace, cuts off what its
/// `finally` blocks still do.
private final class Interruption: @unchecked Sendable {
    // Sendable: `lock` guards what changes.
    private let session: Session
    private let finallyMs: Int64
    private let lock = Lock()
    private var isEvaluating = false
    /// Ends the grace of the evaluation that was interrupted.
    private var grace: Deadline?
    private var isGraceOver = false

    init(_ session: Session, _ finallyMs: Int64) {
        self.session = session
        self.finallyMs = finallyMs
    }

    func begin() { lock.withLock { (isEvaluating, isGraceOver) = (true, false) } }

    func end() {
        lock.withLock {
            isEvaluating = false
            grace?.cancel()
            grace = nil
        }
    }

    /// Whether the grace has ended: who pressed Ctrl-C twice knows what was cut off.
    var wasPatient: Bool { lock.withLock { isGraceOver } }

    func interrupt() {
        lock.withLock {
            guard isEvaluating else { return }
            guard grace == nil else { return session.cutOff() }
            session.interrupt()
            grace = Deadline(Double(finallyMs) / 1000) { [weak self] in self?.endGrace() }
        }
    }

    /// Under the lock, so that the next evaluation is not taken for this one.
    private func endGrace() {
        lock.withLock {
            guard grace != nil else { return }
            isGraceOver = true
            session.cutOff()
        }
    }
}
