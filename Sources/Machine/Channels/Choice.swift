import Values

/// The operations of one `alts!`, in the order in which they are tried.
package struct Choice {
    /// Channels to take from, and pairs of a channel and a value to put; all of them were looked at.
    private let operations: Vector
    private var order: Order
    package private(set) var fallback: Value?

    package init(_ given: Value, _ options: Value, _ fiber: Fiber) throws(Fault) {
        if case .vector(let vector) = given {
            operations = vector
        } else {
            do throws(Fault) { operations = Vector(try Sequences.array(given)) } catch {
                // What is lazy may have to be realised first.
                guard case .thrown = error else { throw error }
                throw .type("alts!", expected: "a vector of channels", found: given)
            }
        }
        let count = operations.count
        guard count > 0 else { throw .illegalArgument("alts! needs at least one channel to choose from") }
        for index in 0..<count { try Choice.check(operations.place(of: Int64(index)).unsafelyUnwrapped) }
        var isOrdered = count == 1
        if case .map(let map) = options {
            fallback = try map.find(.kw(.default))
            if try map.find(.kw(.priority))?.isTruthy ?? false { isOrdered = true }
        }
        order = Order(count, isOrdered ? nil : SplitMix(seed: fiber.drawBits()))
    }

    package enum Attempt {
        /// The value, and where its channel stands.
        case taken(Value, from: UnsafePointer<Value>)
        /// All are channels, and nothing lies ready.
        case nothing
        /// It is another kind of choice.
        case untried
    }

    /// A take that needs no waiting, from a vector of channels only, few enough to lie together: what most choices are.
    @inline(__always) package static func takeNow(_ slot: UnsafePointer<Value>, _ fiber: Fiber) -> Attempt {
        guard let vector = Value.borrowedVector(slot) else { return .untried }
        let places = vector._withUnsafeGuaranteedRef { $0.leaf }
        // What is no channel could be a mistake, which has to be told whatever lies ready: all are looked at.
        var ready: UInt64 = 0
        guard places.count > 0 else { return .untried }
        let plain = ObjectIdentifier(Channel.self)
        for index in places.indices {
            let place = places.baseAddress.unsafelyUnwrapped + index
            guard let channel = Channel.borrowed(place, plain) else { return .untried }
            // Added rather than branched on, for which channels are ready is hard to predict.
            ready |= (channel._withUnsafeGuaranteedRef { $0.mayTake } ? 1 : 0) &<< UInt64(index)
        }
        while ready != 0 {
            let index = pick(ready, fiber)
            ready &= ~(1 &<< UInt64(index))
            let place = places.baseAddress.unsafelyUnwrapped + index
            if let value = Channel.known(place)._withUnsafeGuaranteedRef({ $0.poll() }) {
                return .taken(value, from: place)
            }
        }
        return .nothing
    }

    /// Waits to take from all channels in `slot`, of which `takeNow` said that there is nothing. False when it does not wait:
    /// something lies ready by now. After true the fiber is somebody else's.
    package static func wait(_ slot: UnsafePointer<Value>, _ fiber: Fiber, _ style: Waiting.Style = .choice)
        throws(Fault) -> Bool
    {
        guard let vector = Value.borrowedVector(slot)?.takeUnretainedValue() else { return false }
        // Once an entry was left, the fiber may go on elsewhere, and drop the vector.
        defer { withExtendedLifetime(vector) {} }
        let places = vector.leaf
        let epoch = try fiber.beginWait()
        let entry = Waiting(fiber, epoch, style)
        for index in places.indices {
            let channel = Channel.known(places.baseAddress.unsafelyUnwrapped + index)
            if channel._withUnsafeGuaranteedRef({ $0.waitIfEmpty(entry) }) { continue }
            // What was left behind is stale then. Without the claim the choice was made elsewhere.
            return !fiber.claim(epoch)
        }
        return true
    }

    /// One of the bits that are set, each as likely as any other.
    @inline(__always) private static func pick(_ bits: UInt64, _ fiber: Fiber) -> Int {
        let count = bits.nonzeroBitCount
        if count == 1 { return bits.trailingZeroBitCount }
        var left = bits
        for _ in 0..<fiber.draw(below: count) { left &= left &- 1 }
        return left.trailingZeroBitCount
    }

    /// Those of a channel with a transducer that is put on, if there is one.
    package var hooks: TransducerChannel.Hooks? {
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
            try checkChannel(element)
            return
        }
        guard pair.count == 2 else {
            throw .illegalArgument(
                "alts! puts are written [channel value], but found a vector of \(pair.count) elements")
        }
        try checkChannel(pair[0])
        if pair[1].isNil { throw Channel.nilPut }
    }

    private static func checkChannel(_ value: Value) throws(Fault) {
        if case .object(let object) = value, case .channel = object.kind { return }
        throw .type("alts!", expected: "a channel", found: value)
    }

    private func answer(_ value: Value, _ channel: Channel) -> Value { .vector(.pair(value, .object(channel))) }

    /// The first operation that needs no waiting.
    package mutating func tryNow() -> Value? {
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
    package mutating func wait(_ fiber: Fiber) throws(Fault) -> Control {
        attempt: while true {
            let entry = Waiting(fiber, try fiber.beginWait(), .choice)
            order.restart()
            while let index = order.next() {
                let (channel, value) = operation(index)
                let step: Channel.Step
                do throws(Fault) { step = try channel.choose(entry, putting: value) } catch {
                    // Claimed meanwhile: the choice was made elsewhere, and this channel does not matter.
                    guard fiber.claim(entry.epoch) else { return .parked }
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
            return .parked
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
