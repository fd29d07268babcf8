import Synchronization
import Values

package typealias EffectAnswer = @Sendable (Result<EffectOutcome, ControllerError>) -> Void

/// Does the commands of a turn or of a direct call (L17–L26).
package protocol LocalRunner: Sendable {
    /// `turn` or `direct`, for messages.
    var name: String { get }
    /// The commands it takes; every other is a mismatch.
    var commands: Set<CommandKind> { get }
    func run(_ envelope: EffectEnvelope, _ answer: @escaping EffectAnswer)
}

extension LocalRunner {
    /// What a runner of turns takes.
    package static var turnCommands: Set<CommandKind> {
        [.llmCall, .toolCall, .execCode, .checkpoint, .syncExecutionSurface, .sleep]
    }
    /// What a runner of direct calls takes.
    package static var directCommands: Set<CommandKind> { [.direct, .sleep] }
}

/// What a controller may use to execute one effect here and now, once. A durable controller may leave it alone and
/// answer with what it recorded.
package final class LocalExecutor: Sendable {
    package enum Kind: Sendable {
        case unavailable
        case sleepOnly(any Clock, CancelToken)
        case awaitEvent(EventWait)
        /// For process commands, until the token says that their answers are no longer wanted.
        case process(any ProcessRegistry, CancelToken = CancelToken())
        case runner(any LocalRunner)
        /// Takes every command.
        case testing(@Sendable (EffectEnvelope, @escaping EffectAnswer) -> Void)
    }

    /// The Nth event of a type of a process.
    package struct EventWait: Sendable {
        package var key: String
        package var registry: any ProcessRegistry
        package var process: String
        package var type: String
        /// One-based; past events count.
        package var ordinal: Int
        package var token: CancelToken

        package init(
            key: String, registry: any ProcessRegistry, process: String, type: String, ordinal: Int, token: CancelToken
        ) {
            self.key = key
            self.registry = registry
            self.process = process
            self.type = type
            self.ordinal = ordinal
            self.token = token
        }
    }

    private let kind: Kind
    private let used = Atomic<Bool>(false)

    package init(_ kind: Kind) { self.kind = kind }

    /// Answers once, on any thread.
    package func execute(_ envelope: EffectEnvelope, _ answer: @escaping EffectAnswer) {
        let command = envelope.command.kind
        guard !used.exchange(true, ordering: .acquiringAndReleasing) else {
            return answer(.failure(.executorUnavailable(command)))
        }
        switch kind {
        case .unavailable: answer(.failure(.executorUnavailable(command)))
        case .process: answer(.failure(.processMismatch(command)))
        case .testing(let body): body(envelope, answer)
        case .runner(let runner):
            guard runner.commands.contains(command) else { return answer(.failure(.mismatch(runner.name, command))) }
            runner.run(envelope, answer)
        case .sleepOnly(let clock, let token):
            guard case .sleep(let ms) = envelope.command else { return answer(.failure(.mismatch("sleep", command))) }
            LocalExecutor.sleep(ms, clock, token, answer)
        case .awaitEvent(let wait):
            guard case .awaitEvent(let key) = envelope.command else {
                return answer(.failure(.mismatch("event wait", command)))
            }
            guard key == wait.key else { return answer(.failure(.awaitEventKeyMismatch(expected: wait.key, got: key))) }
            guard wait.ordinal > 0 else { return answer(.failure(.awaitEventInvalidOrdinal)) }
            EventQuestion(answer).ask(wait)
        }
    }

    /// The registry, for a controller that executes process commands itself, and who says that an answer is no longer wanted.
    package func intoProcess() throws(ControllerError) -> (any ProcessRegistry, CancelToken) {
        guard case .process(let registry, let token) = kind, !used.exchange(true, ordering: .acquiringAndReleasing)
        else {
            throw .processExecutorUnavailable
        }
        return (registry, token)
    }

    /// A sleep that ends early, with an error, when it is cancelled.
    package static func sleep(_ ms: Int64, _ clock: any Clock, _ token: CancelToken, _ answer: @escaping EffectAnswer) {
        let call = clock.after(ms: ms) { answer(.success(.sleep)) }
        // Whoever takes the call answers: the clock, or this.
        token.onCancel { _ in if call.cancel() { answer(.failure(.sleepCancelled)) } }
    }
}

/// Waits for an event, and answers once: with it, or with the cancellation (L27–L30).
private final class EventQuestion: @unchecked Sendable {
    // Sendable: `lock` guards what changes.
    private let lock = Lock()
    private var answer: EffectAnswer?

    init(_ answer: @escaping EffectAnswer) { self.answer = answer }

    func ask(_ wait: LocalExecutor.EventWait) {
        let withdraw = wait.registry.event(wait.ordinal, of: wait.process, type: wait.type) { [self] result in
            finish(result.map { .awaitEvent(payload: $0.payload) })
        }
        wait.token.onCancel { [self] _ in
            withdraw()
            finish(.failure(.awaitEventCancelled))
        }
    }

    private func finish(_ result: Result<EffectOutcome, ControllerError>) {
        let taken = lock.withLock {
            defer { answer = nil }
            return answer
        }
        taken?(result)
    }
}
