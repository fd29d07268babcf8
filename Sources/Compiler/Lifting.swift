import Machine
import Values

/// What the body of a `go` block closes over is given to its fiber as arguments. Its function is then made once, and not a closure
/// for every fiber, of which there may be a million; and what it reads stands in registers, where it dies with its last use.
enum Lifting {
    /// More captured values than these stay captured: whatever runs the fiber has to pass them all.
    private static let most = 16

    /// The arguments of a call of `callee`: those of `(sluice.runtime/spawn f)` in the form `(spawn f :go captured…)`.
    static func lift(_ arguments: [Node], of callee: Node) -> [Node] {
        guard case .global(let variable) = callee.kind, Operation.isSpawn(variable), arguments.count == 1,
            case .function(let function) = arguments[0].kind, let lifted = parameterized(function)
        else { return arguments }
        let place = arguments[0].place
        return [Node(.function(lifted), place), Node(.constant(.kw(.go)), place)] + function.captures
    }

    /// The function with parameters in place of its captures, when that says the same.
    private static func parameterized(_ function: Node.Function) -> Node.Function? {
        guard function.arities.count == 1, let arity = function.arities.first, arity.parameters.isEmpty,
            (1...most).contains(function.captures.count), isFree(arity.body, of: arity.target)
        else { return nil }
        var locals = arity.locals
        let parameters = function.captures.indices.map { _ in
            let local = Local(nil, index: locals.count)
            locals.append(local)
            return local
        }
        replaceCaptures(in: arity.body, by: parameters)
        let lifted = Arity(
            parameters: parameters, isVariadic: false, body: arity.body, target: arity.target, locals: locals)
        Liveness.analyze(lifted)
        return Node.Function(
            name: function.name, arities: [lifted], captures: [], metadata: function.metadata, origin: function.origin)
    }

    /// Whether a body neither goes back to the function's beginning nor names the function.
    private static func isFree(_ node: Node, of target: LoopTarget) -> Bool {
        switch node.kind {
        case .recur(let recur) where recur.target === target: false
        case .selfClosure, .sibling: false
        default: node.children.allSatisfy { isFree($0, of: target) }
        }
    }

    private static func replaceCaptures(in node: Node, by parameters: [Local]) {
        if case .capture(let index) = node.kind { node.kind = .local(parameters[index]) }
        for child in node.children { replaceCaptures(in: child, by: parameters) }
    }
}
