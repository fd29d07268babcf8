import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The machine's own code that realises lazy sequences.
///
/// An operation that meets an unrealised sequence throws `Fault.force`; the loop pushes an activation of this code and then
/// runs the operation again. So a thunk may park its fiber, and no chain of sequences nests native calls. When an operation
/// keeps coming back, it is walking the sequence, and twice as many elements are realised ahead each time: a walk of n
/// elements costs O(n).
enum Realizer {
    /// Registers: how many elements are left to realise, how many there were, the reach of the operation that asked, the
    /// sequence, and its thunk and then the result.
    static let left = 0
    static let asked = 1
    static let reach = 2
    static let sequence = 3
    static let result = 4

    static func function() -> Closure {
        let code = Code(
            [
                Instruction(.claim, result, sequence),
                Instruction(.call, result, 0),
                Instruction(.publish, sequence, result, -3),
                Instruction(.resume),
            ], constants: [], parameters: 1, isVariadic: false, registers: 5)
        return Prototype(name: "lazy-seq", arities: [code], captureCount: 0).makeClosure()
    }

    /// The instruction that `claim` goes on with when the sequence is realised already.
    static let exit = 3

    /// How many elements of `value` lie before the unrealised `lazy`.
    static func position(of lazy: LazySeq, in value: Value) -> Int {
        var position = 0
        var rest = value
        while true {
            switch rest {
            case .list(let list):
                position += 1
                rest = list.rest
            case .seq(let view):
                guard case .chunk(let chunk, let index, let more) = view.source else { return position }
                position += chunk.count - index
                rest = more
            case .lazy(let other):
                guard other !== lazy, let next = try? other.seq() else { return position }
                rest = next
            default: return position
            }
        }
    }

    /// The next unrealised sequence after `seq` and its chunk.
    static func unrealized(after seq: Value) -> LazySeq? {
        var rest = seq
        while true {
            switch rest {
            case .list(let list): rest = list.rest
            case .seq(let view):
                guard case .chunk(_, _, let more) = view.source else { return nil }
                rest = more
            case .lazy(let lazy):
                guard lazy.isRealized, let next = try? lazy.seq() else { return lazy }
                rest = next
            default: return nil
            }
        }
    }
}

extension Fiber {
    /// Elements realised ahead at most, for an operation that walks a sequence.
    static let maximumReach = 1 << 20

    /// Pushes an activation that realises `lazy`, and makes the operation that asked run again after it. `fuel` is what is left of
    /// the slice.
    @inline(never) func force(_ lazy: LazySeq, _ fuel: Int) throws(Fault) {
        let again = state.pointee.pc - 1
        let stepsOfOne =
            switch again.pointee.op {
            case .call, .callVar, .callLocal, .callCapture: 1
            default: 0
            }
        var reach = 1
        if state.pointee.forcedAt == again, state.pointee.fuelAtResume - fuel == stepsOfOne {
            reach = min(state.pointee.reach * 2, Fiber.maximumReach)
        }
        let asked = reachable(reach, lazy, by: again.pointee)
        // Without a frame it is the call that begins the fiber, of so many arguments.
        let delta = depth == 0 ? again.pointee.b + 1 : Int((state.pointee.frame - 1).pointee.registers)
        let code = instance.realizer
        state.pointee.frame.pointee = Frame(
            pc: state.pointee.pc, delta: Int32(delta), registers: code.registers,
            closure: Unmanaged.passUnretained(code))
        state.pointee.frame += 1
        state.pointee.registers += delta
        state.pointee.pc = code.entry
        if state.pointee.registers + Int(code.registers) > state.pointee.limit
            || state.pointee.frame >= state.pointee.frameLimit
        {
            try grow(Int(code.registers))
        }
        let regs = state.pointee.registers
        // Over what is dead.
        store(regs + Realizer.left, .int(Int64(asked)))
        store(regs + Realizer.asked, .int(Int64(asked)))
        store(regs + Realizer.reach, .int(Int64(reach)))
        store(regs + Realizer.sequence, .lazy(lazy))
    }

    /// As much of `reach` as the operation can want: one that asks for an element goes no further than that.
    private func reachable(_ reach: Int, _ lazy: LazySeq, by instruction: Instruction) -> Int {
        guard reach > 1 else { return 1 }
        let index: Int
        switch instruction.op {
        case .first, .rest, .seq: index = 0
        case .next: index = 1
        case .element: index = instruction.c
        case .nth:
            guard case .int(let given) = state.pointee.registers[instruction.c] else { return 1 }
            index = Int(given)
        default: return reach
        }
        return max(1, min(reach, index - Realizer.position(of: lazy, in: state.pointee.registers[instruction.b]) + 1))
    }

    /// Empties the realizer's registers and tells the operation that asked how far it reached.
    @inline(never) func resume(_ regs: Registers, _ fuel: Int) {
        if case .int(let reach) = regs[Realizer.reach] { state.pointee.reach = Int(reach) }
        clear(regs + Realizer.sequence, 2)
        state.pointee.fuelAtResume = fuel
    }

    /// Gives back what a failed realisation claimed. True when it was of an element that nobody has asked for yet: the
    /// operation goes on without it, and meets the failure when it comes there.
    func abandonRealization(_ regs: Registers, _ fault: Fault) -> Bool {
        if case .lazy(let lazy) = regs[Realizer.sequence], lazy.abandon(for: claimant) { instance.tellWaiting(lazy) }
        guard fault.isCatchable, case .int(let left) = regs[Realizer.left], case .int(let asked) = regs[Realizer.asked]
        else {
            return false
        }
        return left < asked
    }

    /// What claims a sequence for this fiber.
    package var claimant: UInt { UInt(bitPattern: ObjectIdentifier(self)) }

    /// The sequence that stopped the fiber because another one realises it: it goes on when that is done, or given up.
    package var awaited: LazySeq? {
        let instruction = state.pointee.pc.pointee
        guard state.pointee.isPreempted, instruction.op == .claim,
            case .lazy(let lazy) = state.pointee.registers[instruction.b]
        else { return nil }
        return lazy
    }

    /// What code that cannot park does when it was stopped by `awaited`: it lets others run for a moment, up to some tenths of
    /// a second in all, for who realises the sequence may stand still because of this very code.
    package func waitBriefly(_ waits: inout Int, _ what: String) throws(Fault) {
        guard awaited != nil else { return }
        waits += 1
        if waits > 200 {
            throw .illegalState("\(what) cannot wait for a sequence that another fiber is realising")
        }
        usleep(1_000)
    }
}

extension Instance {
    /// Tells those who wait for `lazy` that it was realised, or that its claim was given back.
    package func tellWaiting(_ lazy: LazySeq) { _ = try? sequenceReleased.call(lazy) }
}
