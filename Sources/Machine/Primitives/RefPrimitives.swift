import Values

/// Refs and their transactions; what runs bodies and calls validators and watchers is in the library.
enum RefPrimitives {
    static let machine = PrimitiveFamily(
        "sluice.machine",
        [
            Primitive("ref", 1) { (a, _) in .object(Ref(a.take(0))) },
            Primitive("transaction", 0) { (_, fiber) in .object(Transaction(fiber)) },
            Primitive("in-transaction?", 0) { (_, fiber) in .bool(Transaction.running(in: fiber) != nil) },
            Primitive("stale?", 1) { (a, _) throws(Fault) in .bool(try transaction(a).isStale) },
            Primitive("end-transaction!", 1) { (a, _) throws(Fault) in
                try transaction(a).end()
                return .nil
            },
            Primitive("ref-set!", 2, set), Primitive("ref-commute!", 3, commute), Primitive("ref-ensure!", 1, ensure),
            Primitive("transaction-send!", 1, send), Primitive("transaction-sends", 1, sends),
            Primitive("ref-changes", 1, changes), Primitive("ref-commutes", 1, commutes),
            Primitive("commit!", 2, commit),
        ])

    private static func transaction(_ a: Arguments) throws(Fault) -> Transaction {
        try a.object(0, "dosync", "a transaction", as: Transaction.self)
    }

    private static func ref(_ value: Value, _ operation: String) throws(Fault) -> Ref {
        if case .object(let ref as Ref) = value { return ref }
        throw .type(operation, expected: "a ref", found: value)
    }

    private static func running(_ fiber: Fiber, _ operation: String) throws(Fault) -> Transaction {
        guard let transaction = Transaction.running(in: fiber) else {
            throw .of(.illegalState, "\(operation) is for transactions", hint: "refs change within (dosync …)")
        }
        return transaction
    }

    static func set(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        try running(fiber, "changing a ref").set(try ref(a[0], "ref-set"), a[1])
        return a[1]
    }

    /// `(ref-commute! ref function value)`: the function gave the value for what the transaction sees.
    static func commute(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        try running(fiber, "commute").commute(try ref(a[0], "commute"), a[1], a[2])
        return a[2]
    }

    static func ensure(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        let target = try ref(a[0], "ensure")
        let transaction = try running(fiber, "ensure")
        try transaction.ensure(target)
        return try transaction.read(target)
    }

    /// `(transaction-send! action)`: whether the fiber is in a transaction, which then keeps the action.
    static func send(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        guard let transaction = Transaction.running(in: fiber) else { return .false }
        transaction.send(a[0])
        return .true
    }

    static func sends(_ a: Arguments, _: Fiber) throws(Fault) -> Value { .vector(try transaction(a).sends) }

    /// `(ref-changes transaction)`: `[[ref value] …]`.
    static func changes(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        .vector(try transaction(a).changes.map { Value.vector([.object($0.ref), $0.value]) })
    }

    /// `(ref-commutes transaction)`: `[[ref [function …] value version] …]`, as the refs are now.
    static func commutes(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        .vector(
            try transaction(a).commutes.map { (ref, functions) in
                let (value, version) = ref.latest
                return Value.vector([.object(ref), .vector(functions), value, .int(version)])
            })
    }

    /// `(commit! transaction [[ref value version] …])`: `[[ref before after] …]`; false when what was commuted is to be
    /// computed anew, nil when the whole body is.
    static func commit(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        var commuted: [(ref: Ref, value: Value, version: Int64)] = []
        try Sequences.forEach(a[1]) { (entry) throws(Fault) in
            guard case .vector(let parts) = entry, parts.count == 3, case .int(let version) = parts[2] else {
                throw .type("commute", expected: "a ref, its value and version", found: entry)
            }
            commuted.append((try ref(parts[0], "commute"), parts[1], version))
        }
        switch try transaction(a).commit(commuted) {
        case .done(let changes):
            return .vector(changes.map { Value.vector([.object($0.ref), $0.before, $0.after]) })
        case .overtaken: return .false
        case .stale: return .nil
        }
    }
}
