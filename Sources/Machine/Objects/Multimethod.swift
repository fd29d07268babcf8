import Values

/// `isa?` over a hierarchy value: a map with `:ancestors`.
enum Hierarchy {
    static func isA(_ hierarchy: Value, _ child: Value, _ parent: Value, _ ancestorsKey: Value) throws(Fault) -> Bool {
        if try child.equals(parent) { return true }
        if case .object(let childObject) = child, case .object(let parentObject) = parent,
            let parentClass = parentObject as? HostClass
        {
            if let type = childObject as? HostClass, HostClass.isDerived(type.name, from: parentClass.name) {
                return true
            }
            if let type = childObject as? RecordType, type.isDerived(from: parentClass.name) { return true }
        }
        if let ancestors = try Collections.get(hierarchy, ancestorsKey),
            let own = try Collections.get(ancestors, child),
            try Collections.contains(own, parent)
        {
            return true
        }
        // What a class's ancestors were derived from counts for the class as well.
        if case .object(let object) = child,
            let lineage = (object as? HostClass).map({ HostClass.lineage($0.name) })
                ?? (object as? RecordType)?.lineage, let ancestors = try Collections.get(hierarchy, ancestorsKey)
        {
            for name in lineage.dropFirst() {
                guard let own = try Collections.get(ancestors, .object(HostClass.existing(name))) else { continue }
                if try Collections.contains(own, parent) { return true }
            }
        }
        guard case .vector(let children) = child, case .vector(let parents) = parent, children.count == parents.count
        else { return false }
        for index in 0..<children.count where try !isA(hierarchy, children[index], parents[index], ancestorsKey) {
            return false
        }
        return true
    }
}

/// A multimethod: a table of methods, and the function that picks from it.
///
/// Calling one calls its dispatcher, a function in the language that computes the dispatch value, asks the table for the
/// method and calls that: a dispatch function may park like any other.
final class Multimethod: Object, @unchecked Sendable {
    // Sendable: immutable.
    let table: MethodTable
    private let dispatcher: Value
    /// The dispatch function, when that is a keyword, as it mostly is: one argument is then looked into here.
    private let key: Value?

    init(_ table: MethodTable, dispatcher: Value, by function: Value) {
        self.table = table
        self.dispatcher = dispatcher
        if case .keyword = function { key = function } else { key = nil }
    }

    override var kind: ObjectKind { .multimethod }
    override func write(to printer: inout Printer) throws(Fault) { printer.write("#<multimethod \(table.name)>") }
    override func callee(_ arguments: UnsafeBufferPointer<Value>) throws(Fault) -> Value? {
        guard let key, arguments.count == 1 else { return dispatcher }
        return try table.select(try Collections.get(arguments[0], key) ?? .nil)
    }
}

/// The methods of a multimethod by dispatch value. An object of its own, so that the dispatcher, which holds it, and the
/// multimethod, which holds the dispatcher, make no circle.
final class MethodTable: Object, @unchecked Sendable {
    // Sendable: guarded by `lock`.
    let name: String
    private let fallback: Value
    private let hierarchy: Var
    private let ancestorsKey: Value
    private let lock = Lock()
    private var table = HashMap()
    /// Dispatch value → set of the values it is preferred to.
    private var preferences = HashMap()
    private var cache = HashMap()
    private var cachedHierarchy: Value = .nil

    init(_ name: String, fallback: Value, hierarchy: Var, ancestorsKey: Value) {
        self.name = name
        self.fallback = fallback
        self.hierarchy = hierarchy
        self.ancestorsKey = ancestorsKey
    }

    var methods: HashMap { lock.withLock { table } }
    var preferred: HashMap { lock.withLock { preferences } }

    func add(_ value: Value, _ method: Value) throws(Fault) {
        try lock.withLock { () throws(Fault) in
            try HashMap.set(&table, value, method)
            cache = HashMap()
        }
    }

    func remove(_ value: Value) throws(Fault) {
        try lock.withLock { () throws(Fault) in
            try HashMap.remove(&table, value)
            cache = HashMap()
        }
    }

    func removeAll() {
        lock.withLock {
            table = HashMap()
            cache = HashMap()
        }
    }

    func prefer(_ value: Value, over other: Value) throws(Fault) {
        try lock.withLock { () throws(Fault) in
            var set = Value.nil
            if let known = try preferences.find(value) { set = known } else { set = .set(HashSet.empty) }
            try Collections.conj(&set, other)
            try HashMap.set(&preferences, value, set)
            cache = HashMap()
        }
    }

    /// The method for a dispatch value, or nil.
    func find(_ value: Value) throws(Fault) -> Value? {
        let hierarchy = hierarchy.root
        return try lock.withLock { () throws(Fault) in
            if !cachedHierarchy.isIdentical(to: hierarchy) {
                cache = HashMap()
                cachedHierarchy = hierarchy
            }
            if let known = try cache.find(value) { return known }
            var found = try best(value, hierarchy)
            if found == nil { found = try table.find(fallback) }
            guard let found else { return nil }
            try HashMap.set(&cache, value, found)
            return found
        }
    }

    func select(_ value: Value) throws(Fault) -> Value {
        if let found = try find(value) { return found }
        let known = lock.withLock { table.entries.prefix(6).map(\.key.briefly) }
        let has = known.isEmpty ? "it has no methods yet" : "it has methods for \(known.joined(separator: ", "))"
        throw .of(
            .illegalArgument, "no method of multimethod \(name) for dispatch value \(value.briefly)",
            hint: "\(has); defmethod adds one, and one for :default takes what no other does")
    }

    private func best(_ value: Value, _ hierarchy: Value) throws(Fault) -> Value? {
        if let exact = try table.find(value) { return exact }
        var best: (key: Value, value: Value)?
        for entry in table.entries where try Hierarchy.isA(hierarchy, value, entry.key, ancestorsKey) {
            guard let current = best else {
                best = entry
                continue
            }
            if try dominates(entry.key, current.key, hierarchy) {
                best = entry
            } else if try !dominates(current.key, entry.key, hierarchy) {
                throw .of(
                    .illegalArgument,
                    "several methods of multimethod \(name) match dispatch value \(value.briefly): \(entry.key.briefly) and \(current.key.briefly)",
                    hint: "prefer-method says which")
            }
        }
        return best?.value
    }

    private func dominates(_ a: Value, _ b: Value, _ hierarchy: Value) throws(Fault) -> Bool {
        if try prefers(a, b) { return true }
        return try Hierarchy.isA(hierarchy, a, b, ancestorsKey)
    }

    private func prefers(_ a: Value, _ b: Value) throws(Fault) -> Bool {
        guard let set = try preferences.find(a) else { return false }
        return try Collections.contains(set, b)
    }
}
