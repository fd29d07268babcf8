import Engine
import Reader
import Sluice
import Values

/// A program with workers, evaluated in a session of its own.
enum WorkerScript {
    /// The text that it gives, or what its failure is called.
    static func value(of program: String, seed: UInt64?) -> String {
        var options = SessionOptions(grants: Capabilities(workingDirectory: "/"))
        options.seed = seed
        let session = Session(options)
        defer { session.shutDown() }
        switch session.evaluate(program) {
        case .success(let value): return value.stringValue ?? ""
        case .failure(let fault): return Report.diagnostic(fault).title
        }
    }
}
