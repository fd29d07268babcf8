//! Sluice: the embedding API, and the one place where all targets meet.
//!
//! Comes in: a script (text, file or data) and what it is granted. Goes out: its value, its output, its events, an exit
//! code. `Session` puts an instance together: names and accounts, compiler and libraries, scheduler, engine and adapters.
//! `Run` starts the graph that a script declared and ends when nothing can happen any more.
import Adapters
import Compiler
import Engine
import Graph
import Machine
import Reader
import Runtime
import Store
import Synchronization
import Values

/// One running instance of the language: its own names, namespaces, limits, fibers and effects. Many live in one process.
package final class Session: @unchecked Sendable {
    // Sendable: its parts are; `namespace` and `hasEnded` are touched only by the thread that evaluates.
    package let options: SessionOptions
    package let instance: Instance
    package let evaluator: Evaluator
    package let runtime: FiberRuntime
    package let engine: EngineDriver
    package let builder: GraphBuilder
    /// What brings events from outside.
    let sources: EventSources
    /// What holds programs that were started, and servers of tools.
    private let adapters: AdapterSet
    var mcp: MCPEffects { adapters.mcp }
    /// Executes the processes that the script starts, which are rows here.
    private let processes: ProcessWorkRunner
    let rows: MemoryProcessRegistry
    /// Whether chat is answered offline, for want of a model server.
    package let isOffline: Bool
    /// The namespace that the next form is evaluated in.
    package private(set) var namespace: Namespace
    /// Whether nothing of it runs any more.
    private var hasEnded = false

    /// What the evaluation in progress belongs to.
    private let current: CurrentScope

    package var events: EventStream { runtime.events }

    package init(_ options: SessionOptions) {
        self.options = options
        let sources = EventSources(isOnce: options.isOnce)
        self.sources = sources
        let names = Names()
        let simulated = SimulatedClock()
        let instance = Instance(
            names: names, limits: options.limits, output: options.output, errorOutput: options.errorOutput,
            seed: options.seed, clock: options.seed == nil ? .system : simulated.host)
        self.instance = instance
        current = CurrentScope(instance.account)
        let redactor = options.redactor
        let runtime = FiberRuntime(
            instance,
            options.seed.map { .virtual(seed: $0, options.schedule) } ?? .threads(cores: ThreadedScheduler.coreCount),
            redactor: redactor, uncaught: options.uncaught)
        self.runtime = runtime
        simulated.runtime = runtime
        engine = EngineDriver(
            clock: runtime.clock, events: runtime.events, grants: options.grants, seed: options.seed ?? 0)
        runtime.attach(engine)
        let adapters = AdapterSet(
            json: .own(names), names: names, secrets: redactor, input: options.input,
            log: Session.logSink(options.errorOutput))
        for type in adapters.types { engine.define(type) }
        isOffline = adapters.isOffline
        self.adapters = adapters
        let lookup = GraphFunctions()
        builder = GraphBuilder(names: names, lookup: { (name) throws(Fault) in try lookup.find(name) })
        evaluator = Evaluator(
            instance,
            libraries: Libraries(
                effects: EffectFunctions(instance),
                tables: [PrimitiveTable([GraphPrimitives.family(builder), SourcePrimitives.family(sources)])],
                sourcePath: SourcePath(
                    options.sourcePaths, script: options.script, workingDirectory: options.grants.workingDirectory)))
        lookup.evaluator = evaluator
        let find = Session.actions(lookup)
        rows = MemoryProcessRegistry(clock: runtime.clock)
        processes = ProcessWorkRunner(runtime, rows, name: "run", find)
        for type in RuntimeEffects.types(runtime, processes: processes, find) { engine.define(type) }
        namespace = evaluator.scriptNamespace("user")
        runtime.install()
        let current = current
        runtime.definitions = StartedDefinition.reading(names) { [unowned instance] name in
            let space = name.namespace.flatMap { instance.findNamespace(names.intern(nil, $0)) }
            return space?.find(names.intern(nil, name.name)).map { .object($0) }
        }
        evaluator.runFiber = { (function, bindings) throws(Fault) in
            switch runtime.runMain(function, bindings: bindings, scope: current.scope) {
            case .success(let value): return value
            case .failure(let fault): throw fault
            }
        }
        sources.session = self
        processes.begin()
        bindArguments()
        applyDeclarations()
    }

    /// The budget that ran out, if one has: whatever was under way has ended with it.
    package var exhaustion: Budget? { runtime.exhaustion }

    /// Says that wall time is up. On any thread.
    package func expire() { runtime.expire() }

    /// Failures that nobody has heard of, once nobody can any more. Those of processes are told as those of fibers; of the others this
    /// gives how many there are, and a line for each of the first.
    package func unheardFailures() -> (lines: [String], count: Int) {
        processes.tellUnheard()
        return UnheardReport.lines(runtime)
    }

    /// Ends every program that was started, for a process that ends although the session has not; what does not end is killed.
    package func endPrograms() { adapters.close() }

    /// Kills every program that was started: the process ends at once.
    package func killPrograms() { adapters.killPrograms() }

    /// Ends every fiber and thread, and every program that was started.
    ///
    /// - Parameter finallyMs: how long `finally` blocks may take.
    package func shutDown(finallyMs: Int64 = 1_000) {
        sources.endAll()
        hasEnded = runtime.shutDown(within: finallyMs * 1_000_000)
        processes.end()
        adapters.close()
    }

    // What still runs past the deadline may use any var.
    deinit { if hasEnded { instance.dismantle() } }

    private func bindArguments() {
        let core = instance.namespace(instance.names.intern(nil, Resolver.coreName))
        let variable = core.intern(instance.names.intern(nil, "*command-line-args*"))
        variable.setDynamic(true)
        variable.bind(options.arguments.isEmpty ? .nil : .list(options.arguments.map { .string($0) }))
    }

    /// Lines of `log/info` and its kin go where errors go (P27).
    private static func logSink(_ output: @escaping Instance.OutputSink) -> SmallEffects.LogSink {
        { line in Array((line + "\n").utf8).withUnsafeBufferPointer { output($0) } }
    }

    // MARK: Evaluating

    /// Evaluates every form of a text in the current namespace; the value of the last.
    package func evaluate(_ source: Source) -> Result<Value, Fault> {
        within { () throws(Fault) in
            let result = try evaluator.evaluate(source, in: namespace)
            namespace = result.namespace
            return result.value
        }
    }

    package func evaluate(_ text: String, name: String = "<eval>") -> Result<Value, Fault> {
        evaluate(Source(name: name, bytes: Array(text.utf8)))
    }

    /// Evaluates one form that was read.
    package func evaluate(_ form: Form, of source: Source) -> Result<Value, Fault> {
        within { () throws(Fault) in
            let result = try evaluator.evaluate(form.value, in: namespace, source: source, span: form.span)
            namespace = result.namespace
            return result.value
        }
    }

    /// Reads the forms of a text one after the other, each in the namespace that is current by then.
    package func forms(of source: Source) -> FormReader { evaluator.forms(of: source) { [self] in namespace } }

    /// The readable form of a value; realising what is lazy in it may run code of the script.
    package func printed(_ value: Value) -> Result<String, Fault> {
        call(Resolver.coreName, "pr-str", [value]).map { $0.stringValue ?? "" }
    }

    /// A function of the library, of a namespace that needs not be required yet.
    func function(_ namespace: String, _ name: String) throws(Fault) -> Value {
        if case .failure(let fault) = evaluate("(require '\(namespace))") { throw fault }
        return try evaluator.builtIn(namespace, name).root
    }

    /// Calls a function on a fiber of its own, and waits for it.
    func call(_ function: Value, _ arguments: [Value]) -> Result<Value, Fault> {
        within { () throws(Fault) in try runtime.runMain(function, arguments, scope: current.scope).get() }
    }

    /// Calls a function of the library.
    package func call(_ namespace: String, _ name: String, _ arguments: [Value]) -> Result<Value, Fault> {
        within { () throws(Fault) in
            let found = try evaluator.builtIn(namespace, name)
            switch runtime.runMain(found.root, arguments, scope: current.scope) {
            case .success(let value): return value
            case .failure(let fault): throw fault
            }
        }
    }

    /// Runs an evaluation in a scope of its own, which `interrupt` cancels.
    private func within(_ body: () throws(Fault) -> Value) -> Result<Value, Fault> {
        current.begin(Scope(parent: runtime.root))
        let outer = Attention.begin(current)
        defer {
            Attention.end(outer)
            current.end()
        }
        return runtime.inForeground {
            Result { () throws(Fault) in
                // Code that runs while code is compiled has no fiber that a cancellation could end; it gave up by itself.
                do throws(Fault) { return try body() } catch {
                    if case .force(let sequence) = error, sequence === Attention.pause { throw .cancelled(.requested) }
                    throw error
                }
            }
        }
    }

    /// Cancels the evaluation in progress and what it started. On any thread.
    package func interrupt() { current.interrupt() }

    /// Calls `body` once, when the effects that are under way have ended, or `graceMs` have passed. On any thread.
    package func letEffectsFinish(for graceMs: Int64, _ body: @escaping @Sendable () -> Void) {
        guard graceMs > 0 else { return body() }
        // Whoever takes the call makes it.
        let timer = runtime.clock.after(ms: graceMs, body)
        engine.afterRunning { if timer.cancel() { body() } }
    }

    /// Ends what is left of an evaluation that was interrupted, `finally` blocks included. On any thread.
    package func cutOff() { current.scope?.cutOff() }

    // MARK: The REPL

    /// Lets the namespace at hand name what a conversation has without `require`, as Clojure's does, unless the name means
    /// something there already.
    package func referConveniences() {
        let resolver = Resolver(instance: instance, namespace: namespace)
        for (space, names) in Session.conveniences {
            guard let space = instance.findNamespace(instance.names.intern(nil, space)) else { continue }
            for text in names {
                let name = instance.names.intern(nil, text)
                if resolver.resolve(name) == nil, let found = space.find(name) { namespace.refer(name, to: found) }
            }
        }
    }

    private static let conveniences = [
        ("clojure.repl", ["doc", "source", "apropos", "dir", "find-doc", "pst"]), ("clojure.pprint", ["pp", "pprint"]),
    ]

    /// Shifts `*1`, `*2`, `*3`.
    package func remember(_ value: Value) {
        set("*3", root("*2"))
        set("*2", root("*1"))
        set("*1", value)
    }

    /// Sets `*e`.
    package func remember(_ exception: Exception) { set("*e", .object(exception)) }

    private func variable(_ name: String) -> Var {
        instance.namespace(instance.names.intern(nil, Resolver.coreName)).intern(instance.names.intern(nil, name))
    }
    private func root(_ name: String) -> Value { variable(name).isBound ? variable(name).root : .nil }
    private func set(_ name: String, _ value: Value) { variable(name).bind(value) }

    /// The names that begin with `prefix`, in order: of the namespace at hand, or of the one an alias before a slash names.
    package func completions(of prefix: String) -> [String] {
        Resolver(instance: instance, namespace: namespace).completions(of: prefix)
    }
}

/// The clock that scripts read under virtual time: the scheduler's, which is made after the instance.
private final class SimulatedClock: @unchecked Sendable {
    // Sendable: set once, before any code of the script runs; nobody asks after the runtime is gone.
    weak var runtime: FiberRuntime?

    var host: HostClock {
        HostClock(
            milliseconds: { self.runtime?.clock.wallMs ?? 0 }, nanoseconds: { self.runtime?.scheduler.now() ?? 0 })
    }
}

/// The scope of the evaluation in progress.
private final class CurrentScope: Interruptible, @unchecked Sendable {
    // Sendable: `lock` guards it.
    private let lock = Lock()
    private let account: Account
    private var current: Scope?
    private let isInterrupted = Atomic<Bool>(false)

    init(_ account: Account) { self.account = account }

    override func book(steps: Int, holding bytes: Int) throws(Fault) {
        try account.book(steps: steps, holding: bytes)
    }

    var scope: Scope? { lock.withLock { current } }

    func begin(_ scope: Scope) {
        isInterrupted.store(false, ordering: .relaxed)
        lock.withLock { current = scope }
    }

    func end() {
        let ended = lock.withLock { () -> Scope? in
            defer { current = nil }
            return current
        }
        // One that still has fibers at work stays with the runtime until they have ended.
        ended?.close()
    }

    override var isAsked: Bool { isInterrupted.load(ordering: .relaxed) }

    func interrupt() {
        guard let scope else { return }
        isInterrupted.store(true, ordering: .relaxed)
        scope.cancel(.requested)
    }
}

/// What a session is made with.
package struct SessionOptions {
    package var limits = Limits()
    package var grants: Capabilities
    /// What the script sees as `*command-line-args*`.
    package var arguments: [String] = []
    /// Folders that namespaces are looked for in.
    package var sourcePaths: [String] = ["."]
    /// The file that is run: its `ns` says of one more folder that its namespaces stand below it.
    package var script: String?
    /// Runs on one thread in an order drawn from this seed, with virtual time.
    package var seed: UInt64?
    /// The order of turns under a seed, when it is not drawn from that as well.
    package var schedule: Schedule?
    package var output: Instance.OutputSink = { _ in }
    package var errorOutput: Instance.OutputSink = { _ in }
    /// Knows the secrets that nothing which leaves the session may show.
    package var redactor = Redactor()
    /// Hears of faults that no code of the script handles.
    package var uncaught: @Sendable (Fault, Identity) -> Void = { _, _ in }
    /// What `:stdin/line` reads; nil when standard input is not the script's.
    package var input: LineReader?
    /// Sources tell what there is, and end.
    package var isOnce = false

    package init(grants: Capabilities) { self.grants = grants }
}

/// Finds the functions that a graph as data names.
final class GraphFunctions: @unchecked Sendable {
    // Sendable: set once, before the first lookup.
    weak var evaluator: Evaluator?

    /// The var of a name whose namespace is there already, without loading anything.
    func present(_ name: Name) -> Var? {
        guard let instance = evaluator?.instance, let space = name.namespace else { return nil }
        return instance.findNamespace(instance.names.intern(nil, space))?.find(instance.names.intern(nil, name.name))
    }

    /// Whether more may come to be defined in the namespace of a name: it is the script's, whose text is still being evaluated, or
    /// it is that of a file, and not built in.
    func mayGrow(_ name: Name) -> Bool {
        guard let evaluator, let space = name.namespace else { return false }
        return !evaluator.libraries.has(space)
    }

    /// What a name means; may load its namespace.
    ///
    /// - Throws: what is not the namespace's fault: that this fiber has to wait for another's load, or that it is to end.
    func find(_ name: Name) throws(Fault) -> FunctionReference {
        guard let evaluator, let space = name.namespace else { return .unknownNamespace(name) }
        let names = evaluator.instance.names
        let found: Namespace
        do throws(Fault) { found = try evaluator.requirer().found(names.intern(nil, space)) } catch {
            guard case .thrown = error else { throw error }
            return error.isMissingNamespace ? .unknownNamespace(name) : .unloadable(name, Report.diagnostic(error))
        }
        guard let variable = found.find(names.intern(nil, name.name)) else {
            return .missing(name, near: Nearest.names(to: name.name, among: found.allNames))
        }
        return .found(name, .object(variable))
    }
}

extension JSONCodec {
    /// The reader's JSON, for the adapters.
    static func own(_ names: Names) -> JSONCodec {
        JSONCodec(
            encode: { (value) throws(Fault) in try JSON.write(value, within: 1 << 26) },
            decode: { (bytes, keywords) throws(Fault) in
                try JSON.read(bytes, keys: keywords ? .keywords(names) : .strings)
            })
    }
}
