import Values

/// Exceptions: making them and asking what is in them.
enum ExceptionPrimitives {
    static let core = PrimitiveFamily(
        "clojure.core",
        [
            Primitive("ex-info", .between(2, 3), exInfo),
            Primitive("ex-data", 1) { (a, _) in exception(a[0])?.data ?? .nil },
            Primitive("ex-message", 1) { (a, _) in exception(a[0]).map { message($0) } ?? .nil },
            Primitive("ex-cause", 1) { (a, _) in exception(a[0])?.cause ?? .nil },
        ])

    static let machine = PrimitiveFamily(
        "sluice.machine",
        [
            Primitive("exception?", 1) { (a, _) in .bool(exception(a[0]) != nil) },
            Primitive("exception-class", 1) { (a, fiber) throws(Fault) in
                fiber.instance.names.symbol(
                    HostClass.fullName(try a.object(0, "class", "an exception", as: Exception.self).type))
            },
            Primitive("exception", .between(1, 4), make), Primitive("stack", 1, stack),
        ])

    static func exception(_ value: Value) -> Exception? {
        if case .object(let object) = value { object as? Exception } else { nil }
    }

    private static func message(_ exception: Exception) -> Value { .string(exception.message) }

    static func exInfo(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        let text = a[0].isNil ? "" : try a.string(0, "ex-info")
        switch a[1] {
        case .map: break
        case .object(let object) where object.kind == .sortedMap || object.kind == .record: break
        case .nil:
            throw .of(.illegalArgument, "ex-info takes a map of data, but found nil", hint: "give an empty map: {}")
        default: throw .type("ex-info", expected: "a map of data", found: a[1])
        }
        let cause = a.optional(2)
        if !cause.isNil, exception(cause) == nil {
            throw .type("ex-info", expected: "an exception as cause", found: cause)
        }
        return .object(Exception(.info, text, data: a[1], cause: cause))
    }

    /// `(exception "IllegalStateException" message cause hint)`: what `(IllegalStateException. …)` makes, which has no hint.
    static func make(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        let name = try a.string(0, "new")
        guard let type = ExceptionClass(rawValue: name.split(separator: ".").last.map(String.init) ?? name) else {
            throw .of(
                .illegalArgument, "there is no class \(name)", hint: Unoffered.reason(forClass: name))
        }
        var text = ""
        var cause = Value.nil
        for index in 1..<max(1, min(3, a.count)) {
            if exception(a[index]) != nil {
                cause = a[index]
            } else if !a[index].isNil {
                text = try Printing.text(of: a[index]).string
            }
        }
        return .object(Exception(type, text, cause: cause, hint: a.optional(3).stringValue))
    }

    /// The script's call stack when an exception was thrown: a vector of `[function file line column]`.
    static func stack(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        let exception = try a.object(0, "Throwable->map", "an exception", as: Exception.self)
        return .vector(
            exception.trace.filter { $0.skipped == 0 }.map { frame -> Value in
                var place: Position?
                if let source = frame.source, let span = frame.span { place = source.position(of: Int(span.start)) }
                return .vector([
                    frame.function.map { .string($0) } ?? .nil, frame.source.map { .string($0.name) } ?? .nil,
                    place.map { .int(Int64($0.line)) } ?? .nil, place.map { .int(Int64($0.column)) } ?? .nil,
                ])
            })
    }
}
