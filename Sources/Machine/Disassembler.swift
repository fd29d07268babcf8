import Values

/// The text of compiled code, for people: one instruction a line, constants and jump targets spelled out.
package enum Disassembler {
    /// Every arity of a prototype.
    package static func text(of prototype: Prototype) -> String {
        (prototype.fixed.compactMap { $0 } + [prototype.variadic].compactMap { $0 }).map { code in
            "\(prototype.name ?? "fn") (\(code.parameters)\(code.isVariadic ? " &" : "")), \(code.registers) registers\n"
                + text(of: code)
        }.joined(separator: "\n")
    }

    /// One arity.
    package static func text(of code: Code) -> String {
        var lines: [String] = []
        for index in 0..<code.count {
            let line = code.place(index).flatMap { place in
                place.source.map { $0.position(of: Int(place.span.start)).line }
            }
            lines.append(
                "\(index)\t\(describe(code.instructions[index], at: index, in: code))"
                    + (line.map { "\t; line \($0)" } ?? ""))
        }
        for handler in code.handlers {
            lines.append(
                "\(handler.kind.rawValue) \(handler.range.lowerBound)..<\(handler.range.upperBound) → \(handler.target), r\(handler.register)"
            )
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func describe(_ i: Instruction, at index: Int, in code: Code) -> String {
        let dies = ["", " †1", " †2", " †1 †2"][Int(i.flags & 3)]
        let operands: String
        switch i.op {
        case .nop, .resume: operands = ""
        case .loadNil, .loadTrue, .loadFalse, .makeChannel, .drop, .getSelf, .ret, .throw, .rethrow, .halt:
            operands = "r\(i.a)"
        case .loadInt: operands = "r\(i.a) \(i.wide)"
        case .loadConst, .getDynamic: operands = "r\(i.a) \(constant(i.wide, index, code))"
        case .getVar: operands = "r\(i.a) var"
        case .jump, .jumpBack: operands = "→ \(index + 1 + i.wide)"
        case .jumpIf, .jumpUnless, .jumpIfNil, .jumpUnlessNil, .jumpUnlessReduced:
            operands = "r\(i.a) → \(index + 1 + i.wide)"
        case .jumpUnlessLess, .jumpUnlessLessOrEqual, .jumpUnlessGreater, .jumpUnlessGreaterOrEqual, .jumpUnlessEqual,
            .jumpIfEqual, .jumpBackIfLess, .jumpBackIfGreater, .incrementJumpBackIfLess, .publish,
            .choose, .swap, .spawn:
            operands = "r\(i.a) r\(i.b) → \(index + 1 + i.signedC)"
        case .jumpUnlessLessInt, .jumpUnlessLessOrEqualInt, .jumpUnlessGreaterInt, .jumpUnlessGreaterOrEqualInt,
            .jumpUnlessEqualInt:
            operands = "r\(i.a) \(i.signedB) → \(index + 1 + i.signedC)"
        case .addInt, .subtractInt, .multiplyInt, .remainderInt: operands = "r\(i.a) r\(i.b) \(i.signedC)"
        case .getCapture, .makeSibling, .element, .isException: operands = "r\(i.a) \(i.b) \(i.c)"
        case .callLocal: operands = "r\(i.a) r\(i.c) (\(i.b) arguments)"
        case .callCapture: operands = "r\(i.a) \(i.c) (\(i.b) arguments)"
        case .call, .callVar: operands = "r\(i.a) (\(i.b) arguments)"
        case .makeClosure: operands = "r\(i.a) captures r\(i.b)"
        case .getKeyword, .getField: operands = "r\(i.a) r\(i.b) \(constant(i.signedC, index, code))"
        case .makeVector, .makeMap, .makeSet, .makeList: operands = "r\(i.a) r\(i.b) × \(i.c)"
        case .copy, .move, .not, .isNil, .isSome, .isZero, .isReduced, .makeLazy, .first, .next, .rest, .seq, .count,
            .claim, .take:
            operands = "r\(i.a) r\(i.b)"
        case .add, .subtract, .multiply, .quotient, .remainder, .modulo, .less, .lessOrEqual, .greater, .greaterOrEqual,
            .equal,
            .identical, .cons, .conj, .get, .getOr, .nth, .assoc, .put, .addReturn, .addJumpBack:
            operands = "r\(i.a) r\(i.b) r\(i.c)"
        }
        return "\(i.op) \(operands)\(dies)"
    }

    private static func constant(_ distance: Int, _ index: Int, _ code: Code) -> String {
        code.constant(at: distance, from: index).briefly
    }
}
