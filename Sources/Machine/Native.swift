import Values

/// The arguments of a primitive: a window on the caller's registers.
///
/// Reading an element copies it; `take` moves it out, so that a collection passed at its last use is unique and changes in
/// place. The machine releases what is left.
public struct Arguments {
    @usableFromInline let base: UnsafeMutablePointer<Value>
    public let count: Int

    @inlinable @inline(__always) public init(_ base: UnsafeMutablePointer<Value>, _ count: Int) {
        self.base = base
        self.count = count
    }

    /// Argument `index`, which must be below `count`.
    @inlinable @inline(__always) public subscript(index: Int) -> Value { base[index] }

    /// Where argument `index`, which must be below `count`, stands: to look at it without retaining it.
    @inlinable @inline(__always) public func place(_ index: Int) -> UnsafePointer<Value> {
        UnsafePointer(base + index)
    }

    /// The same, to move it out and leave nil.
    @inlinable @inline(__always) public func slot(_ index: Int) -> UnsafeMutablePointer<Value> { base + index }

    /// Argument `index`, or nil when it was not given.
    public func optional(_ index: Int) -> Value { index < count ? base[index] : .nil }

    /// Moves argument `index` out and leaves nil.
    @inlinable @inline(__always) public func take(_ index: Int) -> Value {
        let value = (base + index).move()
        (base + index).initialize(to: .nil)
        return value
    }

    public var all: [Value] { (0..<count).map { base[$0] } }
}

/// What a controlling primitive asks the machine to do.
public enum Control {
    case value(Value)
    /// The result is in the fiber's destination register already.
    case delivered
    /// The fiber waits: somebody holds it and will resume it once, with a value or a fault. It may be running elsewhere
    /// already, so the machine touches it no more.
    case parked
    /// The result is that of this call.
    case call(Value, [Value])
    /// The result is that of applying the function to these values and then the elements of the sequence.
    case apply(Value, [Value], Value)
}

/// A primitive: a function written in Swift.
public final class Native: Callable, @unchecked Sendable {
    // Sendable: immutable; the body synchronises what it shares.
    public typealias Body = @Sendable (Arguments, Fiber) throws(Fault) -> Value
    /// What the body does for the elements of a vector as its arguments, without placing them.
    public typealias SpreadBody = @Sendable (Vector) throws(Fault) -> Value
    public typealias ControlBody = @Sendable (Arguments, Fiber) throws(Fault) -> Control

    enum Kind: Sendable {
        case plain(Body)
        case control(ControlBody)
    }

    /// What a call needs, behind a pointer that the interpreter copies without counting a reference.
    struct Entry {
        let minimum: Int
        /// -1 when there is no maximum.
        let maximum: Int
        let kind: Kind

        @inline(__always) func accepts(_ count: Int) -> Bool { count >= minimum && (maximum < 0 || count <= maximum) }
    }

    private let fullName: String
    let entry: UnsafePointer<Entry>
    /// Blocks its thread: refused by the checker in `:go` workers.
    public let blocks: Bool
    let spread: SpreadBody?
    /// What is called instead where nobody reads the result.
    package let unread: Native?

    public var minimum: Int { entry.pointee.minimum }
    /// -1 when there is no maximum.
    public var maximum: Int { entry.pointee.maximum }
    var kind: Kind { entry.pointee.kind }

    /// `arity` is `minimum...maximum`, or `minimum...` for any number more.
    ///
    /// - Parameter unread: does the same and gives nil, where the compiler sees that nobody reads the result.
    public convenience init(
        _ name: String, _ arity: Arity, blocks: Bool = false, spread: SpreadBody? = nil, unread: Body? = nil,
        _ body: @escaping Body
    ) {
        let other = unread.map { Native(name, arity, blocks: blocks, $0) }
        self.init(name, arity, .plain(body), blocks: blocks, spread: spread, unread: other)
    }

    /// A primitive that may park the fiber or go on with a call.
    public convenience init(
        _ name: String, _ arity: Arity, blocks: Bool = false, control body: @escaping ControlBody
    ) {
        self.init(name, arity, .control(body), blocks: blocks, spread: nil, unread: nil)
    }

    private init(_ name: String, _ arity: Arity, _ kind: Kind, blocks: Bool, spread: SpreadBody?, unread: Native?) {
        fullName = name
        self.unread = unread
        let made = UnsafeMutablePointer<Entry>.allocate(capacity: 1)
        made.initialize(to: Entry(minimum: arity.minimum, maximum: arity.maximum, kind: kind))
        entry = UnsafePointer(made)
        self.blocks = blocks
        self.spread = spread
    }

    deinit {
        let made = UnsafeMutablePointer(mutating: entry)
        made.deinitialize(count: 1)
        made.deallocate()
    }

    public override var name: String { fullName }

    func accepts(_ count: Int) -> Bool { entry.pointee.accepts(count) }

    /// How many arguments a primitive takes.
    public struct Arity: Sendable, ExpressibleByIntegerLiteral {
        let minimum: Int
        let maximum: Int
        public init(integerLiteral value: Int) { (minimum, maximum) = (value, value) }
        public static func exactly(_ count: Int) -> Arity { Arity(count, count) }
        public static func between(_ low: Int, _ high: Int) -> Arity { Arity(low, high) }
        public static func atLeast(_ low: Int) -> Arity { Arity(low, -1) }
        private init(_ minimum: Int, _ maximum: Int) { (self.minimum, self.maximum) = (minimum, maximum) }
    }
}
