import Testing
import Values

/// `compare`, `sort` and the sorted collections (N1, N3).
@Suite struct CollectionsOrderTests {
    private static let names = Names()

    /// Each row in ascending order.
    static let rows: [(String, [Value])] = [
        ("nil before all", [.nil, .int(-1)]),
        ("nil before text", [.nil, .string("")]),
        ("booleans", [.false, .true]),
        (
            "numbers",
            [.double(-.infinity), .int(-3), .double(-2.5), .int(0), .double(0.5), .int(1), .double(.infinity)]
        ),
        ("characters", [.char(65), .char(97), .char(0x1f600)]),
        // U+FFFF before U+10000: by code point, where UTF-16 would say otherwise
        ("strings", ["", "A", "a", "ab", "b", "é", "\u{ffff}", "\u{10000}"].map { .string($0) }),
        ("keywords", ["a", "b", "a/b", "a/c", "b/a"].map { names.keyword($0) }),
        ("symbols", ["a", "b", "a/b", "a/c", "b/a"].map { names.symbol($0) }),
        ("vectors", [.vector([]), .vector(ints(9)), .vector(ints(1, 1)), .vector(ints(1, 2)), .vector(ints(0, 0, 0))]),
    ]

    @Test(arguments: rows.indices)
    func compareIsATotalOrderWithinAKind(index: Int) throws {
        let values = Self.rows[index].1
        for (i, a) in values.enumerated() {
            for (j, b) in values.enumerated() {
                #expect(try Value.compare(a, b).signum() == (i - j).signum(), "\(Self.rows[index].0) \(i) \(j)")
            }
        }
    }

    @Test func integersAndDoublesOfOneValueTie() throws {
        #expect(try Value.compare(.int(1), .double(1)) == 0)
        #expect(try Value.compare(.double(.nan), .int(1)) == 0)
    }

    @Test func kindsThatDoNotCompareAreNamed() {
        let pairs: [(Value, Value)] = [
            (.int(1), .string("a")), (Self.names.keyword("a"), Self.names.symbol("a")),
            (.list(ints(1)), .vector(ints(1))),
            (.map(.empty), .map(.empty)), (.true, .int(1)),
        ]
        for (a, b) in pairs {
            #expect(failure { () throws(Fault) in _ = try Value.compare(a, b) } == .classCast)
        }
    }

    @Test(arguments: [1, 2, 3] as [UInt64], [0, 1, 2, 11, 12, 13, 24, 25, 1_000])
    func sortingAgreesWithSwift(seed: UInt64, count: Int) throws {
        var random = SplitMix(seed: seed)
        let numbers = (0..<count).map { _ in Int64(random.below(count)) }
        let expected = numbers.sorted()
        var integers = numbers.map { Value.int($0) }
        try Value.sort(&integers)
        #expect(integers.map(\.intValue) == expected)
        var doubles = numbers.map { Value.double(Double($0)) }
        try Value.sort(&doubles)
        #expect(try zip(doubles, expected).allSatisfy { try $0.equals(.double(Double($1))) })
        var texts = numbers.map { Value.string("\($0)") }
        try Value.sort(&texts)
        #expect(texts.map(\.stringValue) == numbers.map(String.init).sorted())
        var mixed = numbers.map { $0.isMultiple(of: 2) ? Value.int($0) : .double(Double($0)) }
        try Value.sort(&mixed)
        #expect(try zip(mixed, expected).allSatisfy { try Value.compare($0, .int($1)) == 0 })
    }

    @Test func sortingIsStable() throws {
        var random = SplitMix(seed: 5)
        var pairs = (0..<500).map { Value.vector(ints(random.below(10), $0)) }
        try Value.sort(&pairs) { (a, b) throws(Fault) in
            guard case .vector(let a) = a, case .vector(let b) = b else { return 0 }
            return try Value.compare(a[0], b[0])
        }
        for (a, b) in zip(pairs, pairs.dropFirst()) {
            // Equal first halves keep the order of the second, which is the order they came in.
            #expect(try Value.compare(a, b) < 0)
        }
    }

    @Test func aFailingSortChangesNothing() {
        var values: [Value] = [.int(2), .int(1), .string("a")]
        #expect(failure { () throws(Fault) in try Value.sort(&values) } == .classCast)
        #expect(values[0].intValue == 2)
    }

    // MARK: sorted collections

    @Test(arguments: [1, 2, 3] as [UInt64], [8, 300])
    func sortedMapsBehaveAsSortedDictionaries(seed: UInt64, range: Int) throws {
        var random = SplitMix(seed: seed)
        var map = SortedMap()
        var model: [Int64: Int64] = [:]
        var versions: [(SortedMap, [Int64: Int64])] = []
        for step in 0..<1_500 {
            let key = Int64(random.below(range))
            if random.below(step % 700 < 400 ? 5 : 2) > 0 {
                map = try map.setting(.int(key), .int(Int64(step)))
                model[key] = Int64(step)
            } else {
                map = try map.without(.int(key))
                model[key] = nil
            }
            if step % 100 == 0 { versions.append((map, model)) }
        }
        for (map, model) in versions {
            let keys = model.keys.sorted()
            #expect(map.count == keys.count)
            #expect(map.entries().map(\.key.intValue) == keys)
            #expect(map.entries().map(\.value.intValue) == keys.map { model[$0] })
            #expect(map.entries(ascending: false).map(\.key.intValue) == keys.reversed())
            for start in Int64(-1)...Int64(range) {
                #expect(try map.find(.int(start))?.intValue == model[start])
                #expect(try map.entries(from: .int(start)).map(\.key.intValue) == keys.filter { $0 >= start })
                let down = try map.entries(ascending: false, from: .int(start)).map(\.key.intValue)
                #expect(down == keys.filter { $0 <= start }.reversed())
            }
        }
    }

    @Test func aComparatorDecidesTheOrderAndWhatIsEqual() throws {
        let byLength = { @Sendable (a: Value, b: Value) throws(Fault) -> Int in
            (a.stringValue?.count ?? 0) - (b.stringValue?.count ?? 0)
        }
        var set = SortedSet(compare: byLength)
        for word in ["pear", "fig", "plum", "apricot"] { set = try set.inserting(.string(word)) }
        #expect(set.elements().map(\.stringValue) == ["fig", "pear", "apricot"])
        #expect(set.elements(ascending: false).map(\.stringValue) == ["apricot", "pear", "fig"])
        #expect(try set.find(.string("kiwi"))?.stringValue == "pear")
        #expect(try set.without(.string("kiwi")).count == 2)
    }

    @Test func sortedCollectionsRefuseWhatTheirOrderRefuses() throws {
        let set = try SortedSet().inserting(.int(1))
        #expect(failure { () throws(Fault) in _ = try set.inserting(.string("a")) } == .classCast)
        #expect(failure { () throws(Fault) in _ = try SortedMap().setting(.list([]), .nil) } == .classCast)
        #expect(set.count == 1)
    }

    // MARK: transients

    @Test func aTransientChangesInPlaceAndLeavesItsOriginAlone() throws {
        let origin = Vector(ints(0..<100))
        let transient = try Transient(.vector(origin))
        for number in 100..<200 { try transient.conj(.int(Int64(number))) }
        try transient.assoc(.int(0), .int(-1))
        try transient.assoc(.int(200), .int(200))
        try transient.pop()
        #expect(try transient.count() == 200)
        #expect(try transient.lookup(.int(199))?.intValue == 199)
        #expect(try transient.persistent().equals(.vector([.int(-1)] + ints(1..<200))))
        #expect(origin.count == 100)
        #expect(origin[0].intValue == 0)
    }

    @Test func transientMapsAndSetsGatherAndLose() throws {
        let map = try Transient(.map(.empty))
        try map.assoc(.int(1), .int(10))
        try map.conj(.vector(ints(2, 20)))
        try map.conj(.map(try HashMap.of([(.int(3), .int(30))])))
        try map.removeKey(.int(1))
        #expect(try map.persistent().equals(.map(try HashMap.of([(.int(2), .int(20)), (.int(3), .int(30))]))))
        let set = try Transient(.set(.empty))
        try set.conj(.int(1))
        try set.conj(.int(2))
        try set.removeElement(.int(1))
        #expect(try set.persistent().equals(.set(try HashSet.of(ints(2)))))
    }

    @Test func aTransientRefusesWhatDoesNotFitAndUseAfterItsEnd() throws {
        let vector = try Transient(.vector([]))
        #expect(failure { () throws(Fault) in try vector.pop() } == .illegalState)
        #expect(failure { () throws(Fault) in try vector.assoc(.int(1), .nil) } == .indexOutOfBounds)
        #expect(failure { () throws(Fault) in try vector.assoc(.string("a"), .nil) } == .classCast)
        #expect(failure { () throws(Fault) in try vector.removeKey(.int(0)) } == .classCast)
        #expect(failure { () throws(Fault) in try vector.removeElement(.int(0)) } == .classCast)
        #expect(failure { () throws(Fault) in try Transient(.set(.empty)).removeKey(.int(0)) } == .classCast)
        #expect(failure { () throws(Fault) in try Transient(.map(.empty)).removeElement(.int(0)) } == .classCast)
        #expect(failure { () throws(Fault) in _ = try Transient(.list([])) } == .classCast)
        try vector.conj(.int(1))
        #expect(try vector.persistent().equals(.vector(ints(1))))
        #expect(failure { () throws(Fault) in try vector.conj(.int(2)) } == .illegalState)
        #expect(failure { () throws(Fault) in _ = try vector.persistent() } == .illegalState)
    }
}
