import Engine
import Machine
import Values

/// The one table of the built-in effect types that fibers and the world do; `Adapters` has that of the outside (P25).
package enum RuntimeEffects {
    /// - Parameters:
    ///   - processes: who executes processes.
    ///   - find: gives the functions that effects name.
    package static func types(
        _ runtime: FiberRuntime, processes: ProcessWorkRunner, _ find: @escaping RunEffect.Finder
    ) -> [EffectType] {
        WorldEffects.types(runtime) + ProcessEffect.types(runtime, processes, find) + [
            RunEffect.type(runtime, find), ChannelPut.type(runtime), CodeEvaluation.type(runtime, find),
            checkpoint(runtime),
        ]
    }

    /// `:checkpoint`: what it is given is its result, and stands in the events.
    private static func checkpoint(_ runtime: FiberRuntime) -> EffectType {
        EffectType(
            name: runtime.instance.names.intern("checkpoint"),
            doc: "says how far the script has come; answers the value",
            params: [EffectType.Param(KnownName.value.name, .any)], holdsSlot: false,
            handler: ClosureHandler(isVirtual: true) { $0.succeed($0.effect[.value] ?? .nil) })
    }
}

/// `:channel/put`: `{:channel c :value v}` → whether the channel took it, once there is room; false when it is closed.
///
/// A fiber waits like any other that puts, so that cancelling the effect takes the put back. It holds no slot meanwhile and has no
/// time limit of its own: how long there is no room is up to whoever takes (P19).
struct ChannelPut: EffectHandler {
    private unowned let runtime: FiberRuntime

    static func type(_ runtime: FiberRuntime) -> EffectType {
        let names = runtime.instance.names
        return EffectType(
            name: names.intern("channel/put"),
            doc: "puts a value on a channel, once there is room; answers whether the channel was open",
            params: [
                EffectType.Param(KnownName.channel.name, .any, required: true),
                // Checked by the handler, which says of nil what is wrong with it.
                EffectType.Param(KnownName.value.name, .any),
            ],
            // It may have been taken before the crash, and nobody can tell.
            recovery: .fail, timeout: .none, holdsSlot: false, handler: ChannelPut(runtime: runtime))
    }

    var isVirtual: Bool { true }

    func start(_ request: EffectRequest) {
        let (given, value) = (request.effect[.channel] ?? .nil, request.effect[.value] ?? .nil)
        let channel: Channel
        do throws(Fault) {
            channel = try self.channel(given)
            if value.isNil {
                throw RunEffect.refusal(
                    "the :value of :channel/put is nil, which no channel carries; put something else")
            }
        } catch { return request.fail(FunctionHandler.error(error)) }
        let put = Native(
            ":channel/put", 0,
            control: { (_, fiber) throws(Fault) in
                guard let hooks = channel.hooks else { return try channel.put(value, fiber).control() }
                return .call(hooks.put, [.object(channel), value])
            })
        runtime.handle(request, .native(put))
    }

    /// A channel, or the name of one of the graph that runs: an effect that is to be data can hold only the name.
    private func channel(_ given: Value) throws(Fault) -> Channel {
        if case .keyword(let name) = given {
            guard let system = runtime.running else {
                throw RunEffect.refusal(
                    "no graph runs that could have the channel \(ValueKey.shown(given)); give the channel itself")
            }
            if let channel = system.channel(name) { return channel }
            let near = Nearest.name(to: name.description, among: system.channelNames)
            throw RunEffect.refusal(
                "there is no channel \(ValueKey.shown(given))\(near.map { "; did you mean :\($0)?" } ?? "")")
        }
        if case .object(let object) = given, let channel = object as? Channel { return channel }
        throw RunEffect.refusal(
            "the :channel of :channel/put must be a channel or the name of one, but it is \(ValueKey.shown(given))")
    }
}

/// `:code/eval`: `{:code "(+ 1 2)" :ns user}` → the value of the last form, as data.
///
/// The code is evaluated in a fiber of its own, within the budgets of the instance and with what the script itself may do, so it
/// asks for no grant: whoever can perform it can call `eval`. It may wait, and be cancelled. The work is the library's
/// `sluice.code/evaluate`.
struct CodeEvaluation: EffectHandler {
    private unowned let runtime: FiberRuntime
    private let find: RunEffect.Finder

    static func type(_ runtime: FiberRuntime, _ find: @escaping RunEffect.Finder) -> EffectType {
        let names = runtime.instance.names
        return EffectType(
            name: names.intern("code/eval"),
            doc:
                "evaluates the forms of a text in a namespace of the session, user unless given; answers the last value, as data",
            params: [
                EffectType.Param(KnownName.code.name, .string, required: true),
                EffectType.Param(KnownName.ns.name, .any),
            ],
            // What it did before the crash nobody knows.
            recovery: .fail, handler: CodeEvaluation(runtime: runtime, find: find))
    }

    var isVirtual: Bool { true }

    func start(_ request: EffectRequest) {
        let (code, space) = (request.effect[.code] ?? .nil, request.effect[.ns] ?? .nil)
        let name = runtime.instance.names.intern("sluice.code/evaluate")
        let find = find
        let call = Native(
            ":code/eval", 0,
            control: { (_, _) throws(Fault) in
                guard case .object(let object) = try find(name), let function = (object as? Var)?.root else {
                    throw .illegalState("the library has no sluice.code/evaluate")
                }
                return .call(function, [code, space])
            })
        runtime.handle(request, .native(call), CodeEvaluation.error)
    }

    /// Code that cannot be read or means nothing is a wrong parameter; what it throws while it runs keeps its own code.
    private static func error(_ fault: Fault) -> EffectError {
        var error = FunctionHandler.error(fault)
        guard case .thrown(let exception) = fault, error.code == EffectCode.handlerFailed.rawValue else { return error }
        if exception.isOfForm || exception.type.isKind(of: .syntax) || exception.type.isKind(of: .compiler) {
            error.code = EffectCode.invalidEffect.rawValue
            error.retryable = false
        }
        return error
    }
}
