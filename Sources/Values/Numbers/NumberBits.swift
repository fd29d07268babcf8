// Operations on the bits of 64-bit integers. Shift counts and bit positions count modulo 64, as on the Java machine.
extension Numbers {
    private static func bits(_ value: Value, _ operation: String) throws(Fault) -> Int64 {
        guard case .int(let int) = value else {
            throw .type(operation, expected: "an integer of 64 bits", found: value, as: .illegalArgument)
        }
        return int
    }

    private static func pair(_ a: Value, _ b: Value, _ operation: String) throws(Fault) -> (Int64, Int64) {
        (try bits(a, operation), try bits(b, operation))
    }

    public static func bitAnd(_ a: Value, _ b: Value) throws(Fault) -> Value {
        let (x, y) = try pair(a, b, "bit-and")
        return .int(x & y)
    }

    public static func bitOr(_ a: Value, _ b: Value) throws(Fault) -> Value {
        let (x, y) = try pair(a, b, "bit-or")
        return .int(x | y)
    }

    public static func bitXor(_ a: Value, _ b: Value) throws(Fault) -> Value {
        let (x, y) = try pair(a, b, "bit-xor")
        return .int(x ^ y)
    }

    public static func bitAndNot(_ a: Value, _ b: Value) throws(Fault) -> Value {
        let (x, y) = try pair(a, b, "bit-and-not")
        return .int(x & ~y)
    }

    public static func bitNot(_ a: Value) throws(Fault) -> Value { .int(~(try bits(a, "bit-not"))) }

    public static func shiftLeft(_ a: Value, _ count: Value) throws(Fault) -> Value {
        let (x, n) = try pair(a, count, "bit-shift-left")
        return .int(x &<< n)
    }

    public static func shiftRight(_ a: Value, _ count: Value) throws(Fault) -> Value {
        let (x, n) = try pair(a, count, "bit-shift-right")
        return .int(x &>> n)
    }

    public static func unsignedShiftRight(_ a: Value, _ count: Value) throws(Fault) -> Value {
        let (x, n) = try pair(a, count, "unsigned-bit-shift-right")
        return .int(Int64(bitPattern: UInt64(bitPattern: x) &>> UInt64(bitPattern: n)))
    }

    public static func bitTest(_ a: Value, _ position: Value) throws(Fault) -> Bool {
        let (x, n) = try pair(a, position, "bit-test")
        return x & (1 &<< n) != 0
    }

    public static func bitSet(_ a: Value, _ position: Value) throws(Fault) -> Value {
        let (x, n) = try pair(a, position, "bit-set")
        return .int(x | 1 &<< n)
    }

    public static func bitClear(_ a: Value, _ position: Value) throws(Fault) -> Value {
        let (x, n) = try pair(a, position, "bit-clear")
        return .int(x & ~(1 &<< n))
    }

    public static func bitFlip(_ a: Value, _ position: Value) throws(Fault) -> Value {
        let (x, n) = try pair(a, position, "bit-flip")
        return .int(x ^ 1 &<< n)
    }
}
