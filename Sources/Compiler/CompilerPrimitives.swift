import Machine
import Reader
import Values

/// What compiled code calls that is not a function of any library: definitions, assignments, patterns.
enum CompilerPrimitives {
    static let space = "sluice.compiler"

    static let family = PrimitiveFamily(
        "sluice.compiler",
        [
            Primitive("define", .between(2, 3), define), Primitive("set-var!", 2, setVar), Primitive("as-map", 1, asMap),
        ])

    static let table = PrimitiveTable([family])

    static func install(in instance: Instance) {
        instance.namespace(instance.names.intern(nil, space)).setLibrary(
            Namespace.Library(
                load: { space, name in
                    guard let native = table.find(namespace: space.name, name: name) else { return nil }
                    let variable = space.intern(name)
                    variable.bind(.native(native))
                    return variable
                }, names: { table.names(in: CompilerPrimitives.space) }))
    }

    /// `(define var metadata value?)`: what `def` compiles to; the var.
    @Sendable private static func define(_ arguments: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        guard case .object(let object) = arguments[0], let variable = object as? Var, case .map(let meta) = arguments[1] else {
            throw .illegalState("define takes a var and its metadata")
        }
        if !meta.isEmpty { variable.setMeta(meta) }
        variable.setMacro(try meta.find(.kw(.macro))?.isTruthy ?? false)
        if arguments.count == 3 { variable.bind(arguments.take(2)) }
        return arguments[0]
    }

    /// `(set! var value)`: changes the innermost binding of this fiber.
    @Sendable private static func setVar(_ arguments: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        guard case .object(let object) = arguments[0], let variable = object as? Var else {
            throw .illegalState("set! takes a var")
        }
        guard let box = fiber.bindings?.find(variable) else {
            throw .of(
                .illegalState, "cannot set! \(variable.fullName): it has no binding here",
                hint: variable.isDynamic ? "bind it first: (binding [\(variable.name.description) …] …)" : "use def or alter-var-root")
        }
        box.value = arguments[1]
        return arguments[1]
    }

    /// What a map pattern takes apart: keyword arguments (a sequence of keys and values, perhaps with a map at the end)
    /// become a map; anything else stays.
    @Sendable private static func asMap(_ arguments: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        switch arguments[0] {
        case .list, .seq, .lazy: break
        default: return arguments[0]
        }
        let elements = try Sequences.array(arguments[0])
        var map = HashMap()
        var pairs = elements[...]
        if elements.count % 2 == 1, case .map(let trailing)? = elements.last {
            map = trailing
            pairs = elements.dropLast()
        }
        guard pairs.count % 2 == 0 else {
            throw .illegalArgument("keyword arguments come in pairs, but \(elements.last!.briefly) has no value")
        }
        for index in stride(from: pairs.startIndex, to: pairs.endIndex, by: 2) {
            try HashMap.set(&map, pairs[index], pairs[index + 1])
        }
        return .map(map)
    }
}
