import Values

extension UInt8 {
    var isDecimalDigit: Bool { self &- 0x30 < 10 }

    /// The value as a digit of some radix up to 36; 255 when it is none.
    var digitValue: UInt8 {
        switch self {
        case 0x30...0x39: self - 0x30
        case 0x41...0x5a: self - 0x41 + 10
        case 0x61...0x7a: self - 0x61 + 10
        default: 255
        }
    }
}

extension Reader {
    mutating func readNumber() throws(SyntaxError) -> Value {
        if let (value, stop) = QuickNumber.read(base, position),
            !classes[Int(base[stop])].isDisjoint(with: [.space, .macro])
        {
            position = stop
            return value
        }
        let start = position
        scanNumber()
        switch Numbers.parse(bytes(start, position)) {
        case .number(let value): return value
        case .invalid: throw numberFailure(Span(start, position))
        }
    }

    /// Moves to the end of the number: the next white space or bracket, or other macro character.
    mutating func scanNumber() {
        let stops: ByteClass = [.space, .macro]
        while classes[Int(base[position])].isDisjoint(with: stops) {
            if base[position] >= 0x80 {
                if isWideSpace(scalar(at: position)) { return }
                position += Text.width(base[position])
            } else {
                position += 1
            }
        }
    }
}

/// Plain decimal integers and fractions of up to 18 digits, whose value needs no rounding.
enum QuickNumber {
    /// The number that begins at `start` and the offset after it, or nil for all else. The caller looks at what follows: it
    /// may belong to the number.
    @inline(__always) static func read(_ base: UnsafePointer<UInt8>, _ start: Int) -> (Value, Int)? {
        var at = start
        let isNegative = base[at] == 0x2d
        if isNegative || base[at] == 0x2b { at &+= 1 }
        let first = at
        var mantissa: Int64 = 0
        while base[at] &- 0x30 < 10, at &- first < 18 {
            mantissa = mantissa &* 10 &+ Int64(base[at] &- 0x30)
            at &+= 1
        }
        guard base[at] == 0x2e else {
            // A leading zero means another radix, or an error.
            guard at > first, base[first] != 0x30 || at == first &+ 1 else { return nil }
            return (.int(isNegative ? -mantissa : mantissa), at)
        }
        guard at > first else { return nil }
        at &+= 1
        let point = at
        while base[at] &- 0x30 < 10, at &- first < 18 {
            mantissa = mantissa &* 10 &+ Int64(base[at] &- 0x30)
            at &+= 1
        }
        // Both operands are exact below 2^53 and up to 10^22, so the one division rounds correctly.
        guard mantissa < 1 << 53 else { return nil }
        let magnitude = Double(mantissa) / powersOfTen[at &- point]
        return (.double(isNegative ? -magnitude : magnitude), at)
    }

    private static let powersOfTen: [Double] = [
        1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    ]
}
