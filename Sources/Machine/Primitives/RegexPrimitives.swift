import Values

/// Patterns. What calls a function for each match (`clojure.string/replace` with a function) is in the library.
enum RegexPrimitives {
    static let core = PrimitiveFamily(
        "clojure.core",
        [
            Primitive("re-pattern", 1, pattern), Primitive("re-find", .between(1, 2), find),
            Primitive("re-matches", 2, matches),
            Primitive("re-matcher", 2) { (a, _) throws(Fault) in
                .object(Matcher(try regex(a, 0, "re-matcher"), try a.text(1, "re-matcher")))
            },
            Primitive("re-groups", 1) { (a, _) throws(Fault) in
                guard let value = try a.object(0, "re-groups", "a matcher", as: Matcher.self).value() else {
                    throw .illegalState("re-groups before a match was found")
                }
                return value
            },
            Primitive("regex?", 1) { (a, _) in .bool(a[0].objectKind == .regex) },
        ])

    static let machine = PrimitiveFamily(
        "sluice.machine",
        [
            Primitive("re-step", 1, step), Primitive("re-chunk", 2, chunk),
            Primitive("replace-regex", 3) { (a, _) throws(Fault) in try replace(a, onlyFirst: false) },
            Primitive("replace-first-regex", 3) { (a, _) throws(Fault) in try replace(a, onlyFirst: true) },
            Primitive("split-regex", 3, split),
        ])

    static func regex(_ a: Arguments, _ index: Int, _ operation: String) throws(Fault) -> Regex {
        try a.object(index, operation, "a regular expression", as: Regex.self)
    }

    static func pattern(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        if case .object(let object) = a[0], object is Regex { return a[0] }
        return .object(try Regex(try a.text(0, "re-pattern")))
    }

    static func find(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        let matcher: Matcher
        if a.count == 1 {
            matcher = try a.object(0, "re-find", "a matcher", as: Matcher.self)
        } else {
            matcher = Matcher(try regex(a, 0, "re-find"), try a.text(1, "re-find"))
        }
        return try matcher.findValue()?.value ?? .nil
    }

    static func matches(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        let text = try a.text(1, "re-matches")
        guard let groups = try regex(a, 0, "re-matches").matchWhole(text) else { return .nil }
        let values = groups.map { range -> Value in range.map { .text(text, slice: $0) } ?? .nil }
        return values.count == 1 ? values[0] : .vector(Vector(values))
    }

    /// The next match of a matcher as `[value start end]`, with byte offsets of its text turned into code points; nil after
    /// the last.
    static func step(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        let matcher = try a.object(0, "re-seq", "a matcher", as: Matcher.self)
        guard let (range, value) = try matcher.findValue() else { return .nil }
        let text = matcher.text
        let parts: [Value] = [
            value, .int(Int64(text.codePointIndex(ofByte: range.lowerBound))),
            .int(Int64(text.codePointIndex(ofByte: range.upperBound))),
        ]
        return .vector(Vector(parts))
    }

    /// `(re-chunk matcher n)`: the next matches, up to n; none when there are no more.
    static func chunk(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        let matcher = try a.object(0, "re-seq", "a matcher", as: Matcher.self)
        return .vector(try matcher.values(upTo: try a.count(1, "re-seq")))
    }

    /// `(replace-regex s pattern template)`, where `$1` in the template stands for a group.
    private static func replace(_ a: Arguments, onlyFirst: Bool) throws(Fault) -> Value {
        let template = try a.text(2, "replace")
        return .text(
            try regex(a, 1, "replace").replacing(
                in: try StringPrimitives.shown(a, 0, "replace"), with: template, onlyFirst: onlyFirst))
    }

    /// `(split-regex s pattern limit)`.
    static func split(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        let pieces = try regex(a, 1, "split").split(try a.text(0, "split"), limit: try a.count(2, "split"))
        return .vector(Vector(pieces.map { Value.text($0) }))
    }
}
