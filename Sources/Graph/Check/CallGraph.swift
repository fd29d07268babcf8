import Machine
import Values

/// What the compiled code of a function does that matters to the graph, itself or through the functions that it calls: at
/// present, calls that block their thread (G2).
///
/// A call is any use of a function: `(fetch url)` as well as `(map fetch urls)`, and the functions made on the way. What is
/// given to another thread does not count, be it by `thread` itself or by a function that passes its argument on to it. So a
/// function that is only mentioned counts as called, and what a value decides (multimethods, protocols, functions that a
/// message holds) is not seen.
package struct CallGraph {
    private var nodes: [ObjectIdentifier: CalledFunction] = [:]
    private var codes: [ObjectIdentifier: CodeUses] = [:]
    /// For each function that may block, the use of its own that leads there by the shortest way.
    private var towards: [ObjectIdentifier: CodeUses.Use] = [:]

    private init() {}

    /// The blocking calls of `function`, one for each place in it from where one can be reached.
    package static func facts(_ function: Value) -> [CodeFact] {
        guard let root = CalledFunction(function) else { return [] }
        var graph = CallGraph()
        graph.discover(root)
        graph.settle()
        graph.search()
        return graph.facts(of: root)
    }

    /// Whether code that can be reached from functions names one of these keywords, or may: what a multimethod chooses is not seen.
    package static func mentions(_ names: [KnownName], from functions: [Value]) -> Bool {
        var pending = functions
        var seen: Set<ObjectIdentifier> = []
        while let value = pending.popLast() {
            switch value {
            case .keyword: if let name = value.knownKeyword, names.contains(name) { return true }
            case .vector(let vector): pending += vector.elements
            case .map(let map): pending += map.entries.flatMap { [$0.key, $0.value] }
            case .object(let object) where object.kind == .multimethod: return true
            case .object(let object) where seen.insert(ObjectIdentifier(object)).inserted:
                if let variable = object as? Var { pending.append(variable.root) }
                if let prototype = (object as? PrototypeHolder)?.prototype { add(CalledFunction(prototype)) }
            default: if let function = CalledFunction(value) { add(function) }
            }
        }
        return false

        func add(_ function: CalledFunction) {
            guard seen.insert(function.key).inserted else { return }
            pending += function.captures
            for code in function.codes { pending += code.allConstants }
        }
    }

    /// Reads the code of everything that can be reached.
    private mutating func discover(_ root: CalledFunction) {
        var pending = [root]
        while let function = pending.popLast() {
            guard nodes.updateValue(function, forKey: function.key) == nil else { continue }
            for code in function.codes where codes[ObjectIdentifier(code)] == nil {
                codes[ObjectIdentifier(code)] = CodeUses(code)
            }
            for use in uses(of: function, all: true) {
                if case .function(let callee) = use.target { pending.append(callee) }
            }
        }
    }

    /// Finds what goes to other threads: what is passed to a function goes where that passes it on to, and so forth.
    private mutating func settle() {
        var changes = true
        while changes {
            changes = false
            for (key, code) in codes {
                for flow in code.flows {
                    guard let callee = flow.callee.code(for: flow.count),
                        codes[ObjectIdentifier(callee)]?.elsewhere.parameters.contains(flow.position) == true
                    else { continue }
                    if codes[key]!.sendElsewhere(flow.origin) { changes = true }
                }
            }
        }
    }

    /// Walks back from the blocking calls, nearest first.
    private mutating func search() {
        var callers: [ObjectIdentifier: [(ObjectIdentifier, CodeUses.Use)]] = [:]
        var pending: [ObjectIdentifier] = []
        // In the order of the text, so that among ways of one length the same is found each time.
        for function in nodes.values.sorted(by: { $0.order < $1.order }) {
            for use in uses(of: function) {
                switch use.target {
                case .blocking:
                    if towards.updateValue(use, forKey: function.key) == nil { pending.append(function.key) }
                case .function(let callee): callers[callee.key, default: []].append((function.key, use))
                }
            }
        }
        var next = 0
        while next < pending.count {
            for (caller, use) in callers[pending[next]] ?? [] where towards[caller] == nil {
                towards[caller] = use
                pending.append(caller)
            }
            next += 1
        }
    }

    /// The functions that `function` uses on its own thread, or all that it uses.
    private func uses(of function: CalledFunction, all: Bool = false) -> [CodeUses.Use] {
        var found: [CodeUses.Use] = []
        var captured = Set<Int>()
        for code in function.codes {
            guard let code = codes[ObjectIdentifier(code)] else { continue }
            for (index, use) in code.uses.enumerated() where all || !code.elsewhere.uses.contains(index) {
                found.append(use)
            }
            captured.formUnion(code.elsewhere.captures)
        }
        for (index, value) in function.captures.enumerated() where all || !captured.contains(index) {
            if let target = CodeUses.Target(value) { found.append(CodeUses.Use(target, name: target.ownName)) }
        }
        return found
    }

    // MARK: Facts

    private func facts(of root: CalledFunction) -> [CodeFact] {
        var found: [CodeFact] = []
        var seen: Set<ObjectIdentifier> = []
        var pending = [root]
        while let function = pending.popLast() {
            guard seen.insert(function.key).inserted else { continue }
            for use in uses(of: function) {
                // What is made in the code stands in it, and is told of where it stands.
                if use.isWithin, case .function(let inner) = use.target {
                    pending.append(inner)
                } else if let fact = fact(use), !found.contains(where: { $0.place == fact.place && $0.place != nil }) {
                    found.append(fact)
                }
            }
        }
        return found
    }

    /// The way from a use to a blocking call; functions of the library are where it ends, for people call those by name.
    private func fact(_ first: CodeUses.Use) -> CodeFact? {
        var use = first
        var path: [String] = []
        while case .function(let callee) = use.target, !callee.isLibrary {
            guard let next = towards[callee.key] else { return nil }
            if let name = use.name { path.append(name) }
            use = next
        }
        if case .function(let callee) = use.target, towards[callee.key] == nil { return nil }
        let isDirect = use.place == first.place
        return CodeFact(
            .blocks(use.name ?? "a function"), at: first.place, path: path, cause: isDirect ? nil : use.place)
    }
}

/// A function as it is found in vars, constants and captures.
struct CalledFunction {
    let prototype: Prototype
    /// Values that it closed over, where they are known already.
    let captures: [Value]
    let key: ObjectIdentifier

    init?(_ value: Value) {
        switch value {
        case .function(let closure):
            guard let prototype = closure.owner as? Prototype else { return nil }
            let captures = (0..<closure.captureCount).map { closure.captures[$0] }
            // Functions that captured something else are not the same function.
            self.init(
                prototype, captures, key: captures.isEmpty ? ObjectIdentifier(prototype) : ObjectIdentifier(closure))
        case .object(let object):
            guard let variable = object as? Var else { return nil }
            self.init(variable.root)
        default: return nil
        }
    }

    init(_ prototype: Prototype) { self.init(prototype, [], key: ObjectIdentifier(prototype)) }

    private init(_ prototype: Prototype, _ captures: [Value], key: ObjectIdentifier) {
        self.prototype = prototype
        self.captures = captures
        self.key = key
    }

    var codes: [Code] { prototype.fixed.compactMap { $0 } + [prototype.variadic].compactMap { $0 } }

    private var place: Code.Place? { codes.first?.places.first }
    /// Whether it has its name from the library; what a library function made of others, as `partial` does, has not.
    var isLibrary: Bool { captures.isEmpty && place?.source?.isLibrary ?? false }

    /// By source and place.
    var order: String {
        let start = String(place?.span.start ?? 0)
        return "\(place?.source?.name ?? "")\u{0}\(String(repeating: "0", count: 10 - start.count))\(start)"
    }
}
