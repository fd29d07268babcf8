import Machine
import Values

/// What helps when a value is of the wrong kind, by what was expected, what was found and where: general rules, in order.
enum Advice {
    static func hint(for exception: Exception) -> String? {
        guard let mismatch = exception.mismatch else {
            return exception.message == "divide by zero" ? "test for zero first, as in (if (zero? n) … (/ x n))" : nil
        }
        return rules.lazy.compactMap { $0(mismatch, exception) }.first
    }

    /// For a value that a function of the library called because it was given it as a function.
    static func hint(forCallIn exception: Exception) -> String? {
        guard exception.isUncallable else { return nil }
        let library = exception.trace.prefix(while: \.isLibrary).compactMap(\.definition).last { !$0.isPrivate }
        return library.map { "\($0.name) takes a function there, such as inc or #(* 2 %)" }
    }

    private typealias Rule = @Sendable (Mismatch, Exception) -> String?

    private static let rules: [Rule] = [
        // An atom, or another reference, in the place of what it holds.
        { mismatch, _ in
            guard case .object(let object) = mismatch.found, holders.contains(object.kind),
                !mismatch.expected.hasPrefix("an atom")
            else { return nil }
            return "@ gives what it holds"
        },
        { mismatch, exception in
            guard mismatch.expected.hasPrefix("an atom") else { return nil }
            if mismatch.operation == "deref" { return "it is a plain value: leave out the @" }
            if case .object(let object) = mismatch.found {
                switch object.kind {
                case .volatile: return "a volatile is changed with vswap! and vreset!"
                default: return nil
                }
            }
            return "what changes is kept in an atom: (def name (atom …)); hand over the atom itself, without @"
        },
        // Arithmetic.
        { mismatch, exception in
            guard mismatch.expected.hasSuffix("a number") || mismatch.expected.hasPrefix("an integer") else {
                return nil
            }
            switch mismatch.found {
            case .nil: return missing(mismatch.operation, exception.trace)
            case .shortText, .longText:
                if orders.contains(mismatch.operation) { return "compare orders strings: (neg? (compare a b))" }
                if mismatch.found.stringValue?.contains(where: \.isNumber) == true {
                    return "parse-long or parse-double reads a number from a string"
                }
                return mismatch.operation == "+" ? "str puts strings together: (str a b)" : nil
            case .list, .vector, .lazy, .seq:
                return mismatch.operation == "+"
                    ? "the sum of a collection is (reduce + coll); concat or into puts collections together" : nil
            default: return nil
            }
        },
        // Arguments the wrong way round.
        { mismatch, exception in
            guard mismatch.expected.hasSuffix("collection"), mismatch.found.isFunction,
                exception.trace.contains(where: { $0.isLibrary })
            else { return nil }
            return "the function comes before the collection: (\(mismatch.operation) f coll)"
        },
        { mismatch, _ in
            guard mismatch.expected.hasSuffix("collection"), case .keyword = mismatch.found else { return nil }
            switch mismatch.operation {
            case "conj": return "an entry of a map is a vector of key and value: (conj m [:key value])"
            case "get-in", "assoc-in", "update-in": return "a path is a vector of keys: [:key]"
            default: return nil
            }
        },
        { mismatch, _ in
            guard mismatch.expected == "a regular expression", mismatch.found.isText else { return nil }
            return
                "a pattern is written #\"…\", and comes before the string in re-find and its kin, behind it in clojure.string"
        },
        { mismatch, _ in
            guard mismatch.expected.hasPrefix("a string") else { return nil }
            switch mismatch.found {
            case .keyword, .symbol: return "name gives the text of a keyword or symbol, and str that of any value"
            case .int, .double: return "str gives the text of any value"
            case .nil: return "(or x \"\") puts an empty string where there is nothing"
            default: return nil
            }
        },
        { mismatch, _ in
            guard mismatch.expected.hasText("a map"), case .vector(let vector) = mismatch.found, vector.count > 0
            else { return nil }
            switch mismatch.operation {
            case "dissoc": return "to leave out elements use remove, filterv or subvec"
            case "keys", "vals": return "the positions of a vector are (range (count v))"
            default: return nil
            }
        },
        { mismatch, _ in
            guard mismatch.operation == "assoc" || mismatch.operation.hasSuffix("assoc-in"), case .list = mismatch.found
            else {
                return nil
            }
            return "vec makes a vector of it, whose elements can be replaced"
        },
    ]

    /// Objects that hold a value which `@` gives.
    private static let holders: Set<ObjectKind> = [.atom, .volatile, .ref, .agent, .delay, .promise, .future, .var]
    private static let orders: Set<String> = ["<", ">", "<=", ">="]

    /// For a function that the library called with what was not there.
    private static func missing(_ operation: String, _ trace: [TraceFrame]) -> String? {
        let callers = trace.prefix(while: \.isLibrary).compactMap(\.definition?.name)
        if callers.contains(where: { updating.contains($0) }) {
            switch operation {
            case "inc", "dec", "+", "-": return "(fnil \(operation) 0) takes 0 where there is nothing"
            case "*": return "(fnil * 1) takes 1 where there is nothing"
            default: return nil
            }
        }
        return callers.contains { $0 != "eval" } ? "(remove nil? coll) leaves out what is missing" : nil
    }

    private static let updating: Set<String> = [
        "update", "update-in", "swap!", "swap-vals!", "vswap!", "alter", "commute", "send",
    ]
}

extension Value {
    fileprivate var isFunction: Bool {
        switch self {
        case .function, .native: true
        default: false
        }
    }
}
