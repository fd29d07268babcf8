/// Sebastiano Vigna's SplitMix64: small, seedable and good enough for chance in scripts, fairness, jitter and schedules. The
/// same seed gives the same numbers.
public struct SplitMix: RandomNumberGenerator, Sendable {
    /// What the state grows by from one number to the next.
    @inlinable public static var step: UInt64 { 0x9e37_79b9_7f4a_7c15 }

    @usableFromInline var state: UInt64

    @inlinable public init(seed: UInt64) { state = seed }

    @inlinable public mutating func next() -> UInt64 {
        state &+= SplitMix.step
        return SplitMix.mix(state)
    }

    /// Uniform in 0..<1.
    public mutating func unit() -> Double { Double(next() &>> 11) * 0x1p-53 }

    /// Every bit of the result depends on every bit of the word.
    @inlinable public static func mix(_ word: UInt64) -> UInt64 {
        var word = (word ^ (word &>> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word &>> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word &>> 31)
    }
}
