import Machine
import Testing
import Values

/// Choices that take from a channel and put on it, over every sequence of operations up to a length.
@Suite struct ChannelChoiceTests {
    typealias Waiter = ChannelStateTests.Waiter

    enum Operation: CaseIterable { case put, take, close, takeOrPut, putOrTake, withdraw }

    /// One channel, with what everybody who came to it has got. Who comes has a number, and puts that number.
    final class Model {
        let channel: ChannelBox<Waiter>
        let path: [Operation]
        /// What they wait for who wait or waited.
        var (takers, putters): ([Waiter], [Waiter]) = ([], [])
        /// Who has taken which value.
        var taken: [(taker: Int64, value: Int64)] = []
        /// Whose value was accepted.
        var accepted: Set<Int64> = []

        init(_ buffering: Buffering, _ path: [Operation]) {
            channel = ChannelBox(buffering)
            self.path = path
            for (index, operation) in path.enumerated() { run(operation, Waiter(Int64(index + 1))) }
        }

        func run(_ operation: Operation, _ waiter: Waiter) {
            switch operation {
            case .put: if !put(waiter) { leavePut(waiter) }
            case .take: if !take(waiter) { leaveTake(waiter) }
            case .takeOrPut: _ = chooseTake(waiter) || choosePut(waiter)
            case .putOrTake: _ = choosePut(waiter) || chooseTake(waiter)
            case .withdraw: (putters + takers).first(where: \.isWaiting)?.isWaiting = false
            case .close: for taker in channel.close() { expect(!taker.isWaiting, "resumed without a claim") }
            }
        }

        /// As `Channel.choose` does it: claimed before the other side, which must be there then.
        func chooseTake(_ waiter: Waiter) -> Bool {
            guard channel.canTake(by: waiter) else {
                leaveTake(waiter)
                return false
            }
            expect(waiter.claim() && take(waiter), "a choice found nothing where something lay")
            return true
        }

        func choosePut(_ waiter: Waiter) -> Bool {
            guard channel.canPut(by: waiter) else {
                leavePut(waiter)
                return false
            }
            expect(waiter.claim() && put(waiter), "a choice found no room where there was some")
            return true
        }

        func leavePut(_ waiter: Waiter) {
            expect(channel.enqueuePut(.int(waiter.number), waiter), "no room to wait")
            putters.append(waiter)
        }

        func leaveTake(_ waiter: Waiter) {
            expect(channel.enqueueTake(waiter), "no room to wait")
            takers.append(waiter)
        }

        func put(_ waiter: Waiter) -> Bool {
            switch channel.put(.int(waiter.number)) {
            case .buffered: accepted.insert(waiter.number)
            case .handed(let taker):
                accepted.insert(waiter.number)
                taken.append((taker.number, waiter.number))
            case .closed: break
            case .full: return false
            case .broadcast, .dropped, .displaced: expect(false, "a fixed buffer does no such thing")
            }
            return true
        }

        func take(_ waiter: Waiter) -> Bool {
            switch channel.take() {
            case .value(let value): taken.append((waiter.number, value.intValue!))
            case .valueResuming(let value, let putter):
                accepted.insert(putter.number)
                taken.append((waiter.number, value.intValue!))
            case .closed: break
            case .empty: return false
            }
            return true
        }

        func check() {
            let (takers, putters) = (takers.filter(\.isWaiting), putters.filter(\.isWaiting))
            for taker in takers {
                expect(putters.allSatisfy { $0 === taker }, "somebody waits to take beside another who waits to put")
                expect(channel.count == 0, "somebody waits to take what is there")
            }
            expect(takers.isEmpty || !channel.isClosed, "somebody waits to take from a closed channel")
            expect(taken.allSatisfy { $0.taker != $0.value }, "a choice has met itself")
            expect(Set(taken.map(\.taker)).count == taken.count, "somebody has taken twice")
            expect(taken.allSatisfy { accepted.contains($0.value) }, "taken and not accepted")
            expect(Set(taken.map(\.value)).count == taken.count, "taken twice")
            expect(accepted.count == taken.count + channel.count, "lost")
            // A choice does one thing: whoever has taken has not put as well.
            expect(taken.allSatisfy { !accepted.contains($0.taker) }, "a choice was made twice")
        }

        private func expect(_ condition: Bool, _ what: Comment) {
            if !condition { Issue.record("\(what) after \(path)") }
        }
    }

    /// D26: all 6^6 sequences. What a choice has left to take is not there for what it puts, nor the other way round.
    @Test(arguments: [Buffering.fixed(0), .fixed(1)])
    func neverMeetsItself(_ buffering: Buffering) {
        let (length, operations) = (6, Operation.allCases)
        let total = (0..<length).reduce(1) { count, _ in count * operations.count }
        for code in 0..<total {
            var rest = code
            let path = (0..<length).map { _ in
                defer { rest /= operations.count }
                return operations[rest % operations.count]
            }
            Model(buffering, path).check()
        }
    }

    /// Behind what a choice has left itself stands somebody else: that is who it meets.
    @Test func meetsWhoeverStandsBehind() {
        let channel = ChannelBox<Waiter>(.fixed(0))
        let (chooser, taker) = (Waiter(1), Waiter(2))
        #expect(channel.enqueueTake(chooser))
        #expect(!channel.canPut(by: chooser))
        #expect(channel.enqueueTake(taker))
        #expect(channel.canPut(by: chooser) && chooser.claim())
        guard case .handed(let found) = channel.put(.int(1)) else {
            Issue.record("nobody was met")
            return
        }
        #expect(found === taker)

        let (second, putter) = (Waiter(3), Waiter(4))
        #expect(channel.enqueuePut(.int(3), second))
        #expect(!channel.canTake(by: second))
        #expect(channel.enqueuePut(.int(4), putter))
        #expect(channel.canTake(by: second) && second.claim())
        guard case .valueResuming(.int(4), let giver) = channel.take() else {
            Issue.record("the other's value was not taken")
            return
        }
        #expect(giver === putter)
    }
}
