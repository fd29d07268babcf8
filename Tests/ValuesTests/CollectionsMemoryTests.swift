import Testing
import Values

/// Layout, accounting (N6) and freeing without recursion (N5).
@Suite(.serialized) struct CollectionsMemoryTests {
    @Test func aValueIsNineBytes() {
        #expect(MemoryLayout<Value>.size == 9)
        #expect(MemoryLayout<Value>.stride == 16)
        // `holdsObject` reads the number of the case.
        let words: [Value] = [
            .nil, .true, .false, .int(-1), .double(.nan), .char(65), .char(.max), .kw(.all), .sym(.all),
            .string("a"), .string("12345678"),
        ]
        let objects: [Value] = [
            .string("123456789"), .string("\0"), .vector(Vector.empty), .map(.empty), .set(.empty), .list([.nil]),
            .lazy(LazySeq(realized: .nil)), .object(BigInteger(BigInt(1))), .native(Callable()),
        ]
        for value in words { withUnsafePointer(to: value) { #expect(!Value.holdsObject($0), "\(value)") } }
        for value in objects { withUnsafePointer(to: value) { #expect(Value.holdsObject($0), "\(value)") } }
    }

    /// What is read of a slot without counting a reference is what a pattern finds there.
    @Test(arguments: [
        Value.nil, .true, .int(-7), .double(1), .char(65), .kw(.all), .sym(.all), .string("a"), .string("é"),
        .string("a longer text"), .string("ein längerer Text"),
        .vector([.int(1)]), .map(.empty), .set(.empty), .list([.nil]), .lazy(LazySeq(realized: .nil)),
        .object(BigInteger(BigInt(1))), .native(Callable()),
    ]) func slotsAreReadAsPatternsRead(_ value: Value) {
        var value = value
        withUnsafeMutablePointer(to: &value) { slot in
            if case .int(let int) = slot.pointee {
                #expect(Value.borrowedInt(slot) == int)
            } else {
                #expect(Value.borrowedInt(slot) == nil)
            }
            if let text = slot.pointee.textValue {
                let borrowed = Value.borrowedText(slot)
                #expect(
                    borrowed.map { Array(UnsafeBufferPointer(start: $0.bytes, count: $0.byteCount)) }
                        == Array(text.utf8))
                #expect(borrowed?.isASCII == text.isASCII)
            } else {
                #expect(Value.borrowedText(slot) == nil)
            }
            if case .vector(let vector) = slot.pointee {
                #expect(Value.borrowedVector(slot)?.takeUnretainedValue() === vector)
                #expect(Value.vectorSlot(slot)?.pointee === vector)
            } else {
                #expect(Value.borrowedVector(slot) == nil && Value.vectorSlot(slot) == nil)
            }
            if case .map(let map) = slot.pointee {
                #expect(Value.borrowedMap(slot)?.takeUnretainedValue() === map.node)
                #expect(Value.mapSlot(slot)?.pointee.node === map.node)
            } else {
                #expect(Value.borrowedMap(slot) == nil && Value.mapSlot(slot) == nil)
            }
        }
    }

    /// The common kinds a million levels deep; the others as deep as recursion would not survive.
    @Test(arguments: [
        ("vectors", 1_000_000), ("map values", 1_000_000), ("cells", 1_000_000), ("lazy cells", 1_000_000),
        ("map keys", 100_000), ("sets", 100_000), ("lists", 100_000), ("chunks", 100_000), ("sorted maps", 100_000),
        ("causes", 100_000),
    ])
    func deepDataIsFreedOnASmallStack(kind: String, levels: Int) async throws {
        try await onSmallStack { () throws in
            let before = Meter.unsettled
            var value = Value.int(1)
            for level in 0..<levels {
                switch kind {
                case "vectors": value = .vector([value])
                case "map values": value = .map(try HashMap.of([(.int(1), value)]))
                case "map keys": value = .map(try HashMap.of([(value, .int(1))]))
                case "sets": value = .set(try HashSet.of([value]))
                case "lists": value = .list([value])
                case "cells": value = .list(Cons(.int(1), level == 0 ? .nil : value))
                case "lazy cells": value = .list(Cons(.int(1), .lazy(LazySeq(realized: level == 0 ? .nil : value))))
                case "chunks":
                    value = .seq(SeqView(.chunk(Vector([.int(1)]), index: 0, more: level == 0 ? .nil : value)))
                case "sorted maps": value = .object(try SortedMap().setting(.int(1), value))
                default: value = .object(Exception(.exception, "", cause: value))
                }
            }
            value = .nil
            #expect(Meter.unsettled == before)
        }
    }

    /// Wide and deep: what is put aside is drained by the outermost release, whatever releases in between.
    @Test func treesAreFreedWhole() async throws {
        try await onSmallStack { () throws in
            let before = Meter.unsettled
            var value = Value.int(1)
            for level in 0..<5_000 {
                let width = level % 7 == 0 ? 100 : 3
                var map = HashMap()
                for key in 0..<width {
                    try HashMap.set(&map, .int(Int64(key)), key == width / 2 ? value : .string("leaf"))
                }
                value = level.isMultiple(of: 2) ? .map(map) : .vector([.map(map), .list([.map(map)])])
            }
            value = .nil
            #expect(Meter.unsettled == before)
        }
    }

    /// Whatever was charged is credited, through every shape and with versions that share.
    @Test func versionsGiveBackWhatTheyTook() async throws {
        try await onSmallStack { () throws in
            let before = Meter.unsettled
            do {
                var random = SplitMix(seed: 11)
                var vectors = [Vector([])]
                var maps = [HashMap()]
                var sorted = [SortedMap()]
                for step in 0..<3_000 {
                    var vector = vectors[random.below(vectors.count)]
                    var map = maps[random.below(maps.count)]
                    for _ in 0..<random.below(40) { Vector.append(&vector, .string("x")) }
                    if !vector.isEmpty { Vector.replace(&vector, at: random.below(vector.count), with: .vector([])) }
                    if random.below(3) == 0 { vector = vector.slice(vector.count / 3, vector.count) }
                    for _ in 0..<random.below(40) {
                        try HashMap.set(&map, .int(Int64(random.below(3_000))), .string("y"))
                    }
                    for _ in 0..<random.below(30) { try HashMap.remove(&map, .int(Int64(random.below(3_000)))) }
                    vectors.append(vector)
                    maps.append(map)
                    sorted.append(try sorted[random.below(sorted.count)].setting(.int(Int64(step % 97)), .string("z")))
                    if vectors.count > 20 {
                        vectors.remove(at: random.below(20))
                        maps.remove(at: random.below(20))
                        sorted.remove(at: random.below(20))
                    }
                }
                #expect(Meter.unsettled > before)
            }
            #expect(Meter.unsettled == before)
        }
    }

    /// A version costs its path, not the collection: 2,000 kept versions of a growing map stay far below whole copies.
    @Test func keptVersionsShareWhatTheyHaveInCommon() throws {
        var base = HashMap()
        for number in 0..<20_000 { try HashMap.set(&base, .int(Int64(number)), .int(1)) }
        var vector = Vector(ints(0..<20_000))
        let before = Meter.unsettled
        var versions: [(HashMap, Vector)] = []
        for number in 0..<2_000 {
            versions.append((base, vector))
            try HashMap.set(&base, .int(Int64(20_000 + number)), .int(1))
            Vector.append(&vector, .int(1))
        }
        let each = (Meter.unsettled - before) / 2_000
        #expect(each < 8_000)
        #expect(versions.count == 2_000)
    }

    /// However often one large version is forked, the form that forks share is made once.
    @Test func forksOfOneVersionCostTheirPath() throws {
        var base = HashMap()
        for number in 0..<50_000 { try HashMap.set(&base, .int(Int64(number)), .int(1)) }
        var forks: [HashMap] = []
        var marks: [Int64] = []
        for number in 0..<1_000 {
            if number == 1 || number == 999 { marks.append(Meter.unsettled) }
            var fork = base
            try HashMap.set(&fork, .int(Int64(-1 - number)), .int(2))
            forks.append(fork)
        }
        #expect((marks[1] - marks[0]) / 998 < 8_000)
        for (number, fork) in forks.enumerated() {
            #expect(try fork.find(.int(Int64(-1 - number)))?.intValue == 2)
            #expect(try fork.find(.int(Int64(-2 - number))) == nil)
            #expect(try fork.find(.int(Int64(number)))?.intValue == 1)
        }
        // Changed in place again, the original must not serve the form it had before.
        forks = []
        try HashMap.set(&base, .int(-1), .int(3))
        var late = base
        try HashMap.set(&late, .int(-2), .int(4))
        #expect(try late.find(.int(-1))?.intValue == 3)
        #expect(late.count == 50_002)
    }

    @Test func threadsForkOneMapAtOnce() async throws {
        for _ in 0..<20 {
            var building = HashMap()
            for number in 0..<500 { try HashMap.set(&building, .int(Int64(number)), .int(1)) }
            let base = building
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<4 {
                    group.addTask {
                        var fork = base
                        for number in 0..<100 {
                            try HashMap.set(&fork, .int(Int64(1_000 * (task + 1) + number)), .int(1))
                        }
                        #expect(fork.count == 600)
                        for number in 0..<500 { #expect(try fork.contains(.int(Int64(number)))) }
                    }
                }
                try await group.waitForAll()
            }
            #expect(base.count == 500)
        }
    }

    /// Slices of slices do not pile up what they hide.
    @Test func takingFromTheFrontFreesWhatWasTaken() {
        var vector = Vector(ints(0..<50_000))
        let whole = Meter.unsettled
        while vector.count > 1_000 { vector = vector.slice(1, vector.count) }
        #expect(vector[0].intValue == 49_000)
        #expect(Meter.unsettled < whole - 700_000)
    }
}
