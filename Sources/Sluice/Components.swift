import Compiler
import Graph
import Machine
import Runtime
import Values

/// The components of a configuration while they run (D22): each started once those that it refers to have been, and stopped
/// before them.
///
/// A component is what the function that its key names gives for its options, references and names of functions in them
/// followed; one whose key names no function is its options. What it gives is stopped by its `:stop!`, when it has one.
final class Components {
    private let session: Session
    private var values: [Name: Value] = [:]
    /// In the order in which they were started.
    private var started: [(key: Name, stop: Value)] = []

    /// Starts them all; those that were started are stopped again when one cannot be.
    init(_ form: ComponentForm, _ session: Session) throws(Fault) {
        self.session = session
        // Definitions are data for the systems, which the run starts itself.
        let others = Set(form.systems.flatMap { [$0.key] + ($0.definitionKey.map { [$0] } ?? []) })
        do throws(Fault) {
            for key in form.order where !others.contains(key) { try start(key, try follow(form.value(key) ?? .nil)) }
        } catch {
            stop()
            throw error
        }
    }

    /// What the workers of a system see as `:components`.
    func visible(to system: ComponentForm.System) throws(Fault) -> Value { try follow(.map(system.components)) }

    private func start(_ key: Name, _ options: Value) throws(Fault) {
        guard let function = try function(key) else {
            values[key] = options
            return
        }
        switch session.call(function, [options]) {
        case .failure(let fault): throw fault
        case .success(let value):
            values[key] = value
            if case .map(let map) = value, let stop = try map.find(.kw(.stopBang)) { started.append((key, stop)) }
        }
    }

    /// Stops what was started, the last first; one that fails keeps no other from being stopped.
    func stop() {
        while let (_, stop) = started.popLast() {
            if case .failure(let fault) = session.call(stop, []) {
                session.options.uncaught(fault, session.runtime.identity)
            }
        }
    }

    /// The function of this name; nil when its namespace has no file, or no such function.
    private func function(_ name: Name) throws(Fault) -> Value? {
        guard let space = name.namespace else { return nil }
        let names = session.instance.names
        let found: Namespace
        do throws(Fault) { found = try session.evaluator.requirer().found(names.intern(nil, space)) } catch {
            if error.isMissingNamespace { return nil }
            throw error
        }
        guard let variable = found.find(names.intern(nil, name.name)), variable.isBound else { return nil }
        switch variable.root {
        case .function, .native: return variable.root
        default: return nil
        }
    }

    /// `value` with components in place of references, and functions in place of the qualified symbols that name them.
    private func follow(_ value: Value) throws(Fault) -> Value {
        if let key = ComponentForm.reference(value) { return values[key] ?? .nil }
        switch value {
        case .symbol: return try value.symbolName.flatMap { (name) throws(Fault) in try function(name) } ?? value
        case .map(let map):
            var followed = HashMap()
            for (key, inner) in map.entries { try HashMap.set(&followed, key, try follow(inner)) }
            return .map(followed)
        case .vector(let vector):
            return .vector(try vector.elements.map { (inner) throws(Fault) in try follow(inner) })
        default: return value
        }
    }
}

extension Fault {
    /// Whether a namespace that was asked for has no file, rather than one that its file asks for.
    var isMissingNamespace: Bool {
        if case .thrown(let exception) = self {
            exception.type == .fileNotFound && exception.trace.isEmpty
        } else {
            false
        }
    }
}
