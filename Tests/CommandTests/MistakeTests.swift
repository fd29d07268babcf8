import Foundation
import Testing
import Values

@testable import Command

/// What a person is told about each of the mistakes in `Mistakes`, to the letter, with the exit code (N4).
///
/// A file holds one family. After a first paragraph about it come its cases: `=== title`, the script, and under
/// `--- exit CODE` what `sluice run shop.slu` prints. A first line `$ sluice …` says what is run instead, and `+++ NAME` begins
/// another file of the folder. To write what is printed now, set SLUICE_RECORD=1; then read the difference, as its reader
/// would.
@Suite struct MistakeTests {
    @Test(arguments: MistakeFile.names)
    func shows(_ name: String) throws {
        var file = try MistakeFile(name)
        for index in file.cases.indices {
            let shown = try file.cases[index].run()
            if ProcessInfo.processInfo.environment["SLUICE_RECORD"] != nil {
                file.cases[index].shown = shown
            } else {
                let wanted = file.cases[index].shown
                #expect(
                    shown == wanted,
                    Comment(rawValue: "\(name): \(file.cases[index].title)\n\(difference(wanted, shown))"))
            }
        }
        if ProcessInfo.processInfo.environment["SLUICE_RECORD"] != nil { try file.write() }
    }

    /// N4 asks for eighty.
    @Test func thereAreEnough() throws {
        let titles = try MistakeFile.names.flatMap { try MistakeFile($0).cases.map(\.title) }
        #expect(titles.count >= 80)
        #expect(Set(titles).count == titles.count)
    }

    /// No message names what the script cannot know: types and functions of the host, files of the library.
    @Test(arguments: MistakeFile.names)
    func speaksOfTheScriptAlone(_ name: String) throws {
        for mistake in try MistakeFile(name).cases {
            for word in [
                "Optional(", "nil)", "Swift", "native", ".swift", "clojure/core/", "sluice.machine", "sluice.compiler",
            ]
            where word != "nil)" || mistake.shown.contains("Optional") {
                #expect(!mistake.shown.contains(word), "\(name): \(mistake.title) says \(word)")
            }
        }
    }

    /// Lines that went, with `-`, and that came, with `+`, among those that stayed.
    private func difference(_ wanted: String, _ found: String) -> String {
        let before = wanted.components(separatedBy: "\n")
        let after = found.components(separatedBy: "\n")
        let changes = after.difference(from: before)
        let removed = Set(changes.removals.map { if case .remove(let offset, _, _) = $0 { offset } else { -1 } })
        let inserted = Set(changes.insertions.map { if case .insert(let offset, _, _) = $0 { offset } else { -1 } })
        var lines: [String] = []
        var next = 0
        for (offset, line) in before.enumerated() {
            if removed.contains(offset) {
                lines.append("- \(line)")
                continue
            }
            while next < after.count, inserted.contains(next) {
                lines.append("+ \(after[next])")
                next += 1
            }
            lines.append("  \(line)")
            next += 1
        }
        lines += after.dropFirst(next).map { "+ \($0)" }
        return lines.joined(separator: "\n")
    }
}

/// One file of `Mistakes`.
struct MistakeFile {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
        "Mistakes")

    static var names: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).filter { $0.hasSuffix(".txt") }
            .sorted()
    }

    private let url: URL
    private let about: String
    var cases: [Mistake]

    init(_ name: String) throws {
        url = MistakeFile.folder.appendingPathComponent(name)
        let parts = try String(contentsOf: url, encoding: .utf8).components(separatedBy: "\n=== ")
        about = parts[0]
        cases = parts.dropFirst().map { Mistake($0) }
    }

    func write() throws {
        let text = ([about] + cases.map(\.text)).joined(separator: "\n=== ")
        try (text.hasSuffix("\n") ? text : text + "\n").write(to: url, atomically: true, encoding: .utf8)
    }
}

/// A script with a mistake, and what is printed about it.
struct Mistake {
    let title: String
    /// The `$` line, the script and its other files.
    private let input: String
    /// `exit CODE` and the lines after it, without the last line break.
    var shown: String

    init(_ text: String) {
        let halves = text.components(separatedBy: "\n---")
        let lines = halves[0].components(separatedBy: "\n")
        title = lines[0]
        input = lines.dropFirst().joined(separator: "\n")
        shown = halves.dropFirst().joined(separator: "\n---").trimmingCharacters(in: .whitespacesAndNewlines)
    }

    var text: String { "\(title)\n\(input)\n--- \(shown)\n" }

    /// Runs it as the command would, on one thread and with a clock that does not wait.
    func run() throws -> String {
        var lines = input.components(separatedBy: "\n")
        let command = lines[0].hasPrefix("$ sluice ") ? String(lines.removeFirst().dropFirst(9)) : "run shop.slu"
        var files: [String: String] = [:]
        var name = "shop.slu"
        for line in lines {
            if line.hasPrefix("+++ ") {
                name = String(line.dropFirst(4))
            } else {
                files[name, default: ""] += line + "\n"
            }
        }
        let folder = try ScratchFolder(files)
        let screen = Screen()
        let code = try perform(command, in: folder, screen)
        let output = screen.all.replacingOccurrences(of: folder.path("") + "/", with: "").replacingOccurrences(
            of: FileManager.default.currentDirectoryPath, with: "/there")
        return "exit \(code)\n\(output)".trimmingCharacters(in: .newlines)
    }

    private func perform(_ command: String, in folder: ScratchFolder, _ screen: Screen) throws -> Int32 {
        let driver = SessionDriver()
        let control = RunControl(screen.console())
        defer { control.console.close() }
        switch try Invocation(words(of: command), isFile: { _ in true }) {
        case .check(let path, _): return driver.check(folder.path(path), json: false, control.console)
        case .run(var request):
            if case .file(let path) = request.source { request.source = .file(folder.path(path)) }
            request.once = true
            request.schedule = .virtual(seed: 1)
            request.limits.seconds = 60
            return driver.run(request, control)
        default: throw UnknownCommand(command: command)
        }
    }

    private struct UnknownCommand: Error { let command: String }

    /// Words between blanks; what stands in single quotes is one.
    private func words(of command: String) -> [String] {
        command.components(separatedBy: "'").enumerated().flatMap { index, part in
            index % 2 == 1 ? [part] : part.split(separator: " ").map(String.init)
        }
    }
}
