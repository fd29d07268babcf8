import Adapters
import Engine
import Reader
import Runtime
import Sluice
import Synchronization
import TestSupport
import Testing
import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Sources of events as scripts see them (P25), under virtual time where time is involved.
@Suite struct SourceTests {
    private struct Outcome {
        var lines: [String] = []
        var faults: [String] = []
    }

    /// What a script printed by the time nothing could happen any more, and what went wrong.
    ///
    /// - Parameter input: what `:stdin/line` reads; nil where the script has no input.
    private func run(
        _ text: String, seed: UInt64? = 1, once: Bool = false, input: [UInt8]? = nil, folder: String? = nil,
        grants: [String] = [], showsErrors: Bool = false
    ) throws -> Outcome {
        let output = Mutex<[UInt8]>([])
        let faults = Mutex<[String]>([])
        var capabilities = Capabilities(workingDirectory: folder ?? "/")
        if let folder { try capabilities.allow(flag: "read=\(folder)") }
        for grant in grants { try capabilities.allow(flag: grant) }
        var options = SessionOptions(grants: capabilities)
        options.seed = seed
        options.isOnce = once
        options.output = { bytes in output.withLock { $0 += bytes } }
        if showsErrors { options.errorOutput = { bytes in output.withLock { $0 += bytes } } }
        options.uncaught = { fault, _ in faults.withLock { $0.append(Report.diagnostic(fault).title) } }
        let pipe = try input.map { try Filled($0) }
        options.input = pipe.map { LineReader(descriptor: $0.descriptor) }
        let session = Session(options)
        defer { session.shutDown() }
        if case .failure(let fault) = session.evaluate(text) {
            faults.withLock { $0.append(Report.diagnostic(fault).title) }
        } else if session.hasGraph {
            try Run(session, once: once).run()
        } else {
            session.runtime.runUntilIdle()
        }
        return Outcome(
            lines: output.withLock { String(decoding: $0, as: UTF8.self) }.split(separator: "\n").map(String.init),
            faults: faults.withLock { $0 })
    }

    /// A pipe that a thread fills and then closes.
    private final class Filled: Sendable {
        let descriptor: Int32

        init(_ bytes: [UInt8]) throws {
            var ends: [Int32] = [-1, -1]
            pipe(&ends)
            descriptor = ends[0]
            let writer = ends[1]
            let began = startThread {
                var rest = bytes[...]
                while !rest.isEmpty {
                    let count = rest.withUnsafeBytes { write(writer, $0.baseAddress, $0.count) }
                    if count <= 0 { break }
                    rest = rest.dropFirst(count)
                }
                close(writer)
            }
            try #require(began)
        }

        deinit { close(descriptor) }
    }

    // MARK: Ticks

    // P25: the first at once, then at a fixed rate, whatever the reader does meanwhile.
    @Test func ticksComeAtAFixedRate() throws {
        let script = """
            (let [ticks (event/ticks {:interval-ms 100})]
              (dotimes [i 3]
                (println (clojure.core.async/<!! ticks))
                (Thread/sleep 30))
              (Thread/sleep 450)
              (dotimes [i 2] (println (clojure.core.async/<!! ticks)))
              (event/stop! ticks)
              (println (clojure.core.async/<!! ticks) (System/currentTimeMillis)))
            """
        // Read at 0, 100 and 200, then from 680 on: those of 300 to 500 are missed, that of 600 lies there, and 700 is next.
        #expect(
            try run(script).lines == [
                "{:n 0, :ts 0}", "{:n 1, :ts 100}", "{:n 2, :ts 200}", "{:n 6, :ts 600}", "{:n 7, :ts 700}", "nil 700",
            ])
    }

    // P25: each fifth minute, on the clock of the run.
    @Test func ticksFollowACronExpression() throws {
        let script = """
            (let [ticks (event/ticks {:cron "*/5 * * * *"})]
              (Thread/sleep 1000)
              (dotimes [i 3] (println (clojure.core.async/<!! ticks)))
              (event/stop! ticks))
            """
        #expect(try run(script).lines == ["{:n 0, :ts 300000}", "{:n 1, :ts 600000}", "{:n 2, :ts 900000}"])
    }

    @Test(arguments: [
        ("{}", "event/ticks takes either :interval-ms or :cron, but found neither"),
        (#"{:interval-ms 5 :cron "@hourly"}"#, "event/ticks takes either :interval-ms or :cron, but found both"),
        (
            "{:interval-ms 0}",
            "the :interval-ms of event/ticks must be a whole number of milliseconds from 1 to 315360000000, but is the number 0"
        ),
        (
            #"{:cron "* * *"}"#,
            #"the :cron of event/ticks must be a cron expression such as "*/5 * * * *" (minute, hour, day of the month, month, day of the week), but is the string "* * *""#
        ),
        ("{:interval 5}", "event/ticks takes :interval-ms or :cron, but found the keyword :interval"),
        ("5", "ticks expected a map with :interval-ms or :cron, but found the number 5"),
    ]) func badTicksAreRefused(_ options: String, _ message: String) throws {
        #expect(try run("(event/ticks \(options))").faults == [message])
    }

    /// A run ends with its sources: at once when one is stopped, and with the next tick when its channel is closed.
    @Test func aTickerThatEndedKeepsNoRun() throws {
        let script = { (end: String) in
            """
            (def ticks (event/ticks {:interval-ms 1000}))
            (clojure.core.async/<!! ticks)
            (\(end) ticks)
            """
        }
        func end(_ text: String) throws -> Int64 {
            var options = SessionOptions(grants: Capabilities(workingDirectory: "/"))
            options.seed = 1
            let session = Session(options)
            defer { session.shutDown() }
            _ = try session.evaluate(text).get()
            session.runtime.runUntilIdle()
            return session.runtime.scheduler.now() / 1_000_000
        }
        #expect(try end(script("event/stop!")) == 0)
        #expect(try end(script("clojure.core.async/close!")) <= 1000)
        // A schedule that comes once a year is looked at each minute.
        let yearly = #"(clojure.core.async/close! (event/ticks {:cron "0 0 1 7 *"}))"#
        #expect(try end(yearly) <= 60_000)
    }

    @Test func withOnceThereIsOneTick() throws {
        for options in ["{:interval-ms 100}", #"{:cron "@yearly"}"#] {
            let script = """
                (clojure.core.async/go-loop [n 0]
                  (if-let [tick (clojure.core.async/<! ticks)] (recur (inc n)) (println n "ticks")))
                """
            #expect(try run("(def ticks (event/ticks \(options))) \(script)", once: true).lines == ["1 ticks"])
        }
    }

    // MARK: Lines

    // P25: every line once, in order, then the end.
    @Test(arguments: [nil, 1] as [UInt64?]) func linesComeOnAChannel(_ seed: UInt64?) throws {
        let script = """
            (let [lines (event/lines)]
              (loop []
                (let [line (clojure.core.async/<!! lines)]
                  (prn line)
                  (when line (recur)))))
            """
        let outcome = try run(script, seed: seed, input: Array("a\r\n\nlast".utf8))
        #expect(outcome.lines == [#""a""#, #""""#, #""last""#, "nil"])
        #expect(outcome.faults == [])
    }

    /// What is no text ends the channel, and is told.
    @Test func aLineThatIsNoTextIsTold() throws {
        let script = """
            (clojure.core.async/go-loop []
              (let [line (clojure.core.async/<! lines)] (prn line) (when line (recur))))
            """
        let outcome = try run("(def lines (event/lines)) \(script)", input: Array("a\n".utf8) + [0xff, 10])
        #expect(outcome.lines == [#""a""#, "nil"])
        #expect(outcome.faults == ["line 2 of standard input is not text in UTF-8 (byte 0)"])
    }

    @Test func aScriptWithoutInputIsTold() throws {
        let outcome = try run("(clojure.core.async/<!! (event/lines))")
        #expect(outcome.faults == ["standard input is not the script's here"])
    }

    /// A stopped source leaves nothing that waits, though nothing more ever comes.
    @Test func linesThatAreStoppedHoldNoRun() throws {
        var ends: [Int32] = [-1, -1]
        pipe(&ends)
        defer { for end in ends { close(end) } }
        var options = SessionOptions(grants: Capabilities(workingDirectory: "/"))
        options.input = LineReader(descriptor: ends[0])
        let session = Session(options)
        defer { session.shutDown() }
        let script = """
            (let [lines (event/lines)]
              (Thread/sleep 20)
              (event/stop! lines)
              (clojure.core.async/<!! lines))
            """
        #expect(try session.evaluate(script).get().isNil)
        #expect(session.runtime.runUntilIdle() == .idle)
    }

    // MARK: As events of the world

    // P27: what the world does, may do and watches; a graph without systems says nothing.
    @Test func theStartLineSaysWhatIsWatched() throws {
        let folder = Folder()
        let script = """
            (configure {:tick-ms 20 :effects {:max-inflight 3 :timeout-ms nil :limits {:llm/chat 2 :fs/read 1}}})
            (def notes (event/watch "notes/**/*.md"))
            (def ticks (event/ticks {:interval-ms 1000}))
            (defsystem :end [world dt] (event/stop! notes) (event/stop! ticks) world)
            """
        #expect(
            try run(script, folder: folder.path, showsErrors: true).lines == [
                "[INFO] the world ticks every 20 ms, at most 3 effects at once, 1 of :fs/read, 2 of :llm/chat, each for as long as it takes, watching notes/**/*.md"
            ])
        let worker = "(defchannel :in) (defworker :w {:in :in} [ctx m] m)"
        #expect(try run(worker, showsErrors: true).lines == [])
    }

    // P25, P13: lines and ticks are events of the world's next tick, none is lost and the order is kept.
    @Test func sourcesAreEventsOfTheWorld() throws {
        let script = """
            (configure {:tick-ms 100})
            (event/publish-from! :early (clojure.core.async/to-chan! [0]))
            (defsystem :gather [world dt]
              (let [lines (keep (fn [e] (when (= :line (:event/type e)) (:event/payload e))) (:events/in world))]
                (when (seq lines) (println lines))
                world))
            (event/publish-from! :line (event/lines))
            (event/publish! :line "by hand")
            """
        let outcome = try run(script, input: Array("a\nb\nc\n".utf8))
        let all = outcome.lines.flatMap { $0.dropFirst().dropLast().split(separator: " ") }.filter { $0.count == 1 }
        #expect(all == ["a", "b", "c"])
        #expect(outcome.lines.joined().contains("by hand"))
    }

    /// What comes before the first system is declared is the world's as well, as long as there is room; what is lost is told.
    @Test func theWorldHearsWhatCameBeforeItsSystems() throws {
        let script = { (events: String) in
            """
            (configure {:tick-ms 10})
            \(events)
            (defsystem :count [world dt]
              (let [n (count (:events/in world))] (when (pos? n) (println n)))
              world)
            """
        }
        func numbers(_ lines: [String]) -> [Int] { lines.compactMap { Int($0) } }
        let few = "(dotimes [n 1000] (event/publish! :n n))"
        #expect(numbers(try run(script(few)).lines) == [1000])
        let many = try run(script("(dotimes [n 1003] (event/publish! :n n))"), showsErrors: true).lines
        #expect(numbers(many) == [1000])
        #expect(many.contains("[WARN] the world missed 3 events that came before its first system"))
        let source = "(event/publish-from! :n (clojure.core.async/to-chan! (range 3000))) (Thread/sleep 500)"
        #expect(numbers(try run(script(source)).lines).reduce(0, +) == 3000)
    }

    /// A long input waits where it is: the world gets all of it, and never much more than a thousand events at a tick.
    @Test func aLongInputWaitsForTheWorld() throws {
        let script = """
            (configure {:tick-ms 10})
            (defsystem :count [world dt]
              (let [n (count (:events/in world))]
                (when (pos? n) (println n (sluice.runtime/world-backlog)))
                world))
            (event/publish-from! :n (clojure.core.async/to-chan! (range 5000)))
            """
        let counts = try run(script).lines.map { $0.split(separator: " ").compactMap { Int($0) }[0] }
        #expect(counts.reduce(0, +) == 5000)
        #expect((counts.max() ?? 0) <= 1000)
    }

    /// Without a world nothing waits for it, and subscribers get everything that they have room for.
    @Test func withoutAWorldNothingWaits() throws {
        let script = """
            (let [seen (event/subscribe :n (clojure.core.async/chan 5000))
                  n    (clojure.core.async/<!! (event/publish-from! :n (clojure.core.async/to-chan! (range 5000))))]
              (clojure.core.async/close! seen)
              (println n (reduce + (map :event/payload (clojure.core.async/<!! (clojure.core.async/into [] seen))))
                       (sluice.runtime/world-backlog)))
            """
        #expect(try run(script).lines == ["5000 12497500 0"])
    }

    // MARK: Files

    /// A folder that is gone with the object.
    private final class Folder: Sendable {
        let path: String

        init() {
            var template = Array("/tmp/sluice-source-XXXXXX".utf8CString)
            path = template.withUnsafeMutableBufferPointer { String(cString: mkdtemp($0.baseAddress!)) }
        }

        deinit { _ = try? FileSystem().delete(path, recursive: true, cancel: CancelFlag()) }

        func write(_ name: String, _ text: String) throws {
            try FileSystem().write("\(path)/\(name)", Array(text.utf8), parents: true, cancel: CancelFlag())
        }
    }

    // P25: with --once a watch ends when what was there has been told and handled.
    @Test(arguments: [nil, 1] as [UInt64?]) func aWatchTellsWhatIsThere(_ seed: UInt64?) throws {
        let folder = Folder()
        for name in 0..<40 { try folder.write("notes/\(name + 10).md", "x") }
        try folder.write("notes/other.txt", "x")
        let script = """
            (defsystem :count [world dt]
              (let [changes (map :event/payload (:events/in world))
                    world   (update world :seen (fnil into []) (map (juxt :kind :path :initial? :size) changes))]
                (when (= 40 (count (:seen world))) (prn (first (:seen world)) (peek (:seen world))))
                (if (seq changes) world (dissoc world :none))))
            (event/publish-from! :note (event/watch "notes/**/*.md"))
            """
        let outcome = try run(script, seed: seed, once: true, folder: folder.path)
        #expect(
            outcome.lines.first
                == #"[:created "notes/10.md" true 1] [:created "notes/49.md" true 1]"#)
        #expect(outcome.faults == [])
    }

    /// Changes wait for who takes them; a watch that is stopped has told its last. So many files that the first look takes longer
    /// than the script needs to its first change, which is told all the same: the call returns once the watch stands.
    @Test func aWatchTellsChangesUntilItIsStopped() throws {
        let folder = Folder()
        for name in 0..<1000 { try folder.write("\(name + 10).md", "x") }
        let script = """
            (let [changes (event/watch "*.md" {:settle-ms 10 :interval-ms 20 :existing? false})
                  next    (fn [] (select-keys (clojure.core.async/<!! changes) [:kind :path]))]
              (fs/write "new.md" "1")
              (prn (next))
              (fs/write "new.md" "22")
              (prn (next))
              (fs/delete "new.md")
              (prn (next))
              (event/stop! changes)
              (prn (clojure.core.async/<!! changes)))
            """
        let outcome = try run(script, seed: nil, folder: folder.path, grants: ["write=\(folder.path)"])
        #expect(
            outcome.lines == [
                #"{:kind :created, :path "new.md"}"#, #"{:kind :changed, :path "new.md"}"#,
                #"{:kind :deleted, :path "new.md"}"#, "nil",
            ], "\(outcome.faults)")
    }

    /// One that nobody takes from ends all the same, though it has more to tell than there is room for.
    @Test func aWatchThatNobodyReadsCanBeStopped() throws {
        let folder = Folder()
        for name in 0..<40 { try folder.write("\(name).md", "x") }
        let script = """
            (let [changes (event/watch "*.md")]
              (clojure.core.async/<!! changes)
              (event/stop! changes))
            """
        #expect(try run(script, seed: nil, folder: folder.path).faults == [])
    }

    @Test(arguments: [
        (#""/etc/*.conf""#, #"reading "/etc" is not allowed"#),
        (
            #""*.md" {:settle 1}"#,
            "event/watch takes the options :settle-ms, :interval-ms and :existing?, but found the keyword :settle"
        ),
        (
            #""*.md" {:interval-ms 1}"#,
            "the parameter :interval-ms must be a whole number from 10 to 3600000, but it is the number 1"
        ),
        ("5", "the parameter :pattern must be a string, but it is the number 5"),
    ]) func badWatchesAreRefused(_ arguments: String, _ message: String) throws {
        let folder = Folder()
        let fault = try run("(event/watch \(arguments))", folder: folder.path).faults.first
        #expect(fault?.contains(message) == true, "\(fault ?? "")")
    }
}
