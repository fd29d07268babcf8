import Values

/// Somebody who waits at a channel, as the state machine sees it.
package protocol Party {
    /// Takes the right to resume the party; false when it waits no more.
    func claim() -> Bool
    var isWaiting: Bool { get }
    /// Whether both stand for one wait, as the operations of a choice do.
    func isSameWait(as other: Self) -> Bool
}

extension Party {
    fileprivate func isWaiting(besides other: Self) -> Bool { isWaiting && !isSameWait(as: other) }
}

/// What a channel does with values nobody takes yet.
package enum Buffering: Equatable, Sendable {
    /// Holds up to so many; 0 is a rendezvous.
    case fixed(Int)
    /// Drops new values when full.
    case dropping(Int)
    /// Drops the oldest value when full.
    case sliding(Int)
    /// Keeps its first value for ever and gives it to every taker.
    case promise

    package var capacity: Int {
        switch self {
        case .fixed(let count), .dropping(let count), .sliding(let count): count
        case .promise: 1
        }
    }
}

/// A channel as a pure state machine: no locks, no threads, no callbacks. Each operation says who is to be resumed with what.
///
/// Invariants: somebody waits to take only while the buffer is empty (a granted channel excepted); somebody waits to put only
/// while the buffer is full or a grant is out; after `close` nobody waits to take. Who waits to take and who waits to put at
/// the same time are one and the same: a choice.
package struct ChannelState<Waiter: Party>: ~Copyable {
    /// How many may wait to put, and how many to take; more are an error, for they mean that nobody serves the channel.
    package static var pendingLimit: Int { 1024 }

    // In this order and so small, for there may be a million channels.
    /// The first of those who wait to take, who is alone at most channels.
    private var firstTake: Waiter?
    /// The buffer, and everybody else who waits; made when there is something, and kept.
    private var held: UnsafeMutablePointer<Held>?
    private var capacity: UInt32
    /// Values up to which a put needs only to append its own: none where the buffer is a promise, or puts are grants.
    private var plainCapacity: UInt32
    private var kind: Kind
    /// Puts are grants: the putter is told when there is room, and adds what its transducer makes of the value.
    package let isGranted: Bool
    package private(set) var isClosed = false
    private var grantOut = false
    /// Closes once those who wait to put have put; nobody else is let in meanwhile.
    private var isClosing = false

    private struct Held: ~Copyable {
        var buffer = Ring<Value>()
        var puts = Ring<PendingPut>()
        /// Those behind the first.
        var takes = Ring<Waiter>()
        /// Waiting entries above which stale ones are looked for.
        var sweepPuts = 32
        var sweepTakes = 32
        /// Values below which a put that finds nobody waiting to take has only to write its own into the ring.
        var plainLimit: UInt32 = 0
    }

    deinit {
        held?.deinitialize(count: 1)
        held?.deallocate()
    }

    @inline(never) private mutating func makeHeld() -> UnsafeMutablePointer<Held> {
        let made = UnsafeMutablePointer<Held>.allocate(capacity: 1)
        made.initialize(to: Held())
        held = made
        return made
    }

    /// It stays one.
    package var isPromise: Bool { kind == .promise }

    private enum Kind: UInt8 { case fixed, dropping, sliding, promise }

    private struct PendingPut {
        let value: Value
        let waiter: Waiter
    }

    package enum Put {
        /// In the buffer.
        case buffered
        /// The caller resumes this taker with the value.
        case handed(Waiter)
        /// The caller resumes all of these with the value, which the channel keeps.
        case broadcast([Waiter])
        /// The value was dropped; the put counts as done.
        case dropped
        /// In the buffer, instead of this oldest value.
        case displaced(Value)
        case closed
        /// Nothing changed: there is no room.
        case full
    }

    package enum Take {
        case value(Value)
        /// A value, and a putter to resume with true.
        case valueResuming(Value, Waiter)
        /// Closed and drained.
        case closed
        /// Nothing changed: there is nothing to take.
        case empty
    }

    package init(_ buffering: Buffering, isGranted: Bool = false) {
        kind = ChannelState.kind(of: buffering)
        capacity = UInt32(buffering.capacity)
        self.isGranted = isGranted
        plainCapacity = buffering == .promise || isGranted ? 0 : capacity
    }

    private static func kind(of buffering: Buffering) -> Kind {
        switch buffering {
        case .fixed: .fixed
        case .dropping: .dropping
        case .sliding: .sliding
        case .promise: .promise
        }
    }

    /// Goes on with another buffer, no promise and not granted. What is held is kept, even beyond the new capacity; gives the
    /// putters to resume with true, whose values are in the buffer now: as many as there is room for, and where nobody has to
    /// wait any more, all.
    package mutating func replace(_ new: Buffering) -> [Waiter] {
        kind = ChannelState.kind(of: new)
        capacity = UInt32(new.capacity)
        plainCapacity = capacity
        setPlainLimit()
        var resumed: [Waiter] = []
        while kind != .fixed || hasRoom, let pending = popPut() {
            guard pending.waiter.claim() else { continue }
            append(pending.value)
            resumed.append(pending.waiter)
        }
        return resumed
    }

    @inline(__always) private var hasRoom: Bool { bufferLength < capacity }

    /// Values in the buffer.
    package var count: Int { Int(bufferLength) }
    @inline(__always) private var bufferLength: UInt32 { held.map { $0.pointee.buffer.length } ?? 0 }
    @inline(__always) private var isBufferEmpty: Bool { bufferLength == 0 }
    @inline(__always) private var firstValue: Value? { isBufferEmpty ? nil : held.unsafelyUnwrapped.pointee.buffer[0] }

    @inline(__always) private mutating func append(_ value: consuming Value) {
        let held = held ?? makeHeld()
        held.pointee.buffer.append(value)
        setPlainLimit()
    }

    /// To be called when the ring has grown, the channel was closed, or its buffer was replaced.
    @inline(__always) private func setPlainLimit() {
        guard let held else { return }
        held.pointee.plainLimit = isClosed ? 0 : min(plainCapacity, held.pointee.buffer.capacity)
    }

    @inline(__always) private func popValue() -> Value? { held.flatMap { $0.pointee.buffer.popFirst() } }

    package var waitingPuts: Int { held.map { $0.pointee.puts.count } ?? 0 }
    package var waitingTakes: Int { firstTake == nil ? 0 : 1 + (held.map { $0.pointee.takes.count } ?? 0) }

    /// Whether somebody waits to take whose wait has not ended otherwise: who chose another channel stands here until he is met.
    package var isWaitedFor: Bool {
        if let firstTake, firstTake.isWaiting { return true }
        guard let held else { return false }
        return (0..<held.pointee.takes.count).contains { held.pointee.takes[$0].isWaiting }
    }

    /// Whether a take may find something: true too often rather than too rarely.
    @inline(__always) package var mayTake: Bool {
        isClosed || held.map { !($0.pointee.buffer.isEmpty && $0.pointee.puts.isEmpty) } ?? false
    }

    @inline(__always) private func popPut() -> PendingPut? { held.flatMap { $0.pointee.puts.popFirst() } }

    /// Takes the first of those who wait to take, when there is somebody.
    @inline(__always) private mutating func takeFirstTake() -> Waiter {
        let taken = firstTake.unsafelyUnwrapped
        firstTake = nil
        if let held { firstTake = held.pointee.takes.popFirst() }
        return taken
    }

    /// Whether a put may find room and nobody who waits.
    @inline(__always) package var mayPutPlainly: Bool { plainCapacity > 0 && firstTake == nil && !isClosed }

    /// Does what `putReady` does where there is nothing to be counted, moved or made: the value is a word, and there is room.
    /// False, with nothing changed, when `putReady` is to be asked.
    @inline(__always) package mutating func putWord(_ slot: UnsafeMutablePointer<Value>) -> Bool {
        guard firstTake == nil, let held, held.pointee.buffer.length < held.pointee.plainLimit, Value.holdsWord(slot)
        else { return false }
        // A copy: what is no object still stands in the slot.
        held.pointee.buffer.appendInRoom(slot.move())
        return true
    }

    /// Does what `put` does of a value that only goes into the buffer, copied or moved out of its slot. False, with nothing
    /// changed, when there is more to it, or it is nil.
    @inline(__always) package mutating func putReady(_ slot: UnsafeMutablePointer<Value>, moving: Bool) -> Bool {
        guard mayPutPlainly, !slot.pointee.isNil else { return false }
        let held = held ?? makeHeld()
        guard held.pointee.buffer.length < plainCapacity else { return false }
        if moving || !Value.holdsObject(slot) {
            held.pointee.buffer.append(slot.move())
            // What is no object still stands there.
            if moving { slot.initialize(to: .nil) }
        } else {
            held.pointee.buffer.append(slot.pointee)
        }
        setPlainLimit()
        return true
    }

    /// Does what `take` does of a value that only leaves the buffer, into a slot. False when there is more to it.
    @inline(__always) package mutating func takeReady(_ slot: UnsafeMutablePointer<Value>) -> Bool {
        guard let held, !held.pointee.buffer.isEmpty, held.pointee.puts.isEmpty, plainCapacity > 0 else { return false }
        slot.initialize(to: held.pointee.buffer.takeFirst())
        return true
    }

    /// The taker that a put resumes with its value, when that is all there is to it; nil, with nothing lost, when `put` is to be
    /// asked.
    @inline(__always) package mutating func popTaker() -> Waiter? {
        // A promise keeps its value; after a close nobody waits.
        firstTake == nil || kind == .promise ? nil : claimTaker()
    }

    /// Puts `value`, which stays where it is when the outcome hands it on or refuses it.
    package mutating func put(_ value: borrowing Value) -> Put {
        if isClosed { return .closed }
        if kind == .promise { return keep(copy value) }
        if let taker = popTaker() { return .handed(taker) }
        if hasRoom {
            append(copy value)
            return .buffered
        }
        switch kind {
        case .fixed, .promise: return .full
        case .dropping: return .dropped
        case .sliding:
            // It has room for one at least, and is full.
            let oldest = popValue().unsafelyUnwrapped
            append(copy value)
            return .displaced(oldest)
        }
    }

    private mutating func keep(_ value: Value) -> Put {
        guard isBufferEmpty else { return .dropped }
        append(value)
        return .broadcast(claimTakers())
    }

    /// Whether a put waits: to be asked when nobody waits to take.
    @inline(__always) package var mustWaitToPut: Bool { kind == .fixed && !isClosed && !hasRoom }

    /// Whether one more may wait to put: to be asked before `enqueuePut`.
    package mutating func hasRoomForPut() -> Bool {
        guard let held, held.pointee.puts.count >= held.pointee.sweepPuts else { return true }
        held.pointee.puts.filter { $0.waiter.isWaiting }
        held.pointee.sweepPuts = min(max(32, held.pointee.puts.count * 2), Self.pendingLimit)
        return held.pointee.puts.count < Self.pendingLimit
    }

    /// Waits to put, after `put` said `full`.
    @inline(__always) package mutating func enqueuePut(_ value: consuming Value, _ waiter: consuming Waiter) {
        let held = held ?? makeHeld()
        held.pointee.puts.append(PendingPut(value: value, waiter: waiter))
    }

    /// Whether a put of `chooser` would not wait now. A choice never meets itself: what it has left here to take does not count.
    package mutating func canPut(by chooser: Waiter) -> Bool {
        if isClosed || hasRoom || kind != .fixed { return true }
        while let taker = firstTake {
            if taker.isWaiting { return !taker.isSameWait(as: chooser) || someoneTakesBehind(chooser) }
            _ = takeFirstTake()
        }
        return false
    }

    /// Whether somebody else than `chooser`, who stands first, waits to take.
    @inline(never) private func someoneTakesBehind(_ chooser: Waiter) -> Bool {
        guard let held else { return false }
        return (0..<held.pointee.takes.count).contains { held.pointee.takes[$0].isWaiting(besides: chooser) }
    }

    package mutating func take() -> Take {
        if kind == .promise {
            if let value = firstValue { return .value(value) }
            return isClosed ? .closed : .empty
        }
        if let value = popValue() {
            if isGranted {
                if let putter = grantNext() { return .valueResuming(value, putter) }
            } else {
                // There is no room yet when the buffer has shrunk.
                while hasRoom, let pending = popPut() {
                    guard pending.waiter.claim() else { continue }
                    append(pending.value)
                    return .valueResuming(value, pending.waiter)
                }
            }
            return .value(value)
        }
        if !isGranted {
            while let pending = popPut() {
                if pending.waiter.claim() { return .valueResuming(pending.value, pending.waiter) }
            }
        }
        // A grant that is out may still add values after the close.
        return isClosed && !grantOut ? .closed : .empty
    }

    /// Whether one more may wait to take: to be asked before `enqueueTake`.
    package mutating func hasRoomForTake() -> Bool {
        guard let held, held.pointee.takes.count >= held.pointee.sweepTakes else { return true }
        held.pointee.takes.filter { $0.isWaiting }
        if let first = firstTake, !first.isWaiting { _ = takeFirstTake() }
        // The first is not among them.
        let limit = Self.pendingLimit - 1
        held.pointee.sweepTakes = min(max(32, held.pointee.takes.count * 2), limit)
        return held.pointee.takes.count < limit
    }

    /// Waits to take, after `take` said `empty`.
    @inline(__always) package mutating func enqueueTake(_ waiter: consuming Waiter) {
        if firstTake == nil { firstTake = waiter } else { enqueueBehind(waiter) }
    }

    @inline(never) private mutating func enqueueBehind(_ waiter: Waiter) {
        let held = held ?? makeHeld()
        held.pointee.takes.append(waiter)
    }

    /// Whether a take of `chooser` would not wait now. What it has left here to put itself does not count.
    package mutating func canTake(by chooser: Waiter) -> Bool {
        if !isBufferEmpty || (isClosed && !grantOut) { return true }
        if isGranted { return false }
        while let held, !held.pointee.puts.isEmpty {
            let first = held.pointee.puts[0].waiter
            if first.isWaiting { return !first.isSameWait(as: chooser) || someonePutsBehind(chooser) }
            _ = popPut()
        }
        return isClosed
    }

    /// Whether somebody else than `chooser`, who stands first, waits to put.
    @inline(never) private func someonePutsBehind(_ chooser: Waiter) -> Bool {
        guard let held else { return false }
        return (1..<held.pointee.puts.count).contains { held.pointee.puts[$0].waiter.isWaiting(besides: chooser) }
    }

    /// The first of those who still wait to take, claimed. Not inlined: the optimiser would count references to it.
    @inline(never) private mutating func claimTaker() -> Waiter? {
        while firstTake != nil {
            let taker = takeFirstTake()
            if taker.claim() { return taker }
        }
        return nil
    }

    private mutating func claimTakers() -> [Waiter] {
        var claimed: [Waiter] = []
        while let taker = claimTaker() { claimed.append(taker) }
        return claimed
    }

    /// Closes, and gives the takers to resume with nil. Values that wait to be put can still be taken.
    package mutating func close() -> [Waiter] {
        if isClosed { return [] }
        isClosed = true
        setPlainLimit()
        return grantOut ? [] : claimTakers()
    }

    package enum Grant { case granted, closed, full }

    /// Asks to add; the grant must be given back with `release`. One is out at a time.
    package mutating func acquire() -> Grant {
        if isClosed || isClosing { return .closed }
        if grantOut || isFullForGrants { return .full }
        grantOut = true
        return .granted
    }

    /// Asks to add for the last time, before closing: whoever asks from now on hears that the channel is closed.
    package mutating func acquireToClose() -> Grant {
        let outcome = acquire()
        isClosing = true
        return outcome
    }

    /// Whether `acquire` would not wait now.
    package var canAcquire: Bool { isClosed || isClosing || !(grantOut || isFullForGrants) }

    /// Adds a value under the grant, beyond the capacity if need be. Gives the taker to resume with it, if one waits; the value
    /// a sliding buffer drops for it is gone.
    package mutating func add(_ value: borrowing Value) -> Waiter? {
        if let taker = claimTaker() { return taker }
        switch kind {
        case .fixed: break
        case .promise: if !isBufferEmpty { return nil }
        case .dropping: if !hasRoom { return nil }
        case .sliding: if !hasRoom { _ = popValue() }
        }
        append(copy value)
        return nil
    }

    /// Gives the grant back. Gives the putter to resume with true because it has the grant now, and takers to resume with nil
    /// because the channel was closed meanwhile.
    package mutating func release() -> (granted: Waiter?, ended: [Waiter]) {
        grantOut = false
        if isClosed { return (nil, claimTakers()) }
        return (grantNext(), [])
    }

    /// Putters to resume with false after a close: their values can no longer be added.
    package mutating func refusePuts() -> [Waiter] {
        var refused: [Waiter] = []
        while let pending = popPut() {
            if pending.waiter.claim() { refused.append(pending.waiter) }
        }
        return refused
    }

    private var isFullForGrants: Bool {
        kind == .fixed && !hasRoom
    }

    private mutating func grantNext() -> Waiter? {
        if grantOut || isFullForGrants || isClosed { return nil }
        while let pending = popPut() {
            guard pending.waiter.claim() else { continue }
            grantOut = true
            return pending.waiter
        }
        return nil
    }
}
