import Adapters
import Compiler
import Engine
import Graph
import Machine
import Reader
import Runtime
import Store
import Values

/// Declarations of effects as the engine takes them, from the moment they are made: a script may perform at its top level
/// what it declared above. A run that has started applies them itself, together with the rest of its graph.
extension Session {
    func applyDeclarations() {
        builder.observe { [weak self] change, graph in self?.apply(change, graph) }
    }

    private func apply(_ change: GraphChange, _ graph: Graph) {
        switch change.id.kind {
        case .effect:
            if let plan = graph[change.id].flatMap({ EffectPlan($0) }) { engine.define(plan.type(runtime)) }
        case .meta: runtime.setMetas(graph.metaMap)
        // What happens before its first tick waits for that.
        case .system: if change.after != nil { runtime.world.listen() }
        case .configure: configure(SystemPlan.Settings(graph.configuration))
        default: break
        }
    }

    /// What a configuration means to effects, from here on.
    func configure(_ settings: SystemPlan.Settings) {
        engine.configure(settings.engine)
        // What is kept of effects that have ended is kept of processes (P1).
        rows.retain(settings.engine.retainCompleted)
        mcp.configure(settings.servers)
    }

    /// Gives the action of a `:run` effect that is named.
    static func actions(_ lookup: GraphFunctions) -> RunEffect.Finder {
        { (name) throws(Fault) in
            // What is there is not looked for: a file that is being loaded performs what it has defined so far.
            if let found = lookup.present(name) { return .object(found) }
            switch try lookup.find(name) {
            case .found(_, let value): return value
            case .missing(let name, let near):
                let yet = lookup.mayGrow(name) ? " (yet)" : ""
                let next = near.first.map { "; did you mean \(name.namespace ?? "")/\($0)?" } ?? ""
                throw RunEffect.refusal("\(name.namespace ?? "") has no function \(name.name)\(yet)\(next)")
            case .unknownNamespace(let name):
                let space = name.namespace ?? ""
                let known = lookup.evaluator?.instance.allNamespaces.map(\.name.description) ?? []
                let next = Nearest.name(to: space, among: known).map { "; did you mean \($0)/\(name.name)?" } ?? ""
                throw RunEffect.refusal(
                    "there is no function \(name.description), for no namespace \(space) was found\(next)")
            case .unloadable(let name, let why):
                throw RunEffect.refusal(
                    "the function \(name.description) cannot be had, for its namespace fails to load: \(why.title)")
            }
        }
    }
}

extension EffectPlan {
    /// As the engine takes it.
    func type(_ runtime: FiberRuntime) -> EffectType {
        EffectType(
            name: name, doc: doc, params: params, needs: needs, recovery: recovery,
            mergesItself: merge != nil, timeout: timeout, handler: FunctionHandler(handler, merge: merge, runtime))
    }
}

extension Graph {
    /// What effects that name a `defmeta` find.
    var metaMap: HashMap {
        var map = HashMap()
        for (name, meta) in metas.sorted(by: { $0.key.description < $1.key.description }) {
            try? HashMap.set(&map, .keyword(name), .map(meta))
        }
        return map
    }
}
