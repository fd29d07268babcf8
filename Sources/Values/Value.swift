//! Values: the immutable data that every other target speaks of.
//!
//! Comes in: nothing. Goes out: `Value` and the classes its cases point to (text, collections, sequences, names, numbers),
//! with equality, hashing, ordering and printing. Data that is uniquely referenced is changed in place; shared data is copied
//! along the path of the change, so every operation is persistent to whoever still holds the old version. `Threads/` has the
//! one lock, condition, thread and pair of clocks that every target above uses.
//!
//! What hot code in another target uses is `public`, because the compiler inlines only `public` declarations across targets;
//! the products expose `Sluice` alone.

/// One value of the language: 9 bytes, stride 16.
///
/// The payloads are trivial words or `final` classes, and the class cases are contiguous, so that a copy is one compare and
/// one retain (`Tests/ValuesTests` asserts the layout). Rare kinds share `.object`.
public enum Value: @unchecked Sendable {
    // Sendable by construction: payloads are immutable once shared; the few mutable objects (atoms, channels) lock inside.
    case `nil`
    case bool(Bool)
    case int(Int64)
    case double(Double)
    /// A Unicode scalar.
    case char(UInt32)
    case keyword(Name)
    /// A symbol without metadata; one with metadata is `.object(SymbolObject)`.
    case symbol(Name)
    /// A string that fits; `longText` never holds one that would. `text(_:)` and its like choose between the two.
    case shortText(ShortText)
    case longText(Text)
    case vector(Vector)
    case map(HashMap)
    case set(HashSet)
    case list(Cons)
    case lazy(LazySeq)
    case seq(SeqView)
    case function(Closure)
    case native(Callable)
    case object(Object)
}

extension Value {
    public static var `true`: Value { .bool(true) }
    public static var `false`: Value { .bool(false) }

    /// False for `nil` and `false` alone.
    @inlinable @inline(__always) public var isTruthy: Bool {
        switch self {
        case .nil, .bool(false): false
        default: true
        }
    }

    @inlinable @inline(__always) public var isNil: Bool {
        if case .nil = self { true } else { false }
    }

    /// The keyword of a well-known name.
    public static func kw(_ known: KnownName) -> Value { .keyword(known.name) }

    /// The symbol of a well-known name.
    public static func sym(_ known: KnownName) -> Value { .symbol(known.name) }

    public static func list(_ elements: some Sequence<Value>) -> Value { .list(Cons.list(Array(elements))) }
    public static func vector(_ elements: some Sequence<Value>) -> Value { .vector(Vector(elements)) }

    /// A map with these strings as keys, in their order, as JSON has them; what has no value is left out.
    package static func jsonObject(_ members: [(String, Value?)]) -> Value {
        var map = HashMap()
        for (key, value) in members {
            // A string always has a hash.
            if let value { try? HashMap.set(&map, .string(key), value) }
        }
        return .map(map)
    }

    /// The name of a symbol, with or without metadata; nil for anything else.
    public var symbolName: Name? {
        switch self {
        case .symbol(let name): name
        case .object(let object): (object as? SymbolObject)?.name
        default: nil
        }
    }

    /// The well-known name of a keyword, for switching over option keys.
    public var knownKeyword: KnownName? {
        if case .keyword(let name) = self { name.known } else { nil }
    }

    public var intValue: Int64? {
        if case .int(let value) = self { value } else { nil }
    }
}
