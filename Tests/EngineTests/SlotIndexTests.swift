import Testing
import Values

@testable import Engine

/// The index from hashes to slots, beside a dictionary that is asked the same.
@Suite struct SlotIndexTests {
    /// Few hashes, so that many keys share one and stand in each other's way, around the end of the table too.
    @Test(arguments: [UInt32(1), 3, 40, .max]) func aRandomHistory(_ hashes: UInt32) {
        var random = SplitMix(seed: UInt64(hashes))
        var index = SlotIndex()
        var model: [Int32: UInt32] = [:]
        for _ in 0..<20_000 {
            let slot = Int32(random.next() % 300)
            if let hash = model[slot] {
                index.remove(hash, slot)
                model[slot] = nil
            } else {
                let hash = UInt32(truncatingIfNeeded: random.next()) % hashes &* 0x4000_000f
                // What is not there is not removed.
                index.remove(hash, slot)
                index.insert(hash, slot)
                model[slot] = hash
            }
            let asked = Int32(random.next() % 300)
            let found = index.find(model[asked] ?? 7) { $0 == asked }
            #expect(found == (model[asked] == nil ? nil : asked) && index.count == model.count)
        }
        for (slot, hash) in model { #expect(index.find(hash) { $0 == slot } == slot) }
    }

    @Test func onlyThoseOfTheSameHashAreLookedAt() {
        var index = SlotIndex()
        index.reserve(1000)
        for slot in Int32(0)..<1000 { index.insert(UInt32(bitPattern: slot % 10), slot) }
        var looked: [Int32] = []
        #expect(
            index.find(3) { slot in
                looked.append(slot)
                return slot == 993
            } == 993)
        #expect(looked.allSatisfy { $0 % 10 == 3 })
        #expect(index.find(3) { _ in false } == nil && index.find(11) { _ in true } == nil)
    }
}
