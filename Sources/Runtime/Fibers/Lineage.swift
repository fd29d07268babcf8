import Engine
import Values

/// Who started a fiber, as the n-th of whom: stable from run to run, never made of timing.
///
/// An identity spells its whole path, which would grow without end where fibers start each other in a chain. So a lineage
/// keeps the nearest ancestor with a place of its own (a run, an invocation of a worker) and a digest of the steps since,
/// and makes an identity only when somebody asks.
package struct Lineage: Sendable {
    private let anchor: Identity
    private let ordinal: UInt32
    /// 0, 1, or 2 for any more.
    private let steps: UInt8
    private let high: UInt64
    private let low: UInt64

    /// The lineage of what has this identity.
    package init(_ anchor: Identity) {
        self.init(anchor: anchor, steps: 0, ordinal: 0, high: 0, low: 0)
    }

    private init(anchor: Identity, steps: UInt8, ordinal: UInt32, high: UInt64, low: UInt64) {
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
            anchor: anchor, steps: min(steps + 1, 2), ordinal: UInt32(truncatingIfNeeded: ordinal),
            high: SplitMix.mix(high ^ SplitMix.mix(low &+ word &* SplitMix.step)),
            low: SplitMix.mix(low &+ 0xd1b5_4a32_d192_ed03 ^ SplitMix.mix(high &+ word)))
    }

    /// `run/fiber:3`, or `run/fiber:4f1e…#0` for a fiber that a fiber started.
    package var identity: Identity {
        switch steps {
        case 0: anchor
        case 1: anchor.child(.fiber, ordinal: Int(ordinal))
        default:
            anchor.child(
                .fiber, name: String(high, radix: 16, width: 16) + String(low, radix: 16, width: 16), ordinal: 0)
        }
    }
}
