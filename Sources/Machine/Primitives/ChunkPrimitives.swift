import Values

/// The inner loops of `map`, `filter` and `reduce` for functions that need no activation: primitives, keywords, maps, sets.
///
/// Each goes over as many elements as it can and says how many those were; the library's own loop, in the language, goes on
/// from there. It stops early before an element for which the function needs the machine: a lazy sequence to realise.
enum ChunkPrimitives {
    static let machine = PrimitiveFamily(
        "sluice.machine",
        [
            Primitive("map-ahead", 2, map), Primitive("filter-ahead", 2, filter),
            Primitive("reduce-ahead", 3, reduce), Primitive("reduce-range-ahead", 5, reduceRange),
        ])

    /// `(map-ahead f chunk)`: what f gives for the first elements.
    private static func map(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        guard case .vector(let chunk) = a[1], let function = DirectFunction(a[0], arguments: 1) else {
            return .vector(Vector.empty)
        }
        var out = Vector([])
        _ = try ahead(chunk.count, fiber) { (index) throws(Fault) in
            Vector.append(&out, try function.call(chunk[index], fiber))
            return true
        }
        return .vector(out)
    }

    /// `(filter-ahead pred chunk)`: `[kept n]`, the elements among the first n of which pred is true; nil when pred needs the
    /// machine.
    private static func filter(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        guard case .vector(let chunk) = a[1], let function = DirectFunction(a[0], arguments: 1) else { return .nil }
        var kept = Vector([])
        let seen = try ahead(chunk.count, fiber) { (index) throws(Fault) in
            let element = chunk[index]
            if try function.call(element, fiber).isTruthy { Vector.append(&kept, element) }
            return true
        }
        return .vector([.vector(kept), .int(Int64(seen))])
    }

    /// `(reduce-ahead f init vector)`: `[result n]` of the first n elements, n being all of them when the result is reduced;
    /// nil when f needs the machine.
    private static func reduce(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        guard case .vector(let vector) = a[2], let function = DirectFunction(a[0], arguments: 2) else { return .nil }
        return try fold(a, function, vector.count, fiber) { vector[$0] }
    }

    /// `(reduce-range-ahead f init start step count)`: as `reduce-ahead`, over a range.
    private static func reduceRange(_ a: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        guard let function = DirectFunction(a[0], arguments: 2), case .int(let start) = a[2],
            case .int(let step) = a[3],
            case .int(let count) = a[4]
        else { return .nil }
        return try fold(a, function, Int(count), fiber) { .int(start &+ Int64($0) &* step) }
    }

    private static func fold(
        _ a: Arguments, _ function: borrowing DirectFunction, _ count: Int, _ fiber: Fiber,
        _ element: (Int) -> Value
    ) throws(Fault) -> Value {
        var result = a.take(1)
        let seen = try ahead(count, fiber) { (index) throws(Fault) in
            try function.call(&result, element(index), fiber)
            if case .object(let object) = result, object is Reduced { return false }
            return true
        }
        return .vector([result, .int(Int64(seen))])
    }

    /// Calls `body` for each index until it says that all is done, which counts as having seen all, or would force a
    /// sequence, or the fiber is asked to look up. Gives how many were seen. What is seen counts against the budgets.
    @inline(__always) private static func ahead(
        _ count: Int, _ fiber: Fiber, _ body: (Int) throws(Fault) -> Bool
    ) throws(Fault) -> Int {
        for index in 0..<count {
            do throws(Fault) {
                let isFar = index % Attention.stride == Attention.stride - 1
                if _slowPath(isFar || Meter.unsettled > Fiber.unsettledLimit) {
                    try Attention.check(steps: isFar ? Attention.stride : 0)
                }
                if try !body(index) { return count }
            } catch {
                if case .force = error { return index }
                throw error
            }
        }
        return count
    }
}

/// A function that Swift can call on its own: a plain primitive, or data that is called as a function.
private struct DirectFunction: ~Copyable {
    private let function: Value
    private let body: Native.Body?
    /// The operands of a call.
    private let operands: UnsafeMutablePointer<Value>
    private static let capacity = 2

    init?(_ function: Value, arguments: Int) {
        switch function {
        case .native(let callable):
            let native = unsafeDowncast(callable, to: Native.self)
            guard case .plain(let body) = native.kind, native.accepts(arguments) else { return nil }
            self.body = body
        case .keyword, .map: body = nil
        // A set has no place for a second argument.
        case .set where arguments == 1: body = nil
        default: return nil
        }
        self.function = function
        operands = .allocate(capacity: DirectFunction.capacity)
        operands.initialize(repeating: .nil, count: DirectFunction.capacity)
    }

    deinit { Release.buffer(operands, count: DirectFunction.capacity) }

    func call(_ element: Value, _ fiber: Fiber) throws(Fault) -> Value {
        guard let body else { return try look(function, element) ?? .nil }
        operands[0] = element
        do throws(Fault) { return try body(Arguments(operands, 1), fiber) } catch { throw named(error) }
    }

    /// `result` becomes that of the call with it and `element`; it stays as it was when the call throws.
    func call(_ result: inout Value, _ element: Value, _ fiber: Fiber) throws(Fault) {
        guard let body else {
            result = try look(function, result) ?? element
            return
        }
        swap(&operands[0], &result)
        operands[1] = element
        do throws(Fault) { result = try body(Arguments(operands, 2), fiber) } catch {
            swap(&operands[0], &result)
            throw named(error)
        }
    }

    /// The fault, told by the name of the function that was called.
    private func named(_ fault: Fault) -> Fault {
        guard case .native(let callable) = function else { return fault }
        return fault.named(unsafeDowncast(callable, to: Native.self).shortName)
    }

    /// A keyword looks itself up in its argument, a map or set its argument in itself.
    private func look(_ function: Value, _ argument: Value) throws(Fault) -> Value? {
        if case .keyword = function { return try Collections.get(argument, function) }
        return try Collections.get(function, argument)
    }
}
