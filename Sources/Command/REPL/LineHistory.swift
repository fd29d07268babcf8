#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The lines of earlier conversations: a text file, a line each. Each is added as it is typed, so none is lost when the
/// terminal goes away, and conversations held at the same time keep each other's.
struct LineHistory {
    /// How many lines a conversation begins with. The file may grow to twice as many before it is cut back.
    static let limit = 2000

    /// Nil to keep nothing.
    private let file: String?

    init(_ file: String?) { self.file = file }

    /// The latest lines, oldest first.
    func load() -> [String] {
        guard let file, let bytes = LineHistory.read(file) else { return [] }
        let lines = bytes.split(separator: UInt8(ascii: "\n"))
        let latest = lines.suffix(LineHistory.limit)
        if lines.count > 2 * LineHistory.limit {
            let shorter = "\(file).\(getpid())"
            let isWritten = LineHistory.append(Array(latest.joined(separator: [0x0a])) + [0x0a], to: shorter)
            if !isWritten || rename(shorter, file) != 0 { unlink(shorter) }
        }
        return latest.map { String(decoding: $0, as: UTF8.self) }
    }

    /// Keeps a line. A place that cannot be written keeps nothing.
    func add(_ line: String) {
        if let file { _ = LineHistory.append(Array((line + "\n").utf8), to: file) }
    }

    private static func read(_ file: String) -> [UInt8]? {
        guard let stream = fopen(file, "r") else { return nil }
        defer { fclose(stream) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while case let count = fread(&piece, 1, piece.count, stream), count > 0 { bytes += piece[..<count] }
        return bytes
    }

    /// In one piece, so that lines of two conversations do not mix. What one types may be private: nobody else may look.
    private static func append(_ bytes: [UInt8], to file: String) -> Bool {
        let descriptor = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return write(descriptor, bytes, bytes.count) == bytes.count
    }
}
