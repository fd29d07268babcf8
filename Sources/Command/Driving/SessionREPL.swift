import Compiler
import Machine
import Reader
import Sluice
import Values

/// A conversation over a session: `*1`, `*2`, `*3` and `*e` hold the last values and the last exception.
final class SessionREPL: REPLSession, @unchecked Sendable {
    // Sendable: used by one thread, but for `interrupt`, which the session takes from any.
    private let session: Session
    private var count = 0

    init(_ session: Session) {
        self.session = session
        session.referConveniences()
    }

    var prompt: String { "\(session.namespace.name.description)=> " }

    func submit(_ text: String, atEnd: Bool) -> REPLReply {
        count += 1
        let source = Source(name: "<repl \(count)>", bytes: Array(text.utf8))
        switch session.read(source) {
        case .failure(let fault):
            if !atEnd, Report.isIncomplete(fault) {
                count -= 1
                return .incomplete
            }
            return failed(fault)
        case .success(let forms):
            var printed: [String] = []
            for form in forms {
                switch session.evaluate(form, of: source) {
                case .failure(let fault): return failed(fault)
                case .success(let value):
                    session.remember(value)
                    switch session.printed(value) {
                    case .success(let text): printed.append(text)
                    case .failure(let fault): return failed(fault)
                    }
                }
            }
            return .values(printed)
        }
    }

    private func failed(_ fault: Fault) -> REPLReply {
        if case .thrown(let exception) = fault { session.remember(exception) }
        return .failed(Report.diagnostic(fault).rendered())
    }

    func completions(of prefix: String) -> [String] { session.completions(of: prefix) }
    func interrupt() { session.interrupt() }
    func close() { session.shutDown() }
}
