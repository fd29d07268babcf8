import Engine
import Testing
import Values

@testable import Adapters

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

@Suite struct FileSystemTests {
    let directory = TemporaryDirectory()
    let files = FileSystem()
    let effects = FileEffects().all

    @Test("P25: what is written is read back, as text and as bytes")
    func roundTrip() async throws {
        let path = directory("a.txt")
        _ = try await perform(effects, "fs/write", [.path: .string(path), .content: .string("grüße\n")])
        #expect(try await perform(effects, "fs/read", [.path: .string(path)]).stringValue == "grüße\n")
        let bytes = try await perform(effects, "fs/read", [.path: .string(path), .as: .kw(.bytes)])
        #expect(bytes.elementsIfVector?.compactMap(\.intValue) == [103, 114, 0xc3, 0xbc, 0xc3, 0x9f, 101, 10])
        _ = try await perform(effects, "fs/write", [.path: .string(path), .content: bytes])
        #expect(try directory.text("a.txt") == "grüße\n")
    }

    @Test(
        "A file that is not UTF-8 is refused as text, with the place and what to do",
        arguments: [
            ([0x61, 0xff], 1), ([0xc3], 0), ([0xe0, 0x80, 0x80], 0), ([0xed, 0xa0, 0x80], 0),
            ([0x41, 0xf4, 0x90, 0x80, 0x80], 1),
        ] as [([UInt8], Int)])
    func invalidText(_ bytes: [UInt8], _ offset: Int) async throws {
        try files.write(directory("b"), bytes, cancel: CancelFlag())
        let error = await failure { () async throws(AdapterError) in
            try await perform(effects, "fs/read", [.path: .string(directory("b"))])
        }
        #expect(error?.code == .invalidUTF8)
        #expect(error?.message.contains("(byte \(offset)); read it with :as :bytes") == true)
    }

    @Test("Reads are bounded") func bounded() throws {
        try directory.file("big", String(repeating: "x", count: 5_000))
        #expect(try files.read(directory("big"), maxBytes: 5_000, cancel: CancelFlag()).count == 5_000)
        let error = failure { () throws(AdapterError) in
            try files.read(directory("big"), maxBytes: 4_999, cancel: CancelFlag())
        }
        #expect(error?.code == .tooLarge)
        #expect(error?.message.contains("5000 bytes") == true)
    }

    #if canImport(Glibc)
        @Test("A file whose size the system does not tell is read and bounded too") func sizeless() throws {
            #expect(try !files.read("/proc/self/status", cancel: CancelFlag()).isEmpty)
            let error = failure { () throws(AdapterError) in
                try files.read("/dev/zero", maxBytes: 10_000, cancel: CancelFlag())
            }
            #expect(error?.code == .tooLarge)
        }

        @Test("A full disk is a typed error") func fullDevice() {
            let error = failure { () throws(AdapterError) in try files.write("/dev/full", [1], cancel: CancelFlag()) }
            #expect(error?.code == .noSpace)
            #expect(error?.retryable == true)
        }
    #endif

    @Test("Errors name the path and the next step")
    func errors() throws {
        try directory.file("plain", "x")
        let cases: [(String, AdapterCode, String)] = [
            (directory("missing"), .notFound, "check the path"), (directory.path, .isDirectory, "name a file in it"),
            (directory("plain/below"), .notDirectory, "check the path"), ("", .parameter, "name a file"),
            ("a\0b", .parameter, "NUL"), (directory(String(repeating: "n", count: 300)), .nameTooLong, "shorter"),
        ]
        for (path, code, next) in cases {
            let error = failure { () throws(AdapterError) in try files.read(path, cancel: CancelFlag()) }
            #expect(error?.code == code, "\(path)")
            #expect(error?.message.contains(next) == true, "\(error?.message ?? "")")
        }
        symlink(directory("loop"), directory("loop"))
        #expect(
            failure { () throws(AdapterError) in try files.read(directory("loop"), cancel: CancelFlag()) }?.code
                == .symlinkLoop)
        #expect(
            failure { () throws(AdapterError) in try files.write(directory("loop"), [1], cancel: CancelFlag()) }?.code
                == .symlinkLoop)
    }

    @Test("Without the right to, nothing is read or replaced", .enabled(if: geteuid() != 0)) func protected() throws {
        try directory.file("closed", "kept")
        chmod(directory("closed"), 0o000)
        #expect(
            failure { () throws(AdapterError) in try files.read(directory("closed"), cancel: CancelFlag()) }?.code
                == .permissionDenied)
        chmod(directory("closed"), 0o444)
        let error = failure { () throws(AdapterError) in try files.write(directory("closed"), [1], cancel: CancelFlag())
        }
        #expect(error?.code == .permissionDenied)
        #expect(try directory.text("closed") == "kept")
        mkdir(directory("shut"), 0o555)
        let inside = failure { () throws(AdapterError) in
            try files.write(directory("shut/new"), [1], cancel: CancelFlag())
        }
        #expect(inside?.code == .permissionDenied)
    }

    @Test("A write replaces the file at once, keeps its mode and goes through links")
    func atomicWrite() throws {
        try directory.file("real", "old")
        chmod(directory("real"), 0o640)
        symlink("real", directory("link"))
        let before = try files.status(directory("real"))
        try directory.file("link", "new")
        let after = try files.status(directory("real"))
        #expect(try directory.text("real") == "new")
        #expect(after?.mode == 0o640)
        #expect(before?.identity.inode != after?.identity.inode, "written in place, not atomically")
        #expect(FileSystem.linkTarget(directory("link")) == "real")
        #expect(try directory.names() == ["link", "real"])
    }

    @Test("A dangling link is written through") func danglingLink() throws {
        symlink("later", directory("link"))
        try directory.file("link", "x")
        #expect(try directory.text("later") == "x")
    }

    @Test(
        "Whatever fails, the old file stays whole and nothing is left beside it",
        arguments: ["write", "sync", "rename"],
        [(ENOSPC, AdapterCode.noSpace), (EROFS, .readOnly), (EDQUOT, .noSpace), (EIO, .io)])
    func failedWrite(_ step: String, _ failure: (Int32, AdapterCode)) throws {
        try directory.file("a", "old")
        var calls = FileCalls()
        let (number, code) = failure
        switch step {
        case "write":
            calls.write = { file, bytes, count in
                if count > 10 { return write(file, bytes, 10) }
                errno = number
                return -1
            }
        case "sync":
            calls.sync = { _ in
                errno = number
                return -1
            }
        default:
            calls.rename = { _, _ in
                errno = number
                return -1
            }
        }
        let broken = FileSystem(calls: calls)
        for name in ["a", "fresh"] {
            let error = AdaptersTests.failure { () throws(AdapterError) in
                try broken.write(directory(name), Array("new content".utf8), cancel: CancelFlag())
            }
            #expect(error?.code == code)
            #expect(error?.message.contains(directory(name)) == true)
        }
        #expect(try directory.text("a") == "old")
        #expect(try directory.names() == ["a"])
    }

    @Test("A cancelled write leaves the old file and no temporary one") func cancelledWrite() throws {
        try directory.file("a", "old")
        let cancel = CancelFlag()
        var calls = FileCalls()
        calls.write = { file, bytes, count in
            cancel.raise()
            return write(file, bytes, min(count, 3))
        }
        let error = failure { () throws(AdapterError) in
            try FileSystem(calls: calls).write(directory("a"), Array("newer".utf8), cancel: cancel)
        }
        #expect(error?.code == .cancelled)
        #expect(try directory.text("a") == "old")
        #expect(try directory.names() == ["a"])
    }

    @Test("Appending adds; a failure midway takes back what it added") func append() throws {
        try files.append(directory("log"), Array("one\n".utf8))
        try files.append(directory("log"), Array("two\n".utf8))
        var calls = FileCalls()
        calls.write = { file, bytes, count in
            if count > 2 { return write(file, bytes, count - 2) }
            errno = ENOSPC
            return -1
        }
        let error = failure { () throws(AdapterError) in
            try FileSystem(calls: calls).append(directory("log"), Array("three\n".utf8))
        }
        #expect(error?.code == .noSpace)
        #expect(try directory.text("log") == "one\ntwo\n")
    }

    @Test("Directories are made on demand only") func parents() async throws {
        let path = directory("x/y/z.txt")
        let error = await failure { () async throws(AdapterError) in
            try await perform(effects, "fs/write", [.path: .string(path), .content: .string("1")])
        }
        #expect(error?.code == .notFound)
        _ = try await perform(effects, "fs/write", [.path: .string(path), .content: .string("1"), .isParents: .true])
        #expect(try directory.text("x/y/z.txt") == "1")
        let blocked = failure { () throws(AdapterError) in
            try files.write(directory("x/y/z.txt/deeper"), [1], parents: true, cancel: CancelFlag())
        }
        #expect(blocked?.code == .notDirectory)
    }

    @Test("Listing is sorted; stat tells kind and size, nil for nothing") func listAndStat() async throws {
        for name in ["b", "a", "C", ".hidden"] { try directory.file(name, "12") }
        let listed = try await perform(effects, "fs/list", [.path: .string(directory.path)])
        #expect(listed.strings == [".hidden", "C", "a", "b"].map { directory($0) })
        let stat = try await perform(effects, "fs/stat", [.path: .string(directory("a"))])
        #expect(stat[.kind].stringValue == "file")
        #expect(stat[.size].intValue == 2)
        #expect(abs((stat[.modifiedMs].intValue ?? 0) / 1000 - Int64(time(nil))) < 100)
        #expect(try await perform(effects, "fs/stat", [.path: .string(directory("none"))]).isNil)
        #expect(
            try await perform(effects, "fs/stat", [.path: .string(directory.path)])[.kind].stringValue == "directory")
    }

    @Test("Deleting: a file, a link not its target, a directory only when empty or told to") func delete() async throws
    {
        try directory.file("d/e/f", "x")
        try directory.file("outside/kept", "x")
        symlink("../outside", directory("d/link"))
        let cancel = CancelFlag()
        #expect(
            failure { () throws(AdapterError) in try files.delete(directory("d"), cancel: cancel) }?.code == .notEmpty)
        #expect(try files.delete(directory("d"), recursive: true, cancel: cancel))
        #expect(try directory.names() == ["outside"])
        #expect(try directory.names("outside") == ["kept"])
        #expect(
            failure { () throws(AdapterError) in try files.delete(directory("d"), cancel: cancel) }?.code == .notFound)
        #expect(
            try await perform(effects, "fs/delete", [.path: .string(directory("d")), .isMissingOK: .true]).isTruthy
                == false)
        for path in ["/", directory("outside/."), directory("outside/..")] {
            let error = failure { () throws(AdapterError) in try files.delete(path, recursive: true, cancel: cancel) }
            #expect(error?.code == .invalidParameter)
        }
    }

    @Test("What is asked for is the place that is touched, links and .. resolved") func needs() async throws {
        try directory.file("secret/file", "x")
        try directory.file("open/a", "x")
        symlink("../secret", directory("open/way"))
        let root = FileSystem.canonical(directory.path)
        let asked = Gathered<Need>()
        let allow: @Sendable (Need) throws(AdapterError) -> Void = { need throws(AdapterError) in
            asked.add(need)
            throw AdapterError(.permissionDenied, "not granted")
        }
        let cases: [(String, [KnownName: Value], Need)] = [
            ("fs/read", [.path: .string(directory("open/way/file"))], .read(path: root + "/secret/file")),
            ("fs/read", [.path: .string(directory("open/../secret/none"))], .read(path: root + "/secret/none")),
            (
                "fs/write", [.path: .string(directory("open/way/new")), .content: .string("x")],
                .write(path: root + "/secret/new")
            ),
            (
                "fs/append", [.path: .string(directory("open/a")), .content: .string("x")],
                .write(path: root + "/open/a")
            ),
            ("fs/list", [.path: .string(directory("open/way"))], .read(path: root + "/secret")),
            ("fs/glob", [.pattern: .string(directory("open/way/*"))], .read(path: root + "/secret")),
            ("fs/stat", [.path: .string(directory("open/way"))], .read(path: root + "/secret")),
            ("fs/delete", [.path: .string(directory("open/way"))], .write(path: root + "/open")),
        ]
        for (type, params, need) in cases {
            let error = await failure { () async throws(AdapterError) in
                try await perform(effects, type, params, allow: allow)
            }
            #expect(error?.code == .permissionDenied)
            #expect(asked.all.last == need, "\(type)")
        }
        #expect(try directory.text("open/a") == "x")
    }

    @Test("Relative paths are relative to the run's directory, and stay as the script wrote them") func relative()
        async throws
    {
        try directory.file("in [x]/a.md", "1")
        try directory.file("in [x]/b.md", "2")
        let place = directory("in [x]")
        func run(_ type: String, _ params: [KnownName: Value]) async throws(AdapterError) -> Value {
            try await perform(effects, type, params, in: place)
        }
        #expect(try await run("fs/read", [.path: .string("a.md")]).stringValue == "1")
        #expect(try await run("fs/list", [:]).strings == ["a.md", "b.md"])
        #expect(try await run("fs/glob", [.pattern: .string("*.md")]).strings == ["a.md", "b.md"])
        #expect(
            try await run("fs/write", [.path: .string("c/d"), .content: .string("3"), .isParents: .true]).stringValue
                == "c/d")
        #expect(try await run("fs/stat", [.path: .string("c/d")])[.path].stringValue == "c/d")
        #expect(try await run("fs/list", [.path: .string("c")]).strings == ["c/d"])
        #expect(try await run("fs/delete", [.path: .string("c"), .isRecursive: .true]).isTruthy)
        #expect(try directory.names("in [x]") == ["a.md", "b.md"])
    }

    @Test("A missing or wrong parameter says what was expected") func parameters() async {
        let cases: [(String, [KnownName: Value], String)] = [
            ("fs/read", [:], ":path is missing"), ("fs/read", [.path: .int(1)], ":path must be a string"),
            ("fs/write", [.path: .string("x")], ":content is missing"),
            ("fs/write", [.path: .string("x"), .content: .vector([.int(256)])], "bytes (0 to 255)"),
            ("fs/read", [.path: .string("x"), .maxBytes: .int(-1)], "from 0 to"),
            ("fs/read", [.path: .string("x"), .as: .kw(.json)], ":text or :bytes"),
        ]
        for (type, params, words) in cases {
            let error = await failure { () async throws(AdapterError) in try await perform(effects, type, params) }
            #expect(error?.code == .invalidParameter)
            #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
        }
    }
}

extension AdapterCode {
    fileprivate static var parameter: AdapterCode { .invalidParameter }
}
