import Machine
import Values

/// The functions of `clojure.core` and `clojure.core.async` that compile to an instruction when they are called with these many arguments.
///
/// One table: name, arguments, operation. Elsewhere (`(map inc xs)`, other arities) the same names are ordinary vars.
enum Operation: String, CaseIterable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case quotient = "quot"
    case remainder = "rem"
    case modulo = "mod"
    case increment = "inc"
    case decrement = "dec"
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case equal = "="
    case notEqual = "not="
    case identical = "identical?"
    case not
    case isNil = "nil?"
    case isSome = "some?"
    case isZero = "zero?"
    case isReduced = "reduced?"
    case isPositive = "pos?"
    case isNegative = "neg?"
    case first, next, rest, seq, count, cons, conj, get, nth, assoc
    /// `(get coll key default)` with a default that is written down.
    case getOr = "get default"
    case makeChannel = "chan"
    case take = "<!"
    case takeBlocking = "<!!"
    case put = ">!"
    case putBlocking = ">!!"

    /// The namespace whose function it is.
    private var namespace: String {
        switch self {
        case .makeChannel, .take, .takeBlocking, .put, .putBlocking: "clojure.core.async"
        default: "clojure.core"
        }
    }

    var arguments: Int {
        switch self {
        case .increment, .decrement, .not, .isNil, .isSome, .isZero, .isReduced, .isPositive, .isNegative, .first,
            .next, .rest,
            .seq, .count, .take, .takeBlocking:
            1
        case .assoc, .getOr: 3
        case .makeChannel: 0
        default: 2
        }
    }

    /// Flags of the instruction besides those of dying operands.
    var flags: Int {
        switch self {
        case .takeBlocking, .putBlocking: Opcode.blockingFlag
        default: 0
        }
    }

    /// The operation that a call of a function is, if any.
    static func of(_ variable: Var, arguments: Int) -> Operation? {
        guard let operation = named(variable) else { return nil }
        if operation == .get, arguments == Operation.getOr.arguments { return .getOr }
        return operation.arguments == arguments ? operation : nil
    }

    private static func named(_ variable: Var) -> Operation? {
        guard let operation = byName[variable.name.name], variable.namespace.description == operation.namespace else {
            return nil
        }
        return operation
    }

    /// Whether surplus arguments fold from the left, as in `(+ a b c)`.
    static func folding(_ variable: Var) -> Operation? {
        switch named(variable) {
        case .add: .add
        case .multiply: .multiply
        case .subtract: .subtract
        default: nil
        }
    }

    /// Whether a function gives a field of an instance, as the methods of a type read theirs.
    static func isField(_ variable: Var) -> Bool {
        variable.name.name == "field" && variable.namespace.description == "sluice.machine"
    }

    /// Whether `node` is a call of `alts!` with channels and no options.
    static func isChoice(_ node: Node) -> Bool {
        guard case .call(let callee, let arguments) = node.kind, arguments.count == 1,
            case .global(let variable) = callee.kind
        else { return false }
        return variable.name.name == "alts!" && variable.namespace.description == "clojure.core.async"
    }

    /// Whether a call of a function is one of `swap!` that an instruction stands in front of.
    static func isSwap(_ variable: Var, arguments: Int) -> Bool {
        variable.name.name == "swap!" && variable.namespace.description == "clojure.core"
            && Fiber.swapArguments.contains(arguments)
    }

    /// Whether a call starts a fiber of the pool, as `go` does, and if so whether somebody reads its channel; nil when it does not.
    static func isSpawn(_ callee: Node, _ arguments: [Node]) -> Bool? {
        if arguments.count > 1 {
            guard case .constant(let dispatch) = arguments[1].kind, dispatch.knownKeyword == .go else { return nil }
        }
        guard !arguments.isEmpty else { return nil }
        switch callee.kind {
        case .global(let variable) where isSpawn(variable): return true
        // What stands for it where nobody reads the channel.
        case .constant(.native(let native)) where native.name == "sluice.runtime/spawn": return false
        default: return nil
        }
    }

    /// Whether a function is the primitive that starts fibers.
    static func isSpawn(_ variable: Var) -> Bool {
        variable.name.name == "spawn" && variable.namespace.description == "sluice.runtime"
    }

    private static let byName: [String: Operation] = Dictionary(
        uniqueKeysWithValues: allCases.map { ($0.rawValue, $0) })

    /// The instruction on registers.
    var opcode: Opcode {
        switch self {
        case .add, .increment: .add
        case .subtract, .decrement: .subtract
        case .multiply: .multiply
        case .quotient: .quotient
        case .remainder: .remainder
        case .modulo: .modulo
        case .less, .isNegative: .less
        case .lessOrEqual: .lessOrEqual
        case .greater, .isPositive: .greater
        case .greaterOrEqual: .greaterOrEqual
        case .equal, .notEqual: .equal
        case .identical: .identical
        case .not: .not
        case .isNil: .isNil
        case .isSome: .isSome
        case .isZero: .isZero
        case .isReduced: .isReduced
        case .first: .first
        case .next: .next
        case .rest: .rest
        case .seq: .seq
        case .count: .count
        case .cons: .cons
        case .conj: .conj
        case .get: .get
        case .getOr: .getOr
        case .nth: .nth
        case .assoc: .assoc
        case .makeChannel: .makeChannel
        case .take, .takeBlocking: .take
        case .put, .putBlocking: .put
        }
    }

    /// The instruction with a small integer as its last operand, where there is one.
    var immediateOpcode: Opcode? {
        switch self {
        case .add, .increment: .addInt
        case .subtract, .decrement: .subtractInt
        case .multiply: .multiplyInt
        case .remainder: .remainderInt
        default: nil
        }
    }

    /// The fused test that jumps when the operation is false: on two registers, and on a register and a small integer.
    var jumpUnless: (registers: Opcode, immediate: Opcode)? {
        switch self {
        case .less, .isNegative: (.jumpUnlessLess, .jumpUnlessLessInt)
        case .lessOrEqual: (.jumpUnlessLessOrEqual, .jumpUnlessLessOrEqualInt)
        case .greater, .isPositive: (.jumpUnlessGreater, .jumpUnlessGreaterInt)
        case .greaterOrEqual: (.jumpUnlessGreaterOrEqual, .jumpUnlessGreaterOrEqualInt)
        case .equal: (.jumpUnlessEqual, .jumpUnlessEqualInt)
        default: nil
        }
    }

    /// The fused test at the bottom of a loop that goes on when the operation is true.
    var jumpBack: Opcode? {
        switch self {
        case .less: .jumpBackIfLess
        case .greater: .jumpBackIfGreater
        default: nil
        }
    }

    /// Its instruction reads all operands before it writes the result, and no other instruction follows.
    var writesLast: Bool {
        switch self {
        case .take, .takeBlocking, .put, .putBlocking, .getOr: false
        default: true
        }
    }

    /// Computes without side effects and quickly: may be reordered among the arguments of `recur`.
    var isSimple: Bool {
        switch self {
        case .add, .subtract, .multiply, .increment, .decrement, .quotient, .remainder, .modulo: true
        default: false
        }
    }
}
