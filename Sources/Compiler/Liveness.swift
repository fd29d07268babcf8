import Values

/// Finds the last use of every local, so that values are moved where they die and dropped where only the other path needs
/// them.
///
/// One backward walk over the tree: `live` holds the locals that are read later. Registers are read when an operation runs,
/// after all of its compound operands: its operands that are locals count as read last. In a loop, what the next round
/// reads is live at `recur`; within `try`, what the handlers read is live throughout.
struct Liveness {
    private let locals: [Local]
    /// What an exception thrown here may still read.
    private var handlerLive = LocalSet()

    static func analyze(_ arity: Arity) {
        var pass = Liveness(locals: arity.locals)
        var live = LocalSet()
        // An arity is a loop over its parameters: `recur` in tail position comes back to them.
        pass.visit(arity.body, &live)
        arity.dropsAtEntry = arity.parameters.filter { !live.contains($0) }
    }

    private init(locals: [Local]) { self.locals = locals }

    private mutating func visit(_ node: Node, _ live: inout LocalSet) {
        switch node.kind {
        case .constant, .capture, .selfClosure, .sibling, .global: break
        case .local(let local): use(node, local, &live)
        case .branch(let branch): visit(branch, &live)
        case .sequence(let nodes): for child in nodes.reversed() { visit(child, &live) }
        case .binding(let binding):
            visit(binding.body, &live)
            binding.isDead = !live.contains(binding.local)
            live.remove(binding.local)
            if let channel = binding.channel {
                binding.isChannelDead = !live.contains(channel)
                live.remove(channel)
            }
            if !binding.isOmitted { visit(binding.value, &live) }
        case .loop(let loop): visit(loop, &live)
        case .recur(let recur):
            // The loop's own locals are given anew, so none of them is live after the arguments.
            live = recur.target.liveOuter.union(handlerLive)
            for (index, argument) in recur.arguments.enumerated() where recur.isUnchanged(index) {
                if case .local(let local) = argument.kind { use(argument, local, &live) }
            }
            for (index, _) in recur.plan.reversed() { visit(recur.arguments[index], &live) }
        case .function(let function), .lazy(let function):
            for capture in function.captures.reversed() { visit(capture, &live) }
        case .functions(let functions):
            visit(functions.body, &live)
            functions.dead = functions.locals.map { !live.contains($0) }
            for local in functions.locals { live.remove(local) }
            for capture in functions.captures.reversed() { visit(capture, &live) }
        case .call(let callee, let arguments):
            visitOperands([callee], then: arguments, &live)
        case .operation(let operation, let operands):
            if operation == .assoc {
                // The key and value are placed in registers one after the other; only the collection is read in place.
                visitOperands([operands[0]], then: Array(operands[1...]), &live)
            } else {
                visitOperands(operands, then: [], &live)
            }
        case .keywordGet(_, let collection), .field(_, let collection), .element(let collection, _):
            visit(collection, &live)
        case .literal(_, let elements): for element in elements.reversed() { visit(element, &live) }
        case .and(let chain), .or(let chain): visit(chain, &live)
        case .attempt(let attempt): visit(attempt, &live)
        case .raise(let value): visit(value, &live)
        }
    }

    private func use(_ node: Node, _ local: Local, _ live: inout LocalSet) {
        node.isLast = !live.contains(local)
        live.insert(local)
    }

    /// Operands that are locals are read by the operation itself, after everything else is computed.
    private mutating func visitOperands(_ operands: [Node], then placed: [Node], _ live: inout LocalSet) {
        for operand in operands.reversed() {
            if case .local(let local) = operand.kind { use(operand, local, &live) }
        }
        for operand in placed.reversed() { visit(operand, &live) }
        for operand in operands.reversed() {
            if case .local = operand.kind { continue }
            visit(operand, &live)
        }
    }

    private mutating func visit(_ branch: Node.Branch, _ live: inout LocalSet) {
        var then = live
        visit(branch.then, &then)
        visit(branch.otherwise, &live)
        let both = then.union(live)
        branch.dropsThen = both.subtracting(then).members(of: locals)
        branch.dropsOtherwise = both.subtracting(live).members(of: locals)
        live = both
        visit(branch.test, &live)
    }

    /// Any operand but the first may be skipped, so no outer local dies in one: those that nothing reads later are dropped
    /// once the chain is left.
    private mutating func visit(_ chain: Node.Chain, _ live: inout LocalSet) {
        var read = LocalSet()
        for node in chain.nodes { Liveness.collect(node, into: &read) }
        chain.dropsAfter = read.subtracting(live).members(of: locals)
        live = live.union(read)
        for node in chain.nodes.reversed() { visit(node, &live) }
    }

    private mutating func visit(_ loop: Node.Loop, _ live: inout LocalSet) {
        var read = LocalSet()
        Liveness.collect(loop.body, into: &read)
        for local in loop.target.locals { read.remove(local) }
        loop.target.liveOuter = live.union(read)
        visit(loop.body, &live)
        loop.target.dead = loop.target.locals.filter { !live.contains($0) }
        // A local that only an earlier round reads is still needed until the loop is left.
        live = live.union(loop.target.liveOuter)
        // The first values may read the loop variables before them.
        for (local, value) in zip(loop.target.locals, loop.values).reversed() {
            live.remove(local)
            visit(value, &live)
        }
    }

    private mutating func visit(_ attempt: Node.Attempt, _ live: inout LocalSet) {
        let outer = handlerLive
        var exceptional = outer
        var normal = live
        if let finally = attempt.finally {
            visit(finally.exceptional, &exceptional)
            visit(finally.normal, &normal)
        }
        handlerLive = exceptional
        let afterCatch = normal.union(exceptional)
        var entries: [LocalSet] = []
        attempt.deadCatches = []
        for clause in attempt.catches {
            var entry = afterCatch
            visit(clause.body, &entry)
            attempt.deadCatches.append(!entry.contains(clause.local))
            entry.remove(clause.local)
            entries.append(entry)
        }
        let atCatch = entries.reduce(exceptional) { $0.union($1) }
        attempt.dropsInCatch = entries.map { atCatch.subtracting($0).members(of: locals) }
        attempt.dropsUncaught = atCatch.subtracting(exceptional).members(of: locals)
        attempt.dropsAfterCatch = afterCatch.subtracting(normal).members(of: locals)
        handlerLive = atCatch
        var body = normal.union(atCatch)
        visit(attempt.body, &body)
        attempt.dropsAfterBody = atCatch.subtracting(normal).members(of: locals)
        attempt.dropsAtCatch = body.subtracting(atCatch).members(of: locals)
        attempt.dropsAtFinally = body.union(atCatch).subtracting(exceptional).members(of: locals)
        handlerLive = outer
        live = body
    }

    /// Adds the locals that `node` reads and that are bound outside of it.
    static func collect(_ node: Node, into read: inout LocalSet) {
        if case .local(let local) = node.kind { read.insert(local) }
        for child in node.children { collect(child, into: &read) }
        switch node.kind {
        case .binding(let binding):
            read.remove(binding.local)
            if let channel = binding.channel { read.remove(channel) }
        case .loop(let loop): for local in loop.target.locals { read.remove(local) }
        case .functions(let functions): for local in functions.locals { read.remove(local) }
        case .attempt(let attempt): for clause in attempt.catches { read.remove(clause.local) }
        default: break
        }
    }
}

extension Node.Recur {
    /// The argument is the loop variable itself: its register stays as it is.
    func isUnchanged(_ index: Int) -> Bool {
        if case .local(let local) = arguments[index].kind { local === target.locals[index] } else { false }
    }
}
