import Runtime
import Values

extension HandledFailures {
    /// What a run that failed says of those that it has not shown, a line for each kind.
    var lines: [String] { kinds.map(\.line) + (others == 0 ? [] : ["and \(others) more"]) }
}

extension HandledFailure {
    /// Characters of a message that are shown.
    private static let shown = 160

    /// `shop.slu:9:6: worker :bill failed: … (its :fail-chan :bad has it)`.
    fileprivate var line: String {
        let placed = place.map { "\($0): " } ?? ""
        let often = count == 1 ? "failed" : "failed \(count) times"
        return "\(placed)worker :\(worker.description) \(often): \(firstLine)\(remark)"
    }

    private var firstLine: String {
        let line = message.prefix { !$0.isNewline }
        return line.count <= HandledFailure.shown ? String(line) : "\(line.prefix(HandledFailure.shown))…"
    }

    private var remark: String {
        switch outcome {
        case .forwarded(let channel): " (its :fail-chan :\(channel.description) has it)"
        case .answered: " (whoever asked was told)"
        case .unheard: ""
        }
    }
}
