import Values

/// Transients: the operations that change one.
enum TransientPrimitives {
    static let core = PrimitiveFamily(
        "clojure.core",
        [
            Primitive("transient", 1, transient), Primitive("persistent!", 1, persistent),
            Primitive("conj!", .between(0, 2), conj), Primitive("assoc!", .atLeast(3), assoc),
            Primitive("dissoc!", .atLeast(2)) { (a, _) throws(Fault) in
                let target = try transient(a, "dissoc!")
                for index in 1..<a.count { try target.removeKey(a[index]) }
                return a[0]
            },
            Primitive("disj!", .atLeast(1)) { (a, _) throws(Fault) in
                if a.count == 1 { return a[0] }
                let target = try transient(a, "disj!")
                for index in 1..<a.count { try target.removeElement(a[index]) }
                return a[0]
            },
            Primitive("pop!", 1, pop),
        ])

    static func transient(_ a: Arguments, _: Fiber) throws(Fault) -> Value { .object(try Transient(a.take(0))) }

    private static func transient(_ a: Arguments, _ operation: String) throws(Fault) -> Transient {
        if case .object(let object) = a[0], object.kind == .transient {
            return unsafeDowncast(object, to: Transient.self)
        }
        throw .type(operation, expected: "a transient", found: a[0])
    }

    static func persistent(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try transient(a, "persistent!").persistent()
    }

    static func conj(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        if a.count == 0 { return .object(try Transient(.vector(Vector.empty))) }
        if a.count == 1 { return a[0] }
        let target = try transient(a, "conj!")
        for index in 1..<a.count { try target.conj(a[index]) }
        return a[0]
    }

    /// Unlike `assoc`, it gives a last key without a value nil.
    static func assoc(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        let target = try transient(a, "assoc!")
        for index in stride(from: 1, to: a.count, by: 2) { try target.assoc(a[index], a.optional(index + 1)) }
        return a[0]
    }

    static func pop(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try transient(a, "pop!").pop()
        return a[0]
    }
}
