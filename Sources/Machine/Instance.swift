import Synchronization
import Values

/// Everything one instance owns: names, namespaces, accounts, and the machine's own code. Many live in one process.
public final class Instance: @unchecked Sendable {
    // Sendable: tables are guarded by `lock`, the rest is immutable or atomic.
    public let names: Names
    public let account: Account
    private let lock = Lock()
    private var namespaces: [Name: Namespace] = [:]
    /// What starts a fiber, by how many arguments its function takes, where those are more than usual.
    private var starters: [Int: Closure] = [:]
    /// What realises lazy sequences.
    package let realizer: Closure
    /// What reduces sequences that were taken apart.
    let fusions = FusionCache()
    /// Receives what `print` writes to `*out*`; nil until the host sets it.
    public let output: OutputSink
    public let errorOutput: OutputSink
    /// Where `rand` and its kin draw from.
    public let random: RandomSource
    /// Milliseconds since 1970, and nanoseconds of a clock that never goes back; a virtual clock may stand in.
    public let clock: HostClock
    /// Called by `System/exit` with the exit code; what it throws ends the run.
    public let exitHandler = Hook<Int32>()
    /// Hears of sequences that somebody waits for, once they are realised or given up; set by what runs fibers.
    package let sequenceReleased = Hook<LazySeq>()
    /// Numbers the commits of transactions.
    let commits = CommitOrder()
    private let serial = Atomic<Int64>(0)
    /// The dynamic vars that Swift code reads.
    public private(set) var core: CoreVars!

    public init(
        names: Names = Names(), limits: Limits = Limits(), output: @escaping OutputSink = { _ in },
        errorOutput: @escaping OutputSink = { _ in }, seed: UInt64? = nil, clock: HostClock = .system
    ) {
        self.names = names
        self.output = output
        self.errorOutput = errorOutput
        account = Account(limits)
        realizer = Realizer.function()
        random = RandomSource(seed: seed ?? UInt64.random(in: .min ... .max))
        self.clock = clock
        core = CoreVars(self)
    }

    /// A number that this instance has not given before, from 1: for `gensym`.
    public func nextSerial() -> Int64 { serial.add(1, ordering: .relaxed).newValue }

    /// Where text goes: whole pieces, in order.
    public typealias OutputSink = @Sendable (UnsafeBufferPointer<UInt8>) -> Void

    /// The namespace of this name, made when it is new.
    public func namespace(_ name: Name) -> Namespace {
        lock.withLock {
            if let found = namespaces[name] { return found }
            let made = Namespace(name)
            namespaces[name] = made
            return made
        }
    }

    /// Makes a namespace that is asked for by name and not there: a built-in library, attached when it is first named.
    package let namespaceProvider = Provider<Name, Namespace>()

    /// The namespace of this name, attached if it is a built-in one.
    public func findNamespace(_ name: Name) -> Namespace? {
        lock.withLock { namespaces[name] } ?? namespaceProvider.provide(name)
    }

    /// The namespaces whose names are seen everywhere, in this order: the core, and the forms that declare channels, workers and
    /// effects.
    package static let everywhere = ["clojure.core", "sluice.core"]

    /// The var that a symbol means in a namespace: through an alias, or there, referred to, or seen everywhere.
    package func variable(_ name: Name, seenFrom space: Namespace) -> Var? {
        if let qualifier = name.namespace {
            let target = names.intern(nil, qualifier)
            return findNamespace(space.alias(target) ?? target)?.find(names.intern(nil, name.name))
        }
        if let own = space.resolve(name) { return own }
        if space.excludes(name) { return nil }
        for common in Instance.everywhere {
            if let found = findNamespace(names.intern(nil, common))?.find(name) { return found }
        }
        return nil
    }

    /// Parts what holds itself, when the instance ends and nothing of it runs any more.
    package func dismantle() {
        let ending = lock.withLock { Array(namespaces.values) }
        for namespace in ending { namespace.dismantle() }
    }

    public func removeNamespace(_ name: Name) { lock.withLock { namespaces[name] = nil } }
    public var allNamespaces: [Namespace] {
        lock.withLock { namespaces.values.sorted { $0.name.description < $1.name.description } }
    }

    private static let usualArguments = 16

    /// Code that calls the function in register 0 with up to so many arguments and ends the fiber: for every instance the same.
    nonisolated(unsafe) private static let starter = Unmanaged.passRetained(makeStarter(arguments: 0...usualArguments))
        ._withUnsafeGuaranteedRef { $0.entry }

    /// Code that calls the function in register 0 with `arguments` arguments and ends the fiber, unless those are many.
    package static func start(arguments: Int) -> UnsafePointer<Instruction>? {
        arguments <= usualArguments ? starter + 2 * arguments : nil
    }

    /// The same for any number, kept by the instance.
    package func start(manyArguments arguments: Int) -> UnsafePointer<Instruction> {
        lock.withLock {
            let found = starters[arguments] ?? Instance.makeStarter(arguments: arguments...arguments)
            starters[arguments] = found
            return found.entry
        }
    }

    private static func makeStarter(arguments: ClosedRange<Int>) -> Closure {
        let code = Code(
            arguments.flatMap { [Instruction(.call, 0, $0), Instruction(.halt, 0)] }, constants: [], parameters: 0,
            isVariadic: false, registers: arguments.upperBound + 1)
        return Prototype(name: nil, arities: [code], captureCount: 0).makeClosure()
    }
}

/// Limits of one instance (N6); set by the host or the command line.
public struct Limits: Sendable {
    /// Steps (calls and backward jumps); `Int64.max` for no limit.
    public var instructions: Int64
    /// Bytes that values may occupy.
    public var memory: Int64
    /// Activations on one fiber's stack.
    public var depth: Int

    public init(instructions: Int64 = .max, memory: Int64 = 4 << 30, depth: Int = 100_000) {
        self.instructions = instructions
        self.memory = memory
        self.depth = depth
    }
}

/// What an instance has used of its limits.
public final class Account: @unchecked Sendable {
    // Sendable: atomics.
    public let limits: Limits
    private let used = Atomic<Int64>(0)
    private let steps = Atomic<Int64>(0)
    /// Steps that `finally` blocks may still take after a budget ran out, shared by the instance.
    private let grace = Atomic<Int64>(Account.graceSteps)
    private let over = Atomic<Bool>(false)
    private let deadlinePassed = Atomic<Bool>(false)
    private let isCut = Atomic<Bool>(false)
    private let lock = Lock()
    private var exhaustedAt: [TraceFrame] = []

    static let graceSteps: Int64 = 100_000
    /// Bytes beyond the limit that the grace may use.
    static let graceMemory: Int64 = 1 << 20

    init(_ limits: Limits) { self.limits = limits }

    public var memoryUsed: Int64 { used.load(ordering: .relaxed) + Meter.unsettled }
    public var stepsUsed: Int64 { steps.load(ordering: .relaxed) }
    /// Says that wall time is up; the next slice of every fiber ends in `Fault.exhausted(.time)`.
    public func expire() { deadlinePassed.store(true, ordering: .relaxed) }
    /// Says that a run which was stopped has to be over: what is left of it ends in `Fault.exhausted(.shutdown)`, and so do its
    /// `finally` blocks, which have had their time.
    package func cutOff() {
        isCut.store(true, ordering: .relaxed)
        endGrace()
    }
    /// Begins anew, but for the memory that is in use: the next evaluation of a conversation has the whole of its budgets.
    public func renew() {
        steps.store(0, ordering: .relaxed)
        grace.store(Account.graceSteps, ordering: .relaxed)
        deadlinePassed.store(false, ordering: .relaxed)
        isCut.store(false, ordering: .relaxed)
        over.store(false, ordering: .relaxed)
        lock.withLock { exhaustedAt = [] }
    }
    /// The calls that were under way when a budget ran out, innermost first; empty while none has.
    package var whereExhausted: [TraceFrame] { lock.withLock { exhaustedAt } }

    /// Keeps where the first fiber was that a budget ended.
    func noteWhere(_ fiber: Fiber) {
        lock.withLock { if exhaustedAt.isEmpty { exhaustedAt = fiber.trace() } }
    }

    /// Ends the grace: what it was for has had its time.
    package func endGrace() { grace.store(-1, ordering: .relaxed) }
    public var isExhausted: Bool { over.load(ordering: .relaxed) }
    /// What `finally` blocks may use after a budget ran out is used up too.
    public var isGraceOver: Bool {
        grace.load(ordering: .relaxed) < 0 || memoryUsed > limits.memory.saturating(plus: Account.graceMemory)
    }

    /// Books a slice: `taken` steps and what the thread allocated meanwhile. Throws once a budget has run out; while the
    /// grace lasts, it throws only at the first call.
    public func settle(steps taken: Int) throws(Fault) {
        let total = steps.add(Int64(taken), ordering: .relaxed).newValue
        let memory = used.add(Meter.settle(), ordering: .relaxed).newValue
        guard let exhausted = exhausted(steps: total, memory: memory) else { return }
        if !over.exchange(true, ordering: .relaxed) { throw .exhausted(exhausted) }
        let left = grace.subtract(Int64(max(1, taken)), ordering: .relaxed).newValue
        if left < 0 || memory > limits.memory.saturating(plus: Account.graceMemory) { throw .exhausted(exhausted) }
    }

    /// Books what a thread that runs no fiber has allocated, such as the answer of an effect: whoever settles next finds it.
    @inline(__always) package func bookMemory() {
        if Meter.unsettled != 0 { _ = used.add(Meter.settle(), ordering: .relaxed) }
    }

    private func exhausted(steps: Int64, memory: Int64) -> Budget? {
        if isCut.load(ordering: .relaxed) { return .shutdown }
        if steps > limits.instructions { return .instructions }
        if memory > limits.memory { return .memory }
        return deadlinePassed.load(ordering: .relaxed) ? .time : nil
    }

    /// The budget that has run out, if one has been found to.
    package var exhausted: Budget? {
        isExhausted
            ? exhausted(steps: steps.load(ordering: .relaxed), memory: used.load(ordering: .relaxed)) : nil
    }

    /// Books `steps`, and refuses to go on with `bytes` in hand that are not charged.
    public func book(steps: Int, holding bytes: Int) throws(Fault) {
        try settle(steps: steps)
        if bytes > 0 { try reserve(bytes) }
    }

    /// Refuses an allocation of `bytes` that would pass the limit, before it is made.
    public func reserve(_ bytes: Int) throws(Fault) {
        let limit = isExhausted ? limits.memory.saturating(plus: Account.graceMemory) : limits.memory
        if memoryUsed.saturating(plus: Int64(bytes)) > limit { throw .exhausted(.memory) }
    }
}

extension Int64 {
    fileprivate func saturating(plus other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }
}

/// A namespace: vars by name, aliases and what it refers to.
public final class Namespace: Object, @unchecked Sendable {
    // Sendable: guarded by `lock`.
    public let name: Name
    private let lock = Lock()
    private var vars: [Name: Var] = [:]
    private var referred: [Name: Var] = [:]
    private var aliases: [Name: Name] = [:]
    private var excluded: Set<Name> = []
    private var storedMeta: HashMap?
    private var library: Library?
    /// Names of the library whose definitions are under way: only who makes them sees their vars.
    private var underWay: Set<Name> = []

    /// Definitions that are made when they are first named.
    public struct Library: Sendable {
        /// Makes the var of a name; nil when the library has no such name.
        public var load: @Sendable (Namespace, Name) -> Var?
        /// Every name it has.
        public var names: @Sendable () -> [String]
        public init(load: @escaping @Sendable (Namespace, Name) -> Var?, names: @escaping @Sendable () -> [String]) {
            self.load = load
            self.names = names
        }
    }

    init(_ name: Name) { self.name = name }

    public override var kind: ObjectKind { .namespace }
    public override func write(to printer: inout Printer) throws(Fault) {
        printer.write("#<namespace \(name.description)>")
    }
    public override var metadata: HashMap? { lock.withLock { storedMeta } }
    public func setMeta(_ meta: HashMap?) { lock.withLock { storedMeta = meta } }

    /// Whether it has built-in definitions, which are made when they are named.
    package var isLibrary: Bool { lock.withLock { library != nil } }

    public func setLibrary(_ library: Library) { lock.withLock { self.library = library } }

    /// The var of this name, made when it is new.
    public func intern(_ symbol: Name) -> Var {
        lock.withLock {
            if let found = vars[symbol] { return found }
            let made = Var(namespace: name, name: symbol)
            vars[symbol] = made
            return made
        }
    }

    /// The var of this name with a value, both made when it is new: nobody sees the one without the other.
    package func intern(_ symbol: Name, boundTo value: Value) -> Var {
        lock.withLock {
            if let found = vars[symbol] { return found }
            let made = Var(namespace: name, name: symbol)
            made.bind(value)
            vars[symbol] = made
            return made
        }
    }

    /// Interns a name of the library whose definition `body` evaluates; undone when that throws. On one thread at a time, under a
    /// lock that `Library.load` takes, too.
    package func intern(_ symbol: Name, whileDefining body: () throws(Fault) -> Void) throws(Fault) -> Var {
        let variable = lock.withLock {
            underWay.insert(symbol)
            let found = vars[symbol] ?? Var(namespace: name, name: symbol)
            vars[symbol] = found
            return found
        }
        defer { _ = lock.withLock { underWay.remove(symbol) } }
        do throws(Fault) { try body() } catch {
            unmap(symbol)
            throw error
        }
        return variable
    }

    /// The var defined here under this name.
    public func find(_ symbol: Name) -> Var? {
        let (found, library) = lock.withLock { (underWay.contains(symbol) ? nil : vars[symbol], self.library) }
        if let found { return found }
        return library?.load(self, symbol)
    }

    /// The var defined here, if it is made already.
    public func made(_ symbol: Name) -> Var? { lock.withLock { vars[symbol] } }

    /// The var defined here or referred to, if it is made already.
    public func definedOrReferred(_ symbol: Name) -> Var? { lock.withLock { vars[symbol] ?? referred[symbol] } }

    /// Every name that can be found here.
    public var allNames: [String] {
        let (made, library) = lock.withLock { (vars.keys.map(\.description), self.library) }
        return Array(Set(made + (library?.names() ?? []))).sorted()
    }

    /// The var that an unqualified symbol means here: defined, or referred to.
    public func resolve(_ symbol: Name) -> Var? {
        if let own = find(symbol) { return own }
        return lock.withLock { referred[symbol] }
    }

    func dismantle() {
        let ending = lock.withLock {
            // It knows the compiler, which knows the namespaces.
            library = nil
            return Array(vars.values)
        }
        for variable in ending { variable.dismantle() }
    }

    public func refer(_ symbol: Name, to variable: Var) { lock.withLock { referred[symbol] = variable } }
    public func unmap(_ symbol: Name) {
        lock.withLock {
            vars[symbol] = nil
            referred[symbol] = nil
        }
    }
    public func exclude(_ symbol: Name) { _ = lock.withLock { excluded.insert(symbol) } }
    public func excludes(_ symbol: Name) -> Bool { lock.withLock { excluded.contains(symbol) } }
    public func alias(_ alias: Name, to namespace: Name) { lock.withLock { aliases[alias] = namespace } }
    public func alias(_ alias: Name) -> Name? { lock.withLock { aliases[alias] } }
    public func removeAlias(_ alias: Name) { lock.withLock { aliases[alias] = nil } }
    public var allAliases: [(Name, Name)] { lock.withLock { aliases.map { ($0, $1) } } }
    /// Vars defined here, by name.
    public var allVars: [Var] { lock.withLock { vars.values.sorted { $0.name.description < $1.name.description } } }
    public var allReferred: [(Name, Var)] {
        lock.withLock { referred.map { ($0, $1) }.sorted { $0.0.description < $1.0.description } }
    }
}
