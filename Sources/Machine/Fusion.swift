import Values

/// The machine's own code for a reduction of a sequence that was taken apart (see `SequencePrimitives`): what the steps make of
/// each element of the source goes to the function. One activation, however many steps there are.
enum Fusion {
    /// What a step makes of an element; the raw values are what the library writes in a recipe.
    enum Step: UInt8 {
        /// What its function gives.
        case map
        /// The element, when its predicate is true.
        case filter
        /// What its function gives, unless that is nil.
        case keep
    }

    /// What the code goes over, with its arguments after the accumulator; the raw values are what the library asks for.
    enum Source: UInt8 {
        /// One element.
        case element
        /// A vector and its size.
        case vector
        /// A range: its start, step and size.
        case range

        fileprivate var arguments: Int {
            switch self {
            case .element: 1
            case .vector: 2
            case .range: 3
            }
        }
    }

    /// A function of an accumulator and a source, over captures: the reducing function, and then the steps' functions from the
    /// one nearest to the source on. A reduced result is given as it is.
    static func prototype(_ steps: [Step], over source: Source) -> Prototype {
        var body = Body(source)
        body.begin()
        for (index, step) in steps.enumerated() { body.add(step, capture: index + 1) }
        body.finish()
        let code = Code(
            body.instructions, constants: [], parameters: 1 + source.arguments, isVariadic: false,
            registers: body.call + 3)
        return Prototype(name: nil, arities: [code], captureCount: steps.count + 1)
    }

    private struct Body {
        let source: Source
        /// Registers: the accumulator, what is gone over (a range's next element, which starts there), and what else the source
        /// needs; then an index, the element at hand, and a call with two arguments.
        let accumulator = 0
        let over = 1
        let index: Int
        let element: Int
        let call: Int
        var size: Int { source.arguments }
        var instructions: [Instruction] = []
        /// Jumps to where an element is done with.
        private var skips: [Int] = []
        private var head = 0

        init(_ source: Source) {
            self.source = source
            index = 1 + source.arguments
            element = source == .element ? over : index + 1
            call = index + 2
        }

        private mutating func write(_ instruction: Instruction) { instructions.append(instruction) }

        mutating func begin() {
            guard source != .element else { return }
            write(Instruction(.loadInt, index, wide: 0))
            head = instructions.count
            write(Instruction(.jumpUnlessLess, index, size, 0))
            switch source {
            case .vector: write(Instruction(.nth, element, over, index))
            case .range: write(Instruction(.copy, element, over))
            case .element: break
            }
        }

        /// The element's register is empty wherever an element is done with, for what is stored there is stored over it.
        mutating func add(_ step: Step, capture: Int) {
            write(Instruction(step == .filter ? .copy : .move, call + 1, element))
            write(Instruction(.callCapture, call, 1, capture))
            switch step {
            case .map: write(Instruction(.move, element, call))
            case .filter:
                write(Instruction(.jumpIf, call, wide: 2, flags: 1))
                write(Instruction(.drop, element))
                skip(.jump)
            case .keep:
                skip(.jumpIfNil)
                write(Instruction(.move, element, call))
            }
        }

        private mutating func skip(_ opcode: Opcode) {
            skips.append(instructions.count)
            write(Instruction(opcode, call, wide: 0))
        }

        mutating func finish() {
            write(Instruction(.move, call + 1, accumulator))
            write(Instruction(.move, call + 2, element))
            write(Instruction(.callCapture, call, 2, 0))
            write(Instruction(.move, accumulator, call))
            if source != .element {
                // Over the end, which drops what is gone over.
                write(Instruction(.jumpUnlessReduced, accumulator, wide: 1))
                skips.append(instructions.count)
                write(Instruction(.jump, 0, wide: 0))
            }
            let done = instructions.count
            if source == .range { write(Instruction(.add, over, over, 2)) }
            if source != .element {
                write(Instruction(.incrementJumpBackIfLess, index, size, head - instructions.count))
            }
            let end = instructions.count
            if source == .vector { write(Instruction(.drop, over)) }
            write(Instruction(.ret, accumulator))
            for skip in skips {
                // The last of a loop's jumps leaves it.
                let target = source != .element && skip == skips.last ? end : done
                instructions[skip] = Instruction(instructions[skip].op, instructions[skip].a, wide: target - skip - 1)
            }
            if source != .element {
                instructions[head] = Instruction(.jumpUnlessLess, index, size, end - head - 1)
            }
        }
    }
}

/// The code of short fusions, kept by an instance: there are as many as ways to put so few steps in a row.
final class FusionCache: @unchecked Sendable {
    // Sendable: guarded by `lock`.
    private static let longest = 3
    private let lock = Lock()
    private var known: [Int: Prototype] = [:]

    func prototype(_ steps: [Fusion.Step], over source: Fusion.Source) -> Prototype {
        guard steps.count <= FusionCache.longest else { return Fusion.prototype(steps, over: source) }
        let key = steps.reduce(Int(source.rawValue) + 1) { $0 * 4 + Int($1.rawValue) }
        return lock.withLock {
            if let found = known[key] { return found }
            let made = Fusion.prototype(steps, over: source)
            known[key] = made
            return made
        }
    }
}
