//! EmbedTool: writes the standard library into a Swift file: the texts as one static string, and an index of the definitions in them.
//!
//!   EmbedTool OUTPUT.swift ROOT FILE.slu…
//!
//! A line of the index is `namespace/name start end line file`, with offsets into the text; the lines are sorted by bytes.

import Foundation

func fail(_ message: String) -> Never {
    FileHandle.standardError.write(Data((message + "\n").utf8))
    exit(1)
}

func embed(_ output: String, _ root: String, _ paths: [String]) {
    var text: [UInt8] = []
    var entries: [(name: [UInt8], rest: String)] = []
    for path in paths.sorted() {
        guard let data = FileManager.default.contents(atPath: path) else { fail("\(path):1:1: error: cannot be read") }
        let relative = String(path.dropFirst(root.count).drop { $0 == "/" })
        let bytes = [UInt8](data)
        var scanner = FormScanner(bytes)
        do throws(FormScanner.Problem) {
            let forms = try scanner.forms()
            guard let namespace = scanner.namespace else { fail("\(path):1:1: error: the file names no namespace") }
            for form in forms {
                let start = text.count
                text.append(contentsOf: bytes[form.range])
                for name in form.names {
                    entries.append(
                        (Array("\(namespace)/\(name)".utf8), "\(start) \(text.count) \(form.line) \(relative)"))
                }
                text.append(0x0a)
            }
        } catch {
            fail("\(path):\(error.line):1: error: \(error.message)")
        }
    }
    entries.sort { $0.name.lexicographicallyPrecedes($1.name) }
    for index in entries.indices.dropFirst() where entries[index].name == entries[index - 1].name {
        fail("error: \(String(decoding: entries[index].name, as: UTF8.self)) is defined twice")
    }
    let index = entries.map { String(decoding: $0.name, as: UTF8.self) + " " + $0.rest + "\n" }.joined()
    let source = """
        /// Made by EmbedTool from the library's files.
        enum EmbeddedLibrary {
            static let text: StaticString = ###\"""
        \(String(decoding: text, as: UTF8.self))
        \"""###
            static let index: StaticString = ###\"""
        \(index)
        \"""###
        }

        """
    do {
        try source.write(toFile: output, atomically: true, encoding: .utf8)
    } catch {
        fail("\(output):1:1: error: \(error)")
    }
}

guard CommandLine.arguments.count >= 3 else { fail("usage: EmbedTool OUTPUT.swift ROOT FILE.slu…") }
embed(CommandLine.arguments[1], CommandLine.arguments[2], Array(CommandLine.arguments.dropFirst(3)))
