import Engine

/// Who started a fiber, as the n-th of whom: stable from run to run, never made of timing.
///
/// An identity spells its whole path, which would grow without end where fibers start each other in a chain. So a lineage
/// keeps the nearest ancestor with a place of its own (a run, an invocation of a worker) and a digest of the steps since,
/// and makes an identity only when somebody asks.
package struct Lineage: Sendable {
    private let anchor: Identity
    private let steps: Int
    private let ordinal: Int
    private let high: UInt64
    private let low: UInt64

    /// The lineage of what has this identity.
    package init(_ anchor: Identity) {
        self.init(anchor: anchor, steps: 0, ordinal: 0, high: 0, low: 0)
    }

    private init(anchor: Identity, steps: Int, ordinal: Int, high: UInt64, low: UInt64) {
        self.anchor = anchor
        self.steps = steps
        self.ordinal = ordinal
        self.high = high
        self.low = low
    }

    /// The lineage of the `ordinal`-th fiber that this one starts, from 0.
    package func child(_ ordinal: Int) -> Lineage {
        let word = UInt64(truncatingIfNeeded: ordinal) &+ 1
        return Lineage(
            anchor: anchor, steps: min(steps + 1, 2), ordinal: ordinal,
            high: SplitMix.mix(high ^ SplitMix.mix(low &+ word &* 0x9e37_79b9_7f4a_7c15)),
            low: SplitMix.mix(low &+ 0xd1b5_4a32_d192_ed03 ^ SplitMix.mix(high &+ word)))
    }

    /// `run/fiber:3`, or `run/fiber:4f1e…#0` for a fiber that a fiber started.
    package var identity: Identity {
        switch steps {
        case 0: anchor
        case 1: anchor.child(.fiber, ordinal: ordinal)
        default: anchor.child(.fiber, name: hex(high) + hex(low), ordinal: 0)
        }
    }

    private func hex(_ word: UInt64) -> String {
        let digits = String(word, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// The pseudo-random sequence of the runtime: small, seedable and good enough for fairness and for schedules.
package struct SplitMix: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        return SplitMix.mix(state)
    }

    package static func mix(_ word: UInt64) -> UInt64 {
        var word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word >> 31)
    }
}
