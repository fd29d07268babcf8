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
        /// A field of an instance, by keyword: the methods of a type.
        case field(Value, Node)
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
        case .keywordGet(_, let child), .field(_, let child), .element(let child, _), .raise(let child): [child]
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
        /// The channel of a choice, whose value is the local's.
        let channel: Local?
        let value: Node
        let body: Node
        /// Nothing reads the local: it is dropped at once.
        var isDead = false
        var isChannelDead = false
        /// Nothing reads a field of an instance, and reading it has no effect: a method binds all fields of its type.
        var isOmitted: Bool {
            if isDead, case .field(_, let instance) = value.kind, case .local = instance.kind { true } else { false }
        }

        init(_ local: Local, channel: Local? = nil, _ value: Node, _ body: Node) {
            self.local = local
            self.channel = channel
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
        fileprivate(set) var plan: [(index: Int, direct: Bool)]

        init(_ target: LoopTarget, _ arguments: [Node]) {
            self.target = target
            self.arguments = arguments
            plan = target.plan(arguments, counters: [])
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
    /// Every local of the arity, by index.
    let locals: [Local]
    var dropsAtEntry: [Local] = []

    init(parameters: [Local], isVariadic: Bool, body: Node, target: LoopTarget, locals: [Local]) {
        self.locals = locals
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

    /// Plans each `recur` in the body anew, now that all are known: variables that begin with a small integer and only ever
    /// go by steps are integers, whose steps can neither fail nor be noticed, and come last.
    func planCounters(_ values: [Node], _ body: Node) {
        var recurs: [Node.Recur] = []
        func collect(_ node: Node) {
            if case .recur(let recur) = node.kind, recur.target === self { recurs.append(recur) }
            for child in node.children { collect(child) }
        }
        collect(body)
        let counters = locals.indices.filter { index in
            guard values[index].smallInteger != nil else { return false }
            return recurs.allSatisfy { recur in
                let argument = recur.arguments[index]
                if case .local(let local) = argument.kind, local === locals[index] { return true }
                return argument.isStep(of: locals[index])
            }
        }
        guard !counters.isEmpty else { return }
        for recur in recurs { recur.plan = plan(recur.arguments, counters: counters) }
    }

    /// The order in which the arguments of `recur` are computed: one whose loop variable no other argument still reads goes
    /// straight into its register; simple arithmetic may change places for that.
    func plan(_ arguments: [Node], counters: [Int]) -> [(index: Int, direct: Bool)] {
        func reads(_ node: Node, _ local: Local) -> Bool {
            var read = LocalSet()
            Liveness.collect(node, into: &read)
            return read.contains(local)
        }
        // A variable that stays as it is may be read by any argument, and is never written.
        var left = arguments.indices.filter { index in
            if case .local(let local) = arguments[index].kind { return local !== locals[index] }
            return true
        }
        let early = left.filter { !counters.contains($0) }
        let mayReorder = early.allSatisfy { arguments[$0].isSimple }
        var plan: [(index: Int, direct: Bool)] = []
        while !left.isEmpty {
            let now = left.filter { !counters.contains($0) }
            let candidates = now.isEmpty || mayReorder ? left.reversed() : [now[0]]
            let free = candidates.first { index in
                left.allSatisfy { $0 == index || !reads(arguments[$0], locals[index]) }
            }
            let next = free ?? now.first ?? left[0]
            plan.append((next, free != nil && arguments[next].writesLast))
            left.removeAll { $0 == next }
        }
        return plan
    }
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

    /// Arithmetic on locals and constants.
    var isSimple: Bool {
        switch kind {
        case .constant, .local: true
        case .operation(let operation, let operands): operation.isSimple && operands.allSatisfy(\.isSimple)
        default: false
        }
    }

    /// Its target is written when everything else has been read.
    fileprivate var writesLast: Bool {
        if case .operation(let operation, _) = kind { operation.writesLast } else { isSimple }
    }

    /// `local`, one or some other small integer further.
    fileprivate func isStep(of local: Local) -> Bool {
        guard case .operation(let operation, let operands) = kind, case .local(let stepped)? = operands.first?.kind,
            stepped === local
        else { return false }
        switch operation {
        case .increment, .decrement: return true
        case .add, .subtract: return operands[1].smallInteger != nil
        default: return false
        }
    }

    /// Its value is true or false, which needs no release.
    var givesBool: Bool {
        if case .operation(let operation, _) = kind { operation.opcode == .put } else { false }
    }

    /// What does the same where nobody reads the value.
    var unread: Node {
        guard case .call(let callee, let arguments) = kind, case .global(let variable) = callee.kind,
            case .native(let native) = variable.root, let unread = (native as? Native)?.unread
        else { return self }
        return Node(.call(Node(.constant(.native(unread)), callee.place), arguments), place)
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
