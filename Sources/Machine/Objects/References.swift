import Values

/// What `deref` reads: atoms, volatiles, delays, and what a higher target adds (promises, futures).
open class Reference: Object, @unchecked Sendable {
    // Sendable: guarded by `metaLock`; subclasses guard their own state.
    private let metaLock = SpinLock()
    private var storedMeta: HashMap?

    /// The value now. What has none yet throws `.force` with a sequence whose thunk parks the fiber: the machine runs it
    /// and then `deref` again.
    open func current() throws(Fault) -> Value { .nil }

    /// The value, or `fallback` when there is none within `milliseconds`.
    open func current(within milliseconds: Int64, else fallback: Value) throws(Fault) -> Value { try current() }

    /// Whether the value may be yet to come, so that `realized?` asks something.
    open var isPending: Bool { false }
    /// `realized?`.
    open var isRealized: Bool { true }

    public override var metadata: HashMap? { metaLock.withLock { storedMeta } }
    public func setMeta(_ meta: HashMap?) { metaLock.withLock { storedMeta = meta } }
}

/// An atom: a value that changes by compare-and-set.
public final class Atom: Reference, Watchable, @unchecked Sendable {
    // Sendable: guarded by `lock`, under which nothing is called and nothing released.
    private let lock = SpinLock()
    private var value: Value
    private var attendance = Attendance()

    public init(_ value: Value) {
        self.value = value
        super.init()
        Meter.charge(160)
    }

    deinit {
        Meter.credit(160)
        Release.field(&value)
    }

    public override var kind: ObjectKind { .atom }
    public override func current() throws(Fault) -> Value { lock.withLock { value } }

    /// The value, unless a validator or watchers are to be called when it changes.
    var unattended: Value? {
        lock.withLock { attendance.validator.isNil && attendance.watchers == nil ? value : nil }
    }

    /// What happened to an exchange.
    enum Exchange {
        case done
        /// Somebody else changed the value meanwhile.
        case lost
        /// There is a validator to ask first, or there are watchers to tell.
        case attended
    }

    /// Sets the value to `new` if it is still `old`, unless a validator or watchers are to be called.
    func exchange(_ old: Value, _ new: Value) -> Exchange {
        var new = new
        return lock.withLock {
            guard attendance.validator.isNil, attendance.watchers == nil else { return .attended }
            guard value.isSame(as: old) else { return .lost }
            // What is replaced is released outside of the lock: it may be large.
            Swift.swap(&value, &new)
            return .done
        }
    }

    /// Sets the value to `new` if it is still `old`.
    func compareAndSet(_ old: Value, _ new: Value) -> Bool {
        var new = new
        return lock.withLock {
            guard value.isSame(as: old) else { return false }
            Swift.swap(&value, &new)
            return true
        }
    }

    var validator: Value {
        get { lock.withLock { attendance.validator } }
        set {
            var new = newValue
            lock.withLock { Swift.swap(&attendance.validator, &new) }
        }
    }
    var watchers: HashMap? { lock.withLock { attendance.watchers } }

    /// Changes a copy, for comparing keys may take long, and begins anew when another change came first.
    func changeWatchers(_ body: (inout HashMap) throws(Fault) -> Void) throws(Fault) {
        while true {
            let before = lock.withLock { attendance }
            var changed = before
            try changed.changeWatchers(body)
            let isDone = lock.withLock {
                guard HashMap.areSame(attendance.watchers, before.watchers) else { return false }
                Swift.swap(&attendance, &changed)
                // The validator may have been set meanwhile.
                attendance.validator = changed.validator
                return true
            }
            if isDone { return }
        }
    }

    public override func write(to printer: inout Printer) throws(Fault) {
        printer.write("#atom[")
        try printer.write(try current())
        printer.write("]")
    }
}

extension Value {
    /// Whether both are the same object or word, for compare-and-set: unlike `=`, NaN is itself.
    func isSame(as other: Value) -> Bool {
        if case .double(let a) = self, case .double(let b) = other { return a.bitPattern == b.bitPattern }
        return isIdentical(to: other)
    }
}

/// A place that one fiber changes without ceremony: state of transducers.
final class Volatile: Reference, @unchecked Sendable {
    // Sendable: guarded by `lock`, because a fiber may move between threads.
    private let lock = SpinLock()
    private var value: Value

    init(_ value: Value) { self.value = value }
    deinit { Release.field(&value) }

    override var kind: ObjectKind { .volatile }
    override func current() throws(Fault) -> Value { lock.withLock { value } }
    func set(_ new: Value) {
        var new = new
        lock.withLock { Swift.swap(&value, &new) }
    }
    override func write(to printer: inout Printer) throws(Fault) {
        printer.write("#volatile[")
        try printer.write(try current())
        printer.write("]")
    }
}

/// The early end of a reduction.
public final class Reduced: Reference, @unchecked Sendable {
    // Sendable: immutable but for `deinit`.
    private var value: Value
    public init(_ value: Value) { self.value = value }
    deinit { Release.field(&value) }
    public override var kind: ObjectKind { .reduced }
    public override func current() throws(Fault) -> Value { value }
    public override func write(to printer: inout Printer) throws(Fault) {
        printer.write("#reduced[")
        try printer.write(value)
        printer.write("]")
    }
}

/// A delay: a lazy sequence of one element, so that the machine computes it once and others wait meanwhile.
///
/// The body's failure is an element too (`Failure`): every `deref` throws the same exception.
final class Delay: Reference, @unchecked Sendable {
    // Sendable: immutable.
    private let sequence: Value
    private let lazy: LazySeq

    init(_ lazy: LazySeq) {
        self.lazy = lazy
        sequence = .lazy(lazy)
    }

    override var kind: ObjectKind { .delay }
    override func current() throws(Fault) -> Value {
        let value = try Sequences.first(sequence)
        if case .object(let object) = value, let failure = object as? Failure { throw .thrown(failure.exception) }
        return value
    }
    override var isPending: Bool { true }
    override var isRealized: Bool { lazy.isRealized }
    override func write(to printer: inout Printer) throws(Fault) {
        guard isRealized else { return printer.write("#delay[:pending]") }
        printer.write("#delay[")
        try printer.write(try Sequences.first(sequence))
        printer.write("]")
    }
}

/// An exception kept as a value.
final class Failure: Object, @unchecked Sendable {
    // Sendable: immutable.
    let exception: Exception
    init(_ exception: Exception) { self.exception = exception }
    override func write(to printer: inout Printer) throws(Fault) { try exception.write(to: &printer) }
}
