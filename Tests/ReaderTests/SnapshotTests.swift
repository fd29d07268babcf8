import Foundation
import Reader
import Testing
import Values

/// Each file of `Snapshots` holds a text that is wrong and what a person is told about it, to the letter (N4).
///
/// `=== code`, `=== edn` or `=== json` begins the input, `=== shown` the expected output. In the input `\xNN` is a byte
/// and `«text»*N` is `text` N times. To write the outputs of new files set SLUICE_RECORD=1, and read them.
struct SnapshotTests {
    static let folder = repository.appendingPathComponent("Tests/ReaderTests/Snapshots")

    static var files: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).filter { $0.hasSuffix(".txt") }
            .sorted()
    }

    @Test(arguments: files)
    func shows(_ file: String) throws {
        let url = Self.folder.appendingPathComponent(file)
        let text = try String(contentsOf: url, encoding: .utf8)
        let parts = text.components(separatedBy: "\n=== shown\n")
        let header = try #require(parts[0].split(separator: "\n").first)
        let shown = Self.shown(Self.bytes(String(parts[0].dropFirst(header.count + 1))), String(header.dropFirst(4)))
        if parts.count < 2, ProcessInfo.processInfo.environment["SLUICE_RECORD"] != nil {
            try "\(parts[0])\n=== shown\n\(shown)".write(to: url, atomically: true, encoding: .utf8)
        } else {
            try #require(parts.count == 2, "no output yet: record it, and read it")
            #expect(shown == parts[1])
        }
    }

    @Test func thereAreEnough() { #expect(Self.files.count >= 25) }

    /// What reading all forms of `bytes` shows.
    private static func shown(_ bytes: [UInt8], _ dialect: String) -> String {
        let source = Source(name: "shop.slu", bytes: bytes)
        let names = testNames
        do {
            if dialect == "json" {
                _ = try JSON.read(source)
            } else {
                let dialect: Dialect = dialect == "edn" ? .edn(EDNOptions()) : .code(testContext(names))
                var reader = Reader(source, names: names, dialect: dialect)
                while try reader.next() != nil {}
            }
            return "nothing is wrong\n"
        } catch { return error.diagnostic.rendered() }
    }

    private static func bytes(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = text[...]
        while let character = rest.first {
            if rest.hasPrefix("\\x"), let byte = UInt8(rest.dropFirst(2).prefix(2), radix: 16) {
                bytes.append(byte)
                rest = rest.dropFirst(4)
            } else if character == "«", let close = rest.range(of: "»*") {
                let digits = rest[close.upperBound...].prefix { $0.isNumber }
                let piece = rest[rest.index(after: rest.startIndex)..<close.lowerBound]
                for _ in 0..<(Int(digits) ?? 0) { bytes.append(contentsOf: piece.utf8) }
                rest = rest[close.upperBound...].dropFirst(digits.count)
            } else {
                bytes.append(contentsOf: String(character).utf8)
                rest = rest.dropFirst()
            }
        }
        return bytes
    }
}
