import Machine
import Reader
import Values

/// What symbols mean in a namespace, beyond locals.
package struct Resolver {
    let instance: Instance
    let namespace: Namespace
    /// The namespaces of the library, to look for a name in.
    private let libraries: () -> [String]

    package init(instance: Instance, namespace: Namespace, libraries: @escaping () -> [String] = { [] }) {
        self.instance = instance
        self.namespace = namespace
        self.libraries = libraries
    }

    package static let coreName = Instance.everywhere[0]
    /// Where the forms that declare channels, workers and effects are.
    package static let declarationsName = Instance.everywhere[1]

    private var declarations: Namespace { instance.namespace(instance.names.intern(nil, Resolver.declarationsName)) }

    private var core: Namespace { instance.namespace(instance.names.intern(nil, Resolver.coreName)) }

    /// The var of a symbol: through an alias, or here, referred, or in the core.
    package func resolve(_ name: Name) -> Var? {
        instance.variable(name, seenFrom: namespace)
    }

    /// What a class name such as `my_app.shapes.Circle` stands for: a type that was defined there, or a protocol's
    /// interface; nil when there is none.
    func type(ofClass name: Name) -> Value? {
        guard !name.hasNamespace, case .object(let object)? = member(ofClass: name.name)?.root else { return nil }
        if object is RecordType { return .object(object) }
        return (object as? Protocol)?.interface
    }

    /// The var of a class name's last part in the namespace that the part before it means.
    func member(ofClass name: String, prefix: String = "") -> Var? {
        guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return nil }
        let package = String(name[..<dot])
        let symbol = instance.names.intern(nil, prefix + name[name.index(after: dot)...])
        // Packages have underscores where namespaces have hyphens.
        for space in [package, String(package.map { $0 == "_" ? "-" : $0 })] {
            if let found = instance.findNamespace(instance.names.intern(nil, space))?.find(symbol) { return found }
        }
        return nil
    }

    /// The full name that syntax-quote gives a symbol.
    package func qualify(_ name: Name) -> Name {
        if let qualifier = name.namespace {
            guard let full = namespace.alias(instance.names.intern(nil, qualifier)) else { return name }
            return instance.names.intern(full.description, name.name)
        }
        let text = name.name
        if text.hasSuffix(".") || text.hasPrefix(".") { return name }
        if SpecialForm.isSyntax(name) { return name }
        if let variable = namespace.resolve(name) {
            return instance.names.intern(variable.namespace.description, variable.name.name)
        }
        if !namespace.excludes(name) {
            if SpecialForm.isNative(name) || core.find(name) != nil {
                return instance.names.intern(Resolver.coreName, text)
            }
            if declarations.find(name) != nil { return instance.names.intern(Resolver.declarationsName, text) }
        }
        return instance.names.intern(namespace.name.description, text)
    }

    /// One sentence for a symbol that means nothing here.
    package func explainMissing(_ name: Name) -> String {
        guard let qualifier = name.namespace else {
            if let form = SpecialForm(rawValue: name.name) {
                return "\(form.rawValue) is a \(form.isSyntax ? "special form" : "macro") and has no value"
            }
            switch name.known {
            case .catch, .finally: return "\(name.name) is a clause of try, and stands directly within one"
            default: return "cannot resolve \(name.briefly)"
            }
        }
        // What a macro made is qualified with the namespace that the macro is written in.
        if qualifier == namespace.name.description { return "cannot resolve \(Name.beginning(of: name.name))" }
        let target = instance.names.intern(nil, qualifier)
        if instance.findNamespace(namespace.alias(target) ?? target) == nil {
            return "there is no namespace or alias \(Name.beginning(of: qualifier)) here"
        }
        return "\(Name.beginning(of: qualifier)) has no \(Name.beginning(of: name.name))"
    }

    /// What may have been meant by `name`, as a hint: what is there instead, or in another namespace, or the nearest names
    /// among what is visible.
    package func hint(for name: Name, locals: [Name]) -> String? {
        if name.namespace == namespace.name.description {
            return hint(for: instance.names.intern(nil, name.name), locals: locals)
        }
        switch name.known {
        case .catch, .finally: return "for instance (try (risky) (catch Exception e …) (finally …))"
        default: break
        }
        if !name.hasNamespace, let form = SpecialForm(rawValue: name.name) {
            return
                "it is part of the language and cannot be handed over; a function around it can: #(\(form.rawValue) …)"
        }
        if !name.hasNamespace, name.name.contains("."), instance.findNamespace(name) != nil {
            return "it is a namespace; require takes its name as data: (require '[\(name.name) :as …])"
        }
        if let instead = instead(of: name) ?? elsewhere(name) {
            // What is near at hand comes before what other languages or namespaces have.
            let near = locals.map(\.description) + namespace.allVars.map(\.name.name)
            return name.hasNamespace ? instead : Nearest.hint(for: name.name, among: near) ?? instead
        }
        if let qualifier = name.namespace {
            let target = instance.names.intern(nil, qualifier)
            if let found = instance.findNamespace(namespace.alias(target) ?? target) {
                let known = names(of: found).map { "\(qualifier)/\($0)" }
                return Nearest.hint(for: name.description, among: known) ?? Resolver.list(known)
            }
            let spaces = namespace.allAliases.map(\.0.description) + instance.allNamespaces.map(\.name.description)
            return Nearest.hint(for: name.description, among: spaces.map { "\($0)/\(name.name)" })
        }
        let candidates =
            locals.map(\.description) + names(of: namespace) + namespace.allReferred.map(\.0.description)
            + names(of: core)
            + names(of: declarations) + SpecialForm.names
        return Nearest.hint(for: name.name, among: candidates)
    }

    /// Why a name that Clojure or another language has is not there.
    private func instead(of name: Name) -> String? {
        if !name.hasNamespace, name.name.hasSuffix("'"), Unoffered.instead(ofWord: name.name) == nil,
            core.find(instance.names.intern(nil, String(name.name.dropLast()))) == nil
        {
            return "text stands in double quotes: \"…\"; a single quote makes data of the form after it"
        }
        if let word = Unoffered.instead(ofWord: name.description) { return word }
        if name.namespace == "js" { return "there is no JavaScript to call: use a function of the language" }
        guard let qualifier = name.namespace else {
            return Unoffered.reason(forCore: name.name).map { "Clojure's \(name.name) is not offered here: \($0)" }
        }
        let space = space(named: qualifier) ?? qualifier
        if space == "System", name.name == "getenv" { return "use (env/get \"NAME\")" }
        if isUnknown(qualifier), let reason = Unoffered.reason(forClass: qualifier) {
            return "there are no Java classes here: \(reason)"
        }
        if space == Resolver.coreName { return instead(of: instance.names.intern(nil, name.name)) }
        return Unoffered.reason(forNamespace: space).map { "\(space) is not offered here: \($0)" }
    }

    /// Where a name is defined that is not known here: the namespace has to be required.
    private func elsewhere(_ name: Name) -> String? {
        if let qualifier = name.namespace {
            guard isUnknown(qualifier), let space = Resolver.usualAliases[qualifier], isPublic(name.name, in: space)
            else {
                return nil
            }
            return "(require '[\(space) :as \(qualifier)]) gives the namespace that short name"
        }
        // Those that people mean first, then all others.
        let usual = Resolver.searched.filter { isPublic(name.name, in: $0) }
        let spaces = usual.isEmpty ? libraries().filter { isOffered(name.name, in: $0) } : usual
        guard let first = spaces.first else { return nil }
        let who = spaces.count == 1 ? "\(first) has it" : "\(spaces.joined(separator: " and ")) have it"
        return "\(who): (require '[\(first) :refer [\(name.name)]])"
    }

    /// Whether a namespace of the library is for scripts, and has a name.
    private func isOffered(_ name: String, in space: String) -> Bool {
        !Resolver.hidden.contains(space) && !space.hasSuffix(".docs") && space.first?.isLowercase == true
            && isPublic(name, in: space)
    }

    /// Namespaces of the library that are for itself.
    private static let hidden: Set<String> = [
        coreName, declarationsName, "sluice.machine", "sluice.compiler", "sluice.testing", "clojure.core.protocols",
    ]

    /// All that a small namespace has.
    private static func list(_ names: [String]) -> String? {
        (1...12).contains(names.count) ? "there are \(names.sorted().joined(separator: ", "))" : nil
    }

    private func isUnknown(_ qualifier: String) -> Bool {
        let symbol = instance.names.intern(nil, qualifier)
        return namespace.alias(symbol) == nil && instance.findNamespace(symbol) == nil
    }

    /// The namespace that a qualifier means: by an alias of this namespace, or by the one that people give it.
    private func space(named qualifier: String) -> String? {
        namespace.alias(instance.names.intern(nil, qualifier))?.description
            ?? (isUnknown(qualifier) ? Resolver.usualAliases[qualifier] : nil)
    }

    private func isPublic(_ name: String, in space: String) -> Bool {
        guard
            let variable = instance.findNamespace(instance.names.intern(nil, space))?.find(
                instance.names.intern(nil, name))
        else { return false }
        return (try? variable.metadata?.find(.kw(.private))?.isTruthy) != true
    }

    /// Namespaces of the library in which a name may have been meant.
    private static let searched = [
        "clojure.string", "clojure.set", "clojure.walk", "clojure.repl", "clojure.pprint", "clojure.test",
        "clojure.data",
        "clojure.edn", "clojure.math", "clojure.core.async", "clojure.data.json", "sluice.shape", "sluice.meta",
        "sluice.batch",
    ]

    /// The short names that people give to namespaces.
    private static let usualAliases = [
        "str": "clojure.string", "string": "clojure.string", "set": "clojure.set", "walk": "clojure.walk",
        "edn": "clojure.edn", "a": "clojure.core.async", "async": "clojure.core.async", "pp": "clojure.pprint",
        "pprint": "clojure.pprint", "t": "clojure.test", "test": "clojure.test", "data": "clojure.data",
        "math": "clojure.math", "repl": "clojure.repl", "io": "clojure.java.io", "sh": "clojure.java.shell",
        "shell": "clojure.java.shell", "s": "clojure.spec.alpha", "spec": "clojure.spec.alpha", "zip": "clojure.zip",
        "shape": "sluice.shape",
    ]

    /// The names that begin with `prefix`, in order.
    package func completions(of prefix: String) -> [String] {
        if let slash = prefix.firstIndex(of: "/"), slash != prefix.startIndex {
            let qualifier = String(prefix[..<slash])
            let target = instance.names.intern(nil, qualifier)
            guard let found = instance.findNamespace(namespace.alias(target) ?? target) else { return [] }
            return names(of: found).map { "\(qualifier)/\($0)" }.filter { $0.hasPrefix(prefix) }
        }
        let candidates =
            names(of: namespace) + namespace.allReferred.map(\.0.description) + names(of: core)
            + names(of: declarations)
            + SpecialForm.names + namespace.allAliases.map { "\($0.0.description)/" }
        return Set(candidates.filter { $0.hasPrefix(prefix) }).sorted()
    }

    static func suggestion(for text: String, among candidates: [String]) -> String? {
        Nearest.hint(for: text, among: candidates)
    }

    private func names(of namespace: Namespace) -> [String] { namespace.allNames }
}
