import Machine
import Values

/// `try`, `catch` and `finally`: code for each path, and the handlers that lead to it.
extension Emitter {
    mutating func emit(_ attempt: Node.Attempt, into target: Int) throws(Fault) {
        let mark = top
        defer { top = mark }
        // The value waits in a register of its own: the target may be a local that a handler reads.
        let result = allocate()
        let start = instructions.count
        try emit(attempt.body, into: result)
        // What `finally` guards: everything but itself.
        var guarded = [start..<instructions.count]
        drop(attempt.dropsAfterBody)
        if let finally = attempt.finally { try emitForEffect(finally.normal) }
        var exits = [jump(.jump)]
        if !attempt.catches.isEmpty {
            handlers.append(
                Code.Handler(
                    range: guarded[0], target: instructions.count, register: result + 1, base: result, kind: .catch))
            try emitCatches(attempt, result, &exits, &guarded)
        }
        if let finally = attempt.finally {
            for range in guarded {
                handlers.append(
                    Code.Handler(
                        range: range, target: instructions.count, register: result + 1, base: result, kind: .finally))
            }
            top = result + 2
            most = max(most, top)
            let held = instructions.count
            drop(attempt.dropsAtFinally)
            try emitForEffect(finally.exceptional)
            handlers.append(
                Code.Handler(
                    range: held..<instructions.count, target: 0, register: result + 1, base: result, kind: .holding))
            write(Instruction(.rethrow, result + 1, flags: 1))
        }
        land(exits)
        write(Instruction(.move, target, result))
    }

    mutating func emitCatches(
        _ attempt: Node.Attempt, _ result: Int, _ exits: inout [Int], _ guarded: inout [Range<Int>]
    ) throws(Fault) {
        let caught = result + 1
        top = caught + 1
        most = max(most, top)
        var start = instructions.count
        drop(attempt.dropsAtCatch)
        for (index, clause) in attempt.catches.enumerated() {
            let test = allocate()
            write(Instruction(.isException, test, caught, ExceptionClass.allCases.firstIndex(of: clause.type)!))
            let skip = jump(.jumpUnless, test)
            top = test
            clause.local.register = caught
            if attempt.deadCatches[index] { write(Instruction(.drop, caught)) }
            drop(attempt.dropsInCatch[index])
            try emit(clause.body, into: result)
            guarded.append(start..<instructions.count)
            drop(attempt.dropsAfterCatch)
            if let finally = attempt.finally { try emitForEffect(finally.normal) }
            exits.append(jump(.jump))
            start = instructions.count
            land(skip)
        }
        drop(attempt.dropsUncaught)
        write(Instruction(.throw, caught, flags: 1))
        guarded.append(start..<instructions.count)
    }
}
