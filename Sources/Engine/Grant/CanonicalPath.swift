import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Paths as the file system will understand them, so that neither `..` nor a symbolic link leads out of a granted
/// folder.
package enum CanonicalPath {
    /// Links a path may lead through before it counts as a circle.
    private static let mostLinks = 64

    /// The absolute path without links, `.` or `..`. What does not exist stays as it is written; a link that leads to
    /// something that does not exist is followed, because writing through it would create that.
    package static func of(_ path: String, in directory: String) -> String {
        var pending = components(path)
        var resolved: [String] = []
        if !path.hasPrefix("/") {
            pending = components(directory) + pending
        }
        var links = 0
        // A stack, next component last.
        pending.reverse()
        while let part = pending.popLast() {
            if part == ".." {
                // What is resolved has no links left, so the parent is the one before.
                _ = resolved.popLast()
                continue
            }
            let here = "/" + (resolved + [part]).joined(separator: "/")
            guard let target = link(here), links < mostLinks else {
                resolved.append(part)
                continue
            }
            links += 1
            if target.hasPrefix("/") { resolved = [] }
            pending += components(target).reversed()
        }
        return "/" + resolved.joined(separator: "/")
    }

    /// Whether `path` is `root` or below it; both canonical.
    static func contains(_ root: String, _ path: String) -> Bool {
        root == "/" || path == root || path.hasPrefix(root + "/")
    }

    /// Whether an argument of a script names something in the file system, or something that could be made in an
    /// existing folder and was written as a path.
    static func looksLikePath(_ argument: String, in directory: String) -> Bool {
        guard !argument.isEmpty, !argument.hasPrefix("-") else { return false }
        let path = of(argument, in: directory)
        if exists(path) { return true }
        guard argument.contains("/"), !argument.hasText("://") else { return false }
        return exists(String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]))
    }

    private static func components(_ path: String) -> [String] {
        path.split(separator: "/", omittingEmptySubsequences: true).filter { $0 != "." }.map(String.init)
    }

    private static func exists(_ path: String) -> Bool { access(path.isEmpty ? "/" : path, F_OK) == 0 }

    /// Where a symbolic link points, or nil for anything else.
    private static func link(_ path: String) -> String? {
        var bytes = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = bytes.withUnsafeMutableBytes { buffer in
            buffer.withMemoryRebound(to: CChar.self) { $0.baseAddress.map { readlink(path, $0, buffer.count) } ?? -1 }
        }
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }
}
