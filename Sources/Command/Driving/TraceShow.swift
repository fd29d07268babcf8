#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
import Inspector
import Reader
import Sluice
import Values

/// One `trace`: reads a trace, and shows all of it or tells of one effect or process.
struct TraceShow {
    private let request: TraceRequest
    private let console: Console

    init(_ request: TraceRequest, _ console: Console) {
        self.request = request
        self.console = console
    }

    func perform() -> Int32 {
        var reading = TraceReading(names: Names())
        do throws(Fault) { try read(into: &reading) } catch {
            _ = FaultReport.write(error, console)
            return ExitCode.unusable.rawValue
        }
        for remark in reading.remarks { console.write("sluice: \(request.path): \(remark)\n", to: .error) }
        guard let id = request.id else {
            show(reading.histories)
            return ExitCode.done.rawValue
        }
        return tell(id, reading.histories)
    }

    private func read(into reading: inout TraceReading) throws(Fault) {
        let path = request.path
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw TraceShow.unreadable(path, errno) }
        defer { close(descriptor) }
        var piece = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = TraceShow.read(descriptor, &piece)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw TraceShow.unreadable(path, errno) }
            do throws(TraceReading.Refusal) {
                guard count > 0 else { return try reading.finish() }
                try reading.take(piece[..<count])
            } catch {
                throw .of(.io, "\(path) cannot be read as a trace: \(error.message)", hint: error.hint)
            }
        }
    }

    private static func read(_ descriptor: Int32, _ piece: inout [UInt8]) -> Int {
        let size = piece.count
        return piece.withUnsafeMutableBytes { buffer in
            #if canImport(Glibc)
                Glibc.read(descriptor, buffer.baseAddress, size)
            #else
                Darwin.read(descriptor, buffer.baseAddress, size)
            #endif
        }
    }

    private static func unreadable(_ path: String, _ error: Int32) -> Fault {
        .of(
            error == ENOENT ? .fileNotFound : .io,
            "the trace \(path) cannot be read: \(String(cString: strerror(error)))")
    }

    private func show(_ histories: EffectHistories) {
        let timeline = Timeline(histories)
        if console.json {
            let story = EffectStory(histories)
            for effect in histories.all { console.writeJSON(story.value(of: effect)) }
            let processes = ProcessStory(histories)
            for process in histories.processes.all { console.writeJSON(processes.value(of: process)) }
            console.writeJSON(timeline.summaryValue)
        } else {
            let lines = [timeline.summary] + timeline.lines
            console.write(lines.joined(separator: "\n") + "\n", to: .output)
        }
    }

    private static let shownCandidates = 10

    private func tell(_ id: String, _ histories: EffectHistories) -> Int32 {
        let found = histories.effects(withID: id)
        let candidates = EffectStory.candidates(of: found)
        guard candidates.isEmpty else {
            let shown = candidates.prefix(TraceShow.shownCandidates).joined(separator: ", ")
            let more = candidates.count - TraceShow.shownCandidates
            _ = FaultReport.write(
                .of(
                    .illegalArgument, "\(candidates.count) effects of the trace may be meant by \(id)",
                    hint: "name one of them: \(shown)\(more > 0 ? " and \(more) more" : "")"), console)
            return ExitCode.unusable.rawValue
        }
        if let effect = EffectStory.meant(of: found) {
            let story = EffectStory(histories)
            tell(story.sentences(of: effect), story.value(of: effect, withWhy: true))
        } else if let process = histories.processes.latest(withID: id) {
            let story = ProcessStory(histories)
            tell(story.sentences(of: process), story.value(of: process, withWhy: true))
        } else {
            let hint = histories.hint(forID: id) ?? "`sluice trace \(request.path)` lists what there is"
            _ = FaultReport.write(
                .of(.illegalArgument, "the trace has no effect and no process with the id \(id)", hint: hint), console)
            return ExitCode.unusable.rawValue
        }
        return ExitCode.done.rawValue
    }

    private func tell(_ sentences: [String], _ value: Value) {
        if console.json {
            console.writeJSON(value)
        } else {
            console.write(sentences.joined(separator: "\n") + "\n", to: .output)
        }
    }
}
