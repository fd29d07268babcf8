import Engine
import Machine
import Values

/// Executes the rows of a registry of processes, each in a fiber of its own: the one who does in a run (L41).
///
/// It takes what there is when the registry says that there is work, and renews its leases by a timer while it has any. A process
/// is a fiber like others: it keeps a run alive for as long as something can still happen in it, and at the end of the run it is
/// cancelled, and its `finally` runs. What it was to do is data, `{:run name :args […]}`, so that another run could do it.
package final class ProcessWorkRunner: @unchecked Sendable {
    // Sendable: `lock` guards everything mutable.
    private unowned let runtime: FiberRuntime
    let registry: any ProcessRegistry
    private let find: RunEffect.Finder
    private let name: String
    private let leaseMs: Int64
    private let lock = Lock()
    private var running: [String: Execution] = [:]
    private var begun = 0
    private var upkeep: TimerToken?
    private var stopListening: (@Sendable () -> Void)?
    /// Failures that nobody who awaited has heard of yet, in the order in which they happened; the newest of them.
    private var unheard: [(id: String, fault: Fault, starter: Identity?)] = []
    /// The effects that started what is executed, and perhaps some that has ended: whoever is told of a failure has to know whose.
    private var starters: [String: Identity] = [:]
    /// How many there are when those of what has ended are let go.
    private var startersAtMost = unheardLimit

    /// How long a lease lasts, in milliseconds: long enough that a busy machine renews it in time, and short enough that work whose
    /// run has crashed is not left for long.
    package static let usualLeaseMs: Int64 = 30_000
    /// How often it is renewed while it lasts, so that two renewals may come late.
    private static let renewals: Int64 = 3
    /// Failures that are told at the end: as many as there may be rows to ask about them.
    private static let unheardLimit = 500

    /// A row that is being executed.
    private final class Execution: @unchecked Sendable {
        // Sendable: what changes is guarded by the runner's lock.
        let number: Int
        let input: Value
        let job: Job
        var lease: ProcessLease
        /// Takes back the question whether it is to be cancelled.
        var withdraw: (@Sendable () -> Void)?

        init(_ work: ProcessWork, _ number: Int, _ job: Job) {
            (lease, input) = (work.lease, work.input)
            self.number = number
            self.job = job
        }
    }

    /// - Parameters:
    ///   - find: gives the functions that processes name.
    ///   - name: tells it from other runners of the registry.
    package init(
        _ runtime: FiberRuntime, _ registry: any ProcessRegistry, name: String, leaseMs: Int64 = usualLeaseMs,
        _ find: @escaping RunEffect.Finder
    ) {
        self.runtime = runtime
        self.registry = registry
        self.find = find
        self.name = name
        self.leaseMs = leaseMs
    }

    /// Executes from here on what the registry has, and will have.
    package func begin() {
        let stop = registry.onWork { [weak self] in self?.claim() }
        lock.withLock { stopListening = stop }
        claim()
    }

    /// Takes nothing more; what runs goes on.
    package func end() {
        let stop = lock.withLock {
            defer { stopListening = nil }
            return stopListening
        }
        stop?()
    }

    private func claim() {
        registry.claim(name, leaseMs: leaseMs) { [weak self] result in
            guard let self, case .success(let works) = result else { return }
            for work in works where !goesOn(work) { execute(work) }
        }
    }

    /// Whether the row is one that this runner executes, and took for left because it was late with the renewal, as on a machine that
    /// slept: then it goes on with it.
    private func goesOn(_ work: ProcessWork) -> Bool {
        lock.withLock {
            guard let execution = running[work.lease.process], !execution.job.isCancelled,
                (try? execution.input.equals(work.input)) ?? false
            else { return false }
            execution.lease = work.lease
            return true
        }
    }

    private func execute(_ work: ProcessWork) {
        let id = work.lease.process
        let number = lock.withLock {
            begun += 1
            return begun
        }
        // Fibers that it starts are its own, and end with it at the latest.
        let scope = Scope(parent: runtime.root)
        let job = runtime.make(
            .native(call(work.input)), [], dispatch: .go, from: nil, scope: scope,
            lineage: Lineage(identity(of: id)), bindings: nil,
            completion: .call { [weak self] result in
                self?.finish(id, number, result)
                scope.cancel(.parent)
                scope.close()
            }, holdMeter: nil)
        let execution = Execution(work, number, job)
        lock.withLock { running[id] = execution }
        keepUp()
        // A cancellation that was asked for before is delivered before the fiber begins.
        let withdraw = registry.event(1, of: id, type: ProcessEvent.cancelRequested) { result in
            if case .success = result { job.cancel(.requested) }
        }
        let starter = lock.withLock {
            execution.withdraw = withdraw
            return starters[id]
        }
        tell(.processStarted, id, (.input, work.input), (.parent, starter.map { .string($0.path) } ?? .nil))
        runtime.scheduler.ready(job)
    }

    /// What the fiber of a process calls: the library's function that finds out what is meant, does it and makes data of what it
    /// comes to.
    private func call(_ input: Value) -> Native {
        let (find, names) = (find, runtime.instance.names)
        return Native(
            "process", 0,
            control: { (_, _) throws(Fault) in
                guard case .map(let map) = input else {
                    throw RunEffect.refusal("the input of a process must be a map")
                }
                let run = try map.find(.kw(.run)) ?? .nil
                let arguments = try map.find(.kw(.args)) ?? .nil
                let function =
                    try run.symbolName.map { (name) throws(Fault) in try ProcessWorkRunner.root(of: find(name)) } ?? run
                let execute = try ProcessWorkRunner.root(of: find(names.intern("sluice.process/execute")))
                return .call(execute, [function, arguments])
            })
    }

    /// What a name stands for now: a var for what it holds.
    static func root(of found: Value) -> Value {
        if case .object(let object) = found, let variable = object as? Var { return variable.root }
        return found
    }

    private func finish(_ id: String, _ number: Int, _ result: Result<Value, Fault>) {
        let execution = lock.withLock { running[id]?.number == number ? running.removeValue(forKey: id) : nil }
        // Another has taken its place, so whatever it came to counts no more.
        guard let execution else { return }
        let (lease, withdraw) = lock.withLock { (execution.lease, execution.withdraw) }
        withdraw?()
        let end = ProcessWorkRunner.end(result)
        // A budget that ran out is told by whoever ends everything for it.
        if case .failure(let fault) = result, case .thrown = fault { note(fault, of: lease.process) }
        registry.finish(lease, end) { [self] result in
            // Without the row, which another has by now, it is the other's to tell.
            guard case .success(let record) = result else { return }
            tell(
                .processEnded, id, (.status, .kw(record.status.name)), (.error, record.error),
                (.reason, record.reason))
        }
        keepUp()
    }

    /// What the end of its fiber is to whoever awaits a process.
    static func end(_ result: Result<Value, Fault>) -> ProcessEnd {
        switch result {
        case .success(let value): return .done(output: value)
        case .failure(.cancelled(let reason)):
            switch reason {
            // The registry knows what was asked for.
            case .requested: return .cancelled(reason: nil)
            case .superseded: return .cancelled(reason: "another runner has taken it over")
            case .stopped, .parent: return .cancelled(reason: "the run was stopped")
            }
        case .failure(let fault):
            let error = FunctionHandler.error(fault)
            return .failed(
                code: error.code, message: error.message, data: ProcessParams.kept(ofErrorData: error.data))
        }
    }

    // MARK: Events

    /// Adds an event of a process to the stream, with its id and what is not nil of the rest.
    private func tell(_ type: EventType, _ id: String, _ entries: (KnownName, Value)...) {
        let told = [(KnownName.id, Value.string(id))] + entries.filter { !$0.1.isNil }
        let payload = try? HashMap.gathered(upTo: told.count) { map in
            for (key, value) in told { map.add(.kw(key), value) }
        }
        runtime.events.emit(type, identity(of: id), .value(payload.map { .map($0) } ?? .nil))
    }

    /// Tells what an effect has done with processes, where it is not the runner that does it.
    func tell(_ command: ProcessCommand, by effect: Value) {
        switch command {
        case .await(let id): tell(.processAwaited, id, (.effectID, effect))
        case .transfer(let from, let to, let ids):
            for id in ids { tell(.processTransferred, id, (.from, .string(from)), (.to, .string(to))) }
        case .start, .list, .deleteSession, .cancel, .signal: break
        }
    }

    // MARK: Failures

    /// Before anybody can hear of it from the registry.
    private func note(_ fault: Fault, of id: String) {
        lock.withLock {
            unheard.removeAll { $0.id == id }
            if unheard.count == ProcessWorkRunner.unheardLimit { unheard.removeFirst() }
            unheard.append((id, fault, starters[id]))
        }
    }

    /// An effect is about to start a process; who started it first has.
    func willStart(_ id: String, _ effect: Identity) {
        lock.withLock {
            if starters.count >= startersAtMost {
                starters = starters.filter { running[$0.key] != nil }
                startersAtMost = max(ProcessWorkRunner.unheardLimit, 2 * starters.count)
            }
            if running[id] == nil { starters[id] = effect }
        }
    }

    /// Somebody awaited the process, and has its error to deal with.
    func wasHeard(_ id: String) { lock.withLock { unheard.removeAll { $0.id == id } } }

    /// Tells of failures that nobody has heard of, as of those of any fiber: at the end of a run, when nobody can await them any
    /// more.
    package func tellUnheard() {
        let left = lock.withLock {
            defer { unheard = [] }
            return unheard
        }
        for (id, fault, starter) in left {
            runtime.report(fault, identity(of: id), toldAs: starter?.child(.process, name: id, ordinal: 0))
        }
    }

    private func identity(of id: String) -> Identity { runtime.identity.child(.process, name: id, ordinal: 0) }

    // MARK: Leases

    /// Sets the timer while there is something to renew, and takes it away when there is nothing any more.
    private func keepUp() {
        lock.withLock {
            if running.isEmpty {
                upkeep?.cancel()
                upkeep = nil
            } else if upkeep == nil {
                let token = TimerToken(isUpkeep: true)
                upkeep = token
                let interval = max(1, leaseMs / ProcessWorkRunner.renewals)
                runtime.scheduler.schedule(
                    at: runtime.scheduler.now() + interval * 1_000_000, .call(token, { [weak self] in self?.renew() }))
            }
        }
    }

    private func renew() {
        let all = lock.withLock {
            upkeep = nil
            return running.values.sorted { $0.number < $1.number }.map { ($0.lease, $0.job) }
        }
        for (lease, job) in all {
            registry.renew(lease, leaseMs: leaseMs) { result in
                // Somebody else executes it by now.
                if case .failure = result { job.cancel(.superseded) }
            }
        }
        // What others have left lying.
        claim()
        keepUp()
    }
}
