import Engine
import Machine
import Values

/// `:run`: an effect that calls a function of the script (J13).
///
/// `{:effect/type :run :action f :params p :context {} :opts []}`. The action is a function, a var, or the qualified name of
/// one; it is called with the params, and with the context as well when it takes two arguments and not one.
package struct RunEffect: EffectHandler {
    /// Gives the function that a qualified name means; throws why there is none. Called in a fiber, for it may load a namespace.
    package typealias Finder = @Sendable (Name) throws(Fault) -> Value

    private unowned let runtime: FiberRuntime
    private let find: Finder

    package static func type(_ runtime: FiberRuntime, _ find: @escaping Finder) -> EffectType {
        EffectType(
            name: KnownName.run.name, doc: "calls a function of the script; its value is the result",
            params: [
                EffectType.Param(KnownName.action.name, .any, required: true),
                EffectType.Param(KnownName.params.name, .any), EffectType.Param(KnownName.context.name, .map),
                EffectType.Param(KnownName.opts.name, .any),
            ], handler: RunEffect(runtime: runtime, find: find))
    }

    package var isVirtual: Bool { true }

    package func start(_ request: EffectRequest) {
        let (action, find) = (request.effect[.action] ?? .nil, find)
        let params = RunEffect.given(request.effect[.params])
        let context = RunEffect.given(request.effect[.context])
        let call = Native(
            ":run", 0,
            control: { (_, _) throws(Fault) in
                let function = try RunEffect.function(action, find)
                return .call(function, RunEffect.takesContextToo(function) ? [params, context] : [params])
            })
        runtime.handle(request, .native(call))
    }

    private static func given(_ value: Value?) -> Value {
        guard let value, !value.isNil else { return .map(HashMap()) }
        return value
    }

    /// What is called: a var stands for what it holds when the effect starts.
    private static func function(_ action: Value, _ find: Finder) throws(Fault) -> Value {
        var name = action.symbolName
        switch action {
        case .function, .native: return action
        case .keyword(let keyword): name = keyword
        case .object(let object):
            if let variable = object as? Var { return variable.root }
            if object.kind == .multimethod { return action }
        default: break
        }
        if let name, name.hasNamespace { return try function(try find(name), find) }
        throw refusal(
            "the :action of :run must be a function, a var or the qualified name of one, but it is \(ValueKey.shown(action))"
        )
    }

    /// A fault with the code of an effect that is not what its type declares.
    package static func refusal(_ message: String) -> Fault {
        .of(.illegalArgument, message, data: .record((.code, .string(EffectCode.invalidEffect.rawValue))))
    }

    private static func takesContextToo(_ function: Value) -> Bool {
        switch function {
        case .function(let closure):
            guard let prototype = closure.owner as? Prototype else { return false }
            return prototype.code(for: 1) == nil && prototype.code(for: 2) != nil
        case .native(let callable):
            guard let native = callable as? Native else { return false }
            return native.minimum == 2
        default: return false
        }
    }
}
