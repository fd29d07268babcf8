import Testing
import Values

@testable import Runtime

/// The world as a state machine (P3–P7, P13).
@Suite struct WorldMachineTests {
    private static let names = Names()
    private static func kw(_ name: String) -> Value { .keyword(names.intern(name)) }
    private let a = kw("a")
    private let b = kw("b")
    private let x = kw("x")

    private func get(_ world: Value, _ key: KnownName) -> Value {
        if case .map(let map) = world { ((try? map.find(.kw(key))) ?? nil) ?? .nil } else { .nil }
    }

    private func get(_ world: Value, _ key: Value) -> Value {
        if case .map(let map) = world { ((try? map.find(key)) ?? nil) ?? .nil } else { .nil }
    }

    private func with(_ world: Value, _ key: Value, _ value: Value) -> Value {
        guard case .map(var map) = world else { return world }
        try? HashMap.set(&map, key, value)
        return .map(map)
    }

    private func same(_ left: Value, _ right: Value) -> Bool { (try? left.equals(right)) ?? false }

    // P3
    @Test func aWorldBeginsEmpty() {
        let machine = WorldMachine()
        for key in [KnownName.eventsIn, .eventsOut, .effects] { #expect(same(get(machine.world(), key), .vector([]))) }
        for key in [KnownName.effectsPending, .effectsStats] {
            #expect(same(get(machine.world(), key), .map(HashMap())))
        }
    }

    // P4, P13: events of a tick are those that came before it began; what comes during it is the next one's.
    @Test func eventsMoveInWithTheTick() {
        var machine = WorldMachine()
        machine.push(.int(1))
        #expect(same(get(machine.world(), .eventsOut), .vector([.int(1)])))
        _ = machine.begin(at: 0, pending: .map(HashMap()), stats: .nil)
        machine.push(.int(3))
        #expect(same(get(machine.current, .eventsIn), .vector([.int(1)])))
        #expect(same(get(machine.current, .eventsOut), .vector([])))
        // A system says something itself.
        #expect(machine.accept(with(machine.current, .kw(.eventsOut), .vector([.int(2)]))) == nil)
        _ = machine.end()
        _ = machine.begin(at: 100, pending: .map(HashMap()), stats: .nil)
        #expect(same(get(machine.current, .eventsIn), .vector([.int(2), .int(3)])))
    }

    // P5: the elapsed milliseconds; none before the first tick.
    @Test func theTimeIsThatBetweenBeginnings() {
        var machine = WorldMachine()
        #expect(machine.begin(at: 1000, pending: .map(HashMap()), stats: .nil) == 0)
        _ = machine.end()
        #expect(machine.begin(at: 1130, pending: .map(HashMap()), stats: .nil) == 130)
    }

    // P6: the effects are those of this tick, and the next one begins with none.
    @Test func effectsAreHandedOverOnce() {
        var machine = WorldMachine()
        _ = machine.begin(at: 0, pending: .map(HashMap()), stats: .nil)
        _ = machine.accept(with(machine.current, .kw(.effects), .vector([.int(1), .int(2)])))
        #expect(machine.end().effects.compactMap(\.intValue) == [1, 2])
        _ = machine.begin(at: 1, pending: .map(HashMap()), stats: .nil)
        #expect(same(get(machine.current, .effects), .vector([])))
        #expect(machine.end().effects.isEmpty)
    }

    /// The tick after which there is nothing to do: no event, no effect, the same world.
    @Test func aTickIsQuietWhenNothingChanged() {
        var machine = WorldMachine()
        func tick(_ body: (Value) -> Value) -> Bool {
            _ = machine.begin(at: 0, pending: .map(HashMap()), stats: .nil)
            _ = machine.accept(body(machine.current))
            return machine.end().isQuiet
        }
        #expect(tick { $0 })
        #expect(!tick { with($0, a, .int(1)) })
        // Equal is the same, though it is another map.
        #expect(tick { with($0, a, .int(1)) })
        #expect(!tick { with($0, .kw(.effects), .vector([.int(1)])) })
        #expect(!tick { with($0, .kw(.eventsOut), .vector([.int(1)])) })
        // The event that the tick before said.
        #expect(!tick { $0 })
        #expect(tick { $0 })
        #expect(
            !tick {
                machine.push(.int(5))
                return $0
            })
    }

    /// What every tick says anew is no change when a system takes it out.
    @Test(arguments: [KnownName.eventsIn, .effectsPending, .effectsStats]) func aTickIsQuietWithoutAView(
        _ key: KnownName
    ) {
        var machine = WorldMachine()
        func tick() -> Bool {
            _ = machine.begin(at: 0, pending: .map(HashMap()), stats: .map(HashMap()))
            guard case .map(var map) = machine.current else { return true }
            try? HashMap.remove(&map, .kw(key))
            #expect(machine.accept(.map(map)) == nil)
            return machine.end().isQuiet
        }
        #expect(tick() && tick())
        // The event was there, though it was taken out.
        machine.push(.int(1))
        #expect(!tick())
        #expect(tick())
    }

    /// What a system finds in `:effects` is still another's.
    @Test func effectsHaveAuthors() {
        func map(_ number: Int64) -> Value { with(.map(HashMap()), a, .int(number)) }
        let effects = (0..<6).map { map(Int64($0)) }
        var machine = WorldMachine()
        _ = machine.begin(at: 0, pending: .map(HashMap()), stats: .nil)
        func leave(_ list: [Value], _ system: Int) {
            #expect(machine.accept(with(machine.current, .kw(.effects), .vector(list)), by: system) == nil)
        }
        leave([effects[0], effects[1]], 0)
        _ = machine.accept(machine.current, by: 1)
        #expect(machine.end().authors == [0, 0])
        _ = machine.begin(at: 1, pending: .map(HashMap()), stats: .nil)
        leave([effects[0], effects[1]], 0)
        leave([effects[0], effects[1], effects[2]], 1)
        // In front; then one is replaced, and one taken out.
        leave([effects[3], effects[0], effects[1], effects[2]], 2)
        leave([effects[3], effects[0], effects[5], effects[2]], 3)
        leave([effects[0], effects[5], effects[2]], 4)
        #expect(machine.end().authors == [0, 3, 1])
        _ = machine.begin(at: 2, pending: .map(HashMap()), stats: .nil)
        #expect(machine.end().authors.isEmpty)
    }

    // J13: during a tick the systems hold an older world, which must not undo what an effect sets.
    @Test func whatIsSetDuringATickStaysSet() throws {
        var machine = WorldMachine()
        try machine.set([a, b], .int(1))
        #expect(same(get(get(machine.world(), a), b), .int(1)))
        _ = machine.begin(at: 0, pending: .map(HashMap()), stats: .nil)
        let older = machine.current
        try machine.set([a, b], .int(2))
        #expect(same(get(get(machine.current, a), b), .int(1)))
        _ = machine.accept(with(older, x, .int(9)))
        #expect(!machine.end().isQuiet)
        #expect(same(get(get(machine.world(), a), b), .int(2)))
        #expect(same(get(machine.world(), x), .int(9)))
    }

    @Test func aPathGoesThroughMaps() throws {
        var machine = WorldMachine()
        #expect(throws: Fault.self) { try machine.set([], .int(1)) }
        try machine.set([a], .int(1))
        #expect(throws: Fault.self) { try machine.set([a, b], .int(1)) }
        #expect(same(get(machine.world(), a), .int(1)))
    }

    /// What is no world changes nothing.
    @Test func whatASystemReturnsIsLookedAt() {
        var machine = WorldMachine()
        _ = machine.begin(at: 0, pending: .map(HashMap()), stats: .nil)
        #expect(machine.accept(.int(5)) == "a system returns the world, a map, but this one returned the number 5")
        #expect(machine.accept(.nil) == "a system returns the world, a map, but this one returned nil")
        #expect(
            machine.accept(with(machine.current, .kw(.effects), .int(5)))
                == "effects of the world must be a collection, but a system left the number 5 there")
        #expect(machine.end().isQuiet)
    }
}
