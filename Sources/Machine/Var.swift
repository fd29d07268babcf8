import Synchronization
import Values

/// A named, global, redefinable place.
///
/// The root value sits in an immutable box behind an atomically published pointer, so that the interpreter calls through a
/// var without a reference count and without a race against redefinition. A replaced box is retired, not freed: a fiber may
/// be running its code. Retired boxes belong to the var's namespace and go with the instance.
public final class Var: Object, @unchecked Sendable {
    // Sendable: the root is atomic, the rest is guarded by `lock`.
    public typealias Cell = UnsafeMutablePointer<Atomic<UnsafeMutablePointer<Value>>>

    public let namespace: Name
    public let name: Name
    public let cell: Cell
    private let lock = Lock()
    private var retired: [UnsafeMutablePointer<Value>] = []
    private var storedMeta: HashMap?
    /// Whether `meta` shows `:ns` and `:name`. They are not stored: a var must not hold the namespace that holds it.
    private var showsNamespace = true
    private var showsName = true
    private var attendance = Attendance()
    private let bound = Atomic<Bool>(false)
    private let dynamic = Atomic<Bool>(false)
    private let macro = Atomic<Bool>(false)

    public init(namespace: Name, name: Name) {
        self.namespace = namespace
        self.name = name
        cell = .allocate(capacity: 1)
        super.init()
        let box = UnsafeMutablePointer<Value>.allocate(capacity: 1)
        box.initialize(to: .object(Unbound(name: "\(namespace.description)/\(name.description)")))
        cell.initialize(to: Atomic(box))
        Meter.charge(200)
    }

    deinit {
        Meter.credit(200)
        for box in retired + [cell.pointee.load(ordering: .acquiring)] {
            box.deinitialize(count: 1)
            box.deallocate()
        }
        cell.deinitialize(count: 1)
        cell.deallocate()
    }

    /// Lets go of the root, of what it replaced and of whatever else the var holds: vars and functions hold one another, so
    /// an instance that ends has to part them. Nothing of the instance runs any more.
    func dismantle() {
        let box = UnsafeMutablePointer<Value>.allocate(capacity: 1)
        box.initialize(to: .nil)
        var old = [cell.pointee.exchange(box, ordering: .acquiringAndReleasing)]
        lock.withLock {
            old += retired
            retired = []
            storedMeta = nil
            attendance = Attendance()
        }
        for box in old {
            box.deinitialize(count: 1)
            box.deallocate()
        }
    }

    public override var kind: ObjectKind { .var }
    public var fullName: String { "\(namespace.description)/\(name.description)" }
    public override func write(to printer: inout Printer) throws(Fault) { printer.write("#'\(fullName)") }
    /// What its definition says of it; `meta` shows `metadata(in:)`.
    public override var metadata: HashMap? { lock.withLock { storedMeta } }

    /// The metadata of a new definition.
    public func setMeta(_ meta: HashMap?) {
        lock.withLock {
            storedMeta = meta
            showsNamespace = true
            showsName = true
        }
    }

    /// `reset-meta!`: the metadata is this, `:ns` and `:name` included.
    func resetMeta(_ meta: HashMap?) throws(Fault) {
        var rest = meta ?? HashMap()
        var isOwnNamespace = false
        if case .object(let object)? = try rest.find(.kw(.ns)), let space = object as? Namespace {
            isOwnNamespace = space.name == namespace
        }
        let isOwnName = try rest.find(.kw(.name))?.symbolName == name
        if isOwnNamespace { try HashMap.remove(&rest, .kw(.ns)) }
        if isOwnName { try HashMap.remove(&rest, .kw(.name)) }
        let kept = rest.isEmpty ? nil : rest
        lock.withLock {
            storedMeta = kept
            showsNamespace = isOwnNamespace
            showsName = isOwnName
        }
    }

    /// The metadata with `:ns` and `:name`, as Clojure shows it; nil when there is none.
    func metadata(in instance: Instance) throws(Fault) -> HashMap? {
        let (stored, showsNamespace, showsName) = lock.withLock { (storedMeta, self.showsNamespace, self.showsName) }
        var map = stored ?? HashMap()
        if showsName { try HashMap.set(&map, .kw(.name), .symbol(name)) }
        if showsNamespace { try HashMap.set(&map, .kw(.ns), .object(instance.namespace(namespace))) }
        return map.isEmpty && stored == nil ? nil : map
    }

    public var isBound: Bool { bound.load(ordering: .acquiring) }
    public var isDynamic: Bool { dynamic.load(ordering: .relaxed) }
    public var isMacro: Bool { macro.load(ordering: .relaxed) }
    public func setDynamic(_ flag: Bool) { dynamic.store(flag, ordering: .relaxed) }
    public func setMacro(_ flag: Bool) { macro.store(flag, ordering: .relaxed) }

    /// The root value.
    @inlinable public var root: Value { cell.pointee.load(ordering: .acquiring).pointee }

    /// Publishes a new root value.
    public func bind(_ value: Value) {
        let box = UnsafeMutablePointer<Value>.allocate(capacity: 1)
        box.initialize(to: value)
        let old = cell.pointee.exchange(box, ordering: .acquiringAndReleasing)
        bound.store(true, ordering: .releasing)
        Meter.charge(16)
        lock.withLock { retired.append(old) }
    }

    /// Publishes `new` if the root is still `old` (by identity of the box's value); for `alter-var-root`.
    public func bind(_ value: Value, replacing seen: UnsafeMutablePointer<Value>) -> Bool {
        let box = UnsafeMutablePointer<Value>.allocate(capacity: 1)
        box.initialize(to: value)
        guard cell.pointee.compareExchange(expected: seen, desired: box, ordering: .acquiringAndReleasing).exchanged
        else {
            box.deinitialize(count: 1)
            box.deallocate()
            return false
        }
        bound.store(true, ordering: .releasing)
        lock.withLock { retired.append(seen) }
        return true
    }
}

extension Var: Watchable {
    /// Publishes `new` if the root is still `old`, compared by identity.
    func exchange(_ old: Value, _ new: Value) -> Bool {
        let seen = cell.pointee.load(ordering: .acquiring)
        return seen.pointee.isSame(as: old) && bind(new, replacing: seen)
    }

    var validator: Value {
        get { lock.withLock { attendance.validator } }
        set { lock.withLock { attendance.validator = newValue } }
    }
    var watchers: HashMap? { lock.withLock { attendance.watchers } }
    func changeWatchers(_ body: (inout HashMap) throws(Fault) -> Void) throws(Fault) {
        try lock.withLock { () throws(Fault) in try attendance.changeWatchers(body) }
    }
}

/// The root of a var that was declared and not yet given a value; calling it says so.
public final class Unbound: Object, @unchecked Sendable {
    // Sendable: immutable.
    public let name: String
    init(name: String) { self.name = name }
    public override func write(to printer: inout Printer) throws(Fault) { printer.write("#<unbound \(name)>") }
}
