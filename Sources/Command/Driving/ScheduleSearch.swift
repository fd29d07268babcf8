import Runtime

/// Looks for a schedule in which something fails, and then for a shorter one.
///
/// Only the order of turns is shortened; chance in the script stays that of the seed. Shortening is Zeller and Hildebrandt's
/// delta debugging (`ddmin`) on the departures from the ordinary order, since a run that depends on two of them may depend on
/// those two alone.
struct ScheduleSearch {
    /// Runs once under a schedule, with chance drawn from the seed; whether that failed. Nil when it could not be run: the search
    /// ends.
    let attempt: (_ schedule: Schedule, _ seed: UInt64) -> Bool?
    /// Runs that shortening may take.
    var patience = 200

    struct Failure: Equatable {
        var seed: UInt64
        /// How many schedules were tried before and with it.
        var tried: Int
        /// The fewest departures found with which it fails.
        var departures: [Schedule.Departure]
    }

    enum Outcome: Equatable {
        case found(Failure)
        /// None of so many failed.
        case none(tried: Int)
        /// A run that could not be made, or the user has had enough.
        case ended(tried: Int)
    }

    /// Tries the seeds from `first` on, so many of them.
    func search(from first: UInt64, count: Int) -> Outcome {
        for tried in 0..<count {
            let seed = first &+ UInt64(tried)
            let schedule = Schedule(seed: seed, noting: .departures)
            guard let isFailure = attempt(schedule, seed) else { return .ended(tried: tried) }
            if isFailure {
                return .found(
                    Failure(seed: seed, tried: tried + 1, departures: shorten(schedule.departures, seed)))
            }
        }
        return .none(tried: count)
    }

    /// Fewer of these departures with which it still fails; all of them when fewer do not do.
    func shorten(_ departures: [Schedule.Departure], _ seed: UInt64) -> [Schedule.Departure] {
        var left = patience
        func fails(_ subset: [Schedule.Departure]) -> Bool {
            left -= 1
            return left >= 0 && attempt(Schedule(subset), seed) == true
        }
        if fails([]) { return [] }
        var current = departures
        // What comes after the failure does not matter: half of the rest goes at a time.
        var kept = current.count / 2
        while kept > 0, kept < current.count, left > 0, fails(Array(current[..<kept])) {
            current = Array(current[..<kept])
            kept = current.count / 2
        }
        var pieces = 2
        while current.count > 1, left > 0 {
            let size = (current.count + pieces - 1) / pieces
            var isShorter = false
            for start in stride(from: 0, to: current.count, by: size) where left > 0 {
                guard
                    let rest = ScheduleSearch.without(start..<min(start + size, current.count), current).first(
                        where: fails)
                else { continue }
                current = rest
                isShorter = true
                break
            }
            if isShorter {
                pieces = max(2, pieces - 1)
            } else if size == 1 {
                break
            } else {
                pieces = min(current.count, pieces * 2)
            }
        }
        return current
    }

    /// What is left without some departures: at the same turns, and as many turns earlier as there are no interruptions any more,
    /// each of which made a turn of its own.
    private static func without(_ removed: Range<Int>, _ departures: [Schedule.Departure]) -> [[Schedule.Departure]] {
        let before = departures[..<removed.lowerBound]
        let after = departures[removed.upperBound...]
        guard before.count + after.count > 0 else { return [] }
        var interruptions = 0
        for departure in departures[removed] {
            if case .interruption = departure.what { interruptions += 1 }
        }
        let same = Array(before + after)
        guard interruptions > 0, !after.isEmpty else { return [same] }
        let lowest = before.last.map(\.turn) ?? 0
        let earlier = after.map { Schedule.Departure(max(lowest, $0.turn - interruptions), $0.what) }
        return [same, before + earlier]
    }
}
