import Values

/// Printing: text goes to the writer in `*out*`, whole, so that lines of different fibers do not mix.
enum PrintPrimitives {
    static let core = PrimitiveFamily(
        "clojure.core",
        [
            Primitive("pr", .atLeast(0)) { (a, fiber) throws(Fault) in try print(a, fiber, readably: true, end: "") },
            Primitive("prn", .atLeast(0)) { (a, fiber) throws(Fault) in try print(a, fiber, readably: true, end: "\n")
            },
            Primitive("print", .atLeast(0)) { (a, fiber) throws(Fault) in try print(a, fiber, readably: false, end: "")
            },
            Primitive("println", .atLeast(0)) { (a, fiber) throws(Fault) in
                try print(a, fiber, readably: false, end: "\n")
            },
            Primitive("newline", 0, newline), Primitive("flush", 0, flush),
            Primitive("pr-str", .atLeast(0)) { (a, fiber) throws(Fault) in try string(a, fiber, readably: true, end: "")
            },
            Primitive("prn-str", .atLeast(0)) { (a, fiber) throws(Fault) in
                try string(a, fiber, readably: true, end: "\n")
            },
            Primitive("print-str", .atLeast(0)) { (a, fiber) throws(Fault) in
                try string(a, fiber, readably: false, end: "")
            },
            Primitive("println-str", .atLeast(0)) { (a, fiber) throws(Fault) in
                try string(a, fiber, readably: false, end: "\n")
            },
        ])

    static let machine = PrimitiveFamily(
        "sluice.machine",
        [
            Primitive("string-writer", 0) { (_, _) in .object(Writer()) },
            Primitive("written", 1) { (a, _) throws(Fault) in
                .text(try a.object(0, "with-out-str", "a writer", as: Writer.self).text)
            },
            Primitive("write", 2) { (a, _) throws(Fault) in
                let text = try a.text(1, "write")
                try a.object(0, "write", "a writer", as: Writer.self).write(Array(text.utf8))
                return .nil
            },
        ])

    private static func render(_ a: Arguments, _ fiber: Fiber, readably: Bool, end: String) throws(Fault) -> Printer {
        let core = fiber.instance.core!
        var printer = Printer(readably: readably && fiber.value(of: core.printReadably).isTruthy)
        if case .int(let length) = fiber.value(of: core.printLength), length >= 0 { printer.maxLength = Int(length) }
        if case .int(let level) = fiber.value(of: core.printLevel) { printer.maxLevel = Int(level) }
        printer.metadata = fiber.value(of: core.printMeta).isTruthy
        let account = fiber.instance.account
        printer.byteLimit = Int(clamping: account.limits.memory - account.memoryUsed)
        for index in 0..<a.count {
            if index > 0 { printer.write(" ") }
            try printer.write(a[index])
        }
        printer.write(end)
        return printer
    }

    /// The writer in `*out*`.
    static func writer(_ fiber: Fiber) throws(Fault) -> Writer {
        let value = fiber.value(of: fiber.instance.core.out)
        if case .object(let object) = value, let writer = object as? Writer { return writer }
        throw .type("*out*", expected: "a writer", found: value)
    }

    private static func print(_ a: Arguments, _ fiber: Fiber, readably: Bool, end: String) throws(Fault) -> Value {
        let printer = try render(a, fiber, readably: readably, end: end)
        try writer(fiber).write(printer.bytes)
        return .nil
    }

    private static func string(_ a: Arguments, _ fiber: Fiber, readably: Bool, end: String) throws(Fault) -> Value {
        .text(try render(a, fiber, readably: readably, end: end).text)
    }

    /// Only what is being laid out is ever held back.
    static func flush(_: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        try writer(fiber).layOut { $0.finish() }
        return .nil
    }

    static func newline(_: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        try writer(fiber).write([0x0a])
        return .nil
    }
}
