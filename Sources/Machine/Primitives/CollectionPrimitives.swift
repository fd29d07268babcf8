import Values

/// Making, reading and changing vectors, maps, sets and lists.
enum CollectionPrimitives {
    static let core = PrimitiveFamily(
        "clojure.core",
        [
            Primitive("vector", .atLeast(0)) { (a, _) in .vector(Vector(a.buffer)) },
            Primitive("vec", 1, vec), Primitive("list", .atLeast(0)) { (a, _) in .list(Cons.list(a.buffer)) },
            Primitive("hash-map", .atLeast(0), hashMap), Primitive("array-map", .atLeast(0), hashMap),
            Primitive("hash-set", .atLeast(0), hashSet), Primitive("set", 1, set),
            Primitive("sorted-map", .atLeast(0), sortedMap),
            Primitive("sorted-map-by", .atLeast(1), sortedMapBy), Primitive("sorted-set", .atLeast(0), sortedSet),
            Primitive("sorted-set-by", .atLeast(1), sortedSetBy), Primitive("get", .between(2, 3), get),
            Primitive("nth", .between(2, 3), nth), Primitive("contains?", 2, contains), Primitive("find", 2, find),
            Primitive("count", 1) { (a, _) throws(Fault) in .int(Int64(try Sequences.count(a[0]))) },
            Primitive("conj", .atLeast(0), conj), Primitive("assoc", .atLeast(3), assoc),
            Primitive("dissoc", .atLeast(1), dissoc),
            Primitive("disj", .atLeast(1), disj), Primitive("peek", 1, peek), Primitive("pop", 1, pop),
            Primitive("subvec", .between(2, 3), subvec), Primitive("keys", 1, keys), Primitive("vals", 1, vals),
            Primitive("key", 1, key), Primitive("val", 1, val), Primitive("empty", 1, empty),
            Primitive("bounded-count", 2, boundedCount), Primitive("map-entry", 2, mapEntry),
            Primitive("rseq", 1, rseq),
            Primitive("subseq", .between(3, 5), subseq), Primitive("rsubseq", .between(3, 5), reverseSubseq),
        ])

    static let machine = PrimitiveFamily(
        "sluice.machine",
        [
            Primitive("entries", 1, entries), Primitive("get-in-order", 2, entryAt),
        ])
}

extension Arguments {
    var buffer: UnsafeBufferPointer<Value> { UnsafeBufferPointer(start: base, count: count) }
    func buffer(from start: Int) -> UnsafeBufferPointer<Value> {
        UnsafeBufferPointer(start: base + start, count: Swift.max(0, count - start))
    }
}

// Making.
extension CollectionPrimitives {
    static func vec(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        switch a[0] {
        case .vector(let vector): return vector.meta == nil && !vector.isEntry ? a[0] : .vector(vector.with(nil))
        case .map(let map): return .vector(map.entryVector())
        case .set(let set): return .vector(set.elementVector())
        case .object(let object as ArrayObject): return .vector(Vector(try object.elements()))
        default: return .vector(Vector(try Sequences.array(a[0])))
        }
    }

    private static func pairs(_ a: Arguments, from start: Int, _ operation: String) throws(Fault) {
        guard (a.count - start) % 2 == 0 else {
            throw .of(
                .illegalArgument,
                "\(operation) takes keys and values in pairs, but \(a[a.count - 1].briefly) has no value")
        }
    }

    static func hashMap(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try pairs(a, from: 0, "hash-map")
        var map = HashMap()
        for index in stride(from: 0, to: a.count, by: 2) { try HashMap.set(&map, a[index], a[index + 1]) }
        return .map(map)
    }

    static func hashSet(_ a: Arguments, _: Fiber) throws(Fault) -> Value { .set(try HashSet.of(a.buffer)) }

    static func set(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        if case .set(let set) = a[0] { return .set(set.meta == nil ? set : set.with(nil)) }
        if case .object(let set as SortedSet) = a[0] { return set.withMetadata(nil) ?? a[0] }
        var set = HashSet()
        try Sequences.forEach(a[0]) { (element) throws(Fault) in try HashSet.insert(&set, element) }
        return .set(set)
    }

    static func sortedMap(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try fill(SortedMap(), a, from: 0) }
    static func sortedMapBy(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        try fill(SortedMap(compare: Comparator.order(a[0], fiber)), a, from: 1)
    }
    private static func fill(_ empty: SortedMap, _ a: Arguments, from start: Int) throws(Fault) -> Value {
        try pairs(a, from: start, "sorted-map")
        var map = empty
        for index in stride(from: start, to: a.count, by: 2) { map = try map.setting(a[index], a[index + 1]) }
        return .object(map)
    }
    static func sortedSet(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try fill(SortedSet(), a, from: 0) }
    static func sortedSetBy(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        try fill(SortedSet(compare: Comparator.order(a[0], fiber)), a, from: 1)
    }
    private static func fill(_ empty: SortedSet, _ a: Arguments, from start: Int) throws(Fault) -> Value {
        var set = empty
        for index in start..<max(start, a.count) { set = try set.inserting(a[index]) }
        return .object(set)
    }

    static func mapEntry(_ a: Arguments, _: Fiber) throws(Fault) -> Value { .vector(.entry(a[0], a[1])) }
}

// Reading.
extension CollectionPrimitives {
    static func get(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try Collections.get(a[0], a[1]) ?? a.optional(2)
    }

    static func nth(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        let index = try a.count(1, "nth")
        if let found = try Collections.nth(a[0], index) { return found }
        if a.count == 3 { return a[2] }
        if a[0].isNil { return .nil }
        throw try Collections.missing(index, in: a[0])
    }

    static func contains(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        .bool(try Collections.contains(a[0], a[1]))
    }

    static func find(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        switch a[0] {
        case .nil: return .nil
        case .map(let map):
            guard let entry = try map.entry(a[1]) else { return .nil }
            return .vector(.entry(entry.key, entry.value))
        case .vector(let vector):
            guard case .int(let index) = a[1], index >= 0, index < vector.count else { return .nil }
            return .vector(.entry(a[1], vector[Int(index)]))
        case .object(let sorted as SortedMap):
            guard let entry = try sorted.entry(a[1]) else { return .nil }
            return .vector(.entry(entry.key, entry.value))
        case .object(let object) where object.isLookup && object.kind != .sortedSet:
            guard let value = try object.lookup(a[1]) else { return .nil }
            return .vector(.entry(a[1], value))
        default: throw .type("find", expected: "a map or a vector", found: a[0])
        }
    }

    static func peek(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        switch a[0] {
        case .nil: return .nil
        case .vector(let vector): return vector.isEmpty ? .nil : vector[vector.count - 1]
        case .list(let list) where list.isList: return list.first
        case .object(let queue as Queue): return queue.peek
        default: throw .type("peek", expected: "a vector or a list", found: a[0])
        }
    }

    static func keys(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try half(a[0], 0, "keys") }
    static func vals(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try half(a[0], 1, "vals") }

    private static func half(_ value: Value, _ side: Int, _ operation: String) throws(Fault) -> Value {
        var found: [Value] = []
        switch value {
        case .map(let map):
            found.reserveCapacity(map.count)
            map.forEach { (key, value) in
                found.append(side == 0 ? key : value)
                return true
            }
        case .vector(let vector) where !vector.elements.allSatisfy({ $0.isEntry }):
            // Its elements are not even entries: what is wrong is that it is no map.
            throw .type(operation, expected: "a map", found: value)
        default:
            try Collections.forEachEntry(value, operation) { (key, value) throws(Fault) in
                found.append(side == 0 ? key : value)
            }
        }
        return found.isEmpty ? .nil : .seq(SeqView(.vector(Vector(found), index: 0)))
    }

    static func key(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try entry(a[0], 0, "key") }
    static func val(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try entry(a[0], 1, "val") }
    private static func entry(_ value: Value, _ side: Int, _ operation: String) throws(Fault) -> Value {
        guard case .vector(let entry) = value, entry.isEntry else {
            throw .type(
                operation, expected: "a map entry", found: value,
                hint: "of a pair that is a vector, first and second give the parts")
        }
        return entry[side]
    }

    /// Keys and values of a map by turns, in one vector: what `reduce-kv` walks.
    static func entries(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        var flat: [Value] = []
        switch a[0] {
        case .nil: break
        case .map(let map):
            flat.reserveCapacity(map.count * 2)
            map.forEach { (key, value) in
                flat.append(key)
                flat.append(value)
                return true
            }
        case .vector(let vector):
            for index in 0..<vector.count {
                flat.append(.int(Int64(index)))
                flat.append(vector[index])
            }
        default:
            try Collections.forEachEntry(a[0], "reduce-kv") { (key, value) throws(Fault) in
                flat.append(key)
                flat.append(value)
            }
        }
        return .vector(Vector(flat))
    }

    static func entryAt(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try Collections.nth(try Sequences.seq(a[0]), try a.count(1, "nth")) ?? .nil
    }

    static func empty(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        switch a[0] {
        // An entry has a key and a value: it cannot be empty.
        case .vector(let vector) where vector.isEntry: return .nil
        case .vector(let vector): return .vector(Vector.empty.with(Extra.of(meta: vector.meta, origin: nil)))
        case .map(let map): return .map(HashMap(extra: Extra.of(meta: map.meta, origin: nil)))
        case .set(let set): return .set(HashSet(extra: Extra.of(meta: set.meta, origin: nil)))
        case .list(let list): return .list(Cons.empty.with(Extra.of(meta: list.meta, origin: nil)))
        case .lazy, .seq: return .list(Cons.empty)
        case .object(let record as RecordObject) where record.kind == .record:
            throw .unsupported("there is no empty \(record.type.name): a record has its fields")
        case .object(let object): return object.emptied ?? .nil
        default: return .nil
        }
    }

    static func boundedCount(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        var rest = a[1]
        switch rest {
        case .vector, .map, .set: return .int(Int64(try Sequences.count(rest)))
        case .list(let list) where list.count >= 0: return .int(Int64(list.count))
        // What can be counted is, beyond the limit too.
        case .seq(let view): if let known = view.knownCount { return .int(Int64(known)) }
        case .object(let object): if let known = object.elementCount { return .int(Int64(known)) }
        default: break
        }
        let limit = try a.count(0, "bounded-count")
        var total = 0
        rest = try Sequences.seq(rest)
        while !rest.isNil, total < limit {
            total += 1
            rest = try Sequences.next(rest)
        }
        return .int(Int64(total))
    }

    static func rseq(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        let elements: [Value]
        switch a[0] {
        case .vector(let vector): elements = vector.elements.reversed()
        case .object(let map as SortedMap): elements = map.entryVector(ascending: false).elements
        case .object(let set as SortedSet): elements = set.elementVector(ascending: false).elements
        default: throw .type("rseq", expected: "a vector or a sorted collection", found: a[0])
        }
        return elements.isEmpty ? .nil : .seq(SeqView(.vector(Vector(elements), index: 0)))
    }

    static func subseq(_ a: Arguments, _: Fiber) throws(Fault) -> Value { try sorted(a, "subseq", reversed: false) }
    static func reverseSubseq(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try sorted(a, "rsubseq", reversed: true)
    }

    /// `(subseq coll test key)` and `(subseq coll test key test key)`; the tests are `<`, `<=`, `>` and `>=` themselves.
    private static func sorted(_ a: Arguments, _ operation: String, reversed: Bool) throws(Fault) -> Value {
        guard a.count != 4 else { throw .of(.arity, "\(operation) takes 3 or 5 arguments, but was called with 4") }
        let elements: Vector
        let order: Comparator.Order
        let isMap: Bool
        switch a[0] {
        case .object(let map as SortedMap):
            (elements, order, isMap) = (map.entryVector(ascending: !reversed), map.compare, true)
        case .object(let set as SortedSet):
            (elements, order, isMap) = (set.elementVector(ascending: !reversed), set.compare, false)
        default: throw .type(operation, expected: "a sorted collection", found: a[0])
        }
        func comparison(_ element: Value, _ test: Int) throws(Fault) -> Int {
            try order(isMap ? try Collections.nth(element, 0) ?? .nil : element, a[test + 1])
        }
        // Each test stands before its key. The walk may start at a bound, and end at another.
        let (start, end): (Int?, Int?)
        if a.count == 5 {
            (start, end) = reversed ? (3, 1) : (1, 3)
        } else {
            (start, end) = starts(a[1], reversed) ? (1, nil) : (nil, 1)
        }
        var rest = elements.elements[...]
        if let start {
            // As in Clojure, nothing from the bound on is nil, but nothing up to the end is an empty sequence.
            while let first = rest.first, case let order = try comparison(first, start),
                reversed ? order > 0 : order < 0
            {
                rest.removeFirst()
            }
            guard let first = rest.first else { return .nil }
            if try !satisfies(a[start], try comparison(first, start), operation) { rest.removeFirst() }
            if end == nil, rest.isEmpty { return .nil }
        }
        if let end {
            var count = 0
            for element in rest {
                guard try satisfies(a[end], try comparison(element, end), operation) else { break }
                count += 1
            }
            rest = rest.prefix(count)
        }
        return rest.isEmpty ? .list(Cons.empty) : .seq(SeqView(.vector(Vector(Array(rest)), index: 0)))
    }

    /// Whether a test bounds where the walk starts.
    private static func starts(_ test: Value, _ reversed: Bool) -> Bool {
        guard case .native(let test) = test else { return false }
        return reversed ? ["<", "<="].contains(test.name) : [">", ">="].contains(test.name)
    }

    private static func satisfies(_ test: Value, _ order: Int, _ operation: String) throws(Fault) -> Bool {
        if case .native(let test) = test {
            switch test.name {
            case "<": return order < 0
            case "<=": return order <= 0
            case ">": return order > 0
            case ">=": return order >= 0
            default: break
            }
        }
        throw .type(operation, expected: "one of < <= > >=", found: test)
    }
}

// Changing. With one change, a collection given at its last use changes in place; an operation that has to run again finds
// it back in its register. With several, the first change copies.
extension CollectionPrimitives {
    static func conj(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        switch a.count {
        case 0: return .vector(Vector.empty)
        case 1: return a.take(0)
        case 2:
            var collection = a.take(0)
            do throws(Fault) { try Collections.conj(&collection, a[1]) } catch {
                a.restore(0, collection)
                throw error
            }
            return collection
        default:
            var collection = a[0]
            for index in 1..<a.count { try Collections.conj(&collection, a[index]) }
            return collection
        }
    }

    static func assoc(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        try pairs(a, from: 1, "assoc")
        guard a.count > 3 else {
            var collection = a.take(0)
            do throws(Fault) { try Collections.assoc(&collection, a[1], a[2]) } catch {
                a.restore(0, collection)
                throw error
            }
            return collection
        }
        var collection = a[0]
        for index in stride(from: 1, to: a.count, by: 2) { try Collections.assoc(&collection, a[index], a[index + 1]) }
        return collection
    }

    static func dissoc(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        if a.count == 1 { return a.take(0) }
        guard a.count > 2 else {
            var collection = a.take(0)
            do throws(Fault) { try Collections.dissoc(&collection, a[1]) } catch {
                a.restore(0, collection)
                throw error
            }
            return collection
        }
        var collection = a[0]
        for index in 1..<a.count { try Collections.dissoc(&collection, a[index]) }
        return collection
    }

    static func disj(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        if a.count == 1 { return a.take(0) }
        if !a[0].isTruthy { return .nil }
        if case .object(let object as SortedSet) = a[0] {
            var changed = object
            for index in 1..<a.count { changed = try changed.without(a[index]) }
            return .object(changed)
        }
        guard case .set = a[0] else { throw .type("disj", expected: "a set", found: a[0]) }
        if a.count == 2 {
            var set = a.takeSet(0)
            do throws(Fault) { try HashSet.remove(&set, a[1]) } catch {
                a.restore(0, .set(set))
                throw error
            }
            return .set(set)
        }
        guard case .set(var set) = a[0] else { return .nil }
        for index in 1..<a.count { try HashSet.remove(&set, a[index]) }
        return .set(set)
    }

    static func pop(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        switch a[0] {
        case .nil: return .nil
        case .vector:
            guard try Sequences.count(a[0]) > 0 else { throw .illegalState("cannot pop an empty vector") }
            var vector = a.takeVector(0)
            Vector.removeLast(&vector)
            return .vector(vector)
        case .list(let list) where list.isList:
            guard !list.isEmpty else { throw .illegalState("cannot pop an empty list") }
            return list.rest.isNil ? .list(Cons.empty) : list.rest
        case .object(let queue as Queue): return .object(queue.popped)
        default: throw .type("pop", expected: "a vector or a list", found: a[0])
        }
    }

    static func subvec(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        guard case .vector(let vector) = a[0] else { throw .type("subvec", expected: "a vector", found: a[0]) }
        let start = try a.count(1, "subvec")
        let end = a.count == 3 ? try a.count(2, "subvec") : vector.count
        guard start >= 0, end <= vector.count, start <= end else {
            throw .of(
                .indexOutOfBounds, "subvec from \(start) to \(end) is not within a vector of \(vector.count) elements")
        }
        return .vector(vector.slice(start, end))
    }
}

extension Value {
    /// Whether it is an entry of a map.
    fileprivate var isEntry: Bool { if case .vector(let vector) = self { vector.isEntry } else { false } }
}
