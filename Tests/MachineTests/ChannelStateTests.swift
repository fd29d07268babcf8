import Machine
import Testing
import Values

/// The pure channel, against what it must never do, over every sequence of operations up to a length.
@Suite struct ChannelStateTests {
    /// A party of the test: waits until claimed or withdrawn.
    final class Waiter: Party {
        let number: Int64
        var isWaiting = true
        /// What it was resumed with: a taken value, or nil for the end.
        var result: Int64??
        init(_ number: Int64) { self.number = number }
        func claim() -> Bool {
            defer { isWaiting = false }
            return isWaiting
        }
        func isSameWait(as other: Waiter) -> Bool { self === other }
    }

    typealias TestChannel = ChannelBox<Waiter>

    enum Operation: CaseIterable { case put, take, close, withdrawPut, withdrawTake }

    /// One channel with everything that happened to it.
    final class Model {
        let channel: TestChannel
        /// Whether what only enters or leaves the buffer is tried first, as the machine does.
        let looksFirst: Bool
        var accepted: [Int64] = []
        var delivered: [Int64] = []
        var putters: [(Waiter, Int64)] = []
        var takers: [Waiter] = []
        var dropped = 0
        var next: Int64 = 1

        init(_ buffering: Buffering, looksFirst: Bool) {
            channel = TestChannel(buffering)
            self.looksFirst = looksFirst
        }

        func run(_ operation: Operation) {
            switch operation {
            case .put: put()
            case .take: take()
            case .close: for taker in channel.close() { taker.result = .some(nil) }
            case .withdrawPut:
                // A choice that was made elsewhere: its value never counts.
                if let index = putters.firstIndex(where: { $0.0.isWaiting }) {
                    putters[index].0.isWaiting = false
                    putters.remove(at: index)
                }
            case .withdrawTake:
                if let index = takers.firstIndex(where: { $0.isWaiting }) {
                    takers[index].isWaiting = false
                    takers.remove(at: index)
                }
            }
        }

        func replace(_ buffering: Buffering) {
            for putter in channel.replace(buffering) { accepted.append(putter.number) }
        }

        private func put() {
            let value = next
            next += 1
            if looksFirst, channel.putWord(.int(value)) || channel.putReady(.int(value), moving: value % 2 == 0) {
                if channel.isClosed { Issue.record("a closed channel took \(value)") }
                accepted.append(value)
                return
            }
            switch channel.put(.int(value)) {
            case .buffered: accepted.append(value)
            case .displaced(let old):
                accepted.removeAll { $0 == old.intValue }
                accepted.append(value)
                dropped += 1
            case .handed(let taker):
                accepted.append(value)
                delivered.append(value)
                taker.result = .some(value)
            case .broadcast(let takers):
                accepted.append(value)
                for taker in takers { taker.result = .some(value) }
            case .dropped: dropped += 1
            case .closed: break
            case .full:
                let waiter = Waiter(value)
                _ = channel.enqueuePut(.int(value), waiter)
                putters.append((waiter, value))
            }
        }

        private func take() {
            if looksFirst, let value = channel.takeReady() {
                delivered.append(value.intValue!)
                return
            }
            switch channel.take() {
            case .value(let value): delivered.append(value.intValue!)
            case .valueResuming(let value, let putter):
                delivered.append(value.intValue!)
                accepted.append(putter.number)
            case .closed: break
            case .empty:
                let waiter = Waiter(0)
                _ = channel.enqueueTake(waiter)
                takers.append(waiter)
            }
        }

        /// Nobody waits for what is there, and nothing was lost, doubled or overtaken.
        /// - Parameter mayHoldMore: the buffer was a larger one before.
        func check(_ path: [Operation], _ buffering: Buffering, mayHoldMore: Bool = false) {
            let waitingPuts = putters.filter(\.0.isWaiting).count
            let waitingTakes = takers.filter(\.isWaiting).count
            let (count, isClosed) = (channel.count, channel.isClosed)
            if !(waitingTakes == 0 || (count == 0 && waitingPuts == 0)) { Issue.record("lost wake-up after \(path)") }
            if !(waitingPuts == 0 || count == buffering.capacity || mayHoldMore && count > buffering.capacity) {
                Issue.record("a put waits beside room after \(path)")
            }
            if !(count <= buffering.capacity || mayHoldMore) { Issue.record("\(path)") }
            if !(waitingTakes == 0 || !isClosed) { Issue.record("a take waits at a closed channel after \(path)") }
            if !(accepted.starts(with: delivered)) { Issue.record("order or loss after \(path)") }
            if !(accepted.count == delivered.count + count) { Issue.record("loss after \(path)") }
            if case .fixed = buffering, dropped > 0, !mayHoldMore {
                Issue.record("a fixed buffer dropped after \(path)")
            }
        }
    }

    /// D1, D2, D26: all 5^7 sequences on each kind of buffer.
    @Test(
        arguments: [Buffering.fixed(0), .fixed(1), .fixed(2), .dropping(1), .sliding(1), .sliding(2)], [false, true])
    func losesNothingAndStrandsNobody(_ buffering: Buffering, looksFirst: Bool) {
        let length = 7
        let count = Operation.allCases.count
        var total = 1
        for _ in 0..<length { total *= count }
        for code in 0..<total {
            let model = Model(buffering, looksFirst: looksFirst)
            var rest = code
            var path: [Operation] = []
            for _ in 0..<length {
                path.append(Operation.allCases[rest % count])
                rest /= count
                model.run(path.last!)
            }
            // Every prefix is a sequence of its own, so the end state is enough.
            model.check(path, buffering)
        }
    }

    /// G3: what becomes of a channel that is given other buffers, over all sequences of seven operations with two changes.
    @Test(arguments: [Buffering.fixed(0), .fixed(2), .sliding(2)])
    func losesNothingWhenItsBufferIsReplaced(_ first: Buffering) {
        let others: [Buffering] = [.fixed(0), .fixed(1), .fixed(3), .dropping(1), .sliding(1)]
        let operations: [Operation] = [.put, .take, .close, .withdrawPut]
        let length = 7
        var total = 1
        for _ in 0..<length { total *= operations.count }
        for code in 0..<total {
            for (at, second) in [(2, code % 5), (3, code / 5 % 5), (4, code / 25 % 5)] {
                let model = Model(first, looksFirst: code % 2 == 0)
                var rest = code
                var path: [Operation] = []
                var buffering = first
                for step in 0..<length {
                    if step == at || step == at + 2 {
                        buffering = others[(second + step) % others.count]
                        model.replace(buffering)
                    }
                    path.append(operations[rest % operations.count])
                    rest /= operations.count
                    model.run(path.last!)
                }
                model.check(path, buffering, mayHoldMore: true)
            }
        }
    }

    /// Who waited to put goes on as the new buffer has room, in turn; what is held beyond it stays.
    @Test func replacingMakesRoomForThoseWhoWait() {
        let channel = TestChannel(.fixed(1))
        let putters = (1...4).map { Waiter(Int64($0)) }
        _ = channel.put(.int(0))
        for putter in putters { #expect(channel.enqueuePut(.int(putter.number), putter)) }
        #expect(channel.replace(.fixed(3)).map(\.number) == [1, 2])
        #expect(channel.replace(.fixed(1)).isEmpty)
        #expect(channel.count == 3)
        // Until it has shrunk, nobody is let in.
        guard case .value(let zero) = channel.take() else { return expect(false) }
        guard case .value(let one) = channel.take() else { return expect(false) }
        guard case .valueResuming(let two, let third) = channel.take() else { return expect(false) }
        #expect([zero, one, two].map(\.intValue) == [0, 1, 2])
        #expect(third.number == 3)
        // Nobody has to wait at a sliding buffer: what was waiting is kept, even beyond its size.
        #expect(channel.replace(.sliding(1)).map(\.number) == [4])
        #expect(channel.count == 2)
    }

    @Test func everyTakerOfAPromiseGetsItsFirstValue() {
        let channel = TestChannel(.promise)
        let takers = [Waiter(1), Waiter(2)]
        for taker in takers {
            guard case .empty = channel.take() else {
                Issue.record("an empty promise gave something")
                return
            }
            expect(channel.enqueueTake(taker))
        }
        guard case .broadcast(let resumed) = channel.put(.int(5)) else {
            Issue.record("not broadcast")
            return
        }
        #expect(resumed.count == 2)
        guard case .dropped = channel.put(.int(6)) else {
            Issue.record("a promise took a second value")
            return
        }
        _ = channel.close()
        for _ in 0..<2 {
            guard case .value(.int(5)) = channel.take() else {
                Issue.record("the value was lost")
                return
            }
        }
    }

    /// Neither nil, nor a promise, nor what waits for a grant or stands behind somebody enters a buffer as it is.
    @Test func onlyPlainPutsAndTakesAreReady() {
        for channel in [TestChannel(.promise), TestChannel(.fixed(0)), TestChannel(.fixed(2), isGranted: true)] {
            expect(!channel.putReady(.int(1), moving: true) && channel.takeReady() == nil)
            // A promise keeps its first value, and what is granted goes through a transducer, also once there is a ring.
            _ = channel.put(.int(1))
            expect(!channel.putWord(.int(2)))
        }
        let channel = TestChannel(.fixed(1))
        expect(channel.takeReady() == nil && !channel.putReady(.nil, moving: false))
        expect(channel.putReady(.int(1), moving: false) && !channel.putReady(.int(2), moving: false))
        let putter = Waiter(2)
        expect(channel.enqueuePut(.int(2), putter))
        // Who waits to put is to be told.
        expect(channel.takeReady() == nil)
        guard case .valueResuming(.int(1), let resumed) = channel.take() else {
            Issue.record("nobody was resumed")
            return
        }
        #expect(resumed === putter)
        expect(channel.takeReady()?.intValue == 2)
        expect(!channel.putWord(.nil) && !channel.putWord(.vector(.empty)))
        expect(channel.putWord(.int(4)) && !channel.putWord(.int(5)) && channel.takeReady()?.intValue == 4)
        expect(channel.enqueueTake(Waiter(0)) && !channel.putWord(.int(6)))
        _ = channel.close()
        expect(!channel.putReady(.int(3), moving: false) && !channel.putWord(.int(3)))
    }

    /// D26: 1024 may wait, and entries that wait no more do not count.
    @Test func limitsHowManyWait() {
        let channel = TestChannel(.fixed(0))
        var waiters: [Waiter] = []
        for number in 0..<1024 {
            waiters.append(Waiter(Int64(number)))
            expect(channel.enqueueTake(waiters.last!))
        }
        expect(!channel.enqueueTake(Waiter(0)))
        for waiter in waiters.prefix(1000) { _ = waiter.claim() }
        expect(channel.enqueueTake(Waiter(0)))
        expect(channel.waitingTakes == 25)
    }

    @Test func staleEntriesDoNotPileUp() {
        let channel = TestChannel(.fixed(0))
        for _ in 0..<100_000 {
            let waiter = Waiter(0)
            expect(channel.enqueueTake(waiter))
            _ = waiter.claim()
        }
        expect(channel.waitingTakes <= 32)
    }

    /// The seam for transducers: one putter at a time, and none beside a full buffer.
    @Test func grantsOneAtATime() {
        let channel = TestChannel(.fixed(2), isGranted: true)
        expect(channel.acquire() == .granted)
        expect(channel.acquire() == .full)
        let second = Waiter(2)
        expect(channel.enqueuePut(.nil, second))
        // An expanding transducer fills beyond the capacity.
        for value in 1...3 { expect(channel.add(.int(Int64(value))) == nil) }
        expect(channel.release().granted == nil)
        guard case .value(.int(1)) = channel.take() else {
            Issue.record("no value")
            return
        }
        guard case .valueResuming(.int(2), let granted) = channel.take() else {
            Issue.record("no grant for the room")
            return
        }
        #expect(granted === second)
        // Closed while the grant is out: takers still get what is added, and then the end.
        guard case .value(.int(3)) = channel.take(), case .empty = channel.take() else {
            Issue.record("not drained")
            return
        }
        let taker = Waiter(0)
        expect(channel.enqueueTake(taker))
        expect(channel.close().isEmpty)
        expect(channel.add(.int(4)) === taker)
        let last = Waiter(0)
        expect(channel.enqueueTake(last))
        expect(channel.release().ended.first === last)
    }
}

extension ChannelStateTests {
    /// Whoever closes is let in after those who wait already, and nobody behind it.
    @Test func closesInTurn() {
        let channel = TestChannel(.fixed(1), isGranted: true)
        expect(channel.canAcquire && channel.acquire() == .granted)
        expect(!channel.canAcquire)
        let putter = Waiter(1)
        expect(channel.enqueuePut(.nil, putter))
        expect(channel.acquireToClose() == .full)
        let closer = Waiter(2)
        expect(channel.enqueuePut(.nil, closer))
        // The answer is known: closed. So a choice need not wait for it.
        expect(channel.canAcquire && channel.acquire() == .closed)
        expect(channel.release().granted === putter)
        expect(channel.release().granted === closer)
        expect(!channel.isClosed)
    }
}

/// `#expect` copies what it looks at, and a channel cannot be copied.
private func expect(_ condition: Bool, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(condition, sourceLocation: sourceLocation)
}

/// A channel's state by reference.
final class ChannelBox<Waiter: Party> {
    private let state: UnsafeMutablePointer<ChannelState<Waiter>>

    init(_ buffering: Buffering, isGranted: Bool = false) {
        state = .allocate(capacity: 1)
        state.initialize(to: ChannelState(buffering, isGranted: isGranted))
    }

    deinit {
        state.deinitialize(count: 1)
        state.deallocate()
    }

    var count: Int { state.pointee.count }
    var isClosed: Bool { state.pointee.isClosed }
    var waitingTakes: Int { state.pointee.waitingTakes }
    func canPut(by chooser: Waiter) -> Bool { state.pointee.canPut(by: chooser) }
    func canTake(by chooser: Waiter) -> Bool { state.pointee.canTake(by: chooser) }
    func put(_ value: Value) -> ChannelState<Waiter>.Put { state.pointee.put(value) }
    func take() -> ChannelState<Waiter>.Take { state.pointee.take() }
    func putReady(_ value: Value, moving: Bool) -> Bool {
        var slot = value
        return withUnsafeMutablePointer(to: &slot) {
            let isDone = state.pointee.putReady($0, moving: moving)
            if isDone, moving, !$0.pointee.isNil { Issue.record("the value stayed in its slot") }
            return isDone
        }
    }
    func putWord(_ value: Value) -> Bool {
        var slot = value
        return withUnsafeMutablePointer(to: &slot) { state.pointee.putWord($0) }
    }
    func takeReady() -> Value? {
        var slot = Value.nil
        return withUnsafeMutablePointer(to: &slot) { state.pointee.takeReady($0) } ? slot : nil
    }
    func enqueuePut(_ value: Value, _ waiter: Waiter) -> Bool {
        guard state.pointee.hasRoomForPut() else { return false }
        state.pointee.enqueuePut(value, waiter)
        return true
    }
    func enqueueTake(_ waiter: Waiter) -> Bool {
        guard state.pointee.hasRoomForTake() else { return false }
        state.pointee.enqueueTake(waiter)
        return true
    }
    func replace(_ buffering: Buffering) -> [Waiter] { state.pointee.replace(buffering) }
    func close() -> [Waiter] { state.pointee.close() }
    func acquire() -> ChannelState<Waiter>.Grant { state.pointee.acquire() }
    func acquireToClose() -> ChannelState<Waiter>.Grant { state.pointee.acquireToClose() }
    var canAcquire: Bool { state.pointee.canAcquire }
    func add(_ value: Value) -> Waiter? { state.pointee.add(value) }
    func release() -> (granted: Waiter?, ended: [Waiter]) { state.pointee.release() }
}
