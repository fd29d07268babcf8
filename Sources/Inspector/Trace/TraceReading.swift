import Engine
import Values

/// Takes the bytes of a trace in, piece by piece, and folds them. A line that cannot be used is told and left out, because
/// the rest of the trace is worth reading; only what is no trace at all is refused.
package struct TraceReading {
    package private(set) var histories = EffectHistories()
    private let names: Names
    private var rest: [UInt8] = []
    private var lineNumber = 0
    private var badLines: [Int] = []
    private var unknownTypes: [String] = []
    private var unknownCount = 0
    private var isCut = false

    /// What is no trace that this version can read.
    package struct Refusal: Error, Equatable, Sendable {
        package let message: String
        package let hint: String?
    }

    package init(names: Names) { self.names = names }

    package mutating func take(_ bytes: some Sequence<UInt8>) throws(Refusal) {
        for byte in bytes {
            guard byte == UInt8(ascii: "\n") else {
                rest.append(byte)
                continue
            }
            try takeLine(isWhole: true)
        }
    }

    /// Takes what stands after the last line break as well: a crash may have cut it.
    package mutating func finish() throws(Refusal) {
        if !rest.isEmpty { try takeLine(isWhole: false) }
        guard lineNumber > 0 else {
            throw Refusal(message: "it is empty", hint: "a trace is what `sluice run FILE --trace TRACE` writes")
        }
    }

    private mutating func takeLine(isWhole: Bool) throws(Refusal) {
        let line = rest
        rest.removeAll(keepingCapacity: true)
        lineNumber += 1
        let content = TraceLine.read(line, names: names)
        guard lineNumber > 1 else { return try check(content, line) }
        switch content {
        case .event(let record)?: histories.take(record)
        case .lost(let count)?: histories.lose(count)
        case .unknown(let type)?:
            unknownCount += 1
            if !unknownTypes.contains(type) { unknownTypes.append(type) }
        // Two traces in one file, one after the other: ids and paths would be mixed up.
        case .header?: badLines.append(lineNumber)
        case nil: if isWhole { badLines.append(lineNumber) } else { isCut = true }
        }
    }

    private func check(_ content: TraceLine.Content?, _ line: [UInt8]) throws(Refusal) {
        guard case .header(let version)? = content else {
            let isJSON = line.starts(with: "{\"".utf8)
            throw Refusal(
                message: "it is not a trace",
                hint: isJSON
                    ? "it looks like the output of --json; a trace is what `sluice run FILE --trace TRACE` writes"
                    : "a trace is what `sluice run FILE --trace TRACE` writes")
        }
        guard version <= TraceLine.version else {
            throw Refusal(
                message: "it is a trace of version \(version), and this Sluice reads version \(TraceLine.version)",
                hint: "read it with the Sluice that wrote it, or a newer one")
        }
    }

    /// What a person has to know of the trace itself, one sentence each; empty for a whole one.
    package var remarks: [String] {
        var remarks: [String] = []
        if histories.lost > 0 {
            let count = histories.lost
            remarks.append(
                "\(count) \(count == 1 ? "event is" : "events are") missing: they came faster than they could be written"
            )
        }
        if !badLines.isEmpty {
            let shown = badLines.prefix(3).map(String.init).joined(separator: ", ")
            remarks.append(
                badLines.count == 1
                    ? "line \(shown) is none of a trace and is left out"
                    : "\(badLines.count) lines are none of a trace and are left out: \(shown)\(badLines.count > 3 ? " …" : "")"
            )
        }
        if unknownCount > 0 {
            let shown = unknownTypes.prefix(3).joined(separator: ", ")
            remarks.append(
                "\(unknownCount) \(unknownCount == 1 ? "event is" : "events are") of types that this Sluice does not know: \(shown)\(unknownTypes.count > 3 ? " …" : "")"
            )
        }
        if isCut { remarks.append("the last line is cut off, as by a crash, and is left out") }
        return remarks
    }
}
