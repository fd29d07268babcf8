import Testing
import Values

@testable import Adapters

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

@Suite struct BlockingPoolTests {
    @Test("It grows to its limit and no further") func limit() async {
        let pool = BlockingPool(limit: 3, idleMs: 50)
        let (running, most) = (Gathered<Int>(), Gathered<Int>())
        let gate = WakeGate()
        for _ in 0..<10 {
            pool.submit {
                running.add(1)
                most.add(pool.threads)
                gate.wait()
            }
        }
        _ = await running.wait { $0.count == 3 }
        #expect(pool.threads == 3)
        #expect(running.all.count == 3)
        gate.open()
        #expect(await running.wait { $0.count == 10 }.count == 10)
        #expect(most.all.allSatisfy { $0 <= 3 })
    }

    @Test("Idle threads end, and work still runs afterwards") func idle() async {
        let pool = BlockingPool(limit: 2, idleMs: 20)
        let done = Gathered<Int>()
        pool.submit { done.add(1) }
        _ = await done.wait { $0.count == 1 }
        #expect(await eventually { pool.threads == 0 })
        pool.submit { done.add(2) }
        #expect(await done.wait { $0.count == 2 } == [1, 2])
    }

    @Test("Work that has not begun can be withdrawn, once") func withdraw() async {
        let pool = BlockingPool(limit: 1)
        let (gate, done) = (WakeGate(), Gathered<Int>())
        pool.submit {
            done.add(0)
            gate.wait()
        }
        let second = pool.submit { done.add(1) }
        pool.submit { done.add(2) }
        _ = await done.wait { $0.count == 1 }
        #expect(second.withdraw())
        #expect(!second.withdraw())
        gate.open()
        #expect(await done.wait { $0.count == 2 } == [0, 2])
    }

    @Test("A pool that is dropped finishes what it was given") func dropped() async {
        let done = Gathered<Int>()
        do {
            let pool = BlockingPool(limit: 1)
            for index in 0..<20 { pool.submit { done.add(index) } }
        }
        #expect(await done.wait { $0.count == 20 } == Array(0..<20))
    }
}

/// Holds threads until it is opened.
final class WakeGate: @unchecked Sendable {
    // Sendable: a semaphore is made to be shared.
    private let ends: (read: Int32, write: Int32)

    init() {
        var pair: [Int32] = [0, 0]
        pipe(&pair)
        ends = (pair[0], pair[1])
    }

    deinit { closeEnd(ends.read) }

    func wait() {
        var polled = pollfd(fd: ends.read, events: Int16(POLLIN), revents: 0)
        poll(&polled, 1, 10_000)
    }

    func open() { closeEnd(ends.write) }
}

private func closeEnd(_ descriptor: Int32) { close(descriptor) }
