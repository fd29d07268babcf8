import Machine
import Values

/// Calls, and what is compiled to an instruction instead of one.
extension Emitter {
    mutating func emitCall(_ callee: Node, _ arguments: [Node], into target: Int, at place: Node.Place?)
        throws(Fault)
    {
        let mark = top
        // The topmost register, when it is the target, can hold the callee itself.
        let base = target == top - 1 ? target : allocate()
        if let isRead = Operation.isSpawn(callee, arguments) {
            try emitSpawn(callee, arguments, isRead: isRead, at: base, place)
        } else if case .global(let variable) = callee.kind, !variable.isDynamic {
            _ = try self.place(arguments)
            let isSwap = Operation.isSwap(variable, arguments: arguments.count)
            let swap = instructions.count
            if isSwap { write(Instruction(.swap, base, arguments.count, 0), at: place) }
            fixups.append((instructions.count, cellConstant(variable), false))
            write(Instruction(.callVar, base, arguments.count, 0), at: place)
            if isSwap { land(swap) }
        } else if case .local(let local) = callee.kind {
            // Read after the arguments, like any operand.
            _ = try self.place(arguments)
            if callee.isLast {
                try emit(callee, into: base)
                write(Instruction(.call, base, arguments.count), at: place)
            } else {
                write(Instruction(.callLocal, base, arguments.count, local.register), at: place)
            }
        } else if case .capture(let index) = callee.kind {
            _ = try self.place(arguments)
            write(Instruction(.callCapture, base, arguments.count, index), at: place)
        } else {
            try emit(callee, into: base)
            _ = try self.place(arguments)
            write(Instruction(.call, base, arguments.count), at: place)
        }
        if base != target { write(Instruction(.move, target, base)) }
        top = mark
    }

    mutating func emit(_ operation: Operation, _ operands: [Node], into target: Int, at place: Node.Place?)
        throws(Fault)
    {
        let mark = top
        defer { top = mark }
        let op = operation.opcode
        switch operation {
        case .increment, .decrement:
            let source = try operand(operands[0])
            write(
                Instruction(operation.immediateOpcode!, target, source.register, 1, flags: source.dies ? 1 : 0),
                at: place)
        case .isPositive, .isNegative:
            let source = try operand(operands[0])
            let zero = allocate()
            write(Instruction(.loadInt, zero, wide: 0))
            write(Instruction(op, target, source.register, zero, flags: source.dies ? 1 : 0), at: place)
        case .assoc:
            let collection = try operand(operands[0])
            let first = try self.place(Array(operands[1...]))
            write(Instruction(op, target, collection.register, first, flags: collection.dies ? 1 : 0), at: place)
        case .getOr:
            let (collection, key) = try pair(operands[0], operands[1])
            write(
                Instruction(
                    op, target, collection.register, key.register,
                    flags: (collection.dies ? 1 : 0) | (key.dies ? 2 : 0)),
                at: place)
            // One instruction, passed over when there is a value.
            try emit(operands[2], into: target)
        case .put, .putBlocking:
            let (port, value) = try pair(operands[0], operands[1])
            // A put may go on with a call, which is placed at the top; operands above the target die first.
            let base = target == mark - 1 ? target : allocate()
            write(
                Instruction(
                    op, base, port.register, value.register,
                    flags: (port.dies ? 1 : 0) | (value.dies ? 2 : 0) | operation.flags),
                at: place)
            if base != target { write(Instruction(.move, target, base)) }
        case .notEqual:
            let (left, right) = try pair(operands[0], operands[1])
            let equal = allocate()
            write(
                Instruction(
                    op, equal, left.register, right.register, flags: (left.dies ? 1 : 0) | (right.dies ? 2 : 0)),
                at: place)
            write(Instruction(.not, target, equal, flags: 1))
        default:
            if operands.isEmpty {
                write(Instruction(op, target), at: place)
            } else if operands.count == 1 {
                let source = try operand(operands[0])
                // What is taken must not come to stand where a channel does that still lives.
                let isLast = source.dies || op == .take && target == source.register
                write(
                    Instruction(op, target, source.register, flags: (isLast ? 1 : 0) | operation.flags), at: place)
            } else if let immediate = operands[1].smallInteger, let immediateOp = operation.immediateOpcode {
                let source = try operand(operands[0])
                write(
                    Instruction(immediateOp, target, source.register, immediate, flags: source.dies ? 1 : 0), at: place)
            } else {
                let (left, right) = try pair(operands[0], operands[1])
                write(
                    Instruction(
                        op, target, left.register, right.register, flags: (left.dies ? 1 : 0) | (right.dies ? 2 : 0)),
                    at: place)
            }
        }
    }

    /// Starts a fiber by an instruction, and where that cannot by the call that it stands for.
    private mutating func emitSpawn(
        _ callee: Node, _ arguments: [Node], isRead: Bool, at base: Int, _ place: Node.Place?
    ) throws(Fault) {
        _ = try self.place([arguments[0]])
        let dispatch = allocate()
        let given = Array(arguments.dropFirst(2))
        _ = try self.place(given)
        let spawn = instructions.count
        write(Instruction(.spawn, base, given.count, 0, flags: isRead ? 2 : 0), at: place)
        try emit(callee, into: base)
        try emit(Node(.constant(.kw(.go)), place), into: dispatch)
        write(Instruction(.call, base, given.count + 2), at: place)
        land(spawn)
    }

    /// What `alts!` gives, into two registers: at once where that needs no wait, and else by its function.
    mutating func emitChoice(_ node: Node, into target: Int, isChannelRead: Bool) throws(Fault) {
        guard case .call(let callee, let arguments) = node.kind, case .global(let variable) = callee.kind else {
            fatalError("a choice is a call of alts!")
        }
        let mark = top
        let channels = try operand(arguments[0])
        let flags = (channels.dies ? 1 : 0) | (isChannelRead ? 2 : 0)
        write(Instruction(.choose, target, channels.register, 0, flags: flags), at: node.place)
        let choose = instructions.count - 1
        let result = allocate(2)
        write(Instruction(channels.dies ? .move : .copy, result + 1, channels.register))
        fixups.append((instructions.count, cellConstant(variable), false))
        write(Instruction(.callVar, result, 1, 0), at: node.place)
        write(Instruction(.element, target, result, 0), at: node.place)
        if isChannelRead {
            write(Instruction(.element, target + 1, result, 1, flags: 1), at: node.place)
        } else {
            write(Instruction(.drop, result))
        }
        land(choose)
        top = mark
    }
}
