import Engine
import Foundation
import Testing
import Values

@testable import Sluice

/// The names of `clojure.core`, as Clojure 1.11 has them, against what resolves here and what the documents say does not.
@Suite struct CoreNamesTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()

    /// The names in the table of what Sluice does not offer.
    private static func documented() throws -> Set<String> {
        let path = folder.deletingLastPathComponent().appending(path: "conformance/README.md")
        let rows = try String(contentsOf: path, encoding: .utf8).split(separator: "\n").filter { $0.hasPrefix("| `") }
        // The first column: what stands between its backticks, every other piece.
        let cells = rows.map { $0.dropFirst(2).components(separatedBy: " | ")[0] }
        let pieces = cells.flatMap { $0.split(separator: "`", omittingEmptySubsequences: false).enumerated() }
        return Set(pieces.filter { $0.offset % 2 == 1 }.map { String($0.element) })
    }

    @Test func whatDoesNotResolveIsDocumented() throws {
        let path = Self.folder.appending(path: "clojure-core.txt")
        let names = try String(contentsOf: path, encoding: .utf8).split(separator: "\n").map(String.init)
        #expect(names.count > 600)
        let session = Expectation.session()
        defer { session.shutDown() }
        var missing: Set<String> = []
        for name in names {
            guard case .success(let found) = session.evaluate("(resolve (symbol \"clojure.core\" \"\(name)\"))") else {
                Issue.record("\(name) cannot be asked for")
                continue
            }
            if found.isNil { missing.insert(name) }
        }
        let documented = try Self.documented()
        #expect(missing.subtracting(documented).sorted() == [])
        #expect(documented.subtracting(missing).sorted() == [])
    }
}
