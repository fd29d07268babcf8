import Values

/// The world: an immutable map that systems change tick by tick, with what came in between (P3–P7, P13). Pure: who drives it
/// gives the time, calls the systems and submits what they leave.
///
/// A tick is `begin`, one `accept` for each system whose turn went well, and `end`. What comes meanwhile waits for its end:
/// events for the next tick, values that effects set for the moment when no system holds an older world.
package struct WorldMachine {
    private var map: HashMap
    /// Events that came since a tick began, in order.
    private var arrived: [Value] = []
    private var changes: [(path: [Value], value: Value)] = []
    private var lastTickMs: Int64?
    /// The world as the tick at hand gave it to its first system; nil between ticks.
    private var given: HashMap?
    /// The system that left each of `:effects`, by its place among the systems.
    private var authors: [Int] = []

    package init() {
        map = HashMap()
        for key in WorldMachine.lists { WorldMachine.put(&map, key, .vector([])) }
        for key in WorldMachine.views { WorldMachine.put(&map, key, .map(HashMap())) }
    }

    // What each tick says anew, whatever a system left there.
    private static let lists = [KnownName.eventsIn, .eventsOut, .effects]
    private static let views = [KnownName.effectsPending, .effectsStats]

    package var isTicking: Bool { given != nil }

    /// Events that no tick has brought yet.
    package var backlog: Int { arrived.count }

    /// The world as it is now; events that the next tick brings are among `:events/out`.
    ///
    /// - Parameter stats: `:effects/stats` as they are by now; nil for those of the last tick.
    package func world(stats: Value? = nil) -> Value {
        var shown = map
        if let stats { WorldMachine.put(&shown, .effectsStats, stats) }
        if !arrived.isEmpty {
            WorldMachine.put(&shown, .eventsOut, .vector(WorldMachine.elements(map, .eventsOut) + arrived))
        }
        return .map(shown)
    }

    /// What the next system gets.
    package var current: Value { .map(map) }

    /// Forgets what no tick has brought yet; how much that was.
    mutating func forgetArrived() -> Int {
        defer { arrived = [] }
        return arrived.count
    }

    /// An event that the next tick brings.
    package mutating func push(_ event: Value) { arrived.append(event) }

    /// Sets what lies at `path`, as `assoc-in` does: at once, or when the tick at hand is over.
    ///
    /// - Throws: where the path leads through something that is no map.
    package mutating func set(_ path: [Value], _ value: Value) throws(Fault) {
        var changed = map
        try WorldMachine.set(&changed, path[...], value)
        if isTicking { changes.append((path, value)) } else { map = changed }
    }

    /// Begins a tick: events move in, `:effects` is empty. Gives the milliseconds since the last one began, 0 for the first.
    package mutating func begin(at nowMs: Int64, pending: Value, stats: Value) -> Int64 {
        defer { lastTickMs = nowMs }
        WorldMachine.put(&map, .eventsIn, .vector(WorldMachine.elements(map, .eventsOut) + arrived))
        arrived = []
        for key in [KnownName.eventsOut, .effects] { WorldMachine.put(&map, key, .vector([])) }
        WorldMachine.put(&map, .effectsPending, pending)
        WorldMachine.put(&map, .effectsStats, stats)
        authors = []
        given = map
        return lastTickMs.map { nowMs - $0 } ?? 0
    }

    /// Takes the world that a system returned. Says what is wrong with it when it is none; then nothing has changed.
    ///
    /// - Parameter system: its place among the systems.
    package mutating func accept(_ returned: Value, by system: Int = 0) -> String? {
        guard case .map(let new) = returned else {
            return "a system returns the world, a map, but this one returned \(returned.briefly)"
        }
        for key in [KnownName.effects, .eventsOut] {
            let list = WorldMachine.find(new, key)
            guard case .vector = list else {
                return "\(key.rawValue) of the world must be a collection, but a system left \(list.briefly) there"
            }
        }
        note(authorOf: WorldMachine.find(new, .effects), after: WorldMachine.find(map, .effects), system)
        map = new
        return nil
    }

    /// What stands in `:effects` where nothing stood before is the system's; what it found there is still whose it was.
    private mutating func note(authorOf new: Value, after old: Value, _ system: Int) {
        guard case .vector(let new) = new, case .vector(let old) = old, new !== old else { return }
        let (before, after) = (old.elements, new.elements)
        let shorter = min(before.count, after.count)
        var (start, end) = (0, 0)
        while start < shorter, WorldMachine.isSame(before[start], after[start]) { start += 1 }
        while end < shorter - start,
            WorldMachine.isSame(before[before.count - 1 - end], after[after.count - 1 - end])
        { end += 1 }
        authors.replaceSubrange(
            start..<before.count - end, with: repeatElement(system, count: after.count - end - start))
    }

    /// The very same effect: comparing two by their values might have no end.
    private static func isSame(_ left: Value, _ right: Value) -> Bool {
        switch (left, right) {
        case (.map(let left), .map(let right)): HashMap.areSame(left, right)
        case (.int(let left), .int(let right)): left == right
        default: false
        }
    }

    /// Ends the tick. Gives the effects that the systems left, the system that left each, and whether another tick would find
    /// everything as it is: no event came or comes, and no system changed anything.
    package mutating func end() -> (effects: [Value], authors: [Int], isQuiet: Bool) {
        let before = given ?? HashMap()
        given = nil
        let effects = WorldMachine.elements(map, .effects)
        let isSame =
            WorldMachine.elements(before, .eventsIn).isEmpty && WorldMachine.elements(map, .eventsOut).isEmpty
            && effects.isEmpty && arrived.isEmpty && changes.isEmpty && isAsGiven(before)
        // Each was possible when it was asked for; a system may have put something else in its way, and is the later one.
        for change in changes { try? WorldMachine.set(&map, change.path[...], change.value) }
        changes = []
        return (effects, authors, isSame)
    }

    /// Whether the systems left the world as it was. What the next tick says anew is no change, even if they took it out.
    private func isAsGiven(_ before: HashMap) -> Bool {
        var left = map
        for key in WorldMachine.lists + WorldMachine.views {
            WorldMachine.put(&left, key, WorldMachine.find(before, key))
        }
        return (try? Value.map(left).equals(.map(before))) ?? false
    }

    private static func elements(_ map: HashMap, _ key: KnownName) -> [Value] {
        if case .vector(let vector) = find(map, key) { Array(vector.elements) } else { [] }
    }

    /// Keywords have a hash and compare as words: neither can fail.
    private static func put(_ map: inout HashMap, _ key: KnownName, _ value: Value) {
        try? HashMap.set(&map, .kw(key), value)
    }

    private static func find(_ map: HashMap, _ key: KnownName) -> Value { ((try? map.find(.kw(key))) ?? nil) ?? .nil }

    private static func set(_ map: inout HashMap, _ path: ArraySlice<Value>, _ value: Value) throws(Fault) {
        guard let key = path.first else { throw .illegalArgument("set-state needs a path of at least one key") }
        guard path.count > 1 else { return try HashMap.set(&map, key, value) }
        var inner: HashMap
        switch try map.find(key) ?? .nil {
        case .map(let found): inner = found
        case .nil: inner = HashMap()
        case let other:
            throw .illegalArgument("set-state goes through maps, but at \(key.briefly) lies \(other.briefly)")
        }
        try set(&inner, path.dropFirst(), value)
        try HashMap.set(&map, key, .map(inner))
    }
}
