import Engine
import Machine
import Synchronization
import Values

/// A message that wants an answer, on its way through a worker's input channel (D19).
///
/// It is answered exactly once: with the worker's value or failure, with a timeout, because the system stops, or, when it is
/// let go of in any other way (a sliding buffer, a consumer that is no worker), as dropped.
final class Request: Object, @unchecked Sendable {
    // Sendable: atomic, or immutable.
    let message: Value
    let reply = Channel(.fixed(1))
    private let answered = Atomic<Bool>(false)
    private let timer = TimerToken()

    init(_ message: Value) { self.message = message }

    deinit { answer(failure: "dropped", "the request was dropped before a worker took it") }

    override func write(to printer: inout Printer) throws(Fault) { printer.write("#<request>") }

    func expire(after milliseconds: Int64, _ scheduler: any Scheduler) {
        let reference = Weak(self)
        scheduler.schedule(
            at: scheduler.now() + milliseconds * 1_000_000,
            .call(timer, { reference.object?.answer(failure: "timeout", "no answer within \(milliseconds)ms") }))
    }

    /// Nil closes the reply channel without a value.
    func answer(_ value: Value) {
        guard !answered.exchange(true, ordering: .acquiringAndReleasing) else { return }
        timer.cancel()
        if !value.isNil { reply.deposit(value) }
        reply.close()
    }

    /// The answer `{:error {:code … :message …}}`.
    func answer(failure code: String, _ message: String, data: Value = .nil) {
        answer(
            .record(
                (.error, .record((.code, .string(code)), (.message, .string(message)), (.data, data), dropNil: true))))
    }

    private final class Weak: @unchecked Sendable {
        // Sendable: weak references are loaded atomically.
        private(set) weak var object: Request?
        init(_ object: Request) { self.object = object }
    }
}
