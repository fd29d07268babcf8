import Values

/// A collection that is changed in place until `persistent!` gives it back.
public final class Transient: Object, @unchecked Sendable {
    // Sendable: guarded by `lock`, though only one fiber should use it.
    private let lock = Lock()
    private var collection: Value
    private var isFinished = false

    init(_ collection: Value) { self.collection = collection }

    public override var kind: ObjectKind { .transient }

    func change(_ operation: String, _ body: (inout Value) throws(Fault) -> Void) throws(Fault) {
        lock.acquire()
        defer { lock.release() }
        try check(operation)
        try body(&collection)
    }

    func finish() throws(Fault) -> Value {
        lock.acquire()
        defer { lock.release() }
        try check("persistent!")
        isFinished = true
        defer { collection = .nil }
        return collection
    }

    private func check(_ operation: String) throws(Fault) {
        if isFinished { throw .illegalState("\(operation) on a transient after persistent!") }
    }

    private var current: Value { lock.withLock { collection } }

    public override var isLookup: Bool { true }
    public override func lookup(_ key: Value) throws(Fault) -> Value? { try Collections.get(current, key) }
    public override var elementCount: Int? {
        switch current {
        case .vector(let vector): vector.count
        case .map(let map): map.count
        case .set(let set): set.count
        default: 0
        }
    }
}
