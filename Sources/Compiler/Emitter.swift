import Machine
import Values

/// Gives registers to locals and writes the instructions of one arity.
///
/// Registers are a stack: parameters, then locals, then temporaries. `emit(_:into:)` leaves the value of a node in a
/// register that is dead until then; `operand(_:)` gives a register to read it from, the local's own where possible.
struct Emitter {
    var instructions: [Instruction] = []
    var constants: [Value] = []
    var fixups: [(instruction: Int, constant: Int, isWide: Bool)] = []
    var handlers: [Code.Handler] = []
    var places: [Code.Place] = []
    /// First free register, and the most that were in use.
    var top = 0
    /// A jump does not reach.
    var isTooLarge = false
    var most = 0
    /// Elements of a literal, and arguments of a call, that are placed in registers at once.
    static let maximumLiteral = 4_000
    static let maximumArguments = 4_000
    /// Registers of one function.
    static let maximumRegisters = 32_000

    /// The prototype of a function, and of those within it.
    static func prototype(_ function: Node.Function, captureCount: Int? = nil) throws(Fault) -> Prototype {
        var codes: [Code] = []
        for arity in function.arities { codes.append(try code(arity)) }
        return Prototype(
            name: function.name, arities: codes, captureCount: captureCount ?? function.captures.count,
            origin: function.origin)
    }

    static func code(_ arity: Arity) throws(Fault) -> Code {
        var emitter = Emitter()
        for parameter in arity.parameters { parameter.register = emitter.allocate() }
        arity.target.head = 0
        emitter.drop(arity.dropsAtEntry)
        try emitter.emitTail(arity.body)
        return try emitter.finish(arity)
    }

    private init() {}

    mutating func finish(_ arity: Arity) throws(Fault) -> Code {
        guard most < Emitter.maximumRegisters else {
            throw Emitter.tooLarge("needs more than \(Emitter.maximumRegisters) registers", places)
        }
        for fixup in fixups {
            let distance = Code.distance(from: fixup.instruction, toConstant: fixup.constant, count: instructions.count)
            let old = instructions[fixup.instruction]
            if fixup.isWide {
                instructions[fixup.instruction] = Instruction(old.op, old.a, wide: distance, flags: Int(old.flags))
            } else {
                if distance >= 32_768 { isTooLarge = true }
                instructions[fixup.instruction] = Instruction(old.op, old.a, old.b, distance, flags: Int(old.flags))
            }
        }
        guard !isTooLarge else { throw Emitter.tooLarge("has more than 32,767 instructions", places) }
        join()
        return Code(
            instructions, constants: constants, parameters: arity.parameters.count - (arity.isVariadic ? 1 : 0),
            isVariadic: arity.isVariadic, registers: max(most, 1), handlers: handlers, places: places)
    }

    /// Marks the instructions that go straight on to the one behind them, which can still be jumped to.
    private mutating func join() {
        for index in instructions.indices.dropLast() {
            switch (instructions[index].op, instructions[index + 1].op) {
            case (.subtractInt, .callVar), (.jumpUnlessLessInt, .ret):
                instructions[index] |= UInt64(Instruction.goesOn) << 8
            case (.take, .jumpUnlessNil):
                // The test is of what was taken, which it leaves.
                let test = instructions[index + 1]
                if test.a == instructions[index].a, test.flags & 1 == 0 {
                    instructions[index] |= UInt64(Instruction.goesOn) << 8
                }
            default: break
            }
        }
    }

    static func tooLarge(_ what: String, _ places: [Code.Place]) -> Fault {
        let exception = Exception(
            .compiler, "a function is too large: it \(what)", hint: "split it into several functions")
        if let place = places.first {
            exception.trace = [TraceFrame(function: nil, source: place.source, span: place.span)]
        }
        return .thrown(exception)
    }

    // MARK: Writing

    mutating func write(_ instruction: Instruction, at place: Node.Place? = nil) {
        if let place, places.last?.span != place.span || places.last?.source !== place.source {
            places.append(
                Code.Place(start: instructions.count, source: place.source, span: place.span, macro: place.macro))
        }
        instructions.append(instruction)
    }

    mutating func constant(_ value: Value) -> Int {
        constants.append(value)
        return constants.count - 1
    }

    mutating func writeWide(_ op: Opcode, _ a: Int, constant value: Value, at place: Node.Place? = nil) {
        fixups.append((instructions.count, constant(value), true))
        write(Instruction(op, a, wide: 0), at: place)
    }

    /// A constant that holds a var's cell address; the var itself stands beside it, to stay alive.
    mutating func cellConstant(_ variable: Var) -> Int {
        let index = constant(.int(Int64(Int(bitPattern: variable.cell))))
        _ = constant(.object(variable))
        return index
    }

    mutating func allocate(_ count: Int = 1) -> Int {
        let register = top
        top += count
        most = max(most, top)
        return register
    }

    mutating func drop(_ locals: [Local]) {
        for local in locals where local.register >= 0 { write(Instruction(.drop, local.register)) }
    }

    mutating func jump(_ op: Opcode, _ a: Int = 0, flags: Int = 0) -> Int {
        write(Instruction(op, a, wide: 0, flags: flags))
        return instructions.count - 1
    }

    /// Makes the jump at `index` lead to the next instruction.
    mutating func land(_ index: Int) { land(index, at: instructions.count) }

    mutating func land(_ index: Int, at target: Int) {
        let old = instructions[index]
        let distance = target - (index + 1)
        switch old.op {
        case .jump, .jumpBack, .jumpIf, .jumpUnless, .jumpIfNil, .jumpUnlessNil, .jumpUnlessReduced:
            instructions[index] = Instruction(old.op, old.a, wide: distance, flags: Int(old.flags))
        default:
            if Int(Int16(truncatingIfNeeded: distance)) != distance { isTooLarge = true }
            instructions[index] = Instruction(old.op, old.a, old.b, distance, flags: Int(old.flags))
        }
    }

    // MARK: Values

    /// A register to read a node from; it dies with the reading when `dies`.
    mutating func operand(_ node: Node) throws(Fault) -> (register: Int, dies: Bool) {
        if case .local(let local) = node.kind { return (local.register, node.isLast) }
        let register = allocate()
        try emit(node, into: register)
        return (register, true)
    }

    mutating func emit(_ node: Node, into target: Int) throws(Fault) {
        switch node.kind {
        case .constant(let value): emit(value, into: target)
        case .local(let local):
            if local.register != target || !node.isLast {
                write(Instruction(node.isLast ? .move : .copy, target, local.register))
            }
        case .capture(let index): write(Instruction(.getCapture, target, index))
        case .selfClosure: write(Instruction(.getSelf, target))
        case .sibling(let index): write(Instruction(.makeSibling, target, index), at: node.place)
        case .global(let variable): emit(variable, into: target, at: node.place)
        case .branch(let branch): try emit(branch, into: target)
        case .sequence(let nodes):
            for child in nodes.dropLast() { try emitForEffect(child) }
            if let last = nodes.last { try emit(last, into: target) }
        case .binding(let binding):
            let mark = top
            try emitBinding(binding)
            try emit(binding.body, into: target)
            top = mark
        case .loop(let loop):
            let mark = top
            try emit(loop, into: target)
            top = mark
        case .recur(let recur): try emit(recur)
        case .function(let function): try emit(function, into: target, at: node.place)
        case .functions(let functions):
            let mark = top
            try emitGroup(functions)
            try emit(functions.body, into: target)
            top = mark
        case .call(let callee, let arguments): try emitCall(callee, arguments, into: target, at: node.place)
        case .operation(let operation, let operands): try emit(operation, operands, into: target, at: node.place)
        case .keywordGet(let key, let collection): try emit(.getKeyword, key, collection, into: target, at: node.place)
        case .field(let key, let instance): try emit(.getField, key, instance, into: target, at: node.place)
        case .element(let collection, let index):
            let mark = top
            let source = try operand(collection)
            write(Instruction(.element, target, source.register, index, flags: source.dies ? 1 : 0), at: node.place)
            top = mark
        case .literal(let op, let elements):
            let mark = top
            let first = try place(elements)
            write(Instruction(op, target, first, elements.count), at: node.place)
            top = mark
        case .and(let chain): try emit(chain, leavesWhen: .jumpUnless, into: target)
        case .or(let chain): try emit(chain, leavesWhen: .jumpIf, into: target)
        case .attempt(let attempt): try emit(attempt, into: target)
        case .raise(let value):
            let mark = top
            let register = allocate()
            try emit(value, into: register)
            write(Instruction(.throw, register, flags: 1), at: node.place)
            top = mark
        case .lazy(let function):
            let mark = top
            let thunk = allocate()
            try emit(function, into: thunk, at: node.place)
            write(Instruction(.makeLazy, target, thunk), at: node.place)
            top = mark
        }
    }

    mutating func emit(_ value: Value, into target: Int) {
        switch value {
        case .nil: write(Instruction(.loadNil, target))
        case .bool(true): write(Instruction(.loadTrue, target))
        case .bool(false): write(Instruction(.loadFalse, target))
        case .int(let int) where Int64(Int32(truncatingIfNeeded: int)) == int:
            write(Instruction(.loadInt, target, wide: Int(int)))
        default: writeWide(.loadConst, target, constant: value)
        }
    }

    mutating func emit(_ variable: Var, into target: Int, at place: Node.Place?) {
        if variable.isDynamic {
            writeWide(.getDynamic, target, constant: .object(variable), at: place)
        } else {
            fixups.append((instructions.count, cellConstant(variable), true))
            write(Instruction(.getVar, target, wide: 0), at: place)
        }
    }

    /// Evaluates a node whose value nobody reads.
    mutating func emitForEffect(_ node: Node) throws(Fault) {
        let mark = top
        defer { top = mark }
        switch node.kind {
        case .constant, .capture, .selfClosure: return
        case .local(let local): if node.isLast { write(Instruction(.drop, local.register)) }
        case .sequence(let nodes): for child in nodes { try emitForEffect(child) }
        case .binding(let binding):
            try emitBinding(binding)
            try emitForEffect(binding.body)
        case .branch(let branch):
            try emit(branch) { (emitter: inout Emitter, side) throws(Fault) in try emitter.emitForEffect(side) }
        default:
            let register = allocate()
            try emit(node.unread, into: register)
            if !node.givesBool { write(Instruction(.drop, register)) }
        }
    }

    /// Evaluates nodes into consecutive registers; the first of them.
    mutating func place(_ nodes: [Node]) throws(Fault) -> Int {
        let first = top
        for node in nodes {
            let register = allocate()
            try emit(node, into: register)
        }
        return first
    }

    /// What is found in a collection under a constant key.
    private mutating func emit(
        _ opcode: Opcode, _ key: Value, _ collection: Node, into target: Int, at place: Node.Place?
    ) throws(Fault) {
        let mark = top
        let source = try operand(collection)
        fixups.append((instructions.count, constant(key), false))
        write(Instruction(opcode, target, source.register, 0, flags: source.dies ? 1 : 0), at: place)
        top = mark
    }

    mutating func emitBinding(_ binding: Node.Binding) throws(Fault) {
        if binding.isOmitted { return }
        let register = allocate()
        if let channel = binding.channel {
            channel.register = allocate()
            try emitChoice(binding.value, into: register, isChannelRead: !binding.isChannelDead)
        } else {
            try emit(binding.value, into: register)
        }
        binding.local.register = register
        if binding.isDead { write(Instruction(.drop, register)) }
    }

    // MARK: Tail position

    /// Evaluates a node and returns from the function with its value.
    mutating func emitTail(_ node: Node) throws(Fault) {
        switch node.kind {
        case .branch(let branch):
            let test = try emitTest(branch.test)
            land(test.jumpsToThen)
            drop(test.drops + branch.dropsThen)
            try emitTail(branch.then)
            land(test.jumpsToOtherwise)
            drop(test.drops + branch.dropsOtherwise)
            try emitTail(branch.otherwise)
        case .sequence(let nodes):
            for child in nodes.dropLast() { try emitForEffect(child) }
            if let last = nodes.last { try emitTail(last) }
        case .binding(let binding):
            let mark = top
            try emitBinding(binding)
            try emitTail(binding.body)
            top = mark
        case .functions(let functions):
            let mark = top
            try emitGroup(functions)
            try emitTail(functions.body)
            top = mark
        case .loop(let loop):
            let mark = top
            try enter(loop)
            try emitLoopBody(loop, tail: true, into: 0)
            top = mark
        case .recur(let recur): try emit(recur)
        case .local(let local) where node.isLast: write(Instruction(.ret, local.register, flags: 1))
        default:
            let mark = top
            let register = allocate()
            try emit(node, into: register)
            if case .operation(.add, _) = node.kind, let last = instructions.last, last.op == .add, last.a == register {
                instructions[instructions.count - 1] = Instruction(
                    .addReturn, last.a, last.b, last.c, flags: Int(last.flags))
            }
            write(Instruction(.ret, register, flags: 1))
            top = mark
        }
    }

    // MARK: Branches

    struct Test {
        var jumpsToThen: [Int] = []
        var jumpsToOtherwise: [Int] = []
        /// Locals to drop when either branch begins.
        var drops: [Local] = []
    }

    mutating func land(_ indices: [Int]) { for index in indices { land(index) } }

    mutating func emit(_ branch: Node.Branch, into target: Int) throws(Fault) {
        try emit(branch) { (emitter: inout Emitter, side) throws(Fault) in try emitter.emit(side, into: target) }
    }

    /// The test, and either side as `emitSide` has it.
    private mutating func emit(
        _ branch: Node.Branch, _ emitSide: (inout Emitter, Node) throws(Fault) -> Void
    ) throws(Fault) {
        let test = try emitTest(branch.test)
        land(test.jumpsToThen)
        drop(test.drops + branch.dropsThen)
        try emitSide(&self, branch.then)
        let end = branch.then.leaves ? nil : Optional(jump(.jump))
        land(test.jumpsToOtherwise)
        drop(test.drops + branch.dropsOtherwise)
        try emitSide(&self, branch.otherwise)
        if let end { land(end) }
    }

    /// Emits a test that falls through when it holds.
    mutating func emitTest(_ node: Node) throws(Fault) -> Test {
        let mark = top
        defer { top = mark }
        switch node.kind {
        case .operation(.not, let operands):
            let inner = try emitTest(operands[0])
            // What falls through must now leave, and what left falls through.
            land(inner.jumpsToThen)
            let leave = jump(.jump)
            land(inner.jumpsToOtherwise)
            return Test(jumpsToOtherwise: [leave], drops: inner.drops)
        case .operation(let operation, let operands):
            if let fused = try emitFused(operation, operands, at: node.place) { return Test(jumpsToOtherwise: [fused]) }
        case .and(let chain):
            var test = Test(drops: chain.dropsAfter)
            for child in chain.nodes {
                let inner = try emitTest(child)
                land(inner.jumpsToThen)
                test.jumpsToOtherwise += inner.jumpsToOtherwise
            }
            return test
        case .or(let chain):
            var test = Test(drops: chain.dropsAfter)
            for (index, child) in chain.nodes.enumerated() {
                let inner = try emitTest(child)
                test.jumpsToThen += inner.jumpsToThen
                if index == chain.nodes.count - 1 {
                    test.jumpsToOtherwise = inner.jumpsToOtherwise
                } else {
                    test.jumpsToThen.append(jump(.jump))
                    land(inner.jumpsToOtherwise)
                }
            }
            return test
        case .constant(let value):
            return value.isTruthy ? Test() : Test(jumpsToOtherwise: [jump(.jump)])
        default: break
        }
        let source = try operand(node)
        return Test(jumpsToOtherwise: [jump(.jumpUnless, source.register, flags: source.dies ? 1 : 0)])
    }

    /// A comparison fused with its jump: the index of the jump to take when it is false.
    mutating func emitFused(_ operation: Operation, _ operands: [Node], at place: Node.Place?) throws(Fault)
        -> Int?
    {
        switch operation {
        case .isNil, .isSome:
            let source = try operand(operands[0])
            return jump(operation == .isNil ? .jumpUnlessNil : .jumpIfNil, source.register, flags: source.dies ? 1 : 0)
        case .isReduced:
            let source = try operand(operands[0])
            return jump(.jumpUnlessReduced, source.register, flags: source.dies ? 1 : 0)
        case .notEqual:
            let (left, right) = try pair(operands[0], operands[1])
            write(
                Instruction(
                    .jumpIfEqual, left.register, right.register, 0, flags: (left.dies ? 1 : 0) | (right.dies ? 2 : 0)),
                at: place)
            return instructions.count - 1
        default: break
        }
        guard let fused = operation.jumpUnless else { return nil }
        if operation == .isPositive || operation == .isNegative {
            let source = try operand(operands[0])
            write(Instruction(fused.immediate, source.register, 0, 0, flags: source.dies ? 1 : 0), at: place)
        } else if let immediate = operands[1].smallInteger {
            let source = try operand(operands[0])
            write(Instruction(fused.immediate, source.register, immediate, 0, flags: source.dies ? 1 : 0), at: place)
        } else {
            let (left, right) = try pair(operands[0], operands[1])
            write(
                Instruction(
                    fused.registers, left.register, right.register, 0, flags: (left.dies ? 1 : 0) | (right.dies ? 2 : 0)
                ), at: place)
        }
        return instructions.count - 1
    }

    mutating func pair(_ left: Node, _ right: Node) throws(Fault) -> (
        (register: Int, dies: Bool), (register: Int, dies: Bool)
    ) {
        let first = try operand(left)
        return (first, try operand(right))
    }

    mutating func emit(_ chain: Node.Chain, leavesWhen op: Opcode, into target: Int) throws(Fault) {
        var exits: [Int] = []
        // Not straight into the target, which may be a local that a later operand reads.
        let register = allocate()
        for (index, node) in chain.nodes.enumerated() {
            try emit(node, into: register)
            if index < chain.nodes.count - 1 {
                exits.append(jump(op, register))
                write(Instruction(.drop, register))
            }
        }
        land(exits)
        drop(chain.dropsAfter)
        write(Instruction(.move, target, register))
        top -= 1
    }
}
