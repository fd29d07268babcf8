import Values

/// Calls beside the two fast paths: several arities, rest parameters, controlling primitives, collections and keywords as
/// functions.
extension Fiber {
    /// Calls `regs[a]` with `count` arguments in the registers after it; the saved state is at the instruction after.
    /// False when the fiber was parked, and is no longer ours.
    @inline(never) func callSlowly(_ a: Int, _ count: Int) throws(Fault) -> Bool {
        // A few steps from callable to callable, as a var that holds a keyword.
        for _ in 0..<16 {
            let regs = state.pointee.registers
            if let closure = Value.borrowedFunction(regs + a) {
                // Its register keeps it until the call is over.
                try enter(closure.takeUnretainedValue(), a, count)
                return true
            }
            switch regs[a] {
            case .native(let callable): return try callNative(unsafeDowncast(callable, to: Native.self), a, count)
            case .keyword, .symbol, .map, .set, .vector:
                let result = try lookup(regs + a, count)
                clear(regs + a + 1, count)
                regs[a] = result
                return true
            case .object(let object):
                let arguments = UnsafeBufferPointer(start: regs + a + 1, count: count)
                if object.kind == .var, let variable = object as? Var {
                    regs[a] = value(of: variable)
                } else if let callee = try object.callee(arguments) {
                    regs[a] = callee
                } else if object.isCallable {
                    let result = try lookup(regs + a, count)
                    clear(regs + a + 1, count)
                    regs[a] = result
                    return true
                } else {
                    throw notCallable(regs[a])
                }
            default: throw notCallable(regs[a])
            }
        }
        throw .illegalState("a function refers to itself through vars")
    }

    private func notCallable(_ value: Value) -> Fault {
        if case .object(let object) = value, let unbound = object as? Unbound {
            return .of(
                .illegalState, "\(unbound.name) is declared but has no value yet",
                hint: "its definition has to run before what calls it")
        }
        let exception = Exception(
            .classCast, "cannot call \(value.briefly): it is not a function",
            hint: value.isNil
                ? "nil is what looking up something that is missing gives"
                : "the first element of a list is called; quote the list, or remove one pair of parentheses")
        exception.blame(value, isUncallable: true)
        return .thrown(exception)
    }

    /// Pushes an activation of `closure` over arguments that lie in registers, packing surplus ones into the rest parameter.
    func enter(_ closure: Closure, _ a: Int, _ count: Int) throws(Fault) {
        if Int(closure.arity) == count {
            return try push(closure.entry, Int(closure.registers), of: closure, at: a, spare: 0)
        }
        if try enterOneOfSeveral(closure, a, count) { return }
        let prototype = prototype(of: closure)
        guard let code = prototype.code(for: count) else {
            throw prototype.arityFault(count)
        }
        try push(
            UnsafePointer(code.instructions), code.registers, of: closure, at: a,
            spare: max(0, count - code.registers))
        // Those of a fixed number of arguments were found above.
        let regs = state.pointee.registers
        let fixed = code.parameters
        var rest = Value.nil
        if count > fixed { rest = .list(Cons.list(UnsafeBufferPointer(start: regs + fixed, count: count - fixed))) }
        clear(regs + fixed, count - fixed)
        store(regs + fixed, rest)
    }

    /// Enters the arity of a closure that takes exactly `count` arguments, beyond the fast path; false when there is none. What
    /// keeps the closure alive is the caller's.
    @inline(never) func enterOneOfSeveral(_ closure: Closure, _ a: Int, _ count: Int) throws(Fault) -> Bool {
        guard let point = closure.entryPoint(count) else { return false }
        try push(point.entry, Int(point.registers), of: closure, at: a, spare: 0)
        return true
    }

    /// Pushes an activation of one arity, whose registers begin after `a`, with room for `spare` more than it names.
    private func push(
        _ entry: UnsafePointer<Instruction>, _ registers: Int, of closure: Closure, at a: Int, spare: Int
    ) throws(Fault) {
        let delta = a + 1
        state.pointee.frame.pointee = Frame(
            pc: state.pointee.pc, delta: Int32(delta), registers: Int32(registers),
            closure: Unmanaged.passUnretained(closure))
        state.pointee.frame += 1
        state.pointee.registers += delta
        state.pointee.pc = entry
        let needed = registers + spare
        if state.pointee.registers + needed > state.pointee.limit || state.pointee.frame >= state.pointee.frameLimit {
            try grow(needed)
        }
    }

    private func prototype(of closure: Closure) -> Prototype {
        // Every closure is made by `Prototype.makeClosure`.
        unsafeDowncast(closure.owner, to: Prototype.self)
    }

    private func callNative(_ native: Native, _ a: Int, _ count: Int) throws(Fault) -> Bool {
        guard native.accepts(count) else { throw native.arityFault(count) }
        let regs = state.pointee.registers
        switch native.kind {
        case .plain(let body):
            let result = try body(Arguments(regs + a + 1, count), self)
            if Meter.unsettled > Fiber.unsettledLimit { try bookMemory() }
            clear(regs + a + 1, count)
            regs[a] = result
            return true
        case .control(let body):
            if count < FewOperands.capacity { return try controlFew(body, a, count) }
            state.pointee.destination = a
            // The operands leave the registers first: a parked fiber is no longer ours to clean, and one whose operation is
            // to run again, after a sequence was realised, finds them back in place.
            let operands = Operands(moving: regs + a, count + 1)
            do throws(Fault) {
                return try perform(try body(operands.arguments, self), a)
            } catch {
                if case .force = error { operands.restore(to: state.pointee.registers + a) }
                throw error
            }
        }
    }

    /// A controlling primitive of few arguments: the operands wait on the native stack, for a channel operation should not
    /// pay for an allocation.
    @inline(never) func controlFew(_ body: Native.ControlBody, _ a: Int, _ count: Int) throws(Fault) -> Bool {
        state.pointee.destination = a
        var few = FewOperands()
        return try withUnsafeMutablePointer(to: &few) { (pointer) throws(Fault) -> Bool in
            let base = UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: Value.self)
            let slots = state.pointee.registers + a
            for index in 0...count {
                (base + index).moveInitialize(from: slots + index, count: 1)
                store(slots + index, .nil)
            }
            // A parked fiber may be gone, with its registers; this is not.
            defer {
                for index in 0...count where Value.holdsObject(base + index) { (base + index).deinitialize(count: 1) }
            }
            do throws(Fault) {
                let control = try body(Arguments(base + 1, count), self)
                if case .parked = control { return false }
                if case .value(let result) = control {
                    store(state.pointee.registers + a, result)
                    return true
                }
                return try perform(control, a)
            } catch {
                if case .force = error { (state.pointee.registers + a).update(from: base, count: count + 1) }
                throw error
            }
        }
    }

    /// Does what a controlling primitive asked, with register `a` for the result. False when the fiber is parked.
    private func perform(_ control: Control, _ a: Int) throws(Fault) -> Bool {
        switch control {
        case .value(let result):
            state.pointee.registers[a] = result
            return true
        case .delivered: return true
        case .parked: return false
        case .call(let function, let values): return try call(function, values, at: a)
        case .apply(let function, let values, let sequence): return try apply(function, values, sequence, at: a)
        }
    }

    /// Calls `function` with `values`; register `a` and those after it are free.
    func call(_ function: Value, _ values: consuming [Value], at a: Int) throws(Fault) -> Bool {
        switch function {
        case .function(let closure):
            guard values.count < Fiber.maximumArguments else {
                throw .illegalArgument(
                    "a function can be applied to at most \(Fiber.maximumArguments) arguments; reduce instead")
            }
            try reserve(a + 1 + values.count)
            let regs = state.pointee.registers
            for (index, value) in values.enumerated() { store(regs + a + 1 + index, value) }
            store(regs + a, function)
            do throws(Fault) { try enter(closure, a, values.count) } catch {
                clear(state.pointee.registers + a, values.count + 1)
                // Room was made for the arguments, elsewhere perhaps.
                state.pointee.isRestored = true
                throw error
            }
            return true
        case .native(let callable):
            // Off the stack, so that any number of arguments fits.
            let native = unsafeDowncast(callable, to: Native.self)
            guard native.accepts(values.count) else { throw native.arityFault(values.count) }
            var operands = consume values
            switch native.kind {
            case .plain(let body):
                let result = try withArguments(&operands) { (arguments) throws(Fault) in
                    do throws(Fault) { return try body(arguments, self) } catch {
                        throw error.named(native.shortName)
                    }
                }
                if Meter.unsettled > Fiber.unsettledLimit { try bookMemory() }
                state.pointee.registers[a] = result
                return true
            case .control(let body):
                state.pointee.destination = a
                let control = try withArguments(&operands) { (arguments) throws(Fault) in try body(arguments, self) }
                return try perform(control, a)
            }
        case .object(let object):
            if let variable = object as? Var { return try call(value(of: variable), values, at: a) }
            let callee = try values.withUnsafeBufferPointer { (buffer) throws(Fault) in try object.callee(buffer) }
            if let callee { return try call(callee, values, at: a) }
            guard object.isCallable else { throw notCallable(function) }
        case .keyword, .symbol, .map, .set, .vector: break
        default: throw notCallable(function)
        }
        let operands = Operands(copying: [function] + values)
        state.pointee.registers[a] = try lookup(operands.base, values.count)
        return true
    }

    /// Gives `body` a window on values that lie in no registers.
    private func withArguments<Result>(
        _ values: inout [Value], _ body: (Arguments) throws(Fault) -> Result
    ) throws(Fault) -> Result {
        // Every empty array is the same, and to borrow it for writing is to write to it, on many threads at once.
        guard !values.isEmpty else { return try body(Arguments(state.pointee.registers, 0)) }
        return try values.withUnsafeMutableBufferPointer { (values) throws(Fault) in
            try body(Arguments(values.baseAddress!, values.count))
        }
    }

    /// How many arguments a call can place in registers.
    static let maximumArguments = 65_000

    /// `(apply function values… sequence)`; a rest parameter receives what is left of the sequence unrealised.
    private func apply(_ function: Value, _ values: [Value], _ sequence: Value, at a: Int) throws(Fault) -> Bool {
        if values.isEmpty, case .native(let callable) = function, case .vector(let vector) = sequence,
            let spread = unsafeDowncast(callable, to: Native.self).spread
        {
            do throws(Fault) { state.pointee.registers[a] = try spread(vector) } catch {
                throw error.named(unsafeDowncast(callable, to: Native.self).shortName)
            }
            if Meter.unsettled > Fiber.unsettledLimit { try bookMemory() }
            return true
        }
        var given = values
        var rest = try Sequences.seq(sequence)
        if case .function(let closure) = function, let variadic = prototype(of: closure).variadic {
            let fixed = max(variadic.parameters, prototype(of: closure).fixed.count - 1)
            while given.count <= fixed, !rest.isNil {
                given.append(try Sequences.first(rest))
                rest = try Sequences.next(rest)
            }
            if !rest.isNil {
                // Put back what goes beyond the named parameters, in front of the unrealised rest.
                while given.count > variadic.parameters { rest = .list(Cons(given.removeLast(), rest)) }
                state.pointee.registers[a] = function
                try push(
                    UnsafePointer(variadic.instructions), variadic.registers, of: closure, at: a, spare: 0)
                let regs = state.pointee.registers
                for (index, value) in given.enumerated() { regs[index] = value }
                regs[variadic.parameters] = rest
                return true
            }
        }
        if case .vector(let vector) = sequence {
            given.reserveCapacity(given.count + vector.count)
            try Sequences.forEach(rest) { (element) throws(Fault) in given.append(element) }
        } else {
            given.append(contentsOf: try Sequences.array(rest))
        }
        return try call(function, consume given, at: a)
    }

    /// A keyword, symbol, map, set or vector called as a function.
    private func lookup(_ callee: Registers, _ count: Int) throws(Fault) -> Value {
        guard count == 1 || count == 2 else {
            throw .of(
                .arity,
                "\(callee[0].briefly) as a function takes 1 or 2 arguments, but was called with \(count == 0 ? "none" : String(count))",
                hint: "it is called with where to look (or what to look up), and perhaps a value for when it is missing"
            )
        }
        let fallback = count == 2 ? callee[2] : .nil
        switch callee[0] {
        case .keyword, .symbol: return try Collections.get(callee[1], callee[0]) ?? fallback
        case .vector(let vector):
            guard count == 1 else {
                throw .of(.arity, "a vector as a function takes 1 argument, but was called with 2")
            }
            guard let index = Collections.position(callee[1]) else {
                throw .type("a vector as a function", expected: "an index", found: callee[1])
            }
            guard index >= 0, index < vector.count else { throw .indexOutOfBounds(index, count: vector.count) }
            return vector[index]
        case .object(let transient as Transient)
        where transient.shape == .vector && Collections.position(callee[1]) == nil:
            throw .type("a transient vector as a function", expected: "an index", found: callee[1])
        case .set, .object(is SortedSet):
            guard count == 1 else { throw .of(.arity, "a set as a function takes 1 argument, but was called with 2") }
            return try Collections.get(callee[0], callee[1]) ?? .nil
        default: return try Collections.get(callee[0], callee[1]) ?? fallback
        }
    }
}

extension Native {
    func arityFault(_ count: Int) -> Fault {
        let takes =
            maximum < 0
            ? "\(minimum) or more"
            : minimum == maximum
                ? minimum == 0 ? "no" : "\(minimum)"
                : maximum == minimum + 1 ? "\(minimum) or \(maximum)" : "\(minimum) to \(maximum)"
        let exception = Exception(
            .arity, "\(name) takes \(takes) \(takes == "1" ? "argument" : "arguments"), but was called with \(count)")
        let (namespace, short) = Names.split(name)
        exception.callee = Callee(
            definition: Definition(namespace: namespace ?? "clojure.core", name: short, isPrivate: false))
        return .thrown(exception)
    }

    /// The name without its namespace.
    var shortName: String { Names.split(name).name }
}

extension Prototype {
    func arityFault(_ count: Int) -> Fault {
        let given = count - (origin?.hidden ?? 0)
        let exception = Exception(
            .arity,
            "\(name ?? "a function") takes \(accepts), but was called with \(given == 0 ? "none" : String(given))")
        exception.callee = Callee(
            definition: name == nil ? nil : origin?.definition, source: origin?.source, span: origin?.span)
        return .thrown(exception)
    }
}

/// Room for the callee and up to three arguments on the native stack: words, of which only those in use are ever values.
struct FewOperands {
    static let capacity = 4
    private typealias Word = (UInt64, UInt64)
    private var words: (Word, Word, Word, Word) = ((0, 0), (0, 0), (0, 0), (0, 0))
}

/// The callee and arguments of a call, out of the registers.
private final class Operands {
    let base: UnsafeMutablePointer<Value>
    let count: Int

    /// Moves `count` registers out and leaves nil.
    init(moving registers: UnsafeMutablePointer<Value>, _ count: Int) {
        self.count = count
        base = .allocate(capacity: count)
        base.moveInitialize(from: registers, count: count)
        registers.initialize(repeating: .nil, count: count)
    }

    init(copying values: [Value]) {
        count = values.count
        base = .allocate(capacity: count)
        base.initialize(from: values, count: count)
    }

    deinit { Release.buffer(base, count: count) }

    var arguments: Arguments { Arguments(base + 1, count - 1) }

    func restore(to registers: UnsafeMutablePointer<Value>) {
        for index in 0..<count { registers[index] = base[index] }
    }
}
