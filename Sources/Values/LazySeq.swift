import Synchronization

/// A sequence whose elements are computed when asked for, once.
///
/// The machine realises it: it claims the sequence, runs `thunk` and publishes the result; another fiber that meets a
/// claimed one waits. Everyone else only asks `realized`.
public final class LazySeq: @unchecked Sendable {
    // Sendable: `thunk` belongs to who claimed the state; `result` is published by the release store of `.realized`.
    /// The state is one of these, or the address of the fiber that claimed the sequence.
    private enum State {
        static let waiting: UInt = 0
        static let realized: UInt = 1
    }

    private let state = Atomic<UInt>(State.waiting)
    /// A function of no arguments that gives a sequence or nil.
    @exclusivity(unchecked) private var thunk: Value
    /// nil, or a non-lazy, non-empty sequence.
    @exclusivity(unchecked) private var result: Value = .nil
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

    package enum Claim {
        /// The caller is to run this thunk, then `publish` or `abandon`.
        case granted(Value)
        case realized
        /// Somebody else is at it.
        case taken
        /// The claimant is at it already: the sequence depends on itself.
        case circular
    }

    /// Claims the right to realise, for a claimant known by its address.
    package func claim(for claimant: UInt) -> Claim {
        let (exchanged, seen) = state.compareExchange(
            expected: State.waiting, desired: claimant, ordering: .acquiringAndReleasing)
        if exchanged { return .granted(thunk) }
        return seen == State.realized ? .realized : seen == claimant ? .circular : .taken
    }

    /// Gives the claimant's claim back after a failure: the next to ask runs the thunk again. Somebody else's stays.
    package func abandon(for claimant: UInt) {
        _ = state.compareExchange(expected: claimant, desired: State.waiting, ordering: .releasing)
    }

    /// Publishes the result: nil, or a non-lazy, non-empty sequence.
    package func publish(_ seq: Value) {
        result = seq
        Release.field(&thunk)
        state.store(State.realized, ordering: .releasing)
    }
}
