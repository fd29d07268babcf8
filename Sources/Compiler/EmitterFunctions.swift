import Machine
import Values

/// Closures: made once when they capture nothing, else over captures placed in registers.
extension Emitter {
    mutating func emit(_ function: Node.Function, into target: Int, at place: Node.Place?) throws(Fault) {
        let prototype = try Emitter.prototype(function)
        if function.captures.isEmpty {
            // Made once, when the code is.
            writeWide(.loadConst, target, constant: .function(prototype.makeClosure()))
            return
        }
        let mark = top
        let first = try self.place(function.captures)
        fixups.append((instructions.count, constant(.object(PrototypeHolder(prototype))), false))
        write(Instruction(.makeClosure, target, first, 0), at: place)
        top = mark
    }

    /// The functions of a `letfn`: closures over the same captures, the first of which is the group itself.
    mutating func emitGroup(_ group: Node.Functions) throws(Fault) {
        var prototypes: [Prototype] = []
        let count = group.captures.count + 1
        for function in group.functions { prototypes.append(try Emitter.prototype(function, captureCount: count)) }
        for local in group.locals { local.register = allocate() }
        let mark = top
        let shared = try self.place([Node(.constant(.object(PrototypeGroup(prototypes))), nil)] + group.captures)
        for (index, local) in group.locals.enumerated() where !group.dead[index] {
            let first = allocate(count)
            for capture in 0..<count { write(Instruction(.copy, first + capture, shared + capture)) }
            fixups.append((instructions.count, constant(.object(PrototypeHolder(prototypes[index]))), false))
            write(Instruction(.makeClosure, local.register, first, 0))
            top = first
        }
        for capture in 0..<count { write(Instruction(.drop, shared + capture)) }
        top = mark
    }
}
