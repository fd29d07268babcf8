import Engine
import Machine
import Reader
import Sluice
import Testing
import Values

/// G3: declaring again while the system runs.
@Suite struct LiveChangeTests {
    private final class Output: @unchecked Sendable {
        // Sendable: `lock` guards the text.
        private let lock = Lock()
        private var written = ""
        func write(_ bytes: UnsafeBufferPointer<UInt8>) {
            let text = String(decoding: bytes, as: UTF8.self)
            lock.withLock { written += text }
        }
        var text: String { lock.withLock { written } }
    }

    /// Runs a script's graph to its end, on threads or under a seed. What `result` gives then, printed, and what was said.
    private func run(
        _ text: String, _ result: String, seed: UInt64?, memory: Int64? = nil
    ) throws -> (value: String, said: String) {
        var options = SessionOptions(grants: Capabilities(workingDirectory: "/"))
        options.seed = seed
        if let memory { options.limits.memory = memory }
        let output = Output()
        options.errorOutput = { output.write($0) }
        let session = Session(options)
        defer { session.shutDown() }
        _ = try session.evaluate(Source(name: "live.slu", bytes: Array(text.utf8))).get()
        let run = try Run(session, once: true)
        run.run()
        let value = try session.evaluate("(pr-str \(result))").get()
        return (value.stringValue ?? "", output.text)
    }

    /// A burst through a worker and its channel, both of which are replaced all the time, by the one who sends.
    private static let changing = """
        (ns live (:require [clojure.core.async :as a]))
        (def handled (atom []))
        (defn handle [_ n] (swap! handled conj n) nil)
        (defchannel :in {:buffer 2})
        (defchannel :other)
        (defworker :handler {:in :in :worker-fn handle})
        (defworker :other {:in :other :worker-fn handle})
        (defworker :sender {:kind :ticker}
          [{:keys [channels]} _]
          (dotimes [n 400]
            (a/>! (:in channels) n)
            (case (mod n 8)
              0 (defworker :handler {:in :in :parallel (inc (mod n 3))} [_ n] (handle nil n))
              1 (defchannel :in {:buffer (mod n 5)})
              2 (defworker :handler {:in :in :dispatch (if (even? (quot n 8)) :thread :go)} [_ n] (handle nil n))
              3 (do (defworker :handler {:in :other} [_ n] (handle nil n))
                    (a/>! (:other channels) (+ 1000 n))
                    (defworker :handler {:in :in :worker-fn handle}))
              nil))
          nil)
        """

    private static let everything = """
        (let [got (sort @handled)]
          (= got (sort (concat (range 400) (map (fn [n] (+ 1000 n)) (filter (fn [n] (= 3 (mod n 8))) (range 400)))))))
        """

    @Test(arguments: 1...6) func underASeedEveryMessageIsHandledOnce(_ seed: Int) throws {
        #expect(try run(Self.changing, Self.everything, seed: UInt64(seed)).value == "true")
    }

    @Test func onThreadsEveryMessageIsHandledOnce() throws {
        for _ in 0..<5 {
            let found = try run(Self.changing, "[\(Self.everything) (count @handled)]", seed: nil)
            #expect(found.value == "[true 450]")
        }
    }

    @Test func saysWhatChanged() throws {
        let text = """
            (ns live (:require [clojure.core.async :as a]))
            (def results (atom []))
            (defchannel :in {:buffer 1})
            (defchannel :out {:buffer 9})
            (defworker :double {:in :in :output-chan :out} [_ n] (* 2 n))
            (defworker :keep {:in :out} [_ n] (swap! results conj n) nil)
            (defworker :sender {:kind :ticker}
              [{:keys [channels]} _]
              (let [send (fn [n] (a/>! (:in channels) n) (a/<! (a/timeout 5)))]
                (send 1)
                (defworker :double {:in :in :output-chan :out} [_ n] (* 100 n))
                (send 2)
                (defchannel :in {:buffer 4})
                (defworker :double {:in :in :output-chan :elsewhere} [_ n] n)
                (send 3)
                (defchannel :elsewhere {:buffer 1})
                (defworker :keep {:in :elsewhere} [_ n] (swap! results conj [:kept n]) nil)
                (send 4))
              nil)
            """
        let found = try run(text, "@results", seed: 3)
        // A graph that could not start is not applied, until a declaration makes it whole.
        #expect(found.value == "[2 200 300 [:kept 4]]")
        let said = found.said.split(separator: "\n").map(String.init)
        #expect(
            said.contains {
                $0.hasPrefix("[INFO] worker :double: ") && $0.contains("the function of :worker-fn is new")
            })
        #expect(said.contains("[INFO] channel :in: :buffer 1 → 4"))
        #expect(said.contains { $0.hasPrefix("[WARN] not changed yet: ") && $0.contains(":elsewhere") })
        #expect(said.contains("[INFO] channel :elsewhere is new"))
        #expect(said.contains { $0.hasPrefix("[INFO] worker :keep: :in :out → :elsewhere") })
    }

    /// Nothing that is declared between the plan and the first message is forgotten.
    @Test func whatIsDeclaredWhileItStartsRuns() throws {
        var options = SessionOptions(grants: Capabilities(workingDirectory: "/"))
        options.seed = 1
        let output = Output()
        options.errorOutput = { output.write($0) }
        let session = Session(options)
        defer { session.shutDown() }
        func evaluate(_ text: String) throws -> Value {
            try session.evaluate(Source(name: "live.slu", bytes: Array(text.utf8))).get()
        }
        _ = try evaluate(
            """
            (def seen (atom []))
            (defchannel :in {:buffer 1})
            (defworker :w {:in :in} [_ n] (swap! seen conj [:old n]) nil)
            (defworker :sender {:kind :ticker :output-chan :in} [_ n] n)
            """)
        let run = try Run(session, once: true)
        _ = try evaluate("(defworker :w {:in :in} [_ n] (swap! seen conj [:new n]) nil)")
        run.run()
        #expect(try evaluate("(pr-str @seen)").stringValue == "[[:new 0]]")
        #expect(output.text.contains("[INFO]"), "it is told, too: \(output.text)")
    }

    @Test func aWorkerReplacesItself() throws {
        let text = """
            (ns live (:require [clojure.core.async :as a]))
            (def results (atom []))
            (defchannel :in {:buffer 5})
            (defworker :self {:in :in}
              [_ n]
              (defworker :self {:in :in :parallel 2} [_ n] (swap! results conj [:new n]) nil)
              (swap! results conj [:old n])
              nil)
            (defworker :sender {:kind :ticker} [{:keys [channels]} _] (dotimes [n 3] (a/>! (:in channels) n)) nil)
            """
        #expect(try run(text, "(set @results)", seed: 2).value == "#{[:old 0] [:new 1] [:new 2]}")
    }

    // Nodes that are taken back: the channel closes, the worker ends after its message.
    @Test func whatIsRemovedEnds() throws {
        let text = """
            (ns live (:require [clojure.core.async :as a] [sluice.graph :as graph]))
            (def results (atom []))
            (defchannel :in {:buffer 5})
            (defworker :one {:in :in} [_ n] (swap! results conj n) nil)
            (defworker :sender {:kind :ticker}
              [{:keys [channels]} _]
              (a/>! (:in channels) 1)
              (a/<! (a/timeout 5))
              (graph/remove! :worker :one)
              (a/>! (:in channels) 2)
              (a/<! (a/timeout 5))
              (graph/remove! :channel :in)
              (swap! results conj [:put (a/>! (:in channels) 3)] [:held (a/<! (:in channels))])
              nil)
            """
        let found = try run(text, "@results", seed: 2)
        #expect(found.value == "[1 [:put false] [:held 2]]")
        #expect(found.said.contains("[INFO] worker :one is removed\n"))
        #expect(found.said.contains("[INFO] channel :in is removed\n"))
    }

    // What served a worker before goes when it has finished: each of these fibers has grown a stack of some hundred kilobytes.
    @Test func whatWasReplacedIsLetGo() throws {
        let text = """
            (ns live (:require [clojure.core.async :as a]))
            (def handled (atom 0))
            (defn deep [n] (if (zero? n) 0 (inc (deep (dec n)))))
            (defn handle [_ n] (deep 4000) (swap! handled inc) nil)
            (defchannel :in)
            (defworker :handler {:in :in :worker-fn handle})
            (defworker :sender {:kind :ticker}
              [{:keys [channels]} _]
              (dotimes [n 300]
                (a/>! (:in channels) n)
                (defworker :handler {:in :in :parallel (inc (mod n 2)) :worker-fn handle}))
              nil)
            """
        // On threads: under a seed they ended before they had waited.
        #expect(try run(text, "@handled", seed: nil, memory: 16 << 20).value == "300")
    }
}
