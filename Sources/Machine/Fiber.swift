import CThread
import Synchronization
import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// One activation of code: where to go on after it returns, and what it runs.
package struct Frame {
    /// The caller's next instruction.
    package var pc: UnsafePointer<Instruction>
    /// Registers from the caller's first to this activation's first.
    package var delta: Int32
    /// Registers of this activation.
    package var registers: Int32
    /// The function that runs; kept alive by a register of the caller, or by its var's boxes.
    package var closure: Unmanaged<Closure>

    /// What its code was compiled to.
    package var prototype: Prototype {
        // Every closure is made by `Prototype.makeClosure`.
        closure._withUnsafeGuaranteedRef { unsafeDowncast($0.owner, to: Prototype.self) }
    }
}

/// What the interpreter loop keeps of a fiber while it is not running; behind one pointer because exclusivity checks on
/// class properties would cost the loop up to three times its speed.
package struct FiberState {
    package var pc: UnsafePointer<Instruction>
    package var registers: UnsafeMutablePointer<Value>
    package var frame: UnsafeMutablePointer<Frame>
    /// First register beyond the stack; calls compare against it.
    package var limit: UnsafeMutablePointer<Value>
    package var frameLimit: UnsafeMutablePointer<Frame>
    /// Set by whoever resumes the fiber with a fault instead of a value.
    package var pendingFault: Fault?
    /// Where an operation last met an unrealised sequence, how many elements it has realised at a time (a power of two), and what
    /// was left of the slice when it was run again: when nothing else happened in between, it is walking the sequence.
    package var forcedAt: UnsafePointer<Instruction>?
    fileprivate var fuelLeftAtResume: Int32 = 0
    fileprivate var destinationOffset: UInt16 = 0
    fileprivate var reachBits: UInt8 = 0
    /// The program counter stands at the instruction to run next, not after the one that waits or failed.
    package var isPreempted = false
    /// A call failed after the registers had moved, or took its activation back: what stands here holds, and not the copies of
    /// the loop.
    package var isRestored = false
    /// Registers and frames have outgrown the fiber's block, where then stands where they are.
    fileprivate var hasMovedRegisters = false
    fileprivate var hasMovedFrames = false
    fileprivate var cannotPark: UInt32 = 0

    package var reach: Int {
        get { 1 << Int(reachBits) }
        set { reachBits = UInt8(newValue.trailingZeroBitCount) }
    }

    /// No more than a slice.
    package var fuelAtResume: Int {
        get { Int(fuelLeftAtResume) }
        set { fuelLeftAtResume = Int32(truncatingIfNeeded: newValue) }
    }

    /// Register (relative to `registers`) that receives the value the fiber is resumed with.
    package var destination: Int {
        @inline(__always) get { Int(destinationOffset) }
        @inline(__always) set { destinationOffset = UInt16(truncatingIfNeeded: newValue) }
    }
}

/// A lightweight thread of the language: data until somebody runs it. What the runtime knows of one stands in its subclass.
///
/// Owned by one party at a time: the interpreter while it runs, the channel or engine entry while it is parked, the run
/// queue while it is ready.
open class Fiber: Parkable, @unchecked Sendable {
    // Sendable: ownership passes with the fiber, by the acquire and release of the lock or queue it passes through.
    package final let state: UnsafeMutablePointer<FiberState>
    /// Dynamic bindings; conveyed to fibers that this one starts.
    @exclusivity(unchecked) public final var bindings: Bindings?
    /// Asks the loop to look up after the operation at hand: cancellation, stop, a budget.
    public final let interrupt = Atomic<UInt8>(0)

    /// What it belongs to; known to the subclass.
    open var instance: Instance { fatalError("a fiber belongs to an instance") }

    /// Where code is that cannot park: inside a macro or a comparator that Swift called.
    public final var cannotPark: UInt32 {
        get { state.pointee.cannotPark }
        set { state.pointee.cannotPark = newValue }
    }

    public final override var isAsked: Bool { interrupt.load(ordering: .relaxed) != 0 }

    public final override func book(steps: Int, holding bytes: Int) throws(Fault) {
        walksFar(steps)
        try instance.account.book(steps: steps, holding: bytes)
    }

    /// One operation of it has gone on for so many more steps, and goes on: its thread has looked at nothing else meanwhile.
    open func walksFar(_ steps: Int) {}

    /// Begins a wait of this fiber, which runs, at one place: gives its epoch. Throws where it cannot wait, and when a
    /// cancellation was due; one that comes later finds the fiber waiting.
    open func beginWait() throws(Fault) -> UInt64 { throw Fiber.cannotWait }

    /// Starts a fiber for this one, which runs: moves what that calls and `count` arguments out of where they stand. Gives the
    /// channel of its result where that `isRead`, and else the value nil. Nil, with nothing changed, where only the library
    /// knows how.
    open func start(
        _ function: UnsafeMutablePointer<Value>, _ arguments: UnsafeMutablePointer<Value>, _ count: Int, _ isRead: Bool
    ) -> Value? { nil }

    /// 64 bits of chance, for choices that are fair: of a seeded sequence where the order is.
    open func drawBits() -> UInt64 { 0 }

    /// A number below `bound`, as uniform as 32 random bits are.
    package final func draw(below bound: Int) -> Int { Int(((drawBits() &>> 32) &* UInt64(bound)) &>> 32) }

    package static var cannotWait: Fault {
        .illegalState(
            "cannot wait here: inside a macro, a comparator, a system or a callback; start a go block, or use offer! or poll!"
        )
    }

    /// Frames to begin with: of the function, and room for one more, as always; registers there are as many as the function
    /// needs. Most fibers wait in the function they began with, and there may be a million of them.
    private static let initialFrames = 2

    /// A fiber that will call `function` with `count` arguments, which are nil until `argument` is given its own. Moves the
    /// function out of where it stands, and leaves nil.
    ///
    /// - Parameter start: the code that calls it: `Instance.start`.
    package init(
        _ start: UnsafePointer<Instruction>, calling function: UnsafeMutablePointer<Value>, count: Int,
        bindings: consuming Bindings?
    ) {
        self.bindings = consume bindings
        let registers = Value.borrowedFunction(function)?._withUnsafeGuaranteedRef { Int($0.registers) } ?? 0
        let capacity = max(count, registers) + 1
        Meter.charge(Fiber.footprint(capacity, Fiber.initialFrames))
        state = Fiber.block(registers: capacity)
        let base = Fiber.firstRegisters(state)
        let frames = Fiber.firstFrames(state)
        Fiber.move(function, base)
        for index in 1..<capacity { (base + index).initialize(to: .nil) }
        state.initialize(
            to: FiberState(
                pc: start, registers: base, frame: frames, limit: base + capacity,
                frameLimit: frames + Fiber.initialFrames))
        super.init()
    }

    /// Leaves nil.
    @inline(__always) private static func move(_ from: UnsafeMutablePointer<Value>, _ to: UnsafeMutablePointer<Value>) {
        to.initialize(to: from.move())
        from.initialize(to: .nil)
    }

    /// Moves arguments in, before the fiber has run, and leaves nil where they stood.
    public final func moveArguments(from arguments: UnsafeMutablePointer<Value>, _ count: Int) {
        let first = Fiber.firstRegisters(state) + 1
        for index in 0..<count { Fiber.move(arguments + index, first + index) }
    }

    /// Where an argument stands, before the fiber has run.
    public final func argument(_ index: Int) -> UnsafeMutablePointer<Value> { base + 1 + index }

    deinit {
        Meter.credit(Fiber.footprint(capacity, frameCapacity))
        Release.contents(of: base, count: capacity)
        if state.pointee.hasMovedRegisters { base.deallocate() }
        if state.pointee.hasMovedFrames { frames.deallocate() }
        state.deinitialize(count: 1)
        free(state)
    }

    // The state, the first frames and the first registers lie in one block: a fiber costs few allocations, and its wake-up few
    // lines of cache.

    private static func block(registers: Int) -> UnsafeMutablePointer<FiberState> {
        let bytes =
            MemoryLayout<FiberState>.stride + initialFrames * MemoryLayout<Frame>.stride
            + registers * MemoryLayout<Value>.stride
        // What it gives is aligned for all that there is. Swift's own allocation asks for that once more, which takes a quarter
        // longer.
        guard let block = malloc(bytes) else { fatalError("out of memory") }
        sluice_reached(block)
        return block.bindMemory(to: FiberState.self, capacity: 1)
    }

    private static func firstFrames(_ state: UnsafeMutablePointer<FiberState>) -> UnsafeMutablePointer<Frame> {
        UnsafeMutableRawPointer(state + 1).assumingMemoryBound(to: Frame.self)
    }

    private static func firstRegisters(_ state: UnsafeMutablePointer<FiberState>) -> UnsafeMutablePointer<Value> {
        UnsafeMutableRawPointer(firstFrames(state) + initialFrames).assumingMemoryBound(to: Value.self)
    }

    /// The first register: of the function that began the fiber.
    package final var base: UnsafeMutablePointer<Value> {
        let first = Fiber.firstRegisters(state)
        return state.pointee.hasMovedRegisters
            ? UnsafeRawPointer(first).load(as: UnsafeMutablePointer<Value>.self) : first
    }

    /// The frame of the function that began the fiber. What calls it has none: nothing returns from there.
    package final var frames: UnsafeMutablePointer<Frame> {
        let first = Fiber.firstFrames(state)
        return state.pointee.hasMovedFrames ? UnsafeRawPointer(first).load(as: UnsafeMutablePointer<Frame>.self) : first
    }

    final var capacity: Int { state.pointee.limit - base }
    final var frameCapacity: Int { state.pointee.frameLimit - frames }

    /// Goes on in other registers, to which what was in use has been moved.
    final func moveRegisters(to registers: UnsafeMutablePointer<Value>, capacity: Int) {
        let used = state.pointee.registers - base
        if state.pointee.hasMovedRegisters { base.deallocate() }
        state.pointee.hasMovedRegisters = true
        UnsafeMutableRawPointer(Fiber.firstRegisters(state)).storeBytes(
            of: registers, as: UnsafeMutablePointer<Value>.self)
        state.pointee.registers = registers + used
        state.pointee.limit = registers + capacity
    }

    /// The same for frames.
    final func moveFrames(to frames: UnsafeMutablePointer<Frame>, capacity: Int) {
        let used = depth
        if state.pointee.hasMovedFrames { self.frames.deallocate() }
        state.pointee.hasMovedFrames = true
        UnsafeMutableRawPointer(Fiber.firstFrames(state)).storeBytes(of: frames, as: UnsafeMutablePointer<Frame>.self)
        state.pointee.frame = frames + used
        state.pointee.frameLimit = frames + capacity
    }

    static func footprint(_ registers: Int, _ frames: Int) -> Int { 192 + registers * 16 + frames * 24 }

    /// Gives a parked fiber the value it waited for. The caller owns the fiber and then hands it to a run queue.
    @inline(__always) public final func deliver(_ value: consuming Value) { resultSlot.initialize(to: value) }

    /// The dead register that receives what a parked fiber waits for, or the result of a running one's operation.
    @inline(__always) public final var resultSlot: UnsafeMutablePointer<Value> {
        state.pointee.registers + state.pointee.destination
    }

    /// Makes a parked fiber throw when it runs again.
    public final func fail(_ fault: Fault) { state.pointee.pendingFault = fault }

    /// Frames in use.
    package final var depth: Int { state.pointee.frame - frames }
}

/// A fiber that runs to its end where it stands, for Swift code that calls a function of the language: a macro, a comparator.
public final class LoneFiber: Fiber, @unchecked Sendable {
    // Sendable: as its superclass.
    private let owner: Instance
    public override var instance: Instance { owner }

    public init(
        _ instance: Instance, calling function: __owned Value, _ arguments: [Value], bindings: Bindings? = nil
    ) {
        owner = instance
        var callee = function
        let start =
            Instance.start(arguments: arguments.count) ?? instance.start(manyArguments: arguments.count)
        super.init(start, calling: &callee, count: arguments.count, bindings: bindings)
        for index in arguments.indices { argument(index).initialize(to: arguments[index]) }
    }
}

/// Dynamic bindings of a fiber: a chain of frames, innermost first.
public final class Bindings: @unchecked Sendable {
    // Sendable: the chain is immutable; a box is changed only by `set!` in the fiber that pushed it.
    public final class Box: @unchecked Sendable {
        // Sendable: see above; conveyed fibers read it after the hand-over.
        public let variable: Var
        public var value: Value
        public init(_ variable: Var, _ value: Value) {
            self.variable = variable
            self.value = value
        }
    }

    public let boxes: [Box]
    public let parent: Bindings?

    public init(_ boxes: [Box], parent: Bindings?) {
        self.boxes = boxes
        self.parent = parent
    }

    public func find(_ variable: Var) -> Box? {
        var frame: Bindings? = self
        while let current = frame {
            for box in current.boxes where box.variable === variable { return box }
            frame = current.parent
        }
        return nil
    }
}
