import Engine
import Foundation
import Machine
import Reader
import Sluice
import TestSupport
import Testing
import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Cancellation reaches what runs, whatever it comes from: a transfer stops, a program dies with its children, a sleep ends
/// (P22, J23, D23).
@Suite struct StoppingTests {
    /// Where a cancellation comes from: a program that performs `effect`, waits until it runs by `ready`, and ends it; what it gives.
    private static let ways: [(name: String, program: String, expected: String)] = [
        (
            "cancel! by id",
            "(let [id (submit! EFFECT)] READY (cancel! {:id id}) (failure (outcome id)))",
            "\"effect cancelled: requested\""
        ),
        (
            "cancel! by tag",
            "(let [id (submit! (assoc EFFECT :meta {:tags [:slow]}))] READY (cancel! {:tag :slow}) (failure (outcome id)))",
            "\"effect cancelled: requested\""
        ),
        (
            "a timeout",  // P22
            "(let [id (submit! (assoc EFFECT :meta {:timeout-ms 1500}))] READY (failure (outcome id)))",
            "\"effect timeout after 1500ms\""
        ),
        (
            "the :cancels of a later batch",  // J23
            """
            (let [id (submit! (assoc EFFECT :meta {:group :search}))]
              READY
              (perform (assoc (run inc 1 {:group :search :cancels [:search]}) :effect/id :newest))
              (failure (outcome id)))
            """,
            "\"effect cancelled: superseded by :newest\""
        ),
        (
            "the end of the fiber that performs it",
            """
            (let [performing (future (perform (assoc EFFECT :effect/id 7)))]
              READY
              (future-cancel performing)
              (failure (outcome 7)))
            """,
            "\"effect cancelled: what it belonged to ended\""
        ),
        (
            "the timeout of the effect whose handler performs it",  // P22
            """
            (do (defeffect :t/outer [_] (perform EFFECT))
                (let [id (submit! (effect :t/outer {} {:timeout-ms 1500}))] READY (failure (outcome id))))
            """,
            "\"effect timeout after 1500ms\""
        ),
    ]

    private func program(_ way: Int, effect: String, ready: String) -> String {
        Self.ways[way].program.replacingOccurrences(of: "EFFECT", with: effect)
            .replacingOccurrences(of: "READY", with: ready)
    }

    /// What ends a whole run or evaluation, called while the effect runs.
    enum Ending: CaseIterable { case stopped, interrupted, expired, shutDown }

    /// Performs an effect in a worker or an evaluation, waits by `isReady`, and ends it.
    private func end(
        _ script: EffectScript, _ effect: String, by ending: Ending, _ isReady: @escaping @Sendable () -> Bool
    )
        throws
    {
        let session = script.session
        switch ending {
        case .stopped:
            _ = try session.evaluate(
                "(defworker :slow {:kind :ticker :interval-ms 1} [_ _] (perform \(effect)))"
            ).get()
            let run = try Run(session, once: false)
            _ = startThread {
                _ = isReady()
                run.stop(graceMs: 0)
            }
            run.run()
        case .interrupted, .expired:
            _ = startThread {
                _ = isReady()
                if ending == .interrupted { session.interrupt() } else { session.expire() }
            }
            guard case .failure = session.evaluate("(perform \(effect))") else {
                Issue.record("it was not ended")
                return
            }
        case .shutDown:
            _ = try session.evaluate("(def performing (future (perform \(effect))))").get()
            _ = isReady()
            session.shutDown()
        }
    }

    // MARK: Transfers

    /// A server that holds `/held` back, and tells when it was asked for it and when that connection has gone; `/ready` is answered
    /// once somebody has asked.
    private func server(_ asked: Told<Void>, _ gone: Told<Bool>) -> LoopbackServer {
        LoopbackServer { request, connection in
            if request.path == "/ready" {
                return connection.respond(asked.wait().isEmpty ? 500 : 200)
            }
            connection.head(200, [("Content-Length", "10")])
            asked.tell(())
            gone.tell(connection.waitForClose(ms: 15_000))
            connection.close()
        }
    }

    @Test(arguments: ways.indices) func aTransferStops(_ way: Int) throws {
        let (asked, gone) = (Told<Void>(), Told<Bool>())
        let server = server(asked, gone)
        let script = try EffectScript(grants: ["net=127.0.0.1"])
        let printed = script.printed(
            program(
                way, effect: "(effect :http/request {:url \"\(server.url)/held\"})",
                ready: "(http/request \"\(server.url)/ready\")"))
        #expect(printed == Self.ways[way].expected, "\(Self.ways[way].name)")
        #expect(gone.wait() == [true], "\(Self.ways[way].name)")
    }

    @Test(arguments: Ending.allCases) func aTransferStopsWithTheRun(_ ending: Ending) throws {  // D23, N6
        let (asked, gone) = (Told<Void>(), Told<Bool>())
        let server = server(asked, gone)
        let script = try EffectScript(grants: ["net=127.0.0.1"])
        try end(script, "(effect :http/request {:url \"\(server.url)/held\"})", by: ending) { !asked.wait().isEmpty }
        #expect(gone.wait() == [true])
    }

    // MARK: Programs

    /// A program with children and grandchildren in the background, all of which would run for minutes; it writes the number of
    /// its process group once they are there. One that is deaf takes no SIGTERM, and neither do its children.
    private func family(deaf: Bool) -> String {
        let script =
            (deaf ? "trap '' TERM; " : "")
            + "sleep 300 & sh -c 'sleep 301 & sleep 302 & wait' & (sleep 303 | sleep 304) & echo $$ > made; mv made ready; wait"
        return "(effect :proc/run {:args [\"sh\" \"-c\" \"\(script)\"] :grace-ms 100})"
    }

    private static let isReady = "(loop [] (when (empty? (fs/glob \"ready\")) (time/sleep 5) (recur)))"

    private func groupIsReady(_ script: EffectScript) -> @Sendable () -> Bool {
        let file = script.folder.appending(path: "ready").path
        return {
            let deadline = MonotonicClock.nowMs + 20_000
            while access(file, F_OK) != 0, MonotonicClock.nowMs < deadline { usleep(5_000) }
            return true
        }
    }

    /// Whether no process of the group is left that is not dead and only waits for its parent.
    private func isGone(_ group: Int32) -> Bool {
        let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        for process in processes where Int32(process) != nil {
            guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
                let name = text.lastIndex(of: ")")
            else { continue }
            // After the name: state, parent, group.
            let fields = text[text.index(after: name)...].split(separator: " ")
            if fields.count > 2, fields[0] != "Z", Int32(fields[2]) == group { return false }
        }
        return true
    }

    private func expectGone(_ script: EffectScript, _ what: String) throws {
        let text = try String(contentsOf: script.folder.appending(path: "ready"), encoding: .utf8)
        let group = try #require(Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)))
        // The effect has ended by now; its program may take its grace, and its children a moment to die.
        let deadline = MonotonicClock.nowMs + 20_000
        while !isGone(group), MonotonicClock.nowMs < deadline { usleep(5_000) }
        #expect(isGone(group), "\(what)")
    }

    #if canImport(Glibc)
        @Test(arguments: ways.indices, [false, true]) func aProgramDiesWithItsChildren(_ way: Int, _ deaf: Bool) throws
        {
            let script = try EffectScript(grants: ["run=sh"])
            let printed = script.printed(program(way, effect: family(deaf: deaf), ready: Self.isReady))
            #expect(printed == Self.ways[way].expected, "\(Self.ways[way].name)")
            try expectGone(script, Self.ways[way].name)
        }

        @Test(arguments: Ending.allCases) func aProgramDiesWithTheRun(_ ending: Ending) throws {  // D23, N6
            let script = try EffectScript(grants: ["run=sh"])
            try end(script, family(deaf: false), by: ending, groupIsReady(script))
            try expectGone(script, "\(ending)")
        }
    #endif

    // MARK: Sleeps

    // Under virtual time: had an hour passed anywhere, the clock would show it.
    @Test(arguments: ways.indices) func aSleepEndsAtOnce(_ way: Int) throws {
        let script = try EffectScript(seed: 1)
        let printed = script.printed(
            program(way, effect: "(effect :time/sleep {:ms 3600000})", ready: "(time/sleep 1)"))
        #expect(printed == Self.ways[way].expected, "\(Self.ways[way].name)")
        let passed = try #require(script.number("(now)"))
        #expect(passed == 1 || passed == 1500, "\(Self.ways[way].name)")
    }

    @Test(arguments: Ending.allCases) func aSleepEndsWithTheRun(_ ending: Ending) throws {  // D23, N6
        let script = try EffectScript()
        let began = Told<Void>()
        let events = script.session.events.subscribe(wake: { began.tell(()) })
        let start = MonotonicClock.nowMs
        try end(script, "(effect :time/sleep {:ms 3600000})", by: ending) {
            for round in 1...1_000 {
                _ = began.wait(count: round)
                if events.take().events.contains(where: { $0.type == .effectStarted }) { return true }
            }
            return false
        }
        #expect(MonotonicClock.nowMs - start < 60_000)
    }
}
