import Machine
import Testing
import Values

@Suite struct RingTests {
    /// Against an array, over a seeded sequence of operations that wraps the buffer many times.
    @Test func behavesAsAQueue() {
        var random = SplitMix(seed: 7)
        var ring = Ring<Int>()
        var model: [Int] = []
        for step in 0..<20_000 {
            switch random.next() % 5 {
            case 0, 1:
                ring.append(step)
                model.append(step)
            case 2:
                let expected = model.isEmpty ? nil : model.removeFirst()
                let first = ring.popFirst()
                #expect(first == expected)
            case 3:
                let (last, expected) = (ring.popLast(), model.popLast())
                #expect(last == expected)
            default:
                guard !model.isEmpty else { continue }
                let index = Int(random.next() % UInt64(model.count))
                let element = ring[index]
                #expect(element == model[index])
                if step % 50 == 0 {
                    ring.filter { $0 % 3 != 0 }
                    model.removeAll { $0 % 3 == 0 }
                }
            }
            let count = ring.count
            #expect(count == model.count)
        }
    }

    @Test func freesWhatIsLeft() {
        final class Element {}
        weak var watched: Element?
        do {
            var ring = Ring<Element>()
            let element = Element()
            watched = element
            ring.append(Element())
            ring.append(element)
            _ = ring.popFirst()
        }
        #expect(watched == nil)
    }
}
