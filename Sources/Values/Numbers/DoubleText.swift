extension Numbers {
    /// Appends `value` as Clojure prints a double, in a form that reads back: `1.0`, `1.0E10`, `1.0E-5`, `##Inf`.
    static func append(_ value: Double, to bytes: inout [UInt8]) {
        if value.isFinite { return append(ShortestDigits(value), to: &bytes) }
        bytes.append(contentsOf: (value.isNaN ? "##NaN" : value < 0 ? "##-Inf" : "##Inf").utf8)
    }

    /// The text that `str` gives: as printed, but `Infinity`, `-Infinity` and `NaN`.
    static func appendText(_ value: Double, to bytes: inout [UInt8]) {
        if value.isFinite { return append(ShortestDigits(value), to: &bytes) }
        bytes.append(contentsOf: (value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity").utf8)
    }

    /// The significant digits of a finite double, shortest that reads back: value = 0.d₁d₂… × 10^exponent.
    /// Zero has no digits.
    struct ShortestDigits {
        var negative = false
        var digits: [UInt8] = []
        var exponent = 0

        init(_ value: Double) {
            self.init(description: value.description)
            // Java shows two digits at least, the nearest; for all others the second is zero.
            if value.magnitude == .leastNonzeroMagnitude {
                digits = [UInt8(ascii: "4"), UInt8(ascii: "9")]
                exponent = -323
            }
        }

        /// Takes the digits from Swift's description, whose layout differs from ours but whose digits are the shortest.
        init(description: String) {
            var pointAt: Int?
            var written = 0
            var scientific = 0
            var inExponent = false
            var exponentNegative = false
            for byte in description.utf8 {
                switch byte {
                case UInt8(ascii: "-"):
                    if inExponent { exponentNegative = true } else { negative = true }
                case UInt8(ascii: "."): pointAt = written
                case UInt8(ascii: "e"): inExponent = true
                case UInt8(ascii: "0")...UInt8(ascii: "9"):
                    if inExponent {
                        scientific = scientific * 10 + Int(byte - 48)
                    } else {
                        digits.append(byte)
                        written += 1
                    }
                default: break
                }
            }
            exponent = (pointAt ?? written) + (exponentNegative ? -scientific : scientific)
            let leading = digits.prefix { $0 == UInt8(ascii: "0") }.count
            digits.removeFirst(leading)
            exponent -= leading
            while digits.last == UInt8(ascii: "0") { digits.removeLast() }
        }
    }

    /// Java's layout: plain between 10⁻³ and 10⁷, otherwise one digit, a point, at least one more, and `E`.
    static func append(_ shortest: ShortestDigits, to bytes: inout [UInt8]) {
        let zero = UInt8(ascii: "0")
        if shortest.negative { bytes.append(UInt8(ascii: "-")) }
        guard !shortest.digits.isEmpty else { return bytes.append(contentsOf: "0.0".utf8) }
        let digits = shortest.digits
        let exponent = shortest.exponent
        let whole: ArraySlice<UInt8>
        let fraction: ArraySlice<UInt8>
        switch exponent {
        case 1...7:
            whole = digits.prefix(exponent)
            fraction = digits.dropFirst(exponent)
            bytes.append(contentsOf: whole)
            bytes.append(contentsOf: repeatElement(zero, count: exponent - whole.count))
            bytes.append(UInt8(ascii: "."))
        case -2...0:
            fraction = digits[...]
            bytes.append(contentsOf: "0.".utf8)
            bytes.append(contentsOf: repeatElement(zero, count: -exponent))
        default:
            fraction = digits.dropFirst()
            bytes.append(digits[0])
            bytes.append(UInt8(ascii: "."))
        }
        if fraction.isEmpty { bytes.append(zero) } else { bytes.append(contentsOf: fraction) }
        guard !(-2...7).contains(exponent) else { return }
        bytes.append(UInt8(ascii: "E"))
        append(Int64(exponent - 1), to: &bytes)
    }

    /// Appends the decimal digits of an integer.
    static func append(_ value: Int64, to bytes: inout [UInt8]) {
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        var magnitude = value.magnitude
        if magnitude < 10 { return bytes.append(48 + UInt8(magnitude)) }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var start = 20
            while magnitude > 0 {
                start -= 1
                digits[start] = 48 + UInt8(truncatingIfNeeded: magnitude % 10)
                magnitude /= 10
            }
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: digits[start...]))
        }
    }
}
