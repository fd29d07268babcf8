import Engine
import TestSupport
import Testing
import Values

@testable import Adapters

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The pure part, on a clock of numbers.
@Suite struct TreeChangesTests {
    private func status(_ version: Int64) throws -> FileStatus {
        var raw = stat()
        stat("/", &raw)
        var status = FileStatus(raw)
        status.kind = .file
        status.size = version
        return status
    }

    private func told(_ changes: [FileChange]) -> [String] { changes.map { "\($0.kind.rawValue) \($0.path)" } }

    @Test("A change is told once its file rests, and once only") func settles() throws {
        var changes = TreeChanges(.init(settleMs: 50, patienceMs: 2_000))
        #expect(changes.begin([:], tell: true).isEmpty)
        changes.observe(["a": try status(1)], now: 0)
        #expect(changes.nextDue == 50)
        #expect(changes.settled(now: 49).isEmpty)
        changes.observe(["a": try status(2)], now: 40)
        #expect(changes.settled(now: 60).isEmpty, "it grew at 40")
        changes.observe(["a": try status(2)], now: 60)
        #expect(told(changes.settled(now: 90)) == ["created a"])
        #expect(changes.settled(now: 500).isEmpty)
        #expect(changes.nextDue == nil)
    }

    @Test("A file that never rests is told when patience ends") func patience() throws {
        var changes = TreeChanges(.init(settleMs: 50, patienceMs: 200))
        _ = changes.begin([:], tell: true)
        for time in stride(from: Int64(0), to: 200, by: 20) {
            changes.observe(["a": try status(time)], now: time)
            #expect(changes.settled(now: time).isEmpty)
        }
        changes.observe(["a": try status(200)], now: 200)
        #expect(told(changes.settled(now: 200)) == ["created a"])
    }

    @Test("Created and gone before anyone was told is nothing; deleted and back is a change or nothing") func reverted()
        throws
    {
        var changes = TreeChanges(.init())
        _ = changes.begin(["b": try status(1), "c": try status(1)], tell: false)
        changes.observe(["a": try status(1)], now: 0)
        changes.observe(["b": try status(1), "c": try status(2)], now: 10)
        #expect(told(changes.settled(now: 1_000)) == ["changed c"])
    }

    @Test("A write that leaves size and time as they were is told when the system reported it") func touched() throws {
        var changes = TreeChanges(.init(settleMs: 50))
        _ = changes.begin(["a": try status(1)], tell: false)
        changes.observe(["a": try status(1)], touched: ["a"], now: 0)
        changes.observe(["a": try status(1)], now: 30)
        #expect(told(changes.settled(now: 50)) == ["changed a"])
    }

    @Test("What settles together comes in the order of paths") func order() throws {
        var changes = TreeChanges(.init(settleMs: 10))
        let there = changes.begin(["z": try status(1), "a": try status(1)], tell: true)
        #expect(told(there) == ["created a", "created z"])
        #expect(there.map(\.initial) == [true, true])
        changes.observe(["m": try status(1), "B": try status(1)], now: 0)
        #expect(told(changes.settled(now: 10)) == ["created B", "deleted a", "created m", "deleted z"])
    }
}

@Suite struct TreeWatcherTests {
    let directory = TemporaryDirectory()
    let seen = Gathered<FileChange>()

    private func watch(_ pattern: String, usingSystem: Bool) throws -> TreeWatcher {
        var settings = TreeWatcher.Settings()
        settings.settleMs = 20
        settings.intervalMs = usingSystem ? 60_000 : 30
        settings.usingSystem = usingSystem
        return try TreeWatcher(Glob(directory(pattern)), settings, tell: { [seen] in seen.add($0) })
    }

    private func told(_ changes: [FileChange]) -> [String] {
        changes.map { "\($0.kind.rawValue) \($0.path.dropFirst(directory.path.count + 1))" }
    }

    /// With notices the interval is a minute, so whatever is seen was noticed.
    #if canImport(Glibc)
        static let ways = [true, false]
    #else
        static let ways = [false]
    #endif

    @Test("P25: created, changed, deleted, in new directories too", arguments: ways) func changes(_ usingSystem: Bool)
        async throws
    {
        try directory.file("notes/a.md", "1")
        try directory.file("notes/b.txt", "1")
        let watcher = try watch("notes/**/*.md", usingSystem: usingSystem)
        defer { watcher.stop() }
        #expect(told(await seen.wait { $0.count == 1 }) == ["created notes/a.md"])
        try directory.file("notes/new/deep/c.md", "2")
        #expect(told(await seen.wait { $0.count == 2 }).last == "created notes/new/deep/c.md")
        try directory.file("notes/a.md", "longer")
        #expect(told(await seen.wait { $0.count == 3 }).last == "changed notes/a.md")
        #expect(seen.all.last?.status?.size == 6)
        unlink(directory("notes/a.md"))
        try directory.file("notes/b.txt", "ignored")
        #expect(told(await seen.wait { $0.count == 4 }).last == "deleted notes/a.md")
    }

    @Test("A directory that appears later is seen") func later() async throws {
        var settings = TreeWatcher.Settings()
        (settings.settleMs, settings.intervalMs) = (10, 20)
        let watcher = try TreeWatcher(Glob(directory("later/*.md")), settings, tell: { [seen] in seen.add($0) })
        defer { watcher.stop() }
        try directory.file("later/a.md")
        #expect(told(await seen.wait { !$0.isEmpty }) == ["created later/a.md"])
    }

    @Test("No change is lost, however many come at once", arguments: ways) func burst(_ usingSystem: Bool) async throws
    {
        mkdir(directory("in"), 0o755)
        let watcher = try watch("in/**/*", usingSystem: usingSystem)
        defer { watcher.stop() }
        for index in 0..<300 {
            mkdir(directory("in/\(index % 20)"), 0o755)
            let file = open(directory("in/\(index % 20)/\(index)"), O_CREAT | O_WRONLY, 0o644)
            close(file)
        }
        let files = await seen.wait { Set($0.map(\.path)).count == 300 }
        #expect(Set(files.map(\.path)).count == 300)
    }

    @Test("After stop nothing is told") func stop() async throws {
        try directory.file("a.md")
        let watcher = try watch("*.md", usingSystem: false)
        _ = await seen.wait { $0.count == 1 }
        watcher.stop()
        // Another that looks as often sees two changes, one after the other: the first would have seen one of them.
        var settings = TreeWatcher.Settings()
        (settings.settleMs, settings.intervalMs, settings.usingSystem) = (20, 30, false)
        let others = Gathered<FileChange>()
        let other = try TreeWatcher(Glob(directory("*.md")), settings, tell: { others.add($0) })
        defer { other.stop() }
        for count in 1...3 {
            _ = await others.wait { $0.count == count }
            try directory.file("b\(count).md")
        }
        _ = await others.wait { $0.count == 4 }
        #expect(others.all.count == 4 && seen.all.count == 1)
    }

    @Test("As an event source: asks for its roots, tells what is there, then says that it stands") func source()
        async throws
    {
        try directory.file("in/a.md")
        let (told, looked, done) = (Gathered<Value>(), Gathered<Bool>(), Gathered<Bool>())
        let call = EffectCall(
            params: Params(map([.pattern: .string(directory("in/*.md")), .settleMs: .int(10)])), clock: RealClock())
        let watcher = try FileEffects.watch(
            call, now: { MonotonicClock.nowMs }, tell: { told.add($0) },
            looked: { looked.add(told.all.isEmpty) }, told: { done.add(!told.all.isEmpty) },
            fail: { _ in })
        defer { watcher.stop() }
        #expect(await done.wait { !$0.isEmpty } == [true])
        #expect(looked.all == [true])
        #expect(told.all.map { $0[.path].stringValue } == [directory("in/a.md")])
        #expect(told.all.first?[.isInitial].isTruthy == true)
        let closed = EffectCall(
            params: call.params,
            allow: { need throws(AdapterError) in
                #expect(need == .read(path: FileSystem.canonical(directory("in"))))
                throw AdapterError(.permissionDenied, "no")
            }, clock: RealClock())
        let refused = failure { () throws(AdapterError) in
            try FileEffects.watch(closed, now: { 0 }, tell: { _ in }, looked: {}, told: {}, fail: { _ in })
        }
        #expect(refused?.code == .permissionDenied)
    }

    @Test("As a value") func value() {
        let change = FileChange(kind: .deleted, path: "a", status: nil, initial: false)
        #expect(change.value(shownAs: "a")[.kind].knownKeyword == .deleted)
        #expect(change.value(shownAs: "a")[.path].stringValue == "a")
    }
}
