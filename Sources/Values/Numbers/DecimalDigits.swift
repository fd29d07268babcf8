// Integers as decimal digits, written where the text is to stand.
extension Numbers {
    /// Bytes of `value` in decimal, its sign counted.
    @inlinable public static func decimalWidth(_ value: Int64) -> Int {
        var rest = value.magnitude
        var width = value < 0 ? 2 : 1
        while rest >= 10_000 {
            rest /= 10_000
            width &+= 4
        }
        return rest < 10 ? width : rest < 100 ? width &+ 1 : rest < 1000 ? width &+ 2 : width &+ 3
    }

    /// Writes `value` in decimal so that its last digit stands before `end`; where it begins.
    @inlinable @discardableResult public static func writeDecimal(
        _ value: Int64, endingAt end: UnsafeMutablePointer<UInt8>
    ) -> UnsafeMutablePointer<UInt8> {
        var rest = value.magnitude
        var at = end
        while rest >= 10 {
            let pair = Int(truncatingIfNeeded: rest % 100)
            rest /= 100
            at -= 2
            at[0] = digitPairs.utf8Start[2 &* pair]
            at[1] = digitPairs.utf8Start[2 &* pair &+ 1]
        }
        // Two digits at a time leave one when their number is odd; a lone zero is one.
        if rest > 0 || at == end {
            at -= 1
            at.pointee = 48 &+ UInt8(truncatingIfNeeded: rest)
        }
        if value < 0 {
            at -= 1
            at.pointee = UInt8(ascii: "-")
        }
        return at
    }

    /// `00` to `99`.
    @usableFromInline static var digitPairs: StaticString {
        """
        0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849\
        5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899
        """
    }
}
