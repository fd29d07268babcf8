import Testing
import Values

/// `=` and `hash` across kinds (N1), and their limits (N5).
@Suite struct CollectionsEqualityTests {
    private static let names = Names()

    private static func chunked(_ elements: [Value], more: Value = .nil) -> Value {
        .seq(SeqView(.chunk(Vector(elements), index: 0, more: more)))
    }

    private static func map(_ entries: [(Value, Value)]) -> Value {
        do { return .map(try HashMap.of(entries)) } catch { return .nil }
    }

    private static func sortedMap(_ entries: [(Value, Value)]) -> Value {
        do throws(Fault) {
            var map = SortedMap()
            for (key, value) in entries { map = try map.setting(key, value) }
            return .object(map)
        } catch { return .nil }
    }

    private static func set(_ elements: [Value]) -> Value {
        do { return .set(try HashSet.of(elements)) } catch { return .nil }
    }

    private static func sortedSet(_ elements: [Value]) -> Value {
        do throws(Fault) {
            var set = SortedSet()
            for element in elements { set = try set.inserting(element) }
            return .object(set)
        } catch { return .nil }
    }

    /// Values in one row are equal to each other and to nothing in another row.
    static let classes: [(String, [Value])] = [
        ("nil", [.nil]),
        ("false", [.false]),
        ("true", [.true]),
        ("1", [.int(1)]),
        ("1.0", [.double(1)]),
        ("zeros of both signs", [.double(0), .double(-0.0)]),
        ("0", [.int(0)]),
        ("a character", [.char(97)]),
        ("a string", [.string("a"), .string("a")]),
        ("a keyword", [names.keyword("a")]),
        ("a qualified keyword", [names.keyword("n/a")]),
        ("a symbol", [names.symbol("a"), .object(SymbolObject(names.intern("a"), meta: .empty))]),
        ("nothing in order", [.vector([]), .list([]), .lazy(LazySeq(realized: .nil))]),
        (
            "1 2 3 in order",
            [
                .vector(ints(1, 2, 3)), .list(ints(1, 2, 3)), chunked(ints(1, 2, 3)),
                chunked(ints(1), more: .list(ints(2, 3))), .seq(SeqView(.range(start: 1, step: 1, count: 3))),
                .list(Cons(.int(1), .lazy(LazySeq(realized: .list(ints(2, 3)))))),
                .lazy(LazySeq(realized: .seq(SeqView(.vector(Vector(ints(0, 1, 2, 3)), index: 1))))),
                .vector(Vector(ints(0..<200)).slice(1, 4)),
            ]
        ),
        ("1 3 2 in order", [.vector(ints(1, 3, 2)), .list(ints(1, 3, 2))]),
        ("100 in order", [.vector(ints(0..<100)), .seq(SeqView(.range(start: 0, step: 1, count: 100)))]),
        ("100 in order from a slice", [.vector(Vector(ints(-5..<300)).slice(6, 106)), .vector(ints(1..<101))]),
        (
            "the characters of a string",
            [.seq(SeqView(.text(Text("aé"), offset: 0, index: 0))), .list([.char(97), .char(233)])]
        ),
        ("nested", [.vector([.list(ints(1)), .nil]), .list([.vector(ints(1)), .nil])]),
        ("no entries", [map([]), sortedMap([])]),
        (
            "two entries",
            [
                map([(.int(1), .vector([])), (.int(2), .nil)]), map([(.int(2), .nil), (.int(1), .list([]))]),
                sortedMap([(.int(2), .nil), (.int(1), .vector([]))]),
            ]
        ),
        ("two entries the other way", [map([(.int(1), .nil), (.int(2), .vector([]))])]),
        (
            "a large map",
            [
                map((0..<500).map { (.int(Int64($0)), .int(1)) }),
                map((0..<500).reversed().map { (.int(Int64($0)), .int(1)) }),
                sortedMap((0..<500).map { (.int(Int64($0)), .int(1)) }),
            ]
        ),
        ("no elements", [set([]), sortedSet([])]),
        ("1 2 3 as a set", [set(ints(1, 2, 3)), set(ints(3, 2, 1)), sortedSet(ints(2, 3, 1))]),
        ("a set of sets", [set([set(ints(1)), set(ints(2))]), set([sortedSet(ints(2)), sortedSet(ints(1))])]),
        ("a set of strings", [set([.string("x")]), sortedSet([.string("x")])]),
    ]

    @Test func equalityHoldsWithinAClassAndNowhereElse() throws {
        for (left, lefts) in Self.classes {
            for (right, rights) in Self.classes {
                for (i, a) in lefts.enumerated() {
                    for (j, b) in rights.enumerated() {
                        #expect(try a.equals(b) == (left == right), "\(left) \(i) and \(right) \(j)")
                    }
                }
            }
        }
    }

    @Test(arguments: classes.indices)
    func equalValuesHashAlike(index: Int) throws {
        let hashes = try Self.classes[index].1.map { value throws(Fault) in try value.hashCode() }
        #expect(Set(hashes).count == 1, "\(Self.classes[index].0): \(hashes)")
    }

    @Test func hashesDifferWhereValuesDo() throws {
        let hashes = try Self.classes.map { (_, values) throws(Fault) in try values[0].hashCode() }
        #expect(Set(hashes).count == hashes.count)
    }

    @Test func hashesOfSmallIntegersAndDoublesSpread() {
        for values in [(0..<4_096).map { Value.int($0 << 40) }, (0..<4_096).map { .double(Double($0)) }] {
            #expect(Set(values.map { $0.quickHash >> 20 }).count > 2_000)
            #expect(Set(values.map { $0.quickHash & 0xfff }).count > 2_000)
        }
    }

    @Test func aRememberedHashIsForgottenByAChange() throws {
        var vector = Vector(ints(1, 2))
        let before = try Value.vector(vector).hashCode()
        Vector.append(&vector, .int(3))
        #expect(try Value.vector(vector).hashCode() == Value.list(ints(1, 2, 3)).hashCode())
        Vector.removeLast(&vector)
        #expect(try Value.vector(vector).hashCode() == before)
        Vector.replace(&vector, at: 0, with: .int(9))
        #expect(try Value.vector(vector).hashCode() == Value.list(ints(9, 2)).hashCode())
        var map = HashMap()
        try HashMap.set(&map, .int(1), .int(1))
        let one = try Value.map(map).hashCode()
        try HashMap.set(&map, .int(2), .int(2))
        #expect(try Value.map(map).hashCode() != one)
        try HashMap.remove(&map, .int(2))
        #expect(try Value.map(map).hashCode() == one)
    }

    /// As in Clojure: NaN differs from itself, a collection that holds it does not.
    @Test func notANumberIsUnequalToItselfButItsCollectionIsNot() throws {
        #expect(try !Value.double(.nan).equals(.double(.nan)))
        let holder = Value.vector([.double(.nan)])
        #expect(try holder.equals(holder))
        #expect(try !holder.equals(.vector([.double(.nan)])))
    }

    @Test func aPartThatIsNotRealisedIsAskedForByName() throws {
        let lazy = LazySeq(thunk: .nil)
        let values: [Value] = [.lazy(lazy), .vector([.lazy(lazy)]), .list(Cons(.int(1), .lazy(lazy)))]
        for value in values {
            for operation in [{ _ = try value.hashCode() }, { _ = try value.equals(.vector([.vector([])])) }] {
                do {
                    try operation()
                    if case .list = value { continue }  // 1 and [] differ before the lazy part matters
                    Issue.record("nothing was asked for")
                } catch Fault.force(let asked) {
                    #expect(asked === lazy)
                }
            }
        }
    }

    /// An operation that meets an unrealised key must throw before it changes anything: at every size.
    @Test(arguments: [0, 1, 7, 8, 9, 100])
    func aForceLeavesTheCollectionAsItWas(size: Int) throws {
        var map = HashMap()
        var set = HashSet()
        for number in 0..<size {
            try HashMap.set(&map, .list(ints(number)), .int(1))
            try HashSet.insert(&set, .list(ints(number)))
        }
        let key = Value.lazy(LazySeq(thunk: .nil))
        var forced = 0
        do { try HashMap.set(&map, key, .int(2)) } catch { forced += 1 }
        do { try HashSet.insert(&set, key) } catch { forced += 1 }
        do { try HashMap.remove(&map, key) } catch { forced += 1 }
        // Into an empty collection a key goes unseen: nothing is there to compare it with.
        #expect(forced == (size == 0 ? 0 : 3))
        if size > 0 {
            #expect(map.count == size)
            #expect(set.count == size)
            #expect(map.entries.map(\.value.intValue) == Array(repeating: 1, count: size))
        }
    }

    // MARK: depth

    /// Both sides built apart, nested in every way that holds a value.
    private static func deep(_ levels: Int, _ wrap: (Value) -> Value) -> Value {
        var value = Value.int(1)
        for _ in 0..<levels { value = wrap(value) }
        return value
    }

    @Test(arguments: ["vectors", "lists", "map values", "chunks"])
    func nestingOfAHundredThousandLevelsComparesAndHashes(kind: String) async throws {
        let wrap: @Sendable (Value) -> Value =
            switch kind {
            case "vectors": { .vector([$0]) }
            case "lists": { .list([$0]) }
            case "map values": { Self.map([(.int(1), $0)]) }
            default: { Self.chunked([.nil, $0]) }
            }
        try await onSmallStack { () throws in
            let (a, b) = (Self.deep(100_000, wrap), Self.deep(100_000, wrap))
            let other = Self.deep(100_001, wrap)
            #expect(try a.equals(b))
            #expect(try !a.equals(other))
            #expect(try a.hashCode() == b.hashCode())
            #expect(try a.hashCode() != other.hashCode())
        }
    }

    /// Sets are compared by looking elements up, which nests calls: an error, not a crash.
    @Test func setsNestedTooDeepAreAnError() async throws {
        try await onSmallStack { () throws in
            let (a, b) = (Self.deep(10_000) { Self.set([$0]) }, Self.deep(10_000) { Self.set([$0]) })
            #expect(failure { () throws(Fault) in _ = try a.equals(b) } == .stackOverflow)
            let (c, d) = (Self.deep(50) { Self.set([$0]) }, Self.deep(50) { Self.set([$0]) })
            #expect(try c.equals(d))
            #expect(try Self.map([(c, .int(1))]).equals(Self.map([(d, .int(1))])))
        }
    }

    /// Sorted collections compare and hash themselves, which nests calls too.
    @Test func sortedMapsNestedTooDeepAreAnError() async throws {
        try await onSmallStack { () throws in
            let wrap: (Value) -> Value = { Self.sortedMap([(.int(1), $0)]) }
            let (a, b) = (Self.deep(10_000, wrap), Self.deep(10_000, wrap))
            #expect(failure { () throws(Fault) in _ = try a.equals(b) } == .stackOverflow)
            #expect(failure { () throws(Fault) in _ = try a.hashCode() } == .stackOverflow)
            #expect(try Self.deep(40, wrap).equals(Self.deep(40, wrap)))
        }
    }

    @Test func vectorsNestedTooDeepCannotBeOrdered() async throws {
        try await onSmallStack { () throws in
            let (a, b) = (Self.deep(10_000) { .vector([$0]) }, Self.deep(10_000) { .vector([$0]) })
            #expect(failure { () throws(Fault) in _ = try Value.compare(a, b) } == .stackOverflow)
        }
    }
}
