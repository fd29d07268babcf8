import Machine
import Values

/// One primitive of namespace `sluice.runtime`, on which the library's `clojure.core.async` and concurrency functions stand.
struct RuntimePrimitive {
    let name: String
    let arity: Native.Arity
    /// Whether calling it from a `:go` worker is an error, because its name promises to block the thread.
    var blocks = false
    private let kind: Kind

    private enum Kind {
        /// May park the fiber or go on with a call.
        case control(Native.ControlBody)
        /// Gives its result; the other, if there is one, does the same and gives nil, where nobody reads the result.
        case plain(Native.Body, unread: Native.Body?)
    }

    init(name: String, arity: Native.Arity, blocks: Bool = false, body: @escaping Native.ControlBody) {
        (self.name, self.arity, self.blocks, kind) = (name, arity, blocks, .control(body))
    }

    init(name: String, arity: Native.Arity, plain body: @escaping Native.Body, unread: Native.Body? = nil) {
        (self.name, self.arity, kind) = (name, arity, .plain(body, unread: unread))
    }

    func native() -> Native {
        let full = "sluice.runtime/\(name)"
        return switch kind {
        case .control(let body): Native(full, arity, blocks: blocks, control: body)
        case .plain(let body, let unread): Native(full, arity, unread: unread, body)
        }
    }
}

extension FiberRuntime {
    /// Gives `sluice.runtime` its primitives, which are made when they are first named.
    package func install() {
        let primitives = RuntimePrimitives(self)
        instance.namespace(instance.names.intern("sluice.runtime")).setLibrary(
            Namespace.Library(load: { primitives.load($1, in: $0) }, names: { primitives.names }))
    }
}

/// The primitives as a library of their namespace. They refer to the runtime without keeping it.
private final class RuntimePrimitives: @unchecked Sendable {
    // Sendable: `lock` guards the table.
    private unowned let runtime: FiberRuntime
    private let lock = Lock()
    /// Empty until one is named.
    private var table: [RuntimePrimitive] = []

    init(_ runtime: FiberRuntime) { self.runtime = runtime }

    var names: [String] { lock.withLock { made().map(\.name) } }

    func load(_ symbol: Name, in space: Namespace) -> Var? {
        lock.withLock {
            if let variable = space.made(symbol) { return variable }
            guard let primitive = made().first(where: { $0.name == symbol.name }) else { return nil }
            return space.intern(symbol, boundTo: .native(primitive.native()))
        }
    }

    /// Under the lock.
    private func made() -> [RuntimePrimitive] {
        if table.isEmpty {
            table =
                ChannelPrimitives.table(runtime) + ChoicePrimitives.table() + FiberPrimitives.table(runtime)
                + PromisePrimitives.table(runtime) + WorldPrimitives.table(runtime) + ScopePrimitives.table(runtime)
                + EffectPrimitives.table(runtime) + TestPrimitives.table()
                + WorkerPrimitives.table(runtime)
        }
        return table
    }
}

/// Reading arguments, with messages that say what was expected.
enum Argument {
    @inline(__always) static func channel(
        _ value: consuming Value, _ operation: StaticString
    ) throws(Fault) -> Channel {
        guard case .object(let object) = value, case .channel = object.kind else {
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

    static func dispatch(_ place: UnsafePointer<Value>) throws(Fault) -> Dispatch {
        switch place.pointee.knownKeyword {
        case .go: return .go
        case .thread: return .thread
        default: throw .type("spawn", expected: "the dispatch :go or :thread", found: place.pointee)
        }
    }
}
