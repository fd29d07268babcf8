import Values

/// Atoms, volatiles, delays and reduced values. What calls a function (`swap!`, watches, validators) is in the library.
enum ReferencePrimitives {
    static let core = PrimitiveFamily(
        "clojure.core",
        [
            Primitive("deref", .between(1, 3), deref), Primitive("compare-and-set!", 3, compareAndSet),
            Primitive("volatile!", 1) { (a, _) in .object(Volatile(a.take(0))) },
            Primitive("vreset!", 2, resetVolatile),
            Primitive("reduced", 1) { (a, _) in .object(Reduced(a.take(0))) },
            Primitive("ensure-reduced", 1) { (a, _) in
                a[0].objectKind == .reduced ? a[0] : .object(Reduced(a[0]))
            },
            Primitive("unreduced", 1, unreduced), Primitive("get-validator", 1, validator),
        ])

    static let machine = PrimitiveFamily(
        "sluice.machine",
        [
            Primitive("atom", 1) { (a, _) in .object(Atom(a.take(0))) }, Primitive("exchange!", 3, exchange),
            Primitive("atom-value", 1) { (a, _) throws(Fault) in try atom(a, "swap!").current() },
            Primitive("set-validator!", 2, setValidator), Primitive("watchers", 1, watchers),
            Primitive("add-watcher!", 3, addWatcher),
            Primitive("remove-watcher!", 2, removeWatcher), Primitive("delay", 1, delay),
            Primitive("failure", 1, failure),
        ])

    static func deref(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        guard a.count != 2 else { throw .of(.arity, "deref takes 1 or 3 arguments, but was called with 2") }
        guard case .object(let object) = a[0] else { throw notDereferenceable(a[0]) }
        switch object.kind {
        case .atom: return try unsafeDowncast(object, to: Atom.self).current()
        case .volatile: return try unsafeDowncast(object, to: Volatile.self).current()
        case .var:
            guard let variable = object as? Var else { throw notDereferenceable(a[0]) }
            return fiber.value(of: variable)
        case .ref:
            guard let ref = object as? Ref else { throw notDereferenceable(a[0]) }
            guard let transaction = Transaction.running(in: fiber) else { return try ref.current() }
            return try transaction.read(ref)
        default:
            guard let reference = object as? Reference else { throw notDereferenceable(a[0]) }
            if a.count == 1 { return try reference.current() }
            return try reference.current(within: try a.int(1, "deref"), else: a.optional(2))
        }
    }

    private static func notDereferenceable(_ value: Value) -> Fault {
        .type("deref", expected: "an atom, a var, a delay or another reference", found: value)
    }

    private static func atom(_ a: Arguments, _ operation: String) throws(Fault) -> Atom {
        guard case .object(let object) = a[0], object.kind == .atom else {
            throw .type(operation, expected: "an atom", found: a[0])
        }
        // Only `Atom` has this kind.
        return unsafeDowncast(object, to: Atom.self)
    }

    /// Compares as `=` never would: by identity. Words, and what was read from the atom, are identical to themselves.
    static func compareAndSet(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        .bool(try atom(a, "compare-and-set!").compareAndSet(a[1], a[2]))
    }

    /// True when the exchange happened, false when another won, nil when a validator or watchers are to be called.
    static func exchange(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        switch try atom(a, "swap!").exchange(a[1], a[2]) {
        case .done: .true
        case .lost: .false
        case .attended: .nil
        }
    }

    private static func watchable(_ a: Arguments, _ operation: String) throws(Fault) -> any Watchable {
        if case .object(let object) = a[0], let watchable = object as? any Watchable { return watchable }
        throw .type(operation, expected: "an atom, a ref, an agent or a var", found: a[0])
    }

    static func validator(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try watchable(a, "get-validator").validator
    }
    static func setValidator(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try watchable(a, "set-validator!").validator = a[1]
        return .nil
    }
    static func watchers(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try watchable(a, "add-watch").watchers.map { .map($0) } ?? .nil
    }
    static func addWatcher(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try watchable(a, "add-watch").changeWatchers { (watchers) throws(Fault) in
            try HashMap.set(&watchers, a[1], a[2])
        }
        return a[0]
    }
    static func removeWatcher(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try watchable(a, "remove-watch").changeWatchers { (watchers) throws(Fault) in
            try HashMap.remove(&watchers, a[1])
        }
        return a[0]
    }

    static func resetVolatile(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        guard case .object(let object) = a[0], object.kind == .volatile else {
            throw .type("vreset!", expected: "a volatile", found: a[0])
        }
        // Only `Volatile` has this kind.
        unsafeDowncast(object, to: Volatile.self).set(a[1])
        return a.take(1)
    }

    static func unreduced(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        guard case .object(let object) = a[0], object.kind == .reduced else { return a.take(0) }
        return try unsafeDowncast(object, to: Reduced.self).current()
    }

    /// A delay over a lazy sequence of one element.
    static func delay(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        guard case .lazy(let lazy) = a[0] else { throw .type("delay", expected: "a lazy sequence", found: a[0]) }
        return .object(Delay(lazy))
    }

    static func failure(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        .object(Failure(try a.object(0, "delay", "an exception", as: Exception.self)))
    }
}
