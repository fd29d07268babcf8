import Runtime
import Testing

@testable import Command

/// Looking for schedules in which a test fails, and shortening them: on attempts that are made up here, and on files.
@Suite struct ScheduleSearchTests {
    private func departures(_ turns: some Sequence<Int>) -> [Schedule.Departure] {
        turns.map { Schedule.Departure($0, .order(1)) }
    }

    @Test func findsTheFirstSeedThatFails() {
        var tried: [UInt64] = []
        let search = ScheduleSearch { _, seed in
            tried.append(seed)
            return seed == 12
        }
        // Without its departures, which these attempts do not have, it fails as well: the ordinary order does.
        #expect(search.search(from: 10, count: 5) == .found(.init(seed: 12, tried: 3, departures: [])))
        #expect(tried == [10, 11, 12, 12])
    }

    @Test func saysHowManyItTried() {
        #expect(ScheduleSearch { _, _ in false }.search(from: 3, count: 4) == .none(tried: 4))
        #expect(ScheduleSearch { _, seed in seed == 5 ? nil : false }.search(from: 3, count: 9) == .ended(tried: 2))
    }

    @Test func keepsOnlyTheDeparturesThatAreNeeded() {
        let needed = departures([17, 80])
        var runs = 0
        let search = ScheduleSearch { schedule, _ in
            runs += 1
            return needed.allSatisfy { schedule.planned.contains($0) }
        }
        #expect(search.shorten(departures(0..<100), 1) == needed)
        // Two of a hundred: a search that tried one after the other would take as many runs as there are.
        #expect(runs < 60)
    }

    @Test func keepsAllThatAreNeededTogether() {
        let all = departures(0..<7)
        let search = ScheduleSearch { schedule, _ in schedule.planned == all }
        #expect(search.shorten(all, 1) == all)
    }

    // Each interruption makes a turn: without it, those after it come one earlier.
    @Test func movesTurnsUpWhenAnInterruptionGoes() {
        let noise = [2, 4].map { Schedule.Departure($0, .interruption(9)) }
        let search = ScheduleSearch { schedule, _ in
            let before = schedule.planned.filter { $0.what == .interruption(9) }.count
            return schedule.planned.contains(Schedule.Departure(8 + before, .order(1)))
        }
        #expect(search.shorten(noise + departures([10]), 1) == departures([8]))
    }

    @Test func endsWhenItsPatienceDoes() {
        var runs = 0
        var search = ScheduleSearch { schedule, _ in
            runs += 1
            return schedule.planned.count > 50
        }
        search.patience = 10
        #expect(search.shorten(departures(0..<1000), 1).count > 50)
        #expect(runs == 10)
    }

    // MARK: Files

    private static let race = """
        (ns bank-test (:require [clojure.test :refer [deftest is]] [clojure.core.async :as a]))
        (defn deposit [account amount]
          (let [balance @account]
            (reset! account (+ balance amount))))
        (deftest deposits-add-up
          (let [account (atom 0) done (a/chan)]
            (println "noise")
            (dotimes [_ 2]
              (a/go (dotimes [_ 5] (deposit account 1))
                    (a/>! done :ok)))
            (dotimes [_ 2] (a/<!! done))
            (is (= 10 @account))))
        """

    private func run(_ text: String, _ change: (inout TestRequest) -> Void) throws -> (code: Int32, screen: Screen) {
        let folder = try ScratchFolder(["bank_test.slu": text])
        let screen = Screen()
        var request = TestRequest(paths: [folder.path("bank_test.slu")])
        request.settings.schedule = .virtual(seed: 0)
        request.schedules = 300
        change(&request)
        let control = RunControl(screen.console(json: request.settings.json))
        let code = SessionDriver().test(request, control)
        control.console.close()
        return (code, screen)
    }

    @Test func findsALostUpdate() throws {
        let found = try run(Self.race) { _ in }
        #expect(found.code == 1)
        let output = found.screen.output
        // Only the run that failed is shown, once.
        #expect(output.ranges(of: "noise").count == 1)
        #expect(output.contains("FAIL in (deposits-add-up)"))
        let seed = try #require(output.firstMatch(of: /--virtual-time --seed (\d+) runs it again/))
        // An interruption between the reading and the writing is enough, and it is named.
        #expect(output.contains(/it is enough that of the ordinary order|departs \d times from the ordinary order/))
        #expect(output.contains(/deposit \(.*bank_test\.slu:[34]:\d+\) is interrupted after \d+ steps?/))
        // What it says is true.
        let number = try #require(UInt64(seed.1))
        #expect(try run(Self.race) { ($0.schedules, $0.settings.schedule) = (nil, .virtual(seed: number)) }.code == 1)
    }

    @Test func saysThatNoneWasFound() throws {
        let mended = Self.race.replacing("(let [balance @account]", with: "(do").replacing(
            "(reset! account (+ balance amount))", with: "(swap! account + amount)")
        let found = try run(mended) { $0.schedules = 20 }
        #expect(found.code == 0)
        #expect(found.screen.output.contains("no test fails in 20 schedules, those of the seeds 0 to 19"))
        #expect(!found.screen.output.contains("noise"))
    }

    @Test func tellsAProgram() throws {
        let found = try run(Self.race) { $0.settings.json = true }
        let line = try #require(found.screen.output.split(separator: "\n").first { $0.contains("\"test.schedule\"") })
        #expect(line.contains(#/"seed":\d+,"tried":\d+,"departures":\[\{"turn":\d+,/#))
        #expect(line.contains(#/"interrupted-after":\d+,"function":"deposit","file":".*","line":[34],"column":\d+/#))
    }

    @Test func aFileThatCannotBeLoadedIsToldOnce() throws {
        let found = try run("(ns bank-test)\n(undefined-thing)") { _ in }
        #expect(found.code == 2)
        #expect(found.screen.error.contains("undefined-thing"))
        #expect(!found.screen.output.contains("schedules"))
    }
}
