/// Which slot a key has, by the key's hash: an open-addressing table of a word for each.
///
/// The keys themselves lie in what the slots are of, where whoever asks compares them. So a million effects are found by ids and by
/// idempotency keys in a fraction of the memory that dictionaries of the keys would take, and mostly without a look at any of them.
/// Like `Slab`, it is never copied.
struct SlotIndex: ~Copyable, @unchecked Sendable {
    // Sendable: `cells` is its own.
    /// Hash above, slot below; `empty` for none. A power of two of them, at most half full; none before the first.
    private var cells: UnsafeMutablePointer<UInt64>
    /// One less than the number of cells.
    private var mask = -1
    private(set) var count = 0

    private static let empty = UInt64.max

    init() { cells = .allocate(capacity: 0) }

    deinit { cells.deallocate() }

    private static func cell(_ hash: UInt32, _ slot: Int32) -> UInt64 {
        UInt64(hash) &<< 32 | UInt64(UInt32(bitPattern: slot))
    }

    /// The slot of the key with this hash for which `isMatch` says so.
    @inline(__always) func find(_ hash: UInt32, _ isMatch: (Int32) -> Bool) -> Int32? {
        if count == 0 { return nil }
        var at = Int(hash) & mask
        while cells[at] != SlotIndex.empty {
            if UInt32(truncatingIfNeeded: cells[at] &>> 32) == hash {
                let slot = Int32(truncatingIfNeeded: cells[at])
                if isMatch(slot) { return slot }
            }
            at = (at + 1) & mask
        }
        return nil
    }

    /// Adds a key that is not there.
    mutating func insert(_ hash: UInt32, _ slot: Int32) {
        reserve(1)
        place(SlotIndex.cell(hash, slot))
        count += 1
    }

    /// Removes a key of this hash and slot, if there is one.
    mutating func remove(_ hash: UInt32, _ slot: Int32) {
        if count == 0 { return }
        let cell = SlotIndex.cell(hash, slot)
        var at = Int(hash) & mask
        while cells[at] != cell {
            if cells[at] == SlotIndex.empty { return }
            at = (at + 1) & mask
        }
        count -= 1
        // Those behind it that it was in the way of move up, so that every search ends at the first gap.
        var next = (at + 1) & mask
        while cells[next] != SlotIndex.empty {
            let home = Int(cells[next] &>> 32) & mask
            if (next - home) & mask >= (next - at) & mask {
                cells[at] = cells[next]
                at = next
            }
            next = (next + 1) & mask
        }
        cells[at] = SlotIndex.empty
        if mask > 1024, count * 16 < mask { resize((mask + 1) / 4) }
    }

    /// Makes room for so many more at once.
    @inline(__always) mutating func reserve(_ more: Int) {
        if (count + more) * 2 > mask + 1 { grow(for: more) }
    }

    @inline(never) private mutating func grow(for more: Int) {
        var room = max(16, mask + 1)
        while (count + more) * 2 > room { room *= 2 }
        resize(room)
    }

    private mutating func resize(_ room: Int) {
        let (old, oldRoom) = (cells, mask + 1)
        cells = .allocate(capacity: room)
        cells.initialize(repeating: SlotIndex.empty, count: room)
        mask = room - 1
        for at in 0..<oldRoom where old[at] != SlotIndex.empty { place(old[at]) }
        old.deallocate()
    }

    private func place(_ cell: UInt64) {
        var at = Int(cell &>> 32) & mask
        while cells[at] != SlotIndex.empty { at = (at + 1) & mask }
        cells[at] = cell
    }
}
