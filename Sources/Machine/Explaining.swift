import Values

/// What an exception says of the call that it came from, found out when it is first thrown: the operation by the name that
/// the script knows it by, and which argument was to blame. Nothing of it is kept ready while all goes well.
extension Fiber {
    func explain(_ exception: Exception) {
        guard state.pointee.frame > frames else { return }
        guard let value = exception.suspect else { return }
        let library = outermostLibraryFunction
        let site = innermostSite
        let written = site.flatMap(writtenName)
        if exception.mismatch?.isNamed == false, let site { nameOperation(exception, site, written, library) }
        findCulprit(value, exception, site, written, library)
    }

    // MARK: The instruction at fault

    /// The call or operation that the innermost activation is at.
    private struct Site {
        /// What may be to blame, in the order it was written.
        var operands: [Value]
        /// By which names it may have been called; empty when it is known by none.
        var names: [String]
        var isPrimitive = false
        /// What it says of itself in messages is its own business: it does not belong to the core.
        var namesItself = false
        /// The last operand is a small number within the instruction, and may be written or not, as in `inc`.
        var immediate = false
        /// It calls a value that was handed over, and no function that it names.
        var callsValue = false
        /// Nil when operands may have been moved away already.
        var callee: Value?
    }

    private func site(_ instruction: Instruction, _ code: Code, _ index: Int, _ registers: Registers) -> Site? {
        let operands: [Int]
        switch instruction.op {
        case .add, .addReturn, .addJumpBack, .subtract, .multiply, .quotient, .remainder, .modulo, .less, .lessOrEqual,
            .greater,
            .greaterOrEqual, .cons, .conj, .get, .getOr, .nth:
            operands = [instruction.b, instruction.c]
        case .assoc: operands = [instruction.b, instruction.c, instruction.c + 1]
        case .addInt, .subtractInt, .multiplyInt, .remainderInt, .isZero, .first, .next, .rest, .seq, .count, .element,
            .take:
            operands = [instruction.b]
        case .jumpUnlessLess, .jumpUnlessLessOrEqual, .jumpUnlessGreater, .jumpUnlessGreaterOrEqual, .jumpBackIfLess,
            .jumpBackIfGreater:
            operands = [instruction.a, instruction.b]
        case .jumpUnlessLessInt, .jumpUnlessLessOrEqualInt, .jumpUnlessGreaterInt, .jumpUnlessGreaterOrEqualInt:
            operands = [instruction.a]
        case .throw: operands = [instruction.a]
        case .put: operands = [instruction.b, instruction.c]
        case .call, .callVar, .callLocal, .callCapture: return call(instruction, code, index, registers)
        default: return nil
        }
        var site = Site(operands: operands.map { registers[$0] }, names: instruction.op.writtenNames)
        switch instruction.op {
        case .addInt, .subtractInt, .multiplyInt, .remainderInt:
            site.immediate = true
            site.operands.append(.int(Int64(instruction.signedC)))
        case .jumpUnlessLessInt, .jumpUnlessLessOrEqualInt, .jumpUnlessGreaterInt, .jumpUnlessGreaterOrEqualInt:
            site.immediate = true
            site.operands.append(.int(Int64(instruction.signedB)))
        default: break
        }
        return site
    }

    private func call(_ instruction: Instruction, _ code: Code, _ index: Int, _ registers: Registers) -> Site {
        let first = instruction.a + 1
        let operands = (first..<first + instruction.b).map { registers[$0] }
        // A local that is no parameter holds what the function itself chose to call.
        let handed =
            instruction.op == .call || instruction.op == .callCapture
            || (instruction.op == .callLocal && instruction.c < code.parameters)
        let callee =
            switch instruction.op {
            case .callVar: code.variable(at: instruction.signedC, from: index).root
            case .callLocal: registers[instruction.c]
            case .callCapture:
                (state.pointee.frame - 1).pointee.closure._withUnsafeGuaranteedRef { $0.captures[instruction.c] }
            default: registers[instruction.a]
            }
        var site = Site(operands: operands, names: [], callsValue: handed, callee: callee)
        if case .native(let callable) = callee {
            let native = unsafeDowncast(callable, to: Native.self)
            site.isPrimitive = true
            site.namesItself = native.name.utf8.count > 1 && native.name.utf8.contains(UInt8(ascii: "/"))
            if !native.name.hasPrefix("sluice.machine/"), !native.name.hasPrefix("sluice.compiler/") {
                site.names = [native.shortName]
            }
            if native.name == "sluice.compiler/host-call", let member = operands.first?.stringValue {
                // `(.member target argument …)`.
                site.operands.removeFirst()
                site.names = [".\(member)"]
            }
            // One that may go on with a call moves its operands away.
            if case .control = native.kind { site.operands = [] }
        }
        return site
    }

    private var innermostSite: Site? {
        let frame = state.pointee.frame - 1
        let pc = state.pointee.pc
        guard let code = frame.pointee.prototype.code(containing: pc) else { return nil }
        let index = pc - UnsafePointer(code.instructions) - 1
        return index < 0 ? nil : site(code.instructions[index], code, index, state.pointee.registers)
    }

    // MARK: Names

    private func nameOperation(
        _ exception: Exception, _ site: Site, _ written: String?, _ library: Definition?
    ) {
        if site.names.isEmpty, !site.isPrimitive { return }
        if let name = site.callsValue ? nil : library?.name {
            // What the library does inside is its own business: the script knows the function that it called.
            _ = Fault.thrown(exception).named(name)
        } else if let macro = placeAtFault?.macro, isOfLibrary(macro) {
            _ = Fault.thrown(exception).named(macro.name)
        } else if !site.namesItself, let written {
            _ = Fault.thrown(exception).named(written)
        }
    }

    /// The name among those that it may have been called by that stands in the text; the first when none does.
    private func writtenName(_ site: Site) -> String? {
        guard site.names.count > 1, let head = headAtFault else { return site.names.first }
        return site.names.first { $0 == head } ?? site.names.first
    }

    private var placeAtFault: Code.Place? {
        let pc = state.pointee.pc
        let code = (state.pointee.frame - 1).pointee.prototype.code(containing: pc)
        return code.flatMap { $0.place(pc - UnsafePointer($0.instructions) - 1) }
    }

    private func isOfLibrary(_ definition: Definition) -> Bool {
        instance.findNamespace(instance.names.intern(nil, definition.namespace))?.isLibrary ?? false
    }

    /// The last part of the symbol that the form at fault begins with, or is.
    private var headAtFault: String? {
        guard let place = placeAtFault, let source = place.source else { return nil }
        var bytes = source.bytes[Int(place.span.start)..<min(Int(place.span.end), source.bytes.count)]
        if bytes.first == UInt8(ascii: "(") { bytes = bytes.dropFirst() }
        let symbol = bytes.prefix { $0 > 0x20 && $0 != UInt8(ascii: "(") && $0 != UInt8(ascii: ")") }
        return Names.split(String(decoding: symbol, as: UTF8.self)).name
    }

    /// The public function of the library that the script called and that the fault happened within; nil when it happened in
    /// the script's own code. What a lazy sequence does when it is realised belongs to the function that made it.
    private var outermostLibraryFunction: Definition? {
        var found: Definition?
        forEachActivation { _, frame, _ in
            let prototype = frame.pointee.prototype
            guard let origin = prototype.origin, origin.source?.isLibrary ?? false, let own = origin.definition else {
                return false
            }
            if !own.isPrivate { found = own }
            return true
        }
        return found
    }

    // MARK: Who is to blame

    /// Looks for the value among the operands of the form in the script that led to the fault.
    private func findCulprit(
        _ value: Value, _ exception: Exception, _ site: Site?, _ written: String?, _ library: Definition?
    ) {
        guard let library else {
            guard let site else { return }
            if exception.isUncallable {
                if site.callee?.isIdentical(to: value) == true {
                    exception.culprit = Culprit(argument: -1, count: site.operands.count, callee: nil)
                }
            } else if let index = exception.mismatch == nil
                // A position or a divisor comes last.
                ? site.operands.lastIndex(where: { $0.isIdentical(to: value) })
                : site.operands.firstIndex(where: { $0.isIdentical(to: value) })
            {
                exception.culprit = Culprit(
                    argument: index, count: site.immediate ? nil : site.operands.count,
                    callee: written)
            }
            return
        }
        // The arguments that the script gave are in the first registers of the library's function, unless they were moved
        // on, which left nil behind.
        guard !value.isNil else { return }
        forEachActivation { pc, frame, registers in
            let prototype = frame.pointee.prototype
            guard let origin = prototype.origin, origin.source?.isLibrary ?? false else { return false }
            if origin.definition === library, prototype.name == library.name, let code = prototype.code(containing: pc)
            {
                // One that calls itself was called by the script furthest out.
                let index = (0..<code.parameters).first { registers[$0].isIdentical(to: value) }
                exception.culprit = index.map {
                    Culprit(argument: $0, count: code.isVariadic ? nil : code.parameters, callee: library.name)
                }
            }
            return true
        }
    }
}

extension Opcode {
    /// The functions of `clojure.core` that the operation may be written as.
    fileprivate var writtenNames: [String] {
        switch self {
        case .add, .addReturn, .addJumpBack: ["+"]
        case .addInt: ["+", "inc"]
        case .subtract: ["-"]
        case .subtractInt: ["-", "dec"]
        case .multiply, .multiplyInt: ["*"]
        case .quotient: ["quot"]
        case .remainder, .remainderInt: ["rem"]
        case .modulo: ["mod"]
        case .less, .jumpUnlessLess, .jumpBackIfLess, .jumpUnlessLessInt: ["<", "neg?"]
        case .lessOrEqual, .jumpUnlessLessOrEqual, .jumpUnlessLessOrEqualInt: ["<="]
        case .greater, .jumpUnlessGreater, .jumpBackIfGreater, .jumpUnlessGreaterInt: [">", "pos?"]
        case .greaterOrEqual, .jumpUnlessGreaterOrEqual, .jumpUnlessGreaterOrEqualInt: [">="]
        case .isZero: ["zero?"]
        case .first, .next, .rest, .seq, .count, .cons, .conj, .get, .nth, .assoc: ["\(self)"]
        case .getOr: ["get"]
        case .element: ["a pattern in brackets"]
        case .take: ["<!", "<!!"]
        case .put: [">!", ">!!"]
        case .throw: ["throw"]
        default: []
        }
    }
}
