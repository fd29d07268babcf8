import Machine
import Reader
import Stdlib
import Values

/// How a function of the library is called: its parameter lists, as its definition or its documentation gives them.
enum Usage {
    /// `It is called as (reduce f coll) or (reduce f init coll).` for a call with the wrong number of arguments.
    static func sentence(for exception: Exception) -> String? {
        guard exception.type == .arity || exception.type == .compiler, let callee = exception.callee?.definition,
            callee.name.first != "-"
        else { return nil }
        let calls = lists(callee.namespace, callee.name).prefix(6).map { parameters in
            parameters.isEmpty ? "(\(callee.name))" : "(\(callee.name) \(parameters))"
        }
        guard let last = calls.last else { return nil }
        let rest = calls.dropLast()
        return "It is called as " + (rest.isEmpty ? last : rest.joined(separator: ", ") + " or " + last) + "."
    }

    /// The texts within the brackets.
    private static func lists(_ namespace: String, _ name: String) -> [String] {
        let definition = Stdlib.find(namespace: namespace, name: name)
        let documentation = Stdlib.find(namespace: namespace + ".docs", name: name)
        guard let entry = definition ?? documentation else { return [] }
        let source = Source(name: entry.file, bytes: Array(entry.source))
        guard let shape = SourceShape(source, Span(0, source.bytes.count)) else { return [] }
        // A definition has them where its code is; documentation ends with a quoted list of them.
        let lists = definition != nil ? shape.parameterLists : shape.children.last?.children.first?.children ?? []
        return lists.map { list in
            list.children.map { $0.text(in: source) }.joined(separator: " ")
        }
    }
}
