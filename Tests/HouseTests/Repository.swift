import Foundation
import Testing

/// The repository that these tests stand in, and a way to run what it built.
enum Repository {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appending(path: path).path)
    }

    /// What is directly in a folder, sorted; dot files left out.
    static func children(_ folder: String) -> [String] {
        let found = (try? FileManager.default.contentsOfDirectory(atPath: root.appending(path: folder).path)) ?? []
        return found.filter { !$0.hasPrefix(".") }.sorted()
    }

    /// The files below a folder, as sorted paths relative to the root.
    static func files(_ folder: String, ending: String = "") -> [String] {
        let below = root.appending(path: folder).path
        let found = FileManager.default.enumerator(atPath: below)?.compactMap { $0 as? String } ?? []
        return found.filter { path in
            var isFolder: ObjCBool = false
            let exists = FileManager.default.fileExists(atPath: below + "/" + path, isDirectory: &isFolder)
            return exists && path.hasSuffix(ending) && !isFolder.boolValue
        }.map { folder + "/" + $0 }.sorted()
    }

    /// The program, which `swift build --build-tests` puts beside the test bundle.
    static var program: URL { get throws { try #require(builtProgram, "the program was not built") } }

    private static let builtProgram: URL? = {
        let beside = Bundle.allBundles.map(\.bundleURL) + [URL(filePath: CommandLine.arguments[0])]
        let candidates =
            beside.flatMap { [$0, $0.deletingLastPathComponent()] } + [root.appending(path: ".build/debug")]
        return candidates.map { $0.appending(path: "sluice") }.first {
            FileManager.default.isExecutableFile(atPath: $0.path)
        }
    }()

    /// This process's environment without what would make a model answer.
    static var offlineEnvironment: [String: String] {
        ProcessInfo.processInfo.environment.filter { name, _ in
            !name.hasPrefix("OPENAI_") && name.lowercased() != "http_proxy"
        }
    }

    struct Result {
        let code: Int32
        let output: String
        let error: String
    }

    /// Runs a program and waits for its end.
    ///
    /// - Parameters:
    ///   - program: a path.
    ///   - environment: the whole of it; nil for this process's.
    ///   - input: what it reads.
    ///   - meanwhile: is done while it runs.
    static func run(
        _ program: URL, _ arguments: [String], environment: [String: String]? = nil, folder: URL = root,
        input: String = "", meanwhile: (Process) throws -> Void = { _ in }
    ) throws -> Result {
        let process = Process()
        process.executableURL = program
        process.arguments = arguments
        process.currentDirectoryURL = folder
        if let environment { process.environment = environment }
        // Files, because a pipe that nobody empties would stop a talkative program.
        let scratch = try Scratch()
        defer { scratch.remove() }
        try scratch.write("in", input)
        try scratch.write("out", "")
        try scratch.write("err", "")
        process.standardInput = try FileHandle(forReadingFrom: scratch.folder.appending(path: "in"))
        process.standardOutput = try FileHandle(forWritingTo: scratch.folder.appending(path: "out"))
        process.standardError = try FileHandle(forWritingTo: scratch.folder.appending(path: "err"))
        try process.run()
        try meanwhile(process)
        process.waitUntilExit()
        return Result(code: process.terminationStatus, output: try scratch.read("out"), error: try scratch.read("err"))
    }
}

extension Scratch {
    /// Sends a signal to a program that runs in this folder, once it has written `ready`.
    func signal(_ process: Process, _ signal: Int32) {
        let deadline = Date().addingTimeInterval(20)
        while (try? read("ready")) == nil, Date() < deadline { usleep(5_000) }
        kill(process.processIdentifier, signal)
    }
}

/// A folder for one test.
struct Scratch {
    let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "sluice-house-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    func remove() { try? FileManager.default.removeItem(at: folder) }

    func write(_ name: String, _ text: String, executable: Bool = false) throws {
        let file = folder.appending(path: name)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        if executable { return try writeProgram(file, text) }
        try Data(text.utf8).write(to: file)
    }

    /// Another process writes it: while this one has it open, a child that another test starts would have it open, too, and
    /// a program that somebody may write to cannot be run.
    private func writeProgram(_ file: URL, _ text: String) throws {
        let shell = try Process.run(
            URL(filePath: "/bin/sh"),
            arguments: ["-c", #"printf %s "$1" >"$2" && chmod 755 "$2""#, "sh", text, file.path])
        shell.waitUntilExit()
    }

    func read(_ name: String) throws -> String {
        String(decoding: try Data(contentsOf: folder.appending(path: name)), as: UTF8.self)
    }
}
