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

@Suite struct ProcessTests {
    let directory = TemporaryDirectory()
    let effects = ProcessEffects().all

    private func run(_ arguments: [String], _ more: [KnownName: Value] = [:]) async throws(AdapterError) -> Value {
        var params = more
        params[.args] = .vector(arguments.map { .string($0) })
        return try await perform(effects, "proc/run", params)
    }

    @Test("P25: arguments reach the program as they are: no shell") func arguments() async throws {
        let done = try await run(["printf", "%s|", "$HOME", "a b", "*", "; echo x"])
        #expect(done[.out].stringValue == "$HOME|a b|*|; echo x|")
        #expect(done[.exit].intValue == 0)
        #expect(done[.signal].isNil)
    }

    @Test("Input, both outputs, directory and environment") func surroundings() async throws {
        let script = "cat; pwd; echo \"$ADDED\" >&2; echo \"${HOME-none}\" >&2; exit 3"
        var environment = MapBuilder()
        environment.set(Value.string("ADDED"), .string("here"))
        environment.set(Value.string("HOME"), .nil)
        let done = try await run(
            ["sh", "-c", script], [.in: .string("given\n"), .cwd: .string(directory.path), .env: environment.value])
        #expect(done[.out].stringValue == "given\n\(FileSystem.canonical(directory.path))\n")
        #expect(done[.err].stringValue == "here\nnone\n")
        #expect(done[.exit].intValue == 3)
    }

    @Test("P25, U: a program gets the usual variables and those it is named, and no others") func variables() {
        let own = ["PATH=/bin", "OPENAI_API_KEY=sk-1", "LC_TIME=C", "TOKEN=a=b", "HOME=/root", "NOVALUE", "XPATH=1"]
        let cases: [([String: String?], Set<String>, [String])] = [
            ([:], [], ["PATH=/bin", "LC_TIME=C", "HOME=/root"]),
            ([:], ["TOKEN", "MISSING"], ["PATH=/bin", "LC_TIME=C", "TOKEN=a=b", "HOME=/root"]),
            (["HOME": nil, "A": "1", "PATH": ""], [], ["LC_TIME=C", "A=1", "PATH="]),
            (["TOKEN": "other"], ["TOKEN"], ["PATH=/bin", "LC_TIME=C", "HOME=/root", "TOKEN=other"]),
        ]
        for (changes, inherited, expected) in cases {
            var environment = ProcessEnvironment()
            environment.changes = changes
            environment.inherited = inherited
            #expect(environment.entries(of: own) == expected)
        }
    }

    @Test("P25: what is passed on to a program is asked for as reading it is, and what is usual or given is not")
    func granted() async throws {
        var given = MapBuilder()
        given.set(Value.string("TOKEN"), .kw(.inherit))
        given.set(Value.string("OTHER"), .string("x"))
        given.set(Value.string("HOME"), .kw(.inherit))
        let named = Value.vector([.string("TOKEN"), .string("LC_ALL"), .string("TOKEN")])
        for environment in [given.value, named] {
            let asked = Gathered<Need>()
            _ = try await perform(
                effects, "proc/run", [.args: .vector([.string("true")]), .env: environment],
                allow: { need throws(AdapterError) in asked.add(need) })
            #expect(asked.all == [.run(program: "true"), .env("TOKEN")])
        }
        for wrong in [Value.string("TOKEN"), .vector([.int(1)]), .int(1), .vector([.string("A=B")])] {
            let error = await failure { () async throws(AdapterError) in try await run(["true"], [.env: wrong]) }
            #expect(error?.code == .invalidParameter)
        }
    }

    @Test("A large input and a large output pass through each other") func large() async throws {
        let text = String(repeating: "0123456789abcde\n", count: 200_000)
        let done = try await run(["cat"], [.in: .string(text)])
        #expect(done[.out].stringValue == text)
    }

    @Test("An input nobody reads is no error") func unread() async throws {
        let done = try await run(["true"], [.in: .string(String(repeating: "x", count: 1 << 20))])
        #expect(done[.exit].intValue == 0)
    }

    @Test("Output is capped, and says so; the program is not held up") func capped() async throws {
        let done = try await run(
            ["sh", "-c", "head -c 300000 /dev/zero | tr '\\0' x; echo end >&2"], [.maxBytes: .int(1_000)])
        #expect(done[.out].stringValue == String(repeating: "x", count: 1_000))
        #expect(done[.outTruncated].isTruthy)
        #expect(done[.err].stringValue == "end\n")
        #expect(done[.errTruncated].isNil)
    }

    @Test("A failing program is an answer, or an error with :check?") func checked() async throws {
        #expect(try await run(["sh", "-c", "exit 7"])[.exit].intValue == 7)
        let error = await failure { () async throws(AdapterError) in
            try await run(["sh", "-c", "echo first >&2; echo broken pipe dream >&2; exit 7"], [.isCheck: .true])
        }
        #expect(error?.code == .programFailed)
        #expect(error?.message == "\"sh\" ended with exit code 7: broken pipe dream")
        #expect(error?.data.contains(.exit(7)) == true)
    }

    @Test("A program ended by a signal says which") func signal() async throws {
        let done = try await run(["sh", "-c", "kill -9 $$"])
        #expect(done[.signal].intValue == 9)
        #expect(done[.exit].intValue == 137)
    }

    @Test("What cannot be started says why and what to do") func unstartable() async throws {
        try directory.file("plain", "not a program")
        let cases: [([String], [KnownName: Value], AdapterCode, String)] = [
            (["no-such-program-x"], [:], .programNotFound, "install it"),
            ([directory("plain")], [:], .permissionDenied, "chmod +x"), ([], [:], .invalidParameter, ":args"),
            ([""], [:], .invalidParameter, "no program"), (["a\0b"], [:], .invalidParameter, "NUL"),
            (["true"], [.cwd: .string(directory("none"))], .notFound, "check the path"),
            (["true"], [.cwd: .string(directory("plain"))], .notDirectory, "check the path"),
            (["true"], [.in: .int(1)], .invalidParameter, ":in must be"),
        ]
        for (arguments, more, code, words) in cases {
            let error = await failure { () async throws(AdapterError) in try await run(arguments, more) }
            #expect(error?.code == code, "\(arguments)")
            #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
        }
    }

    @Test("Past its time a program is ended, even one that does not listen", arguments: [false, true]) func timeout(
        _ deaf: Bool
    ) async {
        let script = deaf ? "trap '' TERM; while :; do sleep 0.05; done" : "sleep 60"
        let start = MonotonicClock.nowMs
        let error = await failure { () async throws(AdapterError) in
            try await run(["sh", "-c", script], [.timeoutMs: .int(100), .graceMs: .int(100)])
        }
        #expect(error?.code == .timeout)
        #expect(MonotonicClock.nowMs - start < 50_000, "it was ended before its end")
    }

    @Test("Closing the runner ends what runs, also what had only just begun") func closed() {
        let runner = ProcessRunner()
        let answers = Gathered<AdapterCode?>()
        for _ in 0..<8 {
            _ = runner.start(Program(["sleep", "1000"], clock: RealClock())) { result in
                if case .failure(let error) = result { answers.add(error.code) } else { answers.add(nil) }
            }
        }
        runner.close()
        #expect(answers.all == Array(repeating: .cancelled, count: 8))
    }

    @Test("The time of a program is measured on the run's clock") func virtualTimeout() async throws {
        let clock = VirtualClock()
        let runner = ProcessRunner()
        var program = Program(["sh", "-c", "echo > \(directory("started")); exec sleep 30"], clock: clock)
        program.timeoutMs = 3_600_000
        program.graceMs = 100
        let answers = Gathered<AdapterCode?>()
        _ = runner.start(program) { result in
            if case .failure(let error) = result { answers.add(error.code) } else { answers.add(nil) }
        }
        for _ in 0..<1_000 where access(directory("started"), F_OK) != 0 {
            try await Task.sleep(nanoseconds: 5_000_000)
        }
        clock.advance(byMs: 3_599_999)
        #expect(answers.all.isEmpty)
        clock.advance(byMs: 1)
        #expect(await answers.wait { !$0.isEmpty } == [.timeout])
    }

    @Test("Cancelling ends the program and everything it started; nothing is left to reap") func cancelled()
        async throws
    {
        let runner = ProcessRunner()
        var program = Program(
            ["sh", "-c", "trap '' TERM; (trap '' TERM; sleep 30) & echo $! ; echo $$ ; wait"], clock: RealClock())
        program.graceMs = 100
        let pids = directory("pids")
        program.arguments[2] = program.arguments[2].replacingOccurrence(
            of: "echo $! ; echo $$", with: "echo $! > \(pids).tmp; echo $$ >> \(pids).tmp; mv \(pids).tmp \(pids)")
        let answers = Gathered<AdapterError?>()
        let cancel = runner.start(program) { result in
            if case .failure(let error) = result { answers.add(error) } else { answers.add(nil) }
        }
        #expect(await eventually { access(pids, F_OK) == 0 })
        let started = try directory.text("pids").split(separator: "\n").compactMap { pid_t($0) }
        #expect(started.count == 2)
        cancel()
        #expect(await answers.wait { $0.count == 1 } == [.cancelled])
        for pid in started {
            #expect(await eventually { kill(pid, 0) != 0 || isZombie(pid) }, "\(pid) still runs")
        }
        // The program itself was reaped by us; its orphan is the init process's to reap.
        #expect(kill(started[1], 0) != 0)
    }

    /// Dead, and waiting for a parent that is not us.
    private func isZombie(_ pid: pid_t) -> Bool {
        guard let bytes = try? FileSystem().read("/proc/\(pid)/stat", cancel: CancelFlag()) else { return false }
        return String(decoding: bytes, as: UTF8.self).hasText(") Z ")
    }

    @Test("A program that leaves a child behind is over when it is over") func leftBehind() async throws {
        let start = MonotonicClock.nowMs
        let done = try await run(["sh", "-c", "sleep 60 & echo done"])
        #expect(done[.out].stringValue == "done\n")
        #expect(MonotonicClock.nowMs - start < 50_000, "its child was not waited for")
    }

    #if canImport(Glibc)
        @Test("A program is given its three descriptors and no other, and none of ours stays open") func descriptors()
            async throws
        {
            let leaked = open("/dev/null", O_RDONLY)  // not closed on exec, as an embedding program's may be
            defer { close(leaked) }
            let done = try await run(["sh", "-c", "ls /proc/self/fd | wc -l"])
            // ls itself holds one for the directory it reads.
            #expect(done[.out].stringValue?.filter(\.isNumber) == "4")
        }
    #endif

    @Test("The program is asked for before it is started") func needs() async {
        let error = await failure { () async throws(AdapterError) in
            try await perform(
                effects, "proc/run", [.args: .vector([.string("touch"), .string(directory("made"))])],
                allow: { need throws(AdapterError) in
                    #expect(need == .run(program: "touch"))
                    throw AdapterError(.permissionDenied, "not granted")
                })
        }
        #expect(error?.code == .permissionDenied)
        #expect(access(directory("made"), F_OK) != 0)
    }
}

extension String {
    fileprivate func replacingOccurrence(of part: String, with other: String) -> String {
        guard let found = rangeOfText(part) else { return self }
        return self[..<found.lowerBound] + other + self[found.upperBound...]
    }
}
