import Testing
import Values

@testable import Engine

/// Start order, groups, barriers, dependencies: J11–J20, J22, P18.
@Suite struct OrderTests {
    @Test func effectsWithoutMetaOfOneBatchGoOneByOne() {  // J11, J18
        let trial = Trial()
        trial.submit([trial.effect("a"), trial.effect("b"), trial.effect("c")])
        #expect(trial.runningIDs == ["a"])
        trial.end("a")
        #expect(trial.runningIDs == ["b"])
        // Waiting for the previous one is not depending on it.
        trial.fail("b")
        #expect(trial.runningIDs == ["c"])
    }

    @Test func separateBatchesAreHeldBackByLimitsAlone() {  // J11
        let trial = Trial(maxInflight: 2)
        for id in ["a", "b", "c"] { trial.submit([trial.effect(id)]) }
        #expect(trial.runningIDs == ["a", "b"])
        trial.end("b")
        #expect(trial.runningIDs == ["a", "c"])
    }

    @Test func groupsOfABatchAreIndependent() {  // J18
        let trial = Trial()
        let (x, y) = (trial.group("x"), trial.group("y"))
        trial.submit([
            trial.effect("x1", [(.group, x)]), trial.effect("x2", [(.group, x)]),
            trial.effect("y1", [(.group, y)]), trial.effect("y2", [(.group, y)]),
        ])
        #expect(trial.runningIDs == ["x1", "y1"])
    }

    @Test func aSequentialEffectIsABarrierOnBothSides() {  // J20
        let trial = Trial(maxInflight: 10)
        let group = (KnownName.group, trial.group("g"))
        let parallel = (KnownName.mode, Value.kw(.parallel))
        trial.submit([
            trial.effect("p1", [group, parallel]), trial.effect("p2", [group, parallel]), trial.effect("s", [group]),
            trial.effect("p3", [group, parallel]), trial.effect("p4", [group, parallel]),
        ])
        #expect(trial.runningIDs == ["p1", "p2"])
        trial.end("p2")
        #expect(trial.runningIDs == ["p1"])
        trial.end("p1")
        #expect(trial.runningIDs == ["s"])
        trial.fail("s")
        #expect(trial.runningIDs == ["p3", "p4"])
    }

    @Test func orderWithinAGroupComesBeforePriority() {  // J17, P18
        let trial = Trial(maxInflight: 1)
        let group = (KnownName.group, trial.group("g"))
        let parallel = (KnownName.mode, Value.kw(.parallel))
        trial.submit([
            trial.effect("late", [group, parallel, (.order, number(2)), (.priority, number(100))]),
            trial.effect("early", [group, parallel, (.order, number(1))]),
        ])
        #expect(trial.runningIDs == ["early"])
    }

    @Test func higherPriorityStartsFirstAndEqualOnesInOrderOfSubmission() {  // P18
        let trial = Trial(maxInflight: 1)
        trial.submit([trial.effect("first")])
        for (id, priority) in [("low", 0), ("mid1", 50), ("top", 100), ("mid2", 50)] {
            trial.submit([trial.effect(id, [(.priority, number(Int64(priority)))])])
        }
        for id in ["first", "top", "mid1", "mid2", "low"] { trial.end(id) }
        #expect(trial.startedIDs == ["first", "top", "mid1", "mid2", "low"])
    }

    @Test func aGroupDependsOnWhatAnyMemberDependsOn() {  // J19
        let trial = Trial()
        let (a, b, c) = (trial.group("a"), trial.group("b"), trial.group("c"))
        let parallel = (KnownName.mode, Value.kw(.parallel))
        trial.submit([
            trial.effect("c1", [(.group, c), parallel, (.dependsOn, vector(a))]),
            trial.effect("c2", [(.group, c), parallel, (.dependsOn, b)]),  // one group may stand alone
            trial.effect("a1", [(.group, a)]), trial.effect("b1", [(.group, b)]),
        ])
        #expect(trial.runningIDs == ["a1", "b1"])
        trial.end("a1")
        #expect(trial.runningIDs == ["b1"])
        trial.end("b1")
        #expect(trial.runningIDs == ["c1", "c2"])
    }

    @Test func aNameThatTheBatchLacksMeansTheLatestEarlierBatch() {  // J19
        let trial = Trial()
        let a = trial.group("a")
        trial.submit([trial.effect("old", [(.group, a)])])
        trial.submit([trial.effect("new", [(.group, a)])])
        trial.submit([trial.effect("after", [(.dependsOn, vector(a))])])
        trial.end("old")
        #expect(trial.runningIDs == ["new"])
        trial.end("new")
        #expect(trial.runningIDs == ["after"])
    }

    @Test func anUnknownGroupIsAnErrorWithASuggestionAndTakesNothing() {  // J19
        let trial = Trial()
        let result = trial.submit([
            trial.effect("a", [(.group, trial.group("validate"))]),
            trial.effect("b", [(.dependsOn, vector(trial.group("valdiate")))]),
        ])
        guard case .failure(let error) = result else {
            Issue.record("accepted")
            return
        }
        #expect(error.code == "unknown_group")
        #expect(error.message.contains(":valdiate") && error.message.contains("did you mean :validate?"))
        #expect(trial.starts.isEmpty && trial.machine.stats == EngineStats() && trial.status("a") == nil)
        // The same effects can be submitted once the mistake is mended.
        trial.submit([trial.effect("a")])
        #expect(trial.runningIDs == ["a"])
    }

    @Test func anEmptyPhaseCountsAsComplete() {  // J19
        let trial = Trial()
        trial.submit([trial.effect("a", [(.dependsOn, vector(trial.group("none")))])], declared: ["none"])
        #expect(trial.runningIDs == ["a"])
        // In a later batch too.
        trial.submit([trial.effect("b", [(.dependsOn, vector(trial.group("none")))])])
        #expect(trial.runningIDs == ["a", "b"])
    }

    @Test func aCycleIsRejectedAndShowsItsPath() {  // J19
        let trial = Trial()
        let (a, b, c) = (trial.group("a"), trial.group("b"), trial.group("c"))
        let result = trial.submit([
            trial.effect("1", [(.group, a), (.dependsOn, vector(c))]),
            trial.effect("2", [(.group, b), (.dependsOn, vector(a))]),
            trial.effect("3", [(.group, c), (.dependsOn, vector(b))]),
        ])
        guard case .failure(let error) = result else {
            Issue.record("accepted")
            return
        }
        #expect(error.code == "dependency_cycle")
        #expect(error.message == "groups depend on each other in a circle: :a → :c → :b → :a")
    }

    @Test func aGroupThatDependsOnItselfIsACycle() {  // J19
        let trial = Trial()
        let a = trial.group("a")
        guard case .failure(let error) = trial.submit([trial.effect("1", [(.group, a), (.dependsOn, vector(a))])])
        else {
            Issue.record("accepted")
            return
        }
        #expect(error.message.hasSuffix(":a → :a"))
    }

    @Test func aChainOfGroupsIsCheckedWithoutAStack() {  // J19, N5
        let trial = Trial(maxInflight: 1)
        let names = (0..<20_000).map { trial.group("g\($0)") }
        var effects: [Effect] = []
        for (index, name) in names.enumerated() {
            let depends: [(KnownName, Value)] = index == 0 ? [] : [(.dependsOn, vector(names[index - 1]))]
            effects.append(trial.effect("e\(index)", [(.group, name), (.onDepFailure, .kw(.skip))] + depends))
        }
        trial.submit(effects)
        // One failure skips all that follow, in one step.
        trial.fail("e0")
        #expect(trial.machine.stats.skipped == 19_999)
        #expect(trial.status("e19999") == .skipped)
    }

    @Test(arguments: [
        (KnownName.error, EffectStatus.failed, "dependency_failed"), (.skip, .skipped, "skipped"),
    ])
    func whatBecomesOfAnEffectWhoseDependencyFailed(policy: KnownName, status: EffectStatus, code: String) {  // J22
        let trial = Trial()
        let a = trial.group("a")
        trial.submit([
            trial.effect("a", [(.group, a)]),
            trial.effect("b", [(.group, trial.group("b")), (.dependsOn, vector(a)), (.onDepFailure, .kw(policy))]),
        ])
        trial.fail("a")
        #expect(trial.status("b") == status)
        let answer = trial.answer("b") ?? ""
        #expect(answer.hasPrefix("\(code): "))
        #expect(answer.contains("\"a\" of the group :a failed (it broke)"))
        #expect(trial.startedIDs == ["a"])
    }

    @Test func continueRunsAfterAFailedDependency() {  // J22
        let trial = Trial()
        let a = trial.group("a")
        trial.submit([
            trial.effect("a", [(.group, a)]),
            trial.effect("b", [(.dependsOn, vector(a)), (.onDepFailure, .kw(.continue))]),
        ])
        trial.fail("a")
        #expect(trial.runningIDs == ["b"])
    }

    @Test func aDependencyThatFailedInAnEarlierBatchStillCounts() {  // J19, J22
        let trial = Trial()
        let a = trial.group("a")
        trial.submit([trial.effect("a", [(.group, a)])])
        trial.fail("a")
        trial.submit([trial.effect("b", [(.dependsOn, vector(a))])])
        #expect(trial.status("b") == .failed)
    }

    // J17–J20: validation in parallel, a transaction in order, notifications
    @Test func theExampleOfPhasesRunsAsDescribed() {
        let trial = Trial()
        let phases = (1...3).map { vector(.string("phase"), number(Int64($0))) }
        let parallel = (KnownName.mode, Value.kw(.parallel))
        trial.submit([
            trial.effect("user", [(.group, phases[0]), parallel]),
            trial.effect("stock", [(.group, phases[0]), parallel]),
            trial.effect("reserve", [(.group, phases[1]), (.order, number(1)), (.dependsOn, vector(phases[0]))]),
            trial.effect("charge", [(.group, phases[1]), (.order, number(2))]),
            trial.effect("mail", [(.group, phases[2]), parallel, (.dependsOn, vector(phases[1]))]),
            trial.effect("slack", [(.group, phases[2]), parallel]),
        ])
        #expect(trial.runningIDs == ["user", "stock"])
        trial.end("user")
        trial.end("stock")
        #expect(trial.runningIDs == ["reserve"])
        trial.end("reserve")
        #expect(trial.runningIDs == ["charge"])
        trial.end("charge")
        #expect(trial.runningIDs == ["mail", "slack"])
    }
}
