import Foundation
import Graph
import Machine
import Reader
import Values

/// The folder of this target.
let testFolder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()

/// A graph under test: the names and sources it was made from live as long as it does.
struct Sample {
    let names = Names()
    let builder: GraphBuilder
    let source: Source

    /// Reads declaring forms, as the macros would hand them over: options are literal data, and a function takes what
    /// its parameter vector says.
    init(forms text: String, lookup: @escaping FunctionLookup = { .unknownNamespace($0) }) throws {
        builder = GraphBuilder(names: names, lookup: lookup)
        source = Source(name: "shop.slu", bytes: Array(text.utf8))
        try declare(source)
    }

    /// Reads a graph as data.
    init(data text: String, lookup: @escaping FunctionLookup = { .unknownNamespace($0) }) throws {
        builder = GraphBuilder(names: names, lookup: lookup)
        source = Source(name: "shop.edn", bytes: Array(text.utf8))
        if let data = try readEDN(source, names) { try builder.load(data: data) }
    }

    /// Declares the forms of one more text; what each changed.
    @discardableResult func declare(_ source: Source) throws -> [GraphChange] {
        var changes: [GraphChange] = []
        for form in try readCode(source, names) {
            guard case .list(let list) = form, let elements = list.elements, let head = elements.first?.symbolName,
                let kind = DeclarationKind.allCases.first(where: { $0.form == head.name })
            else { continue }
            changes.append(try builder.declare(declaration(kind, form, elements)))
        }
        return changes
    }

    private func declaration(_ kind: DeclarationKind, _ form: Value, _ elements: [Value]) -> Declaration {
        var name = names.intern(nil, "shop.slu")
        if kind.isNamed, case .keyword(let given) = elements[1] { name = given }
        var options = HashMap()
        var function: Value?
        search: for element in elements.dropFirst() {
            switch element {
            case .map(let map) where options.isEmpty: options = map
            case .vector(let parameters):
                function = .native(Native("shop.main/\(name.name)", .exactly(parameters.count)) { (_, _) in .nil })
                break search
            default: continue
            }
        }
        return Declaration(
            kind, name, options: options, function: function, site: Site(form: form), namespace: "shop.main")
    }

    var graph: Graph { builder.graph }

    /// The text a place points at.
    func text(_ place: SourceLabel?) -> String? {
        place.map { String(decoding: $0.source.bytes[Int($0.span.start)..<Int($0.span.end)], as: UTF8.self) }
    }

    func name(_ text: String) -> Name { names.intern(text) }
}

func readEDN(_ source: Source, _ names: Names) throws -> Value? {
    var reader = Reader(source, names: names, dialect: .edn(EDNOptions(unknownTag: .keep, places: true)))
    return try reader.next()?.value
}

func readCode(_ source: Source, _ names: Names) throws -> [Value] {
    let context = CodeContext(
        resolve: { $0 }, namespace: { "user" }, alias: { _ in nil }, nextID: { 1 },
        regex: { (text) throws(Fault) in .text(text) })
    var reader = Reader(source, names: names, dialect: .code(context))
    var values: [Value] = []
    while let form = try reader.next() { values.append(form.value) }
    return values
}

/// Answers as if these functions, of two arguments, were all there is in namespaces `shop.main` and `my-app.workers`; but
/// `one` is a var with a function of one argument, and `number` one with a number.
func lookup(_ functions: String...) -> FunctionLookup {
    { name in
        if name.namespace == "broken" {
            var why = Diagnostic(code: "syntax/unclosed", title: "it is unfinished")
            why.hint = "finish it"
            return .unloadable(name, why)
        }
        guard name.namespace == "shop.main" || name.namespace == "my-app.workers" else {
            return .unknownNamespace(name)
        }
        guard functions.contains(name.description) else {
            return .missing(name, near: Nearest.names(to: name.description, among: functions))
        }
        let variable = Var(namespace: name, name: name)
        switch name.name {
        case "one": variable.bind(.native(Native(name.description, 1) { (_, _) in .nil }))
        case "number": variable.bind(.int(3))
        default: return .found(name, .native(Native(name.description, 2) { (_, _) in .nil }))
        }
        return .found(name, .object(variable))
    }
}
