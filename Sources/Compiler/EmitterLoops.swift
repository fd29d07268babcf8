import Machine
import Values

/// Loops, and `recur`, which writes the loop's variables and jumps back.
extension Emitter {
    mutating func enter(_ loop: Node.Loop) throws(Fault) {
        for (local, value) in zip(loop.target.locals, loop.values) {
            let register = allocate()
            try emit(value, into: register)
            local.register = register
        }
        loop.target.head = instructions.count
        drop(loop.target.dead)
    }

    mutating func emit(_ loop: Node.Loop, into target: Int) throws(Fault) {
        try enter(loop)
        try emitLoopBody(loop, tail: false, into: target)
    }

    /// The body; one that begins with a comparison of locals lets `recur` repeat the test at the bottom of the loop.
    mutating func emitLoopBody(_ loop: Node.Loop, tail: Bool, into target: Int) throws(Fault) {
        guard case .branch(let branch) = loop.body.kind,
            case .operation(let operation, let operands) = branch.test.kind,
            operation.jumpBack != nil, loop.target.dead.isEmpty, operands.allSatisfy(\.isLocal)
        else {
            if tail { try emitTail(loop.body) } else { try emit(loop.body, into: target) }
            return
        }
        let test = try emitTest(branch.test)
        loop.target.test = LoopTarget.LoopTest(
            branch: branch, operation: operation, operands: operands, thenStart: instructions.count)
        drop(branch.dropsThen)
        if tail { try emitTail(branch.then) } else { try emit(branch.then, into: target) }
        let end = tail || branch.then.leaves ? nil : Optional(jump(.jump))
        land(test.jumpsToOtherwise + (loop.target.test?.jumpsToOtherwise ?? []))
        loop.target.test = nil
        drop(branch.dropsOtherwise)
        if tail { try emitTail(branch.otherwise) } else { try emit(branch.otherwise, into: target) }
        if let end { land(end) }
    }

    mutating func emit(_ recur: Node.Recur) throws(Fault) {
        let mark = top
        let target = recur.target
        var moves: [(from: Int, to: Int)] = []
        var plan = recur.plan
        let increment = incrementAtBottom(recur)
        if increment != nil { plan.removeLast() }
        // Whether the last step is a sum, which stands last.
        var endsInSum = false
        for step in plan {
            let register = target.locals[step.index].register
            if step.direct {
                let argument = recur.arguments[step.index]
                try emit(argument, into: register)
                if case .operation(.add, _) = argument.kind, let last = instructions.last {
                    endsInSum = last.op == .add && last.a == register
                } else {
                    endsInSum = false
                }
            } else {
                let temporary = allocate()
                try emit(recur.arguments[step.index], into: temporary)
                moves.append((temporary, register))
            }
        }
        for move in moves { write(Instruction(.move, move.to, move.from)) }
        top = mark
        guard let test = target.test, let op = test.operation.jumpBack else {
            if endsInSum, moves.isEmpty, let last = instructions.last {
                instructions[instructions.count - 1] = Instruction(
                    .addJumpBack, last.a, last.b, last.c, flags: Int(last.flags))
            }
            let back = jump(.jumpBack)
            land(back, at: target.head)
            return
        }
        let registers = test.operands.map(\.localRegister)
        let flags = (test.operands[0].isLast ? 1 : 0) | (test.operands[1].isLast ? 2 : 0)
        write(
            Instruction(
                increment == nil ? op : .incrementJumpBackIfLess, registers[0], registers[1], 0,
                flags: increment == nil ? flags : 0),
            at: test.branch.test.place)
        land(instructions.count - 1, at: test.thenStart)
        target.test?.jumpsToOtherwise.append(jump(.jump))
    }

    /// The last step of the plan, when it is `(inc i)` of the variable that the loop's `(< i n)` tests.
    func incrementAtBottom(_ recur: Node.Recur) -> Int? {
        guard let test = recur.target.test, test.operation == .less, let last = recur.plan.last, last.direct,
            case .local(let counter) = test.operands[0].kind, counter === recur.target.locals[last.index],
            !test.operands[0].isLast, !test.operands[1].isLast,
            case .operation(let operation, let operands) = recur.arguments[last.index].kind,
            case .local(let local)? = operands.first?.kind, local === counter
        else { return nil }
        if operation == .increment || (operation == .add && operands[1].smallInteger == 1) { return last.index }
        return nil
    }
}
