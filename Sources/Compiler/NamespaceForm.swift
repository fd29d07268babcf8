import Machine
import Reader
import Values

/// `ns`, `require`, `use`, `refer`: naming a namespace and what it takes from others.
package struct Requirer {
    let instance: Instance
    /// Whether it loads namespaces although they are loaded.
    var isAnew = false
    /// Finds and loads a namespace that is not there yet: built in, or a file on the source path. False when there is none.
    let load: (Name) throws(Fault) -> Bool
    /// Hands a requirer that loads namespaces again to what is to be done with it.
    let again: (Reloading, (Requirer) throws(Fault) -> Void) throws(Fault) -> Void
    /// Gives a new namespace what every script has in place.
    let prepare: (Namespace) -> Void
    /// Hears of a namespace that has begun, with what its form requires in place.
    let begun: (Name) -> Void
    /// The namespaces that could be required, for suggestions.
    let known: () -> [String]
    /// Takes note of what cannot be had, and says whether to go on without it; otherwise it is thrown.
    var forgives: (Unloaded) -> Bool = { _ in false }

    // MARK: ns

    /// Evaluates `(ns name doc? attributes? clause…)`.
    func evaluate(_ elements: [Value], origin: Origin? = nil) throws(Fault) -> Namespace {
        guard elements.count >= 2, let name = elements[1].symbolName else {
            throw Fault.of(
                .compiler, "ns takes a name\(elements.count >= 2 ? ", but found \(elements[1].briefly)" : "")",
                hint: "for instance (ns shop.main (:require [clojure.string :as str]))"
            ).located(at: 1, of: origin)
        }
        let namespace = instance.namespace(name)
        prepare(namespace)
        var meta = elements[1].metadata ?? HashMap()
        for (index, clause) in elements.enumerated().dropFirst(2) {
            switch clause {
            case .shortText, .longText: try HashMap.set(&meta, .kw(.doc), clause)
            case .map(let attributes):
                try attributes.forEach { (key, value) throws(Fault) in
                    try HashMap.set(&meta, key, value)
                    return true
                }
            case .list(let list):
                do throws(Fault) { try evaluate(clause: list, in: namespace) } catch {
                    let fault = error.located(at: list.origin)
                    guard forgives(Unloaded(fault: fault)) else { throw fault }
                }
            default:
                throw Fault.of(
                    .compiler, "ns takes clauses such as (:require …), but found \(clause.briefly)",
                    hint: clause.isKeyword ? "a clause stands in round brackets: (\(clause.keywordText) …)" : nil
                ).located(at: index, of: origin)
            }
        }
        namespace.setMeta(meta.isEmpty ? nil : meta)
        begun(name)
        return namespace
    }

    private func evaluate(clause: Cons, in namespace: Namespace) throws(Fault) {
        guard let parts = clause.elements, case .keyword(let kind)? = parts.first else {
            throw Fault.of(.compiler, "a clause of ns begins with a keyword such as :require").located(
                at: 0, of: clause.origin)
        }
        switch kind.name {
        case "require", "require-macros", "use":
            try require(
                all: Array(parts.dropFirst()), in: namespace, refersAll: kind.name == "use", origin: clause.origin)
        case "refer-clojure": try exclude(Array(parts.dropFirst()), in: namespace)
        case "import", "gen-class": return
        default:
            throw Fault.of(
                .compiler, "ns has no clause :\(kind.description)",
                hint: Nearest.hint(
                    for: ":\(kind.description)", among: [":require", ":use", ":refer-clojure", ":import"])
                    ?? "the clauses are :require, :use, :refer-clojure and :import"
            ).located(at: 0, of: clause.origin)
        }
    }

    private func exclude(_ options: [Value], in namespace: Namespace) throws(Fault) {
        for index in stride(from: 0, to: options.count - 1, by: 2) {
            let names = try Sequences.array(options[index + 1]).compactMap(\.symbolName)
            switch options[index] {
            case .keyword(let key) where key.name == "exclude": for name in names { namespace.exclude(name) }
            case .keyword(let key) where key.name == "only": continue
            default: throw .of(.compiler, ":refer-clojure takes :exclude or :only")
            }
        }
    }

    // MARK: require

    /// The arguments of `require` or `use`: what is required, and flags for all of it.
    ///
    /// - Parameter origin: of the form that they stand in, behind its name.
    func require(
        all arguments: [Value], in namespace: Namespace, refersAll: Bool = false, origin: Origin? = nil
    ) throws(Fault) {
        let reloading = try Requirer.reloading(flagsIn: arguments, origin: origin)
        func each(_ requirer: Requirer) throws(Fault) {
            for (index, spec) in arguments.enumerated() where !spec.isKeyword {
                let place = (origin, index + 1)
                do throws(Fault) {
                    try requirer.require(spec, in: namespace, refersAll: refersAll, at: place)
                } catch {
                    let fault = error.located(at: index + 1, of: origin)
                    guard forgives(Unloaded(fault: fault)) else { throw fault }
                }
            }
        }
        if let reloading { try again(reloading, each) } else { try each(self) }
    }

    /// What the flags among the arguments of `require` want loaded again.
    private static func reloading(flagsIn arguments: [Value], origin: Origin?) throws(Fault) -> Reloading? {
        var found: Reloading?
        for (index, flag) in arguments.enumerated() where flag.isKeyword {
            switch flag.keywordText {
            case ":reload": found = found ?? .named
            case ":reload-all": found = .everything
            case ":verbose": continue
            case let text:
                let isOption = [":as", ":as-alias", ":refer", ":exclude", ":rename"].contains(text)
                throw Fault.of(
                    .illegalArgument, "require has no flag \(text)",
                    hint: isOption
                        ? "\(text) stands in a vector with the namespace: [clojure.string \(text) …]"
                        : Nearest.hint(for: text, among: flags) ?? "the flags are :reload, :reload-all and :verbose"
                ).located(at: index + 1, of: origin)
            }
        }
        return found
    }

    private static let flags = [":reload", ":reload-all", ":verbose"]

    /// Where an argument of `require` stands: in a form, and as which element.
    private typealias Place = (form: Origin?, index: Int)

    /// One argument of `require`: `name`, `[name :as alias :refer [names]]`, or a prefix list.
    private func require(_ spec: Value, in namespace: Namespace, refersAll: Bool, at place: Place) throws(Fault) {
        if let name = spec.symbolName { return try use(name, [], in: namespace, refersAll: refersAll, at: place) }
        guard case .vector(let vector) = spec, let name = vector.isEmpty ? nil : vector[0].symbolName else {
            if case .list(let list) = spec, let parts = list.elements, let prefix = parts.first?.symbolName {
                for part in parts.dropFirst() {
                    try require(prefixed(part, prefix), in: namespace, refersAll: refersAll, at: place)
                }
                return
            }
            throw .of(
                .illegalArgument, "require takes names and vectors, but found \(spec.briefly)",
                hint: "for instance (require '[clojure.string :as str])")
        }
        try use(
            name, Array(vector.elements.dropFirst()), in: namespace, refersAll: refersAll, origin: vector.origin,
            at: place)
    }

    private func prefixed(_ spec: Value, _ prefix: Name) -> Value {
        func full(_ name: Name) -> Value {
            .symbol(instance.names.intern(nil, "\(prefix.description).\(name.description)"))
        }
        if let name = spec.symbolName { return full(name) }
        guard case .vector(let vector) = spec, let name = vector.isEmpty ? nil : vector[0].symbolName else {
            return spec
        }
        let parts = [full(name)] + vector.elements.dropFirst()
        return .vector(Vector(parts))
    }

    /// `origin` is of the vector that the options stand in, behind the name.
    private func use(
        _ name: Name, _ options: [Value], in namespace: Namespace, refersAll: Bool, origin: Origin? = nil,
        at place: Place
    ) throws(Fault) {
        if !isAnew, let reloading = Requirer.reloading(in: options) {
            return try again(reloading) { (requirer) throws(Fault) in
                try requirer.use(name, options, in: namespace, refersAll: refersAll, origin: origin, at: place)
            }
        }
        let target: Namespace
        do throws(Fault) { target = try found(name) } catch {
            let fault = error.located(at: 0, of: origin).located(at: place.index, of: place.form)
            let isAny = refersAll || options.contains { [":all", ":exclude"].contains($0.keywordText) }
            guard forgives(Unloaded(fault: fault, namespace: name, refersAll: isAny)) else { throw fault }
            target = Unloaded.standIn(for: name, in: instance)
        }
        // A script's namespace is meant by its own name, even where that is a short name of the library's.
        if !target.isLibrary, let short = namespace.alias(target.name),
            instance.findNamespace(short)?.isLibrary ?? false
        {
            namespace.removeAlias(target.name)
        }
        var refersAll = refersAll
        for index in stride(from: 0, to: options.count, by: 2) {
            guard case .keyword(let key) = options[index] else {
                throw Fault.of(
                    .illegalArgument, "require takes options such as :as, but found \(options[index].briefly)",
                    hint: options[index].symbolName.map { "the options are keywords: :\($0.description)" }
                ).located(at: index + 1, of: origin)
            }
            guard index + 1 < options.count else {
                throw Fault.illegalArgument("the option :\(key.description) of require has no value").located(
                    at: index + 1, of: origin)
            }
            switch key.name {
            case "as", "as-alias":
                guard let alias = options[index + 1].symbolName else {
                    throw Fault.illegalArgument(":as takes a name, but found \(options[index + 1].briefly)").located(
                        at: index + 2, of: origin)
                }
                namespace.alias(alias, to: target.name)
            case "refer", "only", "refer-macros":
                refersAll = false
                if case .keyword = options[index + 1] {
                    try refer(everyNameOf: target, in: namespace, except: [])
                } else {
                    let names = try Sequences.array(options[index + 1])
                    for (position, symbol) in names.enumerated() {
                        do throws(Fault) { try refer(symbol, of: target, in: namespace) } catch {
                            throw error.located(at: position, of: options[index + 1].origin)
                        }
                    }
                }
            case "exclude":
                try refer(
                    everyNameOf: target, in: namespace,
                    except: try Sequences.array(options[index + 1]).compactMap(\.symbolName))
                refersAll = false
            case "rename", "reload", "reload-all", "verbose", "include-macros": continue
            default:
                throw Fault.of(
                    .illegalArgument, "require has no option :\(key.description)",
                    hint: Nearest.hint(for: ":\(key.description)", among: [":as", ":refer", ":exclude", ":rename"])
                        ?? "use :as for a short name, or :refer for single names"
                ).located(at: index + 1, of: origin)
            }
        }
        if refersAll { try refer(everyNameOf: target, in: namespace, except: []) }
    }

    /// What the options of one namespace want loaded again: as flags, but each with a value.
    private static func reloading(in options: [Value]) -> Reloading? {
        func isAsked(_ option: String) -> Bool {
            guard let index = options.firstIndex(where: { $0.keywordText == option }) else { return false }
            return index + 1 < options.count && options[index + 1].isTruthy
        }
        return isAsked(":reload-all") ? .everything : isAsked(":reload") ? .named : nil
    }

    /// The namespace of this name, loaded.
    package func found(_ name: Name) throws(Fault) -> Namespace {
        if try !load(name), isAnew || instance.findNamespace(name) == nil {
            let near = known().filter { !$0.hasSuffix(".docs") }
            throw .of(
                .fileNotFound, "cannot find the namespace \(name.description)",
                hint: Unoffered.reason(forNamespace: name.description).map { "it is not offered here: \($0)" }
                    ?? Resolver.suggestion(for: name.description, among: near)
                    ?? "a namespace a.b is a built-in library, or the file a/b.slu on the source path")
        }
        return instance.namespace(name)
    }

    private func refer(_ symbol: Value, of target: Namespace, in namespace: Namespace) throws(Fault) {
        guard let name = symbol.symbolName else {
            throw .illegalArgument(":refer takes names, but found \(symbol.briefly)")
        }
        guard let variable = target.find(name) else {
            throw .of(
                .illegalArgument, "\(target.name.description) has no \(name.description)",
                hint: Resolver.suggestion(for: name.description, among: target.allNames))
        }
        namespace.refer(name, to: variable)
    }

    private func refer(everyNameOf target: Namespace, in namespace: Namespace, except: [Name]) throws(Fault) {
        for text in target.allNames {
            let name = instance.names.intern(nil, text)
            if except.contains(name) { continue }
            if let variable = target.find(name), try variable.metadata?.find(.kw(.private))?.isTruthy != true {
                namespace.refer(name, to: variable)
            }
        }
    }
}

extension Value {
    fileprivate var isKeyword: Bool { if case .keyword = self { true } else { false } }

    /// `:name`.
    fileprivate var keywordText: String {
        if case .keyword(let name) = self { ":\(name.description)" } else { "" }
    }
}
