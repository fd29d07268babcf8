import Foundation
import Testing

/// Every code block of the documents is run, so that none of them can be wrong.
///
/// - `clojure`: each top-level form may be followed by a comment `; => VALUE`; the block is run as a script that prints those
///   values. A block without any such comment is checked (`sluice check`).
/// - `sh`: commands, each followed by the lines it prints after `# => `. `sluice` is the program just built, and `~` a folder
///   with a few notes. What builds or tests would run these tests again: of `make` only the plan is made, and of
///   `swift test` only the suite is looked for.
/// - `swift`: stands word for word in a test, which is compiled and run.
@Suite struct DocumentTests {
    @Test(arguments: Documents.blocks("clojure")) func clojure(_ block: Documents.Block) throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let (script, expected) = Documents.checked(block.text)
        try scratch.write("block.slu", script)
        let arguments = expected.isEmpty ? ["check", "block.slu"] : ["run", "block.slu"]
        let result = try Repository.run(try Repository.program, arguments, folder: scratch.folder)
        #expect(result.code == 0, "\(block): \(result.error)")
        if !expected.isEmpty { #expect(result.output == expected.map { $0 + "\n" }.joined(), "\(block)") }
    }

    @Test(arguments: Documents.blocks("sh")) func shell(_ block: Documents.Block) throws {
        let home = try Scratch()
        defer { home.remove() }
        try home.write("notes/cat.md", "# The cat\n\nThe cat sat on the mat. It slept.\n")
        var environment = Repository.offlineEnvironment
        environment["HOME"] = home.folder.path
        environment["PATH"] =
            try Repository.program.deletingLastPathComponent().path + ":" + (environment["PATH"] ?? "")
        for (command, expected) in Documents.commands(block.text) {
            if let suite = command.wholeMatch(of: /swift test --filter (\w+)/)?.1 {
                #expect(Repository.exists("Tests/\(suite)"), "\(block): \(command)")
                continue
            }
            let harmless = command.hasPrefix("make ") ? "make --dry-run" + command.dropFirst(4) : command
            let result = try Repository.run(URL(filePath: "/bin/sh"), ["-c", harmless], environment: environment)
            #expect(result.code == 0, "\(block): \(command): \(result.error)")
            if !expected.isEmpty {
                #expect(result.output == expected.map { $0 + "\n" }.joined(), "\(block): \(command)")
            }
        }
    }

    @Test func swiftBlocksStandInATest() throws {
        let tests = try Repository.files("Tests", ending: ".swift").map(Repository.text).joined(separator: "\n")
            .normalized
        let blocks = Documents.blocks("swift")
        #expect(!blocks.isEmpty)
        for block in blocks { #expect(tests.contains(block.text.normalized), "\(block)") }
    }

    /// The README's example does what the README says of it.
    @Test func theExampleCountsWords() throws {
        let example = try #require(Documents.blocks("clojure").first { $0.document == "README.md" })
        let scratch = try Scratch()
        defer { scratch.remove() }
        try scratch.write("counts.slu", example.text)
        try scratch.write("notes/cat.md", "The cat sat on the mat.\n")
        let result = try Repository.run(
            try Repository.program, ["run", "counts.slu", "--once"], folder: scratch.folder)
        #expect(result.code == 0 && result.output == "", "\(result.error)")
        #expect(try scratch.read("notes/cat.md.count") == "6\n")
    }
}

/// What can be said of the documents without running anything.
@Suite struct DocumentFormTests {
    @Test func everyFenceNamesItsLanguage() throws {
        for document in Documents.all {
            for block in try Documents.blocks(in: document) {
                #expect(["clojure", "sh", "swift"].contains(block.language), "\(block)")
            }
        }
    }

    @Test func theREADMEOpensWithTheTwoCommands() throws {
        let first = try #require(try Documents.blocks(in: "README.md").first)
        #expect(first.language == "sh")
        #expect(
            Documents.commands(first.text).map(\.command).map { $0.prefix(9) }
                == ["make run", "make test"].map { $0[...] })
    }

    /// The table of commands in the README is the program's own.
    @Test func theREADMEListsTheCommands() throws {
        let help = try Repository.run(try Repository.program, ["--help"]).output
        let readme = try Repository.text("README.md")
        let rows = help.split(separator: "\n").filter { $0.hasPrefix("  ") && $0.dropFirst(2).first?.isLetter == true }
        #expect(rows.count >= 7)
        for row in rows {
            let cells = row.dropFirst(2).split(separator: "  ", maxSplits: 1).map {
                $0.trimmingCharacters(in: .whitespaces)
            }
            let usage = cells[0].replacingOccurrences(of: "|", with: "\\|")
            #expect(readme.contains("| `sluice \(usage)` | \(cells[1]) |"))
        }
    }

    @Test func everyTargetOfTheMakefileIsInItsHelp() throws {
        let makefile = try Repository.text("Makefile")
        let phony = try #require(makefile.firstMatch(of: /\.PHONY: (.+)/)?.1.split(separator: " "))
        for target in phony {
            #expect(
                makefile.split(separator: "\n").contains { $0.hasPrefix("\(target):") && $0.contains("## ") },
                "\(target)")
        }
    }
}

enum Documents {
    struct Block: CustomTestStringConvertible, Sendable {
        let document: String
        let line: Int
        let language: String
        let text: String

        var testDescription: String { "\(document):\(line)" }
    }

    /// Every one but the notes that the example reads.
    static let all: [String] = Repository.children("").flatMap { name in
        name.hasSuffix(".md") ? [name] : Repository.files(name, ending: ".md")
    }.filter { !$0.contains("/notes/") }

    static func blocks(_ language: String) -> [Block] {
        all.flatMap { (try? blocks(in: $0)) ?? [] }.filter { $0.language == language }
    }

    static func blocks(in document: String) throws -> [Block] {
        var found: [Block] = []
        var open: (line: Int, language: String, lines: [Substring])?
        let lines = try Repository.text(document).split(separator: "\n", omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            if let block = open {
                if line == "```" {
                    let text = block.lines.joined(separator: "\n") + "\n"
                    found.append(Block(document: document, line: block.line, language: block.language, text: text))
                    open = nil
                } else {
                    open?.lines.append(line)
                }
            } else if line.hasPrefix("```") {
                open = (index + 2, String(line.dropFirst(3)), [])
            }
        }
        return found
    }

    /// Each command with the lines after `# => ` that follow it; a command goes on after a backslash.
    static func commands(_ text: String) -> [(command: String, expected: [String])] {
        var found: [(command: String, expected: [String])] = []
        var pending = ""
        for line in text.split(separator: "\n").map(String.init) {
            if line.hasPrefix("# => ") {
                if let last = found.indices.last { found[last].expected.append(String(line.dropFirst(5))) }
            } else if line.hasSuffix("\\") {
                pending += line.dropLast() + " "
            } else if !line.hasPrefix("#") {
                found.append((pending + line, []))
                pending = ""
            }
        }
        return found
    }

    /// A script that prints the value of each form that a comment `; => VALUE` follows, and those values.
    static func checked(_ text: String) -> (script: String, expected: [String]) {
        var script: [String] = []
        var expected: [String] = []
        var form: [Substring] = []
        for line in text.split(separator: "\n") {
            guard let mark = line.range(of: "; => ") else {
                // A form begins at the margin and goes on indented.
                if !line.hasPrefix(" "), !form.isEmpty {
                    script.append(form.joined(separator: "\n"))
                    form = []
                }
                form.append(line)
                continue
            }
            let value = String(line[mark.upperBound...]).trimmingCharacters(in: .whitespaces)
            if !line.hasPrefix(" "), !form.isEmpty {
                if line.hasPrefix(";") {
                    script.append("(prn (do " + form.joined(separator: "\n") + "\n))")
                    expected.append(value)
                    form = []
                    continue
                }
                script.append(form.joined(separator: "\n"))
                form = []
            }
            form.append(line[..<mark.lowerBound])
            script.append("(prn (do " + form.joined(separator: "\n") + "\n))")
            expected.append(value)
            form = []
        }
        if !form.isEmpty { script.append(form.joined(separator: "\n")) }
        return (script.joined(separator: "\n") + "\n", expected)
    }
}

extension String {
    /// Without indentation and blank lines.
    fileprivate var normalized: String {
        split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }.joined(
            separator: "\n")
    }
}
