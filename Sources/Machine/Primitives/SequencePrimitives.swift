import Values

/// Sequences: the steps that cannot be written in the language, or are shorter and faster here.
enum SequencePrimitives {
    static let core = PrimitiveFamily(
        "clojure.core",
        [
            Primitive("seq", 1) { (a, _) throws(Fault) in try Sequences.seq(a[0]) },
            Primitive("first", 1) { (a, _) throws(Fault) in try Sequences.first(a[0]) },
            Primitive("rest", 1) { (a, _) throws(Fault) in try Sequences.rest(a[0]) },
            Primitive("next", 1) { (a, _) throws(Fault) in try Sequences.next(a[0]) },
            Primitive("cons", 2) { (a, _) throws(Fault) in try Sequences.cons(a[0], a[1]) },
            Primitive("list*", .atLeast(1), listStar), Primitive("apply", .atLeast(2), control: apply),
            Primitive("reverse", 1, reverse), Primitive("to-array", 1, toArray),
            Primitive("chunk-first", 1, chunkFirst),
            Primitive("chunk-rest", 1, chunkRest), Primitive("chunk-next", 1, chunkNext),
            Primitive("chunk-cons", 2, chunkCons),
            Primitive("chunk-buffer", 1) { (_, _) throws(Fault) in .object(try Transient(.vector(Vector.empty))) },
            Primitive("chunk-append", 2, chunkAppend),
            Primitive("chunk", 1) { (a, _) throws(Fault) in
                try a.object(0, "chunk", "a chunk buffer", as: Transient.self).persistent()
            },
            Primitive("nthnext", 2, nthnext), Primitive("last", 1, last),
            Primitive("realized?", 1, isRealized),
        ])

    static let machine = PrimitiveFamily(
        "sluice.machine",
        [
            Primitive("range", .between(2, 3), range), Primitive("range-bounds", 1, rangeBounds),
            Primitive("sort", 1, sort), Primitive("sorted-by-keys", 2, sortByKeys),
            Primitive("reduced-value", 1, reducedValue), Primitive("nthrest", 2, nthrest),
            Primitive("lazy", 1) { (a, _) in .lazy(LazySeq(thunk: a[0])) },
            Primitive("lazy?", 1) { (a, _) in if case .lazy = a[0] { .true } else { .false } },
            Primitive("fusible", 4) { (a, _) in
                if case .lazy(let lazy) = a[0] { lazy.setRecipe(Vector([a[1], a[2], a[3]])) }
                return a[0]
            },
            Primitive("fused", 3, fused),
            Primitive("take-apart", 1) { (a, _) in .vector(Vector(takeApart(a.take(0)))) },
        ])

    /// Steps that are fused at most: each is some code.
    private static let fusedSteps = 64

    /// `(fused source f parts)`: a function that reduces a source with f after the steps of `parts`, as `take-apart` gives
    /// them: `[acc x]` of one element, `[acc vector size]`, `[acc start step size]`; see `Fusion`.
    private static func fused(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        guard case .int(let number) = a[0], let source = Fusion.Source(rawValue: UInt8(truncatingIfNeeded: number)),
            case .vector(let parts) = a[2]
        else { throw .illegalArgument("fused takes a source, a function and parts") }
        var steps: [Fusion.Step] = []
        for index in stride(from: parts.count - 2, to: 0, by: -2) {
            guard case .int(let number) = parts[index],
                let step = Fusion.Step(rawValue: UInt8(truncatingIfNeeded: number))
            else { throw .illegalArgument("there is no step \(parts[index].briefly)") }
            steps.append(step)
        }
        let made = fiber.instance.fusions.prototype(steps, over: source).makeClosure()
        made.captures.initialize(to: a[1])
        for index in steps.indices { (made.captures + index + 1).initialize(to: parts[parts.count - 1 - 2 * index]) }
        return .function(made)
    }

    /// `[source step f step f …]`, the outermost step first, of a lazy sequence that is held by the caller alone; `[coll]` of
    /// anything else.
    private static func takeApart(_ collection: consuming Value) -> [Value] {
        var source = collection
        var steps: [Value] = []
        while steps.count < 2 * fusedSteps, case .lazy(var lazy) = source {
            // The variable's own reference, or none would be the only one.
            source = .nil
            guard let recipe = LazySeq.takeRecipe(&lazy) else {
                source = .lazy(lazy)
                break
            }
            steps += [recipe[0], recipe[1]]
            source = recipe[2]
        }
        return [source] + steps
    }

    /// `(apply f a b coll)`.
    static func apply(_ a: Arguments, _: Fiber) throws(Fault) -> Control {
        .apply(a[0], Array(a.buffer(from: 1).dropLast()), a[a.count - 1])
    }

    static func listStar(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        // What comes last is not looked at unless it stands alone.
        guard a.count > 1 else { return try Sequences.seq(a[0]) }
        var rest = a[a.count - 1]
        for index in stride(from: a.count - 2, through: 0, by: -1) { rest = try Sequences.cons(a[index], rest) }
        return rest
    }

    static func reverse(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        var reversed = Value.nil
        try Sequences.forEach(a[0]) { (element) throws(Fault) in reversed = .list(Cons(element, reversed)) }
        return reversed.isNil ? .list(Cons.empty) : reversed
    }

    static func toArray(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        .object(ArrayObject(try Sequences.array(a[0])))
    }

    static func nthnext(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        // Of nothing nothing is left, whatever the number.
        if a[0].isNil { return .nil }
        return try Sequences.seq(try drop(a[0], try a.steps(1, "nthnext")))
    }
    static func nthrest(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try drop(a[0], try a.steps(1, "nthrest"))
    }

    /// What is left of a collection after `count` elements, itself not realised; a view when the elements lie in a vector.
    private static func drop(_ value: Value, _ count: Int) throws(Fault) -> Value {
        var rest = value
        var left = count
        while left > 0 {
            let present = try Sequences.seq(rest)
            if present.isNil { return rest }
            rest = present
            if case .seq(let view) = rest {
                switch view.source {
                case .vector(let vector, let index):
                    guard left < vector.count - index else { return .list(Cons.empty) }
                    return .seq(SeqView(.vector(vector, index: index + left)))
                case .range(let start, let step, let count):
                    guard left < count else { return .list(Cons.empty) }
                    return .seq(SeqView(.range(start: start &+ Int64(left) &* step, step: step, count: count - left)))
                case .chunk(let chunk, let index, let more) where left >= chunk.count - index:
                    left -= chunk.count - index
                    rest = more.isNil ? .list(Cons.empty) : more
                    continue
                default: break
                }
            }
            rest = try Sequences.rest(rest)
            left -= 1
        }
        return rest
    }

    static func last(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        var rest = try Sequences.seq(a[0])
        var found = Value.nil
        while true {
            switch rest {
            case .nil: return found
            case .seq(let view):
                switch view.source {
                case .vector(let vector, _): return vector[vector.count - 1]
                case .range(let start, let step, let count): return .int(start &+ Int64(count - 1) &* step)
                case .chunk(let chunk, _, let more):
                    found = chunk[chunk.count - 1]
                    rest = try Sequences.seq(more)
                case .text(let text, _, _): return .char(text.scalar(at: text.count - 1))
                }
            default:
                found = try Sequences.first(rest)
                rest = try Sequences.next(rest)
            }
        }
    }

    static func isRealized(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        switch a[0] {
        case .lazy(let lazy): return .bool(lazy.isRealized)
        case .object(let reference as Reference) where reference.isPending: return .bool(reference.isRealized)
        default: throw .type("realized?", expected: "a lazy sequence, a delay, a promise or a future", found: a[0])
        }
    }
}

// Chunks: vectors of up to 32 elements that `map`, `filter` and their kin handle at a time.
extension SequencePrimitives {
    static let chunkSize = 32

    private static func view(_ a: Arguments, _ operation: String) throws(Fault) -> SeqView {
        if case .seq(let view) = a[0] { return view }
        throw .type(operation, expected: "a chunked sequence", found: a[0])
    }

    static func chunkFirst(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        let view = try view(a, "chunk-first")
        switch view.source {
        case .vector(let vector, let index):
            let end = min(vector.count, (index / chunkSize + 1) * chunkSize)
            return .vector(vector.slice(index, end))
        case .chunk(let chunk, let index, _):
            let rest: Vector = index == 0 ? chunk : chunk.slice(index, chunk.count)
            return .vector(rest)
        case .range(let start, let step, let count):
            // Appended one by one: a generic initialiser would not be specialised here, and cost more than the elements.
            var chunk = Vector([])
            for index in 0..<min(count, chunkSize) { Vector.append(&chunk, .int(start &+ Int64(index) &* step)) }
            return .vector(chunk)
        case .text: throw .type("chunk-first", expected: "a chunked sequence", found: a[0])
        }
    }

    /// What follows the first chunk: nil, or a sequence that may be lazy.
    private static func afterChunk(_ a: Arguments, _ operation: String) throws(Fault) -> Value {
        let view = try view(a, operation)
        switch view.source {
        case .vector(let vector, let index):
            let end = (index / chunkSize + 1) * chunkSize
            return end < vector.count ? .seq(SeqView(.vector(vector, index: end))) : .nil
        case .chunk(_, _, let more): return more
        case .range(let start, let step, let count):
            guard count > chunkSize else { return .nil }
            return .seq(SeqView(.range(start: start &+ Int64(chunkSize) &* step, step: step, count: count - chunkSize)))
        case .text: throw .type(operation, expected: "a chunked sequence", found: a[0])
        }
    }

    static func chunkRest(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        let rest = try afterChunk(a, "chunk-rest")
        return rest.isNil ? .list(Cons.empty) : rest
    }
    static func chunkNext(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try Sequences.seq(try afterChunk(a, "chunk-next"))
    }

    static func chunkCons(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        guard case .vector(let chunk) = a[0] else { throw .type("chunk-cons", expected: "a chunk", found: a[0]) }
        if chunk.isEmpty { return a[1] }
        return .seq(SeqView(.chunk(chunk, index: 0, more: a[1])))
    }

    static func chunkAppend(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try a.object(0, "chunk-append", "a chunk buffer", as: Transient.self).conj(a[1])
        return .nil
    }
}

// Ranges and sorting.
extension SequencePrimitives {
    /// `(range start end step)` of 64-bit integers as one view; nil for other numbers, which the library counts itself.
    static func range(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        guard case .int(let start) = a[0], case .int(let end) = a[1] else { return .nil }
        var step: Int64 = 1
        if a.count == 3 {
            guard case .int(let given) = a[2] else { return .nil }
            step = given
        }
        guard step != 0 else { return .nil }
        let (distance, overflow) = end.subtractingReportingOverflow(start)
        guard !overflow, step != .min else { return .nil }
        guard step > 0 ? distance > 0 : distance < 0 else { return .list(Cons.empty) }
        let magnitude = step.magnitude
        let count = (distance.magnitude - 1) / magnitude + 1
        guard count < UInt64(Int.max) else { return .nil }
        return .seq(SeqView(.range(start: start, step: step, count: Int(count))))
    }

    /// `[start step count]` of a range, nil for anything else: a reduction over a range counts instead of walking.
    static func rangeBounds(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        guard case .seq(let view) = a[0], case .range(let start, let step, let count) = view.source else { return .nil }
        return .vector([.int(start), .int(step), .int(Int64(count))])
    }

    /// The elements in the order of `compare`, as a sequence; equal ones keep theirs.
    static func sort(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        var elements = try Sequences.array(a[0])
        try Value.sort(&elements)
        return sequence(elements)
    }

    /// `(sorted-by-keys keys coll)`: the elements in the order that `compare` gives the keys, one for each.
    static func sortByKeys(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        let keys = try Sequences.array(a[0])
        let elements = try Sequences.array(a[1])
        var order = elements.indices.map { Value.int(Int64($0)) }
        try Value.sort(&order) { (left, right) throws(Fault) in
            guard case .int(let left) = left, case .int(let right) = right else { return 0 }
            return try Value.compare(keys[Int(left)], keys[Int(right)])
        }
        return sequence(order.map { if case .int(let index) = $0 { elements[Int(index)] } else { .nil } })
    }

    private static func sequence(_ elements: [Value]) -> Value {
        elements.isEmpty ? .list(Cons.empty) : .seq(SeqView(.vector(Vector(elements), index: 0)))
    }

    static func reducedValue(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        if case .object(let object) = a[0], object.kind == .reduced {
            return try (object as? Reduced)?.current() ?? .nil
        }
        return a[0]
    }
}
