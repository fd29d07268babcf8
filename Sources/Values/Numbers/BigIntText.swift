// Digits: integers from and to text, in any radix from 2 to 36.
extension BigInt {
    /// Limbs up to which digits are produced one limb's worth at a time; above, the number is split in two.
    private static let splitLimbs = 24
    /// Digits up to which they are taken in one limb's worth at a time.
    private static let splitDigits = 400

    /// The largest power of a radix that fits a limb.
    private struct Chunk {
        let digits: Int
        let power: UInt64

        init(radix: Int) {
            var digits = 0
            var power: UInt64 = 1
            while true {
                let (next, overflow) = power.multipliedReportingOverflow(by: UInt64(radix))
                if overflow { break }
                power = next
                digits += 1
            }
            self.digits = digits
            self.power = power
        }
    }

    /// Parses digits without sign; nil when there are none, one is not a digit of `radix`, or the number exceeds `bitLimit`.
    package init?(digits: UnsafeBufferPointer<UInt8>, radix: Int = 10, isNegative: Bool = false) {
        guard !digits.isEmpty, digits.allSatisfy({ BigInt.digit($0) < radix }) else { return nil }
        let significant = UnsafeBufferPointer(rebasing: digits.drop { $0 == UInt8(ascii: "0") })
        // A digit has at least the bits of the power of two below the radix.
        let bitsPerDigit = Int.bitWidth - 1 - radix.leadingZeroBitCount
        guard significant.count * bitsPerDigit <= BigInt.bitLimit + 64 else { return nil }
        Limbs.charge(products: significant.count)
        let chunk = Chunk(radix: radix)
        var powers: [BigInt] = [BigInt(magnitude: [chunk.power], isNegative: false)]
        while chunk.digits << powers.count < significant.count {
            powers.append(powers[powers.count - 1] * powers[powers.count - 1])
        }
        let value = BigInt.parse(significant, radix, chunk, powers)
        guard value.bitWidth <= BigInt.bitLimit else { return nil }
        self.init(magnitude: value.magnitude, isNegative: isNegative)
    }

    /// `powers[i]` is the chunk's power to the 2^i.
    private static func parse(_ digits: UnsafeBufferPointer<UInt8>, _ radix: Int, _ chunk: Chunk, _ powers: [BigInt])
        -> BigInt
    {
        guard digits.count > splitDigits else { return parseDirectly(digits, radix, chunk) }
        var level = 0
        while chunk.digits << (level + 1) < digits.count { level += 1 }
        let split = digits.count - chunk.digits << level
        let high = parse(UnsafeBufferPointer(rebasing: digits[..<split]), radix, chunk, powers)
        let low = parse(UnsafeBufferPointer(rebasing: digits[split...]), radix, chunk, powers)
        return high * powers[level] + low
    }

    private static func parseDirectly(_ digits: UnsafeBufferPointer<UInt8>, _ radix: Int, _ chunk: Chunk) -> BigInt {
        var limbs: [UInt64] = []
        var index = 0
        while index < digits.count {
            // The first chunk takes what does not fill one.
            let size = index == 0 && digits.count % chunk.digits != 0 ? digits.count % chunk.digits : chunk.digits
            var value: UInt64 = 0
            for position in index..<index + size { value = value * UInt64(radix) + UInt64(digit(digits[position])) }
            Limbs.multiply(&limbs, by: chunk.power, adding: value)
            index += size
        }
        return BigInt(magnitude: Limbs.trimmed(limbs), isNegative: false)
    }

    /// The value of an ASCII digit or letter; 99 for anything else.
    static func digit(_ byte: UInt8) -> Int {
        switch byte {
        case 0x30...0x39: Int(byte) - 0x30
        case 0x41...0x5a: Int(byte) - 0x41 + 10
        case 0x61...0x7a: Int(byte) - 0x61 + 10
        default: 99
        }
    }

    /// The digits in lower case, with a minus sign when negative.
    package func text(radix: Int = 10) -> [UInt8] {
        guard !isZero else { return [UInt8(ascii: "0")] }
        let chunk = Chunk(radix: radix)
        var powers: [[UInt64]] = [[chunk.power]]
        while powers[powers.count - 1].count * 2 <= magnitude.count {
            powers.append(Limbs.multiply(powers[powers.count - 1], powers[powers.count - 1]))
        }
        var bytes: [UInt8] = isNegative ? [UInt8(ascii: "-")] : []
        BigInt.write(magnitude, width: 0, radix, chunk, powers, to: &bytes)
        return bytes
    }

    package var description: String { String(decoding: text(), as: UTF8.self) }

    /// Writes the digits, with zeros in front up to `width`.
    private static func write(
        _ limbs: [UInt64], width: Int, _ radix: Int, _ chunk: Chunk, _ powers: [[UInt64]], to bytes: inout [UInt8]
    ) {
        guard limbs.count > splitLimbs else { return writeDirectly(limbs, width: width, radix, chunk, to: &bytes) }
        // The power nearest to the square root.
        var level = powers.count - 1
        while level > 0, powers[level].count * 2 > limbs.count + 1 { level -= 1 }
        let (high, low) = Limbs.divide(limbs, powers[level])
        let lowWidth = chunk.digits << level
        write(high, width: max(0, width - lowWidth), radix, chunk, powers, to: &bytes)
        write(low, width: lowWidth, radix, chunk, powers, to: &bytes)
    }

    private static func writeDirectly(
        _ limbs: [UInt64], width: Int, _ radix: Int, _ chunk: Chunk, to bytes: inout [UInt8]
    ) {
        // Some twenty digits to a limb, each by a division of its own.
        Limbs.charge(products: limbs.count * 160)
        var rest = limbs
        var backwards: [UInt8] = []
        while !rest.isEmpty {
            var part = Limbs.divide(&rest, by: chunk.power)
            for _ in 0..<chunk.digits {
                if rest.isEmpty, part == 0 { break }
                let digit = UInt8(truncatingIfNeeded: part % UInt64(radix))
                backwards.append(digit < 10 ? digit + 0x30 : digit + 0x57)
                part /= UInt64(radix)
            }
        }
        bytes.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: max(0, width - backwards.count)))
        bytes.append(contentsOf: backwards.reversed())
    }
}
