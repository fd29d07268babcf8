#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

extension FileSystem {
    /// What the names of temporary files end in, for whoever finds one after a power cut.
    static let temporarySuffix = ".sluice-tmp"

    /// Replaces a file's content at once: a reader sees the old bytes or the new, never a mixture, and a failure or a
    /// cancellation leaves the old file as it was. Links are written through and the old file's mode is kept.
    package func write(
        _ path: String, _ bytes: [UInt8], parents: Bool = false, cancel: CancelFlag
    ) throws(AdapterError) {
        try FileSystem.validate(path)
        if path.hasSuffix("/") { throw .file("write", path, EISDIR) }
        if parents { try makeDirectories(FileSystem.parent(of: path)) }
        let target = try FileSystem.followLinks(path)
        var status = stat()
        let exists = stat(target, &status) == 0
        if exists {
            switch status.st_mode & S_IFMT {
            case S_IFREG: break
            case S_IFDIR: throw .file("write", path, EISDIR)
            default: return try writeInPlace(target, bytes, cancel)
            }
            // Renaming over a file needs no right to write it: ask, or a protected file would be replaced.
            if access(target, W_OK) != 0 { throw .file("write", path, errno) }
        } else if errno != ENOENT {
            throw .file("write", path, errno)
        }
        try replace(target, bytes, shownAs: path, old: exists ? status : nil, cancel)
    }

    /// Devices and pipes have no content to keep.
    private func writeInPlace(_ path: String, _ bytes: [UInt8], _ cancel: CancelFlag) throws(AdapterError) {
        let file = open(path, O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { throw .file("write", path, errno) }
        defer { close(file) }
        try writeAll(file, bytes, "write", path, cancel)
    }

    private func replace(
        _ target: String, _ bytes: [UInt8], shownAs path: String, old: stat?, _ cancel: CancelFlag
    ) throws(AdapterError) {
        let (temporary, file) = try makeTemporary(beside: target, shownAs: path, mode: old == nil ? 0o666 : 0o600)
        var open = true
        do throws(AdapterError) {
            if let old {
                // Best effort: only the owner or root may, and a changed owner is better than no write.
                _ = fchown(file, old.st_uid, old.st_gid)
                if fchmod(file, old.st_mode & 0o7777) != 0 { throw .file("write", path, errno) }
            }
            try writeAll(file, bytes, "write", path, cancel)
            if calls.sync(file) != 0 { throw .file("write", path, errno) }
            open = false
            if close(file) != 0 { throw .file("write", path, errno) }
            try cancel.check()
            if calls.rename(temporary, target) != 0 { throw .file("write", path, errno) }
        } catch {
            if open { close(file) }
            unlink(temporary)
            throw error
        }
        syncDirectory(FileSystem.parent(of: target))
    }

    /// A new file of our own in the same directory, because a rename does not cross file systems. Its name starts with a
    /// dot, so that globs and watchers pass over it.
    private func makeTemporary(
        beside target: String, shownAs path: String, mode: mode_t
    ) throws(AdapterError) -> (path: String, file: Int32) {
        let name = FileSystem.lastPart(of: target)
        let stem = String(decoding: name.utf8.prefix(180), as: UTF8.self)
        for _ in 0..<64 {
            let mark = String(UInt64.random(in: 0 ... .max), radix: 36)
            let temporary = FileSystem.parent(of: target) + "/." + stem + "." + mark + FileSystem.temporarySuffix
            let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode)
            if file >= 0 { return (temporary, file) }
            if errno != EEXIST { throw .file("write", path, errno) }
        }
        throw .file("write", path, EEXIST)
    }

    /// Makes the rename itself survive a power cut; not every file system can, and the content is safe either way.
    private func syncDirectory(_ path: String) {
        let directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { return }
        fsync(directory)
        close(directory)
    }

    /// The file that a chain of links names, which need not exist.
    private static func followLinks(_ path: String) throws(AdapterError) -> String {
        var path = path
        for _ in 0..<40 {
            guard let target = linkTarget(path) else { return path }
            path = target.hasPrefix("/") ? target : parent(of: path) + "/" + target
        }
        throw .file("write", path, ELOOP)
    }

    /// Deletes a file, a link (not what it names), or a directory; false when nothing was there and `missingOK`.
    @discardableResult
    package func delete(
        _ path: String, recursive: Bool = false, missingOK: Bool = false, cancel: CancelFlag
    ) throws(AdapterError) -> Bool {
        try FileSystem.validate(path)
        var status = stat()
        guard lstat(path, &status) == 0 else {
            if missingOK, errno == ENOENT || errno == ENOTDIR { return false }
            throw .file("delete", path, errno)
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            if unlink(path) != 0 { throw .file("delete", path, errno) }
            return true
        }
        let whole = FileSystem.canonical(path)
        if whole == "/" || [".", ".."].contains(FileSystem.lastPart(of: path)) {
            throw .parameter("will not delete the directory \(quoted(path)); name the one to delete inside it")
        }
        if recursive { try empty(AT_FDCWD, path, path, depth: 0, cancel) }
        if rmdir(path) != 0 { throw .file("delete", path, errno) }
        return true
    }

    /// Deletes what is in the directory `name` of the open directory `parent`. Through descriptors and never following a
    /// link, so that nobody can lead it elsewhere by swapping a directory for a link meanwhile.
    private func empty(
        _ parent: Int32, _ name: String, _ path: String, depth: Int, _ cancel: CancelFlag
    ) throws(AdapterError) {
        guard depth < FileSystem.maxDepth else {
            throw AdapterError(
                .tooLarge,
                "could not delete \(quoted(path)): more than \(FileSystem.maxDepth) directories deep; delete it in parts",
                data: [.path(path)])
        }
        let directory = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard directory >= 0 else { throw .file("delete", path, errno) }
        guard let stream = fdopendir(directory) else {
            let failure = errno
            close(directory)
            throw .file("delete", path, failure)
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = DirectoryStream.name(of: entry)
            if name != ".", name != ".." { names.append(name) }
        }
        for name in names {
            try cancel.check()
            if unlinkat(directory, name, 0) == 0 || errno == ENOENT { continue }
            guard errno == EISDIR || errno == EPERM else { throw .file("delete", path + "/" + name, errno) }
            try empty(directory, name, path + "/" + name, depth: depth + 1, cancel)
            if unlinkat(directory, name, Int32(AT_REMOVEDIR)) != 0 { throw .file("delete", path + "/" + name, errno) }
        }
    }
}
