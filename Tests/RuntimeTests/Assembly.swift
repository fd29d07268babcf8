import Engine
import Machine
import Values

@testable import Runtime

/// Assembles functions by hand, so that the runtime is tested without a compiler.
struct Assembly {
    private var body: [Instruction] = []
    private var constants: [Value] = []
    private var uses: [(at: Int, register: Int, constant: Int)] = []

    mutating func emit(_ instruction: Instruction) { body.append(instruction) }

    mutating func load(_ register: Int, _ value: Value) {
        uses.append((body.count, register, constants.count))
        constants.append(value)
        body.append(0)
    }

    /// Calls the primitive with the registers after `register`, which gets the result.
    mutating func call(_ register: Int, _ native: Value, _ arguments: Int) {
        load(register, native)
        emit(Instruction(.call, register, arguments))
    }

    var here: Int { body.count }

    /// Fills in a jump emitted as a placeholder, to the present place.
    mutating func patch(_ at: Int, _ make: (_ distance: Int) -> Instruction) { body[at] = make(here - at - 1) }

    func function(parameters: Int = 0, registers: Int) -> Value {
        var finished = body
        for use in uses {
            finished[use.at] = Instruction(
                .loadConst, use.register, wide: Code.distance(from: use.at, toConstant: use.constant, count: body.count)
            )
        }
        let code = Code(finished, constants: constants, parameters: parameters, isVariadic: false, registers: registers)
        let prototype = Prototype(name: "test", arities: [code], captureCount: 0)
        return .function(prototype.makeClosure())
    }
}

/// A fiber whose code is a Swift closure: asked again and again for the next operation, with the results so far.
final class Actor: @unchecked Sendable {
    // Sendable: only its fiber touches it until it has ended.
    typealias Operation = (Job) throws(Fault) -> Control
    private(set) var results: [Value] = []
    private var next: (Int, [Value]) -> Operation?
    private var pending: Operation?

    init(_ next: @escaping (Int, [Value]) -> Operation?) { self.next = next }

    convenience init(_ operations: [Operation]) {
        self.init { step, _ in step < operations.count ? operations[step] : nil }
    }

    /// The function to spawn: gives the last result. With `last`, that runs at the end and when the fiber is cancelled.
    func function(finally last: Native.Body? = nil) -> Value {
        let more = Native("more", 1) { (arguments, _) throws(Fault) in
            if self.pending != nil { self.results.append(arguments[0]) }
            self.pending = self.next(self.results.count, self.results)
            return .bool(self.pending != nil)
        }
        let operate = Native(
            "operate", 0, control: { (_, fiber) throws(Fault) in try self.pending!(Job.running(fiber)!) })
        var assembly = Assembly()
        // 0: the last result; 1…: calls.
        let top = assembly.here
        assembly.emit(Instruction(.copy, 2, 0))
        assembly.load(1, .native(more))
        assembly.emit(Instruction(.call, 1, 1))
        let exit = assembly.here
        assembly.emit(0)
        assembly.emit(Instruction(.drop, 0))
        assembly.load(1, .native(operate))
        assembly.emit(Instruction(.call, 1, 0))
        assembly.emit(Instruction(.move, 0, 1))
        assembly.emit(Instruction(.jumpBack, 0, wide: top - assembly.here - 1))
        assembly.patch(exit) { Instruction(.jumpUnless, 1, wide: $0) }
        guard let last else {
            assembly.emit(Instruction(.ret, 0))
            return assembly.function(registers: 5)
        }
        return guarded(assembly.function(registers: 5), last)
    }

    /// `(try (f) (finally (last)))`.
    private func guarded(_ function: Value, _ last: @escaping Native.Body) -> Value { guardedFunction(function, last) }
}

/// `(fn [] (try (f) (finally (last))))`.
func guardedFunction(_ function: Value, _ last: @escaping Native.Body) -> Value {
    guardedFunction(function, ending: .native(Native("finally", 0, last)))
}

/// `(fn [] (try (f) (finally (ending))))`.
func guardedFunction(_ function: Value, ending: Value) -> Value {
    let body: [Instruction] = [
        Instruction(.loadConst, 0, wide: Code.distance(from: 0, toConstant: 0, count: 9)),
        Instruction(.call, 0, 0),
        Instruction(.loadConst, 1, wide: Code.distance(from: 2, toConstant: 1, count: 9)),
        Instruction(.call, 1, 0),
        Instruction(.drop, 1),
        Instruction(.ret, 0),
        Instruction(.loadConst, 1, wide: Code.distance(from: 6, toConstant: 1, count: 9)),
        Instruction(.call, 1, 0),
        // Below the registers of what was called.
        Instruction(.rethrow, 0),
    ]
    let handler = Code.Handler(range: 0..<2, target: 6, register: 0, base: 0, kind: .finally)
    let code = Code(
        body, constants: [function, ending], parameters: 0, isVariadic: false, registers: 4, handlers: [handler])
    let prototype = Prototype(name: "guarded", arities: [code], captureCount: 0)
    return .function(prototype.makeClosure())
}

/// Operations of actors.
enum Do {
    static func put(_ value: Value, _ channel: Channel) -> Actor.Operation {
        return { job throws(Fault) in try channel.put(value, job).control() }
    }
    static func take(_ channel: Channel) -> Actor.Operation {
        return { job throws(Fault) in try channel.take(job).control() }
    }
    static func close(_ channel: Channel) -> Actor.Operation {
        return { _ throws(Fault) in
            channel.close()
            return .value(.nil)
        }
    }
    static func give(_ value: Value) -> Actor.Operation {
        return { _ throws(Fault) in .value(value) }
    }
    static func fail(_ fault: Fault) -> Actor.Operation {
        return { _ throws(Fault) in throw fault }
    }
    static func call(_ native: Native) -> Actor.Operation {
        return { _ throws(Fault) in .call(.native(native), []) }
    }
    static func note(_ body: @escaping () -> Void) -> Actor.Operation {
        return { _ throws(Fault) in
            body()
            return .value(.nil)
        }
    }
}

/// A runtime with its instance, and the primitives by name.
final class World {
    let instance: Instance
    let runtime: FiberRuntime

    init(
        _ mode: FiberRuntime.Mode, limits: Limits = Limits(),
        uncaught: @escaping @Sendable (Fault, Identity) -> Void = { _, _ in },
        errorOutput: @escaping Instance.OutputSink = { _ in }
    ) {
        instance = Instance(limits: limits, errorOutput: errorOutput)
        runtime = FiberRuntime(instance, mode, uncaught: uncaught)
        runtime.install()
    }

    deinit { runtime.shutDown() }

    func primitive(_ name: String) -> Value {
        guard
            let found = instance.namespace(instance.names.intern("sluice.runtime")).find(
                instance.names.intern(nil, name))
        else { preconditionFailure("sluice.runtime has no \(name)") }
        return found.root
    }

    /// An operation that calls a primitive.
    func call(_ name: String, _ arguments: Value...) -> Actor.Operation {
        let function = primitive(name)
        return { _ throws(Fault) in .call(function, arguments) }
    }

    /// An operation that chooses as `(let [[v c] (alts! channels)] [v c])` is compiled: by the instruction, and by the primitive
    /// where there is more to it.
    func choose(_ channels: Value) -> Actor.Operation {
        var assembly = Assembly()
        let choose = assembly.here
        assembly.emit(0)
        assembly.emit(Instruction(.copy, 4, 0))
        assembly.call(3, primitive("alts!"), 1)
        assembly.emit(Instruction(.element, 1, 3, 0))
        assembly.emit(Instruction(.element, 2, 3, 1, flags: 1))
        assembly.patch(choose) { Instruction(.choose, 1, 0, $0, flags: 2) }
        assembly.emit(Instruction(.makeVector, 1, 1, 2))
        assembly.emit(Instruction(.ret, 1))
        let function = assembly.function(parameters: 1, registers: 5)
        return { _ throws(Fault) in .call(function, [channels]) }
    }

    /// Runs the operations in the main fiber; its last result.
    @discardableResult func main(_ operations: Actor.Operation...) -> Result<Value, Fault> {
        runtime.runMain(Actor(operations).function())
    }
}

/// What a test shares with fibers.
final class Shared<State>: @unchecked Sendable {
    // Sendable: guarded by `lock`.
    private let lock = Lock()
    private var state: State
    init(_ state: State) { self.state = state }
    func update<Result>(_ body: (inout State) -> Result) -> Result { lock.withLock { body(&state) } }
    var value: State { lock.withLock { state } }
}
