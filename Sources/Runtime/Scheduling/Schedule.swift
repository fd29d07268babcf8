import Machine
import Values

/// The decisions that make one run of a simulation: at each turn, which of the fibers that are ready goes on, and for how many
/// steps at most.
///
/// Drawn from a seed, or given as what departs from the ordinary: first come, first served, for a slice as on threads. What was
/// drawn can be asked for afterwards, in those terms, so that a failing run can be run again with fewer departures.
package final class Schedule: @unchecked Sendable {
    // Sendable: the scheduler decides under its lock; what was taken is asked for after the run.

    /// What departs from the ordinary at one turn.
    package struct Departure: Equatable, Sendable {
        /// The turn, counted from 0.
        package var turn: Int
        package var what: What

        package enum What: Equatable, Sendable {
            /// Not the first of those that are ready goes on, but this one.
            case order(Int)
            /// It is interrupted after so many steps.
            case interruption(Int)
        }

        package init(_ turn: Int, _ what: What) {
            self.turn = turn
            self.what = what
        }
    }

    /// What a departure meant in a run.
    package struct Account: Sendable {
        package let departure: Departure
        /// Where the fiber stood that was interrupted, or that went before its turn; nil when it was in no code of the script.
        package let place: TraceFrame?
    }

    /// A turn: index among the ready ones, and most steps.
    struct Turn: Equatable {
        var index: Int
        var fuel: Int
    }

    /// Slices are drawn from 1 to this many steps, so that schedules differ in where fibers are interrupted, too.
    static let longestSlice = 256

    /// Turns that are remembered, at most; a longer run can be run again by its seed alone.
    private static let rememberedTurns = 1 << 20

    /// The departures that were given; none when turns are drawn.
    package let planned: [Departure]
    private var random: SplitMix?
    private let given: [Int: Turn]
    private var turn = 0
    /// Whether departures are noted, and whether with their places.
    private let notes: Notes
    private var noted: [Account] = []

    package enum Notes: Sendable { case nothing, departures, places }

    package init(seed: UInt64, noting notes: Notes = .nothing) {
        random = SplitMix(seed: seed)
        planned = []
        given = [:]
        self.notes = notes
    }

    /// All turns are ordinary but these.
    package init(_ departures: [Departure], noting notes: Notes = .departures) {
        planned = departures
        var given: [Int: Turn] = [:]
        for departure in departures {
            var turn = given[departure.turn] ?? Turn(index: 0, fuel: sliceFuel)
            switch departure.what {
            case .order(let index): turn.index = index
            case .interruption(let steps): turn.fuel = steps
            }
            given[departure.turn] = turn
        }
        self.given = given
        self.notes = notes
    }

    /// What departed from the ordinary in the run, in the order of turns.
    package var accounts: [Account] { noted }
    package var departures: [Departure] { noted.map(\.departure) }

    /// Decides the next turn, with so many fibers ready.
    func next(of ready: Int) -> Turn {
        turn += 1
        if random != nil {
            let index = Int(random!.next() % UInt64(ready))
            return Turn(index: index, fuel: 1 + Int(random!.next() % UInt64(Schedule.longestSlice)))
        }
        var decided = given[turn - 1] ?? Turn(index: 0, fuel: sliceFuel)
        decided.index = min(decided.index, ready - 1)
        return decided
    }

    /// Hears what came of the turn that was decided last, before the fiber is given away.
    func note(order index: Int, of job: Job) {
        if index > 0 { note(.order(index), job) }
    }

    func note(interruptionAfter fuel: Int, of job: Job) {
        if fuel < sliceFuel { note(.interruption(fuel), job) }
    }

    private func note(_ what: Departure.What, _ job: Job) {
        guard notes != .nothing, noted.count < Schedule.rememberedTurns else { return }
        noted.append(
            Account(departure: Departure(turn - 1, what), place: notes == .places ? job.whereabouts : nil))
    }
}
