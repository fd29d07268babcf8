import Machine
import Values

/// `alts!`: one of several operations happens, and no other.
enum ChoicePrimitives {
    static func table(_ runtime: FiberRuntime) -> [RuntimePrimitive] {
        // (alts! operations & options): operations are channels to take from or [channel value] to put; options :priority and
        // :default. Gives [value channel], or [default :default].
        let choose: Native.ControlBody = { [unowned runtime] (arguments, fiber) throws(Fault) in
            if arguments.count == 1, let taken = Choice.takeNow(arguments.place(0), runtime) { return .value(taken) }
            let options = try options(arguments)
            var choice = try Choice(arguments[0], options, runtime)
            // Whoever wins the right to add to a channel with a transducer goes on in the language.
            if let hooks = choice.hooks { return .call(hooks.choose, [arguments[0], options]) }
            return try decide(&choice, fiber)
        }
        return [
            RuntimePrimitive(name: "alts!", arity: .atLeast(1), body: choose),
            RuntimePrimitive(name: "alts!!", arity: .atLeast(1), blocks: true, body: choose),
            // (choose operations options): the same, but for a put on a channel with a transducer gives [true channel true]
            // when the caller is to add the value and to release the channel.
            RuntimePrimitive(name: "choose", arity: 2) { [unowned runtime] (arguments, fiber) throws(Fault) in
                var choice = try Choice(arguments[0], arguments[1], runtime)
                return try decide(&choice, fiber)
            },
        ]
    }

    private static func decide(_ choice: inout Choice, _ fiber: Fiber) throws(Fault) -> Control {
        if let result = choice.tryNow() { return .value(result) }
        if let fallback = choice.fallback { return .value(.vector([fallback, .kw(.default)])) }
        return try choice.wait(try Job.waiting(fiber))
    }

    /// What comes after the operations: keys and values, or a map of them.
    private static func options(_ arguments: Arguments) throws(Fault) -> Value {
        let given = Array(arguments.all.dropFirst())
        if given.isEmpty { return .nil }
        if given.count == 1 {
            if case .map = given[0] { return given[0] }
            if given[0].isNil { return .nil }
        }
        guard given.count % 2 == 0 else {
            throw .illegalArgument("alts! takes options by pairs of a keyword and a value, :priority and :default")
        }
        let pairs = stride(from: 0, to: given.count, by: 2).map { (given[$0], given[$0 + 1]) }
        return .map(try HashMap.of(pairs))
    }
}

/// The operations of one `alts!`, in the order in which they are tried.
private struct Choice {
    /// Channels to take from, and pairs of a channel and a value to put; all of them were looked at.
    private let operations: Vector
    private var order: Order
    private(set) var fallback: Value?

    init(_ given: Value, _ options: Value, _ runtime: FiberRuntime) throws(Fault) {
        if case .vector(let vector) = given {
            operations = vector
        } else {
            operations = Vector(try Sequences.array(given))
        }
        let count = operations.count
        guard count > 0 else { throw .illegalArgument("alts! needs at least one channel to choose from") }
        for index in 0..<count { try Choice.check(operations.place(of: Int64(index)).unsafelyUnwrapped) }
        var isOrdered = count == 1
        if case .map(let map) = options {
            fallback = try map.find(.kw(.default))
            if try map.find(.kw(.priority))?.isTruthy ?? false { isOrdered = true }
        }
        order = Order(count, isOrdered ? nil : SplitMix(seed: runtime.drawBits()))
    }

    /// A take that needs no waiting, from a vector of channels only: what most choices are. Nil when nothing lies ready, and for
    /// every other choice.
    static func takeNow(_ slot: UnsafePointer<Value>, _ runtime: FiberRuntime) -> Value? {
        guard let vector = Value.borrowedVector(slot) else { return nil }
        return vector._withUnsafeGuaranteedRef { vector in
            let count = vector.count
            guard count > 0, count <= 64 else { return nil }
            // What is no channel could be a mistake, which has to be told whatever lies ready: all are looked at.
            var ready: UInt64 = 0
            for index in 0..<count {
                guard let channel = Channel.borrowed(vector.place(of: Int64(index)).unsafelyUnwrapped) else { return nil }
                if channel._withUnsafeGuaranteedRef({ $0.mayTake }) { ready |= 1 &<< UInt64(index) }
            }
            while ready != 0 {
                let index = pick(ready, runtime)
                ready &= ~(1 &<< UInt64(index))
                let place = vector.place(of: Int64(index)).unsafelyUnwrapped
                guard let channel = Channel.borrowed(place) else { return nil }
                if let value = channel._withUnsafeGuaranteedRef({ $0.poll() }) {
                    return .vector(.pair(value, place.pointee))
                }
            }
            return nil
        }
    }

    /// One of the bits that are set, each as likely as any other.
    @inline(__always) private static func pick(_ bits: UInt64, _ runtime: FiberRuntime) -> Int {
        let count = bits.nonzeroBitCount
        if count == 1 { return bits.trailingZeroBitCount }
        var left = bits
        for _ in 0..<runtime.draw(below: count) { left &= left &- 1 }
        return left.trailingZeroBitCount
    }

    /// Those of a channel with a transducer that is put on, if there is one.
    var hooks: TransducerChannel.Hooks? {
        for index in 0..<operations.count {
            if case .vector(let pair) = operations.place(of: Int64(index)).unsafelyUnwrapped.pointee,
                case .object(let object) = pair[0], let hooks = unsafeDowncast(object, to: Channel.self).hooks
            {
                return hooks
            }
        }
        return nil
    }

    @inline(__always) private static func check(_ place: UnsafePointer<Value>) throws(Fault) {
        if Channel.borrowed(place) == nil { try checkPut(place.pointee) }
    }

    @inline(never) private static func checkPut(_ element: Value) throws(Fault) {
        guard case .vector(let pair) = element else {
            _ = try Argument.channel(element, "alts!")
            return
        }
        guard pair.count == 2 else {
            throw .illegalArgument(
                "alts! puts are written [channel value], but found a vector of \(pair.count) elements")
        }
        _ = try Argument.channel(pair[0], "alts!")
        if pair[1].isNil { throw Channel.nilPut }
    }

    private func answer(_ value: Value, _ channel: Channel) -> Value { .vector(.pair(value, .object(channel))) }

    /// The first operation that needs no waiting.
    mutating func tryNow() -> Value? {
        while let index = order.next() {
            let place = operations.place(of: Int64(index)).unsafelyUnwrapped
            if let channel = Channel.borrowed(place) {
                if let value = channel._withUnsafeGuaranteedRef({ $0.poll() }) {
                    return answer(value, channel.takeUnretainedValue())
                }
            } else if case .vector(let pair) = place.pointee, case .object(let object) = pair[0],
                let result = tryPut(pair[1], unsafeDowncast(object, to: Channel.self))
            {
                return result
            }
        }
        return nil
    }

    private func tryPut(_ value: Value, _ channel: Channel) -> Value? {
        if channel.hooks != nil {
            return channel.tryAcquire().map { $0 ? channel.grantedChoice : answer(.false, channel) }
        }
        let outcome = channel.offer(value)
        return outcome.isFull ? nil : answer(.bool(outcome.isOpen), channel)
    }

    /// Waits at all channels at once.
    mutating func wait(_ job: Job) throws(Fault) -> Control {
        attempt: while true {
            let entry = Waiting(job, job.arm(), .choice)
            order.restart()
            while let index = order.next() {
                let (channel, value) = operation(index)
                let step: Channel.Step
                do throws(Fault) { step = try channel.choose(entry, putting: value) } catch {
                    // Claimed meanwhile: the choice was made elsewhere, and this channel does not matter.
                    guard job.disarm(entry.epoch) else { return .parked }
                    throw error
                }
                switch step {
                case .done(let value): return .value(answer(value, channel))
                case .granted: return .value(channel.grantedChoice)
                case .waits: continue
                case .lost: return .parked
                case .again: continue attempt
                }
            }
            return try job.parked(entry.epoch)
        }
    }

    private func operation(_ index: Int) -> (channel: Channel, value: Value?) {
        let place = operations.place(of: Int64(index)).unsafelyUnwrapped
        if let channel = Channel.borrowed(place) { return (channel.takeUnretainedValue(), nil) }
        guard case .vector(let pair) = place.pointee, case .object(let object) = pair[0] else {
            fatalError("an operation that was not looked at")
        }
        return (unsafeDowncast(object, to: Channel.self), pair[1])
    }
}

/// The places of `count` operations: as they stand, or in a random order, of which every one is as likely as any other and
/// which is drawn only as far as it is asked for.
private struct Order {
    private let count: Int
    private var random: SplitMix?
    /// The places, those that were drawn first: four bits each while they fit, which most choices do.
    private var packed: UInt64 = 0xfedc_ba98_7654_3210
    private var places: [Int] = []
    private var drawn = 0
    private var passed = 0

    init(_ count: Int, _ random: SplitMix?) {
        self.count = count
        self.random = random
        if count > 16, random != nil { places = Array(0..<count) }
    }

    /// From the first again, in the same order.
    mutating func restart() { passed = 0 }

    mutating func next() -> Int? {
        guard passed < count else { return nil }
        defer { passed &+= 1 }
        guard random != nil else { return passed }
        if passed == drawn { draw() }
        return count > 16 ? places[passed] : Int(packed &>> UInt64(4 &* passed) & 15)
    }

    /// Brings one of those that are left to the place that is asked for.
    private mutating func draw() {
        // A multiplication instead of a division: as uniform as 32 random bits are.
        let bits = (random?.next() ?? 0) &>> 32
        let other = drawn &+ Int((bits &* UInt64(count &- drawn)) &>> 32)
        if count > 16 {
            places.swapAt(drawn, other)
        } else {
            let (low, high) = (UInt64(4 &* drawn), UInt64(4 &* other))
            let difference = (packed &>> low ^ packed &>> high) & 15
            packed ^= difference &<< low | difference &<< high
        }
        drawn &+= 1
    }
}
