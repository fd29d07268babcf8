/// Who started what, as the n-th of its kind: stable from run to run, never made of timing.
///
/// Sixteen bytes whatever the depth, so that a chain of fibers that start each other keeps no ancestors.
package struct Lineage: Hashable, Sendable, CustomStringConvertible {
    package let high: UInt64
    package let low: UInt64

    package static let root = Lineage(high: 0, low: 0)

    /// The identity of what this one starts as its `ordinal`-th, from 1.
    package func child(_ ordinal: Int) -> Lineage {
        let word = UInt64(truncatingIfNeeded: ordinal)
        return Lineage(
            high: SplitMix.mix(high ^ SplitMix.mix(low &+ word &* 0x9e37_79b9_7f4a_7c15)),
            low: SplitMix.mix(low &+ 0xd1b5_4a32_d192_ed03 ^ SplitMix.mix(high &+ word)))
    }

    /// The identity of something with a name, such as a worker.
    package func named(_ name: String) -> Lineage {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return child(Int(truncatingIfNeeded: hash))
    }

    package var description: String { hex(high) + hex(low) }

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
