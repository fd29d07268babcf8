import Values

/// Leaving activations: faults to their handlers, cancelled fibers to their `finally`.
extension Fiber {
    /// Moves the saved state to the handler of `fault`, releasing the activations it leaves. Nil when there is one; else
    /// the fault the fiber has failed with, its stack empty.
    package func unwind(_ fault: Fault) -> Fault? {
        var fault = fault
        if case .thrown(let exception) = fault, exception.trace.isEmpty {
            explain(exception)
            exception.trace = trace()
        }
        if case .exhausted = fault { instance.account.noteWhere(self) }
        while state.pointee.frame > frames {
            let frame = state.pointee.frame - 1
            if let code = frame.pointee.prototype.code(containing: state.pointee.pc), enterHandler(of: code, &fault) {
                return nil
            }
            if frame.pointee.prototype === instance.realizer.owner, abandonRealization(state.pointee.registers, fault) {
                leave(frame)
                state.pointee.pc -= 1
                return nil
            }
            leave(frame)
        }
        return fault
    }

    private func enterHandler(of code: Code, _ fault: inout Fault) -> Bool {
        let index = state.pointee.pc - UnsafePointer(code.instructions) - 1
        let registers = state.pointee.registers
        for handler in code.handlers where handler.range.contains(index) {
            let value: Value
            switch handler.kind {
            case .catch:
                guard case .thrown(let exception) = fault else { continue }
                value = .object(exception)
            case .finally:
                if case .exhausted = fault, instance.account.isGraceOver { continue }
                value = .object(HeldFault(fault))
            case .holding:
                // A `finally` that throws puts its exception in the place of another, never of a budget or a cancellation.
                if fault.isCatchable, case .object(let object) = registers[handler.register],
                    let held = object as? HeldFault,
                    !held.fault.isCatchable
                {
                    fault = held.fault
                }
                continue
            }
            for register in handler.base..<code.registers { registers[register] = .nil }
            registers[handler.register] = value
            state.pointee.pc = UnsafePointer(code.instructions + handler.target)
            return true
        }
        return false
    }

    private func leave(_ frame: UnsafeMutablePointer<Frame>) {
        let registers = state.pointee.registers
        // Before its registers stands what was called; a realiser was not called, and its caller goes on.
        let first = frame.pointee.prototype === instance.realizer.owner ? 0 : -1
        for register in first..<Int(frame.pointee.registers) { registers[register] = .nil }
        state.pointee.registers = registers - Int(frame.pointee.delta)
        state.pointee.pc = frame.pointee.pc
        state.pointee.frame = frame
    }
}

extension Fault {
    /// Whether a script's `catch` sees it.
    public var isCatchable: Bool {
        if case .thrown = self { true } else { false }
    }
}

/// A fault on its way through a `finally` block.
final class HeldFault: Object, @unchecked Sendable {
    // Sendable: immutable.
    let fault: Fault
    init(_ fault: Fault) { self.fault = fault }
}
