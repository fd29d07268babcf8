import Machine
import Synchronization
import Values

/// A channel: the lock around a `ChannelState`. What the state machine decides is done outside of the lock.
package final class Channel: Port, @unchecked Sendable {
    // Sendable: `state` is guarded by `lock`; `hooks` is immutable.
    private let lock = SpinLock()
    private let state: UnsafeMutablePointer<ChannelState<Waiting>>
    /// Functions of the language that put and close, for a channel with a transducer.
    package let hooks: Hooks?
    /// A promise stays one.
    private let isPromise: Bool

    /// Puts on a channel with a transducer run in the language: `put` is called with channel and value, acquires the channel,
    /// runs the step and gives the channel back; `close` is called with the channel, completes the transducer and closes.
    package struct Hooks: Sendable {
        package let put: Value
        package let close: Value

        package init(put: Value, close: Value) {
            self.put = put
            self.close = close
        }
    }

    /// - Parameter isReplaceable: its buffer may become another one, see `replace`; then it is no promise and has no hooks.
    package init(_ buffering: Buffering, hooks: Hooks? = nil, isReplaceable: Bool = false) {
        isPromise = buffering == .promise
        self.hooks = hooks
        state = .allocate(capacity: 1)
        state.initialize(to: ChannelState(buffering, isGranted: hooks != nil))
        super.init(buffers: isReplaceable || state.pointee.isPlain)
        Meter.charge(Channel.footprint)
    }

    /// Gives a replaceable channel another buffer (G3): what it holds stays, even where that is more than the new one would
    /// take, and those who wait to put go on as there is room.
    package func replace(_ buffering: Buffering) {
        lock.acquire()
        let putters = state.pointee.replace(buffering)
        lock.release()
        for putter in putters { putter.resume(.true, from: self) }
    }

    deinit {
        // Another thread may be about to leave its last operation, having resumed whoever held the last reference.
        lock.acquire()
        Meter.credit(Channel.footprint)
        state.deinitialize(count: 1)
        state.deallocate()
    }

    private static let footprint = 320

    package override func write(to printer: inout Printer) throws(Fault) {
        printer.write(isClosed ? "#<channel closed>" : "#<channel>")
    }

    package var isClosed: Bool { lock.withLock { state.pointee.isClosed } }
    /// Values in the buffer.
    package var count: Int { lock.withLock { state.pointee.count } }
    /// Whether somebody waits to take.
    package var isWaitedFor: Bool { lock.withLock { state.pointee.waitingTakes > 0 } }

    // Putting and taking where nobody waits

    package override func putReady(_ slot: UnsafeMutablePointer<Value>, moving: Bool) -> Bool {
        lock.acquire()
        let isDone = state.pointee.putReady(slot, moving: moving)
        lock.release()
        return isDone
    }

    package override func takeReady(_ slot: UnsafeMutablePointer<Value>) -> Bool {
        lock.acquire()
        let isDone = state.pointee.takeReady(slot)
        lock.release()
        return isDone
    }

    // Putting

    package override func put(_ value: consuming Value, _ fiber: Fiber) -> Passage {
        if value.isNil { return .failed(Channel.nilPut) }
        if _slowPath(hooks != nil) { return .call(hooks!.put, [.object(self), value]) }
        lock.acquire()
        switch state.pointee.put(value) {
        case .full: return parkPut(value, fiber)
        case .handed(let taker):
            lock.release()
            taker.resume(value, from: self)
        case .buffered, .dropped, .displaced: lock.release()
        case .closed:
            lock.release()
            fiber.deliver(.false)
            return .done
        case .broadcast(let takers):
            lock.release()
            for taker in takers { taker.resume(copy value, from: self) }
        }
        fiber.deliver(.true)
        return .done
    }

    /// Waits for room. Called with the lock, which it releases.
    private func parkPut(_ value: consuming Value, _ fiber: Fiber) -> Passage {
        let parking: Parking
        do throws(Fault) {
            guard state.pointee.hasRoomForPut() else { throw Channel.tooManyPuts }
            parking = try Parking.begin(fiber)
        } catch {
            lock.release()
            return .failed(error)
        }
        state.pointee.enqueuePut(value, parking.leave())
        lock.release()
        return .parked
    }

    /// Puts `value` for whoever `entry` stands for. Gives whether it was accepted, or nil when the entry waits.
    func put(_ value: Value, _ entry: Waiting) throws(Fault) -> Bool? {
        if value.isNil { throw Channel.nilPut }
        lock.acquire()
        let outcome = state.pointee.put(value)
        if case .full = outcome {
            let queued = state.pointee.hasRoomForPut()
            if queued { state.pointee.enqueuePut(value, entry) }
            lock.release()
            if !queued { throw Channel.tooManyPuts }
            return nil
        }
        lock.release()
        return finish(outcome, value)
    }

    /// What became of an offer.
    package enum Offer: Sendable {
        case accepted, dropped, full, closed
        /// Accepted, and this oldest value is gone.
        case displaced(Value)

        var isFull: Bool { if case .full = self { true } else { false } }
        /// Whether the channel was open.
        var isOpen: Bool { if case .closed = self { false } else { true } }
    }

    /// Puts `value` if that needs no waiting. `value` must not be nil.
    package func offer(_ value: Value) -> Offer {
        lock.acquire()
        let outcome = state.pointee.put(value)
        lock.release()
        let isOpen = finish(outcome, value)
        switch outcome {
        case .full: return .full
        case .dropped: return .dropped
        case .displaced(let oldest): return .displaced(oldest)
        default: return isOpen ? .accepted : .closed
        }
    }

    /// Puts a result that the channel was made for: it has room.
    func deposit(_ value: Value) { _ = offer(value) }

    /// Does what a put decided. Gives whether the channel was open.
    @inline(__always) private func finish(_ outcome: borrowing ChannelState<Waiting>.Put, _ value: Value) -> Bool {
        switch copy outcome {
        case .closed: return false
        case .handed(let taker): taker.resume(value, from: self)
        case .broadcast(let takers): for taker in takers { taker.resume(value, from: self) }
        case .buffered, .dropped, .displaced, .full: break
        }
        return true
    }

    // Taking

    package override func take(_ fiber: Fiber) -> Passage {
        lock.acquire()
        switch state.pointee.take() {
        case .empty: return parkTake(fiber)
        case .value(let value):
            lock.release()
            fiber.deliver(value)
        case .valueResuming(let value, let putter):
            lock.release()
            fiber.deliver(value)
            putter.resume(.true, from: self)
        case .closed:
            lock.release()
            fiber.deliver(.nil)
        }
        return .done
    }

    /// Waits for a value. Called with the lock, which it releases.
    private func parkTake(_ fiber: Fiber) -> Passage {
        let parking: Parking
        do throws(Fault) {
            guard state.pointee.hasRoomForTake() else { throw Channel.tooManyTakes }
            parking = try Parking.begin(fiber)
        } catch {
            lock.release()
            return .failed(error)
        }
        state.pointee.enqueueTake(parking.leave())
        lock.release()
        return .parked
    }

    /// Takes for whoever `entry` stands for. Gives the value (`.nil` when closed), or nil when the entry waits.
    package func take(_ entry: Waiting) throws(Fault) -> Value? {
        lock.acquire()
        let outcome = state.pointee.take()
        if case .empty = outcome {
            let queued = state.pointee.hasRoomForTake()
            if queued { state.pointee.enqueueTake(entry) }
            lock.release()
            if !queued { throw Channel.tooManyTakes }
            return nil
        }
        lock.release()
        return finish(outcome)
    }

    /// Takes if that needs no waiting: nil when there is nothing, `.nil` when closed.
    package func poll() -> Value? {
        lock.acquire()
        let outcome = state.pointee.take()
        lock.release()
        return finish(outcome)
    }

    @inline(__always) private func finish(_ outcome: consuming ChannelState<Waiting>.Take) -> Value? {
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
    package func close() {
        lock.acquire()
        let takers = state.pointee.close()
        let refused = hooks == nil ? [] : state.pointee.refusePuts()
        lock.release()
        for taker in takers { taker.resume(.nil, from: self) }
        for putter in refused { putter.resume(.false, from: self) }
    }

    // Choosing

    /// One step of a choice.
    enum Step {
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

    /// A take or a put of an armed choice: done at once if it can be, and else an entry is left.
    func choose(_ entry: Waiting, putting value: Value?) throws(Fault) -> Step {
        if value != nil, hooks != nil { return try chooseGrant(entry) }
        lock.acquire()
        let isReady = value == nil ? state.pointee.canTake() : state.pointee.canPut()
        guard isReady else {
            let queued = value == nil ? state.pointee.hasRoomForTake() : state.pointee.hasRoomForPut()
            if queued { value.map { state.pointee.enqueuePut($0, entry) } ?? state.pointee.enqueueTake(entry) }
            lock.release()
            if !queued { throw value == nil ? Channel.tooManyTakes : Channel.tooManyPuts }
            return .waits
        }
        // The chooser is claimed before the other side: were it the other way round, somebody who waits at two places could
        // be claimed for a choice that has been made.
        guard entry.claim() else {
            lock.release()
            return .lost
        }
        if let value {
            let outcome = state.pointee.put(value)
            lock.release()
            if case .full = outcome { return .again }
            return .done(.bool(finish(outcome, value)))
        }
        let outcome = state.pointee.take()
        lock.release()
        return finish(outcome).map { .done($0) } ?? .again
    }

    /// A put of an armed choice on a channel with a transducer: it waits for the right to add.
    private func chooseGrant(_ entry: Waiting) throws(Fault) -> Step {
        lock.acquire()
        guard state.pointee.canAcquire else {
            let queued = state.pointee.hasRoomForPut()
            if queued { state.pointee.enqueuePut(.nil, Waiting(entry.waiter, entry.epoch, .grant)) }
            lock.release()
            if !queued { throw Channel.tooManyPuts }
            return .waits
        }
        guard entry.claim() else {
            lock.release()
            return .lost
        }
        let outcome = state.pointee.acquire()
        lock.release()
        return outcome == .granted ? .granted : .done(.false)
    }

    // Granting, for transducers

    /// Asks, for the running job, for the right to add; the result is true, or false when the channel is closed.
    func acquire(_ job: Job) throws(Fault) -> Control {
        lock.acquire()
        switch state.pointee.acquire() {
        case .granted:
            lock.release()
            return .value(.true)
        case .closed:
            lock.release()
            return .value(.false)
        case .full: break
        }
        let entry = Waiting(job, job.arm())
        guard state.pointee.hasRoomForPut() else {
            lock.release()
            _ = job.disarm(entry.epoch)
            throw Channel.tooManyPuts
        }
        state.pointee.enqueuePut(.nil, entry)
        lock.release()
        return try job.parked(entry.epoch)
    }

    /// Asks for the right to add without waiting: true, false when closed, nil when there is no room now.
    func tryAcquire() -> Bool? {
        switch lock.withLock({ state.pointee.acquire() }) {
        case .granted: true
        case .closed: false
        case .full: nil
        }
    }

    /// Asks for the right to add, in turn with those who wait to put: true, false when closed, nil when `entry` waits for it.
    ///
    /// - Parameter closing: the right is wanted for the last time, before the channel closes.
    func acquire(_ entry: Waiting, closing: Bool) throws(Fault) -> Bool? {
        lock.acquire()
        let outcome = closing ? state.pointee.acquireToClose() : state.pointee.acquire()
        let queued = outcome != .full || state.pointee.hasRoomForPut()
        if outcome == .full, queued { state.pointee.enqueuePut(.nil, entry) }
        lock.release()
        if !queued { throw Channel.tooManyPuts }
        return outcome == .full ? nil : outcome == .granted
    }

    /// Adds a value under the right to add.
    func add(_ value: Value) throws(Fault) {
        if value.isNil { throw Channel.nilPut }
        lock.acquire()
        if isPromise {
            // Everybody who waits hears the one value, with a transducer as without.
            let outcome = state.pointee.put(value)
            lock.release()
            _ = finish(outcome, value)
            return
        }
        let taker = state.pointee.add(value)
        lock.release()
        taker?.resume(value, from: self)
    }

    /// Gives the right to add back.
    func releaseGrant() {
        lock.acquire()
        let (granted, ended) = state.pointee.release()
        lock.release()
        granted?.resume(.true, from: self)
        for taker in ended { taker.resume(.nil, from: self) }
    }

    /// What `alts!` gives to the library for a put that has the right to add: `[true channel true]`.
    var grantedChoice: Value { .vector([.true, .object(self), .true]) }

    // Faults

    static var nilPut: Fault {
        Fault.illegalArgument("nil cannot be put on a channel: nil is what a closed channel gives").blaming(.nil)
    }
    static var tooManyPuts: Fault {
        .illegalState(
            "more than \(ChannelState<Waiting>.pendingLimit) puts wait on one channel: nobody takes from it fast enough; give it a dropping or sliding buffer, or wait for each put with >!"
        )
    }
    static var tooManyTakes: Fault {
        .illegalState("more than \(ChannelState<Waiting>.pendingLimit) takes wait on one channel: nobody puts on it")
    }
}

extension Waiting {
    /// Resumes the claimed waiter with what `channel` gave it.
    ///
    /// Who chooses goes on after those who are ready: then they have left what it can choose from, and it need not wait at all
    /// its channels for each value.
    @inline(__always) consuming func resume(_ value: consuming Value, from channel: Channel) {
        if _slowPath(style != .value) { return resumeChooser(value, from: channel) }
        resume(value)
    }

    @inline(never) private func resumeChooser(_ value: Value, from channel: Channel) {
        type(of: waiter).resumeInTurn(Unmanaged.passRetained(waiter), with: answer(value, from: channel))
    }

    private func answer(_ value: Value, from channel: Channel) -> Value {
        switch style {
        case .choice: .vector(.pair(value, .object(channel)))
        case .grant: value.isTruthy ? channel.grantedChoice : .vector([value, .object(channel)])
        case .value, .signal: value
        }
    }
}
