import Engine
import Machine
import Values

/// Channel operations with the meanings of core.async (D26).
enum ChannelPrimitives {
    static func table(_ runtime: FiberRuntime) -> [RuntimePrimitive] {
        making(runtime) + moving(runtime) + calling(runtime) + granting(runtime)
    }

    private static func making(_ runtime: FiberRuntime) -> [RuntimePrimitive] {
        [
            // (chan kind n) or (chan kind n put close choose): kind :fixed :dropping :sliding :promise; the last are functions
            // for a channel with a transducer, see `TransducerChannel.Hooks`.
            RuntimePrimitive(
                name: "chan", arity: .between(0, 5),
                plain: { (arguments, _) throws(Fault) in
                    .object(try makeChannel(arguments))
                }),
            RuntimePrimitive(
                name: "chan?", arity: 1,
                plain: { (arguments, _) throws(Fault) in
                    if case .object(let object) = arguments[0] { return .bool(object is Channel) }
                    return .false
                }),
            // (demand-channels & channels): refuses what is none, where the script has it in hand.
            RuntimePrimitive(
                name: "demand-channels", arity: .atLeast(0),
                plain: { (arguments, _) throws(Fault) in
                    for index in 0..<arguments.count { _ = try Argument.channel(arguments[index], "demand-channels") }
                    return .nil
                }),
            // (channel-part thing key kind): what a mult, a pub or a mix holds under a key; refuses what is no such thing.
            RuntimePrimitive(
                name: "channel-part", arity: 3,
                plain: { (arguments, _) throws(Fault) in
                    guard case .map(let parts) = arguments[0], let part = try parts.find(arguments[1]) else {
                        let kind = arguments[2].stringValue ?? "a map"
                        throw .type("channel-part", expected: kind, found: arguments[0])
                    }
                    return part
                }),
            RuntimePrimitive(
                name: "closed?", arity: 1,
                plain: { (arguments, _) throws(Fault) in
                    .bool(try Argument.channel(arguments[0], "closed?").isClosed)
                }),
            RuntimePrimitive(
                name: "timeout", arity: 1,
                plain: { [unowned runtime] (arguments, _) throws(Fault) in
                    let channel = Channel(.fixed(0))
                    let delay = try Argument.milliseconds(arguments[0], "timeout")
                    runtime.scheduler.schedule(at: runtime.scheduler.now() + delay, .close(channel))
                    return .object(channel)
                }),
        ]
    }

    /// Channels hold at most this many values: a larger buffer is a mistake, or a budget's business.
    static let largestBuffer: Int64 = 1 << 24

    private static func makeChannel(_ arguments: Arguments) throws(Fault) -> Channel {
        let kind = arguments.optional(0)
        if kind.isNil { return Channel(.fixed(0)) }
        func make(_ buffering: Buffering) -> Channel {
            if arguments.optional(2).isNil { return Channel(buffering) }
            return TransducerChannel(
                buffering,
                TransducerChannel.Hooks(
                    put: arguments[2], close: arguments.optional(3), choose: arguments.optional(4)))
        }
        if kind.knownKeyword == .promise { return make(.promise) }
        guard case .int(let count) = arguments.optional(1), count >= 0, count <= largestBuffer else {
            throw .type("chan", expected: "a buffer size from 0 to \(largestBuffer)", found: arguments.optional(1))
        }
        return make(try buffering(kind, Int(count)))
    }

    /// Refuses dropping and sliding buffers without room (D2).
    static func buffering(_ kind: Value, _ count: Int) throws(Fault) -> Buffering {
        switch kind.knownKeyword {
        case .fixed: return .fixed(count)
        case .dropping where count > 0: return .dropping(count)
        case .sliding where count > 0: return .sliding(count)
        case .dropping, .sliding:
            throw .illegalArgument("a dropping or sliding buffer needs room for at least one value, but its size is 0")
        default: throw .type("chan", expected: "a buffer of kind :fixed, :dropping, :sliding or :promise", found: kind)
        }
    }

    private static func moving(_ runtime: FiberRuntime) -> [RuntimePrimitive] {
        let take: Native.ControlBody = { (arguments, fiber) throws(Fault) in
            let channel = try Argument.channel(arguments.take(0), "<!")
            return try channel.take(fiber).control()
        }
        let put: Native.ControlBody = { (arguments, fiber) throws(Fault) in
            let channel = try Argument.channel(arguments.take(0), ">!")
            let value = arguments.take(1)
            guard let hooks = channel.hooks else { return try channel.put(value, fiber).control() }
            if value.isNil { throw Channel.nilPut }
            return .call(hooks.put, [.object(channel), value])
        }
        return [
            RuntimePrimitive(name: "<!", arity: 1, body: take),
            RuntimePrimitive(name: "<!!", arity: 1, blocks: true, body: take),
            RuntimePrimitive(name: ">!", arity: 2, body: put),
            RuntimePrimitive(name: ">!!", arity: 2, blocks: true, body: put),
            RuntimePrimitive(name: "poll!", arity: 1) { (arguments, _) throws(Fault) in
                .value(try Argument.channel(arguments[0], "poll!").poll() ?? .nil)
            },
            // True when accepted, false when closed, nil when there is no room. Not for channels with a transducer: the
            // library tries to acquire those.
            RuntimePrimitive(name: "offer!", arity: 2) { (arguments, _) throws(Fault) in
                let channel = try Argument.channel(arguments[0], "offer!")
                if arguments[1].isNil { throw Channel.nilPut }
                if channel.hooks != nil {
                    throw .unsupported("offer! on a channel with a transducer needs channel-try-acquire")
                }
                switch channel.offer(arguments.take(1)) {
                case .full: return .value(.nil)
                case .closed: return .value(.false)
                case .accepted, .dropped, .displaced: return .value(.true)
                }
            },
            RuntimePrimitive(name: "close!", arity: 1) { (arguments, _) throws(Fault) in
                let channel = try Argument.channel(arguments[0], "close!")
                if let hooks = channel.hooks, !channel.isClosed { return .call(hooks.close, [arguments[0]]) }
                channel.close()
                return .value(.nil)
            },
        ]
    }

    /// `take!` and `put!`: callbacks that have to wait run in fibers of their own; what is known at once is the result.
    private static func calling(_ runtime: FiberRuntime) -> [RuntimePrimitive] {
        [
            // [value] when it lies ready, nil when the callback gets it.
            RuntimePrimitive(name: "take!", arity: .between(1, 2)) {
                [unowned runtime] (arguments, fiber) throws(Fault) in
                let channel = try Argument.channel(arguments[0], "take!")
                let call = callback(arguments.optional(1), runtime, fiber)
                let entry = Callback.waiting { result in if case .success(let value) = result { call(value) } }
                if let value = try channel.take(entry), entry.claim() { return .value(.vector([value])) }
                return .value(.nil)
            },
            // Whether it was accepted, nil when the callback will hear that.
            RuntimePrimitive(name: "put!", arity: .between(2, 3)) {
                [unowned runtime] (arguments, fiber) throws(Fault) in
                let channel = try Argument.channel(arguments[0], "put!")
                let call = callback(arguments.optional(2), runtime, fiber)
                if let hooks = channel.hooks {
                    if arguments[1].isNil { throw Channel.nilPut }
                    let completion = JobCompletion.call { result in if case .success(let value) = result { call(value) }
                    }
                    runtime.spawn(
                        hooks.put, [arguments[0], arguments[1]], from: Job.running(fiber), completion: completion)
                    return .value(.nil)
                }
                let entry = Callback.waiting { result in if case .success(let value) = result { call(value) } }
                guard let accepted = try channel.put(arguments.take(1), entry), entry.claim() else {
                    return .value(.nil)
                }
                return .value(.bool(accepted))
            },
        ]
    }

    private static func callback(_ function: Value, _ runtime: FiberRuntime, _ fiber: Fiber)
        -> @Sendable (Value) -> Void
    {
        if function.isNil { return { _ in } }
        let bindings = fiber.bindings
        let parent = Job.running(fiber)
        let scope = parent?.innerScope
        let lineage = parent?.nextLineage()
        return { [weak runtime] value in
            runtime?.spawn(function, [value], scope: scope, lineage: lineage, bindings: bindings)
        }
    }

    private static func acquireLater(
        _ arguments: Arguments, _ fiber: Fiber, _ runtime: FiberRuntime, closing: Bool
    ) throws(Fault) -> Control {
        let channel = try Argument.channel(arguments[0], "channel-acquire-later")
        let call = callback(arguments[1], runtime, fiber)
        let entry = Callback.waiting { result in if case .success(let granted) = result { call(granted) } }
        return .value(try channel.acquire(entry, closing: closing).map { .bool($0) } ?? .nil)
    }

    /// What a library function uses to put on a channel with a transducer: acquire, add any number of values, release.
    private static func granting(_ runtime: FiberRuntime) -> [RuntimePrimitive] {
        [
            RuntimePrimitive(name: "channel-acquire", arity: 1) { (arguments, fiber) throws(Fault) in
                try Argument.channel(arguments[0], "channel-acquire").acquire(fiber)
            },
            // (channel-acquire-later channel f): true, or false when the channel is closed; nil when it waits for it in turn,
            // and then (f granted) is called in a fiber of its own.
            RuntimePrimitive(name: "channel-acquire-later", arity: 2) {
                [unowned runtime] (arguments, fiber) throws(Fault) in
                try acquireLater(arguments, fiber, runtime, closing: false)
            },
            // The same, for the one who closes the channel: nobody gets in behind.
            RuntimePrimitive(name: "channel-acquire-to-close", arity: 2) {
                [unowned runtime] (arguments, fiber) throws(Fault) in
                try acquireLater(arguments, fiber, runtime, closing: true)
            },
            RuntimePrimitive(name: "channel-try-acquire", arity: 1) { (arguments, _) throws(Fault) in
                .value(try Argument.channel(arguments[0], "channel-try-acquire").tryAcquire().map { .bool($0) } ?? .nil)
            },
            RuntimePrimitive(name: "channel-add", arity: 2) { (arguments, _) throws(Fault) in
                try Argument.channel(arguments[0], "channel-add").add(arguments.take(1))
                return .value(arguments[0])
            },
            RuntimePrimitive(name: "channel-release", arity: 1) { (arguments, _) throws(Fault) in
                try Argument.channel(arguments[0], "channel-release").releaseGrant()
                return .value(.nil)
            },
            // The function that puts on a channel with a transducer; nil for other channels.
            RuntimePrimitive(name: "channel-put-function", arity: 1) { (arguments, _) throws(Fault) in
                .value(try Argument.channel(arguments[0], "channel-put-function").hooks?.put ?? .nil)
            },
            // (channel-failed exception): a transducer threw, and nobody handles that.
            RuntimePrimitive(name: "channel-failed", arity: 1) { [unowned runtime] (arguments, fiber) throws(Fault) in
                guard case .object(let object) = arguments[0], let exception = object as? Exception else {
                    return .value(.nil)
                }
                let identity = Job.running(fiber)?.lineage.identity ?? runtime.identity
                runtime.report(.thrown(exception), identity.child(.channel, ordinal: 0))
                return .value(.nil)
            },
            // Closes without calling the channel's own close function.
            RuntimePrimitive(name: "channel-close", arity: 1) { (arguments, _) throws(Fault) in
                try Argument.channel(arguments[0], "channel-close").close()
                return .value(.nil)
            },
        ]
    }
}
