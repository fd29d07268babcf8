import Synchronization

/// A sequence whose elements are computed when asked for, once.
///
/// The machine realises it: it claims the sequence, runs `thunk` and publishes the result; another fiber that meets a
/// claimed one waits. Everyone else only asks `realized`.
public final class LazySeq: @unchecked Sendable {
    // Sendable: `thunk` belongs to who claimed the state; `result` is published by the release store of `.realized`.
    private enum State {
        static let waiting = 0
        static let claimed = 1
        static let realized = 2
    }

    private let state = Atomic<Int>(State.waiting)
    /// A function of no arguments that gives a sequence or nil.
    private var thunk: Value
    /// nil, or a non-lazy, non-empty sequence.
    private var result: Value = .nil
    public let meta: HashMap?

    public init(thunk: Value, meta: HashMap? = nil) {
        self.thunk = thunk
        self.meta = meta
        Meter.charge(80)
    }

    /// Already realised as `seq`: nil, or a non-lazy, non-empty sequence.
    public init(realized seq: Value, meta: HashMap? = nil) {
        thunk = .nil
        result = seq
        self.meta = meta
        state.store(State.realized, ordering: .releasing)
        Meter.charge(80)
    }

    deinit {
        Meter.credit(80)
        Release.field(&thunk)
        Release.field(&result)
    }

    /// The sequence, or `.force` when it is still to be realised.
    @inline(__always) public func seq() throws(Fault) -> Value {
        guard state.load(ordering: .acquiring) == State.realized else { throw .force(self) }
        return result
    }

    public var isRealized: Bool { state.load(ordering: .acquiring) == State.realized }

    /// Claims the right to realise; false when another fiber has it or it is done. Gives the thunk.
    public func claim() -> Value? {
        guard state.compareExchange(expected: State.waiting, desired: State.claimed, ordering: .acquiring).exchanged else { return nil }
        return thunk
    }

    /// Gives the claim back after a failure: the next to ask runs the thunk again.
    public func abandon() { state.store(State.waiting, ordering: .releasing) }

    /// Publishes the result: nil, or a non-lazy, non-empty sequence.
    public func publish(_ seq: Value) {
        result = seq
        Release.field(&thunk)
        state.store(State.realized, ordering: .releasing)
    }
}
