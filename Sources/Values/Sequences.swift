/// The sequence functions on every kind of value; what is unrealised is thrown as `Fault.force`.
public enum Sequences {
    /// `(seq x)`: nil when there is nothing, else a non-lazy sequence.
    @inline(never) public static func seq(_ value: Value) throws(Fault) -> Value {
        switch value {
        case .nil: return .nil
        case .list(let list): return list.isEmpty ? .nil : value
        case .seq: return value
        case .lazy(let lazy): return try lazy.seq()
        case .vector(let vector): return vector.isEmpty ? .nil : .seq(SeqView(.vector(vector, index: 0)))
        case .map(let map): return map.isEmpty ? .nil : .seq(SeqView(.vector(map.entryVector(), index: 0)))
        case .set(let set): return set.isEmpty ? .nil : .seq(SeqView(.vector(set.elementVector(), index: 0)))
        case .shortText(let short):
            return short == .empty ? .nil : .seq(SeqView(.text(short.text, offset: 0, index: 0)))
        case .longText(let text): return .seq(SeqView(.text(text, offset: 0, index: 0)))
        case .object(let object):
            if let seq = try object.seq() { return seq }
            throw .type("seq", expected: "a collection", found: value)
        default: throw .type("seq", expected: "a collection", found: value)
        }
    }

    public static func first(_ value: Value) throws(Fault) -> Value {
        switch value {
        case .list(let list): return list.first
        case .seq(let view): return view.first
        case .vector(let vector): return vector.isEmpty ? .nil : vector[0]
        case .nil: return .nil
        default:
            let seq = try seq(value)
            return seq.isNil ? .nil : try first(seq)
        }
    }

    /// `(rest x)`: a sequence that may be lazy and empty; never nil.
    public static func rest(_ value: Value) throws(Fault) -> Value {
        switch value {
        case .list(let list): return list.rest.isNil ? .list(Cons.empty) : list.rest
        case .seq(let view):
            let rest = view.rest
            return rest.isNil ? .list(Cons.empty) : rest
        case .nil: return .list(Cons.empty)
        default:
            let seq = try seq(value)
            return seq.isNil ? .list(Cons.empty) : try rest(seq)
        }
    }

    /// `(next x)`: nil when there is no further element.
    public static func next(_ value: Value) throws(Fault) -> Value {
        switch value {
        case .list(let list): return try list.next()
        case .seq(let view): return try seq(view.rest)
        case .nil: return .nil
        default:
            let seq = try seq(value)
            return seq.isNil ? .nil : try next(seq)
        }
    }

    /// `(cons element value)`.
    public static func cons(_ element: Value, _ value: Value) throws(Fault) -> Value {
        switch value {
        case .nil: .list(Cons(element, .nil))
        case .list, .seq, .lazy: .list(Cons(element, value, isList: false))
        default: .list(Cons(element, try seq(value), isList: false))
        }
    }

    /// `(count x)`; throws `.force` until the whole of a lazy sequence is realised.
    public static func count(_ value: Value) throws(Fault) -> Int {
        switch value {
        case .nil: return 0
        case .vector(let vector): return vector.count
        case .map(let map): return map.count
        case .set(let set): return set.count
        case .shortText(let short): return short.count
        case .longText(let text): return text.count
        case .list(let list) where list.count >= 0: return list.count
        case .object(let object):
            if let count = object.elementCount { return count }
            if try object.seq() == nil { throw .type("count", expected: "a collection", found: value) }
        case .list, .seq, .lazy: break
        default: throw .type("count", expected: "a collection", found: value)
        }
        var total = 0
        var rest = try seq(value)
        while !rest.isNil {
            if case .seq(let view) = rest, let known = view.knownCount { return total + known }
            if case .list(let list) = rest, list.count >= 0 { return total + list.count }
            total += 1
            rest = try next(rest)
        }
        return total
    }

    /// Visits every element; `body` must not have effects that a second visit would repeat, for `.force` may be thrown at
    /// any element.
    public static func forEach(_ value: Value, _ body: (Value) throws(Fault) -> Void) throws(Fault) {
        if case .vector(let vector) = value {
            return try forEach(vector, from: 0, body)
        }
        var rest = try seq(value)
        while true {
            switch rest {
            case .nil: return
            case .list(let list):
                try body(list.first)
                rest = list.rest
                if case .lazy(let lazy) = rest { rest = try lazy.seq() }
            case .seq(let view):
                switch view.source {
                case .vector(let vector, let index):
                    try forEach(vector, from: index, body)
                    return
                case .chunk(let chunk, let index, let more):
                    try forEach(chunk, from: index, body)
                    rest = try seq(more)
                case .range(let start, let step, let count):
                    for position in 0..<count {
                        try Attention.step()
                        try body(.int(start &+ Int64(position) &* step))
                    }
                    return
                case .text(let text, var offset, _):
                    while offset < text.byteCount {
                        try body(.char(Text.decode(text.bytes + offset)))
                        offset += Text.width(text.bytes[offset])
                    }
                    return
                }
            default: rest = try seq(rest)
            }
        }
    }

    /// Visits the elements of a vector leaf by leaf.
    @inline(__always) private static func forEach(
        _ vector: Vector, from start: Int, _ body: (Value) throws(Fault) -> Void
    ) throws(Fault) {
        var index = start
        while index < vector.count {
            index += try vector.withChunk(at: index) { (chunk) throws(Fault) in
                for element in chunk { try body(element) }
                return chunk.count
            }
        }
    }

    /// All elements, realised.
    public static func array(_ value: Value) throws(Fault) -> [Value] {
        if case .vector(let vector) = value {
            try Attention.reserve(vector.count)
            return vector.elements
        }
        var elements: [Value] = []
        try forEach(value) { (element) throws(Fault) in
            elements.append(element)
            if _slowPath(elements.count % Attention.stride == 0) {
                // Twice, because an array that grows is copied.
                try Attention.check(holding: elements.count * 2 * MemoryLayout<Value>.stride)
            }
        }
        return elements
    }
}
