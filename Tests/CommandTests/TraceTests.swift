import Engine
import Foundation
import Testing
import Values

@testable import Command

/// `--trace` and `sluice trace`, on a script in which effects wait, are deduplicated, skipped and cancelled, and fail.
@Suite struct TraceTests {
    private static let script = """
        (ns night)
        (configure {:effects {:limits {:time/sleep 1}}})
        (defn fetch [ms] (time/sleep ms) :fetched)
        (defeffect :shop/ask "" {:params {}} [_] (throw (ex-info "the shop is closed" {:code "closed"})))
        (defmeta :bills {:group :bill, :depends-on [:ask]})
        (defn call [id effect] (assoc effect :effect/id id))
        (perform-all
         [(call "pages" (run fetch 30 {:group :fetch}))
          (call "more pages" (run fetch 1 {:group :fetch}))
          (call "store" (run inc 1 {:group :store, :depends-on [:fetch]}))
          (call "ask" (effect :shop/ask {}
                              {:group :ask, :retry {:max 2, :backoff {:base-ms 10, :jitter false}, :on [:closed]}}))
          (call "order" (run inc 1 {:group :order, :depends-on [:ask], :on-dep-failure :skip}))
          (call "bill" (run inc 1 :bills))
          (call :one (run inc 1 {:group :k, :idempotency-key :k}))
          (call :two (run inc 1 {:group :k, :idempotency-key :k}))])
        (submit! (call [:search 1] (run (fn [_] (clojure.core.async/<! (clojure.core.async/chan))) 0 {:group :search})))
        (perform (call [:search 2] (run inc 1 {:cancels [:search]})))
        (perform-all [(call "first" (effect :time/sleep {:ms 20} {:mode :parallel}))
                      (call "second" (effect :time/sleep {:ms 10} {:mode :parallel}))])
        """

    private func run(_ folder: ScratchFolder, _ change: (inout RunRequest) -> Void = { _ in }) -> (Int32, Screen) {
        let screen = Screen()
        var request = RunRequest(.file(folder.path("night.slu")))
        request.schedule = .virtual(seed: 0)
        request.trace = folder.path("night.trace")
        change(&request)
        let control = RunControl(screen.console(json: request.json))
        return (SessionDriver().run(request, control), screen)
    }

    private func trace(_ path: String, _ id: String? = nil, json: Bool = false) -> (code: Int32, screen: Screen) {
        let screen = Screen()
        let request = TraceRequest(path: path, id: id, json: json)
        return (SessionDriver().trace(request, screen.console(json: json)), screen)
    }

    /// The simulated clock stands while effects run, so times are those that the script asks for.
    @Test func tellsWhyOfEach() throws {
        let folder = try ScratchFolder(["night.slu": Self.script])
        let (code, screen) = run(folder)
        #expect(code == 0, "\(screen.error)")
        let path = folder.path("night.trace")
        func expect(_ id: String, _ lines: [String], _ place: SourceLocation = #_sourceLocation) {
            let told = trace(path, id)
            #expect(told.code == 0 && told.screen.error == "", sourceLocation: place)
            #expect(told.screen.output == lines.map { $0 + "\n" }.joined(), sourceLocation: place)
        }
        expect(
            "store",
            [
                "\"store\" (:run in the group :store) is done, after 0 ms and 1 attempt.",
                "It waited 31 ms for the group :fetch (2 to go: \"pages\", \"more pages\"); the last of them to end was \"more pages\", done after 1 ms.",
            ])
        expect(
            "more pages",
            [
                "\"more pages\" (:run in the group :fetch) is done, after 1 ms and 1 attempt.",
                "It waited 30 ms for its turn in the group :fetch, behind \"pages\".",
            ])
        let ask = [
            "\"ask\" (:shop/ask in the group :ask) failed after 3 attempts: the shop is closed.",
            "It was thrown at \(folder.path("night.slu")):4:42.",
            "Attempt 1 failed after 0 ms: the shop is closed (closed); the next was put off by 10 ms.",
            "Attempt 2 failed after 0 ms: the shop is closed (closed); the next was put off by 20 ms.",
        ]
        expect("ask", ask)
        let wait = "It waited 30 ms for the group :ask (1 to go: \"ask\")."
        let cause = "\"ask\" of the group :ask failed (the shop is closed)."
        expect("order", ["\"order\" (:run in the group :order) was skipped: \(cause)", wait] + ask)
        // The name of a defmeta stands for its map.
        expect("bill", ["\"bill\" (:run in the group :bill) failed: dependency failed: \(cause)", wait] + ask)
        let one = ":one (:run in the group :k) is done, after 0 ms and 1 attempt."
        expect(
            ":two",
            [
                ":two (:run in the group :k) was deduplicated: :one stands for it, which has the same idempotency key :k.",
                one,
            ])
        expect(":one", [one, "It stands for :two too, which was deduplicated."])
        expect(
            "[:search 1]",
            [
                "[:search 1] (:run in the group :search) was cancelled: superseded by [:search 2].",
                "It had been running for 0 ms.", "[:search 2] (:run) names the group :search in its :cancels.",
            ])
        expect(
            "second",
            [
                "\"second\" (:time/sleep) is done, after 10 ms and 1 attempt.",
                "It waited 20 ms for a free slot: 1 of :time/sleep ran (\"first\"), and its limit was 1.",
            ])
    }

    @Test func showsAllThatHappened() throws {
        let folder = try ScratchFolder(["night.slu": Self.script])
        #expect(run(folder).0 == 0)
        let shown = trace(folder.path("night.trace"))
        #expect(shown.code == 0 && shown.screen.error == "")
        let lines = shown.screen.output.split(separator: "\n").map(String.init)
        // Two of `fetch` sleep, each an effect of its own; one sleeps at a time: 30, 1, 20 and 10 ms.
        #expect(lines.first == "14 effects in 61 ms: 9 done, 2 failed, 1 cancelled, 1 skipped, 1 deduplicated")
        #expect(
            lines.contains {
                $0.hasSuffix(
                    "skipped                 :run \"order\" of :order, waited 30 ms: \"ask\" of the group :ask failed (the shop is closed)"
                )
            })
        #expect(lines.contains { $0.hasSuffix("deduplicated            :run :two of :k, for which :one stands") })
        // What an effect began stands below it, further in.
        let pages = try #require(lines.firstIndex { $0.hasSuffix(":run \"pages\" of :fetch") })
        #expect(lines[pages].hasPrefix("      +0 ms  done             30 ms"))
        #expect(lines[pages + 1].hasPrefix("        +0 ms  done             30 ms  :time/sleep effect:0"))
    }

    @Test func jsonIsOneObjectALine() throws {
        let folder = try ScratchFolder(["night.slu": Self.script])
        // The trace is the same whatever is printed.
        #expect(run(folder) { $0.json = true }.0 == 0)
        let path = folder.path("night.trace")
        func object(_ line: Substring) throws -> [String: Any] {
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
        let lines = try trace(path, json: true).screen.output.split(separator: "\n").map(object)
        #expect(lines.count == 15 && lines.dropLast().allSatisfy { $0["type"] as? String == "effect" })
        #expect(lines.last?["skipped"] as? Int == 1 && lines.last?["effects"] as? Int == 14)
        let one = try #require(
            try trace(path, "order", json: true).screen.output.split(separator: "\n").map(object).first)
        #expect(one["status"] as? String == "skipped" && one["group"] as? String == "order")
        #expect((one["why"] as? String)?.hasPrefix("\"order\" (:run in the group :order) was skipped: ") == true)
    }

    /// From the script to the sentences: processes are in the trace as effects are.
    @Test func tellsOfProcesses() throws {
        let script = """
            (ns night)
            (defn fetch [ms] (time/sleep ms) (throw (ex-info "the shop is closed" {:hour 3})))
            (process/start `fetch [20] {:id "fetcher" :session "ada"})
            (time/sleep 5)
            (process/transfer "ada" "bob" ["fetcher"])
            (try (process/await "fetcher") (catch Exception e (println (:data (ex-data e)))))
            """
        let folder = try ScratchFolder(["night.slu": script])
        let (code, screen) = run(folder)
        #expect(code == 0 && screen.all == "{:hour 3}\n")
        let path = folder.path("night.trace")
        let told = trace(path, "fetcher").screen.output.split(separator: "\n").map(String.init)
        #expect(told.count == 4)
        #expect(told.first == "The process \"fetcher\" (night/fetch) failed after 20 ms: the shop is closed.")
        #expect(told[1].hasSuffix("(:process/start) started it.") && told[3].hasPrefix("It was awaited by "))
        #expect(told[2] == "The session \"ada\" handed it on to \"bob\", after 5 ms.")
        let shown = trace(path).screen.output
        #expect(shown.hasPrefix("5 effects in 20 ms: 4 done, 1 failed; 1 process: 1 failed\n"), "\(shown)")
        let json = trace(path, json: true).screen.output
        #expect(json.contains("{\"type\":\"process\",\"id\":\"fetcher\",") && json.contains("\"processes\":1"))
    }

    @Test func anIDThatIsNotThereIsAnswered() throws {
        let folder = try ScratchFolder(["night.slu": Self.script])
        #expect(run(folder).0 == 0)
        let told = trace(folder.path("night.trace"), "oder")
        #expect(told.code == 2 && told.screen.output == "")
        #expect(told.screen.error.hasPrefix("error: the trace has no effect and no process with the id oder\n"))
        #expect(told.screen.error.hasSuffix("did you mean `order`?\n"))
    }

    @Test func filesThatAreNoTraces() throws {
        let folder = try ScratchFolder(["a.slu": "(println 1)\n", "cut": "{:sluice/trace 1}\n{:seq 1, :ts"])
        for (name, message) in [
            ("none", "the trace \(folder.path("none")) cannot be read: No such file or directory"),
            ("a.slu", "\(folder.path("a.slu")) cannot be read as a trace: it is not a trace"),
            ("", "the trace \(folder.path("")) cannot be read: Is a directory"),
        ] {
            let told = trace(folder.path(name))
            #expect(told.code == 2 && told.screen.error.hasPrefix("error: \(message)\n"), "\(told.screen.error)")
        }
        let cut = trace(folder.path("cut"))
        #expect(cut.code == 0 && cut.screen.output == "0 effects in 0 ms\n")
        #expect(
            cut.screen.error
                == "sluice: \(folder.path("cut")): the last line is cut off, as by a crash, and is left out\n")
    }

    @Test func whatCannotBeWrittenIsSaidBeforeAnythingRuns() throws {
        let folder = try ScratchFolder(["night.slu": "(println :ran)\n", "kept.txt": "mine\n"])
        let (code, screen) = run(folder) { $0.trace = folder.path("no/such/folder.trace") }
        #expect(code == 2 && screen.output == "" && screen.error.contains("cannot be written: No such file"))
        // A file named by mistake is not lost.
        let (other, says) = run(folder) { $0.trace = folder.path("kept.txt") }
        #expect(other == 2 && says.output == "" && says.error.contains("is there and is not a trace"))
        #expect(try folder.text("kept.txt") == "mine\n")
        // An older trace is written anew.
        #expect(run(folder).0 == 0 && run(folder).0 == 0)
        #expect(try folder.text("night.trace").components(separatedBy: ":sluice/trace").count == 2)
    }

    /// An effect without an id is asked for as the list writes it; what several paths end in names them all.
    @Test func whatTheListShowsIsTaken() throws {
        let script = """
            (defn page [n] (reduce + (map (fn [i] (perform (run identity i))) (range 2))))
            (perform-all [(run page 0) (run page 1)])
            """
        let folder = try ScratchFolder(["night.slu": script])
        #expect(run(folder).0 == 0)
        let path = folder.path("night.trace")
        let names = trace(path).screen.output.split(separator: "\n").compactMap {
            $0.firstMatch(of: /:run ([^ ,]+)/).map { String($0.1) }
        }
        #expect(names.count == 6)
        for name in names { #expect(trace(path, name).code == 0, "\(name)") }
        let several = trace(path, "effect:1")
        #expect(several.code == 2 && several.screen.error.contains("3 effects of the trace may be meant by effect:1"))
        #expect(several.screen.error.contains("/effect:0/effect:1, "), "\(several.screen.error)")
    }

    // U: in text and as JSON, by name and by place, in what is logged, traced and thrown.
    @Test(arguments: [false, true]) func secretsAreInNoReport(_ json: Bool) throws {
        setenv("SLUICE_TEST_TOKEN", "tok-2718281828", 1)
        let script = """
            (def key (env/get "SLUICE_TEST_TOKEN"))
            (defn made [kind n] (str kind "-" n))
            (log/warn (str "with " key)
                      {:key key, :api-key (made "k" 1)
                       :url (str "https://ada:" (made "pw" 2) "@shop.example/?page=1&token=" (made "t" 3))})
            (go (throw (ex-info (str "aside " key) {:password (made "pw" 4)})))
            (perform (run identity {:headers {"Authorization" (str "Bearer " (made "bear" 5))}}))
            (println (= key (subs (str "-" key) 1)) (:headers {:headers {"Cookie" (made "cook" 6)}}))
            (time/sleep 1)
            (throw (ex-info (str "at last " key)
                            {:cookie (made "cook" 7), :path "kept", :at (str "https://ada:" (made "pw" 8) "@shop.example")}))
            """
        let folder = try ScratchFolder(["night.slu": "(require '[clojure.core.async :refer [go]])\n" + script])
        let (code, screen) = run(folder) {
            $0.json = json
            $0.allow = ["env=SLUICE_TEST_TOKEN"]
        }
        #expect(code == 1)
        let told = screen.error + (json ? "" : try folder.text("night.trace"))
        for secret in ["2718281828", "k-1", "pw-2", "t-3", "pw-4", "bear-5", "cook-7", "pw-8"] {
            #expect(!told.contains(secret), "\(secret) in \(told)")
            #expect(!screen.output.contains(secret), "\(secret) in \(screen.output)")
        }
        #expect(told.contains("kept") && told.contains("https://ada:#<secret>@shop.example/?page=1&token=#<secret>"))
        // The script's own output is its own.
        #expect(screen.output.contains("true {Cookie cook-6}"), "\(screen.output)")
    }

    @Test func secretsStayOutOfIt() throws {  // U
        let folder = try ScratchFolder([:])
        let stream = EventStream(wallMs: { 0 })
        stream.redactor.add("sk-secret-7")
        let writer = try TraceWriter(folder.path("t"), Screen().console())
        stream.emit(.log, Identity(root: .run), .value(.string("before sk-secret-7")))
        writer.follow(stream)
        stream.emit(.log, Identity(root: .run), .value(.string("after sk-secret-7")))
        writer.finish()
        writer.finish()
        stream.emit(.log, Identity(root: .run), .value(.string("too late")))
        let lines = try folder.text("t").split(separator: "\n")
        #expect(lines.count == 3 && !lines.contains { $0.contains("sk-") || $0.contains("late") })
    }

    @Test func whatCameTooFastIsCounted() throws {
        let folder = try ScratchFolder([:])
        let stream = EventStream(wallMs: { 0 })
        let writer = try TraceWriter(folder.path("t"), Screen().console())
        writer.follow(stream, capacity: 1)
        // Without a wake nobody comes to take them before the end.
        for _ in 0..<5 { stream.append(.log, Identity(root: .run), .none) }
        writer.finish()
        let lines = try folder.text("t").split(separator: "\n")
        #expect(lines.count == 3 && lines[1] == "{:type \"events.lost\", :count 4}" && lines[2].hasPrefix("{:seq 5, "))
        #expect(
            trace(folder.path("t")).screen.error
                == "sluice: \(folder.path("t")): 4 events are missing: they came faster than they could be written\n")
    }
}
