import Engine
import Sluice
import Testing

/// A table of `expression ;=> value` lines, evaluated after a prelude that names the libraries they need.
struct LibraryCases: CustomTestStringConvertible, Sendable {
    var name: String
    var prelude: String
    var text: String

    var testDescription: String { name }

    /// What does not hold.
    func problems(in session: Session) -> [String] {
        if case .failure(let fault) = session.evaluate(prelude, name: name) {
            return ["the prelude of \(name): \(Expectation.text(fault))"]
        }
        return Expectation.all(in: text, place: name).compactMap { $0.problem(in: session) }
    }

    /// Records what does not hold, in an order of fibers that a seed draws; without one, on threads.
    func check(seed: UInt64? = 1) {
        var options = SessionOptions(grants: Capabilities(workingDirectory: "/"))
        options.seed = seed
        let session = Session(options)
        defer { session.shutDown() }
        for problem in problems(in: session) { Issue.record("\(problem)") }
    }
}
