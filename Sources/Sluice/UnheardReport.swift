import Engine
import Graph
import Machine
import Reader
import Runtime
import Values

/// What people are told of failures that nobody asked for.
enum UnheardReport {
    /// Lines that are told one by one, and bytes of a message in one.
    private static let (most, longest) = (10, 200)

    static func lines(_ runtime: FiberRuntime) -> (lines: [String], count: Int) {
        let (failures, forgotten) = runtime.unheard.take()
        guard !failures.isEmpty else { return ([], 0) }
        // A system that reads the events, or what is pending, is told of failures by those.
        let isWorldHeard = CallGraph.mentions([.eventsIn, .effectsPending], from: runtime.world.systemFunctions)
        let unheard = failures.filter { failure in
            if case .world = failure.source { !isWorldHeard } else { true }
        }
        var lines = unheard.prefix(most).map { runtime.events.redactor.masked(line($0)) }
        let count = unheard.count + forgotten
        let more = count - lines.count
        if more > 0, !unheard.isEmpty {
            lines.append("\(more) more \(more == 1 ? "failure" : "failures") that nobody asked for")
        }
        return (lines, unheard.isEmpty ? 0 : count)
    }

    private static func line(_ failure: UnheardFailures.Failure) -> String {
        let said = message(failure.message)
        switch failure.source {
        case .submitted(let effect, let position):
            return "\(named(effect)) failed, and nobody asked for its outcome: \(said)"
                + ((position?.frame?.place).map { "; it was submitted at \($0)" } ?? "")
        case .world(let effect):
            return "\(named(effect)), which a system left, failed, and no system reads :events/in: \(said)"
        case .future(let exception):
            return "a future failed, and nobody asked for its value: \(said)"
                + ((exception.site?.place).map { "; at \($0)" } ?? "")
        }
    }

    private static func named(_ effect: Effect) -> String {
        "the effect \(effect.id.shown) (:\(effect.type.description))"
    }

    private static func message(_ text: String) -> String {
        let line = text.split(whereSeparator: \.isNewline).first.map(String.init) ?? "it said nothing"
        return line.utf8.count <= longest ? line : line.prefix(longest) + "…"
    }
}
