import Engine
import Reader
import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Everything that is written goes through here, so that a progress line and the script's output can share a screen, and so
/// that with `--json` each line of standard output is one object.
package final class Console: @unchecked Sendable {
    // Sendable: `lock` guards everything mutable.

    package enum Stream: Int32, Sendable {
        case output = 1
        case error = 2
    }

    /// Writes bytes; gives the system's error number when it could not, `EPIPE` when nobody reads them any more.
    package typealias Sink = @Sendable (Stream, [UInt8]) -> Int32?

    package let terminal: Terminal
    /// Whether standard output is for a program.
    package let json: Bool
    /// What reports must not show: the secrets of the sessions whose output goes here.
    package let redactor: Redactor
    private let lock = Lock()
    private var sink: Sink
    private var status: String?
    /// Written text that did not end its line yet: no status line may stand behind it.
    private var isMidLine = false
    /// What the script printed of a line whose end has not come (`--json`).
    private var pending: [UInt8] = []
    private var atLoss: (@Sendable (Int32) -> Void)?
    private var firstLoss: Int32?

    package init(
        _ terminal: Terminal, json: Bool = false, redactor: Redactor = Redactor(),
        sink: @escaping Sink = Console.writeAll
    ) {
        self.terminal = terminal
        self.redactor = redactor
        self.json = json
        self.sink = sink
    }

    /// From now on `sink` writes.
    func divert(to sink: @escaping Sink) { lock.withLock { self.sink = sink } }

    /// Calls `body` once, on the writing thread, with the system's error number when standard output could not be written.
    func whenLost(_ body: @escaping @Sendable (Int32) -> Void) { lock.withLock { atLoss = body } }

    /// Why standard output could not be written, the first time.
    var loss: Int32? { lock.withLock { firstLoss } }

    /// Writes text of the script or of a report. With `--json`, standard output is cut into lines, each in an object
    /// `{"type":"output","text":…}`.
    package func write(_ text: String, to stream: Stream) { write(Array(text.utf8), to: stream) }

    package func write(_ bytes: [UInt8], to stream: Stream) {
        guard !bytes.isEmpty else { return }
        tell {
            guard json, stream == .output else { return show(bytes, stream) }
            pending += bytes
            return emitPendingLines(toEnd: false)
        }
    }

    /// Writes one value as one line of JSON on standard output.
    ///
    /// - Parameter limit: bytes; has to be given for what may hold anything of the script's.
    package func writeJSON(_ value: Value, within limit: Int = JSON.largest) {
        // Outside of the lock, for it may take its time.
        let line = Array((JSON.shown(value, within: limit) + "\n").utf8)
        tell { show(line, .output) }
    }

    /// Writes under the lock, and tells of a loss outside of it.
    private func tell(_ write: () -> Int32?) {
        let (loss, body) = lock.withLock { () -> (Int32?, (@Sendable (Int32) -> Void)?) in
            guard let loss = write() else { return (nil, nil) }
            firstLoss = firstLoss ?? loss
            defer { atLoss = nil }
            return (loss, atLoss)
        }
        if let loss { body?(loss) }
    }

    /// Shows a line below the output, or takes it away; only on a terminal that can redraw.
    package func setStatus(_ line: String?) {
        guard terminal.error, terminal.canRedraw else { return }
        lock.withLock {
            guard line != status else { return }
            eraseStatus()
            status = line
            drawStatus()
        }
    }

    /// Takes the progress line away before the process ends at once, unless somebody is stuck writing.
    func abandonStatus() {
        for _ in 0..<20 {
            if lock.tryAcquire() {
                eraseStatus()
                return
            }
            usleep(5000)
        }
    }

    /// Takes the progress line away and ends what was begun, before the process ends.
    package func close() {
        setStatus(nil)
        tell { emitPendingLines(toEnd: true) }
    }

    // What follows is called under the lock.

    private func show(_ bytes: [UInt8], _ stream: Stream) -> Int32? {
        let sharesScreen = stream == .error || terminal.output
        if sharesScreen { eraseStatus() }
        let loss = sink(stream, bytes)
        if sharesScreen {
            isMidLine = bytes.last != UInt8(ascii: "\n")
            drawStatus()
        }
        return stream == .error ? nil : loss
    }

    private func eraseStatus() {
        if status != nil, !isMidLine { _ = sink(.error, Array("\r\u{1b}[K".utf8)) }
    }

    private func drawStatus() {
        if let status, !isMidLine { _ = sink(.error, Array(status.utf8)) }
    }

    private func emitPendingLines(toEnd: Bool) -> Int32? {
        var loss: Int32?
        while let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
            loss = emitOutput(pending[..<end]) ?? loss
            pending.removeSubrange(...end)
        }
        if toEnd, !pending.isEmpty {
            loss = emitOutput(pending[...]) ?? loss
            pending = []
        }
        return loss
    }

    private func emitOutput(_ line: ArraySlice<UInt8>) -> Int32? {
        let object = Value.jsonObject([
            ("type", .string("output")), ("text", .string(String(decoding: line, as: UTF8.self))),
        ])
        return show(Array((JSON.shown(object) + "\n").utf8), .output)
    }

    /// Writes all of it, whatever a signal or a full pipe does meanwhile.
    package static let writeAll: Sink = { stream, bytes in Descriptor.writeAll(stream.rawValue, bytes) }
}
