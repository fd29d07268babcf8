import Engine
import Machine
import Values

/// What one form, or one entry of the data form, declares.
package struct Declaration: Sendable {
    package var kind: DeclarationKind
    package var name: Name
    /// As evaluated.
    package var options: HashMap
    /// The function that the form itself makes.
    package var function: Value?
    package var site: Site
    /// The namespace it was declared in, which unnamed functions are shown in.
    package var namespace: String

    package init(
        _ kind: DeclarationKind, _ name: Name, options: HashMap = HashMap(), function: Value? = nil,
        site: Site = .unknown,
        namespace: String = "user"
    ) {
        self.kind = kind
        self.name = name
        self.options = options
        self.function = function
        self.site = site
        self.namespace = namespace
    }

    /// The node it makes: functions become qualified symbols with what they were found to be.
    func node<Failure>(
        _ names: Names, _ lookup: (Name) throws(Failure) -> FunctionReference, findings: [Finding] = []
    ) throws(Failure) -> Node {
        var options = self.options
        var functions: [KnownName: FunctionReference] = [:]
        if let function, !function.isNil, let key = kind.functionKey { HashMap.put(&options, key, function) }
        for row in kind.keys {
            guard case .function = row.shape, let value = options.option(row.key) else { continue }
            guard let reference = try reference(value, row.key, names, lookup) else { continue }
            functions[row.key] = reference
            HashMap.put(&options, row.key, .symbol(reference.symbol))
        }
        return Node(
            id: NodeID(kind, name), options: options.with(nil), functions: functions, actions: try actions(lookup),
            site: site, findings: findings)
    }

    /// The named functions that the effects of a plan's data run.
    private func actions<Failure>(
        _ lookup: (Name) throws(Failure) -> FunctionReference
    ) throws(Failure) -> [(path: [Value], function: FunctionReference)] {
        guard kind == .phases else { return [] }
        var found: [(path: [Value], function: FunctionReference)] = []
        for (row, phase) in Graph.elements(options.option(.phases) ?? .nil).enumerated() {
            guard case .map(let phase) = phase else { continue }
            for (index, effect) in Graph.elements(phase.option(.effects) ?? .nil).enumerated() {
                guard case .map(let effect) = effect, effect.option(.effectSlashType)?.knownKeyword == .run,
                    let action = effect.option(.action)
                else { continue }
                var name = action.symbolName
                if case .keyword(let keyword) = action { name = keyword }
                guard let name, name.hasNamespace else { continue }
                let path: [Value] = [.kw(.phases), .int(Int64(row)), .kw(.effects), .int(Int64(index)), .kw(.action)]
                found.append((path, try lookup(name)))
            }
        }
        return found
    }

    /// What a value that should be a function refers to; nil when it is none and names none.
    private func reference<Failure>(
        _ value: Value, _ key: KnownName, _ names: Names, _ lookup: (Name) throws(Failure) -> FunctionReference
    ) throws(Failure) -> FunctionReference? {
        switch value {
        case .keyword(let name), .symbol(let name): return name.hasNamespace ? try lookup(name) : nil
        case .function(let closure):
            let own = (closure.owner as? Prototype)?.name
            return .found(qualified(own, key, names), value)
        case .native(let native):
            let parts = Names.split(native.name)
            return .found(names.intern(parts.namespace ?? "clojure.core", parts.name), value)
        case .object(let object):
            if let variable = object as? Var {
                return .found(names.intern(variable.namespace.description, variable.name.description), value)
            }
            if let symbol = value.symbolName { return symbol.hasNamespace ? try lookup(symbol) : nil }
            return object.kind == .multimethod ? .found(qualified(nil, key, names), value) : nil
        default: return nil
        }
    }

    /// A function of the language knows its short name at most; it is shown in the namespace of the declaration.
    private func qualified(_ own: String?, _ key: KnownName, _ names: Names) -> Name {
        // The forms name their functions with the colon of the declaration, which no local name can shadow.
        let own = own.map { $0.hasPrefix(":") ? String($0.dropFirst()) : $0 }
        if let own, own.contains("/"), own != "/" { return names.intern(own) }
        let fallback = key == kind.functionKey ? self.name.name : "\(self.name.name)-\(key.rawValue)"
        return names.intern(namespace, own ?? fallback)
    }
}
