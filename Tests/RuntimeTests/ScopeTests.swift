import Machine
import Testing
import Values

@testable import Runtime

/// Scopes own what is started in them, for as long as it runs and no longer.
@Suite struct ScopeTests {
    /// A scope that still has fibers stays with its parent, and goes with the last of them.
    @Test func closesWhenItsFibersHaveEnded() {
        let world = World(.virtual(seed: 1))
        let gate = Channel(.fixed(0))
        let closed = Shared(false)
        let outer = Scope(parent: world.runtime.root)
        weak var left: Scope?
        do {
            let scope = Scope(parent: outer)
            left = scope
            world.runtime.spawn(Actor([Do.take(gate)]).function(), scope: scope)
            world.runtime.runUntilIdle()
            scope.close()
        }
        outer.whenEmpty { closed.update { $0 = true } }
        #expect(outer.hasFibers && outer.fiberCount == 0 && !closed.value && left != nil)
        gate.close()
        world.runtime.runUntilIdle()
        #expect(!outer.hasFibers && closed.value && left == nil)
    }

    /// What a callback starts in a scope that was left is still reached by the end of the runtime.
    @Test func takesPartAgainWhenSomethingStartsInIt() {
        let world = World(.virtual(seed: 1))
        let outer = Scope(parent: world.runtime.root)
        let scope = Scope(parent: outer)
        scope.close()
        outer.close()
        let why = Shared<CancelReason?>(nil)
        world.runtime.spawn(
            Actor([Do.take(Channel(.fixed(0)))]).function(), scope: scope,
            completion: .call({ if case .failure(.cancelled(let reason)) = $0 { why.update { $0 = reason } } }))
        #expect(world.runtime.root.hasFibers)
        #expect(world.runtime.shutDown())
        #expect(why.value == .parent)
        #expect(!world.runtime.root.hasFibers)
    }

    /// The end of a runtime waits for fibers of inner scopes as for its own, and takes down what they held.
    @Test(arguments: SchedulerKind.allCases)
    func shutDownWaitsForInnerScopes(_ kind: SchedulerKind) {
        let world = kind.world()
        let ended = Shared(0)
        let note: Native.Body = { (_, _) throws(Fault) in
            ended.update { $0 += 1 }
            return .nil
        }
        for _ in 0..<20 {
            let scope = Scope(parent: Scope(parent: world.runtime.root))
            let slow = Actor([world.call("sleep", .int(1_000_000))])
            world.runtime.spawn(slow.function(finally: note), scope: scope)
        }
        let begun = Actor([world.call("sleep", .int(5))])
        _ = world.runtime.runMain(begun.function())
        #expect(world.runtime.shutDown())
        #expect(ended.value == 20)
    }

    /// As many scopes within each other as a program likes.
    @Test func endsScopesHoweverDeepTheyLie() {
        let world = World(.virtual(seed: 1))
        var scopes = [Scope(parent: world.runtime.root)]
        for _ in 0..<100_000 { scopes.append(Scope(parent: scopes[scopes.count - 1])) }
        let ended = Shared(false)
        world.runtime.spawn(
            Actor([Do.take(Channel(.fixed(0)))]).function(), scope: scopes[scopes.count - 1],
            completion: .call({ _ in ended.update { $0 = true } }))
        #expect(world.runtime.root.hasFibers)
        world.runtime.root.cancel(.stopped)
        world.runtime.runUntilIdle()
        #expect(ended.value)
        while let scope = scopes.popLast() { scope.close() }
    }

    /// A fiber that was ended while it waited at a channel of its own keeps nothing: the channel's entry for it, which is never
    /// looked at again, does not hold the stack that holds the channel.
    @Test(arguments: SchedulerKind.allCases)
    func aCancelledFiberAndItsChannelGo(_ kind: SchedulerKind) {
        let world = kind.world()
        weak var channel: Channel?
        weak var job: Job?
        do {
            let scope = Scope(parent: world.runtime.root)
            let own = Channel(.fixed(0))
            channel = own
            job = world.runtime.spawn(Actor([Do.take(own)]).function(), scope: scope)
            _ = world.runtime.runMain(Actor([world.call("sleep", .int(5))]).function())
            scope.cancel(.requested)
            world.runtime.runUntilIdle()
            scope.close()
        }
        _ = world.runtime.shutDown()
        #expect(job == nil)
        #expect(channel == nil)
    }
}
