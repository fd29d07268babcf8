//! Sluice: the embedding API, and the one place where all targets meet.
//!
//! Comes in: a script (text, file or data) and what it is granted. Goes out: its value, its output, its events, an exit
//! code. `Session` puts an instance together: names and accounts, compiler and libraries, scheduler, engine and adapters.
import Adapters
import Compiler
import Engine
import Machine
import Reader
import Runtime
import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// One running instance of the language: its own names, namespaces, limits, fibers and effects. Many live in one process.
public final class Session: @unchecked Sendable {
    // Sendable: its parts are; `namespace` is touched only by the thread that evaluates.
    package let options: SessionOptions
    package let instance: Instance
    package let evaluator: Evaluator
    package let runtime: FiberRuntime
    package let engine: EngineDriver
    package let events: EventStream
    /// The namespace that the next form is evaluated in.
    package private(set) var namespace: Namespace

    package init(_ options: SessionOptions) {
        self.options = options
        let names = Names()
        instance = Instance(names: names, limits: options.limits, output: options.output, errorOutput: options.errorOutput)
        let redactor = Redactor()
        let clock: any Clock = RealClock()
        events = EventStream(wallMs: { clock.wallMs }, redactor: redactor)
        engine = EngineDriver(clock: clock, events: events, grants: options.grants)
        runtime = FiberRuntime(instance, options.seed.map { .virtual(seed: $0) } ?? .threads(cores: ThreadedScheduler.coreCount))
        evaluator = Evaluator(
            instance, libraries: Libraries(own: EffectFunctions.natives(in: instance), sourcePaths: options.sourcePaths))
        namespace = evaluator.scriptNamespace("user")
        runtime.install()
        let runtime = runtime
        evaluator.runFiber = { (function, bindings) throws(Fault) in
            switch runtime.runMain(function, bindings: bindings) {
            case .success(let value): return value
            case .failure(let fault): throw fault
            }
        }
        bindArguments()
    }

    /// Ends every fiber and thread.
    package func shutDown() { runtime.shutDown() }

    private func bindArguments() {
        let core = instance.namespace(instance.names.intern(nil, Resolver.coreName))
        let variable = core.intern(instance.names.intern(nil, "*command-line-args*"))
        variable.setDynamic(true)
        variable.bind(options.arguments.isEmpty ? .nil : .list(options.arguments.map { .string($0) }))
    }

    // MARK: Evaluating

    /// Evaluates every form of a text in the current namespace; the value of the last.
    package func evaluate(_ source: Source) -> Result<Value, Fault> {
        Result { () throws(Fault) in
            let result = try evaluator.evaluate(source, in: namespace)
            namespace = result.namespace
            return result.value
        }
    }

    package func evaluate(_ text: String, name: String = "<eval>") -> Result<Value, Fault> {
        evaluate(Source(name: name, bytes: Array(text.utf8)))
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
    /// Runs on one thread in an order drawn from this seed, with virtual time.
    package var seed: UInt64?
    package var output: Instance.OutputSink = { _ in }
    package var errorOutput: Instance.OutputSink = { _ in }

    package init(grants: Capabilities) { self.grants = grants }
}
