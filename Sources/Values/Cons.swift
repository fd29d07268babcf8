/// A cell of a list, or the empty list.
public final class Cons: @unchecked Sendable {
    // Sendable: immutable. The fields are variables for their release alone, so exclusivity is unchecked.
    @exclusivity(unchecked) public private(set) var first: Value
    /// A list, as `list` and `conj` make it; what `cons` puts before a sequence is a cell of a sequence only.
    public let isList: Bool
    /// A sequence, or nil at the end.
    @exclusivity(unchecked) public private(set) var rest: Value
    /// Elements from here on, when every later cell is a list too; -1 when the rest is lazy.
    public let count: Int
    public let extra: Extra?

    /// An element before `rest`, which is nil or a sequence; `isList` only counts when every later cell is a list too.
    public init(_ first: Value, _ rest: Value, extra: Extra? = nil, isList: Bool = true) {
        self.first = first
        switch rest {
        case .nil:
            self.rest = .nil
            count = 1
        case .list(let next) where next.count == 0:
            self.rest = .nil
            count = 1
        case .list(let next):
            self.rest = rest
            count = next.count < 0 ? -1 : next.count + 1
        default:
            self.rest = rest
            count = -1
        }
        self.isList = isList && count >= 0
        self.extra = extra
        Meter.charge(80)
    }

    private init(emptyWith extra: Extra?) {
        first = .nil
        isList = true
        rest = .nil
        count = 0
        self.extra = extra
        Meter.charge(80)
    }

    deinit {
        Meter.credit(80)
        Release.field(&first)
        Release.field(&rest)
    }

    /// What follows, as `next` gives it: nil, or a sequence that has elements. Throws `.force` where it is unrealised.
    @inline(__always) package func next() throws(Fault) -> Value {
        switch rest {
        case .nil: .nil
        case .lazy(let lazy): try lazy.seq()
        case .list(let next) where !next.isEmpty: rest
        default: try Sequences.seq(rest)
        }
    }

    public static let empty = Cons(emptyWith: nil)

    public var isEmpty: Bool { count == 0 }
    public var meta: HashMap? { extra?.meta }
    public var origin: Origin? { extra?.origin }

    /// The same elements with another extra.
    public func with(_ extra: Extra?) -> Cons {
        isEmpty ? Cons(emptyWith: extra) : Cons(first, rest, extra: extra, isList: isList)
    }

    public static func list(_ elements: [Value], extra: Extra? = nil) -> Cons {
        elements.withUnsafeBufferPointer { list($0, extra: extra) }
    }

    public static func list(_ elements: UnsafeBufferPointer<Value>, extra: Extra? = nil) -> Cons {
        var rest = Value.nil
        for element in elements.reversed() { rest = .list(Cons(element, rest)) }
        guard case .list(let head) = rest else { return extra == nil ? empty : Cons(emptyWith: extra) }
        return extra == nil ? head : head.with(extra)
    }

    /// The elements of a proper list (every rest a list), or nil when a rest is lazy.
    public var elements: [Value]? {
        guard count >= 0 else { return nil }
        var found: [Value] = []
        found.reserveCapacity(count)
        guard count > 0 else { return found }
        var cell = self
        while true {
            found.append(cell.first)
            guard case .list(let next) = cell.rest else { return found }
            cell = next
        }
    }
}
