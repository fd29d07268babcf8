import Adapters
import Compiler
import Engine
import Inspector
import Machine
import Reader
import Runtime
import Sluice
import Values

/// One `test`: each test file is loaded into a session of its own, and the tests that it defines are run there.
///
/// How clojure.test's tests are chosen, run and counted is written in the language (`sluice.testing`); this finds the files,
/// shows what happens, and adds up.
struct TestRun {
    private let request: TestRequest
    private let control: RunControl
    private var console: Console { control.console }

    init(_ request: TestRequest, _ control: RunControl) {
        self.request = request
        self.control = control
    }

    /// A test file, and the folders that its namespaces are looked for in.
    private struct File {
        var path: String
        var sourcePaths: [String]
    }

    func perform() -> Int32 {
        let files: [File]
        do throws(Fault) { files = try findFiles() } catch {
            _ = FaultReport.write(error, console)
            return ExitCode.unusable.rawValue
        }
        let account = CurrentAccount()
        let watch = Deadline(request.settings.limits.seconds) { account.expire() }
        defer { watch.cancel() }
        var total = TestCounts()
        var code = ExitCode.done
        var known: [String] = []
        for file in files where !control.isStopped {
            if account.isExpired {
                // The files that are left were not tested.
                code = .budget
                break
            }
            let result = request.schedules.map { search(file, account, $0) } ?? run(file, account)
            total.add(result.counts)
            code = max(code, result.code)
            known += result.known
        }
        return max(code, summarise(total, isComplete: code < .unusable, known)).rawValue
    }

    // MARK: Files

    private func findFiles() throws(Fault) -> [File] {
        var found: [File] = []
        for path in request.paths {
            if Files.isDirectory(path) {
                for file in try SourceFiles.below(path) where isTest(file) {
                    found.append(File(path: file, sourcePaths: [WorkingDirectory.folder(of: file), path, "."]))
                }
            } else {
                found.append(File(path: path, sourcePaths: [WorkingDirectory.folder(of: path), "."]))
            }
        }
        return found
    }

    /// Whether a file of a folder is one of tests, by its name or by what it defines. One that cannot be read has no tests
    /// to run; whoever loads it will say so.
    private func isTest(_ path: String) -> Bool {
        if SourceFile.endings.contains(where: { path.hasSuffix("_test\($0)") }) { return true }
        guard let source = try? SourceFile.read(path), let heads = try? SourceOutline.heads(of: source) else {
            return false
        }
        return heads.contains { head in
            let name = head.split(separator: "/").last ?? ""
            return name == "deftest" || name == "deftest-"
        }
    }

    // MARK: One file

    private struct FileResult {
        var counts = TestCounts()
        var code: ExitCode
        /// The names of all tests, when none of them was chosen.
        var known: [String] = []
    }

    /// Runs a file once; under a schedule and with chance from a seed, if these are given.
    private func run(
        _ file: File, _ account: CurrentAccount, on console: Console? = nil, _ order: (Schedule, UInt64)? = nil
    ) -> FileResult {
        let console = console ?? self.console
        let source: Source
        do throws(Fault) { source = try SourceFile.read(file.path) } catch {
            _ = FaultReport.tell(error, console)
            return FileResult(code: .unusable)
        }
        let unawaited = UnawaitedFailures(console)
        var options = SessionMaking.options(request.settings, console, path: file.path)
        options.sourcePaths = file.sourcePaths
        if let order { (options.schedule, options.seed) = order }
        options.uncaught = { fault, identity in unawaited.tell(fault, identity) }
        let session = Session(options)
        let stopper = Stopper(session)
        // Once every fiber has told where it was.
        defer { stopper.finish(console) }
        defer { session.shutDown() }
        account.use(session.instance.account)
        control.beforeEndingAtOnce { [weak session] in session?.killPrograms() }
        session.instance.exitHandler.set { [weak session] code in
            session?.endPrograms()
            console.close()
            Process.end(code)
        }
        control.attach(session.events) { stopper.stop() }
        defer { control.detach() }
        if case .failure(let fault) = session.evaluate(source) {
            return failure(fault, console)
        }
        switch session.call("sluice.testing", "run", arguments(file, console)) {
        case .failure(let fault): return failure(fault, console)
        case .success(let value):
            session.runtime.linger(for: TestRun.lingerNs) { [control] in
                control.isStopped || session.exhaustion != nil
            }
            unawaited.tell(session.unheardFailures())
            var counts = TestCounts(value)
            counts.error += unawaited.count
            return FileResult(
                counts: counts, code: counts.hasFailed ? .failed : .done,
                known: counts.tests == 0 && request.only != nil ? names(file, session) : [])
        }
    }

    /// What tests have left at work may go on for so long, in nanoseconds: long enough for what fails at once to be told.
    private static let lingerNs: Int64 = 10_000_000

    private func failure(_ fault: Fault, _ console: Console) -> FileResult {
        FileResult(code: control.isStopped ? .failed : max(.failed, FaultReport.tell(fault, console)))
    }

    /// What could have been chosen: namespaces, and their tests.
    private func names(_ file: File, _ session: Session) -> [String] {
        guard case .success(let names) = session.call("sluice.testing", "names", [.string(file.path)]),
            let found = try? Sequences.array(names)
        else { return [] }
        return found.compactMap(\.stringValue)
    }

    /// The file, the namespace and the test that were chosen, and with `--json` who hears of what happens.
    private func arguments(_ file: File, _ console: Console) -> [Value] {
        var listener = Value.nil
        if console.json {
            listener = .native(
                Native("listen", 1) { (a, _) throws(Fault) in
                    console.writeJSON(a[0], within: TraceLine.longest)
                    return .nil
                })
        }
        return [
            .string(file.path), request.only.map { .string($0.namespace) } ?? .nil,
            (request.only?.test).map { .string($0) } ?? .nil, listener,
        ]
    }

    // MARK: Many schedules

    /// Looks for a schedule in which a test of the file fails; nothing that is printed in those runs is shown, but the failure
    /// itself is.
    private func search(_ file: File, _ account: CurrentAccount, _ count: Int) -> FileResult {
        guard case .virtual(let first) = request.settings.schedule else { return run(file, account) }
        let silent = Console(console.terminal, json: console.json) { _, _ in nil }
        var last = FileResult(code: .failed)
        let search = ScheduleSearch { schedule, seed in
            if control.isStopped || account.isExpired { return nil }
            last = run(file, account, on: silent, (schedule, seed))
            return last.code == .done || last.code == .failed ? last.code == .failed : nil
        }
        switch search.search(from: first, count: count) {
        case .none(let tried):
            tell(
                file,
                "no test fails in \(tried) schedules, those of the seeds \(first) to \(first &+ UInt64(tried - 1))")
            return last
        case .ended:
            // Once more for all to see: why it cannot be run, or that the time is over.
            return control.isStopped || account.isExpired
                ? last : run(file, account, on: console, (Schedule(seed: first), first))
        case .found(let failure):
            let schedule = Schedule(failure.departures, noting: .places)
            let result = run(file, account, on: console, (schedule, failure.seed))
            tell(failure, schedule.accounts, file)
            return result
        }
    }

    private func tell(_ file: File, _ text: String) {
        if !console.json { console.write("\n\(file.path): \(text)\n", to: .output) }
    }

    /// Tells of a failing schedule: how to run it again, and where it is out of the ordinary.
    private func tell(_ failure: ScheduleSearch.Failure, _ accounts: [Schedule.Account], _ file: File) {
        guard !console.json else {
            return console.writeJSON(
                Value.jsonObject([
                    ("type", .string("test.schedule")), ("file", .string(file.path)),
                    ("seed", .int(Int64(failure.seed))),
                    ("tried", .int(Int64(failure.tried))),
                    ("departures", .vector(Vector(accounts.map(ScheduleText.data)))),
                ]))
        }
        tell(
            file,
            """
            a test fails in schedule \(failure.tried), that of the seed \(failure.seed)
              --virtual-time --seed \(failure.seed) runs it again
            \(ScheduleText.lines(accounts))
            """)
    }

    // MARK: All files

    /// Tells what came of it. That nothing was tested must not look like success.
    private func summarise(_ total: TestCounts, isComplete: Bool, _ known: [String]) -> ExitCode {
        if console.json {
            console.writeJSON(total.json)
        } else if total.tests > 0 {
            console.write(
                "\nRan \(total.tests) tests containing \(total.assertions) assertions.\n"
                    + "\(total.fail) failures, \(total.error) errors.\n", to: .output)
        }
        guard total.tests == 0, isComplete, !control.isStopped else { return .done }
        let place = request.paths.joined(separator: ", ")
        guard let only = request.only else {
            console.write("sluice: there are no tests in \(place)\n", to: .error)
            return .unusable
        }
        let name = only.namespace + (only.test.map { "/\($0)" } ?? "")
        let hint =
            Suggestion.hint(for: name, among: known.filter { $0.contains("/") == (only.test != nil) }).map {
                "  \($0)\n"
            } ?? ""
        console.write("sluice: there is no test \(name) in \(place)\n\(hint)", to: .error)
        return .unusable
    }
}

/// Failures of what a file or its tests have started and nobody waits for: each counts as an error, and is told as soon as it is
/// known, with the test that it belongs to.
private final class UnawaitedFailures: @unchecked Sendable {
    // Sendable: `lock` guards the count.
    private let lock = Lock()
    private let console: Console
    private var total = 0

    init(_ console: Console) { self.console = console }

    var count: Int { lock.withLock { total } }

    func tell(_ fault: Fault, _ identity: Identity) {
        // Told by what cut it off.
        if case .exhausted(.shutdown) = fault { return }
        lock.withLock { total += 1 }
        if console.json {
            console.writeJSON(UnawaitedFailures.json(fault, identity))
        } else {
            console.write(FaultReport.text(fault, console, within: identity), to: .error)
        }
    }

    /// Effects and futures, of which nobody says what test began them.
    func tell(_ unheard: (lines: [String], count: Int)) {
        lock.withLock { total += unheard.count }
        for line in unheard.lines {
            if console.json {
                console.writeJSON(UnawaitedFailures.error(message: .string(line)))
            } else {
                console.write("\(line)\n", to: .error)
            }
        }
    }

    /// As an error in a test is told.
    private static func json(_ fault: Fault, _ identity: Identity) -> Value {
        let found = Report.diagnostic(fault)
        let test = Whereabouts.test(identity)
        var actual = found.title
        if case .thrown(let exception) = fault { actual = "\(exception.className): \(actual)" }
        func text(_ text: String?) -> Value { text.map { .string($0) } ?? .nil }
        return error(
            namespace: text(test?.namespace), test: text(test?.name),
            message: .string(Whereabouts.sentence(identity)), actual: .string(actual),
            file: text(found.primary?.source.name),
            line: found.primary.map { .int(Int64($0.source.position(of: Int($0.span.start)).line)) } ?? .nil)
    }

    private static func error(
        namespace: Value = .nil, test: Value = .nil, message: Value, actual: Value = .nil, file: Value = .nil,
        line: Value = .nil
    ) -> Value {
        Value.jsonObject([
            ("type", .string("test.error")), ("namespace", namespace), ("test", test),
            ("contexts", .vector(Vector([]))), ("message", message), ("expected", .nil), ("actual", actual),
            ("file", file), ("line", line),
        ])
    }
}

/// What clojure.test counts.
private struct TestCounts {
    var tests = 0
    var pass = 0
    var fail = 0
    var error = 0

    init() {}

    /// Of the map that the library gives.
    init(_ value: Value) {
        guard case .map(let map) = value else { return }
        map.forEach { (key, count) in
            guard case .keyword(let name) = key, case .int(let count) = count else { return true }
            switch name.name {
            case "test": tests = Int(count)
            case "pass": pass = Int(count)
            case "fail": fail = Int(count)
            case "error": error = Int(count)
            default: break
            }
            return true
        }
    }

    var assertions: Int { pass + fail + error }
    var hasFailed: Bool { fail + error > 0 }

    mutating func add(_ other: TestCounts) {
        tests += other.tests
        pass += other.pass
        fail += other.fail
        error += other.error
    }

    var json: Value {
        Value.jsonObject([
            ("type", .string("test.summary")), ("tests", .int(Int64(tests))), ("assertions", .int(Int64(assertions))),
            ("failures", .int(Int64(fail))), ("errors", .int(Int64(error))),
        ])
    }
}

/// The account of the session at work, for a deadline over several of them.
private final class CurrentAccount: @unchecked Sendable {
    // Sendable: `lock` guards both.
    private let lock = Lock()
    private var account: Account?
    private var expired = false

    var isExpired: Bool { lock.withLock { expired } }

    func use(_ account: Account) { lock.withLock { self.account = account } }

    func expire() {
        let account = lock.withLock { () -> Account? in
            expired = true
            return self.account
        }
        account?.expire()
    }
}
