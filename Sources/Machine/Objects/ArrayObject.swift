import Values

/// What an array holds: anything, or one primitive kind of the host.
enum ArrayElement: String, CaseIterable {
    case object, boolean, byte, char, short, int, long, float, double

    /// The class of an array of these.
    var className: String {
        switch self {
        case .object: "[Ljava.lang.Object;"
        case .boolean: "[Z"
        case .byte: "[B"
        case .char: "[C"
        case .short: "[S"
        case .int: "[I"
        case .long: "[J"
        case .float: "[F"
        case .double: "[D"
        }
    }

    /// What a new array is full of.
    var initial: Value {
        switch self {
        case .object: .nil
        case .boolean: .false
        case .char: .char(0)
        case .byte, .short, .int, .long: .int(0)
        case .float: .object(Single(0))
        case .double: .double(0)
        }
    }

    /// A value as an element of a new array, of whose integers the low bits count.
    func narrowed(_ value: Value, _ operation: String) throws(Fault) -> Value {
        guard Numbers.isNumber(value) else { return try element(value, operation) }
        switch self {
        case .byte: return .int(Int64(Int8(truncatingIfNeeded: try Numbers.long(value))))
        case .short: return .int(Int64(Int16(truncatingIfNeeded: try Numbers.long(value))))
        case .int: return .int(Int64(Int32(truncatingIfNeeded: try Numbers.long(value))))
        case .float: return try Numbers.uncheckedFloat(value)
        default: return try element(value, operation)
        }
    }

    /// A value as an element: a number in range becomes one of the kind, and what does not fit is refused.
    func element(_ value: Value, _ operation: String) throws(Fault) -> Value {
        switch self {
        case .long: if case .int = value { return value }
        case .double: if case .double = value { return value }
        default: break
        }
        switch self {
        case .object: return value
        case .boolean: if case .bool = value { return value }
        case .char: if case .char = value { return value }
        case .byte: if Numbers.isNumber(value) { return .int(try Numbers.byte(value)) }
        case .short: if Numbers.isNumber(value) { return .int(try Numbers.short(value)) }
        case .int: if Numbers.isNumber(value) { return .int(try Numbers.int(value)) }
        case .long: if Numbers.isNumber(value) { return .int(try Numbers.long(value)) }
        case .float: if Numbers.isNumber(value) { return try Numbers.float(value) }
        case .double: if Numbers.isNumber(value) { return .double(try Numbers.double(value)) }
        }
        throw .type(operation, expected: self == .boolean || self == .char ? "a \(rawValue)" : "a number", found: value)
    }
}

/// A Java-style array: fixed length, changed in place.
public final class ArrayObject: Object, @unchecked Sendable {
    // Sendable: each element is read and written under `lock`.
    let element: ArrayElement
    let count: Int
    private let lock = SpinLock()
    private let storage: UnsafeMutablePointer<Value>

    private static func footprint(_ count: Int) -> Int { 64 + count * MemoryLayout<Value>.stride }

    /// The elements of an array at most, as on the Java machine.
    static let countLimit = Int(Int32.max)

    /// The first elements, which must be of the kind, and then `rest`, up to `count`.
    ///
    /// Whoever has the count from a script asks the budget before (`Attention.reserve`).
    init(_ elements: [Value] = [], of element: ArrayElement = .object, rest: Value = .nil, count: Int? = nil) {
        let count = count ?? elements.count
        let storage = UnsafeMutablePointer<Value>.allocate(capacity: max(1, count))
        let given = min(elements.count, count)
        elements.withUnsafeBufferPointer { elements in
            if let first = elements.baseAddress { storage.initialize(from: first, count: given) }
        }
        (storage + given).initialize(repeating: rest, count: count - given)
        self.element = element
        self.count = count
        self.storage = storage
        Meter.charge(ArrayObject.footprint(count))
    }

    deinit {
        Meter.credit(ArrayObject.footprint(count))
        Release.buffer(storage, count: count)
    }

    public override var kind: ObjectKind { .array }

    /// The elements, read a few at a time: who writes meanwhile may be seen in some and not in others, as on the Java machine.
    func elements() throws(Fault) -> [Value] {
        try Attention.reserve(count)
        return Array(unsafeUninitializedCapacity: count) { copies, copied in
            while copied < count {
                let more = min(64, count - copied)
                lock.withLock { (copies.baseAddress! + copied).initialize(from: storage + copied, count: more) }
                copied += more
            }
        }
    }

    subscript(index: Int) -> Value {
        get { lock.withLock { storage[index] } }
        set {
            // What is replaced is released outside of the lock: it may be large.
            var new = newValue
            lock.withLock { swap(&storage[index], &new) }
        }
    }

    public override var elementCount: Int? { count }
    public override var isLookup: Bool { true }
    public override var isCallable: Bool { false }
    public override func lookup(_ key: Value) throws(Fault) -> Value? {
        guard let index = try Collections.index(key) else { return nil }
        return try element(at: index)
    }
    public override var isIndexed: Bool { true }
    public override func element(at index: Int) throws(Fault) -> Value? {
        index >= 0 && index < count ? self[index] : nil
    }
    public override func seq() throws(Fault) -> Value? {
        let elements = try elements()
        return elements.isEmpty ? .nil : .seq(SeqView(.vector(Vector(elements), index: 0)))
    }
    public override func write(to printer: inout Printer) throws(Fault) {
        printer.write("#array")
        try printer.write(.vector(Vector(try elements())))
    }
}
