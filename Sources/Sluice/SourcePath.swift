import Values

/// The folders that hold namespaces as files: those that a session is given, and the one that the `ns` of its script implies.
///
/// A script `shop/src/my_app/main.slu` that begins with `(ns my-app.main)` is the file of that namespace below `shop/src`, and so
/// are the namespaces that it requires, wherever it is run from. Its text is evaluated anyway, so that this costs no reading.
final class SourcePath: @unchecked Sendable {
    // Sendable: `lock` guards the folders; the rest is immutable.
    private let lock = Lock()
    /// In the order they are searched.
    private var folders: [String]
    private let script: String?
    private let workingDirectory: String

    /// - Parameter script: the path of the file whose `ns` counts, if the session has one.
    init(_ folders: [String], script: String?, workingDirectory: String) {
        self.folders = folders
        self.script = script
        self.workingDirectory = workingDirectory
    }

    /// Hears that the file at `path` says by its `ns` that it is this namespace.
    func note(_ namespace: String, in path: String) {
        guard path == script, let root = SourcePath.root(of: path, for: namespace, in: workingDirectory) else { return }
        lock.withLock {
            // Before all others: a namespace of the same name below the working directory may be another program's.
            folders.removeAll { $0 == root }
            folders.insert(root, at: 0)
        }
    }

    /// The file of a namespace.
    func file(of namespace: String) throws(Fault) -> Source? {
        for folder in lock.withLock({ folders }) {
            for name in SourcePath.names(of: namespace) {
                for ending in SourceFile.endings {
                    let full =
                        folder.isEmpty || folder == "."
                        ? name + ending : folder.hasSuffix("/") ? folder + name + ending : "\(folder)/\(name)\(ending)"
                    if SourceFile.exists(full) { return try SourceFile.read(full) }
                }
            }
        }
        return nil
    }

    /// Where a namespace `a.b-c` stands below its folder, without the ending: `a/b-c` or `a/b_c`.
    private static func names(of namespace: String) -> [String] {
        let path = String(namespace.map { $0 == "." ? "/" : $0 })
        return Set([path, String(path.map { $0 == "-" ? "_" : $0 })]).sorted()
    }

    /// The folder below which the file at `path` is that of a namespace; nil when its path does not end so.
    static func root(of path: String, for namespace: String, in workingDirectory: String) -> String? {
        guard let ending = SourceFile.endings.first(where: { path.hasSuffix($0) }) else { return nil }
        var stem = path.dropLast(ending.count)
        while stem.hasPrefix("./") { stem = stem.dropFirst(2) }
        let names = names(of: namespace)
        if names.contains(where: { stem == $0 }) { return "." }
        // Of a file that is named from within its folder only the whole path tells.
        for candidate in stem.hasPrefix("/") ? [stem] : [stem, "\(workingDirectory)/\(stem)"] {
            for name in names where candidate.hasSuffix("/\(name)") {
                let root = candidate.dropLast(name.count + 1)
                return root.isEmpty ? "/" : String(root)
            }
        }
        return nil
    }
}
