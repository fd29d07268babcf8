import Values

/// `:fs/read :fs/write :fs/append :fs/list :fs/glob :fs/stat :fs/delete` (P25).
package struct FileEffects: Sendable {
    private let files: FileSystem
    private let pool: BlockingPool

    package init(files: FileSystem = FileSystem(), pool: BlockingPool = BlockingPool()) {
        self.files = files
        self.pool = pool
    }

    package var all: [AdapterEffect] { [read, write, append, list, glob, stat, delete] }

    /// `{:path "a" :as :text|:bytes :max-bytes n}` → a string, or a vector of bytes.
    private var read: AdapterEffect {
        .blocking("fs/read", on: pool) { [files] call throws(AdapterError) in
            let path = call.place(try call.params.required(.path))
            let wanted = try call.params.keyword(.as, of: [.text, .bytes]) ?? .text
            let limit = try call.params.maxBytes(default: FileSystem.defaultMaxBytes)
            try call.allowRead(path)
            return { cancel throws(AdapterError) in
                let bytes = try files.read(path, maxBytes: limit, cancel: cancel)
                if wanted == .bytes { return Bytes.value(bytes) }
                return .text(try UTF8Text.text(bytes, of: path))
            }
        }
    }

    /// `{:path "a" :content "…" :parents? false}` → the path.
    private var write: AdapterEffect {
        .blocking("fs/write", on: pool) { [files] call throws(AdapterError) in
            let (path, content) = try FileEffects.output(call)
            let parents = call.params.flag(.isParents)
            return { cancel throws(AdapterError) in
                try files.write(call.place(path), content, parents: parents, cancel: cancel)
                return .string(path)
            }
        }
    }

    /// `{:path "a" :content "…" :parents? false}` → the path.
    private var append: AdapterEffect {
        .blocking("fs/append", on: pool) { [files] call throws(AdapterError) in
            let (path, content) = try FileEffects.output(call)
            let parents = call.params.flag(.isParents)
            return { cancel throws(AdapterError) in
                try cancel.check()
                try files.append(call.place(path), content, parents: parents)
                return .string(path)
            }
        }
    }

    private static func output(_ call: EffectCall) throws(AdapterError) -> (path: String, content: [UInt8]) {
        let path = try call.params.required(.path)
        guard let content = try call.params.content(.content) else {
            throw .parameter("the parameter :content is missing; give a string or a vector of bytes")
        }
        try call.allowWrite(call.place(path))
        return (path, content)
    }

    /// `{:path "dir"}` → the sorted paths of what is directly in it.
    private var list: AdapterEffect {
        .blocking("fs/list", on: pool) { [files] call throws(AdapterError) in
            let path = try call.params.string(.path) ?? "."
            let place = call.place(path)
            try call.allowRead(place)
            return { _ throws(AdapterError) in .vector(try files.list(place).map { .string(call.shown($0, for: path)) })
            }
        }
    }

    /// `{:pattern "notes/**/*.md"}` → the sorted paths that match.
    private var glob: AdapterEffect {
        .blocking("fs/glob", on: pool) { call throws(AdapterError) in
            let pattern = try call.params.required(.pattern)
            let glob = try Glob(call.placed(pattern))
            for root in glob.roots { try call.allowRead(root) }
            return { cancel throws(AdapterError) in
                .vector(try glob.expand(cancel: cancel).map { .string(call.shown($0, for: pattern)) })
            }
        }
    }

    /// `{:path "a"}` → `{:path :kind :size :modified-ms :mode}`, or nil when there is no such file.
    private var stat: AdapterEffect {
        .blocking("fs/stat", on: pool) { [files] call throws(AdapterError) in
            let path = try call.params.required(.path)
            let place = call.place(path)
            try call.allowRead(place)
            return { _ throws(AdapterError) in
                try files.status(place).map { FileEffects.value(of: $0, path) } ?? .nil
            }
        }
    }

    /// `{:path "a" :recursive? false :missing-ok? false}` → whether something was deleted.
    private var delete: AdapterEffect {
        .blocking("fs/delete", on: pool) { [files] call throws(AdapterError) in
            let path = call.place(try call.params.required(.path))
            let recursive = call.params.flag(.isRecursive)
            let missingOK = call.params.flag(.isMissingOK)
            // A link itself is deleted, not what it leads to: it is its directory that changes.
            try call.allowWrite(FileSystem.linkTarget(path) == nil ? path : FileSystem.parent(of: path))
            return { cancel throws(AdapterError) in
                .bool(try files.delete(path, recursive: recursive, missingOK: missingOK, cancel: cancel))
            }
        }
    }

    /// `:fs/watch`, an event source: `{:pattern "notes/**/*.md" :settle-ms 50 :interval-ms 500 :existing? true}` → changes, each
    /// as `FileChange.value` has it, until the watcher is stopped. `looked` comes once the watch stands, `told` once what
    /// was there has been told, which is when a run with `--once` stops the watcher.
    package static func watch(
        _ call: EffectCall, now: @escaping @Sendable () -> Int64, tell: @escaping @Sendable ([Value]) -> Void,
        looked: @escaping @Sendable () -> Void, told: @escaping @Sendable () -> Void,
        fail: @escaping @Sendable (AdapterError) -> Void
    ) throws(AdapterError) -> TreeWatcher {
        let pattern = try call.params.required(.pattern)
        let glob = try Glob(call.placed(pattern))
        var settings = TreeWatcher.Settings()
        settings.settleMs = try call.params.int(.settleMs, in: 0...600_000) ?? settings.settleMs
        settings.intervalMs = try call.params.int(.intervalMs, in: 10...3_600_000) ?? settings.intervalMs
        if let existing = call.params.value(.isExisting) { settings.tellExisting = existing.isTruthy }
        for root in glob.roots { try call.allowRead(root) }
        return try TreeWatcher(
            glob, settings, now: now,
            tell: { changes in tell(changes.map { $0.value(shownAs: call.shown($0.path, for: pattern)) }) },
            looked: looked, told: told, fail: fail)
    }

    static func value(of status: FileStatus, _ path: String) -> Value {
        var map = MapBuilder()
        map.set(.path, .string(path))
        map.set(.kind, .string(status.kind.rawValue))
        map.set(.size, .int(status.size))
        map.set(.modifiedMs, .int(status.modifiedMs))
        map.set(.mode, .int(Int64(status.mode)))
        return map.value
    }
}

/// A change as the event of a watch: `{:kind :created|:changed|:deleted :path "…" :initial? false :size n :modified-ms n}`.
extension FileChange {
    /// - Parameter shown: the path as the script knows it.
    package func value(shownAs shown: String) -> Value {
        var map = MapBuilder()
        let kinds: [Kind: KnownName] = [.created: .created, .changed: .changed, .deleted: .deleted]
        map.set(.kind, kinds[kind].map { .kw($0) })
        map.set(.path, .string(shown))
        map.set(.isInitial, .bool(initial))
        map.set(.size, status.map { .int($0.size) })
        map.set(.modifiedMs, status.map { .int($0.modifiedMs) })
        return map.value
    }
}

/// Texts are valid UTF-8 (N2): bytes from outside are checked where they come in.
enum UTF8Text {
    static func text(_ bytes: [UInt8], of path: String) throws(AdapterError) -> Text {
        if let offset = bytes.withUnsafeBufferPointer({ UTF8Scan.firstInvalidByte($0) }) {
            throw AdapterError(
                .invalidUTF8,
                "\(quoted(path)) is not text in UTF-8 (byte \(offset)); read it with :as :bytes, or convert it",
                data: [.path(path)])
        }
        return bytes.withUnsafeBufferPointer { Text(validated: $0) }
    }
}
