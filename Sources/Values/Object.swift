/// The base of every rare kind of value (`.object`): numbers beyond 64 bits, atoms, vars, channels, regexes, records…
///
/// A subclass may live in a higher target; it overrides what it supports. Data that can nest hands its fields to `Release`.
open class Object: @unchecked Sendable {
    // Sendable: immutable, or locked inside; each subclass says which.
    public init() {}

    /// What `(type x)` and error messages call it, for instance `a channel`.
    open var kind: ObjectKind { .opaque }

    /// Whether this equals `other` under `=`; by identity unless overridden.
    open func equals(_ other: Value) throws(Fault) -> Bool {
        if case .object(let object) = other { object === self } else { false }
    }

    /// Consistent with `equals`.
    open func hashCode() throws(Fault) -> UInt32 {
        UInt32(truncatingIfNeeded: UInt(bitPattern: ObjectIdentifier(self)) >> 4)
    }

    /// Writes the printed form.
    open func write(to printer: inout Printer) throws(Fault) {
        printer.write("#<\(kind.rawValue)>")
    }

    /// Writes what `str` gives; as printed unless overridden.
    open func writeText(to printer: inout Printer) throws(Fault) { try write(to: &printer) }

    /// The metadata, for kinds that carry some.
    open var metadata: HashMap? { nil }

    /// A copy with other metadata; nil when the kind carries none.
    open func withMetadata(_ metadata: HashMap?) -> Value? { nil }

    /// How this orders against `other` under `compare`: negative, zero or positive; nil when it cannot be compared.
    open func order(before other: Value) throws(Fault) -> Int? { nil }

    // What collections support; nil stands for "this kind does not".

    /// `(seq x)`: `.nil` when empty.
    open func seq() throws(Fault) -> Value? { nil }
    /// `(count x)`.
    open var elementCount: Int? { nil }
    /// Whether `get` makes sense, so that a missing key is nil rather than unsupported.
    open var isLookup: Bool { false }
    /// Whether a call looks a key up.
    open var isCallable: Bool { isLookup }
    /// The value of `key`, or nil when absent.
    open func lookup(_ key: Value) throws(Fault) -> Value? { nil }
    /// Whether `nth` finds elements although the kind is no sequence.
    open var isIndexed: Bool { false }
    /// The element at a position of at least 0, or nil when there is none.
    open func element(at index: Int) throws(Fault) -> Value? { nil }
    /// `(assoc x key value)`.
    open func associating(_ key: Value, _ value: Value) throws(Fault) -> Value? { nil }
    /// `(dissoc x key)`.
    open func removing(_ key: Value) throws(Fault) -> Value? { nil }
    /// `(conj x element)`.
    open func conjoining(_ element: Value) throws(Fault) -> Value? { nil }
    /// The empty collection of this kind, with its metadata.
    open var emptied: Value? { nil }
    // What channels support: the instructions that hand values on ask with one call, and count no reference.

    /// Takes what lies ready into `slot`, which holds nothing that is to be released.
    open func takeNow(_ slot: UnsafeMutablePointer<Value>) -> Handing { .notAChannel }
    /// Puts the value in `slot`, which is copied or moved out, where there is room and nobody is to be told.
    open func putNow(_ slot: UnsafeMutablePointer<Value>, moving: Bool) -> Handing { .notAChannel }

    /// What is called instead when this is called with these arguments.
    open func callee(_ arguments: UnsafeBufferPointer<Value>) throws(Fault) -> Value? { nil }
}

/// How far an attempt to hand a value on came.
public enum Handing {
    case done
    /// There is more to it: nothing has changed, and the channel is locked for whoever asks on.
    case notNow
    case notAChannel
}

/// The kinds of `.object`, for switching and for messages; the raw value is the noun used in error messages.
public enum ObjectKind: String, Sendable {
    case opaque = "object"
    case symbol
    case bigInteger = "integer"
    case ratio
    case decimal
    case float
    case sortedMap = "sorted map"
    case sortedSet = "sorted set"
    case atom
    case `var` = "var"
    case volatile
    case delay
    case promise
    case future
    case regex
    case exception
    case reduced
    case namespace
    case channel
    case multimethod
    case `protocol` = "protocol"
    case record
    case type
    case transient
    case array
    case instant
    case uuid
    case taggedLiteral = "tagged literal"
    case secret
    case matcher
    case agent
    case ref
    case readerConditional = "reader conditional"
    case fiber
    case queue
}

/// What can be called and is made in Swift; the machine's `Native` is its only subclass.
open class Callable: @unchecked Sendable {
    // Sendable: immutable.
    public init() {}
    open var name: String { "native" }
}

/// A symbol that carries metadata; equal to the plain symbol of its name.
public final class SymbolObject: Object, @unchecked Sendable {
    public let name: Name
    private let meta: HashMap

    public init(_ name: Name, meta: HashMap) {
        self.name = name
        self.meta = meta
    }

    public override var kind: ObjectKind { .symbol }
    public override var metadata: HashMap? { meta }
    public override func withMetadata(_ metadata: HashMap?) -> Value? {
        metadata.map { .object(SymbolObject(name, meta: $0)) } ?? .symbol(name)
    }
    public override func equals(_ other: Value) throws(Fault) -> Bool { other.symbolName == name }
    public override func hashCode() throws(Fault) -> UInt32 { Value.symbol(name).quickHash }
    public override func write(to printer: inout Printer) throws(Fault) { try printer.write(.symbol(name)) }
}

/// What a closure is, before the values that it closed over.
public struct ClosureHeader {
    @usableFromInline let entry: UnsafePointer<UInt64>
    @usableFromInline let arity: Int32
    @usableFromInline let registers: Int32
    @usableFromInline let captureCount: Int32
    @usableFromInline let owner: AnyObject
    /// The owner's table of what to run for how many arguments; nil when there is one arity.
    let entries: UnsafePointer<Closure.EntryPoint>?
    @usableFromInline let meta: HashMap?
}

/// A function made by a script: code, and the values it closed over, in one allocation. Immutable once its captures are
/// filled, which its maker does before anybody else sees it.
public final class Closure: ManagedBuffer<ClosureHeader, Value> {
    /// What to run for a number of arguments, and how many registers that needs.
    public struct EntryPoint {
        let entry: UnsafePointer<UInt64>?
        let registers: Int32

        /// `entry` is nil where no arity takes so many arguments; of a table's first element, which says in `registers` how
        /// many follow it, for 0, 1, 2 … arguments.
        public init(entry: UnsafePointer<UInt64>?, registers: Int32) {
            self.entry = entry
            self.registers = registers
        }
    }

    /// A closure whose `captureCount` captures are for the caller to initialise.
    public static func make(
        entry: UnsafePointer<UInt64>, arity: Int32, registers: Int32, entries: UnsafePointer<EntryPoint>? = nil,
        owner: AnyObject, captureCount: Int, meta: HashMap?
    ) -> Closure {
        let made = Closure.create(minimumCapacity: captureCount) { _ in
            ClosureHeader(
                entry: entry, arity: arity, registers: registers, captureCount: Int32(captureCount), owner: owner,
                entries: entries, meta: meta)
        }
        Meter.charge(footprint(captureCount))
        return unsafeDowncast(made, to: Closure.self)
    }

    deinit {
        withUnsafeMutablePointers { header, captures in
            let count = Int(header.pointee.captureCount)
            Meter.credit(Closure.footprint(count))
            Release.contents(of: captures, count: count)
        }
    }

    private static func footprint(_ captures: Int) -> Int { 80 + captures * MemoryLayout<Value>.stride }

    /// Reached by address because `header` would be checked for exclusivity at every access.
    @inlinable @inline(__always) var info: UnsafeMutablePointer<ClosureHeader> {
        withUnsafeMutablePointerToHeader { $0 }
    }

    /// First instruction of the only arity, when `arity` ≥ 0.
    @inlinable @inline(__always) public var entry: UnsafePointer<UInt64> { info.pointee.entry }
    /// Exact number of arguments of the fast path, or -1: several arities or a rest parameter, see `entryPoint`.
    @inlinable @inline(__always) public var arity: Int32 { info.pointee.arity }
    /// Registers the fast path needs.
    @inlinable @inline(__always) public var registers: Int32 { info.pointee.registers }
    /// The machine's prototype, which owns the code.
    @inlinable @inline(__always) public var owner: AnyObject { info.pointee.owner }
    @inlinable @inline(__always) public var captureCount: Int { Int(info.pointee.captureCount) }
    @inlinable @inline(__always) public var captures: UnsafeMutablePointer<Value> {
        withUnsafeMutablePointerToElements { $0 }
    }
    @inlinable @inline(__always) public var meta: HashMap? { info.pointee.meta }

    /// Where a call of a function of several arities goes; nil when the arguments are to be counted, or packed.
    @inline(never) public func entryPoint(_ arguments: Int) -> (entry: UnsafePointer<UInt64>, registers: Int32)? {
        guard let entries = info.pointee.entries, arguments < Int(entries.pointee.registers) else { return nil }
        let point = entries[arguments + 1]
        return point.entry.map { ($0, point.registers) }
    }
}
