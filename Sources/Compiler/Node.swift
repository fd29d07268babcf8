import Machine
import Values

/// An analysed expression: names resolved, macros expanded, special forms told apart.
///
/// The liveness pass writes what it finds into the nodes (`isLast`, `drops…`), and the emitter reads it.
final class Node {
    var kind: Kind
    /// Where the expression stood in a source.
    let place: Place?
    /// A local reference: nothing on this path reads the local afterwards, so its value may be moved.
    var isLast = false

    init(_ kind: Kind, _ place: Place?) {
        self.kind = kind
        self.place = place
    }

    enum Kind {
        case constant(Value)
        case local(Local)
        case capture(Int)
        case selfClosure
        case sibling(Int)
        case global(Var)
        case branch(Branch)
        case sequence([Node])
        case binding(Binding)
        case loop(Loop)
        case recur(Recur)
        case function(Function)
        case functions(Functions)
        case call(Node, [Node])
        case operation(Operation, [Node])
        case keywordGet(Value, Node)
        /// The element at a fixed index, or nil: destructuring.
        case element(Node, Int)
        /// A vector, map or set literal.
        case literal(Opcode, [Node])
        case and(Chain)
        case or(Chain)
        case attempt(Attempt)
        case raise(Node)
        case lazy(Function)
    }

    /// The expressions this one is made of, in the order they are written; of a function, what its captures are made from.
    var children: [Node] {
        switch kind {
        case .constant, .local, .capture, .selfClosure, .sibling, .global: []
        case .branch(let branch): [branch.test, branch.then, branch.otherwise]
        case .binding(let binding): [binding.value, binding.body]
        case .loop(let loop): loop.values + [loop.body]
        case .recur(let recur): recur.arguments
        case .function(let function), .lazy(let function): function.captures
        case .functions(let functions): functions.captures + [functions.body]
        case .call(let callee, let arguments): [callee] + arguments
        case .keywordGet(_, let child), .element(let child, _), .raise(let child): [child]
        case .sequence(let children), .operation(_, let children), .literal(_, let children): children
        case .and(let chain), .or(let chain): chain.nodes
        case .attempt(let attempt):
            [attempt.body] + attempt.catches.map(\.body)
                + (attempt.finally.map { [$0.normal, $0.exceptional] } ?? [])
        }
    }

    struct Place {
        var source: Source
        var span: Span
        /// The script's macro that made the code there, when no text has it.
        var macro: Definition?
    }

    final class Branch {
        let test: Node
        let then: Node
        let otherwise: Node
        /// Locals that live on in the other branch only: dropped when this one begins.
        var dropsThen: [Local] = []
        var dropsOtherwise: [Local] = []

        init(_ test: Node, _ then: Node, _ otherwise: Node) {
            self.test = test
            self.then = then
            self.otherwise = otherwise
        }
    }

    final class Binding {
        let local: Local
        let value: Node
        let body: Node
        /// Nothing reads the local: it is dropped at once.
        var isDead = false

        init(_ local: Local, _ value: Node, _ body: Node) {
            self.local = local
            self.value = value
            self.body = body
        }
    }

    final class Loop {
        let target: LoopTarget
        let values: [Node]
        let body: Node

        init(_ target: LoopTarget, _ values: [Node], _ body: Node) {
            self.target = target
            self.values = values
            self.body = body
        }
    }

    final class Recur {
        let target: LoopTarget
        let arguments: [Node]
        /// The order in which arguments are evaluated, and whether each may be computed straight into its register.
        let plan: [(index: Int, direct: Bool)]

        init(_ target: LoopTarget, _ arguments: [Node], _ plan: [(index: Int, direct: Bool)]) {
            self.target = target
            self.arguments = arguments
            self.plan = plan
        }
    }

    /// The operands of `and` or `or`.
    final class Chain {
        let nodes: [Node]
        var dropsAfter: [Local] = []
        init(_ nodes: [Node]) { self.nodes = nodes }
    }

    final class Attempt {
        let body: Node
        let catches: [(type: ExceptionClass, local: Local, body: Node)]
        /// `finally` on the normal path and on the exceptional one: analysed twice, for each has its own liveness.
        let finally: (normal: Node, exceptional: Node)?
        var dropsAfterBody: [Local] = []
        var dropsAtCatch: [Local] = []
        var dropsInCatch: [[Local]] = []
        var deadCatches: [Bool] = []
        var dropsAfterCatch: [Local] = []
        var dropsUncaught: [Local] = []
        var dropsAtFinally: [Local] = []

        init(
            body: Node, catches: [(type: ExceptionClass, local: Local, body: Node)],
            finally: (normal: Node, exceptional: Node)?
        ) {
            self.body = body
            self.catches = catches
            self.finally = finally
        }
    }

    /// A `fn*`: its arities, and the expressions its captures are made from, in the enclosing function.
    final class Function {
        let name: String?
        let arities: [Arity]
        let captures: [Node]
        let metadata: Value
        let origin: Prototype.Origin?

        init(
            name: String?, arities: [Arity], captures: [Node], metadata: Value = .nil, origin: Prototype.Origin? = nil
        ) {
            self.name = name
            self.arities = arities
            self.captures = captures
            self.metadata = metadata
            self.origin = origin
        }
    }

    /// A `letfn*`: functions that share their captures, so that each can make its siblings (no reference cycle).
    final class Functions {
        let locals: [Local]
        let functions: [Function]
        /// The shared captures without the group itself, which is capture 0.
        let captures: [Node]
        let body: Node
        var dead: [Bool] = []

        init(locals: [Local], functions: [Function], captures: [Node], body: Node) {
            self.locals = locals
            self.functions = functions
            self.captures = captures
            self.body = body
        }
    }
}

/// One arity of a function.
final class Arity {
    let parameters: [Local]
    let isVariadic: Bool
    let body: Node
    /// Where `recur` in tail position goes back to.
    let target: LoopTarget
    var dropsAtEntry: [Local] = []

    init(parameters: [Local], isVariadic: Bool, body: Node, target: LoopTarget) {
        self.parameters = parameters
        self.isVariadic = isVariadic
        self.body = body
        self.target = target
    }
}

/// A local binding within one arity.
final class Local {
    let name: Name?
    /// Counts the locals of the arity.
    let index: Int
    var register = -1

    init(_ name: Name?, index: Int) {
        self.name = name
        self.index = index
    }
}

/// What `recur` goes back to: a loop, or the arity itself.
final class LoopTarget {
    let locals: [Local]
    /// Outer locals that the next round reads.
    var liveOuter = LocalSet()
    /// Loop variables that nothing reads: dropped at the head.
    var dead: [Local] = []
    /// Position of the head, set by the emitter.
    var head = 0
    /// When the body begins with a fused comparison of two locals: its operation, and where the branches begin.
    var test: LoopTest?

    struct LoopTest {
        var branch: Node.Branch
        var operation: Operation
        var operands: [Node]
        var thenStart: Int
        var jumpsToOtherwise: [Int] = []
    }

    init(_ locals: [Local]) { self.locals = locals }
}

/// A set of locals by index.
struct LocalSet {
    private var words: [UInt64] = []

    func contains(_ local: Local) -> Bool {
        let word = local.index >> 6
        return word < words.count && words[word] & (1 << UInt64(local.index & 63)) != 0
    }

    mutating func insert(_ local: Local) {
        let word = local.index >> 6
        while words.count <= word { words.append(0) }
        words[word] |= 1 << UInt64(local.index & 63)
    }

    mutating func remove(_ local: Local) {
        let word = local.index >> 6
        if word < words.count { words[word] &= ~(1 << UInt64(local.index & 63)) }
    }

    func union(_ other: LocalSet) -> LocalSet {
        var result = words.count >= other.words.count ? self : other
        let smaller = words.count >= other.words.count ? other : self
        for (index, word) in smaller.words.enumerated() { result.words[index] |= word }
        return result
    }

    func subtracting(_ other: LocalSet) -> LocalSet {
        var result = self
        for (index, word) in other.words.enumerated() where index < result.words.count { result.words[index] &= ~word }
        return result
    }

    /// The members, in order of index, looked up in `locals`.
    func members(of locals: [Local]) -> [Local] { locals.filter { contains($0) } }
}

extension Node {
    /// A constant that fits an immediate operand.
    var smallInteger: Int? {
        if case .constant(.int(let value)) = kind, value >= -32_768, value <= 32_767 { Int(value) } else { nil }
    }

    var isLocal: Bool { if case .local = kind { true } else { false } }

    var localRegister: Int { if case .local(let local) = kind { local.register } else { -1 } }

    /// Control never comes out at the end.
    var leaves: Bool {
        switch kind {
        case .recur, .raise: true
        default: false
        }
    }
}
