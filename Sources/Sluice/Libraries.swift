import Compiler
import Machine
import Reader
import Stdlib
import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What a session's namespaces are made from: the embedded library, the primitives of every target, and the source path.
struct Libraries: LibrarySource {
    /// Functions that perform an effect.
    private let effects: EffectFunctions
    /// Primitives of other targets.
    private let tables: [PrimitiveTable]
    private let sourcePath: SourcePath

    init(effects: EffectFunctions, tables: [PrimitiveTable], sourcePath: SourcePath) {
        self.effects = effects
        self.tables = tables
        self.sourcePath = sourcePath
    }

    // What scripts, the REPL and `eval` have in place.
    let aliases = [
        ("fs", "sluice.fs"), ("http", "sluice.http"), ("llm", "sluice.llm"), ("mcp", "sluice.mcp"),
        ("proc", "sluice.proc"), ("time", "sluice.time"),
        ("log", "sluice.log"), ("process", "sluice.process"), ("event", "sluice.event"), ("json", "clojure.data.json"),
        ("env", "sluice.env"), ("stdin", "sluice.stdin"), ("channel", "sluice.channel"), ("code", "sluice.code"),
    ]

    /// In order. For suggestions and lists: not derived when a session starts, which would make every start pay for it.
    var namespaces: [String] {
        effects.namespaces.union(Stdlib.namespaces + (tables + [Primitives.all]).flatMap(\.namespaces)).sorted()
    }

    func has(_ namespace: String) -> Bool {
        Stdlib.has(namespace) || Primitives.all.has(namespace) || tables.contains { $0.has(namespace) }
            || effects.has(namespace)
    }

    func names(in namespace: String) -> [String] {
        Stdlib.names(in: namespace) + (tables + [Primitives.all]).flatMap { $0.names(in: namespace) }
            + effects.names(in: namespace)
    }

    func primitive(_ namespace: Name, _ name: Name) -> Value? {
        if let native = Primitives.find(namespace: namespace, name: name) { return .native(native) }
        for table in tables {
            if let native = table.find(namespace: namespace, name: name) { return .native(native) }
        }
        if let native = effects.find(namespace, name) { return .native(native) }
        return Primitives.constant(namespace: namespace.description, name: name.name)
    }

    func definition(_ namespace: String, _ name: String) -> Source? {
        guard let entry = Stdlib.find(namespace: namespace, name: name) else { return nil }
        return Source(name: entry.file, bytes: Array(entry.source), firstLine: entry.line, isLibrary: true)
    }

    func namespaceForm(_ namespace: String) -> Source? {
        guard let entry = Stdlib.namespaceForm(namespace) else { return nil }
        return Source(name: entry.file, bytes: Array(entry.source), firstLine: entry.line, isLibrary: true)
    }

    /// Functions that perform an effect are documented by its row in the table of effects.
    func documentation(_ namespace: String, _ name: String) -> (text: String, arguments: String)? {
        EffectFunctions.documentation(namespace, name)
    }

    func file(of namespace: String) throws(Fault) -> Source? { try sourcePath.file(of: namespace) }

    func note(_ namespace: String, in source: Source) { sourcePath.note(namespace, in: source.name) }
}

/// Reading source files: small, at start-up, before any effect engine is needed.
package enum SourceFile {
    /// In the order they are tried.
    package static let endings = [".slu", ".cljc", ".clj"]
    /// Bytes of a source file at most.
    static let limit = 64 << 20

    static func exists(_ path: String) -> Bool {
        var info = stat()
        return stat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFREG
    }

    /// The contents of a file; what is wrong with the path is said in a sentence.
    package static func read(_ path: String) throws(Fault) -> Source {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw problem(path) }
        defer { close(file) }
        var info = stat()
        if fstat(file, &info) == 0, info.st_mode & S_IFMT == S_IFDIR {
            throw .of(.io, "\(path) is a directory", hint: "name a file in it, such as \(path)/main.slu")
        }
        return Source(name: path, bytes: try bytes(of: file, path))
    }

    /// All of standard input.
    package static func readStandardInput() throws(Fault) -> Source {
        Source(name: "<stdin>", bytes: try bytes(of: 0, "standard input"))
    }

    private static func bytes(of file: Int32, _ path: String) throws(Fault) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = readSome(file, &chunk)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw problem(path) }
            guard count > 0 else { return bytes }
            bytes += chunk[..<count]
            guard bytes.count <= limit else {
                throw .of(.io, "\(path) is larger than a source file may be (\(limit >> 20) MB)")
            }
        }
    }

    private static func readSome(_ file: Int32, _ chunk: inout [UInt8]) -> Int {
        chunk.withUnsafeMutableBytes { posixRead(file, $0.baseAddress, $0.count) }
    }

    private static func problem(_ path: String) -> Fault {
        switch errno {
        case ENOENT: .of(.fileNotFound, "there is no file \(path)")
        case EACCES: .of(.io, "no permission to read \(path)")
        default: .of(.io, "cannot read \(path): \(String(cString: strerror(errno)))")
        }
    }
}

/// `read(2)` under a name that the enum's own `read` does not hide.
private func posixRead(_ file: Int32, _ buffer: UnsafeMutableRawPointer?, _ count: Int) -> Int {
    read(file, buffer, count)
}
