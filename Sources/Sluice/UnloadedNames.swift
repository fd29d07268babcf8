import Compiler
import Machine
import Reader
import Values

/// What a checked script has from namespaces that could not be loaded, and which of its faults come of that alone: these are not
/// told, because the script may be right in them.
///
/// A name of such a namespace may be a macro, so what stands in a call of it may mean anything, and what such a call defines at
/// the top level is not known. Nor is what a definition comes to that needs a value from there.
struct UnloadedNames {
    private let instance: Instance
    /// How many of the evaluator's notes are told.
    private var told = 0
    private var namespaces: Set<Name> = []
    /// Names that would be there if all could be loaded, or may be.
    private var perhaps: Set<String> = []
    /// Every name of a namespace was wanted.
    private var isAnyName = false

    init(_ instance: Instance) { self.instance = instance }

    /// Whether there is anything to excuse.
    var isEmpty: Bool { told == 0 }

    /// Takes up what evaluating `form` has found missing; gives why, for each.
    mutating func take(_ missing: [Unloaded], of form: Form, in source: Source) -> [Fault] {
        let new = missing.dropFirst(told)
        told = missing.count
        for one in new {
            if let namespace = one.namespace { namespaces.insert(namespace) }
            isAnyName = isAnyName || one.refersAll
        }
        if !new.isEmpty { form.value.eachSymbol { perhaps.insert($0.description) } }
        return new.map { one in
            if case .thrown(let exception) = one.fault, exception.trace.isEmpty {
                exception.trace = [TraceFrame(function: nil, source: source, span: form.span)]
            }
            return one.fault
        }
    }

    /// Notes what a form at the top level may define.
    mutating func note(_ form: Value, in namespace: Namespace) {
        guard !isEmpty, case .list(let list) = form, isUnloaded(list.first.symbolName, in: namespace) else { return }
        form.eachSymbol { perhaps.insert($0.description) }
    }

    /// Whether a fault of compiling `form` may come of what is missing.
    func excuses(_ fault: Fault, of form: Form, in namespace: Namespace, _ source: Source) -> Bool {
        guard !isEmpty, case .thrown(let exception) = fault else { return false }
        // A macro of the script's own called what has no value here.
        if exception.type == .illegalState || exception.cause.isOfState { return true }
        guard let place = exception.trace.first, place.source === source, let span = place.span else { return false }
        let text = String(decoding: source.bytes[Int(span.start)..<Int(span.end)], as: UTF8.self)
        if perhaps.contains(text) { return true }
        if isAnyName, !text.utf8.contains(where: { "/()[]{}\" ".utf8.contains($0) }) { return true }
        return isWithinUnloadedCall(span, form.value, namespace)
    }

    private func isWithinUnloadedCall(_ span: Span, _ form: Value, _ namespace: Namespace) -> Bool {
        var open = [form]
        while let form = open.popLast() {
            if case .list(let list) = form, let whole = list.origin?.span, whole.start <= span.start,
                span.end <= whole.end, isUnloaded(list.first.symbolName, in: namespace)
            {
                return true
            }
            open += form.parts
        }
        return false
    }

    private func isUnloaded(_ name: Name?, in namespace: Namespace) -> Bool {
        guard let name, let variable = instance.variable(name, seenFrom: namespace) else { return false }
        return !variable.isBound && namespaces.contains(variable.namespace)
    }
}

extension Value {
    /// The elements of a form.
    fileprivate var parts: [Value] {
        switch self {
        case .list(let list): return list.elements ?? []
        case .vector(let vector): return vector.elements
        case .map(let map):
            var parts: [Value] = []
            map.forEach { (key, value) in
                parts += [key, value]
                return true
            }
            return parts
        case .set(let set): return set.elementVector().elements
        default: return []
        }
    }

    /// Of an exception: something had no value.
    fileprivate var isOfState: Bool {
        if case .object(let object) = self { (object as? Exception)?.type == .illegalState } else { false }
    }

    /// Calls `body` with every symbol in a form.
    fileprivate func eachSymbol(_ body: (Name) -> Void) {
        var open = [self]
        while let form = open.popLast() {
            if let name = form.symbolName { body(name) } else { open += form.parts }
        }
    }
}
