import Runtime
import Values

/// What makes a schedule fail, in words.
enum ScheduleText {
    static func lines(_ accounts: [Schedule.Account]) -> String {
        if accounts.isEmpty { return "  the ordinary order, in which whoever is ready first goes first, fails as well" }
        let head =
            accounts.count == 1
            ? "  it is enough that of the ordinary order"
            : "  the shortest failing schedule that was found departs \(accounts.count) times from the ordinary order:"
        return ([head] + accounts.map { "    \(line($0))" }).joined(separator: "\n")
    }

    static func line(_ account: Schedule.Account) -> String {
        let who = account.place.map(place) ?? "code of the library"
        switch account.departure.what {
        case .order(let others):
            let passed = others == 1 ? "one that was" : "\(others) that were"
            return "turn \(account.departure.turn): \(who) goes before \(passed) ready earlier"
        case .interruption(let steps):
            let after = steps == 1 ? "1 step" : "\(steps) steps"
            return "turn \(account.departure.turn): \(who) is interrupted after \(after)"
        }
    }

    /// The same as data.
    static func data(_ account: Schedule.Account) -> Value {
        var fields: [(String, Value)] = [("turn", .int(Int64(account.departure.turn)))]
        switch account.departure.what {
        case .order(let others): fields.append(("before-ready", .int(Int64(others))))
        case .interruption(let steps): fields.append(("interrupted-after", .int(Int64(steps))))
        }
        if let frame = account.place {
            fields.append(("function", frame.function.map { .string($0) } ?? .nil))
            if let (file, position) = site(frame) {
                fields += [
                    ("file", .string(file)), ("line", .int(Int64(position.line))),
                    ("column", .int(Int64(position.column))),
                ]
            }
        }
        return .jsonObject(fields)
    }

    /// `fn in transfer (bank.slu:7:12)`.
    private static func place(_ frame: TraceFrame) -> String {
        let name = frame.function ?? "the top level"
        guard let (file, position) = site(frame) else { return name }
        return "\(name) (\(file):\(position.line):\(position.column))"
    }

    private static func site(_ frame: TraceFrame) -> (file: String, position: Position)? {
        guard let source = frame.source, let span = frame.span else { return nil }
        return (source.name, source.position(of: Int(span.start)))
    }
}
