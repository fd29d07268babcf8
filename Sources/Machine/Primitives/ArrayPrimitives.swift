import Values

/// Java-style arrays, for programs that use them.
enum ArrayPrimitives {
    static let core = PrimitiveFamily(
        "clojure.core",
        [
            Primitive("make-array", .atLeast(1), makeArray),
            Primitive("object-array", 1) { (a, _) throws(Fault) in try make(a, .object) },
            Primitive("boolean-array", .between(1, 2)) { (a, _) throws(Fault) in try make(a, .boolean) },
            Primitive("byte-array", .between(1, 2)) { (a, _) throws(Fault) in try make(a, .byte) },
            Primitive("char-array", .between(1, 2)) { (a, _) throws(Fault) in try make(a, .char) },
            Primitive("short-array", .between(1, 2)) { (a, _) throws(Fault) in try make(a, .short) },
            Primitive("int-array", .between(1, 2)) { (a, _) throws(Fault) in try make(a, .int) },
            Primitive("long-array", .between(1, 2)) { (a, _) throws(Fault) in try make(a, .long) },
            Primitive("float-array", .between(1, 2)) { (a, _) throws(Fault) in try make(a, .float) },
            Primitive("double-array", .between(1, 2)) { (a, _) throws(Fault) in try make(a, .double) },
            Primitive("booleans", 1) { (a, _) throws(Fault) in try checked(a, .boolean) },
            Primitive("bytes", 1) { (a, _) throws(Fault) in try checked(a, .byte) },
            Primitive("chars", 1) { (a, _) throws(Fault) in try checked(a, .char) },
            Primitive("shorts", 1) { (a, _) throws(Fault) in try checked(a, .short) },
            Primitive("ints", 1) { (a, _) throws(Fault) in try checked(a, .int) },
            Primitive("longs", 1) { (a, _) throws(Fault) in try checked(a, .long) },
            Primitive("floats", 1) { (a, _) throws(Fault) in try checked(a, .float) },
            Primitive("doubles", 1) { (a, _) throws(Fault) in try checked(a, .double) },
            Primitive("bytes?", 1) { (a, _) in
                if case .object(let array as ArrayObject) = a[0] { .bool(array.element == .byte) } else { .false }
            },
            Primitive("into-array", .between(1, 2)) { (a, _) throws(Fault) in
                .object(ArrayObject(try Sequences.array(a[a.count - 1])))
            },
            Primitive("aclone", 1) { (a, _) throws(Fault) in
                let array = try array(a[0], "aclone")
                return .object(ArrayObject(try array.elements(), of: array.element))
            },
            Primitive("alength", 1) { (a, _) throws(Fault) in .int(Int64(try array(a[0], "alength").count)) },
            Primitive("aget", .atLeast(2)) { (a, _) throws(Fault) in
                let (array, index) = try place(a, a.count - 1, "aget")
                return array[index]
            },
            Primitive("aset", .atLeast(3)) { (a, _) throws(Fault) in
                let (array, index) = try place(a, a.count - 2, "aset")
                array[index] = try array.element.element(a[a.count - 1], "aset")
                return a.take(a.count - 1)
            },
        ])

    private static func array(_ value: Value, _ operation: String) throws(Fault) -> ArrayObject {
        guard case .object(let object) = value, object.kind == .array else {
            throw .type(operation, expected: "an array", found: value)
        }
        // Only `ArrayObject` has this kind.
        return unsafeDowncast(object, to: ArrayObject.self)
    }

    /// The array that all indices but the last lead to, and the last: arrays of arrays have several dimensions.
    private static func place(_ a: Arguments, _ last: Int, _ operation: String) throws(Fault) -> (ArrayObject, Int) {
        var array = try array(a[0], operation)
        for position in 1...last {
            let index = try a.count(position, operation)
            guard index >= 0, index < array.count else { throw .indexOutOfBounds(index, count: array.count) }
            if position == last { return (array, index) }
            array = try ArrayPrimitives.array(array[index], operation)
        }
        throw .illegalArgument("\(operation) takes an index")
    }

    private static func size(_ a: Arguments, _ index: Int, _ operation: String) throws(Fault) -> Int {
        let size = try a.count(index, operation)
        guard size >= 0 else { throw .illegalArgument("\(operation) takes a size of at least 0, but found \(size)") }
        guard size <= ArrayObject.countLimit else {
            throw .illegalArgument("\(operation) takes a size of at most \(ArrayObject.countLimit), but found \(size)")
        }
        return size
    }

    /// From a size, a size and an initial value or a sequence of the first elements, or a sequence.
    private static func make(_ a: Arguments, _ element: ArrayElement) throws(Fault) -> Value {
        let operation = "\(element.rawValue)-array"
        func converted(_ values: Value) throws(Fault) -> [Value] {
            var elements = try Sequences.array(values)
            for index in elements.indices { elements[index] = try element.narrowed(elements[index], operation) }
            return elements
        }
        guard a.count == 2 || Numbers.isNumber(a[0]) else {
            return .object(ArrayObject(try converted(a[0]), of: element))
        }
        let size = try size(a, 0, operation)
        try Attention.reserve(size)
        guard a.count == 2 else { return .object(ArrayObject(of: element, rest: element.initial, count: size)) }
        if Numbers.isNumber(a[1]) || a[1].isCharOrBoolean {
            return .object(ArrayObject(of: element, rest: try element.narrowed(a[1], operation), count: size))
        }
        return .object(ArrayObject(try converted(a[1]), of: element, rest: element.initial, count: size))
    }

    /// `(make-array class size…)`: the class is not looked at; further sizes make arrays of arrays.
    static func makeArray(_ a: Arguments, _: Fiber) throws(Fault) -> Value {
        var sizes: [Int] = []
        let start = a.count > 1 && !Numbers.isNumber(a[0]) ? 1 : 0
        for index in start..<a.count { sizes.append(try size(a, index, "make-array")) }
        guard sizes.count <= dimensionLimit else {
            throw .illegalArgument("make-array takes at most \(dimensionLimit) sizes, but found \(sizes.count)")
        }
        try Attention.reserve(elementCount(sizes))
        func make(_ depth: Int) throws(Fault) -> Value {
            let size = sizes[depth]
            guard depth + 1 < sizes.count else {
                try Attention.work(1 + size / 16)
                return .object(ArrayObject(count: size))
            }
            let array = ArrayObject(count: size)
            for index in 0..<size { array[index] = try make(depth + 1) }
            return .object(array)
        }
        return sizes.isEmpty ? .object(ArrayObject()) : try make(0)
    }

    /// Sizes that `make-array` takes at most, as on the Java machine.
    private static let dimensionLimit = 255

    /// The elements of all arrays that `make-array` makes of these sizes, each array counted as some more; `Int.max` for what
    /// is more than can be said.
    private static func elementCount(_ sizes: [Int]) -> Int {
        var (arrays, total) = (1, 0)
        for size in sizes {
            let (elements, isMany) = arrays.multipliedReportingOverflow(by: size + arrayOverhead)
            let (sum, isMore) = total.addingReportingOverflow(elements)
            if isMany || isMore { return .max }
            total = sum
            // Less than the elements just counted.
            arrays *= size
        }
        return total
    }

    /// What an array takes besides its elements, in elements.
    private static let arrayOverhead = 4

    /// `ints` and its kin: the array itself, if it is one of the kind.
    private static func checked(_ a: Arguments, _ element: ArrayElement) throws(Fault) -> Value {
        if case .object(let array as ArrayObject) = a[0], array.element == element { return a[0] }
        throw .type("\(element.rawValue)s", expected: "an array of \(element.rawValue)s", found: a[0])
    }
}

extension Value {
    fileprivate var isCharOrBoolean: Bool {
        switch self {
        case .char, .bool: true
        default: false
        }
    }
}
