import Values

/// The order of `compare`: nil first, numbers by value, texts, names and characters by code point, vectors by length and
/// then by elements, booleans false first. What has no order says so.
public enum Ordering {
    /// Negative, zero or positive.
    public static func compare(_ left: Value, _ right: Value) throws(Fault) -> Int {
        switch (left, right) {
        case (.nil, .nil): return 0
        case (.nil, _): return -1
        case (_, .nil): return 1
        case (.int(let a), .int(let b)): return a < b ? -1 : a > b ? 1 : 0
        case (.text(let a), .text(let b)): return a.compare(b)
        case (.keyword(let a), .keyword(let b)): return compare(a, b)
        case (.char(let a), .char(let b)): return Int(a) - Int(b)
        case (.bool(let a), .bool(let b)): return a == b ? 0 : a ? 1 : -1
        case (.vector(let a), .vector(let b)): return try compare(a, b)
        default: break
        }
        if let a = left.symbolName, let b = right.symbolName { return compare(a, b) }
        if Numbers.isNumber(left), Numbers.isNumber(right) { return try Numbers.compare(left, right) }
        if case .object(let a) = left, case .object(let b) = right, let order = try (a as? any Comparable)?.order(b) {
            return order
        }
        throw .of(
            .classCast, "cannot compare \(left.briefly) with \(right.briefly)",
            hint: "give sort or sort-by a comparator of your own")
    }

    /// Objects that have an order among their kind.
    protocol Comparable {
        /// Nil when `other` is of another kind.
        func order(_ other: Object) throws(Fault) -> Int?
    }

    /// Names without a namespace come first, then by namespace, then by name.
    private static func compare(_ a: Name, _ b: Name) -> Int {
        if a == b { return 0 }
        switch (a.namespaceBytes, b.namespaceBytes) {
        case (nil, nil): break
        case (nil, _): return -1
        case (_, nil): return 1
        case (let x?, let y?):
            let order = compare(x, y)
            if order != 0 { return order }
        }
        return compare(a.nameBytes, b.nameBytes)
    }

    private static func compare(_ a: UnsafeBufferPointer<UInt8>, _ b: UnsafeBufferPointer<UInt8>) -> Int {
        for index in 0..<min(a.count, b.count) where a[index] != b[index] { return Int(a[index]) - Int(b[index]) }
        return a.count - b.count
    }

    private static func compare(_ a: Vector, _ b: Vector) throws(Fault) -> Int {
        if a.count != b.count { return a.count < b.count ? -1 : 1 }
        for index in 0..<a.count {
            let order = try compare(a[index], b[index])
            if order != 0 { return order }
        }
        return 0
    }
}

/// What sorts a sorted collection.
///
/// A script's comparator is called from Swift, the one place where that happens: a tree cannot suspend in the middle of a
/// change. So such a comparator may not wait.
struct Comparator: @unchecked Sendable {
    // Sendable: immutable.
    private enum Kind {
        case natural
        case native(Native, Fiber)
        case script(Value, Instance)
    }

    private let kind: Kind
    /// The function it was made of; nil for the natural order.
    let function: Value

    static let natural = Comparator(kind: .natural, function: .nil)

    private init(kind: Kind, function: Value) {
        self.kind = kind
        self.function = function
    }

    /// A comparator from a function that gives a number, or true when its first argument comes first.
    init(_ function: Value, _ fiber: Fiber) {
        self.function = function
        if case .native(let callable) = function, callable.name == "compare" {
            kind = .natural
        } else {
            kind = .script(function, fiber.instance)
        }
    }

    func compare(_ left: Value, _ right: Value) throws(Fault) -> Int {
        switch kind {
        case .natural: return try Ordering.compare(left, right)
        case .native(let native, let fiber): return try Comparator.outcome(try native.callPlain([left, right], fiber)) { 0 }
        case .script(let function, let instance):
            let result = try Comparator.call(function, left, right, instance)
            return try Comparator.outcome(result) { () throws(Fault) in
                try Comparator.call(function, right, left, instance).isTruthy ? 1 : 0
            }
        }
    }

    /// The order that a comparator's result means; `swapped` asks it the other way round.
    private static func outcome(_ result: Value, _ swapped: () throws(Fault) -> Int) throws(Fault) -> Int {
        switch result {
        case .int(let int): return int < 0 ? -1 : int > 0 ? 1 : 0
        case .bool(true): return -1
        case .bool(false): return try swapped()
        case .double(let double): return double < 0 ? -1 : double > 0 ? 1 : 0
        default: throw .type("a comparator", expected: "a number or a boolean as result", found: result)
        }
    }

    private static func call(_ function: Value, _ left: Value, _ right: Value, _ instance: Instance) throws(Fault) -> Value {
        let fiber = Fiber(instance, calling: function, [left, right])
        fiber.cannotPark += 1
        while true {
            switch fiber.run(fuel: Comparator.slice) {
            case .done(let value): return value
            case .failed(let fault): throw fault
            case .preempted: try instance.account.settle(steps: Comparator.slice)
            case .parked: throw .illegalState("a comparator cannot wait for channels or effects")
            }
        }
    }

    private static let slice = 20_000
}

extension Native {
    /// Calls a primitive that is no controlling one.
    func callPlain(_ arguments: [Value], _ fiber: Fiber) throws(Fault) -> Value {
        guard case .plain(let body) = kind else { throw .illegalArgument("\(name) cannot be called here") }
        guard accepts(arguments.count) else { throw arityFault(arguments.count) }
        let base = UnsafeMutablePointer<Value>.allocate(capacity: max(1, arguments.count))
        base.initialize(from: arguments, count: arguments.count)
        defer { Release.buffer(base, count: arguments.count) }
        return try body(Arguments(base, arguments.count), fiber)
    }
}
