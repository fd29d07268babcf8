import Machine
import Testing
import Values

@Suite struct CodeTests {
    // Every field of an instruction survives the encoding.
    @Test func instructionsKeepTheirFields() {
        for op in Opcode.allCases {
            let narrow = Instruction(op, 65_535, 1, -32_768, flags: 3)
            #expect(narrow.op == op)
            #expect(narrow.a == 65_535)
            #expect(narrow.b == 1)
            #expect(narrow.signedC == -32_768)
            #expect(narrow.flags == 3)
            #expect(Instruction(op, 7, wide: -2_000_000).wide == -2_000_000)
        }
    }

    // A constant is addressed by distance from the instruction after.
    @Test(arguments: [1, 2, 3, 8]) func constantsAreFound(_ count: Int) {
        let code = Code(
            Array(repeating: Instruction(.nop), count: count), constants: [.int(1), .int(42)], parameters: 0,
            isVariadic: false,
            registers: 1)
        for index in 0..<count {
            let distance = Code.distance(from: index, toConstant: 1, count: count)
            let address = UnsafeRawPointer(code.instructions + index + 1 + distance)
            #expect(address.load(as: Int64.self) == 42)
        }
    }
}
