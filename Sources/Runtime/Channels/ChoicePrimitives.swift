import Machine
import Values

/// `alts!`: one of several operations happens, and no other.
enum ChoicePrimitives {
    static func table() -> [RuntimePrimitive] {
        // (alts! operations & options): operations are channels to take from or [channel value] to put; options :priority and
        // :default. Gives [value channel], or [default :default].
        let choose: Native.ControlBody = { (arguments, fiber) throws(Fault) in
            if arguments.count == 1 {
                switch Choice.takeNow(arguments.place(0), fiber) {
                case .taken(let value, let channel): return .value(.vector(.pair(value, channel.pointee)))
                case .nothing: if try Choice.wait(arguments.place(0), fiber) { return .parked }
                case .untried: break
                }
            }
            let options = try options(arguments)
            var choice = try Choice(arguments[0], options, fiber)
            // Whoever wins the right to add to a channel with a transducer goes on in the language.
            if let hooks = choice.hooks { return .call(hooks.choose, [arguments[0], options]) }
            return try decide(&choice, fiber)
        }
        return [
            RuntimePrimitive(name: "alts!", arity: .atLeast(1), body: choose),
            RuntimePrimitive(name: "alts!!", arity: .atLeast(1), blocks: true, body: choose),
            // (choose operations options): the same, but for a put on a channel with a transducer gives [true channel true]
            // when the caller is to add the value and to release the channel.
            RuntimePrimitive(name: "choose", arity: 2) { (arguments, fiber) throws(Fault) in
                var choice = try Choice(arguments[0], arguments[1], fiber)
                return try decide(&choice, fiber)
            },
        ]
    }

    private static func decide(_ choice: inout Choice, _ fiber: Fiber) throws(Fault) -> Control {
        if let result = choice.tryNow() { return .value(result) }
        if let fallback = choice.fallback { return .value(.vector([fallback, .kw(.default)])) }
        return try choice.wait(fiber)
    }

    /// What comes after the operations: keys and values, or a map of them.
    private static func options(_ arguments: Arguments) throws(Fault) -> Value {
        let given = Array(arguments.all.dropFirst())
        if given.isEmpty { return .nil }
        if given.count == 1 {
            if case .map = given[0] { return given[0] }
            if given[0].isNil { return .nil }
        }
        guard given.count % 2 == 0 else {
            throw .illegalArgument("alts! takes options by pairs of a keyword and a value, :priority and :default")
        }
        let pairs = stride(from: 0, to: given.count, by: 2).map { (given[$0], given[$0 + 1]) }
        return .map(try HashMap.of(pairs))
    }
}
