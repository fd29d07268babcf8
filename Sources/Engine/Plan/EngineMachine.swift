import Values

/// The pure state machine of the effect engine: what may start when, and how everything ends.
///
/// A batch passes deduplication → cancellation → dependency graph → order → start within limits → outcome → event
/// (J16). Time comes in with each step, randomness from a seed, and everything that touches the world goes out as an
/// action, so the same inputs give the same actions, always.
///
/// Effects live in slots; a handle is a slot and its generation. Nothing here scans all effects: dependencies and order
/// are counted per group, ready effects stand in queues by priority, deadlines in a heap, and what is ended is pruned
/// one for one. The parts: `+Submit` takes batches in, `+Groups` orders them, `+Run` starts them, `+End` ends them,
/// `+Cancel` and `+Why` are what their names say.
package struct EngineMachine: ~Copyable, Sendable {
    package internal(set) var configuration: EngineConfiguration
    package internal(set) var stats = EngineStats()
    package internal(set) var isStopped = false
    /// Whether anybody hears signals: without, none are given.
    package var tellsSignals = true

    var now: Int64 = 0
    var random: SplitMix
    /// What the step that is being taken gives.
    var events: [EventRecord] = []
    var actions: [Action] = []
    var work = Fifo<Work>()

    var entries = Slab<Entry>()
    var freeSlots: [Int32] = []
    var byID = SlotIndex()
    /// The effects that stand for others, by the ids of those.
    var byAlias: [ValueKey: Int32] = [:]
    /// The effect that counts for an idempotency key: live, or retained and done.
    var byKey = SlotIndex()
    var submissions = 0
    var live = 0
    /// What this step submitted or let go on: it is told what they wait for, if they still do at its end.
    var newlyWaiting: [EffectHandle] = []
    /// How often that was told.
    var tellings = 0

    var groups = Slab<Group>()
    var freeGroups: [Int32] = []
    /// The latest batch's group of each name (J19).
    var latestGroup: [ValueKey: Int32] = [:]
    var emptyGroups = Fifo<Int32>()
    /// Ended past the retention, and nothing depends on them any more.
    var forgettable: [EffectHandle] = []
    /// Dependencies of effects without a group.
    var lonely: [Int32: Wait] = [:]

    var liveByGroup: [ValueKey: LiveHandles] = [:]
    var liveByTag: [ValueKey: LiveHandles] = [:]
    var scopes = Slab<ScopeNode>()
    var freeScopes: [Int32] = []
    var scopeByIdentity: [Identity: Int32] = [:]
    /// The one that an effect entered last, which may be free by now.
    var latestScope: Int32 = 0

    var traits: [Name: EffectTraits] = [:]
    var lanes: [Lane] = Lane.standard
    var laneByType: [Name: Int32] = [:]
    var slotsInUse = 0
    /// How many effects want to go on, which stand in their lanes, and how often one has wanted to.
    var resuming = 0
    var wishes = 0

    /// A heap of slots by their entries' deadlines.
    var deadlines: [Int32] = []
    var completed = Fifo<EffectHandle>()
    var stopDeadline: Int64?

    /// - Parameter seed: of the jitter of back-offs.
    package init(configuration: EngineConfiguration = EngineConfiguration(), seed: UInt64 = 0) {
        self.configuration = configuration
        random = SplitMix(seed: seed)
    }

    /// Takes one input at the time `now` (milliseconds, never less than the last step's) and gives what happened and what is to
    /// be done.
    package mutating func step(_ input: Input, at now: Int64) -> (events: [EventRecord], actions: [Action]) {
        var result: (events: [EventRecord], actions: [Action]) = ([], [])
        step(input, at: now, &result.events, &result.actions)
        return result
    }

    /// The same, added to what is there already: a driver need not make arrays for each step.
    mutating func step(_ input: Input, at now: Int64, _ events: inout [EventRecord], _ actions: inout [Action]) {
        swap(&self.events, &events)
        swap(&self.actions, &actions)
        self.now = max(self.now, now)
        take(input)
        settle()
        if fireDue() { settle() }
        swap(&self.events, &events)
        swap(&self.actions, &actions)
    }

    private mutating func take(_ input: Input) {
        switch input {
        case .submit(let submission): submit(submission)
        case .wait(let handle, let waiter): wait(handle, waiter)
        case .waitForID(let id, let waiter):
            if let slot = known(id) {
                wait(handle(slot), waiter)
            } else {
                actions.append(.answer(waiter, index: 0, .unknown(unknownEffect(id))))
            }
        case .outcome(let handle, let attempt, let outcome): take(outcome, of: handle, attempt)
        case .merged(let handle, let attempt, let effect):
            guard let slot = running(handle, attempt) else { return }
            entries[slot].effect = effect
            // What was merged is not merged again by a later attempt.
            entries[slot].parts = []
        case .park(let handle, let attempt): park(handle, attempt)
        case .unpark(let handle, let attempt, let resume): unpark(handle, attempt, resume)
        case .cancel(let selector, let reason, let by): cancel(selector, reason, by: by)
        case .define(let name, let traits):
            self.traits[name] = traits
            // Nothing stands in the lane of a type that has none yet; a session defines dozens of types as it starts.
            if laneByType[name] != nil { rebuildLanes() }
        case .configure(let configuration):
            self.configuration = configuration
            rebuildLanes()
        case .stop(let deadline): stop(deadline)
        case .wake: break
        }
    }

    /// Follows what an input set off until nothing moves, then starts what may start and forgets what may be forgotten.
    mutating func settle() {
        repeat {
            while let item = work.popFirst() { perform(item) }
            startReady()
        } while !work.isEmpty
        tellWaits()
        prune()
        if stopDeadline != nil, !isStopped, live == 0, stopDeadline ?? 0 <= now { finishStopping() }
    }

    /// When the machine wants to be woken, in milliseconds; nil for not at all.
    package var nextWake: Int64? {
        var next: Int64?
        if let first = deadlines.first { next = entries[Int(first)].deadline }
        for lane in lanes.indices where lanes[lane].window != nil && lanes[lane].ready.count > lanes[lane].ready.stale {
            guard let opens = lanes[lane].window?.opens(at: now), lanes[lane].running < lanes[lane].limit else {
                continue
            }
            next = min(next ?? opens, opens)
        }
        if let stopDeadline, !isStopped { next = min(next ?? stopDeadline, stopDeadline) }
        return next
    }

    /// An event of the effect that the content has.
    mutating func emit(_ type: EventType, _ content: EventContent) { events.append(EventRecord(type, content)) }

    mutating func emit(_ type: EventType, _ identity: Identity, _ content: EventContent) {
        events.append(EventRecord(type, identity, content))
    }

    /// The slot of the effect that has this id, or stands for one that had it.
    func known(_ id: ValueKey) -> Int32? {
        byID.find(id.code) { slot in entries[Int(slot)].effect.id == id } ?? (byAlias.isEmpty ? nil : byAlias[id])
    }

    /// The slot of the effect that counts for an idempotency key.
    func known(key: ValueKey) -> Int32? {
        byKey.find(key.code) { slot in entries[Int(slot)].effect.meta.idempotencyKey == key }
    }

    func handle(_ slot: Int32) -> EffectHandle { EffectHandle(slot: slot, generation: entries[Int(slot)].generation) }

    /// The slot of a handle whose effect is still known.
    func slot(_ handle: EffectHandle) -> Int? {
        let slot = Int(handle.slot)
        guard entries.indices.contains(slot), entries[slot].generation == handle.generation else { return nil }
        return entries[slot].state == .free ? nil : slot
    }

    func isLive(_ handle: EffectHandle) -> Bool { EngineMachine.isLive(handle, entries) }

    static func isLive(_ handle: EffectHandle, _ entries: borrowing Slab<Entry>) -> Bool {
        let slot = Int(handle.slot)
        guard entries[slot].generation == handle.generation else { return false }
        return entries[slot].state != .free && entries[slot].state != .ended
    }

    /// The slot of a running attempt.
    func running(_ handle: EffectHandle, _ attempt: Int) -> Int? {
        guard let slot = slot(handle), entries[slot].state == .running, entries[slot].attempt == attempt else {
            return nil
        }
        return slot
    }

    private mutating func wait(_ handle: EffectHandle, _ waiter: @escaping Waiter) {
        guard let slot = slot(handle) else {
            let error = EffectError(
                .unknownEffect, "this effect ended and is no longer retained; wait for it when you submit it")
            actions.append(.answer(waiter, index: 0, .unknown(error)))
            return
        }
        attach(waiter, index: 0, to: slot)
    }

    mutating func attach(_ waiter: @escaping Waiter, index: Int, to slot: Int) {
        if let end = entries[slot].end {
            actions.append(.answer(waiter, index: index, end))
        } else {
            entries[slot].add(waiter, index)
        }
    }

    func unknownEffect(_ id: ValueKey) -> EffectError {
        EffectError(
            .unknownEffect,
            "no effect with the id \(id.shown) is known; it was never submitted, or it ended and is no longer retained")
    }

    /// Whether anything was due.
    private mutating func fireDue() -> Bool {
        var fired = false
        while let first = deadlines.first, entries[Int(first)].deadline <= now {
            clearDeadline(Int(first))
            deadlinePassed(Int(first))
            fired = true
        }
        if let deadline = stopDeadline, deadline <= now, !isStopped {
            cancel(.all, .stopped, by: nil)
            fired = true
        }
        return fired
    }

    private mutating func stop(_ deadline: Int64) {
        guard !isStopped else { return }
        if stopDeadline == nil { emit(.engineStopping, Identity(root: .engine), .none) }
        stopDeadline = min(stopDeadline ?? deadline, deadline)
    }

    private mutating func finishStopping() {
        isStopped = true
        emit(.engineStopped, Identity(root: .engine), .value(stats.value))
        actions.append(.stopped)
    }
}

/// Steps that one thing sets off in others. They wait in a queue, so that a chain of a million effects that end at once
/// needs no stack.
enum Work: Sendable {
    /// Release the next effects of a group.
    case advance(Int32)
    /// All that a group waited for is there.
    case open(Int32)
    /// All that a released effect without a group waited for is there.
    case admit(Int32)
    case cancel(EffectHandle, CancelReason, by: Value?)
}

/// How long an effect has come.
enum EntryState: Sendable {
    case free
    /// Its group has not reached it, or it waits for groups.
    case held
    /// Only a limit holds it.
    case ready
    case running
    /// Failed, and waits for the next attempt.
    case backingOff
    case ended
}

/// Which of the things that it waits for an event has told of.
enum Told: Sendable {
    case nothing, groups, turn, limit
}

/// One effect in the machine. Small, for there may be a million.
struct Entry: Sendable {
    var generation: UInt32 = 0
    var state = EntryState.free
    /// Its group has let it go.
    var isReleased = false
    /// How many of its handler's fibers wait for effects, events, time or people; it holds no slot while any does (P19).
    var waiting: Int32 = 0
    var told = Told.nothing
    /// Its meta's, from 0 to 100.
    var priority: Int8 = 0
    var effect: Effect
    var submission: Int
    var group: Int32 = -1
    var position: Int32 = 0
    var scope: Int32 = -1
    var lane: Int32 = 0
    var attempt = 0
    var enqueuedAt: Int64
    var startedAt: Int64 = 0
    var endedAt: Int64 = 0
    /// Of the attempt's timeout or the next attempt; `Int64.max` for none.
    var deadline = Int64.max
    var heapIndex: Int32 = -1
    var end: EffectEnd?
    /// Who waits, when anybody does; the others are among what is rare.
    private var waiter: (Waiter, Int)?
    /// At most one.
    private var rare: [Rare] = []

    /// What few effects have.
    private struct Rare: Sendable {
        var adoptedBy: [Int32] = []
        var aliases: [ValueKey] = []
        var parts: [Effect] = []
        var resume: (@Sendable () -> Void)?
        var cause: DependencyFailure?
        var waiters: [(Waiter, Int)] = []
        var progress: ProgressListener?
        var progressIndex = 0
    }

    init(effect: Effect, submission: Int, enqueuedAt: Int64, state: EntryState = .free) {
        self.state = state
        self.effect = effect
        self.submission = submission
        self.enqueuedAt = enqueuedAt
    }

    /// Frees the slot of an effect that has ended, for another later. `nobody` stands in it meanwhile.
    mutating func vacate(_ nobody: Effect) {
        // Field by field, for most are as a new entry has them: a whole one would cost four times as much.
        generation &+= 1
        (state, isReleased, waiting, told) = (.free, false, 0, .nothing)
        effect = nobody
        (submission, group, scope) = (-1, -1, -1)
        (attempt, startedAt, endedAt) = (0, 0, 0)
        end = nil
        if waiter != nil { waiter = nil }
        if !rare.isEmpty { rare = [] }
    }

    private mutating func withRare(_ body: (inout Rare) -> Void) {
        if rare.isEmpty { rare = [Rare()] }
        body(&rare[0])
    }

    /// Groups of later batches that were answered with this effect.
    var adoptedBy: [Int32] {
        get { rare.first?.adoptedBy ?? [] }
        set { withRare { $0.adoptedBy = newValue } }
    }
    /// Ids that it stands for, oldest first.
    var aliases: [ValueKey] { rare.first?.aliases ?? [] }
    var hasAliases: Bool { !rare.isEmpty && !rare[0].aliases.isEmpty }
    mutating func addAlias(_ id: ValueKey) { withRare { $0.aliases.append(id) } }
    mutating func removeAliases(_ count: Int) { withRare { $0.aliases.removeFirst(count) } }
    var parts: [Effect] {
        get { rare.first?.parts ?? [] }
        set { if !newValue.isEmpty || !rare.isEmpty { withRare { $0.parts = newValue } } }
    }
    /// Set while it wants to go on and waits for a slot to do so.
    var resume: (@Sendable () -> Void)? {
        get { rare.first?.resume }
        set { withRare { $0.resume = newValue } }
    }
    var holdsSlot: Bool { state == .running && waiting == 0 && resume == nil }
    /// What failed that it depends on.
    var cause: DependencyFailure? {
        get { rare.first?.cause }
        set { withRare { $0.cause = newValue } }
    }
    /// Hears of progress, as the effect of this index.
    var progress: (listener: ProgressListener, index: Int)? {
        get { rare.first.flatMap { rare in rare.progress.map { ($0, rare.progressIndex) } } }
        set {
            if newValue == nil, rare.isEmpty { return }
            withRare { ($0.progress, $0.progressIndex) = (newValue?.listener, newValue?.index ?? 0) }
        }
    }

    mutating func add(_ new: @escaping Waiter, _ index: Int) {
        if waiter == nil { waiter = (new, index) } else { withRare { $0.waiters.append((new, index)) } }
    }

    /// Those who wait, in the order in which they came; from here on nobody does.
    mutating func takeWaiters(_ body: (@escaping Waiter, Int) -> Void) {
        guard let first = waiter else { return }
        waiter = nil
        body(first.0, first.1)
        guard let others = rare.first?.waiters, !others.isEmpty else { return }
        rare[0].waiters = []
        for other in others { body(other.0, other.1) }
    }

    var status: EffectStatus {
        switch state {
        case .running: .running
        case .ended: end?.status ?? .done
        default: .queued
        }
    }
}

/// What is still to come before something may go on, and whether anything of it failed.
struct Wait: Sendable {
    var groups: [Int32] = []
    var unmet = 0
    var failure: DependencyFailure?
}

/// The first effect that did not succeed among those that something depends on, directly or not.
final class DependencyFailure: Sendable {
    let group: Value
    let id: Value
    let status: EffectStatus
    let message: String

    init(group: Value, id: Value, status: EffectStatus, message: String) {
        self.group = group
        self.id = id
        self.status = status
        self.message = message
    }
}

/// Effects that share one queue because the same limits hold for them: all ordinary ones, all that only wait, or those
/// of one type with a limit or rate of its own.
struct Lane: Sendable {
    var limit = Int.max
    var holdsSlot = true
    var window: RateWindow?
    var running = 0
    var ready = ReadyQueue()
    /// Effects that want to go on, with a number that says which came first.
    var resuming = Fifo<(number: Int, handle: EffectHandle)>()

    static let ordinary: Int32 = 0
    static let waiting: Int32 = 1
    static var standard: [Lane] { [Lane(), Lane(holdsSlot: false)] }
}
