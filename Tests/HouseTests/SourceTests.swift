import Foundation
import TestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Sources of events (P25) through the front door: input that is piped in, files that are written, requests that are posted, and
/// Ctrl-C while they wait.
@Suite struct SourceTests {
    /// A script while it runs, with a pipe for each of its streams.
    private final class Running {
        let process = Process()
        let input = Pipe()
        private let output = Pipe()
        private let errors = Pipe()
        private var said: [FileHandle: Data] = [:]

        init(_ script: String, _ scratch: Scratch, flags: [String] = []) throws {
            try scratch.write("script.slu", script)
            process.executableURL = try Repository.program
            process.arguments = ["run"] + flags + ["script.slu"]
            process.currentDirectoryURL = scratch.folder
            process.environment = Repository.offlineEnvironment
            process.standardInput = input
            process.standardOutput = output
            process.standardError = errors
            try process.run()
        }

        func write(_ text: String) { input.fileHandleForWriting.write(Data(text.utf8)) }

        /// Reads standard output, or the errors, until it has a text: what was read.
        func wait(for text: String, inErrors: Bool = false) -> String {
            let handle = (inErrors ? errors : output).fileHandleForReading
            while !said(handle).contains(text) {
                let more = handle.availableData
                if more.isEmpty { break }
                said[handle, default: Data()] += more
            }
            return said(handle)
        }

        private func said(_ handle: FileHandle) -> String { String(decoding: said[handle] ?? Data(), as: UTF8.self) }

        /// Waits for its end: its exit code, and all that it printed.
        func end() -> (code: Int32, output: String, errors: String) {
            for pipe in [output, errors] {
                said[pipe.fileHandleForReading, default: Data()] += pipe.fileHandleForReading.readDataToEndOfFile()
            }
            process.waitUntilExit()
            return (process.terminationStatus, said(output.fileHandleForReading), said(errors.fileHandleForReading))
        }
    }

    private static let echo = """
        (let [lines (event/lines)]
          (println "ready")
          (loop [n 0]
            (if-let [line (clojure.core.async/<!! lines)]
              (do (prn line) (recur (inc n)))
              (println n "lines"))))

        """

    // P25
    @Test func linesArePipedIn() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let running = try Running(Self.echo, scratch)
        running.write("one\r\n")
        #expect(running.wait(for: #""one""#).hasSuffix("\"one\"\n"))
        running.write("tw")
        running.write("o\n\nlast")
        try running.input.fileHandleForWriting.close()
        let (code, output, errors) = running.end()
        #expect(code == 0 && errors.isEmpty, "\(errors)")
        #expect(output == "ready\n\"one\"\n\"two\"\n\"\"\n\"last\"\n4 lines\n")
    }

    /// A process that was given no standard input at all has an empty one.
    @Test func aClosedInputIsEmpty() throws {
        let expression = "[(sluice.stdin/line) (sluice.stdin/line)]"
        let result = try Repository.run(
            URL(filePath: "/bin/sh"),
            ["-c", #"exec "$0" eval "$1" <&-"#, try Repository.program.path, expression],
            environment: Repository.offlineEnvironment)
        #expect(result.code == 0 && result.output == "[nil nil]\n", "\(result.error)")
    }

    /// Ctrl-C while it waits for a line, where a script runs and where a graph does, ends it at once.
    @Test(arguments: [
        "", "(defsystem :idle [world dt] world)\n(event/publish-from! :line (event/lines))\n(println :ready)",
    ])
    func aRunThatReadsIsInterrupted(_ graph: String) throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let running = try Running(graph.isEmpty ? Self.echo : graph, scratch)
        #expect(running.wait(for: "ready").contains("ready"))
        if !graph.isEmpty { _ = running.wait(for: "the world ticks", inErrors: true) }
        let asked = ContinuousClock.now
        running.process.interrupt()
        #expect(running.end().code == 130)
        #expect(ContinuousClock.now - asked < .seconds(8), "before any deadline")
    }

    /// Of a large input nothing is lost, and it does not lie in memory: the world takes a thousand lines at a tick.
    @Test func aLargeInputReachesTheWorld() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try scratch.write(
            "script.slu",
            """
            (configure {:tick-ms 1})
            (defsystem :sum [world dt]
              (reduce (fn [world {:event/keys [type payload]}]
                        (case type
                          :line (update world :sum (fnil + 0) (parse-long payload))
                          :end  (do (println (:sum world) payload) world)
                          world))
                      world
                      (:events/in world)))
            (def all (event/publish-from! :line (event/lines)))
            (event/publish-from! :end all)
            """)
        let input = (1...5_000).map { "\($0)\n" }.joined()
        let result = try Repository.run(
            try Repository.program, ["run", "script.slu"], environment: Repository.offlineEnvironment,
            folder: scratch.folder, input: input)
        #expect(result.code == 0, "\(result.error)")
        // 1 + … + 5,000
        #expect(result.output == "12502500 5000\n")
    }

    // P25, P27
    @Test func filesAreWatched() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try scratch.write("notes/old.md", "1")
        let script = """
            (defsystem :tell [world dt]
              (doseq [event (:events/in world)]
                (println ((juxt :kind :path :initial?) (:event/payload event))))
              world)
            (event/publish-from! :note (event/watch "notes/**/*.md" {:settle-ms 10}))
            """
        let running = try Running(script, scratch)
        #expect(running.wait(for: "old.md true]").hasPrefix("[:created notes/old.md true]\n"))
        try scratch.write("notes/deep/new.md", "2")
        #expect(running.wait(for: "new.md").contains("[:created notes/deep/new.md false]\n"))
        running.process.interrupt()
        let (code, _, errors) = running.end()
        #expect(code == 130)
        #expect(
            errors
                == "[INFO] the world ticks every 100 ms, at most 4 effects at once, each for 60000 ms at most, watching notes/**/*.md\n"
        )
        // With --once it ends by itself.
        let once = try Running(script, scratch, flags: ["--once"]).end()
        #expect(once.code == 0, "\(once.errors)")
        #expect(once.output == "[:created notes/deep/new.md true]\n[:created notes/old.md true]\n")
    }

    // P25: what is posted is an event, whose id is the answer.
    @Test func postsAreEvents() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let script = """
            (defsystem :tell [world dt]
              (doseq [{:event/keys [id type source payload]} (:events/in world)]
                (println (str id) type source payload))
              world)
            """
        let running = try Running(script, scratch, flags: ["--http", "0"])
        let line = running.wait(for: "/events", inErrors: true)
        let port = try #require(
            line.firstMatch(of: /serving http:\/\/127\.0\.0\.1:([0-9]+)\/events/).flatMap { UInt16($0.1) })
        let (json, edn) = (("Content-Type", "application/json"), ("Content-Type", "application/edn"))
        func post(_ path: String, _ body: String, _ headers: [(String, String)]) -> PlainHTTP.Answer? {
            PlainHTTP.send(port, "POST", path, headers, body: Array(body.utf8))
        }
        let order = try #require(post("/events/shop/order", #"{"item":"lamp"}"#, [json]))
        #expect(order.status == 202)
        let id = try #require(order.body.firstMatch(of: /^\{"id":"([0-9a-f-]{36})"\}\n$/)?.1)
        #expect(running.wait(for: "lamp").hasSuffix("\(id) :shop/order {:kind :http} {:item lamp}\n"))
        let next = try #require(post("/events/shop%2Fpaid%3F", "[1 :two]", [edn]))
        #expect(next.status == 202 && next.body.hasPrefix("{:id \""))
        #expect(running.wait(for: ":two").hasSuffix(" :shop/paid? {:kind :http} [1 :two]\n"))
        // What goes wrong.
        for type in [
            "", "a%20b", "a/", "/a", ":a", "a;b", "a,", "%22a%22", "a%23%5Fb%20c", String(repeating: "a", count: 300),
        ] {
            #expect(post("/events/\(type)", "1", [json])?.status == 400, "\(type)")
        }
        #expect(post("/events", "1", [json])?.status == 404)
        // What only the end of an effect is.
        for type in ["effect/run.result", "fs%2Fread.error", "shop/made.up.result"] {
            let refused = post("/events/\(type)", #"{"effect-id":"a","result":1}"#, [json])
            #expect(refused?.status == 403, "\(type)")
        }
        let command = post("/commands/nope", "1", [json])
        #expect(command?.status == 404)
        #expect(
            command?.body.contains("no worker is exposed, so there are no commands; give one :expose? true") == true)
        #expect(post("/events/a", "", [json])?.status == 400)
        #expect(post("/events/a", "{", [json])?.status == 400)
        #expect(post("/events/a", "a=1", [("Content-Type", "text/plain")])?.status == 415)
        #expect(post("/events/a", "1", [json, ("Host", "evil.example")])?.status == 403)
        #expect(post("/events/a", "1", [json, ("Origin", "http://evil.example")])?.status == 403)
        let got = PlainHTTP.send(port, "GET", "/events/a")
        #expect(got?.status == 405 && got?.headers["allow"] == "POST")
        running.process.interrupt()
        let (code, output, _) = running.end()
        #expect(code == 130)
        #expect(output.split(separator: "\n").count == 2)
    }

    /// What the world could only keep in memory is refused, rather than lost.
    @Test func aPostThatFindsTheWorldFarBehindIsRefused() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let script = """
            (configure {:tick-ms 60000})
            (defsystem :busy [world dt]
              (dotimes [n 1000] (event/publish! :more n))
              (println "behind")
              world)
            """
        let running = try Running(script, scratch, flags: ["--http", "0"])
        let line = running.wait(for: "/events", inErrors: true)
        let port = try #require(line.firstMatch(of: /127\.0\.0\.1:([0-9]+)\/events/).flatMap { UInt16($0.1) })
        #expect(running.wait(for: "behind") == "behind\n")
        let answer = PlainHTTP.send(
            port, "POST", "/events/a", [("Content-Type", "application/json")], body: Array("1".utf8))
        #expect(answer?.status == 503)
        #expect(answer?.body.contains("1000 events wait for the world") == true)
        running.process.interrupt()
        #expect(running.end().code == 130)
    }

    /// What effects answer is made on threads that run no fiber, and counts all the same.
    @Test(arguments: [[], ["--virtual-time"]]) func whatEffectsAnswerIsWithinTheBudget(_ flags: [String]) throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try scratch.write("large.txt", String(repeating: "a", count: 4 << 20))
        let script = "(def kept (mapv (fn [n] (println n) (slurp \"large.txt\")) (range 20)))"
        let (code, output, errors) = try Running(script, scratch, flags: flags + ["--max-memory", "40M"]).end()
        #expect(code == 3 && errors.contains("the memory budget ran out"), "\(errors)")
        // Ten times four megabytes are all.
        #expect(output.split(separator: "\n").count <= 11)
    }

    /// What requests bring counts, also the names of keys, which stay: a client that sends new ones without end ends the run, as
    /// a worker does that uses up its memory.
    @Test(arguments: [true, false]) func requestsAreWithinTheBudget(isWellFormed: Bool) throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let script = "(defchannel :in {:buffer 8}) (defworker :echo {:in :in :expose? true} [_ m] (count m))"
        let running = try Running(script, scratch, flags: ["--http", "0", "--max-memory", "40M"])
        let line = running.wait(for: "/commands", inErrors: true)
        let port = try #require(line.firstMatch(of: /127\.0\.0\.1:([0-9]+)\/commands/).flatMap { UInt16($0.1) })
        var last: PlainHTTP.Answer?
        // 40 MB are 400,000 names of a hundred bytes.
        for round in 0..<60 where last?.status != 503 {
            let keys = (0..<20_000).map { "\"key-\(round)-\($0)\":1" }.joined(separator: ",")
            let answer = PlainHTTP.send(
                port, "POST", "/commands/echo", [("Content-Type", "application/json")],
                body: Array("{\(keys)\(isWellFormed ? "}" : "")".utf8))
            guard let answer else { break }
            last = answer
        }
        if isWellFormed { #expect(last?.status == 503, "\(String(describing: last))") }
        let (code, _, errors) = running.end()
        #expect(code == 3)
        #expect(errors.contains("the memory budget ran out"), "\(errors)")
    }
}
