import Synchronization
import Values

/// A channel: the lock around a `ChannelState`. What the state machine decides is done outside of the lock. It is the operand of
/// the instructions `take` and `put` (see Passing.swift).
///
/// The instructions borrow a channel from its register. It must therefore stay whole while another thread is inside of one of
/// its operations, even when its last reference goes meanwhile.
package class Channel: Object, @unchecked Sendable {
    // Sendable: `state` is guarded by `lock`.
    @exclusivity(unchecked) private var state: ChannelState<Waiting>
    // After the state, in what it leaves of a word.
    private let lock = SpinLock()
    /// Whether a take may find something, as of the last operation: looked at without the lock, to pass channels by.
    private let isReady = Atomic<Bool>(false)

    package convenience init(_ buffering: Buffering) { self.init(buffering, isGranted: false) }

    fileprivate init(_ buffering: Buffering, isGranted: Bool) {
        state = ChannelState(buffering, isGranted: isGranted)
        super.init()
        Meter.charge(Channel.footprint)
    }

    /// Functions of the language that put and close, where the channel has a transducer.
    package final var hooks: TransducerChannel.Hooks? {
        // Which of the two it is never changes.
        state.isGranted ? unsafeDowncast(self, to: TransducerChannel.self).own : nil
    }

    /// Every channel is of this kind, and nothing else is.
    package final override var kind: ObjectKind { .channel }

    /// Gives the channel, which is no promise and has no hooks, another buffer (G3): what it holds stays, even where that is more
    /// than the new one would take, and those who wait to put go on as there is room.
    package final func replace(_ buffering: Buffering) {
        lock.acquire()
        let putters = state.replace(buffering)
        leave()
        for putter in putters { putter.resume(.true, from: self) }
    }

    deinit {
        // Another thread may be about to leave its last operation, having resumed whoever held the last reference.
        lock.acquire()
        Meter.credit(Channel.footprint)
    }

    private static let footprint = 64

    package final override func write(to printer: inout Printer) throws(Fault) {
        printer.write(isClosed ? "#<channel closed>" : "#<channel>")
    }

    /// Whether a take may find something now; a look without the lock.
    package final var mayTake: Bool { isReady.load(ordering: .relaxed) }
    package final var isClosed: Bool { lock.withLock { state.isClosed } }
    /// Values in the buffer.
    package final var count: Int { lock.withLock { state.count } }
    /// Whether somebody waits to take, who has not chosen another channel meanwhile.
    package final var isWaitedFor: Bool { lock.withLock { state.isWaitedFor } }

    /// Gives the lock back after an operation that may have changed what a take finds.
    @inline(__always) private final func leave() {
        isReady.store(state.mayTake, ordering: .relaxed)
        lock.release()
    }

    // Putting

    package final override func putNow(_ slot: UnsafeMutablePointer<Value>, moving: Bool) -> Handing {
        // Calls nothing, but at its ends: that would cost registers to be saved, which is a good part of all there is to do.
        guard _fastPath(lock.tryAcquire()) else { return putInTurn(slot, moving: moving) }
        guard _fastPath(state.putWord(slot)) else {
            return state.mayPutPlainly ? putWithLock(slot, moving: moving) : .notNow
        }
        isReady.store(true, ordering: .relaxed)
        lock.release()
        return .done
    }

    @inline(never) private final func putInTurn(_ slot: UnsafeMutablePointer<Value>, moving: Bool) -> Handing {
        lock.acquire()
        return putWithLock(slot, moving: moving)
    }

    @inline(never) private final func putWithLock(_ slot: UnsafeMutablePointer<Value>, moving: Bool) -> Handing {
        guard state.putReady(slot, moving: moving) else { return .notNow }
        isReady.store(true, ordering: .relaxed)
        lock.release()
        return .done
    }

    /// Puts the value in `slot`, copied or moved out, for the running `fiber`, which gets in its destination register whether the
    /// channel was open: now or when there is room. The channel has no hooks. Called with the lock, which it releases.
    final func putOrWait(_ slot: UnsafeMutablePointer<Value>, moving: Bool, _ fiber: Fiber) -> Passage {
        if slot.pointee.isNil { return refuseNil() }
        // What most puts find that come here, without an outcome that says so.
        guard let taker = state.popTaker() else {
            return state.mustWaitToPut
                ? parkPut(slot.passed(moving), fiber) : putWithoutTaker(slot.passed(moving), fiber)
        }
        lock.release()
        fiber.deliver(.true)
        return hand(slot.passed(moving), to: taker)
    }

    @inline(__always) private final func hand(_ value: consuming Value, to taker: consuming Waiting) -> Passage {
        taker.resume(value, from: self)
        return .done
    }

    /// Called with the lock, which it releases.
    @inline(never) private final func putWithoutTaker(_ value: __owned Value, _ fiber: Fiber) -> Passage {
        let outcome = state.put(value)
        if case .full = outcome { return parkPut(value, fiber) }
        leave()
        fiber.deliver(.bool(finish(outcome, value)))
        return .done
    }

    /// Called with the lock, which it releases.
    @inline(never) private final func refuseNil() -> Passage {
        leave()
        return .failed(Channel.nilPut)
    }

    /// Whether functions of the language put on it instead. Called with the lock, which it releases then.
    @inline(__always) final func releasesForHooks() -> Bool {
        if _fastPath(!state.isGranted) { return false }
        leave()
        return true
    }

    /// Puts `value` for the running `fiber`; as `putOrWait`, from the beginning.
    package final func put(_ value: Value, _ fiber: Fiber) -> Passage {
        var value = value
        return withUnsafeMutablePointer(to: &value) {
            lock.acquire()
            return putOrWait($0, moving: true, fiber)
        }
    }

    /// Waits for room. Called with the lock, which it releases.
    private final func parkPut(_ value: __owned Value, _ fiber: Fiber) -> Passage {
        let epoch: UInt64
        do throws(Fault) {
            guard state.hasRoomForPut() else { throw Channel.tooManyPuts }
            epoch = try fiber.beginWait()
        } catch {
            leave()
            return .failed(error)
        }
        state.enqueuePut(value, fiber.handOver(epoch))
        leave()
        return .parked
    }

    /// Puts `value` for whoever `entry` stands for. Gives whether it was accepted, or nil when the entry waits.
    package final func put(_ value: Value, _ entry: Waiting) throws(Fault) -> Bool? {
        if value.isNil { throw Channel.nilPut }
        switch queue(value, entry) {
        case .known(let accepted): return accepted
        case .waits: return nil
        case .crowded: throw Channel.tooManyPuts
        }
    }

    /// What became of a put that may wait.
    package enum Queued: Sendable {
        /// Whether it was accepted.
        case known(Bool)
        case waits
        /// As many wait already as may: nothing has changed.
        case crowded
    }

    /// The same of a value that is not nil, where it is no fault that too many wait already.
    package final func queue(_ value: Value, _ entry: Waiting) -> Queued {
        lock.acquire()
        let outcome = state.put(value)
        if case .full = outcome {
            let queued = state.hasRoomForPut()
            if queued { state.enqueuePut(value, entry) }
            leave()
            return queued ? .waits : .crowded
        }
        leave()
        return .known(finish(outcome, value))
    }

    /// What became of an offer.
    package enum Offer: Sendable {
        case accepted, dropped, full, closed
        /// Accepted, and this oldest value is gone.
        case displaced(Value)

        package var isFull: Bool { if case .full = self { true } else { false } }
        /// Whether the channel was open.
        package var isOpen: Bool { if case .closed = self { false } else { true } }
    }

    /// Puts `value` if that needs no waiting. `value` must not be nil.
    package final func offer(_ value: Value) -> Offer {
        lock.acquire()
        let outcome = state.put(value)
        leave()
        let isOpen = finish(outcome, value)
        switch outcome {
        case .full: return .full
        case .dropped: return .dropped
        case .displaced(let oldest): return .displaced(oldest)
        default: return isOpen ? .accepted : .closed
        }
    }

    /// Puts a result that the channel was made for: it has room.
    package final func deposit(_ value: Value) { _ = offer(value) }

    /// Does what a put decided. Gives whether the channel was open.
    @inline(__always) private final func finish(_ outcome: borrowing ChannelState<Waiting>.Put, _ value: Value) -> Bool
    {
        switch copy outcome {
        case .closed: return false
        case .handed(let taker): taker.resume(value, from: self)
        case .broadcast(let takers): for taker in takers { taker.resume(value, from: self) }
        case .buffered, .dropped, .displaced, .full: break
        }
        return true
    }

    // Taking

    package final override func takeNow(_ slot: UnsafeMutablePointer<Value>) -> Handing {
        guard _fastPath(lock.tryAcquire()) else { return takeInTurn(slot) }
        return takeWithLock(slot)
    }

    @inline(never) private final func takeInTurn(_ slot: UnsafeMutablePointer<Value>) -> Handing {
        lock.acquire()
        return takeWithLock(slot)
    }

    @inline(__always) private final func takeWithLock(_ slot: UnsafeMutablePointer<Value>) -> Handing {
        guard state.takeReady(slot) else { return .notNow }
        // It was ready, and is so as long as more lies there.
        if state.count == 0 { isReady.store(state.isClosed, ordering: .relaxed) }
        lock.release()
        return .done
    }

    /// Takes for the running `fiber`; as `takeOrWait`, from the beginning.
    package final func take(_ fiber: Fiber) -> Passage {
        lock.acquire()
        return takeOrWait(fiber)
    }

    /// Takes for the running `fiber`, which gets the value in its destination register: now or when there is one. Called with
    /// the lock, which it releases.
    final func takeOrWait(_ fiber: Fiber) -> Passage {
        switch state.take() {
        case .empty: return parkTake(fiber)
        case .value(let value):
            leave()
            fiber.deliver(value)
        case .valueResuming(let value, let putter):
            leave()
            fiber.deliver(value)
            putter.resume(.true, from: self)
        case .closed:
            leave()
            fiber.deliver(.nil)
        }
        return .done
    }

    /// Waits for a value. Called with the lock, which it releases.
    private final func parkTake(_ fiber: Fiber) -> Passage {
        let epoch: UInt64
        do throws(Fault) {
            guard state.hasRoomForTake() else { throw Channel.tooManyTakes }
            epoch = try fiber.beginWait()
        } catch {
            leave()
            return .failed(error)
        }
        state.enqueueTake(fiber.handOver(epoch))
        lock.release()
        return .parked
    }

    /// Takes for whoever `entry` stands for. Gives the value (`.nil` when closed), or nil when the entry waits.
    package final func take(_ entry: Waiting) throws(Fault) -> Value? {
        lock.acquire()
        let outcome = state.take()
        if case .empty = outcome {
            let queued = state.hasRoomForTake()
            if queued { state.enqueueTake(entry) }
            leave()
            if !queued { throw Channel.tooManyTakes }
            return nil
        }
        leave()
        return finish(outcome)
    }

    /// Takes if that needs no waiting: nil when there is nothing, `.nil` when closed.
    package final func poll() -> Value? {
        lock.acquire()
        let outcome = state.take()
        leave()
        return finish(outcome)
    }

    @inline(__always) private final func finish(_ outcome: consuming ChannelState<Waiting>.Take) -> Value? {
        switch consume outcome {
        case .value(let value): return value
        case .valueResuming(let value, let putter):
            putter.resume(.true, from: self)
            return value
        case .closed: return .nil
        case .empty: return nil
        }
    }

    /// Closes; whoever waits to take gets nil.
    package final func close() {
        lock.acquire()
        let takers = state.close()
        let refused = state.isGranted ? state.refusePuts() : []
        leave()
        for taker in takers { taker.resume(.nil, from: self) }
        for putter in refused { putter.resume(.false, from: self) }
    }

    // Choosing

    /// One step of a choice.
    package enum Step {
        /// Done, with this value.
        case done(Value)
        /// The right to add is the chooser's, who is to add and to give it back.
        case granted
        /// The entry waits here, too.
        case waits
        /// Somebody else has claimed the choice already.
        case lost
        /// The other side was gone after the choice was claimed: start over.
        case again
    }

    /// Leaves the entry of an armed choice to take here, where nothing lies ready. False, with nothing done, when there is more
    /// to it.
    final func waitIfEmpty(_ entry: Waiting) -> Bool {
        lock.acquire()
        defer { lock.release() }
        guard !state.mayTake, state.hasRoomForTake() else { return false }
        state.enqueueTake(entry)
        return true
    }

    /// A take or a put of an armed choice: done at once if it can be, and else an entry is left.
    package final func choose(_ entry: Waiting, putting value: Value?) throws(Fault) -> Step {
        if value != nil, state.isGranted { return try chooseGrant(entry) }
        lock.acquire()
        let isReady = value == nil ? state.canTake(by: entry) : state.canPut(by: entry)
        guard isReady else {
            let queued = value == nil ? state.hasRoomForTake() : state.hasRoomForPut()
            if queued { value.map { state.enqueuePut($0, entry) } ?? state.enqueueTake(entry) }
            leave()
            if !queued { throw value == nil ? Channel.tooManyTakes : Channel.tooManyPuts }
            return .waits
        }
        // The chooser is claimed before the other side: were it the other way round, somebody who waits at two places could
        // be claimed for a choice that has been made.
        guard entry.claim() else {
            leave()
            return .lost
        }
        if let value {
            let outcome = state.put(value)
            leave()
            if case .full = outcome { return .again }
            return .done(.bool(finish(outcome, value)))
        }
        let outcome = state.take()
        leave()
        return finish(outcome).map { .done($0) } ?? .again
    }

    /// A put of an armed choice on a channel with a transducer: it waits for the right to add.
    private final func chooseGrant(_ entry: Waiting) throws(Fault) -> Step {
        lock.acquire()
        guard state.canAcquire else {
            let queued = state.hasRoomForPut()
            if queued { state.enqueuePut(.nil, Waiting(entry.waiter, entry.epoch, .grant)) }
            leave()
            if !queued { throw Channel.tooManyPuts }
            return .waits
        }
        guard entry.claim() else {
            leave()
            return .lost
        }
        let outcome = state.acquire()
        leave()
        return outcome == .granted ? .granted : .done(.false)
    }

    // Granting, for transducers

    /// Asks, for the running `fiber`, for the right to add; its result is true, or false when the channel is closed.
    package final func acquire(_ fiber: Fiber) throws(Fault) -> Control {
        lock.acquire()
        switch state.acquire() {
        case .granted:
            leave()
            return .value(.true)
        case .closed:
            leave()
            return .value(.false)
        case .full: return try parkPut(.nil, fiber).control()
        }
    }

    /// Asks for the right to add without waiting: true, false when closed, nil when there is no room now.
    package final func tryAcquire() -> Bool? {
        switch lock.withLock({ state.acquire() }) {
        case .granted: true
        case .closed: false
        case .full: nil
        }
    }

    /// Asks for the right to add, in turn with those who wait to put: true, false when closed, nil when `entry` waits for it.
    ///
    /// - Parameter closing: the right is wanted for the last time, before the channel closes.
    package final func acquire(_ entry: Waiting, closing: Bool) throws(Fault) -> Bool? {
        lock.acquire()
        let outcome = closing ? state.acquireToClose() : state.acquire()
        let queued = outcome != .full || state.hasRoomForPut()
        if outcome == .full, queued { state.enqueuePut(.nil, entry) }
        leave()
        if !queued { throw Channel.tooManyPuts }
        return outcome == .full ? nil : outcome == .granted
    }

    /// Adds a value under the right to add.
    package final func add(_ value: Value) throws(Fault) {
        if value.isNil { throw Channel.nilPut }
        lock.acquire()
        if state.isPromise {
            // Everybody who waits hears the one value, with a transducer as without.
            let outcome = state.put(value)
            leave()
            _ = finish(outcome, value)
            return
        }
        let taker = state.add(value)
        leave()
        taker?.resume(value, from: self)
    }

    /// Gives the right to add back.
    package final func releaseGrant() {
        lock.acquire()
        let (granted, ended) = state.release()
        leave()
        granted?.resume(.true, from: self)
        for taker in ended { taker.resume(.nil, from: self) }
    }

    /// What `alts!` gives to the library for a put that has the right to add: `[true channel true]`.
    package final var grantedChoice: Value { .vector([.true, .object(self), .true]) }

    // Faults

    package static var nilPut: Fault {
        Fault.illegalArgument("nil cannot be put on a channel: nil is what a closed channel gives").blaming(.nil)
    }
    package static var tooManyPuts: Fault {
        .illegalState(
            "more than \(ChannelState<Waiting>.pendingLimit) puts wait on one channel: nobody takes from it fast enough; give it a dropping or sliding buffer, or wait for each put with >!"
        )
    }
    static var tooManyTakes: Fault {
        .illegalState("more than \(ChannelState<Waiting>.pendingLimit) takes wait on one channel: nobody puts on it")
    }
}

/// A channel with a transducer: puts on it run in the language, where transducers are written.
package final class TransducerChannel: Channel, @unchecked Sendable {
    // Sendable: `own` is immutable.
    fileprivate let own: Hooks

    /// `put` is called with channel and value, acquires the channel, runs the step and gives the channel back; `close` is called
    /// with the channel, completes the transducer and closes; `choose` is called with the operations and options of a choice in
    /// which the channel is put on.
    package struct Hooks: Sendable {
        package let put: Value
        package let close: Value
        package let choose: Value

        package init(put: Value, close: Value, choose: Value) {
            self.put = put
            self.close = close
            self.choose = choose
        }
    }

    package init(_ buffering: Buffering, _ hooks: Hooks) {
        own = hooks
        super.init(buffering, isGranted: true)
    }
}

extension UnsafeMutablePointer<Value> {
    /// The value here, which is left or taken out.
    @inline(__always) fileprivate func passed(_ moving: Bool) -> Value {
        guard moving else { return pointee }
        let value = move()
        initialize(to: .nil)
        return value
    }
}

extension Waiting {
    /// Resumes the claimed waiter with what `channel` gave it.
    ///
    /// Who chooses goes on after those who are ready: then they have left what it can choose from, and it need not wait at all
    /// its channels for each value.
    @inline(__always) consuming func resume(_ value: consuming Value, from channel: Channel) {
        if _fastPath(isPlain) {
            let waiter = Unmanaged.passRetained((consume self).waiter)
            waiter._withUnsafeGuaranteedRef { type(of: $0) }.resume(waiter, with: value)
        } else {
            resumeChooser(value, from: channel)
        }
    }

    @inline(never) private consuming func resumeChooser(_ value: Value, from channel: Channel) {
        let style = style
        let waiter = Unmanaged.passRetained((consume self).waiter)
        var answer = value
        switch style {
        case .choice: answer = .vector(.pair(value, .object(channel)))
        case .grant: answer = value.isTruthy ? channel.grantedChoice : .vector([value, .object(channel)])
        case .chosenFrom:
            // Only fibers wait so, by `choose`.
            let result = waiter._withUnsafeGuaranteedRef { unsafeDowncast($0, to: Fiber.self).resultSlot }
            (result + 1).initialize(to: .object(channel))
        case .value, .chosen, .signal: break
        }
        waiter._withUnsafeGuaranteedRef { type(of: $0) }.resumeInTurn(waiter, with: answer)
    }
}
