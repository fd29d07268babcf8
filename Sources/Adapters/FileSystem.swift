import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Set once, from any thread, by whoever no longer wants the work; looked at by the work between its steps.
package final class CancelFlag: Sendable {
    private let raised = Atomic<Bool>(false)

    package init() {}
    package func raise() { raised.store(true, ordering: .releasing) }
    package var isRaised: Bool { raised.load(ordering: .acquiring) }

    func check() throws(AdapterError) {
        if isRaised { throw .cancelled }
    }
}

/// Files, by blocking calls: to be used on a `BlockingPool`.
package struct FileSystem: Sendable {
    /// The most a read returns unless it is told otherwise: a larger file is more likely a mistake than a text.
    package static let defaultMaxBytes = 64 << 20
    /// Directories within directories that a recursive delete goes down: each holds a descriptor.
    static let maxDepth = 256
    /// How long a read that has nothing yet (a pipe, a terminal) sleeps before it looks whether it was cancelled.
    static let pollMs: Int32 = 50
    /// Bytes between two looks at the cancel flag.
    static let chunk = 1 << 20

    /// The calls whose failure must leave nothing behind; replaced by tests that make each of them fail.
    let calls: FileCalls

    package init() { calls = FileCalls() }
    init(calls: FileCalls) { self.calls = calls }

    /// A path that the C library would cut short at a NUL names another file than the one shown.
    static func validate(_ path: String) throws(AdapterError) {
        if path.isEmpty { throw .parameter("the path is empty; name a file") }
        if path.utf8.contains(0) {
            throw .parameter("the path \(quoted(path)) contains a NUL character; no file name can")
        }
    }

    /// The bytes of a file, at most `maxBytes`.
    package func read(_ path: String, maxBytes: Int = defaultMaxBytes, cancel: CancelFlag) throws(AdapterError)
        -> [UInt8]
    {
        try FileSystem.validate(path)
        // Without O_NONBLOCK, opening a pipe nobody writes to would hold the thread for ever.
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { throw .file("read", path, errno) }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw .file("read", path, errno) }
        if status.st_mode & S_IFMT == S_IFDIR { throw .file("read", path, EISDIR) }
        if Int(status.st_size) > maxBytes { throw FileSystem.tooLarge(path, Int(status.st_size), maxBytes) }
        // One byte more than expected: a file that grew, or one whose size the system does not know, shows itself.
        var bytes = [UInt8](repeating: 0, count: max(Int(status.st_size) + 1, 4096))
        var count = 0
        while true {
            try cancel.check()
            if count == bytes.count { bytes.append(contentsOf: repeatElement(0, count: count)) }
            let got = bytes.withUnsafeMutableBytes {
                readOnce(file, $0.baseAddress! + count, min($0.count - count, FileSystem.chunk))
            }
            if got == 0 { break }
            if got < 0 {
                if errno != EAGAIN { throw .file("read", path, errno) }
                var ready = pollfd(fd: file, events: Int16(POLLIN), revents: 0)
                poll(&ready, 1, FileSystem.pollMs)
                continue
            }
            count += got
            if count > maxBytes { throw FileSystem.tooLarge(path, nil, maxBytes) }
        }
        bytes.removeLast(bytes.count - count)
        return bytes
    }

    private static func tooLarge(_ path: String, _ size: Int?, _ limit: Int) -> AdapterError {
        let has = size.map { "it has \($0) bytes" } ?? "it has more"
        return AdapterError(
            .tooLarge,
            "could not read \(quoted(path)): \(has), and at most \(limit) are read; pass a larger :max-bytes",
            data: [.path(path)])
    }

    /// Adds bytes at the end, making the file when it is missing. When the disk fills up midway, what was added is taken
    /// back, so that no half record stays.
    package func append(_ path: String, _ bytes: [UInt8], parents: Bool = false) throws(AdapterError) {
        try FileSystem.validate(path)
        if parents { try makeDirectories(FileSystem.parent(of: path)) }
        let file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o666)
        guard file >= 0 else { throw .file("append to", path, errno) }
        defer { close(file) }
        let start = lseek(file, 0, SEEK_END)
        do {
            try writeAll(file, bytes, "append to", path, CancelFlag())
        } catch {
            var status = stat()
            let mine = start >= 0 && fstat(file, &status) == 0 && status.st_size > start
            // Only when nobody else has appended meanwhile: theirs must not be cut off.
            if mine, status.st_size - start < bytes.count { _ = ftruncate(file, start) }
            throw error
        }
    }

    /// Writes all of `bytes`, in chunks between which the flag is looked at.
    func writeAll(
        _ file: Int32, _ bytes: [UInt8], _ operation: String, _ path: String, _ cancel: CancelFlag
    ) throws(AdapterError) {
        var offset = 0
        while offset < bytes.count {
            try cancel.check()
            let wrote = bytes.withUnsafeBytes {
                calls.write(file, $0.baseAddress! + offset, min($0.count - offset, FileSystem.chunk))
            }
            if wrote < 0, errno != EINTR { throw .file(operation, path, errno) }
            if wrote > 0 { offset += wrote }
        }
    }

    /// Makes a directory and those above it; one that is there already is fine.
    package func makeDirectories(_ path: String) throws(AdapterError) {
        try FileSystem.validate(path)
        var made = path.hasPrefix("/") ? "/" : ""
        for part in path.utf8.split(separator: UInt8(ascii: "/")) {
            made += (made.isEmpty || made.hasSuffix("/") ? "" : "/") + String(Substring(part))
            if mkdir(made, 0o777) == 0 { continue }
            let failure = errno
            var status = stat()
            // EROFS and EACCES may stand for a directory that is there: what counts is whether it is.
            guard stat(made, &status) == 0 else { throw .file("make the directory", made, failure) }
            guard status.st_mode & S_IFMT == S_IFDIR else { throw .file("make the directory", made, ENOTDIR) }
        }
    }

    /// The paths of a directory's entries in byte order, without `.` and `..`.
    package func list(_ path: String) throws(AdapterError) -> [String] {
        try FileSystem.validate(path)
        let prefix = path == "." ? "" : path.hasSuffix("/") ? path : path + "/"
        return try DirectoryStream.entries(of: path).map { prefix + $0.name }
    }

    /// What is known of a file; nil when there is none. A symbolic link is followed; a dangling one is described itself.
    package func status(_ path: String) throws(AdapterError) -> FileStatus? {
        try FileSystem.validate(path)
        return try FileStatus.of(path)
    }

    /// The directory part: `.` when there is none.
    static func parent(of path: String) -> String {
        var path = Substring(path)
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    static func lastPart(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return path }
        return String(path[path.index(after: slash)...])
    }

    /// The path with every link followed and every `..` resolved, as far as it exists, so that what is checked against a
    /// granted root is what will be touched.
    package static func canonical(_ path: String) -> String {
        if let resolved = realpath(path, nil) {
            defer { free(resolved) }
            return String(cString: resolved)
        }
        let above = parent(of: path)
        if above == path { return path }
        // A dangling link leads where it says, not to its own name: what would be made there counts.
        if let target = linkTarget(path) {
            return canonical(target.hasPrefix("/") ? target : above + "/" + target)
        }
        let base = canonical(above)
        switch lastPart(of: path) {
        case "", ".": return base
        case "..": return parent(of: base)
        case let name: return base == "/" ? "/" + name : base + "/" + name
        }
    }

    static func linkTarget(_ path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink(path, &buffer, buffer.count - 1)
        guard count > 0 else { return nil }
        return String(decoding: buffer[..<count].lazy.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

private func readOnce(_ file: Int32, _ into: UnsafeMutableRawPointer, _ count: Int) -> Int {
    while true {
        let got = read(file, into, count)
        if got >= 0 || errno != EINTR { return got }
    }
}

/// The system calls that can fail between the first byte of a write and its last.
struct FileCalls: Sendable {
    var write: @Sendable (Int32, UnsafeRawPointer, Int) -> Int = { file, bytes, count in
        #if canImport(Glibc)
            Glibc.write(file, bytes, count)
        #else
            Darwin.write(file, bytes, count)
        #endif
    }
    var sync: @Sendable (Int32) -> Int32 = { fsync($0) }
    var rename: @Sendable (String, String) -> Int32 = { from, to in
        #if canImport(Glibc)
            Glibc.rename(from, to)
        #else
            Darwin.rename(from, to)
        #endif
    }
}

/// What `stat` tells, in the language's terms.
package struct FileStatus: Equatable, Sendable {
    package enum Kind: String, Sendable { case file, directory, symlink, other }

    package var kind: Kind
    package var size: Int64
    /// Milliseconds since 1970.
    package var modifiedMs: Int64
    /// The permission bits.
    package var mode: Int
    /// Distinguishes two states of a file more finely than milliseconds do.
    var identity: Identity

    struct Identity: Equatable, Sendable {
        var inode: UInt64
        var modified: Int64
        var changed: Int64
    }

    init(_ status: stat) {
        switch status.st_mode & S_IFMT {
        case S_IFREG: kind = .file
        case S_IFDIR: kind = .directory
        case S_IFLNK: kind = .symlink
        default: kind = .other
        }
        size = Int64(status.st_size)
        mode = Int(status.st_mode & 0o7777)
        #if canImport(Darwin)
            let (modified, changed) = (status.st_mtimespec, status.st_ctimespec)
        #else
            let (modified, changed) = (status.st_mtim, status.st_ctim)
        #endif
        modifiedMs = Int64(modified.tv_sec) * 1000 + Int64(modified.tv_nsec) / 1_000_000
        identity = Identity(
            inode: UInt64(status.st_ino), modified: Int64(modified.tv_sec) &* 1_000_000_000 &+ Int64(modified.tv_nsec),
            changed: Int64(changed.tv_sec) &* 1_000_000_000 &+ Int64(changed.tv_nsec))
    }

    static func of(_ path: String) throws(AdapterError) -> FileStatus? {
        var status = stat()
        if stat(path, &status) == 0 || lstat(path, &status) == 0 { return FileStatus(status) }
        if errno == ENOENT || errno == ENOTDIR { return nil }
        throw .file("look at", path, errno)
    }
}

/// The entries of a directory.
struct DirectoryStream {
    struct Entry {
        var name: String
        /// A directory itself, not a link to one.
        var isDirectory: Bool
        var isLink: Bool
    }

    /// In byte order of their names, so that no result depends on the file system's own order.
    static func entries(of path: String) throws(AdapterError) -> [Entry] {
        guard let stream = opendir(path) else { throw .file("list", path, errno) }
        defer { closedir(stream) }
        var found: [Entry] = []
        while let entry = readdir(stream) {
            let name = name(of: entry)
            if name == "." || name == ".." { continue }
            var kind = Int32(entry.pointee.d_type)
            if kind == Int32(DT_UNKNOWN) {
                var status = stat()
                if lstat(path + "/" + name, &status) == 0 {
                    kind =
                        status.st_mode & S_IFMT == S_IFDIR
                        ? Int32(DT_DIR) : status.st_mode & S_IFMT == S_IFLNK ? Int32(DT_LNK) : 0
                }
            }
            found.append(Entry(name: name, isDirectory: kind == Int32(DT_DIR), isLink: kind == Int32(DT_LNK)))
        }
        return found.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    static func name(of entry: UnsafeMutablePointer<dirent>) -> String {
        // By address: the name is a fixed array in Swift's eyes, and copying it as a tuple would cost 256 bytes an entry.
        let offset = MemoryLayout<dirent>.offset(of: \dirent.d_name)!
        return String(cString: UnsafeRawPointer(entry).advanced(by: offset).assumingMemoryBound(to: CChar.self))
    }
}
