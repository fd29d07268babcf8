import Synchronization
import Values

/// How a run of a fiber ended.
public enum Exit {
    case done(Value)
    case failed(Fault)
    /// The slice is used up; the fiber is ready to go on.
    case preempted
    /// The fiber waits and belongs to whoever will resume it.
    case parked
}

extension Fiber {
    typealias Registers = UnsafeMutablePointer<Value>
    typealias ProgramCounter = UnsafePointer<Instruction>

    /// Runs until the fiber is done, fails, parks, or has taken `fuel` steps (calls and backward jumps).
    ///
    /// The dispatch loop: the one function that may be longer than a screen. Hot operations stand in it, in as few machine
    /// instructions as Swift gives; everything else is a call to a function that takes (registers, instruction), never
    /// values. A comparison whose outcome steers the program counter is a branch (`_slowPath`), not a conditional move.
    /// On return `budget` holds the steps that are left (negative when the slice was used up), so that a scheduler books
    /// what a fiber took even when it parked.
    @inline(never) public func run(spending budget: inout Int) -> Exit {
        let fiber = state
        var pc = fiber.pointee.pc
        var regs = fiber.pointee.registers
        var fp = fiber.pointee.frame
        var fuel = budget
        let outer = Attention.begin(self)
        defer {
            Attention.end(outer)
            budget = fuel
        }
        if let fault = fiber.pointee.pendingFault {
            fiber.pointee.pendingFault = nil
            // Handlers and places are looked up by the instruction before the counter.
            if fiber.pointee.isPreempted { fiber.pointee.pc += 1 }
            fiber.pointee.isPreempted = false
            if let failure = unwind(fault) { return .failed(failure) }
            pc = fiber.pointee.pc
            regs = fiber.pointee.registers
            fp = fiber.pointee.frame
        }
        fiber.pointee.isPreempted = false
        fiber.pointee.isRestored = false
        while true {
            do throws(Fault) {
                while true {
                    var i = pc.pointee
                    pc += 1
                    switch i.op {
                    case .nop: break
                    case .loadNil: store(regs + i.a, .nil)
                    case .loadTrue: store(regs + i.a, .bool(true))
                    case .loadFalse: store(regs + i.a, .bool(false))
                    case .loadInt: store(regs + i.a, .int(Int64(i.wide)))
                    case .loadConst: store(regs + i.a, constant(pc, i.wide).pointee)
                    case .copy: store(regs + i.a, regs[i.b])
                    case .move:
                        (regs + i.a).moveInitialize(from: regs + i.b, count: 1)
                        store(regs + i.b, .nil)
                    case .drop: clear(regs + i.a)
                    case .getVar: store(regs + i.a, cell(pc, i.wide).pointee.load(ordering: .acquiring).pointee)
                    case .getCapture:
                        let captures = (fp - 1).pointee.closure._withUnsafeGuaranteedRef { $0.captures }
                        store(regs + i.a, captures[i.b])
                    case .getSelf: store(regs + i.a, .function((fp - 1).pointee.closure.takeUnretainedValue()))

                    case .add:
                        if case .int(let x) = regs[i.b], case .int(let y) = regs[i.c] {
                            let (r, o) = x.addingReportingOverflow(y)
                            if _fastPath(!o) { store(regs + i.a, .int(r)); continue }
                        }
                        try arithmetic(regs, i)
                    case .subtract:
                        if case .int(let x) = regs[i.b], case .int(let y) = regs[i.c] {
                            let (r, o) = x.subtractingReportingOverflow(y)
                            if _fastPath(!o) { store(regs + i.a, .int(r)); continue }
                        }
                        try arithmetic(regs, i)
                    case .multiply:
                        if case .int(let x) = regs[i.b], case .int(let y) = regs[i.c] {
                            let (r, o) = x.multipliedReportingOverflow(by: y)
                            if _fastPath(!o) { store(regs + i.a, .int(r)); continue }
                        }
                        try arithmetic(regs, i)
                    case .quotient:
                        if case .int(let x) = regs[i.b], case .int(let y) = regs[i.c], y > 0 {
                            store(regs + i.a, .int(x / y)); continue
                        }
                        try arithmetic(regs, i)
                    case .remainder:
                        if case .int(let x) = regs[i.b], case .int(let y) = regs[i.c], y > 0 {
                            store(regs + i.a, .int(x % y)); continue
                        }
                        try arithmetic(regs, i)
                    case .modulo:
                        if case .int(let x) = regs[i.b], case .int(let y) = regs[i.c], y > 0 {
                            let r = x % y
                            store(regs + i.a, .int(r < 0 ? r &+ y : r))
                            continue
                        }
                        try arithmetic(regs, i)
                    case .addInt:
                        if case .int(let x) = regs[i.b] {
                            let (r, o) = x.addingReportingOverflow(Int64(i.signedC))
                            if _fastPath(!o) { store(regs + i.a, .int(r)); continue }
                        }
                        try arithmetic(regs, i)
                    case .multiplyInt:
                        if case .int(let x) = regs[i.b] {
                            let (r, o) = x.multipliedReportingOverflow(by: Int64(i.signedC))
                            if _fastPath(!o) { store(regs + i.a, .int(r)); continue }
                        }
                        try arithmetic(regs, i)
                    case .remainderInt:
                        if case .int(let x) = regs[i.b], i.signedC > 0 {
                            store(regs + i.a, .int(x % Int64(i.signedC))); continue
                        }
                        try arithmetic(regs, i)

                    case .less:
                        if case .int(let x) = regs[i.b], case .int(let y) = regs[i.c] {
                            store(regs + i.a, .bool(x < y))
                        } else {
                            try comparison(regs, i)
                        }
                    case .lessOrEqual:
                        if case .int(let x) = regs[i.b], case .int(let y) = regs[i.c] {
                            store(regs + i.a, .bool(x <= y))
                        } else {
                            try comparison(regs, i)
                        }
                    case .greater:
                        if case .int(let x) = regs[i.b], case .int(let y) = regs[i.c] {
                            store(regs + i.a, .bool(x > y))
                        } else {
                            try comparison(regs, i)
                        }
                    case .greaterOrEqual:
                        if case .int(let x) = regs[i.b], case .int(let y) = regs[i.c] {
                            store(regs + i.a, .bool(x >= y))
                        } else {
                            try comparison(regs, i)
                        }
                    case .equal:
                        if case .int(let x) = regs[i.b], case .int(let y) = regs[i.c] {
                            store(regs + i.a, .bool(x == y))
                        } else {
                            try equality(regs, i)
                        }
                    case .not: test(regs, i, !regs[i.b].isTruthy)
                    case .isNil: test(regs, i, regs[i.b].isNil)
                    case .isSome: test(regs, i, !regs[i.b].isNil)
                    case .isReduced:
                        if case .object(let object) = regs[i.b] {
                            test(regs, i, object.kind == .reduced)
                        } else {
                            test(regs, i, false)
                        }
                    case .isZero:
                        if case .int(let x) = regs[i.b] {
                            store(regs + i.a, .bool(x == 0))
                        } else {
                            try comparison(regs, i)
                        }

                    case .jump: pc += i.wide
                    case .jumpBack:
                        pc += i.wide
                        fuel &-= 1
                        if _slowPath(fuel < 0) {
                            return preempt(pc, regs, fp)
                        }
                    case .jumpIf:
                        if _slowPath(regs[i.a].isTruthy) { pc += i.wide }
                        if i.flags & 1 != 0 { clear(regs + i.a) }
                    case .jumpUnless:
                        switch regs[i.a] {
                        case .nil, .bool(false): pc += i.wide
                        default: if i.flags & 1 != 0 { clear(regs + i.a) }
                        }
                    case .jumpIfNil:
                        if case .nil = regs[i.a] { pc += i.wide } else if i.flags & 1 != 0 { clear(regs + i.a) }
                    case .jumpUnlessNil:
                        if case .nil = regs[i.a] {
                        } else {
                            pc += i.wide
                            if i.flags & 1 != 0 { clear(regs + i.a) }
                        }
                    case .jumpUnlessReduced:
                        // Asked at every step of a reduction, and nearly always of no object at all.
                        if case .object(let object) = regs[i.a], object.kind == .reduced {
                        } else {
                            pc += i.wide
                        }
                        if i.flags & 1 != 0 { clear(regs + i.a) }
                    case .jumpUnlessLess:
                        if case .int(let x) = regs[i.a], case .int(let y) = regs[i.b] {
                            if _slowPath(x >= y) { pc += i.signedC }
                        } else if try !compare(regs, i) {
                            pc += i.signedC
                        }
                    case .jumpUnlessLessOrEqual:
                        if case .int(let x) = regs[i.a], case .int(let y) = regs[i.b] {
                            if _slowPath(x > y) { pc += i.signedC }
                        } else if try !compare(regs, i) {
                            pc += i.signedC
                        }
                    case .jumpUnlessGreater:
                        if case .int(let x) = regs[i.a], case .int(let y) = regs[i.b] {
                            if _slowPath(x <= y) { pc += i.signedC }
                        } else if try !compare(regs, i) {
                            pc += i.signedC
                        }
                    case .jumpUnlessGreaterOrEqual:
                        if case .int(let x) = regs[i.a], case .int(let y) = regs[i.b] {
                            if _slowPath(x < y) { pc += i.signedC }
                        } else if try !compare(regs, i) {
                            pc += i.signedC
                        }
                    case .jumpUnlessEqual:
                        if case .int(let x) = regs[i.a], case .int(let y) = regs[i.b] {
                            if _slowPath(x != y) { pc += i.signedC }
                        } else if try !compare(regs, i) {
                            pc += i.signedC
                        }
                    case .jumpIfEqual:
                        if case .int(let x) = regs[i.a], case .int(let y) = regs[i.b] {
                            if _slowPath(x == y) { pc += i.signedC }
                        } else if try compare(regs, i) {
                            pc += i.signedC
                        }
                    case .jumpUnlessLessOrEqualInt:
                        if case .int(let x) = regs[i.a] {
                            if _slowPath(x > Int64(i.signedB)) { pc += i.signedC }
                        } else if try !compareInt(regs, i) {
                            pc += i.signedC
                        }
                    case .jumpUnlessGreaterInt:
                        if case .int(let x) = regs[i.a] {
                            if _slowPath(x <= Int64(i.signedB)) { pc += i.signedC }
                        } else if try !compareInt(regs, i) {
                            pc += i.signedC
                        }
                    case .jumpUnlessGreaterOrEqualInt:
                        if case .int(let x) = regs[i.a] {
                            if _slowPath(x < Int64(i.signedB)) { pc += i.signedC }
                        } else if try !compareInt(regs, i) {
                            pc += i.signedC
                        }
                    case .jumpUnlessEqualInt:
                        if case .int(let x) = regs[i.a] {
                            if _slowPath(x != Int64(i.signedB)) { pc += i.signedC }
                        } else if try !compareInt(regs, i) {
                            pc += i.signedC
                        }

                    case .jumpBackIfLess:
                        if case .int(let x) = regs[i.a], case .int(let y) = regs[i.b] {
                            if _slowPath(x >= y) { continue }
                        } else if try !compare(regs, i) {
                            continue
                        }
                        pc += i.signedC
                        fuel &-= 1
                        if _slowPath(fuel < 0) {
                            return preempt(pc, regs, fp)
                        }
                    case .jumpBackIfGreater:
                        if case .int(let x) = regs[i.a], case .int(let y) = regs[i.b] {
                            if _slowPath(x <= y) { continue }
                        } else if try !compare(regs, i) {
                            continue
                        }
                        pc += i.signedC
                        fuel &-= 1
                        if _slowPath(fuel < 0) {
                            return preempt(pc, regs, fp)
                        }
                    case .incrementJumpBackIfLess:
                        if case .int(let x) = regs[i.a], case .int(let y) = regs[i.b], _fastPath(x != .max) {
                            store(regs + i.a, .int(x &+ 1))
                            if _slowPath(x &+ 1 >= y) { continue }
                        } else if try !incrementAndCompare(regs, i) {
                            continue
                        }
                        pc += i.signedC
                        fuel &-= 1
                        if _slowPath(fuel < 0) {
                            return preempt(pc, regs, fp)
                        }

                    case .call:
                        fuel &-= 1
                        if _slowPath(fuel < 0) {
                            return preempt(pc - 1, regs, fp)
                        }
                        if case .function(let f) = regs[i.a] {
                            if _fastPath(Int(f.arity) == i.b) {
                                fp.pointee = Frame(
                                    pc: pc, delta: Int32(truncatingIfNeeded: i.a &+ 1), registers: f.registers,
                                    closure: Unmanaged.passUnretained(f))
                                fp += 1
                                pc = f.entry
                                regs += i.a &+ 1
                                if _slowPath(
                                    regs + Int(f.registers) > fiber.pointee.limit || fp >= fiber.pointee.frameLimit)
                                {
                                    save(pc, regs, fp)
                                    try grow(Int(f.registers))
                                    regs = fiber.pointee.registers
                                    fp = fiber.pointee.frame
                                }
                                continue
                            }
                            save(pc, regs, fp)
                            if try enterOneOfSeveral(f, i.a, i.b) {
                                pc = fiber.pointee.pc
                                regs = fiber.pointee.registers
                                fp = fiber.pointee.frame
                                continue
                            }
                        }
                        if case .native = regs[i.a] {
                            let native = entry(UnsafePointer(regs + i.a))
                            if case .plain(let body) = native.pointee.kind, _fastPath(native.pointee.accepts(i.b)) {
                                save(pc, regs, fp)
                                let result = try body(Arguments(regs + i.a + 1, i.b), self)
                                if _slowPath(Meter.unsettled > Fiber.unsettledLimit) { try bookMemory() }
                                if _slowPath(isAskedToStop) { fuel = 0 }
                                clear(regs + i.a + 1, i.b)
                                regs[i.a] = result
                                continue
                            }
                            if case .control(let body) = native.pointee.kind, native.pointee.accepts(i.b),
                                i.b < FewOperands.capacity
                            {
                                save(pc, regs, fp)
                                if try !controlFew(body, i.a, i.b) { return .parked }
                                if _slowPath(isAskedToStop) { fuel = 0 }
                                pc = fiber.pointee.pc
                                regs = fiber.pointee.registers
                                fp = fiber.pointee.frame
                                continue
                            }
                        }
                        save(pc, regs, fp)
                        if try !callSlowly(i.a, i.b) { return .parked }
                        if _slowPath(isAskedToStop) { fuel = 0 }
                        pc = fiber.pointee.pc
                        regs = fiber.pointee.registers
                        fp = fiber.pointee.frame
                    case .subtractInt:
                        guard case .int(let x) = regs[i.b] else {
                            try arithmetic(regs, i)
                            continue
                        }
                        let (r, o) = x.subtractingReportingOverflow(Int64(i.signedC))
                        if _slowPath(o) {
                            try arithmetic(regs, i)
                            continue
                        }
                        store(regs + i.a, .int(r))
                        if i.flags & UInt64(Instruction.goesOn) == 0 { continue }
                        // Recursion counts down: the difference is an argument of the call, which is next.
                        i = pc.pointee
                        pc += 1
                        fallthrough
                    case .callVar:
                        fuel &-= 1
                        if _slowPath(fuel < 0) {
                            return preempt(pc - 1, regs, fp)
                        }
                        // The box is borrowed: it outlives every redefinition of the var.
                        let box = box(in: cell(pc, i.signedC))
                        if case .function(let f) = box.pointee {
                            if _fastPath(Int(f.arity) == i.b) {
                                fp.pointee = Frame(
                                    pc: pc, delta: Int32(truncatingIfNeeded: i.a &+ 1), registers: f.registers,
                                    closure: Unmanaged.passUnretained(f))
                                fp += 1
                                pc = f.entry
                                regs += i.a &+ 1
                                if _slowPath(
                                    regs + Int(f.registers) > fiber.pointee.limit || fp >= fiber.pointee.frameLimit)
                                {
                                    save(pc, regs, fp)
                                    try grow(Int(f.registers))
                                    regs = fiber.pointee.registers
                                    fp = fiber.pointee.frame
                                }
                                continue
                            }
                            save(pc, regs, fp)
                            if try enterOneOfSeveral(f, i.a, i.b) {
                                pc = fiber.pointee.pc
                                regs = fiber.pointee.registers
                                fp = fiber.pointee.frame
                                continue
                            }
                        }
                        if case .native = box.pointee {
                            let native = entry(UnsafePointer(box))
                            if case .plain(let body) = native.pointee.kind, _fastPath(native.pointee.accepts(i.b)) {
                                save(pc, regs, fp)
                                let result = try body(Arguments(regs + i.a + 1, i.b), self)
                                if _slowPath(Meter.unsettled > Fiber.unsettledLimit) { try bookMemory() }
                                if _slowPath(isAskedToStop) { fuel = 0 }
                                clear(regs + i.a + 1, i.b)
                                store(regs + i.a, result)
                                continue
                            }
                            if case .control(let body) = native.pointee.kind, native.pointee.accepts(i.b),
                                i.b < FewOperands.capacity
                            {
                                save(pc, regs, fp)
                                if try !controlFew(body, i.a, i.b) { return .parked }
                                if _slowPath(isAskedToStop) { fuel = 0 }
                                pc = fiber.pointee.pc
                                regs = fiber.pointee.registers
                                fp = fiber.pointee.frame
                                continue
                            }
                        }
                        save(pc, regs, fp)
                        regs[i.a] = box.pointee
                        if try !callSlowly(i.a, i.b) { return .parked }
                        if _slowPath(isAskedToStop) { fuel = 0 }
                        pc = fiber.pointee.pc
                        regs = fiber.pointee.registers
                        fp = fiber.pointee.frame
                    case .callLocal:
                        fuel &-= 1
                        if _slowPath(fuel < 0) {
                            return preempt(pc - 1, regs, fp)
                        }
                        // The function is borrowed from its register, which stays as it is until the call is over.
                        if case .function(let f) = regs[i.c] {
                            if _fastPath(Int(f.arity) == i.b) {
                                fp.pointee = Frame(
                                    pc: pc, delta: Int32(truncatingIfNeeded: i.a &+ 1), registers: f.registers,
                                    closure: Unmanaged.passUnretained(f))
                                fp += 1
                                pc = f.entry
                                regs += i.a &+ 1
                                if _slowPath(
                                    regs + Int(f.registers) > fiber.pointee.limit || fp >= fiber.pointee.frameLimit)
                                {
                                    save(pc, regs, fp)
                                    try grow(Int(f.registers))
                                    regs = fiber.pointee.registers
                                    fp = fiber.pointee.frame
                                }
                                continue
                            }
                            save(pc, regs, fp)
                            if try enterOneOfSeveral(f, i.a, i.b) {
                                pc = fiber.pointee.pc
                                regs = fiber.pointee.registers
                                fp = fiber.pointee.frame
                                continue
                            }
                        }
                        save(pc, regs, fp)
                        if case .native = regs[i.c] {
                            let native = entry(UnsafePointer(regs + i.c))
                            if case .plain(let body) = native.pointee.kind, _fastPath(native.pointee.accepts(i.b)) {
                                let result = try body(Arguments(regs + i.a + 1, i.b), self)
                                if _slowPath(Meter.unsettled > Fiber.unsettledLimit) { try bookMemory() }
                                if _slowPath(isAskedToStop) { fuel = 0 }
                                clear(regs + i.a + 1, i.b)
                                store(regs + i.a, result)
                                continue
                            }
                        }
                        // Over what is there: a call that forced a sequence is run again.
                        regs[i.a] = regs[i.c]
                        if try !callSlowly(i.a, i.b) { return .parked }
                        if _slowPath(isAskedToStop) { fuel = 0 }
                        pc = fiber.pointee.pc
                        regs = fiber.pointee.registers
                        fp = fiber.pointee.frame
                    case .callCapture:
                        fuel &-= 1
                        if _slowPath(fuel < 0) {
                            return preempt(pc - 1, regs, fp)
                        }
                        // Borrowed from the running closure, which its caller keeps.
                        let callee = (fp - 1).pointee.closure._withUnsafeGuaranteedRef { $0.captures } + i.c
                        if case .function(let f) = callee.pointee {
                            if _fastPath(Int(f.arity) == i.b) {
                                fp.pointee = Frame(
                                    pc: pc, delta: Int32(truncatingIfNeeded: i.a &+ 1), registers: f.registers,
                                    closure: Unmanaged.passUnretained(f))
                                fp += 1
                                pc = f.entry
                                regs += i.a &+ 1
                                if _slowPath(
                                    regs + Int(f.registers) > fiber.pointee.limit || fp >= fiber.pointee.frameLimit)
                                {
                                    save(pc, regs, fp)
                                    try grow(Int(f.registers))
                                    regs = fiber.pointee.registers
                                    fp = fiber.pointee.frame
                                }
                                continue
                            }
                            save(pc, regs, fp)
                            if try enterOneOfSeveral(f, i.a, i.b) {
                                pc = fiber.pointee.pc
                                regs = fiber.pointee.registers
                                fp = fiber.pointee.frame
                                continue
                            }
                        }
                        save(pc, regs, fp)
                        if case .native = callee.pointee {
                            let native = entry(UnsafePointer(callee))
                            if case .plain(let body) = native.pointee.kind, _fastPath(native.pointee.accepts(i.b)) {
                                let result = try body(Arguments(regs + i.a + 1, i.b), self)
                                if _slowPath(Meter.unsettled > Fiber.unsettledLimit) { try bookMemory() }
                                if _slowPath(isAskedToStop) { fuel = 0 }
                                clear(regs + i.a + 1, i.b)
                                store(regs + i.a, result)
                                continue
                            }
                        }
                        // Over what is there: a call that forced a sequence is run again.
                        regs[i.a] = callee.pointee
                        if try !callSlowly(i.a, i.b) { return .parked }
                        if _slowPath(isAskedToStop) { fuel = 0 }
                        pc = fiber.pointee.pc
                        regs = fiber.pointee.registers
                        fp = fiber.pointee.frame
                    case .addReturn:
                        if case .int(let x) = regs[i.b], case .int(let y) = regs[i.c] {
                            let (r, o) = x.addingReportingOverflow(y)
                            if _fastPath(!o) {
                                let d = regs - 1
                                clear(d)
                                store(d, .int(r))
                                fp -= 1
                                regs -= Int(fp.pointee.delta)
                                pc = fp.pointee.pc
                                continue
                            }
                        }
                        // The instruction after it returns what this gives.
                        try arithmetic(regs, i)
                    case .addJumpBack:
                        if case .int(let x) = regs[i.b], case .int(let y) = regs[i.c] {
                            let (r, o) = x.addingReportingOverflow(y)
                            if _fastPath(!o) {
                                store(regs + i.a, .int(r))
                                pc += 1 + pc.pointee.wide
                                fuel &-= 1
                                if _slowPath(fuel < 0) { return preempt(pc, regs, fp) }
                                continue
                            }
                        }
                        // The instruction after it jumps.
                        try arithmetic(regs, i)
                    case .jumpUnlessLessInt:
                        guard case .int(let x) = regs[i.a] else {
                            if try !compareInt(regs, i) { pc += i.signedC }
                            continue
                        }
                        if _slowPath(x >= Int64(i.signedB)) {
                            pc += i.signedC
                            continue
                        }
                        if i.flags & UInt64(Instruction.goesOn) == 0 { continue }
                        // Recursion ends: what the smallest give is returned next.
                        i = pc.pointee
                        pc += 1
                        fallthrough
                    case .ret:
                        let d = regs - 1
                        clear(d)
                        d.moveInitialize(from: regs + i.a, count: 1)
                        store(regs + i.a, .nil)
                        fp -= 1
                        regs -= Int(fp.pointee.delta)
                        pc = fp.pointee.pc

                    case .first, .next, .rest, .seq, .count: try sequence(regs, i)
                    case .get: try get(regs, i)
                    case .getOr: if try getOr(regs, i) { pc += 1 }
                    case .nth:
                        if let vector = Value.borrowedVector(regs + i.b), let index = Value.borrowedInt(regs + i.c),
                            let place = vector._withUnsafeGuaranteedRef({ $0.place(of: index) })
                        {
                            // It is read before the vector dies, for both may stand in one register.
                            let element = place.pointee
                            if i.flags & 1 != 0 { clear(regs + i.b) }
                            store(regs + i.a, element)
                            continue
                        }
                        try nth(regs, i)
                    case .element:
                        if case .vector(let vector) = regs[i.b], i.c < vector.count {
                            store(regs + i.a, vector[i.c])
                            if i.flags & 1 != 0 { clear(regs + i.b) }
                            continue
                        }
                        try element(regs, i)
                    case .getKeyword: try getKeyword(regs, i, constant(pc, i.signedC))
                    case .getField: try getField(regs, i, constant(pc, i.signedC))
                    case .cons: try build(regs, i)
                    case .conj: try conjoin(regs, i)
                    case .assoc: try associate(regs, i)
                    case .identical, .makeVector, .makeMap, .makeSet, .makeList, .makeLazy, .isException:
                        try construct(regs, i)
                    case .makeClosure, .makeSibling, .getDynamic: try bind(regs, i, pc, (fp - 1).pointee.closure)
                    case .take:
                        if i.flags & 1 != 0 {
                            save(pc, regs, fp)
                            if try !takeLast(regs, i) { return .parked }
                            continue
                        }
                        let attempt = takeNow(regs, i)
                        if case .done = attempt {
                            if i.flags & UInt64(Instruction.goesOn) == 0 { continue }
                            // Whether that was the end is asked next.
                            let test = pc.pointee
                            pc += 1
                            if case .nil = regs[i.a] { continue }
                            pc += test.wide
                            continue
                        }
                        save(pc, regs, fp)
                        if try !take(regs, i, after: attempt) { return .parked }
                    case .put:
                        let attempt = putNow(regs, i)
                        if case .done = attempt, i.flags & 1 == 0 {
                            store(regs + i.a, .true)
                            // A put is mostly the last thing that a loop does: to ask for that costs less than to go round.
                            i = pc.pointee
                            if i.op == .jumpBack {
                                pc += 1 + i.wide
                            } else if i.op == .incrementJumpBackIfLess, case .int(let x) = regs[i.a],
                                case .int(let y) = regs[i.b], _fastPath(x != .max)
                            {
                                store(regs + i.a, .int(x &+ 1))
                                pc += 1
                                if _slowPath(x &+ 1 >= y) { continue }
                                pc += i.signedC
                            } else {
                                continue
                            }
                            fuel &-= 1
                            if _slowPath(fuel < 0) { return preempt(pc, regs, fp) }
                            continue
                        }
                        save(pc, regs, fp)
                        switch try put(regs, i, after: attempt) {
                        case .goOn: continue
                        case .parked: return .parked
                        case .entered:
                            pc = fiber.pointee.pc
                            regs = fiber.pointee.registers
                            fp = fiber.pointee.frame
                        }
                    case .choose:
                        save(pc + i.signedC, regs, fp)
                        switch try choose(regs, i) {
                        case .done: pc += i.signedC
                        case .parked: return .parked
                        case .untried: break
                        }
                    case .swap:
                        save(pc, regs, fp)
                        if let result = swap(regs + i.a + 1, i.b) {
                            if _slowPath(Meter.unsettled > Fiber.unsettledLimit) { try bookMemory() }
                            clear(regs + i.a + 1, i.b)
                            store(regs + i.a, result)
                            pc += i.signedC
                        }
                        fuel &-= 1
                        if _slowPath(isAskedToStop) { fuel = 0 }
                    case .spawn:
                        save(pc, regs, fp)
                        if let result = start(regs + i.a + 1, regs + i.a + 3, i.b, i.flags & 2 != 0) {
                            if _slowPath(Meter.unsettled > Fiber.unsettledLimit) { try bookMemory() }
                            store(regs + i.a, result)
                            pc += i.signedC
                        }
                        fuel &-= 1
                    case .makeChannel:
                        store(regs + i.a, .object(Channel(.fixed(0))))
                        if _slowPath(Meter.unsettled > Fiber.unsettledLimit) {
                            save(pc, regs, fp)
                            try bookMemory()
                        }
                    case .throw, .rethrow: try raise(regs, i)
                    case .claim:
                        switch try claim(regs, i) {
                        case .granted: break
                        case .realized: pc += Realizer.exit - 1
                        case .taken:
                            return preempt(pc - 1, regs, fp)
                        }
                    case .publish: pc += try publish(regs, i)
                    case .resume:
                        resume(regs, fuel)
                        fp -= 1
                        regs -= Int(fp.pointee.delta)
                        pc = fp.pointee.pc - 1
                        fiber.pointee.forcedAt = pc
                    case .halt:
                        save(pc, regs, fp)
                        return .done(take(regs + i.a))
                    }
                }
            } catch {
                if fiber.pointee.isRestored { fiber.pointee.isRestored = false } else { save(pc, regs, fp) }
                if case .force(let lazy) = error {
                    if _slowPath(lazy === Attention.pause) {
                        fuel = -1
                        return preempt(pc - 1, regs, fp)
                    }
                    do throws(Fault) { try force(lazy, fuel) } catch {
                        fiber.pointee.isRestored = false
                        if let failure = unwind(error) { return .failed(failure) }
                    }
                } else if let failure = unwind(error) {
                    return .failed(failure)
                }
                pc = fiber.pointee.pc
                regs = fiber.pointee.registers
                fp = fiber.pointee.frame
            }
        }
    }

    /// `run(spending:)` for callers that do not ask what is left.
    public func run(fuel: Int) -> Exit {
        var budget = fuel
        return run(spending: &budget)
    }

    /// What the interpreter needs of the primitive in `slot`, which keeps it alive: no reference is counted on the call path.
    @inline(__always) func entry(_ slot: UnsafePointer<Value>) -> UnsafePointer<Native.Entry> {
        // A class payload is the first word of a value.
        Unmanaged<Native>.fromOpaque(UnsafeRawPointer(slot).load(as: UnsafeRawPointer.self))._withUnsafeGuaranteedRef {
            $0.entry
        }
    }

    @inline(__always) func save(_ pc: ProgramCounter, _ regs: Registers, _ fp: UnsafeMutablePointer<Frame>) {
        state.pointee.pc = pc
        state.pointee.registers = regs
        state.pointee.frame = fp
    }

    /// Bytes that may be allocated on a thread before they are booked, whatever is left of the slice.
    static let unsettledLimit: Int64 = 1 << 20

    /// Books what was allocated, so that few steps that double what they hold do not pass the limit by much.
    @inline(never) func bookMemory() throws(Fault) { try instance.account.settle(steps: 0) }

    /// Asked after every native operation, each of which may take long: a slice is counted in steps, not in time.
    @inline(__always) private var isAskedToStop: Bool { interrupt.load(ordering: .relaxed) != 0 }

    /// Ends a slice before the instruction at `pc`.
    @inline(never) private func preempt(_ pc: ProgramCounter, _ regs: Registers, _ fp: UnsafeMutablePointer<Frame>)
        -> Exit
    {
        save(pc, regs, fp)
        state.pointee.isPreempted = true
        return .preempted
    }

    @inline(__always) func store(_ slot: Registers, _ value: consuming Value) { slot.initialize(to: value) }

    @inline(__always) func take(_ slot: Registers) -> Value {
        let value = slot.move()
        slot.initialize(to: .nil)
        return value
    }

    /// Empties a slot that may hold an object.
    @inline(__always) func clear(_ slot: Registers) {
        if Value.holdsObject(slot) { release(slot) }
    }

    @inline(never) private func release(_ slot: Registers) { slot.pointee = .nil }

    @inline(__always) func clear(_ slots: Registers, _ count: Int) {
        var index = 0
        while index < count {
            clear(slots + index)
            index &+= 1
        }
    }

    @inline(__always) func test(_ regs: Registers, _ i: Instruction, _ outcome: Bool) {
        if i.flags & 1 != 0 { clear(regs + i.b) }
        store(regs + i.a, .bool(outcome))
    }

    /// The constant at `distance` from the instruction after.
    @inline(__always) func constant(_ pc: ProgramCounter, _ distance: Int) -> UnsafePointer<Value> {
        UnsafeRawPointer(pc + distance).assumingMemoryBound(to: Value.self)
    }

    /// The var cell whose address stands in the constant at `distance`.
    @inline(__always) func cell(_ pc: ProgramCounter, _ distance: Int) -> Var.Cell {
        Var.Cell(bitPattern: UnsafeRawPointer(pc + distance).load(as: Int.self)).unsafelyUnwrapped
    }

    /// The root in a cell. Loaded as the word that it is, for a pointer would be checked for being one: an `Atomic` has the
    /// layout of its value.
    @inline(__always) private func box(in cell: Var.Cell) -> UnsafeMutablePointer<Value> {
        let word = UnsafeMutableRawPointer(cell).assumingMemoryBound(to: Atomic<UInt>.self)
        return UnsafeMutablePointer(bitPattern: word.pointee.load(ordering: .acquiring)).unsafelyUnwrapped
    }

    /// Makes room for the activation just pushed, which needs `needed` registers, and for the frame after it. When that
    /// cannot be, the activation is taken back and the call throws.
    @inline(never) func grow(_ needed: Int) throws(Fault) {
        do throws(Fault) {
            if depth > instance.account.limits.depth { throw stackOverflow() }
            try reserve(needed)
            let used = depth
            if used >= frameCapacity { try growFrames(used) }
        } catch {
            state.pointee.frame -= 1
            state.pointee.pc = state.pointee.frame.pointee.pc
            state.pointee.registers -= Int(state.pointee.frame.pointee.delta)
            state.pointee.isRestored = true
            throw error
        }
    }

    /// Makes room for `needed` registers from the current activation's first.
    func reserve(_ needed: Int) throws(Fault) {
        let base = base
        let used = state.pointee.registers - base
        let old = self.capacity
        guard used + needed > old else { return }
        let capacity = max(old * 2, used + needed)
        try instance.account.reserve((capacity - old) * 16)
        let bigger = Registers.allocate(capacity: capacity)
        bigger.moveInitialize(from: base, count: old)
        (bigger + old).initialize(repeating: .nil, count: capacity - old)
        Meter.charge((capacity - old) * 16)
        moveRegisters(to: bigger, capacity: capacity)
    }

    private func growFrames(_ used: Int) throws(Fault) {
        let old = frameCapacity
        // No more than the limit, so that the call after the last one allowed comes here again.
        let capacity = max(used + 1, min(old * 2, instance.account.limits.depth + 1))
        try instance.account.reserve((capacity - old) * 24)
        let bigger = UnsafeMutablePointer<Frame>.allocate(capacity: capacity)
        bigger.moveInitialize(from: frames, count: used)
        Meter.charge((capacity - old) * 24)
        moveFrames(to: bigger, capacity: capacity)
    }

    private func stackOverflow() -> Fault {
        .of(
            .stackOverflow, "the call stack is \(instance.account.limits.depth) calls deep",
            hint: "a function calls itself without end, or recursion goes too deep: use loop/recur or a sequence")
    }
}
