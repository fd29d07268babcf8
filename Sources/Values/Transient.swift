import Synchronization

/// `(transient coll)`: a vector, map or set that changes in place until `persistent!`.
///
/// Collections that are uniquely referenced change in place anyway; a transient is the sole holder of its collection, so it
/// does so although the transient itself may be shared. Two fibers that use one at the same moment get an error.
public final class Transient: Object, @unchecked Sendable {
    // Sendable: `busy` admits one user at a time to `held`.
    private enum Held {
        case vector(Vector)
        case map(HashMap)
        case set(HashSet)
        case finished
    }

    /// Which kind of collection it becomes.
    public enum Shape: Sendable {
        case vector, map, set
    }

    public let shape: Shape
    private let busy = Atomic<Bool>(false)
    private var held: Held

    /// Starts from a vector, a map or a set, which stays as it is; any other value is a fault.
    public init(_ collection: Value) throws(Fault) {
        switch collection {
        case .vector(let vector): (shape, held) = (.vector, .vector(vector.with(nil)))
        case .map(let map): (shape, held) = (.map, .map(map.with(nil)))
        case .set(let set): (shape, held) = (.set, .set(set.with(nil)))
        default: throw .type("transient", expected: "a vector, a hash map or a hash set", found: collection)
        }
    }

    public override var kind: ObjectKind { .transient }
    public override var isLookup: Bool { true }
    public override var isIndexed: Bool { true }

    /// Admits one user at a time; after `persistent!` nobody.
    private func alone<Result>(_ operation: String, _ body: () throws(Fault) -> Result) throws(Fault) -> Result {
        guard !busy.exchange(true, ordering: .acquiring) else {
            throw .illegalState(
                "\(operation) on a transient that another fiber is changing: a transient belongs to one fiber")
        }
        defer { busy.store(false, ordering: .releasing) }
        if case .finished = held { throw .illegalState("\(operation) on a transient after persistent!") }
        return try body()
    }

    /// Takes the collection out, so that it is uniquely referenced while `body` changes it, and puts it back even if that
    /// throws.
    private func change(_ operation: String, _ body: (inout Held) throws(Fault) -> Void) throws(Fault) {
        try alone(operation) { () throws(Fault) in
            var taken = Held.finished
            swap(&taken, &held)
            defer { held = taken }
            try body(&taken)
        }
    }

    /// `persistent!`: the collection; the transient refuses further use.
    public func persistent() throws(Fault) -> Value {
        try alone("persistent!") { () throws(Fault) in
            defer { held = .finished }
            switch held {
            case .vector(let vector): return .vector(vector)
            case .map(let map): return .map(map)
            case .set(let set): return .set(set)
            case .finished: return .nil
            }
        }
    }

    /// `conj!`.
    public func conj(_ element: Value) throws(Fault) {
        try change("conj!") { (held) throws(Fault) in
            switch held {
            case .vector(var vector):
                held = .finished
                Vector.append(&vector, element)
                held = .vector(vector)
            case .set(var set):
                held = .finished
                defer { held = .set(set) }
                try HashSet.insert(&set, element)
            case .map(var map):
                held = .finished
                defer { held = .map(map) }
                try Transient.conj(&map, element)
            case .finished: return
            }
        }
    }

    private static func conj(_ map: inout HashMap, _ element: Value) throws(Fault) {
        switch element {
        case .nil: return
        case .vector(let pair) where pair.count == 2: try HashMap.set(&map, pair[0], pair[1])
        case .map(let other): try HashMap.merge(&map, other)
        case .vector:
            throw .illegalArgument("conj! on a map takes pairs of key and value, but found \(element.briefly)")
        default:
            var merged = map
            try Collections.forEachEntry(element, "conj! on a transient map") { (key, value) throws(Fault) in
                try HashMap.set(&merged, key, value)
            }
            map = merged
        }
    }

    /// `assoc!`: an index up to the count for a vector, any key for a map.
    public func assoc(_ key: Value, _ value: Value) throws(Fault) {
        try change("assoc!") { (held) throws(Fault) in
            switch held {
            case .vector(var vector):
                guard case .int(let index) = key else {
                    throw .type("assoc! on a vector", expected: "an index", found: key)
                }
                guard index >= 0, index <= vector.count else {
                    throw .indexOutOfBounds(Int(index), count: vector.count)
                }
                held = .finished
                if index == vector.count {
                    Vector.append(&vector, value)
                } else {
                    Vector.replace(&vector, at: Int(index), with: value)
                }
                held = .vector(vector)
            case .map(var map):
                held = .finished
                defer { held = .map(map) }
                try HashMap.set(&map, key, value)
            case .set, .finished: throw .type("assoc!", expected: "a transient map or vector", found: .object(self))
            }
        }
    }

    /// `dissoc!`, of a map.
    public func removeKey(_ key: Value) throws(Fault) {
        try change("dissoc!") { (held) throws(Fault) in
            guard case .map(var map) = held else {
                throw .type("dissoc!", expected: "a transient map", found: .object(self))
            }
            held = .finished
            defer { held = .map(map) }
            try HashMap.remove(&map, key)
        }
    }

    /// `disj!`, of a set.
    public func removeElement(_ element: Value) throws(Fault) {
        try change("disj!") { (held) throws(Fault) in
            guard case .set(var set) = held else {
                throw .type("disj!", expected: "a transient set", found: .object(self))
            }
            held = .finished
            defer { held = .set(set) }
            try HashSet.remove(&set, element)
        }
    }

    /// `pop!`: removes a vector's last element.
    public func pop() throws(Fault) {
        try change("pop!") { (held) throws(Fault) in
            guard case .vector(var vector) = held else {
                throw .type("pop!", expected: "a transient vector", found: .object(self))
            }
            guard !vector.isEmpty else { throw .illegalState("pop! on an empty transient vector") }
            held = .finished
            Vector.removeLast(&vector)
            held = .vector(vector)
        }
    }

    /// Nil after `persistent!`, and while another fiber changes it.
    public override var elementCount: Int? { try? count() }

    /// `(count transient)`.
    public func count() throws(Fault) -> Int {
        try alone("count") { () throws(Fault) in
            switch held {
            case .vector(let vector): vector.count
            case .map(let map): map.count
            case .set(let set): set.count
            case .finished: 0
            }
        }
    }

    public override func element(at index: Int) throws(Fault) -> Value? {
        try alone("nth") { () throws(Fault) in
            guard case .vector(let vector) = held else {
                throw .type("nth", expected: "a transient vector", found: .object(self))
            }
            return index < vector.count ? vector[index] : nil
        }
    }

    public override func lookup(_ key: Value) throws(Fault) -> Value? {
        try alone("get") { () throws(Fault) in
            switch held {
            case .vector(let vector): try Collections.get(.vector(vector), key)
            case .map(let map): try map.find(key)
            case .set(let set): try set.find(key)
            case .finished: nil
            }
        }
    }
}
