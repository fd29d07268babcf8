import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The static methods of host classes that portable programs call: `System/…`, `Long/…`, `Character/…`.
enum HostPrimitives {
    static let system = PrimitiveFamily(
        "System",
        [
            Primitive("nanoTime", 0) { (_, fiber) in .int(fiber.instance.clock.nanoseconds()) },
            Primitive("currentTimeMillis", 0) { (_, fiber) in .int(fiber.instance.clock.milliseconds()) },
            Primitive("getProperty", .between(1, 2), property),
            Primitive("lineSeparator", 0) { (_, _) in .string("\n") },
            Primitive("exit", 1, exit), Primitive("identityHashCode", 1, identityHash),
        ])

    static let long = PrimitiveFamily(
        "Long",
        [
            Primitive("parseLong", .between(1, 2)) { (a, _) throws(Fault) in try parse(a, .min ... .max) },
            Primitive("valueOf", 1) { (a, _) throws(Fault) in try parse(a, .min ... .max) },
            Primitive("toString", .between(1, 2), toString),
            Primitive("toBinaryString", 1) { (a, _) throws(Fault) in try unsigned(a, 2) },
            Primitive("toHexString", 1) { (a, _) throws(Fault) in try unsigned(a, 16) },
            Primitive("toOctalString", 1) { (a, _) throws(Fault) in try unsigned(a, 8) },
            Primitive("bitCount", 1) { (a, _) throws(Fault) in .int(Int64(try a.int(0, "bitCount").nonzeroBitCount)) },
            Primitive("numberOfLeadingZeros", 1) { (a, _) throws(Fault) in
                .int(Int64(try a.int(0, "numberOfLeadingZeros").leadingZeroBitCount))
            },
            Primitive("numberOfTrailingZeros", 1) { (a, _) throws(Fault) in
                .int(Int64(try a.int(0, "numberOfTrailingZeros").trailingZeroBitCount))
            },
            Primitive("compare", 2) { (a, _) throws(Fault) in .int(Int64(try Numbers.compare(a[0], a[1]))) },
            Primitive("max", 2) { (a, _) throws(Fault) in try Numbers.maximum(a[0], a[1]) },
            Primitive("min", 2) { (a, _) throws(Fault) in try Numbers.minimum(a[0], a[1]) },
            Primitive("signum", 1) { (a, _) throws(Fault) in .int(try a.int(0, "signum").signum()) },
        ])

    static let integer = PrimitiveFamily(
        "Integer",
        [
            Primitive("parseInt", .between(1, 2)) { (a, _) throws(Fault) in
                try parse(a, Int64(Int32.min)...Int64(Int32.max))
            },
            Primitive("valueOf", 1) { (a, _) throws(Fault) in try parse(a, Int64(Int32.min)...Int64(Int32.max)) },
            Primitive("toString", .between(1, 2), toString),
            Primitive("toBinaryString", 1) { (a, _) throws(Fault) in try unsigned(a, 2, mask: 0xffff_ffff) },
            Primitive("toHexString", 1) { (a, _) throws(Fault) in try unsigned(a, 16, mask: 0xffff_ffff) },
            Primitive("compare", 2) { (a, _) throws(Fault) in .int(Int64(try Numbers.compare(a[0], a[1]))) },
        ])

    static let double = PrimitiveFamily(
        "Double",
        [
            Primitive("parseDouble", 1, parseDouble), Primitive("valueOf", 1, parseDouble),
            Primitive("toString", 1) { (a, _) throws(Fault) in .text(try Printing.text(of: a[0])) },
            Primitive("isNaN", 1) { (a, _) throws(Fault) in .bool(try a.double(0, "isNaN").isNaN) },
            Primitive("isInfinite", 1) { (a, _) throws(Fault) in .bool(try a.double(0, "isInfinite").isInfinite) },
            Primitive("compare", 2) { (a, _) throws(Fault) in .int(Int64(try Numbers.compare(a[0], a[1]))) },
        ])

    static let boolean = PrimitiveFamily(
        "Boolean",
        [
            Primitive("parseBoolean", 1) { (a, _) in .bool(a[0].stringValue?.lowercased() == "true") },
            Primitive("valueOf", 1) { (a, _) in
                .bool(a[0].isIdentical(to: .true) || a[0].stringValue?.lowercased() == "true")
            },
        ])

    static let stringClass = PrimitiveFamily(
        "String",
        [
            Primitive("valueOf", 1) { (a, _) throws(Fault) in
                a[0].isNil ? .string("null") : .text(try Printing.text(of: a[0]))
            },
            Primitive("format", .atLeast(1), FormatPrimitives.format),
            Primitive("join", 2) { (a, fiber) throws(Fault) in try StringPrimitives.join(a, fiber) },
        ])

    private static func parse(_ a: Arguments, _ range: ClosedRange<Int64>) throws(Fault) -> Value {
        if case .int = a[0] { return a[0] }
        let text = try a.text(0, "parseLong")
        let radix = a.count == 2 ? try a.count(1, "parseLong") : 10
        guard (2...36).contains(radix) else { throw .illegalArgument("a radix is from 2 to 36, but found \(radix)") }
        guard let parsed = Numbers.parseLong(text, radix: radix), range.contains(parsed) else {
            throw .of(
                .numberFormat, "For input string: \"\(text.string)\"",
                hint: "parse-long gives nil for what is not a number")
        }
        return .int(parsed)
    }

    static func parseDouble(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        guard let text = a[0].textValue else { return .double(try a.double(0, "parseDouble")) }
        guard let parsed = Numbers.parseDouble(text) else {
            throw .of(
                .numberFormat, "For input string: \"\(text.string)\"",
                hint: "parse-double gives nil for what is not a number")
        }
        return .double(parsed)
    }

    static func toString(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        guard a.count == 2 else { return .text(try Printing.text(of: a[0])) }
        let radix = try a.count(1, "toString")
        guard (2...36).contains(radix) else { throw .illegalArgument("a radix is from 2 to 36, but found \(radix)") }
        return .string(String(try a.int(0, "toString"), radix: radix))
    }

    private static func unsigned(_ a: Arguments, _ radix: Int, mask: UInt64 = .max) throws(Fault) -> Value {
        .string(String(UInt64(bitPattern: try a.int(0, "toString")) & mask, radix: radix))
    }

    static func property(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        switch try a.string(0, "getProperty") {
        case "line.separator": .string("\n")
        case "file.separator": .string("/")
        case "path.separator": .string(":")
        default: a.optional(1)
        }
    }

    /// Ends the run with an exit code, as the host has it.
    static func exit(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        let code = Int32(truncatingIfNeeded: try a.int(0, "exit"))
        guard try fiber.instance.exitHandler.call(code) else {
            throw .unsupported("System/exit: this host does not let programs end it")
        }
        return .nil
    }

    static func identityHash(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        .int(Int64(Int32(bitPattern: try a[0].hashCode())))
    }
}

// Characters.
extension HostPrimitives {
    static let character = PrimitiveFamily(
        "Character",
        [
            Primitive("isDigit", 1) { (a, _) throws(Fault) in
                .bool(try scalar(a).properties.generalCategory == .decimalNumber)
            },
            Primitive("isLetter", 1) { (a, _) throws(Fault) in .bool(isLetter(try scalar(a))) },
            Primitive("isLetterOrDigit", 1) { (a, _) throws(Fault) in
                let scalar = try scalar(a)
                return .bool(isLetter(scalar) || scalar.properties.generalCategory == .decimalNumber)
            },
            Primitive("isAlphabetic", 1) { (a, _) throws(Fault) in .bool(try scalar(a).properties.isAlphabetic) },
            Primitive("isUpperCase", 1) { (a, _) throws(Fault) in .bool(try scalar(a).properties.isUppercase) },
            Primitive("isLowerCase", 1) { (a, _) throws(Fault) in .bool(try scalar(a).properties.isLowercase) },
            Primitive("isWhitespace", 1) { (a, _) throws(Fault) in .bool(Text.isWhitespace(try scalar(a).value)) },
            Primitive("toUpperCase", 1) { (a, _) throws(Fault) in try mapped(a, \.uppercaseMapping) },
            Primitive("toLowerCase", 1) { (a, _) throws(Fault) in try mapped(a, \.lowercaseMapping) },
            Primitive("getNumericValue", 1) { (a, _) throws(Fault) in .int(Int64(digit(try scalar(a), 36) ?? -1)) },
            Primitive("digit", 2) { (a, _) throws(Fault) in
                .int(Int64(digit(try scalar(a), try a.count(1, "digit")) ?? -1))
            },
            Primitive("forDigit", 2) { (a, _) throws(Fault) in
                let (value, radix) = (try a.count(0, "forDigit"), try a.count(1, "forDigit"))
                guard (2...36).contains(radix), value >= 0, value < radix else { return .char(0) }
                return .char(UInt32(Array("0123456789abcdefghijklmnopqrstuvwxyz".utf8)[value]))
            },
            Primitive("toString", 1) { (a, _) throws(Fault) in .text(try Printing.text(of: a[0])) },
            Primitive("valueOf", 1) { (a, _) in a[0] },
        ])

    private static func scalar(_ a: Arguments) throws(Fault) -> Unicode.Scalar {
        let code: UInt32?
        switch a[0] {
        case .char(let scalar): code = scalar
        case .int(let int): code = UInt32(exactly: int)
        default: code = nil
        }
        guard let code, let scalar = Unicode.Scalar(code) else {
            throw .type("Character", expected: "a character", found: a[0])
        }
        return scalar
    }

    private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
        default: false
        }
    }

    private static func mapped(_ a: Arguments, _ mapping: KeyPath<Unicode.Scalar.Properties, String>) throws(Fault)
        -> Value
    {
        let scalar = try scalar(a)
        let result = scalar.properties[keyPath: mapping].unicodeScalars
        // A character stays one character: what has no single counterpart stays as it is.
        return .char(result.count == 1 ? result.first!.value : scalar.value)
    }

    private static func digit(_ scalar: Unicode.Scalar, _ radix: Int) -> Int? {
        guard scalar.isASCII, let value = Int(String(scalar), radix: 36), value < radix else { return nil }
        return value
    }
}
