import Values

/// An agent: a value, and the actions that change it one after the other.
///
/// Actions are functions of the language: a fiber that the library starts takes them from here until none is left.
public final class Agent: Reference, Watchable, @unchecked Sendable {
    // Sendable: guarded by `lock`.
    private let lock = Lock()
    private var value: Value
    private var actions: [Value] = []
    /// Actions before this one are done.
    private var next = 0
    /// Whether a fiber is taking actions.
    private var isRunning = false
    private var failure: Exception?
    private var storedHandler: Value
    private var storedMode: Value
    private var attendance = Attendance()

    /// `mode`: the keyword `:continue` or `:fail`, for actions that throw.
    init(_ value: Value, mode: Value, handler: Value) {
        self.value = value
        storedMode = mode
        storedHandler = handler
        super.init()
        Meter.charge(240)
    }

    deinit {
        Meter.credit(240)
        Release.field(&value)
    }

    public override var kind: ObjectKind { .agent }
    public override func current() throws(Fault) -> Value { lock.withLock { value } }

    /// A function of the agent and an exception, called when an action throws; or nil.
    var handler: Value {
        get { lock.withLock { storedHandler } }
        set { lock.withLock { storedHandler = newValue } }
    }

    var mode: Value {
        get { lock.withLock { storedMode } }
        set { lock.withLock { storedMode = newValue } }
    }

    /// The exception that stopped the agent.
    var error: Exception? { lock.withLock { failure } }

    /// Adds an action. Whether a fiber is to be started that takes the actions; a stopped agent takes none.
    func add(_ action: Value) throws(Fault) -> Bool {
        try lock.withLock { () throws(Fault) in
            if let failure {
                throw .thrown(
                    Exception(
                        .runtime, "the agent has failed", cause: .object(failure),
                        hint: "restart-agent gives it a new value"))
            }
            actions.append(action)
            defer { isRunning = true }
            return !isRunning
        }
    }

    /// The next action; nil when there is none, or the agent has failed: then the fiber that asks ends.
    func take() -> Value? {
        lock.withLock {
            guard failure == nil, next < actions.count else {
                isRunning = false
                return nil
            }
            let action = actions[next]
            actions[next] = .nil
            next += 1
            if next > 32, next > actions.count / 2 {
                actions.removeFirst(next)
                next = 0
            }
            return action
        }
    }

    /// Says that the fiber that took actions has ended before they were done: the next action starts another.
    func rest() { lock.withLock { isRunning = false } }

    /// The value before.
    func set(_ new: Value) -> Value {
        lock.withLock {
            let old = value
            value = new
            return old
        }
    }

    /// Stops the agent: actions wait until it is started again.
    func fail(_ exception: Exception) { lock.withLock { failure = exception } }

    /// Starts a failed agent with a new value. Whether a fiber is to be started for the actions that waited.
    func restart(_ new: Value, clearing: Bool) throws(Fault) -> Bool {
        try lock.withLock { () throws(Fault) in
            guard failure != nil else { throw .illegalState("restart-agent is for an agent that has failed") }
            failure = nil
            value = new
            if clearing {
                actions = []
                next = 0
            }
            guard next < actions.count else { return false }
            defer { isRunning = true }
            return !isRunning
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
        printer.write("#agent[")
        try printer.write(try current())
        printer.write("]")
    }
}
