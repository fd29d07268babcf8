import Foundation
import TestSupport
import Testing

/// The small examples, as built: each does what its README says.
@Suite struct ExampleTests {
    private func run(_ example: String, _ arguments: [String], _ scratch: Scratch, allow: [String] = []) throws
        -> Repository.Result
    {
        let script = Repository.root.appending(path: "examples/\(example)").path
        return try Repository.run(
            try Repository.program, ["run"] + allow.flatMap { ["--allow", $0] } + [script] + arguments,
            environment: Repository.offlineEnvironment, folder: scratch.folder)
    }

    /// A pixmap with a comment in its header, of what `pixel` gives for each column and row.
    private static func pixmap(
        _ width: Int, _ height: Int, comment: String = "", _ pixel: (Int, Int) -> [UInt8]
    ) -> [UInt8] {
        var bytes = Array("P6\n\(comment)\(width) \(height)\n255\n".utf8)
        for y in 0..<height { for x in 0..<width { bytes += pixel(x, y) } }
        return bytes
    }

    @Test func thePipelineDownloadsScalesAndStores() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let pictures: [String: [UInt8]] = [
            "/red.ppm": Self.pixmap(64, 48) { _, _ in [255, 0, 0] },
            "/ramp.ppm": Self.pixmap(32, 32, comment: "# a ramp\n") { x, y in [UInt8(x * 8), UInt8(y * 8), 100] },
            "/odd.ppm": Self.pixmap(25, 3) { x, _ in [UInt8(x), UInt8(x * 2), UInt8(x * 3)] },
            "/small.ppm": Self.pixmap(4, 2) { x, y in [UInt8(x), UInt8(y), 7] },
            "/broken.ppm": Array("P6 2 2 255 x".utf8),
        ]
        let server = LoopbackServer { request, connection in
            if let picture = pictures[request.path] {
                connection.answer(200, picture)
            } else {
                connection.respond(404)
            }
        }
        let names = ["red", "ramp", "odd", "small", "broken", "missing"]
        let result = try run(
            "image-pipeline/pipeline.slu", ["small"] + names.map { "\(server.url)/\($0).ppm" }, scratch,
            allow: ["net=127.0.0.1:\(server.port)"])
        #expect(result.code == 1, "\(result.error)")
        let lines = result.output.split(separator: "\n").map(String.init)
        try #require(lines.count == 6)
        #expect(lines[0] == "failed \(server.url)/broken.ppm: the picture is not as large as it says")
        #expect(lines[1].hasPrefix("failed \(server.url)/missing.ppm: ") && lines[1].contains("404"))
        #expect(
            lines[2...] == [
                "stored small/odd.ppm, 16 by 1", "stored small/ramp.ppm, 16 by 16", "stored small/red.ppm, 16 by 12",
                "stored small/small.ppm, 4 by 2",
            ])
        func stored(_ name: String) throws -> [UInt8] {
            Array(try Data(contentsOf: scratch.folder.appending(path: "small/\(name).ppm")))
        }
        #expect(try stored("red") == Self.pixmap(16, 12) { _, _ in [255, 0, 0] })
        // Each pixel is the average of two by two: columns 2x and 2x + 1.
        #expect(try stored("ramp") == Self.pixmap(16, 16) { x, y in [UInt8(x * 16 + 4), UInt8(y * 16 + 4), 100] })
        // 25 columns in 16 parts: part x goes from ⌊25x/16⌋ up to ⌊25(x + 1)/16⌋.
        let odd = Self.pixmap(16, 1) { x, _ in
            let columns = Array(x * 25 / 16..<(x + 1) * 25 / 16)
            return [1, 2, 3].map { colour in UInt8(columns.reduce(0) { $0 + $1 * colour } / columns.count) }
        }
        #expect(try stored("odd") == odd)
        #expect(try stored("small") == pictures["/small.ppm"])
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: scratch.folder.appending(path: "small").path).count == 4
        )
    }

    @Test func thePipelineMayNotConnectUngranted() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let server = LoopbackServer { _, connection in connection.respond(200) }
        let result = try run("image-pipeline/pipeline.slu", ["small", "\(server.url)/a.ppm"], scratch)
        #expect(result.code == 1)
        #expect(result.output.contains("--allow net=127.0.0.1"))
        #expect(server.requests.isEmpty)
    }

    /// Scripts whose output stands beside them: `expected.txt`, or a text of the script's name where there are several.
    private static let printing: [(script: String, expected: String)] =
        [("fan-out/fan_out.slu", "fan-out/expected.txt"), ("checkout/checkout.slu", "checkout/expected.txt")]
        + scripts(of: "effects").map { ("effects/\($0).slu", "effects/\($0).txt") }

    /// The names of the scripts in the folder of an example.
    private static func scripts(of example: String) -> [String] {
        let folder = Repository.root.appending(path: "examples/\(example)").path
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return files.filter { $0.hasSuffix(".slu") }.map { String($0.dropLast(4)) }.sorted()
    }

    @Test(arguments: printing.indices) func itPrintsWhatStandsBesideIt(_ index: Int) throws {
        let (script, expected) = Self.printing[index]
        let scratch = try Scratch()
        defer { scratch.remove() }
        let result = try run(script, [], scratch)
        #expect(result.code == 0 && result.error.isEmpty, "\(script): \(result.error)")
        let text = try String(contentsOf: Repository.root.appending(path: "examples/\(expected)"), encoding: .utf8)
        #expect(result.output == text, "\(script)")
    }

    // P25: the server is a program that the example brings along.
    @Test func theToolsConvert() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let server = Repository.root.appending(path: "examples/tools/units.py").path
        let result = try run("tools/tools.slu", [server], scratch, allow: ["mcp=python3"])
        #expect(result.code == 0 && result.error.isEmpty, "\(result.error)")
        #expect(try result.output == Repository.text("examples/tools/expected.txt"))
        let refused = try run("tools/tools.slu", [server], scratch)
        #expect(refused.code == 1 && refused.error.contains("--allow mcp=python3"), "\(refused.error)")
    }

    // P3–P13, P27, P28: a world that is driven by a source and ends with it; under a seed its time is the same each time.
    @Test func theWorldOpensItsWindows() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let script = Repository.root.appending(path: "examples/world/greenhouse.slu").path
        for seed in ["1", "2"] {
            let result = try Repository.run(
                try Repository.program, ["run", "--seed", seed, "--virtual-time", script],
                environment: Repository.offlineEnvironment, folder: scratch.folder)
            #expect(result.code == 0)
            #expect(
                result.error
                    == "[INFO] the world ticks every 100 ms, at most 4 effects at once, each for 60000 ms at most\n")
            #expect(try result.output == Repository.text("examples/world/expected.txt"))
        }
    }

    // L31–L41: in whatever order fibers take turns, the same happens.
    @Test func theExpeditionsGoOnByThemselves() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let script = Repository.root.appending(path: "examples/processes/expeditions.slu").path
        for seed in ["1", "2", "3"] {
            let result = try Repository.run(
                try Repository.program, ["run", "--seed", seed, "--virtual-time", script],
                environment: Repository.offlineEnvironment, folder: scratch.folder)
            #expect(result.code == 0 && result.error.isEmpty, "\(result.error)")
            #expect(try result.output == Repository.text("examples/processes/expected.txt"))
        }
    }

    // U: work that failed and that nobody asked about is told, and shows in the exit code; who has heard of it deals with it.
    @Test func aProcessThatFailsUnheardIsTold() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        func run(_ end: String) throws -> Repository.Result {
            try scratch.write(
                "fails.slu",
                """
                (ns fails)
                (defn work [] (time/sleep 5) (throw (ex-info "no luck" {})))
                (def id (:id (process/start `work)))
                \(end)
                """)
            return try Repository.run(
                try Repository.program, ["run", "--seed", "1", "--virtual-time", "fails.slu"],
                environment: Repository.offlineEnvironment, folder: scratch.folder)
        }
        let unheard = try run("")
        #expect(unheard.code == 1 && unheard.error.contains("no luck") && unheard.error.contains("fails.slu:2:"))
        let heard = try run("(try (process/await id) (catch Exception e (println (ex-message e))))")
        #expect(heard.code == 0 && heard.error.isEmpty && heard.output == "no luck\n", "\(heard.error)")
        let late = try run("(time/sleep 50) (try (process/await id) (catch Exception e (println (ex-message e))))")
        #expect(late.code == 0 && late.error.isEmpty && late.output == "no luck\n", "\(late.error)")
    }

    // A run goes on for as long as its processes can, and cancels what is left.
    @Test func aRunEndsWithItsProcesses() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try scratch.write(
            "goes_on.slu",
            """
            (ns goes-on)
            (defn work [] (time/sleep 5000) (println "done"))
            (defn waits [] (try (process/event (process/self) :never) (finally (println "left"))))
            (process/start `work)
            (process/start `waits)
            (println "started")
            """)
        let result = try Repository.run(
            try Repository.program, ["run", "--seed", "1", "--virtual-time", "goes_on.slu"],
            environment: Repository.offlineEnvironment, folder: scratch.folder)
        #expect(result.code == 0 && result.error.isEmpty, "\(result.error)")
        #expect(result.output == "started\ndone\nleft\n")
    }

    /// Every script there is run, and the page of the examples lists it.
    @Test func everyExampleOfEffectsIsListed() throws {
        let page = try String(
            contentsOf: Repository.root.appending(path: "examples/effects/README.md"), encoding: .utf8)
        let scripts = Self.scripts(of: "effects")
        #expect(scripts.count == 10)
        for script in scripts { #expect(page.contains("[\(script).slu](\(script).slu)")) }
    }

    /// A program that serves, until it is told to end.
    private final class Serving {
        let process = Process()
        let errors = Pipe()
        private(set) var port: UInt16 = 0
        private var told = Data()

        /// Starts it and waits for the line that says where it serves.
        init(_ arguments: [String], _ folder: URL) throws {
            process.executableURL = try Repository.program
            process.arguments = ["run", "--http", "0"] + arguments
            process.currentDirectoryURL = folder
            process.environment = Repository.offlineEnvironment
            process.standardError = errors
            process.standardOutput = FileHandle.nullDevice
            try process.run()
            let line = #/serving http:\/\/127\.0\.0\.1:([0-9]+)\/commands/#
            while port == 0 {
                let more = errors.fileHandleForReading.availableData
                if more.isEmpty { break }
                told += more
                port = (try? line.firstMatch(in: text)).flatMap { UInt16($0.1) } ?? 0
            }
        }

        var text: String { String(decoding: told, as: UTF8.self) }

        /// Interrupts it; its exit code and everything that it said.
        func end() -> (code: Int32, errors: String) {
            process.interrupt()
            told += errors.fileHandleForReading.readDataToEndOfFile()
            process.waitUntilExit()
            return (process.terminationStatus, text)
        }
    }

    @Test func quotesAnswerOverHTTP() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let script = Repository.root.appending(path: "examples/quotes/quotes.slu").path
        let serving = try Serving([script], scratch.folder)
        try #require(serving.port != 0, "\(serving.text)")
        let (json, edn) = (("Content-Type", "application/json"), ("Content-Type", "application/edn"))
        func post(_ worker: String, _ body: String, _ headers: [(String, String)]) -> PlainHTTP.Answer? {
            PlainHTTP.send(serving.port, "POST", "/commands/\(worker)", headers, body: Array(body.utf8))
        }
        func expect(
            _ answer: PlainHTTP.Answer?, _ status: Int, _ body: String? = nil, type: String = "application/json",
            sourceLocation: SourceLocation = #_sourceLocation
        ) {
            #expect(answer?.status == status, "\(String(describing: answer))", sourceLocation: sourceLocation)
            #expect(answer?.headers["content-type"] == type, sourceLocation: sourceLocation)
            if let body { #expect(answer?.body == body + "\n", sourceLocation: sourceLocation) }
        }
        expect(PlainHTTP.send(serving.port, "GET", "/commands"), 200, #"{"commands":["quote","order"]}"#)
        let parcel = #"{"service":"express","kilograms":3}"#
        expect(post("quote", parcel, [json]), 200, #"{"service":"express","kilograms":3,"price":27}"#)
        expect(
            post("quote", "{:service :basic :kilograms 1.5}", [edn]), 200,
            "{:service :basic, :kilograms 1.5, :price 3.0}", type: "application/edn")
        expect(
            post("quote", parcel, [json, ("Accept", "application/edn")]), 200,
            #"{:service "express", :kilograms 3, :price 27}"#, type: "application/edn")
        expect(post("order", #"{"customer":"Ada"}"#, [json, ("Prefer", "respond-async")]), 202, #"{"accepted":true}"#)
        expect(post("order", #"{"customer":"Bob"}"#, [json, ("Prefer", "wait=5")]), 200, #"{"orders":2}"#)
        // What goes wrong.
        expect(
            post("quote", #"{"service":"drone"}"#, [json]), 500,
            ##"{"error":{"code":"worker_error","message":"there is no service \"drone\"","data":{"services":["basic","standard","express"]}}}"##
        )
        expect(post("quote", #"{"service":"#, [json]), 400)
        expect(post("quote", "", [json]), 400)
        expect(post("quote", "1 2", [edn]), 400, type: "application/edn")
        expect(post("quote", "null", [json]), 400)
        expect(post("quote", "service=basic", [("Content-Type", "text/plain")]), 415)
        expect(
            post("none", parcel, [json]), 404,
            #"{"error":{"code":"not-found","message":"no exposed worker is called none; there are quote, order"}}"#)
        expect(PlainHTTP.send(serving.port, "GET", "/"), 404)
        let wrong = PlainHTTP.send(serving.port, "DELETE", "/commands/quote", [json])
        expect(wrong, 405)
        #expect(wrong?.headers["allow"] == "POST")
        // Another machine's name (DNS rebinding), and a page of a browser.
        expect(post("quote", parcel, [json, ("Host", "evil.example")]), 403)
        expect(post("quote", parcel, [json, ("Origin", "http://evil.example")]), 403)
        let (code, errors) = serving.end()
        #expect(code == 130, "\(errors)")
        #expect(
            errors.contains(
                """
                [INFO] order {:number 1, :customer "Ada"}
                [INFO] order {:number 2, :customer "Bob"}
                1 failure

                """), "\(errors)")
        let told = "quotes.slu:15:7: worker :quote failed: there is no service \"drone\" (whoever asked was told)\n"
        #expect(errors.hasSuffix(told), "\(errors)")
    }

    /// A request that is being worked on when the run is asked to stop gets its answer.
    @Test func aRequestInFlightIsAnsweredBeforeTheEnd() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try scratch.write(
            "slow.slu",
            """
            (require '[clojure.core.async :as a])
            (defchannel :in {:buffer 4})
            (defn slow [_ message] (log/info "begun") (a/<! (a/timeout 400)) {:was message})
            (defworker :slow {:in :in :worker-fn slow :expose? true})
            """)
        let serving = try Serving(["slow.slu"], scratch.folder)
        try #require(serving.port != 0, "\(serving.text)")
        let (port, answer) = (serving.port, Answered())
        let thread = Thread {
            answer.set(
                PlainHTTP.send(
                    port, "POST", "/commands/slow", [("Content-Type", "application/json")], body: Array("[1]".utf8)))
        }
        thread.start()
        let begun = try #require(String(data: serving.errors.fileHandleForReading.availableData, encoding: .utf8))
        #expect(begun == "[INFO] begun\n")
        let (code, _) = serving.end()
        #expect(code == 130)
        #expect(answer.wait()?.body == #"{"was":[1]}"# + "\n")
    }

    /// A number beyond doubles is infinite, as `clojure.data.json` reads it; an answer that JSON cannot hold is an error in JSON.
    @Test func anAnswerThatJSONCannotHoldIsAnErrorInJSON() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        try scratch.write(
            "echo.slu",
            """
            (defchannel :in {:buffer 4})
            (defworker :echo {:in :in :expose? true} [_ m] (if (:ask m) {:infinite (= ##Inf (:x m))} m))
            """)
        let serving = try Serving(["echo.slu"], scratch.folder)
        try #require(serving.port != 0, "\(serving.text)")
        func post(_ body: String) -> PlainHTTP.Answer? {
            PlainHTTP.send(
                serving.port, "POST", "/commands/echo", [("Content-Type", "application/json")], body: Array(body.utf8))
        }
        #expect(post(#"{"ask":true,"x":1e999}"#)?.body == #"{"infinite":true}"# + "\n")
        let refused = post(#"{"x":1e999}"#)
        #expect(refused?.status == 500)
        #expect(refused?.headers["content-type"] == "application/json")
        let error = try JSONDecoder().decode(
            [String: [String: String]].self, from: Data((refused?.body ?? "").utf8))["error"]
        #expect(error?["code"] == "unwritable")
        #expect(error?["message"]?.contains("JSON has neither NaN nor infinities") == true, "\(refused?.body ?? "")")
        _ = serving.end()
    }

    private final class Answered: @unchecked Sendable {
        // Sendable: written before the semaphore is signalled, read after.
        private var answer: PlainHTTP.Answer?
        private let semaphore = DispatchSemaphore(value: 0)
        func set(_ answer: PlainHTTP.Answer?) {
            self.answer = answer
            semaphore.signal()
        }
        func wait() -> PlainHTTP.Answer? { semaphore.wait(timeout: .now() + 20) == .success ? answer : nil }
    }

    @Test func servingNeedsSomethingToServe() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        func serve(_ script: String, _ flags: [String] = []) throws -> Repository.Result {
            try scratch.write("a.slu", script)
            return try Repository.run(
                try Repository.program, ["run", "--http", "0"] + flags + ["a.slu"],
                environment: Repository.offlineEnvironment, folder: scratch.folder)
        }
        let worker = "(defchannel :in) (defn f [_ m] m) (defworker :w {:in :in :worker-fn f})"
        let nothing = try serve(worker)
        #expect(nothing.code == 2 && nothing.error.contains("no worker has :expose? true"), "\(nothing.error)")
        let noGraph = try serve("(+ 1 2)")
        #expect(noGraph.code == 2 && noGraph.error.contains("the script declares none"), "\(noGraph.error)")
        let once = try serve(worker, ["--once"])
        #expect(once.code == 2 && once.error.contains("--once does not"), "\(once.error)")
    }
}
