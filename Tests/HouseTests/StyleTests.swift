import Foundation
import Testing

@Suite struct StyleTests {
    private static let sources = (Repository.files("Sources") + Repository.files("stdlib")).filter { isText($0) }
    private static let tests = Repository.files("Tests", ending: ".swift")
    private static let documents =
        Documents.all + ["Makefile", "Package.swift"] + Repository.files("examples").filter { isText($0) }
        + Repository.files("grammar").filter { isText($0) } + Repository.files(".ci") + Repository.files("Benchmarks")

    private static func isText(_ path: String) -> Bool {
        [".swift", ".c", ".h", ".slu", ".md", ".ebnf", ".txt", ".modulemap"].contains { path.hasSuffix($0) }
    }

    /// The interpreter's loop is one function by necessity.
    private static let longFiles: Set<String> = ["Sources/Machine/Interpreter.swift"]

    @Test func noFileIsLong() throws {
        for file in StyleTests.sources + StyleTests.tests
        where !StyleTests.longFiles.contains(file) && !file.contains("/Fixtures/") {
            let lines = try Repository.text(file).split(separator: "\n", omittingEmptySubsequences: false).count - 1
            #expect(lines <= 600, "\(file)")
        }
    }

    @Test func namesSayWhatIsInside() {
        let vague = ["util", "common", "helper", "manager", "misc"]
        for file in StyleTests.sources + StyleTests.tests {
            let name = URL(filePath: file).lastPathComponent.lowercased()
            #expect(!vague.contains { name.contains($0) }, "\(file)")
        }
    }

    /// Exactly one file of each target opens it: what comes in, what goes out, how.
    @Test func everyTargetOpensWithADocComment() throws {
        for target in try House().rows.map(\.target) {
            let opening = try Repository.files(House.folder(target)).filter {
                [".swift", ".h"].contains(where: $0.hasSuffix)
            }.filter { try Repository.text($0).hasPrefix("//! \(target): ") }
            #expect(opening.count == 1, "\(target): \(opening)")
        }
    }

    @Test func theTopLevelHoldsOnlyWhatANewcomerLooksFor() {
        let known: Set<String> = [
            "Package.swift", "Sources", "Tests", "stdlib", "examples", "grammar", "Benchmarks", "README.md",
            "ARCHITECTURE.md",
            "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE", "Makefile", "Package.resolved",
        ]
        #expect(Set(Repository.children("")).subtracting(known) == [])
    }

    /// Files speak of the project alone: neither of a machine it was made on nor of papers that are not part of it.
    @Test func nothingPointsOutsideTheProject() throws {
        let foreign = [
            #"/work/"#, #"/home/\w"#, #"/Users/\w"#, #"\bworktree"#, #"\bsub-?agents?\b"#, #"\bTODO\b"#, #"\bFIXME\b"#,
            #"\b(design|language|requirements|style|toolchain)\.md\b"#,
        ].map { try? NSRegularExpression(pattern: $0) }
        for file in StyleTests.sources + StyleTests.tests + StyleTests.documents {
            // This file has to name what it looks for.
            guard !file.hasSuffix("HouseTests/StyleTests.swift"), Repository.exists(file) else { continue }
            let text = try Repository.text(file)
            for expression in foreign {
                let match = expression?.firstMatch(in: text, range: NSRange(text.startIndex..., in: text))
                let found = match.flatMap { Range($0.range, in: text) }.map { String(text[$0]) }
                #expect(found == nil, "\(file)")
            }
        }
    }

    /// The standard library's searches for a text in a text are made of its regular expressions, which would come into the
    /// program and be mapped at every start; `hasText` is ours.
    @Test func noSearchBringsTheRegularExpressionsAlong() throws {
        let calls = try NSRegularExpression(
            pattern: #"\.(contains\("[^"\\]{2,}"\)|ranges\(of:|firstRange\(|trimmingPrefix\(|wholeMatch\()"#)
        for file in StyleTests.sources where file.hasSuffix(".swift") {
            let text = try Repository.text(file)
            let found = calls.firstMatch(in: text, range: NSRange(text.startIndex..., in: text))
            let call = found.flatMap { Range($0.range, in: text) }.map { String(text[$0]) }
            #expect(call == nil, "\(file)")
        }
    }

    @Test func markdownLinksLeadSomewhere() throws {
        let link = try NSRegularExpression(pattern: #"\]\(([^)#:]+)(#[^)]*)?\)"#)
        for file in StyleTests.documents where file.hasSuffix(".md") {
            let text = try Repository.text(file)
            let folder = file.split(separator: "/").dropLast().joined(separator: "/")
            for match in link.matches(in: text, range: NSRange(text.startIndex..., in: text)) {
                guard let range = Range(match.range(at: 1), in: text) else { continue }
                let path = folder.isEmpty ? String(text[range]) : folder + "/" + text[range]
                #expect(Repository.exists(path), "\(file)")
            }
        }
    }

    @Test func theVersionHasItsEntryInTheChangeLog() throws {
        let source = try Repository.text("Sources/Command/CommandLineTool.swift")
        let version = try #require(source.firstMatch(of: /static let version = "([^"]+)"/)?.1)
        #expect(try Repository.text("CHANGELOG.md").contains("## \(version)"))
        // Servers of tools are told the same.
        let wire = try Repository.text("Sources/Adapters/MCP/MCPWire.swift")
        #expect(wire.contains("clientVersion = \"\(version)\""))
    }
}
