import Engine
import Machine
import Values

/// The effect types that act on the run itself: `:emit`, `:set-state` and `:event/await` (J13, P25).
enum WorldEffects {
    static func types(_ runtime: FiberRuntime) -> [EffectType] {
        let names = runtime.instance.names
        func param(_ key: KnownName, _ type: EffectType.ParamType, required: Bool = false) -> EffectType.Param {
            EffectType.Param(key.name, type, required: required)
        }
        return [
            EffectType(
                name: names.intern("emit"), doc: "tells the world and whoever subscribed of an event",
                params: [param(.type, .any, required: true), param(.data, .any), param(.bus, .any)],
                recovery: .retry, holdsSlot: false,
                handler: ClosureHandler(isVirtual: true) { [weak runtime] request in
                    guard let runtime else { return }
                    let event = emitted(request.effect, runtime)
                    runtime.bus.publish(.map(event))
                    request.succeed(((try? event.find(.kw(.eventID))) ?? nil) ?? .nil)
                }),
            EffectType(
                name: names.intern("set-state"), doc: "sets what lies at a path of the world",
                params: [param(.path, .vector, required: true), param(.value, .any)],
                recovery: .retry, holdsSlot: false,
                handler: ClosureHandler(isVirtual: true) { [weak runtime] request in
                    guard let runtime else { return }
                    do throws(Fault) {
                        let path = try Sequences.array(request.effect[.path] ?? .nil)
                        try runtime.world.set(path, request.effect[.value] ?? .nil)
                        request.succeed(.nil)
                    } catch { request.fail(.of(error, code: .invalidEffect)) }
                }),
            EffectType(
                name: names.intern("event/await"), doc: "waits for the next event of a type, which is the result",
                params: [param(.type, .any, required: true)], recovery: .retry, timeout: .none, holdsSlot: false,
                handler: ClosureHandler(isVirtual: true) { [weak runtime] request in
                    guard let runtime else { return }
                    let type = request.effect[.type] ?? .nil
                    EventWait(runtime.bus(for: type), type, request).begin()
                }),
        ]
    }

    /// The event that an `:emit` stands for.
    private static func emitted(_ effect: Effect, _ runtime: FiberRuntime) -> HashMap {
        let bus = effect[.bus] ?? .kw(.default)
        let source: Value
        switch effect[.source] ?? .nil {
        case .nil: source = .record((.kind, .kw(.emit)), (.effectID, effect.id.value), (.bus, bus))
        case let given: source = given
        }
        let event = runtime.event(effect[.type] ?? .nil, source: source, payload: effect[.data] ?? .map(HashMap()))
        if case .map(let map) = event { return map }
        return HashMap()
    }
}

/// Waits for one event, once.
private final class EventWait: @unchecked Sendable {
    // Sendable: `lock` guards `subscription`; `request` takes the first answer only.
    private let bus: EventBus
    private let type: Value
    private let request: EffectRequest
    private let lock = Lock()
    private var subscription: Int?
    private var isOver = false

    init(_ bus: EventBus, _ type: Value, _ request: EffectRequest) {
        self.bus = bus
        self.type = type
        self.request = request
    }

    func begin() {
        let id = bus.subscribe { self.hear($0) }
        let isLate = lock.withLock { () -> Bool in
            subscription = id
            return isOver
        }
        if isLate { bus.unsubscribe(id) }
        request.onCancel { _ in _ = self.end() }
    }

    private func hear(_ event: Value) {
        guard EventBus.isOf(type, event), end() else { return }
        request.succeed(event)
    }

    /// False when it was over before.
    private func end() -> Bool {
        let (wasOpen, id) = lock.withLock { () -> (Bool, Int?) in
            defer { isOver = true }
            return (!isOver, subscription)
        }
        if let id { bus.unsubscribe(id) }
        return wasOpen
    }
}

extension EventBus {
    /// Whether an event has this type; every event does when it is nil.
    static func isOf(_ type: Value, _ event: Value) -> Bool {
        if type.isNil { return true }
        guard case .map(let map) = event, let own = (try? map.find(.kw(.eventType))) ?? nil else { return false }
        return (try? own.equals(type)) ?? false
    }
}

/// What scripts reach the world with.
enum WorldPrimitives {
    static func table(_ runtime: FiberRuntime) -> [RuntimePrimitive] {
        [
            RuntimePrimitive(
                name: "world", arity: 0, plain: { [unowned runtime] (_, _) throws(Fault) in runtime.world.value }),
            // (publish! type data): tells everybody of an event, at once; the event.
            RuntimePrimitive(
                name: "publish!", arity: 2,
                plain: { [unowned runtime] (arguments, _) throws(Fault) in
                    let event = runtime.event(
                        arguments[0], source: .record((.kind, .kw(.event))), payload: arguments[1])
                    runtime.bus.publish(event)
                    return event
                }),
            // (world-backlog): how many events no tick has brought yet.
            RuntimePrimitive(
                name: "world-backlog", arity: 0,
                plain: { [unowned runtime] (_, _) throws(Fault) in .int(Int64(runtime.world.backlog)) }),
            // (await-world): waits while the world is further behind than sources may bring it.
            RuntimePrimitive(name: "await-world", arity: 0) { [unowned runtime] (_, fiber) throws(Fault) in
                guard runtime.world.isBehind else { return .value(.nil) }
                let job = try Job.waiting(fiber)
                let entry = Waiting(job, job.arm())
                runtime.world.catchUp(entry)
                return try job.parked(entry.epoch)
            },
            // (subscribe! type channel): puts the events of a type (of every type, for nil) on a channel, as far as there is
            // room; the channel. It ends when the channel is closed.
            RuntimePrimitive(
                name: "subscribe!", arity: 2,
                plain: { [unowned runtime] (arguments, _) throws(Fault) in
                    let channel = try Argument.channel(arguments[1], "subscribe!")
                    Subscription(runtime.bus(for: arguments[0]), arguments[0], channel).begin()
                    return .object(channel)
                }),
        ]
    }
}

/// Events of a type on their way to a channel.
private final class Subscription: @unchecked Sendable {
    // Sendable: `lock` guards `id`.
    private let bus: EventBus
    private let type: Value
    private let channel: Channel
    private let lock = Lock()
    private var id: Int?

    init(_ bus: EventBus, _ type: Value, _ channel: Channel) {
        self.bus = bus
        self.type = type
        self.channel = channel
    }

    func begin() {
        let id = bus.subscribe { self.hear($0) }
        lock.withLock { self.id = id }
    }

    private func hear(_ event: Value) {
        if channel.isClosed {
            if let id = lock.withLock({ id }) { bus.unsubscribe(id) }
        } else if EventBus.isOf(type, event) {
            channel.deposit(event)
        }
    }
}
