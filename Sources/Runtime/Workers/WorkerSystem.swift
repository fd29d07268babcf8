import Engine
import Machine
import Synchronization
import Values

/// A running system of channels and workers (D17–D24).
package final class WorkerSystem: Object, @unchecked Sendable {
    // Sendable: what changes is guarded by `lock`, flags are atomic.
    package unowned let runtime: FiberRuntime
    let isGuarded: Bool
    let guardMs: Int64
    package let identity: Identity
    /// Owns the workers' fibers and what they start.
    package let scope: Scope
    /// Handles what is there and ends: a ticker ticks once.
    let isOnce: Bool
    private let components: Value
    private let emitter: Value
    /// In the order of declaration.
    private var channelSpecs: [ChannelSpec]
    private var channels: [Name: Channel] = [:]
    private var workers: [RunningWorker] = []
    private let stopping = Flag()
    private let lock = Lock()
    private var drops: [Name: Int64] = [:]
    private var errors: [Name: Int64] = [:]
    private var handled = HandledFailures()
    private var tickers: [Waiting] = []
    private let stopped = Promise()

    /// Makes the channels; `start` starts the workers.
    ///
    /// - Parameters:
    ///   - components: what workers see as `:components`; the emitter is found there (D21).
    ///   - name: tells the systems of one run apart.
    package init(
        _ spec: SystemSpec, components: Value = .nil, name: String? = nil, isOnce: Bool = false, _ runtime: FiberRuntime
    ) throws(Fault) {
        self.runtime = runtime
        isGuarded = spec.isGuarded
        guardMs = spec.guardMs
        channelSpecs = spec.channels
        self.components = components
        self.isOnce = isOnce
        identity = runtime.identity.child(.system, name: name, ordinal: 0)
        scope = Scope(parent: runtime.root)
        emitter = try WorkerSystem.emitter(in: components)
        super.init()
        for channel in spec.channels { channels[channel.name] = Channel(channel.buffering) }
        workers = spec.workers.map { RunningWorker($0, self, channels) }
    }

    package func start() {
        for worker in allWorkers { worker.start() }
    }

    private var allWorkers: [RunningWorker] { lock.withLock { workers } }
    private var allChannels: [(spec: ChannelSpec, channel: Channel)] {
        lock.withLock { channelSpecs.compactMap { spec in channels[spec.name].map { (spec, $0) } } }
    }

    // Changing while it runs (G3)

    /// Makes a channel what a new declaration says; what it holds stays, and nobody who waits there notices. One that is new is
    /// opened.
    package func replace(_ spec: ChannelSpec) {
        guard !isStopping else { return }
        let known = lock.withLock { () -> Channel? in
            if let index = channelSpecs.firstIndex(where: { $0.name == spec.name }) {
                channelSpecs[index] = spec
            } else {
                channelSpecs.append(spec)
                channels[spec.name] = Channel(spec.buffering)
                return nil
            }
            return channels[spec.name]
        }
        known?.replace(spec.buffering)
        if known == nil { for worker in allWorkers { worker.refresh() } }
    }

    /// Makes a worker what a new declaration says; one that is new is started.
    package func replace(_ spec: WorkerSpec) {
        guard !isStopping else { return }
        let (known, made) = lock.withLock { () -> (RunningWorker?, RunningWorker?) in
            if let known = workers.first(where: { $0.name == spec.name }) { return (known, nil) }
            let made = RunningWorker(spec, self, channels)
            workers.append(made)
            return (nil, made)
        }
        known?.replace(spec, lock.withLock { channels })
        made?.start()
    }

    /// Ends a worker after the message at hand. What its channel holds stays there.
    package func removeWorker(_ name: Name) {
        let removed = lock.withLock { () -> RunningWorker? in
            guard let index = workers.firstIndex(where: { $0.name == name }) else { return nil }
            return workers.remove(at: index)
        }
        removed?.retire()
    }

    /// Closes a channel that is no more declared: what it holds can still be taken.
    package func removeChannel(_ name: Name) {
        let removed = lock.withLock { () -> Channel? in
            channelSpecs.removeAll { $0.name == name }
            return channels.removeValue(forKey: name)
        }
        removed?.close()
        if removed != nil { for worker in allWorkers { worker.refresh() } }
    }

    package override func write(to printer: inout Printer) throws(Fault) {
        printer.write("#<workers \(identity.path)>")
    }

    /// The first of `:observability`, `:obs` and `:logger`: a function, or a map's `:emit` or `:log` (D21).
    private static func emitter(in components: Value) throws(Fault) -> Value {
        guard case .map(let map) = components else { return .nil }
        for key in [KnownName.observability, .obs, .logger] {
            guard let found = try map.find(.kw(key)), !found.isNil else { continue }
            guard case .map(let parts) = found else { return found }
            if let emit = try parts.find(.kw(.emit)), !emit.isNil { return emit }
            return try parts.find(.kw(.log)) ?? .nil
        }
        return .nil
    }

    /// The system as a script sees it.
    package var scriptValue: Value { WorkerPrimitives.map(self) }

    // Talking to workers

    /// A channel by name (D24).
    package func channel(_ name: Name) -> Channel? { lock.withLock { channels[name] } }

    /// In the order of declaration.
    var channelNames: [String] { allChannels.map { $0.0.name.description } }

    /// All channels, in the order of declaration.
    package var channelMap: Value {
        var map = HashMap()
        for (spec, channel) in allChannels { try? HashMap.set(&map, .keyword(spec.name), .object(channel)) }
        return .map(map)
    }

    /// The input of an exposed worker; an error names those that are (D8).
    package func exposedChannel(_ worker: Name) throws(Fault) -> Channel { try exposed(worker).input! }

    /// The workers that may be talked to, in the order of declaration.
    package var exposed: [Name] { allWorkers.filter { $0.spec.isExposed && $0.input != nil }.map(\.name) }

    private func exposed(_ name: Name) throws(Fault) -> RunningWorker {
        let workers = allWorkers
        if let found = workers.first(where: { $0.name == name && $0.spec.isExposed && $0.input != nil }) {
            return found
        }
        let known = workers.contains { $0.name == name }
        let exposed = workers.filter { $0.spec.isExposed }.map(\.name)
        throw .illegalArgument(
            "worker :\(name.description) \(known ? "is not exposed" : "does not exist"); exposed are \(DefinitionReader.list(exposed))",
            hint: known ? "give it :expose? true" : nil)
    }

    /// Hands a message to an exposed worker as its channel's put-mode says (D3). The result is whether it was accepted; with
    /// `:block` the running fiber waits for room.
    package func command(_ worker: Name, _ message: Value, _ fiber: Fiber) throws(Fault) -> Control {
        let target = try exposed(worker)
        if putMode(target) == .block { return try target.input!.put(message, fiber).control() }
        let sent = try send(message, target)
        // Whoever sends that fast has a mistake to mend.
        if sent == .crowded { throw Channel.tooManyPuts }
        return .value(.bool(sent == .accepted))
    }

    /// Hands a message to an exposed worker from outside of any fiber; `:block` behaves as `:async`. Whether it was accepted: a
    /// channel on which as many wait as may is full.
    @discardableResult package func command(_ worker: Name, _ message: Value) throws(Fault) -> Bool {
        let target = try exposed(worker)
        let sent = try send(message, target)
        if sent == .crowded { target.countInputDrop() }
        return sent == .accepted
    }

    private func putMode(_ worker: RunningWorker) -> ChannelSpec.PutMode {
        guard case .command(let name) = worker.spec.kind else { return .async }
        return lock.withLock { channelSpecs.first { $0.name == name }?.putMode } ?? .async
    }

    private enum Sent {
        case accepted, refused
        /// It would have had to wait where as many wait already as may.
        case crowded
    }

    private func send(_ message: Value, _ worker: RunningWorker) throws(Fault) -> Sent {
        guard let input = worker.input else { return .refused }
        if message.isNil { throw Channel.nilPut }
        switch input.offer(message) {
        case .accepted: return .accepted
        case .closed: return .refused
        case .dropped:
            worker.countInputDrop()
            return .refused
        case .displaced:
            worker.countInputDrop()
            return .accepted
        case .full: break
        }
        if putMode(worker) == .drop {
            worker.countInputDrop()
            return .refused
        }
        switch input.queue(message, Callback.waiting { _ in }) {
        case .known(let accepted): return accepted ? .accepted : .refused
        case .waits: return .accepted
        case .crowded: return .crowded
        }
    }

    /// Asks an exposed worker. The channel receives its value, or `{:error {:code :message}}`, and is then closed (D19).
    package func request(_ worker: Name, _ message: Value, timeoutMs: Int64 = 60_000) throws(Fault) -> Channel {
        let target = try exposed(worker)
        let request = Request(message)
        if timeoutMs > 0 { request.expire(after: timeoutMs, runtime.scheduler) }
        guard !isStopping else {
            request.answer(failure: "stopped", "the system has stopped")
            return request.reply
        }
        let sent = try send(.object(request), target)
        if sent == .crowded { target.countInputDrop() }
        if sent != .accepted {
            let isClosed = target.input?.isClosed ?? true
            request.answer(
                failure: isClosed ? "stopped" : "dropped",
                isClosed ? "the worker has stopped" : "the worker's channel is full")
        }
        return request.reply
    }

    /// `{:drops {channel n} :errors {worker n}}`
    package var stats: Value {
        let (drops, errors) = lock.withLock { (self.drops, self.errors) }
        func counts(_ names: [Name], _ counts: [Name: Int64]) -> Value {
            var map = HashMap()
            for name in names { if let count = counts[name] { try? HashMap.set(&map, .keyword(name), .int(count)) } }
            return .map(map)
        }
        return .record(
            (.drops, counts(allChannels.map(\.spec.name), drops)), (.errors, counts(allWorkers.map(\.name), errors)))
    }

    // What workers tell

    func drop(_ channel: Name, _ reason: KnownName, _ worker: Name, _ identity: Identity) {
        lock.withLock { drops[channel, default: 0] += 1 }
        notify(
            .workerDrop, .workersDrop, identity,
            [(.workerID, .keyword(worker)), (.channel, .keyword(channel)), (.reason, .kw(reason))])
    }

    func countError(_ worker: Name) { lock.withLock { errors[worker, default: 0] += 1 } }

    /// A failure has been counted, and nothing was printed of it.
    func note(_ failure: HandledFailure) { lock.withLock { handled.add(failure) } }

    /// Failures that count, and of which nothing was printed.
    package var handledFailures: HandledFailures { lock.withLock { handled } }

    /// One event for the stream, and for the script's emitter, which runs in a fiber of its own.
    func notify(_ type: EventType, _ name: KnownName, _ identity: Identity, _ fields: [(KnownName, Value)]) {
        runtime.events.emit(type, identity, .value(WorkerSystem.record(fields)))
        guard !emitter.isNil else { return }
        runtime.spawn(
            emitter, [WorkerSystem.record([(.event, .kw(name))] + fields)], scope: runtime.root,
            lineage: Lineage(identity))
    }

    static func record(_ fields: [(KnownName, Value)]) -> Value {
        var map = HashMap()
        for (key, value) in fields { try? HashMap.set(&map, .kw(key), value) }
        return .map(map)
    }

    /// The context of a worker's function (D20). `:stats` is a function that gives the counts at the time it is called.
    func context(_ worker: WorkerSpec) -> Value {
        let about = Value.record(
            (.id, .keyword(worker.name)), (.kind, .kw(worker.kindName)),
            (.dispatch, .kw(worker.dispatch == .go ? .go : .thread)), (.parallel, .int(Int64(worker.parallel))),
            (.meta, worker.meta), dropNil: true)
        let stats = Native("stats", 0) { [weak self] (_, _) throws(Fault) in self?.stats ?? .nil }
        return .record(
            (.components, components), (.channels, channelMap), (.worker, about), (.stats, .native(stats)),
            (.emit, emitter))
    }

    // Stopping

    var isStopping: Bool { stopping.isRaised }

    /// Remembers that a ticker sleeps, so that `stop` can wake it.
    func sleeps(_ entry: Waiting) {
        lock.withLock {
            tickers.removeAll { !$0.isWaiting }
            tickers.append(entry)
        }
        if isStopping, entry.claim() { entry.resume(.nil) }
    }

    func workerEnded(_ worker: RunningWorker) {
        guard let input = worker.input else { return }
        // Messages that nobody will take.
        if isStopping || input.isClosed { drain(input, worker) }
    }

    private func drain(_ channel: Channel, _ worker: RunningWorker) {
        while let value = channel.poll(), !value.isNil { worker.dropInput(value) }
    }

    /// Closes every channel, lets messages that were taken finish for `graceMs`, then cancels the rest (D23). `body` is called
    /// when all fibers have ended.
    package func stop(graceMs: Int64 = 10_000, _ body: @escaping @Sendable () -> Void = {}) {
        let entry = Callback.waiting { _ in body() }
        if !stopping.isRaised { beginStop(graceMs) }
        stopped.notify(entry)
    }

    private func beginStop(_ graceMs: Int64) {
        stopping.raise()
        for (_, channel) in allChannels { channel.close() }
        for worker in allWorkers { if let input = worker.input { drain(input, worker) } }
        let sleeping = lock.withLock { tickers }
        for entry in sleeping where entry.claim() { entry.resume(.nil) }
        let late = TimerToken()
        let scope = scope
        runtime.scheduler.schedule(
            at: runtime.scheduler.now() + graceMs * 1_000_000, .call(late, { scope.cancel(.stopped) }))
        let promise = stopped
        scope.whenEmpty {
            late.cancel()
            scope.close()
            promise.complete(.success(.nil))
        }
    }

    /// `stop` for a running fiber, which waits until it is done.
    func stop(graceMs: Int64, waiting fiber: Fiber) throws(Fault) -> Control {
        stop(graceMs: graceMs)
        return try stopped.wait(try Job.waiting(fiber))
    }
}
