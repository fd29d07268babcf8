import Machine
import Values

/// One primitive of namespace `sluice.runtime`, on which the library's `clojure.core.async` and concurrency functions stand.
struct RuntimePrimitive {
    let name: String
    let arity: Native.Arity
    /// Whether calling it from a `:go` worker is an error, because its name promises to block the thread.
    var blocks = false
    let body: Native.ControlBody
}

extension FiberRuntime {
    /// Interns every primitive in `sluice.runtime`. The primitives refer to the runtime without keeping it.
    package func install() {
        let space = instance.namespace(instance.names.intern("sluice.runtime"))
        let tables = [
            ChannelPrimitives.table(self), ChoicePrimitives.table(self), FiberPrimitives.table(self),
            PromisePrimitives.table(self), ScopePrimitives.table(self), EffectPrimitives.table(self),
            WorkerPrimitives.table(self),
        ]
        for primitive in tables.joined() {
            let native = Native(
                "sluice.runtime/\(primitive.name)", primitive.arity, blocks: primitive.blocks, control: primitive.body)
            space.intern(instance.names.intern(nil, primitive.name)).bind(.native(native))
        }
    }
}

/// Reading arguments, with messages that say what was expected.
enum Argument {
    @inline(__always) static func channel(
        _ value: consuming Value, _ operation: StaticString
    ) throws(Fault) -> Channel {
        guard case .object(let object) = value, type(of: object) == Channel.self else {
            throw notAChannel(value, operation)
        }
        return unsafeDowncast(object, to: Channel.self)
    }

    @inline(never) private static func notAChannel(_ value: Value, _ operation: StaticString) -> Fault {
        .type(operation.description, expected: "a channel", found: value)
    }

    static func milliseconds(_ value: Value, _ operation: String) throws(Fault) -> Int64 {
        switch value {
        case .int(let count): return min(max(0, count), 1 << 43) * 1_000_000
        case .double(let count) where count.isFinite: return Int64(min(max(0, count), 1e12) * 1e6)
        default: throw .type(operation, expected: "a number of milliseconds", found: value)
        }
    }

    static func dispatch(_ value: Value) throws(Fault) -> Dispatch {
        switch value.knownKeyword {
        case .go: return .go
        case .thread: return .thread
        default: throw .type("spawn", expected: "the dispatch :go or :thread", found: value)
        }
    }
}
