import Machine
import Testing
import Values

@Suite struct DisassemblerTests {
    private func code(
        _ body: [Instruction], constants: [Value] = [], handlers: [Code.Handler] = [], places: [Code.Place] = []
    )
        -> Code
    {
        Code(
            body, constants: constants, parameters: 1, isVariadic: false, registers: 4, handlers: handlers,
            places: places)
    }

    // Each shape of operands once: registers, immediates, what dies, and where a jump arrives. The instruction stands at
    // index 10, so a distance of 5 arrives at 16.
    @Test(arguments: [
        (Instruction(.nop), "nop"), (Instruction(.resume), "resume"), (Instruction(.loadNil, 3), "loadNil r3"),
        (Instruction(.loadInt, 2, wide: -70_000), "loadInt r2 -70000"), (Instruction(.copy, 1, 2), "copy r1 r2"),
        (Instruction(.count, 1, 2, flags: 1), "count r1 r2 †1"), (Instruction(.ret, 65_535), "ret r65535"),
        (Instruction(.add, 1, 2, 3), "add r1 r2 r3"), (Instruction(.less, 1, 2, 3, flags: 3), "less r1 r2 r3 †1 †2"),
        (Instruction(.cons, 1, 2, 3, flags: 2), "cons r1 r2 r3 †2"),
        (Instruction(.addInt, 1, 2, -7), "addInt r1 r2 -7"), (Instruction(.getVar, 4, wide: 9), "getVar r4 var"),
        (Instruction(.element, 1, 2, 7), "element r1 2 7"), (Instruction(.getCapture, 1, 2), "getCapture r1 2 0"),
        (Instruction(.jump, 0, wide: 5), "jump → 16"), (Instruction(.jumpBack, 0, wide: -11), "jumpBack → 0"),
        (Instruction(.jumpIfNil, 2, wide: 1, flags: 1), "jumpIfNil r2 → 12 †1"),
        (Instruction(.jumpUnlessLess, 1, 2, -4), "jumpUnlessLess r1 r2 → 7"),
        (Instruction(.incrementJumpBackIfLess, 1, 2, -11), "incrementJumpBackIfLess r1 r2 → 0"),
        (Instruction(.jumpUnlessEqualInt, 1, -3, 2), "jumpUnlessEqualInt r1 -3 → 13"),
        (Instruction(.publish, 3, 4, -3), "publish r3 r4 → 8"), (Instruction(.claim, 4, 3), "claim r4 r3"),
        (Instruction(.call, 5, 2), "call r5 (2 arguments)"),
        (Instruction(.makeVector, 1, 2, 3), "makeVector r1 r2 × 3"),
        (Instruction(.makeClosure, 1, 2), "makeClosure r1 captures r2"),
    ])
    func operands(_ instruction: Instruction, _ expected: String) {
        let body = Array(repeating: Instruction(.nop), count: 10) + [instruction]
        let lines = Disassembler.text(of: code(body)).split(separator: "\n")
        #expect(lines.count == 11)
        // Operations without operands leave the space before them.
        #expect(lines[10].trimmed == "10\t\(expected)")
    }

    // The table of opcodes and the disassembler go together: each is one line that begins with its name.
    @Test(arguments: Opcode.allCases) func everyOpcodeHasALine(_ op: Opcode) {
        // Every distance leads to the one constant, which stands after the instruction and its padding.
        let distance = Code.distance(from: 0, toConstant: 0, count: 1)
        let wide: Set<Opcode> = [.loadConst, .getDynamic]
        let instruction = wide.contains(op) ? Instruction(op, 1, wide: distance) : Instruction(op, 1, 2, distance)
        let lines = Disassembler.text(of: code([instruction], constants: [.int(42)])).split(separator: "\n")
        #expect(lines.count == 1)
        #expect(lines[0].trimmed == "0\t\(op)" || lines[0].hasPrefix("0\t\(op) "))
    }

    @Test func constantsAreSpelledOut() throws {
        let names = Names()
        let constants: [Value] = [.string("text"), names.keyword("key")]
        let body = [
            Instruction(.loadConst, 1, wide: Code.distance(from: 0, toConstant: 0, count: 3)),
            Instruction(.getKeyword, 2, 1, Code.distance(from: 1, toConstant: 1, count: 3)), Instruction(.ret, 2),
        ]
        #expect(
            Disassembler.text(of: code(body, constants: constants))
                == "0\tloadConst r1 the string \"text\"\n1\tgetKeyword r2 r1 the keyword :key\n2\tret r2\n")
    }

    // Lines count from the one that the source begins on, which is not 1 for a piece of a file.
    @Test func placesAndHandlersAreShown() {
        let source = Source(name: "piece.slu", bytes: Array("(a\n b)".utf8), firstLine: 40)
        let text = Disassembler.text(
            of: code(
                [Instruction(.throw, 1), Instruction(.ret, 0)],
                handlers: [Code.Handler(range: 0..<1, target: 1, register: 2, base: 2, kind: .finally)],
                places: [
                    Code.Place(start: 0, source: source, span: Span(0, 6)),
                    Code.Place(start: 1, source: source, span: Span(4, 5)),
                ]))
        #expect(text == "0\tthrow r1\t; line 40\n1\tret r0\t; line 41\nfinally 0..<1 → 1, r2\n")
    }

    @Test func everyArityIsShown() {
        let one = code([Instruction(.ret, 0)])
        let many = Code(
            [Instruction(.loadNil, 1), Instruction(.ret, 1)], constants: [], parameters: 2, isVariadic: true,
            registers: 5)
        let prototype = Prototype(name: "f", arities: [many, one], captureCount: 0)
        #expect(
            Disassembler.text(of: prototype)
                == "f (1), 4 registers\n0\tret r0\n\nf (2 &), 5 registers\n0\tloadNil r1\n1\tret r1\n")
    }
}

extension Substring {
    fileprivate var trimmed: Substring {
        var slice = self
        while slice.last == " " { slice.removeLast() }
        return slice
    }
}
