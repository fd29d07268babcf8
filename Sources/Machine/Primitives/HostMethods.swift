import Values

/// Methods of host objects that portable programs call: `(.toUpperCase s)`, `(.getMessage e)`, `(Exception. "…")`.
///
/// One table: method name → what it does to which kind of target. Only what reads as data is here; nothing reaches the host.
enum HostMethods {
    static let compiler = PrimitiveFamily(
        "sluice.compiler",
        [
            Primitive("host-call", .atLeast(2), control: call), Primitive("host-new", .atLeast(1), new),
        ])

    /// `(host-call "method" target argument…)`.
    static func call(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Control {
        let method = try a.string(0, ".")
        let arguments = Arguments(a.base + 1, a.count - 1)
        switch a[1] {
        case .shortText, .longText:
            let text = try a.text(1, method)
            if let result = try TextMethods.call(method, text, arguments, fiber) { return .value(result) }
        case .object(let exception as Exception):
            if let result = exceptionMethod(method, exception) { return .value(result) }
        case .object(let record as RecordObject):
            if let value = record.field(fiber.instance.names.intern(nil, method)) { return .value(value) }
        case .nil:
            throw Fault.of(
                .nullPointer, "cannot call .\(method) on nil", hint: "(some-> x .\(method)) gives nil where x is nil"
            ).blaming(.nil)
        default: break
        }
        if let result = try anyMethod(method, arguments, fiber) { return result }
        throw .of(
            .illegalArgument, "\(a[1].briefly) has no method .\(method)",
            hint: "there is no host platform to call: use a function of the language")
    }

    private static func exceptionMethod(_ method: String, _ exception: Exception) -> Value? {
        switch method {
        case "getMessage", "getLocalizedMessage": .string(exception.message)
        case "getCause": exception.cause
        case "getData": exception.data
        case "toString": .string("\(HostClass.fullName(exception.type)): \(exception.message)")
        case "printStackTrace": .nil
        default: nil
        }
    }

    /// Methods that every value or several kinds have; these may be functions of the language.
    private static func anyMethod(_ method: String, _ a: Arguments, _ fiber: Fiber) throws(Fault) -> Control? {
        switch (method, a.count) {
        case ("toString", 1): return .value(.text(try Printing.text(of: a[0])))
        case ("equals", 2): return .value(.bool(try a[0].equals(a[1])))
        case ("hashCode", 1): return .value(try PredicatePrimitives.hash(a, fiber))
        case ("getClass", 1): return .value(TypePrimitives.classOf(a[0]))
        case ("compareTo", 2): return .value(try PredicatePrimitives.compare(a, fiber))
        case ("getName", 1), ("getSimpleName", 1):
            guard case .object(let type as HostClass) = a[0] else { return .value(try NamePrimitives.name(a, fiber)) }
            return .value(.string(method == "getName" ? type.name : String(type.name.split(separator: ".").last ?? "")))
        case ("getNamespace", 1): return .value(try NamePrimitives.namespace(a, fiber))
        case ("count", 1), ("size", 1), ("length", 1): return .value(.int(Int64(try Sequences.count(a[0]))))
        case ("isEmpty", 1): return .value(.bool(try Sequences.count(a[0]) == 0))
        case ("nth", 2), ("nth", 3): return .value(try CollectionPrimitives.nth(a, fiber))
        case ("get", 2), ("valAt", 2), ("valAt", 3), ("getOrDefault", 3):
            return .value(try CollectionPrimitives.get(a, fiber))
        case ("contains", 2), ("containsKey", 2): return .value(.bool(try Collections.contains(a[0], a[1])))
        case ("keySet", 1): return .value(try CollectionPrimitives.keys(a, fiber))
        case ("values", 1): return .value(try CollectionPrimitives.vals(a, fiber))
        case ("getKey", 1): return .value(try CollectionPrimitives.key(a, fiber))
        case ("getValue", 1): return .value(try CollectionPrimitives.val(a, fiber))
        case ("longValue", 1), ("intValue", 1): return .value(.int(try Numbers.long(a[0])))
        case ("doubleValue", 1), ("floatValue", 1): return .value(.double(try a.double(0, method)))
        case ("getTime", 1), ("toEpochMilli", 1):
            guard case .object(let instant as Instant) = a[0] else { return nil }
            return .value(.int(instant.milliseconds))
        case ("deref", 1): return .value(try ReferencePrimitives.deref(a, fiber))
        case ("invoke", _): return .call(a[0], Array(a.all.dropFirst()))
        case ("applyTo", 2): return .apply(a[0], [], a[1])
        default: return nil
        }
    }

    /// `(host-new "Class" argument…)`.
    static func new(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        let name = try a.string(0, "new")
        switch name.split(separator: ".").last.map(String.init) ?? name {
        case "String": return a.count == 1 ? .text(Text.empty) : .text(try Printing.text(of: a[1]))
        case "Object": return .object(Object())
        case "Long", "Integer": return a.count > 1 ? .int(try Numbers.long(a[1])) : .int(0)
        case "Double": return a.count > 1 ? .double(try a.double(1, "Double.")) : .double(0)
        default:
            guard HostClass.named(name) != nil else {
                throw .of(
                    .illegalArgument, "there is no class \(name)",
                    hint: Unoffered.reason(forClass: name)
                        ?? (name.hasSuffix("Error") || name.hasSuffix("Exception")
                            ? "an exception of your own is (ex-info \"message\" {:key 1})"
                            : "deftype and defrecord define one"))
            }
            return try ExceptionPrimitives.make(a, fiber)
        }
    }
}

/// Methods of `String`.
private enum TextMethods {
    static func call(_ method: String, _ text: Text, _ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value? {
        switch (method, a.count) {
        case ("length", 1): return .int(Int64(text.count))
        case ("isEmpty", 1): return .bool(text.isEmpty)
        case ("isBlank", 1): return .bool(text.isBlank)
        case ("toUpperCase", 1): return .text(text.uppercased())
        case ("toLowerCase", 1): return .text(text.lowercased())
        case ("trim", 1), ("strip", 1): return .text(text.trimmed())
        case ("charAt", 2):
            let index = try a.count(1, ".charAt")
            guard index >= 0, index < text.count else { throw .indexOutOfBounds(index, count: text.count) }
            return .char(text.scalar(at: index))
        case ("codePointAt", 2):
            let index = try a.count(1, ".codePointAt")
            guard index >= 0, index < text.count else { throw .indexOutOfBounds(index, count: text.count) }
            return .int(Int64(text.scalar(at: index)))
        case ("substring", 2), ("substring", 3), ("subSequence", 3): return try StringPrimitives.subs(a, fiber)
        case ("startsWith", 2): return .bool(text.hasPrefix(try needle(a, method)))
        case ("endsWith", 2): return .bool(text.hasSuffix(try needle(a, method)))
        case ("contains", 2): return .bool(text.contains(try needle(a, method)))
        case ("indexOf", 2), ("indexOf", 3):
            return .int(
                Int64(text.index(of: try needle(a, method), from: a.count == 3 ? try a.count(2, method) : 0) ?? -1))
        case ("lastIndexOf", 2): return .int(Int64(text.lastIndex(of: try needle(a, method)) ?? -1))
        case ("replace", 3):
            return .text(
                try text.replacing(try needle(a, method), with: try needle(Arguments(a.base + 1, a.count - 1), method)))
        case ("concat", 2): return try StringPrimitives.str(a, fiber)
        case ("repeat", 2):
            return .text(try TextMethods.repeated(text, try a.count(1, ".repeat"), fiber))
        case ("equalsIgnoreCase", 2):
            guard let other = a[1].textValue else { return .false }
            return .bool(text.lowercased() == other.lowercased())
        case ("compareTo", 2): return .int(Int64(text.compare(try a.text(1, method))))
        case ("toCharArray", 1): return .object(ArrayObject(try Sequences.array(a[0])))
        default: return nil
        }
    }

    private static func repeated(_ text: Text, _ times: Int, _ fiber: Fiber) throws(Fault) -> Text {
        guard times >= 0 else { throw .illegalArgument(".repeat takes a count of at least 0, but found \(times)") }
        let (size, overflow) = text.byteCount.multipliedReportingOverflow(by: times)
        guard !overflow, size <= Text.byteLimit else { throw .exhausted(.memory) }
        try fiber.instance.account.reserve(size)
        var builder = TextBuilder(capacity: size)
        for _ in 0..<times { builder.append(text) }
        return builder.finish()
    }

    /// A string or a character.
    private static func needle(_ a: Arguments, _ method: String) throws(Fault) -> Text {
        switch a[1] {
        case .shortText, .longText: return try a.text(1, method)
        case .char: return try Printing.text(of: a[1])
        case .int(let code): return try Printing.text(of: .char(UInt32(truncatingIfNeeded: code)))
        default: throw .type(".\(method)", expected: "a string", found: a[1])
        }
    }
}
