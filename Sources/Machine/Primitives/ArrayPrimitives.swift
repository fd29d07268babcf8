import Values

/// Java-style arrays, for programs that use them.
enum ArrayPrimitives {
    static let core = PrimitiveFamily(
        "clojure.core",
        [
            Primitive("make-array", .atLeast(1)) { (a, _) throws(Fault) in
                .object(ArrayObject(Array(repeating: .nil, count: try size(a, a.count - 1, "make-array"))))
            },
            Primitive("object-array", .between(1, 2)) { (a, _) throws(Fault) in try make(a, .nil, "object-array") },
            Primitive("long-array", .between(1, 2)) { (a, _) throws(Fault) in try make(a, .int(0), "long-array") },
            Primitive("int-array", .between(1, 2)) { (a, _) throws(Fault) in try make(a, .int(0), "int-array") },
            Primitive("double-array", .between(1, 2)) { (a, _) throws(Fault) in try make(a, .double(0), "double-array")
            },
            Primitive("boolean-array", .between(1, 2)) { (a, _) throws(Fault) in try make(a, .false, "boolean-array") },
            Primitive("char-array", .between(1, 2)) { (a, _) throws(Fault) in try make(a, .char(0), "char-array") },
            Primitive("into-array", .between(1, 2)) { (a, _) throws(Fault) in
                .object(ArrayObject(try Sequences.array(a[a.count - 1])))
            },
            Primitive("aclone", 1) { (a, _) throws(Fault) in .object(ArrayObject(try array(a, "aclone").elements)) },
            Primitive("alength", 1) { (a, _) throws(Fault) in .int(Int64(try array(a, "alength").count)) },
            Primitive("aget", 2) { (a, _) throws(Fault) in
                let array = try array(a, "aget")
                return array[try index(a, array, "aget")]
            },
            Primitive("aset", 3) { (a, _) throws(Fault) in
                let array = try array(a, "aset")
                array[try index(a, array, "aset")] = a[2]
                return a[2]
            },
        ])

    private static func array(_ a: Arguments, _ operation: String) throws(Fault) -> ArrayObject {
        try a.object(0, operation, "an array", as: ArrayObject.self)
    }

    private static func index(_ a: Arguments, _ array: ArrayObject, _ operation: String) throws(Fault) -> Int {
        let index = try a.count(1, operation)
        guard index >= 0, index < array.count else { throw .indexOutOfBounds(index, count: array.count) }
        return index
    }

    private static func size(_ a: Arguments, _ index: Int, _ operation: String) throws(Fault) -> Int {
        let size = try a.count(index, operation)
        guard size >= 0 else { throw .illegalArgument("\(operation) takes a size of at least 0, but found \(size)") }
        return size
    }

    /// From a size, a size and an initial value, or a sequence.
    private static func make(_ a: Arguments, _ initial: Value, _ operation: String) throws(Fault) -> Value {
        guard case .int = a[0] else { return .object(ArrayObject(try Sequences.array(a[0]))) }
        let size = try size(a, 0, operation)
        guard a.count == 2 else { return .object(ArrayObject(Array(repeating: initial, count: size))) }
        switch a[1] {
        case .list, .lazy, .seq, .vector:
            var elements = Array(try Sequences.array(a[1]).prefix(size))
            elements += Array(repeating: initial, count: size - elements.count)
            return .object(ArrayObject(elements))
        default: return .object(ArrayObject(Array(repeating: a[1], count: size)))
        }
    }
}
