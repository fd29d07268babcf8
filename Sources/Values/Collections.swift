/// `get`, `assoc`, `conj` and their kin on every kind of collection.
///
/// The functions that change a collection take it `inout`: one that is uniquely referenced changes in place.
public enum Collections {
    /// `(get collection key)`; nil when there is no such element, or nothing to look in.
    public static func get(_ collection: Value, _ key: Value) throws(Fault) -> Value? {
        switch collection {
        case .map(let map): return try map.find(key)
        case .vector(let vector):
            guard let index = position(key), index >= 0, index < vector.count else { return nil }
            return vector[index]
        case .set(let set): return try set.find(key)
        case .shortText, .longText:
            guard let index = try index(key), index >= 0 else { return nil }
            return scalar(of: collection, at: index)
        case .object(let object): return try object.lookup(key)
        default: return nil
        }
    }

    /// `(contains? collection key)`.
    public static func contains(_ collection: Value, _ key: Value) throws(Fault) -> Bool {
        switch collection {
        case .nil: return false
        case .map(let map): return try map.find(key) != nil
        case .set(let set): return try set.contains(key)
        case .vector(let vector):
            guard let index = position(key) else { return false }
            return index >= 0 && index < vector.count
        case .shortText, .longText:
            guard let index = try index(key) else {
                throw .illegalArgument("contains? on a string takes an index, but found \(key.briefly)")
            }
            let count = try Sequences.count(collection)
            return index >= 0 && index < count
        case .object(let object) where object.isLookup && object.kind != .taggedLiteral:
            if object.kind == .array, try index(key) == nil {
                throw .illegalArgument("contains? on an array takes an index, but found \(key.briefly)")
            }
            return try object.lookup(key) != nil
        default:
            throw .of(
                .illegalArgument,
                "contains? looks for keys in maps, sets, vectors and strings, but found \(collection.briefly)",
                hint: "to look for an element of a sequence, use (some #{x} coll)")
        }
    }

    /// An index into a vector, where only integers count; nil for what is none.
    @inline(__always) public static func position(_ key: Value) -> Int? {
        if case .int(let index) = key { return Int(index) }
        return bigPosition(key)
    }

    private static func bigPosition(_ key: Value) -> Int? {
        guard case .object(let object) = key, let big = object as? BigInteger else { return nil }
        return big.value.int64.map { Int($0) }
    }

    /// An index into a string or an array, where any number will do: its integer part counts. Nil for what is no number.
    public static func index(_ key: Value) throws(Fault) -> Int? {
        if case .int(let index) = key { return Int(index) }
        return Numbers.isNumber(key) ? Int(try Numbers.long(key)) : nil
    }

    /// `(nth collection index)`, or nil when the index is out of bounds.
    public static func nth(_ collection: Value, _ index: Int) throws(Fault) -> Value? {
        guard index >= 0 else { return nil }
        switch collection {
        case .vector(let vector): return index < vector.count ? vector[index] : nil
        case .shortText, .longText: return scalar(of: collection, at: index)
        case .nil: return nil
        case .object(let object) where object.isIndexed: return try object.element(at: index)
        case _ where isUnsequential(collection): throw unsequential(collection)
        default:
            var rest = try Sequences.seq(collection)
            var left = index
            while !rest.isNil {
                if case .seq(let view) = rest, let count = view.knownCount {
                    guard left < count else { return nil }
                    switch view.source {
                    case .vector(let vector, let start): return vector[start + left]
                    case .range(let start, let step, _): return .int(start &+ Int64(left) &* step)
                    default: break
                    }
                }
                if left == 0 { return try Sequences.first(rest) }
                left -= 1
                rest = try Sequences.next(rest)
            }
            return nil
        }
    }

    /// The code point of a text at an index that is not negative; nil when it is beyond the end.
    private static func scalar(of text: Value, at index: Int) -> Value? {
        switch text {
        case .shortText(let short): short.scalar(at: index).map { .char($0) }
        case .longText(let text): index < text.count ? .char(text.scalar(at: index)) : nil
        default: nil
        }
    }

    private static func isUnsequential(_ collection: Value) -> Bool {
        switch collection {
        case .map, .set: true
        case .object(let object): [.sortedMap, .sortedSet, .record].contains(object.kind)
        default: false
        }
    }

    private static func unsequential(_ collection: Value) -> Fault {
        .type("nth", expected: "a sequential collection", found: collection, as: .unsupported)
    }

    /// The fault for an index at which `nth` found nothing.
    public static func missing(_ index: Int, in collection: Value) throws(Fault) -> Fault {
        if isUnsequential(collection) { return unsequential(collection) }
        if case .object(let object) = collection, object.isIndexed {
            return .of(.indexOutOfBounds, "index \(index) is out of bounds of \(collection.briefly)")
        }
        return .indexOutOfBounds(index, count: try Sequences.count(collection))
    }

    // A collection is moved out of its variable before it changes: while a `switch` over the variable binds any payload, the
    // compiler keeps a second reference, and nothing would ever be changed in place. Hence the tests that bind nothing.

    @inline(__always) private static func takeVector(_ slot: inout Value) -> Vector {
        guard case .vector(let vector) = take(&slot) else { fatalError("not a vector") }
        return vector
    }

    @inline(__always) private static func takeMap(_ slot: inout Value) -> HashMap {
        guard case .map(let map) = take(&slot) else { fatalError("not a map") }
        return map
    }

    @inline(__always) private static func takeSet(_ slot: inout Value) -> HashSet {
        guard case .set(let set) = take(&slot) else { fatalError("not a set") }
        return set
    }

    @inline(__always) private static func take(_ slot: inout Value) -> Value {
        withUnsafeMutablePointer(to: &slot) {
            let value = $0.move()
            $0.initialize(to: .nil)
            return value
        }
    }

    /// `(conj collection element)`.
    public static func conj(_ collection: inout Value, _ element: Value) throws(Fault) {
        if case .vector = collection {
            var vector = takeVector(&collection)
            Vector.append(&vector, element)
            collection = .vector(vector)
        } else if case .map = collection {
            var map = takeMap(&collection)
            defer { collection = .map(map) }
            try conj(map: &map, element)
        } else if case .set = collection {
            var set = takeSet(&collection)
            defer { collection = .set(set) }
            try HashSet.insert(&set, element)
        } else {
            collection = try conjoined(collection, element)
        }
    }

    private static func conjoined(_ collection: Value, _ element: Value) throws(Fault) -> Value {
        switch collection {
        case .nil: return .list(Cons(element, .nil))
        case .list(let list):
            // A list keeps its metadata; what was put before a sequence has none.
            let extra = list.isList ? Extra.of(meta: list.meta, origin: nil) : nil
            return .list(Cons(element, .list(list), extra: extra, isList: list.isList))
        case .seq, .lazy: return .list(Cons(element, collection))
        case .object(let object):
            if let result = try object.conjoining(element) { return result }
        default: break
        }
        throw .type("conj", expected: "a collection", found: collection)
    }

    private static func conj(map: inout HashMap, _ element: Value) throws(Fault) {
        switch element {
        case .nil: return
        case .vector(let pair):
            guard pair.count == 2 else {
                throw .illegalArgument(
                    "conj on a map takes pairs of key and value, but found a vector of \(pair.count) elements")
            }
            try HashMap.set(&map, pair[0], pair[1])
        case .map(let other): try HashMap.merge(&map, other)
        default:
            var merged = map
            try forEachEntry(element, "conj on a map") { (key, value) throws(Fault) in
                try HashMap.set(&merged, key, value)
            }
            map = merged
        }
    }

    /// The entries of a map of any kind, or of a sequence that consists of entries.
    public static func forEachEntry(
        _ collection: Value, _ operation: String, _ body: (Value, Value) throws(Fault) -> Void
    ) throws(Fault) {
        try Sequences.forEach(collection) { (entry) throws(Fault) in
            guard case .vector(let pair) = entry, pair.isEntry else {
                throw .type(operation, expected: "entries of key and value", found: entry)
            }
            try body(pair[0], pair[1])
        }
    }

    /// `(assoc collection key value)`.
    public static func assoc(_ collection: inout Value, _ key: Value, _ value: Value) throws(Fault) {
        if case .map = collection {
            var map = takeMap(&collection)
            defer { collection = .map(map) }
            try HashMap.set(&map, key, value)
        } else if case .vector = collection {
            var vector = takeVector(&collection)
            defer { collection = .vector(vector) }
            try replace(&vector, key, value)
        } else {
            collection = try associated(collection, key, value)
        }
    }

    private static func replace(_ vector: inout Vector, _ key: Value, _ value: Value) throws(Fault) {
        guard let index = position(key) else { throw .type("assoc on a vector", expected: "an index", found: key) }
        guard index >= 0, index <= vector.count else { throw .indexOutOfBounds(index, count: vector.count) }
        if index == vector.count {
            Vector.append(&vector, value)
        } else {
            Vector.replace(&vector, at: index, with: value)
        }
    }

    private static func associated(_ collection: Value, _ key: Value, _ value: Value) throws(Fault) -> Value {
        switch collection {
        case .nil:
            var map = HashMap()
            try HashMap.set(&map, key, value)
            return .map(map)
        case .object(let object):
            if let result = try object.associating(key, value) { return result }
        default: break
        }
        throw .type("assoc", expected: "a map or a vector", found: collection)
    }

    /// `(dissoc collection key)`.
    public static func dissoc(_ collection: inout Value, _ key: Value) throws(Fault) {
        if case .map = collection {
            var map = takeMap(&collection)
            defer { collection = .map(map) }
            try HashMap.remove(&map, key)
        } else if case .object(let object) = collection {
            guard let result = try object.removing(key) else {
                throw .type("dissoc", expected: "a map", found: collection)
            }
            collection = result
        } else if !collection.isNil {
            throw .type("dissoc", expected: "a map", found: collection)
        }
    }
}
