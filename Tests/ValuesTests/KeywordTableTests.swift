import Testing

@testable import Values

/// Tables of keywords are scanned up to 16 entries; what is added to them afterwards may be anything.
@Suite struct KeywordTableTests {
    private let names = Names()

    private func key(_ index: Int) -> Value { names.keyword("k\(index)") }

    /// Grown one by one, with a key of another kind at every possible moment, against a plain list of what was added.
    @Test func growsPastScanning() throws {
        for other in 0...20 {
            var map = HashMap()
            var expected: [(Value, Int64)] = []
            for index in 0..<20 {
                let added = index == other ? Value.string("text") : key(index)
                try HashMap.set(&map, added, .int(Int64(index)))
                expected.append((added, Int64(index)))
                #expect(map.count == expected.count)
                for (key, value) in expected { #expect(try map.find(key)?.intValue == value) }
                #expect(try map.find(self.key(100)) == nil)
                #expect(try map.find(.string("none")) == nil)
            }
            for index in stride(from: 0, to: 20, by: 2) { try HashMap.remove(&map, expected[index].0) }
            for (index, entry) in expected.enumerated() {
                #expect(try map.find(entry.0)?.intValue == (index % 2 == 0 ? nil : entry.1))
            }
        }
    }

    /// What was taken over from a buffer of `count` entries is as if it had been set one by one.
    @Test(arguments: [0, 1, 2, 7, 8, 9, 15, 16, 17, 33, 100])
    func takesEntriesOver(_ count: Int) throws {
        for isText in [false, true] {
            let buffer = UnsafeMutablePointer<Value>.allocate(capacity: 2 * count + 1)
            defer { buffer.deallocate() }
            func key(_ index: Int) -> Value { isText ? .string("k\(index)") : self.key(index) }
            for index in 0..<count {
                (buffer + 2 * index).initialize(to: key(index))
                (buffer + 2 * index + 1).initialize(to: .int(Int64(index)))
            }
            var map = try #require(try HashMap.taking(buffer, count: count))
            #expect(map.count == count)
            for index in 0..<count { #expect(try map.find(key(index))?.intValue == Int64(index)) }
            try HashMap.set(&map, key(count), .nil)
            #expect(map.entries.map { $0.key.briefly } == (0...count).map { key($0).briefly })
        }
    }

    @Test(arguments: [2, 8, 9, 16, 17, 40])
    func refusesEqualKeys(_ count: Int) throws {
        for isText in [false, true] {
            let buffer = UnsafeMutablePointer<Value>.allocate(capacity: count)
            defer {
                buffer.deinitialize(count: count)
                buffer.deallocate()
            }
            for index in 0..<count {
                let number = index == count - 1 ? 0 : index
                (buffer + index).initialize(to: isText ? .string("a text \(number)") : key(number))
            }
            #expect(try HashSet.taking(buffer, count: count) == nil)
        }
    }

    @Test(arguments: [0, 1, 31, 32, 33, 64, 65, 1024, 1057, 3000])
    func aVectorTakesItsElementsOver(_ count: Int) {
        let buffer = UnsafeMutablePointer<Value>.allocate(capacity: count + 1)
        defer { buffer.deallocate() }
        for index in 0..<count { (buffer + index).initialize(to: .int(Int64(index))) }
        var vector = Vector(taking: buffer, count: count)
        for index in count..<count + 40 { Vector.append(&vector, .int(Int64(index))) }
        #expect(vector.elements.map(\.intValue) == (0..<count + 40).map { Int64($0) })
        while vector.count > 1 { Vector.removeLast(&vector) }
        #expect(vector.elements.map(\.intValue) == [0])
    }
}
