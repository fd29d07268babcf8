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
    package var runFiber: @Sendable (Fiber) throws(Fault) -> Value

    package init(_ instance: Instance) {
        self.instance = instance
        runFiber = { (fiber) throws(Fault) in try fiber.runWithoutWaiting() }
        CompilerPrimitives.install(in: instance)
    }

    /// Gives a namespace the definitions of the built-in libraries, made when they are first named.
    package func attachLibrary(_ library: Namespace.Library, to namespace: Namespace) {
        namespace.setLibrary(
            Namespace.Library(
                load: { [lock] space, name in lock.withLock { library.load(space, name) } }, names: library.names))
    }

    // MARK: Evaluating

    /// Evaluates every form of `source`, starting in `namespace`; the value of the last. `in-ns` changes the namespace for
    /// what follows; the one in force at the end is given back.
    package func evaluate(_ source: Source, in namespace: Namespace) throws(Fault) -> (value: Value, namespace: Namespace) {
        let box = NamespaceBox(namespace)
        var reader = Reader(source, names: instance.names, dialect: .code(context { box.namespace }))
        var value = Value.nil
        while let form = try next(&reader) {
            let result = try evaluate(form.value, in: box.namespace, source: source, span: form.span)
            value = result.value
            box.namespace = result.namespace
        }
        return (value, box.namespace)
    }

    private func next(_ reader: inout Reader) throws(Fault) -> Form? {
        do throws(SyntaxError) { return try reader.next() } catch { throw error.located }
    }

    /// Evaluates one form.
    package func evaluate(
        _ form: Value, in namespace: Namespace, source: Source? = nil, span: Span? = nil
    ) throws(Fault) -> (value: Value, namespace: Namespace) {
        if case .list(let list) = form, let elements = list.elements, elements.first?.symbolName?.known == .do {
            // So that a macro defined in the `do` is known to the forms after it.
            var result = (value: Value.nil, namespace: namespace)
            for (index, element) in elements.enumerated().dropFirst() {
                let place = list.origin.flatMap { index < $0.children.count ? $0.children[index] : nil } ?? span
                result = try evaluate(element, in: result.namespace, source: list.origin?.source ?? source, span: place)
            }
            return result
        }
        let place = source.flatMap { source in span.map { Node.Place(source: source, span: $0) } }
        let prototype = try lock.withLock { () throws(Fault) in try compile(form, in: namespace, place) }
        let function = Value.function(prototype.makeClosure(captures: .allocate(capacity: 1)))
        let box = Bindings.Box(namespaceVar, .object(namespace))
        let fiber = Fiber(instance, calling: function, [], bindings: Bindings([box], parent: nil))
        let value = try runFiber(fiber)
        guard case .object(let object) = box.value, let after = object as? Namespace else { return (value, namespace) }
        return (value, after)
    }

    /// `*ns*`.
    package var namespaceVar: Var {
        instance.namespace(instance.names.intern(nil, Resolver.coreName)).intern(instance.names.intern(nil, "*ns*"))
    }

    // MARK: Compiling

    /// The prototype of a function of no arguments that evaluates `form`.
    func compile(_ form: Value, in namespace: Namespace, _ place: Node.Place?) throws(Fault) -> Prototype {
        let scope = FunctionScope(parent: nil, selfName: nil, captures: FunctionScope.Captures())
        var analyzer = Analyzer(
            instance: instance, namespace: namespace,
            expand: { [unowned self] (macro, arguments) throws(Fault) in try self.call(macro, arguments, in: namespace) },
            function: scope, place: place)
        let body = try analyzer.analyze(form)
        let arity = Arity(parameters: [], isVariadic: false, body: body, target: LoopTarget([]))
        Liveness.analyze(arity, locals: scope.locals)
        return try Emitter.prototype(Node.Function(name: nil, arities: [arity], captures: [], needsSelf: false))
    }

    /// Calls a function while compiling: a macro, or `macroexpand`.
    package func call(_ function: Value, _ arguments: [Value], in namespace: Namespace) throws(Fault) -> Value {
        let box = Bindings.Box(namespaceVar, .object(namespace))
        return try Fiber(instance, calling: function, arguments, bindings: Bindings([box], parent: nil)).runWithoutWaiting()
    }

    /// `(macroexpand-1 form)`.
    package func expandOnce(_ form: Value, in namespace: Namespace) throws(Fault) -> Value {
        guard case .list(let list) = form, let elements = list.elements, let name = elements.first?.symbolName,
            SpecialForm.of(name, in: namespace) == nil,
            let variable = Resolver(instance: instance, namespace: namespace).resolve(name), variable.isMacro
        else { return form }
        return try call(variable.root, [form, .map(HashMap())] + elements.dropFirst(), in: namespace)
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

/// The namespace in force while a source is read form by form.
private final class NamespaceBox {
    var namespace: Namespace
    init(_ namespace: Namespace) { self.namespace = namespace }
}

extension SyntaxError {
    /// As an exception that carries its place.
    package var located: Fault {
        let exception = Exception(.runtime, diagnostic.title, cause: .object(SyntaxProblem(self)), hint: diagnostic.hint)
        if let label = diagnostic.primary { exception.trace = [TraceFrame(function: nil, source: label.source, span: label.span)] }
        return .thrown(exception)
    }
}

/// Carries a syntax error as the cause of an exception, so that its full diagnostic can be shown.
package final class SyntaxProblem: Object, @unchecked Sendable {
    // Sendable: immutable.
    package let error: SyntaxError
    init(_ error: SyntaxError) { self.error = error }
}

extension Fiber {
    /// Steps of one slice while something runs to its end on this thread.
    package static let slice = 20_000

    /// Runs to the end on this thread; waiting is an error.
    package func runWithoutWaiting() throws(Fault) -> Value {
        while true {
            let exit = run(fuel: Fiber.slice)
            try instance.account.settle(steps: Fiber.slice)
            switch exit {
            case .done(let value): return value
            case .failed(let fault): throw fault
            case .preempted: continue
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
