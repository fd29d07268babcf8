import Values

/// How a take or a put by the running fiber went.
public enum Passage {
    /// Done: the result is in the fiber's destination register.
    case done
    /// The fiber waits, and belongs to whoever will resume it.
    case parked
    /// The result is that of this call.
    case call(Value, [Value])
    /// It throws. A case, because a port is called by a reference that is not counted, through which nothing is thrown.
    case failed(Fault)

    /// What a controlling primitive answers for it.
    public func control() throws(Fault) -> Control {
        switch self {
        case .done: .delivered
        case .parked: .parked
        case .call(let function, let values): .call(function, values)
        case .failed(let fault): throw fault
        }
    }
}

/// What fibers hand values to each other through: the operand of the instructions `take` and `put`. The runtime's channel is
/// its only subclass.
///
/// The instructions borrow the port from its register. A port must therefore stay whole while another thread is inside of
/// one of its operations, even when its last reference goes meanwhile.
open class Port: Object, @unchecked Sendable {
    // Sendable: subclasses say what guards their state.

    /// Whether values may lie ready in it, so that `takeReady` and `putReady` are worth asking.
    fileprivate let buffers: Bool

    public init(buffers: Bool) { self.buffers = buffers }

    /// Every port is of this kind, and nothing else is: what the instructions test.
    public final override var kind: ObjectKind { .channel }

    /// Takes into `slot`, which holds nothing that is to be released, a value that lies ready and that nobody is to be told of;
    /// false, with nothing changed, when `take` is to be asked.
    open func takeReady(_ slot: UnsafeMutablePointer<Value>) -> Bool { false }

    /// Puts the value in `slot`, copied or moved out, where there is room and nobody is to be told; false, with nothing
    /// changed, when `put` is to be asked.
    open func putReady(_ slot: UnsafeMutablePointer<Value>, moving: Bool) -> Bool { false }

    /// Takes for the running `fiber`, which gets the value in its destination register: now or when there is one.
    open func take(_ fiber: Fiber) -> Passage { .done }

    /// Puts `value` for the running `fiber`, which gets in its destination register whether the port was open: now or when
    /// there is room.
    open func put(_ value: consuming Value, _ fiber: Fiber) -> Passage { .done }
}

extension Fiber {
    /// `a ← taken from port b†`, when that needs neither a wait nor a wake-up; false, with nothing changed, when it may.
    @inline(never) func takeReady(_ regs: Registers, _ i: Instruction) -> Bool {
        // The value must not come to stand where the port does.
        guard i.a != i.b, let port = port(in: regs + i.b),
            port._withUnsafeGuaranteedRef({ $0.buffers && $0.takeReady(regs + i.a) })
        else { return false }
        if i.flags & 1 != 0 { clear(regs + i.b) }
        return true
    }

    /// `a ← true`, c† having been put on port b†; as `takeReady`.
    @inline(never) func putReady(_ regs: Registers, _ i: Instruction) -> Bool {
        guard let port = port(in: regs + i.b),
            port._withUnsafeGuaranteedRef({ $0.buffers && $0.putReady(regs + i.c, moving: i.flags & 2 != 0) })
        else { return false }
        if i.flags & 1 != 0 { clear(regs + i.b) }
        store(regs + i.a, .true)
        return true
    }

    /// `a ← taken from port b†`. False when the fiber was parked.
    @inline(never) func take(_ regs: Registers, _ i: Instruction) throws(Fault) -> Bool {
        guard let port = port(in: regs + i.b) else { throw notAPort("<!", regs[i.b]) }
        state.pointee.destination = i.a
        let held = i.flags & 1 != 0 ? take(regs + i.b) : .nil
        defer { _ = consume held }
        return try follow(port._withUnsafeGuaranteedRef { $0.take(self) }, i)
    }

    /// `a ← whether c† was put on port b†`. False when the fiber was parked.
    @inline(never) func put(_ regs: Registers, _ i: Instruction) throws(Fault) -> Bool {
        guard let port = port(in: regs + i.b) else { throw notAPort(">!", regs[i.b]) }
        state.pointee.destination = i.a
        let held = i.flags & 1 != 0 ? take(regs + i.b) : .nil
        defer { _ = consume held }
        let value = i.flags & 2 != 0 ? take(regs + i.c) : regs[i.c]
        return try follow(port._withUnsafeGuaranteedRef { $0.put(value, self) }, i)
    }

    @inline(__always) private func follow(_ passage: Passage, _ i: Instruction) throws(Fault) -> Bool {
        switch passage {
        case .done: return true
        case .parked: return false
        case .call(let function, let values): return try call(function, values, at: i.a)
        case .failed(let fault): throw fault
        }
    }

    /// The port in `slot`, which keeps it alive, without counting a reference.
    @inline(__always) private func port(in slot: Registers) -> Unmanaged<Port>? {
        guard case .object = slot.pointee else { return nil }
        // A class payload is the first word of a value.
        let word = UnsafeRawPointer(slot).load(as: UnsafeRawPointer.self)
        guard case .channel = Unmanaged<Object>.fromOpaque(word)._withUnsafeGuaranteedRef({ $0.kind }) else {
            return nil
        }
        return Unmanaged<Port>.fromOpaque(word)
    }

    @inline(never) private func notAPort(_ operation: String, _ value: Value) -> Fault {
        .type(operation, expected: "a channel", found: value)
    }
}
