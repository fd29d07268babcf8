import Values

/// A ref: a value that changes in transactions only, together with other refs.
public final class Ref: Reference, Watchable, @unchecked Sendable {
    // Sendable: guarded by `lock`.
    private let lock = Lock()
    private var value: Value
    /// The commit that brought the value; 0 for the first one.
    private var version: Int64 = 0
    private var attendance = Attendance()

    init(_ value: Value) {
        self.value = value
        super.init()
        Meter.charge(200)
    }

    deinit {
        Meter.credit(200)
        Release.field(&value)
    }

    public override var kind: ObjectKind { .ref }
    public override func current() throws(Fault) -> Value { lock.withLock { value } }

    /// The latest value, and the commit that brought it.
    var latest: (value: Value, version: Int64) { lock.withLock { (value, version) } }

    /// The value before.
    fileprivate func publish(_ new: Value, _ version: Int64) -> Value {
        lock.withLock {
            let old = value
            value = new
            self.version = version
            return old
        }
    }

    var validator: Value {
        get { lock.withLock { attendance.validator } }
        set { lock.withLock { attendance.validator = newValue } }
    }
    var watchers: HashMap? { lock.withLock { attendance.watchers } }
    func changeWatchers(_ body: (inout HashMap) throws(Fault) -> Void) throws(Fault) {
        try lock.withLock { () throws(Fault) in try attendance.changeWatchers(body) }
    }

    public override func write(to printer: inout Printer) throws(Fault) {
        printer.write("#ref[")
        try printer.write(try current())
        printer.write("]")
    }
}

/// Orders the commits of an instance: one after the other, each with a number.
public final class CommitOrder: @unchecked Sendable {
    // Sendable: guarded by `lock`.
    private let lock = Lock()
    private var last: Int64 = 0

    /// The latest commit.
    fileprivate var latest: Int64 { lock.withLock { last } }

    /// Does `body` while nobody else commits, giving it the number of a commit that follows the last.
    fileprivate func commit<Result>(_ body: (Int64) -> Result) -> Result {
        lock.withLock {
            last += 1
            return body(last)
        }
    }
}

/// One attempt of a transaction: what its fiber has read and changed of refs, seen by nobody else until the commit.
///
/// A transaction sees every ref as it was when it began. Refs keep no older values: one that was changed since makes the
/// attempt stale, and the library runs the body again. The commit checks that nothing it depends on was changed, and
/// publishes all values at once.
final class Transaction: Object, @unchecked Sendable {
    // Sendable: used by the fiber it belongs to alone.
    private struct Entry {
        let ref: Ref
        var value: Value
        /// Set or altered, rather than commuted alone.
        var isSet = false
        /// Must be unchanged at the commit although this attempt does not change it.
        var isEnsured = false
        /// Functions of one argument, to be applied anew to what the ref holds at the commit.
        var commutes: [Value] = []
    }

    private let fiber: ObjectIdentifier
    private let order: CommitOrder
    /// The latest commit when the attempt began.
    private let start: Int64
    private var entries: [Entry] = []
    private var places: [ObjectIdentifier: Int] = [:]
    /// Something that was read has changed since: the body is to run again.
    private(set) var isStale = false
    private var isOver = false
    /// What agents are to be sent when the transaction commits.
    private(set) var sends: [Value] = []

    init(_ fiber: Fiber) {
        self.fiber = ObjectIdentifier(fiber)
        order = fiber.instance.commits
        start = order.latest
    }

    /// The transaction that a fiber is in. Bindings are conveyed to other fibers, transactions are not.
    static func running(in fiber: Fiber) -> Transaction? {
        guard case .object(let object) = fiber.value(of: fiber.instance.core.transaction),
            let transaction = object as? Transaction, !transaction.isOver, transaction.fiber == ObjectIdentifier(fiber)
        else { return nil }
        return transaction
    }

    /// Ends the attempt: from here on the fiber is in no transaction.
    func end() { isOver = true }

    private var retry: Fault {
        isStale = true
        return .of(.runtime, "a ref was changed meanwhile: the transaction begins again")
    }

    /// The value that this attempt sees.
    func read(_ ref: Ref) throws(Fault) -> Value {
        if let place = places[ObjectIdentifier(ref)] { return entries[place].value }
        let (value, version) = ref.latest
        guard version <= start else { throw retry }
        return value
    }

    private func place(of ref: Ref) throws(Fault) -> Int {
        if let place = places[ObjectIdentifier(ref)] { return place }
        let value = try read(ref)
        places[ObjectIdentifier(ref)] = entries.count
        entries.append(Entry(ref: ref, value: value))
        return entries.count - 1
    }

    /// `ref-set` and `alter`.
    func set(_ ref: Ref, _ value: Value) throws(Fault) {
        let place = try place(of: ref)
        guard entries[place].commutes.isEmpty else { throw .illegalState("cannot set a ref after a commute of it") }
        entries[place].value = value
        entries[place].isSet = true
    }

    /// `ensure`
    func ensure(_ ref: Ref) throws(Fault) { entries[try place(of: ref)].isEnsured = true }

    /// `commute`: `function` gave `value` for what this attempt sees.
    func commute(_ ref: Ref, _ function: Value, _ value: Value) throws(Fault) {
        let place = try place(of: ref)
        entries[place].value = value
        if !entries[place].isSet { entries[place].commutes.append(function) }
    }

    func send(_ action: Value) { sends.append(action) }

    /// The refs that are set, and to what.
    var changes: [(ref: Ref, value: Value)] { entries.filter(\.isSet).map { ($0.ref, $0.value) } }

    /// The refs that are commuted, and by what.
    var commutes: [(ref: Ref, functions: [Value])] {
        entries.filter { !$0.commutes.isEmpty }.map { ($0.ref, $0.commutes) }
    }

    /// What became of a commit.
    enum Outcome {
        /// Each ref that changed, with its value before and after.
        case done([(ref: Ref, before: Value, after: Value)])
        /// A ref that was commuted has changed again since: it is to be computed anew.
        case overtaken
        /// The body is to run again.
        case stale
    }

    /// Publishes what was set, and the results of commuting refs that were at these versions.
    func commit(_ commuted: [(ref: Ref, value: Value, version: Int64)]) -> Outcome {
        // The body may have caught what told it so.
        if isStale { return .stale }
        return order.commit { number in
            for entry in entries where entry.isSet || entry.isEnsured {
                guard entry.ref.latest.version <= start else {
                    isStale = true
                    return .stale
                }
            }
            for entry in commuted where entry.ref.latest.version != entry.version { return .overtaken }
            let all = changes + commuted.map { ($0.ref, $0.value) }
            return .done(all.map { (ref: $0.ref, before: $0.ref.publish($0.value, number), after: $0.value) })
        }
    }
}
