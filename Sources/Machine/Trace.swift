import Values

/// Reading a fiber's stack: for exceptions, the REPL and reports.
extension Fiber {
    /// Frames shown of a deep stack: this many of the innermost, and half as many of the outermost.
    static let shownFrames = 30

    /// The script's call stack, innermost first. The state must be saved; `pc` is just after the instruction at fault.
    package func trace() -> [TraceFrame] {
        var found: [TraceFrame] = []
        var depth = 0
        var demands = false
        let total = self.depth
        forEachActivation { pc, frame, _ in
            depth += 1
            if depth <= Fiber.shownFrames || depth > total - Fiber.shownFrames / 2 {
                if frame.pointee.prototype === instance.realizer.owner {
                    demands = true
                } else if var shown = Fiber.traceFrame(frame.pointee.prototype, pc) {
                    shown.demands = demands
                    demands = false
                    found.append(shown)
                }
            } else if depth == Fiber.shownFrames + 1 {
                found.append(TraceFrame(skipped: total - Fiber.shownFrames - Fiber.shownFrames / 2))
            }
            return true
        }
        return found
    }

    /// Where the script's own code stands, or, before it began, where the function is written that is to run; the state must
    /// be saved.
    package var whereabouts: TraceFrame? {
        if let frame = trace().first(where: { $0.span != nil && !$0.isLibrary }) { return frame }
        guard depth == 0, case .function(let closure) = base[0],
            let prototype = closure.owner as? Prototype, let source = prototype.origin?.source, !source.isLibrary
        else { return nil }
        return TraceFrame(function: prototype.label, source: source, span: prototype.origin?.span)
    }

    /// Where the script's own code stands, to be read later; the state must be saved. Costs next to nothing.
    package var position: CodePosition? {
        var found: CodePosition?
        forEachActivation { pc, frame, _ in
            let prototype = frame.pointee.prototype
            guard prototype.origin?.source?.isLibrary != true else { return true }
            found = CodePosition(prototype: prototype, pc: pc)
            return false
        }
        return found
    }

    /// Activations from the innermost on, each with the counter just after the instruction it is at and its registers, for
    /// as long as `body` says so.
    func forEachActivation(
        _ body: (ProgramCounter, UnsafeMutablePointer<Frame>, Registers) -> Bool
    ) {
        var pc = state.pointee.pc
        var frame = state.pointee.frame
        var registers = state.pointee.registers
        while frame > frames {
            frame -= 1
            guard body(pc, frame, registers) else { return }
            pc = frame.pointee.pc
            registers -= Int(frame.pointee.delta)
        }
    }

    fileprivate static func traceFrame(_ prototype: Prototype, _ pc: ProgramCounter) -> TraceFrame? {
        guard let code = prototype.code(containing: pc) else { return nil }
        let index = pc - UnsafePointer(code.instructions) - 1
        // One that has not begun yet, for want of room, is nowhere.
        guard index >= 0 else { return nil }
        let place = code.place(index)
        guard place != nil || prototype.name != nil else { return nil }
        var frame = TraceFrame(function: prototype.label, source: place?.source, span: place?.span)
        frame.definition = prototype.origin?.definition
        frame.macro = place?.macro
        return frame
    }
}

/// A place in code that runs: the instruction before a program counter.
package struct CodePosition: @unchecked Sendable {
    // Sendable: immutable; the prototype keeps alive what the counter points into.
    let prototype: Prototype
    let pc: Fiber.ProgramCounter

    /// The place in the source, if it is known.
    package var frame: TraceFrame? { Fiber.traceFrame(prototype, pc) }
}
