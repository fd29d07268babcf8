import Machine
import Values

/// What a script may declare when it runs, in places that a check does not run: in a `when`, a `let` or a function, or by
/// code that it evaluates. A name that may be declared there is not called undeclared.
package struct UnseenDeclarations: Sendable {
    /// With the options that are written down; what only a run tells is left out.
    private(set) var nodes: [Node] = []
    /// Keywords in their code.
    private(set) var mentioned: Set<Name> = []
    /// Where code is evaluated that nobody has seen.
    private var isOpen = false
    private var reach = RunReach()

    package init() {}

    /// Looks through what `function` calls for the evaluation of code.
    package mutating func note(run function: Value) { isOpen = isOpen || reach.evaluates(function) }

    /// Takes those of the declaring `forms` that made no node of `graph`.
    package mutating func find(in forms: [Value], besides graph: Graph, _ names: Names) {
        for form in forms {
            guard let declaration = Declaration(written: form, names) else { continue }
            let node = declaration.node(names) { .unknownNamespace($0) }
            guard !isSame(graph[node.id], node), !nodes.contains(where: { isSame($0, node) }) else { continue }
            nodes.append(node)
            var scan = BodyScan()
            scan.scan([form])
            mentioned.formUnion(scan.mentioned)
        }
    }

    private func isSame(_ left: Node?, _ right: Node) -> Bool {
        guard let left, left.id == right.id, let here = left.site.whole, let there = right.site.whole else {
            return false
        }
        return here.source === there.source && here.span == there.span
    }

    /// Why something may be declared all the same, and where; nil when nothing may declare it.
    func reason(where isMeant: (Node) -> Bool) -> (text: String, place: SourceLabel?)? {
        if let node = nodes.first(where: isMeant) {
            let text = "It may be declared when the script runs: `check` does not run what its declaration stands in."
            return (text, node.site.whole)
        }
        return isOpen ? ("It may be declared when the script runs, by code that the script evaluates.", nil) : nil
    }
}

extension Declaration {
    /// What a declaring form says before it is evaluated; nil when it is none. The values of options that are not written
    /// down become nil, which the checker passes over.
    fileprivate init?(written form: Value, _ names: Names) {
        guard case .list(let list) = form, let elements = list.elements, let head = elements.first?.symbolName,
            let kind = DeclarationKind.allCases.first(where: { $0.form == head.name })
        else { return nil }
        let site = Site(form: form)
        var name = names.intern(nil, site.source?.name ?? "<none>")
        if kind.isNamed {
            guard elements.count > 1, case .keyword(let given) = elements[1] else { return nil }
            name = given
        }
        var options = HashMap()
        if case .map(let map)? = Declaration.written(site.options) { options = map }
        self.init(kind, name, options: options, site: site)
    }

    /// A value as it is written, or nil when it must be computed; a map keeps its keys.
    private static func written(_ form: Value) -> Value? {
        switch form {
        case .symbol, .list: return nil
        case .vector(let vector):
            return vector.elements.allSatisfy { written($0) != nil } ? form : nil
        case .set(let set):
            return set.elementVector().elements.allSatisfy { written($0) != nil } ? form : nil
        case .map(let map):
            var kept = HashMap()
            for (key, value) in map.entries where written(key) != nil {
                try? HashMap.set(&kept, key, written(value) ?? .nil)
            }
            return .map(kept)
        default: return form.symbolName == nil ? form : nil
        }
    }
}

/// Whether code evaluates other code, itself or through the functions that it calls.
private struct RunReach {
    /// Primitives that run code which nobody has seen, or declare data that is computed.
    private static let evaluating: Set<String> = ["eval", "require", "use", "declare-all!"]

    /// Functions of the library that were looked through: what they call does not change from form to form.
    private var known: Set<ObjectIdentifier> = []

    mutating func evaluates(_ function: Value) -> Bool {
        guard let root = CalledFunction(function) else { return false }
        var seen: Set<ObjectIdentifier> = []
        var pending = [root]
        while let function = pending.popLast() {
            guard seen.insert(function.key).inserted, !known.contains(function.key) else { continue }
            if function.isLibrary { known.insert(function.key) }
            for value in function.captures + function.codes.flatMap(RunReach.values) {
                if RunReach.isEvaluating(value) { return true }
                if case .object(let object) = value, let holder = object as? PrototypeHolder {
                    pending.append(CalledFunction(holder.prototype))
                } else if let callee = CalledFunction(value) {
                    pending.append(callee)
                }
            }
        }
        return false
    }

    private static func isEvaluating(_ value: Value) -> Bool {
        switch value {
        case .native(let native):
            let parts = Names.split(native.name)
            return evaluating.contains(parts.name)
                && ["sluice.compiler", "sluice.graph", nil].contains(parts.namespace)
        case .keyword(let name): return name.description == "code/eval"
        case .object(let object):
            guard let variable = object as? Var, case .native = variable.root else { return false }
            return isEvaluating(variable.root)
        default: return false
        }
    }

    /// The values that an arity names.
    private static func values(_ code: Code) -> [Value] {
        (0..<code.count).compactMap { index in
            let i = code.instructions[index]
            switch i.op {
            case .loadConst, .getDynamic: return code.constant(at: i.wide, from: index)
            case .makeClosure: return code.constant(at: i.signedC, from: index)
            case .getVar: return .object(code.variable(at: i.wide, from: index))
            case .callVar: return .object(code.variable(at: i.signedC, from: index))
            default: return nil
            }
        }
    }
}
