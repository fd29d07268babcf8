import Values

/// Reading a fiber's stack: for exceptions, the REPL and reports.
extension Fiber {
    /// Frames shown of a deep stack: this many of the innermost, and half as many of the outermost.
    static let shownFrames = 30

    /// The script's call stack, innermost first. The state must be saved; `pc` is just after the instruction at fault.
    package func trace() -> [TraceFrame] {
        var found: [TraceFrame] = []
        var pc = state.pointee.pc
        var frame = state.pointee.frame
        var depth = 0
        let total = self.depth
        while frame > state.pointee.frames {
            frame -= 1
            if depth < Fiber.shownFrames || depth >= total - Fiber.shownFrames / 2 {
                let prototype = frame.pointee.prototype
                if prototype !== instance.realizer.owner, let code = prototype.code(containing: pc) {
                    let place = code.place(pc - UnsafePointer(code.instructions) - 1)
                    if place != nil || prototype.name != nil {
                        found.append(TraceFrame(function: prototype.name, source: place?.source, span: place?.span))
                    }
                }
            }
            depth += 1
            pc = frame.pointee.pc
        }
        return found
    }
}
