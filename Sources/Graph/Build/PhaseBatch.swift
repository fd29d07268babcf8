import Engine
import Values

/// What a plan makes: one batch, in which each phase is a group that waits for the one before (J19, J32).
struct PhaseBatch {
    /// With the meta that their phases give them.
    private(set) var effects: [Value] = []
    /// Of every phase in order, those without effects too.
    private(set) var groups: [Value] = []

    /// - Parameters:
    ///   - made: what the plan's function gave, a vector of effects for each phase; nil when it has none, and its own effects count.
    ///   - named: the map of a `defmeta` name.
    /// - Throws: `Fault` that names the phase and the index of what is no effect.
    init(_ plan: PhasesPlan, _ made: Value, named: (Name) -> HashMap?) throws(Fault) {
        let phases = try PhaseBatch.phases(of: plan, made)
        var before: [Value] = []
        for (row, given) in phases {
            let group = row.option(.group) ?? .nil
            let waits = row.option(.dependsOn).map(Graph.elements) ?? before
            let members = try PhaseBatch.members(given, "phase \(ValueKey.shown(group)) of \(plan.name.keyword)")
            groups.append(group)
            for (index, effect) in members.enumerated() {
                let place = "the effect at index \(index) of phase \(ValueKey.shown(group)) of \(plan.name.keyword)"
                do throws(KeyError) {
                    effects.append(try PhaseBatch.member(effect, of: row, group, waits, named))
                } catch {
                    throw .illegalArgument("\(place): \(error.message)", hint: error.hint)
                }
            }
            // An empty phase is complete at once: who waits for it waits for what it would have waited for, too.
            before = [group] + (members.isEmpty ? waits : [])
        }
    }

    /// The phases with what they are to do. A plan that is nothing but a function has as many as that gives.
    private static func phases(of plan: PhasesPlan, _ made: Value) throws(Fault) -> [(HashMap, Value)] {
        guard plan.function != nil else { return plan.rows.map { ($0, $0.option(.effects) ?? .nil) } }
        let given = try elements(made, "what the function of \(plan.name.keyword) gives")
        if plan.rows.isEmpty {
            return given.enumerated().map { (PhasesPlan.row(HashMap(), at: $0), $1) }
        }
        guard given.count == plan.rows.count else {
            throw .illegalArgument(
                "\(plan.name.keyword) has \(plan.rows.count) phases, but its function gave effects for \(given.count)")
        }
        return Array(zip(plan.rows, given))
    }

    /// The effects of a phase; a sequence among them stands for its own, so that a phase may have as many as its data asks for.
    private static func members(_ value: Value, _ what: String) throws(Fault) -> [Value] {
        var found: [Value] = []
        for element in try elements(value, what) {
            switch element {
            case .vector, .list, .lazy, .seq: found += try elements(element, what)
            default: found.append(element)
            }
        }
        return found
    }

    private static func elements(_ value: Value, _ what: String) throws(Fault) -> [Value] {
        switch value {
        case .nil: return []
        case .vector, .list, .lazy, .seq: break
        default:
            throw .illegalArgument("\(what) must be a vector, but it is \(ValueKey.shown(value))")
        }
        var found: [Value] = []
        try Sequences.forEach(value) { found.append($0) }
        return found
    }

    /// An effect with the meta of its phase. Its own wins, but for the group; what it waits for comes on top.
    private static func member(
        _ effect: Value, of row: HashMap, _ group: Value, _ waits: [Value], _ named: (Name) -> HashMap?
    ) throws(KeyError) -> Value {
        guard case .map(var fields) = effect, case .keyword? = fields.option(.effectSlashType) else {
            throw KeyError(
                path: [], message: "an effect must be a map with an :effect/type, but this is \(ValueKey.shown(effect))"
            )
        }
        let own = try Effect.metaMap(fields.option(.meta) ?? .nil, named)
        var meta = row
        try? HashMap.remove(&meta, .kw(.effects))
        own.forEach { (key, value) in
            try? HashMap.set(&meta, key, value)
            return true
        }
        var all = waits
        for other in Graph.elements(own.option(.dependsOn) ?? .nil)
        where !all.contains(where: { GraphChecker.isSame($0, other) }) {
            all.append(other)
        }
        HashMap.put(&meta, .group, group)
        HashMap.put(&meta, .dependsOn, .vector(all))
        _ = try EffectMeta.read(meta)
        HashMap.put(&fields, .meta, .map(meta))
        return .map(fields)
    }
}

extension Name {
    /// As a script writes it.
    fileprivate var keyword: String { ":\(description)" }
}
