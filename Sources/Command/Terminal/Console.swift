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

    /// Writes bytes; false when nobody reads them any more.
    package typealias Sink = @Sendable (Stream, [UInt8]) -> Bool

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
    private var brokenPipe: (@Sendable () -> Void)?

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

    /// Calls `body` once, on the writing thread, when nobody reads standard output any more.
    func whenBroken(_ body: @escaping @Sendable () -> Void) { lock.withLock { brokenPipe = body } }

    /// Writes text of the script or of a report. With `--json`, standard output is cut into lines, each in an object
    /// `{"type":"output","text":…}`.
    package func write(_ text: String, to stream: Stream) { write(Array(text.utf8), to: stream) }

    package func write(_ bytes: [UInt8], to stream: Stream) {
        guard !bytes.isEmpty else { return }
        let broken = lock.withLock { () -> (@Sendable () -> Void)? in
            if json, stream == .output {
                pending += bytes
                return emitPendingLines(toEnd: false) ? nil : takeBroken()
            }
            return show(bytes, stream) ? nil : takeBroken()
        }
        broken?()
    }

    /// Writes one value as one line of JSON on standard output.
    ///
    /// - Parameter limit: bytes; has to be given for what may hold anything of the script's.
    package func writeJSON(_ value: Value, within limit: Int = JSON.largest) {
        // Outside of the lock, for it may take its time.
        let line = Array((JSON.shown(value, within: limit) + "\n").utf8)
        let broken = lock.withLock { () -> (@Sendable () -> Void)? in
            show(line, .output) ? nil : takeBroken()
        }
        broken?()
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
        lock.withLock { _ = emitPendingLines(toEnd: true) }
    }

    // What follows is called under the lock.

    private func takeBroken() -> (@Sendable () -> Void)? {
        defer { brokenPipe = nil }
        return brokenPipe
    }

    private func show(_ bytes: [UInt8], _ stream: Stream) -> Bool {
        let sharesScreen = stream == .error || terminal.output
        if sharesScreen { eraseStatus() }
        let isWritten = sink(stream, bytes)
        if sharesScreen {
            isMidLine = bytes.last != UInt8(ascii: "\n")
            drawStatus()
        }
        return isWritten || stream == .error
    }

    private func eraseStatus() {
        if status != nil, !isMidLine { _ = sink(.error, Array("\r\u{1b}[K".utf8)) }
    }

    private func drawStatus() {
        if let status, !isMidLine { _ = sink(.error, Array(status.utf8)) }
    }

    private func emitPendingLines(toEnd: Bool) -> Bool {
        var isWritten = true
        while let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
            isWritten = emitOutput(pending[..<end]) && isWritten
            pending.removeSubrange(...end)
        }
        if toEnd, !pending.isEmpty {
            isWritten = emitOutput(pending[...]) && isWritten
            pending = []
        }
        return isWritten
    }

    private func emitOutput(_ line: ArraySlice<UInt8>) -> Bool {
        let object = Value.jsonObject([
            ("type", .string("output")), ("text", .string(String(decoding: line, as: UTF8.self))),
        ])
        return show(Array((JSON.shown(object) + "\n").utf8), .output)
    }

    /// Writes all of it, whatever a signal or a full pipe does meanwhile.
    package static let writeAll: Sink = { stream, bytes in Descriptor.writeAll(stream.rawValue, bytes) != EPIPE }
}
