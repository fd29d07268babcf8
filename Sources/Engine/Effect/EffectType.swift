import Values

/// A kind of effect: what it takes, what it needs, how it is done. Types of adapters, of scripts (`defeffect`) and of
/// the Swift host have the same standing (P26).
package struct EffectType: Sendable {
    /// `fs/read`.
    package var name: Name
    package var doc: String
    package var params: [Param]
    /// Capabilities it may use; the handler asks for each file, host or program as it meets it.
    package var needs: CapabilityKinds
    package var recovery: Recovery
    /// Whether the handler itself makes one of the parameters of effects with the same idempotency key (J21), as it is told them
    /// by `EffectRequest.parts`; otherwise the maps are merged.
    package var mergesItself: Bool
    package var timeout: DefaultTimeout
    /// False for what only waits (P19): such effects start at once and count towards no limit of the engine.
    package var holdsSlot: Bool
    package var handler: any EffectHandler

    package struct Param: Sendable {
        package var key: Name
        /// `:string`, `:int` …; what the checker compares with.
        package var type: ParamType
        package var isRequired: Bool
        package var usual: Value
        package init(_ key: Name, _ type: ParamType, required: Bool = false, usual: Value = .nil) {
            self.key = key
            self.type = type
            isRequired = required
            self.usual = usual
        }
    }

    package enum ParamType: String, CaseIterable, Sendable {
        case any, string, int, number, bool, keyword, map, vector, function

        /// With its article.
        var noun: String {
            switch self {
            case .any: "any value"
            case .int: "an integer"
            case .bool: "true or false"
            default: "a \(rawValue)"
            }
        }

        func accepts(_ value: Value) -> Bool {
            switch (self, value) {
            case (.any, _), (.string, .shortText), (.string, .longText), (.bool, .bool): true
            case (.int, .int), (.number, .int), (.number, .double): true
            case (.keyword, .keyword), (.map, .map), (.vector, .vector), (.vector, .list), (.vector, .set): true
            case (.vector, .lazy), (.vector, .seq), (.function, .function), (.function, .native): true
            default: false
            }
        }
    }

    /// What becomes of an effect that was started and never ended when its run is taken up again.
    package enum Recovery: String, CaseIterable, Sendable { case retry, fail, ask }

    package enum DefaultTimeout: Equatable, Sendable {
        /// The engine's `:timeout-ms`.
        case engine
        case none
        case ms(Int64)
    }

    package init(
        name: Name, doc: String = "", params: [Param] = [], needs: CapabilityKinds = [], recovery: Recovery = .fail,
        mergesItself: Bool = false, timeout: DefaultTimeout = .engine, holdsSlot: Bool = true,
        handler: any EffectHandler
    ) {
        self.name = name
        self.doc = doc
        self.params = params
        self.needs = needs
        self.recovery = recovery
        self.mergesItself = mergesItself
        self.timeout = timeout
        self.holdsSlot = holdsSlot
        self.handler = handler
    }

    /// What the pure machine has to know of it.
    var traits: EffectTraits {
        EffectTraits(timeout: timeout, holdsSlot: holdsSlot, mergesItself: mergesItself)
    }

    /// Checks the parameters of an effect; nil when they fit. A type without declared parameters takes any.
    package func complaint(about effect: Effect) -> EffectError? {
        for param in params {
            let value = (try? effect.fields.find(.keyword(param.key))) ?? nil
            guard let value, !value.isNil else {
                if param.isRequired {
                    let given = misspelt(param.key, in: effect).map { "; :\($0) is none of its parameters" } ?? ""
                    return EffectError(
                        .invalidEffect,
                        ":\(name.description) needs the parameter :\(param.key.description), \(param.type.noun)\(given)"
                    )
                }
                continue
            }
            if !param.type.accepts(value) {
                return EffectError(
                    .invalidEffect,
                    "the parameter :\(param.key.description) of :\(name.description) must be \(param.type.noun), but it is \(ValueKey.shown(value))"
                )
            }
        }
        return nil
    }

    /// A parameter that the type does not know and that may have been meant to be `key`.
    private func misspelt(_ key: Name, in effect: Effect) -> String? {
        var unknown: [String] = []
        effect.fields.forEach { (field, _) in
            if case .keyword(let name) = field, !name.hasNamespace, !params.contains(where: { $0.key == name }) {
                unknown.append(name.name)
            }
            return true
        }
        return Nearest.name(to: key.name, among: unknown)
    }
}

/// The part of a type that planning depends on.
package struct EffectTraits: Equatable, Sendable {
    package var timeout: EffectType.DefaultTimeout
    package var holdsSlot: Bool
    /// Parts are collected, and merged by the handler.
    package var mergesItself: Bool

    package init(timeout: EffectType.DefaultTimeout = .engine, holdsSlot: Bool = true, mergesItself: Bool = false) {
        self.timeout = timeout
        self.holdsSlot = holdsSlot
        self.mergesItself = mergesItself
    }
}
