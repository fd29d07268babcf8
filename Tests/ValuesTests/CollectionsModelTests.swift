import Testing
import Values

/// Random operations against Swift's own array and dictionary, with old versions kept and looked at again (N3).
@Suite struct CollectionsModelTests {
    static let seeds: [UInt64] = [1, 2, 3, 4]

    // MARK: vectors

    private func words(_ vector: Vector) -> [Word?] { vector.map(Word.init) }

    /// `sharing`: one in so many steps keeps the version, which makes the next change copy.
    @Test(arguments: seeds, [1, 7, 100])
    func vectorsBehaveAsArrays(seed: UInt64, sharing: Int) {
        var random = SplitMix(seed: seed)
        var vector = Vector.empty
        var model: [Word] = []
        var versions: [(Vector, [Word])] = []
        // The size drifts up and down through the sizes at which the shape changes: 32, 64, 1,024 + 32.
        for step in 0..<4_000 {
            if step % sharing == 0, versions.count < 200 || random.below(50) == 0 { versions.append((vector, model)) }
            let growing = step % 3_000 < 1_800
            switch random.below(10) {
            case 0 where !model.isEmpty:
                let (index, word) = (random.below(model.count), Word.random(1_000, &random))
                Vector.replace(&vector, at: index, with: word.value)
                model[index] = word
            case 1...2 where !model.isEmpty && random.below(20) == 0:
                let start = random.below(model.count)
                let end = start + random.below(model.count - start + 1)
                versions.append((vector.slice(start, end), Array(model[start..<end])))
                if random.below(8) == 0 { (vector, model) = versions.last! }
            case 1...8 where growing || model.isEmpty:
                let word = Word.random(1_000, &random)
                Vector.append(&vector, word.value)
                model.append(word)
            case 1...7 where !model.isEmpty:
                Vector.removeLast(&vector)
                model.removeLast()
            default: continue
            }
            #expect(vector.count == model.count)
        }
        versions.append((vector, model))
        for (vector, model) in versions {
            #expect(words(vector) == model)
            #expect(vector.elements.map(Word.init) == model)
            #expect(model.indices.allSatisfy { Word(vector[$0]) == model[$0] })
        }
    }

    /// Sizes around every change of shape, grown, then emptied, in place and with every version kept.
    @Test(arguments: [0, 1, 2, 3, 31, 32, 33, 63, 64, 65, 1_023, 1_024, 1_055, 1_056, 1_057, 1_088, 1_089, 33_000])
    func vectorsGrowAndShrinkThrough(size: Int) {
        var grown = Vector.empty
        for number in 0..<size { Vector.append(&grown, .int(Int64(number))) }
        #expect(grown.compactMap(\.intValue) == (0..<Int64(size)).map { $0 })
        let bulk = Vector(ints(0..<size))
        #expect(bulk.compactMap(\.intValue) == grown.compactMap(\.intValue))
        var shrinking = grown
        for left in (0..<size).reversed().prefix(2_200) {
            Vector.removeLast(&shrinking)
            #expect(shrinking.count == left)
            if left > 0 { #expect(shrinking[left - 1].intValue == Int64(left - 1)) }
        }
        #expect(grown.compactMap(\.intValue) == (0..<Int64(size)).map { $0 })
        var regrown = shrinking
        for number in shrinking.count..<size { Vector.append(&regrown, .int(Int64(number))) }
        #expect(regrown.compactMap(\.intValue) == grown.compactMap(\.intValue))
    }

    @Test func chunksCoverAVectorWithoutGapOrOverlap() {
        let vector = Vector(ints(0..<1_000)).slice(300, 999)
        var seen: [Int64?] = []
        while seen.count < vector.count {
            vector.withChunk(at: seen.count) { chunk in
                #expect((1...32).contains(chunk.count))
                seen += chunk.map(\.intValue)
            }
        }
        #expect(seen == (300..<999).map { $0 })
    }

    // MARK: maps

    /// Entries in the order their keys were added: what a map is to look like from outside.
    private struct MapModel {
        var order: [Word] = []
        var values: [Word: Int64] = [:]

        mutating func set(_ key: Word, _ value: Int64) {
            if values.updateValue(value, forKey: key) == nil { order.append(key) }
        }

        mutating func remove(_ key: Word) {
            if values.removeValue(forKey: key) != nil { order.removeAll { $0 == key } }
        }
    }

    private func check(_ map: HashMap, _ model: MapModel) throws {
        #expect(map.count == model.order.count)
        #expect(map.entries.map { Word($0.key) } == model.order)
        #expect(map.entries.map(\.value.intValue) == model.order.map { model.values[$0] })
        for key in model.order {
            #expect(try map.find(key.value)?.intValue == model.values[key])
            #expect(try map.entry(key.value).map { Word($0.key) } == key)
        }
        #expect(try map.find(.string("absent")) == nil)
    }

    /// `range`: how many different keys; `sharing`: as above. Keys leave as often as they come, so vacancies are rebuilt.
    @Test(arguments: seeds, [(6, 1), (12, 1), (12, 9), (300, 1), (300, 50), (2_000, 3)])
    func mapsBehaveAsOrderedDictionaries(seed: UInt64, shape: (range: Int, sharing: Int)) throws {
        var random = SplitMix(seed: seed)
        var map = HashMap.empty
        var model = MapModel()
        var versions: [(HashMap, MapModel)] = []
        for step in 0..<3_000 {
            if step % shape.sharing == 0, random.below(40) == 0 { versions.append((map, model)) }
            let key = Word.random(shape.range, &random)
            if random.below(step % 2_000 < 1_200 ? 6 : 2) > 0 {
                try set(&map, key, Int64(step), lookingFirst: step % 3 == 0)
                model.set(key, Int64(step))
            } else {
                try HashMap.remove(&map, key.value)
                model.remove(key)
            }
        }
        versions.append((map, model))
        for (map, model) in versions { try check(map, model) }
    }

    /// As the machine does it: the entry that is there is looked at first, and changed where it stands if it can be.
    private func set(_ map: inout HashMap, _ key: Word, _ number: Int64, lookingFirst: Bool) throws {
        var entry = [key.value, .int(number)]
        try entry.withUnsafeMutableBufferPointer { entry in
            let base = try #require(entry.baseAddress)
            if lookingFirst {
                let known = try map.find(key.value)
                #expect(try map.node.place(of: base)?.pointee.intValue == known?.intValue)
            }
            if let node = map.uniqueNode, node._withUnsafeGuaranteedRef({ $0.replace(taking: base) }) {
                #expect(base[1].isNil)
            } else {
                try HashMap.set(&map, base[0], base[1])
            }
        }
    }

    /// Keys that count up from 0 in the order they come are not indexed: with gaps, returns, strangers and kept versions.
    @Test(arguments: seeds, [9, 40, 700])
    func mapsFromCountedKeysBehaveAsOrderedDictionaries(seed: UInt64, size: Int) throws {
        var random = SplitMix(seed: seed)
        var map = HashMap.empty
        var model = MapModel()
        var versions: [(HashMap, MapModel)] = []
        for number in 0..<size {
            let stranger: Word = random.below(2) == 0 ? .text("\(number)") : .int(Int64(number + size))
            for key in random.below(size) < 3 ? [stranger, .int(Int64(number))] : [.int(Int64(number))] {
                try HashMap.set(&map, key.value, .int(Int64(number)))
                model.set(key, Int64(number))
            }
            if random.below(8) == 0 { versions.append((map, model)) }
            let earlier = Word.int(Int64(random.below(number + 1)))
            switch random.below(12) {
            case 0:
                try HashMap.remove(&map, earlier.value)
                model.remove(earlier)
            case 1:
                try HashMap.set(&map, earlier.value, .int(-1))
                model.set(earlier, -1)
            default: break
            }
        }
        versions.append((map, model))
        for key in model.order.shuffled(using: &random).prefix(size - size / 8) {
            try HashMap.remove(&map, key.value)
            model.remove(key)
        }
        versions.append((map, model))
        for (map, model) in versions {
            try check(map, model)
            for number in -1...Int64(size) {
                let expected = model.values[.int(number)]
                #expect(try map.find(.int(number))?.intValue == expected)
                // An integer that is not in its smallest form equals one that is.
                #expect(try map.find(.object(BigInteger(BigInt(number))))?.intValue == expected)
            }
        }
    }

    @Test func setsOfCountedElementsHoldThem() throws {
        var set = HashSet.empty
        for number in 0..<500 { try HashSet.insert(&set, .int(Int64(number))) }
        let kept = set
        for number in stride(from: 0, to: 500, by: 2) { try HashSet.remove(&set, .int(Int64(number))) }
        for number in stride(from: 498, through: 0, by: -2) { try HashSet.insert(&set, .int(Int64(number))) }
        #expect(kept.count == 500 && set.count == 500)
        #expect(try (0..<500).allSatisfy { try set.contains(.int(Int64($0))) && kept.contains(.int(Int64($0))) })
        #expect(try !set.contains(.int(500)) && !set.contains(.int(-1)) && !set.contains(.double(3)))
    }

    @Test func everyVersionOfAGrowingMapStaysWhatItWas() throws {
        var map = HashMap.empty
        var versions: [HashMap] = []
        for number in 0..<1_500 {
            versions.append(map)
            try HashMap.set(&map, .int(Int64(number)), .int(Int64(-number)))
        }
        for (count, version) in versions.enumerated() {
            #expect(version.count == count)
            #expect(version.entries.map(\.key.intValue).elementsEqual((0..<count).map { Int64($0) }))
            if count > 0 { #expect(try version.find(.int(Int64(count - 1)))?.intValue == Int64(1 - count)) }
            #expect(try version.find(.int(Int64(count))) == nil)
        }
    }

    @Test func largeMapsHoldEveryKey() throws {
        var map = HashMap()
        for number in 0..<60_000 { try HashMap.set(&map, .int(Int64(number) << 20), .int(Int64(number))) }
        let kept = map
        for number in 0..<60_000 where number % 4 != 0 { try HashMap.remove(&map, .int(Int64(number) << 20)) }
        #expect(kept.count == 60_000)
        #expect(map.count == 15_000)
        for number in 0..<60_000 {
            #expect(try kept.find(.int(Int64(number) << 20))?.intValue == Int64(number))
            #expect(try map.contains(.int(Int64(number) << 20)) == (number % 4 == 0))
        }
    }

    /// All hashes equal, or equal in all but the last bits that branches look at.
    @Test(arguments: [(600, 1), (600, 2), (400, 4)])
    func mapsSurviveCollidingHashes(count: Int, hashes: Int) throws {
        let keys = (0..<count).map { Value.object(Collider($0, hash: UInt32($0 % hashes))) }
        var map = HashMap()
        for (index, key) in keys.enumerated() { try HashMap.set(&map, key, .int(Int64(index))) }
        let kept = map
        for key in keys.prefix(count / 2) { try HashMap.remove(&map, key) }
        for (index, key) in keys.enumerated() {
            #expect(try kept.find(key)?.intValue == Int64(index))
            #expect(try map.contains(key) == (index >= count / 2))
        }
    }

    @Test func anEqualKeyStaysWhenItsValueChanges() throws {
        let first = Value.vector(ints(1, 2))
        var map = try HashMap.of([(first, .int(1))])
        try HashMap.set(&map, .list(ints(1, 2)), .int(2))
        guard case .vector = map.entries.first(where: { _ in true })?.key else {
            Issue.record("the key was replaced")
            return
        }
        #expect(try map.find(first)?.intValue == 2)
    }

    @Test func aMergeTakesTheLaterValueAndTheEarlierPlace() throws {
        var map = try HashMap.of([(.int(1), .int(10)), (.int(2), .int(20))])
        let before = map
        try HashMap.merge(&map, try HashMap.of([(.int(3), .int(33)), (.int(1), .int(11))]))
        #expect(map.entries.map(\.key.intValue) == [1, 2, 3])
        #expect(map.entries.map(\.value.intValue) == [11, 20, 33])
        #expect(before.entries.map(\.value.intValue) == [10, 20])
    }

    @Test(arguments: [0, 1, 8, 9, 500])
    func cursorsVisitWhatForEachVisits(size: Int) throws {
        var map = try HashMap.of((0..<size * 2).map { (.int(Int64($0)), .int(Int64($0))) })
        for number in 0..<size { try HashMap.remove(&map, .int(Int64(number * 2))) }
        var byCursor: [Int64?] = []
        var next = map.startCursor
        while let cursor = next {
            byCursor.append(map.entry(at: cursor).key.intValue)
            next = map.cursor(after: cursor)
        }
        var visited: [Int64?] = []
        map.forEach { key, _ in
            visited.append(key.intValue)
            return true
        }
        #expect(byCursor == (0..<size).map { Int64($0 * 2 + 1) })
        #expect(visited == byCursor)
    }

    // MARK: sets

    @Test(arguments: seeds, [6, 12, 500])
    func setsBehaveAsOrderedSets(seed: UInt64, range: Int) throws {
        var random = SplitMix(seed: seed)
        var set = HashSet.empty
        var model: [Word] = []
        var versions: [(HashSet, [Word])] = []
        for step in 0..<2_000 {
            if random.below(30) == 0 { versions.append((set, model)) }
            let word = Word.random(range, &random)
            if random.below(step % 1_000 < 600 ? 5 : 2) > 0 {
                try HashSet.insert(&set, word.value)
                if !model.contains(word) { model.append(word) }
            } else {
                try HashSet.remove(&set, word.value)
                model.removeAll { $0 == word }
            }
        }
        versions.append((set, model))
        for (set, model) in versions {
            #expect(set.count == model.count)
            #expect(set.elements.map(Word.init) == model)
            for word in model { #expect(try set.contains(word.value)) }
        }
    }
}
