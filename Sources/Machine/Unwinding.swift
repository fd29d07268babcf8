import Values

/// Leaving activations: faults to their handlers, cancelled fibers to their `finally`.
extension Fiber {
    /// Moves the saved state to the handler of `fault`, releasing the activations it leaves. False when there is none: the
    /// fiber has failed and its stack is empty.
    package func unwind(_ fault: Fault) -> Bool {
        if case .thrown(let exception) = fault, exception.trace.isEmpty { exception.trace = trace() }
        while state.pointee.frame > state.pointee.frames {
            let frame = state.pointee.frame - 1
            let prototype = Unmanaged<Prototype>.fromOpaque(frame.pointee.prototype.toOpaque()).takeUnretainedValue()
            if let code = prototype.code(containing: state.pointee.pc), enterHandler(of: code, fault) { return true }
            leave(frame, prototype)
        }
        return false
    }

    private func enterHandler(of code: Code, _ fault: Fault) -> Bool {
        let index = state.pointee.pc - UnsafePointer(code.instructions) - 1
        for handler in code.handlers where handler.range.contains(index) && (handler.isFinally || fault.isCatchable) {
            let registers = state.pointee.registers
            for register in handler.base..<code.registers { registers[register] = .nil }
            registers[handler.register] = handler.isFinally ? .object(HeldFault(fault)) : fault.asValue
            state.pointee.pc = UnsafePointer(code.instructions + handler.target)
            return true
        }
        return false
    }

    private func leave(_ frame: UnsafeMutablePointer<Frame>, _ prototype: Prototype) {
        let registers = state.pointee.registers
        // A realisation that failed is given back, so that the next to ask sees the same failure.
        if prototype === instance.realizer, case .lazy(let lazy) = registers[0], !lazy.isRealized { lazy.abandon() }
        for register in -1..<Int(frame.pointee.registers) { registers[register] = .nil }
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

    fileprivate var asValue: Value {
        if case .thrown(let exception) = self { .object(exception) } else { .nil }
    }
}

/// A fault on its way through a `finally` block.
final class HeldFault: Object, @unchecked Sendable {
    // Sendable: immutable.
    let fault: Fault
    init(_ fault: Fault) { self.fault = fault }
}
