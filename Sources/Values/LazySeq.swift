import Synchronization

/// A sequence whose elements are computed when asked for, once.
///
/// The machine realises it: it claims the sequence, runs `thunk` and publishes the result; another fiber that meets a
/// claimed one says so and waits to be told. Everyone else only asks `realized`.
public final class LazySeq: @unchecked Sendable {
    // Sendable: `thunk` and `recipe` belong to who claimed the state or holds the only reference; `result` is published by the release store of `.realized`.
    /// The state is one of the first two, or the address of the fiber that claimed the sequence, perhaps with the mark.
    private enum State {
        static let waiting: UInt = 0
        static let realized: UInt = 1
        /// Somebody waits for who claimed it; addresses of objects have this bit clear.
        static let awaited: UInt = 2
    }

    private let state = Atomic<UInt>(State.waiting)
    /// A function of no arguments that gives a sequence or nil.
    @exclusivity(unchecked) private var thunk: Value
    /// nil, or a non-lazy, non-empty sequence.
    @exclusivity(unchecked) private var result: Value = .nil
    /// How the elements come from those of another collection, `[step f source]`, for who wants no sequence between: see
    /// `takeRecipe`. Nil when nobody said, and once somebody realises the sequence.
    @exclusivity(unchecked) private var recipe: Value = .nil
    public let meta: HashMap?

    public init(thunk: consuming Value, meta: HashMap? = nil) {
        self.thunk = consume thunk
        self.meta = meta
        Meter.charge(LazySeq.footprint)
    }

    private static let footprint = 96

    /// Already realised as `seq`: nil, or a non-lazy, non-empty sequence.
    public init(realized seq: Value, meta: HashMap? = nil) {
        thunk = .nil
        result = seq
        self.meta = meta
        state.store(State.realized, ordering: .releasing)
        Meter.charge(LazySeq.footprint)
    }

    deinit {
        Meter.credit(LazySeq.footprint)
        Release.field(&recipe)
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
        if exchanged {
            // It would hold on to the source while the elements are walked.
            Release.field(&recipe)
            return .granted(thunk)
        }
        return seen == State.realized ? .realized : seen & ~State.awaited == claimant ? .circular : .taken
    }

    /// Says how the elements of a sequence that nobody else has seen yet are made.
    package func setRecipe(_ recipe: Vector) { self.recipe = .vector(recipe) }

    /// The recipe of a sequence that nobody has realised and that nobody else holds, so that nobody can tell when its
    /// elements are computed in another way, without being kept; it is not to be used any more.
    package static func takeRecipe(_ lazy: inout LazySeq) -> Vector? {
        guard isKnownUniquelyReferenced(&lazy), lazy.state.load(ordering: .acquiring) == State.waiting,
            case .vector(let recipe) = lazy.recipe
        else { return nil }
        lazy.recipe = .nil
        return recipe
    }

    /// Gives the claimant's claim back after a failure: the next to ask runs the thunk again. Somebody else's stays. True
    /// when those who wait are to be told.
    package func abandon(for claimant: UInt) -> Bool {
        // Only the claimant itself clears its claim, so the mark alone can come in between.
        for seen in [claimant, claimant | State.awaited]
        where state.compareExchange(expected: seen, desired: State.waiting, ordering: .acquiringAndReleasing).exchanged
        {
            return seen & State.awaited != 0
        }
        return false
    }

    /// Publishes the result: nil, or a non-lazy, non-empty sequence. True when those who wait are to be told.
    package func publish(_ seq: consuming Value) -> Bool {
        result = seq
        Release.field(&thunk)
        return state.exchange(State.realized, ordering: .acquiringAndReleasing) & State.awaited != 0
    }

    /// Marks that somebody waits for the claimant, and gives it; nil when nobody is at it now.
    package func markAwaited() -> UInt? {
        while let claimant {
            let marked = claimant | State.awaited
            if state.load(ordering: .acquiring) == marked { return claimant }
            if state.compareExchange(expected: claimant, desired: marked, ordering: .acquiringAndReleasing).exchanged {
                return claimant
            }
        }
        return nil
    }

    /// Who is at it.
    package var claimant: UInt? {
        let seen = state.load(ordering: .acquiring)
        return seen == State.waiting || seen == State.realized ? nil : seen & ~State.awaited
    }
}
