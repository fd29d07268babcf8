import Values

/// Transients: since collections change in place when they are unique, a transient is a box that keeps its collection so.
enum TransientPrimitives {
    static let core = PrimitiveFamily(
        "clojure.core",
        [
            Primitive("transient", 1, transient), Primitive("persistent!", 1, persistent),
            Primitive("conj!", .atLeast(0), conj), Primitive("assoc!", .atLeast(3), assoc), Primitive("dissoc!", .atLeast(2), dissoc),
            Primitive("disj!", .atLeast(2), disj), Primitive("pop!", 1, pop),
        ])

    static func transient(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        switch a[0] {
        case .vector, .map, .set: return .object(Transient(a.take(0)))
        default: throw .type("transient", expected: "a vector, a map or a set", found: a[0])
        }
    }

    private static func box(_ a: Arguments, _ operation: String) throws(Fault) -> Transient {
        if case .object(let object as Transient) = a[0] { return object }
        throw .type(operation, expected: "a transient", found: a[0])
    }

    static func persistent(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try box(a, "persistent!").finish() }

    static func conj(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        if a.count == 0 { return .object(Transient(.vector(Vector.empty))) }
        let transient = try box(a, "conj!")
        for index in 1..<max(1, a.count) {
            try transient.change("conj!") { (collection) throws(Fault) in try Collections.conj(&collection, a[index]) }
        }
        return .object(transient)
    }

    static func assoc(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        guard a.count % 2 == 1 else { throw .illegalArgument("assoc! takes keys and values in pairs") }
        let transient = try box(a, "assoc!")
        for index in stride(from: 1, to: a.count, by: 2) {
            try transient.change("assoc!") { (collection) throws(Fault) in
                try Collections.assoc(&collection, a[index], a[index + 1])
            }
        }
        return .object(transient)
    }

    static func dissoc(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        let transient = try box(a, "dissoc!")
        for index in 1..<a.count {
            try transient.change("dissoc!") { (collection) throws(Fault) in try Collections.dissoc(&collection, a[index]) }
        }
        return .object(transient)
    }

    static func disj(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        let transient = try box(a, "disj!")
        for index in 1..<a.count {
            try transient.change("disj!") { (collection) throws(Fault) in
                guard case .set(var set) = collection else { throw .type("disj!", expected: "a set", found: collection) }
                collection = .nil
                defer { collection = .set(set) }
                try HashSet.remove(&set, a[index])
            }
        }
        return .object(transient)
    }

    static func pop(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        let transient = try box(a, "pop!")
        try transient.change("pop!") { (collection) throws(Fault) in
            guard case .vector(var vector) = collection, !vector.isEmpty else {
                throw .illegalState("pop! takes a vector that is not empty")
            }
            collection = .nil
            Vector.removeLast(&vector)
            collection = .vector(vector)
        }
        return .object(transient)
    }
}
