import Values

/// The operations' slow and cold parts: out of the loop, on (registers, instruction).
extension Fiber {
    /// Releases operands b and c that die in this instruction.
    @inline(__always) private func releaseOperands(_ regs: Registers, _ i: Instruction) {
        if i.flags & 1 != 0 { clear(regs + i.b) }
        if i.flags & 2 != 0 { clear(regs + i.c) }
    }

    /// Operand b, moved out when it dies.
    @inline(__always) private func operandB(_ regs: Registers, _ i: Instruction) -> Value {
        i.flags & 1 != 0 ? take(regs + i.b) : regs[i.b]
    }

    /// The result is operand b, which dies and has been changed where it stands.
    @inline(__always) private func moveOperandB(_ regs: Registers, _ i: Instruction) {
        guard i.a != i.b else { return }
        (regs + i.a).moveInitialize(from: regs + i.b, count: 1)
        store(regs + i.b, .nil)
    }

    @inline(__always) private func operandC(_ regs: Registers, _ i: Instruction) -> Value {
        i.flags & 2 != 0 ? take(regs + i.c) : regs[i.c]
    }

    @inline(never) func arithmetic(_ regs: Registers, _ i: Instruction) throws(Fault) {
        // Doubles are as common as integers, and hold nothing to release.
        if let result = floating(regs, i) { return store(regs + i.a, .double(result)) }
        let x = regs[i.b]
        var result: Value
        switch i.op {
        case .add, .addReturn, .addJumpBack: result = try Numbers.add(x, regs[i.c])
        case .subtract: result = try Numbers.subtract(x, regs[i.c])
        case .multiply: result = try Numbers.multiply(x, regs[i.c])
        case .quotient: result = try Numbers.quotient(x, regs[i.c])
        case .remainder: result = try Numbers.remainder(x, regs[i.c])
        case .modulo: result = try Numbers.modulo(x, regs[i.c])
        case .addInt: result = try Numbers.add(x, .int(Int64(i.signedC)))
        case .subtractInt: result = try Numbers.subtract(x, .int(Int64(i.signedC)))
        case .multiplyInt: result = try Numbers.multiply(x, .int(Int64(i.signedC)))
        case .remainderInt: result = try Numbers.remainder(x, .int(Int64(i.signedC)))
        default: fatalError("not arithmetic: \(i.op)")
        }
        result = try rounded(result)
        if Meter.unsettled > Fiber.unsettledLimit { try bookMemory() }
        if i.flags & 1 != 0 { clear(regs + i.b) }
        if i.flags & 2 != 0 { clear(regs + i.c) }
        store(regs + i.a, result)
    }

    /// What an operation gives when a double takes part in it; nil for other numbers, and for division with a rest.
    @inline(__always) private func floating(_ regs: Registers, _ i: Instruction) -> Double? {
        switch i.op {
        case .add, .addReturn, .addJumpBack: Value.borrowedDoubles(regs + i.b, regs + i.c).map { $0 + $1 }
        case .subtract: Value.borrowedDoubles(regs + i.b, regs + i.c).map { $0 - $1 }
        case .multiply: Value.borrowedDoubles(regs + i.b, regs + i.c).map { $0 * $1 }
        case .addInt: Value.borrowedDouble(regs + i.b).map { $0 + Double(i.signedC) }
        case .subtractInt: Value.borrowedDouble(regs + i.b).map { $0 - Double(i.signedC) }
        case .multiplyInt: Value.borrowedDouble(regs + i.b).map { $0 * Double(i.signedC) }
        default: nil
        }
    }

    @inline(never) func comparison(_ regs: Registers, _ i: Instruction) throws(Fault) {
        if i.op != .isZero, let (x, y) = Value.borrowedDoubles(regs + i.b, regs + i.c) {
            let outcome =
                switch i.op {
                case .less: x < y
                case .lessOrEqual: x <= y
                case .greater: x > y
                default: x >= y
                }
            return store(regs + i.a, .bool(outcome))
        }
        let outcome: Bool
        switch i.op {
        case .less: outcome = try Numbers.less(regs[i.b], regs[i.c])
        case .lessOrEqual: outcome = try Numbers.lessOrEqual(regs[i.b], regs[i.c])
        case .greater: outcome = try Numbers.less(regs[i.c], regs[i.b])
        case .greaterOrEqual: outcome = try Numbers.lessOrEqual(regs[i.c], regs[i.b])
        case .isZero: outcome = try Numbers.isZero(regs[i.b])
        default: fatalError("not a comparison: \(i.op)")
        }
        if i.flags & 1 != 0 { clear(regs + i.b) }
        if i.op != .isZero, i.flags & 2 != 0 { clear(regs + i.c) }
        store(regs + i.a, .bool(outcome))
    }

    @inline(never) func equality(_ regs: Registers, _ i: Instruction) throws(Fault) {
        let outcome = try equal(regs + i.b, regs + i.c)
        releaseOperands(regs, i)
        store(regs + i.a, .bool(outcome))
    }

    /// `=`, where keywords are what is compared most.
    @inline(__always) private func equal(_ a: Registers, _ b: Registers) throws(Fault) -> Bool {
        if let outcome = Value.keywordsAreEqual(a, b) { return outcome }
        return try a.pointee.equals(b.pointee)
    }

    /// The test of a fused compare-and-jump on operands a and b.
    @inline(never) func compare(_ regs: Registers, _ i: Instruction) throws(Fault) -> Bool {
        if let (x, y) = Value.borrowedDoubles(regs + i.a, regs + i.b) {
            switch i.op {
            case .jumpUnlessLess, .jumpBackIfLess: return x < y
            case .jumpUnlessLessOrEqual: return x <= y
            case .jumpUnlessGreater, .jumpBackIfGreater: return x > y
            case .jumpUnlessGreaterOrEqual: return x >= y
            default: break
            }
        }
        let outcome: Bool
        switch i.op {
        case .jumpUnlessLess, .jumpBackIfLess: outcome = try Numbers.less(regs[i.a], regs[i.b])
        case .jumpUnlessLessOrEqual: outcome = try Numbers.lessOrEqual(regs[i.a], regs[i.b])
        case .jumpUnlessGreater, .jumpBackIfGreater: outcome = try Numbers.less(regs[i.b], regs[i.a])
        case .jumpUnlessGreaterOrEqual: outcome = try Numbers.lessOrEqual(regs[i.b], regs[i.a])
        default: outcome = try equal(regs + i.a, regs + i.b)
        }
        if i.flags & 1 != 0 { clear(regs + i.a) }
        if i.flags & 2 != 0 { clear(regs + i.b) }
        return outcome
    }

    /// The test of a fused compare-and-jump on operand a and the immediate b.
    @inline(never) func compareInt(_ regs: Registers, _ i: Instruction) throws(Fault) -> Bool {
        if let x = Value.borrowedDouble(regs + i.a) {
            switch i.op {
            case .jumpUnlessLessInt: return x < Double(i.signedB)
            case .jumpUnlessLessOrEqualInt: return x <= Double(i.signedB)
            case .jumpUnlessGreaterInt: return x > Double(i.signedB)
            case .jumpUnlessGreaterOrEqualInt: return x >= Double(i.signedB)
            default: break
            }
        }
        let immediate = Value.int(Int64(i.signedB))
        let outcome: Bool
        switch i.op {
        case .jumpUnlessLessInt: outcome = try Numbers.less(regs[i.a], immediate)
        case .jumpUnlessLessOrEqualInt: outcome = try Numbers.lessOrEqual(regs[i.a], immediate)
        case .jumpUnlessGreaterInt: outcome = try Numbers.less(immediate, regs[i.a])
        case .jumpUnlessGreaterOrEqualInt: outcome = try Numbers.lessOrEqual(immediate, regs[i.a])
        default: outcome = try regs[i.a].equals(immediate)
        }
        if i.flags & 1 != 0 { clear(regs + i.a) }
        return outcome
    }

    /// `incrementJumpBackIfLess` on numbers other than small integers.
    @inline(never) func incrementAndCompare(_ regs: Registers, _ i: Instruction) throws(Fault) -> Bool {
        let next = try Numbers.add(regs[i.a], .int(1))
        let outcome = try Numbers.less(next, regs[i.b])
        regs[i.a] = next
        return outcome
    }

    @inline(never) func sequence(_ regs: Registers, _ i: Instruction) throws(Fault) {
        let result: Value
        if i.op == .first, let cell = Value.borrowedList(regs + i.b) {
            // Read before the cell dies, for both may stand in one register.
            result = cell._withUnsafeGuaranteedRef { $0.first }
            if i.flags & 1 != 0 { clear(regs + i.b) }
            return store(regs + i.a, result)
        }
        if i.op == .first, let view = Value.borrowedSeq(regs + i.b) {
            result = view._withUnsafeGuaranteedRef { $0.first }
            if i.flags & 1 != 0 { clear(regs + i.b) }
            return store(regs + i.a, result)
        }
        if i.op == .next, let cell = Value.borrowedList(regs + i.b) {
            result = try cell._withUnsafeGuaranteedRef { cell in Result { () throws(Fault) in try cell.next() } }.get()
            if i.flags & 1 != 0 { clear(regs + i.b) }
            return store(regs + i.a, result)
        }
        if i.flags & 1 != 0, i.op == .next || i.op == .rest, let view = Value.seqSlot(regs + i.b),
            isKnownUniquelyReferenced(&view.pointee), view.pointee.advance()
        {
            return moveOperandB(regs, i)
        }
        switch i.op {
        case .first: result = try Sequences.first(regs[i.b])
        case .next: result = try Sequences.next(regs[i.b])
        case .rest: result = try Sequences.rest(regs[i.b])
        case .seq: result = try Sequences.seq(regs[i.b])
        default: result = .int(Int64(try Sequences.count(regs[i.b])))
        }
        if i.flags & 1 != 0 { clear(regs + i.b) }
        store(regs + i.a, result)
    }

    @inline(never) func get(_ regs: Registers, _ i: Instruction) throws(Fault) {
        if try getOr(regs, i) { return }
        store(regs + i.a, .nil)
    }

    /// Whether collection b has something under key c; a map, which most collections are that are looked into, is not retained
    /// for it.
    @inline(never) func getOr(_ regs: Registers, _ i: Instruction) throws(Fault) -> Bool {
        guard let map = Value.borrowedMap(regs + i.b) else {
            let result = try Collections.get(regs[i.b], regs[i.c])
            releaseOperands(regs, i)
            guard let result else { return false }
            store(regs + i.a, result)
            return true
        }
        guard let place = try place(of: regs + i.c, in: map) else {
            releaseOperands(regs, i)
            return false
        }
        // Read before the map dies, for both may stand in one register.
        let result = place.pointee
        releaseOperands(regs, i)
        store(regs + i.a, result)
        return true
    }

    @inline(__always) private func place(
        of key: UnsafePointer<Value>, in map: Unmanaged<MapNode>
    ) throws(Fault) -> UnsafePointer<Value>? {
        try map._withUnsafeGuaranteedRef { map in Result { () throws(Fault) in try map.place(of: key) } }.get()
    }

    @inline(never) func getKeyword(_ regs: Registers, _ i: Instruction, _ key: UnsafePointer<Value>) throws(Fault) {
        let result: Value?
        if let map = Value.borrowedMap(regs + i.b) {
            result = try place(of: key, in: map)?.pointee
        } else if let place = field(key, regs + i.b, ofRecord: true) {
            result = place.pointee
        } else {
            result = try Collections.get(regs[i.b], key.pointee)
        }
        if i.flags & 1 != 0 { clear(regs + i.b) }
        store(regs + i.a, result ?? .nil)
    }

    /// Where field `key` of the instance in a slot stands; nil when there is none, or the instance hides it.
    @inline(__always) private func field(
        _ key: UnsafePointer<Value>, _ slot: UnsafePointer<Value>, ofRecord: Bool
    ) -> UnsafePointer<Value>? {
        guard let record = RecordObject.borrowed(slot), case .keyword(let name) = key.pointee else { return nil }
        return record._withUnsafeGuaranteedRef { ofRecord && !$0.type.isRecord ? nil : $0.place(of: name) }
    }

    @inline(never) func getField(_ regs: Registers, _ i: Instruction, _ key: UnsafePointer<Value>) throws(Fault) {
        guard let place = field(key, regs + i.b, ofRecord: false) else {
            throw .illegalArgument("\(regs[i.b].briefly) has no field \(key.pointee.briefly)")
        }
        // Read before the instance dies, for both may stand in one register.
        let result = place.pointee
        if i.flags & 1 != 0 { clear(regs + i.b) }
        store(regs + i.a, result)
    }

    @inline(never) func element(_ regs: Registers, _ i: Instruction) throws(Fault) {
        let result = try Collections.nth(regs[i.b], i.c) ?? .nil
        if i.flags & 1 != 0 { clear(regs + i.b) }
        store(regs + i.a, result)
    }

    @inline(never) func nth(_ regs: Registers, _ i: Instruction) throws(Fault) {
        let collection = regs[i.b]
        guard let index = try Collections.index(regs[i.c]) else {
            throw .type("nth", expected: "an integer index", found: regs[i.c])
        }
        guard let result = try Collections.nth(collection, index) else {
            if collection.isNil {
                store(regs + i.a, .nil)
                return
            }
            throw try Collections.missing(index, in: collection)
        }
        releaseOperands(regs, i)
        store(regs + i.a, result)
    }

    /// `assoc`: a map at its last use changes in place.
    @inline(never) func associate(_ regs: Registers, _ i: Instruction) throws(Fault) {
        guard i.flags & 1 != 0, let map = Value.mapSlot(regs + i.b) else { return try build(regs, i) }
        if let node = map.pointee.uniqueNode, node._withUnsafeGuaranteedRef({ $0.replace(taking: regs + i.c) }) {
            return moveOperandB(regs, i)
        }
        if Meter.unsettled > Fiber.unsettledLimit { try bookMemory() }
        try HashMap.set(&map.pointee, regs[i.c], regs[i.c + 1])
        clear(regs + i.c, 2)
        moveOperandB(regs, i)
    }

    /// `conj`: a vector at its last use grows where it stands; taken out of its slot and put back, it would cost as much again.
    @inline(never) func conjoin(_ regs: Registers, _ i: Instruction) throws(Fault) {
        guard i.flags & 1 != 0, let vector = Value.vectorSlot(regs + i.b) else { return try build(regs, i) }
        if Meter.unsettled > Fiber.unsettledLimit { try bookMemory() }
        Vector.append(&vector.pointee, operandC(regs, i))
        moveOperandB(regs, i)
    }

    /// `cons`, and `conj` and `assoc` beyond the commonest: a collection at its last use changes in place.
    @inline(never) func build(_ regs: Registers, _ i: Instruction) throws(Fault) {
        if Meter.unsettled > Fiber.unsettledLimit { try bookMemory() }
        switch i.op {
        case .cons:
            if Value.isSequence(regs + i.c) || regs[i.c].isNil {
                let first = operandB(regs, i)
                let rest = operandC(regs, i)
                return store(regs + i.a, .list(Cons(first, rest, isList: rest.isNil)))
            }
            let result = try Sequences.cons(regs[i.b], regs[i.c])
            releaseOperands(regs, i)
            store(regs + i.a, result)
        case .conj:
            var collection = operandB(regs, i)
            do throws(Fault) {
                try Collections.conj(&collection, regs[i.c])
            } catch {
                // An operation that is run again finds its operand where it was.
                if i.flags & 1 != 0 { store(regs + i.b, collection) }
                throw error
            }
            if i.flags & 2 != 0 { clear(regs + i.c) }
            store(regs + i.a, collection)
        default:
            var collection = operandB(regs, i)
            do throws(Fault) {
                try Collections.assoc(&collection, regs[i.c], regs[i.c + 1])
            } catch {
                if i.flags & 1 != 0 { store(regs + i.b, collection) }
                throw error
            }
            clear(regs + i.c, 2)
            store(regs + i.a, collection)
        }
    }

    @inline(never) func construct(_ regs: Registers, _ i: Instruction) throws(Fault) {
        let result: Value
        switch i.op {
        case .identical:
            result = .bool(regs[i.b].isIdentical(to: regs[i.c]))
            releaseOperands(regs, i)
        case .makeVector:
            result = .vector(Vector(UnsafeBufferPointer(start: regs + i.b, count: i.c)))
            clear(regs + i.b, i.c)
        case .makeList:
            result = .list(Cons.list(UnsafeBufferPointer(start: regs + i.b, count: i.c)))
            clear(regs + i.b, i.c)
        case .makeMap:
            if let map = try HashMap.taking(regs + i.b, count: i.c / 2) {
                (regs + i.b).initialize(repeating: .nil, count: i.c)
                result = .map(map)
            } else {
                // The last of two equal keys has the value.
                var map = HashMap()
                for at in stride(from: i.b, to: i.b + i.c, by: 2) { try HashMap.set(&map, regs[at], regs[at + 1]) }
                result = .map(map)
                clear(regs + i.b, i.c)
            }
        case .makeSet:
            var set = HashSet()
            for index in i.b..<i.b + i.c { try HashSet.insert(&set, regs[index]) }
            result = .set(set)
            clear(regs + i.b, i.c)
        case .makeLazy: return store(regs + i.a, .lazy(LazySeq(thunk: take(regs + i.b))))
        case .isException:
            guard case .object(let object) = regs[i.b], let exception = object as? Exception else {
                result = .false
                break
            }
            result = .bool(exception.type.isKind(of: ExceptionClass.allCases[i.c]))
        default: fatalError("not a constructor: \(i.op)")
        }
        store(regs + i.a, result)
    }

    @inline(never) func bind(
        _ regs: Registers, _ i: Instruction, _ pc: ProgramCounter, _ running: Unmanaged<Closure>
    ) throws(Fault) {
        switch i.op {
        case .makeClosure:
            guard case .object(let holder) = constant(pc, i.signedC).pointee else {
                fatalError("makeClosure without a prototype")
            }
            // The emitter puts nothing else there.
            let prototype = unsafeDowncast(holder, to: PrototypeHolder.self).prototype
            let made = prototype.makeClosure()
            made.captures.moveInitialize(from: regs + i.b, count: prototype.captureCount)
            (regs + i.b).initialize(repeating: .nil, count: prototype.captureCount)
            store(regs + i.a, .function(made))
        case .makeSibling:
            let captured = running._withUnsafeGuaranteedRef { $0.captures }
            guard case .object(let object) = captured[0],
                let group = object as? PrototypeGroup
            else { fatalError("makeSibling outside of a letfn") }
            let prototype = group.prototypes[i.b]
            let made = prototype.makeClosure()
            made.captures.initialize(from: captured, count: prototype.captureCount)
            store(regs + i.a, .function(made))
        default:
            guard case .object(let object) = constant(pc, i.wide).pointee, let variable = object as? Var else {
                fatalError("getDynamic without a var")
            }
            store(regs + i.a, value(of: variable))
        }
    }

    /// The value of a var in this fiber: its innermost binding, else its root.
    public func value(of variable: Var) -> Value {
        if variable.isDynamic, let box = bindings?.find(variable) { return box.value }
        return variable.root
    }

    @inline(never) func raise(_ regs: Registers, _ i: Instruction) throws(Fault) {
        if case .object(let object) = regs[i.a] {
            if let held = object as? HeldFault { throw held.fault }
            if let exception = object as? Exception { throw .thrown(exception) }
        }
        throw .type(
            "throw", expected: "an exception", found: regs[i.a],
            hint: "make one of a message and data: (ex-info \"message\" {:key 1})", as: .illegalArgument)
    }

    enum ClaimOutcome { case granted, realized, taken }

    @inline(never) func claim(_ regs: Registers, _ i: Instruction) throws(Fault) -> ClaimOutcome {
        guard let lazy = Value.borrowedLazy(regs + i.b) else { fatalError("claim of no lazy sequence") }
        switch lazy._withUnsafeGuaranteedRef({ $0.claim(for: claimant) }) {
        case .granted(let thunk):
            store(regs + i.a, thunk)
            return .granted
        case .realized:
            regs[i.b] = .nil
            return .realized
        case .taken: return .taken
        case .circular:
            // The claim belongs to the activation further out.
            regs[i.b] = .nil
            throw .illegalState("a lazy sequence needs its own elements to compute them")
        }
    }

    /// By how many instructions to jump: back to the beginning when the next unrealised sequence stands in register a, to be
    /// realised ahead; to the call when the thunk gave another sequence, whose thunk stands in register b now.
    @inline(never) func publish(_ regs: Registers, _ i: Instruction) throws(Fault) -> Int {
        if let thunk = thunkOfResult(regs + i.b) {
            store(regs + i.b, thunk)
            return i.signedC + 1
        }
        guard let lazy = Value.borrowedLazy(regs + i.a), let left = Value.borrowedInt(regs + Realizer.left) else {
            fatalError("publish outside of the realizer")
        }
        let result = try takeSeq(regs + i.b)
        let next = left > 1 ? Realizer.unrealized(after: result) : nil
        if lazy._withUnsafeGuaranteedRef({ $0.publish(result) }) { instance.tellWaiting(lazy.takeUnretainedValue()) }
        regs[i.a] = .nil
        store(regs + Realizer.left, .int(left - 1))
        guard let next else { return 0 }
        store(regs + i.a, .lazy(next))
        return i.signedC
    }

    /// Moves out what a thunk gave, as `seq` gives it; leaves it when it throws.
    @inline(__always) private func takeSeq(_ slot: Registers) throws(Fault) -> Value {
        switch slot.pointee {
        case .nil, .seq: return take(slot)
        case .list(let cell) where !cell.isEmpty: return take(slot)
        default:
            let result = try Sequences.seq(slot.pointee)
            clear(slot)
            return result
        }
    }

    /// The thunk of an unrealised sequence that only this register holds: it takes the sequence's place, so that a thunk that
    /// gives another sequence, as `filter` does at what it leaves out, nests no activations.
    private func thunkOfResult(_ slot: Registers) -> Value? {
        guard case .lazy = slot.pointee, case .lazy(var inner) = take(slot) else { return nil }
        if isKnownUniquelyReferenced(&inner), case .granted(let thunk) = inner.claim(for: claimant) { return thunk }
        store(slot, .lazy(inner))
        return nil
    }
}

extension Value {
    /// Whether both are the same object, or the same word.
    public func isIdentical(to other: Value) -> Bool {
        switch (self, other) {
        case (.nil, .nil): true
        case (.bool(let a), .bool(let b)): a == b
        case (.int(let a), .int(let b)): a == b
        case (.double(let a), .double(let b)): a == b
        case (.char(let a), .char(let b)): a == b
        case (.keyword(let a), .keyword(let b)): a == b
        case (.symbol(let a), .symbol(let b)): a == b
        case (.shortText(let a), .shortText(let b)): a == b
        case (.longText(let a), .longText(let b)): a.isIdentical(to: b)
        case (.vector(let a), .vector(let b)): a === b
        case (.map(let a), .map(let b)): HashMap.areSame(a, b)
        case (.set(let a), .set(let b)): a === b
        case (.list(let a), .list(let b)): a === b
        case (.lazy(let a), .lazy(let b)): a === b
        case (.seq(let a), .seq(let b)): a === b
        case (.function(let a), .function(let b)): a === b
        case (.native(let a), .native(let b)): a === b
        case (.object(let a), .object(let b)): a === b
        default: false
        }
    }
}

/// Carries a prototype among the constants of a code.
package final class PrototypeHolder: Object, @unchecked Sendable {
    // Sendable: immutable.
    package let prototype: Prototype
    package init(_ prototype: Prototype) { self.prototype = prototype }
}

/// The functions of a `letfn`: capture 0 of each of them, so that each can make the others.
package final class PrototypeGroup: Object, @unchecked Sendable {
    // Sendable: immutable.
    package let prototypes: [Prototype]
    package init(_ prototypes: [Prototype]) { self.prototypes = prototypes }
}
