import Engine
import Values

/// Who started a fiber, as the n-th of whom: stable from run to run, never made of timing.
///
/// An identity spells its whole path, which would grow without end where fibers start each other in a chain. So a lineage
/// keeps the nearest ancestor with a place of its own (a fiber that no other started, an invocation of a worker) and a digest
/// of the steps since, and makes an identity only when somebody asks.
package struct Lineage: Sendable {
    private let anchor: Identity
    /// The digest, 126 bits: the last two of `high` hold the steps, 2 standing for any more. After one step, `low` is the ordinal
    /// that it was, of which the digest follows; so it is when the one step was to an effect, which 3 stands for. So small, for
    /// there may be a million fibers.
    private let high: UInt64
    private let low: UInt64

    private var steps: UInt64 { high & 3 }

    /// The lineage of what has this identity.
    package init(_ anchor: Identity) { self.init(anchor: anchor, steps: 0, high: 0, low: 0) }

    /// The lineage of whoever makes an attempt at an effect.
    package init(of request: EffectRequest) {
        let effect = request.effect
        // Where there may be several, each is a place of its own.
        if effect.isRetried {
            self.init(request.identity)
        } else {
            self.init(anchor: effect.parent, steps: Lineage.effect, high: 0, low: UInt64(effect.ordinal))
        }
    }

    private static let effect: UInt64 = 3

    private init(anchor: Identity, steps: UInt64, high: UInt64, low: UInt64) {
        self.anchor = anchor
        self.high = high & ~3 | steps
        self.low = low
    }

    /// The lineage of the `ordinal`-th fiber that this one starts, from 0.
    package func child(_ ordinal: Int) -> Lineage {
        if steps == Lineage.effect { return Lineage(identity).child(ordinal) }
        if steps == 0 { return Lineage(anchor: anchor, steps: 1, high: 0, low: UInt64(ordinal)) }
        let (high, low) = steps == 1 ? Lineage.digest(0, 0, Int(low)) : (high & ~3, low)
        let next = Lineage.digest(high, low, ordinal)
        return Lineage(anchor: anchor, steps: 2, high: next.high, low: next.low)
    }

    private static func digest(_ high: UInt64, _ low: UInt64, _ ordinal: Int) -> (high: UInt64, low: UInt64) {
        let word = UInt64(truncatingIfNeeded: ordinal) &+ 1
        return (
            SplitMix.mix(high ^ SplitMix.mix(low &+ word &* SplitMix.step)) & ~3,
            SplitMix.mix(low &+ 0xd1b5_4a32_d192_ed03 ^ SplitMix.mix(high &+ word))
        )
    }

    /// The identity; that of an effect is kept, since its handler may ask for each effect that it performs.
    mutating func submitter() -> Identity {
        if steps == Lineage.effect { self = Lineage(identity) }
        return identity
    }

    /// `run/fiber:3`, or `run/fiber:4f1e…#0` for a fiber that a fiber started.
    package var identity: Identity {
        switch steps {
        case 0: anchor
        case 1: anchor.child(.fiber, ordinal: Int(low))
        case Lineage.effect: anchor.child(.effect, ordinal: Int(low))
        default:
            anchor.child(
                .fiber, name: String(high & ~3, radix: 16, width: 16) + String(low, radix: 16, width: 16), ordinal: 0)
        }
    }
}
