import Values

/// Chance, from the instance's own source.
enum RandomPrimitives {
    static let core = PrimitiveFamily(
        "clojure.core",
        [
            Primitive("rand", .between(0, 1), rand), Primitive("rand-int", 1, randInt),
            Primitive("shuffle", 1, shuffle),
            Primitive("random-uuid", 0) { (_, fiber) in .object(fiber.instance.random.uuid()) },
        ])

    static func rand(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        .double(fiber.instance.random.unit() * (a.count == 1 ? try a.double(0, "rand") : 1))
    }

    static func randInt(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        let bound = try a.int(0, "rand-int")
        guard bound != 0 else { return .int(0) }
        let magnitude = Int64(fiber.instance.random.below(bound.magnitude))
        return .int(bound < 0 ? -magnitude : magnitude)
    }

    static func shuffle(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        switch a[0] {
        case .vector, .list, .seq, .lazy, .set: break
        case .object(let object) where object.kind == .sortedSet || object.kind == .queue: break
        case .nil: throw .type("shuffle", expected: "a collection", found: .nil, as: .nullPointer)
        default: throw .type("shuffle", expected: "a sequential collection or a set", found: a[0])
        }
        var elements = try Sequences.array(a[0])
        for index in stride(from: elements.count - 1, to: 0, by: -1) {
            elements.swapAt(index, Int(fiber.instance.random.below(UInt64(index + 1))))
        }
        return .vector(Vector(elements))
    }
}

extension RandomSource {
    /// Version 4.
    package func uuid() -> UUIDValue {
        UUIDValue(high: next() & ~0xf000 | 0x4000, low: next() & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000)
    }
}
