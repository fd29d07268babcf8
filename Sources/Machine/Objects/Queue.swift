import Values

/// `clojure.lang.PersistentQueue`: conj at the end, peek and pop at the front.
final class Queue: Object, @unchecked Sendable {
    // Sendable: immutable.
    /// Elements from `start` on are in the queue; the vector is cut when most of it is gone.
    private let elements: Vector
    private let start: Int

    static let empty = Queue(Vector.empty, 0)

    private init(_ elements: Vector, _ start: Int) {
        self.elements = elements
        self.start = start
    }

    override var kind: ObjectKind { .queue }
    var peek: Value { start < elements.count ? elements[start] : .nil }

    var popped: Queue {
        guard start + 1 < elements.count else { return Queue.empty }
        let next = start + 1
        return next > 32 && next > elements.count / 2
            ? Queue(elements.slice(next, elements.count), 0) : Queue(elements, next)
    }

    override var elementCount: Int? { elements.count - start }
    override var emptied: Value? { .object(Queue.empty) }
    override func conjoining(_ element: Value) throws(Fault) -> Value? {
        var more = elements
        Vector.append(&more, element)
        return .object(Queue(more, start))
    }
    override func seq() throws(Fault) -> Value? {
        start < elements.count ? .seq(SeqView(.vector(elements, index: start))) : .nil
    }
    override func equals(_ other: Value) throws(Fault) -> Bool {
        if case .object(let object) = other, let queue = object as? Queue {
            return try Value.vector(elements.slice(start, elements.count)).equals(
                .vector(queue.elements.slice(queue.start, queue.elements.count)))
        }
        return try Value.vector(elements.slice(start, elements.count)).equals(other)
    }
    override func hashCode() throws(Fault) -> UInt32 {
        try Value.vector(elements.slice(start, elements.count)).hashCode()
    }
    override func write(to printer: inout Printer) throws(Fault) {
        try printer.write(elements: SeqCursor(try seq() ?? .nil), open: "(", close: ")")
    }
}
