import Engine
import Machine
import Runtime
import Sluice
import Values

/// What a signal stops: the run of the graph, or, before there is one, the script itself.
///
/// What is in flight, messages and effects, may finish, up to a deadline, and is cancelled then (D23); `finally` blocks have a few seconds more, after
/// which what is left is cut off.
final class Stopper: @unchecked Sendable {
    // Sendable: `lock` guards what changes.
    private let session: Session
    private let graceMs: Int64
    private let finallyMs: Int64
    private let lock = Lock()
    private var run: Run?
    private var stopped = false
    private var over = false
    private var cutting: Deadline?

    init(_ session: Session, graceMs: Int64 = Run.graceMs, finallyMs: Int64 = Run.finallyMs) {
        self.session = session
        self.graceMs = graceMs
        self.finallyMs = finallyMs
    }

    var isStopped: Bool { lock.withLock { stopped } }

    /// Whether a script without a graph has been cancelled: what was in flight has ended, or had its time.
    private var isOver: Bool { lock.withLock { over } }

    /// Lends the thread while what is in flight may finish, or until nothing can happen any more: for a script that has been evaluated.
    func runUntilIdle() {
        session.runtime.runUntilIdle(or: { [self] in isOver || session.exhaustion != nil })
    }

    /// How long `finally` blocks of what is left may take.
    var shutDownMs: Int64 { isStopped ? finallyMs : 1_000 }

    func attach(_ run: Run) {
        let isLate = lock.withLock {
            self.run = run
            return stopped
        }
        if isLate { run.stop(graceMs: graceMs) }
    }

    func stop() {
        let run = lock.withLock { () -> Run? in
            stopped = true
            return self.run
        }
        if let run {
            cutOff(after: graceMs + finallyMs)
            run.stop(graceMs: graceMs)
        } else {
            // Its fibers have no messages that could be finished.
            session.letEffectsFinish(for: graceMs) { [self] in
                cutOff(after: finallyMs)
                lock.withLock { over = true }
                session.interrupt()
                session.runtime.scheduler.attend()
            }
        }
        session.runtime.scheduler.attend()
    }

    private func cutOff(after milliseconds: Int64) {
        let deadline = Deadline(Double(milliseconds) / 1000) { [self] in session.runtime.cutOff() }
        lock.withLock { cutting = deadline }
    }

    /// The run is over, and its session shut down; says what was cut off, if anything was.
    func finish(_ console: Console) {
        lock.withLock { cutting }?.cancel()
        if let sentence { console.write("sluice: \(sentence)\n", to: .error) }
    }

    /// What was cut off, and where the first of it stood.
    private var sentence: String? {
        let left = session.runtime.wereCutOff
        guard !left.isEmpty else { return nil }
        let owners = Set(left.map(Stopper.owner)).sorted().joined(separator: ", ")
        let calls = session.instance.account.whereExhausted
        let first = calls.first { $0.source != nil && $0.span != nil && !$0.isLibrary }
        let place = first.map { " at \($0.source!.name):\($0.source!.position(of: Int($0.span!.start)).line)" }
        return
            "cut off \(owners)\(place ?? ""): its finally blocks were not done \(finallyMs) ms after it was cancelled"
    }

    /// What a fiber belongs to, by the name that the script gave it.
    private static func owner(_ identity: Identity) -> String {
        var current: Identity? = identity
        while let here = current {
            switch here.kind {
            case .worker, .system, .phases, .ticker: if let name = here.name { return "\(here.kind.rawValue) :\(name)" }
            default: break
            }
            current = here.parent
        }
        return "the script"
    }
}
