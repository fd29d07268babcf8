import Machine
import Values

/// `alts!`: one of several operations happens, and no other.
enum ChoicePrimitives {
    static func table(_ runtime: FiberRuntime) -> [RuntimePrimitive] {
        // (alts! operations options): operations are channels to take from or [channel value] to put; options a map with
        // :priority and :default, or nil. Gives [value channel], or [default :default]; for a put on a channel with a
        // transducer [true channel true], when the caller is to add the value and to release the channel.
        let choose: Native.ControlBody = { [unowned runtime] (arguments, fiber) throws(Fault) in
            let choice = try Choice(arguments[0], arguments.optional(1), runtime)
            if let result = choice.tryNow() { return .value(result) }
            if let fallback = choice.fallback { return .value(.vector([fallback, .kw(.default)])) }
            return try choice.wait(try Job.waiting(fiber))
        }
        return [
            RuntimePrimitive(name: "alts!", arity: .between(1, 2), body: choose),
            RuntimePrimitive(name: "alts!!", arity: .between(1, 2), blocks: true, body: choose),
        ]
    }
}

private struct Choice {
    private var operations: [Operation] = []
    private(set) var fallback: Value?

    private struct Operation {
        let channel: Channel
        /// The value to put; nil for a take.
        let value: Value?
    }

    init(_ given: Value, _ options: Value, _ runtime: FiberRuntime) throws(Fault) {
        var found: [Operation] = []
        try Sequences.forEach(given) { (element) throws(Fault) in found.append(try Choice.operation(element)) }
        guard !found.isEmpty else { throw .illegalArgument("alts! needs at least one channel to choose from") }
        operations = found
        var isOrdered = false
        if case .map(let map) = options {
            fallback = try map.find(.kw(.default))
            isOrdered = try map.find(.kw(.priority))?.isTruthy ?? false
        }
        if !isOrdered { shuffle(runtime) }
    }

    private static func operation(_ element: Value) throws(Fault) -> Operation {
        guard case .vector(let pair) = element else {
            return Operation(channel: try Argument.channel(element, "alts!"), value: nil)
        }
        guard pair.count == 2 else {
            throw .illegalArgument(
                "alts! puts are written [channel value], but found a vector of \(pair.count) elements")
        }
        let channel = try Argument.channel(pair[0], "alts!")
        if pair[1].isNil { throw Channel.nilPut }
        return Operation(channel: channel, value: pair[1])
    }

    /// Fair: every order is as likely as any other.
    private mutating func shuffle(_ runtime: FiberRuntime) {
        guard operations.count > 1 else { return }
        var random = SplitMix(seed: UInt64(runtime.draw(below: .max)))
        operations.shuffle(using: &random)
    }

    private func answer(_ value: Value, _ channel: Channel) -> Value { .vector([value, .object(channel)]) }

    /// The first operation that needs no waiting.
    func tryNow() -> Value? {
        for operation in operations {
            if operation.value != nil, operation.channel.hooks != nil {
                if let isOpen = operation.channel.tryAcquire() {
                    return isOpen ? operation.channel.grantedChoice : answer(.false, operation.channel)
                }
            } else if let value = operation.value {
                let outcome = operation.channel.offer(value)
                if !outcome.isFull { return answer(.bool(outcome.isOpen), operation.channel) }
            } else if let value = operation.channel.poll() {
                return answer(value, operation.channel)
            }
        }
        return nil
    }

    /// Waits at all channels at once.
    func wait(_ job: Job) throws(Fault) -> Control {
        attempt: while true {
            let entry = Waiting(job, job.arm(), .choice)
            for operation in operations {
                let step: Channel.Step
                do throws(Fault) { step = try operation.channel.choose(entry, putting: operation.value) } catch {
                    // Claimed meanwhile: the choice was made elsewhere, and this channel does not matter.
                    guard job.disarm(entry.epoch) else { return .parked }
                    throw error
                }
                switch step {
                case .done(let value): return .value(answer(value, operation.channel))
                case .granted: return .value(operation.channel.grantedChoice)
                case .waits: continue
                case .lost: return .parked
                case .again: continue attempt
                }
            }
            return try job.parked(entry.epoch)
        }
    }
}
