import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

@testable import Command

/// What was written to a console, in order.
final class Screen: @unchecked Sendable {
    // Sendable: `lock` guards what was written.
    private let lock = Lock()
    private var written: [(stream: Console.Stream, text: String)] = []
    private var isOpen = true

    func console(json: Bool = false, _ change: (inout Terminal) -> Void = { _ in }) -> Console {
        var terminal = Terminal()
        change(&terminal)
        return Console(terminal, json: json) { [self] stream, bytes in
            lock.withLock {
                if isOpen { written.append((stream, String(decoding: bytes, as: UTF8.self))) }
                return isOpen ? nil : EPIPE
            }
        }
    }

    /// From now on nobody reads.
    func hangUp() { lock.withLock { isOpen = false } }

    var all: String { lock.withLock { written.map(\.text).joined() } }
    var output: String { lock.withLock { written.filter { $0.stream == .output }.map(\.text).joined() } }
    var error: String { lock.withLock { written.filter { $0.stream == .error }.map(\.text).joined() } }
}
