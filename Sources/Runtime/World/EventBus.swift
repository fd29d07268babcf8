import Engine
import Machine
import Values

/// Where events go that anybody may want: what `emit` says, what sources bring. The world hears all of them, and so does who
/// subscribed.
package final class EventBus: @unchecked Sendable {
    // Sendable: `lock` guards everything mutable.
    private let lock = Lock()
    private var subscribers: [(id: Int, hear: @Sendable (Value) -> Void)] = []
    private var lastID = 0

    package init() {}

    /// From here on `hear` is called with every event, on any thread, and must return soon. Gives a number to unsubscribe with.
    @discardableResult
    package func subscribe(_ hear: @escaping @Sendable (Value) -> Void) -> Int {
        lock.withLock {
            lastID += 1
            subscribers.append((lastID, hear))
            return lastID
        }
    }

    package func unsubscribe(_ id: Int) { lock.withLock { subscribers.removeAll { $0.id == id } } }

    /// Tells everybody, in the order in which they subscribed.
    package func publish(_ event: Value) {
        for subscriber in lock.withLock({ subscribers }) { subscriber.hear(event) }
    }
}

extension FiberRuntime {
    /// An event as data (P8–P12): `:event/id :event/ts :event/type :event/source :event/payload`.
    package func event(_ type: Value, source: Value, payload: Value) -> Value {
        .record(
            (.eventID, .object(instance.random.uuid())), (.eventTs, .int(clock.wallMs)), (.eventType, type),
            (.eventSource, source), (.eventPayload, payload))
    }
}

/// The types of the events that effects end with: `<ns>/<name>.result` and `.error`, `effect` where the type has no namespace
/// (P8–P12). Nobody outside may say such a thing.
package enum EffectEvent {
    private static let (result, error) = ("result", "error")

    static func type(of effect: Name, isError: Bool, _ names: Names) -> Name {
        names.intern(effect.namespace ?? "effect", "\(effect.name).\(isError ? error : result)")
    }

    /// Whether it is one of these, of whatever type of effect.
    package static func isReserved(_ type: Name) -> Bool {
        type.hasNamespace && [result, error].contains { type.name.hasSuffix(".\($0)") }
    }
}
