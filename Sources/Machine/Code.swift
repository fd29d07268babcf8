import Values

/// The code of one arity of a function: instructions followed by the constants they address.
///
/// Instructions and constants share one allocation, so that a constant is reached from the program counter alone; the
/// limits follow from the encoding: 65,536 registers, and constants of `callVar`, `makeClosure` and `getKeyword` within
/// 32,767 instructions of their use (the emitter says so when a function is larger).
package final class Code: @unchecked Sendable {
    // Sendable: immutable after `init`.
    package let instructions: UnsafeMutablePointer<Instruction>
    package let count: Int
    private let constants: UnsafeMutablePointer<Value>
    private let constantCount: Int
    /// Named parameters, the rest parameter left out.
    package let parameters: Int
    package let isVariadic: Bool
    /// Registers used.
    package let registers: Int
    package let handlers: [Handler]
    package let places: [Place]

    /// What catches a fault thrown within `range`; inner handlers come first.
    package struct Handler: Sendable {
        package var range: Range<Int>
        package var target: Int
        /// Receives the exception (or the held fault, for `finally`).
        package var register: Int
        /// Registers from here on were in use by the guarded code and are released.
        package var base: Int
        package var kind: Kind

        package enum Kind: String, Sendable {
            case `catch`
            /// Also runs for faults that nothing can catch.
            case finally
            /// Catches nothing: within the range, which is a `finally` block on its way, `register` holds the fault that goes
            /// on after it.
            case holding
        }

        package init(range: Range<Int>, target: Int, register: Int, base: Int, kind: Kind) {
            self.range = range
            self.target = target
            self.register = register
            self.base = base
            self.kind = kind
        }
    }

    /// From instruction `start` on, the code was made from this span.
    package struct Place: Sendable {
        package var start: Int
        package var source: Source?
        package var span: Span
        /// The macro that made the code there, when no text has it.
        package var macro: Definition?

        package init(start: Int, source: Source?, span: Span, macro: Definition? = nil) {
            self.start = start
            self.source = source
            self.span = span
            self.macro = macro
        }
    }

    package init(
        _ body: [Instruction], constants values: [Value], parameters: Int, isVariadic: Bool, registers: Int,
        handlers: [Handler] = [], places: [Place] = []
    ) {
        count = body.count
        constantCount = values.count
        let offset = Code.constantOffset(count)
        let raw = UnsafeMutableRawPointer.allocate(
            byteCount: offset + values.count * MemoryLayout<Value>.stride, alignment: 16)
        instructions = raw.bindMemory(to: Instruction.self, capacity: body.count)
        instructions.initialize(from: body, count: body.count)
        constants = (raw + offset).bindMemory(to: Value.self, capacity: max(1, values.count))
        constants.initialize(from: values, count: values.count)
        self.parameters = parameters
        self.isVariadic = isVariadic
        self.registers = registers
        self.handlers = handlers
        self.places = places
        Meter.charge(footprint)
    }

    deinit {
        Meter.credit(footprint)
        constants.deinitialize(count: constantCount)
        UnsafeMutableRawPointer(instructions).deallocate()
    }

    private var footprint: Int { 160 + count * 8 + constantCount * 16 + places.count * 40 }

    /// Bytes from the first instruction to the first constant.
    private static func constantOffset(_ count: Int) -> Int { (count * 8 + 15) & ~15 }

    /// The distance, in 8-byte units from the instruction after `index`, of constant `constant` in a body of `count`.
    package static func distance(from index: Int, toConstant constant: Int, count: Int) -> Int {
        (constantOffset(count) + constant * MemoryLayout<Value>.stride) / 8 - (index + 1)
    }

    /// Every constant; vars stand behind their cells, which are none to look at.
    package var allConstants: UnsafeBufferPointer<Value> { UnsafeBufferPointer(start: constants, count: constantCount) }

    /// The constant at `distance` from the instruction after `index`.
    package func constant(at distance: Int, from index: Int) -> Value {
        UnsafeRawPointer(instructions + index + 1 + distance).assumingMemoryBound(to: Value.self).pointee
    }

    /// The var whose cell is the constant at `distance`: it stands in the constant after, to stay alive.
    package func variable(at distance: Int, from index: Int) -> Var {
        let next = distance + MemoryLayout<Value>.stride / MemoryLayout<Instruction>.stride
        guard case .object(let object) = constant(at: next, from: index), let variable = object as? Var else {
            fatalError("a cell without its var")
        }
        return variable
    }

    package func contains(_ pc: UnsafePointer<Instruction>) -> Bool {
        let start = UnsafePointer(instructions)
        return pc >= start && pc <= start + count
    }

    /// The place of instruction `index`.
    package func place(_ index: Int) -> Place? {
        var low = 0
        var high = places.count
        while low < high {
            let middle = (low + high) / 2
            if places[middle].start <= index { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? nil : places[low - 1]
    }
}

/// A function as compiled: its name and arities; what closures are made of.
package final class Prototype: @unchecked Sendable {
    // Sendable: set once by the emitter before the code is published.
    package let name: String?
    /// The code for exactly n arguments, by n; nil where there is none.
    package let fixed: [Code?]
    package let variadic: Code?
    /// The one arity that calls take the fast path to.
    package let single: Code?
    package let captureCount: Int
    /// For a function of several arities, where its closures find those that take a fixed number of arguments.
    private let entries: UnsafeMutablePointer<Closure.EntryPoint>?
    /// What it is part of; nil for the machine's own code.
    package let origin: Origin?

    /// Where a function is written.
    package struct Origin: Sendable {
        /// The definition that it is part of, or all of.
        package var definition: Definition?
        /// The function's own form; nil for the code of a top-level form.
        package var source: Source?
        package var span: Span?
        /// Parameters before those that are written: a macro's form and environment.
        package var hidden = 0

        package init(definition: Definition?, source: Source?, span: Span?, hidden: Int) {
            self.definition = definition
            self.source = source
            self.span = span
            self.hidden = hidden
        }
    }

    package init(name: String?, arities: [Code], captureCount: Int, origin: Origin? = nil) {
        self.name = name
        self.captureCount = captureCount
        self.origin = origin
        var fixed: [Code?] = []
        var variadic: Code?
        for code in arities {
            if code.isVariadic {
                variadic = code
            } else {
                while fixed.count <= code.parameters { fixed.append(nil) }
                fixed[code.parameters] = code
            }
        }
        self.fixed = fixed
        self.variadic = variadic
        single = arities.count == 1 && variadic == nil ? arities[0] : nil
        guard single == nil, !fixed.isEmpty else {
            entries = nil
            return
        }
        let table = UnsafeMutablePointer<Closure.EntryPoint>.allocate(capacity: fixed.count + 1)
        table.initialize(to: Closure.EntryPoint(entry: nil, registers: Int32(fixed.count)))
        for (count, code) in fixed.enumerated() {
            (table + count + 1).initialize(
                to: Closure.EntryPoint(
                    entry: code.map { UnsafePointer($0.instructions) }, registers: Int32(code?.registers ?? 0)))
        }
        entries = table
    }

    deinit { entries?.deallocate() }

    /// The code that takes `count` arguments.
    package func code(for count: Int) -> Code? {
        if count < fixed.count, let code = fixed[count] { return code }
        if let variadic, count >= variadic.parameters { return variadic }
        return nil
    }

    /// The arity that holds `pc`.
    package func code(containing pc: UnsafePointer<Instruction>) -> Code? {
        if let single { return single }
        for case let code? in fixed where code.contains(pc) { return code }
        return variadic.flatMap { $0.contains(pc) ? $0 : nil }
    }

    /// What the arities take, for an error message: `1 or 2 arguments`, `at least 1 argument`.
    package var accepts: String {
        let hidden = origin?.hidden ?? 0
        var counts = fixed.indices.filter { fixed[$0] != nil }.map { $0 == hidden ? "no" : String($0 - hidden) }
        if let variadic {
            let fewest = variadic.parameters - hidden
            counts.append(fewest == 0 ? "any number of" : "\(fewest) or more")
        }
        let last = counts.popLast() ?? "no"
        let list = counts.isEmpty ? last : counts.joined(separator: ", ") + " or " + last
        return list + (list == "1" ? " argument" : " arguments")
    }

    /// What a call stack calls it; nil for the code of a top-level form.
    package var label: String? {
        if let name { return name }
        guard let origin else { return nil }
        return origin.definition.map { "fn in \($0.name)" } ?? "fn"
    }

    /// A closure whose captures the caller initialises before anybody else sees it; there may be none.
    package func makeClosure(meta: HashMap? = nil) -> Closure {
        let entry = single.map { UnsafePointer($0.instructions) } ?? UnsafePointer(anyCode.instructions)
        return Closure.make(
            entry: entry, arity: single.map { Int32($0.parameters) } ?? -1, registers: Int32(single?.registers ?? 0),
            entries: entries, owner: self, captureCount: captureCount, meta: meta)
    }

    private var anyCode: Code { variadic ?? fixed.compactMap { $0 }[0] }
}
