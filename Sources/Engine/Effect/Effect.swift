import Values

/// An effect as data: a type, parameters, meta, an id.
///
/// A script writes `{:effect/id … :effect/type :fs/read :path "a" :meta {…}}`; the parameters lie flat. Immutable.
package final class Effect: Sendable {
    /// The script's, or the text of the identity's path.
    package let id: ValueKey
    package let type: Name
    /// The flat map: parameters, `:effect/type`, and what else was given.
    package let fields: HashMap
    package let meta: EffectMeta
    /// What submitted it.
    package let parent: Identity
    /// Its number among the effects of its parent.
    package let ordinal: Int

    /// - Parameters:
    ///   - id: nil to make one from the identity.
    ///   - parent: what submits it.
    ///   - ordinal: its number among the effects of `parent`, counted in the order they are written, never by timing.
    package init(
        type: Name, fields: HashMap, meta: EffectMeta = .none, id: ValueKey? = nil, parent: Identity, ordinal: Int
    ) {
        self.id = id ?? ValueKey(text: parent.child(.effect, ordinal: ordinal).path)
        self.type = type
        self.fields = fields
        self.meta = meta
        self.parent = parent
        self.ordinal = ordinal
    }

    /// Made when it is asked for: of most effects nobody does.
    package var identity: Identity { parent.child(.effect, ordinal: ordinal) }

    /// Reads an effect that a script wrote.
    ///
    /// - Parameters:
    ///   - parent: what submits it.
    ///   - ordinal: its number among the effects of `parent`.
    ///   - like: an effect that may have the same meta, as the one before it in a batch: it is read once then.
    ///   - named: the map of a `defmeta` name, or nil when there is none.
    package convenience init(
        _ value: Value, parent: Identity, ordinal: Int, like: Effect? = nil, named: (Name) -> HashMap? = { _ in nil }
    ) throws(KeyError) {
        guard case .map(let fields) = value else {
            throw KeyError(
                path: [], message: "an effect must be a map with :effect/type, but this is \(ValueKey.shown(value))")
        }
        var (givenType, givenID, givenMeta): (Value?, Value, Value) = (nil, .nil, .nil)
        fields.forEachInPlace { entry in
            switch Value.knownKeyword(at: entry) {
            case .effectSlashType: givenType = entry[1]
            case .effectSlashID: givenID = entry[1]
            case .meta: givenMeta = entry[1]
            default: break
            }
        }
        guard case .keyword(let type)? = givenType else {
            throw KeyError(
                path: [.kw(.effectSlashType)],
                message: givenType.map {
                    "the :effect/type of an effect must be a keyword, but it is \(ValueKey.shown($0))"
                }
                    ?? "an effect needs an :effect/type, a keyword such as :fs/read")
        }
        var id: ValueKey?
        if !givenID.isNil {
            do { id = try ValueKey(givenID) } catch {
                throw KeyError(path: [.kw(.effectSlashID)], message: "an :effect/id must be data")
            }
        }
        self.init(
            type: type, fields: fields, meta: try Effect.meta(givenMeta, like, named), id: id,
            parent: parent, ordinal: ordinal)
    }

    /// What can be told of an effect whose meta says nothing that holds; nil without a type and an id that are such.
    package convenience init?(unread value: Value, parent: Identity, ordinal: Int) {
        guard case .map(let fields) = value, case .keyword(let type)? = Effect.field(.effectSlashType, of: fields),
            let given = Effect.field(.effectSlashID, of: fields), !given.isNil, let id = try? ValueKey(given)
        else { return nil }
        self.init(type: type, fields: fields, id: id, parent: parent, ordinal: ordinal)
    }

    /// Whether there may be more attempts than one at it.
    package var isRetried: Bool { meta.retry != nil }

    /// A parameter; nil when it is absent.
    package subscript(key: KnownName) -> Value? { Effect.field(key, of: fields) }

    /// The parameters alone.
    package var params: HashMap {
        let made = try? HashMap.gathered(upTo: fields.count) { entries in
            entries.add(fields) { $0 == .effectSlashID || $0 == .effectSlashType || $0 == .meta }
        }
        if let made { return made }
        // Keys that cannot be hashed stay as they are.
        var params = fields
        for key in [KnownName.effectSlashID, .effectSlashType, .meta] { try? HashMap.remove(&params, .kw(key)) }
        return params
    }

    /// The whole, as a script sees it: always with its id.
    package var value: Value {
        if Effect.field(.effectSlashID, of: fields) != nil { return .map(fields) }
        var fields = fields
        try? HashMap.set(&fields, .kw(.effectSlashID), id.value)
        return .map(fields)
    }

    /// The whole, its meta as the map that names of a `defmeta` came to: for those who do not know the names.
    package var valueWithMeta: Value {
        guard let source = meta.source, case .map(var fields) = value else { return value }
        try? HashMap.set(&fields, .kw(.meta), .map(source))
        return .map(fields)
    }

    /// The same effect with other parameters: it keeps its id, its meta and its place.
    func replacing(type: Name, fields: HashMap, meta: EffectMeta) -> Effect {
        var fields = fields
        for key in [KnownName.effectSlashID, .meta] {
            if let own = Effect.field(key, of: self.fields) {
                try? HashMap.set(&fields, .kw(key), own)
            } else {
                try? HashMap.remove(&fields, .kw(key))
            }
        }
        return Effect(type: type, fields: fields, meta: meta, id: id, parent: parent, ordinal: ordinal)
    }

    /// The same effect with these parameters, which say nothing of its type.
    func replacing(parameters: HashMap) -> Effect {
        var fields = parameters
        try? HashMap.set(&fields, .kw(.effectSlashType), .keyword(type))
        return replacing(type: type, fields: fields, meta: meta)
    }

    /// The default merge (J21): parameters of the later one win.
    func mergingParameters(of later: Effect, meta: EffectMeta) -> Effect {
        var fields = self.fields
        later.params.forEach { (key, value) in
            try? HashMap.set(&fields, key, value)
            return true
        }
        return Effect(type: type, fields: fields, meta: meta, id: id, parent: parent, ordinal: ordinal)
    }

    /// Looking up a keyword compares words: it cannot fail.
    private static func field(_ key: KnownName, of map: HashMap) -> Value? { (try? map.find(.kw(key))) ?? nil }

    /// A map, the name of a `defmeta`, or a vector of these, merged from left to right.
    private static func meta(
        _ given: Value, _ like: Effect?, _ named: (Name) -> HashMap?
    ) throws(KeyError) -> EffectMeta {
        let map: HashMap
        switch given {
        case .nil: return .none
        case .map(let written):
            if let like, HashMap.areSame(like.meta.source, written) { return like.meta }
            map = written
        default: map = try metaMap(given, named)
        }
        do throws(KeyError) { return try EffectMeta.read(map) } catch {
            throw KeyError(path: [.kw(.meta)] + error.path, message: error.message, hint: error.hint)
        }
    }

    /// The map that meta comes to: names are followed, and vectors merged from left to right.
    package static func metaMap(_ given: Value, _ named: (Name) -> HashMap?) throws(KeyError) -> HashMap {
        switch given {
        case .nil: return HashMap()
        case .map(let map): return map
        case .keyword(let name):
            guard let map = named(name) else {
                throw KeyError(path: [.kw(.meta)], message: "there is no defmeta :\(name.description)")
            }
            return map
        case .vector(let parts):
            var merged = HashMap()
            for part in parts.elements {
                if case .vector = part { throw notMeta(given) }
                try metaMap(part, named).forEach { (key, value) in
                    try? HashMap.set(&merged, key, value)
                    return true
                }
            }
            return merged
        default: throw notMeta(given)
        }
    }

    private static func notMeta(_ given: Value) -> KeyError {
        KeyError(
            path: [.kw(.meta)],
            message:
                "meta must be a map, the name of a defmeta or a vector of these, but it is \(ValueKey.shown(given))")
    }
}
