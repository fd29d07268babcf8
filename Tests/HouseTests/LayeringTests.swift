import Foundation
import Testing

/// The table of targets in ARCHITECTURE.md, which is also what the compiler is held to.
struct House {
    struct Row {
        let target: String
        let mayImport: [String]
    }

    let rows: [Row]

    init() throws {
        let lines = try Repository.text("ARCHITECTURE.md").split(separator: "\n")
        rows = lines.compactMap { line in
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard line.hasPrefix("| `"), cells.count == 3 else { return nil }
            return Row(target: House.names(cells[0]).first ?? "", mayImport: House.names(cells[2]))
        }
    }

    private static func names(_ cell: String) -> [String] {
        cell.split(separator: "`", omittingEmptySubsequences: false).enumerated().filter { $0.offset % 2 == 1 }.map {
            String($0.element)
        }
    }

    /// What a target may import: what its row says, and what those may.
    func allowed(_ target: String) -> Set<String> {
        var found: Set<String> = []
        var rest = rows.first { $0.target == target }?.mayImport ?? []
        while let next = rest.popLast() {
            if found.insert(next).inserted { rest += rows.first { $0.target == next }?.mayImport ?? [] }
        }
        return found
    }

    static func folder(_ target: String) -> String { target == "Stdlib" ? "stdlib" : "Sources/\(target)" }
}

@Suite struct LayeringTests {
    /// What comes with the toolchain and costs nothing at start-up.
    private static let system: Set<String> = ["Glibc", "Darwin", "Synchronization"]
    /// What a plug-in needs of the package manager.
    private static let plugIns: [String: Set<String>] = ["EmbedStdlib": ["Foundation", "PackagePlugin"]]

    @Test func theTableListsEveryTargetOnce() throws {
        let listed = try House().rows.map(\.target)
        #expect(listed.sorted() == (Repository.children("Sources") + ["Stdlib"]).sorted())
    }

    @Test func aTargetImportsOnlyWhatStandsAboveIt() throws {
        let rows = try House().rows
        for (index, row) in rows.enumerated() {
            let above = Set(rows[..<index].map(\.target))
            #expect(above.isSuperset(of: row.mayImport), "\(row.target)")
        }
    }

    /// Up-calls are injected, never imported.
    @Test func everyImportIsAllowedByTheTable() throws {
        let house = try House()
        for row in house.rows {
            let allowed = house.allowed(row.target).union(LayeringTests.system)
                .union(LayeringTests.plugIns[row.target] ?? [])
            for file in Repository.files(House.folder(row.target), ending: ".swift") {
                let wrong = try imports(Repository.text(file)).filter { !allowed.contains($0) }
                #expect(wrong.isEmpty, "\(file) imports what ARCHITECTURE.md does not allow \(row.target)")
            }
        }
    }

    private func imports(_ text: String) -> [String] {
        text.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ").filter { !$0.hasPrefix("@") }
            let rest = words.drop { ["public", "package", "internal", "private", "fileprivate"].contains($0) }
            guard rest.first == "import" else { return nil }
            // `import struct Module.Name`, `import Module.Part`
            return rest.last?.split(separator: ".").first.map(String.init)
        }
    }

    @Test func aTestTargetForEveryTargetWithCode() throws {
        // Glue of a few lines is tested through what it ties together.
        let withoutOwn: Set<String> = ["Main", "EmbedTool", "EmbedStdlib", "Stdlib"]
        for target in try House().rows.map(\.target) where !withoutOwn.union(LayeringTests.pending).contains(target) {
            let isC = Repository.files(House.folder(target), ending: ".swift").isEmpty
            #expect(isC || Repository.exists("Tests/\(target)Tests"), "\(target)")
        }
    }

    /// Targets whose tests are still to be written; the list may only get shorter.
    private static let pending: Set<String> = ["Inspector"]
}
