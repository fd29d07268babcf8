import Values

/// What sorts a sorted collection.
///
/// A script's comparator is called from Swift, the one place where that happens: a tree cannot suspend in the middle of a
/// change. So such a comparator may not wait.
enum Comparator {
    typealias Order = (Value, Value) throws(Fault) -> Int

    /// The order that a function gives: a number, or true when its first argument comes first.
    static func order(_ function: Value, _ fiber: Fiber) -> Order {
        if case .native(let callable) = function, callable.name == "compare" { return Value.compare }
        let instance = fiber.instance
        return { (left, right) throws(Fault) in
            try outcome(try call(function, left, right, instance)) { () throws(Fault) in
                try call(function, right, left, instance).isTruthy ? 1 : 0
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

    private static func call(_ function: Value, _ left: Value, _ right: Value, _ instance: Instance) throws(Fault)
        -> Value
    {
        try Nesting.checkStack()
        let fiber = LoneFiber(instance, calling: function, [left, right])
        fiber.cannotPark += 1
        var waits = 0
        while true {
            switch fiber.run(fuel: Comparator.slice) {
            case .done(let value): return value
            case .failed(let fault): throw fault
            case .preempted:
                try instance.account.settle(steps: Comparator.slice)
                try Attention.check()
                try fiber.waitBriefly(&waits, "a comparator")
            case .parked: throw .illegalState("a comparator cannot wait for channels or effects")
            }
        }
    }

    private static let slice = 20_000
}
