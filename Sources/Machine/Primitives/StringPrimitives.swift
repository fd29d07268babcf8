import Values

/// `str`, `subs` and what `clojure.string` does to plain strings; patterns are the business of `RegexPrimitives`.
enum StringPrimitives {
    static let core = PrimitiveFamily(
        "clojure.core",
        [
            Primitive("str", .atLeast(0), spread: str, str), Primitive("subs", .between(2, 3), subs),
            Primitive("char", 1, char),
            Primitive("parse-long", 1, parseLong), Primitive("parse-double", 1, parseDouble),
            Primitive("parse-boolean", 1, parseBoolean), Primitive("parse-uuid", 1, parseUUID),
        ])

    static let string = PrimitiveFamily(
        "clojure.string",
        [
            Primitive("upper-case", 1) { (a, _) throws(Fault) in
                .text(try whole(shown(a, 0, "upper-case")).uppercased())
            },
            Primitive("lower-case", 1) { (a, _) throws(Fault) in
                .text(try whole(shown(a, 0, "lower-case")).lowercased())
            },
            Primitive("capitalize", 1) { (a, _) throws(Fault) in
                .text(try whole(shown(a, 0, "capitalize")).capitalized())
            },
            Primitive("trim", 1) { (a, _) throws(Fault) in .text(try a.text(0, "trim").trimmed()) },
            Primitive("triml", 1) { (a, _) throws(Fault) in .text(try a.text(0, "triml").trimmed(.start)) },
            Primitive("trimr", 1) { (a, _) throws(Fault) in .text(try a.text(0, "trimr").trimmed(.end)) },
            Primitive("trim-newline", 1) { (a, _) throws(Fault) in
                .text(try a.text(0, "trim-newline").trimmedNewlines())
            },
            Primitive("reverse", 1) { (a, _) throws(Fault) in .text(try whole(a.text(0, "reverse")).reversed()) },
            Primitive("blank?", 1) { (a, _) throws(Fault) in
                if !a[0].isTruthy { .true } else { .bool(try a.text(0, "blank?").isBlank) }
            },
            Primitive("starts-with?", 2) { (a, _) throws(Fault) in
                .bool(try shown(a, 0, "starts-with?").hasPrefix(try a.text(1, "starts-with?")))
            },
            Primitive("ends-with?", 2) { (a, _) throws(Fault) in
                .bool(try shown(a, 0, "ends-with?").hasSuffix(try a.text(1, "ends-with?")))
            },
            Primitive("includes?", 2) { (a, _) throws(Fault) in
                .bool(try whole(shown(a, 0, "includes?")).contains(try a.text(1, "includes?")))
            },
            Primitive("index-of", .between(2, 3), indexOf), Primitive("last-index-of", .between(2, 3), lastIndexOf),
            Primitive("split-lines", 1) { (a, _) throws(Fault) in
                .vector(try whole(a.text(0, "split-lines")).lines().map { Value.text($0) })
            },
            Primitive("join", .between(1, 2), join),
        ])

    static let machine = PrimitiveFamily(
        "sluice.machine",
        [
            Primitive("replace-text", 3) { (a, _) throws(Fault) in
                let (needle, replacement) = try pair(a)
                return .text(try whole(shown(a, 0, "replace")).replacing(needle, with: replacement))
            },
            Primitive("replace-first-text", 3) { (a, _) throws(Fault) in
                .text(
                    try whole(shown(a, 0, "replace-first")).replacingFirst(
                        try needle(a, 1, "replace-first"), with: try needle(a, 2, "replace-first")))
            },
        ])

    /// A text, or anything else as `str` gives it, as the functions take it that ask for no more than that; nil is refused.
    static func shown(_ a: Arguments, _ index: Int, _ operation: String) throws(Fault) -> Text {
        if a[index].isNil { throw .type(operation, expected: "a string", found: .nil, as: .nullPointer) }
        return try Printing.text(of: a[index])
    }

    /// A text that is gone over as a whole, which counts when it is a large one.
    private static func whole(_ text: Text) throws(Fault) -> Text {
        if _slowPath(text.byteCount > Attention.stride) { try Attention.work(text.byteCount / 64) }
        return text
    }

    /// What `replace` looks for and puts there: a string for a string, a character for a character.
    private static func pair(_ a: Arguments) throws(Fault) -> (Text, Text) {
        switch (a[1], a[2]) {
        case (.shortText, _), (.longText, _): return (try a.text(1, "replace"), try a.text(2, "replace of a string"))
        case (.char, .char): return (try Printing.text(of: a[1]), try Printing.text(of: a[2]))
        case (.char, _): throw .type("replace of a character", expected: "a character", found: a[2])
        default:
            throw .illegalArgument("replace looks for a string, a character or a pattern, but found \(a[1].briefly)")
        }
    }

    /// A string or a character.
    private static func needle(_ a: Arguments, _ index: Int, _ operation: String) throws(Fault) -> Text {
        switch a[index] {
        case .shortText, .longText: return try a.text(index, operation)
        case .char: return try Printing.text(of: a[index])
        default: throw .type(operation, expected: "a string or a character", found: a[index])
        }
    }

    static func str(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        switch a.count {
        case 0: return .text(Text.empty)
        case 1:
            if a[0].isText { return a.take(0) }
            if let text = shortASCII(a) { return .text(text) }
            return .text(try Printing.text(of: a[0]))
        default:
            if let text = shortASCII(a) { return .text(text) }
            var builder = TextBuilder()
            try append(UnsafeBufferPointer(start: a.base, count: a.count), to: &builder)
            return builder.finishValue()
        }
    }

    /// `(apply str vector)`.
    private static func str(_ vector: Vector) throws(Fault) -> Value {
        var builder = TextBuilder()
        var at = 0
        while at < vector.count {
            at += try vector.withChunk(at: at) { (chunk) throws(Fault) in
                try append(chunk, to: &builder)
                return chunk.count
            }
        }
        return builder.finishValue()
    }

    private static func append(_ values: UnsafeBufferPointer<Value>, to builder: inout TextBuilder) throws(Fault) {
        guard let base = values.baseAddress else { return }
        for index in 0..<values.count {
            if let text = Value.borrowedText(base + index) {
                builder.append(text)
            } else {
                switch values[index] {
                case .nil: break
                case .int(let int): builder.append(int)
                case .char(let scalar): builder.append(scalar: scalar)
                default: builder.append(try Printing.text(of: values[index]))
                }
            }
            try builder.checkSize()
        }
    }

    /// The text of a few arguments when it is known to be ASCII: measured first, so that it is written where it stays.
    private static func shortASCII(_ a: Arguments) -> Text? {
        guard a.count <= 8 else { return nil }
        var width = 0
        for index in 0..<a.count {
            if let text = Value.borrowedText(a.base + index) {
                guard text.isASCII else { return nil }
                width &+= text.byteCount
                continue
            }
            if let int = Value.borrowedInt(a.base + index) {
                width &+= Numbers.decimalWidth(int)
                continue
            }
            switch a[index] {
            case .nil: break
            case .char(let scalar) where scalar < 0x80: width &+= 1
            default: return nil
            }
        }
        return Text.ascii(width) { bytes in
            // From the end, which is where a number's digits begin.
            var end = bytes + width
            for index in stride(from: a.count - 1, through: 0, by: -1) {
                if let text = Value.borrowedText(a.base + index) {
                    end -= text.byteCount
                    end.update(from: text.bytes, count: text.byteCount)
                } else if let int = Value.borrowedInt(a.base + index) {
                    end = Numbers.writeDecimal(int, endingAt: end)
                } else if case .char(let scalar) = a[index] {
                    end -= 1
                    end.pointee = UInt8(truncatingIfNeeded: scalar)
                }
            }
        }
    }

    static func subs(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        let text = try a.text(0, "subs")
        let start = try a.count(1, "subs")
        let end = a.count == 3 ? try a.count(2, "subs") : text.count
        guard start >= 0, start <= end, end <= text.count else {
            throw .of(
                .indexOutOfBounds, "subs from \(start) to \(end) is not within a string of \(text.count) characters")
        }
        return .text(text, slice: text.byteOffset(start)..<text.byteOffset(end))
    }

    static func char(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        if case .char = a[0] { return a[0] }
        let code = try a.count(0, "char")
        guard let narrow = UInt32(exactly: code), Unicode.Scalar(narrow) != nil else {
            throw .illegalArgument("\(code) is not the code point of a character")
        }
        return .char(narrow)
    }

    static func indexOf(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        let start = a.count == 3 ? try a.count(2, "index-of") : 0
        let found = try shown(a, 0, "index-of").index(of: try needle(a, 1, "index-of"), from: start)
        // As far as it looked: who looks for one place after the other goes over the text once.
        if let found {
            if _slowPath(found - start > Attention.stride) { try Attention.work((found - start) / 64) }
        } else {
            _ = try whole(shown(a, 0, "index-of"))
        }
        return found.map { .int(Int64($0)) } ?? .nil
    }

    static func lastIndexOf(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        let limit: Int? = a.count == 3 ? try a.count(2, "last-index-of") : nil
        let found = try shown(a, 0, "last-index-of").lastIndex(of: try needle(a, 1, "last-index-of"), from: limit)
        return found.map { .int(Int64($0)) } ?? .nil
    }

    /// `(join coll)` and `(join separator coll)`.
    static func join(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        let separator = a.count == 2 ? try Printing.text(of: a[0]) : Text.empty
        var builder = TextBuilder()
        var isFirst = true
        var cursor = SeqCursor(try Sequences.seq(a[a.count - 1]))
        while let element = try cursor.next() {
            if !isFirst { builder.append(separator) }
            isFirst = false
            switch element {
            case .longText(let text): builder.append(text)
            case .shortText(let text): builder.append(text)
            case .int(let int): builder.append(int)
            default: builder.append(try Printing.text(of: element))
            }
            try builder.checkSize()
        }
        return builder.finishValue()
    }
}

// Parsing: nil for what is not the text of such a value.
extension StringPrimitives {
    static func parseLong(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        Numbers.parseLong(try a.text(0, "parse-long")).map { .int($0) } ?? .nil
    }

    static func parseDouble(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        Numbers.parseDouble(try a.text(0, "parse-double")).map { .double($0) } ?? .nil
    }

    static func parseBoolean(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        switch try a.string(0, "parse-boolean") {
        case "true": .true
        case "false": .false
        default: .nil
        }
    }

    static func parseUUID(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        UUIDValue(parsing: try a.text(0, "parse-uuid").utf8).map { .object($0) } ?? .nil
    }
}

/// Text of values.
enum Printing {
    /// What `str` gives for one value.
    static func text(of value: Value) throws(Fault) -> Text {
        if let text = value.textValue { return text }
        var printer = Printer(readably: true)
        try printer.writeText(of: value)
        return printer.text
    }
}
