/// Magnitudes: natural numbers as 64-bit limbs, least significant first, without zeros at the top.
///
/// The operations of `BigInt` below the sign.
enum Limbs {
    typealias Limb = UInt64
    typealias Source = UnsafePointer<Limb>
    typealias Target = UnsafeMutablePointer<Limb>

    /// From this many limbs on, splitting a product in three halves beats multiplying limb by limb.
    static let karatsubaThreshold = 40

    static func trimmed(_ limbs: consuming [Limb]) -> [Limb] {
        trim(&limbs)
        return limbs
    }

    /// Leaves out the zeros at the top.
    static func trim(_ limbs: inout [Limb]) { while limbs.last == 0 { limbs.removeLast() } }

    static func bitWidth(_ limbs: [Limb]) -> Int {
        limbs.isEmpty ? 0 : limbs.count * 64 - limbs[limbs.count - 1].leadingZeroBitCount
    }

    static func trailingZeroBits(_ limbs: [Limb]) -> Int {
        guard let first = limbs.firstIndex(where: { $0 != 0 }) else { return 0 }
        return first * 64 + limbs[first].trailingZeroBitCount
    }

    /// Negative, zero or positive.
    static func compare(_ a: [Limb], _ b: [Limb]) -> Int {
        if a.count != b.count { return a.count - b.count }
        for index in stride(from: a.count - 1, through: 0, by: -1) where a[index] != b[index] {
            return a[index] < b[index] ? -1 : 1
        }
        return 0
    }

    static func add(_ a: [Limb], _ b: [Limb]) -> [Limb] {
        let (long, short) = a.count >= b.count ? (a, b) : (b, a)
        charge(products: long.count)
        return trimmed(
            Array(unsafeUninitializedCapacity: long.count + 1) { target, count in
                let base = target.baseAddress!
                long.withUnsafeBufferPointer {
                    base.update(from: $0.baseAddress ?? UnsafePointer(base), count: long.count)
                }
                base[long.count] = 0
                short.withUnsafeBufferPointer { source in
                    guard let source = source.baseAddress else { return }
                    add(source, short.count, to: base, long.count + 1)
                }
                count = long.count + 1
            })
    }

    /// `a` must not be less than `b`.
    static func subtract(_ a: [Limb], _ b: [Limb]) -> [Limb] {
        // Nor is an empty array borrowed for writing, which would write to the one that all threads share.
        if b.isEmpty { return a }
        charge(products: a.count)
        var difference = a
        difference.withUnsafeMutableBufferPointer { target in
            b.withUnsafeBufferPointer { source in
                subtract(source.baseAddress!, b.count, from: target.baseAddress!, a.count)
            }
        }
        return trimmed(difference)
    }

    /// target += source; the sum must fit.
    static func add(_ source: Source, _ count: Int, to target: Target, _ targetCount: Int) {
        var carry = false
        var index = 0
        while index < count || (carry && index < targetCount) {
            let addend = index < count ? source[index] : 0
            let (first, overflow) = target[index].addingReportingOverflow(addend)
            let (sum, again) = first.addingReportingOverflow(carry ? 1 : 0)
            target[index] = sum
            carry = overflow || again
            index += 1
            if index >= targetCount { return }
        }
    }

    /// target -= source; the difference must not be negative.
    static func subtract(_ source: Source, _ count: Int, from target: Target, _ targetCount: Int) {
        var borrow = false
        var index = 0
        while index < targetCount, index < count || borrow {
            let subtrahend = index < count ? source[index] : 0
            let (first, overflow) = target[index].subtractingReportingOverflow(subtrahend)
            let (difference, again) = first.subtractingReportingOverflow(borrow ? 1 : 0)
            target[index] = difference
            borrow = overflow || again
            index += 1
        }
    }

    static func shiftLeft(_ a: [Limb], _ bits: Int) -> [Limb] {
        guard !a.isEmpty else { return a }
        let (whole, part) = (bits / 64, bits % 64)
        var shifted = [Limb](repeating: 0, count: a.count + whole + 1)
        for index in a.indices {
            shifted[index + whole] |= a[index] << part
            if part > 0 { shifted[index + whole + 1] = a[index] >> (64 - part) }
        }
        return trimmed(shifted)
    }

    /// The 64 bits from bit `start` on.
    @inline(__always) static func window(_ a: [Limb], _ start: Int) -> Limb {
        let (whole, part) = (start / 64, start % 64)
        guard whole < a.count else { return 0 }
        let above = part > 0 && whole + 1 < a.count ? a[whole + 1] << (64 - part) : 0
        return a[whole] >> part | above
    }

    /// Drops the low `bits`.
    static func shiftRight(_ a: [Limb], _ bits: Int) -> [Limb] {
        let (whole, part) = (bits / 64, bits % 64)
        guard whole < a.count else { return [] }
        var shifted = Array(a[whole...])
        guard part > 0 else { return shifted }
        for index in shifted.indices {
            let above = index + 1 < shifted.count ? shifted[index + 1] << (64 - part) : 0
            shifted[index] = shifted[index] >> part | above
        }
        return trimmed(shifted)
    }

    static func multiply(_ a: [Limb], _ b: [Limb]) -> [Limb] {
        guard !a.isEmpty, !b.isEmpty else { return [] }
        let (long, short) = a.count >= b.count ? (a, b) : (b, a)
        charge(products: products(long.count, short.count))
        return trimmed(
            Array(unsafeUninitializedCapacity: long.count + short.count) { target, count in
                count = long.count + short.count
                long.withUnsafeBufferPointer { long in
                    short.withUnsafeBufferPointer { short in
                        multiply(
                            long.baseAddress!, long.count, short.baseAddress!, short.count, into: target.baseAddress!)
                    }
                }
            })
    }

    /// Limbs that are multiplied, about, when a product of factors with so many limbs is made.
    private static func products(_ long: Int, _ short: Int) -> Int {
        guard short >= karatsubaThreshold else { return long * short }
        var products = short * short
        var size = short
        while size >= karatsubaThreshold {
            products = products / 4 * 3
            size /= 2
        }
        return products * (long / short + (long % short > 0 ? 1 : 0))
    }

    /// Counts arithmetic that multiplied so many limbs, or did as much (N6). A step is worth about four; what is less than a
    /// few dozen goes with the step of the operation itself.
    @inline(__always) static func charge(products: Int) {
        if _slowPath(products >= 64) { Attention.charge(products / 4) }
    }

    /// `a` has at least as many limbs as `b`; `target` holds the sum of both counts and need not be initialised.
    static func multiply(_ a: Source, _ aCount: Int, _ b: Source, _ bCount: Int, into target: Target) {
        if bCount < karatsubaThreshold { return schoolbook(a, aCount, b, bCount, into: target) }
        if aCount == bCount { return karatsuba(a, b, aCount, into: target) }
        // The longer in pieces as long as the shorter.
        target.initialize(repeating: 0, count: aCount + bCount)
        let product = Target.allocate(capacity: 2 * bCount)
        defer { product.deallocate() }
        var offset = 0
        while offset < aCount {
            let piece = min(bCount, aCount - offset)
            if piece == bCount {
                multiply(a + offset, piece, b, bCount, into: product)
            } else {
                multiply(b, bCount, a + offset, piece, into: product)
            }
            add(product, piece + bCount, to: target + offset, aCount + bCount - offset)
            offset += piece
        }
    }

    private static func schoolbook(_ a: Source, _ aCount: Int, _ b: Source, _ bCount: Int, into target: Target) {
        target.initialize(repeating: 0, count: aCount + bCount)
        for row in 0..<bCount {
            target[row + aCount] = addProduct(a, aCount, b[row], to: target + row)
        }
    }

    /// target += a × factor; gives the limb that is carried out.
    @inline(__always)
    private static func addProduct(_ a: Source, _ count: Int, _ factor: Limb, to target: Target) -> Limb {
        var carry: Limb = 0
        for index in 0..<count {
            let product = a[index].multipliedFullWidth(by: factor)
            let (first, overflow) = product.low.addingReportingOverflow(target[index])
            let (sum, again) = first.addingReportingOverflow(carry)
            target[index] = sum
            carry = product.high &+ (overflow ? 1 : 0) &+ (again ? 1 : 0)
        }
        return carry
    }

    /// (a₁x + a₀)(b₁x + b₀) from three products of half the size.
    private static func karatsuba(_ a: Source, _ b: Source, _ count: Int, into target: Target) {
        let low = count / 2
        let high = count - low
        multiply(a, low, b, low, into: target)
        multiply(a + low, high, b + low, high, into: target + 2 * low)
        let sumCount = high + 1
        let scratch = Target.allocate(capacity: 4 * sumCount)
        defer { scratch.deallocate() }
        let (sumA, sumB, middle) = (scratch, scratch + sumCount, scratch + 2 * sumCount)
        for (sum, factor) in [(sumA, a), (sumB, b)] {
            sum.initialize(from: factor + low, count: high)
            sum[high] = 0
            add(factor, low, to: sum, sumCount)
        }
        multiply(sumA, sumCount, sumB, sumCount, into: middle)
        subtract(target, 2 * low, from: middle, 2 * sumCount)
        subtract(target + 2 * low, 2 * high, from: middle, 2 * sumCount)
        var middleCount = 2 * sumCount
        while middleCount > 0, middle[middleCount - 1] == 0 { middleCount -= 1 }
        add(middle, middleCount, to: target + low, 2 * count - low)
    }

    /// a × factor + addend, in place.
    static func multiply(_ a: inout [Limb], by factor: Limb, adding addend: Limb) {
        var carry = addend
        for index in a.indices {
            let product = a[index].multipliedFullWidth(by: factor)
            let (sum, overflow) = product.low.addingReportingOverflow(carry)
            a[index] = sum
            carry = product.high &+ (overflow ? 1 : 0)
        }
        if carry > 0 { a.append(carry) }
    }
}

// Division.
extension Limbs {
    /// Divides in place; gives the remainder. `divisor` is not zero.
    static func divide(_ a: inout [Limb], by divisor: Limb) -> Limb {
        // To divide takes the machine as long as to multiply several times.
        charge(products: a.count * 8)
        var remainder: Limb = 0
        for index in stride(from: a.count - 1, through: 0, by: -1) {
            (a[index], remainder) = divisor.dividingFullWidth((remainder, a[index]))
        }
        a = trimmed(a)
        return remainder
    }

    /// Quotient and remainder; `b` is not empty.
    static func divide(_ a: [Limb], _ b: [Limb]) -> (quotient: [Limb], remainder: [Limb]) {
        if compare(a, b) < 0 { return ([], a) }
        if b.count == 1 {
            var quotient = a
            let remainder = divide(&quotient, by: b[0])
            return (quotient, remainder == 0 ? [] : [remainder])
        }
        return knuth(a, b)
    }

    /// Knuth's algorithm D: the divisor is shifted so that its top bit is set, then each quotient limb is guessed from the
    /// top limbs and is at most two too large.
    private static func knuth(_ a: [Limb], _ b: [Limb]) -> (quotient: [Limb], remainder: [Limb]) {
        charge(products: (a.count - b.count + 1) * b.count)
        let shift = b[b.count - 1].leadingZeroBitCount
        let divisor = shiftLeft(b, shift)
        var rest = shiftLeft(a, shift)
        while rest.count <= a.count { rest.append(0) }
        let size = divisor.count
        var quotient = [Limb](repeating: 0, count: rest.count - size)
        divisor.withUnsafeBufferPointer { divisor in
            rest.withUnsafeMutableBufferPointer { rest in
                let top = divisor[size - 1]
                for position in stride(from: rest.count - size - 1, through: 0, by: -1) {
                    let window = rest.baseAddress! + position
                    var guess = guess(window, size, top: top, next: divisor[size - 2])
                    if guess == 0 { continue }
                    if subtractProduct(divisor.baseAddress!, size, guess, from: window) {
                        // One too large: rare, and rarely twice.
                        guess -= 1
                        add(divisor.baseAddress!, size, to: window, size + 1)
                    }
                    quotient[position] = guess
                }
            }
        }
        return (trimmed(quotient), shiftRight(trimmed(rest), shift))
    }

    /// The quotient limb of the window's top three limbs by the divisor's top two, which exceeds the true one by at most one.
    @inline(__always)
    private static func guess(_ window: Target, _ size: Int, top: Limb, next: Limb) -> Limb {
        let (high, middle, low) = (window[size], window[size - 1], window[size - 2])
        var quotient: Limb
        var remainder: Limb
        if high >= top {
            quotient = .max
            let (sum, overflow) = middle.addingReportingOverflow(top)
            if overflow { return quotient }
            remainder = sum
        } else {
            (quotient, remainder) = top.dividingFullWidth((high, middle))
        }
        while true {
            let product = quotient.multipliedFullWidth(by: next)
            guard product.high > remainder || (product.high == remainder && product.low > low) else { return quotient }
            quotient -= 1
            let (sum, overflow) = remainder.addingReportingOverflow(top)
            if overflow { return quotient }
            remainder = sum
        }
    }

    /// window -= divisor × factor; true when it went below zero and wrapped around.
    @inline(__always)
    private static func subtractProduct(_ divisor: Source, _ size: Int, _ factor: Limb, from window: Target) -> Bool {
        var carry: Limb = 0
        for index in 0..<size {
            let product = divisor[index].multipliedFullWidth(by: factor)
            let (low, overflow) = product.low.addingReportingOverflow(carry)
            let (difference, borrow) = window[index].subtractingReportingOverflow(low)
            window[index] = difference
            carry = product.high &+ (overflow ? 1 : 0) &+ (borrow ? 1 : 0)
        }
        let (difference, borrow) = window[size].subtractingReportingOverflow(carry)
        window[size] = difference
        return borrow
    }
}
