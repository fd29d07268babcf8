import Values

/// The finished values of a reader's open collections.
///
/// Raw memory, so that a collection takes its elements over where they stand: no copy, no reference counting.
final class ValueStack {
    // Exclusivity is not checked at run time: one reader uses it, on one thread.
    @exclusivity(unchecked) private(set) var base: UnsafeMutablePointer<Value>
    @exclusivity(unchecked) private(set) var count = 0
    @exclusivity(unchecked) private var capacity = 64

    init() { base = .allocate(capacity: capacity) }

    deinit {
        truncate(to: 0)
        base.deallocate()
    }

    subscript(index: Int) -> Value {
        get { base[index] }
        set { base[index] = newValue }
    }

    @inline(__always) func append(_ value: consuming Value) {
        if count == capacity { grow() }
        (base + count).initialize(to: value)
        count &+= 1
    }

    func popLast() -> Value? {
        guard count > 0 else { return nil }
        count -= 1
        return (base + count).move()
    }

    func truncate(to kept: Int) {
        (base + kept).deinitialize(count: count - kept)
        count = kept
    }

    /// For values that somebody else has taken over.
    @inline(__always) func forget(from start: Int) { count = start }

    @inline(never) private func grow() {
        let larger = UnsafeMutablePointer<Value>.allocate(capacity: capacity * 2)
        larger.moveInitialize(from: base, count: count)
        base.deallocate()
        base = larger
        capacity *= 2
    }
}

/// What tokens met before stood for, by their text: data repeats its keys, and asking the table of all names takes a lock.
///
/// Direct-mapped; an entry holds where in the source its token stood, so no text is copied.
final class TokenCache<Kept> {
    private struct Entry {
        /// The first eight bytes, zeros behind the token.
        let head: UInt64
        let start: UInt32
        let length: UInt32
        /// Nil when nothing was kept here.
        let kept: Kept?
    }

    private let base: UnsafePointer<UInt8>
    private let entries: UnsafeMutablePointer<Entry>
    private let bits: UInt64

    /// For the source of `count` bytes at `base`, behind which there are zeros.
    init(base: UnsafePointer<UInt8>, count: Int) {
        self.base = base
        bits = count < 4096 ? 3 : 9
        entries = .allocate(capacity: 1 << Int(bits))
        entries.initialize(repeating: Entry(head: 0, start: 0, length: 0, kept: nil), count: 1 << Int(bits))
    }

    deinit {
        entries.deinitialize(count: 1 << Int(bits))
        entries.deallocate()
    }

    /// What the token at `start..<end` stands for: what is known, or what `find` gives, which is kept.
    @inline(__always) func value<Failure: Error>(
        _ start: Int, _ end: Int, _ find: () throws(Failure) -> Kept
    ) throws(Failure) -> Kept {
        let length = end &- start
        var head = UInt64(littleEndian: UnsafeRawPointer(base + start).loadUnaligned(as: UInt64.self))
        if length < 8 { head &= (1 &<< UInt64(8 &* length)) &- 1 }
        let mixed = (head ^ UInt64(length) ^ tail(start, length)) &* 0x9e37_79b9_7f4a_7c15
        let entry = entries + Int(truncatingIfNeeded: mixed &>> (64 &- bits))
        if entry.pointee.head == head, Int(entry.pointee.length) == length,
            length <= 8 || hasSameRest(Int(entry.pointee.start), start, length), let kept = entry.pointee.kept
        {
            return kept
        }
        let found = try find()
        entry.pointee = Entry(
            head: head, start: UInt32(truncatingIfNeeded: start), length: UInt32(truncatingIfNeeded: length),
            kept: found)
        return found
    }

    /// Something of what follows the first eight bytes.
    @inline(__always) private func tail(_ start: Int, _ length: Int) -> UInt64 {
        guard length > 8 else { return 0 }
        return UnsafeRawPointer(base + (start &+ length &- 8)).loadUnaligned(as: UInt64.self) &* 0xd6e8_feb8_6659_fd93
    }

    private func hasSameRest(_ kept: Int, _ start: Int, _ length: Int) -> Bool {
        for at in 8..<length where base[kept + at] != base[start + at] { return false }
        return true
    }
}
