import Engine
import Machine
import Values

/// Failures that somebody would have had to ask for, and nobody has so far: of effects that were submitted without waiting, of
/// effects that systems left, and of futures. Whoever ends a run tells of them, as of fibers that fail.
package final class UnheardFailures: @unchecked Sendable {
    // Sendable: `lock` guards everything mutable.

    /// Kept; of more, the oldest are counted alone.
    private static let most = 500

    package struct Failure: Sendable {
        package enum Source: Sendable {
            case submitted(Effect, at: CodePosition?)
            case world(Effect)
            case future(Exception)
        }

        package let source: Source
        package let message: String
    }

    private let lock = Lock()
    /// By numbers that count up.
    private var kept: [Int: Failure] = [:]
    private var byID: [ValueKey: Int] = [:]
    private var (first, next) = (0, 0)
    private var forgotten = 0

    /// Notes that an effect failed of which nobody waits for the outcome.
    func add(_ effect: Effect, _ error: EffectError, _ source: Failure.Source) {
        lock.withLock {
            if let earlier = byID[effect.id] { kept[earlier] = nil }
            byID[effect.id] = keep(Failure(source: source, message: error.message))
        }
    }

    /// Notes that a future failed; gives a number to say with that somebody heard.
    func add(_ exception: Exception) -> Int {
        lock.withLock { keep(Failure(source: .future(exception), message: exception.message)) }
    }

    private func keep(_ failure: Failure) -> Int {
        while kept.count >= UnheardFailures.most {
            if let oldest = kept.removeValue(forKey: first) {
                forgotten += 1
                if let effect = oldest.effect, byID[effect.id] == first { byID[effect.id] = nil }
            }
            first += 1
        }
        kept[next] = failure
        next += 1
        return next - 1
    }

    /// Somebody asked for the outcome of an effect, and has its error to deal with.
    func heard(_ id: ValueKey) {
        lock.withLock { if let number = byID.removeValue(forKey: id) { kept[number] = nil } }
    }

    /// Somebody asked for the value of a future.
    func heard(_ number: Int) { lock.withLock { kept[number] = nil } }

    /// What is left, the oldest first, and how many more there were; nothing is left after that.
    package func take() -> (failures: [Failure], forgotten: Int) {
        lock.withLock {
            defer { (kept, byID, forgotten) = ([:], [:], 0) }
            return (kept.sorted { $0.key < $1.key }.map(\.value), forgotten)
        }
    }
}

extension UnheardFailures.Failure {
    package var effect: Effect? {
        switch source {
        case .submitted(let effect, _), .world(let effect): effect
        case .future: nil
        }
    }
}
