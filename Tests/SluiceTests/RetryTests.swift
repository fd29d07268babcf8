import Engine
import Foundation
import Machine
import Sluice
import TestSupport
import Testing
import Values

/// `:retry` and `Retry-After`, as scripts and servers see them (J1–J10, P19): the next attempt comes no sooner than told.
@Suite struct RetryTests {
    /// Answers the first requests of each path with what `refusals` has for it, and the others with 200. Tells when each came, by
    /// the monotonic clock in milliseconds.
    private func server(_ refusals: [(status: Int, retryAfter: String?)], _ came: Told<Int64>) -> LoopbackServer {
        LoopbackServer { _, connection in
            let number = came.all.count
            came.tell(MonotonicClock.nowMs)
            guard number < refusals.count else { return connection.respond(200, [], "at last") }
            let refusal = refusals[number]
            connection.respond(refusal.status, refusal.retryAfter.map { [("Retry-After", $0)] } ?? [], "not now")
        }
    }

    private func ask(_ server: LoopbackServer, _ meta: String) -> String {
        "(:body (http/request \"\(server.url)/\" {:check? true :meta \(meta)}))"
    }

    private static let quickly = "{:retry {:max 3 :backoff {:base-ms 1 :jitter false}}}"

    @Test(arguments: [429, 503]) func secondsAreWaitedForOnTheRealClock(_ status: Int) throws {  // J10: Retry-After
        let came = Told<Int64>()
        let server = server([(status, "1")], came)
        let script = try EffectScript(grants: ["net=127.0.0.1"])
        #expect(script.printed(ask(server, Self.quickly)) == "\"at last\"")
        let times = came.all
        #expect(times.count == 2 && times[1] - times[0] >= 1000)
    }

    // An hour, in no time: while nothing is outside, the clock jumps to the next attempt.
    @Test(arguments: [429, 503]) func secondsAreWaitedForUnderVirtualTime(_ status: Int) throws {
        let came = Told<Int64>()
        let server = server([(status, "3600"), (status, nil)], came)
        let script = try EffectScript(seed: 1, grants: ["net=127.0.0.1"])
        #expect(script.printed(ask(server, Self.quickly)) == "\"at last\"")
        // The second wait is the back-off's own: twice the first, which was shorter than what the server asked for.
        #expect(script.number("(now)") == 3_600_000 + 2 && came.all.count == 3)
    }

    // What a handler performs is performed anew by each attempt: that of the attempt before has failed, or went with it.
    @Test(arguments: [nil, 1] as [UInt64?]) func anAttemptPerformsItsOwnEffects(_ seed: UInt64?) throws {
        let script = try EffectScript(seed: seed)
        let program = """
            (def inner (atom 0))
            (defn flaky [_] (if (< (swap! inner inc) 3) (throw (ex-info "busy" {:code "unavailable"})) :ok))
            (defeffect :t/work {} [_] (perform (run flaky)))
            (def slow (atom 0))
            (defeffect :t/slow {} [_] (time/sleep (if (= 1 (swap! slow inc)) 60000 1)) :done)
            (defn again [type meta] (perform (effect type {} (assoc meta :retry {:max 5 :backoff {:base-ms 1} :on [:unavailable :timeout]}))))
            [(again :t/work {}) @inner (again :t/slow {:timeout-ms 50}) @slow]
            """
        #expect(script.printed("(do \(program))") == "[:ok 3 :done 2]")
    }

    @Test func aDateIsWaitedFor() throws {
        let came = Told<Int64>()
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(identifier: "GMT")
        format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        let until = Date(timeIntervalSince1970: (Date().timeIntervalSince1970 + 7200).rounded(.down))
        let server = server([(503, format.string(from: until))], came)
        let script = try EffectScript(seed: 1, grants: ["net=127.0.0.1"])
        let before = Date()
        #expect(script.printed(ask(server, Self.quickly)) == "\"at last\"")
        // How long it was until then when the answer came, to the second: never less.
        let least = Int64((until.timeIntervalSince(Date()) * 1000).rounded(.down))
        let most = Int64((until.timeIntervalSince(before) * 1000).rounded(.up)) + 1000
        let waited = try #require(script.number("(now)"))
        #expect(waited >= least && waited <= most, "\(waited) of \(least)…\(most)")
    }

    // A longer back-off counts, a shorter one gives way; what is no number and no date says nothing.
    @Test(
        arguments: [
            ("2", "{:retry {:max 1 :backoff {:base-ms 5000 :jitter false}}}", 5000),
            ("9", "{:retry {:max 1 :backoff {:base-ms 5000 :jitter false}}}", 9000),
            ("soon", "{:retry {:max 1 :backoff {:base-ms 5000 :jitter false}}}", 5000),
            ("-5", "{:retry {:max 1 :backoff {:base-ms 5000 :jitter false}}}", 5000),
        ] as [(String, String, Int64)])
    func theLongerWaitCounts(_ header: String, _ meta: String, _ ms: Int64) throws {
        let server = server([(429, header)], Told())
        let script = try EffectScript(seed: 1, grants: ["net=127.0.0.1"])
        #expect(script.printed(ask(server, meta)) == "\"at last\"")
        #expect(script.number("(now)") == ms)
    }

    @Test func attemptsEndAndTheLastErrorIsTold() throws {
        let came = Told<Int64>()
        let server = server(Array(repeating: (429, "60"), count: 9), came)
        let script = try EffectScript(seed: 1, grants: ["net=127.0.0.1"])
        let asked = ask(server, "{:retry {:max 2}}")
        #expect(
            script.printed(
                "(try \(asked) (catch Exception e (select-keys (ex-data e) [:code :retry-after-ms])))")
                == "{:code \"rate_limited\", :retry-after-ms 60000}")
        #expect(came.all.count == 3 && script.number("(now)") == 120_000)
    }

    @Test func onlyTheNamedCodesAndWhatMayPassAreTriedAgain() throws {
        for (status, meta, requests) in [
            (503, "{:retry {:max 2 :on [:rate-limited]}}", 1), (429, "{:retry {:max 2 :on [:rate-limited]}}", 3),
            (400, "{:retry {:max 2}}", 1), (429, "{}", 1),
        ] {
            let came = Told<Int64>()
            let server = server(Array(repeating: (status, nil), count: 9), came)
            let script = try EffectScript(seed: 1, grants: ["net=127.0.0.1"])
            _ = script.printed("(failure \(ask(server, meta)))")
            #expect(came.all.count == requests, "\(status) \(meta)")
        }
    }

    // A wait for the next attempt is cancelled like any other, and nobody is asked again.
    @Test func aWaitForTheNextAttemptEndsWhenCancelled() throws {
        let came = Told<Int64>()
        let server = server(Array(repeating: (429, "3600"), count: 9), came)
        let script = try EffectScript(seed: 1, grants: ["net=127.0.0.1"])
        let effect = "(effect :http/request {:url \"\(server.url)/\" :check? true} {:retry {:max 5}})"
        let program = "(let [id (submit! \(effect))] (time/sleep 1000) (cancel! {:id id}) (failure (outcome id)))"
        #expect(script.printed(program) == "\"effect cancelled: requested\"")
        #expect(came.all.count == 1 && script.number("(now)") == 1000)
    }

    // While one waits for its next attempt, others have its slot (P19).
    @Test func aWaitForTheNextAttemptHoldsNoSlot() throws {
        let server = server([(429, "100")], Told())
        let script = try EffectScript(seed: 1, grants: ["net=127.0.0.1"])
        let program = """
            (configure {:effects {:max-inflight 1}})
            (let [asked (future \(ask(server, Self.quickly)) (note [:asked (now)]))]
              (time/sleep 10)
              (spit "other" "x")
              (note [:other (now)])
              @asked
              @log)
            """
        #expect(script.printed(program) == "[[:other 10] [:asked 100000]]")
    }
}

/// `:max-inflight`, `:limits` and `:rate` over a thousand effects under a virtual clock (P19): never more, and no fewer than may be.
@Suite struct LimitTests {
    /// When attempts of a type began and ended, by the run's clock, and how many ran at once.
    private final class Ledger: @unchecked Sendable {
        // Sendable: `lock` guards everything mutable.
        private let lock = Lock()
        private var running: [String: Int] = [:]
        private var most: [String: Int] = [:]
        private var starts: [String: [Int64]] = [:]

        func begin(_ type: String, at ms: Int64) {
            lock.withLock {
                starts[type, default: []].append(ms)
                for name in [type, "all"] {
                    running[name, default: 0] += 1
                    most[name] = max(most[name] ?? 0, running[name] ?? 0)
                }
            }
        }

        func end(_ type: String) {
            lock.withLock { for name in [type, "all"] { running[name, default: 0] -= 1 } }
        }

        func most(_ type: String) -> Int { lock.withLock { most[type] ?? 0 } }
        func starts(_ type: String) -> [Int64] { lock.withLock { starts[type] ?? [] } }
    }

    /// Types that hold their slot for `:ms` of the run's clock, as something outside would.
    private func script(_ ledger: Ledger, seed: UInt64) throws -> EffectScript {
        try EffectScript(seed: seed) { session in
            for type in ["t/any", "t/few", "t/rated"] {
                let name = session.instance.names.intern(type)
                session.engine.define(
                    EffectType(
                        name: name, timeout: .none,
                        handler: ClosureHandler(isVirtual: true) { request in
                            ledger.begin(type, at: request.clock.nowMs)
                            let ms = request.effect[.ms]?.intValue ?? 0
                            _ = request.clock.after(ms: ms) {
                                ledger.end(type)
                                let broken = request.effect[.value]?.intValue == Int64(request.attempt)
                                if broken {
                                    request.fail(EffectError(code: "broken", "it broke", retryable: true))
                                } else {
                                    request.succeed(.nil)
                                }
                            }
                        }))
            }
        }
    }

    @Test(arguments: [1, 2, 3] as [UInt64]) func neverMoreAtOnceThanAllowed(_ seed: UInt64) throws {  // P19
        let ledger = Ledger()
        let script = try script(ledger, seed: seed)
        // Handed over in batches by several fibers at once, urgent and not, with attempts that fail.
        let program = """
            (configure {:effects {:max-inflight 7 :limits {:t/few 3}}})
            (defn work [n]
              (effect (if (zero? (mod n 3)) :t/few :t/any) {:ms (mod (* n 7) 23) :value (if (zero? (mod n 5)) 1 0)}
                      {:mode :parallel :priority (mod n 101) :retry {:max 2 :backoff {:base-ms (mod n 9)}}}))
            (let [parts (mapv (fn [part] (future (perform-all (mapv work part)))) (partition-all 50 (range 1000)))]
              (count (filter nil? (mapcat deref parts))))
            """
        #expect(script.printed(program) == "1000")
        #expect(ledger.most("all") == 7 && ledger.most("t/few") == 3)
        #expect(ledger.starts("t/any").count + ledger.starts("t/few").count == 1200)
    }

    @Test(arguments: [(5, 100, 0), (5, 100, 250), (1, 10, 0), (64, 1000, 3)] as [(Int, Int64, Int64)])
    func neverMoreStartsInAnyWindow(_ max: Int, _ perMs: Int64, _ ms: Int64) throws {  // P19: :rate
        let ledger = Ledger()
        let script = try script(ledger, seed: 1)
        // Those of another type are not held up.
        let program = """
            (configure {:effects {:max-inflight 1000 :timeout-ms nil :rate {:t/rated {:max \(max) :per-ms \(perMs)}}}})
            (let [others (future (perform-all (repeatedly 100 (fn [] (effect :t/any {} {:mode :parallel})))) (now))]
              (dotimes [n 10]
                (submit! (repeatedly 50 (fn [] (effect :t/rated {:ms \(ms)} {:mode :parallel}))))
                (time/sleep 7))
              (perform-all (repeatedly 500 (fn [] (effect :t/rated {:ms \(ms)} {:mode :parallel}))))
              @others)
            """
        #expect(script.printed(program) == "0")
        let starts = ledger.starts("t/rated")
        #expect(starts.count == 1000)
        for first in starts.indices.dropLast(max) where starts[first + max] - starts[first] < perMs {
            Issue.record("\(max + 1) starts from \(starts[first]) to \(starts[first + max])")
        }
        // And none later than the rate demands: the last window begins so many windows after the first.
        #expect(starts.last == Int64((1000 - 1) / max) * perMs)
    }

    // Attempts count, not effects: what is tried again was asked for again.
    @Test func eachAttemptCountsForTheRate() throws {
        let ledger = Ledger()
        let script = try script(ledger, seed: 1)
        let program = """
            (configure {:effects {:rate {:t/rated {:max 1 :per-ms 1000}}}})
            (perform-all (repeatedly 3 (fn [] (effect :t/rated {:value 1} {:mode :parallel :retry {:max 1 :backoff {:base-ms 1}}}))))
            """
        #expect(script.printed(program) == "[nil nil nil]")
        #expect(ledger.starts("t/rated") == [0, 1000, 2000, 3000, 4000, 5000])
    }

    // What is outside keeps the clock from jumping while it is under way, and not while it waits for its turn.
    @Test func whatIsOutsideMayWaitForTheRateAndForOthers() throws {
        let script = try EffectScript(seed: 1)
        let program = """
            (configure {:effects {:rate {:fs/write {:max 1 :per-ms 60000}}}})
            (perform-all [(effect :time/sleep {:ms 5000}) (effect :fs/write {:path "a" :content "a"})
                          (effect :fs/write {:path "b" :content "b"})])
            (now)
            """
        #expect(script.printed(program) == "65000")
    }
}
