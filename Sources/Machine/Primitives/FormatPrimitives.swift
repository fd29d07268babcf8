import Values

/// `format`: Java's format strings, as far as portable programs use them.
enum FormatPrimitives {
    static let core = PrimitiveFamily("clojure.core", [Primitive("format", .atLeast(1), format)])

    static func format(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        var formatter = Formatter(pattern: Array(try a.text(0, "format").utf8))
        return .string(try formatter.run(a))
    }
}

/// Reads one format string from left to right.
private struct Formatter {
    let pattern: [UInt8]
    private var at = 0
    private var nextArgument = 1
    private var output: [UInt8] = []

    init(pattern: [UInt8]) { self.pattern = pattern }

    /// `%[index$][flags][width][.precision]conversion`.
    private struct Specification {
        var index: Int?
        var flags: Set<UInt8> = []
        var width = 0
        var precision: Int?
        var conversion: UInt8 = 0
        var text = ""

        func has(_ flag: Character) -> Bool { flags.contains(flag.asciiValue!) }
        var isUpper: Bool { conversion < 0x61 }
    }

    mutating func run(_ arguments: Arguments) throws(Fault) -> String {
        while at < pattern.count {
            let byte = pattern[at]
            at += 1
            guard byte == UInt8(ascii: "%") else {
                output.append(byte)
                continue
            }
            let specification = try parse()
            // What is padded is copied a few times.
            try Attention.reserve(output.count + 4 * max(specification.width, specification.precision ?? 0), of: 1)
            output.append(contentsOf: try convert(specification, arguments).utf8)
        }
        return String(decoding: output, as: UTF8.self)
    }

    private mutating func number() -> Int? {
        var found: Int?
        while at < pattern.count, (48...57).contains(pattern[at]), (found ?? 0) < 1_000_000 {
            found = (found ?? 0) * 10 + Int(pattern[at] - 48)
            at += 1
        }
        return found
    }

    private mutating func parse() throws(Fault) -> Specification {
        var specification = Specification()
        let start = at
        if let index = number() {
            if at < pattern.count, pattern[at] == UInt8(ascii: "$") {
                at += 1
                specification.index = index
            } else {
                at = start
            }
        }
        while at < pattern.count, "-#+ 0,(".utf8.contains(pattern[at]) {
            specification.flags.insert(pattern[at])
            at += 1
        }
        specification.width = number() ?? 0
        if at < pattern.count, pattern[at] == UInt8(ascii: ".") {
            at += 1
            guard let precision = number() else { throw fault(start, "a precision is a number") }
            specification.precision = precision
        }
        guard at < pattern.count else { throw fault(start, "the conversion is missing") }
        specification.conversion = pattern[at]
        at += 1
        specification.text = "%" + String(decoding: pattern[start..<at], as: UTF8.self)
        return specification
    }

    private func fault(_ start: Int, _ problem: String) -> Fault {
        .of(
            .illegalArgument,
            "format: %\(String(decoding: pattern[start..<at], as: UTF8.self)) is not a format specifier: \(problem)")
    }

    private mutating func convert(_ specification: Specification, _ arguments: Arguments) throws(Fault) -> String {
        switch specification.conversion {
        case UInt8(ascii: "%"): return padded("%", specification)
        case UInt8(ascii: "n"): return "\n"
        default: break
        }
        let index = specification.index ?? nextArgument
        if specification.index == nil { nextArgument += 1 }
        guard index >= 1, index < arguments.count else {
            throw .of(.illegalArgument, "format: there is no argument for \(specification.text)")
        }
        let argument = arguments[index]
        let text: String
        switch Character(Unicode.Scalar(specification.conversion)).lowercased() {
        case "s":
            var printed = argument.isNil ? "null" : try Printing.text(of: argument).string
            if let precision = specification.precision {
                printed = String(String.UnicodeScalarView(printed.unicodeScalars.prefix(precision)))
            }
            text = printed
        case "b": text = argument.isTruthy ? "true" : "false"
        case "c": text = argument.isNil ? "null" : try character(argument, specification)
        case "d": text = try integer(argument, specification)
        case "x", "o": text = try radix(argument, specification)
        case "f", "e", "g": text = try real(argument, specification)
        case "h": text = argument.isNil ? "null" : String(try argument.hashCode(), radix: 16)
        default:
            throw .of(
                .illegalArgument, "format: \(specification.text) is not a format specifier: there is no such conversion"
            )
        }
        return padded(specification.isUpper ? text.uppercased() : text, specification)
    }

    private func padded(_ text: String, _ specification: Specification) -> String {
        let missing = specification.width - text.unicodeScalars.count
        guard missing > 0 else { return text }
        let spaces = String(repeating: " ", count: missing)
        return specification.has("-") ? text + spaces : spaces + text
    }

    private func mismatch(_ specification: Specification, _ expected: String, _ found: Value) -> Fault {
        .of(.illegalArgument, "format: \(specification.text) expected \(expected), but found \(found.briefly)")
    }

    private func character(_ value: Value, _ specification: Specification) throws(Fault) -> String {
        let code: UInt32?
        switch value {
        case .char(let scalar): code = scalar
        case .int(let int): code = UInt32(exactly: int)
        default: code = nil
        }
        guard let code, let scalar = Unicode.Scalar(code) else { throw mismatch(specification, "a character", value) }
        return String(Character(scalar))
    }

    private func integer(_ value: Value, _ specification: Specification) throws(Fault) -> String {
        if value.isNil { return "null" }
        guard Numbers.isInteger(value) else { throw mismatch(specification, "an integer", value) }
        let text = try Printing.text(of: value).string
        let isNegative = text.hasPrefix("-")
        return signed(isNegative ? String(text.dropFirst()) : text, isNegative: isNegative, fraction: "", specification)
    }

    private func radix(_ value: Value, _ specification: Specification) throws(Fault) -> String {
        if value.isNil { return "null" }
        guard case .int(let int) = value else { throw mismatch(specification, "a 64-bit integer", value) }
        let isHexadecimal = specification.conversion | 0x20 == UInt8(ascii: "x")
        var text = String(UInt64(bitPattern: int), radix: isHexadecimal ? 16 : 8)
        if specification.has("#") { text = (isHexadecimal ? "0x" : "0") + text }
        if specification.has("0") {
            text = String(repeating: "0", count: max(0, specification.width - text.count)) + text
        }
        return text
    }

    private func real(_ value: Value, _ specification: Specification) throws(Fault) -> String {
        if value.isNil { return "null" }
        let double: Double
        switch value {
        case .double(let given): double = given
        case .object(let object) where [.decimal, .ratio, .float].contains(object.kind):
            double = try Numbers.double(value)
        default:
            // As in Java: an integer is a mistake here, and `double` corrects it.
            throw .of(
                .illegalArgument, "format: \(specification.text) expected a double, but found \(value.briefly)",
                hint: "(double x) makes a double of a number")
        }
        guard double.isFinite else {
            let text =
                double.isNaN ? "NaN" : double < 0 ? "-Infinity" : specification.has("+") ? "+Infinity" : "Infinity"
            return text
        }
        let decimal = DecimalDigits(double.magnitude)
        let isNegative = double.sign == .minus
        let precision = specification.precision ?? 6
        switch specification.conversion | 0x20 {
        case UInt8(ascii: "f"):
            let (whole, fraction) = decimal.fixed(precision)
            return signed(
                whole, isNegative: isNegative, fraction: fraction.isEmpty ? "" : "." + fraction, specification)
        case UInt8(ascii: "e"):
            let (whole, fraction, exponent) = decimal.scientific(precision)
            return signed(
                whole, isNegative: isNegative, fraction: (fraction.isEmpty ? "" : "." + fraction) + exponent,
                specification)
        default:
            let significant = max(1, precision)
            if double == 0 || (double.magnitude >= 1e-4 && decimal.exponent(after: significant) < significant) {
                let (whole, fraction) = decimal.fixed(
                    max(0, significant - 1 - (double == 0 ? 0 : decimal.exponent(after: significant))))
                return signed(
                    whole, isNegative: isNegative, fraction: fraction.isEmpty ? "" : "." + fraction, specification)
            }
            let (whole, fraction, exponent) = decimal.scientific(significant - 1)
            return signed(
                whole, isNegative: isNegative, fraction: (fraction.isEmpty ? "" : "." + fraction) + exponent,
                specification)
        }
    }

    /// Sign, grouping and zeros around the digits of a number.
    private func signed(_ digits: String, isNegative: Bool, fraction: String, _ specification: Specification) -> String
    {
        var whole = digits
        if specification.has(",") {
            var grouped = ""
            for (index, digit) in digits.enumerated() {
                if index > 0, (digits.count - index) % 3 == 0 { grouped.append(",") }
                grouped.append(digit)
            }
            whole = grouped
        }
        var prefix = isNegative ? "-" : specification.has("+") ? "+" : specification.has(" ") ? " " : ""
        var suffix = ""
        if isNegative, specification.has("(") { (prefix, suffix) = ("(", ")") }
        if specification.has("0") {
            let used = prefix.count + whole.count + fraction.count + suffix.count
            whole = String(repeating: "0", count: max(0, specification.width - used)) + whole
        }
        return prefix + whole + fraction + suffix
    }
}

/// The shortest decimal digits that read back as a double, rounded half up as Java's formatter rounds them.
private struct DecimalDigits {
    /// 0.d₁d₂d₃… × 10^point
    private var digits: [UInt8]
    private var point: Int

    init(_ value: Double) {
        guard value != 0 else {
            digits = [0]
            point = 1
            return
        }
        var digits: [UInt8] = []
        var point: Int?
        var exponent = 0
        var text = Substring(value.description)
        if let mark = text.firstIndex(of: "e") {
            exponent = Int(text[text.index(after: mark)...]) ?? 0
            text = text[..<mark]
        }
        for byte in text.utf8 {
            if byte == UInt8(ascii: ".") { point = digits.count } else { digits.append(byte - 48) }
        }
        self.point = (point ?? digits.count) + exponent
        let leading = digits.prefix { $0 == 0 }.count
        self.digits = Array(digits.dropFirst(leading))
        self.point -= leading
    }

    /// Keeps `count` digits, which may be none or negative, rounding half up.
    private func rounded(to count: Int) -> DecimalDigits {
        guard count < digits.count else { return self }
        var copy = self
        guard count >= 0 else {
            copy.digits = []
            return copy
        }
        let roundsUp = digits[count] >= 5
        copy.digits = Array(digits.prefix(count))
        guard roundsUp else { return copy }
        var index = count - 1
        while index >= 0, copy.digits[index] == 9 {
            copy.digits[index] = 0
            index -= 1
        }
        if index >= 0 {
            copy.digits[index] += 1
        } else {
            copy.digits.insert(1, at: 0)
            copy.point += 1
        }
        return copy
    }

    private func digit(_ index: Int) -> Character {
        Character(Unicode.Scalar(48 + (index >= 0 && index < digits.count ? digits[index] : 0)))
    }

    func fixed(_ precision: Int) -> (whole: String, fraction: String) {
        let rounded = rounded(to: point + precision)
        var whole = ""
        for index in 0..<max(0, rounded.point) { whole.append(rounded.digit(index)) }
        var fraction = ""
        for index in 0..<precision { fraction.append(rounded.digit(rounded.point + index)) }
        return (whole.isEmpty ? "0" : whole, fraction)
    }

    func scientific(_ precision: Int) -> (whole: String, fraction: String, exponent: String) {
        let rounded = rounded(to: precision + 1)
        var fraction = ""
        for index in 0..<precision { fraction.append(rounded.digit(index + 1)) }
        let power = digits == [0] ? 0 : rounded.point - 1
        let magnitude = String(power.magnitude)
        return (
            String(rounded.digit(0)), fraction,
            "e" + (power < 0 ? "-" : "+") + (magnitude.count < 2 ? "0" : "") + magnitude
        )
    }

    /// The decimal exponent once rounded to that many digits.
    func exponent(after significant: Int) -> Int { rounded(to: significant).point - 1 }
}
