import Machine
import Reader
import Values

/// What `clojure.repl` asks of the compiler: source text, documentation, what could have been meant.
enum LookupPrimitives {
    /// - Parameter current: the namespace in force.
    static func natives(_ evaluator: Evaluator, _ current: @escaping @Sendable (Fiber) -> Namespace) -> [Native] {
        [
            Native("source-text", 1) { [unowned evaluator] (a, _) throws(Fault) in
                text(try sourceText(of: try variable(a[0], "source"), evaluator))
            },
            Native("documentation", 1) { [unowned evaluator] (a, _) throws(Fault) in
                try documentation(of: try variable(a[0], "doc"), evaluator)
            },
            Native("namespace-doc", 1) { [unowned evaluator] (a, fiber) throws(Fault) in
                try namespaceDocumentation(a[0], evaluator, in: current(fiber))
            },
            Native("library-namespaces", 0) { [unowned evaluator] (_, _) in
                .list(evaluator.libraries.namespaces.map { .string($0) })
            },
            Native("hint", 1) { [unowned evaluator] (a, fiber) throws(Fault) in
                guard let name = a[0].symbolName else { throw .type("hint", expected: "a symbol", found: a[0]) }
                return text(
                    Resolver(instance: evaluator.instance, namespace: current(fiber)).hint(for: name, locals: []))
            },
        ]
    }

    private static func text(_ string: String?) -> Value { string.map { .string($0) } ?? .nil }

    private static func variable(_ value: Value, _ operation: String) throws(Fault) -> Var {
        if case .object(let object) = value, let variable = object as? Var { return variable }
        throw .type(operation, expected: "a var", found: value)
    }

    /// The text of the top-level form that made a var; nil for what is written in Swift, and when it is not known any more.
    private static func sourceText(of variable: Var, _ evaluator: Evaluator) throws(Fault) -> String? {
        guard let meta = variable.metadata, let file = try meta.find(.kw(.file))?.stringValue,
            case .int(let line)? = try meta.find(.kw(.line)), case .int(let column)? = try meta.find(.kw(.column))
        else { return nil }
        if let library = evaluator.libraries.definition(variable.namespace.description, variable.name.name),
            library.name == file
        {
            return String(decoding: library.bytes, as: UTF8.self)
        }
        guard let source = evaluator.source(named: file) else { return nil }
        return try? SourceOutline.form(in: source, at: Position(line: Int(line), column: Int(column)))
    }

    /// `{:doc text :arglists lists}` of a function written in Swift that says so itself; nil for others.
    private static func documentation(of variable: Var, _ evaluator: Evaluator) throws(Fault) -> Value {
        guard
            let known = evaluator.libraries.documentation(variable.namespace.description, variable.name.name)
        else { return .nil }
        let source = Source(name: "<arglists>", bytes: Array(known.arguments.utf8))
        let lists = try evaluator.read(source, in: evaluator.scriptNamespace("user"))
        return .map(try HashMap.of([(.kw(.doc), .string(known.text)), (.kw(.arglists), .list(lists))]))
    }

    /// The docstring in the `ns` form of a built-in namespace.
    private static func namespaceDocumentation(
        _ name: Value, _ evaluator: Evaluator, in namespace: Namespace
    ) throws(Fault) -> Value {
        guard let name = name.symbolName, let source = evaluator.libraries.namespaceForm(name.description),
            case .list(let form)? = try evaluator.read(source, in: namespace).first, let elements = form.elements,
            elements.count > 2, elements[2].isText
        else { return .nil }
        return elements[2]
    }
}
