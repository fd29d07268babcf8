import Machine
import Reader
import Values

/// What compiled code calls that is not a function of any library: definitions, assignments, patterns.
enum CompilerPrimitives {
    static let space = "sluice.compiler"

    static let family = PrimitiveFamily(
        "sluice.compiler",
        [
            Primitive("define", .between(2, 3), define), Primitive("set-var!", 2, setVar),
            Primitive("as-map", 1, asMap), Primitive("as-sequence", 1, asSequence),
            Primitive("refuse", .between(2, 4), refuse),
            Primitive("form-position", 1, formPosition), Primitive("special-symbol?", 1, isSpecialSymbol),
        ])

    static let table = PrimitiveTable([family, DataPrimitives.family])

    /// Gives the evaluator's instance these functions, and those that need the evaluator itself.
    static func install(in evaluator: Evaluator) {
        let instance = evaluator.instance
        let own = evaluatorPrimitives(evaluator)
        instance.namespace(instance.names.intern(nil, space)).setLibrary(
            Namespace.Library(
                load: { space, name in
                    guard
                        let native = own[name.name] ?? table.find(namespace: space.name, name: name)
                            ?? Primitives.find(namespace: space.name, name: name)
                    else { return nil }
                    return space.intern(name, boundTo: .native(native))
                }, names: { table.names(in: CompilerPrimitives.space) + own.keys.sorted() }))
    }

    /// The functions that compile: `clojure.core`'s `eval`, `require` and their kin are made from them.
    private static func evaluatorPrimitives(_ evaluator: Evaluator) -> [String: Native] {
        @Sendable func current(_ fiber: Fiber) -> Namespace {
            if case .object(let object) = fiber.value(of: evaluator.namespaceVar), let space = object as? Namespace {
                return space
            }
            return evaluator.scriptNamespace("user")
        }
        let natives = [
            Native("eval", 1) { [unowned evaluator] (a, fiber) throws(Fault) in
                let function = try evaluator.function(evaluating: a[0], in: current(fiber), fiber.bindings)
                return .function(function)
            },
            Native("require", .atLeast(0)) { [unowned evaluator] (a, fiber) throws(Fault) in
                try evaluator.requirer(conveying: fiber.bindings).require(all: a.all, in: current(fiber))
                return .nil
            },
            Native("use", .atLeast(0)) { [unowned evaluator] (a, fiber) throws(Fault) in
                try evaluator.requirer(conveying: fiber.bindings).require(
                    all: a.all, in: current(fiber), refersAll: true)
                return .nil
            },
            Native("enter-namespace", 2) { [unowned evaluator] (a, fiber) throws(Fault) in
                let form = [.symbol(evaluator.namespaceVar.name), a[0]] + (try Sequences.array(a[1]))
                try fiber.enter(evaluator.requirer(conveying: fiber.bindings).evaluate(form))
                return .nil
            },
            Native("macroexpand-1", 1) { [unowned evaluator] (a, fiber) throws(Fault) in
                try evaluator.expandOnce(a[0], in: current(fiber), fiber.bindings)
            },
            Native("read-string", 1) { [unowned evaluator] (a, fiber) throws(Fault) in
                guard let text = a[0].textValue else { throw .type("read-string", expected: "a string", found: a[0]) }
                try DataPrimitives.workOfReading(text)
                let forms = try evaluator.read(Source(name: "<string>", bytes: Array(text.utf8)), in: current(fiber))
                guard let first = forms.first else { throw .illegalState("there is no form in the text") }
                return first
            },
            Native("read-all", .between(1, 2)) { [unowned evaluator] (a, fiber) throws(Fault) in
                guard let text = a[0].textValue else { throw .type("read-all", expected: "a string", found: a[0]) }
                try DataPrimitives.workOfReading(text)
                let name = a.optional(1).stringValue ?? "<string>"
                return .list(try evaluator.read(Source(name: name, bytes: Array(text.utf8)), in: current(fiber)))
            },
            Native("place", 1) { [unowned evaluator] (a, _) throws(Fault) in
                evaluator.note(a[0])
                return .object(FormPlace(a[0]))
            },
        ]
        let all = natives + LookupPrimitives.natives(evaluator, current)
        return Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })
    }

    /// `(define var metadata value?)`: what `def` compiles to; the var.
    @Sendable private static func define(_ arguments: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        guard case .object(let object) = arguments[0], let variable = object as? Var, case .map(let meta) = arguments[1]
        else {
            throw .illegalState("define takes a var and its metadata")
        }
        variable.setMeta(meta.isEmpty ? nil : meta)
        variable.setMacro(try meta.find(.kw(.macro))?.isTruthy ?? false)
        if arguments.count == 3 { variable.bind(arguments.take(2)) }
        return arguments[0]
    }

    /// What a pattern with a rest takes apart: the sequence of a map or a set, anything else as it is.
    @Sendable private static func asSequence(_ arguments: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        switch arguments[0] {
        case .map, .set: return try Sequences.seq(arguments[0])
        case .object(let object) where [.sortedMap, .sortedSet, .record].contains(object.kind):
            return try Sequences.seq(arguments[0])
        default: return arguments[0]
        }
    }

    /// `(set! var value)`: changes the innermost binding of this fiber.
    @Sendable private static func setVar(_ arguments: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        guard case .object(let object) = arguments[0], let variable = object as? Var else {
            throw .illegalState("set! takes a var")
        }
        guard let box = fiber.bindings?.find(variable) else {
            throw .of(
                .illegalState, "cannot set! \(variable.fullName): it has no binding here",
                hint: variable.isDynamic
                    ? "bind it first: (binding [\(variable.name.description) …] …)" : "use def or alter-var-root")
        }
        box.value = arguments[1]
        return arguments[1]
    }

    /// `(refuse message hint form index)`: what a macro of the library says of a call that it cannot expand; the fault stands
    /// at the form, or at one of its elements.
    @Sendable private static func refuse(_ arguments: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        let fault = Fault.of(
            .compiler, arguments[0].stringValue ?? "", hint: arguments[1].stringValue)
        guard arguments.count > 2 else { throw fault }
        if case .int(let index) = arguments.optional(3) {
            throw fault.located(at: Int(index), of: arguments[2].origin).located(at: arguments[2].origin)
        }
        throw fault.located(at: arguments[2].origin)
    }

    /// `(form-position form)`: `[file line column]` of where a form was read, or nil; for macros that report.
    @Sendable private static func formPosition(_ arguments: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        guard let origin = arguments[0].origin else { return .nil }
        let position = origin.source.position(of: Int(origin.span.start))
        return .vector([.string(origin.source.name), .int(Int64(position.line)), .int(Int64(position.column))])
    }

    @Sendable private static func isSpecialSymbol(_ arguments: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        .bool(arguments[0].symbolName.map(SpecialForm.isSyntax) ?? false)
    }

    /// What a map pattern takes apart: keyword arguments (a sequence of keys and values, perhaps with a map at the end)
    /// become a map; anything else stays.
    @Sendable private static func asMap(_ arguments: Arguments, _ fiber: Fiber) throws(Fault) -> Value {
        switch arguments[0] {
        case .list, .seq, .lazy: break
        default: return arguments[0]
        }
        let elements = try Sequences.array(arguments[0])
        // Alone, anything is looked into as it is.
        if elements.count == 1 { return elements[0] }
        var map = HashMap()
        var pairs = elements[...]
        var trailing = Value.nil
        if elements.count % 2 == 1 {
            switch elements.last! {
            case .keyword, .symbol: break
            default: trailing = pairs.removeLast()
            }
        }
        guard pairs.count % 2 == 0 else {
            throw .illegalArgument("keyword arguments come in pairs, but \(elements.last!.briefly) has no value")
        }
        for index in stride(from: pairs.startIndex, to: pairs.endIndex, by: 2) {
            try HashMap.set(&map, pairs[index], pairs[index + 1])
        }
        var merged = Value.map(map)
        try Collections.conj(&merged, trailing)
        return merged
    }
}
