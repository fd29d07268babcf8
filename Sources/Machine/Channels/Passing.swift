import CThread
import Values

/// How a take or a put by the running fiber went.
package enum Passage {
    /// Done: the result is in the fiber's destination register.
    case done
    /// The fiber waits, and belongs to whoever will resume it.
    case parked
    /// It throws. A case, because a channel in a register is called by a reference that is not counted, through which nothing is
    /// thrown.
    case failed(Fault)

    /// What a controlling primitive answers for it.
    package func control() throws(Fault) -> Control {
        switch self {
        case .done: .delivered
        case .parked: .parked
        case .failed(let fault): throw fault
        }
    }
}

/// The instructions that hand values from fiber to fiber.
extension Fiber {
    /// `a ← taken from channel b`, when that needs neither a wait nor a wake-up; what else is to be done is `take`'s.
    @inline(__always) func takeNow(_ regs: Registers, _ i: Instruction) -> Handing {
        guard case .object = regs[i.b] else { return .notAChannel }
        return object(regs + i.b)._withUnsafeGuaranteedRef { $0.takeNow(regs + i.a) }
    }

    /// `a ← taken from channel b`, after `takeNow` has not done it. False when the fiber was parked.
    @inline(never) func take(_ regs: Registers, _ i: Instruction, after attempt: Handing) throws(Fault) -> Bool {
        guard case .notNow = attempt else { throw notAChannel("<!", regs[i.b]) }
        state.pointee.destination = i.a
        return try follow(
            Unmanaged<Channel>.fromOpaque(object(regs + i.b).toOpaque())._withUnsafeGuaranteedRef {
                $0.takeOrWait(self)
            })
    }

    /// `a ← taken from channel b†`: the value may come to stand where the channel did. False when the fiber was parked.
    @inline(never) func takeLast(_ regs: Registers, _ i: Instruction) throws(Fault) -> Bool {
        guard let channel = Channel.borrowed(regs + i.b) else { throw notAChannel("<!", regs[i.b]) }
        let held = take(regs + i.b)
        defer { _ = consume held }
        state.pointee.destination = i.a
        return try follow(channel._withUnsafeGuaranteedRef { $0.take(self) })
    }

    /// The object in a slot, not retained. A class payload is the first word of a value.
    @inline(__always) private func object(_ slot: UnsafePointer<Value>) -> Unmanaged<Object> {
        Unmanaged.fromOpaque(UnsafeRawPointer(slot).load(as: UnsafeRawPointer.self))
    }

    enum Choosing {
        case done, parked
        /// Nothing was done: there is more to it.
        case untried
    }

    /// `a ← taken from one of the channels of vector b†`, and `a+1 ← that channel` where it is read. The fiber is saved as it is
    /// to go on when it has waited.
    @inline(never) func choose(_ regs: Registers, _ i: Instruction) throws(Fault) -> Choosing {
        let isChannelRead = i.flags & 2 != 0
        switch Choice.takeNow(regs + i.b, self) {
        case .taken(let value, let place):
            store(regs + i.a, value)
            if isChannelRead { store(regs + i.a + 1, place.pointee) }
            if i.flags & 1 != 0 { clear(regs + i.b) }
            return .done
        case .nothing:
            state.pointee.destination = i.a
            // Whoever has waited still reads the channels.
            if i.flags & 1 != 0 { return .untried }
            return try Choice.wait(regs + i.b, self, isChannelRead ? .chosenFrom : .chosen) ? .parked : .untried
        case .untried: return .untried
        }
    }

    /// What is to be done after an instruction that may park the fiber.
    enum Outcome {
        case goOn
        /// Another activation runs: the loop's copies of the state are out of date.
        case entered
        case parked
    }

    /// `a ← true`, c† having been put on channel b†, when that needs neither a wait nor a wake-up; what else is to be done is
    /// `put`'s.
    @inline(__always) func putNow(_ regs: Registers, _ i: Instruction) -> Handing {
        guard case .object = regs[i.b] else { return .notAChannel }
        return object(regs + i.b)._withUnsafeGuaranteedRef { $0.putNow(regs + i.c, moving: i.flags & 2 != 0) }
    }

    /// `a ← whether c† was put on channel b†`, after `putNow`.
    @inline(never) func put(_ regs: Registers, _ i: Instruction, after attempt: Handing) throws(Fault) -> Outcome {
        switch attempt {
        case .done:
            clear(regs + i.b)
            store(regs + i.a, .true)
            return .goOn
        case .notNow: return try putOrWait(Unmanaged.fromOpaque(object(regs + i.b).toOpaque()), regs, i)
        case .notAChannel: throw notAChannel(">!", regs[i.b])
        }
    }

    @inline(never) private func putOrWait(_ channel: Unmanaged<Channel>, _ regs: Registers, _ i: Instruction)
        throws(Fault) -> Outcome
    {
        if _slowPath(channel._withUnsafeGuaranteedRef({ $0.releasesForHooks() })) {
            return try putThroughHooks(regs, i) ? .entered : .parked
        }
        state.pointee.destination = i.a
        let isMoved = i.flags & 2 != 0
        if i.flags & 1 == 0 {
            return try follow(channel._withUnsafeGuaranteedRef { $0.putOrWait(regs + i.c, moving: isMoved, self) })
                ? .goOn : .parked
        }
        let held = take(regs + i.b)
        defer { _ = consume held }
        return try follow(channel._withUnsafeGuaranteedRef { $0.putOrWait(regs + i.c, moving: isMoved, self) })
            ? .goOn : .parked
    }

    /// The channel has a transducer: functions of the language do it.
    @inline(never) private func putThroughHooks(_ regs: Registers, _ i: Instruction) throws(Fault) -> Bool {
        let channel = i.flags & 1 != 0 ? take(regs + i.b) : regs[i.b]
        let value = i.flags & 2 != 0 ? take(regs + i.c) : regs[i.c]
        if value.isNil { throw Channel.nilPut }
        guard case .object(let object) = channel, let hooks = unsafeDowncast(object, to: Channel.self).hooks else {
            throw notAChannel(">!", channel)
        }
        return try call(hooks.put, [channel, value], at: i.a)
    }

    @inline(__always) private func follow(_ passage: Passage) throws(Fault) -> Bool {
        switch passage {
        case .done: return true
        case .parked: return false
        case .failed(let fault): throw fault
        }
    }

    @inline(never) private func notAChannel(_ operation: String, _ value: Value) -> Fault {
        .type(operation, expected: "a channel", found: value)
    }

    /// The entry to leave behind for the wait `epoch` of this running fiber, before anybody else can know of it: it takes over
    /// the reference of the thread that runs the fiber, which may end at any time from then on.
    @inline(__always) func handOver(_ epoch: UInt64) -> Waiting {
        sluice_thread().pointee.handed_over = 1
        return Waiting(Unmanaged.passUnretained(self).takeRetainedValue(), epoch)
    }
}

extension Channel {
    /// The channel in `slot`, which keeps it alive, without counting a reference; nil when something else is there.
    @inline(__always) package static func borrowed(_ slot: UnsafePointer<Value>) -> Unmanaged<Channel>? {
        borrowed(slot, ObjectIdentifier(Channel.self))
    }

    /// The same, where the class is asked for once: `plain` is that of channels without a transducer, which is quicker to see
    /// than a kind to ask for.
    @inline(__always) static func borrowed(_ slot: UnsafePointer<Value>, _ plain: ObjectIdentifier) -> Unmanaged<
        Channel
    >? {
        guard case .object = slot.pointee else { return nil }
        // A class payload is the first word of a value.
        let word = UnsafeRawPointer(slot).load(as: UnsafeRawPointer.self)
        guard
            Unmanaged<Object>.fromOpaque(word)._withUnsafeGuaranteedRef({
                ObjectIdentifier(type(of: $0)) == plain || isOne($0)
            })
        else { return nil }
        return Unmanaged<Channel>.fromOpaque(word)
    }

    @inline(never) private static func isOne(_ object: Object) -> Bool {
        if case .channel = object.kind { return true }
        return false
    }

    /// The same of a slot that is known to hold one.
    @inline(__always) package static func known(_ slot: UnsafePointer<Value>) -> Unmanaged<Channel> {
        Unmanaged.fromOpaque(UnsafeRawPointer(slot).load(as: UnsafeRawPointer.self))
    }
}
