//! EmbedTool: writes the standard library into a Swift file: the texts as one static string, and an index of the definitions in them.
//!
//!   EmbedTool OUTPUT.swift ROOT FILE.slu…
//!
//! A line of the index is `namespace/name start end line file`, with offsets into the text; the lines are sorted by bytes.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

func fail(_ message: String) -> Never {
    let line = message + "\n"
    _ = write(2, line, line.utf8.count)
    exit(1)
}

/// The bytes of a file; nil when it cannot be read.
func contents(of path: String) -> [UInt8]? {
    guard let file = fopen(path, "rb") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
        let count = fread(&chunk, 1, chunk.count, file)
        if count == 0 { return ferror(file) == 0 ? bytes : nil }
        bytes += chunk[..<count]
    }
}

/// Whether all of `text` is in the file.
func put(_ text: String, into path: String) -> Bool {
    guard let file = fopen(path, "wb") else { return false }
    let isWritten = fwrite(text, 1, text.utf8.count, file) == text.utf8.count
    return fclose(file) == 0 && isWritten
}

func embed(_ output: String, _ root: String, _ paths: [String]) {
    var text: [UInt8] = []
    var entries: [(name: [UInt8], rest: String)] = []
    for path in paths.sorted() {
        guard let bytes = contents(of: path) else { fail("\(path):1:1: error: cannot be read") }
        let relative = String(path.dropFirst(root.count).drop { $0 == "/" })
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
    guard put(source, into: output) else { fail("\(output):1:1: error: cannot be written") }
}

guard CommandLine.arguments.count >= 3 else { fail("usage: EmbedTool OUTPUT.swift ROOT FILE.slu…") }
embed(CommandLine.arguments[1], CommandLine.arguments[2], Array(CommandLine.arguments.dropFirst(3)))
