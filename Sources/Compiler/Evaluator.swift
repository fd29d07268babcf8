#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
import Machine
import Reader
import Synchronization
import Values

/// Reads, compiles and runs forms, one top-level form after the other.
package final class Evaluator: @unchecked Sendable {
    // Sendable: compilation happens under `lock`, which the same thread may take again (a macro that evaluates).
    package let instance: Instance
    private let lock = RecursiveLock()
    private let ids = Atomic<Int>(0)
    /// Runs a fiber to its end: set by the runtime, so that top-level forms may wait for channels and effects.
    package var runFiber: @Sendable (Value, Bindings) throws(Fault) -> Value
    /// Where namespaces come from.
    package let libraries: any LibrarySource
    private let loads = Loads()
    /// The sources that were evaluated, by name, for `source`.
    private var sources: [String: Source] = [:]
    /// See `declarations`.
    private var noted: [Value]?
    /// See `unloaded`.
    private var missing: [Unloaded]?
    /// Why a definition of the library could not be made while code that names it was compiled.
    private var loadFault: Fault?

    package init(_ instance: Instance, libraries: any LibrarySource) {
        self.instance = instance
        self.libraries = libraries
        runFiber = { (function, bindings) throws(Fault) in
            try LoneFiber(instance, calling: function, [], bindings: bindings).runWithoutWaiting()
        }
        CompilerPrimitives.install(in: self)
        instance.namespaceProvider.set { [unowned self] name in
            self.attachLibrary(name) ? self.instance.namespace(name) : nil
        }
        // The machine's namespace is there already, for a var of its own.
        for name in [Resolver.coreName, Resolver.declarationsName, "sluice.machine"] {
            _ = attachLibrary(instance.names.intern(nil, name))
        }
    }

    // MARK: Namespaces

    /// A namespace to evaluate a script in, with the short aliases in place.
    package func scriptNamespace(_ name: String) -> Namespace {
        let namespace = instance.namespace(instance.names.intern(nil, name))
        prepare(namespace)
        return namespace
    }

    private func prepare(_ namespace: Namespace) {
        for (alias, target) in libraries.aliases {
            let short = instance.names.intern(nil, alias)
            guard namespace.alias(short) == nil else { continue }
            namespace.alias(short, to: instance.names.intern(nil, target))
        }
    }

    /// Gives a namespace its built-in definitions, made when they are first named; false when it has none.
    @discardableResult private func attachLibrary(_ name: Name) -> Bool {
        guard libraries.has(name.description) else { return false }
        let namespace = instance.namespace(name)
        namespace.setLibrary(
            Namespace.Library(
                load: { [unowned self] space, symbol in self.lock.withLock { self.load(symbol, of: space) } },
                names: { [libraries] in libraries.names(in: name.description) }))
        return true
    }

    /// Makes the var of a built-in definition.
    private func load(_ symbol: Name, of space: Namespace) -> Var? {
        if let made = space.made(symbol) { return made }
        guard let source = libraries.definition(space.name.description, symbol.name) else {
            return libraries.primitive(space.name, symbol).map { space.intern(symbol, boundTo: $0) }
        }
        do throws(Fault) {
            return try space.intern(symbol) { () throws(Fault) in try define(source, in: space) }
        } catch {
            // The code that named it is refused with this.
            loadFault = loadFault ?? error
            return nil
        }
    }

    /// The var of a built-in definition that there is; throws what kept it from being made, which is a budget that ran out.
    package func builtIn(_ space: String, _ name: String) throws(Fault) -> Var {
        try lock.withLock { () throws(Fault) in
            defer { loadFault = nil }
            let found = instance.findNamespace(instance.names.intern(nil, space))?.find(
                instance.names.intern(nil, name))
            if let found { return found }
            guard let loadFault else { fatalError("the library has no \(space)/\(name)") }
            throw loadFault
        }
    }

    /// Evaluates a definition of the library; one that fails is the library's own bug, unless a budget ran out meanwhile.
    private func define(_ source: Source, in space: Namespace) throws(Fault) {
        do throws(Fault) {
            var forms = forms(of: source) { space }
            while let form = try forms.next() {
                let prototype = try compile(form.value, in: space, Node.Place(source: source, span: form.span))
                _ = try call(.function(prototype.makeClosure()), [], in: space)
            }
        } catch {
            guard error.isCatchable, !instance.account.isExhausted else { throw error }
            fatalError("\(source.name):\(source.firstLine): \(error.summary)")
        }
    }

    /// Evaluates `(ns …)`; nil when the form is another.
    private func namespaceForm(
        _ form: Value, _ place: Node.Place?, _ bindings: Bindings?
    ) throws(Fault) -> Namespace? {
        guard case .list(let list) = form, let elements = list.elements, let name = elements.first?.symbolName,
            name.known == .ns, !name.hasNamespace
        else { return nil }
        if let source = place?.source, elements.count > 1, let space = elements[1].symbolName {
            libraries.note(space.description, in: source)
        }
        do throws(Fault) {
            return try requirer(conveying: bindings).evaluate(elements, origin: list.origin)
        } catch {
            throw error.located(at: list.origin).ofForm(list.origin)
        }
    }

    /// What requires namespaces; their files see the dynamic bindings of who requires them.
    ///
    /// - Parameter reloading: within the load that is for this; what it is to load anew with all that is required counts as
    ///   not loaded there.
    package func requirer(conveying bindings: Bindings? = nil, for reloading: Reloading? = nil) -> Requirer {
        Requirer(
            instance: instance, isAnew: reloading != nil,
            load: { [unowned self] (name) throws(Fault) in
                try self.require(name, bindings, anew: reloading == .named)
            },
            again: { [unowned self] (reloading, body) throws(Fault) in try self.reload(reloading, bindings, body) },
            prepare: { [unowned self] in self.prepare($0) },
            begun: { [unowned self] in self.loads.begun($0) }, known: { [libraries] in libraries.namespaces },
            forgives: { [unowned self] in self.forgives($0, bindings) })
    }

    /// Loads a namespace, unless it is built in: what is built in stays as it is.
    private func require(_ name: Name, _ bindings: Bindings?, anew: Bool) throws(Fault) -> Bool {
        if attachLibrary(name) { return true }
        let asking = currentLoad(bindings)
        if !anew, loads.isLoaded(name, within: asking) { return true }
        guard let source = try libraries.file(of: name.description) else { return false }
        guard let load = try granted(bindings, { loads.begin(name, within: asking, anew: anew) }) else { return true }
        var isLoaded = false
        defer { loads.end(load, isLoaded: isLoaded, in: instance) }
        _ = try evaluate(source, in: scriptNamespace("user"), conveying: conveying(load, bindings))
        guard instance.findNamespace(name) != nil else {
            throw .of(
                .runtime, "\(source.name) does not define the namespace \(name.description)",
                hint: "begin the file with (ns \(name.description))")
        }
        isLoaded = true
        return true
    }

    /// Runs what loads namespaces again.
    private func reload(
        _ reloading: Reloading, _ bindings: Bindings?, _ body: (Requirer) throws(Fault) -> Void
    ) throws(Fault) {
        let asking = currentLoad(bindings)
        guard let load = try granted(bindings, { loads.beginAgain(reloading, within: asking) }) else { return }
        defer { loads.end(load, isLoaded: false, in: instance) }
        try body(requirer(conveying: conveying(load, bindings), for: reloading))
    }

    /// The load that `ask` was granted, once those that it had to wait for have ended; nil when there is nothing to load.
    private func granted(_ bindings: Bindings?, _ ask: () -> Loads.Outcome) throws(Fault) -> Load? {
        while true {
            switch ask() {
            case .isLoaded: return nil
            case .granted(let load): return load
            case .waits(let other): try wait(for: other, bindings)
            case .isCircular(let names):
                throw .of(
                    .compiler, "namespaces require each other: \(names.map(\.description).joined(separator: " → "))",
                    hint: "move what both need into a namespace of its own")
            }
        }
    }

    private func conveying(_ load: Load, _ bindings: Bindings?) -> Bindings {
        Bindings([Bindings.Box(loadVar, .object(load))], parent: bindings)
    }

    /// The load of the file on whose behalf this thread runs.
    func currentLoad(_ bindings: Bindings?) -> Load? {
        guard case .object(let load)? = (bindings ?? runningFiber?.bindings)?.find(loadVar)?.value else { return nil }
        return load as? Load
    }

    private var runningFiber: Fiber? { Attention.running as? Fiber }

    /// A fiber leaves whatever it loads for it and begins again later, for what it waits for may stand on the stack of its own
    /// thread, below it. A thread that runs no fiber lends itself.
    private func wait(for load: Load, _ bindings: Bindings?) throws(Fault) {
        if runningFiber != nil { return try load.await() }
        let wait = Native("require", 0) { (_, _) throws(Fault) in
            try load.await()
            return .nil
        }
        _ = try runFiber(.native(wait), Bindings([], parent: bindings))
    }

    /// Holds the load of the file whose forms are evaluated.
    private var loadVar: Var {
        instance.namespace(instance.names.intern(nil, CompilerPrimitives.space)).intern(
            instance.names.intern(nil, "*load*"))
    }

    // MARK: Evaluating

    /// Evaluates every form of `source`, starting in `namespace`; the value of the last. `in-ns` changes the namespace for
    /// what follows; the one in force at the end is given back.
    package func evaluate(
        _ source: Source, in namespace: Namespace, conveying bindings: Bindings? = nil
    ) throws(Fault) -> (value: Value, namespace: Namespace) {
        let box = NamespaceBox(namespace)
        lock.withLock { sources[source.name] = source }
        var forms = forms(of: source) { box.namespace }
        var value = Value.nil
        while let form = try forms.next() {
            let place = Node.Place(source: source, span: form.span)
            let result = try evaluate(form.value, in: box.namespace, place, bindings, depth: 0)
            value = result.value
            box.namespace = result.namespace
        }
        return (value, box.namespace)
    }

    /// Reads the forms of a text one after the other, each in the namespace that `namespace` gives by then.
    package func forms(of source: Source, in namespace: @escaping () -> Namespace) -> FormReader {
        FormReader(Reader(source, names: instance.names, dialect: .code(context(namespace))))
    }

    /// Evaluates one form.
    package func evaluate(
        _ form: Value, in namespace: Namespace, source: Source? = nil, span: Span? = nil
    ) throws(Fault) -> (value: Value, namespace: Namespace) {
        if let source { lock.withLock { sources[source.name] = source } }
        let place = source.flatMap { source in span.map { Node.Place(source: source, span: $0) } }
        return try evaluate(form, in: namespace, place, nil, depth: 0)
    }

    /// Top-level `do` forms deeper than this are refused: each is evaluated within the one around it.
    private static let maximumDepth = 200

    private func evaluate(
        _ form: Value, in namespace: Namespace, _ place: Node.Place?, _ bindings: Bindings?, depth: Int
    ) throws(Fault) -> (value: Value, namespace: Namespace) {
        if let named = try namespaceForm(form, place, bindings) { return (.nil, named) }
        var analyzer = analyzer(in: namespace, place, bindings)
        let form = try lock.withLock { () throws(Fault) in try analyzer.expandTop(form) }
        if case .list(let list) = form, let elements = list.elements, elements.first?.symbolName?.known == .do {
            guard depth < Evaluator.maximumDepth else {
                throw analyzer.fault(
                    "this form is more than \(Evaluator.maximumDepth) levels of do deep", at: form,
                    hint: "does a macro expand to a call of itself?")
            }
            // So that a macro defined in the `do` is known to the forms after it.
            var result = (value: Value.nil, namespace: namespace)
            for (index, element) in elements.enumerated().dropFirst() {
                let child = list.origin.flatMap { origin in
                    index < origin.children.count
                        ? Node.Place(source: origin.source, span: origin.children[index]) : nil
                }
                result = try evaluate(
                    element, in: result.namespace, child ?? analyzer.place, bindings, depth: depth + 1)
            }
            return result
        }
        let prototype = try lock.withLock { () throws(Fault) in try compile(form, with: &analyzer) }
        let function = Value.function(prototype.makeClosure())
        let box = Bindings.Box(namespaceVar, .object(namespace))
        var boxes = [box]
        // Texts that are no files have names such as `<repl 1>`.
        if let name = place?.source.name, !name.hasPrefix("<") {
            boxes.append(Bindings.Box(instance.core.file, .string(name)))
        }
        let value = try runFiber(function, Bindings(boxes, parent: bindings))
        guard case .object(let object) = box.value, let after = object as? Namespace else { return (value, namespace) }
        return (value, after)
    }

    /// `*ns*`.
    package var namespaceVar: Var {
        instance.namespace(instance.names.intern(nil, Resolver.coreName)).intern(instance.names.intern(nil, "*ns*"))
    }

    /// The source of this name that was evaluated last.
    func source(named name: String) -> Source? { lock.withLock { sources[name] } }

    // MARK: Compiling

    /// The prototype of a function of no arguments that evaluates `form`.
    func compile(
        _ form: Value, in namespace: Namespace, _ place: Node.Place?, _ bindings: Bindings? = nil
    ) throws(Fault) -> Prototype {
        var analyzer = analyzer(in: namespace, place, bindings)
        return try compile(form, with: &analyzer)
    }

    private func analyzer(in namespace: Namespace, _ place: Node.Place?, _ bindings: Bindings?) -> Analyzer {
        Analyzer(
            instance: instance, namespace: namespace, libraries: { [libraries] in libraries.namespaces },
            expand: { [unowned self] (macro, arguments) throws(Fault) in
                try self.expansion(macro, arguments, in: namespace, bindings)
            },
            function: FunctionScope(parent: nil, selfName: nil, captures: FunctionScope.Captures()), place: place)
    }

    private func compile(_ form: Value, with analyzer: inout Analyzer) throws(Fault) -> Prototype {
        defer { loadFault = nil }
        let body: Node
        do throws(Fault) { body = try analyzer.analyze(form) } catch { throw loadFault ?? error }
        if let loadFault { throw loadFault }
        let arity = Arity(
            parameters: [], isVariadic: false, body: body, target: LoopTarget([]), locals: analyzer.function.locals)
        Liveness.analyze(arity)
        return try Emitter.prototype(Node.Function(name: nil, arities: [arity], captures: []))
    }

    /// A function of no arguments that evaluates `form`: what `eval` calls.
    func function(evaluating form: Value, in namespace: Namespace, _ bindings: Bindings?) throws(Fault) -> Closure {
        try lock.withLock { () throws(Fault) in try compile(form, in: namespace, nil, bindings) }.makeClosure()
    }

    /// Compiles a form without evaluating it: a function of no arguments that would.
    package func checkCompile(_ form: Value, in namespace: Namespace, source: Source, span: Span) throws(Fault)
        -> Closure
    {
        try lock.withLock { () throws(Fault) in
            try compile(form, in: namespace, Node.Place(source: source, span: span))
        }.makeClosure()
    }

    /// What the macro makes of a top-level form that calls one; nil of any other form. Nothing else is run.
    package func expandTopOnce(_ form: Value, in namespace: Namespace, source: Source, span: Span) throws(Fault)
        -> Value?
    {
        var analyzer = analyzer(in: namespace, Node.Place(source: source, span: span), nil)
        return try lock.withLock { () throws(Fault) in try analyzer.expandTopOnce(form) }
    }

    /// Forms of declarations, in the order their macros were expanded, whether or not what these came to was run; kept from
    /// when it is set to something, for whoever checks a script.
    package var declarations: [Value]? {
        get { lock.withLock { noted } }
        set { lock.withLock { noted = newValue } }
    }

    /// What a script requires and cannot have, in that order; kept from when it is set to something, for whoever checks a script.
    package var unloaded: [Unloaded]? {
        get { lock.withLock { missing } }
        set { lock.withLock { missing = newValue } }
    }

    func note(_ declaration: Value) { lock.withLock { noted?.append(declaration) } }

    /// The forms of a text, not evaluated.
    func read(_ source: Source, in namespace: Namespace) throws(Fault) -> [Value] {
        var reader = forms(of: source) { namespace }
        var forms: [Value] = []
        while let form = try reader.next() { forms.append(form.value) }
        return forms
    }

    /// Calls a function while compiling: a macro, or `macroexpand`.
    package func call(
        _ function: Value, _ arguments: [Value], in namespace: Namespace, _ bindings: Bindings? = nil
    ) throws(Fault) -> Value {
        let box = Bindings.Box(namespaceVar, .object(namespace))
        return try LoneFiber(instance, calling: function, arguments, bindings: Bindings([box], parent: bindings))
            .runWithoutWaiting()
    }

    /// What a macro gives, as a form: the lazy sequences in it are realised by the machine.
    private func expansion(
        _ macro: Value, _ arguments: [Value], in namespace: Namespace, _ bindings: Bindings?
    ) throws(Fault) -> Value {
        let walk = FormWalk(try call(macro, arguments, in: namespace, bindings))
        do throws(Fault) { return try walk.form() } catch .force {
            let realizer = Native("form", 0) { (_, _) throws(Fault) in try walk.form() }
            return try call(.native(realizer), [], in: namespace, bindings)
        }
    }

    /// `(macroexpand-1 form)`; of what the compiler carries out itself, what the macro of that name makes of it.
    package func expandOnce(_ form: Value, in namespace: Namespace, _ bindings: Bindings?) throws(Fault) -> Value {
        guard case .list(let list) = form, let elements = list.elements, let name = elements.first?.symbolName,
            SpecialForm.of(name, in: namespace)?.isSyntax != true,
            let variable = Resolver(instance: instance, namespace: namespace).resolve(name), variable.isMacro
        else { return form }
        return try expansion(variable.root, [form, .map(HashMap())] + elements.dropFirst(), in: namespace, bindings)
    }

    /// What the reader asks while it reads code in `namespace`.
    package func context(_ namespace: @escaping () -> Namespace) -> CodeContext {
        let instance = instance
        return CodeContext(
            resolve: { Resolver(instance: instance, namespace: namespace()).qualify($0) },
            namespace: { namespace().name.description },
            alias: { text in namespace().alias(instance.names.intern(nil, text))?.description },
            nextID: { [unowned self] in self.ids.add(1, ordering: .relaxed).newValue },
            regex: { (text) throws(Fault) in .object(try Regex(text)) })
    }
}

/// Reads forms; what is wrong is a fault with its place.
package struct FormReader {
    private var reader: Reader

    fileprivate init(_ reader: Reader) { self.reader = reader }

    /// The next form, or nil at the end.
    package mutating func next() throws(Fault) -> Form? {
        do throws(SyntaxError) { return try reader.next() } catch { throw error.located }
    }
}

/// Where the definitions of namespaces come from: the built-in library and the source path.
package protocol LibrarySource: Sendable {
    /// Short names that every script has: alias → namespace.
    var aliases: [(String, String)] { get }
    /// Every built-in namespace.
    var namespaces: [String] { get }
    /// Whether a namespace is built in.
    func has(_ namespace: String) -> Bool
    func names(in namespace: String) -> [String]
    /// A function written in Swift, or a constant of the host.
    func primitive(_ namespace: Name, _ name: Name) -> Value?
    /// The text of a definition in the language.
    func definition(_ namespace: String, _ name: String) -> Source?
    /// The file of a namespace on the source path.
    func file(of namespace: String) throws(Fault) -> Source?
    /// Hears that a source begins a namespace by an `ns` at its top level, before what that requires is looked for.
    func note(_ namespace: String, in source: Source)
    /// The `ns` form of a built-in namespace.
    func namespaceForm(_ namespace: String) -> Source?
    /// What is known of a function written in Swift: its documentation, and its parameter lists as text.
    func documentation(_ namespace: String, _ name: String) -> (text: String, arguments: String)?
}

extension LibrarySource {
    package func namespaceForm(_ namespace: String) -> Source? { nil }
    package func note(_ namespace: String, in source: Source) {}
    package func documentation(_ namespace: String, _ name: String) -> (text: String, arguments: String)? { nil }
}

/// The namespace in force while a source is read form by form.
private final class NamespaceBox {
    var namespace: Namespace
    init(_ namespace: Namespace) { self.namespace = namespace }
}

extension SyntaxError {
    /// As an exception that carries its place.
    package var located: Fault {
        if let end { return end }
        let exception = Exception(.syntax, diagnostic.title, cause: .object(SyntaxProblem(self)), hint: diagnostic.hint)
        if let label = diagnostic.primary {
            exception.trace = [TraceFrame(function: nil, source: label.source, span: label.span)]
        }
        return .thrown(exception)
    }
}

/// Carries a syntax error as the cause of an exception, so that its full diagnostic can be shown.
package final class SyntaxProblem: Object, @unchecked Sendable {
    // Sendable: immutable.
    package let error: SyntaxError
    init(_ error: SyntaxError) { self.error = error }
}

extension Fault {
    /// One line, for the host.
    package var summary: String {
        switch self {
        case .thrown(let exception): exception.message + (exception.hint.map { " (\($0))" } ?? "")
        case .force: "an unrealised sequence"
        case .exhausted(let budget): "\(budget.rawValue) exhausted"
        case .cancelled(let reason): "cancelled: \(reason.rawValue)"
        }
    }

    /// With a place, when it has none.
    func located(at origin: Origin?) -> Fault {
        if let origin { located(origin.source, origin.span) } else { self }
    }

    /// With the place of element `index` of a form that was read, when it has none.
    func located(at index: Int, of origin: Origin?) -> Fault {
        guard let origin, origin.children.indices.contains(index) else { return self }
        return located(origin.source, origin.children[index])
    }

    /// Says of a fault within a form that the form is wrong: a script whose `ns` names what is not there cannot begin.
    fileprivate func ofForm(_ origin: Origin?) -> Fault {
        if case .thrown(let exception) = self, exception.trace.count == 1, let span = exception.trace[0].span,
            let origin,
            exception.trace[0].source === origin.source, span.start >= origin.span.start, span.end <= origin.span.end
        {
            exception.isOfForm = true
        }
        return self
    }

    private func located(_ source: Source, _ span: Span) -> Fault {
        if case .thrown(let exception) = self, exception.trace.isEmpty {
            exception.trace = [TraceFrame(function: nil, source: source, span: span)]
        }
        return self
    }
}

extension Fiber {
    /// Steps of one slice while something runs to its end on this thread.
    package static let slice = 20_000

    /// Runs to the end on this thread; waiting is an error.
    package func runWithoutWaiting() throws(Fault) -> Value {
        try Nesting.checkStack()
        var waits = 0
        while true {
            var left = Fiber.slice
            let exit = run(spending: &left)
            var exhaustion: Fault?
            do throws(Fault) { try instance.account.settle(steps: Fiber.slice - max(0, left)) } catch {
                exhaustion = error
            }
            switch exit {
            case .done(let value):
                if let exhaustion { throw exhaustion }
                return value
            case .failed(let fault): throw fault
            // Thrown within the fiber, so that its `finally` blocks run.
            case .preempted:
                try Attention.check()
                if let exhaustion { fail(exhaustion) } else { try waitBriefly(&waits, "a macro") }
            case .parked: throw .illegalState("a macro cannot wait for channels or effects while code is compiled")
            }
        }
    }
}

/// A lock that its holder may take again.
final class RecursiveLock: @unchecked Sendable {
    // Sendable: `owner` and `depth` are written by the holder alone.
    private let lock = Lock()
    private let owner = Atomic<UInt>(0)
    private var depth = 0

    func withLock<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
        let me = CurrentThread.id
        if owner.load(ordering: .relaxed) == me {
            depth += 1
            defer { depth -= 1 }
            return try body()
        }
        lock.acquire()
        owner.store(me, ordering: .relaxed)
        defer {
            owner.store(0, ordering: .relaxed)
            lock.release()
        }
        return try body()
    }
}

/// Tells threads apart.
private enum CurrentThread {
    static var id: UInt {
        #if canImport(Glibc)
            UInt(pthread_self())
        #else
            UInt(bitPattern: pthread_self())
        #endif
    }
}
